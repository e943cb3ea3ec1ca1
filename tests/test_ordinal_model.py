"""The Bayesian model against closed forms, its own likelihood kernel and known data."""

import warnings
from dataclasses import asdict

import numpy as np
import pandas as pd
import pymc
import pytest
from arviz_stats import ess
from scipy import optimize, special, stats

import nps_research as npsr
from nps_research.diagnostics import ConvergenceWarning
from nps_research.ordinal import posterior, pymc_model
from nps_research.ordinal.arrays import STEPS, without_answers
from nps_research.ordinal.assembly import posterior_arrays
from nps_research.ordinal.density import log_density
from nps_research.ordinal.geometry import GroupGeometry, plain_geometries
from nps_research.ordinal.priors import priors_from

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
    table = pd.DataFrame(rows, columns=["agent", "score", "n"])
    return table.assign(tenure=rng.normal(size=len(table)).round(1))


def z_scores(draws, exact):
    """How many Monte Carlo errors the mean of the draws is from an exact value."""
    error = draws.std() / np.sqrt(ess(draws.rename("quantity").to_dataset())["quantity"])
    return float(abs(draws.mean() - exact) / error)


class TestModel:
    def test_people_without_a_score_are_counted_not_dropped(self):
        counts = pd.DataFrame({"score": [9, None, 3], "n": [5, 7, 2]})
        design = npsr.OrdinalModel("score ~ 1", counts).design
        assert (design.unanswered, design.cells.sizes.sum()) == (7, 7)

    @pytest.mark.parametrize(
        "option", [{"link": "tobit"}, {"family": "ordered"}, {"cutpoints": "even"}]
    )
    def test_unknown_options_list_the_known_ones(self, sfo, option):
        with pytest.raises(ValueError, match="choose one of"):
            npsr.OrdinalModel("score ~ 1", sfo, **option)

    def test_a_survey_has_to_be_counted_first(self):
        survey = npsr.read_survey(pd.DataFrame({"score": [9, 3]}), score="score")
        with pytest.raises(ValueError, match="tabulate"):
            npsr.OrdinalModel("score ~ 1", survey)

    def test_structured_cutpoints_cannot_differ_by_group(self, sfo):
        with pytest.raises(ValueError, match="needs flexible cutpoints"):
            npsr.OrdinalModel("score ~ 1", sfo, cutpoints="equidistant", cutpoints_by="language")

    @pytest.mark.parametrize("numbers", [{"draws": 0}, {"chains": 1.5}, {"tune": -3}])
    def test_impossible_numbers_of_draws_are_refused_at_once(self, few, numbers):
        with pytest.raises(ValueError, match="must be a whole number of at least 1"):
            npsr.OrdinalModel("score ~ 1", few).fit(**numbers)


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

    @pytest.mark.parametrize("concentration", [0.15, 1.0, 3.0])
    def test_steps_are_dirichlet(self, survey, concentration):
        priors = npsr.Priors(step_concentration=concentration)
        model = npsr.OrdinalModel("score ~ mo(step)", survey, priors=priors)
        steps = model.prior(3000, random_seed=3).parameters["steps_step"].to_numpy()[0]
        for k in range(3):
            exact = stats.beta(concentration, 2 * concentration)
            assert stats.kstest(steps[:, k], exact.cdf).pvalue > 1e-4

    def test_coefficient_scale_is_in_latent_standard_deviations(self, sfo):
        counts = sfo.assign(x=np.arange(len(sfo)) % 7 * 100.0)
        model = npsr.OrdinalModel("score ~ year + x", counts, link="probit")
        cells, drawn = model.design.cells, model.prior(4000, random_seed=4).parameters
        sd_x = np.sqrt(cells.shares @ (cells.predictors[:, 1] - cells.average[1]) ** 2)
        drawn = drawn["coefficients"]
        np.testing.assert_allclose(drawn.std("draw")[0], [1.0, 1 / (2 * sd_x)], rtol=0.05)

    @pytest.mark.parametrize(
        ("priors", "message"),
        [
            ({"coefficient_sd": 0.0}, "must be above 0; found 0"),
            ({"concentration": [1.0, -1.0]}, "above 0 for every score"),
            ({"step_concentration": 0.0}, r"step_concentration=\) must be above 0; found 0"),
        ],
    )
    def test_impossible_priors_are_refused(self, priors, message):
        with pytest.raises(ValueError, match=message):
            npsr.Priors(**priors)

    def test_concentration_needs_one_number_a_score(self, few):
        model = npsr.OrdinalModel("score ~ 1", few, priors=npsr.Priors(concentration=[1.0] * 5))
        with pytest.raises(ValueError, match=r"11 .* found 5"):
            model.prior(10)


