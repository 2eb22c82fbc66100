"""Comparing two small releases whose differences are known by hand."""

from datetime import date

import duckdb
import pytest

from sunorecsys.errors import SunorecsysError
from sunorecsys.release import SCHEMA_VERSION
from sunorecsys.release import diff as comparing

WEEK = date(2025, 11, 10)
NEXT_WEEK = date(2025, 11, 17)


def scores(item_cf=0.0, content=0.0, prompt=0.0, user_cf=0.0, quality=0.0):
    return item_cf, content, prompt, user_cf, quality


def write(path, week_start, lists, *, known=(), served=(), hidden=(), songs="abcdefgh"):
    """Write a release with the tables that are compared, two songs to a playlist.

    Args:
        path: the file.
        week_start: the week it is for.
        lists: by listener, the stored songs in order, each with its scores.
        known: listener, song and whether it is disliked.
        served: week, listener and song of discover_weekly.
        hidden: songs that are hidden.
        songs: the songs, one letter each.
    """
    with duckdb.connect(str(path)) as release:
        release.execute(
            "create table build_info as select $1::int as schema_version, "
            "$2::date as week_start",
            [SCHEMA_VERSION, week_start],
        )
        release.execute("create table build_settings as select 2 as playlist_length")
        release.execute("create table listeners (user_id varchar)")
        release.execute(
            "create table songs (song_id varchar, title varchar, is_hidden boolean)"
        )
        release.execute(
            "create table user_songs "
            "(user_id varchar, song_id varchar, is_disliked boolean)"
        )
        release.execute(
            "create table discover_weekly "
            "(week_start date, user_id varchar, song_id varchar)"
        )
        release.execute(
            "create table recommendations (user_id varchar, "
            "recommendation_rank integer, song_id varchar, item_cf_score double, "
            "content_score double, prompt_score double, user_cf_score double, "
            "quality_score double)"
        )
        for song in songs:
            values = [song, f"Song {song.upper()}", song in hidden]
            release.execute("insert into songs values ($1, $2, $3)", values)
        for user, stored in lists.items():
            release.execute("insert into listeners values ($1)", [user])
            for rank, (song, by_channel) in enumerate(stored.items(), 1):
                release.execute(
                    "insert into recommendations values ($1, $2, $3, $4, $5, $6, $7, "
                    "$8)",
                    [user, rank, song, *by_channel],
                )
        for row in known:
            release.execute("insert into user_songs values ($1, $2, $3)", list(row))
        for row in served:
            release.execute(
                "insert into discover_weekly values ($1, $2, $3)", list(row)
            )
    return path


@pytest.fixture
def compare(tmp_path):
    """Return what changed between two releases, as tuples, and the summary."""

    def compared(old, new, old_more=None, new_more=None):
        old_file = write(tmp_path / "old.duckdb", WEEK, old, **(old_more or {}))
        new_file = write(tmp_path / "new.duckdb", NEXT_WEEK, new, **(new_more or {}))
        with comparing.comparison(old_file, new_file) as connection:
            rows, total = comparing.changes(connection, limit=1000)
            assert total == len(rows)
            found = {
                (row["user_id"], row["song_id"]): (
                    row["change"],
                    row["old_rank"],
                    row["new_rank"],
                    row["cause"],
                )
                for row in rows
            }
            return found, comparing.summary(connection)

    return compared


def test_equal_lists_have_no_changes(compare):
    lists = {"u": {"a": scores(0.3), "b": scores(0.2)}}
    found, summary = compare(lists, lists)
    assert found == {}
    assert summary == {
        "listeners": {
            "compared": 1,
            "changed": 0,
            "only_reordered": 0,
            "new": 0,
            "gone": 0,
        },
        "songs": {"entered": 0, "left": 0, "moved": 0},
        "causes": [],
        "most_changed": [],
    }


