"""Links against their definitions in 50 digits."""

import math

import numpy as np
import pytest
from exact import EXPONENT_CAP, MP, interval, log, tails

from nps_research.ordinal import links
from nps_research.ordinal.links import LINK_NAMES

LINKS = [pytest.param(code, name, id=name) for code, name in enumerate(LINK_NAMES)]
POSITIVE = [
    1e-12,
    1e-3,
    0.4,
    1.0,
    1.5,
    5.0,
    8.3,
    19.9,
    20.1,
    30.0,
    37.9,
    100.0,
    689.0,
    699.0,
    800.0,
]
POINTS = [-x for x in POSITIVE] + [0.0] + POSITIVE
WIDTHS = [1e-8, 1e-3, 0.02, 1.0, 9.0, 300.0]
LOG_ODDS = [-690.0, -400.0, -60.0, -37.1, -36.9, -5.0, -1e-3, 0.0, 0.7, 12.0, 60.0, 400.0, 690.0]


def assert_close(found, exact, rtol):
    """Compare up to the cap of exponents; beyond it numbers have to be finite and as large."""
    found, exact = np.array(found), np.array(exact)
    beyond = np.abs(exact) > EXPONENT_CAP
    assert (np.abs(found[beyond]) > EXPONENT_CAP).all()
    assert np.isfinite(found[beyond]).all()
    np.testing.assert_allclose(found[~beyond], exact[~beyond], rtol=rtol, atol=1e-45)


@pytest.mark.parametrize(("code", "link"), LINKS)
class TestTails:
    def test_log_cdf_is_exact(self, code, link):
        exact = [log(tails(link, x)[0]) for x in POINTS]
        assert_close([links.log_cdf(code, x) for x in POINTS], exact, 1e-13)

    def test_log_sf_is_exact(self, code, link):
        exact = [log(tails(link, x)[1]) for x in POINTS]
        assert_close([links.log_sf(code, x) for x in POINTS], exact, 1e-13)

    def test_slope_of_log_cdf_is_exact(self, code, link):
        exact = [float(tails(link, x)[2] / tails(link, x)[0]) for x in POINTS]
        assert_close([links.slope_of_log_cdf(code, x) for x in POINTS], exact, 2e-13)

    def test_slope_of_log_sf_is_exact(self, code, link):
        exact = [-float(tails(link, x)[2] / tails(link, x)[1]) for x in POINTS]
        assert_close([links.slope_of_log_sf(code, x) for x in POINTS], exact, 2e-13)

    def test_the_mirror_image_is_the_link_of_minus_x(self, code, link):
        found = [links.log_cdf(links.mirror(code), -x) for x in POINTS]
        assert_close(found, [log(tails(link, x)[1]) for x in POINTS], 1e-13)


@pytest.mark.parametrize(("code", "link"), LINKS)
class TestIntervals:
    @pytest.mark.parametrize("width", WIDTHS)
    def test_log_probability_and_slopes_are_exact(self, code, link, width):
        # The oracle takes the bounds as they are rounded: the width of a thin interval far out is
        # a whole number of units in the last place.
        bounds = [(x, x + width) for x in POINTS]
        found = np.array([links.log_interval(code, a, b) for a, b in bounds])
        p, by_a, by_b = zip(*(interval(link, a, b) for a, b in bounds), strict=True)
        assert_close(found[:, 0], [log(value) for value in p], 1e-12)
        assert_close(found[:, 1], [float(s / v) for s, v in zip(by_a, p, strict=True)], 1e-11)
        assert_close(found[:, 2], [float(s / v) for s, v in zip(by_b, p, strict=True)], 1e-11)


