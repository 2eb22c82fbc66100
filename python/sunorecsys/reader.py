"""Reading a release: what SQL says, as Python values.

A release is opened read-only, without access to files, network or settings, so that
any SQL can run on it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from sunorecsys.errors import SunorecsysError
from sunorecsys.release import SCHEMA_VERSION

CHANNELS = ("item_cf", "content", "prompt", "user_cf", "quality")
SIMILAR_CHANNELS = ("blended", "item_cf", "content", "prompt")

_LOCKED_DOWN: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "lock_configuration": "true",
}

Rows = list[dict[str, Any]]


@contextmanager
def open_release(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a release file, or the link to one, for reading.

    Raises:
        SunorecsysError: there is none, it is damaged, or of another schema version.
    """
    if not path.exists():
        raise SunorecsysError(
            f"No release at {path}. "
            'Run "sunorecsys build" (or "make build" on a fresh clone) first.'
        )
    try:
        # the link may move while this reads; the file does not change
        connection = duckdb.connect(
            str(path.resolve()), read_only=True, config=_LOCKED_DOWN
        )
    except duckdb.Error as error:
        raise _unreadable(path, error) from error
    with connection:
        try:
            row = connection.execute("select schema_version from build_info").fetchall()
        except duckdb.Error as error:
            raise _unreadable(path, error) from error
        if row != [(SCHEMA_VERSION,)]:
            raise SunorecsysError(
                f"The release {path.resolve().name} has schema version "
                f"{row[0][0] if row else 'none'}, this program reads {SCHEMA_VERSION}. "
                'Run "sunorecsys build" to make one that fits.'
            )
        yield connection


def _unreadable(path: Path, error: Exception) -> SunorecsysError:
    reason = str(error).splitlines()[0]
    return SunorecsysError(
        f"The release {path.resolve().name} cannot be read: {reason} "
        'Run "sunorecsys doctor" to see which releases are whole, '
        'or "sunorecsys build" to make a new one.'
    )


def query(
    release: duckdb.DuckDBPyConnection, sql: str, values: Sequence[Any] = ()
) -> Rows:
    """Run SQL and return its rows as dicts."""
    return select(release, sql, values)[1]


def select(
    release: duckdb.DuckDBPyConnection, sql: str, values: Sequence[Any] = ()
) -> tuple[list[str], Rows]:
    """Run SQL and return its columns, and its rows as dicts.

    A column whose name was there before gets a number: a, a_1.

    Raises:
        SunorecsysError: there is no statement.
    """
    result = release.execute(sql, list(values))
    if result is None:
        raise SunorecsysError('No SQL was given. Write it in quotes: "select …".')
    names: list[str] = []
    for column in result.description or ():
        name, repeats = column[0], 0
        while name in names:
            repeats += 1
            name = f"{column[0]}_{repeats}"
        names.append(name)
    return names, [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def recommend(release: duckdb.DuckDBPyConnection, user_id: str, n: int) -> Rows:
    """Return the listener's recommendations, best first.

    Raises:
        SunorecsysError: the listener is unknown.
    """
    rows = query(release, "from recommend($1, n := $2)", [user_id, n])
    if not rows and not query(
        release, "select 1 from listeners where user_id = $1", [user_id]
    ):
        raise SunorecsysError(
            f"No listener {user_id!r} in this release: nothing they heard was known "
            "when it was built. Use --songs for a list from songs they like."
        )
    return [_recommendation(row) for row in rows]


def recommend_from(
    release: duckdb.DuckDBPyConnection, song_ids: Sequence[str], n: int
) -> tuple[Rows, list[str]]:
    """Return a list from seed songs, and which of them are unknown.

    Raises:
        SunorecsysError: all of the seed songs are unknown.
    """
    known = {
        row["song_id"]
        for row in query(
            release,
            "select song_id from songs where list_contains($1::varchar[], song_id)",
            [list(song_ids)],
        )
    }
    unknown = [song for song in song_ids if song not in known]
    if song_ids and not known:
        raise unknown_song(release, song_ids[0])
    rows = query(release, "from recommend_from($1, n := $2)", [list(song_ids), n])
    return [_recommendation(row) for row in rows], unknown


def similar(
    release: duckdb.DuckDBPyConnection, song_id: str, n: int, channel: str
) -> Rows:
    """Return the songs most like one song.

    Raises:
        SunorecsysError: the song is unknown.
    """
    _require_song(release, song_id)
    return query(
        release, "from similar($1, n := $2, channel := $3)", [song_id, n, channel]
    )


def explain(release: duckdb.DuckDBPyConnection, user_id: str, song_id: str) -> Rows:
    """Return what each song of the listener gave to the score of one song.

    Raises:
        SunorecsysError: the listener or the song is unknown.
    """
    _require_song(release, song_id)
    rows = query(release, "from explain($1, $2)", [user_id, song_id])
    if not rows:
        raise SunorecsysError(f"No listener {user_id!r} in this release.")
    return rows


def unknown_song(release: duckdb.DuckDBPyConnection, song_id: str) -> SunorecsysError:
    """Return the error for an unknown song, with the nearest matches."""
    near = query(
        release,
        """
        select song_id, title
        from songs
        order by
            greatest(
                jaro_winkler_similarity(lower(song_id), lower($1)),
                jaro_winkler_similarity(lower(left(title, 200)), lower($1))
            ) desc,
            song_id
        limit 3
        """,
        [song_id[:200]],
    )
    matches = ", ".join(f"{row['song_id']} ({row['title'][:60]})" for row in near)
    return SunorecsysError(f"No song {song_id[:200]!r}. Nearest: {matches or 'none'}.")


def _require_song(release: duckdb.DuckDBPyConnection, song_id: str) -> None:
    if not query(release, "select 1 from songs where song_id = $1", [song_id]):
        raise unknown_song(release, song_id)


def _recommendation(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the macros in the shape that REST and Python show."""
    return {
        "rank": row["recommendation_rank"],
        "song_id": row["song_id"],
        "title": row["title"],
        "creator_name": row["creator_name"],
        "genre": row["genre"],
        "score": row["blended_score"],
        "channel_scores": {name: row[f"{name}_score"] for name in CHANNELS},
        "primary_channel": row["primary_channel"],
        "reason": row["reason"],
    }
