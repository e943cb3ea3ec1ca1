import math

import numpy as np
import pandas as pd
import pytest

from nps_research.comparison.progress import (
    largest_error_for_change,
    level_or_change,
    panel_variation,
    regression_to_the_mean,
)

UNITS = 400_000


def world(between, change, error, correlation, seed=1):
    rng = np.random.default_rng(seed)
    shared = correlation * between * change
    covariance = [[between**2, shared], [shared, change**2]]
    first, moved = rng.multivariate_normal([0, 0], covariance, UNITS).T
    measured = [each + rng.normal(0, error, UNITS) for each in (first, first + moved)]
    return first, moved, *measured


@pytest.mark.parametrize("error", [2.0, 6.0, 15.0])
@pytest.mark.parametrize("correlation", [0.0, -0.5, 0.4])
def test_correlations_are_those_of_simulated_units(error, correlation):
    first, moved, before, after = world(10, 6, error, correlation)
    table = level_or_change(10, 6, error, correlation=correlation)
    waves = np.column_stack([before, after])
    for goal, true in (("who improved", moved), ("who is good", first + moved)):
        predicted = waves @ np.linalg.lstsq(waves, true, rcond=None)[0]
        measures = after, after - before, predicted
        expected = [np.corrcoef(each, true)[0, 1] ** 2 for each in measures]
        assert table.loc[(goal, error)].tolist() == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize("correlation", [0.0, -0.1, 0.5])
def test_boundary_is_where_level_and_change_tell_equally_well(correlation):
    error = largest_error_for_change(10, 4, correlation=correlation)
    for factor, better in ((0.99, True), (1.01, False)):
        row = level_or_change(10, 4, factor * error, correlation=correlation).loc["who improved"]
        assert (row["change"] > row["level"]).all() == better


def test_boundary_without_correlation_is_a_reliability_of_one_half():
    assert largest_error_for_change(7, 3) == pytest.approx(7)


def test_change_is_always_better_where_the_bad_catch_up():
    assert largest_error_for_change(10, 5, correlation=-0.5) == math.inf
    row = level_or_change(10, 5, 1e3, correlation=-0.5).loc["who improved"]
    assert (row["change"] > row["level"]).all()


def test_level_always_tells_better_who_is_good():
    rng = np.random.default_rng(2)
    for between, change, error in rng.uniform(0.1, 20, (200, 3)):
        row = level_or_change(between, change, error).loc["who is good"].iloc[0]
        assert row["change"] < row["level"] <= row["both"] + 1e-12


def test_regression_to_the_mean_is_that_of_simulated_units():
    rng = np.random.default_rng(3)
    moved = rng.normal(0, 5, (UNITS, 2)).cumsum(axis=1)
    levels = rng.normal(0, 10, (UNITS, 1)) + np.c_[np.zeros(UNITS), moved]
    waves = levels + rng.normal(0, 6, levels.shape)
    moves = np.diff(waves, axis=1)
    row = regression_to_the_mean(10, 5, 6).loc[6]
    after_level = -np.polyfit(waves[:, 0], moves[:, 0], 1)[0]
    after_change = -np.polyfit(moves[:, 0], moves[:, 1], 1)[0]
    right = (np.sign(moves[:, 0]) == np.sign(np.diff(levels, axis=1)[:, 0])).mean()
    expected = row[["after_a_level", "after_a_change", "right_direction"]].tolist()
    assert [after_level, after_change, right] == pytest.approx(expected, abs=0.006)


def panel(units, waves, seed=1):
    between, change, error = 10.0, 2.0, 3.0
    rng = np.random.default_rng(seed)
    start = rng.normal(0, between, (units, 1))
    moves = np.c_[np.zeros(units), rng.normal(0, change, (units, waves - 1))]
    values = start + moves.cumsum(axis=1) + rng.normal(0, error, (units, waves))
    values += 5 * np.arange(waves)  # what all units share
    return pd.DataFrame(values).rename_axis("unit").reset_index().melt("unit", var_name="wave")


def test_panel_gives_back_its_variation():
    table = panel_variation(panel(20_000, 4), "unit", "wave", "value", resamples=2, random_seed=1)
    found = table["estimate"]
    between = math.sqrt(100 + 4 * (0 + 1 + 2 + 3) / 4)
    expected = [between, 2, 3]
    assert found[["between", "change", "error"]].tolist() == pytest.approx(expected, abs=0.2)
    assert found["lag_two"] == pytest.approx(0, abs=0.03)


def test_intervals_of_a_panel_cover():
    hits = 0
    for seed in range(60):
        data = panel(60, 9, seed=seed)
        table = panel_variation(data, "unit", "wave", "value", resamples=200, random_seed=seed)
        hits += table.loc["error", "lower"] <= 3 <= table.loc["error", "upper"]
    # 95 %, or a little less with 60 units, but for chance in 60 trials.
    assert 50 <= hits <= 60


def test_resamples_are_repeatable():
    data = panel(30, 5)
    tables = [panel_variation(data, "unit", "wave", "value", random_seed=7) for _ in range(2)]
    pd.testing.assert_frame_equal(*tables)
    assert "bootstrap" in tables[0].attrs["interval"]


DATA = panel(5, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: level_or_change(0, 1, 1), "between must be a positive"),
        (lambda: level_or_change(1, 1, [1, 0]), "errors must be positive"),
        (lambda: largest_error_for_change(1, 1, correlation=1), "between -1 and 1; found 1"),
        (lambda: panel_variation(DATA.iloc[1:], "unit", "wave", "value"), "unit=0 has 0 in wave=0"),
        (
            lambda: panel_variation(DATA[DATA["wave"] < 2], "unit", "wave", "value"),
            "found 5 and 2",
        ),
        (lambda: panel_variation(DATA, "team", "wave", "value"), "team"),
    ],
)
def test_unusable_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
