"""Reading a release: any SQL may run, and none of it does harm."""

import shutil

import duckdb
import pytest

from sunorecsys import reader
from sunorecsys.errors import SunorecsysError, UnknownListener, UnknownSong
from sunorecsys.serving import Service


@pytest.fixture(scope="module")
def release(sample_project):
    with sample_project.release() as opened:
        yield opened


@pytest.fixture
def view(sample_project):
    with Service(sample_project.current, landing=None).view() as opened:
        yield opened


@pytest.fixture
def copied(sample_project, tmp_path):
    """The file of the sample's release, to be damaged."""
    return shutil.copy(sample_project.current, tmp_path / "copied.duckdb")


@pytest.mark.parametrize(
    "sql",
    [
        "from read_csv('/etc/passwd')",
        "from read_text('/etc/passwd')",
        "from '/etc/passwd'",
        "from glob('/*')",
        "from read_parquet('https://example.com/x.parquet')",
        "copy songs to '{tmp}/songs.csv'",
        "copy songs to '{tmp}/songs.parquet'",
        "export database '{tmp}/all'",
        "attach '{tmp}/other.duckdb'",
        "attach '{tmp}/other.duckdb' as other (read_only)",
        "install httpfs",
        "load '{tmp}/harm.duckdb_extension'",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "reset enable_external_access",
        "set memory_limit = '1TB'",
        "set temp_directory = '{tmp}'",
        "create table harm as select 1 as x",
        "create or replace macro recommend(user_id) as table select 1 as x",
        "insert into songs (song_id) values ('x')",
        "update songs set title = ''",
        "delete from songs",
        "drop table songs",
        "alter table songs rename to harm",
    ],
)
def test_sql_can_neither_write_nor_leave_the_release(release, tmp_path, sql):
    with pytest.raises(duckdb.Error):
        release.execute(sql.format(tmp=tmp_path)).fetchall()
    assert list(tmp_path.iterdir()) == []
    assert reader.query(release, "select count(*) > 0 as ok from songs") == [
        {"ok": True}
    ]


def test_the_link_is_followed_when_opening(sample_project, tmp_path):
    link = tmp_path / "current.duckdb"
    link.symlink_to(sample_project.current.resolve())
    with reader.open_release(link) as opened:
        link.unlink()
        assert reader.query(opened, "select count(*) as n from build_info") == [
            {"n": 1}
        ]


@pytest.mark.parametrize("kind", ["missing", "dangling"])
def test_a_missing_release_names_the_command_that_makes_one(tmp_path, kind):
    path = tmp_path / "current.duckdb"
    if kind == "dangling":
        path.symlink_to("pruned.duckdb")
    with (
        pytest.raises(SunorecsysError, match=r'No release at .*"sunorecsys build"'),
        reader.open_release(path),
    ):
        pass


@pytest.mark.parametrize("content", [b"", b"not a database", bytes(100_000)])
def test_a_file_that_is_no_release_is_an_error(tmp_path, content):
    path = tmp_path / "broken.duckdb"
    path.write_bytes(content)
    with (
        pytest.raises(SunorecsysError, match=r"broken\.duckdb cannot be read.*doctor"),
        reader.open_release(path),
    ):
        pass
    assert path.read_bytes() == content


