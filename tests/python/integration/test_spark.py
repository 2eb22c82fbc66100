"""The sample and a landing on Spark, table by table the same as on DuckDB."""

import importlib.util
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import numpy as np
import pytest
from town import WEEKS, event, write_feedback

from conftest import DBT, ROOT, Workspace

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pyspark") is None
    or importlib.util.find_spec("dbt.adapters.spark") is None
    or shutil.which("java") is None,
    reason="needs sunorecsys[spark] and Java",
)


TABLES = "warehouse/spark/sunorecsys.db"
# Spark has no type for lists of one length
TYPES = """
select table_name, column_name, replace(data_type, '[50]', '[]') as data_type
from duckdb_columns() where not internal
"""


class BothEngines:
    """The tables of the DuckDB file and the Parquet files of Spark, side by side."""

    def __init__(self, duckdb_project: Workspace, spark_project: Workspace):
        self.spark_tables = spark_project.root / TABLES
        self.connection = duckdb.connect()
        self.connection.execute("set TimeZone = 'UTC'")
        database = duckdb_project.root / "warehouse" / "sunorecsys.duckdb"
        self.connection.execute(f"attach '{database}' as built (read_only)")

    def names(self) -> tuple[set[str], set[str]]:
        on_duckdb = self.connection.execute(
            "select table_name from duckdb_tables() where database_name = 'built'"
        ).fetchall()
        on_spark = {path.name for path in self.spark_tables.iterdir()}
        return {name for (name,) in on_duckdb}, on_spark

    def _rows(self, relation: str, columns: list[str]) -> list[tuple]:
        types = {
            name: kind
            for name, kind, *_ in self.connection.execute(
                f"describe from {relation}"
            ).fetchall()
        }
        # floats last, which differ by their last digits
        keys = sorted(columns, key=lambda name: "DOUBLE" in types[name])
        listed = (
            f"cast({name} as timestamp)" if "TIME ZONE" in types[name] else name
            for name in columns
        )
        return self.connection.execute(
            f"select {', '.join(listed)} from {relation} order by {', '.join(keys)}"
        ).fetchall()

    def difference(self, table: str) -> str | None:
        """Return how a table differs between the engines, None if it does not."""
        on_duckdb = f"built.{table}"
        on_spark = f"read_parquet('{self.spark_tables}/{table}/*.parquet')"
        columns, others = (
            [
                name
                for name, *_ in self.connection.execute(
                    f"describe from {relation}"
                ).fetchall()
            ]
            for relation in (on_duckdb, on_spark)
        )
        if columns != others:
            return f"columns {columns} and {others}"
        expected, found = (
            self._rows(relation, columns) for relation in (on_duckdb, on_spark)
        )
        if len(expected) != len(found):
            return f"{len(expected)} and {len(found)} rows"
        unlike = [
            pair for pair in zip(expected, found, strict=True) if not is_same(*pair)
        ]
        return f"{len(unlike)} rows, such as {unlike[0]}" if unlike else None

    def differences(self) -> dict[str, str]:
        """Return how the tables differ, but for the name of the release.

        Last digits of floats may differ, and a release is named after all digits.
        """
        on_duckdb, on_spark = self.names()
        assert on_duckdb == on_spark
        found = {table: self.difference(table) for table in on_duckdb - {"release"}}
        return {table: how for table, how in found.items() if how is not None}


def is_same(one, other) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return is_same([*one.items()], [*other.items()])
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return one == other or math.isclose(one, other, rel_tol=1e-9)
    return one == other


LEARN = """
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

from sunorecsys import als, spark
from sunorecsys.vectors import matrix

folder, songs = Path(sys.argv[1]), int(sys.argv[2])
user, song, weight = np.load(folder / "told.npy").T
rows = pa.table(
    {
        "user_index": pa.array(user.astype(int), pa.int32()),
        "song_index": pa.array(song.astype(int), pa.int32()),
        "weight": weight,
    }
)
settings = {"factors": 20, "iterations": 15, "alpha": 40.0}
settings |= {"listener_ridge": 0.1, "song_ridge": 0.1, "song_ridge_per_listener": 0.0}
all_songs = pa.table({"song_index": pa.array(range(songs), pa.int32())})
for name, learn, seed in (
    ("driver", als, 42), ("other_seed", als, 43), ("spark", spark, 42)
):
    found = learn.song_factors(rows, all_songs, seed=seed, **settings)
    of_users = als.user_factors(
        found, rows, factors=20, regularization=0.1, alpha=40.0
    )
    vectors = matrix(found["factors"], 20, float)
    scores = np.zeros((1 + int(user.max()), songs))
    scores[of_users["user_index"]] = matrix(of_users["factors"], 20, float) @ vectors.T
    np.save(folder / f"{name}.npy", scores)
"""


