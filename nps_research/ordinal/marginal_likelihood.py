"""The likelihood of a model with one group intercept, the effects integrated out.

Adaptive Gauss-Hermite quadrature: for every group the integrand is approximated around its own mode
(Pinheiro and Bates 1995, "Approximations to the Log-Likelihood Function in the Nonlinear
Mixed-Effects Model"), as in clmm of the R package ordinal. One point is Laplace's approximation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, special

from nps_research.ordinal.density import cell_log_likelihoods
from nps_research.ordinal.optimum import curvature_by_eta

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.arrays import Arrays

    Array = NDArray[np.float64]

MODE_STEPS = 100
# Central differences of a function that is exact to about 1e-12 lose least at this step.
DIFFERENCE = 1e-3
# Largest slope of the log-likelihood at what counts as its maximum.
FLAT = 1e-2


@dataclass(frozen=True, eq=False)
class MarginalLikelihood:
    """The log-likelihood of a free vector followed by the log of the group-level sd.

    Attributes
    ----------
    arrays : Arrays
        The model without its groups.
    group : numpy.ndarray
        Group of every cell, shape (cells,).
    points : int
        Quadrature points.
    """

    arrays: Arrays
    group: NDArray[np.int64]
    points: int

    def __call__(self, parameters: Array) -> float:
        """Return the log-likelihood."""
        free, sd = np.ascontiguousarray(parameters[:-1]), np.exp(parameters[-1])
        mode, curvature = self._modes(free, sd)
        nodes, weights = np.polynomial.hermite.hermgauss(self.points)
        effects = mode + np.sqrt(2.0 / curvature) * nodes[:, None]
        log_joint = np.array([self._log_joint(each, free, sd) for each in effects])
        terms = log_joint + (nodes**2 + np.log(weights))[:, None]
        return float(np.sum(special.logsumexp(terms, axis=0) - 0.5 * np.log(np.pi * curvature)))

    def _modes(self, free: Array, sd: float) -> tuple[Array, Array]:
        """Return the mode of every standardised effect, and the curvature there."""
        effect = np.zeros(self.group.max() + 1)
        for _ in range(MODE_STEPS):
            slope, curvature = self._slopes(effect, free, sd)
            step = (slope - effect) / curvature
            effect = effect + step
            if np.abs(step).max() < 1e-10:
                break
        return effect, curvature

    def _slopes(self, effect: Array, free: Array, sd: float) -> tuple[Array, Array]:
        """Return the slope of each group's log-likelihood, and the curvature of its joint one."""
        arrays = self._with_effect(effect, sd)
        _, slope = cell_log_likelihoods(free, arrays)
        curvature = self._by_group(curvature_by_eta(free, arrays))
        return sd * self._by_group(slope), 1.0 + sd**2 * curvature

    def _log_joint(self, effect: Array, free: Array, sd: float) -> Array:
        """Return the log density of answers and effect, of every group."""
        answers, _ = cell_log_likelihoods(free, self._with_effect(effect, sd))
        return self._by_group(answers) - 0.5 * effect**2

    def _with_effect(self, effect: Array, sd: float) -> Arrays:
        """Return the model with a standardised effect of every group."""
        return self.arrays._replace(offset=self.arrays.offset + sd * effect[self.group])

    def _by_group(self, cells: Array) -> Array:
        return np.bincount(self.group, cells)


def maximise_marginal(likelihood: MarginalLikelihood, start: Array) -> tuple[Array, int, bool]:
    """Return the maximum, the iterations to it, and whether it was reached."""

    def cost(parameters: Array) -> float:
        return -likelihood(parameters)

    found = optimize.minimize(cost, start, jac="3-point", method="BFGS", options={"gtol": 1e-6})
    return found.x, int(found.nit), bool(np.abs(np.asarray(found.jac)).max() < FLAT)


def observed_information(likelihood: MarginalLikelihood, at: Array) -> Array:
    """Return minus the matrix of second derivatives, by central differences."""
    step = DIFFERENCE * np.eye(len(at))
    second = np.empty((len(at), len(at)))
    for i, j in zip(*np.triu_indices(len(at)), strict=True):
        corners = [
            likelihood(at + a * step[i] + b * step[j]) * a * b for a in (1, -1) for b in (1, -1)
        ]
        second[i, j] = second[j, i] = -sum(corners) / (4.0 * DIFFERENCE**2)
    return second
