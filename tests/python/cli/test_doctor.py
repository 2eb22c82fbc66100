"""``sunorecsys doctor`` finds what is broken, and names the cure."""

import json
import os
import shutil
from datetime import datetime

import duckdb
import pytest

from sunorecsys import builds
from sunorecsys.feedback import Journal, checked
from sunorecsys.landing import replacing


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
    assert found["health"]["detail"] == "15 of 15 checks are fine"
    assert found["last build"]["detail"].startswith("published 20")
    assert found["landing builds"]["detail"] == "1 files"


def test_a_damaged_release_is_broken(copied):
    bad = copied.current.parent / "2020-01-01-bad.duckdb"
    bad.write_bytes(b"damaged")
    found = findings(copied, code=1)
    assert found["release 2020-01-01-bad"]["status"] == "broken"
    assert str(bad) in found["release 2020-01-01-bad"]["cure"]


# where the first block of a DuckDB file begins, and how long each is
FIRST_BLOCK, BLOCK = 3 * 4096, 256 * 1024


def overwrite(path):
    """Turn over bytes of a block that holds titles of songs."""
    with duckdb.connect(str(path), read_only=True) as opened:
        ((block,),) = opened.execute(
            "select min(block_id) from pragma_storage_info('songs') "
            "where column_name = 'title' and block_id >= 0"
        ).fetchall()
    with path.open("r+b") as file:
        file.seek(FIRST_BLOCK + block * BLOCK)
        content = file.read(4096)
        file.seek(-len(content), os.SEEK_CUR)
        file.write(bytes(byte ^ 0xFF for byte in content))