def test_a_song_enters_by_the_channel_that_rose_most(compare):
    found, _ = compare(
        {"u": {"a": scores(0.3), "b": scores(0.2), "c": scores(0.1, 0.05)}},
        # item_cf of c rose by 0.01, content by 0.2
        {"u": {"a": scores(0.3), "c": scores(0.11, 0.25), "b": scores(0.2)}},
    )
    assert found == {
        ("u", "b"): ("left", 2, None, "others rose"),
        ("u", "c"): ("entered", None, 2, "content"),
    }


def test_a_song_that_was_not_stored_had_no_score(compare):
    found, _ = compare(
        {"u": {"a": scores(0.3), "b": scores(0.2)}},
        {"u": {"a": scores(0.3), "d": scores(quality=0.1, user_cf=0.12)}},
    )
    # b is not stored any more, so its item_cf fell from 0.2 to 0
    assert found == {
        ("u", "b"): ("left", 2, None, "item_cf"),
        ("u", "d"): ("entered", None, 2, "user_cf"),
    }


def test_a_song_that_moves_up_as_others_leave_says_so(compare):
    found, _ = compare(
        {"u": {"a": scores(0.3), "b": scores(prompt=0.2), "c": scores(0.1)}},
        {"u": {"a": scores(0.3), "c": scores(0.1), "b": scores(prompt=0.05)}},
    )
    assert found == {
        ("u", "b"): ("left", 2, None, "prompt"),
        ("u", "c"): ("entered", None, 2, "other songs left"),
    }


def test_equal_rises_are_the_first_channels(compare):
    found, _ = compare(
        {"u": {"a": scores(0.3)}},
        {"u": {"a": scores(0.3), "b": scores(0, 0.1, 0.1, 0.1, 0.1)}},
    )
    assert found == {("u", "b"): ("entered", None, 2, "content")}


def test_noise_in_the_last_digit_is_no_rise(compare):
    found, _ = compare(
        {"u": {"a": scores(0.3), "b": scores(0.2), "c": scores(0.1 + 0.2)}},
        {"u": {"a": scores(0.3), "c": scores(0.3), "b": scores(0.2)}},
    )
    assert found[("u", "c")] == ("entered", None, 2, "other songs left")


def test_what_the_listener_did_comes_before_scores(compare):
    old = {user: {"a": scores(0.3), "b": scores(0.2)} for user in "uvw"}
    new = {user: {"c": scores(0.1)} for user in "uvw"}
    found, summary = compare(
        old,
        new,
        new_more={
            "known": [("u", "a", False), ("u", "b", True)],
            "hidden": "a",
            "songs": "acdefgh",
            "served": [
                (WEEK, "v", "a"),
                (WEEK, "w", "b"),
            ],
        },
    )
    # a is hidden and b is gone for everybody; u has heard the one, dislikes the other
    left = {key: row[3] for key, row in found.items() if row[0] == "left"}
    assert left == {
        ("u", "a"): "heard",
        ("u", "b"): "disliked",
        ("v", "a"): "gone",
        ("v", "b"): "gone",
        ("w", "a"): "gone",
        ("w", "b"): "gone",
    }
    assert summary["songs"] == {"entered": 3, "left": 6, "moved": 0}
    assert summary["causes"] == [
        {"change": "entered", "cause": "item_cf", "songs": 3},
        {"change": "left", "cause": "gone", "songs": 4},
        {"change": "left", "cause": "disliked", "songs": 1},
        {"change": "left", "cause": "heard", "songs": 1},
    ]


def test_only_a_week_that_became_an_earlier_one_counts_as_served(compare):
    before = date(2025, 11, 3)
    found, _ = compare(
        {"u": {"a": scores(0.3), "b": scores(0.2)}, "v": {"a": scores(0.3)}},
        {"u": {"c": scores(0.1)}, "v": {"c": scores(0.1)}},
        # the old release is for WEEK, so its lists of WEEK are not yet served
        old_more={"served": [(before, "u", "b"), (WEEK, "u", "a"), (WEEK, "v", "a")]},
        new_more={
            "served": [
                (before, "u", "b"),
                (WEEK, "u", "a"),
                (NEXT_WEEK, "v", "a"),
            ]
        },
    )
    left = {key: row[3] for key, row in found.items() if row[0] == "left"}
    assert left == {
        ("u", "a"): "served",
        ("u", "b"): "item_cf",
        ("v", "a"): "item_cf",
    }


