"""A customer's own scores before leaving: whether they fall, how early, and how much is real."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from nps_research.churn.trajectories import Windows
from nps_research.intervals import normal_quantile, tail_probabilities
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nps_research.churn.trajectories import Trajectories

    type Array = NDArray[np.float64]
    type Integers = NDArray[np.int64]

MATCHES = ("time", "first", "last")
ROUNDING = 1e-9


def before_leaving(
    paths: Trajectories,
    answers: int = 4,
    *,
    match: Sequence[str] = ("time",),
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare the last scores of customers who left with those of like customers who stayed.

    Parameters
    ----------
    paths : Trajectories
        Who answered what when.
    answers : int
        Look at so many answers: the customer's last, and those before it. Customers with fewer take
        no part.
    match : sequence of {"time", "first", "last"}
        What a customer who stayed must share with one who left, at the time of the last answer of
        the latter: that time, the score of the first or of the last of the answers looked at.
        Every customer who stayed can stand beside many, at each of its answers.
    level : float
        Confidence level.

    Returns
    -------
    pandas.DataFrame
        Indexed by `before`, 0 for the last answer, 1 for the one before it: the means `left` and
        `stayed`, their `difference`, its `se`, `lower` and `upper`, and `time_before`, the mean
        time from the answer to leaving. attrs: ``interval``, ``matched`` and ``unmatched``
        customers who left, ``beside``, the number of customers who stayed beside them.

    Raises
    ------
    ValueError
        If `match` has an unknown name, or no customer who left has the answers and a match.

    Notes
    -----
    Those who stayed are weighted so that they have the same strata as those who left (direct
    standardisation). The standard error is that of the influence of every customer, so that it
    knows that answers of one customer belong together. Scores are noisy: matched on a first score,
    both groups return to their own levels, which looks like a fall in those who left, whose level
    is lower. `Trajectories.permuted` shows how much of it is only that.

    Examples
    --------
    >>> from nps_research.churn.trajectories import trajectories
    >>> panel = pd.DataFrame({"customer": [0, 0, 1, 1, 2, 2, 3, 3], "month": [0, 1] * 4})
    >>> panel = panel.assign(score=[9, 4, 8, 3, 9, 9, 8, 7], left=[1, 1, 2, 2] + 4 * [None])
    >>> before_leaving(trajectories(panel), 2)[["left", "stayed", "difference"]]
            left  stayed  difference
    before
    0        3.5     8.0        -4.5
    1        8.5     8.5         0.0
    """
    for name in match:
        if name not in MATCHES:
            raise ValueError(unknown_name("thing to match on", name, MATCHES))
    windows = Windows.of(paths, answers)
    gone = windows.is_left & paths.is_last[windows.anchor]
    beside = ~windows.is_left
    matched = _matched(windows.strata(match), gone, beside)
    if not matched.gone.any():
        raise ValueError(
            f"no customer who left has {answers} answers and somebody who stayed to match on "
            f"{' and '.join(match)}. Ask for fewer answers, or match on less."
        )
    table = _standardised(windows, matched, normal_quantile(level))
    table.attrs = {
        "interval": f"{100 * level:g} % confidence interval, Wald, clustered on customers",
        "matched": int(matched.gone.sum()),
        "unmatched": int(gone.sum() - matched.gone.sum()),
        "beside": len(np.unique(windows.customer[matched.weight > 0])),
        "match": tuple(match),
    }
    return table


def lead(table: pd.DataFrame) -> pd.Series:
    """Tell how many answers ahead a fall shows.

    Parameters
    ----------
    table : pandas.DataFrame
        From `before_leaving`.

    Returns
    -------
    pandas.Series
        `answers`: how many of the last answers, without a gap, lie below those of customers who
        stayed by more than the interval; and `time_before`, the mean time from the earliest of
        them to leaving, missing if there is none. One looks at the last answer first and stops
        where nothing is found, so that the level of the intervals holds for all together (a fixed
        sequence of tests).

    Examples
    --------
    >>> table = pd.DataFrame({"upper": [-1.0, -0.2, 0.3, -0.1], "time_before": [2.0, 6, 9, 12]})
    >>> lead(table).tolist()
    [2.0, 6.0]
    """
    shows = (table["upper"] < 0).to_numpy()
    answers = int(np.argmin(np.append(shows, False)))
    time_before = table["time_before"].iloc[answers - 1] if answers else np.nan
    return pd.Series({"answers": float(answers), "time_before": float(time_before)}, name="lead")


