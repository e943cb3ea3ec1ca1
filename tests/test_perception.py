from dataclasses import replace

import numpy as np
import pytest

from nps_research.drivers.perception import TimePaths, experiment_size, misleading_from, parts

MIXED = TimePaths(0.3, 0.4, 0.5, halo=0.2, clock_error=0.3, report_error=0.4)
LOGGED = TimePaths(0.6, 0.0)
PERCEIVED = TimePaths(0.0, 0.6)


def test_correlations_are_those_of_a_large_sample():
    drawn = MIXED.simulate(400_000, random_seed=1)
    assert np.corrcoef(drawn, rowvar=False) == pytest.approx(MIXED.correlations, abs=0.006)


def test_slopes_are_those_of_least_squares():
    drawn = MIXED.simulate(400_000, random_seed=2)
    z = (drawn - drawn.mean(axis=0)) / drawn.std(axis=0)
    assert np.linalg.lstsq(z[:, :2], z[:, 2])[0] == pytest.approx(MIXED.slopes, abs=0.006)


def test_clean_measures_show_what_drives_the_score():
    assert LOGGED.slopes[1] == pytest.approx(0.0, abs=1e-12)
    assert PERCEIVED.slopes[0] == pytest.approx(0.0, abs=1e-12)
    assert LOGGED.reported_part < 0.5 < PERCEIVED.reported_part


@pytest.mark.parametrize("name", ["mood_effect", "clock_error"])
def test_the_border_is_where_parts_are_equal(name):
    world = replace(LOGGED, halo=0.5)
    border = misleading_from(world, name, 0.0, 10.0)
    assert 0 < border < 10
    assert replace(world, **{name: border}).reported_part == pytest.approx(0.5, abs=1e-9)
    assert parts([LOGGED, PERCEIVED]).tolist() == [LOGGED.reported_part, PERCEIVED.reported_part]


def test_a_border_out_of_reach_is_the_end():
    assert misleading_from(LOGGED, "halo", 0.0, 0.01) == 0.01


def test_the_experiment_has_its_power():
    n, generator, found = experiment_size(PERCEIVED, 0.5), np.random.default_rng(3), 0
    for _ in range(400):
        shown, control = (
            (generator.standard_normal((n, 6)) @ PERCEIVED.loadings[-1] + gain) for gain in (0.3, 0)
        )
        z = (shown.mean() - control.mean()) / np.sqrt((shown.var() + control.var()) / n)
        found += z > 1.96
    assert found / 400 == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [({"accuracy": 1.2}, "between -1 and 1; found 1.2"), ({"clock_error": -1}, "clock_error is a")],
)
def test_impossible_numbers_are_refused(numbers, message):
    with pytest.raises(ValueError, match=message):
        TimePaths(**numbers)


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(ValueError, match="effect of 0"):
        experiment_size(LOGGED, 0.5)
    with pytest.raises(ValueError, match="no number 'patience'"):
        misleading_from(LOGGED, "patience", 0, 1)