def is_held(row) -> bool:
    user, song, _ = row
    return (7 * user + song) % 5 == 0


def top_songs(scores, told) -> dict[int, set[int]]:
    """Return the best 20 songs of each listener that they were not told of."""
    for user, song, _ in told:
        scores[user, song] = -np.inf
    return {user: set(np.argsort(-row)[:20]) for user, row in enumerate(scores)}


def build_on_spark(workspace: Workspace, *arguments: str) -> None:
    with workspace.start(*DBT, "build", "--target", "spark", *arguments) as process:
        out, err = process.communicate(timeout=1800)
    assert process.returncode == 0, out[-3000:] + err[-3000:]


def every_kind_of_landing(workspace: Workspace) -> None:
    """Land some of all that is kept there, by the commands of users, in two weeks."""

    def run(*arguments: str) -> None:
        done = workspace.cli(*arguments)
        assert done.returncode == 0, done.stderr[-3000:]

    run("simulate", "--songs", "150", "--listeners", "60", "--until", WEEKS[1])
    landing = workspace.root / "landing"
    songs = [
        song
        for (song,) in duckdb.execute(
            "select distinct song_id from read_parquet($1) order by song_id",
            [f"{landing}/songs/*.parquet"],
        ).fetchall()
    ]
    scores = workspace.root / "scores.csv"
    rows = [f"{song},mood,{place % 7}" for place, song in enumerate(songs)]
    scores.write_text("\n".join(["song_id,signal,score", *rows]))
    run("ingest", "quality", scores)
    for day in (2, 8):
        plays = [event("ü'3 new", song, day, n) for n, song in enumerate(songs[:4])]
        file = write_feedback(workspace, day, [*plays, plays[0]])
    # the start of a line, as a server that was killed leaves it
    with file.open("a") as lines:
        lines.write('{"received_at":"2025-01-08T1')
    workspace.leave_out_tests()
    run("evaluate", "--weeks", "1")
    run("build", "--as-of", WEEKS[0])
    run("block", songs[5], "--reason", "asked for")
    kinds = {path.name for path in landing.iterdir() if any(path.glob("*.parquet"))}
    assert kinds >= {"songs", "interactions", "playlists", "quality", "feedback"}
    assert kinds >= {"blocked", "served", "monitoring", "evaluations", "builds"}


def test_every_table_of_the_sample_is_the_same_on_spark(sample_project, workspace):
    # the landing below is built with the tests of the models
    build_on_spark(workspace, "--exclude-resource-type", "test")
    engines = BothEngines(sample_project, workspace)
    assert engines.differences() == {}
    # tasks made them, each of its share of the listeners
    for table in ("als_user_factors", "als_candidates", "als_contributions"):
        files = f"{engines.spark_tables}/{table}/*.parquet"
        shares = engines.connection.execute(
            "select list_sort(list(distinct user_index % 2)) "
            f"from read_parquet('{files}', filename = true) group by filename"
        ).fetchall()
        assert sorted(shares) == [([0],), ([1],)], table


@pytest.fixture(scope="module")
def week_before(builds):
    return builds.get("every kind of landing", every_kind_of_landing)


@pytest.fixture(scope="module")
def killed(week_before, tmp_path_factory):
    """A copy in which Java was killed while Spark built, and what dbt said."""
    workspace = week_before.twin(tmp_path_factory.mktemp("spark") / "project")
    tables = workspace.root / TABLES
    # as a job that is killed leaves a table of which Spark does not know yet
    half = tables / "weekly_lists"
    (half / "_temporary").mkdir(parents=True)
    (half / "part-00000.parquet").write_bytes(b"PAR1")
    with workspace.start(*DBT, "build", "--target", "spark") as process:
        until = time.monotonic() + 300
        while not (tables / "stg_songs" / "_SUCCESS").exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.05)
        for children in Path(f"/proc/{process.pid}/task").glob("*/children"):
            for child in map(int, children.read_text().split()):
                if "java" in Path(f"/proc/{child}/cmdline").read_text():
                    os.kill(child, signal.SIGKILL)
        out, _ = process.communicate(timeout=300)
    return workspace, process.returncode, out


@pytest.fixture(scope="module")
def landed(week_before, killed, tmp_path_factory):
    """A landing of every kind, built on DuckDB, and on Spark after it was killed."""
    on_duckdb = week_before.twin(tmp_path_factory.mktemp("duckdb") / "project")
    done = on_duckdb.run(*DBT, "build")
    assert done.returncode == 0, done.stdout[-3000:]
    on_spark, *_ = killed
    build_on_spark(on_spark)
    return on_duckdb, on_spark