SPARSE = npsr.Priors(step_concentration=0.2)
EVERYTHING = {
    "formula": "score ~ x + offset(w) + mo(step) + (1 + x | team)",
    "scale": "~ x",
    "nps_cuts": "~ x",
    "cutpoints_by": "site",
    "no_answer": "~ x",
}
COMBINATIONS = [
    pytest.param({"formula": "score ~ x", "cutpoints": "equidistant"}, id="equidistant"),
    pytest.param({"formula": "score ~ x", "cutpoints": "symmetric"}, id="symmetric"),
    pytest.param(
        {"formula": "score ~ x", "priors": npsr.Priors(cutpoints=npsr.Normal(0.2, 1.5))},
        id="normal cutpoints",
    ),
    pytest.param(
        {"formula": "score ~ x", "priors": npsr.Priors(cutpoints=npsr.StudentT(3.0, 0.1, 2.5))},
        id="student cutpoints",
    ),
    pytest.param(EVERYTHING, id="everything"),
    pytest.param({"formula": "score ~ mo(step)", "priors": SPARSE}, id="sparse steps"),
]


@pytest.fixture(scope="module")
def survey():
    """A table that has everything a model may use."""
    rng = np.random.default_rng(11)
    n = 60
    table = pd.DataFrame(
        {
            "x": rng.integers(0, 2, n).astype(float),
            "w": rng.normal(0, 0.2, n),
            "step": pd.Categorical(rng.choice(list("abcd"), n), list("abcd"), ordered=True),
            "team": rng.choice(["red", "blue", "green"], n),
            "site": rng.choice(["north", "south"], n),
            "score": pd.array(rng.integers(0, 11, n), dtype="Int64"),
            "n": rng.integers(1, 9, n),
        }
    )
    table["score"] = table["score"].mask(rng.random(n) < 0.1)
    return table.assign(score_upper=table["score"].replace(7, 8))


