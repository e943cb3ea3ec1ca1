"""Churn of the silent against that of those who answered.

First what counts say (`churn_risks`, `churn_ratio`): the whole joint distribution of answering, the
score and leaving, without a model. Then what could make the ratio large (`silent_ratio`): loyalty
that drives both the answer and the staying, and accounts where nobody is left to answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from nps_research.bisection import falling_root
from nps_research.counts import as_counts, declared_scale, group_rows, listed
from nps_research.dirichlet import JEFFREYS, share_limits
from nps_research.silence.churn_bounds import joint_counts
from nps_research.silence.nonresponse import logistic_rates

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from nps_research.answers import Columns
    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]

# Points at which one of two risks is held while the other is integrated exactly; and points of the
# normal distribution of loyalty.
NODES = 120
LOYALTY_NODES = 80
# Largest ratio of two risks that is sought.
LARGEST_RATIO = 1e6


def churn_risks(
    counts: pd.DataFrame,
    by: Columns = None,
    *,
    churned: str = "churned",
    level: float = 0.9,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Estimate the churn of the silent, of those who answered and of those of every score.

    Parameters
    ----------
    counts : pandas.DataFrame
        Columns `score` (missing for the silent), `churned` (0 or 1) and `n`.
    by : str or sequence of str, optional
        Columns whose combinations are the groups, such as silence in the wave before.
    churned : str
        Name of the column that says who left.
    level : float
        Mass of the intervals.
    rating_scale : RatingScale, optional
        By default that of the table, else 0 to 10.

    Returns
    -------
    pandas.DataFrame
        Indexed by the groups and `state`: "silent", "answered" and every score as text. Columns
        `risk` (the share that left), `lower`, `upper`, `churned` and `n`.

    Notes
    -----
    Each interval is that of the exact posterior under Jeffreys' prior, Beta(1/2, 1/2).

    Examples
    --------
    >>> counts = pd.DataFrame({"score": [9, 9, None, None], "churned": [0, 1, 0, 1]})
    >>> table = churn_risks(counts.assign(n=[97, 3, 156, 44]))
    >>> table.loc[["silent", "answered"], ["risk", "churned", "n"]]
              risk  churned    n
    state
    silent    0.22       44  200
    answered  0.03        3  100
    """
    scale = declared_scale(counts, rating_scale)
    index, groups = _groups(counts, by, scale)
    tables = [_risks(rows, churned, level, scale) for rows in groups]
    names = [*listed(by), "state"]
    table = pd.concat(tables, keys=list(index), names=names) if by else tables[0]
    table.attrs["interval"] = f"{100 * level:g} % equal-tailed credible interval, Beta(1/2, 1/2)"
    return table


