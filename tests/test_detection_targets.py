"""Detectors around a target: as enumeration has it, quiet about lattices, loud about gaming."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

from nps_research.detection import target_bunching, withholding
from nps_research.detection.density_jump import density_jump
from nps_research.detection.round_scores import round_scores
from nps_research.detection.target_bunching import lattice_null
from nps_research.detection.trials import made_surveys, made_units
from nps_research.detection.withholding import withholding_test
from nps_research.market import bunching

REGION = bunching.Region(40.0, 6.0, 10.0)


def unit_counts(classes):
    unit, place = np.nonzero(classes)
    score = np.array([3, 8, 10])[place]
    return pd.DataFrame({"unit": unit, "score": score, "n": np.asarray(classes)[unit, place]})


def surveys(rows):
    columns = ["agent", "months_left", "window_answers", "window_net", "sent", "n"]
    return pd.DataFrame(rows, columns=columns).assign(post=1)


def reported(rows):
    return pd.DataFrame(rows, columns=["nps", "n"])


def test_slopes_of_the_fit_are_difference_quotients():
    classes = np.random.default_rng(1).integers(0, 9, (3, 6))
    error = optimize.check_grad(
        lambda logs: bunching._log_chance(np.exp(logs), classes).sum(),
        lambda logs: bunching._slopes(np.exp(logs), classes).sum(axis=1),
        np.log([2.0, 3.0, 6.0]),
    )
    assert error < 1e-5


def test_units_in_the_donut_do_not_enter_the_fit():
    units = made_units(1, 0.0, units=200)
    near = bunching.sides(units, REGION._replace(width=REGION.donut)) != 0
    other = units.copy()
    other[near] = other[near][np.random.default_rng(1).permutation(near.sum())]
    fits = [bunching.fitted_null(each, REGION).alpha for each in (units, other)]
    np.testing.assert_allclose(fits[0], fits[1], rtol=1e-4)


def test_bootstrap_agrees_with_the_exact_test_given_the_fit():
    counts = unit_counts(made_units(5, 0.3, units=120, shape=40.0))
    p_values = [
        target_bunching.target_bunching(
            counts, ["unit"], target=40, resamples=resamples, random_seed=1
        )
        for resamples in (0, 99)
    ]
    assert p_values[0].mcse == 0 < p_values[1].mcse
    assert p_values[1].p_value == pytest.approx(p_values[0].p_value, abs=0.12)
    assert p_values[0].z == p_values[1].z


def test_bunching_is_found_and_told():
    found = target_bunching.target_bunching(
        unit_counts(made_units(2, 0.6)), ["unit"], target=40, resamples=19, random_seed=1
    )
    assert found.p_value == pytest.approx(0.05)
    assert found.excess > 20
    assert "know of no target" in found.text
    assert "Honest reasons" in found.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"donut": 3.0}, "donut of 3 points must not be smaller than the bins of 6"),
        ({"resamples": -1}, "resamples must be 0 or more; found -1"),
        ({"least": 500}, "no unit of unit has 500 answers or more"),
    ],
)
def test_impossible_bunching_tests_are_refused(options, message):
    counts = unit_counts(made_units(1, 0.0, units=30))
    with pytest.raises(ValueError, match=message):
        target_bunching.target_bunching(
            counts, ["unit"], target=40, **({"random_seed": 1} | options)
        )


def test_lattice_of_honest_units_is_that_of_enumeration():
    shares = np.array([0.24, 0.2, 0.56])
    chances = [0.0, 0.0]
    for low, high in itertools.product(range(13), repeat=2):
        score = 100 * (high - low) / 12
        if low + high <= 12 and 34 <= score < 46:
            chance = stats.multinomial.pmf([low, 12 - low - high, high], 12, shares)
            chances[score < 40] += chance
    found = lattice_null([12], shares, target=40).loc[12]
    np.testing.assert_allclose(found[["above", "below"]], chances)
    assert found["step"] == pytest.approx(100 / 12)


def test_small_units_have_no_density():
    message = r"(?s)units of 200 answers .*found \d+ with fewer, .* steps of .* target_bunching"
    with pytest.raises(ValueError, match=message):
        density_jump(unit_counts(made_units(1, 0.0)), ["unit"], target=40)
    with pytest.raises(ValueError, match=r"20 units on either side .* found 0 below and 0 above"):
        density_jump(unit_counts([[100, 100, 100]] * 30), ["unit"], target=40)


@pytest.mark.parametrize("answers", [230, 221])
def test_density_of_honest_units_has_no_jump_for_any_lattice(answers):
    generator = np.random.default_rng(answers)
    found = []
    for _ in range(40):
        level = generator.normal(0.25, 0.25, 300)
        below = special.ndtr(np.array([-0.65, -0.05]) - level[:, None] + 0.25)
        shares = np.diff(below, axis=1, prepend=0.0, append=1.0)
        counts = unit_counts(generator.multinomial(answers, shares))
        found.append(density_jump(counts, ["unit"], target=30).z)
    assert abs(np.mean(found)) < 3 / np.sqrt(40)
    assert 0.7 < np.std(found) < 1.3


def test_density_jump_is_found():
    units = made_units(1, 0.7, answers=400.0, shape=20.0, deletions=6)
    found = density_jump(unit_counts(units[units.sum(axis=1) >= 200]), ["unit"], target=40)
    assert found.p_value < 0.01
    assert found.jump > 0.3
    assert "density just above" in found.text


def test_agents_exact_p_value_is_fishers():
    rows = [("a", 1, 9, 6, 0, 6), ("a", 1, 9, 6, 1, 4), ("a", 1, 9, 0, 0, 3), ("a", 1, 9, 0, 1, 9)]
    found = withholding.withholding(surveys(rows), target=40).loc["a"]
    tails = stats.hypergeom.sf([5, 6], 22, 9, 10)
    assert stats.norm.sf(found["z"]) == pytest.approx(tails.mean())
    assert found["n"] == 22
    # Mantel and Haenszel's estimate of one table is its odds ratio, half a case added.
    assert found["estimate"] == pytest.approx(np.log(6.5 * 9.5 / (4.5 * 3.5)))
    error = np.sqrt(sum(1 / cell for cell in (6.5, 9.5, 4.5, 3.5)))
    assert found["se"] == pytest.approx(error)


def test_strata_are_compared_within():
    late = [
        ("a", 0, 9, 9, 0, 50),
        ("a", 0, 9, 9, 1, 50),
        ("a", 0, 9, 0, 0, 5),
        ("a", 0, 9, 0, 1, 5),
    ]
    early = [("a", 2, 9, 9, 1, 5), ("a", 2, 9, 0, 1, 50)]
    counts = surveys([*late, *early])
    assert abs(withholding.withholding(counts, target=40).loc["a", "z"]) < 0.1
    assert withholding.withholding(counts, target=40, by=[]).loc["a", "z"] > 3


def test_agents_on_one_side_of_the_target_are_missing():
    rows = [
        ("a", 1, 9, 9, 0, 6),
        ("a", 1, 9, 9, 1, 6),
        ("b", 1, 9, 1, 0, 6),
        ("b", 1, 4, 0, 0, 99),
        ("b", 1, 9, 9, 1, 6),
    ]
    found = withholding.withholding(surveys(rows), target=40)
    assert np.isnan(found.loc["a", "z"])
    assert found.loc["b", "z"] < -2
    assert found.attrs["too_few"] == 1


def test_exact_and_normal_scores_agree_where_both_are_good():
    strata = [withholding._Stratum(400, 500, 90, 52), withholding._Stratum(300, 700, 80, 30)]
    value, variance = withholding._score(strata)
    assert withholding._exact_z(strata) == pytest.approx(value / np.sqrt(variance), abs=0.08)


def test_withholding_is_found_in_agents_and_firm():
    table, gamer = made_surveys(1, 1.0)
    found = withholding.withholding(table, target=40)
    assert (found["z"][gamer] > 1.645).mean() > 0.7
    assert (found["z"][~gamer] > 1.645).mean() < 0.15
    firm = withholding_test(table, target=40)
    assert firm.p_value < 0.01
    assert firm.table.columns.tolist() == ["due_at", "due_below", "unsent_at", "unsent_below"]
    assert "contact limits" in firm.text


def test_untreated_agents_who_do_the_same_are_subtracted():
    table, _ = made_surveys(1, 0.0, agents=80)
    limits = (table["window_answers"] >= 5) & (
        100 * table["window_net"] >= 40 * table["window_answers"]
    )
    table.loc[limits & (np.arange(len(table)) % 2 == 0), "sent"] = 0
    assert withholding_test(table, target=40).p_value < 0.001
    table["treated"] = (table["agent"] < 40).astype(int)
    assert withholding_test(table, target=40).p_value > 0.01


def test_a_firm_that_sends_everything_is_no_evidence():
    rows = [(name, 1, 9, 9 * at, 1, 6) for name in "ab" for at in (0, 1)]
    assert withholding_test(surveys(rows), target=40).p_value == 1
    with pytest.raises(ValueError, match="1 agents had due customers"):
        withholding_test(surveys(rows[:2]), target=40)


def test_round_scores_are_those_of_the_binomial():
    # Of 100 answers, nine possible scores are nearer to 40 than to another multiple of 10.
    found = round_scores(reported([(40, 100)] * 5 + [(42, 100)] * 15))
    assert (found.teams, found.found, found.impossible) == (20, 5, 0)
    assert found.expected == pytest.approx(20 / 9)
    tails = stats.binom.sf([4, 5], 20, 1 / 9)
    assert found.p_value == pytest.approx(tails.mean())
    assert "multiples of 10" in found.text


def test_scores_between_two_round_numbers_tell_nothing():
    found = round_scores(reported([(35, 40), (45, 20), (35, 100), (40, 40)]))
    assert (found.teams, found.found, found.expected) == (1, 1, pytest.approx(1 / 3))


def test_scores_that_must_be_round_tell_nothing():
    found = round_scores(reported([(40, 20), (42, 100)]), multiple=5)
    assert (found.teams, found.found) == (1, 0)


def test_impossible_scores_are_counted():
    assert round_scores(reported([(40, 33), (39, 33), (100, 7), (99, 7)])).impossible == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(140, 5)], "a score must be a number from -100 to 100; found 1 .* first 140"),
        ([(40, 0)], "n must be 1 or more answers"),
    ],
)
def test_bad_reports_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        round_scores(reported(rows))
