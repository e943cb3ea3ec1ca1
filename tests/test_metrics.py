import pandas as pd
import pytest
from scipy import stats

import nps_research.metrics as npsr
from nps_research.counts import tabulate
from nps_research.datasets import load_counts
from nps_research.intervals import METHODS
from nps_research.scale import RatingScale
from nps_research.survey import read_survey

SAMPLE = pd.DataFrame({"score": [3, 8, 10, None], "n": [12, 31, 57, 9]})
COLUMNS = ["se", "lower", "upper", "n"]


@pytest.fixture(scope="module")
def sfo():
    return load_counts("sfo_airport")


@pytest.mark.parametrize("method", METHODS)
def test_nps_of_a_table(method):
    result = npsr.nps(SAMPLE, method=method, random_seed=1)
    assert result.columns.tolist() == ["nps", *COLUMNS]
    assert result.loc["all", "nps"] == pytest.approx(45)
    assert 25 < result.loc["all", "lower"] < 45 < result.loc["all", "upper"] < 65
    assert result.loc["all", "n"] == 100


@pytest.mark.parametrize(
    ("metric", "name", "value"),
    [
        (npsr.mean_score, "mean_score", 0.12 * 3 + 0.31 * 8 + 0.57 * 10),
        (npsr.top_box, "top_box", 0.57),
        (npsr.bottom_box, "bottom_box", 0.0),
    ],
)
def test_other_metrics_of_a_table(metric, name, value):
    result = metric(SAMPLE)
    assert result.columns.tolist() == [name, *COLUMNS]
    assert result.loc["all", name] == pytest.approx(value)


def test_boxes_hold_k_scores():
    assert npsr.top_box(SAMPLE, k=3).loc["all", "top_box"] == pytest.approx(0.88)
    assert npsr.bottom_box(SAMPLE, k=4).loc["all", "bottom_box"] == pytest.approx(0.12)


def test_attributes_say_what_was_done():
    result = npsr.nps(SAMPLE, method="dirichlet", level=0.9)
    assert result.attrs == {
        "method": "dirichlet",
        "level": 0.9,
        "interval": "90 % equal-tailed credible interval, Dirichlet(1/2)",
        "unanswered": 9,
    }


def test_one_group_is_estimated_as_if_it_were_alone(sfo):
    grouped = npsr.nps(sfo, by=["year", "mode"], method="score")
    part = sfo[(sfo["year"] == "2018") & (sfo["mode"] == "interviewer")]
    alone = npsr.nps(part, method="score").loc["all"]
    assert grouped.loc[("2018", "interviewer")].to_numpy() == pytest.approx(alone.to_numpy())
    assert grouped.index.names == ["year", "mode"]


def test_one_column_gives_a_plain_index(sfo):
    result = npsr.nps(sfo, by="year")
    assert result.index.tolist() == ["2017", "2018"]
    assert result.index.name == "year"
    assert result["nps"].tolist() == pytest.approx([39.8398, 30.9811], abs=1e-4)
    assert result["n"].tolist() == [2746, 2650]


def test_a_group_without_answers_is_kept():
    table = pd.DataFrame({"team": ["a", "a", "b"], "score": [2, 9, None], "n": [3, 4, 5]})
    result = npsr.nps(table, by="team", method="dirichlet")
    assert result.loc["b", "n"] == 0
    assert result.loc["b", ["nps", "se", "lower", "upper"]].isna().all()
    assert result.attrs["unanswered"] == 5


def test_answers_with_a_missing_predictor_are_kept():
    table = pd.DataFrame({"team": ["a", None], "score": [2, 9], "n": [3, 4]})
    assert npsr.nps(table, by="team")["n"].tolist() == [3, 4]


def test_weights_reproduce_the_published_scores(sfo):
    result = npsr.nps(sfo, by="year", weighted=True)
    assert result.columns.tolist() == ["nps", *COLUMNS, "n_effective"]
    assert result["nps"].tolist() == pytest.approx([40.40, 35.11], abs=0.005)
    assert result.loc["2018", "n_effective"] == pytest.approx(2134, abs=0.5)
    assert result["n"].tolist() == [2746, 2650]


