"""Distributions of sticks: log odds of stopping at each category on the way up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import special

from nps_research.ordinal.arrays import sums_above
from nps_research.ordinal.priors import Normal
from nps_research.ordinal.pymc_families import log_stick_slopes, stick_cutpoints

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.families import Family
    from nps_research.ordinal.priors import StudentT

    Array = NDArray[np.float64]
    Symbol = Any


def dirichlet_sticks(name: str, concentration: Array, dims: str | None = None) -> Symbol:
    """Return sticks whose category shares are Dirichlet: log odds of independent Beta variables.

    Parameters
    ----------
    name : str
        Of the variable.
    concentration : numpy.ndarray
        Shape (categories,).
    dims : str, optional
        Of the variable, which has one element less than there are categories.
    """
    return pm.CustomDist(
        name,
        concentration[:-1],
        sums_above(concentration),
        logp=_log_beta_of_log_odds,
        random=_random_log_odds,
        support_point=_mean_log_odds,
        dims=dims,
    )


def cutpoint_prior_sticks(family: Family, prior: Normal | StudentT, n_cutpoints: int) -> Symbol:
    """Return sticks whose cutpoints have independent priors, in ascending order if cumulative.

    Parameters
    ----------
    family : Family
        Family and link.
    prior : Normal or StudentT
        Of every cutpoint.
    n_cutpoints : int
        Number of cutpoints.
    """
    ascending = family.name == "cumulative"

    def logp(value: Symbol, mean: Symbol) -> Symbol:
        cutpoints = stick_cutpoints(family, value)
        densities = pm.logp(_cutpoint_distribution(prior, mean), cutpoints)
        # Of the n! orders of independent draws one is ascending.
        orders = special.gammaln(n_cutpoints + 1.0) if ascending else 0.0
        return (densities + log_stick_slopes(family, value)).sum(axis=-1) + orders

    def random(mean: Array, rng: np.random.Generator | None = None, size: Any = None) -> Array:
        generator = np.random.default_rng(rng)
        shape = (*(size or ()), *np.shape(mean))
        cutpoints = mean + prior.sd * _standard_draws(prior, generator, shape)
        return _sticks_of_cutpoints(family, np.sort(cutpoints) if ascending else cutpoints)

    return pm.CustomDist(
        "sticks",
        np.full(n_cutpoints, prior.mean),
        logp=logp,
        random=random,
        support_point=_equal_shares,
        signature="(c)->(c)",
        dims="cutpoint",
    )


def _cutpoint_distribution(prior: Normal | StudentT, mean: Symbol) -> Symbol:
    # PyTensor takes a Python number for single precision where nothing of it is lost, and so loses
    # digits of what follows from it.
    sd = np.float64(prior.sd)
    if isinstance(prior, Normal):
        return pm.Normal.dist(mu=mean, sigma=sd)
    return pm.StudentT.dist(nu=np.float64(prior.df), mu=mean, sigma=sd)


def _standard_draws(
    prior: Normal | StudentT, generator: np.random.Generator, shape: tuple[int, ...]
) -> Array:
    if isinstance(prior, Normal):
        return generator.standard_normal(shape)
    return generator.standard_t(prior.df, shape)


def _sticks_of_cutpoints(family: Family, cutpoints: Array) -> Array:
    log_p = family.log_probabilities(cutpoints)
    log_rest = np.logaddexp.accumulate(log_p[..., ::-1], axis=-1)[..., ::-1]
    return np.asarray(log_p[..., :-1] - log_rest[..., 1:])


def _log_beta_of_log_odds(value: Symbol, a: Symbol, b: Symbol) -> Symbol:
    normaliser = pt.gammaln(a + b) - pt.gammaln(a) - pt.gammaln(b)
    return normaliser - a * pt.softplus(-value) - b * pt.softplus(value)


def _random_log_odds(
    a: Array, b: Array, rng: np.random.Generator | None = None, size: Any = None
) -> Array:
    # Beta draws underflow to 0 or 1 when a or b is small; the log gamma draws behind them do not.
    generator = np.random.default_rng(rng)
    return _random_log_gamma(generator, a, size) - _random_log_gamma(generator, b, size)


def _random_log_gamma(generator: np.random.Generator, shape: Array, size: Any) -> Array:
    boosted = np.log(generator.standard_gamma(np.asarray(shape) + 1.0, size=size))
    return np.asarray(boosted - generator.standard_exponential(size=boosted.shape) / shape)


def _mean_log_odds(rv: Symbol, size: Any, a: Symbol, b: Symbol) -> Symbol:  # noqa: ARG001
    return pt.log(a / b) + pt.zeros_like(rv)


def _equal_shares(rv: Symbol, size: Any, mean: Symbol) -> Symbol:  # noqa: ARG001
    return -pt.log(pt.arange(mean.shape[-1], 0, -1)) + pt.zeros_like(rv)
