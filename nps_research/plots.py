"""Every figure of the notebooks: `plot_*` functions that take results and return the axes.

One style for all. Colours are those of Okabe and Ito (2008, "Color Universal Design"), which
readers with any colour vision can tell apart; detractors, passives and promoters keep theirs
throughout. In grey print, position tells promoters and detractors apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import xarray as xr
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from nps_research.answers import refuse_intervals
from nps_research.counts import as_counts, declared_scale
from nps_research.intervals import tail_probabilities
from nps_research.scale import GROUPS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from nps_research.ordinal.draws import ScoreDraws
    from nps_research.scale import RatingScale

GROUP_COLOURS = {"detractors": "#D55E00", "passives": "#BBBBBB", "promoters": "#0072B2"}
ACCENT, SECOND, INK = "#0072B2", "#D55E00", "#333333"
# Of series without colours of their own, with the dash and the marker of each.
SERIES = (ACCENT, SECOND, "#009E73", "#CC79A7", INK, "#E69F00", "#56B4E9")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
MARKERS = "os^DvPX"
COVERAGE_COLOURS = {
    "wald": SECOND,
    "adjusted_wald": ACCENT,
    "score": "#009E73",
    "dirichlet": "#CC79A7",
}
PANEL_WIDTH, PANEL_HEIGHT = 4.6, 3.2
# Half of a 95 % interval of a normal estimate, in standard errors.
WALD_95 = 1.96


def use_style() -> None:
    """Set the style of all figures: call it once, in the first cell of a notebook."""
    sns.set_theme(context="notebook", style="ticks", font_scale=0.95)
    plt.rcParams.update(
        {
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlelocation": "left",
            "axes.titlesize": "medium",
            "figure.constrained_layout.use": True,
            "figure.dpi": 110,
            "legend.frameon": False,
            "savefig.bbox": "tight",
            "svg.hashsalt": "nps_research",
        }
    )


def plot_scores(
    counts: pd.DataFrame,
    by: str | None = None,
    *,
    rating_scale: RatingScale | None = None,
    title: str = "",
    columns: int = 2,
) -> NDArray[Any]:
    """Draw the distribution of scores, shaded by detractors, passives and promoters.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table.
    by : str, optional
        Column whose groups get a panel each, headed by name and number of answers.
    rating_scale : RatingScale, optional
        By default the scale that the table carries, else 0-10.
    title : str
        Title of the figure.
    columns : int
        Panels in a row.

    Returns
    -------
    numpy.ndarray
        The axes, one a group.

    Examples
    --------
    >>> import nps_research as npsr
    >>> use_style()
    >>> axes = plot_scores(npsr.load_counts("sfo_airport"), by="year")
    >>> [axis.get_title("left") for axis in axes]
    ['2017 (n = 2,746)', '2018 (n = 2,650)']
    """
    scale = declared_scale(counts, rating_scale)
    table = as_counts(counts, scale, by=[by] if by else [])
    refuse_intervals(table)
    panels = _score_shares(table, by, scale)
    axes = panel_axes(len(panels), columns)
    for axis, (name, (shares, n)) in zip(axes, panels.items(), strict=True):
        colours = [GROUP_COLOURS[group] for group in scale.groups]
        axis.bar(scale.scores, 100 * shares, color=colours, width=0.85)
        axis.set(title=with_size(name, n), xticks=scale.scores)
    finish_panels(axes, columns, "Score", "Answers (%)", title=title, handles=_groups(scale))
    return axes


def plot_nps(
    table: pd.DataFrame,
    *,
    axis: Axes | None = None,
    label: str = "",
    colour: str = ACCENT,
    offset: float = 0.0,
    title: str = "",
) -> Axes:
    """Draw estimates with their intervals, one row a group.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `nps`, another metric or `interval_table`: first column the estimate, then
        `lower` and `upper`; with a column `n`, groups are named with their size.
    axis : matplotlib.axes.Axes, optional
        Draw into these axes, to set two kinds of estimates side by side.
    label : str
        Name in the legend; the kind of interval by default.
    colour : str
        Colour of the points.
    offset : float
        Vertical shift in rows, so that two estimates of a group do not overlap.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import nps_research as npsr
    >>> axis = plot_nps(npsr.nps(npsr.load_counts("sfo_airport"), by="year"))
    >>> [tick.get_text() for tick in axis.get_yticklabels()]
    ['2017 (n = 2,746)', '2018 (n = 2,650)']
    """
    metric = str(table.columns[0])
    fresh = axis is None
    axis = axis or panel_axes(1, 1, height=0.9 + 0.42 * len(table))[0]
    rows = np.arange(len(table)) + offset
    kind = label or str(table.attrs.get("interval", ""))
    axis.hlines(rows, table["lower"], table["upper"], color=colour, lw=2)
    axis.plot(table[metric], rows, "o", color=colour, label=kind)
    if fresh:
        axis.set_yticks(np.arange(len(table)), _group_names(table))
        axis.set_ylim(len(table) - 0.5, -0.5)
        axis.set_xlabel(_axis_label(metric))
    finish(axis, title)
    return axis


def plot_nps_posterior(
    draws: xr.DataArray,
    *,
    raw: pd.DataFrame | None = None,
    kind: str = "posterior",
    title: str = "",
    mass: float = 0.95,
) -> Axes:
    """Draw the posterior density of a quantity, with its interval, for each group.

    Parameters
    ----------
    draws : xarray.DataArray
        Dims chain, draw and at most one group, as `fit.nps(by=...)` returns.
    raw : pandas.DataFrame, optional
        Sample estimates of the same groups, result of `nps`: drawn as a mark on each density.
    kind : str
        What the draws are, for the legend.
    title : str
        Title of the figure.
    mass : float
        Probability inside the equal-tailed interval drawn under each density.

    Returns
    -------
    matplotlib.axes.Axes
    """
    groups = [dim for dim in draws.dims if dim not in {"chain", "draw"}]
    stacked = draws.stack(sample=("chain", "draw"))
    names = [str(name) for name in stacked[groups[0]].values] if groups else ["all"]
    samples = np.atleast_2d(stacked.transpose(*groups, "sample").to_numpy())
    axis: Axes = panel_axes(1, 1, height=1.1 + 0.65 * len(names))[0]
    for row, sample in enumerate(samples):
        label = f"{kind}, {100 * mass:.0f} % interval" if row == 0 else None
        _ridge(axis, row, sample, mass, label)
    if raw is not None:
        estimates = raw.iloc[:, 0].to_numpy()
        axis.plot(estimates, np.arange(len(names)), "|", color=INK, ms=14, mew=2, label="raw")
    axis.set_yticks(np.arange(len(names)), names)
    axis.set_ylim(len(names) - 0.5, -0.95)
    axis.set_xlabel(_axis_label(str(draws.name)))
    finish(axis, title)
    return axis


def plot_posterior_predictive(
    fit: ScoreDraws,
    by: str | None = None,
    *,
    random_seed: int | None = None,
    title: str = "",
    mass: float = 0.95,
    columns: int = 2,
) -> NDArray[Any]:
    """Draw observed scores as bars and what the model would have produced as intervals.

    Parameters
    ----------
    fit : OrdinalFit
        A fitted model.
    by : str, optional
        Column whose groups get a panel each.
    random_seed : int, optional
        Makes the replicates repeatable.
    title : str
        Title of the figure.
    mass : float
        Probability inside the equal-tailed interval of the replicated shares.
    columns : int
        Panels in a row.

    Returns
    -------
    numpy.ndarray
        The axes, one a group.
    """
    panels = _replicated_shares(fit, by, random_seed, mass)
    axes = panel_axes(len(panels), columns)
    scale = fit.design.rating_scale
    colours = [GROUP_COLOURS[group] for group in scale.groups]
    for axis, (name, (bars, low, mid, high)) in zip(axes, panels.items(), strict=True):
        axis.bar(scale.scores, bars, color=colours, width=0.85, alpha=0.55)
        axis.errorbar(scale.scores, mid, yerr=[mid - low, high - mid], fmt="o", color=INK, ms=4)
        axis.set(title=name, xticks=scale.scores)
    label = f"replicated: median and {100 * mass:.0f} % interval"
    point = Line2D([], [], marker="o", ls="-", color=INK, ms=4, label=label)
    bar = Patch(color=GROUP_COLOURS["passives"], label="observed")
    finish_panels(axes, columns, "Score", "Answers (%)", title=title, handles=[bar, point])
    return axes


def plot_coverage(tables: Mapping[str, pd.DataFrame], *, title: str = "") -> NDArray[Any]:
    """Draw the coverage of intervals against the number of answers.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Name of a population to its result of `nps_coverage`: one panel each.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes, one a population.
    """
    axes = panel_axes(len(tables), len(tables))
    markers = dict(zip(COVERAGE_COLOURS, "os^D", strict=True))
    for axis, (name, table) in zip(axes, tables.items(), strict=True):
        for method in table.index.unique("method"):
            line = 100 * table["coverage"].xs(method)
            style = {"color": COVERAGE_COLOURS[method], "marker": markers[method]}
            axis.plot(line.index, line, ls="", label=method.replace("_", " "), **style)
        axis.axhline(95, color=INK, lw=1, ls="--", label="promised")
        axis.set(title=name)
    finish_panels(axes, len(tables), "Answers", "Coverage (%)", title=title)
    return axes


def panel_axes(number: int, columns: int, height: float = PANEL_HEIGHT) -> NDArray[Any]:
    """Return the axes of a new figure in a grid, without empty ones, all on one vertical scale.

    Parameters
    ----------
    number : int
        How many.
    columns : int
        Panels in a row.
    height : float
        Height of a panel in inches.
    """
    columns = min(columns, number)
    rows = -(-number // columns)
    width = PANEL_WIDTH * columns if columns > 1 else 1.5 * PANEL_WIDTH
    _, grid = plt.subplots(
        rows, columns, figsize=(width, height * rows), squeeze=False, sharey=number > 1
    )
    axes = grid.ravel()
    for spare in axes[number:]:
        spare.remove()
    return np.asarray(axes[:number])


def finish_panels(
    axes: NDArray[Any],
    columns: int,
    x: str,
    y: str,
    *,
    title: str,
    handles: Sequence[Artist] | None = None,
) -> None:
    """Label the left and lower panels of a grid, and finish its figure.

    Parameters
    ----------
    axes : numpy.ndarray
        From `panel_axes`.
    columns : int
        Panels in a row.
    x, y : str
        Labels of the axes.
    title, handles
        As in `finish`.
    """
    for position, axis in enumerate(axes):
        if position % columns == 0:
            axis.set_ylabel(y)
        if position + columns >= len(axes):
            axis.set_xlabel(x)
    finish(axes[0], title, handles)


def finish(axis: Axes, title: str, handles: Sequence[Artist] | None = None) -> None:
    """Put one legend below the figure, in place of an earlier one, and the title above it.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
        Its labels make the legend, without `handles`.
    title : str
        Title of the figure, empty for none.
    handles : sequence of matplotlib.artist.Artist, optional
        Entries of the legend.
    """
    figure = cast("Figure", axis.figure)
    for earlier in figure.legends:
        earlier.remove()
    shown = handles or axis.get_legend_handles_labels()[0]
    figure.legend(handles=shown, loc="outside lower center", ncols=5, fontsize="small")
    entitle(axis, title)


def entitle(axis: Axes, title: str) -> None:
    """Put the title of an axis's figure above it, unless it is empty."""
    if title:
        cast("Figure", axis.figure).suptitle(
            title, x=0.01, ha="left", fontweight="bold", fontsize="medium"
        )


