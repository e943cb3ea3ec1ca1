"""The recorded run of benchmarks/tracking_calibration.py: coverage, an exact sampler, rules."""

import json

import numpy as np
import pandas as pd
import pytest
import tracking_calibration as benchmark

from nps_research.datasets import data_path
from nps_research.tracking.control_charts import RULES
from nps_research.tracking.monitoring import watch
from nps_research.tracking.worlds import World

RECORDED = json.loads(data_path("tracking_calibration.json").read_text())
COVERAGE = pd.DataFrame(RECORDED["coverage"]).set_index(["truth", "answers", "interval"])
SAMPLER = pd.DataFrame(RECORDED["sampler"]).set_index("quantity")
WATCHING = pd.DataFrame(RECORDED["watching"])
# Where nothing ever moves, the truth lies at the border of what the model allows (steps of size 0):
# intervals that look back from the last wave are too wide.
TOO_WIDE = {("constant", 50, "smoothed"), ("constant", 500, "smoothed")}


def test_every_setting_is_there_with_enough_replicates():
    assert RECORDED["replicates"]["coverage"] >= 200
    assert RECORDED["replicates"]["watching"] >= 1000
    truths = {"prior", *benchmark.PATHS}
    assert set(COVERAGE.index.get_level_values("truth")) == truths
    assert len(COVERAGE) == len(truths) * len(benchmark.ANSWERS) * 3
    assert set(WATCHING["rule"]) == {*RULES, "model"}


@pytest.mark.parametrize("setting", COVERAGE.index)
def test_intervals_of_90_percent_cover_85_to_95(setting):
    found = COVERAGE.loc[setting, "coverage"]
    if setting in TOO_WIDE:
        assert found > 0.95
    else:
        assert 0.85 <= found <= 0.95


@pytest.mark.parametrize("answers", benchmark.ANSWERS)
def test_the_model_is_late_in_the_wave_of_a_jump_and_nowhere_else(answers):
    by_wave = COVERAGE.loc[("step of -10 points", answers, "filtered"), "coverage_by_wave"]
    jump = benchmark.WAVES // 2
    assert 0.6 < by_wave[jump] < 0.85
    assert min(by_wave[:jump] + by_wave[jump + 1 :]) >= 0.85


def test_intervals_are_calibrated_where_the_prior_is_right():
    prior = COVERAGE.loc["prior"]
    assert ((prior["coverage"] - 0.9).abs() < 4 * prior["mcse"]).all()


def test_the_model_is_sharper_than_the_raw_score():
    width = COVERAGE["width"].unstack()
    assert (width["smoothed"] < width["filtered"]).all()
    assert (width["filtered"] < width["raw"]).all()


def test_draws_were_reliable():
    assert (COVERAGE["unreliable"] <= 0.02).all()


def test_the_posterior_is_that_of_an_exact_sampler():
    assert (SAMPLER["r_hat"] < 1.01).all()
    assert (SAMPLER["distance_in_errors"].abs() < 4).all()
    np.testing.assert_allclose(SAMPLER["sd"], SAMPLER["nuts_sd"], rtol=0.05)


def test_recorded_false_alarms_are_those_of_a_rerun():
    world = World(benchmark.AIRPORT, answers=200)
    again = watch(RULES, world, replicates=1000, random_seed=benchmark.SEED).false_alarms(within=4)
    own = WATCHING.query("limits == 'own' and answers == 200 and points == 5").set_index("rule")
    np.testing.assert_allclose(own.loc[list(RULES), "false_alarms"], again["share"], atol=1e-9)


def test_more_false_alarms_buy_less_delay():
    equal = WATCHING.query("limits == 'equal'")
    delay = equal.pivot(index=["answers", "points", "rule"], columns="false_alarms", values="waves")
    assert (delay.diff(axis=1).iloc[:, 1:] <= 1e-9).all(axis=None)
