from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import false_discovery_control, multivariate_hypergeom, multivariate_normal, norm

from nps_research.counts import random_split
from nps_research.datasets import load_counts
from nps_research.people.ranking import joint_scores, normal_scores
from nps_research.people.unit_flags import _exact_tails, accusations, flags, funnel, posterior_flags
from nps_research.people.unit_simulation import simulate_answers
from nps_research.people.units import units_like

SFO = load_counts("sfo_airport").query("year == '2018'")
R_COMMUNITY = load_counts("r_community")
SMALL = pd.DataFrame(
    {"agent": list("aaabbb"), "score": [2, 7, 10, 2, 7, 10], "n": [3, 1, 1, 1, 2, 4]}
)


def test_tails_are_those_of_all_ways_to_deal_the_answers():
    values = np.repeat([-1, 0, 1], [4, 3, 5])
    sums = np.array([values[list(hand)].sum() for hand in combinations(range(12), 5)])
    row = funnel(SMALL, "agent").loc["a"]
    assert row["p_low"] == pytest.approx((sums <= -2).mean())
    assert row["p_high"] == pytest.approx((sums >= -2).mean())


def test_funnel_has_the_moments_of_a_deal():
    generator = np.random.default_rng(1)
    hands = generator.multivariate_hypergeometric([4, 3, 5], 5, 100_000) @ [-100, 0, 100] / 5
    row = funnel(SMALL, "agent", level=0.9).loc["a"]
    width = (row["upper"] - row["lower"]) / 2 / norm.ppf(0.95)
    assert width == pytest.approx(hands.std(), rel=0.01)
    assert (row["upper"] + row["lower"]) / 2 == pytest.approx(100 / 12)
    assert row["z"] == pytest.approx((-40 - 100 / 12) / width)


@pytest.mark.parametrize("n", [7, 40])
def test_p_values_of_a_deal_are_never_too_small(n):
    """Every hand that one unit can get, weighted by its probability: no Monte Carlo error."""
    total = np.array([12, 15, 33])
    hands = [(d, n - d - p, p) for d in range(13) for p in range(34) if 0 <= n - d - p <= 15]
    chance = multivariate_hypergeom.pmf(hands, total, n)
    tails = _exact_tails(np.array(hands), total)
    p_value = np.minimum(2 * tails.min(axis=1), 1)
    assert chance.sum() == pytest.approx(1)
    for error in (0.01, 0.05, 0.2):
        assert chance[p_value <= error].sum() <= error
    assert chance[p_value <= 0.2].sum() > 0.05


@pytest.mark.parametrize("counts", [SFO, R_COMMUNITY], ids=["sfo", "r"])
@pytest.mark.parametrize(("rule", "error"), [("any", 0.05), ("share", 0.1)])
def test_units_without_differences_are_not_flagged_beyond_the_stated_error(counts, rule, error):
    """Random lots: if none differs, any flag is false, and the share of false ones is 1 or 0."""
    base = counts.groupby("score", as_index=False)["n"].sum()
    base.attrs = counts.attrs
    labels, replicates = [f"lot {number}" for number in range(20)], 120
    accused = [
        (
            flags(random_split(base, labels, random_seed=seed), "lot", rule, error)["flag"] != ""
        ).any()
        for seed in range(replicates)
    ]
    assert np.mean(accused) <= error + 3 * np.sqrt(error * (1 - error) / replicates)


def test_a_funnel_plot_flags_its_error_of_units_that_do_not_differ():
    labels = [f"lot {number}" for number in range(20)]
    rates = [
        (flags(random_split(SFO, labels, random_seed=seed), "lot", "each")["flag"] != "").mean()
        for seed in range(40)
    ]
    error = np.std(rates, ddof=1) / 40**0.5
    assert 0.03 - 4 * error < np.mean(rates) <= 0.05 + 4 * error


def test_real_differences_are_found_and_on_the_right_side():
    made = simulate_answers(units_like(SFO, 0.3), teams=1, agents=20, answers=300, random_seed=4)
    found = flags(made.counts, "agent")
    truth = made.truth["nps"] - made.truth["nps"].mean()
    assert (found["flag"] != "").sum() > 10
    assert (truth[found["flag"] == "low"] < 0).all()
    assert (truth[found["flag"] == "high"] > 0).all()


