import itertools
import json

import numpy as np
import pandas as pd
import pytest

from nps_research.datasets import data_path, load_table
from nps_research.drivers.correlations import Correlations, correlations, nearest_correlation
from nps_research.drivers.relative_importance import (
    explained_variance,
    relative_importance,
    shares_of_variance,
)

AIRPORT = load_table("sfo_item_correlations")
SMALL = ["find", "wifi", "food", "security"]


def random_matrix(variables, seed):
    answers = np.random.default_rng(seed).standard_normal((40, variables))
    answers[:, -1] += answers[:, :-1].sum(axis=1)
    return answers, np.corrcoef(answers, rowvar=False)


def test_explained_variance_is_that_of_least_squares():
    answers, matrix = random_matrix(6, seed=1)
    x, y = answers[:, :-1] - answers[:, :-1].mean(axis=0), answers[:, -1] - answers[:, -1].mean()
    for subset, value in enumerate(explained_variance(matrix)):
        chosen = [m for m in range(5) if subset >> m & 1]
        residual = y - x[:, chosen] @ np.linalg.lstsq(x[:, chosen], y)[0] if chosen else y
        assert value == pytest.approx(1 - residual @ residual / (y @ y), abs=1e-12)


def test_shares_are_means_over_all_orders():
    _, matrix = random_matrix(5, seed=2)
    game = explained_variance(matrix)
    added = np.zeros(4)
    orders = list(itertools.permutations(range(4)))
    for order in orders:
        before = 0
        for m in order:
            added[m] += game[before | 1 << m] - game[before]
            before |= 1 << m
    assert shares_of_variance(matrix[None])[:, 0] == pytest.approx(added / len(orders), abs=1e-14)


@pytest.mark.parametrize(("a", "b", "between"), [(0.6, 0.3, 0.5), (0.2, 0.7, -0.3), (0.4, 0.4, 0)])
def test_two_predictors_in_closed_form(a, b, between):
    together = (a**2 + b**2 - 2 * a * b * between) / (1 - between**2)
    matrix = np.array([[1, between, a], [between, 1, b], [a, b, 1]])
    shares = shares_of_variance(matrix[None])[:, 0]
    assert shares == pytest.approx([(a**2 + together - b**2) / 2, (b**2 + together - a**2) / 2])


def test_all_measures_agree_for_uncorrelated_predictors():
    matrix = np.eye(4)
    matrix[-1, :-1] = matrix[:-1, -1] = 0.6, 0.3, 0.1
    observed = Correlations(("a", "b", "c", "y"), matrix, np.full((4, 4), 500.0))
    table = relative_importance(observed, 50, random_seed=1).table()
    for measure in ("share", "first", "last", "pratt"):
        assert table[measure].tolist() == pytest.approx([0.36, 0.09, 0.01])


def test_shares_and_pratt_sum_to_what_is_explained():
    observed = correlations(AIRPORT, "recommend")
    found = relative_importance(observed, 20, random_seed=1)
    inner, outer = observed.matrix[:-1, :-1], observed.matrix[:-1, -1]
    explained = outer @ np.linalg.solve(inner, outer)
    assert found.values.sum() == pytest.approx(explained, abs=1e-10)
    assert found.table()[["share", "pratt"]].sum().tolist() == pytest.approx([explained] * 2)
    drawn = observed.draws(20, random_seed=1)
    expected = [m[:-1, -1] @ np.linalg.solve(m[:-1, :-1], m[:-1, -1]) for m in drawn]
    assert found.draws.sum(axis=0) == pytest.approx(expected, abs=1e-10)


def test_order_of_predictors_does_not_matter():
    first, second = (
        relative_importance(correlations(AIRPORT, "recommend", names), 5, random_seed=1).table()
        for names in (SMALL, SMALL[::-1])
    )
    assert first.index.tolist() == second.index.tolist()
    assert first["share"].tolist() == pytest.approx(second["share"].tolist(), abs=1e-14)


def test_blocks_of_draws_change_nothing(monkeypatch):
    drawn = correlations(AIRPORT, "recommend", SMALL).draws(7, random_seed=3)
    whole = shares_of_variance(drawn)
    monkeypatch.setattr("nps_research.drivers.relative_importance.BLOCK", 100)
    assert shares_of_variance(drawn) == pytest.approx(whole, abs=1e-14)


