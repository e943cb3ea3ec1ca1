"""Leaving one respondent out: likelihoods of the answers given, and importance sampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import logsumexp

from nps_research.ordinal.latent import SAMPLE_DIMS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import xarray as xr
    from numpy.typing import NDArray

    from nps_research.ordinal.design import Design
    from nps_research.ordinal.draws import ScoreDraws
    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]
    type Integers = NDArray[np.int64]

# What of an answer is predicted: the score, or whether it is a detractor's, passive's, promoter's.
Outcome = Literal["scores", "classes"]
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class AnswersGiven:
    """Different answers of different cells, exact ones first.

    Attributes
    ----------
    cell : numpy.ndarray of int64, shape (answers,)
        Cell of the respondents.
    lowest, highest : numpy.ndarray of int64, shape (answers,)
        Categories between which the answer lies; equal for an exact one.
    n : numpy.ndarray, shape (answers,)
        How many respondents gave it.
    """

    cell: Integers
    lowest: Integers
    highest: Integers
    n: Array

    def at(self, row: int) -> AnswersGiven:
        """Return one answer alone."""
        part = slice(row, row + 1)
        return AnswersGiven(self.cell[part], self.lowest[part], self.highest[part], self.n[part])


def answers_given(design: Design) -> AnswersGiven:
    """Return the answers that somebody gave, exact and interval-censored."""
    cell, category = np.nonzero(design.counts)
    given = design.censored_n > 0
    censored = design.censored[given]
    return AnswersGiven(
        cell=np.concatenate([cell, censored[:, 0]]),
        lowest=np.concatenate([category, censored[:, 1]]),
        highest=np.concatenate([category, censored[:, 2]]),
        n=np.concatenate([design.counts[cell, category], design.censored_n[given]]),
    )


def without_one(design: Design, answer: AnswersGiven) -> tuple[Array, Array]:
    """Return `counts` and `censored_n` of the design, less one respondent who gave the answer."""
    counts, censored_n = design.counts.copy(), design.censored_n.copy()
    (cell,), (lowest,), (highest,) = answer.cell, answer.lowest, answer.highest
    if lowest == highest:
        counts[cell, lowest] -= 1.0
    else:
        same = (design.censored == [cell, lowest, highest]).all(axis=1) & (censored_n > 0)
        censored_n[np.flatnonzero(same)[0]] -= 1.0
    return counts, censored_n


def log_likelihoods(
    draws: ScoreDraws, given: AnswersGiven, outcome: Outcome
) -> Iterator[tuple[Integers, Array, Array]]:
    """Go through the answers, as many at a time as memory allows.

    Yields
    ------
    where : numpy.ndarray of int64
        Positions among the answers.
    fitted, predicted : numpy.ndarray
        Log probability of the answer, and of what of it is to be predicted, shape
        (positions, chain, draw).
    """
    lowest, highest = _predicted(draws.design.rating_scale, given, outcome)
    for block in draws.log_probability_blocks():
        cells = block["cell"].to_numpy()
        where = np.flatnonzero(np.isin(given.cell, cells))
        if len(where):
            log_p = block.transpose("cell", "score", *SAMPLE_DIMS).to_numpy()
            inside = np.searchsorted(cells, given.cell[where])
            fitted = _log_sums(log_p, inside, given.lowest[where], given.highest[where])
            yield where, fitted, _log_sums(log_p, inside, lowest[where], highest[where])


def _predicted(
    scale: RatingScale, given: AnswersGiven, outcome: Outcome
) -> tuple[Integers, Integers]:
    """Return the lowest and the highest category that count as the outcome of each answer."""
    if outcome == "scores":
        return given.lowest, given.highest
    classes = scale.nps_values
    lowest = np.searchsorted(classes, classes[given.lowest], side="left")
    highest = np.searchsorted(classes, classes[given.highest], side="right") - 1
    return lowest, highest


def _log_sums(log_p: Array, cell: Integers, lowest: Integers, highest: Integers) -> Array:
    """Add up the probabilities of categories `lowest` to `highest`, as logarithms."""
    sums = [
        np.logaddexp.reduce(log_p[j, first : last + 1], axis=0)
        for j, first, last in zip(cell, lowest, highest, strict=True)
    ]
    return np.stack(sums)


def psis(fitted: Array, predicted: Array, r_eff: float) -> tuple[Array, Array, Array]:
    """Leave out one respondent of each answer by Pareto-smoothed importance sampling.

    Parameters
    ----------
    fitted, predicted : numpy.ndarray
        As from `log_likelihoods`.
    r_eff : float
        Relative efficiency of the draws.

    Returns
    -------
    elpd, p_loo, pareto_k : numpy.ndarray
        Of one respondent of each answer.
    """
    from arviz_stats.base import array_stats  # noqa: PLC0415  (slow to import)

    log_weights = np.full_like(fitted, -np.log(fitted[0].size))
    pareto_k = np.zeros(len(fitted))
    # An interval of the whole scale says nothing; its likelihood is 1 but for rounding.
    telling = np.ptp(fitted, axis=(-2, -1)) > ROUNDING
    if telling.any():
        smoothed = array_stats.psislw(fitted[telling], r_eff=r_eff, axis=[-2, -1])
        log_weights[telling], pareto_k[telling] = smoothed
    elpd = logsumexp(log_weights + predicted, axis=(-2, -1))
    return elpd, _log_mean(predicted) - elpd, pareto_k


def _log_mean(log_p: Array) -> Array:
    """Average probabilities over chains and draws, as logarithms."""
    n_draws = log_p.shape[-2] * log_p.shape[-1]
    return np.asarray(logsumexp(log_p, axis=(-2, -1)) - np.log(n_draws))


def log_mean_density(draws: ScoreDraws, answer: AnswersGiven, outcome: Outcome) -> float:
    """Return the log of the mean predictive density of one answer."""
    blocks = log_likelihoods(draws, answer, outcome)
    return float(next(_log_mean(predicted)[0] for _, _, predicted in blocks))


def relative_efficiency(parameters: xr.Dataset) -> float:
    """Return effective over actual draws, averaged over all parameters as ArviZ does."""
    from arviz_stats import ess  # noqa: PLC0415  (slow to import)

    if parameters.sizes["chain"] == 1:
        return 1.0
    sizes = ess(parameters, method="mean").data_vars.values()
    effective = np.concatenate([np.ravel(size) for size in sizes])
    return float(effective.mean() / (parameters.sizes["chain"] * parameters.sizes["draw"]))
