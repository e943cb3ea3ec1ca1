"""How much scores of units differ beyond chance, from counts alone: analysis of variance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from nps_research.answers import answers_by_group
from nps_research.people.unit_variance import Components
from nps_research.people.units import metric_values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.people.units import Metric
    from nps_research.scale import RatingScale
    from nps_research.survey import Survey

    type Array = NDArray[np.float64]


def observed_components(
    counts: pd.DataFrame | Survey,
    agent: str,
    metric: Metric = "nps",
    *,
    rating_scale: RatingScale | None = None,
) -> Components:
    """Estimate variance components from counts without a model: analysis of variance.

    Parameters
    ----------
    counts : pandas.DataFrame or Survey
        Count table with a column of units.
    agent : str
        The column.
    metric : str or array_like
        As in `components`, but for "latent".
    rating_scale : RatingScale, optional
        As in `nps`.

    Returns
    -------
    Components
        Unbiased whatever the numbers of answers (Searle, Casella and McCulloch 1992, "Variance
        Components"); `agent` can be negative, which says that units differ less than their own
        answers would make them; `team` is 0.

    Raises
    ------
    ValueError
        If there are fewer than two units with answers, or no unit has two.

    Examples
    --------
    >>> counts = pd.DataFrame({"agent": [1, 1, 2, 2], "score": [3, 10, 3, 10], "n": [4, 6, 6, 4]})
    >>> observed_components(counts, "agent", "mean_score").share().round(3)
    np.float64(-0.026)
    """
    squares = _mean_squares(counts, agent, metric, rating_scale)
    between = (squares.between - squares.within) / squares.size
    return Components(*map(np.asarray, (0.0, between, squares.within)))


def observed_share(
    counts: pd.DataFrame | Survey,
    agent: str,
    metric: Metric = "nps",
    level: float = 0.95,
    *,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Estimate the share of the variance of one answer that lies between units, with an interval.

    Parameters
    ----------
    counts, agent, metric, rating_scale
        As in `observed_components`.
    level : float
        Confidence level.

    Returns
    -------
    pandas.DataFrame
        One row: `share` (intraclass correlation; negative if units differ less than chance),
        `lower` and `upper` (from the F distribution of the ratio of mean squares, for normal means
        of units: Thomas and Hultquist 1978, "Interval Estimation for the Unbalanced Case of the
        One-Way Random Effects Model", with the average number of answers), `se` (Fisher 1925,
        "Statistical Methods for Research Workers"), `units` and `n`.

    Raises
    ------
    ValueError
        As in `observed_components`.

    Examples
    --------
    >>> counts = pd.DataFrame({"agent": [1, 1, 2, 2], "score": [3, 10, 3, 10], "n": [4, 6, 9, 1]})
    >>> observed_share(counts, "agent").round(2)[["share", "lower", "upper"]].loc["all"].tolist()
    [0.37, 0.01, 1.0]
    """
    squares = _mean_squares(counts, agent, metric, rating_scale)
    ratio = np.array(squares.between / squares.within)
    freedom = squares.units - 1, squares.n - squares.units
    tails = stats.f.ppf([(1 + level) / 2, (1 - level) / 2], *freedom)
    lower, upper = _intraclass(np.asarray(ratio / tails), squares.size)
    share = float(_intraclass(ratio, squares.size))
    spread = 2 * (1 - share) ** 2 * (1 + (squares.size - 1) * share) ** 2
    row = {
        "share": share,
        "lower": lower,
        "upper": upper,
        "se": math.sqrt(spread / (squares.size * (squares.size - 1) * (squares.units - 1))),
        "units": squares.units,
        "n": squares.n,
    }
    table = pd.DataFrame(row, index=["all"])
    table.attrs["interval"] = f"{100 * level:g} % confidence interval, F of the mean squares"
    return table


class _MeanSquares(NamedTuple):
    """Mean squares between and within units, their average size, and how many there are."""

    between: float
    within: float
    size: float
    units: int
    n: int


def _mean_squares(
    counts: pd.DataFrame | Survey, agent: str, metric: Metric, rating_scale: RatingScale | None
) -> _MeanSquares:
    answers = answers_by_group(counts, agent, rating_scale)
    values = metric_values(metric, answers.scale)
    asked = answers.effective[answers.n > 0]
    n, units = asked.sum(axis=1), len(asked)
    if units < 2 or n.sum() == units:
        raise ValueError(
            f"variance between and within units needs two units, and one with two answers; found "
            f"{units} units of {agent!r} with {int(n.sum())} answers."
        )
    means = asked @ values / n
    centre = n @ means / n.sum()
    within = float((asked @ values**2 - n * means**2).sum() / (n.sum() - units))
    between = float(n @ (means - centre) ** 2) / (units - 1)
    size = float(n.sum() - (n**2).sum() / n.sum()) / (units - 1)
    return _MeanSquares(between, within, size, units, int(n.sum()))


def _intraclass(ratio: Array, size: float) -> Array:
    """Return the intraclass correlation of a ratio of mean squares."""
    return np.asarray((ratio - 1) / (ratio + size - 1))
