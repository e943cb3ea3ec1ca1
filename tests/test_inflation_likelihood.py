"""The integrals of the inflation model against adaptive quadrature, products and differences."""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

from nps_research.inflation import InflationModel
from nps_research.inflation.curves import state_of
from nps_research.inflation.integrals import factors, log_chance, weights
from nps_research.inflation.latent import LATENTS
from nps_research.inflation.quadrature import agent_grid, loyalty_grid
from nps_research.inflation.simulation import simulated_counts
from nps_research.inflation.worlds import Anchors, IncentiveWorld

LOYALTIES = {
    "normal": stats.norm(),
    "logistic": stats.logistic(scale=np.sqrt(3) / np.pi),
    "skewed": stats.gumbel_l(np.euler_gamma * np.sqrt(6) / np.pi, np.sqrt(6) / np.pi),
}
ERRORS = {"normal": stats.norm(), "logistic": stats.logistic(scale=np.sqrt(3) / np.pi)}
ANCHORS = Anchors(retest_pairs=100, audits=20, comments=0.5)
SMALL = IncentiveWorld(agents=3, customers=60, anchors=ANCHORS)


def four_cells():
    rows = [(t, p, s, c) for t in (0, 1) for p in (0, 1) for s in (0, 6, 10, None) for c in (0, 1)]
    return pd.DataFrame(rows, columns=["treated", "post", "score", "churned"]).assign(n=10)


def everything(**options):
    counts, retest, _ = simulated_counts(SMALL, random_seed=1)
    options = {"indicators": ("sentiment",), "leak": 0.5, "ten_inflation": True} | options
    return InflationModel(counts, retest=retest, **options)


def somewhere(model, scale=0.3):
    noise = np.random.default_rng(1).standard_normal(model.parameters.size)
    return model.parameters.start() + scale * noise


@pytest.mark.parametrize(
    ("latent", "noise", "sd"),
    [
        *(("normal", "normal", sd) for sd in (0.05, 0.25, 0.7, 2.0)),
        *(("logistic", "logistic", 0.7), ("skewed", "logistic", 0.25), ("skewed", "normal", 0.05)),
    ],
)
def test_probabilities_are_integrals(latent, noise, sd):
    model = InflationModel(four_cells(), latent=latent, noise=noise, ten_inflation=True)
    structure, free = model.likelihood.structure, somewhere(model)[None]
    values = model.parameters.values(free) | {"noise": np.array([[sd]])}
    state, block = state_of(structure, values), structure.evidence.blocks[1]
    found = np.exp(log_chance(weights(structure, block, state), factors(structure, block, state)))
    kinds, ten = block.outcomes, values["ten"][0, 0]
    cuts = np.array([-np.inf, *values["cuts"][0], np.inf])
    place = list(block.conditions).index(3)

    def integrand(loyalty, kind):
        odds = values["answer_intercept"][0, 3] + values["answer_slope"][0, 3] * loyalty
        answers = special.expit(odds if kinds.answered[kind] else -odds)
        odds = values["leave_intercept"][0, 3] - values["leave_slope"][0, 0] * loyalty
        leaves = special.expit(odds if kinds.churned[kind] else -odds)
        score = kinds.score[kind]
        if score < 11:
            between = (cuts[score : score + 2] - loyalty - values["shift"][0, 0]) / sd
            share = (1 - ten) * np.diff(ERRORS[noise].cdf(between))[0] + ten * (score == 10)
            answers = answers * share
        return LOYALTIES[latent].pdf(loyalty - values["mean"][0, 3]) * answers * leaves

    for kind in np.flatnonzero(kinds.churned != 2):
        edges = [*(cuts[1:-1] - values["shift"][0, 0]).clip(-13, 6), 0.0]
        exact = integrate.quad(integrand, -16, 12, (kind,), points=edges, limit=400)[0]
        assert found[0, place, 0, kind] == pytest.approx(exact, rel=3e-7, abs=1e-10)


def test_probabilities_of_a_condition_add_up_to_one():
    model = InflationModel(four_cells())
    structure, values = model.likelihood.structure, model.parameters.values(somewhere(model)[None])
    curves = state_of(structure, values).curves
    assert curves.score[..., :-1].sum(axis=-1) == pytest.approx(1, abs=1e-14)


