"""The songs that were taken down: out of every answer at once, and of the next build.

``landing/blocked/songs.parquet`` holds one row per song: song_id, blocked_at (UTC) and
the reason, if one was given.
"""

import contextlib
import fcntl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sunorecsys.errors import SunorecsysError, first_line
from sunorecsys.landing import replacing

_SCHEMA = pa.schema(
    [
        ("song_id", pa.string()),
        ("blocked_at", pa.timestamp("us")),
        ("reason", pa.string()),
    ]
)


@dataclass(frozen=True)
class Blocked:
    """When a song was taken down, UTC, and why."""

    blocked_at: datetime
    reason: str | None


def read(path: Path) -> dict[str, Blocked]:
    """Return what was taken down, by song id; nothing if there is no file.

    Raises:
        SunorecsysError: the file is damaged.
    """
    try:
        rows = pq.read_table(path, schema=_SCHEMA).to_pylist()
    except FileNotFoundError:
        return {}
    except (OSError, pa.ArrowException) as error:
        raise SunorecsysError(
            f"The list of taken down songs, {path}, cannot be read: "
            f"{first_line(error)} Restore it from a backup; "
            "landing/audit.jsonl holds what was blocked."
        ) from error
    return {row.pop("song_id"): Blocked(**row) for row in rows}


def block(
    path: Path, song_ids: Sequence[str], *, reason: str | None, now: datetime
) -> list[str]:
    """Take songs down, and return which were not down already."""
    with _changing(path) as blocked:
        new = [song for song in dict.fromkeys(song_ids) if song not in blocked]
        blocked |= {song: Blocked(now, reason) for song in new}
    return new


def unblock(path: Path, song_ids: Sequence[str]) -> list[str]:
    """Put songs back, and return which were down."""
    with _changing(path) as blocked:
        back = [song for song in dict.fromkeys(song_ids) if blocked.pop(song, None)]
    return back


@contextlib.contextmanager
def _changing(path: Path) -> Iterator[dict[str, Blocked]]:
    """Yield what is taken down, to be changed, and write it; one process at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        blocked = read(path)
        yield blocked
        rows = [
            {"song_id": song, "blocked_at": entry.blocked_at, "reason": entry.reason}
            for song, entry in sorted(blocked.items())
        ]
        with replacing(path) as aside:
            pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), aside)
