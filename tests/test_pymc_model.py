"""The PyMC model against plain formulas: loops over cells, with the distributions of scipy."""

from types import SimpleNamespace

import exact
import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import pytest
import xarray as xr
from pytensor.compile.mode import Mode
from scipy import optimize, special, stats

from nps_research.ordinal.design import build_design
from nps_research.ordinal.families import FAMILIES, Family, stick_cutpoints
from nps_research.ordinal.links import LINK_NAMES
from nps_research.ordinal.priors import Normal, Priors, StudentT, prior_numbers
from nps_research.ordinal.pymc_families import log_probabilities, log_stick_slopes
from nps_research.ordinal.pymc_families import stick_cutpoints as symbolic_cutpoints
from nps_research.ordinal.pymc_model import build
from nps_research.ordinal.structures import structure_matrix
from nps_research.scale import RatingScale

# Python functions, one an operation: slow to run, quick to make, and no rewriting of expressions.
QUICK = Mode(linker="py", optimizer="minimum_compile")
DISTRIBUTIONS = {
    "logit": stats.logistic,
    "probit": stats.norm,
    "cloglog": stats.gumbel_l,
    "loglog": stats.gumbel_r,
    "cauchit": stats.cauchy,
}
EVERYTHING = {
    "formula": "score ~ x + mo(effort) + offset(o) + (1 + x | team) + (1 | region)",
    "scale": "~ x",
    "category_specific": "~ w",
    "no_answer": "~ x",
    "cutpoints_by": "region",
}
SCORES = RatingScale(1, 5)

every_family = pytest.mark.parametrize("name", FAMILIES)
every_link = pytest.mark.parametrize("link", LINK_NAMES)


@pytest.fixture(scope="module")
def people():
    """Answers to 1-5, some of them missing and some known to be from 2 to 4."""
    rng, n = np.random.default_rng(1), 40
    score = pd.array(rng.integers(1, 6, n), dtype="Int64")
    score[:5], score[5:9] = pd.NA, 2
    upper = score.copy()
    upper[5:9] = 4
    return pd.DataFrame(
        {
            "x": rng.choice([-1.0, 0.0, 2.0], n),
            "w": rng.choice([0.0, 1.0], n),
            "effort": pd.Categorical(rng.choice(list("abcd"), n), ordered=True),
            "o": rng.choice([0.1, 0.5], n),
            "team": rng.choice(list("pqr"), n),
            "region": rng.choice(["north", "south"], n),
            "score": score,
            "score_upper": upper,
            "n": rng.integers(1, 4, n),
        }
    )


def geometries_of(design, seed=2):
    """Some coordinates of group effects: any are right."""
    rng = np.random.default_rng(seed)
    return [
        SimpleNamespace(
            basis=np.linalg.qr(rng.normal(size=(n, n)))[0],
            information=rng.uniform(0.0, 3.0, n),
            pull=rng.normal(size=n),
        )
        for n in (len(term.levels) for term in design.cells.group_terms)
    ]


