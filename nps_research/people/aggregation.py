"""Why a service figure and a score agree between teams and not between people, or the reverse."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.counts import refuse_unknown_columns
from nps_research.intervals import fisher_interval
from nps_research.people.unit_variance import LEVELS

if TYPE_CHECKING:
    from nps_research.people.unit_variance import Components, Level

# Fisher's transformation has the standard error 1 / sqrt(units - 3).
FEWEST_FOR_INTERVAL = 4


def level_correlations(
    score: Components,
    kpi: Components,
    *,
    answers: int,
    records: int,
    agents: int,
    within: float = 1.0,
    between: float = 1.0,
) -> pd.DataFrame:
    """Return the correlation of a score with a service figure, level by level.

    Parameters
    ----------
    score, kpi : Components
        Variance of one answer, and of one record of the service figure, by where it comes from.
    answers, records : int
        Answers and records of each agent.
    agents : int
        Agents in a team.
    within, between : float
        Correlations of the true levels of agents within a team, and of teams.

    Returns
    -------
    pandas.DataFrame
        One row a level: "answer" (one customer's answer with the agent's figure), "agent", "agent
        within team" and "team" (as staffed), with `true` (correlation of true levels), `observed`,
        `score_reliability` and `kpi_reliability`. Observed is true times the root of the product of
        the reliabilities (Spearman 1904, "The Proof and Measurement of Association between Two
        Things").

    Raises
    ------
    ValueError
        If a correlation is not between -1 and 1.

    Notes
    -----
    Teams whose agents are a random draw have the reliability and the correlation of single agents:
    averages of k agents have 1 / k of the noise, and 1 / k of the differences. Only what the agents
    of a team have in common makes a team easier to tell from another than an agent.

    Examples
    --------
    >>> from nps_research.people.unit_variance import Components
    >>> score, kpi = Components(0.0, 5.0, 95.0), Components(0.0, 1.0, 1.0)
    >>> table = level_correlations(score, kpi, answers=19, records=1, agents=10)
    >>> table["observed"].round(3).to_dict()
    {'answer': 0.158, 'agent': 0.5, 'agent within team': 0.5, 'team': 0.5}
    """
    for name, value in (("within", within), ("between", between)):
        if not -1 <= value <= 1:
            raise ValueError(f"{name} is a correlation from -1 to 1; found {value}.")
    shared = between * math.sqrt(float(score.team) * float(kpi.team))
    own = within * math.sqrt(float(score.agent) * float(kpi.agent))
    rows = {"answer": _row((score, kpi), shared + own, (1, records), "agent", 1)}
    covariances = (shared + own, own, shared + own / agents)
    for level, covariance in zip(LEVELS, covariances, strict=True):
        rows[level] = _row((score, kpi), covariance, (answers, records), level, agents)
    names = ["true", "observed", "score_reliability", "kpi_reliability"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=names).rename_axis("level")


def observed_correlations(
    table: pd.DataFrame, score: str, kpi: str, team: str, *, level: float = 0.95
) -> pd.DataFrame:
    """Correlate two columns over agents, over agents within teams, and over teams.

    Parameters
    ----------
    table : pandas.DataFrame
        One row an agent.
    score, kpi, team : str
        Columns: score and service figure of the agent, and the team.
    level : float
        Confidence level.

    Returns
    -------
    pandas.DataFrame
        One row a level: `correlation`, `lower`, `upper` (Fisher's z; missing with fewer than four
        independent units) and `units`. Within teams, deviations from the team's mean have one
        degree of freedom less for each team. Teams are unweighted means of their agents.

    Raises
    ------
    ValueError
        If a column is missing or an agent has no number.

    Examples
    --------
    >>> table = pd.DataFrame({"team": list("aabb"), "nps": [1.0, 2, 5, 4], "kpi": [2.0, 1, 4, 5]})
    >>> observed_correlations(table, "nps", "kpi", "team")["correlation"].round(2).to_dict()
    {'agent': 0.8, 'agent within team': -1.0, 'team': 1.0}
    """
    refuse_unknown_columns((score, kpi, team), table.columns)
    both = table[[score, kpi]].astype(float)
    if both.isna().to_numpy().any():
        row = int(both.isna().any(axis=1).to_numpy().argmax())
        raise ValueError(
            f"{score!r} and {kpi!r} must be numbers for every agent; found "
            f"{both.iloc[row].tolist()} at row {row}. Leave out agents without answers."
        )
    means = both.groupby(table[team].to_numpy()).mean()
    centred = both - both.groupby(table[team].to_numpy()).transform("mean")
    samples = (both, centred, means)
    units = (len(both), len(both) - len(means) + 1, len(means))
    rows = [
        _with_interval(float(np.corrcoef(sample.to_numpy().T)[0, 1]), size, level)
        for sample, size in zip(samples, units, strict=True)
    ]
    found = pd.DataFrame(rows, index=pd.Index(LEVELS, name="level"))
    found.attrs["interval"] = f"{100 * level:g} % confidence interval, Fisher's z"
    return found


def _row(
    parts: tuple[Components, Components],
    covariance: float,
    n: tuple[int, int],
    level: Level,
    agents: int,
) -> tuple[float, float, float, float]:
    """Return true and observed correlation and both reliabilities at a level."""
    signals = math.prod(_signal(each, level, agents) for each in parts)
    true = covariance / math.sqrt(signals) if signals > 0 else math.nan
    first, second = (
        float(each.reliability(size, level, agents=agents))
        for each, size in zip(parts, n, strict=True)
    )
    return true, true * math.sqrt(first * second), first, second


def _signal(of: Components, level: Level, agents: int) -> float:
    team, agent = float(of.team), float(of.agent)
    return {"agent": team + agent, "agent within team": agent}.get(level, team + agent / agents)


def _with_interval(correlation: float, units: int, level: float) -> dict[str, float]:
    row = {"correlation": correlation, "lower": math.nan, "upper": math.nan, "units": units}
    if units >= FEWEST_FOR_INTERVAL and abs(correlation) < 1:
        row["lower"], row["upper"] = fisher_interval(correlation, units, level)
    return row
