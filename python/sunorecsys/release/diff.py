"""Comparing two releases: whose list changed, by which songs, and why."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb

from sunorecsys import reader
from sunorecsys.errors import SunorecsysError, first_line
from sunorecsys.release import quoted

# listeners that a summary shows
MOST_CHANGED = 10


@contextmanager
def comparison(old: Path, new: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the comparison of two release files: the tables that diff.sql leaves.

    The connection can read nothing but the two releases, and change neither.

    Raises:
        SunorecsysError: one of them is damaged, or of another schema version.
    """
    for path in (old, new):
        with reader.open_release(path):
            pass
    with duckdb.connect() as connection:
        try:
            for path, name in ((old, "old_release"), (new, "new_release")):
                file = quoted(str(path.resolve()))
                connection.execute(f"attach {file} as {name} (read_only)")
            for setting, value in reader.LOCKED_DOWN.items():
                connection.execute(f"set {setting} = {value}")
            connection.execute(_sql())
        except duckdb.Error as error:
            raise SunorecsysError(
                f"{old.stem} and {new.stem} cannot be compared: "
                f"{first_line(error)} "
                'Run "sunorecsys doctor" to see which releases are whole.'
            ) from error
        yield connection


def _sql() -> str:
    file = resources.files("sunorecsys.release") / "diff.sql"
    return file.read_text(encoding="utf-8")


def summary(compared: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Return the counts: listeners, songs, causes, and who changed most."""
    (listeners,) = reader.query(
        compared,
        """
        select
            count(*) filter (where presence = 'compared') as compared,
            (select count(*) from listener_changes) as changed,
            (
                select count(*) filter (where entered = 0 and left_the_list = 0)
                from listener_changes
            ) as only_reordered,
            count(*) filter (where presence = 'new') as new,
            count(*) filter (where presence = 'gone') as gone
        from listener_lists
        """,
    )
    (songs,) = reader.query(
        compared,
        """
        select
            count(*) filter (where change = 'entered') as entered,
            count(*) filter (where change = 'left') as "left",
            count(*) filter (where change = 'moved') as moved
        from changes
        """,
    )
    causes = reader.query(
        compared,
        """
        select
            change,
            cause,
            count(*) as songs
        from changes
        where cause is not null
        group by change, cause
        order by change, songs desc, cause
        """,
    )
    most_changed = reader.query(
        compared,
        """
        select
            user_id,
            entered,
            left_the_list as "left",
            moved,
            ranks_moved
        from listener_changes
        order by entered + left_the_list desc, ranks_moved desc, user_id
        limit $1
        """,
        [MOST_CHANGED],
    )
    return {
        "listeners": listeners,
        "songs": songs,
        "causes": causes,
        "most_changed": most_changed,
    }


def changes(
    compared: duckdb.DuckDBPyConnection, *, limit: int, user_id: str | None = None
) -> tuple[reader.Rows, int]:
    """Return changes song by song, and how many there are without the limit.

    Args:
        compared: from ``comparison``.
        limit: how many rows at most.
        user_id: only this listener's; None: everybody's.
    """
    ((total,),) = compared.execute(
        "select count(*) from changes where $1 is null or user_id = $1", [user_id]
    ).fetchall()
    rows = reader.query(
        compared,
        """
        from changes
        where $1 is null or user_id = $1
        order by user_id, change, coalesce(new_rank, old_rank), song_id
        limit $2
        """,
        [user_id, limit],
    )
    return rows, int(total)


def presence(compared: duckdb.DuckDBPyConnection, user_id: str) -> str:
    """Return whether a listener is compared, new or gone.

    Raises:
        SunorecsysError: neither release knows the listener.
    """
    found = reader.query(
        compared, "select presence from listener_lists where user_id = $1", [user_id]
    )
    if not found:
        raise SunorecsysError(
            f"No listener {user_id[:200]!r} in either of the two releases."
        )
    return str(found[0]["presence"])
