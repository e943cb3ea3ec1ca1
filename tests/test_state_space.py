"""The density of waves, its derivatives and maxima: finite differences and dense matrices."""

import numpy as np
import pytest
from scipy import optimize, special

from nps_research.ordinal.priors import Priors
from nps_research.scale import RatingScale
from nps_research.tracking.arrows import (
    Arrow,
    empty_arrow,
    factored,
    solved_backward,
    solved_forward,
    spread_out,
)
from nps_research.tracking.state_space import (
    contrast_moments,
    cutpoints_at,
    derivatives,
    log_densities,
    log_density,
    maxima,
    waves_of,
)

STEP_SD = 0.2


def made(waves=6, answers=40, seed=1, scale=None):
    scale = scale or RatingScale()
    generator = np.random.default_rng(seed)
    shares = generator.dirichlet(np.ones(scale.n_categories))
    counts = generator.multinomial(answers, shares, size=waves).astype(float)
    counts[:, 1] = 0  # nobody gives one of the scores
    gaps = generator.uniform(0.5, 2.0, waves - 1)
    return waves_of(counts, gaps, Priors().dirichlet(scale))


def somewhere(waves, seed=2):
    n = waves.warp.shape[1] + len(waves.gaps)
    around = np.concatenate([waves.warp[0], np.zeros(len(waves.gaps))])
    return around + np.random.default_rng(seed).normal(0, 0.3, n)


