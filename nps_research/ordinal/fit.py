"""A fitted ordinal model: posterior draws, their diagnostics and what they say."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nps_research.diagnostics import (
    ConvergenceWarning,
    draws_view,
    refusal,
    summarise,
    summarise_laplace,
)
from nps_research.ordinal.archive import save_fit
from nps_research.ordinal.criticism import predictive_nps
from nps_research.ordinal.draws import ScoreDraws
from nps_research.ordinal.labels import quantity_names, reported_variables
from nps_research.ordinal.loo import loo, reloo
from nps_research.ordinal.reliability import calibration
from nps_research.ordinal.sensitivity import prior_sensitivity

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from nps_research.diagnostics import ConvergenceReport, LaplaceReport, SummaryTable
    from nps_research.ordinal.leaving_out import Outcome
    from nps_research.ordinal.loo import LooResult
    from nps_research.ordinal.model import OrdinalModel
    from nps_research.ordinal.posterior import Posterior
    from nps_research.views import View

# Variables that a summary begins with; those of groups follow.
FIRST = (
    *("cutpoints", "coefficients", "scale_coefficients", "cut_coefficients", "no_answer"),
    "steps_",
)


class OrdinalFit(ScoreDraws):
    """Posterior draws of an `OrdinalModel`.

    Parameters
    ----------
    idata : xarray.DataTree
        Groups ``posterior``, ``sample_stats`` and ``observed_data``, ready for ArviZ. Beside the
        parameters, the posterior holds the sampler's own coordinates ``sticks`` and ``raw_group``,
        which PyMC needs to predict from the model.
    model : OrdinalModel
        The model.
    posterior : Posterior
        What was sampled: the model's own, or that of other answers.
    settings : dict
        Arguments of `OrdinalModel.fit` that gave the draws.
    """

    def __init__(
        self,
        idata: xr.DataTree,
        model: OrdinalModel,
        posterior: Posterior,
        settings: dict[str, Any],
    ) -> None:
        super().__init__(idata["posterior"].to_dataset(), posterior.design, posterior.family)
        self.idata = idata
        self.model = model
        self.posterior = posterior
        self.settings = settings
        if not self.convergence.converged:
            warnings.warn(
                refusal(self.convergence),
                ConvergenceWarning,
                stacklevel=4,
            )

    def summary(self) -> SummaryTable:
        """Summarise the parameters.

        Returns
        -------
        SummaryTable
            A DataFrame with one row a parameter, named as by `OrdinalModel.maximum_likelihood`;
            group-level terms are ``sd(group)`` and ``group[level]``, steps of monotonic terms
            ``steps_x[step]``. Columns mean, sd, lower and upper (95 % equal-tailed), ess_bulk,
            ess_tail, r_hat, mcse_mean.
        """
        return self._summary

    @property
    def convergence(self) -> ConvergenceReport | LaplaceReport:
        """Whether the draws can be trusted.

        Chains must have R-hat < 1.01, effective sample sizes of at least 400 and no divergences;
        Laplace's approximation a Pareto k of at most 0.7.
        """
        report: ConvergenceReport | LaplaceReport = self._summary.attrs["convergence"]
        return report

    def posterior_predictive(
        self, by: str | Sequence[str] | None = None, random_seed: int | None = None
    ) -> xr.DataArray:
        """Replicate the observed count table from every posterior draw.

        The same as `replicated_counts`: dims chain, draw, the groups of `by`, score.
        """
        return self.replicated_counts(by, random_seed)

    def refit(self, counts: pd.DataFrame, *, random_seed: int | None = None) -> OrdinalFit:
        """Fit the same model, with the same settings, to other counts.

        Parameters
        ----------
        counts : pandas.DataFrame
            A count table with the same columns.
        random_seed : int, optional
            By default that of this fit.
        """
        settings = self.settings | ({} if random_seed is None else {"random_seed": random_seed})
        return self.model.with_counts(counts).fit(**settings)

    def loo(self, outcome: Outcome = "scores") -> LooResult:
        """Estimate how well the model predicts a respondent whom it has not seen.

        See `nps_research.ordinal.loo.loo`: leave-one-respondent-out, at the cost of one calculation
        a cell and score.
        """
        return loo(self, outcome)

    def reloo(self, outcome: Outcome = "scores", *, progressbar: bool | None = None) -> LooResult:
        """Do as `loo`, and refit the model wherever importance sampling cannot be trusted.

        Each refit takes as long as the fit; `progressbar` says whether to show how many are done,
        by default in a terminal or an open notebook.
        """
        return reloo(self, self._without, outcome, progressbar=progressbar)

    def calibration(self, **options: Any) -> pd.DataFrame:
        """Compare predicted with observed shares beyond every cut, by isotonic regression.

        See `nps_research.ordinal.reliability.calibration` for the options.
        """
        return calibration(self, **options)

    def predictive_nps(
        self, by: str | Sequence[str] | None = None, random_seed: int | None = None
    ) -> pd.DataFrame:
        """Compare every group's observed NPS with that of replicated answers.

        See `nps_research.ordinal.criticism.predictive_nps`.
        """
        return predictive_nps(self, by, random_seed=random_seed)

    def prior_sensitivity(self, by: str | Sequence[str] | None = None) -> pd.DataFrame:
        """Measure how parameters and NPS move when prior or likelihood is made stronger.

        See `nps_research.ordinal.sensitivity.prior_sensitivity`.
        """
        from nps_research.ordinal.log_prior import log_prior  # noqa: PLC0415  (slow to import)

        return prior_sensitivity(self, log_prior(self.parameters, self.posterior), by=by)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Save everything to one file, to be read by `nps_research.load_fit`.

        The file holds the model, the count table, the draws, the versions of the packages and the
        seed, and nothing that runs when it is read.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is false.
        """
        model = self.model.specification() | {"settings": self.settings}
        save_fit(path, model, self.model.counts, self.idata, overwrite=overwrite)

    def _without(self, counts: NDArray[np.float64], censored_n: NDArray[np.float64]) -> ScoreDraws:
        posterior = self.posterior.with_answers(counts, censored_n)
        drawn = self.model.sampled(posterior, **self.settings)["posterior"].to_dataset()
        return ScoreDraws(drawn, posterior.design, posterior.family)

    @cached_property
    def _summary(self) -> SummaryTable:
        names = sorted(reported_variables(self.parameters), key=_place)
        labels = [label for name in names for label in quantity_names(self.parameters[name])]
        method = summarise_laplace if self.settings["method"] == "laplace" else summarise
        return method(self.idata, names, labels)

    def _view(self) -> View:
        return draws_view(
            f"OrdinalFit({self.family.name}, {self.family.link}) {self.design}",
            self.convergence,
            random_seed=self.settings.get("random_seed"),
            numbers=self.summary(),
        )


def _place(variable: str) -> int:
    places = (place for place, start in enumerate(FIRST) if variable.startswith(start))
    return next(places, len(FIRST))
