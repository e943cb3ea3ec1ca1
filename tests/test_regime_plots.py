"""Figures of regimes show the numbers they are given: read back from the axes."""

import numpy as np
import pandas as pd
import pytest

from nps_research import regime_plots
from nps_research.market.regimes import NorthStar, PayPerPoint, effort

pytestmark = pytest.mark.usefixtures("fresh_figures")

AT = np.linspace(0, 1, 5)


@pytest.fixture
def efforts():
    return {"no pay": effort(NorthStar(), AT), "pay per point": effort(PayPerPoint(), AT)}


@pytest.fixture
def outcomes():
    index = pd.MultiIndex.from_tuples([("no pay", 0), ("paid", 0)], names=["world", "point"])
    columns = pd.MultiIndex.from_product([["nps", "money"], ["mean", "mcse"]])
    return pd.DataFrame([[40.0, 0.5, 9.0, 1.0], [45.0, 0.6, 8.0, 2.0]], index, columns)


def legend(axis):
    return [text.get_text() for text in axis.figure.legends[0].get_texts()]


def test_every_regime_has_its_line_in_every_panel(efforts):
    axes = regime_plots.plot_efforts(
        efforts, AT, "Propensity", border=(0.6, "border"), title="Efforts"
    )
    for axis, kind in zip(axes, ["service", "gaming"], strict=True):
        for line, found in zip(axis.lines, efforts.values(), strict=False):
            np.testing.assert_allclose(line.get_ydata(), getattr(found, kind))
        assert axis.lines[-1].get_xdata() == [0.6, 0.6]
    assert legend(axes[0]) == ["no pay", "pay per point", "border"]
    assert axes[0].figure.get_suptitle() == "Efforts"


def test_regimes_keep_their_colours(efforts):
    paid = {"pay per point": efforts["pay per point"]}
    both, one = (
        regime_plots.plot_efforts(each, AT, "Propensity")[0].lines[-1] for each in (efforts, paid)
    )
    assert both.get_color() == one.get_color()


def test_kinds_can_be_chosen(efforts):
    axes = regime_plots.plot_efforts(efforts, AT, "Propensity", kinds=["restraint"])
    assert [axis.get_title("left") for axis in axes] == ["restraint"]


def test_outcomes_have_their_monte_carlo_error(outcomes):
    axes = regime_plots.plot_outcomes(outcomes, {"nps": "NPS", "money": "EUR"}, zero=True)
    points = [container.lines[0].get_xydata()[0].tolist() for container in axes[0].containers]
    assert points == [[40.0, 0.0], [45.0, 1.0]]
    bar = axes[1].containers[1].lines[2][0].get_segments()[0]
    np.testing.assert_allclose(bar[:, 0], [8 - 1.96 * 2, 8 + 1.96 * 2])
    assert [axis.get_xlabel() for axis in axes] == ["NPS", "EUR"]
    assert [tick.get_text() for tick in axes[0].get_yticklabels()] == ["no pay", "paid"]
    assert legend(axes[0]) == [regime_plots.BAR]


def test_a_missing_outcome_leaves_a_gap(outcomes):
    outcomes.loc[("no pay", 0), ("money", "mean")] = np.nan
    axes = regime_plots.plot_outcomes(outcomes, {"money": "EUR"})
    assert np.isnan(axes[0].containers[0].lines[0].get_xydata()[:, 0]).all()


def test_figures_can_be_saved_without_warning(efforts, outcomes, tmp_path):
    axes = [
        regime_plots.plot_efforts(efforts, AT, "Propensity")[0],
        regime_plots.plot_outcomes(outcomes, {"nps": "NPS"})[0],
    ]
    for place, axis in enumerate(axes):
        axis.figure.savefig(tmp_path / f"{place}.png")
        assert (tmp_path / f"{place}.png").stat().st_size > 1000
