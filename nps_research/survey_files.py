"""What a file holds: its rows and columns as they are stored, and its cells as numbers."""

from __future__ import annotations

import csv
import re
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from numpy.typing import ArrayLike

SEPARATORS = ",;\t|"
# Lines of a text file that decide on its separator, and rows in which a header is looked for.
SAMPLE = 50
# Excel's own way of stating the separator, before the header.
STATED_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)

# What R, Excel, SQL clients and pandas write for a missing value.
MISSING_MARKS = ["", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None"]


class SurveyError(ValueError):
    """Say what is wrong with a survey, where, and what to do about it."""


class SurveyWarning(UserWarning):
    """Say what is allowed in a survey and still looks wrong."""


@dataclass(frozen=True, eq=False)
class SourceTable:
    """The rows of a file before any of them is interpreted.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per row of the file, indexed by the row number a reader of the file would use.
    name : str
        Name of the file, for messages.
    declared_missing : dict
        Codes that the file itself declares missing: column to code to reason (SPSS only).
    labels : dict
        What the other codes stand for: column to code to label (SPSS only).
    """

    frame: pd.DataFrame
    name: str
    declared_missing: dict[str, dict[object, str]] = field(default_factory=dict)
    labels: dict[str, dict[object, str]] = field(default_factory=dict)


def unknown_name(kind: str, name: object, known: Iterable[object]) -> str:
    """Say that a name is unknown, which names are known and which of them is closest.

    Parameters
    ----------
    kind : str
        What the name should have named, such as "column".
    name : object
        The unknown name.
    known : iterable
        Names that exist.

    Returns
    -------
    str
        Text for an error.

    Examples
    --------
    >>> print(unknown_name("column", "yaer", ["year", "score"]))
    unknown column 'yaer'; did you mean 'year'? Known: year, score.
    """
    names = [str(each) for each in known]
    close = get_close_matches(str(name), names, n=1)
    guess = f"; did you mean {close[0]!r}?" if close else "."
    return f"unknown {kind} {name!r}{guess} Known: {', '.join(names)}."


def numbers(cells: pd.Series) -> pd.Series:
    """Read cells as numbers, however they are stored.

    Parameters
    ----------
    cells : pandas.Series
        Numbers, text, categories or a mixture.

    Returns
    -------
    pandas.Series
        float64, NaN where a cell is missing or holds no number.

    Examples
    --------
    >>> numbers(pd.Series(["7", 8, None, "ten"])).tolist()
    [7.0, 8.0, nan, nan]
    """
    if not pd.api.types.is_numeric_dtype(cells) or pd.api.types.is_bool_dtype(cells):
        cells = cells.astype(object).where(cells.isna(), cells.astype(str))
    values = pd.to_numeric(cells, errors="coerce")
    return pd.Series(values.to_numpy(np.float64, na_value=np.nan), cells.index, name=cells.name)


def shown(value: object) -> str:
    """Write a cell as a person would type it.

    Examples
    --------
    >>> print(shown(np.float64(11.0)), shown("11"), shown("ten"), shown(None), sep=", ")
    11, 11, 'ten', a missing value
    """
    cell = pd.Series([value], dtype=object)
    if cell.isna().all():
        return "a missing value"
    if numbers(cell).isna().all():
        return repr(value.item() if isinstance(value, np.generic) else value)
    return str(value).removesuffix(".0")


def refuse_rows(
    cells: pd.Series, wrong: ArrayLike, rule: str, fix: str, *, verb: str = "do"
) -> None:
    """Raise a ValueError that names the first wrong row, by position and by its own label.

    Parameters
    ----------
    cells : pandas.Series
        One column.
    wrong : array_like of bool
        Which of its cells are wrong.
    rule, fix : str
        What must hold, and what to do about it.
    verb : str
        Ends "found 3 that ... not": as in the rule.
    """
    found = np.asarray(wrong, dtype=bool)
    if not found.any():
        return
    position = int(found.argmax())
    first = f"{shown(cells.iloc[position])} at {place(cells.index, position)}"
    raise ValueError(f"{rule}; found {int(found.sum()):,} that {verb} not, first {first}.\n{fix}")


def place(index: pd.Index, position: int) -> str:
    """Name a row: its position from 0 and, where the table numbers its rows itself, that number.

    Examples
    --------
    >>> place(pd.RangeIndex(5), 3), place(pd.Index([2, 3, 17]), 2)
    ('row 3', 'row 2 (labelled 17)')
    """
    label = index[position]
    own = isinstance(label, int | np.integer) and int(label) == position
    return f"row {position}" if own else f"row {position} (labelled {label})"


def read_source(
    source: str | Path | pd.DataFrame,
    *,
    needed: Collection[str] = (),
    encoding: str = "utf-8",
    decimal: str = ".",
    sheet: str | None = None,
) -> SourceTable:
    """Read a survey file as it is stored.

    Parameters
    ----------
    source : path or pandas.DataFrame
        CSV or TSV (any of the separators ``, ; tab |``), Parquet, Excel or SPSS file.
    needed : collection of str
        Columns that the caller will interpret: they tell the header from other rows, and in a
        text file their cells stay text, with no mark read as missing.
    encoding : str
        Encoding of a text file.
    decimal : str
        Decimal mark of a text file, in the columns that are not needed.
    sheet : str, optional
        Sheet of a workbook; the first one when not given.

    Returns
    -------
    SourceTable

    Raises
    ------
    SurveyError
        If there is no such file, its kind is unknown, or it cannot be read, has no header in its
        first row or holds no rows.
    """
    if isinstance(source, pd.DataFrame):
        table = SourceTable(source.reset_index(drop=True), "the DataFrame")
    else:
        table = _read_file(Path(source), needed, (encoding, decimal), sheet)
    if table.frame.empty:
        raise SurveyError(f"{table.name} has a header but no rows. Check the export.")
    return table


def _read_file(
    path: Path, needed: Collection[str], writing: tuple[str, str], sheet: str | None
) -> SourceTable:
    if not path.is_file():
        raise SurveyError(f"no file {path.name!r} in {str(path.parent)!r}. Check the path.")
    match path.suffix.lower():
        case ".csv" | ".tsv":
            frame, first_row = _read_text(path, needed, *writing)
        case ".xlsx":
            frame, first_row = _read_workbook(path, sheet, needed), 2
        case ".parquet":
            frame, first_row = _read_parquet(path), 0
        case ".sav" | ".zsav":
            return _read_spss(path)
        case suffix:
            raise SurveyError(
                f"cannot read {path.name}: unknown kind of file {suffix!r}. Save it as .csv, "
                ".tsv, .parquet, .xlsx, .sav or .zsav, or pass a pandas DataFrame."
            )
    return SourceTable(_numbered(frame, first_row), path.name)


def _numbered(frame: pd.DataFrame, first_row: int) -> pd.DataFrame:
    return frame.set_axis(pd.RangeIndex(first_row, first_row + len(frame)), axis="index")


@contextmanager
def _read_as(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # each library has errors of its own for a broken file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SurveyError(
            f"{path.name} cannot be read as {kind} ({reason}). It may be damaged, locked by a "
            "password, or of another kind than its suffix says. Open it in the program that wrote "
            "it and save it again."
        ) from error


def _check_header(name: str, rows: Sequence[Sequence[object]], needed: Collection[str]) -> None:
    held = [set(needed) <= set(row) for row in rows[:SAMPLE]]
    if needed and any(held) and not held[0]:
        raise SurveyError(
            f"{name} has its column names in row {held.index(True) + 1}, not in row 1. Remove the "
            "rows above them."
        )


def _read_text(
    path: Path, needed: Collection[str], encoding: str, decimal: str
) -> tuple[pd.DataFrame, int]:
    # A byte order mark, which Excel writes, would otherwise become part of the first name.
    codec = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
    try:
        separator, header, skipped = _layout(path, codec, needed)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                sep=separator,
                encoding=codec,
                decimal=decimal,
                index_col=False,
                skiprows=skipped,
                dtype={name: str for name in header if name in needed},
                keep_default_na=False,
                na_values={name: MISSING_MARKS for name in header if name not in needed},
                skip_blank_lines=False,
                low_memory=False,
            )
    except UnicodeDecodeError as error:
        raise SurveyError(_wrong_encoding(path, encoding)) from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise SurveyError(
            f"{path.name} has rows with more cells than its header ({str(error).strip()}). Put "
            f"quotes around cells that contain {separator!r}."
        ) from error
    return _without_empty_end(frame.set_axis(header, axis="columns")), skipped + 2


