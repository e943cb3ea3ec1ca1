"""Families against their definitions in 50 digits."""

from functools import cache
from itertools import product

import exact
import numpy as np
import pytest
from exact import EXPONENT_CAP, MP

from nps_research.ordinal.families import (
    FAMILIES,
    Family,
    cell_log_likelihood,
    stick_cutpoints,
)
from nps_research.ordinal.links import LINK_NAMES

CUTS = {
    "even": np.array([-1.0, 0.0, 1.0]),
    "two": np.array([-0.4, 1.1]),
    "eleven scores": np.array([-4.9, -4.4, -3.9, -3.3, -2.7, -2.0, -1.2, 0.0, 1.3, 2.4]),
    "thin": np.array([-1.0, -0.999, 0.3, 0.301]),
    "thinnest": np.array([0.2, 0.2 + 1e-8, 1.0, 1.0 + 1e-8]),
    "wide": np.array([-40.0, -2.0, 25.0, 60.0]),
}
ETA = [0.0, 0.4, 3.0, 8.0, 19.9, 20.4, 30.0, 38.0, 100.0, 300.0, 705.0, 800.0]
ETA = [-eta for eta in ETA[:0:-1]] + ETA
PRECISIONS = {"even": [1.0, 0.2, 3.0], "eleven scores": [1.0, 0.3]}

every_family = pytest.mark.parametrize("name", FAMILIES)
every_link = pytest.mark.parametrize("link", LINK_NAMES)
every_cuts = pytest.mark.parametrize("cuts", CUTS)


@cache
def positions(cuts):
    """Latent positions of the cuts, with rounding: the functions and the oracle both get them."""
    precision = np.array(PRECISIONS.get(cuts, [1.0]))[:, None, None]
    z = (CUTS[cuts] - np.array(ETA)[:, None]) * precision
    return z.reshape(-1, len(CUTS[cuts]))


def likelihood(family, z, entries):
    """Log-likelihood of the answers (n, low, high) of one cell, and its slopes by z."""
    entries = np.array(entries, dtype=float)
    slopes, work = np.zeros(len(z)), np.empty((2, len(z) + 1))
    codes = (family.code, family.link_code)
    value = cell_log_likelihood(*codes, z, entries, 0, len(entries), work, slopes)
    return value, slopes


def slopes_of_categories(family, z):
    return np.array([likelihood(family, z, [(1, k, k)])[1] for k in range(len(z) + 1)])


def assert_close(found, expected, rtol):
    """Compare up to the cap of exponents; beyond it numbers have to be finite and as large."""
    beyond = np.abs(expected) > EXPONENT_CAP
    assert np.isfinite(found).all()
    assert (np.sign(found) * np.sign(expected) > 0)[beyond].all()
    assert (np.abs(found) > EXPONENT_CAP)[beyond].all()
    np.testing.assert_allclose(found[~beyond], expected[~beyond], rtol=rtol, atol=1e-45)


@every_family
@every_link
@every_cuts
class TestExactness:
    def test_log_probabilities(self, name, link, cuts):
        z = positions(cuts)
        found = Family(name, link).log_probabilities(z)
        for row, at in zip(found, z, strict=True):
            assert_close(
                row, np.array([exact.log(p) for p in exact.probabilities(name, link, at)]), 1e-12
            )

    def test_slopes_of_every_category_by_every_cut(self, name, link, cuts):
        family = Family(name, link)
        for z in positions(cuts):
            expected = exact.as_doubles(exact.slopes(name, link, z))
            assert_close(slopes_of_categories(family, z), expected, 1e-10)

    def test_slopes_by_eta(self, name, link, cuts):
        # The slopes by two near cuts are large and of opposite sign. Their sum, the slope by eta,
        # is as exact as doubles of that size can be: to some units in their last place.
        family = Family(name, link)
        for z in positions(cuts):
            slopes = exact.slopes(name, link, z)
            largest = np.abs(exact.as_doubles(slopes)).max(axis=1)
            expected = np.array([float(MP.fsum(row)) for row in slopes])
            found = slopes_of_categories(family, z).sum(axis=1)
            fine = largest < EXPONENT_CAP
            assert np.isfinite(found).all()
            error = np.abs(found - expected)[fine]
            assert (error <= (1e-10 * np.abs(expected) + 1e-12 * largest)[fine] + 1e-45).all()


