"""Whether the density of scores jumps at a target: a test for units with many answers only.

Tests of this kind (McCrary 2008, "Manipulation of the Running Variable"; Cattaneo, Jansson and Ma
2020, "Simple Local Polynomial Density Estimators") take the score to be continuous. The score of n
answers moves in steps of 100 / n points, so that for few answers they see jumps where there is only
a lattice. `nps_research.detection.target_bunching` is the test for those.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from nps_research.market.bunching import POINTS, unit_classes
from nps_research.views import viewed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

# So many possible scores within a bandwidth are nearly a continuum: the size of the test is then
# that of continuous data to two digits.
LEAST_STEPS = 20
# Units within a bandwidth on either side, below which the normal approximation fails.
LEAST_UNITS = 20
NODES = 40
STEPS = 50
INNOCENT = (
    "A jump is compatible with work on the score itself. It also arises if units are ended, merged "
    "or reported when they reach the target."
)


@viewed
@dataclass(frozen=True)
class DensityJump:
    """Density of scores just above a target against just below it.

    Attributes
    ----------
    units : int
        Units within a bandwidth of the target.
    jump : float
        Logarithm of the density just above by that just below.
    z : float
        Signed root of the likelihood ratio against no jump.
    p_value : float
        Of a jump upwards.
    target, bandwidth : float
        In points.
    step : float
        Largest distance between possible scores of a unit, in points.
    """

    units: int
    jump: float
    z: float
    p_value: float
    target: float
    bandwidth: float
    step: float
    innocent: str = INNOCENT

    @property
    def text(self) -> str:
        """What was found, in words."""
        return (
            f"Among {self.units} units within {self.bandwidth:g} points of the target of "
            f"{self.target:g}, the density just above it is {math.exp(self.jump):.2f} times that "
            f"just below; a ratio so large has probability {self.p_value:.3f} without a jump. "
            f"{self.innocent}"
        )


def density_jump(
    counts: pd.DataFrame, by: Sequence[str], *, target: float, bandwidth: float = 10.0
) -> DensityJump:
    """Test whether the density of units' scores jumps at a target, where n is large enough.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table.
    by : sequence of str
        Columns that make a unit.
    target, bandwidth : float
        In points. Units further from the target do not enter.

    Returns
    -------
    DensityJump

    Raises
    ------
    ValueError
        If a unit near the target has too few answers for a nearly continuous score, or too few
        units are near it.

    Notes
    -----
    Local likelihood with a log-quadratic density and a jump (Loader 1996, "Local Likelihood Density
    Estimation"); the border is half-way between the possible scores on either side of the target.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(unit, score, 20 + unit % 5) for unit in range(60) for score in (3, 8, 10)]
    >>> counts = pd.DataFrame(rows, columns=["unit", "score", "n"])
    >>> density_jump(counts, ["unit"], target=0)
    Traceback (most recent call last):
    ValueError: a continuous density needs units of 200 answers for a bandwidth of 10 points;
    found 60 with fewer, down to 60 answers, whose scores move in steps of 1.67 points. A jump of
    that lattice is no manipulation. Use target_bunching, which knows the lattice.
    """
    distance, step = _distances(unit_classes(counts, by), target, bandwidth)
    x = distance / bandwidth
    if min((x < 0).sum(), (x > 0).sum()) < LEAST_UNITS:
        raise ValueError(
            f"a density test needs {LEAST_UNITS} units on either side within {bandwidth:g} points "
            f"of the target; found {(x < 0).sum()} below and {(x > 0).sum()} above. Widen the "
            "bandwidth, or use target_bunching."
        )
    statistics = _features(x, x > 0).mean(axis=0)
    jump, free = _fitted(statistics)
    _, smooth = _fitted(statistics[1:])
    z = math.copysign(math.sqrt(max(2 * len(x) * (free - smooth), 0.0)), jump[0])
    return DensityJump(
        units=len(x),
        jump=float(jump[0]),
        z=z,
        p_value=float(special.ndtr(-z)),
        target=target,
        bandwidth=bandwidth,
        step=float(step.max()),
    )


def _distances(classes: NDArray[np.int64], target: float, bandwidth: float) -> tuple[Array, Array]:
    """Return how far units near the target are from it, and the steps of their scores."""
    n, net = classes.sum(axis=1), classes[:, 2] - classes[:, 0]
    # Half-way between the last possible score below the target and the first one that reaches it:
    # the possible scores on either side are then equally far from the border, for every n.
    border = np.ceil(target * n / POINTS) - 0.5
    distance = POINTS * (net - border) / n
    near = np.abs(distance) <= bandwidth
    least = math.ceil(LEAST_STEPS * POINTS / bandwidth)
    few = n[near][n[near] < least]
    if len(few):
        raise ValueError(
            f"a continuous density needs units of {least} answers for a bandwidth of "
            f"{bandwidth:g} points;\nfound {len(few)} with fewer, down to {few.min()} answers, "
            f"whose scores move in steps of {POINTS / few.min():.2f} points. A jump of\nthat "
            "lattice is no manipulation. Use target_bunching, which knows the lattice."
        )
    return distance[near], POINTS / n[near]


def _features(x: Array, above: NDArray[np.bool_]) -> Array:
    return np.stack([above.astype(float), x, x**2], axis=-1)


def _fitted(means: Array) -> tuple[Array, float]:
    """Maximise the mean log likelihood of an exponential family by Newton's method.

    Without its first feature, the jump, if one mean is missing.
    """
    at, mass = np.polynomial.legendre.leggauss(NODES)
    nodes = np.concatenate([(at - 1) / 2, (at + 1) / 2])
    features = _features(nodes, nodes > 0)[:, 3 - len(means) :]
    log_mass = np.log(np.concatenate([mass, mass]) / 2)
    found = np.zeros(len(means))
    for _ in range(STEPS):
        log_density = features @ found + log_mass
        weight = special.softmax(log_density)
        expected = weight @ features
        information = features.T @ (weight[:, None] * features) - np.outer(expected, expected)
        found = found + np.linalg.solve(information, means - expected)
    return found, float(means @ found - special.logsumexp(features @ found + log_mass))
