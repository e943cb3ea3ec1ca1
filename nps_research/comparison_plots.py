"""Figures of metrics side by side: they take results and return the axes, as in `plots`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nps_research.comparison.shifts import shifted
from nps_research.plots import (
    ACCENT,
    GROUP_COLOURS,
    INK,
    MARKERS,
    SECOND,
    SERIES,
    finish,
    finish_panels,
    panel_axes,
)
from nps_research.scale import GROUPS, RatingScale

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from nps_research.comparison.shifts import Kind, Shift

    type Array = NDArray[np.float64]

# Name, colour and marker of every statistic in all figures.
STATISTICS = {
    "nps": ("NPS", INK, "D"),
    "mean_score": ("mean", ACCENT, "o"),
    "top_box": ("share of promoters", "#56B4E9", "^"),
    "bottom_box": ("share of detractors", SECOND, "v"),
    "wilcoxon": ("ordinal model (ranks)", "#009E73", "s"),
    "best": ("best possible", "#CC79A7", "x"),
}
MEASURES = {"level": (ACCENT, "o"), "change": (SECOND, "s"), "both": ("#009E73", "^")}
ROW_HEIGHT = 0.5
# Ratios beyond these are drawn at the edge.
FEWEST_ANSWERS, MOST_ANSWERS = 1 / 16, 16.0
# Of a bivariate normal distribution, this many standard deviations hold 95 %.
ELLIPSE_95 = 2.4477


def plot_shifts(
    shares: Array,
    shifts: Sequence[Shift | Kind],
    size: float,
    *,
    rating_scale: RatingScale | None = None,
    title: str = "",
    columns: int = 2,
) -> NDArray[Any]:
    """Draw a distribution as bars, and what becomes of it under shifts as points.

    Parameters
    ----------
    shares : numpy.ndarray, shape (categories,)
        Shares of the scores.
    shifts : sequence of Shift or str
        One panel each.
    size : float
        Of every shift.
    rating_scale : RatingScale, optional
        0 to 10 by default.
    title : str
        Title of the figure.
    columns : int
        Panels in a row.

    Returns
    -------
    numpy.ndarray
        The axes, headed by the shift and the NPS and mean that it leads to.
    """
    from matplotlib.patches import Patch  # noqa: PLC0415  (slow to import)

    scale = rating_scale or RatingScale()
    colours = [GROUP_COLOURS[group] for group in scale.groups]
    axes = panel_axes(len(shifts), columns, height=2.7)
    for axis, shift in zip(axes, shifts, strict=True):
        after = shifted(shares, shift, size, scale)
        axis.bar(scale.scores, 100 * shares, color=colours, width=0.85, alpha=0.55)
        axis.plot(scale.scores, 100 * after, "o", color=INK, ms=5, label="after the shift")
        nps, mean = 100 * after @ scale.nps_values, after @ scale.scores
        name = shift if isinstance(shift, str) else shift.kind
        axis.set(title=f"{name}: NPS {nps:.0f}, mean {mean:.2f}", xticks=scale.scores)
    bars = [
        Patch(color=GROUP_COLOURS[group], alpha=0.55, label=f"{group} before") for group in GROUPS
    ]
    handles = [*bars, axes[0].lines[0]]
    finish_panels(axes, columns, "Score", "Answers (%)", title=title, handles=handles)
    return axes


def plot_efficiency(table: pd.DataFrame, *, title: str = "") -> Axes:
    """Draw how many answers NPS needs for one of each other statistic, by kind of shift.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `efficacies`.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
        Left of the line NPS needs fewer answers; ratios beyond the axis stand at its ends.

    Examples
    --------
    >>> import nps_research as npsr
    >>> from nps_research.comparison.efficiency import efficacies
    >>> axis = plot_efficiency(efficacies(npsr.load_counts("sfo_airport")))
    >>> [tick.get_text() for tick in axis.get_yticklabels()]
    ['location', 'scale', 'top threshold', 'bottom threshold']
    """
    ratios = table["nps_answers"].unstack("statistic", sort=False).drop(columns="nps")
    axis = _ratio_axis(list(ratios.index))
    rows = np.arange(len(ratios))
    for name, column in ratios.items():
        label, colour, marker = STATISTICS[str(name)]
        at = column.clip(FEWEST_ANSWERS, MOST_ANSWERS)
        axis.plot(at, rows, marker, color=colour, ms=8, alpha=0.85, ls="", label=label)
    finish(axis, title)
    return axis


def plot_sample_ratios(tables: Mapping[str, pd.DataFrame], *, title: str = "") -> Axes:
    """Draw estimated ratios of answers with their intervals, one row a contrast.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Name of a contrast to its result of `sample_ratio`.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
        Intervals that leave the axis have no limit on that side, or one beyond.
    """
    axis = _ratio_axis(list(tables))
    statistics = list(next(iter(tables.values())).index)
    offsets = np.linspace(-0.24, 0.24, len(statistics))
    for statistic, offset in zip(statistics, offsets, strict=True):
        label, colour, marker = STATISTICS[statistic]
        rows = np.arange(len(tables)) + offset
        parts = [
            np.array([table.loc[statistic, column] for table in tables.values()])
            for column in ("nps_answers", "lower", "upper")
        ]
        middle, low, high = (part.clip(FEWEST_ANSWERS, MOST_ANSWERS) for part in parts)
        axis.hlines(rows, low, high, color=colour, lw=1.8)
        axis.plot(middle, rows, marker, color=colour, ms=6, ls="", label=label)
    finish(axis, title)
    return axis


def plot_efficiency_by_place(
    tables: Mapping[str, pd.DataFrame], *, title: str = "", columns: int = 2
) -> NDArray[Any]:
    """Draw how many answers NPS needs along the scale, one panel a kind of shift.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Name of a shift to its result of `efficiency_by_place`.
    title : str
        Title of the figure.
    columns : int
        Panels in a row.

    Returns
    -------
    numpy.ndarray
        The axes.
    """
    axes = panel_axes(len(tables), columns)
    for axis, (name, table) in zip(axes, tables.items(), strict=True):
        for statistic, (label, colour, _) in STATISTICS.items():
            line = table.xs(statistic, level="statistic")
            width = 1.0 if statistic == "nps" else 2.0
            ratio = line["nps_answers"].where(line["nps_answers"] > 0)
            axis.plot(line["nps"], ratio, color=colour, lw=width, label=label)
        axis.set(title=name, yscale="log", ylim=(FEWEST_ANSWERS, MOST_ANSWERS))
        _ratio_ticks(axis, "y")
    finish_panels(axes, columns, "NPS (points)", "Answers NPS needs for one", title=title)
    return axes


def plot_contrasts(z: pd.DataFrame, *, title: str = "") -> Axes:
    """Draw in how many standard errors each statistic sees each of several differences.

    Parameters
    ----------
    z : pandas.DataFrame
        One row a contrast, one column a statistic of `contrast`.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis = _rows([str(name) for name in z.index])
    for name, column in z.items():
        key = "wilcoxon" if name == "ordinal_model" else str(name)
        label, colour, marker = STATISTICS[key]
        axis.plot(column.abs(), range(len(z)), marker, color=colour, ms=7, ls="", label=label)
    axis.axvline(1.96, color=INK, lw=1, ls="--", label="5 % level")
    axis.set_xlim(left=0)
    axis.set_xlabel("Difference in standard errors")
    finish(axis, title)
    return axis


