"""Are whole numbers uniform? A test of the whole distribution with exact p values, and its bands.

The test is that of Säilynoja, Bürkner and Vehtari (2022, "Graphical Test for Discrete Uniformity
and Its Applications in Goodness-of-Fit Evaluation and Multiple Sample Comparison"). At every value
it asks how unlikely it is, by the binomial distribution, that so many or so few numbers are at
most as large; what counts is the least likely value. Unlike theirs, the chance that uniform numbers
would give one as unlikely is computed here, not simulated.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import special, stats

from nps_research.bisection import falling_root

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    type Array = NDArray[np.float64]

# Tail probabilities that are equal in theory differ by less than this from rounding.
ROUNDING = 1e-9
# Chance of a count of one value that is left out.
NEGLIGIBLE = 1e-20


def uniformity_p(counts: ArrayLike) -> float:
    """Test whether whole numbers are uniform, by their whole distribution.

    Parameters
    ----------
    counts : array_like of int
        How often each possible value occurred, shape (values,), at least two of them.

    Returns
    -------
    float
        Probability of a distribution as far from uniform, if the values are uniform.

    Raises
    ------
    ValueError
        If there are fewer than two values, or nothing was counted.

    Examples
    --------
    >>> uniformity_p([20, 20, 20, 20])
    1.0
    >>> round(uniformity_p([35, 15, 15, 15]), 4)
    0.0007
    """
    observed = np.asarray(counts, dtype=np.int64)
    n = int(observed.sum())
    if len(observed) < 2 or not n:
        raise ValueError(
            f"a test of uniformity needs two values or more, and counts of them; found "
            f"{n} counted among {len(observed)} values."
        )
    tails = _tails(n, len(observed))
    below = np.cumsum(observed)[:-1]
    least_likely = tails[np.arange(len(below)), below].min()
    return float(np.clip(1.0 - _chance_inside(tails > least_likely * (1.0 + ROUNDING), n), 0, 1))


def uniformity_band(n: int, values: int, level: float = 0.95) -> tuple[Array, Array]:
    """Return the band that the distribution of uniform whole numbers leaves with 1 - `level`.

    Parameters
    ----------
    n : int
        How many numbers there are.
    values : int
        How many values they can have.
    level : float
        Chance that the whole distribution lies inside; it is that or more, as counts are whole.

    Returns
    -------
    lower, upper : numpy.ndarray
        Limits of the share of numbers that are at most as large as each value but the last, less
        the expected share, shape (values - 1,).

    Examples
    --------
    >>> lower, upper = uniformity_band(100, 5)
    >>> upper.round(2)
    array([0.1 , 0.11, 0.11, 0.09])
    """
    tails = _tails(n, values)

    def excess(least_likely: Array) -> Array:
        return np.array([_chance_inside(tails > each, n) - level for each in least_likely])

    # Bisection ends beside the step at which the band gets too narrow: stay on the wide side.
    least_likely = falling_root(excess, np.zeros(1), np.ones(1))[0] * (1.0 - ROUNDING)
    inside = tails > least_likely
    expected = np.arange(1, values) / values
    lower = inside.argmax(axis=1) / n - expected
    upper = (n - inside[:, ::-1].argmax(axis=1)) / n - expected
    return lower, upper


def holm(p: ArrayLike) -> Array:
    """Correct p values of many tests, so that one in 1 / alpha families has any below alpha.

    Parameters
    ----------
    p : array_like
        Shape (tests,); the tests may depend on one another.

    Returns
    -------
    numpy.ndarray
        Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure".

    Examples
    --------
    >>> holm([0.03, 0.01, 0.2])
    array([0.06, 0.03, 0.2 ])
    """
    single = np.asarray(p, dtype=float)
    order = np.argsort(single)
    stepped = single[order] * np.arange(len(single), 0, -1)
    corrected = np.empty_like(single)
    corrected[order] = np.maximum.accumulate(stepped).clip(max=1.0)
    return corrected


@cache
def _tails(n: int, values: int) -> Array:
    """Return twice the smaller tail of "so many of n are at most this value", by value and number.

    Shape (values - 1, n + 1); the last value has nobody above it.
    """
    share = np.arange(1, values)[:, None] / values
    number = np.arange(n + 1)
    at_most, at_least = special.bdtr(number, n, share), special.bdtrc(number - 1, n, share)
    at_least[:, 0] = 1.0  # bdtrc does not know "0 or more"
    return np.asarray(2.0 * np.minimum(at_most, at_least))


def _chance_inside(inside: NDArray[np.bool_], n: int) -> float:
    """Return the chance that uniform numbers stay inside at every value.

    Counts of values are independent Poisson variables, given that they add up to n.
    """
    one = stats.poisson.pmf(np.arange(n + 1), n / (len(inside) + 1))
    one = one[: np.flatnonzero(one > NEGLIGIBLE)[-1] + 1]
    chances = np.zeros(n + 1)
    chances[0] = 1.0
    for allowed in inside:
        chances = np.convolve(chances, one)[: n + 1] * allowed
    return float(np.convolve(chances, one)[n] / stats.poisson.pmf(n, n))
