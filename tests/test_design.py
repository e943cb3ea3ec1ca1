"""Designs against tables small enough to work out by hand."""

import numpy as np
import pandas as pd
import pytest

import nps_research as npsr
from nps_research.ordinal.design import build_design
from nps_research.scale import RatingScale

FIVE = RatingScale(1, 5)
ROWS = pd.DataFrame(
    {
        "x": [1, 1, 3, 3, 5, 5],
        "mode": ["web", "phone", "web", "web", "phone", "phone"],
        "team": ["a", "a", "b", "b", "c", "c"],
        "effort": pd.Categorical(
            ["low", "low", "high", "mid", "high", "high"],
            ["none", "low", "mid", "high"],
            ordered=True,
        ),
        "score": pd.array([1, 5, 3, 4, 5, None], dtype="Int64"),
        "n": [4, 1, 2, 3, 10, 7],
    }
)


def design(formula="score ~ x", table=ROWS, scale_of_scores=FIVE, **options):
    return build_design(formula, table, scale_of_scores, **options)


def refused(message, formula="score ~ x", table=ROWS, scale_of_scores=FIVE, **options):
    with pytest.raises(ValueError, match=message):
        build_design(formula, table, scale_of_scores, **options)


@pytest.fixture(scope="module")
def sfo():
    return npsr.load_counts("sfo_airport")


class TestCells:
    def test_cells_are_the_combinations_with_answers(self):
        found = design("score ~ x + mode")
        assert found.cells.table.to_dict("list") == {
            "mode": ["phone", "phone", "web", "web"],
            "x": [1, 5, 1, 3],
        }
        assert found.cells.sizes.tolist() == [1, 10, 4, 5]
        assert found.terms == ["x", "mode[web]"]
        assert found.cells.predictors.tolist() == [[1, 0], [5, 0], [1, 1], [3, 1]]
        assert found.counts.tolist() == [
            [0, 0, 0, 0, 1],
            [0, 0, 0, 0, 10],
            [4, 0, 0, 0, 0],
            [0, 0, 2, 3, 0],
        ]

    def test_shares_and_average_are_those_of_the_respondents(self):
        cells = design().cells
        assert cells.shares == pytest.approx([5 / 20, 5 / 20, 10 / 20])
        assert cells.average == pytest.approx([(5 * 1 + 5 * 3 + 10 * 5) / 20])
        assert len(cells) == 3

    def test_every_answer_of_the_example_is_counted(self, sfo):
        found = design("score ~ year * problem + mode + (1 | language)", sfo, RatingScale())
        assert found.counts.sum() == found.cells.sizes.sum() == 5396
        assert found.counts.shape == (38, 11)
        assert found.terms[:2] == ["year[2018]", "problem[unknown]"]

    def test_without_predictors_there_is_one_cell(self):
        found = design("score ~ 1")
        assert found.cells.table.shape == (1, 0)
        assert found.cells.predictors.shape == (1, 0)
        assert found.counts.tolist() == [[4, 0, 2, 3, 11]]

    def test_people_without_a_score_are_counted_but_no_cell(self):
        found = design("score ~ x", ROWS.assign(x=[1, 1, 3, 3, 5, 9]))
        assert found.unanswered == 7
        assert found.cells.table["x"].tolist() == [1, 3, 5]
        assert found.cells.unanswered.tolist() == [0, 0, 0]
        assert "20 answers in 3 cells of 5 scores (7 without a score)" in repr(found)

    def test_rows_keep_further_columns_and_their_cell(self):
        found = design("score ~ x")
        assert found.rows["cell"].tolist() == [0, 0, 1, 1, 2]
        assert found.rows["team"].tolist() == ["a", "a", "b", "b", "c"]

    def test_rows_without_people_are_no_cells(self):
        assert len(design(table=ROWS.assign(n=[4, 1, 0, 0, 10, 7])).cells) == 2

    def test_a_table_without_n_is_one_row_an_answer(self):
        assert design(table=ROWS.drop(columns="n")).cells.sizes.tolist() == [2, 2, 1]

    def test_every_field_has_its_shape(self):
        found = design(
            "score ~ x + mode + mo(effort) + offset(x) + (x | team)",
            scale="~ x",
            category_specific="~ team",
            nps_cuts="~ mode",
            cutpoints_by="team",
            no_answer="~ mode",
        )
        cells, n = found.cells, len(found.cells)
        shapes = {name: np.shape(getattr(cells, name)) for name in vars(cells) if name != "table"}
        assert shapes == {
            "sizes": (n,),
            "predictors": (n, 3),
            "offset": (n,),
            "monotonic": (1,),
            "scale_predictors": (n, 1),
            "cut_predictors": (n, 3),
            "group_terms": (2,),
            "cutpoint_group": (n,),
            "hurdle_predictors": (n, 2),
            "unanswered": (n,),
        }
        assert found.counts.shape == (n, 5)
        assert found.cut_loadings.shape == (2 * 4 + 2, 4)


