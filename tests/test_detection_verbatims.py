"""Scores above their comments."""

import numpy as np
import pandas as pd
import pytest

from nps_research.detection.simulated_records import HonestRecords
from nps_research.detection.verbatims import gap_after_leak, verbatim_gap

RECORDS = HonestRecords(treated=12, untreated=12).simulate(3)


def shifted(points, agent=3):
    table = RECORDS.comments.copy()
    at = (table["agent"] == agent) & (table["post"] == 1)
    table["score"] = table["score"].where(~at, (table["score"] + points).clip(upper=10))
    return table


def test_kinder_scores_beside_the_same_words_are_found():
    found = verbatim_gap(shifted(3))
    assert found["z"].idxmax() == 3
    assert found["z"][3] > 2.5


def test_gap_is_the_difference_of_mean_residuals():
    rows = [(agent, post, 6 + tone, tone) for agent in "ab" for post in (0, 1) for tone in range(4)]
    table = pd.DataFrame(rows, columns=["agent", "post", "score", "sentiment"]).assign(n=5)
    at = (table["agent"] == "a") & (table["post"] == 1)
    table["score"] += at
    found = verbatim_gap(table)
    assert found["estimate"]["a"] - found["estimate"]["b"] == pytest.approx(1.0)
    assert found.attrs["explained"] == pytest.approx(1.0, abs=0.06)


def test_better_words_with_better_scores_are_no_gap():
    table = RECORDS.comments
    happy = (table["agent"] == 3) & (table["post"] == 1) & (table["sentiment"] < 0)
    assert abs(verbatim_gap(table[~happy])["z"][3]) < 2


def test_classes_of_sentiment_are_read_in_their_order():
    names = ["bad", "middling", "good"]
    tone = np.digitize(RECORDS.comments["sentiment"], [-0.5, 0.5])
    labelled = pd.Categorical(np.array(names)[tone], names, ordered=True)
    by_name = verbatim_gap(RECORDS.comments.assign(sentiment=labelled))
    by_number = verbatim_gap(RECORDS.comments.assign(sentiment=tone))
    assert by_name["z"].to_numpy() == pytest.approx(by_number["z"].to_numpy())


def test_few_comments_are_missing_and_counted():
    table = RECORDS.comments
    few = (table["agent"] != 3) | (table["post"] == 0) | (table.groupby("agent").cumcount() < 2)
    found = verbatim_gap(table[few])
    assert np.isnan(found["z"][3])
    assert found.attrs["too_few"] == 1


def test_a_leak_takes_what_words_explain():
    """A shift of all answers, shared by the words: closed form of the linear model."""
    generator = np.random.default_rng(1)
    loyalty, noise, error = generator.standard_normal((3, 400_000))
    shift, leak = 0.5, 0.7
    words = 0.8 * loyalty + 0.6 * noise
    slope = np.cov(loyalty + error, words)[0, 1] / words.var()
    gap = shift - slope * 0.8 * leak * shift
    assert gap == pytest.approx(gap_after_leak(shift, leak, 0.64 / words.var()), abs=0.005)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sentiment": "fine"}, "sentiment must have an order"),
        ({"post": 1}, "no comments before"),
        ({"post": 0}, "no comments after"),
    ],
)
def test_unusable_comments_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        verbatim_gap(RECORDS.comments.assign(**change))


def test_impossible_leaks_are_refused():
    with pytest.raises(ValueError, match="leak must be a share"):
        gap_after_leak(1.0, 1.5, 0.5)
