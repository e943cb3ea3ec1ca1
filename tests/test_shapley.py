"""Shapley values, dividends and interactions against brute force and closed forms."""

import itertools
import math

import numpy as np
import pytest

from nps_research.market.shapley import (
    antithetic_orders,
    dividends,
    first_in,
    from_dividends,
    interactions,
    joining,
    last_in,
    sampled_shapley_values,
    shapley_values,
)


def random_game(players, *others, seed=1):
    return np.random.default_rng(seed).normal(50.0, 10.0, (2**players, *others))


def of_members(players, worth):
    """Make a game from a function of the set of members."""
    members = [{m for m in range(players) if mask >> m & 1} for mask in range(2**players)]
    return np.array([worth(each) for each in members])


def over_orders(game, players):
    """Average what each adds over all orders: the definition."""
    added = np.zeros((players, *game.shape[1:]))
    for order in itertools.permutations(range(players)):
        mask = 0
        for player in order:
            added[player] += game[mask | 1 << player] - game[mask]
            mask |= 1 << player
    return added / math.factorial(players)


def subsets(mask):
    return [inner for inner in range(mask + 1) if inner & mask == inner]


@pytest.mark.parametrize("players", range(1, 7))
def test_values_are_means_over_all_orders(players):
    game = random_game(players, 2, 3)
    np.testing.assert_allclose(shapley_values(game), over_orders(game, players), atol=1e-12)


@pytest.mark.parametrize("players", [1, 5, 12, 15])
def test_values_sum_to_the_total(players):
    game = random_game(players, 2)
    total = shapley_values(game).sum(axis=0)
    np.testing.assert_allclose(total, game[-1] - game[0], rtol=0, atol=1e-12)


def test_additive_game_pays_everyone_their_own():
    own = np.array([1.0, -2.0, 0.5, 7.0])
    game = of_members(4, lambda members: 3.0 + own[list(members)].sum())
    for shares in (shapley_values(game), first_in(game), last_in(game)):
        np.testing.assert_allclose(shares, own, atol=1e-14)
    np.testing.assert_allclose(interactions(game), 0.0, atol=1e-14)


@pytest.mark.parametrize("carrier", [{0}, {1, 3}, {0, 2, 4}])
def test_unanimity_game_splits_evenly_among_those_needed(carrier):
    game = of_members(5, lambda members: 1.0 * (carrier <= members))
    expected = [1 / len(carrier) if m in carrier else 0.0 for m in range(5)]
    np.testing.assert_allclose(shapley_values(game), expected, atol=1e-15)
    mask = sum(1 << m for m in carrier)
    assert np.flatnonzero(dividends(game)).tolist() == [mask]


@pytest.mark.parametrize(("left", "expected"), [(1, 1 / 2), (2, 1 / 6), (3, 1 / 12)])
def test_glove_game(left, expected):
    # Of l left gloves each is worth 1 / (l (l + 1)) beside a single right one.
    game = of_members(left + 1, lambda members: float(left in members and len(members) > 1))
    values = shapley_values(game)
    np.testing.assert_allclose(values[:left], expected, atol=1e-15)
    assert values[left] == pytest.approx(left / (left + 1))


def test_airport_game_shares_each_length_among_those_who_need_it():
    # Littlechild and Owen 1973, "A Simple Expression for the Shapley Value in a Special Case".
    costs = [1.0, 3.0, 3.5, 9.0]
    game = of_members(4, lambda members: max((costs[m] for m in members), default=0.0))
    lengths = np.diff([0.0, *costs]) / [4, 3, 2, 1]
    np.testing.assert_allclose(shapley_values(game), np.cumsum(lengths), atol=1e-14)


def test_security_council():
    # Five permanent members of fifteen, nine votes: 421/2145 and 4/2145 (Shapley and Shubik 1954,
    # with the council of 1965).
    game = of_members(15, lambda members: float({0, 1, 2, 3, 4} <= members and len(members) >= 9))
    expected = [421 / 2145] * 5 + [4 / 2145] * 10
    np.testing.assert_allclose(shapley_values(game), expected, atol=1e-14)


def test_hand_computed_game_of_two():
    game = np.array([1, 4, 6, 15])
    assert shapley_values(game).tolist() == [6.0, 8.0]
    assert (first_in(game).tolist(), last_in(game).tolist()) == ([3, 5], [9, 11])
    assert dividends(game).tolist() == [1, 3, 5, 6]
    assert interactions(game).tolist() == [[0.0, 6.0], [6.0, 0.0]]


