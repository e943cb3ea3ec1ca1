"""Worlds in which agents are paid for their score: drawn customers agree with the truth."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

import nps_research as npsr
from nps_research.inflation.simulation import SENTIMENTS, simulated_counts
from nps_research.inflation.worlds import (
    CUTS,
    LATENTS,
    Anchors,
    IncentiveWorld,
    Violations,
    truth,
)

LARGE = IncentiveWorld(customers=2000)
VIOLATED = {
    "none": Violations(),
    "skewed": Violations(latent="skewed"),
    "logistic": Violations(latent="logistic"),
    "gating": Violations(gating=0.5),
    "concession": Violations(concession=0.5),
    "promised": Violations(promised=0.3),
    "churn gap": Violations(churn_gap=0.1),
    "surrogacy": Violations(surrogacy=0.5),
}


def paid(counts):
    return counts.query("treated == 1 and post == 1")


def share(counts, wanted):
    return counts.loc[wanted, "n"].sum() / counts["n"].sum()


def test_truth_of_the_specification():
    true = truth(IncentiveWorld())
    assert true["improvement"] == pytest.approx(0.25 / np.hypot(1, 0.4))
    assert true["reporting_shift"] == pytest.approx(0.5 / np.hypot(1, 0.4))
    assert true["reliability"] == pytest.approx(1.16 / (1.16 + 0.75**2))
    assert true["honest_nps"] == pytest.approx(47.1, abs=0.2)
    assert true["honest_nps_everybody"] == pytest.approx(35.5, abs=0.2)
    # The prototype's 19.1 compares 47.1 with a score that was observed once, 66.2 (se 1.3).
    assert true["inflation"] == pytest.approx(20.0, abs=0.1)


def test_honest_score_of_everybody_has_a_closed_form():
    # Loyalty and noise are normal, so their sum is.
    spread = np.sqrt(1 + 0.4**2 + 0.75**2)
    below, above = special.ndtr((CUTS[6] - 0.25) / spread), special.ndtr((0.25 - CUTS[8]) / spread)
    found = truth(IncentiveWorld())["honest_nps_everybody"]
    assert found == pytest.approx(100 * (above - below), abs=1e-3)


@pytest.mark.parametrize("latent", LATENTS)
def test_latent_distributions_are_standardised(latent):
    for power, moment in ((1, 0.0), (2, 1.0)):
        found, _ = integrate.quad(lambda p, k=power: LATENTS[latent](p) ** k, 0, 1, limit=200)
        assert found == pytest.approx(moment, abs=1e-6)


def test_skewed_loyalty_has_its_long_tail_below():
    quantile = LATENTS["skewed"]
    assert -quantile(np.array(0.001)) > 2 * quantile(np.array(0.999))
    reference = stats.gumbel_l.ppf(
        [0.1, 0.9], np.euler_gamma * np.sqrt(6) / np.pi, np.sqrt(6) / np.pi
    )
    np.testing.assert_allclose(quantile(np.array([0.1, 0.9])), reference)


@pytest.mark.parametrize("name", VIOLATED)
def test_customers_agree_with_the_truth(name):
    world = replace(LARGE, ten_mass=0.1, violations=VIOLATED[name])
    counts, _, true = simulated_counts(world, random_seed=3)
    rows = paid(counts)
    reported = npsr.nps(rows, method="wald").loc["all"]
    assert abs(reported["nps"] - true["reported_nps"]) < 4 * reported["se"]
    people = rows["n"].sum()
    for rate, wanted in (
        ("response_rate", rows["score"].notna()),
        ("churn_rate", rows["churned"] == 1),
    ):
        error = np.sqrt(true[rate] * (1 - true[rate]) / people)
        assert abs(share(rows, wanted) - true[rate]) < 4 * error


def test_honest_score_is_that_of_a_world_in_which_nobody_is_leant_on():
    violations = Violations(gating=0.5)
    leant_on = simulated_counts(replace(LARGE, violations=violations), random_seed=4)
    honest = simulated_counts(replace(LARGE, violations=violations, shift=0), random_seed=4)
    found = npsr.nps(paid(honest.counts), method="wald").loc["all"]
    assert abs(found["nps"] - leant_on.truth["honest_nps"]) < 4 * found["se"]


def test_default_case_answers_and_leaves_as_specified():
    counts = simulated_counts(LARGE, random_seed=5).counts
    assert share(counts, counts["score"].notna()) == pytest.approx(0.27, abs=0.01)
    assert share(counts, counts["churned"] == 1) == pytest.approx(0.14, abs=0.005)
    assert simulated_counts(random_seed=5).counts["n"].sum() == 32_000


def test_worlds_that_differ_in_one_part_share_the_other_shocks():
    keys = ["agent", "post", "churned"]
    plain = simulated_counts(random_seed=6).counts
    shifted = simulated_counts(IncentiveWorld(shift=0.0), random_seed=6).counts
    answered = [each[each["score"].notna()].groupby(keys)["n"].sum() for each in (plain, shifted)]
    pd.testing.assert_series_equal(*answered)


def test_audits_leave_the_customers_of_the_firm_as_they_are():
    world = IncentiveWorld(anchors=Anchors(audits=55))
    with_audit = simulated_counts(world, random_seed=7).counts
    firm = with_audit[with_audit["audit"] == 0].drop(columns="audit").reset_index(drop=True)
    pd.testing.assert_frame_equal(firm, simulated_counts(random_seed=7).counts)
    assert with_audit.loc[with_audit["audit"] == 1, "n"].sum() == 55 * 40


def test_audit_is_honest_and_answered_as_stated():
    world = replace(LARGE, anchors=Anchors(audits=1000, audit_response="complete"))
    counts, _, true = simulated_counts(world, random_seed=8)
    audit = counts[counts["audit"] == 1]
    assert audit["score"].notna().all()
    found = npsr.nps(audit, method="wald").loc["all"]
    assert abs(found["nps"] - true["honest_nps_everybody"]) < 4 * found["se"]


def expected_product(world):
    """Mean of the product of two answers of a respondent, by quadrature."""
    loyalty, mass = special.roots_hermitenorm(80)
    loyalty = loyalty * world.total_sd
    answers = mass * special.expit(world.response[0] + world.response[1] * loyalty)
    mean = special.ndtr((loyalty[:, None] - CUTS) / world.noise_sd).sum(axis=1)
    return mean**2 @ answers / answers.sum()


def test_pairs_repeat_loyalty_and_not_noise():
    pairs = 20_000
    world = IncentiveWorld(agents=2000, customers=1, anchors=Anchors(retest_pairs=pairs))
    retest = simulated_counts(world, random_seed=9).retest
    product = retest["first"] * retest["second"]
    found = (product * retest["n"]).sum() / pairs
    assert retest["n"].sum() == pairs
    assert found == pytest.approx(expected_product(world), rel=0.01)


def test_remembered_answers_agree_more():
    def agreement(memory):
        world = IncentiveWorld(violations=Violations(retest_memory=memory))
        table = simulated_counts(world, random_seed=10).retest
        return share(table, table["first"] == table["second"])

    assert agreement(0.0) < agreement(0.5) < agreement(1.0) == 1


@pytest.mark.parametrize(("leak", "moved"), [(0.0, False), (1.0, True)])
def test_sentiment_moves_with_the_shift_only_if_it_leaks(leak, moved):
    anchors = Anchors(comments=1.0, leak=leak)
    tables = [
        paid(simulated_counts(IncentiveWorld(shift=shift, anchors=anchors), random_seed=11).counts)
        for shift in (0.0, 0.5)
    ]
    means = [(each["sentiment"] * each["n"]).sum() / each["n"].sum() for each in tables]
    assert (means[1] > means[0]) == moved
    assert set(tables[0]["sentiment"].dropna()) == set(range(1, SENTIMENTS + 1))


def test_roll_out_in_steps():
    world = IncentiveWorld(customers=50, market=(0.0, 0.1, 0.2, 0.25), starts=(1, 3))
    counts = simulated_counts(world, random_seed=12).counts
    treated = counts[counts["treated"] == 1]
    first = treated[treated["post"] == 1].groupby("agent")["period"].min()
    assert sorted(first.unique()) == [1, 3]
    control = counts[counts["treated"] == 0]
    assert ((control["period"] >= 1) == (control["post"] == 1)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"starts": (0,)}, "starts must name periods from 1 to 1"),
        ({"starts": ()}, "starts must name periods"),
        ({"starts": (1, 1, 1)}, "40 paid agents in 3 cohorts"),
        ({"violations": Violations(latent="cauchy")}, "unknown latent distribution 'cauchy'"),
    ],
)
def test_impossible_worlds_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        IncentiveWorld(**options)
