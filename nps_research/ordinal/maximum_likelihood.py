"""Maximum likelihood for ordinal models, from counts, in milliseconds."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import linalg

from nps_research.ordinal.arrays import COEFFICIENTS
from nps_research.ordinal.assembly import likelihood_arrays
from nps_research.ordinal.coordinates import parameters_at
from nps_research.ordinal.families import Family
from nps_research.ordinal.marginal_likelihood import (
    MarginalLikelihood,
    maximise_marginal,
    observed_information,
)
from nps_research.ordinal.optimum import ascend, starting_point
from nps_research.ordinal.structures import FLEXIBLE
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from nps_research.ordinal.arrays import Arrays
    from nps_research.ordinal.design import Design

    Array = NDArray[np.float64]

# A standard error this large, for one standard deviation of the predictor, means that the
# likelihood is flat: the estimate is infinite.
SEPARATED_SE = 50.0
# Share of the latent standard deviation below which groups count as alike.
NO_VARIATION = 1e-2
# Step of the derivatives of parameters by coordinates, of which both are of order one.
DIFFERENCE = 1e-5


class EstimationWarning(UserWarning):
    """An estimate that does not exist, or that was not reached."""


@viewed
@dataclass(frozen=True)
class MaximumLikelihood:
    """Maximum-likelihood estimates.

    Attributes
    ----------
    estimates : pandas.DataFrame
        Columns ``estimate`` and ``se``; the rows are ``cutpoint[k|k+1]``, the coefficients as
        formulae names them, cut-specific ones as ``term[k|k+1]``, those of the log standard
        deviation as ``scale[term]`` and those of not answering as ``no_answer[term]``.
        P(score <= k) = F(cutpoint_k - eta) in the cumulative family.
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
    n_parameters: int

    @property
    def aic(self) -> float:
        """Akaike's information criterion."""
        return 2.0 * self.n_parameters - 2.0 * self.log_likelihood

    def _view(self) -> View:
        title = (
            f"MaximumLikelihood: {self.n:,} answers, log-likelihood {self.log_likelihood:.4f}, "
            f"AIC {self.aic:.2f}"
        )
        return View(title, table=self.estimates.round(4))


@dataclass(frozen=True, eq=False)
class _Estimate:
    """Coordinates, their covariance, and the log-likelihood there."""

    free: Array
    covariance: Array
    log_likelihood: float
    iterations: int


def maximise(
    design: Design, family: Family, structure: str = FLEXIBLE, quadrature_points: int = 10
) -> MaximumLikelihood:
    """Maximise the likelihood of `design`.

    Scores that nobody gave have an estimated probability of zero: the two cutpoints around such a
    score coincide, and beyond the lowest or highest score given they are infinite.

    Parameters
    ----------
    design : Design
        Cells, counts and predictors, with at most one group intercept.
    family : Family
        Family and link.
    structure : {"flexible", "equidistant", "symmetric"}
        Of the cutpoints.
    quadrature_points : int
        For a group intercept, whose effects are integrated out: 1 is Laplace's approximation.

    Returns
    -------
    MaximumLikelihood

    Raises
    ------
    ValueError
        If the model has terms that only `fit` can estimate, if terms are linear combinations of
        others, or if all answers are the same score.
    """
    given = _given_categories(design, structure)
    _refuse_what_has_no_maximum(design, family, given)
    _check_rank(design)
    reduced = _with_categories(design, given)
    plain = replace(reduced, cells=replace(reduced.cells, group_terms=()))
    arrays = likelihood_arrays(plain, family, structure)
    estimate = _without_groups(arrays)
    _warn_of_infinite_estimates(plain, family, arrays, estimate)
    report = _report_of(plain, family, arrays)
    if design.cells.group_terms:
        estimate = _with_groups(reduced, family, arrays, estimate, quadrature_points)
        report = _with_group_sd(report)
    return _labelled(design, reduced, given, estimate, report)


def _given_categories(design: Design, structure: str) -> NDArray[np.bool_]:
    """Return the categories that have a finite log odds at the maximum."""
    given = design.counts.sum(axis=0) > 0
    for _, low, high in design.censored:
        if not given[low : high + 1].any():
            given[low] = True
    return given if structure == FLEXIBLE else np.ones_like(given)


