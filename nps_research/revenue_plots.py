"""Figures of customers before they leave, and of the money that leaves with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nps_research.intervals import tail_probabilities
from nps_research.plots import (
    ACCENT,
    DASHES,
    GROUP_COLOURS,
    INK,
    MARKERS,
    SECOND,
    SERIES,
    finish,
    finish_panels,
    panel_axes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from nps_research.churn.revenue import RevenueAtRisk

CHURN = np.geomspace(0.01, 1.0, 200)


def plot_before_leaving(
    panels: Mapping[str, Mapping[str, pd.DataFrame]], *, title: str = ""
) -> NDArray[Any]:
    """Draw how much lower the last scores of customers who left were, answer by answer.

    Parameters
    ----------
    panels : mapping of str to mapping of str to pandas.DataFrame
        Name of each panel, such as a world, to names and results of `before_leaving`.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes, one a panel.

    Examples
    --------
    >>> import pandas as pd
    >>> from nps_research.plots import use_style
    >>> use_style()
    >>> table = pd.DataFrame({"difference": [-2.0, -1], "lower": [-3.0, -2], "upper": [-1.0, 0]})
    >>> axes = plot_before_leaving({"a world": {"as it was": table}})
    >>> [tick.get_text() for tick in axes[0].get_xticklabels()]
    ['1 before', 'last']
    """
    axes = panel_axes(len(panels), len(panels))
    for axis, (name, tables) in zip(axes, panels.items(), strict=True):
        for place, (label, table) in enumerate(tables.items()):
            middle = table["difference"].to_numpy()
            at = -np.arange(len(table)) + 0.04 * place
            bars = [middle - table["lower"], table["upper"] - middle]
            style = {"color": SERIES[place], "marker": MARKERS[place], "ls": DASHES[place]}
            axis.errorbar(at, middle, yerr=bars, label=label, ms=5, capsize=2, **style)
            _answer_ticks(axis, len(table))
        axis.axhline(0.0, color=INK, lw=1)
        axis.set_title(name)
    finish_panels(axes, len(axes), "Answer", "Left less stayed (points)", title=title)
    return axes


def plot_orders(tables: Mapping[str, pd.DataFrame], *, title: str = "") -> NDArray[Any]:
    """Draw how many of those who left went through bands of scores in each order.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Name of each panel to a result of `orders`.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes, one a panel.
    """
    axes = panel_axes(len(tables), len(tables))
    for axis, (name, table) in zip(axes, tables.items(), strict=True):
        rows = np.arange(len(table))
        axis.barh(rows, table["left"], color=ACCENT, height=0.7, label="customers who left")
        for row, expected in zip(rows, table["expected"], strict=True):
            label = "expected if scores came in a random order"
            axis.plot([expected] * 2, [row - 0.42, row + 0.42], color=SECOND, lw=2.5, label=label)
        axis.set_yticks(rows, [str(order).replace(", ", " then ") for order in table.index])
        axis.set_title(name)
    axes[0].set_ylim(len(next(iter(tables.values()))) - 0.5, -0.5)
    handles = axes[0].get_legend_handles_labels()[0]
    for axis in axes:
        axis.set_xlabel("Customers")
    finish(axes[0], title, [handles[-1], handles[0]])
    return axes


def plot_forecasts(tables: Mapping[str, pd.DataFrame], *, title: str = "") -> NDArray[Any]:
    """Draw how well things known of a customer tell who will leave, with intervals.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Name of each panel to `CodingComparison.scores`.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes, one a panel.
    """
    axes = panel_axes(len(tables), len(tables), height=2.4)
    for axis, (name, table) in zip(axes, tables.items(), strict=True):
        area = table.xs("auc", level="score")
        rows = np.arange(len(area))
        kind = str(table.attrs.get("interval", ""))
        axis.hlines(rows, area["lower"], area["upper"], color=ACCENT, lw=2)
        axis.plot(area["estimate"], rows, "o", color=ACCENT, label=kind)
        axis.axvline(0.5, color=INK, lw=1, ls=":", label="no better than chance")
        axis.set_yticks(rows, area.index)
        axis.set_title(name)
    axes[0].set_ylim(len(next(iter(tables.values())).xs("auc", level="score")) - 0.5, -0.5)
    finish_panels(axes, len(axes), "AUC, each pair left out", "", title=title)
    finish(axes[0], title)
    return axes


def plot_revenue_at_risk(
    risk: RevenueAtRisk,
    lines: Mapping[str, float],
    *,
    unit: str = "EUR",
    mass: float = 0.9,
    title: str = "",
) -> Axes:
    """Draw what may be lost with customers who leave, beside what formulas say.

    Parameters
    ----------
    risk : RevenueAtRisk
        Of all customers together.
    lines : mapping of str to float
        Names and amounts of vertical lines.
    unit : str
        Of the values.
    mass : float
        Probability inside the equal-tailed intervals drawn below the distributions.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis: Axes = panel_axes(1, 1)[0]
    parts = {
        "expected loss": (risk.expected, ACCENT),
        "loss that will come": (risk.realised, "#999999"),
    }
    for place, (name, (draws, colour)) in enumerate(parts.items()):
        values = draws.to_numpy().ravel()
        axis.hist(values, bins=60, density=True, color=colour, alpha=0.5)
        lower, upper = np.quantile(values, tail_probabilities(mass))
        low = -0.04 - 0.05 * place
        axis.plot(
            [lower, upper],
            [low] * 2,
            color=colour,
            lw=3,
            transform=axis.get_xaxis_transform(),
            clip_on=False,
            label=f"{name}, {100 * mass:.0f} % interval",
        )
    for place, (name, value) in enumerate(lines.items()):
        axis.axvline(value, color=SECOND, lw=2, ls=DASHES[place % len(DASHES)], label=name)
    axis.tick_params(axis="x", pad=12)
    axis.set(xlabel=f"Lost within {risk.months} months ({unit})", ylabel="Density", yticks=[])
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.locator_params(axis="x", nbins=6)
    finish(axis, title)
    return axis


