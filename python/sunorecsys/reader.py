"""Reading a release: what SQL says, as Python values.

A release is opened read-only, without access to files, network or settings, so that
any SQL can run on it.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from sunorecsys.errors import (
    NoRelease,
    SchemaVersionError,
    SunorecsysError,
    UnknownListener,
    UnknownSong,
    first_line,
)
from sunorecsys.release import SCHEMA_VERSION, quoted

CHANNELS = ("item_cf", "content", "prompt", "user_cf", "quality")
SIMILAR_CHANNELS = ("blended", "item_cf", "content", "prompt")

_Settings = dict[str, str | bool | int | float | list[str]]

_NO_EXTENSIONS: _Settings = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    # a name in SQL is a table, never a variable of this program
    "python_enable_replacements": "false",
}
LOCKED_DOWN: _Settings = _NO_EXTENSIONS | {
    "enable_external_access": "false",
    "lock_configuration": "true",
}
# An answer is a plan of many steps over few rows: threads within it, and steps that
# save work on many rows, cost more than they save. Answers run beside each other.
_FOR_ANSWERS: _Settings = _NO_EXTENSIONS | {
    "threads": 1,
    "disabled_optimizers": "common_subplan,compressed_materialization",
}

Rows = list[dict[str, Any]]


@contextmanager
def open_release(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a release file, or the link to one, for any SQL.

    Raises:
        NoRelease: there is none, or it is damaged.
        SchemaVersionError: it is of another schema version.
    """
    with _opening(path) as file:
        connection = duckdb.connect(str(file), read_only=True, config=LOCKED_DOWN)
    with connection:
        _require_version(connection, path)
        yield connection


