"""What the score of those who answered says about everybody, silent people included.

The NPS of everybody is r * (that of those who answered) + (1 - r) * (that of the silent), with r
the response rate. The answers hold the first two of these numbers; the third has to be assumed,
and everything here says what follows from an assumption about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from nps_research.answers import answers_by_group, count_table
from nps_research.bisection import falling_root
from nps_research.counts import as_counts, declared_scale, group_rows, listed
from nps_research.intervals import interval, normal_quantile
from nps_research.scale import RatingScale

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from nps_research.answers import Columns
    from nps_research.survey import Survey

    type Array = NDArray[np.float64]

# The whole range of the NPS: the silent can be this many points from those who answered.
WHOLE_RANGE = 200.0
# Factors of the odds of silence a score point, as logarithms, beyond which none is sought.
STEEPEST = 50.0


class _Known(NamedTuple):
    """What the answers say, by group: NPS, its standard error, response rate, people."""

    groups: pd.Index
    nps: Array
    se: Array
    rate: Array
    invited: Array


def nps_bounds(
    counts: pd.DataFrame | Survey,
    by: Columns = None,
    *,
    below: float = WHOLE_RANGE,
    above: float = WHOLE_RANGE,
    level: float = 0.95,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Bound the NPS of everybody who was asked, given what may be assumed about the silent.

    Parameters
    ----------
    counts : pandas.DataFrame or Survey
        Count table in which the silent have a missing score.
    by : str or sequence of str, optional
        Columns whose combinations are the groups.
    below, above : float
        Assumption: the NPS of the silent is at most this many points below, and above, that of
        those who answered. By default nothing is assumed (Manski 1989, "Anatomy of the Selection
        Problem"); ``above=0`` says that the silent are no happier.
    level : float
        Confidence level.
    rating_scale : RatingScale, optional
        As in `nps`.

    Returns
    -------
    pandas.DataFrame
        One row a group: the bounds `lower` and `upper` in points; `lower_limit` and `upper_limit`,
        an interval that holds the NPS of everybody at the stated confidence wherever between the
        bounds it is; `nps` of those who answered, `response_rate`, `invited`.

    Raises
    ------
    ValueError
        If an assumption is negative, a group has no answers, or the table is not usable.

    Notes
    -----
    The interval is that of Imbens and Manski (2004, "Confidence Intervals for Partially Identified
    Parameters"), with the adjusted Wald variance of the NPS and the binomial one of the response
    rate.

    Examples
    --------
    >>> counts = pd.DataFrame({"score": [3, 8, 10, None], "n": [30, 80, 190, 700]})
    >>> columns = ["lower", "upper", "nps", "response_rate"]
    >>> nps_bounds(counts)[columns].round(1)
         lower  upper   nps  response_rate
    all  -54.0   86.0  53.3            0.3
    >>> nps_bounds(counts, below=20, above=0)[columns].round(1)
         lower  upper   nps  response_rate
    all   39.3   53.3  53.3            0.3
    """
    _check_assumption(below=below, above=above)
    known = _known(counts, by, rating_scale)
    ends = [_end(known, np.maximum(known.nps - below, -100.0), -below)]
    ends += [_end(known, np.minimum(known.nps + above, 100.0), above)]
    (lower, lower_se), (upper, upper_se) = ends
    reach = _imbens_manski(upper - lower, np.maximum(lower_se, upper_se), level)
    columns = {"lower": lower, "upper": upper}
    columns |= {"lower_limit": np.maximum(lower - reach * lower_se, -100.0)}
    columns |= {"upper_limit": np.minimum(upper + reach * upper_se, 100.0)}
    columns |= {"nps": known.nps, "response_rate": known.rate, "invited": known.invited}
    table = pd.DataFrame(columns, index=known.groups)
    table.attrs["interval"] = f"{100 * level:g} % confidence interval, Imbens and Manski"
    table.attrs["assumption"] = f"the silent at most {below:g} points below, {above:g} above"
    return table