@pytest.mark.large
def test_the_last_release_serves_when_java_is_killed(week_before, killed):
    workspace, status, out = killed
    assert status == 1, out[-3000:]
    assert os.readlink(workspace.current) == os.readlink(week_before.current)
    served = workspace.root / "landing" / "served"
    assert [path.stem for path in served.iterdir()] == [f"week={WEEKS[0]}"]


def test_a_build_without_java_says_what_to_install(workspace):
    environment = workspace.environment | {"PATH": "/nowhere", "JAVA_HOME": ""}
    done = subprocess.run(
        [*DBT, "build", "--target", "spark"],
        cwd=workspace.root,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "Spark needs Java 17 or newer, and there is none on the PATH" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.large
def test_every_table_of_a_landing_is_the_same_on_spark(landed):
    engines = BothEngines(*landed)
    assert engines.differences() == {}
    for table in ("stg_feedback", "stg_served_lists", "stg_blocked_songs"):
        rows = engines.connection.execute(f"select count(*) from built.{table}")
        assert rows.fetchall()[0][0] > 0


@pytest.mark.large
def test_a_release_from_spark_answers_as_one_from_duckdb(landed):
    song = landed[0].query("select min(song_id) from songs")[0][0]
    for question in (
        ("recommend", "--user", "ü'3 new"),
        ("recommend", "--user", "nobody knows"),
        ("recommend", "--songs", song),
        ("similar", song),
        ("search", "dreamy synthwave"),
        ("explain", "ü'3 new", song),
        ("why-not", "ü'3 new", song),
        ("sql", "select source, as_of, feedback_until, row_counts from build_info"),
        ("sql", TYPES),
        ("sql", "from health"),
    ):
        on_duckdb, on_spark = (each.cli(*question, "--json") for each in landed)
        assert on_duckdb.returncode == on_spark.returncode, on_spark.stderr
        one, other = (json.loads(done.stdout or "{}") for done in (on_duckdb, on_spark))
        for answer in (one, other):
            if isinstance(answer, dict):
                answer.pop("release_id", None)
        assert is_same(one, other), (question, one, other)


def test_als_of_spark_recommends_what_the_driver_does(sample_project, tmp_path):
    """Of a fifth of the songs that listeners played and the factors were not told."""
    rows = sample_project.query(
        "select user_index, song_index, weight from user_songs where weight > 0"
    )
    told, held = (
        [row for row in rows if is_held(row) == held] for held in (False, True)
    )
    songs = 1 + max(song for _, song, _ in rows)
    np.save(tmp_path / "told.npy", np.array(told))
    done = sample_project.run(sys.executable, "-c", LEARN, tmp_path, songs)
    assert done.returncode == 0, done.stderr[-3000:]
    lists = {
        name: top_songs(np.load(tmp_path / f"{name}.npy"), told)
        for name in ("driver", "other_seed", "spark")
    }
    recall, shared = {}, {}
    for name, best in lists.items():
        recall[name] = np.mean([song in best[user] for user, song, _ in held])
        shared[name] = np.mean(
            [len(best[user] & lists["driver"][user]) / 20 for user in best]
        )
    # a list of 20 of 600 songs by chance holds a thirtieth
    assert recall["spark"] > 0.8 * recall["driver"] > 0.1, recall
    assert shared["spark"] > 0.8 * shared["other_seed"], shared


@pytest.mark.large
def test_the_evaluation_of_an_earlier_week_is_the_same_on_spark(workspace, tmp_path):
    """The sample as of its end has no later plays to be judged by."""
    variables = ("--vars", "as_of: '2025-11-10'")
    on_duckdb = Workspace.copy(tmp_path / "duckdb")
    done = on_duckdb.run(*DBT, "build", "--exclude-resource-type", "test", *variables)
    assert done.returncode == 0, done.stdout[-3000:]
    build_on_spark(workspace, "--exclude-resource-type", "test", *variables)
    engines = BothEngines(on_duckdb, workspace)
    summary = engines.spark_tables / "evaluation_summary"
    ((rows,),) = engines.connection.execute(
        f"select count(*) from read_parquet('{summary}/*.parquet')"
    ).fetchall()
    assert rows > 500
    assert engines.differences() == {}


@pytest.mark.large
def test_two_executors_send_each_other_rows_and_join_every_pair_once(tmp_path):
    file = tmp_path / "shuffle.json"
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "python" / "benchmarks" / "shuffle.py",
            *("--plays", "3000", "--json", file),
        ],
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(file.read_text())
    assert found["executors"] == ["0", "1"]
    for table in ("listens", "item_cf_neighbors", "ranked_candidates"):
        assert found["tables"][table]["remote"] > 0, table
    assert found["pairs"] == found["expected_pairs"] > 0
    assert f"pairs joined: {found['pairs']:,}" in done.stdout
