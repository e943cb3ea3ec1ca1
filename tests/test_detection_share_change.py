"""Changes of shares: exact small-number probabilities, and honest z under the null."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nps_research.detection import share_change as module
from nps_research.detection.share_change import (
    Shares,
    mid_p_score,
    share_change,
    shares_by_agent,
)


def made(happened, cases, treated=None):
    treated = None if treated is None else np.asarray(treated)
    agents = pd.RangeIndex(len(happened))
    return Shares(agents, np.array(happened, float), np.array(cases, float), treated)


def drawn(seed, *, base=-1.0, sd=0.4, drift=0.2, agents=40, n=60, boost=0.0):
    generator = np.random.default_rng(seed)
    treated = np.arange(agents) < agents // 2
    level = base + sd * generator.standard_normal(agents)
    change = 0.2 + drift * generator.standard_normal(agents) + boost * treated
    cases = generator.poisson(n, (agents, 2))
    odds = np.stack([level, level + change], axis=1)
    return made(generator.binomial(cases, 1 / (1 + np.exp(-odds))), cases, treated)


def test_tails_are_those_of_the_beta_binomial():
    shares = made([[3, 5], [0, 0], [7, 20]], [[10, 12], [0, 0], [9, 20]])
    point = np.array([[-0.5, np.log(0.4), 0.3, np.log(0.2)]])
    first, second = (each[0] for each in module._after(point, shares))
    more, less = module._tails(shares, point)
    law = stats.betabinom(shares.cases[:, 1], first, second)
    equal = law.pmf(shares.happened[:, 1]) / 2
    assert more == pytest.approx(law.sf(shares.happened[:, 1]) + equal, abs=1e-10)
    assert less == pytest.approx(law.cdf(shares.happened[:, 1]) - equal, abs=1e-10)


def test_share_after_keeps_what_was_seen_before():
    shares = made([[40, 0]], [[100, 10]])
    point = np.array([[0.0, np.log(0.3), 0.0, -20.0]])
    first, second = module._after(point, shares)
    before = module._before(point)
    assert first / (first + second) == pytest.approx((before[0] + 40) / (sum(before) + 100))


def test_cubature_has_the_moments_of_the_normal():
    root = np.array([[1.0, 0, 0, 0], [0.5, 2, 0, 0], [0, 0, 1, 0], [0.1, 0, 0.2, 0.3]])
    points = module._cubature(np.array([1.0, 2, 3, 4]), root)
    assert points.mean(axis=0) == pytest.approx([1, 2, 3, 4])
    assert np.cov(points.T, bias=True) == pytest.approx(root @ root.T)


@pytest.mark.parametrize("base", [-4.0, -1.0, 1.0])
@pytest.mark.parametrize("drift", [0.0, 0.3])
def test_honest_agents_are_called_different_no_more_often_than_promised(base, drift):
    tables = [
        share_change(drawn(seed, base=base, drift=drift), "x", innocent="") for seed in range(40)
    ]
    paid = np.concatenate([table["z"][:20] for table in tables])
    assert np.mean(paid >= 1.645) <= 0.07


def test_a_change_of_the_treated_is_found():
    table = share_change(drawn(1, boost=1.5), "x", innocent="")
    assert table["z"][:20].median() > 2
    assert abs(table["z"][20:].median()) < 0.5
    assert table["estimate"][:20].mean() == pytest.approx(1.5, abs=0.35)


def test_missing_surveys_where_none_ever_were_are_far_beyond_chance():
    happened = np.zeros((30, 2))
    happened[0, 1] = 6
    shares = made(happened, np.full((30, 2), 80.0), np.arange(30) == 0)
    table = share_change(shares, "x", innocent="")
    assert table["z"][0] > 4
    assert table["z"][1:].abs().max() < 0.1


def test_too_few_cases_are_missing_and_counted():
    cases = np.full((12, 2), 30.0)
    cases[:3, 1] = 4
    table = share_change(made(np.full((12, 2), 2.0), cases), "x", innocent="")
    assert table["z"].isna().tolist() == [True] * 3 + [False] * 9
    assert table.attrs["too_few"] == 3
    assert table["n"][0] == 34


@pytest.mark.parametrize(("untreated", "text"), [(10, "10 untreated"), (5, "all 20")])
def test_reference_is_the_untreated_if_there_are_enough(untreated, text):
    treated = np.arange(20) >= untreated
    table = share_change(
        made(np.full((20, 2), 3.0), np.full((20, 2), 30.0), treated), "x", innocent=""
    )
    assert table.attrs["reference"] == f"{text} agents"


@pytest.mark.parametrize(("period", "name"), [(0, "before"), (1, "after")])
def test_a_period_without_cases_is_refused(period, name):
    cases = np.full((9, 2), 5.0)
    cases[:, period] = 0
    with pytest.raises(ValueError, match=f"sent: no cases {name}"):
        share_change(made(np.zeros((9, 2)), cases), "sent", innocent="")


def test_columns_of_other_programs_are_read():
    table = pd.DataFrame({"agent": ["a", "a"], "post": ["0", "1"], "sent": [True, False]})
    read = shares_by_agent(table.assign(treated=["1", "1"], n=[2, 3]), "sent")
    assert read.happened.tolist() == [[2.0, 0.0]]
    assert read.treated.tolist() == [True]


def test_score_is_exact_in_both_tails():
    tail = np.array([1e-200, 0.3])
    assert mid_p_score(tail, 1 - tail) == pytest.approx(stats.norm.isf(tail))
    assert mid_p_score(1 - tail, tail) == pytest.approx(-stats.norm.isf(tail))
