import math
from dataclasses import replace

import numpy as np
import pytest

from nps_research.comparison.survey_waves import SurveyWaves
from nps_research.planning import nps_sample_size

YEAR = SurveyWaves(answers=400, waves=6, before=3, sd=75)
DRAWS = 20_000
CHANCE = 4 * 0.5 / math.sqrt(DRAWS)


def simulated(design, effect, shape, seed=1):
    """NPS of the waves of many surveys: panel members bring the same opinion to every wave."""
    rng = np.random.default_rng(seed)
    shared = design.sd**2 * design.overlap * design.person_correlation / design.answers
    own = design.sd**2 / design.answers - shared + design.wander**2
    noise = rng.normal(0, math.sqrt(own), (DRAWS, design.waves))
    level = rng.normal(0, math.sqrt(shared), (DRAWS, 1))
    true = np.where(np.arange(design.waves) >= design.before, effect, 0.0)
    if shape == "trend":
        true = np.linspace(0, effect, design.waves)
    return noise + level + true


def rejected(design, waves, shape):
    if shape == "step":
        estimate = waves[:, design.before :].mean(axis=1) - waves[:, : design.before].mean(axis=1)
    else:
        estimate = np.polyfit(np.arange(design.waves), waves.T, 1)[0] * (design.waves - 1)
    return (np.abs(estimate) > 1.959964 * design.effect_error(shape)).mean()


@pytest.mark.parametrize("shape", ["step", "trend"])
@pytest.mark.parametrize("effect", [0, 6])
@pytest.mark.parametrize(
    "changes",
    [{}, {"overlap": 0.8, "person_correlation": 0.6}, {"wander": 2.0, "before": 2, "waves": 7}],
)
def test_power_is_that_of_simulated_surveys(shape, effect, changes):
    design = replace(YEAR, **changes)
    found = rejected(design, simulated(design, effect, shape), shape)
    assert found == pytest.approx(design.power(effect, shape), abs=CHANCE)


@pytest.mark.parametrize("shape", ["step", "trend"])
@pytest.mark.parametrize("effect", [0, 8])
def test_detection_is_that_of_simulated_surveys(shape, effect):
    design = replace(YEAR, before=2, overlap=0.5, person_correlation=0.5)
    waves = simulated(design, 0, "step")
    after = np.arange(1, 5)
    waves[:, 2:] += effect * (after / 4 if shape == "trend" else 1)
    gap = waves[:, 2:] - waves[:, :2].mean(axis=1, keepdims=True)
    alarm = np.abs(gap) > 1.959964 * design.standard_error * math.sqrt(1.5)
    table = design.detection(effect, shape)
    assert table["alarm"].to_numpy() == pytest.approx(alarm.mean(axis=0), abs=CHANCE)
    by_then = np.logical_or.accumulate(alarm, axis=1).mean(axis=0)
    assert table["detected_by"].to_numpy() == pytest.approx(by_then, abs=CHANCE)
    assert table["days"].tolist() == [60, 120, 180, 240]


def test_detection_without_effect_is_the_rate_of_false_alarms():
    table = YEAR.detection(0)
    assert table["detected_by"].tolist() == table["false_alarm_by"].tolist()
    assert table["alarm"].to_numpy() == pytest.approx(np.full(3, 0.05))


def test_two_waves_are_two_independent_samples():
    pair = SurveyWaves(answers=1, waves=2, before=1, sd=75)
    assert pair.answers_needed(5) == nps_sample_size(5, standard_deviation=75)
    assert pair.effect_error("trend") == pytest.approx(pair.effect_error("step"))


@pytest.mark.parametrize("shape", ["step", "trend"])
def test_detectable_effect_and_answers_have_their_power(shape):
    assert YEAR.power(YEAR.detectable_effect(shape), shape) == pytest.approx(0.8, abs=1e-6)
    design = replace(YEAR, wander=1.0)
    enough = design.answers_needed(6, shape, power=0.9)
    assert replace(design, answers=enough).power(6, shape) >= 0.9
    assert replace(design, answers=enough - 1).power(6, shape) < 0.9


def test_no_number_of_answers_finds_less_than_the_world_wanders():
    assert replace(YEAR, wander=3.0).answers_needed(5) == math.inf


def test_the_same_people_in_every_wave_find_more():
    panel = replace(YEAR, overlap=1.0, person_correlation=0.7)
    assert panel.effect_error() == pytest.approx(YEAR.effect_error() * math.sqrt(0.3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SurveyWaves(answers=10, waves=3, before=3), "before=3 of 3 waves"),
        (lambda: SurveyWaves(answers=0), "answers must be positive; found 0"),
        (lambda: SurveyWaves(answers=10, overlap=1.2), "overlap must be from 0 to 1; found 1.2"),
        (lambda: SurveyWaves(answers=10, wander=-1), "wander must be 0 or more"),
        (lambda: YEAR.power(5, "jump"), "unknown shape of an effect 'jump'"),
        (lambda: YEAR.answers_needed(0), "finite and not 0"),
        (lambda: YEAR.detectable_effect(power=0), "power must be between 0 and 1"),
        (lambda: YEAR.detection(5, "jump"), "unknown shape"),
    ],
)
def test_unusable_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
