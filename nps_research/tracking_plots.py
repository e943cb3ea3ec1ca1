"""Figures of surveys in waves: raw scores beside the model, alarms, delays and spikes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nps_research.diagnostics import INTERVAL_MASS, interval_table
from nps_research.plots import (
    ACCENT,
    DASHES,
    INK,
    MARKERS,
    PANEL_WIDTH,
    SECOND,
    WALD_95,
    finish,
    finish_panels,
    panel_axes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from nps_research.tracking.model import WaveFit

COLOURS = (SECOND, "#CC79A7", "#E69F00", INK, "#009E73", "#56B4E9", ACCENT)
BAR = f"± {WALD_95} Monte Carlo standard errors"


def plot_tracking(
    fit: WaveFit,
    *,
    filtered: xr.DataArray | None = None,
    truth: ArrayLike | None = None,
    axis: Axes | None = None,
    mass: float = INTERVAL_MASS,
    title: str = "",
) -> Axes:
    """Draw the raw NPS of every wave with its interval, and the model's band.

    Parameters
    ----------
    fit : WaveFit
        A fitted model. Its band looks back from the last wave.
    filtered : xarray.DataArray, optional
        From `WaveFit.filtered`: draws a line of what was known at each wave.
    truth : array-like, optional
        True NPS of every wave, where it is known.
    axis : matplotlib.axes.Axes, optional
        Draw into these axes.
    mass : float
        Mass of all intervals.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import nps_research as npsr
    >>> from nps_research.tracking.model import WaveModel
    >>> fit = WaveModel(npsr.load_counts("sfo_airport"), "year").fit(random_seed=1)
    >>> [tick.get_text() for tick in plot_tracking(fit).get_xticklabels()]
    ['2017', '2018']
    """
    axis = axis or panel_axes(1, 1)[0]
    percent = f"{100 * mass:g} %"
    band, raw = interval_table(fit.nps(), mass), fit.model.raw(mass)
    times = fit.model.times - fit.model.times[0]
    label = f"model, all waves: mean and {percent} credible interval"
    axis.fill_between(times, band["lower"], band["upper"], color=ACCENT, alpha=0.25, lw=0)
    axis.plot(times, band["nps"], color=ACCENT, lw=2, label=label)
    bars = np.abs(raw[["lower", "upper"]].to_numpy().T - raw["nps"].to_numpy())
    style: dict[str, Any] = {"fmt": "o", "color": INK, "ms": 4, "lw": 1}
    axis.errorbar(times, raw["nps"], bars, label=f"raw, {percent} confidence interval", **style)
    if filtered is not None:
        known = filtered.mean(("chain", "draw"))
        places = [times[fit.position(wave)] for wave in filtered["wave"].to_index()]
        axis.plot(places, known, color=SECOND, ls="--", label="model, as known at each wave")
    if truth is not None:
        axis.plot(times, np.asarray(truth), color="#009E73", ls=":", lw=2, label="truth")
    _name_waves(axis, times, [str(wave) for wave in fit.waves])
    axis.set(xlabel=str(fit.model.wave).capitalize(), ylabel="NPS (points)")
    finish(axis, title)
    return axis


def plot_alarms(table: pd.DataFrame, *, baseline: int, title: str = "") -> NDArray[Any]:
    """Draw the raw NPS of every wave, and below it the waves in which each rule raises an alarm.

    Parameters
    ----------
    table : pandas.DataFrame
        From `control_chart`.
    baseline : int
        Waves that define the centre.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        Two axes: scores and alarms.
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415  (slow to import)

    rules = [str(name) for name in table.columns if name not in {"nps", "n", "centre", "z"}]
    size, ratios = (1.5 * PANEL_WIDTH, 3.0 + 0.25 * len(rules)), (2.4, 0.4 + 0.25 * len(rules))
    _, axes = plt.subplots(2, 1, figsize=size, height_ratios=ratios, sharex=True)
    places = np.arange(len(table), dtype=float)
    axes[0].plot(places, table["nps"], "o-", color=INK, ms=4, label="raw NPS")
    axes[0].plot(places, table["centre"], color=ACCENT, ls="--", label="centre of the baseline")
    for row, name in enumerate(rules):
        raised = np.flatnonzero(table[name])
        marker, colour = MARKERS[row % len(MARKERS)], COLOURS[row % len(COLOURS)]
        axes[1].plot(raised, np.full(len(raised), row), marker, color=colour)
    for axis in axes:
        axis.axvspan(-0.5, baseline - 0.5, color="#EEEEEE", lw=0, zorder=0)
    axes[0].set(ylabel="NPS (points)")
    axes[1].set(xlabel=str(table.index.name).capitalize(), ylim=(len(rules) - 0.5, -0.5))
    axes[1].set_yticks(np.arange(len(rules)), rules)
    _name_waves(axes[1], places, [str(wave) for wave in table.index])
    finish(axes[0], title)
    return np.asarray(axes)


