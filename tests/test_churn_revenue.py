"""Money lost with customers, against hazards that are known by heart and against simulation."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from known_hazards import by_class, known

from nps_research.churn.formula import formula_error, simple_formula
from nps_research.churn.revenue import expected_lifetime, revenue_at_risk
from nps_research.scale import RatingScale

RECORD = json.loads(
    (Path(__file__).parents[1] / "data" / "revenue_calibration.json").read_text(encoding="utf-8")
)
CUSTOMERS = pd.DataFrame({"score": [3, 8, 10], "n": [100, 200, 700], "value": [50.0, 20.0, 10.0]})
CLASSES = by_class(0.3, 0.1, 0.02)


def test_the_loss_is_customers_times_value_times_chance():
    risk = revenue_at_risk(known(CLASSES), CUSTOMERS, random_seed=1)
    expected = 100 * 50 * 0.3 + 200 * 20 * 0.1 + 700 * 10 * 0.02
    assert float(risk.expected.mean()) == pytest.approx(expected)
    row = risk.summary().loc["all"]
    assert row["total_value"] == 100 * 50 + 200 * 20 + 700 * 10
    assert row["share_at_risk"] == pytest.approx(expected / row["total_value"])


def test_one_value_can_stand_for_all():
    risk = revenue_at_risk(known(CLASSES), CUSTOMERS, value=4.0, random_seed=1)
    assert float(risk.expected.mean()) == pytest.approx(4 * (30 + 20 + 14))


def test_realised_losses_have_the_chance_of_who_leaves():
    hazard = np.repeat(CLASSES, 40_000, axis=0)
    realised = revenue_at_risk(known(hazard), CUSTOMERS, random_seed=1).realised.to_numpy()
    chance, worth = np.array([0.3, 0.1, 0.02]), np.array([50, 20, 10])
    people = CUSTOMERS["n"].to_numpy()
    assert realised.mean() == pytest.approx((people * chance * worth).sum(), rel=0.005)
    variance = (people * chance * (1 - chance) * worth**2).sum()
    assert realised.var() == pytest.approx(variance, rel=0.03)


def test_rows_of_equal_customers_are_as_good_as_one():
    split = pd.concat([CUSTOMERS.assign(n=CUSTOMERS["n"] // 2)] * 2)
    one, other = (
        revenue_at_risk(known(CLASSES), each, random_seed=1) for each in (CUSTOMERS, split)
    )
    assert float(one.realised.mean()) == float(other.realised.mean())


def test_silent_customers_are_a_mixture():
    table = pd.DataFrame({"score": [3, 10, None], "n": [20, 60, 1000]})
    hazard = np.repeat(CLASSES, 20_000, axis=0)
    risk = revenue_at_risk(known(hazard), table, value=1.0, random_seed=2)
    alpha = np.full(11, 0.5)
    alpha[[3, 10]] += 20, 60
    shares, chance = alpha / alpha.sum(), CLASSES[0, :, 0]
    mean = 20 * 0.3 + 60 * 0.02 + 1000 * shares @ chance
    spread = (shares @ chance**2 - (shares @ chance) ** 2) / (alpha.sum() + 1)
    assert risk.expected.mean() == pytest.approx(mean, rel=0.003)
    assert risk.expected.var() == pytest.approx(1000**2 * spread, rel=0.04)
    assert risk.realised.var() > risk.expected.var()


def test_groups_have_their_own_mix_and_sum_up():
    table = pd.DataFrame(
        {"segment": ["a", "a", "b", "b"], "score": [3, None, 10, None], "n": [5000, 100, 5000, 100]}
    )
    risk = revenue_at_risk(known(CLASSES), table, value=1.0, by="segment", random_seed=3)
    found = risk.summary()["revenue_at_risk"]
    assert found["a"] == pytest.approx(5100 * 0.3, rel=0.001)
    assert found["b"] == pytest.approx(5100 * 0.02, rel=0.01)
    assert list(risk.summary().index) == ["a", "b"]
    assert risk.total_value.to_dict() == {"a": 5100.0, "b": 5100.0}


def test_kinds_have_their_own_hazards():
    hazard = np.concatenate([by_class(0.4, 0.4, 0.4), by_class(0.1, 0.1, 0.1)])[None]
    draws = known(hazard, {"region": ["north", "south"]})
    table = pd.DataFrame({"region": ["south", "north"], "score": [3, 9], "n": [10, 100]})
    risk = revenue_at_risk(draws, table, value=1.0, risk_by="region", random_seed=1)
    assert float(risk.expected.mean()) == pytest.approx(10 * 0.1 + 100 * 0.4)
    with pytest.raises(ValueError, match=r"knows no customers with \{'region': 'east'\}"):
        revenue_at_risk(
            draws, table.assign(region="east"), value=1, risk_by="region", random_seed=1
        )


def test_later_losses_count_less():
    hazard = np.full((1, 11, 24), 0.02)
    table = pd.DataFrame({"score": [5], "n": [1000]})
    found = revenue_at_risk(known(hazard), table, value=1.0, discount=0.1, random_seed=1)
    month = np.arange(1, 25)
    leaving = 0.98 ** (month - 1) * 0.02
    assert float(found.expected.mean()) == pytest.approx(
        1000 * (leaving * 1.1 ** (-month / 12)).sum()
    )
    plain = revenue_at_risk(known(hazard), table, value=1.0, months=6, random_seed=1)
    assert float(plain.expected.mean()) == pytest.approx(1000 * (1 - 0.98**6))
    assert plain.months == 6


def test_discounted_losses_have_the_chance_of_when():
    hazard = np.full((40_000, 11, 3), 0.2)
    table = pd.DataFrame({"score": [5], "n": [50]})
    found = revenue_at_risk(known(hazard), table, value=1.0, discount=3.0, random_seed=1)
    worth = 4.0 ** (-np.arange(1, 4) / 12)
    leaving = 0.2 * 0.8 ** np.arange(3)
    variance = 50 * (leaving @ worth**2 - (leaving @ worth) ** 2)
    assert found.realised.var() == pytest.approx(variance, rel=0.03)


@pytest.mark.parametrize("discount", [0.0, 0.12])
def test_lifetimes_are_geometric_where_the_hazard_is_constant(discount):
    draws = known(np.full((1, 11, 24), 0.05))
    factor = (1 + discount) ** (-1 / 12)
    keeps = 0.95 * factor
    paid = expected_lifetime(draws, discount=discount).sel(score=4)
    assert float(paid.mean()) == pytest.approx((1 - keeps**24) / (1 - keeps))
    short = expected_lifetime(draws, months=6, discount=discount).sel(score=4)
    assert float(short.mean()) == pytest.approx((1 - keeps**6) / (1 - keeps))
    ever = expected_lifetime(draws, discount=discount, beyond="last hazard").sel(score=4)
    assert float(ever.mean()) == pytest.approx(1 / (1 - keeps))


def test_lifetimes_have_a_value_for_every_score():
    hazard = np.linspace(0.2, 0.01, 11)[None, :, None].repeat(12, axis=2)
    paid = expected_lifetime(known(hazard))
    assert (paid.diff("score") > 0).all()
    assert paid.dims == ("chain", "draw", "score")


def test_the_simple_formula_is_its_four_factors():
    table = pd.DataFrame({"score": [0, 6, 7, 9, None], "n": [1, 1, 1, 2, 5]})
    found = simple_formula(table, lifetime_value=300, referral_value=50)
    assert found.to_dict() == {"revenue_at_risk": 10 * 0.4 * 300, "new_revenue": 10 * 0.4 * 50}
    short = simple_formula(table.assign(score=5), lifetime_value=1, rating_scale=RatingScale(1, 5))
    assert short["revenue_at_risk"] == 0


@pytest.mark.parametrize(
    ("chances", "factor"),
    [((1.0, 0.0, 0.0), 1.0), ((0.5, 0.0, 0.0), 2.0), ((0.5, 0.125, 0.05 / 1.4), 1.0)],
)
def test_the_formula_is_right_where_its_errors_cancel(chances, factor):
    # 100 detractors; in the last case 50 of them leave and 50 others.
    found = formula_error(known(by_class(*chances)), CUSTOMERS)["estimate"]
    assert found["factor"] == pytest.approx(factor)
    assert found["detractors"] == 100
    assert found["detractors who leave"] == pytest.approx(100 * chances[0])
    assert found["others who leave"] == pytest.approx(200 * chances[1] + 700 * chances[2])


def test_the_factor_is_formula_over_posterior():
    hazard = np.random.default_rng(1).uniform(0.01, 0.3, (500, 11, 1))
    draws = known(hazard)
    risk = revenue_at_risk(draws, CUSTOMERS, value=7.0, random_seed=1)
    said = simple_formula(CUSTOMERS, lifetime_value=7.0)["revenue_at_risk"]
    table = formula_error(draws, CUSTOMERS)
    assert table.loc["factor", "estimate"] == pytest.approx(float((said / risk.expected).mean()))
    assert "90 %" in table.attrs["interval"]


def test_a_result_shows_itself():
    risk = revenue_at_risk(known(CLASSES), CUSTOMERS, random_seed=1)
    assert "within 1 month, 90 % equal-tailed" in repr(risk)
    assert "<table" in risk._repr_html_()


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"value": [1, -2, 3]}, {}, "value must hold amounts.*first -2 at row 1"),
        ({"value": [1, None, 3]}, {}, "first a missing value at row 1"),
        ({}, {"value": -1.0}, "value must be an amount, 0 or more; found -1"),
        ({}, {"value": "worth"}, "unknown column 'worth'"),
        ({}, {"by": "segment"}, "unknown column 'segment'"),
        ({}, {"risk_by": "region"}, "unknown column 'region'"),
        ({}, {"months": 2}, "from 1 to 1.*found 2"),
        ({}, {"months": 0}, "found 0"),
        ({}, {"discount": -1.0}, "above -1, such as 0.08; found -1"),
        ({"score": [3, 11, 10]}, {}, "first 11 at row 1"),
        ({"score": [3, 4, None]}, {"by": "n"}, "nobody in group 700 gave a score"),
    ],
)
def test_unusable_input_is_refused(change, options, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        revenue_at_risk(known(CLASSES), CUSTOMERS.assign(**change), random_seed=1, **options)


@pytest.mark.parametrize("truth", RECORD["truths"], ids=lambda truth: truth["truth"])
def test_recorded_intervals_hold_what_they_promise(truth):
    assert truth["replicates"] >= 200
    assert RECORD["mass"] == 0.9
    assert 0.85 <= truth["realised"] <= 0.95
    assert 0.85 <= truth["expected"] <= 0.95
    assert truth["realised_in_expected"] < truth["realised"]
    assert abs(truth["bias"]) < 0.03
