"""Surveys: odd files in, a clean table and a full account out, and errors that say where."""

from pathlib import Path

import openpyxl
import pandas as pd
import pyreadstat
import pytest

from nps_research.counts import tabulate
from nps_research.datasets import load_counts
from nps_research.scale import RatingScale
from nps_research.survey import Survey, read_survey
from nps_research.survey_files import SurveyError, SurveyWarning

MICRODATA = Path(__file__).parents[2] / "shared" / "data" / "microdata"

TEXT = "id,ltr,team,w,day\n01,9,a,1,2024-01-05\n02,11,,0,\n03,,b,2.5,2024-02-01\n"
ROLES = {"weight": "w", "date": "day", "respondent": "id"}


def _write(folder: Path, text: str, name: str = "export.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def _frame() -> pd.DataFrame:
    return pd.DataFrame({"ltr": [9, 11, None], "team": ["é", None, "b"]})


def _microdata(name: str) -> Path:
    if not MICRODATA.is_dir():
        pytest.skip("the folder shared/data/microdata is not beside this checkout")
    return MICRODATA / name


def test_clean_file_is_read_and_accounted_for(tmp_path):
    survey = read_survey(_write(tmp_path, TEXT), "ltr", missing={11: "no answer"}, **ROLES)
    frame, report = survey.frame, survey.report
    assert frame["score"].tolist() == [9, pd.NA, pd.NA]
    assert frame["respondent"].tolist() == ["01", "02", "03"]
    assert frame["date"].dt.month.tolist()[::2] == [1, 2]
    assert frame["weight"].tolist() == [1, 0, 2.5]
    assert report.unanswered == {"no answer": 1, "blank": 1}
    assert (report.missing, report.zero_weights) == ({"team": 1, "date": 1}, 1)


@pytest.mark.parametrize(
    ("name", "encoding", "separator"),
    [
        ("a.csv", "utf-8", ","),
        ("a.csv", "utf-8-sig", ";"),
        ("a.CSV", "latin-1", "|"),
        ("a.tsv", "utf-16", "\t"),
    ],
)
def test_text_files(tmp_path, name, encoding, separator):
    text = "ltr,team\n9,é\n011,\n,b\n".replace(",", separator)
    path = _write(tmp_path, text, name, encoding)
    passed = "utf-8" if encoding == "utf-8-sig" else encoding
    survey = read_survey(path, "ltr", missing={11: "no answer"}, encoding=passed)
    assert survey.frame["team"].tolist()[::2] == ["é", "b"]
    assert survey.report.unanswered == {"no answer": 1, "blank": 1}
    assert survey.report.missing == {"team": 1}


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.xlsx", lambda path: _frame().to_excel(path, index=False)),
        ("a.parquet", lambda path: _frame().to_parquet(path)),
        ("a.sav", lambda path: pyreadstat.write_sav(_frame(), path)),
        ("a.zsav", lambda path: pyreadstat.write_sav(_frame(), path, compress=True)),
    ],
)
def test_binary_files(tmp_path, name, write):
    write(tmp_path / name)
    survey = read_survey(tmp_path / name, "ltr", missing={"11": "no answer"})
    assert survey.frame["score"].tolist() == [9, pd.NA, pd.NA]
    assert survey.report.unanswered == {"no answer": 1, "blank": 1}
    assert survey.source == name


def test_spss_declares_its_own_missing_codes(tmp_path):
    path = tmp_path / "a.sav"
    frame = pd.DataFrame({"ltr": [9.0, 98, 99, 10]})
    labels = {"ltr": {98: "does not know"}}
    pyreadstat.write_sav(
        frame, path, variable_value_labels=labels, missing_ranges={"ltr": [{"lo": 98, "hi": 99}]}
    )
    report = read_survey(path, "ltr").report
    assert report.unanswered == {"does not know": 1, "code 99": 1}


def test_parquet_index_is_a_column(tmp_path):
    _frame().set_index(pd.Index([7, 8, 9], name="id")).to_parquet(tmp_path / "a.parquet")
    survey = read_survey(tmp_path / "a.parquet", "ltr", missing={11: "no answer"}, respondent="id")
    assert survey.frame["respondent"].tolist() == [7, 8, 9]


