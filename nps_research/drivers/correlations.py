"""Correlations between items, each over those who answered both, and what else they might be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.views import viewed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    type Array = NDArray[np.float64]
    type Places = NDArray[np.intp]

# Smallest eigenvalue of a correlation matrix whose regressions are trusted.
SMALLEST_EIGENVALUE = 1e-8
# Eigenvalues that `nearest_correlation` keeps.
KEPT_EIGENVALUE = 1e-6


@viewed
@dataclass(frozen=True, eq=False)
class Correlations:
    """Correlations, each over those who answered both.

    Attributes
    ----------
    names : tuple of str
        Predictors in order, then the outcome.
    matrix : numpy.ndarray
        Correlations, shape (names, names).
    n : numpy.ndarray
        How many answered both, the same shape; the diagonal is not used.
    """

    names: tuple[str, ...]
    matrix: Array
    n: Array

    @property
    def predictors(self) -> tuple[str, ...]:
        """Names without the outcome."""
        return self.names[:-1]

    def draws(self, draws: int = 1000, *, inflation: float = 1.0, random_seed: int) -> Array:
        """Draw matrices that could have been observed, shape (draws, names, names).

        Fisher's z of all correlations is normal around the observed one, with the large-sample
        covariances of normal answers (Pearson and Filon 1898; Olkin and Siotani 1976, "Asymptotic
        Distribution of Functions of a Correlation Matrix"). Of two correlations over different
        people the table does not say how many people they share; the smaller group is taken to lie
        within the larger one, as when everybody skips the same kind of item.

        Parameters
        ----------
        draws : int
            How many.
        inflation : float
            Factor of all sampling variances: 1 for normal answers, more for heavier tails. See
            `nps_research.drivers.items.variance_inflation`.
        random_seed : int
            Makes the draws repeatable.

        Returns
        -------
        numpy.ndarray
            Matrices that are not positive definite are moved to the nearest that is, see
            `nearest_correlation`.
        """
        first, second = np.triu_indices(len(self.names), 1)
        spread = inflation * _z_covariance(self.matrix, self.n, first, second)
        generator = np.random.default_rng(random_seed)
        middle = np.arctanh(self.matrix[first, second])
        z = generator.multivariate_normal(middle, spread, draws, method="eigh", check_valid="raise")
        matrices = np.tile(np.eye(len(self.names)), (draws, 1, 1))
        matrices[:, first, second] = matrices[:, second, first] = np.tanh(z)
        for place in np.flatnonzero(np.linalg.eigvalsh(matrices)[:, 0] < SMALLEST_EIGENVALUE):
            matrices[place] = nearest_correlation(matrices[place])
        return matrices


def correlations(
    table: pd.DataFrame, outcome: str, predictors: Sequence[str] | None = None
) -> Correlations:
    """Arrange a long table of correlations.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns `a`, `b`, `correlation` and `n`, one row a pair.
    outcome : str
        What is explained.
    predictors : sequence of str, optional
        By default all other names, in the order of the table.

    Returns
    -------
    Correlations

    Raises
    ------
    ValueError
        If a name is unknown, a pair is missing, twice there or impossible.

    Examples
    --------
    >>> import nps_research as npsr
    >>> table = npsr.load_table("sfo_item_correlations")
    >>> correlations(table, "recommend", ["wifi", "safe"]).matrix.round(2)
    array([[1.  , 0.23, 0.3 ],
           [0.23, 1.  , 0.35],
           [0.3 , 0.35, 1.  ]])
    """
    known = list(dict.fromkeys([*table["a"], *table["b"]]))
    chosen = [name for name in known if name != outcome] if predictors is None else [*predictors]
    names = (*chosen, outcome)
    _check_names(names, known)
    matrix, n = np.full((2, len(names), len(names)), np.nan)
    place = {name: position for position, name in enumerate(names)}
    rows = table[table["a"].isin(names) & table["b"].isin(names)]
    first, second = (rows[column].map(place).to_numpy(dtype=np.intp) for column in ("a", "b"))
    matrix[first, second] = matrix[second, first] = rows["correlation"]
    n[first, second] = n[second, first] = rows["n"]
    np.fill_diagonal(matrix, 1.0)
    found = Correlations(names, matrix, n)
    _check_pairs(found, rows)
    return found


def nearest_correlation(matrix: ArrayLike, rounds: int = 500) -> Array:
    """Return the nearest positive definite correlation matrix, in the Frobenius norm.

    Parameters
    ----------
    matrix : array_like
        Symmetric, with a diagonal of 1.
    rounds : int
        At most so many projections.

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    ValueError
        If the projections do not converge.

    Notes
    -----
    Higham 2002, "Computing the Nearest Correlation Matrix: A Problem from Finance": alternating
    projections with Dykstra's correction. Eigenvalues below 1e-6 are raised to it.

    Examples
    --------
    >>> nearest_correlation([[1, 0.9, 0.1], [0.9, 1, 0.9], [0.1, 0.9, 1]]).round(2)
    array([[1.  , 0.77, 0.18],
           [0.77, 1.  , 0.77],
           [0.18, 0.77, 1.  ]])
    """
    symmetric = np.array(matrix, dtype=float)
    correction = np.zeros_like(symmetric)
    for _ in range(rounds):
        shifted = symmetric - correction
        roots, vectors = np.linalg.eigh(shifted)
        positive = (vectors * roots.clip(KEPT_EIGENVALUE)) @ vectors.T
        correction = positive - shifted
        before, symmetric = symmetric, positive.copy()
        np.fill_diagonal(symmetric, 1.0)
        if np.abs(symmetric - before).max() < 1e-10:
            break
    if np.linalg.eigvalsh(symmetric)[0] < SMALLEST_EIGENVALUE:
        raise ValueError(f"no correlation matrix found within {rounds} rounds; pass more rounds=.")
    return symmetric


def _z_covariance(matrix: Array, n: Array, first: Places, second: Places) -> Array:
    """Return the covariance of Fisher's z of all pairs, shape (pairs, pairs)."""
    pair = matrix[first, second]
    cross = {
        (s, t): matrix[np.ix_((first, second)[s], (first, second)[t])]
        for s in (0, 1)
        for t in (0, 1)
    }
    covariance = _pearson_filon(pair[:, None], pair[None, :], cross)
    people = n[first, second] - 3.0
    shared = np.maximum(people[:, None], people[None, :])
    scaled: Array = covariance / np.outer(1 - pair**2, 1 - pair**2) / shared
    return scaled


def _pearson_filon(r: Array, s: Array, cross: dict[tuple[int, int], Array]) -> Array:
    """Return n times the covariance of the correlations r of (a, b) and s of (c, d)."""
    ac, ad, bc, bd = (cross[key] for key in ((0, 0), (0, 1), (1, 0), (1, 1)))
    squares = 0.5 * r * s * (ac**2 + ad**2 + bc**2 + bd**2)
    return squares + ac * bd + ad * bc - r * (ac * ad + bc * bd) - s * (ac * bc + ad * bd)


def _check_names(names: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f"no correlations of {', '.join(map(repr, unknown))}; the table has "
            f"{', '.join(known)}. Choose among these."
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"{', '.join(map(repr, twice))} named twice, as outcome or predictor. Name each once."
        )
    if len(names) < 2:
        raise ValueError(f"{names[-1]!r} needs at least one predictor; found none.")


def _check_pairs(found: Correlations, rows: pd.DataFrame) -> None:
    off = ~np.eye(len(found.names), dtype=bool)
    wrong = off & ~((np.abs(found.matrix) < 1) & (found.n > 3))
    pairs = len(found.names) * (len(found.names) - 1) // 2
    if wrong.any():
        a, b = (found.names[place] for place in np.argwhere(wrong)[0])
        raise ValueError(
            f"the pair {a} and {b} needs a correlation between -1 and 1 over more than 3 people; "
            f"found {found.matrix[wrong][0]} over {found.n[wrong][0]}. Add it, or leave one out."
        )
    if len(rows) != pairs:
        raise ValueError(
            f"{len(rows)} rows for the {pairs} pairs of {', '.join(found.names)}. Keep one row a "
            f"pair."
        )
