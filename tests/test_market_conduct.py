"""What agents did is counted as a reader would count it, row by row."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from nps_research.market.conduct import conduct, endurance, next_scores, planned_service
from nps_research.market.estimands import estimands
from nps_research.market.events import Event
from nps_research.market.mechanisms import Incentives
from nps_research.market.parameters import Agency
from nps_research.market.regimes import LevelTarget, NorthStar, PayPerPoint, effort
from nps_research.market.simulate import Market

MARKET = Market(customers=600, agents=12, teams=3, months=12, rollout=3).with_values(
    {"recovery.thank_promoters": 0.5}
)


@pytest.fixture(scope="module")
def run():
    pay = LevelTarget(worth=1.0)
    return MARKET.simulate(Incentives.only("begging", "withholding"), regime=pay, random_seed=2)


def test_conduct_is_counted_row_by_row(run):
    found = conduct(run)
    events = run.events[3:]
    sampled = (events & Event.FRAME) > 0
    assert found["withheld"] == ((events & Event.WITHHELD) > 0).sum() / sampled.sum() > 0
    assert found["thanked"] == ((events & Event.THANKED) > 0).sum()
    assert found["customer_months"] == ((run.events & Event.ACTIVE) > 0).sum()
    assert found["service"] == pytest.approx(run.agents.service[3:].mean())
    assert found["quits"] == run.agents.quit[3:].sum()


def test_conduct_has_all_estimands(run):
    found = conduct(run)
    for name, value in estimands(run)["value"].items():
        np.testing.assert_equal(found[name], value)


def test_endurance_is_that_of_the_agent_table(run):
    table = run.agent_table()
    ends = table[table["month"] % 3 == 2]
    scores = ends.pivot(index="month", columns="agent", values="score").to_numpy()
    answers = ends.pivot(index="month", columns="agent", values="answers").to_numpy()
    pairs = [
        (scores[quarter, agent], scores[quarter + 1, agent])
        for quarter in range(3)
        for agent in range(12)
        if min(answers[quarter : quarter + 2, agent]) >= 5
    ]
    now, later = np.array(pairs).T
    found = endurance(run, target=30)
    assert found["reliability"] == pytest.approx(np.corrcoef(now, later)[0, 1])
    assert found["reached_again"] == (later[now >= 30] >= 30).mean()
    kept = (later[now >= 30].mean() - later.mean()) / (now[now >= 30].mean() - now.mean())
    assert found["excess_kept"] == pytest.approx(kept)


@pytest.mark.parametrize(("happy", "event"), [(False, Event.RECOVERED), (True, Event.THANKED)])
def test_next_scores_are_those_of_each_customer(run, happy, event):
    changes = {True: [], False: []}
    for customer in range(600):
        answered = [month for month in range(12) if run.recorded[month, customer] >= 0]
        for month, later in pairwise(answered):
            score = int(run.recorded[month, customer])
            if (score >= 9) if happy else (score <= 6):
                seen = bool(run.events[month, customer] & event)
                changes[seen].append(int(run.recorded[later, customer]) - score)
    found = next_scores(run, happy=happy)
    assert found["seen_to"] == pytest.approx(np.mean(changes[True]))
    assert found["left_alone"] == pytest.approx(np.mean(changes[False]))


@pytest.mark.parametrize("shape", [0.5, 2.0, 8.0])
def test_planned_service_is_the_mean_over_propensities(shape):
    mind = Agency(scruple=0.2, cost_both=0.4)
    numbers = {"agency.scruple": [0.2], "agency.cost_both": [0.4], "crowding_out.motive": [0.6]}
    points = pd.DataFrame({**numbers, "staff.gaming_shape": [shape]})

    def service_at(quantile):
        propensity = stats.beta(1, shape).ppf(quantile)
        return effort(PayPerPoint(), propensity, crowding_out=0.6, agency=mind).service.item()

    exact = integrate.quad(service_at, 0, 1, limit=200)[0]
    assert planned_service(PayPerPoint(), points).item() == pytest.approx(exact, abs=2e-3)


def test_numbers_that_do_not_vary_keep_their_defaults():
    points = pd.DataFrame({"recovery.effect": [0.1, 0.9], "staff.gaming_shape": 2.0}, index=[3, 7])
    found = planned_service(PayPerPoint(), points)
    assert found.index.tolist() == [3, 7]
    assert (found == planned_service(PayPerPoint()).item()).all()


def test_without_pay_agents_mean_to_serve_as_they_wish():
    points = pd.DataFrame({"agency.intrinsic": [0.2, 0.7], "agency.cost_service": [1.0, 2.0]})
    assert planned_service(NorthStar(), points).tolist() == pytest.approx([0.2, 0.35])