def with_size(name: str, n: float) -> str:
    """Return a name with its number of answers, as panels and rows show it."""
    return f"{name} (n = {n:,.0f})"


def _replicated_shares(
    fit: ScoreDraws, by: str | None, random_seed: int | None, mass: float
) -> dict[str, list[NDArray[np.float64]]]:
    """Return percentages by panel: observed, and lower, middle and upper of the replicates."""
    observed, replicates = fit.observed_counts(by), fit.replicated_counts(by, random_seed)
    tails = [(1 - mass) / 2, 0.5, (1 + mass) / 2]
    parts = [observed, *replicates.quantile(tails, ("chain", "draw"))]
    panels = {}
    for position, group in enumerate(observed[by].values if by else ["all answers"]):
        rows = [(part.isel({by: position}) if by else part).to_numpy() for part in parts]
        n = rows[0].sum()
        panels[with_size(str(group), n)] = [100 / n * row for row in rows]
    return panels


def _score_shares(
    table: pd.DataFrame, by: str | None, scale: RatingScale
) -> dict[str, tuple[NDArray[np.float64], int]]:
    groups = table.groupby(by, observed=True) if by else [("all answers", table)]
    panels = {}
    for name, rows in groups:
        answered = rows[rows["score"].notna()]
        sizes = answered.groupby("score")["n"].sum().reindex(scale.scores, fill_value=0)
        panels[str(name)] = (sizes.to_numpy(dtype=float) / sizes.sum(), int(sizes.sum()))
    return panels


