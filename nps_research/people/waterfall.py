"""A company's target split over teams, and whether the survey can tell which team met its part.

A team meets its part if its score rises by the target or more from one survey to the next. All
probabilities are exact for the numbers of answers, since scores of n answers lie on a lattice.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special
from scipy.stats import multivariate_normal

from nps_research.answers import answers_by_group
from nps_research.bisection import falling_root
from nps_research.comparison.shifts import shifted
from nps_research.people.score_sums import score_sums

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from nps_research.people.score_sums import ScoreSums
    from nps_research.scale import RatingScale
    from nps_research.survey import Survey

    type Array = NDArray[np.float64]

POINTS = 100.0
# Latent shifts further than this leave only the lowest or the highest score.
FARTHEST = 60.0
# Differences of scores are sums of rounded fractions: equal within this many points.
ROUNDING = 1e-9


def raised(shares: ArrayLike, points: float, rating_scale: RatingScale) -> Array:
    """Return the shares of a team whose opinions rise until its score has risen by so many points.

    Parameters
    ----------
    shares : array_like
        Shares of the scores, lowest first.
    points : float
        Rise of the net promoter score; negative for a fall.
    rating_scale : RatingScale
        The scale.

    Returns
    -------
    numpy.ndarray
        Every opinion moved by the same latent (logit) distance.

    Raises
    ------
    ValueError
        If no such score exists.

    Examples
    --------
    >>> from nps_research.scale import RatingScale
    >>> scale = RatingScale(1, 3, 1, 3)
    >>> (raised([0.2, 0.3, 0.5], 10, scale) @ scale.nps_values).round(6)
    np.float64(0.4)
    """
    start = np.asarray(shares, dtype=float)
    values = POINTS * rating_scale.nps_values
    goal = float(start @ values) + points
    if not -POINTS < goal < POINTS:
        raise ValueError(
            f"a score cannot rise by {points:g} points from {start @ values:.1f}: scores lie "
            "between -100 and 100."
        )

    def missing(size: Array) -> Array:
        return np.asarray(goal - shifted(start, "location", size, rating_scale) @ values)

    size = falling_root(missing, np.array([-FARTHEST]), np.array([FARTHEST]))
    return shifted(start, "location", size[0], rating_scale)


def probability_met(
    before: ArrayLike,
    after: ArrayLike,
    target: float,
    answers: tuple[int, int],
    rating_scale: RatingScale,
) -> float:
    """Return the probability that a team's score rises by the target or more.

    Parameters
    ----------
    before, after : array_like
        True shares of the scores at the two surveys.
    target : float
        Points.
    answers : tuple of int
        Answers at the two surveys.
    rating_scale : RatingScale
        The scale.

    Examples
    --------
    >>> from nps_research.scale import RatingScale
    >>> same = [0.2, 0.3, 0.5]
    >>> round(probability_met(same, same, 5, (100, 100), RatingScale(1, 3, 1, 3)), 2)
    0.34
    """
    first, second = (
        score_sums(shares, POINTS * rating_scale.nps_values, n)
        for shares, n in zip((before, after), answers, strict=True)
    )
    return float(first.probabilities @ _reaching(second, first.means + target))


def waterfall(
    counts: pd.DataFrame | Survey,
    targets: Mapping[str, float],
    answers: Mapping[str, int | tuple[int, int]],
    *,
    changes: Mapping[str, float] | float = 0.0,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Say for each team how likely its part of a target is judged right.

    Parameters
    ----------
    counts : pandas.DataFrame or Survey
        Count table: its shares are those of every team at the first survey.
    targets : mapping
        Rise in points that each team is to reach.
    answers : mapping
        Answers of each team at both surveys, or at the first and the second.
    changes : mapping or float
        True rise of each team in points; one number for all.
    rating_scale : RatingScale, optional
        As in `nps`.

    Returns
    -------
    pandas.DataFrame
        One row a team: `target`, `change`, `n_before`, `n_after`, `se` (standard error of the
        measured change, in points), `met` (probability that the target is reached) and `right`
        (probability that it is reached if the true rise is the target or more, and missed if not).

    Raises
    ------
    ValueError
        If a team has a target and no answers, or the other way round, or no change.

    Examples
    --------
    >>> counts = pd.DataFrame({"score": [3, 8, 10], "n": [20, 30, 50]})
    >>> table = waterfall(counts, {"north": 5.0, "south": 5.0}, {"north": 100, "south": 400})
    >>> table["met"].round(2).to_dict()
    {'north': 0.34, 'south': 0.19}
    """
    _check_teams(targets, answers, changes)
    all_answers = answers_by_group(counts, None, rating_scale)
    shares = all_answers.effective[0] / all_answers.n[0]
    rows = {}
    for team, target in targets.items():
        change = changes if isinstance(changes, int | float) else changes[team]
        given = answers[team]
        n = (given, given) if isinstance(given, int) else given
        after = raised(shares, change, all_answers.scale)
        met = probability_met(shares, after, target, n, all_answers.scale)
        se = standard_error((shares, after), n, all_answers.scale)
        right = met if change >= target else 1 - met
        rows[team] = (target, change, *n, se, met, right)
    names = ["target", "change", "n_before", "n_after", "se", "met", "right"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=names).rename_axis("team")


