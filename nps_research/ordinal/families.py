"""Families: how the categories of a rating come about from latent positions.

With z[k] the position of the cut above category k, and F the link:

===========  ===================================  ===========================================
cumulative   P(Y <= k) = F(z[k])                  a latent attitude, cut into categories
sratio       P(Y = k | Y >= k) = F(z[k])          stopping ratio: steps upward, one at a time
cratio       P(Y > k | Y >= k) = F(-z[k])         continuation ratio
acat         P(Y = k+1 | k or k+1) = F(-z[k])     adjacent categories
===========  ===================================  ===========================================

The conventions are those of Buerkner and Vuorre 2019, "Ordinal Regression Models in Psychology". In
all of them a smaller z moves answers up the scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nps_research.ordinal.compilation import compiled
from nps_research.ordinal.links import (
    LATENT_SD,
    LINK_NAMES,
    LOGIT,
    log1mexp,
    log_cdf,
    log_interval,
    log_sf,
    log_sigmoid,
    mirror,
    quantile,
    sigmoid,
    slope_of_log_cdf,
    slope_of_log_sf,
    slope_of_quantile,
    softplus,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

FAMILIES = ("cumulative", "sratio", "cratio", "acat")
CUMULATIVE, STOPPING, CONTINUATION, ADJACENT = range(4)


@dataclass(frozen=True)
class Family:
    """A family with its link.

    Attributes
    ----------
    name : {"cumulative", "sratio", "cratio", "acat"}
        How categories come about.
    link : {"logit", "probit", "cloglog", "loglog", "cauchit"}
        Latent distribution F.
    """

    name: str
    link: str

    @property
    def code(self) -> int:
        """The family's number in compiled functions."""
        return FAMILIES.index(self.name)

    @property
    def link_code(self) -> int:
        """The link's number in compiled functions."""
        return LINK_NAMES.index(self.link)

    @property
    def latent_sd(self) -> float:
        """Standard deviation of the latent distribution: the unit of default priors."""
        return LATENT_SD[self.link]

    def log_probabilities(self, z: Array) -> Array:
        """Return the log probability of every category.

        Parameters
        ----------
        z : numpy.ndarray
            Latent positions of the cuts, shape (..., categories - 1).

        Returns
        -------
        numpy.ndarray
            Shape (..., categories). In the cumulative family a category whose upper cut is below
            its lower one has -inf.

        Examples
        --------
        >>> Family("cumulative", "logit").log_probabilities(np.log([0.25, 1.0])).round(3)
        array([-1.609, -1.204, -0.693])
        """
        rows = np.ascontiguousarray(z, dtype=np.float64).reshape(-1, z.shape[-1])
        values = _log_probabilities(self.code, self.link_code, rows)
        return values.reshape(*z.shape[:-1], z.shape[-1] + 1)

    def cutpoints(self, sticks: Array) -> Array:
        """Return the cutpoints of a respondent whose category shares are given.

        Parameters
        ----------
        sticks : numpy.ndarray
            Log odds of stopping at each category but the last, on the way up: shape
            (..., categories - 1).

        Returns
        -------
        numpy.ndarray
            Cutpoints, of the same shape; ascending in the cumulative family.
        """
        rows = np.ascontiguousarray(sticks, dtype=np.float64).reshape(-1, sticks.shape[-1])
        return _cutpoints(self.code, self.link_code, rows).reshape(sticks.shape)


@compiled
def cell_log_probabilities(family: int, link: int, z: Array, log_p: Array) -> None:
    """Write the log probability of every category of one cell into `log_p`."""
    top = len(z)
    if family == CUMULATIVE:
        for k in range(top + 1):
            below = z[k - 1] if k > 0 else -math.inf
            above = z[k] if k < top else math.inf
            log_p[k] = log_interval(link, below, above)[0]
    elif family == ADJACENT:
        _adjacent_log_probabilities(mirror(link), z, log_p)
    else:
        _sequential_log_probabilities(stopping_link(family, link), z, log_p)


