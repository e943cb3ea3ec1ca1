import numpy as np
import pytest
from scipy import special, stats

from nps_research.comparison.shifts import KINDS, Shift, share_slopes, shifted
from nps_research.scale import RatingScale

AIRPORT = np.array([24, 11, 24, 26, 24, 205, 133, 334, 601, 498, 770]) / 2650
SHORT = RatingScale(1, 5)


@pytest.mark.parametrize("link", ["logit", "probit"])
@pytest.mark.parametrize("kind", KINDS)
def test_slopes_are_the_limit_of_small_shifts(kind, link):
    shift = Shift(kind, link, anchor=0.3)
    step = 1e-5
    difference = shifted(AIRPORT, shift, step) - shifted(AIRPORT, shift, -step)
    assert share_slopes(AIRPORT, shift) == pytest.approx(difference / (2 * step), abs=1e-8)


@pytest.mark.parametrize("size", [-2.5, -0.1, 0.0, 0.7, 6.0])
@pytest.mark.parametrize("kind", KINDS)
def test_shifted_shares_are_shares(kind, size):
    moved = shifted(AIRPORT, kind, size)
    assert moved.sum() == pytest.approx(1)
    assert moved.min() >= 0


@pytest.mark.parametrize("kind", KINDS)
def test_shift_of_size_zero_changes_nothing(kind):
    assert shifted(AIRPORT, kind, 0.0) == pytest.approx(AIRPORT, abs=1e-15)


@pytest.mark.parametrize("kind", ["location", "scale"])
def test_shifts_add_up(kind):
    twice = shifted(shifted(AIRPORT, kind, 0.4), kind, 0.3)
    assert twice == pytest.approx(shifted(AIRPORT, kind, 0.7), abs=1e-14)


@pytest.mark.parametrize(
    ("kind", "rest", "scaled"), [("location", (0.8, 1.5), 1), ("scale", (0.0, 1.5), 0)]
)
def test_shift_is_that_of_the_opinions(kind, rest, scaled):
    opinions = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    cuts = stats.norm.ppf([0.2, 0.5, 0.6, 0.9])
    size = rest[0] if scaled else np.log(rest[1])
    moved = opinions + rest[0] if scaled else opinions * rest[1]
    expected = np.bincount(np.searchsorted(cuts, moved), minlength=5) / 200_000
    shares = np.diff([0, 0.2, 0.5, 0.6, 0.9, 1])
    assert shifted(shares, Shift(kind, "probit"), size, SHORT) == pytest.approx(expected, abs=2e-5)


def test_location_shift_is_one_odds_ratio_for_all_cuts():
    moved = shifted(AIRPORT, "location", 0.5)
    gaps = special.logit(AIRPORT.cumsum()[:-1]) - special.logit(moved.cumsum()[:-1])
    assert gaps == pytest.approx(np.full(10, 0.5))


def test_anchor_of_a_scale_shift_stays():
    shares = np.array([0.2, 0.3, 0.1, 0.3, 0.1])
    moved = shifted(shares, Shift("scale", anchor=0.6), 1.3, SHORT)
    assert moved[:3].sum() == pytest.approx(0.6)
    assert moved[0] > shares[0]
    assert moved[-1] > shares[-1]


@pytest.mark.parametrize(
    ("shift", "raised", "lowered"),
    [
        ("top threshold", 9, 8),
        ("bottom threshold", 7, 6),
        (Shift("top threshold", cuts=("9|10",)), 10, 9),
    ],
)
def test_small_threshold_shift_moves_answers_between_two_scores(shift, raised, lowered):
    change = shifted(AIRPORT, shift, 0.05) - AIRPORT
    assert change[raised] == pytest.approx(-change[lowered])
    assert change[raised] > 0.005
    assert np.delete(change, [raised, lowered]) == pytest.approx(np.zeros(9), abs=1e-15)


def test_far_threshold_takes_others_along():
    shares = np.array([0.2, 0.2, 0.2, 0.2, 0.2])
    shift = Shift("top threshold", cuts=("3|4",))
    below = special.expit(special.logit(0.6) - 2.5)
    assert shifted(shares, shift, 2.5, SHORT)[:3] == pytest.approx([below, 0, 0])
    above = special.expit(special.logit(0.6) + 2.5)
    assert shifted(shares, shift, -2.5, SHORT)[3:] == pytest.approx([0, 1 - above])


def test_slope_beside_a_score_that_nobody_gave_is_that_of_positive_sizes():
    shares = np.array([0.2, 0.2, 0.0, 0.4, 0.2])
    shift = Shift("top threshold", cuts=("3|4",))
    step = 1e-7
    change = (shifted(shares, shift, step, SHORT) - shares) / step
    assert share_slopes(shares, shift, SHORT) == pytest.approx(change, abs=1e-6)


def test_scores_at_the_ends_that_nobody_gave_stay_empty():
    shares = np.array([0.0, 0.5, 0.3, 0.2, 0.0])
    for kind in ("location", "scale"):
        assert shifted(shares, kind, 0.8, SHORT)[[0, 4]] == pytest.approx([0, 0], abs=1e-15)
        assert np.isfinite(share_slopes(shares, kind, SHORT)).all()


def test_many_distributions_and_sizes_at_once():
    pair = np.array([AIRPORT, AIRPORT[::-1]])
    moved = shifted(pair, "scale", [0.2, -0.4])
    assert moved[1] == pytest.approx(shifted(AIRPORT[::-1], "scale", -0.4))
    assert shifted(AIRPORT, "location", np.linspace(0, 1, 7)).shape == (7, 11)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "sideways"}, "unknown shift 'sideways'"),
        ({"kind": "scale", "link": "cauchit"}, "unknown link of a shift 'cauchit'"),
        ({"kind": "scale", "anchor": 1.0}, "found 1.0"),
        ({"kind": "location", "cuts": ("8|9",)}, "belong to a threshold shift"),
    ],
)
def test_impossible_shifts_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Shift(**arguments)


@pytest.mark.parametrize(
    ("shares", "shift", "message"),
    [
        (AIRPORT[:5], "location", "has 11 scores"),
        (100 * AIRPORT, "location", "sum of 100"),
        (AIRPORT, Shift("top threshold", cuts=("10|11",)), "unknown cut '10|11'"),
    ],
)
def test_unusable_shares_and_cuts_are_refused(shares, shift, message):
    with pytest.raises(ValueError, match=message.replace("|", r"\|")):
        shifted(shares, shift, 0.1)
