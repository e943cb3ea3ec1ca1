"""The Bayesian model against closed forms, its own likelihood kernel and known data."""

import warnings

import numpy as np
import pandas as pd
import pymc
import pytest
from arviz_stats import ess
from scipy import stats

import nps_research as npsr
from nps_research.diagnostics import ConvergenceWarning
from nps_research.ordinal import kernel, pymc_model
from nps_research.ordinal.geometry import GroupGeometry, group_geometries

FORMULA = "score ~ year * problem + mode + (1 | language)"
CHAINS_AND_DRAWS = ("chain", "draw")


@pytest.fixture(scope="module")
def sfo():
    return npsr.load_counts("sfo_airport")


@pytest.fixture(scope="module")
def fitted(sfo):
    return npsr.OrdinalModel(FORMULA, sfo).fit(random_seed=1, progressbar=False)


@pytest.fixture(scope="module")
def few():
    return pd.DataFrame({"score": [0, 6, 7, 9, 10], "n": [2, 3, 4, 5, 6]})


@pytest.fixture(scope="module")
def agents():
    rng = np.random.default_rng(8)
    rows = [(f"a{k}", score, 1 + 3 * k) for k in range(6) for score in rng.integers(4, 11, 4)]
    return pd.DataFrame(rows, columns=["agent", "score", "n"])


def z_scores(draws, exact):
    """How many Monte Carlo errors the mean of the draws is from an exact value."""
    error = draws.std() / np.sqrt(ess(draws.rename("quantity").to_dataset())["quantity"])
    return float(abs(draws.mean() - exact) / error)


class TestDesign:
    def test_cells_hold_every_answer(self, sfo):
        design = npsr.OrdinalModel(FORMULA, sfo).design
        assert design.counts.sum() == 5396
        assert design.counts.shape == (38, 11)
        assert design.terms[:2] == ["year[2018]", "problem[unknown]"]
        assert [g.name for g in design.groupings] == ["language"]

    def test_people_without_a_score_are_counted_not_dropped(self):
        counts = pd.DataFrame({"score": [9, None, 3], "n": [5, 7, 2]})
        design = npsr.OrdinalModel("score ~ 1", counts).design
        assert (design.unanswered, design.cell_sizes.sum()) == (7, 7)

    def test_average_is_that_of_the_respondents(self, sfo):
        design = npsr.OrdinalModel("score ~ year", sfo).design
        assert design.average == pytest.approx([2650 / 5396])

    def test_nested_groups_have_their_own_levels(self, sfo):
        design = npsr.OrdinalModel("score ~ (1 | language/mode)", sfo).design
        assert [g.name for g in design.groupings] == ["language", "language:mode"]
        assert len(design.groupings[1].levels) == 12  # 4 languages by 3 modes, met or not

    @pytest.mark.parametrize(
        ("formula", "message"),
        [
            ("rating ~ year", "found the response 'rating'"),
            ("year", "found no response"),
            ("~ year", "Write it like"),
            ("score ~ 0 + year", "cutpoints take the place of an intercept"),
            ("score ~ (year | language)", r"slopes are not available; found 'year\[?"),
            ("score ~ yaer", "year"),
            ("score ~ year +", "cannot read the formula"),
        ],
    )
    def test_unusable_formulas_are_refused(self, sfo, formula, message):
        with pytest.raises(ValueError, match=message):
            npsr.OrdinalModel(formula, sfo)

    def test_missing_predictors_are_refused_with_the_fix(self):
        counts = pd.DataFrame({"score": [9, 3], "n": [5, 2], "mode": ["self", None]})
        with pytest.raises(
            ValueError, match=r"'mode' is missing for 2 respondents, first at row 1"
        ):
            npsr.OrdinalModel("score ~ mode", counts)

    @pytest.mark.parametrize("name", ["chain", "term", "cell"])
    def test_names_of_dimensions_are_refused_as_predictors(self, sfo, name):
        with pytest.raises(ValueError, match=f"'{name}' cannot be a predictor .* Rename it"):
            npsr.OrdinalModel(f"score ~ (1 | {name})", sfo.rename(columns={"mode": name}))

    def test_splines_and_transforms_are_understood(self):
        rng = np.random.default_rng(4)
        counts = pd.DataFrame({"x": rng.uniform(1, 9, 300), "score": rng.integers(0, 11, 300)})
        design = npsr.OrdinalModel("score ~ bs(x, df=4) + np.log(x)", counts).design
        assert design.predictors.shape == (300, 5)

    @pytest.mark.parametrize("option", [{"link": "tobit"}, {"family": "ordered"}])
    def test_unknown_options_list_the_known_ones(self, sfo, option):
        with pytest.raises(ValueError, match="choose one of"):
            npsr.OrdinalModel("score ~ 1", sfo, **option)


