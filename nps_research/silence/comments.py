"""Who comments: what is lost by reading only the answers that come with words.

Every scorer gives a score; some leave a comment too. Whoever reads only comments reads a sample
chosen by its writers. The scores say how it was chosen as far as the score goes, and weights by
score repair that part. The rest can be bounded only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.intervals import normal_quantile
from nps_research.scale import RatingScale
from nps_research.silence.nonresponse import logistic_rates, selection_bias

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    type Array = NDArray[np.float64]


def comment_rates(
    shares: ArrayLike,
    overall: float,
    *,
    slope: float = 0.0,
    strength: float = 0.0,
    rating_scale: RatingScale | None = None,
) -> Array:
    """Return the probability to comment by score, for a given share of scorers who comment.

    Parameters
    ----------
    shares : array_like, shape (scores,)
        Of the scores, lowest first.
    overall : float
        Share of scorers who comment, between 0 and 1.
    slope : float
        Log odds of commenting that each score point adds; negative: unhappy people write.
    strength : float
        Log odds that each point of distance from the middle of the scale adds.
    rating_scale : RatingScale, optional
        0 to 10 by default.

    Returns
    -------
    numpy.ndarray, shape (scores,)

    Raises
    ------
    ValueError
        If `overall` is not between 0 and 1.

    Examples
    --------
    >>> comment_rates(np.full(11, 1 / 11), 0.65, slope=-0.2)[[0, 5, 10]].round(2)
    array([0.84, 0.66, 0.42])
    """
    scale = rating_scale or RatingScale()
    p = np.asarray(shares, dtype=float)
    if not 0 < overall < 1:
        raise ValueError(f"overall must be between 0 and 1; found {overall!r}. Pass 0.65 for 65 %.")
    middle = scale.scores - (scale.minimum + scale.maximum) / 2
    odds = slope * middle + strength * np.abs(middle)
    return logistic_rates(odds, p, overall)


def commenters(
    shares: ArrayLike, rates: ArrayLike, *, rating_scale: RatingScale | None = None
) -> pd.Series:
    """Compare those who comment with all who score.

    Parameters
    ----------
    shares : array_like, shape (scores,)
        Of the scores of all, lowest first.
    rates : array_like, shape (scores,)
        Probability to comment by score.
    rating_scale : RatingScale, optional
        0 to 10 by default.

    Returns
    -------
    pandas.Series
        `all` and `commenting` (NPS), `bias`, the `rate` of comments; `wider`, by how much the
        standard error of the NPS grows if only scores with comments are counted; and
        `detractors_unread`, the share of detractors who leave no comment.

    Examples
    --------
    >>> shares = np.full(11, 1 / 11)
    >>> commenters(shares, comment_rates(shares, 0.65, slope=-0.2)).round(2).to_dict()
    {'all': -45.45, 'commenting': -59.89, 'bias': -14.44, 'rate': 0.65, 'wider': 1.11,
     'detractors_unread': 0.26}
    """
    scale = rating_scale or RatingScale()
    p, written = np.asarray(shares, dtype=float), np.asarray(rates, dtype=float)
    found = selection_bias(p, written, rating_scale=scale)
    rate, values = found["response_rate"], 100 * scale.nps_values
    read = p * written / rate
    spread = [each @ values**2 - (each @ values) ** 2 for each in (p, read)]
    low = scale.nps_values < 0
    unread = 1 - (p[low] @ written[low]) / p[low].sum() if p[low].sum() > 0 else np.nan
    row = {"all": found["everybody"], "commenting": found["answering"], "bias": found["bias"]}
    row |= {"rate": rate, "wider": float(np.sqrt(spread[1] / rate / spread[0]))}
    return pd.Series(row | {"detractors_unread": float(unread)})


def topic_share(table: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Estimate how many of all scorers have a topic on their mind, from those who write.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a score: `n` scorers, of whom `commented` left a comment, of whom `topic` named the
        topic.
    level : float
        Confidence level.

    Returns
    -------
    pandas.DataFrame
        Rows `comments only` (share among comments), `weighted by score` (those of a score who
        write stand for those of it who do not) and `bounds` (nothing assumed of the others:
        `share` is missing). Columns `share`, `se`, `lower`, `upper`.

    Raises
    ------
    ValueError
        If counts do not fit into each other, with the row, or a score has scorers but no comments.

    Examples
    --------
    >>> table = pd.DataFrame({"n": [200, 800], "commented": [180, 400], "topic": [90, 20]})
    >>> topic_share(table)[["share", "lower", "upper"]].round(3)
                       share  lower  upper
    comments only       0.19  0.158  0.222
    weighted by score   0.14  0.115  0.165
    bounds               NaN  0.110  0.530
    """
    n, commented, topic = (_column(table, name) for name in ("n", "commented", "topic"))
    _check_nested(n, commented, topic)
    total = commented.sum()
    pooled = topic.sum() / total
    known = commented > 0
    share, weight = topic[known] / commented[known], n[known] / n.sum()
    variance = weight**2 * share * (1 - share) / commented[known]
    between = weight @ (share - weight @ share) ** 2 / n.sum()
    rows = [
        (pooled, np.sqrt(pooled * (1 - pooled) / total)),
        (weight @ share, np.sqrt(variance.sum() + between)),
    ]
    columns = {"share": [row[0] for row in rows], "se": [row[1] for row in rows]}
    result = pd.DataFrame(columns, index=["comments only", "weighted by score"])
    margin = normal_quantile(level) * result["se"]
    result["lower"], result["upper"] = result["share"] - margin, result["share"] + margin
    ends = [topic.sum() / n.sum(), (topic.sum() + n.sum() - total) / n.sum()]
    result.loc["bounds"] = [np.nan, np.nan, *ends]
    result.attrs["interval"] = f"{100 * level:g} % confidence interval, Wald; bounds: of the sample"
    return result


def _column(table: pd.DataFrame, name: str) -> Array:
    if name not in table:
        raise ValueError(f"the table needs the columns n, commented and topic; {name!r} not found.")
    return table[name].to_numpy(dtype=float)


def _check_nested(n: Array, commented: Array, topic: Array) -> None:
    wrong = ~((topic >= 0) & (topic <= commented) & (commented <= n))
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"of n scorers some comment, and of these some name the topic; found n={n[row]:g}, "
            f"commented={commented[row]:g}, topic={topic[row]:g} at row {row}."
        )
    mute = (n > 0) & (commented == 0)
    if mute.any():
        row = int(mute.argmax())
        raise ValueError(
            f"nobody of the {n[row]:g} scorers at row {row} commented: nobody can stand for them. "
            "Merge the row with a neighbouring score."
        )
