"""Each mechanism does what it says, by row; and moves the market as the prototype did."""

from dataclasses import fields

import numpy as np
import pytest

from nps_research.market.defaults import Section, defaults
from nps_research.market.events import Event
from nps_research.market.mechanisms import (
    MECHANISMS,
    NEEDS_THE_SURVEY_IN_HAND,
    Begging,
    Incentives,
    Mechanisms,
)
from nps_research.market.parameters import Parameters
from nps_research.market.simulate import Market

WORLD = Market(customers=3000, agents=30, teams=6, rollout=12)
NONE = Incentives.none()


def has(run, event):
    return (run.events & event) > 0


def only(name, values=None, intensity=1.0, **options):
    world = WORLD.with_values(values or {})
    return world.simulate(Incentives.only(name, intensity=intensity), random_seed=1, **options)


def test_every_number_has_a_place_a_range_and_a_source():
    table = defaults()
    sections = [*vars(Parameters()).values(), *vars(Mechanisms()).values()]
    named = {f"{each.section}.{field.name}" for each in sections for field in fields(each)}
    assert named == set(table.index)
    assert (table["low"] < table["high"]).all()
    assert table["value"].between(table["low"], table["high"]).all()
    assert (table[["unit", "source"]].map(len) > 0).all(axis=None)


def test_groups_name_their_sections_by_the_file():
    for group in (Parameters(), Mechanisms()):
        assert all(name == section.section for name, section in vars(group).items())
    assert tuple(vars(Mechanisms())) == MECHANISMS
    assert isinstance(Mechanisms().begging, Section)


@pytest.mark.parametrize("number", defaults().index)
def test_numbers_outside_their_range_are_refused(number):
    low, high = defaults().loc[number, ["low", "high"]]
    for value in (low - 1, high + 1, float("nan")):
        with pytest.raises(ValueError, match=f"{number} must be a.* from .* to"):
            Market().with_values({number: value})


def test_incentives_are_checked_and_combined():
    with pytest.raises(ValueError, match=r"intensity of begging must be from 0 to 1; found 1\.2"):
        Incentives(begging=1.2)
    with pytest.raises(ValueError, match="intensity of begging must be from 0 to 1; found much"):
        Incentives(begging="much")
    with pytest.raises(ValueError, match="completion_incentive must be from -1 to 1; found -2"):
        Incentives(completion_incentive=-2)
    with pytest.raises(ValueError, match=r"bging.*begging"):
        Incentives.only("bging")
    assert set(Incentives.all().as_dict().values()) == {1.0}
    assert Incentives.only("begging", "gating", intensity=0.5) == Incentives(
        begging=0.5, gating=0.5
    )
    assert Incentives.all().without(*MECHANISMS) == NONE
    assert repr(Incentives(begging=1, gating=0.5)) == "Incentives(begging=1, gating=0.5)"


def test_a_sweep_over_a_number_is_one_line():
    runs = [only("begging", {"begging.shift": shift}) for shift in (0, 0.4, 0.8)]
    scores = [run.observed_nps for run in runs]
    assert scores == sorted(scores)
    assert Market(mechanisms=Mechanisms(begging=Begging(shift=0.4))) == Market().with_values(
        {"begging.shift": 0.4}
    )


# Columns of the table of effects of the design (A.3), in a market of 3,000 customers: each alone on
# the recorded NPS, and on the honest one. The prototype had two replicates; tolerances are 4
# standard errors of the difference between it and six of ours, and a third for its other details.
PROTOTYPE = {
    "begging": (10.3, 0.0),
    "bribing": (3.0, 0.0),
    "gating": (8.7, -0.1),
    "editing": (7.7, 0.0),
    "completion_incentive": (8.0, 0.0),
    "concessions": (2.0, 0.1),
    "giveaways": (2.7, 2.6),
    "false_promises": (0.4, 0.3),
    "case_dodging": (0.1, -1.4),
    "withholding": (-1.0, 0.0),
    "demotivation": (-0.5, -0.2),
    "crowding_out": (-7.1, -6.7),
}


