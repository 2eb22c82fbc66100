"""Where the id of a listener is stored: a search of every value, as a whole value.

It reads every text column of every Parquet file of landing and of every table of every
release, lists included, and every other file of landing, target and logs. Only what
tells of builds is not searched: it holds names of steps and channels, and numbers.
"""

import contextlib
import json
import mmap
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from sunorecsys import audit, release
from sunorecsys.project import Project
from sunorecsys.release.content import quoted_name

# Called with what is looked at, how many are done, and how many there are.
OnStep = Callable[[str, int, int], None]

# Erasures that have begun: the pseudonym by listener, so that a second run goes on with
# the same one. The only file beside the data that holds an id, until it is done.
PENDING = ".forgetting.json"

# columns that say who somebody is
IDENTITIES = ("user_id", "owner_id", "owner_handle", "creator_id", "creator_name")
# columns of refused rows: their text may hold an id anywhere
FREE_TEXTS = ("content", "reason", "file")

# tables that say how a release was made, and folders of landing that say how builds
# went: names and numbers that are nobody
_OF_THE_BUILD = tuple(
    f'"main"."{name}"'
    for name in ("build_info", "build_settings", "build_history", "build_steps")
)
_OF_BUILDS = ("builds", "monitoring")

_MEMORY = "1GB"


@dataclass(frozen=True)
class Trace:
    """Where an id was found."""

    path: Path
    # table.column of a release, column of a Parquet file, nothing for a text
    place: str
    rows: int

    @property
    def column(self) -> str:
        """The name of the column, without its table."""
        return self.place.rpartition(".")[2]


@dataclass
class Search:
    """What was searched, and what was found."""

    files: int = 0
    tables: int = 0
    # rows of tables, and lines of jsonl files
    rows: int = 0
    traces: list[Trace] = field(default_factory=list)
    # files that cannot be read, so that nobody knows what they hold
    unreadable: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Wanted:
    """A listener's id, and the forms that it takes in texts."""

    user_id: str

    @property
    def forms(self) -> list[str]:
        """The id as it is, within JSON, in CSV and in SQL."""
        return sorted(
            {
                self.user_id,
                json.dumps(self.user_id)[1:-1],
                json.dumps(self.user_id, ensure_ascii=False)[1:-1],
                self.user_id.replace('"', '""'),
                self.user_id.replace("'", "''"),
            }
        )

    @property
    def pattern(self) -> str:
        """The id in a text, not as a part of a longer word, as DuckDB reads it."""
        forms = "|".join(map(re.escape, self.forms))
        # an escape, such as the end of a line in JSON, is no letter before it
        return rf"(^|[^0-9A-Za-z_-]|\\[bfnrt])({forms})([^0-9A-Za-z_-]|$)"

    @property
    def in_bytes(self) -> re.Pattern[bytes]:
        """The same for bytes."""
        forms = b"|".join(re.escape(form.encode()) for form in self.forms)
        before = rb"(?:(?<![0-9A-Za-z_-])|(?<=\\[bfnrt]))"
        return re.compile(before + rb"(?:" + forms + rb")(?![0-9A-Za-z_-])")

    def parameters(self, sql: str) -> dict[str, Any]:
        """Return the parameters that some SQL names."""
        values = {"id": self.user_id, "pattern": self.pattern}
        return {name: value for name, value in values.items() if f"${name}" in sql}


def search(
    project: Project, user_id: str, *, on_step: OnStep = lambda *_: None
) -> Search:
    """Search landing, the releases, target and logs for an id."""
    wanted = Wanted(user_id)
    found = Search()
    tables = [*parquet_files(project), *release.files(project.releases)]
    texts = _text_files(project)
    with connected() as connection:
        for number, path in enumerate([*tables, *texts]):
            on_step(f"Searching {path.name}", number, len(tables) + len(texts))
            try:
                if path.suffix == ".duckdb":
                    search_database(connection, path, wanted, found)
                elif path.suffix == ".parquet":
                    _search_parquet(connection, path, wanted, found)
                else:
                    _search_text(path, wanted, found)
            except FileNotFoundError:
                # replaced or compacted meanwhile
                continue
            except (duckdb.Error, OSError):
                found.unreadable.append(path)
            found.files += 1
    return found


def parquet_files(project: Project) -> list[Path]:
    """Return the Parquet files of landing that may hold somebody."""
    of_builds = {project.landing / name for name in _OF_BUILDS}
    return sorted(
        path
        for path in project.landing.rglob("*.parquet")
        if path.parent not in of_builds
    )


def work_folders(project: Project) -> tuple[Path, Path]:
    """Return where dbt keeps what can be deleted at any time."""
    return project.root / "target", project.root / "logs"


def _text_files(project: Project) -> list[Path]:
    return [
        path
        for folder in (project.landing, *work_folders(project))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".parquet" and path.name != PENDING
    ]


