"""Which mechanism did how much: exact attribution over all combinations of mechanisms.

With the same shocks in every world an estimand is a function of the set of mechanisms at work,
and Shapley values share its change out without a remainder in every replicate. Chance enters only
because the next replicate has other shocks, and is measured by how much replicates differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.market.estimands import ESTIMANDS, values
from nps_research.market.grids import World, Worlds, simulated
from nps_research.market.mechanisms import Incentives
from nps_research.market.shapley import (
    dividends,
    first_in,
    interactions,
    last_in,
    shapley_values,
)
from nps_research.survey_files import unknown_name
from nps_research.views import View, viewed

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from nps_research.market.regimes import Regime
    from nps_research.market.simulate import Market

    type Array = NDArray[np.float64]

STATISTICS = ("shapley", "first_in", "last_in", "mcse")


@dataclass(frozen=True)
class Coalitions(Worlds):
    """Worlds with every combination of the mechanisms of a world.

    Parameters
    ----------
    world : World
        With all mechanisms: the players are those whose intensity is not 0.
    """

    world: World

    @property
    def players(self) -> tuple[str, ...]:
        """Names of the mechanisms: bit m of a position says whether player m is at work."""
        intensities = self.world.incentives.as_dict()
        return tuple(name for name, intensity in intensities.items() if intensity)

    def __len__(self) -> int:
        return 1 << len(self.players)

    def at(self, place: int) -> World:
        """Make the world in which the mechanisms whose bits are set are at work."""
        absent = [name for m, name in enumerate(self.players) if not place >> m & 1]
        return replace(self.world, incentives=self.world.incentives.without(*absent))


@viewed
@dataclass(frozen=True, eq=False)
class Attribution:
    """What every combination of mechanisms did, with the same shocks in all of them.

    Attributes
    ----------
    players : tuple of str
        Mechanisms.
    worth : dict of str to numpy.ndarray
        Value of each estimand, shape (2**players, replicates): bit m of a row says whether
        mechanism m was at work. NaN where a world has no such value.
    """

    players: tuple[str, ...]
    worth: dict[str, Array]

    def table(self, estimands: Sequence[str] | None = None) -> pd.DataFrame:
        """Return what each mechanism did to each estimand.

        Parameters
        ----------
        estimands : sequence of str, optional
            Which; by default all.

        Returns
        -------
        pandas.DataFrame
            Indexed by mechanism. Columns by estimand: `shapley`, whose sum is the whole effect;
            `first_in` and `last_in`, the effects of the mechanism alone and on top of all others;
            `mcse`, the Monte Carlo standard error of `shapley`. All are means over replicates.
        """
        columns: dict[tuple[str, str], Array] = {}
        for name in estimands or self.worth:
            game = self._game(name)
            shares = shapley_values(game)
            found = (_mean(shares), _mean(first_in(game)), _mean(last_in(game)), mcse(shares))
            columns |= {(name, each): part for each, part in zip(STATISTICS, found, strict=True)}
        table = pd.DataFrame(columns, index=pd.Index(self.players, name="mechanism"))
        return table.rename_axis(columns=["estimand", "statistic"])

    def totals(self) -> pd.DataFrame:
        """Return the whole effect on each estimand.

        Returns
        -------
        pandas.DataFrame
            Indexed by estimand: means `without` any and `with_all` mechanisms, their `change`, and
            its Monte Carlo standard error `mcse`.
        """
        games = np.stack(list(self.worth.values()))
        without, with_all = games[:, 0], games[:, -1]
        columns = {
            "without": _mean(without),
            "with_all": _mean(with_all),
            "change": _mean(with_all - without),
            "mcse": mcse(with_all - without),
        }
        return pd.DataFrame(columns, index=pd.Index(list(self.worth), name="estimand"))

    def replicates(self, estimand: str) -> pd.DataFrame:
        """Return Shapley values run by run, one row a replicate and one column a mechanism."""
        shares = shapley_values(self._game(estimand)).T
        return pd.DataFrame(shares, columns=list(self.players)).rename_axis("replicate")

    def interactions(self, estimand: str) -> pd.DataFrame:
        """Return how much more two mechanisms do together than apart.

        Returns
        -------
        pandas.DataFrame
            Shapley interaction indices, means over replicates, mechanisms by mechanisms: below 0
            where two do the same work.
        """
        indices = _mean(interactions(self._game(estimand)))
        return pd.DataFrame(indices, index=list(self.players), columns=list(self.players))

    def dividends(self, estimand: str, largest: int = 10) -> pd.DataFrame:
        """Return what combinations do beyond all smaller ones inside them.

        Parameters
        ----------
        estimand : str
            Which.
        largest : int
            How many combinations, those furthest from 0.

        Returns
        -------
        pandas.DataFrame
            Indexed by combination, such as "gating x editing": `dividend`, the mean over
            replicates, and its Monte Carlo standard error `mcse`.
        """
        found = dividends(self._game(estimand))[1:]
        means = _mean(found)
        kept = np.argsort(-np.abs(means), kind="stable")[:largest]
        table = pd.DataFrame({"dividend": means[kept], "mcse": mcse(found[kept])})
        return table.set_index(
            pd.Index([self._named(1 + each) for each in kept], name="mechanisms")
        )

    def _game(self, estimand: str) -> Array:
        _check(estimand, self.worth)
        return self.worth[estimand]

    def _named(self, coalition: int) -> str:
        return " x ".join(name for m, name in enumerate(self.players) if coalition >> m & 1)

    def _view(self) -> View:
        n = len(next(iter(self.worth.values())).T)
        title = (
            f"Attribution({len(self.worth)} estimands to {len(self.players)} mechanisms: "
            f"{', '.join(self.players)}; {n} replicates)"
        )
        return View(title, table=self.totals().dropna().round(2))


def attribute(  # noqa: PLR0913  (one argument for each thing that runs differ in)
    world: Market,
    incentives: Incentives,
    *,
    replicates: int = 20,
    random_seed: int = 0,
    regime: Regime | None = None,
    estimands: Sequence[str] | None = None,
    n_jobs: int = 1,
    folder: str | os.PathLike[str] | None = None,
    progressbar: bool | None = None,
) -> pd.DataFrame:
    """Attribute what incentives do to the mechanisms behind them, exactly.

    Parameters
    ----------
    world : Market
        The market.
    incentives : Incentives
        With all mechanisms; those whose intensity is 0 take no part. k of them need 2**k runs a
        replicate: 4,096 of all twelve.
    replicates : int
        Runs with other shocks, 2 or more for Monte Carlo errors.
    random_seed : int
        Root of all shocks.
    regime : Regime, optional
        What agents are paid for, in every world.
    estimands : sequence of str, optional
        Names from `nps_research.market.estimands.ESTIMANDS`; by default all.
    n_jobs : int
        Processes at once, as in joblib. ``joblib.parallel_config(backend="dask")`` makes this a
        matter of the cluster. It changes nothing in the result.
    folder : path-like, optional
        Finished runs are kept here and are not repeated, if the work is interrupted or continued
        with more replicates.
    progressbar : bool, optional
        Whether to show progress; by default in a terminal or an open notebook.

    Returns
    -------
    pandas.DataFrame
        Indexed by mechanism; columns `shapley`, `first_in`, `last_in` and `mcse` of every
        estimand: see `Attribution.table`.

    Raises
    ------
    ValueError
        If no mechanism is at work, or an estimand is unknown.

    See Also
    --------
    decompose : the same with interactions, totals and single replicates.

    Examples
    --------
    >>> from nps_research.market.simulate import Market
    >>> market = Market(customers=400, agents=4, teams=2, months=12)
    >>> table = attribute(market, Incentives(begging=1, gating=1), replicates=2)
    >>> table["observed_nps"].columns.tolist()
    ['shapley', 'first_in', 'last_in', 'mcse']
    """
    for name in estimands or ():
        _check(name, ESTIMANDS)
    found = decompose(
        world,
        incentives,
        replicates=replicates,
        random_seed=random_seed,
        regime=regime,
        n_jobs=n_jobs,
        folder=folder,
        progressbar=progressbar,
    )
    return found.table(estimands)


def decompose(
    world: Market,
    incentives: Incentives,
    *,
    replicates: int = 20,
    random_seed: int = 0,
    regime: Regime | None = None,
    n_jobs: int = 1,
    folder: str | os.PathLike[str] | None = None,
    progressbar: bool | None = None,
) -> Attribution:
    """Simulate all combinations of mechanisms, for every view of what each of them did.

    Parameters
    ----------
    world, incentives, replicates, random_seed, regime, n_jobs, folder, progressbar
        As in `attribute`.

    Returns
    -------
    Attribution

    Raises
    ------
    ValueError
        If no mechanism is at work.
    """
    coalitions = Coalitions(World(world, incentives, regime))
    if not coalitions.players:
        raise ValueError(
            "there is nothing to attribute: no mechanism is at work. Pass Incentives with an "
            "intensity other than 0, or Incentives.all()."
        )
    found = simulated(
        coalitions,
        replicates,
        random_seed=random_seed,
        n_jobs=n_jobs,
        folder=folder,
        progressbar=progressbar,
    )
    worth = {name: each.T for name, each in values(found).items()}
    return Attribution(coalitions.players, worth)


def mcse(draws: Array) -> Array:
    """Return the standard error of means over the last axis, NaN for a single draw.

    Examples
    --------
    >>> mcse(np.array([[1.0, 3.0], [2.0, 2.0]]))
    array([1., 0.])
    """
    n = draws.shape[-1]
    if n < 2:
        return np.full(draws.shape[:-1], np.nan)
    return np.asarray(draws.std(axis=-1, ddof=1) / np.sqrt(n))


def _check(estimand: str, known: Collection[str]) -> None:
    if estimand not in known:
        raise ValueError(unknown_name("estimand", estimand, known))


def _mean(draws: Array) -> Array:
    return np.asarray(draws.mean(axis=-1))
