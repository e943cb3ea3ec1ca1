"""Coordinates for group effects in which the sampler meets neither funnel nor ridge.

Group effects e are independent Normal(0, sd), in whatever orthonormal basis they are written. In
the eigenbasis of the information that the answers hold about them, the likelihood has no
correlations either. Given sd, each coordinate then has, approximately, the normal posterior

    precision  information + 1 / sd**2,   mean  pull / (information + 1 / sd**2),

and the sampler moves in its standard deviations from this mean: the non-centred parametrisation
where the answers say nothing, the centred one where they say everything, and the right mixture in
between, for every value of sd. The approximation decides the geometry, never the posterior. The
idea of going part of the way is that of Papaspiliopoulos, Roberts and Sköld (2007), "A General
Framework for the Parametrization of Hierarchical Models".
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from nps_research.ordinal import kernel
from nps_research.ordinal.newton import PenalisedLikelihood, ascend

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.design import Design, Grouping
    from nps_research.ordinal.links import Link

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class GroupGeometry:
    """Coordinates y of the effects of one grouping, e = basis @ y.

    Attributes
    ----------
    basis : numpy.ndarray
        Orthonormal, shape (levels, levels).
    information : numpy.ndarray
        What the answers hold about each coordinate, shape (levels,); 0 for the common shift.
    pull : numpy.ndarray
        Information times the value that the answers suggest, shape (levels,).
    """

    basis: Array
    information: Array
    pull: Array


def group_geometries(
    design: Design, link: Link, coefficient_sd: Array, group_sd: float
) -> list[GroupGeometry]:
    """Return the geometry of every grouping, from a penalised maximum-likelihood fit.

    Parameters
    ----------
    design : Design
        Cells, counts and groupings.
    link : Link
        Latent distribution.
    coefficient_sd : numpy.ndarray
        Prior standard deviation of every coefficient, shape (terms,).
    group_sd : float
        Standard deviation assumed for the effects in the pilot fit.
    """
    columns = [_centred_indicators(design, grouping) for grouping in design.groupings]
    given = design.counts.sum(axis=0) > 0
    if given.sum() < 2 or not columns:
        return [_uninformed(each.shape[1]) for each in columns]
    predictors = np.hstack([design.predictors - design.average, *columns])
    sds = np.concatenate(
        [coefficient_sd, np.full(predictors.shape[1] - len(design.terms), group_sd)]
    )
    pilot = PenalisedLikelihood(link, design.counts[:, given], predictors, sds**-2.0)
    cutpoints, coefficients = np.split(ascend(pilot).parameters, [pilot.n_cutpoints])
    derivatives = kernel.derivatives(link, pilot.counts, predictors, cutpoints, coefficients)
    information = -derivatives.hessian[pilot.n_cutpoints :, pilot.n_cutpoints :]
    ends = np.cumsum([len(design.terms), *(each.shape[1] for each in columns)])
    blocks = [slice(start, stop) for start, stop in pairwise(ends)]
    return [
        _eigenbasis(information[block, block], coefficients[block], group_sd) for block in blocks
    ]


def _centred_indicators(design: Design, grouping: Grouping) -> Array:
    """Return level indicators less their average over respondents, shape (cells, levels)."""
    indicators = np.eye(len(grouping.levels))[grouping.index]
    return indicators - design.cell_shares @ indicators


def _uninformed(levels: int) -> GroupGeometry:
    return GroupGeometry(np.eye(levels), np.zeros(levels), np.zeros(levels))


def _eigenbasis(information: Array, effects: Array, group_sd: float) -> GroupGeometry:
    """Undo the penalty of the pilot fit: at its maximum, pull = information @ e + e / sd**2."""
    values, basis = np.linalg.eigh(information)
    values = np.maximum(values, 0.0)
    return GroupGeometry(basis, values, (values + group_sd**-2.0) * (basis.T @ effects))
