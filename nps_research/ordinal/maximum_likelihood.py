"""Maximum likelihood for the cumulative model, from counts, in milliseconds."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import linalg

from nps_research.ordinal.marginal_likelihood import (
    MarginalLikelihood,
    maximise_marginal,
    observed_information,
)
from nps_research.ordinal.newton import PenalisedLikelihood, ascend

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.design import Design
    from nps_research.ordinal.links import Link

    Array = NDArray[np.float64]

# A standard error this large, for one standard deviation of the predictor, means that the
# likelihood is flat: the estimate is infinite.
SEPARATED_SE = 50.0
# Share of the latent standard deviation below which groups count as alike.
NO_VARIATION = 1e-2


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
class _Estimate:
    """Parameters, their covariance, and the log-likelihood there."""

    parameters: Array
    covariance: Array
    log_likelihood: float
    iterations: int
    grouped: bool = False  # the last parameter is then the group-level standard deviation


def maximise(design: Design, link: Link, quadrature_points: int = 10) -> MaximumLikelihood:
    """Maximise the likelihood of `design` over cutpoints, coefficients and a group-level sd.

    Scores that nobody gave have an estimated probability of zero: the two cutpoints around such a
    score coincide, and beyond the lowest or highest score given they are infinite.

    Parameters
    ----------
    design : Design
        Cells, counts and predictors, with at most one group intercept.
    link : Link
        Latent distribution.
    quadrature_points : int
        For a group intercept, whose effects are integrated out: 1 is Laplace's approximation.

    Returns
    -------
    MaximumLikelihood

    Raises
    ------
    ValueError
        If there are several group intercepts, if terms are linear combinations of others, or if
        all answers are the same score.
    """
    given = design.counts.sum(axis=0) > 0
    _check_identified(design, given)
    mean, sd = design.average, _standard_deviations(design)
    predictors, counts = (design.predictors - mean) / sd, design.counts[:, given]
    plain = _without_groups(PenalisedLikelihood(link, counts, predictors))
    _warn_of_infinite_estimates(design.terms, plain, link)
    if not design.groupings:
        return _labelled(design, given, _in_units(plain, mean, sd))
    if quadrature_points < 1:
        raise ValueError(f"quadrature_points must be at least 1; found {quadrature_points}.")
    group = design.groupings[0].index
    likelihood = MarginalLikelihood(link, counts, predictors, group, quadrature_points)
    return _labelled(design, given, _in_units(_with_groups(likelihood, plain.parameters), mean, sd))


def _standard_deviations(design: Design) -> Array:
    """Return those of the predictors among respondents, so that units do not matter."""
    deviation = design.predictors - design.average
    return np.asarray(np.sqrt(design.cell_shares @ deviation**2))


def _in_units(estimate: _Estimate, mean: Array, sd: Array) -> _Estimate:
    """Undo the standardisation: a linear map of the parameters and of their covariance."""
    after = len(estimate.parameters)
    slopes = slice(after - len(sd), after)
    if estimate.grouped:
        slopes = slice(slopes.start - 1, after - 1)
    back = np.eye(after)
    back[slopes, slopes] = np.diag(1.0 / sd)
    back[: slopes.start, slopes] = mean / sd
    # A group-level sd on the border has no covariance: 0 * nan must not spread.
    known = np.nan_to_num(estimate.covariance)
    covariance = np.where(np.isnan(estimate.covariance), np.nan, back @ known @ back.T)
    return replace(estimate, parameters=back @ estimate.parameters, covariance=covariance)


def _without_groups(likelihood: PenalisedLikelihood) -> _Estimate:
    maximum = ascend(likelihood)
    if not maximum.reached:
        _warn(
            f"the likelihood still rose after {maximum.iterations} Newton steps; the estimates "
            f"are not final."
        )
    covariance = linalg.inv(-maximum.derivatives.hessian)
    value = maximum.derivatives.value
    return _Estimate(maximum.parameters, covariance, value, maximum.iterations)


def _with_groups(likelihood: MarginalLikelihood, start: Array) -> _Estimate:
    parameters, iterations, reached = maximise_marginal(likelihood, start)
    if not reached:
        _warn("the search for the maximum stopped early; the estimates are not final. Use fit().")
    information = observed_information(likelihood, parameters)
    covariance = np.full_like(information, np.nan)
    free = len(parameters)
    if parameters[-1] < NO_VARIATION * likelihood.link.latent_sd:
        _warn("the groups differ by no more than chance: their standard deviation is at 0.")
        free -= 1
    covariance[:free, :free] = linalg.pinvh(information[:free, :free])
    return _Estimate(parameters, covariance, likelihood(parameters), iterations, grouped=True)


def _check_identified(design: Design, given: NDArray[np.bool_]) -> None:
    if len(design.groupings) > 1:
        raise ValueError(
            f"maximum likelihood takes one group intercept; found {len(design.groupings)} in "
            f"{design.formula!r}. Use fit(), or enter all but one as predictors."
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


def _warn_of_infinite_estimates(terms: list[str], estimate: _Estimate, link: Link) -> None:
    se = np.sqrt(np.diag(estimate.covariance))[len(estimate.parameters) - len(terms) :]
    infinite = [term for term, error in zip(terms, se, strict=True) if not error < SEPARATED_SE]
    if infinite:
        _warn(
            f"{', '.join(infinite)}: no finite {link.name} estimate exists, since all answers of "
            f"a group are at one end of the scale. The standard error is meaningless; use fit()."
        )


def _warn(message: str) -> None:
    warnings.warn(message, EstimationWarning, stacklevel=5)


def _labelled(design: Design, given: NDArray[np.bool_], estimate: _Estimate) -> MaximumLikelihood:
    labels = [f"cutpoint[{label}]" for label in design.rating_scale.cutpoint_labels]
    terms = design.terms + [f"sd({grouping.name})" for grouping in design.groupings]
    source, n_estimated = _cutpoint_source(given), int(given.sum()) - 1
    cutpoints, slopes = np.split(estimate.parameters, [n_estimated])
    errors, slope_errors = np.split(np.sqrt(np.diag(estimate.covariance)), [n_estimated])
    bounded = np.array([-np.inf, *cutpoints, np.inf])[source]
    bounded_errors = np.array([np.nan, *errors, np.nan])[source]
    estimates = pd.DataFrame(
        {
            "estimate": np.concatenate([bounded, slopes]),
            "se": np.concatenate([bounded_errors, slope_errors]),
        },
        index=pd.Index(labels + terms, name="term"),
    )
    rows = [labels[k] for k in _first_positions(source, n_estimated)] + terms
    return MaximumLikelihood(
        estimates=estimates,
        covariance=pd.DataFrame(estimate.covariance, index=rows, columns=rows),
        log_likelihood=estimate.log_likelihood,
        iterations=estimate.iterations,
        n=int(design.counts.sum()),
    )


def _cutpoint_source(given: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for every cutpoint the estimated one that it equals; 0 and the last are infinite."""
    return np.cumsum(given)[:-1]


def _first_positions(source: NDArray[np.int64], n_estimated: int) -> list[int]:
    return [int(np.flatnonzero(source == k)[0]) for k in range(1, n_estimated + 1)]
