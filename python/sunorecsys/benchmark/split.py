"""The files of a split, checked, and landed in a copy of the project."""

import math
from dataclasses import dataclass, field
from datetime import datetime
from importlib import resources
from pathlib import Path

import duckdb

from sunorecsys.errors import SunorecsysError, first_line
from sunorecsys.project import Project
from sunorecsys.release import quoted
from sunorecsys.release.content import quoted_name

# train happened before, test after
AS_OF = datetime(2000, 1, 3)
# of the rows of a listener, that tuning holds out
HELD_OUT = 0.15
# listeners whose rows are held out: more make tuning slower, not better
VALIDATION_LISTENERS = 5_000
# ways to hold rows out that are learned from, where listeners are few
MOST_DIVISIONS = 4

_INTERACTION_COLUMNS = {"user_id": True, "item_id": True, "weight": False, "ts": False}
_ITEM_COLUMNS = {
    "item_id": True,
    "title": False,
    "artist": False,
    "tags": False,
    "description": False,
}


@dataclass
class Split:
    """Train, test and items, as tables of an own database in memory."""

    name: str
    # songs of train
    songs: int
    notices: list[str]
    database: duckdb.DuckDBPyConnection = field(repr=False)

    def land_test(self, at: Project) -> None:
        """Land train as the past and test as what came next."""
        self.database.execute("create or replace view past as select * from train")
        self.database.execute("create or replace view known as from masked")
        self.database.execute(
            "create or replace view future as select user_id, item_id from test"
        )
        self._land(at)

    def land_validation(self, at: Project, *, seed: int) -> None:
        """Land a part of train as the past, and the rest as what came next.

        Where all of test is later than train, the newest rows are held out, else
        random rows of each listener, by a hash of ids and seed.
        """
        self.database.execute(
            _sql("judged_listeners"), {"seed": seed, "listeners": VALIDATION_LISTENERS}
        )
        self.database.execute(_sql("divided"), {"seed": seed, "share": HELD_OUT})
        self.database.execute("create or replace view known as from masked limit 0")
        self.database.execute(
            "create or replace view past as select * exclude (is_held_out) "
            "from divided where not is_held_out"
        )
        self.database.execute(
            "create or replace view future as select user_id, item_id from divided "
            "semi join judged_listeners using (user_id) where is_held_out"
        )
        self._land(at)

    def divisions(self) -> int:
        """Return how many times to divide train, for listeners enough to learn from.

        Where the newest rows are held out, there is one way to.
        """
        ((is_timed, listeners),) = self.database.execute(_sql("divisions")).fetchall()
        if is_timed:
            return 1
        return min(MOST_DIVISIONS, math.ceil(VALIDATION_LISTENERS / int(listeners)))

    def _land(self, at: Project) -> None:
        for kind, values in (("songs", {}), ("interactions", {"as_of": AS_OF})):
            folder = at.landing / kind
            folder.mkdir(parents=True, exist_ok=True)
            file = quoted(str(folder / "benchmark.parquet"))
            self.database.execute(
                f"copy ({_sql(kind)}) to {file} (format parquet)", values
            )


def read(
    train: Path, test: Path, items: Path | None, masked: Path | None = None
) -> Split:
    """Read and check the files of a split.

    Args:
        train: what is learned from.
        test: what is to be found.
        items: what is known of songs.
        masked: more rows that are not to be found; nothing is learned from them.

    Raises:
        SunorecsysError: a file is missing, has not the columns, or has rows that cannot
            be used.
    """
    database = duckdb.connect()
    _load(database, "train", train, _INTERACTION_COLUMNS)
    _load(database, "test", test, _INTERACTION_COLUMNS)
    if items is None:
        database.execute(
            "create table items (item_id varchar, title varchar, artist varchar, "
            "tags varchar, description varchar)"
        )
    else:
        _load(database, "items", items, _ITEM_COLUMNS)
    if masked is None:
        database.execute("create table masked as from train limit 0")
    else:
        _load(database, "masked", masked, _INTERACTION_COLUMNS)
        _check_rows(database, "masked", masked)
    for name, path in (("train", train), ("test", test)):
        _check_rows(database, name, path)
    notices = _compare(database, train, test)
    ((songs,),) = database.execute(
        "select count(distinct item_id) from train"
    ).fetchall()
    same = train.parent == test.parent
    name = train.resolve().parent.name if same else train.stem
    return Split(name, songs, notices, database)


