from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from nps_research.datasets import load_counts
from nps_research.metrics import nps
from nps_research.ordinal.model import OrdinalModel
from nps_research.people.risk_adjustment import (
    adjusted_nps,
    case_mix_share,
    confounding_bounds,
    expected_nps,
    observed_and_expected,
    pairs_beyond,
)
from nps_research.people.unit_simulation import CaseMix, simulate_answers
from nps_research.people.units import units_like

SFO = load_counts("sfo_airport").query("year == '2018'")
SAMPLED = ("chain", "draw")
MIX = CaseMix({"new": 0.4, "old": -0.9}, {"new": 0.6, "old": 0.4}, 0.3)


@pytest.fixture(scope="module")
def made():
    units = units_like(SFO, 0.05)
    return simulate_answers(units, teams=1, agents=12, answers=600, case_mix=MIX, random_seed=2)


@pytest.fixture(scope="module")
def fit(made):
    """Draws that have converged: the warning that they have not would be an error."""
    model = OrdinalModel("score ~ kind + (1 | agent)", made.counts)
    return model.fit(random_seed=1, progressbar=False)


def test_expected_scores_are_those_of_equal_customers_elsewhere(made):
    table = observed_and_expected(made.counts, "agent", "kind")
    everybody = nps(made.counts, by="kind")["nps"]
    mix = made.counts.groupby(["agent", "kind"])["n"].sum().unstack(fill_value=0)
    expected = (mix * everybody).sum(axis=1) / mix.sum(axis=1)
    pd.testing.assert_series_equal(table["expected"], expected, check_names=False)
    assert table["observed"].to_numpy() == pytest.approx(nps(made.counts, by="agent")["nps"])
    assert (table["n"] * table["difference"]).sum() == pytest.approx(0, abs=1e-6)


def test_standard_errors_are_those_of_all_deals_by_lot():
    """Four of seven answers of one kind and one of three of another go to agent a, in every way."""
    kinds = {"x": [3, 3, 8, 9, 9, 10, 2], "y": [1, 7, 10]}
    differences = []
    for first, second in product(combinations(range(7), 4), range(3)):
        rows = [
            ("a" if place in hand else "b", kind, score, 1)
            for (kind, scores), hand in zip(kinds.items(), (first, (second,)), strict=True)
            for place, score in enumerate(scores)
        ]
        counts = pd.DataFrame(rows, columns=["agent", "kind", "score", "n"])
        table = observed_and_expected(counts, "agent", "kind")
        differences.append(table.loc["a", "difference"])
    assert np.mean(differences) == pytest.approx(0, abs=1e-9)
    assert np.std(differences) == pytest.approx(table.loc["a", "se"])


def test_agents_who_differ_in_case_mix_only_are_alike_after_adjustment():
    units = units_like(SFO, 0.0)
    made = simulate_answers(units, teams=1, agents=40, answers=300, case_mix=MIX, random_seed=5)
    table = observed_and_expected(made.counts, "agent", "kind")
    raw = nps(made.counts, by="agent", method="wald")
    raw_z = (raw["nps"] - raw["nps"].mean()) / raw["se"]
    assert (raw_z.abs() > 1.96).mean() > 0.3
    assert (table["z"].abs() > 1.96).mean() <= 0.125
    assert (table["z"] ** 2).mean() == pytest.approx(1.0, abs=4 * np.sqrt(2 / 40))


def test_differences_of_adjusted_scores_are_the_true_ones(made, fit):
    """The level is that of the customers who came, not of all who might have."""
    found = adjusted_nps(fit, "agent")
    found = found - found.mean("agent")
    truth = made.truth["adjusted"].to_xarray()
    error = (found.mean(SAMPLED) - truth + truth.mean()) / found.std(SAMPLED)
    assert abs(error).max() < 3.5
    assert 0.2 < (error**2).mean() < 2.5


def test_adjustment_is_the_average_over_everybody(made, fit):
    """The same by prediction for every answer, one agent after the other."""
    mix = made.counts.groupby("kind")["n"].sum()
    shares = xr.DataArray(mix / mix.sum(), {"kind": list(mix.index)}, ("kind",))
    cells = pd.DataFrame({"agent": "agent 03", "kind": list(mix.index)})
    brute = (fit.at(cells).nps("kind") * shares).sum("kind")
    found = adjusted_nps(fit, "agent").sel(agent="agent 03")
    np.testing.assert_allclose(found, brute, atol=1e-9)


def test_expected_scores_of_a_fit_have_the_effect_of_nobody(made, fit):
    found = expected_nps(fit, "agent").mean(SAMPLED).to_series()
    table = observed_and_expected(made.counts, "agent", "kind")
    assert np.corrcoef(found, table["expected"].reindex(found.index))[0, 1] > 0.99


def test_share_of_case_mix_is_the_true_one(made, fit):
    truth = made.truth
    expected = truth["nps"] - truth["adjusted"]
    true = np.cov(expected, truth["nps"])[0, 1] / truth["nps"].var()
    found = case_mix_share(fit, "agent")
    low, high = found.quantile([0.01, 0.99])
    assert low < true < high


def test_bounds_widen_with_what_is_hidden_and_hold_the_truth(made, fit):
    plain, wide = (confounding_bounds(fit, "agent", hidden) for hidden in (0.0, 0.5))
    assert (wide["lower"] < plain["lower"]).all()
    assert (plain["upper"] < wide["upper"]).all()
    truth = made.truth["adjusted"]
    assert ((wide["lower"] < truth) & (truth < wide["upper"])).all()
    assert (plain["adjusted"] - wide["adjusted"]).abs().max() == 0
    effects = fit.parameters["effect_agent"]
    away = abs(effects - effects.mean("agent")).mean(SAMPLED).to_series()
    pd.testing.assert_series_equal(plain["tipping"], away, check_names=False)
    assert wide.attrs["interval"].endswith("hidden differences of up to 0.5")


def test_hidden_differences_can_turn_pairs(fit):
    shares = [pairs_beyond(fit, "agent", hidden) for hidden in (0.0, 0.1, 0.5, 9.0)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[2]
    assert shares[-1] == 0


def test_a_unit_alone_with_its_kind_cannot_be_judged():
    counts = pd.DataFrame({"agent": list("ab"), "kind": list("xy"), "score": [3, 10], "n": [5, 5]})
    table = observed_and_expected(counts, "agent", "kind")
    assert (table["difference"] == 0).all()
    assert table["z"].isna().all()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda made, _: observed_and_expected(made.counts, "agent", []), r"found \[\] for the"),
        (lambda made, _: observed_and_expected(made.counts, "agent", "agent"), "does not decide"),
        (lambda made, _: observed_and_expected(made.counts, "agent", "knd"), "column 'knd'"),
        (lambda _, fit: adjusted_nps(fit, "product"), "unknown predictor 'product'"),
        (lambda _, fit: expected_nps(fit, "kind"), "unknown group term 'kind'"),
        (lambda _, fit: confounding_bounds(fit, "agent", -1.0), "0 or more; found -1"),
    ],
)
def test_unusable_questions_are_refused(made, fit, call, match):
    with pytest.raises(ValueError, match=match):
        call(made, fit)


def test_a_model_of_the_unit_alone_cannot_adjust(made):
    model = OrdinalModel("score ~ 1 + (1 | agent)", made.counts.drop(columns="kind"))
    with pytest.raises(ValueError, match="the only predictor"):
        adjusted_nps(model.prior(10, random_seed=1), "agent")
