"""The count table: one row per combination of predictors and score, and how many gave it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pandas as pd

from nps_research.scale import RatingScale
from nps_research.survey import Survey
from nps_research.survey_files import numbers, refuse_rows, unknown_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from narwhals.typing import IntoFrame
    from numpy.typing import ArrayLike, NDArray

WEIGHT_COLUMNS = ("weight", "weight_squared")
RESULT_COLUMNS = ("score", "n", *WEIGHT_COLUMNS)

RECODE = "Recode them, or make them missing (pd.NA) if they mark no answer."
INTERVAL = re.compile(r"\s*(\d+)\s*(?:-|–|or|to)\s*(\d+)\s*")


def as_counts(
    table: pd.DataFrame,
    rating_scale: RatingScale = RatingScale(),  # noqa: B008  (frozen: safe to share)
    *,
    by: Sequence[str] = (),
) -> pd.DataFrame:
    """Check a count table and return a copy in standard form.

    Parameters
    ----------
    table : pandas.DataFrame
        Column `score`, missing where nobody answered; `n`, the number of people in the row (a
        table without it is one row an answer); optionally `weight` and `weight_squared`, the
        sums of survey weights and of their squares; optionally `score_upper`, where an answer
        is only known to lie from `score` to there (missing where it is exact); any number of
        predictors. Scores are numbers, text that holds numbers, or an ordered categorical with
        as many labels as the scale has scores, lowest first.
    rating_scale : RatingScale
        Scores that may occur.
    by : sequence of str
        Columns that the table must have.

    Returns
    -------
    pandas.DataFrame
        The same rows and columns with a fresh index, `score` and `score_upper` as Int64, `n` as
        int64.

    Raises
    ------
    ValueError
        If a column is missing or named twice, if a score, size or weight is impossible, or if
        nobody answered. Rows are counted from 0.

    Examples
    --------
    >>> as_counts(pd.DataFrame({"score": ["9", None], "n": [3, 1]}))
       score  n
    0      9  3
    1   <NA>  1
    """
    _check_columns(table, ("score", *by))
    counts = table.reset_index(drop=True)
    counts["score"] = _scores(counts["score"], rating_scale)
    if "score_upper" in counts:
        counts["score_upper"] = _scores(counts["score_upper"], rating_scale)
        _check_intervals(counts)
    counts["n"] = _sizes(counts)
    for name in set(WEIGHT_COLUMNS) & set(counts.columns):
        counts[name] = _weights(counts[name])
    _check_somebody_answered(counts)
    return counts


def as_people(table: pd.DataFrame, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Check a table of people whose scores are to be predicted, and return a copy.

    Parameters
    ----------
    table : pandas.DataFrame
        Predictors and, optionally, `n`, the number of people in the row (by default 1).
    by : sequence of str
        Columns that the table must have.

    Returns
    -------
    pandas.DataFrame
        The same rows with a fresh index and `n` as int64, without columns for scores.

    Raises
    ------
    ValueError
        If a column is missing or named twice, or if a size is impossible or all are 0.

    Examples
    --------
    >>> as_people(pd.DataFrame({"year": [2025, 2026]}), by=["year"])
       year  n
    0  2025  1
    1  2026  1
    """
    _check_columns(table, by)
    people = table.reset_index(drop=True).drop(columns=["score", "score_upper"], errors="ignore")
    people["n"] = _sizes(people)
    if people["n"].sum() == 0:
        raise ValueError(f"the table has no people: all {len(people)} rows have n = 0.")
    return people


def intervals(counts: pd.DataFrame) -> pd.Series:
    """Tell which rows of a count table in standard form hold answers between two scores.

    Examples
    --------
    >>> table = pd.DataFrame({"score": [7, 7], "score_upper": [8, None], "n": [1, 1]})
    >>> intervals(as_counts(table)).tolist()
    [True, False]
    """
    if "score_upper" not in counts:
        return pd.Series(data=False, index=counts.index)
    wide = counts["score_upper"] > counts["score"]
    return wide.fillna(value=False).astype(bool)


