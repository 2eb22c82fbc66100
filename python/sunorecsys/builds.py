"""How builds went: ``landing/builds``, one Parquet file per build, the newest kept.

A file holds the names, times and counts of the steps of a build, and no message: what
a database says of an error may quote the data, and with it the id of a listener.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from sunorecsys.landing import replacing

# two years of one build a week; a file has some 10 kB
KEPT = 100

SCHEMA = pa.schema(
    [
        # when it started, so that names sort by time
        ("build_id", pa.string()),
        ("started_at", pa.timestamp("us")),
        ("seconds", pa.float64()),
        # published, unpublished, failed or stopped
        ("status", pa.string()),
        # of the clock; null if the build failed before it was set
        ("as_of", pa.timestamp("us")),
        ("source", pa.string()),
        ("release_id", pa.string()),
        # in the order in which they ended
        (
            "steps",
            pa.list_(
                pa.struct(
                    [
                        ("resource_type", pa.string()),
                        ("name", pa.string()),
                        ("status", pa.string()),
                        ("seconds", pa.float64()),
                        # of what a model or seed made
                        ("row_count", pa.int64()),
                        # of a test
                        ("failures", pa.int64()),
                    ]
                )
            ),
        ),
    ]
)


@dataclass
class Record:
    """What is known of a build, while it runs."""

    started_at: datetime
    status: str = "failed"
    as_of: datetime | None = None
    source: str | None = None
    release_id: str | None = None
    steps: list[dict[str, Any]] = field(default_factory=list)
    # why it could not be written down
    problem: str | None = None

    @property
    def build_id(self) -> str:
        """A name that sorts by time and is the name of a file."""
        return f"{self.started_at:%Y-%m-%dT%H-%M-%S.%f}"

    def take(self, results: Sequence[Any], warehouse: Path) -> None:
        """Note the steps of dbt, with the rows that lie in the warehouse now."""
        made = {
            result.node.name
            for result in results
            if result.node.resource_type in ("model", "seed")
            and str(result.status) == "success"
        }
        counts = self._look(warehouse, made)
        self.steps = [
            {
                "resource_type": str(result.node.resource_type),
                "name": result.node.name,
                "status": str(result.status),
                "seconds": round(result.execution_time, 3),
                "row_count": counts.get(result.node.name),
                "failures": result.failures,
            }
            for result in results
        ]

    def _look(self, warehouse: Path, made: set[str]) -> dict[str, int]:
        """Note the clock of the build, and return the rows of what it made."""
        try:
            with duckdb.connect(str(warehouse), read_only=True) as opened:
                if "build_clock" in made:
                    ((self.as_of, self.source),) = opened.execute(
                        "select as_of, source from main.build_clock"
                    ).fetchall()
                rows = opened.execute(
                    "select table_name, estimated_size from duckdb_tables() "
                    "where schema_name = 'main'"
                ).fetchall()
        except duckdb.Error:
            # another program has it open
            return {}
        return {name: count for name, count in rows if name in made}


@contextmanager
def recorded(landing: Path) -> Iterator[Record]:
    """Write down the build of the block, however it ends.

    A build that is killed leaves nothing, and a disk that refuses stops no build.
    """
    record = Record(datetime.now(UTC).replace(tzinfo=None))
    begun = time.monotonic()
    try:
        yield record
    except KeyboardInterrupt:
        record.status = "stopped"
        raise
    finally:
        try:
            _write(landing / "builds", record, time.monotonic() - begun)
        except OSError as error:
            record.problem = error.strerror or str(error)


def _write(folder: Path, record: Record, seconds: float) -> None:
    row = {
        "build_id": record.build_id,
        "started_at": record.started_at,
        "seconds": round(seconds, 3),
        "status": record.status,
        "as_of": record.as_of,
        "source": record.source,
        "release_id": record.release_id,
        "steps": record.steps,
    }
    with replacing(folder / f"{record.build_id}.parquet") as aside:
        pq.write_table(pa.Table.from_pylist([row], SCHEMA), aside, compression="zstd")
    for old in files(folder)[:-KEPT]:
        old.unlink(missing_ok=True)


def files(folder: Path) -> list[Path]:
    """Return the records of builds, the oldest first."""
    return sorted(folder.glob("*.parquet"))


def newest(folder: Path) -> dict[str, Any] | None:
    """Return the record of the last build; None if there is none.

    Raises:
        OSError, ValueError, pa.ArrowException: it cannot be read, or is no such record.
    """
    found = latest(folder, 1)
    return found[0] if found else None


def latest(folder: Path, n: int) -> list[dict[str, Any]]:
    """Return the records of the last builds, the newest first.

    Raises:
        OSError, ValueError, pa.ArrowException: one cannot be read, or is no record.
    """
    rows: list[dict[str, Any]] = []
    for path in files(folder)[::-1][:n]:
        # the file alone: a folder called a=b is no column
        rows += pq.ParquetFile(path).read().cast(SCHEMA).to_pylist()[:1]
    return rows
