"""Simulated customers of agents who are, from some day on, paid for their score.

Every customer of an `IncentiveWorld` is drawn, so that nothing here shares a line with the model
that is to be tested.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from nps_research.inflation.worlds import (
    CUTS,
    LATENTS,
    PROMISE,
    SCALE,
    IncentiveWorld,
    truth,
    unhappy,
)
from nps_research.views import viewed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]
    type Booleans = NDArray[np.bool_]

SENTIMENTS = 5
# Streams of randomness: worlds that differ in one part share the shocks of the others.
QUALITY, LOYALTY, ANSWER, NOISE, LEAVE, TEN, GRUDGE, GATE, PROMISED = range(9)
COMMENT, WORDS, RETEST, REVIEW, STARS = range(9, 14)
# Customers to ask for one pair: more than enough at any response rate that occurs.
ASKED = 20


@viewed
class SimulatedCounts(NamedTuple):
    """What a firm can see, and what is true.

    Attributes
    ----------
    counts : pandas.DataFrame
        Columns agent, treated, post, score (missing for the silent), churned and n; `period` if
        there are more than two, `audit` with audits, `sentiment` with comments, `review` with
        reviews.
    retest : pandas.DataFrame
        Columns first, second and n: answers of the same customers.
    truth : dict of str to float
        As `worlds.truth` returns, of the agents who were drawn.
    """

    counts: pd.DataFrame
    retest: pd.DataFrame
    truth: dict[str, float]


@dataclass(frozen=True)
class _Shocks:
    """Uniform numbers of every customer, one stream a purpose."""

    random_seed: int
    size: int

    def shares(self, purpose: int) -> Array:
        return _stream(self.random_seed, purpose).uniform(size=self.size)

    def normal(self, purpose: int) -> Array:
        return np.asarray(special.ndtri(self.shares(purpose)))

    def happens(self, purpose: int, chance: Array | float) -> Booleans:
        return np.asarray(self.shares(purpose) < chance)


def simulated_counts(world: IncentiveWorld | None = None, *, random_seed: int) -> SimulatedCounts:
    """Simulate the customers of two groups of agents, one of which is paid for its score.

    Parameters
    ----------
    world : IncentiveWorld, optional
        By default 32,000 customers of 80 agents in two periods.
    random_seed : int
        Worlds that differ in one part share the shocks of the others.

    Returns
    -------
    SimulatedCounts

    Examples
    --------
    >>> counts, retest, true = simulated_counts(IncentiveWorld(customers=50), random_seed=1)
    >>> counts["n"].sum(), retest["n"].sum(), round(true["reporting_shift"], 3)
    (np.int64(8000), np.int64(600), 0.464)
    """
    world = world or IncentiveWorld()
    quality = world.agent_sd * _stream(random_seed, QUALITY).standard_normal(2 * world.agents)
    control, paid = np.split(quality, 2)
    people = _customers(world)
    seen = _observed(world, people, quality, _Shocks(random_seed, len(people)))
    retest = _retest(world, control, random_seed)
    return SimulatedCounts(_tabulated(world, seen), retest, truth(world, paid))


def _customers(world: IncentiveWorld) -> pd.DataFrame:
    """Return one row a customer: who serves them and when, and who asks for the score."""
    firm = _visits(world, world.customers).assign(audit=0)
    third = _visits(world, world.anchors.audits).assign(audit=1)
    return pd.concat([firm, third[third["treated"] * third["post"] == 1]], ignore_index=True)


def _visits(world: IncentiveWorld, each: int) -> pd.DataFrame:
    shape = (2 * world.agents, len(world.market), each)
    agent, period, _ = np.indices(shape).reshape(3, -1)
    treated = agent >= world.agents
    since = np.where(treated, world.first_paid[agent], min(world.starts))
    columns = {"agent": agent, "period": period, "treated": treated, "post": period >= since}
    return pd.DataFrame(columns).astype(int)


def _observed(
    world: IncentiveWorld, people: pd.DataFrame, quality: Array, shocks: _Shocks
) -> pd.DataFrame:
    """Return the customers with what they answer and whether they leave."""
    paid = (people["treated"] * people["post"]).to_numpy(bool)
    leant_on = paid & (people["audit"] == 0).to_numpy()
    loyalty = LATENTS[world.violations.latent](shocks.shares(LOYALTY))
    loyalty = loyalty + quality[people["agent"]] + world.improvement * paid
    grudge = paid & shocks.happens(GRUDGE, unhappy(loyalty))
    location = loyalty + PROMISE * (paid & shocks.happens(PROMISED, world.violations.promised))
    location += world.shift * leant_on
    score = _scores(location + world.noise_sd * shocks.normal(NOISE))
    score[leant_on & shocks.happens(TEN, world.ten_mass)] = SCALE.maximum
    silent = _silent(world, people, loyalty, shocks)
    silent |= leant_on & grudge & shocks.happens(GATE, world.violations.gating)
    odds = world.departure_odds(loyalty, paid) + np.array(world.market)[people["period"]]
    left = shocks.happens(LEAVE, special.expit(odds - world.violations.concession * grudge))
    seen = people.assign(score=pd.array(score, "Int64"), churned=left.astype(int))
    said = loyalty + world.anchors.leak * (location - loyalty)
    talk = shocks.happens(COMMENT, world.anchors.comments)
    rate = shocks.happens(REVIEW, world.anchors.reviews)
    seen["sentiment"] = _sentiments(world, said, shocks.normal(WORDS)).where(talk)
    seen["review"] = _sentiments(world, loyalty, shocks.normal(STARS)).where(rate)
    seen.loc[silent, ["score", "sentiment"]] = pd.NA
    return seen


def _scores(latent: Array) -> NDArray[np.int64]:
    return np.asarray(SCALE.scores[np.searchsorted(CUTS, latent)])


def _silent(
    world: IncentiveWorld, people: pd.DataFrame, loyalty: Array, shocks: _Shocks
) -> Booleans:
    base, slope = world.response
    silent = ~shocks.happens(ANSWER, special.expit(base + slope * loyalty))
    if world.anchors.audit_response == "complete":
        silent &= (people["audit"] == 0).to_numpy()
    return silent


def _sentiments(world: IncentiveWorld, location: Array, noise: Array) -> pd.Series:
    """Return classes that are of equal size before anybody is paid."""
    slope = world.anchors.sentiment_slope
    shares = np.arange(1, SENTIMENTS) / SENTIMENTS
    cuts = special.ndtri(shares) * np.hypot(1.0, slope * world.total_sd)
    return pd.Series(1 + np.searchsorted(cuts, slope * location + noise), dtype="Int64")


def _tabulated(world: IncentiveWorld, seen: pd.DataFrame) -> pd.DataFrame:
    unused = {
        "period": len(world.market) == 2,
        "audit": world.anchors.audits == 0,
        "sentiment": world.anchors.comments == 0,
        "review": world.anchors.reviews == 0,
    }
    kept = [name for name in seen if not unused.get(str(name), False)]
    return seen.groupby(kept, dropna=False).size().rename("n").reset_index()


def _retest(world: IncentiveWorld, quality: Array, random_seed: int) -> pd.DataFrame:
    """Return pairs of answers of customers of the control group before anybody is paid."""
    pairs, memory = world.anchors.retest_pairs, world.violations.retest_memory
    generator = _stream(random_seed, RETEST)
    asked = pairs * ASKED
    within = LATENTS[world.violations.latent](generator.uniform(size=asked))
    loyalty = generator.choice(quality, asked) + within
    base, slope = world.response
    loyalty = loyalty[generator.uniform(size=asked) < special.expit(base + slope * loyalty)][:pairs]
    shared, first, second = generator.standard_normal((3, len(loyalty)))
    noise = (np.sqrt(memory) * shared + np.sqrt(1 - memory) * own for own in (first, second))
    answers = [_scores(loyalty + world.noise_sd * each) for each in noise]
    table = pd.DataFrame(dict(zip(("first", "second"), answers, strict=True)))
    return table.groupby(["first", "second"]).size().rename("n").reset_index()


def _stream(random_seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng([random_seed, purpose])
