"""False alarms: how often the NPS of a stable world moves enough to be explained in a meeting."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from nps_research.answers import answers_by_group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from nps_research.scale import RatingScale
    from nps_research.survey import Survey

    type Array = NDArray[np.float64]

# A move that equals the threshold in exact arithmetic counts as an alarm, whatever the rounding.
ROUNDING = 1e-9
# Points of the normal grid in one threshold, and standard deviations that it covers.
GRID, REACH = 400, 9.0


def false_alarms(
    counts: pd.DataFrame | Survey,
    answers: int | Sequence[int],
    threshold: float | None = 5.0,
    *,
    z: float | None = None,
    comparisons: int = 4,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Compute how often waves of one and the same population differ by a threshold, exactly.

    Parameters
    ----------
    counts : pandas.DataFrame or Survey
        Count table: the shares of its detractors and promoters are those of every wave.
    answers : int or sequence of int
        Answers in each wave.
    threshold : float, optional
        Points of NPS from which a move from one wave to the next is an alarm, in either direction.
    z : float, optional
        Instead of `threshold`: standard errors of a move, such as 1.96.
    comparisons : int
        Successive comparisons: 4 are a year of quarters, each with the quarter before.
    rating_scale : RatingScale, optional
        By default that of the table, else 0-10.

    Returns
    -------
    pandas.DataFrame
        Indexed by `answers`: `threshold` in points, `one_comparison`, the probability of an alarm
        in one, and `any_of_all`, in at least one of `comparisons`.

    Raises
    ------
    ValueError
        If the table, the number of answers, threshold, z or comparisons are not usable.

    Notes
    -----
    An NPS is the sum of -1, 0 and 1 over the answers: its distribution is a convolution, and the
    chance of no alarm is found wave by wave, so that neighbouring moves, which share a wave and
    correlate by -1/2, are taken as they are. No approximation is made.

    Examples
    --------
    >>> import nps_research as npsr
    >>> false_alarms(npsr.load_counts("sfo_airport"), [100, 400, 1600]).round(3)
             threshold  one_comparison  any_of_all
    answers
    100            5.0           0.659       0.979
    400            5.0           0.340       0.760
    1600           5.0           0.052       0.172
    """
    group = answers_by_group(counts, None, rating_scale)
    shares = group.effective[0] / group.effective[0].sum()
    classes = np.array([shares @ (group.scale.nps_values == value) for value in (-1, 0, 1)])
    if (classes > 0).sum() < 2:
        raise ValueError(
            "all answers are of one class: such an NPS never moves. Give answers that differ."
        )
    _check_rule(threshold if z is None else None, z, comparisons)
    sd = 100 * math.sqrt(classes[0] + classes[2] - (classes[2] - classes[0]) ** 2)
    rows = {}
    for n in [answers] if isinstance(answers, int) else answers:
        _check_answers(n)
        limit = threshold if z is None else z * sd * math.sqrt(2 / n)
        single, together = _exact_alarms(classes, n, float(limit or 0), comparisons)
        rows[n] = {"threshold": limit, "one_comparison": single, "any_of_all": together}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("answers")
    table.attrs["comparisons"] = comparisons
    return table


def normal_false_alarms(
    standard_error: ArrayLike, threshold: float, *, comparisons: int = 4
) -> pd.DataFrame:
    """Compute how often waves of a stable level differ by a threshold, if they are normal.

    Parameters
    ----------
    standard_error : array_like
        Of one wave, in points: ``100 * sd / n ** 0.5`` for independent answers. If a share o of
        the respondents are the same people in all waves, and answers of one person correlate by r,
        what they have in common cancels: multiply by ``(1 - o * r) ** 0.5``.
    threshold, comparisons
        As in `false_alarms`.

    Returns
    -------
    pandas.DataFrame
        Indexed by `standard_error`: `one_comparison` and `any_of_all`.

    Examples
    --------
    >>> normal_false_alarms([1.8, 3.6, 7.2], 5).round(3)
                    one_comparison  any_of_all
    standard_error
    1.8                      0.050       0.166
    3.6                      0.326       0.742
    7.2                      0.623       0.969
    """
    _check_rule(threshold, None, comparisons)
    rows = {}
    for se in np.atleast_1d(np.asarray(standard_error, dtype=np.float64)).tolist():
        if not 0 < se < math.inf:
            raise ValueError(f"a standard error must be positive; found {se!r} points.")
        single = 2 * float(special.ndtr(-threshold / (se * math.sqrt(2))))
        together = 1 - _quiet_normal(threshold / se, comparisons)
        rows[se] = {"one_comparison": single, "any_of_all": together}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("standard_error")