@compiled
def cell_log_likelihood(
    family: int,
    link: int,
    z: Array,
    entries: Array,
    first: int,
    last: int,
    work: Array,
    slopes: Array,
) -> float:
    """Return the log-likelihood of the answers of one cell; add its slopes by z to `slopes`.

    Parameters
    ----------
    family, link : int
        Numbers of family and link.
    z : numpy.ndarray
        Latent positions of the cuts, shape (categories - 1,).
    entries : numpy.ndarray
        Answers: number, lowest and highest possible category, shape (entries, 3).
    first, last : int
        The cell has the entries first .. last - 1.
    work : numpy.ndarray
        Scratch space, shape (2, categories).
    slopes : numpy.ndarray
        Shape (categories - 1,).
    """
    if family == CUMULATIVE:
        return _cumulative_log_likelihood(link, z, entries, first, last, slopes)
    log_p, weights = work[0], work[1]
    cell_log_probabilities(family, link, z, log_p)
    value = _answers_of_categories(log_p, entries, first, last, weights)
    if family == ADJACENT:
        _add_adjacent_slopes(mirror(link), z, log_p, weights, slopes)
    else:
        _add_sequential_slopes(stopping_link(family, link), z, weights, slopes)
    return value


@compiled
def stick_cutpoints(
    family: int, link: int, sticks: Array, cutpoints: Array, jacobian: Array
) -> None:
    """Write the cutpoints of `sticks`, and their derivatives (cutpoint, stick)."""
    jacobian[:] = 0.0
    if family == CUMULATIVE:
        _cumulative_cutpoints(link, sticks, cutpoints, jacobian)
        return
    stopping = stopping_link(family, link)
    last = len(sticks) - 1
    for k in range(last + 1):
        log_odds = own_log_odds(family, sticks, k)
        cutpoints[k] = quantile(stopping, log_odds)
        slope = slope_of_quantile(stopping, log_odds, cutpoints[k])
        jacobian[k, k] = slope
        if family == ADJACENT and k < last:
            jacobian[k, k + 1] = -slope * sigmoid(-sticks[k + 1])


@compiled
def own_log_odds(family: int, sticks: Array, k: int) -> float:
    """Return the log odds that the cut above category k stands for, outside the cumulative family.

    They are against all higher categories, and in the adjacent family against the next.
    """
    if family == ADJACENT and k < len(sticks) - 1:
        return float(sticks[k] - log_sigmoid(sticks[k + 1]))
    return float(sticks[k])


@compiled
def _cumulative_cutpoints(link: int, sticks: Array, cutpoints: Array, jacobian: Array) -> None:
    log_above = 0.0
    stop = np.empty(len(sticks))
    for k in range(len(sticks)):
        stop[k] = sigmoid(sticks[k])
        log_above += log_sigmoid(-sticks[k])
        log_below = log1mexp(log_above)
        log_odds = log_below - log_above
        cutpoints[k] = quantile(link, log_odds)
        slope = slope_of_quantile(link, log_odds, cutpoints[k]) * math.exp(-log_below)
        for i in range(k + 1):
            jacobian[k, i] = slope * stop[i]


@compiled
def stopping_link(family: int, link: int) -> int:
    """Return the link of P(Y = k | Y >= k) as a function of z."""
    return link if family == STOPPING else mirror(link)


@compiled
def _sequential_log_probabilities(link: int, z: Array, log_p: Array) -> None:
    passed = 0.0
    for k in range(len(z)):
        log_p[k] = passed + log_cdf(link, z[k])
        passed += log_sf(link, z[k])
    log_p[len(z)] = passed