@every_family
@every_link
@every_cuts
def test_probabilities_sum_to_one(name, link, cuts):
    p = np.exp(Family(name, link).log_probabilities(positions(cuts)))
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)


@every_family
@every_link
def test_a_category_between_reversed_cuts_is_impossible_only_if_cumulative(name, link):
    log_p = Family(name, link).log_probabilities(np.array([0.0, 1.0, 0.5, 0.5]))
    impossible = [False, False, True, True, False]
    assert not np.isnan(log_p).any()
    assert ((log_p == -np.inf) == (np.array(impossible) & (name == "cumulative"))).all()


# Cutpoints -1, 0, 1, to the digits of published tables of what other software loses.
TRAPS = [
    ("logit", -30.0, [-2.54367e-13, -29.4587, -30.4587, -31.0]),
    ("logit", -38.0, [-8.53305e-17, -37.4587, -38.4587, -39.0]),
    ("logit", 100.0, [-101.0, -100.459, -99.4587, 0.0]),
    ("logit", 800.0, [-801.0, -800.459, -799.459, 0.0]),
    ("probit", 30.0, [-484.854, -454.321, -424.788, 0.0]),
    ("probit", 38.0, [-765.083, -726.557, -689.031, 0.0]),
    ("probit", 100.0, [-5106.03, -5005.52, -4906.01, 0.0]),
]


@pytest.mark.parametrize(("link", "eta", "expected"), TRAPS)
def test_log_probabilities_where_differences_of_probabilities_are_lost(link, eta, expected):
    family, z = Family("cumulative", link), np.array([-1.0, 0.0, 1.0]) - eta
    np.testing.assert_allclose(family.log_probabilities(z), expected, rtol=2e-5, atol=1e-40)
    mirrored = family.log_probabilities(-z[::-1])
    np.testing.assert_allclose(mirrored[::-1], expected, rtol=2e-5, atol=1e-40)


@pytest.mark.parametrize(("link", "eta", "expected"), TRAPS)
def test_slopes_where_differences_of_probabilities_are_lost(link, eta, expected):
    # Below eta, the slope by eta of a logit is -1, and that of a probit about z.
    z = np.array([-1.0, 0.0, 1.0]) - eta
    by_eta = -slopes_of_categories(Family("cumulative", link), z).sum(axis=1)
    assert np.isfinite(expected).all()
    far = by_eta[1:] if eta < 0 else by_eta[:3]
    reference = np.full(3, -np.sign(eta)) if link == "logit" else z
    np.testing.assert_allclose(far, reference, rtol=0.02)


@every_family
@every_link
class TestIntervalCensoring:
    intervals = ((0, 1), (1, 2), (0, 2), (2, 4), (1, 4), (0, 4))
    rows = CUTS["thin"] - np.array([[-30.0], [-3.0], [0.0], [0.4], [8.0], [30.0]])

    def test_probabilities_of_the_categories_add_up(self, name, link):
        for z, (low, high) in product(self.rows, self.intervals):
            found, _ = likelihood(Family(name, link), z, [(1, low, high)])
            p = exact.probabilities(name, link, z)[low : high + 1]
            assert found == pytest.approx(exact.log(MP.fsum(p)), rel=1e-12, abs=1e-15)

    def test_slopes_are_those_of_the_sum(self, name, link):
        for z, (low, high) in product(self.rows, self.intervals):
            _, found = likelihood(Family(name, link), z, [(1, low, high)])
            p = exact.probabilities(name, link, z)[low : high + 1]
            slopes = zip(*exact.slopes(name, link, z)[low : high + 1], strict=True)
            expected = [float(MP.fdot(p, by_cut) / MP.fsum(p)) for by_cut in slopes]
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)