@pytest.mark.parametrize("name", MECHANISMS)
def test_first_effects_are_those_of_the_prototype(name):
    world = WORLD.with_values({"completion_incentive.courtesy": 0.25})
    effects = []
    for seed in range(6):
        none, run = (
            world.simulate(each, random_seed=seed) for each in (NONE, Incentives.only(name))
        )
        effects.append([run.observed_nps - none.observed_nps, run.honest_nps - none.honest_nps])
    spread = np.std(effects, axis=0, ddof=1) * np.sqrt(1 / 6 + 1 / 2)
    difference = np.abs(np.mean(effects, axis=0) - PROTOTYPE[name])
    assert (difference < 4 * spread + np.abs(PROTOTYPE[name]) / 3 + 0.2).all()


def test_false_promises_cost_customers_and_not_the_score():
    changes = []
    for seed in range(6):
        none, run = (
            WORLD.simulate(each, random_seed=seed)
            for each in (NONE, Incentives.only("false_promises"))
        )
        churned = [has(each, Event.CHURNED).sum() for each in (none, run)]
        changes.append([run.observed_nps - none.observed_nps, churned[1] / churned[0] - 1])
    score, churn = np.mean(changes, axis=0)
    assert abs(score) < 2
    assert churn > 0.03


def test_begging_turns_scores_of_six_and_more_into_tens():
    run = only("begging", {"begging.shift": 0, "begging.shift_compliance": 0})
    begged = has(run, Event.BEGGED) & (run.recorded >= 0)
    low = begged & (run.census < 6)
    np.testing.assert_array_equal(run.recorded[low], run.census[low])
    others = begged & ~low
    assert set(run.recorded[others & (run.recorded != run.census)]) == {10}
    assert begged[:12].sum() == 0 < others.sum()


def test_bribes_are_paid_for_tens_only():
    run = only("bribing")
    bribed, paid = has(run, Event.BRIBED), has(run, Event.BRIBE_PAID)
    np.testing.assert_array_equal(paid, bribed & (run.recorded == 10))
    changed = bribed & (run.recorded >= 0) & (run.recorded != run.census)
    assert changed.any()
    assert (run.recorded[changed] == 10).all()


def test_gating_spares_the_happy():
    run = only("gating", {"gating.signal_noise": 0}, record=True)
    gated = has(run, Event.GATED)
    assert gated.any()
    assert not (gated & has(run, Event.SENT)).any()
    assert run.census[gated].mean() < run.census[has(run, Event.SENT)].mean() - 2
    assert (run.recorded[gated] == -1).all()


def test_editing_deletes_and_alters_detractors_only():
    run = only("editing")
    deleted, altered = has(run, Event.DELETED), has(run, Event.ALTERED)
    assert (run.recorded[deleted] == -1).all()
    assert (run.recorded[altered] == 9).all()
    assert (run.shadow[deleted | altered] <= 6).all()
    assert has(run, Event.ANSWERED)[deleted].all()
    logged = has(run, Event.EDIT_LOGGED)
    assert not (logged & ~deleted & ~altered).any()
    edits = (deleted | altered).sum()
    assert logged.sum() / edits == pytest.approx(0.7, abs=4 * np.sqrt(0.21 / edits))


def test_deleting_and_altering_can_be_had_apart():
    assert not has(only("editing", {"editing.delete": 0}), Event.DELETED).any()
    assert not has(only("editing", {"editing.alter": 0}), Event.ALTERED).any()


def test_a_reward_for_completion_draws_answers_and_its_sign_shifts_them():
    none, kind, harsh = (
        WORLD.simulate(Incentives(completion_incentive=x), random_seed=1) for x in (0, 1, -1)
    )
    answered = [(run.recorded >= 0)[12:].sum() for run in (none, kind, harsh)]
    assert answered[1] > 1.5 * answered[0]
    assert abs(answered[2] / answered[1] - 1) < 0.02
    both = (kind.recorded >= 0) & (kind.census >= 0)
    assert (kind.recorded[both] >= kind.census[both]).all()
    both = (harsh.recorded >= 0) & (harsh.census >= 0)
    assert (harsh.recorded[both] <= harsh.census[both]).all()


