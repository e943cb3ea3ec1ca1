"""Maximum likelihood against R's ordinal, 50-digit derivatives, closed forms and bad data."""

import exact
import numpy as np
import pandas as pd
import published
import pytest
from exact import MP
from published import SCALES, counts_of, reference_models
from scipy import integrate, optimize, special, stats

import nps_research as npsr
from nps_research.ordinal.families import FAMILIES, Family
from nps_research.ordinal.links import LINK_NAMES
from nps_research.ordinal.maximum_likelihood import EstimationWarning

PRINTED = 5e-5  # half a unit of the fourth decimal
CAUCHIT = "wine-score ~ temp + contact-cauchit"
LAPLACE = "wine by judge-score ~ temp + contact + (1|judge)-logit-1 point"


WINE_CELLS = [
    (temp == "warm", contact == "yes", answers)
    for temp, contact, *answers in published.PUBLISHED["wine"].answers.cells
]
REFERENCE_MODELS = {str(each): each for each in reference_models()}


def wine(formula="score ~ temp + contact", counts=None, **options):
    counts = counts_of("wine") if counts is None else counts
    return npsr.OrdinalModel(formula, counts, rating_scale=SCALES["wine"], **options)


def agrees(found, printed, tolerance):
    found, printed = np.asarray(found)[: len(printed)], np.asarray(printed)
    known = ~np.isnan(printed)
    np.testing.assert_allclose(found[known], printed[known], atol=tolerance, rtol=0)


