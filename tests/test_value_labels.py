"""What the labels of an SPSS file, and texts such as "10 - extremely likely", are read as."""

import pandas as pd
import pyreadstat
import pytest

from nps_research.counts import tabulate
from nps_research.survey import read_survey
from nps_research.survey_files import SurveyError

CODES = range(1, 12)


def _spss(folder, frame, labels, missing=None):
    path = folder / "a.sav"
    pyreadstat.write_sav(
        pd.DataFrame(frame), path, variable_value_labels=labels, missing_ranges=missing or {}
    )
    return path


def _scores(folder, labels, codes=CODES, **arguments):
    path = _spss(folder, {"ltr": [float(code) for code in codes]}, {"ltr": labels})
    return read_survey(path, "ltr", **arguments)


def test_labelled_predictors_are_ordered_by_code(tmp_path):
    frame = {"ltr": [9.0, 8, 7, 6], "age": [3.0, 1, 2, 1], "sex": ["m", "f", "", "f"]}
    labels = {"age": {1: "young", 2: "middle", 3: "aged"}, "sex": {"f": "female", "m": "male"}}
    read = read_survey(_spss(tmp_path, frame, labels), "ltr").frame
    assert read["age"].tolist() == ["aged", "young", "middle", "young"]
    assert read["age"].cat.categories.tolist() == ["young", "middle", "aged"]
    assert read["age"].cat.ordered
    assert read["sex"].isna().tolist() == [False, False, True, False]
    assert tabulate(read, "age")["age"].tolist() == ["young", "young", "middle", "aged"]


def test_columns_with_unlabelled_values_keep_their_codes(tmp_path):
    frame = {"ltr": [9.0, 8], "age": [30.0, 99], "likes": [1.0, 3]}
    labels = {"age": {99: "older"}, "likes": {1: "not at all", 5: "very"}}
    read = read_survey(_spss(tmp_path, frame, labels), "ltr").frame
    assert read[["age", "likes"]].to_numpy().tolist() == [[30, 1], [99, 3]]


def test_two_codes_of_one_label_stay_apart(tmp_path):
    labels = {"shop": {1: "other", 2: "north", 9: "other"}}
    path = _spss(tmp_path, {"ltr": [9.0, 8, 7], "shop": [9.0, 1, 2]}, labels)
    read = read_survey(path, "ltr").frame["shop"]
    assert read.cat.categories.tolist() == ["other (1)", "north", "other (9)"]


def test_declared_missing_predictors_are_missing_with_their_reason(tmp_path):
    frame = {"ltr": [9.0, 8, 7], "age": [1.0, 9, None], "w": [1.0, 2, 1]}
    labels = {"age": {1: "young", 9: "refused"}}
    survey = read_survey(_spss(tmp_path, frame, labels, {"age": [9]}), "ltr", columns={"age": "a"})
    assert survey.frame["a"].isna().tolist() == [False, True, True]
    assert survey.report.missing_reasons == {"a": {"refused": 1}}
    assert "Missing values: a 2 (1 refused)." in str(survey.report)


@pytest.mark.parametrize(
    "labels",
    [
        {code: str(code - 1) for code in CODES},
        {1: "0 - not at all likely", 11: "10 extremely likely"},
        {1: "0=never", 6: "5 (so-so)", 11: "10: always"},
    ],
)
def test_scores_are_what_respondents_saw(tmp_path, labels):
    survey = _scores(tmp_path, labels)
    assert survey.frame["score"].tolist() == list(range(11))
    assert "the numbers in the labels, not the codes: 1 is '0" in str(survey.report)


def test_scores_stored_backwards_are_turned_round(tmp_path):
    survey = _scores(tmp_path, {code: f"{11 - code} points" for code in CODES})
    assert survey.frame["score"].tolist() == list(range(10, -1, -1))


@pytest.mark.parametrize(
    "labels", [{1: "1 bad", 10: "10 good"}, {1: "bad", 5: "neutral", 10: "good"}]
)
def test_labels_that_agree_or_have_no_number_change_nothing(tmp_path, labels):
    survey = _scores(tmp_path, labels, range(1, 11))
    assert survey.frame["score"].tolist() == list(range(1, 11))
    assert survey.report.notes == ()


def test_missing_codes_are_codes_of_the_file(tmp_path):
    labels = {code: str(code - 1) for code in CODES} | {12: "Don't know"}
    with pytest.raises(SurveyError, match=r"""for code 12.\nPass missing={12: "Don't know"} if"""):
        _scores(tmp_path, labels, range(1, 13))
    survey = _scores(tmp_path, labels, range(1, 13), missing={12: "unsure"})
    assert survey.frame["score"].tolist() == [*range(11), pd.NA]
    assert survey.report.unanswered == {"unsure": 1}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({1: "Detractor", 2: "Passive", 3: "Promoter"}, "holds classes, such as 'Detractor'"),
        ({1: "0-6", 2: "7-8", 3: "9-10"}, "column 'ltr' of a.sav holds classes, such as '0-6'"),
        ({1: "0", 2: "0 too", 3: "1"}, "one score for several codes"),
        ({1: "0", 2: "5"}, "show other scores than its codes .1 is '0'., and none for code 3"),
    ],
)
def test_labels_that_name_no_score_are_refused(tmp_path, labels, message):
    with pytest.raises(SurveyError, match=message):
        _scores(tmp_path, labels, [1, 2, 3])


def test_an_unexpected_code_is_shown_with_its_label(tmp_path):
    with pytest.raises(SurveyError, match=r"missing={11: 'unsure'} if 11 \(unsure\) marks no ans"):
        _scores(tmp_path, {0: "never", 10: "always", 11: "unsure"})


def test_texts_that_begin_with_a_score_are_read():
    texts = ["10 - Extremely likely", "0 - Not at all likely", "7", "99 - Refused", None]
    survey = read_survey(pd.DataFrame({"ltr": texts}), "ltr", missing={99: "refused"})
    assert survey.frame["score"].tolist() == [10, 0, 7, pd.NA, pd.NA]
    assert survey.report.unanswered == {"refused": 1, "blank": 1}
    read = "Read from labels: '0 - Not at all likely' as 0, '10 - Extremely likely' as 10."
    assert survey.report.notes == (read,)