def test_draws_spread_like_correlations_of_normal_samples():
    _, truth = random_matrix(4, seed=4)
    generator = np.random.default_rng(5)
    samples = [
        np.corrcoef(generator.multivariate_normal(np.zeros(4), truth, 200), rowvar=False)
        for _ in range(4000)
    ]
    drawn = Correlations(tuple("abcy"), truth, np.full((4, 4), 200.0)).draws(4000, random_seed=6)
    pairs = np.triu_indices(4, 1)
    spreads = [np.cov(np.array(each)[:, *pairs], rowvar=False) for each in (samples, drawn)]
    scale = np.sqrt(np.outer(np.diag(spreads[0]), np.diag(spreads[0])))
    assert np.abs((spreads[1] - spreads[0]) / scale).max() < 0.1  # 4,000 draws: errors near 0.03


def test_inflation_widens_the_draws():
    observed = correlations(AIRPORT, "recommend", SMALL)
    plain, wide = (observed.draws(500, inflation=f, random_seed=1).std(axis=0) for f in (1.0, 4.0))
    off = ~np.eye(5, dtype=bool)
    assert wide[off] / plain[off] == pytest.approx(2.0, rel=0.02)


def test_nearest_correlation_is_highams_example():
    found = nearest_correlation([[1, 1, 0], [1, 1, 1], [0, 1, 1]])
    expected = [[1, 0.7607, 0.1573], [0.7607, 1, 0.7607], [0.1573, 0.7607, 1]]
    assert found == pytest.approx(np.array(expected), abs=5e-5)
    assert np.linalg.eigvalsh(found)[0] > 0


def test_possible_matrices_are_left_alone():
    matrix = correlations(AIRPORT, "recommend", SMALL).matrix
    assert nearest_correlation(matrix) == pytest.approx(matrix, abs=1e-12)


def test_order_probabilities():
    found = relative_importance(correlations(AIRPORT, "recommend", SMALL), 400, random_seed=1)
    order = found.order_probabilities()
    assert order.index.tolist() == found.table().index.tolist()
    assert (order + order.T).to_numpy() == pytest.approx(np.ones((4, 4)))
    assert order.loc["security", "wifi"] > 0.99


def test_intervals_of_known_shares_cover():
    recorded = json.loads(data_path("driver_calibration.json").read_text())
    assert recorded["replicates"] >= 200
    for scenario in recorded["scenarios"].values():
        assert 0.92 <= scenario["coverage_all"] <= 0.98
        assert scenario["pairs_right"] == pytest.approx(scenario["pairs_right_promised"], abs=0.04)
        assert scenario["largest_gap"] < 1e-10


@pytest.mark.parametrize(
    ("table", "predictors", "message"),
    [
        (AIRPORT, ["wi-fi"], "no correlations of 'wi-fi'"),
        (AIRPORT, ["wifi", "wifi"], "'wifi' named twice"),
        (AIRPORT, ["wifi", "recommend"], "'recommend' named twice"),
        (AIRPORT, [], "needs at least one predictor"),
        (AIRPORT[1:], ["overall", "wifi"], "the pair overall and recommend needs"),
        (pd.concat([AIRPORT, AIRPORT[:1]]), ["overall"], "2 rows for the 1 pairs"),
        (AIRPORT.assign(n=3), ["wifi"], "more than 3 people; found 0.296877 over 3"),
    ],
)
def test_unusable_tables_are_refused(table, predictors, message):
    with pytest.raises(ValueError, match=message):
        correlations(table, "recommend", predictors)


def test_impossible_correlations_are_refused():
    matrix = np.array([[1, 0.9, 0.1], [0.9, 1, 0.9], [0.1, 0.9, 1]])
    observed = Correlations(("a", "b", "y"), matrix, np.full((3, 3), 50.0))
    with pytest.raises(ValueError, match="not possible together: the smallest eigenvalue"):
        relative_importance(observed, random_seed=1)


def test_too_many_predictors_are_refused():
    names = tuple(map(str, range(20)))
    with pytest.raises(ValueError, match="up to 18 predictors"):
        relative_importance(Correlations(names, np.eye(20), np.full((20, 20), 50.0)), random_seed=1)
