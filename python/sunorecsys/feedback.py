"""What listeners did since the last build: on disk at once, and read at once.

``landing/feedback/<day>.jsonl`` holds one event per line, in the order in which they
were received; the day is that of receipt, in UTC. An event is promised to nobody
before its line is synced to the disk. A line without an end is what a killed process
left of an event that was promised to nobody: readers pass over it, and the next writer
cuts it off. Days that are over become Parquet, with the same columns.

Writers take a lock of the folder, so several processes may write; ``received_at``
never goes back, so that a build can say how far it has read.
"""

import contextlib
import fcntl
import json
import math
import os
import threading
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from io import FileIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sunorecsys.errors import InvalidEvent, NotStored, SunorecsysError, first_line
from sunorecsys.landing import replacing, sync

SCHEMA = pa.schema(
    [
        ("received_at", pa.timestamp("us")),
        ("event_id", pa.string()),
        ("user_id", pa.string()),
        ("song_id", pa.string()),
        ("interaction_type", pa.string()),
        ("occurred_at", pa.timestamp("us")),
        ("weight", pa.float64()),
    ]
)

LONGEST_ID = 512
_MOST_WEIGHT = 1e9
# clocks of phones and servers differ
_AHEAD = timedelta(minutes=5)
_EPOCH = datetime(1970, 1, 1)
# days in a row that may become Parquet while they are looked for
_PATIENCE = 100
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Event:
    """What a listener did with a song; times are naive UTC."""

    event_id: str
    user_id: str
    song_id: str
    interaction_type: str
    occurred_at: datetime
    # how many events of this type it stands for
    weight: float
    received_at: datetime = _EPOCH


@dataclass(frozen=True)
class Receipt:
    """What became of events: all of them are on disk now."""

    accepted: int
    # known already by their id
    repeated: int
    event_ids: list[str]


def checked(
    events: Iterable[Mapping[str, Any]], *, types: Iterable[str], now: datetime
) -> list[Event]:
    """Return events that are safe to write down.

    Args:
        events: user_id and song_id; interaction_type (default play), occurred_at (a
            datetime or ISO 8601, naive is UTC, default now), weight (default 1) and
            event_id (default a new one) if given.
        types: the interaction types that are known.
        now: the present, naive UTC.

    Raises:
        InvalidEvent: one is not; nothing was written.
    """
    known = sorted(types)
    return [
        _checked(position, event, known, now) for position, event in enumerate(events)
    ]


def _checked(
    position: int, event: Mapping[str, Any], types: list[str], now: datetime
) -> Event:
    def refuse(problem: str) -> InvalidEvent:
        return InvalidEvent(f"Event {position + 1}: {problem}", position)

    fields = set(Event.__slots__) - {"received_at"}
    if strange := sorted(set(event) - fields):
        raise refuse(
            f"{strange[0][:40]!r} is no field; use {', '.join(sorted(fields))}."
        )
    for name in ("user_id", "song_id", "event_id"):
        if name == "event_id" and event.get(name) is None:
            continue
        if problem := id_problem(event.get(name)):
            raise refuse(f"{name} {problem}.")
    kind = event.get("interaction_type", "play")
    if kind not in types:
        raise refuse(
            f"unknown interaction_type {str(kind)[:40]!r}; known: {', '.join(types)}."
        )
    weight = event.get("weight")
    weight = 1.0 if weight is None else weight
    if (
        isinstance(weight, bool)
        or not isinstance(weight, int | float)
        or not 0 < weight <= _MOST_WEIGHT
    ):
        raise refuse("weight is not a number above 0 and up to 1e9.")
    moment = _moment(event.get("occurred_at"), now)
    if moment is None:
        raise refuse("occurred_at is no time; write it as 2025-11-17T08:30:00Z.")
    if moment < _EPOCH:
        raise refuse("occurred_at is before 1970.")
    if moment > now + _AHEAD:
        raise refuse("occurred_at is in the future.")
    return Event(
        event_id=event.get("event_id") or str(uuid.uuid4()),
        user_id=event["user_id"],
        song_id=event["song_id"],
        interaction_type=kind,
        occurred_at=moment,
        weight=float(weight),
    )


