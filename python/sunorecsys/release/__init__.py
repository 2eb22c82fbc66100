"""Publishing: the tables of a build, copied into one file that readers open.

Readers never open the warehouse, because DuckDB locks it while dbt writes. A release
is written aside, checked, and becomes the current one when the link
``releases/current.duckdb`` moves, in one atomic step. Whatever fails before leaves the
last release serving.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import metadata, resources
from itertools import takewhile
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from sunorecsys.errors import SunorecsysError
from sunorecsys.landing import replacing, sync
from sunorecsys.lock import folder_lock
from sunorecsys.release.content import fingerprint, quoted_name

SCHEMA_VERSION = 6
CURRENT = "current.duckdb"

# DuckDB 1.x cannot open what DuckDB 2 writes by default.
STORAGE_VERSION = "v1.0.0"
BUILDING = ".building-"

# later macros call earlier ones
_MACROS = (
    "als_solve",
    "listener_seeds",
    "listener_candidates",
    "recommend",
    "recommend_after",
    "recommend_from",
    "similar",
    "search",
    "sounds_like",
    "explain_after",
    "explain",
    "why_not",
    "reblend",
    "playlist",
)

# what is data for the weeks to come, by its folder in landing
_KEPT_WEEKLY = {"monitoring": "score_histograms", "served": "discover_weekly"}

_RESULT = pa.schema(
    [
        ("release_id", pa.string()),
        ("is_published", pa.bool_()),
        ("message", pa.string()),
    ]
)


@dataclass(frozen=True)
class Invocation:
    """How dbt was called: only a whole build publishes."""

    command: str
    selection: tuple[str, ...] = ()
    is_empty: bool = False

    @classmethod
    def current(cls) -> "Invocation":
        """Return the running invocation of dbt."""
        from dbt.flags import get_flags

        flags = get_flags()  # type: ignore[no-untyped-call]
        given = (
            *(getattr(flags, "SELECT", None) or ()),
            *(getattr(flags, "EXCLUDE", None) or ()),
            *(getattr(flags, "RESOURCE_TYPES", None) or ()),
            # unit tests bring rows of their own, and say nothing of the data
            *sorted(
                set(getattr(flags, "EXCLUDE_RESOURCE_TYPES", None) or ())
                - {"unit_test"}
            ),
        )
        selector = getattr(flags, "SELECTOR", None)
        return cls(
            command=str(getattr(flags, "WHICH", "")),
            selection=(*map(str, given), *([str(selector)] if selector else [])),
            is_empty=bool(
                getattr(flags, "EMPTY", False) or getattr(flags, "SAMPLE", None)
            ),
        )

    def refusal(self) -> str | None:
        """Return why this invocation must not publish, or None."""
        if self.command != "build":
            return f"this was `dbt {self.command}`, which runs no tests of its own"
        if self.selection:
            return f"only a part was built ({' '.join(self.selection)})"
        if self.is_empty:
            return "only a part of the rows was built"
        return None


def publish(
    session: duckdb.DuckDBPyConnection,
    tables: Mapping[str, duckdb.DuckDBPyRelation],
    measured: Mapping[str, duckdb.DuckDBPyRelation],
    clock: duckdb.DuckDBPyRelation,
    feedback: duckdb.DuckDBPyRelation,
    *,
    releases: str,
    kept: int,
    invocation: Invocation | None = None,
) -> pa.Table:
    """Copy tables into a new release and make it the current one.

    Args:
        session: the connection of the build.
        tables: what the release holds, by the name it has there.
        measured: what it holds beside that and is not named after, because two builds
            of the same data differ in it.
        clock: one row with as_of, week_start and source.
        feedback: what was read of it, with received_at.
        releases: the folder of releases.
        kept: how many releases stay; the current one always does.
        invocation: how dbt was called; None: the running one.

    Returns:
        One row: release_id, is_published and a message for people.

    Raises:
        SunorecsysError: the release could not be written; the last one still serves.
    """
    invocation = invocation or Invocation.current()
    folder = Path(releases)
    columns = clock.columns
    now = dict(zip(columns, clock.fetchall()[0], strict=True))
    now["feedback_until"] = feedback.max("received_at").fetchall()[0][0]
    cure = "Run a whole `dbt build` to publish."
    refusal = invocation.refusal()
    if refusal is None and _sample_over_landing(folder, now["source"]):
        refusal = "a release of the sample does not replace one of your own data"
        cure = f"To publish the sample, move the releases out of {folder} first."
    if refusal:
        return _result(
            None,
            f"Nothing was published: {refusal}. The last release still serves. {cure}",
        )
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f"{BUILDING}{os.getpid()}.duckdb"
    try:
        hashes, counts = _copy(session, tables, measured, aside)
        release_id = name_of(now["as_of"], hashes)
        _finish(aside, release_id, now, hashes, counts)
        if now["source"] == "landing":
            _keep_week(aside, now["week_start"])
        target = folder / f"{release_id}.duckdb"
        sync(aside)
        # a rollback at the same moment comes before or after
        with folder_lock(folder):
            aside.replace(target)
            point_current(folder, target)
    except (duckdb.Error, OSError) as error:
        raise SunorecsysError(
            f"The release could not be written: {error}. The last release still "
            "serves. Free space or mend the cause, then build again."
        ) from error
    finally:
        aside.unlink(missing_ok=True)
        aside.with_name(f"{aside.name}.wal").unlink(missing_ok=True)
    with folder_lock(folder):
        _prune(folder, kept)
    return _result(release_id, f"Published release {release_id} to {folder}.")


def _result(release_id: str | None, message: str) -> pa.Table:
    # dbt shows no output of a Python model but what it prints itself
    print(message, file=sys.stderr, flush=True)
    row = {
        "release_id": release_id,
        "is_published": release_id is not None,
        "message": message,
    }
    return pa.Table.from_pylist([row], schema=_RESULT)


def _sample_over_landing(folder: Path, source: str) -> bool:
    if source == "landing":
        return False
    try:
        with duckdb.connect(str(folder / CURRENT), read_only=True) as current:
            row = current.execute("select source from build_info").fetchone()
    except duckdb.Error:
        return False
    return row is not None and row[0] == "landing"


def quoted(text: str) -> str:
    """Return a text as a literal of SQL, where SQL takes no parameter."""
    return "'" + text.replace("'", "''") + "'"


def _copy(
    session: duckdb.DuckDBPyConnection,
    tables: Mapping[str, duckdb.DuckDBPyRelation],
    measured: Mapping[str, duckdb.DuckDBPyRelation],
    path: Path,
) -> tuple[dict[str, str], dict[str, int]]:
    """Copy tables, and return hashes and counts, but for what was measured."""
    path.unlink(missing_ok=True)
    # a transaction of its own: one may write to one database only
    cursor = session.cursor()
    cursor.execute(
        f"attach {quoted(str(path))} as published "
        f"(storage_version {quoted(STORAGE_VERSION)})"
    )
    try:
        for name, relation in {**tables, **measured}.items():
            # rows of one listener or song lie together, so a lookup reads one block
            order = ", ".join(f'"{column}"' for column in _sort_columns(relation))
            cursor.execute(
                f"create table published.main.{name} as "
                f"from ({relation.sql_query()}) order by {order}"
            )
    finally:
        cursor.execute("detach published")
        cursor.close()
    hashes, counts = {}, {}
    # the session of a build does not preserve the order of rows
    with duckdb.connect(str(path), read_only=True) as written:
        for name in tables:
            counts[name], hashes[name] = fingerprint(written, quoted_name(name))
    return hashes, counts


def _sort_columns(relation: duckdb.DuckDBPyRelation) -> list[str]:
    sortable = [
        name
        for name, type_ in zip(relation.columns, relation.types, strict=True)
        if "[" not in str(type_)
    ]
    # enough for every key, so that there is one order; long texts stand behind them
    return sortable[:8] or relation.columns[:1]


def macro_sql() -> list[str]:
    """Return the statements that create the macros of a release, in order."""
    folder = resources.files("sunorecsys.release") / "macros"
    return [(folder / f"{name}.sql").read_text(encoding="utf-8") for name in _MACROS]


def _create_macros(release: duckdb.DuckDBPyConnection) -> None:
    """Create the macros, each with the comment above its SQL as its description."""
    for name, statement in zip(_MACROS, macro_sql(), strict=True):
        release.execute(statement)
        lines = takewhile(lambda line: line.startswith("--"), statement.splitlines())
        text = "\n".join(line.removeprefix("--").strip() for line in lines)
        release.execute(f'comment on macro table "{name}" is {quoted(text)}')


def name_of(as_of: datetime, hashes: Mapping[str, str]) -> str:
    """Return a name that the same content always has."""
    parts = [f"{name}={value}" for name, value in sorted(hashes.items())]
    parts.extend(macro_sql())
    digest = duckdb.execute("select md5(?)", ["\n".join(parts)]).fetchall()[0][0]
    return f"{as_of:%Y-%m-%d}-{digest[:8]}"


def _git_commit() -> str | None:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _finish(
    path: Path,
    release_id: str,
    now: Mapping[str, Any],
    hashes: Mapping[str, str],
    counts: Mapping[str, int],
) -> None:
    """Add build_info and the macros, and check the file by calling each of them."""
    versions = {
        name: metadata.version(name)
        for name in ("sunorecsys", "dbt-core", "dbt-duckdb", "duckdb", "implicit")
    }
    with duckdb.connect(str(path)) as release:
        release.execute(
            """
            create table build_info as
            select
                cast($release_id as varchar) as release_id,
                cast($schema_version as integer) as schema_version,
                cast($built_at as timestamp) as built_at,
                cast($as_of as timestamp) as as_of,
                cast($week_start as date) as week_start,
                cast($source as varchar) as source,
                cast($feedback_until as timestamp) as feedback_until,
                cast($git_commit as varchar) as git_commit,
                cast($versions as map(varchar, varchar)) as versions,
                cast($row_counts as map(varchar, bigint)) as row_counts,
                cast($content_hashes as map(varchar, varchar)) as content_hashes
            """,
            {
                "release_id": release_id,
                "schema_version": SCHEMA_VERSION,
                "built_at": datetime.now(UTC).replace(tzinfo=None),
                "as_of": now["as_of"],
                "week_start": now["week_start"],
                "source": now["source"],
                "feedback_until": now["feedback_until"],
                "git_commit": _git_commit(),
                "versions": versions,
                "row_counts": dict(counts),
                "content_hashes": dict(hashes),
            },
        )
        _create_macros(release)
    with duckdb.connect(str(path), read_only=True) as release:
        check(release)


def check(release: duckdb.DuckDBPyConnection) -> None:
    """Call every macro of a release once; raise duckdb.Error where one fails."""
    user = release.execute("select min(user_id) from listeners").fetchall()[0][0]
    song = release.execute("select min(song_id) from songs").fetchall()[0][0]
    release.execute("from recommend($1)", [user]).fetchall()
    release.execute("from recommend_from([$1])", [song]).fetchall()
    release.execute("from similar($1)", [song]).fetchall()
    release.execute("from search('dreamy synthwave')").fetchall()
    heard = "select any_value(embedding) from audio_embeddings"
    release.execute(f"from sounds_like(({heard}))").fetchall()
    release.execute("from explain($1, $2)", [user, song]).fetchall()
    release.execute("from why_not($1, $2)", [user, song]).fetchall()
    release.execute("from reblend($1, quality := 0.5)", [user]).fetchall()
    release.execute("from playlist($1)", [user]).fetchall()
    played = [[{"song_id": song, "weight": 1.0}], [song]]
    release.execute("from recommend_after($1, $2, $3, 3)", [user, *played]).fetchall()
    release.execute(
        "from explain_after($1, $2, $3, $4)", [user, song, *played]
    ).fetchall()


def _keep_week(path: Path, week_start: date) -> None:
    """Keep this week's lists and what they are compared with in landing."""
    for folder, table in _KEPT_WEEKLY.items():
        target = Path("landing") / folder / f"week={week_start:%Y-%m-%d}.parquet"
        with (
            replacing(target) as aside,
            duckdb.connect(str(path), read_only=True) as release,
        ):
            release.execute(
                f"copy (select * from {table} where week_start = $week "  # noqa: S608
                f"order by all) to {quoted(str(aside))} "
                "(format parquet, compression zstd)",
                {"week": week_start},
            )


