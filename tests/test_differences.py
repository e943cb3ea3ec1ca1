from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nps_research.datasets import load_counts
from nps_research.differences import mean_difference, nps_difference
from nps_research.scale import RatingScale
from nps_research.survey import read_survey

FOLDER = Path(__file__).parent / "reference"
PAIRS = pd.read_csv(FOLDER / "nps_two_sample_reference.csv").set_index(["x", "y"])
VECTORS = pd.read_csv(FOLDER / "nps_interval_reference.csv").set_index("vector")
SAMPLE = pd.DataFrame({"score": [3, 8, 10, None], "n": [12, 31, 57, 9]})
POINTS = 6e-5  # the reference has six decimals of a proportion


def vector(name):
    return pd.DataFrame(
        {"score": range(11), "n": [VECTORS.loc[name, f"c{score}"] for score in range(11)]}
    )


@pytest.mark.parametrize(("first", "second"), PAIRS.index)
@pytest.mark.parametrize(("method", "prefix"), [("wald", "wald"), ("adjusted_wald", "adjwald")])
def test_nps_difference_agrees_with_other_software(first, second, method, prefix):
    row = nps_difference(vector(first), vector(second), method).loc["all"]
    expected = PAIRS.loc[(first, second)]
    limits = np.sort(np.abs(row[["lower", "upper"]].to_numpy(dtype=float)))
    assert limits == pytest.approx(
        100 * expected[[f"{prefix}_lo", f"{prefix}_hi"]].to_numpy(dtype=float), abs=POINTS
    )
    se = "se" if method == "wald" else "adjwald_se"
    assert row["se"] == pytest.approx(100 * expected[se], abs=POINTS)
    assert row["p_value"] == pytest.approx(expected[f"{prefix}_p"], rel=1e-5, abs=1e-15)
    assert abs(row["difference"]) == pytest.approx(100 * expected["abs_delta"], abs=POINTS)


def test_difference_is_second_minus_first():
    sfo = load_counts("sfo_airport")
    years = [sfo[sfo["year"] == year] for year in ("2017", "2018")]
    row = nps_difference(*years, "wald").loc["all"]
    assert row["difference"] == pytest.approx(-8.8587, abs=1e-4)
    assert row["z"] == pytest.approx(-4.51, abs=0.005)
    assert row["z"] == pytest.approx(row["difference"] / row["se"])
    assert row[["n_first", "n_second"]].tolist() == [2746, 2650]


def test_mean_difference_is_welch():
    later = pd.DataFrame({"score": [0, 7, 9], "n": [2, 5, 4]})
    table = mean_difference(SAMPLE, later, level=0.9)
    test = stats.ttest_ind(
        np.repeat([0, 7, 9], [2, 5, 4]), np.repeat([3, 8, 10], [12, 31, 57]), equal_var=False
    )
    row = table.loc["all"]
    assert row[["z", "p_value"]].tolist() == pytest.approx([test.statistic, test.pvalue])
    assert row[["lower", "upper"]].tolist() == pytest.approx(list(test.confidence_interval(0.9)))
    assert table.attrs["degrees_of_freedom"] == pytest.approx(test.df)


def test_differences_between_samples_without_spread_have_no_test():
    same = pd.DataFrame({"score": [10], "n": [5]})
    for row in (nps_difference(same, same, "wald"), mean_difference(same, same)):
        assert row.loc["all", "difference"] == 0
        assert row.loc["all", ["z", "p_value"]].isna().all()


def test_methods_without_a_standard_error_are_refused():
    with pytest.raises(ValueError, match="unknown method 'score'"):
        nps_difference(SAMPLE, SAMPLE, "score")


def test_tables_on_different_scales_are_not_compared():
    counts = pd.DataFrame({"score": [3, 4], "n": [5, 5]})
    short = counts.copy()
    short.attrs["rating_scale"] = RatingScale(1, 5)
    with pytest.raises(ValueError, match="different scales"):
        nps_difference(short, counts)
    agreed = nps_difference(short, counts, rating_scale=RatingScale(1, 5))
    assert agreed.loc["all", "difference"] == 0


def test_surveys_are_tabulated():
    tables = [pd.DataFrame({"score": scores}) for scores in ([9, 3, 8], [10, 9, 7])]
    surveys = [read_survey(table, "score") for table in tables]
    for difference in (nps_difference, mean_difference):
        pd.testing.assert_frame_equal(difference(*surveys), difference(*tables))
