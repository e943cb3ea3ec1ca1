"""The grids on which loyalty and the quality of agents are integrated out.

The trapezoid rule on a uniform grid is exact to exp(-2 (pi s / h)^2) for a step h and an integrand
that is smooth on the scale s (Trefethen and Weideman 2014, "The Exponentially Convergent
Trapezoidal Rule"). The steepest factor of the integrand is the score given loyalty, on the scale
of its noise, so the step follows the noise.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nps_research.inflation.latent import normal_density

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.inflation.latent import Latent

    type Array = NDArray[np.float64]

# Steps of the grid of loyalty: in units of the noise, and at most in units of loyalty.
STEP, LARGEST_STEP = 0.6, 0.4
# The finest noise that is integrated, in standard deviations of loyalty: reliability 0.9996. The
# prior puts 1e-12 below it.
FINEST_NOISE = 0.02
# Agents reach this many standard deviations; the step is in units of what is known of one agent.
AGENT_REACH, AGENT_STEP = 5.0, 1.0
AGENT_POINTS = (21, 2001)
# Nodes between which what is known of an agent is interpolated: the logarithm of the likelihood
# changes on the scale of loyalty, so they are few, and more the more agents differ.
FIRST_NODES, NODES_PER_SPREAD = 10, 26


class AgentGrid(NamedTuple):
    """Standardised qualities of agents.

    Attributes
    ----------
    nodes : numpy.ndarray, shape (nodes,)
        Chebyshev's, at which likelihoods are evaluated.
    points, mass : numpy.ndarray, shape (points,)
        Fine uniform grid over which they are integrated, and its masses.
    interpolation : numpy.ndarray, shape (points, nodes)
        Takes values at the nodes to the points.
    """

    nodes: Array
    points: Array
    mass: Array
    interpolation: Array


ONE_AGENT = AgentGrid(np.zeros(1), np.zeros(1), np.ones(1), np.ones((1, 1)))


def loyalty_grid(
    latent: Latent, lowest: float, highest: float, noise: float
) -> tuple[Array, float]:
    """Return points of loyalty, and their distance.

    Parameters
    ----------
    latent : Latent
        Distribution of loyalty about its mean.
    lowest, highest : float
        Range of the means.
    noise : float
        Smallest standard deviation of the noise of a score; at least 0.02.

    Raises
    ------
    ValueError
        If the noise is finer than the finest grid.

    Examples
    --------
    >>> from nps_research.inflation.latent import LATENTS
    >>> points, step = loyalty_grid(LATENTS["normal"], 0.0, 0.0, 0.7)
    >>> len(points), round(float(LATENTS["normal"].density(points).sum() * step), 8)
    (31, 1.0)
    """
    if not noise >= FINEST_NOISE:
        raise ValueError(
            f"the noise of a score must be at least {FINEST_NOISE} standard deviations of loyalty "
            f"(a reliability of {1 / (1 + FINEST_NOISE**2):.4f}); found {noise:.4g}. A finer noise "
            "is a staircase that no grid here can integrate: pass a lower reliability=."
        )
    step = min(STEP * noise, LARGEST_STEP)
    start, end = lowest - latent.below, highest + latent.above
    points = np.arange(math.ceil((end - start) / step) + 1, dtype=float)
    return start + step * points, step


def agent_grid(spread: float, precision: float) -> AgentGrid:
    """Return standardised qualities of agents.

    Parameters
    ----------
    spread : float
        Largest standard deviation of agents.
    precision : float
        Upper bound of what the data say of one agent: one over the variance of its quality.

    Examples
    --------
    >>> grid = agent_grid(0.4, 100.0)
    >>> len(grid.nodes), len(grid.points), round(float(grid.mass @ grid.points**2), 4)
    (21, 43, 1.0)
    """
    step = AGENT_STEP / (spread * math.sqrt(precision) + 1e-9)
    wanted = int(np.clip(2 * math.ceil(AGENT_REACH / step) + 1, *AGENT_POINTS))
    points = np.linspace(-AGENT_REACH, AGENT_REACH, wanted)
    mass = normal_density(points)
    nodes = AGENT_REACH * _chebyshev(FIRST_NODES + math.ceil(NODES_PER_SPREAD * spread))
    return AgentGrid(nodes, points, mass / mass.sum(), _interpolation(nodes, points))


def _chebyshev(nodes: int) -> Array:
    return np.asarray(np.cos(np.pi * (np.arange(nodes) + 0.5) / nodes)[::-1])


def _interpolation(nodes: Array, points: Array) -> Array:
    """Return the matrix of barycentric interpolation (Berrut and Trefethen 2004)."""
    angle = np.pi * (np.arange(len(nodes)) + 0.5) / len(nodes)
    weight = (np.sin(angle) * (-1.0) ** np.arange(len(nodes)))[::-1]
    gap = points[:, None] - nodes
    hit = np.abs(gap) < 1e-13
    share = weight / np.where(hit, 1.0, gap)
    share = np.where(hit.any(axis=1, keepdims=True), hit.astype(float), share)
    return np.asarray(share / share.sum(axis=1, keepdims=True))
