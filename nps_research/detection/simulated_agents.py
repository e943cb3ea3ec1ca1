"""Agents who differ honestly, and some who game their scores: count tables with a known truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from nps_research.scale import RatingScale
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]
    type Mechanism = Literal["none", "beg", "bribe", "gate"]

MECHANISMS = ("none", "beg", "bribe", "gate")
# Scores of everybody, the simulated market's.
SHARES = np.array([0.03, 0.01, 0.02, 0.02, 0.025, 0.055, 0.06, 0.12, 0.20, 0.17, 0.29])
# Of one answer around its customer's loyalty, whose standard deviation is 1.
NOISE = 0.7
# Loyalty of one agent's customers around their mean, on a uniform grid.
LOYALTY = np.linspace(-5.0, 5.0, 41)
MASS = np.exp(-0.5 * LOYALTY**2) / np.exp(-0.5 * LOYALTY**2).sum()
TEN, SIX = 10, 6


class Simulated(NamedTuple):
    """Counts and who gamed.

    Attributes
    ----------
    counts : pandas.DataFrame
        `agent`, `treated`, `post`, `score` (missing = no answer) and `n`.
    gamer : pandas.Series of bool
        By agent.
    """

    counts: pd.DataFrame
    gamer: pd.Series


@dataclass(frozen=True)
class AgentWorld:
    """Agents before and after scores begin to be paid for.

    Attributes
    ----------
    treated, untreated : int
        Agents who are paid for the score after, and who never are.
    asked : float
        Mean number of customers asked by an agent in a period.
    asked_shape : float
        Shape of the gamma distribution of that mean among agents; small = unequal.
    level_sd, change_sd : float
        Standard deviations among agents of the level of their customers' loyalty, and of its honest
        change, in standard deviations of loyalty within an agent.
    trend, improvement : float
        Honest change of all agents, and further honest change of the treated.
    tilt_sd, tilt_change_sd : float
        The same of the log odds of a 10 beyond what loyalty explains.
    reply, reply_sd, reply_change_sd, selection : float
        Log odds of an answer at loyalty 0, their standard deviations among agents, and their slope
        in loyalty.
    mechanism : {"none", "beg", "bribe", "gate"}
        What gamers do after: plead (scores move up, and some answers from 6 to 9 become 10), pay
        (more answers, and near ones become 10), or not send to the unhappy.
    gamers : float
        Share of the treated who do.
    strength : float
        How strongly, 0 to 1.
    """

    treated: int = 80
    untreated: int = 40
    asked: float = 280.0
    asked_shape: float = 8.0
    level_sd: float = 0.35
    change_sd: float = 0.15
    trend: float = 0.0
    improvement: float = 0.0
    tilt_sd: float = 0.2
    tilt_change_sd: float = 0.1
    reply: float = -1.1
    reply_sd: float = 0.3
    reply_change_sd: float = 0.1
    selection: float = 0.3
    mechanism: Mechanism = "none"
    gamers: float = 0.25
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.mechanism not in MECHANISMS:
            raise ValueError(unknown_name("mechanism", self.mechanism, MECHANISMS))

    def simulate(self, random_seed: int) -> Simulated:
        """Draw agents and the answers of their customers.

        Parameters
        ----------
        random_seed : int
            Makes the draws repeatable.

        Returns
        -------
        Simulated

        Examples
        --------
        >>> made = AgentWorld(treated=8, untreated=2, mechanism="beg").simulate(1)
        >>> made.gamer.sum(), made.counts.columns.tolist()
        (np.int64(2), ['agent', 'treated', 'post', 'score', 'n'])
        """
        generator = np.random.default_rng(random_seed)
        agents = self.treated + self.untreated
        treated = np.arange(agents) < self.treated
        games = np.arange(agents) < round(self.gamers * self.treated)
        acting = np.where(games & (self.mechanism != "none"), self.strength, 0.0)
        none = np.zeros(agents)
        after = np.where(treated, self.trend + self.improvement, self.trend)
        level = self._course(generator, self.level_sd, self.change_sd, after)
        tilt = self._course(generator, self.tilt_sd, self.tilt_change_sd, none)
        reply = self._course(generator, self.reply_sd, self.reply_change_sd, none)
        shares = np.stack(
            [
                self._shares(level[:, 0], tilt[:, 0], reply[:, 0], none),
                self._shares(level[:, 1], tilt[:, 1], reply[:, 1], acting),
            ],
            axis=1,
        )
        size = self.asked / self.asked_shape * generator.gamma(self.asked_shape, size=agents)
        drawn = generator.multinomial(generator.poisson(size, (2, agents)).T, shares)
        return Simulated(_table(drawn[..., :-1], treated), pd.Series(games, name="gamer"))

    def _course(
        self, generator: np.random.Generator, spread: float, change: float, after: Array
    ) -> Array:
        """Draw a quantity of every agent before and after, shape (agents, 2)."""
        drawn = generator.standard_normal((2, len(after)))
        before = spread * drawn[0]
        return np.stack([before, before + after + change * drawn[1]], axis=1)

    def _shares(self, level: Array, tilt: Array, reply: Array, acting: Array) -> Array:
        """Return the shares of the scores, of no answer, and of customers never asked."""
        loyalty = level[:, None] + LOYALTY
        pleading = acting * (self.mechanism == "beg")
        paying = acting * (self.mechanism == "bribe")
        hiding = acting * (self.mechanism == "gate")
        scores = _scores(loyalty + 0.45 * pleading[:, None], tilt, self.level_sd)
        odds = self.reply + reply[:, None] + self.selection * loyalty + paying[:, None]
        answered = MASS * special.expit(odds)
        found = np.einsum("ag,ags->as", answered, scores)
        near = 1.5 - 0.8 * (TEN - np.arange(TEN))
        moved = 0.35 * pleading[:, None] * (np.arange(TEN) >= SIX)
        moved = moved + 0.6 * paying[:, None] * special.expit(near)
        found[:, TEN] += (moved * found[:, :TEN]).sum(axis=1)
        found[:, :TEN] *= 1 - moved
        hidden = 0.6 * hiding[:, None] * found[:, : SIX + 1]
        found[:, : SIX + 1] -= hidden
        silent = 1 - answered.sum(axis=1, keepdims=True)
        return np.concatenate([found, silent, hidden.sum(axis=1, keepdims=True)], axis=1)


def _scores(loyalty: Array, tilt: Array, level_sd: float) -> Array:
    """Return the shares of the scores at each loyalty, shape (agents, loyalty, scores)."""
    spread = np.sqrt(1 + NOISE**2 + level_sd**2)
    cuts = spread * special.ndtri(np.cumsum(SHARES)[:-1])
    below = special.ndtr((cuts - loyalty[..., None]) / NOISE)
    ends = np.zeros((*loyalty.shape, 1))
    shares = np.diff(np.concatenate([ends, below, ends + 1], axis=-1), axis=-1)
    shares[..., TEN] *= np.exp(tilt)[:, None]
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


def _table(drawn: NDArray[np.int64], treated: NDArray[np.bool_]) -> pd.DataFrame:
    agent, post, place = np.nonzero(drawn)
    counts = pd.DataFrame(
        {
            "agent": agent,
            "treated": treated[agent].astype(np.int64),
            "post": post,
            "score": pd.arrays.IntegerArray(np.minimum(place, TEN), place > TEN),
            "n": drawn[agent, post, place],
        }
    )
    counts.attrs["rating_scale"] = RatingScale()
    return counts
