"""Heaping is what a move of all answers leaves over: against closed forms and simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from nps_research.detection import heaping as module
from nps_research.detection.heaping import heaping, whipple_ratio
from nps_research.detection.simulated_agents import SHARES, AgentWorld


def two_periods(before, after, agents=4, people=100_000):
    rows = [
        (agent, post, score, round(people * share))
        for agent in range(agents)
        for post, shares in enumerate((before, after))
        for score, share in enumerate(shares)
    ]
    return pd.DataFrame(rows, columns=["agent", "post", "score", "n"])


def moved(location, spread):
    """Return the shares after a move and stretch on the normal scale."""
    cuts = (special.ndtri(np.cumsum(SHARES)[:-1]) - location) / spread
    return np.diff(special.ndtr(cuts), prepend=0.0, append=1.0)


def heaped(shares, digit, log_excess):
    raised = shares * np.exp(log_excess * (np.arange(11) == digit))
    return raised / raised.sum()


@pytest.mark.parametrize(("location", "spread"), [(0.0, 1.0), (0.4, 1.0), (-0.2, 1.3)])
def test_a_move_of_all_answers_is_no_heaping(location, spread):
    found = heaping(two_periods(SHARES, moved(location, spread)))
    np.testing.assert_allclose(found.table["estimate"], 0, atol=0.002)
    np.testing.assert_allclose(found.table["g2"], 0, atol=1.0)


@pytest.mark.parametrize("digit", [0, 5, 8, 10])
def test_excess_at_a_digit_is_recovered(digit):
    found = heaping(two_periods(SHARES, heaped(moved(0.2, 1.1), digit, 0.05)), digits=[digit])
    assert found.table["estimate"].iloc[0] == pytest.approx(0.05, rel=0.08)


def test_heaping_that_was_there_before_does_not_count():
    natural = heaped(heaped(SHARES, 5, 0.5), 8, 0.3)
    found = heaping(two_periods(natural, natural))
    np.testing.assert_allclose(found.table["estimate"], 0, atol=1e-9)


def test_what_untreated_agents_show_is_subtracted():
    counts = two_periods(SHARES, heaped(SHARES, 8, 0.1), agents=8)
    found = heaping(counts.assign(treated=(counts["agent"] < 4).astype(int)))
    np.testing.assert_allclose(found.table["estimate"], 0, atol=1e-9)
    assert (found.agents, found.untreated) == (8, 4)


def test_errors_are_those_over_agents():
    """Against leaving out one agent at a time."""
    counts = AgentWorld(treated=40, untreated=0).simulate(3).counts
    found = heaping(counts)
    left_out = [heaping(counts[counts["agent"] != agent]).table["estimate"] for agent in range(40)]
    jackknife = np.sqrt(39 / 40 * np.sum((left_out - np.mean(left_out, axis=0)) ** 2, axis=0))
    np.testing.assert_allclose(found.table["se"].iloc[1:], jackknife[1:], rtol=0.15)


def test_p_values_are_those_of_t_with_the_agents_degrees_of_freedom():
    found = heaping(AgentWorld(treated=30, untreated=12).simulate(3).counts)
    table = found.table
    np.testing.assert_allclose(table["p_value"], stats.t.sf(table["estimate"] / table["se"], 11))
    np.testing.assert_allclose(stats.norm.sf(table["z"]), table["p_value"])


def test_joint_test_of_one_digit_is_its_two_sided_test():
    found = heaping(AgentWorld(treated=30, untreated=12).simulate(3).counts, digits=[8])
    p_value = found.table["p_value"].iloc[0]
    assert found.p_value == pytest.approx(2 * min(p_value, 1 - p_value))


def test_scores_without_answers_are_missing():
    counts = two_periods(SHARES, SHARES, people=1000)
    rare = counts[(counts["score"] > 2) | (counts["score"] == 0) & (counts["agent"] < 0)]
    found = heaping(rare)
    assert np.isnan(found.table.loc[0, "z"])
    assert found.table.loc[[5, 8, 10], "estimate"].notna().all()


@pytest.mark.parametrize(("place", "expected"), [(1, 2 * 9 / (4 + 2)), (0, 4 / 9), (3, 7 / 2)])
def test_whipple_ratios(place, expected):
    assert whipple_ratio(np.array([4.0, 9, 2, 7]), place) == pytest.approx(expected)


def test_g2_is_that_of_a_binomial():
    answers, excess = np.array([40.0, 60]), 0.3
    share = 40 / 60 * np.exp(-0.3) / (1 + 40 / 60 * np.exp(-0.3))
    expected = 2 * (40 * np.log(0.4 / share) + 60 * np.log(0.6 / (1 - share)))
    assert module._g2(answers, 0, excess) == pytest.approx(expected)


def test_paid_tens_are_found_and_told():
    found = heaping(AgentWorld(mechanism="bribe", gamers=0.8).simulate(1).counts)
    assert found.table.loc[10, "p_value"] < 0.001
    assert "The frequency of 10 changed by +" in found.text
    assert "questionnaire" in found.text


def test_impossible_questions_are_refused():
    counts = two_periods(SHARES, SHARES)
    with pytest.raises(ValueError, match="unknown score 11"):
        heaping(counts, digits=[11])
    with pytest.raises(ValueError, match=r"errors over agents need 3 of them .* found 2"):
        heaping(counts[counts["agent"] < 2])
