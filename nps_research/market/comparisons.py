"""Worlds side by side, with the same shocks, at one point or at many."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.market.estimands import values
from nps_research.market.fingerprints import measures, traces
from nps_research.market.grids import REGIME, World, Worlds, simulated
from nps_research.market.mechanisms import MECHANISMS
from nps_research.replication import replicated
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from nps_research.market.runs import Run

KEYS = ("world", "point", "replicate")


@dataclass(frozen=True)
class Comparison(Worlds):
    """Some worlds at every one of some points.

    Parameters
    ----------
    worlds : tuple of World
        To be compared.
    names : tuple of str
        Numbers that vary, as in `World.with_value`. An intensity multiplies that of a world, so
        that a mechanism which is off stays off; a field of the regime concerns the worlds whose
        regime has it.
    points : tuple of tuple of float
        Values of those numbers.
    """

    worlds: tuple[World, ...]
    names: tuple[str, ...] = ()
    points: tuple[tuple[float, ...], ...] = ((),)

    def __len__(self) -> int:
        return len(self.worlds) * len(self.points)

    def at(self, place: int) -> World:
        """Make one of the worlds at one of the points; worlds vary fastest."""
        point, number = divmod(place, len(self.worlds))
        values_here = dict(zip(self.names, self.points[point], strict=True))
        return _moved(self.worlds[number], values_here)


def _moved(world: World, numbers: Mapping[str, float]) -> World:
    """Return the world with its own part of the numbers."""
    intensities = world.incentives.as_dict()
    known = vars(world.regime) if world.regime else {}
    own: dict[str, float] = {}
    for name, value in numbers.items():
        if name in MECHANISMS:
            own[name] = value * intensities[name]
        elif not name.startswith(REGIME) or name.partition(".")[2] in known:
            own[name] = int(value) if is_size(name) else value
    return world.with_values(own)


def is_size(name: str) -> bool:
    """Tell fields of the market such as "months" from numbers of `defaults()` and intensities."""
    return "." not in name and name not in MECHANISMS


def side_by_side(  # noqa: PLR0913  (one argument for each thing that runs differ in)
    worlds: Mapping[str, World],
    replicates: int = 20,
    *,
    random_seed: int,
    points: pd.DataFrame | None = None,
    measure: Callable[[Run], Mapping[str, float]] | None = None,
    record: bool = False,
    n_jobs: int = 1,
    folder: str | os.PathLike[str] | None = None,
    progressbar: bool | None = None,
) -> pd.DataFrame:
    """Simulate worlds with the same shocks, at one point or at many.

    Parameters
    ----------
    worlds : mapping of str to World
        By name.
    replicates : int
        Runs of each; run r has the same shocks in all worlds and at all points.
    random_seed : int
        Root of all shocks.
    points : pandas.DataFrame, optional
        From `latin_hypercube`: numbers that all worlds take in turn.
    measure : callable, optional
        What to compute from each run, in place of the estimands.
    record : bool
        Whether a `measure` reads the loyalty, experience or sentiment of customers.
    n_jobs, folder, progressbar
        As in `sweep`; `folder` is not used with a `measure`.

    Returns
    -------
    pandas.DataFrame
        Indexed by `world`, `point` and `replicate`; columns: all estimands, and the `traces` and
        `measures` of `nps_research.market.fingerprints`, or what `measure` returns.

    Examples
    --------
    >>> from nps_research.market.mechanisms import Incentives
    >>> from nps_research.market.simulate import Market
    >>> market = Market(customers=200, agents=4, teams=2, months=12, rollout=3)
    >>> worlds = {name: World(market, each) for name, each in
    ...           {"none": Incentives(), "begging": Incentives(begging=1)}.items()}
    >>> table = side_by_side(worlds, 2, random_seed=1)
    >>> changes(table, "none").index.unique("world").tolist()
    ['begging']
    """
    places = compared(list(worlds.values()), points)
    if measure is None:
        of = simulated(
            places,
            replicates,
            random_seed=random_seed,
            n_jobs=n_jobs,
            folder=folder,
            progressbar=progressbar,
        )
        columns = values(of) | traces(of) | measures(of)
    else:
        task = partial(_measured, places, measure, record, random_seed)
        runs = replicates * len(places)
        columns = replicated(task, runs, identity={}, n_jobs=n_jobs, progressbar=progressbar)
    shape = (replicates, len(places.points), len(worlds))
    flat = {name: each.reshape(shape).T.ravel() for name, each in columns.items()}
    return pd.DataFrame(flat, index=_index(list(worlds), shape[1], replicates))


def _index(worlds: list[str], points: int, replicates: int) -> pd.MultiIndex:
    """Keep the levels in the order given: an index in order is fast to look up."""
    levels: list[list[str] | list[int]] = [worlds, [*range(points)], [*range(replicates)]]
    codes = np.indices([len(each) for each in levels]).reshape(len(levels), -1)
    return pd.MultiIndex(levels=levels, codes=codes.tolist(), names=KEYS)


def compared(worlds: Sequence[World], points: pd.DataFrame | None = None) -> Comparison:
    """Return some worlds at every one of some points.

    Parameters
    ----------
    worlds : sequence of World
        To be compared.
    points : pandas.DataFrame, optional
        From `latin_hypercube`; by default the worlds as they are.

    Raises
    ------
    ValueError
        If there is no world.
    """
    if not worlds:
        raise ValueError("there is no world to simulate: give at least one by name.")
    if points is None:
        return Comparison(tuple(worlds))
    rows = tuple(tuple(map(float, row)) for row in points.to_numpy())
    return Comparison(tuple(worlds), tuple(map(str, points.columns)), rows)


def _measured(
    worlds: Worlds,
    measure: Callable[[Run], Mapping[str, float]],
    record: bool,
    random_seed: int,
    number: int,
) -> Mapping[str, float]:
    replicate, position = divmod(number, len(worlds))
    world = worlds[position]
    return measure(
        world.market.simulate(
            world.incentives,
            regime=world.regime,
            random_seed=random_seed,
            replicate=replicate,
            record=record,
        )
    )


def pooled_scores(
    worlds: Mapping[str, World],
    replicates: int = 20,
    *,
    random_seed: int,
    n_jobs: int = 1,
    progressbar: bool | None = None,
) -> pd.DataFrame:
    """Add up the answers of all runs of some worlds.

    Parameters
    ----------
    worlds, replicates, random_seed, n_jobs, progressbar
        As in `side_by_side`.

    Returns
    -------
    pandas.DataFrame
        Answers in months with incentives, indexed by `world` and `survey` (recorded, honest,
        census), one column a score.
    """
    places = compared(list(worlds.values()))
    of = simulated(
        places, replicates, random_seed=random_seed, n_jobs=n_jobs, progressbar=progressbar
    )
    scores = of["scores"].sum(axis=0)
    index = pd.MultiIndex.from_product(
        [list(worlds), ["recorded", "honest", "census"]], names=["world", "survey"]
    )
    table = pd.DataFrame(scores.reshape(len(index), -1), index=index)
    return table.rename_axis(columns="score")


def changes(table: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Subtract a world from all others, run by run, with the same shocks.

    Parameters
    ----------
    table : pandas.DataFrame
        From `side_by_side`.
    baseline : str
        World to be subtracted.

    Returns
    -------
    pandas.DataFrame
        As `table`, without the baseline.

    Raises
    ------
    ValueError
        If there is no such world.
    """
    names = table.index.unique("world")
    if baseline not in names:
        raise ValueError(unknown_name("world", baseline, list(names)))
    others = table.drop(index=baseline, level="world")
    repeated = np.tile(table.loc[baseline].to_numpy(), (len(names) - 1, 1))
    return others - repeated


def effects(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Average over replicates.

    Parameters
    ----------
    table : pandas.DataFrame
        From `side_by_side` or `changes`.
    *columns : str
        Which; all by default.

    Returns
    -------
    pandas.DataFrame
        Indexed by `world` and `point`; for each column its `mean` and Monte Carlo standard error
        `mcse`. One world at one point has one row.
    """
    shown = table[list(columns)] if columns else table
    groups = shown.groupby(level=["world", "point"], sort=False)
    parts = {"mean": groups.mean(), "mcse": groups.sem()}
    return pd.concat(parts, axis=1).swaplevel(axis=1)[shown.columns]