def damage(path, how):
    if how == "truncated":
        os.truncate(path, path.stat().st_size // 2)
    elif how == "block":
        overwrite(path)
    elif how == "empty":
        path.write_bytes(b"")
    else:
        with duckdb.connect(str(path)) as opened:
            opened.execute(how)


CHANGED = "update songs set title = 'Another' where song_id = 'song-0100'"


@pytest.mark.parametrize(
    ("how", "detail"),
    [
        ("truncated", ""),
        ("empty", "cannot be read"),
        ("block", ""),
        (CHANGED, "damaged: the content of songs is not what was published"),
        ("drop table popular_songs", "popular_songs"),
        ("drop macro table recommend", "recommend"),
        ("update build_info set schema_version = 99", "schema version 99"),
    ],
)
def test_a_damaged_release_that_serves_names_the_one_to_go_back_to(copied, how, detail):
    serving = copied.current.resolve()
    older = serving.with_name("2020-01-06-older.duckdb")
    shutil.copy(serving, older)
    with duckdb.connect(str(older)) as opened:
        opened.execute(
            "update build_info set release_id = '2020-01-06-older', "
            "as_of = timestamp '2020-01-06', built_at = timestamp '2020-01-06'"
        )
    damage(serving, how)
    before = {path: path.stat() for path in serving.parent.iterdir()}
    found = findings(copied, code=1)
    release = found[f"release {serving.stem}"]
    assert release["status"] == "broken"
    assert detail in release["detail"]
    assert release["cure"] == (
        f"sunorecsys release rollback 2020-01-06-older, then delete {serving}"
    )
    assert found["release 2020-01-06-older"]["status"] == "ok"
    # it only looked
    assert {path: path.stat().st_mtime for path in serving.parent.iterdir()} == {
        path: state.st_mtime for path, state in before.items()
    }
    # and the cure is one
    assert copied.cli("release", "rollback", "2020-01-06-older").returncode == 0
    serving.unlink()
    assert findings(copied)["release 2020-01-06-older"]["status"] == "ok"


def test_an_old_release_of_another_version_is_no_more_than_a_warning(copied):
    older = copied.current.resolve().with_name("2020-01-06-older.duckdb")
    shutil.copy(copied.current, older)
    damage(older, "update build_info set schema_version = 0")
    found = findings(copied)["release 2020-01-06-older"]
    assert found["status"] == "warning"
    assert "schema version 0" in found["detail"]
    assert str(older) in found["cure"]


@pytest.mark.parametrize("target", ["2020-01-01-gone.duckdb", "current.duckdb"])
def test_a_link_that_leads_nowhere_is_broken_and_names_the_cure(copied, target):
    whole = copied.current.resolve().stem
    copied.current.unlink()
    copied.current.symlink_to(target)
    found = findings(copied, code=1)["current release"]
    assert found["status"] == "broken"
    assert target in found["detail"]
    assert found["cure"] == f"sunorecsys release rollback {whole}"
    assert copied.cli("release", "rollback", whole).returncode == 0
    assert findings(copied)[f"release {whole}"]["status"] == "ok"


def test_a_file_in_place_of_the_link_is_broken(copied):
    serving = copied.current.resolve()
    copied.current.unlink()
    shutil.copy(serving, copied.current)
    found = findings(copied, code=1)["current release"]
    assert "is no link" in found["detail"]
    assert f"move {copied.current} away" in found["cure"]


def test_disk_use_is_shown_per_folder_with_what_may_go(copied):
    (copied.root / "target" / "big").write_bytes(bytes(5_000_000))
    (copied.root / "target" / "loop").symlink_to("..")
    found = findings(copied)
    size = copied.current.resolve().stat().st_size
    assert found["disk releases"]["detail"] == f"{size / 1e6:,.1f} MB"
    assert float(found["disk target and logs"]["detail"].split()[0]) > 5
    assert found["disk landing"]["detail"] == "0.0 MB"
    assert float(found["disk warehouse"]["detail"].split()[0]) > 1
    for name in ("landing", "warehouse", "releases", "target and logs"):
        assert found[f"disk {name}"]["cure"]


def test_doctor_locks_nothing(copied):
    """A build that writes the warehouse meanwhile is not stopped by it."""
    with duckdb.connect(str(copied.root / "warehouse" / "sunorecsys.duckdb")) as build:
        build.execute("create table writing as select 1 as x")
        assert findings(copied)["warehouse"]["status"] == "ok"


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


def test_damaged_feedback_and_blocklists_are_told_with_the_cure(copied):
    folder = copied.root / "landing" / "feedback"
    folder.mkdir(parents=True)
    told = findings(copied)
    assert told["landing feedback"]["detail"] == "0 events"
    assert told["taken down"]["detail"] == "0 songs"
    event = {"user_id": "listener-005", "song_id": "song-0001"}
    Journal(folder).append(
        checked([event, event], types={"play": 1.0}, now=datetime(2025, 12, 1))
    )
    (day,) = folder.glob("*.jsonl")
    with day.open("ab") as file:
        file.write(b"{damaged}\nhalf a li")
    told = findings(copied)["landing feedback"]
    assert told["status"] == "warning"
    assert told["detail"] == "2 events; 1 damaged lines are passed over"
    (folder / "2025-01-01.parquet").write_bytes(b"PAR1")
    blocked = copied.root / "landing" / "blocked" / "songs.parquet"
    blocked.parent.mkdir()
    blocked.write_bytes(b"PAR1")
    told = findings(copied, code=1)
    assert told["landing feedback"]["status"] == "broken"
    assert "2025-01-01.parquet" in told["landing feedback"]["detail"]
    assert told["taken down"]["status"] == "broken"
    assert str(blocked) in told["taken down"]["cure"]


def test_what_is_not_healthy_is_told_with_the_cure(copied):
    with duckdb.connect(str(copied.current.resolve())) as opened:
        for name, status in (("creator_gini", "warn"), ("score_drift", "bad")):
            opened.execute(
                "update health set status = $2, check_value = 0.97, what_to_do = "
                "'Look at ' || check_name where check_name = $1 "
                "and subject is not distinct from if($2 = 'bad', 'prompt', null)",
                [name, status],
            )
    found = findings(copied, code=1)
    gini = found["health creator_gini"]
    assert gini["status"] == "warning"
    assert gini["detail"] == "0.97; 0.95 is a warning, 0.99 is bad"
    assert gini["cure"] == "Look at creator_gini"
    assert found["health score_drift prompt"]["status"] == "broken"
    assert found["health"]["detail"] == "13 of 15 checks are fine"


def test_what_builds_keep_in_landing_is_told(copied):
    folder = copied.root / "landing"
    with pytest.raises(RuntimeError), builds.recorded(folder):
        raise RuntimeError
    found = findings(copied)
    assert found["last build"]["status"] == "warning"
    assert found["last build"]["detail"].startswith("failed 20")
    for kind in ("served", "monitoring", "builds"):
        bad = folder / kind / "week=2999-01-01.parquet"
        bad.parent.mkdir(exist_ok=True)
        bad.write_bytes(b"PAR1")
    found = findings(copied, code=1)
    for kind in ("served", "monitoring", "builds"):
        told = found[f"landing {kind}"]
        assert told["status"] == "broken"
        assert told["detail"] == "unreadable: week=2999-01-01.parquet"
        assert str(folder / kind) in told["cure"]
    assert "last build" not in found


def test_a_file_that_is_being_written_is_told_from_what_was_left(copied):
    target = copied.root / "landing" / "songs" / "a.parquet"
    with replacing(target) as aside:
        told = findings(copied)["half-written file"]
        assert told["detail"] == f"songs/{aside.name}: is being written"
        left = aside.with_name(".b.parquet-1234")
        left.write_bytes(b"half")
        aside.write_bytes(b"")
    told = findings(copied, code=1)["half-written file"]
    assert told["detail"] == f"songs/{left.name}: what a killed process left"
    assert told["cure"] == f"delete {left}"


def test_newly_ingested_songs_make_the_release_old(copied):
    copied.land("songs", [])
    found = findings(copied)
    assert found["current release"]["status"] == "warning"
    assert "older" in found["current release"]["detail"]


def test_half_written_releases_are_shown(copied):
    (copied.current.parent / ".building-77.duckdb").write_bytes(b"half")
    assert ".building-77.duckdb" in findings(copied)["half-written release"]["detail"]
