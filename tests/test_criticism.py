"""Checks of a fit against what is known of its draws."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from nps_research.ordinal.criticism import impact, predictive_counts, predictive_nps
from nps_research.ordinal.design import build_design
from nps_research.ordinal.draws import ScoreDraws
from nps_research.ordinal.families import Family
from nps_research.scale import RatingScale

SCALE = RatingScale(1, 5)
TABLE = pd.DataFrame(
    {
        "wave": ["a", "a", "a", "b", "b", "b"],
        "score": [1, 4, 5, 2, 3, 5],
        "n": [20, 30, 50, 40, 25, 35],
    }
)


def drawn(formula="score ~ wave", *, seed=1, table=TABLE, draws=500, sd=0.1):
    rng = np.random.default_rng(seed)
    design = build_design(formula, table, SCALE)
    cutpoints = np.array([-1.2, -0.6, -0.1, 0.4]) + sd * rng.normal(size=(4, draws, 1))
    parameters = {"cutpoints": (("chain", "draw", "cutpoint"), cutpoints)}
    if design.terms:
        slopes = -0.5 + sd * rng.normal(size=(4, draws, len(design.terms)))
        parameters["coefficients"] = (("chain", "draw", "term"), slopes)
    coords = {"chain": np.arange(4), "draw": np.arange(draws), "cutpoint": SCALE.cutpoint_labels}
    dataset = xr.Dataset(parameters, coords | {"term": design.terms})
    return ScoreDraws(dataset, design, Family("cumulative", "logit"))


def test_impact_is_the_difference_of_the_means():
    proportional, relaxed = drawn("score ~ 1"), drawn(seed=2)
    table = impact(proportional, relaxed, by="wave")
    first, second = (fit.nps("wave").mean(("chain", "draw")) for fit in (proportional, relaxed))
    np.testing.assert_allclose(table["nps_difference"], first - second)
    np.testing.assert_allclose(table[["proportional", "relaxed"]].T, [first, second])
    assert table["n"].to_dict() == {"a": 100, "b": 100}
    shares = [
        fit.score_probabilities("wave").mean(("chain", "draw")) for fit in (proportional, relaxed)
    ]
    np.testing.assert_allclose(
        table["probability_difference"], abs(shares[0] - shares[1]).mean("score")
    )


def test_draws_of_one_seed_count_as_independent():
    fit = drawn(draws=4000)
    table = impact(fit, fit)
    width = 2 * 1.96 * np.sqrt(2) * float(fit.nps().std())
    assert table.index.tolist() == ["all"]
    assert table.loc["all", "upper"] - table.loc["all", "lower"] == pytest.approx(width, rel=0.03)


def test_fits_may_have_different_numbers_of_draws():
    table = impact(drawn(draws=300), drawn(draws=200), by="wave")
    assert table["nps_difference"].abs().max() < 5


def test_fits_of_other_groups_are_refused():
    other = drawn(table=TABLE.replace({"wave": {"b": "c"}}))
    with pytest.raises(ValueError, match="of different groups or scales"):
        impact(drawn(), other, by="wave")


def test_observed_counts_stand_beside_their_replicates():
    fit = drawn()
    table = predictive_counts(fit, "wave", random_seed=1)
    observed = table["observed"].unstack("score").to_numpy()
    assert observed.tolist() == [[20, 0, 0, 30, 50], [0, 40, 25, 0, 35]]
    expected = 100 * fit.score_probabilities("wave").mean(("chain", "draw"))
    np.testing.assert_allclose(table["replicated"].unstack("score"), expected, atol=0.5)
    assert (table["lower"] < table["replicated"]).all()


def test_p_values_are_shares_of_replicates():
    fit = drawn()
    table = predictive_nps(fit, "wave", random_seed=1)
    replicated = fit.replicated_counts("wave", random_seed=1) @ xr.DataArray(
        SCALE.nps_values, dims="score"
    )
    observed = np.array([50 - 20, 35 - 65])
    above = (replicated > observed).mean(("chain", "draw"))
    equal = (replicated == observed).mean(("chain", "draw"))
    np.testing.assert_allclose(table["observed"], observed)
    np.testing.assert_allclose(table["p_value"], above + equal / 2)


def test_certain_answers_have_a_p_value_of_one_half():
    table = pd.DataFrame({"score": [5], "n": [7]})
    fit = drawn("score ~ 1", table=table)
    fit.parameters["cutpoints"][:] = [-900.0, -800.0, -700.0, -600.0]
    assert predictive_nps(fit, random_seed=1).loc["all", "p_value"] == 0.5
