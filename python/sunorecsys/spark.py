"""Python models on Spark: the same functions, on rows that come from its tables."""

from typing import Any

import pyarrow as pa


class Relation:
    """What a Python model asks of ``dbt.ref``, answered by a Spark DataFrame."""

    def __init__(self, rows: Any) -> None:
        """Wrap a DataFrame."""
        self._rows = rows

    def select(self, columns: str) -> "Relation":
        """Return some columns, named as in SQL."""
        return Relation(self._rows.select(*columns.replace(" ", "").split(",")))

    def filter(self, condition: str) -> "Relation":
        """Return the rows for which a condition in SQL is true."""
        return Relation(self._rows.filter(condition))

    def limit(self, rows: int) -> "Relation":
        """Return so many rows at most."""
        return Relation(self._rows.limit(rows))

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows."""
        return [tuple(row) for row in self._rows.collect()]

    def to_arrow_table(self) -> pa.Table:
        """Return all rows, in the memory of this process."""
        return self._rows.toArrow()


def write_model(code: str, *, file: str, table: str) -> None:
    """Run a Python model in this process, and write what it returns as Parquet.

    Args:
        code: the model as dbt compiled it, with its ``dbtObj``.
        file: where the model was written, for tracebacks.
        table: where the rows go.
    """
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.getOrCreate()
    names: dict[str, Any] = {"__name__": "dbt_model"}
    exec(compile(code, file, "exec"), names)  # noqa: S102
    dbt = names["dbtObj"](lambda name: Relation(spark.table(name)))
    rows = names["model"](dbt, spark)
    if isinstance(rows, pa.RecordBatchReader):
        rows = rows.read_all()
    spark.createDataFrame(rows).write.mode("overwrite").format("parquet").saveAsTable(
        table
    )
