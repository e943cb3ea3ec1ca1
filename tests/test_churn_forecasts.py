"""What a fall adds to the last score: closed forms against simulated opinions and least squares."""

import numpy as np
import pandas as pd
import pytest

from nps_research.churn.forecasts import follow_ups, forecast
from nps_research.churn.opinions import (
    drifting_customers,
    momentum,
    opinion_correlation,
    past_weights,
)
from nps_research.churn.trajectories import trajectories

STAYING = (-50.0, 0.0)


def opinions(persistence, root, waves=40_000, seed=1):
    """One long opinion, step by step."""
    noise = np.random.default_rng(seed).normal(size=waves)
    values = [0.0, 0.0]
    for each in noise:
        values.append((persistence + root) * values[-1] - persistence * root * values[-2] + each)
    found = np.array(values[200:])
    return found / found.std()


@pytest.mark.parametrize(("persistence", "root"), [(0.8, 0.0), (0.7, 0.4), (0.6, 0.6)])
def test_correlations_of_opinions_are_those_of_the_process(persistence, root):
    path = opinions(persistence, root)
    found = [np.corrcoef(path[: len(path) - k], path[k:])[0, 1] for k in (1, 2, 4)]
    expected = opinion_correlation(persistence, root, [1, 2, 4])
    np.testing.assert_allclose(found, expected, atol=0.03)
    near = opinion_correlation(persistence, root + 1e-7, [1, 2, 4])
    np.testing.assert_allclose(expected, near, atol=1e-5)


def test_panels_have_that_correlation():
    panel = drifting_customers(
        20_000, 3, persistence=0.8, momentum=0.3, reliability=1.0, leaving=STAYING, random_seed=1
    )
    wide = panel.pivot(index="customer", columns="month", values="score")
    # Cutting at 0 and 10 and rounding lower a correlation a little.
    expected = opinion_correlation(0.8, 0.3, [1, 2])
    np.testing.assert_allclose(wide.corr().loc[0, [1, 2]], expected, atol=0.04)
    assert wide.std().between(2.3, 2.6).all()
    assert panel["left"].isna().all()


@pytest.mark.parametrize("reliability", [0.5, 0.9, 1.0])
@pytest.mark.parametrize("correlations", [(0.8, 0.8, 0.64), (0.9, 0.7, 0.4), (0.5, 0.6, 0.6)])
def test_weights_are_those_of_least_squares(correlations, reliability):
    between, ahead, apart = correlations
    matrix = [[1, between, apart], [between, 1, ahead], [apart, ahead, 1]]
    rng = np.random.default_rng(2)
    previous, last, later = rng.multivariate_normal(np.zeros(3), matrix, 400_000).T
    error = np.sqrt(1 / reliability - 1) * rng.normal(size=(2, len(last)))
    seen = np.column_stack([last + error[0], previous + error[1]])
    found = np.linalg.lstsq(seen / seen.std(axis=0), later, rcond=None)[0]
    row = past_weights(*correlations, reliability=reliability).loc[0]
    np.testing.assert_allclose(row[["last", "previous"]], found, atol=0.006)
    assert (row["previous"] < 0) == (apart < reliability * between * ahead)


@pytest.mark.parametrize("reliability", [0.1, 0.5, 0.9])
def test_without_momentum_an_earlier_high_score_is_never_bad_news(reliability):
    lags = np.arange(1, 6)
    r = [opinion_correlation(0.9, 0.0, each) for each in (lags, 2, lags + 2)]
    assert (past_weights(*r, reliability=reliability)["previous"] > 0).all()
    stable = past_weights(1.0, 1.0, 1.0, reliability=reliability).loc[0]
    assert stable["last"] == pytest.approx(stable["previous"])


def test_momentum_is_the_partial_correlation_of_three_answers():
    panel = drifting_customers(800, 3, leaving=STAYING, random_seed=3)
    wide = panel.pivot(index="customer", columns="month", values="score").to_numpy()
    rest = [
        each - np.polyval(np.polyfit(wide[:, 1], each, 1), wide[:, 1]) for each in wide[:, [0, 2]].T
    ]
    found = momentum(trajectories(panel))
    assert found["partial_correlation"] == pytest.approx(np.corrcoef(*rest)[0, 1])
    assert found["upper"] == pytest.approx(
        np.tanh(np.arctanh(found["partial_correlation"]) + 1.959964 / np.sqrt(796))
    )


