"""Figures of the split show the numbers they are given: read back from the axes."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from nps_research import inflation_plots
from nps_research.inflation.breakdown import Breakdown

pytestmark = pytest.mark.usefixtures("fresh_figures")

TRUTH = {"improvement": 0.2, "reporting_shift": 0.5}


def legend(axis):
    return [text.get_text() for text in axis.figure.legends[0].get_texts()]


def made_up_fit(draws, seed):
    generator = np.random.default_rng(seed)
    return SimpleNamespace(draws={name: generator.normal(size=draws) for name in TRUTH})


def test_split_shows_draws_truth_and_the_line_of_the_same_sum():
    fits = {"scores": made_up_fit(50, 1), "anchored": made_up_fit(5000, 2)}
    axes = inflation_plots.plot_split(fits, truth=TRUTH)
    dots, line, cross = axes[0].lines
    np.testing.assert_array_equal(dots.get_xdata(), fits["scores"].draws["improvement"])
    assert len(axes[1].lines[0].get_xdata()) == 1000
    assert cross.get_xydata().tolist() == [[0.2, 0.5]]
    assert line.get_slope() == -1
    assert axes[0].get_xlim() == axes[1].get_xlim()
    assert legend(axes[0]) == ["posterior draws", "same sum as the truth", "truth"]
    assert [axis.get_title("left") for axis in axes] == list(fits)


def test_a_truth_is_optional():
    axes = inflation_plots.plot_split({"scores": made_up_fit(50, 1)})
    assert len(axes[0].lines) == 1


@pytest.fixture
def broken():
    values = [-0.2, 0.0, 0.2]
    columns = {"improvement": [0.0, 0.2, 0.4], "reporting_shift": [0.5, 0.3, 0.1]}
    table = pd.DataFrame(columns, index=values)
    for name in columns:
        table[f"{name}_lower"], table[f"{name}_upper"] = table[name] - 0.1, table[name] + 0.1
        table[f"{name}_first_order"] = table[name] + 0.01
    table.attrs["interval"] = "90 % interval"
    turns = {"below": [-0.1, np.nan], "above": [np.nan, 0.2]}
    return Breakdown("trend_gap", 0.05, table, pd.DataFrame(turns, index=list(columns)))


def test_breakdown_shows_bands_first_order_and_turns(broken):
    axis = inflation_plots.plot_breakdown({"Gap (log odds)": broken})[0]
    heights = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((-0.1, 0.5))
    shown = {
        (line.get_linestyle(), *np.round(np.asarray(line.get_ydata(), float), 2))
        for line in axis.lines
    }
    assert ("-", 0.0, 0.2, 0.4) in shown
    assert ("--", 0.51, 0.31, 0.11) in shown
    upright = [line.get_xdata()[0] for line in axis.lines if list(line.get_ydata()) == [0, 1]]
    assert upright == [-0.1, 0.2, 0.05]
    assert axis.get_xlabel() == "Gap (log odds)"
    assert legend(axis) == [
        *("improvement", "90 % interval: improvement"),
        *("reporting shift", "90 % interval: reporting shift", "first order"),
    ]


def test_check_shows_observed_and_predicted():
    table = pd.DataFrame(
        {"observed": [1.0, 2.0], "lower": [0.5, 1.0], "upper": [1.5, 3.0]},
        index=pd.Index([0, 10], name="Score"),
    )
    table.attrs["interval"] = "95 % predictive interval"
    axes = inflation_plots.plot_check({"control": table, "paid": table}, y="Answers (%)")
    assert axes[1].lines[0].get_ydata().tolist() == [1, 2]
    spans = [path.vertices[:, 1].tolist() for path in axes[0].collections[0].get_paths()]
    assert spans == [[0.5, 1.5], [1.0, 3.0]]
    assert [tick.get_text() for tick in axes[0].get_xticklabels()] == ["0", "10"]
    assert axes[0].get_xlabel() == "Score"
    assert legend(axes[0]) == ["95 % predictive interval", "observed"]