class TestFactors:
    def test_the_declared_order_of_levels_decides_on_the_reference(self):
        table = ROWS.assign(mode=pd.Categorical(ROWS["mode"], ["web", "phone", "fax"]))
        assert design("score ~ mode", table).terms == ["mode[phone]"]

    @pytest.mark.parametrize("kind", ["category", "string", object])
    def test_text_is_a_factor_however_it_is_stored(self, kind):
        found = design("score ~ mode", ROWS.astype({"mode": kind}))
        assert found.terms == ["mode[web]"]
        assert found.cells.predictors.tolist() == [[0], [1]]

    @pytest.mark.parametrize("kind", ["Int64", "Float64", "int8", "float32", "int64[pyarrow]"])
    def test_numbers_are_numbers_however_they_are_stored(self, kind):
        found = design("score ~ x", ROWS.astype({"x": kind}))
        assert found.cells.predictors.tolist() == [[1], [3], [5]]

    @pytest.mark.parametrize("kind", [bool, "boolean", object])
    def test_true_is_one(self, kind):
        found = design("score ~ late * x", ROWS.assign(late=ROWS["x"].gt(1).astype(kind)))
        assert found.terms == ["late", "x", "late:x"]
        assert found.cells.predictors.tolist() == [[0, 1, 0], [1, 3, 3], [1, 5, 5]]

    def test_an_interaction_before_its_main_effect_is_understood(self):
        table = ROWS.assign(team=list("ababab"))
        found = design("score ~ team:mode + mode", table)
        assert found.terms == ["team[b]:mode[phone]", "team[b]:mode[web]", "mode[web]"]

    def test_an_interaction_without_main_effects_is_complete(self):
        found = design("score ~ team:mode", ROWS.assign(team=list("ababab")))
        assert np.linalg.matrix_rank(np.column_stack([found.cells.predictors, np.ones(4)])) == 4


class TestTransforms:
    @pytest.mark.parametrize("term", ["scale(x)", "scale (x)", "standardize(x)"])
    def test_scale_takes_mean_and_sd_of_the_respondents(self, term):
        found = design(f"score ~ {term}")
        sizes, x = np.array([5, 5, 10]), np.array([1, 3, 5])
        mean = sizes @ x / 20
        sd = np.sqrt(sizes @ (x - mean) ** 2 / 20)
        assert found.cells.predictors[:, 0] == pytest.approx((x - mean) / sd)

    def test_center_within_a_call_takes_the_mean_of_the_respondents(self):
        found = design("score ~ x + I(center(x) ** 2)")
        assert found.cells.predictors[:, 1] == pytest.approx((np.array([1, 3, 5]) - 3.5) ** 2)

    def test_transforms_of_other_formulas_see_respondents_too(self):
        found = design(scale="~ center(x)", no_answer="~ center(x)")
        assert found.cells.scale_predictors[:, 0] == pytest.approx([-2.5, -0.5, 1.5])
        everybody = (5 * 1 + 5 * 3 + 17 * 5) / 27
        assert found.cells.hurdle_predictors[:, 1] == pytest.approx([1, 3, 5] - np.array(everybody))

    def test_the_same_transform_of_a_column_and_of_its_logarithm(self):
        found = design("score ~ scale(np.log(x)) + scale(x)")
        assert found.terms == ["scale(np.log(x))", "scale(x)"]

    def test_more_respondents_than_rows_keep_the_mean(self):
        found = design("score ~ center(x)", ROWS.assign(n=ROWS["n"] * 1_000_000))
        assert found.cells.average == pytest.approx([0], abs=1e-6)

    @pytest.mark.parametrize(
        ("term", "columns"),
        [("bs(x, df=4)", 4), ("cr(x, df=4)", 4), ("tp(x, df=4)", 4), ("poly(x, 2)", 2)],
    )
    def test_splines_are_the_same_in_prediction(self, term, columns):
        rng = np.random.default_rng(4)
        table = pd.DataFrame({"x": rng.uniform(1, 9, 60), "score": rng.integers(1, 6, 60)})
        found = design(f"score ~ {term} + np.log(x)", table)
        again = found.at(found.cells.table.iloc[10:20])
        assert found.cells.predictors.shape == (60, columns + 1)
        np.testing.assert_allclose(again.cells.predictors, found.cells.predictors[10:20])

    @pytest.mark.parametrize(
        ("term", "message"),
        [
            ("log(x)", r"no function 'log' in formulas.* Write np\.log\(x\)"),
            ("numpy.log(x)", r"Write np\.log\(x\)"),
            ("spline(x)", "no function 'spline' in formulas.* Known: .*bs,"),
            ("np.mean(x)", "does not take each row by itself.* center"),
            ("np.random.normal(x)", "no function 'np.random.normal'"),
            ("binary(x)", "Write I"),
            ("bs(x)", r"cannot evaluate 'bs\(x\)': Must specify either 'df' or 'knots'"),
            ("np.log(mode)", r"cannot evaluate 'np.log\(mode\)'"),
            ("np.log(x - 1)", r"'np.log\(x - 1\)' is -inf for 1 of 3 .*first at x=1"),
        ],
    )
    def test_functions_that_cannot_be_used_are_refused(self, term, message, capsys):
        refused(message, f"score ~ {term}")
        assert capsys.readouterr() == ("", "")


