"""People who would not recommend because the topic does not come up.

A low score can mean "I am unhappy" or "I would not talk about this". The scores are a mixture of
the two, and scores alone cannot take it apart: any share of silent contentment up to
`largest_share` fits them. A second piece of evidence can: what became of the people, or what they
said about their satisfaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.counts import as_counts, declared_scale, refuse_unknown_columns
from nps_research.dirichlet import JEFFREYS, share_limits
from nps_research.silence.churn_bounds import joint_counts
from nps_research.survey_files import numbers

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import ArrayLike, NDArray

    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]
    type Blocks = Sequence[tuple[int, int]]

DRAWS = 4000
# Scores that are taken together: fewer people a block than this many scores would be noise.
BLOCKS = ((0, 2), (3, 4), (5, 6), (7, 8), (9, 10))


def largest_share(shares: ArrayLike, unmentioned: ArrayLike) -> float:
    """Return the largest share of people for whom the topic does not come up that fits the scores.

    Parameters
    ----------
    shares : array_like, shape (scores,)
        Of all scores.
    unmentioned : array_like, shape (scores,)
        How people score for whom the topic does not come up.

    Returns
    -------
    float
        Every share from 0 to this one gives the same scores, with other scores of the rest: the
        smallest ratio of the two.

    Raises
    ------
    ValueError
        If shares are negative or do not sum up to 1.

    Examples
    --------
    >>> largest_share([0.3, 0.2, 0.5], [0.5, 0.3, 0.2])
    0.6
    """
    p, q = np.asarray(shares, dtype=float), np.asarray(unmentioned, dtype=float)
    for name, each in (("shares", p), ("unmentioned", q)):
        if (each < 0).any() or not np.isclose(each.sum(), 1):
            raise ValueError(f"{name} must be 0 or more and sum up to 1; found {each.tolist()}.")
    return float((p[q > 0] / q[q > 0]).min())


def unmentioned_bounds(
    counts: pd.DataFrame,
    *,
    churned: str = "churned",
    blocks: Blocks = BLOCKS,
    largest_churn: float = 1.0,
    level: float = 0.9,
    draws: int = DRAWS,
    random_seed: int | None = None,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Bound how many people of every score are content and would not talk about it, by their churn.

    Two assumptions: people for whom the topic does not come up leave as often as those of the
    highest block, whatever their score; and among the others, churn does not rise with the score.

    Parameters
    ----------
    counts : pandas.DataFrame
        Columns `score`, `churned` (0 or 1) and `n`. People without a score are left out.
    churned : str
        Name of the column that says who left.
    blocks : sequence of pairs of int
        First and last score of each block, lowest block first.
    largest_churn : float
        Assumption: nobody for whom the topic comes up leaves more often than this.
    level : float
        Mass of the limits.
    draws : int
        Number of posterior draws.
    random_seed : int, optional
        Makes the draws repeatable.
    rating_scale : RatingScale, optional
        By default that of the table, else 0 to 10.

    Returns
    -------
    pandas.DataFrame
        One row a block but the highest: `churn`, `n`, the share of content people `lower` and
        `upper` (posterior medians of the bounds), `lower_limit` and `upper_limit` (that hold both
        with the stated probability), and `dip`, the posterior probability that the block leaves
        less often than a higher one: without that the lower bound is 0.

    Raises
    ------
    ValueError
        If blocks overlap or are empty of people, or a table is not usable.

    Notes
    -----
    A block with churn h is a mixture of content people with churn h0 and others with s >= h:
    the content share is (s - h) / (s - h0), which grows with s. At least s is the largest churn of
    the block and those above it, at most `largest_churn`. The churn of every block has Jeffreys'
    prior. The largest of several uncertain numbers is overestimated: use few blocks.

    Examples
    --------
    >>> stayed = pd.DataFrame({"score": [1, 4, 6, 8, 9], "n": [88, 70, 85, 180, 490]})
    >>> left = stayed.assign(n=[12, 30, 15, 20, 10])
    >>> counts = pd.concat([stayed.assign(churned=0), left.assign(churned=1)])
    >>> unmentioned_bounds(counts, random_seed=1)[["churn", "lower", "upper", "dip"]].round(2)
            churn  lower  upper   dip
    scores
    0-2      0.12   0.64   0.90  1.00
    3-4      0.30   0.00   0.71  0.01
    5-6      0.15   0.00   0.87  0.11
    7-8      0.10   0.00   0.92  0.00
    """
    scale = declared_scale(counts, rating_scale)
    answered, _ = joint_counts(counts, churned, scale)
    both = _in_blocks(answered, blocks, scale)
    generator = np.random.default_rng(random_seed)
    stayed, left = both.T + JEFFREYS
    churn = generator.beta(left, stayed, (draws, len(both)))
    least = np.maximum.accumulate(churn[:, ::-1], axis=1)[:, ::-1]
    content = churn[:, [-1]]
    lower = _content_share(least, churn, content)[:, :-1]
    upper = _content_share(np.maximum(least, largest_churn), churn, content)[:, :-1]
    tail = (1 - level) / 2
    table = pd.DataFrame(
        {
            "churn": both[:-1, 1] / both[:-1].sum(axis=1),
            "n": both[:-1].sum(axis=1).astype(np.int64),
            "lower": np.median(lower, axis=0),
            "upper": np.median(upper, axis=0),
            "lower_limit": np.quantile(lower, tail, axis=0),
            "upper_limit": np.quantile(upper, 1 - tail, axis=0),
            "dip": (churn < least).mean(axis=0)[:-1],
        },
        index=pd.Index([_label(block) for block in list(blocks)[:-1]], name="scores"),
    )
    table.attrs["interval"] = f"{100 * level:g} % credible limits of both bounds"
    return table