class Case:
    """A model with the plain formulas of everything in it."""

    def __init__(self, family, table, priors=None, structure="flexible", **formulas):
        formula = formulas.pop("formula", "score ~ 1")
        self.family, self.structure = family, structure
        self.priors = priors or Priors()
        self.design = build_design(formula, table, SCORES, **formulas)
        self.numbers = prior_numbers(self.priors, self.design, family)
        self.geometries = geometries_of(self.design)
        self.model = build(self.design, family, structure, self.numbers, self.geometries)
        self.distribution = DISTRIBUTIONS[family.link]

    def log_density(self, values):
        """The model's, in terms of the natural parameters."""
        return float(self.model.compile_logp(jacobian=False, mode=QUICK)(self.point(values)))

    def values(self, seed=3, spread=0.4):
        """Some natural parameters."""
        rng = np.random.default_rng(seed)
        shapes = {rv.name: rv.shape.eval() for rv in self.model.free_RVs}
        drawn = {name: rng.normal(scale=spread, size=shape) for name, shape in shapes.items()}
        positive = {name for name in drawn if name.startswith(("sd_", "cutpoint_sd"))}
        return drawn | {name: np.exp(drawn[name]) for name in positive}

    def point(self, values):
        """The same parameters as the sampler sees them."""
        point = {}
        for name, value in values.items():
            key = self.model.rvs_to_values[self.model[name]].name
            point[key] = np.log(value) if key.endswith("log__") else value
        for term, geometry in zip(self.design.cells.group_terms, self.geometries, strict=True):
            sd = values[f"sd_{term.label}"]
            shrunk = 1.0 / (geometry.information + sd**-2.0)
            mean = geometry.pull * shrunk
            raw = values[f"raw_{term.label}"]
            point[f"raw_{term.label}_informed__"] = (raw - mean) / np.sqrt(shrunk)
        return point

    def reported(self, values, *names):
        variables = self.model.replace_rvs_by_values([self.model[name] for name in names])
        inputs = self.model.value_vars
        compiled = self.model.compile_fn(
            variables, inputs=inputs, mode=QUICK, on_unused_input="ignore"
        )
        return compiled(self.point(values))

    def probabilities(self, z):
        """Category probabilities, straight from the definitions of the families."""
        below, above = self.distribution.cdf, self.distribution.sf
        if self.family.name == "cumulative":
            return np.diff([0.0, *below(z), 1.0])
        stop = below(z) if self.family.name == "sratio" else above(-z)
        go = 1.0 - stop
        if self.family.name == "acat":
            weights = [np.prod(go[:k]) * np.prod(stop[k:]) for k in range(len(z) + 1)]
            return np.array(weights) / np.sum(weights)
        return np.array([np.prod(go[:k]) * np.prod(stop[k : k + 1]) for k in range(len(z) + 1)])

    def cutpoints(self, sticks):
        """Cutpoints with the shares of sticks, by inversion of the definitions."""
        shares = shares_of(sticks)
        if self.family.name == "cumulative":
            return self.distribution.ppf(np.cumsum(shares)[:-1])
        rest = shares[1:] if self.family.name == "acat" else np.cumsum(shares[::-1])[::-1][1:]
        stop = shares[:-1] / (shares[:-1] + rest)
        if self.family.name == "sratio":
            return self.distribution.ppf(stop)
        return -self.distribution.isf(stop)

    def own_cutpoints(self, values):
        if self.structure == "flexible":
            return self.cutpoints(values["sticks"])
        matrix = structure_matrix(self.structure, SCORES.n_categories - 1)
        return values["cutpoint_centre"] + matrix @ np.exp(values["log_widths"])

    def cells(self, values):
        """Eta and shift of cuts in every cell, at the predictors as they are."""
        design, cells = self.design, self.design.cells
        eta, shift = cells.offset.copy(), np.zeros((len(cells), SCORES.n_categories - 1))
        effects = {
            term.label: geometry.basis @ values[f"raw_{term.label}"]
            for term, geometry in zip(cells.group_terms, self.geometries, strict=True)
        }
        for j in range(len(cells)):
            if design.terms:
                eta[j] += cells.predictors[j] @ values["coefficients"]
            for term in cells.monotonic:
                steps = shares_of(values["raw_steps_effort"])
                eta[j] += values["coefficients"][term.position] * steps[: term.codes[j]].sum()
            for term in cells.group_terms:
                eta[j] += term.values[j] * effects[term.label][term.index[j]]
            for i, column in enumerate(design.cut_columns):
                slope = values["cut_coefficients"][i] * design.cut_loadings[i]
                shift[j] += cells.cut_predictors[j, column] * slope
        return eta, shift

    def positions(self, values):
        """Latent positions of the cuts in every cell."""
        cells = self.design.cells
        eta, shift = self.cells(values)
        eta, shift = eta - cells.shares @ eta, shift - cells.shares @ shift
        scale = np.ones(len(cells))
        if self.design.scale_terms:
            scale = np.exp(-cells.scale_predictors @ values["scale_coefficients"])
        rows = []
        for j in range(len(cells)):
            cutpoints = self.own_cutpoints(values)
            if self.design.cutpoint_levels:
                raw = values["raw_cutpoints"][cells.cutpoint_group[j]]
                cutpoints = self.cutpoints(values["sticks"] + values["cutpoint_sd"] * raw)
            rows.append((cutpoints - eta[j] - shift[j]) * scale[j])
        return rows

    def log_likelihood(self, values):
        design, cells = self.design, self.design.cells
        p = [self.probabilities(z) for z in self.positions(values)]
        value = sum(n * np.log(p[j][k]) for (j, k), n in np.ndenumerate(design.counts) if n > 0)
        for (j, low, high), n in zip(design.censored, design.censored_n, strict=True):
            value += n * np.log(p[j][low : high + 1].sum())
        if design.hurdle_terms:
            silent = special.expit(cells.hurdle_predictors @ values["no_answer"])
            value += cells.unanswered @ np.log(silent) + cells.sizes @ np.log1p(-silent)
        return value

    def log_prior(self, values):
        numbers = self.numbers
        value = 0.0
        for name in ("coefficients", "scale_coefficients", "cut_coefficients", "no_answer"):
            if name in values:
                value += stats.norm.logpdf(values[name], *getattr(numbers, name)).sum()
        for term, scale in zip(self.design.cells.group_terms, numbers.group_sd, strict=True):
            sd = values[f"sd_{term.label}"]
            value += stats.halfnorm.logpdf(sd, scale=scale)
            value += stats.norm.logpdf(values[f"raw_{term.label}"], scale=sd).sum()
        if "cutpoint_sd" in values:
            value += stats.halfnorm.logpdf(values["cutpoint_sd"], scale=numbers.cutpoint_sd)
            value += stats.norm.logpdf(values["raw_cutpoints"]).sum()
        if "raw_steps_effort" in values:
            concentration = np.full(3, numbers.step_concentration)
            value += log_dirichlet(values["raw_steps_effort"], concentration)
        return value + self.log_cutpoint_prior(values)

    def log_cutpoint_prior(self, values):
        numbers, prior = self.numbers, self.numbers.cutpoints
        if self.structure != "flexible":
            centre = stats.norm.logpdf(values["cutpoint_centre"], scale=numbers.centre_sd)
            widths = values["log_widths"], numbers.log_width_mean, numbers.log_width_sd
            return centre + stats.norm.logpdf(*widths).sum()
        if prior is None:
            return log_dirichlet(values["sticks"], numbers.dirichlet)
        standard = stats.t(prior.df) if isinstance(prior, StudentT) else stats.norm()
        distance = (self.cutpoints(values["sticks"]) - prior.mean) / prior.sd
        jacobian = optimize.approx_fprime(values["sticks"], self.cutpoints, 1e-7)
        value = (standard.logpdf(distance) - np.log(prior.sd)).sum()
        orders = special.factorial(4) if self.family.name == "cumulative" else 1.0
        return value + np.linalg.slogdet(jacobian)[1] + np.log(orders)


