"""Log prior densities of the free vector, except those of group effects, with their gradients."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from nps_research.ordinal.arrays import (
    CUTPOINT_PRIOR,
    CUTPOINTS,
    DIRICHLET,
    FAMILY,
    LINK,
    NORMAL,
    STEPS,
    STICKS,
    STRUCTURE,
)
from nps_research.ordinal.compilation import compiled, inlined
from nps_research.ordinal.families import ADJACENT, CUMULATIVE, own_log_odds, stopping_link
from nps_research.ordinal.links import (
    log_pdf,
    log_sigmoid,
    sigmoid,
    slope_of_log_pdf,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.arrays import Arrays

    Array = NDArray[np.float64]


@inlined
def add_priors(
    free: Array, gradient: Array, a: Arrays, cutpoints: Array, by_cutpoint: Array
) -> float:
    """Return the log prior of everything but group-level effects.

    Parameters
    ----------
    free, gradient : numpy.ndarray
        Slopes are added to the gradient, shape (dimensions,).
    a : Arrays
        The model.
    cutpoints, by_cutpoint : numpy.ndarray
        The average respondent's; slopes are added to `by_cutpoint`, shape (cutpoints,).
    """
    value = float(a.log_constant[0]) + _add_normal_priors(free, gradient, a)
    value += _add_cutpoint_prior(free, gradient, a, cutpoints, by_cutpoint)
    value += _add_step_priors(free, gradient, a)
    for i in range(len(a.scale_positions)):
        value += _add_half_normal(free, gradient, a.scale_positions[i], a.scale_priors[i])
    return value


@compiled
def _add_half_normal(free: Array, gradient: Array, at: int, scale: float) -> float:
    """Return the log prior of a standard deviation whose logarithm is sampled."""
    ratio = math.exp(2.0 * free[at]) / scale**2
    gradient[at] += 1.0 - ratio
    return float(free[at] - 0.5 * ratio)


@inlined
def _add_normal_priors(free: Array, gradient: Array, a: Arrays) -> float:
    """Return the log normal priors of the coordinates with a finite standard deviation."""
    value = 0.0
    for i in range(len(free)):
        sd = a.prior_sds[i]
        if sd < math.inf:
            distance = (free[i] - a.prior_means[i]) / sd
            value -= 0.5 * distance * distance
            gradient[i] -= distance / sd
    return value


@inlined
def _add_cutpoint_prior(
    free: Array, gradient: Array, a: Arrays, cutpoints: Array, by_cutpoint: Array
) -> float:
    """Return the log prior of the cutpoints' sticks; add slopes by sticks and by cutpoints."""
    if a.options[STRUCTURE] != STICKS:
        return 0.0
    if a.options[CUTPOINT_PRIOR] == DIRICHLET:
        return _add_sticks(free, gradient, a.starts[CUTPOINTS], a.dirichlet)
    return _add_cutpoint_densities(free, gradient, a, cutpoints, by_cutpoint)


@inlined
def _add_cutpoint_densities(
    free: Array, gradient: Array, a: Arrays, cutpoints: Array, by_cutpoint: Array
) -> float:
    """Return the log density of the sticks whose cutpoints have independent priors.

    The Jacobian of cutpoints by sticks is triangular: what counts is its diagonal, p (1 - p) / f
    for a cutpoint with the density f where the distribution function is p.
    """
    n, start = len(cutpoints), a.starts[CUTPOINTS]
    ordered = a.options[FAMILY] == CUMULATIVE
    link = a.options[LINK] if ordered else stopping_link(a.options[FAMILY], a.options[LINK])
    value = 0.0
    for k in range(n):
        density, slope = _log_cutpoint_density(a, cutpoints[k])
        value += density - log_pdf(link, cutpoints[k])
        by_cutpoint[k] += slope - slope_of_log_pdf(link, cutpoints[k])
    sticks, slopes = free[start : start + n], gradient[start : start + n]
    if ordered:
        return value + _add_cumulative_jacobian(sticks, slopes)
    return value + _add_sequential_jacobian(a.options[FAMILY], sticks, slopes)


@inlined
def _log_cutpoint_density(a: Arrays, x: float) -> tuple[float, float]:
    """Return the log density of one cutpoint, and its slope."""
    df, mean, sd = a.cutpoint_prior[0], a.cutpoint_prior[1], a.cutpoint_prior[2]
    distance = (x - mean) / sd
    if a.options[CUTPOINT_PRIOR] == NORMAL:
        return -0.5 * distance * distance, -distance / sd
    value = -0.5 * (df + 1.0) * math.log1p(distance * distance / df)
    return value, -(df + 1.0) * distance / (sd * (df + distance * distance))


@compiled
def _add_cumulative_jacobian(sticks: Array, slopes: Array) -> float:
    # p (1 - p) and the slope of log odds by stick make P(Y > k) sigmoid(stick).
    value, log_above = 0.0, 0.0
    n = len(sticks)
    for k in range(n):
        log_above += log_sigmoid(-sticks[k])
        value += log_above + log_sigmoid(sticks[k])
        slopes[k] += sigmoid(-sticks[k]) - (n - k) * sigmoid(sticks[k])
    return value


@compiled
def _add_sequential_jacobian(family: int, sticks: Array, slopes: Array) -> float:
    value, last = 0.0, len(sticks) - 1
    for k in range(last + 1):
        log_odds = own_log_odds(family, sticks, k)
        value += log_sigmoid(log_odds) + log_sigmoid(-log_odds)
        slope = 1.0 - 2.0 * sigmoid(log_odds)
        slopes[k] += slope
        if family == ADJACENT and k < last:
            slopes[k + 1] -= slope * sigmoid(-sticks[k + 1])
    return value


@compiled
def _add_sticks(free: Array, gradient: Array, start: int, concentration: Array) -> float:
    """Return the log density of log odds of Beta variables, sticks of Dirichlet shares.

    Constants are in `Arrays.log_constant`, here as everywhere.
    """
    value, remaining = 0.0, np.sum(concentration)
    for k in range(len(concentration) - 1):
        stop, pass_on = concentration[k], remaining - concentration[k]
        stick = free[start + k]
        value += stop * log_sigmoid(stick) + pass_on * log_sigmoid(-stick)
        gradient[start + k] += stop - remaining * sigmoid(stick)
        remaining = pass_on
    return value


@inlined
def _add_step_priors(free: Array, gradient: Array, a: Arrays) -> float:
    value, at = 0.0, a.starts[STEPS]
    for m in range(len(a.step_counts)):
        concentration = np.full(a.step_counts[m], a.step_concentration[m])
        value += _add_sticks(free, gradient, at, concentration)
        at += a.step_counts[m] - 1
    return value
