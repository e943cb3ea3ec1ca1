"""Paths of customers before they leave, against plain loops, closed forms and known worlds."""

import numpy as np
import pandas as pd
import pytest

from nps_research.churn.departures import before_leaving, if_shuffled, lead
from nps_research.churn.opinions import drifting_customers
from nps_research.churn.orders import FALLING, orders
from nps_research.churn.trajectories import trajectories
from nps_research.scale import RatingScale


def made_up(customers=300, waves=6, seed=1):
    """Scores of nobody in particular, with gaps, and leaving that knows nothing of them."""
    rng = np.random.default_rng(seed)
    left = np.where(rng.random(customers) < 0.4, rng.integers(1, waves, customers), -1)
    customer, month = (each.ravel() for each in np.indices((customers, waves)))
    table = pd.DataFrame({"customer": customer, "month": month, "left": left[customer]})
    table["left"] = table["left"].astype("Int64").mask(table["left"] < 0)
    score = pd.Series(rng.integers(0, 11, len(table)), dtype="Int64")
    table["score"] = score.mask(rng.random(len(table)) < 0.3)
    return table[(left[customer] < 0) | (month <= left[customer])].reset_index(drop=True)


@pytest.fixture(scope="module")
def panel():
    return made_up()


@pytest.fixture(scope="module")
def paths(panel):
    return trajectories(panel)


@pytest.fixture(scope="module")
def declining():
    return trajectories(drifting_customers(4000, 8, declines=(0.05, 1.5), random_seed=1))


@pytest.fixture(scope="module")
def careless():
    return trajectories(drifting_customers(4000, 8, leaving=(-2.0, 0.0), random_seed=1))


def by_customer(panel):
    answered = panel[panel["score"].notna()]
    for name, rows in answered.groupby("customer"):
        own = rows.sort_values("month")
        left = own["left"].iloc[0]
        yield name, own["month"].tolist(), own["score"].astype(int).tolist(), left


def test_answers_are_in_order_whatever_the_order_of_rows(panel, paths):
    shuffled = trajectories(
        panel.sample(frac=1, random_state=1).assign(customer=lambda t: -t["customer"])
    )
    assert shuffled.report == paths.report
    for one in (paths, shuffled):
        assert (np.diff(one.customer) >= 0).all()
        same = np.diff(one.customer) == 0
        assert (np.diff(one.time)[same] > 0).all()
    assert sorted(zip(paths.time, paths.score, strict=True)) == sorted(
        zip(shuffled.time, shuffled.score, strict=True)
    )


def test_the_report_counts_everybody(panel, paths):
    answered = panel[panel["score"].notna()]
    assert paths.report == {
        "customers": panel["customer"].nunique(),
        "who left": panel.loc[panel["left"].notna(), "customer"].nunique(),
        "answers": len(answered),
        "rows without a score": len(panel) - len(answered),
        "who never answered": panel["customer"].nunique() - answered["customer"].nunique(),
    }
    assert "300 customers" in repr(paths)
    assert "300 customers" in paths._repr_html_()


def windows_of(panel, answers):
    for name, months, scores, left in by_customer(panel):
        for end in range(answers, len(scores) + 1):
            yield name, months[end - 1], scores[end - answers : end][::-1], left, end == len(scores)


@pytest.mark.parametrize("match", [("time",), ("time", "first"), ("last",), ()])
def test_differences_are_those_of_a_plain_loop(panel, paths, match):
    gone, beside = {}, {}
    for _, month, scores, left, last in windows_of(panel, 3):
        parts = {"time": month, "first": scores[-1], "last": scores[0]}
        stratum = tuple(parts[name] for name in match)
        if pd.isna(left):
            beside.setdefault(stratum, []).append(scores)
        elif last:
            gone.setdefault(stratum, []).append(scores)
    common = [stratum for stratum in gone if stratum in beside]
    total = sum(len(gone[stratum]) for stratum in common)
    left_mean = sum(np.sum(gone[stratum], axis=0) for stratum in common) / total
    stayed = sum(len(gone[s]) * np.mean(beside[s], axis=0) for s in common) / total
    table = before_leaving(paths, 3, match=match)
    np.testing.assert_allclose(table["left"], left_mean)
    np.testing.assert_allclose(table["stayed"], stayed)
    assert table.attrs["matched"] == total
    assert table.attrs["unmatched"] == sum(map(len, gone.values())) - total


def test_time_before_leaving_is_the_mean(panel, paths):
    times = [
        [left - months[-1 - before] for before in range(2)]
        for _, months, _, left in by_customer(panel)
        if pd.notna(left) and len(months) >= 2
    ]
    table = before_leaving(paths, 2, match=())
    np.testing.assert_allclose(table["time_before"], np.mean(times, axis=0))


