"""Combinations of predictors: how many people have each, and what the model sees of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.counts import group_rows
from nps_research.survey_files import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    type Array = NDArray[np.float64]
    type Integers = NDArray[np.int64]

# Dimensions and variables of results, and columns of the count table that are no predictors.
RESERVED = frozenset(
    {
        *("cell", "chain", "cutpoint", "draw", "n", "score", "score_upper", "term"),
        *("cut_term", "hurdle_term", "scale_term", "weight", "weight_squared"),
        *("coefficients", "cut_coefficients", "cutpoint_sd", "cutpoints", "group_cutpoints"),
        *("no_answer", "scale_coefficients", "shares", "sticks"),
    }
)


@dataclass(frozen=True, eq=False)
class GroupTerm:
    """Effects of the levels of a factor, each multiplied by the value of a cell.

    Attributes
    ----------
    label : str
        ``"language"`` for the intercepts ``(1 | language)``, ``"problem[yes]|language"`` for one
        column of a slope.
    factor : str
        ``"language"``, or ``"a:b"`` for nested groups.
    levels : list of str
        Levels that somebody has, in order.
    index : numpy.ndarray of int64, shape (cells,)
        Position of the level of every cell; -1 for a level that was not seen in estimation.
    values : numpy.ndarray, shape (cells,)
        What the effect is multiplied by: 1 for an intercept.
    """

    label: str
    factor: str
    levels: list[str]
    index: Integers
    values: Array

    def totals(self, cells: Array) -> Array:
        """Return the sums over cells of `cells` times the term's values, shape (levels,).

        A level that was not seen in estimation belongs to cells without answers, which count
        nothing.
        """
        known = self.index >= 0
        weights = (cells * self.values)[known]
        return np.bincount(self.index[known], weights, minlength=len(self.levels))


@dataclass(frozen=True, eq=False)
class Monotonic:
    """A term ``mo(x)``: steps of one direction between the levels of an ordered predictor.

    Attributes
    ----------
    term : str
        As written in the formula, such as ``"mo(effort)"``.
    position : int
        Position of its coefficient among the terms; that column of the predictors is zero.
    steps : int
        Number of steps, one less than levels.
    codes : numpy.ndarray of int64, shape (cells,)
        Steps below the level of every cell, from 0 to `steps`.
    """

    term: str
    position: int
    steps: int
    codes: Integers


@dataclass(frozen=True, eq=False)
class Cells:
    """One row per combination of predictors.

    Attributes
    ----------
    table : pandas.DataFrame, shape (cells, columns)
        The predictors' columns.
    sizes : numpy.ndarray, shape (cells,)
        Respondents with a score, exact or interval-censored. For predictions, how many people.
    predictors : numpy.ndarray, shape (cells, terms)
        Design matrix without an intercept.
    offset : numpy.ndarray, shape (cells,)
        Known part of the linear predictor.
    monotonic : tuple of Monotonic
        Terms ``mo(x)``.
    scale_predictors : numpy.ndarray, shape (cells, scale terms)
        Predictors of the log standard deviation.
    cut_predictors : numpy.ndarray, shape (cells, columns)
        Predictors with coefficients of their own for some cuts.
    group_terms : tuple of GroupTerm
        Group-level intercepts and slopes.
    cutpoint_group : numpy.ndarray of int64, shape (cells,), optional
        Group whose cutpoints hold, -1 for one not seen in estimation; None when all share them.
    hurdle_predictors : numpy.ndarray, shape (cells, hurdle terms)
        Predictors of not answering, the first of them the intercept.
    unanswered : numpy.ndarray, shape (cells,)
        Respondents without a score.
    """

    table: pd.DataFrame
    sizes: Array
    predictors: Array
    offset: Array
    monotonic: tuple[Monotonic, ...]
    scale_predictors: Array
    cut_predictors: Array
    group_terms: tuple[GroupTerm, ...]
    cutpoint_group: Integers | None
    hurdle_predictors: Array
    unanswered: Array

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def shares(self) -> Array:
        """Share of the respondents in every cell, shape (cells,)."""
        return self.sizes / self.sizes.sum()

    @cached_property
    def average(self) -> Array:
        """Predictors of the average respondent, shape (terms,)."""
        return np.asarray(self.shares @ self.predictors)


def refuse_reserved(names: Iterable[str]) -> None:
    """Refuse predictors and groups that are named like a part of the results."""
    taken = sorted(RESERVED.intersection(names))
    if taken:
        raise ValueError(
            f"column {taken[0]!r} cannot be a predictor or a group: results have a dimension or a "
            f"variable of that name. Rename it, as in "
            f"counts.rename(columns={{{taken[0]!r}: 'my_{taken[0]}'}})."
        )


def predictor_columns(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the columns of predictors as plain numbers, text and categories.

    Parameters
    ----------
    rows : pandas.DataFrame
        Rows of a count table, with the column ``n``.
    names : sequence of str
        Predictors.

    Returns
    -------
    pandas.DataFrame
        The same rows, those columns.

    Raises
    ------
    ValueError
        If a value is missing or infinite, or is no number, text or category.
    """
    for name in names:
        _refuse_missing(rows, name)
    return pd.DataFrame({name: _plain(rows[name]) for name in names}, index=rows.index)


