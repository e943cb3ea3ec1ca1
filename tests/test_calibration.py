"""Ranks and coverage: right models pass, wrong ones do not, and interrupted runs go on exactly."""

import itertools
from math import factorial

import joblib
import numpy as np
import pandas as pd
import pytest
from calibration_templates import TEMPLATES
from scipy import stats

import nps_research as npsr
from nps_research import calibration_plots
from nps_research.calibration import Sampling, sbc, simulated
from nps_research.calibration_results import SbcResult
from nps_research.model_coverage import TwoGroups, one_group_coverage, two_group_coverage
from nps_research.replication import BATCH, replicated
from nps_research.uniformity import holm, uniformity_band, uniformity_p

J_SHAPED = np.array([12, 2, 2, 2, 2, 6, 4, 7, 12, 13, 38]) / 100
# Short runs: enough to find gross errors; the recorded run has ten times as many replicates.
SHORT = {"few groups": 40, "no answer": 60, "intervals": 60}
QUICK = Sampling(draws=49, thin=3, tune=150)


@pytest.fixture
def three():
    return TEMPLATES["cumulative cloglog, 3 scores"].model()


def same(first, second):
    names = ("truth", "mean", "sd", "rank", "below", "correlation", "diverging", "failure")
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in names)


class TestUniformity:
    @pytest.mark.parametrize("counts", [(6, 0, 0), (3, 2, 1), (0, 4, 2), (2, 2, 2)])
    def test_p_is_the_chance_of_all_samples_as_extreme(self, counts):
        n = 6
        share = np.arange(1, 3) / 3

        def extremity(sample):
            below = np.cumsum(sample)[:-1]
            tails = stats.binom.cdf(below, n, share), stats.binom.sf(below - 1, n, share)
            return np.min(tails)

        samples = [each for each in itertools.product(range(n + 1), repeat=3) if sum(each) == n]
        chances = [factorial(n) / np.prod([*map(factorial, s)]) / 3**n for s in samples]
        extreme = [extremity(s) <= extremity(counts) * (1 + 1e-9) for s in samples]
        assert uniformity_p(counts) == pytest.approx(np.dot(chances, extreme), abs=1e-12)

    def test_one_in_twenty_uniform_samples_is_rejected(self):
        samples = np.random.default_rng(1).multinomial(200, [1 / 50] * 50, size=2000)
        rejected = np.mean([uniformity_p(sample) <= 0.05 for sample in samples])
        assert rejected == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 2000))

    def test_the_band_holds_the_promised_share_of_uniform_samples(self):
        lower, upper = uniformity_band(200, 20, 0.9)
        samples = np.random.default_rng(2).multinomial(200, [1 / 20] * 20, size=4000)
        found = np.cumsum(samples, axis=1)[:, :-1] / 200 - np.arange(1, 20) / 20
        inside = ((found >= lower - 1e-12) & (found <= upper + 1e-12)).all(axis=1).mean()
        assert 0.9 - 4 * 0.005 < inside < 0.93

    def test_holm_is_bonferroni_for_the_smallest_and_keeps_the_order(self):
        np.testing.assert_allclose(holm([0.02, 0.9, 0.01, 0.02]), [0.06, 0.9, 0.04, 0.06])

    def test_nothing_to_test_is_refused(self):
        with pytest.raises(ValueError, match="0 counted among 3 values"):
            uniformity_p([0, 0, 0])


def itself(number):
    return {"x": number}


class TestReplication:
    def test_interrupted_runs_go_on(self, tmp_path):
        calls = []

        def simulate(number):
            calls.append(number)
            return {"square": number**2}

        replicated(simulate, 2 * BATCH, identity={"a": 1}, folder=tmp_path)
        found = replicated(simulate, 2 * BATCH + 3, identity={"a": 1}, folder=tmp_path)
        assert calls == list(range(2 * BATCH + 3))
        assert found["square"].tolist() == [number**2 for number in calls]

    @pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing", "sequential"])
    def test_backends_change_nothing(self, backend):
        with joblib.parallel_config(backend=backend):
            found = replicated(itself, BATCH + 1, identity={}, n_jobs=2)
        assert found["x"].tolist() == list(range(BATCH + 1))

    def test_other_replicates_are_not_mixed_in(self, tmp_path):
        replicated(lambda number: {"x": number}, 1, identity={"seed": 1, "n": 2}, folder=tmp_path)
        with pytest.raises(ValueError, match="differs in seed"):
            replicated(
                lambda number: {"x": number}, 1, identity={"seed": 2, "n": 2}, folder=tmp_path
            )

    def test_progress_has_the_name_of_the_folder(self, tmp_path, capsys):
        replicated(lambda number: {"x": number}, 1, identity={}, folder=tmp_path / "run")
        assert capsys.readouterr().err == ""
        replicated(
            lambda number: {"x": number},
            1,
            identity={"a": 1},
            folder=tmp_path / "b",
            progressbar=True,
        )
        assert "b, batches of 20: 1 of 1" in capsys.readouterr().err


