"""Areas under the curve from counts: pairs counted one by one, other forms, and real data."""

import itertools

import numpy as np
import pandas as pd
import pytest

from nps_research.churn.discrimination import auc, auc_and_se, auc_difference, placements
from nps_research.churn.outcomes import coded_outcomes
from nps_research.datasets import load_counts
from nps_research.market import estimands

LEFT, STAYED = np.array([4, 0, 3, 1, 1]), np.array([1, 2, 5, 9, 7])
CODES = {"yes": 1, "no": 0, "unknown": None}
EXPECTED = {"decrease": 1, "stop": 1, "same": 0, "increase": 0, "not asked": None}


def people(left=LEFT, stayed=STAYED):
    levels = np.arange(len(left))
    rows = pd.DataFrame({"score": np.tile(levels, 2), "n": np.r_[left, stayed]})
    return rows.assign(churned=np.repeat([1, 0], len(levels)))


def counted(left, stayed):
    """Return for every pair, one who left and one who stayed, whether the first is lower."""
    gone, there = (np.repeat(np.arange(len(each)), each) for each in (left, stayed))
    return (gone[:, None] < there) + 0.5 * (gone[:, None] == there)


def community():
    table = load_counts("r_community")
    return table.assign(bins=pd.cut(table["score"], [0, 6, 8, 10], labels=False))


def test_auc_counts_every_pair():
    assert auc_and_se(LEFT, STAYED)[0] == pytest.approx(counted(LEFT, STAYED).mean())


def test_se_is_the_variance_of_structural_components():
    wins = counted(LEFT, STAYED)
    by_left, by_stayed = wins.mean(axis=1), wins.mean(axis=0)
    variance = by_left.var(ddof=1) / len(by_left) + by_stayed.var(ddof=1) / len(by_stayed)
    assert auc_and_se(LEFT, STAYED)[1] == pytest.approx(np.sqrt(variance))


def test_paired_difference_is_that_of_people_one_by_one():
    generator = np.random.default_rng(3)
    rows = pd.DataFrame(generator.integers(0, 4, (60, 2)), columns=["a", "b"])
    rows["churned"] = generator.random(60) < 0.3
    left, stayed = (rows.loc[rows["churned"] == value, ["a", "b"]].to_numpy() for value in (1, 0))
    wins = (left[:, None] < stayed) + 0.5 * (left[:, None] == stayed)
    gap = wins[..., 1] - wins[..., 0]
    variance = sum(gap.mean(axis=axis).var(ddof=1) / gap.shape[1 - axis] for axis in (0, 1))
    found = auc_difference(rows, "a", "b").iloc[0]
    assert found["difference"] == pytest.approx(gap.mean())
    assert found["se"] == pytest.approx(np.sqrt(variance))


def test_counts_are_people_one_by_one():
    table = people()
    rows = table.loc[table.index.repeat(table["n"])].drop(columns="n")
    pd.testing.assert_frame_equal(auc(table), auc(rows))


def test_many_samples_at_once():
    drawn = np.random.default_rng(1).integers(1, 9, (2, 3, 5))
    areas, errors = auc_and_se(*drawn)
    each = [auc_and_se(left, stayed) for left, stayed in zip(*drawn, strict=True)]
    np.testing.assert_allclose(np.array(each), np.column_stack([areas, errors]))


def test_market_has_the_same_area():
    leaving = np.stack([STAYED, LEFT], axis=-1)
    assert estimands.auc(leaving) == pytest.approx(auc_and_se(LEFT, STAYED)[0])


def test_placements_of_opposite_outcomes_have_one_mean():
    placed = placements(LEFT, STAYED)
    means = (placed.left @ LEFT / LEFT.sum(), placed.stayed @ STAYED / STAYED.sum())
    assert means[0] == pytest.approx(means[1])


@pytest.mark.parametrize(("marker", "expected"), [("score", 0.851), ("bins", 0.811)])
def test_community_has_the_published_area(marker, expected):
    found = auc(community(), marker, "lapsed", outcomes=CODES)
    assert found["auc"].iloc[0] == pytest.approx(expected, abs=0.0005)
    assert found[["left", "stayed"]].iloc[0].tolist() == [56, 5777]
    assert found.attrs["dropped"] == 1


