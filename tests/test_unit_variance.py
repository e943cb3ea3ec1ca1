import numpy as np
import pytest
from scipy import special, stats

from nps_research.datasets import load_counts
from nps_research.ordinal.draws import ScoreDraws
from nps_research.ordinal.model import OrdinalModel
from nps_research.people.unit_simulation import simulate_answers
from nps_research.people.unit_variance import (
    Components,
    component_table,
    components,
    components_of_fit,
    months_needed,
    reliability_bound,
)
from nps_research.people.units import Units, metric_values, units_like
from nps_research.scale import RatingScale

SFO = load_counts("sfo_airport").query("year == '2018'")
METRICS = ("nps", "mean_score", "top_box")
TRUTH = units_like(SFO, 0.08, 0.08)


def brute_force(units, n, metric, agents, seed):
    """True levels and scores of many agents."""
    generator = np.random.default_rng(seed)
    effects = units.total_sd * generator.standard_normal(agents)
    values = metric_values(metric, units.rating_scale)
    answers = generator.multinomial(n, units.probabilities(effects))
    return units.moments(values, effects)[0], answers @ values / n, effects


def correlation_error(sample_true, sample_score):
    """Squared correlation and its Monte Carlo standard error, by 20 batches."""
    pairs = zip(np.array_split(sample_true, 20), np.array_split(sample_score, 20), strict=True)
    batches = [np.corrcoef(*pair)[0, 1] ** 2 for pair in pairs]
    return np.mean(batches), np.std(batches, ddof=1) / 20**0.5


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n", [10, 50, 200])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_reliability_is_that_of_simulated_agents(share, n, metric):
    units = units_like(SFO, share)
    true, score, _ = brute_force(units, n, metric, 40_000, seed=int(1000 * share) + n)
    found, error = correlation_error(true, score)
    assert components(units, metric).reliability(n) == pytest.approx(found, abs=4 * error)


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_answers_needed_give_the_reliability_and_one_less_does_not(share):
    parts = components(units_like(SFO, share))
    n = int(parts.answers_needed(0.8))
    assert parts.reliability(n) >= 0.8 > parts.reliability(n - 1)
    true, score, _ = brute_force(units_like(SFO, share), n, "nps", 40_000, seed=7)
    found, error = correlation_error(true, score)
    assert found == pytest.approx(0.8, abs=4 * error + 1 / n)


def test_components_are_integrals_over_team_and_agent():
    units = units_like(SFO, 0.1, 0.2)
    values = metric_values("nps", units.rating_scale)
    at = np.linspace(-8, 8, 401)
    density = stats.norm.pdf(at) * (at[1] - at[0])
    mean = units.moments(values, units.team_sd * at[:, None] + units.agent_sd * at)[0]
    team_means = mean @ density
    expected = density @ (team_means - density @ team_means) ** 2
    assert components(units).team == pytest.approx(expected, rel=1e-6)
    own = density @ ((mean - team_means[:, None]) ** 2 @ density)
    assert components(units).agent == pytest.approx(own, rel=1e-6)


def test_variances_add_up_to_that_of_all_answers():
    parts = components(units_like(SFO, 0.1, 0.2), "mean_score")
    scores = SFO.groupby("score")["n"].sum()
    mean = scores @ scores.index.to_numpy(dtype=float) / scores.sum()
    variance = scores @ scores.index.to_numpy(dtype=float) ** 2 / scores.sum() - mean**2
    assert parts.total == pytest.approx(variance, rel=1e-6)


def test_latent_shares_are_given_and_scores_keep_less():
    units = units_like(SFO, 0.05, 0.02)
    latent = components(units, "latent")
    assert latent.share("team") == pytest.approx(0.02 + 0.05)
    assert latent.share("agent within team") == pytest.approx(0.05 / 0.98)
    for metric in METRICS:
        assert components(units, metric).share() < latent.share()


@pytest.mark.parametrize("n", [10, 100])
@pytest.mark.parametrize("metric", METRICS)
def test_no_score_exceeds_the_bound(n, metric):
    units = units_like(SFO, 0.05)
    _, score, effects = brute_force(units, n, metric, 40_000, seed=5)
    found, error = correlation_error(effects, score)
    assert found - 4 * error < reliability_bound(units, n)


