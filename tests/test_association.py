import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import nps_research as npsr
from nps_research.comparison.association import (
    correlation,
    correlation_density,
    correlation_posterior,
    error_covariance,
    metric_correlation,
    paired_metrics,
)
from nps_research.comparison.measured_pairs import MeasuredPairs

PUBLISHED = npsr.load_counts("published_distributions")
AIRPORT = np.array([24, 11, 24, 26, 24, 205, 133, 334, 601, 498, 770])


def test_paired_metrics_agree_with_the_metrics_themselves():
    pairs = paired_metrics(PUBLISHED, "id")
    for name, metric in (("nps", npsr.nps), ("mean_score", npsr.mean_score)):
        table = metric(PUBLISHED, by="id", method="t")
        assert pairs[name].to_numpy() == pytest.approx(table[name].to_numpy())
        error = pairs[name.removesuffix("_score") + "_se"]
        assert error.to_numpy() == pytest.approx(table["se"].to_numpy())


def test_covariance_of_the_errors_is_that_of_single_answers():
    counts = pd.DataFrame({"g": "a", "score": [2, 7, 10], "n": [3, 4, 5]})
    answers = np.repeat([2, 7, 10], [3, 4, 5])
    classes = 100 * np.repeat([-1, 0, 1], [3, 4, 5])
    expected = np.cov(classes, answers) / 12
    assert error_covariance(paired_metrics(counts, "g"))[0] == pytest.approx(expected)


def test_groups_of_one_answer_have_no_error_and_are_left_out():
    counts = pd.DataFrame({"g": ["a", "b", "b"], "score": [9, 3, 8], "n": [1, 1, 1]})
    assert paired_metrics(counts, "g").index.tolist() == ["b"]


def test_observed_correlation_over_the_published_distributions():
    wide = npsr.load_table("published_distributions")
    table = metric_correlation(PUBLISHED, "id")
    assert table.loc["observed", "correlation"] == pytest.approx(
        np.corrcoef(wide["nps"], wide["mean"])[0, 1], abs=1e-5
    )
    assert table.attrs["units"] == 17


def test_without_errors_all_correlations_are_the_observed_one():
    pairs = np.random.default_rng(1).multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 12)
    table = correlation(*pairs.T)
    r = stats.pearsonr(*pairs.T)
    found = table["correlation"].drop("sampling errors")
    assert found.to_numpy() == pytest.approx(np.full(3, r.statistic), abs=1e-5)
    interval = r.confidence_interval(0.95)
    assert table.loc["observed", ["lower", "upper"]].tolist() == pytest.approx(list(interval))


def test_profile_interval_without_errors_is_the_likelihood_ratio_interval():
    pairs = np.random.default_rng(1).multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 12)
    table = correlation(*pairs.T, level=0.9)
    r = table.loc["observed", "correlation"]
    limits = table.loc["true, likelihood", ["lower", "upper"]].to_numpy(dtype=float)
    # The maximum over means and deviations has the closed form -n/2 log of this.
    fall = 12 * np.log((1 - limits * r) ** 2 / ((1 - limits**2) * (1 - r**2)))
    assert fall == pytest.approx(np.full(2, stats.chi2(1).ppf(0.9)), rel=1e-4)


def test_likelihood_is_that_of_the_normal_distribution():
    rng = np.random.default_rng(3)
    pairs, errors = (
        rng.normal(size=(6, 2)),
        np.array([np.cov(rng.normal(size=(2, 9))) for _ in range(6)]),
    )
    model = MeasuredPairs(pairs, errors)
    true = np.array([[0.8**2, 0.3 * 0.8 * 1.1], [0.3 * 0.8 * 1.1, 1.1**2]])

    def log_likelihood(mean):
        terms = zip(model.pairs, model.errors, strict=True)
        return sum(stats.multivariate_normal(mean, true + v).logpdf(x) for x, v in terms)

    grid = [log_likelihood([a, b]) for a in np.linspace(-1, 1, 41) for b in np.linspace(-1, 1, 41)]
    at_best = model.log_likelihood([0.8, 1.1], 0.3)[0] - 6 * np.log(2 * np.pi)
    assert at_best == pytest.approx(max(grid), abs=0.01)
    assert at_best >= max(grid)


def test_errors_are_taken_out():
    rng = np.random.default_rng(5)
    covariance = np.array([[1.0, 0.8], [0.8, 1.0]])
    true = rng.multivariate_normal([0, 0], [[1, 0], [0, 1]], 400)
    measured = true + rng.multivariate_normal([0, 0], covariance, 400)
    table = correlation(*measured.T, np.broadcast_to(covariance, (400, 2, 2)))
    assert table.loc["observed", "correlation"] > 0.3
    assert table.loc["sampling errors", "correlation"] == pytest.approx(0.8)
    estimates = table.loc[["true, moments", "true, likelihood"], "correlation"]
    assert estimates.abs().max() < 0.15
    assert table.loc["true, likelihood", "lower"] < 0 < table.loc["true, likelihood", "upper"]


def dealt(seed, groups=30):
    drawn = np.random.default_rng(seed).multinomial(60, AIRPORT / AIRPORT.sum(), groups)
    table = pd.DataFrame(drawn).rename_axis("g").reset_index()
    return table.melt("g", var_name="score", value_name="n")


