"""What one sees at one position of the controls, computed in a fraction of a second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from nps_research.explorer.contributions import contributions
from nps_research.explorer.years import LEVEL, METHOD, firm_of, year_of
from nps_research.intervals import interval_kind
from nps_research.market.mechanisms import Incentives
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from nps_research.explorer.contributions import Contributions
    from nps_research.explorer.settings import Settings
    from nps_research.explorer.years import Year

INTERVAL = interval_kind(METHOD, LEVEL)


@viewed
@dataclass(frozen=True, eq=False)
class Outcome:
    """A year of one firm with incentives, and the same year without.

    Attributes
    ----------
    settings : Settings
        What was asked.
    without, with_incentives : Year
        The two years: the same customers and the same luck.
    contributions : Contributions
        Who did how much of the difference.
    """

    settings: Settings
    without: Year
    with_incentives: Year
    contributions: Contributions

    def scores(self) -> pd.DataFrame:
        """Return answers by survey and score, of both years."""
        years = {"without": self.without, "with incentives": self.with_incentives}
        rows = {
            (name, survey): getattr(year, survey)
            for name, year in years.items()
            for survey in ("recorded", "honest")
        }
        table = pd.DataFrame(rows).T
        return table.rename_axis(index=["year", "survey"], columns="score")

    def numbers(self) -> pd.DataFrame:
        """Return the numbers of both years, one column a year.

        Returns
        -------
        pandas.DataFrame
            Recorded and honest NPS in points with the limits of their sampling intervals
            (`INTERVAL`, of the answers of that year), inflation, answers, customers who left, and
            the share of agents' quarters that reached the target.
        """
        years = {"without": self.without, "with incentives": self.with_incentives}
        return pd.DataFrame({name: _numbers(year) for name, year in years.items()})

    def _view(self) -> View:
        found = self.contributions
        facts = {
            "interval": INTERVAL,
            "attribution": "exact" if found.exact else f"{found.orders} orders of joining",
            "Monte Carlo standard error of a part": found.error("observed_nps"),
        }
        return View(f"Outcome of {self.settings}", facts, table=self.numbers().round(1))


def outcome_of(settings: Settings) -> Outcome:
    """Simulate a year of one firm with incentives, without, and with parts of them.

    Parameters
    ----------
    settings : Settings
        Position of the controls.

    Returns
    -------
    Outcome
        Whatever it shows happened in this one firm with this one draw of luck: another draw, the
        setting `draw`, shows what is luck.

    Examples
    --------
    >>> from nps_research.explorer.settings import Settings
    >>> quiet = outcome_of(Settings(strength=0, incentives=Incentives.all(), customers=200))
    >>> quiet.with_incentives.inflation
    0.0
    """
    firm = firm_of(settings)
    return Outcome(
        settings=settings,
        without=year_of(firm, Incentives.none(), None),
        with_incentives=year_of(firm, settings.at_work, settings.regime),
        contributions=contributions(settings),
    )


def _numbers(year: Year) -> dict[str, float]:
    recorded, honest = year.recorded_nps, year.honest_nps
    return {
        "recorded NPS": recorded.estimate[0],
        "recorded NPS, lower": recorded.lower[0],
        "recorded NPS, upper": recorded.upper[0],
        "honest NPS": honest.estimate[0],
        "honest NPS, lower": honest.lower[0],
        "honest NPS, upper": honest.upper[0],
        "inflation": year.inflation,
        "recorded answers": year.recorded.sum(),
        "honest answers": year.honest.sum(),
        "customers who left": year.churners,
        "quarters at target": year.target_reached,
        "quarters at target, honest": year.honest_target_reached,
    }
