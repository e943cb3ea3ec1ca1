"""Links and the likelihood kernel against exact values, closed forms and finite differences."""

import numpy as np
import pytest

from nps_research.ordinal import kernel
from nps_research.ordinal.links import LINKS, log1mexp

CUTPOINTS = np.array([-1.0, 0.0, 1.0])
# Exact log-probabilities far in the tails, to the digits of ordinal.md, table of numerical traps.
EXACT = [
    ("logit", -30.0, [-2.54367e-13, -29.4587, -30.4587, -31.0]),
    ("logit", -38.0, [0.0, -37.4587, -38.4587, -39.0]),
    ("logit", 100.0, [-101.0, -100.459, -99.4587, 0.0]),
    ("logit", 800.0, [-801.0, -800.459, -799.459, 0.0]),
    ("probit", 38.0, [-765.083, -726.557, -689.031, 0.0]),
    ("probit", 100.0, [-5106.03, -5005.52, -4906.01, 0.0]),
]


@pytest.mark.parametrize(("link", "eta", "exact"), EXACT)
def test_log_probabilities_are_exact_in_the_tails(link, eta, exact):
    found = kernel.log_probabilities(LINKS[link], np.array([eta]), CUTPOINTS)[0]
    np.testing.assert_allclose(found, exact, rtol=2e-5, atol=1e-16)


@pytest.mark.parametrize(("link", "eta", "exact"), EXACT)
def test_the_likelihood_mirrors(link, eta, exact):
    found = kernel.log_probabilities(LINKS[link], np.array([-eta]), CUTPOINTS)[0]
    np.testing.assert_allclose(found[::-1], exact, rtol=2e-5, atol=1e-16)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("eta", [-800.0, -3.0, 0.0, 0.4, 800.0])
def test_probabilities_sum_to_one_and_derivatives_stay_finite(link, eta):
    counts = np.array([[3.0, 0.0, 2.0, 5.0]])
    found = kernel.derivatives(LINKS[link], counts, np.array([[eta]]), CUTPOINTS, np.ones(1))
    total = kernel.probabilities(LINKS[link], np.array([eta]), CUTPOINTS).sum()
    assert total == pytest.approx(1.0, abs=1e-12)
    assert np.isfinite([found.value, *found.gradient, *found.hessian.ravel()]).all()


@pytest.mark.parametrize("link", LINKS)
def test_derivatives_agree_with_finite_differences(link):
    rng = np.random.default_rng(1)
    counts, predictors = rng.integers(0, 9, (5, 4)).astype(float), rng.normal(size=(5, 2))
    at = np.array([-1.0, 0.2, 0.9, 0.4, -0.3])

    def gradient(parameters):
        return kernel.derivatives(
            LINKS[link], counts, predictors, parameters[:3], parameters[3:]
        ).gradient

    def value(parameters):
        eta = predictors @ parameters[3:]
        return kernel.log_likelihood(LINKS[link], counts, eta, parameters[:3])

    found = kernel.derivatives(LINKS[link], counts, predictors, at[:3], at[3:])
    steps = 1e-5 * np.eye(5)
    slope = [(value(at + step) - value(at - step)) / 2e-5 for step in steps]
    curvature = [(gradient(at + step) - gradient(at - step)) / 2e-5 for step in steps]
    np.testing.assert_allclose(found.gradient, slope, rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(found.hessian, curvature, rtol=1e-7, atol=1e-6)
    assert found.value == pytest.approx(value(at), rel=1e-14)


@pytest.mark.parametrize("link", LINKS)
def test_cell_likelihood_is_the_sum_over_rows(link):
    rng = np.random.default_rng(2)
    counts = rng.integers(0, 6, (3, 4)).astype(float)
    eta = rng.normal(size=3)
    edges = np.array([-np.inf, *CUTPOINTS, np.inf])
    cdf = LINKS[link].cdf
    rows = [
        np.log(cdf(edges[k + 1] - eta[j]) - cdf(edges[k] - eta[j]))
        for j in range(3)
        for k in range(4)
        for _ in range(int(counts[j, k]))
    ]
    found = kernel.log_likelihood(LINKS[link], counts, eta, CUTPOINTS)
    assert found == pytest.approx(sum(rows), rel=1e-12)


def test_an_impossible_answer_has_probability_zero():
    counts = np.array([[1.0, 1.0, 0.0]])
    assert kernel.log_likelihood(LINKS["logit"], counts, np.zeros(1), np.zeros(2)) == -np.inf


@pytest.mark.parametrize("x", [-1e-300, -1e-20, -1e-5, -0.5, -0.7, -40.0, -800.0])
def test_log1mexp_inverts_itself(x):
    # exp(log1mexp(x)) + exp(x) = 1, and for tiny x log(1 - exp(x)) = log(-x)
    expected = np.log(-x) if x > -1e-10 else np.log1p(-np.exp(x))
    assert log1mexp(np.array(x)) == pytest.approx(expected, rel=1e-13, abs=1e-300)


@pytest.mark.parametrize("link", LINKS)
def test_quantile_reads_the_smaller_tail(link):
    x = np.array([-30.0, -1.0, 0.0, 7.0, 30.0])
    found = LINKS[link].quantile_of_tails(LINKS[link].cdf(x), LINKS[link].cdf(-x))
    np.testing.assert_allclose(found, x, rtol=1e-12, atol=1e-12)
