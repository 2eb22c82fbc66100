"""What Spark cannot do itself, done by DuckDB on the files of its tables."""

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sunorecsys.errors import SunorecsysError
from sunorecsys.lock import keep_build_lock
from sunorecsys.release.content import quoted_name
from sunorecsys.vectors import column, matrix


def prepare(project_root: Path) -> None:
    """Hold the right to build for the life of this process, and look for Java.

    Raises:
        SunorecsysError: another process builds this project, or there is no Java.
    """
    keep_build_lock(project_root)
    # tasks that run Python need this package too
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    home = os.environ.get("JAVA_HOME")
    if shutil.which(f"{home}/bin/java" if home else "java") is None:
        place = f"in JAVA_HOME, which is {home}" if home else "on the PATH"
        raise SunorecsysError(
            f"Spark needs Java 17 or newer, and there is none {place}. Install it, "
            "such as openjdk-17-jre-headless on Debian and Ubuntu, or build without "
            "--target spark."
        )


def write_model(code: str, *, file: str, table: str, by_listener: bool) -> None:
    """Run a Python model, and write what it returns as a table.

    Args:
        code: the model as dbt compiled it, with its ``dbtObj``.
        file: where the model was written, for tracebacks.
        table: where the rows go.
        by_listener: whether it runs on all machines, each time with the rows of some
            listeners only in every table that has a user_index, or in this process.
    """
    if by_listener:
        _write_by_listener(code, file=file, table=table)
        return
    with _session() as session:
        rows = _run(code, file, session, lambda name: _read(session, _files(name)))
        _write(rows, table)


def _run(
    code: str,
    file: str,
    session: duckdb.DuckDBPyConnection,
    relation: Callable[[str], Any],
) -> Any:
    """Return what a model makes of the relations of its tables."""
    names: dict[str, Any] = {"__name__": "dbt_model"}
    exec(compile(code, file, "exec"), names)  # noqa: S102
    return names["model"](names["dbtObj"](relation), session)