def point_current(folder: Path, target: Path) -> None:
    """Let a release serve, in one atomic step; the caller holds the folder's lock."""
    link = folder / f".{CURRENT}-{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(target.name)
    link.replace(folder / CURRENT)
    sync(folder)


def files(folder: Path) -> list[Path]:
    """Return the release files of a folder, the newest first."""
    found = [
        path
        for path in folder.glob("*.duckdb")
        if path.name != CURRENT
        and not path.is_symlink()
        and not path.name.startswith(".")
    ]
    return sorted(found, key=lambda path: (_modified(path), path.name))[::-1]


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        # a build removed it a moment ago
        return 0.0


def half_written(folder: Path) -> list[Path]:
    """Return the releases that a running build writes or a killed one left."""
    return sorted(folder.glob(f"{BUILDING}*"))


def _prune(folder: Path, kept: int) -> None:
    """Remove all but the newest releases, and what killed builds left behind.

    What serves always stays, also if a rollback made an old release serve. The caller
    holds the folder's lock, so that no rollback chooses what this removes.
    """
    current = (folder / CURRENT).resolve()
    old = files(folder)[max(kept, 1) :]
    _remove(path for path in old if path.resolve() != current)
    _remove(half_written(folder))
    _remove(folder.glob(f".{CURRENT}-*"))


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


__all__: Sequence[str] = (
    "BUILDING",
    "CURRENT",
    "SCHEMA_VERSION",
    "STORAGE_VERSION",
    "Invocation",
    "check",
    "files",
    "half_written",
    "macro_sql",
    "name_of",
    "point_current",
    "publish",
    "quoted",
)
