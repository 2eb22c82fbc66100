"""Erasing a listener: from landing, feedback and every release, and the proof of it.

Nothing is deleted inside a file, because the bytes would stay in it: a file that holds
something of the listener is written anew without it, aside, and takes the old one's
place in one step. So a kill at any moment leaves every file whole, and erasing again
does the rest. The proof is a search of every value that is left.

Songs that the listener made stay, under a pseudonym that says nothing of who it was.
"""

import json
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from sunorecsys import audit, feedback, release, scratch
from sunorecsys.errors import SunorecsysError, UsageError, first_line
from sunorecsys.landing import half_written, is_being_written, replacing, sync
from sunorecsys.lock import build_lock, folder_lock
from sunorecsys.project import Project
from sunorecsys.release.content import fingerprint, quoted_name
from sunorecsys.traces import (
    FREE_TEXTS,
    IDENTITIES,
    PENDING,
    OnStep,
    Search,
    Trace,
    Wanted,
    attached,
    connected,
    free_texts,
    is_refused,
    mentions,
    parquet_files,
    search,
    search_database,
    tables_of,
    work_folders,
)

# rows in memory at once; a group of rows that ingest wrote holds 32 MB at most
_BATCH = 65_536

# where ingest cuts the text of a refused row, and the first part of an id that counts
_CUT_AT = 500
_SHORTEST_PART = 8


@dataclass(frozen=True)
class Erased:
    """How many of each were removed, and the search after it."""

    removed: dict[str, int]
    proof: Search
    # the sample holds the id, which is a part of the program
    is_in_sample: bool


@dataclass(frozen=True)
class _Change:
    """What becomes of a table: rows that go, and columns that are replaced, as SQL."""

    goes: str
    replaced: dict[str, str]
    parameters: dict[str, Any]

    @property
    def selected(self) -> str:
        """What stays, in the order of the columns."""
        if not self.replaced:
            return "*"
        columns = (f"{sql} as {name}" for name, sql in self.replaced.items())
        return f"* replace ({', '.join(columns)})"

    def used(self, sql: str) -> dict[str, Any]:
        """Return the parameters that some SQL names."""
        return {
            name: value for name, value in self.parameters.items() if f"${name}" in sql
        }


def require_id(user_id: str) -> None:
    """Raise UsageError for what cannot be an id."""
    if not user_id or "\0" in user_id:
        raise UsageError("The id is empty or holds a NUL; no listener has such an id.")
    try:
        user_id.encode()
    except UnicodeEncodeError as error:
        raise UsageError("The id is no UTF-8 text.") from error


def forget(
    project: Project, user_id: str, *, on_step: OnStep = lambda *_: None
) -> Erased:
    """Erase a listener, and search everything for what is left.

    Raises:
        UsageError: this cannot be an id.
        SunorecsysError: nothing of this id is stored; a build or an ingest is running;
            a file cannot be read or written.
    """
    require_id(user_id)
    wanted = Wanted(user_id)
    with build_lock(project.root, "erasure"):
        try:
            _remove_leftovers(project)
            scratch.remove_leftovers(project)
            found = search(project, user_id, on_step=on_step)
            pending = _pending(project)
            if user_id not in pending and not any(
                _is_data(project, trace) for trace in found.traces
            ):
                _require_warehouse(project, wanted, found)
            pseudonym = pending.setdefault(user_id, f"removed-{secrets.token_hex(8)}")
            _write_pending(project, pending)
            removed = _erase(project, wanted, pseudonym, found, on_step)
            audit.record(project.landing, "forget", removed=removed)
            del pending[user_id]
            _write_pending(project, pending)
        except (OSError, duckdb.Error, pa.ArrowException) as error:
            raise SunorecsysError(
                f"The erasure stopped half way: {first_line(error)} Every "
                "file is whole. Mend the cause, and run it again to do the rest."
            ) from error
        proof = search(project, user_id, on_step=on_step)
        _require_no_ingest(project)
    return Erased(removed, proof, _is_in_sample(project, wanted))


