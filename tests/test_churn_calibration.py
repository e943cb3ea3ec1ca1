"""The recorded calibration of the hazard model: what it promises, and what it does not reach."""

import json
from pathlib import Path

import churn_calibration
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
RECORD = json.loads((ROOT / "data" / "churn_calibration.json").read_text())
TRUTHS = {row["truth"]: row for row in RECORD["truths"]}


def test_record_is_of_this_program():
    setting = RECORD["setting"]
    assert set(setting) == {"date", "processor", "cores", "versions"}
    assert (RECORD["seed"], RECORD["mass"]) == (churn_calibration.SEED, churn_calibration.MASS)
    assert set(TRUTHS) == set(churn_calibration.TRUTHS)
    assert all(row["replicates"] == 200 for row in TRUTHS.values())


@pytest.mark.parametrize("truth", churn_calibration.TRUTHS)
def test_monotone_model_predicts_nearly_as_well_as_the_best_coding(truth):
    assert TRUTHS[truth]["log_score"]["codings"]["monotone"]["relative_to_best"] < 0.02


@pytest.mark.parametrize("truth", churn_calibration.TRUTHS)
def test_intervals_of_the_hazard_curve_contain_the_truth(truth):
    assert 0.85 <= TRUTHS[truth]["hazard"] <= 0.95


# Of two groups on one plateau it is 1, and a monotone curve is never flat; HazardModel says so.
FLAT = pytest.mark.xfail(reason="the true ratio is exactly 1, the model's never")
RATIOS = ["linear", "smooth", pytest.param("three steps", marks=FLAT)]


@pytest.mark.parametrize("truth", RATIOS)
def test_intervals_of_the_ratio_of_low_and_middle_scores_contain_the_truth(truth):
    assert 0.85 <= TRUTHS[truth]["ratio_of_codings"]["monotone"] <= 0.95


@pytest.mark.parametrize("truth", churn_calibration.TRUTHS)
def test_the_coding_that_is_true_covers(truth):
    own = {"three steps": "three steps", "linear": "linear", "smooth": "monotone"}[truth]
    assert 0.85 <= TRUTHS[truth]["hazard_of_codings"][own] <= 0.95


def test_truths_are_probabilities():
    for truth in churn_calibration.TRUTHS.values():
        assert truth.hazard.shape == (11, 12)
        np.testing.assert_allclose(truth.watched.sum(axis=1), 1.0)
        assert (truth.watched >= 0).all()


def test_simulated_customers_leave_as_the_truth_says():
    """Of 2,000 customers in 40 data sets; the error of the share is 0.1 points."""
    truth = churn_calibration.TRUTHS["smooth"]
    shares, watched = churn_calibration.SHARES, truth.watched
    gone = 1 - np.column_stack([np.ones(11), np.cumprod(1 - truth.hazard, axis=1)])
    expected = (shares[:, None] * watched * gone).sum()
    left = [truth.customers([7, number]).report.churned / 2000 for number in range(40)]
    assert np.mean(left) == pytest.approx(expected, abs=0.003)


def test_known_hazards_are_the_truth():
    truth = churn_calibration.TRUTHS["linear"]
    people = truth.customers([1, 2])
    fit = churn_calibration.HazardModel(people, "linear", periods=churn_calibration.PERIODS)
    known = churn_calibration.Known(truth, fit.prior(2, random_seed=1))
    found = known.hazard().isel(chain=0, draw=0)
    np.testing.assert_allclose(found, truth.hazard[:, np.array([3, 6, 12]) - 1])
    survival = known.survival().isel(chain=0, draw=0)
    np.testing.assert_allclose(survival[:, 1:], np.cumprod(1 - truth.hazard, axis=1))