def shares_of(sticks):
    stop = [*special.expit(sticks), 1.0]
    return np.array([stop[k] * np.prod(special.expit(-sticks[:k])) for k in range(len(stop))])


def log_dirichlet(sticks, concentration):
    """Dirichlet density of the shares, times the Jacobian of shares by sticks."""
    jacobian = optimize.approx_fprime(sticks, lambda at: shares_of(at)[:-1], 1e-7)
    shares = shares_of(sticks)
    return stats.dirichlet.logpdf(shares, concentration) + np.linalg.slogdet(jacobian)[1]


class TestDensity:
    @pytest.mark.parametrize(("name", "link"), list(zip(FAMILIES, LINK_NAMES, strict=False)))
    def test_everything_at_once_is_the_sum_of_its_parts(self, people, name, link):
        case = Case(Family(name, link), people, **EVERYTHING)
        # Small cut-specific coefficients keep the cuts in order.
        values = case.values() | {"cut_coefficients": np.array([0.05, -0.1, 0.02, 0.1])}
        expected = case.log_likelihood(values) + case.log_prior(values)
        assert case.log_density(values) == pytest.approx(expected, rel=1e-7)

    def test_cauchit_and_the_nps_cuts(self, people):
        case = Case(Family("cumulative", "cauchit"), people, formula="score ~ x", nps_cuts="~ x")
        values = case.values() | {"cut_coefficients": np.array([0.05, -0.05])}
        expected = case.log_likelihood(values) + case.log_prior(values)
        assert case.log_density(values) == pytest.approx(expected, rel=1e-7)

    @every_family
    @pytest.mark.parametrize("structure", ["equidistant", "symmetric"])
    def test_structured_cutpoints(self, people, name, structure):
        case = Case(Family(name, "probit"), people, structure=structure, formula="score ~ x")
        values = case.values()
        expected = case.log_likelihood(values) + case.log_prior(values)
        assert case.log_density(values) == pytest.approx(expected, rel=1e-7)

    @every_family
    @pytest.mark.parametrize("prior", [Normal(0.3, 1.5), StudentT(3.0, -0.2, 2.5)])
    def test_priors_of_cutpoints(self, people, name, prior):
        case = Case(Family(name, "loglog"), people, Priors(cutpoints=prior))
        values = case.values()
        expected = case.log_likelihood(values) + case.log_prior(values)
        assert case.log_density(values) == pytest.approx(expected, rel=1e-7)

    @pytest.mark.parametrize("concentration", [0.2, 4.0])
    def test_steps_of_any_concentration(self, people, concentration):
        priors = Priors(step_concentration=concentration)
        case = Case(Family("acat", "logit"), people, priors, formula="score ~ mo(effort)")
        values = case.values()
        expected = case.log_likelihood(values) + case.log_prior(values)
        assert case.log_density(values) == pytest.approx(expected, rel=1e-7)

    def test_groups_without_any_answer(self, people):
        table = people.assign(team=people["team"].where(people["score"].notna(), "silent"))
        formulas = {"formula": "score ~ (1 | team)", "no_answer": "~ x", "cutpoints_by": "team"}
        case = Case(Family("cumulative", "logit"), table, **formulas)
        values = case.values()
        expected = case.log_likelihood(values) + case.log_prior(values)
        assert case.design.cells.cutpoint_group.min() == -1
        assert case.log_density(values) == pytest.approx(expected, rel=1e-7)

    def test_a_flat_prior_adds_nothing(self, people):
        family, formula = Family("cumulative", "logit"), "score ~ x + w"
        flat = Case(family, people, Priors(terms={"x": np.inf}), formula=formula)
        proper = Case(family, people, Priors(terms={"x": (1.0, 2.0)}), formula=formula)
        values = flat.values()
        of_x = stats.norm.logpdf(values["coefficients"][0], 1.0, 2.0)
        assert flat.log_density(values) == pytest.approx(proper.log_density(values) - of_x)

    def test_the_sampler_sees_the_jacobian_of_its_coordinates(self, people):
        case = Case(Family("cumulative", "logit"), people, formula="score ~ (1 | team)")
        values, sd = case.values(), case.values()["sd_team"]
        found = case.model.compile_logp(mode=QUICK)(case.point(values))
        shrunk = 1.0 / (case.geometries[0].information + sd**-2.0)
        jacobian = np.log(sd) + 0.5 * np.log(shrunk).sum()
        assert found == pytest.approx(case.log_density(values) + jacobian)

    def test_a_category_of_negative_probability_is_impossible_whether_seen_or_not(self, people):
        seen = people[people["score"].isna() | (people["score"] != 3)]
        case = Case(Family("cumulative", "logit"), seen, category_specific="~ w")
        values = case.values() | {"cut_coefficients": np.array([0.0, 9.0, 0.0, 0.0])}
        assert case.log_density(values) == -np.inf
        gradient = case.model.compile_dlogp(mode=QUICK)(case.point(values))
        assert not np.isnan(gradient).any()

    def test_an_empty_category_between_equal_cutpoints_costs_nothing(self):
        table = pd.DataFrame({"score": [1, 2, 4, 5], "n": [3, 4, 5, 6]})
        case = Case(Family("cumulative", "logit"), table)
        values = {"sticks": np.array([-1.0, 0.5, -50.0, 0.0])}
        expected = case.log_likelihood(values) + log_beta_sticks(values["sticks"], case.numbers)
        assert case.log_density(values) == pytest.approx(expected)

    def test_the_gradient_is_that_of_the_density(self, people):
        case = Case(Family("cumulative", "logit"), people, **EVERYTHING)
        values = case.values() | {"cut_coefficients": np.array([0.05, -0.1, 0.02, 0.1])}
        point = case.point(values)
        gradient = case.model.compile_dlogp(mode=QUICK)(point)
        logp, start, numeric = case.model.compile_logp(mode=QUICK), 0, np.zeros_like(gradient)
        for name in (value.name for value in case.model.continuous_value_vars):
            size = np.size(point[name])
            for i in range(size):
                step = 1e-5 * (np.arange(size) == i).reshape(np.shape(point[name]))
                ends = [logp(point | {name: point[name] + sign * step}) for sign in (1.0, -1.0)]
                numeric[start + i] = (ends[0] - ends[1]) / 2e-5
            start += size
        np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-6)


