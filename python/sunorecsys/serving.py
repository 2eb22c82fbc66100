"""Answers from the current release and from what has happened since it was built.

A release never changes, so an answer is what its macros say, and on top of that:
feedback that the build had not read yet, and songs that were taken down. Python, the
command line and REST all read through here.
"""

import os
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from sunorecsys import blocklist, feedback, reader, search
from sunorecsys.errors import NoRelease, SunorecsysError, UnknownSong
from sunorecsys.feedback import Event, Journal, Receipt
from sunorecsys.project import Project
from sunorecsys.reader import Rows

# what DuckDB raises when a file that is open is cut off, overwritten or unmounted
_DAMAGED = (
    duckdb.IOException,
    duckdb.FatalException,
    duckdb.InternalException,
    duckdb.SerializationException,
    duckdb.ConnectionException,
)

# seconds until a file that could not be opened is tried again
_PATIENCE = 1.0

# inode, size and time of change of a file
_Mark = tuple[int, int, int]

# what why_not says once
_SCORE = ("recommendation_rank", "blended_score", "score_needed", "gap")

# a rule that named a song that was taken down
_GENERAL_RULES = {
    "version": "Another version of it comes first.",
    "creator": "Better songs of its creator come first.",
    "genre": "Better songs of its genre come first.",
}


