"""Revenue at risk of accounts: what answered, what was silent, and what was lost."""

from dataclasses import replace

import numpy as np
import pytest

from nps_research.silence.account_revenue import account_revenue_at_risk
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


def test_missing_columns_are_named():
    bare = replace(PAST, table=PAST.table[["value"]])
    with pytest.raises(ValueError, match="unknown column 'churned'"):
        account_revenue_at_risk(bare, NOW, random_seed=1)
    with pytest.raises(ValueError, match="unknown column 'value'"):
        account_revenue_at_risk(PAST, replace(NOW, table=NOW.table[["risk"]]), random_seed=1)
    assert np.isfinite(PAST.correlation)