def test_moved_songs_have_ranks_and_no_cause(compare):
    found, summary = compare(
        {"u": {"a": scores(0.3), "b": scores(0.2)}},
        {"u": {"b": scores(0.4), "a": scores(0.3)}},
    )
    assert found == {
        ("u", "a"): ("moved", 1, 2, None),
        ("u", "b"): ("moved", 2, 1, None),
    }
    assert summary["listeners"]["changed"] == 1
    assert summary["listeners"]["only_reordered"] == 1
    assert summary["most_changed"] == [
        {"user_id": "u", "entered": 0, "left": 0, "moved": 2, "ranks_moved": 2}
    ]


def test_listeners_who_are_new_or_gone_are_counted_apart(compare):
    found, summary = compare(
        {"u": {"a": scores(0.3)}, "gone": {"a": scores(0.3)}},
        {"u": {"a": scores(0.3)}, "new-1": {"b": scores(0.3)}, "new-2": {}},
    )
    assert found == {}
    assert summary["listeners"] == {
        "compared": 1,
        "changed": 0,
        "only_reordered": 0,
        "new": 2,
        "gone": 1,
    }


def test_one_listener_and_a_limit(tmp_path):
    old = write(tmp_path / "old'1.duckdb", WEEK, {"u": {"a": scores(0.3)}, "v": {}})
    lists = {user: {"b": scores(0.3), "c": scores(0.2)} for user in "uvw"}
    new = write(tmp_path / "new.duckdb", NEXT_WEEK, lists)
    with comparing.comparison(old, new) as compared:
        rows, total = comparing.changes(compared, limit=2)
        assert (len(rows), total) == (2, 5)
        rows, total = comparing.changes(compared, limit=10, user_id="v")
        assert {row["song_id"] for row in rows} == {"b", "c"}
        assert total == 2
        assert comparing.changes(compared, limit=10, user_id="' or true --") == ([], 0)
        assert comparing.presence(compared, "u") == "compared"
        assert comparing.presence(compared, "w") == "new"
        with pytest.raises(SunorecsysError, match="No listener 'nobody' in either"):
            comparing.presence(compared, "nobody")


@pytest.mark.parametrize(
    "sql",
    [
        "from read_text('/etc/passwd')",
        "attach '{tmp}/other.duckdb'",
        "copy changes to '{tmp}/changes.csv'",
        "delete from old_release.listeners",
        "insert into new_release.listeners values ('x')",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "install httpfs",
    ],
)
def test_a_comparison_can_reach_nothing_but_the_two_releases(tmp_path, sql):
    old = write(tmp_path / "old.duckdb", WEEK, {"u": {"a": scores(0.3)}})
    new = write(tmp_path / "new.duckdb", NEXT_WEEK, {"u": {"b": scores(0.3)}})
    before = sorted(tmp_path.iterdir())
    with comparing.comparison(old, new) as compared:
        with pytest.raises(duckdb.Error):
            compared.execute(sql.format(tmp=tmp_path)).fetchall()
        assert comparing.changes(compared, limit=10)[1] == 2
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("damage", ["missing", "truncated", "another version", "table"])
def test_a_release_that_cannot_be_compared_is_an_error(tmp_path, damage):
    old = write(tmp_path / "old.duckdb", WEEK, {"u": {"a": scores(0.3)}})
    new = write(tmp_path / "new.duckdb", NEXT_WEEK, {"u": {"a": scores(0.3)}})
    if damage == "missing":
        old.unlink()
    elif damage == "truncated":
        new.write_bytes(new.read_bytes()[:5000])
    else:
        with duckdb.connect(str(new)) as opened:
            opened.execute(
                "update build_info set schema_version = 99"
                if damage == "another version"
                else "drop table user_songs"
            )
    with (
        pytest.raises(SunorecsysError, match=r"sunorecsys (build|doctor)"),
        comparing.comparison(old, new),
    ):
        pass