class TestSimulatedAnswers:
    def answers(self, name, draws=200):
        model = TEMPLATES[name].model()
        truth = model.prior(1, random_seed=3)
        generator = np.random.default_rng(4)
        designs = [simulated(model.posterior, truth.parameters, generator) for _ in range(draws)]
        return model, truth, designs

    def test_every_cell_keeps_its_number_of_respondents(self):
        model, _, designs = self.answers("intervals", 5)
        for design in designs:
            censored = np.bincount(design.censored[:, 0], design.censored_n, len(design.cells))
            np.testing.assert_array_equal(
                design.counts.sum(axis=1) + censored, model.design.cells.sizes
            )

    def test_intervals_hold_a_third_of_the_answers_inside_them(self):
        _, truth, designs = self.answers("intervals")
        p = np.exp(truth.log_probabilities().to_numpy()[0, 0])
        cell, low, high = designs[0].censored.T
        expected = 7 * np.array(
            [p[j, a : b + 1].sum() for j, a, b in zip(cell, low, high, strict=True)]
        )
        mean = np.mean([design.censored_n for design in designs], axis=0)
        np.testing.assert_allclose(mean, expected, atol=4 * np.sqrt(7 / 4 / 200))

    def test_as_many_do_not_answer_as_their_odds_say(self):
        _, truth, designs = self.answers("no answer")
        cells = designs[0].cells
        odds = np.exp(cells.hurdle_predictors @ truth.parameters["no_answer"].to_numpy()[0, 0])
        mean = np.mean([design.cells.unanswered for design in designs], axis=0)
        error = np.sqrt(cells.sizes * odds * (1 + odds) / 200)
        assert (np.abs(mean - cells.sizes * odds) < 4 * error).all()


class TestCalibration:
    @pytest.mark.parametrize(("name", "replicates"), SHORT.items())
    def test_ranks_are_uniform(self, name, replicates):
        template = TEMPLATES[name]
        result = sbc(template.model(), replicates, random_seed=1, by=template.by, sampling=QUICK)
        assert (result.n_failed, result.n) == (0, replicates)
        assert result.uniformity["p_corrected"].min() > 0.001, repr(result)

    def test_a_narrower_prior_is_found_out(self, three):
        narrow = TEMPLATES["cumulative cloglog, 3 scores"].model(npsr.Priors(coefficient_sd=0.1))
        result = sbc(three, 60, random_seed=1, fitted=narrow, sampling=QUICK)
        assert result.uniformity["p_corrected"].min() < 1e-6
        assert result.worst.startswith(("coefficients", "log_likelihood"))

    def test_a_posterior_that_ignores_the_answers_is_found_out_by_their_likelihood(self, three):
        # Draws from the prior have uniform ranks for every parameter.
        rng = np.random.default_rng(1)
        truth = three.prior(60, random_seed=1)
        p = np.exp(truth.log_probabilities().to_numpy()[0])
        counts = rng.multinomial(20, p / p.sum(axis=-1, keepdims=True))
        prior = three.prior(49, random_seed=2).log_probabilities().to_numpy()[0]
        values = np.einsum("rjk,djk->rd", counts, prior)
        rank = (values < (counts * np.log(p)).sum(axis=(1, 2))[:, None]).sum(axis=1)
        assert uniformity_p(np.bincount(rank, minlength=50)) < 1e-6

    def test_neither_processes_nor_resuming_change_anything(self, three, tmp_path):
        options = {"random_seed": 5, "sampling": Sampling(draws=9, thin=2, tune=100)}
        once = sbc(three, 30, **options)
        sbc(three, 20, **options, folder=tmp_path)
        assert same(once, sbc(three, 30, **options, n_jobs=2, folder=tmp_path))

    def test_another_seed_does_not_continue_a_run(self, three, tmp_path):
        sampling = Sampling(draws=9, thin=1, tune=50)
        sbc(three, 1, random_seed=1, sampling=sampling, folder=tmp_path)
        with pytest.raises(ValueError, match="differs in random_seed"):
            sbc(three, 1, random_seed=2, sampling=sampling, folder=tmp_path)

    def test_failures_are_counted(self, three, monkeypatch):
        def fail(*_, **__):
            raise RuntimeError("no starting point")

        monkeypatch.setattr(npsr.OrdinalModel, "sampled", fail)
        result = sbc(three, 2, random_seed=1)
        assert (result.n, result.n_failed) == (0, 2)
        assert result.failure[0] == "RuntimeError: no starting point"