def _require_warehouse(project: Project, wanted: Wanted, found: Search) -> None:
    """Raise if the id is unknown, unless the warehouse alone knows it."""
    in_warehouse = Search()
    with connected() as connection:
        for path in _warehouse_files(project):
            if path.suffix != ".duckdb":
                continue
            try:
                search_database(connection, path, wanted, in_warehouse)
            except duckdb.Error:
                in_warehouse.unreadable.append(path)
            in_warehouse.files += 1
    if in_warehouse.traces:
        return
    if unreadable := found.unreadable + in_warehouse.unreadable:
        raise SunorecsysError(
            f"{unreadable[0]} cannot be read, so nobody knows whom it holds. "
            "Restore it or delete it, then run this again."
        )
    files = found.files + in_warehouse.files
    raise SunorecsysError(
        f"Nothing of the id {wanted.user_id!r} is stored: {files:,} files and "
        f"{found.rows + in_warehouse.rows:,} rows were searched."
    )


def _is_in_sample(project: Project, wanted: Wanted) -> bool:
    return any(
        wanted.in_bytes.search(path.read_bytes())
        for path in (project.root / "seeds" / "sample").glob("*.csv")
    )


# --- what has begun ------------------------------------------------------------------


def _pending(project: Project) -> dict[str, str]:
    try:
        text = (project.landing / PENDING).read_text(encoding="utf-8")
        return {str(user): str(name) for user, name in json.loads(text).items()}
    except (FileNotFoundError, ValueError, AttributeError):
        return {}


def _write_pending(project: Project, pending: Mapping[str, str]) -> None:
    path = project.landing / PENDING
    if pending:
        with replacing(path) as aside:
            aside.write_text(json.dumps(pending), encoding="utf-8")
    else:
        path.unlink(missing_ok=True)
    sync(path.parent)


def _require_no_ingest(project: Project) -> None:
    """Raise if a file is being written: it may hold anybody."""
    for path in half_written(project.landing):
        if is_being_written(path):
            raise SunorecsysError(
                f"{path} is being written. Wait for the ingest to end, then try again."
            )


def _remove_leftovers(project: Project) -> None:
    """Remove what killed processes have left, which may hold anybody."""
    _require_no_ingest(project)
    for path in half_written(project.landing):
        path.unlink(missing_ok=True)
    # none of a running build: the caller holds its lock
    for path in release.half_written(project.releases):
        path.unlink(missing_ok=True)
    if project.releases.is_dir():
        with folder_lock(project.releases):
            for path in project.releases.glob(f".{release.CURRENT}-*"):
                path.unlink(missing_ok=True)


# --- the erasure ---------------------------------------------------------------------


def _erase(
    project: Project, wanted: Wanted, pseudonym: str, found: Search, on_step: OnStep
) -> dict[str, int]:
    removed: Counter[str] = Counter()
    releases = sorted(
        {trace.path for trace in found.traces if trace.path.suffix == ".duckdb"}
    )
    steps = len(releases) + 1
    on_step("Erasing from landing", 0, steps)
    removed += _erase_landing(project, wanted, pseudonym, found)
    for number, path in enumerate(releases):
        on_step(f"Rewriting {path.name}", number + 1, steps)
        if rows := _erase_release(project.releases, path, wanted, pseudonym):
            removed["releases"] += 1
            removed["release_rows"] += rows
    for path in _warehouse_files(project):
        removed["warehouse_files"] += 1
        path.unlink(missing_ok=True)
    shutil.rmtree(_spilled(project), ignore_errors=True)
    written = {trace.path for trace in found.traces if not _is_data(project, trace)}
    for path in sorted(written):
        removed["work_files"] += 1
        path.unlink(missing_ok=True)
    return dict(removed)


def _warehouse_files(project: Project) -> list[Path]:
    """Return the database of the build; it can be made again at any time."""
    found = {project.warehouse, project.warehouse.with_name(_wal(project.warehouse))}
    # also of databases that another setting has made
    found |= set((project.root / "warehouse").glob("*.duckdb*"))
    return sorted(path for path in found if path.is_file())


