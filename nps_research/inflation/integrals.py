"""The two integrals of the likelihood: over loyalty, and over the quality of agents.

Everything about one person depends on the mean of loyalty in the person's condition, so that the
probabilities of all outcomes at all means are one product of two matrices: how loyalty spreads
about each mean, and how likely each outcome is at each loyalty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nps_research.inflation.curves import Array, Grid, State, Structure
    from nps_research.inflation.evidence import Block

# Probabilities below this count as this, so that logarithms stay finite.
TINY = 1e-290


def distances(block: Block, state: State) -> Array:
    """Return loyalty less its mean, shape (points, conditions, nodes of quality, loyalty)."""
    quality = state.values["spread"][..., None] * state.grid.agents.nodes
    mean = state.values["mean"][:, block.conditions, None] + quality
    return np.asarray(state.grid.loyalty - mean[..., None])


def weights(structure: Structure, block: Block, state: State) -> Array:
    """Return the mass of every loyalty, shape (points, conditions, nodes of quality, loyalty)."""
    found = structure.latent.density(distances(block, state))
    found *= state.grid.step
    return found


def factors(structure: Structure, block: Block, state: State, *, score: bool = True) -> Array:
    """Return the probability of outcomes by loyalty, shape (points, conditions, loyalty, outcomes).

    Without `score` that of everything but the scores.
    """
    kinds, curves = block.outcomes, state.curves
    paid = structure.evidence.paid[block.conditions].astype(int)
    found = curves.answer[:, block.conditions][..., kinds.answered]
    if not block.pooled:
        if structure.evidence.has_churn:
            found *= curves.leave[:, block.conditions][..., kinds.churned]
        for each, place in zip(curves.indicators, kinds.indicators, strict=True):
            found *= each[:, paid][..., place]
    if score:
        found *= curves.score[:, paid][..., kinds.score]
        if block.pooled:
            found *= curves.score[:, paid][..., kinds.again]
    return np.asarray(found)


def log_chance(masses: Array, likely: Array) -> Array:
    """Return the log probability of outcomes, shape (points, conditions, nodes, outcomes)."""
    return np.asarray(np.log(np.maximum(masses @ likely, TINY)))


def by_unit(counts: Array, log: Array) -> Array:
    """Return the log likelihood of units, shape (points, units, nodes of quality)."""
    points, conditions, nodes, outcomes = log.shape
    flat = log.swapaxes(1, 2).reshape(points, nodes, conditions * outcomes)
    return np.asarray((flat @ counts.reshape(len(counts), -1).T).swapaxes(1, 2))


def over_quality(by_node: Array, grid: Grid) -> tuple[Array, Array]:
    """Return the log likelihood of units, their quality integrated out, and its distribution."""
    fine = by_node @ grid.agents.interpolation.T
    highest = fine.max(axis=2, keepdims=True)
    known = np.exp(fine - highest) * grid.agents.mass
    total = known.sum(axis=2, keepdims=True)
    return (np.log(total) + highest)[..., 0], known / total


def pooled(masses: Array, grid: Grid) -> Array:
    """Return masses of loyalty, or their slopes, of people of agents at random."""
    mass = grid.agents.mass @ grid.agents.interpolation
    return np.asarray(np.einsum("q,dkql->dkl", mass, masses)[:, :, None])
