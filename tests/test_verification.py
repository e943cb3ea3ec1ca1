"""The report of a rerun: what it says, what it hashes, and that it stands alone."""

import hashlib
import json
from dataclasses import replace

import pytest

from nps_research import claims, records, verification
from nps_research.datasets import data_path
from nps_research.records import Record
from nps_research.reproduction import Execution

EXACT = Record(2.0, unit="points", notebook="01_a", cell=3)
SAMPLED = Record(39.385, mcse=0.011, lower=39.0, upper=39.8, notebook="01_a", cell=4)


@pytest.fixture
def rerun(tmp_path, monkeypatch):
    """Verify what one notebook gave, against two recorded numbers."""

    def verify(results, error=""):
        monkeypatch.setattr(
            claims, "recorded_results", lambda: {"exact": EXACT, "sampled": SAMPLED}
        )
        monkeypatch.setattr(verification, "gathered", lambda _: results)
        notebook = tmp_path / "01_a.ipynb"
        notebook.write_text("{}")
        execution = Execution(notebook, notebook, notebook, seconds=90.0, error=error)
        return verification.verification([execution], everything=True)

    return verify


def test_what_agrees_is_agreed_to(rerun):
    found = rerun({"exact": EXACT, "sampled": replace(SAMPLED, value=39.4)})
    assert found.agrees
    row = found.rows()[1]
    assert (row["recorded"], row["rerun"]) == ("39.385 ± 0.011", "39.400 ± 0.011")
    assert row["errors apart"] == f"{0.015 / (0.011 * 2**0.5):.1f}"


@pytest.mark.parametrize(
    "changed",
    [
        {"exact": replace(EXACT, value=2.001), "sampled": SAMPLED},
        {"exact": EXACT, "sampled": replace(SAMPLED, value=40.0)},
        {"exact": EXACT, "sampled": replace(SAMPLED, verdict="refuted")},
        {"exact": EXACT},
        {"exact": EXACT, "sampled": SAMPLED, "new": EXACT},
    ],
)
def test_what_differs_comes_first(rerun, changed):
    found = rerun(changed)
    assert not found.agrees
    assert found.rows(disagreeing_first=True)[0]["agrees"] == "NO"


def test_a_failed_notebook_is_no_agreement(rerun):
    found = rerun({"exact": EXACT, "sampled": SAMPLED}, error="cell [1]: ValueError: <no>")
    assert not found.agrees
    assert found.reproduced == 2


def test_limits_count_in_errors_of_their_own():
    moved = replace(SAMPLED, upper=SAMPLED.upper + 2 * records.QUANTILE_ERROR * 0.011 * 2**0.5)
    assert records.errors_apart(SAMPLED, moved) == pytest.approx(2.0)


def test_the_report_names_what_numbers_depend_on(rerun, tmp_path):
    html, path = verification.write_report(rerun({"exact": EXACT, "sampled": SAMPLED}), tmp_path)
    report = json.loads(path.read_text())
    content = data_path("claims.csv").read_bytes()
    assert report["sha256"]["data"]["claims.csv"] == hashlib.sha256(content).hexdigest()
    assert report["sha256"]["notebooks"] == {"01_a.ipynb": hashlib.sha256(b"{}").hexdigest()}
    assert {"numpy", "pymc", "numba", "Python"} <= set(report["versions"])
    assert report["results"]["sampled"]["errors_apart"] == 0.0
    assert report["results"]["exact"]["errors_apart"] is None
    assert report["machine"]["processor"] in html.read_text()


def test_the_page_stands_alone_and_escapes(rerun, tmp_path):
    found = rerun({"exact": EXACT, "sampled": SAMPLED}, error="ValueError: <no>")
    page = verification.write_report(found, tmp_path)[0].read_text()
    assert "&lt;no&gt;" in page
    assert [trace for trace in ("http:", "https:", "src=", str(tmp_path)) if trace in page] == []
    assert "light-dark(" in page
    assert "width=device-width" in page