def test_only_the_powerful_make_demands():
    run = only("concessions")
    demands = has(run, Event.CONCEDED) | has(run, Event.REFUSED)
    assert demands.any()
    assert not demands[:, run.population.power == 0].any()
    conceded = has(run, Event.CONCEDED) & (run.recorded >= 0)
    assert run.recorded[conceded].min() >= 9
    refused = has(run, Event.REFUSED) & (run.recorded >= 0)
    assert (run.recorded[refused] <= run.census[refused]).all()


def test_every_promise_breaks_within_three_months_or_the_customer_is_gone():
    run = only("false_promises")
    promised, broken = has(run, Event.PROMISED), has(run, Event.BROKEN)
    active = has(run, Event.ACTIVE)
    for month, customer in zip(*np.nonzero(promised[:-3]), strict=True):
        after = slice(month + 1, month + 4)
        assert broken[after, customer].any() or not active[after, customer].all()
    assert not broken[:13].any()


def test_promises_break_with_every_lag_alike():
    run = only("false_promises", {"service.contact": 1.0, "false_promises.made": 0.2})
    promised = has(run, Event.PROMISED)
    alone = promised[12:18].sum(axis=0) == 1
    month = 12 + promised[12:18, alone].argmax(axis=0)
    broken, customers = has(run, Event.BROKEN)[:, alone], np.arange(alone.sum())
    here = np.array([broken[month + lag, customers] for lag in (1, 2, 3)])
    stay = has(run, Event.ACTIVE)[21, alone] & (promised[18:, alone].sum(axis=0) == 0)
    shares = here[:, stay].mean(axis=1)
    assert shares.sum() == pytest.approx(1)
    assert shares == pytest.approx(1 / 3, abs=4 * np.sqrt(2 / 9 / stay.sum()))


def test_dodged_cases_are_not_surveyed_unless_a_third_party_asks():
    run = only("case_dodging")
    dodged = has(run, Event.DODGED)
    assert not (dodged & has(run, Event.SENT)).any()
    audited = only("case_dodging", {"third_party_collection": True})
    surveyed = has(audited, Event.DODGED) & has(audited, Event.FRAME)
    assert surveyed.any()
    assert has(audited, Event.SENT)[surveyed].all()


