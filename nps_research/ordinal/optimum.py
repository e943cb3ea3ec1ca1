"""The maximum of a density: Newton's method, with second derivatives from exact first ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg, optimize

from nps_research.ordinal.compilation import compiled
from nps_research.ordinal.density import cell_log_likelihoods, log_density
from nps_research.ordinal.warp import CENTRE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.arrays import Arrays

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

MAX_STEPS = 200
# From so many dimensions on, second derivatives at every step cost more than more steps.
MANY = 50
# Newton's decrement is twice the distance to the maximum.
DECREMENT = 1e-12
# Coordinates are in standard deviations or log odds: central differences of the gradient lose
# about 1e-10 of the curvature at this step, by rounding and by truncation alike.
DIFFERENCE = 1e-5


@dataclass(frozen=True, eq=False)
class Maximum:
    """Where the ascent ended, and whether that is the maximum.

    Attributes
    ----------
    free : numpy.ndarray
        The free vector, shape (dimensions,).
    value : float
        Log density there.
    curvature : numpy.ndarray
        Minus its second derivatives, shape (dimensions, dimensions).
    iterations : int
        Newton steps.
    reached : bool
        Whether the steps ended at a maximum.
    """

    free: Array
    value: float
    curvature: Array
    iterations: int
    reached: bool


@compiled
def curvature(free: Array, arrays: Arrays) -> Array:
    """Return minus the second derivatives of the log density, shape (dimensions, dimensions)."""
    n = len(free)
    second = np.empty((n, n))
    here, above, below, moved = np.empty(n), np.empty(n), np.empty(n), free.copy()
    log_density(free, here, arrays)
    for i in range(n):
        moved[i] = free[i] + DIFFERENCE
        up = log_density(moved, above, arrays) > -np.inf
        moved[i] = free[i] - DIFFERENCE
        down = log_density(moved, below, arrays) > -np.inf
        moved[i] = free[i]
        # On the border of what is allowed, one side has to do.
        if not up:
            above[:] = here
        if not down:
            below[:] = here
        second[i] = (below - above) / (DIFFERENCE * max(int(up) + int(down), 1))
    return 0.5 * (second + second.T)


def curvature_by_eta(free: Array, arrays: Arrays) -> Array:
    """Return minus the second derivative of every cell's log-likelihood by its eta, (cells,)."""
    _, above = cell_log_likelihoods(free, arrays._replace(offset=arrays.offset + DIFFERENCE))
    _, below = cell_log_likelihoods(free, arrays._replace(offset=arrays.offset - DIFFERENCE))
    return np.asarray((below - above) / (2.0 * DIFFERENCE))


def starting_point(arrays: Arrays) -> Array:
    """Return the log odds of the pooled answers, and the middle of every other prior."""
    start = np.where(np.isfinite(arrays.prior_sds), arrays.prior_means, 0.0)
    start[arrays.warp_positions] = arrays.warp[CENTRE]
    start[arrays.scale_positions] = np.log(0.5 * arrays.scale_priors)
    return start


def approached(start: Array, arrays: Arrays, fixed: Integers | None = None) -> Array:
    """Return a point near the maximum, without second derivatives.

    Parameters
    ----------
    start : numpy.ndarray
        Shape (dimensions,).
    arrays : Arrays
        The model.
    fixed : numpy.ndarray of int64, optional
        Coordinates that stay where they are.
    """
    free, gradient = start.copy(), np.empty_like(start)
    moving = np.setdiff1d(np.arange(len(start)), [] if fixed is None else fixed)

    def cost(part: Array) -> tuple[float, Array]:
        free[moving] = part
        return -log_density(free, gradient, arrays), -gradient[moving]

    found = optimize.minimize(cost, start[moving], jac=True, method="L-BFGS-B")
    free[moving] = found.x
    return free


def ascend(start: Array, arrays: Arrays) -> Maximum:
    """Maximise the log density from `start`.

    Parameters
    ----------
    start : numpy.ndarray
        Shape (dimensions,); its density must be finite.
    arrays : Arrays
        The model.

    Returns
    -------
    Maximum
    """
    free = start.copy() if len(start) < MANY else approached(start, arrays)
    gradient = np.empty_like(start)
    value = log_density(free, gradient, arrays)
    for iteration in range(MAX_STEPS):
        curved = curvature(free, arrays)
        step = _ascending(curved, gradient)
        if gradient @ step < DECREMENT:
            return Maximum(free, value, curved, iteration, reached=True)
        climbed = _climb(free, step, value, gradient, arrays)
        if climbed is None:
            return Maximum(free, value, curved, iteration, reached=False)
        free, value = climbed
    return Maximum(free, value, curvature(free, arrays), MAX_STEPS, reached=False)


def _ascending(curved: Array, gradient: Array) -> Array:
    """Return Newton's step; where the density is not concave, one that still rises."""
    size = np.abs(np.diag(curved)).max(initial=1e-8)
    for ridge in (0.0, *np.logspace(-8, 4, 13) * size):
        try:
            factor = linalg.cho_factor(curved + ridge * np.eye(len(gradient)))
        except linalg.LinAlgError:
            continue
        return np.asarray(linalg.cho_solve(factor, gradient))
    return np.asarray(gradient / size)


def _climb(
    free: Array, step: Array, value: float, gradient: Array, arrays: Arrays
) -> tuple[Array, float] | None:
    """Return a higher point along `step` and its value, and write its gradient."""
    for _ in range(60):
        there = log_density(free + step, gradient, arrays)
        if there >= value - 1e-12 * abs(value):
            return free + step, there
        step = step / 2.0
    return None