def _spilled(project: Project) -> Path:
    return project.warehouse.with_name(f"{project.warehouse.name}.tmp")


def _wal(path: Path) -> str:
    return f"{path.name}.wal"


def _erase_landing(
    project: Project, wanted: Wanted, pseudonym: str, found: Search
) -> Counter[str]:
    removed: Counter[str] = Counter()
    with_traces = {trace.path for trace in found.traces if _is_erasable(trace)}
    files = [path for path in parquet_files(project) if path not in found.unreadable]
    with connected() as connection:
        playlists = _playlists(
            connection,
            [path for path in files if path.parent.name == "playlists"],
            wanted,
        )
        parameters = {
            "id": wanted.user_id,
            "pseudonym": pseudonym,
            "pattern": wanted.pattern,
            "playlists": playlists,
            "parts": [
                wanted.user_id[:length]
                for length in range(_SHORTEST_PART, len(wanted.user_id))
            ],
        }
        for path in files:
            kind = path.parent.name
            if kind == "feedback":
                continue
            # these may hold a part of an id, or a playlist without its owner
            if path in with_traces or kind in ("rejects", "playlists", "blocked"):
                removed[kind] += _erase_parquet(connection, path, parameters)
        if project.feedback.is_dir():
            with feedback.exclusive(project.feedback):
                # listed anew: a day may have become Parquet meanwhile
                for path in sorted(project.feedback.glob("*.parquet")):
                    if path not in found.unreadable:
                        removed["feedback"] += _erase_parquet(
                            connection, path, parameters
                        )
                for path in sorted(project.feedback.glob("*.jsonl")):
                    removed["feedback"] += _erase_lines(path, wanted)
    removed["reasons"] += audit.withdraw_reasons(project.landing, wanted.in_bytes)
    return +removed


def _is_erasable(trace: Trace) -> bool:
    return trace.column in IDENTITIES or trace.column in free_texts(trace.path)


def _is_data(project: Project, trace: Trace) -> bool:
    """Whether this is in the data, not a word in what dbt has written."""
    return not any(
        trace.path.is_relative_to(folder) for folder in work_folders(project)
    )


def _playlists(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], wanted: Wanted
) -> list[str]:
    """Return the playlists that a listener owns, by any of their exports."""
    owned: set[str] = set()
    for path in files:
        with pq.ParquetFile(path) as file:
            owners = {"owner_id", "owner_handle"} & set(file.schema_arrow.names)
            if not owners or "playlist_id" not in file.schema_arrow.names:
                continue
            is_theirs = " or ".join(f"cast({name} as varchar) = $1" for name in owners)
            for batch in file.iter_batches(_BATCH, columns=["playlist_id", *owners]):
                connection.register("batch", batch)
                rows = connection.execute(
                    "select distinct cast(playlist_id as varchar) from batch "  # noqa: S608
                    f"where playlist_id is not null and ({is_theirs})",
                    [wanted.user_id],
                ).fetchall()
                owned |= {row[0] for row in rows}
    return sorted(owned)