def _mark(path: Path) -> _Mark | None:
    """Return what changes when a file, or where a link leads, does; None: no file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


class _Opened:
    """An open release and its cursors; closed when retired and nobody reads it."""

    def __init__(self, path: Path, mark: _Mark) -> None:
        self.mark = mark
        # what happened since; None: only the release is known
        self.journal: Journal | None = None
        self._connection = reader.connect_for_answers(path)
        self._cursors: list[duckdb.DuckDBPyConnection] = []
        # more at once would only take the processors from each other
        self._turns = threading.BoundedSemaphore(2 * (os.cpu_count() or 1))
        self._readers = 0
        self._is_retired = False
        self._lock = threading.Lock()
        (self.info,) = reader.query(self._connection, "from build_info")
        (self.settings,) = reader.query(self._connection, "from build_settings")
        self.weights: dict[str, float] = {
            row["interaction_type"]: row["weight"]
            for row in reader.query(self._connection, "from interaction_weights")
        }

    @property
    def release_id(self) -> str:
        return str(self.info["release_id"])

    def enter(self) -> bool:
        """Count a reader in, unless it is closed already."""
        with self._lock:
            if self._is_retired and self._readers == 0:
                return False
            self._readers += 1
            return True

    def leave(self) -> None:
        with self._lock:
            self._readers -= 1
            self._close_if_done()

    def retire(self) -> None:
        with self._lock:
            self._is_retired = True
            self._close_if_done()

    def _close_if_done(self) -> None:
        if self._is_retired and self._readers == 0:
            for cursor in self._cursors:
                cursor.close()
            self._cursors.clear()
            self._connection.close()

    def borrow(self) -> duckdb.DuckDBPyConnection:
        self._turns.acquire()
        try:
            with self._lock:
                if self._cursors:
                    return self._cursors.pop()
                return reader.cursor(self._connection)
        except BaseException:
            self._turns.release()
            raise

    def give_back(self, cursor: duckdb.DuckDBPyConnection) -> None:
        with self._lock:
            self._cursors.append(cursor)
        self._turns.release()


@dataclass(frozen=True)
class _Since:
    """What a listener did since the release, as the macros want it."""

    # {song_id, weight}, the newest first
    played: list[dict[str, Any]]
    # disliked or skipped
    refused: list[str]
    newest: dict[str, Event]


class Service:
    """Reads the current release, and follows it when it moves. Thread-safe."""

    def __init__(
        self,
        release: Path,
        *,
        landing: Path | None,
        user_id: str | None = None,
        project: Project | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            release: the file of a release, or the link to the current one.
            landing: where feedback and the blocklist are; None: only the release.
            user_id: the only listener that will be asked for, which is quicker.
            project: knows where CLAP is; None: songs are searched by words alone.
        """
        self._sound = search.Sound(project)
        self._release = release
        self._landing = landing
        self._user_id = user_id
        self._opened: _Opened | None = None
        # what could not be opened, and when it is tried again
        self._failed: tuple[_Mark | None, float] = (None, 0.0)
        self._reason = ""
        self._lock = threading.Lock()
        self._blocked: tuple[_Mark | None, dict[str, Any]] = (None, {})

    @classmethod
    def of(cls, project: Project, *, user_id: str | None = None) -> "Service":
        """Return a service of a project's current release."""
        return cls(
            project.current_release,
            landing=project.landing,
            user_id=user_id,
            project=project,
        )

    @contextmanager
    def view(self) -> Iterator["View"]:
        """Yield one release, and what happened since, for one answer.

        Raises:
            NoRelease: there is none that can be read.
        """
        opened = self._current()
        try:
            if opened.journal is not None:
                opened.journal.refresh()
            view = View(opened, self._sound, *self._read_blocked())
            try:
                yield view
            except _DAMAGED as error:
                self._drop(opened)
                raise reader.unreadable(self._release, error) from error
            finally:
                view.close()
        finally:
            opened.leave()

    def tell(self, events: Sequence[Mapping[str, Any]]) -> Receipt:
        """Write down what listeners did; when this returns, the disk has it.

        Args:
            events: see `sunorecsys.feedback.checked`.

        Raises:
            InvalidEvent: one of the events is wrong; none was written.
            NotStored: the disk refused; none was kept.
            NoRelease: there is no release that says which types of events there are,
                or no project to write to.
        """
        opened = self._current()
        try:
            if opened.journal is None:
                raise NoRelease(
                    "Feedback needs a project folder to be kept in; this is only the "
                    "file of a release."
                )
            now = datetime.now(UTC).replace(tzinfo=None)
            checked = feedback.checked(events, types=opened.weights, now=now)
            return opened.journal.append(checked)
        finally:
            opened.leave()

    @property
    def releases(self) -> Path:
        """The folder of the release that serves."""
        return self._release.parent

    @property
    def landing(self) -> Path | None:
        """Where feedback and the records of builds are; None: only the release."""
        return self._landing

    def close(self) -> None:
        """Close the release once nobody reads it."""
        with self._lock:
            if self._opened is not None:
                self._opened.retire()
                self._opened = None

    def _current(self) -> _Opened:
        """Return the release that serves, counted in."""
        mark = _mark(self._release)
        opened = self._opened
        if opened is not None and opened.mark == mark and opened.enter():
            return opened
        with self._lock:
            opened = self._opened
            if opened is None or opened.mark != mark:
                opened = self._reopen(opened, mark)
            if not opened.enter():
                raise NoRelease(self._reason)
            return opened

    def _reopen(self, opened: _Opened | None, mark: _Mark | None) -> _Opened:
        """Open what the link leads to now; keep what is open if that is no worse."""
        is_same_file = (
            opened is not None and mark is not None and opened.mark[0] == mark[0]
        )
        failed, again_at = self._failed
        if mark is not None and (mark != failed or time.monotonic() > again_at):
            try:
                fresh = _Opened(self._release, mark)
            except (NoRelease, duckdb.Error) as error:
                self._failed = (mark, time.monotonic() + _PATIENCE)
                if isinstance(error, duckdb.Error):
                    error = reader.unreadable(self._release, error)
                self._reason = str(error)
            else:
                # read before anybody is answered
                fresh.journal = self._follow(fresh)
                if opened is not None:
                    opened.retire()
                self._opened = fresh
                return fresh
        if opened is not None and not is_same_file:
            # deleted or replaced by something broken: what is open is still whole
            return opened
        if opened is not None:
            opened.retire()
            self._opened = None
        if mark is None:
            raise reader.missing(self._release)
        raise NoRelease(self._reason)

    def _drop(self, opened: _Opened) -> None:
        with self._lock:
            opened.retire()
            if self._opened is opened:
                self._opened = None

    def _follow(self, opened: _Opened) -> Journal | None:
        """Read feedback from where the release left off."""
        if self._landing is None:
            return None
        until, as_of = opened.info["feedback_until"], opened.info["as_of"]
        # a day more, so that a retry across a release is still known by its id
        since = (
            (min(until, as_of) - timedelta(days=1)).date()
            if until is not None
            else date.min
        )
        journal = Journal(self._landing / "feedback", since, user_id=self._user_id)
        journal.refresh()
        return journal

    def _read_blocked(self) -> tuple[dict[str, Any], int]:
        """Return what was taken down, and when the list last changed."""
        if self._landing is None:
            return {}, 0
        path = self._landing / "blocked" / "songs.parquet"
        mark = _mark(path)
        if mark != self._blocked[0]:
            self._blocked = (mark, blocklist.read(path))
        known, blocked = self._blocked
        return blocked, known[2] if known is not None else 0


