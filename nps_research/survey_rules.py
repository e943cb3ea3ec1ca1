"""What a clean survey is, and what to do about cells that are not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nps_research.survey_files import MISSING_MARKS, SurveyError, numbers, shown
from nps_research.value_labels import names_a_class

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pandera.errors import SchemaError
    from pandera.pandas import DataFrameSchema

    from nps_research.scale import RatingScale

    type Advice = Callable[[pd.Series, pd.Series], str]

# Answers from which the scores that occur say something about the scale they were given on.
ENOUGH_ANSWERS = 30

# How people and programs write that there is no answer; other texts may well be answers.
NO_ANSWER = {mark.casefold() for mark in MISSING_MARKS} | {
    *("-", ".", "?", "#null!", "n.a.", "not applicable", "missing", "skipped", "not asked"),
    *("no answer", "refused", "declined", "prefer not to say", "don't know", "dont know", "dk"),
}
DECIMAL_COMMA = re.compile(r"\s*-?\d+,\d+\s*")
# Mark of the row that Qualtrics writes below the names and the questions.
IMPORT_ROW = '"ImportId"'


@dataclass(frozen=True)
class Question:
    """What messages say of the question that was asked.

    Attributes
    ----------
    column : str
        Name of the column in the file.
    rating_scale : RatingScale
        Scores that could be given.
    labels : mapping
        Code to label, where the file has labels.
    """

    column: str
    rating_scale: RatingScale
    labels: Mapping[object, str]


@dataclass(frozen=True)
class Rule:
    """One rule about a column: its wording, the check, and what to do about the cells that fail.

    Attributes
    ----------
    title : str
        The rule in words.
    advice : callable
        Failing cells and all cells to what to do about them.
    holds : callable
        Cells to True where the rule is kept.
    ignore_na : bool
        Whether missing cells keep the rule.
    distinct : bool
        Whether the rule is about cells that occur more than once.
    """

    title: str
    advice: Advice
    holds: Callable[[pd.Series], Any]
    ignore_na: bool = True
    distinct: bool = False


def check_survey(
    frame: pd.DataFrame,
    question: Question,
    date_format: str,
    source: str,
    file_names: Mapping[str, str],
) -> None:
    """Refuse a survey that breaks a rule, with all broken rules at once.

    Parameters
    ----------
    frame : pandas.DataFrame
        Any of the columns `score`, `weight`, `date` and `respondent`.
    question : Question
        What was asked.
    date_format : str
        Format of dates stored as text.
    source : str
        Name of the file, for messages.
    file_names : mapping
        Name of each column in the file.

    Raises
    ------
    SurveyError
        With rule, number of cells, first of them, its place and the way out.
    """
    from pandera.errors import SchemaErrors  # noqa: PLC0415  (heavy)

    rules = _rules(question, date_format)
    try:
        _schema(rules).validate(frame, lazy=True)
    except SchemaErrors as broken:
        by_title = {rule.title: rule for column in rules.values() for rule in column}
        problems = [
            _problem(
                each,
                by_title[each.check.title],
                frame[each.schema.name],
                f"column {file_names[each.schema.name]!r} of {source}",
            )
            for each in broken.schema_errors
        ]
        raise SurveyError("\n".join(problems)) from None


def dates(cells: pd.Series, date_format: str) -> pd.Series:
    """Read cells as dates; what cannot be read is missing, several time zones become UTC.

    Examples
    --------
    >>> dates(pd.Series(["05/01/2024", "soon"]), "%d/%m/%Y").dt.month.tolist()
    [1.0, nan]
    """
    if pd.api.types.is_datetime64_any_dtype(cells):
        return cells
    text = cells.astype(str)
    try:
        return pd.to_datetime(text, format=date_format, errors="coerce")
    except ValueError:  # several time zones
        return pd.to_datetime(text, format=date_format, errors="coerce", utc=True)


def shorter_scale(scores: pd.Series, rating_scale: RatingScale) -> str:
    """Say whether the scores suggest a shorter scale than the declared one; empty if not.

    No score above 7 among many, on a scale that goes to 10, means neither promoters nor high
    passives. That is rare among customers, and certain if the question ended at 5 or 7.

    Examples
    --------
    >>> from nps_research.scale import RatingScale
    >>> print(shorter_scale(pd.Series([4, 5] * 20), RatingScale()))
    none of the 40 scores is above 5, on a declared scale from 0 to 10. If the question ran from
    1 to 5, pass rating_scale=RatingScale(1, 5).
    """
    given, low, high = scores.dropna(), rating_scale.minimum, rating_scale.maximum
    if len(given) < ENOUGH_ANSWERS or high < 10 or given.max() > 7:
        return ""
    length = 5 if given.max() <= 5 else 7
    return (
        f"none of the {len(given)} scores is above {given.max()}, on a declared scale from {low} "
        f"to {high}. If the question ran from 1 to {length}, pass "
        f"rating_scale=RatingScale(1, {length})."
    )


def scale_without_zero(scores: pd.Series, rating_scale: RatingScale) -> str:
    """Say whether the question may have run from 1 to 10; empty if not.

    Examples
    --------
    >>> from nps_research.scale import RatingScale
    >>> scale_without_zero(pd.Series([1, 10] * 20), RatingScale())
    'Nobody gave 0: if the question ran from 1 to 10, pass rating_scale=RatingScale(1, 10).'
    """
    given, ends = scores.dropna(), (rating_scale.minimum, rating_scale.maximum)
    if len(given) < ENOUGH_ANSWERS or ends != (0, 10) or given.min() != 1:
        return ""
    return "Nobody gave 0: if the question ran from 1 to 10, pass rating_scale=RatingScale(1, 10)."


def _problem(broken: SchemaError, rule: Rule, cells: pd.Series, place: str) -> str:
    if not isinstance(broken.failure_cases, pd.DataFrame):
        return f"{rule.title}; found none in {place}.\n{rule.advice(cells[:0], cells)}"
    cases = broken.failure_cases.set_index("index")["failure_case"]
    rows = f"row {cases.index[0]}"
    if rule.distinct:
        first, second = cases.index[cases == cases.iloc[0]][:2]
        rows = f"rows {first} and {second}"
    return (
        f"{rule.title}; found {len(cases)} that are not, first {shown(cases.iloc[0])} at {rows}, "
        f"{place}.\n{rule.advice(cases, cells)}"
    )


def _schema(rules: Mapping[str, list[Rule]]) -> DataFrameSchema:
    import pandera.pandas as pa  # noqa: PLC0415  (heavy)

    columns = {
        name: pa.Column(
            checks=[
                pa.Check(each.holds, title=each.title, ignore_na=each.ignore_na) for each in of
            ],
            nullable=True,
            required=False,
        )
        for name, of in rules.items()
    }
    return pa.DataFrameSchema(columns)


def _rules(question: Question, date_format: str) -> dict[str, list[Rule]]:
    return {
        "score": _score_rules(question),
        "weight": [
            Rule(
                "weights must be finite numbers, 0 or more",
                _weight_advice,
                lambda cells: numbers(cells).between(0, np.inf, inclusive="left"),
                ignore_na=False,
            )
        ],
        "date": [
            Rule(
                f"dates must be readable as {date_format}",
                _always("Correct them, or say how they are written: date_format='%d/%m/%Y'."),
                lambda cells: dates(cells, date_format).notna(),
            )
        ],
        "respondent": [
            Rule(
                "ids of respondents must be distinct",
                _always(
                    "Keep one row of each, or leave respondent= out if people may answer "
                    "repeatedly."
                ),
                lambda cells: ~cells.duplicated(keep=False),
                distinct=True,
            )
        ],
    }


def _score_rules(question: Question) -> list[Rule]:
    low, high = question.rating_scale.minimum, question.rating_scale.maximum
    return [
        Rule(
            "scores must be numbers",
            lambda cases, _: _text_advice(cases, question.column),
            lambda cells: numbers(cells).notna(),
        ),
        Rule(
            "scores must be whole numbers",
            _always("Give every answer a row of its own: an average of several is not a score."),
            lambda cells: ~(numbers(cells) % 1 > 0),
        ),
        Rule(
            f"scores must be whole numbers from {low} to {high}",
            lambda cases, cells: _number_advice(cases, cells, question),
            lambda cells: ~((numbers(cells) < low) | (numbers(cells) > high)),
        ),
        Rule(
            "at least one score must be answered",
            _always("Check the codes passed as missing=."),
            lambda cells: cells.notna().any(),
            ignore_na=False,
        ),
    ]


def _always(advice: str) -> Advice:
    return lambda cases, cells: advice  # noqa: ARG005  (the form of all advice)


def _weight_advice(cases: pd.Series, cells: pd.Series) -> str:  # noqa: ARG001
    if cases.map(_has_decimal_comma).any():
        return "They are written with a decimal comma: pass decimal=','."
    return "Correct them; a weight of 0 leaves a row out."


def _has_decimal_comma(cell: object) -> bool:
    return DECIMAL_COMMA.fullmatch(str(cell)) is not None


def _text_advice(cases: pd.Series, column: str) -> str:
    """Say what to do about texts among the scores, by what they are: each kind once."""
    imports = cases[cases.astype(str).str.contains(IMPORT_ROW, regex=False)]
    if len(imports):
        return (
            f"The rows up to {imports.index[-1]} are further header rows of the survey platform: "
            "remove them before reading."
        )
    first_of_each: dict[Callable[[object, str], bool], tuple[object, object]] = {}
    for row, cell in cases.drop_duplicates().items():
        kind = next(each for each in TEXT_ADVICE if each(cell, column))
        first_of_each.setdefault(kind, (cell, row))
    return "\n".join(
        TEXT_ADVICE[kind].format(cell=shown(cell), row=row, column=column)
        for kind, (cell, row) in first_of_each.items()
    )


# Kind of text to what to do about it; the first kind that a text is of counts.
TEXT_ADVICE: dict[Callable[[object, str], bool], str] = {
    lambda cell, column: str(cell).strip() == column: (
        "Row {row} repeats the header, as in files that were joined: remove it."
    ),
    lambda cell, _: str(cell).strip().casefold() in NO_ANSWER: (
        "Pass missing={{{cell}: 'no answer'}} if {cell} marks no answer."
    ),
    lambda cell, _: names_a_class(cell): (
        "{cell} is a class, and which score was given cannot be told from it: read the column "
        "with the answers themselves."
    ),
    lambda cell, _: _has_decimal_comma(cell): (
        "{cell} is written with a decimal comma: pass decimal=','."
    ),
    lambda cell, _: bool(re.match(r"\s*-?\d", str(cell))): (
        "{cell} begins with a number. If that is the score, keep only the number before reading: "
        "table[{column!r}] = table[{column!r}].str.extract(r'(\\d+)', expand=False)."
    ),
    lambda cell, _: True: (  # noqa: ARG005  (the form of all kinds)
        "{cell} is text. Put scores in the place of answers in words before reading; texts that "
        "mark no answer go into missing=, as in missing={{'refused': 'no answer'}}."
    ),
}


def _number_advice(cases: pd.Series, cells: pd.Series, question: Question) -> str:
    """Say what to do about numbers off the scale, by all the numbers that occur."""
    values = numbers(cells).dropna()
    distinct = set(values)
    if distinct <= {-100.0, 0.0, 100.0}:
        return (
            "100, 0 and -100 are the points that an answer adds to an NPS, not scores: read the "
            "column with the answers themselves."
        )
    if distinct <= {-1.0, 0.0, 1.0}:
        return "-1, 0 and 1 are classes, not scores: read the column with the answers themselves."
    value, label = shown(cases.iloc[0]), _label(cases.iloc[0], question.labels)
    return (
        f"Recode them, or pass missing={{{value}: {label or 'no answer'!r}}} if {value} "
        f"{f'({label}) ' if label else ''}marks no answer. Other scales: "
        f"rating_scale=RatingScale(lowest, highest).{_shift_advice(values, question.rating_scale)}"
    )


def _label(value: object, labels: Mapping[object, str]) -> str:
    same = [label for code, label in labels.items() if shown(code) == shown(value)]
    return same[0] if same else ""


def _shift_advice(values: pd.Series, scale: RatingScale) -> str:
    low, high = scale.minimum, scale.maximum
    ends = (values.min(), values.max())
    if len(values) < ENOUGH_ANSWERS or ends != (low + 1, high + 1):
        return ""
    return f" If {low + 1} to {high + 1} stand for {low} to {high}, subtract 1."
