"""Whole numbers behind rank correlations, against their definitions and scipy."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from nps_research.market.ranks import doubled_ranks, kendall, shared_at_top, spearman


def pairs(units, values, seed):
    """Return two numbers of each unit, with ties when there are few values."""
    generator = np.random.default_rng(seed)
    first = generator.integers(values, size=units)
    return first * 1.0, generator.integers(values, size=units) + 0.3 * first


SIZES = [(0, 3), (1, 3), (2, 3), (7, 2), (40, 5), (333, 10_000), (1000, 20)]


@pytest.mark.parametrize(("units", "values"), SIZES)
def test_kendall_counts_pairs(units, values):
    first, second = pairs(units, values, seed=1)
    signs = [
        (np.sign(first[i] - first[j]), np.sign(second[i] - second[j]))
        for i, j in itertools.combinations(range(units), 2)
    ]
    expected = [sum(a * b for a, b in signs), sum(a != 0 for a, _ in signs)]
    assert kendall(first, second) == (*expected, sum(b != 0 for _, b in signs))


@pytest.mark.parametrize(("units", "values"), SIZES[4:])
def test_coefficients_are_those_of_scipy(units, values):
    first, second = pairs(units, values, seed=2)
    for counted, theirs in ((kendall, stats.kendalltau), (spearman, stats.spearmanr)):
        shared, left, right = counted(first, second)
        assert shared / math.sqrt(left * right) == pytest.approx(theirs(first, second).statistic)


@pytest.mark.parametrize(("units", "values"), SIZES)
def test_ranks_are_those_of_scipy(units, values):
    first, second = pairs(units, values, seed=3)
    for numbers in (first, second):
        expected = 2 * stats.rankdata(numbers) - units - 1
        assert doubled_ranks(numbers).tolist() == expected.tolist()


def test_top_is_shared_by_definition():
    first, second = pairs(50, 10_000, seed=4)
    best = set(np.argsort(first)[-7:]) & set(np.argsort(second)[-7:])
    assert shared_at_top(first, second, 7) == len(best)
    assert shared_at_top(first, first, 7) == 7
    assert shared_at_top(first, -first, 7) == 0


def test_ties_at_the_edge_go_by_position():
    assert shared_at_top(np.zeros(4), np.array([0.0, 0.0, 1.0, 1.0]), 2) == 0
    assert shared_at_top(np.zeros(4), np.array([1.0, 1.0, 0.0, 0.0]), 2) == 2