def test_a_finer_grid_changes_nothing(monkeypatch):
    model = everything()
    free = somewhere(model)[None]
    coarse = model.posterior.log_density(free)
    for name, value in (("STEP", 0.15), ("LARGEST_STEP", 0.1), ("AGENT_STEP", 0.25)):
        monkeypatch.setattr(f"nps_research.inflation.quadrature.{name}", value)
    monkeypatch.setattr("nps_research.inflation.quadrature.FIRST_NODES", 60)
    assert model.posterior.log_density(free) == pytest.approx(coarse, abs=1e-5)


@pytest.mark.parametrize("spread", [0.01, 0.4, 1.5])
def test_qualities_between_the_nodes_are_interpolated(spread):
    grid = agent_grid(spread, 400.0)
    known = (
        np.log(special.ndtr(spread * grid.nodes - 1)),
        np.log(special.ndtr(spread * grid.points - 1)),
    )
    assert grid.interpolation @ known[0] == pytest.approx(known[1], abs=1e-7)


def test_agents_are_integrated_out():
    model = everything()
    structure, values = model.likelihood.structure, model.parameters.values(somewhere(model)[None])
    block = structure.evidence.blocks[0]
    state, found = state_of(structure, values), 0.0
    quality = np.linspace(-7, 7, 1401)
    wide = state.grid._replace(agents=agent_grid(3.0, 1.0)._replace(nodes=quality))
    log = log_chance(
        weights(structure, block, state._replace(grid=wide)),
        factors(structure, block, state),
    )[0]
    for unit in block.counts:
        each = np.einsum("ko,kqo->q", unit, log) + stats.norm.logpdf(quality)
        found += special.logsumexp(each) + np.log(quality[1] - quality[0])
    assert model.likelihood._block(block, state)[0] == pytest.approx(found, abs=1e-4)


def test_pairs_share_loyalty_and_not_noise():
    retest = pd.DataFrame({"first": [9, 9], "second": [9, 3], "n": [30, 1]})
    model, plain = (InflationModel(four_cells(), retest=each) for each in (retest, None))
    values = model.parameters.values(somewhere(model)[None])
    cuts, noise = values["cuts"][0], values["noise"][0, 0]

    def among_answers(loyalty, *scores):
        odds = values["answer_intercept"][0, 0] + values["answer_slope"][0, 0] * loyalty
        each = [special.ndtr((cuts[k - 1 : k + 1] - loyalty) / noise) for k in scores]
        return stats.norm.pdf(loyalty) * special.expit(odds) * np.prod(np.diff(each))

    both = [integrate.quad(among_answers, -9, 9, pair, limit=200)[0] for pair in ((9, 9), (9, 3))]
    once = integrate.quad(among_answers, -9, 9, (9,), limit=200)[0]
    added = model.likelihood.log_likelihood(values) - plain.likelihood.log_likelihood(values)
    assert added[0] == pytest.approx(30 * np.log(both[0] / once) + np.log(both[1] / once), rel=1e-6)


@pytest.mark.parametrize("latent", LATENTS)
@pytest.mark.parametrize("audit_response", ["baseline", "own"])
@pytest.mark.parametrize("agents", [True, False])
def test_gradient_is_that_of_the_density(latent, audit_response, agents):
    options = {"latent": latent, "noise": "logistic", "audit_response": audit_response}
    model = everything(**options, agent_effects=agents, surrogacy=0.5, trend_gap=0.1)
    free = somewhere(model)
    steps = 1e-4 * np.eye(len(free))
    total, slope = model.posterior.slope(free)
    density = model.posterior.log_density
    assert total == pytest.approx(density(free[None])[0], abs=1e-6)
    assert slope == pytest.approx((density(free + steps) - density(free - steps)) / 2e-4, abs=5e-3)


def test_a_noise_that_no_grid_can_follow_is_refused():
    with pytest.raises(ValueError, match=r"at least 0\.02 standard.*found 0\.01.*reliability="):
        loyalty_grid(LATENTS["normal"], 0.0, 0.0, 0.01)
    with pytest.raises(ValueError, match=r"between 0 and 0\.9996; found 0\.99999"):
        InflationModel(four_cells(), reliability=0.99999)


def test_such_a_noise_has_no_density():
    model = InflationModel(four_cells())
    free = somewhere(model)
    free[model.parameters.places["noise"]] = np.log(0.019)
    assert model.posterior.log_density(free[None])[0] == -np.inf


def test_points_are_independent_of_their_batch():
    model = everything()
    free = somewhere(model) + 0.1 * np.random.default_rng(2).standard_normal((300, 1))
    alone = np.concatenate([model.posterior.log_density(each[None]) for each in free[::60]])
    assert model.posterior.log_density(free)[::60] == pytest.approx(alone, abs=1e-4)
