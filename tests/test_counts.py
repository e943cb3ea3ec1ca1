"""Count tables: what is accepted, what is refused, and tabulation against counting by hand."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from nps_research.counts import as_counts, as_people, intervals, tabulate
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


LABELS = ["never", "maybe", "surely"]
THREE = RatingScale(1, 3, 1, 3)


@pytest.mark.parametrize("labels", [LABELS, ["never", "2", "surely"]])
def test_ordered_labels_are_scores_in_declared_order(labels):
    cells = pd.Categorical([labels[2], labels[0], None], labels, ordered=True)
    counts = as_counts(pd.DataFrame({"score": cells}), THREE)
    assert counts["score"].dtype == "Int64"
    assert counts["score"].tolist()[:2] == [3, 1]
    assert counts["score"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("labels", "scale"),
    [(LABELS, RatingScale(1, 5)), (["2", "3", "surely"], THREE)],
)
def test_ordered_labels_must_match_the_scale(labels, scale):
    cells = pd.Categorical([labels[-1]], labels, ordered=True)
    with pytest.raises(ValueError, match=r"3 ordered labels.* do not match the . scores from"):
        as_counts(pd.DataFrame({"score": cells}), scale)


def test_labels_without_an_order_are_no_scores():
    with pytest.raises(ValueError, match="found 1 that are not, first 'never' at row 0"):
        as_counts(pd.DataFrame({"score": pd.Categorical(["never"], LABELS)}), THREE)


@pytest.mark.parametrize("upper", [[8, None], ["8", None], pd.array([8, None], dtype="Int64")])
def test_answers_between_two_scores_have_an_upper_one(upper):
    counts = as_counts(pd.DataFrame({"score": [7, 7], "score_upper": upper}))
    assert counts["score_upper"].dtype == "Int64"
    assert counts["score_upper"].tolist()[0] == 8
    assert intervals(counts).tolist() == [True, False]


@pytest.mark.parametrize("text", ["7-8", "7 – 8", "7 or 8", "7 to 8"])
def test_an_interval_written_as_text_is_refused_with_the_way_to_write_it(text):
    with pytest.raises(ValueError, match=r"first '7.*8' at row 1.*\n.*score 7 and score_upper 8"):
        as_counts(pd.DataFrame({"score": ["9", text]}))


def test_predictions_need_no_score():
    people = as_people(pd.DataFrame({"x": [1, 2], "score": [3, None], "n": [2.0, 0.0]}))
    assert people.columns.tolist() == ["x", "n"]
    assert people["n"].tolist() == [2, 0]
    assert people["n"].dtype == np.int64


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
        ({"score": [7], "score_upper": [11]}, "score_upper must be a whole number from 0 to 10"),
        ({"score": [7, 7], "score_upper": [7, 6]}, "the score or above it.*first 6 at row 1"),
        ({"score": [7, None], "score_upper": [8, 8]}, "has a score; .*first 8 at row 1"),
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


@pytest.mark.parametrize(
    "people",
    [
        pd.DataFrame({"score": ["07", "7", " 7.0", None, None], "w": [1.0, 2, 3, 4, 5]}),
        pa.table({"score": ["07", "7", " 7.0", None, None], "w": [1.0, 2, 3, 4, 5]}),
        pa.table({"score": [7.0, 7.0, 7.0, float("nan"), None], "w": [1.0, 2, 3, 4, 5]}),
    ],
)
def test_tabulate_gives_a_score_one_row_however_it_is_written(people):
    counts = tabulate(people, weight="w")
    assert counts.to_numpy(dtype=float, na_value=-1).tolist() == [[7, 3, 6, 14], [-1, 2, 9, 41]]


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
