"""The records of a simulated market are what happened in it."""

import numpy as np
import pandas as pd
import pytest

from nps_research.detection.records import agent_acts, agent_records, with_window
from nps_research.detection.simulated_records import HonestRecords
from nps_research.market.events import Event
from nps_research.market.mechanisms import Incentives
from nps_research.market.simulate import Market

MARKET = Market(customers=600, agents=12, teams=4, months=15)
RUN = MARKET.simulate(Incentives.all(), random_seed=3, record=True)
RECORDS = agent_records(RUN)


def happened(event, among=Event.ACTIVE):
    return int(((RUN.events & event > 0) & (RUN.events & among > 0)).sum())


@pytest.mark.parametrize(
    ("table", "column", "event"),
    [
        ("surveys", "sent", Event.SENT),
        ("surveys", "opened", Event.ANSWERED),
        ("edits", "edited", Event.EDIT_LOGGED),
        ("cases", "transferred", Event.DODGED),
    ],
)
def test_tables_hold_every_event(table, column, event):
    rows = getattr(RECORDS, table)
    assert (rows[column] * rows["n"]).sum() == happened(event)


def test_every_due_customer_and_case_is_counted():
    assert RECORDS.surveys["n"].sum() == happened(Event.FRAME)
    assert RECORDS.cases["n"].sum() == happened(Event.CONTACT)
    assert RECORDS.answers["n"].sum() == happened(Event.SENT)


def test_scores_are_those_on_record():
    answered = RECORDS.answers.dropna(subset="score")
    by_score = answered.groupby("score")["n"].sum()
    expected = np.bincount(RUN.recorded[RUN.recorded >= 0], minlength=11)
    assert by_score.reindex(range(11), fill_value=0).tolist() == expected.tolist()


def test_post_begins_with_the_team_s_own_pay():
    starts = RUN.since.min()
    due = RUN.events & Event.FRAME > 0
    month = np.arange(len(RUN.events))[:, None]
    start = np.where(RUN.since < 99, RUN.since, starts)[RUN.population.agent]
    after = RECORDS.surveys[RECORDS.surveys["post"] == 1]["n"].sum()
    assert after == (due & (month >= start)).sum()


def test_missing_numbers_are_deleted_answers():
    run = MARKET.simulate(Incentives.only("editing"), random_seed=3)
    ids = agent_records(run).ids.groupby("agent")["id"]
    gone, deleted = ids.max() - ids.size(), agent_acts(run)["deleted"]
    assert (gone <= deleted).all()
    # All but those that were the last of an agent.
    assert deleted.sum() - 6 <= gone.sum() > 5


def test_window_is_what_the_agent_had_before():
    rows = pd.DataFrame({"agent": [1, 2, 1, 1], "quarter": [0, 0, 0, 1], "score": [10, 3, 5, 9]})
    found = with_window(rows, np.array([True, True, True, True]))
    assert found["window_answers"].tolist() == [0, 0, 1, 0]
    assert found["window_net"].tolist() == [0, 0, 1, 0]


def test_windows_end_as_the_market_has_them():
    held = RECORDS.surveys[RECORDS.surveys["recorded"] == 1]
    most = held.groupby(["agent", "quarter"])["window_answers"].max() + 1
    ends = RUN.agents.answers[2::3]
    for (agent, quarter), answers in most.items():
        assert answers <= ends[quarter, agent] + 1


def test_customers_are_followed_once_a_period():
    assert RECORDS.departures["n"].sum() <= 2 * 600
    one = agent_records(RUN, follow_up=1).departures
    assert (one["churned"] * one["n"]).sum() < (
        RECORDS.departures["churned"] * RECORDS.departures["n"]
    ).sum()


def test_comments_need_recorded_sentiment():
    plain = agent_records(MARKET.simulate(Incentives.none(), random_seed=3))
    assert len(plain.comments) == 0
    assert RECORDS.comments["n"].sum() == happened(Event.VERBATIM)


def test_honest_markets_have_clean_records():
    records = agent_records(MARKET.simulate(Incentives.none(), random_seed=3))
    assert records.edits["edited"].sum() == records.cases["transferred"].sum() == 0
    assert (records.surveys["sent"] == 1).all()
    assert (records.surveys["opened"] == records.surveys["recorded"]).all()


def test_truth_holds_what_the_treated_did():
    acts = agent_acts(RUN)
    columns = ["begged", "gated", "dodged", "deleted"]
    assert (acts.loc[acts["treated"] == 0, columns] == 0).all(axis=None)
    paid = acts[acts["treated"] == 1]
    assert np.corrcoef(paid["propensity"], paid["begged"])[0, 1] > 0.5


def test_a_follow_up_outside_the_simulation_is_refused():
    with pytest.raises(ValueError, match="from 1 to 15 months; found 16"):
        agent_records(RUN, follow_up=16)


def test_honest_records_have_the_tables_of_a_market():
    simulated = HonestRecords(treated=5, untreated=4).simulate(1)
    for name, table in vars(simulated).items():
        assert table.columns.tolist() == getattr(RECORDS, name).columns.tolist(), name
    assert simulated.surveys["agent"].nunique() == 9


def test_honest_records_repeat_with_the_seed():
    first, again, other = (HonestRecords().simulate(seed).cases for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)