def log_beta_sticks(sticks, numbers):
    a, b = numbers.dirichlet[:-1], np.cumsum(numbers.dirichlet[::-1])[::-1][1:]
    beta = special.log_expit(sticks) * a + special.log_expit(-sticks) * b - special.betaln(a, b)
    return beta.sum()


@pytest.fixture(scope="module")
def case(people):
    return Case(Family("cumulative", "probit"), people, **EVERYTHING)


class TestReports:
    def test_cutpoints_are_at_predictors_and_effects_of_zero(self, case):
        values, shares = case.values(), case.design.cells.shares
        found, of_groups = case.reported(values, "cutpoints", "group_cutpoints")
        eta, shift = case.cells(values)
        average = shares @ eta + shares @ shift
        np.testing.assert_allclose(found, case.cutpoints(values["sticks"]) + average)
        sticks = values["sticks"] + values["cutpoint_sd"] * values["raw_cutpoints"]
        expected = [case.cutpoints(group) + average for group in sticks]
        np.testing.assert_allclose(of_groups, expected)

    def test_shares_steps_and_effects_are_those_of_their_coordinates(self, case):
        values = case.values()
        shares, steps, effect = case.reported(values, "shares", "steps_effort", "effect_x|team")
        np.testing.assert_allclose(shares, shares_of(values["sticks"]))
        np.testing.assert_allclose(steps, shares_of(values["raw_steps_effort"]))
        np.testing.assert_allclose(effect, case.geometries[1].basis @ values["raw_x|team"])

    def test_dimensions(self, case):
        dims = case.model.named_vars_to_dims
        assert dims["group_cutpoints"] == ("region", "cutpoint")
        assert dims["steps_effort"] == ("step_effort",)
        assert dims["effect_x|team"] == ("team",)
        assert case.model.coords["cut_term"] == tuple(case.design.cut_terms)

    def test_shares_of_structured_cutpoints_are_their_probabilities(self, people):
        case = Case(Family("acat", "probit"), people, structure="symmetric")
        values = case.values()
        (shares,) = case.reported(values, "shares")
        np.testing.assert_allclose(shares, case.probabilities(case.own_cutpoints(values)))


