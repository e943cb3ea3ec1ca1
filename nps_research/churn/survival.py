"""Who is still there after so many months: Kaplan and Meier's estimate, and a test for trend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from nps_research.counts import cross_tabulate, group_rows, listed, refuse_unknown_columns
from nps_research.intervals import normal_quantile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from nps_research.churn.lifetimes import Lifetimes

    type Array = NDArray[np.float64]
    type Columns = str | Sequence[str] | None

CLASS = "class"


def kaplan_meier(lifetimes: Lifetimes, by: Columns = "score", level: float = 0.95) -> pd.DataFrame:
    """Estimate who is still there after every month, without a model.

    Parameters
    ----------
    lifetimes : Lifetimes
        Who stayed how long.
    by : str or sequence of str, optional
        Groups: "score", "class" (detractors, passives, promoters) or predictors of the lifetimes;
        None for everyone together.
    level : float
        Confidence level of each month by itself.

    Returns
    -------
    pandas.DataFrame
        Indexed by group and `month`: `at_risk`, the people watched during the month who were there
        at its start, `churned` of them, `survival` to the end of the month, its `se` (Greenwood),
        `lower` and `upper` (log-log), missing where nobody has left yet or nobody is left. Months
        in which nobody of a group is at risk are missing.

    Raises
    ------
    ValueError
        If a column is unknown.

    Notes
    -----
    Kaplan and Meier 1958, "Nonparametric Estimation from Incomplete Observations"; the limits are
    those of Kalbfleisch and Prentice 2002, "The Statistical Analysis of Failure Time Data". People
    who entered late are at risk from the month after.

    Examples
    --------
    >>> from nps_research.churn.lifetimes import lifetimes
    >>> table = pd.DataFrame({"months": [1, 2, 2], "churned": [1, 0, 1], "n": [4, 9, 3]})
    >>> kaplan_meier(lifetimes(table.assign(score=3))).round(3)
                 at_risk  churned  survival     se  lower  upper
    score month
    3     1           16        4     0.750  0.108  0.463  0.898
          2           12        3     0.562  0.124  0.295  0.762
    """
    groups, at_risk, churned = _risk_sets(lifetimes, by)
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.cumprod(1.0 - churned / at_risk, axis=1)
        # Greenwood's sum, which is infinite once everyone at risk has left.
        variance = np.cumsum(churned / (at_risk * (at_risk - churned)), axis=1)
        lower, upper = _log_log_limits(survival, variance, level)
        se = np.where(survival > 0, survival * np.sqrt(variance), np.nan)
    columns = {"survival": survival, "se": se, "lower": lower, "upper": upper}
    sizes = {"at_risk": at_risk.astype(np.int64), "churned": churned.astype(np.int64)}
    months = pd.Index(np.arange(1, at_risk.shape[1] + 1), name="month")
    index = _with_months(groups, months)
    table = pd.DataFrame({k: v.ravel() for k, v in (sizes | columns).items()}, index)
    table = table[table["at_risk"] > 0]
    kind = f"{100 * level:g} % confidence interval, log-log, of every month by itself"
    table.attrs = {"interval": kind, "level": level}
    return table


def trend_test(lifetimes: Lifetimes, values: Mapping[int, float] | None = None) -> pd.DataFrame:
    """Test whether people leave sooner the lower (or the higher) their score: a log-rank test.

    Parameters
    ----------
    lifetimes : Lifetimes
        Who stayed how long.
    values : mapping of int to float, optional
        Value of every score; by default the score itself. With two different values it is the
        log-rank test of two groups.

    Returns
    -------
    pandas.DataFrame
        One row: `z`, negative where lower scores leave sooner, and the two-sided `p_value`; both
        missing where nobody left or all have one value.

    Raises
    ------
    ValueError
        If a score that somebody gave has no value.

    Notes
    -----
    Tarone 1975, "Tests for Trend in Life Table Analysis".

    Examples
    --------
    >>> from nps_research.churn.lifetimes import lifetimes
    >>> table = pd.DataFrame({"score": [3, 9], "months": [2, 3], "churned": [1, 0], "n": [4, 6]})
    >>> trend_test(lifetimes(table)).round(3)
           z  p_value
    all -3.0    0.003
    """
    groups, at_risk, churned = _risk_sets(lifetimes, "score")
    weights = _values(groups, values)[:, None]
    total, gone = at_risk.sum(axis=0), churned.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (weights * at_risk).sum(axis=0) / total
        spread = (weights**2 * at_risk).sum(axis=0) / total - mean**2
        variance = np.nansum(gone * (total - gone) / (total - 1) * spread)
    excess = np.nansum((weights * churned).sum(axis=0) - gone * mean)
    # Rounding leaves a spread where there is none.
    z = excess / np.sqrt(variance) if variance > 1e-12 * np.abs(weights).max() ** 2 else np.nan
    row = {"z": float(z), "p_value": float(2 * special.ndtr(-abs(z)))}
    return pd.DataFrame([row], index=["all"])


def _risk_sets(lifetimes: Lifetimes, by: Columns) -> tuple[pd.Index, Array, Array]:
    """Return groups, and people at risk and leaving in every month, shape (groups, months)."""
    table = lifetimes.counts
    refuse_unknown_columns(listed(by), [CLASS, "score", *lifetimes.predictors])
    if CLASS in listed(by):
        scale = lifetimes.rating_scale
        names = dict(zip(scale.scores.tolist(), scale.groups.tolist(), strict=True))
        table = table.assign(**{CLASS: table["score"].map(names)})
    groups, group = group_rows(table, by)
    shape = (len(groups), lifetimes.horizon + 1)
    last = table["months"].to_numpy()
    n = table["n"].to_numpy()
    leaving = cross_tabulate(group, last, n * table["churned"].to_numpy(), shape)
    ending = cross_tabulate(group, last, n, shape)
    entering = cross_tabulate(group, table["entered"].to_numpy(), n, shape)
    # In month t those are at risk who have entered before it and whose last month is t or later.
    at_risk = entering.cumsum(axis=1)[:, :-1] - ending.cumsum(axis=1)[:, :-1]
    return groups, at_risk, leaving[:, 1:]


def _log_log_limits(survival: Array, variance: Array, level: float) -> tuple[Array, Array]:
    log = np.log(survival)
    width = np.exp(normal_quantile(level) * np.sqrt(variance) / np.abs(log))
    inside = (survival > 0) & (survival < 1)
    limits = survival**width, survival ** (1.0 / width)
    return np.where(inside, limits[0], np.nan), np.where(inside, limits[1], np.nan)


def _with_months(groups: pd.Index, months: pd.Index) -> pd.MultiIndex:
    levels = groups.to_frame(index=False)
    levels.columns = [name or "group" for name in groups.names]
    table = levels.merge(months.to_frame(index=False), how="cross")
    return pd.MultiIndex.from_frame(table)


def _values(groups: pd.Index, values: Mapping[int, float] | None) -> Array:
    if values is None:
        return groups.to_numpy(dtype=float)
    missing = [int(score) for score in groups if score not in values]
    if missing:
        raise ValueError(f"values has no number for the score {missing[0]}, which somebody gave.")
    return np.array([values[int(score)] for score in groups], dtype=float)