def dense(arrow):
    n_levels, n_cuts = arrow.arm.shape
    matrix = np.zeros((n_cuts + n_levels,) * 2)
    matrix[:n_cuts, :n_cuts], matrix[n_cuts:, :n_cuts] = arrow.corner, arrow.arm
    matrix[:n_cuts, n_cuts:] = arrow.arm.T
    beside = arrow.beside[1:]
    matrix[n_cuts:, n_cuts:] = np.diag(arrow.diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
    return matrix


def gradient(free, waves):
    found = derivatives(free, STEP_SD, waves)
    return np.concatenate([found.cuts, found.levels])


CASES = {
    "eleven scores": made(),
    "two scores": made(scale=RatingScale(0, 1, 0, 1)),
    "one wave": made(waves=1),
    "no answers in between": made()._replace(
        counts=np.array([[3.0] * 11, [0.0] * 11, [2.0] * 11]), gaps=np.ones(2)
    ),
}


@pytest.fixture(params=CASES.values(), ids=CASES)
def waves(request):
    return request.param


def test_density_is_that_of_the_model_written_out(waves):
    free = somewhere(waves)
    n_cuts = waves.warp.shape[1]
    sticks, slopes, cuts, _ = cutpoints_at(free[:n_cuts], waves.warp)
    levels = np.concatenate([[0.0], free[n_cuts:]])
    below = special.expit(cuts - levels[:, None])
    shares = np.diff(below, axis=1, prepend=0, append=1)
    steps = np.diff(levels) / (STEP_SD * np.sqrt(waves.gaps))
    expected = special.xlogy(waves.counts, shares).sum() - 0.5 * (steps**2).sum()
    expected -= np.log(STEP_SD * np.sqrt(waves.gaps)).sum()
    # The sticks of Dirichlet shares are log odds of independent Beta variables.
    a, b = waves.concentration[:-1], np.cumsum(waves.concentration[::-1])[::-1][1:]
    expected += (a * special.log_expit(sticks) + b * special.log_expit(-sticks)).sum()
    expected += np.log(slopes).sum()
    assert log_density(free, STEP_SD, waves) == pytest.approx(expected, rel=1e-10)
    assert log_densities(free[None], np.array([STEP_SD]), waves)[0] == pytest.approx(expected)


def test_derivatives_are_finite_differences(waves):
    free = somewhere(waves)
    sides = [[free + sign * 1e-5 * unit for sign in (1, -1)] for unit in np.eye(len(free))]
    by_value = [
        (log_density(up, STEP_SD, waves) - log_density(down, STEP_SD, waves)) / 2e-5
        for up, down in sides
    ]
    np.testing.assert_allclose(gradient(free, waves), by_value, rtol=1e-6, atol=1e-6)
    by_gradient = [(gradient(down, waves) - gradient(up, waves)) / 2e-5 for up, down in sides]
    found = dense(derivatives(free, STEP_SD, waves).curvature)
    np.testing.assert_allclose(found, by_gradient, rtol=1e-5, atol=1e-5)


def test_cutpoints_give_the_shares_of_their_sticks():
    warp = made().warp
    sticks, _, cuts, above = cutpoints_at(warp[0], warp)
    passed = np.cumprod(special.expit(-sticks))
    np.testing.assert_allclose(above, passed)
    np.testing.assert_allclose(special.expit(-cuts), passed)


def test_arrows_solve_like_dense_matrices(waves):
    curvature = derivatives(somewhere(waves), STEP_SD, waves).curvature
    n_levels, n_cuts = curvature.arm.shape
    factor = empty_arrow(n_levels, n_cuts)
    ridge = 5.0
    assert factored(curvature, ridge, factor)
    right = np.random.default_rng(3).normal(size=n_cuts + n_levels)
    solved = right.copy()
    solved_forward(factor, solved[:n_cuts], solved[n_cuts:])
    solved_backward(factor, solved[:n_cuts], solved[n_cuts:])
    matrix = dense(curvature) + ridge * np.eye(len(right))
    np.testing.assert_allclose(matrix @ solved, right, atol=1e-9)
    roots = np.log(factor.diagonal).sum() + np.log(np.diag(factor.corner)).sum()
    assert 2 * roots == pytest.approx(np.linalg.slogdet(matrix)[1])


def test_what_is_not_positive_definite_is_told():
    flat = Arrow(np.ones(1), np.zeros(1), np.full((1, 1), 2.0), np.ones((1, 1)))
    assert not factored(flat, 0.0, empty_arrow(1, 1))
    assert factored(flat, 2.0, empty_arrow(1, 1))
    assert not factored(flat._replace(diagonal=-np.ones(1)), 0.0, empty_arrow(1, 1))


def test_normal_draws_have_the_inverse_as_covariance():
    waves = made(waves=3, scale=RatingScale(1, 3, 1, 3))
    start = np.concatenate([waves.warp[0], np.zeros(2)])
    _, _, factors, _ = maxima(start, np.array([STEP_SD, 2.0]), waves)
    standard = np.random.default_rng(4).standard_normal((100_000, 4))
    spread_out(factors, np.ones(len(standard), dtype=np.int64), standard)
    factor = Arrow(*(part[1] for part in factors))
    rows = np.eye(4)
    for row in rows:
        solved_forward(factor, row[:2], row[2:])
        solved_backward(factor, row[:2], row[2:])
    # Standard errors of a covariance are below 0.7 % of the product of standard deviations.
    product = np.sqrt(np.outer(np.diag(rows), np.diag(rows)))
    np.testing.assert_allclose(np.cov(standard.T) / product, rows / product, atol=0.02)


@pytest.mark.parametrize("step_sd", [1e-3, 0.1, 3.0])
def test_maxima_are_those_of_another_program(waves, step_sd):
    start = np.concatenate([waves.warp[0], np.zeros(len(waves.gaps))])
    free, values, _, reached = maxima(start, np.array([step_sd]), waves)
    found = optimize.minimize(
        lambda x: -log_density(x, step_sd, waves),
        free[0] + 0.05 * step_sd,
        jac=lambda x: -np.concatenate(derivatives(x, step_sd, waves)[:2]),
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-10},
    )
    assert reached
    assert values[0] == pytest.approx(-found.fun, abs=1e-6)


def test_contrasts_are_those_of_finite_differences():
    waves = made()
    start = np.concatenate([waves.warp[0], np.zeros(5)])
    free, _, factors, _ = maxima(start, np.array([STEP_SD]), waves)
    weights, rises = np.array([-0.5, -0.5, 0, 0, 0, 1.0]), np.diff(RatingScale().nps_values)

    def contrast(x):
        cuts = cutpoints_at(x[:10], waves.warp)[2]
        levels = np.concatenate([[0.0], x[10:]])
        return weights @ (special.expit(levels[:, None] - cuts) @ rises)

    slopes = optimize.approx_fprime(free[0], contrast, 1e-7)
    covariance = np.linalg.inv(dense(derivatives(free[0], STEP_SD, waves).curvature))
    mean, sd = contrast_moments(free, factors, rises, weights, waves)
    assert mean[0] == pytest.approx(contrast(free[0]))
    assert sd[0] == pytest.approx(np.sqrt(slopes @ covariance @ slopes), rel=1e-5)
