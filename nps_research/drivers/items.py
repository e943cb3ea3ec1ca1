"""Drivers: how the recommend score goes with the ratings of single touchpoints.

Tables of item answers are marginal: one row per item, rating and score, each item over the people
who rated it. So one item is looked at at a time. People who are content rate everything higher;
what one item shows therefore includes what it shares with the others, effects must not be added
up, and none of them is the effect of changing the touchpoint unless nothing else drives both
answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from nps_research.diagnostics import INTERVAL_MASS, interval_table
from nps_research.ordinal.model import OrdinalModel
from nps_research.progress_bar import progress
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nps_research.ordinal.fit import OrdinalFit

    type Array = NDArray[np.float64]

# Steps near 0 make the posterior of a monotonic effect narrow, and its chains slow.
MONOTONIC: dict[str, Any] = {"draws": 2500, "tune": 500, "target_accept": 0.95}
# With many answers a rating, the posterior of free effects is near normal.
FREE: dict[str, Any] = {"method": "laplace"}


def rating_nps(
    counts: pd.DataFrame,
    by: str | None = None,
    *,
    item: str = "item",
    rating: str = "rating",
    monotonic: bool = True,
    random_seed: int,
    progressbar: bool | None = None,
    **settings: Any,
) -> xr.DataArray:
    """Estimate the NPS of those who gave an item each rating, for one item at a time.

    Each item has an ordinal regression of its own, ``score ~ mo(rating)``: a better rating never
    goes with a worse score, and steps may differ in height. Without `monotonic` it is
    ``score ~ C(rating)``, quick, and shows whether answers are monotonic by themselves.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table with columns `item`, `rating`, `score` and `n`.
    by : str, optional
        Column whose groups get regressions of their own, such as ``year``.
    item, rating : str
        Names of the columns.
    random_seed : int
        Makes the draws repeatable.
    monotonic : bool
        Whether effects go in one direction. Chains if so, else Laplace's approximation.
    progressbar : bool, optional
        Whether to show progress; by default in a terminal or an open notebook.
    **settings
        Arguments of `OrdinalModel.fit`.

    Returns
    -------
    xarray.DataArray
        Posterior draws in points: dims chain, draw, `item`, then `by`, `rating`. Missing where
        nobody gave the rating.

    Raises
    ------
    ValueError
        If there is no such column, or a regression cannot be estimated; the message names the item.

    Warns
    -----
    ConvergenceWarning
        As `OrdinalModel.fit`.

    Examples
    --------
    >>> import nps_research as npsr
    >>> items = npsr.load_counts("sfo_items")
    >>> wifi = items[items["item"] == "wifi"]
    >>> draws = rating_nps(wifi, monotonic=False, random_seed=1)
    >>> draws.mean(("chain", "draw")).sel(item="wifi").to_series().round(-1)[[3, 4, 5]].to_dict()
    {3: 10.0, 4: 30.0, 5: 60.0}
    """
    groups = [item, by] if by else [item]
    formula = f"score ~ {'mo' if monotonic else 'C'}({rating})"
    options = (MONOTONIC if monotonic else FREE) | settings
    options |= {"random_seed": random_seed, "progressbar": False}
    parts = list(_groups(counts, groups))
    fits = ((name, _fitted(formula, rows, name, options).nps(rating)) for name, rows in parts)
    fitted = dict(progress(fits, len(parts), "items", progressbar=progressbar))
    return _joined(fitted, groups, rating)


def item_effects(
    draws: xr.DataArray, rating: str = "rating", mass: float = INTERVAL_MASS
) -> pd.DataFrame:
    """Compare those who gave an item the best rating with those who gave each other one.

    Parameters
    ----------
    draws : xarray.DataArray
        From `rating_nps`.
    rating : str
        Name of the dimension with the ratings.
    mass : float
        Probability inside the interval.

    Returns
    -------
    pandas.DataFrame
        One row an item, group and rating below the best: `effect`, NPS at the best rating less NPS
        at this one, in points, with `lower` and `upper`.

    Examples
    --------
    >>> nps = xr.DataArray([[[-10.0, 20.0, 60.0]]], dims=("chain", "draw", "rating"))
    >>> item_effects(nps.assign_coords(rating=[3, 4, 5]))["effect"].to_dict()
    {3: 70.0, 4: 40.0}
    """
    best = draws.isel({rating: -1}, drop=True)
    return interval_table((best - draws.isel({rating: slice(-1)})).rename("effect"), mass)


def variance_inflation(
    counts: pd.DataFrame, *, item: str = "item", rating: str = "rating"
) -> pd.Series:
    """Compare the sampling variance of each item's correlation with that of normal answers.

    Ratings are short whole numbers with long tails. The factor is the large-sample variance of the
    correlation of rating and score by its influence function, over that of normal answers,
    (1 - r^2)^2. It serves as `inflation` of `nps_research.drivers.correlations.Correlations.draws`.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table with columns `item`, `rating`, `score` and `n`.
    item, rating : str
        Names of the columns.

    Returns
    -------
    pandas.Series
        One factor an item.

    Notes
    -----
    Devlin, Gnanadesikan and Kettenring 1975, "Robust Estimation and Outlier Detection with
    Correlation Coefficients", has the influence function.

    Examples
    --------
    >>> import nps_research as npsr
    >>> variance_inflation(npsr.load_counts("sfo_items")).round(1)["wifi"]
    np.float64(1.2)
    """
    answered = counts[counts["score"].notna()]
    factors = {
        name: _inflation(*(rows[column].to_numpy(dtype=float) for column in (rating, "score", "n")))
        for (name,), rows in _groups(answered, [item])
    }
    return pd.Series(factors, name="inflation").rename_axis(item)


def mean_ratings(counts: pd.DataFrame, *, item: str = "item", rating: str = "rating") -> pd.Series:
    """Return the mean rating of each item.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table of items.
    item, rating : str
        Names of the columns.

    Returns
    -------
    pandas.Series
        In points of the rating, indexed by item.

    Examples
    --------
    >>> table = pd.DataFrame({"item": "wifi", "rating": [3, 5], "score": [7, 9], "n": [1, 3]})
    >>> mean_ratings(table).to_dict()
    {'wifi': 4.5}
    """
    weighted = (rated(counts, rating) * counts["n"]).groupby(counts[item], sort=False).sum()
    return (weighted / counts.groupby(item, sort=False)["n"].sum()).rename("mean rating")


def rated(counts: pd.DataFrame, name: str) -> pd.Series:
    """Return a column, or say which there are.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    if name not in counts:
        raise ValueError(unknown_name("column", name, counts.columns))
    return counts[name]


