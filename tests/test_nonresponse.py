"""Bounds for everybody from those who answered: closed forms, many worlds, and failures."""

import numpy as np
import pandas as pd
import pytest

from nps_research.scale import RatingScale
from nps_research.silence.nonresponse import (
    nps_bounds,
    nps_if_silence_depends,
    selection_bias,
    tilted,
    tipping_point,
)

VALUES = 100 * RatingScale().nps_values
COUNTS = pd.DataFrame({"score": [3, 8, 10, None], "n": [30, 80, 190, 700]})
GROUPS = pd.concat([COUNTS.assign(year=2017), COUNTS.assign(year=2018, n=[5, 5, 10, 20])])
WORLDS = range(60)


def world(number, people=3000):
    """Any distribution, answered by any score with any probability: truth and count table."""
    generator = np.random.default_rng(number)
    shares = generator.dirichlet(np.full(11, 0.7))
    chance = generator.beta(0.5, 0.8, 11).clip(0.02, 0.98)
    n = generator.multinomial(people, shares)
    answered = generator.binomial(n, chance)
    scores = pd.array([*range(11), None], dtype="Int64")
    counts = pd.DataFrame({"score": scores, "n": [*answered, people - answered.sum()]})
    parts = answered, n - answered
    nps = [float(each @ VALUES / max(each.sum(), 1)) for each in parts]
    return counts, float(n @ VALUES / people), nps


def test_worst_case_is_the_score_with_the_silent_at_either_end():
    row = nps_bounds(COUNTS).loc["all"]
    assert row["lower"] == pytest.approx(100 * (190 - 30 - 700) / 1000)
    assert row["upper"] == pytest.approx(100 * (190 - 30 + 700) / 1000)
    assert row["lower_limit"] < row["lower"] < row["upper"] < row["upper_limit"]


def test_programme_with_45_percent_and_a_score_of_81():
    counts = pd.DataFrame({"score": [0, 7, 10, None], "n": [30, 795, 3675, 5500]})
    row = nps_bounds(counts).loc["all"]
    assert row[["lower", "upper"]].tolist() == pytest.approx([0.45 * 81 - 55, 0.45 * 81 + 55])


@pytest.mark.parametrize("number", WORLDS)
def test_worst_case_holds_the_truth_in_every_world(number):
    counts, truth, _ = world(number)
    row = nps_bounds(counts).loc["all"]
    assert row["lower"] <= truth + 1e-9
    assert truth <= row["upper"] + 1e-9


@pytest.mark.parametrize("number", WORLDS)
def test_narrower_bounds_hold_the_truth_where_their_assumption_holds(number):
    counts, truth, (answered, silent) = world(number)
    below, above = max(answered - silent, 0), max(silent - answered, 0)
    row = nps_bounds(counts, below=below, above=above).loc["all"]
    assert row["lower"] <= truth + 1e-9
    assert truth <= row["upper"] + 1e-9


def test_narrower_bounds_fail_where_their_assumption_fails():
    found = [
        (nps_bounds(counts, below=5, above=5), truth) for counts, truth, _ in map(world, WORLDS)
    ]
    missed = [not row["lower"].iloc[0] <= truth <= row["upper"].iloc[0] for row, truth in found]
    assert np.mean(missed) > 0.5


def test_silent_who_are_no_happier_leave_the_score_as_ceiling():
    row = nps_bounds(COUNTS, above=0).loc["all"]
    assert row["upper"] == row["nps"]
    assert row["lower"] == nps_bounds(COUNTS).loc["all", "lower"]


def test_limits_cover_an_end_of_the_bounds_at_their_level():
    generator = np.random.default_rng(5)
    chance = np.array([0.1, 0.1, 0.2, 0.6])  # detractor, passive, promoter, silent
    lowest = 100 * (0.2 - 0.1 - 0.6)
    scores = {"score": [3, 8, 10, None]}
    inside = [
        nps_bounds(pd.DataFrame(scores | {"n": generator.multinomial(400, chance)}), level=0.9)
        .loc["all", "lower_limit"]
        .item()
        <= lowest
        for _ in range(600)
    ]
    # Far from the other end the interval is one-sided at its level.
    assert np.mean(inside) == pytest.approx(0.9, abs=0.04)


