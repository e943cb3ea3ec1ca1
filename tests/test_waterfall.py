import numpy as np
import pandas as pd
import pytest

from nps_research.datasets import load_counts
from nps_research.metrics import shares as shares_of
from nps_research.people.waterfall import (
    all_and_any,
    answers_to_judge,
    judged_right,
    judged_right_on_average,
    probability_met,
    raised,
    standard_error,
    waterfall,
)
from nps_research.scale import RatingScale

SFO = load_counts("sfo_airport").query("year == '2018'")
SCALE = RatingScale()
SHARES = shares_of(SFO)["share"].to_numpy()
VALUES = 100 * SCALE.nps_values


def measured(before, after, answers, replicates=100_000, seed=1):
    generator = np.random.default_rng(seed)
    first, second = (
        generator.multinomial(n, shares, replicates) @ VALUES / n
        for n, shares in zip(answers, (before, after), strict=True)
    )
    return second - first


@pytest.mark.parametrize("answers", [(20, 20), (50, 70), (400, 300)])
@pytest.mark.parametrize("change", [0.0, 3.0, 8.0])
def test_probability_to_meet_is_that_of_simulated_surveys(answers, change):
    after = raised(SHARES, change, SCALE)
    found = probability_met(SHARES, after, 5.0, answers, SCALE)
    reached = measured(SHARES, after, answers) >= 5.0 - 1e-9
    error = np.sqrt(found * (1 - found) / len(reached))
    assert reached.mean() == pytest.approx(found, abs=4 * error)


def test_a_target_that_the_lattice_reaches_exactly_is_reached():
    """One answer each time: from promoter to promoter is a change of exactly 0."""
    sure = np.eye(11)[10]
    assert probability_met(sure, sure, 0.0, (3, 7), SCALE) == pytest.approx(1.0)
    assert probability_met(sure, sure, 1e-6, (3, 7), SCALE) == pytest.approx(0.0)


@pytest.mark.parametrize("points", [-30.0, 0.0, 2.0, 40.0])
def test_opinions_rise_until_the_score_has_risen(points):
    after = raised(SHARES, points, SCALE)
    assert (after - SHARES) @ VALUES == pytest.approx(points, abs=1e-8)
    assert after.sum() == pytest.approx(1)
    odds = np.log(np.cumsum(after)[:-1] / (1 - np.cumsum(after)[:-1]))
    start = np.log(np.cumsum(SHARES)[:-1] / (1 - np.cumsum(SHARES)[:-1]))
    assert np.ptp(odds - start) == pytest.approx(0, abs=1e-8)


def test_scores_beyond_the_scale_are_refused():
    with pytest.raises(ValueError, match=r"cannot rise by 80 points from 31.0"):
        raised(SHARES, 80, SCALE)


def test_standard_error_is_that_of_simulated_changes():
    after = raised(SHARES, 8.0, SCALE)
    found = standard_error((SHARES, after), (50, 70), SCALE)
    assert measured(SHARES, after, (50, 70)).std() == pytest.approx(found, rel=0.01)


def test_a_table_of_teams_says_what_each_probability_does():
    table = waterfall(
        SFO,
        {"north": 3.0, "south": 3.0, "west": 3.0},
        {"north": 60, "south": (500, 600), "west": 60},
        changes={"north": 0.0, "south": 4.0, "west": 3.0},
    )
    assert table.loc["south", ["n_before", "n_after"]].tolist() == [500, 600]
    assert table.loc["south", "right"] == table.loc["south", "met"]
    assert table.loc["north", "right"] == 1 - table.loc["north", "met"]
    assert table.loc["west", "met"] == pytest.approx(0.5, abs=0.03)
    exact = probability_met(SHARES, SHARES, 3.0, (60, 60), SCALE)
    assert table.loc["north", "met"] == pytest.approx(exact)


def test_the_company_is_all_of_its_teams():
    targets = dict.fromkeys(["a", "b", "c"], 4.0)
    table = waterfall(SFO, targets, dict.fromkeys(targets, 80))
    chance = table["met"].iloc[0]
    found = all_and_any(table)
    assert found["all met"] == pytest.approx(chance**3)
    assert found["any met"] == pytest.approx(1 - (1 - chance) ** 3)
    assert found["any misjudged"] == pytest.approx(1 - (1 - chance) ** 3)
    assert found["expected misjudged"] == pytest.approx(3 * chance)
    reached = measured(np.tile(SHARES, (1, 1))[0], SHARES, (80, 80), 300_000).reshape(-1, 3) >= 4
    assert reached.all(axis=1).mean() == pytest.approx(found["all met"], abs=0.004)


@pytest.mark.parametrize(
    ("answers", "changes", "match"),
    [
        ({"a": 10}, 0.0, "team 'b' has no answers"),
        ({"a": 10, "b": 10, "c": 10}, 0.0, "team 'c' has no target"),
        ({"a": 10, "b": 10}, {"a": 1.0}, "team 'b' has no changes"),
    ],
)
def test_teams_without_a_number_are_named(answers, changes, match):
    with pytest.raises(ValueError, match=match):
        waterfall(SFO, {"a": 2.0, "b": 2.0}, answers, changes=changes)


@pytest.mark.parametrize("surveys", [1, 2])
@pytest.mark.parametrize("teams", [1, 8])
def test_answers_to_judge_give_the_probability(teams, surveys):
    gap = 6.0
    n = answers_to_judge(gap, teams=teams, standard_deviation=74, surveys=surveys)
    reached, before = (
        judged_right(gap, 74 * np.sqrt(surveys / size)) ** teams for size in (n, n - 1)
    )
    assert reached >= 0.9 > before
    assert judged_right(-gap, 5.0) == judged_right(gap, 5.0)
    assert judged_right(0.0, 1e-9) == 0.5


def test_large_numbers_agree_with_the_lattice():
    exact = probability_met(SHARES, SHARES, 3.0, (2000, 2000), SCALE)
    se = standard_error((SHARES, SHARES), (2000, 2000), SCALE)
    assert judged_right(3.0, se) == pytest.approx(1 - exact, abs=0.005)


@pytest.mark.parametrize(
    "options", [{"gap": 0.0}, {"gap": 5.0, "probability": 0.5}, {"gap": 5.0, "surveys": 3}]
)
def test_impossible_plans_are_refused(options):
    gap = options.pop("gap")
    with pytest.raises(ValueError, match="must be"):
        answers_to_judge(gap, **options)


@pytest.mark.parametrize(("target", "se", "spread"), [(3.0, 4.0, 2.0), (0.0, 10.0, 1.0)])
def test_judgement_on_average_is_that_of_simulated_teams(target, se, spread):
    generator = np.random.default_rng(1)
    true = 3.0 + spread * generator.standard_normal(200_000)
    found = true + se * generator.standard_normal(200_000)
    right = ((true >= target) == (found >= target)).mean()
    expected = judged_right_on_average(target, se, mean=3.0, spread=spread)
    assert right == pytest.approx(expected, abs=4 * 0.5 / 200_000**0.5)


def test_a_table_can_be_summed_up_without_teams_at_fault():
    table = pd.DataFrame({"met": [1.0, 1.0], "right": [1.0, 1.0]})
    assert all_and_any(table).tolist() == [1, 1, 0, 0]
