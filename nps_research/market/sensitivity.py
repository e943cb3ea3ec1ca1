"""What a statement about the market depends on: numbers spread over their ranges.

`comparisons` simulates worlds at such points, `statements` tells where something holds; the names
needed together are all found here.
"""

from __future__ import annotations

import tomllib
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import qmc

from nps_research.market.comparisons import (
    Comparison,
    changes,
    compared,
    effects,
    is_size,
    pooled_scores,
    side_by_side,
)
from nps_research.market.defaults import FILE, defaults
from nps_research.market.statements import Statement, above, band, below, examine
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from nps_research.market.grids import World

    type Range = tuple[float, float]

__all__ = [
    "Comparison",
    "Statement",
    "above",
    "band",
    "below",
    "changes",
    "effects",
    "examine",
    "latin_hypercube",
    "pooled_scores",
    "possible",
    "ranges",
    "side_by_side",
    "temptation",
]


def ranges(*names: str, **own: Range) -> dict[str, Range]:
    """Return the ranges of numbers of the market, for `latin_hypercube`.

    Parameters
    ----------
    *names : str
        Numbers of `defaults()` such as "begging.shift", or whole sections such as "begging".
    **own : tuple of float
        Intensities of mechanisms and sizes of the market, which have no range of their own:
        lowest and highest value.

    Returns
    -------
    dict of str to tuple of float
        Lowest and highest value by name.

    Raises
    ------
    ValueError
        If there is no such number or section.

    Examples
    --------
    >>> ranges("gating.cut", gating=(0, 1))
    {'gating.cut': (-1.0, 0.5), 'gating': (0, 1)}
    >>> len(ranges("gating"))
    2
    """
    table = defaults()
    section = table.index.str.partition(".").get_level_values(0)
    found: dict[str, Range] = {}
    for name in names:
        rows = table[(table.index == name) | (section == name)]
        if rows.empty:
            raise ValueError(unknown_name("number of the market", name, [*table.index, *section]))
        found |= {str(each): (row["low"], row["high"]) for each, row in rows.iterrows()}
    return found | own


def latin_hypercube(
    where: Mapping[str, Range],
    points: int,
    *,
    random_seed: int,
    logarithmic: Collection[str] = (),
) -> pd.DataFrame:
    """Spread points over ranges: each number takes every part of its range once.

    Parameters
    ----------
    where : mapping of str to tuple of float
        Ranges by name, as `ranges` returns them.
    points : int
        How many.
    random_seed : int
        Makes them repeatable.
    logarithmic : collection of str
        Numbers that are spread evenly on the scale of their logarithm.

    Returns
    -------
    pandas.DataFrame
        One row a point, one column a number; whole numbers stay whole.

    Notes
    -----
    McKay, Beckman and Conover 1979, "A Comparison of Three Methods for Selecting Values of Input
    Variables in the Analysis of Output from a Computer Code".

    Examples
    --------
    >>> latin_hypercube({"gating.cut": (-1, 0.5)}, 3, random_seed=1).shape
    (3, 1)
    """
    unit = qmc.LatinHypercube(len(where), rng=random_seed).random(points)
    low, high = np.array(list(where.values()), dtype=float).T
    table = pd.DataFrame(low + unit * (high - low), columns=list(where))
    for name, share in zip(where, unit.T, strict=True):
        lowest, highest = where[name]
        if name in logarithmic:
            table[name] = lowest * (highest / lowest) ** share
        if name in _whole_numbers() or is_size(name):
            table[name] = lowest + np.floor(share * (highest - lowest + 1))
    return table.rename_axis("point")


@cache
def _whole_numbers() -> set[str]:
    sections = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {
        f"{section}.{name}"
        for section, entries in sections.items()
        for name, entry in entries.items()
        if entry.get("integer")
    }


def possible(points: pd.DataFrame, world: World) -> pd.DataFrame:
    """Leave out points at which numbers contradict one another.

    Parameters
    ----------
    points : pandas.DataFrame
        From `latin_hypercube`.
    world : World
        Whose numbers they replace.

    Returns
    -------
    pandas.DataFrame
        Numbered anew.
    """
    kept = [_exists(world, points.iloc[[place]]) for place in range(len(points))]
    return points[kept].reset_index(drop=True).rename_axis("point")


def _exists(world: World, point: pd.DataFrame) -> bool:
    try:
        compared([world], point)[0]
    except ValueError:
        return False
    return True


def temptation(points: pd.DataFrame, times: float = 2.0) -> pd.Series:
    """Return what the first unit of gaming is worth to an agent who is paid per point.

    Parameters
    ----------
    points : pandas.DataFrame
        With all numbers of "agency" that are motives and costs, "staff.gaming_shape",
        "crowding_out.motive" and "regime.worth".
    times : float
        Gaming propensity of the agent, in multiples of the mean.

    Returns
    -------
    pandas.Series
        In the units of the costs, times `agency.cost_service`: the agent games where it is above
        0, by the first-order conditions of `nps_research.market.regimes`.
    """
    agency = points.filter(like="agency.").rename(columns=lambda name: name.removeprefix("agency."))
    propensity = (times / (1.0 + points["staff.gaming_shape"])).clip(upper=1.0)
    psi = points["regime.worth"]
    service = psi * agency["score_service"] + agency["intrinsic"] * (
        1.0 - points["crowding_out.motive"]
    )
    gaming = propensity * psi * agency["score_gaming"] - agency["scruple"]
    return agency["cost_service"] * gaming - agency["cost_both"] * service
