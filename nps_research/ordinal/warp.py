"""Coordinates of sticks that are about normal however few answers a score has.

The log odds of a score that nobody gave have an exponential tail, as long as the prior is weak:
their density falls like exp(a s) with the pseudo-answers a. A normal coordinate v goes with that
where s bends like -v**2 / (2 a); on the other side likewise, with the answers above the score.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from nps_research.ordinal.compilation import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

CENTRE, SCALE, LEFT, RIGHT = range(4)


@compiled
def warped(coordinate: float, warp: Array) -> tuple[float, float, float]:
    """Return the stick at a coordinate, its slope, and the slope of the logarithm of that.

    Parameters
    ----------
    coordinate : float
        Any number.
    warp : numpy.ndarray
        Centre, scale, left and right stretch, shape (4,).
    """
    v = (coordinate - warp[CENTRE]) / warp[SCALE]
    root = math.sqrt(v * v + 1.0)
    # A smooth square of the positive part of v, and of that of -v.
    up, down = 0.5 * (v + root), 0.5 * (root - v)
    value = coordinate + warp[RIGHT] * up * up - warp[LEFT] * down * down
    slope = 1.0 + (warp[RIGHT] * up * up + warp[LEFT] * down * down) / (0.5 * root * warp[SCALE])
    bend = (
        warp[RIGHT] * up * up * (2.0 * root - v) - warp[LEFT] * down * down * (2.0 * root + v)
    ) / (0.5 * root**3 * warp[SCALE] ** 2)
    return value, slope, bend / slope


@compiled
def unwarped_rows(sticks: Array, warp: Array) -> Array:
    """Return the coordinates of sticks, shape (draws, sticks), by bisection and Newton steps."""
    coordinates = np.empty_like(sticks)
    for k in range(sticks.shape[1]):
        for draw in range(len(sticks)):
            coordinates[draw, k] = _unwarped(sticks[draw, k], warp[:, k])
    return coordinates


@compiled
def _unwarped(stick: float, warp: Array) -> float:
    # The map rises by at least its argument, up to the stretch at the centre.
    low = min(stick, warp[CENTRE]) - warp[RIGHT] - 1.0
    high = max(stick, warp[CENTRE]) + warp[LEFT] + 1.0
    x = 0.5 * (low + high)
    for _ in range(200):
        value, slope, _ = warped(x, warp)
        if value < stick:
            low = x
        else:
            high = x
        x_next = x - (value - stick) / slope
        if not low < x_next < high:
            x_next = 0.5 * (low + high)
        if abs(x_next - x) <= 1e-15 * (1.0 + abs(x)):
            break
        x = x_next
    return float(x)
