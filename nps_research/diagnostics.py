"""Did the sampler converge? One report and one summary table for every posterior."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from nps_research.intervals import tail_probabilities
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import xarray as xr
    from numpy.typing import NDArray

# Vehtari, Gelman, Simpson, Carpenter and Buerkner 2021, "Rank-Normalization, Folding, and
# Localization: An Improved R-hat for Assessing Convergence of MCMC".
MAX_R_HAT = 1.01
MIN_ESS = 400
# Vehtari, Simpson, Gelman, Yao and Gabry 2024, "Pareto Smoothed Importance Sampling": beyond this
# no number of draws that is practical makes the estimate reliable; fewer draws need a smaller k.
MAX_PARETO_K = 0.7
MOST_NUMBERS = 5  # of a view
INTERVAL_KIND, INTERVAL_MASS = "equal-tailed credible interval", 0.95


class ConvergenceWarning(UserWarning):
    """Draws that do not represent the posterior."""


@viewed
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

    def __str__(self) -> str:
        figures = [
            self._r_hat(),
            f"ESS bulk {_size(self.ess_bulk)}",
            f"tail {_size(self.ess_tail)}",
            f"{self.divergences} divergences{' (must be 0)' if self.divergences else ''}",
        ]
        verdict = "converged" if self.converged else "NOT converged"
        chains = "1 chain" if self.chains == 1 else f"{self.chains} chains"
        return f"{verdict}: {', '.join(figures)}; {chains} of {self.draws:,} draws"

    def _view(self) -> View:
        return View(str(self))

    def _r_hat(self) -> str:
        if np.isnan(self.r_hat):
            return "R-hat unknown (needs 2 chains of 4 draws that vary)"
        note = "" if self.r_hat < MAX_R_HAT else f" ({self.worst}; must be < 1.01)"
        return f"R-hat {self.r_hat:.3f}{note}"


@viewed
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

    def __str__(self) -> str:
        verdict = "reliable" if self.converged else "NOT reliable"
        note = "" if self.pareto_k <= MAX_PARETO_K else f" (must be <= {MAX_PARETO_K})"
        return (
            f"{verdict}: Pareto k {self.pareto_k:.2f}{note}, effective draws {_size(self.ess)}; "
            f"{self.draws:,} draws of Laplace's approximation"
        )

    def _view(self) -> View:
        return View(str(self))


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
        return f"{View(self.heading).text()}\n{pd.DataFrame(self)}"

    def _repr_html_(self) -> str:
        return f"{View(self.heading).html()}{pd.DataFrame(self).to_html()}"


def refusal(report: ConvergenceReport | LaplaceReport, advice: str = "") -> str:
    """Say why draws cannot be trusted and what to do: by default what the report advises."""
    return f"{report}. Do not report these draws: {advice or report.advice}"


def draws_view(
    title: str,
    report: ConvergenceReport | LaplaceReport,
    *,
    random_seed: int | None,
    numbers: pd.DataFrame | None = None,
    mass: float = INTERVAL_MASS,
    advice: str = "",
) -> View:
    """Return what every posterior shows: intervals, seed, diagnostics, then its main numbers.

    Parameters
    ----------
    title : str
        What it is, and its size.
    report : ConvergenceReport or LaplaceReport
        Whether the draws can be trusted; if not, a warning says what to do.
    random_seed : int or None
        Of the draws.
    numbers : pandas.DataFrame, optional
        Columns mean, lower, upper and mcse_mean.
    mass : float
        Of the intervals.
    advice : str
        What to do if the draws cannot be trusted; by default that of the report.
    """
    facts = {
        "intervals": f"{100 * mass:g} % {INTERVAL_KIND}s",
        "seed": "none, so not repeatable" if random_seed is None else str(random_seed),
    }
    facts |= {"draws": str(report)} if report.converged else {}
    warnings = [] if report.converged else [refusal(report, advice)]
    return View(title, facts, warnings, None if numbers is None else _main(numbers))


def _main(numbers: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers that a reader looks for first: effects, before cutpoints."""
    of_cutpoints = numbers.index.astype(str).str.startswith("cutpoint")
    effects = numbers if of_cutpoints.all() else numbers[~of_cutpoints]
    return _readable(effects.head(MOST_NUMBERS).rename_axis(None))


def independent_draws(draws: Mapping[str, NDArray[np.float64]], mass: float) -> pd.DataFrame:
    """Return what draws that do not depend on one another show: means and equal-tailed intervals.

    Examples
    --------
    >>> independent_draws({"share": np.linspace(0.0, 1.0, 101)}, 0.9)
           mean  lower  upper
    share  0.500  0.050  0.950
    """
    values = np.array([draws[name] for name in draws])
    lower, upper = np.quantile(values, tail_probabilities(mass), axis=1)
    error = values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
    columns = {"mean": values.mean(axis=1), "lower": lower, "upper": upper, "mcse_mean": error}
    return _readable(pd.DataFrame(columns, list(draws)))


def _readable(numbers: pd.DataFrame) -> pd.DataFrame:
    """Return means and intervals as text, with the digits that their Monte Carlo errors leave."""
    columns = ["mean", "lower", "upper"]
    decimals = [_decimals(error) for error in numbers["mcse_mean"]]
    rows = zip(numbers[columns].to_numpy(dtype=float), decimals, strict=True)
    texts = [[f"{value:.{places}f}" for value in row] for row, places in rows]
    return pd.DataFrame(texts, numbers.index, columns)


def _decimals(error: float) -> int:
    """Return the decimals at which the second digit of a standard error stands."""
    return max(0, 1 - math.floor(math.log10(error))) if 0 < error < math.inf else 2


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
    result.heading = f"{100 * INTERVAL_MASS:.0f} % {INTERVAL_KIND}s; {report}"
    result.attrs = {"interval": INTERVAL_KIND, "mass": INTERVAL_MASS, "convergence": report}
    return result