class TestOffset:
    def test_it_is_added_and_has_no_coefficient(self):
        found = design("score ~ mode + offset(np.log(x)) + offset(x)")
        x = found.cells.table["x"]
        assert found.terms == ["mode[web]"]
        assert found.cells.offset == pytest.approx(np.log(x) + x)
        assert found.at(pd.DataFrame({"x": [9], "mode": ["web"]})).cells.offset == pytest.approx(
            [np.log(9) + 9]
        )

    def test_a_transform_inside_it_remembers_the_respondents(self):
        found = design("score ~ offset(center(x)) + offset(2)")
        assert found.cells.offset.tolist() == [-0.5, 1.5, 3.5]
        assert found.at(pd.DataFrame({"x": [4.5]})).cells.offset.tolist() == [3]

    def test_a_model_of_an_offset_alone_has_no_terms(self):
        found = design("score ~ offset(x)")
        assert found.cells.predictors.shape == (3, 0)
        assert found.cells.offset.tolist() == [1, 3, 5]

    @pytest.mark.parametrize(
        ("formula", "message"),
        [
            ("score ~ mode:offset(x)", "cannot be part of an interaction"),
            ("score ~ (offset(x) | team)", "cannot vary by group"),
            ("score ~ np.log(offset(x))", "must be a term of its own"),
            ("score ~ offset(x, mode)", "takes one column"),
            ("score ~ offset(mode)", r"offset\(mode\) needs numbers"),
        ],
    )
    def test_elsewhere_it_is_refused(self, formula, message):
        refused(message, formula)


class TestMonotonic:
    def test_an_ordered_categorical_keeps_levels_that_nobody_has(self):
        found = design("score ~ x + mo(effort) + mode")
        (steps,) = found.cells.monotonic
        assert found.terms == ["x", "mo(effort)", "mode[web]"]
        assert (steps.term, steps.position, steps.steps) == ("mo(effort)", 1, 3)
        names = ["none", "low", "mid", "high"]
        assert [names[code] for code in steps.codes] == found.cells.table["effort"].tolist()
        assert not found.cells.predictors[:, 1].any()

    @pytest.mark.parametrize("kind", ["int64", "Int64", "float64"])
    def test_whole_numbers_count_from_the_lowest(self, kind):
        (steps,) = design("score ~ mo(x)", ROWS.astype({"x": kind})).cells.monotonic
        assert (steps.steps, steps.codes.tolist()) == (4, [0, 2, 4])
        assert steps.codes.dtype == np.int64

    def test_its_position_counts_columns_not_terms(self):
        found = design("score ~ team + mo(x)")
        assert found.cells.monotonic[0].position == 2

    def test_prediction_knows_every_declared_level(self):
        found = design("score ~ mo(effort)")
        assert found.at(pd.DataFrame({"effort": ["mid", "none"]})).cells.monotonic[
            0
        ].codes.tolist() == [2, 0]
        with pytest.raises(
            ValueError, match=r"has 'huge' in 'effort'.* 'none', 'low', 'mid', 'high'"
        ):
            found.at(pd.DataFrame({"effort": ["huge"]}))

    @pytest.mark.parametrize(
        ("formula", "message"),
        [
            ("score ~ mo(x):mode", r"mo\(\) cannot be part of an interaction"),
            ("score ~ mo(x) * mode", r"mo\(\) cannot be part of an interaction"),
            ("score ~ (mo(x) | team)", r"mo\(\) cannot vary by group"),
            ("score ~ mo(np.log(x))", "takes a column, not a function"),
            ("score ~ np.log(mo(x))", "must be a term of its own"),
            ("score ~ mo(x, mode)", "takes one column"),
            ("score ~ mo(mode)", "needs an ordered predictor; found 'phone' in 'mode'"),
            ("score ~ mo(half)", "needs an ordered predictor; found 0.5 in 'half'"),
            ("score ~ mo(id)", "would have 5,000 steps.* Use a spline"),
            ("score ~ mo(one)", r"'mo\(one\)' has the same value for everybody"),
        ],
    )
    def test_what_has_no_steps_is_refused(self, formula, message):
        refused(message, formula, ROWS.assign(half=ROWS["x"] / 2, one=1, id=ROWS["x"] * 1250))

    def test_an_unordered_categorical_has_no_steps(self):
        refused(
            "needs an ordered predictor",
            "score ~ mo(mode)",
            ROWS.assign(mode=ROWS["mode"].astype("category")),
        )


