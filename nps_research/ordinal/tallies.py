"""Answers added up as compiled functions read them: by cell, by cut, and by gap between cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from nps_research.ordinal.cells import Array, Integers
    from nps_research.ordinal.design import Design


class Entries(NamedTuple):
    """Answers, sorted by cell.

    Attributes
    ----------
    cell : numpy.ndarray of int64, shape (entries,)
        Cell of the respondents.
    answers : numpy.ndarray, shape (entries, 3)
        Number, lowest and highest possible category.
    """

    cell: Integers
    answers: Array


def entries(design: Design) -> Entries:
    """Return the answers of all cells."""
    cell, category = np.nonzero(design.counts)
    exact = np.column_stack([design.counts[cell, category], category, category])
    intervals = np.column_stack([design.censored_n, design.censored[:, 1:]])
    cells = np.concatenate([cell, design.censored[:, 0]])
    order = np.argsort(cells, kind="stable")
    answers = np.concatenate([exact, intervals]).astype(float)[order]
    return Entries(cells[order], np.ascontiguousarray(answers))


def entry_tallies(given: Entries, n_cells: int) -> dict[str, Array | Integers]:
    """Return the fields `entries` and `entry_starts` of `Arrays`."""
    starts = np.searchsorted(given.cell, np.arange(n_cells + 1))
    return {"entries": given.answers, "entry_starts": starts}


def crossing_tallies(given: Entries, n_cells: int, n_cuts: int) -> dict[str, Array | Integers]:
    """Return the fields of `Arrays` that say how many answers are on either side of cuts.

    An answer is below the cut above its category, and above the cut below it; other cuts do not
    matter to it.
    """
    n, low, high = given.answers.T
    table = np.zeros((2, n_cuts, n_cells))
    for side, cut in enumerate((high, low - 1.0)):
        has = (cut >= 0) & (cut < n_cuts)
        np.add.at(table[side], (cut[has].astype(np.int64), given.cell[has]), n[has])
    cuts, cells = np.nonzero(table.any(axis=0))
    return {
        "crossing_starts": np.searchsorted(cuts, np.arange(n_cuts + 1)),
        "crossing_cells": np.ascontiguousarray(cells),
        "crossing_n": np.ascontiguousarray(table[:, cuts, cells]),
    }


def gap_tallies(given: Entries, alike: Integers, n_cuts: int, *, all_gaps: bool) -> Array:
    """Return the field `gaps` of `Arrays`.

    Parameters
    ----------
    given : Entries
        Answers.
    alike : numpy.ndarray of int64, shape (cells,)
        First cell whose cuts are as far apart as those of this one.
    n_cuts : int
        Number of cuts.
    all_gaps : bool
        Whether gaps without answers are wanted, because cuts may cross there.
    """
    n, low, high = given.answers.T
    inner = (low > 0) & (high < n_cuts)
    sizes = (len(alike), n_cuts, n_cuts)
    places = (
        alike[given.cell[inner]],
        low[inner].astype(np.int64) - 1,
        high[inner].astype(np.int64),
    )
    answered = np.ravel_multi_index(places, sizes)
    empty = _neighbours(np.unique(alike), sizes) if all_gaps else np.zeros(0, dtype=np.int64)
    gaps, position = np.unique(np.concatenate([answered, empty]), return_inverse=True)
    totals = np.bincount(position[: len(answered)], n[inner], minlength=len(gaps))
    return np.column_stack([totals, *np.unravel_index(gaps, sizes)])


def first_alike(columns: Array) -> Integers:
    """Return the first row that equals each row of `columns`, shape (rows,).

    Examples
    --------
    >>> first_alike(np.array([[1.0], [2.0], [1.0]]))
    array([0, 1, 0])
    """
    _, first, inverse = np.unique(columns, axis=0, return_index=True, return_inverse=True)
    return np.asarray(first[inverse])


def _neighbours(cells: Integers, sizes: tuple[int, int, int]) -> Integers:
    cut = np.arange(sizes[1] - 1)
    places = (cells[:, None], cut[None], cut[None] + 1)
    return np.asarray(np.ravel_multi_index(places, sizes)).ravel()
