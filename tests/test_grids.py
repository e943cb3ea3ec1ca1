"""Sweeps: the right worlds, the same bytes for any number of workers, and nothing done twice."""

import pickle
import subprocess
import sys
import time

import joblib
import numpy as np
import pandas as pd
import pytest

from nps_research.market import grids
from nps_research.market.estimands import ESTIMANDS, estimands
from nps_research.market.grids import Grid, World, described, simulated, sweep
from nps_research.market.mechanisms import Incentives
from nps_research.market.regimes import LevelTarget, NorthStar, PayPerPoint
from nps_research.market.simulate import Market

MARKET = Market(customers=120, agents=4, teams=2, months=9, rollout=3)
WORLD = World(MARKET, Incentives(gating=1.0))
AXES = {"begging": [0.0, 0.5, 1.0], "begging.shift": [0.2, 0.6]}


def small_sweep(**settings):
    return sweep(MARKET, AXES, 12, random_seed=3, **settings)


@pytest.fixture(scope="module")
def expected():
    return small_sweep()


@pytest.fixture
def runs(monkeypatch):
    """Count the runs of this process."""
    made = []
    simulate = Market.simulate

    def counted(self, *arguments, **settings):
        made.append(settings["replicate"])
        return simulate(self, *arguments, **settings)

    monkeypatch.setattr(Market, "simulate", counted)
    return made


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("begging", 0.5, lambda world: world.incentives.begging),
        ("begging.shift", 0.6, lambda world: world.market.mechanisms.begging.shift),
        ("loyalty.churn_slope", 1.0, lambda world: world.market.parameters.loyalty.churn_slope),
        ("customers", 240, lambda world: world.market.customers),
        ("rollout", 4, lambda world: world.market.rollout),
        ("regime", NorthStar(), lambda world: world.regime),
    ],
)
def test_one_number_is_changed_and_nothing_else(name, value, found):
    changed = WORLD.with_value(name, value)
    assert found(changed) == value
    assert changed.with_value(name, found(WORLD)) == WORLD


def test_fields_of_the_regime_are_changed():
    world = World(MARKET, Incentives(), LevelTarget(target=40.0))
    assert world.with_value("regime.target", 50.0).regime == LevelTarget(target=50.0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("beging", "unknown name to sweep over 'beging'; did you mean 'begging'"),
        ("begging.shfit", "shift"),
        ("regime.target", "field of None"),
        ("team", "did you mean 'teams'"),
    ],
)
def test_unknown_names_are_refused(name, message):
    with pytest.raises(ValueError, match=message):
        WORLD.with_value(name, 1.0)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"begging": []}, "no value of 'begging'"),
        ({"begging": [0.0, 1.5]}, "begging must be from 0 to 1; found 1.5"),
        ({"customers": [0]}, "customers must be a whole number from 1 on; found 0"),
    ],
)
def test_impossible_values_are_refused_before_anything_runs(axes, message, runs):
    with pytest.raises(ValueError, match=message):
        sweep(MARKET, axes, 2, random_seed=1)
    assert runs == []


def test_grid_is_the_product_of_its_axes():
    grid = Grid(WORLD, tuple((name, tuple(each)) for name, each in AXES.items()))
    assert len(grid) == len(list(grid)) == 6
    assert grid[-1] == grid[5] == WORLD.with_value("begging", 1.0).with_value("begging.shift", 0.6)
    assert grid[1:3] == [grid[1], grid[2]]
    assert grid.points().iloc[3].tolist() == [0.5, 0.6]
    with pytest.raises(IndexError):
        _ = grid[6]


def test_rows_are_points_and_replicates(expected):
    assert len(expected) == 6 * 12
    assert expected.columns.tolist() == [*AXES, "replicate", *ESTIMANDS]
    assert not expected.duplicated([*AXES, "replicate"]).any()


@pytest.mark.parametrize("row", [0, 17, 71])
def test_estimands_are_those_of_the_run(expected, row):
    point = expected.iloc[row]
    world = World(MARKET, Incentives()).with_value("begging", point["begging"])
    world = world.with_value("begging.shift", point["begging.shift"])
    replicate = int(point["replicate"])
    run = world.market.simulate(world.incentives, random_seed=3, replicate=replicate)
    found = estimands(run)["value"]
    np.testing.assert_array_equal(found.to_numpy(), point[list(ESTIMANDS)].to_numpy(float))


def test_shocks_are_shared_by_all_points(expected):
    off = expected[expected["begging"] == 0.0].set_index(["begging.shift", "replicate"])
    pd.testing.assert_frame_equal(off.loc[0.2], off.loc[0.6])


