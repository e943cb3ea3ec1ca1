"""The ledger: what a notebook shows of a number, where it is kept, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import nps_research as npsr
from nps_research import claims, records
from nps_research.claims import record
from nps_research.records import Record, read_results

EXACT = Record(30.9811320755, unit="points", lower=28.2, upper=33.8, interval="95 % interval")
SAMPLED = Record(39.385, mcse=0.011, unit="points", verdict="supported")


@pytest.fixture
def ledger_of(monkeypatch):
    def put(results):
        monkeypatch.setattr(claims, "recorded_results", lambda: results)

    monkeypatch.delenv(claims.SINK, raising=False)
    monkeypatch.delenv(claims.REFRESH, raising=False)
    return put


def test_a_reproduced_number_shows_what_is_recorded(ledger_of):
    ledger_of({"a_result": SAMPLED})
    shown = repr(record("a_result", 39.3801, 0.012, "supported", unit="points"))
    assert shown == "a_result: 39.385 points (Monte Carlo error 0.011); supported; reproduced"


def test_a_changed_record_is_shown(ledger_of):
    ledger_of({"a_result": replace(EXACT, value=31.0)})
    found = record("a_result", 30.98, unit="points", interval=(28.2, 33.8), kind="95 % interval")
    assert not found.agrees
    assert "NOT REPRODUCED: value 31.0, rerun 30.98" in repr(found)


def test_records_reach_the_file_of_the_run(tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    monkeypatch.setenv(claims.SINK, str(path))
    monkeypatch.setenv(claims.REFRESH, "1")
    assert record("second", 2.0).agrees
    assert record("first", 1.0, 0.1, "depends", interval=(0.5, 1.5), kind="95 % interval").agrees
    assert list(json.loads(path.read_text())["results"]) == ["first", "second"]
    assert read_results(path)["first"] == Record(1.0, 0.1, "", 0.5, 1.5, "95 % interval", "depends")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("C67", 1.0), "'C67' is no claim"),
        (("C41.part", float("nan")), "needs a finite number"),
        (("a_result", 1.0, -0.1), "Monte Carlo error of at least 0"),
        (("C41", 1.0, 0.0, "proven"), "verdict 'proven' is not one of"),
    ],
)
def test_impossible_records_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        record(*arguments)


def test_an_interval_needs_a_kind():
    with pytest.raises(ValueError, match="needs a kind"):
        record("a_result", 1.0, interval=(0.0, 2.0))


def test_the_ledger_has_every_claim(ledger_of):
    ledger_of({"C41": SAMPLED})
    table = claims.ledger()
    assert len(table) == 66
    assert table.loc["C41", "verdict"] == "supported"
    assert (table["verdict"].drop("C41") == "open").all()


def test_an_estimate_brings_its_interval(ledger_of):
    ledger_of({})
    table = npsr.nps(npsr.load_counts("sfo_airport"), by="year")
    made = npsr.record_estimate("a_result", table, "2018").rerun
    assert (made.value, made.lower, made.upper) == tuple(
        table.loc["2018", ["nps", "lower", "upper"]]
    )
    assert (made.unit, made.interval) == ("points", "95 % confidence interval, adjusted Wald")


def test_a_posterior_brings_its_interval_and_error(ledger_of):
    ledger_of({})
    numbers = np.random.default_rng(1).normal(30, 2, size=(4, 1000))
    draws = xr.DataArray(numbers, dims=("chain", "draw"), name="nps")
    made = npsr.record_posterior("a_result", draws).rerun
    assert made.mcse == pytest.approx(2 / np.sqrt(4000), rel=0.1)
    assert (made.lower, made.upper) == pytest.approx(np.quantile(numbers, [0.025, 0.975]))
    assert (made.value, made.unit) == (pytest.approx(numbers.mean()), "points")


def test_an_event_is_a_probability_without_interval(ledger_of):
    ledger_of({})
    draws = xr.DataArray(np.tile([True, False], (4, 500)), dims=("chain", "draw"))
    made = npsr.record_posterior("a_result", draws).rerun
    assert (made.value, made.unit, made.lower) == (0.5, "probability", None)


@pytest.mark.parametrize("misses", [0, 1])
@pytest.mark.parametrize("likely", [True, False])
def test_an_event_that_hardly_varies_is_not_certain(ledger_of, likely, misses):
    ledger_of({})
    draws = np.full((4, 500), likely)
    draws[0, :misses] = not likely
    made = npsr.record_posterior("a_result", xr.DataArray(draws, dims=("chain", "draw"))).rerun
    assert made.mcse == pytest.approx(3 / 2000, rel=0.01)
    assert records.disagreements(made, replace(made, value=made.value - 0.001)) == []
