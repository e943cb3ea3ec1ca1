"""How well a score tells those who left from those who stayed: AUC from counts, with its error.

The core for whole numbers in `nps_research.market.estimands.auc` is apart: it works on runs of the
simulated market without errors, and this package sits above it. A test keeps the two equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
from scipy import special

from nps_research.churn.outcomes import MISSING, coded_outcomes
from nps_research.counts import refuse_unknown_columns
from nps_research.intervals import normal_quantile
from nps_research.survey_files import numbers, refuse_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from nps_research.churn.outcomes import Codes

    type Array = NDArray[np.float64]

# Whether those who left are expected at the lower end of a marker (a score) or the upper (a risk).
Side = Literal["lower", "higher"]


class Placements(NamedTuple):
    """How people of each level stand among those of the other outcome, 0 to 1.

    Attributes
    ----------
    left : numpy.ndarray, shape (..., levels)
        Share of those who stayed who are above the level, ties one half.
    stayed : numpy.ndarray, shape (..., levels)
        Share of those who left who are below the level, ties one half.
    """

    left: Array
    stayed: Array


def placements(left: ArrayLike, stayed: ArrayLike) -> Placements:
    """Place people of each level among those of the other outcome.

    Parameters
    ----------
    left, stayed : array_like, shape (..., levels)
        How many left and stayed, lowest level first.

    Returns
    -------
    Placements
        NaN where nobody left or nobody stayed.

    Notes
    -----
    DeLong, DeLong and Clarke-Pearson 1988, "Comparing the Areas under Two or More Correlated
    Receiver Operating Characteristic Curves: A Nonparametric Approach": the structural components.

    Examples
    --------
    >>> placements([3, 1, 0], [0, 5, 5]).left
    array([1.  , 0.75, 0.25])
    """
    gone, there = np.asarray(left, dtype=float), np.asarray(stayed, dtype=float)
    below = gone.cumsum(axis=-1) - gone / 2
    above = there.sum(axis=-1, keepdims=True) - there.cumsum(axis=-1) + there / 2
    totals = [each.sum(axis=-1, keepdims=True) for each in (there, gone)]
    with np.errstate(invalid="ignore"):
        return Placements(above / totals[0], below / totals[1])


def auc_and_se(left: ArrayLike, stayed: ArrayLike) -> tuple[Array, Array]:
    """Return the probability that one who left stands below one who stayed, and its standard error.

    Parameters
    ----------
    left, stayed : array_like, shape (..., levels)
        How many left and stayed, lowest level first.

    Returns
    -------
    auc, se : numpy.ndarray, shape (...)
        Equal levels count one half. DeLong's standard error, NaN with fewer than two people of
        either outcome.

    Examples
    --------
    >>> [each.round(4) for each in auc_and_se([3, 1, 0], [0, 5, 5])]
    [np.float64(0.9375), np.float64(0.0659)]
    """
    sizes = [np.asarray(each, dtype=float) for each in (left, stayed)]
    placed = placements(*sizes)
    moments = [_moments(each, size) for each, size in zip(placed, sizes, strict=True)]
    return moments[0][0], np.sqrt(moments[0][1] + moments[1][1])


def auc(
    table: pd.DataFrame,
    markers: str | Sequence[str] = "score",
    outcome: str = "churned",
    *,
    outcomes: Codes | None = None,
    side: Side = "lower",
    level: float = 0.95,
) -> pd.DataFrame:
    """Measure how well markers tell those who left from those who stayed.

    Parameters
    ----------
    table : pandas.DataFrame
        Count table with markers (numbers), the outcome and `n`; without `n`, one row a person.
        Rows without a marker or with an outcome that is declared unknown take no part.
    markers : str or sequence of str
        Columns, such as the score. Rows that lack one of them are left out for all.
    outcome, outcomes
        Column that says who left, and its codes, as in `coded_outcomes`.
    side : {"lower", "higher"}
        Where those who left are expected: "lower" for a score, "higher" for a predicted risk.
    level : float
        Confidence level.

    Returns
    -------
    pandas.DataFrame
        One row a marker: `auc`, the probability that one who left stands on that side of one who
        stayed, with ties counted half; `se` (DeLong), `lower` and `upper` (normal on the logit
        scale; missing where `se` is 0 or unknown), `left` and `stayed`, the numbers of people.

    Raises
    ------
    ValueError
        If a column is unknown, a code or number unusable, or nobody left or nobody stayed.

    Notes
    -----
    DeLong, DeLong and Clarke-Pearson 1988, "Comparing the Areas under Two or More Correlated
    Receiver Operating Characteristic Curves: A Nonparametric Approach"; for the logit scale Qin
    and Hotilovac 2008, "Comparison of Non-Parametric Confidence Intervals for the Area under the
    ROC Curve of a Continuous-Scale Diagnostic Test".

    Examples
    --------
    >>> import nps_research as npsr
    >>> codes = {"yes": 1, "no": 0, "unknown": None}
    >>> auc(npsr.load_counts("r_community"), "score", "lapsed", outcomes=codes).round(3)
              auc     se  lower  upper  left  stayed
    marker
    score   0.851  0.026  0.792  0.896    56    5777
    """
    names = [markers] if isinstance(markers, str) else list(markers)
    people = _people(table, names, outcome, outcomes, side)
    table_of = [_row(people, each, level) for each in range(len(names))]
    result = pd.DataFrame(table_of, index=pd.Index(names, name="marker"))
    kind = f"{100 * level:g} % confidence interval, DeLong on the logit scale"
    result.attrs = {"interval": kind, "level": level, "dropped": people.dropped}
    return result


def auc_difference(
    table: pd.DataFrame,
    first: str,
    second: str,
    outcome: str = "churned",
    *,
    outcomes: Codes | None = None,
    side: Side = "lower",
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare two markers of the same people.

    Parameters
    ----------
    table, outcome, outcomes, side, level
        As in `auc`.
    first, second : str
        The markers.

    Returns
    -------
    pandas.DataFrame
        One row: `auc_first`, `auc_second`, `difference` (second minus first), its `se` (DeLong, for
        the same people), `lower`, `upper` (normal), `z`, the two-sided `p_value`, `left` and
        `stayed`. `z` is missing where `se` is 0.

    Examples
    --------
    >>> import nps_research as npsr
    >>> counts = npsr.load_counts("r_community")
    >>> bins = counts.assign(bins=pd.cut(counts["score"], [0, 6, 8, 10], labels=False))
    >>> codes = {"yes": 1, "no": 0, "unknown": None}
    >>> auc_difference(bins, "bins", "score", "lapsed", outcomes=codes).round(3).T["score - bins"]
    auc_first        0.811
    auc_second       0.851
    difference       0.040
    se               0.015
    lower            0.011
    upper            0.069
    z                2.734
    p_value          0.006
    left            56.000
    stayed        5777.000
    Name: score - bins, dtype: float64
    """
    people = _people(table, [first, second], outcome, outcomes, side)
    areas, covariance = _areas(people)
    difference = float(areas[1] - areas[0])
    se = float(np.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0)))
    margin = normal_quantile(level) * se
    z = difference / se if se > 0 else np.nan
    row = {
        "auc_first": areas[0],
        "auc_second": areas[1],
        "difference": difference,
        "se": se,
        "lower": max(difference - margin, -1.0),
        "upper": min(difference + margin, 1.0),
        "z": z,
        "p_value": 2 * special.ndtr(-abs(z)),
        "left": int(people.left.sum()),
        "stayed": int(people.stayed.sum()),
    }
    result = pd.DataFrame([row], index=[f"{second} - {first}"])
    kind = f"{100 * level:g} % confidence interval, DeLong for paired areas"
    result.attrs = {"interval": kind, "level": level, "dropped": people.dropped}
    return result