def _layout(path: Path, encoding: str, needed: Collection[str]) -> tuple[str, list[str], int]:
    """Return the separator, the header, and the number of lines before it."""
    with path.open(encoding=encoding, newline="") as file:
        lines = list(islice(file, SAMPLE))
    stated = STATED_SEPARATOR.fullmatch(lines[0]) if lines else None
    lines = lines[1:] if stated else lines
    if not lines or not lines[0].strip():
        raise SurveyError(f"{path.name} is empty. Check the export.")
    if stated:
        return stated[1], _rows(lines, stated[1])[0], 1
    separator = max(SEPARATORS, key=lambda each: _fit(_rows(lines, each), needed))
    rows = _rows(lines, separator)
    _check_header(path.name, rows, needed)
    return separator, rows[0], 0


def _rows(lines: Iterable[str], separator: str) -> list[list[str]]:
    return list(csv.reader(lines, delimiter=separator))


def _fit(rows: list[list[str]], needed: Collection[str]) -> tuple[bool, bool, float, int]:
    """Rank a separator: it should give the needed names, several cells, and as many in each row."""
    width = len(rows[0])
    filled = [row for row in rows if row]
    share = sum(len(row) == width for row in filled) / len(filled)
    return any(set(needed) <= set(row) for row in rows), width > 1, share, width


