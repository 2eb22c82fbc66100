"""Publishing: what becomes the current release, and what never does."""

import os
import resource
import signal
import subprocess
import sys
from datetime import date, datetime, timedelta

import duckdb
import pyarrow.parquet as pq
import pytest

from sunorecsys import release
from sunorecsys.errors import SunorecsysError
from sunorecsys.release import Invocation

WHOLE = Invocation("build")
MONDAY = datetime(2025, 11, 17)

# runs in a process of its own, because the limit cannot be raised again
FULL_DISK = """
import resource, sys
import duckdb
from sunorecsys import release
from sunorecsys.errors import SunorecsysError
source, folder = sys.argv[1:]
session = duckdb.connect()
session.execute(f"attach '{source}' as source (read_only)")
names = [row[0] for row in session.execute(
    "select table_name from duckdb_tables() "
    "where database_name = 'source' and table_name != 'build_info'"
).fetchall()]
tables = {name: session.sql(f"select * from source.{name}") for name in names}
measured = {name: tables.pop(name) for name in ("build_history", "build_steps")}
clock = session.sql("select as_of, week_start, source from source.build_info")
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    nothing = session.sql("select null::timestamp as received_at")
    release.publish(session, tables, measured, clock, nothing, releases=folder, kept=4,
                    invocation=release.Invocation("build"))
except SunorecsysError as error:
    print(error)
    sys.exit(1)
"""


# some of the largest tables, for speed
PARTS = {
    "similar_songs": "song_id < 'song-0020'",
    "recommendations": "user_id < 'listener-020'",
    "recommendation_reasons": "user_id < 'listener-020'",
    "discover_weekly": "user_id < 'listener-020'",
}


class Desk:
    """Publishes tables of the sample's release again, in a folder of its own."""

    def __init__(self, source, folder):
        self.folder = folder / "releases"
        self.current = self.folder / "current.duckdb"
        self.session = duckdb.connect()
        self.session.execute(f"attach '{source.resolve()}' as source (read_only)")
        names = self.session.execute(
            "select table_name from duckdb_tables() "
            "where database_name = 'source' and table_name != 'build_info'"
        ).fetchall()
        self.tables = {
            name: self.session.sql(
                f"select * from source.{name} where {PARTS.get(name, 'true')}"
            )
            for (name,) in names
        }
        self.measured = {
            name: self.tables.pop(name) for name in ("build_history", "build_steps")
        }

    def publish(
        self, as_of=MONDAY, source="sample", kept=4, invocation=WHOLE, **tables
    ):
        """Publish, and return the row that the build shows."""
        week_start = (as_of - timedelta(days=as_of.weekday())).date()
        clock = self.session.sql(
            f"select timestamp '{as_of}' as as_of, date '{week_start}' as week_start, "
            f"timestamp '{as_of - timedelta(days=7)}' as this_week_from, "
            f"'{source}' as source"
        )
        changed = {name: self.session.sql(sql) for name, sql in tables.items()}
        (row,) = release.publish(
            self.session,
            self.tables | changed,
            self.measured,
            clock,
            self.session.sql("select timestamp '2025-11-16 12:00' as received_at"),
            releases=str(self.folder),
            kept=kept,
            invocation=invocation,
        ).to_pylist()
        return row

    def names(self):
        """Return all that lies in the folder of releases."""
        if not self.folder.exists():
            return set()
        return {path.name for path in self.folder.iterdir()}

    def query(self, sql):
        with duckdb.connect(str(self.current.resolve()), read_only=True) as opened:
            return opened.execute(sql).fetchall()


@pytest.fixture
def desk(sample_project, tmp_path, monkeypatch):
    # served lists go to landing/ of the working folder
    monkeypatch.chdir(tmp_path)
    return Desk(sample_project.current, tmp_path)


def test_a_whole_build_becomes_the_current_release(desk):
    row = desk.publish()
    assert row["is_published"]
    assert row["release_id"].startswith("2025-11-17-")
    assert desk.names() == {"current.duckdb", f"{row['release_id']}.duckdb"}
    assert os.readlink(desk.current) == f"{row['release_id']}.duckdb"
    for name, relation in desk.tables.items():
        ((count,),) = relation.count("*").fetchall()
        assert desk.query(f"select count(*) from {name}") == [(count,)]
        ((stored,),) = desk.query(f"select row_counts['{name}'] from build_info")
        assert stored == count
    assert desk.query("select release_id, as_of, source from build_info") == [
        (row["release_id"], MONDAY, "sample")
    ]