def _sql(name: str) -> str:
    folder = resources.files("sunorecsys.benchmark")
    return (folder / f"{name}.sql").read_text(encoding="utf-8")


def _load(
    database: duckdb.DuckDBPyConnection,
    name: str,
    path: Path,
    columns: dict[str, bool],
) -> None:
    """Create a table of a file with these columns; those that may lack are null."""
    if not path.is_file():
        raise SunorecsysError(f"There is no file {path}.")
    is_parquet = path.suffix == ".parquet"
    # ids such as 007 are text
    relation = (
        f"read_parquet({quoted(str(path))})"
        if is_parquet
        else f"read_csv({quoted(str(path))}, header = true, all_varchar = true)"
    )
    try:
        described = database.execute(f"describe from {relation}").fetchall()
        types = {row[0]: row[1] for row in described}
        missing = [column for column, needed in columns.items() if needed]
        missing = [column for column in missing if column not in types]
        if missing:
            raise SunorecsysError(
                f"{path} has no column {' and '.join(missing)}; it has "
                f"{', '.join(types)}. Rename its columns."
            )
        chosen = ", ".join(_column(column, types) for column in columns)
        database.execute(
            f"create table {name} as select {chosen} from {relation}"  # noqa: S608
        )
    except duckdb.Error as error:
        raise SunorecsysError(
            f"{path} cannot be read as {'Parquet' if is_parquet else 'CSV'}: "
            f"{first_line(error)}"
        ) from error


def _column(name: str, types: dict[str, str]) -> str:
    if name not in types:
        type_ = {"weight": "double", "ts": "double"}.get(name, "varchar")
        return f"cast(null as {type_}) as {name}"
    column = quoted_name(name)
    if name == "weight":
        # what is no number becomes one that is refused
        return f"coalesce(try_cast({column} as double), 'nan') as weight"
    if name == "ts":
        return (
            f"coalesce(try_cast(cast({column} as varchar) as double), "
            f"epoch(try_cast(cast({column} as varchar) as timestamp)), 'nan') as ts"
        )
    if name == "tags" and types[name].endswith("[]"):
        # a comma parts tags where they land
        return (
            f"array_to_string(list_transform({column}, "
            "lambda tag: replace(cast(tag as varchar), ',', ' ')), ', ') as tags"
        )
    if name == "tags":
        return f"replace(cast({column} as varchar), '|', ',') as tags"
    return f"nullif(trim(cast({column} as varchar)), '') as {name}"


def _check_rows(database: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    ((rows, no_ids, bad_weights, bad_times, timed),) = database.execute(
        f"""
        select
            count(*),
            count(*) filter (user_id is null or item_id is null),
            count(*) filter (weight is not null and not (weight > 0 and weight < 1e9)),
            count(*) filter (isnan(ts)),
            count(ts)
        from {name}
        """  # noqa: S608
    ).fetchall()
    if rows == 0:
        raise SunorecsysError(f"{path} has no rows.")
    for count, what in (
        (no_ids, "without a user_id or an item_id"),
        (bad_weights, "whose weight is no number above 0 and below 1e9"),
        (bad_times, "whose ts is neither seconds nor a time such as 2024-01-31 12:00"),
    ):
        if count:
            raise SunorecsysError(
                f"{path} has {count:,} rows {what}. Mend or drop them."
            )
    if timed and timed < rows:
        raise SunorecsysError(
            f"{path} has a ts in {timed:,} of {rows:,} rows. Give it to all or to none."
        )


def _compare(database: duckdb.DuckDBPyConnection, train: Path, test: Path) -> list[str]:
    """Return what a reader of the results must know of the split."""
    ((rows, known, no_users, no_items),) = database.execute(
        """
        select
            count(*),
            count(*) filter (
                (user_id, item_id) in (
                    select (user_id, item_id) from train
                    union all
                    select (user_id, item_id) from masked
                )
            ),
            count(distinct user_id) filter (
                user_id not in (select user_id from train)
            ),
            count(distinct item_id) filter (
                item_id not in (select item_id from train)
            )
        from test
        """
    ).fetchall()
    if known == rows:
        raise SunorecsysError(
            f"All rows of {test} are in {train} too, so that nothing is left to find."
        )
    notices = []
    if known:
        notices.append(
            f"{known:,} of {rows:,} rows of test are known already and do not count."
        )
    if no_users:
        notices.append(
            f"{no_users:,} users of test are not in train; they get popular songs."
        )
    if no_items:
        notices.append(
            f"{no_items:,} items of test are not in train; their rows count as missed."
        )
    return notices
