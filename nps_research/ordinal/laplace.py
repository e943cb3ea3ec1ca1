"""Laplace's approximation, corrected by importance sampling that says how far to trust it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from scipy import special

from nps_research.ordinal.density import log_densities

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.arrays import Arrays
    from nps_research.ordinal.frames import Frame

    Array = NDArray[np.float64]

# Degrees of freedom of the proposal: tails a little heavier than the normal approximation's, since
# the log odds of scores that few people gave have exponential ones.
PROPOSAL_DF = 12.0


def laplace_sample(
    arrays: Arrays, frame: Frame, draws: int, random_seed: int | None
) -> tuple[Array, xr.Dataset]:
    """Draw from the posterior by importance resampling around its mode.

    The proposal is a multivariate t distribution with the curvature of the mode; weights are
    smoothed by the method of Vehtari, Simpson, Gelman, Yao and Gabry 2024, "Pareto Smoothed
    Importance Sampling", whose k tells whether they can be trusted.

    Parameters
    ----------
    arrays : Arrays
        The model.
    frame : Frame
        Coordinates in which the posterior is about standard normal around its mode.
    draws : int
        Number of draws.
    random_seed : int, optional
        Makes the draws repeatable.

    Returns
    -------
    tuple of numpy.ndarray and xarray.Dataset
        Free vectors, shape (1, draws, dimensions), and statistics: `pareto_k` and `ess`, the
        effective number of draws of the weights.
    """
    from arviz_stats.base import array_stats  # noqa: PLC0415  (slow to import)

    generator = np.random.default_rng(random_seed)
    proposed, log_proposal = _proposals(frame, draws, generator)
    log_weights = log_densities(proposed, arrays) - log_proposal
    smoothed, k = array_stats.psislw(-log_weights)
    weights = special.softmax(smoothed)
    chosen = _systematic(weights, generator)
    stats = {
        "pareto_k": float(k),
        "ess": float(1.0 / np.sum(weights**2)),
        "diverging": (("chain", "draw"), np.zeros((1, draws), dtype=bool)),
    }
    return proposed[None, chosen], xr.Dataset(stats)


def _proposals(frame: Frame, draws: int, generator: np.random.Generator) -> tuple[Array, Array]:
    """Return draws of the proposal, and their log densities up to a constant."""
    n = len(frame.centre)
    normal = generator.standard_normal((draws, n))
    chi_square = generator.chisquare(PROPOSAL_DF, (draws, 1)) / PROPOSAL_DF
    standard = normal / np.sqrt(chi_square)
    distance = np.sum(standard**2, axis=1)
    log_proposal = -0.5 * (PROPOSAL_DF + n) * np.log1p(distance / PROPOSAL_DF)
    return np.ascontiguousarray(frame.free(standard)), log_proposal


def _systematic(weights: Array, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw positions in proportion to weights, by one random number: the least varied way."""
    n = len(weights)
    points = (generator.uniform() + np.arange(n)) / n
    chosen = np.searchsorted(np.cumsum(weights), points).clip(max=n - 1)
    return generator.permutation(chosen)