class TestGroupTerms:
    @pytest.mark.parametrize(
        ("term", "labels"),
        [
            ("(1 | team)", ["team"]),
            ("(x | team)", ["team", "x|team"]),
            ("(1 + x | team)", ["team", "x|team"]),
            ("(0 + x | team)", ["x|team"]),
            ("(1 | team) + (1 | mode)", ["team", "mode"]),
            ("(1 | team / mode)", ["team", "team:mode"]),
            ("(1 | team:mode)", ["team:mode"]),
            ("(mode | team)", ["team", "mode[web]|team"]),
            ("(0 + mode | team)", ["mode[phone]|team", "mode[web]|team"]),
            ("(scale(x) | team)", ["team", "scale(x)|team"]),
            ("(x | team / mode)", ["team", "team:mode", "x|team", "x|team:mode"]),
        ],
    )
    def test_there_is_one_for_each_column_of_a_slope(self, term, labels):
        found = design(f"score ~ {term}")
        assert [each.label for each in found.cells.group_terms] == labels
        assert found.terms == []

    def test_index_and_values_are_those_of_the_cells(self):
        intercept, slope = design("score ~ (x | team)").cells.group_terms
        assert intercept.levels == slope.levels == ["a", "b", "c"]
        assert intercept.index.tolist() == slope.index.tolist() == [0, 1, 2]
        assert intercept.values.tolist() == [1, 1, 1]
        assert slope.values.tolist() == [1, 3, 5]
        assert slope.index.dtype == np.int64

    def test_nested_groups_are_those_that_somebody_has(self, sfo):
        found = design("score ~ (1 | language / mode)", sfo, RatingScale())
        pairs = sfo[sfo["n"] > 0].drop_duplicates(["language", "mode"])
        expected = sorted(pairs["language"].astype(str) + ":" + pairs["mode"].astype(str))
        nested = found.cells.group_terms[1]
        assert nested.factor == "language:mode"
        assert sorted(nested.levels) == expected
        assert sorted(set(nested.index)) == list(range(len(expected)))

    def test_levels_are_in_declared_order(self):
        table = ROWS.assign(team=pd.Categorical(ROWS["team"], ["c", "b", "a", "z"]))
        assert design("score ~ (1 | team)", table).cells.group_terms[0].levels == ["c", "b", "a"]

    def test_numbers_are_groups_in_numeric_order(self):
        found = design("score ~ (1 | agent)", ROWS.assign(agent=[10, 10, 9, 9, 2, 2]))
        assert found.cells.group_terms[0].levels == ["2", "9", "10"]
        again = found.at(pd.DataFrame({"agent": [10.0, 3.0]}))
        assert again.cells.group_terms[0].index.tolist() == [-1, 2]

    @pytest.mark.parametrize(
        ("formula", "message"),
        [
            ("score ~ (1 | np.log(x))", "a group is a column of the table"),
            ("score ~ (1 | one)", "at least two levels; found only '1' in 'one'"),
            ("score ~ (one | team)", "'one' has the same value for everybody"),
            ("score ~ (1 | `a/b`)", "may hold no '/'"),
            ("score ~ (slashed | team)", r"'slashed\[n/a\]\|team' names a variable"),
            ("score ~ 1 | team", r"cannot read the formula .* from '\|' on.* brackets"),
            ("score ~ (0 | team)", "cannot read the formula"),
        ],
    )
    def test_unusable_groups_are_refused(self, formula, message):
        table = ROWS.assign(**{"one": 1, "a/b": ROWS["team"], "slashed": ["n/a", *"ababa"]})
        refused(message, formula, table)


