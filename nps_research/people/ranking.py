"""What a ranking of units by their scores is worth: pairs, whole orders, the top, and bonuses.

Everything follows from one table: the joint distribution of a unit's true level and its score.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special
from scipy.stats import rankdata

from nps_research.diagnostics import INTERVAL_KIND, INTERVAL_MASS
from nps_research.intervals import tail_probabilities
from nps_research.ordinal.latent import SAMPLE_DIMS
from nps_research.people.score_sums import score_sums
from nps_research.people.units import metric_values
from nps_research.views import viewed

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from nps_research.people.units import Metric, Units

    type Array = NDArray[np.float64]

# True levels, in standard deviations: their mass beyond is below 1e-8.
REACH, LEVELS = 5.7, 480
# Scores are spread over so many cells at least, and gathered into so many at most.
FEWEST_CELLS, MOST_CELLS = 400, 1500
# The top of a ranking takes a calculation for each cell and outcome: fewer cells there.
CELLS_OF_THE_TOP = 240
NEGLIGIBLE = 1e-13


@viewed
class JointScores(NamedTuple):
    """Joint distribution of the true level and the score of a unit drawn at random.

    Attributes
    ----------
    levels : numpy.ndarray, shape (levels,)
        True levels, ascending: latent effects, or standard deviations in `normal_scores`.
    scores : numpy.ndarray, shape (scores,)
        Possible scores, ascending.
    mass : numpy.ndarray, shape (levels, scores)
        Probability of each cell.
    """

    levels: Array
    scores: Array
    mass: Array


def joint_scores(units: Units, n: int, metric: Metric = "nps") -> JointScores:
    """Return the joint distribution of an agent's true level and the score of n answers.

    Parameters
    ----------
    units : Units
        The population; agents over all teams.
    n : int
        Answers of each agent.
    metric : str or array_like
        As in `nps_research.people.unit_variance.components`, with whole numbers as values.

    Returns
    -------
    JointScores
        The distribution of the score at each level is exact. Equal scores are put in order by lot:
        each possible score is a stretch of cells.

    Raises
    ------
    ValueError
        If agents do not differ, so that there is no right order.
    """
    if units.total_sd == 0:
        raise ValueError(
            "agents who do not differ have no right order; found agent_sd and team_sd of 0. "
            "Every ranking of them is luck."
        )
    at = np.linspace(-REACH, REACH, LEVELS)
    weights = np.exp(-(at**2) / 2) / np.exp(-(at**2) / 2).sum()
    values = metric_values(metric, units.rating_scale)
    sums = score_sums(units.probabilities(units.total_sd * at), values, n)
    scores, mass = _gathered(sums.means, weights[:, None] * sums.probabilities)
    return JointScores(units.total_sd * at, scores, mass)


def normal_scores(reliability: float) -> JointScores:
    """Return the joint distribution if true levels and errors are normal.

    Parameters
    ----------
    reliability : float
        Squared correlation of score and truth, above 0 and below 1.

    Examples
    --------
    >>> round(pair_probability(normal_scores(0.5)), 4)
    0.75
    """
    if not 0 < reliability < 1:
        raise ValueError(f"reliability must be between 0 and 1; found {reliability}.")
    at, wide = np.linspace(-REACH, REACH, LEVELS), np.linspace(-REACH, REACH, MOST_CELLS)
    edges = np.concatenate([[-np.inf], (wide[1:] + wide[:-1]) / 2, [np.inf]])
    signal, noise = math.sqrt(reliability), math.sqrt(1 - reliability)
    below = special.ndtr((edges - signal * at[:, None]) / noise)
    weights = np.exp(-(at**2) / 2) / np.exp(-(at**2) / 2).sum()
    return JointScores(at, wide, weights[:, None] * np.diff(below, axis=1))


def pair_probability(joint: JointScores) -> float:
    """Return the probability that the better of two units drawn at random has the better score.

    Parameters
    ----------
    joint : JointScores
        Of one unit. Equal scores count one half.

    Returns
    -------
    float
        Probability.

    Notes
    -----
    For normal levels and errors it is 1/2 + arcsin(root of the reliability) / pi (Sheppard 1899,
    "On the Application of the Theory of Error to Cases of Normal Distribution and Normal
    Correlation"). Kendall's tau of scores and truth is twice this, less 1.

    Examples
    --------
    >>> round(pair_probability(normal_scores(0.8)), 2)
    0.85
    """
    return order_probability(joint, 2)


def order_probability(joint: JointScores, units: int) -> float:
    """Return the probability that the ranking of all units is right from the first to the last.

    Parameters
    ----------
    joint : JointScores
        Of one unit.
    units : int
        How many are ranked.

    Returns
    -------
    float
        Probability.

    Raises
    ------
    ValueError
        If there are fewer than two.

    Examples
    --------
    >>> round(order_probability(normal_scores(0.8), 5), 2)
    0.23
    """
    if units < 2:
        raise ValueError(f"a ranking has two units or more; found {units}.")
    return _extrapolated(lambda mass: _ordered(mass, units), joint.mass)


def chance_order_probability(units: int) -> float:
    """Return the probability that a ranking by lot is right: one in all orders.

    Parameters
    ----------
    units : int
        How many are ranked.

    Returns
    -------
    float
        Probability.

    Examples
    --------
    >>> chance_order_probability(4) == 1 / 24
    True
    """
    return 1 / math.factorial(units)


@viewed
class TopOfRanking(NamedTuple):
    """Who is at the top of a ranking.

    Attributes
    ----------
    precision : float
        Share of the top by score that is also in the top by true level.
    below_average : float
        Share of the top by score whose true level is below the median of the population.
    """

    precision: float
    below_average: float

    @property
    def luck(self) -> float:
        """Share of a bonus, equal for all at the top, that goes to units outside the true top."""
        return 1 - self.precision


def top_of_ranking(joint: JointScores, units: int, top: int) -> TopOfRanking:
    """Return how much of the top of a ranking belongs there.

    Parameters
    ----------
    joint : JointScores
        Of one unit.
    units : int
        How many are ranked.
    top : int
        How many of them are the top.

    Returns
    -------
    TopOfRanking

    Raises
    ------
    ValueError
        If the top is empty or holds everybody.

    Notes
    -----
    A unit in a cell is in the top by both if fewer than `top` of the others are above it in level,
    and in score; the others fall into the four quadrants around it independently.

    Examples
    --------
    >>> round(top_of_ranking(normal_scores(0.8), 40, 4).precision, 2)
    0.66
    """
    if not 1 <= top < units:
        raise ValueError(f"top must be from 1 to {units - 1} of {units} units; found {top}.")
    few = _merged(joint.mass, 1, -(-joint.mass.shape[1] // CELLS_OF_THE_TOP))
    both = _extrapolated(lambda mass: _top_by_both(mass, units - 1, top - 1), few)
    below = joint.mass[joint.levels < 0].sum(axis=0)
    chosen = special.bdtr(top - 1, units - 1, _above(joint.mass.sum(axis=0)))
    return TopOfRanking(both * units / top, float(below @ chosen) * units / top)


def ranks(draws: xr.DataArray, unit: str) -> xr.DataArray:
    """Return the rank of every unit in every draw, 1 for the highest.

    Parameters
    ----------
    draws : xarray.DataArray
        Dims chain, draw and the unit, as ``fit.nps(by="agent")`` returns.
    unit : str
        Name of the dimension.
    """
    axis = draws.get_axis_num(unit)
    return draws.copy(data=rankdata(-draws.to_numpy(), axis=axis)).rename("rank")


def rank_table(
    draws: xr.DataArray, unit: str, *, top: int = 1, mass: float = INTERVAL_MASS
) -> pd.DataFrame:
    """Say what the posterior knows about the place of each unit.

    Parameters
    ----------
    draws : xarray.DataArray
        As in `ranks`.
    unit : str
        Name of the dimension.
    top : int
        Size of the top.
    mass : float
        Probability inside the interval of the rank.

    Returns
    -------
    pandas.DataFrame
        One row a unit, best mean rank first: `rank` (posterior mean), `lower` and `upper`, `top`
        (probability to be among the first `top`) and `above_median` (probability to be in the
        better half). Ranks of posterior means would hide all of this (Goldstein and Spiegelhalter
        1996, "League Tables and Their Limitations").

    Examples
    --------
    >>> draws = xr.DataArray([[[9.0, 1.0], [8.0, 2.0]]], dims=("chain", "draw", "agent"))
    >>> rank_table(draws.assign_coords(agent=["a", "b"]), "agent")["rank"].tolist()
    [1.0, 2.0]
    """
    placed = ranks(draws, unit)
    tails = placed.quantile(tail_probabilities(mass), SAMPLE_DIMS)
    middle = (draws.sizes[unit] + 1) / 2
    columns = {
        "rank": placed.mean(SAMPLE_DIMS),
        "lower": tails.isel(quantile=0, drop=True),
        "upper": tails.isel(quantile=1, drop=True),
        "top": (placed <= top).mean(SAMPLE_DIMS),
        "above_median": (placed < middle).mean(SAMPLE_DIMS),
    }
    table = pd.DataFrame({name: values.to_series() for name, values in columns.items()})
    table.attrs["interval"] = f"{100 * mass:.0f} % {INTERVAL_KIND}"
    return table.sort_values("rank")


def pairs_decided(draws: xr.DataArray, unit: str, sure: float = 0.95) -> float:
    """Return the share of pairs of units whose order the posterior is sure of.

    Parameters
    ----------
    draws : xarray.DataArray
        As in `ranks`.
    unit : str
        Name of the dimension.
    sure : float
        Least posterior probability of the order of a pair.

    Returns
    -------
    float
        Share, from 0 to 1.

    Examples
    --------
    >>> draws = xr.DataArray([[[9.0, 1.0], [8.0, 2.0]]], dims=("chain", "draw", "agent"))
    >>> pairs_decided(draws.assign_coords(agent=["a", "b"]), "agent")
    1.0
    """
    samples = draws.stack(sample=SAMPLE_DIMS).transpose("sample", unit).to_numpy()
    every = range(samples.shape[1])
    above = np.array([(samples > samples[:, [one]]).mean(axis=0) for one in every])
    first, second = np.triu_indices(len(above), 1)
    return float((np.maximum(above, above.T)[first, second] >= sure).mean())


def _gathered(scores: Array, mass: Array) -> tuple[Array, Array]:
    """Leave out scores that do not occur, and spread or gather the others into cells."""
    kept = np.flatnonzero(mass.sum(axis=0) > NEGLIGIBLE)
    scores, mass = scores[kept[0] : kept[-1] + 1], mass[:, kept[0] : kept[-1] + 1]
    together = -(-len(scores) // MOST_CELLS)
    if together > 1:
        return scores[::together], _merged(mass, 1, together)
    # An even number of cells for each score, so that it can be halved.
    parts = 2 * -(-FEWEST_CELLS // (2 * len(scores)))
    return np.repeat(scores, parts), np.repeat(mass / parts, parts, axis=1)


def _below(mass: Array) -> Array:
    """Return the mass below each cell in both directions, with halves of its own row and column."""
    return _half_cumulated(_half_cumulated(mass, 0), 1)


def _half_cumulated(mass: Array, axis: int) -> Array:
    return np.asarray(np.cumsum(mass, axis=axis) - mass / 2)


def _above(mass: Array) -> Array:
    return np.asarray(mass.sum() - np.cumsum(mass) + mass / 2)


def _merged(mass: Array, rows: int, columns: int) -> Array:
    """Merge so many neighbouring rows, and columns, into one."""
    taller = np.add.reduceat(mass, np.arange(0, mass.shape[0], rows), axis=0)
    return np.asarray(np.add.reduceat(taller, np.arange(0, mass.shape[1], columns), axis=1))


def _extrapolated(probability: Callable[[Array], float], mass: Array) -> float:
    """Take the error of cells out, a fourth of which is left if they are half as wide.

    Richardson 1911, "The Approximate Arithmetical Solution by Finite Differences of Physical
    Problems Involving Differential Equations".
    """
    return (4 * probability(mass) - probability(_merged(mass, 2, 2))) / 3


def _ordered(mass: Array, units: int) -> float:
    """Return the probability that all units are in the same order by level and by score."""
    ordered = mass
    for number in range(2, units + 1):
        ordered = number * mass * _below(ordered)
    return float(ordered.sum())


def _quadrants(mass: Array) -> Array:
    """Return for each cell the chance that another unit is above in both, level, score, neither."""
    below = _below(mass)
    low_level = _half_cumulated(mass.sum(axis=1), 0)[:, None]
    low_score = _half_cumulated(mass.sum(axis=0), 0)
    total = mass.sum()
    both = total - low_level - low_score + below
    return np.stack([both, low_score - below, low_level - below, below])


def _top_by_both(mass: Array, others: int, most: int) -> float:
    """Return the chance that at most `most` of the others are above in level, and in score."""
    likely = mass > NEGLIGIBLE
    logs = np.log(np.maximum(_quadrants(mass)[:, likely], np.finfo(float).tiny))
    found = np.zeros(logs.shape[1])
    for together, level, score in np.ndindex((most + 1,) * 3):
        rest = others - together - level - score
        if together + max(level, score) <= most and rest >= 0:
            times = np.array([together, level, score, rest])
            ways = special.gammaln(others + 1) - special.gammaln(times + 1).sum()
            found += np.exp(ways + times @ logs)
    return float(mass[likely] @ found)
