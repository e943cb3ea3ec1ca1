"""Surveys: the door through which answers of people come in, checked and accounted for."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nps_research.scale import RatingScale
from nps_research.survey_files import SurveyError, numbers, read_source, shown, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from pandera.errors import SchemaError
    from pandera.pandas import Check, DataFrameSchema

    from nps_research.survey_files import SourceTable

BLANK = "blank"

# Columns with many missing values that a report names; the others are counted.
NAMED_IN_REPORT = 5

DISTINCT = "distinct"
VALUE = "{value}"


@dataclass(frozen=True)
class SurveyReport:
    """Account for every row of a survey.

    Attributes
    ----------
    source : str
        Name of the file.
    rows : int
        Rows read; none is dropped, so this is ``answered`` plus all of ``unanswered``.
    answered : int
        Rows with a score.
    unanswered : dict
        Rows without a score, by reason.
    missing : dict
        Missing values in each of the other columns that has any.
    zero_weights : int or None
        Rows that a weight of zero silences; None without weights.
    """

    source: str
    rows: int
    answered: int
    unanswered: dict[str, int]
    missing: dict[str, int]
    zero_weights: int | None

    def __str__(self) -> str:
        share = f"{self.answered:,} answered ({self.answered / self.rows:.1%})"
        sentences = [f"{self.rows:,} rows of {self.source}: {share}, {self._silent()}."]
        if self.missing:
            sentences.append(f"Missing values: {self._gaps()}.")
        if self.zero_weights is not None:
            sentences.append(f"Weights of zero: {self.zero_weights:,}.")
        return " ".join(sentences)

    def _silent(self) -> str:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.unanswered.items())
        total = f"{sum(self.unanswered.values()):,} did not"
        return f"{total} ({reasons})" if reasons else total

    def _gaps(self) -> str:
        most = sorted(self.missing.items(), key=lambda gap: -gap[1])
        named = ", ".join(f"{name} {count:,}" for name, count in most[:NAMED_IN_REPORT])
        others = len(most) - NAMED_IN_REPORT
        return f"{named} and {others} other columns" if others > 0 else named


@dataclass(frozen=True, eq=False, repr=False)
class Survey:
    """Hold the checked answers of one survey.

    Attributes
    ----------
    frame : pandas.DataFrame
        Every row of the file, indexed by its row number there: `score` (Int64), `weight`
        (float64), `date` and `respondent` where they were named, other columns as they are.
    rating_scale : RatingScale
        Scores that could be given.
    report : SurveyReport
        What was read and what is missing.
    source : str
        Name of the file.
    """

    frame: pd.DataFrame
    rating_scale: RatingScale
    report: SurveyReport
    source: str

    def __repr__(self) -> str:
        columns = ", ".join(str(name) for name in self.frame.columns)
        return f"Survey: {self.report}\n{self.rating_scale}\nColumns: {columns}"

    def _repr_html_(self) -> str:
        summary = f"<p><strong>Survey</strong>: {escape(str(self.report))}</p>"
        scale = f"<p>{escape(repr(self.rating_scale))}</p>"
        return summary + scale + self.frame.head().to_html()


def read_survey(  # noqa: PLR0913  (one argument for each thing that files do differently)
    source: str | Path | pd.DataFrame,
    score: str,
    *,
    columns: Mapping[str, str] | None = None,
    missing: Mapping[Any, str] | None = None,
    weight: str | None = None,
    date: str | None = None,
    date_format: str = "ISO8601",
    respondent: str | None = None,
    rating_scale: RatingScale = RatingScale(),  # noqa: B008  (frozen: safe to share)
    encoding: str = "utf-8",
    sheet: str | None = None,
) -> Survey:
    """Read a survey, check it and account for every row.

    Parameters
    ----------
    source : path or pandas.DataFrame
        CSV, TSV, Parquet, Excel or SPSS file, by its suffix, or a table in memory.
    score : str
        Column of the file with the answers; called `score` from here on.
    columns : mapping, optional
        Names of other columns in the file to their names in the analysis.
    missing : mapping, optional
        Codes in the score column that mark no answer, to the reason: ``{99: "refused"}``. Codes
        compare by value: 11 also matches "11" and 11.0. The code "" stands for blank cells, whose
        reason is "blank" otherwise. Codes that an SPSS file declares missing are known already.
    weight, date, respondent : str, optional
        Columns of the file with survey weights, dates and ids of people; called `weight`, `date`
        and `respondent` from here on.
    date_format : str
        Format of dates stored as text, as in `datetime.strptime`; years first by default. Dates of
        several time zones become UTC.
    rating_scale : RatingScale
        Scores that could be given.
    encoding : str
        Encoding of a CSV or TSV file.
    sheet : str, optional
        Sheet of a workbook; the first one when not given.

    Returns
    -------
    Survey

    Raises
    ------
    SurveyError
        If the file cannot be read or its content breaks a rule; all broken rules at once. Rows
        are numbered as the program that shows the file does: in CSV and Excel files the header
        is row 1 and the first answer row 2; SPSS counts from 1; Parquet files and DataFrames
        count from 0.

    Examples
    --------
    >>> export = pd.DataFrame({"likely": ["9", "10", "99", ""], "wave": [1, 1, 2, None]})
    >>> survey = read_survey(export, score="likely", missing={99: "refused"})
    >>> print(survey.report)
    4 rows of the DataFrame: 2 answered (50.0%), 2 did not (1 refused, 1 blank).
    Missing values: wave 1.
    >>> survey.frame["score"].tolist()
    [9, 10, <NA>, <NA>]
    """
    roles = _roles(score, weight, date, respondent)
    table = read_source(source, text_columns=roles, encoding=encoding, sheet=sheet)
    names = _names(table, roles, columns or {})
    frame = table.frame.rename(columns=names)
    reasons = _reasons(frame["score"], table.declared_missing.get(score, {}) | dict(missing or {}))
    frame = _cleared(frame, roles.values(), reasons)
    file_names = {new: old for old, new in names.items()}
    _check(frame[[*roles.values()]], _schema(rating_scale, date_format), table.name, file_names)
    report = _report(frame, reasons, table.name)
    return Survey(_finished(frame, roles, date_format), rating_scale, report, table.name)


def _roles(
    score: str, weight: str | None, date: str | None, respondent: str | None
) -> dict[str, str]:
    wanted = {"score": score, "weight": weight, "date": date, "respondent": respondent}
    given = {role: name for role, name in wanted.items() if name is not None}
    roles = {name: role for role, name in given.items()}
    if len(roles) < len(given):
        raise SurveyError(
            f"{_repeated(given.values())!r} is named for more than one of {[*given]}."
        )
    return roles


def _names(
    table: SourceTable, roles: Mapping[str, str], columns: Mapping[str, str]
) -> dict[str, str]:
    held = list(table.frame.columns)
    if len(set(held)) < len(held):
        raise SurveyError(
            f"{table.name} has more than one column {_repeated(held)!r}. Rename or remove one."
        )
    for name in (*roles, *columns):
        if name not in held:
            raise SurveyError(f"{table.name}: {unknown_name('column', name, held)}")
    names = {name: name for name in held} | dict(columns) | dict(roles)
    if len(set(names.values())) < len(names):
        raise SurveyError(_shared_name(table.name, names, roles))
    if "weight" in names.values() and "weight" not in roles.values():
        raise SurveyError(
            f"{table.name} has a column 'weight', and weight= does not say what it is. Pass its "
            "name if it holds survey weights, else another name for it in columns=."
        )
    return names


def _repeated(names: Iterable[str]) -> str:
    seen = pd.Series(list(names), dtype=object)
    return str(seen[seen.duplicated()].iloc[0])


def _shared_name(source: str, names: Mapping[str, str], roles: Mapping[str, str]) -> str:
    name = _repeated(names.values())
    sharing = sorted((old for old, new in names.items() if new == name), key=roles.__contains__)
    return (
        f"{source}: columns {sharing[0]!r} and {sharing[1]!r} would both be called {name!r}. Give "
        f"one of them another name, as in columns={{{sharing[0]!r}: 'other_{name}'}}."
    )


def _reasons(cells: pd.Series, missing: Mapping[Any, str]) -> pd.Series:
    values, text = numbers(cells), cells.astype(str).str.strip()
    reasons = pd.Series(None, index=cells.index, dtype=object)
    for code, reason in {"": BLANK, **missing}.items():
        reasons[_marked(values, text, code)] = reason
    return reasons


def _marked(values: pd.Series, text: pd.Series, code: object) -> pd.Series:
    if code == "":
        return text.isna() | (text == "")
    number = numbers(pd.Series([code], dtype=object)).iloc[0]
    return text == str(code).strip() if np.isnan(number) else values == number


def _cleared(frame: pd.DataFrame, roles: Iterable[str], reasons: pd.Series) -> pd.DataFrame:
    cleared = {role: frame[role].mask(frame[role].astype(str).str.strip() == "") for role in roles}
    return frame.assign(**cleared).assign(score=frame["score"].mask(reasons.notna()))


def _dates(cells: pd.Series, date_format: str) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(cells):
        return cells
    text = cells.astype(str)
    try:
        return pd.to_datetime(text, format=date_format, errors="coerce")
    except ValueError:  # several time zones
        return pd.to_datetime(text, format=date_format, errors="coerce", utc=True)


def _check(
    frame: pd.DataFrame,
    schema: DataFrameSchema,
    source: str,
    file_names: Mapping[str, str],
) -> None:
    from pandera.errors import SchemaErrors  # noqa: PLC0415  (heavy)

    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as broken:
        problems = [_problem(each, source, file_names) for each in broken.schema_errors]
        raise SurveyError("\n".join(problems)) from None


def _problem(broken: SchemaError, source: str, file_names: Mapping[str, str]) -> str:
    rule, fix = broken.check.title, broken.check.description
    place = f"column {file_names[broken.schema.name]!r} of {source}"
    if not isinstance(broken.failure_cases, pd.DataFrame):
        return f"{rule}; found none in {place}.\n{fix}"
    cases = broken.failure_cases.set_index("index")["failure_case"]
    value = shown(cases.iloc[0])
    rows = _rows(cases) if broken.check.name == DISTINCT else f"row {cases.index[0]}"
    return (
        f"{rule}; found {len(cases)} that are not, first {value} at {rows}, {place}.\n"
        f"{fix.replace(VALUE, value)}"
    )


def _rows(cases: pd.Series) -> str:
    first, second = cases.index[cases == cases.iloc[0]][:2]
    return f"rows {first} and {second}"


def _schema(rating_scale: RatingScale, date_format: str) -> DataFrameSchema:
    """State what a clean survey is: each check carries its rule (title) and the fix."""
    import pandera.pandas as pa  # noqa: PLC0415  (heavy)

    checks = {
        "score": _score_rules(rating_scale),
        "weight": [
            _rule(
                "weights must be finite numbers, 0 or more",
                "Correct them; a weight of 0 leaves a row out.",
                lambda cells: (numbers(cells) >= 0) & np.isfinite(numbers(cells)),
                ignore_na=False,
            )
        ],
        "date": [
            _rule(
                f"dates must be readable as {date_format}",
                "Correct them, or say how they are written, as in date_format='%d/%m/%Y'.",
                lambda cells: _dates(cells, date_format).notna(),
            )
        ],
        "respondent": [
            _rule(
                "ids of respondents must be distinct",
                "Keep one row of each, or leave respondent= out if people may answer repeatedly.",
                lambda cells: ~cells.duplicated(keep=False),
                name=DISTINCT,
            )
        ],
    }
    return pa.DataFrameSchema(
        {
            name: pa.Column(checks=each, nullable=True, required=False)
            for name, each in checks.items()
        }
    )


def _score_rules(rating_scale: RatingScale) -> list[Check]:
    low, high = rating_scale.minimum, rating_scale.maximum
    recode = f"Recode them, or pass missing={{{VALUE}: 'no answer'}} if {VALUE} marks no answer."
    return [
        _rule("scores must be numbers", recode, lambda cells: numbers(cells).notna()),
        _rule(
            "scores must be whole numbers",
            "Give every answer a row of its own: an average of several is not a score.",
            lambda cells: ~(numbers(cells) % 1 > 0),
        ),
        _rule(
            f"scores must be whole numbers from {low} to {high}",
            f"{recode} Other scales: rating_scale=RatingScale(lowest, highest).",
            lambda cells: ~((numbers(cells) < low) | (numbers(cells) > high)),
        ),
        _rule(
            "at least one score must be answered",
            "Check the codes passed as missing=.",
            lambda cells: cells.notna().any(),
            ignore_na=False,
        ),
    ]


def _rule(title: str, fix: str, holds: Callable[[pd.Series], Any], **options: Any) -> Check:
    import pandera.pandas as pa  # noqa: PLC0415  (heavy)

    return pa.Check(holds, title=title, description=fix, **options)


def _report(frame: pd.DataFrame, reasons: pd.Series, source: str) -> SurveyReport:
    gaps = frame.drop(columns="score").isna().sum()
    silent = reasons.value_counts()
    return SurveyReport(
        source=source,
        rows=len(frame),
        answered=len(frame) - int(silent.sum()),
        unanswered={str(reason): int(count) for reason, count in silent.items()},
        missing={str(name): int(count) for name, count in gaps.items() if count},
        zero_weights=int((numbers(frame["weight"]) == 0).sum()) if "weight" in frame else None,
    )


def _finished(frame: pd.DataFrame, roles: Mapping[str, str], date_format: str) -> pd.DataFrame:
    finished = frame.assign(score=numbers(frame["score"]).astype("Int64"))
    if "weight" in roles.values():
        finished["weight"] = numbers(frame["weight"])
    if "date" in roles.values():
        finished["date"] = _dates(frame["date"], date_format)
    return finished
