"""Figures of what agents do under different regimes, and of what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nps_research.plots import (
    ACCENT,
    DASHES,
    INK,
    MARKERS,
    SECOND,
    WALD_95,
    finish,
    finish_panels,
    panel_axes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from nps_research.market.regimes import Effort

# Regimes keep their colours from figure to figure; other names follow in order.
REGIMES = ("no pay", "pay per point", "level target", "delta target", "pay for actions")
COLOURS = (INK, SECOND, "#CC79A7", "#E69F00", ACCENT, "#009E73", "#56B4E9")
BAR = f"± {WALD_95} Monte Carlo standard errors"


def plot_efforts(
    efforts: Mapping[str, Effort],
    at: ArrayLike,
    label: str,
    *,
    kinds: Sequence[str] = ("service", "gaming"),
    border: tuple[float, str] | None = None,
    title: str = "",
) -> NDArray[Any]:
    """Draw the efforts that agents choose, one line a regime and one panel a kind of effort.

    Parameters
    ----------
    efforts : mapping of str to Effort
        Results of `effort` by name of the regime.
    at : array-like
        What they were computed at.
    label : str
        What that is.
    kinds : sequence of str
        Of service, gaming and restraint.
    border : tuple of float and str, optional
        A place on the horizontal axis, and its name.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes, one a kind.

    Examples
    --------
    >>> from nps_research.market.regimes import PayPerPoint, effort
    >>> from nps_research.plots import use_style
    >>> use_style()
    >>> axes = plot_efforts({"pay": effort(PayPerPoint(), [0, 1])}, [0, 1], "Gaming propensity")
    >>> [axis.get_title("left") for axis in axes]
    ['service', 'gaming']
    """
    axes = panel_axes(len(kinds), len(kinds))
    for axis, kind in zip(axes, kinds, strict=True):
        for place, (name, found) in enumerate(efforts.items()):
            axis.plot(at, getattr(found, kind), label=name, lw=2, **_line(name, place))
        if border:
            axis.axvline(border[0], color=INK, lw=1, ls=":", label=border[1])
        axis.set(title=kind)
    finish_panels(axes, len(kinds), label, "Effort (latent units)", title=title)
    return axes


def plot_outcomes(
    table: pd.DataFrame,
    labels: Mapping[str, str],
    *,
    columns: int = 3,
    zero: bool = False,
    title: str = "",
) -> NDArray[Any]:
    """Draw means over replicates with their Monte Carlo error: a row a world, a panel a quantity.

    Parameters
    ----------
    table : pandas.DataFrame
        From `effects`: indexed by world and point, of which there is one; columns are quantities
        with `mean` and `mcse`.
    labels : mapping of str to str
        Quantities to draw, with the label of their axis.
    columns : int
        Panels in a row.
    zero : bool
        Whether to mark 0.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes, one a quantity.
    """
    names = [str(name) for name in table.index.get_level_values("world")]
    axes = panel_axes(len(labels), columns, height=0.9 + 0.34 * len(names))
    for position, (axis, (name, label)) in enumerate(zip(axes, labels.items(), strict=True)):
        mean, error = table[name]["mean"].to_numpy(), table[name]["mcse"].to_numpy()
        for row in range(len(names)):
            axis.errorbar(
                *(mean[row], row),
                xerr=WALD_95 * error[row],
                label=BAR,
                ms=6,
                **_mark(names[row], row),
            )
        if zero:
            axis.axvline(0.0, color=INK, lw=1)
        axis.set_xlabel(label)
        axis.locator_params(axis="x", nbins=5)
        if position % columns == 0:
            axis.set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    finish(axes[0], title, axes[0].get_legend_handles_labels()[0][:1])
    return axes


def _line(name: str, place: int) -> dict[str, Any]:
    at = _style(name, place)
    return {"color": COLOURS[at], "ls": DASHES[at]}


def _mark(name: str, place: int) -> dict[str, Any]:
    at = _style(name, place)
    return {"color": COLOURS[at], "fmt": MARKERS[at]}


def _style(name: str, place: int) -> int:
    """Return which colour, dash and marker a name has."""
    return REGIMES.index(name) if name in REGIMES else place % len(COLOURS)
