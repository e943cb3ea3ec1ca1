"""Which mechanism did how much in one year: exact for few of them, sampled for many."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from nps_research.explorer.years import firm_of, numbers_of
from nps_research.market.estimands import values
from nps_research.market.mechanisms import Incentives
from nps_research.market.shapley import (
    Sampled,
    sampled_shapley_values,
    shapley_values,
)
from nps_research.market.sums import Sums
from nps_research.views import viewed

if TYPE_CHECKING:
    from nps_research.explorer.settings import Settings

    type Array = np.typing.NDArray[np.float64]
    type Integers = np.typing.NDArray[np.int64]

ESTIMANDS = ("observed_nps", "inflation", "churners")
# What agents do for the pay alone, beside the mechanisms: another effort on service.
PAY_ITSELF = "pay_itself"
# As many worlds fit into a sixth of a second: 2**6 combinations, or three orders of twelve
# mechanisms with their reverses.
MOST_WORLDS = 68


@viewed
class Contributions(NamedTuple):
    """What each mechanism did.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by mechanism. Columns `shapley` and `mcse`, its Monte Carlo standard error over
        orders, of every estimand. The sums are the whole change from a year without pay and
        mechanisms.
    orders : int
        Orders of joining that were sampled; 0 if all combinations were simulated.
    worlds : int
        Years that were simulated for it.
    """

    table: pd.DataFrame
    orders: int
    worlds: int

    @property
    def exact(self) -> bool:
        """Whether nothing was sampled."""
        return not self.orders

    def error(self, estimand: str) -> float:
        """Return the Monte Carlo standard error of a part, root mean square over mechanisms.

        That of each single mechanism rests on a few orders only, and is itself uncertain.
        """
        errors = self.table[estimand]["mcse"].drop(PAY_ITSELF, errors="ignore")
        return float(np.sqrt((errors**2).mean())) if len(errors) else 0.0


def contributions(settings: Settings) -> Contributions:
    """Share the change of a year out among the mechanisms at work.

    Parameters
    ----------
    settings : Settings
        Position of the controls.

    Returns
    -------
    Contributions
        Shapley values of the simulated year. Up to six mechanisms: exact, as in
        `nps_research.attribute`. Of more, a few orders in which they join are sampled, each with
        its reverse: what two mechanisms do together is then still shared without error, and the
        sum of all is exact.

    Examples
    --------
    >>> from nps_research.explorer.settings import Settings
    >>> found = contributions(Settings(incentives=Incentives(begging=1, gating=1), customers=200))
    >>> found.orders, found.worlds, found.table.columns.unique(0).tolist()
    (0, 4, ['observed_nps', 'inflation', 'churners'])
    """
    players = len(settings.active)
    if not players:
        return Contributions(_table(settings, _nobody()), orders=0, worlds=1)
    pairs = pairs_for(players)
    return _sampled(settings, players, pairs) if pairs else _all(settings, players)


def pairs_for(players: int) -> int:
    """Return how many pairs of orders are sampled; 0 where all combinations are few enough.

    Examples
    --------
    >>> [pairs_for(players) for players in (0, 6, 7, 12)]
    [0, 0, 5, 3]
    """
    if 1 << players <= MOST_WORLDS:
        return 0
    # All orders share the first and the last world.
    return (MOST_WORLDS - 2) // (2 * (players - 1))


def _nobody() -> Sampled:
    empty = np.empty((0, len(ESTIMANDS)))
    return Sampled(empty, empty)


def _all(settings: Settings, players: int) -> Contributions:
    """Simulate every combination."""
    worlds = 1 << players
    shares = shapley_values(_worth(settings, np.arange(worlds)))
    return Contributions(_table(settings, Sampled(shares, np.zeros_like(shares))), 0, worlds)


def _sampled(settings: Settings, players: int, pairs: int) -> Contributions:
    """Simulate the combinations that come about in some orders of joining."""
    worlds: list[int] = []

    def worth(coalitions: Integers) -> Array:
        worlds.extend(coalitions)
        return _worth(settings, coalitions)

    shares = sampled_shapley_values(worth, players, pairs, random_seed=settings.draw)
    return Contributions(_table(settings, shares), 2 * pairs, len(worlds))


def _worth(settings: Settings, coalitions: Integers) -> Array:
    """Return the estimands of combinations of mechanisms, shape (combinations, estimands)."""
    firm, regime, at_work = firm_of(settings), settings.regime, settings.at_work
    rows = []
    for coalition in coalitions:
        absent = [name for m, name in enumerate(settings.active) if not coalition >> m & 1]
        rows.append(numbers_of(firm, at_work.without(*absent), regime))
    return _estimates(rows)


def _pay_itself(settings: Settings) -> Array:
    """Return what pay does where no mechanism is at work."""
    firm, none = firm_of(settings), Incentives.none()
    years = [numbers_of(firm, none, each) for each in (None, settings.regime)]
    return np.diff(_estimates(years), axis=0)


def _estimates(rows: list[Integers]) -> Array:
    found = values(Sums(np.stack(rows)))
    return np.stack([found[name] for name in ESTIMANDS], axis=-1)


def _table(settings: Settings, shares: Sampled) -> pd.DataFrame:
    index, parts = list(settings.active), shares
    if settings.regime is not None:
        index = [PAY_ITSELF, *index]
        own = _pay_itself(settings)
        parts = Sampled(
            np.vstack([own, shares.values]), np.vstack([np.zeros_like(own), shares.errors])
        )
    columns = {
        (name, statistic): part[:, place]
        for place, name in enumerate(ESTIMANDS)
        for statistic, part in zip(("shapley", "mcse"), parts, strict=True)
    }
    table = pd.DataFrame(columns, index=pd.Index(index, name="mechanism", dtype="str"))
    return table.rename_axis(columns=["estimand", "statistic"])
