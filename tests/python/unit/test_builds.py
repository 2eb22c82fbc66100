"""How builds went is written down, however they end, and the newest are kept."""

from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import staging_sql
from sunorecsys import builds


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "builds"


def written(folder):
    return [
        (row["build_id"], row["status"])
        for row in (
            duckdb.execute(
                "select * from read_parquet($1) order by build_id",
                [f"{folder}/*.parquet"],
            )
            .to_arrow_table()
            .to_pylist()
        )
    ]


def test_a_build_that_ends_well_says_what_it_published(tmp_path, folder):
    with builds.recorded(tmp_path) as record:
        record.status = "published"
        record.release_id = "2025-11-17-abc"
    build = builds.newest(folder)
    assert build["build_id"] == record.build_id
    assert (build["status"], build["release_id"]) == ("published", "2025-11-17-abc")
    assert build["steps"] == []
    assert 0 <= build["seconds"] < 5
    assert build["as_of"] is None
    (file,) = folder.iterdir()
    assert file.name == f"{record.build_id}.parquet"


@pytest.mark.parametrize(
    ("error", "status"),
    [(RuntimeError("u1"), "failed"), (KeyboardInterrupt(), "stopped")],
)
def test_a_build_that_raises_is_written_down_and_raises(
    tmp_path, folder, error, status
):
    with pytest.raises(type(error)), builds.recorded(tmp_path):
        raise error
    assert builds.newest(folder)["status"] == status


def test_the_newest_hundred_stay(tmp_path, folder):
    folder.mkdir()
    for number in range(builds.KEPT + 2):
        (folder / f"2025-01-01T00-00-00.{number:06}.parquet").touch()
    with builds.recorded(tmp_path) as record:
        pass
    kept = builds.files(folder)
    assert len(kept) == builds.KEPT == 100
    assert kept[0].name == "2025-01-01T00-00-00.000003.parquet"
    assert kept[-1].name == f"{record.build_id}.parquet"


def test_a_disk_that_refuses_stops_no_build(tmp_path, folder):
    folder.write_text("in the way")
    with builds.recorded(tmp_path) as record:
        record.status = "published"
    assert record.problem
    assert folder.read_text() == "in the way"
    # and the error of a build that fails is its own
    with pytest.raises(RuntimeError, match="own"), builds.recorded(tmp_path):
        raise RuntimeError("own")


def test_what_is_no_build_raises(folder):
    assert builds.newest(folder) is None
    folder.mkdir()
    file = folder / "2025-01-01.parquet"
    file.write_bytes(b"PAR1")
    with pytest.raises((OSError, pa.ArrowException)):
        builds.newest(folder)
    # the songs of somebody who mixed up the folders
    pq.write_table(pa.table({"song_id": ["s1"]}), file)
    with pytest.raises(ValueError, match="song_id"):
        builds.newest(folder)


def test_the_model_reads_what_is_written(tmp_path, folder):
    """The columns and types of stg_builds, with files and without."""
    without = staging_sql("stg_builds", tmp_path)
    with builds.recorded(tmp_path):
        pass
    with_files = staging_sql("stg_builds", tmp_path)
    one, none = duckdb.sql(with_files), duckdb.sql(without)
    assert (one.columns, one.types) == (none.columns, none.types)
    assert len(one.fetchall()) == 1
    assert none.fetchall() == []


def test_names_sort_by_time():
    early = builds.Record(datetime(2025, 1, 2, 3, 4, 5, 6))
    late = builds.Record(datetime(2025, 1, 2, 3, 4, 5, 70_000))
    assert early.build_id == "2025-01-02T03-04-05.000006"
    assert early.build_id < late.build_id
