"""Accounts: what is refused, what one response says, and the simulator."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nps_research.silence.account_churn import churn_prediction
from nps_research.silence.accounts import account_reliability, class_agreement, read_accounts
from nps_research.silence.simulated_accounts import SHARES, AccountWorld

CONTACTS = pd.DataFrame(
    {
        "account": ["A", "A", "A", "B", "B", "C"],
        "contact": [1, 2, 3, 1, 2, 1],
        "role": [
            "decision maker",
            "end user",
            "end user",
            "decision maker",
            "end user",
            "end user",
        ],
        "score": pd.array([4, 9, 10, 8, None, None], dtype="Int64"),
    }
)
TABLE = pd.DataFrame({"account": ["A", "B", "C"], "value": [100, 50, 10], "churned": [1, 0, 0]})
WORLD = AccountWorld(accounts=4000)


def test_summaries_of_an_account():
    accounts = read_accounts(CONTACTS, TABLE)
    assert accounts.scores("mean").tolist()[:2] == pytest.approx([23 / 3, 8])
    assert accounts.scores("lowest").tolist()[:2] == [4, 8]
    assert accounts.scores("decision maker").tolist()[:2] == [4, 8]
    assert accounts.scores("one response", random_seed=1)["A"] in {4, 9, 10}
    assert (
        accounts.scores("mean").isna().tolist() == accounts.silent.tolist() == [False, False, True]
    )


def test_one_response_is_each_contact_equally_often():
    accounts = read_accounts(CONTACTS, TABLE)
    drawn = [accounts.scores("one response", random_seed=each)["A"] for each in range(300)]
    shares = pd.Series(drawn).value_counts(normalize=True)
    assert shares.to_numpy() == pytest.approx(1 / 3, abs=0.1)


def test_model_shrinks_the_mean_of_an_account_by_its_reliability():
    accounts = WORLD.simulate(1)
    score, answers = accounts.scores("model"), accounts.answers
    surplus = answers["score"] - answers.groupby("role")["score"].transform("mean")
    of_one = surplus[answers["account"] == 0]
    weight = account_reliability(accounts.correlation, len(of_one))
    assert score[0] == pytest.approx(answers["score"].mean() + weight * of_one.mean())


def test_agreement_of_equal_accounts_is_the_textbook_one():
    generator = np.random.default_rng(1)
    score = generator.integers(0, 11, (30, 4)) // 2 + generator.integers(0, 6, (30, 1))
    columns = {"account": np.repeat(np.arange(30), 4), "contact": np.tile(np.arange(4), 30)}
    people = pd.DataFrame(columns | {"role": "decision maker", "score": score.ravel()})
    row = read_accounts(people, pd.DataFrame({"account": range(30)})).agreement().loc["all"]
    between, within = 4 * score.mean(axis=1).var(ddof=1), score.var(axis=1, ddof=1).mean()
    assert row["correlation"] == pytest.approx((between - within) / (between + 3 * within))
    ratio = between / within / stats.f(29, 90).ppf([0.975, 0.025])
    assert row[["lower", "upper"]].tolist() == pytest.approx(((ratio - 1) / (ratio + 3)).tolist())


@pytest.mark.parametrize(("correlation", "answers", "contacts"), [(0.3, 1, 5), (0.6, 2, 3)])
def test_reliability_agrees_with_simulation(correlation, answers, contacts):
    generator = np.random.default_rng(2)
    shared, own = generator.standard_normal((200_000, 1)), generator.standard_normal((200_000, 50))
    scores = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own
    some = scores[:, :answers].mean(axis=1)
    for of, whole in ((contacts, scores[:, :contacts].mean(axis=1)), (np.inf, shared[:, 0])):
        found = np.corrcoef(some, whole)[0, 1] ** 2
        assert account_reliability(correlation, answers, of) == pytest.approx(found, abs=0.005)


@pytest.mark.parametrize("correlation", [0.0, 0.4, 0.8])
def test_classes_of_two_contacts_agree_with_simulation(correlation):
    generator = np.random.default_rng(3)
    shared, own = generator.standard_normal(400_000), generator.standard_normal((2, 400_000))
    latent = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own
    group = np.searchsorted(stats.norm.ppf([SHARES[:7].sum(), SHARES[:9].sum()]), latent)
    apart = np.abs(group[0] - group[1])
    found = class_agreement(SHARES, correlation)
    assert found.to_numpy() == pytest.approx(np.bincount(apart) / 400_000, abs=0.003)


def test_simulated_contacts_agree_as_stated():
    accounts = replace(WORLD, response=(0.3, 0.0), decision_maker_shift=0.0).simulate(4)
    loyalty = accounts.contacts["loyalty"].to_numpy()
    first = accounts.contacts.groupby("account").nth(0)["loyalty"].to_numpy()
    second = accounts.contacts.groupby("account").nth(1)["loyalty"].to_numpy()
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0.4, abs=0.04)
    assert loyalty.std() == pytest.approx(1, abs=0.03)
    shares = accounts.contacts["would_score"].value_counts(normalize=True).sort_index()
    assert shares.to_numpy() == pytest.approx(SHARES, abs=0.01)


def test_worlds_share_their_shocks():
    one, other = (replace(WORLD, churn=(-2.3, each)).simulate(5) for each in (1.2, 0.0))
    pd.testing.assert_frame_equal(one.contacts, other.contacts)
    assert (one.table["churned"] != other.table["churned"]).any()


def test_decision_maker_predicts_best_where_only_they_decide():
    areas = {}
    for weight in (0.0, 1.0):
        accounts = replace(WORLD, decision_weight=weight, response=(0.5, 0.5)).simulate(6)
        areas[weight] = churn_prediction(accounts, ["mean", "decision maker"], random_seed=6)["auc"]
    assert areas[1.0]["decision maker"] > areas[1.0]["mean"]
    assert areas[0.0]["decision maker"] < areas[0.0]["mean"]


def test_prediction_without_anything_to_predict_is_a_coin():
    accounts = replace(WORLD, churn=(-2.0, 0.0)).simulate(7)
    table = churn_prediction(accounts, random_seed=7)
    assert (table["lower"] < 0.5).all()
    assert (table["upper"] > 0.5).all()
    assert (table["log_score"] < -0.3).all()
    assert table.loc["one response", "gain"] == 0


@pytest.mark.parametrize(
    ("contacts", "table", "message"),
    [
        (
            CONTACTS,
            TABLE.assign(account=["A", "B", "D"]),
            r"every account must have a contact.*row 2",
        ),
        (CONTACTS, TABLE[:2], r"contacts must belong to accounts of the table.*'C' at row 5"),
        (CONTACTS.assign(contact=1), TABLE, r"repeat a contact.*1 of account 'A' at row 1"),
        (CONTACTS.assign(account=None), TABLE, "must name its account"),
        (CONTACTS, pd.concat([TABLE, TABLE]), r"must have one row.*'A' at row 3"),
        (CONTACTS.assign(score=12), TABLE, "whole numbers from 0 to 10"),
        (CONTACTS.assign(role="buyer"), TABLE, "unknown role of the decision maker"),
        (CONTACTS, TABLE.assign(value=[1, -2, 3]), r"value must be a number.*row 1"),
        (CONTACTS, TABLE.assign(churned=[1, 2, 0]), r"churned must hold.*row"),
        (CONTACTS.drop(columns="role"), TABLE, "unknown column 'role'"),
    ],
)
def test_unusable_tables_are_refused(contacts, table, message):
    with pytest.raises(ValueError, match=message):
        read_accounts(contacts, table)


def test_accounts_of_one_answer_cannot_agree():
    accounts = read_accounts(CONTACTS[CONTACTS["contact"] == 1], TABLE)
    with pytest.raises(ValueError, match="two answers or more"):
        accounts.agreement()
    with pytest.raises(ValueError, match="unknown summary 'median'"):
        accounts.scores("median")
    with pytest.raises(ValueError, match="correlation must be from 0 to 1"):
        AccountWorld(correlation=1.2)
    with pytest.raises(ValueError, match=r"found 1\.5"):
        class_agreement(SHARES, 1.5)