@compiled
def _adjacent_log_probabilities(link: int, z: Array, log_p: Array) -> None:
    # P(Y = k) = 1 / (1 + odds of a lower category + odds of a higher one), both against k. These
    # odds follow from those of the next category without a difference, so that an impossible
    # category, with a logarithm as large as exp(700), leaves the others exact.
    top = len(z)
    log_odds = np.empty(top)
    above = log_p[top] = -math.inf
    for k in range(top - 1, -1, -1):
        log_odds[k] = _log_odds(link, z[k])
        above = softplus(above) - log_odds[k]
        log_p[k] = above
    below = -math.inf
    for k in range(top):
        log_p[k] = -softplus(_log_sum(below, log_p[k]))
        below = softplus(below) + log_odds[k]
    log_p[top] = -softplus(below)


@compiled
def _log_odds(link: int, x: float) -> float:
    return x if link == LOGIT else log_cdf(link, x) - log_sf(link, x)


@compiled
def _slope_of_log_odds(link: int, x: float) -> float:
    return 1.0 if link == LOGIT else slope_of_log_cdf(link, x) - slope_of_log_sf(link, x)


@compiled
def _log_sum(a: float, b: float) -> float:
    return max(a, b) + math.log1p(math.exp(-abs(a - b)))


@compiled
def _cumulative_log_likelihood(
    link: int, z: Array, entries: Array, first: int, last: int, slopes: Array
) -> float:
    value, top = 0.0, len(z)
    for entry in range(first, last):
        n, low, high = entries[entry, 0], int(entries[entry, 1]), int(entries[entry, 2])
        below = z[low - 1] if low > 0 else -math.inf
        above = z[high] if high < top else math.inf
        log_p, by_below, by_above = log_interval(link, below, above)
        value += n * log_p
        if low > 0:
            slopes[low - 1] += n * by_below
        if high < top:
            slopes[high] += n * by_above
    return value


@compiled
def _answers_of_categories(
    log_p: Array, entries: Array, first: int, last: int, weights: Array
) -> float:
    """Return the log-likelihood; write the expected number of answers of every category."""
    value = 0.0
    weights[:] = 0.0
    for entry in range(first, last):
        n, low, high = entries[entry, 0], int(entries[entry, 1]), int(entries[entry, 2])
        log_total = _log_sum_of(log_p, low, high)
        value += n * log_total
        for k in range(low, high + 1):
            weights[k] += n * math.exp(log_p[k] - log_total)
    return value


@compiled
def _log_sum_of(log_p: Array, low: int, high: int) -> float:
    if low == high:
        return float(log_p[low])
    highest = float(max(log_p[low : high + 1]))
    total = 0.0
    for k in range(low, high + 1):
        total += math.exp(log_p[k] - highest)
    return highest + math.log(total)


@compiled
def _add_sequential_slopes(link: int, z: Array, weights: Array, slopes: Array) -> None:
    passed = weights[len(z)]
    for k in range(len(z) - 1, -1, -1):
        slopes[k] += weights[k] * slope_of_log_cdf(link, z[k]) + passed * slope_of_log_sf(
            link, z[k]
        )
        passed += weights[k]


@compiled
def _add_adjacent_slopes(link: int, z: Array, log_p: Array, weights: Array, slopes: Array) -> None:
    # Probabilities of both sides are sums from their own end: their factor, the slope of log odds,
    # may be larger than the reciprocal of a rounding error.
    p = np.exp(log_p)
    p_below = answers_below = 0.0
    for k in range(len(z)):
        p_below += p[k]
        answers_below += weights[k]
        shortfall = answers_below * p[k + 1 :].sum() - weights[k + 1 :].sum() * p_below
        slopes[k] += shortfall * _slope_of_log_odds(link, z[k])


@compiled
def _log_probabilities(family: int, link: int, z: Array) -> Array:
    log_p = np.empty((z.shape[0], z.shape[1] + 1))
    for row in range(z.shape[0]):
        cell_log_probabilities(family, link, z[row], log_p[row])
    return log_p


@compiled
def _cutpoints(family: int, link: int, sticks: Array) -> Array:
    cutpoints = np.empty_like(sticks)
    jacobian = np.empty((sticks.shape[1], sticks.shape[1]))
    for row in range(sticks.shape[0]):
        stick_cutpoints(family, link, sticks[row], cutpoints[row], jacobian)
    return cutpoints
