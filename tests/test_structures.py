"""Structured cutpoints against their definition."""

import numpy as np
import pytest

from nps_research.ordinal.structures import EQUIDISTANT, STRUCTURES, SYMMETRIC, structure_matrix

RNG = np.random.default_rng(1)


def placed(kind, n_cutpoints):
    matrix = structure_matrix(kind, n_cutpoints)
    widths = RNG.uniform(0.1, 2.0, matrix.shape[1])
    return matrix @ widths, widths


@pytest.mark.parametrize("n_cutpoints", [2, 3, 10])
def test_equidistant_cuts_are_one_width_apart(n_cutpoints):
    cutpoints, widths = placed(EQUIDISTANT, n_cutpoints)
    np.testing.assert_allclose(np.diff(cutpoints), widths[0], rtol=1e-13)


@pytest.mark.parametrize("n_cutpoints", [2, 3, 4, 5, 10])
def test_symmetric_cuts_mirror_and_ascend(n_cutpoints):
    cutpoints, _ = placed(SYMMETRIC, n_cutpoints)
    np.testing.assert_array_equal(cutpoints, -cutpoints[::-1])
    assert (np.diff(cutpoints) > 0).all()


@pytest.mark.parametrize("n_cutpoints", [2, 3, 4, 5, 10])
def test_symmetric_widths_are_the_distances_from_the_inside_out(n_cutpoints):
    cutpoints, widths = placed(SYMMETRIC, n_cutpoints)
    np.testing.assert_allclose(np.diff(cutpoints)[-len(widths) :], widths, rtol=1e-13)
    assert len(widths) == n_cutpoints // 2


def test_an_odd_number_of_symmetric_cuts_has_one_at_the_centre():
    assert (structure_matrix(SYMMETRIC, 5)[2] == 0.0).all()


@pytest.mark.parametrize("kind", STRUCTURES[1:])
@pytest.mark.parametrize("n_cutpoints", [2, 3, 10])
def test_the_centre_is_the_mean_of_the_cuts(kind, n_cutpoints):
    assert structure_matrix(kind, n_cutpoints).sum(axis=0) == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("kind", STRUCTURES[1:])
def test_a_single_cut_has_no_width(kind):
    assert structure_matrix(kind, 1).shape == (1, 0)
