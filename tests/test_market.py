"""The market against a slow one written apart, and the properties that attribution rests on."""

import pickle
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from slow_market import SlowMarket

import nps_research as npsr
from nps_research.market.events import Event
from nps_research.market.mechanisms import MECHANISMS, Incentives
from nps_research.market.population import SEGMENTS
from nps_research.market.regimes import DeltaTarget, LevelTarget, PayForActions, PayPerPoint
from nps_research.market.scenarios import car_dealer, hospital
from nps_research.market.simulate import Market, thresholds

WORLD = Market(customers=600, agents=12, teams=4, months=12, rollout=6)
LOOP_OFF = {"recovery.close_the_loop": 0.0}
SCORES = ("recorded", "shadow", "census")
REGIMES = (None, PayPerPoint(), LevelTarget(), DeltaTarget(), PayForActions())


def has(run, event):
    return (run.events & event) > 0


def same(one, other, months=slice(None), customers=slice(None)):
    return all(
        np.array_equal(
            getattr(one, name)[months, customers], getattr(other, name)[months, customers]
        )
        for name in (*SCORES, "events")
    )


@pytest.fixture(scope="module")
def none():
    return WORLD.simulate(Incentives.none(), random_seed=1)


@pytest.fixture(scope="module")
def everything():
    return WORLD.simulate(Incentives.all(), random_seed=1)


@pytest.mark.parametrize("incentives", [Incentives.none(), Incentives.all()])
def test_a_slow_market_written_apart_gives_the_same_rows(incentives):
    world = Market(customers=300, agents=3, teams=1, months=12, rollout=4)
    run = world.simulate(incentives, random_seed=7)
    slow = SlowMarket(world, incentives.as_dict(), 7).run()
    for name in SCORES:
        np.testing.assert_array_equal(getattr(run, name), slow.rows[name])
    np.testing.assert_array_equal(has(run, Event.CHURNED), slow.churned)
    paid = run.money[["bribes", "giveaways", "concessions", "attrition"]].to_numpy().sum()
    assert round(100 * paid) == slow.cost


def test_without_incentives_the_shadow_survey_is_the_survey(none):
    np.testing.assert_array_equal(none.recorded, none.shadow)
    assert none.observed_nps == none.honest_nps


@pytest.mark.parametrize("regime", REGIMES)
def test_gross_uplift_is_inflation_and_real_change_in_whole_numbers(none, regime):
    run = WORLD.simulate(Incentives.all(), regime=regime, random_seed=1)

    def nps(of, survey):
        counts = [int(n) for n in of.score_counts.loc[survey]]
        return Fraction(sum(counts[9:]) - sum(counts[:7]), sum(counts))

    gross = nps(run, "recorded") - nps(none, "recorded")
    inflation = nps(run, "recorded") - nps(run, "shadow")
    assert inflation != 0
    assert gross == inflation + nps(run, "shadow") - nps(none, "shadow")


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("name", [*MECHANISMS, "all"])
def test_nothing_before_the_rollout_knows_of_it(none, name, regime):
    incentives = Incentives.all() if name == "all" else Incentives.only(name)
    run = WORLD.simulate(incentives, regime=regime, random_seed=1)
    assert same(none, run, slice(6))
    np.testing.assert_array_equal(none.agents.service[:6], run.agents.service[:6])
    np.testing.assert_array_equal(none.sums[:6], run.sums[:6])


def test_teams_without_incentives_do_not_know_of_others():
    world = Market(customers=600, agents=12, teams=4, months=12, rollout=(3, None, 6, None))
    none, run = (
        world.simulate(each, random_seed=1) for each in (Incentives.none(), Incentives.all())
    )
    team = run.population.team[run.population.agent]
    assert same(none, run, customers=team % 2 == 1)
    assert same(none, run, slice(6), team == 2)
    assert not same(none, run, slice(6), team == 0)


@pytest.mark.parametrize("customers", [612, 1337])
def test_more_customers_leave_the_others_as_they_are(none, customers):
    more = WORLD.with_values({"customers": customers}).simulate(Incentives.none(), random_seed=1)
    assert same(none, more, customers=slice(600))
    np.testing.assert_array_equal(none.population.value, more.population.value[:600])


def test_more_months_leave_the_others_as_they_are(everything):
    longer = WORLD.with_values({"months": 18}).simulate(Incentives.all(), random_seed=1)
    assert same(everything, longer, slice(12))


