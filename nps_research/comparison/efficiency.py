"""How many answers a metric needs to notice a shift of the scores, and which needs fewest.

For two equal groups of n and a small shift of size t, the difference of a metric is t times its
slope, and its efficacy is that slope over the standard deviation of one answer: the power depends
on t * efficacy * sqrt(n / 2) only. The ratio of two squared efficacies is the ratio of the answers
needed (Pitman's relative efficiency: Noether 1955, "On a Theorem of Pitman").
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from nps_research.answers import answers_by_group
from nps_research.comparison.shifts import KINDS, Shift, share_slopes, shifted
from nps_research.intervals import normal_quantile
from nps_research.planning import check_power

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from nps_research.comparison.shifts import Kind
    from nps_research.scale import RatingScale
    from nps_research.survey import Survey

    type Array = NDArray[np.float64]

# A slope this small is rounding: the metric does not see the shift.
NO_SLOPE = 1e-12


class Effect(NamedTuple):
    """How a statistic sees two distributions.

    Attributes
    ----------
    difference : float
        Second less first: points of NPS, points of the scale, shares; for Wilcoxon's statistic the
        probability that an answer of the second group is the higher, ties half, less one half.
    sd : float
        Standard deviation of the difference, times the root of the answers in each group.
    null_sd : float
        The same if the test takes both groups for alike.
    """

    difference: float
    sd: float
    null_sd: float


def metric_values(scale: RatingScale) -> dict[str, Array]:
    """Return the value of every score in metrics that are means of such values.

    Examples
    --------
    >>> from nps_research.scale import RatingScale
    >>> metric_values(RatingScale(1, 5))["top_box"]
    array([0., 0., 0., 0., 1.])
    """
    nps = scale.nps_values
    return {
        "nps": 100 * nps,
        "mean_score": scale.scores.astype(np.float64),
        "top_box": (nps > 0).astype(np.float64),
        "bottom_box": (nps < 0).astype(np.float64),
    }


def efficacies(
    counts: pd.DataFrame | Survey,
    shifts: Sequence[Shift | Kind] = KINDS,
    *,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Compare how well metrics see small shifts of a distribution of scores.

    Parameters
    ----------
    counts : pandas.DataFrame or Survey
        Count table: its answers are the distribution that is shifted.
    shifts : sequence of Shift or str
        By default all four kinds, of logistic opinions.
    rating_scale : RatingScale, optional
        By default that of the table, else 0-10.

    Returns
    -------
    pandas.DataFrame
        Indexed by `shift` and `statistic`. `efficacy`: change of the statistic for one latent unit,
        in standard deviations of one answer. `efficiency`: answers that the best possible test
        needs for one answer of this statistic (0 to 1). `nps_answers`: answers that NPS needs for
        one of this statistic, infinite where NPS does not see the shift at all.

        The statistics are `nps`, `mean_score`, `top_box` (promoters), `bottom_box` (detractors),
        `wilcoxon`, which compares the ranks of answers, and `best`, the likelihood ratio of a test
        that knows the kind of shift.

    Raises
    ------
    ValueError
        If the table is not usable, all answers are the same, or a shift does not move them.

    Notes
    -----
    `wilcoxon` is also the ordinal (proportional-odds) model: its efficient score for a difference
    between two groups, with the cutpoints as nuisance parameters, is the rank of an answer
    (McCullagh 1980, "Regression Models for Ordinal Data"). The model assumes a location shift of
    logistic opinions; there it is the `best` test, elsewhere it may lose to any of the others.

    Examples
    --------
    >>> import nps_research as npsr
    >>> table = efficacies(npsr.load_counts("sfo_airport"), ["location"])
    >>> table["nps_answers"].round(2).to_dict()[("location", "mean_score")]
    0.99
    """
    shares, scale = _shares(counts, rating_scale)
    tables = {_name(shift): _efficacies(shares, shift, scale) for shift in shifts}
    table = pd.concat(tables, names=["shift", "statistic"])
    table.attrs["rating_scale"] = scale
    return table


