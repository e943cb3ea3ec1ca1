"""Plans for a roll-out: errors against simulation, inverses against their functions."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, optimize, special

from nps_research.inflation.planning import (
    RolloutPlan,
    audit_answers_needed,
    customers_needed,
    months_needed,
    reliability_error,
    retest_pairs_needed,
)
from nps_research.intervals import normal_quantile

PLAN = RolloutPlan(8000)


def halves(plan):
    return normal_quantile(0.9) * plan.improvement_sd


def test_error_is_that_of_the_specification_where_the_slope_is_known_and_small():
    # There nothing flattens the curve: (1 / slope) sqrt(4 / (n p (1 - p))).
    plan = RolloutPlan(8000, churn_slope=0.05, improvement=0.0)
    simple = np.sqrt(4 / (8000 * 0.14 * 0.86)) / 0.05
    assert plan.improvement_sd == pytest.approx(simple, rel=1e-3)


@pytest.mark.parametrize("cells", [(8000,) * 4, (2000, 4000, 8000, 16000)])
def test_error_is_that_of_simulated_departures(cells):
    generator = np.random.default_rng(1)
    plan = RolloutPlan(cells, churn_slope=1.2, improvement=0.0)
    left = generator.binomial(cells, 0.14, (20_000, 4))
    signs = np.array([1, -1, -1, 1]) / plan.seen_slope
    found = np.std(special.logit(left / np.array(cells)) @ signs)
    assert found == pytest.approx(plan.improvement_sd, rel=0.02)


def left_odds(intercept, by, slope=2.0):
    """Log odds of the share who leave when everybody's loyalty moves, by adaptive quadrature."""

    def integrand(x):
        return (
            special.expit(intercept - slope * (x + by)) * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
        )

    return special.logit(integrate.quad(integrand, -12, 12)[0])


def test_slope_of_the_share_who_leave():
    plan = RolloutPlan(churn_rate=0.3, churn_slope=2.0)
    intercept = optimize.brentq(lambda odds: left_odds(odds, 0.0) - special.logit(0.3), -9, 9)
    found = (left_odds(intercept, -0.01) - left_odds(intercept, 0.01)) / 0.02
    assert found == pytest.approx(plan.seen_slope, rel=1e-4)


def test_more_of_everything_is_more_precise():
    base = RolloutPlan(8000, retest_pairs=100)
    better = {"customers": 16000, "churn_rate": 0.2, "reliability": 0.8, "retest_pairs": 600}
    for name, value in better.items():
        assert replace(base, **{name: value}).improvement_sd < base.improvement_sd, name


def test_sum_has_the_error_of_an_ordered_probit():
    # Information about the location of a normal variable that is cut into classes, by differences.
    cuts, step = special.ndtri(np.cumsum(PLAN.shares)[:-1]), 1e-4
    moved = [np.diff(special.ndtr(cuts - by), prepend=0, append=1) for by in (-step, 0.0, step)]
    log = np.log(moved)
    curvature = -(moved[1] @ (log[0] - 2 * log[1] + log[2])) / step**2
    expected = np.sqrt(4 / (8000 * 0.27 * curvature * PLAN.reliability))
    assert replace(PLAN, response_change=0.0).sum_sd == pytest.approx(expected, rel=1e-3)


def test_customers_needed_give_the_precision():
    n = customers_needed(0.1, PLAN)
    assert halves(replace(PLAN, customers=n)) <= 0.1 < halves(replace(PLAN, customers=n - 2))


def test_unequal_cells_keep_their_proportions():
    plan = RolloutPlan((1000, 1000, 3000, 3000), retest_pairs=600)
    n = customers_needed(0.15, plan)
    grown = replace(plan, customers=(n, n, 3 * n, 3 * n))
    assert halves(grown) == pytest.approx(0.15, rel=1e-3)


def test_months_needed_give_the_precision():
    months = months_needed(0.13, 0.0125, PLAN)
    by_month = [replace(PLAN, churn_rate=1 - (1 - 0.0125) ** m) for m in (months - 1, months)]
    assert halves(by_month[0]) > 0.13 >= halves(by_month[1])


def test_audit_answers_needed_give_the_precision():
    answers = audit_answers_needed(0.22, PLAN)
    found = [normal_quantile(0.9) * PLAN.audit_sd(n) for n in (answers - 1, answers)]
    assert found[0] > 0.22 >= found[1]


def test_retest_error_is_that_of_simulated_correlations():
    generator, pairs = np.random.default_rng(3), 400
    loyalty = np.sqrt(0.67) * generator.standard_normal((4000, pairs, 1))
    both = loyalty + np.sqrt(0.33) * generator.standard_normal((4000, pairs, 2))
    centred = both - both.mean(axis=1, keepdims=True)
    products = np.einsum("rpi,rpj->rij", centred, centred)
    found = products[:, 0, 1] / np.sqrt(products[:, 0, 0] * products[:, 1, 1])
    assert np.std(1 / np.sqrt(found)) * np.sqrt(0.67) == pytest.approx(
        reliability_error(0.67, pairs), rel=0.05
    )
    assert reliability_error(0.67, retest_pairs_needed(0.02)) <= 0.02


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RolloutPlan(churn_rate=14), "churn_rate must be between 0 and 1; found 14"),
        (lambda: RolloutPlan((8000, 8000, 0, 8000)), "customers must be a positive number"),
        (lambda: customers_needed(-0.1), "half_width must be a positive number; found -0.1"),
        (
            lambda: customers_needed(0.02, RolloutPlan(retest_pairs=50)),
            "Plan more than 50 retest_pairs",
        ),
        (lambda: audit_answers_needed(0.01), "no audit gives a half-width of 0.01"),
        (lambda: months_needed(0.01, 0.01), "half of the customers leave within 68 months"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
