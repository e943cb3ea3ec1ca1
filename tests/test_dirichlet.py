from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, special, stats

from nps_research.dirichlet import dirichlet_cdf
from nps_research.intervals import interval

NPS = np.array([-1.0, 0.0, 1.0])


@pytest.mark.parametrize("answers", [[0, 25, 0], [20, 0, 20], [3, 1, 3], [10**6, 1, 10**6]])
def test_dirichlet_is_symmetric_when_the_answers_are(answers):
    assert dirichlet_cdf(NPS, np.array([answers]) + 0.5, np.zeros(1)) == pytest.approx(
        0.5, abs=1e-8
    )
    result = interval(NPS, [answers], "dirichlet")
    assert result.lower == pytest.approx(-result.upper, abs=1e-9)


def dirichlet_probability(shape, x):
    """Brute force: the share of detractors is Beta, promoters among the others too."""
    a, b, c = shape
    detractors = stats.beta(a, b + c)

    def given(u):
        share = detractors.isf(u) if u < 0.5 else detractors.ppf(1 - u)
        return special.betainc(c, b, np.clip((x + share) / (1 - share), 0, 1))

    edges = [detractors.sf(edge) for edge in (-x, (1 - x) / 2) if 0 < edge < 1]
    places = np.unique([0, *edges, *detractors.sf(detractors.mean() * np.array([0.1, 1, 3])), 1])
    options = {"epsabs": 1e-9, "epsrel": 1e-9, "limit": 500}
    return sum(integrate.quad(given, low, high, **options)[0] for low, high in pairwise(places))


@pytest.mark.parametrize(
    "answers",
    [[0, 0, 1], [1, 2, 3], [0, 0, 25], [0, 25, 0], [0, 7, 3], [12, 31, 57], [0, 0, 10**6]],
)
@pytest.mark.parametrize("prior", [0.5, 1.0])
def test_dirichlet_quantiles_by_quadrature(answers, prior):
    result = interval(NPS, [answers], "dirichlet", prior=prior)
    shape = np.array(answers) + prior
    assert dirichlet_probability(shape, result.lower[0]) == pytest.approx(0.025, abs=2e-8)
    assert dirichlet_probability(shape, result.upper[0]) == pytest.approx(0.975, abs=2e-8)


@pytest.mark.parametrize("n", [1, 25, 10**6])
def test_dirichlet_of_promoters_only_with_a_prior_of_one(n):
    # Closed form: 1 - NPS = p + 2 d, where (d, p) are uniform given the promoters.
    result = interval(NPS, [[0, 0, n]], "dirichlet", prior="uniform")
    gap = 1 - result.lower
    outside = 2 * (1 - gap / 2) ** (n + 2) - np.where(gap < 1, 1 - gap, 0) ** (n + 2)
    assert outside == pytest.approx(0.025, abs=1e-8)


@pytest.mark.parametrize("answers", [[2, 0, 1, 3, 9, 10, 8], [0, 0, 0, 0, 0, 0, 1], [10**5] * 7])
@pytest.mark.parametrize("prior", [0.1, 0.5])
def test_dirichlet_of_many_classes_by_simulation(answers, prior):
    values = np.array([0.0, 1, 2, 5, 7, 8, 10])
    result = interval(values, [answers], "dirichlet", 0.9, prior=prior)
    rng = np.random.default_rng(1)
    draws = rng.dirichlet(np.array(answers) + prior, 200_000) @ values
    assert result.se[0] == pytest.approx(draws.std(), rel=0.01)
    assert (draws < result.lower).mean() == pytest.approx(0.05, abs=0.002)
    assert (draws < result.upper).mean() == pytest.approx(0.95, abs=0.002)
