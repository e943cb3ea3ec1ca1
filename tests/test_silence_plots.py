"""Figures of silence show the numbers they are given: read back from the axes."""

import numpy as np
import pandas as pd
import pytest

from nps_research import silence_plots

pytestmark = pytest.mark.usefixtures("fresh_figures")

BAND = pd.DataFrame({"lower": [-10.0, 0.0], "upper": [60.0, 50.0], "nps": 40.0}, index=[0.2, 0.8])


def legend(axis):
    return [text.get_text() for text in axis.figure.legends[0].get_texts()]


def ends(collection):
    return [path.vertices[:, 0].tolist() for path in collection.get_paths()]


def test_bands_reach_from_bound_to_bound():
    axis = silence_plots.plot_bounds({"nothing assumed": BAND, "no happier": BAND}, x="x", y="y")
    heights = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (-10, 60)
    assert [line.get_ydata().tolist() for line in axis.lines[-2:-1]] == [[40, 40]]
    assert legend(axis) == ["nothing assumed", "no happier", "those who answered"]


def test_estimates_have_intervals_and_truths():
    table = pd.DataFrame(
        {"estimate": [1.0, 2.0], "lower": [0.0, 1.0], "upper": [2.0, 4.0], "truth": [1.5, 5.0]},
        index=["one", "two"],
    )
    panels = {"a": table, "b": table + 3}
    axes = silence_plots.plot_estimates(panels, x="NPS", label="90 %", across=0.0)
    assert ends(axes[0].collections[0]) == [[0, 2], [1, 4]]
    assert axes[1].lines[0].get_xdata().tolist() == [4, 5]
    assert axes[0].lines[1].get_xdata().tolist() == [1.5, 5]
    assert axes[0].get_xlim() == axes[1].get_xlim()
    assert [tick.get_text() for tick in axes[0].get_yticklabels()] == ["one", "two"]
    assert axes[0].get_ylim()[0] > axes[0].get_ylim()[1]
    assert legend(axes[0]) == ["90 %", "estimate", "truth"]


def test_intervals_alone_need_no_truth():
    axes = silence_plots.plot_estimates({"": BAND[["lower", "upper"]]}, x="NPS", label="bounds")
    assert len(axes[0].lines) == 0


def test_ratio_map_shades_the_claimed_range():
    steep = np.linspace(0.5, 3, 6)
    ratios = np.add.outer(steep, 2 * steep)
    axes = silence_plots.plot_ratio_map({"a": ratios, "b": ratios}, steep, steep)
    assert legend(axes[0]) == ["claimed: 4 to 14"]
    assert axes[0].collections[0].levels.tolist() == [4, 14]
    assert 4 in axes[0].collections[1].levels.tolist()


def test_scatter_draws_the_second_column_against_the_first():
    table = pd.DataFrame({"rate": [20.0, 30.0], "score": [50.0, 60.0]})
    axes = silence_plots.plot_scatter({"2015": table}, x="x", y="y", point="a state")
    line = axes[0].lines[0]
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([20, 30], [50, 60])
    assert axes[0].get_title("left") == "2015"