def _groups(scale: RatingScale) -> list[Artist]:
    """Return one entry of a legend for each group that the scale has."""
    spans = {group: scale.scores[scale.groups == group] for group in GROUPS}
    return [
        Patch(color=GROUP_COLOURS[group], label=f"{group} {span[0]}-{span[-1]}")
        for group, span in spans.items()
        if len(span)
    ]


def _ridge(
    axis: Axes, row: int, sample: NDArray[np.float64], mass: float, label: str | None
) -> None:
    """Draw one density standing on `row`, its interval below it."""
    heights, edges = np.histogram(sample, bins=60, density=True)
    middles = (edges[1:] + edges[:-1]) / 2
    smooth = np.convolve(heights, np.hanning(9) / np.hanning(9).sum(), mode="same")
    axis.fill_between(middles, row - 0.85 * smooth / smooth.max(), row, color=ACCENT, alpha=0.35)
    low, high = np.quantile(sample, tail_probabilities(mass))
    axis.plot([low, high], [row, row], color=ACCENT, lw=3, label=label, solid_capstyle="butt")


def _group_names(table: pd.DataFrame) -> list[str]:
    names = [", ".join(map(str, np.atleast_1d(np.array(row, dtype=object)))) for row in table.index]
    if "n" not in table:
        return names
    return [with_size(name, n) for name, n in zip(names, table["n"], strict=True)]


def _axis_label(metric: str) -> str:
    units = {
        "nps": "NPS (points)",
        "nps_change": "Change of NPS (points)",
        "mean_score": "Mean score (points of the scale)",
    }
    return units.get(metric, metric.replace("_", " ").capitalize())