class TestForwardDraws:
    @pytest.mark.parametrize("prior", [None, Normal(), StudentT()])
    def test_cutpoints_of_a_cumulative_model_ascend(self, people, prior):
        case = Case(Family("cumulative", "probit"), people, Priors(cutpoints=prior))
        drawn = pm.draw(case.model["cutpoints"], 50, random_seed=1, mode=QUICK)
        assert (np.diff(drawn) > 0).all()

    @pytest.mark.parametrize(("name", "ordered"), [("cumulative", True), ("acat", False)])
    def test_cutpoints_follow_their_prior(self, people, name, ordered):
        prior = Normal(0.5, 2.0)
        case = Case(Family(name, "logit"), people, Priors(cutpoints=prior))
        drawn = pm.draw(case.model["cutpoints"], 2000, random_seed=2, mode=QUICK)
        # The lowest of four ordered draws has the distribution function 1 - (1 - F)^4.
        uniform = stats.norm.sf(drawn[:, 0], 0.5, 2.0) ** (4 if ordered else 1)
        assert stats.kstest(uniform, "uniform").pvalue > 0.01

    def test_shares_follow_their_dirichlet_prior(self, people):
        case = Case(Family("sratio", "cloglog"), people)
        drawn = pm.draw(case.model["shares"], 2000, random_seed=3, mode=QUICK)
        alpha = case.numbers.dirichlet
        lowest = stats.beta(alpha[0], alpha.sum() - alpha[0])
        assert stats.kstest(drawn[:, 0], lowest.cdf).pvalue > 0.01
        np.testing.assert_allclose(drawn.sum(axis=1), 1.0, rtol=1e-12)

    def test_steps_follow_their_dirichlet_prior(self, people):
        priors = Priors(step_concentration=0.2)
        case = Case(Family("sratio", "logit"), people, priors, formula="score ~ mo(effort)")
        drawn = pm.draw(case.model["steps_effort"], 2000, random_seed=5, mode=QUICK)
        for step in range(3):
            assert stats.kstest(drawn[:, step], stats.beta(0.2, 0.4).cdf).pvalue > 0.01

    def test_simulated_answers_have_the_size_of_their_cells(self, people):
        case = Case(Family("cumulative", "logit"), people, formula="score ~ x", no_answer="~ x")
        names = ("answers", "unanswered")
        answers, silent = pm.draw([case.model[name] for name in names], random_seed=4, mode=QUICK)
        np.testing.assert_array_equal(answers.sum(axis=1), case.design.counts.sum(axis=1))
        invited = case.design.cells.sizes + case.design.cells.unanswered
        assert ((silent >= 0) & (silent <= invited)).all()


