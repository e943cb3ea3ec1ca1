"""Figures of drivers show the numbers they are given: read back from the axes."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from nps_research import driver_plots
from nps_research.drivers.priorities import QUADRANTS

pytestmark = pytest.mark.usefixtures("fresh_figures")

ITEMS = ["find", "food"]


def legend(axis):
    return [text.get_text() for text in axis.figure.legends[0].get_texts()]


def ticks(axis):
    return [tick.get_text() for tick in axis.get_yticklabels()]


@pytest.fixture
def importance():
    columns = {"share": [0.2, 0.1], "lower": [0.1, 0.05], "upper": [0.3, 0.15]}
    table = pd.DataFrame(columns | {"first": [0.4, 0.2], "last": [0.05, 0.01]}, index=ITEMS)
    table.attrs["interval"] = "95 % confidence interval, basic bootstrap"
    return table


@pytest.fixture
def quadrants():
    columns = {"importance": [0.2, 0.1], "performance": [3.5, 4.5]}
    limits = {
        f"{name}_{side}": np.array(values) + gap
        for name, values in columns.items()
        for side, gap in (("lower", -0.05), ("upper", 0.05))
    }
    table = pd.DataFrame(columns | limits, index=ITEMS)
    table[list(QUADRANTS)] = [[0.9, 0.1, 0, 0], [0, 0, 0.2, 0.8]]
    table.attrs["centres"] = (0.15, 4.0)
    return table


@pytest.fixture
def bounds():
    numbers = {"difference": [9.0, 9.0], "least": [9.0, 2.0], "most": [9.0, 16.0]}
    return pd.DataFrame(numbers | {"lower": [5, -2], "upper": [13, 20]}, index=[0.0, 0.2])


def test_importance(importance):
    axis = driver_plots.plot_importance(importance, title="Drivers")
    assert axis.lines[0].get_xdata().tolist() == [20, 10]
    assert ticks(axis) == ITEMS
    assert "95 % confidence interval, basic bootstrap" in legend(axis)


def test_quadrants_are_cut_at_the_centres(quadrants):
    axis = driver_plots.plot_importance_performance(quadrants)
    lines = [np.unique(line.get_xdata()).tolist() for line in axis.lines]
    assert [15.0] in lines
    assert [text.get_text() for text in axis.texts] == ITEMS
    assert legend(axis)[0] == "concentrate here: probability above 1/2"


def test_ratings_have_a_panel_an_item():
    draws = xr.DataArray(
        np.arange(24.0).reshape(1, 4, 2, 3), dims=("chain", "draw", "item", "rating")
    ).assign_coords(item=["clean_overall", "food"], rating=[3, 4, 5])
    axes = driver_plots.plot_ratings(draws)
    assert [axis.get_title("center") or axis.get_title("left") for axis in axes] == [
        "clean overall",
        "food",
    ]
    assert axes[1].lines[0].get_ydata().tolist() == [12.0, 13.0, 14.0]


def test_bounds(bounds):
    axes = driver_plots.plot_bounds({"mode": bounds}, title="Bounds")
    assert axes[0].lines[0].get_ydata().tolist() == [9.0, 9.0]
    assert legend(axes[0])[-1] == "as answered"
    assert axes[0].get_xlabel() == "Allowed shift of thresholds (latent sd)"


def test_contrasts_have_a_colour_a_kind(bounds):
    axis = driver_plots.plot_contrasts(bounds, ["mode", "problem"])
    assert legend(axis) == ["mode", "problem"]
    assert [line.get_ydata().tolist() for line in axis.lines[:2]] == [[0], [1]]


def test_shrinkage_shows_every_segment():
    segments = pd.DataFrame({"estimate": [0.0, 50.0], "pooled": [10.0, 30.0], "weight": [0.9, 0.5]})
    axis = driver_plots.plot_shrinkage(segments, centre=20)
    assert axis.collections[0].get_offsets().tolist() == [[0, 10], [50, 30]]


def test_prediction_errors_show_their_means():
    errors = pd.DataFrame({"raw": [9.0, 11.0], "pooled": [4.0, 6.0], "partially pooled": [1, 3]})
    axes = driver_plots.plot_prediction_errors({"country": errors, "lots": errors})
    heights = [each.get_segments()[0][0][1] for each in axes[0].collections]
    assert heights == [10.0, 5.0, 2.0]
    assert legend(axes[0]) == ["one split", "mean over splits"]


def test_names_of_near_points_do_not_overlap(quadrants):
    near = quadrants.assign(importance=[0.2, 0.2001], performance=[3.5, 3.501])
    axis = driver_plots.plot_importance_performance(near)
    assert len({text.get_position() for text in axis.texts}) == 2


def test_ceilings_have_a_border():
    table = pd.DataFrame({"until": [0.4, -0.2], "lower": [0.3, -0.3], "upper": [0.5, -0.1]})
    axis = driver_plots.plot_ceilings(table, title="Ceilings")
    assert axis.lines[0].get_xdata().tolist() == [0.4, -0.2]
    assert list(axis.lines[-1].get_xdata()) == [0.0, 0.0]
