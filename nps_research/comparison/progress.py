"""Level or change: which of the two tells who is good, and which tells who got better.

Units (teams, branches, regions) have true levels that differ, and true changes from one wave to the
next. Both are seen through the errors of the survey: of a level once, of a change twice.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.counts import refuse_unknown_columns
from nps_research.intervals import tail_probabilities

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    type Array = NDArray[np.float64]

GOALS = ("who improved", "who is good")
# Two differences of neighbouring waves, which an estimate of the error needs, take three waves.
FEWEST_WAVES, FEWEST_UNITS = 3, 3


def level_or_change(
    between: float, change: float, error: ArrayLike, *, correlation: float = 0.0
) -> pd.DataFrame:
    """Compare level and change as measures of who is good and of who improved.

    Parameters
    ----------
    between : float
        Standard deviation of the true levels of units in the first wave, in points.
    change : float
        Standard deviation of the true changes to the second wave.
    error : array_like
        Standard errors of one unit's NPS in one wave: ``sd / n ** 0.5``.
    correlation : float
        Of true changes with true levels in the first wave: negative where the bad catch up.

    Returns
    -------
    pandas.DataFrame
        Indexed by `goal` ("who improved": the true change; "who is good": the true level in the
        second wave) and `error`. Columns `level` (NPS of the second wave), `change` (second less
        first) and `both` (the best weighing of the two waves): the squared correlation of each
        measure with the goal over units. Where it is about its own goal it is the reliability.

    Raises
    ------
    ValueError
        If a standard deviation or the correlation is not usable.

    Notes
    -----
    Errors of the two waves are independent of each other and of the truth. On the reliability of
    differences: Rogosa and Willett 1983, "Demonstrating the Reliability of the Difference Score in
    the Measurement of Change".

    Examples
    --------
    >>> level_or_change(between=10, change=5, error=[2, 10]).round(2)
                        level  change  both
    goal         error
    who improved 2       0.19    0.76  0.76
                 10      0.11    0.11  0.14
    who is good  2       0.97    0.15  0.97
                 10      0.56    0.02  0.66
    """
    _check_variation(between, change, correlation)
    errors = np.atleast_1d(np.asarray(error))
    if not (errors > 0).all() or not np.isfinite(errors).all():
        raise ValueError(f"errors must be positive, in points; found {errors.tolist()}.")
    rows = {
        (goal, each): _squared_correlations(between, change, float(each), correlation, goal)
        for goal in GOALS
        for each in errors.tolist()
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["level", "change", "both"])
    table.index = pd.MultiIndex.from_tuples(rows, names=["goal", "error"])
    return table


def largest_error_for_change(between: float, change: float, *, correlation: float = 0.0) -> float:
    """Return the standard error below which the change tells better who improved.

    Above it even the level of the second wave goes closer with true improvement than the change
    does: subtracting the first wave adds more error than it removes of old differences.

    Parameters
    ----------
    between, change, correlation
        As in `level_or_change`.

    Returns
    -------
    float
        In points; infinite if the change is better whatever the error. Without correlation it is
        `between`: the answers needed are ``(sd / between) ** 2`` in each unit and wave.

    Examples
    --------
    >>> largest_error_for_change(between=10, change=5)
    10.0
    """
    _check_variation(between, change, correlation)
    joint = change + correlation * between
    rest = 2 * joint**2 - change**2
    if rest <= 0:
        return math.inf
    return between * change * math.sqrt((1 - correlation**2) / rest)


def regression_to_the_mean(
    between: float, change: float, error: ArrayLike, *, correlation: float = 0.0
) -> pd.DataFrame:
    """Say how much of a good result is expected to vanish in the next wave.

    Parameters
    ----------
    between, change, error, correlation
        As in `level_or_change`.

    Returns
    -------
    pandas.DataFrame
        Indexed by `error`: `after_a_level`, points that a unit one point above the others is
        expected to lose by luck alone, and `after_a_change`, the same for a unit that has risen by
        one point more than the others (changes of successive waves being independent). Besides,
        `right_direction`: the probability that a unit truly moved in the direction, relative to the
        others, in which its NPS moved (one half is a coin).

    Examples
    --------
    >>> regression_to_the_mean(between=10, change=5, error=[2, 10]).round(2)
           after_a_level  after_a_change  right_direction
    error
    2               0.04            0.12             0.84
    10              0.50            0.44             0.61
    """
    _check_variation(between, change, correlation)
    errors = np.atleast_1d(np.asarray(error))
    variance = errors.astype(np.float64) ** 2
    of_change = change**2 + 2 * variance
    columns = {
        "after_a_level": variance / (between**2 + variance),
        "after_a_change": variance / of_change,
        "right_direction": 0.5 + np.arcsin(change / np.sqrt(of_change)) / math.pi,
    }
    return pd.DataFrame(columns, index=pd.Index(errors, name="error"))


def panel_variation(
    table: pd.DataFrame,
    unit: str,
    wave: str,
    value: str,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    random_seed: int | None = None,
) -> pd.DataFrame:
    """Estimate from a panel how much units differ, how much they change, and the error.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a unit and wave, every unit in every wave.
    unit, wave, value : str
        Columns; waves are ordered as they sort.
    resamples : int
        Bootstrap resamples of units.
    level : float
        Confidence level.
    random_seed : int, optional
        Makes the resamples repeatable.

    Returns
    -------
    pandas.DataFrame
        Rows `between` (on average over the waves), `change` and `error` (standard deviations, in
        the units of the value) and `lag_two`, the correlation of changes two waves apart, which is
        0 if the assumption below holds. Columns `estimate`, `lower`, `upper`.

    Raises
    ------
    ValueError
        If a column is missing, a value is not finite, a unit lacks a wave or has it twice, or there
        are fewer than three waves or units.

    Notes
    -----
    Levels follow a random walk with independent errors, movements that all units share being
    subtracted first. Then neighbouring changes have the covariance -error^2, and the variance
    change^2 + 2 error^2. An estimated variance below 0 counts as 0. In simulated panels of fifty
    units and nine waves 95 % intervals held the true number in 91 to 94 % of cases.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> true = rng.normal(0, 10, (200, 1)) + rng.normal(0, 2, (200, 6)).cumsum(axis=1)
    >>> rows = pd.DataFrame(true + rng.normal(0, 3, true.shape)).rename_axis("team").reset_index()
    >>> panel = rows.melt("team", var_name="wave", value_name="nps")
    >>> panel_variation(panel, "team", "wave", "nps", random_seed=1).round(1)
             estimate  lower  upper
    between      10.1    9.0   11.3
    change        2.3    1.8    2.8
    error         2.8    2.5    3.1
    lag_two      -0.1   -0.2    0.0
    """
    values = _panel(table, unit, wave, value)
    rng = np.random.default_rng(random_seed)
    picks = rng.integers(len(values), size=(resamples, len(values)))
    drawn = np.array([_variation(values[pick]) for pick in picks])
    limits = np.quantile(drawn, tail_probabilities(level), axis=0)
    rows = ["between", "change", "error", "lag_two"]
    columns = {"estimate": _variation(values), "lower": limits[0], "upper": limits[1]}
    found = pd.DataFrame(columns, index=rows)
    found.attrs = {
        "interval": f"{100 * level:g} % confidence interval, percentile bootstrap over units",
        "units": len(values),
        "waves": values.shape[1],
    }
    return found


def _squared_correlations(
    between: float, change: float, error: float, correlation: float, goal: str
) -> tuple[float, float, float]:
    # Of the two waves, and of the goal with both: what is needed of the joint distribution.
    shared = correlation * between * change
    second = between**2 + change**2 + 2 * shared
    covariance = np.array([[between**2, between**2 + shared], [between**2 + shared, second]])
    measured = covariance + error**2 * np.eye(2)
    if goal == "who improved":
        with_waves, variance = np.array([shared, shared + change**2]), change**2
    else:
        with_waves, variance = covariance[1], second
    measures = {"level": np.array([0.0, 1.0]), "change": np.array([-1.0, 1.0])}
    level, moved = (
        float((each @ with_waves) ** 2 / (each @ measured @ each * variance))
        for each in measures.values()
    )
    best = float(with_waves @ np.linalg.solve(measured, with_waves) / variance)
    return level, moved, best


def _variation(values: Array) -> Array:
    """Return between, change, error and the correlation at lag two of a panel (units, waves)."""
    centred = values - values.mean(axis=0)
    scale = len(values) / (len(values) - 1)
    moves = np.diff(centred, axis=1)
    own, neighbour = (moves**2).mean() * scale, (moves[:, 1:] * moves[:, :-1]).mean() * scale
    error = max(-neighbour, 0.0)
    change, between = own - 2 * error, (centred**2).mean() * scale - error
    apart = (moves[:, 2:] * moves[:, :-2]).mean() / (moves**2).mean() if moves.shape[1] > 2 else 0.0
    return np.array([*(math.sqrt(max(each, 0.0)) for each in (between, change, error)), apart])


def _panel(table: pd.DataFrame, unit: str, wave: str, value: str) -> Array:
    refuse_unknown_columns([unit, wave, value], table.columns)
    counted = table.groupby([unit, wave], observed=True)[value].count().unstack(wave)
    wrong = counted.ne(1).stack()
    if wrong.any():
        name, at = wrong.index[int(wrong.to_numpy().argmax())]
        raise ValueError(
            f"every unit needs one value in every wave; {unit}={name} has "
            f"{int(counted.fillna(0).loc[name, at])} in {wave}={at}. Leave the unit out, or keep "
            f"one row."
        )
    values = table.pivot(index=unit, columns=wave, values=value).to_numpy(dtype=np.float64)
    if values.shape[0] < FEWEST_UNITS or values.shape[1] < FEWEST_WAVES:
        raise ValueError(
            f"a panel needs {FEWEST_UNITS} units and {FEWEST_WAVES} waves or more; found "
            f"{values.shape[0]} and {values.shape[1]}: with two waves error and change cannot be "
            f"told apart."
        )
    return values


def _check_variation(between: float, change: float, correlation: float) -> None:
    for name, value in (("between", between), ("change", change)):
        if not 0 < value < math.inf:
            raise ValueError(
                f"{name} must be a positive standard deviation, in points; found {value!r}."
            )
    if not -1 < correlation < 1:
        raise ValueError(f"correlation must lie between -1 and 1; found {correlation!r}.")
