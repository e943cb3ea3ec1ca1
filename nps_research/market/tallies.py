"""What happened in a run, counted in one pass over customers and months."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nps_research.market.compilation import compiled
from nps_research.market.events import Event
from nps_research.market.regimes import MONTHS_A_WINDOW
from nps_research.market.surveys import HIGHEST_DETRACTOR, LOWEST_PROMOTER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Integers = NDArray[np.int64]

SCORES = 11

# Surveys: what was recorded, what the same people would say to an honest survey, and what everyone
# sampled would say to it.
RECORDED, HONEST, CENSUS = range(3)
SURVEYS = 3
# Surveys with respondents are compared among all who answer them, and among those who answer both.
ANSWERED = 2
OWN, BOTH = range(2)
RESPONDENTS = 2

CLASSES = 3  # detractors, passives, promoters
# Columns of the table of agents after the classes of scores by survey and respondents.
EXPOSED, LEFT = ANSWERED * RESPONDENTS * CLASSES, ANSWERED * RESPONDENTS * CLASSES + 1
AGENT_COLUMNS = LEFT + 1

ACTIVE, CHURNED, FRAME = int(Event.ACTIVE), int(Event.CHURNED), int(Event.FRAME)
VERBATIM, HONEST_VERBATIM = int(Event.VERBATIM), int(Event.SHADOW_VERBATIM)
NEVER = np.iinfo(np.int64).max


class Rows(NamedTuple):
    """What happened to every customer in every month.

    Attributes
    ----------
    recorded, honest, census : numpy.ndarray
        Scores, -1 where there is none, shape (months, customers), int8.
    events : numpy.ndarray
        Bit fields of `Event`, the same shape, uint32; 0 for customers who have left. Scores are
        those of customers in the sampling frame.
    agent : numpy.ndarray
        Agent of each customer, shape (customers,).
    since : numpy.ndarray
        First month in which each agent is paid for the score, shape (agents,).
    """

    recorded: NDArray[np.int8]
    honest: NDArray[np.int8]
    census: NDArray[np.int8]
    events: NDArray[np.uint32]
    agent: NDArray[Any]
    since: Integers


class Tallies(NamedTuple):
    """Counts of the months in which agents were paid for the score.

    Attributes
    ----------
    scores : numpy.ndarray
        Answers by survey and score, shape (SURVEYS, SCORES).
    leaving : numpy.ndarray
        Answers by survey, respondents, score, and whether the customer stayed or left soon, shape
        (ANSWERED, RESPONDENTS, SCORES, 2).
    detractors : numpy.ndarray
        Recorded detractors with a comment, honest ones with a comment, and honest ones who are
        not recorded as such.
    event_bytes : numpy.ndarray
        How often each of the four bytes of the events had each value, shape (4, 256).
    agents : numpy.ndarray
        Shape (agents, AGENT_COLUMNS).
    windows : numpy.ndarray
        Classes of scores by quarter, agent and survey, shape (quarters, agents, ANSWERED, CLASSES).
    """

    scores: Integers
    leaving: Integers
    detractors: Integers
    event_bytes: Integers
    agents: Integers
    windows: Integers


def tallied(rows: Rows, horizon: int) -> Tallies:
    """Count what happened.

    Parameters
    ----------
    rows : Rows
        What happened.
    horizon : int
        Months, from that of the answer on, within which leaving is soon. Answers that cannot be
        followed for so long are left out of `leaving`.
    """
    months, agents = len(rows.recorded), len(rows.since)
    quarters = -(-months // MONTHS_A_WINDOW)
    tallies = Tallies(
        scores=np.zeros((SURVEYS, SCORES), np.int64),
        leaving=np.zeros((ANSWERED, RESPONDENTS, SCORES, 2), np.int64),
        detractors=np.zeros(3, np.int64),
        event_bytes=np.zeros((4, 256), np.int64),
        agents=np.zeros((agents, AGENT_COLUMNS), np.int64),
        windows=np.zeros((quarters, agents, ANSWERED, CLASSES), np.int64),
    )
    _count(rows, tallies, horizon)
    return tallies


@compiled
def _count(rows: Rows, tallies: Tallies, horizon: int) -> None:
    """Go backwards: who leaves within the horizon is then known."""
    recorded, honest, census, events, agents, since = rows
    months, customers = events.shape
    leaves = np.full(customers, NEVER)
    for month in range(months - 1, -1, -1):
        followed = month + horizon <= months
        for customer in range(customers):
            event, agent = events[month, customer], agents[customer]
            if event & CHURNED:
                leaves[customer] = month
            if event == 0 or month < since[agent]:
                continue
            _count_events(tallies.event_bytes, tallies.agents[agent], event)
            if event & FRAME:
                soon = int(leaves[customer] - month < horizon) if followed else -1
                scores = recorded[month, customer], honest[month, customer]
                _count_census(tallies.scores, census[month, customer])
                _count_answers(tallies, scores, agent, month // MONTHS_A_WINDOW, soon)
                _count_detractors(tallies.detractors, scores, event)


@compiled
def _count_events(event_bytes: Integers, agent: Integers, event: int) -> None:
    for byte in range(4):
        event_bytes[byte, (event >> (8 * byte)) & 255] += 1
    agent[EXPOSED] += int((event & ACTIVE) != 0)
    agent[LEFT] += int((event & CHURNED) != 0)


@compiled
def _count_census(scores: Integers, score: int) -> None:
    if score >= 0:
        scores[CENSUS, score] += 1


@compiled
def _count_answers(
    tallies: Tallies, scores: tuple[int, int], agent: int, window: int, soon: int
) -> None:
    for survey in (RECORDED, HONEST):
        score = scores[survey]
        if score < 0:
            continue
        group = int(score > HIGHEST_DETRACTOR) + int(score >= LOWEST_PROMOTER)
        tallies.scores[survey, score] += 1
        tallies.windows[window, agent, survey, group] += 1
        for respondents in range(1 + int(scores[1 - survey] >= 0)):
            column = (RESPONDENTS * survey + respondents) * CLASSES + group
            tallies.agents[agent, column] += 1
            if soon >= 0:
                tallies.leaving[survey, respondents, score, soon] += 1


@compiled
def _count_detractors(detractors: Integers, scores: tuple[int, int], event: int) -> None:
    recorded, honest = scores
    unhappy = 0 <= honest <= HIGHEST_DETRACTOR
    heard = 0 <= recorded <= HIGHEST_DETRACTOR
    detractors[0] += int(heard and (event & VERBATIM) != 0)
    detractors[1] += int(unhappy and (event & HONEST_VERBATIM) != 0)
    detractors[2] += int(unhappy and not heard)
