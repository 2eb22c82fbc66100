"""Songs are taken down: out of every answer at once, and out of the next build."""

import json

import pytest
from town import CATALOGUES, WEEKS

__all__ = ["CATALOGUES"]

pytestmark = pytest.mark.catalogue("town")


@pytest.fixture
def town(built, tmp_path):
    """A copy of the built catalogue that a test may change."""
    return built.twin(tmp_path / "twin")


def ask(workspace, *arguments):
    done = workspace.cli(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def songs_of(workspace, *arguments):
    rows = ask(workspace, "recommend", *arguments)["recommendations"]
    return [row["song_id"] for row in rows]


def audit(workspace):
    text = (workspace.root / "landing" / "audit.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_a_blocked_song_is_out_of_every_answer_at_once_until_it_is_put_back(town):
    mine, seeded = songs_of(town, "--user", "u01"), songs_of(town, "--songs", "s00,s03")
    like = ask(town, "similar", "s00")["similar_songs"]
    for song in {mine[0], seeded[0], like[0]["song_id"]}:
        done = ask(town, "block", song, "--reason", "asked by its creator")
        assert done == {"blocked": [song], "unknown": [], "count": 1}
        assert song not in songs_of(town, "--user", "u01")
        assert song not in songs_of(town, "--songs", "s00,s03")
        shown = ask(town, "similar", "s00")["similar_songs"]
        assert song not in [row["song_id"] for row in shown]
        refused = town.cli("similar", song)
        assert refused.returncode == 1
        assert f"The song '{song}' was taken down." in refused.stderr
        assert ask(town, "block", song, "--undo")["unblocked"] == [song]
    assert songs_of(town, "--user", "u01") == mine
    assert songs_of(town, "--songs", "s00,s03") == seeded
    assert ask(town, "similar", "s00")["similar_songs"] == like


@pytest.mark.large
def test_the_next_build_does_not_know_a_blocked_song(town):
    def count(table, column="song_id"):
        sql = f"select count(*) from {table} where {column} = $1"
        return town.query(sql, song)[0][0]

    # one that was served, heard and is popular; all of it before it was blocked
    candidates = town.query(
        "select song_id from discover_weekly "
        "semi join user_songs using (song_id) semi join popular_songs using (song_id) "
        "where week_start < $1::date group by all order by count(*) desc, song_id",
        WEEKS[-1],
    )
    song = candidates[0][0]
    tables = {
        "songs": "song_id",
        "similar_songs": "song_id",
        "user_songs": "song_id",
        "listening_history": "song_id",
        "popular_songs": "song_id",
        "song_factors": "song_id",
    }
    for table, column in tables.items():
        assert count(table, column) > 0, table
    ask(town, "block", song)
    town.build("--as-of", "2025-01-20")
    assert town.query("select count(distinct week_start) from discover_weekly") == [
        (3,)
    ]
    for table, column in (
        *tables.items(),
        ("similar_songs", "similar_song_id"),
        ("recommendations", "song_id"),
        ("recommendation_reasons", "song_id"),
        ("recommendation_reasons", "seed_song_id"),
    ):
        assert count(table, column) == 0, table
    assert town.query(
        "select count(*) from discover_weekly "
        "where song_id = $1 and week_start = '2025-01-20'",
        song,
    ) == [(0,)]
    assert songs_of(town, "--user", "u01")
    # it comes back with the build after it was put back
    ask(town, "block", song, "--undo")
    town.build("--as-of", "2025-01-20")
    assert count("songs") == 1
    assert count("user_songs") > 0


def test_what_was_done_is_listed_and_written_down(town):
    done = town.cli("block", "s07", "s08", "s07", "--reason", "a [bold]\nreason")
    assert done.returncode == 0
    assert "s07 is taken down" in done.stdout
    again = town.cli("block", "s07", "--reason", "another one")
    assert again.returncode == 0
    assert "s07 was taken down already" in again.stderr
    listed = ask(town, "block", "--list")
    assert [row["song_id"] for row in listed["blocked"]] == ["s07", "s08"]
    assert {row["reason"] for row in listed["blocked"]} == {"a [bold]\nreason"}
    assert "[bold]" in town.cli("block", "--list").stdout
    assert town.cli("block", "s08", "s09", "--undo").returncode == 0
    assert ask(town, "block", "--list")["count"] == 1
    acts = [(row["action"], row["songs"]) for row in audit(town)]
    assert acts == [("block", ["s07", "s08"]), ("unblock", ["s08"])]
    assert audit(town)[0]["reason"] == "a [bold]\nreason"
    assert all(row["at"].endswith("Z") for row in audit(town))


def test_a_song_that_is_not_known_yet_is_blocked_all_the_same(town):
    done = town.cli("block", "not-yet", "s01", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["unknown"] == ["not-yet"]
    assert "does not know not-yet" in done.stderr
    assert "s01" not in done.stderr


def test_without_a_release_a_song_can_be_blocked(workspace):
    assert ask(workspace, "block", "s01")["blocked"] == ["s01"]
    assert ask(workspace, "block", "--list")["count"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("s01", "--list"),
        ("--list", "--undo"),
        ("s01", "--undo", "--reason", "x"),
        ("a\x07b",),
        ("",),
        ("x" * 513,),
        ("s01", "--reason", "x" * 1001),
        ("s01", "--reason", "\udcff"),
    ],
)
def test_wrong_calls_exit_with_2_and_block_nothing(built, arguments):
    done = built.cli("block", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert not (built.root / "landing" / "blocked").exists()


def test_a_list_that_cannot_be_read_is_not_overwritten(town):
    path = town.root / "landing" / "blocked" / "songs.parquet"
    path.parent.mkdir()
    path.write_bytes(b"PAR1 no")
    for arguments in (("s01",), ("s01", "--undo"), ("--list",)):
        done = town.cli("block", *arguments)
        assert done.returncode == 1
        assert "cannot be read" in done.stderr
    assert path.read_bytes() == b"PAR1 no"