class TestOtherFormulas:
    def test_scale_has_no_intercept(self):
        found = design("score ~ x", scale="~ mode")
        assert found.scale_terms == ["mode[web]"]
        assert found.cells.scale_predictors.shape == (len(found.cells), 1)
        assert design(scale="~ 1").scale_terms == []

    def test_category_specific_terms_have_a_coefficient_a_cut(self):
        found = design("score ~ x", category_specific="~ mode")
        assert found.terms == ["x"]
        assert found.cut_terms == [f"mode[web][{cut}]" for cut in ("1|2", "2|3", "3|4", "4|5")]
        assert found.cut_columns.tolist() == [0, 0, 0, 0]
        assert found.cut_loadings.tolist() == np.eye(4).tolist()
        assert found.cells.cut_predictors[:, 0].tolist() == (
            found.cells.table["mode"].eq("web").astype(float).tolist()
        )

    def test_nps_cuts_shift_the_cuts_from_passive_and_from_promoter_up(self, sfo):
        found = design("score ~ year + mode", sfo, RatingScale(), nps_cuts="~ year")
        assert found.terms[0] == "year[2018]"
        assert found.cut_terms == ["year[2018][6|7]", "year[2018][8|9]"]
        assert found.cut_loadings.tolist() == [[0] * 6 + [1] * 4, [0] * 8 + [1] * 2]
        assert np.array_equal(found.cells.cut_predictors[:, 0], found.cells.predictors[:, 0])

    def test_both_kinds_of_cut_terms_share_one_matrix(self):
        found = design("score ~ x", category_specific="~ mode", nps_cuts="~ x")
        assert found.cut_columns.tolist() == [0, 0, 0, 0, 1, 1]
        assert found.cut_terms[4:] == ["x[3|4]", "x[4|5]"]
        assert found.cells.cut_predictors[:, 1].tolist() == found.cells.table["x"].tolist()

    def test_an_interaction_is_coded_next_to_the_main_formula(self):
        table = ROWS.assign(team=list("ababab"))
        found = design("score ~ team + mode", table, category_specific="~ mode:team")
        assert found.cut_terms[0] == "mode[web]:team[b][1|2]"
        assert len(found.cut_terms) == 4

    def test_cutpoints_by_a_column(self):
        found = design("score ~ x", cutpoints_by="team")
        assert found.cutpoint_levels == ["a", "b", "c"]
        assert found.cells.cutpoint_group.tolist() == [0, 1, 2]
        assert found.at(pd.DataFrame({"x": [1], "team": ["z"]})).cells.cutpoint_group == [-1]
        assert design().cutpoint_levels is None
        assert design().cells.cutpoint_group is None

    def test_cutpoints_have_one_column(self):
        with pytest.raises(TypeError, match="one column; found"):
            design(cutpoints_by=["team", "mode"])

    def test_no_answer_needs_combinations_in_which_nobody_answered(self):
        table = ROWS.assign(x=[1, 1, 3, 3, 5, 9])
        found = design("score ~ x", table, no_answer="~ x")
        assert found.cells.table["x"].tolist() == [1, 3, 5, 9]
        assert found.cells.sizes.tolist() == [5, 5, 10, 0]
        assert found.cells.unanswered.tolist() == [0, 0, 0, 7]
        assert found.counts[3].tolist() == [0] * 5
        assert found.hurdle_terms == ["Intercept", "x"]
        assert found.cells.hurdle_predictors.tolist() == [[1, 1], [1, 3], [1, 5], [1, 9]]

    def test_no_answer_may_be_the_same_for_everybody(self):
        found = design("score ~ 1", no_answer="~ 1")
        assert found.hurdle_terms == ["Intercept"]
        assert found.cells.unanswered.tolist() == [7]

    def test_a_group_in_which_nobody_answered_has_no_effect(self):
        table = ROWS.assign(team=list("aabbcz"))
        found = design("score ~ (1 | team)", table, no_answer="~ 1")
        assert found.cells.group_terms[0].levels == ["a", "b", "c"]
        assert found.cells.group_terms[0].index.tolist() == [0, 1, 2, -1]
        refused(
            "nobody who answered has 'z' in 'team'.* Known levels: 'a', 'b', 'c'",
            "score ~ team",
            table,
            no_answer="~ 1",
        )

    def test_a_factor_of_no_answer_alone_may_have_such_levels(self):
        found = design("score ~ x", ROWS.assign(team=list("aabbcz")), no_answer="~ team")
        assert found.hurdle_terms == ["Intercept", "team[b]", "team[c]", "team[z]"]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"scale": "~ (1 | team)"},
                "only the formula of the score can have.*'1|team' in scale",
            ),
            ({"scale": "~ offset(x)"}, r"found 'offset\(x\)' in scale"),
            ({"no_answer": "~ mo(x)"}, r"found 'mo\(x\)' in no_answer"),
            ({"scale": "mode"}, "cannot read the formula of scale 'mode'"),
            ({"scale": ""}, "cannot read the formula of scale ''"),
            ({"scale": "score ~ mode"}, "scale is a formula without a response; found 'score'"),
            ({"scale": "~ 0 + mode"}, "cutpoints take the place of an intercept"),
            ({"category_specific": "~ x"}, "cannot be in the main formula as well"),
            ({"category_specific": "~ mode * x"}, "'x' a coefficient for every cut"),
            ({"nps_cuts": "~ mode"}, "nps_cuts adds to terms.*unknown term 'mode'.* Known: x"),
            ({"cutpoints_by": "taem"}, "unknown column 'taem'; did you mean 'team'"),
            ({"cutpoints_by": "one"}, "at least two levels"),
            ({"scale": "~ one"}, "'one' has the same value for everybody"),
            ({"no_answer": "~ one"}, "'one' has the same value for everybody"),
        ],
    )
    def test_what_they_cannot_have_is_refused(self, options, message):
        refused(message, table=ROWS.assign(one=1), **options)

    @pytest.mark.parametrize(
        ("scale_of_scores", "message"),
        [
            (RatingScale(1, 5, 3, 4), r"no passives.* the one cut 3\|4"),
            (RatingScale(1, 5, 1, 5), r"needs a cut below the one into passive.* from 1\|2 up"),
        ],
    )
    def test_nps_cuts_need_two_cuts_of_their_own(self, scale_of_scores, message):
        refused(message, scale_of_scores=scale_of_scores, nps_cuts="~ x")


