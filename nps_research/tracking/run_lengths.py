"""How many waves until a rule raises an alarm, on average: exact for standard normal waves.

A wave's distance from the centre is taken as normal, with a known centre and spread. With the few
waves and the estimated baseline of a real survey, see `nps_research.tracking.monitoring`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, special

from nps_research.tracking.control_charts import Cusum, Ewma, Shewhart

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

# Points of the Gauss-Legendre rule: doubling them changes no digit that is printed.
POINTS = 80


@singledispatch
def average_run_length(rule: object, shift: float = 0.0) -> float:  # noqa: ARG001  (of the others)
    """Return the mean number of waves until an alarm, that wave included.

    Parameters
    ----------
    rule : Shewhart, Cusum or Ewma
        The rule. For `Ewma` the limits are those of many waves, which are a little wider than the
        ones it uses in the first waves.
    shift : float
        Distance of the true NPS from the centre, in standard errors of a wave; with 0 it is the
        mean time between false alarms.

    Returns
    -------
    float
        Waves.

    Raises
    ------
    TypeError
        If the run length of the rule has no known equation.

    Notes
    -----
    CUSUM and EWMA solve the integral equation of the run length from each state (Page 1954,
    "Continuous Inspection Schemes"; Crowder 1987, "A Simple Method for Studying Run-Length
    Distributions of Exponentially Weighted Moving Average Charts") by Gauss-Legendre quadrature.

    Examples
    --------
    >>> round(average_run_length(Shewhart(3.0)), 1), round(average_run_length(Shewhart(3.0), 1), 1)
    (370.4, 43.9)
    """
    known = "Shewhart, Cusum and Ewma"
    raise TypeError(
        f"no equation for the run length of {type(rule).__name__} is known here; it is for {known}."
        " Simulate it with nps_research.tracking.monitoring.watch."
    )


@average_run_length.register
def _shewhart(rule: Shewhart, shift: float = 0.0) -> float:
    beyond = special.ndtr(shift - rule.limit) + special.ndtr(-shift - rule.limit)
    return float(1.0 / beyond)


@average_run_length.register
def _cusum(rule: Cusum, shift: float = 0.0) -> float:
    # The two sums cannot both be on their way to an alarm (Kemp 1961, "The Average Run Length of
    # the Cumulative Sum Chart When a V-Mask Is Used"): their alarm rates add up.
    rates = [1.0 / _one_sided_cusum(rule, mean) for mean in (shift, -shift)]
    return 1.0 / sum(rates)


@average_run_length.register
def _ewma(rule: Ewma, shift: float = 0.0) -> float:
    keep, edge = 1.0 - rule.weight, rule.limit * np.sqrt(rule.weight / (2.0 - rule.weight))
    states, weights = _points(-edge, edge)

    def density(start: Array) -> Array:
        return _normal((states - keep * start) / rule.weight - shift) * weights / rule.weight

    run = np.linalg.solve(np.eye(POINTS) - density(states[:, None]), np.ones(POINTS))
    return float(1.0 + density(np.zeros(1)) @ run)


def limit_for[R: (Shewhart, Cusum, Ewma)](rule: R, waves: float) -> R:
    """Return the rule with the limit that gives one false alarm in so many waves, on average.

    Parameters
    ----------
    rule : Shewhart, Cusum or Ewma
        Its other settings are kept.
    waves : float
        Average run length in a stable world, from 2 to 100,000.

    Raises
    ------
    ValueError
        If `waves` is out of range.

    Examples
    --------
    >>> limit_for(Cusum(), 370).limit.__round__(2), limit_for(Shewhart(), 20).limit.__round__(2)
    (4.77, 1.96)
    """
    if not 2.0 <= waves <= 100_000.0:
        raise ValueError(f"waves must be from 2 to 100,000; found {waves!r}.")

    def excess(limit: float) -> float:
        return float(np.log(average_run_length(replace(rule, limit=limit)) / waves))

    # With far larger limits than needed, the equation is singular to the last digit.
    high = next(limit for limit in np.arange(1.0, 40.0) if excess(limit) > 0.0)
    return replace(rule, limit=float(optimize.brentq(excess, 0.01, high, xtol=1e-10)))


def _one_sided_cusum(rule: Cusum, mean: float) -> float:
    """Return the run length of the upper sum, which starts at 0 and returns to it often."""
    states, weights = _points(0.0, rule.limit)
    drift = mean - rule.allowance

    def row(start: Array) -> Array:
        to_zero = special.ndtr(-start - drift)
        return np.hstack([to_zero, _normal(states - start - drift) * weights])

    rows = np.vstack([row(np.zeros((1, 1))), row(states[:, None])])
    run = np.linalg.solve(np.eye(POINTS + 1) - rows, np.ones(POINTS + 1))
    return float(run[0])


def _points(low: float, high: float) -> tuple[Array, Array]:
    points, weights = special.roots_legendre(POINTS)
    half = 0.5 * (high - low)
    return low + half * (points + 1.0), half * weights


def _normal(x: Array) -> Array:
    return np.asarray(np.exp(-0.5 * x**2) / np.sqrt(2.0 * np.pi))
