"""Changes of shares, from small numbers: how surprising, if the agent is like honest ones.

Honest agents differ, and change, beyond chance. Shares of few cases are anything but normal. So the
comparison is the predictive distribution of a count: what an honest agent with this history does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import special
from scipy.optimize import minimize

from nps_research.counts import as_people, group_rows
from nps_research.detection.agent_answers import indicator, treated_agents
from nps_research.detection.honest_change import LEAST_REFERENCE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]
    type Flags = NDArray[np.bool_]

# Cases after the start of pay that an agent needs.
LEAST_CASES = 5
# The smallest number that is not 0 has a normal score of 38.
LEAST_TAIL = 1e-300
# Means and standard deviations of the normal priors of: the logit of the share, the logarithm of
# the sd of agents' logits, the common change, the logarithm of the sd of agents' own changes. The
# two on spreads keep them from 0, where few agents would put them by chance (Chung et al. 2013,
# "A Nondegenerate Penalized Likelihood Estimator for Variance Parameters in Multilevel Models").
PRIOR_MEAN = np.array([0.0, np.log(0.3), 0.0, np.log(0.2)])
PRIOR_SD = np.array([4.0, 1.0, 1.0, 0.7])
STEP = 1e-3
# Wide enough for any share and spread; further out the numbers overflow.
BOUNDS = [(-20.0, 20.0), (-5.0, 2.0), (-10.0, 10.0), (-5.0, 2.0)]


class Shares(NamedTuple):
    """Cases of each agent before and after, and in how many of them it happened.

    Attributes
    ----------
    agents : pandas.Index
        Names, shape (agents,).
    happened, cases : numpy.ndarray, shape (agents, 2)
        Before and after.
    treated : numpy.ndarray of bool, shape (agents,), or None
        Who is paid for the score; None if nobody said.
    """

    agents: pd.Index
    happened: Array
    cases: Array
    treated: Flags | None


def shares_by_agent(counts: pd.DataFrame, column: str, *, agent: str = "agent") -> Shares:
    """Add up in how many cases of an agent and period something happened.

    Parameters
    ----------
    counts : pandas.DataFrame
        Columns `agent`, `post` (0 before, 1 after), `column` (0 or 1), `n`, and optionally
        `treated`. All others are summed over.
    column : str
        What happened.
    agent : str
        Column that names the unit.

    Raises
    ------
    ValueError
        If a column is missing or holds something else, or an agent is both treated and not.

    Examples
    --------
    >>> rows = [("a", 0, 1, 5), ("a", 1, 0, 4), ("b", 1, 1, 7)]
    >>> table = pd.DataFrame(rows, columns=["agent", "post", "sent", "n"])
    >>> shares_by_agent(table, "sent").happened.tolist()
    [[5.0, 0.0], [0.0, 7.0]]
    """
    table = as_people(counts, by=[agent, "post", column])
    agents, row = group_rows(table, agent)
    period = indicator(table, "post").to_numpy()
    n = table["n"].to_numpy(dtype=float)
    cases, happened = np.zeros((len(agents), 2)), np.zeros((len(agents), 2))
    np.add.at(cases, (row, period), n)
    np.add.at(happened, (row, period), n * indicator(table, column).to_numpy())
    return Shares(agents, happened, cases, treated_agents(table, agent))


def share_change(
    shares: Shares, signature: str, *, innocent: str, least: int = LEAST_CASES
) -> pd.DataFrame:
    """Compare the change of every agent's share with what honest agents do.

    Parameters
    ----------
    shares : Shares
        With what gaming would make more frequent as `happened`.
    signature : str
        Name of what is measured.
    innocent : str
        What else makes agents differ.
    least : int
        Agents with fewer cases after are left out.

    Returns
    -------
    pandas.DataFrame
        Indexed by agent: `estimate` (change of the logit of the share, less the common one of
        honest agents), `se` (of sampling), `z` (normal score of the predictive probability of so
        high a count) and `n`. ``attrs``: `signature`, `too_few` (agents without an estimate),
        `reference` and `honest_sd` (who stands for honest agents, and how far their changes
        differ), `innocent`.

    Raises
    ------
    ValueError
        If one of the periods has no cases.

    Notes
    -----
    An agent's share before has a beta distribution over agents; given the cases before, the share
    after has one with the mean moved by the common change and the variance increased by that of
    agents' own changes. Both moments are fitted to the untreated agents (if fewer than 8, to all,
    so that only what differs from the rest shows) and to everybody before; what is uncertain about
    them is averaged over at the points of a cubature (Arasaratnam and Haykin 2009, "Cubature Kalman
    Filters"). Half of the probability of the observed count is in each tail (Lancaster's mid-P).

    Examples
    --------
    >>> cases = np.full((12, 2), 50.0)
    >>> happened = np.full((12, 2), 5.0)
    >>> happened[11, 1] = 20
    >>> shares = Shares(pd.RangeIndex(12), happened, cases, np.arange(12) == 11)
    >>> share_change(shares, "transfers", innocent="harder cases")["z"].iloc[[0, 11]].round(1)
    0     0.1
    11    4.4
    Name: z, dtype: float64
    """
    _check_periods(shares.cases, signature)
    honest = _honest_after(shares)
    centre, spread = _fitted(shares, honest)
    more, less = _tails(shares, _cubature(centre, spread))
    x, rest = shares.happened + 0.5, shares.cases - shares.happened + 0.5
    change = np.diff(np.log(x / rest), axis=1)[:, 0] - centre[2]
    columns = {
        "estimate": change,
        "se": np.sqrt((1 / x + 1 / rest).sum(axis=1)),
        "z": mid_p_score(more, less),
    }
    table = pd.DataFrame(columns, index=shares.agents)
    few = shares.cases[:, 1] < least
    table[few] = np.nan
    table["n"] = shares.cases.sum(axis=1).astype(np.int64)
    table.attrs = {
        "signature": signature,
        "too_few": int(few.sum()),
        "reference": _reference(shares, honest),
        "honest_sd": float(np.exp(centre[3])),
        "innocent": innocent,
    }
    return table


def mid_p_score(upper: Array, lower: Array) -> Array:
    """Return the normal score of a tail probability, from whichever tail is small.

    Parameters
    ----------
    upper, lower : numpy.ndarray
        Probability of more, and of less, than was observed, with half of what is equal in each.

    Examples
    --------
    >>> mid_p_score(np.array([0.025, 0.5]), np.array([0.975, 0.5])).round(2)
    array([1.96, 0.  ])
    """
    above = -special.ndtri(np.clip(upper, LEAST_TAIL, 0.5))
    below = special.ndtri(np.clip(lower, LEAST_TAIL, 0.5))
    return np.where(upper < lower, above, below) + 0.0


def _check_periods(cases: Array, signature: str) -> None:
    for period, name in ((0, "before"), (1, "after")):
        if not cases[:, period].any():
            raise ValueError(
                f"{signature}: no cases {name} scores began to be paid for (post = {period}), so "
                "that a change cannot be computed. Add rows of that period."
            )


def _honest_after(shares: Shares) -> Flags:
    """Return whose cases after say what honest agents do."""
    everybody = np.ones(len(shares.agents), dtype=np.bool_)
    if shares.treated is None:
        return everybody
    untreated = ~shares.treated
    known = untreated & (shares.cases > 0).all(axis=1)
    return untreated if known.sum() >= LEAST_REFERENCE else everybody


def _reference(shares: Shares, honest: Flags) -> str:
    few = int(honest.sum())
    return f"all {few} agents" if few == len(shares.agents) else f"{few} untreated agents"


def _fitted(shares: Shares, honest: Flags) -> tuple[Array, Array]:
    """Return the mode of the parameters, and a root of their covariance."""

    def slope(point: Array) -> Array:
        steps = STEP * np.eye(len(point))
        ahead, behind = (_log_posterior(shares, honest, point + each) for each in (steps, -steps))
        return np.asarray((behind - ahead) / (2 * STEP))

    def loss(point: Array) -> float:
        return -float(_log_posterior(shares, honest, point[None])[0])

    start = PRIOR_MEAN.copy()
    x, n = shares.happened[:, 0].sum(), shares.cases[:, 0].sum()
    start[0] = np.log((x + 0.5) / (n - x + 0.5))
    mode = minimize(loss, start, jac=slope, method="L-BFGS-B", bounds=BOUNDS).x
    curved = np.array([slope(mode + each) - slope(mode - each) for each in STEP * np.eye(4)])
    return mode, _root_of_inverse((curved + curved.T) / (4 * STEP))


def _root_of_inverse(curvature: Array) -> Array:
    """Return a root of a covariance; the prior limits what the data leave open."""
    values, vectors = np.linalg.eigh(curvature)
    return np.asarray(vectors / np.sqrt(np.maximum(values, PRIOR_SD.max() ** -2)))


def _cubature(mode: Array, root: Array) -> Array:
    """Return points that stand for a normal distribution, exact up to third moments."""
    reach = np.sqrt(len(mode)) * root.T
    return np.concatenate([mode + reach, mode - reach])


def _log_posterior(shares: Shares, honest: Flags, points: Array) -> Array:
    """Return the log density of parameters, shape (points,), up to a constant."""
    x, rest = shares.happened, shares.cases - shares.happened
    prior = -(((points - PRIOR_MEAN) / PRIOR_SD) ** 2).sum(axis=1) / 2
    first, second = _before(points)
    before = special.betaln(first + x[:, 0], second + rest[:, 0]) - special.betaln(first, second)
    first, second = _after(points, shares)
    after = special.betaln(first + x[:, 1], second + rest[:, 1]) - special.betaln(first, second)
    return np.asarray(prior + before.sum(axis=1) + after @ honest)


def _before(points: Array) -> tuple[Array, Array]:
    """Return the beta distribution of agents' shares, each shape (points, 1)."""
    logit, log_sd = points[:, [0]], points[:, [1]]
    share, rest = special.expit(logit), special.expit(-logit)
    size = np.exp(-2 * log_sd) / (share * rest)
    return share * size, rest * size


def _after(points: Array, shares: Shares) -> tuple[Array, Array]:
    """Return the beta distributions of agents' shares after, each shape (points, agents)."""
    first, second = _before(points)
    first = first + shares.happened[:, 0]
    second = second + (shares.cases - shares.happened)[:, 0]
    # The variance of a logit is about 1 / first + 1 / second.
    variance = 1 / first + 1 / second + np.exp(2 * points[:, [3]])
    logit = np.log(first / second) + points[:, [2]]
    share, rest = special.expit(logit), special.expit(-logit)
    size = 1 / (share * rest * variance)
    return share * size, rest * size


def _tails(shares: Shares, points: Array) -> tuple[Array, Array]:
    """Return the mean probabilities of more and of less than happened, each shape (agents,)."""
    first, second = (each[..., None] for each in _after(points, shares))
    x, n = (each[:, 1, None] for each in (shares.happened, shares.cases))
    k = np.arange(n.max() + 1)
    last = np.maximum(n - 1, 0)
    inside = np.minimum(k, last)
    step = np.log((last + 1 - inside) * (first + inside))
    step -= np.log((inside + 1) * (second + last - inside))
    start = special.betaln(first, second + n) - special.betaln(first, second)
    log = start + np.concatenate([np.zeros_like(start), np.cumsum(step, axis=2)[..., :-1]], axis=2)
    chance = np.where(k <= n, np.exp(log), 0.0).mean(axis=0)
    equal = (chance * (k == x)).sum(axis=1) / 2
    return (chance * (k > x)).sum(axis=1) + equal, (chance * (k < x)).sum(axis=1) + equal
