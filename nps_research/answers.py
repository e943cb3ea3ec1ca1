"""How many answers each group gave to each score: what the metrics see of a count table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nps_research.counts import (
    WEIGHT_COLUMNS,
    as_counts,
    cross_tabulate,
    declared_scale,
    group_rows,
    intervals,
    listed,
    tabulate,
)
from nps_research.survey import Survey

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]
    type Columns = str | Sequence[str] | None


@dataclass(frozen=True)
class Answers:
    """Answers by group and score.

    Attributes
    ----------
    scale : RatingScale
        Possible scores.
    groups : pandas.Index
        Names of the groups, shape (groups,).
    n : numpy.ndarray, shape (groups,)
        Number of answers.
    effective : numpy.ndarray, shape (groups, classes)
        Effective number of answers in each class (each score): without weights the counts.
    weighted : bool
        Whether the effective numbers come from weights.
    unanswered : int
        People without a score.
    """

    scale: RatingScale
    groups: pd.Index
    n: NDArray[np.int64]
    effective: Array
    weighted: bool
    unanswered: int


def count_table(source: pd.DataFrame | Survey, by: Columns = None) -> pd.DataFrame:
    """Return a count table as it is, and a survey tabulated.

    Examples
    --------
    >>> import pandas as pd
    >>> count_table(pd.DataFrame({"score": [9], "n": [3]}))
       score  n
    0      9  3
    """
    return tabulate(source, by) if isinstance(source, Survey) else source


def answers_by_group(
    source: pd.DataFrame | Survey,
    by: Columns = None,
    rating_scale: RatingScale | None = None,
    *,
    weighted: bool = False,
) -> Answers:
    """Add up the answers of a count table or survey by group and score.

    Parameters
    ----------
    source : pandas.DataFrame or Survey
        Count table; a survey is tabulated first.
    by : str or sequence of str, optional
        Columns whose combinations are the groups; one group "all" without it.
    rating_scale : RatingScale, optional
        By default that of the survey, ``attrs["rating_scale"]`` of the count table or, without
        that, 0 to 10.
    weighted : bool
        Use the columns `weight` and `weight_squared`: the effective numbers are the weighted
        shares of Kish's effective number of answers (Kish 1965, "Survey Sampling").

    Returns
    -------
    Answers
        Groups in ascending order.

    Raises
    ------
    ValueError
        If the table or a column is not usable, or an answer is only known to lie between two
        scores.

    Examples
    --------
    >>> import pandas as pd
    >>> from nps_research.scale import RatingScale
    >>> counts = pd.DataFrame({"wave": [1, 1, 2], "score": [1, 3, 3], "n": [5, 7, 9]})
    >>> answers_by_group(counts, "wave", RatingScale(1, 4, 2, 4)).effective
    array([[5., 0., 7., 0.],
           [0., 0., 9., 0.]])
    """
    counts = count_table(source, by)
    scale = declared_scale(counts, rating_scale)
    table = as_counts(counts, scale, by=listed(by))
    refuse_intervals(table)
    groups, group = group_rows(table, by)
    answered = table["score"].notna().to_numpy()
    category = table["score"][answered].to_numpy(dtype=np.int64) - scale.minimum

    def total(column: str) -> Array:
        shape = (len(groups), scale.n_categories)
        return cross_tabulate(group[answered], category, table[column][answered], shape)

    if weighted:
        _check_weights(table)
    n = total("n")
    return Answers(
        scale=scale,
        groups=groups,
        n=n.sum(axis=1).astype(np.int64),
        effective=_effective(*map(total, WEIGHT_COLUMNS)) if weighted else n,
        weighted=weighted,
        unanswered=int(table["n"].sum() - n.sum()),
    )


def refuse_intervals(table: pd.DataFrame) -> None:
    """Refuse answers that lie somewhere between two scores, which no metric can place."""
    wide = intervals(table) & (table["n"] > 0)
    if wide.any():
        row = int(wide.argmax())
        low, high = table["score"].iloc[row], table["score_upper"].iloc[row]
        raise ValueError(
            f"{int(table.loc[wide, 'n'].sum()):,} answers are only known to lie between two scores,"
            f" first {low} to {high} at row {row}. OrdinalModel can use them; to count the others, "
            "leave these rows out."
        )


def _check_weights(table: pd.DataFrame) -> None:
    missing = [name for name in WEIGHT_COLUMNS if name not in table.columns]
    if missing:
        raise ValueError(
            f"weighted=True needs the columns {' and '.join(map(repr, WEIGHT_COLUMNS))}, the sums "
            f"of the survey weights and of their squares; {' and '.join(map(repr, missing))} not "
            "found. Add them (read_survey with weight= and tabulate do), or pass weighted=False."
        )


def _effective(weight: Array, weight_squared: Array) -> Array:
    # Kish: the shares of the weights times sum(w)^2 / sum(w^2).
    total, squares = weight.sum(axis=1), weight_squared.sum(axis=1)
    ratio = np.divide(total, squares, out=np.zeros_like(total), where=squares > 0)
    return weight * ratio[:, None]
