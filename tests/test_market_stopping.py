"""The best policy of turning customers away: against brute force and what must hold."""

from functools import cache

import numpy as np
import pytest

from nps_research.market.stopping import Window, best_policy

SMALL = Window(customers=9, response=0.4, shares=(0.3, 0.2, 0.5), target=20, least=2)


def best_value(window, bonus):
    """Return the value by plain recursion."""

    @cache
    def value(left, answers, net):
        if not left:
            return bonus * (answers >= window.least and 100 * net >= window.target * answers)
        later = (1 - window.response) * value(left - 1, answers, net) + window.response * sum(
            share * value(left - 1, answers + 1, net + step)
            for share, step in zip(window.shares, (-1, 0, 1), strict=True)
        )
        return max(1 + later, value(left - 1, answers, net))

    return value(window.customers, 0, 0)


@pytest.mark.parametrize("bonus", [0.0, 3.0, 20.0, 500.0])
def test_value_is_that_of_brute_force(bonus):
    policy = best_policy(SMALL, bonus)
    value = bonus * policy.reached + SMALL.customers * (1 - policy.declined)
    assert value == pytest.approx(best_value(SMALL, bonus), rel=1e-12)


def test_nobody_is_turned_away_for_nothing():
    assert best_policy(SMALL, 0.0).declined == 0.0
    out_of_reach = Window(customers=9, shares=(1.0, 0.0, 0.0), target=50)
    assert best_policy(out_of_reach, 1000.0).declined == 0.0


def test_serving_all_is_a_binomial_matter():
    window = Window(customers=4, response=1.0, shares=(0.5, 0.0, 0.5), target=0, least=0)
    assert best_policy(window, 0.0).reached_serving_all == pytest.approx(11 / 16)


def test_larger_bonuses_turn_more_away_and_reach_more():
    policies = [best_policy(Window(), bonus) for bonus in (0, 10, 30, 100, 300)]
    assert np.all(np.diff([each.declined for each in policies]) >= 0)
    assert np.all(np.diff([each.reached for each in policies]) > 0)


def test_last_customer_is_turned_away_on_the_edge_only():
    serves = best_policy(SMALL, 100.0).serves[0]
    assert not serves[5, SMALL.customers + 1]  # a score of 20 that one detractor would spoil
    assert serves[5, SMALL.customers + 5]
    assert serves[5, SMALL.customers - 5]


@pytest.mark.parametrize(
    ("window", "bonus", "message"),
    [
        (Window(customers=0), 1.0, "customers must be 1 or more"),
        (Window(), -1.0, "found 60, 5 and -1.0"),
        (Window(shares=(0.5, 0.5, 0.5)), 1.0, "the shares with the sum 1"),
        (Window(response=1.5), 1.0, "from 0 to 1"),
    ],
)
def test_impossible_numbers_are_refused(window, bonus, message):
    with pytest.raises(ValueError, match=message):
        best_policy(window, bonus)
