"""From a design, its priors and its geometry to the arrays of the compiled density."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from nps_research.ordinal.arrays import (
    COEFFICIENTS,
    CUT_SPECIFIC,
    CUTPOINT_GROUPS,
    CUTPOINT_PRIOR,
    DIRICHLET,
    END,
    GROUPS,
    NORMAL,
    PRIOR,
    SCALE,
    STEPS,
    STICKS,
    STRUCTURE,
    STUDENT_T,
    WIDTHS,
    Arrays,
    sums_above,
)
from nps_research.ordinal.links import LOG_2PI
from nps_research.ordinal.priors import Normal, StudentT
from nps_research.ordinal.structures import FLEXIBLE, structure_matrix
from nps_research.ordinal.tallies import (
    crossing_tallies,
    entries,
    entry_tallies,
    first_alike,
    gap_tallies,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from nps_research.ordinal.cells import Cells
    from nps_research.ordinal.design import Design
    from nps_research.ordinal.families import Family
    from nps_research.ordinal.geometry import GroupGeometry
    from nps_research.ordinal.priors import PriorNumbers

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

CUTPOINT_PRIORS = {type(None): DIRICHLET, Normal: NORMAL, StudentT: STUDENT_T}


def posterior_arrays(
    design: Design,
    family: Family,
    structure: str,
    numbers: PriorNumbers,
    geometries: Sequence[GroupGeometry],
) -> Arrays:
    """Return the arrays of a posterior density.

    Parameters
    ----------
    design : Design
        Cells and answers.
    family : Family
        Family and link.
    structure : {"flexible", "equidistant", "symmetric"}
        Of the cutpoints.
    numbers : PriorNumbers
        Priors.
    geometries : sequence of GroupGeometry
        One a block of effects.

    Returns
    -------
    Arrays
    """
    arrays = likelihood_arrays(design, family, structure, geometries)
    options = arrays.options.copy()
    options[PRIOR], options[CUTPOINT_PRIOR] = 1, CUTPOINT_PRIORS[type(numbers.cutpoints)]
    pseudo = np.ones_like(numbers.dirichlet) if numbers.cutpoints else numbers.dirichlet
    of_sticks = _warp(design, pseudo, arrays.warp.shape[1], stretch=1.0)
    of_steps = _step_warp(design.cells, numbers)
    first = arrays.starts[STEPS]
    bent = np.arange(first, first + of_steps.shape[1])
    return arrays._replace(
        options=options,
        warp=np.hstack([of_sticks, of_steps]),
        warp_positions=np.concatenate([arrays.warp_positions, bent]),
        **_priors(numbers, design, arrays, ordered=family.name == "cumulative"),
    )


def likelihood_arrays(
    design: Design, family: Family, structure: str, geometries: Sequence[GroupGeometry] = ()
) -> Arrays:
    """Return the arrays of a log-likelihood: as `posterior_arrays`, without priors."""
    starts = _starts(design, structure)
    coordinates = STICKS if structure == FLEXIBLE else WIDTHS
    n_cutpoints = design.counts.shape[1] - 1
    half = np.full(n_cutpoints + 1, 0.5)
    n_sticks = n_cutpoints if coordinates == STICKS else 0
    predictors = _predictors(design, starts)
    return Arrays(
        options=np.array([family.code, family.link_code, coordinates, 0, 0]),
        starts=starts,
        structure=_structure_matrix(structure, n_cutpoints),
        warp=_warp(design, half, n_sticks, stretch=0.0),
        warp_positions=np.arange(n_sticks),
        **_answers(design, predictors),
        **predictors,
        **_monotonic(design.cells),
        **_groups(design.cells, geometries, starts),
        **_hurdle(design.cells),
        step_concentration=np.ones(len(design.cells.monotonic)),
        dirichlet=np.ones(1),
        cutpoint_prior=np.ones(3),
        prior_means=np.zeros(starts[END]),
        prior_sds=np.full(starts[END], np.inf),
        scale_priors=np.zeros(0),
        log_constant=np.zeros(1),
    )


def _structure_matrix(structure: str, n_cutpoints: int) -> Array:
    if structure == FLEXIBLE:
        return np.zeros((n_cutpoints, 0))
    return structure_matrix(structure, n_cutpoints)


def coordinates_of_cutpoints(structure: str, n_cutpoints: int) -> int:
    """Return the number of coordinates of cutpoints with a structure."""
    if structure == FLEXIBLE:
        return n_cutpoints
    return 1 + int(structure_matrix(structure, n_cutpoints).shape[1])


def _starts(design: Design, structure: str) -> Integers:
    cells, n_cutpoints = design.cells, design.counts.shape[1] - 1
    sizes = [
        coordinates_of_cutpoints(structure, n_cutpoints),
        len(design.terms),
        sum(term.steps - 1 for term in cells.monotonic),
        len(design.scale_terms),
        len(design.cut_terms),
        sum(1 + len(term.levels) for term in cells.group_terms),
        1 + len(design.cutpoint_levels) * n_cutpoints if design.cutpoint_levels else 0,
        len(design.hurdle_terms),
    ]
    return np.array([0, *accumulate(sizes)])


def _answers(design: Design, predictors: dict[str, Any]) -> dict[str, Any]:
    given, n_cells, n_cuts = entries(design), len(design.cells), design.counts.shape[1] - 1
    by_cell = ("cutpoint_group", "scale_predictors", "cut_predictors")
    alike = first_alike(np.column_stack([predictors[name] for name in by_cell]))
    may_cross = bool(design.cut_terms)
    return {
        **entry_tallies(given, n_cells),
        **crossing_tallies(given, n_cells, n_cuts),
        "gaps": gap_tallies(given, alike, n_cuts, all_gaps=may_cross),
    }


def _predictors(design: Design, starts: Integers) -> dict[str, Any]:
    cells = design.cells
    columns = (cells.predictors, cells.scale_predictors, cells.cut_predictors)
    location, scale, cut = (_deviations(each, cells.shares) for each in columns)
    units = np.ones(starts[END])
    units[starts[COEFFICIENTS] : starts[COEFFICIENTS + 1]] = 1.0 / location
    units[starts[SCALE] : starts[SCALE + 1]] = 1.0 / scale
    units[starts[CUT_SPECIFIC] : starts[CUT_SPECIFIC + 1]] = 1.0 / cut[design.cut_columns]
    group = cells.cutpoint_group
    return {
        "predictors": _centred(cells.predictors, cells.shares) / location,
        "offset": _centred(cells.offset, cells.shares),
        "scale_predictors": np.ascontiguousarray(cells.scale_predictors / scale),
        "cut_predictors": _centred(cells.cut_predictors, cells.shares) / cut,
        "cut_columns": np.asarray(design.cut_columns, dtype=np.int64),
        "cut_loadings": np.ascontiguousarray(design.cut_loadings, dtype=float),
        "cutpoint_group": np.zeros(len(cells), dtype=np.int64) if group is None else group,
        "units": units,
    }


def _centred(columns: Array, shares: Array) -> Array:
    return np.ascontiguousarray(columns - shares @ columns)


def _deviations(columns: Array, shares: Array) -> Array:
    """Return the standard deviations among respondents; 1 for a constant column."""
    sd = np.sqrt(shares @ _centred(columns, shares) ** 2)
    return np.where(sd > 0.0, sd, 1.0)


def _monotonic(cells: Cells) -> dict[str, Any]:
    terms = cells.monotonic
    levels = 1 + max((term.steps for term in terms), default=0)
    shares = [np.bincount(term.codes, cells.shares, minlength=levels) for term in terms]
    codes = [term.codes for term in terms]
    return {
        "step_codes": np.array(codes, dtype=np.int64).reshape(len(terms), len(cells)),
        "step_counts": np.array([term.steps for term in terms], dtype=np.int64),
        "step_positions": np.array([term.position for term in terms], dtype=np.int64),
        "step_shares": np.array(shares, dtype=float).reshape(len(terms), levels),
    }


def _groups(cells: Cells, geometries: Sequence[GroupGeometry], starts: Integers) -> dict[str, Any]:
    terms, sizes = cells.group_terms, [len(each.pull) for each in geometries]
    block_starts = np.array([0, *accumulate(sizes)])
    averages = np.zeros(block_starts[-1])
    for term, start in zip(terms, block_starts, strict=False):
        averages[start : start + len(term.levels)] = term.totals(cells.shares)
    # Unseen levels belong to cells without answers: any position will do.
    positions = [np.maximum(term.index, 0) for term in terms]
    index = [each + start for each, start in zip(positions, block_starts, strict=False)]
    values, shape = [term.values for term in terms], (len(terms), len(cells))
    nothing = np.zeros((starts[STEPS], 0))
    return {
        "group_index": np.array(index, dtype=np.int64).reshape(shape),
        "group_values": np.array(values, dtype=float).reshape(shape),
        "block_starts": block_starts,
        **_block_positions(np.array(sizes, dtype=np.int64), len(terms), starts),
        "group_averages": averages,
        "information": _joined(each.information for each in geometries),
        "pull": _joined(each.pull for each in geometries),
        "projection": np.hstack([nothing, *(each.projection for each in geometries)]),
        "basis": _joined(each.basis.ravel() for each in geometries),
    }


def _joined(vectors: Iterable[Array]) -> Array:
    return np.concatenate([np.zeros(0), *vectors])


def _block_positions(sizes: Integers, n_terms: int, starts: Integers) -> dict[str, Integers]:
    """Return where blocks have their log standard deviation, and their first coordinate.

    A group-level term has its own; the cuts of cutpoints by group share one.
    """
    own = starts[GROUPS] + _sums_before(1 + sizes[:n_terms])
    by_cut = starts[CUTPOINT_GROUPS] + 1 + _sums_before(sizes[n_terms:])
    shared = np.full(len(by_cut), starts[CUTPOINT_GROUPS])
    sds = np.concatenate([own, shared])
    return {
        "block_sds": sds,
        "block_coordinates": np.concatenate([own + 1, by_cut]),
        "scale_positions": np.unique(sds),
    }


def _sums_before(sizes: Integers) -> Integers:
    return np.cumsum(sizes) - sizes


def _warp(design: Design, pseudo_answers: Array, n_sticks: int, *, stretch: float) -> Array:
    """Return the warp of sticks, around the log odds of pooled answers and pseudo-answers."""
    totals = design.counts.sum(axis=0) + pseudo_answers
    for (_, low, high), n in zip(design.censored, design.censored_n, strict=True):
        totals[low : high + 1] += n / (high - low + 1)
    return np.ascontiguousarray(_bent(totals, stretch)[:, :n_sticks])


def _step_warp(cells: Cells, numbers: PriorNumbers) -> Array:
    """Return the warp of the sticks of steps, if they are sparse: only then are tails long."""
    each = numbers.step_concentration
    sparse = cells.monotonic if each < 1.0 else ()
    warps = [_bent(np.full(term.steps, each), stretch=1.0) for term in sparse]
    return np.hstack([np.zeros((4, 0)), *warps])


def _bent(totals: Array, stretch: float) -> Array:
    """Return the warp of the sticks of answers or pseudo-answers, shape (4, categories - 1).

    A stretch of 1 makes the sticks' coordinates about normal, and one of 0 keeps the sticks.
    """
    stop, above = totals[:-1], sums_above(totals)
    centre, scale = np.log(stop / above), np.sqrt(1.0 / stop + 1.0 / above)
    return np.stack([centre, scale, 0.5 * stretch / stop, 0.5 * stretch / above])


def _hurdle(cells: Cells) -> dict[str, Any]:
    return {
        "hurdle_predictors": np.ascontiguousarray(cells.hurdle_predictors, dtype=float),
        "answered": np.asarray(cells.sizes, dtype=float),
        "unanswered": np.asarray(cells.unanswered, dtype=float),
    }


def _priors(
    numbers: PriorNumbers, design: Design, arrays: Arrays, *, ordered: bool
) -> dict[str, Any]:
    coordinates = int(arrays.options[STRUCTURE])
    means, sds = _normal_priors(numbers, arrays.starts, coordinates) / arrays.units
    prior = numbers.cutpoints
    cutpoints = [
        prior.df if isinstance(prior, StudentT) else np.inf,
        prior.mean if prior else 0.0,
        prior.sd if prior else 1.0,
    ]
    by_group = [numbers.cutpoint_sd] if design.cutpoint_levels else []
    constant = _log_constant(numbers, design, sds, coordinates, ordered=ordered)
    return {
        "step_concentration": np.full(len(design.cells.monotonic), numbers.step_concentration),
        "dirichlet": numbers.dirichlet,
        "cutpoint_prior": np.array(cutpoints),
        "prior_means": means,
        "prior_sds": sds,
        "scale_priors": np.array([*numbers.group_sd, *by_group], dtype=float),
        "log_constant": np.array([constant]),
    }


def _log_constant(
    numbers: PriorNumbers, design: Design, sds: Array, coordinates: int, *, ordered: bool
) -> float:
    """Return the logarithm of what makes the priors of all free coordinates integrate to 1."""
    proper = np.isfinite(sds)
    total = -0.5 * LOG_2PI * proper.sum() - np.log(sds[proper]).sum()
    for term, scale in zip(design.cells.group_terms, numbers.group_sd, strict=True):
        total += _half_normal_constant(scale) - 0.5 * LOG_2PI * len(term.levels)
    if levels := design.cutpoint_levels:
        deviations = len(levels) * (design.counts.shape[1] - 1)
        total += _half_normal_constant(numbers.cutpoint_sd) - 0.5 * LOG_2PI * deviations
    for monotonic in design.cells.monotonic:
        steps = np.full(monotonic.steps, numbers.step_concentration)
        total += _dirichlet_constant(steps)
    n = design.counts.shape[1] - 1
    return float(total + _cutpoint_constant(numbers, n, coordinates, ordered=ordered))


def _cutpoint_constant(numbers: PriorNumbers, n: int, coordinates: int, *, ordered: bool) -> float:
    prior = numbers.cutpoints
    if coordinates == WIDTHS:
        return 0.0
    if prior is None:
        return _dirichlet_constant(numbers.dirichlet)
    # Of the n! orders of independent draws one is ascending.
    orders = float(special.gammaln(n + 1.0)) if ordered else 0.0
    if isinstance(prior, Normal):
        return orders - n * (0.5 * LOG_2PI + float(np.log(prior.sd)))
    df = prior.df
    of_one = special.gammaln(0.5 * (df + 1.0)) - special.gammaln(0.5 * df)
    return orders + n * float(of_one - 0.5 * np.log(df * np.pi) - np.log(prior.sd))


def _dirichlet_constant(concentration: Array) -> float:
    return float(special.gammaln(concentration.sum()) - special.gammaln(concentration).sum())


def _half_normal_constant(scale: float) -> float:
    return float(np.log(2.0 / scale) - 0.5 * LOG_2PI)


def _normal_priors(numbers: PriorNumbers, starts: Integers, coordinates: int) -> Array:
    """Return means and standard deviations of all coordinates: infinite where no normal holds."""
    sizes = np.diff(starts)
    flat = [np.stack([np.zeros(size), np.full(size, np.inf)]) for size in sizes]
    blocks = [
        _width_priors(numbers, sizes[0]) if coordinates == WIDTHS else flat[0],
        numbers.coefficients,
        flat[2],
        numbers.scale_coefficients,
        numbers.cut_coefficients,
        flat[5],
        flat[6],
        numbers.no_answer,
    ]
    return np.concatenate(blocks, axis=1)


def _width_priors(numbers: PriorNumbers, size: int) -> Array:
    centre = [[0.0], [numbers.centre_sd]]
    width = [[numbers.log_width_mean], [numbers.log_width_sd]]
    return np.hstack([centre, np.repeat(width, size - 1, axis=1)])