class TestDensity:
    """The compiled density against the PyMC model, which shares no code with it."""

    @pytest.mark.parametrize("options", COMBINATIONS)
    @pytest.mark.parametrize(
        ("family", "link"),
        [("cumulative", "logit"), ("cumulative", "probit"), ("sratio", "cloglog"),
         ("cratio", "loglog"), ("acat", "cauchit")],
    )  # fmt: skip
    def test_value_and_gradient_equal_those_of_pymc(self, survey, options, family, link):
        model = npsr.OrdinalModel(counts=survey, family=family, link=link, **options)
        parts = (model.design, model.family, model.cutpoints, model.posterior.numbers)
        plain = plain_geometries(model.design, model.cutpoints)
        arrays = posterior_arrays(*parts, plain)
        # Bent coordinates of sticks are another choice of the sampler, not of the model.
        arrays.warp[2:] = 0.0
        graph = pymc_model.build(*parts, plain)
        logp = graph.compile_logp(mode="FAST_COMPILE")
        generator = np.random.default_rng(3)
        ours, theirs, gradient = [], [], np.empty(arrays.starts[-1])
        for _ in range(3):
            free = 0.2 * generator.normal(size=arrays.starts[-1])
            ours.append(log_density(free, gradient, arrays))
            theirs.append(float(logp(pymc_point(graph, free * arrays.units))))
        # Coefficients of standardised predictors: a constant volume.
        volume = np.log(arrays.units).sum()
        np.testing.assert_allclose(np.array(ours) - volume, theirs, rtol=1e-9, atol=1e-9)

    @pytest.mark.parametrize("priors", [npsr.Priors(), SPARSE])
    def test_the_gradient_is_that_of_the_value(self, survey, priors):
        model = npsr.OrdinalModel(counts=survey, **EVERYTHING, priors=priors)
        arrays = model.posterior.arrays
        free = 0.2 * np.random.default_rng(3).normal(size=arrays.starts[-1])
        gradient, unused = np.empty_like(free), np.empty_like(free)
        log_density(free, gradient, arrays)
        step = 1e-5 * np.eye(len(free))
        numeric = [
            (log_density(free + e, unused, arrays) - log_density(free - e, unused, arrays)) / 2e-5
            for e in step
        ]
        np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-5)

    @pytest.mark.parametrize("concentration", [0.15, 1.0, 2.5])
    def test_steps_have_the_density_of_scipy_in_the_sampler_coordinates(
        self, survey, concentration
    ):
        priors = npsr.Priors(step_concentration=concentration)
        posterior = npsr.OrdinalModel("score ~ mo(step)", survey, priors=priors).posterior
        arrays = without_answers(posterior.arrays)
        start, values, expected = np.zeros(arrays.starts[-1]), [], []
        own = slice(arrays.starts[STEPS], arrays.starts[STEPS + 1])

        def shares(coordinates):
            free = start.copy()
            free[own] = coordinates
            return posterior.parameters(free[None, None])["steps_step"].to_numpy()[0, 0]

        for at in ([0.0, 0.0], [-3.0, 1.0], [2.0, -4.0]):
            start[own] = at
            values.append(log_density(start, np.empty_like(start), arrays))
            jacobian = optimize.approx_fprime(at, lambda x: shares(x)[:-1], 1e-7)
            density = stats.dirichlet.logpdf(shares(at), np.full(3, concentration))
            expected.append(density + np.linalg.slogdet(jacobian)[1])
        np.testing.assert_allclose(np.diff(values), np.diff(expected), atol=1e-5)

    def test_rows_and_counts_have_the_same_density(self, sfo):
        rows = sfo.loc[sfo.index.repeat(sfo["n"])].drop(columns=["n", "weight", "weight_squared"])
        both = [npsr.OrdinalModel("score ~ year + problem", each) for each in (sfo, rows)]
        free = np.random.default_rng(5).normal(size=13)
        values = [log_density(free, np.empty(13), each.posterior.arrays) for each in both]
        assert values[0] == pytest.approx(values[1], abs=1e-9)

    @pytest.mark.parametrize("link", ["logit", "probit", "cloglog", "loglog", "cauchit"])
    @pytest.mark.parametrize("size", [1.0, 100.0, 800.0])
    def test_gradients_stay_finite(self, sfo, link, size):
        arrays = npsr.OrdinalModel("score ~ year + problem", sfo, link=link).posterior.arrays
        free = np.zeros(13)
        free[10:] = size * np.array([1.0, -1.0, 0.5])
        gradient = np.empty(13)
        assert log_density(free, gradient, arrays) < 0
        assert np.isfinite(gradient).all()

    def test_a_negative_probability_has_no_density(self, sfo):
        arrays = npsr.OrdinalModel("score ~ problem", sfo, nps_cuts="~ problem").posterior.arrays
        free, gradient = np.zeros(arrays.starts[-1]), np.empty(arrays.starts[-1])
        free[-2:] = 50.0
        assert log_density(free, gradient, arrays) == -np.inf
        assert not np.isnan(gradient).any()


