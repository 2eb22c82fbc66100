"""The landing folder: the only state that must be kept.

``landing/<kind>/*.parquet`` holds what was ingested, one file per source file,
and ``landing/rejects/*.parquet`` the rows that were refused. Files are written
aside and renamed, so a reader sees a whole file or none.
"""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

KINDS = ("songs", "interactions", "playlists")

# Events whose source has no time get this one, and are reported.
NO_TIME = "1970-01-01 00:00:00"

_TIME = pa.timestamp("us")

SCHEMAS: dict[str, pa.Schema] = {
    "songs": pa.schema(
        [
            ("song_id", pa.string()),
            ("title", pa.string()),
            ("creator_id", pa.string()),
            ("creator_name", pa.string()),
            ("created_at", _TIME),
            ("duration_seconds", pa.float64()),
            # comma-separated, as exported
            ("tags", pa.string()),
            ("display_tags", pa.string()),
            ("prompt", pa.string()),
            ("model_version", pa.string()),
            ("audio_url", pa.string()),
            ("image_url", pa.string()),
            ("is_remix", pa.bool_()),
            ("is_hidden", pa.bool_()),
            ("play_count", pa.int64()),
            ("upvote_count", pa.int64()),
            ("comment_count", pa.int64()),
            # when the counts were true: the newest export of a song wins
            ("exported_at", _TIME),
        ]
    ),
    "interactions": pa.schema(
        [
            ("event_id", pa.string()),
            ("user_id", pa.string()),
            ("song_id", pa.string()),
            ("interaction_type", pa.string()),
            ("occurred_at", _TIME),
            # how many events of this type the row stands for
            ("weight", pa.float64()),
        ]
    ),
    # one row per song of a playlist
    "playlists": pa.schema(
        [
            ("playlist_id", pa.string()),
            ("owner_id", pa.string()),
            ("owner_handle", pa.string()),
            ("song_position", pa.int32()),
            ("song_id", pa.string()),
            ("exported_at", _TIME),
        ]
    ),
    # one row per song and signal
    "quality": pa.schema(
        [
            ("song_id", pa.string()),
            ("signal", pa.string()),
            ("score", pa.float64()),
            ("exported_at", _TIME),
        ]
    ),
    "rejects": pa.schema(
        [
            ("kind", pa.string()),
            ("file", pa.string()),
            # line of a text file, item of a JSON list, row of a Parquet file, from 1
            ("position", pa.int64()),
            ("reason", pa.string()),
            # the row as read, cut at 500 characters
            ("content", pa.string()),
        ]
    ),
}


def sync(path: Path) -> None:
    """Return when the disk has what was written to a file, or the names of a folder."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary path that becomes ``target`` if the block succeeds.

    The temporary file lies in the same folder under a name that starts with a dot
    and does not end in ``.parquet``; it is synced to disk before the rename and
    removed if the block raises. It is locked meanwhile, so that what a killed process
    left behind can be told from what is being written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    aside = Path(name)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield aside
        sync(aside)
        aside.chmod(0o644)
        aside.replace(target)
        sync(target.parent)
    finally:
        aside.unlink(missing_ok=True)
        os.close(handle)


def half_written(folder: Path) -> list[Path]:
    """Return the files that ``replacing`` is writing below a folder, or has left."""
    # DuckDB writes beside a file that is there already
    names = (".*.parquet-*", ".*.json*-*", "tmp_.*.parquet-*")
    return sorted(path for name in names for path in folder.rglob(name))


def is_being_written(path: Path) -> bool:
    """Whether a process is in ``replacing`` with this temporary file."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
