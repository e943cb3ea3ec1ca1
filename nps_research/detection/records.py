"""What a firm's own systems would show of a simulated market: the tables that detectors read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from nps_research.market.events import Event
from nps_research.market.regimes import MONTHS_A_WINDOW
from nps_research.market.runs import crosses
from nps_research.market.shocks import Purpose, normals
from nps_research.market.surveys import HIGHEST_DETRACTOR, LOWEST_PROMOTER, NO_ANSWER
from nps_research.scale import RatingScale
from nps_research.views import viewed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nps_research.market.runs import Run

    type Integers = NDArray[np.int64]

UNIT_COLUMNS = ["agent", "team", "treated", "post"]
# Tags of cases, from the easiest to the hardest fifth.
DIFFICULTIES = ("easiest", "easy", "medium", "hard", "hardest")
# Width of the classes of sentiment.
TONE = 0.25
ACTS = (
    *("begged", "bribed", "gated", "withheld", "deleted", "altered"),
    *("dodged", "given", "promised"),
)
SURVEY_COLUMNS = (
    *("quarter", "months_left", "window_answers", "window_net"),
    *("sent", "opened", "recorded"),
)
MARKS = {"sent": Event.SENT, "opened": Event.ANSWERED, "logged": Event.EDIT_LOGGED}


@viewed
@dataclass(frozen=True, eq=False)
class AgentRecords:
    """Tables of counts by agent, as a firm has them.

    All have the columns `agent`, `team`, `treated` (1 in teams that are ever paid for the score),
    `post` (1 from the team's own start of pay on; in other teams from the first start on) and `n`.

    Attributes
    ----------
    answers : pandas.DataFrame
        Surveys sent: `quarter` and `score`, missing where no answer is on record.
    surveys : pandas.DataFrame
        Customers who were due for a survey: `quarter`, `months_left` of it, `window_answers` and
        `window_net` (recorded answers of the agent's quarter so far, and promoters less detractors
        among them), `sent`, `opened` (came back) and `recorded`, each 0 or 1.
    edits : pandas.DataFrame
        Answers that the log knows: `low` (1 if the answer was 6 or less when it came in) and
        `edited` (1 if it was deleted or altered and the log shows it).
    ids : pandas.DataFrame
        Recorded answers: `id`, the number that the answer was given when it came in, counted for
        every agent. One row each.
    comments : pandas.DataFrame
        Recorded answers with a comment: `score` and `sentiment`, in classes. Empty unless the run
        was simulated with ``record=True``.
    departures : pandas.DataFrame
        Customers at their first survey of a period, sent or not: `score` and `churned`.
    cases : pandas.DataFrame
        Contacts: `difficulty` (an ordered tag) and `transferred`.
    """

    answers: pd.DataFrame
    surveys: pd.DataFrame
    edits: pd.DataFrame
    ids: pd.DataFrame
    comments: pd.DataFrame
    departures: pd.DataFrame
    cases: pd.DataFrame


def agent_records(run: Run, *, follow_up: int = 6) -> AgentRecords:
    """Return the tables that a firm would have of a simulated market.

    Parameters
    ----------
    run : Run
        Of `Market.simulate`; with ``record=True`` if comments are needed.
    follow_up : int
        `churned` is 1 for customers who leave within so many months, the month of the survey being
        the first. Those who cannot be followed for so long within the simulation, or without the
        start of pay coming in between, are left out.

    Returns
    -------
    AgentRecords

    Raises
    ------
    ValueError
        If the follow-up is not within the simulation.

    Examples
    --------
    >>> from nps_research.market.mechanisms import Incentives
    >>> from nps_research.market.simulate import Market
    >>> market = Market(customers=200, agents=4, teams=2, months=12)
    >>> records = agent_records(market.simulate(Incentives(editing=1), random_seed=1))
    >>> records.edits.groupby("low")["edited"].max().tolist()
    [0, 1]
    """
    months = len(run.events)
    if not 1 <= follow_up <= months:
        raise ValueError(f"follow_up must be from 1 to {months} months; found {follow_up}.")
    asked = _asked(run)
    sent, came = asked[asked["sent"] == 1], asked[asked["opened"] == 1]
    return AgentRecords(
        answers=counted_by_agent(sent, ["quarter", "score"]),
        surveys=counted_by_agent(asked, [*SURVEY_COLUMNS]),
        edits=counted_by_agent(came[(came["recorded"] | came["logged"]) == 1], ["low", "edited"]),
        ids=came.loc[came["recorded"] == 1, [*UNIT_COLUMNS, "id"]].reset_index(drop=True),
        comments=counted_by_agent(asked[asked["sentiment"].notna()], ["score", "sentiment"]),
        departures=counted_by_agent(_first_surveys(run, asked, follow_up), ["score", "churned"]),
        cases=_cases(run),
    )


def agent_acts(run: Run) -> pd.DataFrame:
    """Return what agents really did, which no firm knows: the truth that detectors are held to.

    Parameters
    ----------
    run : Run
        Of `Market.simulate`.

    Returns
    -------
    pandas.DataFrame
        Indexed by agent: `treated`, `propensity` (0 for the honest) and the number of customers in
        each of the acts, such as `begged`.

    Examples
    --------
    >>> from nps_research.market.mechanisms import Incentives
    >>> from nps_research.market.simulate import Market
    >>> market = Market(customers=200, agents=4, teams=2, months=12)
    >>> acts = agent_acts(market.simulate(Incentives(gating=1), random_seed=1))
    >>> acts.loc[acts["treated"] == 0, "gated"].sum()
    np.int64(0)
    """
    agents = len(run.since)
    columns = {
        act: np.bincount(
            run.population.agent,
            weights=((run.events & Event[act.upper()]) > 0).sum(axis=0),
            minlength=agents,
        ).astype(np.int64)
        for act in ACTS
    }
    known = {
        "treated": run.treated.astype(np.int64),
        "propensity": run.population.propensity,
    }
    return pd.DataFrame(known | columns).rename_axis("agent")


def _asked(run: Run) -> pd.DataFrame:
    """List the customers who were due for a survey, in the order of time."""
    month, customer = np.nonzero(run.events & Event.FRAME)
    events, score = run.events[month, customer], run.recorded[month, customer].astype(np.int64)
    table = _units(run, month, customer).assign(
        customer=customer,
        month=month,
        quarter=month // MONTHS_A_WINDOW,
        months_left=MONTHS_A_WINDOW - 1 - month % MONTHS_A_WINDOW,
        score=pd.arrays.IntegerArray(score, score == NO_ANSWER),
        recorded=(score != NO_ANSWER).astype(np.int64),
        sentiment=_tone(run, month, customer),
    )
    for column, marks in MARKS.items():
        table[column] = ((events & int(marks)) > 0).astype(np.int64)
    table["edited"] = table["logged"]
    # What was edited had been low: an alteration that is not in the log looks like a high answer.
    low = (score != NO_ANSWER) & (score <= HIGHEST_DETRACTOR)
    table["low"] = (low | (table["logged"] == 1)).astype(np.int64)
    table["id"] = table.groupby("agent")["opened"].cumsum()
    return with_window(table, (score != NO_ANSWER) & ((events & Event.DODGED) == 0))


def _units(run: Run, month: Integers, customer: Integers) -> pd.DataFrame:
    agent = run.population.agent[customer].astype(np.int64)
    return pd.DataFrame(
        {
            "agent": agent,
            "team": run.population.team[agent].astype(np.int64),
            "treated": run.treated[agent].astype(np.int64),
            "post": (month >= run.post_since[agent]).astype(np.int64),
        }
    )


def _tone(run: Run, month: Integers, customer: Integers) -> NDArray[np.float64]:
    """Return the sentiment of comments on record, in classes; NaN where there is none."""
    if not len(run.rows.sentiment):
        return np.full(len(month), np.nan)
    exact = run.rows.sentiment[month, customer].astype(np.float64)
    return np.round(exact / TONE) * TONE + 0.0


def with_window(rows: pd.DataFrame, counted: NDArray[np.bool_]) -> pd.DataFrame:
    """Add the answers, and their net score, that the agent's quarter had before each row.

    Parameters
    ----------
    rows : pandas.DataFrame
        In the order of time: `agent`, `quarter` and `score`.
    counted : numpy.ndarray of bool
        Which rows have an answer that counts for the agent.

    Examples
    --------
    >>> rows = pd.DataFrame({"agent": 1, "quarter": 0, "score": [10, 3, 9, 9]})
    >>> with_window(rows, np.array([True, True, False, True]))["window_net"].tolist()
    [0, 1, 0, 0]
    """
    score = rows["score"].fillna(0).to_numpy(dtype=np.int64)
    net = (score >= LOWEST_PROMOTER).astype(np.int64) - (score <= HIGHEST_DETRACTOR)
    added = {}
    for name, each in (("window_answers", counted), ("window_net", counted * net)):
        own = pd.Series(each.astype(np.int64), rows.index)
        added[name] = own.groupby([rows["agent"], rows["quarter"]]).cumsum() - own
    return rows.assign(**added)


def _first_surveys(run: Run, asked: pd.DataFrame, follow_up: int) -> pd.DataFrame:
    """Return one survey of each customer and period, with whether the customer left soon."""
    crossing = crosses(asked["month"].to_numpy(), run.post_since[asked["agent"]], follow_up)
    followed = asked[~crossing & (asked["month"] + follow_up <= len(run.events))]
    first = followed.drop_duplicates(["customer", "post"])
    left = run.left_in[first["customer"]] < first["month"] + follow_up
    return first.assign(churned=left.astype(np.int64))


def _cases(run: Run) -> pd.DataFrame:
    month, customer = np.nonzero(run.events & Event.CONTACT)
    seed = run.random_seed, run.replicate, Purpose.DIFFICULTY
    drawn = np.stack(
        [normals(*seed, each, np.arange(run.events.shape[1])) for each in range(len(run.events))]
    )
    bounds = stats.norm.ppf(np.arange(1, len(DIFFICULTIES)) / len(DIFFICULTIES))
    tag = np.searchsorted(bounds, drawn[month, customer])
    transferred = (run.events[month, customer] & Event.DODGED) > 0
    table = _units(run, month, customer).assign(
        difficulty=pd.Categorical(np.array(DIFFICULTIES)[tag], DIFFICULTIES, ordered=True),
        transferred=transferred.astype(np.int64),
    )
    return counted_by_agent(table, ["difficulty", "transferred"])


def counted_by_agent(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Count rows by agent, team, group, period and further columns.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row a customer, survey or case, with the columns of every table of `AgentRecords`.
    by : sequence of str
        The further columns.

    Examples
    --------
    >>> row = {"agent": 1, "team": 0, "treated": 0, "post": 1, "sent": 1}
    >>> counted_by_agent(pd.DataFrame([row, row]), ["sent"])["n"].tolist()
    [2]
    """
    keys = [*UNIT_COLUMNS, *by]
    table = rows.groupby(keys, dropna=False, observed=True).size().rename("n").reset_index()
    table.attrs = {"rating_scale": RatingScale()}
    return table
