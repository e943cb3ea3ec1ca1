import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nps_research.comparison.explanations import explanations
from nps_research.comparison.shifts import KINDS, Shift, shifted
from nps_research.scale import RatingScale

AIRPORT = np.array([24, 11, 24, 26, 24, 205, 133, 334, 601, 498, 770]) / 2650
NAMES = {
    "location": "location",
    "scale": "scale",
    "top threshold": "8|9",
    "bottom threshold": "6|7",
}


def counts(shares, n=40_000):
    return pd.DataFrame({"score": range(len(shares)), "n": (n * shares).round()})


@pytest.mark.parametrize("kind", KINDS)
def test_the_shift_that_was_made_explains_the_difference(kind):
    table = explanations(counts(AIRPORT), counts(shifted(AIRPORT, kind, 0.3)))
    one = table[table["parameters"] == 1]
    assert one.index[0] == NAMES[kind]
    assert one["deviance"].iloc[0] < 0.5
    assert one["deviance"].iloc[1] > 50


def test_scale_is_about_the_median_of_the_first_group():
    shift = Shift("scale", anchor=0.8)
    table = explanations(counts(AIRPORT), counts(shifted(AIRPORT, shift, 0.3)))
    assert table.loc["scale", "deviance"] > 50
    assert table.loc["location and scale", "deviance"] < 0.5


def test_full_deviance_is_the_test_of_independence():
    tables = counts(AIRPORT, 500), counts(shifted(AIRPORT, "scale", 0.3), 700)
    row = explanations(*tables).loc["none"]
    both = np.array([each["n"] for each in tables])
    test = stats.chi2_contingency(both, lambda_="log-likelihood", correction=False)
    assert row["deviance"] == pytest.approx(test.statistic)
    assert row["p_value"] == pytest.approx(test.pvalue)
    assert row["freedom"] == test.dof


def test_threshold_explanation_is_a_test_of_two_scores():
    tables = counts(AIRPORT, 900), counts(shifted(AIRPORT, "scale", 0.3), 700)
    table = explanations(*tables)
    pair = np.array([each["n"].iloc[[8, 9]] for each in tables])
    test = stats.chi2_contingency(pair, lambda_="log-likelihood", correction=False)
    gained = table.loc["none", "deviance"] - table.loc["8|9", "deviance"]
    assert gained == pytest.approx(test.statistic)


def test_scores_that_nobody_gave_are_no_cut():
    scale = RatingScale(0, 4, 1, 4)
    first = pd.DataFrame({"score": [0, 1, 3, 4], "n": [5, 9, 14, 7]})
    table = explanations(first, first.assign(n=[9, 6, 10, 10]), rating_scale=scale)
    assert {"0|1", "1|3", "3|4"} <= set(table.index)
    assert table.loc["all cuts", "parameters"] == 3


def test_best_explanation_comes_first():
    table = explanations(counts(AIRPORT), counts(shifted(AIRPORT, "location", 0.2)))
    assert table["aic_difference"].is_monotonic_increasing
    assert table["aic_difference"].iloc[0] == 0


def test_groups_without_answers_are_refused():
    with pytest.raises(ValueError, match="the second table has 1"):
        explanations(counts(AIRPORT), pd.DataFrame({"score": [9], "n": [1]}))
