"""Ceilings: how much better customers must be served before promoters outnumber passives.

That the best to hope for is a passive customer says two things: that passives can be the largest
class at all, and that nobody can move people beyond the place where they are. The first depends on
the width of the passive band in units of how much people differ, which a distribution of scores
shows; the second on what the best service does, which it does not show.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from nps_research.bisection import falling_root
from nps_research.diagnostics import INTERVAL_MASS
from nps_research.drivers.comparability import LARGEST_SHIFT, LOGISTIC_SD, class_log_odds
from nps_research.intervals import tail_probabilities

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

# Width of the passive band, in latent standard deviations, beyond which passives outnumber both
# other classes somewhere: at it, each of the three has a third, and logit(2/3) - logit(1/3) =
# 2 log 2.
NARROWEST = 2 * math.log(2.0) / LOGISTIC_SD


def passive_bands(
    counts: pd.DataFrame,
    by: str,
    *,
    draws: int = 4000,
    mass: float = INTERVAL_MASS,
    random_seed: int,
) -> pd.DataFrame:
    """Return where passives can be the largest class, and how far away that ends.

    People move together along the latent scale, logistic as in `OrdinalModel`, while their
    thresholds stay.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table.
    by : str
        Column with the groups.
    draws : int
        Of the shares of detractors and promoters (Dirichlet posterior, Jeffreys' prior).
    mass : float
        Probability inside the intervals.
    random_seed : int
        Makes the draws repeatable.

    Returns
    -------
    pandas.DataFrame
        One row a group: `until`, by how many latent standard deviations people must be better off
        before promoters are as many as passives (negative: they are more already), with `lower` and
        `upper`; `passives` and `promoters`, shares of the answers; `band`, the width of the passive
        band in latent standard deviations; `most_passives`, the largest share of passives wherever
        people stand; `probability_passives_largest` now.

    Examples
    --------
    >>> import nps_research as npsr
    >>> table = passive_bands(npsr.load_counts("sfo_airport"), "year", random_seed=1)
    >>> table[["until", "passives", "promoters", "most_passives"]].round(2)
          until  passives  promoters  most_passives
    year
    2017  -0.26      0.35       0.52           0.43
    2018  -0.21      0.35       0.48           0.40
    """
    cuts, groups = class_log_odds(counts, by, draws, random_seed)
    parts = {}
    for group, at in zip(groups, cuts, strict=True):
        detractors, others = special.expit(at)
        passives, promoters = others - detractors, 1 - others
        band, until = at[1] - at[0], promoters_catch_up(at)
        lower, upper = np.quantile(until, tail_probabilities(mass))
        parts[group] = {
            "until": until.mean(),
            "lower": lower,
            "upper": upper,
            "passives": passives.mean(),
            "promoters": promoters.mean(),
            "band": band.mean() / LOGISTIC_SD,
            "most_passives": np.tanh(band / 4).mean(),
            "probability_passives_largest": np.mean(passives > np.maximum(detractors, promoters)),
        }
    table = pd.DataFrame(parts).T.rename_axis(by)
    table.attrs["interval"] = f"{100 * mass:g} % credible interval (Dirichlet, Jeffreys' prior)"
    return table


def promoters_catch_up(cuts: Array) -> Array:
    """Return how much better off people must be for promoters to be as many as passives.

    Parameters
    ----------
    cuts : numpy.ndarray
        Log odds below the two cuts of NPS, shape (2, ...).

    Returns
    -------
    numpy.ndarray
        Latent standard deviations, shape (...).

    Examples
    --------
    As many of each class: already there.

    >>> bool(np.isclose(promoters_catch_up(special.logit(np.array([1 / 3, 2 / 3]))), 0.0))
    True
    """

    def lead_of_passives(shift: Array) -> Array:
        below, others = special.expit(cuts - LOGISTIC_SD * shift)
        return np.asarray(2 * others - below - 1.0)

    limits = np.full(np.shape(cuts)[1:], LARGEST_SHIFT)
    return falling_root(lead_of_passives, -limits, limits)
