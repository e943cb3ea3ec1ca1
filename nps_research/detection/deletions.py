"""Answers that went missing, or changed, after they came in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from nps_research.counts import as_people, group_rows
from nps_research.detection.agent_answers import agent_answers, indicator, treated_agents
from nps_research.detection.share_change import (
    LEAST_CASES,
    Shares,
    mid_p_score,
    share_change,
    shares_by_agent,
)
from nps_research.planning import check_power
from nps_research.survey_files import numbers, refuse_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]
    type Integers = NDArray[np.int64]

LOST = (
    "Agents also differ in this when transmissions are lost, when answers are merged because one "
    "customer sent two, or when a system changes."
)
UNHAPPY_GONE = (
    "Agents also differ in this when service got better for those who had it worst, when unhappy "
    "customers left, or when others answer."
)
CORRECTED = (
    "Agents also differ in this when call backs correct what customers mistyped, which happens "
    "more often where they complained."
)
# Standard deviation of the logarithm of the odds ratio of honest edits, before any is seen.
ODDS_SD = 0.5
NODES = 9


def edit_asymmetry(
    edits: pd.DataFrame, *, agent: str = "agent", least: int = LEAST_CASES
) -> pd.DataFrame:
    """Ask whether an agent edits low answers more often than honest agents do.

    Parameters
    ----------
    edits : pandas.DataFrame
        The log of answers: columns `agent`, `low` (1 if the answer was low when it came in),
        `edited` (1 if it was deleted or altered), `n`, and optionally `post` and `treated`. Without
        `post` all answers are taken to be after.
    agent : str
        Column that names the unit.
    least : int
        Agents with fewer answers after are left out.

    Returns
    -------
    pandas.DataFrame
        Indexed by agent: `estimate` (logarithm of the odds ratio of an edit, low against others,
        less that of honest edits), `se`, `z` and `n` (answers after). ``attrs`` as those of every
        detector: `signature`, `too_few`, `reference`, `honest_sd`, `innocent`.

    Raises
    ------
    ValueError
        If a column is missing or holds something else.

    Notes
    -----
    Given how many of an agent's answers were low, and how many were edited, the number that was
    both has a noncentral hypergeometric distribution: how often an agent edits does not matter, so
    that agents may differ in it. The odds ratio of honest edits comes from the untreated and from
    the time before (Mantel-Haenszel, with the variance of Robins, Breslow and Greenland 1986), and
    is 1 without them, give or take a factor of `exp(0.5)`.

    Examples
    --------
    >>> rows = [("a", 1, 1, 6), ("a", 1, 0, 14), ("a", 0, 1, 0), ("a", 0, 0, 60)]
    >>> edits = pd.DataFrame(rows, columns=["agent", "low", "edited", "n"])
    >>> edit_asymmetry(edits)["z"].round(1).item()
    3.4
    """
    held = _edited_answers(edits, agent)
    centre, sd = _honest_odds(held.honest)
    after = held.cells[1] + 0.5
    odds = np.log(after[:, 1, 1] * after[:, 0, 0] / after[:, 1, 0] / after[:, 0, 1])
    columns = {
        "estimate": odds - centre,
        "se": np.sqrt((1 / after).sum(axis=(1, 2))),
        "z": np.array([_edits_z(each.astype(np.int64), centre, sd) for each in held.cells[1]]),
    }
    n = held.cells[1].sum(axis=(1, 2)).astype(np.int64)
    found = pd.DataFrame(columns, index=held.agents)
    found[n < least] = np.nan
    found["n"] = n
    found.attrs = {
        "signature": "edits of low answers",
        "too_few": int((n < least).sum()),
        "reference": "edits of the untreated and of the time before" if sd < ODDS_SD else "none",
        "honest_sd": sd,
        "innocent": CORRECTED,
    }
    return found


def unrecorded_answers(
    surveys: pd.DataFrame, *, agent: str = "agent", least: int = LEAST_CASES
) -> pd.DataFrame:
    """Ask whether more of an agent's answers came in and are not on record than before.

    Parameters
    ----------
    surveys : pandas.DataFrame
        Surveys, reconciled from the system that sent them and the one that keeps answers: columns
        `agent`, `post`, `opened` (1 if an answer came in), `recorded` (1 if there is one), `n`, and
        optionally `treated`.
    agent : str
        Column that names the unit.
    least : int
        Agents with fewer answers after are left out.

    Returns
    -------
    pandas.DataFrame
        As `share_change`.

    Raises
    ------
    ValueError
        If a column is missing or holds something else, or answers are on record that never came in.

    Examples
    --------
    >>> rows = [("a", 0, 1, 50), ("a", 1, 1, 40), ("a", 1, 0, 10), ("b", 0, 1, 50), ("b", 1, 1, 50)]
    >>> table = pd.DataFrame(rows, columns=["agent", "post", "recorded", "n"]).assign(opened=1)
    >>> bool(unrecorded_answers(table)["z"].idxmax() == "a")
    True
    """
    table = as_people(surveys, by=[agent, "opened", "recorded"])
    opened, recorded = indicator(table, "opened"), indicator(table, "recorded")
    fix = "Mark them as opened, or find out where they came from."
    wrong = (recorded > opened) & (table["n"] > 0)
    refuse_rows(recorded, wrong, "answers on record must have come in", fix)
    came = table.assign(missing=1 - recorded)[opened == 1]
    shares = shares_by_agent(came, "missing", agent=agent)
    return share_change(shares, "answers not on record", innocent=LOST, least=least)


def sequence_gaps(
    ids: pd.DataFrame, *, agent: str = "agent", least: int = LEAST_CASES
) -> pd.DataFrame:
    """Ask whether more numbers are missing between an agent's answers than before.

    Parameters
    ----------
    ids : pandas.DataFrame
        Answers on record, one row each: columns `agent`, `post`, `id` (the number that an answer
        got when it came in, counted from 1 for every agent), and optionally `treated`.
    agent : str
        Column that names the unit: whatever has a sequence of its own.
    least : int
        Agents with fewer numbers after are left out.

    Returns
    -------
    pandas.DataFrame
        As `share_change`. A missing number belongs to the period of the answer that follows it, so
        that answers deleted after the last one on record are not noticed.

    Raises
    ------
    ValueError
        If a column is missing, a number is not whole and positive, or an agent has one twice.

    Examples
    --------
    >>> ids = pd.DataFrame({"agent": "a", "post": [0, 0, 1, 1, 1], "id": [1, 2, 3, 6, 8]})
    >>> sequence_gaps(ids, least=1).attrs["missing"]
    3
    """
    table = as_people(ids, by=[agent, "post", "id"])
    values = numbers(table["id"])
    wrong = ~((values >= 1) & (values % 1 == 0))
    fix = "Number answers from 1 on for every agent."
    refuse_rows(table["id"], wrong, "id must be a whole number from 1 on", fix, verb="are")
    table = table.assign(id=values.astype(np.int64)).sort_values([agent, "id"])
    before = table.groupby(agent, observed=True)["id"].shift(fill_value=0)
    fix = "Drop answers that are in the table twice."
    refuse_rows(table["id"], table["id"] == before, f"id must differ within {agent}", fix)
    missing = table.assign(missing=1, n=table["id"] - before - 1)
    both = pd.concat([table.assign(missing=0), missing], ignore_index=True)
    shares = shares_by_agent(both, "missing", agent=agent)
    found = share_change(shares, "gaps in numbers", innocent=LOST, least=least)
    found.attrs["missing"] = int(missing["n"].sum())
    return found


def low_tail_deficit(
    answers: pd.DataFrame,
    *,
    agent: str = "agent",
    rating_scale: RatingScale | None = None,
    least: int = LEAST_CASES,
) -> pd.DataFrame:
    """Ask whether low answers became rarer beside middling ones, compared with honest agents.

    Parameters
    ----------
    answers : pandas.DataFrame
        Count table: columns `agent`, `post`, `score`, `n`, and optionally `treated`.
    agent : str
        Column that names the unit.
    rating_scale : RatingScale, optional
        As in `nps`: detractors are low, passives middling. Promoters are left out, because they
        become more in many ways.
    least : int
        Agents with fewer such answers after are left out.

    Returns
    -------
    pandas.DataFrame
        As `share_change`.

    Raises
    ------
    ValueError
        As in `agent_answers`.

    Examples
    --------
    >>> rows = [("a", 0, 3, 20), ("a", 0, 8, 20), ("a", 1, 3, 2), ("a", 1, 8, 30)]
    >>> rows += [("b", post, score, 20) for post in (0, 1) for score in (3, 8)]
    >>> table = pd.DataFrame(rows, columns=["agent", "post", "score", "n"])
    >>> bool(low_tail_deficit(table)["z"].idxmax() == "a")
    True
    """
    read = agent_answers(answers, agent, rating_scale=rating_scale)
    values = read.scale.nps_values
    low, middling = (read.answers[..., values == each].sum(axis=2) for each in (-1, 0))
    shares = Shares(read.agents, middling, low + middling, read.treated)
    return share_change(shares, "low-tail deficit", innocent=UNHAPPY_GONE, least=least)


def log_detection(edits: int, logged: float) -> float:
    """Return the probability that an immutable log shows at least one of some edits.

    Parameters
    ----------
    edits : int
        Illegitimate edits.
    logged : float
        Probability that the log shows one.

    Returns
    -------
    float
        No statistics are needed where no edit is legitimate: one is enough.

    Raises
    ------
    ValueError
        If `edits` is negative or `logged` is no probability.

    Examples
    --------
    >>> round(log_detection(3, 0.7), 3)
    0.973
    """
    if edits < 0:
        raise ValueError(f"edits must be 0 or more; found {edits}.")
    if not 0 <= logged <= 1:
        raise ValueError(f"logged must be a probability, from 0 to 1; found {logged}.")
    return 1.0 - (1.0 - logged) ** edits


def edits_until_detection(logged: float, power: float = 0.95) -> int:
    """Return how many edits a log lets through before it shows one with a given probability.

    Parameters
    ----------
    logged : float
        Probability that the log shows an edit, above 0.
    power : float
        Probability that one is seen by then.

    Raises
    ------
    ValueError
        If one of them is no such probability.

    Examples
    --------
    >>> edits_until_detection(0.7), edits_until_detection(0.1)
    (3, 29)
    """
    check_power(power)
    if not 0 < logged <= 1:
        raise ValueError(f"logged must be above 0 and at most 1; found {logged}.")
    return 1 if logged == 1 else math.ceil(math.log1p(-power) / math.log1p(-logged))


class _EditedAnswers(NamedTuple):
    """Answers by period, agent, high or low, kept or edited; and those of honest strata."""

    agents: pd.Index
    cells: Array
    honest: Array


def _edited_answers(edits: pd.DataFrame, agent: str) -> _EditedAnswers:
    table = as_people(edits, by=[agent, "low", "edited"])
    agents, row = group_rows(table, agent)
    period = indicator(table, "post").to_numpy() if "post" in table else np.ones(len(table), int)
    cells = np.zeros((2, len(agents), 2, 2))
    place = period, row, indicator(table, "low").to_numpy(), indicator(table, "edited").to_numpy()
    np.add.at(cells, place, table["n"].to_numpy())
    treated = treated_agents(table, agent)
    untreated = cells[1][:0] if treated is None else cells[1][~treated]
    return _EditedAnswers(agents, cells, np.concatenate([cells[0], untreated]))


def _honest_odds(cells: Array) -> tuple[float, float]:
    """Return mean and sd of the logarithm of the odds ratio of honest edits.

    `cells` has shape (strata, high or low, kept or edited).
    """
    n = cells.sum(axis=(1, 2)).clip(min=1)
    agree, differ = cells[:, 1, 1] * cells[:, 0, 0] / n, cells[:, 1, 0] * cells[:, 0, 1] / n
    if agree.sum() == 0 or differ.sum() == 0:
        return 0.0, ODDS_SD
    p, q = (cells[:, 1, 1] + cells[:, 0, 0]) / n, (cells[:, 1, 0] + cells[:, 0, 1]) / n
    above, below = agree.sum(), differ.sum()
    variance = p @ agree / above**2 / 2 + q @ differ / below**2 / 2
    variance += (p @ differ + q @ agree) / (above * below) / 2
    kept = ODDS_SD**2 / (ODDS_SD**2 + variance)
    return float(kept * np.log(above / below)), float(np.sqrt(kept * variance))


def _edits_z(cells: Integers, centre: float, sd: float) -> float:
    """Return the z of the number of low answers that were edited, all margins given."""
    low, edited, n = int(cells[1].sum()), int(cells[:, 1].sum()), int(cells.sum())
    k = np.arange(max(0, edited - (n - low)), min(edited, low) + 1)
    ways = _log_choose(low, k) + _log_choose(n - low, edited - k)
    points, weights = special.roots_hermitenorm(NODES)
    chance = special.softmax(ways + k * (centre + sd * points[:, None]), axis=1)
    mean = weights / weights.sum() @ chance
    equal = mean[k == cells[1, 1]].sum() / 2
    more, less = mean[k > cells[1, 1]].sum() + equal, mean[k < cells[1, 1]].sum() + equal
    return float(mid_p_score(np.array([more]), np.array([less])).item())


def _log_choose(n: int, k: Integers) -> Array:
    logs = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return np.asarray(logs)
