"""Figures of the simulated market: they take results and return the axes, as in `plots`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nps_research.plots import (
    ACCENT,
    GROUP_COLOURS,
    INK,
    MARKERS,
    SECOND,
    SERIES,
    WALD_95,
    finish,
    finish_panels,
    panel_axes,
    with_size,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from nps_research.market.statements import Statement

FATES = {
    "kept": GROUP_COLOURS["passives"],
    "raised": SECOND,
    "lowered": "#56B4E9",
    "silenced": INK,
    "recruited": "#E69F00",
}
ROW_HEIGHT = 0.34


def plot_recorded(scores: pd.DataFrame, *, title: str = "", columns: int = 3) -> NDArray[Any]:
    """Draw recorded scores as points over honest ones as bars, one panel a world.

    Parameters
    ----------
    scores : pandas.DataFrame
        Result of `pooled_scores`: answers indexed by world and survey, one column a score.
    title : str
        Title of the figure.
    columns : int
        Panels in a row.

    Returns
    -------
    numpy.ndarray
        The axes, one a world, headed by the number of recorded answers.

    Examples
    --------
    >>> import pandas as pd
    >>> from nps_research.plots import use_style
    >>> use_style()
    >>> worlds = pd.MultiIndex.from_product([["begging"], ["recorded", "honest"]])
    >>> axes = plot_recorded(pd.DataFrame([[1, 3], [2, 2]], index=worlds, columns=[9, 10]))
    >>> axes[0].get_title("left")
    'begging (n = 4)'
    """
    worlds = list(scores.index.unique(0))
    axes = panel_axes(len(worlds), columns, height=2.6)
    for axis, world in zip(axes, worlds, strict=True):
        shares = scores.loc[world].div(scores.loc[world].sum(axis=1), axis=0) * 100
        at = scores.columns.to_numpy()
        axis.bar(at, shares.loc["honest"], color=GROUP_COLOURS["passives"], label="honest")
        axis.plot(at, shares.loc["recorded"], "o", color=SECOND, ms=5, label="recorded")
        n = float(scores.loc[(world, "recorded")].sum())
        axis.set(title=with_size(_words(world), n), xticks=at)
    finish_panels(axes, columns, "Score", "Answers (%)", title=title)
    return axes


def plot_uplift(table: pd.DataFrame, *, title: str = "") -> Axes:
    """Draw the rise of the recorded score as the sum of inflation and real change.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `effects` of changes, one row a world: columns `observed_nps`, `inflation` and
        `honest_nps`, each with `mean` and `mcse`.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis = _rows(_names(table))
    at = np.arange(len(table))
    inflation, real = (table[name]["mean"].to_numpy() for name in ("inflation", "honest_nps"))
    axis.barh(at, inflation, color=SECOND, height=0.6, label="inflation (recorded less honest)")
    # Where both have one sign the second bar begins at the end of the first.
    start = np.where(np.sign(inflation) == np.sign(real), inflation, 0.0)
    axis.barh(at, real, left=start, color=ACCENT, height=0.6, label="real change (honest score)")
    _points(axis, table["observed_nps"], at, INK, "recorded score, 95 % Monte Carlo interval")
    axis.axvline(0.0, color=INK, lw=0.8)
    axis.set_xlabel("Change of NPS (points)")
    finish(axis, title)
    return axis


