"""Maximum likelihood for the cumulative model: Newton's method on counts, in milliseconds."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import linalg

from nps_research.ordinal import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.design import Design
    from nps_research.ordinal.kernel import Derivatives
    from nps_research.ordinal.links import Link

    Array = NDArray[np.float64]

MAX_STEPS = 100
# Newton's decrement is twice the distance of the log-likelihood to its maximum.
DECREMENT = 1e-12
# A latent standard error this large means that the likelihood is flat: the estimate is infinite.
SEPARATED_SE = 50.0


class EstimationWarning(UserWarning):
    """An estimate that does not exist, or that was not reached."""


@dataclass(frozen=True)
class MaximumLikelihood:
    """Maximum-likelihood estimates.

    Attributes
    ----------
    estimates : pandas.DataFrame
        Columns ``estimate`` and ``se``; the rows are ``cutpoint[k|k+1]`` and the coefficients as
        formulae names them. P(score <= k) = F(cutpoint_k - eta).
    covariance : pandas.DataFrame
        Inverse of the observed information, in the order of the rows; cutpoints at scores that
        nobody gave are left out.
    log_likelihood : float
        At the maximum, without the multinomial coefficient.
    iterations : int
        Newton steps taken.
    n : int
        Answers.
    """

    estimates: pd.DataFrame
    covariance: pd.DataFrame
    log_likelihood: float
    iterations: int
    n: int

    @property
    def aic(self) -> float:
        """Akaike's information criterion."""
        return 2.0 * len(self.covariance) - 2.0 * self.log_likelihood

    def __repr__(self) -> str:
        return (
            f"MaximumLikelihood: {self.n:,} answers, log-likelihood {self.log_likelihood:.4f}, "
            f"AIC {self.aic:.2f}\n{self.estimates.round(4)}"
        )

    def _repr_html_(self) -> str:
        head = (
            f"Maximum likelihood: {self.n:,} answers, log-likelihood {self.log_likelihood:.4f}, "
            f"AIC {self.aic:.2f}"
        )
        return f"<p>{head}</p>{self.estimates.round(4).to_html()}"


@dataclass(frozen=True)
class _Likelihood:
    """The function to maximise: of the cutpoints, followed by the coefficients."""

    link: Link
    counts: Array
    predictors: Array

    @property
    def n_cutpoints(self) -> int:
        return int(self.counts.shape[1]) - 1

    def at(self, parameters: Array) -> Derivatives:
        cutpoints, coefficients = np.split(parameters, [self.n_cutpoints])
        return kernel.derivatives(self.link, self.counts, self.predictors, cutpoints, coefficients)

    def start(self) -> Array:
        """Return the cutpoints of the pooled answers, and coefficients of zero."""
        totals = self.counts.sum(axis=0)
        below = np.cumsum(totals)[:-1] / totals.sum()
        above = np.cumsum(totals[::-1])[::-1][1:] / totals.sum()
        cutpoints = self.link.quantile_of_tails(below, above)
        return np.concatenate([cutpoints, np.zeros(self.predictors.shape[1])])


@dataclass(frozen=True)
class _Maximum:
    parameters: Array
    derivatives: Derivatives
    iterations: int


def maximise(design: Design, link: Link) -> MaximumLikelihood:
    """Maximise the likelihood of `design` over cutpoints and coefficients.

    Scores that nobody gave have an estimated probability of zero: the two cutpoints around such a
    score coincide, and beyond the lowest or highest score given they are infinite.

    Parameters
    ----------
    design : Design
        Cells, counts and predictors, without group-level terms.
    link : Link
        Latent distribution.

    Returns
    -------
    MaximumLikelihood

    Raises
    ------
    ValueError
        If the model has group-level terms, if terms are linear combinations of others, or if all
        answers are the same score.
    """
    given = design.counts.sum(axis=0) > 0
    _check_identified(design, given)
    likelihood = _Likelihood(link, design.counts[:, given], design.predictors)
    maximum = _newton(likelihood)
    covariance = linalg.inv(-maximum.derivatives.hessian)
    se = np.sqrt(np.diag(covariance))
    _warn_of_infinite_estimates(design.terms, se[likelihood.n_cutpoints :], link)
    return _labelled(design, given, maximum, covariance)


