"""Whether scores of units pile up just above a target that pays.

The test knows the lattice on which scores of n answers lie, keeps every unit's n, and takes into
account that what is expected was estimated (parametric bootstrap). The core is that of
`nps_research.market.bunching`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from nps_research.market.bunching import (
    LEAST_ANSWERS,
    POINTS,
    Null,
    Region,
    exact_test,
    fitted_null,
    sides,
    unit_classes,
    units_with,
)
from nps_research.views import viewed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    type Array = NDArray[np.float64]
    type Integers = NDArray[np.int64]

# Equal values differ by rounding.
ROUNDING = 1e-9
INNOCENT = (
    "Honest reasons for scores just above a target: a target that was set at last year's score, "
    "units that were split or merged when they missed it, or a real last effort in service before "
    "the end of the period."
)


@viewed
@dataclass(frozen=True)
class TargetBunching:
    """Units around a target, and how surprising they are.

    Attributes
    ----------
    units : int
        Units with enough answers.
    above, below : int
        Units from the target to `width` points above it, and up to `width` points below it.
    expected : float
        Expected `above` less `below` if nobody knows of the target.
    z : float
        Observed less expected difference in its standard deviations, if the fit is taken as known.
    p_value : float
        Share of simulated sets of units that know of no target with as large a `z`, fitted anew;
        without simulation, the exact probability given the fit.
    mcse : float
        Monte Carlo standard error of `p_value`.
    target, width, donut : float
        In points.
    """

    units: int
    above: int
    below: int
    expected: float
    z: float
    p_value: float
    mcse: float
    target: float
    width: float
    donut: float
    innocent: str = INNOCENT

    @property
    def excess(self) -> float:
        """Units more above than below, beyond what is expected."""
        return self.above - self.below - self.expected

    @property
    def text(self) -> str:
        """What was found, in words."""
        return (
            f"Of {self.units} units, {self.above} ended within {self.width:g} points above the "
            f"target of {self.target:g} and {self.below} within {self.width:g} below it, a "
            f"difference of {self.above - self.below}. Units of the same numbers of answers that "
            f"know of no target would show {self.expected:.1f}, and so large a difference with "
            f"probability {self.p_value:.3f}. {self.innocent}"
        )


def target_bunching(
    counts: pd.DataFrame,
    by: Sequence[str],
    *,
    target: float,
    width: float = 6.0,
    donut: float | None = None,
    least: int = LEAST_ANSWERS,
    resamples: int = 199,
    random_seed: int,
) -> TargetBunching:
    """Test whether units' scores pile up just above a target.

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
    donut : float, optional
        Units up to so many points from the target do not enter the fit of what is expected: as far
        as units may have been moved. By default `width`.
    least : int
        Units with fewer answers are left out.
    resamples : int
        Simulated sets of units; 0 for none, which is quick, and takes the fit as known.
    random_seed : int
        Makes the simulation repeatable.

    Returns
    -------
    TargetBunching

    Raises
    ------
    ValueError
        If no unit has enough answers, none lies outside the donut, or the donut is smaller than the
        bins.

    Notes
    -----
    Kleven 2016, "Bunching", has the method for continuous outcomes. Here the classes of a unit's
    answers have a Dirichlet-multinomial distribution, fitted to the units outside the donut, given
    that they are outside; simulated units keep their numbers of answers.

    Examples
    --------
    >>> rows = [(unit, score, 1 + (unit * score) % 4) for unit in range(60) for score in (3, 8, 10)]
    >>> counts = pd.DataFrame(rows, columns=["unit", "score", "n"])
    >>> found = target_bunching(counts, ["unit"], target=20, resamples=19, random_seed=1)
    >>> found.units, found.above, found.below
    (45, 0, 15)
    """
    region = Region(target, width, width if donut is None else donut)
    _check(region, resamples)
    units = units_with(unit_classes(counts, by), by, least)
    null = fitted_null(units, region)
    z = _z(units, null, region)
    expected, p_value = exact_test(units, null, region)
    mcse = 0.0
    if resamples:
        simulated = _simulated(units, null, region, resamples, np.random.default_rng(random_seed))
        p_value = (1 + int((simulated >= z - ROUNDING).sum())) / (1 + len(simulated))
        mcse = float(np.sqrt(p_value * (1 - p_value) / (1 + len(simulated))))
    observed = sides(units, region)
    return TargetBunching(
        units=len(units),
        above=int((observed == 1).sum()),
        below=int((observed == -1).sum()),
        expected=expected,
        z=z,
        p_value=p_value,
        mcse=mcse,
        **region._asdict(),
    )


def lattice_null(
    answers: Sequence[int], shares: Sequence[float], *, target: float, width: float = 6.0
) -> pd.DataFrame:
    """Compute what bunching of honest units looks like, by number of answers.

    Parameters
    ----------
    answers : sequence of int
        Numbers of answers.
    shares : sequence of float
        Detractors, passives and promoters among the answers of every unit.
    target, width : float
        In points.

    Returns
    -------
    pandas.DataFrame
        Indexed by `answers`: `step`, the distance between possible scores in points; `above` and
        `below`, the probabilities of the two bins; `ratio`, the first by the second.

    Examples
    --------
    >>> lattice_null([20, 25, 30, 40], (0.24, 0.2, 0.56), target=40)["ratio"].round(2).tolist()
    [1.77, 1.75, 1.74, 1.18]
    """
    region = Region(target, width, width)
    alike = np.asarray(shares, dtype=float) / np.sum(shares)
    rows = []
    for n in answers:
        low, high = np.meshgrid(np.arange(n + 1), np.arange(n + 1))
        classes = np.stack([low, n - low - high, high]).reshape(3, -1)
        classes = classes[:, classes[1] >= 0]
        chance = _multinomial(classes, alike)
        side = sides(classes.T, region)
        rows.append((chance[side == 1].sum(), chance[side == -1].sum()))
    table = pd.DataFrame(rows, columns=["above", "below"], index=pd.Index(answers, name="answers"))
    table.insert(0, "step", POINTS / table.index.to_numpy())
    with np.errstate(divide="ignore", invalid="ignore"):
        return table.assign(ratio=table["above"].to_numpy() / table["below"].to_numpy())


def _multinomial(classes: Integers, shares: Array) -> Array:
    ways = special.gammaln(classes.sum(axis=0) + 1) - special.gammaln(classes + 1).sum(axis=0)
    return np.exp(ways + special.xlogy(classes, shares[:, None]).sum(axis=0))


def _z(units: Integers, null: Null, region: Region) -> float:
    """Return the difference of the bins beyond what is expected, in standard deviations."""
    chances = np.array([null.chances[int(n)] for n in units.sum(axis=1)])
    mean, square = chances[:, 2] - chances[:, 0], chances[:, 2] + chances[:, 0]
    sd = float(np.sqrt((square - mean**2).sum()))
    difference = float(sides(units, region).sum() - mean.sum())
    return difference / sd if sd > 0 else 0.0


def _simulated(
    units: Integers, null: Null, region: Region, resamples: int, generator: np.random.Generator
) -> Array:
    """Return `z` of units that know of no target, each set fitted anew."""
    answers = units.sum(axis=1)
    found = []
    for _ in range(resamples):
        shares = generator.dirichlet(null.alpha, len(answers))
        drawn = generator.multinomial(answers, shares)
        if (sides(drawn, region._replace(width=region.donut)) == 0).any():
            found.append(_z(drawn, fitted_null(drawn, region, null.alpha), region))
    return np.array(found)


def _check(region: Region, resamples: int) -> None:
    if region.donut < region.width:
        raise ValueError(
            f"the donut of {region.donut:g} points must not be smaller than the bins of "
            f"{region.width:g}: units in them would enter the fit of what is expected of them."
        )
    if resamples < 0:
        raise ValueError(f"resamples must be 0 or more; found {resamples}.")
