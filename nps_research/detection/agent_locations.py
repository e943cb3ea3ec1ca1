"""Where each agent's answers below the highest score lie, and so how many highest ones to expect.

The cutpoints of a cumulative probit model are those of all agents before. The location of an agent
in a period comes from the answers below the highest score alone, given that they are below it, so
that what is done to the highest score does not enter. There is little in them: locations are shrunk
towards those of the agent's group, and agents towards their own other period.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special
from scipy.optimize import minimize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.detection.agent_answers import AgentAnswers

    type Array = NDArray[np.float64]

# Newton steps from 0: the log likelihood is concave.
STEPS = 30
LONGEST_STEP = 0.5
# Every location has this prior variance at first, which is taken out again afterwards: an agent
# all of whose answers are in the lowest category has no other mode.
STARTING_VARIANCE = 1.0
FARTHEST = 5.0
LEAST_PROBABILITY = 1e-12
# Of the logarithm of the spreads of agents, and of their changes; in latent standard deviations.
START = np.log([0.3, 0.15])
BOUNDS = [(np.log(0.01), np.log(2.0))] * 2


class Expected(NamedTuple):
    """Log odds of the highest score that the other answers lead one to expect.

    Attributes
    ----------
    log_odds : numpy.ndarray, shape (agents, 2)
        Before and after.
    covariance : numpy.ndarray, shape (agents, 2, 2)
        Of their errors, within each agent.
    level_sd, change_sd : float
        How far agents' locations differ, and change, in latent standard deviations.
    """

    log_odds: Array
    covariance: Array
    level_sd: float
    change_sd: float

    @property
    def change(self) -> Array:
        """Expected change of the log odds, shape (agents,)."""
        return np.asarray(self.log_odds[:, 1] - self.log_odds[:, 0])

    @property
    def change_variance(self) -> Array:
        """Variance of the error of the expected change, shape (agents,)."""
        sign = np.array([-1.0, 1.0])
        return np.asarray(sign @ self.covariance @ sign)


def expected_log_odds(read: AgentAnswers) -> Expected:
    """Predict the log odds of the highest score from the other answers of each agent.

    Parameters
    ----------
    read : AgentAnswers
        Of `nps_research.detection.agent_answers.agent_answers`.

    Returns
    -------
    Expected

    Examples
    --------
    >>> from nps_research.detection.agent_answers import agent_answers
    >>> from nps_research.detection.simulated_agents import AgentWorld
    >>> made = AgentWorld(treated=300, untreated=300).simulate(1)
    >>> found = expected_log_odds(agent_answers(made.counts))
    >>> round(found.level_sd, 2), round(found.change_sd, 2)
    (0.26, 0.09)
    """
    cuts = baseline_cuts(read.answers[:, 0].sum(axis=0))
    rest = read.answers[:, :, :-1]
    mode, precision = _modes(rest, cuts)
    own = np.maximum(precision - 1 / STARTING_VARIANCE, 0.0)
    pull = mode * precision
    centre = _group_locations(rest, read.treated, cuts)
    spreads = _spreads(own, pull, centre)
    mean, covariance = _posterior(own, pull, centre, spreads)
    slope = slope_of_log_odds(mean - cuts[-1])
    scaled = slope[:, :, None] * covariance * slope[:, None, :]
    level_sd, change_sd = np.exp(spreads)
    return Expected(normal_log_odds(mean - cuts[-1]), scaled, float(level_sd), float(change_sd))


def baseline_cuts(pooled: Array) -> Array:
    """Return the probit cutpoints at which a location of 0 gives the pooled shares.

    Parameters
    ----------
    pooled : numpy.ndarray, shape (scores,)
        Answers. One answer in all is added, spread evenly, so that no score is impossible.

    Examples
    --------
    >>> baseline_cuts(np.array([16, 68, 16]) - 1 / 3).round(3)
    array([-0.994,  0.994])
    """
    shares = (pooled + 1 / len(pooled)) / (pooled.sum() + 1)
    return np.asarray(special.ndtri(np.cumsum(shares)[:-1]))


def normal_log_odds(x: Array) -> Array:
    """Return the log odds of the normal distribution function, without loss in the tails."""
    return np.asarray(special.log_ndtr(x) - special.log_ndtr(-x))


def slope_of_log_odds(x: Array) -> Array:
    """Return the slope of `normal_log_odds`."""
    log_density = -0.5 * x**2 - 0.5 * np.log(2 * np.pi)
    return np.asarray(np.exp(log_density - special.log_ndtr(x) - special.log_ndtr(-x)))


def _modes(rest: Array, cuts: Array) -> tuple[Array, Array]:
    """Return the mode of each location under the starting prior, and the precision around it."""
    mode = np.zeros(rest.shape[:-1])
    for _ in range(STEPS):
        slope, precision = _slope_and_precision(rest, cuts, mode)
        step = np.clip(slope / precision, -LONGEST_STEP, LONGEST_STEP)
        mode = np.clip(mode + step, -FARTHEST, FARTHEST)
    return mode, precision


def _slope_and_precision(rest: Array, cuts: Array, location: Array) -> tuple[Array, Array]:
    """Return the slope of the log posterior in the location, and the expected precision."""
    at = cuts - location[..., None]
    below, density = special.ndtr(at), np.exp(-0.5 * at**2) / np.sqrt(2 * np.pi)
    inner = np.maximum(np.diff(below, axis=-1, prepend=0.0), LEAST_PROBABILITY)
    by_score = -np.diff(density, axis=-1, prepend=0.0) / inner
    score = by_score + density[..., -1:] / np.maximum(below[..., -1:], LEAST_PROBABILITY)
    shares = inner / inner.sum(axis=-1, keepdims=True)
    information = rest.sum(axis=-1) * np.sum(shares * score**2, axis=-1)
    slope = np.sum(rest * score, axis=-1) - location / STARTING_VARIANCE
    return slope, information + 1 / STARTING_VARIANCE


def _group_locations(rest: Array, treated: NDArray[np.bool_] | None, cuts: Array) -> Array:
    """Return the location of each agent's group in each period, shape (agents, 2)."""
    member = np.zeros(len(rest), np.int64) if treated is None else treated.astype(np.int64)
    pooled = np.stack([rest[member == group].sum(axis=0) for group in range(2)])
    return np.asarray(_modes(pooled, cuts)[0][member])


