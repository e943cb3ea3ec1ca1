"""The door for data about leaving: how long people stayed after a survey, checked and counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.churn.outcomes import MISSING, coded_outcomes
from nps_research.counts import as_counts, declared_scale, listed, refuse_unknown_columns
from nps_research.survey import Survey
from nps_research.survey_files import numbers, refuse_rows
from nps_research.views import View, sized, viewed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nps_research.churn.outcomes import Codes
    from nps_research.scale import RatingScale

    type Columns = str | Sequence[str] | None

RESULT = ("score", "entered", "months", "churned", "n")


@viewed
@dataclass(frozen=True)
class LifetimesReport:
    """Account for every person of a table.

    Attributes
    ----------
    people : int
        In the table.
    churned, censored : int
        Used: left while they were watched, or were still there when watching ended.
    unscored : int
        Left out because they gave no score.
    unknown_outcome : int
        Left out because nobody knows what became of them.
    no_follow_up : int
        Left out because watching ended before the first month was over.
    in_unfinished_month : int
        Left in a month that was not watched to its end. Those who stayed in that month cannot be
        counted as staying, so these cannot be counted as leaving: they are among the censored, or
        without follow-up.
    """

    people: int
    churned: int
    censored: int
    unscored: int = 0
    unknown_outcome: int = 0
    no_follow_up: int = 0
    in_unfinished_month: int = 0

    @property
    def used(self) -> int:
        """People who count."""
        return self.churned + self.censored

    def _view(self) -> View:
        return View(str(self))

    def __str__(self) -> str:
        reasons = {
            "without a score": self.unscored,
            "with an unknown outcome": self.unknown_outcome,
            "without follow-up": self.no_follow_up,
        }
        dropped = ", ".join(f"{number:,} {why}" for why, number in reasons.items() if number)
        text = f"{self.people:,} people: {self.churned:,} churned, {self.censored:,} censored"
        text += f", {self.people - self.used:,} left out"
        text += f" ({dropped})" if dropped else ""
        if self.in_unfinished_month:
            text += f"; {self.in_unfinished_month:,} left in an unfinished month"
        return text


@viewed
@dataclass(frozen=True, eq=False)
class Lifetimes:
    """How long people stayed after a survey, as counts.

    Attributes
    ----------
    counts : pandas.DataFrame
        One row a kind of person: predictors, `score`, `entered` (whole months after the survey at
        which watching began), `months` (month in which they left, or the last month they were
        watched), `churned` (1 or 0) and `n`. Month 1 is the first after the survey.
    rating_scale : RatingScale
        Scores that could be given.
    report : LifetimesReport
        Who was left out and why.
    """

    counts: pd.DataFrame
    rating_scale: RatingScale
    report: LifetimesReport

    @property
    def predictors(self) -> list[str]:
        """Columns beside the score that tell people apart."""
        return [str(name) for name in self.counts.columns if name not in RESULT]

    @property
    def horizon(self) -> int:
        """Last month in which anybody was watched."""
        return int(self.counts["months"].max())

    def until(self, months: int) -> Lifetimes:
        """Return the same people as if watching had ended after so many months.

        Parameters
        ----------
        months : int
            Last month that counts.

        Raises
        ------
        ValueError
            If no month would be left.

        Examples
        --------
        >>> table = pd.DataFrame({"score": [3, 9], "months": [8, 12], "churned": [1, 0]})
        >>> lifetimes(table).until(6).report.churned
        0
        """
        if months < 1:
            raise ValueError(f"watching lasts one month or more; found months={months!r}.")
        table = self.counts.copy()
        later = table["months"] > months
        table.loc[later, "churned"] = 0
        table["months"] = table["months"].clip(upper=months)
        return counted(table, self.predictors, self.rating_scale)

    def _view(self) -> View:
        watched = sized(self.horizon, "month")
        kinds = f"{sized(len(self.counts), 'kind')} of people, watched for up to {watched}"
        title = f"Lifetimes: {self.report}\n{kinds}; {self.rating_scale}"
        return View(title, table=self.counts.head())


def lifetimes(
    table: pd.DataFrame | Survey,
    by: Columns = None,
    *,
    months: str | None = "months",
    churned: str = "churned",
    score: str = "score",
    entered: str | None = None,
    outcomes: Codes | None = None,
    rating_scale: RatingScale | None = None,
) -> Lifetimes:
    """Read how long people stayed after they gave a score.

    Parameters
    ----------
    table : pandas.DataFrame or Survey
        One row a kind of person with their number in `n`, or one row a person.
    by : str or sequence of str, optional
        Further columns to keep, as predictors.
    months : str, optional
        Column with whole months since the survey: for those who left the month in which they did,
        1 for the first; for the others the number of months they were seen to stay, 0 for none.
        None where nobody knows when: everyone then has one period, at the end of which they had
        left or not.
    churned, outcomes
        Column that says who left, and its codes, as in `coded_outcomes`. People whose outcome is
        declared unknown (None) are left out and counted.
    score : str
        Column with the score; people without one are left out and counted.
    entered : str, optional
        Column with the whole months after the survey at which watching began. Before, nobody could
        have been seen to leave (left truncation).
    rating_scale : RatingScale, optional
        By default that of the survey or of ``table.attrs``, else 0 to 10.

    Returns
    -------
    Lifetimes

    Raises
    ------
    ValueError
        If a column is unknown, months are negative, fractional or missing, somebody left in month 0
        or before watching began, or a code or score is not declared. The message names the row.

    Examples
    --------
    >>> table = pd.DataFrame({"score": [3, 9, None], "months": [2, 0, 5], "n": [4, 6, 1]})
    >>> lifetimes(table.assign(churned=["yes", "no", "no"]))
    Lifetimes: 11 people: 4 churned, 0 censored, 7 left out (1 without a score, 6 without follow-up)
    1 kind of people, watched for up to 2 months;
    RatingScale(0-10: detractors 0-6, passives 7-8, promoters 9-10)
       score  entered  months  churned  n
    0      3        0       2        1  4
    """
    rows, scale = rows_of(table, rating_scale)
    names = [name for name in (months, churned, score, entered) if name is not None]
    predictors = checked_predictors(rows, names, by)
    people = people_of(rows, predictors, score)
    people["churned"] = coded_outcomes(rows[churned], outcomes)
    known = people["churned"] != MISSING
    people["months"] = 1 if months is None else _whole_months(rows[months], known)
    people["entered"] = 0 if entered is None else _whole_months(rows[entered], known)
    gone = people["churned"] == 1
    _check_leaving(rows[months] if months else people["months"], people, gone)
    return counted(people, predictors, scale)


def person_months(lifetimes: Lifetimes, periods: Sequence[int] | None = None) -> pd.DataFrame:
    """Return the discrete-time table: everyone once for every month in which they could leave.

    Parameters
    ----------
    lifetimes : Lifetimes
        Who stayed how long.
    periods : sequence of int, optional
        Last month of every period, ascending, the last one at or after the horizon: months of a
        period are added up under its last month. By default every month is a period.

    Returns
    -------
    pandas.DataFrame
        Predictors, `score`, `period`, `churned` (whether they left in that month) and `n`, the
        number of person-months.

    Raises
    ------
    ValueError
        If the periods do not ascend or end before the horizon.

    Notes
    -----
    The likelihood of lifetimes is that of these rows as independent trials (Singer and Willett
    1993, "It's About Time: Using Discrete-Time Survival Analysis to Study Duration and the Timing
    of Events").

    Examples
    --------
    >>> table = pd.DataFrame({"score": [3, 9], "months": [2, 3], "churned": [1, 0], "n": [4, 6]})
    >>> person_months(lifetimes(table))
       score  period  churned  n
    0      3       1        0  4
    1      3       2        1  4
    2      9       1        0  6
    3      9       2        0  6
    4      9       3        0  6
    """
    ends = checked_periods(periods, lifetimes.horizon)
    people = lifetimes.counts
    lengths = (people["months"] - people["entered"]).to_numpy()
    row = np.repeat(np.arange(len(people)), lengths)
    steps = np.arange(len(row)) - np.repeat(lengths.cumsum() - lengths, lengths)
    table = people.iloc[row].reset_index(drop=True)
    month = table["entered"].to_numpy() + steps + 1
    last = month == table["months"].to_numpy()
    table["churned"] = np.where(last, table["churned"], 0)
    table["period"] = ends[np.searchsorted(ends, month)]
    keys = [*lifetimes.predictors, "score", "period", "churned"]
    counts = added_up(table, keys)
    counts.attrs["rating_scale"] = lifetimes.rating_scale
    return counts


def checked_periods(periods: Sequence[int] | None, horizon: int) -> NDArray[np.int64]:
    """Return the last month of every period, up to the horizon.

    Examples
    --------
    >>> checked_periods([3, 12], 8)
    array([3, 8])
    """
    if periods is None:
        return np.arange(1, horizon + 1)
    ends = np.asarray(periods, dtype=np.int64)
    ascending = len(ends) > 0 and ends[0] >= 1 and bool((np.diff(ends) > 0).all())
    if not ascending or not np.array_equal(ends, np.asarray(periods)) or ends[-1] < horizon:
        raise ValueError(
            f"periods must be whole last months in ascending order, from 1 or later to the horizon "
            f"of {horizon} or later; found {list(periods)}. End with {horizon}, or shorten the "
            f"lifetimes with until()."
        )
    return np.unique(ends.clip(max=horizon))


def added_up(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Add up `n` over rows that agree in all `keys`, in ascending order."""
    sums = table.groupby(keys, observed=True, dropna=False)["n"].sum()
    return sums.reset_index()


def rows_of(
    table: pd.DataFrame | Survey, rating_scale: RatingScale | None
) -> tuple[pd.DataFrame, RatingScale]:
    """Return the rows of a table or survey, labelled as a reader knows them, and the scale."""
    if isinstance(table, Survey):
        return table.frame, rating_scale or table.rating_scale
    return table, declared_scale(table, rating_scale)


def checked_predictors(rows: pd.DataFrame, names: list[str], by: Columns) -> list[str]:
    """Return the columns of `by`, after all columns were found and none is in the way."""
    predictors = listed(by)
    refuse_unknown_columns([*names, *predictors], rows.columns)
    taken = set(predictors) & {*RESULT, "period"}
    if taken:
        raise ValueError(
            f"by={predictors} holds {min(taken)!r}, which names a column of the result. Rename it "
            "first."
        )
    return predictors


def people_of(rows: pd.DataFrame, predictors: list[str], score: str) -> pd.DataFrame:
    """Return predictors, `score` and `n` of every row."""
    people = rows[predictors].copy()
    people["score"] = rows[score]
    people["n"] = rows.get("n", 1)
    return people


def _whole_months(cells: pd.Series, known: pd.Series) -> pd.Series:
    values = numbers(cells)
    wrong = known & ~((values >= 0) & (values % 1 == 0))
    rule = f"{cells.name} must be whole months, 0 or more"
    fix = (
        "Count months from the survey: 1 for those who left in the first; for those who stayed the "
        "months they were seen to stay. nps_research.churn.dates counts them from dates."
    )
    refuse_rows(cells, wrong.to_numpy(dtype=bool), rule, fix)
    return values.where(known, 0).astype(np.int64)


def _check_leaving(cells: pd.Series, people: pd.DataFrame, gone: pd.Series) -> None:
    refuse_rows(
        cells,
        (gone & (people["months"] == 0)).to_numpy(dtype=bool),
        "nobody can have left in month 0 or before the survey",
        "Give month 1 to those who left in the first month after it, and leave out those who had "
        "left before.",
    )
    refuse_rows(
        cells,
        (gone & (people["months"] <= people["entered"])).to_numpy(dtype=bool),
        "nobody can have left before watching began",
        "Correct the month in which they left or in which they entered.",
    )


def counted(
    people: pd.DataFrame, predictors: list[str], scale: RatingScale, in_unfinished_month: int = 0
) -> Lifetimes:
    """Leave out those who cannot count, say how many, and add up equal people."""
    table = as_counts(people, scale)
    scored, known = table["score"].notna(), table["churned"] != MISSING
    followed = table["months"] > table["entered"]
    keys = [*predictors, "score", "entered", "months", "churned"]
    usable = table[scored & known & followed & (table["n"] > 0)]
    counts = added_up(usable, keys)
    if counts.empty:
        raise ValueError("nobody can be counted: no person has a score, an outcome and a month.")
    left = counts["churned"] == 1
    report = LifetimesReport(
        people=int(table["n"].sum()),
        churned=int(counts.loc[left, "n"].sum()),
        censored=int(counts.loc[~left, "n"].sum()),
        unscored=int(table.loc[~scored, "n"].sum()),
        unknown_outcome=int(table.loc[scored & ~known, "n"].sum()),
        no_follow_up=int(table.loc[scored & known & ~followed, "n"].sum()),
        in_unfinished_month=in_unfinished_month,
    )
    counts.attrs["rating_scale"] = scale
    return Lifetimes(counts[[*predictors, *RESULT]], scale, report)
