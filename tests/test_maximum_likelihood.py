"""Maximum likelihood against R's ordinal, and on data where estimates do not exist."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import nps_research as npsr
from nps_research.ordinal import kernel
from nps_research.ordinal.marginal_likelihood import MarginalLikelihood
from nps_research.ordinal.maximum_likelihood import EstimationWarning

REFERENCE = Path(__file__).parent / "reference"
SCALES = {
    "wine": npsr.RatingScale(1, 5),
    "housing": npsr.RatingScale(1, 3, 1, 3),
    "trolley": npsr.RatingScale(1, 7),
    "stackoverflow_2017": npsr.RatingScale(),
    "inhaler": npsr.RatingScale(1, 4, 2, 4),
}
LEVELS = {
    "influence": ["Low", "Medium", "High"],
    "type": ["Tower", "Apartment", "Atrium", "Terrace"],
    "contact": ["Low", "High"],
}


def published():
    """One entry a reference model of this family: data set, formula, link and its rows."""
    table = pd.read_csv(REFERENCE / "ordinal_ml_reference.csv")
    known = table["dataset"].isin(SCALES) & table["link"].isin(["logit", "probit"])
    plain = ~table["model"].str.contains(",|\\|")
    groups = table[known & plain].groupby(["dataset", "model", "link"])
    return [pytest.param(*key, rows, id="-".join(key)) for key, rows in groups]


def counts_of(dataset):
    table = pd.read_csv(REFERENCE / f"{dataset}_counts.csv")
    if dataset == "housing":
        table = table.assign(**{name: pd.Categorical(table[name], LEVELS[name]) for name in LEVELS})
    return table


def wine_by_judge():
    counts = pd.read_csv(REFERENCE / "wine_judge_counts.csv")
    return npsr.OrdinalModel(
        "score ~ temp + contact + (1 | judge)", counts, rating_scale=SCALES["wine"]
    )


@pytest.mark.parametrize(("dataset", "formula", "link", "rows"), published())
def test_estimates_match_ordinal(dataset, formula, link, rows):
    model = npsr.OrdinalModel(formula, counts_of(dataset), rating_scale=SCALES[dataset], link=link)
    found = model.maximum_likelihood()
    np.testing.assert_allclose(found.estimates["estimate"], rows["estimate"], atol=5e-5)
    np.testing.assert_allclose(found.estimates["se"], rows["se"], atol=5e-5)
    assert found.log_likelihood == pytest.approx(rows["loglik"].iloc[0], abs=1e-6)


def test_there_are_as_many_reference_models_as_the_file_has():
    assert len(published()) == 13


@pytest.mark.parametrize(("method", "points"), [("Laplace", 1), ("AGQ10", 10)])
def test_a_group_intercept_matches_ordinal(method, points):
    table = pd.read_csv(REFERENCE / "ordinal_ml_reference.csv")
    rows = table[table["model"] == f"score ~ temp + contact + (1|judge), {method}"]
    model = wine_by_judge()
    found = model.maximum_likelihood(quadrature_points=points).estimates
    np.testing.assert_allclose(found["estimate"][: len(rows)], rows["estimate"], atol=5e-5)
    np.testing.assert_allclose(found["se"][:6], rows["se"][:6], atol=5e-5)
    assert found.index[-1] == "sd(judge)"


def test_the_log_likelihood_of_a_group_intercept_matches_ordinal():
    # Not for Laplace: clmm's own search for the modes stops early, which moves its value by 3e-6.
    found = wine_by_judge().maximum_likelihood()
    assert found.log_likelihood == pytest.approx(-81.5324607117, abs=1e-6)


def test_quadrature_agrees_with_brute_force():
    counts = pd.DataFrame({"g": list("aabbb"), "score": [1, 2, 2, 3, 1], "n": [3, 4, 2, 6, 1]})
    model = npsr.OrdinalModel("score ~ (1 | g)", counts, rating_scale=npsr.RatingScale(1, 3, 1, 3))
    likelihood = MarginalLikelihood(
        model.link, model.design.counts, model.design.predictors, np.array([0, 1]), 30
    )
    cutpoints, sd, grid = np.array([-0.8, 0.7]), 1.3, np.linspace(-9, 9, 4001)
    total = 0.0
    for cell in model.design.counts:
        log_p = kernel.log_probabilities(model.link, sd * grid, cutpoints)
        total += np.log(integrate.simpson(np.exp(log_p @ cell) * stats.norm.pdf(grid), x=grid))
    assert likelihood(np.array([*cutpoints, sd])) == pytest.approx(total, abs=1e-9)


@pytest.mark.parametrize("group", ["", " + (1 | language)"])
@pytest.mark.parametrize(
    ("centre", "unit"), [(2017.0, 1.0), (0.0, 1e6), (0.0, 1e-8), (201700.0, 1.0)]
)
def test_units_of_a_predictor_do_not_matter(group, centre, unit):
    counts = npsr.load_counts("sfo_airport")
    plain = counts.assign(x=(counts["year"] == "2018").astype(float))
    other = plain.assign(x=centre + unit * plain["x"])
    one, two = (
        npsr.OrdinalModel(f"score ~ x{group}", table).maximum_likelihood().estimates.loc["x"]
        for table in (plain, other)
    )
    np.testing.assert_allclose(unit * two["estimate"], one["estimate"], rtol=1e-4)
    np.testing.assert_allclose(unit * two["se"], one["se"], rtol=1e-4)


def test_groups_that_do_not_differ_are_reported():
    counts = pd.DataFrame({"g": list("aabb"), "score": [3, 9, 3, 9], "n": [40, 60, 40, 60]})
    with pytest.warns(EstimationWarning, match="no more than chance"):
        found = npsr.OrdinalModel("score ~ (1 | g)", counts).maximum_likelihood()
    assert np.isnan(found.estimates.loc["sd(g)", "se"])
    plain = npsr.OrdinalModel("score ~ 1", counts).maximum_likelihood()
    assert found.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-4)


def test_rows_and_counts_give_the_same_estimates():
    counts = counts_of("wine")
    rows = counts.loc[counts.index.repeat(counts["n"])].drop(columns="n")
    scale = SCALES["wine"]
    first, second = (
        npsr.OrdinalModel("score ~ temp + contact", table, rating_scale=scale).maximum_likelihood()
        for table in (counts, rows)
    )
    pd.testing.assert_frame_equal(first.estimates, second.estimates, rtol=1e-12)


def test_scale_is_taken_over_respondents_not_cells():
    counts = pd.DataFrame({"x": [0.0, 0.0, 1.0, 5.0], "score": [3, 9, 8, 10], "n": [50, 40, 9, 2]})
    rows = counts.loc[counts.index.repeat(counts["n"])].drop(columns="n")
    first, second = (
        npsr.OrdinalModel("score ~ scale(x)", table).maximum_likelihood()
        for table in (counts, rows)
    )
    pd.testing.assert_frame_equal(first.estimates, second.estimates, rtol=1e-10)


def test_scores_that_nobody_gave_change_nothing():
    plain = counts_of("wine")
    wide = plain.assign(score=plain["score"] * 2)
    estimates = [
        npsr.OrdinalModel("score ~ temp", table, rating_scale=scale).maximum_likelihood()
        for table, scale in ((plain, SCALES["wine"]), (wide, npsr.RatingScale(0, 12, 6, 9)))
    ]
    assert estimates[0].log_likelihood == pytest.approx(estimates[1].log_likelihood, abs=1e-9)
    cutpoints = estimates[1].estimates["estimate"]
    assert cutpoints["cutpoint[0|1]"] == -np.inf
    assert cutpoints["cutpoint[10|11]"] == np.inf
    assert cutpoints["cutpoint[4|5]"] == cutpoints["cutpoint[5|6]"]
    assert cutpoints["temp[warm]"] == pytest.approx(
        estimates[0].estimates.loc["temp[warm]", "estimate"], abs=1e-8
    )


def test_covariance_belongs_to_the_estimated_terms():
    model = npsr.OrdinalModel("score ~ temp", counts_of("wine"), rating_scale=SCALES["wine"])
    found = model.maximum_likelihood()
    expected = found.estimates.loc[found.covariance.index, "se"]
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), expected)


def test_a_group_at_the_end_of_the_scale_is_reported():
    counts = pd.DataFrame({"group": ["a", "a", "b"], "score": [3, 9, 10], "n": [20, 30, 15]})
    with pytest.warns(EstimationWarning, match=r"group\[b\]: no finite logit estimate"):
        npsr.OrdinalModel("score ~ group", counts).maximum_likelihood()


@pytest.mark.parametrize(
    ("formula", "counts", "message"),
    [
        (
            "score ~ a + b",
            {"a": ["x", "y"] * 2, "b": ["p", "q"] * 2, "score": [1, 2, 3, 4]},
            r"1 of the 2 terms .* linear combinations of the others, first 'b\[q\]'",
        ),
        ("score ~ 1", {"score": [7, 7]}, "all 2 answers are 7: there is nothing to estimate"),
        (
            "score ~ (1 | a) + (1 | b)",
            {"a": ["x", "y"], "b": ["p", "q"], "score": [1, 2]},
            "takes one group intercept; found 2",
        ),
    ],
)
def test_models_without_an_estimate_are_refused(formula, counts, message):
    model = npsr.OrdinalModel(formula, pd.DataFrame(counts))
    with pytest.raises(ValueError, match=message):
        model.maximum_likelihood()


def test_sfo_year_contrast_is_negative():
    found = npsr.OrdinalModel(
        "score ~ year + mode", npsr.load_counts("sfo_airport")
    ).maximum_likelihood()
    assert (
        found.estimates.loc["year[2018]", "estimate"] < -3 * found.estimates.loc["year[2018]", "se"]
    )
    assert found.aic == pytest.approx(2 * 13 - 2 * found.log_likelihood)