class _People(NamedTuple):
    """People by row: their placements by marker, shape (rows, markers), and how many there are."""

    left: Array
    stayed: Array
    placed: Placements
    dropped: int


def _people(
    table: pd.DataFrame, markers: list[str], outcome: str, outcomes: Codes | None, side: Side
) -> _People:
    if side not in get_args(Side):
        raise ValueError(f"side must be one of {get_args(Side)}; found {side!r}.")
    refuse_unknown_columns([*markers, outcome], table.columns)
    came = coded_outcomes(table[outcome], outcomes).to_numpy()
    n = _sizes(table)
    values = np.column_stack([_marker(table[name]) for name in markers])
    used = (came != MISSING) & ~np.isnan(values).any(axis=1)
    came, kept = came[used], n[used]
    left, stayed = kept * (came == 1), kept * (came == 0)
    _check_both(left, stayed, outcome)
    sign = 1.0 if side == "lower" else -1.0
    placed = [_placed(sign * column, left, stayed) for column in values[used].T]
    by_row = Placements(*(np.column_stack(part) for part in zip(*placed, strict=True)))
    return _People(left, stayed, by_row, int(n[~used].sum()))


def _marker(cells: pd.Series) -> Array:
    values = numbers(cells)
    wrong = (values.isna() & cells.notna()) | np.isinf(values)
    fix = "Recode the column, or make the cells missing (pd.NA)."
    refuse_rows(cells, wrong.to_numpy(dtype=bool), f"{cells.name} must hold finite numbers", fix)
    return values.to_numpy()


