"""How often an interval of the NPS contains the truth: exact, over all samples that can occur."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from nps_research.intervals import interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

VALUES = np.array([-1.0, 0.0, 1.0])
METHODS = ("wald", "adjusted_wald", "score", "dirichlet")
# (n + 1)(n + 2) / 2 samples are enumerated: 20,301 of them here.
MOST_ANSWERS = 200


def nps_coverage(
    class_shares: Sequence[float],
    sizes: Sequence[int],
    methods: Sequence[str] = METHODS,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compute the coverage of NPS intervals by enumerating every sample.

    Parameters
    ----------
    class_shares : sequence of float
        True shares of detractors, passives and promoters, which sum to 1.
    sizes : sequence of int
        Numbers of answers, 1 to 200.
    methods : sequence of str
        Methods of `nps`; not "bootstrap", which is random.
    level : float
        Nominal level.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``method`` and ``n``: ``coverage``, the probability that the interval contains
        the true NPS, and ``width``, its expected width in points.

    Raises
    ------
    ValueError
        If the shares are no distribution, a size is out of range or a method is random.

    Examples
    --------
    >>> nps_coverage((0.1, 0.3, 0.6), [10], ["wald", "score"]).round(3)
               coverage   width
    method n
    wald   10     0.873  75.194
    score  10     0.961  77.984
    """
    shares = _checked_shares(class_shares)
    _check_sizes(sizes)
    if "bootstrap" in methods:
        raise ValueError("a bootstrap interval is random, so its coverage cannot be enumerated.")
    rows = {(method, n): _coverage(shares, n, method, level) for method in methods for n in sizes}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["coverage", "width"])
    return table.set_index(pd.MultiIndex.from_tuples(rows, names=["method", "n"]))


def _coverage(shares: Array, n: int, method: str, level: float) -> tuple[float, float]:
    samples = _all_samples(n)
    chance = np.exp(_log_multinomial(samples, shares))
    limits = interval(VALUES, samples, method, level)
    truth = VALUES @ shares
    # Rounding must not decide whether an interval that ends at the truth contains it.
    covered = (limits.lower <= truth + 1e-9) & (limits.upper >= truth - 1e-9)
    return float(chance @ covered), float(100.0 * (chance @ (limits.upper - limits.lower)))


def _all_samples(n: int) -> Array:
    detractors, passives = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    possible = detractors + passives <= n
    low, middle = detractors[possible], passives[possible]
    return np.column_stack([low, middle, n - low - middle]).astype(float)


def _log_multinomial(samples: Array, shares: Array) -> Array:
    arrangements = special.gammaln(samples.sum(axis=1) + 1) - special.gammaln(samples + 1).sum(
        axis=1
    )
    return np.asarray(arrangements + special.xlogy(samples, shares).sum(axis=1))


def _checked_shares(class_shares: Sequence[float]) -> Array:
    shares = np.asarray(class_shares, dtype=float)
    if shares.shape != (3,) or shares.min() < 0 or not np.isclose(shares.sum(), 1.0):
        raise ValueError(
            f"class_shares are the shares of detractors, passives and promoters, which sum to 1; "
            f"found {list(class_shares)}."
        )
    return shares


def _check_sizes(sizes: Sequence[int]) -> None:
    wrong = [n for n in sizes if not 1 <= n <= MOST_ANSWERS]
    if wrong:
        raise ValueError(
            f"sizes must be from 1 to {MOST_ANSWERS}, or enumeration takes too long; found "
            f"{wrong[0]}."
        )