def test_churn_does_not_read_the_score():
    changed = {"scale.threshold_mean": 1.0, "survey.response_intercept": 1.0, "survey.noise": 1.4}
    worlds = [WORLD.with_values(LOOP_OFF | more) for more in ({}, changed)]
    incentives = Incentives.all().without("demotivation", "withholding")
    one, other = (world.simulate(incentives, random_seed=1, record=True) for world in worlds)
    assert (one.census != other.census).any()
    np.testing.assert_array_equal(has(one, Event.CHURNED), has(other, Event.CHURNED))
    np.testing.assert_array_equal(one.rows.loyalty, other.rows.loyalty)


def test_more_begging_never_lowers_a_score_nor_loses_an_answer():
    world = Market(rollout=2).with_values(LOOP_OFF)
    runs = [
        world.simulate(Incentives(begging=x), random_seed=3).recorded for x in (0, 0.3, 0.6, 1.0)
    ]
    for less, more in pairwise(runs):
        assert (more >= less).all()
        assert (more > less).any()


@pytest.mark.parametrize("regime", REGIMES)
def test_repeated_runs_are_equal_to_the_last_bit(regime):
    def bits():
        run = WORLD.simulate(
            Incentives.all(), regime=regime, random_seed=2, replicate=5, record=True
        )
        arrays = (*run.rows, *run.agents, run.sums)
        return b"".join(each.tobytes() for each in arrays)

    assert bits() == bits()


def test_seeds_and_replicates_differ(none):
    others = [
        WORLD.simulate(Incentives.none(), random_seed=s, replicate=r) for s, r in [(2, 0), (1, 1)]
    ]
    assert not any(same(none, other) for other in others)


def test_figures_without_incentives_are_those_of_the_prototype():
    # Design of the market, A.0: NPS 36 to 45 by seed, 27 % answer, 1.4 % leave in a month.
    runs = [Market(rollout=12).simulate(Incentives.none(), random_seed=seed) for seed in range(6)]
    assert np.mean([run.observed_nps for run in runs]) == pytest.approx(40.5, abs=4.5)
    answered = sum(has(run, Event.ANSWERED).sum() for run in runs)
    assert answered / sum(has(run, Event.SENT).sum() for run in runs) == pytest.approx(
        0.27, abs=0.04
    )
    churned = sum(has(run, Event.CHURNED)[12:].sum() for run in runs)
    active = sum(has(run, Event.ACTIVE)[12:].sum() for run in runs)
    assert churned / active == pytest.approx(0.014, abs=0.004)


def test_honest_shares_are_those_asked_for():
    world = Market(customers=200_000, agents=1, teams=1, months=1, rollout=0).with_values(
        {"service.contact": 0.0, "survey.after_contact": 0, "survey.sampled": 1.0, "survey.gap": 1}
    )
    census = world.simulate(Incentives.none(), random_seed=1).census[0]
    run = np.bincount(census, minlength=11) / len(census)
    # Answers at average loyalty have about the variance of the scale: 1 + .3**2 + .3**2 + .7**2.
    wanted = np.array([world.parameters.scale.__dict__[f"share_{score}"] for score in range(11)])
    assert np.abs(run - wanted).max() < 0.03
    assert np.diff(thresholds(world.parameters)).min() > 0


def test_recording_changes_nothing_else(everything):
    recorded = WORLD.simulate(Incentives.all(), random_seed=1, record=True)
    assert same(everything, recorded)
    assert recorded.rows.loyalty.shape == recorded.events.shape
    np.testing.assert_array_equal(np.isnan(recorded.rows.experience), ~has(recorded, Event.CONTACT))
    np.testing.assert_array_equal(np.isnan(recorded.rows.sentiment), ~has(recorded, Event.VERBATIM))


def test_sums_of_agents_are_those_of_their_customers():
    run = WORLD.simulate(Incentives.all(), random_seed=1, record=True)
    total = run.agents.experience_sum.sum() / 1e6
    assert total == pytest.approx(np.nansum(run.rows.experience.astype(float)), abs=0.01)
    assert run.agents.experience_n.sum() == has(run, Event.CONTACT).sum()
    own = (run.recorded >= 0) & ~has(run, Event.DODGED)
    assert run.agents.answers[2::3].sum() == own.sum()
    net = (run.recorded >= 9).astype(int) - ((run.recorded >= 0) & (run.recorded <= 6))
    assert run.agents.net[2::3].sum() == net[own].sum()


