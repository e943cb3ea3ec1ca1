"""The gradient of the log likelihood by the values of the parameters: the chain rule, by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nps_research.inflation.curves import indicator_places, score_places
from nps_research.inflation.integrals import (
    TINY,
    by_unit,
    distances,
    factors,
    over_quality,
    pooled,
)
from nps_research.inflation.latent import normal_density

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.inflation.curves import Array, State, Structure, Values
    from nps_research.inflation.evidence import Block


class Gradient:
    """Log likelihood of one point, and its derivatives by every value of the parameters.

    Parameters
    ----------
    structure : Structure
        Counts and families.
    state : State
        Of one point.

    Attributes
    ----------
    total : float
        Log likelihood.
    slopes : dict of numpy.ndarray
        Derivatives, named and shaped as the values.
    """

    def __init__(self, structure: Structure, state: State) -> None:
        self.structure = structure
        self.state = state
        self.slopes: Values = {name: np.zeros_like(held) for name, held in state.values.items()}
        self.total = sum(self._add(block) for block in structure.evidence.blocks)

    def _add(self, block: Block) -> float:
        masses, by_mean, by_spread = self._masses(block)
        likely = factors(self.structure, block, self.state)
        chance = np.maximum(masses @ likely, TINY)
        total, node_mass = self._units(block, np.log(chance))
        # People of every kind over their probability: what one more unit of it is worth.
        worth = np.einsum("duq,uko->dkqo", node_mass, block.counts, optimize=True) / chance
        felt = worth @ likely.swapaxes(-1, -2)
        self.slopes["mean"][0, block.conditions] += (felt * by_mean).sum(axis=(2, 3))[0]
        self.slopes["spread"] += (felt * by_spread).sum()
        share = masses.swapaxes(-1, -2) @ worth
        self._answers(block, (share * likely)[0])
        self._scores(block, share)
        if not block.pooled:
            self._indicators(block, (share * likely)[0])
        return total

    def _masses(self, block: Block) -> tuple[Array, Array, Array]:
        """Return the masses of loyalty, and their derivatives by mean and spread."""
        distance, grid = distances(block, self.state), self.state.grid
        masses = self.structure.latent.density(distance) * grid.step
        by_mean = masses * self.structure.latent.slope(distance)
        found = masses, by_mean, by_mean * grid.agents.nodes[:, None]
        if not block.pooled:
            return found
        first, second, third = (pooled(each, grid) for each in found)
        return first, second, third

    def _units(self, block: Block, log: Array) -> tuple[float, Array]:
        by_node = by_unit(block.counts, log)
        if block.pooled:
            return float(by_node[0, 0, 0]), np.ones((1, 1, 1))
        each, known = over_quality(by_node, self.state.grid)
        return float(each.sum()), known @ self.state.grid.agents.interpolation

    def _answers(self, block: Block, share: Array) -> None:
        """Add the derivatives of answering and of leaving."""
        kinds, curves, conditions = block.outcomes, self.state.curves, block.conditions
        if "answer_intercept" in self.slopes:
            by_odds = _by_odds(share, kinds.answered, curves.answer[0, conditions])
            by_odds[self.structure.complete[conditions]] = 0.0
            self.slopes["answer_intercept"][0, conditions] += by_odds.sum(axis=1)
            self.slopes["answer_slope"][0, conditions] += by_odds @ self.state.grid.loyalty
        if "leave_intercept" in self.slopes and not block.pooled:
            by_odds = _by_odds(share, kinds.churned, curves.leave[0, conditions])
            self.slopes["leave_intercept"][0, conditions] += by_odds.sum(axis=1)
            self.slopes["leave_slope"] -= (by_odds @ self.state.grid.loyalty).sum()

    def _scores(self, block: Block, share: Array) -> None:
        by_score = self._by_score(block, share)
        values, slopes = self.state.values, self.slopes
        ten = values["ten"][0, 0]
        if ten > 0:
            plain = self.state.curves.score[0, 1, :, :-1].copy()
            plain[:, -1] -= ten
            slopes["ten"] += by_score[1, :, -1].sum() - (by_score[1] * plain).sum() / (1 - ten)
            by_score[1] *= 1 - ten
        places = score_places(values, self.state.grid)[0]
        by_cut = -np.diff(by_score, axis=-1) * self.structure.noise.density(places)
        by_cut /= values["noise"][0, 0]
        slopes["cuts"] += by_cut.sum(axis=(0, 1))
        slopes["shift"] -= by_cut[1].sum()
        slopes["noise"] -= (by_cut * places).sum()

    def _by_score(self, block: Block, share: Array) -> Array:
        """Return derivatives by the curves of the scores, shape (2, loyalty, scores)."""
        kinds, curve = block.outcomes, self.state.curves.score[0]
        rest = (share * factors(self.structure, block, self.state, score=False))[0]
        found = np.zeros(curve.shape)
        if block.pooled:
            for own, other in ((kinds.score, kinds.again), (kinds.again, kinds.score)):
                np.add.at(found[0].T, own, (rest.sum(axis=0) * curve[0][:, other]).T)
        else:
            self._add_by_class(found, block, rest, kinds.score)
        return found[..., :-1]

    def _indicators(self, block: Block, share: Array) -> None:
        values, grid = self.state.values, self.state.grid
        paid = self.structure.evidence.paid[block.conditions].astype(int)
        for i, name in enumerate(self.structure.evidence.indicators):
            curve, codes = self.state.curves.indicators[i][0], block.outcomes.indicators[i]
            found = np.zeros(curve.shape)
            rest = share / np.maximum(curve[paid][..., codes], TINY)
            self._add_by_class(found, block, rest, codes)
            places = indicator_places(self.structure, values, grid, name)[0]
            by_cut = -np.diff(found[..., :-1], axis=-1) * normal_density(places)
            leak, loading = self.structure.leak.get(name, 0.0), values[f"loading {name}"][0, 0]
            seen = grid.loyalty + leak * np.array([[0.0], [values["shift"][0, 0]]])
            self.slopes[f"cuts {name}"] += by_cut.sum(axis=(0, 1))
            self.slopes[f"loading {name}"] -= (by_cut.sum(axis=2) * seen).sum()
            self.slopes["shift"] -= leak * loading * by_cut[1].sum()

    def _add_by_class(
        self, found: Array, block: Block, rest: Array, codes: NDArray[np.int64]
    ) -> None:
        paid = self.structure.evidence.paid[block.conditions]
        for variant, mine in enumerate((~paid, paid)):
            np.add.at(found[variant].T, codes, rest[mine].sum(axis=0).T)


def _by_odds(share: Array, codes: NDArray[np.int64], curve: Array) -> Array:
    """Return derivatives by the log odds of yes, shape (conditions, loyalty)."""
    no, yes = (share[..., codes == code].sum(axis=-1) for code in (0, 1))
    return np.asarray(yes * curve[..., 0] - no * curve[..., 1])