def pymc_point(graph, free):
    """The free vector, cut into the value variables of the PyMC model."""
    order = ["sticks", "cutpoint_centre", "log_widths", "coefficients", "raw_steps",
             "scale_coefficients", "cut_coefficients", "sd_team", "raw_team",
             "sd_x|team", "raw_x|team", "cutpoint_sd", "raw_cutpoints", "no_answer"]  # fmt: skip
    shapes = {name: np.shape(value) for name, value in graph.initial_point().items()}

    def rank(name):
        bare = name.removesuffix("__").removesuffix("_log").removesuffix("_informed")
        return next(i for i, each in enumerate(order) if bare in {each, f"{each}_step"})

    point, start = {}, 0
    for name in sorted(shapes, key=rank):
        size = int(np.prod(shapes[name]))
        point[name] = free[start : start + size].reshape(shapes[name])
        if name == "raw_cutpoints":
            groups, cuts = shapes[name]
            point[name] = free[start : start + size].reshape(cuts, groups).T
        start += size
    assert start == len(free)
    return point


class TestGroupGeometry:
    """The coordinates of group effects change how the sampler moves, not what it finds."""

    def test_the_common_shift_is_left_to_the_prior(self, agents):
        arrays = npsr.OrdinalModel("score ~ (1 | agent)", agents).posterior.arrays
        basis = arrays.basis.reshape(6, 6)
        assert arrays.information[0] == pytest.approx(0, abs=1e-9)
        assert np.ptp(basis[:, 0]) < 1e-9
        np.testing.assert_allclose(basis @ basis.T, np.eye(6), atol=1e-12)

    def test_another_geometry_gives_the_same_posterior(self, agents, monkeypatch):
        informed = npsr.OrdinalModel("score ~ tenure + (tenure | agent)", agents)
        first = informed.fit(random_seed=1, progressbar=False)
        other = GroupGeometry(np.eye(6), np.full(6, 1.0), np.linspace(-1, 1, 6), np.zeros((11, 6)))
        monkeypatch.setattr(posterior, "group_geometries", lambda *_: [other, other])
        model = npsr.OrdinalModel("score ~ tenure + (tenure | agent)", agents)
        one = first.summary()
        two = model.fit(4000, random_seed=2, progressbar=False).summary()
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


