"""Detectors of too many 10: closed forms, brute force, and no alarm about honest change."""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, optimize, special, stats

from nps_research.detection import agent_locations, agent_outliers
from nps_research.detection.agent_answers import agent_answers, indicator
from nps_research.detection.agent_outliers import funnel_limits
from nps_research.detection.fingerprint import fingerprint
from nps_research.detection.fingerprint_mixture import _kind_weights, fingerprint_mixture
from nps_research.detection.honest_change import honest_change, t_as_normal
from nps_research.detection.simulated_agents import SHARES, AgentWorld
from nps_research.detection.ten_share import ten_residual, ten_share
from nps_research.scale import RatingScale

DETECTORS = [ten_share, ten_residual, agent_outliers.agent_outliers, fingerprint]
SMALL = AgentWorld(treated=20, untreated=10)


def table(rows):
    return pd.DataFrame(rows, columns=["agent", "post", "score", "n"])


def two_periods(before, after, agents=1):
    rows = [
        (agent, post, score, n)
        for agent in range(agents)
        for post, answers in enumerate((before, after))
        for score, n in answers.items()
    ]
    return table(rows)


def flagged(detector, world, numbers, *, gaming=False):
    """Return the share of treated agents above the 95 % point, gamers or all of them."""
    shares = []
    for number in numbers:
        made = world.simulate(number)
        high = detector(made.counts)["z"].to_numpy() > 1.645
        treated = np.arange(len(high)) < world.treated
        shares.append(high[treated & (made.gamer.to_numpy() | (not gaming))].mean())
    return np.mean(shares)


def test_answers_and_silence_are_counted_by_agent_and_period():
    counts = table([("b", 1, 10, 3), ("a", 0, 0, 2), ("a", 1, None, 5), ("a", 0, 0, 1)])
    read = agent_answers(counts.assign(channel=[1, 2, 3, 4]))
    assert read.agents.tolist() == ["a", "b"]
    assert read.answers[0, 0, 0] == 3
    assert read.answers[1, 1, 10] == 3
    assert read.silent.tolist() == [[0, 5], [0, 0]]
    assert read.treated is None


@pytest.mark.parametrize("cells", [[0, 1], [False, True], ["0", "1"], [0.0, 1.0]])
def test_indicators_are_read_as_they_come(cells):
    assert indicator(pd.DataFrame({"post": cells}), "post").tolist() == [0, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"post": [0, 2]}, "post must be 0 or 1; found 1 that are not, first 2"),
        ({"post": [0, 0]}, r"no answers after .* \(post = 1\)"),
        ({"post": [1, 1]}, r"no answers before .* \(post = 0\)"),
        ({"treated": [0, 1]}, "agent 'a' is in rows with treated = 0 and with treated = 1"),
        ({"treated": [0, None]}, "treated must be 0 or 1"),
        ({"agent": ["a", None]}, "agent must name somebody"),
    ],
)
def test_bad_tables_are_refused(change, message):
    counts = table([("a", 0, 9, 5), ("a", 1, 9, 5)]).assign(**change)
    with pytest.raises(ValueError, match=message):
        agent_answers(counts)


def test_untreated_agents_are_the_reference():
    generator = np.random.default_rng(1)
    se = generator.uniform(0.1, 0.4, 4000)
    estimate = 0.3 + generator.normal(0, np.hypot(se, 0.25))
    treated = np.arange(4000) >= 3000
    found = honest_change(estimate + 5.0 * treated, se, treated)
    assert found.mean == pytest.approx(0.3, abs=0.02)
    assert found.sd == pytest.approx(0.25, abs=0.02)
    assert found.freedom == 2999


def test_spread_of_untreated_agents_solves_paule_and_mandel():
    estimate = np.array([0.9, -0.4, 0.1, 0.6, -0.9, 0.3, 0.0, 0.5])
    se = np.linspace(0.1, 0.3, 8)
    found = honest_change(estimate, se, np.zeros(8, bool))
    weight = 1 / (se**2 + found.sd**2)
    assert weight @ (estimate - found.mean) ** 2 == pytest.approx(7, rel=1e-6)


def test_a_few_gamers_hardly_move_the_lower_half():
    generator = np.random.default_rng(2)
    estimate = generator.normal(0, 0.5, 5000)
    found = honest_change(estimate + 3.0 * (np.arange(5000) < 500), np.full(5000, 0.3))
    assert found.mean == pytest.approx(0.0, abs=0.1)
    assert found.sd == pytest.approx(0.4, abs=0.06)


def test_few_untreated_agents_are_no_reference():
    found = honest_change(np.zeros(20), np.ones(20), np.arange(20) >= 5)
    assert found.reference == "the lower half of 20 agents"


def test_normal_scores_have_the_tails_of_t():
    scores = t_as_normal(np.array([-3.0, 1.0, 4.0]), 7.0)
    np.testing.assert_allclose(stats.norm.sf(scores), stats.t.sf([-3.0, 1.0, 4.0], 7))


