"""The log posterior density of an ordinal model: value and gradient, compiled once for all models.

The free vector holds, in this order: the cutpoints' coordinates, coefficients, sticks of monotonic
steps, scale coefficients, cut-specific coefficients, for every group-level term the log of its
standard deviation and its effects, the log standard deviation and the deviations of cutpoints by
group, and the coefficients of not answering. With `PRIOR` off the value is the log-likelihood.

Everything is per cell and category, so the cost does not grow with the number of respondents. The
multinomial coefficient is left out: the value is that of a model with one row an answer.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from nps_research.ordinal.arrays import (
    COEFFICIENTS,
    CUT_SPECIFIC,
    END,
    FAMILY,
    LINK,
    NO_ANSWER,
    PRIOR,
    SCALE,
    STEPS,
)
from nps_research.ordinal.compilation import compiled, inlined
from nps_research.ordinal.families import CUMULATIVE, cell_log_likelihood
from nps_research.ordinal.links import LOGIT, log_sigmoid, sigmoid
from nps_research.ordinal.logistic import add_crossings, add_gaps
from nps_research.ordinal.parts import (
    CellSlopes,
    Parts,
    add_blocks,
    block_effects,
    collect_cut_shifts,
    collect_cutpoints,
    collect_levels,
    collect_warp,
    natural_vector,
    parts_of,
    zeros_like,
)
from nps_research.ordinal.prior_density import add_priors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.arrays import Arrays

    Array = NDArray[np.float64]


@compiled
def log_density(free: Array, gradient: Array, a: Arrays) -> float:
    """Return the log posterior density of the free vector; write its gradient.

    Parameters
    ----------
    free, gradient : numpy.ndarray
        Shape (dimensions,).
    a : Arrays
        The model.

    Returns
    -------
    float
        -inf where the model gives a category a negative probability.
    """
    gradient[:] = 0.0
    effects, raw = block_effects(free, a)
    natural, bends = natural_vector(free, effects, a)
    parts, jacobians = parts_of(natural, effects, a)
    slopes = zeros_like(parts)
    value = _add_cells(natural, gradient, a, parts, slopes)
    if value == -math.inf:
        return value
    if a.starts[END] > a.starts[NO_ANSWER]:
        value += _add_hurdle(natural, gradient, a)
    if a.options[PRIOR]:
        value += add_priors(natural, gradient, a, parts.cutpoints[-1], slopes.cutpoints[-1])
    collect_cutpoints(gradient, a, jacobians, slopes)
    collect_levels(natural, gradient, a, slopes.levels)
    collect_cut_shifts(gradient, a, slopes.shifts)
    if len(effects) > 0:
        slopes.effects[:] -= np.dot(a.projection.T, gradient[: len(a.projection)])
        value += add_blocks(free, gradient, a, raw, slopes.effects)
    return value + collect_warp(gradient, a, bends)


@compiled
def log_densities(free: Array, a: Arrays) -> Array:
    """Return the log posterior densities of free vectors (draws, dimensions), shape (draws,)."""
    values, gradient = np.empty(len(free)), np.empty(free.shape[1])
    for draw in range(len(free)):
        values[draw] = log_density(free[draw], gradient, a)
    return values


@compiled
def cell_log_likelihoods(free: Array, a: Arrays) -> tuple[Array, Array]:
    """Return the log-likelihood of every cell, and its slope by the cell's eta.

    In cumulative logit models, what does not depend on eta is counted with the first cell that has
    the same cuts.

    Parameters
    ----------
    free : numpy.ndarray
        Shape (dimensions,).
    a : Arrays
        The model.
    """
    effects, _ = block_effects(free, a)
    natural, _ = natural_vector(free, effects, a)
    parts, _ = parts_of(natural, effects, a)
    cells = _cells(natural, a, parts, zeros_like(parts))
    return cells.values, cells.by_eta


@inlined
def _add_cells(natural: Array, gradient: Array, a: Arrays, parts: Parts, slopes: Parts) -> float:
    """Return the log-likelihood; add its slopes to the gradient and to `slopes`."""
    cells = _cells(natural, a, parts, slopes)
    if a.predictors.shape[1] > 0:
        gradient[a.starts[COEFFICIENTS] : a.starts[STEPS]] += np.dot(a.predictors.T, cells.by_eta)
    if a.scale_predictors.shape[1] > 0:
        gradient[a.starts[SCALE] : a.starts[CUT_SPECIFIC]] += np.dot(
            a.scale_predictors.T, cells.by_log_sd
        )
    _spread(a, cells.by_eta, slopes)
    for m in range(len(a.step_counts)):
        at = a.starts[COEFFICIENTS] + a.step_positions[m]
        gradient[at] += np.sum(parts.levels[m] * slopes.levels[m])
    return np.sum(cells.values)


@inlined
def _cells(natural: Array, a: Arrays, parts: Parts, slopes: Parts) -> CellSlopes:
    """Return the log-likelihood of every cell and its slopes; add those by parts to `slopes`."""
    eta = _linear_predictor(natural[a.starts[COEFFICIENTS] : a.starts[STEPS]], a, parts)
    precision = _precision(natural[a.starts[SCALE] : a.starts[CUT_SPECIFIC]], a)
    cells = CellSlopes(np.zeros(len(eta)), np.zeros(len(eta)), np.zeros(len(eta)))
    if a.options[FAMILY] == CUMULATIVE and a.options[LINK] == LOGIT:
        add_gaps(a, precision, parts, slopes, cells)
        add_crossings(a, eta, precision, parts, slopes, cells)
    else:
        _add_answers(a, eta, precision, parts, slopes, cells)
    return cells


@inlined
def _linear_predictor(coefficients: Array, a: Arrays, parts: Parts) -> Array:
    """Return eta of every cell less that of the average respondent."""
    eta = a.offset - np.sum(a.group_averages * parts.effects)
    if len(coefficients) > 0:
        eta += np.dot(a.predictors, coefficients)
    for m in range(len(a.step_counts)):
        eta += coefficients[a.step_positions[m]] * parts.levels[m][a.step_codes[m]]
    for term in range(a.group_index.shape[0]):
        eta += a.group_values[term] * parts.effects[a.group_index[term]]
    return eta


@inlined
def _precision(scale: Array, a: Arrays) -> Array:
    """Return the reciprocal of every cell's latent standard deviation."""
    if len(scale) == 0:
        return np.ones(len(a.offset))
    return np.asarray(np.exp(-np.dot(a.scale_predictors, scale)))