def tipping_point(
    counts: pd.DataFrame | Survey,
    total: float,
    by: Columns = None,
    *,
    level: float = 0.95,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Tell what the silent would have to score for everybody's NPS to be a given number.

    Parameters
    ----------
    counts, by, level, rating_scale
        As in `nps_bounds`.
    total : float
        The NPS of everybody, in points.

    Returns
    -------
    pandas.DataFrame
        One row a group: `silent`, the NPS that the silent would have, with `se`, `lower` and
        `upper`; `distance`, that less the NPS of those who answered; `possible`, whether it lies
        between -100 and 100; `odds_ratio`, by which the odds of being silent would have to be
        multiplied with every point of the score (see `nps_if_silence_depends`), missing if no such
        number gives it; `nps` and `response_rate`.

    Raises
    ------
    ValueError
        If the NPS is not between -100 and 100.

    Examples
    --------
    >>> counts = pd.DataFrame({"score": [3, 8, 10, None], "n": [30, 80, 190, 700]})
    >>> tipping_point(counts, 0)[["silent", "distance", "possible", "odds_ratio"]].round(2)
         silent  distance  possible  odds_ratio
    all  -22.86    -76.19      True         0.7
    """
    if not -100 <= total <= 100:
        raise ValueError(f"an NPS lies between -100 and 100; found total={total!r}.")
    known = _known(counts, by, rating_scale)
    rate = known.rate
    silent_share = np.where(rate < 1, 1 - rate, np.nan)
    silent = (total - rate * known.nps) / silent_share
    by_rate = (total - known.nps) / silent_share**2 * np.sqrt(rate * (1 - rate) / known.invited)
    se = np.hypot(rate / silent_share * known.se, by_rate)
    reach = normal_quantile(level) * se
    columns = {"silent": silent, "se": se, "lower": silent - reach, "upper": silent + reach}
    columns |= {"distance": silent - known.nps, "possible": np.abs(silent) <= 100}
    columns |= {"odds_ratio": _needed_odds_ratios(counts, by, rating_scale, silent)}
    columns |= {"nps": known.nps, "response_rate": rate}
    table = pd.DataFrame(columns, index=known.groups)
    table.attrs["interval"] = f"{100 * level:g} % confidence interval, delta method"
    return table


def nps_if_silence_depends(
    counts: pd.DataFrame | Survey,
    odds_ratios: ArrayLike,
    *,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Tell the NPS of everybody if the odds of being silent change with the score in a given way.

    Parameters
    ----------
    counts, rating_scale
        As in `nps_bounds`.
    odds_ratios : array_like
        By which the odds of being silent are multiplied with every point of the score: 1 if
        silence has nothing to do with it, 0.8 if every point less makes silence likelier.

    Returns
    -------
    pandas.DataFrame
        Indexed by `odds_ratio`: `nps` of everybody and `silent`, that of the silent, in points.

    Raises
    ------
    ValueError
        If an odds ratio is not positive.

    Notes
    -----
    If log odds of silence are linear in the score, the silent have the shares of those who
    answered, tilted exponentially (Kim and Yu 2011, "A Semiparametric Estimation of Mean
    Functionals with Nonignorable Missing Data"). A shape, not a fact: see `nps_bounds` for what
    holds without one.

    Examples
    --------
    >>> counts = pd.DataFrame({"score": [3, 8, 10, None], "n": [30, 80, 190, 700]})
    >>> nps_if_silence_depends(counts, [1.0, 0.8]).round(1)
                 nps  silent
    odds_ratio
    1.0         53.3    53.3
    0.8         23.2    10.2
    """
    ratios = np.atleast_1d(np.asarray(odds_ratios, dtype=float))
    if not (np.isfinite(ratios) & (ratios > 0)).all():
        raise ValueError(f"odds ratios are positive numbers; found {ratios.tolist()}.")
    answers = answers_by_group(counts, None, rating_scale)
    known = _known(counts, None, rating_scale)
    shares = answers.effective[0] / answers.effective.sum()
    values = 100 * answers.scale.nps_values
    silent = tilted(shares, np.log(ratios)) @ values
    total = known.rate * known.nps + (1 - known.rate) * silent
    index = pd.Index(ratios, name="odds_ratio")
    return pd.DataFrame({"nps": total, "silent": silent}, index=index)


def tilted(shares: ArrayLike, slopes: ArrayLike) -> Array:
    """Multiply shares by exp(slope * score) and let them sum up to 1 again.

    Parameters
    ----------
    shares : array_like, shape (..., scores)
        Lowest score first.
    slopes : array_like, shape (...)
        One for each set of shares, or any shape for one set.

    Returns
    -------
    numpy.ndarray, shape (..., scores)

    Examples
    --------
    >>> tilted([0.5, 0.5], [0.0, np.log(3)])
    array([[0.5 , 0.5 ],
           [0.25, 0.75]])
    """
    shares = np.asarray(shares, dtype=float)
    with np.errstate(divide="ignore"):
        logs = np.log(shares) + np.asarray(slopes)[..., None] * np.arange(shares.shape[-1])
    return np.asarray(special.softmax(logs, axis=-1))


def logistic_rates(offsets: ArrayLike, weights: ArrayLike, mean: float) -> Array:
    """Return probabilities whose log odds differ by given offsets and whose mean is given.

    Parameters
    ----------
    offsets : array_like, shape (..., kinds)
        Log odds of each kind of people, up to a constant.
    weights : array_like, shape (kinds,)
        Shares of the kinds.
    mean : float
        Weighted mean of the probabilities, between 0 and 1.

    Returns
    -------
    numpy.ndarray, shape (..., kinds)

    Examples
    --------
    >>> logistic_rates([0.0, 1.0], [0.5, 0.5], 0.35).round(3)
    array([0.239, 0.461])
    """
    offsets, weights = np.asarray(offsets, dtype=float), np.asarray(weights, dtype=float)

    def lacking(constant: Array) -> Array:
        return np.asarray(mean - special.expit(constant[..., None] + offsets) @ weights)

    far = 40.0 + np.abs(offsets).max(axis=-1)
    return np.asarray(special.expit(falling_root(lacking, -far, far)[..., None] + offsets))


def selection_bias(
    shares: ArrayLike,
    answering: ArrayLike,
    *,
    customers: int | None = None,
    rating_scale: RatingScale | None = None,
) -> pd.Series:
    """Return how far the NPS of those who answer is from that of everybody, and why.

    Parameters
    ----------
    shares : array_like, shape (scores,)
        Of everybody, lowest score first.
    answering : array_like, shape (scores,)
        Probability to answer by score.
    customers : int, optional
        Number of customers, for `n_effective`.
    rating_scale : RatingScale, optional
        0 to 10 by default.

    Returns
    -------
    pandas.Series
        `everybody` and `answering` (NPS), `bias` (their difference), `response_rate`,
        `correlation` between answering and being a promoter (1), passive (0) or detractor (-1),
        `sd` of the latter in points. With `customers`, `n_effective`: the size of a random sample
        of the same mean squared error.

    Notes
    -----
    The bias is exactly correlation * sqrt((1 - r) / r) * sd, r the response rate (Meng 2018,
    "Statistical Paradises and Paradoxes in Big Data"; Bethlehem 1988, "Reduction of Nonresponse
    Bias through Regression Estimation"). So a score is right where the correlation is 0, whoever
    else answers; and r / (1 - r) / correlation^2 random answers are worth as much.

    Examples
    --------
    >>> everybody = [0, 0, 0, 0.1, 0, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2]
    >>> selection_bias(everybody, np.linspace(0.2, 0.4, 11)).round(3)
    everybody        10.000
    answering        19.429
    bias              9.429
    response_rate     0.350
    correlation       0.083
    sd               83.066
    dtype: float64
    """
    scale = rating_scale or RatingScale()
    p, rates = np.asarray(shares, dtype=float), np.asarray(answering, dtype=float)
    _check_rates(p, rates, scale)
    values = 100 * scale.nps_values
    rate, everybody = float(p @ rates), float(p @ values)
    sd = float(np.sqrt(p @ (values - everybody) ** 2))
    covariance = float(p @ (rates * (values - everybody)))
    spread = sd * np.sqrt(rate * (1 - rate))
    correlation = covariance / spread if spread > 0 else 0.0
    found = {"everybody": everybody, "answering": float(p @ (rates * values)) / rate}
    found |= {
        "bias": covariance / rate,
        "response_rate": rate,
        "correlation": correlation,
        "sd": sd,
    }
    if customers is not None:
        found["n_effective"] = 1 / (correlation**2 * (1 - rate) / rate + 1 / (customers * rate))
    return pd.Series(found)


def _check_assumption(**points: float) -> None:
    for name, value in points.items():
        if not value >= 0:
            raise ValueError(
                f"{name} is a number of points, 0 or more; found {value!r}. Leave it out to assume "
                "nothing."
            )


def _check_rates(shares: Array, rates: Array, scale: RatingScale) -> None:
    for name, each in (("shares", shares), ("answering", rates)):
        wrong = ~((each >= 0) & (each <= 1))
        if each.shape != (scale.n_categories,) or wrong.any():
            found = f"{each[wrong][0]:g}" if wrong.any() else f"shape {each.shape}"
            raise ValueError(
                f"{name} needs one number from 0 to 1 for each of the {scale.n_categories} scores; "
                f"found {found}."
            )
    if not np.isclose(shares.sum(), 1) or not shares @ rates > 0:
        raise ValueError(
            f"shares must sum up to 1, found {shares.sum():g}; and somebody must answer, found a "
            f"response rate of {shares @ rates:g}."
        )


def _known(counts: pd.DataFrame | Survey, by: Columns, rating_scale: RatingScale | None) -> _Known:
    table = count_table(counts, by)
    answers = answers_by_group(table, by, rating_scale)
    if (answers.n == 0).any():
        group = answers.groups[int((answers.n == 0).argmax())]
        raise ValueError(
            f"nobody answered in the group {group}: its score can be anything. Leave it out, or "
            "merge it with another."
        )
    standard = as_counts(table, declared_scale(table, rating_scale), by=listed(by))
    _, group_of = group_rows(standard, by)
    invited = np.bincount(group_of, standard["n"].to_numpy(dtype=float), len(answers.groups))
    found = interval(100 * answers.scale.nps_values, answers.effective, "adjusted_wald")
    return _Known(answers.groups, found.estimate, found.se, answers.n / invited, invited)


def _end(known: _Known, silent: Array, distance: float) -> tuple[Array, Array]:
    """Return a bound of everybody's NPS and its standard error, by the delta method."""
    held = np.abs(silent) < 100  # where the assumption, not the end of the scale, sets the bound
    by_nps = np.where(held, 1.0, known.rate)
    by_rate = np.where(held, -distance, known.nps - silent)
    rate_se = np.sqrt(known.rate * (1 - known.rate) / known.invited)
    bound = known.rate * known.nps + (1 - known.rate) * silent
    return bound, np.hypot(by_nps * known.se, by_rate * rate_se)


def _imbens_manski(width: Array, se: Array, level: float) -> Array:
    """Return by how many standard errors the limits are outside the bounds."""
    wide = width / np.where(se > 0, se, np.inf)

    def lacking(reach: Array) -> Array:
        return level - (special.ndtr(reach + wide) - special.ndtr(-reach))

    return falling_root(lacking, np.zeros_like(width), np.full_like(width, normal_quantile(level)))


def _needed_odds_ratios(
    counts: pd.DataFrame | Survey,
    by: Columns,
    rating_scale: RatingScale | None,
    silent: Array,
) -> Array:
    answers = answers_by_group(counts, by, rating_scale)
    values = 100 * answers.scale.nps_values
    shares = answers.effective / answers.effective.sum(axis=1, keepdims=True)
    return np.array(
        [
            _needed_odds_ratio(each, values, needed)
            for each, needed in zip(shares, silent, strict=True)
        ]
    )


def _needed_odds_ratio(shares: Array, values: Array, needed: float) -> float:
    """Return the odds ratio that gives the silent a score, NaN if none does."""
    held = values[shares > 0]
    if not held[0] < needed < held[-1]:
        return np.nan

    def excess(slope: Array) -> Array:
        return np.asarray(needed - tilted(shares, slope) @ values)

    return float(np.exp(falling_root(excess, np.array([-STEEPEST]), np.array([STEEPEST]))[0]))
