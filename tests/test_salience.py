"""A low score because the topic does not come up: what can and what cannot tell it apart."""

import numpy as np
import pandas as pd
import pytest

from nps_research.datasets import load_counts
from nps_research.silence.salience import largest_share, satisfied_by_class, unmentioned_bounds

SHARES = np.array([0.06, 0.04, 0.05, 0.05, 0.05, 0.08, 0.07, 0.12, 0.18, 0.12, 0.18])
# Churn by score of people for whom the topic comes up, and of those for whom it does not.
OTHERS, CONTENT = np.linspace(0.45, 0.05, 11), 0.05


def mixed(content, people=60_000, seed=1):
    """People, of whom a given share by score is content and would not talk about it."""
    generator = np.random.default_rng(seed)
    n = generator.multinomial(people, SHARES)
    silent_content = generator.binomial(n, content)
    left = generator.binomial(silent_content, CONTENT)
    left += generator.binomial(n - silent_content, OTHERS)
    scores, sizes = [*range(11), *range(11)], [*(n - left), *left]
    return pd.DataFrame({"score": scores, "churned": [0] * 11 + [1] * 11, "n": sizes})


TOILET_PAPER = np.array([0.9, 0.9, 0.9, 0.3, 0.1, 0, 0, 0, 0, 0, 0])


def test_scores_alone_fit_any_share_up_to_the_largest():
    content = np.array([0.5, 0.3, 0.2] + [0.0] * 8)
    most = largest_share(SHARES, content)
    assert most == pytest.approx(min(0.06 / 0.5, 0.04 / 0.3, 0.05 / 0.2))
    for share in (0, most / 2, most):
        rest = (SHARES - share * content) / (1 - share)
        assert rest.min() >= -1e-12
        np.testing.assert_allclose(share * content + (1 - share) * rest, SHARES)
    assert (SHARES - 1.01 * most * content).min() < 0


def test_bounds_hold_the_share_of_the_content():
    table = unmentioned_bounds(mixed(TOILET_PAPER), random_seed=1)
    blocks = ([0, 1, 2], [3, 4], [5, 6], [7, 8])
    weights = [SHARES[block] / SHARES[block].sum() for block in blocks]
    truth = [weight @ TOILET_PAPER[block] for weight, block in zip(weights, blocks, strict=True)]
    assert (table["lower_limit"] <= np.array(truth) + 1e-9).all()
    assert (table["upper_limit"] >= np.array(truth)).all()
    assert table.loc["0-2", "lower"] > 0.5
    assert table.loc["0-2", "dip"] > 0.99


def test_without_content_people_nothing_is_claimed():
    table = unmentioned_bounds(mixed(np.zeros(11)), random_seed=1)
    assert (table["lower_limit"] == 0).all()
    assert (table["dip"] < 0.05).all()
    assert (table["upper"] > 0.4).all()


def test_known_ceiling_of_churn_narrows_the_bounds():
    counts = mixed(np.zeros(11))
    wide, narrow = (
        unmentioned_bounds(counts, largest_churn=each, random_seed=1) for each in (1, 0.5)
    )
    assert (narrow["upper"] < wide["upper"]).all()


def test_bounds_by_hand():
    stayed, left = [880, 700, 900], [120, 300, 100]
    counts = pd.DataFrame({"score": [0, 5, 10] * 2, "churned": [0] * 3 + [1] * 3})
    blocks = ((0, 4), (5, 8), (9, 10))
    table = unmentioned_bounds(
        counts.assign(n=np.array([*stayed, *left]) * 1000), blocks=blocks, random_seed=1
    )
    assert table.loc["0-4", "lower"] == pytest.approx((0.3 - 0.12) / (0.3 - 0.1), abs=0.01)
    assert table.loc["0-4", "upper"] == pytest.approx((1 - 0.12) / (1 - 0.1), abs=0.01)


def test_airport_detractors_are_mostly_not_satisfied():
    items = load_counts("sfo_items")
    overall = items[items["item"] == "overall"]
    table = satisfied_by_class(overall)
    low = overall[overall["score"] <= 6]
    expected = low.loc[low["rating"].astype(int) >= 4, "n"].sum() / low["n"].sum()
    row = table.loc["detractors"]
    assert row["share"] == pytest.approx(expected)
    assert row["lower"] < row["share"] < row["upper"]
    assert table["share"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        (((0, 4), (4, 10)), "ascending and apart"),
        (((0, 10),), "two or more"),
        (((0, 0), (1, 10)), "nobody scored in the block 0"),
    ],
)
def test_unusable_blocks_are_refused(blocks, message):
    counts = mixed(np.zeros(11))
    with pytest.raises(ValueError, match=message):
        unmentioned_bounds(counts[counts["score"] > 0], blocks=blocks, random_seed=1)


def test_shares_that_are_no_shares_are_refused():
    with pytest.raises(ValueError, match="unmentioned must be 0 or more"):
        largest_share([0.5, 0.5], [0.5, 0.6])