def efficiency_by_place(
    counts: pd.DataFrame | Survey,
    shift: Shift | Kind,
    places: ArrayLike,
    *,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Compare metrics along the scale: where most answer 10, and where most answer 0.

    Parameters
    ----------
    counts, rating_scale
        As in `efficacies`.
    shift : Shift or str
        The small shift to be noticed.
    places : array_like
        Latent sizes of the location shift that moves the whole distribution beforehand.

    Returns
    -------
    pandas.DataFrame
        Indexed by `place` and `statistic`: `nps` (of the moved distribution, in points), and the
        columns of `efficacies`.

    Examples
    --------
    >>> import nps_research as npsr
    >>> table = efficiency_by_place(npsr.load_counts("sfo_airport"), "location", [-2, 0])
    >>> table.xs("mean_score", level="statistic")[["nps", "nps_answers"]].round(2)
             nps  nps_answers
    place
    -2.0  -43.89         1.19
     0.0   35.49         0.99
    """
    shares, scale = _shares(counts, rating_scale)
    how = shift if isinstance(shift, Shift) else Shift(shift)
    tables: dict[float, pd.DataFrame] = {}
    for place in np.asarray(places, dtype=np.float64).tolist():
        moved = shifted(shares, Shift("location", how.link), place, scale)
        found = _efficacies(moved, how, scale)
        found.insert(0, "nps", float(moved @ scale.nps_values) * 100)
        tables[place] = found
    return pd.concat(tables, names=["place", "statistic"])


def required_answers(
    counts: pd.DataFrame | Survey,
    shift: Shift | Kind,
    size: float,
    *,
    power: float = 0.8,
    level: float = 0.95,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Say how many answers each metric needs to notice a shift of any size.

    Parameters
    ----------
    counts, rating_scale
        As in `efficacies`; the first group answers so.
    shift : Shift or str
        How the second group differs.
    size : float
        Size of the shift, not 0.
    power : float
        Probability that the test finds the difference.
    level : float
        Confidence level of the two-sided test.

    Returns
    -------
    pandas.DataFrame
        Indexed by `statistic` (without `best`): `difference` (as in `Effect`), `answers` in each
        group, not rounded, and `nps_answers`, the answers of NPS over those of the statistic.

    Raises
    ------
    ValueError
        As in `efficacies`, and if size, power or level is not usable.

    Examples
    --------
    >>> import nps_research as npsr
    >>> required_answers(npsr.load_counts("sfo_airport"), "location", 0.25).round(2)
                difference  answers  nps_answers
    statistic
    nps               9.07   957.79         1.00
    mean_score        0.23   960.27         1.00
    top_box           0.06  1007.57         0.95
    bottom_box       -0.03  2203.91         0.43
    wilcoxon          0.04   801.22         1.20
    """
    check_power(power)
    table = _effects_table(counts, shift, size, rating_scale)
    z, z_power = normal_quantile(level), float(special.ndtri(power))
    with np.errstate(divide="ignore"):
        answers = ((z * table["null_sd"] + z_power * table["sd"]) / table["difference"]) ** 2
    found = table[["difference"]].assign(answers=answers)
    found["nps_answers"] = answers["nps"] / answers
    found.attrs |= {"power": power, "level": level, "size": size}
    return found


def power(
    counts: pd.DataFrame | Survey,
    shift: Shift | Kind,
    size: float,
    answers: int,
    *,
    level: float = 0.95,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Say how probably each metric notices a shift, with a given number of answers.

    Parameters
    ----------
    counts, shift, size, level, rating_scale
        As in `required_answers`; with size 0 the power is the rate of false alarms.
    answers : int
        In each of the two groups.

    Returns
    -------
    pandas.DataFrame
        Indexed by `statistic`: `difference` and `power`, of the two-sided test by the normal
        approximation. It needs some dozens of answers, and more for boxes that few answers are in.

    Raises
    ------
    ValueError
        If there are no answers.

    Examples
    --------
    >>> import nps_research as npsr
    >>> table = power(npsr.load_counts("sfo_airport"), "location", 0.25, 800)
    >>> table.loc[["nps", "wilcoxon"], "power"].round(2).to_dict()
    {'nps': 0.73, 'wilcoxon': 0.8}
    """
    if not 1 <= answers < math.inf:
        raise ValueError(f"answers must be 1 or more in each group; found {answers!r}.")
    table = _effects_table(counts, shift, size, rating_scale)
    limit = normal_quantile(level) * table["null_sd"]
    shift_of_mean = math.sqrt(answers) * table["difference"]
    upper = special.ndtr((shift_of_mean - limit) / table["sd"])
    lower = special.ndtr((-shift_of_mean - limit) / table["sd"])
    found: pd.DataFrame = table[["difference"]].assign(power=upper + lower)
    return found


def effects(first: ArrayLike, second: ArrayLike, scale: RatingScale) -> dict[str, Effect]:
    """Return how every statistic sees two distributions.

    Parameters
    ----------
    first, second : array_like, shape (categories,)
        Shares of the scores.
    scale : RatingScale
        The scores.

    Returns
    -------
    dict of str to Effect
        For equally many answers in both groups.
    """
    p, q = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    found = {}
    for name, (of_first, of_second) in answer_values(p, q, scale).items():
        sd = math.sqrt(_variance(p, of_first) + _variance(q, of_second))
        found[name] = Effect(float(q @ of_second - p @ of_first), sd, sd)
    area, sd, _ = found["wilcoxon"]
    pooled = (p + q) / 2
    null_sd = math.sqrt(2 * _variance(pooled, mid_ranks(pooled)))
    return found | {"wilcoxon": Effect(area / 2, sd, null_sd)}


def answer_values(
    first: Array, second: Array, scale: RatingScale
) -> dict[str, tuple[Array, Array]]:
    """Return what an answer of either group is worth to every statistic.

    Parameters
    ----------
    first, second : numpy.ndarray, shape (..., categories)
        Shares of the scores.
    scale : RatingScale
        The scores.

    Returns
    -------
    dict of str to tuple of numpy.ndarray
        Values of the scores in the first and the second group. For Wilcoxon's statistic an answer
        is worth its rank in the other group: DeLong's placements, whose difference of means is
        twice that of the statistic.
    """
    values = {name: (each, each) for name, each in metric_values(scale).items()}
    return values | {"wilcoxon": (mid_ranks(second), mid_ranks(first))}


def mid_ranks(shares: Array) -> Array:
    """Return the share of answers below every score, ties half.

    Examples
    --------
    >>> mid_ranks(np.array([0.2, 0.3, 0.5]))
    array([0.1 , 0.35, 0.75])
    """
    return np.asarray(shares.cumsum(axis=-1) - shares / 2)


def _efficacies(shares: Array, shift: Shift | Kind, scale: RatingScale) -> pd.DataFrame:
    slopes = share_slopes(shares, shift, scale)
    given = shares > 0
    values = metric_values(scale) | {"wilcoxon": mid_ranks(shares)}
    found = {name: _efficacy(slopes, shares, each) for name, each in values.items()}
    found["best"] = math.sqrt((slopes[given] ** 2 / shares[given]).sum())
    if found["best"] < NO_SLOPE:
        raise ValueError(
            f"{_name(shift)!r} does not move these answers: nobody is near a cut that moves. "
            f"Choose another cut or kind of shift."
        )
    efficacy = pd.Series(found)
    squared = efficacy**2
    columns = {
        "efficacy": efficacy,
        "efficiency": squared / squared["best"],
        "nps_answers": squared / squared["nps"],
    }
    return pd.DataFrame(columns)


def _efficacy(slopes: Array, shares: Array, values: Array) -> float:
    variance = _variance(shares, values)
    if variance == 0:
        return 0.0
    efficacy = float(slopes @ values) / math.sqrt(variance)
    return efficacy if abs(efficacy) > NO_SLOPE else 0.0


def _effects_table(
    counts: pd.DataFrame | Survey,
    shift: Shift | Kind,
    size: float,
    rating_scale: RatingScale | None,
) -> pd.DataFrame:
    if not math.isfinite(size):
        raise ValueError(f"the size of a shift must be a finite number; found {size!r}.")
    shares, scale = _shares(counts, rating_scale)
    seen = effects(shares, shifted(shares, shift, size, scale), scale)
    table = pd.DataFrame.from_dict(seen, orient="index", columns=list(Effect._fields))
    return table.rename_axis("statistic")


def _shares(
    counts: pd.DataFrame | Survey, rating_scale: RatingScale | None
) -> tuple[Array, RatingScale]:
    answers = answers_by_group(counts, None, rating_scale)
    sizes = answers.effective[0]
    if (sizes > 0).sum() < 2:
        only = answers.scale.scores[sizes > 0]
        raise ValueError(
            f"all {int(sizes.sum()):,} answers are {only[0]}: nobody knows how far they are from "
            f"the next score. Give answers that differ."
        )
    return sizes / sizes.sum(), answers.scale


def _variance(shares: Array, values: Array) -> float:
    return float(shares @ (values - shares @ values) ** 2)


def _name(shift: Shift | Kind) -> str:
    if not isinstance(shift, Shift):
        return shift
    parts = [shift.kind, *(shift.cuts or ())]
    return " ".join(parts) if shift.link == "logit" else f"{' '.join(parts)} ({shift.link})"
