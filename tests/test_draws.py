"""Draws of functionals against a respondent-by-respondent calculation from the count table."""

import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from scipy.special import expit

from nps_research.ordinal import effects, latent
from nps_research.ordinal.cell_draws import NegativeProbabilityWarning
from nps_research.ordinal.design import build_design
from nps_research.ordinal.draws import ScoreDraws
from nps_research.ordinal.families import Family
from nps_research.scale import RatingScale

SCALE = RatingScale(1, 5)
LOGIT = Family("cumulative", "logit")
FORMULA = "score ~ year + x + mo(effort) + offset(o) + (1 + x | agent)"
OPTIONS = {
    "scale": "~ year",
    "nps_cuts": "~ x",
    "cutpoints_by": "store",
    "no_answer": "~ x",
}


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(1)
    n = 80
    table = pd.DataFrame(
        {
            "year": rng.choice(["2017", "2018"], n),
            "x": rng.choice([-0.5, 0.25, 1.0], n),
            "effort": np.resize([1, 2, 3, 4], n),
            "o": rng.choice([0.0, 0.1], n),
            "agent": rng.choice(["ann", "bob", "cy"], n),
            "store": rng.choice(["north", "south"], n),
            "region": rng.choice(["a", "b"], n),
            "score": pd.array(rng.integers(1, 6, n), dtype="Int64"),
            "n": rng.integers(1, 9, n),
        }
    )
    table.loc[table.index[::9], "score"] = pd.NA
    return table


def drawn(design, chains=2, draws=5):
    """Random draws of every parameter of a design; effects across cuts are too small to cross."""
    rng = np.random.default_rng(7)
    cells = design.cells
    levels = {term.factor: term.levels for term in cells.group_terms}
    if design.cutpoints_by:
        levels[design.cutpoints_by] = design.cutpoint_levels
    sizes = {name: len(each) for name, each in levels.items()} | {
        "term": len(design.terms),
        "scale_term": len(design.scale_terms),
        "cut_term": len(design.cut_terms),
        "hurdle_term": len(design.hurdle_terms),
        "cutpoint": 4,
    }

    def normal(*dims, sd=0.5):
        shape = (chains, draws, *(sizes[dim] for dim in dims))
        return xr.DataArray(sd * rng.normal(size=shape), dims=("chain", "draw", *dims))

    def ordered(*dims):
        return (0.5 + abs(normal(*dims, "cutpoint"))).cumsum("cutpoint") - 2.0

    values = {
        "cutpoints": ordered(),
        "coefficients": normal("term"),
        "scale_coefficients": normal("scale_term"),
        "cut_coefficients": normal("cut_term", sd=0.05),
        "no_answer": normal("hurdle_term"),
    }
    for each in cells.monotonic:
        steps = rng.dirichlet(np.ones(each.steps), (chains, draws))
        values["steps_effort"] = ("chain", "draw", "step_effort"), steps
    for term in cells.group_terms:
        values |= {f"effect_{term.label}": normal(term.factor), f"sd_{term.label}": abs(normal())}
    if design.cutpoints_by:
        values["group_cutpoints"] = ordered(design.cutpoints_by)
        values |= {"sticks": normal("cutpoint"), "cutpoint_sd": abs(normal())}
    return xr.Dataset(values, levels | {"chain": range(chains), "draw": range(draws)})


@pytest.fixture(scope="module")
def design(counts):
    return build_design(FORMULA, counts, SCALE, **OPTIONS)


@pytest.fixture(scope="module")
def full(design):
    return ScoreDraws(drawn(design), design, LOGIT)


@pytest.fixture(scope="module")
def simple(counts):
    plain = build_design("score ~ year + x", counts, SCALE)
    return ScoreDraws(drawn(plain), plain, LOGIT)


def person(p, row):
    """Probabilities of the scores of one row of the table, from one draw and the formula."""
    later, x = float(row.year == "2018"), row.x
    coefficient = dict(zip(["year", "x", "mo"], p["coefficients"].to_numpy(), strict=True))
    eta = coefficient["year"] * later + coefficient["x"] * x + row.o
    eta += coefficient["mo"] * float(p["steps_effort"][: row.effort - 1].sum())
    eta += float(p["effect_agent"].sel(agent=row.agent))
    eta += x * float(p["effect_x|agent"].sel(agent=row.agent))
    shift = x * np.cumsum([0, 0, *p["cut_coefficients"].to_numpy()])
    sd = math.exp(float(p["scale_coefficients"][0]) * later)
    cuts = p["group_cutpoints"].sel(store=row.store).to_numpy()
    below = stats.logistic.cdf((cuts - eta - shift) / sd)
    return np.diff([0.0, *below, 1.0])