@pytest.mark.parametrize("stored", ["11", 11, 11.0, " 11 ", "11.0", "011"])
@pytest.mark.parametrize("code", ["11", 11, 11.0])
def test_codes_compare_by_value(stored, code):
    survey = read_survey(pd.DataFrame({"ltr": [stored, "9"]}), "ltr", missing={code: "refused"})
    assert survey.report.unanswered == {"refused": 1}


@pytest.mark.parametrize("blank", ["", "  ", None, float("nan")])
def test_blank_cells_get_the_reason_given_for_them(blank):
    table = pd.DataFrame({"ltr": [blank, "9", "n/a"]})
    survey = read_survey(table, "ltr", missing={"": "skipped", "n/a": "not asked"})
    assert survey.report.unanswered == {"skipped": 1, "not asked": 1}


def test_a_mark_of_missing_in_the_score_needs_a_reason(tmp_path):
    path = _write(tmp_path, "ltr,team\n9,NA\nNA,b\n")
    with pytest.raises(SurveyError, match="must be numbers; found 1 that are not, first 'NA' at"):
        read_survey(path, "ltr")
    survey = read_survey(path, "ltr", missing={"NA": "no answer"})
    assert survey.report.missing == {"team": 1}


def test_every_row_is_kept_and_counted():
    scores = [*range(11), 99, 98, None, "", "77"] * 7
    missing = {99: "refused", 98: "moved", 77: "refused"}
    survey = read_survey(pd.DataFrame({"ltr": scores}), "ltr", missing=missing)
    report = survey.report
    assert report.unanswered == {"refused": 14, "blank": 14, "moved": 7}
    assert report.answered + sum(report.unanswered.values()) == report.rows == len(survey.frame)
    assert tabulate(survey)["n"].sum() == len(scores)


def test_empty_end_of_a_spreadsheet_is_no_row(tmp_path):
    survey = read_survey(_write(tmp_path, "ltr,team\n9,a\n,\n8,b\n,\n\n"), "ltr")
    assert survey.report.rows == 3
    assert survey.report.unanswered == {"blank": 1}


@pytest.mark.parametrize(
    "text",
    [
        '"Likely, really";w, kg\n9;1,5\n8;2,5\n',
        'sep=;\n"Likely, really";w, kg\n9;1,5\n8;2,5\n',
        '"sep=,"\n"Likely, really","w, kg"\n9,"1,5"\n8,"2,5"\n',
    ],
)
def test_separator_is_told_from_commas(tmp_path, text):
    path = _write(tmp_path, text)
    survey = read_survey(path, "Likely, really", weight="w, kg", decimal=",")
    assert survey.frame["score"].tolist() == [9, 8]
    assert survey.frame["weight"].tolist() == [1.5, 2.5]
    assert survey.frame.index.tolist() == ([3, 4] if "sep" in text else [2, 3])


def test_decimal_commas_are_read_in_every_column(tmp_path):
    path = _write(tmp_path, "ltr;age\n7,0;30,5\n8;\n")
    frame = read_survey(path, "ltr", decimal=",").frame
    assert frame["score"].tolist() == [7, 8]
    assert frame.loc[2, "age"] == 30.5


def test_sheet_is_chosen_by_name(tmp_path):
    with pd.ExcelWriter(tmp_path / "a.xlsx") as book:
        _frame().to_excel(book, sheet_name="notes", index=False)
        pd.DataFrame({"ltr": [3]}).to_excel(book, sheet_name="answers", index=False)
    assert read_survey(tmp_path / "a.xlsx", "ltr", sheet="answers").frame["score"].tolist() == [3]
    with pytest.raises(SurveyError, match="unknown sheet 'answer'; did you mean 'answers'"):
        read_survey(tmp_path / "a.xlsx", "ltr", sheet="answer")


def test_dates_in_other_formats(tmp_path):
    path = _write(tmp_path, "ltr,day\n9,05/01/2024\n8,31/12/2024\n")
    dates = read_survey(path, "ltr", date="day", date_format="%d/%m/%Y").frame["date"]
    assert dates.dt.month.tolist() == [1, 12]


