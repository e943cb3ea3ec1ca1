"""From formulas and a count table to what the likelihood needs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nps_research.counts import (
    as_counts,
    as_people,
    cross_tabulate,
    group_rows,
    intervals,
    listed,
    refuse_unknown_columns,
)
from nps_research.ordinal.cells import combine, predictor_columns, refuse_reserved
from nps_research.ordinal.cuts import cut_terms, refuse_impossible_cuts
from nps_research.ordinal.formulas import component_names, read_formula, read_one_sided
from nps_research.ordinal.preparation import (
    prepared,
    set_up_factor,
    set_up_offset,
    set_up_ordered,
    set_up_slopes,
    set_up_terms,
)
from nps_research.ordinal.terms import Recipe, labels_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nps_research.ordinal.cells import Array, Cells, Integers
    from nps_research.ordinal.formulas import Formula
    from nps_research.scale import RatingScale


@dataclass(frozen=True, eq=False)
class Design:
    """What the likelihood needs, and the table that it came from.

    Attributes
    ----------
    formula : str
        Formula of the score.
    scale_formula, category_specific, nps_cuts, no_answer : str, optional
        The other formulas, as they were given.
    cutpoints_by : str, optional
        Column whose levels have cutpoints of their own.
    rating_scale : RatingScale
        The declared scale.
    rows : pandas.DataFrame
        Rows of the count table with a score, with their cell in the column ``cell``. For
        predictions, the rows of the table that predictions are for.
    cells : Cells
        Combinations of predictors.
    counts : numpy.ndarray, shape (cells, categories)
        Answers with one exact score.
    censored : numpy.ndarray of int64, shape (intervals, 3)
        Cell, lowest and highest category of the answers known only to lie in an interval.
    censored_n : numpy.ndarray, shape (intervals,)
        How many answers each of these intervals has.
    terms, scale_terms, hurdle_terms : list of str
        Names of the coefficients of the score, of its log standard deviation, and of not
        answering, as formulae gives them.
    cut_terms : list of str
        Names of the coefficients that hold for some of the cuts, such as ``"x[6|7]"``.
    cut_columns : numpy.ndarray of int64, shape (cut terms,)
        Column of the cells' `cut_predictors` that each of them multiplies.
    cut_loadings : numpy.ndarray, shape (cut terms, cutpoints)
        How much of each shifts each cut.
    cutpoint_levels : list of str, optional
        Groups with cutpoints of their own.
    unanswered : int
        Respondents without a score.
    recipe : Recipe
        What makes cells of any table with the same columns.
    """

    formula: str
    scale_formula: str | None
    category_specific: str | None
    nps_cuts: str | None
    cutpoints_by: str | None
    no_answer: str | None
    rating_scale: RatingScale
    rows: pd.DataFrame
    cells: Cells
    counts: Array
    censored: Integers
    censored_n: Array
    terms: list[str]
    scale_terms: list[str]
    cut_terms: list[str]
    cut_columns: Integers
    cut_loadings: Array
    cutpoint_levels: list[str] | None
    hurdle_terms: list[str]
    unanswered: int
    recipe: Recipe = field(repr=False)

    def group_sizes(self, by: str | Sequence[str] | None = None) -> tuple[pd.Index, Array]:
        """Return the groups of `by`, and their people in every cell, shape (groups, cells)."""
        return self._tabulated(by, self.rows, self.rows["cell"], len(self.cells))

    def group_counts(self, by: str | Sequence[str] | None = None) -> tuple[pd.Index, Array]:
        """Return the groups of `by`, and their answers by score, shape (groups, categories).

        Only answers with one exact score are counted; groups are those of all answers.
        """
        if "score" not in self.rows:
            raise ValueError("a design for predictions has no answers to count.")
        rows = self.rows.assign(n=self.rows["n"].where(~intervals(self.rows), 0))
        categories = rows["score"] - self.rating_scale.minimum
        return self._tabulated(by, rows, categories, self.rating_scale.n_categories)

    def at(self, table: pd.DataFrame) -> Design:
        """Return the design for predictions: the same terms for the people of `table`.

        Parameters
        ----------
        table : pandas.DataFrame
            The predictors and, optionally, `n`, how many people each row stands for (by default
            1). Scores are not needed, and are left out.

        Returns
        -------
        Design
            Cells of `table` with transforms as they were set up on the respondents. The position
            of a group that was not seen among them is -1. There are no answers.

        Raises
        ------
        ValueError
            If a predictor is not there, or is missing or infinite in a row, or if a level of a
            fixed effect was not seen.
        """
        people = as_people(table, by=self.recipe.names)
        cell_table, cell = combine(predictor_columns(people, self.recipe.names))
        sizes = np.bincount(cell, people["n"], len(cell_table))
        shape = (len(cell_table), self.rating_scale.n_categories)
        return replace(
            self,
            rows=people.assign(cell=cell),
            cells=self.recipe.cells(cell_table, sizes, np.zeros(len(cell_table))),
            counts=np.zeros(shape),
            censored=np.zeros((0, 3), dtype=np.int64),
            censored_n=np.zeros(0),
            unanswered=0,
        )

    def _tabulated(
        self, by: str | Sequence[str] | None, rows: pd.DataFrame, column: pd.Series, n_columns: int
    ) -> tuple[pd.Index, Array]:
        names = listed(by)
        refuse_reserved(names)
        refuse_unknown_columns(names, rows.columns.drop("cell"))
        groups, row = group_rows(rows, names)
        position = column.to_numpy(dtype=np.int64)
        return groups, cross_tabulate(row, position, rows["n"], (len(groups), n_columns))

    def __repr__(self) -> str:
        return (
            f"{self.formula}: {int(self.cells.sizes.sum()):,} answers in {len(self.cells)} cells "
            f"of {self.rating_scale.n_categories} scores ({self.unanswered:,} without a score)"
        )


@dataclass(frozen=True, eq=False)
class _Formulas:
    """The formulas of a model, read."""

    location: Formula
    scale: Formula | None
    specific: Formula | None
    nps: Formula | None
    hurdle: Formula | None
    cutpoints_by: str | None

    @property
    def names(self) -> list[str]:
        """Columns that they need."""
        given = [self.location, self.scale, self.specific, self.nps, self.hurdle]
        found = {name for formula in given if formula for name in formula.names}
        return sorted(found | ({self.cutpoints_by} if self.cutpoints_by else set()))

    def check(self, rating_scale: RatingScale) -> None:
        """Refuse names and combinations of terms that a model cannot have."""
        if not isinstance(self.cutpoints_by, str | None):
            raise TypeError(
                f"cutpoints_by names one column; found {self.cutpoints_by!r}. Join several into "
                "one, as in counts.assign(both=counts['a'] + ' ' + counts['b'])."
            )
        refuse_reserved(self.names)
        refuse_impossible_cuts(self.location, self.specific, self.nps, rating_scale)


def build_design(
    formula: str,
    table: pd.DataFrame,
    rating_scale: RatingScale,
    *,
    scale: str | None = None,
    category_specific: str | None = None,
    nps_cuts: str | None = None,
    cutpoints_by: str | None = None,
    no_answer: str | None = None,
) -> Design:
    """Read the formulas, tabulate `table` to cells and build the design matrices.

    Parameters
    ----------
    formula : str
        Wilkinson notation with the response ``score``, such as ``score ~ year + (1 | language)``.
        Besides the terms of formulae, ``offset(x)`` is added as it is, and ``mo(x)`` of an ordered
        predictor changes in one direction only.
    table : pandas.DataFrame
        Count table; without a column ``n`` it is one row an answer.
    rating_scale : RatingScale
        Decides which categories exist.
    scale : str, optional
        Formula of the log standard deviation, such as ``~ year``.
    category_specific : str, optional
        Formula of terms with one coefficient a cut.
    nps_cuts : str, optional
        Formula of terms of `formula` with further coefficients for the cuts into passive and into
        promoter.
    cutpoints_by : str, optional
        Column whose levels have cutpoints of their own.
    no_answer : str, optional
        Formula of the log odds of not answering. With it, combinations of predictors in which
        nobody answered are cells, too.

    Returns
    -------
    Design

    Raises
    ------
    ValueError
        If a formula cannot be read or asks for what a model cannot have, if a column is not
        there, has missing values or cannot be a predictor, or if a predictor is constant.

    Examples
    --------
    >>> from nps_research.scale import RatingScale
    >>> counts = pd.DataFrame({"x": [1, 1, 3], "score": [9, 7, 10], "n": [5, 2, 1]})
    >>> design = build_design("score ~ x", counts, RatingScale())
    >>> design.terms, design.cells.predictors.tolist(), design.cells.sizes.tolist()
    (['x'], [[1.0], [3.0]], [7.0, 1.0])
    """
    read = _Formulas(
        location=read_formula(formula),
        scale=_one_sided(scale, "scale"),
        specific=_one_sided(category_specific, "category_specific"),
        nps=_one_sided(nps_cuts, "nps_cuts"),
        hurdle=_one_sided(no_answer, "no_answer"),
        cutpoints_by=cutpoints_by,
    )
    read.check(rating_scale)
    counts = as_counts(table, rating_scale, by=read.names)
    rows, cell_table = _in_cells(counts, read)
    answers, silent = rows[rows["score"].notna()], rows[rows["score"].isna()]
    sizes, unanswered = (
        np.bincount(part["cell"], part["n"], len(cell_table)) for part in (answers, silent)
    )
    recipe = _set_up(read, cell_table, sizes, unanswered)
    censored, censored_n = _censored(answers, rating_scale)
    cuts = cut_terms(labels_of(recipe.specific), labels_of(recipe.nps), rating_scale)
    return Design(
        formula=formula,
        scale_formula=scale,
        category_specific=category_specific,
        nps_cuts=nps_cuts,
        cutpoints_by=cutpoints_by,
        no_answer=no_answer,
        rating_scale=rating_scale,
        rows=answers,
        cells=recipe.cells(cell_table, sizes, unanswered),
        counts=_exact_counts(answers, len(cell_table), rating_scale),
        censored=censored,
        censored_n=censored_n,
        terms=labels_of(recipe.location),
        scale_terms=labels_of(recipe.scale),
        cut_terms=cuts.labels,
        cut_columns=cuts.columns,
        cut_loadings=cuts.loadings,
        cutpoint_levels=recipe.cutpoints.levels if recipe.cutpoints else None,
        hurdle_terms=[] if recipe.hurdle is None else ["Intercept", *labels_of(recipe.hurdle)],
        unanswered=int(counts.loc[counts["score"].isna(), "n"].sum()),
        recipe=recipe,
    )


def _one_sided(formula: str | None, argument: str) -> Formula | None:
    return None if formula is None else read_one_sided(formula, argument)


def _in_cells(counts: pd.DataFrame, read: _Formulas) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows that a model uses with their cell, and the cells."""
    people = counts[counts["n"] > 0]
    used = people if read.hurdle else people[people["score"].notna()]
    cell_table, cell = combine(predictor_columns(used, read.names))
    return used.assign(cell=cell), cell_table


