"""The log prior of what a user sets priors for: the top level of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from scipy import stats

from nps_research.ordinal.coordinates import step_name
from nps_research.ordinal.latent import SAMPLE_DIMS
from nps_research.ordinal.priors import StudentT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nps_research.ordinal.posterior import Posterior

    Array = NDArray[np.float64]


def log_prior(parameters: xr.Dataset, posterior: Posterior) -> xr.DataArray:
    """Return the log prior density of every draw, up to a constant: dims chain, draw.

    Of shares (or cutpoints), coefficients, steps and standard deviations; group-level effects are
    given these and take no part. Densities are those of the parameters as they are reported.

    Parameters
    ----------
    parameters : xarray.Dataset
        Draws of the parameters.
    posterior : Posterior
        The priors.
    """
    total = sum(_densities(parameters, posterior))
    return xr.DataArray(total, {dim: parameters[dim] for dim in SAMPLE_DIMS}, SAMPLE_DIMS)


def _densities(parameters: xr.Dataset, posterior: Posterior) -> Iterator[Array]:
    numbers, design = posterior.numbers, posterior.design

    def of(name: str) -> Array:
        return np.asarray(parameters[name])

    yield _of_cutpoints(parameters, posterior)
    for name in ("coefficients", "scale_coefficients", "cut_coefficients", "no_answer"):
        if name in parameters:
            mean, sd = getattr(numbers, name)
            yield -0.5 * (((of(name) - mean) / sd) ** 2).sum(axis=-1)
    for term in design.cells.monotonic:
        yield _of_shares(of(step_name(term)), numbers.step_concentration)
    for group, scale in zip(design.cells.group_terms, numbers.group_sd, strict=True):
        yield -0.5 * (of(f"sd_{group.label}") / scale) ** 2
    if "cutpoint_sd" in parameters:
        yield -0.5 * (of("cutpoint_sd") / numbers.cutpoint_sd) ** 2


def _of_cutpoints(parameters: xr.Dataset, posterior: Posterior) -> Array:
    numbers = posterior.numbers
    if "sticks" not in parameters:
        centre = np.asarray(parameters["cutpoint_centre"]) / numbers.centre_sd
        log_widths = np.asarray(parameters["log_widths"]) - numbers.log_width_mean
        spread = (log_widths / numbers.log_width_sd) ** 2
        return -0.5 * (centre**2 + spread.sum(axis=-1))
    if numbers.cutpoints is None:
        return _of_shares(np.asarray(parameters["shares"]), numbers.dirichlet)
    cutpoints = posterior.family.cutpoints(np.asarray(parameters["sticks"]))
    prior = numbers.cutpoints
    if isinstance(prior, StudentT):
        densities = stats.t(prior.df, prior.mean, prior.sd).logpdf(cutpoints)
    else:
        densities = stats.norm(prior.mean, prior.sd).logpdf(cutpoints)
    return np.asarray(densities.sum(axis=-1))


def _of_shares(shares: Array, concentration: Array | float) -> Array:
    logs = np.log(np.maximum(shares, np.finfo(float).tiny))
    return np.asarray(((concentration - 1.0) * logs).sum(axis=-1))