class TestOtherSoftware:
    def test_every_reference_model_is_compared(self):
        assert len(REFERENCE_MODELS) == 22
        assert REFERENCE_MODELS.keys() > {CAUCHIT, LAPLACE}

    @pytest.mark.parametrize("name", sorted(REFERENCE_MODELS.keys() - {CAUCHIT, LAPLACE}))
    def test_reference_models_match(self, name):
        reference = REFERENCE_MODELS[name]
        found = reference.model.maximum_likelihood(quadrature_points=reference.points)
        agrees(found.estimates["estimate"], reference.estimates, PRINTED)
        agrees(found.estimates["se"], reference.errors, PRINTED)
        assert found.log_likelihood == pytest.approx(reference.log_likelihood, abs=1e-6)

    @pytest.mark.parametrize("reference", published.MODELS, ids=str)
    def test_further_models_match(self, reference):
        found = reference.model.maximum_likelihood()
        decimals = len(str(reference.log_likelihood).split(".")[1])
        agrees(found.estimates["estimate"], reference.estimates, PRINTED)
        agrees(found.estimates["se"], reference.errors, PRINTED)
        expected = pytest.approx(reference.log_likelihood, abs=max(0.5 * 10.0**-decimals, 1e-7))
        assert found.log_likelihood == expected

    @pytest.mark.parametrize(
        ("dataset", "formula", "options", "expected"), published.LOG_LIKELIHOODS
    )
    def test_log_likelihoods_match(self, dataset, formula, options, expected):
        model = npsr.OrdinalModel(formula, counts_of(dataset), **options)
        decimals = len(str(expected).split(".")[1])
        found = model.maximum_likelihood().log_likelihood
        assert found == pytest.approx(expected, abs=0.5 * 10.0**-decimals + 1e-9)

    @pytest.mark.parametrize(
        ("dataset", "formula", "argument", "term", "expected"), published.RATIOS
    )
    def test_likelihood_ratios_match(self, dataset, formula, argument, term, expected):
        terms = formula.removeprefix("score ~ ").split(" + ")
        left = [each for each in terms if argument == "scale" or each != term]
        options = {argument: f"~ {term}"}
        plain = npsr.OrdinalModel(formula, counts_of(dataset)).maximum_likelihood()
        wider = npsr.OrdinalModel(
            f"score ~ {' + '.join(left)}", counts_of(dataset), **options
        ).maximum_likelihood()
        decimals = len(str(expected).split(".")[1])
        found = 2 * (wider.log_likelihood - plain.log_likelihood)
        assert found == pytest.approx(expected, abs=0.5 * 10.0**-decimals + 1e-7)

    def test_equidistant_cutpoints_match(self):
        found = wine(cutpoints="equidistant").maximum_likelihood().estimates["estimate"]
        agrees(np.diff(found.iloc[:4]), [2.1229] * 3, PRINTED)
        agrees(found.iloc[[0, 4, 5]], [-1.0010, 2.4632, 1.5080], PRINTED)

    def test_symmetric_cutpoints_match(self):
        found = wine(cutpoints="symmetric").maximum_likelihood().estimates["estimate"]
        agrees(found.iloc[4:], [2.4799, 1.5089], PRINTED)
        low, _, high = np.diff(found.iloc[:4])
        assert low == pytest.approx(high)

    def test_aic_matches_polr(self):
        assert wine().maximum_likelihood().aic == pytest.approx(184.9838, abs=PRINTED)
        formula = "score ~ influence + type + contact"
        found = npsr.OrdinalModel(formula, counts_of("housing")).maximum_likelihood()
        assert found.aic == pytest.approx(3495.149, abs=5e-4)

    @pytest.mark.parametrize(
        ("movie", "mean", "sd"),
        [
            ("5", 6.4999, 4.8500),
            ("6", 5.2259, 1.7503),
            ("16", 6.6399, 1.9712),
            ("30", 12.2261, 5.2362),
            ("31", 3.1750, 2.2814),
        ],
    )
    def test_all_36_movies_match_on_the_rating_scale(self, movie, mean, sd):
        model = npsr.OrdinalModel(
            "score ~ movie", counts_of("movies"), link="probit", scale="~ movie"
        )
        found = model.maximum_likelihood().estimates["estimate"]
        first, last = found["cutpoint[1|2]"], found["cutpoint[4|5]"]
        unit = 3.0 / (last - first)  # the outer cutpoints lie at 1.5 and 4.5
        assert 1.5 + unit * (found[f"movie[{movie}]"] - first) == pytest.approx(mean, abs=PRINTED)
        assert unit * np.exp(found[f"scale[movie[{movie}]]"]) == pytest.approx(sd, abs=PRINTED)

    @pytest.mark.parametrize(
        ("warm", "yes", "shares", "errors"),
        [
            (0, 0, [0.2068, 0.5706, 0.1923, 0.0236, 0.0067], [848, 868, 639, 138, 48]),
            (1, 0, [0.0209, 0.2014, 0.5016, 0.2005, 0.0756], [132, 723, 750, 676, 378]),
            (0, 1, [0.0535, 0.3776, 0.4431, 0.0958, 0.0299], [298, 885, 794, 426, 173]),
            (1, 1, [0.0046, 0.0538, 0.3042, 0.3636, 0.2738], [35, 267, 781, 867, 913]),
        ],
    )
    def test_fitted_shares_and_their_errors_match(self, warm, yes, shares, errors):
        """Only with the right covariances of cutpoints and coefficients."""
        found = wine().maximum_likelihood()
        at = found.estimates["estimate"].to_numpy()

        def fitted(estimates):
            z = estimates[:4] - estimates[4:] @ (warm, yes)
            return np.exp(Family("cumulative", "logit").log_probabilities(z))

        step = 1e-6 * np.eye(6)
        slopes = np.array([(fitted(at + d) - fitted(at - d)) / 2e-6 for d in step])
        covariance = slopes.T @ found.covariance.to_numpy() @ slopes
        agrees(fitted(at), shares, PRINTED)
        agrees(np.sqrt(np.diag(covariance)), 1e-4 * np.array(errors), PRINTED)


