"""Figures of drivers and segments, in the style of `plots`: they take results, return the axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

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
    plot_nps,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

    type Box = tuple[float, float, float]

# Okabe and Ito's colours beyond the two of `plots`, and grey.
PREDICTION_COLOURS = {"raw": SECOND, "pooled": "#999999", "partially pooled": ACCENT}
ROW = 0.36
# Width of a letter and height of a line of small print, in pixels, and a pixel in points; where a
# name may stand beside its point: to the right or left, and so much above or below.
LETTER, LINE, POINT = 8.0, 15.0, 72 / 110
PLACES = ((1, 6), (1, -18), (-1, 6), (-1, -18))
CREDIBLE = "95 % equal-tailed credible interval"


def plot_importance(table: pd.DataFrame, *, title: str = "") -> Axes:
    """Draw relative importance with intervals, beside what each item explains alone and last.

    Parameters
    ----------
    table : pandas.DataFrame
        From `Importance.table`.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis: Axes = panel_axes(1, 1, height=1.2 + ROW * len(table))[0]
    rows = np.arange(len(table))
    ends = 100 * table[["last", "first"]].to_numpy().T
    label = "from entering last to alone"
    axis.hlines(rows, *ends, color="#CCCCCC", lw=5, zorder=1, label=label)
    limits = 100 * table[["lower", "upper"]].to_numpy().T
    axis.hlines(rows, *limits, color=ACCENT, lw=2, label=str(table.attrs["interval"]))
    axis.plot(100 * table["share"], rows, "o", color=ACCENT, label="importance")
    axis.set_yticks(rows, table.index.astype(str))
    axis.set(ylim=(len(table) - 0.5, -0.5), xlabel="Share of the variance of the score (%)")
    finish(axis, title)
    return axis


def plot_importance_performance(table: pd.DataFrame, *, title: str = "") -> Axes:
    """Draw importance against mean rating: bottom right is where work is due.

    Parameters
    ----------
    table : pandas.DataFrame
        From `importance_performance`.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis: Axes = panel_axes(1, 1, height=4.8)[0]
    due = table["concentrate_here"] > 0.5
    kinds = {"concentrate here: probability above 1/2": (due, SECOND), "others": (~due, ACCENT)}
    for label, (rows, colour) in kinds.items():
        part = table[rows]
        x, y = 100 * part["importance"], part["performance"]
        style: dict[str, Any] = {"fmt": "o", "color": colour, "ms": 5, "lw": 1, "label": label}
        axis.errorbar(
            x, y, xerr=_sides(part, "importance", 100.0), yerr=_sides(part, "performance"), **style
        )
    share, rating = table.attrs["centres"]
    axis.axvline(100 * share, color=INK, lw=1, ls="--")
    axis.axhline(rating, color=INK, lw=1, ls="--")
    axis.set(
        xlabel="Importance: share of the variance of the score (%)", ylabel="Mean rating (1-5)"
    )
    finish(axis, title)
    _name_points(axis, 100 * table["importance"], table["performance"])
    return axis


def plot_ratings(
    draws: Any, *, dim: str = "item", title: str = "", columns: int = 5
) -> NDArray[Any]:
    """Draw NPS against the rating of an item, one panel an item, with 95 % credible intervals.

    Parameters
    ----------
    draws : xarray.DataArray
        From `rating_nps`: dims chain, draw, item, rating.
    dim : str
        Dimension of the panels.
    title : str
        Title of the figure.
    columns : int
        Panels in a row.

    Returns
    -------
    numpy.ndarray
        The axes, one an item.
    """
    axes = panel_axes(draws.sizes[dim], columns, height=2.3)
    axes[0].figure.set_figwidth(2.1 * columns)
    low, middle, high = (draws.quantile(q, ("chain", "draw")) for q in (0.025, 0.5, 0.975))
    for axis, name in zip(axes, draws[dim].to_numpy(), strict=True):
        lower, mid, upper = (part.sel({dim: name}).to_numpy() for part in (low, middle, high))
        ratings = draws["rating"].to_numpy()
        band = {"color": ACCENT, "alpha": 0.25, "lw": 0, "label": CREDIBLE}
        axis.fill_between(ratings, lower, upper, **band)
        axis.plot(ratings, mid, "o-", color=ACCENT, ms=4, label="posterior median")
        axis.axhline(0, color=INK, lw=0.7, ls=":")
        axis.set(title=str(name).replace("_", " "), xticks=ratings)
    finish_panels(axes, columns, "Rating", "NPS (points)", title=title)
    return axes


def plot_bounds(
    tables: Mapping[str, pd.DataFrame], *, title: str = "", columns: int = 3
) -> NDArray[Any]:
    """Draw what can be said about real differences as more reporting shift is allowed.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Name of a comparison to the rows of one group of `reporting_bounds`: one panel each.
    title : str
        Title of the figure.
    columns : int
        Panels in a row.

    Returns
    -------
    numpy.ndarray
        The axes, one a comparison.
    """
    axes = panel_axes(len(tables), columns, height=2.8)
    for axis, (name, table) in zip(axes, tables.items(), strict=True):
        bands = {"with 95 % credible intervals": ("lower", "upper", 0.2)}
        bands |= {"bounds of the real difference": ("least", "most", 0.35)}
        for label, (low, high, alpha) in bands.items():
            style = {"color": ACCENT, "alpha": alpha, "lw": 0, "label": label}
            axis.fill_between(table.index, table[low], table[high], **style)
        axis.plot(table.index, table["difference"], color=ACCENT, label="as answered")
        axis.axhline(0, color=INK, lw=1, ls="--")
        axis.set(title=name)
    x = "Allowed shift of thresholds (latent sd)"
    finish_panels(axes, columns, x, "Difference of NPS (points)", title=title)
    return axes


def plot_contrasts(
    table: pd.DataFrame, kinds: ArrayLike, *, reference: float | None = None, title: str = ""
) -> Axes:
    """Draw differences with their intervals, in a colour for each kind.

    Parameters
    ----------
    table : pandas.DataFrame
        First column the estimate, then `lower` and `upper`; the index names the rows.
    kinds : array_like of str
        Kind of each row.
    reference : float, optional
        Where to draw a line, 0 by default.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis: Axes = panel_axes(1, 1, height=1.1 + ROW * len(table))[0]
    names = np.asarray(kinds)
    for kind, colour, marker in zip(dict.fromkeys(names.tolist()), SERIES, MARKERS, strict=False):
        rows = np.flatnonzero(names == kind)
        part = table.iloc[rows]
        axis.hlines(rows, part["lower"], part["upper"], color=colour, lw=2)
        axis.plot(part.iloc[:, 0], rows, marker, color=colour, label=kind)
    axis.axvline(reference or 0.0, color=INK, lw=1, ls="--")
    axis.set_yticks(np.arange(len(table)), table.index.astype(str))
    axis.set(ylim=(len(table) - 0.5, -0.5), xlabel="Difference of NPS (points)")
    finish(axis, title)
    return axis


