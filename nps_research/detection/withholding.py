"""Whether surveys stop being sent once the target is reached: bunching seen from the other side.

An agent who is above the target early in a window can only lose by asking further customers. So the
chance that a due customer is sent a survey is compared between times at which the agent's running
score is at the target and times at which it is not, at the same distance from the window's end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import special, stats

from nps_research.counts import as_people, group_rows
from nps_research.detection.agent_answers import indicator, treated_agents
from nps_research.detection.honest_change import LEAST_REFERENCE
from nps_research.views import viewed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

POINTS = 100.0
# With fewer answers in a window its score says nothing yet.
LEAST_WINDOW = 5
# Exact p-values are computed for tables up to this many due customers on either side, in all strata
# of an agent; beyond, the normal approximation is as good.
MOST_EXACT = 2000
LEAST_TAIL = 1e-15
INNOCENT = (
    "Fewer surveys late in a good window are also sent where contact limits stop surveys to "
    "customers asked before, where systems are down, or where busy weeks are both good and late."
)


class _Stratum(NamedTuple):
    """Due customers of an agent in one period, at one distance from the window's end."""

    at: int  # due while the score is at the target or above
    other: int
    unsent: int  # of both
    unsent_at: int


@viewed
@dataclass(frozen=True)
class Withholding:
    """Sending of surveys at the target against elsewhere, over all agents.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by the stratum: due customers and share not sent a survey, at the target and below.
    odds_ratio : float
        Odds that a due customer is not sent a survey, at the target against below it, given agent
        and stratum (Mantel and Haenszel), after.
    z : float
        Of its logarithm, less that of untreated agents if there are enough, with the spread
        among agents.
    p_value : float
        Of a larger one at the target; 1 if every due customer was sent a survey.
    """

    table: pd.DataFrame
    odds_ratio: float
    z: float
    p_value: float
    innocent: str = INNOCENT

    @property
    def text(self) -> str:
        """What was found, in words."""
        return (
            f"At the target, the odds that a due customer is not sent a survey are "
            f"{self.odds_ratio:.2f} times those below it, for the same agent at the same time of "
            f"the window; so large a ratio has probability {self.p_value:.3f} if sending does not "
            f"depend on the score. {self.innocent}"
        )


def withholding(
    surveys: pd.DataFrame,
    agent: str = "agent",
    *,
    target: float,
    by: Sequence[str] = ("months_left",),
    least_window: int = LEAST_WINDOW,
) -> pd.DataFrame:
    """Compare how often each agent's due customers were not sent a survey, at the target and below.

    Parameters
    ----------
    surveys : pandas.DataFrame
        Customers who were due for a survey: `agent`, `post` (0 before, 1 after), `window_answers`
        and `window_net` (answers of the agent's window so far, and promoters less detractors among
        them), `sent` (0 or 1), `n`, the columns of `by`, and optionally `treated`.
    agent : str
        Column that names the unit.
    target : float
        NPS in points.
    by : sequence of str
        Strata within which sending is compared, such as time to the window's end.
    least_window : int
        Due customers of a window with fewer answers so far are left out: it has no score yet, and
        who sends fewer surveys has more of them.

    Returns
    -------
    pandas.DataFrame
        Indexed by agent: `estimate` (log odds ratio after, Mantel and Haenszel with half a case
        added), `se`, `z` (normal score of the exact conditional probability, half of that of the
        observed number being in each tail) and `n` (due customers after). Agents who never were on
        both sides of the target have missing values; their number is ``attrs["too_few"]``.

    Raises
    ------
    ValueError
        If a column is missing or holds something else.

    Notes
    -----
    Given agent, stratum and the numbers due and sent, the number not sent at the target is
    hypergeometric if sending does not depend on the score, whatever the agent's own rate: no
    spread among honest agents enters, and none before after comparison is needed.

    Examples
    --------
    >>> rows = [("a", 9, 6, 0, 8), ("a", 9, 6, 1, 2), ("a", 9, 0, 0, 3), ("a", 9, 0, 1, 17)]
    >>> columns = ["agent", "window_answers", "window_net", "sent", "n"]
    >>> table = pd.DataFrame(rows, columns=columns).assign(post=1, months_left=1)
    >>> withholding(table, target=40)[["estimate", "z"]].round(2)
           estimate     z
    agent
    a          2.83  3.29
    """
    due = _due(surveys, agent, target, by, least_window)
    rows = [_agent_row(strata) for strata in due.strata]
    table = pd.DataFrame(rows, columns=["estimate", "se", "z", "n"], index=due.agents)
    table = table.astype({"n": np.int64})
    table.attrs = {
        "signature": "withholding at the target",
        "too_few": int(table["z"].isna().sum()),
        "reference": "each agent's own surveys below the target",
        "honest_sd": 0.0,
        "innocent": INNOCENT,
    }
    return table


