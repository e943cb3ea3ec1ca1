"""What a score means among the other scores: the same answer stands high here and low there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from nps_research.answers import Answers, answers_by_group
from nps_research.bisection import falling_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]
    type Columns = str | Sequence[str] | None

# How far answers are shifted in search of a border, in their standard deviations.
FARTHEST = 6.0


def standing(
    counts: pd.DataFrame,
    score: int,
    by: Columns = None,
    *,
    rating_scale: RatingScale | None = None,
) -> pd.Series:
    """Tell what share of the answers a score beats, ties counted half.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table.
    score : int
        Which.
    by : str or sequence of str, optional
        Columns whose combinations are the groups.
    rating_scale : RatingScale, optional
        By default that of the table, else 0 to 10.

    Returns
    -------
    pandas.Series
        One number a group, 0 to 1.

    Raises
    ------
    ValueError
        If there is no such score.

    Examples
    --------
    >>> import nps_research as npsr
    >>> standing(npsr.load_counts("sfo_airport"), 8, by="year").round(2)
    year
    2017    0.35
    2018    0.41
    Name: standing, dtype: float64
    """
    answers = answers_by_group(counts, by, rating_scale)
    place = _place(answers, score)
    return pd.Series(_standing(_shares(answers), place), answers.groups, name="standing")


def softening(
    counts: pd.DataFrame,
    score: int,
    by: Columns = None,
    *,
    lowest: float = 0.25,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Find how far answers must be softened before a score stands among the lowest.

    All answers move up by the same distance on a normal latent scale, as they do if everybody's
    thresholds give way alike.

    Parameters
    ----------
    counts, score, by, rating_scale
        As in `standing`; not the highest score, which always beats half of its equals.
    lowest : float
        A standing of so much or less is low.

    Returns
    -------
    pandas.DataFrame
        One row a group: the `shift` in standard deviations of the answers (negative if the score
        stands that low already) and `above`, the share of answers above the score after it.

    Raises
    ------
    ValueError
        If there is no such score, or it is the highest.

    Examples
    --------
    >>> import nps_research as npsr
    >>> softening(npsr.load_counts("sfo_airport"), 8, by="year").round(2)
          shift  above
    year
    2017   0.32   0.65
    2018   0.46   0.66
    """
    answers = answers_by_group(counts, by, rating_scale)
    place, shares = _place(answers, score), _shares(answers)
    if score == answers.scale.maximum:
        raise ValueError(f"the highest score, {score}, cannot be made low by softer answers.")
    ends = np.full((2, len(shares)), FARTHEST)
    shift = falling_root(
        lambda by: _standing(softened(shares, by[:, None]), place) - lowest, -ends[0], ends[1]
    )
    above = softened(shares, shift[:, None])[:, place + 1 :].sum(axis=1)
    return pd.DataFrame({"shift": shift, "above": above}, index=answers.groups)


def softened(shares: Array, shift: Array | float) -> Array:
    """Return the shares of scores after all answers moved up on a normal latent scale.

    Parameters
    ----------
    shares : numpy.ndarray, shape (..., scores)
        Shares, lowest score first.
    shift : float or numpy.ndarray, shape (..., 1)
        In standard deviations of the answers.

    Returns
    -------
    numpy.ndarray
        Shares, shape of `shares` with that of `shift`.

    Examples
    --------
    >>> softened(np.array([0.5, 0.5]), 1.0).round(3)
    array([0.159, 0.841])
    """
    below = np.cumsum(shares, axis=-1)[..., :-1].clip(0.0, 1.0)
    moved = special.ndtr(special.ndtri(below) - shift)
    return np.asarray(np.diff(moved, prepend=0.0, append=1.0))


def _standing(shares: Array, place: int) -> Array:
    return np.asarray(shares[..., :place].sum(axis=-1) + shares[..., place] / 2)


def _shares(answers: Answers) -> Array:
    return np.asarray(answers.effective / answers.n[:, None])


def _place(answers: Answers, score: int) -> int:
    scale = answers.scale
    if score not in scale.scores:
        raise ValueError(
            f"score must be from {scale.minimum} to {scale.maximum}; found {score!r}. Pass "
            "rating_scale= if answers were given on another scale."
        )
    return int(score - scale.minimum)
