"""The exact distribution of a weighted mean of Dirichlet shares.

With `values` w and shares p ~ Dirichlet(alpha), it is that of sum(w * p), for many groups at once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import special
from scipy.optimize import elementwise

from nps_research.bisection import falling_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    type Array = NDArray[np.float64]

# Pseudo-answers to each of two classes in Jeffreys' prior.
JEFFREYS = 0.5
# Spacing and greatest extent of the points on the path of integration, in powers of e of the
# distance from the saddle point, and the drop (of the logarithm) that ends it. Chosen for an error
# below 1e-8.
CONTOUR_STEP = 3 / 32
CONTOUR_LENGTH = 25
NEGLIGIBLE = 30


def share_limits(yes: ArrayLike, no: ArrayLike, mass: float) -> tuple[Array, Array]:
    """Return the equal-tailed limits of shares under Jeffreys' prior, Beta(1/2, 1/2).

    Parameters
    ----------
    yes, no : array_like
        How many of each group are of the kind, and are not.
    mass : float
        Probability between the limits.

    Returns
    -------
    lower, upper : numpy.ndarray

    Examples
    --------
    >>> [each.round(3) for each in share_limits([0, 5], [10, 5], 0.9)]
    [array([0.   , 0.262]), array([0.171, 0.738])]
    """
    alpha, beta = (np.asarray(each, dtype=float) + JEFFREYS for each in (yes, no))
    tails = (1 - mass) / 2, (1 + mass) / 2
    lower, upper = (np.asarray(special.betaincinv(alpha, beta, tail)) for tail in tails)
    return lower, upper


def dirichlet_quantile(values: Array, alpha: Array, probability: float) -> Array:
    """Return the x with P(sum(values * p) <= x) = probability for Dirichlet shares p.

    Parameters
    ----------
    values : numpy.ndarray, shape (classes,)
        Different values, ascending, at least two.
    alpha : numpy.ndarray, shape (groups, classes)
        Parameters of the Dirichlet distribution of each group.
    probability : float
        Between 0 and 1.

    Returns
    -------
    numpy.ndarray
        Quantiles, shape (groups,).

    Examples
    --------
    >>> dirichlet_quantile(np.array([-1.0, 0, 1]), np.array([[12.5, 31.5, 57.5]]), 0.025).round(4)
    array([0.302])
    """
    if len(values) == 2:
        share = special.betaincinv(alpha[:, 1], alpha[:, 0], probability)
        return np.asarray(values[0] + (values[1] - values[0]) * share)

    def excess(x: Array, group: NDArray[np.int64]) -> Array:
        return dirichlet_cdf(values, alpha[group], x) - probability

    margin = 1e-13 * (values[-1] - values[0])
    low, high = values[0] + margin, values[-1] - margin
    groups = np.arange(len(alpha))
    root = elementwise.find_root(excess, (low, high), args=(groups,), tolerances={"fatol": 1e-10})
    # No change of sign: the quantile lies between an end of the range and the bracket.
    end = np.where(root.f_bracket[0] > 0, low, high)
    return np.asarray(np.where(root.success, root.x, end))


def dirichlet_cdf(values: Array, alpha: Array, x: Array) -> Array:
    """Return P(sum(values * p) <= x) for Dirichlet shares p.

    Parameters
    ----------
    values : numpy.ndarray, shape (classes,)
        Different values, ascending.
    alpha : numpy.ndarray, shape (groups, classes)
        Parameters of the Dirichlet distribution of each group.
    x : numpy.ndarray, shape (groups,)
        Strictly between the lowest and the highest value.

    Returns
    -------
    numpy.ndarray
        Probabilities, shape (groups,).

    Notes
    -----
    Exact to about 1e-9 where every parameter is 1/2 or more. With smaller ones digits are lost
    close to an x that is one of the values, where the density can be infinite.

    The shares are normalised Gamma(alpha) variables G, so the event is sum((values - x) G) <= 0.
    The transform of this sum is inverted on its path of steepest descent (Daniels 1954,
    "Saddlepoint Approximations in Statistics", has the path; here it is integrated along, not
    approximated), where the integrand is positive: nothing cancels, however few or many answers.

    Examples
    --------
    >>> dirichlet_cdf(np.array([-1.0, 0, 1]), np.array([[2.5, 7, 2.5]]), np.zeros(1)).round(9)
    array([0.5])
    """
    scores = values - x[:, None]
    likely_positive = (alpha * scores).sum(axis=1) > 0
    tail = _positive_probability(np.where(likely_positive[:, None], -scores, scores), alpha)
    return np.where(likely_positive, tail, 1 - tail)


def _positive_probability(scores: Array, alpha: Array) -> Array:
    # P(sum(scores * G) > 0) is the integral of exp(phi(s)) ds / (2 pi i), where
    # phi(s) = -sum(alpha * log(1 - scores * s)) - log(s), along any upward path that crosses the
    # real axis between 0 and 1 / highest score. On the steepest one phi is real.
    saddle = _saddle_point(scores, alpha)[:, None]
    tilted = scores / (1 - scores * saddle)
    width = ((alpha * tilted**2).sum(axis=1, keepdims=True) + saddle**-2) ** -0.5
    distance = CONTOUR_STEP * np.arange(_contour_points(tilted * width, alpha))
    height = width * np.sinh(distance)
    path = _steepest_path(scores, alpha, saddle, height)
    density = np.exp(_log_modulus(scores, alpha, path, height)) * width * np.cosh(distance)
    return np.asarray(np.trapezoid(density, distance) / np.pi)


def _saddle_point(scores: Array, alpha: Array) -> Array:
    # phi'(s) rises from -inf to +inf over (0, 1 / highest score): one root, sought by its logarithm
    # because it can be close to 0.
    high = 1 / scores.max(axis=1)
    low = 1 / ((alpha * scores.clip(min=0)).sum(axis=1) + 1 / high)

    def minus_slope(log_s: Array) -> Array:
        s = np.exp(log_s)
        return 1 / s - (alpha * scores / (1 - scores * s[:, None])).sum(axis=1)

    return np.exp(falling_root(minus_slope, np.log(low), np.log(high)))


def _contour_points(relative: Array, alpha: Array) -> int:
    # Straight above the saddle point the modulus falls as prod(1 + (relative * height)^2)^
    # (-alpha / 2). The steepest path fell at least as fast in every case tried.
    distance = np.arange(1.0, CONTOUR_LENGTH)
    fall = np.log1p((relative[..., None] * np.sinh(distance)) ** 2) * alpha[..., None] / 2
    length = (fall.sum(axis=1) - distance < NEGLIGIBLE).any(axis=0).sum() + 1
    return math.ceil(length / CONTOUR_STEP) + 1


def _steepest_path(scores: Array, alpha: Array, saddle: Array, height: Array) -> Array:
    # At a given height the phase falls in the angle seen from the saddle point, from positive to
    # negative: there is one root.
    def phase(angle: Array) -> Array:
        return _phase(scores, alpha, saddle + height / np.tan(angle), height)

    angle = falling_root(phase, np.zeros_like(height), np.full_like(height, np.pi))
    return np.asarray(saddle + height / np.tan(angle))


def _phase(scores: Array, alpha: Array, x: Array, y: Array) -> Array:
    phase: Array = -np.arctan2(y, x)
    for score, power in _factors(scores, alpha):
        phase += power * np.arctan2(score * y, 1 - score * x)
    return phase


def _log_modulus(scores: Array, alpha: Array, x: Array, y: Array) -> Array:
    total: Array = -np.log(np.hypot(x, y))
    for score, power in _factors(scores, alpha):
        total -= power / 2 * np.log1p(score * (score * (x**2 + y**2) - 2 * x))
    return total


def _factors(scores: Array, alpha: Array) -> Iterator[tuple[Array, Array]]:
    # One class at a time: all of them at once would take an array of groups x classes x points.
    return zip(scores.T[..., None], alpha.T[..., None], strict=True)
