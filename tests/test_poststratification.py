"""Weights from a population: closed forms, the airport, and what cannot be weighted."""

import numpy as np
import pandas as pd
import pytest

from nps_research.datasets import load_counts
from nps_research.metrics import nps
from nps_research.ordinal.model import OrdinalModel
from nps_research.silence.poststratification import (
    design_effect,
    poststratified,
    poststratified_nps,
    raked,
    weighting_effect,
)

AIRPORT = load_counts("sfo_airport")
YEAR_2018 = AIRPORT[AIRPORT["year"] == "2018"]
CELLS = ["language", "problem"]
SMALL = pd.DataFrame(
    {
        "mode": ["web", "web", "phone", "phone", "web"],
        "new": ["yes", "no", "yes", "no", "no"],
        "score": [10, 3, 9, 8, None],
        "n": [40, 30, 20, 10, 50],
    }
)
MODES = pd.DataFrame({"mode": ["web", "phone"], "n": [500, 500]})
NEW = pd.DataFrame({"new": ["yes", "no"], "n": [0.3, 0.7]})


def population(table, columns, size="weight"):
    return table.groupby(columns, observed=True)[size].sum().rename("n").reset_index()


def people(table):
    """One row an answer, with its weight."""
    answered = table[table["score"].notna()]
    each = answered.loc[answered.index.repeat(answered["n"])]
    return each.assign(weight=each["weight"] / each["n"])


def test_airport_2018_unweighted_and_weighted():
    plain, heavy = (nps(YEAR_2018, weighted=each).loc["all"] for each in (False, True))
    assert plain["nps"] == pytest.approx(30.98, abs=0.005)
    assert heavy["nps"] == pytest.approx(35.11, abs=0.005)
    assert heavy["n_effective"] == pytest.approx(2134, abs=0.5)
    assert heavy["upper"] - heavy["lower"] > plain["upper"] - plain["lower"]
    effect = design_effect(YEAR_2018).loc["all", "design_effect"]
    assert effect == pytest.approx(2650 / 2134.243)


def test_every_cell_gets_its_share():
    wanted = population(YEAR_2018, CELLS)
    table = poststratified(YEAR_2018, wanted)
    found = population(table, CELLS)
    np.testing.assert_allclose(found["n"] / 2650, wanted["n"] / wanted["n"].sum())
    assert (found["n"].sum(), len(table)) == (pytest.approx(2650), len(YEAR_2018))


def test_weighted_score_is_the_mean_of_the_cells():
    cells = population(YEAR_2018, CELLS)
    each = nps(YEAR_2018, by=CELLS)["nps"].to_numpy()
    expected = np.average(each, weights=cells["n"])
    found = nps(poststratified(YEAR_2018, cells), weighted=True).loc["all", "nps"]
    assert found == pytest.approx(expected)
    assert poststratified_nps(YEAR_2018, cells).loc["all", "nps"] == pytest.approx(expected)


def test_airport_weights_move_2018_and_hardly_2017():
    found = weighting_effect(AIRPORT, by="year")
    assert found["effect"].tolist() == pytest.approx(
        [40.3984 - 39.8398, 35.1136 - 30.9811], abs=1e-3
    )
    assert (found["lower"] > 0).tolist() == [False, True]


def test_squares_of_weights_are_those_of_people():
    table = people(poststratified(SMALL, MODES))
    effective = table["weight"].sum() ** 2 / (table["weight"] ** 2).sum()
    found = design_effect(poststratified(SMALL, MODES)).loc["all", "n_effective"]
    assert found == pytest.approx(effective)


def test_people_without_a_score_weigh_nothing():
    table = poststratified(SMALL, MODES)
    assert table.loc[4, ["weight", "weight_squared"]].tolist() == [0, 0]
    assert table["weight"].sum() == pytest.approx(100)


def test_weights_of_the_survey_are_adjusted():
    twice = poststratified(YEAR_2018, population(YEAR_2018, CELLS, "n"), weighted=True)
    cells = population(twice, CELLS)["n"].to_numpy()
    np.testing.assert_allclose(cells, population(YEAR_2018, CELLS, "n")["n"])
    inside = YEAR_2018.iloc[0]["weight"] / YEAR_2018.iloc[1]["weight"]
    assert twice.loc[0, "weight"] / twice.loc[1, "weight"] == pytest.approx(inside)


def test_raking_meets_its_margins_and_keeps_odds_ratios():
    table = raked(SMALL, [MODES, NEW])
    np.testing.assert_allclose(population(table, "mode")["n"], [50, 50])
    np.testing.assert_allclose(population(table, "new")["n"], [70, 30])
    weight = table["weight"][:4].to_numpy()
    assert weight[0] * weight[3] / (weight[1] * weight[2]) == pytest.approx(40 * 10 / (30 * 20))


def test_raking_to_one_margin_is_poststratification():
    one, other = raked(SMALL, [MODES]), poststratified(SMALL, MODES)
    pd.testing.assert_frame_equal(one, other)