def _set_up(read: _Formulas, cell_table: pd.DataFrame, sizes: Array, unanswered: Array) -> Recipe:
    with_answers = sizes > 0
    answered, n = cell_table[with_answers], sizes[with_answers]
    table = prepared(answered)
    location, specific = read.location.terms, _terms(read.specific)
    columns = set_up_terms([*location, *specific], table, n)
    main = columns[: len(location)]
    also_cuts = {component_names(term) for term in _terms(read.nps)}
    return Recipe(
        names=read.names,
        location=main,
        offsets=[set_up_offset(each, table, n) for each in read.location.offsets],
        ordered=set_up_ordered(location, main, answered),
        slopes=set_up_slopes(read.location.group_terms, table, n),
        scale=set_up_terms(_terms(read.scale), table, n),
        specific=columns[len(location) :],
        nps=[each for each in main if each.components in also_cuts],
        cutpoints=set_up_factor((read.cutpoints_by,), table) if read.cutpoints_by else None,
        hurdle=set_up_terms(read.hurdle.terms, prepared(cell_table), sizes + unanswered)
        if read.hurdle
        else None,
    )


def _terms(formula: Formula | None) -> list[Any]:
    return formula.terms if formula else []


def _exact_counts(answers: pd.DataFrame, n_cells: int, rating_scale: RatingScale) -> Array:
    exact = answers[~intervals(answers)]
    category = exact["score"].to_numpy(dtype=np.int64) - rating_scale.minimum
    shape = (n_cells, rating_scale.n_categories)
    return cross_tabulate(exact["cell"].to_numpy(dtype=np.int64), category, exact["n"], shape)


def _censored(answers: pd.DataFrame, rating_scale: RatingScale) -> tuple[Integers, Array]:
    wide = answers[intervals(answers)]
    if wide.empty:
        return np.zeros((0, 3), dtype=np.int64), np.zeros(0)
    n = wide.groupby(["cell", "score", "score_upper"])["n"].sum()
    found = n.index.to_frame().to_numpy(dtype=np.int64)
    return found - [0, rating_scale.minimum, rating_scale.minimum], n.to_numpy(dtype=float)
