"""The order in which customers went through bands of scores, and who left afterwards."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from nps_research.churn.trajectories import Windows
from nps_research.intervals import interval, interval_kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nps_research.churn.trajectories import Trajectories
    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]
    type Integers = NDArray[np.int64]
    type Band = tuple[int, int]

# Delighted, then disappointed, then angry: the order that is said to foretell loss.
FALLING: tuple[Band, ...] = ((9, 10), (4, 6), (1, 2))


def orders(
    paths: Trajectories,
    bands: Sequence[Band] = FALLING,
    *,
    horizon: int,
    level: float = 0.95,
) -> pd.DataFrame:
    """Count the orders in which customers went through bands of scores, and who left afterwards.

    Parameters
    ----------
    paths : Trajectories
        Who answered what when.
    bands : sequence of (int, int)
        Lowest and highest score of each band, in the order that is said to foretell leaving.
    horizon : int
        Time after the last answer of a window within which leaving counts, the time of that answer
        being the first. With a horizon up to the least time between two answers, windows of one
        customer do not overlap and the intervals of the risk are those of separate people.
    level : float
        Mass of the intervals.

    Returns
    -------
    pandas.DataFrame
        One row an order of the bands, that of `bands` first. Among those who left, whose last
        answers went through all bands once: `left`, how many in this order; `expected`, how many
        if their scores were shuffled in time, exactly; the two-sided `p_value` of that. Among all
        windows in this order that can be followed: `windows`, `risk` of leaving, `lower`, `upper`.

    Raises
    ------
    ValueError
        If bands overlap or are outside the scale, or nobody has as many answers as there are bands.

    Examples
    --------
    >>> from nps_research.churn.trajectories import trajectories
    >>> panel = pd.DataFrame({"customer": [0, 0, 1, 1], "month": [0, 1, 0, 1]})
    >>> panel = panel.assign(score=[9, 2, 3, 10], left=[1, 1, None, None])
    >>> orders(trajectories(panel), [(9, 10), (0, 6)], horizon=1)[["left", "expected", "windows"]]
                left  expected  windows
    order
    9-10, 0-6      1       0.5        1
    0-6, 9-10      0       0.5        1
    """
    _check_bands(bands, paths.scale)
    number = len(bands)
    windows = Windows.of(paths, number)
    code = _codes(windows.scores[:, ::-1], bands)
    last = windows.is_left & paths.is_last[windows.anchor]
    followed = windows.time + horizon - 1 <= paths.until
    soon = np.nan_to_num(windows.to_leaving[:, 0], nan=np.inf) < horizon
    permutations = list(itertools.permutations(range(number)))
    keys = [_code(order, number) for order in permutations]
    left, at_risk, lost = (
        np.array([int((chosen & (code == key)).sum()) for key in keys])
        for chosen in (last, followed, followed & soon)
    )
    total = int(left.sum())
    risk = interval([0.0, 1.0], np.column_stack([at_risk - lost, lost]), "dirichlet", level)
    names = [", ".join(f"{bands[each][0]}-{bands[each][1]}" for each in p) for p in permutations]
    table = pd.DataFrame(
        {
            "left": left,
            "expected": total / len(keys),
            "p_value": [_binomial_p(each, total, 1 / len(keys)) for each in left],
            "windows": at_risk,
            "risk": risk.estimate,
            "lower": risk.lower,
            "upper": risk.upper,
        },
        index=pd.Index(names, name="order"),
    )
    table.attrs = {"interval": interval_kind("dirichlet", level), "horizon": horizon}
    return table


def _check_bands(bands: Sequence[Band], scale: RatingScale) -> None:
    for low, high in bands:
        if not scale.minimum <= low <= high <= scale.maximum:
            raise ValueError(
                f"a band lies between {scale.minimum} and {scale.maximum}, its lowest score first; "
                f"found {low} to {high}."
            )
    for (_, high), (low, _) in itertools.pairwise(sorted(bands)):
        if low <= high:
            raise ValueError(f"bands must not share a score; found {low} in two of them.")


def _codes(scores: Array, bands: Sequence[Band]) -> Integers:
    """Return the bands of scores (windows, answers) as one number, -1 outside the bands."""
    band = np.full(scores.shape, -1)
    for number, (low, high) in enumerate(bands):
        band[(scores >= low) & (scores <= high)] = number
    outside = (band < 0).any(axis=1)
    return np.where(outside, -1, band @ len(bands) ** np.arange(scores.shape[1]))


def _code(order: Sequence[int], number: int) -> int:
    return sum(band * number**place for place, band in enumerate(order))


def _binomial_p(found: int, total: int, share: float) -> float:
    return float(stats.binomtest(found, total, share).pvalue) if total else float("nan")
