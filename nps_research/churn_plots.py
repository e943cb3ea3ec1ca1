"""Figures about leaving: curves by score, survival, borders between scores, codings compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nps_research.churn.hazard_draws import HazardDraws
from nps_research.diagnostics import interval_table
from nps_research.dirichlet import share_limits
from nps_research.plots import (
    ACCENT,
    GROUP_COLOURS,
    INK,
    SECOND,
    SERIES,
    finish,
    finish_panels,
    panel_axes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from nps_research.churn.borders import Borders
    from nps_research.churn.codings import CodingComparison

MASS = 0.95
NAMES = {
    "log_score": "Log score of 1,000 customers, less the best",
    "brier": "Brier score of 1,000 months, less the best",
    "auc": "AUC",
    "slope": "Calibration slope",
    "intercept": "Calibration intercept",
}


def plot_hazard(
    fits: HazardDraws | Mapping[str, HazardDraws],
    *,
    log: bool = True,
    title: str = "",
) -> Axes:
    """Draw how likely people are to leave in a month, by score, beside the raw rates.

    Parameters
    ----------
    fits : HazardFit or mapping of str to HazardFit
        One fit, or several of the same people by name. Periods count by their people at risk.
    log : bool
        Whether rates are on a logarithmic axis.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
        Lines are posterior means with 95 % bands, points raw rates with 95 % Jeffreys intervals.
        Scores after which nobody left have no point on a logarithmic axis, only their upper limit.
    """
    named = {"model": fits} if isinstance(fits, HazardDraws) else dict(fits)
    axis: Axes = panel_axes(1, 1, height=3.6)[0]
    for (name, fit), colour in zip(named.items(), SERIES, strict=False):
        table = _mean_hazard(fit)
        label = f"{name}: mean and {100 * MASS:.0f} % interval"
        axis.plot(table.index, 100 * table["hazard"], color=colour, marker=".", label=label)
        low, high = 100 * table["lower"], 100 * table["upper"]
        axis.fill_between(table.index, low, high, color=colour, alpha=0.18, lw=0)
    first = next(iter(named.values()))
    _raw_rates(axis, first)
    if log:
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter("{x:g}")
    unit = "a month" if first.layout.lifetimes.horizon > 1 else "of the period"
    axis.set(xlabel="Score", ylabel=f"Leaving, % {unit}", xticks=first.layout.scale.scores)
    finish(axis, title)
    return axis


def plot_survival(
    table: pd.DataFrame, groups: Sequence[object] | None = None, *, title: str = ""
) -> Axes:
    """Draw who is still there after every month, for each group.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `kaplan_meier` with one column of groups.
    groups : sequence, optional
        Which groups; by default all.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
        Steps with pointwise intervals; months in which nobody is at risk are not drawn.
    """
    axis: Axes = panel_axes(1, 1, height=3.6)[0]
    chosen = list(table.index.unique(0)) if groups is None else list(groups)
    for place, group in enumerate(chosen):
        colour = GROUP_COLOURS.get(str(group), SERIES[place % len(SERIES)])
        rows = table.xs(group)
        months = np.r_[0, rows.index]
        there = np.r_[1.0, rows["survival"]]
        axis.step(months, 100 * there, label=str(group), color=colour, where="post")
        # Without a limit, nobody has left or nobody is left: the curve itself.
        low, high = (np.r_[1.0, rows[name].fillna(rows["survival"])] for name in ("lower", "upper"))
        axis.fill_between(
            months, 100 * low, 100 * high, step="post", color=colour, alpha=0.18, lw=0
        )
    axis.set(xlabel="Months since the survey", ylabel="Still there (%)")
    finish(axis, title)
    return axis


def plot_borders(found: Borders, *, title: str = "") -> Axes:
    """Draw how likely a border is between neighbouring scores, with the conventional ones marked.

    Parameters
    ----------
    found : Borders
        Posterior of partitions.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    table = found.borders()
    low, high = found.rating_scale.cuts
    conventional = np.isin(found.rating_scale.scores[:-1], [low, high - 1])
    axis: Axes = panel_axes(1, 1)[0]
    places = np.arange(len(table))
    for mine, colour, label in (
        (conventional, SECOND, "convention"),
        (~conventional, ACCENT, "other"),
    ):
        axis.bar(places[mine], table["probability"][mine], color=colour, width=0.7, label=label)
    axis.plot(places, table["prior"], "_", color=INK, ms=22, mew=1.5, label="before the data")
    axis.set(xlabel="Border between scores", ylabel="Probability", ylim=(0, 1))
    axis.set_xticks(places, table.index)
    finish(axis, title)
    return axis


