"""Value labels: what the codes of a file stand for, and which scores respondents saw."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from nps_research.survey_files import SurveyError, numbers, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from nps_research.survey_files import SourceTable

# "10", "10 extremely likely", "0 - not at all", "5 = so-so"; not "0-6", "7,5", "1st", "9 of 10".
NUMBERED = re.compile(r"\s*(-?\d+)(?:[\W_]\D*)?")

CLASS = re.compile(
    r"\s*(?:(?:detractor|passive|promoter)s?\b.*|\d{1,2}\s*(?:-|\u2013|to)\s*\d{1,2}\b\D*)",
    re.IGNORECASE,
)


def leading_number(label: object) -> int | None:
    """Return the number that a label begins with, None if it has none or more than one.

    Examples
    --------
    >>> [leading_number(label) for label in ("10 - extremely likely", "0", "0-6", "never")]
    [10, 0, None, None]
    """
    found = NUMBERED.fullmatch(str(label))
    return int(found[1]) if found else None


def names_a_class(label: object) -> bool:
    """Whether a label stands for a class of scores instead of one.

    Examples
    --------
    >>> [names_a_class(label) for label in ("Promoter", "0-6", "9 to 10", "9 - likely")]
    [True, True, True, False]
    """
    return CLASS.fullmatch(str(label)) is not None


def labelled(table: SourceTable, codes: Collection[str]) -> SourceTable:
    """Give the columns of a file their value labels, and empty the codes it declares missing.

    Parameters
    ----------
    table : SourceTable
        Rows as they are stored.
    codes : collection of str
        Columns whose codes stay as they are.

    Returns
    -------
    SourceTable
        A column whose values all have labels is an ordered categorical, in the order of the
        codes; the others keep their values.

    Examples
    --------
    >>> from nps_research.survey_files import SourceTable
    >>> frame = pd.DataFrame({"mode": [2.0, 1.0, 9.0]})
    >>> labels = {"mode": {1.0: "phone", 2.0: "mail"}}
    >>> table = SourceTable(frame, "a.sav", {"mode": {9.0: "refused"}}, labels)
    >>> labelled(table, ()).frame["mode"].tolist()
    ['mail', 'phone', nan]
    """
    columns = {
        name: _with_labels(
            table.frame[name].mask(table.frame[name].isin(table.declared_missing.get(name, {}))),
            {} if name in codes else table.labels.get(name, {}),
        )
        for name in {*table.declared_missing, *table.labels}
    }
    return replace(table, frame=table.frame.assign(**columns))


def _with_labels(cells: pd.Series, labels: Mapping[object, str]) -> pd.Series:
    values = cells.mask(cells == "")
    used = sorted(values.dropna().unique())
    if not used or not set(used) <= set(labels):
        return cells
    names = [labels[code] for code in used]
    unique = [
        name if names.count(name) == 1 else f"{name} ({shown(code)})"
        for name, code in zip(names, used, strict=True)
    ]
    dtype = pd.CategoricalDtype(unique, ordered=True)
    return values.map(dict(zip(used, unique, strict=True))).astype(dtype)


def missing_reasons(table: SourceTable) -> dict[str, dict[str, int]]:
    """Count the codes that a file declares missing: column to reason to number of cells.

    Examples
    --------
    >>> from nps_research.survey_files import SourceTable
    >>> frame = pd.DataFrame({"mode": [2.0, 9.0, 9.0]})
    >>> missing_reasons(SourceTable(frame, "a.sav", {"mode": {9.0: "refused"}}))
    {'mode': {'refused': 2}}
    """
    counts = {
        name: table.frame[name].map(reasons).value_counts()
        for name, reasons in table.declared_missing.items()
    }
    return {
        name: {str(reason): int(n) for reason, n in each.items()}
        for name, each in counts.items()
        if len(each)
    }


def texts_as_scores(cells: pd.Series) -> tuple[pd.Series, str]:
    """Read texts that begin with a score, such as "10 - extremely likely", and say which.

    Nothing is read if two texts begin with the same number: it would not name an answer.

    Parameters
    ----------
    cells : pandas.Series
        Answers as they are stored.

    Returns
    -------
    cells : pandas.Series
        The same with the numbers instead of those texts.
    note : str
        What was read; empty if nothing was.

    Examples
    --------
    >>> cells, note = texts_as_scores(pd.Series(["9", "10 - extremely likely"]))
    >>> cells.tolist(), note
    (['9', 10], "Read from labels: '10 - extremely likely' as 10.")
    """
    texts = [text for text in cells[numbers(cells).isna()].dropna().unique() if _worded(text)]
    scores = {text: leading_number(text) for text in texts}
    scores = {text: score for text, score in scores.items() if score is not None}
    if not scores or len(set(scores.values())) < len(scores):
        return cells, ""
    read = cells.astype(object).map(lambda cell: scores.get(cell, cell))
    ends = sorted(scores, key=lambda text: scores[text] or 0)
    named = ", ".join(f"{text!r} as {scores[text]}" for text in dict.fromkeys((ends[0], ends[-1])))
    return read, f"Read from labels: {named}."


def _worded(text: object) -> bool:
    return isinstance(text, str) and any(letter.isalpha() for letter in text)


def codes_as_scores(
    codes: pd.Series, labels: Mapping[object, str], place: str
) -> tuple[pd.Series, str]:
    """Read the scores that respondents saw, where the labels of a file show others than its codes.

    Parameters
    ----------
    codes : pandas.Series
        Codes of answers; missing where there is none.
    labels : mapping
        Code to label, without the codes that mark no answer.
    place : str
        Column and file, for messages.

    Returns
    -------
    scores : pandas.Series
        The numbers that the labels begin with. If only some codes are labelled and those are all
        shifted alike, the others are shifted too. Without numbers in the labels, the codes.
    note : str
        What was read; empty if codes and labels agree.

    Raises
    ------
    SurveyError
        If the labels show other numbers than the codes, and not one number for every code.

    Examples
    --------
    >>> labels = {1: "0 - not at all likely", 11: "10 - extremely likely"}
    >>> codes_as_scores(pd.Series([1, 8, 11]), labels, "column 'ltr' of a.sav")[0].tolist()
    [0, 7, 10]
    """
    numeric = numbers(pd.Series([*labels], dtype=object))
    meanings = dict(zip(numeric, labels.values(), strict=True))
    _refuse_classes(meanings, place)
    values = numbers(codes)
    named = {code: leading_number(text) for code, text in meanings.items()}
    scores = {code: number for code, number in named.items() if number is not None}
    agree = all(code == number for code, number in scores.items())
    if agree or (values.isna() & codes.notna()).any():
        return codes, ""
    scores |= _shifted(set(values.dropna()) - set(meanings), scores)
    _refuse_unnamed(values, scores, meanings, place)
    ends = (min(meanings), max(meanings))
    shows = ", ".join(f"{shown(code)} is {meanings[code]!r}" for code in dict.fromkeys(ends))
    return values.map(scores), f"Scores are the numbers in the labels, not the codes: {shows}."


def _shifted(codes: Iterable[float], scores: Mapping[float, int]) -> dict[float, int]:
    shifts = {number - code for code, number in scores.items()}
    return {code: int(code + min(shifts)) for code in codes} if len(shifts) == 1 else {}


def _refuse_classes(meanings: Mapping[float, str], place: str) -> None:
    classes = [text for text in meanings.values() if names_a_class(text)]
    if classes:
        raise SurveyError(
            f"{place} holds classes, such as {classes[0]!r}. Which score an answer had cannot be "
            "told from its class: read the column with the answers themselves."
        )


def _refuse_unnamed(
    values: pd.Series, scores: Mapping[float, int], meanings: Mapping[float, str], place: str
) -> None:
    shared = len(set(scores.values())) < len(scores)
    unnamed = sorted(set(values.dropna()) - set(scores))
    if not shared and not unnamed:
        return
    example = next(code for code, number in scores.items() if code != number)
    problem = (
        f"the labels of {place} show other scores than its codes ({shown(example)} is "
        f"{meanings[example]!r})"
    )
    if shared:
        raise SurveyError(f"{problem}, and one score for several codes. Recode the column.")
    code = shown(unnamed[0])
    label = meanings.get(unnamed[0], "no answer")
    raise SurveyError(
        f"{problem}, and none for code {code}.\n"
        f"Pass missing={{{code}: {label!r}}} if {code} marks no answer, else recode the column."
    )