def _spreads(own: Array, pull: Array, centre: Array) -> Array:
    """Return the logarithms of the spreads of levels and of changes, by marginal likelihood."""

    def loss(logs: Array) -> float:
        return -_log_marginal(own, pull, centre, logs)

    return np.asarray(minimize(loss, START, method="L-BFGS-B", bounds=BOUNDS).x)


def _prior_precision(logs: Array) -> Array:
    level, change = np.exp(2 * logs)
    return np.asarray(np.linalg.inv([[level, level], [level, level + change]]))


def _log_marginal(own: Array, pull: Array, centre: Array, logs: Array) -> float:
    """Return the log marginal likelihood of normal summaries, up to a constant."""
    prior = _prior_precision(logs)
    joint = prior + own[:, :, None] * np.eye(2)
    shifted = pull - own * centre
    explained = np.sum(shifted * np.linalg.solve(joint, shifted[..., None])[..., 0])
    loss = np.linalg.slogdet(joint)[1].sum() - len(own) * np.linalg.slogdet(prior)[1]
    return float(0.5 * (explained - loss))


def _posterior(own: Array, pull: Array, centre: Array, logs: Array) -> tuple[Array, Array]:
    prior = _prior_precision(logs)
    covariance = np.linalg.inv(prior + own[:, :, None] * np.eye(2))
    mean = np.einsum("apq,aq->ap", covariance, centre @ prior + pull)
    return mean, covariance