def test_a_truncated_release_is_an_error(copied):
    content = copied.read_bytes()
    copied.write_bytes(content[: len(content) // 3])
    with (
        pytest.raises(SunorecsysError, match="cannot be read"),
        reader.open_release(copied),
    ):
        pass


def test_another_database_is_no_release(tmp_path):
    path = tmp_path / "other.duckdb"
    with duckdb.connect(str(path)) as other:
        other.execute("create table songs as select 'a' as song_id")
    with (
        pytest.raises(SunorecsysError, match=r"cannot be read.*build_info"),
        reader.open_release(path),
    ):
        pass


@pytest.mark.parametrize(
    "change", ["update build_info set schema_version = 99", "delete from build_info"]
)
def test_another_schema_version_is_an_error(copied, change):
    with duckdb.connect(str(copied)) as opened:
        opened.execute(change)
    found = "99" if "99" in change else "none"
    with (
        pytest.raises(SunorecsysError, match=f"schema version {found}, this program"),
        reader.open_release(copied),
    ):
        pass


def test_columns_of_one_name_are_all_kept(release):
    names, rows = reader.select(release, "select 1 as a, 2 as a, 3 as a_1, 4 as a")
    assert names == ["a", "a_1", "a_1_1", "a_2"]
    assert rows == [{"a": 1, "a_1": 2, "a_1_1": 3, "a_2": 4}]


@pytest.mark.parametrize("sql", ["", "  ", "-- a comment", ";"])
def test_no_statement_is_an_error(release, sql):
    with pytest.raises(SunorecsysError, match="No SQL was given"):
        reader.select(release, sql)


def test_recommendations_have_the_shape_of_the_answers(view):
    rows = view.recommend("listener-005", 7)
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5, 6, 7]
    for row in rows:
        assert list(row["channel_scores"]) == list(reader.CHANNELS)
        assert sum(row["channel_scores"].values()) == pytest.approx(
            row["score"], abs=1e-8
        )
        assert row["title"]
        assert row["reason"]


@pytest.mark.parametrize("user", ["nobody", "", "' or true --", "listener-00%"])
def test_an_unknown_listener_is_an_error_that_names_no_other(view, user):
    for ask in (
        lambda: view.recommend(user, 5),
        lambda: view.explain(user, "song-0001"),
    ):
        with pytest.raises(UnknownListener, match="No listener") as caught:
            ask()
        assert "listener-0" not in str(caught.value).replace(repr(user), "")


def test_an_unknown_song_is_an_error_with_the_nearest_by_id_or_title(view):
    ((title,),) = (
        view.sql()
        .execute("select title from songs where song_id = 'song-0100'")
        .fetchall()
    )
    for call in (
        lambda song: view.similar(song, 5, "blended"),
        lambda song: view.explain("listener-005", song),
        lambda song: view.recommend_from([song], 5),
    ):
        with pytest.raises(
            UnknownSong, match=r"No song 'sing-0100'.*song-0100 \("
        ) as near:
            call("sing-0100")
        assert {"song_id": "song-0100", "title": title} in near.value.nearest
        with pytest.raises(UnknownSong, match=r"Nearest: .*song-0100 \("):
            call(title[:-1])


def test_unknown_seed_songs_are_left_out_and_named(view):
    rows, unknown = view.recommend_from(["song-0001", "none", "song-0002"], 9)
    assert unknown == ["none"]
    assert rows == view.recommend_from(["song-0001", "song-0002", "song-0001"], 9)[0]


def test_no_seed_songs_give_popular_songs_of_several_creators(view):
    rows, unknown = view.recommend_from([], 30)
    assert unknown == []
    assert len({row["song_id"] for row in rows}) == 30
    assert {row["primary_channel"] for row in rows} == {"popularity"}
    creators = [row["creator_name"] for row in rows]
    assert max(map(creators.count, creators)) <= 2


def test_songs_that_are_not_wanted_are_replaced(view):
    listed = [row["song_id"] for row in view.recommend("listener-005", 100)]
    rows = view.recommend("listener-005", 30, listed[:40:2])
    assert [row["song_id"] for row in rows] == listed[1:40:2] + listed[40:50]
    assert [row["rank"] for row in rows] == list(range(1, 31))
    # more than are stored: made anew by the same rules
    deeper = view.recommend("listener-005", 100, [*listed[:90], "unknown"])
    assert [row["song_id"] for row in deeper][:10] == listed[90:]
    assert len({row["song_id"] for row in deeper} - set(listed)) == 90


def test_the_macros_make_the_lists_of_the_build(release):
    """From the release alone, to the last digit, for every listener and rank."""
    for (user,) in release.execute("select user_id from listeners").fetchall():
        columns = "columns(c -> c != 'reason')".replace("c ->", "lambda c:")
        stored = release.execute(
            f"select {columns} from recommend($1, n := 100)", [user]
        ).fetchall()
        made = release.execute(
            f"select {columns} from recommend_after("
            "$1, []::struct(song_id varchar, weight double)[], []::varchar[], 100)",
            [user],
        ).fetchall()
        assert made == stored
