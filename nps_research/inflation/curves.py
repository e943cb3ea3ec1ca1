"""How likely scores, answering and leaving are at each loyalty, on the grid of the likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from nps_research.inflation.quadrature import ONE_AGENT, AgentGrid, agent_grid, loyalty_grid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nps_research.inflation.evidence import Evidence
    from nps_research.inflation.latent import Latent, Noise

    type Array = NDArray[np.float64]
    type Values = dict[str, Array]


@dataclass(frozen=True, eq=False)
class Structure:
    """What the likelihood has beside the values of its parameters.

    Attributes
    ----------
    evidence : Evidence
        Counts.
    latent, noise : Latent, Noise
        Distributions of loyalty and of the noise of a score.
    leak : dict of str to float
        Share of the reporting shift that reaches an indicator.
    complete : numpy.ndarray of bool
        Conditions in which everybody answers.
    """

    evidence: Evidence
    latent: Latent
    noise: Noise
    leak: Mapping[str, float]
    complete: NDArray[np.bool_]


class Grid(NamedTuple):
    """Points on which loyalty and the quality of agents are integrated out.

    Attributes
    ----------
    loyalty : numpy.ndarray
        Uniform.
    step : float
        Distance of its points.
    agents : AgentGrid
        Standardised quality of agents.
    """

    loyalty: Array
    step: float
    agents: AgentGrid


class Curves(NamedTuple):
    """Probabilities at every loyalty; the first axis is the point.

    Attributes
    ----------
    score : numpy.ndarray, shape (points, 2, loyalty, scores + 1)
        Of every score of those who are not paid for, and are; 1 at the end for no score.
    answer, leave : numpy.ndarray, shape (points, conditions, loyalty, 3)
        Of silence and answering, of staying and leaving; 1 at the end for not known.
    indicators : tuple of numpy.ndarray, shape (points, 2, loyalty, classes + 1)
        As the scores.
    """

    score: Array
    answer: Array
    leave: Array
    indicators: tuple[Array, ...]


class State(NamedTuple):
    """Values of the parameters at some points, with the grid and the curves that go with them."""

    values: Values
    grid: Grid
    curves: Curves


def state_of(structure: Structure, values: Values) -> State:
    """Evaluate all curves at some points."""
    grid = grid_of(structure, values)
    score = _categories(structure.noise.cumulative(score_places(values, grid)))
    paid = values["ten"]
    score[:, 1] *= 1 - paid[..., None]
    score[:, 1, :, -1] += paid
    indicators = tuple(
        _with_missing(_categories(special.ndtr(indicator_places(structure, values, grid, name))))
        for name in structure.evidence.indicators
    )
    answer = _binary(values, grid, "answer", 1.0)
    answer[:, structure.complete, :, 1] = 1.0
    leave = _binary(values, grid, "leave", -1.0)
    return State(values, grid, Curves(_with_missing(score), answer, leave, indicators))


def grid_of(structure: Structure, values: Values) -> Grid:
    """Return a grid that is fine and wide enough for all points."""
    spread, agents, reach = float(values["spread"].max()), ONE_AGENT, 0.0
    if structure.evidence.agents:
        agents = agent_grid(spread, _precision(structure.evidence, values))
        reach = spread * float(agents.points[-1])
    lowest, highest = float(values["mean"].min()), float(values["mean"].max())
    noise = float(values["noise"].min())
    loyalty, step = loyalty_grid(structure.latent, lowest - reach, highest + reach, noise)
    return Grid(loyalty, step, agents)


def score_places(values: Values, grid: Grid) -> Array:
    """Return cutpoints as seen from every loyalty, in standard deviations of the noise.

    Shape (points, 2, loyalty, cutpoints): without and with the reporting shift.
    """
    distance = values["cuts"][:, None, None] - _seen(values, grid, 1.0)[..., None]
    return np.asarray(distance / values["noise"][:, :, None, None])


def indicator_places(structure: Structure, values: Values, grid: Grid, name: str) -> Array:
    """Return the same of an indicator, whose noise has standard deviation 1."""
    seen = _seen(values, grid, structure.leak.get(name, 0.0))
    loading = values[f"loading {name}"][:, :, None, None]
    return np.asarray(values[f"cuts {name}"][:, None, None] - loading * seen[..., None])


def _seen(values: Values, grid: Grid, leak: float) -> Array:
    moved = leak * np.concatenate([np.zeros_like(values["shift"]), values["shift"]], axis=1)
    return np.asarray(grid.loyalty + moved[:, :, None])


def _categories(below: Array) -> Array:
    return np.diff(below, axis=-1, prepend=0.0, append=1.0)


def _with_missing(categories: Array) -> Array:
    ones = np.ones((*categories.shape[:-1], 1))
    return np.concatenate([categories, ones], axis=-1)


def _binary(values: Values, grid: Grid, name: str, sign: float) -> Array:
    found = np.ones((*values["mean"].shape, len(grid.loyalty), 3))
    if f"{name}_intercept" in values:
        tilt = sign * values[f"{name}_slope"][..., None] * grid.loyalty
        found[..., 1] = special.expit(values[f"{name}_intercept"][..., None] + tilt)
        found[..., 0] = 1 - found[..., 1]
    return found


def _precision(evidence: Evidence, values: Values) -> float:
    """Return more than is known of any agent: of the answers, the silence and the leaving."""
    slopes = (values[name] for name in ("leave_slope", "answer_slope") if name in values)
    each = sum(float(np.max(slope**2)) / 4 for slope in slopes)
    answer = 1 / (1 + float(values["noise"].min()) ** 2)
    for name in evidence.indicators:
        loading = float(values[f"loading {name}"].max())
        answer = min(1.0, answer + loading**2 / (1 + loading**2))
    most = 0.0
    for block in evidence.blocks:
        if not block.pooled:
            people = block.counts.clip(min=0).sum(axis=1)
            answers = people[:, block.outcomes.answered == 1].sum(axis=1)
            most = max(most, float((answer * answers + each * people.sum(axis=1)).max()))
    return most
