"""When to ask: everybody at once (a batch) or a part every month (drip).

The score of a period is the mean of its months. A batch sees one of them, a drip survey all. Both
have the sampling error of as many answers; what differs is what they are an estimate of, and when
the work arrives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.comparison.shifts import shifted
from nps_research.scale import RatingScale

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    type Array = NDArray[np.float64]

MONTHS_OF_A_YEAR = 12


def monthly_shares(
    shares: ArrayLike,
    months: int = MONTHS_OF_A_YEAR,
    *,
    trend: float = 0.0,
    season: float = 0.0,
    peak: int = 0,
) -> Array:
    """Return the distribution of scores in every month of a period.

    Parameters
    ----------
    shares : array_like, shape (scores,)
        In a month without trend and season, lowest score first.
    months : int
        Months of the period.
    trend : float
        By which the latent score (a logistic one, in its own units) rises from the middle of the
        period to its end and falls towards its beginning: from -trend to +trend.
    season : float
        Height of a yearly sine wave on the same scale.
    peak : int
        Month, counted from 0, in which the wave is highest.

    Returns
    -------
    numpy.ndarray, shape (months, scores)

    Raises
    ------
    ValueError
        If there are fewer than two months.

    Examples
    --------
    >>> shares = np.full(11, 1 / 11)
    >>> steady, rising = monthly_shares(shares), monthly_shares(shares, trend=0.3)
    >>> bool(np.allclose(steady, shares)), bool(rising[-1, 9:].sum() > rising[0, 9:].sum())
    (True, True)
    """
    if months < 2:
        raise ValueError(f"a period has two months or more; found months={months!r}.")
    at = np.arange(months)
    moves = trend * np.linspace(-1, 1, months)
    moves = moves + season * np.cos(2 * np.pi * (at - peak) / MONTHS_OF_A_YEAR)
    return np.array([shifted(shares, "location", move) for move in moves])


def batch(answers: int, month: int, months: int = MONTHS_OF_A_YEAR) -> NDArray[np.int64]:
    """Return the answers of every month if all are collected in one, counted from 0.

    Parameters
    ----------
    answers : int
        In all.
    month : int
        In which they are collected, counted from 0.
    months : int
        Of the period.

    Returns
    -------
    numpy.ndarray of int64, shape (months,)
        Answers of every month.

    Raises
    ------
    ValueError
        If there is no such month.

    Examples
    --------
    >>> batch(1200, 2, 4)
    array([   0,    0, 1200,    0])
    """
    if not 0 <= month < months:
        raise ValueError(f"month must be from 0 to {months - 1}; found {month!r}.")
    return np.where(np.arange(months) == month, answers, 0)


def drip(answers: int, months: int = MONTHS_OF_A_YEAR) -> NDArray[np.int64]:
    """Return the answers of every month if they are spread evenly, remainders first.

    Parameters
    ----------
    answers : int
        In all.
    months : int
        Of the period.

    Returns
    -------
    numpy.ndarray of int64, shape (months,)
        Answers of every month.

    Examples
    --------
    >>> drip(1202, 4)
    array([301, 301, 300, 300])
    """
    return answers // months + (np.arange(months) < answers % months).astype(np.int64)


def survey_error(
    shares: ArrayLike,
    answers: ArrayLike,
    *,
    about: str = "period",
    shock: float = 0.0,
    rating_scale: RatingScale | None = None,
) -> pd.Series:
    """Return bias and standard error of a survey's NPS, in closed form.

    Parameters
    ----------
    shares : array_like, shape (months, scores)
        Distribution of scores in every month, as from `monthly_shares`.
    answers : array_like, shape (months,)
        Answers of every month; all are pooled.
    about : {"period", "last month"}
        What the score is to tell: the mean of the months, or where things stand at the end.
    shock : float
        Standard deviation, in points, of events that move the NPS of a whole month up or down
        (an outage, a strike), independent between months. They are part of what is to be told.
    rating_scale : RatingScale, optional
        0 to 10 by default.

    Returns
    -------
    pandas.Series
        `target` and `expected` NPS, `bias`, `sampling` and `timing` standard deviations, and
        `rmse`, the root of the sum of the three squares.

    Raises
    ------
    ValueError
        If there are no answers, sizes do not match, or `about` is unknown.

    Notes
    -----
    With weights a of the months in the pooled answers and w in the target, bias is
    sum((a - w) * NPS), sampling variance sum(a^2 * variance / answers) and timing variance
    shock^2 * sum((a - w)^2).

    Examples
    --------
    >>> rising = monthly_shares(np.full(11, 1 / 11), trend=0.3)
    >>> survey_error(rising, batch(1200, 11))[["bias", "sampling"]].round(2).to_dict()
    {'bias': 11.8, 'sampling': 2.39}
    >>> survey_error(rising, drip(1200))[["bias", "sampling"]].abs().round(2).to_dict()
    {'bias': 0.0, 'sampling': 2.25}
    """
    p, n = np.asarray(shares, dtype=float), np.asarray(answers, dtype=float)
    _check(p, n, about)
    values = 100 * (rating_scale or RatingScale()).nps_values
    monthly = p @ values
    spread = p @ values**2 - monthly**2
    pooled, target = n / n.sum(), _target(len(n), about)
    bias = float((pooled - target) @ monthly)
    sampling = float(np.sqrt((n * spread).sum())) / n.sum()
    timing = shock * float(np.linalg.norm(pooled - target))
    found = {"target": float(target @ monthly), "expected": float(pooled @ monthly), "bias": bias}
    found |= {"sampling": sampling, "timing": timing}
    return pd.Series(found | {"rmse": float(np.linalg.norm([bias, sampling, timing]))})


def simulated_errors(
    shares: ArrayLike,
    answers: ArrayLike,
    *,
    about: str = "period",
    shock: float = 0.0,
    replicates: int = 1000,
    random_seed: int,
    rating_scale: RatingScale | None = None,
) -> Array:
    """Simulate surveys, and return how far the NPS of each is from what it should tell.

    Parameters
    ----------
    shares, answers, about, shock, rating_scale
        As in `survey_error`. Shocks move the NPS of a month and leave its spread.
    replicates : int
        Number of surveys.
    random_seed : int
        Seed.

    Returns
    -------
    numpy.ndarray, shape (replicates,)

    Examples
    --------
    >>> errors = simulated_errors(np.full((2, 11), 1 / 11), [50, 50], random_seed=1)
    >>> errors.shape, bool(abs(errors.mean()) < 2)
    ((1000,), True)
    """
    p, n = np.asarray(shares, dtype=float), np.asarray(answers, dtype=np.int64)
    _check(p, n.astype(float), about)
    generator = np.random.default_rng(random_seed)
    values = 100 * (rating_scale or RatingScale()).nps_values
    events = shock * generator.standard_normal((replicates, len(n)))
    sums = generator.multinomial(n, p, (replicates, len(n))) @ values + n * events
    truth = (p @ values + events) @ _target(len(n), about)
    return np.asarray(sums.sum(axis=1) / n.sum() - truth)


def follow_up(arrivals: ArrayLike, capacity: float) -> pd.Series:
    """Return how long unhappy customers wait for a call if some can be called each week.

    Parameters
    ----------
    arrivals : array_like, shape (weeks,)
        Customers to be called who arrive in every week.
    capacity : float
        Calls a week.

    Returns
    -------
    pandas.Series
        `peak` arrivals in a week, `backlog`, the most customers that wait at the end of a week,
        `weeks` until the last is called, and `wait`, the mean number of weeks until the call.

    Raises
    ------
    ValueError
        If the capacity is not positive, or nothing arrives.

    Notes
    -----
    First come, first called; a call in the week of arrival counts as no wait. The mean wait is the
    sum of the backlogs over that of the arrivals (Little 1961, "A Proof for the Queuing Formula
    L = lambda W").

    Examples
    --------
    >>> follow_up([120, 0, 0, 0], 40).to_dict()
    {'peak': 120.0, 'backlog': 80.0, 'weeks': 3.0, 'wait': 1.0}
    >>> follow_up([30, 30, 30, 30], 40)["wait"]
    np.float64(0.0)
    """
    coming = np.asarray(arrivals, dtype=float)
    if not capacity > 0 or (coming < 0).any() or not coming.any():
        raise ValueError(
            f"somebody must arrive and be called: found {coming.sum():g} arrivals and a capacity "
            f"of {capacity!r} calls a week."
        )
    arrived = np.concatenate([coming, np.zeros(int(np.ceil(coming.sum() / capacity)))]).cumsum()
    idle = np.minimum.accumulate(np.minimum(arrived - capacity * np.arange(1, len(arrived) + 1), 0))
    waiting = arrived - capacity * np.arange(1, len(arrived) + 1) - idle
    last = int(np.flatnonzero(waiting > 1e-9).max(initial=-1)) + 2
    found = {"peak": coming.max(), "backlog": waiting.max(), "weeks": float(last)}
    return pd.Series(found | {"wait": waiting.sum() / coming.sum()})


def _target(months: int, about: str) -> Array:
    if about == "period":
        return np.full(months, 1 / months)
    return np.where(np.arange(months) == months - 1, 1.0, 0.0)


def _check(shares: Array, answers: Array, about: str) -> None:
    if about not in {"period", "last month"}:
        raise ValueError(f"about must be 'period' or 'last month'; found {about!r}.")
    if shares.ndim != 2 or answers.shape != shares.shape[:1]:
        raise ValueError(
            f"shares has one row a month, answers one number a month; found shapes {shares.shape} "
            f"and {answers.shape}."
        )
    if (answers < 0).any() or not answers.any():
        raise ValueError(f"answers must be 0 or more, and some above 0; found {answers.tolist()}.")
