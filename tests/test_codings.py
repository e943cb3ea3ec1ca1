"""Codings compared by people left out: against refits without them, and closed forms."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from nps_research.churn.codings import compare_codings, fit_codings
from nps_research.churn.discrimination import auc_and_se
from nps_research.churn.hazard import HazardModel
from nps_research.churn.hazard_draws import HazardDraws
from nps_research.churn.holdout import expected_log_score, log_likelihoods
from nps_research.churn.layout import Layout
from nps_research.churn.lifetimes import lifetimes
from nps_research.churn.resampling import HeldOut, bayesian_bootstrap, calibration_line
from nps_research.datasets import load_counts
from nps_research.ordinal.draws import ScoreDraws
from nps_research.scale import RatingScale

SETTINGS = {"random_seed": 1, "progressbar": False}
FOUR, THREE = RatingScale(1, 4, 2, 4), RatingScale(1, 3, 1, 3)
CODES = {"yes": 1, "no": 0, "unknown": None}
ONE_PERIOD = pd.DataFrame(
    {
        "score": [1, 2, 3] * 2,
        "churned": [1] * 3 + [0] * 3,
        "n": [9, 14, 6, 24, 40, 90],
    }
)
MONTHS = pd.DataFrame(
    {
        "score": [1, 1, 2, 3, 4, 4, 2],
        "months": [1, 3, 2, 3, 3, 2, 3],
        "churned": [1, 0, 1, 0, 0, 1, 0],
        "n": [24, 30, 27, 90, 120, 18, 60],
    }
)


@pytest.fixture(scope="module")
def months():
    """Every row has several people, who leave in different months."""
    return HazardModel(lifetimes(MONTHS, rating_scale=FOUR), "linear").fit(2000, **SETTINGS)


@pytest.fixture(scope="module")
def community():
    people = lifetimes(load_counts("r_community"), months=None, churned="lapsed", outcomes=CODES)
    fits = fit_codings(people, ["monotone", "three steps", "linear"], **SETTINGS)
    return compare_codings(fits)


def log_mean(values):
    return np.log(np.exp(values).mean())


def test_people_left_out_are_those_of_refits(months):
    held = HeldOut(months)
    for row in (0, 1, 4, 5):
        refitted = months.without(row)
        exact = log_mean(log_likelihoods(refitted)[row])
        assert held.loo.pointwise["elpd"].iloc[row] == pytest.approx(exact, abs=0.01)
        hazards = np.exp(refitted.log_probabilities[1]).mean(axis=(0, 1))[0]
        trials, when, _ = held.trials
        own = trials == row
        expected = hazards[held.fit.layout.score[row], when[own] - 1]
        assert held.predicted[own] == pytest.approx(expected, rel=0.03)


def hazards_of(people):
    """Return posterior mean hazards by score, drawn without a report."""
    model = HazardModel(people, "full scale")
    ordinal = model.ordinal
    tree = ordinal.sampled(
        ordinal.posterior, draws=2000, tune=300, chains=1, random_seed=3, method="nuts"
    )
    draws = ScoreDraws(tree["posterior"].to_dataset(), ordinal.design, ordinal.family)
    return HazardDraws(draws, model.layout).hazard().mean(("chain", "draw")).to_numpy()[:, 0]


def test_pairs_left_out_are_those_of_refits():
    """Free scores, some of them alike: leaving out one person can turn the order around."""
    people = lifetimes(ONE_PERIOD, months=None, rating_scale=THREE)
    held, rows = HeldOut(HazardModel(people, "full scale").fit(2000, **SETTINGS)), people.counts
    left, stayed = (np.flatnonzero(rows["churned"] == value) for value in (1, 0))
    told_apart = 0
    for gone, there in product(left, stayed):
        smaller = rows.assign(n=rows["n"] - np.isin(np.arange(6), [gone, there]))
        hazard = hazards_of(lifetimes(smaller, months=None, rating_scale=THREE))
        pair = hazard[rows["score"].iloc[[gone, there]] - 1]
        gap = (pair[0] - pair[1]) / pair.mean()
        if rows["score"].iloc[gone] == rows["score"].iloc[there]:
            assert held.pairs[0][gone, there] == 0.5
        elif abs(gap) > 0.05:  # closer ones are not told apart by draws
            told_apart += 1
            assert held.pairs[0][gone, there] == float(gap > 0)
    assert told_apart >= 4


def test_months_of_a_person_multiply(months):
    log_p = log_likelihoods(months)[2].ravel()
    hazard = months.hazard().sel(score=2).to_numpy().reshape(-1, 3)
    row = months.layout.lifetimes.counts.iloc[2]
    assert (row["score"], row["months"], row["churned"]) == (2, 2, 1)
    np.testing.assert_allclose(log_p, np.log((1 - hazard[:, 0]) * hazard[:, 1]))


def test_scores_of_the_observed_people_are_sums_over_them(months):
    held = HeldOut(months)
    rows, (row, _, left) = held.rows, held.trials
    n = rows["n"].to_numpy(dtype=float)
    found = {name: each[0] for name, each in held.scores(n[None]).items()}
    assert found["log_score"] == pytest.approx(held.loo.elpd / n.sum())
    error = (n[row] * (left - held.predicted) ** 2).sum() / n[row].sum()
    assert found["brier"] == pytest.approx(error)
    line = sm.GLM(
        left,
        sm.add_constant(np.log(held.predicted / (1 - held.predicted))),
        sm.families.Binomial(),
        freq_weights=n[row],
    ).fit()
    assert found["slope"] == pytest.approx(line.params[1], rel=1e-6)


def test_area_counts_pairs_of_people_watched_in_the_same_month(months):
    held = HeldOut(months)
    rows, wins, pairs = held.rows, 0.0, 0.0
    hazard = months.hazard().mean(("chain", "draw"))
    for gone, there in product(rows[rows["churned"] == 1].itertuples(), rows.itertuples()):
        watched = there.months > gone.months or (there.months == gone.months and not there.churned)
        if watched:
            now = [hazard.sel(score=each.score, period=gone.months) for each in (gone, there)]
            wins += gone.n * there.n * (1.0 if now[0] > now[1] else 0.5 * (now[0] == now[1]))
            pairs += gone.n * there.n
    n = rows["n"].to_numpy(dtype=float)
    # A line keeps its direction whoever is left out.
    assert held.scores(n[None])["auc"][0] == pytest.approx(float(wins / pairs))


def test_community_has_the_areas_in_sample_and_left_out(community):
    table = community.summary()
    assert table.loc["three steps", "auc"] == pytest.approx(0.811, abs=0.0005)
    assert table.loc["monotone", "auc"] == pytest.approx(0.851, abs=0.0005)
    assert table.index[0] == "monotone"
    assert "only 56 left" in table["note"].iloc[0]
    scores = community.scores()
    auc = scores.loc["auc"]
    assert (auc["lower"] < auc["estimate"]).all()
    assert (auc["estimate"] < auc["upper"]).all()
    assert auc.loc["three steps", "difference_upper"] < 0
    assert scores.loc[("log_score", "monotone"), "difference"] == 0


def test_bootstrap_of_the_area_has_delongs_error(community):
    counts = community.held_out["monotone"].rows
    sizes = [
        counts[counts["churned"] == value]
        .set_index("score")["n"]
        .reindex(range(1, 11), fill_value=0)
        for value in (1, 0)
    ]
    drawn = community._resampled["monotone"]["auc"]
    assert drawn.std() == pytest.approx(float(auc_and_se(*sizes)[1]), rel=0.1)


def test_log_scores_are_those_of_the_engine(community):
    """Its own comparison pairs respondents by their answer, which here is leaving."""
    loos = {name: held.fit.ordinal.loo() for name, held in community.held_out.items()}
    table = community.summary()
    gap = loos["linear"].elpd - loos["monotone"].elpd
    assert table.loc["linear", "elpd_difference"] == pytest.approx(gap)
    pointwise = [loos[name].pointwise for name in ("linear", "monotone")]
    difference = pointwise[0]["elpd"] - pointwise[1]["elpd"]
    rows = np.repeat(difference, pointwise[0]["n"])
    se = rows.std() * np.sqrt(len(rows))
    assert table.loc["linear", "se_difference"] == pytest.approx(se)


def test_calibration_by_score_has_everyone(community):
    table = community.calibration("monotone")
    assert table["churned"].sum() == 56
    assert table["person_months"].sum() == 5833
    assert table.loc[10, "observed"] == pytest.approx(5 / 3589)
    inside = table["predicted"].between(table["lower"], table["upper"])
    assert inside.all()


def test_bootstrap_of_people_is_that_of_single_people():
    """Rows of n people have the variance of n Dirichlet weights."""
    n = np.array([5.0, 15.0, 80.0])
    drawn = bayesian_bootstrap(n, 40_000, 3)
    share = n / 100
    assert drawn.mean(axis=0) == pytest.approx(n, rel=0.02)
    expected = 100 * np.sqrt(share * (1 - share) / 101)
    assert drawn.std(axis=0) == pytest.approx(expected, rel=0.03)


def test_calibration_line_knows_extreme_predictions():
    truth = np.array([0.05, 0.2, 0.5, 0.8])
    odds = np.log(truth / (1 - truth))
    extreme = 1 / (1 + np.exp(-2 * odds - 0.3))
    n = np.concatenate([100 * truth, 100 * (1 - truth)])[None]
    outcomes = np.repeat([1, 0], 4)
    assert calibration_line(np.tile(extreme, 2), outcomes, n)[0] == pytest.approx([0.5])
    shifted = 1 / (1 + np.exp(-odds + 0.7))
    slope, intercept = calibration_line(np.tile(shifted, 2), outcomes, n)
    assert (slope[0], intercept[0]) == pytest.approx((1.0, 0.7))


def test_one_prediction_for_all_has_no_slope():
    slope, intercept = calibration_line(np.full(2, 0.2), np.array([1, 0]), np.array([[2.0, 8.0]]))
    assert np.isnan(slope[0])
    assert intercept[0] == pytest.approx(0.0, abs=1e-9)


def test_expected_log_score_is_the_mean_over_simulated_customers():
    generator = np.random.default_rng(6)
    truth = np.array([[0.3, 0.2], [0.1, 0.1], [0.1, 0.05], [0.02, 0.01]])
    shares, watched = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.1, 0.3, 0.6])
    people = lifetimes(MONTHS, rating_scale=FOUR).until(2)
    guess = HazardModel(people).prior(200, random_seed=2)
    score = generator.choice(4, 200_000, p=shares)
    leaves = generator.random((200_000, 2)) < truth[score]
    left = np.where(leaves.any(axis=1), leaves.argmax(axis=1) + 1, 9)
    until = generator.choice(3, 200_000, p=watched)
    drawn = {"score": score + 1, "months": np.minimum(left, until), "churned": left <= until}
    made = lifetimes(pd.DataFrame(drawn), rating_scale=FOUR)
    draws = HazardDraws(guess.draws, Layout(made))
    each = np.array([log_mean(log_p) for log_p in log_likelihoods(draws)])
    mean = float(each @ made.counts["n"]) / 200_000
    assert expected_log_score(guess, truth, shares, watched) == pytest.approx(mean, abs=0.005)


def test_fits_of_other_people_are_not_compared(months):
    other = months.refit(lifetimes(MONTHS.assign(n=MONTHS["n"] + 1), rating_scale=FOUR))
    with pytest.raises(ValueError, match="same people only; 'b'"):
        compare_codings({"a": months, "b": other})
    with pytest.raises(ValueError, match="two models or more; found 1"):
        compare_codings({"a": months})


def test_unknown_models_and_columns_are_refused(community):
    with pytest.raises(ValueError, match="unknown model 'steps'"):
        community.scores("steps")
    with pytest.raises(ValueError, match="unknown model 'steps'"):
        community.calibration("steps")
    with pytest.raises(ValueError, match="unknown column 'n'"):
        community.calibration("linear", by="n")
