"""Posterior means against published Bayesian estimates, in Monte Carlo errors.

What cannot be compared: model 12.6 of Statistical Rethinking and the sequential model of brms's
inhaler data need education and patient, which the count tables do not have; R's clmm of judged wine
is not Bayesian. The two models of rstanarm have a prior of R-squared that this package does not:
importance weights take our draws to it.
"""

from functools import cache

import numpy as np
import pytest
from scipy import stats

import nps_research as npsr
from nps_research.agreement import published_estimates

PUBLISHED = published_estimates()
SETTINGS = {"draws": 4000, "random_seed": 1, "progressbar": False}
# Two of its effects are known by their priors alone: larger steps diverge.
CAREFUL = {"mood_by_step": {"target_accept": 0.99}}
MONTE_CARLO_ERRORS = 4
# stan_polr of rstanarm 2.32.2, prior=NULL, prior_counts=dirichlet(1): score ~ temp + contact,
# 12,000 draws with Monte Carlo errors of at most 0.006. Cutpoints, warm, contact.
STAN_POLR = {
    "logit": [-1.4636, 1.0609, 3.1708, 4.7052, 2.2275, 1.3664],
    "probit": [-0.7820, 0.6778, 1.9379, 2.8265, 1.4151, 0.8138],
}
STAN_POLR_ERROR = 0.006


@cache
def fitted(name):
    return PUBLISHED[name].model.fit(**SETTINGS | CAREFUL.get(name, {}))


@pytest.fixture(params=PUBLISHED)
def comparison(request):
    published, fit = PUBLISHED[request.param], fitted(request.param)
    return published, fit, published.agreement(fit)


def test_posterior_means_agree(comparison):
    _, _, table = comparison
    assert table["difference"].abs().max() < MONTE_CARLO_ERRORS


def test_posterior_standard_deviations_agree(comparison):
    published, fit, table = comparison
    table = table.dropna()
    ess = fit.summary().loc[table.index, "ess_bulk"]
    # Of a normal posterior; the published draws count as independent.
    error = table["sd"] * np.sqrt(0.5 / ess + 0.5 / published.draws)
    gap = (table["sd"] - table["published_sd"]).abs() - 0.5 * 10.0**-published.decimals
    assert (gap / error).max() < MONTE_CARLO_ERRORS


def test_a_wrong_link_is_noticed():
    published = PUBLISHED["mood"]
    options = published.arguments | {"link": "logit", "priors": published.model.priors}
    fit = npsr.OrdinalModel(counts=published.answers.counts, **options).fit(**SETTINGS)
    assert published.agreement(fit)["difference"].abs().max() > 10 * MONTE_CARLO_ERRORS


def test_a_wrong_prior_is_noticed():
    published = PUBLISHED["wine"]
    model = npsr.OrdinalModel(counts=published.answers.counts, **published.arguments)
    assert published.agreement(model.fit(**SETTINGS))["difference"].abs().max() > MONTE_CARLO_ERRORS


def test_a_difference_is_in_monte_carlo_errors_beyond_rounding(comparison):
    published, fit, table = comparison
    term, (mean, *_) = next(iter(published.terms.items()))
    row, ours = table.loc[term], fit.summary().loc[term, "mean"]
    rounding = 0.5 * 10.0**-published.decimals
    expected = max(abs(ours - mean) - rounding, 0.0) / row["mcse"]
    assert abs(row["difference"]) == pytest.approx(expected, abs=1e-9)
    assert row["mcse"] > fit.summary().loc[term, "mcse_mean"]


def test_brms_has_the_opposite_sign_of_a_log_standard_deviation():
    name, term = "mood_unequal_sds", "scale[h24[Yes]]"
    table = PUBLISHED[name].agreement(fitted(name))
    assert table.loc[term, "ours"] == -fitted(name).summary().loc[term, "mean"]


@pytest.mark.parametrize(
    ("name", "answers"), [("wine", 72), ("trolley", 9930), ("stem_cells", 829), ("mood", 1160)]
)
def test_every_answer_is_there(name, answers):
    model = PUBLISHED[name].model
    assert model.design.counts.sum() == answers
    assert model.counts.attrs["rating_scale"] == model.design.rating_scale


def test_mean_response_is_that_of_statistical_rethinking():
    mean = fitted("trolley_shares").mean_score()  # 4.199 in the book, 4.199334 in Kurz
    error = float(mean.std()) / np.sqrt(4000)
    assert abs(float(mean.mean()) - 4.199334) < MONTE_CARLO_ERRORS * error


@pytest.mark.parametrize("link", STAN_POLR)
def test_importance_weights_lead_to_the_prior_of_rstanarm(link):
    wine = PUBLISHED["wine"].answers.counts
    flat = {"temp[warm]": np.inf, "contact[yes]": np.inf}
    priors = npsr.Priors(concentration=[1] * 5, terms=flat)
    fit = npsr.OrdinalModel("score ~ temp + contact", wine, link=link, priors=priors).fit(
        **SETTINGS
    )
    draws = np.concatenate([fit.parameters["cutpoints"], fit.parameters["coefficients"]], axis=-1)
    weights = rstanarm_weights(fit, link)
    found = np.average(draws, axis=(0, 1), weights=weights)
    unweighted = np.abs(draws.mean(axis=(0, 1)) - STAN_POLR[link])
    error = np.sqrt(np.sum((weights[..., None] * (draws - found)) ** 2, axis=(0, 1)))
    z = (found - STAN_POLR[link]) / np.hypot(error, STAN_POLR_ERROR)
    assert np.abs(z).max() < MONTE_CARLO_ERRORS
    assert unweighted.max() > 5 * STAN_POLR_ERROR  # the prior matters: 0.18 and 0.06


def rstanarm_weights(fit, link):
    """Ratio of stan_polr's prior to flat coefficients with a Dirichlet of an average respondent.

    R-squared is uniform and divides the latent variance: cutpoints are quantiles of Dirichlet
    shares times delta = 1 / sqrt(1 - R2), and the linear predictor has variance R2 * delta**2
    (rstanarm, inst/stan/polr.stan).
    """
    cells = fit.design.cells
    coefficients, cutpoints = fit.parameters["coefficients"], fit.parameters["cutpoints"]
    eta = coefficients.to_numpy() @ (cells.predictors - cells.average).T
    variance = eta**2 @ cells.sizes / (cells.sizes.sum() - 1)
    centred = cutpoints.to_numpy() - (coefficients.to_numpy() @ cells.average)[..., None]
    delta = np.sqrt(1 + variance)[..., None]
    latent = {"logit": stats.logistic, "probit": stats.norm}[link]
    moved = latent.logpdf(centred / delta) - np.log(delta) - latent.logpdf(centred)
    log_ratio = moved.sum(axis=-1) - 2 * np.log1p(variance)
    ratio = np.exp(log_ratio - log_ratio.max())
    return ratio / ratio.sum()
