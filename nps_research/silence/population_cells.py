"""The cells of a population, and what the answers in each must be multiplied by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.counts import refuse_unknown_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    type Array = NDArray[np.float64]
    type Collapse = Mapping[str, Mapping[str, str]]


def cell_factors(
    table: pd.DataFrame, weight: Array, population: pd.DataFrame, collapse: Collapse
) -> Array:
    """Return by how much every row's weight is multiplied, so that shares are those wanted.

    Parameters
    ----------
    table : pandas.DataFrame
        Count table.
    weight : numpy.ndarray, shape (rows,)
        Present sum of weights of every row, 0 for those that do not count.
    population : pandas.DataFrame
        One row a cell: its columns and `n`.
    collapse : mapping of str to mapping
        Levels to be merged with others, by column.

    Returns
    -------
    numpy.ndarray, shape (rows,)

    Raises
    ------
    ValueError
        If a cell of the population has no weight, or weight is in a cell that it lacks.

    Examples
    --------
    >>> table = pd.DataFrame({"mode": ["web", "phone"]})
    >>> population = pd.DataFrame({"mode": ["web", "phone"], "n": [1, 3]})
    >>> cell_factors(table, np.array([2.0, 2.0]), population, {})
    array([0.5, 1.5])
    """
    columns = cell_columns(population)
    refuse_unknown_columns([*columns, *collapse], table.columns)
    wanted = _population_shares(population, columns, collapse)
    cells = cell_names(table, columns, collapse)
    _refuse_unknown_cells(cells, wanted, weight)
    held = pd.Series(weight).groupby(cells).sum().reindex(wanted.index, fill_value=0.0)
    _refuse_empty_cells(wanted, held)
    ratio = (wanted / held.where(held > 0)).fillna(0.0) * held.sum()
    return cells.map(ratio).fillna(0.0).to_numpy(dtype=float)


def cell_columns(population: pd.DataFrame) -> list[str]:
    """Return the columns that name the cells of a population."""
    refuse_unknown_columns(["n"], population.columns)
    columns = [str(name) for name in population.columns if name != "n"]
    if not columns:
        raise ValueError("a population has columns that name its cells beside 'n'; found none.")
    return columns


def cell_names(table: pd.DataFrame, columns: list[str], collapse: Collapse) -> pd.Series:
    """Return the name of every row's cell, after merging levels: 2017 and "2017" are one."""
    parts = [
        table[name].astype("string").fillna("missing").replace(dict(collapse.get(name, {})))
        for name in columns
    ]
    named = [f"{name} " + part for name, part in zip(columns, parts, strict=True)]
    cells = pd.DataFrame(dict(enumerate(named))).agg(", ".join, axis=1)
    return cells.reset_index(drop=True).astype(object).rename("cell")


def _population_shares(
    population: pd.DataFrame, columns: list[str], collapse: Collapse
) -> pd.Series:
    sizes = pd.to_numeric(population["n"]).to_numpy(dtype=float)
    wrong = ~np.isfinite(sizes) | (sizes < 0)
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"population sizes must be 0 or more; found {sizes[row]:g} at row {row} of the "
            f"population ({_row_name(population, columns, row)}). Correct it."
        )
    if sizes.sum() == 0:
        raise ValueError(f"the population has no people: all {len(sizes)} cells have n = 0.")
    twice = population.duplicated(columns).to_numpy()
    if twice.any():
        row = int(twice.argmax())
        raise ValueError(
            f"row {row} of the population repeats the cell {_row_name(population, columns, row)}. "
            "Add its people to the first."
        )
    names = cell_names(population, columns, collapse)
    return pd.Series(sizes / sizes.sum()).groupby(names.to_numpy()).sum()


def _row_name(population: pd.DataFrame, columns: list[str], row: int) -> str:
    return str(cell_names(population, columns, {}).iloc[row])


def _refuse_unknown_cells(cells: pd.Series, wanted: pd.Series, weight: Array) -> None:
    outside = ~cells.isin(wanted.index[wanted > 0]).to_numpy() & (weight > 0)
    if outside.any():
        row = int(outside.argmax())
        raise ValueError(
            f"answers are in {cells[outside].nunique()} cells that the population lacks, first at "
            f"row {row}: {cells.iloc[row]}. Add the cell to the population, or merge it with "
            f"another, as collapse={_example(cells.iloc[row])}."
        )


def _refuse_empty_cells(wanted: pd.Series, held: pd.Series) -> None:
    empty = wanted.index[(wanted > 0).to_numpy() & (held == 0).to_numpy()]
    if len(empty):
        cell = str(empty[0])
        raise ValueError(
            f"nobody answered in {len(empty)} cells of the population, first {cell} "
            f"({100 * wanted[cell]:.3g} % of the population): no weight can stand for it. Merge it "
            f"with another, as collapse={_example(cell)}, rake to margins, or use a model "
            "(fit.poststratify)."
        )


def _example(cell: str) -> str:
    column, _, level = cell.split(", ", maxsplit=1)[0].partition(" ")
    return f'{{"{column}": {{"{level}": "..."}}}}'
