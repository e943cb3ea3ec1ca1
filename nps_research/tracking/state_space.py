"""A level that walks at random from wave to wave, seen through ordered scores: density and mode.

P(score <= k in wave w) = sigmoid(cutpoint_k - level_w); the level of the first wave is 0, and
level_w - level_(w-1) is normal with mean 0 and variance step_sd**2 * gap_w. The cutpoints are those
of the first wave's shares, whose prior is a Dirichlet distribution.

The second derivatives form an arrow: levels touch their neighbours and the cutpoints only. Work
and memory therefore grow with the number of waves, not with its cube. The free vector holds the
coordinates of the cutpoints' sticks (see `ordinal.warp`), then the levels of the waves but the
first.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nps_research.compilation import MachineCode
from nps_research.ordinal.links import log_sigmoid, sigmoid, softplus
from nps_research.ordinal.warp import warped
from nps_research.tracking.arrows import (
    Arrow,
    empty_arrow,
    factored,
    one_of,
    several,
    solved_backward,
    solved_forward,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MACHINE_CODE = MachineCode(
    Path(__file__).parents[1],
    ("tracking/arrows", "tracking/state_space", "ordinal/links", "ordinal/warp"),
)
compiled = MACHINE_CODE.compiled

MAX_STEPS = 100
# Newton's decrement is twice the distance to the maximum.
DECREMENT = 1e-10
# Step of the central difference for the one derivative that has no short closed form.
DIFFERENCE = 1e-5


class Waves(NamedTuple):
    """What the density depends on, beside the step's standard deviation.

    Attributes
    ----------
    counts : numpy.ndarray, shape (waves, categories)
        Answers.
    gaps : numpy.ndarray, shape (waves - 1,)
        Time from one wave to the next.
    concentration : numpy.ndarray, shape (categories,)
        Dirichlet prior of the first wave's shares.
    warp : numpy.ndarray, shape (4, cuts)
        Coordinates of the sticks.
    """

    counts: Array
    gaps: Array
    concentration: Array
    warp: Array


class Slopes(NamedTuple):
    """First derivatives of the log density by free vector, and minus the second ones."""

    cuts: Array
    levels: Array
    curvature: Arrow


def waves_of(counts: Array, gaps: Array, concentration: Array) -> Waves:
    """Return the waves, with coordinates that suit the pooled answers.

    Parameters
    ----------
    counts, gaps, concentration : numpy.ndarray
        As in `Waves`.
    """
    totals = counts.sum(axis=0) + concentration
    stop, above = totals[:-1], np.cumsum(totals[::-1])[::-1][1:]
    centre, scale = np.log(stop / above), np.sqrt(1.0 / stop + 1.0 / above)
    warp = np.stack([centre, scale, 0.5 / stop, 0.5 / above])
    return Waves(*map(np.ascontiguousarray, (counts, gaps, concentration, warp)))


@compiled
def cutpoints_at(coordinates: Array, warp: Array) -> tuple[Array, Array, Array, Array]:
    """Return sticks, the slopes of sticks by coordinates, cutpoints and 1 - P(score <= k).

    The sticks are the log odds of stopping at a score on the way up, so that
    log P(score > k) = -sum(softplus(sticks up to k)).
    """
    n = len(coordinates)
    sticks, slopes, cuts, above = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    passed = 0.0
    for k in range(n):
        sticks[k], slopes[k], _ = warped(coordinates[k], warp[:, k])
        passed += softplus(sticks[k])
        cuts[k] = passed + math.log(-math.expm1(-passed))
        above[k] = math.exp(-passed)
    return sticks, slopes, cuts, above


@compiled
def log_density(free: Array, step_sd: float, waves: Waves) -> float:
    """Return the log density of free vector and answers, up to a constant.

    The constant is the same for every `step_sd`, whose own prior is left out.
    """
    n_cuts = waves.warp.shape[1]
    sticks, slopes, cuts, _ = cutpoints_at(free[:n_cuts], waves.warp)
    value = _log_prior_of_sticks(sticks, slopes, waves.concentration)
    value += _log_widths(cuts, waves.counts)
    level = 0.0
    for w in range(len(waves.counts)):
        if w > 0:
            step_variance = step_sd**2 * waves.gaps[w - 1]
            step = free[n_cuts + w - 1] - level
            value -= 0.5 * (step**2 / step_variance + math.log(step_variance))
            level = free[n_cuts + w - 1]
        for k in range(n_cuts):
            z = cuts[k] - level
            # log_sigmoid(-z) = log_sigmoid(z) - z
            n = waves.counts[w, k] + waves.counts[w, k + 1]
            value += n * log_sigmoid(z) - waves.counts[w, k + 1] * z
    return value


@compiled
def cutpoints_of(free: Array, warp: Array) -> Array:
    """Return the cutpoints of free vectors (draws, free), shape (draws, cuts)."""
    cuts = np.empty((len(free), warp.shape[1]))
    for draw in range(len(free)):
        cuts[draw] = cutpoints_at(free[draw, : warp.shape[1]], warp)[2]
    return cuts


@compiled
def log_densities(free: Array, step_sds: Array, waves: Waves) -> Array:
    """Return the log density of many free vectors, each with a step_sd, shape (draws,)."""
    values = np.empty(len(free))
    for draw in range(len(free)):
        values[draw] = log_density(free[draw], step_sds[draw], waves)
    return values


@compiled
def _log_prior_of_sticks(sticks: Array, slopes: Array, concentration: Array) -> float:
    value, above = 0.0, np.sum(concentration)
    for k in range(len(sticks)):
        above -= concentration[k]
        value += concentration[k] * log_sigmoid(sticks[k]) + above * log_sigmoid(-sticks[k])
        value += math.log(slopes[k])
    return value


@compiled
def _log_widths(cuts: Array, counts: Array) -> float:
    # sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)): the last factor is the
    # same in every wave.
    value = 0.0
    for k in range(1, len(cuts)):
        n = np.sum(counts[:, k])
        if n > 0.0:
            value += n * math.log(-math.expm1(cuts[k - 1] - cuts[k]))
    return value


@compiled
def derivatives(free: Array, step_sd: float, waves: Waves) -> Slopes:
    """Return the first derivatives of the log density and minus the second ones."""
    n_cuts = waves.warp.shape[1]
    n_levels = len(waves.counts) - 1
    found = Slopes(np.zeros(n_cuts), np.zeros(n_levels), empty_arrow(n_levels, n_cuts))
    _, _, cuts, _ = cutpoints_at(free[:n_cuts], waves.warp)
    _add_widths(cuts, waves.counts, found)
    _add_answers(cuts, free[n_cuts:], waves.counts, found)
    _add_steps(free[n_cuts:], step_sd, waves.gaps, found)
    _to_coordinates(free[:n_cuts], waves, found)
    return found


@compiled
def _add_widths(cuts: Array, counts: Array, found: Slopes) -> None:
    corner = found.curvature.corner
    for k in range(1, len(cuts)):
        n = np.sum(counts[:, k])
        if n > 0.0:
            width = cuts[k] - cuts[k - 1]
            slope, bend = n / math.expm1(width), n / (2.0 * math.sinh(0.5 * width)) ** 2
            found.cuts[k] += slope
            found.cuts[k - 1] -= slope
            corner[k, k] += bend
            corner[k - 1, k - 1] += bend
            corner[k, k - 1] -= bend
            corner[k - 1, k] -= bend


@compiled
def _add_answers(cuts: Array, levels: Array, counts: Array, found: Slopes) -> None:
    curvature = found.curvature
    for w in range(len(counts)):
        level = levels[w - 1] if w > 0 else 0.0
        for k in range(len(cuts)):
            n = counts[w, k] + counts[w, k + 1]
            p = sigmoid(cuts[k] - level)
            slope, bend = counts[w, k] - n * p, n * p * (1.0 - p)
            found.cuts[k] += slope
            curvature.corner[k, k] += bend
            if w > 0:
                found.levels[w - 1] -= slope
                curvature.diagonal[w - 1] += bend
                curvature.arm[w - 1, k] -= bend


@compiled
def _add_steps(levels: Array, step_sd: float, gaps: Array, found: Slopes) -> None:
    curvature = found.curvature
    for w in range(len(levels)):
        precision = 1.0 / (step_sd**2 * gaps[w])
        before = levels[w - 1] if w > 0 else 0.0
        slope = precision * (levels[w] - before)
        found.levels[w] -= slope
        curvature.diagonal[w] += precision
        if w > 0:
            found.levels[w - 1] += slope
            curvature.diagonal[w - 1] += precision
            curvature.beside[w] -= precision


@compiled
def _to_coordinates(coordinates: Array, waves: Waves, found: Slopes) -> None:
    """Turn derivatives by cutpoints into those by coordinates, and add the sticks' prior."""
    sticks, slopes, _, above = cutpoints_at(coordinates, waves.warp)
    n, curvature = len(sticks), found.curvature
    by_stick = _slopes_by_stick(sticks, above)
    gradient = _transformed(found.cuts, by_stick)
    for k in range(n):
        curvature.corner[k, k] += found.cuts[k] * above[k]
    for k in range(n):
        curvature.corner[k] = _transformed(curvature.corner[k], by_stick)
    for k in range(n):
        curvature.corner[:, k] = _transformed(curvature.corner[:, k], by_stick)
    for w in range(len(curvature.arm)):
        curvature.arm[w] = _transformed(curvature.arm[w], by_stick) * slopes
    passed_on = np.sum(waves.concentration)
    for k in range(n):
        stop = sigmoid(sticks[k])
        curvature.corner[k, k] += passed_on * stop * (1.0 - stop) - (1.0 - stop) * gradient[k]
        gradient[k] += waves.concentration[k] - passed_on * stop
        passed_on -= waves.concentration[k]
    for k in range(n):
        bend, second_bend = _bends(coordinates[k], waves.warp[:, k])
        curvature.corner[k] *= slopes[k]
        curvature.corner[:, k] *= slopes[k]
        curvature.corner[k, k] -= slopes[k] * bend * gradient[k] + second_bend
        found.cuts[k] = slopes[k] * gradient[k] + bend


