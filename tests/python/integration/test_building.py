"""Builds that are watched, stopped, killed or partial: the last release serves on."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import duckdb
import pytest

from conftest import DBT, SUNORECSYS
from sunorecsys import builds, lock, reader
from sunorecsys.build import WITHOUT_TESTS, run_dbt
from sunorecsys.release import macro_sql

PATIENCE = 120
PIP = (sys.executable, "-m", "pip", "install", "--quiet")


@pytest.fixture
def twin(sample_project, tmp_path):
    """A copy of the built sample that a test may build again."""
    return sample_project.twin(tmp_path / "twin")


def listed(workspace):
    """Return what a reader gets from the current release."""
    with workspace.release() as release:
        return reader.recommend(release, "listener-005", 30)


def wait_for(condition, process):
    """Wait until something is so while a process runs."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)


def is_writing(workspace):
    """Whether the build has begun; a look into its file would take its lock away."""
    return (workspace.root / "warehouse" / "sunorecsys.duckdb.wal").exists()


def is_publishing(workspace):
    return any((workspace.root / "releases").glob(".building-*"))


def test_a_copy_of_a_project_builds_its_own_files(sample_project, tmp_path):
    """Though dbt has read those of the first folder, and reads only what differs."""
    copy = sample_project.twin(tmp_path / "copy", is_tested=True)
    assert (copy.root / "target" / "partial_parse.msgpack").exists()
    with (copy.root / "seeds" / "reference" / "genres.csv").open("a") as genres:
        genres.write("kazoo,polka\n")
    model = copy.root / "models" / "marts" / "polkas.sql"
    polkas = "select {} as keyword from {{{{ ref('genres') }}}} where genre = 'polka'"
    for named, found in (("keyword", "kazoo"), ("upper(keyword)", "KAZOO")):
        model.write_text(polkas.format(named))
        selection = ("--select", "genres", "polkas", *WITHOUT_TESTS)
        run_dbt(copy.root, {"as_of": "2025-11-10"}, selection)
        assert copy.warehouse("from polkas") == [(found,)]


@pytest.mark.large
def test_readers_see_no_error_during_a_whole_rebuild(twin):
    """And a second build at the same time is told to wait."""
    before = listed(twin)
    with twin.start(*DBT, "build") as build:
        wait_for(lambda: is_writing(twin), build)
        second = twin.cli("build")
        polls = 0
        while build.poll() is None:
            # a new connection every time, as readers open one
            assert len(listed(twin)) == 30
            polls += 1
        out, err = build.communicate()
    assert build.returncode == 0, out + err
    assert polls > 20
    assert len(listed(twin)) == len(before)
    assert second.returncode == 1
    last = second.stderr.strip().splitlines()[-1]
    assert f"Another build is running (process {build.pid}, since 20" in last
    assert last.endswith("Wait for it to finish, then try again.")
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(is_writing, id="starting", marks=pytest.mark.large),
        pytest.param(None, id="halfway", marks=pytest.mark.large),
        pytest.param(is_publishing, id="publishing"),
    ],
)
def test_a_killed_build_leaves_the_last_release_and_the_next_one_succeeds(twin, moment):
    before = listed(twin)
    named = os.readlink(twin.current)
    build = twin.start(*DBT, "build", start_new_session=True)
    wait_for(lambda: (moment or is_writing)(twin), build)
    if moment is None:
        time.sleep(4)
    os.killpg(build.pid, signal.SIGKILL)
    build.communicate()
    assert build.returncode == -signal.SIGKILL
    assert listed(twin) == before
    assert os.readlink(twin.current) == named
    twin.build()
    assert len(listed(twin)) == 30
    left = {f.name for f in twin.current.parent.iterdir() if f.name[0] == "."}
    assert left == {lock.FILE}


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--select", "release"),
        ("build", "--select", "release"),
        pytest.param(("run",), marks=pytest.mark.large),
        pytest.param(
            ("build", "--exclude-resource-type", "seed"), marks=pytest.mark.large
        ),
    ],
)
def test_a_part_of_a_build_publishes_nothing_and_says_so(twin, arguments):
    before = sorted(file.name for file in twin.current.parent.iterdir())
    built_at = twin.query("select built_at from build_info")
    done = twin.dbt(*arguments)
    assert done.returncode == 0, done.stdout
    assert "Nothing was published" in done.stdout + done.stderr
    assert "The last release still serves" in done.stdout + done.stderr
    assert sorted(file.name for file in twin.current.parent.iterdir()) == before
    assert twin.query("select built_at from build_info") == built_at


