"""The inflation model finds what is true of simulated worlds, and says what it cannot know."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

from nps_research import nps
from nps_research.inflation import InflationModel, InflationPriors
from nps_research.inflation.simulation import simulated_counts
from nps_research.inflation.worlds import Anchors, IncentiveWorld, Violations

MAIN = ("improvement", "reporting_shift", "honest_nps", "inflation", "honest_nps_everybody")
PERIODS = IncentiveWorld(market=(0.0, 0.1, 0.25, 0.2), starts=(2, 3), customers=80)


def fitted(world=None, *, without=(), retest=True, draws=2000, **options):
    counts, pairs, true = simulated_counts(world or IncentiveWorld(), random_seed=2)
    table = counts.drop(columns=list(without))
    options = {"agent_effects": False, "retest": pairs if retest else None} | options
    return InflationModel(table, **options).fit(draws, random_seed=1), true


@pytest.fixture(scope="module")
def main():
    return fitted(draws=4000)


@pytest.fixture(scope="module")
def alone():
    return fitted(without=["churned"])[0]


@pytest.mark.parametrize(
    ("world", "options"),
    [
        ({}, {}),
        ({}, {"agent_effects": True}),
        ({}, {"agent_effects": True, "retest": False}),
        ({"shift": 0.0}, {"agent_effects": True}),
        ({"improvement": 0.0}, {}),
        ({"shift": 0.25, "ten_mass": 0.15}, {"ten_inflation": True}),
        ({"anchors": Anchors(audits=60)}, {"without": ["churned"]}),
        (
            {"anchors": Anchors(audits=15, audit_response="complete")},
            {"without": ["churned"], "audit_response": "complete"},
        ),
        (
            {"anchors": Anchors(comments=0.65)},
            {"without": ["churned"], "indicators": ("sentiment",)},
        ),
        (
            {"anchors": Anchors(comments=0.65, leak=0.5)},
            {"without": ["churned"], "indicators": ("sentiment",), "leak": 0.5},
        ),
        ({"violations": Violations(latent="skewed")}, {"latent": "skewed"}),
        ({"violations": Violations(latent="logistic")}, {"latent": "logistic"}),
        ({"violations": Violations(surrogacy=0.5)}, {"surrogacy": 0.5}),
        ({"violations": Violations(churn_gap=0.2)}, {"trend_gap": 0.2}),
    ],
)
def test_truth_is_found_where_it_can_be(world, options):
    fit, true = fitted(IncentiveWorld(**world), **options)
    table = fit.summary()
    assert fit.convergence.converged
    assert fit.identified["improvement"]
    for name in filter(fit.identified.get, MAIN):
        assert abs(table["mean"][name] - true[name]) < 2.5 * table["sd"][name], name


def test_improvement_is_what_churn_says_of_it(main):
    # The difference in differences of the log odds of leaving, stretched by what averaging over
    # loyalties takes from a slope (Zeger, Liang and Albert 1988).
    counts = simulated_counts(random_seed=2).counts
    left = counts[counts["churned"] == 1].groupby(["treated", "post"])["n"].sum()
    odds = special.logit((left / counts.groupby(["treated", "post"])["n"].sum()).unstack())
    difference = np.diff(np.diff(odds.to_numpy(), axis=0))[0, 0]
    draws = main[0].draws
    slope = draws["churn_slope"].mean()
    stretch = np.sqrt(1 + (slope / 1.7) ** 2)
    assert draws["improvement"].mean() == pytest.approx(-difference * stretch / slope, abs=0.04)


def test_scores_alone_tell_only_the_sum(alone):
    sd = {name: alone.draws[name].std() for name in ("improvement", "reporting_shift", "sum")}
    assert alone.correlation() < -0.9
    assert sd["sum"] < sd["improvement"] / 2
    assert sd["improvement"] == pytest.approx(0.5 / np.sqrt(2), rel=0.15)
    assert not alone.identified["improvement"]
    assert alone.identified["sum"]


def test_scores_alone_say_so(alone):
    said = alone.summary()
    for text in (alone.statement(), repr(alone), repr(said), said.attrs["statement"]):
        assert "not identified" in " ".join(text.split())
        assert "the prior" in text
    assert "not identified" in alone._repr_html_()
    assert not said["identified"][["improvement", "reporting_shift", "honest_nps"]].any()


def test_anchors_and_assumptions_are_named(main):
    fit = main[0]
    assert fit.anchors == ("control group", "churn", "retest pairs", "response")
    for words in ("would have moved alike", "not for their score", "retest share loyalty"):
        assert words in fit.statement()
    moved = fit.model.assuming(trend_gap=0.1, surrogacy=0.5, reliability=(0.6, 0.1))
    for words in ("another +0.1", "0.5 of the improvement"):
        assert words in moved.identification.statement()


@pytest.mark.parametrize(
    ("columns", "options", "expected"),
    [
        (["churned"], {}, False),
        (["churned"], {"reliability": 0.7}, False),
        ([], {"respondents": True}, False),
        ([], {"respondents": True, "reliability": 0.7}, True),
        ([], {}, True),
        (["churned"], {"indicators": ("sentiment",)}, False),
        (["churned"], {"indicators": ("sentiment",), "reliability": 0.7}, True),
        ([], {"respondents": True, "indicators": ("sentiment",)}, True),
    ],
)
def test_what_is_identified_follows_from_the_anchors(columns, options, expected):
    world = IncentiveWorld(customers=20, anchors=Anchors(comments=0.5))
    counts = simulated_counts(world, random_seed=1).counts.drop(columns=["agent", *columns])
    if options.pop("respondents", False):
        counts = counts.dropna(subset="score")
    found = InflationModel(counts, **options).identification
    assert found.identified["improvement"] == found.split == expected


def test_prior_reliability_is_called_an_assumption():
    counts = simulated_counts(IncentiveWorld(customers=20), random_seed=1).counts
    model = InflationModel(counts.drop(columns="agent").dropna(subset="score"))
    assert "reliability of a score is as its prior says" in model.identification.statement()
    assert "those who answered" in model.identification.statement()


def test_an_audit_does_not_tell_how_the_silent_differ():
    world = IncentiveWorld(customers=20, anchors=Anchors(audits=5))
    counts = simulated_counts(world, random_seed=1).counts
    alone = InflationModel(counts.drop(columns=["agent", "churned"])).identification
    assert not alone.identified["honest_nps_everybody"]
    assert "how those who are silent differ" in alone.statement()
    assert InflationModel(counts).identification.identified["honest_nps_everybody"]


def test_an_audit_of_other_people_misleads():
    world = IncentiveWorld(anchors=Anchors(audits=15, audit_response="complete"))
    fit, true = fitted(world, without=["churned"])
    assert fit.draws["improvement"].mean() < true["improvement"] - 0.1


def test_a_gap_in_churn_moves_the_improvement_by_what_it_is_worth(main):
    other = main[0].model.assuming(trend_gap=0.1).fit(random_seed=1)
    before, after = (each.draws["improvement"].mean() for each in (main[0], other))
    worth = 0.1 / main[0].draws["churn_slope"].mean()
    assert after - before == pytest.approx(worth, rel=0.15)


def test_reliability_can_be_given():
    known, _ = fitted(retest=False, reliability=0.7)
    assert known.draws["reliability"] == pytest.approx(0.7)
    around, _ = fitted(retest=False, reliability=(0.5, 0.01))
    assert around.draws["reliability"].mean() == pytest.approx(0.5, abs=0.03)


def test_assumptions_are_checked():
    model = fitted(draws=400)[0].model
    with pytest.raises(ValueError, match="unknown assumption 'trendgap'"):
        model.assuming(trendgap=1)


def test_summary_says_what_its_columns_are(main):
    table = main[0].summary(level=0.8)
    lower, upper = np.quantile(main[0].draws["improvement"], [0.1, 0.9])
    assert table.index[:6].tolist() == [
        *MAIN[:3],
        "reported_nps",
        "inflation",
        "probability_improved",
    ]
    assert table.loc["improvement", "lower"] == pytest.approx(lower)
    assert table.loc["improvement", "upper"] == pytest.approx(upper)
    assert table.attrs["interval"] == "equal-tailed credible interval"
    assert table.attrs["mass"] == 0.8
    assert table["mean"]["probability_improved"] == (main[0].draws["improvement"] > 0).mean()
    assert table["r_hat"].isna().all()


def test_inflation_is_reported_less_honest(main):
    draws = main[0].draws
    assert draws["inflation"] == pytest.approx(draws["reported_nps"] - draws["honest_nps"])
    assert draws["sum"] == pytest.approx(draws["improvement"] + draws["reporting_shift"])


def test_a_seed_repeats_the_draws():
    first, second = (fitted(draws=500)[0] for _ in range(2))
    for name, draws in first.draws.items():
        assert np.array_equal(draws, second.draws[name])


def test_predictive_check_fits_its_own_world(main):
    table = main[0].predictive()
    assert table["p_value"].min() > 0.01
    assert (table["lower"] <= table["mean"]).all()
    assert table.attrs == {"interval": "equal-tailed posterior predictive interval", "mass": 0.9}


def test_predictive_check_shows_what_was_seen(main):
    counts = simulated_counts(random_seed=2).counts
    seen = main[0].predictive().xs("nps", level="statistic")["observed"]
    expected = nps(counts, by=["treated", "post"])["nps"]
    assert seen.to_numpy() == pytest.approx(expected.to_numpy())


def test_predictive_check_finds_a_mass_on_the_highest_score():
    world = IncentiveWorld(ten_mass=0.4, shift=0.0)
    plain, _ = fitted(world)
    mixed, true = fitted(world, ten_inflation=True)
    p_values = [fit.predictive().loc[(1, 1, 0, "highest"), "p_value"] for fit in (plain, mixed)]
    assert p_values[0] < 0.05 < p_values[1]
    assert mixed.draws["ten_inflation"].mean() == pytest.approx(true["ten_inflation"], abs=0.08)


def test_a_staggered_roll_out_is_found_and_its_placebo_is_nothing():
    fit, true = fitted(PERIODS, agent_effects=True)
    table, before = fit.summary(), fit.model.placebo().fit(1000, random_seed=1)
    assert "control group and staggered roll-out" in fit.anchors
    for name in ("improvement", "reporting_shift"):
        assert abs(table["mean"][name] - true[name]) < 2.5 * table["sd"][name]
        assert abs(before.draws[name].mean()) < 2.5 * before.draws[name].std()


def test_few_customers_are_no_obstacle():
    counts, _, _ = simulated_counts(IncentiveWorld(customers=6), random_seed=3)
    fit = InflationModel(counts, reliability=0.67).fit(random_seed=1)
    assert fit.convergence.converged
    assert fit.draws["improvement"].std() > 0.2


def test_priors_can_be_changed():
    tight, _ = fitted(draws=500, priors=InflationPriors(reporting_shift=0.001))
    assert abs(tight.draws["reporting_shift"]).max() < 0.01
    assert tight.draws["improvement"].mean() > 0.3


def test_second_channel_is_an_indicator():
    counts, retest, true = simulated_counts(
        IncentiveWorld(anchors=Anchors(comments=0.65)), random_seed=2
    )
    labels = pd.Categorical(counts["sentiment"], range(1, 6), ordered=True)
    rows = counts.drop(columns=["churned", "sentiment"]).assign(other=labels)
    fit = InflationModel(rows, retest=retest, indicators=["other"], agent_effects=False).fit(
        1000, random_seed=1
    )
    assert fit.anchors == ("control group", "retest pairs", "indicator other")
    assert fit.draws["improvement"].mean() == pytest.approx(true["improvement"], abs=0.25)
