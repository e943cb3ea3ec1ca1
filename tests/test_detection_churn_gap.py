"""Departures against what scores said about them."""

import numpy as np
import pandas as pd
import pytest

from nps_research.detection.churn_gap import churn_gap, churn_gaps, expected_departures

COLUMNS = ["treated", "post", "score", "churned", "n"]


def counts(after_treated=(40, 60), after_control=(60, 40)):
    """Two scores, 10 and 30 % of whom left before; customers after at each."""
    rows = []
    for treated, n in ((1, after_treated), (0, after_control)):
        for score, risk, later in ((9, 0.1, n[0]), (3, 0.3, n[1])):
            rows += [(treated, 0, score, 0, 1000 - round(1000 * risk))]
            rows += [(treated, 0, score, 1, round(1000 * risk))]
            rows += [(treated, 1, score, 0, 10 * (later - round(later * risk)))]
            rows += [(treated, 1, score, 1, 10 * round(later * risk))]
    return pd.DataFrame(rows, columns=COLUMNS)


def with_agents(table, agents=20, spread=0.0, seed=1):
    """Share customers among agents, some of whose customers leave more."""
    generator = np.random.default_rng(seed)
    rows = []
    for row in table.itertuples(index=False):
        weight = np.exp(spread * generator.standard_normal(agents) * row.churned * row.post)
        n = generator.multinomial(row.n, weight / weight.sum())
        agent = np.arange(agents) + agents * row.treated
        rows += [(*row[:4], each, name) for each, name in zip(n, agent, strict=True)]
    return pd.DataFrame(rows, columns=[*COLUMNS, "agent"])


def test_expectation_is_the_standardised_risk_before():
    found = churn_gap(counts())
    assert found.expected == pytest.approx(400 * 0.1 + 600 * 0.3, rel=0.002)
    assert found.expected_control == pytest.approx(600 * 0.1 + 400 * 0.3, rel=0.002)
    assert found.observed == 220
    assert found.ratio == pytest.approx(1.0, abs=0.01)
    assert found.p_value == pytest.approx(0.5, abs=0.02)


def test_a_market_that_moves_for_everybody_is_no_gap():
    table = counts()
    after, left = table["post"] == 1, table["churned"] == 1
    more = table["n"].where(after & left, 0)
    table["n"] += more - more.shift(-1, fill_value=0).where(after & ~left, 0)
    assert churn_gap(table).ratio == pytest.approx(1.0, abs=0.01)
    assert churn_gap(table.drop(columns="treated")).ratio > 1.5


def test_scores_that_rise_while_departures_stay_are_a_gap():
    table = counts()
    low = (table["treated"] == 1) & (table["post"] == 1) & (table["score"] == 3)
    kinder = table.assign(score=table["score"].where(~low, 9))
    found = churn_gap(kinder)
    assert found.ratio == pytest.approx(2.2, rel=0.02)
    assert found.p_value < 0.001
    assert "compatible with" in found.text


def test_error_is_that_of_two_counts_and_of_what_is_known_before():
    table = counts()
    big = table.assign(n=table["n"].where(table["post"] == 1, 10_000 * table["n"]))
    found = churn_gap(big, level=0.9)
    share = np.array([0.1, 0.3])
    variance = sum(
        n @ (share * (1 - share)) / (n @ share) ** 2
        for n in (np.array([400, 600]), np.array([600, 400]))
    )
    width = np.log(found.upper / found.lower) / 2 / 1.6449
    assert width == pytest.approx(np.sqrt(variance), rel=0.01)


def test_agents_who_vary_widen_the_interval():
    plain, varied = (churn_gap(with_agents(counts(), spread=spread)) for spread in (0.0, 0.8))
    assert plain.dispersion < 1.5 < varied.dispersion
    assert varied.upper / varied.lower > plain.upper / plain.lower


def test_size_is_kept_where_agents_vary():
    found = [churn_gap(with_agents(counts(), spread=0.5, seed=seed)).p_value for seed in range(60)]
    assert np.mean(np.array(found) <= 0.05) <= 0.07


def test_single_agents_are_refused_with_the_reason():
    with pytest.raises(ValueError, match="no agent has 100 expected departures"):
        churn_gaps(with_agents(counts()), "agent")


def test_units_with_too_few_are_missing_and_counted():
    table = with_agents(counts())
    team = np.where(table["treated"] == 1, np.where(table["agent"] < 22, "small", "large"), "rest")
    found = churn_gaps(table.assign(team=team), "team")
    assert found["z"].isna().to_dict() == {"large": False, "rest": False, "small": True}
    assert found.attrs["too_few"] == 1
    assert found["se"]["large"] > 1 / np.sqrt(220)


def test_hundred_departures_are_known_to_a_fifth():
    assert expected_departures(0.2) == 97
    assert expected_departures(1.96 / 10, 0.95) == 100
    with pytest.raises(ValueError, match="half_width"):
        expected_departures(0.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"churned": 2}, "churned must be 0 or 1"),
        ({"churned": 0}, "0 customers left before"),
        ({"treated": 0}, "no customers of treated units"),
    ],
)
def test_unusable_tables_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        churn_gap(counts().assign(**change))
