"""Links and families as PyTensor expressions, finite in value and gradient far into the tails.

An expression chooses between branches by `switch`, whose gradient multiplies the branch not taken
by zero: every branch is kept finite by bounds on what enters it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytensor.tensor as pt

if TYPE_CHECKING:
    from nps_research.ordinal.families import Family

    Symbol = Any

MIRRORED = {"cloglog": "loglog", "loglog": "cloglog"}
# The smallest double with a finite logarithm and reciprocal.
TINY = 1e-300
LARGEST_EXPONENT = 700.0


def log_probabilities(family: Family, z: Symbol) -> Symbol:
    """Return the log probability of every category, shape (..., categories).

    Parameters
    ----------
    family : Family
        Family and link.
    z : tensor
        Latent positions of the cuts, shape (..., cuts).
    """
    if family.name == "cumulative":
        inner = log_interval(family.link, z[..., :-1], z[..., 1:])
        ends = log_cdf(family.link, z[..., :1]), log_sf(family.link, z[..., -1:])
        return pt.concatenate([ends[0], inner, ends[1]], axis=-1)
    link = _stopping_link(family)
    stop, go_on = log_cdf(link, z), log_sf(link, z)
    nothing = pt.zeros_like(z[..., :1])
    if family.name == "acat":
        log_weights = pt.concatenate([nothing, pt.cumsum(go_on - stop, axis=-1)], axis=-1)
        return log_weights - pt.logsumexp(log_weights, axis=-1, keepdims=True)
    passed = pt.concatenate([nothing, pt.cumsum(go_on, axis=-1)], axis=-1)
    return passed + pt.concatenate([stop, nothing], axis=-1)


def stick_cutpoints(family: Family, sticks: Symbol) -> Symbol:
    """Return the cutpoints of a respondent with the category shares of `sticks`.

    Parameters
    ----------
    family : Family
        Family and link.
    sticks : tensor
        Log odds of stopping at every category but the last, on the way up, shape (..., cuts).
    """
    link = family.link if family.name == "cumulative" else _stopping_link(family)
    return quantile(link, _cut_log_odds(family, sticks))


def log_stick_slopes(family: Family, sticks: Symbol) -> Symbol:
    """Return the log derivative of every cutpoint by its own stick, shape (..., cuts).

    The Jacobian is triangular in every family, so their sum is its log determinant.
    """
    cutpoints = stick_cutpoints(family, sticks)
    if family.name == "cumulative":
        # p = P(Y <= k) has the derivative P(Y > k) P(Y = k | Y >= k).
        log_slope = log_above(sticks) - pt.softplus(-sticks)
        return log_slope - log_pdf(family.link, cutpoints)
    log_odds = _cut_log_odds(family, sticks)
    log_slope = -pt.softplus(log_odds) - pt.softplus(-log_odds)
    return log_slope - log_pdf(_stopping_link(family), cutpoints)


def log_above(sticks: Symbol) -> Symbol:
    """Return log P(Y > k), shape (..., cuts)."""
    return -pt.cumsum(pt.softplus(sticks), axis=-1)


def stick_shares(sticks: Symbol) -> Symbol:
    """Return the category shares of `sticks`, shape (..., categories)."""
    end = pt.ones_like(sticks[..., :1])
    above = pt.concatenate([end, pt.exp(log_above(sticks))], axis=-1)
    return above * pt.concatenate([pt.sigmoid(sticks), end], axis=-1)


def log_cdf(link: str, x: Symbol) -> Symbol:
    """Return log F(x)."""
    match link:
        case "logit":
            return -pt.softplus(-x)
        case "probit":
            return _log_ndtr(x)
        case "cloglog":
            # log(1 - exp(-t)) = log t - t/2 + t^2/24 - ...
            near = _log1mexp(-_capped_exp(pt.maximum(x, -20.0)))
            return pt.switch(x < -20.0, x - 0.5 * _capped_exp(x), near)
        case "loglog":
            return -_capped_exp(-x)
        case _:
            return pt.log(pt.arctan2(1.0, -x) / np.pi)


def log_sf(link: str, x: Symbol) -> Symbol:
    """Return log(1 - F(x))."""
    return log_cdf(MIRRORED.get(link, link), -x)


def log_pdf(link: str, x: Symbol) -> Symbol:
    """Return the log density of F at x."""
    match link:
        case "logit":
            return -pt.softplus(x) - pt.softplus(-x)
        case "probit":
            return -0.5 * x**2 - 0.5 * np.log(2.0 * np.pi)
        case "cloglog":
            return x - _capped_exp(x)
        case "loglog":
            return -x - _capped_exp(-x)
        case _:
            return -np.log(np.pi) - pt.log1p(x**2)


def log_interval(link: str, a: Symbol, b: Symbol) -> Symbol:
    """Return log(F(b) - F(a)); -inf where b is not above a."""
    width = pt.maximum(b - a, TINY)
    match link:
        case "logit":
            value = log_cdf(link, b) + log_sf(link, a) + _log1mexp(-width)
        case "probit":
            value = _log_probit_interval(a, b)
        case "cloglog":
            value = _log_cloglog_interval(a, b, width)
        case "loglog":
            value = _log_cloglog_interval(-b, -a, width)
        case _:
            # The angle of the interval seen from (0, 1).
            value = pt.log(pt.arctan2(width, 1.0 + a * b) / np.pi)
    return pt.switch(b > a, value, -np.inf)


def quantile(link: str, log_odds: Symbol) -> Symbol:
    """Return the x with F(x) = 1 / (1 + exp(-log_odds))."""
    match link:
        case "logit":
            return log_odds
        case "cloglog":
            return _log_softplus(log_odds)
        case "loglog":
            return -_log_softplus(-log_odds)
    tail = pt.maximum(pt.sigmoid(pt.switch(log_odds < 0.0, log_odds, -log_odds)), TINY)
    if link == "probit":
        distance = np.sqrt(2.0) * pt.erfcinv(2.0 * tail)
    else:
        distance = 1.0 / pt.tan(np.pi * tail)
    return pt.switch(log_odds < 0.0, -distance, distance)


def _stopping_link(family: Family) -> str:
    """Return the link of the probability of stopping at a category rather than going on."""
    return family.link if family.name == "sratio" else MIRRORED.get(family.link, family.link)


def _cut_log_odds(family: Family, sticks: Symbol) -> Symbol:
    """Return the log odds of the probability that each cutpoint stands for."""
    if family.name == "cumulative":
        above = log_above(sticks)
        return _log1mexp(above) - above
    if family.name == "acat":
        # P(Y = k) / P(Y = k + 1): stopping at k, over passing k and stopping at k + 1.
        next_passed = pt.concatenate(
            [pt.softplus(-sticks[..., 1:]), pt.zeros_like(sticks[..., :1])], axis=-1
        )
        return sticks + next_passed
    return sticks


def _log_probit_interval(a: Symbol, b: Symbol) -> Symbol:
    # Right of the centre both tails are taken from above: their difference does not cancel.
    mirrored = a + b > 0.0
    low, high = pt.switch(mirrored, -b, a), pt.switch(mirrored, -a, b)
    log_high = _log_ndtr(high)
    return log_high + _log1mexp(_log_ndtr(low) - log_high)


def _log_cloglog_interval(a: Symbol, b: Symbol, width: Symbol) -> Symbol:
    # exp(-e^a) - exp(-e^b) = exp(-e^a) F(log(e^b - e^a))
    return log_cdf("cloglog", b + _log1mexp(-width)) - _capped_exp(a)


def _log_ndtr(x: Symbol) -> Symbol:
    left = pt.log(pt.erfcx(pt.maximum(-x, 0.0) / np.sqrt(2.0)) / 2.0) - x * x / 2.0
    right = pt.log1p(-pt.erfc(pt.maximum(x, 0.0) / np.sqrt(2.0)) / 2.0)
    return pt.switch(x < 0.0, left, right)


def _log1mexp(x: Symbol) -> Symbol:
    """Return log(1 - exp(x)) for x < 0."""
    x = pt.minimum(x, -TINY)
    near = pt.log(-pt.expm1(pt.maximum(x, -np.log(2.0))))
    far = pt.log1p(-pt.exp(pt.minimum(x, -np.log(2.0))))
    return pt.switch(x > -np.log(2.0), near, far)


def _log_softplus(x: Symbol) -> Symbol:
    return pt.switch(x < -37.0, x, pt.log(pt.softplus(pt.maximum(x, -37.0))))


def _capped_exp(x: Symbol) -> Symbol:
    return pt.exp(pt.minimum(x, LARGEST_EXPONENT))
