"""Revenue at risk of accounts: what answered, what was silent, and what was lost."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit

from nps_research.silence.account_revenue import account_revenue_at_risk, probability_kept
from nps_research.silence.accounts import Accounts
from nps_research.silence.simulated_accounts import AccountWorld

WORLD = AccountWorld(accounts=400, response=(-0.8, 1.0), churn=(-2.0, 1.5))
PAST, NOW = WORLD.simulate(1), WORLD.simulate(2)


@pytest.fixture(scope="module")
def table():
    return account_revenue_at_risk(PAST, NOW, random_seed=1)


def test_parts_add_up(table):
    for column in ("forecast", "value", "realised"):
        parts = table.loc[["answered", "silent"], column].sum()
        assert table.loc["all", column] == pytest.approx(parts)
    value, left = (NOW.table[name].to_numpy() for name in ("value", "churned"))
    assert table.loc["all", "realised"] == pytest.approx(value @ left)
    assert table.loc["all", "value"] == pytest.approx(value.sum())


def test_silent_are_forecast_by_the_silent_of_the_past(table):
    risk = PAST.table.loc[PAST.silent, "churned"].mean()
    expected = risk * NOW.table.loc[NOW.silent, "value"].sum()
    assert table.loc["silent", "forecast"] == pytest.approx(expected, rel=0.05)


def test_those_who_answered_are_forecast_by_their_scores(table):
    risk = PAST.table.loc[~PAST.silent, "churned"].mean()
    naive = risk * NOW.table.loc[~NOW.silent, "value"].sum()
    assert table.loc["answered", "forecast"] == pytest.approx(naive, rel=0.25)
    assert (table["lower"] < table["forecast"]).all()
    assert (table["forecast"] < table["upper"]).all()


def test_ignored_silence_takes_the_silent_for_the_others(table):
    assert PAST.table.loc[PAST.silent, "churned"].mean() > PAST.table["churned"].mean()
    assert table.loc["all, silence ignored", "forecast"] < table.loc["all", "forecast"]


def test_future_without_an_outcome_is_forecast():
    now = Accounts(NOW.contacts, NOW.table.drop(columns="churned"), NOW.scale, NOW.decision_maker)
    table = account_revenue_at_risk(PAST, now, random_seed=1)
    assert "realised" not in table


@pytest.mark.parametrize("change", [0.0, 0.3])
def test_probability_kept_is_the_share_of_simulated_years(table, change):
    value, odds = NOW.table["value"].to_numpy(), logit(NOW.table["risk"].to_numpy())
    drawn = np.random.default_rng(1).uniform(size=(20_000, len(value)))
    lost = (drawn < expit(odds + change)) @ value
    held = (lost >= table.loc["all", "lower"]) & (lost <= table.loc["all", "upper"])
    assert probability_kept(table, NOW, change) == pytest.approx(held.mean(), abs=0.02)


def test_every_change_gets_its_probability(table):
    apart = [float(probability_kept(table, NOW, change)) for change in (-0.2, 0.4)]
    assert probability_kept(table, NOW, [-0.2, 0.4]) == pytest.approx(apart)


def test_missing_columns_are_named():
    bare = replace(PAST, table=PAST.table[["value"]])
    with pytest.raises(ValueError, match="unknown column 'churned'"):
        account_revenue_at_risk(bare, NOW, random_seed=1)
    with pytest.raises(ValueError, match="unknown column 'value'"):
        account_revenue_at_risk(PAST, replace(NOW, table=NOW.table[["risk"]]), random_seed=1)
    assert np.isfinite(PAST.correlation)
    with pytest.raises(ValueError, match="unknown column 'risk'"):
        probability_kept(PAST.table, replace(NOW, table=NOW.table[["value"]]))