def declared_scale(counts: pd.DataFrame, rating_scale: RatingScale | None = None) -> RatingScale:
    """Return `rating_scale`, else the one that the table carries in its attrs, else 0 to 10.

    Examples
    --------
    >>> declared_scale(pd.DataFrame())
    RatingScale(0-10: detractors 0-6, passives 7-8, promoters 9-10)
    """
    declared: RatingScale = rating_scale or counts.attrs.get("rating_scale") or RatingScale()
    return declared


def listed(by: str | Sequence[str] | None) -> list[str]:
    """Return the columns of `by` as a list.

    Examples
    --------
    >>> listed("year"), listed(None)
    (['year'], [])
    """
    return [by] if isinstance(by, str) else list(by or ())


def refuse_unknown_columns(names: Iterable[str], held: Collection[str]) -> None:
    """Refuse names of columns that are not among those that a table has."""
    for name in names:
        if name not in held:
            raise ValueError(unknown_name("column", name, held))


def group_rows(
    table: pd.DataFrame, by: str | Sequence[str] | None
) -> tuple[pd.Index, NDArray[np.int64]]:
    """Return the groups of `by` in ascending order, and the position of the group of every row.

    A missing value is a group of its own. Without `by` there is one group, "all".

    Examples
    --------
    >>> group_rows(pd.DataFrame({"year": [2018, 2017, 2018]}), "year")
    (Index([2017, 2018], dtype='int64', name='year'), array([1, 0, 1]))
    """
    columns = listed(by)
    if not columns:
        return pd.Index(["all"]), np.zeros(len(table), dtype=np.int64)
    grouped = table.groupby(columns, observed=True, dropna=False)
    return grouped.size().index, np.asarray(grouped.ngroup(), dtype=np.int64)


