"""Surveys: the door through which answers of people come in, checked and accounted for."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nps_research.scale import RatingScale
from nps_research.survey_files import (
    SurveyError,
    SurveyWarning,
    numbers,
    read_source,
    unknown_name,
)
from nps_research.survey_rules import (
    Question,
    check_survey,
    dates,
    scale_without_zero,
    shorter_scale,
)
from nps_research.value_labels import codes_as_scores, labelled, missing_reasons, texts_as_scores
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from nps_research.survey_files import SourceTable

BLANK = "blank"

# Columns with many missing values that a report names; the others are counted.
NAMED_IN_REPORT = 5


@viewed
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
    scores : dict
        Answers of each score that occurs, lowest first.
    missing_reasons : dict
        Of the missing values, those that the file itself explains: column to reason to number.
    notes : tuple of str
        What was read otherwise than it is stored, and what looks odd.
    """

    source: str
    rows: int
    answered: int
    unanswered: dict[str, int]
    missing: dict[str, int]
    zero_weights: int | None
    scores: dict[int, int] = field(default_factory=dict)
    missing_reasons: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        share = f"{self.answered:,} answered ({self.answered / self.rows:.1%})"
        sentences = [f"{self.rows:,} rows of {self.source}: {share}, {self._silent()}."]
        if self.scores:
            ends = f"{min(self.scores)} to {max(self.scores)}"
            sentences.append(f"Scores from {ends}, {len(self.scores)} distinct.")
        if self.missing:
            sentences.append(f"Missing values: {self._gaps()}.")
        if self.zero_weights is not None:
            sentences.append(f"Weights of zero: {self.zero_weights:,}.")
        return " ".join([*sentences, *self.notes])

    def _view(self) -> View:
        return View(str(self))

    def _silent(self) -> str:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.unanswered.items())
        total = f"{sum(self.unanswered.values()):,} did not"
        return f"{total} ({reasons})" if reasons else total

    def _gaps(self) -> str:
        most = sorted(self.missing.items(), key=lambda gap: -gap[1])
        named = ", ".join(
            f"{name} {count:,}{self._why(name)}" for name, count in most[:NAMED_IN_REPORT]
        )
        others = len(most) - NAMED_IN_REPORT
        return f"{named} and {others} other columns" if others > 0 else named

    def _why(self, name: str) -> str:
        reasons = self.missing_reasons.get(name, {})
        named = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())
        return f" ({named})" if named else ""


