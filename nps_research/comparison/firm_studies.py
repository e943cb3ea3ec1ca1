"""What studies of few firms can show: exact power, wrong signs, and several industries together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import integrate, special

from nps_research.comparison.association import correlation_density
from nps_research.intervals import tail_probabilities
from nps_research.planning import check_power

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    type Array = NDArray[np.float64]

FEWEST_PAIRS = 3
# Between industries Fisher's z has a half-normal standard deviation of this scale: correlations of
# .2 and .6 in two industries are nothing unusual.
INDUSTRY_SD = 0.5
LARGEST_Z, Z_STEP = 5.0, 0.02
INDUSTRY_SDS = np.linspace(0.0, 2.0, 41)


def correlation_power(rho: float, n: int, *, level: float = 0.95) -> float:
    """Return the chance that n pairs show a correlation to be other than 0, exactly.

    Parameters
    ----------
    rho : float
        True correlation of the bivariate normal distribution, between -1 and 1.
    n : int
        Pairs, such as firms of an industry, at least 3.
    level : float
        Level of the two-sided t test.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If there are fewer than three pairs, or `rho` or `level` is out of range.

    Examples
    --------
    >>> [round(correlation_power(0.5, n), 2) for n in (3, 5, 30)]
    [0.07, 0.13, 0.83]
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1; found {level!r}. Pass 0.95 for 95 %.")
    correlation_density(0.0, rho, n)  # refuses what is impossible
    t = float(special.stdtrit(n - 2, (1 + level) / 2))
    critical = t / math.sqrt(n - 2 + t**2)
    return _probability(rho, n, -1.0, -critical) + _probability(rho, n, critical, 1.0)


def wrong_sign(rho: float, n: int) -> float:
    """Return the chance that n pairs show a correlation of the wrong sign, exactly.

    Parameters
    ----------
    rho : float
        True correlation.
    n : int
        Number of pairs.

    Returns
    -------
    float
        Probability.

    Examples
    --------
    >>> [round(wrong_sign(0.4, n), 2) for n in (3, 4, 5, 20)]
    [0.3, 0.25, 0.22, 0.04]
    """
    correlation_density(0.0, rho, n)
    return _probability(rho, n, *((-1.0, 0.0) if rho > 0 else (0.0, 1.0)))


def pairs_needed(rho: float, *, power: float = 0.8, level: float = 0.95) -> int:
    """Return how many pairs, such as firms, show a correlation with a given chance.

    Parameters
    ----------
    rho : float
        True correlation.
    power : float
        Chance that it is shown.
    level : float
        Of the two-sided confidence interval that must leave out 0.

    Returns
    -------
    int
        Number of pairs.

    Raises
    ------
    ValueError
        If `rho` is 0 or not between -1 and 1, or `power` or `level` not between 0 and 1.

    Examples
    --------
    >>> pairs_needed(0.5), pairs_needed(0.3)
    (29, 84)
    """
    if not 0 < abs(rho) < 1:
        raise ValueError(f"rho must be between -1 and 1 and not 0; found {rho!r}.")
    check_power(power)
    few, many = FEWEST_PAIRS, 2 * FEWEST_PAIRS
    while correlation_power(rho, many, level=level) < power:
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        enough = correlation_power(rho, middle, level=level) >= power
        few, many = (few, middle) if enough else (middle, many)
    return few if correlation_power(rho, few, level=level) >= power else many


def _probability(rho: float, n: int, low: float, high: float) -> float:
    """Integrate the density of r; over x with r = sin(x) its ends are finite for n = 3."""

    def density(x: float) -> float:
        return float(correlation_density(math.sin(x), rho, n)) * math.cos(x)

    found = integrate.quad(density, math.asin(low), math.asin(high), epsabs=1e-10)
    return float(found[0])


