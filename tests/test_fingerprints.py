"""Fingerprints: rates, fates and shares against counts of single rows."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nps_research.market import fingerprints
from nps_research.market.estimands import ESTIMANDS, estimands
from nps_research.market.events import Event
from nps_research.market.mechanisms import MECHANISMS, Incentives
from nps_research.market.simulate import Market
from nps_research.market.sums import sums

MARKET = Market(customers=400, agents=8, teams=2, months=12, rollout=(3, None))
EVERYWHERE = Market(customers=400, agents=8, teams=2, months=12, rollout=0)


def run(*names, market=MARKET):
    return market.simulate(Incentives.only(*names), random_seed=4)


@pytest.fixture(scope="module")
def all_at_work():
    return MARKET.simulate(Incentives.all(), random_seed=4)


def paid(each):
    """Rows of customers whose agents were paid for the score."""
    return np.arange(12)[:, None] >= each.since[each.population.agent]


def happened(each, event):
    return int((((each.events & event) > 0) & paid(each)).sum())


@pytest.mark.parametrize(
    ("name", "counted", "among"),
    [
        ("survey_rate", [Event.SENT], Event.FRAME),
        ("answer_rate", [Event.ANSWERED], Event.SENT),
        ("edit_rate", [Event.DELETED, Event.ALTERED], Event.ANSWERED),
        ("transfer_rate", [Event.DODGED], Event.CONTACT),
        ("gift_rate", [Event.GIVEN], Event.CONTACT),
        ("promise_rate", [Event.PROMISED], Event.CONTACT),
        ("demand_rate", [Event.CONCEDED, Event.REFUSED], Event.SENT),
    ],
)
def test_rates_are_shares_of_events(all_at_work, name, counted, among):
    expected = sum(happened(all_at_work, event) for event in counted)
    expected /= happened(all_at_work, among)
    assert fingerprints.traces(sums(all_at_work))[name] == expected > 0


def test_nothing_leaves_no_traces():
    traces = fingerprints.traces(sums(run()))
    assert traces["survey_rate"] == 1.0
    assert all(traces[name] == 0.0 for name in ("edit_rate", "gift_rate", "promise_rate"))
    assert traces["ten_share"] == traces["honest_ten_share"]


def test_shares_of_scores_are_counted(all_at_work):
    scores = all_at_work.recorded[paid(all_at_work) & (all_at_work.recorded >= 0)]
    traces = fingerprints.traces(sums(all_at_work))
    assert traces["ten_share"] == (scores == 10).sum() / (scores >= 6).sum()
    assert traces["low_share"] == (scores <= 6).mean()


def test_inflation_of_the_nps_is_that_of_the_estimands(all_at_work):
    of = sums(all_at_work)
    honest = all_at_work.shadow[paid(all_at_work) & (all_at_work.shadow >= 0)]
    worth = np.where(honest >= 9, 1, np.where(honest <= 6, -1, 0))
    expected = estimands(all_at_work).loc["inflation", "value"] / 100 / worth.std()
    assert fingerprints.measures(of)["nps_inflation"] == pytest.approx(expected)


def test_the_mean_orders_customers_as_the_scores_do(all_at_work):
    found = fingerprints.measures(sums(all_at_work))
    table = estimands(all_at_work)["value"]
    assert found["mean_auc"] == table["churn_auc"]
    assert found["honest_mean_auc"] == table["honest_churn_auc"]
    assert not set(found) & set(ESTIMANDS)


@pytest.mark.parametrize("name", MECHANISMS)
def test_inflation_is_rescoring_and_reselection(name):
    each = run(name)
    fates = fingerprints.fates(each)
    expected = estimands(each).loc["inflation", "value"]
    assert fates["rescoring"] + fates["reselection"] == pytest.approx(expected, abs=1e-9)


def test_every_honest_answer_has_one_fate(all_at_work):
    fates = fingerprints.fates(all_at_work)
    total = sum(fates[fate] for fate in ("kept", "raised", "lowered", "silenced"))
    assert total == fates["honest_answers"] > 0
    assert fates["recruited"] > 0


def test_without_incentives_every_answer_is_kept():
    fates = fingerprints.fates(run())
    assert fates["kept"] == fates["honest_answers"]
    assert fates["untrue"] == fates["recruited"] == fates["rescoring"] == fates["reselection"] == 0
    assert np.isnan(fates["mix_shift"])


def test_gating_spares_the_unhappy():
    fates = fingerprints.fates(run("gating"))
    assert fates["sent_unhappy"] < fates["sent_happy"] < 1.0
    assert fates["raised"] == fates["recruited"] == 0


def test_bribes_are_wasted_on_those_who_would_give_ten_anyway():
    fates = fingerprints.fates(run("bribing", market=EVERYWHERE))
    each = run("bribing", market=EVERYWHERE)
    tens = (each.events & Event.BRIBE_PAID) > 0
    assert fates["bribes_wasted"] == (each.census[tens] == 10).mean()
    assert 0 < fates["bribe_offers"] < 1


def test_agreement_is_kendalls():
    each = run("begging", market=EVERYWHERE)
    truth = each.agents.experience_sum.sum(axis=0) / each.agents.experience_n.sum(axis=0)
    means = [
        each.recorded[:, each.population.agent == agent][
            each.recorded[:, each.population.agent == agent] >= 0
        ].mean()
        for agent in range(8)
    ]
    found = fingerprints.agreement(each)
    assert found["mean_agreement"] == pytest.approx(stats.kendalltau(means, truth).statistic)
    assert found["honest_nps_agreement"] == pytest.approx(
        estimands(each).loc["honest_rank_agreement", "value"]
    )


def test_accounts_add_up_to_the_costs(all_at_work):
    accounts = fingerprints.accounts(all_at_work)
    table = estimands(all_at_work)["value"]
    assert accounts["concessions"].sum() == pytest.approx(table["concessions"], abs=1.0)
    assert accounts["giveaways"].sum() == pytest.approx(table["giveaways"], abs=1.0)


def test_consumers_have_no_power():
    accounts = fingerprints.accounts(run("concessions"))
    assert accounts.loc[accounts["segment"] == "consumer", "concessions"].sum() == 0
    assert accounts["concessions"].sum() > 0


def test_gaps_compare_halves_of_business_customers():
    each = run("concessions", market=EVERYWHERE)
    table = fingerprints.accounts(each).query("segment != 'consumer' and paid > 0")
    percent = 100 * table["concessions"] / table["paid"]
    upper = table["power"] > table["power"].median()
    expected = percent[upper].mean() - percent[~upper].mean()
    assert fingerprints.concession_gaps(each)["power_percent"] == pytest.approx(expected)


def test_months_are_listed():
    each = run("begging", market=EVERYWHERE)
    months = fingerprints.monthly(each)
    scores = each.recorded[5][each.recorded[5] >= 0]
    expected = 100 * ((scores >= 9).mean() - (scores <= 6).mean())
    assert months.loc[5, "recorded"] == pytest.approx(expected)
    assert months["churners"].iloc[-1] == estimands(each).loc["churners", "value"]


def test_presents_are_followed_to_the_answer():
    each, before = run("giveaways"), run()
    given = (each.events & Event.GIVEN) > 0
    found = fingerprints.presents(each, before)
    assert found["answered"] == (each.shadow[given] >= 0).mean()
    assert 0 < found["moved"] < found["answered"]


def test_accounts_name_the_segments():
    accounts = fingerprints.accounts(run())
    assert isinstance(accounts, pd.DataFrame)
    assert set(accounts["segment"]) == {"consumer", "small_business", "enterprise"}
