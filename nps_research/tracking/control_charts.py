"""Rules that watch the raw NPS of waves and raise an alarm: control charts and thumb rules.

The first waves are the baseline. Their answers give the centre line and the spread of one answer;
a wave's distance from the centre is measured in its own standard error, that of the baseline
included. Rules turn the waves so far into one number, which raises an alarm from a limit on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from nps_research.answers import answers_by_group
from nps_research.tracking.wave_times import wave_times
from nps_research.views import viewed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.scale import RatingScale
    from nps_research.survey import Survey

    type Array = NDArray[np.float64]

# Waves on one side of the centre that Western Electric take for a change.
RUN_LENGTH = 8


@viewed
@dataclass(frozen=True, eq=False)
class WaveRecords:
    """The answers of waves, of one survey or of many replicates of it.

    Attributes
    ----------
    answers : numpy.ndarray, shape (replicates, waves, categories)
        Answers.
    rating_scale : RatingScale
        Scale of the scores.
    baseline : int
        Waves that define the centre, the first ones.
    """

    answers: Array
    rating_scale: RatingScale
    baseline: int

    @cached_property
    def n(self) -> Array:
        """Answers in each wave, shape (replicates, waves)."""
        return np.asarray(self.answers.sum(axis=2))

    @cached_property
    def nps(self) -> Array:
        """Raw NPS in points, shape (replicates, waves), missing without answers."""
        total = self.answers @ (100.0 * self.rating_scale.nps_values)
        return np.asarray(
            np.divide(total, self.n, out=np.full(total.shape, np.nan), where=self.n > 0)
        )

    @cached_property
    def centre(self) -> Array:
        """NPS of all answers of the baseline, shape (replicates,)."""
        return self._baseline_moments[0]

    @cached_property
    def spread(self) -> Array:
        """Standard deviation of one answer of the baseline in points, shape (replicates,)."""
        return self._baseline_moments[1]

    @cached_property
    def z(self) -> Array:
        """Distance of each wave's NPS from the centre in standard errors, 0 without answers."""
        return self._in_errors(self.nps - self.centre[:, None], self._errors_of_baseline[:, None])

    @cached_property
    def steps(self) -> Array:
        """Change of the NPS from the last wave with answers, in points; 0 without answers."""
        return np.nan_to_num(self.nps - _before(self.nps))

    @cached_property
    def step_z(self) -> Array:
        """The same in standard errors."""
        inverse_n = np.divide(1.0, self.n, out=np.full(self.n.shape, np.nan), where=self.n > 0)
        return self._in_errors(self.nps - _before(self.nps), _before(inverse_n))

    @cached_property
    def _errors_of_baseline(self) -> Array:
        return np.asarray(1.0 / self.n[:, : self.baseline].sum(axis=1))

    @cached_property
    def _baseline_moments(self) -> tuple[Array, Array]:
        answers = self.answers[:, : self.baseline].sum(axis=1)
        values = 100.0 * self.rating_scale.nps_values
        shares = answers / answers.sum(axis=1, keepdims=True)
        centre = shares @ values
        return centre, np.sqrt((shares * (values - centre[:, None]) ** 2).sum(axis=1))

    def _in_errors(self, distance: Array, other_inverse_n: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = self.spread[:, None] * np.sqrt(1.0 / self.n + other_inverse_n)
            return np.nan_to_num(distance / errors, posinf=np.inf, neginf=-np.inf)


class Rule(Protocol):
    """A number for every wave, from the waves up to it, and the limit from which it alarms."""

    @property
    def limit(self) -> float:
        """Smallest statistic that raises an alarm."""

    def statistic(self, records: WaveRecords) -> Array:
        """Return the number, shape (replicates, waves); what it says of the baseline is unused."""


@dataclass(frozen=True)
class Shewhart:
    """Alarm when a wave is too far from the centre.

    Parameters
    ----------
    limit : float
        Distance in standard errors (Shewhart 1931, "Economic Control of Quality of Manufactured
        Product", with 3).
    """

    limit: float = 3.0

    def statistic(self, records: WaveRecords) -> Array:
        """Return the distance from the centre in standard errors."""
        return np.abs(records.z)


@dataclass(frozen=True)
class Move:
    """Alarm when the NPS has moved by so many points since the last wave.

    Parameters
    ----------
    limit : float
        Points.
    """

    limit: float = 5.0

    def statistic(self, records: WaveRecords) -> Array:
        """Return the move in points, whatever the number of answers."""
        return np.abs(records.steps)


@dataclass(frozen=True)
class SignificantMove:
    """Alarm when the NPS differs significantly from that of the last wave.

    Parameters
    ----------
    limit : float
        Standard errors of the difference; 1.96 is the two-sided 5 % level.
    """

    limit: float = 1.96

    def statistic(self, records: WaveRecords) -> Array:
        """Return the move in standard errors."""
        return np.abs(records.step_z)


@dataclass(frozen=True)
class WesternElectric:
    """Alarm by the four run rules of Western Electric 1956, "Statistical Quality Control Handbook".

    One wave beyond 3 standard errors, two of three beyond 2, four of five beyond 1, or eight in
    succession, all on the same side of the centre.

    Parameters
    ----------
    limit : float
        Factor of the three distances.
    """

    limit: float = 1.0

    def statistic(self, records: WaveRecords) -> Array:
        """Return the factor at which some rule just raises an alarm, infinite after eight."""
        z = _monitored(records, records.z)
        return np.maximum(_runs(z), _runs(-z))


@dataclass(frozen=True)
class Cusum:
    """Alarm when what exceeds an allowance has added up: two one-sided cumulative sums.

    Parameters
    ----------
    limit : float
        Sum in standard errors that raises an alarm (Page 1954, "Continuous Inspection Schemes").
        The default gives a false alarm in 370 waves, as often as a Shewhart chart.
    allowance : float
        Standard errors taken off in every wave: half the shift that matters most.
    """

    limit: float = 4.775
    allowance: float = 0.5

    def statistic(self, records: WaveRecords) -> Array:
        """Return the larger of the two sums."""
        z = _monitored(records, records.z)
        sums = np.zeros((2, len(z)))
        found = np.zeros(z.shape)
        for wave in range(z.shape[1]):
            answered = records.n[:, wave] > 0
            grown = sums + np.stack([z[:, wave], -z[:, wave]]) - self.allowance
            sums = np.where(answered & (wave >= records.baseline), grown.clip(min=0.0), sums)
            found[:, wave] = sums.max(axis=0)
        return found


@dataclass(frozen=True)
class Ewma:
    """Alarm when an exponentially weighted mean of the waves is too far from the centre.

    Parameters
    ----------
    limit : float
        Standard deviations of the weighted mean (Roberts 1959, "Control Chart Tests Based on
        Geometric Moving Averages"). The default gives a false alarm in 370 waves.
    weight : float
        Weight of the newest wave, above 0 and up to 1.
    """

    limit: float = 2.859
    weight: float = 0.2

    def statistic(self, records: WaveRecords) -> Array:
        """Return the weighted mean's distance from the centre in its standard deviation."""
        z = _monitored(records, records.z)
        mean, variance = np.zeros(len(z)), np.zeros(len(z))
        found = np.zeros(z.shape)
        for wave in range(records.baseline, z.shape[1]):
            new = np.where(records.n[:, wave] > 0, self.weight, 0.0)
            mean = (1.0 - new) * mean + new * z[:, wave]
            variance = (1.0 - new) ** 2 * variance + new**2
            with np.errstate(invalid="ignore"):
                found[:, wave] = np.nan_to_num(np.abs(mean) / np.sqrt(variance))
        return found


RULES: dict[str, Rule] = {
    "move of 5 points": Move(),
    "significant move": SignificantMove(),
    "Shewhart": Shewhart(),
    "Western Electric": WesternElectric(),
    "CUSUM": Cusum(),
    "EWMA": Ewma(),
}


def control_chart(
    counts: pd.DataFrame | Survey,
    wave: str,
    rules: dict[str, Rule] | None = None,
    *,
    baseline: int = 4,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Apply rules to the raw NPS of a survey's waves.

    Parameters
    ----------
    counts : pandas.DataFrame or Survey
        Count table with the column `wave`.
    wave : str
        Column with the waves, as in `WaveModel`.
    rules : dict of str to Rule, optional
        Name and rule; `RULES` by default.
    baseline : int
        Waves that define the centre, the first ones; they raise no alarms.
    rating_scale : RatingScale, optional
        By default the scale that the table carries, else 0-10.

    Returns
    -------
    pandas.DataFrame
        One row a wave, in order of time: `nps`, `n`, `centre`, `z` (the distance from the centre
        in standard errors) and one column a rule, true where it raises an alarm. Rules do not
        start anew after an alarm.

    Raises
    ------
    ValueError
        If the table or a wave's label cannot be used, or the baseline has no answers, or all of
        them are of one class, or no wave follows it.

    Examples
    --------
    >>> counts = pd.DataFrame(
    ...     {"wave": np.repeat(range(4), 2), "score": [3, 9] * 4, "n": [30, 50] * 3 + [10, 70]}
    ... )
    >>> control_chart(counts, "wave", {"Shewhart": Shewhart()}, baseline=2).round(2)
           nps   n  centre     z  Shewhart
    wave
    0     25.0  80    25.0  0.00     False
    1     25.0  80    25.0  0.00     False
    2     25.0  80    25.0  0.00     False
    3     75.0  80    25.0  3.77      True
    """
    found = answers_by_group(counts, wave, rating_scale)
    order = np.argsort(wave_times(found.groups)[0])
    records = records_of(found.effective[order][None], found.scale, baseline)
    columns = {name: alarms(rule, records)[0] for name, rule in (rules or RULES).items()}
    table = pd.DataFrame({"nps": records.nps[0], "n": found.n[order]}, index=found.groups[order])
    table["centre"], table["z"] = records.centre[0], records.z[0]
    return table.assign(**columns)


def records_of(answers: Array, rating_scale: RatingScale, baseline: int) -> WaveRecords:
    """Return the records of waves, if rules can use them.

    Parameters
    ----------
    answers, rating_scale, baseline
        As in `WaveRecords`.

    Raises
    ------
    ValueError
        If the baseline is no number of waves, or a replicate's has no answers or no spread.
    """
    waves = answers.shape[1]
    if isinstance(baseline, bool) or int(baseline) != baseline or not 1 <= baseline < waves:
        raise ValueError(
            f"baseline must be a number of waves that leaves one to watch: from 1 to {waves - 1}; "
            f"found {baseline!r}."
        )
    records = WaveRecords(answers, rating_scale, int(baseline))
    spent = answers[:, :baseline].sum(axis=(1, 2))
    if not spent.all():
        raise ValueError(f"nobody answered in the first {baseline} waves. Take a longer baseline.")
    flat = np.flatnonzero(records.spread == 0)
    if len(flat):
        raise ValueError(
            f"all {spent[flat[0]]:,.0f} answers of the first {baseline} waves are of one class: an "
            f"NPS of {records.centre[flat[0]]:g}. There is no spread to measure distances in. Take "
            "a longer baseline."
        )
    return records


def alarms(rule: Rule, records: WaveRecords) -> NDArray[np.bool_]:
    """Return where a rule raises an alarm, shape (replicates, waves); never in the baseline."""
    # Differences of shares are rounded: a move of 5 points must not come out as a little less.
    raised = rule.statistic(records) >= rule.limit - 1e-9
    raised[:, : records.baseline] = False
    return raised


def _monitored(records: WaveRecords, z: Array) -> Array:
    """Return distances with those of the baseline at 0: rules begin after it."""
    after = np.arange(z.shape[1]) >= records.baseline
    return np.where(after, z, 0.0)


def _runs(z: Array) -> Array:
    """Return the factor of Western Electric's zones that the waves above the centre reach."""
    found = z / 3.0
    for window, beyond, distance in ((3, 2, 2.0), (5, 4, 1.0)):
        padded = np.pad(z, ((0, 0), (window - 1, 0)))
        views = np.lib.stride_tricks.sliding_window_view(padded, window, axis=1)
        found = np.maximum(found, np.sort(views, axis=2)[..., -beyond] / distance)
    padded = np.pad(z, ((0, 0), (RUN_LENGTH - 1, 0)))
    views = np.lib.stride_tricks.sliding_window_view(padded, RUN_LENGTH, axis=1)
    return np.where((views > 0).all(axis=2), np.inf, found)


def _before(values: Array) -> Array:
    """Return, for every wave, the value of the last wave before it that has one."""
    filled = pd.DataFrame(values.T).ffill().shift().to_numpy().T
    return np.asarray(filled)
