"""The weekly build runs when it is due, once, alone, as cron and systemd call it."""

import json
import os
import re
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import duckdb
import pytest
from town import CATALOGUES, LISTENER, event, write_feedback

from conftest import ROOT, SUNORECSYS, crowd, song
from sunorecsys import lock
from sunorecsys.weekly import DAYS, due_day

__all__ = ["CATALOGUES"]

DEPLOY = ROOT / "python" / "deploy"
# of the sample, whose release is as of Monday 2025-11-17
NEXT_WEEK = "2025-11-26"


@pytest.fixture
def twin(sample_project, tmp_path):
    return sample_project.twin(tmp_path / "twin")


@pytest.fixture
def town(built, tmp_path):
    return built.twin(tmp_path / "town")


def weekly(workspace, *arguments):
    done = workspace.cli("weekly", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def content(workspace):
    folder = workspace.root / "releases"
    return {path.name: path.lstat().st_mtime_ns for path in folder.glob("*.duckdb")}


@pytest.mark.parametrize(
    ("today", "day", "due"),
    [
        ("2025-11-17", "monday", "2025-11-17"),
        ("2025-11-18", "monday", "2025-11-17"),
        ("2025-11-23", "monday", "2025-11-17"),
        ("2025-11-24", "monday", "2025-11-24"),
        ("2025-11-17", "sunday", "2025-11-16"),
        ("2026-01-01", "monday", "2025-12-29"),
        ("2024-03-01", "thursday", "2024-02-29"),
    ],
)
def test_due_is_the_last_such_day(today, day, due):
    assert due_day(date.fromisoformat(today), day) == date.fromisoformat(due)
    assert due_day(date.fromisoformat(due), day) == date.fromisoformat(due)


def test_every_day_has_its_name():
    monday = date(2025, 11, 17)
    assert [due_day(monday, day).strftime("%A").lower() for day in DAYS] == list(DAYS)


@pytest.mark.parametrize("today", ["2025-11-17", "2025-11-23", "2025-11-01"])
def test_what_is_there_is_not_built_again(sample_project, today):
    before = content(sample_project)
    done = sample_project.cli("weekly", "--today", today)
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    name = sample_project.current.resolve().stem
    assert f"Nothing is due: release {name} is as of 2025-11-17." in done.stdout
    assert "The next is due 2025-11-24." in done.stdout
    assert content(sample_project) == before


def test_a_missed_week_is_built_on_a_later_day_and_once(twin):
    first = weekly(twin, "--today", NEXT_WEEK)
    assert first["was_due"] is True
    assert first["as_of"] == "2025-11-24"
    assert first["next_due"] == "2025-12-01"
    assert (first["listeners"], first["songs"]) == (250, 600)
    assert first["feedback_events"] == 0
    assert first["seconds"] > 0
    assert twin.current.resolve().stem == first["release_id"]
    after = content(twin)
    for today in (NEXT_WEEK, "2025-11-24", "2025-11-30"):
        again = weekly(twin, "--today", today)
        assert again["was_due"] is False
        assert again["release_id"] == first["release_id"]
    assert content(twin) == after
    # a week that serves no more, after a rollback, is not built again either
    link = twin.current
    link.unlink()
    (other,) = {name for name in after if name.startswith("2025-11-17")}
    link.symlink_to(other)
    assert weekly(twin, "--today", NEXT_WEEK)["was_due"] is False


def test_two_at_once_make_one_release(twin):
    with twin.start(*SUNORECSYS, "weekly", "--today", NEXT_WEEK) as first:
        wal = twin.root / "warehouse" / "sunorecsys.duckdb.wal"
        until = time.monotonic() + 60
        while not wal.exists():
            assert first.poll() is None, first.communicate()
            assert time.monotonic() < until
            time.sleep(0.02)
        second = twin.cli("weekly", "--today", NEXT_WEEK)
        out, err = first.communicate()
    assert first.returncode == 0, err
    assert "Release 2025-11-24-" in out
    assert second.returncode == 1
    assert second.stdout == ""
    assert f"Another build is running (process {first.pid}" in second.stderr
    assert second.stderr.count("\n") == 1
    assert len(content(twin)) == 3


@pytest.mark.catalogue("town")
def test_feedback_that_is_new_is_counted_and_past_days_are_compacted(town):
    # the town has two events of the 8th and two of the 9th that no release knows
    folder = town.root / "landing" / "feedback"
    late = event("u01", "s01", 25)
    write_feedback(town, 12, [event(LISTENER, "s03", 12), late])
    with (folder / "2025-01-12.jsonl").open("a") as file:
        # a damaged disk does not stop a build
        file.write('{"event_id": "x"}\n{"event_id": "y", "occurred_at": 7}\nnoise\n')
    week = weekly(town, "--today", "2025-01-22")
    assert week["as_of"] == "2025-01-20"
    assert week["feedback_events"] == 5
    assert week["evaluation"] is None
    assert week["warnings"] == [
        "The week from 2025-01-13 was not evaluated. Nothing happened in the 7 days "
        "from 2025-01-13. Choose other weeks with --as-of and --weeks."
    ]
    assert {path.name for path in folder.glob("2025*")} == {
        "2025-01-02.parquet",
        "2025-01-08.parquet",
        "2025-01-09.parquet",
        "2025-01-12.jsonl",
    }
    heard = town.query(
        "select 1 from user_songs where user_id = $1 and song_id = 's03'", LISTENER
    )
    assert heard == [(1,)]
    # what lies after its as_of is new in the next one
    later = weekly(town, "--today", "2025-01-27")
    assert later["feedback_events"] == 1
    # of one listener, so there is nothing to compare it with
    assert later["evaluation"]["as_of"] == "2025-01-20"
    assert later["evaluation"]["before"] is None
    kept = town.root / "landing" / "evaluations" / "2025-01-20-landing-classic.parquet"
    assert kept.is_file()


@pytest.mark.large
def test_the_first_songs_of_ones_own_are_due_though_the_sample_is_built(twin):
    assert weekly(twin, "--today", "2025-11-17")["was_due"] is False
    twin.land("songs", [song(n) for n in range(40)])
    twin.land("interactions", crowd(40, 10))
    week = weekly(twin, "--today", "2025-11-17")
    assert (week["was_due"], week["songs"], week["listeners"]) == (True, 40, 10)
    assert twin.query("select source from build_info") == [("landing",)]
    assert weekly(twin, "--today", "2025-11-17")["was_due"] is False
    # as if it had been built by hand on the Sunday before: what came later is missing
    with duckdb.connect(str(twin.current.resolve())) as opened:
        opened.execute("update build_info set built_at = timestamp '2025-11-16 12:00'")
    assert weekly(twin, "--today", "2025-11-17")["was_due"] is True
    assert weekly(twin, "--today", "2025-11-17")["was_due"] is False


@pytest.mark.large
def test_a_build_that_fails_is_one_line_and_tried_again(twin):
    failing = twin.root / "tests" / "singular" / "nobody_is_called_so.sql"
    failing.write_text("select * from {{ ref('listeners') }} limit 1\n")
    before = content(twin)
    done = twin.cli("weekly", "--today", NEXT_WEEK)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "test nobody_is_called_so failed" in done.stderr
    assert content(twin) == before
    failing.unlink()
    assert weekly(twin, "--today", NEXT_WEEK)["was_due"] is True


def test_while_another_build_runs_it_says_so(twin):
    with lock.build_lock(twin.root):
        done = twin.cli("weekly", "--today", NEXT_WEEK)
    assert done.returncode == 1
    assert "Another build is running" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--day", "someday"),
        ("--day", ""),
        ("--today", "yesterday"),
        ("--today", "2025-02-30"),
        ("--today", "0001-01-01", "--day", "sunday"),
        ("--today", "9999-12-31"),
    ],
)
def test_wrong_calls_exit_with_2(sample_project, arguments):
    done = sample_project.cli("weekly", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""


def commands():
    """Return what the examples run, as a shell gets it."""
    cron = (DEPLOY / "crontab").read_text()
    (line,) = [line for line in cron.splitlines() if re.match(r"[\d*]", line)]
    service = (DEPLOY / "sunorecsys-weekly.service").read_text()
    (started,) = re.findall(r"^ExecStart=(.*)$", service, re.MULTILINE)
    return {"cron": line.split(maxsplit=5)[5], "systemd": started}


@pytest.mark.parametrize(
    "name", ["cron", pytest.param("systemd", marks=pytest.mark.large)]
)
def test_the_examples_run_the_weekly_build_of_the_folder_one_names(twin, name):
    """As cron and systemd do it: with hardly any environment, from another folder."""
    program = twin.root / ".venv" / "bin" / "sunorecsys"
    program.parent.mkdir(parents=True)
    package = Path(lock.__file__).parents[1]
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(package)!r})\n"
        "from sunorecsys.cli import main\nmain()\n"
    )
    program.chmod(0o755)
    environment = {
        "PATH": "/usr/bin:/bin",
        "PROJECT": str(twin.root),
        "SUNORECSYS_PROJECT_DIR": str(twin.root),
        "HOME": "/nowhere",
    }
    before = content(twin)
    done = subprocess.run(
        ["/bin/sh", "-c", commands()[name]],
        cwd="/",
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    log = twin.root / "logs" / "weekly.log"
    said = log.read_text() if name == "cron" else done.stdout
    assert done.returncode == 0, (said, done.stderr)
    assert re.search(r"Release (\S+): 250 listeners, 600 songs", said)
    assert len(content(twin)) == len(before) + 1
    assert os.readlink(twin.current) not in before


def test_the_examples_name_no_folder_of_ours_and_what_they_name_exists():
    files = sorted(DEPLOY.iterdir())
    assert [file.name for file in files] == [
        "crontab",
        "sunorecsys-weekly.service",
        "sunorecsys-weekly.timer",
    ]
    for file in files:
        paths = re.findall(r"(?<![\w.~}\"])/[\w./-]+", file.read_text())
        assert set(paths) <= {"/path/to/sunorecsys", "/bin/sh"}
    timer = (DEPLOY / "sunorecsys-weekly.timer").read_text()
    assert "Persistent=true" in timer