def test_bound_is_the_reliability_of_a_latent_normal_answer():
    """With very many probit cuts an answer is its own latent level: information 1."""
    cuts = np.linspace(-6, 6, 400)
    units = Units(cuts, 0.5, 0.0, "probit", RatingScale(0, 400, 100, 300))
    assert reliability_bound(units, 8) == pytest.approx(8 * 0.25 / (1 + 8 * 0.25), abs=2e-4)


def test_teams_drawn_at_random_are_as_reliable_as_agents():
    parts = Components(0.0, 4.0, 96.0)
    assert parts.reliability(30, "team", agents=7) == pytest.approx(parts.reliability(30))
    apart = Components(2.0, 4.0, 96.0)
    assert apart.reliability(30, "team", agents=7) > apart.reliability(30)


def test_reliability_is_the_formula_of_spearman_and_brown():
    parts = Components(1.0, 4.0, 95.0)
    share = float(parts.share())
    expected = [n * share / (1 + (n - 1) * share) for n in (1, 10, 99)]
    assert parts.reliability([1, 10, 99]) == pytest.approx(expected)


def test_without_differences_no_number_of_answers_is_enough():
    parts = components(units_like(SFO, 0.0))
    assert parts.agent == pytest.approx(0.0, abs=1e-9)
    assert Components(0.0, 0.0, 9.0).answers_needed() == np.inf
    assert Components(0.0, 0.0, 9.0).reliability(1000) == 0


def test_unusable_numbers_are_refused():
    parts = Components(0.0, 1.0, 9.0)
    with pytest.raises(ValueError, match="between 0 and 1; found 80"):
        parts.answers_needed(80)
    with pytest.raises(ValueError, match="unknown level 'Team'"):
        parts.reliability(3, "Team")
    with pytest.raises(ValueError, match="found 40 and 0"):
        months_needed(100, 40, 0)


@pytest.fixture(scope="module")
def fit():
    """Draws that have converged (the warning that they have not is an error), every tenth."""
    made = simulate_answers(TRUTH, teams=15, agents=4, answers=100, random_seed=5)
    model = OrdinalModel("score ~ 1 + (1 | team) + (1 | agent)", made.counts)
    whole = model.fit(2000, random_seed=1, progressbar=False)
    tenth = whole.parameters.isel(draw=slice(None, None, 10))
    return ScoreDraws(tenth, whole.design, whole.family)


def test_components_of_a_fit_are_those_of_its_draws(fit):
    drawn = components_of_fit(fit, "agent", "team")
    first = fit.parameters.isel(chain=1, draw=17)
    units = Units(first["cutpoints"].to_numpy(), float(first["sd_agent"]), float(first["sd_team"]))
    assert drawn.agent.shape == (4, 200)
    assert drawn.agent[1, 17] == pytest.approx(float(components(units).agent))
    assert drawn.team[1, 17] == pytest.approx(float(components(units).team))


def test_posterior_is_about_the_truth(fit):
    """In posterior standard deviations: the end of an interval would be a draw of the tail."""
    found = special.logit(components_of_fit(fit, "agent", "team", "nps").reliability(100))
    truth = special.logit(components(TRUTH).reliability(100))
    assert abs(found.mean() - truth) < 3 * found.std()
    assert found.std() < 0.5


def test_infinite_answers_have_quantiles():
    drawn = Components(np.zeros(4), np.array([0.0, 0.0, 1.0, 1.0]), np.full(4, 9.0))
    table = component_table(drawn)
    row = table.loc["answers needed for 0.8"]
    assert row["upper"] == np.inf
    assert row["lower"] == 36
    assert table.attrs["interval"] == "95 % equal-tailed credible interval"


def test_columns_that_are_no_groups_are_refused(fit):
    with pytest.raises(ValueError, match=r"unknown group term 'agnet'.*agent"):
        components_of_fit(fit, "agnet")
