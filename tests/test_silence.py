"""Churn of the silent: exact posteriors, and what makes a ratio of 4 to 14."""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from nps_research.silence.churn_ratio import (
    churn_ratio,
    churn_risks,
    needed_response_slope,
    ratio_cdf,
    silent_ratio,
)

COUNTS = pd.DataFrame(
    {
        "score": [3, 9, 3, 9, None, None],
        "churned": [0, 0, 1, 1, 0, 1],
        "n": [80, 480, 20, 20, 300, 100],
    }
)
WAVES = pd.concat([COUNTS.assign(before="answered"), COUNTS.assign(before="silent", n=10)])


def test_risks_are_beta_posteriors():
    table = churn_risks(COUNTS, level=0.8)
    row = table.loc["3"]
    expected = stats.beta(20.5, 80.5).ppf([0.1, 0.9])
    assert row[["lower", "upper"]].tolist() == pytest.approx(expected.tolist())
    assert table.loc[["silent", "answered"], "risk"].tolist() == [0.25, pytest.approx(40 / 600)]


def test_ratio_agrees_with_draws():
    generator = np.random.default_rng(1)
    silent, answered = generator.beta(100.5, 300.5, 400_000), generator.beta(40.5, 560.5, 400_000)
    ratio = silent / answered
    row = churn_ratio(COUNTS).loc["all"]
    assert row["ratio"] == pytest.approx(np.median(ratio), rel=0.002)
    expected = np.quantile(ratio, [0.05, 0.95])
    assert row[["lower", "upper"]].tolist() == pytest.approx(expected.tolist(), rel=0.004)
    inside = ((ratio >= 4) & (ratio <= 14)).mean()
    assert row["inside"] == pytest.approx(inside, abs=0.004)
    assert row[["below", "inside", "above"]].sum() == pytest.approx(1)


def test_ratio_cdf_has_a_closed_form_without_prior_information():
    # P(B1 <= B2) of two Beta(1/2, 1/2) is one half.
    nothing = np.zeros(2)
    assert ratio_cdf([1.0], nothing, nothing)[0] == pytest.approx(0.5, abs=1e-3)


def test_waves_are_told_apart():
    table = churn_ratio(WAVES, by="before")
    assert table.loc["answered", "ratio"] == pytest.approx(churn_ratio(COUNTS).loc["all", "ratio"])
    assert table.loc["silent", "lower"] < 1 < table.loc["silent", "upper"]


def test_negative_control_holds_one():
    generator = np.random.default_rng(2)
    held = []
    for _ in range(100):
        left = generator.binomial([350, 650], 0.1)
        sizes = [350 - left[0], left[0], 650 - left[1], left[1]]
        columns = {"score": [9, 9, None, None], "churned": [0, 1, 0, 1]}
        row = churn_ratio(pd.DataFrame(columns | {"n": sizes})).loc["all"]
        held.append(row["lower"] <= 1 <= row["upper"])
    assert np.mean(held) == pytest.approx(0.9, abs=0.08)


@pytest.mark.parametrize(("slope", "steep", "gone"), [(0.7, 1.2, 0.0), (0.3, 0.8, 0.04)])
def test_ratio_by_loyalty_agrees_with_people(slope, steep, gone):
    generator = np.random.default_rng(3)
    people = 1_000_000
    lost = generator.uniform(size=people) < gone
    loyalty, drawn = generator.standard_normal(people), generator.uniform(size=(2, people))
    nodes, mass = special.roots_hermitenorm(100)
    mass /= mass.sum()
    intercepts = [
        _root(slope, 0.35 / (1 - gone), nodes, mass),
        _root(-steep, (0.1 - gone) / (1 - gone), nodes, mass),
    ]
    answered = ~lost & (drawn[0] < special.expit(intercepts[0] + slope * loyalty))
    left = lost | (drawn[1] < special.expit(intercepts[1] - steep * loyalty))
    assert answered.mean() == pytest.approx(0.35, abs=0.003)
    found = silent_ratio(slope, steep, gone=gone)
    assert found == pytest.approx(left[~answered].mean() / left[answered].mean(), rel=0.015)


def _root(slope, mean, nodes, mass):
    tries = np.linspace(-12, 12, 200_001)
    rates = sum(m * special.expit(tries + slope * x) for x, m in zip(nodes, mass, strict=True))
    return tries[np.abs(rates - mean).argmin()]


def test_ratio_is_one_where_loyalty_drives_only_one_of_the_two():
    assert silent_ratio([0.0, 2.0], [1.5, 0.0]).tolist() == pytest.approx([1, 1])


def test_needed_slope_gives_the_ratio_back():
    steep = np.array([1.0, 1.5, 2.5])
    slopes = needed_response_slope(4, steep)
    np.testing.assert_allclose(silent_ratio(slopes, steep), 4)
    assert needed_response_slope(1.5, 1.0, gone=0.05).item() == 0
    assert np.isinf(needed_response_slope(4, 0.3)).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: silent_ratio(1, 1, response_rate=35), "response_rate must be between 0 and 1"),
        (lambda: silent_ratio(1, 1, gone=0.2), r"below the churn rate, 0\.1"),
        (lambda: churn_ratio(COUNTS.dropna()), "nobody is silent"),
        (
            lambda: churn_ratio(COUNTS.rename(columns={"churned": "left"})),
            "unknown column 'churned'",
        ),
    ],
)
def test_unusable_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