def if_shuffled(
    paths: Trajectories,
    answers: int = 4,
    *,
    match: Sequence[str] = ("time",),
    shuffles: int = 50,
    random_seed: int,
    mass: float = 0.95,
) -> pd.DataFrame:
    """Say what `before_leaving` would find if everyone's scores came in a random order.

    Parameters
    ----------
    paths, answers, match
        As in `before_leaving`.
    shuffles : int
        How many random orders.
    random_seed : int
        Makes them repeatable.
    mass : float
        Share of the orders inside the interval.

    Returns
    -------
    pandas.DataFrame
        Indexed by `before`: the mean `difference`, `lower` and `upper`. A difference below `lower`
        is a fall in time; one inside is a difference of level only.

    Raises
    ------
    ValueError
        As in `before_leaving`, and if there are fewer than two shuffles.

    Examples
    --------
    >>> from nps_research.churn.opinions import drifting_customers
    >>> from nps_research.churn.trajectories import trajectories
    >>> paths = trajectories(drifting_customers(500, 4, declines=(0.1, 1.5), random_seed=1))
    >>> found = before_leaving(paths, 2)["difference"][0]
    >>> found < if_shuffled(paths, 2, shuffles=20, random_seed=1)["lower"][0]
    np.True_
    """
    if shuffles < 2:
        raise ValueError(f"shuffles must be 2 or more; found {shuffles}.")
    seeds = np.random.default_rng(random_seed).integers(2**32, size=shuffles)
    drawn = np.stack(
        [
            before_leaving(paths.permuted(int(seed)), answers, match=match)["difference"]
            for seed in seeds
        ]
    )
    lower, upper = np.quantile(drawn, tail_probabilities(mass), axis=0)
    columns = {"difference": drawn.mean(axis=0), "lower": lower, "upper": upper}
    table = pd.DataFrame(columns).rename_axis("before")
    table.attrs["interval"] = f"{100 * mass:g} % of {shuffles} random orders"
    return table


class _Matched(NamedTuple):
    """Who is compared: those who left with a match, and the weight of those beside them."""

    stratum: Integers
    gone: NDArray[np.bool_]
    weight: Array


def _matched(stratum: Integers, gone: NDArray[np.bool_], beside: NDArray[np.bool_]) -> _Matched:
    leavers, others = (np.bincount(stratum, each) for each in (gone, beside))
    both = (leavers > 0) & (others > 0)
    ratio = np.divide(leavers, others, out=np.zeros(len(others)), where=both)
    return _Matched(stratum, gone & both[stratum], np.where(beside, ratio[stratum], 0.0))


def _standardised(windows: Windows, matched: _Matched, z: float) -> pd.DataFrame:
    gone, weight = matched.gone.astype(float), matched.weight
    total = gone.sum()
    means = [each @ windows.scores / total for each in (gone, weight)]
    difference = _without_rounding(means[0] - means[1])
    se = _without_rounding(_clustered(windows, matched, difference))
    return pd.DataFrame(
        {
            "left": means[0],
            "stayed": means[1],
            "difference": difference,
            "se": se,
            "lower": difference - z * se,
            "upper": difference + z * se,
            "time_before": windows.to_leaving[matched.gone].mean(axis=0),
        }
    ).rename_axis("before")


def _without_rounding(values: Array) -> Array:
    """Return 0 for what differs from it by rounding: scores that are matched on."""
    return np.where(np.abs(values) < ROUNDING, 0.0, values)


def _clustered(windows: Windows, matched: _Matched, difference: Array) -> Array:
    """Return standard errors from the influence of every customer on the difference."""
    beside = _stratum_means(matched, windows.scores)[matched.stratum]
    surplus = windows.scores - beside
    influence = np.where(matched.gone[:, None], surplus - difference, 0.0)
    influence -= matched.weight[:, None] * surplus
    codes, customer = np.unique(windows.customer, return_inverse=True)
    of_customer = np.zeros((len(codes), windows.scores.shape[1]))
    np.add.at(of_customer, customer, influence)
    return np.asarray(np.sqrt((of_customer**2).sum(axis=0)) / matched.gone.sum())


def _stratum_means(matched: _Matched, scores: Array) -> Array:
    """Return the mean scores of those who stayed, shape (strata, answers)."""
    weights = np.bincount(matched.stratum, matched.weight)
    sums = np.zeros((len(weights), scores.shape[1]))
    np.add.at(sums, matched.stratum, matched.weight[:, None] * scores)
    return np.divide(sums, weights[:, None], out=np.zeros_like(sums), where=weights[:, None] > 0)