def plot_shrinkage(segments: pd.DataFrame, *, centre: float, title: str = "") -> Axes:
    """Draw each segment's own score against the one that it should be given.

    Parameters
    ----------
    segments : pandas.DataFrame
        Attribute `segments` of a `Heterogeneity`.
    centre : float
        Score of everybody.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis: Axes = panel_axes(1, 1, height=3.6)[0]
    size = 6 + 90 * segments["weight"] ** 2
    axis.axline((centre, centre), slope=1, color=INK, lw=1, ls="--", label="as it is")
    axis.axhline(centre, color=PREDICTION_COLOURS["pooled"], lw=1, label="everybody alike")
    label = "partially pooled (area: weight of its own answers)"
    axis.scatter(
        segments["estimate"], segments["pooled"], s=size, color=ACCENT, alpha=0.7, label=label
    )
    axis.set(xlabel="NPS of the segment's own answers (points)", ylabel="Best guess (points)")
    finish(axis, title)
    return axis


def plot_ceilings(table: pd.DataFrame, *, title: str = "") -> Axes:
    """Draw how far promoters are from catching up with passives, one row a distribution.

    Parameters
    ----------
    table : pandas.DataFrame
        From `passive_bands`.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis = plot_nps(table, title=title)
    axis.axvline(0.0, color=INK, lw=1, ls="--")
    axis.set_xlabel("Promoters as many as passives at (latent sd from now)")
    return axis


def plot_prediction_errors(errors: Mapping[str, pd.DataFrame], *, title: str = "") -> NDArray[Any]:
    """Draw how far three kinds of predictions are from other people of the same segments.

    Parameters
    ----------
    errors : mapping of str to pandas.DataFrame
        Name of a set of segments to its result of `split_half_errors`: one panel each.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes, one a set.
    """
    axes = panel_axes(len(errors), len(errors), height=3.0)
    for axis, (name, table) in zip(axes, errors.items(), strict=True):
        for place, (kind, colour) in enumerate(PREDICTION_COLOURS.items()):
            dots, line = ("one split", "mean over splits") if place == 0 else (None, None)
            jitter = place + np.linspace(-0.18, 0.18, len(table))
            axis.plot(jitter, table[kind], ".", color=colour, alpha=0.45, label=dots)
            mean = table[kind].mean()
            axis.hlines(mean, place - 0.3, place + 0.3, color=colour, lw=3, label=line)
        axis.axhline(0, color=INK, lw=0.7, ls=":")
        axis.set(title=name)
        axis.set_xticks(range(3), [kind.replace(" ", "\n") for kind in PREDICTION_COLOURS])
    y = "Squared error\n(points squared)"
    finish_panels(axes, len(errors), "Prediction", y, title=title)
    return axes


def _sides(table: pd.DataFrame, name: str, factor: float = 1.0) -> NDArray[np.float64]:
    middle = table[name].to_numpy()
    limits = np.array([middle - table[f"{name}_lower"], table[f"{name}_upper"] - middle])
    sides: NDArray[np.float64] = factor * limits.clip(min=0.0)
    return sides


def _name_points(axis: Axes, x: pd.Series, y: pd.Series) -> None:
    """Write the name of each point beside it, away from other points and their names."""
    cast("Figure", axis.figure).canvas.draw()
    points = axis.transData.transform(np.column_stack([x, y]))
    marks: list[Box] = [(left - LETTER / 2, middle, LETTER) for left, middle in points]
    names: list[Box] = []
    for place, (name, (left, middle)) in enumerate(zip(x.index, points, strict=True)):
        width = LETTER * len(str(name))
        spots = [(left + min(0.0, side * width), middle + up, width) for side, up in PLACES]
        others = [*names, *marks[:place], *marks[place + 1 :]]
        best = int(np.argmin([sum(_overlap(spot, other) for other in others) for spot in spots]))
        names.append(spots[best])
        side, up = PLACES[best]
        style: dict[str, Any] = {"ha": "left" if side > 0 else "right", "fontsize": "small"}
        offset = (5 * side, up * POINT)
        axis.annotate(str(name), (x[name], y[name]), offset, textcoords="offset points", **style)


def _overlap(a: Box, b: Box) -> bool:
    beside = a[0] < b[0] + b[2] and b[0] < a[0] + a[2]
    return beside and abs(a[1] - b[1]) < LINE