class TestPriors:
    def test_cutpoints_are_always_ordered(self, sfo):
        prior = npsr.OrdinalModel(FORMULA, sfo).prior(2000, random_seed=1)
        assert bool((prior.parameters["cutpoints"].diff("cutpoint") >= 0).all())

    def test_nps_of_the_average_respondent_has_mean_0_and_sd_41(self, sfo):
        prior = npsr.OrdinalModel("score ~ 1", sfo).prior(4000, random_seed=1)
        exact_sd = 100 * np.sqrt((2 / 3) / 4)  # Dirichlet(1, 1, 1) on the three classes
        assert float(prior.nps().mean()) == pytest.approx(0, abs=4 * exact_sd / np.sqrt(4000))
        assert float(prior.nps().std()) == pytest.approx(exact_sd, rel=0.05)

    def test_shares_are_dirichlet(self, few):
        concentration = np.array([0.1, 0.3, 0.5, 1, 2, 4, 1, 1, 2, 2, 3])
        model = npsr.OrdinalModel("score ~ 1", few, priors=npsr.Priors(concentration=concentration))
        shares = model.prior(3000, random_seed=3).parameters["shares"].to_numpy()[0]
        for k, a in enumerate(concentration):
            exact = stats.beta(a, concentration.sum() - a)
            assert stats.kstest(shares[:, k], exact.cdf).pvalue > 1e-4

    def test_coefficient_scale_is_in_latent_standard_deviations(self, sfo):
        counts = sfo.assign(x=np.arange(len(sfo)) % 7 * 100.0)
        model = npsr.OrdinalModel("score ~ year + x", counts, link="probit")
        design, drawn = model.design, model.prior(4000, random_seed=4).parameters["coefficients"]
        sd_x = np.sqrt(design.cell_shares @ (design.predictors[:, 1] - design.average[1]) ** 2)
        np.testing.assert_allclose(drawn.std("draw")[0], [1.0, 1 / (2 * sd_x)], rtol=0.05)

    @pytest.mark.parametrize(
        ("priors", "message"),
        [
            ({"coefficient_sd": 0.0}, "must be above 0; found 0"),
            ({"concentration": [1.0, -1.0]}, "above 0 for every score"),
        ],
    )
    def test_impossible_priors_are_refused(self, priors, message):
        with pytest.raises(ValueError, match=message):
            npsr.Priors(**priors)

    def test_concentration_needs_one_number_a_score(self, few):
        model = npsr.OrdinalModel("score ~ 1", few, priors=npsr.Priors(concentration=[1.0] * 5))
        with pytest.raises(ValueError, match=r"11 .* found 5"):
            model.to_pymc()


