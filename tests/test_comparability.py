import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from nps_research.counts import random_split
from nps_research.datasets import load_counts
from nps_research.differences import nps_difference
from nps_research.drivers.comparability import (
    LOGISTIC_SD,
    anchored_difference,
    reporting_bounds,
    score_probabilities,
    simulated_counts,
    threshold_test,
    tipping_shifts,
)
from nps_research.drivers.contrasts import adjusted_contrasts, contrasts, typical_size
from nps_research.ordinal.model import OrdinalModel
from nps_research.scale import RatingScale

AIRPORT = load_counts("sfo_airport")
CUTS = np.array([-4.5, -4, -3.5, -3.2, -3, -2.2, -1.7, -1.0, 0.1, 0.9])
VALUES = 100 * RatingScale().nps_values


def world(n, *, seed=None, **shifts):
    """Answers of two groups, of which the second has moved: expected, or drawn with a seed."""
    if seed is not None:
        return simulated_counts(CUTS, n, random_seed=seed, **shifts)
    shares = [score_probabilities(CUTS), score_probabilities(CUTS, **shifts)]
    counts = np.round(n * np.array(shares)).astype(int).ravel()
    groups = np.repeat(["a", "b"], 11)
    return pd.DataFrame({"group": groups, "score": [*range(11)] * 2, "n": counts})


@pytest.mark.parametrize("shift", [-0.8, 0.3, 2.0])
def test_people_who_moved_answer_like_people_whose_thresholds_moved(shift):
    real, reported = (score_probabilities(CUTS, **{kind: shift}) for kind in ("real", "reporting"))
    assert (real == reported).all()
    cancelled = score_probabilities(CUTS, real=shift, reporting=-shift)
    assert (cancelled == score_probabilities(CUTS)).all()


def test_both_worlds_have_the_same_likelihood():
    tables = [world(100_000, real=0.3), world(100_000, reporting=0.3)]
    fits = [OrdinalModel("score ~ group", table).maximum_likelihood() for table in tables]
    assert fits[0].log_likelihood == fits[1].log_likelihood
    estimates = [fit.estimates.loc["group[b]", "estimate"] for fit in fits]
    assert estimates == pytest.approx([0.3 * LOGISTIC_SD] * 2, abs=0.001)


@pytest.mark.parametrize(("real", "reporting"), [(0.2, 0.2), (0.2, -0.2), (0.0, 0.15), (-0.3, 0.1)])
def test_bounds_contain_the_real_difference(real, reporting):
    table = reporting_bounds(
        world(50_000, real=real, reporting=reporting), "group", "a", [0.0, 0.2], random_seed=1
    )
    truth = (score_probabilities(CUTS, real=real) - score_probabilities(CUTS)) @ VALUES
    row = table.loc[("b", 0.2)]
    assert row["lower"] < truth < row["upper"]
    naive = table.loc[("b", 0.0)]
    assert not naive["lower"] < truth < naive["upper"]


def test_bounds_fail_where_thresholds_moved_further_than_allowed():
    table = reporting_bounds(world(50_000, reporting=0.5), "group", "a", [0.2], random_seed=1)
    assert table.loc[("b", 0.2), "lower"] > 0  # nothing real, yet all bounds are above 0


def test_bounds_without_a_shift_are_the_difference_as_answered():
    table = reporting_bounds(AIRPORT, "year", "2017", [0.0], random_seed=1)
    years = [AIRPORT[AIRPORT["year"] == year] for year in ("2017", "2018")]
    row, expected = table.loc[("2018", 0.0)], nps_difference(*years).loc["all"]
    for name in ("difference", "lower", "upper"):
        assert row[name] == pytest.approx(expected[name], abs=0.3)
    assert row["least"] == row["most"] == row["difference"]


def test_tipping_shift_is_the_shift_of_the_latent_scale():
    table = tipping_shifts(world(200_000, real=0.3), "group", "a", random_seed=1)
    assert table.loc["b", "shift"] == pytest.approx(0.3, abs=0.01)
    assert table.loc["b", "lower"] < 0.3 < table.loc["b", "upper"]


def test_thresholds_that_move_together_are_not_found():
    p_values = [
        threshold_test(
            world(800, seed=seed, reporting=0.4), "group", replicates=19, random_seed=1
        ).p_value
        for seed in range(12)
    ]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01
    assert sum(p <= 0.05 for p in p_values) <= 3


def test_thresholds_that_move_apart_are_found():
    table = world(2000)
    eight = table.index[(table["group"] == "b") & (table["score"] == 8)][0]
    moved = table.loc[eight, "n"] // 3
    table.loc[[eight - 1, eight], "n"] += [moved, -moved]
    found = threshold_test(table, "group", replicates=19, random_seed=1)
    assert found.p_value == 0.05
    assert found.degrees_of_freedom == 9


