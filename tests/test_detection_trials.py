"""Trials repeat themselves, and their worlds are what they say."""

import numpy as np
import pytest

from nps_research.detection.trials import TRIALS, made_surveys, made_units


@pytest.mark.parametrize("name", TRIALS)
def test_trials_are_repeatable_and_say_what_applies(name):
    honest, gaming = (TRIALS[name](3, strength) for strength in (0.0, 1.0))
    assert np.isnan(honest["gaming"])
    assert honest["honest"] == TRIALS[name](3, 0.0)["honest"] <= 0.3
    assert gaming["gaming"] >= 0.5


def test_units_that_move_end_at_the_target():
    before, after = made_units(1, 0.0), made_units(1, 1.0)
    changed = (before != after).any(axis=1)
    assert 10 < changed.sum() < 100
    assert np.array_equal(before[:, 1:], after[:, 1:])
    net, n = after[changed, 2] - after[changed, 0], after[changed].sum(axis=1)
    assert (100 * net >= 40 * n).all()
    assert ((before - after).sum(axis=1) <= 2).all()


def test_gamers_withhold_at_the_target_only():
    surveys, gamer = made_surveys(1, 1.0)
    at = (surveys["window_answers"] >= 5) & (
        100 * surveys["window_net"] >= 40 * surveys["window_answers"]
    )
    games = gamer[surveys["agent"]]
    assert surveys.loc[at & games, "sent"].sum() == 0
    assert surveys.loc[~at & games, "sent"].mean() > 0.7
    assert surveys.loc[at & ~games, "sent"].mean() > 0.7
