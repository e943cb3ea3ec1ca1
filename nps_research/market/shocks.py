"""Randomness with an address: (root, replicate, purpose, month, entity), never the order of calls.

Each number is a function of its address alone (Salmon, Moraes, Dror and Shaw 2011, "Parallel
Random Numbers: As Easy as 1, 2, 3"). Two simulations that differ in their incentives therefore
share every shock, a draw that is not used may be skipped, and neither more customers nor more
processors change anything.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from nps_research.market.compilation import compiled, inlined

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Word = np.uint64
    type When = tuple[int, int, int]
    type Where = tuple[int, int, int, int]

LARGEST_SEED = 2**32 - 1


class Purpose(IntEnum):
    """What a random number is for.

    Purposes 2k and 2k + 1 are the two halves of one block of the generator: what is used together
    stands together. Their order is part of every result with a seed: append, never insert.
    """

    # Customers, once.
    SEGMENT = 0
    VALUE = 1
    POWER = 2
    BASE_LOYALTY = 3
    SHIFT = 4
    STRETCH = 5
    COMPLIANCE = 6
    LAST_SAMPLED = 7
    # Agents, once.
    QUALITY = 8
    GAMING = 9
    HONESTY = 10
    # Customers, every month.
    CONTACT = 12
    SAMPLED = 13
    LOYALTY = 14
    CHURN = 15
    DIFFICULTY = 16
    EXPERIENCE = 17
    GIVEAWAY = 18
    PROMISE = 19
    DODGE = 20
    PROMISE_LAG = 21
    MOOD = 22
    SCORE = 23
    SIGNAL = 24
    RESPONSE = 25
    GATE = 26
    WITHHOLD = 27
    BEG = 28
    BRIBE = 29
    BEGGED_TEN = 30
    BRIBED_TEN = 31
    DEMAND = 32
    CONCESSION = 33
    DELETE = 34
    ALTER = 35
    EDIT_LOG = 36
    DECLINE = 37
    SENTIMENT = 38
    VERBATIM = 39
    RECOVERY = 40
    THANKS = 41
    # Agents, every month.
    BELIEF = 42
    QUIT = 43
    SUCCESSOR = 44
    # Customers, every month, after the event.
    REFERRAL = 46


# Multipliers and increments of the key of Philox with four words of 32 bits.
_FIRST_MULTIPLIER, _SECOND_MULTIPLIER = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_FIRST_INCREMENT, _SECOND_INCREMENT = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _WORD = np.uint64(0xFFFFFFFF), np.uint64(32)
_ROUNDS = 10
_FIVE, _SIX, _TWENTY_SIX = np.uint64(5), np.uint64(6), np.uint64(26)
_HALF_RANGE = 2.0**52
_STEP = 2.0**-53
# Half width of the middle of the normal distribution, which one rational function covers.
_MIDDLE = 0.425


@inlined
def philox(  # noqa: PLR0917  (as published)
    c0: Word, c1: Word, c2: Word, c3: Word, k0: Word, k1: Word
) -> tuple[Word, Word, Word, Word]:
    """Encrypt a counter of four words with a key of two: Philox4x32-10.

    Parameters
    ----------
    c0, c1, c2, c3, k0, k1 : numpy.uint64
        Each below 2**32.

    Returns
    -------
    tuple of numpy.uint64
        Four random words, each below 2**32.
    """
    for _ in range(_ROUNDS):
        first, second = _FIRST_MULTIPLIER * c0, _SECOND_MULTIPLIER * c2
        c0, c1 = (second >> _WORD) ^ c1 ^ k0, second & _LOW
        c2, c3 = (first >> _WORD) ^ c3 ^ k1, first & _LOW
        k0, k1 = (k0 + _FIRST_INCREMENT) & _LOW, (k1 + _SECOND_INCREMENT) & _LOW
    return c0, c1, c2, c3


@inlined
def integer_pair(where: Where, purpose: int) -> tuple[int, int]:
    """Return the two random integers below 2**53 of a purpose and its neighbour.

    Parameters
    ----------
    where : tuple of int
        Root, replicate, month and entity.
    purpose : Purpose
        The even one of the two.
    """
    root, replicate, month, entity = where
    counter = np.uint64(entity)
    a, b, c, d = philox(
        counter & _LOW,
        counter >> _WORD,
        np.uint64(month),
        np.uint64(purpose // 2),
        np.uint64(root),
        np.uint64(replicate),
    )
    first = ((a >> _FIVE) << _TWENTY_SIX) | (b >> _SIX)
    second = ((c >> _FIVE) << _TWENTY_SIX) | (d >> _SIX)
    return int(first), int(second)


@inlined
def as_uniform(integer: int) -> float:
    """Return integer / 2**53, in [0, 1): below p with probability p, never for 0, always for 1."""
    return integer * _STEP


@compiled
def as_normal(integer: int) -> float:
    """Return the normal quantile of (integer + 1/2) / 2**53: exactly symmetric, within 8.3."""
    return centred_quantile(_centred(integer))


@inlined
def _centred(integer: int) -> float:
    return (integer - _HALF_RANGE + 0.5) * _STEP


@compiled
def uniform_pair(where: Where, purpose: int) -> tuple[float, float]:
    """Return the uniforms of a purpose and its neighbour."""
    first, second = integer_pair(where, purpose)
    return as_uniform(first), as_uniform(second)


@compiled
def normal_pair(where: Where, purpose: int) -> tuple[float, float]:
    """Return the standard normals of a purpose and its neighbour."""
    first, second = integer_pair(where, purpose)
    return as_normal(first), as_normal(second)


@compiled
def normal_and_uniform(where: Where, purpose: int) -> tuple[float, float]:
    """Return the standard normal of a purpose and the uniform of its neighbour."""
    first, second = integer_pair(where, purpose)
    return as_normal(first), as_uniform(second)


@compiled
def draw_uniforms(
    when: When, purpose: int, entities: Integers, first: Array, second: Array
) -> None:
    """Write the uniforms of a purpose and its neighbour for many entities.

    As all loops of these functions it has no branches, so that the processor makes several numbers
    at once: they are those of `uniform_pair` to the last bit.

    Parameters
    ----------
    when : tuple of int
        Root, replicate and month.
    purpose : Purpose
        The even one of the two.
    entities : numpy.ndarray
        Numbers of customers or agents.
    first, second : numpy.ndarray
        Written; at least as long as `entities`.
    """
    for row in range(len(entities)):
        one, other = integer_pair((*when, entities[row]), purpose)
        first[row], second[row] = as_uniform(one), as_uniform(other)


@compiled
def draw_normals(when: When, purpose: int, entities: Integers, first: Array, second: Array) -> None:
    """Write the normals of a purpose and its neighbour for many entities."""
    for row in range(len(entities)):
        one, other = integer_pair((*when, entities[row]), purpose)
        first[row], second[row] = _centred(one), _centred(other)
    _to_normals(first, len(entities))
    _to_normals(second, len(entities))


@compiled
def draw_normals_and_uniforms(
    when: When, purpose: int, entities: Integers, normal: Array, uniform: Array
) -> None:
    """Write the normals of a purpose and the uniforms of its neighbour for many entities."""
    for row in range(len(entities)):
        one, other = integer_pair((*when, entities[row]), purpose)
        normal[row], uniform[row] = _centred(one), as_uniform(other)
    _to_normals(normal, len(entities))


@compiled
def _to_normals(values: Array, n: int) -> None:
    """Replace probabilities less 1/2 by normal quantiles: the middle at once, then the tails."""
    tails, probabilities = np.empty(n, np.int64), np.empty(n)
    found = 0
    for row in range(n):
        tails[found], probabilities[found] = row, values[row]
        found += int(abs(values[row]) > _MIDDLE)
    for row in range(n):
        values[row] *= _middle(_MIDDLE * _MIDDLE - values[row] * values[row])
    for tail in range(found):
        values[tails[tail]] = _outside(probabilities[tail])


@compiled
def centred_quantile(q: float) -> float:
    """Return the standard normal quantile of 1/2 + q.

    Wichura (1988), "Algorithm AS 241: The Percentage Points of the Normal Distribution", PPND16:
    about 1 part in 10**16.

    Examples
    --------
    >>> round(centred_quantile(0.475), 6)
    1.959964
    """
    if abs(q) <= _MIDDLE:
        return q * _middle(_MIDDLE * _MIDDLE - q * q)
    return _outside(q)


@compiled
def _outside(q: float) -> float:
    r = math.sqrt(-math.log(0.5 - abs(q)))
    return math.copysign(_shoulder(r - 1.6) if r <= 5.0 else _tail(r - 5.0), q)


@inlined
def _middle(r: float) -> float:
    above = 2509.0809287301226727
    above = above * r + 33430.575583588128105
    above = above * r + 67265.770927008700853
    above = above * r + 45921.953931549871457
    above = above * r + 13731.693765509461125
    above = above * r + 1971.5909503065514427
    above = above * r + 133.14166789178437745
    above = above * r + 3.387132872796366608
    below = 5226.495278852545925
    below = below * r + 28729.085735721942674
    below = below * r + 39307.89580009271061
    below = below * r + 21213.794301586595867
    below = below * r + 5394.1960214247511077
    below = below * r + 687.1870074920579083
    below = below * r + 42.313330701600911252
    return above / (below * r + 1.0)


@compiled
def _shoulder(r: float) -> float:
    above = 7.7454501427834140764e-4
    above = above * r + 0.0227238449892691845833
    above = above * r + 0.24178072517745061177
    above = above * r + 1.27045825245236838258
    above = above * r + 3.64784832476320460504
    above = above * r + 5.7694972214606914055
    above = above * r + 4.6303378461565452959
    above = above * r + 1.42343711074968357734
    below = 1.05075007164441684324e-9
    below = below * r + 5.475938084995344946e-4
    below = below * r + 0.0151986665636164571966
    below = below * r + 0.14810397642748007459
    below = below * r + 0.68976733498510000455
    below = below * r + 1.6763848301838038494
    below = below * r + 2.05319162663775882187
    return above / (below * r + 1.0)


@compiled
def _tail(r: float) -> float:
    above = 2.01033439929228813265e-7
    above = above * r + 2.71155556874348757815e-5
    above = above * r + 0.0012426609473880784386
    above = above * r + 0.026532189526576123093
    above = above * r + 0.29656057182850489123
    above = above * r + 1.7848265399172913358
    above = above * r + 5.4637849111641143699
    above = above * r + 6.6579046435011037772
    below = 2.04426310338993978564e-15
    below = below * r + 1.4215117583164458887e-7
    below = below * r + 1.8463183175100546818e-5
    below = below * r + 7.868691311456132591e-4
    below = below * r + 0.0148753612908506148525
    below = below * r + 0.13692988092273580531
    below = below * r + 0.59983220655588793769
    return above / (below * r + 1.0)


def uniforms(root: int, replicate: int, purpose: int, month: int, entities: ArrayLike) -> Array:
    """Return the uniform numbers of entities for one purpose and month.

    Parameters
    ----------
    root, replicate : int
        Seed and number of the replicate, each from 0 to 4,294,967,295.
    purpose : Purpose
        What the numbers are for.
    month : int
        Month, from 0; 0 for what is drawn once.
    entities : array-like of int
        Numbers of the customers or agents, from 0.

    Returns
    -------
    numpy.ndarray
        Multiples of 2**-53 in [0, 1), in the shape of `entities`.

    Raises
    ------
    ValueError
        If a part of the address lies outside its range.

    Examples
    --------
    >>> few, more = (uniforms(1, 0, Purpose.CHURN, 3, range(n)) for n in (2, 4))
    >>> bool((few == more[:2]).all())
    True
    """
    return _drawn(draw_uniforms, root, replicate, purpose, month, entities)


def normals(root: int, replicate: int, purpose: int, month: int, entities: ArrayLike) -> Array:
    """Return the standard normal numbers of entities for one purpose and month.

    They are the normal quantiles of `uniforms`, taken half a step further so that none is infinite.

    Parameters
    ----------
    root, replicate, purpose, month, entities
        As in `uniforms`.

    Returns
    -------
    numpy.ndarray
        In the shape of `entities`.

    Raises
    ------
    ValueError
        If a part of the address lies outside its range.

    Examples
    --------
    >>> normals(1, 0, Purpose.MOOD, 3, [7]).shape
    (1,)
    """
    return _drawn(draw_normals, root, replicate, purpose, month, entities)


def is_whole(value: object) -> bool:
    """Return whether a value is a whole number, which True and False are not."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_seed(name: str, value: int) -> None:
    """Check a seed or the number of a replicate.

    Raises
    ------
    ValueError
        If it is no whole number from 0 to 4,294,967,295.
    """
    if not (is_whole(value) and 0 <= value <= LARGEST_SEED):
        raise ValueError(f"{name} must be a whole number from 0 to {LARGEST_SEED}; found {value}.")


def _drawn(  # noqa: PLR0917  (an address has five parts)
    draw: Callable[..., None],
    root: int,
    replicate: int,
    purpose: int,
    month: int,
    entities: ArrayLike,
) -> Array:
    for name, value in (("root", root), ("replicate", replicate), ("month", month)):
        check_seed(name, value)
    numbers = np.asarray(entities, dtype=np.int64)
    if numbers.size and numbers.min() < 0:
        raise ValueError(f"entities are numbered from 0; found {numbers.min()}.")
    pair, half = divmod(int(Purpose(purpose)), 2)
    halves = np.empty(numbers.size), np.empty(numbers.size)
    draw((int(root), int(replicate), int(month)), 2 * pair, numbers.ravel(), *halves)
    return halves[half].reshape(numbers.shape)
