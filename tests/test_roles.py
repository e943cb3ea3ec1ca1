import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from nps_research.drivers.roles import Roles, logistic
from nps_research.ordinal.model import OrdinalModel
from nps_research.scale import RatingScale

ROLES = Roles()


def test_slopes_are_those_of_a_large_sample():
    roles = replace(ROLES, heard=0.5)
    accounts = roles.simulate(200_000, random_seed=1)
    found = np.linalg.lstsq(accounts[["usability", "terms"]], accounts[["user", "maker"]])[0]
    assert found == pytest.approx(roles.slopes.to_numpy(), abs=0.015)


def test_pooled_answers_find_the_mixture():
    accounts = ROLES.simulate(200_000, random_seed=2)
    lot = np.random.default_rng(3).random(200_000) < 0.3
    answer = np.where(lot, accounts["user"], accounts["maker"])
    found = np.linalg.lstsq(accounts[["usability", "terms"]], answer)[0]
    assert found == pytest.approx(ROLES.pooled_slopes(0.3).to_numpy(), abs=0.015)


def test_at_the_tipping_share_drivers_look_alike():
    slopes = replace(ROLES, makers=(0.1, 0.5)).pooled_slopes(
        replace(ROLES, makers=(0.1, 0.5)).tipping_share
    )
    assert slopes["usability"] == pytest.approx(slopes["terms"])
    assert math.isnan(replace(ROLES, makers=(0.9, 0.1)).tipping_share)


def test_logistic_is_the_maximum_of_the_binary_model():
    counts = pd.DataFrame(
        {"x": [0.0, 0, 1, 1, 2, 2], "score": [0, 1] * 3, "n": [30, 10, 25, 30, 8, 40]}
    )
    rows = counts.loc[counts.index.repeat(counts["n"])].reset_index(drop=True)
    slopes, covariance = logistic(rows[["x"]], rows["score"] == 1)
    model = OrdinalModel("score ~ x", counts, rating_scale=RatingScale(0, 1, 0, 1))
    expected = model.maximum_likelihood().estimates
    assert slopes == pytest.approx([-expected["estimate"].iloc[0], expected["estimate"].iloc[1]])
    assert np.sqrt(np.diag(covariance)) == pytest.approx(expected["se"].to_numpy(), rel=1e-4)


def test_needed_accounts_give_the_power():
    roles, found = replace(ROLES, influence=0.5), 0
    n = roles.accounts_needed()
    for seed in range(300):
        accounts = roles.simulate(n, random_seed=seed)
        slopes, covariance = logistic(accounts[["maker", "user"]], accounts["renewed"])
        found += slopes[2] / np.sqrt(covariance[2, 2]) > 1.96
    assert found / 300 == pytest.approx(0.8, abs=0.07)


def test_less_influence_takes_more_accounts():
    needed = [replace(ROLES, influence=w).accounts_needed() for w in (0.5, 0.3, 0.2)]
    assert needed == sorted(needed)


def test_separated_outcomes_are_refused():
    x = pd.DataFrame({"x": [0.0, 1, 2, 3]})
    with pytest.raises(ValueError, match="no finite estimate: 2 of 4 happened"):
        logistic(x, pd.Series([False, False, True, True]))


def test_impossible_influence_is_refused():
    with pytest.raises(ValueError, match=r"between 0 and 1; found 1\.5"):
        Roles(influence=1.5)
