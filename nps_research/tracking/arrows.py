"""Matrices in the form of an arrow: a band for the waves, and an arm to what they all share.

The cost of a factor grows with the number of waves, not with its cube.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nps_research.compilation import MachineCode

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

compiled = MachineCode(Path(__file__).parent, ("arrows",)).compiled


class Arrow(NamedTuple):
    """A symmetric matrix, or its lower factor, with the levels before the cutpoints.

    Attributes
    ----------
    diagonal : numpy.ndarray, shape (levels,)
        Of the levels.
    beside : numpy.ndarray, shape (levels,)
        Between a level and the one before; the first is unused.
    arm : numpy.ndarray, shape (levels, cuts)
        Between levels and cutpoints.
    corner : numpy.ndarray, shape (cuts, cuts)
        Of the cutpoints.
    """

    diagonal: Array
    beside: Array
    arm: Array
    corner: Array


@compiled
def empty_arrow(n_levels: int, n_cuts: int) -> Arrow:
    """Return an arrow of zeros."""
    return Arrow(
        np.zeros(n_levels),
        np.zeros(n_levels),
        np.zeros((n_levels, n_cuts)),
        np.zeros((n_cuts, n_cuts)),
    )


@compiled
def factored(matrix: Arrow, ridge: float, factor: Arrow) -> bool:
    """Write the lower Cholesky factor of a matrix plus ridge; tell whether there is one."""
    return _band_factored(matrix, ridge, factor) and _corner_factored(matrix, ridge, factor)


@compiled
def _band_factored(matrix: Arrow, ridge: float, factor: Arrow) -> bool:
    for w in range(len(matrix.diagonal)):
        beside = matrix.beside[w] / factor.diagonal[w - 1] if w > 0 else 0.0
        pivot = matrix.diagonal[w] + ridge - beside**2
        if not pivot > 0.0:
            return False
        factor.beside[w], factor.diagonal[w] = beside, math.sqrt(pivot)
        for k in range(matrix.arm.shape[1]):
            before = factor.arm[w - 1, k] if w > 0 else 0.0
            factor.arm[w, k] = (matrix.arm[w, k] - beside * before) / factor.diagonal[w]
    return True


@compiled
def _corner_factored(matrix: Arrow, ridge: float, factor: Arrow) -> bool:
    for i in range(len(matrix.corner)):
        for j in range(i + 1):
            value = matrix.corner[i, j]
            for w in range(len(matrix.diagonal)):
                value -= factor.arm[w, i] * factor.arm[w, j]
            for k in range(j):
                value -= factor.corner[i, k] * factor.corner[j, k]
            if i > j:
                factor.corner[i, j] = value / factor.corner[j, j]
            elif value + ridge > 0.0:
                factor.corner[i, i] = math.sqrt(value + ridge)
            else:
                return False
    return True


@compiled
def solved_forward(factor: Arrow, cuts: Array, levels: Array) -> None:
    """Multiply a vector by the inverse of the lower factor, in place."""
    for w in range(len(levels)):
        before = levels[w - 1] if w > 0 else 0.0
        levels[w] = (levels[w] - factor.beside[w] * before) / factor.diagonal[w]
        for k in range(len(cuts)):
            cuts[k] -= factor.arm[w, k] * levels[w]
    for k in range(len(cuts)):
        for j in range(k):
            cuts[k] -= factor.corner[k, j] * cuts[j]
        cuts[k] /= factor.corner[k, k]


@compiled
def solved_backward(factor: Arrow, cuts: Array, levels: Array) -> None:
    """Multiply a vector by the inverse of the transposed lower factor, in place."""
    for k in range(len(cuts) - 1, -1, -1):
        for j in range(k + 1, len(cuts)):
            cuts[k] -= factor.corner[j, k] * cuts[j]
        cuts[k] /= factor.corner[k, k]
    for w in range(len(levels) - 1, -1, -1):
        for k in range(len(cuts)):
            levels[w] -= factor.arm[w, k] * cuts[k]
        if w + 1 < len(levels):
            levels[w] -= factor.beside[w + 1] * levels[w + 1]
        levels[w] /= factor.diagonal[w]


@compiled
def spread_out(factors: Arrow, node: Integers, standard: Array) -> None:
    """Turn standard normal draws into normal ones with the precisions of factors, in place.

    Parameters
    ----------
    factors : Arrow
        Lower factors, each array with a leading dimension of nodes.
    node : numpy.ndarray of int64, shape (draws,)
        Which factor each draw takes.
    standard : numpy.ndarray, shape (draws, cuts + levels)
        Cutpoints come first.
    """
    n_cuts = factors.corner.shape[-1]
    for draw in range(len(standard)):
        factor = one_of(factors, node[draw])
        solved_backward(factor, standard[draw, :n_cuts], standard[draw, n_cuts:])


@compiled
def one_of(arrows: Arrow, place: int) -> Arrow:
    """Return one of several arrows."""
    return Arrow(
        arrows.diagonal[place], arrows.beside[place], arrows.arm[place], arrows.corner[place]
    )


@compiled
def several(number: int, n_levels: int, n_cuts: int) -> Arrow:
    """Return arrows of zeros, each array with a leading dimension."""
    return Arrow(
        np.zeros((number, n_levels)),
        np.zeros((number, n_levels)),
        np.zeros((number, n_levels, n_cuts)),
        np.zeros((number, n_cuts, n_cuts)),
    )