def test_groups_that_do_not_differ_say_nothing_about_the_true_correlation():
    tables = [metric_correlation(dealt(seed), "g") for seed in range(40)]
    assert min(table.loc["observed", "correlation"] for table in tables) > 0.7
    known = [table.loc["true, likelihood", "lower"] > -1 for table in tables]
    # Two tests at the 5 % level, of errors that go together.
    assert np.mean(known) <= 0.2


def test_slopes_of_the_likelihood():
    rng = np.random.default_rng(3)
    errors = np.broadcast_to([[0.2, 0.1], [0.1, 0.3]], (9, 2, 2))
    model = MeasuredPairs(rng.normal(size=(9, 2)), errors)
    _, slopes = model.log_likelihood([0.8, 1.1], 0.3)
    step = np.exp(1e-6)
    ends = [model.log_likelihood([0.8 * k, 1.1], 0.3)[0] for k in (step, 1 / step)]
    assert slopes[0] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6)
    ends = [model.log_likelihood([0.8, 1.1 * k], 0.3)[0] for k in (step, 1 / step)]
    assert slopes[1] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6)


def test_profile_interval_covers():
    rng = np.random.default_rng(11)
    error, true = np.array([[0.09, 0.07], [0.07, 0.09]]), np.array([[1, 0.9], [0.9, 1]])
    hits = 0
    for _ in range(20):
        pairs = rng.multivariate_normal([0, 0], true + error, 15)
        row = correlation(*pairs.T, np.broadcast_to(error, (15, 2, 2))).loc["true, likelihood"]
        hits += row["lower"] <= 0.9 <= row["upper"]
    # Fewer than 16 of 20 have a probability below 0.3 % if 95 % cover.
    assert hits >= 16


@pytest.mark.parametrize(("rho", "n"), [(0.0, 3), (0.5, 3), (-0.7, 4), (0.9, 5), (0.3, 30)])
def test_density_is_a_density(rho, n):
    # In terms of the angle the density has no infinite ends.
    mass = integrate.quad(
        lambda t: correlation_density(np.sin(t), rho, n) * np.cos(t), -np.pi / 2, np.pi / 2
    )
    assert mass[0] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("rho", "n"), [(0.5, 3), (-0.7, 4), (0.8, 8)])
def test_density_is_that_of_simulated_correlations(rho, n):
    drawn = np.random.default_rng(7).multivariate_normal([0, 0], [[1, rho], [rho, 1]], (40_000, n))
    centred = drawn - drawn.mean(axis=1, keepdims=True)
    xx, yy, xy = (
        np.einsum("ij,ij->i", centred[..., i], centred[..., j]) for i, j in ((0, 0), (1, 1), (0, 1))
    )
    below = (xy / np.sqrt(xx * yy) < 0.4).mean()
    expected = integrate.quad(
        lambda t: correlation_density(np.sin(t), rho, n) * np.cos(t), -np.pi / 2, np.arcsin(0.4)
    )[0]
    assert below == pytest.approx(expected, abs=4 * 0.5 / 200)


def test_uncorrelated_density_is_that_of_students_t():
    r = np.array([-0.6, 0.0, 0.3])
    expected = stats.beta(1.5, 1.5, -1, 2).pdf(r)
    assert correlation_density(r, 0.0, 5) == pytest.approx(expected)


@pytest.mark.parametrize(("r", "n"), [(0.86, 3), (-0.45, 4), (0.2, 25), (0.97, 2000)])
def test_posterior_is_prior_times_likelihood(r, n):
    rho = np.linspace(-1, 1, 400_003)[1:-1]
    weight = correlation_density(r, rho, n) * (1 - rho**2)
    cumulative = weight.cumsum() / weight.sum()
    row = correlation_posterior(r, n, prior=2.0, mass=0.8).iloc[0]
    limits = np.interp([0.1, 0.9], cumulative, rho)
    assert row[["lower", "upper"]].tolist() == pytest.approx(limits, abs=2e-4)
    assert row["correlation"] == pytest.approx(rho @ weight / weight.sum(), abs=2e-4)
    assert row["probability_positive"] == pytest.approx(
        weight[rho > 0].sum() / weight.sum(), abs=2e-4
    )


def test_posterior_is_fishers_interval_with_many_pairs():
    row = correlation_posterior(0.4, 4000).iloc[0]
    fisher = np.tanh(np.arctanh(0.4) + np.array([-1.96, 1.96]) / np.sqrt(3997))
    # The uniform prior and the bias of Fisher's z are of the order 1 / n.
    assert row[["lower", "upper"]].tolist() == pytest.approx(fisher, abs=2 / 4000)


def test_names_of_correlations_are_kept():
    table = correlation_posterior(pd.Series({"banking": 0.4, "gas": -0.45}), [3, 5])
    assert table.index.tolist() == ["banking", "gas"]
    assert table["n"].tolist() == [3, 5]
    assert "credible" in table.attrs["interval"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: correlation([1, 2, 3], [1, 3, 2]), "needs 4 of them or more; found 3"),
        (lambda: correlation([1, 2, 3, 4], [1, 1, 1, 1]), "the same for all units"),
        (lambda: correlation([1, 2, np.nan, 4], [1, 2, 3, 5]), "unit 2 is not finite"),
        (lambda: correlation([1, 2, 3, 4], [1, 2, 3, 5], np.eye(2)), "shape"),
        (lambda: correlation_density(0.5, 0.0, 2), "found n=2"),
        (lambda: correlation_posterior(1.0, 5), "found 1"),
        (lambda: correlation_posterior(0.5, 5, prior=0), "prior must be positive"),
    ],
)
def test_unusable_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
