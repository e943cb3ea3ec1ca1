"""Relative importance: how much of the explained variance each predictor accounts for.

Everything starts from a correlation matrix, whose last row is the outcome. The share of a
predictor is the mean of what it adds to R squared over all orders of entering (Lindeman, Merenda
and Gold 1980, "Introduction to Bivariate and Multivariate Analysis"; the Shapley value of R
squared). It describes a regression: it is no effect of changing the predictor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.drivers.correlations import SMALLEST_EIGENVALUE
from nps_research.market.shapley import first_in, last_in, shapley_values
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from nps_research.drivers.correlations import Correlations

    type Array = NDArray[np.float64]

# Beyond this the 2**predictors subsets need gigabytes.
MOST_PREDICTORS = 18
# Numbers held at once while all subsets are gone through, 8 bytes each: about 100 MB.
BLOCK = 12_000_000


def explained_variance(matrices: ArrayLike) -> Array:
    """Return R squared of the regressions on all subsets of the predictors.

    Parameters
    ----------
    matrices : array_like
        Correlation matrices with the outcome last, shape (..., predictors + 1, predictors + 1).

    Returns
    -------
    numpy.ndarray
        Shape (2**predictors, ...): bit m of a position says whether predictor m takes part, as
        `nps_research.market.shapley` has it.

    Notes
    -----
    One predictor after another is either left out or swept out of what is left: the Schur
    complement of those already in the regression, so that no system is solved twice. All 16,384
    subsets of 14 predictors take a fraction of a millisecond a matrix.

    Examples
    --------
    >>> explained_variance([[1.0, 0.0, 0.6], [0.0, 1.0, 0.3], [0.6, 0.3, 1.0]]).round(2)
    array([0.  , 0.36, 0.09, 0.45])
    """
    left = np.asarray(matrices, dtype=float)[..., None, :, :]
    while left.shape[-1] > 1:
        column, rest = left[..., 1:, 0], left[..., 1:, 1:]
        swept = rest - column[..., :, None] * (column / left[..., :1, 0])[..., None, :]
        left = np.concatenate([rest, swept], axis=-3)
    return np.moveaxis(1.0 - left[..., 0, 0], -1, 0)


def relative_importance(
    observed: Correlations,
    draws: int = 1000,
    *,
    inflation: float = 1.0,
    level: float = 0.95,
    random_seed: int,
) -> Importance:
    """Share the explained variance out among the predictors, with uncertainty.

    Parameters
    ----------
    observed : Correlations
        From `nps_research.drivers.correlations.correlations`.
    draws, inflation, random_seed
        As in `Correlations.draws`.
    level : float
        Of the confidence intervals.

    Returns
    -------
    Importance

    Raises
    ------
    ValueError
        If there are more than 18 predictors, or the observed matrix is not positive definite.

    Examples
    --------
    >>> from nps_research.drivers.correlations import correlations
    >>> from nps_research.datasets import load_table
    >>> table = load_table("sfo_item_correlations")
    >>> three = correlations(table, "recommend", ["find", "wifi", "food"])
    >>> found = relative_importance(three, random_seed=1)
    >>> found.table()[["share", "first", "last", "pratt"]].round(3)
          share  first   last  pratt
    find  0.137  0.182  0.101  0.141
    food  0.114  0.164  0.074  0.117
    wifi  0.048  0.088  0.016  0.041
    """
    _check(observed)
    matrices = observed.draws(draws, inflation=inflation, random_seed=random_seed)
    return Importance(
        names=observed.predictors,
        matrix=observed.matrix,
        values=shares_of_variance(observed.matrix[None])[:, 0],
        draws=shares_of_variance(matrices),
        level=level,
    )


@viewed
@dataclass(frozen=True, eq=False)
class Importance:
    """How the explained variance is shared out.

    Attributes
    ----------
    names : tuple of str
        The predictors.
    matrix : numpy.ndarray
        Observed correlations, the outcome last.
    values : numpy.ndarray
        Share of the variance of the outcome of each predictor, shape (predictors,). They sum to R
        squared.
    draws : numpy.ndarray
        The same for each drawn matrix, shape (predictors, draws).
    level : float
        Of the confidence intervals.
    """

    names: tuple[str, ...]
    matrix: Array
    values: Array
    draws: Array
    level: float

    def _view(self) -> View:
        table = self.table()
        title = f"Importance of {len(self.names)} predictors: R squared {self.r_squared:.3f}"
        facts = {"intervals": table.attrs["interval"], "draws": self.draws.shape[1]}
        main = table[["share", "lower", "upper", "part", "probability_first"]]
        return View(title, facts, table=main.round(3))

    @property
    def r_squared(self) -> float:
        """Explained share of the variance of the outcome."""
        return float(self.values.sum())

    def table(self) -> pd.DataFrame:
        """Return one row a predictor, the most important first.

        Returns
        -------
        pandas.DataFrame
            `share` of the variance of the outcome with `lower` and `upper` (basic bootstrap:
            Davison and Hinkley 1997, "Bootstrap Methods and Their Application"; it takes off the
            upward bias that noise gives to explained variance), `part` of what is explained;
            beside them what the predictor explains alone (`first`), what it adds to all others
            (`last`), and `pratt`, correlation times standardised coefficient (Pratt 1987), which
            sums to R squared too; `probability_first`, that it is the most important.
        """
        tails = np.quantile(self.draws, [(1 + self.level) / 2, (1 - self.level) / 2], axis=1)
        lower, upper = np.clip(2 * self.values - tails, 0.0, 1.0)
        slopes = np.linalg.solve(self.matrix[:-1, :-1], self.matrix[:-1, -1])
        game = explained_variance(self.matrix)
        best = np.bincount(self.draws.argmax(axis=0), minlength=len(self.names))
        table = pd.DataFrame(
            {
                "share": self.values,
                "lower": lower,
                "upper": upper,
                "part": self.values / self.r_squared,
                "first": first_in(game),
                "last": last_in(game),
                "pratt": slopes * self.matrix[:-1, -1],
                "probability_first": best / self.draws.shape[1],
            },
            index=pd.Index(self.names),
        ).sort_values("share", ascending=False)
        table.attrs["interval"] = f"{100 * self.level:g} % confidence interval, basic bootstrap"
        return table

    def order_probabilities(self) -> pd.DataFrame:
        """Return how probable it is that the predictor of a row matters more than that of a column.

        Share of the draws, the most important predictor first; 0.5 on the diagonal.
        """
        above = (self.draws[:, None] > self.draws[None]).mean(axis=2)
        np.fill_diagonal(above, 0.5)
        order = np.argsort(-self.values, kind="stable")
        names = np.array(self.names)[order]
        return pd.DataFrame(above[np.ix_(order, order)], names, names)


def shares_of_variance(matrices: Array) -> Array:
    """Return the importances of many correlation matrices, shape (predictors, matrices).

    Examples
    --------
    >>> shares_of_variance(np.array([[[1.0, 0.5, 0.6], [0.5, 1.0, 0.3], [0.6, 0.3, 1.0]]])).T
    array([[0.315, 0.045]])
    """
    held = 9 * 2 ** (matrices.shape[-1] - 3) + matrices.shape[-1] ** 2
    blocks = np.array_split(matrices, math.ceil(len(matrices) * held / BLOCK))
    found = [shapley_values(explained_variance(block)) for block in blocks if len(block)]
    return np.concatenate(found, axis=1)


def _check(observed: Correlations) -> None:
    if len(observed.predictors) > MOST_PREDICTORS:
        raise ValueError(
            f"all subsets of up to {MOST_PREDICTORS} predictors can be gone through; found "
            f"{len(observed.predictors)}. Choose fewer with predictors=."
        )
    smallest = np.linalg.eigvalsh(observed.matrix)[0]
    if smallest < SMALLEST_EIGENVALUE:
        raise ValueError(
            f"the correlations of {', '.join(observed.names)} are not possible together: the "
            f"smallest eigenvalue of their matrix is {smallest:.3g}. Leave out an item, or replace "
            f"the matrix by its `nearest_correlation`."
        )
