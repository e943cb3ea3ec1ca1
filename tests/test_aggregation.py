import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nps_research.people.aggregation import level_correlations, observed_correlations
from nps_research.people.unit_variance import Components

SCORE, KPI = Components(2.0, 5.0, 150.0), Components(1.5, 1.0, 8.0)
SETTING = {"answers": 20, "records": 10, "agents": 6, "within": 0.4, "between": 0.9}


def simulated(score, kpi, *, answers, records, agents, within, between, teams=20_000, seed=1):
    """Scores and service figures of many agents, and single answers."""
    generator = np.random.default_rng(seed)

    def pair(correlation, variances, size):
        cross = correlation * np.sqrt(variances[0] * variances[1])
        covariance = [[variances[0], cross], [cross, variances[1]]]
        return np.moveaxis(generator.multivariate_normal([0, 0], covariance, size), -1, 0)

    shared = pair(between, (score.team, kpi.team), teams)[:, :, None]
    own = pair(within, (score.agent, kpi.agent), (teams, agents))
    true = shared + own
    noise = generator.standard_normal((2, teams, agents))
    errors = np.sqrt([score.answer / answers, kpi.answer / records])[:, None, None]
    single = true[0] + np.sqrt(score.answer) * generator.standard_normal((teams, agents))
    return true, true + errors * noise, single


@pytest.mark.parametrize("change", [{}, {"answers": 500}, {"within": -0.5}, {"between": 0.0}])
def test_correlations_are_those_of_simulated_companies(change):
    setting = SETTING | change
    table = level_correlations(SCORE, KPI, **setting)
    true, seen, single = simulated(SCORE, KPI, **setting)
    level = {
        "agent": [each.reshape(2, -1) for each in (true, seen)],
        "agent within team": [
            (each - each.mean(axis=2, keepdims=True)).reshape(2, -1) for each in (true, seen)
        ],
        "team": [each.mean(axis=2) for each in (true, seen)],
    }
    for name, pairs in level.items():
        for column, pair in zip(("true", "observed"), pairs, strict=True):
            found = np.corrcoef(pair)[0, 1]
            assert found == pytest.approx(table.loc[name, column], abs=4 / 20_000**0.5)
    found = np.corrcoef(single.ravel(), seen[1].ravel())[0, 1]
    assert found == pytest.approx(table.loc["answer", "observed"], abs=4 / 20_000**0.5)


def test_teams_of_random_agents_correlate_like_agents():
    score, kpi = Components(0.0, 5.0, 150.0), Components(0.0, 1.0, 8.0)
    table = level_correlations(score, kpi, **SETTING)
    assert table.loc["team", "observed"] == pytest.approx(table.loc["agent", "observed"])
    assert table.loc["answer", "observed"] < table.loc["agent", "observed"] / 2


def test_no_differences_have_no_correlation():
    table = level_correlations(Components(0.0, 0.0, 1.0), KPI, **SETTING)
    assert table["observed"].isna().all()


def test_correlations_beyond_one_are_refused():
    with pytest.raises(ValueError, match=r"within is a correlation from -1 to 1; found 1.2"):
        level_correlations(SCORE, KPI, **(SETTING | {"within": 1.2}))


@pytest.fixture
def agents():
    generator = np.random.default_rng(3)
    table = pd.DataFrame({"team": np.repeat(list("abcde"), 6)})
    table["kpi"] = generator.standard_normal(30) + np.repeat(np.arange(5), 6)
    return table.assign(nps=table["kpi"] + generator.standard_normal(30))


def test_levels_of_a_table_are_its_rows_deviations_and_means(agents):
    found = observed_correlations(agents, "nps", "kpi", "team", level=0.9)
    test = stats.pearsonr(agents["nps"], agents["kpi"])
    row = found.loc["agent"]
    assert row["correlation"] == pytest.approx(test.statistic)
    assert row[["lower", "upper"]].tolist() == pytest.approx(list(test.confidence_interval(0.9)))
    means = agents.groupby("team")[["nps", "kpi"]].mean()
    assert found.loc["team", "correlation"] == pytest.approx(means.corr().iloc[0, 1])
    assert found["units"].tolist() == [30, 26, 5]
    assert found.attrs["interval"] == "90 % confidence interval, Fisher's z"


def test_three_teams_have_no_interval(agents):
    found = observed_correlations(agents[agents["team"] < "d"], "nps", "kpi", "team")
    assert found.loc["team", ["lower", "upper"]].isna().all()


def test_agents_without_a_number_are_named(agents):
    agents.loc[7, "nps"] = np.nan
    with pytest.raises(ValueError, match=r"\[nan, .*\] at row 7. Leave out"):
        observed_correlations(agents, "nps", "kpi", "team")
    with pytest.raises(ValueError, match="unknown column 'nsp'"):
        observed_correlations(agents, "nsp", "kpi", "team")