def _refuse_what_has_no_maximum(design: Design, family: Family, given: NDArray[np.bool_]) -> None:
    terms = [term.label for term in design.cells.group_terms]
    if len(terms) > 1 or any("|" in label for label in terms):
        raise ValueError(
            f"maximum likelihood takes one group intercept; found {', '.join(terms)} in "
            f"{design.formula!r}. Use fit(), or enter all but one as predictors."
        )
    for name, used in (("mo()", design.cells.monotonic), ("cutpoints_by", design.cutpoint_levels)):
        if used:
            raise ValueError(
                f"maximum likelihood cannot estimate {name} in {design.formula!r}: it is partial "
                f"pooling or an order that makes the estimate. Use fit()."
            )
    if given.sum() < 2:
        only = design.rating_scale.scores[given]
        raise ValueError(
            f"all {int(design.cells.sizes.sum()):,} answers are {only[0]}: there is nothing to "
            f"estimate. Use fit(), whose prior covers the other scores."
        )
    positions = np.flatnonzero(given)
    if family.name == "acat" and np.any(np.diff(positions) > 1):
        missing = design.rating_scale.scores[~given]
        raise ValueError(
            f"nobody gave {missing.tolist()}: adjacent-category odds across an empty score have "
            f"no maximum-likelihood estimate. Use fit(), or a cumulative model."
        )


def _check_rank(design: Design) -> None:
    cells = design.cells
    columns, terms = cells.predictors, list(design.terms)
    if design.category_specific:
        columns = np.hstack([columns, cells.cut_predictors])
        terms += [f"category-specific column {i}" for i in range(cells.cut_predictors.shape[1])]
    _refuse_redundant(design.formula, terms, columns, cells.shares)
    scale = [f"scale[{term}]" for term in design.scale_terms]
    _refuse_redundant(str(design.scale_formula), scale, cells.scale_predictors, cells.shares)


def _refuse_redundant(formula: str, terms: list[str], columns: Array, shares: Array) -> None:
    if not terms:
        return
    centred = columns - shares @ columns
    _, triangle, order = linalg.qr(centred, mode="economic", pivoting=True)
    size = np.abs(np.diag(triangle))
    redundant = order[: len(size)][size <= 1e-9 * max(size.max(initial=0.0), 1.0)]
    redundant = np.concatenate([redundant, order[len(size) :]])
    if len(redundant):
        raise ValueError(
            f"{len(redundant)} of the {len(terms)} terms of {formula!r} are linear "
            f"combinations of the others, first {terms[int(redundant[0])]!r}. Leave them "
            f"out, or use fit(), whose prior decides between them."
        )


def _with_categories(design: Design, given: NDArray[np.bool_]) -> Design:
    """Return the design without the categories that have probability zero at the maximum."""
    position = np.cumsum(given) - 1
    low, high = design.censored[:, 1], design.censored[:, 2]
    first = position[low] + ~given[low]
    censored = np.column_stack([design.censored[:, 0], first, position[high]])
    loadings = design.cut_loadings[:, np.flatnonzero(given)[:-1]]
    kept = loadings.any(axis=1)
    return replace(
        design,
        counts=design.counts[:, given],
        censored=censored,
        cut_terms=[term for term, keep in zip(design.cut_terms, kept, strict=True) if keep],
        cut_columns=design.cut_columns[kept],
        cut_loadings=loadings[kept],
    )


def _without_groups(arrays: Arrays) -> _Estimate:
    maximum = ascend(starting_point(arrays), arrays)
    if not maximum.reached:
        _warn(
            f"the likelihood still rose after {maximum.iterations} Newton steps; the estimates "
            f"are not final."
        )
    covariance = linalg.pinvh(maximum.curvature)
    return _Estimate(maximum.free, covariance, maximum.value, maximum.iterations)


def _with_groups(
    design: Design, family: Family, arrays: Arrays, plain: _Estimate, points: int
) -> _Estimate:
    if points < 1:
        raise ValueError(f"quadrature_points must be at least 1; found {points}.")
    likelihood = MarginalLikelihood(arrays, design.cells.group_terms[0].index, points)
    start = np.append(plain.free, np.log(0.5 * family.latent_sd))
    free, iterations, reached = maximise_marginal(likelihood, start)
    if not reached:
        _warn("the search for the maximum stopped early; the estimates are not final. Use fit().")
    information = observed_information(likelihood, free)
    covariance = np.full_like(information, np.nan)
    known = len(free)
    if free[-1] < np.log(NO_VARIATION * family.latent_sd):
        _warn("the groups differ by no more than chance: their standard deviation is at 0.")
        known -= 1
    covariance[:known, :known] = linalg.pinvh(information[:known, :known])
    return _Estimate(free, covariance, likelihood(free), iterations)