def test_a_failing_test_keeps_the_last_release(sample_project, tmp_path):
    twin = sample_project.twin(tmp_path / "tested", is_tested=True)
    built_at = twin.query("select built_at from build_info")
    for name, what in (("called_so", "*"), ("a_number", "cast(user_id as int)")):
        failing = twin.root / "tests" / "singular" / f"nobody_is_{name}.sql"
        failing.parent.mkdir(parents=True, exist_ok=True)
        failing.write_text(f"select {what} from {{{{ ref('listeners') }}}} limit 1\n")
    done = twin.cli("build", "--json")
    assert done.returncode == 1
    first = re.search(r"test (nobody_is_\w+) failed", done.stderr)[1]
    assert "Nothing was published; the last release still serves" in done.stderr
    assert done.stdout == ""
    assert twin.query("select built_at from build_info") == built_at
    # and that is on record, without what the database said of a listener's id
    record = builds.newest(twin.root / "landing" / "builds")
    assert (record["status"], record["release_id"]) == ("failed", None)
    assert (str(record["as_of"]), record["source"]) == ("2025-11-17 00:00:00", "sample")
    steps = {step["name"]: step for step in record["steps"]}
    failed = [n for n, s in steps.items() if s["status"] in ("fail", "error")]
    assert sorted(failed) == ["nobody_is_a_number", "nobody_is_called_so"]
    assert failed[0] == first
    assert steps["nobody_is_called_so"]["failures"] == 1
    assert steps["listeners"]["row_count"] == 250
    assert steps["sample_songs"]["row_count"] == 600
    assert steps["release"]["status"] == "skipped"
    assert "listener-" not in str(record)


def holds_lock(workspace, process):
    file = workspace.current.parent / lock.FILE
    return file.exists() and file.read_text().startswith(f"{process.pid} ")


FIRST_AND_SECOND = [
    pytest.param(
        (*DBT, "build"), (*DBT, "build"), id="dbt, dbt", marks=pytest.mark.large
    ),
    pytest.param(
        (*SUNORECSYS, "build"), (*DBT, "build"), id="ours, dbt", marks=pytest.mark.large
    ),
    pytest.param(
        (*SUNORECSYS, "build"),
        (*SUNORECSYS, "build"),
        id="ours, ours",
        marks=pytest.mark.large,
    ),
]


@pytest.mark.parametrize(("first", "second"), FIRST_AND_SECOND)
def test_the_second_of_two_builds_stops_and_the_first_is_not_disturbed(
    twin, first, second
):
    before = twin.query("select built_at from build_info")
    with twin.start(*first) as build:
        wait_for(lambda: holds_lock(twin, build), build)
        refused = []
        # again and again, because dbt closes the warehouse between its steps
        while build.poll() is None:
            refused.append(twin.run(*second))
            if build.poll() is not None:
                # it may have begun when the first one had ended
                refused.pop()
        out, err = build.communicate()
    assert build.returncode == 0, out + err
    assert refused
    for done in refused:
        assert done.returncode != 0
        shown = done.stdout + done.stderr
        assert f"Another build is running (process {build.pid}, since 20" in shown
        assert "Wait for it to finish, then try again." in shown
        assert "Traceback" not in shown
    assert twin.query("select built_at from build_info") > before


@pytest.mark.parametrize(
    "seconds", [3, *(pytest.param(n, marks=pytest.mark.large) for n in (0, 6))]
)
def test_a_build_that_is_stopped_says_so_and_leaves_the_last_release(twin, seconds):
    before = twin.query("from build_info")
    with twin.start(*SUNORECSYS, "build") as build:
        wait_for(lambda: holds_lock(twin, build), build)
        time.sleep(seconds)
        build.send_signal(signal.SIGINT)
        out, err = build.communicate(timeout=60)
    assert build.returncode == 130, err
    assert out == ""
    assert err.splitlines()[-1] == "Stopped."
    assert "Traceback" not in err
    assert twin.query("from build_info") == before
    assert builds.newest(twin.root / "landing" / "builds")["status"] == "stopped"