def withholding_test(
    surveys: pd.DataFrame,
    agent: str = "agent",
    *,
    target: float,
    by: Sequence[str] = ("months_left",),
    least_window: int = LEAST_WINDOW,
) -> Withholding:
    """Test over all agents whether surveys are not sent at the target.

    Parameters
    ----------
    surveys, agent, target, by, least_window
        As in `withholding`. With `LEAST_REFERENCE` untreated agents or more, what theirs show is
        subtracted.

    Returns
    -------
    Withholding

    Raises
    ------
    ValueError
        As in `withholding`, or if no agent was on both sides of the target.

    Examples
    --------
    >>> rows = [("a", 9, 6, 0, 8), ("a", 9, 6, 1, 2), ("b", 9, 8, 0, 3), ("b", 9, 9, 1, 17)]
    >>> columns = ["agent", "window_answers", "window_net", "sent", "n"]
    >>> table = pd.DataFrame(rows, columns=columns).assign(post=1, months_left=1)
    >>> withholding_test(table, target=40)
    Traceback (most recent call last):
    ValueError: 0 agents had due customers at the target of 40 and below it: 2 are needed.
    """
    due = _due(surveys, agent, target, by, least_window)
    scores = np.array([_score(strata) for strata in due.strata])
    known = np.array([len(strata) > 0 for strata in due.strata])
    paid = known if due.treated is None else known & due.treated
    if paid.sum() < 2:
        raise ValueError(
            f"{int(paid.sum())} agents had due customers at the target of {target:g} and below it: "
            "2 are needed."
        )
    if not scores[paid, 1].any():
        return Withholding(due.table, 1.0, 0.0, 1.0)
    value, variance = _pooled(scores[paid])
    others = known & ~paid
    if others.sum() >= LEAST_REFERENCE and scores[others, 1].any():
        reference, extra = _pooled(scores[others])
        value, variance = value - reference, variance + extra
    z = float(stats.norm.isf(stats.t.sf(value / np.sqrt(variance), paid.sum() - 1)))
    at_work = [each for each, of_paid in zip(due.strata, paid, strict=True) if of_paid]
    return Withholding(due.table, _odds_ratio(at_work), z, float(special.ndtr(-z)))


class _Due(NamedTuple):
    agents: pd.Index
    treated: NDArray[np.bool_] | None
    strata: list[list[_Stratum]]
    table: pd.DataFrame


def _due(
    surveys: pd.DataFrame, agent: str, target: float, by: Sequence[str], least_window: int
) -> _Due:
    held = [agent, "post", "window_answers", "window_net", "sent", *by]
    table = as_people(surveys, by=held)
    agents, row = group_rows(table, agent)
    score = POINTS * table["window_net"] - target * table["window_answers"]
    table = table.assign(row=row, at=score >= 0, unsent=1 - indicator(table, "sent"))
    scored = table["window_answers"] >= least_window
    after = table[(indicator(table, "post") == 1) & scored]
    strata: list[list[_Stratum]] = [[] for _ in agents]
    cells = after.groupby(["row", *by, "at", "unsent"], observed=True)["n"].sum()
    wide = cells.unstack(["at", "unsent"], fill_value=0)
    wide = wide.reindex(columns=[(True, 1), (True, 0), (False, 1), (False, 0)], fill_value=0)
    for place, numbers in zip(wide.index, wide.to_numpy(), strict=True):
        first = place[0] if isinstance(place, tuple) else place
        at, other = int(numbers[:2].sum()), int(numbers[2:].sum())
        if at and other:
            found = _Stratum(at, other, int(numbers[0] + numbers[2]), int(numbers[0]))
            strata[int(first)].append(found)
    return _Due(agents, treated_agents(table, agent), strata, _shares(after, by))


