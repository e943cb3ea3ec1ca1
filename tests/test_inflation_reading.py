"""What the inflation model reads, and what it refuses before any fitting."""

import numpy as np
import pandas as pd
import pytest

from nps_research.inflation import InflationModel
from nps_research.inflation.evidence import placebo
from nps_research.inflation.reading import flags, read_evidence


def four_cells(**columns):
    rows = [(t, p, s, c) for t in (0, 1) for p in (0, 1) for s in (2, 8, 10, None) for c in (0, 1)]
    table = pd.DataFrame(rows, columns=["treated", "post", "score", "churned"])
    return table.assign(score=table["score"].astype("Int64"), n=10, **columns)


def staggered(starts, periods=4):
    """One agent a start; None is never paid."""
    rows = [
        (agent, int(start is not None), int(start is not None and t >= start), t, s, c)
        for agent, start in enumerate(starts)
        for t in range(periods)
        for s in (2, 8, 10, None)
        for c in (0, 1)
    ]
    columns = ["agent", "treated", "post", "period", "score", "churned"]
    return pd.DataFrame(rows, columns=columns).assign(n=5)


def same(one, other):
    assert all(
        np.array_equal(a.counts, b.counts) for a, b in zip(one.blocks, other.blocks, strict=True)
    )
    assert one.people.tolist() == other.people.tolist()


def with_audit(**changes):
    audit = four_cells().query("treated == 1 and post == 1 and churned == 0").assign(audit=1)
    return pd.concat([four_cells(audit=0), audit.assign(**changes)], ignore_index=True)


@pytest.mark.parametrize(
    "recode",
    [
        lambda flag: flag.astype(bool),
        lambda flag: flag.astype(float),
        lambda flag: flag.astype(str),
        lambda flag: flag.astype(bool).astype(str),
        lambda flag: flag.map({0: "no", 1: "Yes"}),
        lambda flag: flag.astype("Int64"),
    ],
)
def test_flags_are_read_however_they_are_stored(recode):
    plain = four_cells()
    coded = plain.assign(**{name: recode(plain[name]) for name in ("treated", "post", "churned")})
    same(read_evidence(coded), read_evidence(plain))


def test_scores_of_another_program_are_read():
    plain = four_cells()
    same(read_evidence(plain.assign(score=plain["score"].astype(float))), read_evidence(plain))


def test_other_columns_are_added_up_and_empty_rows_are_nothing():
    plain = four_cells()
    halves = pd.concat([plain.assign(n=5, shop="a"), plain.assign(n=5, shop="b")])
    same(read_evidence(halves), read_evidence(plain))
    same(
        read_evidence(pd.concat([plain.assign(n=0, treated=1, post=1), plain])),
        read_evidence(plain),
    )


def test_outcomes_may_be_unknown():
    table = four_cells()
    table["churned"] = table["churned"].astype("Int64")
    table.loc[[0, 9], "churned"] = pd.NA
    assert read_evidence(table).people.sum() == table["n"].sum()
    assert not read_evidence(table.drop(columns="churned")).has_churn


def test_cohorts_start_in_the_same_period_and_the_last_is_the_reference():
    evidence = read_evidence(staggered([None, 1, 2, 2]))
    assert evidence.cohorts == ("never", 2, 1)
    assert evidence.agents == 4
    assert read_evidence(staggered([1, 3])).cohorts == (3, 1)


def test_paid_is_not_what_an_audit_asks():
    evidence = read_evidence(with_audit())
    assert evidence.paid.tolist() == [False, False, False, True, False]
    assert evidence.improved.tolist() == [False, False, False, True, True]


def test_placebo_keeps_what_was_seen_before():
    evidence = placebo(read_evidence(staggered([None, 3, 2])))
    assert evidence.cohorts == ("never", 3, 2)
    assert evidence.periods == (0, 1, 2)
    rows = zip(evidence.cohort, evidence.period, evidence.improved, strict=True)
    assert [(c, p) for c, p, improved in rows if improved] == [(1, 2), (2, 1)]
    with pytest.raises(ValueError, match="two periods before the roll-out"):
        placebo(read_evidence(four_cells()))


