"""What the pages show: rows of the release, put together for people."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from sunorecsys import builds, reader, release
from sunorecsys.errors import SunorecsysError
from sunorecsys.reader import CHANNELS, Rows
from sunorecsys.serving import Service, View

# songs of a listener that an explanation names; the others are summed up
_MOST_SEEDS = 8

# builds of which the operator's page tells
_MOST_BUILDS = 12


@cache
def _sql(name: str) -> str:
    file = resources.files("sunorecsys.pages") / "sql" / f"{name}.sql"
    return file.read_text(encoding="utf-8")


def _query(view: View, name: str, *values: Any) -> Rows:
    return reader.query(view.sql(), _sql(name), values)


def find_listeners(view: View, text: str, n: int) -> Rows:
    """Return listeners whose id holds a text; the most active ones without a text."""
    return _query(view, "find_listeners", text, n)


def find_songs(view: View, text: str, n: int) -> Rows:
    """Return songs that hold words of a text, the best first, as `cards` do."""
    if not text.strip():
        return []
    found = view.search(text, n, by="words")["songs"]
    return _in_order([row["song_id"] for row in found], view)


def cards(view: View, song_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return what a list shows of songs, by id, without hidden and blocked ones."""
    asked = [song for song in song_ids if song not in view.blocked]
    return {row["song_id"]: row for row in _query(view, "cards", asked)}


def _in_order(song_ids: Sequence[str], view: View) -> Rows:
    known = cards(view, song_ids)
    return [known[song] for song in song_ids if song in known]


def with_cards(view: View, rows: Rows) -> Rows:
    """Return rows of songs with what a list shows of them."""
    known = cards(view, [row["song_id"] for row in rows])
    return [row | known[row["song_id"]] for row in rows if row["song_id"] in known]


@dataclass(frozen=True)
class Playlist:
    """A listener's list of a week, and how it differs from the list before."""

    week: date
    # the newest first
    weeks: list[date]
    is_newest: bool
    songs: Rows
    # None: there is no list before
    before: date | None
    # songs of the list before that left
    left: Rows

    @property
    def new_count(self) -> int:
        """How many songs the list before does not have."""
        return sum(song["was"] is None for song in self.songs)

    @property
    def minutes(self) -> int:
        """How long the songs take whose length is known."""
        return round(sum(song["duration_seconds"] or 0 for song in self.songs) / 60)


def playlist(view: View, user_id: str, week: date | None) -> Playlist:
    """Return a listener's list: the newest as it is now, or that of an earlier week.

    Raises:
        UnknownListener: neither the release nor feedback knows them.
    """
    info = view.info()
    newest: date = info["week_start"]
    n = info["settings"]["playlist_length"]
    weeks = [row["week_start"] for row in _query(view, "weeks", user_id)]
    asked = week if week is not None and week in weeks else newest
    earlier = [one for one in weeks if one < asked]
    if asked == newest:
        songs = view.recommend(user_id, n)
    else:
        songs = _past(view, user_id, asked)
    before = _past(view, user_id, earlier[0]) if earlier else []
    was = {row["song_id"]: row["rank"] for row in before}
    songs = [row | {"was": was.get(row["song_id"])} for row in songs]
    kept = {row["song_id"] for row in songs}
    return Playlist(
        asked,
        weeks,
        asked == newest,
        with_cards(view, songs),
        earlier[0] if earlier else None,
        with_cards(view, [row for row in before if row["song_id"] not in kept]),
    )


def _past(view: View, user_id: str, week: date) -> Rows:
    rows = reader.query(view.sql(), "from playlist($1, week := $2)", [user_id, week])
    return [
        {"song_id": row["song_id"], "rank": row["playlist_rank"]}
        | {"reason": row["reason"], "channel_scores": None}
        for row in rows
    ]


@dataclass(frozen=True)
class Reasons:
    """Where the score of a song comes from; all amounts add up to it."""

    score: float
    # title, song_id and channel_scores of the songs that gave most
    seeds: Rows
    # how many other songs gave something, and what
    other_count: int
    other_scores: dict[str, float]
    quality: float
    # all of it by channel
    channel_scores: dict[str, float]


