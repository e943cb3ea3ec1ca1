"""Figures of the notebook on silence and accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nps_research.plots import (
    ACCENT,
    DASHES,
    INK,
    SECOND,
    SERIES,
    finish,
    finish_panels,
    panel_axes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

# Okabe and Ito (2008), with a style each for grey print.
ROW_HEIGHT = 0.36


def plot_bounds(
    bands: Mapping[str, pd.DataFrame], *, x: str, y: str, title: str = "", line: str = "nps"
) -> Axes:
    """Draw bounds as bands, the weakest assumption first, and what was observed as a line.

    Parameters
    ----------
    bands : mapping of str to pandas.DataFrame
        Assumption to a table with `lower` and `upper`; its index is drawn across.
    x, y : str
        Labels of the axes.
    title : str
        Title of the figure.
    line : str
        Column of the tables that holds the score of those who answered.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis: Axes = panel_axes(1, 1)[0]
    for number, (name, table) in enumerate(bands.items()):
        at = table.index.to_numpy(dtype=float)
        axis.fill_between(
            at, table["lower"], table["upper"], color=SERIES[number], alpha=0.25, lw=0, label=name
        )
        for end in ("lower", "upper"):
            axis.plot(at, table[end], color=SERIES[number], ls=DASHES[number], lw=1)
    table = next(iter(bands.values()))
    axis.plot(table.index, table[line], color=INK, lw=1.5, label="those who answered")
    axis.axhline(0.0, color=INK, lw=0.6)
    axis.set(xlabel=x, ylabel=y)
    finish(axis, title)
    return axis


def plot_estimates(
    panels: Mapping[str, pd.DataFrame],
    *,
    x: str,
    label: str = "",
    truth: str = "truth",
    title: str = "",
    across: float | None = None,
    columns: int = 2,
) -> NDArray[Any]:
    """Draw intervals, one row a name, each with its truth where it is known.

    Parameters
    ----------
    panels : mapping of str to pandas.DataFrame
        Heading to a table: one row a name, `lower` and `upper`, and optionally `estimate` and
        `truth`. All tables have the same rows, and all panels the same axes.
    x : str
        Label of the axis.
    label : str
        Kind and mass of the intervals.
    truth : str
        What a cross marks.
    title : str
        Title of the figure.
    across : float, optional
        Where to draw a line from top to bottom.
    columns : int
        Panels in a row.

    Returns
    -------
    numpy.ndarray
        The axes, one a panel.
    """
    names = [str(name) for name in next(iter(panels.values())).index]
    axes = panel_axes(len(panels), columns, height=1.3 + ROW_HEIGHT * len(names))
    for axis, (heading, table) in zip(axes, panels.items(), strict=True):
        at = np.arange(len(table))
        axis.hlines(at, table["lower"], table["upper"], color=ACCENT, lw=3, alpha=0.6, label=label)
        if "estimate" in table:
            axis.plot(table["estimate"], at, "o", color=ACCENT, ms=5, label="estimate")
        if "truth" in table:
            axis.plot(table["truth"], at, "x", color=SECOND, ms=7, mew=2, label=truth)
        if across is not None:
            axis.axvline(across, color=INK, lw=0.8)
        axis.set(title=heading)
    axes[0].set_yticks(np.arange(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    limits = np.array([axis.get_xlim() for axis in axes])
    for axis in axes:
        axis.set_xlim(limits[:, 0].min(), limits[:, 1].max())
    finish_panels(axes, columns, x, "", title=title)
    return axes


def plot_ratio_map(
    panels: Mapping[str, NDArray[np.float64]],
    response_slopes: Sequence[float] | NDArray[np.float64],
    churn_slopes: Sequence[float] | NDArray[np.float64],
    *,
    claimed: tuple[float, float] = (4.0, 14.0),
    title: str = "",
) -> NDArray[Any]:
    """Draw the churn ratio of silent to answering accounts over how loyalty drives both.

    Parameters
    ----------
    panels : mapping of str to numpy.ndarray
        Heading to ratios, shape (churn slopes, response slopes).
    response_slopes, churn_slopes : array_like
        Of the columns and of the rows.
    claimed : tuple of float
        A range of the ratio, which is shaded.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes, one a panel.
    """
    from matplotlib.patches import Patch  # noqa: PLC0415  (slow to import)

    axes = panel_axes(len(panels), len(panels))
    levels = [1.5, 2, 3, *claimed]
    for axis, (heading, ratios) in zip(axes, panels.items(), strict=True):
        axis.contourf(
            response_slopes, churn_slopes, ratios, levels=claimed, colors=[ACCENT], alpha=0.25
        )
        lines = axis.contour(
            response_slopes, churn_slopes, ratios, levels=levels, colors=INK, linewidths=1
        )
        axis.clabel(lines, fmt=lambda level: f"{level:g}", fontsize=9)
        axis.set(title=heading)
    shaded = Patch(color=ACCENT, alpha=0.25, label=f"claimed: {claimed[0]:g} to {claimed[1]:g}")
    finish_panels(
        axes,
        len(panels),
        "Log odds of answering (an sd of loyalty)",
        "Log odds of staying (an sd)",
        title=title,
        handles=[shaded],
    )
    return axes


def plot_scatter(
    panels: Mapping[str, pd.DataFrame],
    *,
    x: str,
    y: str,
    point: str = "",
    title: str = "",
    columns: int = 2,
) -> NDArray[Any]:
    """Draw one column against another, one panel a table.

    Parameters
    ----------
    panels : mapping of str to pandas.DataFrame
        Heading to a table whose first column is drawn across and whose second column upwards.
    x, y : str
        Labels of the axes.
    point : str
        What a point is, for the legend.
    title : str
        Title of the figure.
    columns : int
        Panels in a row.

    Returns
    -------
    numpy.ndarray
        The axes, one a panel.
    """
    axes = panel_axes(len(panels), columns)
    for axis, (heading, table) in zip(axes, panels.items(), strict=True):
        across, upwards = (table.iloc[:, place] for place in (0, 1))
        axis.plot(across, upwards, "o", color=ACCENT, ms=5, alpha=0.7, label=point)
        axis.set(title=heading)
    finish_panels(axes, columns, x, y, title=title)
    return axes
