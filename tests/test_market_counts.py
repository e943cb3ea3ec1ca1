"""Counts for the inflation model are those of the run, and the truth is what nobody can see."""

import numpy as np
import pandas as pd
import pytest

from nps_research.inflation.market_counts import (
    Audit,
    Window,
    market_counts,
    market_retest,
    market_truth,
)
from nps_research.market.events import Event
from nps_research.market.mechanisms import Incentives
from nps_research.market.simulate import Market

WORLD = Market(customers=2000, agents=20, teams=4, months=18, rollout=(9, None, 12, None))


def simulated(incentives):
    return WORLD.simulate(incentives, random_seed=3, record=True)


@pytest.fixture(scope="module")
def run():
    return simulated(Incentives.only("begging", "gating"))


@pytest.fixture(scope="module")
def honest():
    return simulated(Incentives.none())


def sizes(table, *columns):
    return table.groupby(list(columns), dropna=False)["n"].sum()


@pytest.mark.parametrize("follow_up", [1, 3, 6])
def test_counts_are_those_that_the_run_tabulates(run, follow_up):
    columns = ["treated", "post", "score", "churned"]
    own = sizes(market_counts(run, window=Window(follow_up=follow_up)), *columns)
    other = sizes(run.counts(by=("treated", "post"), follow_up=follow_up), *columns)
    assert own.to_dict() == other[other > 0].to_dict()


def test_follow_up_is_the_gap_between_surveys_by_default(run):
    pd.testing.assert_frame_equal(
        market_counts(run), market_counts(run, window=Window(follow_up=3))
    )


@pytest.mark.parametrize("answers", ["shadow", "census"])
def test_other_surveys_have_the_same_customers(run, answers):
    keys = ["treated", "post", "churned"]
    honest = market_counts(run, answers=answers)
    assert sizes(honest, *keys).to_dict() == sizes(market_counts(run), *keys).to_dict()
    assert honest["score"].isna().any() == (answers == "shadow")


@pytest.mark.parametrize(("by", "levels"), [("agent", 20), ("team", 4), ("period", 6)])
def test_further_columns_only_divide_the_cells(run, by, levels):
    keys = ["treated", "post", "score", "churned"]
    divided = market_counts(run, by=[by], months_a_period=3, window=Window(follow_up=1))
    assert divided[by].nunique() == levels
    whole = sizes(market_counts(run, window=Window(follow_up=1)), *keys)
    assert sizes(divided, *keys).to_dict() == whole.to_dict()


def test_window_and_washout_leave_months_out(run):
    window = Window(months=(3, 18), washout=3, follow_up=1)
    table = market_counts(run, by=["period"], months_a_period=1, window=window)
    assert table["period"].min() == 3
    after = table[(table["treated"] == 1) & (table["post"] == 1)]["period"]
    assert after.min() == 12  # rollouts in months 9 and 12


def test_comments_are_in_classes_of_equal_size_where_nobody_is_paid(run):
    table = market_counts(run, sentiment_classes=4)
    unpaid = table[table["treated"] * table["post"] == 0]
    shares = sizes(unpaid.dropna(subset=["sentiment"]), "sentiment")
    assert shares.index.tolist() == [0, 1, 2, 3]
    assert shares.max() - shares.min() <= 2
    comments = (run.events & Event.VERBATIM) > 0
    assert sizes(market_counts(run), "treated").sum() > shares.sum() > comments.sum() / 2


@pytest.mark.parametrize("answers", ["shadow", "census"])
def test_audit_asks_some_of_the_exposed_honestly(run, answers):
    table = market_counts(run, audit=Audit(0.5, answers, random_seed=1))
    audited = table[table["audit"] == 1]
    assert (audited["treated"] * audited["post"] == 1).all()
    exposed = sizes(table[table["treated"] * table["post"] == 1], "audit")
    assert exposed[1] / exposed.sum() == pytest.approx(0.5, abs=0.05)
    assert audited["score"].isna().any() == (answers == "shadow")


def test_retest_pairs_are_of_the_same_customer(run):
    pairs = market_retest(run, within=6)
    expected = 0
    for customer in np.flatnonzero(run.since[run.population.agent] > 18):
        months = np.flatnonzero(run.recorded[:9, customer] >= 0)
        expected += (np.diff(months) <= 6).sum()
    assert pairs["n"].sum() == expected > 30


def test_truth_is_that_of_the_shadow_survey(run, honest):
    truth = market_truth(run, honest, window=Window(follow_up=1))
    assert truth["reported_nps"] == pytest.approx(run.observed_nps)
    assert truth["honest_nps"] == pytest.approx(run.honest_nps)
    assert truth["honest_nps_everybody"] == pytest.approx(run.census_nps)
    assert truth["inflation"] == truth["reported_nps"] - truth["honest_nps"] > 5


def test_nothing_is_true_of_nothing(honest):
    truth = market_truth(honest, honest)
    assert truth["improvement"] == truth["inflation"] == 0


def test_broken_promises_are_a_loss(honest):
    promises = simulated(Incentives.only("false_promises"))
    assert market_truth(promises, honest)["improvement"] < -0.03


def test_errors_say_what_to_change(run):
    everybody = Market(customers=40, agents=4, teams=2, months=6, rollout=3)
    with pytest.raises(ValueError, match="found all of the 2 teams paid"):
        market_counts(everybody.simulate(Incentives.none(), random_seed=1))
    with pytest.raises(ValueError, match="follow_up must be from 1 to the 18 months"):
        market_counts(run, window=Window(follow_up=19))
    with pytest.raises(ValueError, match="column 'agnet'"):
        market_counts(run, by=["agnet"])
    with pytest.raises(ValueError, match="answers of the audit 'all'"):
        market_counts(run, audit=Audit(0.1, "all"))
    blind = WORLD.simulate(Incentives.none(), random_seed=3)
    with pytest.raises(ValueError, match="no sentiment: simulate it with record=True"):
        market_counts(blind, sentiment_classes=3)
