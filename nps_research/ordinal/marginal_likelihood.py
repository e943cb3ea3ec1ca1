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

from nps_research.ordinal import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.links import Link

    Array = NDArray[np.float64]

MODE_STEPS = 100
# Central differences of a function that is exact to about 1e-12 lose least at this step.
DIFFERENCE = 1e-3
# Largest slope of the log-likelihood at what counts as its maximum, for standardised predictors.
FLAT = 1e-2


@dataclass(frozen=True)
class MarginalLikelihood:
    """The log-likelihood of (cutpoints, coefficients, group-level standard deviation).

    Attributes
    ----------
    link : Link
        Latent distribution.
    counts : numpy.ndarray
        Answers, shape (cells, categories); every category has some.
    predictors : numpy.ndarray
        Design matrix without an intercept, shape (cells, terms).
    group : numpy.ndarray
        Group of every cell, shape (cells,).
    points : int
        Quadrature points.
    """

    link: Link
    counts: Array
    predictors: Array
    group: NDArray[np.int64]
    points: int

    @property
    def n_cutpoints(self) -> int:
        """Number of cutpoints, which come first among the parameters."""
        return int(self.counts.shape[1]) - 1

    def __call__(self, parameters: Array) -> float:
        """Return the log-likelihood."""
        cutpoints, coefficients = np.split(parameters[:-1], [self.n_cutpoints])
        fixed, sd = self.predictors @ coefficients, parameters[-1]
        mode, curvature = self._modes(cutpoints, fixed, sd)
        nodes, weights = np.polynomial.hermite.hermgauss(self.points)
        effects = mode + np.sqrt(2.0 / curvature) * nodes[:, None]
        log_joint = np.array([self._log_joint(each, cutpoints, fixed, sd) for each in effects])
        terms = log_joint + (nodes**2 + np.log(weights))[:, None]
        return float(np.sum(special.logsumexp(terms, axis=0) - 0.5 * np.log(np.pi * curvature)))

    def _modes(self, cutpoints: Array, fixed: Array, sd: float) -> tuple[Array, Array]:
        """Return the mode of every standardised effect, and the curvature there."""
        effect = np.zeros(self.group.max() + 1)
        for _ in range(MODE_STEPS):
            eta = fixed + sd * effect[self.group]
            first, second = kernel.eta_derivatives(self.link, self.counts, eta, cutpoints)
            curvature = 1.0 - sd**2 * self._by_group(second)
            step = (sd * self._by_group(first) - effect) / curvature
            effect = effect + step
            if np.abs(step).max() < 1e-10:
                break
        return effect, curvature

    def _log_joint(self, effect: Array, cutpoints: Array, fixed: Array, sd: float) -> Array:
        """Return the log density of answers and effect, of every group."""
        eta = fixed + sd * effect[self.group]
        log_p = kernel.log_probabilities(self.link, eta, cutpoints)
        answers = np.sum(self.counts * log_p, axis=1)
        return self._by_group(answers) - 0.5 * effect**2

    def _by_group(self, cells: Array) -> Array:
        return np.bincount(self.group, cells)


def maximise_marginal(likelihood: MarginalLikelihood, start: Array) -> tuple[Array, int, bool]:
    """Return the maximum, the iterations to it, and whether it was reached.

    `start` holds cutpoints and coefficients. The search runs over the first cutpoint, the
    logarithms of the gaps, the coefficients and the logarithm of the standard deviation, all of
    which may take any value.
    """
    n = likelihood.n_cutpoints

    def natural(free: Array) -> Array:
        cutpoints = np.cumsum([free[0], *np.exp(free[1:n])])
        return np.concatenate([cutpoints, free[n:-1], [np.exp(free[-1])]])

    gaps = np.log(np.diff(start[:n]))
    sd = np.log(0.5 * likelihood.link.latent_sd)

    def cost(free: NDArray[np.float64]) -> float:
        return -likelihood(natural(free))

    with np.errstate(over="ignore", invalid="ignore"):
        found = optimize.minimize(
            cost,
            np.concatenate([start[:1], gaps, start[n:], [sd]]),
            jac="3-point",
            method="BFGS",
            options={"gtol": 1e-6},
        )
    return natural(found.x), int(found.nit), bool(np.abs(np.asarray(found.jac)).max() < FLAT)


def observed_information(likelihood: MarginalLikelihood, at: Array) -> Array:
    """Return minus the matrix of second derivatives, by central differences."""
    gaps = np.diff(at[: likelihood.n_cutpoints])
    size = np.full(len(at), DIFFERENCE)
    # Steps must not carry a cutpoint across its neighbour.
    size[: likelihood.n_cutpoints] = min(DIFFERENCE, 0.1 * gaps.min(initial=1.0))
    step = np.diag(size)
    second = np.empty((len(at), len(at)))
    for i, j in zip(*np.triu_indices(len(at)), strict=True):
        corners = [
            likelihood(at + a * step[i] + b * step[j]) * a * b for a in (1, -1) for b in (1, -1)
        ]
        second[i, j] = second[j, i] = -sum(corners) / (4.0 * size[i] * size[j])
    return second