@viewed
@dataclass(frozen=True, eq=False)
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

    def _view(self) -> View:
        columns = ", ".join(str(name) for name in self.frame.columns)
        return View(f"Survey: {self.report}\n{self.rating_scale}", {"columns": columns})


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
    decimal: str = ".",
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
        Codes are those in the file, whatever its labels show.
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
    decimal : str
        Decimal mark of numbers that are stored as text.
    sheet : str, optional
        Sheet of a workbook; the first one when not given.

    Returns
    -------
    Survey

    Notes
    -----
    Columns of an SPSS file whose values all have labels become ordered categoricals. Scores are
    what respondents saw: where the labels of the answers begin with other numbers than the codes,
    as in 11 for "10 - extremely likely", the numbers in the labels are read, and the report says
    so. It also says which texts such as "10 - extremely likely" were read as numbers.

    Warns
    -----
    SurveyWarning
        If none of many scores is above 7 on a scale that goes to 10.

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
    4 rows of the DataFrame: 2 answered (50.0%), 2 did not (1 refused, 1 blank). Scores from 9 to
    10, 2 distinct. Missing values: wave 1.
    >>> survey.frame["score"].tolist()
    [9, 10, <NA>, <NA>]
    """
    roles = _roles(score, weight, date, respondent)
    table = read_source(source, needed=roles, encoding=encoding, decimal=decimal, sheet=sheet)
    names = _names(table, roles, columns or {})
    answers = _answers(table, score, missing or {}, decimal)
    frame = labelled(table, roles).frame.rename(columns=names).assign(score=answers.scores)
    frame = _cleared(frame, set(roles.values()) - {"score"}, decimal)
    question = Question(score, rating_scale, answers.labels)
    file_names = {new: old for old, new in names.items()}
    check_survey(frame[[*roles.values()]], question, date_format, table.name, file_names)
    frame = _finished(frame, roles, date_format)
    doubt = shorter_scale(frame["score"], rating_scale)
    if doubt:
        warnings.warn(f"column {score!r} of {table.name}: {doubt}", SurveyWarning, stacklevel=2)
    notes = [*answers.notes, doubt or scale_without_zero(frame["score"], rating_scale)]
    report = _report(frame, answers.reasons, _explained(table, names), table.name, notes)
    return Survey(frame, rating_scale, report, table.name)


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


@dataclass(frozen=True)
class _Answers:
    """The score column, read: scores, why others are missing, labels of answers, what was done."""

    scores: pd.Series
    reasons: pd.Series
    labels: dict[object, str]
    notes: list[str]


def _answers(table: SourceTable, score: str, missing: Mapping[Any, str], decimal: str) -> _Answers:
    cells = _with_points(table.frame[score], decimal)
    codes = table.declared_missing.get(score, {}) | dict(missing)
    reasons = _reasons(cells, codes)
    answered, read = texts_as_scores(cells.mask(reasons.notna()))
    labels = _without(codes, table.labels.get(score, {}))
    scores, recoded = codes_as_scores(answered, labels, f"column {score!r} of {table.name}")
    return _Answers(scores, reasons, labels, [read, recoded])


def _with_points(cells: pd.Series, decimal: str) -> pd.Series:
    if decimal == ".":
        return cells
    return cells.map(lambda cell: cell.replace(decimal, ".") if isinstance(cell, str) else cell)


def _reasons(cells: pd.Series, missing: Mapping[Any, str]) -> pd.Series:
    values, text = numbers(texts_as_scores(cells)[0]), cells.astype(str).str.strip()
    reasons = pd.Series(None, index=cells.index, dtype=object)
    for code, reason in {"": BLANK, **missing}.items():
        reasons[_marked(values, text, code)] = reason
    return reasons


def _marked(values: pd.Series, text: pd.Series, code: object) -> pd.Series:
    if code == "":
        return text.isna() | (text == "")
    number = numbers(pd.Series([code], dtype=object)).iloc[0]
    return text == str(code).strip() if np.isnan(number) else values == number


def _without(codes: Mapping[Any, str], labels: Mapping[object, str]) -> dict[object, str]:
    marked = _reasons(pd.Series([*labels], dtype=object), codes).notna()
    return {
        code: label for (code, label), out in zip(labels.items(), marked, strict=True) if not out
    }


def _cleared(frame: pd.DataFrame, roles: Iterable[str], decimal: str) -> pd.DataFrame:
    cleared = {role: frame[role].mask(frame[role].astype(str).str.strip() == "") for role in roles}
    if "weight" in cleared:
        cleared["weight"] = _with_points(cleared["weight"], decimal)
    return frame.assign(**cleared)


def _explained(table: SourceTable, names: Mapping[str, str]) -> dict[str, dict[str, int]]:
    reasons = missing_reasons(table)
    return {names[name]: reasons[name] for name in reasons if names[name] != "score"}


def _report(
    frame: pd.DataFrame,
    reasons: pd.Series,
    explained: dict[str, dict[str, int]],
    source: str,
    notes: list[str],
) -> SurveyReport:
    gaps = frame.drop(columns="score").isna().sum()
    silent = reasons.value_counts()
    scores = frame["score"].dropna().to_numpy(dtype=np.int64)
    return SurveyReport(
        source=source,
        rows=len(frame),
        answered=len(frame) - int(silent.sum()),
        unanswered={str(reason): int(count) for reason, count in silent.items()},
        missing={str(name): int(count) for name, count in gaps.items() if count},
        zero_weights=int((frame["weight"] == 0).sum()) if "weight" in frame else None,
        scores=dict(sorted(Counter(scores.tolist()).items())),
        missing_reasons=explained,
        notes=tuple(note for note in notes if note),
    )


def _finished(frame: pd.DataFrame, roles: Mapping[str, str], date_format: str) -> pd.DataFrame:
    finished = frame.assign(score=numbers(frame["score"]).astype("Int64"))
    if "weight" in roles.values():
        finished["weight"] = numbers(frame["weight"])
    if "date" in roles.values():
        finished["date"] = dates(frame["date"], date_format)
    return finished
