"""Structured cutpoints: a centre and a few widths in place of one free number a cut.

The two structures are those of Christensen 2019, "Cumulative Link Models for Ordinal Regression
with the R Package ordinal". They are statements about the cumulative family's latent scale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

FLEXIBLE, EQUIDISTANT, SYMMETRIC = STRUCTURES = ("flexible", "equidistant", "symmetric")


def structure_matrix(kind: str, n_cutpoints: int) -> Array:
    """Return the matrix that places cutpoints: centre + matrix @ widths.

    Equidistant cutpoints have one width. Symmetric ones have one for every pair of cuts, from the
    inside out: the distance of a pair from the pair before it, of the innermost pair from the
    middle cut or, where the number of cuts is even, from each other. A single cut has no width.

    Parameters
    ----------
    kind : {"equidistant", "symmetric"}
        The structure.
    n_cutpoints : int
        Number of cuts, one less than categories.

    Returns
    -------
    numpy.ndarray
        Shape (cutpoints, widths); every column sums to zero, so the centre is the cuts' mean.

    Examples
    --------
    >>> structure_matrix("equidistant", 4) @ [1.0]
    array([-1.5, -0.5,  0.5,  1.5])
    >>> structure_matrix("symmetric", 4) @ [1.0, 3.0]
    array([-3.5, -0.5,  0.5,  3.5])
    """
    if kind == EQUIDISTANT:
        from_centre = np.arange(n_cutpoints, dtype=np.float64) - 0.5 * (n_cutpoints - 1)
        return from_centre[:, None][:, : n_cutpoints - 1]
    return _symmetric_matrix(n_cutpoints)


def _symmetric_matrix(n_cutpoints: int) -> Array:
    pairs = n_cutpoints // 2
    upper = np.tril(np.ones((pairs, pairs)))
    if n_cutpoints % 2 == 0:
        upper[:, 0] = 0.5
    middle = np.zeros((n_cutpoints % 2, pairs))
    return np.concatenate([-upper[::-1], middle, upper])
