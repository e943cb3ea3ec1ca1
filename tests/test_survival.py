"""Survival without a model: closed forms, people one by one, and statsmodels."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from nps_research.churn.lifetimes import lifetimes
from nps_research.churn.survival import kaplan_meier, trend_test


def simulated(size=400, seed=5):
    generator = np.random.default_rng(seed)
    score = generator.choice([3, 6, 8, 10], size)
    left = generator.geometric(0.25 / score)
    until = generator.integers(1, 13, size)
    rows = {"score": score, "months": np.minimum(left, until), "churned": left <= until}
    return pd.DataFrame(rows)


ROWS = simulated()
PEOPLE = lifetimes(ROWS)


@pytest.mark.parametrize("score", [3, 6, 8, 10])
def test_survival_is_that_of_statsmodels(score):
    own = ROWS[ROWS["score"] == score]
    theirs = SurvfuncRight(own["months"], own["churned"])
    ours = kaplan_meier(PEOPLE).loc[score].loc[theirs.surv_times]
    np.testing.assert_allclose(ours["survival"], theirs.surv_prob)
    np.testing.assert_allclose(ours["at_risk"], theirs.n_risk)
    there = theirs.surv_prob > 0
    np.testing.assert_allclose(ours["se"][there], theirs.surv_prob_se[there])


def test_limits_are_those_of_the_log_log_transformation():
    row = kaplan_meier(PEOPLE, None, level=0.9).loc[("all", 6)]
    middle = np.log(-np.log(row["survival"]))
    width = 1.6448536 * row["se"] / row["survival"] / np.log(row["survival"])
    limits = [np.exp(-np.exp(middle - sign * width)) for sign in (1, -1)]
    assert sorted(limits) == pytest.approx(row[["lower", "upper"]].tolist())


def test_without_censoring_it_is_the_share_still_there():
    months = np.repeat([1, 2, 4], [3, 5, 2])
    found = kaplan_meier(lifetimes(pd.DataFrame({"score": 7, "months": months, "churned": 1})))
    shares = np.array([0.7, 0.2, 0.2, 0.0])
    assert found["survival"].tolist() == pytest.approx(shares.tolist())
    binomial = np.sqrt(shares * (1 - shares) / 10)
    assert found["se"][:3].tolist() == pytest.approx(binomial[:3].tolist())
    assert found.iloc[3][["se", "lower", "upper"]].isna().all()


def test_groups_of_classes_are_their_scores_together():
    classes = kaplan_meier(PEOPLE, "class")
    detractors = lifetimes(ROWS[ROWS["score"] <= 6])
    ours = classes.loc["detractors", "survival"]
    assert ours.tolist() == kaplan_meier(detractors, None)["survival"].tolist()


def test_late_entry_counts_only_those_who_are_watched():
    rows = pd.DataFrame(
        {"score": 7, "since": [0, 2], "months": [3, 3], "churned": [1, 0], "n": [4, 6]}
    )
    found = kaplan_meier(lifetimes(rows, entered="since"))
    assert found["at_risk"].tolist() == [4, 4, 10]
    assert found["survival"].iloc[-1] == pytest.approx(0.6)


def test_trend_of_two_groups_is_the_log_rank_test():
    two = ROWS[ROWS["score"].isin([3, 10])]
    chi_squared, p_value = survdiff(two["months"], two["churned"], two["score"])
    found = trend_test(lifetimes(two)).iloc[0]
    assert found["z"] ** 2 == pytest.approx(chi_squared)
    assert found["p_value"] == pytest.approx(p_value)
    assert found["z"] < 0


def test_trend_of_one_period_is_the_test_of_a_correlation():
    """Without censoring in one period it is (n - 1) times the squared correlation."""
    rows = ROWS.assign(months=1)
    correlation = np.corrcoef(rows["score"], rows["churned"])[0, 1]
    z = trend_test(lifetimes(rows)).iloc[0]["z"]
    assert z == pytest.approx(correlation * np.sqrt(len(rows) - 1))


def test_trend_without_contrast_is_missing():
    assert trend_test(lifetimes(ROWS[ROWS["score"] == 3])).isna().all(axis=None)
    with pytest.raises(ValueError, match="no number for the score 3"):
        trend_test(PEOPLE, {6: 0, 8: 1, 10: 1})


def test_unknown_groups_are_refused():
    with pytest.raises(ValueError, match="unknown column 'segment'"):
        kaplan_meier(PEOPLE, "segment")


def test_limits_hold_the_true_survival():
    generator = np.random.default_rng(2)
    true, inside = (1 - 0.04) ** 6, 0
    for _ in range(200):
        left, until = generator.geometric(0.04, 200), generator.integers(1, 13, 200)
        months = np.minimum(np.minimum(left, until), 6)
        rows = {"score": 9, "months": months, "churned": (left <= until) & (left <= 6)}
        row = kaplan_meier(lifetimes(pd.DataFrame(rows))).loc[(9, 6)]
        inside += row["lower"] <= true <= row["upper"]
    # Four Monte Carlo standard errors below 95 %.
    assert inside / 200 > 0.95 - 4 * 0.0154