def pooled_correlation(
    r: ArrayLike, n: ArrayLike, *, industry_sd: float = INDUSTRY_SD, mass: float = 0.95
) -> pd.DataFrame:
    """Put together the correlations of several industries of few firms each.

    Parameters
    ----------
    r : array_like, shape (industries,)
        Observed correlations.
    n : array_like of int
        Firms behind each, at least 3.
    industry_sd : float
        Scale of the half-normal prior of the standard deviation of Fisher's z between industries.
    mass : float
        Probability inside the equal-tailed intervals.

    Returns
    -------
    pandas.DataFrame
        Rows ``common`` (if all industries have one correlation), ``mean`` (of industries that
        differ) and ``new industry``: posterior mean `correlation`, `lower`, `upper`,
        `probability_positive`.

    Raises
    ------
    ValueError
        If a correlation or number of firms is impossible, or the prior or mass not usable.

    Notes
    -----
    The likelihood of every industry is exact (`correlation_density`), the mean has a uniform prior
    as a correlation; integration is on a grid.

    Examples
    --------
    >>> pooled_correlation([0.4, -0.45, -0.12, 0.86, 0.08], 4).round(2)
                  correlation  lower  upper  probability_positive
    common               0.13  -0.37   0.59                  0.70
    mean                 0.13  -0.42   0.64                  0.69
    new industry         0.13  -0.68   0.81                  0.65
    """
    if not 0 < industry_sd < math.inf or not 0 < mass < 1:
        raise ValueError(
            f"industry_sd must be positive and mass between 0 and 1; found {industry_sd!r} and "
            f"{mass!r}."
        )
    z = np.arange(-LARGEST_Z, LARGEST_Z + Z_STEP / 2, Z_STEP)
    observed = np.atleast_1d(np.asarray(r, dtype=float))
    sizes = np.broadcast_to(np.asarray(n), observed.shape)
    likelihood = np.array(
        [
            correlation_density(each, np.tanh(z), int(size))
            for each, size in zip(observed, sizes, strict=True)
        ]
    )
    prior = 1 / np.cosh(z) ** 2
    common = prior * likelihood.prod(axis=0)
    mean, new = _hierarchical(z, prior, likelihood, industry_sd)
    rows = {"common": common, "mean": mean, "new industry": new}
    table = pd.DataFrame.from_dict(
        {name: _summary(z, weight, mass) for name, weight in rows.items()}, orient="index"
    )
    table.attrs["interval"] = f"{100 * mass:g} % equal-tailed credible interval"
    return table


def _hierarchical(
    z: Array, prior: Array, likelihood: Array, industry_sd: float
) -> tuple[Array, Array]:
    """Return the posteriors of the mean and of a new industry on the grid of z."""
    mean, new = np.zeros_like(z), np.zeros_like(z)
    for sd in INDUSTRY_SDS:
        around = _spread(len(z), float(sd))
        total = _smoothed(np.ones_like(z), around)
        weight = prior * math.exp(-0.5 * (sd / industry_sd) ** 2)
        for each in likelihood:
            weight = weight * _smoothed(each, around) / total
        mean += weight
        new += _smoothed(weight / total, around)
    return mean, new


def _spread(size: int, sd: float) -> Array:
    """Return normal weights of all distances on the grid, from the lowest to the highest."""
    distance = Z_STEP * np.arange(1 - size, size)
    return np.exp(-0.5 * (distance / sd) ** 2) if sd else (distance == 0).astype(float)


def _smoothed(values: Array, around: Array) -> Array:
    return np.convolve(around, values, mode="valid")


def _summary(z: Array, weight: Array, mass: float) -> dict[str, float]:
    share = weight / weight.sum()
    below = share.cumsum() - share / 2
    lower, upper = np.tanh(np.interp(tail_probabilities(mass), below, z))
    return {
        "correlation": float(share @ np.tanh(z)),
        "lower": float(lower),
        "upper": float(upper),
        "probability_positive": float(1 - np.interp(0.0, z, below)),
    }
