"""Posterior draws of the inflation model: what changed, and how far scores are inflated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.diagnostics import INTERVAL_KIND, LaplaceReport, SummaryTable, draws_view
from nps_research.inflation.predictive import predictive_check
from nps_research.inflation.quantities import quantities
from nps_research.intervals import tail_probabilities
from nps_research.views import viewed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nps_research.inflation.curves import Array
    from nps_research.inflation.identification import Identification
    from nps_research.inflation.model import InflationModel
    from nps_research.views import View

FIRST = ("improvement", "reporting_shift", "honest_nps", "reported_nps", "inflation")
PROBABILITY = "probability_improved"
ERRORS = ["ess_bulk", "ess_tail", "r_hat", "mcse_mean"]
ADVICE = "raise draws=, or give the model another anchor: see identification."
COLUMNS = ["mean", "sd", "lower", "upper", *ERRORS, "identified"]


@viewed
@dataclass(frozen=True, eq=False)
class InflationFit:
    """Posterior draws of an `InflationModel`.

    Attributes
    ----------
    model : InflationModel
        The model.
    free : numpy.ndarray, shape (draws, parameters)
        Draws of its free numbers.
    convergence : LaplaceReport
        Whether the draws can be trusted.
    random_seed : int
        For what is drawn given the free numbers.
    seed : int or None
        That the fit was asked for.
    """

    model: InflationModel
    free: Array
    convergence: LaplaceReport
    random_seed: int
    seed: int | None = None

    @cached_property
    def draws(self) -> dict[str, Array]:
        """Draws by quantity.

        `improvement`, `reporting_shift` and their `sum` in total standard deviations of loyalty;
        `honest_nps`, `reported_nps` and `inflation` in points, of those who answer in paid groups;
        `honest_nps_everybody` of all their customers; `ten_inflation` a share; `reliability`;
        `churn_slope` in log odds a total standard deviation.
        """
        model = self.model
        return quantities(model.parameters, model.likelihood, self.free, self.random_seed)

    @property
    def identification(self) -> Identification:
        """What the table identifies, under which assumptions."""
        return self.model.identification

    @property
    def identified(self) -> Mapping[str, bool]:
        """Whether the data, not the prior alone, tell each quantity."""
        return self.identification.identified

    @property
    def anchors(self) -> tuple[str, ...]:
        """What the table has beside scores."""
        return self.identification.anchors

    def statement(self) -> str:
        """Say what is identified, by what, under which assumptions, and what is not."""
        return self.identification.statement()

    def correlation(self) -> float:
        """Return the posterior correlation of improvement and reporting shift.

        Near -1 the data tell only their sum.
        """
        both = self.draws["improvement"], self.draws["reporting_shift"]
        return float(np.corrcoef(*both)[0, 1])

    def summary(self, level: float = 0.9) -> SummaryTable:
        """Summarise the draws: mean, sd and an equal-tailed interval, one row a quantity.

        Parameters
        ----------
        level : float
            Probability inside the interval.

        Returns
        -------
        SummaryTable
            Columns mean, sd, lower, upper, ess_bulk, ess_tail, r_hat (missing: the draws are
            independent), mcse_mean and identified. attrs: interval, mass, convergence, statement,
            anchors.
        """
        names = [*FIRST, *(name for name in self.draws if name not in FIRST)]
        rows = {name: self._row(self.draws[name], level) for name in names}
        improved = (self.draws["improvement"] > 0).astype(float)
        rows[PROBABILITY] = [improved.mean(), *[np.nan] * 3, self._error(improved)]
        order = [*FIRST, PROBABILITY, *names[len(FIRST) :]]
        table = pd.DataFrame(rows, ["mean", "sd", "lower", "upper", "mcse_mean"]).T.loc[order]
        table[["ess_bulk", "ess_tail"]], table["r_hat"] = self.convergence.ess, np.nan
        table["identified"] = [self.identified.get(name, True) for name in order]
        return self._headed(table[COLUMNS].rename_axis("quantity"), level)

    def _headed(self, table: pd.DataFrame, level: float) -> SummaryTable:
        result, statement = SummaryTable(table), self.statement()
        kind = f"{100 * level:g} % {INTERVAL_KIND}s"
        result.heading = f"{kind}; {self.convergence}. {statement}"
        result.attrs = {
            "interval": INTERVAL_KIND,
            "mass": level,
            "convergence": self.convergence,
            "statement": statement,
            "anchors": self.anchors,
        }
        return result

    def predictive(self, level: float = 0.9) -> pd.DataFrame:
        """Check the model: statistics of every condition beside data simulated from the posterior.

        Parameters
        ----------
        level : float
            Probability inside the interval.

        Returns
        -------
        pandas.DataFrame
            Indexed by group, period, audit and statistic (nps, highest: share of the highest
            score, response_rate, churn_rate); columns observed, mean, lower, upper and p_value,
            twice the smaller tail. Too many of the highest score where people are paid is what
            `ten_inflation=True` is for. attrs: interval, mass.
        """
        return predictive_check(self, level)

    def _row(self, each: Array, level: float) -> list[float]:
        lower, upper = np.quantile(each, tail_probabilities(level))
        return [each.mean(), each.std(ddof=1), lower, upper, self._error(each)]

    def _error(self, each: Array) -> float:
        return float(each.std(ddof=1) / np.sqrt(self.convergence.ess))

    def _view(self) -> View:
        table = self.summary()
        view = draws_view(
            f"InflationFit: {self.model.size}",
            self.convergence,
            random_seed=self.seed,
            numbers=table,
            mass=table.attrs["mass"],
            advice=ADVICE,
        )
        told = self.identification.view("")
        return replace(
            view,
            facts={**view.facts, **told.facts},
            warnings=[*view.warnings, *told.warnings],
        )
