"""Scores of predictions of people left out, and how they vary: the Bayesian bootstrap of people."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from nps_research.churn.holdout import CustomerLoo, leave_one_out, log_likelihoods
from nps_research.ordinal.leaving_out import relative_efficiency
from nps_research.views import View, sized, viewed

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from nps_research.churn.hazard_draws import HazardDraws

    type Array = NDArray[np.float64]
    type Integers = NDArray[np.int64]

NEWTON_STEPS = 25
# Predicted hazards closer than this, relatively, differ by rounding only.
ROUNDING = 1e-9
SCORES = ("log_score", "brier", "auc", "slope", "intercept")


@viewed
@dataclass(frozen=True, eq=False)
class HeldOut:
    """Predictions of the people of lifetimes, each by a model that has not seen them.

    Parameters
    ----------
    fit : HazardDraws
        Posterior draws.

    Notes
    -----
    A person is left out with all months, by Pareto-smoothed importance weights; a pair of people by
    the product of both weights.
    """

    fit: HazardDraws

    def _view(self) -> View:
        people = sized(int(self.rows["n"].sum()), "customer")
        return View(f"HeldOut: {people}, each predicted by draws that have not seen them")

    @cached_property
    def loo(self) -> CustomerLoo:
        """Log scores of the people of every row."""
        return leave_one_out(self.fit)

    @property
    def rows(self) -> pd.DataFrame:
        """The lifetimes."""
        return self.fit.layout.lifetimes.counts

    @cached_property
    def weights(self) -> Array:
        """Weights of the draws without one person of every row, shape (rows, draws)."""
        from arviz_stats.base import array_stats  # noqa: PLC0415  (slow to import)

        log_p = log_likelihoods(self.fit)
        r_eff = relative_efficiency(self.fit.draws.parameters)
        log_weights, _ = array_stats.psislw(log_p, r_eff=r_eff, axis=[-2, -1])
        return np.asarray(special.softmax(log_weights.reshape(len(log_p), -1), axis=1))

    @cached_property
    def trials(self) -> tuple[Integers, Integers, Integers]:
        """Row, month and outcome (1 left) of every month of one person of every row."""
        people = self.fit.layout.columns()
        lengths = people["months"] - people["entered"]
        row = np.repeat(np.arange(len(lengths)), lengths)
        month = np.arange(len(row)) - np.repeat(lengths.cumsum() - lengths, lengths)
        month += people["entered"][row] + 1
        left = (month == people["months"][row]) * people["churned"][row]
        return row, month, left

    @cached_property
    def predicted(self) -> Array:
        """Hazard of every trial, predicted without the person, shape (trials,)."""
        row, month, _ = self.trials
        found = np.empty(len(row))
        for each in np.unique(month):
            now = month == each
            hazard = self._hazards(int(each))[:, row[now]]
            found[now] = np.einsum("dr,rd->r", hazard, self.weights[row[now]])
        return found

    @cached_property
    def pairs(self) -> tuple[Array, Array]:
        """How pairs of people compare, shape (rows, rows) each.

        For one who left in a month (row) and one who was watched in that month and stayed
        (column): 1 where the one who left had the higher predicted hazard, 1/2 where both were
        equal, predicted without either of them; and whether they can be compared at all.
        """
        row, month, left = self.trials
        size = len(self.rows)
        concordant, comparable = np.zeros((size, size)), np.zeros((size, size))
        for each in np.unique(month[left == 1]):
            now = month == each
            gone, there = row[now & (left == 1)], row[now & (left == 0)]
            place = np.ix_(gone, there)
            concordant[place] = self._wins(int(each), gone, there)
            comparable[place] = 1.0
        return concordant, comparable

    def scores(self, n: Array) -> dict[str, Array]:
        """Score the predictions, every row counting as so many people.

        Parameters
        ----------
        n : numpy.ndarray, shape (samples, rows)
            People of every row; need not be whole numbers.

        Returns
        -------
        dict of str to numpy.ndarray
            Each of shape (samples,): `log_score`, the mean log probability of a customer's months;
            `brier`, the mean squared error of the hazard of a month; `auc`, the probability that
            of two people watched in a month the one who left had the higher predicted hazard,
            among months by their pairs; `slope` and `intercept` of the calibration line.
        """
        row, _, left = self.trials
        months = np.bincount(row, minlength=len(self.rows))
        error = np.bincount(row, (left - self.predicted) ** 2, len(self.rows))
        log_scores = self.loo.pointwise["elpd"].to_numpy()
        concordant, comparable = (((n @ each) * n).sum(axis=1) for each in self.pairs)
        lines = calibration_line(self.predicted, left, n[:, row])
        return {
            "log_score": n @ log_scores / n.sum(axis=1),
            "brier": n @ error / (n @ months),
            "auc": _ratio(concordant, comparable),
            "slope": lines[0],
            "intercept": lines[1],
        }

    def _hazards(self, month: int) -> Array:
        """Return the hazard of every row in a month, shape (draws, rows)."""
        layout = self.fit.layout
        period = layout.period_of_month[month - 1]
        hazards = np.exp(self.fit.log_probabilities[1][..., period])
        flat = hazards.reshape(-1, *hazards.shape[2:])
        return np.asarray(flat[:, layout.kind, layout.score])

    def _wins(self, month: int, gone: Integers, there: Integers) -> Array:
        hazard = self._hazards(month).T
        weights = [self.weights[each] for each in (gone, there)]
        weighted = [each * hazard[rows] for each, rows in zip(weights, (gone, there), strict=True)]
        ahead = weighted[0] @ weights[1].T
        behind = weights[0] @ weighted[1].T
        tie = np.abs(ahead - behind) <= ROUNDING * np.maximum(ahead, behind)
        return np.where(tie, 0.5, (ahead > behind).astype(float))


def bayesian_bootstrap(n: Array, resamples: int, random_seed: int | None) -> Array:
    """Draw how many people there might have been of every row, as many in total.

    Parameters
    ----------
    n : numpy.ndarray, shape (rows,)
        People of every row.
    resamples : int
        How many draws.
    random_seed : int, optional
        Makes them repeatable.

    Returns
    -------
    numpy.ndarray
        Shape (resamples, rows), no whole numbers.

    Notes
    -----
    Rubin 1981, "The Bayesian Bootstrap": every person has a Dirichlet weight, so that a row of n
    people has the sum of n of them.

    Examples
    --------
    >>> bayesian_bootstrap(np.array([3.0, 9.0]), 4, random_seed=1).sum(axis=1)
    array([12., 12., 12., 12.])
    """
    generator = np.random.default_rng(random_seed)
    drawn = generator.gamma(np.asarray(n, dtype=float), size=(resamples, len(n)))
    return np.asarray(n.sum() * drawn / drawn.sum(axis=1, keepdims=True))


def calibration_line(predicted: Array, left: Integers, n: Array) -> tuple[Array, Array]:
    """Fit how the log odds of outcomes depend on the log odds that were predicted.

    Parameters
    ----------
    predicted : numpy.ndarray, shape (trials,)
        Predicted probabilities, between 0 and 1.
    left : numpy.ndarray of int, shape (trials,)
        Outcomes.
    n : numpy.ndarray, shape (samples, trials)
        Number of trials.

    Returns
    -------
    slope, intercept : numpy.ndarray, shape (samples,)
        Slope 1 is right: below, predictions are too extreme. The intercept is that with slope 1:
        0 is right on average, above it too few were predicted to leave. NaN where the outcomes
        determine neither.

    Notes
    -----
    Cox 1958, "Two Further Applications of a Model for Binary Regression".

    Examples
    --------
    >>> shares, n = np.array([0.1, 0.1, 0.4, 0.4]), np.array([[90, 10, 60, 40]])
    >>> [each.round(6) + 0 for each in calibration_line(shares, np.array([0, 1, 0, 1]), n)]
    [array([1.]), array([0.])]
    """
    odds = special.logit(predicted)
    ones = np.ones_like(odds)
    slopes = _logistic(np.column_stack([ones, odds]), np.zeros_like(odds), left, n)[:, 1]
    intercepts = _logistic(ones[:, None], odds, left, n)[:, 0]
    return slopes, intercepts


def _logistic(columns: Array, offset: Array, left: Integers, n: Array) -> Array:
    """Return maximum likelihood coefficients by Newton's method, shape (samples, columns)."""
    beta = np.zeros((len(n), columns.shape[1]))
    for _ in range(NEWTON_STEPS):
        share = special.expit(beta @ columns.T + offset)
        slope = (n * (left - share)) @ columns
        curve = np.einsum("st,ti,tj->sij", n * share * (1 - share), columns, columns, optimize=True)
        solvable = np.linalg.cond(curve) < 1e12
        curve[~solvable] = np.eye(columns.shape[1])
        step = np.linalg.solve(curve, slope[..., None])[..., 0]
        beta = np.where(solvable[:, None], beta + step.clip(-2.0, 2.0), np.nan)
    return beta


def _ratio(numerator: Array, denominator: Array) -> Array:
    missing = np.full_like(numerator, np.nan)
    return np.divide(numerator, denominator, out=missing, where=denominator > 0)
