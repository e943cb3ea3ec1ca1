"""Priorities: which touchpoint to work on, by what it goes with and how it is rated.

All of it is association, as in `nps_research.drivers.items`; one item at a time a gain is too large
by what items share, all items together it may be too small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from nps_research.diagnostics import INTERVAL_MASS
from nps_research.drivers.items import rated
from nps_research.intervals import tail_probabilities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nps_research.drivers.correlations import Correlations
    from nps_research.drivers.relative_importance import Importance

    type Array = NDArray[np.float64]

# Martilla and James 1977, "Importance-Performance Analysis"; their quadrants, from important and
# badly rated to unimportant and well rated.
QUADRANTS = ("concentrate_here", "keep_up", "low_priority", "possible_overkill")


def potential(
    draws: xr.DataArray,
    counts: pd.DataFrame,
    *,
    steps: int = 1,
    rating: str = "rating",
) -> xr.DataArray:
    """Say how much higher NPS would be if everybody rated an item some steps better.

    Like with like: everybody who rates the item k is taken to answer like those who rate it
    k + `steps`, at most the best rating. It combines effect and room, and it is an association: an
    upper end of what the touchpoint can do, if contentment drives both answers.

    Parameters
    ----------
    draws : xarray.DataArray
        From `nps_research.drivers.items.rating_nps`.
    counts : pandas.DataFrame
        The table that gave the draws.
    steps : int
        How many; as many as there are ratings for everybody at the best.
    rating : str
        Name of the column.

    Returns
    -------
    xarray.DataArray
        Draws of ``gain`` in points: dims as `draws` without `rating`.
    """
    groups = [str(dim) for dim in draws.dims if dim not in {"chain", "draw", rating}]
    shares = _rating_shares(counts, groups, rating).reindex_like(draws.isel(chain=0, draw=0))
    levels = draws[rating].to_numpy()
    raised = levels[np.minimum(np.arange(len(levels)) + steps, len(levels) - 1)]
    better = draws.sel({rating: raised}).assign_coords({rating: levels})
    return ((better - draws).fillna(0.0) * shares.fillna(0.0)).sum(rating).rename("gain")


def joint_gains(
    observed: Correlations,
    counts: pd.DataFrame,
    draws: int = 1000,
    *,
    inflation: float = 1.0,
    item: str = "item",
    rating: str = "rating",
    random_seed: int,
) -> xr.DataArray:
    """Say how much higher the mean score would be if everybody rated an item one step better.

    Unlike `potential`, the other items stay as they are: slopes of one linear regression on all
    items. What contentment adds to all ratings alike is thereby taken off, and perhaps more than
    that: part of what one touchpoint does shows in the ratings of others.

    Parameters
    ----------
    observed : Correlations
        Of the items, with the score as outcome.
    counts : pandas.DataFrame
        Count table of the same items.
    draws, inflation, random_seed
        As in `Correlations.draws`.
    item, rating : str
        Names of the columns.

    Returns
    -------
    xarray.DataArray
        Draws of ``gain`` in points of the score: dims chain (1), draw, `item`.

    Raises
    ------
    ValueError
        If an item has no ratings.
    """
    n, ratings = _rating_counts(counts, observed.predictors, item, rating)
    shares = n / n.sum(axis=1, keepdims=True)
    sd = np.sqrt(shares @ ratings**2 - (shares @ ratings) ** 2)
    scores = counts.groupby("score")["n"].sum()
    score_sd = np.sqrt(np.cov(scores.index.to_numpy(dtype=float), fweights=scores.to_numpy(int)))
    matrices = observed.draws(draws, inflation=inflation, random_seed=random_seed)
    slopes = np.linalg.solve(matrices[:, :-1, :-1], matrices[:, :-1, -1:])[..., 0]
    gains = slopes * score_sd / sd * (1 - shares[:, -1])
    names = pd.Index(observed.predictors, name=item)
    coords = {"chain": [0], "draw": range(draws), item: names}
    return xr.DataArray(gains[None], coords, ["chain", "draw", item], "gain")


def importance_performance(
    importance: Importance,
    counts: pd.DataFrame,
    *,
    item: str = "item",
    rating: str = "rating",
    mass: float = INTERVAL_MASS,
    random_seed: int,
) -> pd.DataFrame:
    """Set the importance of items against how they are rated, with probabilities for quadrants.

    Parameters
    ----------
    importance : Importance
        From `nps_research.drivers.relative_importance.relative_importance`.
    counts : pandas.DataFrame
        Count table of the same items.
    item, rating : str
        Names of the columns.
    mass : float
        Probability inside the intervals.
    random_seed : int
        Makes the draws of mean ratings repeatable.

    Returns
    -------
    pandas.DataFrame
        One row an item: `importance`, `importance_lower`, `importance_upper` (share of the variance
        of the outcome), `performance`, `performance_lower`, `performance_upper` (mean rating;
        Rubin 1981, "The Bayesian Bootstrap"), and the probabilities of the quadrants. An item is
        important if its share is above the mean of all items, and badly rated if its mean rating
        is below theirs; attrs hold these two `centres`.

    Raises
    ------
    ValueError
        If an item has no ratings.

    Examples
    --------
    >>> import nps_research as npsr
    >>> from nps_research.drivers.correlations import correlations
    >>> names = ["find", "wifi", "food"]
    >>> observed = correlations(npsr.load_table("sfo_item_correlations"), "recommend", names)
    >>> importance = npsr.relative_importance(observed, random_seed=1)
    >>> items = npsr.load_counts("sfo_items")
    >>> table = importance_performance(importance, items, random_seed=1)
    >>> table["performance"].idxmin(), table["importance"].idxmax()
    ('food', 'find')
    """
    table = importance.table().reindex(importance.names)
    ratings = _mean_ratings(counts, importance, item, rating, random_seed)
    important = importance.draws > importance.draws.mean(axis=0)
    poor = ratings < ratings.mean(axis=0)
    kinds = (important & poor, important & ~poor, ~important & poor, ~important & ~poor)
    lower, upper = np.quantile(ratings, tail_probabilities(mass), axis=1)
    middle = _observed_means(counts, importance, item, rating)
    columns = {
        "importance": table["share"],
        "importance_lower": table["lower"],
        "importance_upper": table["upper"],
        "performance": middle,
        "performance_lower": lower,
        "performance_upper": upper,
        **{name: kind.mean(axis=1) for name, kind in zip(QUADRANTS, kinds, strict=True)},
    }
    result = pd.DataFrame(columns, index=pd.Index(importance.names, name=item))
    result.attrs["interval"] = (
        f"{table.attrs['interval']} of importance; {100 * mass:g} % Bayesian bootstrap interval of "
        "performance"
    )
    result.attrs["centres"] = (float(importance.values.mean()), float(np.mean(middle)))
    return result.sort_values("concentrate_here", ascending=False, kind="stable")


def choices(
    gains: xr.DataArray,
    ratings: pd.Series,
    *,
    chosen_in: str,
    judged_in: str,
    by: str = "year",
    item: str = "item",
) -> xr.DataArray:
    """Compare three ways to choose the touchpoint to work on, by what they gain later.

    The choice sees the answers of one group only, and the answers of another group judge it: the
    largest of many estimates is too large where it was found.

    Parameters
    ----------
    gains : xarray.DataArray
        From `potential`, with dim `by`.
    ratings : pandas.Series
        Mean rating of each item in the group that chooses.
    chosen_in, judged_in : str
        Levels of `by`.
    by, item : str
        Names of the dimensions.

    Returns
    -------
    xarray.DataArray
        Draws of the ``gain`` in the judging group, with dim ``choice``: ``"largest gain"`` in the
        choosing group, ``"lowest rating"`` in it, and ``"at random"``, the mean over items. The
        coordinate ``chosen`` names the items.
    """
    best = gains.sel({by: chosen_in}).mean(("chain", "draw")).idxmax(item).item()
    later = gains.sel({by: judged_in}, drop=True)
    worst = str(ratings.idxmin())
    parts = [later.sel({item: best}, drop=True), later.sel({item: worst}, drop=True)]
    joined = xr.concat(
        [*parts, later.mean(item)],
        pd.Index(["largest gain", "lowest rating", "at random"], name="choice"),
    )
    return joined.assign_coords(chosen=("choice", [best, worst, "any"])).rename("gain")


def _rating_shares(counts: pd.DataFrame, groups: list[str], rating: str) -> xr.DataArray:
    answered = counts[counts["score"].notna()]
    n = answered.groupby([*groups, rating], observed=True)["n"].sum()
    return (n / n.groupby(groups, observed=True).transform("sum")).to_xarray()


def _rating_counts(
    counts: pd.DataFrame, names: Sequence[str], item: str, rating: str
) -> tuple[Array, Array]:
    """Return how often each of these items has each rating, and the ratings."""
    rated(counts, rating)
    n = counts.groupby([item, rating], observed=True)["n"].sum().unstack(fill_value=0)
    absent = [name for name in names if name not in n.index]
    if absent:
        raise ValueError(
            f"no ratings of {', '.join(map(repr, absent))}; the table has "
            f"{', '.join(map(str, n.index))}. Keep these items only."
        )
    return n.loc[list(names)].to_numpy(dtype=float), n.columns.to_numpy(dtype=float)


def _observed_means(counts: pd.DataFrame, importance: Importance, item: str, rating: str) -> Array:
    n, ratings = _rating_counts(counts, importance.names, item, rating)
    means: Array = n @ ratings / n.sum(axis=1)
    return means


def _mean_ratings(
    counts: pd.DataFrame, importance: Importance, item: str, rating: str, random_seed: int
) -> Array:
    """Draw mean ratings by the Bayesian bootstrap, shape (items, draws)."""
    n, ratings = _rating_counts(counts, importance.names, item, rating)
    generator = np.random.default_rng(random_seed)
    drawn = generator.standard_gamma(n[..., None], (*n.shape, importance.draws.shape[1]))
    means: Array = np.einsum("irk,r->ik", drawn, ratings) / drawn.sum(axis=1)
    return means
