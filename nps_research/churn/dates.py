"""Lifetimes from dates: whole months from the day of a survey to the day of leaving."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from nps_research.churn.lifetimes import checked_predictors, counted, people_of, rows_of
from nps_research.survey_files import refuse_rows

if TYPE_CHECKING:
    from nps_research.churn.lifetimes import Columns, Lifetimes
    from nps_research.scale import RatingScale
    from nps_research.survey import Survey


def lifetimes_from_dates(
    table: pd.DataFrame | Survey,
    by: Columns = None,
    *,
    surveyed: str,
    left: str,
    observed_until: str | pd.Timestamp,
    score: str = "score",
    date_format: str = "ISO8601",
    rating_scale: RatingScale | None = None,
) -> Lifetimes:
    """Read how long people stayed from dates.

    Months are counted from the day of the survey: month 1 ends a calendar month later (on the last
    day of a shorter month).

    Parameters
    ----------
    table, by, score, rating_scale
        As in `lifetimes`.
    surveyed, left : str
        Columns with the day of the survey and the day of leaving, missing for those who stayed.
    observed_until : str or pandas.Timestamp
        Column with the last day on which leaving would have been seen, or one day for all.
    date_format : str
        Format of dates that are text.

    Returns
    -------
    Lifetimes

    Raises
    ------
    ValueError
        If a date is missing or no date, or if somebody left before the survey or after
        `observed_until`. The message names the row.

    Examples
    --------
    >>> table = pd.DataFrame({"score": [2, 9], "asked": "2025-01-31", "gone": ["2025-03-02", None]})
    >>> days = {"surveyed": "asked", "left": "gone", "observed_until": "2025-07-31"}
    >>> lifetimes_from_dates(table, **days).counts
       score  entered  months  churned  n
    0      2        0       2        1  1
    1      9        0       6        0  1
    """
    rows, scale = rows_of(table, rating_scale)
    own_end = isinstance(observed_until, str) and observed_until in rows
    ends = [cast("str", observed_until)] if own_end else []
    predictors = checked_predictors(rows, [surveyed, left, score, *ends], by)
    start = _days(rows[surveyed], date_format)
    gone = _days(rows[left], date_format, may_be_missing=True)
    end = _end(rows, observed_until, date_format)
    _check_order(rows, start, gone, end)
    watched = _months_between(start, end)
    month = (_months_between(start, gone.fillna(end)) + 1).where(gone.notna(), np.inf)
    people = people_of(rows, predictors, score)
    people["churned"] = (month <= watched).astype(np.int64)
    people["months"] = np.minimum(month, watched).astype(np.int64)
    people["entered"] = 0
    unfinished = gone.notna() & (month > watched) & people["score"].notna()
    return counted(people, predictors, scale, int(people.loc[unfinished, "n"].sum()))


def _days(cells: pd.Series, date_format: str, *, may_be_missing: bool = False) -> pd.Series:
    days = pd.to_datetime(cells, format=date_format, errors="coerce")
    if days.dt.tz is not None:
        days = days.dt.tz_localize(None)
    wrong = days.isna() & (cells.notna() | (not may_be_missing))
    rule = f"{cells.name} must hold dates"
    fix = "Correct the cells, or say how dates are written with date_format= such as '%d/%m/%Y'."
    refuse_rows(cells, wrong.to_numpy(dtype=bool), rule, fix)
    return days.dt.normalize()


def _end(rows: pd.DataFrame, observed_until: str | pd.Timestamp, date_format: str) -> pd.Series:
    if isinstance(observed_until, str) and observed_until in rows:
        return _days(rows[observed_until], date_format)
    day = pd.to_datetime(pd.Series([observed_until]), errors="coerce").dt.normalize()
    if day.isna().any():
        raise ValueError(
            f"observed_until must be a date or a column of the table; found {observed_until!r}. "
            f"Columns: {', '.join(map(str, rows.columns))}."
        )
    return pd.Series(day.iloc[0], rows.index)


def _check_order(rows: pd.DataFrame, start: pd.Series, gone: pd.Series, end: pd.Series) -> None:
    checks = {
        "leaving must not come before the survey": (gone, gone < start),
        "leaving must not come after observed_until": (gone, gone > end),
        "observed_until must not come before the survey": (end, end < start),
    }
    fix = "Correct the dates, or leave out those who were no longer customers when asked."
    for rule, (days, wrong) in checks.items():
        shown_days = days.dt.strftime("%Y-%m-%d")
        refuse_rows(shown_days.set_axis(rows.index), wrong.to_numpy(dtype=bool), rule, fix)


def _months_between(start: pd.Series, end: pd.Series) -> pd.Series:
    """Return the whole calendar months from one day to another."""
    months = 12 * (end.dt.year - start.dt.year) + end.dt.month - start.dt.month
    day = np.minimum(start.dt.day, end.dt.days_in_month)
    whole: pd.Series = months - (end.dt.day < day)
    return whole
