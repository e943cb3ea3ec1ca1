"""Distributions of loyalty and of the noise of a score, with mean 0 and standard deviation 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

# Scales at which a logistic and a Gumbel variable have standard deviation 1.
LOGISTIC_SCALE = math.sqrt(3.0) / math.pi
GUMBEL_SCALE = math.sqrt(6.0) / math.pi
SQRT_2PI = math.sqrt(2.0 * math.pi)


@dataclass(frozen=True)
class Latent:
    """A distribution of loyalty.

    Attributes
    ----------
    density : callable
        Density at distances from the mean.
    slope : callable
        Minus the derivative of the log density.
    below, above : float
        How far it reaches on either side: less than 1e-8 lies beyond.
    """

    density: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    below: float
    above: float


@dataclass(frozen=True)
class Noise:
    """A distribution of the noise of a score.

    Attributes
    ----------
    cumulative, density : callable
        Distribution function and density.
    """

    cumulative: Callable[[Array], Array]
    density: Callable[[Array], Array]


def normal_density(x: Array) -> Array:
    """Return the standard normal density.

    Examples
    --------
    >>> normal_density(np.zeros(1)).round(4)
    array([0.3989])
    """
    found = x * x
    found *= -0.5
    np.exp(found, out=found)
    found /= SQRT_2PI
    return np.asarray(found)


def _logistic_density(x: Array) -> Array:
    below = special.expit(x / LOGISTIC_SCALE)
    return np.asarray(below * (1 - below) / LOGISTIC_SCALE)


def _logistic_slope(x: Array) -> Array:
    return np.asarray(np.tanh(x / (2 * LOGISTIC_SCALE)) / LOGISTIC_SCALE)


def _gumbel_place(x: Array) -> Array:
    return np.asarray((x / GUMBEL_SCALE - np.euler_gamma).clip(max=30.0))


def _gumbel_density(x: Array) -> Array:
    place = _gumbel_place(x)
    return np.asarray(np.exp(place - np.exp(place)) / GUMBEL_SCALE)


def _gumbel_slope(x: Array) -> Array:
    return np.asarray(np.expm1(_gumbel_place(x)) / GUMBEL_SCALE)


# "skewed" is Gumbel's distribution of a smallest value: few are very unhappy, none is very happy.
LATENTS = {
    "normal": Latent(normal_density, lambda x: x, 6.0, 6.0),
    "logistic": Latent(_logistic_density, _logistic_slope, 10.5, 10.5),
    "skewed": Latent(_gumbel_density, _gumbel_slope, 15.0, 3.5),
}
NOISES = {
    "normal": Noise(special.ndtr, normal_density),
    "logistic": Noise(lambda x: special.expit(x / LOGISTIC_SCALE), _logistic_density),
}