def average(parameters, rows, weights):
    """Probabilities of the scores of several people, shape (chain, draw, score)."""
    people = list(rows.itertuples())
    sizes = parameters.sizes["chain"], parameters.sizes["draw"]
    samples = [parameters.isel(chain=c, draw=d) for c, d in np.ndindex(sizes)]
    each = [[person(sample, row) for row in people] for sample in samples]
    shares = np.average(each, axis=1, weights=weights)
    return shares.reshape(*sizes, 5)


class TestProbabilities:
    def test_every_term_by_brute_force(self, full, counts):
        answered = counts.dropna(subset="score")
        exact = average(full.parameters, answered, answered["n"])
        np.testing.assert_allclose(full.score_probabilities(), exact, rtol=1e-12)

    @pytest.mark.parametrize("by", [["region"], ["year", "agent"]])
    def test_groups_by_brute_force(self, full, counts, by):
        found = full.score_probabilities(by)
        for key, rows in counts.dropna(subset="score").groupby(by):
            exact = average(full.parameters, rows, rows["n"])
            labels = dict(zip(by, key, strict=True))
            np.testing.assert_allclose(found.sel(labels), exact, rtol=1e-12)

    def test_closed_form_of_one_cell(self):
        table = pd.DataFrame({"score": [1, 5], "n": [1, 1]})
        design = build_design("score ~ 1", table, SCALE)
        cutpoints = stats.logistic.ppf([0.1, 0.2, 0.4, 0.7])
        parameters = xr.Dataset({"cutpoints": (("chain", "draw", "cutpoint"), [[cutpoints]])})
        draws = ScoreDraws(parameters.assign_coords(chain=[0], draw=[0]), design, LOGIT)
        assert draws.nps().item() == pytest.approx(30 - 40)
        assert draws.mean_score().item() == pytest.approx(0.1 + 0.2 + 0.6 + 1.2 + 1.5)
        assert draws.top_box(k=1).item() == pytest.approx(0.3)
        assert draws.bottom_box().item() == pytest.approx(0.2)

    @pytest.mark.parametrize("family", ["sratio", "cratio", "acat"])
    def test_other_families_use_the_same_positions(self, simple, family):
        other = ScoreDraws(simple.parameters, simple.design, Family(family, "probit"))
        z = simple.parameters["cutpoints"] - simple.parameters["coefficients"][..., 0]
        exact = np.exp(other.family.log_probabilities(z.to_numpy()))
        found = other.at(pd.DataFrame({"year": ["2018"], "x": [0.0]})).score_probabilities()
        np.testing.assert_allclose(found, exact, rtol=1e-12)

    def test_log_probabilities_are_those_of_the_cells(self, full):
        log_p = full.log_probabilities()
        assert log_p.dims == ("chain", "draw", "cell", "score")
        assert full.design.cells.sizes.min() == 0  # nobody answered: a cell of the hurdle only
        mix = full.design.cells.shares
        np.testing.assert_allclose(
            np.einsum("j,cdjk->cdk", mix, np.exp(log_p)), full.score_probabilities(), rtol=1e-12
        )

    def test_pieces_by_draw_and_by_cell_make_up_the_whole(self, full, monkeypatch):
        whole = full.log_probabilities()
        monkeypatch.setattr(latent, "LARGEST_TEMPORARY", 3 * 8 * 5 * len(full.design.cells))
        pieces = list(full.iter_log_probabilities())
        assert [piece[1].shape[0] for piece in pieces] == [3, 3, 3, 1]
        flat = whole.to_numpy().reshape(10, -1, 5)
        np.testing.assert_allclose(np.concatenate([p for _, p in pieces]), flat, rtol=1e-13)
        blocks = list(full.log_probability_blocks())
        assert len(blocks) > 1
        xr.testing.assert_allclose(xr.concat(blocks, "cell"), whole, rtol=1e-13)


