"""A fitted ordinal model: posterior draws, their diagnostics and what they say."""

from __future__ import annotations

import html
import warnings
from functools import cached_property
from typing import TYPE_CHECKING

from nps_research.diagnostics import ConvergenceWarning, summarise
from nps_research.ordinal.draws import ScoreDraws

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from nps_research.diagnostics import ConvergenceReport, SummaryTable
    from nps_research.ordinal.design import Design
    from nps_research.ordinal.links import Link


class OrdinalFit(ScoreDraws):
    """Posterior draws of an `OrdinalModel`.

    Parameters
    ----------
    idata : xarray.DataTree
        Groups ``posterior``, ``sample_stats`` and ``observed_data``, ready for ArviZ. Beside the
        parameters, the posterior holds the sampler's own coordinates ``sticks`` and ``raw_group``,
        which PyMC needs to predict from the model.
    design : Design
        Cells of the count table.
    link : Link
        Latent distribution.
    """

    def __init__(self, idata: xr.DataTree, design: Design, link: Link) -> None:
        super().__init__(idata["posterior"].to_dataset(), design, link)
        self.idata = idata
        if not self.convergence.converged:
            warnings.warn(
                f"{self.convergence!r}. Do not report these draws: raise tune= and draws=, then "
                f"target_accept=, and look at fit.summary().",
                ConvergenceWarning,
                stacklevel=3,
            )

    def summary(self) -> SummaryTable:
        """Summarise the parameters.

        Returns
        -------
        SummaryTable
            A DataFrame with one row a parameter, named as by `OrdinalModel.maximum_likelihood`;
            group-level terms are ``sd(group)`` and ``group[level]``. Columns mean, sd, lower and
            upper (95 % equal-tailed), ess_bulk, ess_tail, r_hat, mcse_mean.
        """
        return self._summary

    @property
    def convergence(self) -> ConvergenceReport:
        """Whether the chains can be trusted: R-hat < 1.01, ESS >= 400, no divergences."""
        report: ConvergenceReport = self._summary.attrs["convergence"]
        return report

    def posterior_predictive(
        self, by: str | Sequence[str] | None = None, random_seed: int | None = None
    ) -> xr.DataArray:
        """Replicate the observed count table from every posterior draw.

        The same as `replicated_counts`: dims chain, draw, the groups of `by`, score.
        """
        return self.replicated_counts(by, random_seed)

    @cached_property
    def _summary(self) -> SummaryTable:
        names, labels = ["cutpoints"], list(self.parameters["cutpoint"].values)
        labels = [f"cutpoint[{label}]" for label in labels]
        if self.design.terms:
            names, labels = [*names, "coefficients"], [*labels, *self.design.terms]
        for grouping in self.design.groupings:
            names += [f"sd_{grouping.name}", f"effect_{grouping.name}"]
            labels += [f"sd({grouping.name})"]
            labels += [f"{grouping.name}[{level}]" for level in grouping.levels]
        return summarise(self.idata, names, labels)

    def __repr__(self) -> str:
        return f"OrdinalFit({self.link.name}) {self.design!r}\n{self.convergence!r}"

    def _repr_html_(self) -> str:
        lines = repr(self).splitlines()
        return "".join(f"<p>{html.escape(line)}</p>" for line in lines)