def test_more_replicates_keep_the_first(expected):
    fewer = sweep(MARKET, AXES, 3, random_seed=3)
    kept = expected[expected["replicate"] < 3].reset_index(drop=True)
    pd.testing.assert_frame_equal(fewer, kept)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_workers_change_no_byte(expected, backend):
    with joblib.parallel_config(backend=backend):
        found = small_sweep(n_jobs=2)
    assert pickle.dumps(found.to_numpy()) == pickle.dumps(expected.to_numpy())


def test_finished_runs_are_not_repeated(expected, tmp_path, runs):
    small_sweep(folder=tmp_path)
    done = len(runs)
    pd.testing.assert_frame_equal(small_sweep(folder=tmp_path), expected)
    assert len(runs) == done == 72


def test_interrupted_sweeps_resume(expected, tmp_path, runs, monkeypatch):
    addition = grids.sums

    def killed(run):
        if len(runs) > 45:
            raise KeyboardInterrupt
        return addition(run)

    monkeypatch.setattr(grids, "sums", killed)
    with pytest.raises(KeyboardInterrupt):
        small_sweep(folder=tmp_path)
    monkeypatch.setattr(grids, "sums", addition)
    runs.clear()
    pd.testing.assert_frame_equal(small_sweep(folder=tmp_path), expected)
    assert len(runs) == 72 - 40  # two finished parts of 20


def test_killed_sweeps_resume(expected, tmp_path, runs):
    # One that would take many minutes.
    code = f"""
from nps_research.market.grids import sweep
from nps_research.market.simulate import Market
market = Market(customers=120, agents=4, teams=2, months=9, rollout=3)
sweep(market, {AXES}, 100_000, random_seed=3, folder={str(tmp_path)!r})
"""
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)  # noqa: S603  (our own interpreter and code)
    while process.poll() is None and not list(tmp_path.glob("*/*.npz")):
        time.sleep(0.01)
    process.kill()
    process.wait()
    done = 20 * len(list(tmp_path.glob("*/*.npz")))
    assert done > 0
    replicates = done // 6 + 12
    found = sweep(MARKET, AXES, replicates, random_seed=3, folder=tmp_path)
    assert len(runs) == 6 * replicates - done
    first = found[found["replicate"] < 12].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, expected)


def test_sweeps_share_a_folder(expected, tmp_path):
    other = sweep(MARKET, {"gating": [1.0]}, 2, random_seed=3, folder=tmp_path)
    pd.testing.assert_frame_equal(small_sweep(folder=tmp_path), expected)
    again = sweep(MARKET, {"gating": [1.0]}, 2, random_seed=3, folder=tmp_path)
    pd.testing.assert_frame_equal(other, again)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"random_seed": 4},
        {"incentives": Incentives(gating=0.5)},
        {"regime": NorthStar()},
    ],
)
def test_folders_are_those_of_a_configuration(tmp_path, changed):
    settings = {"random_seed": 3, "folder": tmp_path} | changed
    sweep(MARKET, {"begging": [1.0]}, 1, random_seed=3, folder=tmp_path)
    sweep(MARKET, {"begging": [1.0]}, 1, **settings)
    assert len(list(tmp_path.iterdir())) == 2


def test_regimes_are_swept_over():
    regimes = [NorthStar(), PayPerPoint()]
    table = sweep(MARKET, {"regime": regimes}, 2, random_seed=1)
    assert table["regime"].tolist() == [regimes[0]] * 2 + [regimes[1]] * 2
    assert (table.groupby(table["regime"].map(str))["bonuses"].sum() > 0).tolist() == [False, True]


def test_descriptions_tell_classes_apart():
    assert described(NorthStar()) != described(PayPerPoint())
    assert described(WORLD)["incentives"]["gating"] == 1.0
    assert described((np.int64(3), [None])) == [3, [None]]


def test_sums_have_an_axis_of_replicates_and_one_of_worlds():
    grid = Grid(WORLD, (("begging", (0.0, 1.0)),))
    found = simulated(grid, 3, random_seed=1)
    assert found["scores"].shape == (3, 2, 3, 11)


def test_the_same_on_a_dask_cluster(expected, tmp_path):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        found = small_sweep(folder=tmp_path)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_numbers_that_are_possible_only_together_can_be_swept_over():
    axes = {"agency.cost_both": [0.9], "agency.cost_gaming": [3.0]}
    assert len(sweep(MARKET, axes, 1, random_seed=1)) == 1
