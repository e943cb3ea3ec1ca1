"""Average run lengths: closed forms, published tables and simulation."""

import numpy as np
import pytest
from scipy import special

from nps_research.tracking.control_charts import RULES, Cusum, Ewma, Move, Shewhart
from nps_research.tracking.run_lengths import average_run_length, limit_for


@pytest.mark.parametrize(("limit", "shift"), [(3.0, 0.0), (3.0, 1.5), (2.0, -1.0)])
def test_shewhart_is_geometric(limit, shift):
    beyond = 1 - special.ndtr(limit - shift) + special.ndtr(-limit - shift)
    assert average_run_length(Shewhart(limit), shift) == pytest.approx(1 / beyond)


# Montgomery, "Introduction to Statistical Quality Control", table of the tabular CUSUM, k = 1/2.
@pytest.mark.parametrize(
    ("limit", "shift", "published"),
    [
        *((4, 0, 168), (4, 0.25, 74.2), (4, 0.5, 26.6), (4, 1, 8.38), (4, 2, 3.34)),
        *((5, 0, 465), (5, 0.25, 139), (5, 0.5, 38.0), (5, 1, 10.4), (5, 2, 4.01)),
    ],
)
def test_cusum_agrees_with_the_published_table(limit, shift, published):
    assert average_run_length(Cusum(limit), shift) == pytest.approx(published, rel=0.005)


# Lucas and Saccucci 1990, "Exponentially Weighted Moving Average Control Schemes".
@pytest.mark.parametrize(
    ("weight", "limit", "shift", "published"),
    [
        *((0.1, 2.814, 0, 500), (0.1, 2.814, 0.5, 31.3), (0.1, 2.814, 1, 10.3)),
        *((0.2, 2.962, 0, 500), (0.2, 2.962, 0.5, 41.8), (0.2, 2.962, 1, 10.5)),
        *((0.4, 3.054, 0, 500), (0.4, 3.054, 0.5, 71.2), (0.4, 3.054, 1, 14.3)),
    ],
)
def test_ewma_agrees_with_the_published_table(weight, limit, shift, published):
    found = average_run_length(Ewma(limit, weight), shift)
    assert found == pytest.approx(published, rel=0.005)


@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_a_cusum_without_allowance_for_the_past_is_a_shewhart_chart(shift):
    # A sum that an alarm follows in one step: limits far below the allowance.
    rule = Cusum(limit=1e-9, allowance=2.5)
    assert average_run_length(rule, shift) == pytest.approx(
        average_run_length(Shewhart(2.5), shift), rel=1e-6
    )


def test_an_ewma_of_weight_one_is_a_shewhart_chart():
    rule = Ewma(limit=2.0, weight=1.0)
    assert average_run_length(rule, 0.5) == pytest.approx(average_run_length(Shewhart(2.0), 0.5))


def test_siegmunds_approximation_is_close():
    # Siegmund 1985, "Sequential Analysis": limit + 1.166 in place of the limit.
    def one_sided(drift, limit):
        edge = limit + 1.166
        return (np.exp(-2 * drift * edge) + 2 * drift * edge - 1) / (2 * drift**2)

    rates = [1 / one_sided(mean - 0.5, 5.0) for mean in (1.0, -1.0)]
    assert average_run_length(Cusum(5.0), 1.0) == pytest.approx(1 / sum(rates), rel=0.02)


@pytest.mark.parametrize("rule", [Shewhart(), Cusum(), Ewma()])
@pytest.mark.parametrize("waves", [4.0, 370.0])
def test_limits_give_the_run_length_asked_for(rule, waves):
    assert average_run_length(limit_for(rule, waves)) == pytest.approx(waves, rel=1e-8)


@pytest.mark.parametrize("name", ["Shewhart", "CUSUM", "EWMA"])
def test_default_rules_give_the_false_alarms_they_name(name):
    assert average_run_length(RULES[name]) == pytest.approx(370.4, rel=0.002)


def test_bad_input_is_refused():
    with pytest.raises(TypeError, match="Move is known"):
        average_run_length(Move())
    with pytest.raises(ValueError, match=r"waves must be from 2 to 100,000; found 1\.0"):
        limit_for(Shewhart(), 1.0)
