"""Own surveys: how they are read and grouped, and what the findings say of known tables."""

import nbformat
import numpy as np
import pandas as pd
import pytest

from nps_research.notebook_pages import notebook_page
from nps_research.own_data import editions, leaving, numbers, precision, regression, scores
from nps_research.own_data.editions import EDITIONS
from nps_research.own_data.study import MOST_GROUPS, read_study


@pytest.fixture
def survey(tmp_path):
    """Write rows to a file, and read them as a study."""

    def read(columns, **settings):
        path = tmp_path / "my survey.csv"
        pd.DataFrame(columns).to_csv(path, index=False)
        return read_study(str(path), **({"score": "Q1"} | settings))

    return read


GIVEN = {"Q1": [9, 10, 3, 7, 11, 8, None, 10], "Shop type": [*"AABBABA", None]}


def test_names_become_identifiers_and_gaps_a_group(survey):
    study = survey(GIVEN, by=["Shop type"], missing={11: "declined"})
    assert study.by == ["Shop_type"]
    assert study.groups("Shop_type") == ["A", "B", "unknown"]
    assert study.answers == 6
    assert "1 declined" in repr(study)


def test_numbers_are_groups_in_their_order(survey):
    study = survey({"Q1": [9, 10, 3, 7], "wave": [10, 9, 2.0, 2.0]}, by=["wave"])
    assert study.groups("wave") == ["2", "9", "10"]


def test_small_groups_are_put_together(survey):
    rows = {"Q1": [9] * 42, "city": [f"c{i:02d}" for i in range(20)] * 2 + ["c19"] * 2}
    study = survey(rows, by=["city"])
    assert len(study.groups("city")) == MOST_GROUPS
    assert study.groups("city")[-2:] == ["c19", "other"]
    assert study.of("city", "c19")["n"].sum() == 4
    assert "9 small groups" in repr(study)


def test_columns_of_the_file_may_have_any_name(survey):
    rows = {"Q1": [9, 3, 8], "weight": [1, 2, 3], "score": [1, 1, 2], "n": list("aab")}
    study = survey(rows, by=["n"], weight="weight")
    assert study.by == ["n_column"]
    assert study.weighted
    assert study.counts["weight"].sum() == 6
    assert not survey(rows, by=["n"]).weighted


def test_a_column_with_one_value_is_not_compared(survey):
    study = survey({"Q1": [9, 3], "year": [2025, 2025]}, by=["year"])
    assert study.by == []
    assert "not compared: year" in repr(study)


@pytest.mark.parametrize(
    ("values", "left", "expected"),
    [
        (["yes", "no", None], [], ["yes", "no", "unknown"]),
        ([1, 0, None], [], ["yes", "no", "unknown"]),
        (["gone", "here", None], ["gone"], ["yes", "no", "unknown"]),
        ([2, 1, 3], ["2", "3"], ["yes", "no", "yes"]),
    ],
)
def test_leaving_is_read(survey, values, left, expected):
    study = survey({"Q1": [1, 2, 3], "status": values}, churn="status", left=left)
    assert study.leaving.sort_values("score")["churned"].tolist() == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"churn": "status"}, "'gone', which does not say whether .* --left"),
        ({"churn": "status", "left": ["away"]}, "nobody left: column 'status' never holds away"),
        ({"by": ["stauts"]}, "did you mean 'status'"),
        ({"by": ["Q1"]}, "'Q1' is named twice"),
        ({"scale": (1, 5)}, "whole numbers from 1 to 5"),
    ],
)
def test_what_cannot_be_right_is_refused(survey, settings, message):
    with pytest.raises(ValueError, match=message):
        survey({"Q1": [9, 3], "status": ["gone", "here"]}, **settings)


def test_a_missing_file_is_named():
    with pytest.raises(ValueError, match=r"no file nowhere\.csv.*sfo_airport"):
        read_study("nowhere.csv", score="Q1")