def test_money_is_counted_in_cents(everything):
    value = everything.population.value
    revenue = (has(everything, Event.ACTIVE) * value).sum()
    given = (has(everything, Event.GIVEN) * np.rint(0.2 * value).astype(int)).sum()
    assert everything.sums.dtype == np.int64
    assert everything.sums[:, 0].sum() == revenue
    assert everything.sums[:, 3].sum() == given
    assert everything.sums[:, 2].sum() == 2500 * has(everything, Event.BRIBE_PAID).sum()
    assert everything.money["revenue"].sum() == pytest.approx(revenue / 100)


def test_customers_who_left_stay_away(everything):
    later = np.cumsum(has(everything, Event.CHURNED), axis=0) - has(everything, Event.CHURNED)
    assert (everything.events[later > 0] == 0).all()
    assert (everything.census[later > 0] == -1).all()
    assert later.max() == 1


def test_sampling_keeps_its_distance(everything):
    for column in has(everything, Event.FRAME).T:
        assert (np.diff(np.flatnonzero(column)) >= 3).all()


def test_the_frame_begins_as_it_goes_on():
    run = Market(customers=50_000, agents=10, teams=1, months=12, rollout=6).simulate(
        Incentives.none(), random_seed=1
    )
    share = has(run, Event.FRAME).sum(axis=1) / has(run, Event.ACTIVE).sum(axis=1)
    # One sampling in 2 + 1 / (.6 * .5) months.
    assert share == pytest.approx(3 / 16, abs=4 * np.sqrt(3 / 16 * 13 / 16 / 35_000))


def test_a_relationship_survey_asks_without_a_contact():
    world = WORLD.with_values({"survey.after_contact": 0})
    run = world.simulate(Incentives.none(), random_seed=1)
    assert (has(run, Event.FRAME) & ~has(run, Event.CONTACT)).any()
    np.testing.assert_array_equal(run.recorded, run.shadow)


def test_values_and_power_follow_the_segment():
    population = Market(customers=20_000).simulate(Incentives.none(), random_seed=1).population
    shares = np.bincount(population.segment) / 20_000
    assert shares == pytest.approx([0.80, 0.15, 0.05], abs=0.01)
    for segment, (median, low, high) in enumerate([(40, 0, 0), (300, 0, 0.3), (5000, 0.4, 1)]):
        here = population.segment == segment
        assert np.median(population.value[here]) / 100 == pytest.approx(median, rel=0.07)
        assert low <= population.power[here].min() <= population.power[here].max() <= high
    assert len(SEGMENTS) == 3


def test_counts_are_the_rows(everything):
    counts = everything.counts(["month", "team", "agent", "segment", "quarter", "treated", "post"])
    assert counts["n"].sum() == has(everything, Event.FRAME).sum()
    recorded = everything.recorded[everything.recorded >= 0]
    scores = counts.dropna().groupby("score")["n"].sum()
    assert scores.to_dict() == dict(zip(*np.unique(recorded, return_counts=True), strict=True))
    left = has(everything, Event.FRAME) & has(everything, Event.CHURNED)
    assert counts.loc[counts["churned"] == 1, "n"].sum() == left.sum()


@pytest.mark.parametrize("answers", SCORES)
def test_counts_give_the_scores_of_the_run(everything, answers):
    counts = everything.counts(["post"], answers=answers)
    wanted = {"recorded": "observed", "shadow": "honest", "census": "census"}[answers]
    found = npsr.nps(counts, by="post").loc[1, "nps"]
    assert found == pytest.approx(getattr(everything, f"{wanted}_nps"))


def test_followed_up_rows_do_not_cross_the_rollout(everything):
    counts = everything.counts(["month", "post"], follow_up=3)
    assert counts["month"].unique().tolist() == [0, 1, 2, 3, 6, 7, 8, 9]
    gone = has(everything, Event.CHURNED)
    month = 7
    soon = gone[month : month + 3].any(axis=0) & has(everything, Event.FRAME)[month]
    here = counts[(counts["month"] == month) & (counts["churned"] == 1)]
    assert here["n"].sum() == soon.sum()


def test_treated_and_post_follow_the_rollout():
    world = Market(customers=600, agents=12, teams=4, months=12, rollout=(3, None, 6, None))
    counts = world.simulate(Incentives.none(), random_seed=1).counts(
        ["month", "team", "treated", "post"]
    )
    assert (counts["treated"] == (counts["team"] % 2 == 0)).all()
    first = counts["team"].map({0: 3, 1: 3, 2: 6, 3: 3})
    assert (counts["post"] == (counts["month"] >= first)).all()


