"""Markets set to published figures, as far as there are any.

What no source gives keeps its default: these are illustrations that agree with a study where the
study speaks, not models of a firm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from nps_research.market.mechanisms import Incentives
from nps_research.market.simulate import Market
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from nps_research.market.regimes import Regime
    from nps_research.market.runs import Run

TRUE_DELTA = "TrueDelta 2007, about 1,700 buyers, as quoted by Autoblog and TTAC"
HVBP = "Ryan et al., Health Services Research (PMC4319872), hospital value-based purchasing"


@viewed
@dataclass(frozen=True)
class Scenario:
    """A market and its incentives, with what they were set to.

    Attributes
    ----------
    market : Market
        The market.
    incentives : Incentives
        What is at work in it.
    regime : Regime, optional
        What agents are paid for, if they optimise.
    figures : dict
        Published figure by quantity: value, and source with what was made of it.
    """

    market: Market
    incentives: Incentives
    regime: Regime | None = None
    figures: dict[str, tuple[float, str]] = field(default_factory=dict)

    def _view(self) -> View:
        facts = {
            "market": self.market,
            "incentives": self.incentives,
            "regime": self.regime,
            "figures": f"{', '.join(self.figures)}; sources() says where from",
        }
        return View("Scenario", facts)

    def simulate(self, *, random_seed: int, replicate: int = 0, record: bool = False) -> Run:
        """Let the market run once, as `Market.simulate` does."""
        return self.market.simulate(
            self.incentives,
            regime=self.regime,
            random_seed=random_seed,
            replicate=replicate,
            record=record,
        )

    def sources(self) -> pd.DataFrame:
        """List the published figures: `value` and `source`, indexed by quantity."""
        rows = {
            name: {"value": value, "source": text} for name, (value, text) in self.figures.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("quantity")


def car_dealer(market: Market | None = None) -> Scenario:
    """Return car dealers who plead for perfect scores.

    One customer in four is pressured and about half of those give way; nearly nobody is bribed.
    Intensities are these shares over the mean gaming propensity of the market's agents. Giving way
    means a 10 whatever the honest answer; the plea does nothing else. Other mechanisms are off.

    Parameters
    ----------
    market : Market, optional
        Sizes and all other numbers.

    Returns
    -------
    Scenario

    Examples
    --------
    >>> car_dealer().incentives
    Incentives(begging=0.75, bribing=0.1)
    """
    base = market or Market()
    pleading = {
        "begging.ten_intercept": 0.0,  # half of the customers, since compliance is symmetric
        "begging.shift": 0.0,
        "begging.shift_compliance": 0.0,
        "begging.lowest": 0,
    }
    staff = base.parameters.staff
    propensity = (1.0 - staff.honest_share) / (1.0 + staff.gaming_shape)
    offered = base.mechanisms.bribing.offered
    return Scenario(
        market=base.with_values(pleading),
        incentives=Incentives(
            begging=min(round(0.25 / propensity, 10), 1.0),
            bribing=min(round(0.02 / offered / propensity, 10), 1.0),
        ),
        figures={
            "pressured": (0.25, f"{TRUE_DELTA}: more than 1 in 4; taken as the share begged"),
            "complied given pressure": (
                0.5,
                f"{TRUE_DELTA}: about 1 in 8 inflate; taken to be half of those pressured",
            ),
            "bribed": (0.02, f"{TRUE_DELTA}: 2 % were watched, bribed or had the form filled in"),
        },
    )


def hospital(market: Market | None = None) -> Scenario:
    """Return hospitals that are paid for patient experience, asked by a third party.

    The study found no detectable effect, so no mechanism is at work. Switch some on to see which
    ones third-party collection leaves possible.

    Parameters
    ----------
    market : Market, optional
        Sizes and all other numbers.

    Returns
    -------
    Scenario

    Examples
    --------
    >>> hospital().market.third_party_collection
    True
    """
    base = market or Market()
    return Scenario(
        market=base.with_values({"third_party_collection": True}),
        incentives=Incentives.none(),
        figures={
            "effect": (-0.30, f"{HVBP}: percentage points of patient experience"),
            "effect, lower": (-0.79, f"{HVBP}: 95 % interval"),
            "effect, upper": (0.19, f"{HVBP}: 95 % interval"),
        },
    )