def test_threshold_statistic_is_the_likelihood_ratio():
    halves = random_split(AIRPORT, random_seed=1)
    found = threshold_test(halves, "lot", replicates=1, random_seed=1)
    n = halves.groupby(["lot", "score"])["n"].sum().unstack().to_numpy(dtype=float)
    own = special.xlogy(n, n / n.sum(axis=1, keepdims=True)).sum()
    shared = OrdinalModel("score ~ lot", halves).maximum_likelihood().log_likelihood
    assert found.statistic == pytest.approx(2 * (own - shared), abs=1e-6)


def test_an_anchor_takes_reporting_off():
    score = world(40_000, seed=3, real=0.3, reporting=0.4)
    anchor = world(40_000, seed=4, reporting=0.4)
    table = anchored_difference(score, anchor, "group")
    assert table.loc["score", "lower"] > 0.6
    assert table.loc["real", "lower"] < 0.3 < table.loc["real", "upper"]
    width = table["upper"] - table["lower"]
    assert width["real"] == pytest.approx(np.hypot(width["score"], width["anchor"]))


def test_an_anchor_needs_two_groups():
    with pytest.raises(ValueError, match="compares two groups; 'language' has 4"):
        anchored_difference(AIRPORT, AIRPORT, "language")


def test_contrasts_are_nps_differences():
    table = contrasts(AIRPORT, "problem", "no", "year")
    parts = [
        AIRPORT[(AIRPORT["year"] == "2018") & (AIRPORT["problem"] == kind)]
        for kind in ("no", "yes")
    ]
    expected = nps_difference(*parts).loc["all"]
    row = table.loc[("2018", "yes")]
    for name in ("difference", "lower", "upper", "se"):
        assert row[name] == pytest.approx(expected[name])
    assert row["n_reference"] == expected["n_first"]


def test_contrasts_leave_out_groups_without_the_reference():
    community = load_counts("r_community")
    table = contrasts(community, "language", "English", "year")
    assert table.index.tolist() == [("2018", "Spanish"), ("2019", "Spanish")]


def test_holding_nothing_else_changes_nothing():
    fit = OrdinalModel("score ~ problem", AIRPORT).fit(random_seed=1, method="laplace")
    table = adjusted_contrasts(fit, {"problem": "no"})
    assert table["held"].to_numpy() == pytest.approx(table["raw"].to_numpy())
    observed = contrasts(AIRPORT, "problem", "no")["difference"]
    assert table.loc["problem", "held"].to_numpy() == pytest.approx(observed.to_numpy(), abs=5)


def test_a_mixed_gap_goes_away_when_held():
    parts = {("a", "x"): 900, ("a", "y"): 100, ("b", "x"): 100, ("b", "y"): 900}
    shares = {"x": score_probabilities(CUTS), "y": score_probabilities(CUTS, real=0.5)}
    rows = [
        pd.DataFrame({"g": g, "h": h, "score": range(11), "n": np.round(n * shares[h])})
        for (g, h), n in parts.items()
    ]
    counts = pd.concat(rows, ignore_index=True).astype({"n": int})
    fit = OrdinalModel("score ~ g + h", counts).fit(random_seed=1, method="laplace")
    row = adjusted_contrasts(fit, {"g": "a"}).loc[("g", "b")]
    assert row["raw"] > 20
    assert row["lower"] < 0 < row["upper"]


def test_chance_alone_has_no_typical_size():
    generator = np.random.default_rng(1)
    sizes = [
        typical_size(
            pd.DataFrame({"difference": generator.normal(0, 5, 12), "se": 5.0}), random_seed=1
        )
        for _ in range(200)
    ]
    assert np.mean([each.value**2 for each in sizes]) < 6  # of 25 without the correction
    assert np.mean([each.lower == 0 for each in sizes]) > 0.9


def test_typical_size_of_known_differences_is_covered():
    generator, truth = np.random.default_rng(2), np.array([-20.0, -5.0, 0.0, 10.0, 15.0])
    inside = 0
    for seed in range(200):
        table = pd.DataFrame({"difference": generator.normal(truth, 4.0), "se": 4.0})
        found = typical_size(table, draws=1000, random_seed=seed)
        inside += found.lower <= np.sqrt(np.mean(truth**2)) <= found.upper
    assert 180 <= inside <= 199


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("mood", "self"), "column 'mood'"), (("mode", "phone"), "level of 'mode': 'phone'")],
)
def test_unknown_groups_are_refused(arguments, message):
    for function in (contrasts, tipping_shifts):
        options = {} if function is contrasts else {"random_seed": 1}
        with pytest.raises(ValueError, match=message):
            function(AIRPORT, *arguments, **options)


def test_negative_shifts_are_refused():
    with pytest.raises(ValueError, match=r"0 or more; found -0\.1"):
        reporting_bounds(AIRPORT, "year", "2017", [-0.1], random_seed=1)
