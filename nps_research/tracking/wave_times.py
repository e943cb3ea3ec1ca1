"""When the waves of a survey were: from labels to times."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nps_research.survey_files import numbers, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]
    type Unit = float | str | pd.Timedelta | None

# Texts that name a month, a day or a quarter, and nothing else.
DATED = re.compile(r"\d{4}-\d{2}(-\d{2})?|\d{4}-?Q[1-4]")


def wave_times(labels: pd.Index, unit: Unit = None) -> tuple[Array, float]:
    """Return the times of waves in units, and the unit.

    Parameters
    ----------
    labels : pandas.Index
        Numbers, texts that hold numbers, dates, periods, texts such as ``2026-01``, ``2026-01-31``
        or ``2026Q1``, or an ordered categorical, whose declared levels are equally far apart.
    unit : float, str or pandas.Timedelta, optional
        Length of a unit of time: a number for waves with numbers, days or a `Timedelta` for dates.
        By default the median gap between neighbouring waves, or 1 with a single wave.

    Returns
    -------
    tuple of numpy.ndarray and float
        Times in the order of the labels, and the length of the unit (in days for dates).

    Raises
    ------
    ValueError
        If a label is missing, says no time, or two say the same, or the unit is not positive.

    Examples
    --------
    >>> times, unit = wave_times(pd.Index(["2025Q1", "2025Q2", "2026Q1"]))
    >>> np.diff(times), unit
    (array([0.5, 1.5]), 2.0)
    >>> wave_times(pd.Index([1, 2, 5]), unit=1)
    (array([1., 2., 5.]), 1.0)
    """
    if labels.isna().any():
        raise ValueError(
            "every wave needs a label; found a missing one. Leave rows without a wave out, as in "
            "counts.dropna(subset=[wave])."
        )
    raw = _raw_times(labels)
    gaps = np.diff(np.sort(raw))
    if (gaps == 0).any():
        same = labels[raw == np.sort(raw)[:-1][gaps == 0][0]]
        raise ValueError(
            f"two waves are of the same time: {shown(same[0])} and {shown(same[1])}. Give them one "
            "label."
        )
    length = _length(unit, gaps, dates=_is_date(labels))
    return raw / length, length


def _is_date(labels: pd.Index) -> bool:
    return bool(pd.api.types.is_datetime64_any_dtype(labels))


def _raw_times(labels: pd.Index) -> Array:
    if _is_date(labels):
        days = (pd.DatetimeIndex(labels) - labels.min()) / pd.Timedelta(days=1)
        return np.asarray(days, dtype=float)
    if isinstance(labels.dtype, pd.PeriodDtype):
        return np.array([period.ordinal for period in labels], dtype=float)
    said = numbers(pd.Series(labels.to_numpy(dtype=object)))
    if np.isfinite(said).all():
        return said.to_numpy()
    if isinstance(labels, pd.CategoricalIndex) and labels.ordered:
        return labels.codes.astype(float)
    return _period_ordinals(labels)


def _period_ordinals(labels: pd.Index) -> Array:
    periods: list[Any] = []
    for label in labels:
        if not isinstance(label, str) or not DATED.fullmatch(label):
            raise ValueError(
                f"a wave's label must say when it was; found {shown(label)}. Use numbers, dates, "
                "texts such as 2026Q1 or 2026-01, or an ordered categorical of equally spaced "
                "waves."
            )
        periods.append(pd.Period(label))
    kinds = {period.freqstr for period in periods}
    if len(kinds) > 1:
        raise ValueError(
            f"labels of waves must be all of one kind; found {shown(labels[0])} beside others of "
            f"another length ({', '.join(sorted(kinds))}). Use dates throughout."
        )
    return np.array([period.ordinal for period in periods], dtype=float)


def _length(unit: Unit, gaps: Array, *, dates: bool) -> float:
    if unit is None:
        return float(np.median(gaps)) if len(gaps) else 1.0
    try:
        days = dates and not isinstance(unit, (int, float))
        length = pd.Timedelta(unit) / pd.Timedelta(days=1) if days else float(unit)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ValueError(_unit_rule(unit)) from error
    if not 0.0 < length < np.inf:
        raise ValueError(_unit_rule(unit))
    return float(length)


def _unit_rule(unit: Unit) -> str:
    return (
        f"unit must be a positive length of time: a number for waves with numbers, days or a text "
        f"such as '30 days' for dates; found {unit!r}."
    )
