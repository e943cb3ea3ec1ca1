"""Figures of people show the numbers they are given: read back from the axes."""

import numpy as np
import pandas as pd
import pytest

from nps_research import people_plots
from nps_research.datasets import load_counts
from nps_research.people.promises import two_agents
from nps_research.people.unit_flags import flags
from nps_research.people.waterfall import waterfall

pytestmark = pytest.mark.usefixtures("fresh_figures")

SFO = load_counts("sfo_airport").query("year == '2018'")


def legend(axis):
    return [text.get_text() for text in axis.figure.legends[0].get_texts()]


def test_many_flagged_units_have_no_names():
    table = flags(pd.DataFrame({"agent": range(9), "score": 10, "n": 5}), "agent")
    axes = people_plots.plot_funnel({"all": table.assign(flag="low")})
    assert len(axes[0].texts) == 0
    assert len(axes[0].lines[-1].get_xdata()) == 9


def test_ranks_have_intervals_and_truth():
    table = pd.DataFrame({"rank": [1.2, 1.8], "lower": [1, 1], "upper": [2, 2]}, index=["x", "y"])
    table.attrs["interval"] = "95 % interval"
    axis = people_plots.plot_ranks(table, truth=pd.Series({"y": 1, "x": 2}))
    assert axis.lines[0].get_xdata().tolist() == [1.2, 1.8]
    assert axis.lines[1].get_xdata().tolist() == [2, 1]
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["x", "y"]
    assert legend(axis) == ["mean rank, 95 % interval", "true rank"]


def test_funnel_names_the_flagged():
    rows = [("a", 3, 8), ("a", 10, 2), ("b", 3, 10), ("b", 10, 30), ("c", 8, 9)]
    table = flags(pd.DataFrame(rows, columns=["agent", "score", "n"]), "agent")
    axes = people_plots.plot_funnel({"agents": table, "again": table.drop(columns="flag")})
    assert sorted(text.get_text() for text in axes[0].texts) == ["a", "b"]
    assert len(axes[1].texts) == 0
    assert axes[0].lines[0].get_ydata().tolist() == table.sort_values("n")["lower"].tolist()
    assert "95 % control limits" in legend(axes[0])
    assert "flagged" in legend(axes[0])


def test_waterfall_shows_targets_and_chances():
    table = waterfall(SFO, {"a": 3.0, "b": 5.0}, {"a": 100, "b": 400})
    axis = people_plots.plot_waterfall(table)
    assert axis.lines[1].get_xdata().tolist() == [3.0, 5.0]
    shown = [text.get_text() for text in axis.texts]
    assert shown == [f"reached with {met:.0%}" for met in table["met"]]
    assert axis.get_yticklabels()[1].get_text() == "b (400 and 400 answers)"


def test_two_estimates_meet_unit_by_unit():
    first, second = pd.Series({"x": 1.0, "y": 4.0}), pd.Series({"y": 5.0, "x": 2.0})
    axis = people_plots.plot_two_estimates(first, second, x="raw", y="adjusted")
    assert axis.lines[1].get_xydata().tolist() == [[1.0, 2.0], [4.0, 5.0]]
    grouped = people_plots.plot_two_estimates(
        first, second, x="raw", y="adjusted", groups=pd.Series({"x": "few", "y": "many"})
    )
    assert legend(grouped) == ["the same", "few", "many"]


def test_two_agents_have_three_panels():
    pair = two_agents(SFO, months=3)
    axes = people_plots.plot_course({"own": pair.course()}, {"own": pair.promotion(5)})
    assert axes[0].lines[0].get_ydata().tolist() == pair.course()["promising"].tolist()
    assert axes[1].lines[1].get_ydata() == pytest.approx(100 * pair.course()["honest_left"])
    assert axes[2].lines[0].get_ydata().tolist() == pair.promotion(5).tolist()
    assert legend(axes[0]) == ["promising agent", "honest agent", "own"]


def test_bars_stand_side_by_side():
    table = pd.DataFrame({"one": [1.0, 2.0], "two": [3.0, 4.0]}, index=["a", "b"])
    axis = people_plots.plot_bars(table, y="Share")
    assert [bar.get_height() for bar in axis.patches] == [1, 2, 3, 4]
    edges = np.array([[bar.get_x(), bar.get_x() + bar.get_width()] for bar in axis.patches])
    assert edges[0, 1] < edges[2, 0] < edges[1, 0]
