"""The likelihood of the inflation model: loyalty and the quality of agents integrated out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nps_research.inflation.curves import grid_of, state_of
from nps_research.inflation.gradient import Gradient
from nps_research.inflation.integrals import (
    by_unit,
    factors,
    log_chance,
    over_quality,
    pooled,
    weights,
)
from nps_research.inflation.quadrature import FINEST_NOISE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nps_research.inflation.curves import Array, State, Structure, Values
    from nps_research.inflation.evidence import Block

    type Places = NDArray[np.int64]

# Numbers that one batch of points may hold at a time.
BATCH = 3_000_000


class Likelihood:
    """Log likelihood of the evidence in terms of the values of the parameters.

    Parameters
    ----------
    structure : Structure
        Counts and families.
    """

    def __init__(self, structure: Structure) -> None:
        self.structure = structure

    def log_likelihood(self, values: Values) -> Array:
        """Return the log likelihood of every point; -inf where no grid is fine enough."""
        found = np.full(len(values["mean"]), -np.inf)
        usable = np.flatnonzero(values["noise"][:, 0] >= FINEST_NOISE)
        for rows, state in self.states(values, usable):
            blocks = self.structure.evidence.blocks
            found[rows] = np.sum([self._block(block, state) for block in blocks], axis=0)
        return found

    def gradient(self, values: Values) -> tuple[float, Values]:
        """Return the log likelihood of one point, and its derivatives by every value.

        Raises
        ------
        ValueError
            If the noise of a score is finer than the finest grid.
        """
        found = Gradient(self.structure, state_of(self.structure, values))
        return found.total, found.slopes

    def states(self, values: Values, rows: Places | None = None) -> Iterator[tuple[Places, State]]:
        """Yield some points and their states, as many at a time as fit into memory."""
        rows = np.arange(len(values["mean"])) if rows is None else rows
        if len(rows):
            parts = -(-len(rows) * self._size(_chosen(values, rows)) // BATCH)
            for part in np.array_split(rows, parts):
                yield part, state_of(self.structure, _chosen(values, part))

    def _size(self, values: Values) -> int:
        """Return how many numbers one point takes."""
        grid, evidence = grid_of(self.structure, values), self.structure.evidence
        widths = [len(block.outcomes.score) for block in evidence.blocks]
        width = max(*widths, len(grid.agents.nodes))
        return len(evidence.cohort) * len(grid.loyalty) * width

    def _block(self, block: Block, state: State) -> Array:
        """Return the log likelihood of a block at every point."""
        masses = weights(self.structure, block, state)
        if block.pooled:
            masses = pooled(masses, state.grid)
        log = log_chance(masses, factors(self.structure, block, state))
        by_node = by_unit(block.counts, log)
        if block.pooled:
            return np.asarray(by_node[:, 0, 0])
        return np.asarray(over_quality(by_node, state.grid)[0].sum(axis=1))

    def unit_quality(self, block: Block, state: State) -> Array:
        """Return the mass of every quality of every unit, shape (points, units, qualities)."""
        masses = weights(self.structure, block, state)
        log = log_chance(masses, factors(self.structure, block, state))
        return over_quality(by_unit(block.counts, log), state.grid)[1]


def _chosen(values: Values, rows: Places) -> Values:
    return {name: value[rows] for name, value in values.items()}
