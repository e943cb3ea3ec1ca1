"""Agreement of two orders of the same units, in whole numbers.

Whole numbers add up alike in any order, and coefficients follow from them at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nps_research.market.compilation import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]
    type Integers = NDArray[np.int64]


@compiled
def kendall(first: Array, second: Array) -> tuple[int, int, int]:
    """Count what Kendall's tau-b is made of, in n log n steps.

    Parameters
    ----------
    first, second : numpy.ndarray
        Two numbers of each unit, shape (units,).

    Returns
    -------
    tuple of int
        Pairs of units in the same order less those in opposite order; pairs that differ in the
        first number; pairs that differ in the second. Tau-b is the first divided by the root of
        the product of the others.

    Notes
    -----
    Knight 1966, "A Computer Method for Calculating Kendall's Tau with Ungrouped Data".

    Examples
    --------
    >>> kendall(np.array([1.0, 2, 3, 3]), np.array([1.0, 3, 2, 4]))
    (3, 5, 6)
    """
    by_second = np.argsort(second, kind="mergesort")
    order = by_second[np.argsort(first[by_second], kind="mergesort")]
    pairs = len(first) * (len(first) - 1) // 2
    opposite = _inversions(second[order])
    tied_second = _tied(second[by_second], second[by_second])
    tied_first = _tied(first[order], first[order])
    tied_both = _tied(first[order], second[order])
    same = pairs - tied_first - tied_second + tied_both - opposite
    return same - opposite, pairs - tied_first, pairs - tied_second


@compiled
def spearman(first: Array, second: Array) -> tuple[int, int, int]:
    """Count what Spearman's correlation of ranks is made of.

    Parameters
    ----------
    first, second : numpy.ndarray
        Two numbers of each unit, shape (units,).

    Returns
    -------
    tuple of int
        Sums of products, of squares of the first and of squares of the second, of centred ranks
        times 2. The correlation is the first divided by the root of the product of the others.

    Examples
    --------
    >>> spearman(np.array([1.0, 2, 3, 3]), np.array([1.0, 3, 2, 4]))
    (12, 18, 20)
    """
    ranks, others = doubled_ranks(first), doubled_ranks(second)
    return int(np.sum(ranks * others)), int(np.sum(ranks * ranks)), int(np.sum(others * others))


@compiled
def doubled_ranks(numbers: Array) -> Integers:
    """Return twice the ranks of numbers less their mean; equal numbers share the mean rank.

    Examples
    --------
    >>> doubled_ranks(np.array([5.0, 7, 7, 9]))
    array([-3,  0,  0,  3])
    """
    n = len(numbers)
    order = np.argsort(numbers, kind="mergesort")
    ranks = np.empty(n, np.int64)
    start = 0
    for stop in range(1, n + 1):
        if stop == n or numbers[order[stop]] != numbers[order[start]]:
            ranks[order[start:stop]] = start + stop - n
            start = stop
    return ranks


@compiled
def shared_at_top(first: Array, second: Array, size: int) -> int:
    """Count the units that are among the `size` highest by both numbers.

    Among equal numbers at the edge, the units that come first are in.

    Examples
    --------
    >>> shared_at_top(np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4]), 2)
    1
    """
    inside = np.zeros(len(first), np.bool_)
    inside[np.argsort(-first, kind="mergesort")[:size]] = True
    return int(np.sum(inside[np.argsort(-second, kind="mergesort")[:size]]))


@compiled
def _tied(first: Array, second: Array) -> int:
    """Count pairs that are equal in both of two sorted sequences."""
    pairs, start = 0, 0
    for stop in range(1, len(first) + 1):
        ended = stop == len(first)
        if ended or first[stop] != first[start] or second[stop] != second[start]:
            pairs += (stop - start) * (stop - start - 1) // 2
            start = stop
    return pairs


@compiled
def _inversions(numbers: Array) -> int:
    """Count pairs of which the earlier number is larger, by merging ever longer runs."""
    n, width, found = len(numbers), 1, 0
    merged, runs = numbers.copy(), numbers.copy()
    while width < n:
        for start in range(0, n, 2 * width):
            middle, stop = min(start + width, n), min(start + 2 * width, n)
            found += _merge(runs, merged, start, middle, stop)
        runs, merged = merged, runs
        width *= 2
    return found


@compiled
def _merge(runs: Array, merged: Array, start: int, middle: int, stop: int) -> int:
    """Merge two neighbouring sorted runs; return by how much numbers of the second move up."""
    left, right, found = start, middle, 0
    for place in range(start, stop):
        if left < middle and (right == stop or runs[left] <= runs[right]):
            merged[place] = runs[left]
            left += 1
        else:
            merged[place] = runs[right]
            right += 1
            found += middle - left
    return found