def reasons(view: View, user_id: str, song_id: str) -> Reasons:
    """Return what each song of a listener gave to the score of one song.

    Raises:
        UnknownListener: the listener is.
        UnknownSong: the song is.
    """
    rows = view.explain(user_id, song_id)
    by_seed: dict[str, dict[str, float]] = {}
    titles: dict[str, str] = {}
    for row in rows:
        if row["seed_song_id"] is not None:
            seed = by_seed.setdefault(row["seed_song_id"], dict.fromkeys(CHANNELS, 0.0))
            seed[row["channel"]] += row["contribution"]
            titles[row["seed_song_id"]] = row["seed_title"]
    order = sorted(by_seed, key=lambda seed: (-_total(by_seed[seed]), seed))
    shown = [seed for seed in order[:_MOST_SEEDS] if seed not in view.blocked]
    others = [by_seed[seed] for seed in order if seed not in shown]
    return Reasons(
        _fsum(row["contribution"] for row in rows),
        [
            {"song_id": seed, "title": titles[seed], "channel_scores": by_seed[seed]}
            for seed in shown
        ],
        len(others),
        {name: _fsum(other[name] for other in others) for name in CHANNELS},
        _of_channel(rows, "quality"),
        {name: _of_channel(rows, name) for name in CHANNELS},
    )


def _fsum(values: Any) -> float:
    return math.fsum(values)


def _total(scores: Mapping[str, float]) -> float:
    return math.fsum(scores.values())


def _of_channel(rows: Rows, channel: str) -> float:
    return _fsum(row["contribution"] for row in rows if row["channel"] == channel)


def song(view: View, song_id: str) -> dict[str, Any]:
    """Return what is known of a song, and in how many lists it stood.

    Raises:
        UnknownSong: the song is unknown, hidden or taken down.
    """
    found = [] if song_id in view.blocked else _query(view, "song", song_id)
    if not found:
        raise reader.unknown_song(view.sql(), song_id, view.blocked)
    return found[0] | {"served": _query(view, "served", song_id)}


def similar(view: View, song_id: str, n: int, channel: str) -> Rows:
    """Return the songs most like one song, as a list shows them."""
    return with_cards(view, view.similar(song_id, n, channel))


def operations(view: View) -> dict[str, Any]:
    """Return what the release says of quality, coverage, drift and freshness."""
    names = (
        "quality_by_week",
        "coverage_by_week",
        "responses_by_week",
        "top_creators",
        "drift",
        "experiments",
    )
    tables: dict[str, Any] = {name: _query(view, name) for name in names}
    order = "order by status = 'ok', check_name, subject"
    tables["health"] = reader.query(view.sql(), f"from health {order}")
    tables["freshness"] = reader.query(view.sql(), "from data_freshness order by all")
    return tables


def last_builds(landing: Path | None) -> Rows:
    """Return how the last builds went, failed ones too, the newest first."""
    if landing is None:
        return []
    try:
        found = builds.latest(landing / "builds", _MOST_BUILDS)
    except (OSError, ValueError, pa.ArrowException):
        # doctor names the file
        return []
    return [_build(record) for record in found]


def _build(record: dict[str, Any]) -> dict[str, Any]:
    steps = record["steps"] or []
    tests = [step for step in steps if step["resource_type"] in ("test", "unit_test")]
    return record | {
        "models": sum(step["resource_type"] == "model" for step in steps),
        "rows": sum(step["row_count"] or 0 for step in steps),
        "tests": len(tests),
        "warnings": [step["name"] for step in steps if step["status"] == "warn"],
        "failed": [step for step in steps if step["status"] in ("error", "fail")],
        "slowest": sorted(
            (step for step in steps if step["resource_type"] not in ("test",)),
            key=lambda step: (-step["seconds"], step["name"]),
        )[:12],
    }


@dataclass(frozen=True)
class ReleaseFile:
    """A release that is there, by what it says of itself."""

    release_id: str
    size_bytes: int
    serves: bool
    # None: it cannot be read
    info: dict[str, Any] | None


def releases(service: Service) -> list[ReleaseFile]:
    """Return the releases of a service, the newest file first."""
    try:
        target = (service.releases / release.CURRENT).resolve()
    except (OSError, RuntimeError):
        # the link leads to itself
        target = None
    return [_release(path, path.resolve() == target) for path in _files(service)]


def _files(service: Service) -> list[Path]:
    return release.files(service.releases) if service.releases.is_dir() else []


def _release(path: Path, serves: bool) -> ReleaseFile:
    info, size = None, 0
    try:
        size = path.stat().st_size
        with reader.open_release(path) as opened:
            (info,) = reader.query(opened, "select as_of, built_at from build_info")
    except (SunorecsysError, duckdb.Error, OSError):
        # removed a moment ago, or damaged, or of another version
        pass
    return ReleaseFile(path.stem, size, serves, info)


def newest_release(service: Service) -> str | None:
    """Return the release that was made last, whether or not it serves."""
    found = _files(service)
    return found[0].stem if found else None
