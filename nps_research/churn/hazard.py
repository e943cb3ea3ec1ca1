"""The chance to leave in every month after a score: a discrete-time hazard model of lifetimes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from nps_research.churn.hazard_draws import HazardDraws
from nps_research.churn.holdout import leave_one_out
from nps_research.churn.layout import Layout
from nps_research.churn.lifetimes import person_months
from nps_research.diagnostics import draws_view
from nps_research.ordinal.draws import ScoreDraws
from nps_research.ordinal.model import OrdinalModel
from nps_research.ordinal.priors import Priors
from nps_research.scale import RatingScale
from nps_research.survey_files import unknown_name
from nps_research.views import View, changed, viewed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from numpy.typing import NDArray

    from nps_research.churn.holdout import CustomerLoo
    from nps_research.churn.lifetimes import Lifetimes
    from nps_research.diagnostics import ConvergenceReport, LaplaceReport, SummaryTable
    from nps_research.ordinal.fit import OrdinalFit

Effect = Literal["monotone", "linear", "three steps", "top box", "full scale"]
EFFECTS: tuple[Effect, ...] = get_args(Effect)
TERMS: dict[Effect, str] = {
    "monotone": "mo(rating)",
    "linear": "rating_number",
    "three steps": "passive + promoter",
    "top box": "promoter",
    "full scale": "(1 | rating)",
}
# Columns that must differ between people: their effect cannot be seen otherwise.
CONTRASTS: dict[Effect, tuple[str, ...]] = {
    "monotone": (),
    "linear": ("rating_number",),
    "three steps": ("passive", "promoter"),
    "top box": ("promoter",),
    "full scale": (),
}
# Staying is 0 and leaving 1: a scale of its own for the engine.
STAYS_OR_LEAVES = RatingScale(0, 1, 0, 1)
# Half a customer who left among five: as weak as Jeffreys' prior of a share where leaving is rare,
# and around a tenth instead of around a half.
BASE_RATE = (4.5, 0.5)
# In latent standard deviations of 1.8 log odds. Real scores span more than 4 log odds from worst to
# best, so a prior of one standard deviation would pull the ends together.
EFFECT_SD = 2.0
# Typical differences of the baseline between months, as far as the data do not know better.
BASELINE_SD = 0.9
# True curves may be flat in places, and steps that are uniform on the simplex say they are not:
# intervals then miss them (benchmarks/churn_calibration.py). In shorter runs larger numbers covered
# flat curves less and steady ones a little more; with smaller ones chains hardly move.
STEP_CONCENTRATION = 0.15
# Chains turn slowly from one of the sparse steps to its neighbour.
MONOTONE: dict[str, Any] = {"draws": 3000, "tune": 500, "target_accept": 0.95}


def default_priors(effect: Effect, *, several_periods: bool) -> Priors:
    """Return the priors of a `HazardModel` that names none.

    The average hazard has a Beta prior with mean 10 % and the weight of five people. The whole
    effect of the score (from worst to best for "monotone", a contrast of classes for steps) is
    normal with a standard deviation of 3.6 log odds. Its steps from score to score are sparse
    (Dirichlet with a concentration of 0.15 a step): a few of them may be most of it, or all may
    have their part. Deviations of the baseline between periods have a half-normal standard
    deviation of 0.9 log odds, those of free scores of 3.6.

    Examples
    --------
    >>> default_priors("full scale", several_periods=True).terms
    {'sd(period)': 0.9, 'sd(rating)': 3.6}
    """
    terms = {"sd(period)": BASELINE_SD} if several_periods else {}
    if effect == "full scale":
        terms["sd(rating)"] = 3.6
    return Priors(
        concentration=BASE_RATE,
        coefficient_sd=EFFECT_SD,
        step_concentration=STEP_CONCENTRATION,
        terms=terms,
    )


@viewed
class HazardModel:
    """The probability to leave in a month, given that one was still there, by score.

    ``logit P(leave in month t | there, score) = baseline of the period of t + effect of the score``
    (+ covariates): proportional odds over time, which for the small hazards of a month is nearly
    proportional hazards. To check it, compare fits of `Lifetimes.until` and of later entry, or
    compare the curves with `survival.kaplan_meier`. Censored people count for the months in which
    they were watched; censoring must not depend on what they would have done, given the score.

    A monotone effect rises or falls at every score, if only by little. Its prior is sparse, so that
    it can be all but flat for several scores, and intervals of hazards contain the truth about as
    often where that is flat within classes as where it falls throughout
    (data/churn_calibration.json). But a ratio of hazards is always on one side of 1, also where
    both are truly alike. Whether neighbouring scores differ at all is a question for "full scale"
    or for `nps_research.churn.borders`.

    Lifetimes of one period, where nobody knows when people left, make it a logistic regression of
    leaving: then a hazard is the share that has left.

    Parameters
    ----------
    lifetimes : Lifetimes
        From `lifetimes` or `lifetimes_from_dates`.
    effect : {"monotone", "linear", "three steps", "top box", "full scale"}
        What the score does. "monotone": one free step between neighbouring scores, all in one
        direction, which the data choose. "linear": equal steps. "three steps": detractors,
        passives and promoters differ, and nobody else. "top box": promoters differ from all
        others. "full scale": every score has a hazard of its own, partially pooled, in no order.
        Scores that nobody gave are predicted, too, but every class of a step needs people.
    periods : sequence of int, optional
        Last months of periods of constant baseline hazard, such as (3, 6, 12). By default every
        month is a period. Baselines of periods are partially pooled.
    covariates : str
        Further terms of the formula, such as "segment + (1 | region)", of columns that `lifetimes`
        kept as predictors.
    link : {"logit", "cloglog", "probit", ...}
        "cloglog" gives proportional hazards in continuous time.
    priors : Priors, optional
        By default `default_priors`.

    Raises
    ------
    ValueError
        If the effect or a column is unknown, the periods do not fit, or nobody is in a class that
        the effect compares.

    Notes
    -----
    Singer and Willett 1993, "It's About Time: Using Discrete-Time Survival Analysis to Study
    Duration and the Timing of Events"; for the monotone effect Bürkner and Charpentier 2020,
    "Modelling Monotonic Effects of Ordinal Predictors in Bayesian Regression Models".

    Examples
    --------
    >>> import nps_research as npsr
    >>> from nps_research.churn.lifetimes import lifetimes
    >>> codes = {"yes": 1, "no": 0, "unknown": None}
    >>> table = npsr.load_counts("r_community")
    >>> users = lifetimes(table, months=None, churned="lapsed", outcomes=codes)
    >>> fit = HazardModel(users).fit(random_seed=1, progressbar=False)
    >>> bool(fit.hazard_ratio(of=(1, 4), to=(5, 6)).mean() > 2)
    True
    """

    def __init__(
        self,
        lifetimes: Lifetimes,
        effect: Effect = "monotone",
        *,
        periods: Sequence[int] | None = None,
        covariates: str = "",
        link: str = "logit",
        priors: Priors | None = None,
    ) -> None:
        if effect not in EFFECTS:
            raise ValueError(unknown_name("effect", effect, EFFECTS))
        self.lifetimes = lifetimes
        self.effect: Effect = effect
        self.periods = None if periods is None else list(periods)
        self.covariates = covariates
        self.link = link
        self.layout = Layout(lifetimes, self.periods)
        self._given_priors = priors
        self.priors = priors or default_priors(effect, several_periods=self._several)
        self.ordinal = OrdinalModel(
            self.formula,
            self._trials(),
            rating_scale=STAYS_OR_LEAVES,
            link=link,
            priors=self.priors,
        )

    @property
    def formula(self) -> str:
        """Formula of the engine, whose `score` is 1 in the month of leaving, else 0."""
        baseline = ["(1 | period)"] if self._several else []
        covariates = [self.covariates.strip()] if self.covariates.strip() else []
        return f"score ~ {' + '.join([TERMS[self.effect], *baseline, *covariates])}"

    @property
    def _several(self) -> bool:
        return len(self.layout.ends) > 1

    def _trials(self) -> pd.DataFrame:
        months = person_months(self.lifetimes, self.periods)
        table = self.layout.with_codings(months.rename(columns={"score": "rating"}))
        _check_contrasts(table, self.effect)
        return table.rename(columns={"churned": "score"})

    def prior(self, draws: int = 1000, random_seed: int | None = None) -> HazardDraws:
        """Draw from the prior, to see what it says about hazards before the data do.

        Examples
        --------
        >>> from nps_research.churn.lifetimes import lifetimes
        >>> table = pd.DataFrame({"score": [2, 9], "months": [3, 6], "churned": [1, 0]})
        >>> HazardModel(lifetimes(table)).prior(500, random_seed=1).hazard().dims
        ('chain', 'draw', 'score', 'period')
        """
        return HazardDraws(self.ordinal.prior(draws, random_seed), self.layout)

    def fit(
        self,
        draws: int | None = None,
        *,
        chains: int = 4,
        random_seed: int | None = None,
        progressbar: bool | None = None,
        **settings: Any,
    ) -> HazardFit:
        """Draw from the posterior; all settings are those of `OrdinalModel.fit`.

        Chains of a monotone effect move slowly, so that by default it has 3,000 draws, tune=500
        and target_accept=0.95. Laplace's approximation does not fit its sparse steps, and says so.

        Warns
        -----
        ConvergenceWarning
            If the draws cannot be trusted.
        """
        own = MONOTONE if self.effect == "monotone" else {}
        given = {} if draws is None else {"draws": draws}
        options = own | given | settings
        fitted = self.ordinal.fit(
            chains=chains, random_seed=random_seed, progressbar=progressbar, **options
        )
        return HazardFit(fitted, self)

    def with_lifetimes(self, lifetimes: Lifetimes) -> HazardModel:
        """Return the same model of other people."""
        return HazardModel(
            lifetimes,
            self.effect,
            periods=self.periods,
            covariates=self.covariates,
            link=self.link,
            priors=self._given_priors,
        )

    def __str__(self) -> str:
        baseline = f"{len(self.layout.ends)} periods" if self._several else "one period"
        return f"HazardModel({self.effect}, {self.link}, {baseline}) of {self.lifetimes.report}"

    def _view(self) -> View:
        return View(str(self), {"formula": self.formula, "priors": changed(self.priors)})


class HazardFit(HazardDraws):
    """Posterior draws of a `HazardModel`.

    Parameters
    ----------
    fitted : OrdinalFit
        Fit of the trials of all person-months.
    model : HazardModel
        The model.
    """

    def __init__(self, fitted: OrdinalFit, model: HazardModel) -> None:
        super().__init__(fitted, model.layout)
        self.ordinal = fitted
        self.model = model

    @property
    def idata(self) -> xr.DataTree:
        """Draws and statistics of the sampler, ready for ArviZ."""
        return self.ordinal.idata

    @property
    def convergence(self) -> ConvergenceReport | LaplaceReport:
        """Whether the draws can be trusted, as `OrdinalFit.convergence`."""
        return self.ordinal.convergence

    def summary(self) -> SummaryTable:
        """Summarise the parameters, in log odds, as `OrdinalFit.summary`."""
        return self.ordinal.summary()

    def refit(self, lifetimes: Lifetimes, *, random_seed: int | None = None) -> HazardFit:
        """Fit the same model, with the same settings, to other people: nothing is compiled."""
        settings = self.ordinal.settings
        if random_seed is not None:
            settings = settings | {"random_seed": random_seed}
        return self.model.with_lifetimes(lifetimes).fit(**settings)

    def loo(self) -> CustomerLoo:
        """Estimate how well the model predicts a customer whom it has not seen.

        The unit that is left out is the customer with all months, not the month. See
        `nps_research.churn.holdout.leave_one_out`.
        """
        return leave_one_out(self)

    def without(self, row: int) -> HazardDraws:
        """Return draws of the model fitted without one person of a row of the lifetimes.

        Parameters
        ----------
        row : int
            Position in ``model.lifetimes.counts``.
        """
        fitted, design = self.ordinal, self.ordinal.design
        counts = design.counts.copy()
        np.subtract.at(counts, self._trials_of(row), 1.0)
        posterior = fitted.posterior.with_answers(counts, design.censored_n)
        drawn = self.model.ordinal.sampled(posterior, **fitted.settings)["posterior"].to_dataset()
        return HazardDraws(ScoreDraws(drawn, posterior.design, posterior.family), self.layout)

    def _trials_of(self, row: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the cells of the engine in which a person of the row is, and what they did."""
        layout, people = self.layout, self.layout.columns()
        months = np.arange(people["entered"][row], people["months"][row])
        table = layout.kinds.iloc[[layout.kind[row]] * len(months)].reset_index(drop=True)
        table["rating"] = layout.scale.scores[layout.score[row]]
        table["period"] = layout.ends[layout.period_of_month[months]]
        known = self.ordinal.design.cells.table
        own = layout.with_codings(table)[list(known.columns)]
        keys = [pd.MultiIndex.from_frame(each.astype(object)) for each in (known, own)]
        last = months == people["months"][row] - 1
        return keys[0].get_indexer(keys[1]), last * people["churned"][row]

    def _view(self) -> View:
        return draws_view(
            f"HazardFit of {self.model}",
            self.convergence,
            random_seed=self.ordinal.settings.get("random_seed"),
            numbers=self.summary(),
        )


def _check_contrasts(months: pd.DataFrame, effect: Effect) -> None:
    """Refuse an effect whose groups of scores nobody, or everybody, gave."""
    for name in CONTRASTS[effect]:
        if months[name].min() == months[name].max():
            raise ValueError(
                f"the effect {effect!r} compares groups of scores, but the column {name!r} is "
                f"{months[name].iloc[0]} for everybody who was watched. Choose the effect "
                f"'monotone' or 'full scale', or add the other people."
            )
