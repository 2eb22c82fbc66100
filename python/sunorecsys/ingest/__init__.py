"""Ingest: from files as people have them to the landing folder.

Every row is checked; bad ones go to ``landing/rejects`` with the reason, good ones
to ``landing/<kind>/<hash>.parquet``, where the hash is that of the file's bytes and
the column mapping. Nothing is written unless every file could be read.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from sunorecsys import landing as place
from sunorecsys.errors import SunorecsysError
from sunorecsys.ingest import readers
from sunorecsys.ingest.fields import Plan, parse_columns

__all__ = ["Example", "Summary", "ingest", "known_types", "parse_columns"]

# Called with a file and how much of it is read, from 0 to 1.
OnProgress = Callable[[Path, float], None]

# Enough for a batch and its aggregates; more spills to the temporary folder.
_MEMORY = "400MB"
_THREADS = 2
# Clocks differ, and exports are made in other time zones.
_AHEAD = timedelta(days=1)
# Rows are written in groups that fit the memory even where each has long lyrics: a
# row counts the bytes of its texts, and some for the rest of it.
_GROUP_BYTES = 32 * 1024 * 1024
_ROW_BYTES = 512
_REASONS = 100
_EXAMPLES = 5
# The key under which a landing file keeps the time of its export.
_EXPORTED_AT = b"exported_at"


@dataclass(frozen=True)
class Example:
    """A refused row."""

    position: int
    reason: str
    content: str


@dataclass(frozen=True)
class Summary:
    """What became of one file.

    ``accepted``, ``repeated`` and ``rejected`` count rows of the file (for
    playlists, ``repeated`` counts songs that a playlist already has).
    ``unknown_songs`` counts songs that are not ingested yet and that no file before
    this one of the same command mentions.
    """

    kind: str
    file: str
    accepted: int
    repeated: int
    rejected: int
    without_time: int = 0
    unknown_songs: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    rejects: Path | None = None


@dataclass(frozen=True)
class _Input:
    """A file, and what names its results."""

    path: Path
    name: str
    hash: str
    modified_at: datetime


def known_types(weights: Path) -> list[str]:
    """Return the interaction types of ``interaction_weights.csv``.

    Raises:
        SunorecsysError: the file is missing or has no types.
    """
    try:
        with duckdb.connect() as connection:
            rows = connection.execute(
                "select interaction_type from read_csv($1, header = true)",
                [str(weights)],
            ).fetchall()
    except duckdb.Error as error:
        raise SunorecsysError(
            f"The interaction types cannot be read from {weights}: "
            f"{_first_line(error)} Restore the file from the repository."
        ) from error
    return [str(row[0]) for row in rows]


def ingest(
    kind: str,
    files: Sequence[Path],
    *,
    landing: Path,
    interaction_types: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    dry_run: bool = False,
    now: datetime | None = None,
    on_progress: OnProgress | None = None,
) -> list[Summary]:
    """Check ``files`` and put their good rows into ``landing``.

    Args:
        kind: songs, playlists, interactions or quality.
        files: JSON, JSON Lines, CSV or Parquet.
        landing: the landing folder; it is made if it does not exist.
        interaction_types: the types that are known; others are refused.
        columns: field → name in the files, where it is not a recognised one.
        dry_run: check only; nothing is written.
        now: the present, UTC if naive; times may lie one day ahead of it.
        on_progress: called with a file and how much of it is read, from 0 to 1.

    Raises:
        UsageError: ``columns`` do not fit the kind.
        SunorecsysError: a file cannot be read as a whole, or there is no room to
            write. Nothing has changed then.
    """
    plan = Plan.of(kind, columns or {})
    moment = _utc(now or datetime.now(UTC))
    inputs = [_input(Path(file), plan, moment) for file in files]
    summaries: list[Summary] = []
    first_seen: dict[str, Summary] = {}
    stale: list[Path] = []
    try:
        with _workspace() as connection, ExitStack() as written:
            _prepare(connection, plan, interaction_types, moment, landing)
            for source in inputs:
                if source.hash in first_seen:
                    summary = _copy_of(first_seen[source.hash], source.name)
                else:
                    same = [item for item in inputs if item.hash == source.hash]
                    target = landing / kind / f"{source.hash}.parquet"
                    exported_at = min(
                        *(item.modified_at for item in same),
                        _landed_export(target) or moment,
                    )
                    connection.execute(
                        "set variable exported_at = $1::timestamp", [exported_at]
                    )
                    _check(connection, source, plan, on_progress)
                    rejects = landing / "rejects" / f"{kind}-{source.hash}.parquet"
                    summary = _summary(connection, source, plan, rejects)
                    first_seen[source.hash] = summary
                    if not dry_run:
                        _land(connection, written, summary, target, exported_at)
                        _keep_rejects(connection, written, summary, rejects)
                        if not summary.rejected:
                            stale.append(rejects)
                summaries.append(summary)
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        raise SunorecsysError(
            f"Nothing was ingested: {_first_line(error)} "
            "Make room on the disk or correct its permissions, and ingest again."
        ) from error
    for rejects in stale:
        rejects.unlink(missing_ok=True)
    return summaries


def _first_line(error: Exception) -> str:
    return f"{str(error).splitlines()[0].rstrip('.')}."


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _input(file: Path, plan: Plan, now: datetime) -> _Input:
    name = os.fsencode(file).decode("utf-8", "replace")
    try:
        if file.is_dir():
            raise SunorecsysError(f"{name} is a folder. Name the files in it.")
        # a pipe could be read once only
        if file.exists() and not file.is_file():
            raise SunorecsysError(
                f"{name} is not a regular file. Save it as one first."
            )
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256")
            stat = os.fstat(content.fileno())
    except FileNotFoundError as error:
        raise SunorecsysError(f"{name} does not exist.") from error
    except OSError as error:
        raise SunorecsysError(
            f"{name} cannot be read: {error.strerror or error}."
        ) from error
    if not stat.st_size:
        raise SunorecsysError(f"{name} is empty.")
    if plan.mapped:
        digest.update(json.dumps(sorted(plan.mapped.items())).encode())
    modified_at = _utc(datetime.fromtimestamp(max(stat.st_mtime, 0), UTC))
    return _Input(file, name, digest.hexdigest()[:16], min(modified_at, now))


@contextmanager
def _workspace() -> Iterator[duckdb.DuckDBPyConnection]:
    with (
        tempfile.TemporaryDirectory(prefix="sunorecsys-ingest-") as folder,
        duckdb.connect(
            config={
                "memory_limit": _MEMORY,
                "threads": _THREADS,
                "temp_directory": folder,
                "preserve_insertion_order": False,
                # a name in SQL is a table, never a Python variable
                "python_enable_replacements": False,
            }
        ) as connection,
    ):
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def _sql(name: str) -> str:
    return resources.files(__name__).joinpath("checks", name).read_text("utf-8")


def _prepare(
    connection: duckdb.DuckDBPyConnection,
    plan: Plan,
    interaction_types: Sequence[str],
    now: datetime,
    landing: Path,
) -> None:
    connection.execute(_sql("macros.sql"))
    connection.execute("set variable latest = $1::timestamp", [now + _AHEAD])
    connection.execute("set variable no_time = $1::timestamp", [place.NO_TIME])
    connection.execute("set variable types = $1::varchar[]", [list(interaction_types)])
    connection.execute("create table known_songs (song_id varchar)")
    songs = [str(file) for file in sorted((landing / "songs").glob("*.parquet"))]
    if songs and plan.kind != "songs":
        connection.execute(
            "insert into known_songs select distinct song_id from read_parquet($1)",
            [songs],
        )


def _check(
    connection: duckdb.DuckDBPyConnection,
    source: _Input,
    plan: Plan,
    on_progress: OnProgress | None,
) -> None:
    """Fill the tables ``checked`` (all rows) and ``landed`` (those to be written)."""
    rows = _sql(f"rows/{plan.kind}.sql")
    into = "create or replace temp table checked as"
    for batch, share in readers.read(source.path, plan):
        connection.register("raw", batch)
        connection.execute(f"{into} {rows}")
        into = "insert into checked"
        if on_progress:
            on_progress(source.path, share)
    connection.unregister("raw")
    connection.execute(_sql(f"repeats/{plan.kind}.sql"))


def _summary(
    connection: duckdb.DuckDBPyConnection, source: _Input, plan: Plan, rejects: Path
) -> Summary:
    accepted, repeated, without_time = _row(connection, "from counts")
    (rejected,) = _row(
        connection, "select count(*) from checked where reason is not null"
    )
    reasons = connection.execute(
        """
        select reason, count(*)
        from checked
        where reason is not null
        group by reason
        order by count(*) desc, reason
        limit $1
        """,
        [_REASONS],
    ).fetchall()
    examples = connection.execute(
        """
        select position, reason, content
        from checked
        where reason is not null
        qualify row_number() over (partition by reason order by position) = 1
        order by count(*) over (partition by reason) desc, reason
        limit $1
        """,
        [_EXAMPLES],
    ).fetchall()
    return Summary(
        kind=plan.kind,
        file=source.name,
        accepted=accepted,
        repeated=repeated,
        rejected=rejected,
        without_time=without_time,
        unknown_songs=0 if plan.kind == "songs" else _learn_songs(connection),
        reasons=dict(reasons),
        examples=tuple(Example(*example) for example in examples),
        rejects=rejects if rejected else None,
    )


def _row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    # fetchone would leave the result open, and the connection busy
    (row,) = connection.execute(query).fetchall()
    return tuple(row)


def _learn_songs(connection: duckdb.DuckDBPyConnection) -> int:
    """Count the songs of ``landed`` that are not known, and know them from now on."""
    return _row(
        connection,
        """
        insert into known_songs
        select distinct song_id
        from landed
        where song_id not in (select known_songs.song_id from known_songs)
        """,
    )[0]


def _copy_of(summary: Summary, name: str) -> Summary:
    """Return the summary of a file that holds the same bytes as an earlier one."""
    rows = summary.accepted + summary.repeated
    return Summary(summary.kind, name, accepted=0, repeated=rows, rejected=0)


def _landed_export(target: Path) -> datetime | None:
    """Return when an earlier ingest says that the file was exported."""
    try:
        noted = (pq.read_schema(target).metadata or {}).get(_EXPORTED_AT)
        return datetime.fromisoformat(noted.decode()) if noted else None
    except (FileNotFoundError, pa.ArrowInvalid):
        # nothing there, or not a Parquet file: it is going to be replaced
        return None


def _land(
    connection: duckdb.DuckDBPyConnection,
    written: ExitStack,
    summary: Summary,
    target: Path,
    exported_at: datetime,
) -> None:
    if not summary.accepted:
        return
    schema = place.SCHEMAS[summary.kind]
    _write(
        connection,
        "landed",
        schema.with_metadata({_EXPORTED_AT: exported_at.isoformat()}),
        written.enter_context(place.replacing(target)),
    )


def _keep_rejects(
    connection: duckdb.DuckDBPyConnection,
    written: ExitStack,
    summary: Summary,
    target: Path,
) -> None:
    if not summary.rejected:
        return
    connection.execute("set variable kind = $1", [summary.kind])
    connection.execute("set variable file = $1", [summary.file])
    connection.execute(
        """
        create or replace temp table refused as
        select
            getvariable('kind') as kind,
            getvariable('file') as file,
            position,
            reason,
            content
        from checked
        where reason is not null
        """
    )
    _write(
        connection,
        "refused",
        place.SCHEMAS["rejects"],
        written.enter_context(place.replacing(target)),
    )


def _write(
    connection: duckdb.DuckDBPyConnection, table: str, schema: pa.Schema, file: Path
) -> None:
    """Write the rows of a table by position, a group at a time.

    A sort of the whole would need room for all lyrics at once. The file is synced to
    the disk, so that the renames at the end need no more room.
    """
    columns = ", ".join(schema.names)
    texts = [column.name for column in schema if column.type == pa.string()]
    sizes = " + ".join(f"coalesce(strlen({text}), 0)" for text in texts)
    groups = connection.execute(
        f"""
        with

        sized as (

            select position, $row_bytes + {sizes} as size from {table}

        ),

        grouped as (

            select
                position,
                sum(size) over (order by position) // $group_bytes as group_number
            from sized

        )

        select min(position), max(position)
        from grouped
        group by group_number
        order by group_number
        """,  # noqa: S608 our own names
        {"row_bytes": _ROW_BYTES, "group_bytes": _GROUP_BYTES},
    ).fetchall()
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for bounds in groups:
            rows = connection.sql(
                f"""
                select {columns}
                from {table}
                where position between $1 and $2
                order by position
                """,  # noqa: S608 our own names
                params=bounds,
            )
            writer.write_table(rows.to_arrow_table().cast(schema))
    place.sync(file)