def plot_false_alarms(
    tables: Mapping[str, pd.DataFrame], *, one: str = "one comparison", title: str = ""
) -> NDArray[Any]:
    """Draw the chance of a false alarm against the answers in a wave.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Name of a rule to its result of `false_alarms`.
    one : str
        Heading of the panel of a single comparison.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        Two axes: one comparison, and any of several.
    """
    several = next(iter(tables.values())).attrs["comparisons"]
    axes = panel_axes(2, 2)
    panels = {"one_comparison": one, "any_of_all": f"any of {several} in a row"}
    for axis, (column, heading) in zip(axes, panels.items(), strict=True):
        for (name, table), colour, marker in zip(tables.items(), SERIES, MARKERS, strict=False):
            axis.plot(table.index, 100 * table[column], f"{marker}-", color=colour, label=name)
        axis.axhline(5, color=INK, lw=1, ls="--", label="5 %")
        axis.set(title=heading, xscale="log", ylim=(0, 102))
        _plain_ticks(axis)
    finish_panels(axes, 2, "Answers in each wave", "Chance of a false alarm (%)", title=title)
    return axes


def plot_association(pairs: pd.DataFrame, *, title: str = "") -> Axes:
    """Draw NPS against the mean of groups, each with the ellipse of its sampling errors.

    Parameters
    ----------
    pairs : pandas.DataFrame
        Result of `paired_metrics`.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis: Axes = panel_axes(1, 1, height=4.2)[0]
    turn = np.linspace(0, 2 * np.pi, 61)
    for position, (_, row) in enumerate(pairs.iterrows()):
        error = np.array(
            [[row["mean_se"] ** 2, row["covariance"]], [row["covariance"], row["nps_se"] ** 2]]
        )
        values, vectors = np.linalg.eigh(error)
        axes_of_ellipse = vectors * np.sqrt(values.clip(min=0)) * ELLIPSE_95
        x, y = axes_of_ellipse @ np.array([np.cos(turn), np.sin(turn)])
        label = "95 % confidence region of one" if position == 0 else None
        axis.fill(row["mean_score"] + x, row["nps"] + y, color=ACCENT, alpha=0.2, lw=0, label=label)
    axis.plot(pairs["mean_score"], pairs["nps"], "o", color=INK, ms=3.5, label="distribution")
    axis.set(xlabel="Mean score (points of the scale)", ylabel="NPS (points)")
    finish(axis, title)
    return axis


def plot_level_or_change(
    table: pd.DataFrame, answers: NDArray[Any], *, boundary: float | None = None, title: str = ""
) -> NDArray[Any]:
    """Draw how closely level and change go with what they are to tell, one panel a goal.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `level_or_change`, its errors in the order of `answers`.
    answers : numpy.ndarray
        Answers of one unit in one wave.
    boundary : float, optional
        Answers from which change is the better measure of improvement.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes.
    """
    goals = list(table.index.unique("goal"))
    axes = panel_axes(len(goals), len(goals))
    for axis, goal in zip(axes, goals, strict=True):
        for measure, (colour, marker) in MEASURES.items():
            line = table.loc[goal, measure].to_numpy()
            axis.plot(answers, line, f"{marker}-", color=colour, ms=4, label=measure)
        if boundary is not None and goal == "who improved":
            axis.axvline(boundary, color=INK, lw=1, ls="--", label="change better from here")
        axis.set(title=goal, xscale="log", ylim=(0, 1))
        _plain_ticks(axis)
    finish_panels(
        axes, len(goals), "Answers of a unit in a wave", "Squared correlation", title=title
    )
    return axes


def plot_detection(tables: Mapping[str, pd.DataFrame], *, title: str = "") -> Axes:
    """Draw by when an improvement is found, for several surveys or effects.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Name to a result of `SurveyWaves.detection`.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis: Axes = panel_axes(1, 1)[0]
    for (name, table), colour, marker in zip(tables.items(), SERIES, MARKERS, strict=False):
        found = 100 * table["detected_by"]
        axis.plot(table["days"], found, f"{marker}-", color=colour, label=name)
    first = next(iter(tables.values()))
    alarms = 100 * first["false_alarm_by"]
    axis.plot(first["days"], alarms, color=INK, ls="--", label="no improvement: false alarm")
    axis.set(xlabel="Days after the last wave before it", ylabel="Alarm by then (%)", ylim=(0, 102))
    axis.set_xticks(first["days"])
    finish(axis, title)
    return axis


def _rows(names: list[str]) -> Axes:
    axis: Axes = panel_axes(1, 1, height=1.2 + ROW_HEIGHT * len(names))[0]
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.5, -0.5)
    return axis


def _ratio_axis(names: list[str]) -> Axes:
    axis = _rows(names)
    axis.set_xscale("log")
    axis.set_xlim(FEWEST_ANSWERS * 0.93, MOST_ANSWERS * 1.07)
    axis.axvline(1.0, color=INK, lw=1)
    _ratio_ticks(axis, "x")
    axis.set_xlabel("Answers that NPS needs for one of the other")
    return axis


def _ratio_ticks(axis: Axes, which: str) -> None:
    ticks = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16]
    names = ["1/16", "1/8", "1/4", "1/2", "1", "2", "4", "8", "16"]
    (axis.set_xticks if which == "x" else axis.set_yticks)(ticks, names, minor=False)
    (axis.xaxis if which == "x" else axis.yaxis).minorticks_off()


def _plain_ticks(axis: Axes) -> None:
    from matplotlib.ticker import FuncFormatter  # noqa: PLC0415  (slow to import)

    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
