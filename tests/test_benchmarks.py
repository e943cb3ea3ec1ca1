"""The benchmarks: what they simulate, how runs become a table, and the stored results."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import results
import simulated
from ordinal_regression import CASES

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
STORED = json.loads((ROOT / "data" / "benchmarks.json").read_text())
RUNS = [
    {"seconds": {"import": 9.0, "sample": 1.0}, "versions": {}, "ess_bulk_min": 900.0},
    {"seconds": {"import": 9.0, "sample": 3.0}, "versions": {}, "ess_bulk_min": 300.0},
    {"seconds": {"import": 9.0, "sample": 2.0}, "versions": {}, "ess_bulk_min": 200.0},
]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_simulated_data_are_repeatable_and_have_what_the_formula_names(case):
    rows = case.quick_rows()
    assert rows.equals(case.quick_rows())
    assert set(re.findall(r"[a-z]+", case.formula)) == set(rows.columns)
    assert rows["score"].between(0, 10).all()


def test_simulated_designs_have_the_cells_they_promise():
    assert len(simulated.segments(2000).groupby(["segment", "treatment"])) == 16
    agents = simulated.agents(2, agents=5, months=3)
    assert agents.groupby(["agent", "month", "incentive"]).size().tolist() == [2] * 30
    x = simulated.continuous(1000)["x"]
    assert (x.nunique(), x.std(ddof=0)) == (1000, pytest.approx(0.5))


def test_scores_of_an_average_respondent_have_the_declared_shares():
    scores = simulated._scores(np.zeros(100_000), np.random.default_rng(1))
    expected = 100_000 * simulated.SHARES
    distance = ((np.bincount(scores) - expected) ** 2 / expected).sum()
    assert distance < 29.6  # 99.9 % point of chi-squared with 10 degrees of freedom


def test_row_has_medians_over_runs_and_leaves_imports_out():
    row = results.row("case", "route", RUNS)
    assert (row["seconds"], row["seconds_min"], row["seconds_max"]) == (2.0, 1.0, 3.0)
    assert (row["import_seconds"], row["ess_bulk_min"]) == (9.0, 300.0)
    assert row["ess_per_second"] == 100.0  # the median of 900, 100 and 100, not 300 / 2


def test_ratios_above_one_mean_that_this_package_is_faster():
    ours = {"case": "a", "route": results.OURS, "seconds": 2.0, "ess_per_second": 50.0}
    peer = {"case": "a", "route": "peer", "seconds": 6.0, "ess_per_second": 5.0}
    alone = {"case": "b", "route": "peer", "seconds": 6.0}
    rows = results.with_ratios([ours, peer, alone])
    assert rows[1]["times_our_seconds"] == 3.0
    assert rows[1]["our_times_ess_per_second"] == 10.0
    assert rows[2] == alone
    assert results.table(rows).loc[("a", "peer"), "x ESS/s"] == 10.0


def test_new_rows_replace_old_ones_and_keep_the_rest(tmp_path):
    path = tmp_path / "results.json"
    old = [{"case": "a", "route": "x", "seconds": 1.0}, {"case": "b", "route": "x", "seconds": 2.0}]
    empty = results.other_rows(path, set())
    path.write_text(json.dumps(results.combined(empty, old, {"pymc": "1"})))
    others = results.other_rows(path, {("a", "x")})
    new = {"case": "a", "route": "x", "seconds": 3.0}
    assert results.combined(others, [new], {"pymc": "1", "R": "4"})["rows"] == [old[1], new]
    with pytest.raises(ValueError, match="measured with another pymc"):
        results.combined(others, [new], {"pymc": "2"})


def test_readme_names_every_case_and_every_program_is_there():
    readme = (BENCHMARKS / "README.md").read_text()
    assert [name for name in CASES if f"| `{name}` |" not in readme] == []
    programs = {route.program for case in CASES.values() for route in case.routes}
    assert [name for name in programs if not (BENCHMARKS / "routes" / name).is_file()] == []


def test_bambi_has_the_versions_of_this_package_except_formulae():
    locks = [(ROOT / "requirements.lock"), (BENCHMARKS / "bambi.lock")]
    ours, theirs = (
        dict(re.findall(r"^([\w.\-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE))
        for lock in locks
    )
    differing = {name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]}
    assert differing == {"formulae"}
    assert "://" not in locks[1].read_text()


# Takes many minutes and has no recorded figures yet; benchmarks/README.md says so.
NOT_RECORDED = {"continuous"}


def test_stored_results_cover_every_case_and_route():
    assert set(STORED["setting"]) == {"date", "processor", "cores", "versions"}
    routes = {
        (name, route.name)
        for name, case in CASES.items()
        for route in case.routes
        if name not in NOT_RECORDED
    }
    assert {(row["case"], row["route"]) for row in STORED["rows"]} == routes


@pytest.mark.parametrize("row", STORED["rows"], ids=lambda row: f"{row['case']}, {row['route']}")
def test_stored_figures_fit_together(row):
    ours = {each["case"]: each for each in STORED["rows"] if each["route"] == results.OURS}
    if row["case"] == "gradient":
        assert row["gradient_microseconds"] > 0
        return
    assert row["seconds_min"] <= row["seconds"] <= row["seconds_max"]
    if "our_times_ess_per_second" in row:
        product = row["our_times_ess_per_second"] * row["ess_per_second"]
        expected = ours[row["case"]]["ess_per_second"]
        assert product == pytest.approx(expected, rel=2e-3)  # three figures of four digits
    if "refit" not in row["route"]:  # those data are another sample
        distance = abs(row["estimate"] - ours[row["case"]]["estimate"])
        assert distance < 0.2 * row["standard_error"]
