"""Figures of model criticism, in the style of `plots`: they take results and return the axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nps_research.plots import (
    ACCENT,
    INK,
    SECOND,
    WALD_95,
    finish,
    finish_panels,
    panel_axes,
    plot_nps,
    with_size,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from nps_research.ordinal.loo import LooResult


def plot_parallelism(table: pd.DataFrame, *, title: str = "", columns: int = 2) -> NDArray[Any]:
    """Draw the coefficient of every cut beside the one that all cuts share.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `parallelism`. Infinite estimates are left out.
    title : str
        Title of the figure.
    columns : int
        Panels in a row.

    Returns
    -------
    numpy.ndarray
        The axes, one a term.

    Examples
    --------
    >>> import pandas as pd
    >>> shared = {"proportional": -0.2, "proportional_se": 0.1}
    >>> table = pd.DataFrame({"term": "x", "cut": ["6|7", "8|9"], "estimate": [-0.3, -0.1]})
    >>> axes = plot_parallelism(table.assign(se=0.1, **shared))
    >>> [tick.get_text() for tick in axes[0].get_xticklabels()]
    ['6|7', '8|9']
    """
    terms = dict(list(table.groupby("term", sort=False)))
    axes = panel_axes(len(terms), columns)
    cuts = {cut: place for place, cut in enumerate(table["cut"].unique())}
    for axis, (term, rows) in zip(axes, terms.items(), strict=True):
        _shared_estimate(axis, rows)
        finite = rows[np.isfinite(rows["estimate"]) & np.isfinite(rows["se"])]
        error = WALD_95 * finite["se"]
        style = {"fmt": "o", "color": ACCENT, "label": "cut by itself, 95 % Wald interval"}
        places = finite["cut"].map(cuts).to_numpy()
        axis.errorbar(places, finite["estimate"].to_numpy(), yerr=error.to_numpy(), **style)
        name = with_size(str(term), table.attrs["n"]) if "n" in table.attrs else str(term)
        axis.set(title=name, xlim=(-0.5, len(cuts) - 0.5))
        axis.set_xticks(list(cuts.values()), list(cuts))
    finish_panels(axes, columns, "Cut", "Coefficient (latent scale)", title=title)
    return axes


def _shared_estimate(axis: Axes, rows: pd.DataFrame) -> None:
    estimate, error = rows["proportional"].iloc[0], WALD_95 * rows["proportional_se"].iloc[0]
    axis.axhspan(estimate - error, estimate + error, color=SECOND, alpha=0.15, lw=0)
    axis.axhline(estimate, color=SECOND, ls="--", label="all cuts together, 95 % Wald interval")


def plot_calibration(table: pd.DataFrame, *, title: str = "", columns: int = 2) -> NDArray[Any]:
    """Draw how often a cut was exceeded against how often that was predicted.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `calibration`.
    title : str
        Title of the figure.
    columns : int
        Panels in a row.

    Returns
    -------
    numpy.ndarray
        The axes, one a cut.

    Examples
    --------
    >>> import pandas as pd
    >>> from nps_research.plots import use_style
    >>> use_style()
    >>> cells = {"cut": "6|7", "predicted": [0.4, 0.6], "n": 50, "observed": [0.3, 0.7]}
    >>> bands = {"calibrated": [0.3, 0.7], "lower": [0.3, 0.5], "upper": [0.5, 0.7]}
    >>> plot_calibration(pd.DataFrame(cells | bands))[0].get_title("left")
    'Above cut 6|7 (n = 100)'
    """
    cuts = dict(list(table.groupby("cut", sort=False)))
    axes = panel_axes(len(cuts), columns)
    for axis, (cut, rows) in zip(axes, cuts.items(), strict=True):
        x, share = 100 * rows["predicted"], rows["n"] / rows["n"].max()
        band = (100 * rows["lower"], 100 * rows["upper"])
        axis.fill_between(x, *band, color=ACCENT, alpha=0.2, lw=0, label="if the model holds")
        axis.axline((x.mean(), x.mean()), slope=1, color=INK, lw=1, ls="--", label="calibrated")
        axis.plot(x, 100 * rows["calibrated"], color=ACCENT, label="isotonic regression")
        dots = {"s": 60 * share, "color": SECOND, "alpha": 0.7, "label": "cells (area: answers)"}
        axis.scatter(x, 100 * rows["observed"], **dots)
        axis.set(title=with_size(f"Above cut {cut!s}", int(rows["n"].sum())))
    finish_panels(axes, columns, "Predicted (%)", "Observed (%)", title=title)
    return axes


def plot_impact(table: pd.DataFrame, *, title: str = "") -> Axes:
    """Draw what an assumption costs in points of NPS, one row a group.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `impact`.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import pandas as pd
    >>> numbers = {"nps_difference": [0.4], "lower": [-1.0], "upper": [1.9], "n": [2650]}
    >>> plot_impact(pd.DataFrame(numbers, index=["2018"])).get_xlabel()
    'NPS with the assumption less NPS without it (points)'
    """
    axis = plot_nps(table, title=title)
    axis.axvline(0.0, color=INK, lw=1, ls="--")
    axis.set_xlabel("NPS with the assumption less NPS without it (points)")
    return axis


def plot_loo_k(result: LooResult, *, title: str = "") -> Axes:
    """Draw the Pareto k of every answer: above the line, its respondents need a refit.

    Parameters
    ----------
    result : LooResult
        Result of `loo` or `reloo`.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis: Axes = panel_axes(1, 1)[0]
    table = result.pointwise
    good = table["pareto_k"] <= result.threshold
    kinds = {"reliable": (good, ACCENT, "o"), "not reliable": (~good, SECOND, "X")}
    for kind, (rows, colour, marker) in kinds.items():
        part = table[rows]
        middle = (part["score"] + part["score_upper"]) / 2
        label = f"{kind}: {part['n'].sum():,} respondents"
        axis.scatter(middle, part["pareto_k"], color=colour, marker=marker, alpha=0.6, label=label)
    axis.axhline(result.threshold, color=INK, lw=1, ls="--", label="largest reliable")
    axis.set(xlabel="Score", ylabel="Pareto k", xticks=result.design.rating_scale.scores)
    axis.set_title(with_size("One mark a cell and answer", result.n))
    finish(axis, title)
    return axis
