"""The posterior of a model: its arrays, its priors, and draws of its parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from nps_research.ordinal.assembly import posterior_arrays
from nps_research.ordinal.coordinates import parameter_coords, parameter_dims, parameters_at
from nps_research.ordinal.frames import plain_frame, whitening_frame
from nps_research.ordinal.geometry import group_geometries
from nps_research.ordinal.latent import SAMPLE_DIMS
from nps_research.ordinal.optimum import ascend, starting_point
from nps_research.ordinal.prior_simulation import prior_draws
from nps_research.ordinal.priors import prior_numbers
from nps_research.ordinal.support import allowed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.arrays import Arrays
    from nps_research.ordinal.design import Design
    from nps_research.ordinal.families import Family
    from nps_research.ordinal.frames import Frame
    from nps_research.ordinal.optimum import Maximum
    from nps_research.ordinal.priors import PriorNumbers, Priors

    Array = NDArray[np.float64]

# With more dimensions the matrix that whitens them costs more than it saves.
LARGEST_WHITENED = 400
# Rounds of prior draws, of which cut-specific effects may refuse most.
LARGEST_ATTEMPTS = 1000


@dataclass(frozen=True, eq=False)
class Posterior:
    """What a model says about its parameters, given the answers of a design.

    Attributes
    ----------
    design : Design
        Cells and answers.
    family : Family
        Family and link.
    structure : {"flexible", "equidistant", "symmetric"}
        Of the cutpoints.
    priors : Priors
        As the user gave them.
    """

    design: Design
    family: Family
    structure: str
    priors: Priors

    @cached_property
    def numbers(self) -> PriorNumbers:
        """The prior of every parameter."""
        return prior_numbers(self.priors, self.design, self.family)

    @cached_property
    def arrays(self) -> Arrays:
        """The model for compiled functions."""
        parts = (self.design, self.family, self.structure, self.numbers)
        return posterior_arrays(*parts, group_geometries(*parts))

    @cached_property
    def mode(self) -> Maximum:
        """The highest point of the density in the free coordinates."""
        return ascend(starting_point(self.arrays), self.arrays)

    @cached_property
    def frame(self) -> Frame:
        """The sampler's coordinates."""
        if self.arrays.starts[-1] > LARGEST_WHITENED:
            return plain_frame(starting_point(self.arrays))
        return whitening_frame(self.mode)

    def with_answers(self, counts: Array, censored_n: Array) -> Posterior:
        """Return the posterior given other answers of the same cells, under the same priors."""
        return replace(self, design=replace(self.design, counts=counts, censored_n=censored_n))

    def prior_parameters(self, draws: int, random_seed: int | None) -> xr.Dataset:
        """Draw parameters from the prior: dims chain (1) and draw.

        Raises
        ------
        ValueError
            If a prior is flat, or if nearly all draws give a score a negative probability.
        """
        generator = np.random.default_rng(random_seed)
        kept = np.zeros((0, self.arrays.starts[-1]))
        for _ in range(LARGEST_ATTEMPTS):
            free = prior_draws(self.arrays, self.family, draws, generator)
            kept = np.concatenate([kept, free[allowed(free, self.arrays)]])
            if len(kept) >= draws:
                return self.parameters(kept[None, :draws])
        raise ValueError(
            f"fewer than one in {LARGEST_ATTEMPTS:,} prior draws gives every score a positive "
            f"probability: the priors of the cut-specific coefficients are too wide. Narrow them "
            f"with Priors(coefficient_sd=)."
        )

    def parameters(self, free: Array) -> xr.Dataset:
        """Return the parameters of free vectors, shape (chains, draws, dimensions)."""
        chains, draws = free.shape[:2]
        flat = parameters_at(
            free.reshape(chains * draws, -1), self.design, self.family, self.arrays
        )
        dims = parameter_dims(self.design)
        coords: dict[str, Any] = dict(zip(SAMPLE_DIMS, map(np.arange, free.shape), strict=False))
        variables = {
            name: ((*SAMPLE_DIMS, *dims[name]), values.reshape(chains, draws, *values.shape[1:]))
            for name, values in flat.items()
        }
        used = {dim for name in flat for dim in dims[name]}
        known = parameter_coords(self.design)
        return xr.Dataset(variables, coords | {dim: known[dim] for dim in known if dim in used})

    def observed_data(self) -> xr.Dataset:
        """Return the counts under the name of the observed node: dims cell and score."""
        return xr.Dataset(
            {"answers": (("cell", "score"), self.design.counts)},
            {
                "cell": np.arange(len(self.design.cells)),
                "score": self.design.rating_scale.scores,
            },
        )
