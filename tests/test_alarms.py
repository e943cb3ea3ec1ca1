import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nps_research.comparison.alarms import false_alarms, normal_false_alarms, nps_distribution

CLASSES = np.array([0.15, 0.35, 0.5])
COUNTS = pd.DataFrame({"score": [3, 8, 10], "n": [150, 350, 500]})
SD = 100 * np.sqrt(0.65 - 0.35**2)


def test_distribution_of_an_nps_is_the_repeated_convolution():
    expected = np.ones(1)
    for _ in range(7):
        expected = np.convolve(expected, CLASSES)
    assert nps_distribution(CLASSES, 7) == pytest.approx(expected, abs=1e-15)


def test_distribution_of_many_answers_is_accurate():
    wave = nps_distribution(CLASSES, 20_000)
    sums = np.arange(-20_000, 20_001)
    assert wave.sum() == pytest.approx(1, abs=1e-10)
    assert wave @ sums == pytest.approx(20_000 * 0.35)
    assert wave @ (sums - 7000) ** 2 == pytest.approx(2 * SD**2, rel=1e-6)


@pytest.mark.parametrize("threshold", [20, 25, 100 / 3, 50])
def test_alarms_of_few_answers_are_those_of_all_samples(threshold):
    wave = nps_distribution(CLASSES, 4)
    sums = 25.0 * np.arange(-4, 5)
    a, b, c = np.ix_(range(9), range(9), range(9))
    chance = wave[a] * wave[b] * wave[c]
    moves = np.abs(sums[b] - sums[a]) >= threshold, np.abs(sums[c] - sums[b]) >= threshold
    row = false_alarms(COUNTS, 4, threshold, comparisons=2).loc[4]
    assert row["one_comparison"] == pytest.approx(
        chance[np.broadcast_to(moves[0], chance.shape)].sum()
    )
    assert row["any_of_all"] == pytest.approx(chance[moves[0] | moves[1]].sum())


def test_threshold_that_is_a_possible_move_is_an_alarm():
    # Of 100 answers each, moves are whole points: 5 is an alarm at 5 and not at 5.01.
    exact, above = (false_alarms(COUNTS, 100, d).loc[100, "one_comparison"] for d in (5, 5.01))
    wave = nps_distribution(CLASSES, 100)
    assert exact - above == pytest.approx(2 * (wave[5:] @ wave[:-5]))


def test_alarms_are_those_of_simulated_years():
    rng = np.random.default_rng(1)
    waves = rng.multinomial(250, CLASSES, (20_000, 5)) @ [-1, 0, 1] / 2.5
    moved = np.abs(np.diff(waves, axis=1)) >= 8 - 1e-9
    row = false_alarms(COUNTS, 250, 8).loc[250]
    assert moved[:, 0].mean() == pytest.approx(row["one_comparison"], abs=4 * 0.5 / np.sqrt(20_000))
    assert moved.any(axis=1).mean() == pytest.approx(
        row["any_of_all"], abs=4 * 0.5 / np.sqrt(20_000)
    )


def test_z_rule_has_its_level_with_many_answers():
    row = false_alarms(COUNTS, 50_000, z=1.959964).loc[50_000]
    assert row["one_comparison"] == pytest.approx(0.05, abs=0.001)
    assert row["threshold"] == pytest.approx(1.959964 * SD * np.sqrt(2 / 50_000))


@pytest.mark.parametrize("comparisons", [2, 4])
def test_normal_alarms_are_the_multivariate_normal_distribution(comparisons):
    covariance = 2 * np.eye(comparisons) - np.eye(comparisons, k=1) - np.eye(comparisons, k=-1)
    box = stats.multivariate_normal(cov=covariance, seed=1, abseps=1e-6, maxpts=200_000)
    quiet = box.cdf(np.full(comparisons, 1.5), lower_limit=np.full(comparisons, -1.5))
    row = normal_false_alarms(2.0, 3.0, comparisons=comparisons).loc[2.0]
    assert row["any_of_all"] == pytest.approx(1 - quiet, abs=2e-5)
    assert row["one_comparison"] == pytest.approx(2 * stats.norm.sf(1.5 / np.sqrt(2)))


def test_exact_and_normal_alarms_agree_with_many_answers():
    exact = false_alarms(COUNTS, 40_000, 1.0).loc[40_000]
    normal = normal_false_alarms(SD / 200, 1.0).iloc[0]
    assert exact[["one_comparison", "any_of_all"]].tolist() == pytest.approx(
        normal.tolist(), abs=0.01
    )


def test_one_comparison_is_the_single_one():
    row = false_alarms(COUNTS, 300, 5, comparisons=1).loc[300]
    assert row["any_of_all"] == row["one_comparison"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: false_alarms(COUNTS, 100, 0), "threshold must be a positive number; found 0"),
        (lambda: false_alarms(COUNTS, 100, z=-2), "z must be a positive number; found -2"),
        (lambda: false_alarms(COUNTS, 100, None), "found None"),
        (lambda: false_alarms(COUNTS, 0), "whole number from 1"),
        (lambda: false_alarms(COUNTS, 100, comparisons=0), "comparisons must be 1 or more"),
        (lambda: false_alarms(COUNTS.iloc[:1], 100), "never moves"),
        (lambda: normal_false_alarms(0, 5), "must be positive; found 0"),
    ],
)
def test_unusable_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