def _write_by_listener(code: str, *, file: str, table: str) -> None:
    """Write what a model makes, by as many tasks as a shuffle has parts.

    Tables of listeners are divided first, so that a task reads no others' rows.
    """
    spark = _spark()
    parts = int(spark.conf.get("spark.sql.shuffle.partitions"))
    warehouse = unquote(urlsplit(spark.conf.get("spark.sql.warehouse.dir")).path)
    folder = Path(warehouse, "by_listener", table)
    files: dict[str, list[str]] = {}
    divided: dict[str, str] = {}

    def of_nobody(name: str) -> Any:
        files[name] = _files(name)
        rows = _read(session, files[name])
        if "user_index" not in rows.columns:
            return rows
        divided[name] = str(folder / name)
        listeners = spark.table(name)
        listeners.withColumn("part", listeners["user_index"] % parts).repartition(
            parts, "part"
        ).write.mode("overwrite").partitionBy("part").parquet(f"file://{divided[name]}")
        return rows.filter("false")

    def made(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for part in batch.column("id").to_pylist():
                rows = _of_part(code, file, files, divided, part)
                yield from rows.cast(columns).to_batches()

    try:
        # for the columns, and to learn which tables a model reads
        with _session() as session:
            empty = _run(code, file, session, of_nobody)
        # Spark has no lists of one length
        columns = pa.schema(
            field.with_type(pa.list_(field.type.value_type))
            if pa.types.is_fixed_size_list(field.type)
            else field
            for field in empty.schema
        )
        tasks = spark.range(parts, numPartitions=parts)
        _save(tasks.mapInArrow(made, spark.createDataFrame(empty).schema), table)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _of_part(
    code: str,
    file: str,
    files: Mapping[str, list[str]],
    divided: Mapping[str, str],
    part: int,
) -> pa.Table:
    """Return what a model makes of some listeners, in a process of any machine."""

    def of_part(name: str) -> Any:
        if name not in divided:
            return _read(session, files[name])
        own = sorted(Path(divided[name], f"part={part}").glob("*.parquet"))
        if own:
            return _read(session, list(map(str, own)))
        return _read(session, files[name]).filter("false")

    with _session() as session:
        return _run(code, file, session, of_part)


def write_query(sql: str, *, reads: Iterable[str], table: str) -> None:
    """Run a query of DuckDB on tables of Spark, and write its rows as a table.

    Args:
        sql: the query, which names tables as Spark does.
        reads: the tables, each as schema.name.
        table: where the rows go.
    """
    with _session() as session:
        for name in reads:
            schema, table_read = map(quoted_name, name.split("."))
            rows = _read(session, _files(name)).sql_query()
            session.execute(f"create schema if not exists {schema}")
            session.execute(f"create view {schema}.{table_read} as {rows}")
        _write(session.sql(sql).to_arrow_table(), table)


def song_factors(
    interactions: pa.Table,
    songs: pa.Table,
    *,
    factors: int,
    listener_ridge: float,
    iterations: int,
    alpha: float,
    seed: int,
    **_: float,
) -> pa.Table:
    """Return what ``als.song_factors`` does, learned by pyspark.ml on all machines.

    Its ALS has one ridge, which it multiplies by the entries of a listener or of a
    song: here that which gives a listener of as many songs as the mean
    ``listener_ridge``. The ridges of songs are not taken, and factors are others than
    those of the driver.

    Args:
        interactions: user_index, song_index and weight (above 0).
        songs: song_index 0 … n - 1.
        factors: length of a vector.
        listener_ridge: by which a listener's factors are pulled towards 0.
        iterations: of both half-steps.
        alpha: confidence per weight.
        seed: of the random start.
    """
    from pyspark.ml.recommendation import ALS

    found = np.zeros((len(songs), factors), np.float32)
    if len(interactions) > 0:
        listeners = pc.count_distinct(interactions["user_index"]).as_py()
        # there the confidence of an entry is 1 + alpha x rating, here alpha x weight
        rating = pc.subtract(pc.multiply(interactions["weight"], alpha), 1.0)
        rows = interactions.select(["user_index", "song_index"]).append_column(
            # an entry of rating 0 would count as none
            "rating",
            pc.max_element_wise(rating, 1e-6),
        )
        # a session is there before anything of pyspark.ml is
        ratings = _spark().createDataFrame(rows)
        learned = ALS(
            rank=factors,
            maxIter=iterations,
            regParam=listener_ridge * listeners / len(interactions),
            alpha=1.0,
            implicitPrefs=True,
            seed=seed,
            userCol="user_index",
            itemCol="song_index",
        ).fit(ratings)
        vectors = learned.itemFactors.toArrow()
        found[vectors["id"].to_numpy()] = matrix(
            vectors["features"], factors, np.float32
        )
    return pa.table(
        {
            "song_index": pa.array(np.arange(len(songs), dtype=np.int32)),
            "factors": column(found),
        }
    )


def remove_files(schema: str, identifier: str) -> None:
    """Remove the files of a table that Spark does not know, as a killed job leaves.

    Spark makes no table where files are.
    """
    spark = _spark()
    if not spark.catalog.tableExists(f"{schema}.{identifier}"):
        hadoop = spark._jvm.org.apache.hadoop.fs
        folder = hadoop.Path(spark.catalog.getDatabase(schema).locationUri, identifier)
        files = folder.getFileSystem(spark._jsc.hadoopConfiguration())
        files.delete(folder, True)


def _spark() -> Any:
    from pyspark.sql import SparkSession

    return SparkSession.builder.getOrCreate()


@contextmanager
def _session() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in memory, set as the profile sets that of a DuckDB build."""
    limit = os.environ.get("SUNORECSYS_MEMORY_LIMIT", "4GB")
    with duckdb.connect(
        config={"memory_limit": limit, "preserve_insertion_order": False}
    ) as session:
        session.execute("set TimeZone = 'UTC'")
        yield session


def _files(name: str) -> list[str]:
    """Return the paths of the files of a table.

    Raises:
        SunorecsysError: they lie on no disk of this machine.
    """
    files = [urlsplit(file) for file in _spark().table(name).inputFiles()]
    if any(file.scheme != "file" for file in files):
        raise SunorecsysError(
            f"The table {name} lies on {files[0].scheme}:, and Python models read "
            "files. Let SUNORECSYS_SPARK_WAREHOUSE name a disk that all machines share."
        )
    return [unquote(file.path) for file in files]


def _read(session: duckdb.DuckDBPyConnection, files: list[str]) -> Any:
    """Return files of Spark as a relation of DuckDB, of the types it has there."""
    rows = session.read_parquet(files, hive_partitioning=False)
    return rows.project(
        ", ".join(
            # times of Spark have a time zone
            f"cast({quoted} as timestamp) as {quoted}"
            if kind == "TIMESTAMP WITH TIME ZONE"
            else quoted
            for quoted, kind in zip(
                map(quoted_name, rows.columns), rows.types, strict=True
            )
        )
    )


def _write(rows: pa.Table | pa.RecordBatchReader, table: str) -> None:
    if isinstance(rows, pa.RecordBatchReader):
        rows = rows.read_all()
    _save(_spark().createDataFrame(rows), table)


def _save(frame: Any, table: str) -> None:
    frame.write.mode("overwrite").format("parquet").saveAsTable(table)
