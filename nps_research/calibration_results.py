"""What a calibration found: ranks and whether they are uniform, errors, coverage and failures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.uniformity import holm, uniformity_p
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

LEVELS = (0.5, 0.8, 0.95)


@viewed
@dataclass(frozen=True, eq=False)
class SbcResult:
    """Ranks, errors and failures of all replicates.

    Attributes
    ----------
    quantities : list of str
        Names of parameters and of what follows from them.
    draws : int
        Draws among which true values were ranked: ranks go from 0 to this.
    truth, mean, sd : numpy.ndarray
        True values, posterior means and standard deviations, shape (replicates, quantities); NaN
        in a failed replicate.
    rank : numpy.ndarray of int64
        Thinned draws below the true value, same shape; -1 in a failed replicate.
    below : numpy.ndarray
        Share of all draws below the true value, same shape.
    correlation : numpy.ndarray
        Correlation of a thinned draw with the next one, same shape.
    diverging : numpy.ndarray of int64
        Divergent draws, shape (replicates,).
    failure : numpy.ndarray of str
        What went wrong, empty if nothing, shape (replicates,).
    """

    quantities: list[str]
    draws: int
    truth: Array
    mean: Array
    sd: Array
    rank: NDArray[np.int64]
    below: Array
    correlation: Array
    diverging: NDArray[np.int64]
    failure: NDArray[np.str_]

    @property
    def n(self) -> int:
        """Replicates that were fitted."""
        return int((self.failure == "").sum())

    @property
    def n_failed(self) -> int:
        """Replicates that could not be simulated or fitted."""
        return len(self.failure) - self.n

    @property
    def n_diverging(self) -> int:
        """Replicates with divergent draws."""
        return int((self.diverging > 0).sum())

    @property
    def rank_counts(self) -> pd.DataFrame:
        """How often every rank occurred: one row a quantity, one column a rank."""
        kept = self.rank[self.failure == ""]
        counts = [np.bincount(ranks, minlength=self.draws + 1) for ranks in kept.T]
        return pd.DataFrame(counts, pd.Index(self.quantities, name="quantity"))

    @cached_property
    def uniformity(self) -> pd.DataFrame:
        """Tests of the uniformity of ranks, see `nps_research.uniformity`.

        One row a quantity: `p`, `p_corrected` for the number of quantities (Holm's method), and
        `correlation`, the mean one of neighbouring draws; far above 0, it bends ranks by itself.
        """
        p = [uniformity_p(row) for row in self.rank_counts.to_numpy()]
        correlation = np.nanmean(self.correlation, axis=0)
        columns = {"p": p, "p_corrected": holm(p), "correlation": correlation}
        return pd.DataFrame(columns, pd.Index(self.quantities, name="quantity"))

    @property
    def worst(self) -> str:
        """Quantity whose ranks are least uniform."""
        return str(self.uniformity["p"].idxmin())

    def recovery(self) -> pd.DataFrame:
        """Summarise how far posteriors are from the truth.

        Returns
        -------
        pandas.DataFrame
            One row a quantity. `bias` and `rmse` of the posterior mean; `coverage_50`,
            `coverage_80` and `coverage_95` of equal-tailed intervals; each with its Monte Carlo
            standard error in a column ``_error``. `z_mean` and `z_sd` of the errors in posterior
            standard deviations (0 and about 1), and `contraction`, the share of the prior variance
            that the answers take away (Schad, Betancourt and Vasishth 2021, "Toward a Principled
            Bayesian Workflow in Cognitive Science").
        """
        fitted = self.failure == ""
        truth, mean, sd = self.truth[fitted], self.mean[fitted], self.sd[fitted]
        columns = _errors(mean - truth) | _coverages(self.below[fitted])
        z = (mean - truth) / sd
        columns |= {"z_mean": z.mean(axis=0), "z_sd": z.std(axis=0, ddof=1)}
        columns["contraction"] = 1.0 - (sd**2).mean(axis=0) / truth.var(axis=0, ddof=1)
        return pd.DataFrame(columns, pd.Index(self.quantities, name="quantity"))

    def __str__(self) -> str:
        smallest = float(self.uniformity["p_corrected"].min())
        return (
            f"SBC: {self.n:,} replicates of {len(self.quantities)} quantities, {self.draws} draws "
            f"each; smallest corrected p {smallest:.2g} ({self.worst}); {self.n_diverging} with "
            f"divergences, {self.n_failed} failed"
        )

    def _view(self) -> View:
        return View(str(self))


def _errors(error: Array) -> dict[str, Array]:
    n = len(error)
    rmse = np.sqrt((error**2).mean(axis=0))
    return {
        "bias": error.mean(axis=0),
        "bias_error": error.std(axis=0, ddof=1) / np.sqrt(n),
        "rmse": rmse,
        "rmse_error": (error**2).std(axis=0, ddof=1) / np.sqrt(n) / (2.0 * rmse),
    }


def _coverages(below: Array) -> dict[str, Array]:
    columns: dict[str, Array] = {}
    for level in LEVELS:
        share = (np.abs(2.0 * below - 1.0) <= level).mean(axis=0)
        name = f"coverage_{100 * level:.0f}"
        columns |= {name: share, f"{name}_error": np.sqrt(share * (1.0 - share) / len(below))}
    return columns