def cross_tabulate(
    rows: NDArray[np.int64], columns: NDArray[np.int64], n: ArrayLike, shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Add up `n` by row and column position.

    Examples
    --------
    >>> cross_tabulate(np.array([0, 1, 1]), np.array([2, 0, 0]), [5, 7, 9], (2, 3))
    array([[ 0.,  0.,  5.],
           [16.,  0.,  0.]])
    """
    table = np.zeros(shape)
    np.add.at(table, (rows, columns), np.asarray(n))
    return table


def _check_columns(table: pd.DataFrame, needed: Sequence[str]) -> None:
    refuse_unknown_columns(needed, table.columns)
    repeated = table.columns[table.columns.duplicated()]
    if len(repeated):
        raise ValueError(
            f"a count table needs distinct column names; found {repeated[0]!r} more than once. "
            "Rename or drop one."
        )
    if len(table) == 0:
        raise ValueError("the count table has no rows. Pass one row per predictors and score.")


def _scores(cells: pd.Series, rating_scale: RatingScale) -> pd.Series:
    rule = f"{cells.name} must be a whole number"
    if cells.name == "score":
        rule = "scores must be whole numbers"
    rule += f" from {rating_scale.minimum} to {rating_scale.maximum}"
    values = _ranks(cells, rating_scale) if _has_ordered_labels(cells) else numbers(cells)
    wrong = cells.notna() & ~values.isin(rating_scale.scores)
    _refuse(cells, wrong, rule, _advice(cells, wrong))
    return values.astype("Int64")


def _has_ordered_labels(cells: pd.Series) -> bool:
    """Tell whether the scores are levels in a declared order, some of which are no numbers."""
    if not isinstance(cells.dtype, pd.CategoricalDtype) or not cells.cat.ordered:
        return False
    return bool(numbers(cells.cat.categories.to_series()).isna().any())


def _ranks(cells: pd.Series, rating_scale: RatingScale) -> pd.Series:
    labels, scores = cells.cat.categories, rating_scale.scores
    said = numbers(labels.to_series()).to_numpy()
    if len(labels) != len(scores) or not np.all(np.isnan(said) | (said == scores)):
        raise ValueError(
            f"{cells.name} has {len(labels)} ordered labels, {labels[0]!r} to {labels[-1]!r}, "
            f"which do not match the {len(scores)} scores from {scores[0]} to {scores[-1]} one by "
            "one. Declare all labels of the scale in order, make those missing (pd.NA) that mark "
            "no answer, or pass the rating_scale that was asked."
        )
    codes = cells.cat.codes.astype(float)
    return codes.where(codes >= 0) + rating_scale.minimum


def _advice(cells: pd.Series, wrong: pd.Series) -> str:
    found = INTERVAL.fullmatch(str(cells.iloc[int(wrong.argmax())]))
    if found is None:
        return RECODE
    return (
        f"An answer that is only known to lie between two scores has score {found[1]} and "
        f"score_upper {found[2]}, in a column score_upper that is missing where the score is exact."
    )


def _check_intervals(counts: pd.DataFrame) -> None:
    lower, upper = counts["score"], counts["score_upper"]
    wrong = upper.notna() & (lower.isna() | (upper < lower).fillna(value=False))
    rule = "score_upper must be the score or above it, in a row that has a score"
    _refuse(upper, wrong, rule, "Give the lowest possible score as score, the highest here.")


def _sizes(table: pd.DataFrame) -> pd.Series:
    if "n" not in table:
        return pd.Series(np.int64(1), table.index)
    cells, values = table["n"], numbers(table["n"])
    wrong = ~((values >= 0) & (values % 1 == 0))
    fix = "Survey weights belong in column 'weight', not in 'n'."
    _refuse(cells, wrong, "n must be a whole number of people, 0 or more", fix)
    return values.astype(np.int64)


def _weights(cells: pd.Series) -> pd.Series:
    values = numbers(cells)
    wrong = ~((values >= 0) & np.isfinite(values))
    fix = "Drop the column, or give the sum over the row's answers."
    _refuse(cells, wrong, f"{cells.name} must be a finite number, 0 or more", fix)
    return values


def _refuse(cells: pd.Series, wrong: pd.Series, rule: str, fix: str) -> None:
    refuse_rows(cells.reset_index(drop=True), wrong, rule, fix, verb="are")


def _check_somebody_answered(counts: pd.DataFrame) -> None:
    if counts.loc[counts["score"].notna(), "n"].sum() == 0:
        raise ValueError(
            f"nobody answered: all {len(counts)} rows have a missing score or n = 0. Check the "
            "codes that were declared missing."
        )


def tabulate(
    survey: Survey | IntoFrame,
    by: str | Sequence[str] | None = None,
    *,
    score: str = "score",
    weight: str | None = None,
) -> pd.DataFrame:
    """Count the answers in each combination of predictors and score.

    The table stays where it is: engines that work lazily group and count by themselves, and only
    the counts are collected. Rows without an answer and predictors without a value are counted
    as groups of their own, so that `n` sums to the number of rows.

    Parameters
    ----------
    survey : Survey or table
        A survey, or a table of pandas, Polars, PyArrow, DuckDB, Dask, PySpark or any other
        engine that narwhals supports, one row a person.
    by : str or sequence of str, optional
        Predictors.
    score : str
        Column of the table with the answers.
    weight : str, optional
        Column with survey weights; that of the survey when it has one.

    Returns
    -------
    pandas.DataFrame
        Predictors, `score` (Int64), `n` (int64) and, with weights, `weight` and
        `weight_squared`, their sum and the sum of their squares; sorted. A survey's rating scale
        is in its `attrs`.

    Raises
    ------
    ValueError
        If a column is unknown or its name is taken by a column of the result, if a score is no
        whole number, or if a weight is missing, negative or infinite.

    Examples
    --------
    >>> answers = pd.DataFrame({"year": [2024, 2025, 2025, 2025], "score": [9, 7, 7, None]})
    >>> tabulate(answers, by="year")
       year  score  n
    0  2024      9  1
    1  2025      7  2
    2  2025   <NA>  1
    """
    frame, weight = _source(survey, weight)
    by = listed(by)
    _check_names(frame.collect_schema().names(), by, score, weight)
    counts = _grouped(frame, by, score, weight).collect(backend="pandas").to_native()
    counts = _in_order(counts, by, weighted=weight is not None)
    if isinstance(survey, Survey):
        counts.attrs["rating_scale"] = survey.rating_scale
    return counts


def random_split(
    counts: pd.DataFrame, labels: Sequence[str] = ("a", "b"), *, random_seed: int | None = None
) -> pd.DataFrame:
    """Assign every answer to a group by lot: a contrast that is known to be nothing.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table. Weights are left out, since those of single answers are not known.
    labels : sequence of str
        Names of the groups, all equally likely.
    random_seed : int, optional
        Makes the lots repeatable.

    Returns
    -------
    pandas.DataFrame
        The count table with a column `lot`, and the same answers in total.

    Examples
    --------
    >>> table = pd.DataFrame({"score": [9, 3], "n": [400, 100]})
    >>> random_split(table, random_seed=1)["n"].tolist()
    [197, 45, 203, 55]
    """
    generator = np.random.default_rng(random_seed)
    sizes = generator.multinomial(counts["n"], np.full(len(labels), 1 / len(labels)))
    plain = counts.drop(columns=list(WEIGHT_COLUMNS), errors="ignore")
    parts = [plain.assign(n=sizes[:, i], lot=label) for i, label in enumerate(labels)]
    split = pd.concat(parts, ignore_index=True)
    return split[split["n"] > 0].reset_index(drop=True)


def _source(survey: Survey | IntoFrame, weight: str | None) -> tuple[nw.LazyFrame[Any], str | None]:
    if not isinstance(survey, Survey):
        return nw.from_native(survey).lazy(), weight
    if weight is None and "weight" in survey.frame:
        weight = "weight"
    return nw.from_native(survey.frame).lazy(), weight


def _check_names(held: list[str], by: list[str], score: str, weight: str | None) -> None:
    refuse_unknown_columns((score, *by, *([weight] if weight else [])), held)
    taken = {score, *RESULT_COLUMNS}.intersection(by)
    if taken:
        raise ValueError(
            f"by={by} holds {min(taken)!r}, which names a column of the result. Rename it first."
        )
    if {"score", "n"} <= set(held):
        raise ValueError(
            "the table has columns 'score' and 'n', so it is a count table already. Sum its n, as "
            f"in counts.groupby({[*by, 'score']}, dropna=False)['n'].sum().reset_index(), or drop "
            "'n' if it is something else."
        )


def _grouped(
    frame: nw.LazyFrame[Any], by: list[str], score: str, weight: str | None
) -> nw.LazyFrame[Any]:
    # One aggregate of one column each: the form that every engine does without leaving its own.
    keys = [*(nw.col(name) for name in by), nw.col(score).alias("score")]
    sums = [nw.len().alias("n")]
    if weight is None:
        return frame.select(*keys).group_by(*by, "score").agg(*sums)
    value = nw.col(weight).cast(nw.Float64)
    usable = ((value >= 0) & value.is_finite()).cast(nw.Int64)
    keys += [value.alias("weight"), (value**2).alias("weight_squared"), usable.alias("usable")]
    sums += [nw.col(name).sum() for name in (*WEIGHT_COLUMNS, "usable")]
    return frame.select(*keys).group_by(*by, "score").agg(*sums)


def _in_order(counts: pd.DataFrame, by: list[str], *, weighted: bool) -> pd.DataFrame:
    if weighted:
        _check_usable(counts)
    scores = counts["score"]
    fractional = scores.notna() & (numbers(scores) % 1 != 0)
    _refuse(scores, fractional, "scores must be whole numbers", RECODE)
    counts["score"] = numbers(scores).astype("Int64")
    keys, sums = [*by, "score"], ["n", *(WEIGHT_COLUMNS if weighted else ())]
    # Engines tell apart what is one score: "07" and "7", NaN and null.
    groups = counts.groupby(keys, observed=True, dropna=False, sort=False)
    counts = groups[sums].sum().reset_index().astype({"n": np.int64})
    return counts.sort_values(keys, ignore_index=True)


def _check_usable(counts: pd.DataFrame) -> None:
    unusable = int((counts["n"] - counts["usable"].fillna(0)).sum())
    if unusable:
        raise ValueError(
            f"weights must be finite numbers, 0 or more; found {unusable} that are not.\n"
            "Correct them; a weight of 0 leaves a row out."
        )
