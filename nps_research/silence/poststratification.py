"""Weights that make the people who answered resemble a population of known composition.

Post-stratification needs the size of every cell of the population, raking only the sizes of single
margins. Both return the count table with the columns `weight` and `weight_squared`, which the
metrics read with ``weighted=True``. Where cells are too small for weights of their own, a model
can borrow strength between them: ``fit.poststratify(population)`` averages the probabilities of an
`OrdinalModel` with the sizes of the cells (Gelman and Little 1997, "Poststratification into Many
Categories Using Hierarchical Logistic Regression").

No weight repairs what no column shows: within a cell, those who answered stand for those who did
not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.answers import answers_by_group, count_table, refuse_intervals
from nps_research.counts import (
    WEIGHT_COLUMNS,
    as_counts,
    declared_scale,
    group_rows,
)
from nps_research.intervals import interval, normal_quantile
from nps_research.silence.population_cells import cell_columns, cell_factors, cell_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nps_research.answers import Columns
    from nps_research.scale import RatingScale
    from nps_research.silence.population_cells import Collapse
    from nps_research.survey import Survey

    type Array = NDArray[np.float64]

# Rounds of raking, and how near to its margins it must come, relative to their shares.
MOST_ROUNDS = 1000
CLOSE = 1e-10


def poststratified(
    counts: pd.DataFrame | Survey,
    population: pd.DataFrame,
    *,
    weighted: bool = False,
    collapse: Collapse | None = None,
) -> pd.DataFrame:
    """Weight the answers so that every cell has its share of the population.

    Parameters
    ----------
    counts : pandas.DataFrame or Survey
        Count table with the columns of the population.
    population : pandas.DataFrame
        One row a cell: its columns, and `n`, the people (or the share) of the population in it.
    weighted : bool
        Adjust the weights that the table has, in place of weights of 1.
    collapse : mapping of str to mapping, optional
        Levels to be merged with others for the purpose of weighting, by column:
        ``{"language": {"other": "English"}}``.

    Returns
    -------
    pandas.DataFrame
        The table with new `weight` and `weight_squared`, which sum up to the number of answers.
        People without a score have a weight of 0. ``attrs["weighting"]`` says what was done.

    Raises
    ------
    ValueError
        If a cell of the population has no answers, answers are in a cell that the population
        lacks, all weights are zero, or a table is not usable.

    Examples
    --------
    >>> columns = {"mode": ["web", "web", "phone"], "score": [10, 3, 9]}
    >>> counts = pd.DataFrame(columns | {"n": [6, 3, 1]})
    >>> population = pd.DataFrame({"mode": ["web", "phone"], "n": [500, 500]})
    >>> poststratified(counts, population)
        mode  score  n    weight  weight_squared
    0    web     10  6  3.333333        1.851852
    1    web      3  3  1.666667        0.925926
    2  phone      9  1  5.000000       25.000000
    """
    table, base = _with_base_weights(counts, weighted=weighted)
    factor = cell_factors(table, base[0], population, collapse or {})
    columns = ", ".join(cell_columns(population))
    return _weighted_table(table, base, factor, f"post-stratified by {columns}")


def raked(
    counts: pd.DataFrame | Survey,
    margins: Sequence[pd.DataFrame],
    *,
    weighted: bool = False,
    collapse: Collapse | None = None,
) -> pd.DataFrame:
    """Weight the answers so that several margins have their shares of the population.

    Parameters
    ----------
    counts, weighted, collapse
        As in `poststratified`.
    margins : sequence of pandas.DataFrame
        Each as the population of `poststratified`, with one column or several.

    Returns
    -------
    pandas.DataFrame
        As `poststratified`; ``attrs["rounds"]`` tells how many rounds it took.

    Raises
    ------
    ValueError
        As `poststratified`, and if no weights fit all margins.

    Notes
    -----
    Iterative proportional fitting (Deming and Stephan 1940, "On a Least Squares Adjustment of a
    Sampled Frequency Table When the Expected Marginal Totals Are Known"): of all weights that fit
    the margins, those closest to the present ones in the sense of Kullback and Leibler.

    Examples
    --------
    >>> columns = {"mode": ["web", "web", "phone", "phone"], "new": ["yes", "no", "yes", "no"]}
    >>> counts = pd.DataFrame(columns | {"score": [10, 3, 9, 9], "n": [4, 3, 2, 1]})
    >>> modes = pd.DataFrame({"mode": ["web", "phone"], "n": [1, 1]})
    >>> ages = pd.DataFrame({"new": ["yes", "no"], "n": [30, 70]})
    >>> raked(counts, [modes, ages]).groupby("new")["weight"].sum().round(6).to_dict()
    {'no': 7.0, 'yes': 3.0}
    """
    if not margins:
        raise ValueError("raking needs at least one margin; found none. Pass margins=[...].")
    table, base = _with_base_weights(counts, weighted=weighted)
    factor, rounds = np.ones(len(table)), 0
    worst = np.inf
    while worst > CLOSE:
        if rounds == MOST_ROUNDS:
            raise ValueError(_contradiction(margins, worst))
        rounds, worst = rounds + 1, 0.0
        for margin in margins:
            step = cell_factors(table, base[0] * factor, margin, collapse or {})
            factor *= step
            worst = max(worst, float(np.abs(step - 1)[base[0] > 0].max()))
    columns = "; ".join(", ".join(cell_columns(margin)) for margin in margins)
    result = _weighted_table(table, base, factor, f"raked to {columns}")
    result.attrs["rounds"] = rounds
    return result


def design_effect(
    counts: pd.DataFrame, by: Columns = None, *, rating_scale: RatingScale | None = None
) -> pd.DataFrame:
    """Measure what unequal weights cost in precision.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table with `weight` and `weight_squared`.
    by, rating_scale
        As in `nps`.

    Returns
    -------
    pandas.DataFrame
        One row a group: `n` answers, `design_effect`, by which the variance grows if weights have
        nothing to do with scores, and `n_effective`, n divided by it (Kish 1965, "Survey
        Sampling").

    Examples
    --------
    >>> import nps_research as npsr
    >>> design_effect(npsr.load_counts("sfo_airport"), by="year").round(3)
             n  design_effect  n_effective
    year
    2017  2746          1.212     2266.513
    2018  2650          1.242     2134.243
    """
    answers = answers_by_group(counts, by, rating_scale, weighted=True)
    effective = answers.effective.sum(axis=1)
    effective[effective == 0] = np.nan
    columns = {"n": answers.n, "design_effect": answers.n / effective, "n_effective": effective}
    return pd.DataFrame(columns, index=answers.groups)


def weighting_effect(
    counts: pd.DataFrame,
    by: Columns = None,
    level: float = 0.95,
    *,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Tell by how much weights move the NPS, with an interval for the move itself.

    Both scores come from the same answers, so the move is known better than either of them.

    Parameters
    ----------
    counts, by, rating_scale
        As in `design_effect`.
    level : float
        Confidence level.

    Returns
    -------
    pandas.DataFrame
        One row a group: `effect` (weighted less unweighted NPS, points) with `se`, `lower` and
        `upper`, then `unweighted`, `weighted` and `n`.

    Notes
    -----
    Linearised: an answer of value x and weight w moves the difference by
    w / mean(w) * (x - weighted mean) - (x - mean), and the squares of this need no more than the
    sums of weights and of their squares. The weights are taken as given.

    Examples
    --------
    >>> import nps_research as npsr
    >>> weighting_effect(npsr.load_counts("sfo_airport"), by="year")["effect"].round(2).to_dict()
    {'2017': 0.56, '2018': 4.13}
    """
    scale = declared_scale(counts, rating_scale)
    answers_by_group(counts, by, scale, weighted=True)  # refuses what is not usable
    table = as_counts(counts, scale).dropna(subset="score")
    groups, group = group_rows(table, by)
    score = table["score"].to_numpy(dtype=int) - scale.minimum
    sums = [table[name].to_numpy(dtype=float) for name in ("n", *WEIGHT_COLUMNS)]
    result = _moves(100 * scale.nps_values[score], sums, group, len(groups))
    margin = normal_quantile(level) * result["se"]
    result.insert(2, "lower", result["effect"] - margin)
    result.insert(3, "upper", result["effect"] + margin)
    result.attrs["interval"] = f"{100 * level:g} % confidence interval, linearised"
    return result.set_axis(groups)


def poststratified_nps(
    counts: pd.DataFrame | Survey,
    population: pd.DataFrame,
    level: float = 0.95,
    *,
    collapse: Collapse | None = None,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Estimate the NPS of a population from its cells, with the variance that belongs to cells.

    Kish's design effect supposes that weights have nothing to do with scores. If cells differ in
    their scores, weighting them rightly also takes the differences between cells out of the
    variance, and the interval from ``nps(poststratified(...), weighted=True)`` is too wide.

    Parameters
    ----------
    counts, population, collapse
        As in `poststratified`.
    level, rating_scale
        As in `nps`.

    Returns
    -------
    pandas.DataFrame
        One row: `nps`, `se`, `lower`, `upper` in points, `n` answers, `cells`.

    Raises
    ------
    ValueError
        If no cell has two answers; or as in `poststratified`.

    Notes
    -----
    The variance is the sum of (share of the cell)^2 * variance / answers of the cell, given how
    many answered in each (Holt and Smith 1979, "Post Stratification"). A cell with one answer
    takes the mean variance of the others, weighted by their answers.

    Examples
    --------
    >>> counts = pd.DataFrame({"mode": ["web", "web", "phone", "phone"], "score": [10, 3, 9, 7]})
    >>> population = pd.DataFrame({"mode": ["web", "phone"], "n": [500, 500]})
    >>> poststratified_nps(counts.assign(n=[60, 30, 5, 5]), population).round(2)
          nps   se  lower  upper    n  cells
    all  41.67  9.72  22.62  60.71  100      2
    """
    table = poststratified(counts, population, collapse=collapse)
    scale = declared_scale(table, rating_scale)
    answered = table[table["score"].notna()]
    names = cell_names(answered, cell_columns(population), collapse or {})
    shares = answered.groupby(names)["weight"].sum() / answered["weight"].sum()
    each = answers_by_group(answered.assign(_cell=names), "_cell", scale)
    values = 100 * scale.nps_values
    found = interval(values, each.effective, "t", level, truncate=False)
    variance = found.se**2 * each.n
    single = np.isnan(variance)
    if single.all():
        raise ValueError(
            f"each of the {len(names.unique())} cells has a single answer, so that nothing is "
            "known of its spread. Merge cells with collapse=."
        )
    variance[single] = np.average(variance[~single], weights=each.n[~single])
    part = shares.reindex(each.groups).to_numpy()
    estimate, se = float(part @ found.estimate), float(np.sqrt(part**2 @ (variance / each.n)))
    limits = np.clip(estimate + normal_quantile(level) * np.array([-se, se]), -100, 100)
    row = {"nps": estimate, "se": se, "lower": limits[0], "upper": limits[1]}
    result = pd.DataFrame(row | {"n": int(each.n.sum()), "cells": len(part)}, index=["all"])
    result.attrs["interval"] = f"{100 * level:g} % confidence interval, Wald within cells"
    return result


def _moves(value: Array, sums: list[Array], group: NDArray[np.int64], groups: int) -> pd.DataFrame:
    """Return what weights move in every group, and the standard error of the move."""
    n, weight, square = sums

    def total(column: Array) -> Array:
        return np.bincount(group, column, groups)

    plain, heavy = total(n * value) / total(n), total(weight * value) / total(weight)
    ratio = (total(n) / total(weight))[group]
    far, near = value - heavy[group], value - plain[group]
    squares = square * (ratio * far) ** 2 - 2 * weight * ratio * far * near + n * near**2
    columns = {"effect": heavy - plain, "se": np.sqrt(total(squares).clip(min=0)) / total(n)}
    columns |= {"unweighted": plain, "weighted": heavy}
    return pd.DataFrame(columns).assign(n=total(n).astype(np.int64))


def _with_base_weights(
    counts: pd.DataFrame | Survey, *, weighted: bool
) -> tuple[pd.DataFrame, tuple[Array, Array]]:
    """Return the table in standard form, and sums of weights and of squares, 0 without a score."""
    source = count_table(counts)
    scale = declared_scale(source)
    table = as_counts(source, scale, by=WEIGHT_COLUMNS if weighted else ())
    table.attrs = dict(source.attrs)
    refuse_intervals(table)
    answered = table["score"].notna().to_numpy()
    names = WEIGHT_COLUMNS if weighted else ("n", "n")
    weight, square = (table[name].to_numpy(dtype=float) * answered for name in names)
    if weight.sum() == 0:
        raise ValueError(
            f"all weights are zero: column 'weight' sums up to 0 over the {answered.sum()} rows "
            "with a score. Pass weighted=False, or the weights of the survey."
        )
    return table, (weight, square)


def _weighted_table(
    table: pd.DataFrame, base: tuple[Array, Array], factor: Array, what: str
) -> pd.DataFrame:
    answers = float(table.loc[table["score"].notna(), "n"].sum())
    factor = factor * answers / float((base[0] * factor).sum())
    result = table.assign(weight=base[0] * factor, weight_squared=base[1] * factor**2)
    result.attrs = table.attrs | {"weighting": what}
    return result


def _contradiction(margins: Sequence[pd.DataFrame], worst: float) -> str:
    names = ", ".join("+".join(cell_columns(margin)) for margin in margins)
    return (
        f"no weights fit the margins {names}: after {MOST_ROUNDS} rounds some still change by "
        f"{100 * worst:.2g} %. Cells without answers make margins contradict each other: merge "
        "levels with collapse=, or drop a margin."
    )