def test_rules_are_those_of_holm_and_of_benjamini_and_yekutieli():
    made = simulate_answers(units_like(SFO, 0.05), teams=1, agents=15, answers=80, random_seed=2)
    p = flags(made.counts, "agent")["p_value"].to_numpy()
    shared = flags(made.counts, "agent", "share", 0.2)["flag"].to_numpy() != ""
    assert (shared == (false_discovery_control(p, method="by") <= 0.2)).all()
    stepwise = np.maximum.accumulate(np.sort(p) * np.arange(15, 0, -1))
    wrong = flags(made.counts, "agent", "any", 0.3)["flag"].to_numpy()
    assert (wrong != "").sum() == (stepwise <= 0.3).sum()
    assert ((flags(made.counts, "agent", "each", 0.1)["flag"] != "") == (p <= 0.1)).all()


def test_units_without_answers_are_left_out_and_one_unit_is_no_comparison():
    empty = pd.DataFrame({"agent": ["c"], "score": [None], "n": [4]})
    table = funnel(pd.concat([SMALL, empty]), "agent")
    assert table.index.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="two units with answers; found 1 in 'agent'"):
        funnel(SMALL.query("agent == 'a'"), "agent")


def test_everybody_of_one_opinion_is_nobody_out_of_line():
    table = flags(pd.DataFrame({"agent": list("ab"), "score": 10, "n": [3, 90]}), "agent")
    assert table["z"].tolist() == [0, 0]
    assert table["p_value"].tolist() == [1, 1]


def test_unknown_rules_and_errors_are_refused():
    with pytest.raises(ValueError, match="unknown rule 'all'"):
        flags(SMALL, "agent", "all")
    with pytest.raises(ValueError, match="error must be between 0 and 1; found 5"):
        flags(SMALL, "agent", error=5)


@pytest.fixture
def draws():
    values = np.array([-3.0, -1.0, 0.2]) + np.random.default_rng(1).standard_normal((4, 2000, 3))
    return xr.DataArray(values, {"agent": list("abc")}, ("chain", "draw", "agent"), name="nps")


def test_posterior_flags_keep_the_expected_share_of_wrong_ones(draws):
    table = posterior_flags(draws, "agent", below=0.0, share=0.1)
    chance = norm.cdf([3.0, 1.0, -0.2])
    assert table.index.tolist() == ["a", "b", "c"]
    assert table["probability"].to_numpy() == pytest.approx(chance, abs=0.02)
    assert table["wrong_so_far"].iloc[1] == pytest.approx(1 - chance[:2].mean(), abs=0.01)
    assert table["flag"].tolist() == [True, True, False]
    assert posterior_flags(draws, "agent", below=0.0, share=0.01)["flag"].sum() == 1


def test_a_bar_may_have_draws_of_its_own(draws):
    table = posterior_flags(draws, "agent", below=draws.mean("agent") - 50)
    assert not table["flag"].any()
    with pytest.raises(ValueError, match="share must be between 0 and 1"):
        posterior_flags(draws, "agent", below=0.0, share=1.0)


@pytest.mark.parametrize(("reliability", "limit"), [(0.3, -1.0), (0.7, -1.645)])
def test_accusations_are_those_of_two_normals(reliability, limit):
    signal = np.sqrt(reliability)
    both = multivariate_normal(cov=[[1, signal], [signal, 1]])
    flagged = norm.cdf(limit)
    found = accusations(normal_scores(reliability), limit)
    false = flagged - both.cdf([0.0, limit])
    worst = both.cdf([norm.ppf(0.1), limit]) / 0.1
    assert found.flagged == pytest.approx(flagged, abs=2e-3)
    assert found.false_share == pytest.approx(false / flagged, abs=2e-3)
    assert found.false_rate == pytest.approx(2 * false, abs=2e-3)
    assert found.found == pytest.approx(worst, abs=1e-2)


def test_accusations_are_those_of_simulated_agents():
    units = units_like(SFO, 0.03)
    generator = np.random.default_rng(2)
    levels = units.agent_sd * generator.standard_normal(200_000)
    scores = (
        generator.multinomial(40, units.probabilities(levels))
        @ (100 * units.rating_scale.nps_values)
        / 40
    )
    found = accusations(joint_scores(units, 40), 10.0)
    low = scores < 10.0
    assert low.mean() == pytest.approx(found.flagged, abs=0.005)
    assert (levels[low] > 0).mean() == pytest.approx(found.false_share, abs=0.01)
    assert low[levels < np.quantile(levels, 0.1)].mean() == pytest.approx(found.found, abs=0.02)


def test_nobody_flagged_has_no_false_share():
    assert np.isnan(accusations(normal_scores(0.5), -99.0).false_share)
