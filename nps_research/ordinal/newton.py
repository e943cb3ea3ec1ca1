"""Newton's method for the cumulative likelihood, with or without a ridge penalty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from nps_research.ordinal import kernel
from nps_research.ordinal.kernel import Derivatives

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.links import Link

    Array = NDArray[np.float64]

MAX_STEPS = 100
# Newton's decrement is twice the distance to the maximum.
DECREMENT = 1e-12


@dataclass(frozen=True)
class PenalisedLikelihood:
    """The log-likelihood of cutpoints, followed by coefficients, less a ridge penalty.

    Attributes
    ----------
    link : Link
        Latent distribution.
    counts : numpy.ndarray
        Answers, shape (cells, categories); every category has some.
    predictors : numpy.ndarray
        Design matrix without an intercept, shape (cells, terms).
    precision : numpy.ndarray or float
        Prior precision of each coefficient, 0 for none; its penalty is half of
        precision * coefficient**2.
    """

    link: Link
    counts: Array
    predictors: Array
    precision: Array | float = 0.0

    @property
    def n_cutpoints(self) -> int:
        """Number of cutpoints, which come first among the parameters."""
        return int(self.counts.shape[1]) - 1

    def at(self, parameters: Array) -> Derivatives:
        """Return value, gradient and Hessian at `parameters`."""
        cutpoints, coefficients = np.split(parameters, [self.n_cutpoints])
        plain = kernel.derivatives(self.link, self.counts, self.predictors, cutpoints, coefficients)
        weights = np.zeros(len(parameters))
        weights[self.n_cutpoints :] = self.precision
        pull = weights * parameters
        return Derivatives(
            value=plain.value - 0.5 * float(pull @ parameters),
            gradient=plain.gradient - pull,
            hessian=plain.hessian - np.diag(weights),
        )

    def start(self) -> Array:
        """Return the cutpoints of the pooled answers, and coefficients of zero."""
        totals = self.counts.sum(axis=0)
        below = np.cumsum(totals)[:-1] / totals.sum()
        above = np.cumsum(totals[::-1])[::-1][1:] / totals.sum()
        cutpoints = self.link.quantile_of_tails(below, above)
        return np.concatenate([cutpoints, np.zeros(self.predictors.shape[1])])


@dataclass(frozen=True)
class Maximum:
    """Where the ascent ended, and whether that is the maximum."""

    parameters: Array
    derivatives: Derivatives
    iterations: int
    reached: bool


def ascend(likelihood: PenalisedLikelihood) -> Maximum:
    """Maximise by Newton's method, halving steps that leave the ordered cutpoints or fall."""
    parameters = likelihood.start()
    current = likelihood.at(parameters)
    for iteration in range(MAX_STEPS):
        step = linalg.solve(-current.hessian, current.gradient, assume_a="sym")
        if current.gradient @ step < DECREMENT:
            return Maximum(parameters, current, iteration, reached=True)
        parameters, current = _climb(likelihood, parameters, step, current)
    return Maximum(parameters, current, MAX_STEPS, reached=False)


def _climb(
    likelihood: PenalisedLikelihood, parameters: Array, step: Array, here: Derivatives
) -> tuple[Array, Derivatives]:
    for _ in range(60):
        candidate = parameters + step
        if np.all(np.diff(candidate[: likelihood.n_cutpoints]) > 0):
            there = likelihood.at(candidate)
            if there.value >= here.value - 1e-10 * abs(here.value):
                return candidate, there
        step = step / 2.0
    return parameters, here
