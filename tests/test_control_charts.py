"""Rules on raw scores: by hand, by brute force, and by their published run lengths."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from nps_research.differences import nps_difference
from nps_research.metrics import nps
from nps_research.scale import RatingScale
from nps_research.tracking.control_charts import (
    RULES,
    Cusum,
    Ewma,
    Move,
    Shewhart,
    SignificantMove,
    WaveRecords,
    WesternElectric,
    alarms,
    control_chart,
    records_of,
)
from nps_research.tracking.run_lengths import average_run_length

THREE = RatingScale(1, 3, 1, 3)


class Distances(WaveRecords):
    """Records whose distances from the centre are given: no answers are needed."""

    @classmethod
    def of(cls, z, baseline=0):
        given = np.atleast_2d(np.asarray(z, dtype=float))
        records = cls(np.ones((*given.shape, 3)), THREE, baseline)
        records.__dict__["z"] = given
        return records


def three(waves):
    """A count table of detractors, passives and promoters, one row of numbers a wave."""
    counts = np.asarray(waves)
    places, scores = np.indices(counts.shape)
    rows = {"wave": places.ravel(), "score": scores.ravel() + 1, "n": counts.ravel()}
    return pd.DataFrame(rows)


@pytest.fixture
def survey():
    return three([[30, 30, 40], [20, 40, 40], [25, 35, 40], [10, 20, 70]])


def test_distances_are_measured_from_the_pooled_baseline(survey):
    chart = control_chart(survey, "wave", baseline=2, rating_scale=THREE)
    pooled = nps(survey[survey["wave"] < 2], method="wald", rating_scale=THREE).loc["all"]
    assert chart["centre"].to_numpy() == pytest.approx(np.full(4, pooled["nps"]))
    spread = pooled["se"] * np.sqrt(200)
    distance = (chart["nps"] - pooled["nps"]) / (spread * np.sqrt(1 / 100 + 1 / 200))
    np.testing.assert_allclose(chart["z"], distance)
    assert chart["n"].tolist() == [100] * 4


def test_moves_are_differences_of_neighbours(survey):
    records = records_of(survey["n"].to_numpy(dtype=float).reshape(1, 4, 3), THREE, 2)
    assert Move().statistic(records)[0].tolist() == pytest.approx([0, 10, 5, 45])
    pair = [survey[survey["wave"] == wave] for wave in (2, 3)]
    row = nps_difference(*pair, "wald", rating_scale=THREE).loc["all"]
    # The chart takes the spread of the baseline, a test that of the two waves.
    ratio = SignificantMove().statistic(records)[0, 3] / abs(row["z"])
    assert ratio == pytest.approx(row["se"] / (records.spread[0] * np.sqrt(2 / 100)))


def test_a_move_of_exactly_the_limit_is_an_alarm():
    records = records_of(np.array([[[3.0, 4, 3], [300, 370, 330], [2.0, 4, 4]]]), THREE, 1)
    moved = Move(records.steps[0, 1] + 1e-12)
    assert alarms(moved, records)[0].tolist() == [False, True, True]


def test_the_baseline_raises_no_alarms():
    assert alarms(Shewhart(), Distances.of([9.0, 9.0, 0.0, 9.0], baseline=2))[0].tolist() == [
        *(False, False, False, True)
    ]


@pytest.mark.parametrize(
    ("z", "alarmed"),
    [
        ([0, 3.0], True),
        ([0, 2.9], False),
        ([2.1, 0, 2.1], True),
        ([2.1, 0, -2.1], False),
        ([2.1, 2.1], True),
        ([2.1, 0, 0, 2.1], False),
        ([1.1, 1.1, 0, 1.1, 1.1], True),
        ([-1.1, -1.1, -1.1, 0, 0, -1.1], False),
        ([-1.1, -1.1, -1.1, 0, -1.1], True),
        ([0.1] * 8, True),
        ([0.1] * 7, False),
        ([-0.1] * 4 + [0.1] * 4, False),
        ([-0.1] * 8, True),
    ],
)
def test_western_electric_rules(z, alarmed):
    assert alarms(WesternElectric(), Distances.of(z))[0, -1] == alarmed


def test_western_electric_runs_have_their_published_length():
    # Champ and Woodall 1987, "Exact Results for Shewhart Control Charts with Supplementary Runs
    # Rules": 91.75 for these four rules.
    z = np.random.default_rng(1).standard_normal((4000, 600))
    raised = alarms(WesternElectric(), Distances.of(z))
    assert raised.any(axis=1).mean() > 0.99
    first = np.where(raised.any(axis=1), raised.argmax(axis=1) + 1.0, 600.0)
    # Runs of 600 waves cut 0.13 % of the mean off.
    assert first.mean() == pytest.approx(91.75 * (1 - np.exp(-600 / 91.75)), abs=4 * 90 / 63)


@pytest.mark.parametrize("rule", [Cusum(limit=2.0), Ewma(limit=1.6, weight=0.4)])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_simulated_run_lengths_are_the_exact_ones(rule, shift):
    z = shift + np.random.default_rng(2).standard_normal((20_000, 250))
    raised = alarms(rule, Distances.of(z))
    first = np.where(raised.any(axis=1), raised.argmax(axis=1) + 1.0, 250.0)
    # The first limits of the weighted mean are closer than those of the equation.
    tolerance = 0.12 if isinstance(rule, Ewma) else 0.03
    assert first.mean() == pytest.approx(average_run_length(rule, shift), rel=tolerance)


def test_cumulative_sums_by_hand():
    rule = Cusum(allowance=0.5)
    z = [1.0, 2.0, -1.0, -3.0]
    assert rule.statistic(Distances.of(z))[0].tolist() == pytest.approx([0.5, 2.0, 0.5, 3.0])


def test_weighted_means_by_hand():
    found = Ewma(weight=0.2).statistic(Distances.of([2.0, -1.0, 4.0]))[0]
    mean, variance = 0.0, 0.0
    for z, one in zip([2.0, -1.0, 4.0], found, strict=True):
        mean, variance = 0.8 * mean + 0.2 * z, 0.64 * variance + 0.04
        assert one == pytest.approx(abs(mean) / np.sqrt(variance))


def test_rules_begin_after_the_baseline():
    z = [9.0, 9.0, 1.0]
    for rule in (Cusum(), Ewma(), WesternElectric()):
        after = rule.statistic(Distances.of(z, baseline=2))[0, -1]
        assert after == pytest.approx(rule.statistic(Distances.of([1.0]))[0, 0])


def test_waves_without_answers_raise_no_alarm_and_are_passed_over(survey):
    gap = survey.copy()
    gap.loc[gap["wave"] == 2, "n"] = 0
    chart = control_chart(gap, "wave", baseline=2, rating_scale=THREE)
    assert not chart.loc[2, list(RULES)].any()
    assert np.isnan(chart.loc[2, "nps"])
    records = records_of(gap["n"].to_numpy(dtype=float).reshape(1, 4, 3), THREE, 2)
    assert records.steps[0, 3] == pytest.approx(60 - 20)
    without = records_of(np.delete(records.answers, 2, axis=1), THREE, 2)
    for rule in (Cusum(), Ewma()):
        assert rule.statistic(records)[0, 3] == pytest.approx(rule.statistic(without)[0, 2])


def test_replicates_do_not_mix(survey):
    one = survey["n"].to_numpy(dtype=float).reshape(1, 4, 3)
    other = one[:, ::-1]
    both = records_of(np.concatenate([one, other]), THREE, 1)
    for rule in RULES.values():
        apart = [rule.statistic(records_of(each, THREE, 1)) for each in (one, other)]
        np.testing.assert_allclose(rule.statistic(both), np.concatenate(apart))


def test_larger_limits_raise_fewer_alarms():
    records = Distances.of(np.random.default_rng(3).standard_normal((500, 40)))
    for kind in (Shewhart, Cusum, Ewma, WesternElectric):
        shares = [alarms(kind(limit), records).mean() for limit in (0.5, 1.0, 2.0, 3.0)]
        assert all(before >= after for before, after in pairwise(shares))


def test_rows_are_in_order_of_time(survey):
    named = survey.assign(wave=survey["wave"].map({0: "9", 1: "10", 2: "11", 3: "12"}))
    chart = control_chart(named, "wave", baseline=2, rating_scale=THREE)
    assert chart.index.tolist() == ["9", "10", "11", "12"]


@pytest.mark.parametrize("baseline", [0, 4, 1.5, True])
def test_baselines_that_leave_nothing_to_watch_are_refused(survey, baseline):
    with pytest.raises(ValueError, match="baseline must be a number of waves"):
        control_chart(survey, "wave", baseline=baseline, rating_scale=THREE)


def test_baselines_without_answers_or_spread_are_refused(survey):
    for n, problem in ((0, "nobody answered in the first 1"), (5, "all 5 answers of the first 1")):
        flat = survey.copy()
        flat.loc[flat["wave"] == 0, "n"] = [0, 0, n]
        with pytest.raises(ValueError, match=problem):
            control_chart(flat, "wave", baseline=1, rating_scale=THREE)
