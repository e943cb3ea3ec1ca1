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
    DIRICHLET,
    END,
    GROUPS,
    NORMAL,
    SCALE,
    STEPS,
    STICKS,
    STUDENT_T,
    WIDTHS,
    Arrays,
)
from nps_research.ordinal.links import LOG_2PI
from nps_research.ordinal.priors import Normal, StudentT
from nps_research.ordinal.structures import FLEXIBLE, structure_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nps_research.ordinal.cells import Cells
    from nps_research.ordinal.design import Design
    from nps_research.ordinal.families import Family
    from nps_research.ordinal.geometry import GroupGeometry
    from nps_research.ordinal.priors import PriorNumbers

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]


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
        One a group-level term.

    Returns
    -------
    Arrays
    """
    coordinates = STICKS if structure == FLEXIBLE else WIDTHS
    matrix = _structure_matrix(structure, design.counts.shape[1] - 1)
    starts = _starts(design, coordinates, matrix)
    return Arrays(
        options=_options(design, family, coordinates, numbers),
        starts=starts,
        structure=matrix,
        **_answers(design),
        **_predictors(design),
        **_monotonic(design.cells),
        **_groups(design.cells, geometries, starts),
        warp=_warp(design, numbers, coordinates),
        **_hurdle(design.cells),
        **_priors(numbers, design, starts, coordinates, ordered=family.name == "cumulative"),
    )


def likelihood_arrays(design: Design, family: Family, structure: str) -> Arrays:
    """Return the arrays of a log-likelihood without group-level terms."""
    coordinates = STICKS if structure == FLEXIBLE else WIDTHS
    matrix = _structure_matrix(structure, design.counts.shape[1] - 1)
    starts = _starts(design, coordinates, matrix, grouped=False)
    options = [family.code, family.link_code, coordinates, 0, 0, int(bool(design.hurdle_terms))]
    free = starts[-1]
    return Arrays(
        options=np.array(options),
        starts=starts,
        structure=matrix,
        **_answers(design),
        **_predictors(design),
        **_monotonic(design.cells),
        **_no_groups(len(design.cells), starts),
        warp=_no_warp(starts, coordinates),
        **_hurdle(design.cells),
        dirichlet=np.ones(1),
        cutpoint_prior=np.ones(3),
        prior_means=np.zeros(free),
        prior_sds=np.full(free, np.inf),
        scale_positions=np.zeros(0, dtype=np.int64),
        scale_priors=np.zeros(0),
        log_constant=np.zeros(1),
        units=_units(design, starts),
    )


def _structure_matrix(structure: str, n_cutpoints: int) -> Array:
    if structure == FLEXIBLE:
        return np.zeros((n_cutpoints, 0))
    return structure_matrix(structure, n_cutpoints)


def _starts(
    design: Design, coordinates: int, structure: Array, *, grouped: bool = True
) -> Integers:
    n_cutpoints, n_widths = structure.shape
    cells = design.cells
    group_sizes = [len(term.levels) + 1 for term in cells.group_terms] if grouped else []
    sizes = [
        n_widths + 1 if coordinates == WIDTHS else n_cutpoints,
        len(design.terms),
        sum(term.steps - 1 for term in cells.monotonic),
        len(design.scale_terms),
        len(design.cut_terms),
        sum(group_sizes),
        1 + len(design.cutpoint_levels) * n_cutpoints if design.cutpoint_levels else 0,
        len(design.hurdle_terms),
    ]
    return np.array([0, *accumulate(sizes)])


def _options(design: Design, family: Family, coordinates: int, numbers: PriorNumbers) -> Integers:
    kinds = {type(None): DIRICHLET, Normal: NORMAL, StudentT: STUDENT_T}
    prior = kinds[type(numbers.cutpoints)]
    hurdle = int(bool(design.hurdle_terms))
    return np.array([family.code, family.link_code, coordinates, 1, prior, hurdle])


def _answers(design: Design) -> dict[str, Any]:
    cell, category = np.nonzero(design.counts)
    exact = np.column_stack([design.counts[cell, category], category, category])
    intervals = np.column_stack([design.censored_n, design.censored[:, 1:]])
    cells = np.concatenate([cell, design.censored[:, 0]])
    entries = np.concatenate([exact, intervals]).astype(float)
    order = np.argsort(cells, kind="stable")
    starts = np.searchsorted(cells[order], np.arange(len(design.cells) + 1))
    return {"entries": np.ascontiguousarray(entries[order]), "entry_starts": starts}


def _predictors(design: Design) -> dict[str, Any]:
    cells = design.cells
    group = cells.cutpoint_group
    return {
        "predictors": _standardised(cells.predictors, cells.shares),
        "offset": cells.offset - cells.shares @ cells.offset,
        "scale_predictors": np.ascontiguousarray(
            cells.scale_predictors / _deviations(cells.scale_predictors, cells.shares)
        ),
        "cut_predictors": _standardised(cells.cut_predictors, cells.shares),
        "cut_columns": np.asarray(design.cut_columns, dtype=np.int64),
        "cut_loadings": np.ascontiguousarray(design.cut_loadings, dtype=float),
        "cutpoint_group": np.zeros(len(cells), dtype=np.int64) if group is None else group,
    }


def _standardised(columns: Array, shares: Array) -> Array:
    centred = columns - shares @ columns
    return np.ascontiguousarray(centred / _deviations(columns, shares))


def _deviations(columns: Array, shares: Array) -> Array:
    """Return the standard deviations among respondents; 1 for a constant column."""
    sd = np.sqrt(shares @ (columns - shares @ columns) ** 2)
    return np.where(sd > 0.0, sd, 1.0)


def _units(design: Design, starts: Integers) -> Array:
    """Return the unit of every coordinate."""
    cells = design.cells
    units = np.ones(starts[END])
    cut = _deviations(cells.cut_predictors, cells.shares)[design.cut_columns]
    for start, deviations in (
        (COEFFICIENTS, _deviations(cells.predictors, cells.shares)),
        (SCALE, _deviations(cells.scale_predictors, cells.shares)),
        (CUT_SPECIFIC, cut),
    ):
        units[starts[start] : starts[start + 1]] = 1.0 / deviations
    return units


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
    if not geometries:
        return _no_groups(len(cells), starts)
    terms, sizes = cells.group_terms, [len(each.pull) for each in geometries]
    block_starts = np.array([0, *accumulate(sizes)])
    sds, coordinates = _block_positions(sizes, len(terms), starts)
    averages = np.zeros(block_starts[-1])
    for term, start in zip(terms, block_starts, strict=False):
        averages[start : start + len(term.levels)] = term.totals(cells.shares)
    # Unseen levels belong to cells without answers: any position will do.
    positions = [np.maximum(term.index, 0) for term in terms]
    index = [each + start for each, start in zip(positions, block_starts, strict=False)]
    return {
        "group_index": np.array(index, dtype=np.int64).reshape(len(terms), len(cells)),
        "group_values": np.array([term.values for term in terms]).reshape(len(terms), len(cells)),
        "block_starts": block_starts,
        "block_sds": sds,
        "block_coordinates": coordinates,
        "group_averages": averages,
        "information": np.concatenate([each.information for each in geometries]),
        "pull": np.concatenate([each.pull for each in geometries]),
        "projection": np.ascontiguousarray(np.hstack([each.projection for each in geometries])),
        "basis": np.concatenate([each.basis.ravel() for each in geometries]),
    }


def _block_positions(sizes: list[int], n_terms: int, starts: Integers) -> tuple[Integers, Integers]:
    """Return where blocks have their log standard deviation, and their first coordinate."""
    sds, coordinates, at = [], [], int(starts[GROUPS])
    for size in sizes[:n_terms]:
        sds.append(at)
        coordinates.append(at + 1)
        at += size + 1
    # Cutpoints by group share one standard deviation.
    by_cut = sizes[n_terms:]
    sds += [int(starts[CUTPOINT_GROUPS])] * len(by_cut)
    firsts = accumulate(by_cut, initial=int(starts[CUTPOINT_GROUPS]) + 1)
    coordinates += [first for first, _ in zip(firsts, by_cut, strict=False)]
    return np.array(sds, dtype=np.int64), np.array(coordinates, dtype=np.int64)


def _no_groups(n_cells: int, starts: Integers) -> dict[str, Any]:
    none = np.zeros(0, dtype=np.int64)
    return {
        "group_index": np.zeros((0, n_cells), dtype=np.int64),
        "group_values": np.zeros((0, n_cells)),
        "block_starts": np.zeros(1, dtype=np.int64),
        "block_sds": none,
        "block_coordinates": none,
        "group_averages": np.zeros(0),
        "information": np.zeros(0),
        "pull": np.zeros(0),
        "projection": np.zeros((starts[STEPS], 0)),
        "basis": np.zeros(0),
    }


def coordinates_of_cutpoints(structure: str, n_cutpoints: int) -> int:
    """Return the number of coordinates of cutpoints with a structure."""
    if structure == FLEXIBLE:
        return n_cutpoints
    return 1 + int(structure_matrix(structure, n_cutpoints).shape[1])


def _warp(design: Design, numbers: PriorNumbers, coordinates: int) -> Array:
    """Return the warp that makes sticks about normal, given pooled answers and pseudo-answers."""
    pseudo = numbers.dirichlet if numbers.cutpoints is None else np.ones_like(numbers.dirichlet)
    if coordinates == WIDTHS:
        return np.zeros((4, 0))
    totals = design.counts.sum(axis=0) + pseudo
    for (_, low, high), n in zip(design.censored, design.censored_n, strict=True):
        totals[low : high + 1] += n / (high - low + 1)
    stop, above = totals[:-1], np.cumsum(totals[::-1])[::-1][1:]
    centre, scale = np.log(stop / above), np.sqrt(1.0 / stop + 1.0 / above)
    return np.stack([centre, scale, 0.5 / stop, 0.5 / above])


def _no_warp(starts: Integers, coordinates: int) -> Array:
    n = 0 if coordinates == WIDTHS else int(starts[COEFFICIENTS])
    return np.stack([np.zeros(n), np.ones(n), np.zeros(n), np.zeros(n)])


def _hurdle(cells: Cells) -> dict[str, Any]:
    return {
        "hurdle_predictors": np.ascontiguousarray(cells.hurdle_predictors, dtype=float),
        "answered": np.asarray(cells.sizes, dtype=float),
        "unanswered": np.asarray(cells.unanswered, dtype=float),
    }


def _priors(
    numbers: PriorNumbers, design: Design, starts: Integers, coordinates: int, *, ordered: bool
) -> dict[str, Any]:
    units = _units(design, starts)
    means, sds = (each / units for each in _normal_priors(numbers, starts, coordinates))
    prior = numbers.cutpoints
    cutpoints = [
        prior.df if isinstance(prior, StudentT) else np.inf,
        prior.mean if prior else 0.0,
        prior.sd if prior else 1.0,
    ]
    return {
        "dirichlet": numbers.dirichlet,
        "cutpoint_prior": np.array(cutpoints),
        "prior_means": means,
        "prior_sds": sds,
        **_scales(numbers, design, starts),
        "log_constant": np.array(
            [_log_constant(numbers, design, sds, coordinates, ordered=ordered)]
        ),
        "units": units,
    }


def _scales(numbers: PriorNumbers, design: Design, starts: Integers) -> dict[str, Any]:
    """Return where group-level standard deviations are, and the scales of their priors."""
    sizes = [1 + len(term.levels) for term in design.cells.group_terms]
    positions = [int(starts[GROUPS]) + each for each in accumulate(sizes, initial=0)][: len(sizes)]
    scales = list(numbers.group_sd)
    if design.cutpoint_levels:
        positions.append(int(starts[CUTPOINT_GROUPS]))
        scales.append(numbers.cutpoint_sd)
    return {
        "scale_positions": np.array(positions, dtype=np.int64),
        "scale_priors": np.array(scales, dtype=float),
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
    for steps in design.cells.monotonic:
        total += _dirichlet_constant(np.ones(steps.steps))
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


def _normal_priors(
    numbers: PriorNumbers, starts: Integers, coordinates: int
) -> tuple[Array, Array]:
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
    means, sds = np.concatenate(blocks, axis=1)
    return means, sds


def _width_priors(numbers: PriorNumbers, size: int) -> Array:
    widths = np.full(size - 1, 1.0)
    means = np.concatenate([[0.0], numbers.log_width_mean * widths])
    return np.stack([means, np.concatenate([[numbers.centre_sd], numbers.log_width_sd * widths])])