@compiled
def _slopes_by_stick(sticks: Array, above: Array) -> Array:
    """Return the slopes of cutpoints by sticks, shape (cuts, sticks)."""
    n = len(sticks)
    slopes = np.zeros((n, n))
    for k in range(n):
        for j in range(k + 1):
            slopes[k, j] = sigmoid(sticks[j]) / (1.0 - above[k])
    return slopes


@compiled
def _transformed(by_cut: Array, slopes: Array) -> Array:
    """Return derivatives by sticks from derivatives by cutpoints."""
    n = len(by_cut)
    by_stick = np.zeros(n)
    for k in range(n):
        for j in range(k + 1):
            by_stick[j] += slopes[k, j] * by_cut[k]
    return by_stick


@compiled
def _bends(coordinate: float, warp: Array) -> tuple[float, float]:
    """Return the first and second derivative of the logarithm of a stick's slope."""
    _, _, here = warped(coordinate, warp)
    _, _, after = warped(coordinate + DIFFERENCE, warp)
    _, _, before = warped(coordinate - DIFFERENCE, warp)
    return here, (after - before) / (2.0 * DIFFERENCE)


@compiled
def ascend(start: Array, step_sd: float, waves: Waves, factor: Arrow) -> tuple[Array, float, bool]:
    """Maximise the log density by Newton's method.

    Parameters
    ----------
    start : numpy.ndarray
        Free vector.
    step_sd : float
        Standard deviation of a step in a unit of time.
    waves : Waves
        The answers.
    factor : Arrow
        Takes the lower factor of minus the second derivatives.

    Returns
    -------
    tuple
        Maximum, log density there, and whether it was reached.
    """
    free, value = start.copy(), log_density(start, step_sd, waves)
    for _ in range(MAX_STEPS):
        found = derivatives(free, step_sd, waves)
        ridge = 0.0
        while not factored(found.curvature, ridge, factor):
            ridge = 10.0 * ridge if ridge > 0.0 else 1e-6
        solved_forward(factor, found.cuts, found.levels)
        if ridge == 0.0 and np.sum(found.cuts**2) + np.sum(found.levels**2) < DECREMENT:
            return free, value, True
        solved_backward(factor, found.cuts, found.levels)
        step = np.concatenate((found.cuts, found.levels))
        free, value, moved = _climbed(free, step, value, step_sd, waves)
        if not moved:
            return free, value, ridge == 0.0
    return free, value, False


