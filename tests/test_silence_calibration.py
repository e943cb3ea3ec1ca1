"""The recorded coverage of what is said about the silent meets its targets."""

import json

import pandas as pd
import pytest

from nps_research.datasets import data_path

RECORD = json.loads(data_path("silence_calibration.json").read_text(encoding="utf-8"))
ROWS = pd.DataFrame(RECORD["rows"])
HOLDS = ROWS[ROWS["assumptions_hold"]].set_index(["study", "world", "quantity"])["coverage"]


def named(study, quantity):
    found = HOLDS.xs((study, quantity), level=("study", "quantity"))
    return found.to_dict().items()


def test_record_says_how_it_was_made():
    assert RECORD["level"] == 0.9
    assert (ROWS["replicates"] == 200).all()
    assert {"date", "versions"} <= set(RECORD["setting"])


@pytest.mark.parametrize(
    ("world", "coverage"),
    [
        *named("churn ratio", "churn ratio"),
        *named("joint model", "churn_ratio"),
        *named("joint model", "everybody"),
        *named("accounts", "correlation"),
        *named("revenue", "all"),
    ],
)
def test_intervals_of_90_percent_cover_85_to_95(world, coverage):
    assert 0.85 <= coverage <= 0.95, world


@pytest.mark.parametrize("quantity", ["no assumption", "bounds by churn"])
def test_bounds_hold_the_truth_in_every_data_set(quantity):
    assert all(coverage == 1 for _, coverage in named("bounds", quantity))


def test_interval_by_a_tilt_covers_at_least_as_promised():
    # Wider than needed: the truth is that of the people themselves, whose answers are known.
    assert all(coverage >= 0.9 for _, coverage in named("bounds", "silence linear in the score"))


def test_wrong_assumptions_show():
    failed = ROWS[~ROWS["assumptions_hold"]].set_index(["world", "quantity"])["coverage"]
    assert failed["the silent leave twice as often", "bounds by churn"] < 0.6
    assert failed["silence itself costs", "everybody"] < 0.1
    assert failed["reliability overstated", "everybody"] < 0.6


def test_a_replicate_gives_the_recorded_truth():
    import silence_calibration  # noqa: PLC0415  (a script)

    found = silence_calibration.ratio_replicate("loyalty drives both", 0)
    row = ROWS[ROWS["world"] == "loyalty drives both"].iloc[0]
    assert found["churn ratio|truth"] == pytest.approx(row["truth"], rel=1e-3)
