"""What each agent's customers answered before and after scores began to be paid for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.counts import as_counts, declared_scale, group_rows
from nps_research.survey_files import numbers, refuse_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AgentAnswers:
    """Answers by agent, period and score.

    Attributes
    ----------
    scale : RatingScale
        Possible scores.
    agents : pandas.Index
        Names, shape (agents,), ascending.
    answers : numpy.ndarray, shape (agents, 2, scores)
        Numbers of answers, before and after.
    silent : numpy.ndarray, shape (agents, 2)
        Customers without an answer: rows with a missing score.
    treated : numpy.ndarray of bool, shape (agents,), or None
        Who is paid for the score after; None if the table does not say.
    """

    scale: RatingScale
    agents: pd.Index
    answers: Array
    silent: Array
    treated: NDArray[np.bool_] | None

    @property
    def n(self) -> NDArray[np.int64]:
        """Answers in both periods, shape (agents,)."""
        return self.answers.sum(axis=(1, 2)).astype(np.int64)


def agent_answers(
    counts: pd.DataFrame, agent: str = "agent", *, rating_scale: RatingScale | None = None
) -> AgentAnswers:
    """Read a count table by agent, before and after.

    Parameters
    ----------
    counts : pandas.DataFrame
        Columns `agent` (the unit), `post` (0 before, 1 after), `score` (missing = no answer), `n`,
        and optionally `treated` (1 for agents who are paid for the score after, 0 for others). All
        other columns are summed over.
    agent : str
        Column that names the unit.
    rating_scale : RatingScale, optional
        As in `nps`.

    Returns
    -------
    AgentAnswers

    Raises
    ------
    ValueError
        If a column is missing or holds something else, an agent is both treated and not, or one of
        the periods has no answers.

    Examples
    --------
    >>> rows = [("a", 0, 9, 5), ("a", 1, 10, 4), ("a", 1, None, 7), ("b", 0, 3, 2)]
    >>> table = pd.DataFrame(rows, columns=["agent", "post", "score", "n"])
    >>> read = agent_answers(table)
    >>> read.n.tolist(), read.silent.tolist()
    ([9, 2], [[0.0, 7.0], [0.0, 0.0]])
    """
    scale = declared_scale(counts, rating_scale)
    table = as_counts(counts, scale, by=[agent, "post"])
    _refuse_nameless(table[agent])
    post = indicator(table, "post").to_numpy(dtype=np.int64)
    agents, row = group_rows(table, agent)
    answered = table["score"].notna().to_numpy()
    n = table["n"].to_numpy(dtype=float)
    answers = np.zeros((len(agents), 2, scale.n_categories))
    category = table["score"][answered].to_numpy(dtype=np.int64) - scale.minimum
    np.add.at(answers, (row[answered], post[answered], category), n[answered])
    silent = np.zeros((len(agents), 2))
    np.add.at(silent, (row[~answered], post[~answered]), n[~answered])
    _check_periods(answers)
    return AgentAnswers(scale, agents, answers, silent, treated_agents(table, agent))


def indicator(table: pd.DataFrame, name: str) -> pd.Series:
    """Return a column of 0 and 1 as integers, however they are written.

    Parameters
    ----------
    table : pandas.DataFrame
        Any table.
    name : str
        A column of 0 and 1, True and False, or text that holds these numbers.

    Raises
    ------
    ValueError
        If a cell is something else.

    Examples
    --------
    >>> indicator(pd.DataFrame({"post": ["0", "1", "1.0"]}), "post").tolist()
    [0, 1, 1]
    """
    cells = table[name]
    is_flag = pd.api.types.is_bool_dtype(cells)
    values = cells.astype(float) if is_flag and cells.notna().all() else numbers(cells)
    fix = f"Recode {name} as 0 and 1, and leave out rows for which it is unknown."
    refuse_rows(cells, ~values.isin([0, 1]), f"{name} must be 0 or 1", fix, verb="are")
    return values.astype(np.int64)


def treated_agents(table: pd.DataFrame, agent: str) -> NDArray[np.bool_] | None:
    """Return which agents, in ascending order, are treated; None if the table does not say.

    Raises
    ------
    ValueError
        If an agent is in both groups.
    """
    if "treated" not in table:
        return None
    treated = indicator(table, "treated")
    by_agent = treated.groupby(table[agent], observed=True).agg(["min", "max"])
    both = by_agent.index[by_agent["min"] != by_agent["max"]]
    if len(both):
        raise ValueError(
            f"{agent} {both[0]!r} is in rows with treated = 0 and with treated = 1, as are "
            f"{len(both) - 1} others. treated says whether an agent is ever paid for the score: "
            "give it one value an agent, and use post for the time."
        )
    return np.asarray(by_agent["max"] == 1)


def _refuse_nameless(cells: pd.Series) -> None:
    fix = "Leave out answers that belong to nobody, or give them a name of their own."
    refuse_rows(cells, cells.isna(), f"{cells.name} must name somebody", fix)


def _check_periods(answers: Array) -> None:
    for period, (post, name) in enumerate((("0", "before"), ("1", "after"))):
        if not answers[:, period].any():
            raise ValueError(
                f"no answers {name} scores began to be paid for (post = {post}): a change cannot "
                "be computed. Add that period, or compare agents with people.unit_flags."
            )
