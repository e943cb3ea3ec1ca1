"""Did the sampler converge? One report and one summary table for every posterior."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from nps_research.intervals import tail_probabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import xarray as xr
    from numpy.typing import NDArray

# Vehtari, Gelman, Simpson, Carpenter and Buerkner 2021, "Rank-Normalization, Folding, and
# Localization: An Improved R-hat for Assessing Convergence of MCMC".
MAX_R_HAT = 1.01
MIN_ESS = 400
# Vehtari, Simpson, Gelman, Yao and Gabry 2024, "Pareto Smoothed Importance Sampling": beyond this
# no number of draws that is practical makes the estimate reliable; fewer draws need a smaller k.
MAX_PARETO_K = 0.7
INTERVAL_KIND, INTERVAL_MASS = "equal-tailed credible interval", 0.95


class ConvergenceWarning(UserWarning):
    """Draws that do not represent the posterior."""


@dataclass(frozen=True)
class ConvergenceReport:
    """What the chains say about their own reliability.

    Attributes
    ----------
    r_hat : float
        Largest R-hat; must be below 1.01. NaN, so not converged, with one chain or less than four
        draws.
    ess_bulk, ess_tail : float
        Smallest effective sample sizes; must be at least 400. NaN with less than four draws.
    divergences : int
        Divergent transitions after tuning; must be 0.
    worst : str
        The quantity with the largest R-hat.
    chains, draws : int
        Number of chains, and draws of each.

    Examples
    --------
    >>> ConvergenceReport(1.02, 900, 800, 0, "nps", 4, 1000)
    NOT converged: R-hat 1.020 (nps; must be < 1.01), ESS bulk 900, tail 800, 0 divergences; \
