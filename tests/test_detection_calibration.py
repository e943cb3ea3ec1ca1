"""The recorded sizes, powers and false discoveries of the detectors meet their targets."""

import json

import numpy as np
import pandas as pd
import pytest

from nps_research.datasets import data_path
from nps_research.detection.evidence import SOURCES

RECORD = json.loads(data_path("detection_calibration.json").read_text(encoding="utf-8"))
ROWS = pd.DataFrame(RECORD["rows"])
KEYS = ["world", "detector", "figure"]
SIZES = ROWS[ROWS["figure"] == "size"]
# What better service does to answers is what these look for: they are no proof of gaming.
MOVED_BY_SERVICE = ("10-share", "low-tail deficit", "response rate with 10-share")
MOVED = (SIZES["world"] == "better service") & SIZES["detector"].isin(MOVED_BY_SERVICE)
POWERS = ROWS[ROWS["study"] == "power"].set_index(KEYS)["value"]
LISTS = ROWS[ROWS["study"] == "list"].set_index(KEYS)["value"]
GAMED = ("begging", "begging, gating, editing", "everything")
HONEST = ("nobody games", "pay, and nobody games")


def test_record_says_how_it_was_made():
    assert (RECORD["level"], RECORD["error"]) == (0.05, 0.1)
    assert {"date", "versions"} <= set(RECORD["setting"])
    assert (SIZES["replicates"] >= 990).all()  # a few say nothing about anybody
    assert (ROWS.loc[ROWS["study"] == "list", "replicates"].max()) == 200


@pytest.mark.parametrize(
    ("world", "detector", "size"),
    SIZES.loc[~MOVED, ["world", "detector", "value"]].to_numpy().tolist(),
)
def test_size_is_at_most_7_percent_at_5(world, detector, size):
    assert size <= 0.07, (world, detector)


def test_some_signatures_call_better_service_gaming():
    assert set(SIZES.loc[MOVED, "detector"]) == set(MOVED_BY_SERVICE)
    assert (SIZES.loc[MOVED, "value"] > 0.07).all()


def test_every_detector_was_held_to_the_null():
    shown = set(SIZES["detector"])
    assert set(SOURCES) - {"churn above expectation"} <= shown
    assert {"bunching at the target", "heaping", "churn gap, whole firm"} <= shown


@pytest.mark.parametrize("case", GAMED)
def test_false_discoveries_stay_within_the_limit(case):
    assert LISTS[case, "list", "false"] <= RECORD["error"]


@pytest.mark.parametrize("case", HONEST)
def test_nobody_is_listed_where_nobody_games(case):
    assert LISTS[case, "list", "somebody"] <= 0.07


def test_a_naive_rule_lists_honest_agents():
    assert LISTS["nobody games", "naive", "listed"] > 1
    assert LISTS["pay, and nobody games", "naive", "listed"] > 2
    assert LISTS["begging", "naive", "false"] > RECORD["error"]


def test_lists_find_what_leaves_several_traces():
    found = LISTS.xs(("list", "found"), level=("detector", "figure"))
    assert found["everything"] > 0.7
    assert found["begging, gating, editing"] > 0.5
    assert found["begging"] < 0.5  # one mechanism that only moves answers


@pytest.mark.parametrize(
    ("mechanism", "detector", "least"),
    [
        ("begging", "10-share", 0.4),
        ("begging", "score above comments", 0.4),
        ("bribing", "response rate with 10-share", 0.4),
        ("gating", "surveys not sent", 0.9),
        ("editing", "edits of low answers", 0.9),
        ("editing", "answers not on record", 0.9),
        ("editing", "gaps in numbers", 0.9),
        ("case_dodging", "transfers of hard cases", 0.9),
        ("withholding", "surveys not sent", 0.9),
        ("false_promises", "churn gap, whole firm", 0.4),
    ],
)
def test_each_mechanism_is_seen_by_the_detector_made_for_it(mechanism, detector, least):
    assert POWERS[mechanism, detector, "power"] > least


@pytest.mark.parametrize("mechanism", ["giveaways", "false_promises", "crowding_out"])
def test_some_gaming_leaves_nothing_in_the_records_of_agents(mechanism):
    ranks = POWERS.xs("rank correlation", level="figure")[mechanism]
    assert ranks.abs().max() < 0.3


def test_without_gaming_nothing_follows_the_propensity():
    ranks = POWERS.xs("rank correlation", level="figure")["none"]
    assert ranks.abs().max() < 0.2


def test_a_replicate_repeats():
    import detection_calibration  # noqa: PLC0415  (a script)

    twice = [detection_calibration.trial_replicate("10-share", 0.4, 3) for _ in range(2)]
    assert twice[0] == twice[1]
    assert np.isfinite(list(twice[0].values())).all()