@pytest.mark.parametrize("method", METHODS)
def test_equal_weights_change_nothing(method):
    weighted = SAMPLE.assign(weight=2.0 * SAMPLE["n"], weight_squared=4.0 * SAMPLE["n"])
    found = npsr.nps(weighted, method=method, weighted=True, random_seed=1)
    expected = npsr.nps(SAMPLE, method=method, random_seed=1)
    pd.testing.assert_frame_equal(found.drop(columns="n_effective"), expected)
    assert found.loc["all", "n_effective"] == pytest.approx(100)


def test_weights_are_asked_for():
    with pytest.raises(
        ValueError, match=r"weighted=True needs the columns 'weight' and .*Add them"
    ):
        npsr.nps(SAMPLE, weighted=True)


def test_rating_scale_comes_from_the_table_or_the_call():
    table = pd.DataFrame({"score": [1, 4, 5], "n": [10, 20, 30]})
    expected = 100 * (30 - 10) / 60
    assert npsr.nps(table, rating_scale=RatingScale(1, 5)).loc["all", "nps"] == pytest.approx(
        expected
    )
    table.attrs["rating_scale"] = RatingScale(1, 5)
    assert npsr.nps(table).loc["all", "nps"] == pytest.approx(expected)


def test_csat_is_the_top_two_of_five():
    table = pd.DataFrame({"score": [1, 3, 4, 5], "n": [10, 20, 30, 40]})
    assert npsr.csat(table, rating_scale=RatingScale(1, 5)).loc["all", "csat"] == pytest.approx(0.7)
    chosen = npsr.csat(table, rating_scale=RatingScale(1, 7), lowest_satisfied=5)
    assert chosen.loc["all", "csat"] == pytest.approx(0.4)


@pytest.mark.parametrize("lowest_satisfied", [None, 0, 11])
def test_csat_of_other_scales_needs_a_convention(lowest_satisfied):
    with pytest.raises(ValueError, match="must be given and lie from"):
        npsr.csat(SAMPLE, lowest_satisfied=lowest_satisfied)


def test_shares_add_up_in_every_group(sfo):
    result = npsr.shares(sfo, by=["year", "mode"], method="score")
    assert result.index.names == ["year", "mode", "score"]
    assert result.columns.tolist() == ["share", *COLUMNS]
    assert result.groupby(["year", "mode"], observed=True)["share"].sum().tolist() == pytest.approx(
        [1.0] * result.groupby(["year", "mode"], observed=True).ngroups
    )


def test_shares_stay_with_their_group():
    table = pd.DataFrame({"team": ["b", "a"], "score": [2, 9], "n": [3, 4]})
    result = npsr.shares(table, by="team")["share"]
    assert result[result > 0].index.tolist() == [("a", 9), ("b", 2)]


def test_shares_of_one_group_are_indexed_by_score():
    result = npsr.shares(SAMPLE, method="score")
    expected = stats.binomtest(31, 100).proportion_ci(method="wilson")
    assert result.index.tolist() == list(range(11))
    assert result.loc[8, ["lower", "upper"]].tolist() == pytest.approx(expected)
    assert result.attrs["method"] == "score"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: npsr.nps(SAMPLE, by="team"), "unknown column 'team'"),
        (lambda: npsr.nps(SAMPLE, method="exact"), "unknown interval method 'exact'.*wald"),
        (lambda: npsr.nps(SAMPLE, level=1), "level must be between 0 and 1; found 1"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("metric", [npsr.nps, npsr.mean_score, npsr.top_box, npsr.shares])
def test_a_survey_is_tabulated(metric):
    table = pd.DataFrame({"ltr": [9, 4, 8, None], "team": [1, 1, 2, 2], "w": [1.0, 2, 3, 1]})
    survey = read_survey(table, "ltr", weight="w")
    expected = metric(tabulate(survey, "team"), "team", weighted=True)
    pd.testing.assert_frame_equal(metric(survey, "team", weighted=True), expected)
    assert expected.attrs["unanswered"] == 1
