"""Who comments: closed forms against simulated commenters."""

import numpy as np
import pandas as pd
import pytest

from nps_research.silence.comments import comment_rates, commenters, topic_share

SHARES = np.array([0.03, 0.01, 0.02, 0.02, 0.025, 0.055, 0.06, 0.12, 0.20, 0.17, 0.29])
VALUES = np.array([-100] * 7 + [0, 0, 100, 100])
TABLE = pd.DataFrame({"n": [200, 800], "commented": [180, 400], "topic": [90, 20]})


@pytest.mark.parametrize(("slope", "strength"), [(0.0, 0.0), (-0.3, 0.0), (0.1, 0.4)])
def test_rates_have_their_mean_and_their_slope(slope, strength):
    rates = comment_rates(SHARES, 0.65, slope=slope, strength=strength)
    assert SHARES @ rates == pytest.approx(0.65)
    odds = np.log(rates / (1 - rates))
    expected = slope + strength * np.r_[np.full(5, -1), np.full(5, 1)]
    np.testing.assert_allclose(np.diff(odds), expected, atol=1e-8)


def test_commenters_agree_with_simulated_ones():
    rates = comment_rates(SHARES, 0.65, slope=-0.25)
    found = commenters(SHARES, rates)
    generator = np.random.default_rng(1)
    n = generator.multinomial(500, SHARES, 20_000)
    written = generator.binomial(n, rates)
    scores = written @ VALUES / written.sum(axis=1)
    assert found["commenting"] == pytest.approx(scores.mean(), abs=0.2)
    ratio = scores.std() / (n @ VALUES / 500).std()
    assert found["wider"] == pytest.approx(ratio, rel=0.02)
    low = n[:, :7].sum(), written[:, :7].sum()
    assert found["detractors_unread"] == pytest.approx(1 - low[1] / low[0], abs=0.003)


def test_comments_that_do_not_depend_on_the_score_cost_only_precision():
    found = commenters(SHARES, comment_rates(SHARES, 0.65))
    assert found["bias"] == pytest.approx(0, abs=1e-9)
    assert found["wider"] == pytest.approx(1 / np.sqrt(0.65))


def test_weights_by_score_repair_what_the_score_explains():
    generator = np.random.default_rng(2)
    rates, named = comment_rates(SHARES, 0.65, slope=-0.3), np.linspace(0.6, 0.05, 11)
    truth, found = SHARES @ named, []
    for _ in range(300):
        n = generator.multinomial(3000, SHARES) + 5
        commented = generator.binomial(n, rates) + 1
        commented = np.minimum(commented, n)
        topic = generator.binomial(commented, named)
        table = topic_share(pd.DataFrame({"n": n, "commented": commented, "topic": topic}))
        row, bounds = table.loc["weighted by score"], table.loc["bounds"]
        inside = bounds["lower"] <= truth <= bounds["upper"]
        found.append(
            [row["lower"] <= truth <= row["upper"], inside, table["share"].iloc[0] > truth]
        )
    assert np.mean(found, axis=0) == pytest.approx([0.95, 1.0, 1.0], abs=0.04)


def test_shares_of_a_topic_by_hand():
    table = topic_share(TABLE)
    assert table.loc["comments only", "share"] == pytest.approx(110 / 580)
    assert table.loc["weighted by score", "share"] == pytest.approx(0.2 * 0.5 + 0.8 * 0.05)
    assert table.loc["bounds", ["lower", "upper"]].tolist() == pytest.approx([0.11, 0.53])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: comment_rates(SHARES, 65), "found 65"),
        (lambda: topic_share(TABLE.assign(topic=[90, 500])), "topic=500 at row 1"),
        (lambda: topic_share(TABLE.assign(commented=[0, 400], topic=0)), "200 scorers at row 0"),
        (lambda: topic_share(TABLE.drop(columns="topic")), "'topic' not found"),
    ],
)
def test_unusable_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