def id_problem(value: Any) -> str | None:
    """Return what is wrong with an id, or None."""
    if not isinstance(value, str) or not value.strip():
        return "is missing"
    if len(value) > LONGEST_ID:
        return f"is longer than {LONGEST_ID} characters"
    # control characters, and halves of a character that UTF-8 has no bytes for
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        return "has control characters"
    return None


def _moment(value: Any, now: datetime) -> datetime | None:
    if value is None:
        return now
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    except OverflowError:
        return None


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the lock under which the files of a feedback folder may change."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def compact(folder: Path) -> int:
    """Turn the days that are over into Parquet, and return how many.

    The newest day stays as it is: it may not be over, and only it is written to, so
    that nobody waits for this. The caller holds the build's lock, so that nobody
    erases meanwhile. A process killed in between leaves both files of a day; readers
    know an event by its id.
    """
    over = sorted(folder.glob("*.jsonl"))[:-1]
    for path in over:
        events = _events(path.read_bytes())
        rows = [
            {name: getattr(event, name) for name in SCHEMA.names} for event in events
        ]
        with replacing(path.with_suffix(".parquet")) as aside:
            table = pa.Table.from_pylist(rows, schema=SCHEMA)
            pq.write_table(table, aside, compression="zstd")
        path.unlink()
    return len(over)


def count(path: Path) -> tuple[int, int]:
    """Return how many events a file of a day holds, and how many damaged lines."""
    content = path.read_bytes()
    events = sum(1 for _ in _events(content))
    return events, content.count(b"\n") - events


def _line(event: Event, received_at: datetime) -> bytes:
    return (
        json.dumps(
            {
                "received_at": received_at.isoformat(),
                "event_id": event.event_id,
                "user_id": event.user_id,
                "song_id": event.song_id,
                "interaction_type": event.interaction_type,
                "occurred_at": event.occurred_at.isoformat(),
                "weight": event.weight,
            },
            separators=(",", ":"),
        )
        + "\n"
    ).encode()


def _events(content: bytes, mention: bytes | None = None) -> Iterator[Event]:
    """Yield the events of whole lines, or of those that hold some bytes."""
    end = content.rfind(b"\n") + 1
    for line in content[:end].splitlines():
        if mention is not None and mention not in line:
            continue
        try:
            row = json.loads(line)
            yield Event(
                event_id=str(row["event_id"]),
                user_id=str(row["user_id"]),
                song_id=str(row["song_id"]),
                interaction_type=str(row["interaction_type"]),
                occurred_at=datetime.fromisoformat(row["occurred_at"]),
                weight=float(row["weight"]),
                received_at=datetime.fromisoformat(row["received_at"]),
            )
        except (ValueError, KeyError, TypeError):
            # a damaged disk; staging passes over it too
            continue


@dataclass
class _Known:
    """The events of a folder that were read, and how far."""

    # inode of every file there was, and how far it was read
    inodes: dict[Path, int] = field(default_factory=dict)
    offsets: dict[Path, int] = field(default_factory=dict)
    folder_changed_at: int = -1
    received_at: datetime = _EPOCH
    ids: set[str] = field(default_factory=set)
    by_user: dict[str, list[Event]] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        if event.event_id not in self.ids:
            self.ids.add(event.event_id)
            self.by_user.setdefault(event.user_id, []).append(event)
        self.received_at = max(self.received_at, event.received_at)