class TestIntervals:
    TABLE = pd.DataFrame(
        {
            "x": [0, 0, 1, 1, 1],
            "score": [7, 7, 9, 0, 7],
            "score_upper": [8, None, 10, 0, 8],
            "n": [2, 3, 4, 5, 6],
        }
    )

    def test_they_are_apart_from_exact_answers(self):
        found = design("score ~ x", self.TABLE, RatingScale())
        assert found.counts.sum(axis=1).tolist() == [3, 5]
        assert found.censored.tolist() == [[0, 7, 8], [1, 7, 8], [1, 9, 10]]
        assert found.censored.dtype == np.int64
        assert found.censored_n.tolist() == [2, 6, 4]
        assert found.cells.sizes.tolist() == [5, 15]

    def test_positions_count_from_the_lowest_score(self):
        table = self.TABLE.assign(score=[2, 2, 3, 1, 2], score_upper=[3, None, 5, None, 3])
        assert design("score ~ x", table).censored.tolist() == [[0, 1, 2], [1, 1, 2], [1, 2, 4]]

    def test_groups_count_everybody_and_exact_scores(self):
        found = design("score ~ 1", self.TABLE, RatingScale())
        groups, sizes = found.group_sizes("x")
        assert (groups.tolist(), sizes.tolist()) == ([0, 1], [[5], [15]])
        groups, counts = found.group_counts("x")
        assert counts.sum(axis=1).tolist() == [3, 5]
        assert counts[0, 7] == 3

    def test_without_them_there_are_none(self):
        assert design().censored.shape == (0, 3)
        assert design().censored_n.shape == (0,)


