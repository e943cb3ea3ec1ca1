import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from nps_research.datasets import load_counts
from nps_research.drivers.segments import (
    heterogeneity,
    prediction_error,
    predictions,
    random_segments,
    segment_heterogeneity,
    split_half_errors,
)
from nps_research.metrics import nps

CAREERS = load_counts("stackoverflow_2017")
MANY = ["country", "remote", "hobby", "open_source"]
SCHOOLS = [28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18]


def test_posterior_is_that_of_quadrature():
    y, se = (np.array(each, dtype=float) for each in SCHOOLS)

    def density(between):
        spread = np.sqrt(se**2 + between**2)
        return integrate.quad(
            lambda centre: stats.norm.pdf(y, centre, spread).prod(), -200, 200, limit=400
        )[0]

    reach = 6 * y.std(ddof=1)
    total = integrate.quad(density, 0, reach, limit=200)[0]
    mean = integrate.quad(lambda t: t * density(t), 0, reach, limit=200)[0] / total
    above = integrate.quad(density, 10, reach, limit=200)[0] / total
    found = heterogeneity(y, se)
    assert found.mean == pytest.approx(mean, rel=1e-3)
    assert found.exceeds(10) == pytest.approx(above, rel=0.01)
    assert found.probability.sum() == pytest.approx(1.0)


def test_posterior_of_eight_schools_is_that_of_the_textbook():
    # Gelman et al. 2013, "Bayesian Data Analysis", table 5.3: medians 10, 8, 7, 8, 5, 6, 10, 8.
    means = heterogeneity(*SCHOOLS).segments["pooled"]
    assert means.to_numpy() == pytest.approx([11.4, 7.9, 6.2, 7.6, 5.1, 6.1, 10.6, 8.4], abs=0.4)


def test_estimates_without_noise_keep_their_place():
    found = heterogeneity([10.0, 20.0, 60.0], [0.01] * 3)
    assert found.segments["pooled"].to_numpy() == pytest.approx([10, 20, 60], abs=0.01)
    assert found.segments["weight"].min() > 0.99


def test_intervals_of_the_spread_cover():
    generator, inside = np.random.default_rng(1), 0
    for _ in range(200):
        truth = generator.normal(0, 8, 20)
        lower, upper = heterogeneity(generator.normal(truth, 6.0), [6.0] * 20).interval()
        inside += lower <= 8 <= upper
    assert 182 <= inside <= 198


def test_segments_that_do_not_differ_have_no_spread():
    dealt = [random_segments(CAREERS, MANY, random_seed=seed) for seed in range(20)]
    spreads = [segment_heterogeneity(each, MANY) for each in dealt]
    assert np.mean([each.exceeds(10) for each in spreads]) < 0.02
    assert np.mean([each.interval()[0] < 1 for each in spreads]) > 0.8
    assert segment_heterogeneity(CAREERS, MANY).interval()[0] > 10


def test_random_segments_keep_sizes_and_scores():
    dealt = random_segments(CAREERS, MANY, random_seed=1)
    for names in (MANY, ["score"]):
        sizes = [each.groupby(names, observed=True)["n"].sum() for each in (CAREERS, dealt)]
        assert sizes[0].to_dict() == sizes[1].to_dict()
    assert dealt.attrs["rating_scale"] == CAREERS.attrs["rating_scale"]
    assert not dealt.equals(random_segments(CAREERS, MANY, random_seed=2))


def test_predictions():
    table = predictions(CAREERS, "country")
    assert table["raw"].to_dict() == nps(CAREERS, by="country")["nps"].to_dict()
    assert (table["pooled"] == nps(CAREERS).loc["all", "nps"]).all()
    inward = (table["partially pooled"] - table["raw"]) * (table["pooled"] - table["raw"])
    assert (inward.drop(["Germany", "United Kingdom"]) > 0).all()


def test_prediction_error_by_hand():
    test = pd.DataFrame({"group": ["a", "b"] * 2, "score": [10, 10, 3, 3], "n": [60, 50, 40, 150]})
    predicted = pd.DataFrame(
        {"raw": [20.0, -40.0], "pooled": 0.0, "partially pooled": 10.0}, index=["a", "b"]
    )
    table = nps(test, by="group")
    noise = (100 * table["se"].iloc[0] ** 2 + 200 * table["se"].iloc[1] ** 2) / 300
    error = prediction_error(predicted, test, "group")
    assert error["raw"] == pytest.approx(200 * 10**2 / 300 - noise)
    assert error["pooled"] == pytest.approx((100 * 20**2 + 200 * 50**2) / 300 - noise)


def test_a_common_move_does_not_count_where_distances_are_compared():
    table = predictions(CAREERS, "country")
    moved = table.assign(raw=table["raw"] + 9)
    errors = [prediction_error(each, CAREERS, "country", relative=True) for each in (table, moved)]
    assert errors[0]["raw"] == pytest.approx(errors[1]["raw"])


def test_partial_pooling_predicts_best_where_segments_differ_and_where_not():
    real = split_half_errors(CAREERS, MANY, splits=20, random_seed=1).mean()
    lots = random_segments(CAREERS, MANY, random_seed=3)
    control = split_half_errors(lots, MANY, splits=20, random_seed=1).mean()
    assert real["partially pooled"] < real["raw"] < real["pooled"]
    assert control["pooled"] < control["raw"]
    assert abs(control["partially pooled"]) < 0.3 * control["raw"]


def test_two_groups_have_no_spread():
    with pytest.raises(ValueError, match="three groups or more; found 2"):
        heterogeneity([1, 2], [1, 1])


def test_groups_without_error_are_refused():
    with pytest.raises(ValueError, match=r"found 2.0 and 0.0 at row 1. Leave the group out"):
        heterogeneity([1, 2, 3], [1, 0, 1])


def test_tables_without_common_segments_are_refused():
    other = CAREERS.assign(country="Atlantis")
    with pytest.raises(ValueError, match="no segment of country is in both tables"):
        prediction_error(predictions(CAREERS, "country"), other, "country")
