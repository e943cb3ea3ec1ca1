"""The posterior of the inflation model: mode, curvature and adaptive importance sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import optimize, special

from nps_research.diagnostics import LaplaceReport
from nps_research.importance import resampled, standard_t

if TYPE_CHECKING:
    from nps_research.inflation.curves import Array
    from nps_research.inflation.likelihood import Likelihood
    from nps_research.inflation.parameters import Parameters

# Degrees of freedom of the proposals: tails heavier than those of any posterior met so far, at the
# price of a third of the effective draws where it is nearly normal.
PROPOSAL_DF = 6.0
# How often to draw, at most, before saying that the draws cannot be trusted.
ROUNDS = 4
# All priors of the free numbers have a standard deviation of 1 or less, so no direction can be
# flatter than this at the mode but for errors of the differences.
LEAST_CURVATURE = 0.5
# Steps of the differences: of what the free numbers mean, and of the slope of the log density.
FINE_STEP, STEP = 1e-5, 1e-3
# Log densities that much below the highest count as that: nothing ever depends on them.
NEGLIGIBLE = 1e3


class Drawn(NamedTuple):
    """Draws of the free numbers, and how far they can be trusted.

    Attributes
    ----------
    free : numpy.ndarray, shape (draws, size)
        Draws.
    report : LaplaceReport
        What their weights say.
    mode : numpy.ndarray, shape (size,)
        Where the density is highest.
    """

    free: Array
    report: LaplaceReport
    mode: Array


class Proposal(NamedTuple):
    """A multivariate t distribution.

    Attributes
    ----------
    centre : numpy.ndarray, shape (size,)
        Its centre.
    root : numpy.ndarray, shape (size, size)
        Takes standard draws to draws about the centre.
    """

    centre: Array
    root: Array

    def draw(self, draws: int, generator: np.random.Generator) -> Array:
        """Return draws, shape (draws, size)."""
        standard, _ = standard_t(draws, len(self.centre), PROPOSAL_DF, generator)
        return self.centre + standard @ self.root.T

    def log_density(self, free: Array) -> Array:
        """Return log densities, up to a constant that all proposals share."""
        standard = np.linalg.solve(self.root, (free - self.centre).T)
        distance = np.sum(standard**2, axis=0)
        spread = np.linalg.slogdet(self.root)[1]
        power = -0.5 * (PROPOSAL_DF + len(self.centre))
        return np.asarray(power * np.log1p(distance / PROPOSAL_DF) - spread)


class Posterior:
    """Log density of the free numbers, and draws of them.

    Parameters
    ----------
    parameters : Parameters
        What the free numbers mean, and their prior.
    likelihood : Likelihood
        Of what they mean.
    """

    def __init__(self, parameters: Parameters, likelihood: Likelihood) -> None:
        self.parameters = parameters
        self.likelihood = likelihood

    def log_density(self, free: Array) -> Array:
        """Return the log posterior density of every point, up to a constant."""
        found = self.likelihood.log_likelihood(self.parameters.values(free))
        return found + self.parameters.log_prior(free)

    def slope(self, free: Array) -> tuple[float, Array]:
        """Return the log density of one point, and its gradient.

        That of the likelihood is exact by what the free numbers mean; what they mean is smooth and
        cheap, so that its derivatives are differences.
        """
        total, by_value = self.likelihood.gradient(self.parameters.values(free[None]))
        steps = FINE_STEP * np.eye(len(free))
        around = np.concatenate([free + steps, free - steps])
        moved = self.parameters.values(around)
        found = self.parameters.log_prior(around)
        for name, slope in by_value.items():
            found = found + moved[name] @ slope[0]
        up, down = np.split(found, 2)
        prior = float(self.parameters.log_prior(free[None])[0])
        return total + prior, (up - down) / (2 * FINE_STEP)

    def draw(self, draws: int, generator: np.random.Generator, start: Array | None) -> Drawn:
        """Draw by importance resampling around the mode; if need be again around the draws.

        Draws of all rounds are weighed by the mixture of their proposals (Cornuet, Marin, Mira and
        Robert 2012, "Adaptive Multiple Importance Sampling").
        """
        mode = self.mode(self.parameters.start() if start is None else start)
        proposals = [Proposal(mode, _root(self._curvature(mode)))]
        free, target = np.empty((0, len(mode))), np.empty(0)
        while True:
            new = proposals[-1].draw(draws, generator)
            free, target = np.concatenate([free, new]), np.append(target, self.log_density(new))
            proposed = special.logsumexp([each.log_density(free) for each in proposals], axis=0)
            kept = resampled(target.clip(min=target.max() - NEGLIGIBLE) - proposed, generator)
            report = LaplaceReport(kept.pareto_k, min(kept.ess, draws), draws)
            if report.converged or len(proposals) == ROUNDS:
                return Drawn(free[kept.chosen[:draws]], report, mode)
            held = free[kept.chosen]
            spread = np.linalg.pinv(np.cov(held.T), hermitian=True)
            proposals.append(Proposal(held.mean(axis=0), _root(spread)))

    def mode(self, start: Array) -> Array:
        """Find where the density is highest."""

        def lacking(free: Array) -> tuple[float, Array]:
            total, slope = self.slope(free)
            return -total, -slope

        found = optimize.minimize(lacking, start, jac=True, method="BFGS", options={"gtol": 0.05})
        return np.asarray(found.x)

    def _curvature(self, mode: Array) -> Array:
        steps = STEP * np.eye(len(mode))
        slopes = [self.slope(mode + step)[1] - self.slope(mode - step)[1] for step in steps]
        found = -np.array(slopes) / (2 * STEP)
        return np.asarray((found + found.T) / 2)


def _root(curvature: Array) -> Array:
    """Return a matrix R with R R' the inverse of the curvature, as far as that is positive."""
    values, vectors = np.linalg.eigh(curvature)
    return np.asarray(vectors / np.sqrt(values.clip(min=LEAST_CURVATURE)))
