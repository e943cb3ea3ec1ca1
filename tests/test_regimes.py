"""Agents who optimise: the closed form against brute force, and what follows from it."""

import numpy as np
import pytest
from scipy import stats

from nps_research.market.defaults import as_record
from nps_research.market.events import Event
from nps_research.market.mechanisms import NEEDS_THE_SURVEY_IN_HAND, Incentives
from nps_research.market.parameters import Agency
from nps_research.market.regimes import (
    Belief,
    DeltaTarget,
    LevelTarget,
    NorthStar,
    PayForActions,
    PayPerPoint,
    best_efforts,
    effort,
    marginal_value,
)
from nps_research.market.simulate import Market

AGENCY = Agency()
NUMBERS = as_record({"agency": AGENCY})[0]["agency"]
GRID = np.linspace(0, 3, 601)
# All but what the firm does whether or not anybody is paid.
POSSIBLE = Incentives.all().without("completion_incentive")


def utility(psi, motive, gamma, efforts):
    (service, gaming, restraint), a = efforts, AGENCY
    gain = psi * (a.score_service * service + gamma * a.score_gaming * (gaming - restraint))
    cost = a.cost_service * service**2 / 2 + a.cost_gaming * gaming**2 / 2
    cost += a.cost_both * service * gaming + a.cost_restraint * restraint**2 / 2
    return gain + motive * service - cost - a.scruple * (gaming + restraint)


@pytest.mark.parametrize("psi", [-2, -0.6, -0.1, 0, 0.2, 0.5, 1.5])
@pytest.mark.parametrize("gamma", [0, 0.3, 0.6, 0.9, 1])
@pytest.mark.parametrize("motive", [0.0, 0.2, 0.5])
def test_efforts_are_the_best_of_all(psi, gamma, motive):
    service, gaming, restraint = best_efforts(NUMBERS, psi, motive, gamma)
    own = utility(psi, motive, gamma, (service, gaming, restraint))
    tried = utility(psi, motive, gamma, (GRID[:, None], GRID[None, :], restraint))
    tried_restraint = utility(psi, motive, gamma, (service, gaming, GRID))
    assert own >= max(tried.max(), tried_restraint.max()) - 1e-12
    near = np.unravel_index(tried.argmax(), tried.shape)
    assert [GRID[near[0]], GRID[near[1]]] == pytest.approx([service, gaming], abs=0.011)


def test_efforts_are_those_of_the_prototype():
    # Design of the market, A.4, propensity .9; it has .25 of pay for actions, and 1.25 phi(z).
    assert effort(PayPerPoint(), 0.9)[:2] == pytest.approx((0.22, 0.49), abs=0.005)
    assert effort(NorthStar(), 0.9)[:2] == pytest.approx((0.30, 0))
    assert effort(PayForActions(), 0.9)[:2] == pytest.approx((0.55, 0))
    gaming = effort(LevelTarget(worth=0.125), 0.9, score=[40, 50, 70], error=10).gaming
    assert gaming == pytest.approx([0.48, 0.12, 0], abs=0.005)


def test_bonuses_lower_the_service_of_those_who_game_most():
    edge = AGENCY.cost_gaming * AGENCY.score_service / (AGENCY.cost_both * AGENCY.score_gaming)
    assert edge == pytest.approx(0.6)
    for gamma, sign in [(edge - 0.02, 1), (edge + 0.02, -1), (0.9, -1)]:
        less, more = (best_efforts(NUMBERS, psi, 0.3, gamma) for psi in (0.8, 0.801))
        assert min(less[0], less[1]) > 0
        assert np.sign(more[0] - less[0]) == sign
        a = AGENCY
        determinant = a.cost_service * a.cost_gaming - a.cost_both**2
        slope = (
            a.cost_gaming * a.score_service - a.cost_both * gamma * a.score_gaming
        ) / determinant
        assert (more[0] - less[0]) / 0.001 == pytest.approx(slope, rel=1e-6)


def chance(belief, score):
    return stats.norm.cdf((score - belief.target) / belief.error)