@pytest.mark.parametrize(("root", "reliability", "sign"), [(0.6, 0.99, -1), (0.0, 0.8, 1)])
def test_momentum_has_the_sign_of_the_weight_of_the_past(root, reliability, sign):
    panel = drifting_customers(
        4000, 3, persistence=0.6, momentum=root, reliability=reliability, random_seed=4
    )
    found = momentum(trajectories(panel))
    assert np.sign(found[["lower", "upper"]]).tolist() == [sign, sign]
    r = opinion_correlation(0.6, root, [1, 1, 2])
    assert np.sign(past_weights(*r, reliability=reliability).loc[0, "previous"]) == sign


def test_other_things_than_scores_foretell_other_things_than_leaving():
    rng = np.random.default_rng(9)
    rate = rng.lognormal(0, 1, 3000)
    table = pd.DataFrame(
        {"score": rng.integers(0, 11, 3000), "past": rng.poisson(4 * rate), "n": 1}
    )
    table["referred"] = (rng.random(3000) < 1 - np.exp(-rate / 3)).astype(int)
    known = {"past": "score ~ past", "score": "score ~ rating_number"}
    options = {"draws": 1000, "chains": 2, "random_seed": 1, "progressbar": False}
    found = forecast(table, known, by="past", outcome="referred", **options).summary()
    assert found.loc["past", "auc"] > 0.65
    assert found.loc["score", "auc"] == pytest.approx(0.5, abs=0.03)


def test_follow_ups_are_those_of_a_plain_loop():
    panel = drifting_customers(300, 5, random_seed=5)
    rows = []
    for _, own in panel.groupby("customer"):
        scores, left = own["score"].tolist(), own["left"].iloc[0]
        if len(scores) >= 3 and 2 + 1 <= 4:
            gone = pd.notna(left) and left - 2 < 2
            rows.append((scores[2], scores[1], scores[2] - scores[1], np.mean(scores[:3]), gone))
    names = ["score", "previous", "change", "average", "churned"]
    expected = pd.DataFrame(rows, columns=names).astype({"churned": int}).value_counts()
    found = follow_ups(trajectories(panel), 3, horizon=2)
    pd.testing.assert_series_equal(
        found.set_index(names)["n"], expected.sort_index(), check_names=False
    )


def test_those_who_cannot_be_followed_are_counted():
    panel = pd.DataFrame(
        {"customer": [0, 0, 1, 1], "month": [0, 1, 0, 3], "score": 5, "left": None}
    )
    table = follow_ups(trajectories(panel), horizon=3)
    assert (table["n"].sum(), table.attrs["not_followed"]) == (1, 1)
    with pytest.raises(ValueError, match="nobody with 2 answers was followed for 4 more"):
        follow_ups(trajectories(panel), horizon=4)


def test_forecasts_see_what_the_world_holds():
    panel = drifting_customers(1500, 3, persistence=0.9, reliability=0.6, random_seed=6)
    table = follow_ups(trajectories(panel), horizon=2)
    found = forecast(table, draws=1000, chains=2, random_seed=1, progressbar=False)
    scores = found.scores("last").xs("auc")
    assert scores.loc["nothing", "estimate"] == 0.5
    assert scores.loc["change", "difference_upper"] < 0
    assert scores.loc["last and change", "difference"] > 0
    change = found.held_out["last and change"].fit.draws.summary().loc["change"]
    assert change["lower"] > 0  # the same score after a higher one is good news


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: past_weights(0.9, 0.9, 0.1, reliability=0.5),
            "no three opinions.*0.9, 0.9 and 0.1",
        ),
        (lambda: past_weights(0.5, 0.5, 0.5, reliability=0.0), "reliability must be a share"),
        (lambda: drifting_customers(9, 3, momentum=1.0, random_seed=1), "momentum must be from 0"),
        (lambda: drifting_customers(9, 3, reliability=2.0, random_seed=1), "found 2.0"),
        (lambda: momentum(trajectories(FEW)), "needs 5 customers or more.*found 3"),
        (
            lambda: follow_ups(trajectories(FEW), 1, horizon=1),
            "two answers or more; found answers=1",
        ),
    ],
)
def test_unusable_requests_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


FEW = drifting_customers(3, 3, leaving=STAYING, random_seed=7)
