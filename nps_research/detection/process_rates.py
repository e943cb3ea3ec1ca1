"""What agents do with surveys and cases, whatever the answers: sent or not, kept or passed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from nps_research.counts import as_people, listed
from nps_research.detection.agent_answers import indicator
from nps_research.detection.share_change import LEAST_CASES, share_change, shares_by_agent
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

NOT_SENT = (
    "Agents also differ in this when addresses are missing, when customers asked not to be "
    "surveyed, or when somebody else closes their cases."
)
HARDER = (
    "Agents also differ in this when cases are harder than the tag says, when they work part time, "
    "or when rules say who takes which case."
)


def surveys_not_sent(
    surveys: pd.DataFrame, *, agent: str = "agent", least: int = LEAST_CASES
) -> pd.DataFrame:
    """Ask whether more of an agent's customers who were due got no survey than before.

    Parameters
    ----------
    surveys : pandas.DataFrame
        Customers who were due: columns `agent`, `post`, `sent` (1 if a survey went out), `n`, and
        optionally `treated`.
    agent : str
        Column that names the unit.
    least : int
        Agents with fewer such customers after are left out.

    Returns
    -------
    pandas.DataFrame
        As `share_change`. Holding back surveys of the unhappy, stopping once a target is reached,
        and passing cases on all show here: `transfers` and the score of the window at the time
        tell them apart.

    Raises
    ------
    ValueError
        If a column is missing or holds something else.

    Examples
    --------
    >>> rows = [("a", 0, 1, 50), ("a", 1, 1, 40), ("a", 1, 0, 10), ("b", 0, 1, 50), ("b", 1, 1, 50)]
    >>> table = pd.DataFrame(rows, columns=["agent", "post", "sent", "n"])
    >>> bool(surveys_not_sent(table)["z"].idxmax() == "a")
    True
    """
    table = as_people(surveys, by=["sent"])
    held = table.assign(held=1 - indicator(table, "sent"))
    shares = shares_by_agent(held, "held", agent=agent)
    return share_change(shares, "surveys not sent", innocent=NOT_SENT, least=least)


def transfers(
    cases: pd.DataFrame,
    hard: str | Sequence[str] | None = None,
    *,
    agent: str = "agent",
    least: int = LEAST_CASES,
) -> pd.DataFrame:
    """Ask whether an agent passes on more of the hard cases than before.

    Parameters
    ----------
    cases : pandas.DataFrame
        Columns `agent`, `post`, `difficulty` (a tag), `transferred` (1 if the case was passed on),
        `n`, and optionally `treated`.
    hard : str or sequence of str, optional
        Tags of hard cases; by default the last of an ordered categorical. Only these are compared,
        so that an agent who gets more hard cases does not look different.
    agent : str
        Column that names the unit.
    least : int
        Agents with fewer hard cases after are left out.

    Returns
    -------
    pandas.DataFrame
        As `share_change`.

    Raises
    ------
    ValueError
        If a column or tag is missing, a column holds something else, or there is no order of tags.

    Examples
    --------
    >>> rows = [("a", 0, 0, 50), ("a", 1, 0, 40), ("a", 1, 1, 10), ("b", 0, 0, 50), ("b", 1, 0, 50)]
    >>> table = pd.DataFrame(rows, columns=["agent", "post", "transferred", "n"])
    >>> bool(transfers(table.assign(difficulty="hard"), "hard")["z"].idxmax() == "a")
    True
    """
    table = as_people(cases, by=["difficulty", "transferred"])
    tags = _hardest(table["difficulty"]) if hard is None else listed(hard)
    for tag in tags:
        if not (table["difficulty"] == tag).any():
            raise ValueError(unknown_name("difficulty", tag, table["difficulty"].unique()))
    shares = shares_by_agent(table[table["difficulty"].isin(tags)], "transferred", agent=agent)
    return share_change(shares, "transfers of hard cases", innocent=HARDER, least=least)


def _hardest(tags: pd.Series) -> list[str]:
    if not isinstance(tags.dtype, pd.CategoricalDtype) or not tags.cat.ordered:
        raise ValueError(
            "difficulty has no order, so that the hard cases are not known. Name their tags in "
            "hard=, or make difficulty an ordered categorical, easiest first."
        )
    return [tags.cat.categories[-1]]