def test_dates_of_several_time_zones_become_utc():
    days = ["2024-01-01T00:30+01:00", "2024-01-01T00:30+00:00"]
    dates = read_survey(pd.DataFrame({"ltr": [9, 8], "day": days}), "ltr", date="day").frame["date"]
    assert dates.dt.year.tolist() == [2023, 2024]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "export.csv is empty"),
        ("ltr,w\n", "export.csv has a header but no rows"),
        ("lrt,w\n1,2\n", "export.csv: unknown column 'ltr'; did you mean 'lrt'"),
        ("ltr,w,w\n1,2,3\n", "export.csv has more than one column 'w'"),
        ("ltr,w\n1,2\n1,2,3\n", "rows with more cells than its header .* line 3"),
        ("ltr,w\n1,2,3\n", "rows with more cells than its header"),
        ("ltr,w\n9,\n11,\n12,\n", "0 to 10; found 2 that are not, first 11 at row 3, column 'ltr'"),
        ("ltr\n9\n7.5\n", "whole numbers; found 1 that are not, first 7.5 at row 3"),
        ("ltr\n9\n\nten\n", "must be numbers; found 1 that are not, first 'ten' at row 4"),
        ("Wave 1\n\nltr,w\n9,1\n", "has its column names in row 3, not in row 1. Remove the rows"),
        ("sep=;\n", "export.csv is empty"),
        ("ltr\n\n\n", "at least one score must be answered; found none in column 'ltr' of exp"),
    ],
)
def test_bad_files_are_refused_with_place_and_value(tmp_path, text, message):
    with pytest.raises(SurveyError, match=message):
        read_survey(_write(tmp_path, text), "ltr")


@pytest.mark.parametrize(
    ("cells", "advice"),
    [
        (
            ["10 - good", "10 - well"],
            r"'10 - good' begins with a number.* table\['ltr'\]\.str\.ext",
        ),
        (
            ["Promoter", "Passive"],
            "'Promoter' is a class, .*read the column with the answers thems",
        ),
        (["0-6", "9-10"], "'0-6' is a class"),
        (["100", "-100", "0"], "100, 0 and -100 are the points that an answer adds to an NPS, not"),
        (["1", "-1"], "-1, 0 and 1 are classes, not scores"),
        (["7,0"], "'7,0' is written with a decimal comma: pass decimal=','"),
        (["9", "ltr", "8"], "Row 3 repeats the header, as in files that were joined: remove it"),
        (["How likely?", '{"ImportId":"Q1"}', "9"], "The rows up to 3 are further header rows"),
        (["Extremely likely"], "'Extremely likely' is text. Put scores in the place of answers"),
    ],
)
def test_advice_fits_the_content_and_loses_no_answer(tmp_path, cells, advice):
    quoted = "\n".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    with pytest.raises(SurveyError, match=advice) as caught:
        read_survey(_write(tmp_path, f"ltr\n{quoted}\n"), "ltr")
    assert f"missing={{{cells[0]!r}" not in str(caught.value)


def test_advice_names_each_kind_of_text_once():
    cells = ["NA", "9", "Promoter", "n/a", "Detractor"]
    with pytest.raises(SurveyError) as caught:
        read_survey(pd.DataFrame({"ltr": cells}), "ltr")
    _, missing, classes = str(caught.value).splitlines()
    assert missing == "Pass missing={'NA': 'no answer'} if 'NA' marks no answer."
    assert classes.startswith("'Promoter' is a class")


def test_eleven_scores_from_1_may_stand_for_0_to_10():
    with pytest.raises(SurveyError, match="If 1 to 11 stand for 0 to 10, subtract 1"):
        read_survey(pd.DataFrame({"ltr": [*range(1, 12)] * 3}), "ltr")


@pytest.mark.parametrize(
    ("scores", "hint"),
    [
        ([1, 4, 5] * 10, "column 'ltr' of the DataFrame: none of the 30 scores is above 5, on"),
        ([2, 6, 7] * 10, r"If the question ran from 1 to 7, pass rating_scale=RatingScale\(1, 7\)"),
    ],
)
def test_scores_of_a_shorter_scale_earn_a_warning(scores, hint):
    with pytest.warns(SurveyWarning, match=hint):
        survey = read_survey(pd.DataFrame({"ltr": scores}), "ltr")
    assert "If the question ran from 1 to" in str(survey.report)


