"""The hazard model: other software, closed forms of what follows from hazards, known curves."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from nps_research.churn.hazard import EFFECTS, HazardModel, default_priors
from nps_research.churn.lifetimes import lifetimes, person_months
from nps_research.datasets import load_counts
from nps_research.ordinal.priors import Priors
from nps_research.scale import RatingScale

FOUR = RatingScale(1, 4, 2, 4)
SETTINGS = {"random_seed": 1, "progressbar": False}
CODES = {"yes": 1, "no": 0, "unknown": None}
# So wide that a posterior is the likelihood.
FLAT = Priors(concentration=(1e-3, 1e-3), coefficient_sd=50.0, group_sd=5.0)


def simulated(size, seed=5, horizon=6):
    """Customers of two segments whose hazards fall with the score, some watched late or briefly."""
    generator = np.random.default_rng(seed)
    score = generator.integers(1, 5, size)
    segment = generator.choice(["a", "b"], size)
    hazard = np.array([0.2, 0.12, 0.06, 0.05])[score - 1] * np.where(segment == "a", 1.0, 1.5)
    left = generator.geometric(hazard)
    until = generator.integers(1, horizon + 1, size)
    since = np.where(generator.random(size) < 0.2, 1, 0)
    seen = (left > since) & (until > since)
    rows = {"score": score, "segment": segment, "since": since, "churned": left <= until}
    return pd.DataFrame(rows | {"months": np.minimum(left, until)})[seen]


def of(rows, **options):
    return lifetimes(rows, entered="since", rating_scale=FOUR, **options)


@pytest.fixture(scope="module")
def fit():
    return HazardModel(of(simulated(600), by="segment"), covariates="segment").fit(**SETTINGS)


@pytest.fixture(scope="module")
def community():
    people = lifetimes(load_counts("r_community"), months=None, churned="lapsed", outcomes=CODES)
    return HazardModel(people).fit(**SETTINGS)


def test_wide_priors_give_the_estimates_of_statsmodels():
    people = of(simulated(2000), by="segment").until(1)
    model = HazardModel(people, "linear", covariates="segment", priors=FLAT)
    ours = model.fit(**SETTINGS).summary().loc[["rating_number", "segment[b]"]]
    months = person_months(people)
    columns = {"const": 1.0, "score": months["score"], "b": months["segment"] == "b"}
    theirs = sm.GLM(
        months["churned"],
        pd.DataFrame(columns).astype(float),
        sm.families.Binomial(),
        freq_weights=months["n"],
    ).fit()
    distance = (ours["mean"].to_numpy() - theirs.params[["score", "b"]]) / theirs.bse[
        ["score", "b"]
    ]
    assert np.abs(distance).max() < 0.15
    assert ours["sd"].to_numpy() == pytest.approx(theirs.bse[["score", "b"]].to_numpy(), rel=0.1)


def test_hazards_are_those_of_the_engine_for_the_same_people(fit):
    """Rows of the grid must come back in their own order, whatever order cells have."""
    one = fit.layout.grid.query("rating == 3 and period == 2 and segment == 'b'")
    expected = fit.ordinal.at(one).top_box(k=1)
    found = fit.hazard(by="segment").sel(score=3, period=2, segment="b")
    np.testing.assert_allclose(found, expected)


def test_survival_multiplies_staying(fit):
    hazard, survival = fit.hazard(by="segment"), fit.survival(by="segment")
    np.testing.assert_allclose(
        survival.isel(month=slice(1, None)), (1 - hazard).cumprod("period").to_numpy()
    )
    assert (survival.sel(month=0) == 1).all()
    gone = fit.churn_within(4, by="segment")
    np.testing.assert_allclose(gone, 1 - survival.sel(month=4, drop=True))


def test_kinds_are_mixed_by_their_people(fit):
    sizes = fit.layout.lifetimes.counts.groupby("segment")["n"].sum()
    by_segment = fit.survival(by="segment")
    mixed = sum(by_segment.sel(segment=k, drop=True) * n for k, n in sizes.items()) / sizes.sum()
    np.testing.assert_allclose(fit.survival(), mixed)
    implied = (
        1 - mixed.isel(month=slice(1, None)).to_numpy() / mixed.isel(month=slice(6)).to_numpy()
    )
    np.testing.assert_allclose(fit.hazard(), implied)


def test_hazard_ratio_weights_people_at_risk_of_the_same_months(fit):
    months = person_months(fit.layout.lifetimes)
    sizes = months.groupby(["period", "segment", "score"])["n"].sum()
    hazard = fit.hazard(by="segment").isel(chain=0, draw=7)
    totals = {group: sizes[sizes.index.isin(group, "score")] for group in ((1, 2), (3, 4))}
    means = []
    for group, own in totals.items():
        values = [hazard.sel(period=p, segment=g, score=s).item() for p, g, s in own.index]
        by_period = (own * values).groupby("period").sum() / own.groupby("period").sum()
        common = sizes.groupby("period").sum()
        means.append((by_period * common).sum() / common.sum())
        assert set(group) == set(own.index.unique("score"))
    found = fit.hazard_ratio((1, 2), (3, 4)).isel(chain=0, draw=7).item()
    assert found == pytest.approx(means[0] / means[1])


def test_risk_ratio_weights_people(fit):
    counts = fit.layout.lifetimes.counts.groupby(["segment", "score"])["n"].sum()
    gone = fit.churn_within(3, by="segment").isel(chain=1, draw=3)
    risks = []
    for scores in ((1, 2), (3, 4)):
        own = counts[counts.index.isin(scores, "score")]
        values = [gone.sel(segment=k, score=s).item() for k, s in own.index]
        risks.append((own * values).sum() / own.sum())
    found = fit.risk_ratio((1, 2), (3, 4), months=3).isel(chain=1, draw=3).item()
    assert found == pytest.approx(risks[0] / risks[1])


def test_periods_share_a_hazard():
    model = HazardModel(of(simulated(300)), "linear", periods=[2, 6])
    drawn = model.prior(20, random_seed=1)
    hazard, survival = drawn.hazard(), drawn.survival()
    assert hazard["period"].to_numpy().tolist() == [2, 6]
    monthly = (
        1
        - survival.isel(month=slice(1, None)).to_numpy() / survival.isel(month=slice(6)).to_numpy()
    )
    np.testing.assert_allclose(monthly[..., [0, 1, 2, 5]], hazard.to_numpy()[..., [0, 0, 1, 1]])


def test_many_customers_recover_the_curve():
    rows = simulated(60_000)
    model = HazardModel(of(rows[rows["segment"] == "a"]), periods=[6])
    found = model.fit(**SETTINGS).hazard().isel(period=0)
    truth = np.array([0.2, 0.12, 0.06, 0.05])
    distance = (found.mean(("chain", "draw")) - truth) / found.std(("chain", "draw"))
    assert np.abs(distance).max() < 3
    assert found.mean(("chain", "draw")).to_numpy() == pytest.approx(truth, rel=0.08)


def test_monotone_curves_never_turn_back(fit):
    steps, over = fit.hazard().diff("score"), ["score", "period"]
    rounding = 1e-15  # sparse steps are often smaller
    assert ((steps <= rounding).all(over) | (steps >= -rounding).all(over)).all()
    assert (abs(steps) > 1e-3).any(over).mean() > 0.99


@pytest.mark.parametrize("effect", EFFECTS)
def test_every_effect_predicts_scores_that_nobody_gave(effect):
    rows = simulated(300)
    drawn = HazardModel(of(rows[rows["score"] != 2]), effect).prior(50, random_seed=1)
    hazard = drawn.hazard()
    assert hazard["score"].to_numpy().tolist() == [1, 2, 3, 4]
    assert hazard.notnull().all()
    # Scores of a class, and scores below the top box, have one hazard.
    same = {"three steps": (1, 2), "top box": (1, 3)}.get(effect, (4, 4))
    np.testing.assert_allclose(*(hazard.sel(score=each) for each in same))


def test_classes_that_nobody_is_in_are_refused():
    rows = simulated(300)
    with pytest.raises(ValueError, match=r"'three steps' compares groups .* 'passive' is 0"):
        HazardModel(of(rows[rows["score"] != 3]), "three steps")
    with pytest.raises(ValueError, match=r"'linear' compares groups .* 'rating_number' is 3"):
        HazardModel(of(rows[rows["score"] == 3]), "linear")


def test_prior_hazards_are_plausible():
    """Median below 10 % a month, and one in a hundred to one in two within reach."""
    hazard = HazardModel(of(simulated(300))).prior(2000, random_seed=1).hazard().to_numpy()
    assert np.median(hazard) < 0.1
    assert (hazard < 0.01).mean() > 0.2
    assert 0.01 < (hazard > 0.5).mean() < 0.15
    assert default_priors("linear", several_periods=False).terms == {}


def test_a_monotone_effect_takes_its_own_settings_unless_told_otherwise(fit):
    people = of(simulated(200))
    linear = HazardModel(people, "linear").fit(**SETTINGS)
    assert (fit.ordinal.settings["draws"], linear.ordinal.settings["draws"]) == (3000, 1000)
    given = HazardModel(people).fit(2500, tune=600, **SETTINGS).ordinal.settings
    assert (given["draws"], given["tune"], given["target_accept"]) == (2500, 600, 0.95)


def test_community_has_its_shares(community):
    raw = community.layout.lifetimes.counts
    total = (community.hazard().mean(("chain", "draw")).isel(period=0)).to_numpy()
    people = raw.groupby("score")["n"].sum().to_numpy()
    assert (people * total).sum() == pytest.approx(56, abs=2)
    ratio = community.hazard_ratio((1, 4), (5, 6))
    assert ratio.quantile(0.025) < 3.4 < ratio.quantile(0.975)
    np.testing.assert_allclose(ratio, community.risk_ratio((1, 4), (5, 6)))


def test_one_period_is_left_out_as_the_engine_does(community):
    ours, engine = community.loo(), community.ordinal.loo()
    assert ours.elpd == pytest.approx(engine.elpd)
    assert ours.se == pytest.approx(engine.se)
    assert (ours.n, ours.n_unreliable) == (5833, 0)


def test_refit_is_a_fit_of_the_other_people(community):
    people = community.model.lifetimes
    again = community.refit(people)
    np.testing.assert_array_equal(again.hazard(), community.hazard())
    assert again.model.formula == "score ~ mo(rating)"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda fit: fit.churn_within(7), "whole number up to 6, the last month"),
        (lambda fit: fit.hazard_ratio((0, 2), (3, 4)), "from 0 to 2 are not on the scale"),
        (lambda fit: fit.hazard_ratio((2, 1), (3, 4)), "from 2 to 1 are not on the scale"),
        (lambda fit: fit.hazard(by="region"), "unknown column 'region'"),
    ],
)
def test_impossible_questions_are_refused(fit, call, message):
    with pytest.raises(ValueError, match=message):
        call(fit)


def test_scores_that_nobody_gave_have_no_ratio():
    rows = simulated(300)
    drawn = HazardModel(of(rows[rows["score"] != 3])).prior(10, random_seed=1)
    for ratio in (drawn.hazard_ratio, drawn.risk_ratio):
        with pytest.raises(ValueError, match="nobody who gave a score from 3 to 3"):
            ratio((3, 3), (4, 4))


def test_unknown_effects_and_taken_names_are_refused():
    people = of(simulated(100).assign(promoter=1), by="promoter")
    with pytest.raises(ValueError, match="unknown effect 'steps'"):
        HazardModel(people, "steps")
    with pytest.raises(ValueError, match="'promoter' has a name that the model uses"):
        HazardModel(people)