class TestExtensions:
    """Each part of a model, from data simulated with known parameters."""

    def test_new_answers_are_fitted_without_compilation(self, sfo, fitted):
        half = sfo.assign(n=(sfo["n"] + 1) // 2)
        refitted = fitted.refit(half, random_seed=4)
        assert refitted.design.counts.sum() == half["n"].sum()
        assert refitted.convergence.converged
        assert refitted.settings["random_seed"] == 4

    def test_laplace_agrees_with_nuts_and_reports_its_k(self, sfo):
        model = npsr.OrdinalModel("score ~ year + problem", sfo)
        exact = model.fit(random_seed=1, progressbar=False).summary()
        quick = model.fit(method="laplace", random_seed=1)
        table = quick.summary()
        assert quick.convergence.pareto_k < 0.5
        assert ((table["mean"] - exact["mean"]).abs() < 0.1 * exact["sd"]).all()
        np.testing.assert_allclose(table["sd"], exact["sd"], rtol=0.1)

    def test_laplace_warns_where_it_is_no_approximation(self, sfo):
        model = npsr.OrdinalModel("score ~ 1", sfo, category_specific="~ problem")
        with pytest.warns(ConvergenceWarning, match=r'NOT reliable.*method="nuts"'):
            model.fit(method="laplace", random_seed=1)

    @pytest.mark.parametrize("name", ["sratio", "cratio", "acat"])
    def test_families_keep_the_raw_nps_of_a_saturated_model(self, sfo, name):
        fit = npsr.OrdinalModel("score ~ year", sfo, family=name, category_specific=None).fit(
            random_seed=3, progressbar=False
        )
        assert float(fit.nps().mean()) == pytest.approx(35.5, abs=0.7)

    def test_cut_specific_effects_reach_the_raw_shares(self, sfo):
        model = npsr.OrdinalModel("score ~ 1", sfo, category_specific="~ year")
        # Few people gave the lowest scores: some trajectories meet the border of the allowed.
        fit = model.fit(target_accept=0.99, random_seed=3, progressbar=False)
        observed = fit.observed_counts("year")
        shares = observed / observed.sum("score")
        found = fit.score_probabilities("year").mean(CHAINS_AND_DRAWS)
        np.testing.assert_allclose(found, shares, atol=0.004)

    def test_nps_cuts_reach_the_raw_nps_of_every_group(self, sfo):
        model = npsr.OrdinalModel("score ~ problem", sfo, nps_cuts="~ problem")
        fit = model.fit(random_seed=3, progressbar=False)
        raw = npsr.nps(sfo, "problem")["nps"]
        found = fit.nps("problem").mean(CHAINS_AND_DRAWS).to_series()
        assert found["no"] == pytest.approx(raw["no"], abs=0.5)
        assert found["yes"] == pytest.approx(raw["yes"], abs=1.5)

    def test_cutpoints_by_group_stay_ordered_and_follow_the_answers(self, sfo):
        model = npsr.OrdinalModel("score ~ year", sfo, cutpoints_by="language")
        prior = model.prior(500, random_seed=1).parameters["group_cutpoints"]
        assert bool((prior.diff("cutpoint") >= 0).all())
        fit = model.fit(random_seed=3, progressbar=False)
        raw = npsr.nps(sfo, "language")["nps"]
        found = fit.nps("language").mean(CHAINS_AND_DRAWS).to_series()
        assert found["English"] == pytest.approx(raw["English"], abs=0.7)

    def test_the_hurdle_gives_the_share_that_does_not_answer(self):
        counts = pd.DataFrame(
            {"mode": ["a", "a", "b", "b"], "score": [9, None, 9, None], "n": [60, 40, 90, 10]}
        )
        model = npsr.OrdinalModel("score ~ 1", counts, no_answer="~ mode")
        fit = model.fit(random_seed=1, progressbar=False)
        rate = fit.no_answer_rate("mode").mean(CHAINS_AND_DRAWS)
        np.testing.assert_allclose(rate, [0.4, 0.1], atol=0.02)

    def test_monotonic_steps_have_one_direction(self, survey):
        fit = npsr.OrdinalModel("score ~ mo(step)", survey).fit(random_seed=1, progressbar=False)
        steps = fit.parameters["steps_step"]
        assert steps.dims == ("chain", "draw", "step_step")
        np.testing.assert_allclose(steps.sum("step_step"), 1.0, atol=1e-12)
        assert bool((steps >= 0).all())

    def test_sparse_steps_have_the_posterior_of_weighted_prior_draws(self):
        """Brute force: 500,000 draws from the prior by numpy, weighted by their likelihood."""
        rows = {"x": [1, 2, 3, 4] * 2, "score": [0] * 4 + [1] * 4}
        table = pd.DataFrame(rows | {"n": [6, 9, 30, 38, 5, 6, 5, 3]})
        priors = npsr.Priors(concentration=(1.0, 1.0), step_concentration=0.2)
        fit = npsr.OrdinalModel(
            "score ~ mo(x)", table, rating_scale=npsr.RatingScale(0, 1, 0, 1), priors=priors
        ).fit(2000, random_seed=1, progressbar=False)
        generator, size = np.random.default_rng(2), 500_000
        steps = generator.dirichlet(np.full(3, 0.2), size)
        effect = generator.normal(0, np.pi / np.sqrt(3), size)[:, None]
        levels = effect * np.insert(np.cumsum(steps, axis=1), 0, 0.0, axis=1)
        stays, leaves = (table["n"].to_numpy()[part] for part in (slice(4), slice(4, 8)))
        eta = levels - (levels @ (stays + leaves) / table["n"].sum())[:, None]
        eta += special.logit(generator.beta(1, 1, size))[:, None]
        log_weight = special.log_expit(eta) @ leaves + special.log_expit(-eta) @ stays
        weight = np.exp(log_weight - special.logsumexp(log_weight))
        exact, summary = weight @ steps, fit.summary()
        spread = np.sqrt(weight @ (steps - exact) ** 2)
        # Both sides are samples.
        error = spread * np.sqrt((weight**2).sum() + 1 / summary["ess_bulk"].min())
        found = fit.parameters["steps_x"].mean(CHAINS_AND_DRAWS).to_numpy()
        assert np.abs((found - exact) / error).max() < 4
        assert error.max() < 0.02

    def test_intervals_are_between_their_ends(self):
        exact = pd.DataFrame({"score": [5, 7, 8, 10], "n": [10, 20, 20, 10]})
        mixed = pd.DataFrame({"score": [5, 7, 10], "score_upper": [5, 8, 10], "n": [10, 40, 10]})
        first, second = (
            npsr.OrdinalModel("score ~ 1", each).fit(random_seed=1, progressbar=False)
            for each in (exact, mixed)
        )
        both = [fit.score_probabilities().sel(score=[7, 8]).sum("score") for fit in (first, second)]
        assert float(both[0].mean()) == pytest.approx(float(both[1].mean()), abs=0.01)
        assert float(second.nps().mean()) == pytest.approx(float(first.nps().mean()), abs=1.0)

    def test_a_separable_design_has_a_regularised_answer(self):
        counts = pd.DataFrame({"group": ["a", "b"], "score": [0, 10], "n": [30, 30]})
        fit = npsr.OrdinalModel("score ~ group", counts).fit(random_seed=1, progressbar=False)
        assert fit.convergence.converged
        assert fit.summary().loc["group[b]", "mean"] > 3

    def test_collinear_predictors_have_an_answer_from_the_prior(self, sfo):
        counts = sfo.assign(again=sfo["year"])
        fit = npsr.OrdinalModel("score ~ year + again", counts).fit(
            random_seed=1, progressbar=False
        )
        total = fit.parameters["coefficients"].sum("term")
        assert float(total.mean()) == pytest.approx(-0.219, abs=0.02)

    def test_a_saved_fit_comes_back(self, survey, tmp_path):
        priors = npsr.Priors(
            terms={"x": (0.1, 2.0)}, cutpoints=npsr.StudentT(4.0, 0.0, 2.0), step_concentration=0.3
        )
        model = npsr.OrdinalModel("score ~ x + (1 | team)", survey, priors=priors)
        fit = model.fit(random_seed=1, progressbar=False)
        fit.save(tmp_path / "fit.npsr")
        loaded = npsr.load_fit(tmp_path / "fit.npsr")
        assert loaded.model.priors == priors
        assert bool((loaded.nps("team") == fit.nps("team")).all())
        pd.testing.assert_frame_equal(loaded.summary(), fit.summary())

    def test_priors_saved_before_steps_had_a_concentration_come_back(self):
        fields = asdict(npsr.Priors())
        del fields["step_concentration"]
        assert priors_from(fields) == npsr.Priors()

    def test_fits_are_compared_on_the_same_respondents(self, sfo):
        fits = {
            formula: npsr.OrdinalModel(formula, sfo).fit(random_seed=1, progressbar=False)
            for formula in ("score ~ year", "score ~ year + problem")
        }
        table = npsr.compare(fits)
        assert table.index[0] == "score ~ year + problem"

    def test_a_term_without_a_prior_is_named(self, sfo):
        model = npsr.OrdinalModel("score ~ year", sfo, priors=npsr.Priors(terms={"yaer": 1.0}))
        with pytest.raises(ValueError, match="yaer"):
            model.prior(10)

    def test_priors_are_overridden_by_name(self, sfo):
        priors = npsr.Priors(terms={"year[2018]": (0.3, 0.01)})
        fit = npsr.OrdinalModel("score ~ year", sfo, priors=priors).fit(
            random_seed=1, progressbar=False
        )
        assert fit.summary().loc["year[2018]", "mean"] == pytest.approx(0.28, abs=0.03)

    def test_prior_sensitivity_finds_the_strong_prior(self, sfo):
        weak = npsr.OrdinalModel("score ~ year", sfo).fit(random_seed=1, progressbar=False)
        priors = npsr.Priors(terms={"year[2018]": (0.3, 0.05)})
        strong = npsr.OrdinalModel("score ~ year", sfo, priors=priors).fit(
            random_seed=1, progressbar=False
        )
        row = "year[2018]"
        assert weak.prior_sensitivity().loc[row, "prior"] < 0.05
        assert strong.prior_sensitivity().loc[row, "prior"] > 0.05
