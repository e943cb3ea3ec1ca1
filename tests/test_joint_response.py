"""The joint model of answering, scoring and leaving: quadrature, recovery, and where it fails."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

from nps_research.silence.joint_response import JointResponse, simulated_counts

SHARES = np.array([0.03, 0.01, 0.02, 0.02, 0.025, 0.055, 0.06, 0.12, 0.20, 0.17, 0.29])
VALUES = np.array([-100] * 7 + [0, 0, 100, 100])


def free_of(shares, slopes):
    return np.concatenate([np.log(shares[:-1] / shares[-1]), slopes])[None]


@pytest.fixture(scope="module")
def example():
    return simulated_counts(20_000, SHARES, response=(-0.6, 0.8, 0.0), random_seed=1)


@pytest.fixture(scope="module")
def fit(example):
    return JointResponse(example[0]).fit(random_seed=1)


def test_probabilities_of_all_cells_agree_with_people():
    slopes = [-0.6, 0.5, -2.5, 0.8]
    counts, _ = simulated_counts(400_000, SHARES, random_seed=2)
    model = JointResponse(counts)
    cells = model._cells(np.log(SHARES)[None], np.array([slopes]))
    found = np.concatenate([cells["answered"][0], cells["silent"]])
    observed = np.concatenate([model.answered, model.silent[None]]) / 400_000
    assert found.sum() == pytest.approx(1)
    error = np.sqrt(found * (1 - found) / 400_000)
    assert np.abs(observed - found).max() < 0.01
    assert np.mean(((observed - found) / error) ** 2) < 2


def test_log_density_is_likelihood_times_prior(example):
    model = JointResponse(example[0])
    free = free_of(SHARES, [-0.6, 0.8, -2.5, 0.8])
    cells = model._cells(np.log(SHARES)[None], free[:, -4:])
    likelihood = (model.answered * np.log(cells["answered"][0])).sum()
    likelihood += (model.silent * np.log(cells["silent"][0])).sum()
    prior = np.log(SHARES) @ model.concentration
    prior -= 0.5 * ((-0.6 / 2) ** 2 + 0.8**2 + (-0.5 / 2) ** 2 + 0.8**2)
    assert model.log_density(free)[0] == pytest.approx(likelihood + prior)
    assert model.concentration.tolist() == pytest.approx([1 / 7] * 7 + [1 / 2] * 4)


def test_truth_is_recovered(fit, example):
    table = fit.summary()
    assert fit.convergence.converged
    truth = {"everybody": float(SHARES @ VALUES), "response_slope": 0.8, "churn_slope": 0.8}
    for name, value in truth.items():
        assert abs(table.loc[name, "mean"] - value) < 3 * table.loc[name, "sd"]
    observed = example[0].dropna()
    nps = VALUES[observed["score"].astype(int)] @ observed["n"] / observed["n"].sum()
    assert table.loc["answering", "mean"] == pytest.approx(nps, abs=1.0)
    assert nps > SHARES @ VALUES + 8


def test_scores_add_up(fit):
    model, draws = fit.model, fit.draws
    slopes = fit.free[:, -4:]
    nodes, mass = special.roots_hermitenorm(40)
    odds = slopes[:, [0]] + slopes[:, [1]] * nodes
    rate = special.expit(odds) @ (mass / mass.sum())
    total = rate * draws["answering"] + (1 - rate) * draws["silent"]
    np.testing.assert_allclose(total, draws["everybody"], atol=1e-6)
    assert model.reliability == 0.7


def test_importance_draws_agree_with_a_grid_in_one_direction(fit):
    # The posterior along the response slope, others at their mode, is proportional to the density.
    model = fit.model
    mode = model._mode()
    at = np.tile(mode, (41, 1))
    at[:, -3] = mode[-3] + np.linspace(-0.15, 0.15, 41)
    logs = model.log_density(at)
    assert logs.argmax() == 20
    curvature = model._curvature(mode)[-3, -3]
    fall = logs[20] - logs[18]
    assert fall == pytest.approx(0.5 * curvature * 0.015**2, rel=0.05)


def test_the_reliability_that_is_assumed_matters(example):
    means = [
        JointResponse(example[0], reliability=each).fit(1000, random_seed=1).draws["silent"].mean()
        for each in (0.5, 0.9)
    ]
    assert abs(means[0] - means[1]) > 3


@pytest.mark.parametrize(
    ("counts", "options", "message"),
    [
        (pd.DataFrame({"score": [9], "churned": [0], "n": [5]}), {}, "nobody is silent"),
        (
            pd.DataFrame({"score": [9, None], "churned": 0, "n": 5}),
            {"reliability": 1.0},
            r"found 1\.0",
        ),
    ],
)
def test_unusable_input_is_refused(counts, options, message):
    with pytest.raises(ValueError, match=message):
        JointResponse(counts, **options)
