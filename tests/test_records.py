"""What counts as the same number, and that a changed record is always noticed."""

import json
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from nps_research import claims, records
from nps_research.records import Record

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"

EXACT = Record(
    30.981132075, unit="points", lower=28.2, upper=33.8, interval="95 % interval"
).rounded()
SAMPLED = Record(39.385, mcse=0.011, unit="points", verdict="supported")
LARGEST_GAP = 4 * 0.011 * 2**0.5


@pytest.mark.parametrize(
    ("recorded", "rerun"),
    [
        (EXACT, replace(EXACT, value=30.981132075)),
        (EXACT, replace(EXACT, value=30.981132075 * (1 + 1e-13))),
        (SAMPLED, replace(SAMPLED, value=39.385 + 0.99 * LARGEST_GAP)),
        (SAMPLED, replace(SAMPLED, mcse=0.011 * 1.1)),
        (SAMPLED, replace(SAMPLED, notebook="02_other")),
    ],
)
def test_runs_agree_within_their_errors(recorded, rerun):
    assert records.disagreements(recorded, rerun) == []


@pytest.mark.parametrize(
    ("recorded", "rerun", "reason"),
    [
        (EXACT, replace(EXACT, value=30.981133), "value 30.981132, rerun 30.981133"),
        (EXACT, replace(EXACT, upper=33.9), "upper 33.8, rerun 33.9"),
        (EXACT, replace(EXACT, lower=None), "lower 28.2, rerun None"),
        (EXACT, replace(EXACT, interval="90 % interval"), "interval 95 % interval, rerun 90 %"),
        (SAMPLED, replace(SAMPLED, value=39.386 + LARGEST_GAP), "value 39.385"),
        (SAMPLED, replace(SAMPLED, mcse=0.0), "mcse 0.011, rerun 0"),
        (SAMPLED, replace(SAMPLED, value=43.0, mcse=3.46), "mcse 0.011, rerun 3.46"),
        (SAMPLED, replace(SAMPLED, verdict="refuted"), "verdict supported, rerun refuted"),
        (SAMPLED, replace(SAMPLED, unit="scores"), "unit points, rerun scores"),
    ],
)
def test_runs_disagree_beyond_them(recorded, rerun, reason):
    assert reason in records.disagreements(recorded, rerun)[0]


@pytest.mark.parametrize("number", [30.98113207547, -8.858635, 0.3904255319, 3463.0, 0.0])
@pytest.mark.parametrize("change", [-1, 1])
def test_the_last_digit_of_an_exact_number_counts(number, change):
    stored = Record(number).rounded()
    decimals = records._decimals(number, 0.0)
    changed = replace(stored, value=stored.value + change * 10.0**-decimals)
    assert records.disagreements(stored, Record(number)) == []
    assert records.disagreements(changed, Record(number))


@pytest.mark.parametrize(
    "changed",
    [
        replace(SAMPLED, value=39.386),
        replace(SAMPLED, mcse=0.012),
        replace(SAMPLED, unit="scores"),
    ],
)
def test_every_digit_of_a_sampled_record_is_shown(changed):
    assert str(changed) != str(SAMPLED)


@pytest.mark.parametrize(
    ("value", "mcse", "kept"),
    [
        (39.38546, 0.0113, 39.385),
        (39.38546, 0.5, 39.39),
        (39.38546, 12.0, 39.0),
        (1 / 3, 0.0, 0.33333333),
    ],
)
def test_only_digits_that_come_back_are_kept(value, mcse, kept):
    assert Record(value, mcse).rounded().value == kept


def test_files_give_records_back(tmp_path):
    path = tmp_path / "new" / "results.json"
    records.write_results(path, {"second": SAMPLED, "first": EXACT})
    assert records.read_results(path) == {"first": EXACT, "second": SAMPLED}
    assert list(json.loads(path.read_text())["results"]) == ["first", "second"]


def test_verify_names_what_is_missing_and_what_is_new():
    table = records.verify({"gone": EXACT, "same": EXACT}, {"new": EXACT, "same": EXACT})
    assert table["agrees"].to_dict() == {"gone": False, "new": False, "same": True}
    assert table["reason"].to_dict() == {
        "gone": "no notebook gave it",
        "new": "not recorded",
        "same": "",
    }


@pytest.mark.parametrize("key", claims.recorded_results())
def test_every_record_stands_in_its_cell(key):
    entry = claims.recorded_results()[key]
    notebook = nbformat.read(NOTEBOOKS / f"{entry.notebook}.ipynb", as_version=4)
    shown = [
        output.get("data", {}).get("text/plain", "")
        for cell in notebook.cells
        if cell.get("execution_count") == entry.cell
        for output in cell.get("outputs", [])
    ]
    assert any(" ".join(text.split()).startswith(f"{key}: {entry}") for text in shown)
