"""What the free vector means: cutpoints, steps, effects, shifts, and their slopes on the way back.

Functions named ``collect`` carry the slopes of the density by a part to its coordinates.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nps_research.ordinal.arrays import (
    COEFFICIENTS,
    CUT_SPECIFIC,
    CUTPOINTS,
    FAMILY,
    LINK,
    STEPS,
    STICKS,
    STRUCTURE,
)
from nps_research.ordinal.compilation import compiled, inlined
from nps_research.ordinal.families import stick_cutpoints
from nps_research.ordinal.links import sigmoid
from nps_research.ordinal.warp import warped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.arrays import Arrays

    Array = NDArray[np.float64]


class Parts(NamedTuple):
    """What the free vector means, or the slopes of the density by it.

    Attributes
    ----------
    cutpoints : numpy.ndarray, shape (groups + 1, cutpoints)
        Of every group of cutpoints and, last, without a group.
    levels : numpy.ndarray, shape (monotonic terms, levels)
        Sum of the steps below every level, less its average over respondents.
    effects : numpy.ndarray, shape (effects,)
        Group-level effects of all terms.
    shifts : numpy.ndarray, shape (columns, cutpoints)
        Coefficient of every cut predictor at every cut.
    """

    cutpoints: Array
    levels: Array
    effects: Array
    shifts: Array


class CellSlopes(NamedTuple):
    """The log-likelihood of every cell, and its slopes.

    Attributes
    ----------
    values, by_eta, by_log_sd : numpy.ndarray, shape (cells,)
        Log-likelihood, and its slopes by the cell's eta and by the logarithm of its latent standard
        deviation.
    """

    values: Array
    by_eta: Array
    by_log_sd: Array


@inlined
def parts_of(natural: Array, effects: Array, a: Arrays) -> tuple[Parts, Array]:
    """Return the parts, and the derivatives of cutpoints by their coordinates."""
    cutpoints, jacobians = _cutpoints(natural, effects, a)
    return Parts(cutpoints, _levels(natural, a), effects, _cut_shifts(natural, a)), jacobians


@inlined
def zeros_like(parts: Parts) -> Parts:
    """Return slopes of zero."""
    return Parts(
        np.zeros_like(parts.cutpoints),
        np.zeros_like(parts.levels),
        np.zeros_like(parts.effects),
        np.zeros_like(parts.shifts),
    )


@inlined
def natural_vector(free: Array, effects: Array, a: Arrays) -> tuple[Array, Array]:
    """Return the free vector with sticks and coefficients in place of their coordinates.

    The second array, shape (2, bent sticks), has the slopes of the sticks by their coordinates, and
    the slopes of the logarithms of these.
    """
    natural, bends = free.copy(), np.empty((2, a.warp.shape[1]))
    for k in range(a.warp.shape[1]):
        at = a.warp_positions[k]
        natural[at], bends[0, k], bends[1, k] = warped(free[at], a.warp[:, k])
    if len(effects) > 0:
        natural[: len(a.projection)] -= np.dot(a.projection, effects)
    return natural, bends


@compiled
def natural_rows(free: Array, a: Arrays) -> tuple[Array, Array, Array]:
    """Return natural vectors, effects, and effects in the coordinates of their bases.

    Parameters
    ----------
    free : numpy.ndarray
        Shape (draws, dimensions).
    a : Arrays
        The model.

    Returns
    -------
    tuple of numpy.ndarray
        Shapes (draws, dimensions), (draws, effects) and (draws, effects).
    """
    natural = np.empty_like(free)
    effects, raw = np.empty((len(free), len(a.pull))), np.empty((len(free), len(a.pull)))
    for draw in range(len(free)):
        effects[draw], by_basis = block_effects(free[draw], a)
        raw[draw] = by_basis[0]
        natural[draw], _ = natural_vector(free[draw], effects[draw], a)
    return natural, effects, raw


@inlined
def _cutpoints(natural: Array, effects: Array, a: Arrays) -> tuple[Array, Array]:
    """Return the cutpoints of every group, and their derivatives by their coordinates."""
    own = natural[a.starts[CUTPOINTS] : a.starts[COEFFICIENTS]]
    n = a.structure.shape[0]
    if a.options[STRUCTURE] == STICKS:
        first = a.block_starts[a.group_index.shape[0]]
        groups = (len(effects) - first) // n
        deviations = effects[first:].reshape(n, groups)
        cutpoints, jacobians = np.empty((groups + 1, n)), np.empty((groups + 1, n, n))
        family, link = a.options[FAMILY], a.options[LINK]
        for group in range(groups):
            sticks = own + deviations[:, group]
            stick_cutpoints(family, link, sticks, cutpoints[group], jacobians[group])
        stick_cutpoints(family, link, own, cutpoints[groups], jacobians[groups])
        return cutpoints, jacobians
    cutpoints, jacobians = np.zeros((1, n)), np.zeros((1, n, len(own)))
    cutpoints[0] = own[0]
    jacobians[0, :, 0] = 1.0
    for i in range(a.structure.shape[1]):
        jacobians[0, :, i + 1] = a.structure[:, i] * math.exp(own[i + 1])
        cutpoints[0] += jacobians[0, :, i + 1]
    return cutpoints, jacobians


@inlined
def _levels(natural: Array, a: Arrays) -> Array:
    """Return the centred sum of the steps below every level, shape (monotonic terms, levels)."""
    levels = np.zeros(a.step_shares.shape)
    at = a.starts[STEPS]
    for m in range(len(a.step_counts)):
        above = 1.0
        for step in range(1, a.step_counts[m]):
            above *= sigmoid(-natural[at])
            levels[m, step] = 1.0 - above
            at += 1
        levels[m, a.step_counts[m]] = 1.0
        levels[m] -= np.sum(levels[m] * a.step_shares[m])
    return levels


@inlined
def block_effects(free: Array, a: Arrays) -> tuple[Array, Array]:
    """Return the effects of all blocks, and the same by their bases with their slopes by log sd.

    A sampled coordinate counts standard deviations from the mean that the answers suggest, given
    the group-level standard deviation. The second array has shape (2, effects).
    """
    effects, raw = np.zeros(len(a.pull)), np.zeros((2, len(a.pull)))
    basis_start = 0
    for block in range(len(a.block_sds)):
        first, last = a.block_starts[block], a.block_starts[block + 1]
        n, at = last - first, a.block_coordinates[block]
        variance = math.exp(2.0 * free[a.block_sds[block]])
        left = 1.0 / (1.0 + a.information[first:last] * variance)
        scaled = np.sqrt(variance * left) * free[at : at + n]
        suggested = a.pull[first:last] * variance * left
        raw[0, first:last] = suggested + scaled
        raw[1, first:last] = (2.0 * suggested + scaled) * left
        basis = a.basis[basis_start : basis_start + n * n].reshape(n, n)
        effects[first:last] = np.dot(basis, raw[0, first:last])
        basis_start += n * n
    return effects, raw


@inlined
def _cut_shifts(natural: Array, a: Arrays) -> Array:
    shifts = np.zeros((a.cut_predictors.shape[1], a.structure.shape[0]))
    for i in range(len(a.cut_columns)):
        shifts[a.cut_columns[i]] += natural[a.starts[CUT_SPECIFIC] + i] * a.cut_loadings[i]
    return shifts


@inlined
def collect_cutpoints(gradient: Array, a: Arrays, jacobians: Array, slopes: Parts) -> None:
    """Add the slopes by cutpoints to those by their coordinates, and by the groups' deviations."""
    start, n_own = a.starts[CUTPOINTS], a.starts[COEFFICIENTS] - a.starts[CUTPOINTS]
    first, groups = a.block_starts[a.group_index.shape[0]], len(jacobians) - 1
    for group in range(groups + 1):
        by_own = np.dot(jacobians[group].T, slopes.cutpoints[group])
        gradient[start : start + n_own] += by_own
        if group < groups:
            for k in range(n_own):
                slopes.effects[first + k * groups + group] += by_own[k]


