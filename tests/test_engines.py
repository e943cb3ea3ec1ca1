"""Tabulation in each engine that is installed: the counts of pandas, collected at the end only."""

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from nps_research.counts import tabulate

pytestmark = [
    # Neither is ours: narwhals moves Dask into a package of its own; PySpark trails pandas 3.
    pytest.mark.filterwarnings("ignore:Dask support is moving:FutureWarning"),
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

PEOPLE = pa.table(
    {
        "year": [2017, 2017, 2018, 2018, 2018, 2018],
        "mode": ["self", None, "self", "self", None, "self"],
        "score": [9, 3, 7, 7, None, None],
        "w": [1.0, 0.5, 2.0, 1.0, 3.0, 0.0],
    }
)
BROKEN = PEOPLE.set_column(3, "w", pa.array([1.0, -1.0, float("inf"), None, 1.0, 1.0]))


def _polars(table):
    return pytest.importorskip("polars").from_arrow(table)


def _polars_lazy(table):
    return _polars(table).lazy()


def _duckdb(table):
    return pytest.importorskip("duckdb").from_arrow(table)


def _dask(table):
    dask = pytest.importorskip("dask.dataframe")
    return dask.from_pandas(table.to_pandas(types_mapper=pd.ArrowDtype), npartitions=2)


def _pyspark(table):
    spark = pytest.importorskip("pyspark.sql").SparkSession.builder.master("local[1]")
    session = spark.config("spark.ui.enabled", "false").getOrCreate()
    types = {"int64": "int", "string": "string", "double": "double"}
    schema = ", ".join(f"{field.name} {types[str(field.type)]}" for field in table.schema)
    return session.createDataFrame([tuple(row.values()) for row in table.to_pylist()], schema)


ENGINES = [_polars, _polars_lazy, _duckdb, _dask, _pyspark]


def _plain(counts):
    """Cells of a count table as numbers and text, None where missing, whatever the dtypes are."""
    cells = counts.astype(object)
    return cells.where(counts.notna(), None).values.tolist()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("by", [[], ["year"], ["year", "mode"]])
def test_engines_count_alike(engine, by):
    counts = tabulate(engine(PEOPLE), by, weight="w")
    assert _plain(counts) == _plain(tabulate(PEOPLE, by, weight="w"))
    assert counts[["score", "n"]].dtypes.tolist() == [pd.Int64Dtype(), np.dtype("int64")]


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_refuse_unusable_weights(engine):
    with pytest.raises(ValueError, match="found 3 that are not"):
        tabulate(engine(BROKEN), "year", weight="w")


@pytest.mark.parametrize("engine", [_polars_lazy, _duckdb, _dask, _pyspark])
def test_only_the_counts_are_collected(engine, monkeypatch):
    rows, collect = [], nw.LazyFrame.collect

    def spy(frame, *arguments, **options):
        collected = collect(frame, *arguments, **options)
        rows.append(len(collected))
        return collected

    monkeypatch.setattr(nw.LazyFrame, "collect", spy)
    counts = tabulate(engine(PEOPLE), "year")
    assert rows == [len(counts)] == [4]