@pytest.mark.parametrize(
    ("scores", "rating_scale"),
    [([1, 5] * 14, RatingScale()), ([5] * 40, RatingScale(1, 5)), ([8, 5] * 15, RatingScale())],
)
def test_a_scale_that_may_be_right_earns_none(scores, rating_scale):
    report = read_survey(pd.DataFrame({"ltr": scores}), "ltr", rating_scale=rating_scale).report
    assert report.notes == ()
    assert report.scores == {score: scores.count(score) for score in sorted({*scores})}


def test_scores_without_zero_earn_a_note():
    report = read_survey(pd.DataFrame({"ltr": [1, 10] * 15}), "ltr").report
    assert "Scores from 1 to 10, 2 distinct. Nobody gave 0: if the question ran" in str(report)


@pytest.mark.parametrize(
    ("role", "cells", "message"),
    [
        ("weight", ["1", "-1"], "weights must be finite numbers, 0 or more.*first -1 at row 3"),
        ("weight", ["1", ""], "first a missing value at row 3, column 'x' of export.csv"),
        ("weight", ["inf", "heavy"], "found 2 that are not, first inf at row 2"),
        ("weight", ['"1,5"', "1"], "decimal comma: pass decimal=','"),
        ("date", ["2024-01-05", "5 Jan"], "dates must be readable .*first '5 Jan' at row 3"),
        ("respondent", ["7", "7"], "must be distinct; found 2 .* first 7 at rows 2 and 3"),
    ],
)
def test_bad_roles_are_refused_with_place_and_value(tmp_path, role, cells, message):
    text = "ltr,x\n9,{}\n8,{}\n".format(*cells)
    with pytest.raises(SurveyError, match=message):
        read_survey(_write(tmp_path, text), "ltr", **{role: "x"})


def test_all_broken_rules_are_reported_at_once(tmp_path):
    text = "ltr,w\nten,1\n2.5,-1\n11,1\n"
    with pytest.raises(SurveyError) as caught:
        read_survey(_write(tmp_path, text), "ltr", weight="w")
    rules = str(caught.value).splitlines()[::2]
    assert [rule.split(" must")[0] for rule in rules] == ["scores"] * 3 + ["weights"]
    assert "pass missing={11: 'no answer'} if 11 marks no answer" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        ("ltr,team\n9,a\n8,é\n".encode("latin-1"), "utf-8", "byte 0xe9 at row 3. Pass enc.*cp1252"),
        ("ltr,team\n9,é\n".encode("utf-16"), "utf-8", "Pass encoding='utf-16'"),
    ],
)
def test_wrong_encoding_says_what_to_pass(tmp_path, content, encoding, message):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(SurveyError, match=message):
        read_survey(tmp_path / "a.csv", "ltr", encoding=encoding)


def test_unknown_files_are_refused(tmp_path):
    with pytest.raises(SurveyError, match=r"no file 'a\.csv' in"):
        read_survey(tmp_path / "a.csv", "ltr")
    with pytest.raises(SurveyError, match=r"unknown kind of file '\.doc'. Save it as \.csv"):
        read_survey(_write(tmp_path, "x", "a.doc"), "ltr")


@pytest.mark.parametrize("suffix", ["xlsx", "parquet", "sav", "zsav"])
def test_broken_files_are_refused_by_name(tmp_path, suffix):
    path = _write(tmp_path, "ltr,team\n9,a\n", f"a.{suffix}")
    with pytest.raises(SurveyError, match=rf"a\.{suffix} cannot be read as an? .*save it again"):
        read_survey(path, "ltr")


@pytest.mark.parametrize(
    ("rows", "merged", "message"),
    [
        ([["Wave", "Answer"], ["id", "ltr"], [1, 9]], None, "names in row 2, not in row 1"),
        ([["Wave 1"], ["id", "ltr"], [1, 9]], "A1:B1", "names in row 2, not in row 1"),
        ([["ltr", "Reasons", None], [None, "a", "b"]], "B1:C1", r"merged cells .* \(B1:C1\)"),
    ],
)
def test_headers_of_several_rows_are_refused(tmp_path, rows, merged, message):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if merged:
        book.active.merge_cells(merged)
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(SurveyError, match=message):
        read_survey(tmp_path / "a.xlsx", "ltr")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": {"team": "score"}}, "'team' and 'ltr' would both be called 'score'"),
        ({"columns": {"taem": "x"}}, "unknown column 'taem'; did you mean 'team'"),
        ({"weight": "ltr"}, r"'ltr' is named for more than one of \['score', 'weight'\]"),
    ],
)
def test_names_that_clash_are_refused(arguments, message):
    with pytest.raises(SurveyError, match=message):
        read_survey(_frame(), "ltr", missing={11: "no answer"}, **arguments)


