import numpy as np
import pandas as pd
import pytest

from nps_research.answers import answers_by_group
from nps_research.scale import RatingScale

TABLE = pd.DataFrame(
    {
        "team": ["b", "a", "b", "a"],
        "score": [5, 1, 4, None],
        "n": [2, 3, 1, 7],
        "weight": [3.0, 6.0, 1.0, 0.0],
        "weight_squared": [5.0, 12.0, 1.0, 0.0],
    }
)
SCALE = RatingScale(1, 5)


def test_answers_are_counted_by_group_and_score():
    answers = answers_by_group(TABLE, "team", SCALE)
    assert answers.groups.tolist() == ["a", "b"]
    assert answers.effective.tolist() == [[3, 0, 0, 0, 0], [0, 0, 0, 1, 2]]
    assert answers.n.tolist() == [3, 3]
    assert answers.unanswered == 7


def test_without_columns_there_is_one_group():
    answers = answers_by_group(TABLE, None, SCALE)
    assert answers.groups.tolist() == ["all"]
    assert answers.effective.tolist() == [[3, 0, 0, 1, 2]]


def test_effective_answers_are_weighted_shares_of_kish_number():
    answers = answers_by_group(TABLE, "team", SCALE, weighted=True)
    kish = np.array([6**2 / 12, 4**2 / 6])
    assert answers.effective.sum(axis=1) == pytest.approx(kish)
    assert answers.effective[1] == pytest.approx(kish[1] * np.array([0, 0, 0, 1, 3]) / 4)


def test_groups_without_weight_have_no_effective_answers():
    weightless = TABLE.assign(weight=0.0, weight_squared=0.0)
    assert answers_by_group(weightless, "team", SCALE, weighted=True).effective.sum() == 0


def test_answers_between_two_scores_are_refused():
    table = TABLE.assign(score_upper=[None, 5, 5, None])
    with pytest.raises(ValueError, match=r"4 answers are .* first 1 to 5 at row 1\. Ord"):
        answers_by_group(table, None, SCALE)


@pytest.mark.parametrize(
    ("upper", "n", "answers"),
    [([5, None, 4, None], [2, 3, 1, 7], 6), ([None, 5, None, None], [2, 0, 1, 7], 3)],
)
def test_exact_scores_and_intervals_that_nobody_gave_are_none(upper, n, answers):
    table = TABLE.assign(score_upper=upper, n=n)
    assert answers_by_group(table, None, SCALE).n.tolist() == [answers]
