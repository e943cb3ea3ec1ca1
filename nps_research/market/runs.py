"""What happened in a simulated market, and the tables that analysts would get to see of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from nps_research.market.compilation import compiled
from nps_research.market.events import Event
from nps_research.market.months import MONEY
from nps_research.market.population import SEGMENTS
from nps_research.market.regimes import MONTHS_A_WINDOW
from nps_research.market.surveys import HIGHEST_DETRACTOR, LOWEST_PROMOTER, TEN
from nps_research.scale import RatingScale
from nps_research.survey_files import unknown_name
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from nps_research.market.agents import AgentMonths
    from nps_research.market.mechanisms import Incentives
    from nps_research.market.months import CustomerMonths
    from nps_research.market.population import Population
    from nps_research.market.regimes import Regime
    from nps_research.market.simulate import Market

    Integers = NDArray[np.int64]
    type Survey = Literal["recorded", "shadow", "census"]

SURVEYS = ("recorded", "shadow", "census")
COUNT_COLUMNS = ("month", "quarter", "team", "agent", "segment", "treated", "post")
ANSWERS = (*range(TEN + 1), None)
NEVER = np.iinfo(np.int64).max


@viewed
@dataclass(frozen=True, eq=False)
class Run:
    """One simulated course of events.

    Attributes
    ----------
    market, incentives, regime, random_seed, replicate
        What was simulated; with third-party collection, `incentives` are those that remained.
    population : Population
        Who was there at the start.
    rows : CustomerMonths
        What happened to customers, arrays of shape (months, customers).
    agents : AgentMonths
        What agents did, arrays of shape (months, agents).
    sums : numpy.ndarray of int64
        Money and referrals of each month, shape (months, len(MONEY)); see `money`.
    since : numpy.ndarray of int64
        First month with incentives of each agent; a huge number if there is none.
    """

    market: Market
    incentives: Incentives
    regime: Regime | None
    random_seed: int
    replicate: int
    population: Population
    rows: CustomerMonths
    agents: AgentMonths
    sums: Integers
    since: Integers

    @property
    def recorded(self) -> NDArray[np.int8]:
        """Recorded scores, -1 for none, shape (months, customers)."""
        return self.rows.recorded

    @property
    def shadow(self) -> NDArray[np.int8]:
        """Scores of the honest shadow survey, -1 for none, shape (months, customers)."""
        return self.rows.shadow

    @property
    def census(self) -> NDArray[np.int8]:
        """Honest scores of everyone sampled, whether they would answer or not, as `recorded`."""
        return self.rows.census

    @property
    def events(self) -> NDArray[np.uint32]:
        """Bits of `Event`, 0 for customers who have left, shape (months, customers)."""
        return self.rows.events

    @property
    def paid(self) -> NDArray[np.bool_]:
        """Months in which each agent is paid for the score, shape (months, agents)."""
        return np.asarray(np.arange(len(self.events))[:, None] >= self.since)

    @property
    def exposed(self) -> NDArray[np.bool_]:
        """Months in which the agent of each customer is, shape (months, customers)."""
        return self.paid[:, self.population.agent]

    @cached_property
    def score_counts(self) -> pd.DataFrame:
        """Answers by score (columns) and survey (index), in teams and months with incentives."""
        counts = np.zeros((len(SURVEYS), TEN + 1), np.int64)
        for row, survey in enumerate(SURVEYS):
            _count_scores(
                getattr(self.rows, survey), self.population.agent, self.since, counts[row]
            )
        return pd.DataFrame(counts, index=pd.Index(SURVEYS, name="survey")).rename_axis(
            columns="score"
        )

    @property
    def observed_nps(self) -> float:
        """Recorded NPS in points, in teams and months with incentives."""
        return self._nps("recorded")

    @property
    def honest_nps(self) -> float:
        """NPS of the shadow survey in points, in teams and months with incentives."""
        return self._nps("shadow")

    @property
    def census_nps(self) -> float:
        """NPS of honest answers of everyone sampled, in teams and months with incentives."""
        return self._nps("census")

    def _nps(self, survey: Survey) -> float:
        counts = self.score_counts.loc[survey].to_numpy()
        promoters, detractors = (
            counts[LOWEST_PROMOTER:].sum(),
            counts[: HIGHEST_DETRACTOR + 1].sum(),
        )
        n = counts.sum()
        return float(100 * (promoters - detractors) / n) if n else float("nan")

    @cached_property
    def left_in(self) -> Integers:
        """Month in which each customer left; a huge number for those who stayed."""
        left = np.full(self.events.shape[1], NEVER)
        for month, events in enumerate(self.events):
            left[(events & Event.CHURNED) > 0] = month
        return left

    def counts(
        self,
        by: Sequence[str] = ("month", "team", "treated", "post"),
        *,
        answers: Survey = "recorded",
        follow_up: int = 1,
    ) -> pd.DataFrame:
        """Tabulate the sampled customers, as a firm would its survey.

        Parameters
        ----------
        by : sequence of str
            Of month, quarter, team, agent, segment, treated (1 in teams that ever get incentives)
            and post (1 from the team's own rollout on; in other teams from the first rollout on).
        answers : {"recorded", "shadow", "census"}
            What was recorded; what the shadow survey got; what everyone sampled would say to it.
        follow_up : int
            `churned` is 1 for customers who leave within so many months, the month of the survey
            being the first. Customers who cannot be followed for so long within the simulation,
            or without the rollout coming in between, are left out.

        Returns
        -------
        pandas.DataFrame
            The columns of `by`, `score` (Int64; missing = no answer), `churned` and `n`.

        Raises
        ------
        ValueError
            If a column or survey is unknown, or the follow-up is not within the simulation.
        """
        for column in by:
            if column not in COUNT_COLUMNS:
                raise ValueError(unknown_name("column", column, COUNT_COLUMNS))
        if answers not in SURVEYS:
            raise ValueError(unknown_name("survey", answers, SURVEYS))
        months = len(self.events)
        if not 1 <= follow_up <= months:
            raise ValueError(f"follow_up must be from 1 to {months} months; found {follow_up}.")
        sizes = [len(self._levels(name)) for name in by] + [len(ANSWERS), 2]
        cells = (
            self._month_cells(month, by, answers, follow_up)
            for month in range(months - follow_up + 1)
        )
        cell, n = _merged(cells, sizes)
        *codes, score, churned = np.unravel_index(cell, sizes)
        table = pd.DataFrame(
            {name: self._levels(name)[code] for name, code in zip(by, codes, strict=True)}
        )
        scores = pd.array(score, "Int64")
        scores[score == TEN + 1] = pd.NA
        table = table.assign(score=scores, churned=churned.astype(np.int64), n=n)
        table.attrs = {"rating_scale": RatingScale()}
        return table

    def _month_cells(
        self, month: int, by: Sequence[str], answers: Survey, follow_up: int
    ) -> list[Any]:
        """Return the codes of the sampled customers of a month, one array a column."""
        start = self.post_since[self.population.agent]
        sampled = (self.events[month] & Event.FRAME) > 0
        at = np.flatnonzero(sampled & ~crosses(month, start, follow_up))
        score = getattr(self.rows, answers)[month, at].astype(np.int64)
        return [
            *(self._codes(name, month, at) for name in by),
            np.where(score < 0, TEN + 1, score),
            (self.left_in[at] < month + follow_up).astype(np.int64),
        ]

    def _levels(self, name: str) -> NDArray[Any]:
        """Return the values that a column can have."""
        market = self.market
        sizes = {
            "month": market.months,
            "quarter": -(-market.months // MONTHS_A_WINDOW),
            "team": market.teams,
            "agent": market.agents,
        }
        return np.array(SEGMENTS) if name == "segment" else np.arange(sizes.get(name, 2))

    def _codes(self, name: str, month: int, at: NDArray[np.intp]) -> NDArray[Any]:
        """Return the position of each customer among the levels of a column."""
        agent = self.population.agent[at]
        if name in ("month", "quarter"):
            return np.full(len(at), month if name == "month" else month // MONTHS_A_WINDOW)
        columns: dict[str, NDArray[Any]] = {
            "team": self.population.team,
            "agent": np.arange(len(self.since)),
            "treated": self.treated.astype(np.int64),
            "post": (month >= self.post_since).astype(np.int64),
        }
        return self.population.segment[at] if name == "segment" else columns[name][agent]

    @property
    def treated(self) -> NDArray[np.bool_]:
        """Whether each agent is ever paid for the score, shape (agents,)."""
        return self.since < NEVER

    @cached_property
    def post_since(self) -> Integers:
        """Month from which each agent counts as post: for those never paid, the first rollout."""
        return np.where(self.treated, self.since, self.since.min())

    @cached_property
    def money(self) -> pd.DataFrame:
        """Sums of each month: EUR, and expected referrals."""
        scales = np.where(np.array(MONEY) == "referrals", 1e6, 100.0)
        return pd.DataFrame(self.sums / scales, columns=list(MONEY)).rename_axis("month")

    def events_table(self) -> pd.DataFrame:
        """Count the events of each month.

        Returns
        -------
        pandas.DataFrame
            One row a month, one column an `Event`, in lower case.
        """
        rows = [
            {str(event.name).lower(): int(((row & event) > 0).sum()) for event in Event}
            for row in self.events
        ]
        return pd.DataFrame(rows).rename_axis("month")

    def agent_table(self) -> pd.DataFrame:
        """List what each agent did in each month.

        Returns
        -------
        pandas.DataFrame
            Columns `month`, `agent`, `team`, `paid`, and the fields of `AgentMonths`, with the
            mean `experience` and the `score` of the quarter so far in points.
        """
        months, agents = self.agents.service.shape
        month, agent = (each.ravel() for each in np.indices((months, agents)))
        columns = {name: values.ravel() for name, values in self.agents._asdict().items()}
        table = pd.DataFrame(
            {"month": month, "agent": agent, "team": self.population.team[agent]}
            | {"paid": month >= self.since[agent]}
            | columns
        )
        table["experience"] = table.pop("experience_sum") / 1e6 / table["experience_n"]
        table["score"] = 100.0 * table["net"] / table["answers"]
        return table

    def _view(self) -> View:
        return View("Run", dict(self._summary()))

    def _summary(self) -> Iterator[tuple[str, str]]:
        months, customers = self.events.shape
        yield "market", f"{customers:,} customers, {months} months"
        yield "incentives", f"{self.incentives}" + (f", {self.regime}" if self.regime else "")
        yield "seed", f"{self.random_seed}, replicate {self.replicate}"
        yield "recorded NPS", f"{self.observed_nps:.1f}"
        yield "honest NPS", f"{self.honest_nps:.1f}"
        yield "customers who left", f"{int((self.left_in < NEVER).sum()):,}"


def crosses(month: Integers | int, start: Integers, follow_up: int) -> NDArray[np.bool_]:
    """Tell where the follow-up of a survey begins before incentives do, and ends after that.

    Examples
    --------
    >>> crosses(np.array([2, 4, 6]), np.array([6, 6, 6]), follow_up=3)
    array([False,  True, False])
    """
    return np.asarray((month < start) & (month + follow_up > start))


def _merged(cells: Iterable[list[Any]], sizes: list[int]) -> tuple[NDArray[Any], Integers]:
    """Return the cells that occur, in order, and how often, month after month to save memory."""
    found, times = [], []
    for codes in cells:
        cell, n = np.unique(np.ravel_multi_index(codes, sizes), return_counts=True)
        found.append(cell)
        times.append(n)
    cell, position = np.unique(np.concatenate(found), return_inverse=True)
    n = np.zeros(len(cell), np.int64)
    np.add.at(n, position, np.concatenate(times))
    return cell, n


@compiled
def _count_scores(
    scores: NDArray[np.int8], agent: NDArray[np.int32], since: Integers, counts: Integers
) -> None:
    for month in range(scores.shape[0]):
        for customer in range(scores.shape[1]):
            score = scores[month, customer]
            if score >= 0 and month >= since[agent[customer]]:
                counts[score] += 1
