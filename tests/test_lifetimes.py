"""The door for lifetimes: who counts, who does not, and which rows are refused."""

import numpy as np
import pandas as pd
import pytest

from nps_research.churn.dates import lifetimes_from_dates
from nps_research.churn.lifetimes import lifetimes, person_months
from nps_research.datasets import load_counts
from nps_research.scale import RatingScale
from nps_research.survey import read_survey

DAYS = {"surveyed": "asked", "left": "gone", "observed_until": "end"}


def table(**columns):
    rows = {"score": [2, 6, 9], "months": [1, 4, 5], "churned": [1, 0, 1], "n": [3, 8, 2]}
    return pd.DataFrame(rows | columns)


def dated(asked, gone, end):
    return pd.DataFrame({"score": 7, "asked": [asked], "gone": [gone], "end": [end]})


def test_everyone_is_accounted_for():
    rows = table(score=[2, 6, None], months=[1, 0, 5], churned=["yes", "no", "no"], n=[3, 8, 2])
    more = pd.DataFrame({"score": [4], "months": [None], "churned": ["?"], "n": [5]})
    found = lifetimes(
        pd.concat([rows, more], ignore_index=True), outcomes={"yes": 1, "no": 0, "?": None}
    ).report
    assert (found.people, found.churned, found.censored) == (18, 3, 0)
    assert (found.no_follow_up, found.unscored, found.unknown_outcome) == (8, 2, 5)
    assert found.used == 3
    assert "8 without follow-up" in str(found)


def test_equal_people_are_added_up():
    rows = pd.concat([table(), table()])
    found = lifetimes(rows.assign(region="n"), by="region").counts
    assert found["n"].tolist() == [6, 16, 4]
    assert list(found) == ["region", "score", "entered", "months", "churned", "n"]


def test_community_without_months_has_one_period():
    codes = {"yes": 1, "no": 0, "unknown": None}
    found = lifetimes(load_counts("r_community"), months=None, churned="lapsed", outcomes=codes)
    left = found.counts[found.counts["churned"] == 1]
    by_score = found.counts.groupby("score")["n"].sum()
    assert (found.horizon, found.rating_scale.minimum) == (1, 1)
    assert (left.loc[left["score"] <= 4, "n"].sum(), by_score[:4].sum()) == (12, 64)
    assert (left.loc[left["score"].between(5, 6), "n"].sum(), by_score[4:6].sum()) == (9, 162)
    shares = [
        left.loc[left["score"].isin(pair), "n"].sum() / by_score.loc[list(pair)].sum()
        for pair in ((7, 8), (9, 10))
    ]
    assert np.round(100 * np.array(shares), 2).tolist() == [2.14, 0.26]


def test_surveys_keep_their_scale_and_row_numbers():
    rows = pd.DataFrame({"answer": [1, 5], "months": [3, -1], "churned": [0, 0]})
    survey = read_survey(rows, "answer", rating_scale=RatingScale(1, 5))
    with pytest.raises(ValueError, match=r"whole months.*first -1 at row 1"):
        lifetimes(survey)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"months": [1, -4, 5]}, "months must be whole months, 0 or more; .* first -4 at row 1"),
        ({"months": [1, 4, 2.5]}, "first 2.5 at row 2"),
        ({"months": [1, None, 5]}, "first a missing value at row 1"),
        ({"months": [0, 4, 5]}, "nobody can have left in month 0 or before .* first 0 at row 0"),
        ({"churned": [1, 0, "gone"]}, "churned must hold .* first 'gone' at row 2"),
        ({"churned": [1, None, 0]}, "first a missing value at row 1"),
        ({"score": [2, 6, 11]}, "first 11 at row 2"),
        ({"n": [1, 1, 0.5]}, "n must be a whole number of people"),
        ({"score": [None, None, None]}, "nobody answered"),
        ({"months": [0, 0, 0], "churned": [0, 0, 0]}, "nobody can be counted"),
    ],
)
def test_impossible_rows_are_refused(columns, message):
    with pytest.raises(ValueError, match=message):
        lifetimes(table(**columns))


def test_rows_that_number_themselves_are_named_so():
    with pytest.raises(ValueError, match=r"row 1 \(labelled 17\)"):
        lifetimes(table(months=[1, -4, 5]).set_axis([2, 17, 18]))


