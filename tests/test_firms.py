"""Firms against the closed form of their correlations, and panels against plain arithmetic."""

import numpy as np
import pandas as pd
import pytest

from nps_research.comparison.firms import FirmWorld, growth_correlations

WORLD = FirmWorld(between_effect=0.2, within_effect=0.8, persistence=0.6, lag=2)


@pytest.fixture(scope="module")
def many():
    return WORLD.simulate(40_000, 7, random_seed=1)


@pytest.mark.parametrize("lag", [-1, 0, 2, 3])
def test_pooled_correlations_of_many_firms_are_the_closed_form(many, lag):
    found = growth_correlations(many, [lag])
    # 40,000 firms or more: Monte Carlo error at most 0.005.
    assert found.loc[lag, "pooled"] == pytest.approx(WORLD.correlation("pooled", lag), abs=0.015)


def test_correlations_of_means_are_the_closed_form(many):
    means = many.groupby("firm")[["score", "growth"]].mean().corr().iloc[0, 1]
    assert means == pytest.approx(WORLD.correlation("between", years=7), abs=0.015)
    assert growth_correlations(many).loc[0, "between"] == pytest.approx(means)


def test_long_panels_show_the_correlation_within_firms():
    table = WORLD.simulate(60, 3000, random_seed=2)
    found = growth_correlations(table, [0, 2])["within"]
    expected = [WORLD.correlation("within", lag) for lag in (0, 2)]
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_short_panels_shrink_it():
    table = WORLD.simulate(20_000, 4, random_seed=3)
    assert growth_correlations(table, [2]).loc[2, "within"] < WORLD.correlation("within", 2) - 0.05


@pytest.mark.parametrize("lag", [-2, 0, 1])
def test_growth_follows_the_score_after_the_lag(lag):
    world = FirmWorld(within_effect=2.0, lag=lag, persistence=0.0)
    found = growth_correlations(world.simulate(3000, 8, random_seed=4), range(-2, 3))["within"]
    assert found.idxmax() == lag
    assert found.drop(lag).abs().max() < 0.2


def test_nothing_is_found_where_there_is_nothing():
    found = growth_correlations(FirmWorld().simulate(4000, 6, random_seed=5), range(-2, 3))
    assert found[["between", "within", "pooled"]].abs().max().max() < 0.05
    assert FirmWorld().correlation("pooled") == 0


def test_correlations_are_those_of_numpy():
    table = FirmWorld(between_effect=0.2).simulate(5, 4, replicates=3, random_seed=6)
    found = growth_correlations(table, [1], by="replicate")
    for replicate, rows in table.groupby("replicate"):
        score, growth = (
            rows.pivot(index="firm", columns="year", values=v).to_numpy()
            for v in ("score", "growth")
        )
        now, later = score[:, :-1], growth[:, 1:]
        deviations = [each - each.mean(axis=1, keepdims=True) for each in (now, later)]
        row = found.loc[(1, replicate)]
        between = np.corrcoef(now.mean(axis=1), later.mean(axis=1))[0, 1]
        assert row["between"] == pytest.approx(between)
        assert row["pooled"] == pytest.approx(np.corrcoef(now.ravel(), later.ravel())[0, 1])
        assert row["within"] == pytest.approx(np.corrcoef(*map(np.ravel, deviations))[0, 1])
        assert row[["firms", "pairs"]].tolist() == [5, 15]


def test_missing_values_and_few_firms_leave_gaps():
    table = FirmWorld().simulate(3, 2, random_seed=7)
    table.loc[0, "growth"] = np.nan
    found = growth_correlations(table)
    assert found.loc[0, "pairs"] == 5
    assert growth_correlations(table.query("firm < 2"))[["between", "within"]].isna().all(axis=None)
    flat = growth_correlations(table.assign(score=1.0))
    assert flat["pooled"].isna().all()


def test_a_firm_has_every_year_once():
    table = FirmWorld().simulate(3, 2, replicates=2, random_seed=8)
    with pytest.raises(ValueError, match="second row at row 6"):
        growth_correlations(table)
    with pytest.raises(ValueError, match="unknown column 'growth'"):
        growth_correlations(pd.DataFrame({"firm": [1], "year": [1], "score": [1]}))


@pytest.mark.parametrize(
    ("number", "value", "message"),
    [
        ("between_sd", -1.0, "between_sd must be a standard deviation"),
        ("persistence", 1.0, "persistence must be from 0 to below 1"),
        ("answers", 0, "answers must be 1 or more"),
    ],
)
def test_impossible_worlds_are_refused(number, value, message):
    with pytest.raises(ValueError, match=message):
        FirmWorld(**{number: value})
    with pytest.raises(ValueError, match="unknown kind of correlation 'both'"):
        FirmWorld().correlation("both")