def test_ten_share_is_a_difference_of_log_odds():
    counts = two_periods({10: 30, 8: 50, 6: 10, 2: 9}, {10: 60, 9: 40, 0: 7}, 9)
    counts.loc[counts["agent"].eq(0) & counts["score"].eq(10) & counts["post"].eq(1), "n"] = 200
    found = ten_share(counts)
    change = np.log(200.5 / 40.5) - np.log(60.5 / 40.5)
    assert found.loc[0, "estimate"] == pytest.approx(change)
    expected = 1 / 200.5 + 1 / 40.5 + 1 / 30.5 + 1 / 60.5
    assert found.loc[0, "se"] == pytest.approx(np.sqrt(expected))
    assert found.loc[1:, "z"].abs().max() == 0


def test_other_scales_have_their_own_top():
    counts = two_periods({5: 30, 4: 50}, {5: 60, 3: 40}, 9)
    counts.attrs["rating_scale"] = RatingScale(1, 5)
    assert ten_share(counts)["estimate"].tolist() == [0] * 9


@pytest.mark.parametrize("detector", DETECTORS)
def test_agents_with_too_few_answers_are_missing(detector):
    made = SMALL.simulate(1).counts
    few = made["agent"].eq(3) & made["post"].eq(1) & made["score"].notna()
    found = detector(made[~few])
    assert np.isnan(found.loc[3, "z"])
    assert found.attrs["too_few"] == found["z"].isna().sum() < 4
    assert {"estimate", "se", "z", "n"} <= set(found)
    assert {"signature", "reference", "innocent"} <= set(found.attrs)


def test_locations_are_the_modes_of_the_truncated_likelihood():
    cuts = np.array([-1.0, -0.3, 0.4, 1.1])
    rest = np.array([8.0, 5, 9, 11])

    def loss(location):
        shares = np.diff(stats.norm.cdf(cuts - location), prepend=0.0)
        return -rest @ np.log(shares / shares.sum()) + location**2 / 2

    mode, precision = agent_locations._modes(rest, cuts)
    assert mode == pytest.approx(optimize.minimize_scalar(loss).x, abs=1e-6)
    curvature = (loss(mode + 1e-3) + loss(mode - 1e-3) - 2 * loss(mode)) / 1e-6
    assert precision == pytest.approx(curvature, rel=0.1)


def test_posterior_of_locations_is_that_of_a_bivariate_normal():
    own, pull = np.array([[4.0, 9.0]]), np.array([[1.2, -2.0]])
    centre, logs = np.array([[0.1, 0.4]]), np.log([0.5, 0.2])
    mean, covariance = agent_locations._posterior(own, pull, centre, logs)
    prior = np.array([[0.25, 0.25], [0.25, 0.29]])
    expected = np.linalg.inv(np.linalg.inv(prior) + np.diag(own[0]))
    np.testing.assert_allclose(covariance[0], expected)
    np.testing.assert_allclose(mean[0], expected @ (np.linalg.solve(prior, centre[0]) + pull[0]))


def test_marginal_likelihood_is_that_of_normal_summaries():
    own, pull, centre = np.array([[4.0, 9.0]]), np.array([[1.2, -2.0]]), np.array([[0.1, 0.4]])

    def density(logs):
        spread = np.exp(2 * logs)
        prior = np.array([[spread[0], spread[0]], [spread[0], spread.sum()]])
        return stats.multivariate_normal(centre[0], prior + np.diag(1 / own[0])).logpdf(
            (pull / own)[0]
        )

    first, second = np.log([0.5, 0.2]), np.log([0.3, 0.4])
    difference = agent_locations._log_marginal(own, pull, centre, first)
    difference -= agent_locations._log_marginal(own, pull, centre, second)
    assert difference == pytest.approx(density(first) - density(second))


@pytest.mark.parametrize("x", [-30.0, -1.3, 0.0, 2.2])
def test_slope_of_log_odds_is_the_difference_quotient(x):
    ends = agent_locations.normal_log_odds(np.array([x - 1e-4, x + 1e-4]))
    slope = agent_locations.slope_of_log_odds(np.array([x]))[0]
    assert slope == pytest.approx(np.diff(ends)[0] / 2e-4, rel=1e-5)


def test_better_service_is_no_residual():
    world = AgentWorld(improvement=0.5)
    assert flagged(ten_share, world, range(3)) > 0.2
    assert flagged(ten_residual, world, range(3)) < 0.1


def test_likelihood_of_tens_is_that_of_quadrature():
    predicted = agent_outliers._Prediction(np.array([-0.3]), np.array([0.4]))
    found = agent_outliers._likelihood(np.array([40.0]), np.array([80.0]), predicted)

    def integrand(odds, mass):
        share = special.expit(odds)
        share = share + mass * (1 - share)
        return stats.binom.pmf(40, 80, share) * stats.norm.pdf(odds, -0.3, 0.4)

    honest = integrate.quad(integrand, -3, 3, args=(0.0,))[0]
    assert found.honest[0] == pytest.approx(honest, rel=1e-5)
    mass = agent_outliers.MASSES[7]
    assert found.masses[0, 7] == pytest.approx(
        integrate.quad(integrand, -3, 3, (mass,))[0], rel=1e-5
    )


