"""What a file holds: its rows and columns as they are stored, and its cells as numbers."""

from __future__ import annotations

import csv
import warnings
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

SEPARATORS = ",;\t|"

# What R, Excel, SQL clients and pandas write for a missing value.
MISSING_MARKS = ["", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None"]


class SurveyError(ValueError):
    """Say what is wrong with a survey, where, and what to do about it."""


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
    """

    frame: pd.DataFrame
    name: str
    declared_missing: dict[str, dict[object, str]] = field(default_factory=dict)


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


def read_source(
    source: str | Path | pd.DataFrame,
    *,
    text_columns: Collection[str] = (),
    encoding: str = "utf-8",
    sheet: str | None = None,
) -> SourceTable:
    """Read a survey file as it is stored.

    Parameters
    ----------
    source : path or pandas.DataFrame
        CSV or TSV (any of the separators ``, ; tab |``), Parquet, Excel or SPSS file.
    text_columns : collection of str
        Columns of a text file whose cells are to stay text, with no mark read as missing.
    encoding : str
        Encoding of a text file.
    sheet : str, optional
        Sheet of a workbook; the first one when not given.

    Returns
    -------
    SourceTable

    Raises
    ------
    SurveyError
        If there is no such file, its kind is unknown, or it holds no rows.
    """
    if isinstance(source, pd.DataFrame):
        table = SourceTable(source.reset_index(drop=True), "the DataFrame")
    else:
        table = _read_file(Path(source), text_columns, encoding, sheet)
    if table.frame.empty:
        raise SurveyError(f"{table.name} has a header but no rows. Check the export.")
    return table


def _read_file(
    path: Path, text_columns: Collection[str], encoding: str, sheet: str | None
) -> SourceTable:
    if not path.is_file():
        raise SurveyError(f"no file {path.name!r} in {str(path.parent)!r}. Check the path.")
    match path.suffix.lower():
        case ".csv" | ".tsv":
            frame, first_row = _read_text(path, text_columns, encoding), 2
        case ".xlsx":
            frame, first_row = _read_workbook(path, sheet), 2
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


def _read_text(path: Path, text_columns: Collection[str], encoding: str) -> pd.DataFrame:
    # A byte order mark, which Excel writes, would otherwise become part of the first name.
    codec = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
    try:
        header, separator = _header(path, codec)
        frame = _parse_text(path, codec, separator, header, text_columns)
    except UnicodeDecodeError as error:
        raise SurveyError(_wrong_encoding(path, encoding)) from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise SurveyError(
            f"{path.name} has rows with more cells than its header ({str(error).strip()}). Put "
            f"quotes around cells that contain {separator!r}."
        ) from error
    return _without_empty_end(frame.set_axis(header, axis="columns"))


def _header(path: Path, encoding: str) -> tuple[list[str], str]:
    with path.open(encoding=encoding, newline="") as lines:
        first = lines.readline()
        if not first.strip():
            raise SurveyError(f"{path.name} is empty. Check the export.")
        separator = max(SEPARATORS, key=first.count)
        lines.seek(0)
        return next(csv.reader(lines, delimiter=separator)), separator


def _parse_text(
    path: Path, encoding: str, separator: str, header: list[str], text_columns: Collection[str]
) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(
            path,
            sep=separator,
            encoding=encoding,
            index_col=False,
            dtype={name: str for name in header if name in text_columns},
            keep_default_na=False,
            na_values={name: MISSING_MARKS for name in header if name not in text_columns},
            skip_blank_lines=False,
            low_memory=False,
        )


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


def _read_workbook(path: Path, sheet: str | None) -> pd.DataFrame:
    from openpyxl import (  # type: ignore[import-untyped]  # noqa: PLC0415  (heavy)
        load_workbook,
    )

    book = load_workbook(path, data_only=True)
    if sheet is not None and sheet not in book.sheetnames:
        raise SurveyError(f"{path.name}: {unknown_name('sheet', sheet, book.sheetnames)}")
    rows = list(book[sheet or book.sheetnames[0]].values)
    if not rows or all(cell is None for cell in rows[0]):
        raise SurveyError(f"{path.name} has no header in row 1. Put the column names there.")
    named = [place for place, name in enumerate(rows[0]) if name is not None]
    cells = [[row[place] for place in named] for row in rows[1:]]
    frame = pd.DataFrame(cells, columns=[str(rows[0][place]) for place in named])
    return _without_empty_end(frame.infer_objects())


def _read_parquet(path: Path) -> pd.DataFrame:
    # A stored pandas index is a column like any other here: it may hold the respondents' ids.
    frame = pd.read_parquet(path)
    return frame.reset_index([name for name in frame.index.names if name is not None])


def _read_spss(path: Path) -> SourceTable:
    from pyreadstat import read_sav  # noqa: PLC0415  (heavy)

    frame, codebook = read_sav(path, user_missing=True)
    labels = codebook.variable_value_labels
    declared = {
        name: _declared_codes(frame[name], ranges, labels.get(name, {}))
        for name, ranges in codebook.missing_ranges.items()
    }
    return SourceTable(_numbered(frame, 1), path.name, declared)


def _declared_codes(
    cells: pd.Series, ranges: list[dict[str, Any]], labels: dict[object, str]
) -> dict[object, str]:
    codes = cells.dropna().unique()
    return {
        code: labels.get(code, f"code {shown(code)}")
        for code in codes
        if any(limits["lo"] <= code <= limits["hi"] for limits in ranges)
    }
