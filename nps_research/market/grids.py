"""Many worlds with the same shocks: sweeps over incentives and over the numbers of the market."""

from __future__ import annotations

import hashlib
import itertools
import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache, partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import pandas as pd

from nps_research.market.estimands import values
from nps_research.market.mechanisms import MECHANISMS, Incentives
from nps_research.market.regimes import Regime
from nps_research.market.sums import Sums, sums
from nps_research.replication import replicated
from nps_research.session import session_information
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from nps_research.market.simulate import Market

REGIME = "regime"
FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class World:
    """A market, what is at work in it, and what its agents are paid for."""

    market: Market
    incentives: Incentives
    regime: Regime | None = None

    def with_value(self, name: str, value: Any) -> World:
        """Return a copy with one number changed, as `with_values`."""
        return self.with_values({name: value})

    def with_values(self, values: Mapping[str, Any]) -> World:
        """Return a copy with some numbers changed, all at once: some are possible only together.

        Parameters
        ----------
        values : mapping
            By name: a mechanism, for its intensity; ``"regime"``, or a field of it such as
            ``"regime.target"``; a field of the market such as ``"customers"``, or any number of
            `defaults()` such as ``"begging.shift"``.

        Raises
        ------
        ValueError
            If there is no such name, or a value is outside its range.
        """
        world, of_market = self, {}
        for name, value in values.items():
            first, _, rest = name.partition(".")
            if name in MECHANISMS:
                world = replace(world, incentives=replace(world.incentives, **{name: value}))
            elif first == REGIME:
                world = replace(world, regime=_regime_with(world.regime, rest, value))
            else:
                of_market[name] = value
        _check_names(self.market, of_market)
        return replace(world, market=world.market.with_values(of_market))


def _check_names(market: Market, names: Iterable[str]) -> None:
    for name in names:
        known = [*MECHANISMS, REGIME, *(each.name for each in fields(market))]
        if "." not in name and name not in known:
            raise ValueError(unknown_name("name to sweep over", name, known))


class Worlds(Sequence[World]):
    """Worlds that are made when they are asked for.

    A subclass is a dataclass: it travels to every process, and its fields say which of the stored
    runs are its own.
    """

    @abstractmethod
    def at(self, place: int) -> World:
        """Make one world; `place` is from 0 to one less than the number of worlds."""

    @overload
    def __getitem__(self, index: int) -> World: ...
    @overload
    def __getitem__(self, index: slice) -> list[World]: ...
    def __getitem__(self, index: int | slice) -> World | list[World]:
        places = range(len(self))[index]
        return self.at(places) if isinstance(places, int) else [self.at(each) for each in places]


@dataclass(frozen=True)
class Grid(Worlds):
    """Worlds for every combination of values, those of the last name varying fastest.

    Parameters
    ----------
    world : World
        What all have in common.
    axes : tuple of (str, tuple)
        Names, as in `World.with_value`, and the values of each.
    """

    world: World
    axes: tuple[tuple[str, tuple[Any, ...]], ...]

    def __len__(self) -> int:
        return prod(len(each) for _, each in self.axes)

    def at(self, place: int) -> World:
        """Make the world of one combination."""
        places = np.unravel_index(place, [len(each) for _, each in self.axes])
        values = {
            name: each[position] for (name, each), position in zip(self.axes, places, strict=True)
        }
        return self.world.with_values(values)

    def points(self) -> pd.DataFrame:
        """Return one row a world with the values that it has."""
        names = [name for name, _ in self.axes]
        return pd.DataFrame(
            list(itertools.product(*(each for _, each in self.axes))), columns=names
        )


