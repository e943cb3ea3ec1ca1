"""Comparisons against closed forms, and against ArviZ's of the same models row by row."""

import arviz_stats
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from saturated import SaturatedDraws, design

from nps_research.ordinal.comparison import compare, stacking_weights, three_bins
from nps_research.ordinal.loo import loo, reloo
from nps_research.scale import RatingScale

SCALE, BINS = RatingScale(1, 5), RatingScale(1, 3, 1, 3)
PRIOR = np.array([0.5, 1.0, 0.5, 2.0, 1.0])
CLASSES = np.eye(3)[(SCALE.nps_values + 1).astype(int)]
TABLE = pd.DataFrame(
    {
        "wave": ["a", "a", "a", "a", "b", "b", "b", "b", "c", "c", "c"],
        "score": [1, 3, 4, 5, 1, 2, 4, 5, 3, 4, 5],
        "n": [12, 7, 30, 21, 31, 9, 17, 25, 8, 11, 4],
    }
)


def fitted(predictors, table=TABLE, scale=SCALE, prior=PRIOR, **options):
    return SaturatedDraws(design(table, predictors, scale), prior, **options)


@pytest.fixture(scope="module")
def by_wave():
    return fitted(["wave"])


@pytest.fixture(scope="module")
def pooled():
    return fitted([], seed=3)


@pytest.fixture(scope="module")
def bins():
    return fitted(["wave"], three_bins(TABLE, SCALE), BINS, PRIOR @ CLASSES, seed=4)


def row_by_row(draws):
    rows = TABLE.merge(loo(draws).pointwise.drop(columns="n").merge(cells(draws)), how="left")
    values = rows["elpd"].repeat(rows["n"]).to_numpy()
    return arviz_stats.utils.ELPDDataLOO(
        elpd=values.sum(), se=0.0, p=0.0, n_samples=4000, n_data_points=len(values), scale="log",
        warning=False, good_k=0.7, elpd_i=xr.DataArray(values, dims="respondent"), pareto_k=None,
        approx_posterior=False,
    )  # fmt: skip


def cells(draws):
    table = draws.design.cells.table
    return table.assign(cell=range(len(table)))


def test_arviz_says_the_same_of_rows(by_wave, pooled):
    fits = {"by wave": by_wave, "pooled": pooled}
    table = compare(fits)
    exact = arviz_stats.compare({k: row_by_row(v) for k, v in fits.items()}, round_to="none")
    n = table.attrs["n"]
    names = {"elpd_diff": "elpd_difference", "dse": "se_difference"}
    exact = exact.rename(columns=names)[["elpd", *names.values(), "weight"]].astype(float)
    exact["se_difference"] *= np.sqrt(n / (n - 1))  # ArviZ divides this variance by n
    np.testing.assert_allclose(table[exact.columns], exact, atol=1e-3)
    np.testing.assert_allclose(table["elpd"], exact["elpd"], rtol=1e-12)
    np.testing.assert_allclose(table["se_difference"], exact["se_difference"], rtol=1e-9)


def test_the_difference_is_that_of_the_closed_forms(by_wave, pooled):
    def elpd(draws):
        counts, prior = draws.design.counts, draws.concentration
        total = counts.sum(axis=1, keepdims=True) + prior.sum() - 1
        return (counts * np.log(np.maximum(counts + prior - 1, 1e-9) / total)).sum()

    found = compare({"by wave": by_wave, "pooled": pooled}).loc["pooled", "elpd_difference"]
    assert found == pytest.approx(elpd(pooled) - elpd(by_wave), abs=0.5)


def test_a_full_scale_and_its_bins_agree_where_theory_says_so(by_wave, bins):
    # Adding up the scores of a class turns one Dirichlet posterior into the other.
    table = compare({"full scale": by_wave, "three bins": bins})
    assert table.attrs["outcome"] == "classes"
    np.testing.assert_allclose(table["elpd_difference"], 0, atol=0.2)
    assert table["se_difference"].max() < 0.1
    assert set(table["note"]) == {"", "difference below 4"}


def test_bins_without_the_predictor_lose_what_the_closed_form_says(by_wave):
    pooled_bins = fitted([], three_bins(TABLE, SCALE), BINS, PRIOR @ CLASSES)
    table = compare({"bins": pooled_bins, "full": by_wave}, outcome="classes")
    counts, prior = by_wave.design.counts @ CLASSES, PRIOR @ CLASSES
    apart, together = (
        np.sum(c * np.log((c + prior - 1) / (c.sum(axis=1, keepdims=True) + prior.sum() - 1)))
        for c in (counts, counts.sum(axis=0, keepdims=True))
    )
    assert table.index[0] == "full"
    assert table.loc["bins", "elpd_difference"] == pytest.approx(together - apart, abs=0.3)


