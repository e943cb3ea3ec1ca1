"""What the likelihood of the inflation model sees: people by condition, outcome and agent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]
    type Codes = NDArray[np.int64]

# Code of whether somebody answered, or left, when that is not known.
UNKNOWN = 2
# Name of the cohort that is never paid.
NEVER = "never"


@dataclass(frozen=True)
class Outcomes:
    """Kinds of people within a condition: one entry each.

    Attributes
    ----------
    answered : numpy.ndarray
        0, 1, or 2 if that is not known.
    score : numpy.ndarray
        Position of the score on its scale; one more than the last without a score.
    again : numpy.ndarray
        The same of a second answer.
    churned : numpy.ndarray
        0, 1, or 2 if that is not known.
    indicators : tuple of numpy.ndarray
        Position of the class of every indicator; one more than the last if it is missing.
    """

    answered: Codes
    score: Codes
    again: Codes
    churned: Codes
    indicators: tuple[Codes, ...] = ()


@dataclass(frozen=True)
class Block:
    """Counts of units (agents, or a whole cohort) that share their conditions.

    Attributes
    ----------
    conditions : numpy.ndarray
        Positions of the conditions.
    outcomes : Outcomes
        Columns of the counts.
    counts : numpy.ndarray, shape (units, conditions, outcomes)
        People.
    pooled : bool
        Whether people of one unit come from agents at random, each from another.
    """

    conditions: Codes
    outcomes: Outcomes
    counts: Array
    pooled: bool = False


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything that the likelihood needs of the data.

    Attributes
    ----------
    scale : RatingScale
        Possible scores.
    cohorts : tuple
        The reference first; others are named by their first period with pay.
    periods : tuple
        In order.
    cohort, period : numpy.ndarray
        Of every condition, as positions.
    improved, audit : numpy.ndarray of bool
        Whether the service of a condition is that of people who are paid for the score, and
        whether the survey was one that pays nobody.
    blocks : tuple of Block
        Counts.
    agents : int
        How many agents, if they are kept apart.
    indicators : dict
        Names and classes of the indicators.
    has_churn, has_silence, has_retest : bool
        Whether anybody's leaving is known, anybody is silent, and pairs of answers are given.
    """

    scale: RatingScale
    cohorts: tuple[object, ...]
    periods: tuple[object, ...]
    cohort: Codes
    period: Codes
    improved: NDArray[np.bool_]
    audit: NDArray[np.bool_]
    blocks: tuple[Block, ...]
    agents: int
    has_churn: bool
    has_silence: bool
    has_retest: bool
    indicators: dict[str, tuple[object, ...]] = field(default_factory=dict)

    @property
    def paid(self) -> NDArray[np.bool_]:
        """Whether the scores of a condition are paid for."""
        return self.improved & ~self.audit

    @property
    def people(self) -> Array:
        """How many people every condition has, shape (conditions,)."""
        totals = np.zeros(len(self.cohort))
        for block in self.blocks:
            if not block.pooled:
                totals[block.conditions] += block.counts.clip(min=0).sum(axis=(0, 2))
        return totals


def placebo(evidence: Evidence) -> Evidence:
    """Return what was seen before the roll-out, as if it had been one period earlier.

    Raises
    ------
    ValueError
        If no group that is paid was seen in two periods before its roll-out.
    """
    before = ~evidence.improved & ~evidence.audit
    last = np.zeros(len(evidence.cohort), dtype=bool)
    for cohort in range(1, len(evidence.cohorts)):
        mine = np.flatnonzero(before & (evidence.cohort == cohort))
        if len(np.unique(evidence.period[mine])) < 2:
            before[mine] = False
        else:
            last[mine] = evidence.period[mine] == evidence.period[mine].max()
    if not last.any():
        raise ValueError(
            "a placebo needs two periods before the roll-out of a group that is paid, and found "
            "none. Give the column period, with earlier periods."
        )
    before &= evidence.period <= evidence.period[last].max()
    return _restricted(evidence, np.flatnonzero(before), last)


def _restricted(evidence: Evidence, kept: Codes, improved: NDArray[np.bool_]) -> Evidence:
    cohorts, cohort = np.unique(evidence.cohort[kept], return_inverse=True)
    periods, period = np.unique(evidence.period[kept], return_inverse=True)
    blocks = []
    for block in evidence.blocks:
        mine = np.isin(block.conditions, kept)
        if mine.any():
            counts = block.counts[:, mine]
            places = np.searchsorted(kept, block.conditions[mine])
            seen = counts.any(axis=(1, 2))
            blocks.append(replace(block, conditions=places, counts=counts[seen]))
    return replace(
        evidence,
        cohorts=tuple(evidence.cohorts[each] for each in cohorts),
        periods=tuple(evidence.periods[each] for each in periods),
        cohort=cohort,
        period=period,
        improved=improved[kept],
        audit=evidence.audit[kept],
        blocks=tuple(blocks),
    )
