"""Differences between two independent samples: net promoter score and mean."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from nps_research.answers import answers_by_group, count_table
from nps_research.counts import declared_scale
from nps_research.intervals import Interval, interval, interval_kind
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import ArrayLike, NDArray

    from nps_research.answers import Answers
    from nps_research.scale import RatingScale
    from nps_research.survey import Survey

    type Array = NDArray[np.float64]

METHODS = ("wald", "adjusted_wald")


def nps_difference(
    first: pd.DataFrame | Survey,
    second: pd.DataFrame | Survey,
    method: str = "adjusted_wald",
    level: float = 0.95,
    *,
    weighted: bool = False,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Compare the net promoter scores of two independent samples.

    Parameters
    ----------
    first, second : pandas.DataFrame or Survey
        Count tables; surveys are tabulated first.
    method : {"adjusted_wald", "wald"}
        Interval method.
    level, weighted, rating_scale
        As in `nps`.

    Returns
    -------
    pandas.DataFrame
        One row: `difference` (second minus first, of the sample values), `se`, `lower` and `upper`
        in points, `z` (the difference in standard errors), the two-sided `p_value`, `n_first` and
        `n_second`. "adjusted_wald" centres the limits and `z` on the adjusted difference, as in
        `nps`. `z` is missing where `se` is 0.

    Raises
    ------
    ValueError
        As in `nps`.

    Examples
    --------
    >>> before = pd.DataFrame({"score": [3, 8, 10], "n": [342, 968, 1436]})
    >>> after = pd.DataFrame({"score": [3, 8, 10], "n": [447, 935, 1268]})
    >>> nps_difference(before, after).round(2)
         difference    se  lower  upper     z  p_value  n_first  n_second
    all       -8.86  1.96  -12.7   -5.0 -4.51      0.0     2746      2650
    """
    if method not in METHODS:
        raise ValueError(unknown_name("method", method, METHODS))
    samples = two_samples(first, second, rating_scale, weighted=weighted)
    values = 100 * samples[0].scale.nps_values
    estimates = _estimates(samples, values, method, level)
    table = _comparison(samples, estimates, math.inf, level, farthest=float(np.ptp(values)))
    table.attrs = _attributes(samples, method, level, interval_kind(method, level))
    return table


def mean_difference(
    first: pd.DataFrame | Survey,
    second: pd.DataFrame | Survey,
    level: float = 0.95,
    *,
    weighted: bool = False,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Compare the mean scores of two independent samples by Welch's t test.

    Parameters
    ----------
    first, second : pandas.DataFrame or Survey
        As in `nps_difference`, at least two answers each.
    level, weighted, rating_scale
        As in `nps`.

    Returns
    -------
    pandas.DataFrame
        As `nps_difference`, in scale points. `z` is the difference in standard errors; limits and
        `p_value` use Student's t with the degrees of freedom in ``attrs["degrees_of_freedom"]``
        (Welch 1947, "The Generalization of 'Student's' Problem when Several Different Population
        Variances Are Involved").

    Examples
    --------
    >>> before = pd.DataFrame({"score": [3, 8, 10], "n": [12, 31, 57]})
    >>> after = pd.DataFrame({"score": [3, 8, 10], "n": [5, 20, 75]})
    >>> mean_difference(before, after).round(2)
         difference    se  lower  upper     z  p_value  n_first  n_second
    all        0.71  0.28   0.16   1.26  2.55     0.01      100       100
    """
    samples = two_samples(first, second, rating_scale, weighted=weighted)
    values = samples[0].scale.scores
    estimates = _estimates(samples, values, "t", level)
    freedom = _welch_freedom(samples, estimates.se)
    table = _comparison(samples, estimates, freedom, level, farthest=float(np.ptp(values)))
    kind = f"{100 * level:g} % confidence interval, Welch's t"
    table.attrs = _attributes(samples, "t", level, kind) | {"degrees_of_freedom": freedom}
    return table


def two_samples(
    first: pd.DataFrame | Survey,
    second: pd.DataFrame | Survey,
    rating_scale: RatingScale | None,
    *,
    weighted: bool = False,
) -> list[Answers]:
    """Return the answers of two samples, one group each, on one scale.

    Raises
    ------
    ValueError
        If a table is not usable or the scales differ.
    """
    tables = [count_table(each) for each in (first, second)]
    scales = [declared_scale(table, rating_scale) for table in tables]
    if scales[0] != scales[1]:
        raise ValueError(
            f"the two tables have different scales: {scales[0]} and {scales[1]}. Recode one, or "
            "pass rating_scale= if both mean the same."
        )
    return [answers_by_group(table, None, scales[0], weighted=weighted) for table in tables]


def _estimates(samples: list[Answers], values: ArrayLike, method: str, level: float) -> Interval:
    each = [interval(values, one.effective, method, level, truncate=False) for one in samples]
    return Interval(*np.hstack(each))


def _welch_freedom(samples: list[Answers], se: Array) -> float:
    rest = np.array([each.effective.sum() - 1 for each in samples])
    total = (se**2).sum()
    return float(total**2 / (se**4 / rest).sum()) if total > 0 else math.nan


def _comparison(
    samples: list[Answers], estimates: Interval, freedom: float, level: float, *, farthest: float
) -> pd.DataFrame:
    # The middle of the limits is the adjusted estimate if the method adjusts it.
    shift = np.diff((estimates.lower + estimates.upper) / 2)
    se = np.hypot(*estimates.se)
    margin = special.stdtrit(freedom, (1 + level) / 2) * se
    z = shift / se if se > 0 else np.full(1, np.nan)
    row = {
        "difference": np.diff(estimates.estimate),
        "se": se,
        "lower": (shift - margin).clip(min=-farthest),
        "upper": (shift + margin).clip(max=farthest),
        "z": z,
        "p_value": 2 * special.stdtr(freedom, -np.abs(z)),
        "n_first": samples[0].n,
        "n_second": samples[1].n,
    }
    return pd.DataFrame(row, index=["all"])


def _attributes(
    samples: list[Answers], method: str, level: float, kind: str
) -> dict[Hashable, object]:
    unanswered = sum(each.unanswered for each in samples)
    return {"method": method, "level": level, "interval": kind, "unanswered": unanswered}
