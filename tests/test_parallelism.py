"""Slopes at every cut against the closed forms of two-by-two tables."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nps_research.ordinal.model import OrdinalModel
from nps_research.ordinal.parallelism import parallelism
from nps_research.scale import RatingScale

SCALE = RatingScale(1, 5)
COUNTS = np.array([[20, 10, 0, 30, 50], [40, 5, 25, 15, 35]])


def count_table(counts):
    rows = [
        (wave, score, n)
        for wave, row in zip("ab", counts, strict=True)
        for score, n in enumerate(row, start=1)
    ]
    return pd.DataFrame(rows, columns=["wave", "score", "n"])


def log_odds_ratio(counts, score):
    below, above = counts[:, :score].sum(axis=1), counts[:, score:].sum(axis=1)
    return np.diff(np.log(above / below))[0], np.sqrt(np.sum(1 / below + 1 / above))


def test_slopes_are_log_odds_ratios():
    table = parallelism("score ~ wave", count_table(COUNTS), rating_scale=SCALE)
    exact = [log_odds_ratio(COUNTS, score) for score in (1, 2, 3, 4)]
    np.testing.assert_allclose(table[["estimate", "se"]], exact, rtol=1e-6)
    assert table["cut"].tolist() == SCALE.cutpoint_labels
    assert table.attrs["n"] == COUNTS.sum()


def test_the_shared_slope_is_that_of_the_model():
    counts = count_table(COUNTS)
    table = parallelism("score ~ wave", counts, rating_scale=SCALE)
    model = OrdinalModel("score ~ wave", counts, rating_scale=SCALE).maximum_likelihood()
    shared = table[["proportional", "proportional_se"]].drop_duplicates()
    np.testing.assert_allclose(shared, [model.estimates.loc["wave[b]"]])


def test_the_link_is_used():
    table = parallelism("score ~ wave", count_table(COUNTS), rating_scale=SCALE, link="probit")
    first, second = stats.norm.ppf(1 - COUNTS[:, 0] / COUNTS.sum(axis=1))
    assert table["estimate"][0] == pytest.approx(second - first)


def test_parallel_slopes_are_those_of_the_model():
    # Shares exactly as proportional odds has them, in whole numbers of a large survey.
    cutpoints = np.array([-2.0, -0.5, 0.5, 1.5])
    below = 1 / (1 + np.exp(-(cutpoints - np.array([[0.0], [0.8]]))))
    shares = np.diff(below, prepend=0, append=1)
    table = parallelism("score ~ wave", count_table((1e7 * shares).round()), rating_scale=SCALE)
    np.testing.assert_allclose(table[["estimate", "proportional"]], 0.8, atol=1e-5)


def test_separated_groups_have_infinite_slopes():
    counts = COUNTS.copy()
    counts[1, 0] = 0
    table = parallelism("score ~ wave", count_table(counts), rating_scale=SCALE)
    assert table["estimate"][0] == np.inf
    assert np.isnan(table["se"][0])
    assert np.isfinite(table[["estimate", "se"]][1:]).all(axis=None)


def test_cuts_beyond_all_answers_are_left_out():
    counts = COUNTS.copy()
    counts[:, 0] = 0
    table = parallelism("score ~ wave", count_table(counts), rating_scale=SCALE)
    assert table["cut"].tolist() == ["2|3", "3|4", "4|5"]


def test_several_terms_keep_the_order_of_the_formula():
    counts = count_table(COUNTS).assign(mode="web")
    counts = pd.concat([counts, counts.assign(mode="app", n=counts["n"] + 3)])
    table = parallelism("score ~ wave + mode", counts, rating_scale=SCALE)
    assert table["term"].unique().tolist() == ["wave[b]", "mode[web]"]
    assert len(table) == 8


def test_intervals_count_where_they_are_on_one_side():
    table = count_table(COUNTS).assign(score_upper=pd.NA)
    extra = {"wave": ["a", "b"], "score": 3, "score_upper": 5, "n": [11, 7]}
    counts = pd.concat([table, pd.DataFrame(extra)])
    found = parallelism("score ~ wave", counts, rating_scale=SCALE)
    more = COUNTS + np.array([[0, 0, 11, 0, 0], [0, 0, 7, 0, 0]])
    exact = [log_odds_ratio(c, s) for c, s in ((more, 1), (more, 2), (COUNTS, 3), (COUNTS, 4))]
    np.testing.assert_allclose(found[["estimate", "se"]], exact, rtol=1e-6)