class Recording(Family):
    """A family that remembers the largest array that it made."""

    largest = 0

    def log_probabilities(self, z):
        found = super().log_probabilities(z)
        Recording.largest = max(Recording.largest, found.nbytes)
        return found


class TestMemory:
    @pytest.mark.parametrize(
        "call",
        [
            lambda draws: draws.nps("agent"),
            lambda draws: draws.functional(lambda p: p.max(axis=-1), ["year", "region"]),
            lambda draws: draws.replicated_counts("region", random_seed=3),
            lambda draws: draws.no_answer_rate("year"),
            lambda draws: draws.marginal_effect("x"),
        ],
    )
    def test_chunks_change_nothing(self, full, monkeypatch, call):
        whole = call(full)
        monkeypatch.setattr(latent, "LARGEST_TEMPORARY", 1)
        xr.testing.assert_allclose(call(full), whole, rtol=1e-13)

    @pytest.mark.parametrize("limit", [2**13, 2**14])
    def test_no_array_exceeds_the_limit(self, full, monkeypatch, limit):
        monkeypatch.setattr(latent, "LARGEST_TEMPORARY", limit)
        monkeypatch.setattr(Recording, "largest", 0)
        ScoreDraws(full.parameters, full.design, Recording("cumulative", "logit")).nps()
        assert limit / 2 < Recording.largest <= limit

    def test_chunks_allow_for_many_groups(self, full, monkeypatch):
        monkeypatch.setattr(latent, "LARGEST_TEMPORARY", 8 * 5 * 3000)
        monkeypatch.setattr(Recording, "largest", 0)
        recording = ScoreDraws(full.parameters, full.design, Recording("cumulative", "logit"))
        people = pd.concat([recording.design.rows] * 30, ignore_index=True)
        recording.at(people.assign(person=range(len(people)))).nps("person")
        one_draw = 8 * 5 * len(recording.at(people).design.cells)
        assert Recording.largest == (3000 // len(people)) * one_draw


class TestGroups:
    @pytest.mark.parametrize("by", ["year", ("year",), ["year"], np.array(["year"])])
    def test_columns_come_in_any_sequence(self, full, by):
        assert full.nps(by).dims == ("chain", "draw", "year")

    def test_a_repeated_name_is_refused(self, full):
        with pytest.raises(ValueError, match=r"by=\['year', 'x', 'year'\] holds 'year' more than"):
            full.nps(["year", "x", "year"])

    @pytest.mark.filterwarnings("ignore:Consolidated metadata")
    def test_results_can_be_stored(self, counts, tmp_path):
        bands = pd.cut(counts["x"], [-1, 0, 2])
        size = pd.Categorical(counts["year"].map({"2017": "big", "2018": "small"}))
        region = counts["region"].where(counts["region"] == "a")
        table = counts.assign(band=bands, size=size, region=region, even=counts["effort"] % 2 == 0)
        design = build_design("score ~ 1", table, SCALE)
        nps = ScoreDraws(drawn(design), design, LOGIT).nps(["band", "size", "region", "even"])
        nps.to_zarr(tmp_path / "nps.zarr")
        with xr.open_zarr(tmp_path / "nps.zarr") as stored:
            xr.testing.assert_equal(stored["nps"].load(), nps)
            assert stored["band"].values.tolist() == ["(-1, 0]", "(0, 2]"]
            assert stored["region"].values.tolist() == ["a", "<NA>"]

    def test_levels_keep_their_order(self, counts):
        order = pd.Categorical(counts["agent"], ["cy", "ann", "bob"], ordered=True)
        design = build_design("score ~ year", counts.assign(agent=order), SCALE)
        nps = ScoreDraws(drawn(design), design, LOGIT).nps(["year", "agent"])
        assert nps["agent"].values.tolist() == ["cy", "ann", "bob"]

    def test_a_group_of_nobody_is_missing(self, simple):
        people = pd.DataFrame({"year": ["2017", "2018"], "x": 0.25, "n": [3, 0]})
        assert simple.at(people).nps("year").isnull().all(("chain", "draw")).values.tolist() == [
            False,
            True,
        ]


class TestFunctionals:
    def test_values_are_averaged_and_functions_applied(self, full):
        p = full.score_probabilities("agent")
        squares = full.functional([1, 4, 9, 16, 25], "agent", name="square")
        assert squares.name == "square"
        np.testing.assert_allclose(squares, (p * p["score"] ** 2).sum("score"))

        def entropy(p):
            return -(p * np.log(p)).sum(axis=-1)

        found = full.functional(entropy, "agent")
        assert found.name == "entropy"
        np.testing.assert_allclose(found, -(p * np.log(p)).sum("score"))

    @pytest.mark.parametrize(
        ("functional", "message"),
        [
            ([1, 2], r"each of the 5 scores; found 2: \[1.0, 2.0\]"),
            ([1, 2, 3, 4, np.inf], "one finite value"),
            (np.eye(5), r"found shape \(5, 5\)"),
            (
                lambda p: p,
                r"has to reduce the last axis.*\(10, 1, 5\).*returned shape \(10, 1, 5\)",
            ),
            (np.sum, r"the function sum has to .*returned shape \(\)"),
        ],
    )
    def test_impossible_functionals_are_refused(self, full, functional, message):
        with pytest.raises(ValueError, match=message):
            full.functional(functional)

    def test_superiority_by_brute_force(self, full):
        found = full.probability_of_superiority("agent", "ann", "cy")
        p = full.score_probabilities("agent").isel(chain=1, draw=2)
        exact = {"greater": 0.0, "equal": 0.0, "less": 0.0}
        for i, a in enumerate(p.sel(agent="ann").to_numpy()):
            for j, b in enumerate(p.sel(agent="cy").to_numpy()):
                exact["greater" if i > j else "less" if i < j else "equal"] += a * b
        for order, value in exact.items():
            assert found.sel(order=order)[1, 2].item() == pytest.approx(value, rel=1e-12)

    def test_superiority_names_the_levels_that_exist(self, full):
        with pytest.raises(
            ValueError, match="unknown level of 'agent': 'anne'; did you mean 'ann'"
        ):
            full.probability_of_superiority("agent", "anne", "cy")

    def test_no_answer_rate_by_brute_force(self, full, counts):
        found = full.no_answer_rate("year").isel(chain=0, draw=3)
        intercept, slope = full.parameters["no_answer"][0, 3].to_numpy()
        for year, rows in counts.groupby("year"):
            exact = np.average(expit(intercept + slope * rows["x"]), weights=rows["n"])
            assert found.sel(year=year).item() == pytest.approx(exact, rel=1e-12)

    def test_no_answer_rate_needs_a_model_of_it_and_predictors(self, full, simple):
        with pytest.raises(ValueError, match="no_answer='~ 1'"):
            simple.no_answer_rate()
        with pytest.raises(ValueError, match="unknown predictor 'region'"):
            full.no_answer_rate("region")

    def test_replicates_are_as_many_as_answered(self, full, counts):
        replicates = full.replicated_counts("region", random_seed=1)
        sizes = counts.dropna(subset="score").groupby("region")["n"].sum()
        assert (replicates.sum("score") == sizes.to_numpy()).all()
        assert (full.observed_counts("region").sum("score") == sizes.to_numpy()).all()

    def test_replicates_have_the_mean_and_variance_of_their_cells(self, simple):
        parameters = simple.parameters.isel(chain=[0] * 60, draw=[0] * 60)
        table = pd.DataFrame({"year": ["2017", "2018"], "x": 0.25, "n": [30, 50]})
        people = ScoreDraws(parameters, simple.design, LOGIT).at(table)
        answers = people.replicated_counts(random_seed=2)
        p = np.exp(people.log_probabilities()[0, 0].to_numpy())
        variance = [30, 50] @ (p * (1 - p))
        error = np.sqrt(variance / 3600)
        assert (np.abs(answers.mean(("chain", "draw")) - [30, 50] @ p) < 4 * error).all()
        np.testing.assert_allclose(answers.var(("chain", "draw")), variance, rtol=0.1)


class TestContrasts:
    def test_a_reference_is_subtracted(self, full):
        nps = full.nps("agent")
        found = full.contrast(by="agent", reference="bob")
        assert found["agent"].values.tolist() == ["ann", "cy"]
        np.testing.assert_array_equal(
            found.sel(agent="cy"), nps.sel(agent="cy") - nps.sel(agent="bob")
        )

    def test_all_pairs_within_groups(self, full):
        mean = full.mean_score(["agent", "year"])
        found = full.contrast("mean_score", by="agent", within="year")
        assert found.dims == ("chain", "draw", "contrast", "year")
        assert found["contrast"].values.tolist() == ["bob - ann", "cy - ann", "cy - bob"]
        np.testing.assert_array_equal(
            found.sel(contrast="cy - bob"), mean.sel(agent="cy") - mean.sel(agent="bob")
        )

    def test_functionals_of_ones_own_can_be_contrasted(self, full):
        found = full.contrast([1, 2, 3, 4, 5], by="year", reference="2017")
        np.testing.assert_allclose(
            found, full.contrast("mean_score", by="year", reference="2017"), rtol=1e-12
        )

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"of": "npss", "by": "year"}, "unknown functional 'npss'; did you mean 'nps'"),
            ({"by": "year", "reference": 2017}, "level of 'year': 2017; did you mean '2017'"),
            ({"by": "yaer"}, "yaer"),
            ({"by": "year", "within": "year"}, "more than once"),
        ],
    )
    def test_impossible_contrasts_are_refused(self, full, arguments, message):
        with pytest.raises(ValueError, match=message):
            full.contrast(**arguments)

    def test_one_group_is_no_contrast(self, simple):
        people = simple.at(pd.DataFrame({"year": ["2017"], "x": [0.25]}))
        with pytest.raises(ValueError, match=r"two groups; 'year' has only \['2017'\]"):
            people.contrast(by="year")


