"""Net promoter score, mean, boxes and shares of a count table and its groups."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

import numpy as np
import pandas as pd

from nps_research.answers import Answers, answers_by_group
from nps_research.intervals import IntervalOptions, interval, interval_kind
from nps_research.scale import RatingScale

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from nps_research.answers import Columns
    from nps_research.survey import Survey


def nps(
    counts: pd.DataFrame | Survey,
    by: Columns = None,
    method: str = "adjusted_wald",
    level: float = 0.95,
    *,
    weighted: bool = False,
    rating_scale: RatingScale | None = None,
    **options: Unpack[IntervalOptions],
) -> pd.DataFrame:
    """Estimate the net promoter score of every group, with an interval.

    Parameters
    ----------
    counts : pandas.DataFrame or Survey
        Count table: `score` (missing where nobody answered), `n`, predictors. A survey is
        tabulated first.
    by : str or sequence of str, optional
        Columns whose combinations are the groups; all answers together without it.
    method : {"adjusted_wald", "wald", "t", "score", "dirichlet", "bootstrap"}
        Interval method, see `nps_research.intervals.interval`.
    level : float
        Confidence level or posterior mass, between 0 and 1.
    weighted : bool
        Weight the answers. Needs the columns `weight` and `weight_squared`, the sums of the survey
        weights and of their squares; the methods then see the weighted shares of Kish's effective
        number of answers (Kish 1965, "Survey Sampling"), which knows no strata and no clusters.
    rating_scale : RatingScale, optional
        By default ``counts.attrs["rating_scale"]`` or, without that, 0 to 10.
    **options
        `truncate` (True: limits stay in the possible range), `prior` ("jeffreys", "uniform" or a
        count), `resamples` and `random_seed`, as in `nps_research.intervals.interval`.

    Returns
    -------
    pandas.DataFrame
        Indexed by the groups (without `by` one row, "all"): `nps`, `se`, `lower`, `upper` in points
        from -100 to 100, `n` answers and, if weighted, `n_effective`. `nps` is the sample value;
        `se` is that of the method (the posterior standard deviation for "dirichlet"). A group that
        nobody answered in has n = 0 and missing values. `attrs` holds `method`, `level`,
        `interval` (its kind in words) and `unanswered` (people without a score).

    Raises
    ------
    ValueError
        If the table, a column, the method, the level or an option is not usable.

    Examples
    --------
    >>> counts = pd.DataFrame({"score": [3, 8, 10, None], "n": [12, 31, 57, 9]})
    >>> nps(counts).round(2)
          nps    se  lower  upper    n
    all  45.0  6.92  30.12  57.26  100
    """
    answers = answers_by_group(counts, by, rating_scale, weighted=weighted)
    return _estimates("nps", answers, 100 * answers.scale.nps_values, method, level, **options)


def mean_score(
    counts: pd.DataFrame | Survey,
    by: Columns = None,
    method: str = "t",
    level: float = 0.95,
    *,
    weighted: bool = False,
    rating_scale: RatingScale | None = None,
    **options: Unpack[IntervalOptions],
) -> pd.DataFrame:
    """Estimate the mean score of every group, with an interval.

    Parameters
    ----------
    counts, by, level, weighted, rating_scale, **options
        As in `nps`.
    method : {"t", "wald", "score", "dirichlet", "bootstrap"}
        Interval method; "adjusted_wald" is not published for more than three scores.

    Returns
    -------
    pandas.DataFrame
        As `nps`, with the column `mean_score` in scale points.

    Examples
    --------
    >>> mean_score(pd.DataFrame({"score": [3, 8, 10], "n": [12, 31, 57]})).round(2)
         mean_score    se  lower  upper    n
    all        8.54  0.22   8.09   8.99  100
    """
    answers = answers_by_group(counts, by, rating_scale, weighted=weighted)
    return _estimates("mean_score", answers, answers.scale.scores, method, level, **options)


def top_box(
    counts: pd.DataFrame | Survey,
    by: Columns = None,
    method: str = "adjusted_wald",
    level: float = 0.95,
    *,
    k: int = 2,
    weighted: bool = False,
    rating_scale: RatingScale | None = None,
    **options: Unpack[IntervalOptions],
) -> pd.DataFrame:
    """Estimate the share of the `k` highest scores of every group, with an interval.

    Parameters
    ----------
    counts, by, method, level, weighted, rating_scale, **options
        As in `nps`.
    k : int
        Number of scores in the box.

    Returns
    -------
    pandas.DataFrame
        As `nps`, with the column `top_box`, a proportion.

    Examples
    --------
    >>> top_box(pd.DataFrame({"score": [3, 8, 10], "n": [12, 31, 57]})).round(3)
         top_box     se  lower  upper    n
    all     0.57  0.049  0.472  0.663  100
    """
    answers = answers_by_group(counts, by, rating_scale, weighted=weighted)
    values = answers.scale.box_values(k)
    return _estimates("top_box", answers, values, method, level, **options)


def bottom_box(
    counts: pd.DataFrame | Survey,
    by: Columns = None,
    method: str = "adjusted_wald",
    level: float = 0.95,
    *,
    k: int = 2,
    weighted: bool = False,
    rating_scale: RatingScale | None = None,
    **options: Unpack[IntervalOptions],
) -> pd.DataFrame:
    """Estimate the share of the `k` lowest scores of every group, with an interval.

    Parameters
    ----------
    counts, by, method, level, weighted, rating_scale, **options
        As in `nps`.
    k : int
        Number of scores in the box.

    Returns
    -------
    pandas.DataFrame
        As `nps`, with the column `bottom_box`, a proportion.

    Examples
    --------
    >>> bottom_box(pd.DataFrame({"score": [3, 8, 10], "n": [12, 31, 57]}), k=4).round(3)
         bottom_box     se  lower  upper    n
    all        0.12  0.033  0.069    0.2  100
    """
    answers = answers_by_group(counts, by, rating_scale, weighted=weighted)
    values = answers.scale.box_values(k, "bottom")
    return _estimates("bottom_box", answers, values, method, level, **options)


def csat(
    counts: pd.DataFrame | Survey,
    by: Columns = None,
    method: str = "adjusted_wald",
    level: float = 0.95,
    *,
    lowest_satisfied: int | None = None,
    weighted: bool = False,
    rating_scale: RatingScale | None = None,
    **options: Unpack[IntervalOptions],
) -> pd.DataFrame:
    """Estimate the share of satisfied answers (CSAT) of every group, with an interval.

    Parameters
    ----------
    counts, by, method, level, weighted, rating_scale, **options
        As in `nps`.
    lowest_satisfied : int, optional
        Answers from this score on are satisfied. 4 on a scale from 1 to 5; other scales have no
        common convention, and it must be given.

    Returns
    -------
    pandas.DataFrame
        As `nps`, with the column `csat`, a proportion.

    Raises
    ------
    ValueError
        As in `nps`, and if `lowest_satisfied` is not given where it must be.

    Examples
    --------
    >>> counts = pd.DataFrame({"score": [2, 4, 5], "n": [20, 50, 30]})
    >>> csat(counts, rating_scale=RatingScale(1, 5)).round(3)
         csat    se  lower  upper    n
    all   0.8  0.04   0.71  0.867  100
    """
    answers = answers_by_group(counts, by, rating_scale, weighted=weighted)
    satisfied = answers.scale.scores >= _lowest_satisfied(answers.scale, lowest_satisfied)
    return _estimates("csat", answers, satisfied, method, level, **options)


def shares(
    counts: pd.DataFrame | Survey,
    by: Columns = None,
    method: str = "adjusted_wald",
    level: float = 0.95,
    *,
    weighted: bool = False,
    rating_scale: RatingScale | None = None,
    **options: Unpack[IntervalOptions],
) -> pd.DataFrame:
    """Estimate the share of every score in every group, each with an interval of its own.

    Parameters
    ----------
    counts, by, method, level, weighted, rating_scale, **options
        As in `nps`. Each score is set against all others: the level holds for one share, not for
        all at once.

    Returns
    -------
    pandas.DataFrame
        As `nps`, one row a group and possible score (index level `score`, last), with the column
        `share`, a proportion.

    Examples
    --------
    >>> counts = pd.DataFrame({"score": [1, 2, 3], "n": [12, 31, 57]})
    >>> shares(counts, rating_scale=RatingScale(1, 4, 2, 4))["share"].to_dict()
    {1: 0.12, 2: 0.31, 3: 0.57, 4: 0.0}
    """
    answers = answers_by_group(counts, by, rating_scale, weighted=weighted)
    return _estimates("share", _one_against_all_others(answers), [0, 1], method, level, **options)


def _estimates(
    name: str,
    answers: Answers,
    values: ArrayLike,
    method: str,
    level: float,
    **options: Unpack[IntervalOptions],
) -> pd.DataFrame:
    result = interval(values, answers.effective, method, level, **options)
    table = pd.DataFrame(result._asdict(), index=answers.groups)
    table = table.rename(columns={"estimate": name}).assign(n=answers.n)
    if answers.weighted:
        table["n_effective"] = answers.effective.sum(axis=1)
    table.attrs = {
        "method": method,
        "level": level,
        "interval": interval_kind(method, level, options.get("prior", "jeffreys")),
        "unanswered": answers.unanswered,
    }
    return table


def _lowest_satisfied(scale: RatingScale, lowest_satisfied: int | None) -> int:
    if lowest_satisfied is None and (scale.minimum, scale.maximum) == (1, 5):
        return 4
    if lowest_satisfied is None or not scale.minimum < lowest_satisfied <= scale.maximum:
        raise ValueError(
            f"on a scale from {scale.minimum} to {scale.maximum}, lowest_satisfied= must be given "
            f"and lie from {scale.minimum + 1} to {scale.maximum}; found {lowest_satisfied}. Only "
            f"a scale from 1 to 5 has a convention, 4."
        )
    return lowest_satisfied


def _one_against_all_others(answers: Answers) -> Answers:
    # Every share of every group becomes a group of its own, with two classes of answers.
    scores, given = answers.scale.scores, answers.effective
    others = given.sum(axis=1, keepdims=True) - given
    return replace(
        answers,
        groups=_with_scores(answers.groups, scores),
        n=answers.n.repeat(len(scores)),
        effective=np.stack([others, given], axis=-1).reshape(-1, 2),
    )


def _with_scores(groups: pd.Index, scores: NDArray[np.int64]) -> pd.Index:
    repeated = np.tile(scores, len(groups))
    if groups.names == [None]:  # all answers together
        return pd.Index(repeated, name="score")
    names = groups.repeat(len(scores)).to_frame(index=False)
    return pd.MultiIndex.from_frame(names.assign(score=repeated))