class TestLikelihood:
    @pytest.mark.parametrize("link", ["logit", "probit"])
    @pytest.mark.parametrize("size", [0.3, 3.0, 60.0])
    def test_pymc_and_the_kernel_agree(self, sfo, link, size):
        model = npsr.OrdinalModel("score ~ year + problem", sfo, link=link)
        graph = model.to_pymc()
        rng = np.random.default_rng(5)
        sticks, coefficients = rng.normal(size=10), size * rng.normal(size=3)
        point = {"sticks": sticks, "coefficients": coefficients}
        found = graph.compile_logp([graph["answers"]], mode="FAST_COMPILE")(point)
        above = np.exp(-np.cumsum(np.log1p(np.exp(sticks))))
        cutpoints = model.link.quantile_of_tails(1 - above, above)
        eta = (model.design.predictors - model.design.average) @ coefficients
        exact = kernel.log_likelihood(model.link, model.design.counts, eta, cutpoints)
        assert found == pytest.approx(exact, rel=1e-10)

    @pytest.mark.parametrize("link", ["logit", "probit"])
    @pytest.mark.parametrize("size", [1.0, 100.0, 800.0])
    def test_gradients_stay_finite(self, sfo, link, size):
        graph = npsr.OrdinalModel("score ~ year + problem", sfo, link=link).to_pymc()
        rng = np.random.default_rng(6)
        point = {
            "sticks": np.clip(size * rng.normal(size=10), -800, 800),
            "coefficients": size * np.array([1.0, -1.0, 0.5]),
        }
        assert np.isfinite(graph.compile_dlogp(mode="FAST_COMPILE")(point)).all()


class TestGroupGeometry:
    """The coordinates of group effects change how the sampler moves, not what it finds."""

    def test_the_density_includes_the_change_of_coordinates(self, agents):
        graph = npsr.OrdinalModel("score ~ (1 | agent)", agents).to_pymc()
        raw, sd = graph["raw_agent"], 0.7
        coordinates = np.linspace(-1, 1, 6)
        transform = graph.rvs_to_transforms[raw]
        shrinkage = sd**2 / (1 + transform.information * sd**2)
        values = transform.pull * shrinkage + np.sqrt(shrinkage) * coordinates
        exact = stats.norm.logpdf(values, 0, sd).sum() + 0.5 * np.log(shrinkage).sum()
        point = graph.initial_point() | {
            "raw_agent_informed__": coordinates,
            "sd_agent_log__": np.log(sd),
        }
        found = graph.compile_logp([raw], mode="FAST_COMPILE")(point)
        assert found == pytest.approx(exact, rel=1e-12)

    def test_the_common_shift_is_left_to_the_prior(self, agents):
        model = npsr.OrdinalModel("score ~ (1 | agent)", agents)
        geometry = group_geometries(model.design, model.link, np.empty(0), 1.8)[0]
        assert geometry.information[0] == pytest.approx(0, abs=1e-9)
        assert np.ptp(geometry.basis[:, 0]) < 1e-9
        np.testing.assert_allclose(geometry.basis @ geometry.basis.T, np.eye(6), atol=1e-12)

    def test_another_geometry_gives_the_same_posterior(self, agents, monkeypatch):
        informed = npsr.OrdinalModel("score ~ (1 | agent)", agents)
        first = informed.fit(random_seed=1, progressbar=False)
        other = [GroupGeometry(np.eye(6), np.full(6, 4.0), np.linspace(-1, 1, 6))]
        monkeypatch.setattr(pymc_model, "group_geometries", lambda *_: other)
        model = npsr.OrdinalModel("score ~ (1 | agent)", agents)
        one, two = first.summary(), model.fit(random_seed=2, progressbar=False).summary()
        error = np.hypot(one["mcse_mean"], two["mcse_mean"])
        assert ((one["mean"] - two["mean"]).abs() < 4 * error).all()
        np.testing.assert_allclose(one["sd"], two["sd"], rtol=0.15)

    @pytest.mark.parametrize("sd", [0.0, 2.0])
    def test_groups_alike_or_far_apart_converge(self, sd):
        rng = np.random.default_rng(9)
        centres = 5 + sd * rng.normal(size=12)
        rows = [
            (f"a{k}", int(np.clip(np.round(centre + rng.normal()), 0, 10)), 1)
            for k, centre in enumerate(centres)
            for _ in range(5 + 10 * k)
        ]
        counts = pd.DataFrame(rows, columns=["agent", "score", "n"])
        fit = npsr.OrdinalModel("score ~ (1 | agent)", counts).fit(random_seed=1, progressbar=False)
        assert fit.convergence.converged


