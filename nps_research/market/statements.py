"""Statements about simulated worlds, and where in the ranges of their numbers they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from nps_research.intervals import tail_probabilities
from nps_research.views import View, sized, viewed

# A statement that clearly fails at no larger share of the points than this may be supported.
EXCEPTION = 0.05
# Half of a 95 % interval, in standard errors.
CLEAR = 1.96


@viewed
class Split(NamedTuple):
    """A border of one number that best tells where a statement holds.

    Attributes
    ----------
    number : str
        Which.
    side : str
        Whether the statement holds above or below.
    border : float
        Where.
    right : float
        Mean of the shares of points that are on the right side: of those where the statement
        holds, and of those where it fails; 0.5 for a border that tells nothing.
    """

    number: str
    side: Literal["above", "below"]
    border: float
    right: float


@viewed
@dataclass(frozen=True, eq=False)
class Statement:
    """Where in the ranges a statement holds.

    Attributes
    ----------
    points : pandas.DataFrame
        From `latin_hypercube`.
    margin, error : numpy.ndarray
        At each point, by how much the statement holds (below 0: fails), and the Monte Carlo
        standard error of that.
    """

    points: pd.DataFrame
    margin: np.ndarray
    error: np.ndarray

    @property
    def holds(self) -> np.ndarray:
        """Whether the statement holds, point by point."""
        return self.margin > 0.0

    @property
    def share(self) -> float:
        """Share of the points at which the statement holds."""
        return float(self.holds.mean())

    @property
    def clearly(self) -> tuple[float, float]:
        """Shares of the points at which it holds, and fails, beyond Monte Carlo error."""
        distance = CLEAR * self.error
        return float((self.margin > distance).mean()), float((self.margin < -distance).mean())

    @property
    def verdict(self) -> Literal["supported", "refuted", "depends"]:
        """Supported if it clearly holds at most points and clearly fails at 5 % or fewer.

        Refuted if it clearly holds at no point and clearly fails at most.
        """
        holds, fails = self.clearly
        if fails <= EXCEPTION and holds > 0.5:
            return "supported"
        return "refuted" if not holds and fails > 0.5 else "depends"

    @property
    def split(self) -> Split | None:
        """The border of one number that best tells where the statement holds, if it varies."""
        if len(np.unique(self.holds)) < 2:
            return None
        found = [_best_split(str(name), self.points[name], self.holds) for name in self.points]
        return max(found, key=lambda each: each.right)

    def importance(self) -> pd.Series:
        """Return the rank correlation of each number with the margin, largest size first."""
        found = {
            name: float(spearmanr(self.points[name], self.margin).statistic) for name in self.points
        }
        return pd.Series(found, name="rank correlation").sort_values(key=np.abs, ascending=False)

    def _view(self) -> View:
        return View(str(self))

    def __str__(self) -> str:
        (holds, fails), split = self.clearly, self.split
        numbers = sized(self.points.shape[1], "number")
        text = (
            f"{self.verdict}: over the ranges of {numbers} it holds at "
            f"{self.share:.0%} of {len(self.points)} points (clearly at {holds:.0%}, clearly not "
            f"at {fails:.0%})"
        )
        if split:
            text += (
                f"; best told by {split.number} {split.side} {split.border:.2g} "
                f"({split.right:.0%} right)"
            )
        return text


def examine(points: pd.DataFrame, *conditions: pd.DataFrame) -> Statement:
    """Tell where all of some conditions hold.

    Parameters
    ----------
    points : pandas.DataFrame
        From `latin_hypercube`.
    *conditions : pandas.DataFrame
        Results of `above` and `below`, one row a point.

    Returns
    -------
    Statement
        Its margin at a point is the smallest of those of the conditions. A margin that is missing,
        because nothing could be compared, counts as a failure.

    Raises
    ------
    ValueError
        If a condition has not one row for each point.

    Examples
    --------
    >>> points = pd.DataFrame({"begging.shift": [0.1, 0.3, 0.5]})
    >>> rise = pd.DataFrame({"mean": [-1.0, 2.0, 4.0], "mcse": 0.1})
    >>> examine(points, above(rise, 1.0)).split
    Split
    number: begging.shift
    side: above
    border: 0.2
    right: 1
    """
    for each in conditions:
        if len(each) != len(points):
            raise ValueError(
                f"a condition has {len(each)} rows for {len(points)} points: select one world."
            )
    margins = np.stack([each["mean"].fillna(-np.inf).to_numpy() for each in conditions])
    errors = np.stack([each["mcse"].fillna(0.0).to_numpy() for each in conditions])
    binding = margins.argmin(axis=0), np.arange(len(points))
    return Statement(points, margins[binding], errors[binding])


def above(effect: pd.DataFrame, threshold: float | pd.Series = 0.0) -> pd.DataFrame:
    """Return by how much effects exceed a threshold: a condition for `examine`.

    Parameters
    ----------
    effect : pandas.DataFrame
        Columns `mean` and `mcse`, as of ``effects(table).loc["begging", "observed_nps"]``.
    threshold : float or pandas.Series
        In the unit of the effect, one for all points or one for each.

    Returns
    -------
    pandas.DataFrame
        Columns `mean` and `mcse`, by how much the condition holds at each point.

    Examples
    --------
    >>> rise = pd.DataFrame({"mean": [3.0, 7.0], "mcse": 0.1})
    >>> above(rise, 5.0)["mean"].tolist()
    [-2.0, 2.0]
    """
    return effect.assign(mean=effect["mean"] - threshold)


def below(effect: pd.DataFrame, threshold: float | pd.Series = 0.0) -> pd.DataFrame:
    """Return by how much effects stay below a threshold: a condition for `examine`.

    Parameters
    ----------
    effect, threshold
        As in `above`.

    Returns
    -------
    pandas.DataFrame
        As by `above`.

    Examples
    --------
    >>> rise = pd.DataFrame({"mean": [3.0, 7.0], "mcse": 0.1})
    >>> below(rise, 5.0)["mean"].tolist()
    [2.0, -2.0]
    """
    return effect.assign(mean=threshold - effect["mean"])


def band(effect: pd.DataFrame, mass: float = 0.9) -> tuple[float, float]:
    """Return the middle part of effects over the points.

    Parameters
    ----------
    effect : pandas.DataFrame
        Column `mean`, one row a point.
    mass : float
        Share of the points inside.

    Returns
    -------
    tuple of float
        Lowest and highest, in the unit of the effect.

    Examples
    --------
    >>> lowest, highest = band(pd.DataFrame({"mean": range(11)}), mass=0.8)
    >>> round(lowest, 9), round(highest, 9)
    (1.0, 9.0)
    """
    low, high = effect["mean"].quantile(tail_probabilities(mass))
    return float(low), float(high)


def _best_split(name: str, at: pd.Series, holds: np.ndarray) -> Split:
    """Try every border between two neighbouring points."""
    order = np.argsort(at.to_numpy(), kind="stable")
    places, held = at.to_numpy()[order], holds[order]
    below_held = held.cumsum()[:-1] / held.sum()
    below_failed = (~held).cumsum()[:-1] / (~held).sum()
    lead = np.where(places[1:] > places[:-1], below_failed - below_held, 0.0)
    best = int(np.abs(lead).argmax())
    border = (places[best] + places[best + 1]) / 2
    right = 0.5 + float(np.abs(lead[best])) / 2
    return Split(name, "above" if lead[best] > 0 else "below", float(border), right)