def test_without_silence_bounds_are_the_interval_of_the_score():
    row = nps_bounds(COUNTS.dropna()).loc["all"]
    assert row["lower"] == row["upper"] == row["nps"]
    assert row["response_rate"] == 1


def test_standard_error_at_the_tipping_point_agrees_with_simulation():
    generator = np.random.default_rng(6)
    sizes = generator.multinomial(1000, COUNTS["n"] / 1000, 20_000)
    rate = sizes[:, :3].sum(axis=1) / 1000
    nps = 100 * (sizes[:, 2] - sizes[:, 0]) / sizes[:, :3].sum(axis=1)
    needed = (20 - rate * nps) / (1 - rate)
    row = tipping_point(COUNTS, 20).loc["all"]
    assert row["silent"] == pytest.approx((20 - 0.3 * row["nps"]) / 0.7)
    assert row["se"] == pytest.approx(needed.std(), rel=0.03)


def test_tilt_of_the_tipping_point_gives_the_total():
    table = tipping_point(GROUPS, 20, by="year")
    for year, row in table.iterrows():
        rows = GROUPS[GROUPS["year"] == year]
        found = nps_if_silence_depends(rows, [row["odds_ratio"]])
        assert found["nps"].iloc[0] == pytest.approx(20, abs=1e-6)


def test_total_out_of_reach_is_said_to_be():
    row = tipping_point(COUNTS, 95).loc["all"]
    assert not row["possible"]
    assert np.isnan(row["odds_ratio"])


def test_silence_by_a_logit_in_the_score_is_exactly_a_tilt():
    shares = np.random.default_rng(7).dirichlet(np.ones(11))
    odds = np.exp(0.4 - 0.3 * np.arange(11))
    silent, answered = shares * odds / (1 + odds), shares / (1 + odds)
    answered /= answered.sum()
    np.testing.assert_allclose(tilted(answered, -0.3), silent / silent.sum())


def test_bias_is_the_product_of_meng():
    shares = np.random.default_rng(8).dirichlet(np.ones(11))
    rates = np.linspace(0.2, 0.5, 11)
    found = selection_bias(shares, rates)
    rate = found["response_rate"]
    factor = np.sqrt((1 - rate) / rate) * found["sd"]
    assert found["bias"] == pytest.approx(found["correlation"] * factor)
    assert found["bias"] == pytest.approx(shares * rates @ VALUES / rate - shares @ VALUES)


def test_answers_at_random_have_no_bias_whatever_the_rate():
    shares = np.random.default_rng(9).dirichlet(np.ones(11))
    for rate in (0.02, 0.35, 1.0):
        found = selection_bias(shares, np.full(11, rate), customers=1000)
        assert found["bias"] == pytest.approx(0, abs=1e-10)
        assert found["n_effective"] == pytest.approx(1000 * rate)


def test_effective_answers_have_the_mean_squared_error_of_the_survey():
    generator = np.random.default_rng(10)
    shares, rates = generator.dirichlet(np.ones(11)), np.linspace(0.3, 0.4, 11)
    found = selection_bias(shares, rates, customers=2000)
    answered = generator.multinomial(2000, [*(shares * rates), 1 - shares @ rates], 20_000)[:, :-1]
    error = answered @ VALUES / answered.sum(axis=1) - found["everybody"]
    assert found["sd"] ** 2 / found["n_effective"] == pytest.approx((error**2).mean(), rel=0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nps_bounds(COUNTS, below=-3), "below is a number of points.*found -3"),
        (lambda: tipping_point(COUNTS, 120), "found total=120"),
        (lambda: nps_if_silence_depends(COUNTS, [0.0]), "odds ratios are positive"),
        (lambda: selection_bias(np.full(11, 1 / 11), np.full(11, 1.2)), "found 1.2"),
        (lambda: selection_bias(np.full(10, 0.1), np.full(11, 0.2)), r"found shape \(10,\)"),
        (lambda: selection_bias(np.full(11, 1 / 11), np.zeros(11)), "response rate of 0"),
    ],
)
def test_unusable_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_group_in_which_nobody_answered_is_named():
    silent = pd.DataFrame({"year": [2019], "score": [None], "n": [50]})
    with pytest.raises(ValueError, match="group 2019"):
        nps_bounds(pd.concat([GROUPS, silent]), by="year")