class View:
    """One release and what has happened since; all of one answer comes from it."""

    def __init__(
        self,
        opened: _Opened,
        sound: search.Sound,
        blocked: Mapping[str, Any],
        blocked_at: int,
    ) -> None:
        """Hold a release that was counted in."""
        self._opened = opened
        self._sound = sound
        self._journal = opened.journal
        self._blocked = blocked
        self._blocked_at = blocked_at
        self._cursor: duckdb.DuckDBPyConnection | None = None

    @property
    def release_id(self) -> str:
        """The release that answers."""
        return self._opened.release_id

    @property
    def blocked(self) -> Collection[str]:
        """The songs that were taken down; the release may still hold them."""
        return self._blocked.keys()

    def tag(self, user_id: str | None = None) -> str:
        """Return a text that changes when an answer may."""
        parts = [self.release_id]
        if self._blocked:
            parts.append(f"b{self._blocked_at}")
        if user_id is not None and (events := self._events(user_id)):
            parts.append(f"f{len(events)}-{events[-1].received_at:%Y%m%d%H%M%S%f}")
        return ".".join(parts)

    def info(self) -> dict[str, Any]:
        """Return what the release says of itself: build_info and build_settings."""
        return self._opened.info | {"settings": self._opened.settings}

    def sql(self) -> duckdb.DuckDBPyConnection:
        """Return the connection that answers; it is busy until the view closes."""
        if self._cursor is None:
            self._cursor = self._opened.borrow()
        return self._cursor

    def close(self) -> None:
        """Give the connection back."""
        if self._cursor is not None:
            self._opened.give_back(self._cursor)
            self._cursor = None

    def recommend(self, user_id: str, n: int, exclude: Sequence[str] = ()) -> Rows:
        """Return the list of a listener, best first, at most ``n`` songs.

        Without feedback it is the list of the release; with feedback it is made anew
        by the same rules and scores, with what was played as the newest seed songs.

        Raises:
            UnknownListener: neither the release nor feedback knows them.
        """
        since = self._since(user_id)
        out = {*exclude, *self._blocked}
        if since is None and not self._has_heard_blocked(user_id):
            # a stored list is longer than what is asked, for exclusions
            rows = reader.recommend(self.sql(), user_id, 100 if out else n)
            kept = [row for row in rows if row["song_id"] not in out]
            if len(kept) >= n or len(kept) == len(rows):
                return _ranked(kept[:n])
        since = since or _Since([], [], {})
        return self._after(user_id, since, n, exclude)

    def recommend_from(
        self, song_ids: Sequence[str], n: int, exclude: Sequence[str] = ()
    ) -> tuple[Rows, list[str]]:
        """Return a list from seed songs, and which of them are unknown.

        Raises:
            UnknownSong: all of the seed songs are.
        """
        seeds = list(dict.fromkeys(song_ids))
        known = reader.known_songs(self.sql(), seeds) - self._blocked.keys()
        unknown = [song for song in seeds if song not in known]
        if seeds and not known:
            raise self._unknown_song(seeds[0])
        played = [{"song_id": song, "weight": 1.0} for song in seeds if song in known]
        return self._after(None, _Since(played, [], {}), n, exclude), unknown

    def similar(self, song_id: str, n: int, channel: str) -> Rows:
        """Return the songs most like one song.

        Raises:
            UnknownSong: the song is.
        """
        self._require_song(song_id)
        rows = reader.similar(self.sql(), song_id, n + len(self._blocked), channel)
        kept = [row for row in rows if row["song_id"] not in self._blocked][:n]
        return [row | {"similarity_rank": i + 1} for i, row in enumerate(kept)]

    def search(self, text: str, n: int, by: str | None = None) -> dict[str, Any]:
        """Return the songs that words are about, and how they were searched.

        Args:
            text: the words.
            n: how many songs.
            by: words or sound; None: sound if CLAP heard the songs, else words.

        Returns:
            text, searched_by, why (it was searched so), songs and count.

        Raises:
            UsageError: the text is empty or too long.
            SunorecsysError: it cannot be searched by sound, as was asked.
        """
        words = search.checked(text, by)
        limit = n + len(self._blocked)
        missing = None if by == "words" else self._sound.missing(self.sql())
        rows: Rows = []
        if by != "words" and missing is None:
            try:
                vector = self._sound.vector(words)
                rows = reader.sounds_like(self.sql(), vector, limit)
            except SunorecsysError as error:
                missing = str(error).partition(".")[0]
        if by == "sound" and missing is not None:
            raise SunorecsysError(
                f"Songs cannot be searched by sound: {missing}. Search by words."
            )
        if by == "words":
            searched_by, why = "words", "words were asked for"
        elif missing is not None:
            searched_by, why = "words", missing
        else:
            searched_by, why = "sound", "CLAP heard the songs"
        if searched_by == "words":
            rows = reader.search(self.sql(), words, limit)
        kept = [row for row in rows if row["song_id"] not in self._blocked][:n]
        songs = [row | {"search_rank": i + 1} for i, row in enumerate(kept)]
        return {
            "text": words,
            "searched_by": searched_by,
            "why": why,
            "songs": songs,
            "count": len(songs),
        }

    def explain(self, user_id: str, song_id: str) -> Rows:
        """Return what each song of the listener gave to the score of one song.

        Raises:
            UnknownListener: the listener is.
            UnknownSong: the song is.
        """
        self._require_song(song_id)
        since = self._since(user_id)
        if since is None and not self._has_heard_blocked(user_id):
            rows = reader.explain(self.sql(), user_id, song_id)
        else:
            played, left_out = self._arguments(since)
            rows = reader.explain_after(self.sql(), user_id, song_id, played, left_out)
        if not rows:
            raise reader.unknown_listener(user_id)
        return rows

    def why_not(self, user_id: str, song_id: str) -> dict[str, Any]:
        """Return what keeps a song out of the listener's playlist.

        The rules are the strongest first, beside the score and what it would have to
        be. What they did with it since the release comes first; all else is said of the
        playlist of the release.

        Raises:
            UnknownListener: the listener is.
            UnknownSong: the song is.
        """
        self._require_song(song_id)
        rows = reader.why_not(self.sql(), user_id, song_id)
        if not rows:
            raise reader.unknown_listener(user_id)
        for row in rows:
            if any(f"({song})" in row["detail"] for song in self._blocked):
                row["detail"] = _GENERAL_RULES[row["rule"]]
        rules = [{"rule": row["rule"], "detail": row["detail"]} for row in rows]
        since = self._since(user_id)
        if since is not None and song_id in since.newest:
            event = since.newest[song_id]
            is_disliked = event.interaction_type == "dislike"
            heard = {
                "rule": "disliked" if is_disliked else "heard",
                "detail": f"The listener {'disliked' if is_disliked else 'heard'} it "
                f"since the release was built, {event.occurred_at:%Y-%m-%d %H:%M}.",
            }
            said = ("in_playlist", "rank", "heard", "disliked")
            rules = [heard, *(one for one in rules if one["rule"] not in said)]
        score = {name: rows[0][name] for name in _SCORE}
        return {"user_id": user_id, "song_id": song_id, **score, "rules": rules}

    def reblend(self, user_id: str, weights: Mapping[str, float]) -> Rows:
        """Return the stored songs of a listener under other weights of channels.

        What was taken down, or heard or refused since the release, is left out.

        Args:
            user_id: the listener.
            weights: by channel, each 0 to 1e9; a channel without one keeps its own.

        Raises:
            UnknownListener: the release does not know them.
        """
        rows = reader.reblend(self.sql(), user_id, weights)
        if not rows:
            raise reader.unknown_listener(user_id)
        out = {*self._blocked, *(event.song_id for event in self._events(user_id))}
        kept = [row for row in rows if row["song_id"] not in out]
        before = sorted(row["previous_rank"] for row in kept)
        places = {rank: place + 1 for place, rank in enumerate(before)}
        return [
            row
            | {
                "recommendation_rank": place + 1,
                "rank_change": places[row["previous_rank"]] - place - 1,
            }
            for place, row in enumerate(kept)
        ]

    def weights(self, user_id: str) -> dict[str, float]:
        """Return what each channel weighs in the list of a listener.

        Raises:
            UnknownListener: the release does not know them.
        """
        weights = reader.weights(self.sql(), user_id)
        if not weights:
            raise reader.unknown_listener(user_id)
        return weights

    def _after(
        self, user_id: str | None, since: _Since, n: int, exclude: Sequence[str]
    ) -> Rows:
        played, left_out = self._arguments(since)
        out = set(exclude)
        rows = reader.recommend_after(
            self.sql(), user_id, played, left_out, n + len(out)
        )
        return _ranked([row for row in rows if row["song_id"] not in out][:n])

    def _arguments(
        self, since: _Since | None
    ) -> tuple[list[dict[str, Any]], list[str]]:
        refused = since.refused if since is not None else []
        left_out = sorted({*refused, *self._blocked})
        return (since.played if since is not None else []), left_out

    def _events(self, user_id: str) -> list[Event]:
        """Return what the listener did that the release does not know."""
        if self._journal is None:
            return []
        until = self._opened.info["feedback_until"]
        as_of = self._opened.info["as_of"]
        return [
            event
            for event in self._journal.events(user_id)
            if until is None or event.received_at > until or event.occurred_at >= as_of
        ]

    def _since(self, user_id: str) -> _Since | None:
        events = self._events(user_id)
        if not events:
            return None
        by_song: dict[str, list[Event]] = {}
        for event in sorted(events, key=lambda event: event.occurred_at):
            by_song.setdefault(event.song_id, []).append(event)
        newest_first = sorted(
            by_song.items(),
            key=lambda item: (item[1][-1].occurred_at, item[0]),
            reverse=True,
        )
        before = reader.heard_before(self.sql(), user_id, list(by_song))
        played, refused = [], []
        for song_id, its_events in newest_first:
            known = before.get(song_id, reader.UNHEARD)
            weight = feedback.taste(its_events, self._opened.weights)
            is_disliked = feedback.is_disliked(its_events)
            if is_disliked is None:
                is_disliked = known.is_disliked
            is_seed = weight + known.weight > 0 and not is_disliked
            if not is_seed or known.is_own_song:
                refused.append(song_id)
                continue
            # the macros add what the release counts, which is nothing for a song that
            # was disliked or weighs less than 0
            if known.is_disliked or known.weight < 0:
                weight += known.weight
            played.append({"song_id": song_id, "weight": weight})
        newest = {song_id: its_events[-1] for song_id, its_events in newest_first}
        return _Since(played, refused, newest)

    def _require_song(self, song_id: str) -> None:
        if song_id in self._blocked or not reader.known_songs(self.sql(), [song_id]):
            raise self._unknown_song(song_id)

    def _unknown_song(self, song_id: str) -> UnknownSong:
        if song_id in self._blocked:
            return UnknownSong(f"The song {song_id!r} was taken down.", [])
        return reader.unknown_song(self.sql(), song_id, self._blocked)

    def _has_heard_blocked(self, user_id: str) -> bool:
        """Whether what was taken down counts in the listener's list of the release."""
        return bool(self._blocked) and reader.has_heard(
            self.sql(), user_id, list(self._blocked)
        )


def _ranked(rows: Rows) -> Rows:
    return [row | {"rank": i + 1} for i, row in enumerate(rows)]
