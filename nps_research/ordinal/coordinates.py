"""Between free vectors and the parameters that a reader knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from nps_research.ordinal.arrays import (
    COEFFICIENTS,
    CUT_SPECIFIC,
    CUTPOINT_GROUPS,
    CUTPOINTS,
    NO_ANSWER,
    SCALE,
    STEPS,
    STICKS,
    STRUCTURE,
    sums_above,
)
from nps_research.ordinal.parts import natural_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.arrays import Arrays
    from nps_research.ordinal.cells import Monotonic
    from nps_research.ordinal.design import Design
    from nps_research.ordinal.families import Family

    Array = NDArray[np.float64]
    type Draws = dict[str, Array]


def parameter_dims(design: Design) -> dict[str, tuple[str, ...]]:
    """Return the dims, beside chain and draw, of every parameter of the flexible model."""
    dims: dict[str, tuple[str, ...]] = {
        "sticks": ("cutpoint",),
        "shares": ("score",),
        "cutpoints": ("cutpoint",),
        "coefficients": ("term",),
        "scale_coefficients": ("scale_term",),
        "cut_coefficients": ("cut_term",),
        "no_answer": ("hurdle_term",),
        "cutpoint_centre": (),
        "log_widths": ("width",),
        "cutpoint_sd": (),
        "raw_cutpoints": (str(design.cutpoints_by), "cutpoint"),
        "group_cutpoints": (str(design.cutpoints_by), "cutpoint"),
    }
    for term in design.cells.monotonic:
        name = step_name(term)
        dims |= {name: (step_dim(term),), f"raw_{name}": (f"raw_{name}_dim_0",)}
    for group in design.cells.group_terms:
        dims |= {f"sd_{group.label}": (), f"raw_{group.label}": (f"raw_{group.label}_dim_0",)}
        dims[f"effect_{group.label}"] = (group.factor,)
    return dims


def parameter_coords(design: Design) -> dict[str, list[Any]]:
    """Return the coordinates of the dims of `parameter_dims`."""
    coords: dict[str, list[Any]] = {
        "score": design.rating_scale.scores.tolist(),
        "cutpoint": design.rating_scale.cutpoint_labels,
        "term": design.terms,
        "scale_term": design.scale_terms,
        "cut_term": design.cut_terms,
        "hurdle_term": design.hurdle_terms,
    }
    for term in design.cells.monotonic:
        coords[step_dim(term)] = list(range(1, term.steps + 1))
    if design.cutpoint_levels:
        coords[str(design.cutpoints_by)] = design.cutpoint_levels
    return coords | {group.factor: group.levels for group in design.cells.group_terms}


def step_name(term: Monotonic) -> str:
    """Return the variable of the steps of mo(x): ``steps_x``."""
    return f"steps_{term.term.removeprefix('mo(').removesuffix(')')}"


def step_dim(term: Monotonic) -> str:
    """Return the dim of the steps of mo(x): ``step_x``."""
    return f"step_{step_name(term).removeprefix('steps_')}"


def parameters_at(free: Array, design: Design, family: Family, arrays: Arrays) -> Draws:
    """Return the parameters of free vectors.

    Parameters
    ----------
    free : numpy.ndarray
        Shape (draws, dimensions).
    design : Design
        Cells and names of the model.
    family : Family
        Family and link.
    arrays : Arrays
        The same model for compiled functions.

    Returns
    -------
    dict of str to numpy.ndarray
        The variables of `parameter_dims` that the model has, shape (draws, ...). Cutpoints are
        those at predictors of zero, and coefficients are in units of their predictors.
    """
    natural, effects, raw = natural_rows(np.ascontiguousarray(free), arrays)
    blocks = dict(enumerate(np.split(natural, arrays.starts[1:-1], axis=1)))
    draws, centred = _own_cutpoints(blocks[CUTPOINTS], family, arrays)
    draws |= _coefficients(blocks, arrays) | _steps(blocks[STEPS], design)
    for block, term in enumerate(design.cells.group_terms):
        own = slice(arrays.block_starts[block], arrays.block_starts[block + 1])
        draws[f"sd_{term.label}"] = np.exp(natural[:, arrays.block_sds[block]])
        draws |= {f"raw_{term.label}": raw[:, own], f"effect_{term.label}": effects[:, own]}
    average = _average_respondent(draws, design)
    if design.cutpoint_levels:
        draws |= _group_cutpoints(blocks, effects, design, family, average)
    return draws | {"cutpoints": centred + average}


def _own_cutpoints(own: Array, family: Family, arrays: Arrays) -> tuple[Draws, Array]:
    """Return the cutpoints' variables, and the cutpoints of the average respondent."""
    if arrays.options[STRUCTURE] == STICKS:
        return {"sticks": own, "shares": stick_shares(own)}, family.cutpoints(own)
    cutpoints = own[:, :1] + np.exp(own[:, 1:]) @ arrays.structure.T
    shares = np.exp(family.log_probabilities(cutpoints))
    draws = {"cutpoint_centre": own[:, 0], "log_widths": own[:, 1:], "shares": shares}
    return draws, cutpoints