@inlined
def collect_warp(gradient: Array, a: Arrays, bends: Array) -> float:
    """Turn the slopes by sticks into those by their coordinates; return the log volume."""
    value = 0.0
    for k in range(bends.shape[1]):
        at = a.warp_positions[k]
        gradient[at] = gradient[at] * bends[0, k] + bends[1, k]
        value += math.log(bends[0, k])
    return value


@inlined
def collect_levels(natural: Array, gradient: Array, a: Arrays, by_level: Array) -> None:
    """Add the slopes by cumulated steps to those by their sticks."""
    at = a.starts[STEPS]
    for m in range(len(a.step_counts)):
        coefficient = natural[a.starts[COEFFICIENTS] + a.step_positions[m]]
        n = a.step_counts[m] - 1
        for i in range(n):
            # Above stick i the share left, 1 - levels, has the factor sigmoid(-stick).
            stop, left = sigmoid(natural[at + i]), 1.0
            for step in range(1, n + 1):
                left *= sigmoid(-natural[at + step - 1])
                if step > i:
                    gradient[at + i] += coefficient * by_level[m, step] * stop * left
        at += n


@inlined
def collect_cut_shifts(gradient: Array, a: Arrays, by_shift: Array) -> None:
    """Add the slopes by the coefficients at every cut to those by their coordinates."""
    for i in range(len(a.cut_columns)):
        slope = np.sum(by_shift[a.cut_columns[i]] * a.cut_loadings[i])
        gradient[a.starts[CUT_SPECIFIC] + i] += slope


@inlined
def add_blocks(free: Array, gradient: Array, a: Arrays, raw: Array, by_effect: Array) -> float:
    """Return the log prior of all effects given their sd; add all slopes by their coordinates.

    `raw` is that of `block_effects`.
    """
    value, basis_start = 0.0, 0
    for block in range(len(a.block_sds)):
        first, last = a.block_starts[block], a.block_starts[block + 1]
        n, at, log_sd = last - first, a.block_coordinates[block], a.block_sds[block]
        basis = a.basis[basis_start : basis_start + n * n].reshape(n, n)
        by_raw = np.dot(basis.T, by_effect[first:last])
        variance = math.exp(2.0 * free[log_sd])
        for i in range(n):
            e, informed = first + i, a.information[first + i] * variance
            square = raw[0, e] * raw[0, e] / variance
            by_raw[i] -= raw[0, e] / variance
            value -= 0.5 * (square + math.log1p(informed))
            gradient[log_sd] += square - informed / (1.0 + informed) + by_raw[i] * raw[1, e]
            gradient[at + i] += by_raw[i] * math.sqrt(variance / (1.0 + informed))
        basis_start += n * n
    return value
