"""Reliability of probabilities against closed forms and row-by-row scores."""

import numpy as np
import pandas as pd
import pytest
from saturated import SaturatedDraws, design

from nps_research.ordinal.reliability import brier_decomposition, calibration
from nps_research.scale import RatingScale

SCALE = RatingScale(1, 5)
PRIOR = np.full(5, 0.5)
TABLE = pd.DataFrame(
    {
        "wave": np.repeat(["a", "b", "c", "d"], 5),
        "score": np.tile([1, 2, 3, 4, 5], 4),
        "n": [9, 4, 3, 20, 14, 3, 1, 8, 11, 30, 20, 9, 6, 4, 2, 6, 8, 3, 12, 5],
    }
)


def drawn(answers, counts, rows=TABLE):
    """Draws of the posterior given `counts`, with the answers of `answers`."""
    made = design(rows.assign(n=answers.ravel()) if answers is not None else rows, ["wave"], SCALE)
    return SaturatedDraws(made, PRIOR, counts=counts)


@pytest.fixture(scope="module")
def fit():
    counts = design(TABLE, ["wave"], SCALE).counts
    return drawn(None, counts)


def test_predictions_in_the_order_of_the_answers_are_left_alone(fit):
    table = calibration(fit, cuts="all", simulations=50, random_seed=1)
    assert table["cut"].unique().tolist() == SCALE.cutpoint_labels
    np.testing.assert_allclose(table["calibrated"], table["observed"])
    counts = fit.design.counts
    exact = np.sort(counts[:, 4] / counts.sum(axis=1))
    np.testing.assert_allclose(table.loc[table["cut"] == "4|5", "observed"], exact)


def test_the_two_cuts_of_nps_are_the_default(fit):
    table = calibration(fit, simulations=20, random_seed=1)
    assert table["cut"].unique().tolist() == ["3|4", "4|5"]
    assert (table.groupby("cut")["n"].sum() == TABLE["n"].sum()).all()


def test_predictions_in_the_opposite_order_are_pooled(fit):
    # Predictions of one pair of cells are swapped, so that both get the pair's overall share.
    counts = fit.design.counts[[1, 0, 2, 3]]
    swapped = drawn(None, counts)
    table = calibration(swapped, simulations=20, random_seed=1)
    rows = table[table["cut"] == "4|5"]
    pair = fit.design.counts[:2]
    assert rows["calibrated"].tail(2).tolist() == pytest.approx([pair[:, 4].sum() / pair.sum()] * 2)


def test_the_band_holds_the_model_s_own_answers(fit):
    rng = np.random.default_rng(4)
    sizes = fit.design.counts.sum(axis=1).astype(int)
    shares = np.exp(fit.log_probabilities().to_numpy()).reshape(-1, 4, 5)
    inside = []
    for p in shares[rng.integers(len(shares), size=60)]:
        answers = rng.multinomial(sizes, p)
        table = calibration(drawn(answers, fit.design.counts), simulations=300, random_seed=2)
        inside.append(table["calibrated"].between(table["lower"], table["upper"]).mean())
    assert 0.9 < np.mean(inside) < 0.99


def test_an_interval_counts_where_it_is_on_one_side():
    extra = {"wave": "a", "score": [4, 3, 1], "score_upper": [5, 5, 3], "n": [10, 100, 1000]}
    rows = pd.concat([TABLE, pd.DataFrame(extra)])
    made = design(rows, ["wave"], SCALE)
    table = calibration(SaturatedDraws(made, PRIOR, counts=made.counts), simulations=9)
    sizes = table.groupby("cut")["n"].sum() - TABLE["n"].sum()
    assert sizes.to_dict() == {"3|4": 1010, "4|5": 1000}
    beyond = (table["n"] * table["observed"]).groupby(table["cut"]).sum()
    exact = made.counts[:, 3:].sum() + 10, made.counts[:, 4].sum()
    assert beyond.tolist() == pytest.approx(exact)


def test_cells_with_the_same_prediction_are_one():
    fit = drawn(None, np.full((4, 5), 3.0))
    fit._log_p[:] = fit._log_p.isel(cell=0)
    table = calibration(fit, simulations=9)
    assert table["n"].tolist() == [TABLE["n"].sum()] * 2


def test_the_parts_add_up_to_the_brier_score_of_the_rows(fit):
    table = calibration(drawn(None, fit.design.counts[[1, 0, 3, 2]]), cuts="all", simulations=9)
    parts = brier_decomposition(table)
    total = parts["miscalibration"] - parts["discrimination"] + parts["uncertainty"]
    np.testing.assert_allclose(total, parts["brier"])
    rows = table[table["cut"] == "3|4"]
    beyond = (rows["n"] * rows["observed"]).round().astype(int)
    errors = np.concatenate(
        [
            ((1 - rows["predicted"]) ** 2).repeat(beyond),
            (rows["predicted"] ** 2).repeat(rows["n"] - beyond),
        ]
    )
    assert parts.loc["3|4", "brier"] == pytest.approx(errors.mean())
    assert (parts["miscalibration"] >= 0).all()
