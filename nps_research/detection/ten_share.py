"""How many of the good answers are 10: the trace of pleading, and of changing single answers.

Pleading for a 10 turns an 8 or 9 into a 10 and leaves the rest alone. Better service moves the
whole distribution. So the share of 10 is compared with what the other answers lead one to expect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nps_research.detection.agent_answers import agent_answers
from nps_research.detection.agent_locations import expected_log_odds
from nps_research.detection.honest_change import agent_table

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from nps_research.detection.agent_answers import AgentAnswers
    from nps_research.detection.agent_locations import Expected
    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]

# With fewer answers in a period, log odds are nearly those of the half answers that are added.
LEAST_ANSWERS = 10
HALF = 0.5
INNOCENT = (
    "Agents also differ in this when customers with other habits of rating came to them, when a "
    "new product or channel changed who answers, or when a few customers answered often."
)


def ten_share(
    counts: pd.DataFrame,
    agent: str = "agent",
    *,
    least: int = LEAST_ANSWERS,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Compare how the share of 10 among answers from 6 to 10 changed, agent by agent.

    Parameters
    ----------
    counts, agent, rating_scale
        As in `agent_answers`. On other scales than 0 to 10: the highest score among answers from
        the highest detractor on.
    least : int
        Agents with fewer such answers in one of the periods get no estimate.

    Returns
    -------
    pandas.DataFrame
        As `agent_table`; `estimate` is the change of the log odds of a 10, less that of honest
        agents.

    Raises
    ------
    ValueError
        As in `agent_answers`.

    Notes
    -----
    An agent who serves better than before also has more 10 among answers from 6 up, and agents
    differ in that: their spread is in `z`. `ten_residual` takes the level of the other answers
    into account.

    Examples
    --------
    >>> from nps_research.detection.simulated_agents import AgentWorld
    >>> made = AgentWorld(mechanism="beg").simulate(1)
    >>> table = ten_share(made.counts)
    >>> table["z"].groupby(made.gamer).mean().round(1).tolist()
    [-0.1, 2.8]
    """
    read = agent_answers(counts, agent, rating_scale=rating_scale)
    first = int(np.flatnonzero(read.scale.scores == read.scale.cuts[0])[0])
    top, rest = read.answers[:, :, -1], read.answers[:, :, first:-1].sum(axis=2)
    enough = ((top + rest) >= least).all(axis=1)
    change, se = log_odds_change(top, rest, enough)
    return agent_table(
        "10-share", read.agents, change, se, read.n, treated=read.treated, innocent=INNOCENT
    )


def ten_residual(
    counts: pd.DataFrame,
    agent: str = "agent",
    *,
    least: int = LEAST_ANSWERS,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Compare how the share of 10 changed beyond what the agent's other answers explain.

    Parameters
    ----------
    counts, agent, rating_scale
        As in `agent_answers`.
    least : int
        Agents with fewer answers in one of the periods get no estimate.

    Returns
    -------
    pandas.DataFrame
        As `agent_table`; `estimate` is the change of the log odds of a 10 given the location of the
        other answers, less that of honest agents.

    Raises
    ------
    ValueError
        As in `agent_answers`.

    Notes
    -----
    What is expected is from `nps_research.detection.agent_locations`. Better service moves all
    answers and leaves no residual. Nor does pleading that moves all answers alike: what is seen
    here are answers that became 10 and nothing else.

    Examples
    --------
    >>> from nps_research.detection.simulated_agents import AgentWorld
    >>> made = AgentWorld(mechanism="beg").simulate(1)
    >>> table = ten_residual(made.counts)
    >>> table["z"].groupby(made.gamer).mean().round(1).tolist()
    [-0.1, 2.5]
    """
    read = agent_answers(counts, agent, rating_scale=rating_scale)
    change, se = residual_change(read, expected_log_odds(read), least)
    return agent_table(
        "10-share given location",
        read.agents,
        change,
        se,
        read.n,
        treated=read.treated,
        innocent=INNOCENT,
    )


def residual_change(
    read: AgentAnswers, expected: Expected, least: int = LEAST_ANSWERS
) -> tuple[Array, Array]:
    """Return the change of the log odds of the highest score beyond expectation, and its error.

    Missing for agents with fewer than `least` answers in one of the periods.
    """
    top, others = read.answers[:, :, -1], read.answers[:, :, :-1].sum(axis=2)
    enough = (top + others >= least).all(axis=1)
    change, se = log_odds_change(top, others, enough)
    return change - expected.change, np.sqrt(se**2 + expected.change_variance)


def log_odds(top: Array, rest: Array) -> Array:
    """Return log odds with half an answer added to each side (Haldane and Anscombe)."""
    return np.asarray(np.log((top + HALF) / (rest + HALF)))


def log_odds_variance(top: Array, rest: Array) -> Array:
    """Return the sampling variance of `log_odds`."""
    return np.asarray(1 / (top + HALF) + 1 / (rest + HALF))


def log_odds_change(top: Array, rest: Array, enough: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return changes of log odds between the periods and their standard errors.

    Parameters
    ----------
    top, rest : numpy.ndarray, shape (agents, 2)
        Answers of either kind, before and after.
    enough : numpy.ndarray of bool
        Who has enough answers; both results are missing for the others.
    """
    value, variance = log_odds(top, rest), log_odds_variance(top, rest)
    change = np.where(enough, value[:, 1] - value[:, 0], np.nan)
    return change, np.where(enough, np.sqrt(variance.sum(axis=1)), np.nan)