def test_tables_may_differ_in_rows_and_columns_but_not_in_people(by_wave, pooled):
    shuffled = TABLE.sample(frac=1, random_state=1).assign(remark="none")
    fine = fitted(["wave"], shuffled.assign(wave=shuffled["wave"].astype("category")))
    coarse = fitted([], TABLE.groupby("score", as_index=False)["n"].sum(), seed=3)
    expected = compare({"by wave": by_wave, "pooled": pooled})
    found = compare({"pooled": coarse, "by wave": fine})
    np.testing.assert_allclose(found["elpd"], expected["elpd"], atol=0.5)
    np.testing.assert_allclose(found["se_difference"], expected["se_difference"], atol=0.1)


def test_results_of_loo_can_be_compared(by_wave, pooled):
    exact = reloo(pooled, pooled.refit, threshold=-np.inf)
    table = compare({"by wave": by_wave, "pooled": exact})
    assert table.loc["pooled", "elpd"] == exact.elpd
    with pytest.raises(ValueError, match="is a LooResult for the outcome 'scores'"):
        compare({"by wave": by_wave, "pooled": exact}, outcome="classes")


def test_other_respondents_are_refused(by_wave):
    fewer = TABLE.assign(n=TABLE["n"] - (TABLE["score"] == 2))
    message = "'fewer' has 8 with wave=b, score=2, score_upper=2, another model has 9"
    with pytest.raises(ValueError, match=message):
        compare({"all": by_wave, "fewer": fitted(["wave"], fewer)})


def test_the_same_margins_are_not_the_same_respondents(by_wave):
    swapped = TABLE.assign(wave=TABLE["wave"].map({"a": "b", "b": "a", "c": "c"}))
    with pytest.raises(ValueError, match="the same respondents only"):
        compare({"all": by_wave, "pooled": fitted([], swapped)})


def test_no_table_with_all_predictors_is_refused(by_wave):
    other = TABLE.rename(columns={"wave": "mode"})
    with pytest.raises(ValueError, match="has no column 'mode', a predictor of another model"):
        compare({"wave": by_wave, "mode": fitted(["mode"], other)})


def test_scores_of_two_scales_are_refused(by_wave, bins):
    with pytest.raises(ValueError, match=r"scores of different scales .* Pass outcome='classes'"):
        compare({"full": by_wave, "bins": bins}, outcome="scores")


@pytest.mark.parametrize("other", [RatingScale(1, 7), RatingScale(1, 5, 2, 4)])
def test_two_full_scales_or_cuts_are_refused(by_wave, other):
    second = fitted(["wave"], TABLE, other, np.ones(other.n_categories))
    with pytest.raises(ValueError, match="classes of different scales or cuts"):
        compare({"five": by_wave, "other": second}, outcome="classes")


def test_cuts_do_not_matter_to_scores(by_wave):
    other = fitted(["wave"], TABLE, RatingScale(1, 5, 2, 4))
    assert compare({"a": by_wave, "b": other}).attrs["outcome"] == "scores"


def test_one_model_is_no_comparison(by_wave):
    with pytest.raises(ValueError, match="two models or more; found 1"):
        compare({"only": by_wave})


def test_few_respondents_are_noted():
    few = TABLE[TABLE["wave"] == "c"]
    table = compare({"a": fitted(["wave"], few), "b": fitted([], few, seed=9)})
    assert table["note"].iloc[1] == "fewer than 100 respondents; difference below 4"


def test_intervals_are_matched():
    rows = pd.concat([TABLE, pd.DataFrame({"wave": "a", "score": [4], "score_upper": [5], "n": 6})])
    fits = {
        name: SaturatedDraws(made, PRIOR, counts=made.counts, seed=seed)
        for seed, (name, made) in enumerate(
            {"wave": design(rows, ["wave"], SCALE), "none": design(rows, [], SCALE)}.items()
        )
    }
    table = compare(fits)
    assert table.attrs["n"] == TABLE["n"].sum() + 6
    for name, fit in fits.items():
        assert table.loc[name, "elpd"] == pytest.approx(loo(fit).elpd)


def test_bins_hold_the_same_people():
    counts = pd.DataFrame(
        {
            "wave": [1, 1, 1, 2, 2],
            "score": [0, 6, 9, 7, None],
            "n": [1, 2, 3, 4, 5],
            "weight": [0.5, 1.0, 2.0, 3.0, 1.0],
        }
    )
    table = three_bins(counts)
    assert list(table.columns) == list(counts.columns)
    assert table.fillna(0).to_numpy().tolist() == [
        [1, 1, 3, 1.5],
        [1, 3, 3, 2.0],
        [2, 2, 4, 3.0],
        [2, 0, 5, 1.0],
    ]
    assert table.attrs["rating_scale"] == BINS


def test_stacking_maximises_the_density_of_the_mixture():
    # Two groups of respondents, each known to one model: the weights are their shares.
    elpd = np.log([[0.9, 1e-12], [1e-12, 0.9]])
    np.testing.assert_allclose(stacking_weights(elpd, np.array([30, 10])), [0.75, 0.25], atol=1e-6)
