"""Figures of waves show the numbers they are given: read back from the axes."""

import numpy as np
import pandas as pd
import pytest

from nps_research import tracking_plots
from nps_research.diagnostics import interval_table
from nps_research.tracking.control_charts import RULES, Shewhart, control_chart
from nps_research.tracking.model import WaveModel
from nps_research.tracking.monitoring import trade_off, watch
from nps_research.tracking.worlds import World

pytestmark = pytest.mark.usefixtures("fresh_figures")

SHARES = np.array([24, 11, 24, 26, 24, 205, 133, 334, 601, 498, 770]) / 2650


@pytest.fixture(scope="module")
def counts():
    answers = World(SHARES, "step", -25, waves=5, baseline=2).records(1, random_seed=1).answers[0]
    waves, scores = np.indices(answers.shape)
    rows = {"month": waves.ravel() + 3, "score": scores.ravel(), "n": answers.ravel()}
    return pd.DataFrame(rows).astype(int)


@pytest.fixture(scope="module")
def fit(counts):
    return WaveModel(counts, "month").fit(random_seed=1)


def legend(axis):
    return [text.get_text() for text in axis.figure.legends[0].get_texts()]


def test_tracking_shows_raw_scores_band_and_what_was_known(fit):
    filtered, truth = fit.filtered(), np.arange(5.0)
    axis = tracking_plots.plot_tracking(
        fit, filtered=filtered, truth=truth, mass=0.9, title="Tracking"
    )
    lines = {line.get_label(): line.get_ydata() for line in axis.lines}
    band = interval_table(fit.nps(), 0.9)
    np.testing.assert_allclose(
        lines["model, all waves: mean and 90 % credible interval"], band["nps"]
    )
    known = filtered.mean(("chain", "draw"))
    np.testing.assert_allclose(lines["model, as known at each wave"], known)
    np.testing.assert_allclose(lines["truth"], truth)
    edges = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert edges.max() == pytest.approx(band["upper"].max())
    assert edges.min() == pytest.approx(band["lower"].min())
    raw = axis.containers[0].lines[0].get_ydata(orig=False)
    np.testing.assert_allclose(raw, fit.model.raw()["nps"])
    assert "raw, 90 % confidence interval" in legend(axis)
    assert axis.get_xlabel() == "Month"
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["3", "4", "5", "6", "7"]


def test_waves_are_placed_by_their_time(counts):
    uneven = counts[counts["month"] != 4]
    axis = tracking_plots.plot_tracking(WaveModel(uneven, "month", unit=1).fit(random_seed=1))
    assert axis.lines[0].get_xdata().tolist() == [0, 2, 3, 4]


def test_alarms_are_marked_in_the_row_of_their_rule(counts):
    table = control_chart(counts, "month", baseline=2)
    scores, below = tracking_plots.plot_alarms(table, baseline=2, title="Alarms")
    np.testing.assert_allclose(scores.lines[0].get_ydata(orig=False), table["nps"])
    for row, (name, line) in enumerate(zip(RULES, below.lines, strict=True)):
        assert line.get_xdata().tolist() == np.flatnonzero(table[name]).tolist()
        assert set(line.get_ydata()) <= {row}
    assert [tick.get_text() for tick in below.get_yticklabels()] == list(RULES)
    assert table["Shewhart"].any()


def test_trade_offs_show_delay_against_false_alarms():
    rules = {"wide": Shewhart(3.0), "narrow": Shewhart(2.0)}
    stable = watch(rules, World(SHARES), replicates=100, random_seed=1)
    changed = watch(rules, World(SHARES, "step", -10), replicates=100, random_seed=2)
    table = trade_off(stable, changed, shares=(0.1, 0.5))
    axes = tracking_plots.plot_trade_off({"a step": table}, horizon=8, title="Rules")
    for name, container in zip(rules, axes[0].containers, strict=True):
        assert container.get_label() == name
        line = container.lines[0]
        np.testing.assert_allclose(line.get_xdata(orig=False), [10, 50])
        np.testing.assert_allclose(line.get_ydata(orig=False), table.loc[name, "waves"])
    assert axes[0].get_title("left") == "a step"
    assert axes[0].figure.get_suptitle() == "Rules (± 1.96 Monte Carlo standard errors)"


def test_spikes_show_noise_and_worth():
    columns = {"spikes": 0.5, "mostly_noise": [0.9, 0.4], "mcse": 0.01, "worth": [0.1, 0.7]}
    table = pd.DataFrame(columns, index=pd.Index([100, 1000], name="answers"))
    expected = pd.Series([0.2, 0.7], index=[100, 1000])
    noise, worth = tracking_plots.plot_spikes(table, expected, boundary=500, title="Spikes")
    np.testing.assert_allclose(noise.containers[0].lines[0].get_ydata(orig=False), [90, 40])
    assert noise.lines[-1].get_xdata() == [500, 500]
    np.testing.assert_allclose(worth.lines[0].get_ydata(), [10, 70])
    np.testing.assert_allclose(worth.lines[1].get_ydata(), [20, 70])
    assert set(legend(noise)) == {"one half", "formula", "mostly noise", "true part of a spike"}