def connect_for_answers(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a release file, or the link to one, for many small questions.

    It is attached to a database of its own, so that a program may open the same file
    beside it with other settings. ``cursor`` makes a connection for each thread.

    Raises:
        NoRelease: there is none, it is damaged, or of another schema version.
    """
    with _opening(path) as file:
        connection = duckdb.connect(":memory:", config=_FOR_ANSWERS)
        try:
            connection.execute(f"attach {quoted(str(file))} as release (read_only)")
            connection.execute("use release")
            connection.execute("set enable_external_access = false")
            connection.execute("set lock_configuration = true")
        except duckdb.Error:
            connection.close()
            raise
    _require_version(connection, path)
    return connection


def cursor(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Return another connection to what ``connect_for_answers`` has opened."""
    another = connection.cursor()
    another.execute("use release")
    return another


@contextmanager
def _opening(path: Path) -> Iterator[Path]:
    if not path.exists():
        raise missing(path)
    try:
        # the link may move while this reads; the file does not change
        yield path.resolve()
    except duckdb.Error as error:
        raise unreadable(path, error) from error


def _require_version(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    try:
        rows = connection.execute("select schema_version from build_info").fetchall()
    except duckdb.Error as error:
        connection.close()
        raise unreadable(path, error) from error
    if rows != [(SCHEMA_VERSION,)]:
        connection.close()
        raise SchemaVersionError(
            f"The release {path.resolve().name} has schema version "
            f"{rows[0][0] if rows else 'none'}, this program reads {SCHEMA_VERSION}. "
            'Run "sunorecsys build" to make one that fits.'
        )


def missing(path: Path) -> NoRelease:
    """Return the error for a release that is not there."""
    return NoRelease(
        f"No release at {path}. "
        'Run "sunorecsys build" (or "make build" on a fresh clone) first.'
    )


def unreadable(path: Path, error: Exception) -> NoRelease:
    """Return the error for a release that DuckDB cannot read."""
    return NoRelease(
        f"The release {path.resolve().name} cannot be read: {first_line(error)} "
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
        UnknownListener: the listener is.
    """
    rows = query(release, "from recommend($1, n := $2)", [user_id, n])
    if not rows and not query(
        release, "select 1 from listeners where user_id = $1", [user_id]
    ):
        raise unknown_listener(user_id)
    return [_recommendation(row) for row in rows]


def recommend_after(
    release: duckdb.DuckDBPyConnection,
    user_id: str | None,
    played: Rows,
    left_out: Sequence[str],
    n: int,
) -> Rows:
    """Return a listener's list after what has happened since the release.

    Args:
        release: a connection.
        user_id: None, or an unknown one: the list is made from ``played`` alone.
        played: song_id and weight, the newest first.
        left_out: songs that neither count nor are listed.
        n: how many songs.
    """
    rows = query(
        release,
        f"from recommend_after($1::varchar, {_PLAYED}, $3::varchar[], $4)",
        [user_id, played, list(left_out), n],
    )
    return [_recommendation(row) for row in rows]


# an empty list has no type of its own
_PLAYED = "$2::struct(song_id varchar, weight double)[]"


def similar(
    release: duckdb.DuckDBPyConnection, song_id: str, n: int, channel: str
) -> Rows:
    """Return the songs most like one song; none for an unknown one."""
    return query(
        release, "from similar($1, n := $2, channel := $3)", [song_id, n, channel]
    )


def search(release: duckdb.DuckDBPyConnection, words: str, n: int) -> Rows:
    """Return the songs that hold some words, the best first."""
    return query(release, "from search($1, n := $2)", [words, n])


def sounds_like(
    release: duckdb.DuckDBPyConnection, vector: Sequence[float], n: int
) -> Rows:
    """Return the songs whose audio lies nearest to a vector of its encoder."""
    return query(release, "from sounds_like($1, n := $2)", [list(vector), n])


def explain(release: duckdb.DuckDBPyConnection, user_id: str, song_id: str) -> Rows:
    """Return what each song of the listener gave to the score of one song.

    No rows: the listener or the song is unknown.
    """
    return query(release, "from explain($1, $2)", [user_id, song_id])


def explain_after(
    release: duckdb.DuckDBPyConnection,
    user_id: str,
    song_id: str,
    played: Rows,
    left_out: Sequence[str],
) -> Rows:
    """Return what explains a list of ``recommend_after`` with the same arguments."""
    return query(
        release,
        f"from explain_after($1, $4, {_PLAYED}, $3::varchar[])",
        [user_id, played, list(left_out), song_id],
    )


def why_not(release: duckdb.DuckDBPyConnection, user_id: str, song_id: str) -> Rows:
    """Return what keeps a song out of the listener's playlist, the strongest first.

    No rows: the listener or the song is unknown.
    """
    return query(release, "from why_not($1, $2)", [user_id, song_id])


def reblend(
    release: duckdb.DuckDBPyConnection, user_id: str, weights: Mapping[str, float]
) -> Rows:
    """Return the stored songs of a listener under other weights, with rank changes.

    No rows: the listener is unknown.
    """
    return query(
        release,
        """
        from reblend(
            $1, item_cf := $2, content := $3, prompt := $4, user_cf := $5, quality := $6
        )
        """,
        [user_id, *(weights.get(channel) for channel in CHANNELS)],
    )


def weights(release: duckdb.DuckDBPyConnection, user_id: str) -> dict[str, float]:
    """Return the weights of a listener by channel; none for an unknown one."""
    rows = query(
        release,
        """
        select channel_weights.channel, channel_weights.weight
        from listeners
        inner join channel_weights
            on
                listeners.variant = channel_weights.variant
                and listeners.history_stage = channel_weights.history_stage
        where listeners.user_id = $1
        """,
        [user_id],
    )
    found = {row["channel"]: row["weight"] for row in rows}
    return {channel: found[channel] for channel in CHANNELS if channel in found}


def recommendations(rows: Rows, unknown: Sequence[str] = ()) -> dict[str, Any]:
    """Return a list as one document, with the seed songs that were left out."""
    body: dict[str, Any] = {"recommendations": rows, "count": len(rows)}
    return body | ({"unknown_song_ids": list(unknown)} if unknown else {})


def known_songs(
    release: duckdb.DuckDBPyConnection, song_ids: Sequence[str]
) -> set[str]:
    """Return which of the songs the release knows."""
    rows = query(
        release,
        """
        select songs.song_id
        from unnest($1::varchar[]) as asked(song_id)
        inner join songs using (song_id)
        """,
        [list(song_ids)],
    )
    return {row["song_id"] for row in rows}


def has_heard(
    release: duckdb.DuckDBPyConnection, user_id: str, song_ids: Sequence[str]
) -> bool:
    """Return whether the release knows that a listener heard one of the songs."""
    rows = query(
        release,
        """
        select 1
        from listeners
        inner join user_songs on listeners.user_index = user_songs.user_index
        inner join songs on user_songs.song_index = songs.song_index
        inner join unnest($2::varchar[]) as asked(song_id)
            on songs.song_id = asked.song_id
        where listeners.user_id = $1
        limit 1
        """,
        [user_id, list(song_ids)],
    )
    return bool(rows)


@dataclass(frozen=True)
class Heard:
    """What the release knows of a listener and a song."""

    weight: float
    is_disliked: bool
    # they made it, so that hearing it says nothing of their taste
    is_own_song: bool


UNHEARD = Heard(0, False, False)


def heard_before(
    release: duckdb.DuckDBPyConnection, user_id: str, song_ids: Sequence[str]
) -> dict[str, Heard]:
    """Return what a release knows of a listener and some songs, by song id."""
    rows = query(
        release,
        """
        with heard as (
            select user_songs.song_index, user_songs.weight, user_songs.is_disliked
            from listeners
            inner join user_songs on listeners.user_index = user_songs.user_index
            where listeners.user_id = $1
        )

        select
            songs.song_id,
            coalesce(heard.weight, 0) as weight,
            coalesce(heard.is_disliked, false) as is_disliked,
            songs.creator_id is not distinct from $1 as is_own_song
        from unnest($2::varchar[]) as asked(song_id)
        inner join songs on asked.song_id = songs.song_id
        left join heard on songs.song_index = heard.song_index
        """,
        [user_id, list(song_ids)],
    )
    return {row.pop("song_id"): Heard(**row) for row in rows}


def unknown_listener(user_id: str) -> UnknownListener:
    """Return the error for an unknown listener; it names no other one."""
    return UnknownListener(
        f"No listener {user_id[:200]!r} in this release: nothing they heard was known "
        "when it was built. Use seed songs for a list from songs they like."
    )


def unknown_song(
    release: duckdb.DuckDBPyConnection, song_id: str, blocked: Container[str] = ()
) -> UnknownSong:
    """Return the error for an unknown song, with the nearest matches."""
    near = query(
        release,
        """
        select song_id, title
        from songs
        where not is_hidden
        order by
            greatest(
                jaro_winkler_similarity(lower(song_id), lower($1)),
                jaro_winkler_similarity(lower(left(title, 200)), lower($1))
            ) desc,
            song_id
        limit 50
        """,
        [song_id[:200]],
    )
    nearest = [row for row in near if row["song_id"] not in blocked][:3]
    matches = ", ".join(f"{row['song_id']} ({row['title'][:60]})" for row in nearest)
    return UnknownSong(
        f"No song {song_id[:200]!r}. Nearest: {matches or 'none'}.", nearest
    )


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
