"""The answers of every customer in order, from a panel that is checked once.

A panel has one row a customer and month (or wave); `trajectories` is the door.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from nps_research.counts import as_counts, declared_scale, refuse_unknown_columns
from nps_research.survey_files import numbers, refuse_rows
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]
    type Integers = NDArray[np.int64]

STAYED = np.iinfo(np.int64).max


@viewed
@dataclass(frozen=True, eq=False)
class Trajectories:
    """The answers of customers, sorted by customer and time.

    Attributes
    ----------
    scale : RatingScale
        Possible scores.
    customer : numpy.ndarray of int64, shape (answers,)
        Number of the customer who gave each answer, from 0.
    time, score : numpy.ndarray of int64, shape (answers,)
        When, and which.
    left : numpy.ndarray of int64, shape (customers,)
        When each customer left; a huge number for those who stayed.
    until : int
        Last time of the panel.
    report : dict of str to int
        What the panel holds: customers, those who left, answers, rows without a score, customers
        who never answered.
    """

    scale: RatingScale
    customer: Integers
    time: Integers
    score: Integers
    left: Integers
    until: int
    report: dict[str, int]

    @cached_property
    def answers(self) -> Integers:
        """Number of answers of each customer, shape (customers,)."""
        return np.bincount(self.customer, minlength=len(self.left))

    @cached_property
    def start(self) -> Integers:
        """Position of the first answer of each customer, shape (customers,)."""
        return np.cumsum(self.answers) - self.answers

    @cached_property
    def position(self) -> Integers:
        """How many answers of the same customer come before each answer."""
        return np.asarray(np.arange(len(self.customer)) - self.start[self.customer])

    @property
    def is_last(self) -> NDArray[np.bool_]:
        """Whether an answer is the customer's last."""
        return np.asarray(self.position == self.answers[self.customer] - 1)

    def windows(self, answers: int) -> NDArray[np.intp]:
        """Return the positions of answers that have so many up to them, themselves included.

        Raises
        ------
        ValueError
            If nobody has so many.
        """
        if answers < 1:
            raise ValueError(f"answers must be 1 or more; found {answers}.")
        found = np.flatnonzero(self.position >= answers - 1)
        if not len(found):
            raise ValueError(
                f"no customer has {answers} answers; the most is {self.answers.max()}. Ask for "
                "fewer."
            )
        return found

    def permuted(self, random_seed: int) -> Trajectories:
        """Shuffle the scores of every customer in time: a negative control for any order.

        Parameters
        ----------
        random_seed : int
            Makes the shuffle repeatable.
        """
        shuffle = np.random.default_rng(random_seed).permutation(len(self.customer))
        order = shuffle[np.argsort(self.customer[shuffle], kind="stable")]
        return replace(self, score=self.score[order])

    def _view(self) -> View:
        sizes = ", ".join(f"{n:,} {name}" for name, n in self.report.items())
        return View(f"Trajectories({sizes})")


def trajectories(
    panel: pd.DataFrame,
    *,
    customer: str = "customer",
    time: str = "month",
    score: str = "score",
    left: str = "left",
    rating_scale: RatingScale | None = None,
) -> Trajectories:
    """Put the answers of every customer of a panel in order.

    Parameters
    ----------
    panel : pandas.DataFrame
        One row a customer and time; rows without a score say only that the customer was there.
    customer, time, score, left : str
        Columns: any label of the customer; a whole number such as a month or a wave; the score,
        missing for no answer; and the time in which the customer left, the same in all rows of the
        customer, missing for those who stayed until the end of the panel.
    rating_scale : RatingScale, optional
        By default that of the panel, else 0 to 10.

    Returns
    -------
    Trajectories
        With a report of who is in it.

    Raises
    ------
    ValueError
        If a column is missing; if a time is not a whole number, comes twice for a customer or
        after the customer left; if `left` differs between rows of a customer; if a score is not on
        the scale; or if nobody answered. The message names the row.

    Examples
    --------
    >>> panel = pd.DataFrame(
    ...     {"customer": ["a", "a", "b"], "month": [0, 3, 0], "score": [9, 5, 8]}
    ... ).assign(left=[4, 4, None])
    >>> trajectories(panel)
    Trajectories(2 customers, 1 who left, 3 answers, 0 rows without a score, 0 who never answered)
    """
    refuse_unknown_columns((customer, time, score, left), panel.columns)
    scale = declared_scale(panel, rating_scale)
    scores = as_counts(panel[[score]].set_axis(["score"], axis=1), scale)["score"]
    who, when, gone = _people_and_times(panel, customer, time, left)
    _check_times(panel, (customer, time, left), who, when, gone)
    answered = scores.notna().to_numpy()
    order = np.lexsort((when, who))
    order = order[answered[order]]
    left_of = np.full(who.max() + 1, STAYED)
    left_of[who] = gone
    return Trajectories(
        scale,
        who[order],
        when[order],
        scores.iloc[order].to_numpy(dtype=np.int64),
        left_of,
        int(when.max()),
        _report(who, left_of, answered),
    )