def _wrong_encoding(path: Path, encoding: str) -> str:
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return f"{path.name} is not {encoding} text. Pass encoding='utf-16'."
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        return (
            f"{path.name} is not {encoding} text: byte {content[error.start]:#04x} at row {row}. "
            "Pass encoding='cp1252' for files of Windows programs, 'latin-1' for older ones."
        )
    return f"{path.name} cannot be read as {encoding} text. Pass another encoding."


def _without_empty_end(frame: pd.DataFrame) -> pd.DataFrame:
    # Spreadsheets end in formatted but empty rows. A file of one column is left alone: there an
    # empty last row is somebody who did not answer.
    filled = (frame.notna() & (frame != "")).any(axis="columns").to_numpy()
    if frame.shape[1] < 2 or not filled.any():
        return frame
    return frame.iloc[: len(filled) - int(filled[::-1].argmax())]


def _read_workbook(path: Path, sheet: str | None, needed: Collection[str]) -> pd.DataFrame:
    from openpyxl import (  # type: ignore[import-untyped]  # noqa: PLC0415  (heavy)
        load_workbook,
    )

    with _read_as(path, "an Excel workbook"):
        book = load_workbook(path, data_only=True)
    if sheet is not None and sheet not in book.sheetnames:
        raise SurveyError(f"{path.name}: {unknown_name('sheet', sheet, book.sheetnames)}")
    page = book[sheet or book.sheetnames[0]]
    rows = list(page.values)
    _check_first_row(path.name, rows, list(page.merged_cells.ranges), needed)
    named = [place for place, name in enumerate(rows[0]) if name is not None]
    cells = [[row[place] for place in named] for row in rows[1:]]
    frame = pd.DataFrame(cells, columns=[str(rows[0][place]) for place in named])
    return _without_empty_end(frame.infer_objects())


def _check_first_row(
    name: str, rows: Sequence[Sequence[object]], merged: Sequence[Any], needed: Collection[str]
) -> None:
    _check_header(name, rows, needed)
    if not rows or all(cell is None for cell in rows[0]):
        raise SurveyError(f"{name} has no header in row 1. Put the column names there.")
    across = [area.coord for area in merged if area.min_row == 1]
    if across:
        raise SurveyError(
            f"{name} has merged cells in its header ({across[0]}). Unmerge them, give each column "
            "one name in row 1, and remove further header rows."
        )


def _read_parquet(path: Path) -> pd.DataFrame:
    # A stored pandas index is a column like any other here: it may hold the respondents' ids.
    with _read_as(path, "a Parquet file"):
        frame = pd.read_parquet(path)
    return frame.reset_index([name for name in frame.index.names if name is not None])


def _read_spss(path: Path) -> SourceTable:
    from pyreadstat import read_sav  # noqa: PLC0415  (heavy)

    with _read_as(path, "an SPSS file"):
        frame, codebook = read_sav(path, user_missing=True)
    labels = codebook.variable_value_labels
    declared = {
        name: _declared_codes(frame[name], ranges, labels.get(name, {}))
        for name, ranges in codebook.missing_ranges.items()
    }
    meanings = {
        name: {code: label for code, label in each.items() if code not in declared.get(name, ())}
        for name, each in labels.items()
    }
    return SourceTable(_numbered(frame, 1), path.name, declared, meanings)


def _declared_codes(
    cells: pd.Series, ranges: list[dict[str, Any]], labels: dict[object, str]
) -> dict[object, str]:
    codes = {*cells.dropna().unique(), *labels}
    return {
        code: labels.get(code, f"code {shown(code)}")
        for code in codes
        if any(limits["lo"] <= code <= limits["hi"] for limits in ranges)
    }
