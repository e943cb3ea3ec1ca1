"""Figures of what splits a rise of the score into improvement and softer answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nps_research.plots import (
    ACCENT,
    INK,
    SECOND,
    finish,
    finish_panels,
    panel_axes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from nps_research.inflation.breakdown import Breakdown
    from nps_research.inflation.fit import InflationFit

QUANTITIES = {"improvement": ACCENT, "reporting_shift": SECOND}
# Draws shown, so that a figure stays small.
MOST_DRAWS = 1000
FORMULA = "first order"


def plot_split(
    fits: Mapping[str, InflationFit],
    *,
    truth: Mapping[str, float] | None = None,
    columns: int = 3,
    title: str = "",
) -> NDArray[Any]:
    """Draw improvement against reporting shift, a panel a fit, all on the same axes.

    Parameters
    ----------
    fits : mapping of str to InflationFit
        Heading to a fit.
    truth : mapping, optional
        With `improvement` and `reporting_shift`: marked, with the line of the same sum.
    columns : int
        Panels in a row.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes, one a fit.
    """
    axes = panel_axes(len(fits), columns, height=3.6)
    for axis, (heading, fit) in zip(axes, fits.items(), strict=True):
        x, y = (np.asarray(fit.draws[name]) for name in QUANTITIES)
        shown = slice(None, None, max(len(x) // MOST_DRAWS, 1))
        axis.plot(x[shown], y[shown], ".", color=ACCENT, ms=3, alpha=0.35, label="posterior draws")
        if truth is not None:
            where = [truth[name] for name in QUANTITIES]
            axis.axline(where, slope=-1, color=INK, lw=1, ls=":", label="same sum as the truth")
            axis.plot(*where, "X", color=SECOND, ms=9, mec="white", label="truth")
        axis.set(title=heading)
        axis.locator_params(nbins=6)
    _share_limits(axes)
    x_label, y_label = "Improvement (sd of loyalty)", "Reporting shift (sd of loyalty)"
    finish_panels(axes, columns, x_label, y_label, title=title)
    return axes


def plot_breakdown(
    found: Mapping[str, Breakdown], *, columns: int = 3, title: str = ""
) -> NDArray[Any]:
    """Draw improvement and reporting shift over an assumption, a panel each.

    Bands are the intervals, dashes the first-order formula, and vertical lines the values at which
    an interval begins or ceases to exclude 0.

    Parameters
    ----------
    found : mapping of str to Breakdown
        Label of the horizontal axis to the result of `breakdown`.
    columns : int
        Panels in a row.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes, one an assumption.
    """
    from matplotlib.lines import Line2D  # noqa: PLC0415  (slow to import)

    axes = panel_axes(len(found), columns, height=3.6)
    for axis, (label, each) in zip(axes, found.items(), strict=True):
        for name, colour in QUANTITIES.items():
            _draw_quantity(axis, each, name, colour)
        axis.axvline(each.assumed, color=INK, lw=1)
        axis.axhline(0.0, color=INK, lw=0.8)
        axis.set(xlabel=label, xlim=(each.table.index.min(), each.table.index.max()))
    axes[0].set_ylabel("sd of loyalty")
    handles = axes[0].get_legend_handles_labels()[0]
    finish(axes[0], title, [*handles, Line2D([], [], color=INK, lw=1, ls="--", label=FORMULA)])
    return axes


def _draw_quantity(axis: Axes, found: Breakdown, name: str, colour: str) -> None:
    table, words = found.table, name.replace("_", " ")
    axis.plot(table.index, table[name], color=colour, lw=2, label=words)
    kind = f"{table.attrs['interval']}: {words}"
    ends = table[f"{name}_lower"], table[f"{name}_upper"]
    axis.fill_between(table.index, *ends, color=colour, alpha=0.2, label=kind)
    axis.plot(table.index, table[f"{name}_first_order"], color=colour, lw=1, ls="--")
    turns = found.turns[["below", "above"]].loc[name].to_numpy(dtype=float)
    for turn in turns[np.isfinite(turns)]:
        axis.axvline(turn, color=colour, lw=1, ls=":")


def plot_check(tables: Mapping[str, pd.DataFrame], *, y: str, title: str = "") -> NDArray[Any]:
    """Draw what was observed beside what the model predicts.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Heading to a table: one row a category, `observed`, and `lower` and `upper` of what the
        model would have produced; attrs may name the `interval`.
    y : str
        Label of the vertical axis.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes, one a table.
    """
    columns = min(len(tables), 2)
    axes = panel_axes(len(tables), columns, height=2.4)
    for axis, (heading, table) in zip(axes, tables.items(), strict=True):
        at = np.arange(len(table))
        kind = str(table.attrs.get("interval", "predicted"))
        axis.vlines(at, table["lower"], table["upper"], color=INK, lw=5, alpha=0.45, label=kind)
        axis.plot(at, table["observed"], "o", color=SECOND, ms=4, label="observed")
        axis.set_xticks(at, [str(each) for each in table.index])
        axis.set(title=heading)
    finish_panels(axes, columns, str(next(iter(tables.values())).index.name or ""), y, title=title)
    return axes


def _share_limits(axes: NDArray[Any]) -> None:
    for name in ("x", "y"):
        limits = np.array([getattr(axis, f"get_{name}lim")() for axis in axes])
        for axis in axes:
            axis.set(**{f"{name}lim": (limits[:, 0].min(), limits[:, 1].max())})
