"""Which agents have more 10 than honest ones would: probabilities, shrunk by what is known of all.

An agent's share of 10 before, and the agent's other answers in both periods, predict the share of
10 after, as far as honest agents can be predicted. On top, some agents may have a share of answers
that became 10, whatever they were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import special, stats

from nps_research.detection.agent_answers import agent_answers
from nps_research.detection.agent_locations import expected_log_odds
from nps_research.detection.honest_change import honest_change
from nps_research.detection.ten_share import (
    INNOCENT,
    LEAST_ANSWERS,
    log_odds,
    log_odds_variance,
    residual_change,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.detection.agent_answers import AgentAnswers
    from nps_research.detection.agent_locations import Expected
    from nps_research.detection.honest_change import HonestChange
    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]

# An answer that became a 10 in more than one of twenty cases is more than a slip.
THRESHOLD = 0.05
# Honest log odds after, in standard deviations around their prediction.
STANDARD = np.linspace(-5.0, 5.0, 101)
# Shares of answers that became 10 among agents who do that: Beta(1, 3), mean 1/4.
MASSES = (np.arange(60) + 0.5) / 60
MASS_WEIGHTS = (1 - MASSES) ** 2 / np.sum((1 - MASSES) ** 2)
# Share of such agents: Beta(1, 3) too.
SHARES = (np.arange(100) + 0.5) / 100
LOG_SHARE_PRIOR = 2 * np.log1p(-SHARES)
LEAST_TAIL = 1e-15


class _Prediction(NamedTuple):
    """Honest log odds of a 10 after: normal, shape (agents,)."""

    mean: Array
    sd: Array


def agent_outliers(
    counts: pd.DataFrame,
    agent: str = "agent",
    *,
    threshold: float = THRESHOLD,
    least: int = LEAST_ANSWERS,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Estimate for every agent which share of the answers became 10 beyond what honest agents show.

    Parameters
    ----------
    counts, agent, rating_scale
        As in `agent_answers`.
    threshold : float
        Share of answers from which on an agent stands out.
    least : int
        Agents with fewer answers in one of the periods get no estimate.

    Returns
    -------
    pandas.DataFrame
        Indexed by agent: `estimate` and `se` (mean and standard deviation of the posterior of the
        share), `z` (normal score of the predictive probability of so many 10 from an honest agent,
        half of that of the observed number being in each tail), `n`, `probability` (posterior, that
        the share is above the threshold) and `rank` (1 = most probable). ``attrs``: as in
        `agent_table`, with `threshold` and `share`, the posterior mean of the share of agents of
        this kind.

    Raises
    ------
    ValueError
        As in `agent_answers`, or if the threshold is not between 0 and 1.

    Notes
    -----
    Ranks go by probability, never by raw shares of 10, whose extremes belong to agents with few
    answers. How honest agents differ comes from the untreated ones, or from the lower half of all:
    `honest_change`. With some agents above it, the others' probabilities rise: one data set, one
    share of such agents, unknown and integrated out.

    Examples
    --------
    >>> from nps_research.detection.simulated_agents import AgentWorld
    >>> made = AgentWorld(mechanism="beg").simulate(1)
    >>> table = agent_outliers(made.counts)
    >>> table["probability"].groupby(made.gamer).mean().round(2).tolist()
    [0.15, 0.86]
    """
    if not 0 < threshold < 1:
        raise ValueError(
            f"threshold must be between 0 and 1; found {threshold}. Pass 0.05 for 5 %."
        )
    read = agent_answers(counts, agent, rating_scale=rating_scale)
    expected = expected_log_odds(read)
    change, se = residual_change(read, expected, least)
    honest = honest_change(change, se, read.treated)
    after = read.answers[:, 1]
    likelihood = _likelihood(after[:, -1], after.sum(axis=1), _predicted(read, expected, honest))
    found = _posterior(likelihood, np.isfinite(change), read.treated, threshold)
    table = pd.DataFrame(found.columns | {"n": read.n}, index=read.agents)
    table["rank"] = table["probability"].rank(ascending=False)
    table.loc[~np.isfinite(change), [name for name in table if name != "n"]] = np.nan
    table.attrs = {
        "signature": "10-mass",
        "too_few": int((~np.isfinite(change)).sum()),
        "reference": honest.reference,
        "honest_sd": honest.sd,
        "innocent": INNOCENT,
        "threshold": threshold,
        "share": found.share,
    }
    return table[["estimate", "se", "z", "n", "probability", "rank"]]