def test_one_answer_each_without_strata_is_welch():
    rng = np.random.default_rng(3)
    groups = rng.integers(0, 11, 40), rng.integers(3, 11, 70)
    panel = pd.DataFrame({"customer": range(110), "month": 0, "score": np.concatenate(groups)})
    panel["left"] = pd.array([1] * 40 + [None] * 70, "Int64")
    row = before_leaving(trajectories(panel), 1, match=()).loc[0]
    assert row["difference"] == pytest.approx(groups[0].mean() - groups[1].mean())
    se = np.sqrt(sum(each.var() / len(each) for each in groups))
    assert row["se"] == pytest.approx(se)
    assert row["upper"] - row["lower"] == pytest.approx(2 * 1.959964 * se)


def test_the_standard_error_is_that_of_other_customers(panel):
    # The bootstrap of customers: 400 resamples estimate a standard error to 4 %.
    rng = np.random.default_rng(4)
    rows = panel.groupby("customer").indices
    names = list(rows)

    def resampled():
        chosen = rng.choice(names, len(names))
        take = np.concatenate([rows[name] for name in chosen])
        own = np.repeat(np.arange(len(chosen)), [len(rows[name]) for name in chosen])
        table = panel.iloc[take].assign(customer=own)
        return before_leaving(trajectories(table), 2, match=("time",))["difference"].to_numpy()

    spread = np.std([resampled() for _ in range(400)], axis=0)
    found = before_leaving(trajectories(panel), 2, match=("time",))["se"]
    np.testing.assert_allclose(found, spread, rtol=0.15)


def test_intervals_hold_what_they_promise():
    # Nothing is to be found: 300 panels, 95 % intervals.
    tables = [before_leaving(trajectories(made_up(200, seed=s)), 2) for s in range(300)]
    misses = sum(
        not row["lower"] < 0 < row["upper"] for each in tables for _, row in each.iterrows()
    )
    assert 10 <= misses <= 52  # 600 intervals, correlated in pairs


def test_a_decline_is_a_fall_before_leaving(declining):
    match = ("time", "first")
    real = before_leaving(declining, 3, match=match)["difference"]
    shuffled = if_shuffled(declining, 3, match=match, random_seed=1)
    # Both return to their own levels after the first of the answers: before 1 and 0.
    level = shuffled["difference"]
    assert level[0] == pytest.approx(level[1], abs=0.15)
    assert level[0] < -1
    assert real[0] < real[1] - 1 < shuffled["lower"][1]


def test_random_orders_hold_their_share_where_order_is_random():
    # 60 panels in which time says nothing: the difference lies inside in 95 %.
    inside = 0
    for seed in range(60):
        paths = trajectories(made_up(150, seed=seed))
        table = if_shuffled(paths, 2, shuffles=40, random_seed=seed)
        found = before_leaving(paths, 2)["difference"]
        inside += int((table["lower"][0] <= found[0]) & (found[0] <= table["upper"][0]))
    assert 50 <= inside <= 60


def test_without_a_cause_there_is_no_fall(careless):
    for match in (("time",), ("time", "first")):
        table = before_leaving(careless, 3, match=match)
        assert (table["difference"].abs() <= 3 * table["se"]).all()


def test_what_is_matched_on_does_not_differ(declining):
    for match, at in ((("time", "first"), 2), (("time", "last"), 0)):
        row = before_leaving(declining, 3, match=match).loc[at]
        assert row[["difference", "se", "lower", "upper"]].tolist() == [0, 0, 0, 0]


def test_lead_stops_at_the_first_gap(declining):
    upper = pd.DataFrame({"upper": [0.1, -1.0], "time_before": [1.0, 2.0]})
    assert lead(upper).isna().tolist() == [False, True]
    assert lead(upper.iloc[[1, 0]]).tolist() == [1.0, 2.0]
    table = before_leaving(declining, 3, match=("time", "first"))
    assert lead(table)["answers"] == 2  # nothing at the answer that is matched on
    assert lead(table)["time_before"] == table["time_before"][1]


def test_shuffling_keeps_what_everyone_said(paths):
    shuffled = paths.permuted(5)
    assert (shuffled.score != paths.score).any()
    for customer in range(len(paths.left)):
        own = paths.customer == customer
        assert sorted(shuffled.score[own]) == sorted(paths.score[own])
    np.testing.assert_array_equal(shuffled.score, paths.permuted(5).score)


BANDS = ((7, 10), (4, 6), (0, 3))


