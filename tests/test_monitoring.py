"""Worlds, rules that watch them, and what spikes are made of."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nps_research.scale import RatingScale
from nps_research.tracking.control_charts import RULES, Move, Shewhart, SignificantMove
from nps_research.tracking.model import WaveModel
from nps_research.tracking.monitoring import (
    ModelChange,
    Watch,
    trade_off,
    watch,
    with_equal_false_alarms,
)
from nps_research.tracking.spikes import noise_share, spike_table, steady_worth
from nps_research.tracking.worlds import World, shares_with_nps

AIRPORT = np.array([24, 11, 24, 26, 24, 205, 133, 334, 601, 498, 770]) / 2650
NPS = 100 * AIRPORT @ RatingScale().nps_values
# Standard deviation of one answer in points.
SPREAD = 100 * np.sqrt(AIRPORT @ RatingScale().nps_values ** 2 - (NPS / 100) ** 2)


class TestWorlds:
    @pytest.mark.parametrize(
        ("kind", "moved"),
        [
            ("stable", [0, 0, 0, 0, 0]),
            ("step", [0, 0, 0, 5, 5]),
            ("drift", [0, 0, 0, 5, 10]),
            ("spike", [0, 0, 0, 5, 0]),
        ],
    )
    def test_paths(self, kind, moved):
        world = World(AIRPORT, kind, 5, waves=5, baseline=2, at=3)
        np.testing.assert_allclose(world.nps - NPS, moved)
        assert repr(world).startswith(kind)

    def test_shares_have_the_wanted_score_and_one_latent_distance(self):
        shares = shares_with_nps(AIRPORT, [NPS - 10, NPS, 80])
        np.testing.assert_allclose(100 * shares @ RatingScale().nps_values, [NPS - 10, NPS, 80])
        below = np.cumsum(shares, axis=1)[:, :-1]
        distance = np.diff(np.log(below / (1 - below)), axis=0)
        np.testing.assert_allclose(distance, distance[:, :1] * np.ones(10), atol=1e-6)

    def test_answers_come_from_the_shares(self):
        world = World(AIRPORT, "step", -20, answers=500, waves=4, baseline=2)
        records = world.records(800, random_seed=1)
        mean = records.nps.mean(axis=0)
        np.testing.assert_allclose(mean, world.nps, atol=4 * 75 / np.sqrt(500 * 800))

    def test_replicates_have_addresses(self):
        world = World(AIRPORT, waves=3, baseline=1)
        few, many = (world.records(n, random_seed=1).answers for n in (3, 9))
        np.testing.assert_array_equal(few, many[:3])
        assert not np.array_equal(few, world.records(3, random_seed=2).answers)

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            ({"kind": "jump"}, "unknown kind of world 'jump'"),
            ({"baseline": 16}, "needs answers, a baseline and a wave after it"),
            ({"answers": 0}, "needs answers"),
            ({"at": 3}, "at must be from 8 to 15; found 3"),
        ],
    )
    def test_impossible_worlds_are_refused(self, options, problem):
        with pytest.raises(ValueError, match=problem):
            World(AIRPORT, **options)

    def test_impossible_scores_are_refused(self):
        with pytest.raises(ValueError, match=r"wanted is 130\.981"):
            World(AIRPORT, "step", 100).records(1, random_seed=1)


class TestWatching:
    def test_false_alarms_of_a_move_rule_are_normal_theory(self):
        # Of the first wave after the baseline: one difference of two independent samples.
        world = World(AIRPORT, answers=400, waves=9, baseline=8)
        found = watch({"move": Move(5.0)}, world, replicates=4000, random_seed=1).false_alarms()
        # A move of 5 points on a grid of quarter points is one of more than 4.875.
        expected = 2 * stats.norm.sf(4.875 / (SPREAD * np.sqrt(2 / 400)))
        row = found.loc["move"]
        assert row["share"] == pytest.approx(expected, abs=4 * row["mcse"])

    def test_false_alarms_of_a_chart_are_those_of_its_limit(self):
        world = World(AIRPORT, answers=1000, waves=9, baseline=8)
        found = watch({"2": Shewhart(2.0)}, world, replicates=4000, random_seed=2).false_alarms()
        assert found.loc["2", "share"] == pytest.approx(0.0455, abs=4 * found.loc["2", "mcse"])

    def test_power_of_a_chart_is_normal_theory(self):
        world = World(AIRPORT, "step", -8, answers=400, waves=9, baseline=8)
        found = watch({"2": Shewhart(2.0)}, world, replicates=2000, random_seed=3).delays().loc["2"]
        shift = 8 / (SPREAD * np.sqrt(1 / 400 + 1 / 3200))
        power = stats.norm.sf(2 - shift) + stats.norm.cdf(-2 - shift)
        assert found["detected"] == pytest.approx(power, abs=4 * found["detected_mcse"] + 0.02)

    def test_delays_by_hand(self):
        world = World(AIRPORT, "step", -8, waves=6, baseline=2, at=3)
        statistic = np.array([[9, 9, 0, 0, 0, 1], [0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0], [0] * 6])
        seen = Watch(world, {"rule": statistic.astype(float)}, {"rule": 1.0})
        assert seen.first_alarms("rule").tolist() == [5, 2, 3, 6]
        assert seen.false_alarms().loc["rule", "share"] == 0.25
        row = seen.delays().loc["rule"]
        assert row[["detected", "waves", "left_out"]].tolist() == [2 / 3, (3 + 1 + 4) / 3, 1]

    def test_equal_false_alarms_are_equal(self):
        world = World(AIRPORT, waves=12)
        rules = {name: RULES[name] for name in ("move of 5 points", "Shewhart", "CUSUM", "EWMA")}
        stable = watch(rules, world, replicates=1000, random_seed=4)
        tuned = with_equal_false_alarms(rules, stable, share=0.1)
        again = watch(tuned, world, replicates=1000, random_seed=4).false_alarms(within=4)
        np.testing.assert_allclose(again["share"], 0.1, atol=0.02)
        assert tuned["CUSUM"].allowance == 0.5

    def test_trade_off_is_the_delay_at_those_limits(self):
        rules = {"chart": Shewhart(), "move": SignificantMove()}
        stable = watch(rules, World(AIRPORT), replicates=500, random_seed=5)
        changed = watch(rules, World(AIRPORT, "step", -10), replicates=500, random_seed=6)
        table = trade_off(stable, changed, shares=(0.05, 0.5))
        tuned = with_equal_false_alarms(rules, stable, share=0.05)
        again = watch(tuned, World(AIRPORT, "step", -10), replicates=500, random_seed=6).delays()
        columns = ["detected", "waves"]
        pd.testing.assert_frame_equal(
            table.xs(0.05, level="false_alarms")[columns], again[columns], check_names=False
        )
        assert (table["waves"].unstack()[0.5] < table["waves"].unstack()[0.05]).all()


class TestModelRule:
    @pytest.mark.parametrize("points", [0.0, 3.0])
    def test_probability_is_that_of_the_fit(self, points):
        world = World(AIRPORT, "step", -9, answers=300, waves=6, baseline=4)
        records = world.records(1, random_seed=1)
        found = ModelChange(points=points).statistic(records)[0, -1]
        waves, scores = np.indices(records.answers[0].shape)
        counts = {"wave": waves.ravel(), "score": scores.ravel(), "n": records.answers.ravel()}
        fit = WaveModel(pd.DataFrame(counts).astype(int), "wave").fit(20_000, random_seed=1)
        nps = fit.nps()[0].to_numpy()
        fall = nps[:, :4].mean(axis=1) - nps[:, 5]
        # Laplace's weights of step_sd are not corrected by importance sampling here.
        assert found == pytest.approx(np.mean(fall > points), abs=0.03)

    def test_it_watches_only_what_is_known(self):
        records = World(AIRPORT, answers=100, waves=6, baseline=3).records(2, random_seed=1)
        changed = records.answers.copy()
        changed[:, -1] = changed[:, -1, ::-1]
        other = type(records)(changed, records.rating_scale, 3)
        one, two = (ModelChange().statistic(each) for each in (records, other))
        np.testing.assert_array_equal(one[:, :-1], two[:, :-1])
        assert (one[:, -1] != two[:, -1]).all()
        assert (one[:, :3] == 0).all()


class TestSpikes:
    def test_noise_share_is_the_variance_of_simulated_moves(self):
        generator = np.random.default_rng(1)
        true = np.cumsum(generator.normal(0, 3, (20_000, 2)), axis=1)
        raw = true + generator.normal(0, SPREAD / 10, true.shape)
        moves, true_moves = np.diff(raw)[:, 0], np.diff(true)[:, 0]
        found = 1 - true_moves.var() / moves.var()
        assert noise_share(3.0, 100, SPREAD) == pytest.approx(found, abs=0.01)

    @pytest.mark.parametrize("step", [1.0, 10.0])
    def test_steady_worth_is_where_the_filter_settles(self, step):
        noise, variance = SPREAD**2 / 200, 1e6
        for _ in range(500):
            gain = variance / (variance + noise)
            variance = (1 - gain) * variance + step**2
        assert steady_worth(step, 200, SPREAD) == pytest.approx(gain)

    def test_spikes_are_counted_in_their_direction(self):
        raw = [[[0, 10, 0, 4]], [[0, 10, 20, 30]]]
        table = spike_table(np.repeat(raw, 2, axis=1), [0, 6, 7, 7], [50, 100], points=5)
        # First survey: +10 (6 true), -10 (against 1 true), +4 is none. Second: 6, 1 and 0 of 10.
        assert table["spikes"].tolist() == pytest.approx([2 / 3, 1])
        assert table["mostly_noise"].tolist() == pytest.approx([1 / 2, 2 / 3])
        assert table["worth"].tolist() == pytest.approx([(6 - 1) / 20, 7 / 30])
        assert (table["mcse"] == 0).all()

    def test_errors_are_those_of_many_simulations(self):
        generator = np.random.default_rng(2)
        truth = np.array([0, 8, 8, 8, 0, 0])
        tables = [
            spike_table(truth + generator.normal(0, 5, (1, 50, 6)), truth, [1]) for _ in range(300)
        ]
        shares = np.array([table["mostly_noise"].iloc[0] for table in tables])
        errors = np.array([table["mcse"].iloc[0] for table in tables])
        assert errors.mean() == pytest.approx(shares.std(), rel=0.15)

    def test_without_spikes_shares_are_missing(self):
        table = spike_table(np.zeros((1, 2, 3)), np.zeros(3), [10])
        assert table.loc[10, "spikes"] == 0
        assert table.loc[10, ["mostly_noise", "mcse", "worth"]].isna().all()

    def test_shapes_that_do_not_fit_are_refused(self):
        with pytest.raises(ValueError, match="raw scores have shape"):
            spike_table(np.zeros((1, 2, 3)), np.zeros(4), [10])
