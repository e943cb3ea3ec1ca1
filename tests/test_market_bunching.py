"""The bunching test knows the lattice: against enumeration, and by its size and power."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nps_research.market.bunching import (
    _chances,
    _difference,
    _fitted,
    _outcomes,
    bunching_test,
    unit_classes,
)

ALPHA = np.array([2.0, 3.0, 6.0])


def made_up_units(seed, units=250, moved=0.0):
    """Draw units of honest answers; some of those just below 40 delete a detractor or two."""
    rng = np.random.default_rng(seed)
    n = rng.integers(10, 40, units)
    classes = np.array([rng.multinomial(k, rng.dirichlet(ALPHA)) for k in n])
    for row, cheats in zip(classes, rng.random(units) < moved, strict=True):
        while cheats and row[0] and 20 <= 100 * (row[2] - row[0]) / row.sum() < 40:
            row[0] -= 1
    return classes


def as_counts(classes):
    rows = [
        (unit, score, n)
        for unit, row in enumerate(classes)
        for score, n in zip((3, 8, 10), row, strict=True)
    ]
    return pd.DataFrame(rows, columns=["unit", "score", "n"])


def test_classes_are_counted():
    classes = made_up_units(1, 20)
    np.testing.assert_array_equal(unit_classes(as_counts(classes), ["unit"]), classes)


def test_scores_on_the_target_are_above_and_on_the_lower_edge_below():
    counts = as_counts([[3, 0, 7], [3, 1, 6], [50, 34, 84], [1, 0, 1], [0, 0, 9]])
    found = bunching_test(counts, ["unit"], target=40, width=20)
    assert (found.units, found.above, found.below) == (4, 1, 2)


@pytest.mark.parametrize("n", [5, 7, 20])
def test_chances_are_those_of_scipy(n):
    ways = _outcomes(n, 40, 6)
    chances = [0.0, 0.0, 0.0]
    for low, high in itertools.product(range(n + 1), repeat=2):
        if low + high <= n:
            score = 100 * (high - low) / n
            side = (40 <= score < 46) - (34 <= score < 40)
            counted = [low, n - low - high, high]
            chances[side + 1] += stats.dirichlet_multinomial.pmf(counted, ALPHA, n)
    np.testing.assert_allclose(_chances(ALPHA, ways), chances, rtol=1e-10)


def test_difference_is_that_of_all_combinations():
    chances = [np.array([0.2, 0.5, 0.3]), np.array([0.1, 0.8, 0.1]), np.array([0.0, 0.6, 0.4])]
    expected = np.zeros(7)
    for sides in itertools.product(range(3), repeat=3):
        expected[sum(sides)] += np.prod(
            [each[side] for each, side in zip(chances, sides, strict=True)]
        )
    np.testing.assert_allclose(_difference(chances), expected, rtol=1e-12)


def test_fit_recovers_the_distribution_from_units_outside_the_bins():
    classes = made_up_units(2, 4000)
    outcomes = {n: _outcomes(int(n), 40, 6) for n in np.unique(classes.sum(axis=1))}
    score = 100 * (classes[:, 2] - classes[:, 0]) / classes.sum(axis=1)
    outside = classes[(score < 34) | (score >= 46)]
    np.testing.assert_allclose(_fitted(outside, outcomes), ALPHA, rtol=0.12)


def test_lattice_is_no_bunching():
    twenty = as_counts([row for row in made_up_units(3, 3000) if row.sum() == 20])
    found = bunching_test(twenty, ["unit"], target=40, width=4)
    # 40, and 35 is outside: of 20 answers there is one score above and none below.
    assert found.below == 0 < found.above
    assert found.p_value > 0.05


def test_size_and_power():
    honest, cheating = (
        [
            bunching_test(as_counts(made_up_units(seed, moved=moved)), ["unit"], target=40).p_value
            for seed in range(15)
        ]
        for moved in (0.0, 0.6)
    )
    assert np.mean(np.array(honest) < 0.05) <= 0.15
    assert np.mean(np.array(cheating) < 0.05) > 0.8


def test_empty_tables_are_refused():
    few = as_counts([[1, 0, 1]])
    with pytest.raises(ValueError, match="no unit of unit has 5 answers"):
        bunching_test(few, ["unit"], target=40)
    with pytest.raises(ValueError, match="no unit lies more than 200 points"):
        bunching_test(as_counts([[3, 3, 3]]), ["unit"], target=40, width=200)
