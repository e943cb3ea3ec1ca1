"""Exact coverage against the binomial case, a simulation, and the sum of all chances."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import nps_research as npsr
from nps_research.coverage import nps_coverage


def test_with_two_classes_it_is_the_coverage_of_wilson():
    # Without passives NPS = 2p - 1, and the score interval is Wilson's.
    n, p = 12, 0.7
    k = np.arange(n + 1)
    limits = [stats.binomtest(int(x), n).proportion_ci(method="wilson") for x in k]
    inside = np.array([low <= p <= high for low, high in limits])
    exact = stats.binom.pmf(k, n, p) @ inside
    found = nps_coverage((1 - p, 0.0, p), [n], ["score"])
    assert found.loc[("score", n), "coverage"] == pytest.approx(exact, abs=1e-12)


def test_simulated_samples_cover_as_often():
    shares, n = np.array([0.2, 0.3, 0.5]), 15
    samples = np.random.default_rng(1).multinomial(n, shares, size=2000)
    counts = pd.concat(
        pd.DataFrame({"sample": i, "score": [3, 7, 10], "n": row}) for i, row in enumerate(samples)
    )
    limits = npsr.nps(counts, by="sample", method="adjusted_wald")
    share = ((limits["lower"] <= 30) & (limits["upper"] >= 30)).mean()
    exact = nps_coverage(shares, [n], ["adjusted_wald"])["coverage"].iloc[0]
    assert share == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 2000))


def test_a_wider_level_covers_more():
    narrow, wide = (nps_coverage((0.1, 0.3, 0.6), [20], level=level) for level in (0.8, 0.99))
    assert (wide["coverage"] > narrow["coverage"]).all()
    assert (wide["width"] > narrow["width"]).all()


def test_near_the_end_of_the_scale_wald_fails_and_score_does_not():
    table = nps_coverage((0.02, 0.08, 0.9), [10, 20, 40], ["wald", "score"])["coverage"]
    assert table["wald"].max() < 0.93
    assert table["score"].min() > 0.94


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0.5, 0.6, 0.1), [10]), "sum to 1"),
        (((0.1, 0.3, 0.6), [0]), "found 0"),
        (((0.1, 0.3, 0.6), [10], ["bootstrap"]), "random"),
        (((0.1, 0.3, 0.6), [10], ["jeffreys"]), "jeffreys"),
    ],
)
def test_impossible_questions_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        nps_coverage(*arguments)