@pytest.mark.parametrize("code", range(len(LINK_NAMES)), ids=LINK_NAMES)
class TestEdges:
    def test_a_bound_at_infinity_leaves_a_tail(self, code):
        for x in POINTS:
            below = links.log_interval(code, -math.inf, x)
            above = links.log_interval(code, x, math.inf)
            assert below == (links.log_cdf(code, x), 0.0, links.slope_of_log_cdf(code, x))
            assert above == (links.log_sf(code, x), links.slope_of_log_sf(code, x), 0.0)

    def test_the_whole_line_is_certain(self, code):
        assert links.log_interval(code, -math.inf, math.inf) == (0.0, 0.0, 0.0)

    @pytest.mark.parametrize(("a", "b"), [(0.3, 0.3), (1.0, -1.0), (800.0, -800.0), (800.0, 800.0)])
    def test_an_empty_or_reversed_interval_is_impossible_and_flat(self, code, a, b):
        assert links.log_interval(code, a, b) == (-math.inf, 0.0, 0.0)


@pytest.mark.parametrize(("code", "link"), LINKS)
class TestDensities:
    def test_log_pdf_is_exact(self, code, link):
        exact = [log(tails(link, x)[2]) for x in POINTS]
        assert_close([links.log_pdf(code, x) for x in POINTS], exact, 1e-13)

    def test_slope_of_log_pdf_is_exact(self, code, link):
        near = [x for x in POINTS if abs(x) < 50.0]
        exact = [float(MP.diff(lambda at: MP.log(tails(link, at)[2]), x)) for x in near]
        found = [links.slope_of_log_pdf(code, x) for x in near]
        np.testing.assert_allclose(found, exact, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("code", range(len(LINK_NAMES)), ids=LINK_NAMES)
class TestQuantiles:
    def test_quantile_and_log_cdf_undo_each_other(self, code):
        x = [links.quantile(code, log_odds) for log_odds in LOG_ODDS]
        below = [links.log_sigmoid(log_odds) for log_odds in LOG_ODDS]
        above = [links.log_sigmoid(-log_odds) for log_odds in LOG_ODDS]
        np.testing.assert_allclose([links.log_cdf(code, at) for at in x], below, rtol=2e-12)
        np.testing.assert_allclose([links.log_sf(code, at) for at in x], above, rtol=2e-12)

    def test_quantiles_ascend_and_are_finite(self, code):
        x = np.array([links.quantile(code, log_odds) for log_odds in LOG_ODDS])
        assert np.isfinite(x).all()
        assert (np.diff(x) > 0).all()

    def test_slope_of_quantile_is_exact(self, code):
        # d x / d log odds = p (1 - p) / f(x), with p = F(x).
        link = LINK_NAMES[code]
        x = [links.quantile(code, log_odds) for log_odds in LOG_ODDS]
        exact = [below * above / density for below, above, density in (tails(link, at) for at in x)]
        found = [links.slope_of_quantile(code, *at) for at in zip(LOG_ODDS, x, strict=True)]
        np.testing.assert_allclose(found, np.array(exact, dtype=float), rtol=2e-12)


@pytest.mark.parametrize("x", [-1e-300, -1e-20, -1e-5, -0.5, -0.7, -40.0, -800.0])
def test_log1mexp_is_exact(x):
    assert links.log1mexp(x) == pytest.approx(log(-MP.expm1(x)), rel=1e-14, abs=1e-300)


def test_log1mexp_of_zero_is_minus_infinity():
    assert links.log1mexp(0.0) == -math.inf


@pytest.mark.parametrize("name", [link for link in LINK_NAMES if link != "cauchit"])
def test_the_unit_of_priors_is_the_latent_standard_deviation(name):
    mean = MP.quad(lambda x: x * tails(name, x)[2], [-80, -8, 0, 8, 80])
    variance = MP.quad(lambda x: (x - mean) ** 2 * tails(name, x)[2], [-80, -8, 0, 8, 80])
    assert links.LATENT_SD[name] == pytest.approx(float(MP.sqrt(variance)), rel=1e-12)


def test_the_unit_of_cauchit_has_the_quartiles_of_a_normal_distribution():
    assert 1.0 / links.LATENT_SD["cauchit"] == pytest.approx(
        links.quantile(1, math.log(3)), rel=1e-4
    )
