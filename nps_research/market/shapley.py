"""Who contributed what: Shapley values, interactions and brackets of a table of coalitions.

A game is an array whose first axis goes through all 2**players coalitions: bit m of the position
says whether player m takes part. Any number of further axes are separate games, all done at once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    type Array = NDArray[Any]
    type Coalitions = NDArray[np.int64]

# A coalition is one int64.
MOST_PLAYERS = 62


class Sampled(NamedTuple):
    """Estimates of Shapley values, shape (players, ...), and their Monte Carlo standard errors."""

    values: Array
    errors: Array


def shapley_values(game: ArrayLike) -> Array:
    """Share the worth of all players out among them.

    Parameters
    ----------
    game : array_like
        Worth of every coalition, shape (2**players, ...).

    Returns
    -------
    numpy.ndarray
        The mean of what a player adds, over all orders of joining, shape (players, ...). They sum
        to the worth of all players less that of none.

    Raises
    ------
    ValueError
        If the number of coalitions is not a power of 2.

    Notes
    -----
    Shapley 1953, "A Value for n-Person Games". A sum of differences with positive weights: the
    shorter sum of Harsanyi dividends divided by sizes loses digits by cancellation.

    Examples
    --------
    Two hold a left glove (players 0 and 1), one a right glove; a pair of gloves is worth 1.

    >>> shapley_values([0, 0, 0, 0, 0, 1, 1, 1]).round(3)
    array([0.167, 0.167, 0.667])
    """
    worth = _checked(game)
    return np.stack([_mean_over_sizes(_added(worth, m)) for m in range(players_of(worth))])


def interactions(game: ArrayLike) -> Array:
    """Tell how much more two players add together than apart, on average over company.

    Parameters
    ----------
    game : array_like
        Worth of every coalition, shape (2**players, ...), of two players or more.

    Returns
    -------
    numpy.ndarray
        Shapley interaction indices, shape (players, players, ...), symmetric, 0 on the diagonal:
        negative where two do the same work, positive where one helps the other.

    Raises
    ------
    ValueError
        If the number of coalitions is not a power of 2.

    Notes
    -----
    Grabisch and Roubens 1999, "An Axiomatic Approach to the Concept of Interaction Among Players
    in Cooperative Games". Without other company, the pair's dividend: see `dividends`.

    Examples
    --------
    >>> interactions([0, 0, 0, 0, 0, 1, 1, 1]).tolist()
    [[0.0, -0.5, 0.5], [-0.5, 0.0, 0.5], [0.5, 0.5, 0.0]]
    """
    worth = _checked(game)
    n = players_of(worth)
    indices = np.zeros((n, n, *worth.shape[1:]))
    for high in range(n):
        added = _added(worth, high)
        for low in range(high):
            indices[low, high] = indices[high, low] = _mean_over_sizes(_added(added, low))
    return indices


def dividends(game: ArrayLike) -> Array:
    """Return what every coalition is worth beyond all coalitions inside it.

    Parameters
    ----------
    game : array_like
        Worth of every coalition, shape (2**players, ...).

    Returns
    -------
    numpy.ndarray
        Harsanyi dividends in the order of coalitions, exact for whole numbers.

    Raises
    ------
    ValueError
        If the number of coalitions is not a power of 2.

    Notes
    -----
    Harsanyi 1959, "A Bargaining Model for the Cooperative n-Person Game"; the Möbius transform
    over subsets, in players * 2**(players - 1) subtractions.

    Examples
    --------
    >>> dividends([0, 0, 0, 0, 0, 1, 1, 1])
    array([ 0,  0,  0,  0,  0,  1,  1, -1])
    """
    found = np.array(_checked(game), order="C")  # halves must be views
    for m in range(players_of(found)):
        without, including = _halves(found, m)
        including -= without
    return found


def from_dividends(parts: ArrayLike) -> Array:
    """Return the worth of every coalition, the sum of all dividends inside it.

    Examples
    --------
    >>> from_dividends([0, 0, 0, 0, 0, 1, 1, -1])
    array([0, 0, 0, 0, 0, 1, 1, 1])
    """
    worth = np.array(_checked(parts), order="C")
    for m in range(players_of(worth)):
        without, including = _halves(worth, m)
        including += without
    return worth


def first_in(game: ArrayLike) -> Array:
    """Return what each player adds to nobody, shape (players, ...).

    Examples
    --------
    >>> first_in([0, 0, 0, 0, 0, 1, 1, 1])
    array([0, 0, 0])
    """
    worth = _checked(game)
    alone = 1 << np.arange(players_of(worth))
    return np.asarray(worth[alone] - worth[0])


def last_in(game: ArrayLike) -> Array:
    """Return what each player adds to all others, shape (players, ...).

    Examples
    --------
    >>> last_in([0, 0, 0, 0, 0, 1, 1, 1])
    array([0, 0, 1])
    """
    worth = _checked(game)
    alone = 1 << np.arange(players_of(worth))
    return np.asarray(worth[-1] - worth[len(worth) - 1 - alone])


def sampled_shapley_values(
    game: Callable[[Coalitions], Array], players: int, pairs: int, *, random_seed: int
) -> Sampled:
    """Estimate Shapley values from random orders of joining, where 2**players is too many.

    Parameters
    ----------
    game : callable
        Maps different coalitions, shape (coalitions,), bits as above, to their worth, shape
        (coalitions, ...). It is called once.
    players : int
        From 1 to 62.
    pairs : int
        Pairs of an order and its reverse, at least 2 for an error.
    random_seed : int
        Makes the orders repeatable.

    Returns
    -------
    Sampled
        The values sum exactly to the worth of all players less that of none. The errors are those
        of independent pairs.

    Raises
    ------
    ValueError
        If there are too few pairs, or too many players for one int64.

    Notes
    -----
    Castro, Gómez and Tejada 2009, "Polynomial Calculation of the Shapley Value Based on Sampling";
    the reverse of an order is its antithetic (Mitchell, Cooper, Frank and Holmes 2022, "Sampling
    Permutations for Shapley Value Estimation"): what a player adds to few and to many are averaged
    in every pair.

    Examples
    --------
    >>> additive = lambda coalitions: 3.0 * (coalitions & 1) + 5.0 * (coalitions >> 1)
    >>> sampled_shapley_values(additive, 2, 10, random_seed=1)
    Sampled(values=array([3., 5.]), errors=array([0., 0.]))
    """
    orders = antithetic_orders(players, pairs, random_seed=random_seed)
    coalitions, places = np.unique(joining(orders), return_inverse=True)
    added = np.diff(np.asarray(game(coalitions), dtype=float)[places], axis=1)
    by_player = added[np.arange(len(orders))[:, None], np.argsort(orders, axis=1)]
    by_pair = by_player.reshape(pairs, 2, *by_player.shape[1:]).mean(axis=1)
    return Sampled(by_pair.mean(axis=0), by_pair.std(axis=0, ddof=1) / math.sqrt(pairs))


def antithetic_orders(players: int, pairs: int, *, random_seed: int) -> Coalitions:
    """Draw orders of joining, each followed by its reverse, shape (2 * pairs, players).

    Raises
    ------
    ValueError
        If there are too few pairs, or too many players for one int64.

    Examples
    --------
    >>> antithetic_orders(3, 2, random_seed=1)
    array([[0, 1, 2],
           [2, 1, 0],
           [2, 0, 1],
           [1, 0, 2]])
    """
    if not 1 <= players <= MOST_PLAYERS:
        raise ValueError(f"orders can be drawn of 1 to {MOST_PLAYERS} players; found {players}.")
    if pairs < 2:
        raise ValueError(f"pairs of orders must be 2 or more, for a standard error; found {pairs}.")
    generator = np.random.default_rng(random_seed)
    orders = generator.permuted(np.tile(np.arange(players), (pairs, 1)), axis=1)
    return np.stack([orders, orders[:, ::-1]], axis=1).reshape(-1, players)


def joining(orders: Coalitions) -> Coalitions:
    """Return the coalitions that form as players join, from nobody to all.

    Parameters
    ----------
    orders : numpy.ndarray
        Players in the order in which they join, shape (orders, players).

    Returns
    -------
    numpy.ndarray
        Shape (orders, players + 1).

    Examples
    --------
    >>> joining(np.array([[1, 0, 2]]))
    array([[0, 2, 3, 7]])
    """
    bits = np.left_shift(np.int64(1), orders)
    return np.concatenate([np.zeros_like(bits[:, :1]), np.cumsum(bits, axis=1)], axis=1)


def players_of(game: Array) -> int:
    """Return the number of players of a game, the binary logarithm of its coalitions.

    Examples
    --------
    >>> players_of(np.zeros((8, 5)))
    3
    """
    return len(game).bit_length() - 1


def _checked(game: ArrayLike) -> Array:
    worth = np.asarray(game)
    if worth.ndim == 0 or len(worth) < 2 or len(worth) & (len(worth) - 1):
        raise ValueError(
            f"a game needs the worth of all 2**players coalitions along its first axis; found an "
            f"array of shape {worth.shape}."
        )
    return worth


def _halves(worth: Array, player: int) -> tuple[Array, Array]:
    """Split coalitions by a player, shape (coalitions above its bit, coalitions below, ...)."""
    split = worth.reshape(-1, 2, 1 << player, *worth.shape[1:])
    return split[:, 0], split[:, 1]


def _added(worth: Array, player: int) -> Array:
    """Return what a player adds to every coalition of the others: a game without that player."""
    without, including = _halves(worth, player)
    added: Array = (including - without).reshape(-1, *worth.shape[1:])
    return added


def _mean_over_sizes(worth: Array) -> Array:
    """Average over coalitions of each size, then over sizes."""
    n = players_of(worth)
    sizes = np.bitwise_count(np.arange(len(worth)))
    weights = np.array([1.0 / ((n + 1) * math.comb(n, size)) for size in range(n + 1)])
    return np.asarray(np.tensordot(weights[sizes], worth, axes=1))