def test_dividends_are_signed_sums_over_subsets():
    game = np.random.default_rng(2).integers(-99, 99, (32, 3))
    expected = [
        sum((-1) ** (mask ^ inner).bit_count() * game[inner] for inner in subsets(mask))
        for mask in range(32)
    ]
    assert (dividends(game) == expected).all()


@pytest.mark.parametrize("order", ["C", "F"])
def test_dividends_give_the_game_back_exactly(order):
    game = np.asarray(np.random.default_rng(3).integers(-(10**12), 10**12, (4096, 2)), order=order)
    before = game.copy()
    assert (from_dividends(dividends(game)) == game).all()
    assert (game == before).all()


def test_values_are_dividends_shared_evenly():
    game = random_game(6)
    found = dividends(game)
    expected = [sum(found[s] / s.bit_count() for s in range(64) if s >> m & 1) for m in range(6)]
    np.testing.assert_allclose(shapley_values(game), expected, atol=1e-11)


def test_interactions_are_dividends_weighted_by_size():
    # Grabisch and Roubens 1999: a dividend of s members counts 1 / (s - 1) in each of its pairs.
    game, n = random_game(5), 5
    found, expected = dividends(game), np.zeros((n, n))
    for (i, j), mask in itertools.product(itertools.permutations(range(n), 2), range(2**n)):
        if mask >> i & mask >> j & 1:
            expected[i, j] += found[mask] / (mask.bit_count() - 1)
    np.testing.assert_allclose(interactions(game), expected, atol=1e-11)


def test_brackets_are_ends_of_the_table():
    game = random_game(3, 2)
    np.testing.assert_array_equal(first_in(game), game[[1, 2, 4]] - game[0])
    np.testing.assert_array_equal(last_in(game), game[7] - game[[6, 5, 3]])


def test_orders_come_with_their_reverse():
    orders = antithetic_orders(9, 20, random_seed=4)
    assert (np.sort(orders, axis=1) == np.arange(9)).all()
    assert (orders[1::2] == orders[::2, ::-1]).all()


def test_orders_are_uniform():
    orders = antithetic_orders(3, 30_000, random_seed=5)[::2]
    counts = np.unique(orders @ [100, 10, 1], return_counts=True)[1]
    assert len(counts) == 6
    assert ((counts - 5000) ** 2 / 5000).sum() < 20.5  # 99.9 % point, 5 degrees of freedom


def test_joining_adds_one_member_a_step():
    paths = joining(antithetic_orders(60, 3, random_seed=6))
    assert np.bitwise_count(paths).tolist() == [list(range(61))] * 6


def test_sampled_values_agree_with_exact_ones_within_their_error():
    game = random_game(8, 3)
    exact, (values, errors) = (
        shapley_values(game),
        sampled_shapley_values(game.__getitem__, 8, 400, random_seed=7),
    )
    distances = (values - exact) / errors
    assert np.abs(distances).max() < 4.0
    assert 0.5 < (distances**2).mean() < 1.7  # 24 of them


def test_sampled_values_sum_to_the_total():
    game = random_game(8, 3)
    values, _ = sampled_shapley_values(game.__getitem__, 8, 5, random_seed=8)
    np.testing.assert_allclose(values.sum(axis=0), game[-1] - game[0], atol=1e-12)


def test_pairs_of_reverses_are_exact_for_games_of_pairs():
    # What a player adds depends on each other player once, and that one comes before it in
    # exactly one of the two orders.
    parts = np.where(np.bitwise_count(np.arange(64)) <= 2, random_game(6), 0.0)
    game = from_dividends(parts)
    values, errors = sampled_shapley_values(game.__getitem__, 6, 2, random_seed=9)
    np.testing.assert_allclose(values, shapley_values(game), atol=1e-11)
    np.testing.assert_allclose(errors, 0.0, atol=1e-11)


def test_sampling_evaluates_each_coalition_once():
    asked = []
    sampled_shapley_values(lambda each: asked.append(each) or each * 1.0, 4, 50, random_seed=10)
    assert len(asked) == 1
    assert asked[0].tolist() == list(range(16))


@pytest.mark.parametrize("game", [3.0, [1.0], [1.0, 2.0, 3.0], np.zeros((0, 2))])
def test_incomplete_games_are_refused(game):
    with pytest.raises(ValueError, match=r"2\*\*players coalitions .* found an array of shape"):
        shapley_values(game)


@pytest.mark.parametrize(("players", "pairs"), [(0, 5), (63, 5), (4, 1)])
def test_impossible_orders_are_refused(players, pairs):
    with pytest.raises(ValueError, match=f"found {pairs if pairs < 2 else players}"):
        antithetic_orders(players, pairs, random_seed=1)