def test_late_entry_shortens_the_time_at_risk():
    found = lifetimes(table(since=[0, 3, 5], churned=[1, 0, 0]), entered="since")
    assert found.report.no_follow_up == 2
    assert person_months(found)["n"].sum() == 3 + 8
    with pytest.raises(ValueError, match=r"left before watching began.* row 2"):
        lifetimes(table(since=[0, 3, 5]), entered="since")


def test_until_censors_and_keeps_everyone():
    found = lifetimes(table()).until(4)
    assert (found.report.people, found.report.churned, found.horizon) == (13, 3, 4)
    with pytest.raises(ValueError, match="one month or more"):
        found.until(0)


def test_person_months_have_everyone_at_risk():
    months = person_months(lifetimes(table()))
    assert months["n"].sum() == 3 * 1 + 8 * 4 + 2 * 5
    assert months.loc[months["churned"] == 1, ["period", "n"]].to_numpy().tolist() == [
        [1, 3],
        [5, 2],
    ]


def test_periods_add_up_months():
    fine, coarse = (person_months(lifetimes(table()), each) for each in (None, [2, 6]))
    assert coarse.groupby("churned")["n"].sum().equals(fine.groupby("churned")["n"].sum())
    assert sorted(coarse["period"].unique()) == [2, 5]


@pytest.mark.parametrize("periods", [[2, 4], [3, 3, 5], [0, 5], [2.5, 5], []])
def test_impossible_periods_are_refused(periods):
    with pytest.raises(ValueError, match="periods must be whole last months"):
        person_months(lifetimes(table()), periods)


@pytest.mark.parametrize(
    ("asked", "gone", "end", "expected"),
    [
        ("2025-01-15", "2025-01-15", "2026-01-15", (1, 1)),
        ("2025-01-15", "2025-02-14", "2026-01-15", (1, 1)),
        ("2025-01-15", "2025-02-15", "2026-01-15", (2, 1)),
        ("2024-01-31", None, "2024-02-29", (1, 0)),
        ("2025-01-31", None, "2025-03-30", (1, 0)),
        ("2025-12-31", None, "2026-12-31", (12, 0)),
        # In the fifth month, which was not watched to its end.
        ("2025-01-15", "2025-05-20", "2025-06-01", (4, 0)),
    ],
)
def test_months_are_counted_from_the_day_of_the_survey(asked, gone, end, expected):
    found = lifetimes_from_dates(dated(asked, gone, end), **DAYS)
    assert tuple(found.counts[["months", "churned"]].iloc[0]) == expected
    assert found.report.in_unfinished_month == int(gone is not None and not expected[1])


@pytest.mark.parametrize(
    ("asked", "gone", "end", "message"),
    [
        ("2025-01-15", "2025-01-10", "2026-01-15", "before the survey; .*2025-01-10' at row 0"),
        ("2025-01-15", "2026-01-20", "2026-01-15", "after observed_until"),
        ("2025-01-15", None, "2025-01-01", "observed_until must not come before the survey"),
        (None, None, "2025-01-01", "asked must hold dates; .* a missing value at row 0"),
        ("2025-01-15", "soon", "2026-01-15", "gone must hold dates; .* 'soon' at row 0"),
    ],
)
def test_impossible_dates_are_refused(asked, gone, end, message):
    with pytest.raises(ValueError, match=message):
        lifetimes_from_dates(dated(asked, gone, end), **DAYS)


def test_one_last_day_serves_all():
    rows = dated("2025-01-15", None, "2025-03-15")
    day = lifetimes_from_dates(rows, surveyed="asked", left="gone", observed_until="2025-03-15")
    assert day.counts.equals(lifetimes_from_dates(rows, **DAYS).counts)
    with pytest.raises(ValueError, match="observed_until must be a date or a column"):
        lifetimes_from_dates(rows, surveyed="asked", left="gone", observed_until="edn")


def test_names_of_results_are_not_predictors():
    with pytest.raises(ValueError, match="names a column of the result"):
        lifetimes(table(), by="months")
    with pytest.raises(ValueError, match="unknown column 'tenure'"):
        lifetimes(table(), months="tenure")
