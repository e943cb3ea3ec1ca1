"""The posterior of a level that walks at random: nested Laplace, corrected by importance sampling.

Given the standard deviation of a step, the posterior of cutpoints and levels is about normal; that
standard deviation is integrated out over a grid (Rue, Martino and Chopin 2009, "Approximate
Bayesian Inference for Latent Gaussian Models by Using Integrated Nested Laplace Approximations").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from nps_research.importance import resampled, standard_t, systematic
from nps_research.tracking.arrows import spread_out
from nps_research.tracking.state_space import log_densities, maxima

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.tracking.arrows import Arrow
    from nps_research.tracking.state_space import Waves

    Array = NDArray[np.float64]

# The grid of the logarithm of the step's standard deviation, relative to the prior's scale: first
# coarse over all that the prior allows, then fine where the posterior is. Below, the levels of all
# waves are the same to less than one step in a thousand; above, the prior has 7 millionths.
LOWEST, HIGHEST, COARSE, FINE = math.log(1e-3), math.log(4.5), 13, 15
# Nodes whose log weight is further below the largest are left out: they hold less than 1 in 3,000.
NEGLIGIBLE = 8.0
# Degrees of freedom of the proposal, a little heavier in the tails than the normal approximation.
PROPOSAL_DF = 30.0


@dataclass(frozen=True, eq=False)
class Mixture:
    """One normal approximation for every node of the grid.

    Attributes
    ----------
    step_sds : numpy.ndarray, shape (nodes,)
        Standard deviation of a step at each node.
    weights : numpy.ndarray, shape (nodes,)
        Posterior probability of each, with sum 1.
    log_prior : numpy.ndarray, shape (nodes,)
        Log prior mass of each, up to a constant.
    modes : numpy.ndarray, shape (nodes, free)
        Free vectors of highest density.
    factors : Arrow
        Lower factors of minus the second derivatives there, with a leading dimension of nodes.
    log_roots : numpy.ndarray, shape (nodes,)
        Logarithm of the determinant of each factor.
    log_evidence : float
        Log density of the answers, up to a constant that is the same for all models of them.
    """

    step_sds: Array
    weights: Array
    log_prior: Array
    modes: Array
    factors: Arrow
    log_roots: Array
    log_evidence: float


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws from the posterior, and how far they can be trusted.

    Attributes
    ----------
    free : numpy.ndarray, shape (draws, free)
        Free vectors.
    step_sds : numpy.ndarray, shape (draws,)
        Standard deviation of a step.
    pareto_k, ess : float
        Shape of the largest importance weights' distribution, and effective number of draws.
    """

    free: Array
    step_sds: Array
    pareto_k: float
    ess: float


def mixture_of(waves: Waves, step_scale: float, step_sd: float | None = None) -> Mixture:
    """Approximate the posterior by a mixture over the standard deviation of a step.

    Parameters
    ----------
    waves : Waves
        Answers and prior of the shares.
    step_scale : float
        Scale of the half-normal prior of the standard deviation.
    step_sd : float, optional
        Known standard deviation: one node.
    """
    if step_sd is not None:
        return _at_nodes(waves, np.array([step_sd]), np.zeros(1))
    coarse = _at_grid(waves, step_scale, np.linspace(LOWEST, HIGHEST, COARSE))
    near = np.flatnonzero(np.log(coarse.weights.clip(1e-300)) > _least(coarse))
    first, last = max(near[0] - 1, 0), min(near[-1] + 1, COARSE - 1)
    low, high = np.log(coarse.step_sds[[first, last]] / step_scale)
    start = coarse.modes[int(coarse.weights.argmax())]
    return _at_grid(waves, step_scale, np.linspace(low, high, FINE), start)


def sampled(waves: Waves, mixture: Mixture, draws: int, random_seed: int | None) -> Draws:
    """Draw from the posterior by importance resampling from the mixture.

    Parameters
    ----------
    waves : Waves
        Answers and prior of the shares.
    mixture : Mixture
        Their approximate posterior.
    draws : int
        How many.
    random_seed : int, optional
        Makes the draws repeatable.

    Notes
    -----
    Weights are smoothed, and k tells whether they can be trusted: Vehtari, Simpson, Gelman, Yao and
    Gabry 2024, "Pareto Smoothed Importance Sampling".
    """
    generator = np.random.default_rng(random_seed)
    node = systematic(mixture.weights, draws, generator)
    free, log_proposal = _proposed(mixture, node, generator)
    log_target = log_densities(free, mixture.step_sds[node], waves) + mixture.log_prior[node]
    kept = resampled(log_target - log_proposal, generator)
    step_sds = mixture.step_sds[node[kept.chosen]]
    return Draws(free[kept.chosen], step_sds, kept.pareto_k, kept.ess)


def _least(coarse: Mixture) -> float:
    return float(np.log(coarse.weights.max()) - NEGLIGIBLE)


def _at_grid(
    waves: Waves, step_scale: float, log_ratios: Array, start: Array | None = None
) -> Mixture:
    ratios = np.exp(log_ratios)
    spacing = log_ratios[1] - log_ratios[0]
    # Half-normal density of the ratio, times the ratio for its logarithm.
    log_prior = 0.5 * math.log(2.0 / math.pi) - 0.5 * ratios**2 + log_ratios + math.log(spacing)
    return _at_nodes(waves, step_scale * ratios, log_prior, start)


def _at_nodes(
    waves: Waves, step_sds: Array, log_prior: Array, start: Array | None = None
) -> Mixture:
    if start is None:
        start = np.concatenate([waves.warp[0], np.zeros(len(waves.gaps))])
    modes, values, factors, reached = maxima(start, step_sds, waves)
    if not reached:
        raise RuntimeError(
            "Newton's method found no maximum of the density of these waves. Please report the "
            "count table."
        )
    corners = np.diagonal(factors.corner, axis1=1, axis2=2)
    log_roots = np.log(factors.diagonal).sum(axis=1) + np.log(corners).sum(axis=1)
    log_mass = log_prior + values - log_roots
    total = float(special.logsumexp(log_mass))
    weights = np.exp(log_mass - total)
    return Mixture(step_sds, weights, log_prior, modes, factors, log_roots, total)


def _proposed(
    mixture: Mixture, node: NDArray[np.int64], generator: np.random.Generator
) -> tuple[Array, Array]:
    """Return multivariate t draws of the given nodes, and their log densities."""
    n = mixture.modes.shape[1]
    standard, log_proposal = standard_t(len(node), n, PROPOSAL_DF, generator)
    log_proposal += np.log(mixture.weights[node]) + mixture.log_roots[node]
    spread_out(mixture.factors, node, standard)
    return standard + mixture.modes[node], log_proposal