def churn_ratio(
    counts: pd.DataFrame,
    by: Columns = None,
    *,
    between: tuple[float, float] = (4.0, 14.0),
    churned: str = "churned",
    level: float = 0.9,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Estimate how many times as likely the silent are to leave as those who answered.

    Parameters
    ----------
    counts, by, churned, level, rating_scale
        As in `churn_risks`.
    between : tuple of float
        A claimed range of the ratio.

    Returns
    -------
    pandas.DataFrame
        One row a group: posterior median of the `ratio`, `lower`, `upper`, the posterior
        probabilities that it is `below`, `inside` and `above` the range, then `silent_risk` and
        `answered_risk`, the shares that left.

    Notes
    -----
    Two independent risks under Jeffreys' priors; the distribution of their ratio by quadrature, so
    that nothing is sampled. One wave and one table: people who are silent by habit and those who
    fell silent are one group, unless `by` tells them apart.

    Examples
    --------
    >>> counts = pd.DataFrame({"score": [9, 9, None, None], "churned": [0, 1, 0, 1]})
    >>> churn_ratio(counts.assign(n=[970, 30, 1560, 440])).iloc[:, :6].round(2)
         ratio  lower  upper  below  inside  above
    all    7.3   5.46  10.03    0.0     1.0    0.0
    """
    scale = declared_scale(counts, rating_scale)
    index, groups = _groups(counts, by, scale)
    rows = [_ratio_row(*joint_counts(each, churned, scale), between, level) for each in groups]
    table = pd.DataFrame(rows, index=index)
    table.attrs["interval"] = f"{100 * level:g} % equal-tailed credible interval, Jeffreys' priors"
    return table


def ratio_cdf(ratios: ArrayLike, first: Array, second: Array) -> Array:
    """Return the posterior probability that a ratio of two risks is at most a number.

    Parameters
    ----------
    ratios : array_like
        Numbers.
    first, second : numpy.ndarray, shape (2,)
        How many stayed and left in the two groups: risk of the first over that of the second.

    Returns
    -------
    numpy.ndarray
        Shape of `ratios`.

    Examples
    --------
    >>> group = np.array([90.0, 10.0])
    >>> ratio_cdf([1.0], group, group).round(9)
    array([0.5])
    """
    return _cdf(np.asarray(ratios, dtype=float), first, *_risk_points(second))


def silent_ratio(
    response_slope: ArrayLike,
    churn_slope: ArrayLike,
    *,
    response_rate: float = 0.35,
    churn_rate: float = 0.1,
    gone: float = 0.0,
) -> Array:
    """Return the churn ratio of silent to answering accounts if loyalty drives both.

    Parameters
    ----------
    response_slope, churn_slope : array_like
        Log odds of answering gained, and of leaving lost, by one standard deviation of loyalty.
        Any shapes that broadcast.
    response_rate, churn_rate : float
        Shares of all accounts that answer, and that leave.
    gone : float
        Share of accounts that have already decided to leave: they do not answer, and leave. Below
        both the churn rate and the share of the silent.

    Returns
    -------
    numpy.ndarray
        P(leaves | silent) / P(leaves | answered).

    Raises
    ------
    ValueError
        If a rate is not between 0 and 1, or `gone` leaves no room for the rest.

    Notes
    -----
    Loyalty is standard normal, and given it answering and leaving are independent; intercepts are
    set so that the rates are those given. Gauss-Hermite quadrature.

    Examples
    --------
    >>> silent_ratio([0.0, 0.5, 1.0], 1.0).round(2)
    array([1.  , 1.48, 2.05])
    >>> float(silent_ratio(0.0, 0.0, gone=0.05).round(2))
    2.38
    """
    _check_rates(response_rate, churn_rate, gone)
    slopes = np.broadcast_arrays(
        *(np.asarray(e, dtype=float) for e in (response_slope, churn_slope))
    )
    loyalty, mass = special.roots_hermitenorm(LOYALTY_NODES)
    mass = mass / mass.sum()
    offsets = [slope[..., None] * loyalty for slope in slopes]
    answers = logistic_rates(offsets[0], mass, response_rate / (1 - gone))
    leaves = logistic_rates(-offsets[1], mass, (churn_rate - gone) / (1 - gone))
    both = (answers * leaves) @ mass * (1 - gone)
    return np.asarray((churn_rate - both) / (1 - response_rate) / (both / response_rate))


def needed_response_slope(
    ratio: float,
    churn_slope: ArrayLike,
    *,
    response_rate: float = 0.35,
    churn_rate: float = 0.1,
    gone: float = 0.0,
) -> Array:
    """Return how strongly loyalty has to drive answering for silence to have a given churn ratio.

    Parameters
    ----------
    ratio : float
        P(leaves | silent) / P(leaves | answered), above 1.
    churn_slope, response_rate, churn_rate, gone
        As in `silent_ratio`.

    Returns
    -------
    numpy.ndarray
        Log odds of answering by one standard deviation of loyalty; 0 where the ratio is larger
        without any, infinite where 10 are not enough.

    Examples
    --------
    >>> needed_response_slope(4.0, [0.5, 1.0, 2.0]).round(2)
    array([ inf, 3.89, 1.18])
    """
    slopes = np.atleast_1d(np.asarray(churn_slope, dtype=float))
    rates = {"response_rate": response_rate, "churn_rate": churn_rate, "gone": gone}

    def lacking(response_slope: Array) -> Array:
        return ratio - silent_ratio(response_slope, slopes, **rates)

    found = falling_root(lacking, np.zeros_like(slopes), np.full_like(slopes, 10.0))
    return np.where(found > 10 - 1e-6, np.inf, np.where(found < 1e-6, 0.0, found))


def _groups(
    counts: pd.DataFrame, by: Columns, scale: RatingScale
) -> tuple[pd.Index, list[pd.DataFrame]]:
    table = as_counts(counts, scale, by=listed(by))
    index, group = group_rows(table, by)
    return index, [table[group == place] for place in range(len(index))]


def _risks(rows: pd.DataFrame, churned: str, level: float, scale: RatingScale) -> pd.DataFrame:
    answered, silent = joint_counts(rows, churned, scale)
    both = np.vstack([silent, answered.sum(axis=0), answered])
    stayed, left = both.T
    lower, upper = share_limits(left, stayed, level)
    n = both.sum(axis=1)
    risk = np.divide(left, n, out=np.full(len(n), np.nan), where=n > 0)
    columns = {"risk": risk, "lower": lower, "upper": upper}
    index = pd.Index(["silent", "answered", *map(str, scale.scores)], name="state")
    counted = {"churned": left.astype(np.int64), "n": n.astype(np.int64)}
    return pd.DataFrame(columns | counted, index=index)


def _ratio_row(
    answered: Array, silent: Array, between: tuple[float, float], level: float
) -> dict[str, float]:
    spoke = answered.sum(axis=0)
    for name, each in (("silent", silent), ("answered", spoke)):
        if each.sum() == 0:
            raise ValueError(f"nobody is {name} in one of the groups: there is no ratio of churn.")
    tails = np.array([0.5, (1 - level) / 2, (1 + level) / 2])
    points = _risk_points(spoke)

    def lacking(log_ratio: Array) -> Array:
        return tails - _cdf(np.exp(log_ratio), silent, *points)

    reach = np.full(3, np.log(LARGEST_RATIO))
    median, lower, upper = np.exp(falling_root(lacking, -reach, reach)).tolist()
    at_most = ratio_cdf(between, silent, spoke)
    row = {"ratio": median, "lower": lower, "upper": upper, "below": at_most[0]}
    row |= {"inside": at_most[1] - at_most[0], "above": 1 - at_most[1]}
    risks = silent[1] / silent.sum(), spoke[1] / spoke.sum()
    return row | {"silent_risk": risks[0], "answered_risk": risks[1]}


def _risk_points(group: Array) -> tuple[Array, Array]:
    """Return quantiles of the posterior of a risk, and the probability that each stands for."""
    nodes, weights = special.roots_legendre(NODES)
    risk = special.betaincinv(group[1] + JEFFREYS, group[0] + JEFFREYS, (nodes + 1) / 2)
    return risk, weights / 2


def _cdf(ratios: Array, first: Array, risk: Array, mass: Array) -> Array:
    limit = np.minimum(ratios[..., None] * risk, 1.0)
    return np.asarray(special.betainc(first[1] + JEFFREYS, first[0] + JEFFREYS, limit) @ mass)


def _check_rates(response_rate: float, churn_rate: float, gone: float) -> None:
    for name, value in (("response_rate", response_rate), ("churn_rate", churn_rate)):
        if not 0 < value < 1:
            raise ValueError(
                f"{name} must be between 0 and 1; found {value!r}. Pass 0.35 for 35 %."
            )
    if not 0 <= gone < min(churn_rate, 1 - response_rate):
        raise ValueError(
            f"accounts that have decided to leave do not answer and leave, so gone must be below "
            f"the churn rate, {churn_rate:g}, and the share of the silent, {1 - response_rate:g}; "
            f"found {gone!r}."
        )