@pytest.mark.parametrize("score", [0.0, 0.3, 0.4, 0.47, 0.8])
def test_a_level_is_worth_the_slope_of_the_chance_to_reach_it(score):
    regime, step = LevelTarget(strength=0.7, worth=0.3), 1e-5
    belief = Belief(score, 0.08, 0.4, 0.35, 0.15)
    slope = (chance(belief, score + step) - chance(belief, score - step)) / (2 * step)
    assert marginal_value(regime.pay(), belief) == pytest.approx(0.7 * 0.3 * slope, rel=1e-6)


@pytest.mark.parametrize("score", [0.2, 0.4, 0.5, 0.6])
def test_a_change_is_worth_less_by_the_next_target(score):
    regime, step = DeltaTarget(improvement=3, foresight=0.8), 1e-5
    belief = Belief(score, 0.08, 0.38, 0.35, 0.15)

    def value(at):
        spread = np.hypot(belief.error, belief.usual_error)
        next_time = stats.norm.cdf((belief.usual - at - 0.03) / spread)
        return 0.2 * (chance(belief, at) + 0.8 * next_time)

    slope = (value(score + step) - value(score - step)) / (2 * step)
    assert marginal_value(regime.pay(), belief) == pytest.approx(slope, rel=1e-6)


def test_regimes_without_a_target_have_the_same_worth_everywhere():
    for regime, worth in [(NorthStar(), 0), (PayPerPoint(), 0.5), (PayForActions(), 0)]:
        values = [marginal_value(regime.pay(), Belief(s, 0.1, 0.4, 0.4, 0.1)) for s in (-1, 0.4, 1)]
        assert values == [worth] * 3


def test_far_above_a_delta_target_agents_hold_back_and_serve_less():
    scores = np.array([20.0, 40, 50, 60, 70])
    ratchet = effort(DeltaTarget(), 0.9, score=scores, error=7, usual=45, target=42)
    myopic = effort(DeltaTarget(foresight=0), 0.9, score=scores, error=7, usual=45, target=42)
    assert ratchet.gaming[1] > 0 == ratchet.restraint[1]
    assert (ratchet.restraint[3:] > 0).any()
    assert (ratchet.gaming[3:] == 0).all()
    assert ratchet.service[3] < effort(NorthStar(), 0.9).service
    assert (myopic.restraint == 0).all()


def test_stronger_pay_means_more_gaming():
    gaming = [effort(PayPerPoint(strength=s), 0.9).gaming for s in (0, 0.5, 1)]
    assert gaming[0] == 0
    assert gaming == sorted(gaming)


def test_a_north_star_leaves_everything_as_it_was_without_incentives():
    world = Market(customers=600, agents=12, teams=4, months=12, rollout=3)
    none = world.simulate(Incentives.none(), random_seed=1)
    star = world.simulate(POSSIBLE, regime=NorthStar(), random_seed=1)
    np.testing.assert_array_equal(none.recorded, star.recorded)
    np.testing.assert_array_equal(none.events, star.events)


LARGE = Market(customers=120_000, agents=1200, teams=6, rollout=6)
REGIMES = {
    "north star": NorthStar(),
    "points": PayPerPoint(),
    "level": LevelTarget(),
    "delta": DeltaTarget(),
    "actions": PayForActions(),
}


@pytest.fixture(scope="module")
def runs():
    return {
        name: LARGE.simulate(Incentives.all(), regime=regime, random_seed=1)
        for name, regime in REGIMES.items()
    }


def windows(run):
    """Scores of complete quarters with incentives, in points, and their answers."""
    net, n = run.agents.net[8::3].ravel(), run.agents.answers[8::3].ravel()
    return 100 * net[n >= 8] / n[n >= 8], n[n >= 8]


def excess(run, target=40.0, width=8.0):
    score, _ = windows(run)
    above = ((score >= target) & (score < target + width)).sum()
    below = ((score < target) & (score >= target - width)).sum()
    return above / (above + below)


