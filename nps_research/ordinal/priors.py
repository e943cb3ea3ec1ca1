"""Priors, stated in units that a reader of scores can judge."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nps_research.ordinal.labels import term_names
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from nps_research.ordinal.design import Design
    from nps_research.ordinal.families import Family
    from nps_research.scale import RatingScale

    Array = NDArray[np.float64]
    type Override = float | tuple[float, float]

NO_ANSWER_SD = 2.5


@dataclass(frozen=True)
class Normal:
    """Independent normal priors of the cutpoints, restricted to their order if they have one.

    Parameters
    ----------
    mean, sd : float
        Of every cutpoint, in units of the linear predictor.

    Examples
    --------
    >>> Priors(cutpoints=Normal(0, 2)).cutpoints
    Normal(mean=0, sd=2)
    """

    mean: float = 0.0
    sd: float = 1.5


@dataclass(frozen=True)
class StudentT:
    """Independent Student t priors of the cutpoints, restricted to their order if they have one.

    Parameters
    ----------
    df : float
        Degrees of freedom.
    mean, sd : float
        Location and scale of every cutpoint, in units of the linear predictor.

    Examples
    --------
    >>> Priors(cutpoints=StudentT(df=3, sd=2)).cutpoints
    StudentT(df=3, mean=0.0, sd=2)
    """

    df: float = 3.0
    mean: float = 0.0
    sd: float = 2.5


_POSITIVE = (
    "class_concentration",
    "coefficient_sd",
    "scale_sd",
    "group_sd",
    "step_concentration",
    "cutpoint_sd",
)


@dataclass(frozen=True)
class Priors:
    """Priors of an `OrdinalModel`.

    Parameters
    ----------
    class_concentration : float
        Pseudo-answers given to each of detractors, passives and promoters, spread evenly over the
        scores of the class: the Dirichlet prior of the average respondent's category shares. The
        default of 1 makes the prior of the three class shares uniform, so that the prior of NPS
        has mean 0 and a standard deviation of 41 points. A Dirichlet with 1 for each of the 11
        scores would instead expect an NPS of -45 with a standard deviation of 23.
    concentration : sequence of float, optional
        Pseudo-answers of every score, replacing `class_concentration`.
    coefficient_sd : float
        Standard deviation of the normal prior of a coefficient, in latent standard deviations:
        for the contrast of two groups, or for two standard deviations of a numeric predictor
        (Gelman 2008, "Scaling Regression Inputs by Dividing by Two Standard Deviations").
    scale_sd : float
        Standard deviation of the normal prior of a coefficient of the scale formula, a log ratio
        of standard deviations.
    group_sd : float
        Scale of the half-normal prior of a group-level standard deviation, in latent standard
        deviations.
    step_concentration : float
        Concentration of the Dirichlet prior of the steps of a term ``mo(x)``, the same for each
        step. With the default of 1 every division of the effect among the steps is equally
        likely. Smaller numbers expect few large steps between levels that hardly differ, larger
        ones equal steps (Bürkner and Charpentier 2020, "Modelling Monotonic Effects of Ordinal
        Predictors in Bayesian Regression Models").
    cutpoint_sd : float
        Scale of the half-normal prior of the standard deviation of the cutpoints between the
        groups of `cutpoints_by`, in log odds of stopping at a score.
    cutpoints : Normal or StudentT, optional
        Priors of the average respondent's cutpoints, in place of the Dirichlet prior of shares: to
        repeat what other software does.
    terms : mapping of str to float or (float, float), optional
        Standard deviation, or mean and standard deviation, of the normal prior of single terms, by
        their names in `OrdinalModel.maximum_likelihood`: ``{"year[2018]": 0.5}``, in units of the
        linear predictor; infinite for a flat prior. For ``sd(group)`` the scale of its half-normal
        prior.

    Raises
    ------
    ValueError
        If a number is not positive.

    Examples
    --------
    >>> from nps_research.scale import RatingScale
    >>> Priors().dirichlet(RatingScale(1, 5)).round(2)
    array([0.33, 0.33, 0.33, 1.  , 1.  ])
    """

    class_concentration: float = 1.0
    concentration: Sequence[float] | None = None
    coefficient_sd: float = 1.0
    scale_sd: float = 0.5
    group_sd: float = 1.0
    step_concentration: float = 1.0
    cutpoint_sd: float = 0.5
    cutpoints: Normal | StudentT | None = None
    terms: Mapping[str, Override] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise ValueError(f"Priors({name}=) must be above 0; found {getattr(self, name)}.")
        if self.concentration is not None and not np.all(np.asarray(self.concentration) > 0):
            raise ValueError(
                f"Priors(concentration=) must be above 0 for every score; found "
                f"{list(self.concentration)}."
            )
        for name, prior in self.terms.items():
            if not _mean_and_sd(prior)[1] > 0:
                raise ValueError(
                    f"the prior standard deviation of {name!r} must be above 0; found {prior}."
                )

    def dirichlet(self, rating_scale: RatingScale) -> Array:
        """Return the Dirichlet concentration of every score, shape (categories,).

        Raises
        ------
        ValueError
            If `concentration` was given for another number of scores.
        """
        if self.concentration is None:
            _, members, sizes = np.unique(
                rating_scale.nps_values, return_inverse=True, return_counts=True
            )
            return np.asarray(self.class_concentration / sizes[members], dtype=float)
        if len(self.concentration) != rating_scale.n_categories:
            raise ValueError(
                f"Priors(concentration=) needs one number a score: {rating_scale.n_categories} "
                f"for {rating_scale!r}; found {len(self.concentration)}."
            )
        return np.asarray(self.concentration, dtype=float)


def priors_from(fields: Mapping[str, Any]) -> Priors:
    """Return the priors whose fields JSON has stored."""
    cutpoints = fields["cutpoints"]
    kind = StudentT if cutpoints and "df" in cutpoints else Normal
    terms = {
        name: tuple(prior) if isinstance(prior, list) else prior
        for name, prior in fields["terms"].items()
    }
    rebuilt = {"cutpoints": kind(**cutpoints) if cutpoints else None, "terms": terms}
    return Priors(**(dict(fields) | rebuilt))


@dataclass(frozen=True, eq=False)
class PriorNumbers:
    """The priors of a design: one number a parameter.

    Attributes
    ----------
    dirichlet : numpy.ndarray
        Concentration of the average respondent's category shares, shape (categories,).
    cutpoints : Normal, StudentT or None
        Prior of the average respondent's cutpoints, replacing the Dirichlet one.
    centre_sd, log_width_mean, log_width_sd : float
        Structured cutpoints: normal priors of their centre (mean 0) and of the logarithms of the
        widths between them.
    coefficients, scale_coefficients, cut_coefficients, no_answer : numpy.ndarray
        Means and standard deviations of normal priors, shape (2, terms).
    group_sd : numpy.ndarray
        Scales of the half-normal priors of group-level standard deviations, shape (group terms,).
    step_concentration : float
        Dirichlet concentration of every step of a monotonic term.
    cutpoint_sd : float
        Scale of the half-normal prior of the standard deviation of cutpoints between groups.
    """

    dirichlet: Array
    cutpoints: Normal | StudentT | None
    centre_sd: float
    log_width_mean: float
    log_width_sd: float
    coefficients: Array
    scale_coefficients: Array
    cut_coefficients: Array
    no_answer: Array
    group_sd: Array
    step_concentration: float
    cutpoint_sd: float


def prior_numbers(priors: Priors, design: Design, family: Family) -> PriorNumbers:
    """Return the numbers that `priors` means for `design`.

    Raises
    ------
    ValueError
        If `priors` names a term that the model does not have.
    """
    names = term_names(design)
    named = _NamedPriors(priors.terms, [name for each in names.values() for name in each])
    unit = family.latent_sd
    slopes = np.column_stack([design.cells.predictors, _cut_columns(design)])
    sds = priors.coefficient_sd * unit / _units(slopes, design.cells.shares)
    n_terms = len(design.terms)
    categories = design.rating_scale.n_categories
    return PriorNumbers(
        dirichlet=priors.dirichlet(design.rating_scale),
        cutpoints=priors.cutpoints,
        centre_sd=2.0 * unit,
        # Widths that spread the inner categories over the middle four standard deviations.
        log_width_mean=math.log(4.0 * unit / max(categories - 2, 1)),
        log_width_sd=1.0,
        coefficients=named(names["coefficients"], sds[:n_terms]),
        scale_coefficients=named(names["scale_coefficients"], priors.scale_sd),
        cut_coefficients=named(names["cut_coefficients"], sds[n_terms:]),
        no_answer=named(names["no_answer"], NO_ANSWER_SD),
        group_sd=named(names["group_sd"], priors.group_sd * unit)[1],
        step_concentration=priors.step_concentration,
        cutpoint_sd=float(named(["cutpoint_sd"], priors.cutpoint_sd)[1, 0]),
    )


class _NamedPriors:
    """Overrides of priors by name, over a default for each of a list of names."""

    def __init__(self, overrides: Mapping[str, Override], known: Sequence[str]) -> None:
        for name in overrides:
            if name not in known:
                raise ValueError(unknown_name("term", name, known))
        self.overrides = overrides

    def __call__(self, names: Sequence[str], sd: Array | float) -> Array:
        defaults = np.broadcast_to(sd, len(names))
        pairs = [
            _mean_and_sd(self.overrides.get(name, float(default)))
            for name, default in zip(names, defaults, strict=True)
        ]
        return np.array(pairs, dtype=float).reshape(-1, 2).T


def _mean_and_sd(prior: Override) -> tuple[float, float]:
    return prior if isinstance(prior, tuple) else (0.0, prior)


def _cut_columns(design: Design) -> Array:
    """Return the predictor of every cut-specific coefficient, shape (cells, cut terms)."""
    return design.cells.cut_predictors[:, design.cut_columns]


def _units(columns: Array, shares: Array) -> Array:
    """Return 1 for a column of contrasts and two standard deviations for a numeric one."""
    deviation = columns - shares @ columns
    two_sd = 2.0 * np.sqrt(shares @ deviation**2)
    contrast = np.isin(columns, (-1.0, 0.0, 1.0)).all(axis=0)
    return np.where(contrast | (two_sd == 0.0), 1.0, two_sd)
