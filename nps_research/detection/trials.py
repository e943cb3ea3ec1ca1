"""One simulated firm and what a detector says of it: the unit of studies of size and power.

Every trial takes a number, from which all its randomness comes, and a strength of gaming, and
returns shares of flags at a nominal 5 %: `honest`, of honest agents, and `gaming`, of those who
game. For tests of a whole firm these are 0 or 1, and only the one that applies is known.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from nps_research.detection.agent_outliers import agent_outliers
from nps_research.detection.density_jump import density_jump
from nps_research.detection.fingerprint import fingerprint
from nps_research.detection.fingerprint_mixture import fingerprint_mixture
from nps_research.detection.heaping import heaping
from nps_research.detection.round_scores import round_scores
from nps_research.detection.simulated_agents import SHARES, AgentWorld
from nps_research.detection.target_bunching import target_bunching
from nps_research.detection.ten_share import ten_residual, ten_share
from nps_research.detection.withholding import withholding, withholding_test

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    type Array = NDArray[np.float64]
    type Integers = NDArray[np.int64]
    type Detector = Callable[[pd.DataFrame], pd.DataFrame]
    type Trial = Callable[[int, float], dict[str, float]]

NOMINAL = 0.05
FLAG = float(special.ndtri(1 - NOMINAL))
TARGET = 40.0
# Customers of a unit, relative to the population of `simulated_agents`: so that targets are near.
UNIT_LEVEL, UNIT_SD = 0.25, 0.35
LATENT_SD = 1.3
PLEADING, PAYING = AgentWorld(mechanism="beg"), AgentWorld(mechanism="bribe")


def agent_trial(
    number: int, strength: float, *, detector: Detector, world: AgentWorld
) -> dict[str, float]:
    """Simulate agents and flag those whose z is above the 95 % point of a normal distribution.

    Parameters
    ----------
    number : int
        Number of the trial.
    strength : float
        Of gaming, 0 to 1.
    detector : callable
        Maps counts to a table with a column `z`.
    world : AgentWorld
        The agents.

    Returns
    -------
    dict of str to float
        Flagged shares of `honest` and `gaming` treated agents; missing if there are none.

    Examples
    --------
    >>> agent_trial(1, 0.0, detector=ten_residual, world=AgentWorld(treated=20, untreated=10))
    {'honest': 0.1, 'gaming': nan}
    """
    made = replace(world, strength=strength).simulate(number)
    flagged = detector(made.counts)["z"].to_numpy() > FLAG
    treated = np.arange(len(flagged)) < world.treated
    gaming = made.gamer.to_numpy() & (strength > 0) & (world.mechanism != "none")
    return {"honest": _mean(flagged[treated & ~gaming]), "gaming": _mean(flagged[gaming])}


def bunching_trial(number: int, strength: float) -> dict[str, float]:
    """Test 400 unit quarters for bunching; `strength` is the share who delete an answer or two."""
    counts = _unit_counts(made_units(number, strength))
    found = target_bunching(counts, ["unit"], target=TARGET, resamples=0, random_seed=number)
    return _firm(found.p_value, strength)


def density_trial(number: int, strength: float) -> dict[str, float]:
    """Test 400 large units for a jump; `strength` is the share who delete an answer or two."""
    units = made_units(number, strength, answers=400.0, shape=20.0, deletions=6)
    counts = _unit_counts(units[units.sum(axis=1) >= 200])
    return _firm(density_jump(counts, ["unit"], target=TARGET).p_value, strength)


def round_trial(number: int, strength: float) -> dict[str, float]:
    """Test 400 reported scores; `strength` is the share rounded up if a ten is 2 points away."""
    generator = np.random.default_rng([number, 1])
    units = made_units(number, 0.0)
    n = units.sum(axis=1)
    score = np.round(100 * (units[:, 2] - units[:, 0]) / n)
    up = np.ceil(score / 10) * 10
    raised = (up - score <= 2) & (generator.random(len(n)) < strength)
    reported = pd.DataFrame({"nps": np.where(raised, up, score), "n": n})
    return _firm(round_scores(reported).p_value, strength)


def heaping_trial(number: int, strength: float) -> dict[str, float]:
    """Test whether 10 became more frequent, in a firm where some agents pay for a 10."""
    counts = replace(PAYING, strength=strength).simulate(number).counts
    found = heaping(counts, digits=[10])
    return _firm(float(found.table["p_value"].iloc[-1]), strength)


def mixture_trial(number: int, strength: float, *, resamples: int = 39) -> dict[str, float]:
    """Test for a mixture of agents who add answers of 10, in a firm where some pay for a 10."""
    counts = replace(PAYING, strength=strength).simulate(number).counts
    found = fingerprint_mixture(counts, resamples=resamples, random_seed=number)
    return _firm(found.p_value, strength)


def withholding_trial(number: int, strength: float) -> dict[str, float]:
    """Flag agents; gamers do not send surveys at the target, with probability `strength`."""
    surveys, gamer = made_surveys(number, strength)
    flagged = withholding(surveys, target=TARGET)["z"].to_numpy() > FLAG
    return {"honest": _mean(flagged[~gamer]), "gaming": _mean(flagged[gamer])}


def withholding_firm_trial(number: int, strength: float) -> dict[str, float]:
    """Test a firm in which a quarter of the agents do not send surveys at the target."""
    surveys, _ = made_surveys(number, strength)
    return _firm(withholding_test(surveys, target=TARGET).p_value, strength)


def made_units(
    number: int,
    moved: float,
    *,
    units: int = 400,
    answers: float = 45.0,
    shape: float = 8.0,
    deletions: int = 2,
) -> Integers:
    """Draw detractors, passives and promoters of units, some of which delete to reach the target.

    Units differ in the level of their customers' loyalty, which is no Dirichlet distribution.

    Parameters
    ----------
    number : int
        Number of the trial.
    moved : float
        Share of the units that delete detractors, if `deletions` of them reach the target.
    units : int
        How many.
    answers, shape : float
        Mean and shape of the gamma distribution of the expected number of answers.
    deletions : int
        At most.

    Examples
    --------
    >>> made_units(1, 0.0).shape
    (400, 3)
    """
    generator = np.random.default_rng(number)
    n = np.maximum(generator.poisson(generator.gamma(shape, answers / shape, units)), 1)
    level = UNIT_LEVEL + UNIT_SD * generator.standard_normal(units)
    cuts = LATENT_SD * special.ndtri(np.cumsum(SHARES)[[6, 8]])
    below = special.ndtr((cuts - level[:, None]) / np.sqrt(LATENT_SD**2 - UNIT_SD**2))
    shares = np.diff(below, axis=1, prepend=0.0, append=1.0)
    classes = generator.multinomial(n, shares)
    willing = generator.random(units) < moved
    for many in range(1, deletions + 1):
        left = classes[:, 0] >= many
        reaches = _points(classes - np.array([many, 0, 0])) >= TARGET
        now = willing & left & reaches & (_points(classes) < TARGET)
        classes[now, 0] -= many
    return classes


def made_surveys(
    number: int, strength: float, *, agents: int = 60, windows: int = 6, due: int = 25
) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Draw due customers of agents, one by one, and whether they were sent a survey.

    Parameters
    ----------
    number : int
        Number of the trial.
    strength : float
        Probability that one of the gamers, a quarter of the agents, does not send at the target.
    agents, windows, due : int
        Agents, windows of each, and due customers in a window.

    Returns
    -------
    surveys : pandas.DataFrame
        As `nps_research.detection.withholding.withholding` takes it.
    gamer : numpy.ndarray of bool, shape (agents,)

    Examples
    --------
    >>> made_surveys(1, 0.0)[0]["n"].sum()
    np.int64(9000)
    """
    generator = np.random.default_rng(number)
    gamer = (np.arange(agents) < agents // 4) & (strength > 0)
    agent = np.repeat(np.arange(agents), windows)
    sends = special.expit(2.0 + 0.7 * generator.standard_normal(agents))[agent]
    level = 0.35 * generator.standard_normal(agents)[agent]
    answers, net = np.zeros((2, len(agent)), np.int64)
    parts = []
    for turn in range(due):
        at = (answers >= 5) & (100 * net >= TARGET * answers)
        chance = sends * (1 - strength * (gamer[agent] & at))
        sent = generator.random(len(agent)) < chance
        columns = {"agent": agent, "months_left": 2 - 3 * turn // due}
        counts = {"window_answers": answers.copy(), "window_net": net.copy(), "sent": sent * 1}
        parts.append(pd.DataFrame(columns | counts))
        answered = sent & (generator.random(len(agent)) < 0.4)
        latent = generator.standard_normal(len(agent))
        cuts = special.ndtri(np.cumsum(SHARES)[[6, 8]])
        place = (latent > cuts[0] - UNIT_LEVEL - level) * 1 + (
            latent > cuts[1] - UNIT_LEVEL - level
        )
        answers += answered
        net += answered * (place - 1)
    return pd.concat(parts, ignore_index=True).assign(post=1, n=1), gamer


def _points(classes: Integers) -> Array:
    return 100 * (classes[:, 2] - classes[:, 0]) / np.maximum(classes.sum(axis=1), 1)


def _unit_counts(classes: Integers) -> pd.DataFrame:
    unit, place = np.nonzero(classes)
    score = np.array([3, 8, 10])[place]
    return pd.DataFrame({"unit": unit, "score": score, "n": classes[unit, place]})


def _firm(p_value: float, strength: float) -> dict[str, float]:
    flagged = float(p_value <= NOMINAL)
    if strength > 0:
        return {"honest": float("nan"), "gaming": flagged}
    return {"honest": flagged, "gaming": float("nan")}


def _mean(flagged: NDArray[np.bool_]) -> float:
    return float(flagged.mean()) if len(flagged) else float("nan")


def _agent_trial(detector: Detector, world: AgentWorld) -> Trial:
    def trial(number: int, strength: float) -> dict[str, float]:
        return agent_trial(number, strength, detector=detector, world=world)

    return trial


TRIALS: dict[str, Trial] = {
    "bunching at the target": bunching_trial,
    "density at the target": density_trial,
    "round reported scores": round_trial,
    "withholding, agents": withholding_trial,
    "withholding, firm": withholding_firm_trial,
    "10-share": _agent_trial(ten_share, PLEADING),
    "10-share given location": _agent_trial(ten_residual, PLEADING),
    "10-mass": _agent_trial(agent_outliers, PLEADING),
    "heaping at 10": heaping_trial,
    "response rate with 10-share": _agent_trial(fingerprint, PAYING),
    "fingerprint mixture": mixture_trial,
}