def plot_required_recovery(
    cost_of_value: float,
    folds: Sequence[float] = (1.0, 10.0),
    *,
    churn: Mapping[str, xr.DataArray] | None = None,
    mass: float = 0.9,
    title: str = "",
) -> Axes:
    """Draw which recovery rate a call back needs, against the chance that the customer would leave.

    Parameters
    ----------
    cost_of_value : float
        Cost of a call back as a share of the value of a customer who stays, both per customer
        reached.
    folds : sequence of float
        Returns that are asked for, one line each.
    churn : mapping of str to xarray.DataArray, optional
        Draws of the chance to leave by class of customers: an interval each.
    mass : float
        Probability inside these.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis: Axes = panel_axes(1, 1)[0]
    for place, fold in enumerate(folds):
        needed = 100 * fold * cost_of_value / CHURN
        name = "break even" if fold == 1 else f"{fold:g} times the cost"
        axis.plot(100 * CHURN, needed, color=INK, ls=DASHES[place], lw=2, label=name)
    for name, draws in (churn or {}).items():
        limits = 100 * np.quantile(draws.to_numpy(), tail_probabilities(mass))
        axis.axvspan(*limits, color=GROUP_COLOURS.get(name, ACCENT), alpha=0.7, label=name)
    axis.axhspan(100.0, 1000.0, color="#EEEEEE", label="more than all")
    axis.set(xscale="log", yscale="log", xlim=100 * CHURN[[0, -1]], ylim=(1.0, 1000.0))
    axis.set(xlabel="Would leave without a call (%)", ylabel="Of these, to be kept (%)")
    for each in (axis.xaxis, axis.yaxis):
        each.set_major_formatter("{x:g}")
    finish(axis, title)
    return axis


def plot_policies(table: pd.DataFrame, *, unit: str = "EUR", title: str = "") -> NDArray[Any]:
    """Draw what rules for whom to call gain, and what they miss.

    Parameters
    ----------
    table : pandas.DataFrame
        From `contact_policies`.
    unit : str
        Of cost and benefit.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes: gain with its interval, and expected loss.
    """
    axes = panel_axes(2, 2, height=1.0 + 0.34 * len(table))
    rows = np.arange(len(table))
    kind = str(table.attrs.get("interval", ""))
    axes[0].hlines(rows, table["lower"], table["upper"], color=ACCENT, lw=2)
    axes[0].plot(table["gain"], rows, "o", color=ACCENT, label=f"mean and {kind}")
    axes[0].axvline(0.0, color=INK, lw=1)
    axes[1].barh(rows, table["expected_loss"], color=SECOND, height=0.6)
    axes[0].set_yticks(rows, [f"{name} ({n:,})" for name, n in table["contacted"].items()])
    axes[0].set_ylim(len(table) - 0.5, -0.5)
    for axis in axes:
        axis.xaxis.set_major_formatter("{x:,.0f}")
        axis.locator_params(axis="x", nbins=5)
    axes[0].set_xlabel(f"Gain ({unit})")
    axes[1].set_xlabel(f"Missed against knowing all hazards ({unit})")
    finish(axes[0], title)
    return axes


def _answer_ticks(axis: Axes, answers: int) -> None:
    names = ["last", *(f"{before} before" for before in range(1, answers))]
    axis.set_xticks(-np.arange(answers)[::-1], names[::-1])
