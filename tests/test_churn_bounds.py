"""Scores of the silent from their churn: brute force, many worlds, and failures."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from nps_research.scale import RatingScale
from nps_research.silence.churn_bounds import churn_evidence, score_mix_bounds

VALUES = 100 * RatingScale().nps_values
HAZARDS = np.array([0.40, 0.36, 0.33, 0.29, 0.25, 0.20, 0.16, 0.11, 0.07, 0.05, 0.03])


def brute_force(low, high, target):
    """Smallest and largest score by the simplex method."""
    options = {
        "A_ub": np.vstack([low, -high]),
        "b_ub": [target, -target],
        "A_eq": np.ones((1, 11)),
        "b_eq": [1],
    }
    found = [linprog(sign * VALUES, **options) for sign in (1, -1)]
    if found[0].status != 0:
        return None
    return found[0].fun, -found[1].fun


def world(number, factor=1.0, people=100_000):
    """Any silence that depends on the score; the silent leave `factor` times as often."""
    generator = np.random.default_rng(number)
    n = generator.multinomial(people, generator.dirichlet(np.full(11, 3.0)))
    silent = generator.binomial(n, generator.beta(0.8, 0.8, 11).clip(0.05, 0.9))
    left = generator.binomial(n - silent, HAZARDS)
    gone = generator.binomial(silent, np.minimum(factor * HAZARDS, 1)).sum()
    sizes = [*(n - silent - left), *left, silent.sum() - gone, gone]
    scores = pd.array([*range(11), *range(11), None, None], dtype="Int64")
    counts = pd.DataFrame({"score": scores, "churned": [0] * 11 + [1] * 11 + [0, 1], "n": sizes})
    return counts, float(n @ VALUES / people)


def inside(number, factor=1.0, told=1.0):
    counts, truth = world(number, factor)
    try:
        row = churn_evidence(counts, draws=400, random_seed=1).bounds(told).loc["everybody"]
    except ValueError:
        return False
    return bool(row["lower_limit"] <= truth <= row["upper_limit"])


@pytest.mark.parametrize("factor", [1.0, 1.3, 3.0])
def test_bounds_are_those_of_the_linear_programme(factor):
    generator = np.random.default_rng(1)
    for target in (0.01, 0.1, 0.3, 0.6):
        hazards = generator.beta(1, 4, (5, 11))
        ends = hazards / factor, np.minimum(hazards * factor, 1)
        lower, upper = score_mix_bounds(VALUES, *ends, np.full(5, target))
        for row in range(5):
            expected = brute_force(ends[0][row], ends[1][row], target)
            if expected is None:
                assert np.isnan(lower[row])
            else:
                assert (lower[row], upper[row]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("number", range(40))
def test_bounds_hold_the_truth_in_every_world_with_equal_hazards(number):
    assert inside(number)


@pytest.mark.parametrize("number", range(20))
def test_loosened_bounds_hold_the_truth_where_hazards_differ_that_much(number):
    assert inside(number, factor=1.8, told=1.8)


def test_bounds_fail_where_the_silent_leave_for_other_reasons():
    held = [inside(number, factor=2.5) for number in range(20)]
    assert np.mean(held) < 0.5


def test_no_mix_can_produce_too_much_churn():
    counts, _ = world(1, factor=2.5)
    flooded = counts.assign(n=np.where(counts["score"].isna(), [0] * 22 + [100, 9000], counts["n"]))
    with pytest.raises(ValueError, match=r"no mix of scores.*98\.9%.*raise\s+factor="):
        churn_evidence(flooded, random_seed=1).bounds()
    assert churn_evidence(flooded, random_seed=1).bounds(5.0).loc["silent", "fits"] > 0


def test_tilt_recovers_silence_that_is_linear_in_the_score():
    generator = np.random.default_rng(3)
    n = 200_000 * generator.dirichlet(np.full(11, 5.0))
    chance = 1 / (1 + np.exp(0.5 + 0.25 * (np.arange(11) - 5)))
    silent = (n * chance).round()
    left = (n - silent) * HAZARDS
    gone = silent @ HAZARDS
    sizes = np.round([*(n - silent - left), *left, silent.sum() - gone, gone]).astype(int)
    scores = pd.array([*range(11), *range(11), None, None], dtype="Int64")
    counts = pd.DataFrame({"score": scores, "churned": [0] * 11 + [1] * 11 + [0, 1], "n": sizes})
    table = churn_evidence(counts, random_seed=1).tilted()
    assert table.loc["odds_ratio", "median"] == pytest.approx(np.exp(-0.25), abs=0.02)
    assert table.loc["everybody", "median"] == pytest.approx(n @ VALUES / n.sum(), abs=1.5)


def test_hazards_of_a_model_are_used():
    counts, _ = world(2)
    given = np.tile(HAZARDS, (50, 1))
    evidence = churn_evidence(counts, hazards=given, random_seed=1)
    np.testing.assert_array_equal(evidence.hazards, given)
    assert evidence.shares.shape == (50, 11)


def test_outcomes_that_are_no_outcomes_are_named():
    counts, _ = world(3)
    with pytest.raises(ValueError, match=r"churned must hold.*row 3"):
        churn_evidence(counts.assign(churned=counts["churned"].where(counts.index != 3, 7)))


def test_table_without_silence_is_refused():
    counts, _ = world(4)
    with pytest.raises(ValueError, match="nobody is silent"):
        churn_evidence(counts.dropna(subset="score"))
    with pytest.raises(ValueError, match=r"factor is 1 or more; found 0\.5"):
        churn_evidence(counts, random_seed=1).bounds(0.5)
