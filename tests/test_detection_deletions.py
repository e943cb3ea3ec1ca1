"""Deleted and changed answers: exact probabilities, gaps and logs."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable

from nps_research.detection import deletions
from nps_research.detection.deletions import (
    edit_asymmetry,
    edits_until_detection,
    log_detection,
    low_tail_deficit,
    sequence_gaps,
    unrecorded_answers,
)
from nps_research.detection.simulated_records import HonestRecords

RECORDS = HonestRecords(treated=12, untreated=12).simulate(1)


def edits(rows):
    return pd.DataFrame(rows, columns=["agent", "post", "treated", "low", "edited", "n"])


@pytest.mark.parametrize("centre", [0.0, 0.8])
def test_edits_given_their_number_are_noncentral_hypergeometric(centre):
    cells = np.array([[50, 4], [11, 5]])
    law = stats.nchypergeom_fisher(70, 16, 9, np.exp(centre))
    upper = law.sf(5) + law.pmf(5) / 2
    assert deletions._edits_z(cells, centre, 0.0) == pytest.approx(stats.norm.isf(upper))


def test_not_knowing_the_honest_odds_widens():
    cells = np.array([[50, 1], [8, 8]])
    known, unknown = (deletions._edits_z(cells, 0.0, sd) for sd in (0.0, 0.5))
    assert 0 < unknown < known


def test_honest_odds_are_those_of_mantel_and_haenszel():
    cells = np.array([[[40.0, 6.0], [12.0, 4.0]], [[80.0, 3.0], [20.0, 5.0]]])
    other = StratifiedTable([each.T for each in cells[:, ::-1, ::-1]])
    variance = other.logodds_pooled_se**2
    kept = 0.25 / (0.25 + variance)
    expected = kept * other.logodds_pooled, np.sqrt(kept * variance)
    assert deletions._honest_odds(cells) == pytest.approx(expected)


def test_agents_who_edit_a_lot_but_evenly_do_not_stand_out():
    honest = [(agent, 1, 0, low, 1, 3) for agent in "abcdefgh" for low in (0, 1)]
    honest += [(agent, 1, 0, low, 0, 60 - 40 * low) for agent in "abcdefgh" for low in (0, 1)]
    paid = [("y", 1, 1, 0, 1, 60), ("y", 1, 1, 0, 0, 60), ("y", 1, 1, 1, 1, 20)]
    paid += [
        ("y", 1, 1, 1, 0, 20),
        ("z", 1, 1, 1, 1, 12),
        ("z", 1, 1, 1, 0, 8),
        ("z", 1, 1, 0, 0, 90),
    ]
    z = edit_asymmetry(edits(honest + paid))["z"]
    assert z["y"] < 1
    assert z["z"] > 3


def test_no_edit_says_nothing():
    table = edit_asymmetry(edits([("a", 1, 1, 0, 0, 50), ("a", 1, 1, 1, 0, 20)]))
    assert table["z"].item() == 0


def test_agents_with_few_answers_are_missing():
    table = edit_asymmetry(edits([("a", 1, 1, 1, 1, 3), ("b", 1, 1, 1, 0, 30)]))
    assert table["z"].isna().tolist() == [True, False]
    assert table.attrs["too_few"] == 1


def test_gaps_count_the_numbers_between_answers():
    ids = pd.DataFrame({"agent": ["a"] * 4 + ["b"] * 2, "post": [0, 0, 1, 1, 0, 1]})
    table = sequence_gaps(ids.assign(id=[2, 3, 7, 8, 1, 2]), least=1)
    assert table.attrs["missing"] == 4  # 1 before, 4 to 6 after
    assert table["n"].tolist() == [8, 2]
    assert table["z"]["a"] > table["z"]["b"]


def test_gaps_are_the_answers_that_are_not_on_record():
    gaps, lost = sequence_gaps(RECORDS.ids), unrecorded_answers(RECORDS.surveys)
    opened = RECORDS.surveys[RECORDS.surveys["opened"] == 1]
    missing = opened.loc[opened["recorded"] == 0, "n"].sum()
    assert 0 <= missing - gaps.attrs["missing"] <= 24  # those after the last answer of an agent
    assert np.corrcoef(gaps["z"], lost["z"])[0, 1] > 0.9


@pytest.mark.parametrize(
    ("ids", "message"),
    [([1, 1], "id must differ within agent"), ([0, 1], "whole number from 1"), ([1, "x"], "whole")],
)
def test_impossible_numbers_are_refused(ids, message):
    table = pd.DataFrame({"agent": "a", "post": [0, 1], "id": ids})
    with pytest.raises(ValueError, match=message):
        sequence_gaps(table)


def test_answers_from_nowhere_are_refused():
    table = pd.DataFrame({"agent": ["a"], "post": [0], "opened": [0], "recorded": [1], "n": [2]})
    with pytest.raises(ValueError, match="must have come in"):
        unrecorded_answers(table)


def test_deleted_low_answers_leave_a_deficit():
    answers = RECORDS.answers
    low = (answers["score"] <= 6).fillna(value=False).astype(bool)
    gone = low & (answers["agent"] == 3) & (answers["post"] == 1)
    assert low_tail_deficit(answers[~gone])["z"].idxmax() == 3


def test_a_log_beats_statistics():
    assert log_detection(3, 0.7) == pytest.approx(1 - 0.3**3)
    found = edits_until_detection(0.2, 0.9)
    assert log_detection(found - 1, 0.2) < 0.9 <= log_detection(found, 0.2)
    assert edits_until_detection(1.0) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: log_detection(-1, 0.5), "edits must be 0 or more"),
        (lambda: log_detection(1, 1.5), "logged must be a probability"),
        (lambda: edits_until_detection(0.0), "above 0"),
        (lambda: edits_until_detection(0.5, 1.0), "power must be"),
    ],
)
def test_impossible_logs_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