def test_an_edition_about_leaving_needs_the_column(survey, tmp_path):
    survey(GIVEN, missing={11: "no"})
    settings = {"data": str(tmp_path / "my survey.csv"), "score": "Q1", "missing": {11: "no"}}
    with pytest.raises(ValueError, match="Name it with --churn"):
        editions.run_edition("06", tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()


def test_holm_is_that_of_statsmodels():
    from statsmodels.stats.multitest import multipletests  # noqa: PLC0415  (slow to import)

    p = np.random.default_rng(1).uniform(0, 0.1, 12)
    theirs = multipletests(p, method="holm")[1]
    assert precision.holm(pd.Series(p)).to_numpy() == pytest.approx(theirs)


def test_heaps_are_found_and_only_they(survey):
    sizes = [20, 22, 24, 26, 28, 90, 32, 34, 36, 38, 40]
    study = survey({"Q1": np.repeat(np.arange(11), sizes)})
    table = scores.heaps(study)
    assert table.index[table["heap"]].tolist() == [5]
    assert table.loc[5, "ratio"] == pytest.approx(2 * 90 / (28 + 32))


def test_the_standard_deviation_is_that_of_the_classes(survey):
    study = survey({"Q1": [0, 6, 7, 9, 10, 10]})
    classes = 100 * np.array([-1, -1, 0, 1, 1, 1])
    assert precision.standard_deviation(study) == pytest.approx(classes.std())


def test_detractors_are_split_where_the_book_splits_them():
    people = leaving.followed(
        read_study("r_community", score="score", scale=(1, 10), churn="lapsed", left=["yes"])
    )
    assert leaving.halves(people) == ((1, 4), (5, 6))
    assert people.report.churned == 56


def test_many_groups_are_pooled_and_few_are_not():
    study = read_study("published_distributions", score="score", by=["scale", "id"])
    assert regression.formula(study) == "score ~ scale + (1 | id)"


def test_without_columns_findings_say_so(survey):
    study = survey({"Q1": [0, 6, 7, 9, 10, 10]})
    assert "No column" in scores.extremes(scores.group_table(study))
    assert "No column" in precision.settled_gaps(precision.gaps(study))
    assert "needs" in numbers.same_order(numbers.association(study))
    assert "No column" in numbers.better_number(numbers.ratios(study))
    assert "No column" in regression.proportionality(regression.cut_slopes(study))


@pytest.mark.parametrize("stem", EDITIONS)
def test_editions_are_blank_and_take_every_setting(stem):
    notebook = nbformat.read(EDITIONS[stem], as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    defaults = {}
    exec(tagged[0].source, defaults)  # noqa: S102  (our own notebook)
    reading = next(cell.source for cell in code if "read_study(" in cell.source)
    assert all(
        f"{name}={name}" in reading for name in defaults if name[0] != "_" and name != "data"
    )
    assert "record" not in "".join(cell.source for cell in code)


def test_the_page_of_a_notebook_stands_alone():
    new = nbformat.v4
    outputs = [
        new.new_output("stream", text="a < b"),
        new.new_output("display_data", {"image/png": "aGVsbG8=\n", "text/plain": "x"}),
        new.new_output("execute_result", {"text/markdown": "**x**", "text/plain": "x"}),
        new.new_output("error", ename="E", evalue="v", traceback=["\x1b[31mE: <v>\x1b[0m"]),
    ]
    cell = new.new_code_cell("plot(title='Four firms')", execution_count=2, outputs=outputs)
    heading = new.new_markdown_cell("# Why?\n\n<script>alert(1)</script>")
    page = notebook_page(new.new_notebook(cells=[heading, cell]))
    assert "<title>Why?</title>" in page
    assert '<img src="data:image/png;base64,aGVsbG8=" alt="four firms">' in page
    assert "<strong>x</strong>" in page
    assert "a &lt; b" in page
    assert "E: &lt;v&gt;" in page
    assert "<script>" not in page
