"""The rating scale: categories, groups, boxes, and scales that make no sense."""

import numpy as np
import pytest

from nps_research.scale import RatingScale


@pytest.mark.parametrize(
    ("scale", "passives"),
    [
        (RatingScale(), [7, 8]),
        (RatingScale(1, 10), [7, 8]),
        (RatingScale(1, 7), [5]),
        (RatingScale(1, 5), [4]),
        (RatingScale(0, 1, 0, 1), []),
    ],
)
def test_groups_split_the_scale(scale, passives):
    assert scale.scores[scale.groups == "passives"].tolist() == passives
    assert np.all(np.diff(scale.nps_values) >= 0)
    assert len(scale.scores) == scale.n_categories == len(scale.cutpoint_labels) + 1


def test_nps_values_follow_the_definition():
    assert RatingScale().nps_values.tolist() == [-1] * 7 + [0] * 2 + [1] * 2


def test_cuts_can_be_moved():
    european = RatingScale(highest_detractor=5, lowest_promoter=8)
    assert european.nps_values.tolist() == [-1] * 6 + [0] * 2 + [1] * 3
    assert european != RatingScale()


@pytest.mark.parametrize(("k", "end", "scores"), [(1, "top", [10]), (3, "bottom", [0, 1, 2])])
def test_boxes_count_from_an_end(k, end, scores):
    scale = RatingScale()
    assert scale.scores[scale.box_values(k, end) == 1].tolist() == scores


def test_cutpoints_are_named_by_their_neighbours():
    assert RatingScale(1, 5).cutpoint_labels == ["1|2", "2|3", "3|4", "4|5"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((10, 0), "found 10 to 0. Give the lowest score first"),
        ((3, 3), "needs a maximum above its minimum"),
        ((0, 100), "no convention says who is a detractor"),
        ((0, 10, 9, 6), "detractors up to 9 and promoters from 6 do not fit"),
        ((0, 10, 6, 11), "do not fit a scale from 0 to 10"),
    ],
)
def test_impossible_scales_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RatingScale(*arguments)


@pytest.mark.parametrize("k", [0, 11, -1])
def test_boxes_leave_something_outside(k):
    with pytest.raises(ValueError, match=f"1 to 10 of the 11 scores.*found k={k}"):
        RatingScale().box_values(k)