def _warn_of_infinite_estimates(
    design: Design, family: Family, arrays: Arrays, estimate: _Estimate
) -> None:
    names = design.terms + [f"scale[{term}]" for term in design.scale_terms] + design.cut_terms
    first = arrays.starts[COEFFICIENTS]
    se = _standard_errors(estimate.covariance)[first : first + len(names)]
    distance = np.abs(estimate.free[first : first + len(names)])
    far = ~(se < SEPARATED_SE) | (distance > SEPARATED_SE)
    infinite = [name for name, each in zip(names, far, strict=True) if each]
    if infinite:
        _warn(
            f"{', '.join(infinite)}: no finite {family.link} estimate exists, since all answers of "
            f"a group are at one end of the scale, or on one side of the cut. The standard error "
            f"is meaningless; use fit()."
        )


def _warn(message: str) -> None:
    warnings.warn(message, EstimationWarning, stacklevel=5)


type _Report = Callable[[Array], Array]


def _report_of(design: Design, family: Family, arrays: Arrays) -> _Report:
    """Return the map from free vectors to reported parameters, row by row."""
    order = ("cutpoints", "coefficients", "scale_coefficients", "cut_coefficients", "no_answer")

    def report(free: Array) -> Array:
        draws = parameters_at(free, design, family, arrays)
        return np.hstack([draws[name] for name in order if name in draws])

    return report


def _with_group_sd(report: _Report) -> _Report:
    def extended(free: Array) -> Array:
        return np.hstack([report(free[:, :-1]), np.exp(free[:, -1:])])

    return extended


def _labelled(
    design: Design,
    reduced: Design,
    given: NDArray[np.bool_],
    estimate: _Estimate,
    report: _Report,
) -> MaximumLikelihood:
    values = report(estimate.free[None])[0]
    covariance = _moved_covariance(estimate, report)
    labels = [f"cutpoint[{label}]" for label in design.rating_scale.cutpoint_labels]
    terms = _term_names(reduced)
    source, n_cutpoints = np.cumsum(given)[:-1], int(given.sum()) - 1
    rows = [labels[int(np.flatnonzero(source == k)[0])] for k in range(1, n_cutpoints + 1)] + terms
    errors = _standard_errors(covariance)
    cutpoints = np.array([-np.inf, *values[:n_cutpoints], np.inf])[source]
    cutpoint_errors = np.array([np.nan, *errors[:n_cutpoints], np.nan])[source]
    estimates = pd.DataFrame(
        {
            "estimate": np.concatenate([cutpoints, values[n_cutpoints:]]),
            "se": np.concatenate([cutpoint_errors, errors[n_cutpoints:]]),
        },
        index=pd.Index(labels + terms, name="term"),
    )
    return MaximumLikelihood(
        estimates=estimates,
        covariance=pd.DataFrame(covariance, index=rows, columns=rows),
        log_likelihood=estimate.log_likelihood,
        iterations=estimate.iterations,
        n=int(design.cells.sizes.sum()),
        n_parameters=len(estimate.free),
    )


def _standard_errors(covariance: Array) -> Array:
    """Return standard errors, infinite where rounding turned a flat direction's variance."""
    variances = np.diag(covariance)
    return np.asarray(np.sqrt(np.where(variances < 0.0, np.inf, variances)))


def _term_names(design: Design) -> list[str]:
    return [
        *design.terms,
        *(f"scale[{term}]" for term in design.scale_terms),
        *design.cut_terms,
        *(f"no_answer[{term}]" for term in design.hurdle_terms),
        *(f"sd({term.label})" for term in design.cells.group_terms),
    ]


def _moved_covariance(estimate: _Estimate, report: _Report) -> Array:
    """Return the covariance of the reported parameters, by their derivatives."""
    step = DIFFERENCE * np.eye(len(estimate.free))
    jacobian = (report(estimate.free + step) - report(estimate.free - step)) / (2.0 * DIFFERENCE)
    # A group-level sd on the border has no covariance: 0 * nan must not spread.
    unknown = np.isnan(np.diag(estimate.covariance))
    covariance = jacobian.T @ np.nan_to_num(estimate.covariance) @ jacobian
    affected = np.abs(jacobian[unknown]).sum(axis=0) > 0
    covariance[affected] = covariance[:, affected] = np.nan
    return covariance
