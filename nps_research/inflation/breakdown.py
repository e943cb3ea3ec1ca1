"""How far an assumption must fail before a conclusion turns.

Three numbers that no data of the firm can show go into the split of a rise: how far the two groups'
churn would have drifted apart anyway, how much of an improvement departures follow, and how
reliable one answer is. Each is put through a range, and the model fitted again at every value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import optimize

from nps_research.diagnostics import INTERVAL_KIND
from nps_research.intervals import tail_probabilities
from nps_research.progress_bar import progress
from nps_research.survey_files import unknown_name
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from nps_research.inflation.fit import InflationFit
    from nps_research.inflation.model import InflationModel

QUANTITIES = ("improvement", "reporting_shift")
ASSUMPTIONS = ("trend_gap", "surrogacy", "reliability")
ABOVE, UNDECIDED, BELOW = "above 0", "undecided", "below 0"
# A turn is found to this share of the distance between two values of the grid.
PRECISION = 0.02


@viewed
@dataclass(frozen=True, eq=False)
class Breakdown:
    """Conclusions over the values of an assumption.

    Attributes
    ----------
    assumption : str
        Which.
    assumed : float
        The value in the model that was given.
    table : pandas.DataFrame
        Indexed by value: for improvement and reporting_shift the mean, `..._lower`, `..._upper`
        and `..._first_order`, what the mean would be by the formulas of `first_order`. attrs have
        the kind and mass of the `interval`.
    turns : pandas.DataFrame
        Indexed by quantity: its `status` at the assumed value (above 0, below 0, or undecided:
        the interval has 0 in it), the nearest values `below` and `above` the assumed one at which
        the status changes (missing if it does nowhere in the range), and what it is there,
        `becomes_below` and `becomes_above`.
    """

    assumption: str
    assumed: float
    table: pd.DataFrame
    turns: pd.DataFrame

    def statement(self) -> str:
        """Say in words where conclusions turn."""
        low, high = self.table.index.min(), self.table.index.max()
        start = f"{self.table.attrs['interval']}s, {self.assumption} from {low:g} to {high:g}"
        rows = zip(self.turns.index, self.turns.to_dict("records"), strict=True)
        lines = [
            f"{quantity.replace('_', ' ')} {row['status']} at {self.assumed:.3g}, {_turned(row)}"
            for quantity, row in rows
        ]
        return f"{start}: {'; '.join(lines)}."

    def _view(self) -> View:
        return View(f"Breakdown. {self.statement()}")


def _turned(row: Mapping[Hashable, Any]) -> str:
    found = [
        f"{row[f'becomes_{side}']} {side} {row[side]:.3g}"
        for side in ("below", "above")
        if np.isfinite(row[side])
    ]
    return " and ".join(found) or "and everywhere"


def breakdown(
    model: InflationModel,
    assumption: str,
    values: Sequence[float],
    *,
    level: float = 0.9,
    draws: int = 2000,
    random_seed: int | None = None,
    progressbar: bool | None = None,
) -> Breakdown:
    """Fit a model again under other values of an assumption, and find where conclusions turn.

    Parameters
    ----------
    model : InflationModel
        With departures of both groups.
    assumption : {"trend_gap", "surrogacy", "reliability"}
        Log odds of leaving that paid customers would have gained over the others anyway; share of
        an improvement that departures follow; reliability of one answer, taken as known.
    values : sequence of float
        The range, in increasing order.
    level : float
        Mass of the equal-tailed intervals. That an interval of mass 0.9 lies above 0 is the same
        as a probability of 0.95 or more to be above 0.
    draws : int
        Draws of each fit; all fits have the same random numbers, so that a turn is where the
        assumption moves the interval and not where luck does.
    random_seed : int, optional
        Makes the draws repeatable.
    progressbar : bool, optional
        Whether to show progress; by default in a terminal or an open notebook.

    Returns
    -------
    Breakdown

    Raises
    ------
    ValueError
        If the assumption is unknown, or there are fewer than two values, not in order.

    Notes
    -----
    Refits share their random numbers and start at the mode of the one before.

    Examples
    --------
    >>> from nps_research.inflation import InflationModel
    >>> from nps_research.inflation.simulation import simulated_counts
    >>> counts, retest, true = simulated_counts(random_seed=1)
    >>> model = InflationModel(counts, retest=retest, agent_effects=False)
    >>> found = breakdown(model, "trend_gap", [-0.4, 0.0, 0.4], draws=400, random_seed=1)
    >>> found.turns.loc["improvement", ["status", "becomes_below"]].tolist()
    ['above 0', 'undecided']
    """
    grid = _checked(assumption, values)
    refits = _Refits(model, assumption, level, draws, random_seed)
    assumed = _assumed(model, assumption, refits)
    closed = [first_order(refits.base, assumption, assumed, value) for value in grid]
    fits = progress(map(refits.row, grid), len(grid), "values", progressbar=progressbar)
    rows = [row | each for row, each in zip(fits, closed, strict=True)]
    table = pd.DataFrame(rows, index=pd.Index(grid, name=assumption))
    table.attrs["interval"] = f"{100 * level:g} % {INTERVAL_KIND}"
    path = sorted({*grid, assumed})
    found = (_turns(refits, name, path, assumed) for name in QUANTITIES)
    turns = list(progress(found, len(QUANTITIES), "turning points", progressbar=progressbar))
    index = pd.Index(QUANTITIES, name="quantity")
    return Breakdown(assumption, assumed, table, pd.DataFrame(turns, index=index))


def first_order(
    fit: InflationFit, assumption: str, assumed: float, value: float
) -> dict[str, float]:
    """Return what improvement and reporting shift become under another value, without a refit.

    Parameters
    ----------
    fit : InflationFit
        Under the assumed value.
    assumption : {"trend_gap", "surrogacy", "reliability"}
        Which.
    assumed, value : float
        The value in the fit, and another.

    Returns
    -------
    dict of str to float
        `improvement_first_order` and `reporting_shift_first_order`: means, in standard deviations
        of loyalty.

    Notes
    -----
    A gap of M log odds hides M over the churn slope of improvement. If departures follow a share
    of the improvement, they understate it by that share. Scores tell the sum in standard
    deviations of an answer, so that in those of loyalty it falls with the root of the reliability;
    a churn slope against the score alone is that against loyalty times the same root, so that the
    improvement rises with it.
    """
    improvement, total, slope = (
        float(fit.draws[name].mean()) for name in ("improvement", "sum", "churn_slope")
    )
    if assumption == "trend_gap":
        improvement += (value - assumed) / slope
    elif assumption == "surrogacy":
        improvement *= assumed / value
    else:
        root = np.sqrt(value / assumed)
        improvement, total = improvement * root, total / root
    return {
        "improvement_first_order": improvement,
        "reporting_shift_first_order": total - improvement,
    }


@dataclass(eq=False)
class _Refits:
    """Intervals under every value that was asked for, each fitted once."""

    model: InflationModel
    assumption: str
    level: float
    draws: int
    random_seed: int | None
    known: dict[float, dict[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.base = self.model.fit(self.draws, random_seed=self.random_seed)

    def row(self, value: float) -> dict[str, float]:
        if value not in self.known:
            other = self.model.assuming(**{self.assumption: value})
            fit = other.fit(self.draws, random_seed=self.random_seed)
            self.known[value] = _intervals(fit, self.level)
        return self.known[value]

    def root(self, bound: str, near: float, far: float) -> float:
        tolerance = PRECISION * abs(far - near)
        found = optimize.brentq(lambda value: self.row(value)[bound], near, far, xtol=tolerance)
        return float(found)


def _intervals(fit: InflationFit, level: float) -> dict[str, float]:
    row: dict[str, float] = {}
    for name in QUANTITIES:
        draws = fit.draws[name]
        lower, upper = np.quantile(draws, tail_probabilities(level))
        ends = {f"{name}_lower": float(lower), f"{name}_upper": float(upper)}
        row |= {name: float(draws.mean())} | ends
    return row


def _checked(assumption: str, values: Sequence[float]) -> list[float]:
    if assumption not in ASSUMPTIONS:
        raise ValueError(unknown_name("assumption", assumption, ASSUMPTIONS))
    grid = [float(value) for value in values]
    if len(grid) < 2 or any(high <= low for low, high in pairwise(grid)):
        raise ValueError(
            f"values must be two or more, in increasing order; found {grid}. Pass a range such as "
            "numpy.linspace(-0.3, 0.3, 7)."
        )
    return grid


def _assumed(model: InflationModel, assumption: str, refits: _Refits) -> float:
    """Return the value that the model has; a reliability that is estimated, at its mean."""
    value = getattr(model.assumptions, assumption)
    if isinstance(value, float | int):
        return float(value)
    return float(refits.base.draws["reliability"].mean())


def _status(row: dict[str, float], name: str) -> str:
    if row[f"{name}_lower"] > 0:
        return ABOVE
    return BELOW if row[f"{name}_upper"] < 0 else UNDECIDED


def _turns(refits: _Refits, name: str, grid: list[float], assumed: float) -> dict[str, float | str]:
    status = _status(refits.row(assumed), name)
    found: dict[str, float | str] = {"status": status}
    here = grid.index(assumed)
    paths = {"below": grid[here::-1], "above": grid[here:]}
    for side, path in paths.items():
        at, becomes = _first_turn(refits, name, path)
        found |= {side: at, f"becomes_{side}": becomes}
    return found


def _first_turn(refits: _Refits, name: str, path: list[float]) -> tuple[float, str]:
    """Walk away from the assumed value until the status changes, and find where it does."""
    for near, far in pairwise(path):
        before, after = (_status(refits.row(value), name) for value in (near, far))
        if before != after:
            decided = after if before == UNDECIDED else before
            bound = f"{name}_{'lower' if decided == ABOVE else 'upper'}"
            turn = refits.root(bound, near, far)
            return turn, after if before == UNDECIDED else UNDECIDED
    return np.nan, ""
