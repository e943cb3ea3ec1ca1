import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nps_research.counts import random_split
from nps_research.datasets import load_counts
from nps_research.people.observed_variance import observed_components, observed_share
from nps_research.people.unit_simulation import simulate_answers
from nps_research.people.unit_variance import components
from nps_research.people.units import units_like

SFO = load_counts("sfo_airport").query("year == '2018'")


def test_analysis_of_variance_finds_the_components():
    units = units_like(SFO, 0.05)
    exact = components(units)
    found = [
        observed_components(
            simulate_answers(units, teams=1, agents=60, answers=80, random_seed=seed).counts,
            "agent",
        )
        for seed in range(60)
    ]
    for part in ("agent", "answer"):
        estimates = np.array([getattr(each, part) for each in found])
        error = estimates.std(ddof=1) / 60**0.5
        assert estimates.mean() == pytest.approx(getattr(exact, part), abs=4 * error)


def test_analysis_of_variance_is_unbiased_for_uneven_lots():
    """No differences: the mean of the estimates is 0, half of them are negative."""
    base = SFO.groupby("score", as_index=False)["n"].sum()
    labels = [f"lot {number % 12}" for number in range(20)]  # some lots are twice as large
    found = np.array(
        [
            observed_components(random_split(base, labels, random_seed=seed), "lot").agent
            for seed in range(100)
        ]
    )
    assert abs(found.mean()) < 4 * found.std(ddof=1) / 10
    assert (found < 0).any()
    assert (found > 0).any()


@pytest.mark.parametrize("share", [0.0, 0.05])
def test_intervals_of_the_share_hold_it_as_often_as_promised(share):
    units, replicates = units_like(SFO, share), 300
    exact = float(components(units).share())
    tables = [
        observed_share(
            simulate_answers(units, teams=1, agents=25, answers=40, random_seed=seed).counts,
            "agent",
            level=0.9,
        )
        for seed in range(replicates)
    ]
    rows = pd.concat(tables)
    held = ((rows["lower"] < exact) & (exact < rows["upper"])).mean()
    assert held == pytest.approx(0.9, abs=4 * np.sqrt(0.09 / replicates))
    assert rows["se"].mean() == pytest.approx(rows["share"].std(), rel=0.2)
    assert tables[0].attrs["interval"] == "90 % confidence interval, F of the mean squares"


def test_mean_squares_are_those_of_an_analysis_of_variance():
    made = simulate_answers(units_like(SFO, 0.1), teams=1, agents=4, answers=25, random_seed=1)
    people = made.counts.loc[made.counts.index.repeat(made.counts["n"])]
    groups = [rows["score"].to_numpy(dtype=float) for _, rows in people.groupby("agent")]
    share = observed_share(made.counts, "agent", "mean_score").loc["all", "share"]
    assert (1 + 24 * share) / (1 - share) == pytest.approx(stats.f_oneway(*groups).statistic)


def test_share_is_that_of_the_components():
    made = simulate_answers(units_like(SFO, 0.1), teams=1, agents=9, answers=30, random_seed=1)
    row = observed_share(made.counts, "agent", "mean_score").loc["all"]
    parts = observed_components(made.counts, "agent", "mean_score")
    assert row["share"] == pytest.approx(float(parts.share()))
    assert row[["units", "n"]].tolist() == [9, 270]


def test_analysis_of_variance_needs_two_units():
    with pytest.raises(ValueError, match="found 1 units of 'agent' with 5 answers"):
        observed_components(pd.DataFrame({"agent": "a", "score": [3, 9], "n": [2, 3]}), "agent")
