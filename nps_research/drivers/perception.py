"""Perception: whether logged time moves the score, or the time that a case seemed to take.

A path model with standard normal causes, in which either drives the score, or both. Mood colours
the score and the time that people report, and clocks are not exact. What a regression on logged and
reported time finds then follows in closed form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from nps_research.drivers.relative_importance import shares_of_variance
from nps_research.planning import detection_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

HALVINGS = 60


@dataclass(frozen=True)
class TimePaths:
    """How time, perception and mood make a score.

    All causes have standard deviation 1, and so has what else moves the score.

    Attributes
    ----------
    logged_effect : float
        By how much a standard deviation of true time lowers the score directly.
    perceived_effect : float
        By how much a standard deviation of perceived time lowers it.
    accuracy : float
        Correlation of perceived with true time.
    halo : float
        By how much a standard deviation of good mood shortens the time that people report.
    mood_effect : float
        By how much it raises the score.
    clock_error, report_error : float
        Standard deviations of errors of logged and of reported time.

    Examples
    --------
    >>> TimePaths(logged_effect=0.0, perceived_effect=0.6).reported_part
    0.82
    """

    logged_effect: float = 0.6
    perceived_effect: float = 0.0
    accuracy: float = 0.6
    halo: float = 0.0
    mood_effect: float = 0.5
    clock_error: float = 0.0
    report_error: float = 0.0

    def __post_init__(self) -> None:
        if not -1 <= self.accuracy <= 1:
            raise ValueError(
                f"accuracy is the correlation of perceived and true time, between -1 and 1; found "
                f"{self.accuracy}."
            )
        for name in ("clock_error", "report_error"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is a standard deviation; found {getattr(self, name)}.")

    @property
    def loadings(self) -> Array:
        """Coefficients of logged time, reported time and score on their causes.

        Columns: true time, the rest of perceived time, mood, and one error of each row.
        """
        rest = math.sqrt(1 - self.accuracy**2)
        perceived = np.array([self.accuracy, rest])
        score = -self.perceived_effect * perceived - [self.logged_effect, 0.0]
        return np.array(
            [
                [1.0, 0.0, 0.0, self.clock_error, 0.0, 0.0],
                [*perceived, -self.halo, 0.0, self.report_error, 0.0],
                [*score, self.mood_effect, 0.0, 0.0, 1.0],
            ]
        )

    @property
    def correlations(self) -> Array:
        """Correlations of logged time, reported time and score in the population."""
        covariance = self.loadings @ self.loadings.T
        sd = np.sqrt(np.diag(covariance))
        matrix: Array = covariance / np.outer(sd, sd)
        return matrix

    @property
    def slopes(self) -> Array:
        """Standardised coefficients of logged and reported time in one regression."""
        matrix = self.correlations
        return np.linalg.solve(matrix[:-1, :-1], matrix[:-1, -1])

    @property
    def reported_part(self) -> float:
        """Part of the explained variance that falls to reported time (relative importance)."""
        logged, reported = shares_of_variance(self.correlations[None])[:, 0]
        return float(reported / (logged + reported))

    def simulate(self, n: int, *, random_seed: int) -> Array:
        """Draw logged time, reported time and score of n people, shape (n, 3)."""
        causes = np.random.default_rng(random_seed).standard_normal((n, self.loadings.shape[1]))
        drawn: Array = causes @ self.loadings.T
        return drawn


def misleading_from(paths: TimePaths, name: str, low: float, high: float) -> float:
    """Return where reported time begins to look more important than logged time.

    Parameters
    ----------
    paths : TimePaths
        All other numbers.
    name : str
        Number that is varied; the part that falls to reported time must rise with it.
    low, high : float
        Where to look.

    Returns
    -------
    float
        The border; `high` if it is not reached, `low` if it is passed already.

    Raises
    ------
    ValueError
        If there is no such number.

    Examples
    --------
    In this world only logged time counts, but good mood shortens the time that people report:

    >>> round(misleading_from(TimePaths(mood_effect=1.0), "halo", 0.0, 2.0), 2)
    0.26
    """
    known = [field.name for field in fields(paths)]
    if name not in known:
        raise ValueError(f"no number {name!r} in TimePaths; it has {', '.join(known)}.")
    if replace(paths, **{name: high}).reported_part < 0.5:
        return high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if replace(paths, **{name: middle}).reported_part < 0.5:
            low = middle
        else:
            high = middle
    return high


def experiment_size(
    paths: TimePaths, change: float, *, power: float = 0.8, level: float = 0.95
) -> int:
    """Plan an experiment that changes perceived time and nothing else.

    Half of the people, drawn by lot, get a message that makes waiting seem shorter. Their score
    differs only if perception drives it: mood and clocks are the same in both groups.

    Parameters
    ----------
    paths : TimePaths
        The world, with a perceived effect.
    change : float
        By how many standard deviations the message shortens perceived time.
    power, level : float
        As in `nps_sample_size`.

    Returns
    -------
    int
        People in each group.

    Raises
    ------
    ValueError
        If perception has no effect, or the message changes nothing.

    Examples
    --------
    >>> experiment_size(TimePaths(0.0, 0.6), 0.25)
    1124
    """
    effect = abs(paths.perceived_effect * change)
    if effect == 0:
        raise ValueError("no experiment finds an effect of 0; pass a perceived_effect and change.")
    sd = math.sqrt(float((paths.loadings[-1] ** 2).sum()))
    z = detection_quantile(power, level)
    return math.ceil(2 * (sd / effect * z) ** 2)


def parts(worlds: Sequence[TimePaths]) -> Array:
    """Return the part of reported time in many worlds, shape (worlds,)."""
    matrices = np.stack([each.correlations for each in worlds])
    shares = shares_of_variance(matrices)
    part: Array = shares[1] / shares.sum(axis=0)
    return part