4 chains of 1,000 draws
    """

    r_hat: float
    ess_bulk: float
    ess_tail: float
    divergences: int
    worst: str
    chains: int
    draws: int

    @property
    def converged(self) -> bool:
        """Whether every criterion is met."""
        return (
            self.r_hat < MAX_R_HAT
            and self.ess_bulk >= MIN_ESS
            and self.ess_tail >= MIN_ESS
            and self.divergences == 0
        )

    @property
    def advice(self) -> str:
        """What to do if a criterion is not met."""
        return "raise tune= and draws=, then target_accept=, and look at fit.summary()."

    def __repr__(self) -> str:
        figures = [
            self._r_hat(),
            f"ESS bulk {_size(self.ess_bulk)}",
            f"tail {_size(self.ess_tail)}",
            f"{self.divergences} divergences{' (must be 0)' if self.divergences else ''}",
        ]
        verdict = "converged" if self.converged else "NOT converged"
        chains = "1 chain" if self.chains == 1 else f"{self.chains} chains"
        return f"{verdict}: {', '.join(figures)}; {chains} of {self.draws:,} draws"

    def _r_hat(self) -> str:
        if np.isnan(self.r_hat):
            return "R-hat unknown (needs 2 chains of 4 draws that vary)"
        note = "" if self.r_hat < MAX_R_HAT else f" ({self.worst}; must be < 1.01)"
        return f"R-hat {self.r_hat:.3f}{note}"


@dataclass(frozen=True)
class LaplaceReport:
    """What importance weights say about Laplace's approximation.

    Attributes
    ----------
    pareto_k : float
        Shape of the largest weights' distribution; must be at most 0.7 (Vehtari, Simpson, Gelman,
        Yao and Gabry 2024, "Pareto Smoothed Importance Sampling").
    ess : float
        Effective number of draws of the weights; must be at least 400.
    draws : int
        Number of draws.

    Examples
    --------
    >>> LaplaceReport(0.31, 2500.0, 4000)
    reliable: Pareto k 0.31, effective draws 2,500; 4,000 draws of Laplace's approximation
    """

    pareto_k: float
    ess: float
    draws: int

    @property
    def converged(self) -> bool:
        """Whether every criterion is met."""
        return self.pareto_k <= MAX_PARETO_K and self.ess >= MIN_ESS

    @property
    def advice(self) -> str:
        """What to do if a criterion is not met."""
        return 'use method="nuts".'

    def __repr__(self) -> str:
        verdict = "reliable" if self.converged else "NOT reliable"
        note = "" if self.pareto_k <= MAX_PARETO_K else f" (must be <= {MAX_PARETO_K})"
        return (
            f"{verdict}: Pareto k {self.pareto_k:.2f}{note}, effective draws {_size(self.ess)}; "
            f"{self.draws:,} draws of Laplace's approximation"
        )


def _size(effective: float) -> str:
    figure = "unknown" if np.isnan(effective) else f"{effective:,.0f}"
    return figure if effective >= MIN_ESS else f"{figure} (must be >= 400)"


class SummaryTable(pd.DataFrame):
    """A summary that shows its interval and its convergence report above the numbers."""

    _metadata: ClassVar[list[str]] = ["heading"]
    heading: str

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    def __repr__(self) -> str:
        return f"{self.heading}\n{pd.DataFrame(self)}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.heading)}</p>{pd.DataFrame(self).to_html()}"


def interval_table(draws: xr.DataArray, mass: float = INTERVAL_MASS) -> pd.DataFrame:
    """Summarise draws of a quantity by its mean and equal-tailed interval.

    Parameters
    ----------
    draws : xarray.DataArray
        Dims chain, draw and any groups, as `fit.nps(by=...)` returns.
    mass : float
        Probability inside the interval.

    Returns
    -------
    pandas.DataFrame
        One row a group: the mean, in a column named as the quantity, ``lower`` and ``upper``;
        attrs say which ``interval``. Combinations that nobody has, whose draws are all missing,
        are left out; single missing draws make a row missing.

    Examples
    --------
    >>> import xarray as xr
    >>> draws = xr.DataArray([[[1.0], [3.0]]], dims=("chain", "draw", "year"), name="nps")
    >>> interval_table(draws.assign_coords(year=["2018"]))
          nps  lower  upper
    year
    2018  2.0   1.05   2.95
    """
    over = ("chain", "draw")
    tails = draws.quantile(tail_probabilities(mass), over, skipna=False)
    parts = {
        str(draws.name): draws.mean(over, skipna=False),
        "lower": tails.isel(quantile=0, drop=True),
        "upper": tails.isel(quantile=1, drop=True),
    }
    groups = [dim for dim in draws.dims if dim not in over]
    if groups:
        table = pd.DataFrame({name: part.to_series() for name, part in parts.items()})
        table = table[draws.notnull().any(over).to_series()]
    else:
        table = pd.DataFrame({name: [float(part)] for name, part in parts.items()}, ["all"])
    table.attrs["interval"] = f"{100 * mass:.0f} % {INTERVAL_KIND}"
    return table


def summarise(idata: xr.DataTree, var_names: Sequence[str], labels: Sequence[str]) -> SummaryTable:
    """Summarise posterior draws, with the convergence report of exactly these quantities.

    Parameters
    ----------
    idata : xarray.DataTree
        With the groups ``posterior`` and ``sample_stats``.
    var_names : sequence of str
        Variables to summarise.
    labels : sequence of str
        One name a scalar quantity, in the order of the variables and their coordinates.

    Returns
    -------
    SummaryTable
        Columns ``mean``, ``sd``, ``lower``, ``upper``, ``ess_bulk``, ``ess_tail``, ``r_hat``,
        ``mcse_mean``; attrs ``interval``, ``mass`` and ``convergence``.
    """
    from arviz_stats import summary  # noqa: PLC0415  (slow to import)

    raw = summary(
        idata, var_names=list(var_names), ci_kind="eti", ci_prob=INTERVAL_MASS, round_to="none"
    )
    bounds = [name for name in raw.columns if name.startswith("eti")]
    columns = dict(zip(bounds, ["lower", "upper"], strict=True))
    table = raw.rename(columns=columns).set_axis(pd.Index(labels, name="quantity"))
    order = ["mean", "sd", "lower", "upper", "ess_bulk", "ess_tail", "r_hat", "mcse_mean"]
    return _with_heading(table[order].astype(float), convergence(idata, table))


def convergence(idata: xr.DataTree, table: pd.DataFrame) -> ConvergenceReport:
    """Report on the draws behind a summary table."""
    sizes: dict[Any, int] = dict(idata["posterior"].sizes)
    return ConvergenceReport(
        r_hat=float(table["r_hat"].max(skipna=False)),
        ess_bulk=float(table["ess_bulk"].min(skipna=False)),
        ess_tail=float(table["ess_tail"].min(skipna=False)),
        divergences=int(idata["sample_stats"]["diverging"].sum()),
        worst=str(table["r_hat"].astype(float).fillna(np.inf).idxmax()),
        chains=sizes["chain"],
        draws=sizes["draw"],
    )


def summarise_laplace(
    idata: xr.DataTree, var_names: Sequence[str], labels: Sequence[str]
) -> SummaryTable:
    """Summarise draws of Laplace's approximation: as `summarise`, with the report of its weights.

    The draws are independent but repeated in proportion to their weights: effective sample sizes
    are those of the weights, and R-hat is unknown.
    """
    stats = idata["sample_stats"]
    report = LaplaceReport(
        pareto_k=float(stats["pareto_k"]),
        ess=float(stats["ess"]),
        draws=int(idata["posterior"].sizes["draw"]),
    )
    values = np.column_stack([_rows_of(idata["posterior"][name].to_numpy()) for name in var_names])
    lower, upper = np.quantile(values, [(1 - INTERVAL_MASS) / 2, (1 + INTERVAL_MASS) / 2], axis=0)
    sd = values.std(axis=0, ddof=1)
    table = pd.DataFrame(
        {
            "mean": values.mean(axis=0),
            "sd": sd,
            "lower": lower,
            "upper": upper,
            "ess_bulk": report.ess,
            "ess_tail": report.ess,
            "r_hat": np.nan,
            "mcse_mean": sd / np.sqrt(report.ess),
        },
        index=pd.Index(labels, name="quantity"),
    )
    return _with_heading(table, report)


def _rows_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return draws (1, draws, ...) as a matrix (draws, quantities)."""
    return values.reshape(values.shape[1], -1)


def _with_heading(table: pd.DataFrame, report: ConvergenceReport | LaplaceReport) -> SummaryTable:
    result = SummaryTable(table)
    result.heading = f"{100 * INTERVAL_MASS:.0f} % {INTERVAL_KIND}s; {report!r}"
    result.attrs = {"interval": INTERVAL_KIND, "mass": INTERVAL_MASS, "convergence": report}
    return result
