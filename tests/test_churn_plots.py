"""Figures about leaving show the numbers they are given: read back from the axes."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from nps_research.churn.borders import borders_of
from nps_research.churn.codings import compare_codings
from nps_research.churn.hazard import HazardModel
from nps_research.churn.lifetimes import lifetimes
from nps_research.churn.survival import kaplan_meier
from nps_research.churn_plots import (
    plot_borders,
    plot_calibration,
    plot_codings,
    plot_hazard,
    plot_survival,
)
from nps_research.scale import RatingScale

pytestmark = pytest.mark.usefixtures("fresh_figures")

FIVE = RatingScale(1, 5)
ROWS = pd.DataFrame(
    {
        "score": [1, 2, 3, 4, 5] * 2,
        "months": [1, 2, 2, 3, 3, 2, 3, 3, 3, 3],
        "churned": [1, 1, 1, 1, 0, 0, 0, 0, 0, 0],
        "n": [9, 8, 7, 5, 30, 20, 30, 40, 60, 70],
    }
)


@pytest.fixture(scope="module")
def fits():
    people = lifetimes(ROWS, rating_scale=FIVE)
    models = {name: HazardModel(people, name) for name in ("linear", "top box")}
    return {name: model.fit(random_seed=1, progressbar=False) for name, model in models.items()}


def line(axis, label):
    return next(each for each in axis.get_lines() if str(each.get_label()).startswith(label))


def test_hazards_are_means_over_people_at_risk_beside_raw_rates(fits):
    axis = plot_hazard(fits)
    hazard = fits["linear"].hazard().mean(("chain", "draw"))
    weights = fits["linear"].layout.at_risk.sum(axis=(0, 1))
    expected = 100 * (hazard * weights).sum("period") / weights.sum()
    np.testing.assert_allclose(line(axis, "linear").get_ydata(), expected)
    raw = line(axis, "raw rate").get_ydata()
    assert raw[0] == pytest.approx(100 * 9 / (9 + 2 * 20))
    assert np.isnan(raw[-1])
    assert axis.get_yscale() == "log"


def test_one_fit_needs_no_name(fits):
    axis = plot_hazard(fits["linear"], log=False, title="Leaving")
    assert line(axis, "model")
    assert axis.get_ylabel() == "Leaving, % a month"


def test_survival_starts_with_everyone():
    axis = plot_survival(kaplan_meier(lifetimes(ROWS, rating_scale=FIVE), "class"))
    own = line(axis, "detractors")
    assert own.get_xdata().tolist() == [0, 1, 2, 3]
    assert own.get_ydata()[0] == 100
    some = plot_survival(kaplan_meier(lifetimes(ROWS, rating_scale=FIVE)), [1, 5])
    assert [each.get_label() for each in some.get_lines()] == ["1", "5"]


def test_borders_are_bars_with_the_conventional_ones_apart():
    found = borders_of([4, 6, 1, 0, 2], [9, 20, 15, 9, 60], FIVE)
    axis = plot_borders(found)
    heights = {round(bar.get_x() + 0.35): bar.get_height() for bar in axis.patches}
    expected = found.borders()["probability"].tolist()
    assert [heights[place] for place in range(4)] == pytest.approx(expected)
    assert len(axis.containers[0]) == 2


def test_codings_show_scores_and_differences(fits):
    found = compare_codings(fits)
    axes = plot_codings(found, ("log_score", "auc"))
    scores, models = found.scores(), found.summary().index
    label = scores.attrs["interval"]
    expected = 1000 * scores.loc["log_score", "difference"].reindex(models)
    assert line(axes[0], label).get_xdata().tolist() == pytest.approx(expected.tolist())
    expected = scores.loc["auc", "estimate"].reindex(models)
    assert line(axes[1], label).get_xdata().tolist() == pytest.approx(expected.tolist())
    assert [tick.get_text() for tick in axes[0].get_yticklabels()] == models.tolist()


def test_calibration_shows_predicted_and_observed(fits):
    table = compare_codings(fits).calibration("linear")
    axis = plot_calibration({"linear": table})[0]
    drawn = line(axis, table.attrs["interval"])
    np.testing.assert_allclose(drawn.get_xdata(), 100 * table["predicted"])
    assert np.isnan(drawn.get_ydata()[-1])
    assert plt.get_fignums()