def sweep(  # noqa: PLR0913  (one argument for each thing that runs differ in)
    market: Market,
    axes: Mapping[str, Sequence[Any]],
    replicates: int = 20,
    *,
    random_seed: int,
    incentives: Incentives = Incentives(),  # noqa: B008  (frozen: safe to share)
    regime: Regime | None = None,
    n_jobs: int = 1,
    folder: str | os.PathLike[str] | None = None,
    progressbar: bool | None = None,
) -> pd.DataFrame:
    """Simulate every combination of some values.

    Parameters
    ----------
    market : Market
        The market, as far as it is not swept over.
    axes : mapping of str to sequence
        Values by name. Names are mechanisms (their intensity), ``"regime"`` or ``"regime.target"``
        and the like, fields of the market, or any number of `defaults()` such as
        ``"begging.shift"``.
    replicates : int
        Runs of each combination. Run r has the same shocks in all of them.
    random_seed : int
        Root of all shocks.
    incentives : Incentives
        As far as they are not swept over.
    regime : Regime, optional
        What agents are paid for, if that is not swept over.
    n_jobs : int
        Processes at once, as in joblib. ``joblib.parallel_config(backend="dask")`` makes this a
        matter of the cluster. It changes nothing in the result.
    folder : path-like, optional
        Finished runs are kept here and are not repeated, if a sweep is interrupted or continued
        with more replicates. Different sweeps may share the folder.
    progressbar : bool, optional
        Whether to show progress; by default in a terminal or an open notebook.

    Returns
    -------
    pandas.DataFrame
        One row a combination and replicate: the values, `replicate`, and all estimands.

    Raises
    ------
    ValueError
        If a name is unknown, has no values, or a value is outside its range.

    Examples
    --------
    >>> from nps_research.market.simulate import Market
    >>> market = Market(customers=200, agents=4, teams=2, months=12)
    >>> table = sweep(market, {"begging": [0, 1]}, 3, random_seed=1)
    >>> table.groupby("begging")["honest_nps"].nunique().tolist()
    [3, 3]
    """
    grid = Grid(World(market, incentives, regime), _checked(axes))
    list(grid)  # refuses impossible values before anything runs
    found = simulated(
        grid,
        replicates,
        random_seed=random_seed,
        n_jobs=n_jobs,
        folder=folder,
        progressbar=progressbar,
    )
    points = grid.points()
    rows = points.loc[points.index.repeat(replicates)].reset_index(drop=True)
    rows["replicate"] = np.tile(np.arange(replicates), len(grid))
    estimates = {name: np.ravel(each.T) for name, each in values(found).items()}
    return pd.concat([rows, pd.DataFrame(estimates)], axis=1)


def simulated(
    worlds: Worlds,
    replicates: int,
    *,
    random_seed: int,
    n_jobs: int = 1,
    folder: str | os.PathLike[str] | None = None,
    progressbar: bool | None = None,
) -> Sums:
    """Simulate worlds, each several times, and add each run up.

    Parameters
    ----------
    worlds : Worlds
        Which.
    replicates, random_seed, n_jobs, folder, progressbar
        As in `sweep`.

    Returns
    -------
    Sums
        Of shape (replicates, worlds).
    """
    task = _Task(worlds, random_seed)
    found = replicated(
        partial(_run, task),
        replicates * len(worlds),
        identity=task.identity,
        n_jobs=n_jobs,
        folder=None if folder is None else Path(folder) / task.key,
        progressbar=progressbar,
    )
    return Sums(found["sums"].reshape(replicates, len(worlds), -1))


@dataclass(frozen=True)
class _Task:
    """Everything that a run depends on, but for its number."""

    worlds: Worlds
    random_seed: int

    @property
    def identity(self) -> dict[str, Any]:
        return {
            "task": described(self),
            "code": _code(),
            "versions": session_information()["version"].to_dict(),
        }

    @property
    def key(self) -> str:
        """Name of the folder of this task."""
        text = json.dumps(self.identity, sort_keys=True).encode()
        return f"{type(self.worlds).__name__.lower()}-{hashlib.sha256(text).hexdigest()[:16]}"


@cache
def _code() -> str:
    """Return the version of all files of the market."""
    files = sorted(each for each in FOLDER.iterdir() if each.suffix in {".py", ".toml"})
    return hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()


def _run(task: _Task, number: int) -> dict[str, Any]:
    """Simulate one world once. Its shocks are those of the replicate, whatever the world."""
    replicate, position = divmod(number, len(task.worlds))
    world = task.worlds[position]
    run = world.market.simulate(
        world.incentives, regime=world.regime, random_seed=task.random_seed, replicate=replicate
    )
    return {"sums": sums(run).numbers}


def described(thing: Any) -> Any:
    """Describe a value for JSON: dataclasses by their class and fields.

    Examples
    --------
    >>> described(Incentives.only("begging"))["begging"]
    1.0
    """
    if is_dataclass(thing):
        parts = {each.name: described(getattr(thing, each.name)) for each in fields(thing)}
        return {"class": type(thing).__name__, **parts}
    if isinstance(thing, (list, tuple)):
        return [described(each) for each in thing]
    if isinstance(thing, np.generic):
        return thing.item()
    return thing


def _regime_with(regime: Regime | None, name: str, value: Any) -> Regime | None:
    """Return another regime, or the same with one field changed."""
    if not name:
        given: Regime | None = value
        return given
    known = [each.name for each in fields(regime)] if regime else []
    if regime is None or name not in known:
        raise ValueError(unknown_name(f"field of {regime!r}", name, known))
    return replace(regime, **{name: value})


def _checked(axes: Mapping[str, Sequence[Any]]) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """Return axes that hold values, in their order."""
    checked = tuple((name, tuple(each)) for name, each in axes.items())
    for name, each in checked:
        if not each:
            raise ValueError(f"there is no value of {name!r} to sweep over: give at least one.")
    return checked
