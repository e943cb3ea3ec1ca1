"""A year of the explorer's firm, simulated once for every setting that matters to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from nps_research.intervals import interval
from nps_research.market.estimands import NPS_VALUES, values
from nps_research.market.simulate import Market
from nps_research.market.sums import Sums, sums
from nps_research.market.tallies import HONEST, RECORDED
from nps_research.views import viewed

if TYPE_CHECKING:
    from nps_research.explorer.settings import Settings
    from nps_research.intervals import Interval
    from nps_research.market.mechanisms import Incentives
    from nps_research.market.regimes import Regime

    type Array = np.typing.NDArray[np.float64]
    type Integers = np.typing.NDArray[np.int64]

AGENTS, TEAMS, MONTHS = 10, 2, 12
SEED = 13
# A dragged slider passes the same places again; a world takes two kilobytes.
REMEMBERED = 4096
# Of the sampling intervals.
METHOD, LEVEL = "adjusted_wald", 0.95
POINTS = 100.0


@dataclass(frozen=True)
class Firm:
    """What a year depends on besides what is at work in it."""

    customers: int
    target: float
    draw: int

    @property
    def market(self) -> Market:
        """The market: everybody has incentives from the first month on."""
        return _market(self.customers, float(self.target))


@viewed
@dataclass(frozen=True, eq=False)
class Year:
    """What a year came to.

    Attributes
    ----------
    recorded, honest : numpy.ndarray of int64, shape (11,)
        Answers by score: in the firm's survey, and in one that nobody leans on.
    customers, churners : int
        Customers at the beginning, and how many of them left.
    target_reached, honest_target_reached : float
        Share of agents' quarters with five answers or more that ended at the target or above, by
        recorded and by honest score; NaN if there are none.
    """

    recorded: Integers
    honest: Integers
    customers: int
    churners: int
    target_reached: float
    honest_target_reached: float

    @cached_property
    def recorded_nps(self) -> Interval:
        """Recorded NPS in points with its sampling interval, arrays of one value."""
        return _nps(self.recorded)

    @cached_property
    def honest_nps(self) -> Interval:
        """Honest NPS in points with its sampling interval."""
        return _nps(self.honest)

    @property
    def inflation(self) -> float:
        """Recorded less honest NPS, in points."""
        return float(self.recorded_nps.estimate[0] - self.honest_nps.estimate[0])


def firm_of(settings: Settings) -> Firm:
    """Return the firm that some settings describe.

    Parameters
    ----------
    settings : Settings
        Position of the controls.

    Returns
    -------
    Firm
        Its size, its target and its draw of luck.

    Examples
    --------
    >>> from nps_research.explorer.settings import Settings
    >>> firm_of(Settings(customers=200)).market.customers
    200
    """
    return Firm(settings.customers, settings.target, settings.draw)


def year_of(firm: Firm, incentives: Incentives, regime: Regime | None) -> Year:
    """Return a year of a firm.

    Examples
    --------
    >>> from nps_research.market.mechanisms import Incentives
    >>> year = year_of(Firm(200, 40.0, 0), Incentives.none(), None)
    >>> bool((year.recorded == year.honest).all())
    True
    """
    of = Sums(numbers_of(firm, incentives, regime))
    found = values(of)
    return Year(
        recorded=of["scores"][RECORDED],
        honest=of["scores"][HONEST],
        customers=firm.customers,
        churners=int(found["churners"]),
        target_reached=float(found["target_reached"]),
        honest_target_reached=float(found["honest_target_reached"]),
    )


@lru_cache(maxsize=REMEMBERED)
def numbers_of(firm: Firm, incentives: Incentives, regime: Regime | None) -> Integers:
    """Simulate a year and add it up, once: the numbers of `Sums`, not to be changed."""
    run = firm.market.simulate(incentives, regime=regime, random_seed=SEED, replicate=firm.draw)
    numbers = sums(run).numbers
    numbers.setflags(write=False)
    return numbers


@lru_cache(maxsize=REMEMBERED)
def _market(customers: int, target: float) -> Market:
    size = Market(customers=customers, agents=AGENTS, teams=TEAMS, months=MONTHS, rollout=0)
    return size.with_values({"withholding.target": target})


def _nps(counts: Integers) -> Interval:
    found = interval(NPS_VALUES, counts[None], METHOD, LEVEL)
    return type(found)(*(POINTS * each for each in found))