def plot_fates(table: pd.DataFrame, *, title: str = "") -> Axes:
    """Draw what became of honest answers, and how many answers joined them.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a world: means of `kept`, `raised`, `lowered`, `silenced`, `recruited` and
        `honest_answers`, as `fates` counts them.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis = _rows(_names(table))
    at, start = np.arange(len(table)), np.zeros(len(table))
    for fate, colour in FATES.items():
        share = (100.0 * table[fate] / table["honest_answers"]).to_numpy()
        axis.barh(at, share, left=start, color=colour, height=0.6, label=fate)
        start += share
    axis.axvline(100.0, color=INK, lw=0.8)
    axis.set_xlabel("Answers for every 100 honest ones")
    finish(axis, title)
    return axis


def plot_curves(
    panels: Mapping[str, pd.DataFrame],
    *,
    x: str,
    y: str,
    title: str = "",
    zero: float | None = None,
) -> NDArray[Any]:
    """Draw lines with their Monte Carlo bands, one panel a table.

    Parameters
    ----------
    panels : mapping of str to pandas.DataFrame
        Heading to a table: its index is drawn across, and each of its columns, a pair of `mean`
        and `mcse`, is a line.
    x, y : str
        Labels of the axes.
    title : str
        Title of the figure.
    zero : float, optional
        Where to draw a line across.

    Returns
    -------
    numpy.ndarray
        The axes, one a panel.

    Examples
    --------
    >>> import pandas as pd
    >>> columns = pd.MultiIndex.from_product([["nps"], ["mean", "mcse"]])
    >>> table = pd.DataFrame([[1.0, 0.1], [2.0, 0.1]], index=[0.0, 1.0], columns=columns)
    >>> axes = plot_curves({"": table}, x="Strength", y="NPS (points)")
    >>> axes[0].lines[0].get_ydata().tolist()
    [1.0, 2.0]
    """
    axes = panel_axes(len(panels), 3)
    for axis, (heading, table) in zip(axes, panels.items(), strict=True):
        if zero is not None:
            axis.axhline(zero, color=INK, lw=0.8)
        for number, name in enumerate(table.columns.unique(0)):
            _curve(axis, table[name], str(name), number)
        axis.set(title=heading)
    finish_panels(axes, 3, x, y, title=title)
    return axes


def plot_attribution(table: pd.DataFrame, *, units: Sequence[str], title: str = "") -> NDArray[Any]:
    """Draw Shapley values between the effect of a mechanism alone and on top of all others.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `Attribution.table`.
    units : sequence of str
        Label of the axis of each estimand.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes, one an estimand.
    """
    names = list(table.columns.unique(0))
    axes = panel_axes(len(names), len(names), height=1.2 + ROW_HEIGHT * len(table))
    at = np.arange(len(table))
    for axis, name, unit in zip(axes, names, units, strict=True):
        part: Any = table[name]
        axis.hlines(at, part["first_in"], part["last_in"], color="#BBBBBB", lw=5)
        axis.plot(part["first_in"], at, "|", color=INK, ms=10, mew=2, label="alone")
        axis.plot(part["last_in"], at, "x", color=INK, ms=6, label="on top of all others")
        shown = part.rename(columns={"shapley": "mean"})
        _points(axis, shown, at, ACCENT, "Shapley value, 95 % Monte Carlo interval")
        axis.axvline(0.0, color=INK, lw=0.8)
        axis.set_xlabel(unit)
    axes[0].set_yticks(at, _names(table))
    axes[0].invert_yaxis()
    finish(axes[0], title)
    return axes


def plot_statement(statement: Statement, x: str, y: str, *, title: str = "") -> Axes:
    """Draw where in the ranges of two numbers a statement holds.

    Parameters
    ----------
    statement : Statement
        From `examine`.
    x, y : str
        Numbers, columns of its points.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis: Axes = panel_axes(1, 1)[0]
    clear = np.abs(statement.margin) > WALD_95 * statement.error
    groups = {
        "holds": (statement.holds & clear, ACCENT, "o"),
        "fails": (~statement.holds & clear, SECOND, "X"),
        "too close to call": (~clear, "#BBBBBB", "s"),
    }
    for label, (chosen, colour, marker) in groups.items():
        part = statement.points[chosen]
        axis.plot(part[x], part[y], marker, color=colour, ms=7, ls="", label=label)
    axis.set(xlabel=x, ylabel=y)
    finish(axis, title)
    return axis


def plot_bands(table: pd.DataFrame, *, x: str, title: str = "") -> Axes:
    """Draw effects at the defaults, and their bands over the ranges.

    Parameters
    ----------
    table : pandas.DataFrame
        One row an effect: `default`, `lower` and `upper`.
    x : str
        Label of the axis.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis = _rows(_names(table))
    at = np.arange(len(table))
    label = "middle 90 % of the points in the ranges"
    axis.hlines(at, table["lower"], table["upper"], color=ACCENT, lw=3, label=label)
    axis.plot(table["default"], at, "o", color=INK, label="at the defaults")
    axis.axvline(0.0, color=INK, lw=0.8)
    axis.set_xlabel(x)
    finish(axis, title)
    return axis


def _rows(names: list[str]) -> Axes:
    """Return axes with a named row for each entry, the first on top."""
    axis: Axes = panel_axes(1, 1, height=1.3 + ROW_HEIGHT * len(names))[0]
    axis.set_yticks(np.arange(len(names)), names)
    axis.set_ylim(len(names) - 0.4, -0.6)
    return axis


def _points(axis: Axes, part: Any, at: NDArray[np.int64], colour: str, label: str) -> None:
    error = WALD_95 * part["mcse"].to_numpy()
    axis.errorbar(part["mean"], at, xerr=error, fmt="o", color=colour, ms=5, lw=1.5, label=label)


def _curve(axis: Axes, part: Any, name: str, number: int) -> None:
    colour, half = SERIES[number], WALD_95 * part["mcse"]
    at = part.index.to_numpy(dtype=float)
    axis.fill_between(at, part["mean"] - half, part["mean"] + half, color=colour, alpha=0.2, lw=0)
    style = f"-{MARKERS[number]}"
    axis.plot(at, part["mean"], style, ms=4, color=colour, label=_words(name))


def _names(table: pd.DataFrame) -> list[str]:
    return [_words(name) for name in table.index.get_level_values(0)]


def _words(name: object) -> str:
    return str(name).replace("_", " ")
