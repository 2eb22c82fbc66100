"""``sunorecsys doctor`` finds what is broken, and names the cure."""

import json
import shutil

import pytest


@pytest.fixture
def copied(sample_project, tmp_path):
    return sample_project.twin(tmp_path / "copied")


def findings(workspace, code=0):
    done = workspace.cli("doctor", "--json")
    assert done.returncode == code, done.stderr
    found = json.loads(done.stdout)["findings"]
    return {one["what"]: one for one in found}


def test_a_whole_project_is_whole(sample_project):
    found = findings(sample_project)
    assert {one["status"] for one in found.values()} <= {"ok", "warning"}
    (release,) = [one for what, one in found.items() if what.startswith("release ")]
    assert "sample" in release["detail"]
    assert "serves" in release["detail"]


def test_a_damaged_release_is_broken(copied):
    bad = copied.current.parent / "2020-01-01-bad.duckdb"
    bad.write_bytes(b"damaged")
    found = findings(copied, code=1)
    assert found["release 2020-01-01-bad"]["status"] == "broken"
    assert str(bad) in found["release 2020-01-01-bad"]["cure"]


def test_without_a_release_nothing_serves(copied):
    shutil.rmtree(copied.current.parent)
    found = findings(copied, code=1)
    assert found["current release"]["status"] == "broken"
    assert found["current release"]["cure"] == "sunorecsys build"


def test_a_damaged_landing_file_and_warehouse_are_broken(copied):
    folder = copied.root / "landing" / "songs"
    folder.mkdir(parents=True)
    (folder / "cut.parquet").write_bytes(b"PAR1")
    (copied.root / "warehouse" / "sunorecsys.duckdb").write_bytes(b"damaged")
    found = findings(copied, code=1)
    assert "cut.parquet" in found["landing songs"]["detail"]
    assert found["warehouse"]["status"] == "broken"


def test_newly_ingested_songs_make_the_release_old(copied):
    copied.land("songs", [])
    found = findings(copied)
    assert found["current release"]["status"] == "warning"
    assert "older" in found["current release"]["detail"]


def test_half_written_releases_are_shown(copied):
    (copied.current.parent / ".building-77.duckdb").write_bytes(b"half")
    assert ".building-77.duckdb" in findings(copied)["half-written release"]["detail"]