@contextlib.contextmanager
def connected() -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect to an empty database that keeps nothing anywhere else."""
    with duckdb.connect(
        config={
            "memory_limit": _MEMORY,
            "threads": 2,
            "temp_directory": "",
            "python_enable_replacements": False,
        }
    ) as connection:
        yield connection


def _conditions(
    columns: Mapping[str, str], texts: Sequence[str] = ()
) -> dict[str, str]:
    """Return by column the SQL that says whether a row holds the id there.

    In columns of texts it may stand anywhere, elsewhere it is the whole value.
    """
    found = {}
    for name, kind in columns.items():
        column = quoted_name(name)
        if name in texts:
            found[name] = f"regexp_matches({column}, $pattern)"
        elif name in IDENTITIES or kind == "VARCHAR" or kind.startswith("ENUM"):
            found[name] = f"cast({column} as varchar) = $id"
        elif kind == "VARCHAR[]":
            found[name] = f"list_contains({column}, $id)"
        elif kind == "BLOB":
            found[name] = f"{column} = encode($id)"
        elif "VARCHAR" in kind or kind == "JSON":
            found[name] = f"regexp_matches(cast({column} as varchar), $pattern)"
    return found


def _count(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    conditions: Mapping[str, str],
    parameters: Mapping[str, Any],
) -> tuple[int, dict[str, int]]:
    """Return how many rows there are, and how many fulfil each condition."""
    counted = "".join(f", count(*) filter ({sql})" for sql in conditions.values())
    ((rows, *counts),) = connection.execute(
        f"select count(*){counted} from {relation}",  # noqa: S608
        dict(parameters),
    ).fetchall()
    return int(rows), dict(zip(conditions, map(int, counts), strict=True))


def _search_parquet(
    connection: duckdb.DuckDBPyConnection, path: Path, wanted: Wanted, found: Search
) -> None:
    relation = _parquet(path)
    shape = connection.sql(f"from {relation}")
    columns = dict(zip(shape.columns, map(str, shape.types), strict=True))
    conditions = _conditions(columns, free_texts(path))
    parameters = wanted.parameters(" ".join(conditions.values()))
    rows, counts = _count(connection, relation, conditions, parameters)
    found.tables += 1
    found.rows += rows
    found.traces += [
        Trace(path, name, count) for name, count in counts.items() if count
    ]


def _parquet(path: Path) -> str:
    """Return the relation of a file, of which no character stands for others."""
    literal = re.sub(r"([*?\[])", r"[\1]", str(path))
    return f"read_parquet({release.quoted(literal)}, hive_partitioning = false)"


def free_texts(path: Path) -> tuple[str, ...]:
    """Return the columns of a file whose texts may hold an id anywhere."""
    if is_refused(path):
        return FREE_TEXTS
    return ("reason",) if path.parent.name == "blocked" else ()


def is_refused(path: Path) -> bool:
    """Whether a file holds rows that ingest refused."""
    return path.parent.name == "rejects"


def search_database(
    connection: duckdb.DuckDBPyConnection, path: Path, wanted: Wanted, found: Search
) -> None:
    """Search every table of a database file, and add to what was found."""
    with attached(connection, path, "searched"):
        for table, columns in tables_of(connection, "searched").items():
            # versions and counts: numbers that are nobody
            if table in _OF_THE_BUILD:
                continue
            conditions = _conditions(columns)
            parameters = wanted.parameters(" ".join(conditions.values()))
            relation = f"searched.{table}"
            rows, counts = _count(connection, relation, conditions, parameters)
            found.tables += 1
            found.rows += rows
            found.traces += [
                Trace(path, f"{table.split('.', 1)[1]}.{name}".replace('"', ""), count)
                for name, count in counts.items()
                if count
            ]


@contextlib.contextmanager
def attached(
    connection: duckdb.DuckDBPyConnection, path: Path, name: str
) -> Iterator[None]:
    """Attach a database file for reading."""
    connection.execute(f"attach {release.quoted(str(path))} as {name} (read_only)")
    try:
        yield
    finally:
        connection.execute(f"detach {name}")


def tables_of(
    connection: duckdb.DuckDBPyConnection, database: str
) -> dict[str, dict[str, str]]:
    """Return the types of the columns of every table, by its quoted name."""
    rows = connection.execute(
        """
        select columns.schema_name, columns.table_name, column_name, data_type
        from duckdb_columns() as columns
        inner join duckdb_tables() as tables
            using (database_name, schema_name, table_name)
        where database_name = $1
        order by all
        """,
        [database],
    ).fetchall()
    tables: dict[str, dict[str, str]] = {}
    for schema, table, name, kind in rows:
        tables.setdefault(f"{quoted_name(schema)}.{quoted_name(table)}", {})[name] = (
            kind
        )
    return tables


def _search_text(path: Path, wanted: Wanted, found: Search) -> None:
    if path.suffix == ".jsonl":
        with path.open("rb") as lines:
            hits = 0
            for line in lines:
                found.rows += 1
                hits += mentions(line, wanted) or (
                    path.name == audit.FILE and audit.has_reason(line, wanted.in_bytes)
                )
    else:
        hits = int(_holds(path, wanted.in_bytes))
    if hits:
        found.traces.append(Trace(path, "", hits))


def _holds(path: Path, pattern: re.Pattern[bytes]) -> bool:
    if not path.stat().st_size:
        return False
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        return pattern.search(content) is not None


def mentions(line: bytes, wanted: Wanted) -> bool:
    """Whether a value of a JSON line is the id; a damaged line: whether it holds it."""
    if not wanted.in_bytes.search(line):
        return False
    try:
        return _is_value(json.loads(line), wanted.user_id)
    except (ValueError, RecursionError):
        return True


def _is_value(document: Any, wanted: str) -> bool:
    if isinstance(document, Mapping):
        return any(_is_value(part, wanted) for part in document.values())
    if isinstance(document, list):
        return any(_is_value(part, wanted) for part in document)
    return bool(document == wanted)