@inlined
def _spread(a: Arrays, by_eta: Array, slopes: Parts) -> None:
    """Add the slopes by eta to those of steps and group effects, which are centred in eta."""
    total = np.sum(by_eta)
    for m in range(len(a.step_counts)):
        for j in range(len(by_eta)):
            slopes.levels[m, a.step_codes[m, j]] += by_eta[j]
        slopes.levels[m] -= total * a.step_shares[m]
    for term in range(a.group_index.shape[0]):
        for j in range(len(by_eta)):
            slopes.effects[a.group_index[term, j]] += a.group_values[term, j] * by_eta[j]
    slopes.effects[:] -= total * a.group_averages


@inlined
def _add_answers(
    a: Arrays, eta: Array, precision: Array, parts: Parts, slopes: Parts, cells: CellSlopes
) -> None:
    """Add the log-likelihood of every cell, and its slopes by cells and by parts."""
    # `a` is taken apart here: handing all of it to a function costs as much as a cell.
    entries, entry_starts, cutpoint_group = a.entries, a.entry_starts, a.cutpoint_group
    cut_predictors, cutpoints, shifts = a.cut_predictors, parts.cutpoints, parts.shifts
    by_cutpoint, by_shift = slopes.cutpoints, slopes.shifts
    values, by_eta, by_log_sd = cells
    family, link = a.options[FAMILY], a.options[LINK]
    n_cuts, n_shifts = cutpoints.shape[1], len(shifts)
    few = family == CUMULATIVE and n_shifts == 0
    z, by_z, work = np.empty(n_cuts), np.empty(n_cuts), np.empty((2, n_cuts + 1))
    for j in range(len(eta)):
        first, last, group = entry_starts[j], entry_starts[j + 1], cutpoint_group[j]
        low, high = _cuts_of_entries(entries, first, last, n_cuts) if few else (0, n_cuts)
        for k in range(low, high):
            z[k] = (cutpoints[group, k] - eta[j]) * precision[j]
            by_z[k] = 0.0
        if n_shifts > 0 and not _shifted(z, shifts, cut_predictors[j], precision[j], family):
            values[j] = -math.inf
            return
        values[j] = cell_log_likelihood(family, link, z, entries, first, last, work, by_z)
        for k in range(low, high):
            by_position = by_z[k] * precision[j]
            by_eta[j] -= by_position
            by_log_sd[j] -= by_z[k] * z[k]
            by_cutpoint[group, k] += by_position
            for r in range(n_shifts):
                by_shift[r, k] -= cut_predictors[j, r] * by_position


@inlined
def _shifted(z: Array, shifts: Array, predictors: Array, precision: float, family: int) -> bool:
    """Add cut-specific effects to all cuts; return whether all categories are possible."""
    for k in range(len(z)):
        for r in range(len(shifts)):
            z[k] -= predictors[r] * shifts[r, k] * precision
        if family == CUMULATIVE and k > 0 and z[k] < z[k - 1]:
            return False
    return True


@inlined
def _cuts_of_entries(entries: Array, first: int, last: int, n_cuts: int) -> tuple[int, int]:
    """Return the range of cuts that matter: cumulative answers see only their neighbours."""
    low, high = n_cuts, 0
    for entry in range(first, last):
        low = min(low, int(entries[entry, 1]) - 1)
        high = max(high, int(entries[entry, 2]) + 1)
    return max(low, 0), min(high, n_cuts)


@inlined
def _add_hurdle(natural: Array, gradient: Array, a: Arrays) -> float:
    """Return the log-likelihood of answering or not."""
    start, end = a.starts[NO_ANSWER], a.starts[END]
    log_odds = np.dot(a.hurdle_predictors, natural[start:end])
    value, slopes = 0.0, np.empty(len(log_odds))
    for j in range(len(log_odds)):
        silent, n = a.unanswered[j], a.unanswered[j] + a.answered[j]
        value += silent * log_sigmoid(log_odds[j]) + a.answered[j] * log_sigmoid(-log_odds[j])
        slopes[j] = silent - n * sigmoid(log_odds[j])
    gradient[start:end] += np.dot(a.hurdle_predictors.T, slopes)
    return value
