"""The sampler's coordinates: an affine map in which the posterior is about standard normal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.optimum import Maximum

    Array = NDArray[np.float64]

# Curvature of a direction about which prior and answers together say next to nothing: a standard
# deviation of ten log odds.
FLATTEST = 0.01


@dataclass(frozen=True, eq=False)
class Frame:
    """The sampler's coordinates y: free = centre + spread @ y.

    Attributes
    ----------
    centre : numpy.ndarray
        Shape (dimensions,).
    spread : numpy.ndarray
        Shape (dimensions, dimensions), or (0, 0) for the identity.
    """

    centre: Array
    spread: Array

    def free(self, y: Array) -> Array:
        """Return the free vectors of sampled coordinates, shape (..., dimensions)."""
        return self.centre + (y @ self.spread.T if self.spread.size else y)


def plain_frame(centre: Array) -> Frame:
    """Return coordinates that are distances from `centre`."""
    return Frame(centre, np.zeros((0, 0)))


def whitening_frame(mode: Maximum) -> Frame:
    """Return coordinates in which the posterior is about standard normal around its mode.

    Directions in which the density is flat, or not yet concave, keep their own units.
    """
    return Frame(mode.free, _spread(mode))


def sds(mode: Maximum) -> Array:
    """Return the standard deviations of the normal distribution of this frame, (dimensions,)."""
    return np.asarray(np.linalg.norm(_spread(mode), axis=1))


def _spread(mode: Maximum) -> Array:
    values, vectors = np.linalg.eigh(mode.curvature)
    axes = np.where(values > FLATTEST, np.maximum(values, FLATTEST), 1.0) ** -0.5
    return np.ascontiguousarray(vectors * axes)