def plot_codings(
    comparison: CodingComparison,
    scores: Sequence[str] = ("log_score", "auc", "slope"),
    *,
    title: str = "",
) -> NDArray[Any]:
    """Draw the scores of codings with their intervals, one panel a score.

    Parameters
    ----------
    comparison : CodingComparison
        Result of `compare_codings`.
    scores : sequence of str
        Which scores.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes. For log score and Brier score the difference to the best model is drawn, whose
        interval is much narrower than that of either.
    """
    table = comparison.scores()
    axes = panel_axes(len(scores), len(scores), height=2.6)
    models = comparison.summary().index
    places = np.arange(len(models))
    for axis, score in zip(axes, scores, strict=True):
        relative = score in {"log_score", "brier"}
        names = ("difference", "difference_lower", "difference_upper")
        columns = names if relative else ("estimate", "lower", "upper")
        own = table.xs(score).reindex(models) * (1000 if relative else 1)
        middle, lower, upper = (own[name] for name in columns)
        axis.hlines(places, lower, upper, color=ACCENT, lw=2)
        axis.plot(middle, places, "o", color=ACCENT, label=table.attrs["interval"])
        axis.set_title(NAMES[score])
        if score in {"slope", "intercept"} or relative:
            axis.axvline(1.0 if score == "slope" else 0.0, color=INK, lw=1, ls="--")
    axes[0].set_yticks(places, models)
    axes[0].set_ylim(len(models) - 0.5, -0.5)
    finish_panels(axes, len(scores), "", "", title=title)
    return axes


def plot_calibration(tables: Mapping[str, pd.DataFrame], *, title: str = "") -> NDArray[Any]:
    """Draw observed against predicted rates of people whom the model has not seen.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Name of each model to its `CodingComparison.calibration`: one panel each.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes, logarithmic; groups in which nobody left show their upper limit only.
    """
    axes = panel_axes(len(tables), min(len(tables), 3))
    values = np.concatenate([t[["predicted", "observed", "upper"]] for t in tables.values()])
    ends = 100 * np.array([values[values > 0].min() / 1.5, min(values.max() * 1.2, 1.0)])
    for axis, (name, table) in zip(axes, tables.items(), strict=True):
        axis.plot(ends, ends, color=INK, lw=1, ls="--", label="right on average")
        _points(axis, 100 * table["predicted"], table, label=str(table.attrs["interval"]))
        axis.set(title=name, xscale="log", yscale="log", xlim=ends, ylim=ends)
        for side in (axis.xaxis, axis.yaxis):
            side.set_major_formatter("{x:g}")
    columns = min(len(tables), 3)
    finish_panels(axes, columns, "Predicted (%)", "Observed (%)", title=title)
    return axes


def _mean_hazard(fit: HazardDraws) -> pd.DataFrame:
    """Return the hazard of every score, periods weighted by everyone at risk."""
    hazard = fit.hazard()
    weights = fit.layout.at_risk.sum(axis=(0, 1))
    return interval_table((hazard * weights / weights.sum()).sum("period").rename("hazard"), MASS)


def _raw_rates(axis: Axes, fit: HazardDraws) -> None:
    """Draw the share of person-months after every score that ended with leaving."""
    counts = fit.layout.lifetimes.counts
    left = np.zeros(fit.layout.scale.n_categories)
    np.add.at(left, fit.layout.score, (counts["n"] * counts["churned"]).to_numpy())
    at_risk = fit.layout.at_risk.sum(axis=(0, 2))
    some = at_risk > 0
    lower, upper = share_limits(left[some], at_risk[some] - left[some], MASS)
    rates = {"observed": left[some] / at_risk[some], "lower": lower, "upper": upper}
    table = pd.DataFrame(rates, fit.layout.scale.scores[some])
    _points(axis, table.index, table, label="raw rate, 95 % Jeffreys interval")


def _points(axis: Axes, x: ArrayLike, table: pd.DataFrame, label: str) -> None:
    """Draw observed rates with their intervals, without a point where nobody left."""
    axis.vlines(x, 100 * table["lower"], 100 * table["upper"], color=INK, lw=1.2, alpha=0.7)
    seen = table["observed"].where(table["observed"] > 0)
    axis.plot(x, 100 * seen, "o", color=INK, ms=5, label=label)
