"""The bent coordinates of sticks: smooth, increasing, and normal where answers are few."""

import numpy as np
import pytest
from scipy import special, stats

from nps_research.ordinal.warp import unwarped_rows, warped

WARPS = [
    pytest.param((0.0, 1.0, 0.0, 0.0), id="none"),
    pytest.param((-1.0, 0.3, 0.02, 0.01), id="many answers"),
    pytest.param((-4.0, 2.7, 3.5, 0.001), id="nobody gave the score"),
    pytest.param((2.0, 3.0, 0.1, 5.0), id="nobody above the score"),
]


@pytest.mark.parametrize("warp", WARPS)
def test_slopes_are_those_of_the_value(warp):
    warp, step = np.array(warp), 1e-4
    for x in np.linspace(-30, 30, 41):
        values = [warped(x + d, warp) for d in (-step, 0.0, step)]
        slope = (values[2][0] - values[0][0]) / (2 * step)
        bend = (np.log(values[2][1]) - np.log(values[0][1])) / (2 * step)
        assert values[1][1] == pytest.approx(slope, rel=1e-6)
        assert values[1][2] == pytest.approx(bend, abs=1e-6)
        assert values[1][1] > 0


@pytest.mark.parametrize("warp", WARPS)
def test_the_inverse_comes_back(warp):
    sticks = np.linspace(-300, 300, 101)[:, None]
    columns = np.array(warp)[:, None]
    coordinates = unwarped_rows(sticks, columns)[:, 0]
    back = [warped(x, columns[:, 0])[0] for x in coordinates]
    np.testing.assert_allclose(back, sticks[:, 0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("stop", "above"), [(0.14, 20.0), (0.5, 0.5), (30.0, 4.0), (0.15, 1.35), (0.15, 0.15)]
)
def test_log_odds_of_beta_variables_become_about_normal(stop, above):
    warp = np.array([np.log(stop / above), np.sqrt(1 / stop + 1 / above), 0.5 / stop, 0.5 / above])[
        :, None
    ]
    p = np.linspace(0.001, 0.999, 999)
    log_odds = special.logit(stats.beta(stop, above).ppf(p))
    usable = np.isfinite(log_odds)
    coordinates = unwarped_rows(log_odds[usable, None], warp)[:, 0]
    normal = stats.norm.ppf(p[usable])
    assert np.corrcoef(coordinates, normal)[0, 1] > 0.995