class TestWhereRDiffers:
    """Two log-likelihoods of R are not those of the model that they name."""

    def test_cauchit_of_ordinal_ends_the_scale_at_100000(self):
        """A Cauchy distribution has 3e-6 of its mass beyond it: 2.8e-4 of log-likelihood here."""
        reference = REFERENCE_MODELS[CAUCHIT]
        at_r = reference.estimates
        ends = (-100_000, 100_000)
        with_ends = log_likelihood("cumulative", "cauchit", at_r, ends)
        assert float(with_ends) == pytest.approx(reference.log_likelihood, abs=1e-8)
        assert np.abs(gradient("cumulative", "cauchit", at_r, ends)).max() < 1e-7
        assert np.abs(gradient("cumulative", "cauchit", at_r)).max() > 1e-5
        found = reference.model.maximum_likelihood()
        assert found.log_likelihood > float(log_likelihood("cumulative", "cauchit", at_r))
        agrees(found.estimates["estimate"], at_r, 2e-4)

    def test_laplace_of_clmm_is_off_its_own_approximation(self):
        """By 3e-6, since its search for the modes stops early; estimates agree all the same."""
        reference = REFERENCE_MODELS[LAPLACE]
        found = reference.model.maximum_likelihood(quadrature_points=1)
        agrees(found.estimates["estimate"], reference.estimates, PRINTED)
        agrees(found.estimates["se"], reference.errors, PRINTED)
        at_r = [*reference.estimates, 1.1311]
        ours = found.estimates["estimate"].to_numpy()
        assert found.log_likelihood == pytest.approx(laplace(ours), abs=5e-8)
        assert laplace(at_r) == pytest.approx(laplace(ours), abs=1e-7)
        assert reference.log_likelihood == pytest.approx(laplace(at_r), abs=5e-6)


def laplace(parameters):
    """Laplace's approximation for judged wine, from its definition."""
    counts = counts_of("wine by judge")
    cutpoints, warm, yes, sd = parameters[:4], *parameters[4:7]
    edges = np.array([-np.inf, *cutpoints, np.inf])
    total = 0.0
    for _, group in counts.groupby("judge"):
        eta = warm * (group["temp"] == "warm") + yes * (group["contact"] == "yes")
        upper, lower = edges[group["score"]] - eta, edges[group["score"] - 1] - eta

        def cost(effect, upper=upper, lower=lower, n=group["n"]):
            p = special.expit(upper - sd * effect) - special.expit(lower - sd * effect)
            return 0.5 * effect**2 - n @ np.log(p)

        mode = optimize.minimize_scalar(cost, bracket=(-1, 1), tol=1e-12).x
        around = [cost(mode + 1e-3 * step) for step in (-2, -1, 0, 1, 2)]
        curvature = np.array([-1, 16, -30, 16, -1]) @ around / 12e-6
        total -= cost(mode) + 0.5 * np.log(curvature)
    return total


def log_likelihood(family, link, parameters, ends=None):
    """Log-likelihood of wine in 50 digits; `ends` are cutpoints below and above all scores."""
    parameters = [MP.mpf(each) for each in parameters]
    total = MP.mpf(0)
    for warm, yes, answers in WINE_CELLS:
        eta = parameters[4] * warm + parameters[5] * yes
        z = [cutpoint - eta for cutpoint in parameters[:4]]
        edges = [ends[0], *z, ends[1]] if ends else z
        p = exact.probabilities(family, link, edges)[slice(1, -1) if ends else slice(None)]
        total += MP.fsum(n * MP.log(share) for n, share in zip(answers, p, strict=True) if n)
    return total


def gradient(family, link, parameters, ends=None):
    at, h = [MP.mpf(each) for each in parameters], MP.mpf(10) ** -15
    slopes = []
    for i in range(len(at)):
        up, down = ([*at[:i], at[i] + d, *at[i + 1 :]] for d in (h, -h))
        values = [log_likelihood(family, link, each, ends) for each in (up, down)]
        slopes.append((values[0] - values[1]) / (2 * h))
    return np.array(slopes)


class TestFiftyDigits:
    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("link", LINK_NAMES)
    def test_the_log_likelihood_and_its_maximum_are_exact(self, family, link):
        found = wine(family=family, link=link).maximum_likelihood()
        at = found.estimates["estimate"].to_numpy()
        assert found.log_likelihood == pytest.approx(float(log_likelihood(family, link, at)), 1e-12)
        distance = found.covariance.to_numpy() @ gradient(family, link, at).astype(float)
        assert np.abs(distance / found.estimates["se"]).max() < 1e-6

    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("link", LINK_NAMES)
    def test_the_covariance_is_the_inverse_information(self, family, link):
        found = wine(family=family, link=link).maximum_likelihood()
        at, h = found.estimates["estimate"].to_numpy(), 1e-10
        here = gradient(family, link, at)
        rows = [here - gradient(family, link, at + step) for step in h * np.eye(6)]
        information = np.array(rows).astype(float) / h
        np.testing.assert_allclose(found.covariance @ information, np.eye(6), atol=1e-6)


