"""Tables of customers are those that a reader of the run would write down, row by row."""

import numpy as np
import pandas as pd
import pytest

from nps_research.market.events import Event
from nps_research.market.mechanisms import Incentives
from nps_research.market.panels import panel, referral_history, survey_lifetimes
from nps_research.market.runs import NEVER
from nps_research.market.simulate import Market

WORLD = Market(customers=300, agents=6, teams=2, months=10, rollout=4)


@pytest.fixture(scope="module")
def run():
    return WORLD.simulate(Incentives.all(), random_seed=1, record=True)


@pytest.fixture(scope="module")
def table(run):
    return panel(run, referrals=True)


def test_every_customer_has_a_row_for_every_month_until_leaving(run, table):
    months = table.groupby("customer")["month"].agg(["min", "max", "size"])
    assert (months["min"] == 0).all()
    np.testing.assert_array_equal(months["max"], np.minimum(run.left_in, 9))
    np.testing.assert_array_equal(months["size"], months["max"] + 1)
    assert table["customer"].is_monotonic_increasing


def test_rows_are_those_of_the_run(run, table):
    for row in table.sample(60, random_state=1).itertuples():
        at = row.month, row.customer
        for survey in ("recorded", "shadow", "census"):
            score = getattr(row, survey)
            assert (-1 if pd.isna(score) else score) == getattr(run, survey)[at]
        assert row.sampled == bool(run.events[at] & Event.FRAME)
        assert row.value == run.population.value[row.customer] / 100
        assert row.team == row.customer % 6 % 2
        assert (NEVER if pd.isna(row.left) else row.left) == run.left_in[row.customer]


def test_revenue_of_the_panel_is_that_of_the_run():
    run = WORLD.simulate(Incentives.none(), random_seed=2)
    revenue = panel(run).groupby("month")["value"].sum()
    np.testing.assert_allclose(revenue, run.money["revenue"])


def test_referrals_are_poisson_around_what_the_market_expects():
    # 40,000 customers over 4 months: about 4,000 referrals, with 10 times the usual rate.
    world = Market(customers=40_000, agents=4, teams=2, months=4, rollout=2).with_values(
        {"loyalty.referral_intercept": -4.0 + np.log(10)}
    )
    run = world.simulate(Incentives.none(), random_seed=3, record=True)
    drawn = panel(run, referrals=True).groupby("month")["referrals"].agg(["sum", "mean", "var"])
    z = (drawn["sum"] - run.money["referrals"]) / np.sqrt(run.money["referrals"])
    assert (z**2).sum() == pytest.approx(4, abs=9)
    slope, spread = world.parameters.loyalty.referral_slope, run.rows.loyalty[0].std()
    extra = drawn["mean"] ** 2 * np.expm1((slope * spread) ** 2)  # lognormal rates
    np.testing.assert_allclose(drawn["var"], drawn["mean"] + extra, rtol=0.1)


def test_referrals_have_their_own_address():
    some, more = (
        WORLD.with_values({"customers": n}).simulate(Incentives.none(), random_seed=1, record=True)
        for n in (300, 420)
    )
    one, other = panel(some, referrals=True), panel(more, referrals=True)
    pd.testing.assert_frame_equal(one, other[other["customer"] < 300])


def test_referrals_need_loyalty():
    run = WORLD.simulate(Incentives.none(), random_seed=1)
    with pytest.raises(ValueError, match="record=True"):
        panel(run, referrals=True)


def test_histories_are_those_of_the_panel(run, table):
    found = referral_history(run, 5, before=3, ahead=4, within=2)
    rows = []
    for _, own in table.groupby("customer"):
        months = own.set_index("month")
        scores = months.loc[4:5, "recorded"].dropna()
        if 6 in months.index and len(scores):
            later = months.loc[6:9, "referrals"].sum() > 0
            rows.append((scores.iloc[-1], months.loc[3:5, "referrals"].sum(), int(later)))
    expected = pd.DataFrame(rows, columns=["score", "past", "referred"]).value_counts()
    expected = expected.rename("n").sort_index().reset_index()
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


@pytest.mark.parametrize("options", [{"month": 8}, {"month": 1}, {"month": 5, "ahead": 0}])
def test_histories_lie_within_the_run(run, options):
    with pytest.raises(ValueError, match="do not lie within a run of 10 months"):
        referral_history(run, **{"before": 3, "ahead": 4, "within": 2} | options)


@pytest.mark.parametrize("answers", ["recorded", "census"])
def test_first_answers_are_followed_until_leaving_or_the_end(run, table, answers):
    found = survey_lifetimes(run, answers=answers)
    answered = table[table[answers].notna()].drop_duplicates("customer")
    last = answered["left"].fillna(9).astype(int)
    expected = pd.DataFrame(
        {
            "score": answered[answers],
            "months": last - answered["month"] + 1,
            "churned": answered["left"].notna().astype(int),
        }
    )
    expected = expected.value_counts().rename("n").sort_index().reset_index()
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_a_survey_of_a_month_keeps_those_who_did_not_answer(run, table):
    found = survey_lifetimes(run, month=2, by=["segment"])
    there = table[(table["month"] == 2) & table["sampled"]]
    assert found["n"].sum() == len(there)
    unanswered = found[found["score"].isna()].groupby("segment")["n"].sum()
    wanted = there[there["recorded"].isna()].groupby("segment").size()
    assert unanswered.to_dict() == wanted.to_dict()


def test_a_follow_up_of_a_month_is_that_of_the_counts(run):
    # Run.counts leaves out whom the rollout meets within the follow-up: month 5 is after it.
    lives = survey_lifetimes(run, month=5, answers="census")
    soon = lives["n"] * (lives["churned"] * (lives["months"] <= 3))
    counts = run.counts(by=("month",), answers="census", follow_up=3).query("month == 5")
    assert soon.groupby(lives["score"]).sum().sum() == counts.query("churned == 1")["n"].sum()


def test_month_and_team_can_be_kept_apart(run):
    found = survey_lifetimes(run, by=["month", "team"])
    assert list(found.columns) == ["month", "team", "score", "months", "churned", "n"]
    assert (found["month"] + found["months"] <= 10).all()
    assert found["n"].sum() == survey_lifetimes(run)["n"].sum()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"answers": "guessed"}, "unknown survey 'guessed'"),
        ({"by": ["colour"]}, "unknown column 'colour'"),
        ({"month": 10}, "from 0 to 9; found 10"),
    ],
)
def test_unusable_requests_are_refused(run, options, message):
    with pytest.raises(ValueError, match=message):
        survey_lifetimes(run, **options)


def test_runs_without_a_survey_are_refused():
    mute = WORLD.with_values({"service.contact": 0.0})
    run = mute.simulate(Incentives.none(), random_seed=1)
    with pytest.raises(ValueError, match="nobody answered"):
        survey_lifetimes(run)
    with pytest.raises(ValueError, match="nobody was sampled in month 3"):
        survey_lifetimes(run, month=3)
