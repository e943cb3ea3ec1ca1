"""Lines over a number, one panel a table: the figure of most computed curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from nps_research.plots import DASHES, INK, MARKERS, SERIES, WALD_95, finish_panels, panel_axes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

MOST_MARKS = 40
# Over this span and more, a number at every 1, 2 and 5 would touch the next one.
WIDE = 250.0


def plot_lines(
    panels: pd.DataFrame | Mapping[str, pd.DataFrame],
    x: str = "",
    y: str = "",
    *,
    errors: pd.DataFrame | None = None,
    lines: float | Mapping[str, float] | None = None,
    logarithmic: str = "",
    columns: int = 3,
    title: str = "",
) -> NDArray[Any]:
    """Draw each column of a table against its index.

    Parameters
    ----------
    panels : pandas.DataFrame or mapping of str to pandas.DataFrame
        A table, or heading to table. Tables with different columns get a legend each.
    x, y : str
        Labels of the axes; by default `x` is the name of the index.
    errors : pandas.DataFrame, optional
        Monte Carlo standard errors, as the table; bars are ± 1.96 of them.
    lines : float or mapping of str to float, optional
        Where to draw a line across, or several by name.
    logarithmic : str
        Axes with a logarithmic scale: "x", "y" or "xy".
    columns : int
        Panels in a row.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes, one a panel.

    Examples
    --------
    >>> table = pd.DataFrame({"agents": [0.2, 0.5]}, index=[10, 40])
    >>> axes = plot_lines(table, "Answers", "Reliability", lines=0.8)
    >>> axes[0].lines[-1].get_ydata().tolist()
    [0.2, 0.5]
    """
    tables = {"": panels} if isinstance(panels, pd.DataFrame) else panels
    columns = min(columns, len(tables))
    axes = panel_axes(len(tables), columns)
    for axis, (heading, table) in zip(axes, tables.items(), strict=True):
        _draw_across(axis, lines)
        _draw_columns(axis, table, errors)
        axis.set(title=heading)
        for name in logarithmic:
            _set_logarithmic(axis, name)
    label = x or str(next(iter(tables.values())).index.name or "")
    finish_panels(axes, columns, label, y, title=title)
    if len({tuple(table.columns) for table in tables.values()}) > 1:
        _legends_inside(axes)
    return axes


def _draw_across(axis: Axes, lines: float | Mapping[str, float] | None) -> None:
    named = {"": lines} if isinstance(lines, int | float) else (lines or {})
    for name, height in named.items():
        axis.axhline(height, color=INK, lw=1, ls=":", label=name)


def _draw_columns(axis: Axes, table: pd.DataFrame, errors: pd.DataFrame | None) -> None:
    marks = MARKERS if len(table) <= MOST_MARKS else " " * len(MARKERS)
    for place, name in enumerate(table):
        at = place % len(SERIES)
        style: dict[str, Any] = {"color": SERIES[at], "ls": DASHES[at], "marker": marks[at]}
        half = None if errors is None else WALD_95 * errors[name].to_numpy()
        axis.errorbar(table.index, table[name], yerr=half, ms=4, label=str(name), **style)


def _set_logarithmic(axis: Axes, name: str) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter  # noqa: PLC0415  (slow to import)

    axis.set(**{f"{name}scale": "log"})
    scale = axis.xaxis if name == "x" else axis.yaxis
    low, high = scale.get_view_interval()
    few = high / low < WIDE
    scale.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)))
    scale.set_major_formatter("{x:,g}")
    scale.set_minor_formatter(NullFormatter())


def _legends_inside(axes: NDArray[Any]) -> None:
    for legend in axes[0].figure.legends:
        legend.remove()
    for axis in axes:
        axis.legend(fontsize="small")
