"""Leave-one-out predictive accuracy of a respondent's answer, computed from counts."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, get_args

import numpy as np
import pandas as pd

from nps_research.diagnostics import MAX_PARETO_K
from nps_research.ordinal.leaving_out import (
    Outcome,
    answers_given,
    log_likelihoods,
    log_mean_density,
    psis,
    relative_efficiency,
    without_one,
)
from nps_research.progress_bar import progress
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from nps_research.ordinal.design import Design
    from nps_research.ordinal.draws import ScoreDraws
    from nps_research.ordinal.leaving_out import AnswersGiven
    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]
    type Refit = Callable[[Array, Array], ScoreDraws]
# Rows that a view shows: those that are hardest to leave out.
HARDEST = 4


class LooWarning(UserWarning):
    """A leave-one-out estimate that importance sampling cannot give."""


class LeftOut:
    """Sums over people, each left out in turn, of the figures that people of one kind share.

    Attributes
    ----------
    pointwise : pandas.DataFrame
        One row a kind: `n` people, and for each of them `elpd`, `p_loo` and `pareto_k`.
    threshold : float
        Largest Pareto k at which importance sampling is reliable.
    people : str
        What they are called.
    """

    pointwise: pd.DataFrame
    threshold: float
    people = "respondents"

    @property
    def n(self) -> int:
        """Number of people."""
        return int(self.pointwise["n"].sum())

    @property
    def elpd(self) -> float:
        """Expected log predictive density, summed over people; higher is better."""
        return self._total("elpd")

    @property
    def p_loo(self) -> float:
        """Effective number of parameters."""
        return self._total("p_loo")

    @property
    def se(self) -> float:
        """Standard error of `elpd`."""
        return standard_error(self.pointwise["elpd"].to_numpy(), self.pointwise["n"].to_numpy())

    @property
    def largest_k(self) -> float:
        """Largest Pareto k."""
        return float(self.pointwise["pareto_k"].max())

    @property
    def n_unreliable(self) -> int:
        """People whose Pareto k is above the threshold."""
        unreliable = self.pointwise["pareto_k"] > self.threshold
        return int(self.pointwise.loc[unreliable, "n"].sum())

    def _total(self, column: str) -> float:
        return float(self.pointwise["n"].to_numpy() @ self.pointwise[column].to_numpy())

    def _shown(self, what: str, size: str, advice: str) -> View:
        """Return the view, with the rows that are hardest to leave out."""
        title = (
            f"LOO of {what}: elpd {self.elpd:,.1f} (se {self.se:,.1f}), p_loo {self.p_loo:.1f}; "
            f"{size}"
        )
        worst = self.pointwise.sort_values("pareto_k", ascending=False).head(HARDEST).round(3)
        reliability = self._reliability()
        if self.n_unreliable:
            return View(title, warnings=[f"{reliability}: {advice}"], table=worst)
        return View(f"{title}; {reliability}", table=worst)

    def _reliability(self) -> str:
        if not self.n_unreliable:
            return f"every Pareto k is at most {self.threshold:.2f}"
        return (
            f"NOT reliable: Pareto k above {self.threshold:.2f} for {self.n_unreliable:,} of "
            f"{self.n:,} {self.people} (largest {self.largest_k:.2f})"
        )


@viewed
@dataclass(frozen=True, eq=False)
class LooResult(LeftOut):
    """Expected log predictive density of a new respondent's answer, summed over respondents.

    Attributes
    ----------
    outcome : {"scores", "classes"}
        What is predicted: the score, or whether it is a detractor's, passive's or promoter's.
    pointwise : pandas.DataFrame
        One row an answer that somebody in a cell gave: `cell`, `score` and `score_upper` (equal
        unless the answer is an interval), `n` respondents, and for each of them `elpd`, `p_loo`
        and `pareto_k`; `refitted` says whether the row comes from an exact refit, whose k is 0.
    threshold : float
        Largest Pareto k at which importance sampling is reliable with this number of draws.
    design : Design
        The cells and the count table.
    """

    outcome: Outcome
    pointwise: pd.DataFrame
    threshold: float
    design: Design

    def _view(self) -> View:
        size = f"{self.n:,} respondents, {len(self.pointwise)} different answers"
        return self._shown(self.outcome, size, "call fit.reloo(), which fits without them.")


def standard_error(pointwise: Array, n: Array) -> float:
    """Return the standard error of a sum over respondents, of whom `n` share each value.

    Examples
    --------
    >>> standard_error(np.array([-1.0, -2.0]), np.array([3, 1]))
    1.0
    """
    total = n.sum()
    if total < 2:
        return 0.0
    deviation = pointwise - n @ pointwise / total
    return float(np.sqrt(total * (n @ deviation**2) / (total - 1)))


def loo(draws: ScoreDraws, outcome: Outcome = "scores") -> LooResult:
    """Estimate how well the model predicts a respondent whom it has not seen.

    Pareto-smoothed importance sampling (PSIS) turns the posterior into the posterior without one
    respondent. Respondents of one cell who gave one answer have one likelihood, so this is done
    once for them all, and sums and variances count it n times: the result is that of a table with
    one row a respondent, at a cost that does not grow with respondents.

    With ``outcome="classes"``, the respondent is left out with the full answer that the model was
    fitted to, and only the prediction is added up to detractor, passive and promoter. Respondents
    without a score take no part.

    Parameters
    ----------
    draws : ScoreDraws
        Posterior draws.
    outcome : {"scores", "classes"}
        What to predict.

    Returns
    -------
    LooResult

    Raises
    ------
    ValueError
        If `outcome` is neither.

    Warns
    -----
    LooWarning
        If a Pareto k is above the threshold min(1 - 1 / log10(draws), 0.7).

    See Also
    --------
    reloo : Exact refits for what importance sampling cannot give.

    Notes
    -----
    Vehtari, Gelman and Gabry 2017, "Practical Bayesian Model Evaluation Using Leave-One-Out
    Cross-Validation and WAIC"; Vehtari, Simpson, Gelman, Yao and Gabry 2024, "Pareto Smoothed
    Importance Sampling". The relative efficiency of the draws, which decides how many of them
    count as the tail, is that of ArviZ: the mean over all parameters.

    Examples
    --------
    >>> import nps_research as npsr
    >>> counts = npsr.load_counts("sfo_airport")
    >>> fit = npsr.OrdinalModel("score ~ year", counts).fit(random_seed=1, progressbar=False)
    >>> result = loo(fit)
    >>> result.n, result.n_unreliable, round(result.elpd, -1)
    (5396, 0, -9500.0)
    """
    result = psis_loo(draws, outcome)
    if result.n_unreliable:
        warnings.warn(
            f"importance sampling is not reliable for {result.n_unreliable:,} of {result.n:,} "
            f"respondents, whose Pareto k is up to {result.largest_k:.2f} and must be at most "
            f"{result.threshold:.2f}. Use reloo, which refits without them.",
            LooWarning,
            stacklevel=2,
        )
    return result


def psis_loo(draws: ScoreDraws, outcome: Outcome = "scores") -> LooResult:
    """Do as `loo`, without a warning: for callers who report the Pareto k themselves."""
    if outcome not in get_args(Outcome):
        raise ValueError(f"outcome must be one of {get_args(Outcome)}; found {outcome!r}.")
    given = answers_given(draws.design)
    r_eff = relative_efficiency(draws.parameters)
    values = np.empty((3, len(given.n)))
    for where, fitted, predicted in log_likelihoods(draws, given, outcome):
        values[:, where] = psis(fitted, predicted, r_eff)
    table = _table(draws.design.rating_scale, given)
    table[["elpd", "p_loo", "pareto_k"]] = values.T
    sizes = draws.parameters.sizes
    threshold = largest_good_k(sizes["chain"] * sizes["draw"])
    return LooResult(outcome, table.assign(refitted=False), threshold, draws.design)


def reloo(
    draws: ScoreDraws,
    refit: Refit,
    outcome: Outcome = "scores",
    *,
    threshold: float | None = None,
    progressbar: bool | None = None,
) -> LooResult:
    """Do as `loo`, with an exact refit wherever the Pareto k is too large.

    One refit serves all respondents of a cell who gave the same answer: the model is fitted to
    the counts with one of them taken away. The design stays, so the prior stays where it was.

    Moment matching (Paananen, Piironen, Buerkner and Vehtari 2021, "Implicitly Adaptive Importance
    Sampling") would be the alternative. It moves draws in the sampler's own coordinates and needs
    the density there; a refit needs neither, is exact, and takes seconds on counts.

    Parameters
    ----------
    draws : ScoreDraws
        Posterior draws.
    refit : callable
        Takes `counts`, shape (cells, categories), and `censored_n`, the respondents of each
        interval of ``design.censored``, and returns the draws of the model fitted to them.
    outcome : {"scores", "classes"}
        What to predict.
    threshold : float, optional
        Largest Pareto k to accept; ``-numpy.inf`` refits for every answer. By default that of
        `loo`.
    progressbar : bool, optional
        Whether to show progress; by default in a terminal or an open notebook.

    Returns
    -------
    LooResult
        Rows that were refitted have ``refitted`` True and a `pareto_k` of 0.
    """
    result = psis_loo(draws, outcome)
    limit = result.threshold if threshold is None else threshold
    table = result.pointwise.copy()
    rows = np.flatnonzero(table["pareto_k"] > limit)
    given = answers_given(draws.design)
    parts = [given.at(row) for row in rows.tolist()]
    refits = (
        log_mean_density(refit(*without_one(draws.design, part)), part, outcome) for part in parts
    )
    exact = list(progress(refits, len(parts), "refits", progressbar=progressbar))
    table.loc[rows, "p_loo"] += table.loc[rows, "elpd"] - exact
    table.loc[rows, "elpd"] = exact
    table.loc[rows, "pareto_k"] = 0.0
    table.loc[rows, "refitted"] = True
    return replace(result, pointwise=table)


def largest_good_k(n_draws: int) -> float:
    """Return the largest Pareto k at which that many draws give a reliable estimate.

    Examples
    --------
    >>> [round(largest_good_k(n), 2) for n in (100, 4000)]
    [0.5, 0.7]
    """
    return float(min(1.0 - 1.0 / np.log10(n_draws), MAX_PARETO_K)) if n_draws > 1 else 0.0


def _table(scale: RatingScale, given: AnswersGiven) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cell": given.cell,
            "score": scale.scores[given.lowest],
            "score_upper": scale.scores[given.highest],
            "n": given.n.astype(np.int64),
        }
    )
