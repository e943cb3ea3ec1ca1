import numpy as np
import pandas as pd
import pytest

import nps_research as npsr
from nps_research.comparison.detection import compared
from nps_research.comparison.efficiency import (
    effects,
    efficacies,
    efficiency_by_place,
    power,
    required_answers,
)
from nps_research.comparison.explanations import pair_model
from nps_research.comparison.shifts import KINDS, Shift, shifted
from nps_research.scale import RatingScale

SCALE = RatingScale()
AIRPORT = np.array([24, 11, 24, 26, 24, 205, 133, 334, 601, 498, 770])
COUNTS = pd.DataFrame({"score": range(11), "n": AIRPORT})
SHARES = AIRPORT / AIRPORT.sum()
STATISTICS = ["nps", "mean_score", "top_box", "bottom_box", "wilcoxon"]


@pytest.mark.parametrize("kind", KINDS)
def test_efficacy_is_the_limit_of_standardised_differences(kind):
    found = efficacies(COUNTS, [kind]).loc[kind, "efficacy"]
    step = 1e-6
    seen = effects(SHARES, shifted(SHARES, kind, step), SCALE)
    # Two groups: the difference has twice the variance of one answer.
    expected = [
        seen[name].difference / seen[name].null_sd * np.sqrt(2) / step for name in STATISTICS
    ]
    assert found[STATISTICS].tolist() == pytest.approx(expected, abs=2e-5)


def test_ranks_are_the_best_test_of_a_location_shift_of_logistic_opinions():
    table = efficacies(COUNTS, ["location", "scale", "top threshold"])["efficiency"]
    assert table["location", "wilcoxon"] == pytest.approx(1)
    assert table["scale", "wilcoxon"] < 0.5
    assert table.max() <= 1 + 1e-12


def test_best_efficacy_is_the_information_of_the_model():
    # Two groups of m answers know a shift with the variance 2 / (m efficacy^2).
    fit = pair_model("score ~ group", [1000.0 * AIRPORT] * 2, SCALE)
    best = efficacies(COUNTS, ["location"]).loc[("location", "best"), "efficacy"]
    m = 1000 * AIRPORT.sum()
    assert fit.estimates.loc["group", "se"] == pytest.approx(np.sqrt(2 / m) / best, rel=1e-6)


def test_nps_is_blind_to_a_shift_within_a_class():
    table = efficacies(COUNTS, [Shift("top threshold", cuts=("9|10",))]).droplevel("shift")
    assert table.loc["nps", "efficacy"] == table.loc["top_box", "efficacy"] == 0
    assert table.loc["mean_score", "nps_answers"] == np.inf
    assert np.isnan(table.loc["nps", "nps_answers"])


def test_top_box_and_bottom_box_mirror_each_other():
    mirrored = COUNTS.assign(score=10 - COUNTS["score"])
    scale = RatingScale(0, 10, 1, 4)
    top = efficacies(COUNTS, ["top threshold"]).loc["top threshold"]
    bottom = efficacies(mirrored, ["bottom threshold"], rating_scale=scale).loc["bottom threshold"]
    # The cut below 9 on one scale is the cut above 1 on the other.
    assert bottom.loc["mean_score", "efficacy"] == pytest.approx(top.loc["mean_score", "efficacy"])
    assert bottom.loc["bottom_box", "efficacy"] == pytest.approx(-top.loc["top_box", "efficacy"])


def test_efficiency_by_place_is_that_of_the_moved_distribution():
    table = efficiency_by_place(COUNTS, "top threshold", [-1.0, 0.0])
    moved = pd.DataFrame(
        {"score": range(11), "n": (1e12 * shifted(SHARES, "location", -1.0)).round()}
    )
    expected = efficacies(moved, ["top threshold"]).loc["top threshold", "nps_answers"]
    assert table.loc[-1.0, "nps_answers"].to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-6)
    assert table.loc[(0.0, "nps"), "nps"] == pytest.approx(npsr.nps(COUNTS)["nps"].iloc[0])


@pytest.mark.parametrize(
    ("kind", "size", "n"),
    [
        ("location", 0.3, 300),
        ("scale", -0.3, 300),
        ("top threshold", 0.4, 300),
        ("bottom threshold", 0.6, 200),
        ("location", 0.0, 150),
    ],
)
def test_power_is_that_of_simulated_tests(kind, size, n):
    rng = np.random.default_rng(12)
    draws = 8000
    first, second = (
        rng.multinomial(n, p, draws).astype(float) for p in (SHARES, shifted(SHARES, kind, size))
    )
    seen = compared(first, second, SCALE)
    found = (np.abs(seen.z) > 1.959964).mean(axis=1)
    expected = power(COUNTS, kind, size, n)["power"]
    error = np.sqrt(expected * (1 - expected) / draws)
    # Beyond chance, the normal approximation may be off by a point.
    assert (np.abs(found - expected[seen.names].to_numpy()) < 4 * error + 0.01).all()


def test_required_answers_have_the_power_that_was_asked_for():
    table = required_answers(COUNTS, "location", 0.25, power=0.9, level=0.99)
    for statistic in ("nps", "wilcoxon"):
        answers = table.loc[statistic, "answers"]
        reached = power(COUNTS, "location", 0.25, answers, level=0.99).loc[statistic, "power"]
        assert reached == pytest.approx(0.9, abs=1e-6)
    assert table.loc["nps", "nps_answers"] == 1


def test_required_answers_agree_with_planning():
    table = required_answers(COUNTS, "location", 0.25)
    shares = shifted(SHARES, "location", 0.25)
    values = 100 * SCALE.nps_values
    variances = [p @ values**2 - (p @ values) ** 2 for p in (SHARES, shares)]
    sd = np.sqrt(np.mean(variances))
    planned = npsr.nps_sample_size(table.loc["nps", "difference"], standard_deviation=sd)
    assert np.ceil(table.loc["nps", "answers"]) == planned


def test_ratio_of_answers_tends_to_that_of_small_shifts():
    small = required_answers(COUNTS, "scale", 1e-4)["nps_answers"]
    limit = efficacies(COUNTS, ["scale"]).loc["scale", "nps_answers"].drop("best")
    assert small.to_numpy() == pytest.approx(limit.to_numpy(), rel=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: efficacies(COUNTS[COUNTS["score"] == 9]), "all 498 answers are"),
        (lambda: efficacies(COUNTS[COUNTS["score"] < 8], ["top threshold"]), "does not move"),
        (lambda: required_answers(COUNTS, "location", 0.2, power=1), "power must be between"),
        (lambda: required_answers(COUNTS, "location", np.inf), "finite number; found inf"),
        (lambda: power(COUNTS, "location", 0.2, 0), "answers must be 1 or more"),
        (lambda: power(COUNTS, "sideways", 0.2, 10), "unknown shift"),
    ],
)
def test_unusable_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