def test_orders_are_counted_as_a_reader_would(panel, paths):
    table = orders(paths, BANDS, horizon=2)
    left, risk = {}, {}
    for _, month, scores, gone, last in windows_of(panel, 3):
        names = [next((f"{a}-{b}" for a, b in BANDS if a <= s <= b), None) for s in scores[::-1]]
        if len(set(names)) < 3 or None in names:
            continue
        order = ", ".join(names)
        if pd.notna(gone) and last:
            left[order] = left.get(order, 0) + 1
        if month + 1 <= 5:
            risk.setdefault(order, []).append(bool(pd.notna(gone) and gone - month < 2))
    assert table.index[0] == "7-10, 4-6, 0-3"
    assert table["left"].to_dict() == {name: left.get(name, 0) for name in table.index}
    assert table["windows"].to_dict() == {name: len(risk.get(name, [])) for name in table.index}
    for name, outcomes in risk.items():
        assert table.loc[name, "risk"] == pytest.approx(np.mean(outcomes))
    np.testing.assert_allclose(table["expected"], table["left"].sum() / 6)


def test_shuffled_orders_are_as_frequent_as_expected(declining):
    shuffled = [orders(declining.permuted(seed), horizon=1)["left"] for seed in range(60)]
    expected = orders(declining, horizon=1)["expected"]
    total = np.sum(shuffled, axis=0)
    # Shuffling may bring any three of a customer's answers to the end: each order alike.
    np.testing.assert_allclose(total, total.mean(), atol=4 * np.sqrt(total.mean()))
    np.testing.assert_allclose(expected, expected.mean())


def test_the_order_of_a_decline_is_found(declining, careless):
    found = orders(declining, FALLING, horizon=1)
    assert found["left"].idxmax() == "9-10, 4-6, 1-2"
    assert found["p_value"].iloc[0] < 1e-6
    assert orders(careless, ((8, 10), (5, 7), (0, 4)), horizon=1)["p_value"].iloc[0] > 1e-3


def test_an_order_that_nobody_has_is_no_risk():
    panel = pd.DataFrame({"customer": [0, 0], "month": [0, 1], "score": [5, 5], "left": [None] * 2})
    table = orders(trajectories(panel), ((9, 10), (0, 6)), horizon=1)
    assert table["left"].tolist() == table["windows"].tolist() == [0, 0]
    assert table[["p_value", "risk", "lower", "upper"]].isna().all(axis=None)


def test_large_panels_are_read_at_once():
    panel = drifting_customers(16_000, 8, random_seed=2)
    paths = trajectories(panel)
    assert paths.report["answers"] == len(panel) > 100_000
    assert before_leaving(paths, 4, match=("time", "first")).attrs["matched"] > 1000
    assert orders(paths, horizon=1)["windows"].sum() > 0


ROWS = pd.DataFrame(
    {"customer": ["a", "a", "b"], "month": [0, 1, 0], "score": [9, 5, 8], "left": [1, 1, None]}
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"month": [0, 0, 0]}, "each month once.*first 0 at row 1"),
        ({"month": [0, 3, 0]}, "month must not be after left.*first 3 at row 1"),
        ({"month": [0, 0.5, 0]}, "month must be a whole number.*first 0.5 at row 1"),
        ({"left": [1, 2, None]}, "left must be the same in all rows.*first 2 at row 1"),
        ({"left": [1, None, None]}, "left must be the same.*first a missing value at row 1"),
        (
            {"left": ["soon", "soon", None]},
            "left must be a whole number or missing.*'soon' at row 0",
        ),
        ({"customer": ["a", None, "b"]}, "customer must name somebody.*at row 1"),
        ({"score": [9, 11, 8]}, "scores must be whole numbers from 0 to 10.*first 11 at row 1"),
        ({"score": [None] * 3}, "nobody answered"),
    ],
)
def test_unusable_panels_are_refused(change, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        trajectories(ROWS.assign(**change))


def test_columns_and_scale_can_have_other_names():
    table = ROWS.set_axis(["who", "wave", "grade", "gone"], axis=1)
    paths = trajectories(
        table,
        customer="who",
        time="wave",
        score="grade",
        left="gone",
        rating_scale=RatingScale(1, 10),
    )
    assert paths.scale == RatingScale(1, 10)
    with pytest.raises(ValueError, match="unknown column 'customer'"):
        trajectories(table)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda paths: if_shuffled(paths, shuffles=1, random_seed=1), "2 or more; found 1"),
        (lambda paths: before_leaving(paths, 9), "no customer has 9 answers; the most is 6"),
        (lambda paths: before_leaving(paths, 0), "answers must be 1 or more; found 0"),
        (lambda paths: before_leaving(paths, match=["mood"]), "unknown thing to match on 'mood'"),
        (lambda paths: orders(paths, ((9, 11),), horizon=1), "between 0 and 10.*found 9 to 11"),
        (lambda paths: orders(paths, ((6, 9), (9, 10)), horizon=1), "share a score; found 9"),
    ],
)
def test_unusable_requests_are_refused(paths, call, message):
    with pytest.raises(ValueError, match=message):
        call(paths)


def test_somebody_must_have_stayed():
    paths = trajectories(ROWS.assign(left=1))
    with pytest.raises(ValueError, match="somebody who stayed to match on time and last"):
        before_leaving(paths, 1, match=("time", "last"))
