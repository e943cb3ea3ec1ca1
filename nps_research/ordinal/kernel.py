"""The cumulative likelihood of a count table: value, gradient and Hessian in closed form.

Everything is per (cell, category): the likelihood depends on the answers through their counts
alone, so its cost does not grow with the number of respondents. The multinomial coefficient is
left out, so values equal those of a model with one row an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.links import Link

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Derivatives:
    """Log-likelihood with its gradient (parameters,) and Hessian (parameters, parameters)."""

    value: float
    gradient: Array
    hessian: Array


def bounds(eta: Array, cutpoints: Array) -> tuple[Array, Array]:
    """Return the latent interval of every category, two arrays (..., cells, categories).

    Parameters
    ----------
    eta : numpy.ndarray
        Linear predictor, shape (..., cells).
    cutpoints : numpy.ndarray
        Ascending, shape (..., categories - 1).
    """
    ends = np.full((*cutpoints.shape[:-1], 1), np.inf)
    edges = np.concatenate([-ends, cutpoints, ends], axis=-1)
    distance = edges[..., None, :] - eta[..., :, None]
    return distance[..., :-1], distance[..., 1:]


def probabilities(link: Link, eta: Array, cutpoints: Array) -> Array:
    """Return the probability of every score in every cell, shape (..., cells, categories).

    Examples
    --------
    >>> from nps_research.ordinal.links import LINKS
    >>> probabilities(LINKS["logit"], np.zeros(1), np.log([0.25, 1.0])).round(2)
    array([[0.2, 0.3, 0.5]])
    """
    return np.exp(log_probabilities(link, eta, cutpoints))


def log_probabilities(link: Link, eta: Array, cutpoints: Array) -> Array:
    """Return log P(score = k) of every cell and category, exact far into the tails."""
    return link.log_interval(*bounds(eta, cutpoints))


def log_likelihood(link: Link, counts: Array, eta: Array, cutpoints: Array) -> float:
    """Return the log-likelihood of counts (cells, categories); an impossible answer gives -inf."""
    return _total(counts, log_probabilities(link, eta, cutpoints))


def derivatives(
    link: Link, counts: Array, predictors: Array, cutpoints: Array, coefficients: Array
) -> Derivatives:
    """Return the log-likelihood and its first two derivatives in (cutpoints, coefficients).

    Parameters
    ----------
    link : Link
        Latent distribution.
    counts : numpy.ndarray
        Answers, shape (cells, categories).
    predictors : numpy.ndarray
        Design matrix without an intercept, shape (cells, terms).
    cutpoints, coefficients : numpy.ndarray
        Shapes (categories - 1,) and (terms,).
    """
    lower, upper = bounds(predictors @ coefficients, cutpoints)
    log_p = link.log_interval(lower, upper)
    first, second, mixed = _edge_derivatives(link, counts, upper[:, :-1], log_p)
    along = _with_neighbours(second, mixed)
    between = np.diag(mixed.sum(axis=0), 1)
    across = -along.T @ predictors
    hessian = np.block(
        [
            [np.diag(second.sum(axis=0)) + between + between.T, across],
            [across.T, (predictors.T * along.sum(axis=1)) @ predictors],
        ]
    )
    gradient = np.concatenate([first.sum(axis=0), -predictors.T @ first.sum(axis=1)])
    return Derivatives(_total(counts, log_p), gradient, hessian)


def _total(counts: Array, log_p: Array) -> float:
    """Add up over the answers given: an impossible score that nobody gave costs nothing."""
    return float(np.sum(counts * np.where(counts > 0, log_p, 0.0)))


def eta_derivatives(link: Link, counts: Array, eta: Array, cutpoints: Array) -> tuple[Array, Array]:
    """Return the first and second derivative of the log-likelihood in eta, shape (cells,) each."""
    lower, upper = bounds(eta, cutpoints)
    log_p = link.log_interval(lower, upper)
    first, second, mixed = _edge_derivatives(link, counts, upper[:, :-1], log_p)
    return -first.sum(axis=1), _with_neighbours(second, mixed).sum(axis=1)


def _with_neighbours(second: Array, mixed: Array) -> Array:
    """Add to every edge its mixed terms: eta_j moves all edges of its cell together."""
    along = second.copy()
    along[:, 1:] += mixed
    along[:, :-1] += mixed
    return along


def _edge_derivatives(
    link: Link, counts: Array, edge: Array, log_p: Array
) -> tuple[Array, Array, Array]:
    """Differentiate in the finite edges: first, second, and mixed for neighbouring edges.

    An edge is the upper bound of one category and the lower bound of the next.
    """
    log_density = link.log_pdf(edge)
    rise = np.exp(log_density - log_p[:, :-1])  # f/P for the category below the edge
    fall = np.exp(log_density - log_p[:, 1:])  # f/P for the category above it
    below, above = counts[:, :-1], counts[:, 1:]
    first = below * rise - above * fall
    second = first * link.slope(edge) - below * rise**2 - above * fall**2
    mixed = counts[:, 1:-1] * fall[:, :-1] * rise[:, 1:]
    return first, second, mixed
