"""Bisection of many falling functions at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

HALVINGS = 40  # the error is below 1e-12 of the bracket


def falling_root(function: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Find where each of many falling functions changes its sign.

    The ends of the brackets are never evaluated, so the functions may be infinite there.

    Parameters
    ----------
    function : callable
        Maps an array of the shape of the brackets to values of the same shape, element by element.
    low, high : numpy.ndarray
        Brackets.

    Returns
    -------
    numpy.ndarray
        Roots; `low` for a function that is negative all over its bracket, `high` for a positive
        one.

    Examples
    --------
    >>> falling_root(lambda x: np.array([2.0, 9.0]) - x**2, np.zeros(2), np.full(2, 9.0)).round(9)
    array([1.41421356, 3.        ])
    """
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        positive = function(middle) > 0
        low, high = np.where(positive, middle, low), np.where(positive, high, middle)
    return (low + high) / 2
