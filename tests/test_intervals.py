from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

from nps_research.intervals import METHODS, interval, interval_kind

REFERENCE = pd.read_csv(
    Path(__file__).parent / "reference" / "nps_interval_reference.csv"
).set_index("vector")
NPS = np.array([-1.0, 0.0, 1.0])
GROUPS = REFERENCE[["detractors", "passives", "promoters"]].to_numpy()
SCORES = REFERENCE[[f"c{score}" for score in range(11)]].to_numpy()
ROUNDING = 6e-7  # the reference has six decimals
Z = special.ndtri(0.975)

NPS_COLUMNS = {
    ("wald", "jeffreys"): ["nps", "nps_se", "wald_lo", "wald_hi"],
    ("adjusted_wald", "jeffreys"): ["nps", "adjwald_se", "adjwald_lo", "adjwald_hi"],
    ("score", "jeffreys"): ["nps", "nps_se", "score_lo", "score_hi"],
    ("dirichlet", "jeffreys"): [
        "nps",
        "dir_jeffreys_sd",
        "dir_jeffreys_q025",
        "dir_jeffreys_q975",
    ],
    ("dirichlet", "uniform"): ["nps", "dir_uniform_sd", "dir_uniform_q025", "dir_uniform_q975"],
}


@pytest.mark.parametrize(("method", "prior"), NPS_COLUMNS)
def test_nps_agrees_with_other_software(method, prior):
    result = np.transpose(interval(NPS, GROUPS, method, truncate=False, prior=prior))
    expected = REFERENCE[NPS_COLUMNS[method, prior]].to_numpy()
    assert result == pytest.approx(expected, abs=ROUNDING)


def test_iterative_score_limits_of_other_software_differ_in_the_last_digit():
    result = np.transpose(interval(NPS, GROUPS, "score")[2:])
    expected = REFERENCE[["score_iterative_lo", "score_iterative_hi"]].to_numpy()
    assert result == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("prior", "count"), [("jeffreys", 0.5), ("uniform", 1.0)])
def test_posterior_mean_and_median_agree_with_other_software(prior, count):
    shape = GROUPS + count
    mean = shape @ NPS / shape.sum(axis=1)
    assert mean == pytest.approx(REFERENCE[f"dir_{prior}_mean"], abs=ROUNDING)
    median = np.mean(interval(NPS, GROUPS, "dirichlet", 1e-7, prior=prior)[2:], axis=0)
    assert median == pytest.approx(REFERENCE[f"dir_{prior}_q50"], abs=ROUNDING)


def test_variance_and_boxes_agree_with_other_software():
    variance = interval(NPS, GROUPS, "wald").se ** 2 * GROUPS.sum(axis=1)
    assert variance == pytest.approx(REFERENCE["nps_var"], abs=ROUNDING)
    for column, k in {"top_box": 1, "top2_box": 2}.items():
        box = (np.arange(11) > 10 - k).astype(float)
        assert interval(box, SCORES, "wald").estimate == pytest.approx(
            REFERENCE[column], abs=ROUNDING
        )


def test_mean_agrees_with_other_software():
    result = interval(np.arange(11), SCORES, "t")
    assert result.estimate == pytest.approx(REFERENCE["mean"], abs=ROUNDING)
    assert result.se == pytest.approx(REFERENCE["se_mean"], abs=ROUNDING, nan_ok=True)
    sd = result.se * np.sqrt(SCORES.sum(axis=1))
    assert sd == pytest.approx(REFERENCE["sd"], abs=ROUNDING, nan_ok=True)


@pytest.mark.parametrize(("successes", "n"), [(0, 7), (3, 10), (10, 10), (412, 1000)])
def test_score_of_two_classes_is_wilson(successes, n):
    result = interval([0, 1], [[n - successes, successes]], "score")
    expected = stats.binomtest(successes, n).proportion_ci(method="wilson")
    assert [result.lower[0], result.upper[0]] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [1, 25, 10**6])
def test_score_limit_when_all_answers_are_promoters(n):
    result = interval(NPS, [[0, 0, n]], "score")
    assert result.lower[0] == pytest.approx((n - Z**2) / (n + Z**2), abs=1e-12)
    assert result.upper[0] == 1


def score_statistic(theta, answers):
    """Brute force: maximise the likelihood along the one free share."""

    def loss(detractors):
        shares = np.array([detractors, 1 - theta - 2 * detractors, detractors + theta])
        return -special.xlogy(answers, shares.clip(min=0)).sum()

    bounds = (max(0.0, -theta), (1 - theta) / 2)
    best = optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-12})
    n = answers.sum()
    return n * (answers @ NPS / n - theta) ** 2 / (2 * best.x + theta - theta**2)