class TestGroups:
    def test_columns_outside_the_formula_are_groups(self):
        groups, sizes = design("score ~ x").group_sizes("mode")
        assert groups.tolist() == ["phone", "web"]
        assert sizes.tolist() == [[1, 0, 10], [4, 5, 0]]
        groups, counts = design("score ~ x").group_counts(["mode", "team"])
        assert groups.names == ["mode", "team"]
        assert counts.sum() == 20

    def test_predictions_have_no_answers_to_count(self):
        with pytest.raises(ValueError, match="no answers to count"):
            design().at(ROWS).group_counts("mode")

    def test_unknown_and_reserved_names_are_refused(self):
        with pytest.raises(ValueError, match="'moed'; did you mean 'mode'"):
            design().group_sizes("moed")
        with pytest.raises(ValueError, match="'score' cannot be"):
            design().group_counts("score")


class TestPrediction:
    def test_columns_and_sizes_are_those_of_the_new_table(self):
        found = design("score ~ scale(x) + mode + (1 | team)", scale="~ mode")
        new = pd.DataFrame({"x": [5, 3, 5], "mode": ["web"] * 3, "team": ["c", "z", "c"]})
        again = found.at(new.assign(n=[2, 0, 3]))
        assert again.cells.sizes.tolist() == [5, 0]
        assert again.terms == found.terms
        old = found.cells.predictors[found.cells.table["x"].eq(5)][0, 0]
        assert again.cells.predictors[0].tolist() == [old, 1]
        assert again.cells.group_terms[0].index.tolist() == [2, -1]
        assert again.cells.group_terms[0].levels == ["a", "b", "c"]
        assert again.cells.scale_predictors.tolist() == [[1], [1]]
        assert (again.counts.shape, again.counts.sum(), again.unanswered) == ((2, 5), 0, 0)

    def test_the_table_of_estimation_gives_the_same_cells(self, sfo):
        formula = "score ~ year * problem + scale(year_number) + (problem | language / mode)"
        table = sfo.assign(year_number=sfo["year"].astype(int))
        found = design(formula.replace("year * ", ""), table, RatingScale(), no_answer="~ mode")
        again = found.at(table).cells
        np.testing.assert_array_equal(again.predictors, found.cells.predictors)
        np.testing.assert_array_equal(again.hurdle_predictors, found.cells.hurdle_predictors)
        for one, two in zip(again.group_terms, found.cells.group_terms, strict=True):
            np.testing.assert_array_equal(one.index, two.index)
            np.testing.assert_array_equal(one.values, two.values)

    def test_scores_are_not_needed_and_columns_are_kept(self):
        again = design("score ~ x").at(ROWS.drop(columns=["score", "n"]))
        assert again.cells.sizes.tolist() == [2, 2, 2]
        _, sizes = again.group_sizes("mode")
        assert sizes.sum(axis=1).tolist() == [3, 3]
        assert design("score ~ 1").at(ROWS).cells.sizes.tolist() == [27]

    def test_levels_keep_their_columns_when_only_some_are_there(self):
        again = design("score ~ team").at(pd.DataFrame({"team": pd.Categorical(["c"])}))
        assert again.cells.predictors.tolist() == [[0, 1]]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"mode": ["web", None]}, "'mode' is missing for 1 respondents, first at row 1"),
            ({"mode": ["fax", "sms"]}, "has 'fax', 'sms' in 'mode'.* Known levels: 'phone', 'web'"),
            ({"x": [1.0, np.inf]}, "'x' must be finite; found inf at row 1"),
            ({"x": ["one", "two"]}, "'x' was a number when the model was built; found 'one'"),
            ({"n": [1, -1]}, "n must be a whole number of people.*first -1 at row 1"),
            ({"n": [1, 0.5]}, "first 0.5 at row 1"),
            ({"n": [0, 0]}, "has no people: all 2 rows have n = 0"),
        ],
    )
    def test_unusable_tables_are_refused(self, change, message):
        table = pd.DataFrame({"x": [1, 2], "mode": ["web", "web"]}).assign(**change)
        with pytest.raises(ValueError, match=message):
            design("score ~ x + mode").at(table)

    def test_missing_columns_and_empty_tables_are_refused(self):
        with pytest.raises(ValueError, match="unknown column 'mode'; did you mean 'moed'"):
            design("score ~ mode").at(pd.DataFrame({"moed": ["web"]}))
        with pytest.raises(ValueError, match="no rows"):
            design("score ~ x").at(pd.DataFrame({"x": []}))


