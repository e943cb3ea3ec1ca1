"""From a formula and a count table to cells: one row per combination of predictors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import formulae
import numpy as np
import pandas as pd
from formulae.terms.terms import GroupSpecificTerm, Intercept
from formulae.transforms import TRANSFORMS

from nps_research.counts import as_counts, cross_tabulate, group_rows
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nps_research.scale import RatingScale

    Array = NDArray[np.float64]


# Dimensions of results, and columns of the count table that are no predictors.
RESERVED = frozenset(
    {"cell", "chain", "cutpoint", "draw", "n", "score", "term", "weight", "weight_squared"}
)


@dataclass(frozen=True)
class Grouping:
    """A group-level intercept `(1 | name)`: its levels, and the level of every cell."""

    name: str
    levels: list[str]
    index: NDArray[np.int64]


@dataclass(frozen=True)
class Design:
    """What the likelihood needs, and the table that it came from.

    Attributes
    ----------
    formula : str
        The model formula.
    rating_scale : RatingScale
        The declared scale.
    answers : pandas.DataFrame
        Answered rows of the count table, with their cell in the column ``cell``.
    unanswered : int
        Respondents without a score; they do not enter the likelihood.
    cells : pandas.DataFrame
        Predictors of every cell, shape (cells, predictors).
    counts : numpy.ndarray
        Answers by cell and score, shape (cells, categories).
    terms : list of str
        Names of the coefficients, as formulae gives them.
    predictors : numpy.ndarray
        Design matrix without an intercept, shape (cells, terms).
    groupings : list of Grouping
        Group-level intercepts.
    """

    formula: str
    rating_scale: RatingScale
    answers: pd.DataFrame
    unanswered: int
    cells: pd.DataFrame
    counts: Array
    terms: list[str]
    predictors: Array
    groupings: list[Grouping]

    @cached_property
    def cell_sizes(self) -> Array:
        """Answers in every cell, shape (cells,)."""
        return np.asarray(self.counts.sum(axis=1))

    @property
    def cell_shares(self) -> Array:
        """Share of the respondents in every cell, shape (cells,)."""
        return self.cell_sizes / self.cell_sizes.sum()

    @property
    def average(self) -> Array:
        """Predictors of the average respondent, shape (terms,)."""
        return self.cell_shares @ self.predictors

    def group_counts(self, by: str | Sequence[str] | None = None) -> tuple[pd.Index, Array]:
        """Return the groups of `by`, and their answers by score, shape (groups, categories)."""
        position = self.answers["score"].to_numpy(dtype=int) - self.rating_scale.minimum
        return self._tabulated(by, position, self.rating_scale.n_categories)

    def group_sizes(self, by: str | Sequence[str] | None = None) -> tuple[pd.Index, Array]:
        """Return the groups of `by`, and their answers in every cell, shape (groups, cells)."""
        return self._tabulated(by, self.answers["cell"].to_numpy(dtype=int), len(self.cells))

    def _tabulated(
        self, by: str | Sequence[str] | None, column: NDArray[np.int64], n_columns: int
    ) -> tuple[pd.Index, Array]:
        names = [by] if isinstance(by, str) else list(by or ())
        _refuse_reserved_names(names)
        for name in names:
            if name not in self.answers.columns:
                known = self.answers.columns.drop("cell")
                raise ValueError(unknown_name("column", name, known))
        groups, row = group_rows(self.answers, by)
        table = cross_tabulate(row, column, self.answers["n"], (len(groups), n_columns))
        return groups, table

    def __repr__(self) -> str:
        n = int(self.cell_sizes.sum())
        return (
            f"{self.formula}: {n:,} answers in {len(self.cells)} cells of "
            f"{self.rating_scale.n_categories} scores ({self.unanswered:,} without a score)"
        )


def build_design(formula: str, table: pd.DataFrame, rating_scale: RatingScale) -> Design:
    """Read `formula`, tabulate `table` to cells and build the design matrix.

    Parameters
    ----------
    formula : str
        Wilkinson notation with the response ``score``, such as ``score ~ year + (1 | language)``.
    table : pandas.DataFrame
        Count table; without a column ``n`` it is one row an answer.
    rating_scale : RatingScale
        Decides which categories exist.

    Returns
    -------
    Design

    Raises
    ------
    ValueError
        If the formula has no response ``score``, removes the intercept, asks for group-level
        slopes, or names a column that is missing or has missing values.
    """
    description = _read_formula(formula)
    # formulae lists arguments given by keyword, as in bs(x, df=4), under an empty name.
    names = sorted(description.var_names - {"score", ""})
    _refuse_reserved_names(names)
    counts = as_counts(table, rating_scale, by=names)
    _refuse_missing_values(counts, names)
    answered = counts[counts["score"].notna() & (counts["n"] > 0)]
    cells, answers = _cells(answered, names)
    matrix = _cell_counts(answers, len(cells), rating_scale)
    common, group = _matrices(formula, cells, matrix.sum(axis=1))
    return Design(
        formula=formula,
        rating_scale=rating_scale,
        answers=answers,
        unanswered=int(counts.loc[counts["score"].isna(), "n"].sum()),
        cells=cells,
        counts=matrix,
        terms=list(common.columns),
        predictors=common.to_numpy(dtype=float),
        groupings=group,
    )


def _refuse_reserved_names(names: Sequence[str]) -> None:
    taken = sorted(RESERVED.intersection(names))
    if taken:
        raise ValueError(
            f"column {taken[0]!r} cannot be a predictor or a group: results have a dimension of "
            f"that name. Rename it, as in counts.rename(columns={{{taken[0]!r}: 'my_{taken[0]}'}})."
        )


def _read_formula(formula: str) -> Any:
    try:
        description = formulae.model_description(formula)
    except Exception as error:
        raise ValueError(
            f"cannot read the formula {formula!r}: {error}. Write it like "
            f"'score ~ year + (1 | language)'."
        ) from error
    response = getattr(description.response, "term", None)
    if response is None or response.name != "score":
        found = "no response" if response is None else f"the response {response.name!r}"
        raise ValueError(
            f"the response of a formula is the column 'score'; found {found} in {formula!r}. "
            f"Write 'score ~ ...', and rename your column to 'score'."
        )
    _refuse_unsupported_terms(formula, description)
    return description


def _refuse_unsupported_terms(formula: str, description: Any) -> None:
    if not any(isinstance(term, Intercept) for term in description.terms):
        raise ValueError(
            f"the cutpoints take the place of an intercept, so it cannot be removed; found "
            f"{formula!r}. Leave out '0 +' or '- 1'."
        )
    slopes = [
        term.name
        for term in description.terms
        if isinstance(term, GroupSpecificTerm) and term.expr.name != "Intercept"
    ]
    if slopes:
        raise ValueError(
            f"group-level slopes are not available; found {slopes[0]!r} in {formula!r}. "
            f"Use a group intercept (1 | group), or an interaction."
        )


def _refuse_missing_values(counts: pd.DataFrame, names: Sequence[str]) -> None:
    for name in names:
        missing = counts[name].isna()
        if missing.any():
            raise ValueError(
                f"predictor {name!r} is missing for {int(counts.loc[missing, 'n'].sum()):,} "
                f"respondents, first at row {missing.idxmax()} of the count table. Leave "
                f"them out, or give them a level of their own: "
                f"counts[{name!r}] = counts[{name!r}].fillna('unknown')."
            )


def _cells(answered: pd.DataFrame, names: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    if not names:
        return pd.DataFrame(index=range(1)), answered.assign(cell=0)
    grouped = answered.groupby(list(names), observed=True, sort=True)
    cells = grouped.size().index.to_frame(index=False)
    return _with_level_order(cells), answered.assign(cell=grouped.ngroup())


def _with_level_order(cells: pd.DataFrame) -> pd.DataFrame:
    """Make formulae keep the order of the levels, the first of which is the reference.

    It sorts the levels of a categorical that is not ordered. A level that nobody has would give a
    column of zeros.
    """
    ordered = {
        str(name): levels.cat.remove_unused_categories().cat.as_ordered()
        for name, levels in cells.select_dtypes("category").items()
    }
    return cells.assign(**ordered)


def _cell_counts(answers: pd.DataFrame, n_cells: int, rating_scale: RatingScale) -> Array:
    category = answers["score"].to_numpy(dtype=int) - rating_scale.minimum
    shape = (n_cells, rating_scale.n_categories)
    return cross_tabulate(answers["cell"].to_numpy(dtype=int), category, answers["n"], shape)


def _matrices(
    formula: str, cells: pd.DataFrame, sizes: Array
) -> tuple[pd.DataFrame, list[Grouping]]:
    right_side = formula.split("~", 1)[1]
    if cells.shape[1] == 0:
        return pd.DataFrame(index=cells.index), []
    state = formulae.design_matrices(right_side, _respondents(right_side, cells, sizes))
    common = state.common.evaluate_new_data(cells) if state.common else None
    return _common_columns(common, cells), _groupings(state.group, cells)


def _respondents(right_side: str, cells: pd.DataFrame, sizes: Array) -> pd.DataFrame:
    """Return the rows on which formulae sets up the design.

    A transform such as scale(x) remembers the mean of its column: that has to be the mean over
    respondents, not over cells. Only then are rows repeated.
    """
    if not re.search(rf"\b({'|'.join(TRANSFORMS)})\(", right_side):
        return cells
    return cells.loc[cells.index.repeat(sizes.astype(int))]


def _common_columns(common: Any, cells: pd.DataFrame) -> pd.DataFrame:
    if common is None:
        return pd.DataFrame(index=cells.index)
    columns: pd.DataFrame = common.as_dataframe()
    return columns.drop(columns="Intercept")


def _groupings(group: Any, cells: pd.DataFrame) -> list[Grouping]:
    if group is None:
        return []
    indicators = np.asarray(group.evaluate_new_data(cells))
    return [
        Grouping(
            name=term.factor.name,
            levels=[str(level) for level in term.groups],
            index=indicators[:, group.slices[name]].argmax(axis=1),
        )
        for name, term in group.terms.items()
    ]
