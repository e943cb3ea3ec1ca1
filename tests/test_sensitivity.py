"""Power-scaling against ArviZ's own summary, and in models where the answer is known."""

import arviz_stats
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from saturated import SaturatedDraws, design
from scipy import stats

from nps_research.ordinal.log_prior import log_prior
from nps_research.ordinal.model import OrdinalModel
from nps_research.ordinal.priors import Priors
from nps_research.ordinal.sensitivity import log_likelihood, prior_sensitivity
from nps_research.scale import RatingScale

SCALE = RatingScale(1, 5)
TABLE = pd.DataFrame(
    {
        "wave": ["a", "a", "a", "b", "b"],
        "score": [1, 4, 5, 2, 5],
        "n": [12, 30, 21, 25, 16],
    }
)


class Draws(SaturatedDraws):
    """The saturated model with its NPS; shares are reported under a name of their own."""

    def __init__(self, made, concentration, **options):
        super().__init__(made, concentration, **options)
        self.parameters = self.parameters.rename(shares="p").isel(score=slice(-1))

    def nps(self, by=None):
        values = xr.DataArray(100 * SCALE.nps_values, dims="score")
        by_cell = (np.exp(self._log_p) * values).sum("score")
        if by is None:
            return by_cell.mean("cell")
        return by_cell.rename(cell="wave").assign_coords(wave=["a", "b"])

    def log_prior(self):
        return (self._log_p * (self.concentration - 1)).sum(("cell", "score"))


@pytest.fixture(scope="module")
def draws():
    return Draws(design(TABLE, ["wave"], SCALE), np.full(5, 2.0))


def test_the_log_likelihood_is_the_multinomial_kernel(draws):
    exact = (draws.log_probabilities() * draws.design.counts).sum(("cell", "score"))
    found = log_likelihood(draws)
    np.testing.assert_allclose(found, exact)
    assert (found.name, found.dims) == ("log_likelihood", ("chain", "draw"))


def test_intervals_are_in_the_likelihood():
    extra = pd.DataFrame({"wave": "b", "score": [4], "score_upper": [5], "n": [6]})
    made = design(pd.concat([TABLE, extra]), ["wave"], SCALE)
    both = Draws(made, np.full(5, 2.0))
    p = np.exp(both.log_probabilities().isel(cell=1, score=slice(3, 5))).sum("score")
    exact = (both.log_probabilities() * made.counts).sum(("cell", "score")) + 6 * np.log(p)
    np.testing.assert_allclose(log_likelihood(both), exact)


def test_impossible_scores_that_nobody_gave_cost_nothing(draws):
    impossible = Draws(draws.design, np.full(5, 2.0))
    impossible._log_p = impossible._log_p.where(impossible.design.counts > 0, -np.inf)
    np.testing.assert_allclose(log_likelihood(impossible), log_likelihood(draws))


def test_arviz_says_the_same(draws):
    table = prior_sensitivity(draws, draws.log_prior(), by="wave")
    posterior = xr.Dataset(
        {"nps": draws.nps(), "by": draws.nps("wave"), "p": draws.parameters["p"]}
    )
    groups = {
        "posterior": posterior,
        "log_prior": draws.log_prior().to_dataset(name="prior"),
        "log_likelihood": log_likelihood(draws).to_dataset(),
    }
    exact = arviz_stats.psense_summary(xr.DataTree.from_dict(groups), round_to=12)
    found = table.loc[["nps", "nps[a]", "nps[b]", *table.index[3:]], ["prior", "likelihood"]]
    np.testing.assert_allclose(found, exact[["prior", "likelihood"]], atol=1e-9)


def test_quantities_are_named_as_in_the_summary_of_a_fit():
    formula, options = "score ~ wave + (1 | store)", {"scale": "~ wave", "nps_cuts": "~ wave"}
    table = TABLE.assign(store=["x", "y", "z", "x", "y"])
    prior = OrdinalModel(formula, table, rating_scale=SCALE, **options).prior(100, random_seed=1)
    found = prior_sensitivity(prior, prior.parameters["coefficients"][..., 0] ** 2, by="wave").index
    cuts = [f"cutpoint[{cut}]" for cut in SCALE.cutpoint_labels]
    terms = ["wave[b]", "scale[wave[b]]", "wave[b][3|4]", "wave[b][4|5]"]
    groups = ["sd(store)", "store[x]", "store[y]", "store[z]"]
    assert sorted(found) == sorted(["nps", "nps[a]", "nps[b]", *cuts, *terms, *groups])


def test_steps_are_in_the_prior():
    table = pd.DataFrame({"x": [1, 2, 3, 4], "score": [2, 3, 4, 5], "n": 5})
    posteriors = [
        OrdinalModel("score ~ mo(x)", table, rating_scale=SCALE, priors=priors).posterior
        for priors in (Priors(), Priors(step_concentration=0.4))
    ]
    drawn = posteriors[0].prior_parameters(50, random_seed=1)
    found = log_prior(drawn, posteriors[1]) - log_prior(drawn, posteriors[0])
    exact = stats.dirichlet.logpdf(drawn["steps_x"].to_numpy()[0].T, np.full(3, 0.4))
    np.testing.assert_allclose(found[0] - found[0, 0], exact - exact[0])


def test_a_weak_prior_is_no_problem():
    weak = Draws(design(TABLE.assign(n=TABLE["n"] * 50), ["wave"], SCALE), np.full(5, 1.5))
    table = prior_sensitivity(weak, weak.log_prior())
    assert table.loc["nps", "diagnosis"] == "no sign of a problem"
    assert table.loc["nps", "likelihood"] > 0.05


def test_a_prior_against_the_answers_is_found():
    against = Draws(design(TABLE, ["wave"], SCALE), np.array([80.0, 2.0, 2.0, 2.0, 2.0]))
    table = prior_sensitivity(against, against.log_prior())
    assert table.loc["nps", "diagnosis"] == "prior and answers in conflict"


def test_a_prior_without_answers_to_speak_of_is_found():
    few = Draws(design(TABLE.assign(n=1), ["wave"], SCALE), np.full(5, 400.0))
    table = prior_sensitivity(few, few.log_prior())
    assert table.loc["nps", "diagnosis"] == "strong prior or few answers"


def test_a_constant_is_no_quantity(draws):
    constant = Draws(draws.design, np.full(5, 2.0))
    constant.parameters["sd_group"] = xr.zeros_like(constant.parameters["p"][..., 0, 0])
    assert "sd_group" not in prior_sensitivity(constant, constant.log_prior()).index
