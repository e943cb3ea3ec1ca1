from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import special

from nps_research.datasets import load_counts
from nps_research.market.defaults import defaults
from nps_research.metrics import shares
from nps_research.people.promises import PromiseRules, first_reversal, two_agents

SFO = load_counts("sfo_airport").query("year == '2018'")
MONTHS, PEOPLE = 8, 200_000


def brute_force(pair, seed=1):
    """Customers of both portfolios, month by month: net scores and shares lost."""
    rules, generator = pair.rules, np.random.default_rng(seed)
    base = generator.standard_normal((2, PEOPLE))
    broken, pending = np.zeros((2, PEOPLE), int), np.zeros((2, PEOPLE), bool)
    here, nps, left = np.ones((2, PEOPLE), bool), [], []
    for _ in range(MONTHS):
        chance = generator.random((5, 2, PEOPLE))
        contact = chance[0] < rules.contact
        promiser = chance[1] < np.array([[rules.own], [1 - rules.own]])
        promised = contact & promiser & (chance[2] < rules.made)
        latent = base - rules.disappointment * broken + rules.mood * promised
        latent += rules.noise * generator.standard_normal((2, PEOPLE))
        score = np.searchsorted(pair.cutpoints * rules.noise, latent)
        value = np.where(score >= 9, 100, np.where(score <= 6, -100, 0))
        whose = (contact & promiser, contact & ~promiser)
        if not rules.after_contact:
            whose = tuple(np.arange(2)[:, None] == own for own in range(2))
        nps.append([value[here & mask].mean() for mask in whose])
        broken = broken + pending
        leaves = special.expit(
            rules.churn_intercept - rules.churn_slope * (base - rules.disappointment * broken)
        )
        here &= chance[3] >= leaves
        broken, pending = generator.binomial(broken, 1 - rules.forgotten), promised
        left.append(1 - here.mean(axis=1))
    return np.array(nps), np.array(left)


@pytest.mark.parametrize(
    "rules",
    [
        PromiseRules(),
        PromiseRules(after_contact=False),
        PromiseRules(own=0.5),
        PromiseRules(own=0.7, forgotten=0.4, made=0.9, churn_intercept=-2.5),
    ],
    ids=["own", "everybody asked", "queue", "mixed"],
)
def test_course_is_that_of_simulated_customers(rules):
    pair = two_agents(SFO, rules, months=MONTHS)
    nps, left = brute_force(pair)
    course = pair.course()
    found = course[["promising", "honest"]].to_numpy()
    # A quarter of the customers answer in the smallest of these surveys.
    assert found == pytest.approx(nps, abs=4 * 80 / np.sqrt(PEOPLE / 5))
    lost = course[["promising_left", "honest_left"]].to_numpy()
    assert lost == pytest.approx(left, abs=4 * 0.5 / PEOPLE**0.5)


def test_the_honest_agent_begins_with_the_answers_of_the_table():
    pair = two_agents(SFO, months=1)
    assert pair.shares[0, 1] == pytest.approx(shares(SFO)["share"].to_numpy(), abs=1e-6)


@pytest.mark.parametrize("change", [{"made": 0.0}, {"mood": 0.0, "disappointment": 0.0}])
def test_promises_that_do_nothing_change_nothing(change):
    pair = two_agents(SFO, PromiseRules(**change), months=12)
    assert pair.course()["lead"].to_numpy() == pytest.approx(np.zeros(12), abs=1e-9)
    assert pair.promotion(20).to_numpy() == pytest.approx(np.full(12, 0.5))


@pytest.mark.parametrize("answers", [3, 25])
def test_promotion_is_that_of_simulated_answers(answers):
    pair = two_agents(SFO, months=4)
    generator = np.random.default_rng(1)
    values = pair.rating_scale.nps_values
    drawn = [generator.multinomial(answers, one, (40_000, 2)) @ values for one in pair.shares]
    total = np.cumsum(drawn, axis=0)
    ahead = (total[..., 0] > total[..., 1]) + 0.5 * (total[..., 0] == total[..., 1])
    found = pair.promotion(answers)
    assert found.to_numpy() == pytest.approx(ahead.mean(axis=1), abs=4 * 0.5 / 200)
    assert found.index.tolist() == [1, 2, 3, 4]


def test_a_shared_queue_lets_the_honest_agent_pay():
    own, queue = (
        two_agents(SFO, PromiseRules(own=share), months=24).course() for share in (1.0, 0.5)
    )
    assert first_reversal(own["lead"]) < 12
    assert first_reversal(queue["lead"]) == np.inf
    assert queue["honest"].iloc[11] < own["honest"].iloc[11] - 10
    assert queue["honest_left"].iloc[-1] > own["honest_left"].iloc[-1]


def test_states_beyond_the_last_do_not_matter(monkeypatch):
    expected = two_agents(SFO, months=24).course()
    monkeypatch.setattr("nps_research.people.promises.MOST_BROKEN", 60)
    pd.testing.assert_frame_equal(two_agents(SFO, months=24).course(), expected)


def test_rules_are_those_of_the_market():
    numbers = defaults()["value"]
    assert PromiseRules().mood == numbers["false_promises.mood"]
    assert PromiseRules().forgotten == numbers["loyalty.reversion"]


def test_impossible_rules_are_refused():
    with pytest.raises(ValueError, match="made is a probability from 0 to 1; found 2"):
        PromiseRules(made=2)
    with pytest.raises(ValueError, match="noise must be above 0"):
        replace(PromiseRules(), noise=0.0)
    with pytest.raises(ValueError, match="months must be 1 or more; found 0"):
        two_agents(SFO, months=0)
