"""Leave-one-out values against closed forms, refits and ArviZ's computation row by row."""

import arviz_stats
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from saturated import SaturatedDraws, design

from nps_research.ordinal.leaving_out import relative_efficiency
from nps_research.ordinal.loo import LooWarning, loo, reloo, standard_error
from nps_research.scale import RatingScale

SCALE = RatingScale(1, 5)
PRIOR = np.array([0.5, 1.0, 0.5, 2.0, 1.0])
TABLE = pd.DataFrame(
    {
        "wave": [1, 1, 1, 1, 2, 2, 2, 3, 3],
        "score": [1, 3, 4, 5, 2, 4, 5, 3, 4],
        "n": [12, 7, 30, 21, 9, 17, 25, 8, 11],
    }
)


@pytest.fixture(scope="module")
def draws():
    return SaturatedDraws(design(TABLE, ["wave"], SCALE), PRIOR)


def row_by_row(draws, lowest, highest, n, cell):
    """ArviZ's result for a table with one row a respondent."""
    log_p = draws.log_probabilities()
    rows = [
        np.logaddexp.reduce(log_p.isel(cell=j, score=slice(low, high + 1)).to_numpy(), axis=-1)
        for j, low, high, size in zip(cell, lowest, highest, n, strict=True)
        for _ in range(size)
    ]
    likelihood = xr.DataArray(np.stack(rows, -1), dims=("chain", "draw", "respondent"))
    groups = {"posterior": draws.parameters, "log_likelihood": likelihood.to_dataset(name="y")}
    return arviz_stats.loo(xr.DataTree.from_dict(groups), pointwise=True)


def closed_form(draws, table, merge=None):
    """Log P(answer) of each respondent given the others: the Dirichlet-multinomial's."""
    merge = np.eye(len(draws.concentration)) if merge is None else merge
    alike = (draws.design.counts + draws.concentration) @ merge @ merge.T - 1
    size = draws.design.counts.sum(axis=1) + draws.concentration.sum() - 1
    return np.log(alike[table["cell"], table["score"] - 1] / size[table["cell"]])


def test_counts_give_what_rows_give(draws):
    table = loo(draws).pointwise
    answers = [table[name] - 1 for name in ("score", "score_upper")]
    exact = row_by_row(draws, *answers, table["n"], table["cell"])
    result = loo(draws)
    found = [result.elpd, result.se, result.p_loo, result.threshold]
    np.testing.assert_allclose(found, [exact.elpd, exact.se, exact.p, exact.good_k], rtol=1e-10)
    np.testing.assert_allclose(table["elpd"].repeat(table["n"]), exact.elpd_i, atol=1e-10)
    np.testing.assert_allclose(table["pareto_k"].repeat(table["n"]), exact.pareto_k, atol=1e-10)


def test_the_order_of_chains_and_draws_matters_as_in_arviz(draws):
    # Autocorrelated draws: the relative efficiency is then far from 1 and sets the tail.
    slow = SaturatedDraws(draws.design, PRIOR)
    order = np.argsort(slow._log_p[:, :, 0, 0].to_numpy(), axis=1)
    slow._log_p = slow._log_p.isel(draw=xr.DataArray(order[0], dims="draw"))
    slow.parameters = np.exp(slow._log_p).rename("shares").to_dataset()
    table = loo(slow).pointwise
    exact = row_by_row(slow, table["score"] - 1, table["score"] - 1, table["n"], table["cell"])
    assert relative_efficiency(slow.parameters) < 0.9
    np.testing.assert_allclose(loo(slow).elpd, exact.elpd, rtol=1e-10)


def test_one_chain_is_taken_as_independent_as_in_arviz(draws):
    one = SaturatedDraws(draws.design, PRIOR, chains=1)
    table = loo(one).pointwise
    exact = row_by_row(one, table["score"] - 1, table["score"] - 1, table["n"], table["cell"])
    np.testing.assert_allclose(loo(one).elpd, exact.elpd, rtol=1e-10)


def test_scores_agree_with_the_closed_form(draws):
    table = loo(draws).pointwise
    exact = closed_form(draws, table)
    np.testing.assert_allclose(table["elpd"], exact, atol=0.02)