def test_flags_name_the_row_that_is_neither():
    with pytest.raises(
        ValueError, match=r"post must be 0 or 1; found 1 that are not, first 2 at row 1"
    ):
        flags(pd.Series([0, 2], name="post"))


def query(text):
    text = text.replace("not_paid", "treated == 0 or post == 0")
    return lambda: four_cells().query(text)


def mutated(**columns):
    return lambda: four_cells().assign(**columns)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (lambda: four_cells().drop(columns="post"), {}, "unknown column 'post'"),
        (query("treated == 1"), {}, "no control group.*never paid.*different times"),
        (query("treated == 0"), {}, "no group is ever paid"),
        (query("post == 0"), {}, "no period after the roll-out"),
        (query("post == 1"), {}, "all treated from the start.*Collect one"),
        (query("treated == 0 or post == 1"), {}, "all treated from the start"),
        (query("treated == 1 or post == 0"), {}, "no control group"),
        (query("churned == 0"), {}, "control group before, 0 of 40 left.*drop the column"),
        (query("churned == 1"), {}, "40 of 40 left"),
        (query("not_paid or churned == 0"), {}, "treated group after, 0 of 40 left"),
        (query("not_paid or score.isna()"), {}, "no answers in the treated group after"),
        (mutated(score=None), {}, "nobody answered"),
        (mutated(n=-1), {}, "n must be a whole number"),
        (mutated(treated=2), {}, "treated must be 0 or 1"),
        (mutated(churned="left"), {}, "churned must be 0 or 1, or missing"),
        (mutated(agent=1), {}, "an agent must be in one group; found 1 in both, first 1"),
        (mutated(period=1), {}, "post must be one value in every period"),
        (mutated(), {"agent_effects": True}, "needs a column agent"),
        (mutated(), {"indicators": ("mood",)}, "unknown column 'mood'"),
        (mutated(mood=1), {"indicators": ("mood",)}, "mood needs at least two classes"),
        (mutated(mood=["good", "bad"] * 16), {"indicators": ("mood",)}, "ordered.*pd.Categorical"),
        (mutated(), {"leak": {"mood": 1}}, "unknown indicator 'mood'"),
        (mutated(), {"audit_response": "same"}, "audit_response 'same'"),
        (mutated(), {"latent": "cauchy"}, "unknown distribution of loyalty 'cauchy'"),
        (mutated(), {"noise": "none"}, "unknown distribution of noise 'none'"),
        (mutated(), {"reliability": 1.2}, r"reliability must be between 0 and 0\.9996; found 1\.2"),
        (mutated(), {"reliability": (0.6, 0.6)}, "standard deviation of a Beta"),
        (mutated(), {"retest": pd.DataFrame({"first": [9], "n": [1]})}, "unknown column 'second'"),
        (lambda: with_audit(score=None), {}, "the audit has no answers"),
        (lambda: with_audit(post=0), {}, "no answers of customers whose agents are paid"),
        (with_audit, {"audit_response": "complete"}, "found 10 people who did not"),
    ],
)  # fmt: skip
def test_what_cannot_be_identified_is_refused(table, options, message):
    with pytest.raises(ValueError, match=f"(?s).*{message}"):
        InflationModel(table(), **options)


def test_a_roll_out_must_not_be_taken_back():
    table = staggered([None, 1])
    table.loc[(table["agent"] == 1) & (table["period"] == 3), "post"] = 0
    with pytest.raises(ValueError, match=r"falls back for agent 1\. Leave out"):
        InflationModel(table)


def test_a_staggered_roll_out_needs_agents():
    with pytest.raises(ValueError, match=r"for treated 1 in the period 1.*give the column agent"):
        InflationModel(staggered([None, 1, 2]).drop(columns="agent"))