def stick_shares(sticks: Array) -> Array:
    """Return the shares (..., categories) of log odds of stopping (..., categories - 1).

    Examples
    --------
    >>> stick_shares(np.zeros((1, 2)))
    array([[0.5 , 0.25, 0.25]])
    """
    start = np.zeros((*sticks.shape[:-1], 1))
    log_above = np.concatenate([start, np.cumsum(special.log_expit(-sticks), axis=-1)], axis=-1)
    log_stop = np.concatenate([special.log_expit(sticks), start], axis=-1)
    return np.asarray(np.exp(log_above + log_stop))


def _coefficients(blocks: dict[int, Array], arrays: Arrays) -> Draws:
    names = {
        "coefficients": COEFFICIENTS,
        "scale_coefficients": SCALE,
        "cut_coefficients": CUT_SPECIFIC,
        "no_answer": NO_ANSWER,
    }
    units = dict(enumerate(np.split(arrays.units, arrays.starts[1:-1])))
    return {name: blocks[at] * units[at] for name, at in names.items() if blocks[at].shape[1]}


def _steps(sticks: Array, design: Design) -> Draws:
    draws: Draws = {}
    start = 0
    for term in design.cells.monotonic:
        own = sticks[:, start : start + term.steps - 1]
        draws |= {f"raw_{step_name(term)}": own, step_name(term): stick_shares(own)}
        start += term.steps - 1
    return draws


def _average_respondent(draws: Draws, design: Design) -> Array:
    """Return how far the average respondent's cutpoints are moved, shape (draws, cutpoints)."""
    cells = design.cells
    eta = np.full(len(draws["shares"]), float(cells.shares @ cells.offset))
    if design.terms:
        eta += draws["coefficients"] @ cells.average
    for term in cells.monotonic:
        eta += draws["coefficients"][:, term.position] * _average_level(draws, term, cells.shares)
    for group in cells.group_terms:
        eta += draws[f"effect_{group.label}"] @ group.totals(cells.shares)
    shift = np.zeros((len(eta), design.counts.shape[1] - 1))
    if design.cut_terms:
        average = (cells.shares @ cells.cut_predictors)[design.cut_columns]
        shift = (draws["cut_coefficients"] * average) @ design.cut_loadings
    return eta[:, None] + shift


def _average_level(draws: Draws, term: Monotonic, shares: Array) -> Array:
    levels = np.bincount(term.codes, shares, minlength=term.steps + 1)
    return draws[step_name(term)] @ sums_above(levels)


def _group_cutpoints(
    blocks: dict[int, Array], effects: Array, design: Design, family: Family, average: Array
) -> Draws:
    sd, sticks = np.exp(blocks[CUTPOINT_GROUPS][:, 0]), blocks[CUTPOINTS]
    n_groups = len(design.cutpoint_levels or ())
    # The last blocks: for every cut, the deviations of all groups.
    by_cut = effects[:, -n_groups * sticks.shape[1] :].reshape(len(sd), -1, n_groups)
    deviations = by_cut.transpose(0, 2, 1)
    cutpoints = family.cutpoints(sticks[:, None] + deviations) + average[:, None]
    raw = deviations / sd[:, None, None]
    return {"cutpoint_sd": sd, "raw_cutpoints": raw, "group_cutpoints": cutpoints}
