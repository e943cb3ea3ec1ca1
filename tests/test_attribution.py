"""Attribution: no remainder, nothing real where nothing real was done, the same for all workers."""

import itertools
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from nps_research.market.attribution import (
    STATISTICS,
    Attribution,
    Coalitions,
    attribute,
    decompose,
    mcse,
)
from nps_research.market.estimands import ESTIMANDS, estimands
from nps_research.market.grids import World
from nps_research.market.mechanisms import MECHANISMS, Incentives
from nps_research.market.regimes import LevelTarget
from nps_research.market.simulate import Market

MARKET = Market(customers=240, agents=4, teams=2, months=9, rollout=3)
INCENTIVES = Incentives(begging=1.0, gating=0.7, editing=1.0, giveaways=0.5)
REPLICATES = 3
# Few customers may leave, and few agents be paid, so that there is nothing to compare.
NEEDS_A_CONTRAST = {"probability", "correlation", "share"}
ALWAYS_DEFINED = [name for name, each in ESTIMANDS.items() if each.unit not in NEEDS_A_CONTRAST]


@pytest.fixture(scope="module")
def found():
    return decompose(MARKET, INCENTIVES, replicates=REPLICATES, random_seed=5)


def in_world(replicate, *players):
    absent = set(MECHANISMS) - set(players)
    run = MARKET.simulate(INCENTIVES.without(*absent), random_seed=5, replicate=replicate)
    return estimands(run)["value"]


def test_players_are_the_mechanisms_at_work(found):
    assert found.players == ("begging", "gating", "editing", "giveaways")
    assert attribute(MARKET, Incentives(begging=1), replicates=1).index.tolist() == ["begging"]


def test_coalitions_are_all_combinations():
    coalitions = Coalitions(World(MARKET, INCENTIVES))
    assert len(coalitions) == len(list(coalitions)) == 16
    assert coalitions[0].incentives == Incentives.none()
    assert coalitions[-1].incentives == INCENTIVES
    assert coalitions[0b0110].incentives == Incentives(gating=0.7, editing=1.0)
    assert coalitions[:2] == [coalitions[0], coalitions[1]]
    assert len(Coalitions(World(MARKET, Incentives.all()))) == 4096


def test_worth_is_that_of_the_world(found):
    for replicate, players in [(0, ()), (1, ("gating",)), (2, ("begging", "giveaways"))]:
        position = sum(1 << found.players.index(name) for name in players)
        expected = in_world(replicate, *players)
        ours = [found.worth[name][position, replicate] for name in ESTIMANDS]
        np.testing.assert_array_equal(ours, expected.to_numpy())


@pytest.mark.parametrize("name", ESTIMANDS)
def test_shares_sum_to_the_whole_change_in_every_replicate(found, name):
    game = found.worth[name]
    defined = ~np.isnan(game).any(axis=0)
    assert defined.all() or name not in ALWAYS_DEFINED
    change = (game[-1] - game[0])[defined]
    total = found.replicates(name).sum(axis=1, skipna=False).to_numpy()[defined]
    np.testing.assert_allclose(total, change, rtol=0, atol=1e-12 * np.nanmax([1.0, *game.flat]))


def test_shares_are_means_over_all_orders(found):
    game, expected = found.worth["observed_nps"], np.zeros((4, REPLICATES))
    orders = list(itertools.permutations(range(4)))
    for order in orders:
        coalitions = np.cumsum([0, *(1 << player for player in order)])
        expected[list(order)] += np.diff(game[coalitions], axis=0) / len(orders)
    np.testing.assert_allclose(found.replicates("observed_nps").T, expected, atol=1e-12)


def test_uplift_is_inflation_and_real_change_for_every_mechanism(found):
    table = found.table()
    for statistic in ("shapley", "first_in", "last_in"):
        parts = [table[name, statistic] for name in ("observed_nps", "inflation", "honest_nps")]
        np.testing.assert_allclose(parts[0], parts[1] + parts[2], atol=1e-10)


def test_gaming_of_the_answer_leaves_everything_real_alone():
    # With nobody called back, what is done to answers changes nothing but answers.
    market = MARKET.with_values({"recovery.close_the_loop": 0.0})
    incentives = Incentives(begging=1.0, bribing=1.0, gating=1.0, editing=1.0)
    table = attribute(market, incentives, replicates=2)
    for name in ("honest_nps", "census_nps", "churners", "referrals", "revenue"):
        assert (table[name] == 0.0).all(axis=None)
    assert (table["observed_nps", "shapley"] > 0.0).all()