class TestClosedForms:
    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("link", LINK_NAMES)
    def test_an_effect_on_every_cut_gives_the_observed_shares(self, family, link):
        counts = np.array([[3, 8, 5, 9], [6, 2, 7, 4]])
        table = pd.DataFrame(
            [(g, k + 1, counts[i, k]) for i, g in enumerate("ab") for k in range(4)],
            columns=["group", "score", "n"],
        )
        model = npsr.OrdinalModel(
            "score ~ 1",
            table,
            rating_scale=npsr.RatingScale(1, 4, 2, 4),
            family=family,
            link=link,
            category_specific="~ group",
        )
        expected = special.xlogy(counts, counts / counts.sum(axis=1, keepdims=True)).sum()
        assert model.maximum_likelihood().log_likelihood == pytest.approx(expected, abs=1e-9)

    def test_intervals_share_their_answers_between_their_scores(self):
        table = pd.DataFrame(
            {"score": [1, 2, 3, 1], "score_upper": [1, 2, 3, 2], "n": [10, 30, 20, 12]}
        )
        model = npsr.OrdinalModel("score ~ 1", table, rating_scale=npsr.RatingScale(1, 3, 1, 3))
        found = model.maximum_likelihood().estimates["estimate"]
        above = 20 / 72
        expected = special.logit([(1 - above) * 10 / 40, 1 - above])
        np.testing.assert_allclose(found, expected, atol=1e-8)

    def test_who_does_not_answer_is_a_logistic_regression_of_its_own(self):
        rows = [("a", 3, 20), ("a", 9, 30), ("a", pd.NA, 10), ("b", 3, 5), ("b", 9, 9)]
        table = pd.DataFrame([*rows, ("b", pd.NA, 20)], columns=["mode", "score", "n"])
        model = npsr.OrdinalModel("score ~ mode", table, no_answer="~ mode")
        plain = npsr.OrdinalModel("score ~ mode", table).maximum_likelihood()
        found = model.maximum_likelihood()
        hurdle = found.estimates["estimate"][["no_answer[Intercept]", "no_answer[mode[b]]"]]
        np.testing.assert_allclose(hurdle, np.log([10 / 50, (20 / 14) / (10 / 50)]), atol=1e-8)
        answered = stats.binom.logpmf([10, 20], [60, 34], [10 / 60, 20 / 34])
        ways = np.log(special.comb([60, 34], [10, 20]))
        expected = plain.log_likelihood + (answered - ways).sum()
        assert found.log_likelihood == pytest.approx(expected, abs=1e-9)

    @pytest.mark.parametrize("link", LINK_NAMES)
    def test_a_group_intercept_is_integrated_out(self, link):
        counts = pd.DataFrame({"g": list("aabbb"), "score": [1, 2, 2, 3, 1], "n": [3, 4, 2, 6, 1]})
        model = npsr.OrdinalModel(
            "score ~ (1 | g)", counts, rating_scale=npsr.RatingScale(1, 3, 1, 3), link=link
        )
        found = model.maximum_likelihood(quadrature_points=40)
        *cutpoints, sd = found.estimates["estimate"]
        grid = np.linspace(-9, 9, 8001)
        z = np.array(cutpoints) - sd * grid[:, None]
        log_p = Family("cumulative", link).log_probabilities(z)
        expected = 0.0
        for cell in counts.pivot_table("n", "g", "score", fill_value=0).to_numpy():
            total = integrate.simpson(np.exp(log_p @ cell) * stats.norm.pdf(grid), x=grid)
            expected += np.log(total)
        assert found.log_likelihood == pytest.approx(expected, abs=1e-6)


