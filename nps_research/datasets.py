"""The tables that ship with the package: provenance, licence, codebook and checksum of each."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from nps_research.counts import as_counts
from nps_research.scale import RatingScale
from nps_research.survey_files import unknown_name

# In an installed package the data lie inside it, in a checkout beside it.
FOLDERS = (Path(__file__).parent / "data", Path(__file__).parents[1] / "data")


@dataclass(frozen=True)
class Dataset:
    """Describe one table of the registry.

    Attributes
    ----------
    file, title, source, licence, sha256 : str
        What the table is, whose it is, and the checksum of its file.
    kind : {"counts", "table"}
        Whether it can be read as a count table.
    columns : dict
        Codebook: column to meaning.
    caveats : list of str
        What the table cannot show.
    rating_scale : list of int, optional
        Lowest and highest score of a count table.
    labels : list of str
        Columns of a count table that look like numbers and are names.
    """

    file: str
    title: str
    kind: str
    source: str
    licence: str
    sha256: str
    columns: dict[str, str]
    caveats: list[str]
    rating_scale: list[int] | None = None
    labels: list[str] | None = None


def load_counts(name: str = "sfo_airport") -> pd.DataFrame:
    """Load a count table that ships with the package.

    Parameters
    ----------
    name : str
        Name of the data set; `list_datasets` has them.

    Returns
    -------
    pandas.DataFrame
        Predictors, `score` (Int64), `n` (int64) and, for "sfo_airport", `weight` and
        `weight_squared`. Years are categories, so that ``score ~ year`` compares them. `attrs`
        holds `rating_scale`, `title`, `source` and `licence`.

    Raises
    ------
    ValueError
        If there is no such count table, or its file is not the one that was shipped.

    Notes
    -----
    "published_distributions" has one row a distribution and score, only with the scores of the
    distribution's own scale. As its scales differ, the one in `attrs` covers them all.

    Examples
    --------
    >>> counts = load_counts("sfo_airport")
    >>> int(counts["n"].sum()), counts["year"].cat.categories.tolist()
    (5396, ['2017', '2018'])
    >>> load_counts("r_community").attrs["rating_scale"]
    RatingScale(1-10: detractors 1-6, passives 7-8, promoters 9-10)
    """
    dataset = _dataset(name, _count_tables())
    table = _read(dataset)
    if "c0" in table.columns:
        table = _long(table)
    rating_scale = RatingScale(*(dataset.rating_scale or ()))
    labels = {label: table[label].astype(str).astype("category") for label in dataset.labels or ()}
    counts = as_counts(table.assign(**labels), rating_scale)
    counts.attrs = {
        "rating_scale": rating_scale,
        "title": dataset.title,
        "source": dataset.source,
        "licence": dataset.licence,
    }
    return counts


def load_table(name: str) -> pd.DataFrame:
    """Load a table that ships with the package as it stands in its file.

    Parameters
    ----------
    name : str
        Name of the data set; `list_datasets` has them.

    Returns
    -------
    pandas.DataFrame
        Columns as in the codebook of the data set.

    Raises
    ------
    ValueError
        If there is no such table, or its file is not the one that was shipped.

    Examples
    --------
    >>> load_table("hcahps_national").columns.tolist()
    ['release', 'measure', 'bottom_box_pct', 'middle_box_pct', 'top_box_pct']
    """
    return _read(_dataset(name, registry()))


def list_datasets() -> pd.DataFrame:
    """List the tables that ship with the package.

    Returns
    -------
    pandas.DataFrame
        Indexed by name: `title`, `kind`, `rows` of the file, `answers` (the sum of `n` of a count
        table) and `licence`.

    Examples
    --------
    >>> list_datasets().loc[["sfo_airport", "hcahps_state"], ["rows", "answers"]]
                  rows  answers
    name
    sfo_airport    195     5396
    hcahps_state   458     <NA>
    """
    return pd.DataFrame([_entry(*each) for each in registry().items()]).set_index("name")


def registry() -> dict[str, Dataset]:
    """Read the registry of shipped tables.

    Returns
    -------
    dict
        Name to `Dataset`, in the order of the registry.

    Examples
    --------
    >>> registry()["stackoverflow_2017"].columns["score"]
    'Career satisfaction, 0 to 10'
    """
    content = data_path("datasets.toml").read_text(encoding="utf-8")
    return {name: Dataset(**entry) for name, entry in tomllib.loads(content).items()}


def _entry(name: str, dataset: Dataset) -> dict[str, object]:
    return {
        "name": name,
        "title": dataset.title,
        "kind": dataset.kind,
        "rows": len(_read(dataset)),
        "answers": int(load_counts(name)["n"].sum()) if dataset.kind == "counts" else pd.NA,
        "licence": dataset.licence,
    }


def _count_tables() -> dict[str, Dataset]:
    return {name: each for name, each in registry().items() if each.kind == "counts"}


def _dataset(name: str, known: dict[str, Dataset]) -> Dataset:
    if name not in known:
        raise ValueError(unknown_name("data set", name, known))
    return known[name]


def data_path(name: str) -> Path:
    """Return the path of a file that ships in the data folder.

    Parameters
    ----------
    name : str
        Such as ``claims.csv``.

    Returns
    -------
    pathlib.Path
        Of a file that exists.

    Raises
    ------
    ValueError
        If there is no such file.

    Examples
    --------
    >>> data_path("claims.csv").name
    'claims.csv'
    """
    for folder in FOLDERS:
        if (folder / name).is_file():
            return folder / name
    raise ValueError(
        f"no file {name!r} in the data folder of nps_research. Install the package again, or take "
        "the file from its repository."
    )


def _read(dataset: Dataset) -> pd.DataFrame:
    path = data_path(dataset.file)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != dataset.sha256:
        raise ValueError(
            f"{dataset.file} is not the file that was shipped: its SHA-256 is {found}, expected "
            f"{dataset.sha256}. Restore the file, or read your own with read_survey."
        )
    return pd.read_csv(path)


def _long(table: pd.DataFrame) -> pd.DataFrame:
    scores = [name for name in table.columns if name.removeprefix("c").isdigit()]
    labels = ["id", "scale", "year"]
    long = table[labels + scores].melt(labels, var_name="score", value_name="n")
    long["score"] = long["score"].str.removeprefix("c").astype(int)
    lowest = long["scale"].str.split("-").str[0].astype(int)
    return long[long["score"] >= lowest].sort_values(["id", "score"])
