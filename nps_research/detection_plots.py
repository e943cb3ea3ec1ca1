"""Figures of gaming and of its absence: they take results and return the axes, as in `plots`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nps_research.detection.agent_outliers import funnel_limits
from nps_research.plots import (
    ACCENT,
    GROUP_COLOURS,
    INK,
    MARKERS,
    SECOND,
    SERIES,
    entitle,
    finish,
    finish_panels,
    panel_axes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from numpy.typing import NDArray

# Colours of a z reach this far: beyond, agents differ anyway.
STRONGEST = 4.0
ROW = 0.24
# Names of more agents than these cover each other.
MOST_NAMES = 40
# Names of more columns than these need a steeper angle.
FEW_COLUMNS = 8
# On darker colours than that of this correlation, numbers are written in white.
READABLE = 0.7
CENTRED: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": "x-small"}


def plot_fingerprint(
    panels: Mapping[str, pd.DataFrame],
    *,
    groups: pd.Series | None = None,
    title: str = "",
) -> NDArray[Any]:
    """Draw changes of the response rate against changes of the share of 10, a point an agent.

    Parameters
    ----------
    panels : mapping of str to pandas.DataFrame
        Heading to a result of `nps_research.detection.fingerprint.fingerprint`.
    groups : pandas.Series, optional
        Group of each agent, told apart by colour and mark: who is paid, or, in a simulation, who
        games.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes, one a panel.

    Examples
    --------
    >>> table = pd.DataFrame({"response": [0.1, 0.5], "tens": [0.0, 0.9]})
    >>> axes = plot_fingerprint({"two agents": table})
    >>> axes[0].lines[-1].get_ydata().tolist()
    [0.0, 0.9]
    """
    columns = min(len(panels), 2)
    axes = panel_axes(len(panels), columns)
    for axis, (heading, table) in zip(axes, panels.items(), strict=True):
        for line in (axis.axhline, axis.axvline):
            line(0, color=INK, lw=0.8, ls=":")
        _draw_groups(axis, table, groups, "response", "tens")
        axis.set(title=heading)
    y = "10-share given location\n(change of log odds)"
    finish_panels(axes, columns, "Response rate (change of log odds)", y, title=title)
    return axes


def plot_evidence(table: pd.DataFrame, *, title: str = "") -> Axes:
    """Draw the z of several signatures, one row an agent, as colours.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `nps_research.detection.evidence.evidence_table`: one row an agent, one column a
        signature. Rows are drawn in the order of the table; missing z are left white.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> axis = plot_evidence(pd.DataFrame({"10-share": [3.0, 0.1], "edits": [2.0, None]}))
    >>> axis.collections[0].get_array().compressed().tolist()
    [3.0, 2.0, 0.1]
    """
    axis, mesh = _heat(table, STRONGEST)
    axis.set_ylabel("Agent")
    bar = axis.figure.colorbar(mesh, ax=axis, extend="both")
    bar.set_label("z (positive = as gaming would)")
    entitle(axis, title)
    return axis


def plot_signatures(table: pd.DataFrame, *, x: str = "", title: str = "") -> Axes:
    """Draw which way of gaming shows in which signature, as colours with numbers.

    Parameters
    ----------
    table : pandas.DataFrame
        Correlations of what a detector says with how much agents game: one row a way of gaming,
        one column a detector.
    x : str
        What the correlations are of.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> axis = plot_signatures(pd.DataFrame({"edits": [0.0, 0.6]}, index=["begging", "editing"]))
    >>> [text.get_text() for text in axis.texts]
    ['0.0', '0.6']
    """
    axis, mesh = _heat(table, 1.0)
    for (row, column), value in np.ndenumerate(table.to_numpy(dtype=float)):
        colour = "white" if abs(value) > READABLE else INK
        axis.text(column + 0.5, row + 0.5, f"{round(value, 1) + 0.0:.1f}", color=colour, **CENTRED)
    axis.figure.colorbar(mesh, ax=axis).set_label(x)
    entitle(axis, title)
    return axis


def _heat(table: pd.DataFrame, strongest: float) -> tuple[Axes, QuadMesh]:
    """Draw numbers as colours, rows from the top; missing ones are left white."""
    axis: Axes = panel_axes(1, 1, height=1.6 + ROW * min(len(table), MOST_NAMES))[0]
    drawn = np.ma.masked_invalid(table.to_numpy(dtype=float))
    mesh = axis.pcolormesh(drawn, cmap="PuOr_r", vmin=-strongest, vmax=strongest)
    axis.invert_yaxis()
    rotation = 25 if table.shape[1] <= FEW_COLUMNS else 45
    names = [str(name) for name in table]
    axis.set_xticks(np.arange(len(names)) + 0.5, names, rotation=rotation, ha="right")
    named = len(table) <= MOST_NAMES
    rows = [str(name) for name in table.index] if named else []
    axis.set_yticks(np.arange(len(rows)) + 0.5, rows, fontsize="small")
    return axis, mesh


def plot_agent_funnel(
    panels: Mapping[str, pd.DataFrame],
    *,
    groups: pd.Series | None = None,
    level: float = 0.95,
    title: str = "",
) -> NDArray[Any]:
    """Draw estimates of agents against their precision, with the limits of honest agents.

    Parameters
    ----------
    panels : mapping of str to pandas.DataFrame
        Heading to a result of `ten_share`, `ten_residual` or another detector with `honest_sd` in
        its attrs.
    groups : pandas.Series, optional
        As in `plot_fingerprint`.
    level : float
        Probability inside the limits, for each agent alone.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes, one a panel.

    Examples
    --------
    >>> from nps_research.detection.simulated_agents import AgentWorld
    >>> from nps_research.detection.ten_share import ten_residual
    >>> made = AgentWorld(treated=20, untreated=10).simulate(1)
    >>> axes = plot_agent_funnel({"nobody games": ten_residual(made.counts)})
    >>> len(axes[0].lines)
    6
    """
    columns = min(len(panels), 2)
    axes = panel_axes(len(panels), columns)
    for axis, (heading, table) in zip(axes, panels.items(), strict=True):
        limits = funnel_limits(table.dropna(subset=["se"]), level=level)
        for name, style, label in (
            ("sampling", ":", "all honest agents alike"),
            ("honest", "--", f"{100 * level:g} % limits of honest agents"),
        ):
            axis.plot(limits.index, limits[name], color=INK, lw=1, ls=style, label=label)
            axis.plot(limits.index, -limits[name], color=INK, lw=1, ls=style)
        axis.axhline(0, color=INK, lw=0.8)
        _draw_groups(axis, table, groups, "se", "estimate")
        axis.set(title=heading)
        axis.invert_xaxis()
    finish_panels(
        axes, columns, "Standard error (precise agents right)", "Change beyond honest", title=title
    )
    return axes


def plot_lattice(
    nulls: pd.DataFrame, *, observed: Mapping[str, float] | None = None, title: str = ""
) -> Axes:
    """Draw how often honest units end just above a target and just below it, by their n.

    Parameters
    ----------
    nulls : pandas.DataFrame
        Of `nps_research.detection.target_bunching.lattice_null`.
    observed : mapping of str to float, optional
        Label to a share that was seen, drawn as a line across.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from nps_research.detection.target_bunching import lattice_null
    >>> axis = plot_lattice(lattice_null([20, 25], (0.24, 0.2, 0.56), target=40))
    >>> len(axis.lines)
    2
    """
    axis: Axes = panel_axes(1, 1)[0]
    for name, colour, mark in (("above", ACCENT, MARKERS[0]), ("below", SECOND, MARKERS[1])):
        label = f"just {name} the target"
        axis.plot(nulls.index, nulls[name], color=colour, marker=mark, ms=4, lw=1, label=label)
    for place, (label, share) in enumerate((observed or {}).items()):
        axis.axhline(share, color=SERIES[2 + place % 3], lw=1, ls="-.", label=label)
    axis.set(xlabel="Answers of the unit", ylabel="Share of honest units", ylim=(0, None))
    finish(axis, title)
    return axis


def _draw_groups(axis: Axes, table: pd.DataFrame, groups: pd.Series | None, x: str, y: str) -> None:
    """Draw one point an agent, in the colour and mark of its group."""
    of = groups.reindex(table.index) if groups is not None else pd.Series("agents", table.index)
    for place, name in enumerate(sorted(of.dropna().unique(), key=str)):
        inside = (of == name).to_numpy(dtype=bool, na_value=False)
        colour = (GROUP_COLOURS["passives"], SECOND, *SERIES)[place] if len(set(of)) > 1 else ACCENT
        mark = MARKERS[place % len(MARKERS)]
        axis.plot(
            table[x][inside], table[y][inside], mark, color=colour, ms=5, ls="", label=str(name)
        )
