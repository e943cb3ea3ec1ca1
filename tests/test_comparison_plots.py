import numpy as np
import pandas as pd
import pytest

import nps_research as npsr
from nps_research import comparison_plots as figures
from nps_research.comparison.alarms import false_alarms
from nps_research.comparison.association import error_covariance, paired_metrics
from nps_research.comparison.detection import contrast, sample_ratio
from nps_research.comparison.efficiency import efficacies, efficiency_by_place
from nps_research.comparison.progress import level_or_change
from nps_research.comparison.shifts import Shift, shifted
from nps_research.comparison.survey_waves import SurveyWaves

SFO = npsr.load_counts("sfo_airport")
YEARS = [SFO[SFO["year"] == year] for year in ("2018", "2017")]


pytestmark = pytest.mark.usefixtures("fresh_figures")


def points(axis, label):
    return next(line for line in axis.lines if line.get_label() == label)


def legend(axis):
    return [text.get_text() for text in axis.figure.legends[0].get_texts()]


def test_shifts_show_shares_before_and_after():
    shares = np.array([0.2, 0.1, 0.3, 0.1, 0.3])
    scale = npsr.RatingScale(1, 5)
    axes = figures.plot_shifts(shares, ["location", Shift("scale")], 0.4, rating_scale=scale)
    assert [bar.get_height() for bar in axes[1].patches] == pytest.approx(100 * shares)
    expected = 100 * shifted(shares, "scale", 0.4, scale)
    assert points(axes[1], "after the shift").get_ydata() == pytest.approx(expected)
    assert axes[1].get_title("left").startswith("scale: NPS ")


def test_efficiency_shows_the_ratios():
    table = efficacies(SFO)
    axis = figures.plot_efficiency(table, title="ratios")
    shown = points(axis, "mean").get_xdata()
    assert shown == pytest.approx(table["nps_answers"].xs("mean_score", level=1).to_numpy())
    assert axis.figure.get_suptitle() == "ratios"


def test_infinite_ratios_stand_at_the_edge():
    axis = figures.plot_efficiency(efficacies(SFO, [Shift("top threshold", cuts=("9|10",))]))
    assert points(axis, "mean").get_xdata() == [figures.MOST_ANSWERS]


def test_sample_ratios_show_estimates_and_limits():
    ratio = sample_ratio(*YEARS)
    axis = figures.plot_sample_ratios({"years": ratio})
    assert points(axis, "mean").get_xdata() == pytest.approx(
        [ratio.loc["mean_score", "nps_answers"]]
    )
    segment = axis.collections[0].get_segments()[0][:, 0]
    assert segment == pytest.approx(ratio.loc["mean_score", ["lower", "upper"]].tolist())


def test_place_shows_the_ratios_against_nps():
    table = efficiency_by_place(SFO, "location", [-1, 0, 1])
    axes = figures.plot_efficiency_by_place({"location": table, "again": table})
    line = points(axes[0], "share of promoters")
    expected = table.xs("top_box", level="statistic")
    assert line.get_xdata() == pytest.approx(expected["nps"].to_numpy())
    assert line.get_ydata() == pytest.approx(expected["nps_answers"].to_numpy())
    assert [axis.get_title("left") for axis in axes] == ["location", "again"]


def test_contrasts_show_absolute_z():
    z = pd.DataFrame({"years": contrast(*YEARS[::-1])["z"].drop("wilcoxon")}).T
    axis = figures.plot_contrasts(z)
    assert points(axis, "mean").get_xdata() == pytest.approx([5.34], abs=0.01)
    assert "ordinal model (ranks)" in legend(axis)


def test_false_alarms_are_shown_in_per_cent():
    tables = {"5 points": false_alarms(SFO, [100, 400], comparisons=3)}
    axes = figures.plot_false_alarms(tables)
    line = points(axes[1], "5 points")
    assert line.get_ydata() == pytest.approx(100 * tables["5 points"]["any_of_all"].to_numpy())
    assert axes[1].get_title("left") == "any of 3 in a row"


def test_ellipses_hold_95_percent():
    pairs = paired_metrics(SFO, "year").iloc[:1]
    axis = figures.plot_association(pairs)
    corners = axis.patches[0].get_xy()
    reach = 2.4477 * pairs["nps_se"].iloc[0]
    assert corners[:, 1].max() - pairs["nps"].iloc[0] == pytest.approx(reach, rel=0.01)
    error = error_covariance(pairs)[0][::-1, ::-1]
    gap = corners[5] - pairs[["mean_score", "nps"]].to_numpy()[0]
    assert gap @ np.linalg.solve(error, gap) == pytest.approx(5.991, rel=0.001)


def test_level_and_change_have_a_panel_a_goal():
    answers = np.array([50, 500])
    table = level_or_change(10, 5, 75 / np.sqrt(answers))
    axes = figures.plot_level_or_change(table, answers, boundary=56.25)
    assert [axis.get_title("left") for axis in axes] == ["who improved", "who is good"]
    assert points(axes[0], "change").get_ydata() == pytest.approx(
        table.loc["who improved", "change"]
    )
    assert points(axes[0], "change better from here").get_xdata() == [56.25, 56.25]


def test_detection_shows_false_alarms_beside():
    table = SurveyWaves(answers=400).detection(5)
    axis = figures.plot_detection({"400 answers": table})
    assert points(axis, "400 answers").get_ydata() == pytest.approx(100 * table["detected_by"])
    shown = points(axis, "no improvement: false alarm").get_ydata()
    assert shown == pytest.approx(100 * table["false_alarm_by"])
