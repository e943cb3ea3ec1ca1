"""Tracking waves: limits that are known exactly, brute force, and what labels and gaps mean."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

from nps_research.datasets import load_counts
from nps_research.dirichlet import dirichlet_quantile
from nps_research.metrics import nps
from nps_research.ordinal.model import OrdinalModel
from nps_research.ordinal.priors import Priors
from nps_research.scale import RatingScale
from nps_research.survey import read_survey
from nps_research.tracking.model import LOGISTIC_SD, WaveModel
from nps_research.tracking.nested_laplace import sampled
from nps_research.tracking.spikes import steady_worth
from nps_research.tracking.wave_times import wave_times
from nps_research.tracking.worlds import shares_with_nps

AIRPORT = np.array([24, 11, 24, 26, 24, 205, 133, 334, 601, 498, 770]) / 2650
THREE = RatingScale(1, 3, 1, 3)


def table(counts, labels=None, lowest=0):
    counts = np.asarray(counts)
    waves, scores = np.indices(counts.shape)
    names = np.arange(len(counts)) if labels is None else np.asarray(labels, dtype=object)
    rows = {"wave": names[waves.ravel()], "score": scores.ravel() + lowest, "n": counts.ravel()}
    return pd.DataFrame(rows).infer_objects()


def simulated(waves=8, answers=100, seed=1):
    return np.random.default_rng(seed).multinomial(answers, AIRPORT, size=waves)


@pytest.fixture(scope="module")
def model():
    return WaveModel(table(simulated()), "wave")


@pytest.fixture(scope="module")
def fit(model):
    return model.fit(random_seed=1)


def errors(found, expected, sd, draws=2000):
    """Distance in Monte Carlo errors, for so many effective draws."""
    return abs(found - expected) / (sd / np.sqrt(draws))


class TestLimits:
    def test_without_steps_waves_are_pooled(self):
        # The posterior of the three class shares is then exactly a Dirichlet distribution.
        counts = simulated()
        fit = WaveModel(table(counts), "wave", step_sd=1e-5).fit(random_seed=1)
        classes = counts.sum(axis=0) @ (RatingScale().nps_values[:, None] == [-1, 0, 1]) + 1.0
        tails = [0.05, 0.5, 0.95]
        values = np.array([-100.0, 0.0, 100.0])
        exact = [float(dirichlet_quantile(values, classes[None], tail)[0]) for tail in tails]
        found = fit.nps().quantile(tails, ("chain", "draw")).to_numpy()
        sd = float(fit.nps()[..., 0].std())
        assert np.abs(found - np.array(exact)[:, None]).max() < 4 * 2.1 * sd / np.sqrt(2000)

    def test_with_free_steps_waves_are_separate_shifts(self):
        counts = simulated(waves=3, answers=400)
        free = WaveModel(table(counts), "wave", step_sd=50.0).fit(random_seed=1)
        names = table(counts).astype({"wave": str})
        flat = Priors(terms={"wave[1]": np.inf, "wave[2]": np.inf})
        separate = OrdinalModel("score ~ wave", names, priors=flat).fit(
            random_seed=1, method="laplace"
        )
        for wave in range(3):
            one, other = free.nps()[..., wave], separate.nps("wave")[..., wave]
            assert errors(float(one.mean()), float(other.mean()), float(other.std())) < 4
            assert float(one.std()) == pytest.approx(float(other.std()), rel=0.05)

    def test_many_answers_give_the_raw_score(self):
        model = WaveModel(table(simulated(answers=500_000)), "wave")
        found = model.fit(random_seed=1).nps().mean(("chain", "draw")).to_numpy()
        np.testing.assert_allclose(found, model.raw()["nps"], atol=0.3)

    def test_one_wave_is_one_sample(self):
        counts = simulated(waves=1, answers=60)
        fit = WaveModel(table(counts), "wave").fit(random_seed=1)
        classes = counts[0] @ (RatingScale().nps_values[:, None] == [-1, 0, 1]) + 1.0
        mean = 100 * (classes[2] - classes[0]) / classes.sum()
        assert errors(float(fit.nps().mean()), mean, float(fit.nps().std())) < 4
        # It says nothing about steps: their standard deviation has its prior.
        assert float((fit.step_sd() ** 2).mean()) == pytest.approx(0.1**2, rel=0.1)
        step = (fit.predict(1, random_seed=1).level()[..., 0] - fit.level()[..., 0]) / LOGISTIC_SD
        assert float(step.std()) == pytest.approx(0.1, rel=0.1)


SMALL, SMALL_SCALE = np.array([[5, 9, 6], [9, 7, 2]]), 0.3


@pytest.fixture(scope="module")
def summed():
    """Three scores and two waves: four unknowns, so every integral can be summed.

    Posterior mean and standard deviation of the two scores and of the step.
    """
    axes = [np.linspace(-4, 3.5, 40), np.linspace(-4, 4, 40), np.linspace(-4.5, 4.5, 37)]
    first, second, step = np.meshgrid(*axes, indexing="ij")
    log_prior = special.log_expit(first) + 2 * special.log_expit(-first) - 0.5 * step**2
    log_prior += special.log_expit(second) + special.log_expit(-second)
    cuts = np.stack([first, special.logit(1 - special.expit(-first) * special.expit(-second))])
    mass, sums = 0.0, np.zeros((2, 3))
    points, weights = special.roots_legendre(24)
    for ratio, width in zip(2.5 * (points + 1), weights, strict=True):
        log_mass, values = log_prior + np.log(width) - 0.5 * ratio**2, []
        for n, level in zip(SMALL, (0.0, LOGISTIC_SD * SMALL_SCALE * ratio * step), strict=True):
            shares = np.diff(special.expit(cuts - level), axis=0, prepend=0, append=1)
            log_mass = log_mass + (n[:, None, None, None] * np.log(shares)).sum(axis=0)
            values.append(100 * (shares[2] - shares[0]))
        weight = np.exp(log_mass)
        quantities = np.array([*values, np.full(weight.shape, SMALL_SCALE * ratio)])
        mass += weight.sum()
        sums += [(quantities**power * weight).sum(axis=(1, 2, 3)) for power in (1, 2)]
    means, squares = sums / mass
    return means, np.sqrt(squares - means**2)


@pytest.fixture(scope="module")
def small_fit():
    counts = table(SMALL, lowest=1)
    model = WaveModel(counts, "wave", rating_scale=THREE, step_scale=SMALL_SCALE)
    return model.fit(40_000, random_seed=1)


class TestBruteForce:
    @pytest.mark.parametrize("quantity", [0, 1, 2])
    def test_posterior_has_the_right_mean_and_sd(self, summed, small_fit, quantity):
        mean, sd = (each[quantity] for each in summed)
        nps, step = small_fit.nps(), small_fit.step_sd()
        found = [nps[..., 0], nps[..., 1], step][quantity]
        assert errors(float(found.mean()), mean, sd, small_fit.convergence.ess) < 4
        assert float(found.std()) == pytest.approx(sd, rel=0.02)

    def test_evidence_does_not_depend_on_the_grid(self, monkeypatch):
        model = WaveModel(table(SMALL, lowest=1), "wave", rating_scale=THREE)
        usual = model.mixture().log_evidence
        monkeypatch.setattr("nps_research.tracking.nested_laplace.FINE", 60)
        assert model.mixture().log_evidence == pytest.approx(usual, abs=1e-3)


class TestTime:
    @pytest.mark.parametrize(
        ("labels", "expected"),
        [
            (pd.Index([3, 1, 2]), [2, 0, 1]),
            (pd.Index(["10", "9", "8"]), [2, 1, 0]),
            (pd.Index(["2025Q4", "2026Q1", "2026Q2"]), [0, 1, 2]),
            (pd.Index(["2025-11", "2026-01", "2026-03"]), [0, 1, 2]),
            (pd.to_datetime(["2026-01-01", "2026-01-11", "2026-01-31"]), [0, 2 / 3, 2]),
            (pd.period_range("2026-01", periods=3, freq="M"), [0, 1, 2]),
            (pd.CategoricalIndex(["low", "high"], ["low", "mid", "high"], ordered=True), [0, 1]),
        ],
    )
    def test_labels_become_times_in_units_of_the_median_gap(self, labels, expected):
        times, _ = wave_times(labels)
        np.testing.assert_allclose(times - times.min(), expected)

    def test_units_can_be_given(self):
        dates = pd.to_datetime(["2026-01-01", "2026-01-11"])
        assert np.diff(wave_times(dates, "5 days")[0]) == pytest.approx(2)
        assert np.diff(wave_times(dates, 20)[0]) == pytest.approx(0.5)
        categories = pd.CategoricalIndex(["a", "c"], ["a", "b", "c"], ordered=True)
        assert np.diff(wave_times(categories, unit=1)[0]) == pytest.approx(2)

    @pytest.mark.parametrize(
        ("labels", "unit", "problem"),
        [
            (["spring", "autumn"], None, "must say when it was; found 'spring'"),
            ([1, None], None, "missing one"),
            (["7", "07"], None, "two waves are of the same time"),
            (["2026Q1", "2026-02"], None, "all of one kind"),
            ([1, 2], 0, "unit must be a positive length"),
            ([1, 2], "long", "unit must be a positive length"),
        ],
    )
    def test_labels_without_a_time_are_refused(self, labels, unit, problem):
        with pytest.raises(ValueError, match=problem):
            wave_times(pd.Index(labels, dtype=object), unit)

    def test_order_of_rows_and_labels_does_not_matter(self):
        counts = simulated(waves=3)
        usual = WaveModel(table(counts, ["8", "9", "10"]), "wave").fit(random_seed=1)
        mixed = table(counts, ["8", "9", "10"]).sample(frac=1, random_state=1)
        again = WaveModel(mixed, "wave").fit(random_seed=1)
        assert usual.waves == again.waves == ["8", "9", "10"]
        np.testing.assert_array_equal(usual.nps(), again.nps())

    def test_a_wave_without_answers_is_the_same_as_a_gap(self):
        counts = simulated(waves=4)
        gap = WaveModel(table(counts[[0, 1, 3]], [0, 1, 3]), "wave", unit=1)
        empty = table(counts)
        empty.loc[empty["wave"] == 2, "score"] = pd.NA
        empty = WaveModel(empty.astype({"score": "Int64"}), "wave")
        assert empty.unanswered == 100
        one, other = gap.fit(random_seed=1).nps(), empty.fit(random_seed=2).nps()
        for wave in (0, 1, 3):
            pair = one.sel(wave=wave), other.sel(wave=wave)
            assert errors(*(float(each.mean()) for each in pair), float(pair[0].std())) < 6
        middle = other.std(("chain", "draw"))
        assert middle.sel(wave=2) > middle.sel(wave=1)
        assert np.isnan(empty.raw().loc[2, "nps"])

    def test_an_empty_first_wave_is_allowed(self):
        counts = simulated(waves=3)
        counts[0] = 0
        fit = WaveModel(table(counts), "wave").fit(random_seed=1)
        assert fit.convergence.converged
        assert fit.filtered()["wave"].to_numpy().tolist() == [1, 2]
        with pytest.raises(ValueError, match="nobody had answered by wave 0"):
            fit.known_at(0)


class TestFit:
    def test_same_seed_same_draws(self, model, fit):
        np.testing.assert_array_equal(model.fit(random_seed=1).nps(), fit.nps())

    def test_later_answers_do_not_reach_back_into_filtered_scores(self, fit):
        changed = simulated()
        changed[-1] = changed[-1][::-1]
        other = WaveModel(table(changed), "wave").fit(random_seed=1)
        np.testing.assert_array_equal(fit.filtered()[..., :-1], other.filtered()[..., :-1])
        assert float(fit.filtered()[..., -1].mean()) == float(fit.nps()[..., -1].mean())

    def test_functionals_agree_with_each_other(self, fit):
        shares = fit.score_probabilities()
        np.testing.assert_allclose(shares.sum("score"), 1)
        np.testing.assert_allclose(fit.top_box(1), shares.sel(score=10))
        by_hand = 100 * (shares.sel(score=[9, 10]).sum("score") - shares[..., :7].sum("score"))
        np.testing.assert_allclose(fit.nps(), by_hand)
        np.testing.assert_allclose(fit.mean_score(), (shares * shares["score"]).sum("score"))
        assert fit.level()[..., 0].to_numpy().any() == np.False_

    def test_changes_are_differences(self, fit):
        change = fit.change(2, 5)
        np.testing.assert_allclose(change, fit.nps().sel(wave=5) - fit.nps().sel(wave=2))
        chances = fit.probability_of_change(2, 1.0, wave=5)
        assert chances["rise"] == float((change > 1).mean())
        assert chances.sum() == pytest.approx(1)
        assert fit.probability_of_change(0).equals(fit.probability_of_change(0, wave=7))

    def test_forecasts_spread_with_time(self, fit):
        ahead = fit.predict(50, random_seed=1)
        levels = ahead.level() - fit.level()[..., -1].drop_vars("wave")
        z = levels / (LOGISTIC_SD * fit.step_sd() * np.sqrt(ahead.level()["wave"]))
        assert float(z[..., 49].std()) == pytest.approx(1, abs=4 / np.sqrt(2 * 4000))
        apart = fit.predict([0.5, 3.0], random_seed=1)
        assert apart.waves == [0.5, 3.0]

    def test_summary_names_interval_and_reliability(self, fit):
        summary = fit.summary()
        assert summary.index[[0, -1]].tolist() == ["nps[0]", "step_sd"]
        assert summary.attrs["interval"] == "equal-tailed credible interval"
        assert summary.attrs["convergence"].converged
        assert summary.loc["nps[3]", "mean"] == pytest.approx(float(fit.nps()[..., 3].mean()))

    def test_prior_is_what_it_says(self, model):
        prior = model.prior(20_000, random_seed=1)
        first = prior.nps()[..., 0]
        assert float(first.mean()) == pytest.approx(0, abs=4 * 41 / np.sqrt(20_000))
        assert float(first.std()) == pytest.approx(100 / np.sqrt(6), rel=0.02)
        # The variance of a step is the mean of its squared standard deviation, scale squared.
        step = (prior.level()[..., 1] - prior.level()[..., 0]) / LOGISTIC_SD
        assert float(step.std()) == pytest.approx(0.1, rel=0.05)

    def test_raw_scores_are_those_of_the_metric(self):
        airport = load_counts("sfo_airport")
        raw = WaveModel(airport, "year").raw()
        pd.testing.assert_frame_equal(
            raw.reset_index(drop=True), nps(airport, by="year").reset_index(drop=True)
        )

    def test_surveys_are_tabulated(self):
        rows = pd.DataFrame({"wave": [1, 1, 2, 2], "score": [9, 3, 8, 10]})
        assert "4 answers in 2 waves, 1 to 2" in repr(WaveModel(read_survey(rows, "score"), "wave"))

    def test_waves_with_dates_are_found_by_their_dates(self):
        dates = pd.to_datetime(["2026-01-31", "2026-02-28", "2026-03-31"])
        fit = WaveModel(table(simulated(3), dates), "wave").fit(random_seed=1)
        assert fit.change(dates[0]).equals(fit.change(dates[0], dates[2]))
        assert fit.filtered()["wave"].to_index().tolist() == dates.tolist()
        assert fit.spike(dates[1])["n"] == 100

    def test_results_show_themselves(self, fit):
        assert "reliable: Pareto k" in repr(fit)
        assert fit._repr_html_().startswith("<p>WaveFit of WaveModel: 800 answers in 8 waves")


class TestSpike:
    def test_worth_is_the_gain_of_a_kalman_filter(self):
        start = 100 * AIRPORT @ RatingScale().nps_values
        counts = np.tile(np.round(1000 * AIRPORT).astype(int), (15, 1))
        counts[-1] = np.round(1000 * shares_with_nps(AIRPORT, start + 8)[0])
        fit = WaveModel(table(counts), "wave", step_sd=0.06).fit(20_000, random_seed=1)
        below = np.cumsum(AIRPORT)
        slope = 100 * sum(below[k] * (1 - below[k]) for k in (6, 8))
        step = slope * LOGISTIC_SD * 0.06
        # All answers inform on the level, not their classes alone: the sd that counts is the
        # efficient one, sqrt(3 / (1 - sum p^3)) on the latent scale.
        sd = slope * np.sqrt(3 / (1 - (AIRPORT**3).sum()))
        gain = float(steady_worth(step, 1000, sd))
        assert fit.spike(14)["worth"] == pytest.approx(gain, abs=0.03)

    def test_surprises_without_news_are_common(self):
        spikes = [
            WaveModel(table(simulated(waves=4, seed=seed)), "wave")
            .fit(1000, random_seed=1)
            .spike(3)
            for seed in range(40)
        ]
        p = np.array([spike["p_value"] for spike in spikes])
        # In a stable world the forecast allows for steps: p values are a little too large.
        assert 0.4 < p.mean() < 0.75
        assert (p < 0.05).mean() < 0.15

    def test_spikes_need_answers_before_and_at_the_wave(self, fit):
        with pytest.raises(ValueError, match="needs answers in its wave and before it"):
            fit.spike(0)
        with pytest.raises(ValueError, match="unknown wave 99"):
            fit.spike(99)


class TestWeights:
    @pytest.mark.parametrize("waves", [2, 12])
    @pytest.mark.parametrize("answers", [20, 300])
    def test_draws_are_reliable(self, waves, answers):
        model = WaveModel(table(simulated(waves, answers)), "wave")
        drawn = sampled(model.waves, model.mixture(), 2000, 1)
        assert drawn.pareto_k < 0.7
        assert drawn.ess > 500

    def test_all_answers_alike(self):
        counts = np.zeros((4, 11), dtype=int)
        counts[:, 10] = 30
        fit = WaveModel(table(counts), "wave").fit(random_seed=1)
        assert float(fit.nps().mean()) > 90
        assert fit.convergence.converged


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"wave": "quarter"}, "unknown column 'quarter'"),
        ({"step_scale": 0.0}, "step_scale must be a positive number of latent standard dev"),
        ({"step_sd": -1.0}, r"step_sd must be a positive number .*; found -1\.0"),
        ({"concentration": [1.0, 1.0]}, "needs one number a score"),
        ({"unit": -1}, "unit must be a positive length"),
    ],
)
def test_unusable_models_are_refused(options, problem):
    with pytest.raises(ValueError, match=problem):
        WaveModel(**({"counts": table(simulated(2)), "wave": "wave"} | options))


def test_unusable_questions_are_refused(fit):
    with pytest.raises(ValueError, match="draws must be a whole number of at least 1; found 0"):
        fit.model.fit(0)
    with pytest.raises(ValueError, match="unknown wave 9"):
        fit.change(9)
    with pytest.raises(ValueError, match="a change needs two waves"):
        fit.change(7)
    with pytest.raises(ValueError, match="points must be 0 or more; found -1"):
        fit.probability_of_change(0, -1)
    for ahead in (0, [2, 1], [0]):
        with pytest.raises(ValueError, match="ahead must be a number of waves"):
            fit.predict(ahead)
    with pytest.raises(ValueError, match="unknown wave 12"):
        fit.model.until(12)
    alone = WaveModel(table(simulated(1)), "wave").fit(1000, random_seed=1)
    with pytest.raises(ValueError, match="there is only one wave"):
        alone.change(0)