class _Ticket:
    """Events that wait to be written, and what became of them."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self.receipt: Receipt | None = None
        self.error: NotStored | None = None


class Journal:
    """The feedback of a folder from a day on: read as it comes, and written.

    Thread-safe. What other processes write is read with the next call of ``refresh``.
    """

    def __init__(
        self, folder: Path, since: date = date.min, *, user_id: str | None = None
    ) -> None:
        """Read nothing yet.

        Args:
            folder: ``landing/feedback``; it need not exist.
            since: files of earlier days of receipt are not read.
            user_id: read the events of this listener only, which is quicker.
        """
        self._folder = folder
        self._since = since
        self._mention = json.dumps(user_id).encode() if user_id is not None else None
        self._known = _Known()
        # of the memory and the files; the queue has its own, so that events can line
        # up while others are being synced to the disk
        self._lock = threading.Lock()
        self._queue: list[_Ticket] = []
        self._queue_lock = threading.Lock()

    def events(self, user_id: str) -> list[Event]:
        """Return the events of a listener in the order of receipt."""
        return list(self._known.by_user.get(user_id, ()))

    def all_events(self) -> Iterator[Event]:
        """Yield the events of all listeners that were read."""
        for events in self._known.by_user.values():
            yield from events

    def refresh(self) -> None:
        """Read what has come since the last call, and return at once if nothing has.

        If another thread reads or writes at this moment, that is enough.

        Raises:
            SunorecsysError: a file cannot be read.
        """
        if self._is_current() or not self._lock.acquire(blocking=False):
            return
        try:
            self._catch_up()
        finally:
            self._lock.release()

    def append(self, events: Sequence[Event]) -> Receipt:
        """Write events down; when this returns, the disk has them.

        Events that wait for the disk together are written and synced together.

        Raises:
            NotStored: the disk refused; none of the events was kept.
        """
        ticket = _Ticket(events)
        with self._queue_lock:
            self._queue.append(ticket)
        with self._lock:
            if ticket.receipt is None and ticket.error is None:
                with self._queue_lock:
                    tickets, self._queue = self._queue, []
                self._write(tickets)
        if ticket.error is not None:
            raise ticket.error
        assert ticket.receipt is not None
        return ticket.receipt

    def _write(self, tickets: Sequence[_Ticket]) -> None:
        try:
            with exclusive(self._folder):
                self._catch_up()
                fresh: dict[str, Event] = {}
                receipts = []
                for ticket in tickets:
                    new = 0
                    for event in ticket.events:
                        known = event.event_id in self._known.ids
                        if not known and event.event_id not in fresh:
                            fresh[event.event_id] = event
                            new += 1
                    receipts.append(
                        Receipt(
                            accepted=new,
                            repeated=len(ticket.events) - new,
                            event_ids=[event.event_id for event in ticket.events],
                        )
                    )
                if fresh:
                    self._append(fresh.values())
        except (OSError, SunorecsysError) as error:
            reason = str(error)
            if isinstance(error, OSError) and error.strerror:
                reason = f"{error.strerror}."
            for ticket in tickets:
                ticket.error = NotStored(
                    f"The feedback could not be stored: {reason} "
                    "Nothing was kept of it; mend that and send it again."
                )
            return
        for ticket, receipt in zip(tickets, receipts, strict=True):
            ticket.receipt = receipt

    def _append(self, events: Iterable[Event]) -> None:
        now = datetime.now(UTC).replace(tzinfo=None)
        moment = max(now, self._known.received_at + _TICK)
        path = self._folder / f"{moment:%Y-%m-%d}.jsonl"
        is_new = not path.exists()
        # each has its own moment: a build that reads while this is written knows by the
        # last one where it stopped
        lines = (_line(event, moment + i * _TICK) for i, event in enumerate(events))
        rest = memoryview(b"".join(lines))
        # without a buffer, so that nothing is written again after an error
        with path.open("ab+", buffering=0) as file:
            start = _whole_lines(file)
            try:
                while rest:
                    rest = rest[file.write(rest) :]
                os.fsync(file.fileno())
                if is_new:
                    # the name of the file, too, must survive
                    sync(self._folder)
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(start)
                raise
        # it is stored, whatever is wrong with reading; the next reader says so
        with contextlib.suppress(OSError, SunorecsysError):
            self._catch_up()

    def _is_current(self) -> bool:
        """Whether nothing has changed on disk; two looks at it."""
        known = self._known
        try:
            if self._folder.stat().st_mtime_ns != known.folder_changed_at:
                return False
            if not known.offsets:
                return True
            # lines are appended to the newest file only
            newest = max(known.offsets)
            return newest.stat().st_size == known.offsets[newest]
        except (FileNotFoundError, NotADirectoryError):
            return known.folder_changed_at == -1

    def _catch_up(self) -> None:
        """Read on where the last call stopped, or from the start if files changed.

        Raises:
            SunorecsysError: a file cannot be read.
        """
        try:
            for _ in range(_PATIENCE):
                # a day may become Parquet between looking and reading
                with contextlib.suppress(FileNotFoundError):
                    self._read_all()
                    return
            self._read_all()
        except (OSError, pa.ArrowException) as error:
            raise SunorecsysError(
                f"The feedback in {self._folder} cannot be read: "
                f"{first_line(error)} "
                '"sunorecsys doctor" names the file and the cure.'
            ) from error

    def _read_all(self) -> None:
        try:
            changed_at = self._folder.stat().st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            self._known = _Known()
            return
        known = self._known
        files = {path: path.stat() for path in self._files()}
        if any(
            path not in files
            or files[path].st_ino != inode
            or files[path].st_size < known.offsets[path]
            for path, inode in known.inodes.items()
        ):
            # compacted, erased or cut off: what was read may not be true any more
            known = _Known()
        for path, stat in files.items():
            known.inodes[path] = stat.st_ino
            if stat.st_size > known.offsets.setdefault(path, 0):
                known.offsets[path] += self._read_on(known, path)
        known.folder_changed_at = changed_at
        self._known = known

    def _files(self) -> list[Path]:
        """Return the files to read, in the order of their days."""
        found = sorted(
            path
            for ending in ("*.jsonl", "*.parquet")
            for path in self._folder.glob(ending)
            if not path.name.startswith(".")
        )
        # the newest counts in any case: it says when was the last receipt
        since = self._since.isoformat()
        return [path for path in found if path.stem >= since or path == found[-1]]

    def _read_on(self, known: _Known, path: Path) -> int:
        """Take the events behind the offset, and return how many bytes they were."""
        if path.suffix == ".parquet":
            for row in pq.read_table(path, schema=SCHEMA).to_pylist():
                known.take(Event(**row))
            return path.stat().st_size
        with path.open("rb") as file:
            file.seek(known.offsets[path])
            content = file.read()
        for event in _events(content, self._mention):
            known.take(event)
        return content.rfind(b"\n") + 1


def _whole_lines(file: FileIO) -> int:
    """Cut off what a killed writer left of a line, and return the size."""
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        return 0
    file.seek(size - 1)
    if file.read(1) == b"\n":
        return size
    # a line is far shorter than this
    start = max(size - 1_000_000, 0)
    file.seek(start)
    whole = start + file.read().rfind(b"\n") + 1
    file.truncate(whole)
    return whole


def taste(events: Sequence[Event], weights: Mapping[str, float]) -> float:
    """Return the weight that events with one song add, as a build counts them.

    For each type its weight times log2(1 + n) for n events, summed.
    """
    counts: dict[str, float] = {}
    for event in events:
        kind = event.interaction_type
        counts[kind] = counts.get(kind, 0.0) + event.weight
    return sum(
        weights.get(kind, 0.0) * math.log2(1 + count)
        for kind, count in sorted(counts.items())
    )


def is_disliked(events: Sequence[Event]) -> bool | None:
    """Whether the last word of events with one song is a dislike; None: no word."""
    words = sorted(
        (event.occurred_at, event.interaction_type == "dislike")
        for event in events
        if event.interaction_type in ("like", "save", "share", "dislike")
    )
    return words[-1][1] if words else None
