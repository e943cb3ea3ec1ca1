"""Comparisons over ranges: the right worlds, paired shocks, and verdicts that can go either way."""

import numpy as np
import pandas as pd
import pytest

from nps_research.market import sensitivity
from nps_research.market.defaults import defaults
from nps_research.market.grids import World, sweep
from nps_research.market.mechanisms import Incentives
from nps_research.market.parameters import Agency
from nps_research.market.regimes import NorthStar, PayPerPoint, effort
from nps_research.market.simulate import Market

MARKET = Market(customers=120, agents=4, teams=2, months=9, rollout=3)
WORLDS = {
    "none": World(MARKET, Incentives()),
    "begging": World(MARKET, Incentives(begging=0.8)),
    "gating": World(MARKET, Incentives(gating=1.0)),
}
POINTS = pd.DataFrame({"begging": [0.5, 1.0], "begging.shift": [0.1, 0.6]}).rename_axis("point")


@pytest.fixture(scope="module")
def table():
    return sensitivity.side_by_side(WORLDS, 3, random_seed=3, points=POINTS)


def condition(*means, error=0.0):
    return pd.DataFrame({"mean": means, "mcse": error})


def test_ranges_are_those_of_the_defaults():
    found = sensitivity.ranges("gating", "begging.shift", editing=(0.0, 1.0))
    table = defaults()
    names = ["gating.cut", "gating.signal_noise", "begging.shift"]
    expected = {name: (table.loc[name, "low"], table.loc[name, "high"]) for name in names}
    assert found == expected | {"editing": (0.0, 1.0)}


def test_unknown_ranges_are_refused():
    with pytest.raises(ValueError, match="gatting"):
        sensitivity.ranges("gatting")


def test_every_part_of_a_range_is_visited_once():
    where = {"gating.cut": (-1.0, 0.5), "staff.gaming_shape": (0.25, 20.0)}
    points = sensitivity.latin_hypercube(
        where, 10, random_seed=1, logarithmic={"staff.gaming_shape"}
    )
    parts = np.sort(np.floor(10 * (points["gating.cut"] + 1.0) / 1.5))
    logs = np.sort(np.floor(10 * np.log(points["staff.gaming_shape"] / 0.25) / np.log(80)))
    np.testing.assert_array_equal(parts, np.arange(10))
    np.testing.assert_array_equal(logs, np.arange(10))


def test_whole_numbers_stay_whole_and_equally_frequent():
    points = sensitivity.latin_hypercube({"false_promises.longest_lag": (1, 6)}, 12, random_seed=1)
    assert points.value_counts().to_dict() == {(float(lag),): 2 for lag in range(1, 7)}


