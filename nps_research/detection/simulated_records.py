"""Honest agents whose records differ all the same: the null on which detectors are tested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from nps_research.detection.records import (
    DIFFICULTIES,
    SURVEY_COLUMNS,
    TONE,
    AgentRecords,
    counted_by_agent,
    with_window,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

# Latent bounds of the scores: shares of the simulated market, of an answer whose sd is 1.25.
CUTS = 1.25 * special.ndtri(
    np.cumsum([0.03, 0.01, 0.02, 0.02, 0.025, 0.055, 0.06, 0.12, 0.20, 0.17])
)
NOISE, TONE_NOISE = 0.7, 0.6
HIGHEST_LOW = 6
QUARTERS, MONTHS = 4, 3


@dataclass(frozen=True)
class HonestRecords:
    """Agents before and after pay for the score begins; nobody games.

    All rates are log odds; agents differ in each by `spread`, and change in each by `drift`.

    Attributes
    ----------
    treated, untreated : int
        Agents.
    due, cases : float
        Mean number of customers due for a survey, and of cases, of an agent and period; those of
        agents have a gamma distribution with shape `shape`.
    shape : float
        Small = unequal.
    spread, drift : float
        Standard deviations among agents of levels and of honest changes.
    trend : float
        Change that all agents share, in every rate and in loyalty.
    improvement : float
        Real change of loyalty among customers of treated agents, in standard deviations.
    unsent, answered, lost, commented, edited, transferred, leaving : float
        Log odds for an average agent before: that no survey is sent, that it is answered, that the
        answer is lost, that it has a comment, that it is edited, that a case is passed on, and
        that a customer leaves.
    corrected : float
        Log odds ratio of an edit, low answers against others.
    """

    treated: int = 40
    untreated: int = 40
    due: float = 150.0
    cases: float = 150.0
    shape: float = 8.0
    spread: float = 0.4
    drift: float = 0.15
    trend: float = 0.1
    improvement: float = 0.0
    unsent: float = -2.5
    answered: float = -0.6
    lost: float = -3.5
    commented: float = 0.6
    edited: float = -3.2
    corrected: float = 0.5
    transferred: float = -3.0
    leaving: float = -2.4

    def simulate(self, random_seed: int) -> AgentRecords:
        """Draw the records of all agents.

        Parameters
        ----------
        random_seed : int
            Makes the draws repeatable.

        Returns
        -------
        AgentRecords

        Examples
        --------
        >>> records = HonestRecords(treated=3, untreated=2).simulate(1)
        >>> records.cases["agent"].nunique(), records.edits["edited"].max()
        (5, np.int64(1))
        """
        generator = np.random.default_rng(random_seed)
        asked = self._asked(generator)
        sent, came = asked[asked["sent"] == 1], asked[asked["opened"] == 1]
        held = came[came["recorded"] == 1]
        return AgentRecords(
            answers=counted_by_agent(sent, ["quarter", "score"]),
            surveys=counted_by_agent(asked, SURVEY_COLUMNS),
            edits=counted_by_agent(held, ["low", "edited"]),
            ids=held[["agent", "team", "treated", "post", "id"]].reset_index(drop=True),
            comments=counted_by_agent(held[held["sentiment"].notna()], ["score", "sentiment"]),
            departures=counted_by_agent(asked, ["score", "churned"]),
            cases=self._cases(generator),
        )

    def _asked(self, generator: np.random.Generator) -> pd.DataFrame:
        table = self._rows(generator, self.due)
        better = self.improvement * table["treated"].to_numpy() * table["post"].to_numpy()
        loyalty = self._rates(generator, table, better) + generator.standard_normal(len(table))
        latent = loyalty + NOISE * generator.standard_normal(len(table))
        score = np.searchsorted(CUTS, latent)
        low = score <= HIGHEST_LOW
        sent = ~self._happens(generator, table, self.unsent)
        opened = sent & self._happens(generator, table, self.answered, 0.15 * loyalty)
        recorded = opened & ~self._happens(generator, table, self.lost)
        commented = recorded & self._happens(generator, table, self.commented)
        tone = 0.8 * loyalty + TONE_NOISE * generator.standard_normal(len(table))
        table = table.assign(
            score=pd.arrays.IntegerArray(score, ~recorded),
            low=low.astype(np.int64),
            sent=sent.astype(np.int64),
            opened=opened.astype(np.int64),
            recorded=recorded.astype(np.int64),
            edited=self._happens(generator, table, self.edited, self.corrected * low).astype(int),
            sentiment=np.where(commented, np.round(tone / TONE) * TONE + 0.0, np.nan),
            churned=self._happens(generator, table, self.leaving, -0.85 * loyalty).astype(int),
            quarter=generator.integers(0, QUARTERS, len(table)) + QUARTERS * table["post"],
        )
        table["id"] = table.groupby("agent")["opened"].cumsum()
        quarters = table.groupby(["agent", "quarter"])["sent"]
        passed = quarters.cumcount() / quarters.transform("size")
        table["months_left"] = MONTHS - 1 - (MONTHS * passed).astype(np.int64)
        return with_window(table, recorded)

    def _cases(self, generator: np.random.Generator) -> pd.DataFrame:
        table = self._rows(generator, self.cases)
        tag = generator.integers(0, len(DIFFICULTIES), len(table))
        names = np.array(DIFFICULTIES)[tag]
        passed = self._happens(generator, table, self.transferred, 0.5 * tag)
        table = table.assign(
            difficulty=pd.Categorical(names, DIFFICULTIES, ordered=True),
            transferred=passed.astype(np.int64),
        )
        return counted_by_agent(table, ["difficulty", "transferred"])

    def _rows(self, generator: np.random.Generator, mean: float) -> pd.DataFrame:
        """Return a row for every customer or case, before and then after."""
        agents = self.treated + self.untreated
        size = mean / self.shape * generator.gamma(self.shape, size=agents)
        n = generator.poisson(size, (2, agents))
        agent = np.concatenate([np.repeat(np.arange(agents), each) for each in n])
        treated = (agent < self.treated).astype(np.int64)
        post = np.repeat([0, 1], n.sum(axis=1))
        return pd.DataFrame({"agent": agent, "team": treated, "treated": treated, "post": post})

    def _rates(
        self, generator: np.random.Generator, table: pd.DataFrame, level: NDArray[Any] | float
    ) -> Array:
        """Draw the levels and changes of agents, and return those of every row."""
        agents = self.treated + self.untreated
        before = self.spread * generator.standard_normal(agents)
        change = self.trend + self.drift * generator.standard_normal(agents)
        agent, post = table["agent"].to_numpy(), table["post"].to_numpy()
        return np.asarray(level + before[agent] + change[agent] * post)

    def _happens(
        self,
        generator: np.random.Generator,
        table: pd.DataFrame,
        level: float,
        further: NDArray[Any] | float = 0.0,
    ) -> NDArray[np.bool_]:
        odds = self._rates(generator, table, level) + further
        return np.asarray(generator.random(len(table)) < special.expit(odds))
