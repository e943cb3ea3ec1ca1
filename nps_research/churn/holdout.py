"""Leaving one customer out, with all months: predictions of people whom a model has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from nps_research.ordinal.leaving_out import psis, relative_efficiency
from nps_research.ordinal.loo import LeftOut, largest_good_k
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from nps_research.churn.hazard_draws import HazardDraws

    type Array = NDArray[np.float64]
    type Integers = NDArray[np.int64]


class People(NamedTuple):
    """People by position of kind and score, with their months; arrays of shape (people,)."""

    kind: Integers
    score: Integers
    entered: Integers
    months: Integers
    churned: Integers


@viewed
@dataclass(frozen=True, eq=False)
class CustomerLoo(LeftOut):
    """Expected log predictive density of a new customer's months, summed over customers.

    Attributes
    ----------
    pointwise : pandas.DataFrame
        The rows of the lifetimes, with the `elpd`, `p_loo` and `pareto_k` of one of their people.
    threshold : float
        Largest Pareto k at which importance sampling is reliable with this number of draws.
    """

    pointwise: pd.DataFrame
    threshold: float
    people = "customers"

    def _view(self) -> View:
        kinds = f"{self.n:,} customers in {len(self.pointwise):,} kinds"
        return self._shown("customers", kinds, "fit without them: HazardFit.without(row).")


def leave_one_out(draws: HazardDraws) -> CustomerLoo:
    """Estimate how well the model predicts a customer whom it has not seen, with all months.

    Pareto-smoothed importance sampling (Vehtari, Gelman and Gabry 2017, "Practical Bayesian Model
    Evaluation Using Leave-One-Out Cross-Validation and WAIC"), once for every row of the lifetimes:
    people of a row have one likelihood, the product over their months.

    Parameters
    ----------
    draws : HazardDraws
        Posterior draws.

    Returns
    -------
    CustomerLoo
    """
    log_p = log_likelihoods(draws)
    r_eff = relative_efficiency(draws.draws.parameters)
    elpd, p_loo, pareto_k = psis(log_p, log_p, r_eff)
    table = draws.layout.lifetimes.counts.assign(elpd=elpd, p_loo=p_loo, pareto_k=pareto_k)
    return CustomerLoo(table, largest_good_k(log_p[0].size))


def log_likelihoods(draws: HazardDraws, people: People | None = None) -> Array:
    """Return the log probability of all months of a person.

    Parameters
    ----------
    draws : HazardDraws
        Draws of hazards.
    people : People, optional
        By default one of every row of the lifetimes.

    Returns
    -------
    numpy.ndarray
        Shape (people, chain, draw).
    """
    who = people_of_rows(draws) if people is None else people
    stayed = np.moveaxis(draws.log_survival(), (0, 1), (-2, -1))
    leave = np.moveaxis(draws.log_probabilities[1], (0, 1), (-2, -1))
    until = stayed[who.kind, who.score, who.months - who.churned]
    found = until - stayed[who.kind, who.score, who.entered]
    gone = who.churned == 1
    period = draws.layout.period_of_month[who.months[gone] - 1]
    found[gone] += leave[who.kind[gone], who.score[gone], period]
    return np.asarray(found)


def people_of_rows(draws: HazardDraws) -> People:
    """Return one person of every row of the lifetimes."""
    layout = draws.layout
    columns = layout.columns()
    times = (columns[name] for name in ("entered", "months", "churned"))
    return People(layout.kind, layout.score, *times)


def expected_log_score(
    draws: HazardDraws, truth: ArrayLike, shares: ArrayLike, watched: ArrayLike
) -> float:
    """Return the log score that a model can expect of a new customer if the truth is known.

    Exact: every possible outcome counts with its true probability.

    Parameters
    ----------
    draws : HazardDraws
        Posterior draws of a model without covariates.
    truth : array_like, shape (scores, months)
        True hazard of every month.
    shares : array_like, shape (scores,)
        True shares of the scores.
    watched : array_like, shape (scores, months + 1) or (months + 1,)
        Probability to be watched for 0, 1, ... months, whether or not one leaves.

    Returns
    -------
    float
        Mean of the log posterior predictive probability of a customer's months; 0 at best.

    Examples
    --------
    >>> from nps_research.churn.hazard_draws import HazardDraws
    >>> from nps_research.churn.layout import Layout
    >>> from nps_research.churn.lifetimes import lifetimes
    >>> table = pd.DataFrame({"score": [2, 9], "churned": [1, 0]})
    >>> guess = HazardDraws(None, Layout(lifetimes(table, months=None)))
    >>> guess.log_probabilities = (np.log(np.full((1, 1, 1, 11, 1), 0.5)),) * 2
    >>> round(expected_log_score(guess, np.full((11, 1), 0.1), np.full(11, 1 / 11), [0, 1]), 3)
    -0.693
    """
    hazard = np.asarray(truth, dtype=float)
    scores, months = np.indices(hazard.shape)
    ends = np.broadcast_to(np.asarray(watched, dtype=float), (len(hazard), hazard.shape[1] + 1))
    there = np.cumprod(1.0 - hazard, axis=1)
    before = np.column_stack([np.ones(len(hazard)), there[:, :-1]])
    still_watched = ends[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
    people = np.asarray(shares, dtype=float)[:, None]
    chances = [people * still_watched * before * hazard, people * ends[:, 1:] * there]
    total = 0.0
    for churned, chance in zip((1, 0), chances, strict=True):
        flat = scores.ravel()
        who = People(
            kind=np.zeros_like(flat),
            score=flat,
            entered=np.zeros_like(flat),
            months=months.ravel() + 1,
            churned=np.full_like(flat, churned),
        )
        log_p = log_likelihoods(draws, who)
        predicted = logsumexp(log_p, axis=(1, 2)) - np.log(log_p[0].size)
        total += float(chance.ravel() @ predicted)
    return total