class TestInvariance:
    @pytest.mark.parametrize(
        ("group", "centre", "unit"),
        [
            *[("", 2017.0, 1.0), ("", 0.0, 1e6), ("", 0.0, 1e-8), ("", 201700.0, 1.0)],
            *[(" + (1 | language)", 201700.0, 1.0), (" + (1 | language)", 0.0, 1e-8)],
        ],
    )
    def test_units_of_a_predictor_do_not_matter(self, group, centre, unit):
        counts = npsr.load_counts("sfo_airport")
        plain = counts.assign(x=(counts["year"] == "2018").astype(float))
        other = plain.assign(x=centre + unit * plain["x"])
        one, two = (
            npsr.OrdinalModel(f"score ~ x{group}", table).maximum_likelihood()
            for table in (plain, other)
        )
        scaled = unit * two.estimates.loc["x"]
        np.testing.assert_allclose(scaled, one.estimates.loc["x"], rtol=1e-5)
        assert two.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-6)

    @pytest.mark.parametrize("options", [{}, {"scale": "~ temp"}, {"family": "acat"}])
    def test_order_of_rows_does_not_matter(self, options):
        shuffled = counts_of("wine").sample(frac=1.0, random_state=1)
        first = wine(**options).maximum_likelihood()
        second = wine(counts=shuffled, **options).maximum_likelihood()
        found = second.estimates.loc[first.estimates.index]
        pd.testing.assert_frame_equal(first.estimates, found, rtol=1e-6)

    @pytest.mark.parametrize("options", [{}, {"scale": "~ temp"}, {"family": "acat"}])
    def test_rows_and_counts_are_the_same(self, options):
        counts = counts_of("wine")
        rows = counts.loc[counts.index.repeat(counts["n"])].drop(columns="n")
        first = wine(**options).maximum_likelihood()
        second = wine(counts=rows, **options).maximum_likelihood()
        assert first.log_likelihood == pytest.approx(second.log_likelihood, abs=1e-9)
        pd.testing.assert_frame_equal(first.estimates, second.estimates, rtol=1e-9)

    def test_scale_of_a_predictor_is_that_of_respondents_not_of_cells(self):
        counts = pd.DataFrame(
            {"x": [0.0, 0.0, 1.0, 5.0], "score": [3, 9, 8, 10], "n": [50, 40, 9, 2]}
        )
        rows = counts.loc[counts.index.repeat(counts["n"])].drop(columns="n")
        first, second = (
            npsr.OrdinalModel("score ~ scale(x)", table).maximum_likelihood().estimates
            for table in (counts, rows)
        )
        pd.testing.assert_frame_equal(first, second, rtol=1e-9)

    def test_twice_the_answers_halve_the_variances(self):
        doubled = counts_of("wine").assign(n=2 * counts_of("wine")["n"])
        one, two = wine().maximum_likelihood(), wine(counts=doubled).maximum_likelihood()
        assert two.log_likelihood == pytest.approx(2 * one.log_likelihood, abs=1e-9)
        np.testing.assert_allclose(2 * two.covariance, one.covariance, rtol=1e-6)

    def test_scores_that_nobody_gave_change_nothing(self):
        spread = counts_of("wine").assign(score=2 * counts_of("wine")["score"])
        wide = npsr.OrdinalModel("score ~ temp", spread, rating_scale=npsr.RatingScale(0, 12, 6, 9))
        plain, found = wine("score ~ temp").maximum_likelihood(), wide.maximum_likelihood()
        estimates = found.estimates["estimate"]
        assert found.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-9)
        assert (estimates["cutpoint[0|1]"], estimates["cutpoint[10|11]"]) == (-np.inf, np.inf)
        assert estimates["cutpoint[4|5]"] == estimates["cutpoint[5|6]"]
        assert estimates["temp[warm]"] == pytest.approx(
            plain.estimates.loc["temp[warm]", "estimate"]
        )


