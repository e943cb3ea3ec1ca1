"""How many agents added answers of 10, a few or nearly all: incremental and extreme mixtures.

The model of election forensics (Klimek, Yegorov, Hanel and Thurner 2012), for surveys. Of an agent
who adds answers with intensity x, a share x of the customers who would be silent answer 10, and so
does a share x of those who would give another score. Intensities are near 0 for "incremental"
agents and near 1 for "extreme" ones. What would have been there without comes from the agent's own
period before and from how honest agents change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from nps_research.detection.agent_answers import agent_answers
from nps_research.detection.fingerprint import INNOCENT, response_change
from nps_research.detection.honest_change import honest_change
from nps_research.detection.ten_share import (
    LEAST_ANSWERS,
    log_odds,
    log_odds_change,
    log_odds_variance,
)
from nps_research.progress_bar import progress
from nps_research.views import viewed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.detection.agent_answers import AgentAnswers
    from nps_research.detection.honest_change import HonestChange
    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]

KINDS = ("none", "incremental", "extreme")
# Honest log odds after, in standard deviations around their prediction.
STANDARD = np.linspace(-4.0, 4.0, 21)
# Intensities: half-normal from 0 with standard deviation 0.3, and from 1 with 0.075, as in Klimek
# et al. for the extreme kind.
INCREMENTAL = (np.arange(10) + 0.5) / 10 * 0.8
EXTREME = 1 - (np.arange(4) + 0.5) / 4 * 0.2
INCREMENTAL_SD, EXTREME_SD = 0.3, 0.075
# Pseudo agents of each kind: of every eleven, ten are without.
PSEUDO = np.array([1.0, 0.05, 0.05])
ROUNDS = 100


@viewed
@dataclass(frozen=True, eq=False)
class FingerprintMixture:
    """Shares of the kinds of agents, and the kind of each.

    Attributes
    ----------
    shares : pandas.Series
        By kind: none, incremental, extreme; posterior mode.
    table : pandas.DataFrame
        Indexed by agent (the treated ones, if the table says who is): posterior probability of each
        kind, and `intensity`, the posterior mean of x.
    likelihood_ratio : float
        Twice the log likelihood of the mixture less that of no agent who adds answers.
    p_value : float
        Share of simulated firms without such agents that have as large a ratio; missing without
        simulation.
    """

    shares: pd.Series
    table: pd.DataFrame
    likelihood_ratio: float
    p_value: float
    innocent: str = INNOCENT

    @property
    def text(self) -> str:
        """What was found, in words."""
        return (
            f"The pattern is compatible with {self.shares['incremental']:.0%} of the agents having "
            f"some answers of 10 that customers did not give by themselves, and "
            f"{self.shares['extreme']:.0%} having hardly any others (p = {self.p_value:.3f} if "
            f"there is no such agent). {self.innocent}"
        )


class _Firm(NamedTuple):
    """What is known of the agents; the last axis is for log odds of an answer and of a 10."""

    observed: Array  # 10, other answers and silence after, shape (agents, 3)
    before: Array  # log odds before, shape (agents, 2)
    own: Array  # their standard errors, shape (agents, 2)
    honest: tuple[HonestChange, HonestChange]

    def part(self, name: str) -> Array:
        return np.array([getattr(each, name) for each in self.honest])

    @property
    def expected(self) -> Array:
        return self.before + self.part("mean")

    @property
    def sd(self) -> Array:
        return np.sqrt(self.own**2 + self.part("sd") ** 2 + self.part("se") ** 2)


class _Fit(NamedTuple):
    shares: Array  # shape (kinds,)
    member: Array  # posterior of the kind, shape (agents, kinds)
    ratio: float  # likelihood ratio against no agent who adds answers
    intensity: Array  # posterior mean, shape (agents,)


def fingerprint_mixture(
    counts: pd.DataFrame,
    agent: str = "agent",
    *,
    least: int = LEAST_ANSWERS,
    resamples: int = 99,
    random_seed: int = 0,
    rating_scale: RatingScale | None = None,
    progressbar: bool | None = None,
) -> FingerprintMixture:
    """Estimate how many agents have answers of 10 that customers did not give by themselves.

    Parameters
    ----------
    counts, agent, least, rating_scale
        As in `nps_research.detection.fingerprint.fingerprint`.
    resamples : int
        Simulated firms without such agents; 0 for none.
    random_seed : int
        Makes the simulation repeatable.
    progressbar : bool, optional
        Whether to show progress; by default in a terminal or an open notebook.

    Returns
    -------
    FingerprintMixture

    Raises
    ------
    ValueError
        As in `fingerprint`, or if no agent has enough answers.

    Notes
    -----
    Better service of the treated agents alone also brings more answers and more 10: the mixture
    reads it as incremental. Look at `nps_research.detection.agent_outliers` beside it, which takes
    the level of the other answers into account.

    Examples
    --------
    >>> from nps_research.detection.simulated_agents import AgentWorld
    >>> made = AgentWorld(mechanism="bribe").simulate(1)
    >>> found = fingerprint_mixture(made.counts, resamples=19)
    >>> found.shares.round(2).tolist(), found.p_value
    ([0.65, 0.35, 0.0], 0.05)
    """
    read = agent_answers(counts, agent, rating_scale=rating_scale)
    known, firm = _predicted(read, least)
    if not known.any():
        raise ValueError(
            f"no agent has {least} answers, and silent customers, in both periods. Use longer "
            "periods, or units of several agents."
        )
    log_shares = _log_shares(firm)
    found = _fitted(firm.observed, log_shares)
    generator = np.random.default_rng(random_seed)
    firms = (_fitted(_drawn(firm, generator), log_shares).ratio for _ in range(resamples))
    simulated = np.array(
        list(progress(firms, resamples, "simulated firms", progressbar=progressbar))
    )
    columns = dict(zip(KINDS, found.member.T, strict=True)) | {"intensity": found.intensity}
    as_large = int((simulated >= found.ratio).sum())
    return FingerprintMixture(
        shares=pd.Series(found.shares, index=list(KINDS)),
        table=pd.DataFrame(columns, index=read.agents[known]),
        likelihood_ratio=found.ratio,
        p_value=(1 + as_large) / (1 + resamples) if resamples else float("nan"),
    )


def _predicted(read: AgentAnswers, least: int) -> tuple[NDArray[np.bool_], _Firm]:
    """Return who is judged, and what is expected of them if they are honest."""
    answered, top = read.answers.sum(axis=2), read.answers[:, :, -1]
    observed = np.stack([top[:, 1], answered[:, 1] - top[:, 1], read.silent[:, 1]], axis=1)
    response, se_response = response_change(read, least)
    enough = np.isfinite(response)
    honest = (
        honest_change(response, se_response, read.treated),
        honest_change(*log_odds_change(top, answered - top, enough), read.treated),
    )
    sides = [(answered, read.silent), (top, answered - top)]
    before = np.stack([log_odds(a[:, 0], b[:, 0]) for a, b in sides], axis=1)
    known = enough if read.treated is None or not read.treated.any() else enough & read.treated
    own = np.sqrt(np.stack([log_odds_variance(a[:, 0], b[:, 0]) for a, b in sides], axis=1))
    return known, _Firm(observed[known], before[known], own[known], honest)


def _log_shares(firm: _Firm) -> Array:
    """Return log shares of 10, others and silence, shape (agents, points, intensities, 3)."""
    grid = np.stack(np.meshgrid(STANDARD, STANDARD, indexing="ij"), axis=-1).reshape(-1, 2)
    odds = firm.expected[:, None] + firm.sd[:, None] * grid
    answer, ten = (special.expit(odds[..., i])[..., None] for i in range(2))
    x = np.concatenate([[0.0], INCREMENTAL, EXTREME])
    other, silent = answer * (1 - ten) * (1 - x), (1 - answer) * (1 - x)
    return np.log(np.stack([1 - other - silent, other, silent], axis=-1))


def _kind_weights() -> Array:
    """Return the probability of each intensity in each kind, shape (kinds, intensities)."""
    low = np.exp(-0.5 * (INCREMENTAL / INCREMENTAL_SD) ** 2)
    high = np.exp(-0.5 * ((1 - EXTREME) / EXTREME_SD) ** 2)
    weights = np.zeros((len(KINDS), 1 + len(low) + len(high)))
    weights[0, 0] = 1.0
    weights[1, 1 : 1 + len(low)] = low / low.sum()
    weights[2, 1 + len(low) :] = high / high.sum()
    return weights


def _fitted(observed: Array, log_shares: Array) -> _Fit:
    """Fit the shares of the kinds by EM."""
    weight = special.softmax(-0.5 * STANDARD**2)
    log_chance = np.einsum("apxc,ac->apx", log_shares, observed)
    top = log_chance.max(axis=(1, 2), keepdims=True)
    by_x = np.einsum("apx,p->ax", np.exp(log_chance - top), np.outer(weight, weight).ravel())
    weights = _kind_weights()
    likelihood = np.maximum(by_x @ weights.T, np.finfo(float).tiny)
    shares = PSEUDO / PSEUDO.sum()
    for _ in range(ROUNDS):
        member = shares * likelihood
        member /= member.sum(axis=1, keepdims=True)
        shares = (member.sum(axis=0) + PSEUDO) / (len(member) + PSEUDO.sum())
    ratio = 2 * float(np.sum(np.log(likelihood @ shares) - np.log(likelihood[:, 0])))
    on_x = (shares @ weights) * by_x
    x = np.concatenate([[0.0], INCREMENTAL, EXTREME])
    total = np.maximum(on_x.sum(axis=1), np.finfo(float).tiny)
    return _Fit(shares, member, ratio, on_x @ x / total)


def _drawn(firm: _Firm, generator: np.random.Generator) -> Array:
    """Draw counts after of agents who add no answers.

    How honest agents change is an estimate, whose errors are the same for all agents of a firm:
    that of the mean, and that of the spread, which is what their changes vary by less what sampling
    adds, before and after.
    """
    scale = np.array([each.freedom / generator.chisquare(each.freedom) for each in firm.honest])
    honest, sampling = firm.part("sd") ** 2, 2 * np.mean(firm.own**2, axis=0)
    honest = np.maximum(honest + (scale - 1) * (honest + sampling), 0.0)
    shared = firm.part("se") * np.sqrt(scale) * generator.standard_normal(2)
    spread = np.sqrt(firm.own**2 + honest)
    odds = firm.expected + shared + spread * generator.standard_normal(firm.own.shape)
    answer, ten = special.expit(odds).T
    shares = np.stack([answer * ten, answer * (1 - ten), 1 - answer], axis=1)
    return generator.multinomial(firm.observed.sum(axis=1).astype(np.int64), shares).astype(float)
