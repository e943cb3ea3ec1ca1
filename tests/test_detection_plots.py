"""Figures of gaming show the numbers they are given: read back from the axes."""

import numpy as np
import pandas as pd
import pytest

from nps_research import detection_plots
from nps_research.detection.agent_outliers import funnel_limits
from nps_research.detection.fingerprint import fingerprint
from nps_research.detection.simulated_agents import AgentWorld
from nps_research.detection.target_bunching import lattice_null
from nps_research.detection.ten_share import ten_residual

pytestmark = pytest.mark.usefixtures("fresh_figures")

MADE = AgentWorld(treated=20, untreated=10, mechanism="bribe").simulate(1)
GROUPS = MADE.gamer.map({True: "paid for 10", False: "honest"})


def legend(axis):
    return [text.get_text() for text in axis.figure.legends[0].get_texts()]


def test_fingerprint_has_a_point_an_agent():
    table = fingerprint(MADE.counts)
    axes = detection_plots.plot_fingerprint({"one": table, "two": table}, groups=GROUPS)
    drawn = {line.get_label(): line for line in axes[1].lines}
    np.testing.assert_array_equal(drawn["paid for 10"].get_xdata(), table["response"][MADE.gamer])
    np.testing.assert_array_equal(drawn["honest"].get_ydata(), table["tens"][~MADE.gamer])
    assert legend(axes[0]) == ["honest", "paid for 10"]


def test_evidence_shows_every_z_and_leaves_missing_ones_white():
    table = pd.DataFrame({"10-share": [3.0, -1.0], "edits": [np.nan, 0.5]}, index=["x", "y"])
    axis = detection_plots.plot_evidence(table, title="Evidence")
    mesh = axis.collections[0]
    np.testing.assert_array_equal(mesh.get_array().filled(-99), [[3.0, -99], [-1.0, 0.5]])
    assert mesh.get_clim() == (-4.0, 4.0)
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["x", "y"]
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["10-share", "edits"]


def test_many_agents_have_no_names():
    axis = detection_plots.plot_evidence(pd.DataFrame({"z": np.zeros(41)}))
    assert axis.get_yticklabels() == []


def test_funnel_has_both_limits():
    table = ten_residual(MADE.counts)
    axes = detection_plots.plot_agent_funnel({"agents": table}, level=0.9)
    limits = funnel_limits(table.dropna(subset=["se"]), level=0.9)
    np.testing.assert_array_equal(axes[0].lines[0].get_ydata(), limits["sampling"])
    np.testing.assert_array_equal(axes[0].lines[3].get_ydata(), -limits["honest"])
    np.testing.assert_array_equal(axes[0].lines[-1].get_ydata(), table["estimate"])
    assert "90 % limits of honest agents" in legend(axes[0])
    assert axes[0].xaxis_inverted()


def test_lattice_shows_both_bins_and_what_was_seen():
    nulls = lattice_null(range(20, 41), (0.24, 0.2, 0.56), target=40)
    axis = detection_plots.plot_lattice(nulls, observed={"seen above": 0.3})
    np.testing.assert_array_equal(axis.lines[1].get_ydata(), nulls["below"])
    assert legend(axis) == ["just above the target", "just below the target", "seen above"]
    assert axis.lines[2].get_ydata()[0] == 0.3
