"""Worlds in which agents are, from some day on, paid for their score, and what is true of them.

Two groups of agents; those of one are paid from a day on. Their service improves and their
customers' answers soften: the truth says by how much. `Anchors` are what a firm can collect beside
scores, `Violations` are ways in which a world differs from what `InflationModel` assumes.
`simulation` draws customers from these worlds.

The defaults are effects that were chosen, not estimates: 27 % answer, 14 % leave.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import special

from nps_research.scale import RatingScale
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    type Array = NDArray[np.float64]
    type Latent = Literal["normal", "logistic", "skewed"]

SCALE = RatingScale()
# Cuts below which answers are those of detractors, and above which those of promoters.
DETRACTOR, PROMOTER = (np.flatnonzero(np.diff(SCALE.nps_values))).tolist()
# Shares of the scores of everybody in the simulated market, where nobody games
# (`nps_research.market`). Its latent scores spread by 1.40; the shift puts the honest score of the
# paid agents' respondents at 47 points.
SHARES = np.array([0.03, 0.01, 0.02, 0.02, 0.025, 0.055, 0.06, 0.12, 0.20, 0.17, 0.29])
CUTS = 1.40 * special.ndtri(np.cumsum(SHARES)[:-1]) + 0.05
# Unhappy customers are those who seem to an agent, with this error, to be below this loyalty.
UNHAPPY, MISJUDGED = -0.3, 0.7
# What a promise adds to the answer, and what a broken one takes from loyalty when the window is
# over: those of the simulated market.
PROMISE, DISAPPOINTMENT = 0.6, 0.55
EULER = 0.5772156649015329
# Quantiles of the loyalties of an agent's customers, with mean 0 and standard deviation 1.
LATENTS: dict[str, Callable[[Array], Array]] = {
    "normal": special.ndtri,
    "logistic": lambda share: special.logit(share) * np.sqrt(3) / np.pi,
    # That of the smallest of many: the unhappy are far below the rest.
    "skewed": lambda share: (np.log(-np.log1p(-share)) + EULER) * np.sqrt(6) / np.pi,
}
# Points of the distributions of agents and of an agent's customers.
NODES, QUANTILES = 60, 2000


@dataclass(frozen=True)
class Anchors:
    """What is collected beside scores and departures.

    Attributes
    ----------
    retest_pairs : int
        Customers of the control group who answered before the roll-out and answer once more.
    audits : int
        Customers of every paid agent whom a third party surveys in each paid period, so that
        nobody can lean on them.
    audit_response : {"baseline", "complete"}
        Who answers the third party: as many and the same sort as answer the firm, or everybody.
    comments : float
        Share of answers with a comment, whose sentiment is a class from 1 to 5.
    sentiment_slope : float
        What loyalty adds to the sentiment, in standard deviations of its noise.
    leak : float
        Share of the reporting shift that gets into the comment too.
    reviews : float
        Share of all customers, silent ones too, who rate the firm from 1 to 5 in a channel that no
        agent can reach. A review follows loyalty as a comment does, and never leaks.
    """

    retest_pairs: int = 600
    audits: int = 0
    audit_response: Literal["baseline", "complete"] = "baseline"
    comments: float = 0.0
    sentiment_slope: float = 1.33
    leak: float = 0.0
    reviews: float = 0.0


@dataclass(frozen=True)
class Violations:
    """How the world differs from what the model assumes; by default it does not.

    Attributes
    ----------
    latent : {"normal", "logistic", "skewed"}
        Distribution of the loyalties of an agent's customers.
    gating : float
        Share of the unhappy customers of paid agents who are not asked.
    concession : float
        Taken from the log odds of leaving of the unhappy customers of paid agents, who get a
        discount: they stay, and are no more loyal.
    promised : float
        Share of the customers of paid agents who get a promise that is broken after the window.
    churn_gap : float
        Added to the log odds of leaving of all customers of paid agents: trends of the two groups
        that are not parallel.
    surrogacy : float
        How much of the improvement departures follow.
    retest_memory : float
        Share of the variance of the noise that the second answer of a pair repeats.
    """

    latent: Latent = "normal"
    gating: float = 0.0
    concession: float = 0.0
    promised: float = 0.0
    churn_gap: float = 0.0
    surrogacy: float = 1.0
    retest_memory: float = 0.0


@dataclass(frozen=True)
class IncentiveWorld:
    """Agents, their customers, and what changes when agents are paid for their score.

    Latent quantities are in standard deviations of the loyalty of the customers of one agent;
    `truth` is in those of all customers, as `InflationModel` reports.

    Attributes
    ----------
    agents : int
        In each of the two groups.
    customers : int
        Of every agent in every period; each is seen in one period.
    market : tuple of float
        Added to everybody's log odds of leaving, one number a period.
    starts : tuple of int
        First paid period of the cohorts of paid agents, counted from 0; cohorts are of one size.
    improvement, shift, ten_mass : float
        What pay adds to loyalty, what it adds to the answer at the same loyalty, and the share of
        answers that it makes 10 whatever the loyalty.
    agent_sd, noise_sd : float
        Standard deviations of agents' quality, and of answers at the same loyalty.
    response, churn : tuple of float
        Log odds of answering and of leaving: at loyalty 0, and added (answering) or taken away
        (leaving) by each unit of it.
    anchors : Anchors
        What is collected beside scores and departures.
    violations : Violations
        How the world differs from what the model assumes.

    Raises
    ------
    ValueError
        If a cohort starts outside of the periods after the first, cohorts cannot be of one size, or
        the latent distribution is unknown.
    """

    agents: int = 40
    customers: int = 200
    market: tuple[float, ...] = (0.0, 0.25)
    starts: tuple[int, ...] = (1,)
    improvement: float = 0.25
    shift: float = 0.5
    ten_mass: float = 0.0
    agent_sd: float = 0.4
    noise_sd: float = 0.75
    response: tuple[float, float] = (-1.03, 0.3)
    churn: tuple[float, float] = (-2.2, 0.9)
    anchors: Anchors = field(default_factory=Anchors)
    violations: Violations = field(default_factory=Violations)

    def __post_init__(self) -> None:
        if self.violations.latent not in LATENTS:
            raise ValueError(unknown_name("latent distribution", self.violations.latent, LATENTS))
        last = len(self.market) - 1
        wrong = [start for start in self.starts if not 1 <= start <= last]
        if wrong or not self.starts:
            raise ValueError(
                f"starts must name periods from 1 to {last}, so that every cohort is seen before "
                f"and after; found {self.starts}. Pass one number of market= for every period."
            )
        if self.agents % len(self.starts):
            raise ValueError(
                f"cohorts must be of one size; found {self.agents} paid agents in "
                f"{len(self.starts)} cohorts. Pass a multiple of {len(self.starts)} as agents."
            )

    @property
    def total_sd(self) -> float:
        """Standard deviation of the loyalty of all customers before anybody is paid."""
        return float(np.hypot(1.0, self.agent_sd))

    @property
    def first_paid(self) -> NDArray[np.int64]:
        """First paid period of every agent; the agents of the control group come first."""
        never = np.full(self.agents, len(self.market))
        return np.concatenate([never, np.repeat(self.starts, self.agents // len(self.starts))])

    def chance_to_answer(self, loyalty: Array) -> Array:
        """Return the probability that customers of paid agents are asked and answer."""
        base, slope = self.response
        hidden = self.violations.gating * unhappy(loyalty)
        return np.asarray((1.0 - hidden) * special.expit(base + slope * loyalty))

    def departure_odds(self, loyalty: Array, paid: Array) -> Array:
        """Return the log odds of leaving, market and concessions aside."""
        base, slope = self.churn
        unfelt = (1.0 - self.violations.surrogacy) * self.improvement
        gap = self.violations.churn_gap
        return np.asarray(base - slope * (loyalty - unfelt * paid) + gap * paid)


def truth(world: IncentiveWorld, quality: Array | None = None) -> dict[str, float]:
    """Compute what is true of the customers of paid agents, by quadrature.

    Parameters
    ----------
    world : IncentiveWorld
        The world.
    quality : numpy.ndarray, optional
        Of the paid agents; by default that of all agents who could have been hired.

    Returns
    -------
    dict of str to float
        ``improvement``, ``lasting_improvement`` (when promises have been broken) and
        ``reporting_shift`` in standard deviations of all customers' loyalty, ``ten_inflation``;
        ``reported_nps``, ``honest_nps`` of the same people had they not been leant on,
        ``honest_nps_everybody`` and ``inflation`` in points; ``reliability`` and ``churn_slope``
        of the same unit; ``response_rate`` and ``churn_rate``, of paid customers.

    Examples
    --------
    >>> true = truth(IncentiveWorld())
    >>> round(true["improvement"], 3), round(true["honest_nps"], 1), round(true["inflation"], 1)
    (0.232, 47.1, 20.0)
    """
    loyalty, mass = _paid_loyalty(world, quality)
    answers = mass * world.chance_to_answer(loyalty)
    honest = _nps_given(world, loyalty)
    reported_nps = float(_reported_given(world, loyalty) @ answers / answers.sum())
    honest_nps = float(honest @ answers / answers.sum())
    return _latent_truth(world) | {
        "reported_nps": reported_nps,
        "honest_nps": honest_nps,
        "honest_nps_everybody": float(honest @ mass),
        "inflation": reported_nps - honest_nps,
        "response_rate": float(answers.sum()),
        "churn_rate": float(_departure_rate(world, loyalty) @ mass),
    }


def unhappy(loyalty: Array) -> Array:
    """Return the probability that a customer seems unhappy to an agent."""
    return np.asarray(special.ndtr((UNHAPPY - loyalty) / MISJUDGED))


def _latent_truth(world: IncentiveWorld) -> dict[str, float]:
    sd, broken = world.total_sd, world.violations.promised
    return {
        "improvement": world.improvement / sd,
        "lasting_improvement": (world.improvement - broken * DISAPPOINTMENT) / sd,
        "reporting_shift": (world.shift + broken * PROMISE) / sd,
        "ten_inflation": world.ten_mass,
        "reliability": sd**2 / (sd**2 + world.noise_sd**2),
        "churn_slope": world.churn[1] * sd,
    }


def _paid_loyalty(world: IncentiveWorld, quality: Array | None) -> tuple[Array, Array]:
    """Return loyalties of paid customers and their shares."""
    within = LATENTS[world.violations.latent]((np.arange(QUANTILES) + 0.5) / QUANTILES)
    nodes, share = special.roots_hermitenorm(NODES)
    if quality is None:
        quality = world.agent_sd * nodes
    else:
        # Agents who are paid for longer have more paid customers.
        share = (len(world.market) - world.first_paid[world.agents :]).astype(float)
    loyalty = world.improvement + quality[:, None] + within
    return loyalty.ravel(), np.repeat(share / share.sum() / QUANTILES, QUANTILES)


def _nps_given(world: IncentiveWorld, location: Array) -> Array:
    """Return the expected score, in points, of customers by the latent place of their answer."""
    below = special.ndtr((CUTS[DETRACTOR] - location) / world.noise_sd)
    above = special.ndtr((location - CUTS[PROMOTER]) / world.noise_sd)
    return np.asarray(100 * (above - below))


def _reported_given(world: IncentiveWorld, loyalty: Array) -> Array:
    promised, location = world.violations.promised, loyalty + world.shift
    latent = (1 - promised) * _nps_given(world, location)
    latent = latent + promised * _nps_given(world, location + PROMISE)
    return np.asarray((1 - world.ten_mass) * latent + world.ten_mass * 100)


def _departure_rate(world: IncentiveWorld, loyalty: Array) -> Array:
    """Return the probability that paid customers leave, over the periods in which they are."""
    periods = [period for start in world.starts for period in range(start, len(world.market))]
    odds = world.departure_odds(loyalty, np.ones_like(loyalty))
    odds = np.add.outer([world.market[period] for period in periods], odds)
    grudge = unhappy(loyalty)
    stays = special.expit(odds - world.violations.concession)
    return np.asarray(grudge * stays + (1 - grudge) * special.expit(odds)).mean(axis=0)