def test_a_level_target_makes_scores_bunch_above_it(runs):
    # The lattice of scores alone puts more on one side: the contrast is with unpaid agents.
    score, _ = windows(runs["level"])
    error = np.sqrt(0.5 / ((score >= 32) & (score < 48)).sum())
    assert excess(runs["level"]) - excess(runs["north star"]) > 4 * error


def test_gaming_is_strongest_near_the_target(runs):
    agents = runs["level"].agents
    month, eager = 20, runs["level"].population.propensity > 0.5
    net, n = agents.net[month - 1], agents.answers[month - 1]
    with np.errstate(invalid="ignore"):
        distance = np.abs(100 * net / n - 40)
    near, far = eager & (n >= 8) & (distance < 10), eager & (n >= 8) & (distance > 40)
    assert agents.gaming[month, near].mean() > 2 * agents.gaming[month, far].mean()


def test_surveys_are_withheld_from_the_happy_under_a_delta_target(runs):
    run = runs["delta"]
    held = (run.events & Event.WITHHELD) > 0
    sent = (run.events & Event.SENT) > 0
    assert held.sum() > 100
    assert run.census[held].mean() > run.census[sent].mean()


def test_the_ratchet_follows_the_last_quarter(runs):
    agents = runs["delta"].agents
    last = 100 * agents.net[8] / np.maximum(agents.answers[8], 1)
    known = (agents.answers[8] > 0) & ~agents.quit[8]
    np.testing.assert_allclose(agents.target[9, known], last[known] + 2)


def test_pay_for_actions_improves_service_and_pay_per_point_the_score(runs):
    honest = {name: run.honest_nps for name, run in runs.items()}
    inflation = {name: run.observed_nps - run.honest_nps for name, run in runs.items()}
    assert max(honest, key=honest.__getitem__) == "actions"
    assert max(inflation, key=inflation.__getitem__) == "points"
    service = runs["actions"].agents.service[6:].mean()
    assert service > runs["points"].agents.service[6:].mean()
    recovered = {name: ((run.events & Event.RECOVERED) > 0)[6:].sum() for name, run in runs.items()}
    assert max(recovered, key=recovered.__getitem__) == "actions"


def test_bonuses_are_what_the_windows_earn(runs):
    run = runs["level"]
    net, n = run.agents.net, run.agents.answers
    for month in (8, 23):
        earned = (n[month] > 0) & (net[month] >= 0.4 * n[month])
        np.testing.assert_array_equal(run.agents.bonus[month], 100_000 * earned)
    assert run.agents.bonus[:6].sum() == 0
    assert run.sums[:, 6].sum() == run.agents.bonus.sum()
    net, n = runs["points"].agents.net[8], runs["points"].agents.answers[8]
    pay = np.rint(100_000 * np.maximum(net, 0) / np.maximum(n, 1))
    np.testing.assert_allclose(runs["points"].agents.bonus[8], pay, atol=1)
    assert runs["north star"].agents.bonus.sum() == 0


def test_third_party_collection_leaves_optimisers_less_to_do(runs):
    world = LARGE.with_values({"third_party_collection": True})
    run = world.simulate(Incentives.all(), regime=PayPerPoint(), random_seed=1)
    assert run.incentives == Incentives.all().without(*NEEDS_THE_SURVEY_IN_HAND)
    points = runs["points"]
    assert run.observed_nps - run.honest_nps < points.observed_nps - points.honest_nps


@pytest.mark.parametrize(
    ("regime", "arguments", "message"),
    [
        (PayPerPoint, {"strength": 2}, r"PayPerPoint\(strength=\) must be from 0 to 1; found 2"),
        (LevelTarget, {"target": 140}, r"LevelTarget\(target=\) must be from -100 to 100"),
        (DeltaTarget, {"foresight": -1}, r"DeltaTarget\(foresight=\) must be from 0 to 1"),
        (PayForActions, {"bonus": -5}, r"PayForActions\(bonus=\) must be from 0 to 100000"),
    ],
)
def test_impossible_regimes_are_refused(regime, arguments, message):
    with pytest.raises(ValueError, match=message):
        regime(**arguments)
