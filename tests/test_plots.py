"""Figures show the numbers they are given: read back from the axes, not looked at."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import nps_research as npsr
from nps_research import plots

pytestmark = pytest.mark.usefixtures("fresh_figures")


@pytest.fixture(scope="module")
def airport():
    return npsr.load_counts("sfo_airport")


@pytest.fixture(scope="module")
def prior(airport):
    return npsr.OrdinalModel("score ~ year + mode", airport).prior(200, random_seed=1)


def heights(axis):
    return [bar.get_height() for bar in axis.patches]


def title(axis):
    return axis.figure.get_suptitle()


def test_bars_are_the_shares(airport):
    axes = plots.plot_scores(airport, by="year", title="Two years")
    shares = npsr.shares(airport, by="year").loc["2018", "share"]
    np.testing.assert_allclose(heights(axes[1]), 100 * shares)
    assert title(axes[0]) == "Two years"


def test_bars_are_coloured_by_group(airport):
    axis = plots.plot_scores(airport)[0]
    colours = [mpl.colors.to_hex(bar.get_facecolor()).upper() for bar in axis.patches]
    assert colours == [plots.GROUP_COLOURS[group] for group in npsr.RatingScale().groups]


def test_scores_that_nobody_gave_have_a_place():
    counts = pd.DataFrame({"score": [0, 10], "n": [1, 3]})
    assert heights(plots.plot_scores(counts)[0]) == [25, *[0] * 9, 75]


def test_the_legend_names_the_groups_of_the_scale():
    axis = plots.plot_scores(npsr.load_counts("r_community"))[0]
    labels = [text.get_text() for text in axis.figure.legends[0].get_texts()]
    assert labels == ["detractors 1-6", "passives 7-8", "promoters 9-10"]


def test_spare_panels_are_removed(airport):
    axes = plots.plot_scores(airport, by="mode", columns=2)
    assert len(axes) == len(axes[0].figure.axes) == 3


def test_estimates_and_limits_are_drawn(airport):
    table = npsr.nps(airport, by="mode")
    axis = plots.plot_nps(table)
    np.testing.assert_allclose(axis.lines[0].get_xdata(), table["nps"])
    ends = np.array([path.vertices[:, 0] for path in axis.collections[0].get_paths()])
    np.testing.assert_allclose(ends, table[["lower", "upper"]])


def test_two_kinds_of_estimates_share_one_legend(airport, prior):
    axis = plots.plot_nps(npsr.nps(airport, by="year"), offset=-0.1)
    plots.plot_nps(npsr.interval_table(prior.nps("year")), axis=axis, offset=0.1)
    labels = [text.get_text() for text in axis.figure.legends[0].get_texts()]
    assert labels == [
        "95 % confidence interval, adjusted Wald",
        "95 % equal-tailed credible interval",
    ]
    assert len(axis.figure.legends) == 1


def test_an_interval_may_leave_out_its_estimate():
    # Adjusted Wald moves the centre: a single zero has an NPS of -100 below its own lower limit.
    table = npsr.nps(pd.DataFrame({"score": [0], "n": [1]}))
    assert table["nps"].iloc[0] < table["lower"].iloc[0]
    plots.plot_nps(table)


def test_densities_stand_on_their_intervals(prior):
    draws = prior.nps("year")
    axis = plots.plot_nps_posterior(draws, kind="prior")
    exact = draws.quantile([0.025, 0.975], ("chain", "draw")).sel(year="2018")
    np.testing.assert_allclose(axis.lines[1].get_xdata(), exact)
    assert axis.figure.legends[0].get_texts()[0].get_text() == "prior, 95 % interval"


def test_a_quantity_without_groups_is_one_density():
    draws = xr.DataArray(np.arange(100.0).reshape(2, 50), dims=("chain", "draw"), name="nps")
    axis = plots.plot_nps_posterior(draws, raw=pd.DataFrame({"nps": [40.0]}))
    assert axis.lines[-1].get_xdata() == [40.0]


def test_observed_bars_and_replicates_are_shares(airport, prior):
    axes = plots.plot_posterior_predictive(prior, by="year", random_seed=1)
    shares = npsr.shares(airport, by="year").loc["2017", "share"]
    np.testing.assert_allclose(heights(axes[0]), 100 * shares)
    replicated = prior.replicated_counts("year", random_seed=1).sel(year="2017")
    median = replicated.median(("chain", "draw"))
    np.testing.assert_allclose(axes[0].lines[0].get_ydata(), 100 * median / 2746)


def test_coverage_is_drawn_as_computed():
    table = npsr.nps_coverage((0.1, 0.3, 0.6), [5, 10], ["wald", "score"])
    axis = plots.plot_coverage({"a population": table})[0]
    np.testing.assert_allclose(axis.lines[1].get_ydata(), 100 * table["coverage"].xs("score"))


def test_figures_can_be_saved_without_warning(airport, tmp_path):
    axes = plots.plot_scores(airport, by="year", title="Two years")
    for suffix in ("png", "svg"):
        axes[0].figure.savefig(tmp_path / f"figure.{suffix}")
        assert (tmp_path / f"figure.{suffix}").stat().st_size > 1000