def nps_distribution(classes: ArrayLike, answers: int) -> Array:
    """Return the exact distribution of an NPS.

    Parameters
    ----------
    classes : array_like
        Shares of detractors, passives and promoters.
    answers : int
        Independent answers.

    Returns
    -------
    numpy.ndarray, shape (2 * answers + 1,)
        Probability that promoters less detractors are -answers, ..., answers.

    Examples
    --------
    >>> nps_distribution([0.2, 0.3, 0.5], 2).round(2)
    array([0.04, 0.12, 0.29, 0.3 , 0.25])
    """
    low, middle, high = np.asarray(classes, dtype=np.float64)
    size = 2 * answers + 1
    turn = np.exp(-2j * np.pi * np.arange(size) / size)
    # Of the number of answers plus promoters less detractors, which is never negative.
    transform = (low + middle * turn + high * turn**2) ** answers
    return np.asarray(np.fft.ifft(transform).real.clip(min=0.0))


def _exact_alarms(
    classes: Array, n: int, threshold: float, comparisons: int
) -> tuple[float, float]:
    # Sums of two waves differ by less than this if there is no alarm.
    widest = math.ceil(threshold * n / 100 - ROUNDING) - 1
    wave = nps_distribution(classes, n)
    return 1 - _quiet(wave, widest, 1), 1 - _quiet(wave, widest, comparisons)


def _quiet(wave: Array, widest: int, comparisons: int) -> float:
    """Return the chance that no neighbouring waves differ by more than `widest` places."""
    quiet = wave
    for _ in range(comparisons):
        quiet = wave * _sums_within(quiet, widest)
    return float(quiet.sum())


def _quiet_normal(threshold: float, comparisons: int) -> float:
    """Return the chance that no neighbouring standard normal waves differ by a threshold."""
    step = threshold / GRID
    half = math.ceil(REACH / step)
    grid = np.arange(-half, half + 1) * step
    wave = np.exp(-(grid**2) / 2) * step / math.sqrt(2 * math.pi)
    quiet = wave
    for _ in range(comparisons):
        # The trapezoidal rule: values just at the threshold count half.
        quiet = wave * (_sums_within(quiet, GRID) + _sums_within(quiet, GRID - 1)) / 2
    return float(quiet.sum())


def _sums_within(values: Array, widest: int) -> Array:
    """Return for every place the sum of the values at most `widest` places away."""
    place = np.arange(len(values))
    total = np.append(0.0, values.cumsum())
    first, last = (place - widest).clip(min=0), (place + widest + 1).clip(max=len(values))
    return np.asarray(total[last] - total[first])


def _check_rule(threshold: float | None, z: float | None, comparisons: int) -> None:
    name, value = ("threshold", threshold) if z is None else ("z", z)
    if value is None or not 0 < value < math.inf:
        raise ValueError(f"{name} must be a positive number; found {value!r}. Pass threshold=5.")
    if comparisons < 1:
        raise ValueError(f"comparisons must be 1 or more; found {comparisons!r}.")


def _check_answers(n: int) -> None:
    if not 1 <= n <= 10**6 or n != int(n):
        raise ValueError(
            f"answers must be a whole number from 1 to 1,000,000 a wave; found {n!r}. "
            f"normal_false_alarms takes any standard error."
        )
