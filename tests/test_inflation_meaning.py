"""What a score means among others, on its own, and to a firm that believes it."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nps_research.inflation.beliefs import beliefs
from nps_research.inflation.context import context
from nps_research.inflation.market_counts import market_counts
from nps_research.inflation.meaning import softened, softening, standing
from nps_research.market.mechanisms import Incentives
from nps_research.market.simulate import Market

COUNTS = pd.DataFrame({"score": [2, 6, 8, 9, 10], "n": [10, 20, 20, 10, 40]})
WORLD = Market(customers=4000, agents=20, teams=4, months=18, rollout=(9, None, 9, None))


def simulated(*names, **values):
    return WORLD.with_values(values).simulate(
        Incentives.only(*names) if names else Incentives(), random_seed=5, record=True
    )


@pytest.mark.parametrize(("score", "expected"), [(0, 0), (2, 0.05), (7, 0.3), (8, 0.4), (10, 0.8)])
def test_standing_is_the_mid_rank(score, expected):
    assert standing(COUNTS, score)["all"] == pytest.approx(expected)
    people = np.repeat(COUNTS["score"], COUNTS["n"])
    assert stats.percentileofscore(people, score, kind="mean") == pytest.approx(100 * expected)


def test_a_shift_that_is_found_makes_the_score_low():
    found = softening(COUNTS, 8, lowest=0.2).loc["all"]
    shares = COUNTS.set_index("score")["n"].reindex(range(11), fill_value=0).to_numpy() / 100
    moved = softened(shares, found["shift"])
    assert moved[:8].sum() + moved[8] / 2 == pytest.approx(0.2)
    assert moved[9:].sum() == pytest.approx(found["above"])
    assert moved.sum() == pytest.approx(1)


def test_normal_answers_are_softened_by_the_difference_of_quantiles():
    cuts = np.linspace(-2, 2, 10)
    shares = np.diff(stats.norm.cdf(cuts), prepend=0, append=1)
    moved = np.diff(stats.norm.cdf(cuts, loc=0.7), prepend=0, append=1)
    np.testing.assert_allclose(softened(shares, 0.7), moved, atol=1e-12)
    assert softening(COUNTS, 2, lowest=0.06)["shift"]["all"] < 0


def test_impossible_scores_are_refused():
    with pytest.raises(ValueError, match="from 0 to 10; found 11"):
        standing(COUNTS, 11)
    with pytest.raises(ValueError, match="highest score, 10"):
        softening(COUNTS, 10)


def test_a_firm_without_gaming_believes_what_is_true():
    found = beliefs(simulated())
    assert found["inflation"] == found["unseen"] == 0
    assert found["departures"] == found["honest_departures"] == pytest.approx(1, abs=0.35)


def test_departures_are_observed_over_expected_beside_the_control():
    run = simulated("begging", "gating")
    counts = market_counts(run).dropna(subset=["score"])
    rows = counts.loc[counts.index.repeat(counts["n"])]
    risk = rows[rows["post"] == 0].groupby("score")["churned"].mean()
    after = rows[rows["post"] == 1].assign(expected=lambda rows: rows["score"].map(risk))
    sums = after.groupby("treated")[["churned", "expected"]].sum()
    ratio = sums["churned"] / sums["expected"]
    assert beliefs(run)["departures"] == pytest.approx(ratio[1] / ratio[0])


def test_detractors_that_were_hidden_are_not_seen():
    found = beliefs(simulated("gating"))
    assert 0.1 < found["unseen"] < 0.9
    assert found["inflation"] > 3


def test_explained_shares_are_squared_correlations():
    run = simulated()
    month, customer = np.nonzero((run.recorded >= 0) & np.isfinite(run.rows.sentiment))
    columns = [run.rows.loyalty, run.recorded, run.rows.sentiment]
    known = np.array([each[month, customer].astype(float) for each in columns])
    found = context(run)
    assert found["score"] == pytest.approx(np.corrcoef(known)[0, 1] ** 2)
    assert found["comment"] == pytest.approx(np.corrcoef(known)[0, 2] ** 2)
    assert found["score_share"] == found["score"] / found["all"]


def test_a_comment_without_sentiment_adds_nothing():
    found = context(simulated(**{"survey.sentiment": 0.0}))
    assert found["comment"] < 0.01
    assert found["score_share"] > 0.98


def test_context_needs_the_truth():
    blind = WORLD.simulate(Incentives(), random_seed=5)
    with pytest.raises(ValueError, match="record=True"):
        context(blind)
