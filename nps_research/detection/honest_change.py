"""How far agents differ in what nobody did wrong, and what is left beyond that.

Honest agents change too, each a little differently, so a standard error of sampling alone calls
too many of them different. Here the spread of honest changes is part of every z.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import special, stats

from nps_research.bisection import falling_root
from nps_research.views import viewed

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    type Array = NDArray[np.float64]
    type Flags = NDArray[np.bool_]

# Fewer untreated agents than these say too little about how much honest agents differ.
LEAST_REFERENCE = 8
# The variance of honest changes is sought up to this many times their total variance.
WIDEST = 4.0
# Half of the absolute values of a standard normal lie below it.
NORMAL_QUARTILE = float(special.ndtri(0.75))


@viewed
class HonestChange(NamedTuple):
    """The changes of agents who do nothing in particular.

    Attributes
    ----------
    mean : float
        Their mean, in the unit of the estimates.
    sd : float
        Their standard deviation, beyond sampling.
    se : float
        Standard error of the mean.
    freedom : float
        Degrees of freedom of the standard deviation.
    reference : str
        Where these come from, in words.
    """

    mean: float
    sd: float
    se: float
    freedom: float
    reference: str

    def z(self, estimate: Array, se: Array) -> Array:
        """Return estimates less the mean, as normal scores of equal tail probability."""
        total = np.sqrt(se**2 + self.sd**2 + self.se**2)
        return t_as_normal((estimate - self.mean) / total, self.freedom)


def honest_change(estimate: Array, se: Array, treated: Flags | None = None) -> HonestChange:
    """Estimate how honest agents change.

    Parameters
    ----------
    estimate, se : numpy.ndarray, shape (agents,)
        Change of each agent, and its standard error of sampling; missing ones are left out.
    treated : numpy.ndarray of bool, optional
        Agents who are paid for the score. Untreated ones, if there are `LEAST_REFERENCE`, are the
        reference. Otherwise it is the lower half of all agents: gaming pushes up.

    Returns
    -------
    HonestChange

    Notes
    -----
    With untreated agents, the method of Paule and Mandel (1982, "Consensus Values and Weighting
    Factors"); without, the median, and the spread of those below it: an empirical null as in
    Efron 2004, "Large-Scale Simultaneous Hypothesis Testing", for contamination from one side.
    The median follows the gamers when there are many of them.

    Examples
    --------
    >>> estimate = np.array([0.1, -0.2, 0.3, -0.1, 0.0, 0.2, -0.3, 0.1, 2.5])
    >>> found = honest_change(estimate, np.full(9, 0.2), np.arange(9) == 8)
    >>> round(found.mean, 3), round(found.sd, 3), found.reference
    (0.012, 0.035, '8 untreated agents')
    """
    known = np.isfinite(estimate)
    if treated is not None and (known & ~treated).sum() >= LEAST_REFERENCE:
        return _of_untreated(estimate[known & ~treated], se[known & ~treated])
    return _of_lower_half(estimate[known], se[known])


def _of_untreated(estimate: Array, se: Array) -> HonestChange:
    many = len(estimate)

    def excess(variance: float) -> float:
        weight = 1 / (se**2 + variance)
        mean = weight @ estimate / weight.sum()
        return float(weight @ (estimate - mean) ** 2 - (many - 1))

    variance = _root(excess, WIDEST * float(estimate.var()))
    weight = 1 / (se**2 + variance)
    return HonestChange(
        mean=float(weight @ estimate / weight.sum()),
        sd=float(np.sqrt(variance)),
        se=float(weight.sum() ** -0.5),
        freedom=many - 1.0,
        reference=f"{many} untreated agents",
    )


def _of_lower_half(estimate: Array, se: Array) -> HonestChange:
    many = len(estimate)
    centre = float(np.median(estimate)) if many else float("nan")
    below = estimate <= centre
    distance, own = (centre - estimate)[below], se[below]

    def excess(variance: float) -> float:
        return float(np.median(distance / np.sqrt(own**2 + variance)) - NORMAL_QUARTILE)

    variance = _root(excess, WIDEST * float(np.mean(distance**2)) if many else 0.0)
    spread = float(np.sqrt(np.mean(se**2) + variance)) if many else float("nan")
    # A median has pi / 2 times the variance of a mean, and a spread of this kind a third of the
    # information that a standard deviation of half of the agents would have.
    return HonestChange(
        mean=centre,
        sd=float(np.sqrt(variance)),
        se=spread * float(np.sqrt(np.pi / 2 / max(many, 1))),
        freedom=max(many / 4, 1.0),
        reference=f"the lower half of {many} agents",
    )


def _root(falling: Callable[[float], float], highest: float) -> float:
    """Return where a falling function changes its sign between 0 and `highest`, else the end."""

    def element(variance: Array) -> Array:
        return np.array([falling(variance.item())])

    return float(falling_root(element, np.zeros(1), np.full(1, highest)).item())


def t_as_normal(t: Array, freedom: float) -> Array:
    """Return normal scores that have the tail probabilities of Student's t.

    Examples
    --------
    >>> t_as_normal(np.array([0.0, 2.0, -50.0]), 10.0).round(2)
    array([ 0.  ,  1.79, -7.32])
    """
    lower = special.ndtri_exp(stats.t.logcdf(-np.abs(t), freedom))
    return np.asarray(0.0 - np.sign(t) * lower)


def agent_table(
    signature: str,
    agents: pd.Index,
    estimate: Array,
    se: Array,
    n: Array | NDArray[np.int64],
    *,
    treated: Flags | None = None,
    innocent: str,
) -> pd.DataFrame:
    """Compare the change of every agent with that of honest agents.

    Parameters
    ----------
    signature : str
        Name of what is measured.
    agents : pandas.Index
        Names.
    estimate, se : numpy.ndarray, shape (agents,)
        Changes, positive in the direction of gaming, and their standard errors; missing for agents
        with too few answers.
    n : numpy.ndarray
        Answers of each agent.
    treated : numpy.ndarray of bool, optional
        As in `honest_change`.
    innocent : str
        What else makes agents differ.

    Returns
    -------
    pandas.DataFrame
        Indexed by agent: `estimate` (less the mean of honest agents), `se` (of sampling), `z` (with
        the spread of honest agents) and `n`. ``attrs``: `signature`, `too_few` (agents without an
        estimate), `reference` and `honest_sd` (who stands for honest agents, and how far they
        differ), `innocent`.
    """
    reference = honest_change(estimate, se, treated)
    columns = {
        "estimate": estimate - reference.mean,
        "se": se,
        "z": reference.z(estimate, se),
        "n": np.asarray(n, dtype=np.int64),
    }
    table = pd.DataFrame(columns, index=agents)
    table.attrs = {
        "signature": signature,
        "too_few": int(np.isnan(estimate).sum()),
        "reference": reference.reference,
        "honest_sd": reference.sd,
        "innocent": innocent,
    }
    return table
