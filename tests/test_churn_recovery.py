"""What call backs must achieve, in closed form and over draws."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from known_hazards import by_class, known

from nps_research.churn.recovery import (
    close_the_loop,
    contact_policies,
    largest_return,
    recovery_rate,
    required_recovery,
)

CUSTOMERS = pd.DataFrame({"score": [2, 6, 8, 10], "n": [10, 90, 200, 700]})


@pytest.mark.parametrize("fold", [1.0, 10.0])
@pytest.mark.parametrize("churn", [0.02, 0.3])
def test_at_the_required_rate_calls_bring_back_their_cost(churn, fold):
    terms = {"cost": 12.0, "value": 900.0, "reached": 0.4}
    needed = float(required_recovery(churn, fold=fold, **terms))
    gain = needed * 0.4 * churn * 900.0
    assert gain == pytest.approx(fold * 12.0)
    if needed <= 1:
        assert float(largest_return(churn, recovery=needed, **terms)) == pytest.approx(fold)


def test_calls_pay_as_a_simulation_says():
    rng = np.random.default_rng(1)
    calls, churn, rate = 400_000, 0.2, 0.25
    kept = rng.random((3, calls)) < np.array([[0.6], [churn], [rate]])
    gain = 500 * kept.all(axis=0).sum() / (10 * calls)
    found = largest_return(churn, cost=10, value=500, reached=0.6, recovery=rate)
    assert float(found) == pytest.approx(gain, rel=0.02)


def test_where_nobody_leaves_no_call_pays():
    assert np.isinf(required_recovery(0.0, cost=1, value=1))
    assert float(largest_return(0.0, cost=1, value=1)) == 0


def test_recovery_is_the_share_of_leaving_that_is_prevented():
    np.testing.assert_allclose(recovery_rate([0.2, 0.2, 0.5], [0.15, 0.0, 0.6]), [0.25, 1.0, -0.2])


def test_draws_keep_their_names():
    draws = xr.DataArray(np.full((2, 3), 0.1), dims=("chain", "draw"))
    assert required_recovery(draws, cost=1, value=100).dims == ("chain", "draw")


def test_classes_have_the_mean_chance_of_their_customers():
    hazard = np.repeat(by_class(0.3, 0.1, 0.02), 4, axis=0)
    hazard[:, 2] = [[0.1], [0.2], [0.3], [0.4]]
    table = close_the_loop(known(hazard), CUSTOMERS, cost=10, value=200, folds=(1, 5))
    detractors = (10 * hazard[:, 2, 0] + 90 * 0.3) / 100
    row = table.loc[("detractors", 1)]
    assert row["churn"] == pytest.approx(detractors.mean())
    assert row["recovery"] == pytest.approx(np.median(10 / (detractors * 200)))
    assert table.loc[("passives", 1), "recovery"] == pytest.approx(0.5)
    assert table.loc[("passives", 5), "probability_possible"] == 0
    assert table.loc[("detractors", 5), "probability_possible"] == 1
    assert table["customers"].groupby("group").first().to_dict() == {
        "detractors": 100,
        "passives": 200,
        "promoters": 700,
    }


def test_empty_classes_are_left_out():
    table = close_the_loop(known(by_class(0.3, 0.1, 0.02)), CUSTOMERS.head(2), cost=1, value=10)
    assert set(table.index.get_level_values("group")) == {"detractors"}


def draws_of_risk(seed=1, draws=2000):
    rng = np.random.default_rng(seed)
    middle = np.linspace(0.5, 0.02, 11)[:, None]
    return known(np.clip(middle * rng.lognormal(0, 0.6, (draws, 11, 1)), 0, 1))


def test_policies_gain_what_their_calls_gain():
    draws = known(by_class(0.3, 0.1, 0.02))
    table = contact_policies(draws, CUSTOMERS, cost=10, benefit=200)
    assert table.attrs["threshold"] == 0.05
    gains = {
        "detractors": 100 * (60 - 10),
        "passives": 200 * (20 - 10),
        "promoters": 700 * (4 - 10),
    }
    assert table.loc["nobody", "gain"] == 0
    assert table.loc["everybody", "gain"] == pytest.approx(sum(gains.values()))
    both = gains["detractors"] + gains["passives"]
    for name in ("detractors and passives", "classes above threshold", "scores above threshold"):
        assert table.loc[name, "gain"] == pytest.approx(both)
        assert table.loc[name, "expected_loss"] == pytest.approx(0, abs=1e-9)
        assert table.loc[name, "contacted"] == 300
    assert table.loc["detractors", "expected_loss"] == pytest.approx(gains["passives"])


@pytest.mark.parametrize("cost", [2.0, 20.0, 60.0])
def test_no_rule_by_score_expects_to_lose_less(cost):
    draws = draws_of_risk()
    everyone = pd.DataFrame({"score": range(11), "n": np.arange(11) * 10 + 5})
    rules = {f"{code:011b}": [s for s in range(11) if code >> s & 1] for code in range(0, 2048, 37)}
    given = contact_policies(draws, everyone, cost=cost, benefit=200, policies=rules)
    own = contact_policies(draws, everyone, cost=cost, benefit=200)["expected_loss"]
    assert own["scores above threshold"] == own.min()
    assert own.min() <= given["expected_loss"].min() + 1e-9
    assert (given["expected_loss"] >= 0).all()


def test_an_uncertain_hazard_costs_something():
    table = contact_policies(draws_of_risk(), CUSTOMERS, cost=40, benefit=200)
    assert table.loc["scores above threshold", "expected_loss"] > 0
    assert (table["lower"] <= table["gain"]).all()
    assert (table["gain"] <= table["upper"]).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: required_recovery(0.1, cost=0, value=1),
            "cost must be a positive number; found 0",
        ),
        (lambda: required_recovery(0.1, cost=1, value=-1), "value or benefit must be a positive"),
        (lambda: required_recovery(0.1, cost=1, value=1, reached=1.5), "reached must be a share"),
        (lambda: required_recovery(0.1, cost=1, value=1, fold=0), "fold must be a positive"),
        (lambda: largest_return(0.1, cost=1, value=1, recovery=2), "recovery must be a share"),
        (lambda: recovery_rate(0.0, 0.1), "before above 0; found 0.0 and 0.1"),
        (lambda: recovery_rate(0.5, 1.1), "probabilities to leave"),
    ],
)
def test_impossible_terms_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_policies_name_scores_of_the_scale():
    with pytest.raises(
        ValueError, match="policy 'odd' names the score 11, which is not on the scale from 0"
    ):
        contact_policies(
            known(by_class(0.3, 0.1, 0.02)), CUSTOMERS, cost=1, benefit=2, policies={"odd": [11]}
        )