@pytest.mark.parametrize("answers", [[1, 2, 3], [12, 31, 57], [0, 5, 9], [4, 0, 6], [0, 25, 0]])
def test_score_statistic_at_the_limits(answers):
    result = interval(NPS, [answers], "score")
    for limit in (result.lower[0], result.upper[0]):
        assert score_statistic(limit, np.array(answers)) == pytest.approx(Z**2, rel=1e-6)


def test_adjusted_wald_of_two_classes_adds_half_z_squared():
    result = interval([0, 1], [[2, 8]], "adjusted_wald")
    share = (8 + Z**2 / 2) / (10 + Z**2)
    half_width = Z * np.sqrt(share * (1 - share) / (10 + Z**2))
    assert result.lower[0] == pytest.approx(share - half_width)
    assert interval([0, 1], [[0, 10]], "adjusted_wald").upper[0] == 1


@pytest.mark.parametrize(("prior", "count"), [("jeffreys", 0.5), ("uniform", 1), (0.2, 0.2)])
def test_dirichlet_of_two_classes_is_beta(prior, count):
    result = interval([0, 5], [[2, 8]], "dirichlet", prior=prior)
    expected = 5 * stats.beta(8 + count, 2 + count).ppf([0.025, 0.975])
    assert [result.lower[0], result.upper[0]] == pytest.approx(expected)


def test_t_interval_is_that_of_the_single_answers():
    answers = np.repeat([0.0, 3, 10], [2, 4, 9])
    result = interval([0, 3, 10], [[2, 4, 9]], "t", 0.9)
    expected = stats.ttest_1samp(answers, 0).confidence_interval(0.9)
    assert [result.lower[0], result.upper[0]] == pytest.approx(list(expected))


def test_bootstrap_follows_its_seed_and_the_wald_interval():
    first = interval(NPS, [[120, 310, 570]], "bootstrap", random_seed=1)
    assert first == interval(NPS, [[120, 310, 570]], "bootstrap", random_seed=1)
    wald = interval(NPS, [[120, 310, 570]], "wald")
    assert first.lower[0] == pytest.approx(wald.lower[0], abs=0.004)
    assert first.se[0] == pytest.approx(wald.se[0], rel=0.03)


@pytest.mark.parametrize("method", ["wald", "bootstrap"])
def test_some_methods_degenerate_when_all_answers_agree(method):
    result = interval(NPS, [[0, 0, 25]], method)
    assert result.lower == result.upper == 1


def outcomes(n):
    pairs = [(d, p) for d in range(n + 1) for p in range(n + 1 - d)]
    return np.array([(d, n - d - p, p) for d, p in pairs])


def coverage(method, n, truth):
    """Sum the probabilities of all outcomes whose interval holds the truth."""
    answers = outcomes(n)
    result = interval(NPS, answers, method)
    holds = (result.lower <= truth @ NPS) & (truth @ NPS <= result.upper)
    return stats.multinomial(n, truth).pmf(answers)[holds].sum()


TRUTHS = [np.array(truth) for truth in ([0.1, 0.3, 0.6], [0.02, 0.08, 0.9], [0.4, 0.2, 0.4])]


@pytest.mark.parametrize("n", [5, 10, 20])
def test_exact_coverage(n):
    found = {
        method: np.array([coverage(method, n, truth) for truth in TRUTHS])
        for method in ("wald", "adjusted_wald", "score", "dirichlet")
    }
    assert found["wald"].min() < 0.88
    for method in ("adjusted_wald", "score", "dirichlet"):
        assert found[method].min() > 0.91


@pytest.mark.parametrize("method", METHODS)
def test_a_group_without_answers_is_missing_and_disturbs_no_other(method):
    both = np.array(interval(NPS, [[0, 0, 0], [3, 4, 5]], method, random_seed=1))
    alone = np.array(interval(NPS, [[3, 4, 5]], method, random_seed=1))
    assert np.isnan(both[:, 0]).all()
    assert both[:, 1:] == pytest.approx(alone, abs=1e-12)


def test_limits_stay_in_the_possible_range_unless_told_otherwise():
    assert interval(NPS, [[1, 1, 3]], "wald").upper[0] == 1
    assert interval(NPS, [[1, 1, 3]], "wald", truncate=False).upper[0] > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "exact"}, "unknown interval method 'exact'.*wald.*dirichlet"),
        ({"level": 95}, "level must be between 0 and 1; found 95"),
        ({"prior": "flat"}, "unknown prior 'flat'"),
        ({"prior": 0}, "prior count must be positive"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        interval(NPS, [[1, 2, 3]], **arguments)


def test_no_adjusted_wald_interval_of_a_mean_is_known():
    with pytest.raises(ValueError, match="no adjusted Wald interval is published for 11 classes"):
        interval(np.arange(11), SCORES, "adjusted_wald")


def test_kind_names_mass_and_method():
    assert interval_kind("adjusted_wald", 0.95) == "95 % confidence interval, adjusted Wald"
    assert interval_kind("dirichlet", 0.95, "uniform").endswith("credible interval, Dirichlet(1)")