def plot_trade_off(
    tables: Mapping[str, pd.DataFrame], *, horizon: int, title: str = ""
) -> NDArray[Any]:
    """Draw the delay of every rule against its false alarms, a panel a world.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Heading of a panel to its result of `trade_off`.
    horizon : int
        Waves after the change: the delay of a rule that saw nothing is one more.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        The axes, one a world.
    """
    axes = panel_axes(len(tables), len(tables), height=3.6)
    for axis, (name, table) in zip(axes, tables.items(), strict=True):
        for place, rule in enumerate(table.index.unique("rule")):
            line = table.loc[rule]
            axis.errorbar(
                *(100 * line.index, line["waves"], WALD_95 * line["waves_mcse"]),
                **_style(place),
                label=rule,
                capsize=2,
            )
        axis.axhline(horizon + 1, color=INK, lw=1, ls=":")
        axis.set(title=name, xscale="log", xticks=[1, 2, 5, 10, 20, 50])
        axis.set_xticklabels(["1", "2", "5", "10", "20", "50"])
        axis.minorticks_off()
    x, y = "False alarms in the first four waves (% of stable worlds)", "Mean waves to an alarm"
    finish_panels(axes, len(tables), x, y, title=f"{title} ({BAR})" if title else BAR)
    return axes


def plot_spikes(
    table: pd.DataFrame,
    expected: pd.Series | None = None,
    *,
    boundary: float | None = None,
    title: str = "",
) -> NDArray[Any]:
    """Draw what share of spikes is mostly noise and what a spike is worth, by answers.

    Parameters
    ----------
    table : pandas.DataFrame
        From `spike_table`.
    expected : pandas.Series, optional
        What a spike should be worth, indexed by answers: 1 less `noise_share`.
    boundary : float, optional
        Answers below which most spikes should be mostly noise.
    title : str
        Title of the figure.

    Returns
    -------
    numpy.ndarray
        Two axes.
    """
    axes = panel_axes(2, 2)
    style: dict[str, Any] = {"fmt": "o", "color": ACCENT, "capsize": 2, "label": "mostly noise"}
    axes[0].errorbar(
        table.index, 100 * table["mostly_noise"], 100 * WALD_95 * table["mcse"], **style
    )
    axes[0].axhline(50, color=INK, lw=1, ls=":", label="one half")
    if boundary is not None:
        axes[0].axvline(boundary, color=INK, lw=1, ls="--", label="formula")
    axes[1].plot(table.index, 100 * table["worth"], "s", color=SECOND, label="true part of a spike")
    if expected is not None:
        axes[1].plot(expected.index, 100 * expected, color=INK, lw=1, ls="--", label="formula")
    for axis, heading in zip(
        axes, ("Spikes that are mostly noise", "What a spike is worth"), strict=True
    ):
        axis.set(title=heading, xscale="log", ylim=(0, 104), xticks=table.index)
        axis.set_xticklabels([f"{n:,}" for n in table.index])
        axis.minorticks_off()
    finish_panels(axes, 2, "Answers a wave", "Share (%)", title=title, handles=_joined(axes))
    return axes


def _name_waves(axis: Axes, times: NDArray[np.float64], names: list[str]) -> None:
    """Label at most a dozen waves."""
    every = -(-len(names) // 12)
    axis.set_xticks(times[::every], names[::every])


def _style(place: int) -> dict[str, Any]:
    return {"color": COLOURS[place], "ls": DASHES[place], "marker": MARKERS[place], "ms": 4}


def _joined(axes: NDArray[Any]) -> list[Any]:
    """Return one entry of a legend for each label."""
    entries: dict[str, Any] = {}
    for axis in axes:
        handles, labels = axis.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    return list(entries.values())
