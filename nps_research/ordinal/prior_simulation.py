"""Draws from the prior: exact, without a chain, with ordered cutpoints by construction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nps_research.ordinal.arrays import (
    COEFFICIENTS,
    CUTPOINT_PRIOR,
    CUTPOINTS,
    DIRICHLET,
    NO_ANSWER,
    NORMAL,
    STEPS,
    STICKS,
    STRUCTURE,
    block_basis,
    sums_above,
)
from nps_research.ordinal.warp import unwarped_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.arrays import Arrays
    from nps_research.ordinal.families import Family

    Array = NDArray[np.float64]


def prior_draws(
    arrays: Arrays, family: Family, draws: int, generator: np.random.Generator
) -> Array:
    """Draw free vectors from the prior.

    Cut-specific coefficients that give a category a negative probability are not refused here.

    Parameters
    ----------
    arrays : Arrays
        The model; all of its priors are proper.
    family : Family
        Family and link.
    draws : int
        Number of draws.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    numpy.ndarray
        Shape (draws, dimensions).

    Raises
    ------
    ValueError
        If a coefficient has a flat prior.
    """
    _refuse_flat_priors(arrays)
    proper = np.isfinite(arrays.prior_sds)
    sds = np.where(proper, arrays.prior_sds, 0.0)
    free = arrays.prior_means + sds * generator.standard_normal((draws, len(sds)))
    starts = arrays.starts
    if arrays.options[STRUCTURE] == STICKS:
        free[:, starts[CUTPOINTS] : starts[COEFFICIENTS]] = _sticks(
            arrays, family, draws, generator
        )
    at = starts[STEPS]
    for steps, each in zip(arrays.step_counts, arrays.step_concentration, strict=True):
        concentration = np.full(steps, each)
        free[:, at : at + steps - 1] = _random_sticks(generator, concentration, draws)
        at += steps - 1
    _draw_groups(free, arrays, generator)
    bent = np.ascontiguousarray(free[:, arrays.warp_positions])
    free[:, arrays.warp_positions] = unwarped_rows(bent, arrays.warp)
    return free


def _refuse_flat_priors(arrays: Arrays) -> None:
    starts = arrays.starts
    coefficients = np.r_[starts[COEFFICIENTS] : starts[STEPS], starts[NO_ANSWER] : starts[-1]]
    if np.isinf(arrays.prior_sds[coefficients]).any():
        raise ValueError(
            "a flat prior cannot be drawn from: it has no finite total. Give every term of "
            "Priors(terms=) a finite standard deviation."
        )


def _sticks(arrays: Arrays, family: Family, draws: int, generator: np.random.Generator) -> Array:
    if arrays.options[CUTPOINT_PRIOR] == DIRICHLET:
        return _random_sticks(generator, arrays.dirichlet, draws)
    df, mean, sd = arrays.cutpoint_prior
    shape = (draws, arrays.starts[COEFFICIENTS])
    normal = arrays.options[CUTPOINT_PRIOR] == NORMAL
    standard = generator.standard_normal(shape) if normal else generator.standard_t(df, shape)
    cutpoints = mean + sd * standard
    if family.name == "cumulative":
        # Independent draws, given that they ascend, are the same draws sorted.
        cutpoints = np.sort(cutpoints, axis=1)
    log_p = family.log_probabilities(cutpoints)
    log_rest = np.logaddexp.accumulate(log_p[:, ::-1], axis=1)[:, ::-1]
    return log_p[:, :-1] - log_rest[:, 1:]


def _random_sticks(generator: np.random.Generator, concentration: Array, draws: int) -> Array:
    """Draw log odds of Beta variables, the sticks of Dirichlet shares."""
    stop = _random_log_gamma(generator, concentration[:-1], draws)
    return stop - _random_log_gamma(generator, sums_above(concentration), draws)


def _random_log_gamma(generator: np.random.Generator, shape: Array, draws: int) -> Array:
    # Gamma draws underflow when the shape is small; the logarithms of boosted ones do not
    # (Marsaglia and Tsang 2000, "A Simple Method for Generating Gamma Variables").
    size = (draws, len(shape))
    boosted = np.log(generator.standard_gamma(shape + 1.0, size=size))
    return np.asarray(boosted - generator.standard_exponential(size=size) / shape)


def _draw_groups(free: Array, arrays: Arrays, generator: np.random.Generator) -> None:
    """Draw standard deviations and effects, and move what gives way to them."""
    for position, scale in zip(arrays.scale_positions, arrays.scale_priors, strict=True):
        free[:, position] = _log_half_normal(generator, scale, len(free))
    for block, (log_sd, at) in enumerate(
        zip(arrays.block_sds, arrays.block_coordinates, strict=True)
    ):
        own = slice(arrays.block_starts[block], arrays.block_starts[block + 1])
        n, sd = own.stop - own.start, np.exp(free[:, log_sd, None])
        raw = sd * generator.standard_normal((len(free), n))
        shrunk = sd**2 / (1.0 + arrays.information[own] * sd**2)
        free[:, at : at + n] = (raw - arrays.pull[own] * shrunk) / np.sqrt(shrunk)
        effects = raw @ block_basis(arrays, block).T
        free[:, : len(arrays.projection)] += effects @ arrays.projection[:, own].T


def _log_half_normal(generator: np.random.Generator, scale: float, draws: int) -> Array:
    return np.log(np.abs(scale * generator.standard_normal(draws)))
