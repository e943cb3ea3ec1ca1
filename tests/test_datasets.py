"""Shipped tables: registry, files and README agree, and the counts are those published."""

import hashlib
from pathlib import Path

import pandas as pd
import pytest

from nps_research import datasets
from nps_research.counts import as_counts
from nps_research.datasets import list_datasets, load_counts, load_table, registry
from nps_research.scale import RatingScale

DATA = Path(__file__).parents[1] / "data"
NAMES = list(registry())
COUNTS = [name for name, each in registry().items() if each.kind == "counts"]


@pytest.mark.parametrize("name", NAMES)
def test_file_matches_registry(name):
    entry = registry()[name]
    table = pd.read_csv(DATA / entry.file, nrows=1)
    described = set(entry.columns) | {f"c{k}" for k in range(11) if "c0" in entry.columns}
    assert hashlib.sha256((DATA / entry.file).read_bytes()).hexdigest() == entry.sha256
    assert set(table.columns) == described


@pytest.mark.parametrize("name", NAMES)
def test_readme_describes_table_and_columns(name):
    entry = registry()[name]
    section = (DATA / "README.md").read_text().split(f"\n## {name}\n")[1].split("\n## ")[0]
    for column in entry.columns:
        assert f"`{column}`" in section


def test_no_table_is_unregistered():
    files = {path.name for path in DATA.glob("*.csv")} - {"claims.csv"}
    assert files == {entry.file for entry in registry().values()}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_in_standard_form(name):
    counts = load_counts(name)
    scale = counts.attrs["rating_scale"]
    again = as_counts(counts, scale)
    pd.testing.assert_frame_equal(again, counts)
    assert again.attrs == counts.attrs
    assert set(counts.attrs) == {"rating_scale", "title", "source", "licence"}


@pytest.mark.parametrize(
    ("name", "answers"),
    [("sfo_airport", 5396), ("r_community", 5834), ("stackoverflow_2017", 5594)],
)
def test_number_of_answers(name, answers):
    assert load_counts(name)["n"].sum() == answers
    assert list_datasets().loc[name, "answers"] == answers


@pytest.mark.parametrize(("year", "nps"), [("2017", 39.84), ("2018", 30.98)])
def test_nps_of_the_airport_is_the_published_one(year, nps):
    counts = load_counts("sfo_airport")
    counts = counts[counts["year"] == year]
    promoters = counts.loc[counts["score"] >= 9, "n"].sum()
    detractors = counts.loc[counts["score"] <= 6, "n"].sum()
    assert round(100 * (promoters - detractors) / counts["n"].sum(), 2) == nps


def test_r_community_has_its_scale_and_its_lapsed_users():
    counts = load_counts("r_community")
    assert counts.attrs["rating_scale"] == RatingScale(1, 10)
    assert counts.loc[counts["lapsed"] == "yes", "n"].sum() == 56


@pytest.mark.parametrize("name", ["sfo_airport", "r_community", "sfo_items"])
def test_years_are_categories(name):
    assert load_counts(name)["year"].cat.categories.str.fullmatch("20[0-9]{2}").all()


def test_long_distributions_have_the_moments_of_the_wide_ones():
    long = load_counts("published_distributions").astype({"score": float})
    wide = load_table("published_distributions").set_index("id")
    groups = long.assign(total=long["score"] * long["n"]).groupby("id")
    pd.testing.assert_series_equal(groups["n"].sum(), wide["n"].sort_index())
    mean = groups["total"].sum() / groups["n"].sum()
    assert (mean - wide["mean"]).abs().max() <= 0.5e-4 + 1e-12


def test_distributions_have_the_categories_of_their_own_scale():
    rows = load_counts("published_distributions").groupby(["id", "scale"])["score"].agg(list)
    for (_, scale), scores in rows.items():
        lowest = int(scale.split("-")[0])
        assert scores == list(range(lowest, 11))


@pytest.mark.parametrize(
    ("load", "name", "message"),
    [
        (load_counts, "sfo_airpot", "unknown data set 'sfo_airpot'; did you mean 'sfo_airport'"),
        (load_counts, "hcahps_state", "unknown data set 'hcahps_state'"),
        (load_table, "nothing at all", "unknown data set 'nothing at all'. Known: sfo_airport"),
    ],
)
def test_unknown_names(load, name, message):
    with pytest.raises(ValueError, match=message):
        load(name)


def test_changed_file_is_refused(tmp_path, monkeypatch):
    for path in DATA.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes() + b"\n")
    monkeypatch.setattr(datasets, "FOLDERS", (tmp_path,))
    with pytest.raises(ValueError, match=r"sfo_airport_counts\.csv is not the file .* Restore"):
        load_counts("sfo_airport")


def test_missing_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "FOLDERS", (tmp_path,))
    with pytest.raises(ValueError, match=r"no file 'datasets\.toml' in the data folder"):
        load_counts()
