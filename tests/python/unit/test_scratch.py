"""A copy of the project lives as long as what it is for, and touches nothing else."""

import os
import signal
import subprocess
import sys
from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import Workspace, play, song
from sunorecsys import build, erasure
from sunorecsys.errors import SunorecsysError
from sunorecsys.project import Project
from sunorecsys.scratch import (
    leftovers,
    own_warehouse,
    remove_leftovers,
    scratch_project,
)


@pytest.fixture
def project(tmp_path):
    workspace = Workspace.copy(tmp_path / "project")
    workspace.land("songs", [song(1)])
    workspace.land("interactions", [play("u1", "s01")])
    return Project(workspace.root)


def test_the_copy_reads_landing_and_writes_elsewhere(project, monkeypatch):
    monkeypatch.setenv("SUNORECSYS_WAREHOUSE", "/elsewhere/own.duckdb")
    (project.landing / "served").mkdir()
    with scratch_project(project, "landing") as copy:
        assert copy.root.is_relative_to(project.root / "target")
        assert copy.warehouse.is_relative_to(copy.root)
        assert (copy.root / "dbt_project.yml").exists()
        assert pq.read_table(copy.landing / "songs" / "rows.parquet").num_rows == 1
        # not what was served: a backtest has lists of its own
        assert not (copy.landing / "served").exists()
        assert leftovers(project) == [(copy.root, True)]
    assert not copy.root.exists()
    assert os.environ["SUNORECSYS_WAREHOUSE"] == "/elsewhere/own.duckdb"
    assert (project.landing / "songs" / "rows.parquet").exists()


def test_there_may_be_several_copies(project):
    with (
        scratch_project(project, "landing") as one,
        scratch_project(project, "landing") as other,
    ):
        assert sorted(leftovers(project)) == sorted(
            [(one.root, True), (other.root, True)]
        )
        assert other.warehouse.is_relative_to(other.root)
        with own_warehouse(one):
            assert one.warehouse.is_relative_to(one.root)
        assert other.warehouse.is_relative_to(other.root)
        assert (one.landing / "songs" / "rows.parquet").exists()
    assert leftovers(project) == []
    assert "SUNORECSYS_WAREHOUSE" not in os.environ


def test_what_dbt_has_read_in_one_copy_builds_another_day_in_the_other(project):
    def fixed(day):
        return {"source": "landing", "as_of": str(day)}

    with (
        scratch_project(project, "landing") as one,
        scratch_project(project, "landing") as other,
    ):
        with own_warehouse(one):
            manifest = build.parsed(one.root, fixed("2025-01-01"))
        for copy, day in ((one, "2025-01-01"), (other, "2025-01-08")):
            selection = ("--select", "+build_clock", *build.WITHOUT_TESTS)
            with own_warehouse(copy):
                build.run_dbt(copy.root, fixed(day), selection, manifest=manifest)
        found = []
        for copy in (one, other):
            file = copy.root / "warehouse" / "sunorecsys.duckdb"
            with duckdb.connect(str(file), read_only=True) as warehouse:
                found += warehouse.sql("select as_of from build_clock").fetchall()
    assert found == [(datetime(2025, 1, 1),), (datetime(2025, 1, 8),)]


def test_the_copy_goes_when_the_work_fails(project):
    with (
        pytest.raises(SunorecsysError, match="no"),
        scratch_project(project, "landing"),
    ):
        raise SunorecsysError("no")
    assert leftovers(project) == []
    assert "SUNORECSYS_WAREHOUSE" not in os.environ


def test_the_sample_is_landed_as_dbt_would_load_it(project):
    types = {pa.string(): "varchar", pa.timestamp("us"): "timestamp"}
    with scratch_project(project, "sample") as copy:
        for kind, rows in (("songs", 600), ("interactions", 15227)):
            landed = pq.read_table(copy.landing / kind / "sample.parquet")
            assert landed.num_rows == rows
            # beside another reader of CSV
            names = ", ".join(
                f"cast({field.name} as {types.get(field.type, str(field.type))})"
                for field in landed.schema
            ).replace("as bool)", "as boolean)")
            file = project.root / "seeds" / "sample" / f"sample_{kind}.csv"
            wanted = duckdb.execute(
                f"select {names} from read_csv($1, all_varchar = true)", [str(file)]
            ).fetchall()
            columns = landed.to_pydict().values()
            assert list(zip(*columns, strict=True)) == wanted
        assert not (copy.landing / "feedback").exists()


def test_what_a_killed_process_left_goes_without_what_it_links(project):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from sunorecsys.project import Project\n"
        "from sunorecsys.scratch import scratch_project\n"
        "with scratch_project(Project(Path(sys.argv[1])), 'landing') as copy:\n"
        "    print(copy.root, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, project.root], stdout=subprocess.PIPE, text=True
    ) as process:
        left = process.stdout.readline().strip()
        assert [(str(path), used) for path, used in leftovers(project)] == [
            (left, True)
        ]
        process.send_signal(signal.SIGKILL)
    assert [(str(path), used) for path, used in leftovers(project)] == [(left, False)]
    remove_leftovers(project)
    assert leftovers(project) == []
    assert (project.landing / "interactions" / "rows.parquet").exists()


def test_forget_removes_a_copy_that_was_left(project):
    left = project.root / "target" / ".scratch-left" / "found"
    left.mkdir(parents=True)
    (left / "listener_metrics.parquet").write_bytes(b"u1")
    erasure.forget(project, "u1")
    assert leftovers(project) == []
