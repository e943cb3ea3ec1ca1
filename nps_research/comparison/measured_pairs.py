"""The correlation of two true quantities, each measured with an error, by profile likelihood."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq, minimize, minimize_scalar

from nps_research.intervals import normal_quantile

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

# Beyond this Fisher z a correlation counts as 1: 1 - 1e-6.
LARGEST_Z = 7.25
# Below this share of the observed standard deviation a true one counts as 0.
SMALLEST_SD = 1e-3


class MeasuredPairs:
    """Bivariate normal true values, measured with normal errors of known covariance.

    Parameters
    ----------
    pairs : numpy.ndarray, shape (units, 2)
        What was measured.
    errors : numpy.ndarray, shape (units, 2, 2)
        Covariance matrices of the errors.
    """

    def __init__(self, pairs: Array, errors: Array) -> None:
        # In units of the observed standard deviations both coordinates are of order one.
        unit = pairs.std(axis=0, ddof=1)
        self.pairs = (pairs - pairs.mean(axis=0)) / unit
        self.errors = errors / np.outer(unit, unit)

    def estimate(self, level: float) -> tuple[float, float, float]:
        """Return the correlation of the largest likelihood, and where it has fallen too far."""
        grid = np.linspace(-LARGEST_Z, LARGEST_Z, 16)
        peak = int(np.argmax([self.profile(z) for z in grid]))
        bounds = (grid[max(peak - 1, 0)], grid[min(peak + 1, len(grid) - 1)])
        found = minimize_scalar(
            lambda z: -self.profile(z), bounds=bounds, method="bounded", options={"xatol": 1e-6}
        )
        best, lowest = float(found.x), -float(found.fun) - normal_quantile(level) ** 2 / 2
        lower, upper = (_crossing(lambda z: self.profile(z) - lowest, best, s) for s in (-1, 1))
        return _rounded_tanh(best), lower, upper

    def profile(self, z: float) -> float:
        """Return the largest log-likelihood with a correlation of tanh(z)."""
        rho = math.tanh(z)

        def loss(log_sd: Any) -> tuple[float, Array]:
            value, slopes = self.log_likelihood(np.exp(log_sd), rho)
            return -value, -slopes

        start: Any = self._start
        bounds = [(math.log(SMALLEST_SD), math.log(3.0))] * 2
        found = minimize(
            loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-13}
        )
        return -float(found.fun)

    @property
    def _start(self) -> Array:
        variances = 1 - self.errors.mean(axis=0).diagonal()
        return np.asarray(np.log(np.sqrt(variances.clip(min=0.05))))

    def log_likelihood(self, sd: Array, rho: float) -> tuple[float, Array]:
        """Return the log-likelihood at the best mean, and its slopes by the logarithms of `sd`."""
        # Matrices of 2 x 2, entry by entry: ten times as fast as linear algebra on stacks of them.
        first, second = sd
        a, c = self.errors[:, 0, 0] + first**2, self.errors[:, 1, 1] + second**2
        b = self.errors[:, 0, 1] + rho * first * second
        determinant = a * c - b**2
        precision = (c / determinant, -b / determinant, a / determinant)
        p, q, r = precision
        x, y = self._deviations(*precision)
        u, v = p * x + q * y, q * x + r * y
        shared = rho * first * second * (u * v - q).sum()
        slopes = [first**2 * (u**2 - p).sum() + shared, second**2 * (v**2 - r).sum() + shared]
        return -float(np.log(determinant).sum() + u @ x + v @ y) / 2, np.array(slopes)

    def _deviations(self, p: Array, q: Array, r: Array) -> tuple[Array, Array]:
        """Return deviations from the mean that is best under precisions [[p, q], [q, r]]."""
        x, y = self.pairs.T
        total = p.sum() * r.sum() - q.sum() ** 2
        right_x, right_y = p @ x + q @ y, q @ x + r @ y
        mean_x = (r.sum() * right_x - q.sum() * right_y) / total
        mean_y = (p.sum() * right_y - q.sum() * right_x) / total
        return x - mean_x, y - mean_y


def _crossing(excess: Callable[[float], float], best: float, side: int) -> float:
    end = side * LARGEST_Z
    if excess(end) >= 0:
        return float(side)
    return _rounded_tanh(brentq(excess, best, end, xtol=1e-7))


def _rounded_tanh(z: float) -> float:
    """Return tanh(z), which counts as 1 at the end of the range."""
    return math.copysign(1.0, z) if abs(z) > LARGEST_Z - 1e-3 else math.tanh(z)
