"""The sample on Spark, table by table the same as on DuckDB."""

import importlib.util
import math
import shutil

import duckdb
import pytest

from conftest import DBT, Workspace

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pyspark") is None
    or importlib.util.find_spec("dbt.adapters.spark") is None
    or shutil.which("java") is None,
    reason="needs sunorecsys[spark] and Java",
)

# what Spark does not build yet
ONLY_DUCKDB = {"release", "search_terms", "song_terms", "song_words", "weighted_terms"}


class BothEngines:
    """The tables of the DuckDB file and the Parquet files of Spark, side by side."""

    def __init__(self, duckdb_project: Workspace, spark_project: Workspace):
        self.spark_tables = spark_project.root / "warehouse/spark/sunorecsys.db"
        self.connection = duckdb.connect()
        self.connection.execute("set TimeZone = 'UTC'")
        database = duckdb_project.root / "warehouse" / "sunorecsys.duckdb"
        self.connection.execute(f"attach '{database}' as built (read_only)")

    def names(self) -> tuple[set[str], set[str]]:
        on_duckdb = self.connection.execute(
            "select table_name from duckdb_tables() where database_name = 'built'"
        ).fetchall()
        on_spark = {path.name for path in self.spark_tables.iterdir()}
        return {name for (name,) in on_duckdb}, on_spark

    def _rows(self, relation: str, columns: list[str]) -> list[tuple]:
        types = {
            name: kind
            for name, kind, *_ in self.connection.execute(
                f"describe from {relation}"
            ).fetchall()
        }
        # floats last, which differ by their last digits
        keys = sorted(columns, key=lambda name: "DOUBLE" in types[name])
        listed = (
            f"cast({name} as timestamp)" if "TIME ZONE" in types[name] else name
            for name in columns
        )
        return self.connection.execute(
            f"select {', '.join(listed)} from {relation} order by {', '.join(keys)}"
        ).fetchall()

    def difference(self, table: str) -> str | None:
        """Return how a table differs between the engines, None if it does not."""
        on_duckdb = f"built.{table}"
        on_spark = f"read_parquet('{self.spark_tables}/{table}/*.parquet')"
        columns, others = (
            [
                name
                for name, *_ in self.connection.execute(
                    f"describe from {relation}"
                ).fetchall()
            ]
            for relation in (on_duckdb, on_spark)
        )
        if columns != others:
            return f"columns {columns} and {others}"
        expected, found = (
            self._rows(relation, columns) for relation in (on_duckdb, on_spark)
        )
        if len(expected) != len(found):
            return f"{len(expected)} and {len(found)} rows"
        unlike = [
            pair for pair in zip(expected, found, strict=True) if not is_same(*pair)
        ]
        return f"{len(unlike)} rows, such as {unlike[0]}" if unlike else None

    def differences(self) -> dict[str, str]:
        """Return how the tables differ that both engines have."""
        on_duckdb, on_spark = self.names()
        found = {table: self.difference(table) for table in on_duckdb & on_spark}
        return {table: how for table, how in found.items() if how is not None}


def is_same(one, other) -> bool:
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return one == other or math.isclose(one, other, rel_tol=1e-9)
    return one == other


def build_on_spark(workspace: Workspace, *arguments: str) -> None:
    with workspace.start(*DBT, "build", "--target", "spark", *arguments) as process:
        out, err = process.communicate(timeout=1800)
    assert process.returncode == 0, out[-3000:] + err[-3000:]


def test_every_table_of_the_sample_is_the_same_on_spark(sample_project, workspace):
    build_on_spark(workspace)
    engines = BothEngines(sample_project, workspace)
    on_duckdb, on_spark = engines.names()
    assert on_duckdb - on_spark == ONLY_DUCKDB
    assert on_spark - on_duckdb == set()
    assert engines.differences() == {}


@pytest.mark.large
def test_the_evaluation_of_an_earlier_week_is_the_same_on_spark(workspace, tmp_path):
    """The sample as of its end has no later plays to be judged by."""
    variables = ("--vars", "as_of: '2025-11-10'")
    on_duckdb = Workspace.copy(tmp_path / "duckdb")
    done = on_duckdb.run(*DBT, "build", "--exclude-resource-type", "test", *variables)
    assert done.returncode == 0, done.stdout[-3000:]
    build_on_spark(workspace, "--exclude-resource-type", "test", *variables)
    engines = BothEngines(on_duckdb, workspace)
    summary = engines.spark_tables / "evaluation_summary"
    ((rows,),) = engines.connection.execute(
        f"select count(*) from read_parquet('{summary}/*.parquet')"
    ).fetchall()
    assert rows > 500
    assert engines.differences() == {}
