"""Batch against drip: closed forms against simulated surveys, and the work that follows."""

import numpy as np
import pytest

from nps_research.silence.survey_timing import (
    batch,
    drip,
    follow_up,
    monthly_shares,
    simulated_errors,
    survey_error,
)

SHARES = np.array([0.03, 0.01, 0.02, 0.02, 0.025, 0.055, 0.06, 0.12, 0.20, 0.17, 0.29])
MOVING = monthly_shares(SHARES, trend=0.4, season=0.2, peak=6)


@pytest.mark.parametrize("about", ["period", "last month"])
@pytest.mark.parametrize("answers", [batch(600, 2), drip(600), batch(600, 11)])
def test_closed_form_agrees_with_simulation(answers, about):
    options = {"about": about, "shock": 4.0}
    found = survey_error(MOVING, answers, **options)
    errors = simulated_errors(MOVING, answers, replicates=8000, random_seed=1, **options)
    noise = np.hypot(found["sampling"], found["timing"])
    assert errors.mean() == pytest.approx(found["bias"], abs=4 * noise / np.sqrt(8000))
    assert errors.std() == pytest.approx(noise, rel=0.03)
    assert np.sqrt((errors**2).mean()) == pytest.approx(found["rmse"], rel=0.03)


def test_steady_customers_give_both_the_same_estimate_and_error():
    steady = monthly_shares(SHARES)
    spread, at_once = (survey_error(steady, each) for each in (drip(1200), batch(1200, 5)))
    assert spread["bias"] == pytest.approx(0, abs=1e-10)
    assert at_once.to_numpy() == pytest.approx(spread.to_numpy())


def test_drip_tells_the_year_and_a_batch_its_month():
    values = np.array([-100] * 7 + [0, 0, 100, 100])
    year = (MOVING @ values).mean()
    assert survey_error(MOVING, drip(1200))["expected"] == pytest.approx(year)
    late = survey_error(MOVING, batch(1200, 11), about="last month")
    assert late["bias"] == pytest.approx(0, abs=1e-10)
    assert survey_error(MOVING, drip(1200), about="last month")["bias"] < -2


def test_seasons_cancel_over_a_year():
    season = monthly_shares(SHARES, season=0.3)
    assert (
        abs(
            survey_error(season, drip(1200))["expected"]
            - survey_error(season, batch(1200, 3))["target"]
        )
        < 1e-9
    )
    assert abs(survey_error(season, batch(1200, 0))["bias"]) > 5


def test_remainders_are_spread():
    assert drip(10, 4).tolist() == [3, 3, 2, 2]
    assert drip(10, 4).sum() == batch(10, 3, 4).sum() == 10


@pytest.mark.parametrize("size", [100, 130])
def test_batch_of_calls_waits_half_its_clearing_time(size):
    found = follow_up([size] + [0] * 20, 10)
    assert found["weeks"] == size / 10
    assert found["wait"] == pytest.approx((size / 10 - 1) / 2)
    assert found["backlog"] == size - 10


def test_queue_agrees_with_one_call_at_a_time():
    arrivals = np.random.default_rng(1).poisson(12, 40)
    waiting, waited, most = 0, 0, 0
    for each in [*arrivals, *[0] * 40]:
        waiting = max(waiting + each - 11, 0)
        waited, most = waited + waiting, max(most, waiting)
    found = follow_up(arrivals, 11)
    assert found["backlog"] == most
    assert found["wait"] == pytest.approx(waited / arrivals.sum())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: monthly_shares(SHARES, 1), "months=1"),
        (lambda: batch(10, 12), "from 0 to 11; found 12"),
        (lambda: survey_error(MOVING, drip(10, 4)), "one row a month"),
        (lambda: survey_error(MOVING, drip(0)), "some above 0"),
        (lambda: survey_error(MOVING, drip(10), about="now"), "found 'now'"),
        (lambda: follow_up([0, 0], 10), "0 arrivals"),
        (lambda: follow_up([5], 0), "capacity of 0"),
    ],
)
def test_unusable_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
