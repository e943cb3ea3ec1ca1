"""Do scores pile up just above a target? A test that knows where scores of n answers can lie.

A score of n answers is a multiple of 100 / n, so that the bin above a target holds more possible
scores than the bin below it for some n, and fewer for others, without anybody's doing. The null
hypothesis here keeps the number of answers of each unit, and what can be drawn with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import gammaln

from nps_research.counts import as_counts, declared_scale
from nps_research.scale import GROUPS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    type Array = NDArray[np.float64]
    type Integers = NDArray[np.int64]

POINTS = 100
# Windows with fewer answers hardly have a place: their scores are 100 / 5 points apart or more.
LEAST_ANSWERS = 5
START = np.log([3.0, 2.0, 6.0])
# Between nearly alike units and units of one opinion each.
BOUNDS = [(-7.0, 9.0)] * 3


class Bunching(NamedTuple):
    """Units around a target.

    Attributes
    ----------
    units : int
        Units with enough answers.
    above, below : int
        Units that end from the target to `width` points above, and up to `width` points below.
    expected : float
        Expected `above` less `below`, if nobody knows of the target.
    p_value : float
        Probability of at least the observed difference, if nobody knows of the target.
    """

    units: int
    above: int
    below: int
    expected: float
    p_value: float

    @property
    def excess(self) -> float:
        """Units more above than below, beyond what is expected."""
        return self.above - self.below - self.expected


class _Outcomes(NamedTuple):
    """All ways in which n answers fall into three classes."""

    classes: Integers  # detractors, passives, promoters, shape (3, ways)
    side: Integers  # 1 just above the target, -1 just below it, 0 elsewhere


def bunching_test(
    counts: pd.DataFrame,
    by: Sequence[str],
    *,
    target: float,
    width: float = 6.0,
    least: int = LEAST_ANSWERS,
) -> Bunching:
    """Test whether units' scores pile up just above a target.

    The classes of a unit's answers have a Dirichlet-multinomial distribution, fitted by maximum
    likelihood to the units outside the two bins, given that they are outside. With it, the
    distribution of the difference between the bins is exact for the units' own numbers of answers.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table.
    by : sequence of str
        Columns that make a unit, such as agent and quarter.
    target : float
        NPS in points.
    width : float
        Width of each bin in points.
    least : int
        Units with fewer answers are left out.

    Returns
    -------
    Bunching

    Raises
    ------
    ValueError
        If no unit has enough answers, or none lies outside the bins.

    Examples
    --------
    >>> rows = [(unit, score, 1 + (unit * score) % 4) for unit in range(60) for score in (3, 8, 10)]
    >>> counts = pd.DataFrame(rows, columns=["unit", "score", "n"])
    >>> bunching_test(counts, ["unit"], target=20).units
    45
    """
    units = unit_classes(counts, by)
    units = units[units.sum(axis=1) >= least]
    if not len(units):
        raise ValueError(f"no unit of {', '.join(by)} has {least} answers or more.")
    answers = units.sum(axis=1)
    outcomes = {n: _outcomes(int(n), target, width) for n in np.unique(answers)}
    sides = _side(units[:, 2] - units[:, 0], answers, target, width)
    if not (sides == 0).any():
        raise ValueError(f"no unit lies more than {width:g} points from the target {target:g}.")
    alpha = _fitted(units[sides == 0], outcomes)
    chances = {n: _chances(alpha, ways) for n, ways in outcomes.items()}
    null = _difference([chances[n] for n in answers])
    observed = int(sides.sum())
    support = np.arange(len(null)) - len(units)
    return Bunching(
        units=len(units),
        above=int((sides == 1).sum()),
        below=int((sides == -1).sum()),
        expected=float(null @ support),
        p_value=float(null[support >= observed].sum()),
    )


def unit_classes(counts: pd.DataFrame, by: Sequence[str]) -> Integers:
    """Return the detractors, passives and promoters of each unit.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table.
    by : sequence of str
        Columns that make a unit.

    Returns
    -------
    numpy.ndarray
        Shape (units, 3), units without answers left out.
    """
    scale = declared_scale(counts)
    table = as_counts(counts, scale, by=list(by))
    table = table[table["score"].notna()]
    group = pd.Series(scale.groups, index=scale.scores)[table["score"].astype(int)].to_numpy()
    sizes = table.assign(group=group).groupby([*by, "group"], observed=True)["n"].sum()
    return sizes.unstack(fill_value=0).reindex(columns=list(GROUPS), fill_value=0).to_numpy()


def _side(net: Integers, answers: Integers, target: float, width: float) -> Integers:
    """Return 1 for scores just above the target, -1 for those just below it, 0 elsewhere."""
    # Points times answers: whole numbers, and so exact, if target and width are.
    distance = POINTS * net - target * answers
    above = (distance >= 0) & (distance < width * answers)
    below = (distance < 0) & (distance >= -width * answers)
    return above.astype(np.int64) - below


def _outcomes(n: int, target: float, width: float) -> _Outcomes:
    promoters, detractors = np.meshgrid(np.arange(n + 1), np.arange(n + 1))
    possible = promoters + detractors <= n
    promoters, detractors = promoters[possible], detractors[possible]
    classes = np.stack([detractors, n - promoters - detractors, promoters])
    sides = _side(promoters - detractors, np.full(len(promoters), n), target, width)
    return _Outcomes(classes, sides)


def _fitted(units: Integers, outcomes: Mapping[int, _Outcomes]) -> Array:
    """Fit the distribution to units outside the bins, given that they are outside."""
    sizes, times = np.unique(units.sum(axis=1), return_counts=True)
    outside = [outcomes[n].classes[:, outcomes[n].side == 0] for n in sizes]
    starts = np.cumsum([0, *(ways.shape[1] for ways in outside[:-1])])
    ways = np.concatenate(outside, axis=1)

    def loss(logs: Array) -> float:
        alpha = np.exp(logs)
        room = np.add.reduceat(np.exp(_log_chance(alpha, ways)), starts)
        return float(times @ np.log(room) - _log_chance(alpha, units.T).sum())

    return np.exp(minimize(loss, START, method="L-BFGS-B", bounds=BOUNDS).x)


def _log_chance(alpha: Array, classes: Integers) -> Array:
    """Return the logarithm of Dirichlet-multinomial probabilities, shape (ways,)."""
    n = classes.sum(axis=0)
    # Answers are few: tables of the gamma function over all numbers of answers are quick.
    numbers = np.arange(n.max() + 1)
    factorial = gammaln(numbers + 1.0)
    each = gammaln(alpha[:, None] + numbers) - gammaln(alpha)[:, None] - factorial
    whole = factorial + gammaln(alpha.sum()) - gammaln(alpha.sum() + numbers)
    return np.asarray(whole[n] + sum(row[k] for row, k in zip(each, classes, strict=True)))


def _chances(alpha: Array, ways: _Outcomes) -> Array:
    """Return the probabilities of being below the target, elsewhere, and above it."""
    chance = np.exp(_log_chance(alpha, ways.classes))
    return np.array([chance[ways.side == side].sum() for side in (-1, 0, 1)])


def _difference(chances: list[Array]) -> Array:
    """Return the distribution of units above less units below, from -units to units."""
    found = np.ones(1)
    for each in chances:
        found = np.convolve(found, each)
    return found
