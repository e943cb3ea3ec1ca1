"""Exact chances of small studies against simulation, other roads and published tables."""

import numpy as np
import pytest
from scipy import integrate, stats

from nps_research.comparison.association import correlation_density, correlation_posterior
from nps_research.comparison.firm_studies import (
    correlation_power,
    pairs_needed,
    pooled_correlation,
    wrong_sign,
)

KEININGHAM = [0.40, -0.45, -0.12, 0.86, 0.08]


def sample_correlations(rho, n, replicates=40_000):
    rng = np.random.default_rng(1)
    x, e = rng.normal(size=(2, replicates, n))
    y = rho * x + np.sqrt(1 - rho**2) * e
    x, y = (each - each.mean(axis=1, keepdims=True) for each in (x, y))
    return (x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))


@pytest.mark.parametrize("n", [3, 4, 5, 12])
@pytest.mark.parametrize("rho", [0.0, 0.5, -0.8])
def test_power_and_wrong_signs_are_those_of_simulated_studies(rho, n):
    r = sample_correlations(rho, n)
    t = r * np.sqrt((n - 2) / (1 - r**2))
    found = (np.abs(t) > stats.t.ppf(0.975, n - 2)).mean()
    error = 4 * np.sqrt(0.25 / len(r))
    assert correlation_power(rho, n) == pytest.approx(found, abs=error)
    if rho:
        assert wrong_sign(rho, n) == pytest.approx((r * np.sign(rho) < 0).mean(), abs=error)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [3, 4, 30])
def test_without_correlation_power_is_the_level(n, level):
    assert correlation_power(0.0, n, level=level) == pytest.approx(1 - level, abs=1e-8)
    assert wrong_sign(1e-12, n) == pytest.approx(0.5)


# Cohen 1988, "Statistical Power Analysis for the Behavioral Sciences", and G*Power, exact.
@pytest.mark.parametrize(("rho", "n"), [(0.1, 782), (0.3, 84), (0.5, 29)])
def test_pairs_needed_are_those_of_the_tables(rho, n):
    assert pairs_needed(rho) == pairs_needed(-rho) == n
    assert correlation_power(rho, n - 1) < 0.8 <= correlation_power(rho, n)


def test_a_strong_correlation_needs_few():
    assert pairs_needed(0.9999) == 3


def test_one_industry_is_its_own_posterior():
    pooled = pooled_correlation([0.6], 7).loc["common"]
    alone = correlation_posterior([0.6], 7).loc[0]
    for name in ("correlation", "lower", "upper", "probability_positive"):
        assert pooled[name] == pytest.approx(alone[name], abs=2e-3)


def test_the_common_correlation_has_the_product_of_the_likelihoods():
    def density(rho):
        return np.prod([correlation_density(r, rho, 5) for r in KEININGHAM])

    total = integrate.quad(density, -1 + 1e-9, 1 - 1e-9)[0]
    positive = integrate.quad(density, 0, 1 - 1e-9)[0] / total
    mean = integrate.quad(lambda rho: rho * density(rho), -1 + 1e-9, 1 - 1e-9)[0] / total
    row = pooled_correlation(KEININGHAM, 5).loc["common"]
    assert row["probability_positive"] == pytest.approx(positive, abs=1e-3)
    assert row["correlation"] == pytest.approx(mean, abs=1e-3)


def test_industries_that_may_not_differ_have_one_correlation():
    table = pooled_correlation(KEININGHAM, [3, 4, 5, 4, 3], industry_sd=1e-3)
    for name in ("mean", "new industry"):
        np.testing.assert_allclose(table.loc[name], table.loc["common"], atol=1e-6)


def test_differing_industries_say_less():
    width = pooled_correlation([0.9, -0.9, 0.9, -0.9], 30).eval("upper - lower")
    assert width["common"] < width["mean"] < width["new industry"]


def test_intervals_of_a_new_industry_hold_what_they_promise():
    # 300 sets of five industries of four firms, drawn from the prior: 90 % intervals.
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(300):
        sd, middle = abs(rng.normal(0, 0.5)), np.arctanh(rng.uniform(-1, 1))
        rho = np.tanh(middle + sd * rng.normal(size=6))
        x, e = rng.normal(size=(2, 5, 4))
        y = rho[:5, None] * x + np.sqrt(1 - rho[:5, None] ** 2) * e
        r = [np.corrcoef(*pair)[0, 1] for pair in zip(x, y, strict=True)]
        row = pooled_correlation(r, 4, mass=0.9).loc["new industry"]
        hits += row["lower"] < rho[5] < row["upper"]
    assert 255 <= hits <= 285


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: correlation_power(0.5, 2), "found n=2"),
        (lambda: correlation_power(0.5, 4, level=95), "Pass 0.95"),
        (lambda: pairs_needed(0.0), "not 0; found 0.0"),
        (lambda: pairs_needed(0.5, power=80), "Pass 0.8"),
        (lambda: pooled_correlation([0.5], 4, mass=95), "found 0.5 and 95"),
        (lambda: pooled_correlation([1.5], 4), "1.5"),
    ],
)
def test_unusable_requests_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