class TestEffects:
    def test_marginal_effect_by_brute_force(self, full, counts):
        answered = counts.dropna(subset="score")
        found = full.marginal_effect("x", "mean_score", values=[2.0, -1.0])
        assert found["x"].values.tolist() == [2.0, -1.0]
        for x in (2.0, -1.0):
            p = average(full.parameters, answered.assign(x=x), answered["n"])
            np.testing.assert_allclose(found.sel(x=x), p @ SCALE.scores, rtol=1e-12)

    def test_marginal_effect_on_not_answering_counts_the_silent(self, full):
        found = full.marginal_effect("year", "no_answer_rate")
        np.testing.assert_allclose(found.sel(year="2017"), full.no_answer_rate(), rtol=1e-12)

    def test_conditional_effect_is_that_of_the_typical_person(self, full, counts):
        answered = counts.dropna(subset="score")
        people = {
            name: answered.groupby(name)["n"].sum().idxmax()
            for name in ("effort", "agent", "store")
        }
        for name in ("x", "o"):
            people[name] = np.average(answered[name], weights=answered["n"])
        found = full.conditional_effect("year", "top_box")
        for year in ("2017", "2018"):
            p = average(full.parameters, pd.DataFrame([people | {"year": year}]), [1])
            np.testing.assert_allclose(found.sel(year=year), p[..., 3:].sum(-1), rtol=1e-12)

    def test_conditions_are_met(self, full):
        at = {"agent": "bob", "effort": 4, "x": 0.0, "o": 0.0, "store": "south"}
        found = full.conditional_effect("year", at=at, values=["2018"])
        row = pd.DataFrame([at | {"year": "2018"}])
        np.testing.assert_array_equal(found.sel(year="2018"), full.at(row).nps())

    def test_values_are_those_of_the_respondents(self, full):
        assert full.marginal_effect("effort")["effort"].values.tolist() == [1, 2, 3, 4]
        assert full.marginal_effect("agent")["agent"].values.tolist() == ["ann", "bob", "cy"]

    def test_a_number_with_many_values_gets_twenty(self):
        table = pd.DataFrame({"x": np.linspace(3, 8, 50) ** 2, "score": 3, "n": 1})
        design = build_design("score ~ x", table, SCALE)
        values = effects.effect_values(design, "x", None)
        np.testing.assert_allclose(values, np.linspace(9, 64, 20))

    def test_numbers_that_stand_for_levels_are_not_averaged(self, full):
        assert effects.averaged_columns(full.design) == {"x", "o"}

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"column": "region"}, "unknown predictor 'region'"),
            ({"column": "year", "at": {"yaer": "2017"}}, "unknown predictor 'yaer'"),
            ({"column": "year", "at": {"x": [1, 2]}}, r"one value for each.*'x': \[1, 2\]"),
            ({"column": "year", "at": {"year": "2017"}}, "Pass values= for the values of 'year'"),
            ({"column": "year", "values": []}, "values= of 'year' is empty"),
        ],
    )
    def test_impossible_conditions_are_refused(self, full, arguments, message):
        with pytest.raises(ValueError, match=message):
            full.conditional_effect(**arguments)