@compiled
def maxima(start: Array, step_sds: Array, waves: Waves) -> tuple[Array, Array, Arrow, bool]:
    """Maximise the log density for several step_sds, each from the maximum of the one before.

    Returns
    -------
    tuple
        Maxima, shape (nodes, free); log densities there, shape (nodes,); lower factors of minus the
        second derivatives, with a leading dimension of nodes; and whether all were reached.
    """
    n_cuts = waves.warp.shape[1]
    free, values = np.empty((len(step_sds), len(start))), np.empty(len(step_sds))
    factors = several(len(step_sds), len(start) - n_cuts, n_cuts)
    all_reached = True
    for node in range(len(step_sds)):
        factor = one_of(factors, node)
        start, values[node], reached = ascend(start, step_sds[node], waves, factor)
        free[node] = start
        all_reached = all_reached and reached
    return free, values, factors, all_reached


@compiled
def _climbed(
    free: Array, step: Array, value: float, step_sd: float, waves: Waves
) -> tuple[Array, float, bool]:
    """Return a higher point along a step, its value, and whether there is one."""
    for _ in range(60):
        there = log_density(free + step, step_sd, waves)
        if there > value:
            return free + step, there, True
        step = step / 2.0
    return free, value, False


@compiled
def contrast_moments(
    free: Array, factors: Arrow, rises: Array, weights: Array, waves: Waves
) -> tuple[Array, Array]:
    """Return means and standard deviations of a contrast of waves, to first order around maxima.

    Parameters
    ----------
    free, factors : numpy.ndarray and Arrow
        Maxima and factors, from `maxima`.
    rises : numpy.ndarray, shape (cuts,)
        By how much the value of an answer rises at each cut.
    weights : numpy.ndarray, shape (waves,)
        Weight of the expected value of each wave; their sum is 0.
    waves : Waves
        The answers.

    Returns
    -------
    tuple of numpy.ndarray
        Shape (nodes,) each.
    """
    means, sds = np.zeros(len(free)), np.empty(len(free))
    n_cuts = len(rises)
    for node in range(len(free)):
        sticks, slopes, cuts, above = cutpoints_at(free[node, :n_cuts], waves.warp)
        by_cut, by_level = np.zeros(n_cuts), np.zeros(len(weights))
        for w in range(len(weights)):
            level = free[node, n_cuts + w - 1] if w > 0 else 0.0
            for k in range(n_cuts):
                p = sigmoid(level - cuts[k])
                slope = weights[w] * rises[k] * p * (1.0 - p)
                means[node] += weights[w] * rises[k] * p
                by_cut[k] -= slope
                by_level[w] += slope
        by_coordinate = _transformed(by_cut, _slopes_by_stick(sticks, above)) * slopes
        solved_forward(one_of(factors, node), by_coordinate, by_level[1:])
        sds[node] = math.sqrt(np.sum(by_coordinate**2) + np.sum(by_level[1:] ** 2))
    return means, sds
