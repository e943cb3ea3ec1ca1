import numpy as np
import pandas as pd
import pytest

from nps_research.datasets import load_counts
from nps_research.drivers.items import item_effects, mean_ratings, rating_nps, variance_inflation
from nps_research.metrics import nps

ITEMS = load_counts("sfo_items")
FEW = ITEMS[ITEMS["item"].isin(["wifi", "find"])]


@pytest.fixture(scope="module")
def by_year():
    return rating_nps(FEW, "year", monotonic=False, random_seed=1)


def test_free_effects_are_near_the_observed_scores(by_year):
    assert by_year.dims == ("chain", "draw", "item", "year", "rating")
    observed = nps(FEW, by=["item", "year", "rating"])
    fitted = by_year.mean(("chain", "draw")).to_series().reindex(observed.index)
    large = observed["n"] > 300
    assert (fitted - observed["nps"])[large].abs().max() < 6


def test_monotonic_effects_never_fall():
    draws = rating_nps(FEW[FEW["item"] == "wifi"], random_seed=1)
    assert draws.dims == ("chain", "draw", "item", "rating")
    assert (draws.diff("rating") >= 0).all()


def test_effects_compare_with_the_best_rating(by_year):
    table = item_effects(by_year)
    means = by_year.mean(("chain", "draw"))
    expected = means.sel(item="wifi", year="2018", rating=5) - means.sel(
        item="wifi", year="2018", rating=3
    )
    row = table.loc[("wifi", "2018", 3)]
    assert row["effect"] == pytest.approx(float(expected))
    assert row["lower"] < row["effect"] < row["upper"]
    assert table.attrs["interval"] == "95 % equal-tailed credible interval"


def test_a_group_without_a_rating_is_missing_there():
    lacking = FEW[~((FEW["year"] == "2018") & (FEW["rating"] == 1))]
    draws = rating_nps(lacking, "year", monotonic=False, random_seed=1)
    assert draws.sel(year="2018", rating=1).isnull().all()
    assert draws.sel(year="2018", rating=2).notnull().all()


def test_variance_inflation_is_one_for_normal_answers():
    scores = np.random.default_rng(1).multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 200_000)
    cells = pd.DataFrame(scores.round(1), columns=["rating", "score"]).assign(item="a")
    counts = cells.value_counts().rename("n").reset_index()
    assert variance_inflation(counts)["a"] == pytest.approx(1.0, abs=0.02)


def test_variance_inflation_is_that_of_the_bootstrap():
    food = ITEMS[ITEMS["item"] == "security"]
    n, total = food["n"].to_numpy(), food["n"].sum()
    x, y = (food[name].to_numpy(dtype=float) for name in ("rating", "score"))

    def correlation(weights):
        u, v = x - weights @ x / total, y - weights @ y / total
        return weights @ (u * v) / np.sqrt((weights @ u**2) * (weights @ v**2))

    resampled = np.random.default_rng(1).multinomial(total, n / total, 3000)
    spread = np.var([correlation(each) for each in resampled])
    normal = (1 - correlation(n) ** 2) ** 2 / total
    assert variance_inflation(food)["security"] == pytest.approx(spread / normal, rel=0.1)


def test_unknown_columns_are_refused():
    with pytest.raises(ValueError, match="column 'yaer'"):
        rating_nps(FEW, "yaer", random_seed=1)
    with pytest.raises(ValueError, match="column 'stars'"):
        mean_ratings(FEW, rating="stars")


def test_errors_name_the_item():
    broken = FEW.assign(score=FEW["score"].mask(FEW["item"] == "wifi", 11))
    with pytest.raises(ValueError, match="item wifi: scores must be"):
        rating_nps(broken, monotonic=False, random_seed=1)