def test_log_likelihood_of_draws_can_be_computed(people):
    case = Case(Family("cumulative", "logit"), people, formula="score ~ x")
    values = case.values()
    names = [rv.name for rv in case.model.free_RVs]
    posterior = xr.Dataset(
        {name: (("chain", "draw", f"{name}_dim"), values[name][None, None]) for name in names}
    )
    tree = xr.DataTree.from_dict({"posterior": posterior})
    found = pm.compute_log_likelihood(
        tree, model=case.model, extend_inferencedata=False, progressbar=False
    )
    total = found["answers"].sum()
    uncensored = case.log_likelihood(values) - censored_part(case, values)
    assert float(total) == pytest.approx(uncensored)


def censored_part(case, values):
    p = [case.probabilities(z) for z in case.positions(values)]
    rows = zip(case.design.censored, case.design.censored_n, strict=True)
    return sum(n * np.log(p[j][low : high + 1].sum()) for (j, low, high), n in rows)


@every_family
@every_link
class TestExpressions:
    def test_log_probabilities_and_slopes_are_exact(self, name, link):
        z = np.array([-2.1, -0.3, 0.0, 1.4]) - np.array(
            [[-9.0], [-2.0], [0.0], [0.4], [3.0], [9.0]]
        )
        value, slope = evaluated(Family(name, link), z)
        for row, slopes, at in zip(value, slope, z, strict=True):
            p = exact.probabilities(name, link, at)
            np.testing.assert_allclose(row, [exact.log(each) for each in p], rtol=1e-9, atol=1e-12)
            total = exact.as_doubles(exact.slopes(name, link, at)).sum(axis=0)
            np.testing.assert_allclose(slopes, total, rtol=1e-7, atol=1e-10)

    def test_values_and_slopes_are_finite_far_out(self, name, link):
        eta = np.array([-800.0, -300.0, -38.0, 38.0, 300.0, 800.0])
        value, slope = evaluated(Family(name, link), np.array([-1.0, 0.0, 1.0]) - eta[:, None])
        assert np.isfinite(value).all()
        assert np.isfinite(slope).all()

    def test_cutpoints_of_sticks_and_their_slopes(self, name, link):
        family, sticks = Family(name, link), np.array([-30.0, -1.4, 0.0, 0.7, 20.0])
        cutpoints, jacobian = np.empty(5), np.empty((5, 5))
        stick_cutpoints(family.code, family.link_code, sticks, cutpoints, jacobian)
        symbol = pt.as_tensor(sticks)
        found = symbolic_cutpoints(family, symbol).eval(mode=QUICK)
        slopes = log_stick_slopes(family, symbol).eval(mode=QUICK)
        np.testing.assert_allclose(found, cutpoints, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(slopes, np.log(np.diag(jacobian)), rtol=1e-9, atol=1e-9)


def evaluated(family, z):
    """Log probabilities, and the slopes of their sum."""
    symbol = pt.matrix("z")
    log_p = log_probabilities(family, symbol)
    outputs = [log_p, pt.grad(log_p.sum(), symbol)]
    return pm.pytensorf.compile([symbol], outputs, mode=QUICK)(z)
