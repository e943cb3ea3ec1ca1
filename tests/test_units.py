import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

from nps_research.datasets import load_counts
from nps_research.metrics import nps, shares
from nps_research.people.unit_simulation import CaseMix, simulate_answers
from nps_research.people.units import Units, metric_values, units_like
from nps_research.scale import RatingScale

SFO = load_counts("sfo_airport")
MIX = CaseMix({"new": 0.3, "old": -0.7}, {"new": 0.6, "old": 0.4}, 0.2)


@pytest.mark.parametrize(("agent", "team"), [(0.0, 0.0), (0.05, 0.0), (0.1, 0.2)])
@pytest.mark.parametrize("link", ["logit", "probit"])
def test_all_agents_together_have_the_shares_of_the_table(agent, team, link):
    units = units_like(SFO, agent, team, link=link)
    at = np.linspace(-9, 9, 4001)
    averaged = stats.norm.pdf(at) @ units.probabilities(units.total_sd * at) * (at[1] - at[0])
    expected = shares(SFO)["share"].to_numpy()
    assert averaged == pytest.approx(expected, abs=1e-8)


def test_shares_of_variance_are_those_asked_for():
    units = units_like(SFO, 0.04, 0.06)
    total = units.agent_sd**2 + units.team_sd**2 + np.pi**2 / 3
    assert units.agent_sd**2 / total == pytest.approx(0.04)
    assert units.team_sd**2 / total == pytest.approx(0.06)


def test_an_average_cutpoint_solves_its_integral():
    units = units_like(SFO, 0.2)
    below = integrate.quad(
        lambda u: special.expit(units.cutpoints[6] - units.agent_sd * u) * stats.norm.pdf(u), -9, 9
    )[0]
    assert below == pytest.approx(shares(SFO)["share"].iloc[:7].sum(), abs=1e-7)


def test_scores_that_nobody_gave_stay_impossible():
    units = units_like(pd.DataFrame({"score": [3, 8, 10], "n": [1, 1, 2]}), 0.1)
    found = units.probabilities([-1.0, 1.0])
    assert found[:, [0, 1, 2, 4, 9]] == pytest.approx(np.zeros((2, 5)), abs=1e-15)
    assert found.sum(axis=1) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("agent", [-0.1, 0.7])
def test_impossible_shares_are_refused(agent):
    with pytest.raises(ValueError, match="below 1 together; found"):
        units_like(SFO, agent, 0.4)


def test_wrong_cutpoints_and_deviations_are_refused():
    with pytest.raises(ValueError, match="has 10 cutpoints; found 3"):
        Units(np.zeros(3), 0.1)
    with pytest.raises(ValueError, match="agent_sd must be 0 or more; found -1"):
        Units(np.zeros(10), -1.0)


def test_metrics_have_their_own_units():
    scale = RatingScale()
    assert metric_values("mean_score", scale).tolist() == list(range(11))
    assert metric_values("top_box", scale).sum() == metric_values("bottom_box", scale).sum() == 2
    with pytest.raises(ValueError, match="unknown metric 'npS'"):
        metric_values("npS", scale)
    with pytest.raises(ValueError, match="found shape"):
        metric_values([1, 2], scale)


def test_simulated_agents_have_the_truth_that_is_told():
    units = units_like(SFO, 0.05, 0.05)
    made = simulate_answers(units, teams=2, agents=2, answers=400_000, random_seed=1)
    measured = nps(made.counts, by="agent")
    error = (measured["nps"] - made.truth["nps"]) / measured["se"]
    assert error.abs().max() < 4
    assert made.truth["nps"].equals(made.truth["adjusted"])
    assert measured["n"].tolist() == [400_000] * 4


def test_case_mix_moves_own_scores_and_not_adjusted_ones():
    units = units_like(SFO, 0.0)
    made = simulate_answers(units, teams=1, agents=50, answers=20, case_mix=MIX, random_seed=1)
    assert made.truth["adjusted"].std() == pytest.approx(0.0, abs=1e-9)
    assert made.truth["nps"].std() > 3
    even = CaseMix(MIX.effects, MIX.shares, 0.0)
    made = simulate_answers(units, teams=1, agents=5, answers=20, case_mix=even, random_seed=1)
    assert made.truth["nps"].to_numpy() == pytest.approx(made.truth["adjusted"].to_numpy())


def test_simulations_repeat_themselves():
    units = units_like(SFO, 0.05)
    first, second = (
        simulate_answers(units, teams=2, agents=2, answers=9, case_mix=MIX, random_seed=3)
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(first.counts, second.counts)


def test_agents_may_have_numbers_of_answers_of_their_own():
    units = units_like(SFO, 0.05)
    made = simulate_answers(units, teams=1, agents=3, answers=[5, 70, 9], random_seed=1)
    assert made.counts.groupby("agent")["n"].sum().tolist() == [5, 70, 9]


@pytest.mark.parametrize(
    ("agents", "answers", "match"),
    [
        (0, 1, "agents must be 1 or more; found 0"),
        (2, [3, 0], "answers must be 1 or more; found 0"),
        (2, [3, 4, 5], "for each of the 2 agents; found 3"),
    ],
)
def test_impossible_simulations_are_refused(agents, answers, match):
    with pytest.raises(ValueError, match=match):
        simulate_answers(
            units_like(SFO, 0.1), teams=1, agents=agents, answers=answers, random_seed=1
        )


@pytest.mark.parametrize(
    ("shares_of", "unevenness", "match"),
    [
        ({"new": 1.0}, 0.1, "same kinds"),
        ({"new": 0.5, "old": 0.4}, 0.1, "add up to 1; found 0.9"),
        ({"new": 0.5, "old": 0.5}, 1.0, "below 1; found 1"),
    ],
)
def test_impossible_case_mixes_are_refused(shares_of, unevenness, match):
    with pytest.raises(ValueError, match=match):
        CaseMix({"new": 0.0, "old": -1.0}, shares_of, unevenness)
