"""Figures of calibration, in the style of `plots`: they take results and return the axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nps_research.plots import (
    ACCENT,
    COVERAGE_COLOURS,
    INK,
    SECOND,
    WALD_95,
    finish,
    finish_panels,
    panel_axes,
    with_size,
)
from nps_research.uniformity import uniformity_band

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

MODEL_COLOURS = COVERAGE_COLOURS | {"model": INK, "nuts": INK, "laplace": "#56B4E9"}
MARKERS = dict(zip(MODEL_COLOURS, "vosDPPX", strict=True))
# Methods beside one another, as a share of the distance between sizes.
SPREAD = 0.09


def plot_ranks(
    counts: pd.DataFrame, *, title: str = "", columns: int = 3, level: float = 0.95
) -> NDArray[Any]:
    """Draw the distribution of ranks less the uniform one, with the band of uniform ranks.

    Parameters
    ----------
    counts : pandas.DataFrame
        How often each rank occurred, one row a quantity: `SbcResult.rank_counts` or some of its
        rows.
    title : str
        Title of the figure.
    columns : int
        Panels in a row.
    level : float
        Chance that the whole line of a quantity stays inside if its ranks are uniform.

    Returns
    -------
    numpy.ndarray
        The axes, one a quantity.

    Examples
    --------
    >>> import pandas as pd
    >>> from nps_research.plots import use_style
    >>> use_style()
    >>> axes = plot_ranks(pd.DataFrame([[9, 11, 10, 10]], index=["nps"]))
    >>> axes[0].get_title("left")
    'nps (n = 40)'
    """
    axes = panel_axes(len(counts), columns)
    values = counts.shape[1]
    share = np.arange(values + 1) / values
    bands = {n: uniformity_band(n, values, level) for n in counts.sum(axis=1).unique()}
    for axis, (name, row) in zip(axes, counts.iterrows(), strict=True):
        n = int(row.sum())
        lower, upper = (np.pad(limit, 1) for limit in bands[n])
        found = np.append(0.0, np.cumsum(row.to_numpy()) / n)
        label = f"{100 * level:g} % band of uniform ranks"
        axis.fill_between(share, lower, upper, color=ACCENT, alpha=0.2, lw=0, label=label)
        axis.plot(share, found - share, color=INK, lw=1.2, label="ranks found")
        axis.set(title=with_size(str(name), n), xlim=(0, 1))
    labels = "Rank (share of the draws)", "Share below, less expected"
    finish_panels(axes, columns, *labels, title=title)
    return axes


def plot_recovery(table: pd.DataFrame, *, title: str = "") -> Axes:
    """Draw how much the answers say about each quantity, and whether errors are as large as said.

    Across: contraction, the share of the prior variance that the answers take away. Up: errors of
    posterior means in posterior standard deviations, their mean and, as a bar, one standard
    deviation of theirs on either side; it should reach from -1 to 1.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `SbcResult.recovery`.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"contraction": [0.9], "z_mean": [0.02], "z_sd": [1.01]}
    >>> plot_recovery(pd.DataFrame(row, index=["nps"])).get_xlabel()
    'Contraction: share of the prior variance that the answers take away'
    """
    axis: Axes = panel_axes(1, 1)[0]
    x, z = table["contraction"].to_numpy(), table["z_mean"].to_numpy()
    spread = table["z_sd"].to_numpy()
    label = "one quantity: mean error, and its standard deviation"
    axis.errorbar(x, z, yerr=spread, fmt="o", color=ACCENT, ms=4, lw=1, alpha=0.7, label=label)
    for limit, style in ((0.0, "-"), (-1.0, "--"), (1.0, "--")):
        axis.axhline(limit, color=INK, lw=1, ls=style)
    axis.set_xlabel("Contraction: share of the prior variance that the answers take away")
    axis.set_ylabel("Error (posterior sd)")
    finish(axis, title)
    return axis


def plot_model_coverage(
    table: pd.DataFrame,
    methods: Sequence[str] | None = None,
    *,
    title: str = "",
    level: float = 0.95,
) -> NDArray[Any]:
    """Draw the coverage of intervals against the number of answers, with Monte Carlo errors.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `one_group_coverage` or `two_group_coverage`.
    methods : sequence of str, optional
        Methods to draw; all by default.
    title : str
        Title of the figure.
    level : float
        Nominal level.

    Returns
    -------
    numpy.ndarray
        The axes, one a quantity.
    """
    flat = table.reset_index()
    quantities, sizes = list(flat["quantity"].unique()), sorted(flat["n"].unique())
    chosen = list(methods or flat["method"].unique())
    axes = panel_axes(len(quantities), len(quantities))
    for axis, quantity in zip(axes, quantities, strict=True):
        for place, method in enumerate(chosen):
            shift = SPREAD * (place - (len(chosen) - 1) / 2)
            rows = flat[(flat["quantity"] == quantity) & (flat["method"] == method)]
            _points(axis, rows, method, sizes, shift)
        axis.axhline(100 * level, color=SECOND, lw=1, ls="--", label="promised")
        axis.set_xticks(range(len(sizes)), [f"{n:,}" for n in sizes])
        axis.set(title=quantity)
    finish_panels(axes, len(axes), "Answers", "Coverage (%)", title=title)
    return axes


def _points(axis: Axes, rows: pd.DataFrame, method: str, sizes: list[int], shift: float) -> None:
    """Draw the coverage by one method, which may not know this quantity."""
    places = [sizes.index(n) + shift for n in rows["n"]]
    coverage, error = (rows[name].to_numpy() for name in ("coverage", "coverage_error"))
    style: dict[str, Any] = {"color": MODEL_COLOURS[method], "marker": MARKERS[method], "ls": ""}
    label = method.replace("_", " ")
    axis.errorbar(places, 100 * coverage, yerr=WALD_95 * 100 * error, label=label, ms=4, **style)