class TestBadData:
    def test_a_term_without_a_maximum_at_some_cuts_is_named(self):
        """R's ordinal finds the Hessian of wine with nominal = ~ temp singular."""
        with pytest.warns(
            EstimationWarning, match=r"^temp\[warm\]\[1\|2\], temp\[warm\]\[4\|5\]: no"
        ):
            found = wine("score ~ contact", category_specific="~ temp").maximum_likelihood()
        ratio = 2 * (found.log_likelihood - wine().maximum_likelihood().log_likelihood)
        assert ratio == pytest.approx(3.17498, abs=PRINTED)
        finite = found.estimates.loc[["contact[yes]", "temp[warm][2|3]", "temp[warm][3|4]"]]
        assert finite["se"].between(0.4, 0.9).all()

    def test_a_group_at_the_end_of_the_scale_is_named(self):
        counts = pd.DataFrame(
            {"group": list("aabcc"), "score": [3, 9, 10, 3, 9], "n": [20, 30, 15, 12, 8]}
        )
        with pytest.warns(EstimationWarning, match=r"^group\[b\]: no finite logit estimate"):
            found = npsr.OrdinalModel("score ~ group", counts).maximum_likelihood()
        others = counts[counts["group"] != "b"]
        expected = npsr.OrdinalModel("score ~ group", others).maximum_likelihood().estimates
        np.testing.assert_allclose(
            found.estimates.loc["group[c]"], expected.loc["group[c]"], atol=1e-4
        )

    def test_groups_that_do_not_differ_are_reported(self):
        counts = pd.DataFrame({"g": list("aabb"), "score": [3, 9, 3, 9], "n": [40, 60, 40, 60]})
        with pytest.warns(EstimationWarning, match="no more than chance"):
            found = npsr.OrdinalModel("score ~ (1 | g)", counts).maximum_likelihood()
        assert np.isnan(found.estimates.loc["sd(g)", "se"])
        plain = npsr.OrdinalModel("score ~ 1", counts).maximum_likelihood()
        assert found.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-4)

    @pytest.mark.parametrize(
        ("formula", "options", "message"),
        [
            ("score ~ a + b", {}, r"1 of the 2 terms .* others, first '[ab]\[.\]'"),
            ("score ~ a + constant", {}, "'constant' has the same value for everybody"),
            ("score ~ a + x + twice", {}, r"of the others, first '(x|twice)'"),
            ("score ~ 1", {"scale": "~ a + b"}, r"of the others, first 'scale\[[ab]\[.\]\]'"),
            ("score ~ a", {"category_specific": "~ b"}, "linear combinations of the others"),
            ("score ~ (1 | a) + (1 | b)", {}, "takes one group intercept; found a, b in"),
            ("score ~ (x | a)", {}, r"takes one group intercept; found a, x\|a in"),
            ("score ~ mo(level)", {}, r"cannot estimate mo\(\) in 'score ~ mo\(level\)'"),
            ("score ~ 1", {"cutpoints_by": "a"}, "cannot estimate cutpoints_by in"),
            ("score ~ 1", {"family": "acat"}, r"nobody gave \[0, 1, 4, 5, 6, 8, 10\]: adjacent"),
        ],
    )
    def test_models_without_an_estimate_are_refused(self, formula, options, message):
        x = np.array([0.0, 1.0, 5.0, 2.0])
        counts = pd.DataFrame(
            {"a": ["p", "q"] * 2, "b": ["r", "s"] * 2, "x": x, "twice": 2 * x, "constant": 3.0}
        ).assign(level=[0, 1, 2, 1], score=[2, 3, 7, 9], n=[4, 5, 6, 7])
        with pytest.raises(ValueError, match=message):
            npsr.OrdinalModel(formula, counts, **options).maximum_likelihood()

    def test_answers_that_are_all_the_same_are_refused(self):
        model = npsr.OrdinalModel("score ~ 1", pd.DataFrame({"score": [7, 7]}))
        with pytest.raises(ValueError, match="all 2 answers are 7: there is nothing to estimate"):
            model.maximum_likelihood()

    def test_quadrature_needs_a_point(self):
        model = npsr.OrdinalModel("score ~ temp + (1 | judge)", counts_of("wine by judge"))
        with pytest.raises(ValueError, match="quadrature_points must be at least 1; found 0"):
            model.maximum_likelihood(quadrature_points=0)


class TestResult:
    def test_covariance_belongs_to_the_estimated_terms(self):
        found = wine().maximum_likelihood()
        errors = found.estimates.loc[found.covariance.index, "se"]
        np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), errors)
        assert (found.n, found.n_parameters) == (72, 6)

    def test_what_it_shows(self):
        found = wine().maximum_likelihood()
        assert repr(found).startswith("MaximumLikelihood: 72 answers, log-likelihood -86.4919, AIC")
        assert "temp[warm]" in found._repr_html_()
