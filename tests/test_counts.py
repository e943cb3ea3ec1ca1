"""Count tables: what is accepted, what is refused, and tabulation against counting by hand."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from nps_research.counts import as_counts, tabulate
from nps_research.scale import RatingScale

ANSWERS = pd.DataFrame(
    {
        "year": [2017, 2017, 2018, 2018, 2018, 2018],
        "mode": ["self", None, "self", "self", None, "self"],
        "score": [9, 3, 7, 7, None, None],
        "w": [1.0, 0.5, 2.0, 1.0, 3.0, 0.0],
    }
)


def _n_by_hand(table: pd.DataFrame, by: list[str]) -> dict[tuple[object, ...], int]:
    cells = table[by].astype(object).where(table[by].notna(), None)
    keys = list(cells.itertuples(index=False, name=None))
    return {key: keys.count(key) for key in keys}


@pytest.mark.parametrize(
    "scores",
    [
        [7, 10, None],
        [7.0, 10.0, np.nan],
        ["7", " 10 ", None],
        pd.array([7, 10, pd.NA], dtype="Int64"),
        pd.Categorical([7, 10, None], ordered=True),
        pd.Categorical(["7", "10", None], ordered=True),
    ],
)
def test_scores_are_read_however_they_are_stored(scores):
    counts = as_counts(pd.DataFrame({"score": scores}))
    assert counts["score"].dtype == "Int64"
    assert counts["score"].tolist()[:2] == [7, 10]
    assert counts["score"].isna().tolist() == [False, False, True]
    assert counts["n"].tolist() == [1, 1, 1]


def test_as_counts_copies_and_keeps_the_other_columns():
    table = pd.DataFrame({"team": ["a", "b"], "score": [9, 1], "n": [2.0, 3.0]}, index=[5, 6])
    table.attrs["title"] = "kept"
    counts = as_counts(table, by=["team"])
    counts.loc[0, "n"] = 99
    assert counts.index.tolist() == [0, 1]
    assert counts.attrs == {"title": "kept"}
    assert counts["n"].dtype == np.int64
    assert table["n"].tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"scores": [1]}, "unknown column 'score'; did you mean 'scores'?"),
        ({"score": []}, "no rows"),
        ({"score": [1, 11, 12]}, "from 0 to 10; found 2 that are not, first 11 at row 1"),
        ({"score": [2.5, 1]}, "found 1 that are not, first 2.5 at row 0"),
        ({"score": [1, "ten"]}, "first 'ten' at row 1"),
        ({"score": [1, ""]}, "first '' at row 1"),
        ({"score": [True, False]}, "found 2 that are not, first True at row 0"),
        ({"score": [1, np.inf]}, "first inf at row 1"),
        ({"score": [1], "n": [-1]}, "n must be a whole number of people.*first -1 at row 0"),
        ({"score": [1], "n": [0.5]}, "first 0.5 at row 0"),
        ({"score": [1], "n": [None]}, "first a missing value at row 0"),
        ({"score": [1], "weight": [-2.0]}, "weight must be a finite number.*first -2 at row 0"),
        ({"score": [1], "weight_squared": [np.inf]}, "weight_squared must be a finite number"),
        ({"score": [None, 3], "n": [4, 0]}, "nobody answered: all 2 rows"),
    ],
)
def test_bad_tables_are_refused_with_place_and_value(columns, message):
    with pytest.raises(ValueError, match=message):
        as_counts(pd.DataFrame(columns))


def test_unknown_predictor_and_repeated_names_are_refused():
    with pytest.raises(ValueError, match=r"'yaer'; did you mean 'year'\? Known: year, mode, sc"):
        as_counts(ANSWERS, by=["yaer"])
    with pytest.raises(ValueError, match="found 'w' more than once"):
        as_counts(ANSWERS.rename(columns={"mode": "w"}))


def test_the_declared_scale_decides():
    table = pd.DataFrame({"score": [0, 5]})
    with pytest.raises(ValueError, match="from 1 to 5; found 1 that are not, first 0 at row 0"):
        as_counts(table, RatingScale(1, 5))


@pytest.mark.parametrize("engine", [pd.DataFrame, pa.Table.from_pandas])
@pytest.mark.parametrize("by", [[], ["year"], ["mode"], ["year", "mode"]])
def test_tabulate_counts_like_a_person(engine, by):
    counts = tabulate(engine(ANSWERS), by)
    labels = counts[[*by, "score"]].astype(object).where(counts[[*by, "score"]].notna(), None)
    cells = zip(labels.itertuples(index=False, name=None), counts["n"], strict=True)
    assert dict(cells) == _n_by_hand(ANSWERS, [*by, "score"])
    assert counts["n"].sum() == len(ANSWERS)
    assert counts.columns.tolist() == [*by, "score", "n"]


@pytest.mark.parametrize("engine", [pd.DataFrame, pa.Table.from_pandas])
def test_tabulate_sums_weights_and_sorts(engine):
    counts = tabulate(engine(ANSWERS), "year", weight="w")
    assert counts.to_numpy(dtype=float, na_value=-1).tolist() == [
        [2017, 3, 1, 0.5, 0.25],
        [2017, 9, 1, 1, 1],
        [2018, 7, 2, 3, 5],
        [2018, -1, 2, 3, 9],
    ]
    assert counts.columns.tolist() == ["year", "score", "n", "weight", "weight_squared"]


def test_tabulate_reads_scores_stored_as_text_under_another_name():
    counts = tabulate(pd.DataFrame({"ltr": ["10", "9", "10", None]}), score="ltr")
    assert counts["score"].tolist()[:2] == [9, 10]
    assert counts["n"].tolist() == [1, 2, 1]


@pytest.mark.parametrize("engine", [pd.DataFrame, pa.Table.from_pandas])
@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({}, {"by": "yaer"}, "unknown column 'yaer'; did you mean 'year'"),
        ({}, {"by": ["year", "score"]}, "holds 'score', which names a column of the result"),
        ({}, {"score": "scores"}, "unknown column 'scores'; did you mean 'score'"),
        ({}, {"weight": "v"}, "unknown column 'v'"),
        ({"n": 1}, {"by": "year"}, "is a count table already"),
        ({"score": [1, 2, 3, 4.5, 5, 6]}, {}, "whole numbers; found 1 that are not, first 4.5"),
        ({"w": [1, -1, np.inf, None, 1, 1]}, {"weight": "w"}, "found 3 that are not"),
    ],
)
def test_tabulate_refuses(engine, change, arguments, message):
    with pytest.raises(ValueError, match=message):
        tabulate(engine(ANSWERS.assign(**change)), **arguments)