class TestPrediction:
    def test_the_respondents_themselves_are_predicted_as_they_are(self, full):
        again = full.at(full.design.rows.drop(columns="cell"))
        xr.testing.assert_allclose(again.nps("region"), full.nps("region"), rtol=1e-12)

    def test_poststratification_weighs_the_cells(self, simple):
        population = pd.DataFrame({"year": ["2017", "2018"], "x": [0.25, 1.0], "n": [900, 100]})
        each = [simple.at(population.iloc[[row]]).nps() for row in (0, 1)]
        found = simple.poststratify(population).nps()
        np.testing.assert_allclose(found, 0.9 * each[0] + 0.1 * each[1], rtol=1e-12)

    def test_poststratification_needs_sizes(self, simple):
        with pytest.raises(ValueError, match="in the column 'n'; found the columns year, x"):
            simple.poststratify(pd.DataFrame({"year": ["2017"], "x": [0.25]}))

    def test_predictions_have_no_observed_answers(self, simple):
        people = simple.at(pd.DataFrame({"year": ["2017"], "x": [0.25]}))
        with pytest.raises(ValueError, match="these are predictions"):
            people.observed_counts()


@pytest.fixture(scope="module")
def people():
    row = {"year": "2017", "x": 0.0, "effort": 1, "o": 0.0, "store": "north"}
    names = ["new", "bob", "other", "new"]
    return pd.DataFrame([row | {"agent": name, "region": name} for name in names])