class TestRefusals:
    @pytest.mark.parametrize(
        ("formula", "message"),
        [
            ("rating ~ x", "found the response 'rating'"),
            ("x", "found no response"),
            ("~ x", "Write it like"),
            ("score ~", "a formula has one ~"),
            ("score ~ x ~ mode", "a formula has one ~"),
            ("score ~ 0 + x", "cutpoints take the place of an intercept"),
            ("score ~ x - 1", "cutpoints take the place of an intercept"),
            ("score ~ y", r"unknown column 'y'\. Known: x, mode"),
            ("score ~ taem", "unknown column 'taem'; did you mean 'team'"),
            ("score ~ np.log(y)", "unknown column 'y'"),
            ("score ~ x +", "cannot read the formula"),
            ("score ~ x mode", "cannot read the formula .* from 'mode' on"),
            ("score ~ x ** 2", r"Write I\(x\*\*2\)"),
            ("score ~ 2 + x", "found the number 2"),
            ("score ~ mode[web]", r"Write T\(mode, ref='web'\)"),
            ("score ~ score", "'score' cannot be a predictor"),
            ("score ~ mode:bs(x, df=4)", "cannot read the formula.*bs"),
        ],
    )
    def test_formulas(self, formula, message):
        refused(message, formula)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"x": 7}, "'x' has the same value for everybody who answered"),
            ({"x": "web"}, "at least two levels; found only 'web' in 'x'"),
            ({"x": [1, np.nan, 3, 3, 5, 5]}, "'x' is missing for 1 respondents, first at row 1"),
            ({"x": [1, 1, -np.inf, 3, 5, 5]}, "'x' must be finite; found -inf at row 2"),
            ({"x": pd.Timestamp("2024-05-01")}, "a date cannot be a predictor.*dt.days"),
            ({"x": pd.Timestamp("2024-05-01").date()}, "a date cannot be a predictor"),
            ({"x": pd.Timedelta("1D")}, "a date cannot be a predictor"),
            ({"x": ["a", 1, "b", 2, "c", 3]}, "a predictor holds numbers, text or categories"),
            ({"n": -1}, "n must be a whole number of people"),
            ({"n": 0.5}, "n must be a whole number of people"),
            ({"n": 0}, "nobody answered"),
            ({"score": None}, "nobody answered"),
            ({"score": 6}, "whole numbers from 1 to 5; found 6 that are not, first 6 at row 0"),
        ],
    )
    def test_tables(self, change, message):
        refused(message, table=ROWS.assign(**change))

    def test_no_rows(self):
        refused("no rows", table=ROWS.iloc[:0])

    def test_a_missing_predictor_of_somebody_without_a_score_does_not_matter(self):
        table = ROWS.assign(x=[1, 1, 3, 3, 5, None])
        assert len(design(table=table).cells) == 3
        refused("'x' is missing for 7 respondents", table=table, no_answer="~ 1")

    def test_one_level_inside_an_interaction(self):
        refused("at least two levels; found only 'web' in 'y'", "score ~ x:y", ROWS.assign(y="web"))

    def test_a_combination_that_nobody_has(self):
        refused(r"'team\[b\]:mode\[web\]'|'team\[c\]:mode", "score ~ team * mode")

    def test_collinear_terms_are_left_to_the_estimation(self):
        assert design("score ~ x + I(2 * x)").terms == ["x", "I(2 * x)"]

    @pytest.mark.parametrize(
        "name",
        [
            *("chain", "term", "cell", "score_upper", "scale_term", "cut_term", "hurdle_term"),
            *("shares", "sticks", "coefficients", "cutpoints", "scale_coefficients", "no_answer"),
            *("cut_coefficients", "group_cutpoints", "cutpoint_sd", "weight"),
        ],
    )
    @pytest.mark.parametrize("formula", ["score ~ {}", "score ~ (1 | {})"])
    def test_names_of_results(self, formula, name):
        refused(
            f"'{name}' cannot be a predictor .* Rename it",
            formula.format(name),
            ROWS.rename(columns={"mode": name}),
        )


class TestResponses:
    LABELS = ("never", "hardly", "maybe", "likely", "surely")

    def test_ordered_labels_are_the_scores_in_order(self):
        scores = pd.Categorical(["never", "surely", None], self.LABELS, ordered=True)
        found = design("score ~ 1", pd.DataFrame({"score": scores, "n": [2, 3, 4]}))
        assert found.counts.tolist() == [[2, 0, 0, 0, 3]]
        assert found.unanswered == 4

    @pytest.mark.parametrize("scores", [["1", "5"], ["1.0", "5.0"], [1.0, 5.0]])
    def test_numbers_are_read_from_text(self, scores):
        found = design("score ~ 1", pd.DataFrame({"score": scores, "n": [2, 3]}))
        assert found.counts.tolist() == [[2, 0, 0, 0, 3]]
