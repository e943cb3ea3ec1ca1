"""Scores and growth of firms: what few firms can show, and what their years add.

Firms differ for good (between) and change from year to year (within); a score may go with growth
in one way and not in the other, and before, after or in the same year. `FirmWorld` is an explicit
model of all that, to tell what a study of a given size would find where the truth is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from nps_research.counts import refuse_unknown_columns
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

Kind = Literal["between", "within", "pooled"]
FEWEST_FIRMS = 3


@dataclass(frozen=True)
class FirmWorld:
    """Firms whose growth depends on how well their customers like them, and on other things.

    The true score of firm i in year t is ``mean + a[i] + b[i, t]``, with b autoregressive. Growth
    is ``between_effect * a[i] + within_effect * b[i, t - lag]`` and the sum of other lasting and
    yearly causes. A survey measures the score with an error.

    Parameters
    ----------
    between_sd, within_sd : float
        Standard deviations of a and of b, in points of NPS.
    persistence : float
        Correlation of b from one year to the next, from 0 to below 1.
    between_effect, within_effect : float
        Growth in percentage points a year for each point of a, and of b.
    lag : int
        Years after which growth follows a change of the score; negative if the score follows.
    other_lasting_sd, other_yearly_sd : float
        Standard deviations of what else makes firms grow, in percentage points a year.
    answers : int
        Answers to the survey of a firm in a year.
    answer_sd : float
        Standard deviation of one answer in points of NPS.

    Raises
    ------
    ValueError
        If a number is outside its range.

    Examples
    --------
    >>> world = FirmWorld(between_effect=0.1)
    >>> round(world.correlation("between"), 2)
    0.23
    """

    between_sd: float = 15.0
    within_sd: float = 5.0
    persistence: float = 0.5
    between_effect: float = 0.0
    within_effect: float = 0.0
    lag: int = 1
    other_lasting_sd: float = 3.0
    other_yearly_sd: float = 5.0
    answers: int = 500
    answer_sd: float = 75.0

    def __post_init__(self) -> None:
        for name in ("between_sd", "within_sd", "other_lasting_sd", "other_yearly_sd", "answer_sd"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} must be a standard deviation, 0 or more; found {value}.")
        if not 0 <= self.persistence < 1:
            raise ValueError(f"persistence must be from 0 to below 1; found {self.persistence}.")
        if self.answers < 1:
            raise ValueError(f"answers must be 1 or more; found {self.answers}.")

    @property
    def error_sd(self) -> float:
        """Standard error of the measured score of a firm in a year, in points."""
        return float(self.answer_sd / math.sqrt(self.answers))

    def correlation(self, kind: Kind = "between", lag: int | None = None, years: int = 1) -> float:
        """Return the correlation of score and growth that endless many firms would show.

        Parameters
        ----------
        kind : {"between", "within", "pooled"}
            Of means of firms over `years`; of deviations from the firm's own true mean; or of
            firm-years as they are.
        lag : int, optional
            Years from the score to the growth, for "within" and "pooled": by default that of the
            world. Averages of firms are of the same years.
        years : int
            Years over which firms are averaged, for "between".

        Raises
        ------
        ValueError
            If the kind is unknown.

        Examples
        --------
        >>> world = FirmWorld(within_effect=0.5)
        >>> [round(world.correlation("within", lag), 2) for lag in (-1, 0, 1, 2)]
        [0.09, 0.19, 0.37, 0.19]
        """
        if kind == "between":
            return self._of_means(years)
        if kind not in get_args(Kind):
            raise ValueError(unknown_name("kind of correlation", kind, get_args(Kind)))
        apart = abs((self.lag if lag is None else lag) - self.lag)
        a, b = (self.between_sd**2, self.other_lasting_sd**2) if kind == "pooled" else (0.0, 0.0)
        shared = self.between_effect * a
        shared += self.within_effect * self.within_sd**2 * self.persistence**apart
        score = a + self.within_sd**2 + self.error_sd**2
        growth = self.between_effect**2 * a + b + self._yearly_growth()
        return shared / math.sqrt(score * growth)

    def simulate(
        self, firms: int, years: int, *, replicates: int = 1, random_seed: int
    ) -> pd.DataFrame:
        """Draw panels of firms.

        Parameters
        ----------
        firms, years : int
            Of each panel.
        replicates : int
            How many panels.
        random_seed : int
            Makes them repeatable.

        Returns
        -------
        pandas.DataFrame
            Columns `replicate`, `firm`, `year`, `score` (measured, in points) and `growth` (%).
        """
        rng = np.random.default_rng(random_seed)
        shape = (replicates, firms, years)
        lasting = rng.normal(size=(2, *shape[:2], 1))
        a = self.between_sd * lasting[0]
        b = self._deviations(rng, shape)
        first = max(self.lag, 0)
        score = a + b[..., first : first + years] + self.error_sd * rng.normal(size=shape)
        cause = b[..., first - self.lag : first - self.lag + years]
        growth = self.between_effect * a + self.within_effect * cause
        growth = growth + self.other_lasting_sd * lasting[1]
        growth += self.other_yearly_sd * rng.normal(size=shape)
        replicate, firm, year = (each.ravel() for each in np.indices(shape))
        return pd.DataFrame(
            {
                "replicate": replicate,
                "firm": firm,
                "year": year,
                "score": score.ravel(),
                "growth": growth.ravel(),
            }
        )

    def _deviations(self, rng: np.random.Generator, shape: tuple[int, int, int]) -> Array:
        """Draw b for the years of the panel and as many more as the lag needs."""
        total = shape[2] + abs(self.lag)
        noise = rng.normal(size=(*shape[:2], total))
        b = np.empty_like(noise)
        b[..., 0] = noise[..., 0]
        kept = math.sqrt(1 - self.persistence**2)
        for year in range(1, total):
            b[..., year] = self.persistence * b[..., year - 1] + kept * noise[..., year]
        return self.within_sd * b

    def _yearly_growth(self) -> float:
        return (self.within_effect * self.within_sd) ** 2 + self.other_yearly_sd**2

    def _of_means(self, years: int) -> float:
        same = np.arange(years)[:, None] - np.arange(years)
        own = (self.persistence ** np.abs(same)).mean() * self.within_sd**2
        crossed = (self.persistence ** np.abs(same - self.lag)).mean() * self.within_sd**2
        shared = self.between_effect * self.between_sd**2 + self.within_effect * crossed
        score = self.between_sd**2 + own + self.error_sd**2 / years
        growth = (self.between_effect * self.between_sd) ** 2 + self.within_effect**2 * own
        growth += self.other_lasting_sd**2 + self.other_yearly_sd**2 / years
        return float(shared / math.sqrt(score * growth))


def growth_correlations(
    table: pd.DataFrame, lags: Sequence[int] = (0,), *, by: str | None = None
) -> pd.DataFrame:
    """Correlate scores and growth of firms: between firms, within them, and pooled.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a firm and year: `firm`, `year`, `score`, `growth`.
    lags : sequence of int
        Years from the score to the growth: 1 asks whether the score foretells the growth of the
        next year, -1 whether it follows that of the year before.
    by : str, optional
        Column whose groups, such as replicates or industries, are kept apart.

    Returns
    -------
    pandas.DataFrame
        Indexed by `lag` (and the groups): correlations `between` (of the means of firms),
        `within` (of deviations from them) and `pooled`, and `firms` and `pairs`, the number of
        firm-years with both. Missing with fewer than three firms, or without spread.

    Raises
    ------
    ValueError
        If a column is missing or a firm has a year twice.

    Notes
    -----
    Deviations from the mean of a few years correlate less with each other than those from the true
    level: with short panels compare with `FirmWorld.simulate` of the same shape.

    Examples
    --------
    >>> table = FirmWorld(between_effect=0.3).simulate(40, 6, random_seed=1)
    >>> growth_correlations(table, [0, 1]).round(1)[["between", "firms", "pairs"]]
         between  firms  pairs
    lag
    0        0.8     40    240
    1        0.8     40    200
    """
    group = [] if by is None else [by]
    refuse_unknown_columns((*group, "firm", "year", "score", "growth"), table.columns)
    key = [*group, "firm", "year"]
    again = table.duplicated(key)
    if again.any():
        raise ValueError(
            f"a firm must have every year once; found a second row at row {int(again.argmax())}. "
            "Add the rows up, or pass by= if they belong to different groups."
        )
    found = {lag: _correlations(_paired(table, key, lag), group) for lag in lags}
    return (
        pd.concat(found, names=["lag"])
        if group
        else pd.concat(found).droplevel(1).rename_axis("lag")
    )


def _paired(table: pd.DataFrame, key: list[str], lag: int) -> pd.DataFrame:
    """Put the growth of `lag` years later beside the score."""
    growth = table[[*key, "growth"]].assign(year=table["year"] - lag)
    return table[[*key, "score"]].merge(growth, on=key).dropna(subset=["score", "growth"])


def _correlations(pairs: pd.DataFrame, group: list[str]) -> pd.DataFrame:
    """Correlate by group, through sums of products."""
    keys = group or ["all"]
    pairs = pairs if group else pairs.assign(all=0)
    firms = pairs.groupby([*keys, "firm"])[["score", "growth"]].mean()
    means = firms.loc[pd.MultiIndex.from_frame(pairs[[*keys, "firm"]])].to_numpy()
    within = pairs.assign(score=pairs["score"] - means[:, 0], growth=pairs["growth"] - means[:, 1])
    columns = {
        "between": _by_group(firms.reset_index(), keys),
        "within": _by_group(within, keys),
        "pooled": _by_group(pairs, keys),
        "firms": firms.groupby(keys).size(),
        "pairs": pairs.groupby(keys).size(),
    }
    table = pd.DataFrame(columns)
    few = table["firms"] < FEWEST_FIRMS
    table.loc[few, ["between", "within", "pooled"]] = np.nan
    return table


def _by_group(pairs: pd.DataFrame, keys: list[str]) -> pd.Series:
    grouped = pairs.groupby(keys)[["score", "growth"]]
    centred = pairs[["score", "growth"]] - grouped.transform("mean")
    products = pd.DataFrame(
        {
            "xy": centred["score"] * centred["growth"],
            "xx": centred["score"] ** 2,
            "yy": centred["growth"] ** 2,
        }
    )
    sums = products.groupby([pairs[key] for key in keys]).sum()
    scale = (sums["xx"] * sums["yy"]) ** 0.5
    return sums["xy"] / scale.where(scale > 0)
