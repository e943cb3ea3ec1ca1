"""Figures of model criticism show the numbers they are given: read back from the axes."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from nps_research import ordinal_plots
from nps_research.ordinal.loo import LooResult
from nps_research.scale import RatingScale

pytestmark = pytest.mark.usefixtures("fresh_figures")


@pytest.fixture
def slopes():
    table = pd.DataFrame(
        {
            "term": np.repeat(["year", "mode"], 3),
            "cut": ["5|6", "6|7", "7|8"] * 2,
            "estimate": [-0.3, -0.2, -0.1, np.inf, 0.4, 0.5],
            "se": [0.1, 0.2, 0.3, np.nan, 0.1, 0.1],
            "proportional": np.repeat([-0.2, 0.45], 3),
            "proportional_se": 0.05,
        }
    )
    table.attrs["n"] = 5396
    return table


@pytest.fixture
def reliability():
    cells = {"predicted": [0.2, 0.5, 0.7], "n": [100, 40, 60], "observed": [0.25, 0.6, 0.55]}
    bands = {"calibrated": [0.25, 0.58, 0.58], "lower": [0.1, 0.4, 0.6], "upper": [0.3, 0.6, 0.8]}
    return pd.DataFrame({"cut": "6|7"} | cells | bands)


@pytest.fixture
def loo_result():
    columns = ["cell", "score", "score_upper", "n", "elpd", "p_loo", "pareto_k", "refitted"]
    rows = [[0, 9, 9, 40, -1, 0.1, 0.1, False], [0, 7, 8, 3, -4, 0.3, 0.9, False]]
    table = pd.DataFrame(rows, columns=columns)
    return LooResult("scores", table, 0.7, SimpleNamespace(rating_scale=RatingScale()))


def title(axis):
    return axis.figure.get_suptitle()


def legend(axis):
    return [text.get_text() for text in axis.figure.legends[0].get_texts()]


def test_every_term_has_its_cuts(slopes):
    axes = ordinal_plots.plot_parallelism(slopes, title="Slopes")
    points = axes[0].containers[0].lines[0]
    np.testing.assert_allclose(points.get_ydata(), [-0.3, -0.2, -0.1])
    assert [axis.get_title("left") for axis in axes] == ["year (n = 5,396)", "mode (n = 5,396)"]
    assert [tick.get_text() for tick in axes[1].get_xticklabels()] == ["5|6", "6|7", "7|8"]
    assert title(axes[0]) == "Slopes"


def test_infinite_slopes_are_left_out_at_their_cut(slopes):
    points = ordinal_plots.plot_parallelism(slopes)[1].containers[0].lines[0]
    assert points.get_xdata().tolist() == [1, 2]


def test_the_shared_slope_is_a_line(slopes):
    axis = ordinal_plots.plot_parallelism(slopes)[0]
    assert axis.lines[0].get_ydata() == [-0.2, -0.2]
    assert legend(axis) == [
        "all cuts together, 95 % Wald interval",
        "cut by itself, 95 % Wald interval",
    ]


def test_calibration_is_drawn_in_percent(reliability):
    axis = ordinal_plots.plot_calibration(reliability)[0]
    curve = next(line for line in axis.lines if line.get_label() == "isotonic regression")
    np.testing.assert_allclose(curve.get_xydata()[:, 1], 100 * reliability["calibrated"])
    dots = axis.collections[-1]
    np.testing.assert_allclose(dots.get_offsets()[:, 1], 100 * reliability["observed"])
    np.testing.assert_allclose(dots.get_sizes(), 60 * reliability["n"] / 100)
    assert axis.get_title("left") == "Above cut 6|7 (n = 200)"


def test_impact_is_drawn_against_zero():
    table = pd.DataFrame({"nps_difference": [0.4], "lower": [-1.0], "upper": [1.9], "n": [2650]})
    axis = ordinal_plots.plot_impact(table.set_axis(["2018"]), title="Impact")
    assert axis.lines[0].get_xdata() == [0.4]
    assert axis.lines[-1].get_xdata() == [0.0, 0.0]
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["2018 (n = 2,650)"]


def test_pareto_k_is_drawn_at_the_middle_of_the_answer(loo_result):
    axis = ordinal_plots.plot_loo_k(loo_result)
    good, bad = (marks.get_offsets().tolist() for marks in axis.collections)
    assert (good, bad) == ([[9.0, 0.1]], [[7.5, 0.9]])
    assert axis.lines[0].get_ydata() == [0.7, 0.7]
    assert legend(axis)[1] == "not reliable: 3 respondents"
    assert axis.get_title("left") == "One mark a cell and answer (n = 43)"


def test_figures_can_be_saved_without_warning(slopes, reliability, loo_result, tmp_path):
    axes = [
        ordinal_plots.plot_parallelism(slopes)[0],
        ordinal_plots.plot_calibration(reliability)[0],
        ordinal_plots.plot_loo_k(loo_result),
    ]
    for place, axis in enumerate(axes):
        axis.figure.savefig(tmp_path / f"{place}.png")
        assert (tmp_path / f"{place}.png").stat().st_size > 1000