class TestRecovery:
    @pytest.fixture
    def normal(self):
        """Exact posteriors of a mean with prior N(0, 1), from one observation with variance 1/3."""
        rng = np.random.default_rng(6)
        truth = rng.normal(size=(4000, 1))
        mean = 0.75 * (truth + rng.normal(size=truth.shape) / np.sqrt(3))
        below = stats.norm.cdf(truth, mean, 0.5)
        return SbcResult(
            quantities=["mean"],
            draws=9,
            truth=truth,
            mean=mean,
            sd=np.full(truth.shape, 0.5),
            rank=np.floor(10 * below).astype(np.int64),
            below=below,
            correlation=np.zeros(truth.shape),
            diverging=np.zeros(4000, dtype=np.int64),
            failure=np.full(4000, ""),
        )

    def test_an_exact_posterior_recovers_what_theory_says(self, normal):
        row = normal.recovery().loc["mean"]
        assert abs(row["bias"]) < 4 * row["bias_error"]
        assert abs(row["rmse"] - 0.5) < 4 * row["rmse_error"]
        assert abs(row["coverage_80"] - 0.8) < 4 * row["coverage_80_error"]
        assert row["contraction"] == pytest.approx(0.75, abs=0.02)
        assert normal.uniformity["p"].iloc[0] > 0.01


class TestCoverage:
    def test_one_group_agrees_with_all_samples(self):
        table = one_group_coverage(J_SHAPED, [20], replicates=4000, random_seed=1)
        exact = npsr.nps_coverage((0.3, 0.19, 0.51), [20])
        for method in ("adjusted_wald", "score", "dirichlet"):
            row = table.loc[("nps", method, 20)]
            expected = exact.loc[(method, 20)]
            assert abs(row["coverage"] - expected["coverage"]) < 4 * row["coverage_error"]
            assert abs(row["width"] - expected["width"]) < 4 * row["width_error"]

    def test_the_model_of_one_group_is_dirichlet(self):
        counts = pd.DataFrame({"score": [2, 7, 9, 10], "n": [4, 5, 3, 8]})
        draws = npsr.OrdinalModel("score ~ 1", counts).fit(random_seed=1, progressbar=False).nps()
        exact = stats.dirichlet([4 + 1, 5 + 1, 11 + 1])
        mean = 100 * (exact.mean() @ [-1, 0, 1])
        sd = 100 * np.sqrt(np.array([-1, 0, 1]) @ exact.cov() @ [-1, 0, 1])
        assert float(draws.mean()) == pytest.approx(mean, abs=4 * sd / np.sqrt(1000))
        assert float(draws.std()) == pytest.approx(sd, rel=0.1)

    def test_two_groups_are_covered_and_resumed(self, tmp_path):
        options = {"settings": TwoGroups(methods=("laplace",)), "random_seed": 1}
        table = two_group_coverage(J_SHAPED, [50], replicates=40, **options, folder=tmp_path)
        assert (table["coverage"] > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 40)).all()
        again = two_group_coverage(J_SHAPED, [50], replicates=40, **options, folder=tmp_path)
        pd.testing.assert_frame_equal(table, again)

    def test_sharing_cutpoints_narrows_the_intervals_of_groups(self):
        options = {"settings": TwoGroups(methods=("laplace",)), "random_seed": 1}
        width = two_group_coverage(J_SHAPED, [50], replicates=20, **options)["width"]
        assert width["nps[a]", "laplace", 50] < width["nps[a]", "dirichlet", 50]

    @pytest.mark.parametrize(
        ("shares", "message"), [([0.5, 0.5], "11 positive"), ([0.1] * 11, "sum to 1")]
    )
    def test_impossible_truths_are_refused(self, shares, message):
        with pytest.raises(ValueError, match=message):
            one_group_coverage(shares, [10], random_seed=1)


@pytest.mark.usefixtures("fresh_figures")
class TestFigures:
    def test_ranks_start_and_end_as_expected(self):
        axis = calibration_plots.plot_ranks(pd.DataFrame([[30, 10]], index=["nps"]))[0]
        np.testing.assert_allclose(axis.lines[0].get_ydata(), [0, 0.25, 0])

    def test_recovery_shows_contraction_and_error(self):
        row = {"contraction": [0.9, 0.2], "z_mean": [0.1, -0.1], "z_sd": [1.0, 1.1]}
        axis = calibration_plots.plot_recovery(pd.DataFrame(row))
        np.testing.assert_allclose(axis.lines[0].get_xydata(), [[0.9, 0.1], [0.2, -0.1]])

    def test_coverage_is_drawn_in_percent(self):
        table = one_group_coverage(J_SHAPED, [5, 10], replicates=50, random_seed=1)
        axis = calibration_plots.plot_model_coverage(table, ["score"], title="One group")[0]
        np.testing.assert_allclose(
            axis.lines[0].get_ydata(), 100 * table["coverage"].xs("score", level="method")
        )