@pytest.mark.parametrize(("marker", "expected"), [("score", 0.669), ("bins", 0.643)])
def test_expected_use_has_the_published_area(marker, expected):
    found = auc(community(), marker, "expected_use", outcomes=EXPECTED)
    assert found["auc"].iloc[0] == pytest.approx(expected, abs=0.0005)


def test_side_turns_the_area_around():
    lower, higher = (auc(people(), side=side)["auc"].iloc[0] for side in ("lower", "higher"))
    assert lower + higher == pytest.approx(1.0)


def test_limits_are_inside_and_symmetric_on_the_logit_scale():
    row = auc(people([9, 1, 0, 0, 0], [0, 0, 1, 4, 9])).iloc[0]
    table = auc(people()).iloc[0]
    odds = [np.log(table[name] / (1 - table[name])) for name in ("lower", "auc", "upper")]
    assert odds[1] == pytest.approx((odds[0] + odds[2]) / 2)
    assert row["auc"] == 1.0
    assert row[["lower", "upper"]].isna().all()


def test_delong_interval_covers():
    """2,000 samples of 30 who left and 200 who stayed; the error of a share is 0.5 points."""
    generator = np.random.default_rng(8)
    shares = np.array([[3, 3, 2, 1, 1], [1, 1, 2, 3, 3]]) / 10
    left, stayed = (
        generator.multinomial(n, share, 2000) for n, share in zip((30, 200), shares, strict=True)
    )
    areas, errors = auc_and_se(left, stayed)
    truth = auc_and_se(*shares)[0]
    width = 1.96 * errors / (areas * (1 - areas))
    distance = np.log(areas / (1 - areas)) - np.log(truth / (1 - truth))
    assert (np.abs(distance) < width).mean() == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"churned": 0}, "nobody left"),
        ({"churned": 1}, "nobody stayed"),
        ({"churned": "gone"}, "found 10 that do not, first 'gone' at row 0"),
        ({"score": "high"}, "score must hold finite numbers; found 10"),
        ({"n": -1}, "n must hold whole numbers of people"),
    ],
)
def test_unusable_tables_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        auc(people().assign(**change))


def test_unknown_names_are_refused():
    for arguments in ({"markers": "socre"}, {"outcome": "left"}):
        with pytest.raises(ValueError, match="unknown column"):
            auc(people(), **arguments)
    with pytest.raises(ValueError, match="side must be"):
        auc(people(), side="below")


def test_codes_are_read_as_they_are_declared():
    cells = pd.Series([True, 0, "yes", "no", "1", 1.0])
    assert coded_outcomes(cells).tolist() == [1, 0, 1, 0, 1, 1]
    with pytest.raises(ValueError, match=r"found a missing value: 2|outcomes must map"):
        coded_outcomes(cells, {None: 2})


def test_every_arrangement_of_three_people_has_its_area():
    for score in itertools.product(range(3), repeat=3):
        table = pd.DataFrame({"score": score, "churned": [1, 0, 0]})
        wins = [(score[0] < other) + 0.5 * (score[0] == other) for other in score[1:]]
        assert auc(table)["auc"].iloc[0] == pytest.approx(np.mean(wins))


def test_limits_hold_the_true_area_of_samples_like_the_community():
    table = community().query("lapsed != 'unknown'")
    by_score = table.pivot_table(index="score", columns="lapsed", values="n", aggfunc="sum")
    left, stayed = (by_score[name].fillna(0).to_numpy(dtype=float) for name in ("yes", "no"))
    true = auc_and_se(left, stayed)[0]
    generator = np.random.default_rng(8)
    sizes = [each.sum().astype(int) for each in (left, stayed)]
    inside = 0
    for _ in range(400):
        drawn = [
            generator.multinomial(n, each / each.sum())
            for n, each in zip(sizes, (left, stayed), strict=True)
        ]
        row = auc(people(*drawn), "score").loc["score"]
        inside += row["lower"] <= true <= row["upper"]
    # 93.9 % of 20,000 such samples; four Monte Carlo standard errors about it.
    assert 0.939 - 4 * 0.012 < inside / 400 < 0.939 + 4 * 0.012
