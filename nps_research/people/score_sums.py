"""The exact distribution of a score of n answers: sums lie on a lattice, and so do scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    type Array = NDArray[np.float64]


class ScoreSums(NamedTuple):
    """Distribution of the mean of n answers.

    Attributes
    ----------
    means : numpy.ndarray, shape (points,)
        Possible means, ascending, in the unit of the values.
    probabilities : numpy.ndarray, shape (..., points)
        Of each mean.
    """

    means: Array
    probabilities: Array


def score_sums(shares: ArrayLike, values: ArrayLike, n: int) -> ScoreSums:
    """Return the distribution of the mean value of n independent answers.

    Parameters
    ----------
    shares : array_like, shape (..., categories)
        Probabilities of the categories.
    values : array_like of whole numbers, shape (categories,)
        Of each category, such as -100, 0 and 100 for a net promoter score in points.
    n : int
        Answers.

    Returns
    -------
    ScoreSums
        Exact but for rounding (below 1e-12): the characteristic function to the power n.

    Raises
    ------
    ValueError
        If a value is no whole number, or n is below 1.

    Examples
    --------
    >>> score_sums([0.25, 0.25, 0.5], [-100, 0, 100], 2).probabilities.round(4)
    array([0.0625, 0.125 , 0.3125, 0.25  , 0.25  ])
    """
    whole = np.asarray(values)
    _check(whole, n)
    offsets = (whole - whole.min()).astype(np.int64)
    step = int(np.gcd.reduce(offsets)) or 1
    one = _on_lattice(np.asarray(shares, dtype=float), offsets // step)
    length = n * (one.shape[-1] - 1) + 1
    size = next_fast_len(length, real=True)
    sums = irfft(rfft(one, size) ** n, size)[..., :length]
    means = whole.min() + step * np.arange(length) / n
    return ScoreSums(means, np.clip(sums, 0.0, None))


def _check(values: NDArray[np.generic], n: int) -> None:
    if n < 1:
        raise ValueError(f"a score needs 1 answer or more; found n={n}.")
    if not np.equal(np.mod(values, 1), 0).all():
        raise ValueError(
            f"exact distributions need whole numbers as values; found {values.tolist()}. Multiply "
            "them until they are, and divide the means."
        )


def _on_lattice(shares: Array, steps: NDArray[np.int64]) -> Array:
    """Return the distribution of one answer over the steps from the lowest value."""
    one = np.zeros((*shares.shape[:-1], int(steps.max()) + 1))
    for category, step in enumerate(steps):
        one[..., step] += shares[..., category]
    return one