def test_classes_are_predicted_without_the_whole_answer(draws):
    table = loo(draws, "classes").pointwise
    merge = np.eye(3)[(SCALE.nps_values + 1).astype(int)]
    exact = closed_form(draws, table, merge)
    np.testing.assert_allclose(table["elpd"], exact, atol=0.01)


def test_intervals_are_respondents_too():
    rows = pd.concat([TABLE, pd.DataFrame({"wave": 2, "score": [4], "score_upper": [5], "n": [6]})])
    censored = design(rows, ["wave"], SCALE)
    several = SaturatedDraws(censored, PRIOR, counts=censored.counts)
    table = loo(several).pointwise
    exact = row_by_row(
        several, table["score"] - 1, table["score_upper"] - 1, table["n"], table["cell"]
    )
    assert loo(several).n == TABLE["n"].sum() + 6
    np.testing.assert_allclose(loo(several).elpd, exact.elpd, rtol=1e-10)
    np.testing.assert_allclose(loo(several).se, exact.se, rtol=1e-10)


@pytest.fixture(scope="module")
def rare():
    counts = pd.DataFrame({"score": [1, 4, 5], "n": [1, 30, 21]})
    return SaturatedDraws(design(counts, [], SCALE), np.full(5, 0.05))


def test_unreliable_respondents_are_reported(rare):
    with pytest.warns(LooWarning, match="not reliable for 1 of 52 respondents"):
        result = loo(rare)
    assert result.n_unreliable == 1
    assert "NOT reliable: Pareto k above 0.70 for 1 of 52 respondents" in repr(result)
    assert "NOT reliable" in result._repr_html_()


def test_refits_are_exact_where_importance_sampling_fails(rare):
    result = reloo(rare, rare.refit)
    table = result.pointwise
    exact = closed_form(rare, table)
    assert table["refitted"].tolist() == [True, False, False]
    np.testing.assert_allclose(table["elpd"], exact, atol=0.2)
    assert result.n_unreliable == 0
    with pytest.warns(LooWarning):
        assert abs(loo(rare).pointwise["elpd"][0] - exact[0]) > 0.5


def test_a_threshold_refits_everything(draws):
    result = reloo(draws, draws.refit, threshold=-np.inf)
    table = result.pointwise
    exact = closed_form(draws, table)
    assert table["refitted"].all()
    np.testing.assert_allclose(table["elpd"], exact, atol=0.02)
    assert result.p_loo == pytest.approx(loo(draws).p_loo, abs=0.3)


def test_a_refit_leaves_out_one_respondent():
    rows = pd.DataFrame({"score": [4, 5, 4], "score_upper": [None, None, 5], "n": [3, 2, 6]})
    censored = design(rows, [], SCALE)
    asked = []

    def refit(counts, censored_n):
        asked.append((counts.sum(), censored_n.sum()))
        return SaturatedDraws(censored, PRIOR, counts=counts)

    reloo(SaturatedDraws(censored, PRIOR), refit, threshold=-np.inf)
    assert asked == [(4, 6), (4, 6), (5, 5)]
    assert censored.counts.sum() == 5


def test_the_standard_error_is_that_of_the_rows():
    values, n = np.array([-1.0, -2.5, -0.3]), np.array([4, 1, 7])
    rows = values.repeat(n)
    assert standard_error(values, n) == pytest.approx(np.sqrt(12) * rows.std(ddof=1))


def test_unknown_outcomes_are_refused(draws):
    with pytest.raises(ValueError, match="outcome must be one of"):
        loo(draws, "groups")


def test_an_interval_of_the_whole_scale_says_nothing():
    rows = pd.DataFrame({"score": [4, 5, 1], "score_upper": [None, None, 5], "n": [30, 20, 6]})
    whole = design(rows, [], SCALE)
    last = loo(SaturatedDraws(whole, PRIOR, counts=whole.counts)).pointwise.iloc[-1]
    np.testing.assert_allclose(last[["elpd", "p_loo", "pareto_k"]].astype(float), 0, atol=1e-12)
