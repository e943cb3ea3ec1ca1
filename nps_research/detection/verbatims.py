"""Scores that are kinder than the comments beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from nps_research.counts import as_counts, declared_scale, group_rows
from nps_research.detection.agent_answers import indicator, treated_agents
from nps_research.detection.honest_change import agent_table
from nps_research.survey_files import numbers, refuse_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]

LEAST_COMMENTS = 5
# A score levels off at both ends of the tone.
DEGREE = 3
OTHERS_WRITE = (
    "Agents also differ in this when other customers comment, when comments are read differently, "
    "or when customers are more polite to them in numbers than in words."
)


def verbatim_gap(
    comments: pd.DataFrame,
    *,
    agent: str = "agent",
    rating_scale: RatingScale | None = None,
    least: int = LEAST_COMMENTS,
) -> pd.DataFrame:
    """Ask whether an agent's scores rose more than the comments beside them.

    Parameters
    ----------
    comments : pandas.DataFrame
        Answers with a comment: columns `agent`, `post`, `score`, `sentiment` (a number, or an
        ordered categorical, higher = happier), `n`, and optionally `treated`.
    agent : str
        Column that names the unit.
    rating_scale : RatingScale, optional
        As in `nps`.
    least : int
        Agents with fewer comments, before or after, are left out.

    Returns
    -------
    pandas.DataFrame
        Indexed by agent: `estimate` (rise of the score beyond what the comments say, in points of
        the scale, less that of honest agents), `se`, `z` and `n` (comments). ``attrs`` as those of
        every detector, and `explained`, the share of the variance of scores before that the
        comments explain: at most their reliability, which decides what a leak takes away
        (`gap_after_leak`).

    Raises
    ------
    ValueError
        If a column is missing or holds something else, or nobody commented before or after.

    Notes
    -----
    The expected score at a sentiment is a cubic curve, fitted to all answers before. The design is
    that of Filippas, Horton and Golden 2022, "Reputation Inflation".

    Examples
    --------
    >>> rows = [(agent, post, 5 + tone, tone, 9) for agent in "ab" for post in (0, 1)
    ...         for tone in (-1, 0, 1)] + [("a", 1, 10, 0, 9)]
    >>> table = pd.DataFrame(rows, columns=["agent", "post", "score", "sentiment", "n"])
    >>> bool(verbatim_gap(table)["z"].idxmax() == "a")
    True
    """
    scale = declared_scale(comments, rating_scale)
    table = as_counts(comments, scale, by=[agent, "post", "sentiment"])
    table = table[table["score"].notna()].reset_index(drop=True)
    read = _comments(table)
    agents, row = group_rows(table, agent)
    change, se, size = _changes(read, row, len(agents), least)
    treated = treated_agents(table, agent)
    found = agent_table(
        "score above comments", agents, change, se, size, treated=treated, innocent=OTHERS_WRITE
    )
    found.attrs["explained"] = read.explained
    return found


def gap_after_leak(shift: float, leak: float, reliability: float) -> float:
    """Return how much of a shift of the score still shows when the comments share in it.

    Parameters
    ----------
    shift : float
        Shift of the score.
    leak : float
        Share of it that the words share, from 0 (they are honest) to 1 (the customer was told what
        to write).
    reliability : float
        Share of the variance of the words' sentiment that is the customer's loyalty, from 0 to 1.

    Returns
    -------
    float
        What is left between score and words, if both are linear in loyalty. A leak makes the words
        promise a part of the shift, and the less they say about loyalty, the less of it.

    Raises
    ------
    ValueError
        If a share is not from 0 to 1.

    Examples
    --------
    >>> gap_after_leak(0.5, 1.0, 0.6), gap_after_leak(0.5, 0.0, 0.6)
    (0.2, 0.5)
    """
    for name, value in (("leak", leak), ("reliability", reliability)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must be a share, from 0 to 1; found {value}.")
    return shift * (1.0 - leak * reliability)


class _Comments(NamedTuple):
    """Comments: period, people, score beyond what the tone lets expect, and how good that is."""

    post: NDArray[np.int64]
    n: Array
    residual: Array
    explained: float


def _comments(table: pd.DataFrame) -> _Comments:
    post = indicator(table, "post").to_numpy()
    n, score = table["n"].to_numpy(dtype=float), table["score"].to_numpy(dtype=float)
    tone = _tones(table["sentiment"])
    _check_periods(n, post)
    before = n * (post == 0)
    residual = score - _expected(tone, score, before)
    centred = score - before @ score / before.sum()
    total = before @ centred**2
    explained = 1.0 - before @ residual**2 / total if total > 0 else 0.0
    return _Comments(post, n, residual, float(explained))


def _changes(
    read: _Comments, row: NDArray[np.int64], agents: int, least: int
) -> tuple[Array, Array, Array]:
    """Return the change of the mean residual of every agent, its error, and the comments."""
    size, total = np.zeros((2, agents)), np.zeros((2, agents))
    np.add.at(size, (read.post, row), read.n)
    np.add.at(total, (read.post, row), read.n * read.residual)
    size_or_none = np.where((size >= least).all(axis=0), size, np.nan)
    weight = [read.n * (read.post == each) for each in (0, 1)]
    noise = np.array([each @ read.residual**2 / each.sum() for each in weight])
    mean = total / size_or_none
    se = np.sqrt((noise[:, None] / size_or_none).sum(axis=0))
    return mean[1] - mean[0], se, size.sum(axis=0)


def _tones(cells: pd.Series) -> Array:
    """Return sentiments as numbers: the order of categories."""
    if isinstance(cells.dtype, pd.CategoricalDtype) and cells.cat.ordered:
        values = cells.cat.codes.astype(float).where(cells.notna())
    else:
        values = numbers(cells)
    fix = "Use a number, or an ordered categorical; leave out answers without a comment."
    refuse_rows(cells, ~np.isfinite(values), "sentiment must have an order", fix)
    return np.asarray(values, dtype=np.float64)


def _check_periods(n: Array, post: NDArray[np.int64]) -> None:
    for period, name in ((0, "before"), (1, "after")):
        if not n[post == period].sum():
            raise ValueError(
                f"no comments {name} scores began to be paid for (post = {period}): what a comment "
                "used to mean is not known, or nothing can be compared with it."
            )


def _expected(tone: Array, score: Array, weight: Array) -> Array:
    """Return the score expected at each sentiment, as it was before.

    Tones that did not occur before are taken as the nearest that did.
    """
    used = weight > 0
    inside = np.clip(tone, tone[used].min(), tone[used].max())
    degree = min(DEGREE, len(np.unique(tone[used])) - 1)
    fitted = np.polynomial.Polynomial.fit(inside[used], score[used], degree, w=weight[used] ** 0.5)
    return np.asarray(fitted(inside))
