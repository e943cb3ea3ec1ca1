"""The cells of a hazard model: kinds of people by score and period, and who is at risk in each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.churn.lifetimes import checked_periods, person_months
from nps_research.counts import group_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.churn.lifetimes import Lifetimes
    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]
    type Integers = NDArray[np.int64]

CODINGS = ("rating", "rating_number", "passive", "promoter")


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the people of lifetimes stand in arrays (kinds, scores, periods).

    Parameters
    ----------
    lifetimes : Lifetimes
        Who stayed how long. Kinds are the combinations of its predictors.
    periods : list of int, optional
        Last months of periods, as in `person_months`.

    Raises
    ------
    ValueError
        If the periods do not fit, or a predictor has a name of the model's own.
    """

    lifetimes: Lifetimes
    periods: list[int] | None = None

    def __post_init__(self) -> None:
        taken = {*CODINGS, "month"}.intersection(self.lifetimes.predictors)
        if taken:
            raise ValueError(
                f"the predictor {min(taken)!r} has a name that the model uses itself. Rename it."
            )
        checked_periods(self.periods, self.lifetimes.horizon)

    @property
    def scale(self) -> RatingScale:
        """Scores that could be given."""
        return self.lifetimes.rating_scale

    @cached_property
    def ends(self) -> Integers:
        """Last month of every period, shape (periods,)."""
        return checked_periods(self.periods, self.lifetimes.horizon)

    @cached_property
    def period_of_month(self) -> Integers:
        """Position of the period of every month, shape (months,)."""
        return np.searchsorted(self.ends, np.arange(1, self.lifetimes.horizon + 1))

    @cached_property
    def kinds(self) -> pd.DataFrame:
        """Combinations of predictors that people have, one row each; one row without predictors."""
        names = self.lifetimes.predictors
        if not names:
            return pd.DataFrame(index=pd.RangeIndex(1))
        found = self.lifetimes.counts[names].drop_duplicates()
        return found.sort_values(names).reset_index(drop=True)

    @cached_property
    def kind(self) -> Integers:
        """Position of the kind of every row of the lifetimes."""
        return self._kinds_of(self.lifetimes.counts)

    @cached_property
    def score(self) -> Integers:
        """Position of the score of every row of the lifetimes."""
        return self._column("score") - self.scale.minimum

    @cached_property
    def people(self) -> Array:
        """Number of people after the survey, shape (kinds, scores)."""
        sizes = np.zeros((len(self.kinds), self.scale.n_categories))
        np.add.at(sizes, (self.kind, self.score), self._column("n"))
        return sizes

    @cached_property
    def at_risk(self) -> Array:
        """Number of person-months, shape (kinds, scores, periods)."""
        months = person_months(self.lifetimes, self.periods)
        sizes = np.zeros((len(self.kinds), self.scale.n_categories, len(self.ends)))
        score = months["score"].to_numpy(dtype=np.int64) - self.scale.minimum
        period = np.searchsorted(self.ends, months["period"].to_numpy())
        np.add.at(sizes, (self._kinds_of(months), score, period), months["n"].to_numpy())
        return sizes

    @cached_property
    def grid(self) -> pd.DataFrame:
        """Every kind with every score in every period, in this order, with the codings."""
        shape = (len(self.kinds), self.scale.n_categories, len(self.ends))
        kind, score, period = (each.ravel() for each in np.indices(shape))
        table = self.kinds.iloc[kind].reset_index(drop=True)
        table["rating"] = self.scale.scores[score]
        table["period"] = self.ends[period]
        return self.with_codings(table)

    def with_codings(self, table: pd.DataFrame) -> pd.DataFrame:
        """Add what the effects of a score are made of, from the column `rating`.

        The levels of `rating` are those of the declared scale, whoever gave them.
        """
        rating = table["rating"].astype(np.int64)
        low, high = self.scale.cuts
        levels = pd.CategoricalDtype(self.scale.scores.tolist(), ordered=True)
        return table.assign(
            rating=rating.astype(levels),
            rating_number=rating,
            passive=((rating > low) & (rating < high)).astype(np.int64),
            promoter=(rating >= high).astype(np.int64),
        )

    def columns(self) -> dict[str, Integers]:
        """Return `entered`, `months`, `churned` and `n` of every row of the lifetimes."""
        return {name: self._column(name) for name in ("entered", "months", "churned", "n")}

    def groups(self, by: list[str]) -> tuple[pd.Index, Integers]:
        """Return the groups of some predictors, and the position of the group of every kind."""
        return group_rows(self.kinds, by)

    def _column(self, name: str) -> Integers:
        return self.lifetimes.counts[name].to_numpy(dtype=np.int64)

    def _kinds_of(self, table: pd.DataFrame) -> Integers:
        names = self.lifetimes.predictors
        if not names:
            return np.zeros(len(table), dtype=np.int64)
        known = pd.MultiIndex.from_frame(self.kinds)
        return np.asarray(known.get_indexer(pd.MultiIndex.from_frame(table[names])), np.int64)