def standard_error(
    shares: Sequence[ArrayLike], answers: Sequence[int], rating_scale: RatingScale
) -> float:
    """Return the standard error of a measured change of the net promoter score, in points."""
    values = POINTS * rating_scale.nps_values
    parts = [
        (np.asarray(each) @ values**2 - (np.asarray(each) @ values) ** 2) / n
        for each, n in zip(shares, answers, strict=True)
    ]
    return math.sqrt(sum(parts))


def all_and_any(table: pd.DataFrame) -> pd.Series:
    """Return what happens in the whole company: teams answer for themselves, independently.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `waterfall`.

    Returns
    -------
    pandas.Series
        Probabilities: `all met` and `any met` of the targets reached, `any misjudged` that one team
        or more is judged wrongly; and `expected misjudged`, a number of teams.

    Examples
    --------
    >>> table = pd.DataFrame({"met": [0.5, 0.5], "right": [0.5, 0.5]})
    >>> all_and_any(table).tolist()
    [0.25, 0.75, 0.75, 1.0]
    """
    met, right = (table[name].to_numpy(dtype=float) for name in ("met", "right"))
    return pd.Series(
        {
            "all met": float(np.prod(met)),
            "any met": 1 - float(np.prod(1 - met)),
            "any misjudged": 1 - float(np.prod(right)),
            "expected misjudged": float(np.sum(1 - right)),
        }
    )


def judged_right(gap: ArrayLike, se: ArrayLike) -> Array:
    """Return the probability that a team is judged right, for large numbers of answers.

    Parameters
    ----------
    gap : array_like
        Distance of the true change from the target, in points, to either side. At 0 it is one half,
        whatever the number of answers: a team that does exactly what was asked is judged by a coin.
    se : array_like
        Standard error of the measured change in points.

    Returns
    -------
    numpy.ndarray
        Probabilities.

    Examples
    --------
    >>> judged_right([0.0, 5.0], 5.0).round(3)
    array([0.5  , 0.841])
    """
    return np.asarray(special.ndtr(np.abs(np.asarray(gap, dtype=float)) / np.asarray(se)))


def answers_to_judge(
    gap: ArrayLike,
    *,
    probability: float = 0.9,
    teams: int = 1,
    standard_deviation: float = POINTS,
    surveys: int = 2,
) -> Array:
    """Return how many answers a team needs at each survey to be judged right.

    Parameters
    ----------
    gap : array_like
        Distance of the true change from the target in points.
    probability : float
        That all teams are judged right, above one half and below 1.
    teams : int
        How many, each at the same distance.
    standard_deviation : float
        Of one answer in points; 100 is the worst case, 74 that of airport passengers of 2018.
    surveys : int
        2 if a change between two surveys is judged, 1 if a level is.

    Returns
    -------
    numpy.ndarray
        Whole numbers of answers, shape of `gap`.

    Raises
    ------
    ValueError
        If a number is not usable.

    Examples
    --------
    >>> answers_to_judge([5.0, 2.0], standard_deviation=74)
    array([ 720., 4497.])
    >>> answers_to_judge(5.0, standard_deviation=74, teams=8)
    array(2167.)
    """
    if not 0.5 < probability < 1 or teams < 1 or surveys not in (1, 2):
        raise ValueError(
            f"probability must be above 0.5 and below 1, teams 1 or more and surveys 1 or 2; found "
            f"{probability}, {teams} and {surveys}."
        )
    distance = np.asarray(gap, dtype=float)
    if not (distance > 0).all() or not standard_deviation > 0:
        raise ValueError(
            f"gap and standard_deviation must be positive numbers of points; found {gap!r} "
            f"and {standard_deviation}. A team exactly at its target is judged by a coin, whatever "
            "the number of answers."
        )
    quantile = special.ndtri(probability ** (1 / teams))
    return np.asarray(np.ceil(surveys * (quantile * standard_deviation / distance) ** 2))


def judged_right_on_average(target: float, se: float, *, mean: float, spread: float) -> float:
    """Return the probability that a team drawn from many is judged right.

    Parameters
    ----------
    target : float
        Points.
    se : float
        Standard error of the measured change.
    mean, spread : float
        Mean and standard deviation of the true changes of teams, normal.

    Returns
    -------
    float
        P(truly met and reached) + P(truly missed and not reached): two correlated normals.

    Examples
    --------
    >>> round(judged_right_on_average(3.0, 4.0, mean=3.0, spread=4.0), 4)
    0.75
    """
    total = math.hypot(spread, se)
    limits = np.array([(target - mean) / spread, (target - mean) / total])
    correlation = [[1.0, spread / total], [spread / total, 1.0]]
    both_below = float(multivariate_normal(cov=correlation).cdf(limits))
    below = special.ndtr(limits)
    return float(1 - below.sum() + 2 * both_below)


def _reaching(scores: ScoreSums, bars: Array) -> Array:
    """Return the probability of a score at each bar or above it."""
    above = np.append(np.cumsum(scores.probabilities[::-1])[::-1], 0.0)
    return np.asarray(above[np.searchsorted(scores.means, bars - ROUNDING)])


def _check_teams(
    targets: Mapping[str, float],
    answers: Mapping[str, int | tuple[int, int]],
    changes: Mapping[str, float] | float,
) -> None:
    known = [answers, *([] if isinstance(changes, int | float) else [changes])]
    for other, name in zip(known, ("answers", "changes"), strict=False):
        odd = sorted(set(targets) ^ set(other), key=str)
        if odd:
            side = "no target" if odd[0] in other else f"no {name}"
            raise ValueError(
                f"targets and {name} must be of the same teams; team {odd[0]!r} has {side}."
            )