def test_columns_without_a_declared_role_are_left_alone():
    table = pd.DataFrame({"ltr": [9, 8], "date": ["5 Jan", "soon"], "respondent": ["a", "a"]})
    frame = read_survey(table, "ltr").frame
    pd.testing.assert_frame_equal(frame.drop(columns="score"), table.drop(columns="ltr"))
    with pytest.raises(SurveyError, match="has a column 'weight', and weight= does not say what"):
        read_survey(table.assign(weight=70), "ltr")


def test_rows_of_a_dataframe_are_counted_from_zero():
    table = pd.DataFrame({"ltr": [5, 9, 0]}, index=[40, 41, 42])
    with pytest.raises(SurveyError, match="from 1 to 5; found 2 that are not, first 9 at row 1, c"):
        read_survey(table, "ltr", rating_scale=RatingScale(1, 5))


def test_texts_start_with_size_and_quality():
    survey = read_survey(_frame(), "ltr", missing={11: "<none>"}, columns={"team": "crew"})
    account = "3 rows of the DataFrame: 1 answered (33.3%), 2 did not"
    text = " ".join(repr(survey).split())
    assert text.startswith(f"Survey: {account} (1 <none>, 1 blank). Scores from 9 to 9, 1")
    assert survey._repr_html_().startswith(f"<p>Survey: {account} (1 &lt;none")
    assert "Weights" not in str(survey.report)


def _relabelled(survey: Survey, **labels: dict[object, str]) -> Survey:
    """Give codes their labels; a code without one is unknown."""
    named = {
        name: survey.frame[name].map(codes).fillna("unknown") for name, codes in labels.items()
    }
    return Survey(survey.frame.assign(**named), survey.rating_scale, survey.report, survey.source)


def _shipped(name: str, years: set[int]) -> pd.DataFrame:
    shipped = load_counts(name).astype({"year": str}).astype({"year": int})
    return shipped[shipped["year"].isin(years)].reset_index(drop=True)


def test_airport_microdata_give_the_shipped_counts():
    survey = read_survey(
        _microdata("sfo_airport_2017_2018.csv"),
        "netpro_raw",
        missing={11: "no answer"},
        weight="weight",
        columns={"saq": "mode", "lang": "language"},
    )
    assert survey.report.unanswered == {"no answer": 243, "blank": 1}
    labelled = _relabelled(
        survey,
        mode={1: "interviewer", 2: "self"},
        language={1: "English", 2: "Spanish", 3: "Chinese", 4: "other"},
        problem={1: "yes", 2: "no"},
    )
    counts = tabulate(labelled, ["year", "mode", "language", "problem"])
    answered = counts.dropna(subset="score").reset_index(drop=True)
    pd.testing.assert_frame_equal(answered, _shipped("sfo_airport", {2017, 2018}), atol=1e-6)


def test_r_community_microdata_give_the_shipped_counts():
    survey = read_survey(
        _microdata("r_community_2018_2019.csv"),
        "recommend_r",
        respondent="row_id",
        rating_scale=RatingScale(1, 10),
        columns={"use_frequency_code": "lapsed", "expected_change_r_code": "expected_use"},
    )
    assert survey.report.unanswered == {"blank": 113}
    uses = survey.frame["lapsed"].dropna().unique()
    labelled = _relabelled(
        survey,
        lapsed={use: "yes" if use == "stopped" else "no" for use in uses},
        expected_use={use: use for use in ("increase", "same", "decrease", "stop")},
    )
    labelled.frame["expected_use"] = labelled.frame["expected_use"].replace("unknown", "not asked")
    counts = tabulate(labelled, ["year", "language", "lapsed", "expected_use"])
    answered = counts.dropna(subset="score").reset_index(drop=True)
    pd.testing.assert_frame_equal(answered, _shipped("r_community", {2018, 2019}))