class TestPosterior:
    def test_without_predictors_it_is_the_dirichlet_posterior(self, few):
        fit = npsr.OrdinalModel("score ~ 1", few).fit(random_seed=2, progressbar=False)
        a = npsr.Priors().dirichlet(npsr.RatingScale()) + fit.design.counts[0]
        w, p = 100 * fit.design.rating_scale.nps_values, a / a.sum()
        variance = (p @ w**2 - (p @ w) ** 2) / (a.sum() + 1)
        assert z_scores(fit.nps(), p @ w) < 4
        assert float(fit.nps().std()) == pytest.approx(np.sqrt(variance), rel=0.06)
        assert z_scores(fit.top_box(k=1), p[-1]) < 4

    def test_pymc_predicts_from_the_posterior_not_from_the_prior(self, few):
        model = npsr.OrdinalModel("score ~ 1", few)
        fit = model.fit(random_seed=2, progressbar=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # random numbers are drawn in Python, not compiled
            drawn = pymc.sample_posterior_predictive(
                fit.idata, model.to_pymc(), random_seed=1, progressbar=False
            )
        answers = drawn["posterior_predictive"]["answers"].mean(CHAINS_AND_DRAWS).to_numpy()[0]
        expected = 20 * fit.score_probabilities().mean(CHAINS_AND_DRAWS)
        np.testing.assert_allclose(answers, expected, atol=0.2)

    def test_saturated_in_year_it_keeps_the_raw_nps(self, sfo):
        fit = npsr.OrdinalModel("score ~ year", sfo).fit(random_seed=3, progressbar=False)
        np.testing.assert_allclose(fit.nps("year").mean(CHAINS_AND_DRAWS), [39.84, 30.98], atol=0.5)

    def test_sfo_converges(self, fitted):
        assert fitted.convergence.converged
        assert fitted.convergence.r_hat == fitted.summary()["r_hat"].max()

    def test_posterior_agrees_with_maximum_likelihood(self, sfo, fitted):
        plain = npsr.OrdinalModel("score ~ year * problem + mode + language", sfo)
        estimates = plain.maximum_likelihood().estimates
        terms = ["year[2018]", "problem[yes]", "year[2018]:problem[yes]", "mode[self]"]
        distance = fitted.summary().loc[terms, "mean"] - estimates.loc[terms, "estimate"]
        assert (distance.abs() < 0.25 * estimates.loc[terms, "se"]).all()

    def test_names_dims_and_coords_are_public(self, fitted):
        posterior = fitted.idata["posterior"]
        assert {name: array.dims[2:] for name, array in posterior.data_vars.items()} == {
            "shares": ("score",),
            "cutpoints": ("cutpoint",),
            "coefficients": ("term",),
            "sd_language": (),
            "effect_language": ("language",),
            "sticks": ("cutpoint",),
            "raw_language": ("raw_language_dim_0",),
        }
        assert fitted.idata["observed_data"]["answers"].dims == ("cell", "score")
        assert posterior["score"].values.tolist() == list(range(11))
        assert posterior["cutpoint"].values[6] == "6|7"
        assert posterior["language"].values.tolist() == ["Chinese", "English", "Spanish", "other"]

    def test_functionals_follow_from_the_probabilities(self, fitted):
        p = fitted.score_probabilities(by=["year", "mode"])
        assert p.dims == ("chain", "draw", "year", "mode", "score")
        promoters = p.sel(score=[9, 10]).sum("score", skipna=False)
        detractors = p.sel(score=slice(0, 6)).sum("score", skipna=False)
        by = ["year", "mode"]
        np.testing.assert_allclose(fitted.nps(by), 100 * (promoters - detractors), atol=1e-9)
        mean = (p * p["score"]).sum("score", skipna=False)
        np.testing.assert_allclose(fitted.mean_score(by), mean, atol=1e-9)
        np.testing.assert_allclose(fitted.top_box(by), promoters, atol=1e-12)
        np.testing.assert_allclose(fitted.bottom_box(by, k=7), detractors, atol=1e-12)

    def test_a_whole_is_the_average_of_its_groups(self, fitted):
        sizes = fitted.observed_counts("problem").sum("score")
        by_group = fitted.nps("problem")
        np.testing.assert_allclose(
            fitted.nps(), (by_group * sizes).sum("problem") / sizes.sum(), atol=1e-9
        )

    def test_a_combination_that_nobody_has_is_missing(self, fitted):
        nps = fitted.nps(by=["year", "mode"])
        assert bool(nps.sel(year="2018", mode="unknown").isnull().all())

    def test_groups_may_be_columns_outside_the_formula(self, sfo):
        counts = sfo.assign(region=np.where(sfo["language"] == "English", "a", "b"))
        prior = npsr.OrdinalModel("score ~ year", counts).prior(5, random_seed=1)
        assert prior.nps("region").dims == ("chain", "draw", "region")
        with pytest.raises(ValueError, match="regoin"):
            prior.nps("regoin")
        with pytest.raises(ValueError, match="'score' cannot be"):
            prior.nps("score")

    def test_replicates_have_the_size_of_the_data(self, fitted):
        replicates = fitted.posterior_predictive("year", random_seed=1)
        assert replicates.dims == ("chain", "draw", "year", "score")
        assert bool((replicates.sum("score") == fitted.observed_counts("year").sum("score")).all())
        again = fitted.posterior_predictive("year", random_seed=1)
        assert bool((replicates == again).all())

    def test_replicates_cover_the_scores_observed(self, fitted):
        replicates = fitted.posterior_predictive("year", random_seed=1)
        observed = fitted.observed_counts("year")
        below = (replicates <= observed).mean(CHAINS_AND_DRAWS)
        above = (replicates >= observed).mean(CHAINS_AND_DRAWS)
        assert float(np.minimum(below, above).mean()) > 0.05

    def test_summary_shows_interval_and_convergence(self, fitted):
        table = fitted.summary()
        assert list(table.columns) == [
            "mean", "sd", "lower", "upper", "ess_bulk", "ess_tail", "r_hat", "mcse_mean",
        ]  # fmt: skip
        assert table.attrs["interval"] == "equal-tailed credible interval"
        assert table.attrs["mass"] == 0.95
        assert {"cutpoint[6|7]", "year[2018]", "sd(language)", "language[Spanish]"} < set(
            table.index
        )
        for view in (repr(table), table._repr_html_(), repr(fitted), fitted._repr_html_()):
            assert "converged: R-hat" in view
        assert type(table.loc[["year[2018]"]]) is pd.DataFrame

    def test_the_same_seed_gives_the_same_draws(self, few):
        model = npsr.OrdinalModel("score ~ 1", few)
        first, second = (model.fit(random_seed=7, progressbar=False).nps() for _ in range(2))
        assert bool((first == second).all())

    def test_a_fit_is_silent_and_says_where_it_comes_from(self, few, capfd):
        fit = npsr.OrdinalModel("score ~ 1", few).fit(random_seed=1, progressbar=False)
        assert capfd.readouterr() == ("", "")
        assert fit.idata.attrs["random_seed"] == "1"
        assert len(fit.idata.attrs["input_sha256"]) == 64

    def test_too_few_draws_warn(self, few):
        with pytest.warns(ConvergenceWarning, match="NOT converged.*raise tune="):
            npsr.OrdinalModel("score ~ 1", few).fit(
                20, tune=20, chains=2, random_seed=1, progressbar=False
            )

    @pytest.mark.parametrize("scores", [[5, 6], [0, 10], [10]])
    def test_empty_categories_are_no_obstacle(self, scores):
        counts = pd.DataFrame({"score": scores, "n": [30] * len(scores)})
        fit = npsr.OrdinalModel("score ~ 1", counts).fit(random_seed=1, progressbar=False)
        assert bool(np.isfinite(fit.score_probabilities()).all())
        assert set(
            fit.score_probabilities().mean(CHAINS_AND_DRAWS).to_series().nlargest(len(scores)).index
        ) == set(scores)
