"""The ledger to be read: every claim once, with place, reason and sensitivity."""

import re
from pathlib import Path

import pytest

from nps_research import claims
from nps_research.ledger_view import CHAPTERS, ledger_view, markdown_rows
from nps_research.records import Record

SETTLED = {
    "C41": Record(0.0, unit="points", verdict="supported", notebook="02_nps", cell=21),
    "C43": Record(3.6, verdict="not testable here", notebook="06_churn", reason="no <data>"),
    "C44": Record(3.2, lower=1.0, upper=6.0, interval="95 % interval", verdict="depends"),
    "C44.sensitivity": Record(3.0, lower=2.0, upper=4.0, interval="range over priors"),
    "C20": Record(9.0, lower=1.0, upper=6.0, interval="range over firms", verdict="depends"),
    "C17": Record(19.0, unit="% of points at which it holds", verdict="depends"),
}


@pytest.fixture
def recorded(monkeypatch):
    monkeypatch.setattr(claims, "recorded_results", lambda: SETTLED)


def test_every_theme_has_one_chapter():
    themes = [theme for chapter in CHAPTERS.values() for theme in chapter]
    assert sorted(themes) == sorted(set(claims.claims()["theme"]))


def test_every_claim_is_shown_once():
    shown = re.findall(r"<strong>(C\d+)</strong>", ledger_view()._repr_html_())
    assert sorted(shown) == sorted(claims.claims().index)
    assert set(re.findall(r"^  (C\d+) ", repr(ledger_view()), re.MULTILINE)) == set(shown)


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    ("claim", "sensitivity"),
    [
        ("C44", "3.0, range over priors 2.0 to 4.0"),
        ("C20", "the interval is the range"),
        ("C17", "the number is a share of the points in the ranges"),
        ("C41", ""),
        ("C01", ""),
    ],
)
def test_sensitivity_is_a_record_or_a_range(claim, sensitivity):
    assert claims.ledger().loc[claim, "sensitivity"] == sensitivity


@pytest.mark.usefixtures("recorded")
def test_a_claim_shows_place_reason_and_source():
    page = ledger_view(["C41", "C43", "C03"])._repr_html_()
    assert '<a href="02_nps_as_a_statistic.ipynb">02, cell 21</a>' in page
    assert "no &lt;data&gt;" in page
    assert "(Iqbal; Sivasubramanian)" in page
    assert page.startswith("<p>3 claims: 1 supported, 1 not testable here, 1 open.</p>")


@pytest.mark.usefixtures("recorded")
def test_rows_of_markdown_have_four_cells():
    row, *_ = markdown_rows(["C41"], folder="notebooks/").splitlines()
    assert row.endswith(
        "| supported | 0 points | [02, cell 21](notebooks/02_nps_as_a_statistic.ipynb) |"
    )


def test_unknown_claims_are_named():
    with pytest.raises(ValueError, match="unknown claim 'C99'"):
        ledger_view(["C99"])


def test_readme_shows_ten_rows_as_the_ledger_has_them():
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .+ \(C\d\d\) \| .+ \|$", text, re.MULTILINE)
    keys = [re.search(r"\((C\d\d)\) \|", row)[1] for row in rows]
    assert len(keys) == 10
    assert "\n".join(rows) == markdown_rows(keys)