def _change(
    columns: Iterable[str],
    parameters: dict[str, Any],
    *,
    refused: bool = False,
    blocked: bool = False,
) -> _Change | None:
    """Return what becomes of a table with these columns; None: nothing."""
    names = set(columns)
    goes = [
        f"cast({name} as varchar) = $id"
        for name in ("user_id", "owner_id", "owner_handle")
        if name in names
    ]
    if names & {"owner_id", "owner_handle"} and "playlist_id" in names:
        goes.append("list_contains($playlists, cast(playlist_id as varchar))")
    if refused:
        goes += [
            f"regexp_matches({name}, $pattern)" for name in FREE_TEXTS if name in names
        ]
        if "content" in names:
            goes.append(
                f"length(content) >= {_CUT_AT} and len(list_filter("
                "$parts, lambda part: ends_with(content, part))) > 0"
            )
    is_theirs = [
        f"coalesce(cast({name} as varchar) = $id, false)"
        for name in ("creator_id", "creator_name")
        if name in names
    ]
    replaced = {}
    if "creator_id" in names:
        replaced["creator_id"] = (
            "case when cast(creator_id as varchar) = $id then $pseudonym "
            "else creator_id end"
        )
    if "creator_name" in names:
        replaced["creator_name"] = (
            f"case when not ({' or '.join(is_theirs)}) then creator_name end"
        )
    if blocked:
        # the song stays down, and why is not said any more
        replaced["reason"] = (
            "case when not coalesce(regexp_matches(reason, $pattern), false) "
            "then reason end"
        )
    if not goes and not replaced:
        return None
    return _Change(
        goes=" or ".join(f"coalesce({sql}, false)" for sql in goes) or "false",
        replaced=replaced,
        parameters=parameters,
    )


def _changes(
    connection: duckdb.DuckDBPyConnection, relation: str, change: _Change
) -> int:
    """Return how many rows of a relation go or are replaced."""
    touched = " or ".join(
        [
            change.goes,
            *(
                f"{name} is distinct from {sql}"
                for name, sql in change.replaced.items()
            ),
        ]
    )
    query = f"select count(*) filter ({touched}) from {relation}"  # noqa: S608
    ((rows,),) = connection.execute(query, change.used(query)).fetchall()
    return int(rows)


def _erase_parquet(
    connection: duckdb.DuckDBPyConnection, path: Path, parameters: dict[str, Any]
) -> int:
    """Write a file anew without the listener, and return how many rows differ."""
    # the file itself, should this be a link
    path = path.resolve()
    times = path.stat()
    touched = 0
    with pq.ParquetFile(path) as source:
        schema = source.schema_arrow
        change = _change(
            schema.names,
            parameters,
            refused=is_refused(path),
            blocked=path.parent.name == "blocked",
        )
        if change is None:
            return 0
        query = f"select {change.selected} from batch where not ({change.goes})"  # noqa: S608
        try:
            with replacing(path) as aside:
                with pq.ParquetWriter(aside, schema, compression="zstd") as writer:
                    for group in range(source.num_row_groups):
                        for batch in source.iter_batches(_BATCH, row_groups=[group]):
                            connection.register("batch", batch)
                            touched += _changes(connection, "batch", change)
                            kept = connection.sql(query, params=change.used(query))
                            writer.write_table(kept.to_arrow_table().cast(schema))
                if not touched:
                    raise _NothingToErase
                # what is newest, and what is older than what, stays as it was
                os.utime(aside, ns=(times.st_atime_ns, times.st_mtime_ns))
        except _NothingToErase:
            return 0
        finally:
            connection.unregister("batch")
    return touched


class _NothingToErase(Exception):
    """A file holds nothing of the listener, and stays as it is."""


def _erase_lines(path: Path, wanted: Wanted) -> int:
    """Write feedback anew without the events of a listener, and count them.

    The caller holds the lock of the folder, so a line without an end is what a killed
    writer left; it is dropped.
    """
    path = path.resolve()
    times = path.stat()
    gone = 0
    try:
        with replacing(path) as aside:
            with path.open("rb") as lines, aside.open("wb") as kept:
                for line in lines:
                    if not line.endswith(b"\n") or _is_of(line, wanted):
                        gone += 1
                    else:
                        kept.write(line)
            if not gone:
                raise _NothingToErase
            os.utime(aside, ns=(times.st_atime_ns, times.st_mtime_ns))
    except _NothingToErase:
        return 0
    return gone


def _is_of(line: bytes, wanted: Wanted) -> bool:
    if not mentions(line, wanted):
        return False
    try:
        return bool(json.loads(line)["user_id"] == wanted.user_id)
    except (ValueError, KeyError, TypeError, RecursionError):
        # damaged, and it holds the id
        return True


