"""Whether more answers and more 10 came together: the fingerprint of paid or invented answers.

As in elections, where turnout and the winner's share rise together if votes were added (Klimek,
Yegorov, Hanel and Thurner 2012, "Statistical Detection of Systematic Election Irregularities"), so
here the response rate and the share of 10. Honest selection links the two as well, so changes are
compared with those of untreated agents.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from nps_research.detection.agent_answers import agent_answers
from nps_research.detection.agent_locations import expected_log_odds
from nps_research.detection.honest_change import LEAST_REFERENCE, honest_change
from nps_research.detection.ten_share import LEAST_ANSWERS, log_odds_change, residual_change

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.detection.agent_answers import AgentAnswers
    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]

# The correlation among honest agents is shrunk as if so many more had shown none.
PSEUDO_AGENTS = 10.0
INNOCENT = (
    "Response rates and shares of 10 also rise together when a survey becomes shorter or reaches "
    "customers right after a good experience, and when satisfied customers are the ones to answer."
)


def fingerprint(
    counts: pd.DataFrame,
    agent: str = "agent",
    *,
    least: int = LEAST_ANSWERS,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Compare how the response rate and the share of 10 of each agent changed together.

    Parameters
    ----------
    counts, agent, rating_scale
        As in `agent_answers`; rows with a missing score hold customers who were sent a survey and
        did not answer.
    least : int
        Agents with fewer answers in one of the periods, or without silent customers, get no
        estimate.

    Returns
    -------
    pandas.DataFrame
        Indexed by agent: `response` and `tens`, changes of the log odds of an answer and of a 10
        given the level of the other answers, both less those of honest agents; `z_response` and
        `z_tens`; `estimate`, their mean, `se` and `z`, with their correlation among honest agents;
        `n`. ``attrs``: as in `agent_table`, with `correlation`.

    Raises
    ------
    ValueError
        As in `agent_answers`, or if nobody was silent.

    Notes
    -----
    The untreated agents show how much selection links the two. Better service of treated agents
    alone makes more of their customers answer: that is not subtracted, and is compatible with a
    moderate `z` of all of them.

    Examples
    --------
    >>> from nps_research.detection.simulated_agents import AgentWorld
    >>> made = AgentWorld(mechanism="bribe").simulate(1)
    >>> table = fingerprint(made.counts)
    >>> table["z"].groupby(made.gamer).mean().round(1).tolist()
    [0.3, 4.2]
    """
    read = agent_answers(counts, agent, rating_scale=rating_scale)
    tens, se_tens = residual_change(read, expected_log_odds(read), least)
    response, se_response = response_change(read, least)
    known = np.isfinite(tens) & np.isfinite(response)
    honest = [
        honest_change(np.where(known, each, np.nan), se, read.treated)
        for each, se in ((response, se_response), (tens, se_tens))
    ]
    z = [honest[0].z(response, se_response), honest[1].z(tens, se_tens)]
    first, second = (np.where(known, each, np.nan) for each in z)
    correlation = _honest_correlation(first, second, read.treated)
    mean = np.where(known, (z[0] + z[1]) / 2, np.nan)
    se = np.sqrt((1 + correlation) / 2)
    table = pd.DataFrame(
        {
            "response": response - honest[0].mean,
            "tens": tens - honest[1].mean,
            "z_response": z[0],
            "z_tens": z[1],
            "estimate": mean,
            "se": np.where(known, se, np.nan),
            "z": mean / se,
            "n": read.n,
        },
        index=read.agents,
    )
    table.attrs = {
        "signature": "response rate with 10-share",
        "too_few": int((~known).sum()),
        "reference": honest[0].reference,
        "honest_sd": 0.0,
        "innocent": INNOCENT,
        "correlation": correlation,
    }
    return table


def response_change(read: AgentAnswers, least: int = LEAST_ANSWERS) -> tuple[Array, Array]:
    """Return the change of the log odds of an answer of each agent, and its standard error.

    Missing for agents with fewer than `least` answers in one of the periods, or without silent
    customers in both.

    Raises
    ------
    ValueError
        If nobody was silent.
    """
    answered = read.answers.sum(axis=2)
    if not read.silent.any():
        raise ValueError(
            "the table has no row with a missing score, so response rates are not known. Add the "
            "customers who were sent a survey and did not answer, with a missing score and their n."
        )
    enough = (answered >= least).all(axis=1) & read.silent.any(axis=1)
    return log_odds_change(answered, read.silent, enough)


def _honest_correlation(first: Array, second: Array, treated: NDArray[np.bool_] | None) -> float:
    """Return the correlation of two z among honest agents, shrunk towards 0.

    Of ranks, among untreated agents if there are enough, else among all.
    """
    known = np.isfinite(first) & np.isfinite(second)
    if treated is not None and (known & ~treated).sum() >= LEAST_REFERENCE:
        known = known & ~treated
    many = int(known.sum())
    if many < LEAST_REFERENCE:
        return 0.0
    ranks = float(stats.spearmanr(first[known], second[known]).statistic)
    # Of a bivariate normal distribution with that rank correlation (Pearson 1907).
    return 2 * math.sin(math.pi / 6 * ranks) * many / (many + PSEUDO_AGENTS)
