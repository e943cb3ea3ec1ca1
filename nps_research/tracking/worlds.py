"""Simulated surveys in waves whose true NPS is known.

Replicates of a world take their randomness from their own number, so that more of them leave the
first ones as they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from nps_research.bisection import falling_root
from nps_research.comparison.shifts import shifted
from nps_research.scale import RatingScale
from nps_research.survey_files import unknown_name
from nps_research.tracking.control_charts import WaveRecords, records_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    type Array = NDArray[np.float64]
    type Kind = Literal["stable", "step", "drift", "spike"]

KINDS: tuple[Kind, ...] = ("stable", "step", "drift", "spike")
# Farther apart than this, latent levels give an NPS of 100 or -100 to eight digits.
FARTHEST = 30.0


@dataclass(frozen=True, eq=False)
class World:
    """A survey whose true NPS is known.

    Parameters
    ----------
    shares : array_like, shape (categories,)
        True shares of the scores before anything changes.
    kind : {"stable", "step", "drift", "spike"}
        What happens at wave `at`: nothing; the NPS moves by `points` and stays there; it moves by
        `points` in every wave from then on; it moves by `points` in this wave alone. All opinions
        move by the same latent distance.
    points : float
        Points of NPS.
    answers : int
        People who answer in each wave.
    waves, baseline : int
        Number of waves; how many of them, the first, define the centre of the rules.
    at : int, optional
        First wave of the change, counted from 0; the first after the baseline by default.
    rating_scale : RatingScale
        Scale of the scores.

    Raises
    ------
    ValueError
        If the kind is unknown, or a number does not fit the others.

    Examples
    --------
    >>> World([0.3, 0.3, 0.4], "step", 5, waves=4, baseline=2, rating_scale=RatingScale(1, 3, 1, 3))
    step of 5 points from wave 2 on: 4 waves of 200 answers, the first 2 as baseline
    """

    shares: ArrayLike
    kind: Kind = "stable"
    points: float = 0.0
    answers: int = 200
    waves: int = 16
    baseline: int = 8
    at: int | None = None
    rating_scale: RatingScale = RatingScale()  # noqa: RUF009  (frozen: safe to share)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(unknown_name("kind of world", self.kind, KINDS))
        if not 1 <= self.baseline < self.waves or self.answers < 1:
            raise ValueError(
                f"a world needs answers, a baseline and a wave after it; found {self.answers} "
                f"answers and a baseline of {self.baseline} in {self.waves} waves."
            )
        if not self.baseline <= self.changed < self.waves:
            raise ValueError(
                f"a change can be seen after the baseline only: at must be from {self.baseline} to "
                f"{self.waves - 1}; found {self.at}."
            )

    @property
    def changed(self) -> int:
        """First wave of the change."""
        return self.baseline if self.at is None else self.at

    @property
    def nps(self) -> Array:
        """True NPS of every wave in points."""
        since = np.arange(self.waves) - self.changed
        moved = {
            "stable": np.zeros(self.waves),
            "step": since >= 0,
            "drift": (since + 1).clip(min=0),
            "spike": since == 0,
        }
        start = 100.0 * np.asarray(self.shares) @ self.rating_scale.nps_values
        return np.asarray(start + self.points * moved[self.kind])

    def records(self, replicates: int, *, random_seed: int) -> WaveRecords:
        """Simulate the answers.

        Parameters
        ----------
        replicates : int
            Surveys of the same world.
        random_seed : int
            Makes them repeatable.
        """
        shares = shares_with_nps(self.shares, self.nps, self.rating_scale)
        answers = [
            np.random.default_rng([random_seed, replicate]).multinomial(self.answers, shares)
            for replicate in range(replicates)
        ]
        return records_of(np.array(answers, dtype=float), self.rating_scale, self.baseline)

    def __repr__(self) -> str:
        moved = {
            "stable": "stable",
            "step": f"step of {self.points:g} points from wave {self.changed} on",
            "drift": f"drift of {self.points:g} points a wave from wave {self.changed} on",
            "spike": f"spike of {self.points:g} points in wave {self.changed}",
        }
        return (
            f"{moved[self.kind]}: {self.waves} waves of {self.answers} answers, the first "
            f"{self.baseline} as baseline"
        )


def shares_with_nps(
    shares: ArrayLike, nps: ArrayLike, rating_scale: RatingScale | None = None
) -> Array:
    """Move all opinions by the same latent distance until the NPS is as wanted.

    Parameters
    ----------
    shares : array_like, shape (categories,)
        Shares of the scores.
    nps : array_like, shape (waves,)
        Wanted NPS in points, between -100 and 100.
    rating_scale : RatingScale, optional
        0 to 10 by default.

    Returns
    -------
    numpy.ndarray, shape (waves, categories)

    Raises
    ------
    ValueError
        If an NPS cannot be reached.

    Examples
    --------
    >>> shares_with_nps([0.3, 0.3, 0.4], [10, 20], RatingScale(1, 3, 1, 3)).round(3)
    array([[0.3  , 0.3  , 0.4  ],
           [0.255, 0.29 , 0.455]])
    """
    scale = rating_scale or RatingScale()
    wanted = np.atleast_1d(np.asarray(nps, dtype=float))
    if not (np.abs(wanted) < 100.0).all():
        raise ValueError(
            f"an NPS lies between -100 and 100; wanted is {wanted[np.abs(wanted).argmax()]:g}. "
            "Take a smaller change."
        )
    values = 100.0 * scale.nps_values

    def missing(size: Array) -> Array:
        return np.asarray(wanted - shifted(shares, "location", size, scale) @ values)

    ends = np.full(len(wanted), FARTHEST)
    return shifted(shares, "location", falling_root(missing, -ends, ends), scale)