@every_family
@every_link
def test_the_likelihood_of_a_cell_adds_up_its_answers(name, link):
    family, z = Family(name, link), np.array([-1.3, 0.1, 0.9])
    entries = np.array([[9.0, 0.0, 0.0], [3.0, 0.0, 0.0], [2.5, 1.0, 2.0], [4.0, 3.0, 3.0]])
    slopes, work = np.full(3, 10.0), np.empty((2, 4))
    codes = (family.code, family.link_code)
    found = cell_log_likelihood(*codes, z, entries, 1, 4, work, slopes)
    single = [likelihood(family, z, [(1, *entry[1:])]) for entry in entries[1:]]
    n = entries[1:, 0]
    assert found == pytest.approx(sum(n * [value for value, _ in single]), rel=1e-14)
    np.testing.assert_allclose(slopes, 10.0 + n @ [slope for _, slope in single], rtol=1e-13)


STICKS = {
    "even": np.array([-1.4, -1.1, -0.7, 0.0]),
    "one": np.array([0.3]),
    "low": np.array([-60.0, -60.0, 1.0, -2.0]),
    "high": np.array([60.0, -3.0, 60.0, 0.5]),
    "both": np.array([-60.0, 60.0, -60.0, 60.0]),
}
every_sticks = pytest.mark.parametrize("sticks", STICKS.values(), ids=STICKS)


def log_shares(sticks):
    """Logarithms of the shares of categories, in 50 digits."""
    stop = [1 / (1 + MP.exp(-s)) for s in map(MP.mpf, sticks)] + [MP.mpf(1)]
    go = [1 / (1 + MP.exp(s)) for s in map(MP.mpf, sticks)]
    return [MP.log(MP.fprod([*go[:k], stop[k]])) for k in range(len(stop))]


@every_family
@every_link
@every_sticks
class TestCutpoints:
    def test_cutpoints_give_back_the_shares_of_the_sticks(self, name, link, sticks):
        family = Family(name, link)
        cutpoints = family.cutpoints(sticks)
        found = family.log_probabilities(cutpoints)
        expected = np.array([float(log_share) for log_share in log_shares(sticks)])
        # A share between two cutpoints that are the same double, or nearly, is lost in them.
        apart = np.diff(cutpoints) > 1e-4 * np.abs(cutpoints[1:])
        kept = np.array([True, *apart, True]) | (name != "cumulative")
        np.testing.assert_allclose(found[kept], expected[kept], rtol=1e-11)

    def test_derivatives_by_sticks_are_exact(self, name, link, sticks):
        found, cutpoints = np.empty((len(sticks), len(sticks))), np.empty(len(sticks))
        family = Family(name, link)
        stick_cutpoints(family.code, family.link_code, sticks, cutpoints, found)
        for k, x in enumerate(cutpoints):
            below, above, density = exact.tails(link, x if name in ("cumulative", "sratio") else -x)
            by_log_odds = below * above / density
            expected = [float(by_log_odds * slope) for slope in slopes_of_log_odds(name, sticks, k)]
            np.testing.assert_allclose(found[k], expected, rtol=1e-11, atol=1e-45)


def slopes_of_log_odds(name, sticks, k):
    """Derivatives by every stick of the log odds that the cutpoint k stands for."""

    def log_odds(at):
        p = [MP.exp(log_share) for log_share in log_shares(at)]
        if name == "cumulative":
            return MP.log(MP.fsum(p[: k + 1]) / MP.fsum(p[k + 1 :]))
        return MP.log(p[k] / (p[k + 1] if name == "acat" else MP.fsum(p[k + 1 :])))

    with MP.workdps(400):
        steps = MP.mpf("1e-100") * MP.eye(len(sticks))
        at = MP.matrix(sticks.tolist())
        return [
            (log_odds(at + steps[:, i]) - log_odds(at - steps[:, i])) / MP.mpf("2e-100")
            for i in range(len(sticks))
        ]


@every_family
@every_link
def test_cutpoints_of_many_sticks_keep_their_shape_and_their_order(name, link):
    sticks = np.random.default_rng(1).normal(scale=3.0, size=(5, 7, 4))
    cutpoints = Family(name, link).cutpoints(sticks)
    assert cutpoints.shape == sticks.shape
    np.testing.assert_array_equal(cutpoints[2, 3], Family(name, link).cutpoints(sticks[2, 3]))
    if name == "cumulative":
        assert (np.diff(cutpoints) > 0).all()
