"""Survey waves: what a survey repeated every so many days can find, and when."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd
from scipy import special

from nps_research.intervals import normal_quantile
from nps_research.planning import detection_quantile
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

type Shape = Literal["step", "trend"]
SHAPES = get_args(Shape.__value__)
# Nodes of the integral over the error of the baseline.
NODES = 120


@dataclass(frozen=True)
class SurveyWaves:
    """A survey that is repeated: how many waves, how many answers, how noisy.

    Parameters
    ----------
    answers : int
        In each wave.
    waves : int
        In all, at least two.
    before : int
        Waves before the improvement, at least one and fewer than `waves`.
    sd : float
        Standard deviation of one answer, in points: 100 is the worst case, as in
        `nps_sample_size`.
    overlap : float
        Share of respondents who are the same people in all waves, 0 to 1.
    person_correlation : float
        Correlation of two answers of one person, 0 to 1.
    wander : float
        Standard deviation, in points, of what moves a wave besides the improvement and the choice
        of respondents: season, news, a change of the mix. More answers do not lower it.
    days : int
        From one wave to the next.

    Raises
    ------
    ValueError
        If a number is outside its range.

    Notes
    -----
    Errors of waves are independent and normal. What the same people have in common over all waves
    cancels in every difference between waves, so overlap lowers the error of a wave by the factor
    sqrt(1 - overlap * person_correlation).

    Examples
    --------
    >>> year = SurveyWaves(answers=400, waves=6, before=3, sd=75)
    >>> round(year.detectable_effect("step"), 1)
    8.6
    """

    answers: int
    waves: int = 6
    before: int = 3
    sd: float = 100.0
    overlap: float = 0.0
    person_correlation: float = 0.0
    wander: float = 0.0
    days: int = 60

    def __post_init__(self) -> None:
        if not 1 <= self.before < self.waves:
            raise ValueError(
                f"before must leave a wave on either side of the improvement; found "
                f"before={self.before} of {self.waves} waves. Pass a number from 1 to waves - 1."
            )
        positive = {"answers": self.answers, "sd": self.sd, "days": self.days}
        for name, value in positive.items():
            if not 0 < value < math.inf:
                raise ValueError(f"{name} must be positive; found {value!r}.")
        if not 0 <= self.wander < math.inf:
            raise ValueError(f"wander must be 0 or more points; found {self.wander!r}.")
        for name in ("overlap", "person_correlation"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1; found {getattr(self, name)!r}.")

    @property
    def standard_error(self) -> float:
        """Error of one wave in points, apart from what all waves have in common."""
        return math.hypot(self._sampling / math.sqrt(self.answers), self.wander)

    @property
    def _sampling(self) -> float:
        """Standard deviation of one answer, apart from what its giver brings to every wave."""
        return self.sd * math.sqrt(1 - self.overlap * self.person_correlation)

    def effect_error(self, shape: Shape = "step") -> float:
        """Return the standard error of the estimated effect.

        Parameters
        ----------
        shape : {"step", "trend"}
            A step is estimated by the mean of the waves after it less the mean of those before. A
            trend goes through all waves, `before` or not; its effect is the rise from the first
            wave to the last, from the least-squares line.
        """
        return self._factor(shape) * self.standard_error

    def _factor(self, shape: Shape) -> float:
        if shape not in SHAPES:
            raise ValueError(unknown_name("shape of an effect", shape, SHAPES))
        if shape == "step":
            return math.sqrt(1 / self.before + 1 / (self.waves - self.before))
        return (self.waves - 1) / math.sqrt(self.waves * (self.waves**2 - 1) / 12)

    def power(self, effect: float, shape: Shape = "step", *, level: float = 0.95) -> float:
        """Return the probability that the two-sided test finds an effect.

        Parameters
        ----------
        effect : float
            In points of NPS; 0 gives the rate of false alarms.
        shape : {"step", "trend"}
            As in `effect_error`.
        level : float
            Confidence level.

        Examples
        --------
        >>> year = SurveyWaves(answers=400, sd=75)
        >>> round(year.power(5, "step"), 2), round(year.power(0), 2)
        (0.37, 0.05)
        """
        size, z = effect / self.effect_error(shape), normal_quantile(level)
        return float(special.ndtr(size - z) + special.ndtr(-size - z))

    def detectable_effect(
        self, shape: Shape = "step", *, power: float = 0.8, level: float = 0.95
    ) -> float:
        """Return the effect in points that is found with a given probability."""
        return self.effect_error(shape) * detection_quantile(power, level)

    def answers_needed(
        self, effect: float, shape: Shape = "step", *, power: float = 0.8, level: float = 0.95
    ) -> float:
        """Return how many answers a wave needs, rounded up, whatever `answers` is.

        Infinite where the waves wander too much for any number of answers.

        Examples
        --------
        >>> year = SurveyWaves(answers=1, sd=75)
        >>> year.answers_needed(5), year.answers_needed(5, "trend")
        (1178, 2523)
        >>> SurveyWaves(answers=1, sd=75, wander=3).answers_needed(5)
        inf
        """
        quantile = detection_quantile(power, level)
        if not 0 < abs(effect) < math.inf:
            raise ValueError(f"an effect to find must be finite and not 0; found {effect!r}.")
        allowed = (effect / (quantile * self._factor(shape))) ** 2 - self.wander**2
        return math.ceil(self._sampling**2 / allowed) if allowed > 0 else math.inf

    def detection(
        self, effect: float, shape: Shape = "step", *, level: float = 0.95
    ) -> pd.DataFrame:
        """Say when a rule finds an effect: a wave differs from the mean of those before it.

        Parameters
        ----------
        effect : float
            In points: of the step, or of the trend by the last wave (it starts after the last wave
            before the improvement).
        shape : {"step", "trend"}
            How the effect comes.
        level : float
            A wave gives an alarm where the two-sided test at this level rejects.

        Returns
        -------
        pandas.DataFrame
            Indexed by the wave after the improvement: `days` since the last wave before it,
            `alarm`, the probability of an alarm in this wave, `detected_by`, in this one or before,
            and `false_alarm_by`, the same if there is no effect.

        Notes
        -----
        All waves are compared with one baseline, whose error they share: the probabilities are
        integrals over it.

        Examples
        --------
        >>> SurveyWaves(answers=400, sd=75).detection(10).round(2)
              days  alarm  detected_by  false_alarm_by
        wave
        1       60   0.64         0.64            0.05
        2      120   0.64         0.83            0.10
        3      180   0.64         0.91            0.14
        """
        after = np.arange(1, self.waves - self.before + 1)
        sizes = effect * (after / len(after) if shape == "trend" else np.ones(len(after)))
        self._factor(shape)
        true, none = self._alarms(sizes, level), self._alarms(np.zeros(len(after)), level)
        columns = {
            "days": self.days * after,
            "alarm": true[0],
            "detected_by": true[1],
            "false_alarm_by": none[1],
        }
        return pd.DataFrame(columns, index=pd.Index(after, name="wave"))

    def _alarms(self, sizes: Array, level: float) -> tuple[Array, Array]:
        """Return the probability of an alarm in each wave, and of one until then."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        weights = weights / weights.sum()
        baseline = nodes / math.sqrt(self.before)
        limit = normal_quantile(level) * math.sqrt(1 + 1 / self.before)
        # In standard errors of a wave.
        gap = sizes[:, None] / self.standard_error - baseline
        quiet = special.ndtr(limit - gap) - special.ndtr(-limit - gap)
        return 1 - quiet @ weights, 1 - quiet.cumprod(axis=0) @ weights