@pytest.mark.parametrize(
    ("invocation", "reason"),
    [
        (Invocation("run"), "`dbt run`"),
        (Invocation("retry"), "`dbt retry`"),
        (
            Invocation("build", selection=("release",)),
            "only a part was built (release)",
        ),
        (Invocation("build", is_empty=True), "only a part of the rows"),
    ],
)
def test_anything_but_a_whole_build_publishes_nothing(desk, invocation, reason):
    first = desk.publish()
    before = desk.names()
    row = desk.publish(as_of=MONDAY + timedelta(days=7), invocation=invocation)
    assert not row["is_published"]
    assert row["release_id"] is None
    assert row["message"].startswith("Nothing was published: ")
    assert reason in row["message"]
    assert desk.names() == before
    assert os.readlink(desk.current) == f"{first['release_id']}.duckdb"


def test_the_first_build_of_a_part_makes_not_even_the_folder(desk):
    desk.publish(invocation=Invocation("run"))
    assert desk.names() == set()


def test_a_sample_never_replaces_own_data(desk):
    own = desk.publish(source="landing")
    row = desk.publish(as_of=MONDAY + timedelta(days=7), source="sample")
    assert not row["is_published"]
    assert "does not replace one of your own data" in row["message"]
    assert os.readlink(desk.current) == f"{own['release_id']}.duckdb"
    assert desk.publish(as_of=MONDAY + timedelta(days=7), source="landing")[
        "is_published"
    ]


def test_own_data_replace_the_sample(desk):
    desk.publish(source="sample")
    assert desk.publish(source="landing")["is_published"]
    assert desk.query("select source from build_info") == [("landing",)]


def test_the_same_content_has_the_same_name(desk):
    first, second = desk.publish(), desk.publish()
    assert first["release_id"] == second["release_id"]
    assert len(desk.names()) == 2


def test_one_changed_value_has_another_name(desk):
    first = desk.publish()
    other = desk.publish(
        songs="select * replace (title || case when song_id = 'song-0100' then '!' "
        "else '' end as title) from source.songs"
    )
    assert first["release_id"] != other["release_id"]


def test_the_order_of_rows_does_not_change_the_name(desk):
    first = desk.publish()
    part = PARTS["recommendations"]
    shuffled = f"from source.recommendations where {part} order by hash(song_id)"
    assert desk.publish(recommendations=shuffled) == first


def test_what_was_measured_of_builds_is_published_and_names_nothing(desk):
    first = desk.publish()
    desk.measured["build_history"] = desk.session.sql(
        "select 'slow' as build_id, 99.5 as seconds"
    )
    assert desk.publish() == first
    assert desk.query("from build_history") == [("slow", 99.5)]
    ((hashed,),) = desk.query("select map_keys(content_hashes) from build_info")
    assert set(hashed) == set(desk.tables)


@pytest.mark.parametrize(("kept", "stay"), [(3, 3), (1, 1), (0, 1)])
def test_only_the_newest_releases_stay(desk, kept, stay):
    published = []
    for week in range(4):
        row = desk.publish(as_of=MONDAY + timedelta(days=7 * week), kept=kept)
        published.append(f"{row['release_id']}.duckdb")
        # the order of files is that of their times
        os.utime(desk.folder / published[-1], (week, week))
        assert desk.current.exists()
    assert desk.names() == {"current.duckdb", *published[-stay:]}


def test_an_older_build_stays_while_it_serves(desk):
    for week in (3, 2, 1):
        row = desk.publish(as_of=MONDAY + timedelta(days=7 * week), kept=1)
        assert desk.names() == {"current.duckdb", f"{row['release_id']}.duckdb"}


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("_copy", duckdb.IOException("disk")),
        ("_finish", KeyboardInterrupt()),
        ("check", duckdb.CatalogException("no macro")),
        ("_keep_week", OSError("disk")),
        ("sync", OSError("disk")),
        ("point_current", OSError("disk")),
        ("point_current", KeyboardInterrupt()),
    ],
)
def test_what_fails_on_the_way_leaves_the_last_release(desk, monkeypatch, step, error):
    first = desk.publish()

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(release, step, fail)
    expected = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else None
    with pytest.raises(expected or SunorecsysError) as raised:
        desk.publish(as_of=MONDAY + timedelta(days=7), source="landing")
    if expected is None:
        assert "The last release still serves" in str(raised.value)
    assert os.readlink(desk.current) == f"{first['release_id']}.duckdb"
    assert not [name for name in desk.names() if name.startswith(".")]
    assert desk.query("select release_id from build_info") == [(first["release_id"],)]
    monkeypatch.undo()