def funnel_limits(table: pd.DataFrame, *, level: float = 0.95, points: int = 50) -> pd.DataFrame:
    """Compute how far honest agents' estimates lie from 0, by their precision.

    Parameters
    ----------
    table : pandas.DataFrame
        Of a detector, with `se`, and `honest_sd` in its attrs.
    level : float
        Probability inside, for each agent alone.
    points : int
        Number of standard errors, from the smallest to the largest of the table.

    Returns
    -------
    pandas.DataFrame
        Indexed by `se`: `sampling`, the limit if honest agents were all alike, and `honest`, with
        their spread. Below 0 they are the same with a minus sign. The kind is in ``attrs``.

    Notes
    -----
    Spiegelhalter 2005, "Handling Over-dispersion of Performance Indicators", additive model.

    Examples
    --------
    >>> table = pd.DataFrame({"se": [0.1, 0.3]})
    >>> table.attrs["honest_sd"] = 0.2
    >>> funnel_limits(table, points=2).round(2)
         sampling  honest
    se
    0.1      0.20    0.44
    0.3      0.59    0.71
    """
    se = np.linspace(table["se"].min(), table["se"].max(), points)
    z = float(special.ndtri((1 + level) / 2))
    columns = {"sampling": z * se, "honest": z * np.hypot(se, table.attrs["honest_sd"])}
    limits = pd.DataFrame(columns, index=pd.Index(se, name="se"))
    limits.attrs = {"interval": f"{100 * level:g} % control limits of honest agents, normal"}
    return limits


def _predicted(read: AgentAnswers, expected: Expected, honest: HonestChange) -> _Prediction:
    """Predict the honest log odds after from those before and from the other answers."""
    top, others = read.answers[:, 0, -1], read.answers[:, 0, :-1].sum(axis=1)
    own = log_odds(top, others) - expected.log_odds[:, 0]
    noise = log_odds_variance(top, others)
    first, cross, last = (expected.covariance[:, i, j] for i, j in ((0, 0), (0, 1), (1, 1)))
    # How far agents always differ in this from what their other answers lead to expect.
    habit = max(float(np.var(own) - np.mean(noise + first)), 0.0)
    total = habit + first + noise
    pull = (habit + cross) / total
    variance = habit + last - pull * (habit + cross) + honest.sd**2 + honest.se**2
    centre = own - (own.mean() if habit else 0.0)
    mean = expected.log_odds[:, 1] + own - centre + pull * centre + honest.mean
    return _Prediction(mean, np.sqrt(variance))


class _Likelihood(NamedTuple):
    honest: Array  # shape (agents,)
    masses: Array  # shape (agents, masses)
    upper: Array  # predictive probabilities of more 10, and half of as many
    lower: Array


def _likelihood(top: Array, n: Array, predicted: _Prediction) -> _Likelihood:
    """Return likelihoods of the number of 10, with the honest log odds integrated out."""
    weight = special.softmax(-0.5 * STANDARD**2)
    share = special.expit(predicted.mean[:, None] + predicted.sd[:, None] * STANDARD)
    raised = share[..., None] + MASSES * (1 - share[..., None])
    chance = np.exp(_log_binomial(top[:, None], n[:, None], share))
    masses = np.exp(_log_binomial(top[:, None, None], n[:, None, None], raised))
    above = stats.binom.sf(top[:, None], n[:, None], share)
    honest = chance @ weight
    upper = above @ weight + honest / 2
    return _Likelihood(honest, np.einsum("agm,g->am", masses, weight), upper, 1 - upper)


def _log_binomial(x: Array, n: Array, share: Array) -> Array:
    ways = special.gammaln(n + 1) - special.gammaln(x + 1) - special.gammaln(n - x + 1)
    return np.asarray(ways + special.xlogy(x, share) + special.xlog1py(n - x, -share))


class _Found(NamedTuple):
    columns: dict[str, Array]
    share: float


def _posterior(
    likelihood: _Likelihood,
    known: NDArray[np.bool_],
    treated: NDArray[np.bool_] | None,
    threshold: float,
) -> _Found:
    """Integrate over the share of agents who raise answers, which the treated agents tell."""
    weighted = likelihood.masses * MASS_WEIGHTS
    gaming = weighted.sum(axis=1)
    # Likelihoods of both can underflow for an agent far from everything.
    ratio = np.divide(
        gaming, likelihood.honest, where=likelihood.honest > 0, out=np.full_like(gaming, np.inf)
    )
    odds = np.minimum(ratio, 1 / LEAST_TAIL)
    paid = known if treated is None or not treated.any() else known & treated
    log_posterior = LOG_SHARE_PRIOR + np.log1p(SHARES * (odds[paid, None] - 1)).sum(axis=0)
    on_share = special.softmax(log_posterior)
    member = (SHARES * odds[:, None] / (1 + SHARES * (odds[:, None] - 1))) @ on_share
    mass = weighted / np.maximum(gaming, np.finfo(float).tiny)[:, None]
    first, second = member * (mass @ MASSES), member * (mass @ MASSES**2)
    upper, lower = (np.maximum(each, LEAST_TAIL) for each in (likelihood.upper, likelihood.lower))
    z = np.where(upper < lower, -special.ndtri(upper), special.ndtri(lower))
    columns = {
        "estimate": first,
        "se": np.sqrt(np.maximum(second - first**2, 0.0)),
        "z": z,
        "probability": member * mass[:, threshold < MASSES].sum(axis=1),
    }
    return _Found(columns, float(on_share @ SHARES))
