"""Draws of what the inflation model is for: improvement, reporting shift and honest NPS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nps_research.inflation.integrals import weights

if TYPE_CHECKING:
    from nps_research.inflation.curves import Array, State, Values
    from nps_research.inflation.likelihood import Likelihood
    from nps_research.inflation.parameters import Parameters

LEVELS = ("honest_nps", "reported_nps", "honest_nps_everybody")


def quantities(
    parameters: Parameters, likelihood: Likelihood, free: Array, random_seed: int = 0
) -> dict[str, Array]:
    """Return draws of the reported quantities.

    Parameters
    ----------
    parameters : Parameters
        What the free numbers mean.
    likelihood : Likelihood
        Its curves give the scores by loyalty.
    free : numpy.ndarray, shape (draws, size)
        Draws.
    random_seed : int
        For the quality of the agents, given the draws.

    Returns
    -------
    dict of numpy.ndarray, shape (draws,)
        Latent quantities in total standard deviations of loyalty; NPS in points.
    """
    values = parameters.values(free)
    total = np.sqrt(1 + values["spread"][:, 0] ** 2)
    found = {
        "improvement": parameters.get(free, "improvement")[:, 0] / total,
        "reporting_shift": values["shift"][:, 0] / total,
    }
    found |= _levels(likelihood, values, np.random.default_rng(random_seed))
    found["inflation"] = found["reported_nps"] - found["honest_nps"]
    found["sum"] = found["improvement"] + found["reporting_shift"]
    if parameters.assumptions.ten_inflation:
        found["ten_inflation"] = values["ten"][:, 0]
    found["reliability"] = 1 / (1 + parameters.noise(free)[:, 0] ** 2)
    if "leave_slope" in values:
        found["churn_slope"] = values["leave_slope"][:, 0] * total
    if parameters.evidence.agents:
        found["agent_sd"] = values["spread"][:, 0] / total
    for name in parameters.evidence.indicators:
        found[f"loading {name}"] = values[f"loading {name}"][:, 0] * total
    return found


def _levels(
    likelihood: Likelihood, values: Values, generator: np.random.Generator
) -> dict[str, Array]:
    """Return honest and reported NPS of the customers of paid groups."""
    evidence = likelihood.structure.evidence
    paid = np.flatnonzero(evidence.paid)
    people = evidence.people[paid, None]
    worth = np.append(100 * evidence.scale.nps_values, 0.0)
    found = {name: np.empty(len(values["mean"])) for name in LEVELS}
    for rows, state in likelihood.states(values):
        mass = loyalty_mass(likelihood, state, generator)[:, paid] * people
        answering = mass * state.curves.answer[:, paid][..., 1]
        honest, reported = (state.curves.score[:, kind] @ worth for kind in (0, 1))
        found["honest_nps"][rows] = _mean(honest, answering)
        found["reported_nps"][rows] = _mean(reported, answering)
        found["honest_nps_everybody"][rows] = _mean(honest, mass)
    return found


def _mean(score: Array, mass: Array) -> Array:
    """Return the mean of a score by loyalty, shape (points,)."""
    held = mass.sum(axis=1)
    return np.asarray((held * score).sum(axis=1) / held.sum(axis=1))


def loyalty_mass(likelihood: Likelihood, state: State, generator: np.random.Generator) -> Array:
    """Return the mass of every loyalty in every condition, shape (points, conditions, loyalty).

    That of the agents at hand: their quality is drawn given the counts of each.
    """
    structure, grid = likelihood.structure, state.grid
    found = np.zeros((*state.values["mean"].shape, len(grid.loyalty)))
    for block in structure.evidence.blocks:
        if not block.pooled:
            shares = np.ones((len(found), len(block.conditions), 1))
            if structure.evidence.agents:
                known = likelihood.unit_quality(block, state)
                people = block.counts.clip(min=0).sum(axis=2)
                shares = _shares(known, people, generator) @ grid.agents.interpolation
            masses = weights(structure, block, state)
            found[:, block.conditions] = np.einsum("dkq,dkql->dkl", shares, masses)
    return found


def _shares(known: Array, people: Array, generator: np.random.Generator) -> Array:
    """Draw the quality of every unit; return shares of people: (points, conditions, qualities)."""
    points, units, qualities = known.shape
    level = generator.uniform(size=(points, units, 1))
    chosen = (np.cumsum(known, axis=2) < level).sum(axis=2).clip(max=qualities - 1)
    hot = np.zeros_like(known)
    np.put_along_axis(hot, chosen[..., None], 1.0, axis=2)
    each = people / people.sum(axis=0).clip(min=1)
    return np.asarray(np.einsum("duq,uk->dkq", hot, each, optimize=True))
