"""Links and families in 50 digits, from their definitions: the oracle of the tests beside it.

Tails are computed as tails and probabilities as differences of the smaller tails, so that 50 digits
are enough where double precision would have none left.
"""

from functools import cache

import mpmath
import numpy as np

MP = mpmath.mp.clone()
MP.dps = 50
EXPONENT_CAP = 1e300  # beyond it the package may saturate


@cache
def tails(link, x):
    """F(x), 1 - F(x) and the density."""
    x = MP.mpf(x)
    if link == "logit":
        below, above = 1 / (1 + MP.exp(-x)), 1 / (1 + MP.exp(x))
        return below, above, below * above
    if link == "probit":
        root = MP.sqrt(2)
        return MP.erfc(-x / root) / 2, MP.erfc(x / root) / 2, MP.npdf(x)
    if link == "cauchit":
        return MP.atan2(1, -x) / MP.pi, MP.atan2(1, x) / MP.pi, 1 / (MP.pi * (1 + x * x))
    hazard = MP.exp(x if link == "cloglog" else -x)
    small, large = -MP.expm1(-hazard), MP.exp(-hazard)
    density = hazard * large
    return (small, large, density) if link == "cloglog" else (large, small, density)


@cache
def interval(link, a, b):
    """F(b) - F(a) and its derivatives by a and b; infinite bounds are allowed."""
    below_a, above_a, density_a = (0, 1, 0) if a == -np.inf else tails(link, a)
    below_b, above_b, density_b = (1, 0, 0) if b == np.inf else tails(link, b)
    p = above_a - above_b if a + b > 0 else below_b - below_a
    return p, -density_a, density_b


def log(p):
    """log p as a double; -inf for 0."""
    return float(MP.log(p)) if p > 0 else -np.inf


def probabilities(family, link, z):
    """P(Y = k) for every k, in 50 digits."""
    if family == "cumulative":
        edges = [-np.inf, *z, np.inf]
        return [interval(link, *edges[k : k + 2])[0] for k in range(len(z) + 1)]
    stop, go, _ = stopping(family, link, z)
    if family == "acat":
        weights = [MP.fprod([*go[:k], *stop[k:]]) for k in range(len(z) + 1)]
        total = MP.fsum(weights)
        return [weight / total for weight in weights]
    return [MP.fprod([*go[:k], *stop[k : k + 1]]) for k in range(len(z) + 1)]


def slopes(family, link, z):
    """Derivatives of log P(Y = k) by z[i], shape (categories, cuts), in 50 digits."""
    p = probabilities(family, link, z)
    cuts, categories = range(len(z)), range(len(z) + 1)
    if family == "cumulative":
        density = [tails(link, x)[2] for x in z]
        return [[((k == i) - (k == i + 1)) * density[i] / p[k] for i in cuts] for k in categories]
    stop, go, density = stopping(family, link, z)
    if family == "acat":
        ratio = [density[i] / stop[i] + density[i] / go[i] for i in cuts]
        below = [MP.fsum(p[: i + 1]) for i in cuts]
        above = [MP.fsum(p[i + 1 :]) for i in cuts]
        return [[ratio[i] * (-below[i] if k > i else above[i]) for i in cuts] for k in categories]
    here = [density[i] / stop[i] for i in cuts]
    later = [-density[i] / go[i] for i in cuts]
    return [[(k == i) * here[i] + (k > i) * later[i] for i in cuts] for k in categories]


def stopping(family, link, z):
    """Probabilities of stopping at k and of going on, of a comparison; density of stopping."""
    if family == "sratio":
        stop, go, density = zip(*(tails(link, x) for x in z), strict=True)
    else:
        go, stop, density = zip(*(tails(link, -x) for x in z), strict=True)
    return stop, go, density


def as_doubles(rows):
    """Nested lists of 50-digit numbers as an array; too large ones become infinite."""
    return np.array([[float(value) for value in row] for row in rows])