def satisfied_by_class(
    counts: pd.DataFrame,
    *,
    item: str = "rating",
    satisfied: Collection[int] = (4, 5),
    level: float = 0.95,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Tell how many detractors, passives and promoters say that they are satisfied.

    A satisfied detractor is no proof of a topic that does not come up, but an unsatisfied one is
    none: the share of satisfied detractors is a ceiling.

    Parameters
    ----------
    counts : pandas.DataFrame
        Columns `score`, the item, and `n`.
    item : str
        Column with the rating of satisfaction.
    satisfied : collection of int
        Ratings that count as satisfied.
    level : float
        Mass of the intervals.
    rating_scale : RatingScale, optional
        By default that of the table, else 0 to 10.

    Returns
    -------
    pandas.DataFrame
        One row a class: `share`, `lower`, `upper`, `satisfied` and `n`, people with both answers.

    Examples
    --------
    >>> import nps_research as npsr
    >>> items = npsr.load_counts("sfo_items")
    >>> satisfied_by_class(items[items["item"] == "overall"])["share"].round(2).to_dict()
    {'detractors': 0.38, 'passives': 0.76, 'promoters': 0.96}
    """
    scale = declared_scale(counts, rating_scale)
    refuse_unknown_columns([item], counts.columns)
    table = as_counts(counts, scale).dropna(subset=["score", item])
    group = scale.groups[table["score"].to_numpy(dtype=int) - scale.minimum]
    yes = numbers(table[item]).isin(list(satisfied)).to_numpy()
    n = table["n"].groupby(group).sum()
    content = table["n"].where(yes, 0).groupby(group).sum()
    lower, upper = share_limits(content, n - content, level)
    columns = {"share": content / n, "lower": lower, "upper": upper, "satisfied": content}
    result = pd.DataFrame(columns | {"n": n}).rename_axis("class")
    result.attrs["interval"] = f"{100 * level:g} % equal-tailed credible interval, Beta(1/2, 1/2)"
    return result


def _in_blocks(answered: Array, blocks: Blocks, scale: RatingScale) -> Array:
    """Add up who stayed and left in every block."""
    edges = np.array([end for block in blocks for end in block])
    if len(blocks) < 2 or (np.diff(edges)[1::2] <= 0).any() or (np.diff(edges)[::2] < 0).any():
        raise ValueError(f"blocks must be two or more, ascending and apart; found {blocks!r}.")
    both = np.array(
        [
            answered[low - scale.minimum : high - scale.minimum + 1].sum(axis=0)
            for low, high in blocks
        ]
    )
    empty = both.sum(axis=1) == 0
    if empty.any():
        raise ValueError(
            f"nobody scored in the block {_label(blocks[int(empty.argmax())])}: merge it with a "
            "neighbour, as blocks=((0, 4), ...)."
        )
    return both


def _content_share(others: Array, churn: Array, content: Array) -> Array:
    """Return the share of content people if the others of the block leave as often as stated."""
    gap = others - content
    share = np.divide(others - churn, gap, out=np.zeros_like(gap), where=gap > 0)
    return share.clip(0.0, 1.0)


def _label(block: tuple[int, int]) -> str:
    return f"{block[0]}-{block[1]}" if block[0] < block[1] else str(block[0])
