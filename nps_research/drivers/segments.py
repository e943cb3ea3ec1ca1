"""Segments: whether groups of customers differ, and whether treating them apart predicts better.

Small segments look extreme by chance. Two tools say how much of what is seen will be seen again:
the posterior of the standard deviation between segments, and predictions of other people of the
same segments, with segments as they are, pulled towards each other, or ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from nps_research.counts import listed, random_split
from nps_research.intervals import tail_probabilities
from nps_research.metrics import nps
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    type Array = NDArray[np.float64]
    type Columns = str | Sequence[str]

# Points on which the posterior of a standard deviation is computed, and how far these reach in
# units of the largest spread that the estimates could come from.
GRID_POINTS, GRID_REACH = 800, 6.0
PREDICTIONS = ("raw", "pooled", "partially pooled")
# Fewest answers of a segment in each half: below, its standard error means little.
FEWEST = 5


@viewed
@dataclass(frozen=True, eq=False)
class Heterogeneity:
    """How far segments differ, as a posterior.

    Attributes
    ----------
    between : numpy.ndarray
        Values of the standard deviation between segments, middles of equal steps from 0.
    probability : numpy.ndarray
        Their posterior probabilities.
    segments : pandas.DataFrame
        One row a segment: `estimate`, `se`, its posterior mean `pooled` with `pooled_sd`, and
        `weight`, the share of its own estimate in it.
    """

    between: Array
    probability: Array
    segments: pd.DataFrame

    def _view(self) -> View:
        mass = 0.95
        lower, upper = self.interval(mass)
        title = (
            f"Heterogeneity of {len(self.segments)} segments: standard deviation {self.mean:.3g}, "
            f"{100 * mass:g} % equal-tailed credible interval {lower:.3g} to {upper:.3g}"
        )
        return View(title, table=self.segments.round(2))

    @property
    def mean(self) -> float:
        """Posterior mean of the standard deviation between segments."""
        return float(self.between @ self.probability)

    def interval(self, mass: float = 0.95) -> tuple[float, float]:
        """Return the equal-tailed credible interval of the standard deviation."""
        edges = np.arange(len(self.between) + 1) * 2 * self.between[0]
        below = np.append(0.0, np.cumsum(self.probability))
        low, high = np.interp(tail_probabilities(mass), below, edges)
        return float(low), float(high)

    def exceeds(self, threshold: float) -> float:
        """Return the probability that the standard deviation is above a threshold."""
        return float(self.probability[self.between > threshold].sum())


def heterogeneity(
    estimates: ArrayLike, se: ArrayLike, index: pd.Index | None = None
) -> Heterogeneity:
    """Return the posterior of the standard deviation between groups, and of each group.

    Estimates are normal around true values, true values normal around a common mean; priors are
    flat for the mean and for the standard deviation (Gelman 2006, "Prior Distributions for Variance
    Parameters in Hierarchical Models"). The standard deviation is integrated on a grid, the rest in
    closed form: no sampling.

    Parameters
    ----------
    estimates, se : array_like
        One estimate a group, in any unit, with its standard error; three groups or more.
    index : pandas.Index, optional
        Names of the groups.

    Returns
    -------
    Heterogeneity

    Raises
    ------
    ValueError
        If there are fewer than three groups, or a standard error is not positive.

    Examples
    --------
    The eight schools (Rubin 1981, "Estimation in Parallel Randomized Experiments"):

    >>> effects = [28, 8, -3, 7, -1, 1, 18, 12]
    >>> schools = heterogeneity(effects, [15, 10, 16, 11, 9, 11, 10, 18], list("ABCDEFGH"))
    >>> schools.segments["pooled"].round(0).astype(int).to_dict()
    {'A': 11, 'B': 8, 'C': 6, 'D': 8, 'E': 5, 'F': 6, 'G': 11, 'H': 8}
    """
    values, errors = np.asarray(estimates, dtype=float), np.asarray(se, dtype=float)
    _check_estimates(values, errors)
    between = _grid(values, errors)
    precision = 1.0 / (errors**2 + between[:, None] ** 2)
    spread = 1.0 / precision.sum(axis=1)
    centre = spread * (precision @ values)
    distance = values - centre[:, None]
    log_density = 0.5 * (
        np.log(spread) + np.log(precision).sum(axis=1) - (precision * distance**2).sum(axis=1)
    )
    probability = special.softmax(log_density)
    own = between[:, None] ** 2 * precision
    means = own * values + (1 - own) * centre[:, None]
    variances = own * errors**2 + (1 - own) ** 2 * spread[:, None]
    pooled = probability @ means
    table = pd.DataFrame(
        {
            "estimate": values,
            "se": errors,
            "pooled": pooled,
            "pooled_sd": np.sqrt(probability @ (variances + (means - pooled) ** 2)),
            "weight": probability @ own,
        },
        index=index,
    )
    return Heterogeneity(between, probability, table)


def segment_heterogeneity(
    counts: pd.DataFrame, by: Columns, *, fewest: int = FEWEST
) -> Heterogeneity:
    """Return the posterior of the standard deviation of NPS between segments, in points.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table.
    by : str or sequence of str
        Columns whose combinations are the segments.
    fewest : int
        Smaller segments are left out: their standard errors mean little.

    Returns
    -------
    Heterogeneity

    Raises
    ------
    ValueError
        If fewer than three segments are left.

    Examples
    --------
    >>> import nps_research as npsr
    >>> careers = npsr.load_counts("stackoverflow_2017")
    >>> found = segment_heterogeneity(careers, "country")
    >>> found.segments["pooled"].round(0).astype(int).to_dict()
    {'Canada': 17, 'Germany': 1, 'India': -19, 'United Kingdom': 2, 'United States': 16}
    """
    table = _large(nps(counts, by=by), fewest)
    return heterogeneity(table["nps"], table["se"], table.index)


def predictions(train: pd.DataFrame, by: Columns, *, fewest: int = FEWEST) -> pd.DataFrame:
    """Predict the NPS of segments in three ways.

    Parameters
    ----------
    train : pandas.DataFrame
        Count table.
    by : str or sequence of str
        Columns whose combinations are the segments.
    fewest : int
        Segments with fewer answers are left out.

    Returns
    -------
    pandas.DataFrame
        One row a segment: ``raw``, its own NPS; ``pooled``, that of everybody; ``partially
        pooled``, its posterior mean (`heterogeneity`); and `n`.

    Examples
    --------
    >>> import nps_research as npsr
    >>> careers = npsr.load_counts("stackoverflow_2017")
    >>> predictions(careers, "country").loc["Canada"].round(1).to_dict()
    {'raw': 17.5, 'pooled': 7.9, 'partially pooled': 17.1, 'n': 485.0}
    """
    table = _large(nps(train, by=by), fewest)
    partly = heterogeneity(table["nps"], table["se"]).segments["pooled"].to_numpy()
    everybody = float(nps(train)["nps"].iloc[0])
    columns = {
        "raw": table["nps"],
        "pooled": everybody,
        "partially pooled": partly,
        "n": table["n"],
    }
    return pd.DataFrame(columns, index=table.index)


def prediction_error(
    predicted: pd.DataFrame, test: pd.DataFrame, by: Columns, *, relative: bool = False
) -> pd.Series:
    """Return how far predictions are from the true NPS of segments, root mean square in points.

    The sampling variance of the test answers is taken off, so that 0 is a perfect prediction; each
    person counts the same.

    Parameters
    ----------
    predicted : pandas.DataFrame
        From `predictions`.
    test : pandas.DataFrame
        Count table of other people of the same segments.
    by : str or sequence of str
        Columns whose combinations are the segments.
    relative : bool
        Whether to compare distances from the mean over segments, such as when everybody's score
        has moved in between.

    Returns
    -------
    pandas.Series
        One squared error a prediction, in points squared; noise can make it negative.

    Raises
    ------
    ValueError
        If no segment is in both tables.
    """
    found = _large(nps(test, by=by), FEWEST)
    both = predicted.index.intersection(found.index)
    if len(both) == 0:
        raise ValueError(
            f"no segment of {', '.join(listed(by))} is in both tables with {FEWEST} answers or "
            "more. Compare tables of the same segments."
        )
    truth, table = found.loc[both], predicted.loc[both, list(PREDICTIONS)]
    weights = truth["n"].to_numpy() / truth["n"].sum()
    target = truth["nps"].to_numpy()
    values = table.to_numpy()
    if relative:
        target, values = target - weights @ target, values - weights @ values
    noise = weights @ truth["se"].to_numpy() ** 2
    errors = weights @ (values - target[:, None]) ** 2 - noise
    return pd.Series(errors, index=list(PREDICTIONS), name="squared error")


def split_half_errors(
    counts: pd.DataFrame, by: Columns, *, splits: int = 50, random_seed: int
) -> pd.DataFrame:
    """Predict one random half of the people of each segment from the other half, many times.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table.
    by : str or sequence of str
        Columns whose combinations are the segments.
    splits : int
        How many random halvings.
    random_seed : int
        Makes them repeatable.

    Returns
    -------
    pandas.DataFrame
        Squared errors of `prediction_error`, one row a split.
    """
    rows = []
    for split in range(splits):
        halves = random_split(counts, random_seed=random_seed + split)
        train, test = (halves[halves["lot"] == lot] for lot in ("a", "b"))
        rows.append(prediction_error(predictions(train, by), test, by))
    return pd.DataFrame(rows, index=pd.RangeIndex(splits, name="split"))


def random_segments(counts: pd.DataFrame, by: Columns, *, random_seed: int) -> pd.DataFrame:
    """Deal the answers into segments of the same sizes at random: the negative control.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table.
    by : str or sequence of str
        Columns whose combinations are the segments.
    random_seed : int
        Makes the deal repeatable.

    Returns
    -------
    pandas.DataFrame
        Count table of these columns, `score` and `n`.

    Examples
    --------
    >>> import nps_research as npsr
    >>> dealt = random_segments(npsr.load_counts("sfo_airport"), "year", random_seed=1)
    >>> dealt.groupby("year", observed=True)["n"].sum().to_dict()
    {'2017': 2746, '2018': 2650}
    """
    columns = listed(by)
    answered = counts[counts["score"].notna()]
    sizes = answered.groupby(columns, observed=True)["n"].sum()
    scores = answered.groupby("score")["n"].sum()
    generator = np.random.default_rng(random_seed)
    left, parts = scores.to_numpy().astype(np.int64), []
    for size in sizes:
        parts.append(generator.multivariate_hypergeometric(left, int(size)))
        left = left - parts[-1]
    long = pd.DataFrame(parts, index=sizes.index, columns=scores.index).reset_index()
    long = long.melt(columns, var_name="score", value_name="n").astype({"score": "Int64"})
    long.attrs = dict(counts.attrs)
    return long[long["n"] > 0].reset_index(drop=True)


def _large(table: pd.DataFrame, fewest: int) -> pd.DataFrame:
    return table[(table["n"] >= fewest) & (table["se"] > 0)]


def _check_estimates(values: Array, errors: Array) -> None:
    if len(values) < 3:
        raise ValueError(
            f"a spread between groups needs three groups or more; found {len(values)}. Compare two "
            "with nps_difference."
        )
    wrong = ~(np.isfinite(values) & (errors > 0) & np.isfinite(errors))
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"every group needs a finite estimate and a positive standard error; found "
            f"{values[row]} and {errors[row]} at row {row}. Leave the group out."
        )


def _grid(values: Array, errors: Array) -> Array:
    """Return the middles of equal steps from 0 to far beyond what the estimates can come from."""
    reach = GRID_REACH * max(float(np.std(values, ddof=1)), float(errors.min()))
    return (np.arange(GRID_POINTS) + 0.5) * reach / GRID_POINTS
