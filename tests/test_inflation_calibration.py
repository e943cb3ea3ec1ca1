"""The recorded study of the inflation model: it covers where it should, and misses are shown."""

import json

import inflation_calibration as study
import pandas as pd
import pytest

from nps_research.datasets import data_path
from nps_research.inflation.planning import RolloutPlan
from nps_research.inflation.worlds import IncentiveWorld, truth

RECORD = json.loads(data_path("inflation_calibration.json").read_text(encoding="utf-8"))
ROWS = pd.DataFrame(RECORD["rows"])
BY = ROWS.set_index(["case", "quantity"])
MAIN = "churn, control, retest"
EFFECTS = ("improvement", "reporting_shift")
KEPT = [name for name, case in study.CASES.items() if case.identified and not case.broken]
BROKEN = [name for name, case in study.CASES.items() if case.broken]


def test_record_says_how_it_was_made():
    assert RECORD["level"] == 0.9
    assert (ROWS["replicates"] == 200).all()
    assert {"date", "versions"} <= set(RECORD["setting"])
    assert set(ROWS["case"]) == set(study.CASES)


@pytest.mark.parametrize("case", [MAIN, "no shift"])
@pytest.mark.parametrize("quantity", EFFECTS)
def test_intervals_of_90_percent_cover_85_to_95(case, quantity):
    assert 0.85 <= BY.loc[(case, quantity), "coverage"] <= 0.95


@pytest.mark.parametrize("case", KEPT)
@pytest.mark.parametrize("quantity", study.QUANTITIES)
def test_intervals_cover_where_assumptions_hold(case, quantity):
    assert BY.loc[(case, quantity), "coverage"] >= 0.85


@pytest.mark.parametrize("case", KEPT)
@pytest.mark.parametrize("quantity", EFFECTS)
def test_what_is_not_there_is_seldom_found(case, quantity):
    row = BY.loc[(case, quantity)]
    if row["truth"] == 0:
        assert row["leaves_out_0"] <= 0.15


def test_improvement_and_shift_of_the_specification_are_found():
    assert (BY.loc[[(MAIN, name) for name in EFFECTS], "leaves_out_0"] > 0.8).all()


def test_scores_alone_tell_only_the_sum():
    rows = BY.loc["scores alone"]
    assert (rows["correlation"] < -0.9).all()
    assert (
        rows.loc["improvement", "posterior_sd"] > 3 * BY.loc[(MAIN, "improvement"), "posterior_sd"]
    )


def test_draws_were_reliable():
    assert (ROWS["unreliable"] <= 0.05).all()


@pytest.mark.parametrize(
    ("case", "quantity", "sign"),
    [
        ("churn trends apart", "improvement", -1),
        ("churn follows half", "improvement", -1),
        ("concessions", "improvement", 1),
        ("broken promises", "lasting_improvement", 1),
        ("reliability overstated", "improvement", 1),
        ("reliability understated", "improvement", -1),
        ("retest remembered", "improvement", 1),
        ("sentiment that leaks", "reporting_shift", -1),
        ("tens, told of none", "reporting_shift", 1),
        ("audit, told the wrong response", "improvement", -1),
    ],
)
def test_broken_assumptions_bias_as_they_should(case, quantity, sign):
    row = BY.loc[(case, quantity)]
    assert sign * row["bias"] > 3 * row["mcse_bias"]


def test_every_broken_assumption_is_recorded_as_broken():
    assert (ROWS.loc[ROWS["case"].isin(BROKEN), "broken"] != "").all()
    assert set(ROWS.loc[ROWS["broken"] != "", "case"]) == set(BROKEN)


def test_plan_foretells_the_recorded_precision():
    true = truth(IncentiveWorld())
    rates = {"churn_rate": 0.14, "response_rate": 0.27, "retest_pairs": 600}
    known = {name: true[name] for name in ("churn_slope", "reliability", "improvement")}
    plan = RolloutPlan(8000, **rates, **known)
    recorded = BY.loc[MAIN]["posterior_sd"]
    assert plan.improvement_sd == pytest.approx(recorded["improvement"], rel=0.05)
    # The prior tells a little more of the shift than the plan counts on.
    assert recorded["reporting_shift"] < plan.shift_sd < 1.2 * recorded["reporting_shift"]


def test_a_replicate_gives_the_recorded_estimates():
    found = study.replicate(MAIN, 0)
    for quantity in EFFECTS:
        row = BY.loc[(MAIN, quantity)]
        assert found[f"{quantity}|truth"] == pytest.approx(row["truth"], rel=1e-3)
        assert found[f"{quantity}|mean"] == pytest.approx(
            row["first"], abs=0.1 * row["posterior_sd"]
        )