class TestNewGroups:
    def test_a_new_group_has_one_effect_wherever_it_appears(self, full, people):
        later = pd.concat([people, people.assign(effort=4)], ignore_index=True)
        parameters = full.at(later, random_seed=1).parameters
        assert parameters["agent"].values.tolist() == ["ann", "bob", "cy", "new", "other"]
        assert parameters.sizes["agent"] == 5
        alone = full.at(people.iloc[[0]], random_seed=1).parameters
        for name in ("effect_agent", "effect_x|agent"):
            np.testing.assert_array_equal(
                alone[name].sel(agent="new"), parameters[name].sel(agent="new")
            )
            assert (parameters[name].sel(agent="new") != parameters[name].sel(agent="other")).all()
        known = full.parameters["effect_agent"]
        xr.testing.assert_equal(parameters["effect_agent"].sel(agent=known["agent"]), known)

    def test_seeds_govern_new_effects(self, full, people):
        first, again, other = (full.at(people, random_seed=seed).nps("agent") for seed in (1, 1, 2))
        xr.testing.assert_identical(first, again)
        assert (first.sel(agent="new") != other.sel(agent="new")).all()
        assert (first.sel(agent="bob") == other.sel(agent="bob")).all()

    def test_predictions_use_the_new_effects(self, full, people):
        new = full.at(people, random_seed=1)
        exact = average(new.parameters, people.iloc[[2]], [1]) @ SCALE.scores
        found = new.mean_score("agent").sel(agent="other")
        np.testing.assert_allclose(found, exact, rtol=1e-12)

    def test_a_new_group_stays_the_same_in_further_predictions(self, full, people):
        first = full.at(people, random_seed=1)
        xr.testing.assert_equal(first.at(people).nps("agent"), first.nps("agent"))

    def test_new_effects_are_normal_with_the_sd_of_their_draw(self, full, people):
        parameters = full.parameters.isel(chain=[0, 1] * 30, draw=[0, 1, 2, 3, 4] * 10)
        new = ScoreDraws(parameters, full.design, LOGIT).at(people, random_seed=3).parameters
        noise = new["effect_agent"].sel(agent="new") / new["sd_agent"]
        assert stats.kstest(noise.to_numpy().ravel(), stats.norm.cdf).pvalue > 1e-3
        other = new["effect_agent"].sel(agent="other") / new["sd_agent"]
        assert abs(float(xr.corr(noise, other))) < 4 / np.sqrt(3000)

    def test_new_groups_have_cutpoints_of_their_own(self, full, people):
        parameters = full.parameters.isel(chain=[0, 1] * 30, draw=[0, 1, 2, 3, 4] * 10)
        moved = ScoreDraws(parameters, full.design, LOGIT)
        new = moved.at(people.assign(store="west"), random_seed=4).parameters
        base = LOGIT.cutpoints(parameters["sticks"].to_numpy())
        offset = parameters["cutpoints"] - base
        below = expit(new["group_cutpoints"].sel(store="west") - offset)
        stop = below.diff("cutpoint").to_numpy() / (1 - below[..., :-1]).to_numpy()
        sticks = np.concatenate([below[..., :1], stop], axis=-1)
        noise = np.log(sticks / (1 - sticks)) - parameters["sticks"].to_numpy()
        noise /= parameters["cutpoint_sd"].to_numpy()[..., None]
        assert stats.kstest(noise.ravel(), stats.norm.cdf).pvalue > 1e-3

    def test_without_spread_new_cutpoints_are_the_common_ones(self, full, people):
        still = full.parameters.assign(cutpoint_sd=0.0 * full.parameters["cutpoint_sd"])
        new = ScoreDraws(still, full.design, LOGIT).at(people.assign(store="west")).parameters
        np.testing.assert_allclose(
            new["group_cutpoints"].sel(store="west"), still["cutpoints"], atol=1e-12
        )

    def test_nested_groups_are_told_apart(self):
        rows = [(s, t, score, 2) for s in "ab" for t in (1, 2) for score in (1, 3, 5)]
        table = pd.DataFrame(rows, columns=["store", "till", "score", "n"])
        design = build_design("score ~ (1 | store/till)", table, SCALE)
        draws = ScoreDraws(drawn(design), design, LOGIT)
        people = pd.DataFrame({"store": ["a", "c", "c"], "till": [9.0, 1.0, 2.0]})
        new = draws.at(people, random_seed=1).parameters
        assert new["store"].values.tolist() == ["a", "b", "c"]
        assert new["store:till"].values.tolist()[4:] == ["a:9", "c:1", "c:2"]


