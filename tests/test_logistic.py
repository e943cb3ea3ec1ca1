"""The cumulative logit model's own loops: against 50 digits, and against the general form."""

import numpy as np
import pytest
from mpmath import mp

from nps_research.ordinal.families import CUMULATIVE, cell_log_likelihood
from nps_research.ordinal.links import LOGIT
from nps_research.ordinal.logistic import add_crossings, add_gaps, exp_of_negative, log_likelihoods
from nps_research.ordinal.parts import CellSlopes, Parts
from nps_research.ordinal.tallies import Entries, crossing_tallies, first_alike, gap_tallies

MP = mp.clone()
MP.dps = 50
GRID = np.concatenate([np.linspace(-800, 800, 161), np.linspace(-3, 3, 61), [1e-12, -1e-12]])


@pytest.mark.parametrize("x", [-0.0, -1e-300, -1e-9, -0.3, -0.35, -1.0, -20.0, -700.0, -707.9])
def test_exponentials_are_exact(x):
    assert exp_of_negative(x) == pytest.approx(float(MP.exp(MP.mpf(x))), rel=4e-16)


def test_exponentials_stay_positive_far_out():
    assert 0.0 < exp_of_negative(-1e5) < 1e-306


@pytest.mark.parametrize(("below", "above"), [(1.0, 0.0), (0.0, 1.0), (3.0, 250.0)])
def test_log_likelihoods_and_slopes_are_exact(below, above):
    values, slopes = np.empty(len(GRID)), np.empty(len(GRID))
    n = np.ones(len(GRID))
    log_likelihoods(GRID, below * n, above * n, values, slopes)
    for x, value, slope in zip(map(MP.mpf, GRID), values, slopes, strict=True):
        p, q = 1 / (1 + MP.exp(-x)), 1 / (1 + MP.exp(x))
        exact = -below * MP.log1p(MP.exp(-x)) - above * MP.log1p(MP.exp(x))
        # Beyond exp(-708) the logarithm of a probability near 1 is held at that.
        assert value == pytest.approx(float(exact), rel=1e-15, abs=1e-305)
        size = float(below * q + above * p)
        assert slope == pytest.approx(float(below * q - above * p), abs=4e-16 * size + 1e-305)


CUTS = np.array([[-1.5, -0.2, 0.4, 1.9], [-1.0, 0.0, 0.1, 0.9]])
ANSWERS = Entries(
    np.array([0, 0, 0, 1, 2, 2, 3]),
    np.array([[5, 0, 0], [2, 1, 2], [1, 4, 4], [3, 2, 2], [4, 3, 3], [1, 0, 4], [2, 1, 3.0]]),
)
ETA, PRECISION = np.array([0.3, -0.7, 1.1, 0.0]), np.array([1.0, 0.6, 1.7, 1.0])
GROUP = np.array([0, 1, 0, 1])


def found(predictors, shifts):
    """Values and slopes of all cells, from crossings and gaps."""
    ours = type("A", (), {})()
    tallies = crossing_tallies(ANSWERS, 4, 4)
    alike = first_alike(np.column_stack([GROUP, PRECISION, predictors]))
    ours.crossing_starts, ours.crossing_cells, ours.crossing_n = tallies.values()
    ours.gaps = gap_tallies(ANSWERS, alike, 4, all_gaps=True)
    ours.cutpoint_group, ours.cut_predictors = GROUP, predictors
    ours.scale_predictors = np.ones((4, 1))
    parts = Parts(CUTS, np.zeros((0, 1)), np.zeros(0), shifts)
    slopes = Parts(np.zeros_like(CUTS), parts.levels, parts.effects, np.zeros_like(shifts))
    cells = CellSlopes(np.zeros(4), np.zeros(4), np.zeros(4))
    add_gaps.py_func(ours, PRECISION, parts, slopes, cells)
    add_crossings.py_func(ours, ETA, PRECISION, parts, slopes, cells)
    return cells, slopes


def general(predictors, shifts):
    """The same, a cell at a time from its categories."""
    cells, slopes = CellSlopes(np.zeros(4), np.zeros(4), np.zeros(4)), np.zeros_like(CUTS)
    by_shift, work = np.zeros_like(shifts), np.empty((2, 5))
    for j in range(4):
        z = (CUTS[GROUP[j]] - ETA[j] - predictors[j] @ shifts) * PRECISION[j]
        own, by_z = ANSWERS.answers[ANSWERS.cell == j], np.zeros(4)
        args = (CUMULATIVE, LOGIT, z, own, 0, len(own), work, by_z)
        cells.values[j] = cell_log_likelihood(*args)
        cells.by_eta[j] = -(by_z * PRECISION[j]).sum()
        cells.by_log_sd[j] = -(by_z * z).sum()
        slopes[GROUP[j]] += by_z * PRECISION[j]
        by_shift -= np.outer(predictors[j], by_z * PRECISION[j])
    return cells, slopes, by_shift


@pytest.mark.parametrize("columns", [0, 2])
def test_crossings_and_gaps_are_the_likelihood_of_all_categories(columns):
    predictors = np.array([[0.5, 1.0], [-0.3, 0.0], [0.0, 0.2], [1.0, -1.0]])[:, :columns]
    shifts = np.array([[0.1, 0.2, 0.2, 0.3], [0.0, 0.05, 0.0, 0.1]])[:columns]
    cells, slopes = found(predictors, shifts)
    exact, by_cutpoint, by_shift = general(predictors, shifts)
    assert cells.values.sum() == pytest.approx(exact.values.sum(), rel=1e-14)
    assert cells.by_log_sd.sum() == pytest.approx(exact.by_log_sd.sum(), rel=1e-13)
    np.testing.assert_allclose(cells.by_eta, exact.by_eta, rtol=1e-13)
    np.testing.assert_allclose(slopes.cutpoints, by_cutpoint, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(slopes.shifts, by_shift, rtol=1e-12, atol=1e-15)


def test_crossing_cuts_have_no_likelihood_even_where_nobody_answered():
    predictors, shifts = np.array([[0.0], [0.0], [0.0], [1.0]]), np.array([[0.0, 0.0, 0.0, 5.0]])
    cells, _ = found(predictors, shifts)
    assert cells.values.sum() == -np.inf


def test_crossings_count_answers_on_either_side_of_a_cut():
    tallies = crossing_tallies(ANSWERS, 4, 4)
    assert tallies["crossing_starts"].tolist() == [0, 2, 3, 6, 9]
    assert tallies["crossing_cells"].tolist() == [0, 3, 1, 0, 1, 2, 0, 2, 3]
    below, above = tallies["crossing_n"].tolist()
    assert below == [5, 0, 0, 2, 3, 0, 0, 4, 2]
    assert above == [2, 2, 3, 0, 0, 4, 1, 0, 0]


def test_cells_with_the_same_cuts_share_their_gaps():
    gaps = gap_tallies(ANSWERS, np.array([0, 1, 0, 1]), 4, all_gaps=False)
    assert gaps.tolist() == [[2, 0, 0, 2], [4, 0, 2, 3], [2, 1, 0, 3], [3, 1, 1, 2]]