STOPPED_EARLY = """
import sys
from pathlib import Path

import dbt.cli.requires


def stop(*_, **__):
    raise KeyboardInterrupt


dbt.cli.requires.setup_event_logger = stop

from sunorecsys import build

try:
    build.parsed(Path.cwd(), {})
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_a_build_that_is_stopped_while_dbt_starts_prints_nothing(workspace):
    done = workspace.run(sys.executable, "-c", STOPPED_EARLY)
    assert done.returncode == 130, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_build_that_publishes_nothing_says_why_and_fails(sample_project, tmp_path):
    twin = sample_project.twin(tmp_path / "twin")
    with duckdb.connect(str(twin.current.resolve())) as opened:
        opened.execute("update build_info set source = 'landing'")
    done = twin.cli("build", "--json")
    assert done.returncode == 1
    assert done.stdout == ""
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .startswith(
            "Error: Nothing was published: a release of the sample does not replace"
        )
    )
    assert twin.query("select source from build_info") == [("landing",)]
    record = builds.newest(twin.root / "landing" / "builds")
    assert (record["status"], record["release_id"]) == ("unpublished", None)
    assert {step["status"] for step in record["steps"]} == {"success"}


def test_an_impossible_date_stops_the_build(workspace):
    done = workspace.dbt("build", "--vars", "{as_of: '2025-13-45'}")
    assert done.returncode != 0
    assert "2025-13-45" in done.stdout
    assert not workspace.current.exists()


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ("{relative_weights: 2}", "relative_weights is '2'; use a number from 0 to 1"),
        ("{quality_weights: {editor: -1}}", "quality_weights gives editor the weight"),
        pytest.param(
            "{quality_weights: {engagement: 0, editor: 0}}",
            "quality_weights has no weight above 0",
            marks=pytest.mark.large,
        ),
        pytest.param(
            "{als_scaled_regularization: 'yes'}",
            "als_scaled_regularization is 'yes'; use true or false",
            marks=pytest.mark.large,
        ),
    ],
)
def test_a_setting_out_of_its_range_is_named(workspace, variables, named):
    done = workspace.dbt("parse", "--vars", variables)
    assert done.returncode != 0
    assert named in done.stdout


def test_duckdb_1_4_reads_a_release(sample_project, tmp_path):
    """Other tools have not all moved to DuckDB 2; every macro works in both."""
    target = tmp_path / "duckdb14"
    installed = subprocess.run(
        [*PIP, "--target", target, "--no-deps", "duckdb==1.4.*"],
        capture_output=True,
        text=True,
    )
    if installed.returncode:
        pytest.skip(f"pip cannot install duckdb 1.4: {installed.stderr[-200:]}")
    with sample_project.release() as release:
        expected = {sql: release.execute(sql).fetchall() for sql in CALLS}
    file = shutil.copy(sample_project.current, tmp_path / "release.duckdb")
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(file), json.dumps(CALLS)],
        env={"PYTHONPATH": str(target), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    version, answers = json.loads(done.stdout)
    assert version.startswith("1.4.")
    for sql, rows in expected.items():
        assert len(answers[sql]) == len(rows) > 0
        for answer, row in zip(answers[sql], rows, strict=True):
            numbers = [value for value in row if isinstance(value, float)]
            assert [v for v in answer if isinstance(v, float)] == pytest.approx(
                numbers, abs=1e-9
            )
            assert [v for v in answer if isinstance(v, str)] == [
                v for v in row if isinstance(v, str)
            ]
    created = {statement.split("macro ")[1].split("(")[0] for statement in macro_sql()}
    called = " ".join(CALLS)
    # those are called by the others
    inner = {"als_solve", "listener_seeds", "listener_candidates"}
    inner |= {"recommend_after", "explain_after"}
    assert all(name.strip('"') in called for name in created - inner)


CALLS = [
    "select * from recommend('listener-005')",
    "select * from recommend_from(['song-0001', 'song-0002'], n := 20)",
    "select * from recommend_from([], n := 5)",
    "select * from \"similar\"('song-0001', channel := 'content')",
    "select * from explain('listener-005', (select song_id from recommendations "
    "where user_id = 'listener-005' and recommendation_rank = 1))",
    "select * from why_not('listener-005', 'song-0001')",
    "select * from reblend('listener-005', content := 0, user_cf := 0.6)",
    "select * from search('dreamy piano')",
    # nothing was heard in the sample
    "select count(*) from sounds_like([1, 0])",
    "select * exclude (week_start) from playlist('listener-005', week := '2025-11-20')",
    "select function_name, comment from duckdb_functions() "
    "where comment is not null and not internal order by function_name",
    "select title, genre, tags from songs order by song_id limit 20",
]

ASK = """
import json, sys

import duckdb

file, calls = sys.argv[1], json.loads(sys.argv[2])
release = duckdb.connect(file, read_only=True)
answers = {sql: release.execute(sql).fetchall() for sql in calls}
print(json.dumps([duckdb.__version__, answers]))
"""


def test_pairs_that_do_not_fit_stop_the_build_before_they_are_counted(twin):
    """The message names a cap that fits."""
    before = listed(twin)
    (twin.root / "tight.yml").write_text("item_cf_memory_gb: 0.003\n", "utf-8")
    done = twin.cli("build", "--settings", "tight.yml")
    assert done.returncode == 1
    found = re.search(
        r"item_cf would count \d+ pairs of songs, .* item_cf_memory_gb allows 0.003. "
        r"Set max_songs_per_listener to (\d+) instead of 500",
        done.stderr,
    )
    assert found, done.stderr
    assert listed(twin) == before
    lower = f"{{item_cf_memory_gb: 0.003, max_songs_per_listener: {found[1]}}}"
    done = twin.dbt("build", "--vars", lower, "--select", "item_cf_cost")
    assert done.returncode == 0, done.stdout