def test_tables_of_events_and_agents(everything):
    events, agents = everything.events_table(), everything.agent_table()
    assert events.loc[3, "sent"] == has(everything, Event.SENT)[3].sum()
    assert len(agents) == 12 * 12
    assert agents.loc[agents["month"] < 6, "paid"].sum() == 0
    assert "recorded NPS" in repr(everything)
    assert "<strong>recorded NPS</strong>" in everything._repr_html_()


def test_the_default_rollout_is_staggered_with_controls():
    assert Market().rollout_months == (6, None, 9, None, 6, None, 9, None)
    assert Market(rollout=4, teams=2).rollout_months == (4, 4)
    assert Market(rollout=np.array([4, 5]), teams=2).rollout_months == (4, 5)


def test_a_market_shows_its_sizes_and_what_was_changed():
    world = Market(customers=50).with_values({"begging.shift": 0.6})
    assert repr(world) == (
        "Market(customers=50, agents=40, teams=8, months=24, rollout=None, "
        "third_party_collection=False, begging.shift=0.6)"
    )


def test_runs_and_markets_can_be_sent_to_other_processes(everything):
    assert pickle.loads(pickle.dumps(WORLD)) == WORLD  # noqa: S301  (our own bytes)
    assert same(everything, pickle.loads(pickle.dumps(everything)))  # noqa: S301


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"customers": 0}, "customers must be a whole number from 1 on; found 0"),
        ({"months": 1.5}, "months must be a whole number from 1 on; found 1.5"),
        ({"teams": 50}, "every team needs agents: agents must be 50 or more"),
        ({"customers": 20}, "every agent needs customers: customers must be 40 or more"),
        ({"rollout": 24}, "rollout must be a month from 0 to 23.*found 24 for team 0"),
        ({"rollout": (3, None)}, "one month for each of the 8 teams; found 2"),
        ({"rollout": [None] * 8}, "a month for one team at least"),
        ({"rollout": (-1,) * 8}, "from 0 to 23"),
        ({"rollout": True}, "found True for team 0"),
    ],
)
def test_impossible_markets_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Market(**arguments)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"begging.shift": 2}, "begging.shift must be a number from 0 to 0.8 .*found 2"),
        ({"survey.gap": 2.5}, "survey.gap must be a whole number from 1 to 24"),
        ({"begging.shfit": 0.1}, "shfit.*shift"),
        ({"beging.shift": 0.1}, "beging.*begging"),
        ({"custmers": 3}, "custmers.*customers"),
        ({"customers.share_enterprise": 0.5, "customers.share_small_business": 0.6}, "0 to 0.5"),
        ({"agency.cost_both": 0.9}, "agency.cost_both must be below the geometric mean"),
    ],
)
def test_impossible_numbers_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Market().with_values(values)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, True])
def test_impossible_seeds_are_refused(seed):
    with pytest.raises(ValueError, match="random_seed must be a whole number from 0 to 4294967295"):
        WORLD.simulate(Incentives.none(), random_seed=seed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": ["tema"]}, "tema.*team"),
        ({"answers": "shadw"}, "shadw.*shadow"),
        ({"follow_up": 13}, "follow_up must be from 1 to 12 months; found 13"),
    ],
)
def test_impossible_counts_are_refused(everything, arguments, message):
    with pytest.raises(ValueError, match=message):
        everything.counts(**arguments)


def test_car_dealers_plead_as_often_as_the_survey_says():
    scenario = car_dealer(Market(customers=40_000, agents=400, rollout=0))
    run = scenario.simulate(random_seed=1)
    sent = has(run, Event.SENT).sum()
    assert has(run, Event.BEGGED).sum() / sent == pytest.approx(0.25, abs=0.02)
    assert has(run, Event.BRIBED).sum() / sent == pytest.approx(0.02, abs=0.004)
    # Half of those who are begged give a 10, besides those who would anyway.
    begged = has(run, Event.BEGGED) & ~has(run, Event.BRIBED) & has(run, Event.ANSWERED)
    lower = begged & (run.census < 10)
    assert (run.recorded[lower] == 10).mean() == pytest.approx(0.5, abs=0.02)
    assert scenario.sources().loc["pressured", "value"] == 0.25


def test_a_hospital_s_survey_is_out_of_reach():
    scenario = hospital(WORLD)
    hands = Incentives.only("gating", "editing", "withholding", "bribing")
    reached = scenario.market.simulate(hands, random_seed=1)
    assert same(reached, scenario.simulate(random_seed=1))
    assert not same(reached, WORLD.simulate(hands, random_seed=1))
