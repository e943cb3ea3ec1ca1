"""Figures of the market show the numbers they are given: read back from the axes."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from nps_research import market_plots
from nps_research.market.statements import Statement

pytestmark = pytest.mark.usefixtures("fresh_figures")

MECHANISMS = pd.Index(["begging", "case_dodging", "crowding_out"], name="world")


def paired(**columns):
    """Return a table with a mean and an error for every column."""
    parts = {
        (name, each): values
        for name, means in columns.items()
        for each, values in (("mean", means), ("mcse", [0.5] * len(means)))
    }
    return pd.DataFrame(parts, index=MECHANISMS)


def rows(axis):
    return [tick.get_text() for tick in axis.get_yticklabels()]


def bars(container):
    return [(bar.get_x(), bar.get_width()) for bar in container]


def legend(axis):
    return [text.get_text() for text in axis.figure.legends[0].get_texts()]


def test_recorded_points_lie_over_honest_bars():
    worlds = pd.MultiIndex.from_product([["all", "none"], ["recorded", "honest"]])
    scores = pd.DataFrame([[1, 3], [2, 2], [5, 5], [5, 5]], index=worlds, columns=[9, 10])
    axes = market_plots.plot_recorded(scores, title="Two worlds")
    assert [bar.get_height() for bar in axes[0].patches] == [50, 50]
    assert axes[0].lines[0].get_ydata().tolist() == [25, 75]
    assert axes[1].get_title("left") == "none (n = 10)"
    assert axes[0].figure.get_suptitle() == "Two worlds"


def test_inflation_and_real_change_add_up():
    table = paired(observed_nps=[3, 1, -5], inflation=[2, 3, -2], honest_nps=[1, -2, -3])
    axis = market_plots.plot_uplift(table)
    inflation, real, gross = axis.containers
    assert bars(inflation) == [(0, 2), (0, 3), (0, -2)]
    assert bars(real) == [(2, 1), (0, -2), (-2, -3)]
    assert gross.lines[0].get_xdata().tolist() == [3, 1, -5]
    assert rows(axis) == ["begging", "case dodging", "crowding out"]


def test_fates_are_shares_of_honest_answers():
    table = pd.DataFrame(
        {"honest_answers": [50], "kept": [30], "raised": [10], "lowered": [0]}
        | {"silenced": [10], "recruited": [25]},
        index=["all"],
    )
    axis = market_plots.plot_fates(table)
    assert [bars(each)[0] for each in axis.containers] == [
        (0, 60),
        (60, 20),
        (80, 0),
        (80, 20),
        (100, 50),
    ]
    assert legend(axis) == list(market_plots.FATES)


def test_fates_can_be_told_apart():
    assert len(set(market_plots.FATES.values())) == len(market_plots.FATES)


def test_curves_have_their_bands():
    table = paired(nps=[1, 2, 4], top_box=[0, 0, 1]).set_index(pd.Index([0.0, 0.5, 1.0]))
    axes = market_plots.plot_curves({"left": table, "right": table}, x="x", y="y", zero=0.0)
    line = axes[0].lines[1]
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([0, 0.5, 1], [1, 2, 4])
    heights = axes[0].collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((1 - 0.98, 4 + 0.98))
    assert set(legend(axes[0])) >= {"nps", "top box"}
    assert [axis.get_title("left") for axis in axes] == ["left", "right"]


def test_shapley_values_lie_on_their_brackets():
    table = paired(observed_nps=[3.0, 1.0, -5.0]).rename(columns={"mean": "shapley"}, level=1)
    table["observed_nps", "first_in"] = [4.0, 2.0, -6.0]
    table["observed_nps", "last_in"] = [2.0, 0.0, -4.0]
    axes = market_plots.plot_attribution(table, units=["NPS (points)"])
    ends = np.array([path.vertices[:, 0] for path in axes[0].collections[0].get_paths()])
    np.testing.assert_array_equal(ends, [[4, 2], [2, 0], [-6, -4]])
    assert axes[0].containers[0].lines[0].get_xdata().tolist() == [3, 1, -5]
    assert rows(axes[0])[0] == "begging"
    assert axes[0].get_ylim()[0] > axes[0].get_ylim()[1]


def test_points_are_sorted_by_what_holds():
    points = pd.DataFrame({"shift": [0.1, 0.2, 0.3], "slope": [1.0, 2.0, 3.0]})
    statement = Statement(points, np.array([1.0, -1.0, 0.1]), np.array([0.1, 0.1, 0.1]))
    axis = market_plots.plot_statement(statement, "shift", "slope")
    found = {line.get_label(): line.get_xdata().tolist() for line in axis.lines}
    assert found == {"holds": [0.1], "fails": [0.2], "too close to call": [0.3]}
    colours = {mpl.colors.to_hex(line.get_color()) for line in axis.lines}
    assert len(colours) == 3
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("shift", "slope")


def test_bands_and_defaults_are_drawn():
    table = pd.DataFrame(
        {"default": [1.0], "lower": [-1.0], "upper": [3.0]}, index=["case_dodging"]
    )
    axis = market_plots.plot_bands(table, x="NPS (points)")
    ends = axis.collections[0].get_paths()[0].vertices[:, 0]
    assert (ends.min(), ends.max()) == (-1, 3)
    assert axis.lines[0].get_xdata().tolist() == [1]
    assert rows(axis) == ["case dodging"]