def test_outliers_are_ranked_by_probability():
    found = agent_outliers.agent_outliers(AgentWorld(mechanism="beg").simulate(3).counts)
    ordered = found.dropna().sort_values("rank")
    assert ordered["probability"].is_monotonic_decreasing
    assert ordered["probability"].between(0, 1).all()
    assert 0.1 < found.attrs["share"] < 0.6
    with pytest.raises(ValueError, match="threshold must be between 0 and 1; found 5"):
        agent_outliers.agent_outliers(SMALL.simulate(1).counts, threshold=5)


def test_probability_is_small_where_nobody_games():
    found = agent_outliers.agent_outliers(AgentWorld().simulate(4).counts)
    assert found["probability"].mean() < 0.1


def test_funnel_limits_are_wider_with_the_spread_of_honest_agents():
    found = ten_residual(AgentWorld(tilt_change_sd=0.4).simulate(1).counts)
    limits = funnel_limits(found)
    assert (limits["honest"] > limits["sampling"]).all()
    assert limits.attrs["interval"].startswith("95 % control limits")


def test_fingerprint_needs_the_silent():
    made = SMALL.simulate(1).counts
    with pytest.raises(ValueError, match="no row with a missing score"):
        fingerprint(made[made["score"].notna()])


def test_fingerprint_knows_what_selection_links():
    linked = fingerprint(
        AgentWorld(selection=1.5, change_sd=0.5, tilt_change_sd=0).simulate(1).counts
    )
    plain = fingerprint(AgentWorld(selection=0.0, change_sd=0.5).simulate(1).counts)
    assert linked.attrs["correlation"] > plain.attrs["correlation"] + 0.1
    se = np.sqrt((1 + linked.attrs["correlation"]) / 2)
    np.testing.assert_allclose(linked["z"], (linked["z_response"] + linked["z_tens"]) / 2 / se)


def test_mixture_finds_nobody_where_nobody_games():
    honest = fingerprint_mixture(AgentWorld().simulate(1).counts, resamples=19)
    assert honest.shares["none"] > 0.9
    assert honest.p_value > 0.05
    assert honest.table[["none", "incremental", "extreme"]].sum(axis=1).to_numpy() == pytest.approx(
        1
    )
    assert "compatible" in honest.text


def test_mixture_tells_extreme_from_incremental():
    made = AgentWorld().simulate(1).counts
    extreme = made["agent"].lt(8) & made["post"].eq(1)
    made.loc[extreme & made["score"].ne(10).fillna(value=True), "n"] //= 20
    made.loc[extreme & made["score"].eq(10).fillna(value=False), "n"] += 200
    found = fingerprint_mixture(made, resamples=0)
    assert found.shares["extreme"] == pytest.approx(0.1, abs=0.03)
    assert (found.table.loc[:7, "extreme"] > 0.9).all()
    assert (found.table.loc[8:, "extreme"] < 0.01).all()
    assert np.isnan(found.p_value)


def test_weights_of_kinds_are_distributions():
    np.testing.assert_allclose(_kind_weights().sum(axis=1), 1)


@pytest.mark.parametrize("detector", DETECTORS)
def test_honest_agents_are_rarely_flagged(detector):
    assert flagged(detector, AgentWorld(), range(12)) < 0.07


@pytest.mark.parametrize(
    ("detector", "mechanism", "least"),
    [
        (ten_share, "beg", 0.7),
        (ten_residual, "beg", 0.6),
        (agent_outliers.agent_outliers, "beg", 0.7),
        (fingerprint, "bribe", 0.9),
    ],
)
def test_gamers_are_often_flagged(detector, mechanism, least):
    world = AgentWorld(mechanism=mechanism)
    assert flagged(detector, world, range(4), gaming=True) > least


def test_an_agent_with_nothing_but_tens_is_not_left_out():
    made = SMALL.simulate(1).counts
    only = made["agent"].eq(3) & made["post"].eq(1) & made["score"].notna()
    made.loc[only & made["score"].eq(10).fillna(value=False), "n"] = 80
    found = ten_residual(made[~only | made["score"].eq(10).fillna(value=False)])
    assert found["z"].idxmax() == 3
    assert found.loc[3, "z"] > 2


def test_unknown_mechanisms_are_refused():
    with pytest.raises(ValueError, match="unknown mechanism 'begg'; did you mean 'beg'"):
        AgentWorld(mechanism="begg")


def test_simulated_shares_are_those_of_the_population():
    world = AgentWorld(treated=4000, untreated=0, selection=0.0, change_sd=0.0, tilt_sd=0.0)
    made = world.simulate(1).counts.dropna()
    shares = made[made["post"] == 0].groupby("score")["n"].sum()
    np.testing.assert_allclose(shares / shares.sum(), SHARES, atol=0.003)
