"""Do scores pile up just above a target? A test that knows where scores of n answers can lie.

A score of n answers is a multiple of 100 / n, so that the bin above a target holds more possible
scores than the bin below it for some n, and fewer for others, without anybody's doing. The null
hypothesis here keeps the number of answers of each unit, and what can be drawn with it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import digamma, gammaln

from nps_research.counts import as_counts, declared_scale
from nps_research.scale import GROUPS
from nps_research.views import viewed

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
# A fit may try a distribution that has nearly all units near the target; rounding then leaves no
# room outside.
MOST_INSIDE = 1 - 1e-12


@viewed
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


class Region(NamedTuple):
    """What is near the target.

    Attributes
    ----------
    target : float
        NPS in points.
    width : float
        Width of the bins below and above it.
    donut : float
        Units up to so far from the target do not enter the fit of what is expected.
    """

    target: float
    width: float
    donut: float


class Null(NamedTuple):
    """Units that know of no target, fitted to those that are far from it.

    Attributes
    ----------
    alpha : numpy.ndarray, shape (3,)
        Of the Dirichlet distribution of shares of detractors, passives and promoters.
    chances : dict of int to numpy.ndarray
        Number of answers to probabilities of ending just below the target, elsewhere, and just
        above it.
    """

    alpha: Array
    chances: dict[int, Array]


class _Outcomes(NamedTuple):
    """Ways in which n answers fall into three classes."""

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
    units = units_with(unit_classes(counts, by), by, least)
    region = Region(target, width, width)
    null = fitted_null(units, region)
    observed = sides(units, region)
    expected, p_value = exact_test(units, null, region)
    return Bunching(
        units=len(units),
        above=int((observed == 1).sum()),
        below=int((observed == -1).sum()),
        expected=expected,
        p_value=p_value,
    )


def exact_test(units: Integers, null: Null, region: Region) -> tuple[float, float]:
    """Return the expected difference of the bins, and the probability of at least the observed one.

    The fit is taken as known; the units keep their numbers of answers.
    """
    difference = _difference([null.chances[int(n)] for n in units.sum(axis=1)])
    support = np.arange(len(difference)) - len(units)
    tail = difference[support >= sides(units, region).sum()].sum()
    return float(difference @ support), float(tail)


def units_with(units: Integers, by: Sequence[str], least: int) -> Integers:
    """Return the units that have enough answers.

    Raises
    ------
    ValueError
        If there are none.
    """
    enough = units[units.sum(axis=1) >= least]
    if not len(enough):
        raise ValueError(f"no unit of {', '.join(by)} has {least} answers or more.")
    return enough


def fitted_null(units: Integers, region: Region, start: Array | None = None) -> Null:
    """Fit the units outside the donut, given that they are outside.

    Parameters
    ----------
    units : numpy.ndarray, shape (units, 3)
        Detractors, passives and promoters.
    region : Region
        Target, bins and donut.
    start : numpy.ndarray, shape (3,), optional
        Where to begin the search.

    Returns
    -------
    Null

    Raises
    ------
    ValueError
        If no unit is outside.
    """
    answers = units.sum(axis=1)
    outside = sides(units, region._replace(width=region.donut)) == 0
    if not outside.any():
        raise ValueError(
            f"no unit lies more than {region.donut:g} points from the target {region.target:g}."
        )
    near = {int(n): _outcomes(int(n), region.target, region.donut) for n in np.unique(answers)}
    alpha = _fitted(units[outside], near, START if start is None else np.log(start))
    return Null(alpha, {n: _chances(alpha, _binned(ways, region)) for n, ways in near.items()})


def sides(units: Integers, region: Region) -> Integers:
    """Return 1 for units just above the target, -1 for those just below it, 0 for others."""
    return _side(units[:, 2] - units[:, 0], units.sum(axis=1), region.target, region.width)


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


@functools.lru_cache(maxsize=1024)
def _outcomes(n: int, target: float, width: float) -> _Outcomes:
    """Return the ways that end within `width` points of the target."""
    promoters, detractors = np.meshgrid(np.arange(n + 1), np.arange(n + 1))
    side = _side(promoters - detractors, np.full((n + 1, n + 1), n), target, width)
    near = (promoters + detractors <= n) & (side != 0)
    promoters, detractors = promoters[near], detractors[near]
    classes = np.stack([detractors, n - promoters - detractors, promoters])
    return _Outcomes(classes, side[near])


def _binned(ways: _Outcomes, region: Region) -> _Outcomes:
    """Return the ways of a donut that end in the bins."""
    net, answers = ways.classes[2] - ways.classes[0], ways.classes.sum(axis=0)
    return _Outcomes(ways.classes, _side(net, answers, region.target, region.width))


def _fitted(units: Integers, near: Mapping[int, _Outcomes], start: Array = START) -> Array:
    """Fit the distribution to units outside the donut, given that they are outside."""
    sizes, times = np.unique(units.sum(axis=1), return_counts=True)
    held = [near[int(n)].classes for n in sizes]
    size = np.repeat(np.arange(len(sizes)), [ways.shape[1] for ways in held])
    ways = np.concatenate(held, axis=1)

    def loss(logs: Array) -> tuple[float, Array]:
        alpha = np.exp(logs)
        chance = np.exp(_log_chance(alpha, ways))
        slopes = _slopes(alpha, ways) * chance
        room = 1 - np.minimum(np.bincount(size, chance, len(sizes)), MOST_INSIDE)
        lost = np.array([np.bincount(size, each, len(sizes)) for each in slopes]) / room
        value = times @ np.log(room) - _log_chance(alpha, units.T).sum()
        return float(value), -lost @ times - _slopes(alpha, units.T).sum(axis=1)

    return np.exp(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=BOUNDS).x)


def _log_chance(alpha: Array, classes: Integers) -> Array:
    """Return the logarithm of Dirichlet-multinomial probabilities, shape (ways,)."""
    n = classes.sum(axis=0)
    # Answers are few: tables of the gamma function over all numbers of answers are quick.
    numbers = np.arange(n.max(initial=0) + 1)
    factorial = gammaln(numbers + 1.0)
    each = gammaln(alpha[:, None] + numbers) - gammaln(alpha)[:, None] - factorial
    whole = factorial + gammaln(alpha.sum()) - gammaln(alpha.sum() + numbers)
    return np.asarray(whole[n] + sum(row[k] for row, k in zip(each, classes, strict=True)))


def _slopes(alpha: Array, classes: Integers) -> Array:
    """Return the slopes of `_log_chance` in the logarithms of alpha, shape (3, ways)."""
    n = classes.sum(axis=0)
    numbers = np.arange(n.max(initial=0) + 1)
    each = digamma(alpha[:, None] + numbers) - digamma(alpha)[:, None]
    whole = digamma(alpha.sum()) - digamma(alpha.sum() + numbers)
    inner = np.stack([row[k] for row, k in zip(each, classes, strict=True)])
    return np.asarray(alpha[:, None] * (inner + whole[n]))


def _chances(alpha: Array, ways: _Outcomes) -> Array:
    """Return the probabilities of being below the target, elsewhere, and above it."""
    if not ways.classes.size:
        return np.array([0.0, 1.0, 0.0])
    chance = np.exp(_log_chance(alpha, ways.classes))
    below, above = (float(chance[ways.side == side].sum()) for side in (-1, 1))
    return np.array([below, 1.0 - below - above, above])


def _difference(chances: list[Array]) -> Array:
    """Return the distribution of units above less units below, from -units to units."""
    found = np.ones(1)
    for each in chances:
        found = np.convolve(found, each)
    return found
