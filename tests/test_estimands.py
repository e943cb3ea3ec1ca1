"""Estimands by hand, against scipy, and on simulated worlds."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from nps_research.market.estimands import (
    ESTIMANDS,
    auc,
    estimands,
    exact_nps,
    exact_uplift,
    uplift,
    values,
)
from nps_research.market.events import Event
from nps_research.market.mechanisms import MECHANISMS, Incentives
from nps_research.market.months import MONEY
from nps_research.market.simulate import Market
from nps_research.market.sums import SIZE, Sums

NOTHING = Sums(np.zeros(SIZE, np.int64))


def with_sums(**parts):
    """Return sums of one run that are 0 but for some."""
    found = Sums(np.zeros(SIZE, np.int64))
    for name, part in parts.items():
        found[name][...] = part
    return found


def answers(*scores):
    return np.bincount(scores, minlength=11)


def estimate(name, **parts):
    return float(values(with_sums(**parts))[name])


def random_scores(seed, ceiling=40):
    return np.random.default_rng(seed).integers(0, ceiling, (3, 11))


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([0, 6], -100), ([7, 8], 0), ([9, 10], 100), ([6, 8, 10, 10], 25), ([6, 8, 10], 0)],
)
def test_nps_is_exact(scores, expected):
    assert exact_nps(answers(*scores)) == expected
    assert exact_nps(answers(10, 10, 6)) == Fraction(100, 3)


def test_no_answers_have_no_nps():
    with pytest.raises(ValueError, match="without answers"):
        exact_nps(np.zeros(11, int))


@pytest.mark.parametrize("seed", range(20))
def test_gross_uplift_is_inflation_and_real_change_exactly(seed):
    scores, before = random_scores(seed), random_scores(seed + 100)
    before[1] = before[0]
    found = exact_uplift(scores, before)
    assert found.gross == found.inflation + found.real
    assert found.gross == exact_nps(scores[0]) - exact_nps(before[0])
    assert found.selection == exact_nps(scores[1]) - exact_nps(scores[2])


def test_gamed_baselines_are_refused():
    with pytest.raises(ValueError, match=r"recorded scores are not its honest ones.*none\(\)"):
        exact_uplift(random_scores(1), random_scores(2))


def test_scores_are_in_points():
    scores = [answers(10, 10, 8, 6), answers(10, 6, 6, 6), answers(0)]
    found = values(with_sums(scores=scores))
    expected = {
        "observed_nps": 25,
        "honest_nps": -50,
        "census_nps": -100,
        "inflation": 75,
        "selection": 50,
        "answers": 4,
        "honest_answers": 4,
    }
    assert {name: float(found[name]) for name in expected} == expected


def test_response_rate_is_of_customers_sampled():
    events = np.zeros(32)
    events[6] = 16
    scores = [answers(10, 10, 8, 6), answers(), answers()]
    assert estimate("response_rate", scores=scores, events=events) == 0.25


def test_auc_by_hand():
    # Of the four pairs of one who left and one who stayed, 2 + 1/2 have the lower score left.
    assert auc(np.array([[0, 1], [1, 1], [1, 0]])) == 0.875
    assert auc(np.array([[5, 5], [7, 7]])) == 0.5
    assert np.isnan(auc(np.array([[5, 0], [7, 0]])))


@pytest.mark.parametrize("seed", range(5))
def test_auc_is_that_of_the_rank_sum_test(seed):
    leaving = np.random.default_rng(seed).integers(0, 30, (11, 2))
    stayed, left = (np.repeat(np.arange(11), counts) for counts in leaving.T)
    expected = stats.mannwhitneyu(stayed, left).statistic / (len(stayed) * len(left))
    assert auc(leaving) == pytest.approx(expected, rel=1e-14)


def test_auc_of_each_survey_and_its_respondents():
    leaving = np.zeros((2, 2, 11, 2), int)
    leaving[..., 5, 1] = 4
    leaving[..., 5, 0] = [[1, 2], [3, 4]]
    leaving[..., 8, 0] = 4
    found = values(with_sums(leaving=leaving))
    names = ["churn_auc", "churn_auc_both", "honest_churn_auc", "honest_churn_auc_both"]
    expected = [(4 + ties / 2) / (4 + ties) for ties in (1, 2, 3, 4)]
    assert [float(found[name]) for name in names] == pytest.approx(expected)


def test_correlations_of_each_level_survey_and_respondents():
    parts = np.zeros((2, 2, 2, 3), int)
    parts[..., 0] = np.arange(8).reshape(2, 2, 2)
    parts[..., 1:] = [4, 25]
    found = values(with_sums(spearman=parts))
    names = [
        f"{survey}{level}_validity{respondents}"
        for level, survey, respondents in itertools.product(
            ("agent", "team"), ("", "honest_"), ("", "_both")
        )
    ]
    assert [float(found[name]) for name in names] == pytest.approx(np.arange(8) / 10)


def test_feedback_that_is_lost():
    events = np.zeros(32)
    events[int(Event.RECOVERED).bit_length() - 1] = 3
    found = values(with_sums(detractors=[7, 10, 6], events=events))
    names = ["heard_verbatims", "honest_verbatims", "lost_verbatims", "unheard_detractors"]
    assert [float(found[name]) for name in [*names, "recoveries"]] == [7, 10, 3, 6, 3]


def test_money_is_in_euros():
    cents = dict(zip(MONEY, (100_000, 2_500_000, 1, 20, 300, 4000, 50_000), strict=True))
    found = values(with_sums(money=[cents[name] for name in MONEY]))
    assert float(found["costs"]) == 543.21
    assert float(found["net_revenue"]) == 456.79
    assert float(found["referrals"]) == 2.5
    assert float(found["attrition"]) == 40.0


def test_standing_of_agents():
    parts = {"kendall": [[3, 4, 9], [5, 10, 10]], "top": [2, 4, 5], "bonuses": [30, 120]}
    names = ["rank_agreement", "honest_rank_agreement", "top_precision", "honest_top_precision"]
    found = [estimate(name, **parts) for name in [*names, "misallocated_bonus"]]
    assert found == [0.5, 0.5, 0.4, 0.8, 0.25]


def test_windows_at_the_target():
    parts = {"windows": [[1, 3, 5, 20], [0, 1, 2, 8]]}
    names = ["just_missed", "bunching", "target_excess", "target_reached"]
    assert [estimate(name, **parts) for name in names] == [0.05, 0.15, 0.1, 0.25]
    assert [estimate(f"honest_{name}", **parts) for name in names] == [0.0, 0.125, 0.125, 0.25]


def test_nothing_has_no_shares():
    found = values(NOTHING)
    undefined = {name for name, value in found.items() if np.isnan(value)}
    counts = {name for name, each in ESTIMANDS.items() if each.unit not in SHARES}
    assert undefined == set(ESTIMANDS) - counts


SHARES = {"points", "share", "probability", "correlation"}


def test_many_runs_are_computed_at_once():
    generator = np.random.default_rng(5)
    many = Sums(generator.integers(1, 99, (2, 3, SIZE)))
    found = values(many)
    assert list(found) == list(ESTIMANDS)
    alone = values(Sums(many.numbers[1, 2]))
    assert all(found[name][1, 2] == alone[name] for name in ESTIMANDS)


MARKET = Market(customers=600, agents=12, teams=4, months=18)
BASELINE = MARKET.simulate(Incentives.none(), random_seed=4)
GAMED = MARKET.simulate(Incentives.all(), random_seed=4)


@pytest.mark.parametrize("name", MECHANISMS)
def test_simulated_uplift_is_inflation_and_real_change_exactly(name):
    run = MARKET.simulate(Incentives.only(name), random_seed=4)
    found = uplift(run, BASELINE)
    assert found.gross == found.inflation + found.real
    assert float(found.gross) == pytest.approx(run.observed_nps - BASELINE.observed_nps)


def test_gamed_runs_are_no_baseline():
    with pytest.raises(ValueError, match="baseline's recorded scores are not its honest ones"):
        uplift(BASELINE, GAMED)


@pytest.mark.parametrize("changed", [{"random_seed": 5}, {"replicate": 1}])
def test_baselines_with_other_shocks_are_refused(changed):
    baseline = MARKET.simulate(Incentives.none(), **({"random_seed": 4} | changed))
    with pytest.raises(ValueError, match=f"differs in {next(iter(changed))}.*random_seed=4"):
        uplift(GAMED, baseline)


def test_table_has_the_scores_and_the_money_of_the_run():
    table = estimands(GAMED)
    assert table.index.tolist() == list(ESTIMANDS)
    for name in ("observed_nps", "honest_nps", "census_nps"):
        assert table.loc[name, "value"] == getattr(GAMED, name)
    for name, total in GAMED.money.sum().items():
        assert table.loc[name, "value"] == pytest.approx(total)
    assert table.loc["observed_nps", ["unit", "meaning"]].tolist() == ["points", "recorded score"]


def test_honest_and_recorded_estimands_are_one_without_incentives():
    found = estimands(BASELINE)["value"]
    pairs = [(name, f"honest_{name}") for name in ESTIMANDS if f"honest_{name}" in ESTIMANDS]
    assert len(pairs) == 13
    assert all(found[name] == found[honest] for name, honest in pairs)
    nothing = ["inflation", "lost_verbatims", "unheard_detractors", "bribes", "giveaways"]
    assert (found[nothing] == 0.0).all()


def test_churn_is_followed_as_in_count_tables():
    # The count table of the last rollout's teams, whose months all come after it.
    market = Market(customers=600, agents=12, teams=4, months=18, rollout=0)
    run = market.simulate(Incentives.all(), random_seed=4)
    table = run.counts(by=("team",), follow_up=6).dropna(subset=["score"])
    counts = table.groupby(["score", "churned"])["n"].sum().unstack(fill_value=0)
    expected = auc(counts.reindex(range(11), fill_value=0).to_numpy(np.int64))
    assert estimands(run).loc["churn_auc", "value"] == expected