def combine(columns: pd.DataFrame) -> tuple[pd.DataFrame, Integers]:
    """Return the distinct rows in ascending order, and the position of each row among them.

    Examples
    --------
    >>> table, position = combine(pd.DataFrame({"year": [2018, 2017, 2018]}))
    >>> table["year"].tolist(), position.tolist()
    ([2017, 2018], [1, 0, 1])
    """
    if columns.shape[1] == 0:
        return pd.DataFrame(index=range(1)), np.zeros(len(columns), dtype=np.int64)
    groups, position = group_rows(columns, columns.columns.tolist())
    return groups.to_frame(index=False), position


def _refuse_missing(rows: pd.DataFrame, name: str) -> None:
    missing = rows[name].isna()
    if missing.any():
        raise ValueError(
            f"predictor {name!r} is missing for {int(rows.loc[missing, 'n'].sum()):,} "
            f"respondents, first at row {missing.idxmax()} of the table. Leave them out, or give "
            f"them a level of their own: counts[{name!r}] = counts[{name!r}].fillna('unknown')."
        )


def _plain(column: pd.Series) -> pd.Series:
    if column.dtype == object:
        column = column.infer_objects()
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    if pd.api.types.is_bool_dtype(column):
        return column.astype(bool)
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column):
        return _finite(column)
    if pd.api.types.is_string_dtype(column):
        return column
    raise ValueError(_no_predictor(column))


def _finite(column: pd.Series) -> pd.Series:
    whole = pd.api.types.is_integer_dtype(column)
    numbers = column.astype(np.int64 if whole else np.float64)
    infinite = ~np.isfinite(numbers.to_numpy())
    if infinite.any():
        row = int(infinite.argmax())
        raise ValueError(
            f"predictor {column.name!r} must be finite; found {shown(column.iloc[row])} at row "
            f"{column.index[row]} of the table, and {infinite.sum()} of them in all. Correct or "
            "leave out these rows."
        )
    return numbers


def _no_predictor(column: pd.Series) -> str:
    name, kind = column.name, pd.api.types.infer_dtype(column)
    found = f"found {kind} values, first {column.iloc[0]!s}"
    if any(word in kind for word in ("date", "time", "period")):
        return (
            f"a date cannot be a predictor or a group; {found}, in {name!r}. Convert it to a "
            f"number, as in (counts[{name!r}] - counts[{name!r}].min()).dt.days, or to a category, "
            f"as in counts[{name!r}].dt.strftime('%Y-%m')."
        )
    return (
        f"a predictor holds numbers, text or categories; {found}, in {name!r}. Convert it, as in "
        f"counts[{name!r}].astype(str)."
    )
