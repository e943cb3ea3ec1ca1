"""Draws of a proposal become draws of a target."""

import numpy as np
import pytest
from scipy import stats

from nps_research.importance import resampled, standard_t, systematic


def test_resampled_draws_have_the_moments_of_the_target():
    generator = np.random.default_rng(1)
    proposed, log_proposal = standard_t(20_000, 1, 7.0, generator)
    kept = resampled(stats.norm.logpdf(proposed[:, 0], 0.3, 0.8) - log_proposal, generator)
    drawn = proposed[kept.chosen, 0]
    error = 0.8 / np.sqrt(kept.ess)
    assert drawn.mean() == pytest.approx(0.3, abs=4 * error)
    assert drawn.std() == pytest.approx(0.8, abs=4 * error)
    assert kept.pareto_k < 0.5


def test_a_target_far_wider_than_the_proposal_is_not_trusted():
    generator = np.random.default_rng(2)
    proposed, log_proposal = standard_t(4000, 3, 200.0, generator)
    kept = resampled(stats.norm.logpdf(proposed / 6.0).sum(axis=1) - log_proposal, generator)
    assert kept.pareto_k > 0.7
    assert kept.ess < 400


@pytest.mark.parametrize("weights", [(1.0, 0.0), (0.25, 0.75), (0.1, 0.2, 0.7)])
def test_numbers_of_systematic_draws_are_those_expected_or_next_to_them(weights):
    chosen = systematic(np.array(weights), 7, np.random.default_rng(3))
    found = np.bincount(chosen, minlength=len(weights))
    assert (np.abs(found - 7 * np.array(weights)) < 1).all()


def test_densities_are_those_of_the_t_distribution():
    standard, log_density = standard_t(5, 3, 4.0, np.random.default_rng(4))
    expected = stats.multivariate_t(shape=np.eye(3), df=4.0).logpdf(standard)
    np.testing.assert_allclose(np.diff(log_density), np.diff(expected), rtol=1e-12)
