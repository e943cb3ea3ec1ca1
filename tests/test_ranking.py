import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import multivariate_normal

from nps_research.datasets import load_counts
from nps_research.people.ranking import (
    chance_order_probability,
    joint_scores,
    normal_scores,
    order_probability,
    pair_probability,
    pairs_decided,
    rank_table,
    ranks,
    top_of_ranking,
)
from nps_research.people.unit_variance import components
from nps_research.people.units import metric_values, units_like

SFO = load_counts("sfo_airport").query("year == '2018'")
LEAGUES = 20_000


def leagues(share, n, agents, metric="nps", seed=1):
    """Levels and scores of many leagues of agents; equal scores are put in order by lot."""
    generator = np.random.default_rng(seed)
    units = units_like(SFO, share)
    levels = units.total_sd * generator.standard_normal((LEAGUES, agents))
    values = metric_values(metric, units.rating_scale)
    scores = generator.multinomial(n, units.probabilities(levels)) @ values / n
    return levels, scores + generator.uniform(-1e-7, 1e-7, scores.shape)


def close(hits, expected):
    """Whether a probability agrees with the share of hits within Monte Carlo error."""
    error = np.sqrt(max(expected * (1 - expected), 1 / len(hits)) / len(hits))
    return abs(np.mean(hits) - expected) < 4 * error


@pytest.mark.parametrize("metric", ["nps", "mean_score"])
@pytest.mark.parametrize("n", [5, 30, 300])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_pairs_and_orders_are_those_of_simulated_leagues(share, n, metric):
    levels, scores = leagues(share, n, 4, metric)
    joint = joint_scores(units_like(SFO, share), n, metric)
    right = (levels[:, 0] > levels[:, 1]) == (scores[:, 0] > scores[:, 1])
    assert close(right, pair_probability(joint))
    for agents in (3, 4):
        same = levels[:, :agents].argsort(axis=1) == scores[:, :agents].argsort(axis=1)
        assert close(same.all(axis=1), order_probability(joint, agents))


@pytest.mark.parametrize(("agents", "top"), [(10, 1), (20, 3), (6, 5)])
@pytest.mark.parametrize(("share", "n"), [(0.02, 20), (0.05, 60), (0.2, 200)])
def test_the_top_is_that_of_simulated_leagues(share, n, agents, top):
    levels, scores = leagues(share, n, agents)
    chosen = (-scores).argsort(axis=1).argsort(axis=1) < top
    belong = (-levels).argsort(axis=1).argsort(axis=1) < top
    found = top_of_ranking(joint_scores(units_like(SFO, share), n), agents, top)
    precise = (chosen & belong).sum(axis=1) / top
    poor = (chosen & (levels < 0)).sum(axis=1) / top
    for simulated, exact in ((precise, found.precision), (poor, found.below_average)):
        error = max(simulated.std(ddof=1), 1e-2) / LEAGUES**0.5
        assert simulated.mean() == pytest.approx(exact, abs=4 * error)
    assert found.luck == 1 - found.precision


@pytest.mark.parametrize("reliability", [0.05, 0.5, 0.9, 0.99])
def test_normal_pairs_have_a_closed_form(reliability):
    expected = 0.5 + np.arcsin(np.sqrt(reliability)) / np.pi
    assert pair_probability(normal_scores(reliability)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("reliability", [0.3, 0.8])
def test_normal_orders_of_three_are_orthants(reliability):
    """Both orders: differences of neighbours are positive in level and in score."""
    signal = np.sqrt(reliability)
    one = np.array([[2.0, -1.0], [-1.0, 2.0]])
    covariance = np.kron(np.array([[1.0, signal], [signal, 1.0]]), one)
    orthant = multivariate_normal(cov=covariance, seed=1, maxpts=10**6, abseps=1e-6).cdf(
        np.zeros(4)
    )
    assert order_probability(normal_scores(reliability), 3) == pytest.approx(6 * orthant, abs=2e-4)


@pytest.mark.parametrize("agents", [2, 5, 9])
def test_scores_without_reliability_rank_by_lot(agents):
    joint = normal_scores(1e-9)
    assert order_probability(joint, agents) == pytest.approx(
        chance_order_probability(agents), rel=1e-3
    )
    assert top_of_ranking(joint, agents, 1).precision == pytest.approx(1 / agents, abs=1e-3)
    assert top_of_ranking(joint, agents, 1).below_average == pytest.approx(0.5, abs=1e-3)


def test_joint_distribution_has_the_moments_of_the_components():
    units = units_like(SFO, 0.05)
    joint, parts = joint_scores(units, 40), components(units)
    assert joint.mass.sum() == pytest.approx(1)
    marginal = joint.mass.sum(axis=0)
    variance = marginal @ joint.scores**2 - (marginal @ joint.scores) ** 2
    assert variance == pytest.approx(parts.agent + parts.answer / 40, rel=1e-6)


def test_agents_who_do_not_differ_have_no_order():
    with pytest.raises(ValueError, match="no right order"):
        joint_scores(units_like(SFO, 0.0), 100)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: order_probability(normal_scores(0.5), 1), "two units or more; found 1"),
        (lambda: top_of_ranking(normal_scores(0.5), 5, 5), "top must be from 1 to 4"),
        (lambda: normal_scores(1.0), "between 0 and 1; found 1.0"),
    ],
)
def test_impossible_rankings_are_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()


@pytest.fixture
def draws():
    generator = np.random.default_rng(1)
    values = np.array([0.0, 1.0, 5.0]) + generator.standard_normal((2, 500, 3))
    coords = {"agent": ["a", "b", "c"]}
    return xr.DataArray(values, coords, ("chain", "draw", "agent"), name="nps")


def test_ranks_are_counted_draw_by_draw(draws):
    placed = ranks(draws, "agent").to_numpy().reshape(-1, 3)
    brute = 1 + (draws.to_numpy().reshape(-1, 1, 3) > draws.to_numpy().reshape(-1, 3, 1)).sum(
        axis=2
    )
    assert (placed == brute).all()
    table = rank_table(draws, "agent", top=1)
    assert table.index.tolist() == ["c", "b", "a"]
    assert table["rank"].tolist() == pytest.approx(brute.mean(axis=0)[::-1])
    assert table.loc["c", "top"] == (brute[:, 2] == 1).mean()
    assert table["above_median"].sum() == pytest.approx(1)
    assert table.attrs["interval"] == "95 % equal-tailed credible interval"


def test_equal_draws_share_a_rank():
    same = xr.DataArray(np.ones((1, 4, 2)), {"agent": [1, 2]}, ("chain", "draw", "agent"))
    assert (ranks(same, "agent") == 1.5).all()
    assert pairs_decided(same, "agent") == 0


def test_pairs_that_are_sure_are_counted(draws):
    values = draws.to_numpy().reshape(-1, 3)
    sure = [
        max((values[:, i] > values[:, j]).mean(), (values[:, i] < values[:, j]).mean()) >= 0.95
        for i, j in ((0, 1), (0, 2), (1, 2))
    ]
    assert pairs_decided(draws, "agent") == pytest.approx(np.mean(sure))
    assert pd.Series(sure).tolist() == [False, True, True]