def test_a_file_that_a_macro_cannot_read_is_not_published(desk):
    first = desk.publish()
    without = "select * exclude (reason) from source.recommendations"
    with pytest.raises(SunorecsysError, match="reason"):
        desk.publish(recommendations=without)
    assert os.readlink(desk.current) == f"{first['release_id']}.duckdb"


def test_what_killed_builds_left_is_removed(desk):
    desk.folder.mkdir()
    left = (".building-1.duckdb", ".building-1.duckdb.wal", ".current.duckdb-1")
    for name in left:
        (desk.folder / name).write_bytes(b"half")
    row = desk.publish()
    assert desk.names() == {"current.duckdb", f"{row['release_id']}.duckdb"}


def test_a_reader_keeps_the_release_that_it_opened(desk):
    first = desk.publish()
    with duckdb.connect(str(desk.current.resolve()), read_only=True) as opened:
        for week in range(1, 4):
            desk.publish(as_of=MONDAY + timedelta(days=7 * week), kept=1)
        assert opened.execute("select release_id from build_info").fetchall() == [
            (first["release_id"],)
        ]
        (rows,) = opened.execute("select count(*) from recommendations").fetchone()
        assert rows > 0


def test_lists_of_own_data_are_kept_as_this_weeks_served_lists(desk, tmp_path):
    past = (
        "select * from source.discover_weekly union all "
        "select * replace (week_start - 7 as week_start) from source.discover_weekly"
    )
    desk.publish(source="landing", discover_weekly=past)
    served = tmp_path / "landing" / "served"
    assert [file.name for file in served.iterdir()] == ["week=2025-11-17.parquet"]
    rows = pq.read_table(served / "week=2025-11-17.parquet").to_pylist()
    (expected,) = duckdb.execute(
        f"select count(*) from '{served}/week=2025-11-17.parquet'"
    ).fetchone()
    ((listed,),) = desk.query(
        "select count(*) from discover_weekly where week_start = '2025-11-17'"
    )
    assert len(rows) == expected == listed > 0
    assert {row["week_start"] for row in rows} == {date(2025, 11, 17)}


def test_how_scores_are_distributed_is_kept_by_week(desk, tmp_path):
    desk.publish(source="landing")
    kept = tmp_path / "landing" / "monitoring" / "week=2025-11-17.parquet"
    columns = "week_start, channel, score_bin, candidates"
    stored = duckdb.execute(
        f"select {columns} from read_parquet('{kept}', hive_partitioning = false) "
        "order by all"
    ).fetchall()
    assert stored == desk.query(f"select {columns} from score_histograms order by all")
    # ten bins of four channels
    assert len(stored) == 40
    desk.publish(source="landing", as_of=MONDAY + timedelta(days=1))
    assert [file.name for file in kept.parent.iterdir()] == [kept.name]


def test_the_sample_serves_nobody(desk, tmp_path):
    desk.publish(source="sample")
    assert not (tmp_path / "landing").exists()


def test_a_full_disk_leaves_the_last_release(desk, sample_project):
    first = desk.publish()
    assert sample_project.current.stat().st_size > 2_000_000
    source = str(sample_project.current.resolve())
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, source, str(desk.folder)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
    )
    assert done.returncode == 1, done.stderr
    assert "The release could not be written" in done.stdout
    assert desk.names() == {"current.duckdb", f"{first['release_id']}.duckdb"}
    assert desk.query("select release_id from build_info") == [(first["release_id"],)]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_the_newest_files_come_first(tmp_path):
    for number, name in enumerate(("b.duckdb", "a.duckdb", ".building-1.duckdb")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (number, number))
    (tmp_path / "current.duckdb").symlink_to("a.duckdb")
    assert [path.name for path in release.files(tmp_path)] == ["a.duckdb", "b.duckdb"]
    assert release.files(tmp_path / "none") == []