def _sizes(table: pd.DataFrame) -> Array:
    if "n" not in table:
        return np.ones(len(table))
    values = numbers(table["n"])
    wrong = ~((values >= 0) & (values % 1 == 0))
    rule = "n must hold whole numbers of people, 0 or more"
    refuse_rows(table["n"], wrong.to_numpy(dtype=bool), rule, "Correct the counts.")
    return values.to_numpy()


def _check_both(left: Array, stayed: Array, outcome: str) -> None:
    for people, what in ((left, "left"), (stayed, "stayed")):
        if people.sum() == 0:
            raise ValueError(
                f"{outcome!r} says that nobody {what} among {int(left.sum() + stayed.sum()):,} "
                f"people with all markers, so there is nothing to tell apart. Check outcomes=."
            )


def _placed(values: Array, left: Array, stayed: Array) -> tuple[Array, Array]:
    """Return the placements of every row among those who left and among those who stayed."""
    levels, level = np.unique(values, return_inverse=True)
    sizes = [np.bincount(level, each, len(levels)) for each in (left, stayed)]
    placed = placements(*sizes)
    return placed.left[level], placed.stayed[level]


def _moments(placed: Array, n: Array) -> tuple[Array, Array]:
    """Return the mean of placements over people, and its variance."""
    total = n.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (n * placed).sum(axis=-1) / total
        square = (n * (placed - mean[..., None]) ** 2).sum(axis=-1)
        variance = square / ((total - 1) * total)
    return np.asarray(mean), np.where(total > 1, variance, np.nan)


def _areas(people: _People) -> tuple[Array, Array]:
    """Return the area of every marker, and DeLong's covariance matrix of them."""
    areas = people.left @ people.placed.left / people.left.sum()
    covariance = np.zeros((len(areas), len(areas)))
    for placed, n in zip(people.placed, (people.left, people.stayed), strict=True):
        total = n.sum()
        deviation = placed - areas
        scale = total * (total - 1) if total > 1 else np.nan
        covariance += (n[:, None] * deviation).T @ deviation / scale
    return areas, covariance


def _row(people: _People, marker: int, level: float) -> dict[str, float]:
    areas, covariance = _areas(people)
    area, se = float(areas[marker]), float(np.sqrt(covariance[marker, marker]))
    lower, upper = _logit_limits(area, se, level)
    row = {"auc": area, "se": se, "lower": lower, "upper": upper}
    return row | {"left": int(people.left.sum()), "stayed": int(people.stayed.sum())}


def _logit_limits(area: float, se: float, level: float) -> tuple[float, float]:
    """Return limits that are symmetric on the logit scale, where the area is far from normal."""
    if not se > 0 or not 0 < area < 1:
        return np.nan, np.nan
    margin = normal_quantile(level) * se / (area * (1 - area))
    lower, upper = special.expit(special.logit(area) + np.array([-margin, margin]))
    return float(lower), float(upper)
