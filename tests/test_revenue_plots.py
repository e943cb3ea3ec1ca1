"""Figures of leaving and its cost show the numbers they are given: read back from the axes."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from known_hazards import known

from nps_research import revenue_plots
from nps_research.churn.recovery import contact_policies
from nps_research.churn.revenue import revenue_at_risk

pytestmark = pytest.mark.usefixtures("fresh_figures")

CUSTOMERS = pd.DataFrame({"score": [3, 8, 10], "n": [100, 200, 700]})


@pytest.fixture
def hazards():
    return known(np.random.default_rng(1).uniform(0.01, 0.3, (200, 11, 1)))


@pytest.fixture
def before():
    return pd.DataFrame(
        {"difference": [-2.0, -1.0], "lower": [-3.0, -1.5], "upper": [-1.5, 0.0]},
        index=pd.Index([0, 1], name="before"),
    )


@pytest.fixture
def order_table():
    index = pd.Index(["9-10, 0-6", "0-6, 9-10"], name="order")
    return pd.DataFrame({"left": [7, 3], "expected": [5.0, 5.0]}, index=index)


@pytest.fixture
def scores():
    index = pd.MultiIndex.from_product([["log_score", "auc"], ["last", "change"]])
    table = pd.DataFrame(
        {"estimate": [0, 0, 0.7, 0.6], "lower": [0, 0, 0.6, 0.5], "upper": [0, 0, 0.8, 0.7]}, index
    ).rename_axis(["score", "model"])
    table.attrs["interval"] = "95 % interval"
    return table


def legend(axis):
    return [text.get_text() for text in axis.figure.legends[0].get_texts()]


def test_differences_run_towards_the_last_answer(before):
    tables = {"as it was": before, "shuffled": before / 2}
    axes = revenue_plots.plot_before_leaving({"one": tables, "two": tables}, title="Paths")
    line = axes[1].containers[0].lines[0]
    np.testing.assert_allclose(line.get_xdata(), [0, -1])
    np.testing.assert_allclose(line.get_ydata(), [-2, -1])
    bar = axes[0].containers[0].lines[2][0].get_segments()[0]
    np.testing.assert_allclose(bar[:, 1], [-3.0, -1.5])
    assert [tick.get_text() for tick in axes[0].get_xticklabels()] == ["1 before", "last"]
    assert legend(axes[0]) == ["as it was", "shuffled"]


def test_orders_stand_beside_what_is_expected(order_table):
    axes = revenue_plots.plot_orders({"a world": order_table, "another": order_table})
    assert [bar.get_width() for bar in axes[0].patches] == [7, 3]
    assert [line.get_xdata()[0] for line in axes[0].lines] == [5.0, 5.0]
    ticks = [tick.get_text() for tick in axes[0].get_yticklabels()]
    assert ticks == ["9-10 then 0-6", "0-6 then 9-10"]
    assert legend(axes[0]) == ["customers who left", "expected if scores came in a random order"]


def test_forecasts_show_areas_only(scores):
    axes = revenue_plots.plot_forecasts({"a world": scores})
    np.testing.assert_allclose(axes[0].lines[0].get_xdata(), [0.7, 0.6])
    assert legend(axes[0]) == ["95 % interval", "no better than chance"]


def test_losses_have_their_intervals_and_lines(hazards):
    risk = revenue_at_risk(hazards, CUSTOMERS, value=10.0, random_seed=1)
    axis = revenue_plots.plot_revenue_at_risk(risk, {"formula": 1000.0})
    for line, draws in zip(axis.lines, (risk.expected, risk.realised), strict=False):
        np.testing.assert_allclose(line.get_xdata(), np.quantile(draws, [0.05, 0.95]))
    assert axis.lines[2].get_xdata() == [1000.0, 1000.0]
    assert legend(axis)[-1] == "formula"
    assert axis.get_xlabel() == "Lost within 1 months (EUR)"


def test_required_recovery_falls_as_more_would_leave():
    draws = xr.DataArray(np.linspace(0.1, 0.3, 101)[None], dims=("chain", "draw"))
    axis = revenue_plots.plot_required_recovery(0.01, churn={"detractors": draws})
    even, tenfold = axis.lines[:2]
    np.testing.assert_allclose(even.get_ydata() * even.get_xdata(), 100 * 100 * 0.01)
    np.testing.assert_allclose(tenfold.get_ydata(), 10 * even.get_ydata())
    span = axis.patches[0]
    assert (span.get_x(), span.get_width()) == pytest.approx((11, 18))
    assert legend(axis) == ["break even", "10 times the cost", "detractors", "more than all"]


def test_policies_are_drawn_with_their_sizes(hazards):
    table = contact_policies(hazards, CUSTOMERS, cost=10, benefit=100)
    axes = revenue_plots.plot_policies(table)
    np.testing.assert_allclose(axes[0].lines[0].get_xdata(), table["gain"])
    widths = [bar.get_width() for bar in axes[1].patches]
    np.testing.assert_allclose(widths, table["expected_loss"])
    assert axes[0].get_yticklabels()[1].get_text() == "everybody (1,000)"


def test_figures_can_be_saved_without_warning(hazards, before, order_table, scores, tmp_path):
    risk = revenue_at_risk(hazards, CUSTOMERS, value=10.0, random_seed=1)
    draws = {"detractors": hazards.churn_within().sel(score=3)}
    axes = [
        revenue_plots.plot_before_leaving({"a": {"b": before}})[0],
        revenue_plots.plot_orders({"a": order_table})[0],
        revenue_plots.plot_forecasts({"a": scores})[0],
        revenue_plots.plot_revenue_at_risk(risk, {"formula": 500.0}, title="Loss"),
        revenue_plots.plot_required_recovery(0.02, churn=draws, title="Recovery"),
        revenue_plots.plot_policies(contact_policies(hazards, CUSTOMERS, cost=1, benefit=9))[0],
    ]
    for place, axis in enumerate(axes):
        axis.figure.savefig(tmp_path / f"{place}.png")
        assert (tmp_path / f"{place}.png").stat().st_size > 1000