def test_surveys_are_withheld_once_the_window_has_reached_its_target():
    run = only("withholding")
    for month, customer in zip(*np.nonzero(has(run, Event.WITHHELD)), strict=True):
        agent = customer % 30
        here = run.recorded[month - month % 3 : month + 1, agent::30].copy()
        here[-1, customer // 30 :] = -1
        scores = here[here >= 0]
        assert len(scores) >= 5
        assert 100 * np.mean((scores >= 9) * 1.0 - (scores <= 6)) >= 40
    assert has(run, Event.WITHHELD).any()


def test_withheld_service_costs_revenue():
    free, lost = (only("withholding", {"withholding.declined": share}) for share in (0, 1))
    withheld = (has(lost, Event.WITHHELD) * lost.population.value).sum()
    assert free.sums[:, 0].sum() - lost.sums[:, 0].sum() == withheld > 0


def test_demotivation_takes_morale_from_good_agents_with_bad_windows():
    run = only("demotivation", {"demotivation.score": 60, "demotivation.morale": 0.5})
    settled = run.agents.net[14] / run.agents.answers[14]
    told_off = (
        (settled < 0.60) & (run.population.quality > -0.1) & ~run.agents.quit[:15].any(axis=0)
    )
    assert told_off.any()
    assert run.agents.morale[15, told_off] == pytest.approx(0.5 + 0.2 * 0.5)
    bad = (run.population.quality <= -0.1) & ~run.agents.quit.any(axis=0)
    assert (run.agents.morale[:, bad] == 1).all()


def test_crowding_out_halves_the_effort():
    run = only("crowding_out")
    np.testing.assert_allclose(run.agents.service[11], 0.30)
    np.testing.assert_allclose(run.agents.service[12], 0.15)


def test_acts_follow_the_propensity():
    run = only("begging", {"staff.honest_share": 0.5})
    sent, begged = (
        np.array([has(run, event)[12:, agent::30].sum() for agent in range(30)])
        for event in (Event.SENT, Event.BEGGED)
    )
    propensity = run.population.propensity
    assert (begged[propensity == 0] == 0).all()
    assert 0 < (propensity == 0).mean() < 1
    error = np.sqrt(sent * propensity * (1 - propensity))
    assert (np.abs(begged - sent * propensity) <= 4.5 * error + 1e-9).all()


def test_what_needs_the_survey_in_hand_ends_with_third_party_collection():
    world = WORLD.with_values({"third_party_collection": True})
    run = world.simulate(Incentives.only(*NEEDS_THE_SURVEY_IN_HAND), random_seed=1)
    assert run.incentives == NONE
    np.testing.assert_array_equal(run.recorded, WORLD.simulate(NONE, random_seed=1).recorded)


def test_call_backs_and_thanks_raise_loyalty():
    more = {"recovery.close_the_loop": 1.0, "recovery.thank_promoters": 1.0}
    plain, active, siloed = (
        WORLD.with_values(values).simulate(NONE, random_seed=1, record=True)
        for values in (
            {"recovery.close_the_loop": 0},
            more,
            more | {"recovery.executive_buy_in": 0.2},
        )
    )
    assert not has(plain, Event.THANKED).any()
    detractors = (active.recorded >= 0) & (active.recorded <= 6)
    np.testing.assert_array_equal(has(active, Event.RECOVERED), detractors)
    np.testing.assert_array_equal(has(active, Event.THANKED), active.recorded >= 9)
    present = ~np.isnan([run.rows.loyalty[23] for run in (plain, siloed, active)]).any(axis=0)
    means = [run.rows.loyalty[23, present].mean() for run in (plain, siloed, active)]
    assert means == sorted(means)


def test_a_programme_matures():
    months = {"recovery.months_to_maturity": 12}
    young, mature = (
        WORLD.with_values(values).simulate(NONE, random_seed=1, record=True)
        for values in (months, {})
    )
    gain = mature.rows.loyalty[0] - young.rows.loyalty[0]
    called = has(mature, Event.RECOVERED)[0]
    # What remains of the effect after a month of return to base loyalty.
    assert gain[called] == pytest.approx(0.92 * 0.35 * np.exp(-1 / 12), rel=1e-4)
    assert (gain[~called] == 0).all()


def test_what_the_firm_learns_improves_every_contact():
    run = WORLD.with_values({"recovery.learning": 1.0}).simulate(NONE, random_seed=1, record=True)
    plain = WORLD.simulate(NONE, random_seed=1, record=True)
    heard = (plain.recorded[0] >= 0) & (plain.recorded[0] <= 6) & has(plain, Event.VERBATIM)[0]
    gain = (run.rows.experience - plain.rows.experience)[1]
    assert gain[~np.isnan(gain)] == pytest.approx(heard.sum() / 3000, abs=1e-6)
    assert heard.any()


def test_recoveries_can_raise_morale():
    values = {"recovery.morale": 0.3, "demotivation.morale": 0.5, "demotivation.score": 60}
    lifted, plain = (
        WORLD.with_values(values | more).simulate(Incentives.only("demotivation"), random_seed=1)
        for more in ({}, {"recovery.morale": 0.0})
    )
    assert lifted.agents.morale[15].mean() > plain.agents.morale[15].mean()
    assert lifted.agents.morale.max() <= 1
