"""The numbers of the market: their defaults with unit, range and source, and their check."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pandas as pd

from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

FILE = Path(__file__).with_suffix(".toml")
COLUMNS = ("value", "unit", "low", "high", "source")


@cache
def _tables() -> dict[str, dict[str, dict[str, Any]]]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def default_values(section: str) -> dict[str, float]:
    """Return the default of every number of a section of the file.

    Examples
    --------
    >>> default_values("gating")["cut"]
    -0.3
    """
    return {name: float(entry["value"]) for name, entry in _tables()[section].items()}


def defaults() -> pd.DataFrame:
    """List every number of the market.

    Returns
    -------
    pandas.DataFrame
        Columns `value`, `unit`, `low`, `high` and `source`, indexed by the number's name, such as
        "begging.shift": the name that `Market.with_values` takes.

    Examples
    --------
    >>> defaults().loc["begging.shift", ["value", "low", "high"]].tolist()
    [0.45, 0.0, 0.8]
    """
    rows = {
        f"{section}.{name}": {column: entry[column] for column in COLUMNS}
        for section, entries in _tables().items()
        for name, entry in entries.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS))
    return table.astype({"value": float, "low": float, "high": float}).rename_axis("number")


@dataclass(frozen=True)
class Section:
    """Numbers that belong together, each within its range of sense.

    Raises
    ------
    ValueError
        If a number is not within the range of `defaults()`.
    """

    section: ClassVar[str]

    def __init_subclass__(cls, section: str) -> None:
        cls.section = section

    def __post_init__(self) -> None:
        for name, entry in _tables()[self.section].items():
            self._check(name, entry)

    def replaced(self, numbers: Mapping[str, float]) -> Self:
        """Return a copy with some numbers changed.

        Raises
        ------
        ValueError
            If there is no such number, or it lies outside its range.
        """
        known = [each.name for each in fields(self)]
        for name in numbers:
            if name not in known:
                raise ValueError(unknown_name(f"number of {self.section}", name, known))
        return replace(self, **numbers)

    def _check(self, name: str, entry: Mapping[str, Any]) -> None:
        value, low, high = getattr(self, name), entry["low"], entry["high"]
        kind = "a whole number" if entry.get("integer") else "a number"
        whole = not entry.get("integer") or float(value).is_integer()
        if not (low <= value <= high and whole):
            raise ValueError(
                f"{self.section}.{name} must be {kind} from {low:g} to {high:g} "
                f"({entry['unit']}); found {value}."
            )


def as_record(tables: Mapping[str, Any]) -> NDArray[Any]:
    """Return tables of numbers as one structure, for compiled functions.

    Parameters
    ----------
    tables : mapping of str to dataclass
        Each with numbers as its fields.

    Returns
    -------
    numpy.ndarray
        Structured, shape (1,): compiled code reads ``rules[0].begging.shift``.
    """
    numbers = {name: vars(table) for name, table in tables.items()}
    dtype = np.dtype([(name, [(key, float) for key in table]) for name, table in numbers.items()])
    return np.array([tuple(tuple(table.values()) for table in numbers.values())], dtype=dtype)