def test_points_depend_on_the_seed_alone():
    where = sensitivity.ranges("begging")
    first, again, other = (
        sensitivity.latin_hypercube(where, 5, random_seed=seed) for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_worlds_take_the_numbers_of_their_point():
    compared = sensitivity.Comparison(
        tuple(WORLDS.values()), tuple(POINTS.columns), tuple(POINTS.itertuples(index=False))
    )
    begging = compared[4]
    assert len(compared) == 6
    assert begging.incentives.begging == 0.8
    assert begging.market.mechanisms.begging.shift == 0.6
    assert compared[1].incentives.begging == 0.4


def test_a_mechanism_that_is_off_stays_off(table):
    unpressed = table.loc["none"]
    assert (unpressed["inflation"] == 0).all()
    assert table.loc["gating", "survey_rate"].groupby("replicate").nunique().eq(1).all()


def test_fields_of_a_regime_leave_other_regimes_alone():
    points = pd.DataFrame({"regime.worth": [0.7]})
    worlds = tuple(World(MARKET, Incentives(), each) for each in (NorthStar(), PayPerPoint(), None))
    compared = sensitivity.Comparison(worlds, tuple(points.columns), ((0.7,),))
    regimes = [world.regime for world in compared]
    assert regimes == [NorthStar(), PayPerPoint(worth=0.7), None]


def test_numbers_that_are_possible_only_together_are_changed_together():
    names = ("agency.cost_gaming", "agency.cost_both")
    world = sensitivity.Comparison((WORLDS["none"],), names, ((0.2, 0.1),))[0]
    assert world.market.parameters.agency.cost_gaming == 0.2


def test_sizes_of_the_market_are_whole_numbers():
    points = sensitivity.latin_hypercube({"months": (6, 9)}, 8, random_seed=1)
    assert points["months"].value_counts().to_dict() == {6.0: 2, 7.0: 2, 8.0: 2, 9.0: 2}
    assert sensitivity.Comparison((WORLDS["none"],), ("months",), ((7.0,),))[0].market.months == 7


def test_impossible_points_are_left_out():
    points = pd.DataFrame({"agency.cost_gaming": [0.2, 2.0], "agency.cost_both": [0.9, 0.9]})
    kept = sensitivity.possible(points, WORLDS["none"])
    assert kept["agency.cost_gaming"].tolist() == [2.0]
    assert kept.index.tolist() == [0]


def test_results_are_those_of_a_sweep(table):
    swept = sweep(MARKET, {"begging.shift": [0.1, 0.6]}, 3, random_seed=3)
    shown = table.loc["none", "observed_nps"]
    np.testing.assert_array_equal(shown, swept["observed_nps"])


def test_measures_take_the_place_of_estimands(table):
    measured = sensitivity.side_by_side(
        WORLDS, 3, random_seed=3, points=POINTS, measure=lambda run: {"nps": run.observed_nps}
    )
    np.testing.assert_array_equal(measured["nps"], table["observed_nps"])
    assert measured.index.equals(table.index)


def test_no_worlds_are_refused():
    with pytest.raises(ValueError, match="no world"):
        sensitivity.side_by_side({}, 2, random_seed=1)


def test_changes_are_paired_run_by_run(table):
    changed = sensitivity.changes(table, "begging")
    expected = table.loc[("gating", 1, 2)] - table.loc[("begging", 1, 2)]
    pd.testing.assert_series_equal(changed.loc[("gating", 1, 2)], expected, check_names=False)
    assert changed.index.unique("world").tolist() == ["none", "gating"]


def test_unknown_baselines_are_refused(table):
    with pytest.raises(ValueError, match="nothing"):
        sensitivity.changes(table, "nothing")


def test_effects_are_means_with_their_errors(table):
    draws = table.loc[("begging", 1), "observed_nps"]
    found = sensitivity.effects(table, "observed_nps").loc[("begging", 1), "observed_nps"]
    assert found["mean"] == pytest.approx(draws.mean())
    assert found["mcse"] == pytest.approx(draws.std() / np.sqrt(3))


def test_pooled_answers_are_those_of_the_runs():
    pooled = sensitivity.pooled_scores({"begging": WORLDS["begging"]}, 2, random_seed=3)
    runs = [
        MARKET.simulate(Incentives(begging=0.8), random_seed=3, replicate=each).score_counts
        for each in range(2)
    ]
    np.testing.assert_array_equal(pooled, (runs[0] + runs[1]).to_numpy())


@pytest.mark.parametrize(
    ("margins", "error", "verdict"),
    [
        ([1.0] * 20, 0.1, "supported"),
        ([1.0] * 19 + [-1.0], 0.1, "supported"),
        ([1.0] * 18 + [-1.0] * 2, 0.1, "depends"),
        ([-1.0] * 20, 0.1, "refuted"),
        ([-1.0] * 19 + [1.0], 0.1, "depends"),
        ([-1.0] * 19 + [0.1], 0.1, "refuted"),
        ([1.0] * 20, 9.0, "depends"),
    ],
)
def test_verdicts_follow_from_clear_points(margins, error, verdict):
    points = pd.DataFrame({"begging.shift": np.arange(20.0)})
    statement = sensitivity.examine(points, condition(*margins, error=error))
    assert statement.verdict == verdict
    assert verdict in repr(statement)


def test_the_border_is_found():
    points = pd.DataFrame({"noise": [3.0, 1.0, 4.0, 2.0], "cut": [1.0, 2.0, 3.0, 4.0]})
    statement = sensitivity.examine(points, condition(-1.0, -1.0, 1.0, 2.0))
    assert statement.split == ("cut", "above", 2.5, 1.0)
    assert statement.share == 0.5


def test_equal_numbers_are_not_split():
    points = pd.DataFrame({"lag": [1.0, 1.0, 2.0, 2.0]})
    split = sensitivity.examine(points, condition(1.0, 1.0, 1.0, -1.0)).split
    assert split == ("lag", "below", 1.5, pytest.approx(5 / 6))


def test_importance_is_rank_correlation():
    points = pd.DataFrame({"down": [3.0, 2.0, 1.0], "other": [1.0, 3.0, 2.0]})
    importance = sensitivity.examine(points, condition(1.0, 2.0, 9.0)).importance()
    assert importance.to_dict() == pytest.approx({"down": -1.0, "other": 0.5})


def test_conditions_must_all_hold():
    points = pd.DataFrame({"cut": [1.0, 2.0, 3.0]})
    both = sensitivity.examine(
        points,
        sensitivity.above(condition(1.0, 3.0, 3.0), 2.0),
        sensitivity.below(condition(0.0, 0.0, np.nan), pd.Series([1.0, 1.0, 1.0])),
    )
    assert both.holds.tolist() == [False, True, False]


def test_conditions_of_several_worlds_are_refused():
    with pytest.raises(ValueError, match="2 rows for 1 points"):
        sensitivity.examine(pd.DataFrame({"cut": [1.0]}), condition(1.0, 2.0))


def test_bands_hold_the_middle():
    assert sensitivity.band(condition(*np.arange(101.0)), 0.8) == pytest.approx((10.0, 90.0))


def test_temptation_tells_who_games():
    where = sensitivity.ranges("agency", "staff.gaming_shape", "crowding_out.motive")
    where["regime.worth"] = (0.0, 2.0)
    drawn = sensitivity.latin_hypercube(where, 200, random_seed=1)
    points = sensitivity.possible(drawn, World(MARKET, Incentives(), PayPerPoint()))
    games = []
    for row in points.to_dict("records"):
        agency = {name.removeprefix("agency."): row[name] for name in row if "agency." in name}
        propensity = min(2.0 / (1.0 + row["staff.gaming_shape"]), 1.0)
        chosen = effort(
            PayPerPoint(worth=row["regime.worth"]),
            propensity,
            crowding_out=row["crowding_out.motive"],
            agency=Agency(**agency),
        )
        games.append(bool(chosen.gaming > 0.0))
    tempted = sensitivity.temptation(points) > 0.0
    assert tempted.tolist() == games
    assert 0 < sum(games) < len(games)