# --- releases ------------------------------------------------------------------------


def _erase_release(folder: Path, path: Path, wanted: Wanted, pseudonym: str) -> int:
    """Write a release anew without the listener, and return how many rows differ.

    It gets the name of its new content. If it serves, the new one serves before the
    old one is removed.
    """
    times = path.stat()
    aside = folder / f"{release.BUILDING}{os.getpid()}.duckdb"
    parameters = {"id": wanted.user_id, "pseudonym": pseudonym, "playlists": []}
    try:
        with connected() as connection, attached(connection, path, "old"):
            changes, touched = _plan_release(connection, parameters)
            if not touched:
                return 0
            aside.unlink(missing_ok=True)
            connection.execute(
                f"attach {release.quoted(str(aside))} as fresh "
                f"(storage_version {release.quoted(release.STORAGE_VERSION)})"
            )
            release_id = _copy_release(connection, path, changes)
            connection.execute("detach fresh")
        with duckdb.connect(str(aside), read_only=True) as written:
            if _is_ours(written, "build_info"):
                release.check(written)
        os.utime(aside, ns=(times.st_atime_ns, times.st_mtime_ns))
        sync(aside)
        target = folder / f"{release_id}.duckdb"
        # a rollback at the same moment comes before or after
        with folder_lock(folder):
            aside.replace(target)
            sync(folder)
            if (folder / release.CURRENT).resolve() == path.resolve():
                release.point_current(folder, target)
            if target != path:
                path.unlink()
            sync(folder)
    finally:
        aside.unlink(missing_ok=True)
        aside.with_name(_wal(aside)).unlink(missing_ok=True)
    return touched


def _plan_release(
    connection: duckdb.DuckDBPyConnection, parameters: dict[str, Any]
) -> tuple[dict[str, _Change | None], int]:
    changes: dict[str, _Change | None] = {}
    touched = 0
    for table, columns in tables_of(connection, "old").items():
        changes[table] = _change(columns, parameters)
        if (change := changes[table]) is not None:
            touched += _changes(connection, f"old.{table}", change)
    return changes, touched


def _is_ours(connection: duckdb.DuckDBPyConnection, build_info: str) -> bool:
    ((version,),) = connection.execute(
        f"select schema_version from {build_info}"  # noqa: S608
    ).fetchall()
    return bool(version == release.SCHEMA_VERSION)


def _copy_release(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    changes: Mapping[str, _Change | None],
) -> str:
    """Copy a release as ``fresh``, changed, and return the name of its content."""
    # tables in their order, and the macros that this release has
    connection.execute("copy from database old to fresh (schema)")
    for table, change in changes.items():
        if change is None:
            connection.execute(f"insert into fresh.{table} from old.{table}")
            continue
        query = (
            f"insert into fresh.{table} select {change.selected} "  # noqa: S608
            f"from old.{table} where not ({change.goes})"
        )
        connection.execute(query, change.used(query))
    ((as_of, before),) = connection.execute(
        "select as_of, content_hashes from old.build_info"
    ).fetchall()
    counts, hashes = {}, {}
    for name in before:
        table = f"{quoted_name('main')}.{quoted_name(name)}"
        counts[name], hashes[name] = fingerprint(connection, f"fresh.{table}")
        is_copy = changes.get(table) is None
        if (
            is_copy
            and hashes[name] != before[name]
            and _is_ours(connection, "old.build_info")
        ):
            raise SunorecsysError(
                f"The release {path.name} is damaged: its table {name} is not what the "
                f"build wrote. Delete {path}, then run this again."
            )
    release_id = release.name_of(as_of, hashes)
    connection.execute(
        """
        update fresh.build_info
        set
            release_id = $release_id,
            row_counts = cast($counts as map(varchar, bigint)),
            content_hashes = cast($hashes as map(varchar, varchar))
        """,
        {"release_id": release_id, "counts": counts, "hashes": hashes},
    )
    return release_id


__all__: Sequence[str] = ("Erased", "forget", "require_id")