def _groups(
    counts: pd.DataFrame, columns: list[str]
) -> Iterator[tuple[tuple[Any, ...], pd.DataFrame]]:
    for column in columns:
        rated(counts, column)
    yield from counts.groupby(columns, sort=False, observed=True)


def _fitted(
    formula: str, rows: pd.DataFrame, name: tuple[Any, ...], options: dict[str, Any]
) -> OrdinalFit:
    try:
        return OrdinalModel(formula, rows).fit(**options)
    except ValueError as error:
        raise ValueError(f"item {', '.join(map(str, name))}: {error}") from error


def _joined(
    parts: dict[tuple[Any, ...], xr.DataArray], groups: list[str], rating: str
) -> xr.DataArray:
    """Put the draws of all parts into one array with a dimension for each group."""
    ratings = np.unique(np.concatenate([part[rating].to_numpy() for part in parts.values()]))
    filled = [part.reindex({rating: ratings}) for part in parts.values()]
    names = pd.MultiIndex.from_tuples(parts, names=groups)
    stacked = xr.concat(filled, "part").assign_coords(
        xr.Coordinates.from_pandas_multiindex(names, "part")
    )
    return stacked.unstack("part").transpose("chain", "draw", *groups, rating)


def _inflation(x: Array, y: Array, n: Array) -> float:
    weights = n / n.sum()
    u, v = (
        (each - weights @ each) / np.sqrt(weights @ (each - weights @ each) ** 2) for each in (x, y)
    )
    r = float(weights @ (u * v))
    influence = u * v - r * (u**2 + v**2) / 2
    return float(weights @ influence**2) / (1 - r**2) ** 2