def test_mechanisms_without_a_survey_in_hand_do_nothing():
    market = replace(MARKET, third_party_collection=True)
    table = attribute(market, INCENTIVES, replicates=2)
    assert (table.loc[["gating", "editing"]].fillna(0.0) == 0.0).all(axis=None)
    assert table.loc["begging", ("inflation", "shapley")] > 0.0


def test_brackets_are_worlds_with_one_and_with_all_but_one(found):
    table = found.table(["churners"])["churners"]
    first = [in_world(r, "editing")["churners"] - in_world(r)["churners"] for r in range(3)]
    others = [name for name in found.players if name != "editing"]
    everyone = [in_world(r, *found.players)["churners"] for r in range(3)]
    last = [everyone[r] - in_world(r, *others)["churners"] for r in range(3)]
    assert table.loc["editing", "first_in"] == pytest.approx(np.mean(first))
    assert table.loc["editing", "last_in"] == pytest.approx(np.mean(last))


def test_errors_are_those_of_replicates(found):
    shares = found.replicates("honest_nps")
    expected = shares.sem()
    np.testing.assert_allclose(found.table()["honest_nps", "mcse"], expected)
    totals = found.totals()
    assert totals.dtypes.eq("float64").all()
    change = totals.loc["honest_nps"]
    assert change["change"] == pytest.approx(shares.sum(axis=1).mean(), abs=1e-12)
    assert change["mcse"] == pytest.approx(shares.sum(axis=1).sem())


def test_one_replicate_has_no_error():
    table = attribute(MARKET, Incentives(begging=1), replicates=1)["observed_nps"]
    assert table["mcse"].isna().all()
    assert table[["shapley", "first_in", "last_in"]].notna().all(axis=None)
    assert np.isnan(mcse(np.ones((2, 1)))).all()


def test_interactions_and_dividends_by_hand():
    worth = {"score": np.array([[0.0, 0.0], [4.0, 6.0], [1.0, 1.0], [2.0, 4.0]])}
    made = Attribution(("a", "b"), worth)
    assert made.interactions("score").loc["a", "b"] == -3.0
    dividends = made.dividends("score", 2)
    assert dividends["dividend"].to_dict() == {"a": 5.0, "a x b": -3.0}
    assert dividends["mcse"].tolist() == [1.0, 0.0]
    assert made.table()["score"].loc["b"].tolist() == [-0.5, 1.0, -2.0, 0.0]


def test_columns_are_the_public_ones(found):
    table = found.table(["observed_nps", "costs"])
    assert table.dtypes.eq("float64").all()
    assert table.columns.names == ["estimand", "statistic"]
    assert table.index.name == "mechanism"
    expected = list(itertools.product(["observed_nps", "costs"], STATISTICS))
    assert table.columns.tolist() == expected
    assert list(found.worth) == list(ESTIMANDS)
    assert repr(found).startswith(f"Attribution({len(ESTIMANDS)} estimands to 4 mechanisms")


def test_workers_and_folders_change_no_byte(found, tmp_path):
    settings = {"replicates": REPLICATES, "random_seed": 5, "folder": tmp_path}
    for n_jobs in (2, 1):
        again = decompose(MARKET, INCENTIVES, n_jobs=n_jobs, **settings)
        assert pickle.dumps(again.worth) == pickle.dumps(found.worth)


def test_more_replicates_keep_the_first(found):
    one = decompose(MARKET, INCENTIVES, replicates=1, random_seed=5)
    pd.testing.assert_frame_equal(one.replicates("costs"), found.replicates("costs")[:1])


def test_agents_who_optimise_are_attributed_too():
    regime = LevelTarget(target=40.0)
    table = attribute(MARKET, INCENTIVES, replicates=2, regime=regime, estimands=["bonuses"])
    assert table["bonuses", "shapley"].notna().all()


def test_nothing_at_work_is_refused():
    with pytest.raises(ValueError, match="nothing to attribute: no mechanism is at work"):
        attribute(MARKET, Incentives.none())


def test_unknown_estimands_are_refused(found):
    with pytest.raises(ValueError, match="did you mean 'churners'"):
        attribute(MARKET, Incentives.all(), estimands=["churnres"])  # before 81,920 runs
    with pytest.raises(ValueError, match="did you mean 'churners'"):
        found.table(["churnres"])
    with pytest.raises(ValueError, match="unknown estimand 'nps'"):
        found.interactions("nps")