@pytest.fixture(scope="module")
def crossing(counts):
    design = build_design("score ~ year + x", counts, SCALE, nps_cuts="~ x")
    parameters = drawn(design)
    steep = np.zeros((2, 5, 2))
    steep[0, 1] = [0.0, 40.0]  # at x > 0 the cut 4|5 falls below 3|4
    return ScoreDraws(
        parameters.assign(cut_coefficients=(("chain", "draw", "cut_term"), steep)),
        design,
        LOGIT,
    )


class TestCrossingCuts:
    def test_impossible_draws_are_missing_where_they_are(self, crossing):
        with pytest.warns(NegativeProbabilityWarning, match="for some people in 1 of 10 draws"):
            nps = crossing.nps("x")
        expected = np.zeros((2, 5, 3), dtype=bool)
        expected[0, 1, 1:] = True
        np.testing.assert_array_equal(np.isnan(nps), expected)

    def test_the_others_are_not_touched(self, crossing):
        fine = crossing.parameters.assign(
            cut_coefficients=0.0 * crossing.parameters["cut_coefficients"]
        )
        with pytest.warns(NegativeProbabilityWarning):
            nps = crossing.nps("x").sel(x=-0.5)[1]
        exact = ScoreDraws(fine, crossing.design, LOGIT).nps("x").sel(x=-0.5)[1]
        np.testing.assert_allclose(nps, exact, rtol=1e-12)

    def test_answers_cannot_be_drawn_from_them(self, crossing):
        with pytest.raises(ValueError, match="negative probability in 1 of 10 draws"):
            crossing.replicated_counts()

    def test_people_who_do_not_count_do_not_warn(self, crossing):
        people = pd.DataFrame({"year": "2017", "x": [-0.5, 1.0], "n": [3, 0]})
        assert np.isfinite(crossing.at(people).nps()).all()
