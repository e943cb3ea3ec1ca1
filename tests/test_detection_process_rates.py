"""Surveys that are not sent and cases that are passed on."""

import pandas as pd
import pytest

from nps_research.detection.process_rates import surveys_not_sent, transfers
from nps_research.detection.simulated_records import HonestRecords

RECORDS = HonestRecords(treated=12, untreated=12).simulate(2)


def boosted(table, column, value, keep):
    """Move three of four customers of agent 3 after pay began to the other value of a column."""
    at = (table["agent"] == 3) & (table["post"] == 1) & (table[column] != value) & keep
    moved = table[at].assign(**{column: value}, n=3 * table.loc[at, "n"] // 4)
    rest = table.assign(n=table["n"].where(~at, table["n"] - 3 * table["n"] // 4))
    return pd.concat([rest, moved], ignore_index=True)


def test_surveys_held_back_are_found():
    table = surveys_not_sent(boosted(RECORDS.surveys, "sent", 0, keep=True))
    assert table["z"].idxmax() == 3
    assert table["z"][3] > 3


def test_hard_cases_passed_on_are_found():
    hard = RECORDS.cases["difficulty"] == "hardest"
    assert transfers(boosted(RECORDS.cases, "transferred", 1, keep=hard))["z"][3] > 3


def test_more_hard_cases_alone_do_not_stand_out():
    cases = RECORDS.cases
    many = (cases["agent"] == 3) & (cases["post"] == 1) & (cases["difficulty"] == "hardest")
    more = cases.assign(n=cases["n"].where(~many, 3 * cases["n"]))
    before, after = transfers(cases)["z"][3], transfers(more)["z"][3]
    assert after < max(2.0, 2.5 * abs(before))


def test_tags_of_hard_cases_can_be_named():
    both = transfers(RECORDS.cases, ["hard", "hardest"])
    assert (both["n"] > transfers(RECORDS.cases)["n"]).all()


@pytest.mark.parametrize(
    ("cases", "hard", "message"),
    [
        (RECORDS.cases, "impossible", "unknown difficulty 'impossible'"),
        (RECORDS.cases.astype({"difficulty": str}), None, "difficulty has no order"),
        (RECORDS.cases.drop(columns="difficulty"), None, "unknown column 'difficulty'"),
    ],
)
def test_unknown_tags_are_refused(cases, hard, message):
    with pytest.raises(ValueError, match=message):
        transfers(cases, hard)
