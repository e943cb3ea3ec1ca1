"""Coordinates in which group effects are nearly independent of one another and of their scale.

Sampled as multiples of their standard deviation, effects of groups with many answers form a
funnel; sampled as they are, effects of groups with few do (Papaspiliopoulos, Roberts and Skold
2007, "A General Framework for the Parametrization of Hierarchical Models"). The answers inform
some combinations of effects well and leave others, such as their common shift, to the prior. So
effects are rotated to the axes of their information, and each axis is centred as far as it is
informed. What predictors can take over from them, such as the common part of the slopes of a
predictor, is left to these.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nps_research.ordinal.arrays import COEFFICIENTS
from nps_research.ordinal.assembly import coordinates_of_cutpoints, posterior_arrays
from nps_research.ordinal.coordinates import parameters_at
from nps_research.ordinal.optimum import approached, curvature_by_eta, starting_point

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.arrays import Arrays
    from nps_research.ordinal.cells import GroupTerm
    from nps_research.ordinal.design import Design
    from nps_research.ordinal.families import Family
    from nps_research.ordinal.priors import PriorNumbers

    Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GroupGeometry:
    """Coordinates y of the effects of one block, effects = basis @ y.

    Attributes
    ----------
    basis : numpy.ndarray
        Orthonormal, shape (levels, levels).
    information : numpy.ndarray
        What the answers hold about each coordinate, shape (levels,); 0 for the common shift.
    pull : numpy.ndarray
        Information times the value that the answers suggest, shape (levels,).
    projection : numpy.ndarray
        The effects as cutpoints and predictors see them, shape (sticks + terms, levels): what a
        stick, or a coefficient for one standard deviation, must give way when effects move, for the
        answers to stay as likely.
    """

    basis: Array
    information: Array
    pull: Array
    projection: Array


@dataclass(frozen=True, eq=False)
class _Pilot:
    """A fit with fixed prior scales.

    Attributes
    ----------
    shares, weights : numpy.ndarray, shape (cells,)
        Share of the respondents, and minus the second derivative of the log-likelihood by eta.
    predictors : numpy.ndarray, shape (cells, terms)
        Centred, in standard deviations.
    parameters : dict of str to numpy.ndarray
        One draw, the fit.
    """

    shares: Array
    weights: Array
    predictors: Array
    parameters: dict[str, Array]


def group_geometries(
    design: Design, family: Family, structure: str, numbers: PriorNumbers
) -> list[GroupGeometry]:
    """Return the geometry of every block of effects.

    Group-level terms have one block each, and cutpoints by group one a cut. The geometry changes
    how the sampler moves, not what it samples.

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
    """
    terms, plain = design.cells.group_terms, plain_geometries(design, structure)
    by_cut = cutpoint_geometries(design, numbers.dirichlet)
    if not terms:
        return by_cut
    arrays = posterior_arrays(design, family, structure, numbers, plain)
    free = _pilot(arrays)
    pilot = _Pilot(
        shares=design.cells.shares,
        predictors=arrays.predictors,
        weights=np.maximum(curvature_by_eta(free, arrays), 0.0),
        parameters=parameters_at(free[None], design, family, arrays),
    )
    own = [_geometry(term, sd, pilot) for term, sd in zip(terms, numbers.group_sd, strict=True)]
    return [_below(arrays.starts[COEFFICIENTS], each) for each in own] + by_cut


def plain_geometries(design: Design, structure: str) -> list[GroupGeometry]:
    """Return coordinates that are effects in units of their standard deviation."""
    sizes = [len(term.levels) for term in design.cells.group_terms]
    cuts = design.counts.shape[1] - 1
    if design.cutpoint_levels:
        sizes += [len(design.cutpoint_levels)] * cuts
    rows = len(design.terms) + coordinates_of_cutpoints(structure, cuts)
    return [GroupGeometry(np.eye(n), np.zeros(n), np.zeros(n), np.zeros((rows, n))) for n in sizes]


def cutpoint_geometries(design: Design, pseudo_answers: Array) -> list[GroupGeometry]:
    """Return the geometry of the groups' deviations from each stick.

    Without predictors, a group's answers hold n p (1 - p) about the log odds of stopping at a
    score, with n of them at this score or above: sticks are binomial and independent.
    """
    group = design.cells.cutpoint_group
    if not design.cutpoint_levels or group is None:
        return []
    table = np.zeros((len(design.cutpoint_levels), design.counts.shape[1]))
    np.add.at(table, group, design.counts)
    pooled = table.sum(axis=0) + pseudo_answers
    smooth = table + pooled / pooled.sum()
    return [_of_cut(k, table, smooth, len(design.terms)) for k in range(table.shape[1] - 1)]


def _of_cut(k: int, table: Array, smooth: Array, n_terms: int) -> GroupGeometry:
    p = smooth[:, k] / smooth[:, k:].sum(axis=1)
    own = table[:, k:].sum(axis=1) * p * (1.0 - p)
    weights = own / max(own.sum(), np.finfo(float).tiny)
    # What the stick of all groups cannot take over.
    information = np.diag(own) - np.outer(own, weights)
    values, basis = np.linalg.eigh(information)
    pull = basis.T @ information @ (np.log(p) - np.log1p(-p))
    projection = np.zeros((table.shape[1] - 1 + n_terms, len(p)))
    projection[k] = weights
    return GroupGeometry(np.ascontiguousarray(basis), np.maximum(values, 0.0), pull, projection)


def _below(rows: int, geometry: GroupGeometry) -> GroupGeometry:
    """Return the geometry with rows of zeros above the projection: it leaves cutpoints alone."""
    nothing = np.zeros((rows, geometry.projection.shape[1]))
    return replace(geometry, projection=np.vstack([nothing, geometry.projection]))


def _pilot(arrays: Arrays) -> Array:
    """Return the mode of the posterior, with group-level standard deviations at their scales."""
    start = starting_point(arrays)
    start[arrays.scale_positions] = np.log(arrays.scale_priors)
    return approached(start, arrays, fixed=arrays.scale_positions)


def _geometry(term: GroupTerm, sd: float, pilot: _Pilot) -> GroupGeometry:
    """Undo the penalty of the pilot fit: at its mode, pull = information @ e + e / sd**2."""
    by_predictor = _by_predictor(term, pilot)
    own = pilot.predictors.T @ (pilot.weights[:, None] * pilot.predictors)
    projection = np.linalg.lstsq(own, by_predictor, rcond=1e-8)[0]
    information = _information(term, pilot) - by_predictor.T @ projection
    values, basis = np.linalg.eigh(0.5 * (information + information.T))
    values = np.maximum(values, 0.0)
    pull = (values + sd**-2.0) * (basis.T @ pilot.parameters[f"effect_{term.label}"][0])
    return GroupGeometry(np.ascontiguousarray(basis), values, pull, projection)


def _information(term: GroupTerm, pilot: _Pilot) -> Array:
    """Return the information about the effects, which are centred on the average respondent."""
    average = term.totals(pilot.shares)
    cross = np.outer(term.totals(pilot.weights), average)
    common = pilot.weights.sum() * np.outer(average, average)
    own = np.diag(term.totals(pilot.weights * term.values))
    return np.asarray(own - cross - cross.T + common)


def _by_predictor(term: GroupTerm, pilot: _Pilot) -> Array:
    """Return the information that predictors and effects share, shape (terms, levels)."""
    rows = [term.totals(pilot.weights * column) for column in pilot.predictors.T]
    shared = np.array(rows).reshape(pilot.predictors.shape[1], len(term.levels))
    return shared - np.outer(pilot.weights @ pilot.predictors, term.totals(pilot.shares))
