import numpy as np
import pandas as pd
import pytest
import xarray as xr

from nps_research.datasets import load_counts, load_table
from nps_research.drivers.correlations import Correlations, correlations
from nps_research.drivers.items import mean_ratings
from nps_research.drivers.priorities import (
    QUADRANTS,
    choices,
    importance_performance,
    joint_gains,
    potential,
)
from nps_research.drivers.relative_importance import relative_importance

ITEMS = load_counts("sfo_items")
SMALL = ["find", "wifi", "food", "store"]


def made_up(nps_by_rating):
    draws = xr.DataArray(
        np.array(nps_by_rating)[None, None], dims=("chain", "draw", "item", "rating")
    )
    return draws.assign_coords(item=["a", "b"], rating=[1, 2, 3])


@pytest.fixture(scope="module")
def importance():
    observed = correlations(load_table("sfo_item_correlations"), "recommend", SMALL)
    return relative_importance(observed, 400, random_seed=1)


def test_potential_by_hand():
    draws = made_up([[-50.0, 0.0, 40.0], [10.0, 10.0, 10.0]])
    rows = [("a", 1, 20), ("a", 2, 30), ("a", 3, 50), ("b", 1, 10), ("b", 2, 10), ("b", 3, 10)]
    counts = pd.DataFrame(rows, columns=["item", "rating", "n"]).assign(score=7)
    one, best = (potential(draws, counts, steps=k).squeeze().to_series() for k in (1, 2))
    assert one.to_dict() == pytest.approx({"a": 0.2 * 50 + 0.3 * 40, "b": 0.0})
    assert best.to_dict() == pytest.approx({"a": 0.2 * 90 + 0.3 * 40, "b": 0.0})


def test_what_is_chosen_in_one_year_is_judged_in_another():
    gains = xr.DataArray(
        [[[[5.0, 1.0], [2.0, 9.0], [1.0, 2.0]]]], dims=("chain", "draw", "item", "year")
    ).assign_coords(item=["a", "b", "c"], year=["2017", "2018"])
    ratings = pd.Series({"a": 4.0, "b": 3.9, "c": 3.5})
    found = choices(gains, ratings, chosen_in="2017", judged_in="2018")
    assert found["chosen"].to_numpy().tolist() == ["a", "c", "any"]
    assert found.squeeze().to_numpy().tolist() == [1.0, 2.0, 4.0]


def test_joint_gains_are_those_of_least_squares():
    generator = np.random.default_rng(1)
    latent = generator.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 50_000)
    ratings = np.clip(np.round(latent + 3.5), 1, 5)
    score = np.round(np.clip(6 + ratings @ [0.8, 0.2] + generator.standard_normal(50_000), 0, 10))
    table = pd.DataFrame(ratings, columns=["a", "b"]).assign(score=score.astype(int))
    long = table.melt("score", var_name="item", value_name="rating")
    counts = long.value_counts(["item", "rating", "score"]).rename("n").reset_index()
    observed = Correlations(("a", "b", "score"), table.corr().to_numpy(), np.full((3, 3), 50_000.0))
    slopes = np.linalg.lstsq(np.column_stack([np.ones(50_000), ratings]), score)[0][1:]
    expected = slopes * (ratings < 5).mean(axis=0)
    found = joint_gains(observed, counts, 400, random_seed=1)
    assert found.mean(("chain", "draw")).to_numpy() == pytest.approx(expected, abs=0.003)


def test_quadrants_are_probabilities(importance):
    table = importance_performance(importance, ITEMS, random_seed=1)
    assert table[list(QUADRANTS)].sum(axis=1).to_numpy() == pytest.approx(np.ones(4))
    assert table["performance"].to_dict() == pytest.approx(mean_ratings(ITEMS)[SMALL].to_dict())
    assert table.loc["find", "keep_up"] > 0.99  # the most important of the four, and the best rated
    assert table.loc["store", "performance_upper"] < 3.7
    assert table.attrs["centres"] == pytest.approx(
        (importance.values.mean(), mean_ratings(ITEMS)[SMALL].mean())
    )


def test_items_without_ratings_are_refused(importance):
    with pytest.raises(
        ValueError, match="no ratings of 'find', 'food', 'store'; the table has wifi"
    ):
        importance_performance(importance, ITEMS[ITEMS["item"] == "wifi"], random_seed=1)