def test_linearised_move_agrees_with_resampled_people():
    generator = np.random.default_rng(1)
    each = pd.DataFrame({"score": generator.choice([3, 8, 10], 800, p=[0.3, 0.3, 0.4])})
    weight = generator.gamma(4 + each["score"] / 5)
    columns = {"weight": weight, "weight_squared": weight**2, "n": 1}
    found = weighting_effect(each.assign(**columns).groupby("score").sum().reset_index())
    value = 100.0 * np.select([each["score"] == 10, each["score"] == 3], [1, -1], 0)
    picks = generator.integers(0, 800, (3000, 800))
    heavy = (weight * value)[picks].sum(axis=1) / weight[picks].sum(axis=1)
    moves = heavy - value[picks].mean(axis=1)
    assert moves.mean() == pytest.approx(found.loc["all", "effect"], abs=0.1)
    assert moves.std() == pytest.approx(found.loc["all", "se"], rel=0.04)


def test_equal_weights_move_nothing():
    table = SMALL.assign(weight=3.0 * SMALL["n"], weight_squared=9.0 * SMALL["n"])
    assert weighting_effect(table)[["effect", "se"]].abs().to_numpy().max() < 1e-12


def test_interval_within_cells_covers():
    generator = np.random.default_rng(2)
    shares = np.array([[0.6, 0.1, 0.3], [0.1, 0.2, 0.7]])
    truth = 100 * (shares[:, 2] - shares[:, 0]).mean()
    inside = []
    for _ in range(300):
        sizes = generator.multinomial([120, 40], shares).ravel()
        table = pd.DataFrame({"mode": ["web"] * 3 + ["phone"] * 3, "score": [3, 8, 10] * 2})
        row = poststratified_nps(table.assign(n=sizes), MODES).loc["all"]
        inside.append(row["lower"] <= truth <= row["upper"])
    assert np.mean(inside) == pytest.approx(0.95, abs=0.035)


def test_model_averages_its_cells_with_the_population():
    model = OrdinalModel("score ~ problem", YEAR_2018)
    draws = model.prior(20, random_seed=1)
    cells = population(YEAR_2018, ["problem"]).assign(n=[2200, 120, 330])
    found = draws.poststratify(cells).nps()
    share = cells["n"] / cells["n"].sum()
    expected = sum(
        part * draws.at(cells.iloc[[row]]).nps().to_numpy() for row, part in enumerate(share)
    )
    np.testing.assert_allclose(found, expected)


def test_merged_levels_share_a_weight():
    cells = pd.DataFrame({"mode": ["web", "phone", "post"], "n": [500, 400, 100]})
    table = poststratified(SMALL, cells, collapse={"mode": {"post": "phone"}})
    np.testing.assert_allclose(population(table, "mode")["n"], [50, 50])


@pytest.mark.parametrize(
    ("counts", "cells", "message"),
    [
        (SMALL, MODES.assign(mode=["web", "post"]), "1 cells that the population lacks.*row 2"),
        (SMALL[SMALL["mode"] == "web"], MODES, r"nobody answered.*mode phone \(50 %.*collapse"),
        (SMALL, MODES.assign(n=[5, -1]), "found -1 at row 1 .*mode phone"),
        (SMALL, MODES.assign(n=0), "no people: all 2 cells"),
        (SMALL, pd.concat([MODES, MODES]), "row 2 of the population repeats the cell mode web"),
        (SMALL, MODES.rename(columns={"mode": "moed"}), "unknown column 'moed'"),
        (SMALL, MODES[["mode"]], "unknown column 'n'"),
        (SMALL, MODES[["n"]], "columns that name its cells"),
    ],
)
def test_unusable_populations_are_refused(counts, cells, message):
    with pytest.raises(ValueError, match=message):
        poststratified(counts, cells)


def test_weights_that_are_all_zero_or_negative_are_refused():
    none = SMALL.assign(weight=0.0, weight_squared=0.0)
    with pytest.raises(ValueError, match="all weights are zero: column 'weight'"):
        poststratified(none, MODES, weighted=True)
    with pytest.raises(ValueError, match="row 0"):
        poststratified(none.assign(weight=-1.0), MODES, weighted=True)


def test_margins_that_contradict_each_other_are_refused(monkeypatch):
    monkeypatch.setattr("nps_research.silence.poststratification.MOST_ROUNDS", 50)
    diagonal = SMALL.iloc[[0, 3]]
    with pytest.raises(ValueError, match="no weights fit the margins mode, new"):
        raked(diagonal, [MODES, NEW])
    with pytest.raises(ValueError, match="at least one margin"):
        raked(SMALL, [])


def test_cells_of_one_answer_have_no_spread():
    table = pd.DataFrame({"mode": ["web", "phone"], "score": [10, 3], "n": [1, 1]})
    with pytest.raises(ValueError, match="single answer"):
        poststratified_nps(table, MODES)
