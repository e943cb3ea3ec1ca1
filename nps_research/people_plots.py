"""Figures of people and teams: they take results and return the axes, as in `plots`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nps_research.plots import (
    ACCENT,
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
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

RULE_COLOURS = SERIES[2:]
ROW = 0.28
# More names than these in a panel cover each other.
MOST_NAMES = 6


def plot_ranks(table: pd.DataFrame, *, truth: pd.Series | None = None, title: str = "") -> Axes:
    """Draw the place of every unit in a ranking with its interval, best first.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `nps_research.people.ranking.rank_table`.
    truth : pandas.Series, optional
        True rank of each unit, where it is known.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis: Axes = panel_axes(1, 1, height=1.2 + ROW * len(table))[0]
    rows = np.arange(len(table))
    kind = str(table.attrs.get("interval", "interval"))
    axis.hlines(rows, table["lower"], table["upper"], color=ACCENT, lw=2)
    axis.plot(table["rank"], rows, "o", color=ACCENT, ms=5, label=f"mean rank, {kind}")
    if truth is not None:
        axis.plot(truth.reindex(table.index), rows, "x", color=SECOND, ms=6, label="true rank")
    axis.set_yticks(rows, [str(name) for name in table.index], fontsize="small")
    axis.set_ylim(len(table) - 0.5, -0.5)
    axis.set_xlabel("Rank (1 = best)")
    finish(axis, title)
    return axis


def plot_funnel(panels: Mapping[str, pd.DataFrame], *, title: str = "") -> NDArray[Any]:
    """Draw scores of units against their numbers of answers, with control limits.

    Parameters
    ----------
    panels : mapping of str to pandas.DataFrame
        Heading to a result of `nps_research.people.unit_flags.flags`, or of `funnel`. Flagged units
        are named if they are few.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes, one a panel.

    Examples
    --------
    >>> import pandas as pd
    >>> from nps_research.people.unit_flags import flags
    >>> rows = [("a", 3, 8), ("a", 10, 2), ("b", 3, 10), ("b", 10, 30)]
    >>> table = flags(pd.DataFrame(rows, columns=["agent", "score", "n"]), "agent")
    >>> axes = plot_funnel({"two agents": table})
    >>> len(axes[0].texts)
    2
    """
    columns = min(len(panels), 2)
    axes = panel_axes(len(panels), columns)
    for axis, (heading, table) in zip(axes, panels.items(), strict=True):
        ordered = table.sort_values("n")
        for side, label in (
            ("lower", table.attrs["interval"].split(" around")[0]),
            ("upper", None),
        ):
            axis.plot(ordered["n"], ordered[side], color=INK, lw=1, ls="--", label=label)
        axis.axhline(table.attrs["expected"], color=INK, lw=0.8)
        flagged = table["flag"] != "" if "flag" in table else np.zeros(len(table), bool)
        axis.plot(table["n"][~flagged], table["nps"][~flagged], "o", color=ACCENT, ms=5)
        axis.plot(table["n"][flagged], table["nps"][flagged], "D", color=SECOND, ms=6)
        for unit, row in table[flagged].iterrows() if flagged.sum() <= MOST_NAMES else ():
            axis.annotate(
                str(unit), (row["n"], row["nps"]), (5, 3), textcoords="offset points", fontsize=8
            )
        axis.set(title=heading)
    marks = [*axes[0].get_legend_handles_labels()[0], *_flag_marks()]
    finish_panels(axes, columns, "Answers of the unit", "NPS (points)", title=title, handles=marks)
    return axes


