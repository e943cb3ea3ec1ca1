"""Importance resampling: draws of a proposal become draws of a target, or say that they cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]


class Resampled(NamedTuple):
    """Positions of the draws to keep, and how far they can be trusted.

    Attributes
    ----------
    chosen : numpy.ndarray of int64
        As many positions as there were weights.
    pareto_k : float
        Of the weights; above 0.7 the draws cannot be trusted.
    ess : float
        Effective number of draws of the weights.
    """

    chosen: NDArray[np.int64]
    pareto_k: float
    ess: float


def resampled(log_weights: Array, generator: np.random.Generator) -> Resampled:
    """Choose draws in proportion to smoothed importance weights.

    Parameters
    ----------
    log_weights : numpy.ndarray, shape (draws,)
        Log density of the target less that of the proposal, up to a constant.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Resampled

    Notes
    -----
    Vehtari, Simpson, Gelman, Yao and Gabry 2024, "Pareto Smoothed Importance Sampling".

    Examples
    --------
    >>> kept = resampled(np.log(np.arange(1.0, 101.0)), np.random.default_rng(1))
    >>> kept.chosen.shape, round(kept.ess)
    ((100,), 75)
    """
    from arviz_stats.base import array_stats  # noqa: PLC0415  (slow to import)

    smoothed, k = array_stats.psislw(-log_weights)
    weights = special.softmax(smoothed)
    chosen = generator.permutation(systematic(weights, len(weights), generator))
    return Resampled(chosen, float(k), float(1.0 / np.sum(weights**2)))


def systematic(weights: Array, draws: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw positions in proportion to weights, by one random number: the least varied way.

    Examples
    --------
    >>> systematic(np.array([0.5, 0.0, 0.5]), 4, np.random.default_rng(1)).tolist()
    [0, 0, 2, 2]
    """
    points = (generator.uniform() + np.arange(draws)) / draws
    return np.searchsorted(np.cumsum(weights), points).clip(max=len(weights) - 1)


def standard_t(
    draws: int, dimensions: int, freedom: float, generator: np.random.Generator
) -> tuple[Array, Array]:
    """Return multivariate t draws about 0, and their log densities up to a constant.

    Examples
    --------
    >>> draws, log_density = standard_t(3, 2, 12.0, np.random.default_rng(1))
    >>> draws.shape, log_density.shape
    ((3, 2), (3,))
    """
    standard = generator.standard_normal((draws, dimensions))
    standard /= np.sqrt(generator.chisquare(freedom, (draws, 1)) / freedom)
    distance = np.sum(standard**2, axis=1)
    return standard, -0.5 * (freedom + dimensions) * np.log1p(distance / freedom)