def _people_and_times(
    panel: pd.DataFrame, customer: str, time: str, left: str
) -> tuple[Integers, Integers, Integers]:
    """Return the number of the customer, the time, and the time of leaving of every row."""
    names = panel[customer]
    fix = "Leave rows without a customer out."
    refuse_rows(names, names.isna().to_numpy(bool), f"{customer} must name somebody", fix)
    codes = pd.factorize(names)[0].astype(np.int64)
    return codes, _whole(panel[time]), _whole(panel[left], missing=STAYED)


def _whole(cells: pd.Series, *, missing: int | None = None) -> Integers:
    values = numbers(cells)
    wrong = ~(values % 1 == 0)
    if missing is not None:
        wrong &= cells.notna()
    rule = f"{cells.name} must be a whole number" + (" or missing" if missing is not None else "")
    refuse_rows(cells, wrong.to_numpy(bool), rule, "Number months or waves 0, 1, 2 and so on.")
    known = values.fillna(0).to_numpy(dtype=np.int64)
    return known if missing is None else np.where(values.isna(), missing, known)


def _check_times(
    panel: pd.DataFrame,
    names: tuple[str, str, str],
    who: Integers,
    when: Integers,
    gone: Integers,
) -> None:
    customer, time, left = names
    again = panel.duplicated([customer, time]).to_numpy()
    fix = f"Keep one row a customer and {time}."
    refuse_rows(panel[time], again, f"a customer must have each {time} once", fix)
    fix = "A customer who comes back is another customer."
    refuse_rows(panel[time], when > gone, f"{time} must not be after {left}", fix)
    first = np.zeros(who.max() + 1, np.int64)
    first[who[::-1]] = gone[::-1]
    rule = f"{left} must be the same in all rows of a customer"
    refuse_rows(panel[left], gone != first[who], rule, "Say once when the customer left.")


def _report(who: Integers, left: Integers, answered: NDArray[np.bool_]) -> dict[str, int]:
    return {
        "customers": len(left),
        "who left": int((left < STAYED).sum()),
        "answers": int(answered.sum()),
        "rows without a score": int((~answered).sum()),
        "who never answered": len(left) - len(np.unique(who[answered])),
    }


class Windows(NamedTuple):
    """Answers with those before them.

    Attributes
    ----------
    anchor : numpy.ndarray, shape (windows,)
        Position of the latest answer among all.
    customer, time : numpy.ndarray of int64, shape (windows,)
        Who gave it, and when.
    scores : numpy.ndarray, shape (windows, answers)
        The latest first.
    to_leaving : numpy.ndarray, shape (windows, answers)
        Time from each answer to leaving, NaN for customers who stayed.
    is_left : numpy.ndarray of bool, shape (windows,)
        Whether the customer left in the end.
    """

    anchor: NDArray[np.intp]
    customer: Integers
    time: Integers
    scores: Array
    to_leaving: Array
    is_left: NDArray[np.bool_]

    @classmethod
    def of(cls, paths: Trajectories, answers: int) -> Windows:
        """Collect all windows of a number of answers."""
        anchor = paths.windows(answers)
        rows = anchor[:, None] - np.arange(answers)
        customer = paths.customer[anchor]
        left = paths.left[customer]
        to_leaving = np.where(left[:, None] < STAYED, left[:, None] - paths.time[rows], np.nan)
        scores = paths.score[rows].astype(float)
        return cls(anchor, customer, paths.time[anchor], scores, to_leaving, left < STAYED)

    def strata(self, match: Sequence[str]) -> Integers:
        """Return the number of the stratum of each window."""
        parts = {"time": self.time, "first": self.scores[:, -1], "last": self.scores[:, 0]}
        keys = [np.zeros(len(self.time)), *(parts[name] for name in match)]
        return np.asarray(np.unique(np.stack(keys), axis=1, return_inverse=True)[1], np.int64)