def _check_identified(design: Design, given: NDArray[np.bool_]) -> None:
    if design.groupings:
        raise ValueError(
            f"maximum likelihood takes no group-level terms; found (1 | "
            f"{design.groupings[0].name}) in {design.formula!r}. Use fit(), or enter "
            f"{design.groupings[0].name} as a predictor."
        )
    if given.sum() < 2:
        only = design.rating_scale.scores[given]
        raise ValueError(
            f"all {int(design.counts.sum()):,} answers are {only[0]}: there is nothing to "
            f"estimate. Use fit(), whose prior covers the other scores."
        )
    _check_rank(design)


def _check_rank(design: Design) -> None:
    centred = design.predictors - design.average
    _, triangle, order = linalg.qr(centred, mode="economic", pivoting=True)
    size = np.abs(np.diag(triangle))
    redundant = order[: len(size)][size <= 1e-9 * max(size.max(initial=0.0), 1.0)]
    redundant = np.concatenate([redundant, order[len(size) :]])
    if len(redundant):
        raise ValueError(
            f"{len(redundant)} of the {len(design.terms)} terms of {design.formula!r} are linear "
            f"combinations of the others, first {design.terms[int(redundant[0])]!r}. Leave them "
            f"out, or use fit(), whose prior decides between them."
        )


def _newton(likelihood: _Likelihood) -> _Maximum:
    parameters = likelihood.start()
    current = likelihood.at(parameters)
    for iteration in range(MAX_STEPS):
        step = linalg.solve(-current.hessian, current.gradient, assume_a="sym")
        if current.gradient @ step < DECREMENT:
            return _Maximum(parameters, current, iteration)
        parameters, current = _climb(likelihood, parameters, step, current)
    warnings.warn(
        f"the likelihood still rose after {MAX_STEPS} Newton steps; the estimates are not final.",
        EstimationWarning,
        stacklevel=4,
    )
    return _Maximum(parameters, current, MAX_STEPS)


def _climb(
    likelihood: _Likelihood, parameters: Array, step: Array, here: Derivatives
) -> tuple[Array, Derivatives]:
    """Halve `step` until the cutpoints are in order and the likelihood does not fall."""
    for _ in range(60):
        candidate = parameters + step
        if np.all(np.diff(candidate[: likelihood.n_cutpoints]) > 0):
            there = likelihood.at(candidate)
            if there.value >= here.value - 1e-10 * abs(here.value):
                return candidate, there
        step = step / 2.0
    return parameters, here


def _warn_of_infinite_estimates(terms: list[str], se: Array, link: Link) -> None:
    infinite = [term for term, error in zip(terms, se, strict=True) if not error < SEPARATED_SE]
    if infinite:
        warnings.warn(
            f"{', '.join(infinite)}: no finite {link.name} estimate exists, since all answers of "
            f"a group are at one end of the scale. The standard error is meaningless; use fit().",
            EstimationWarning,
            stacklevel=4,
        )


def _labelled(
    design: Design, given: NDArray[np.bool_], maximum: _Maximum, covariance: Array
) -> MaximumLikelihood:
    labels = [f"cutpoint[{label}]" for label in design.rating_scale.cutpoint_labels]
    source = _cutpoint_source(given)
    n_estimated = int(given.sum()) - 1
    values = np.concatenate([[-np.inf], maximum.parameters[:n_estimated], [np.inf]])
    errors = np.concatenate([[np.nan], np.sqrt(np.diag(covariance))[:n_estimated], [np.nan]])
    se = np.sqrt(np.diag(covariance))[n_estimated:]
    estimates = pd.DataFrame(
        {
            "estimate": np.concatenate([values[source], maximum.parameters[n_estimated:]]),
            "se": np.concatenate([errors[source], se]),
        },
        index=pd.Index(labels + design.terms, name="term"),
    )
    estimated = [labels[k] for k in _first_positions(source, n_estimated)] + design.terms
    return MaximumLikelihood(
        estimates=estimates,
        covariance=pd.DataFrame(covariance, index=estimated, columns=estimated),
        log_likelihood=maximum.derivatives.value,
        iterations=maximum.iterations,
        n=int(design.counts.sum()),
    )


def _cutpoint_source(given: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for every cutpoint the estimated one that it equals; 0 and the last are infinite."""
    return np.cumsum(given)[:-1]


def _first_positions(source: NDArray[np.int64], n_estimated: int) -> list[int]:
    return [int(np.flatnonzero(source == k)[0]) for k in range(1, n_estimated + 1)]