def _shares(after: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return due customers and the share of them not sent a survey, at the target and below."""
    weighted = after.assign(unsent=after["unsent"] * after["n"])
    sums = weighted.groupby([*by, "at"], observed=True)[["n", "unsent"]].sum().reset_index("at")
    sides = {"at": sums[sums["at"]], "below": sums[~sums["at"]]}
    columns = {f"due_{name}": side["n"] for name, side in sides.items()}
    shares = {f"unsent_{name}": side["unsent"] / side["n"] for name, side in sides.items()}
    return pd.DataFrame(columns | shares)


def _agent_row(strata: Sequence[_Stratum]) -> tuple[float, float, float, int]:
    n = sum(each.at + each.other for each in strata)
    if not strata or not any(0 < each.unsent < each.at + each.other for each in strata):
        return float("nan"), float("nan"), float("nan"), n
    return (*_log_odds_ratio(strata), _exact_z(strata), n)


def _log_odds_ratio(strata: Sequence[_Stratum]) -> tuple[float, float]:
    """Return the log odds ratio of Mantel and Haenszel, and its error (Robins et al. 1986)."""
    a, b, c, d = _cells(strata)
    n = a + b + c + d
    r, s, p, q = a * d / n, b * c / n, (a + d) / n, (b + c) / n
    variance = (p @ r) / (2 * r.sum() ** 2) + (q @ s) / (2 * s.sum() ** 2)
    variance += (p @ s + q @ r) / (2 * r.sum() * s.sum())
    return float(np.log(r.sum() / s.sum())), float(np.sqrt(variance))


def _odds_ratio(agents: Sequence[Sequence[_Stratum]]) -> float:
    return float(np.exp(_log_odds_ratio([each for strata in agents for each in strata])[0]))


def _cells(strata: Sequence[_Stratum]) -> tuple[Array, Array, Array, Array]:
    """Return not sent and sent, at the target and elsewhere; half a case is added over strata."""
    at, other, unsent, here = np.array(strata, dtype=float).T
    half = 0.5 / len(strata)
    return here + half, at - here + half, unsent - here + half, other - unsent + here + half


def _exact_z(strata: Sequence[_Stratum]) -> float:
    """Return the normal score of the mid-P value of the number not sent at the target."""
    observed = sum(each.unsent_at for each in strata)
    if sum(each.at + each.other for each in strata) > MOST_EXACT:
        difference, variance = _score(strata)
        return difference / float(np.sqrt(variance))
    chance, lowest = np.ones(1), 0
    for each in strata:
        low = max(0, each.unsent - each.other)
        possible = np.arange(low, min(each.unsent, each.at) + 1)
        total = each.at + each.other
        chance = np.convolve(chance, stats.hypergeom.pmf(possible, total, each.unsent, each.at))
        lowest += low
    here = observed - lowest
    upper = chance[here + 1 :].sum() + chance[here] / 2
    lower = chance[:here].sum() + chance[here] / 2
    if upper < lower:
        return float(-special.ndtri(max(upper, LEAST_TAIL)))
    return float(special.ndtri(max(lower, LEAST_TAIL)))


def _score(strata: Sequence[_Stratum]) -> tuple[float, float]:
    """Return the number not sent at the target beyond expectation, and its variance."""
    if not strata:
        return 0.0, 0.0
    at, other, unsent, here = np.array(strata, dtype=float).T
    total = at + other
    variance = at * other * unsent * (total - unsent) / (total**2 * np.maximum(total - 1, 1))
    return float((here - at * unsent / total).sum()), float(variance.sum())


def _pooled(scores: Array) -> tuple[float, float]:
    """Return the pooled log odds ratio of many agents and its variance over agents.

    The score statistic over its variance is the log odds ratio to first order (Peto).
    """
    weight = scores[:, 1]
    value = scores[:, 0].sum() / weight.sum()
    left = scores[:, 0] - value * weight
    many = len(scores)
    return float(value), float((left @ left) / weight.sum() ** 2 * many / (many - 1))
