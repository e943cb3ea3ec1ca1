"""Laplace's approximation, corrected by importance sampling that says how far to trust it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from nps_research.importance import resampled, standard_t
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
    generator = np.random.default_rng(random_seed)
    standard, log_proposal = standard_t(draws, len(frame.centre), PROPOSAL_DF, generator)
    proposed = np.ascontiguousarray(frame.free(standard))
    kept = resampled(log_densities(proposed, arrays) - log_proposal, generator)
    stats = {
        "pareto_k": kept.pareto_k,
        "ess": kept.ess,
        "diverging": (("chain", "draw"), np.zeros((1, draws), dtype=bool)),
    }
    return proposed[None, kept.chosen], xr.Dataset(stats)