def plot_waterfall(table: pd.DataFrame, *, title: str = "") -> Axes:
    """Draw each team's target beside the change that chance alone can bring about.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `nps_research.people.waterfall.waterfall`.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis: Axes = panel_axes(1, 1, height=1.2 + 1.2 * ROW * len(table))[0]
    rows = np.arange(len(table))
    margin = 1.645 * table["se"]
    label = "true change, and where 90 % of measured changes lie"
    axis.hlines(rows, table["change"] - margin, table["change"] + margin, color=ACCENT, lw=4)
    axis.plot(table["change"], rows, "o", color=ACCENT, label=label)
    axis.plot(table["target"], rows, "|", color=SECOND, ms=16, mew=3, label="target")
    names = [
        f"{team} ({before:,} and {after:,} answers)"
        for team, before, after in zip(
            table.index, table["n_before"], table["n_after"], strict=True
        )
    ]
    axis.set_yticks(rows, names)
    axis.set_ylim(len(table) - 0.5, -0.5)
    for row, met in zip(rows, table["met"], strict=True):
        axis.annotate(
            f"reached with {met:.0%}",
            (1.01, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize="small",
        )
    axis.set_xlabel("Change of NPS (points)")
    finish(axis, title)
    return axis


def plot_two_estimates(
    first: pd.Series,
    second: pd.Series,
    *,
    x: str,
    y: str,
    groups: pd.Series | None = None,
    title: str = "",
) -> Axes:
    """Draw one estimate of each unit against another, with the line of agreement.

    Parameters
    ----------
    first, second : pandas.Series
        Indexed by unit, in the same unit of measurement.
    x, y : str
        Labels of the axes.
    groups : pandas.Series, optional
        Group of each unit, told apart by colour and mark.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis: Axes = panel_axes(1, 1, height=4.2)[0]
    other = second.reindex(first.index)
    both = np.concatenate([first.to_numpy(), other.to_numpy()])
    ends = [both.min() - 2, both.max() + 2]
    axis.plot(ends, ends, color=INK, lw=0.8, label="the same")
    names = groups.reindex(first.index) if groups is not None else first * 0
    for number, name in enumerate(sorted(names.unique())):
        inside = (names == name).to_numpy()
        label = str(name) if groups is not None else "one unit"
        axis.plot(
            first[inside].to_numpy(),
            other[inside].to_numpy(),
            ls="",
            ms=6,
            marker=MARKERS[number % len(MARKERS)],
            color=SERIES[number % len(SERIES)],
            label=label,
        )
    axis.set(xlabel=x, ylabel=y)
    finish(axis, title)
    return axis


def plot_course(
    courses: Mapping[str, pd.DataFrame], promotions: Mapping[str, pd.Series], *, title: str = ""
) -> NDArray[Any]:
    """Draw two agents over time: their scores, customers lost, and who is promoted.

    Parameters
    ----------
    courses : mapping of str to pandas.DataFrame
        Heading to a result of `TwoAgents.course`: the first is drawn in two panels, scores and
        customers lost; of all, the probability of promotion in the third.
    promotions : mapping of str to pandas.Series
        The same headings to results of `TwoAgents.promotion`.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        Three axes.
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415  (panels with scales of their own)

    axes = plt.subplots(1, 3, figsize=(13.2, 3.8))[1]
    heading, course = next(iter(courses.items()))
    for name, colour, style in (("promising", SECOND, "-"), ("honest", ACCENT, "--")):
        axes[0].plot(course.index, course[name], color=colour, ls=style, label=f"{name} agent")
        axes[1].plot(course.index, 100 * course[f"{name}_left"], color=colour, ls=style)
    for number, (name, series) in enumerate(promotions.items()):
        colour, marker = RULE_COLOURS[number % 3], MARKERS[number % 3]
        axes[2].plot(series.index, series, ms=3, label=name, color=colour, marker=marker)
    axes[2].axhline(0.5, color=INK, lw=0.8, ls=":")
    axes[0].set(title=heading, ylabel="NPS of the month (points)")
    axes[1].set(title=heading, ylabel="Customers lost since the start (%)")
    axes[2].set(title="Score of all answers so far", ylabel="P(promising agent is ahead)")
    for axis in axes:
        axis.set_xlabel("Month")
    finish(axes[0], title, [*axes[0].get_lines(), *axes[2].get_lines()[: len(promotions)]])
    return np.asarray(axes)


def plot_bars(
    table: pd.DataFrame, *, y: str, title: str = "", colours: Sequence[str] = SERIES
) -> Axes:
    """Draw groups of bars.

    Parameters
    ----------
    table : pandas.DataFrame
        One group a row, one bar a column.
    y : str
        Label of the axis.
    title : str
        Title of the figure.
    colours : sequence of str
        Of the columns.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis: Axes = panel_axes(1, 1)[0]
    width = 0.8 / table.shape[1]
    for number, name in enumerate(table.columns):
        at = np.arange(len(table)) + (number - (table.shape[1] - 1) / 2) * width
        axis.bar(at, table[name], 0.92 * width, color=colours[number], label=str(name))
    axis.set_xticks(np.arange(len(table)), [str(name) for name in table.index])
    axis.set_ylabel(y)
    finish(axis, title)
    return axis


def _flag_marks() -> list[Any]:
    from matplotlib.lines import Line2D  # noqa: PLC0415  (slow to import)

    return [
        Line2D([], [], marker="o", ls="", color=ACCENT, ms=5, label="not flagged"),
        Line2D([], [], marker="D", ls="", color=SECOND, ms=6, label="flagged"),
    ]
