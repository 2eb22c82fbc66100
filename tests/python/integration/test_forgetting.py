"""A listener is forgotten: everywhere, provably, and whenever the process is killed."""

import json
import signal
import sys
from datetime import datetime, timedelta

import duckdb
import pyarrow.parquet as pq
import pytest

from conftest import NEW_YEAR, SUNORECSYS, crowd, play, song
from sunorecsys import feedback
from sunorecsys.feedback import Event, Journal
from sunorecsys.release.content import fingerprint

# hostile to SQL, JSON, CSV and patterns
ID = 'o\'brien "50%" [ü] $1'
MADE = ("s03", "s10")

# the process kills itself before its n-th rename, removal or link, and counts them
KILLED = """
import os, signal, sys
kill_at, count = int(sys.argv.pop(1)), 0
def watch(event, _):
    global count
    if event in ("os.rename", "os.remove", "os.symlink"):
        count += 1
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
from sunorecsys.cli import main
sys.addaudithook(watch)
try:
    main()
finally:
    print("changes:", count)
"""
# one moment in so many is tried, and all of them with --large
EVERY = 8


def event(user, song_id, day, number):
    moment = datetime(2025, 1, day, 8, number)
    return Event(f"{user}-{day}-{number}", user, song_id, "play", moment, 1.0, moment)


def tell(folder, events):
    """Write feedback as the server does, on the day on which it happened."""
    by_day = {}
    for one in events:
        by_day.setdefault(one.received_at.date(), []).append(one)
    folder.mkdir(parents=True, exist_ok=True)
    for day, some in sorted(by_day.items()):
        lines = b"".join(feedback._line(one, one.received_at) for one in some)
        (folder / f"{day}.jsonl").write_bytes(lines)


def erasable(workspace):
    """Two releases, in all of which one listener has heard, made, owned and told."""
    songs = [song(number) for number in range(40)]
    for one in songs:
        if one["song_id"] in MADE:
            one |= {"creator_id": ID, "creator_name": "Their name"}
    workspace.land("songs", songs)
    newer = [song(3, creator_id=ID, exported_at=NEW_YEAR + timedelta(days=1))]
    workspace.land("songs", newer, "newer.parquet")
    heard = [play(ID, f"s{n:02}", minutes_ago=50 * n + 7) for n in range(6)]
    workspace.land("interactions", crowd(40, 12) + heard)
    workspace.land("interactions", crowd(40, 2, 1), "others.parquet")
    entry = {"song_position": 1, "exported_at": NEW_YEAR}
    playlists = [
        {"playlist_id": "by-id", "owner_id": ID, "song_id": "s01"},
        {"playlist_id": "by-handle", "owner_handle": ID, "song_id": "s02"},
        {"playlist_id": "of-others", "owner_id": "u01", "song_id": "s02"},
    ]
    workspace.land("playlists", [row | entry for row in playlists])
    # an export without owners
    ownerless = [{"playlist_id": "by-id", "song_id": "s04"} | entry]
    workspace.land("playlists", ownerless, "ownerless.parquet")
    row = {"kind": "interactions", "file": "plays.csv", "reason": "no song_id"}
    texts = (json.dumps({"user_id": ID}), f"{ID},,play", "u01,,play")
    refused = [row | {"position": n, "content": text} for n, text in enumerate(texts)]
    workspace.land("rejects", refused)
    told = [event(user, "s20", day, 0) for day in (2, 3, 4) for user in (ID, "u01")]
    tell(workspace.root / "landing" / "feedback", told)
    feedback.compact(workspace.root / "landing" / "feedback")
    workspace.build("--as-of", "2025-01-06")
    workspace.leave_out_tests()
    workspace.build("--as-of", "2025-01-13")
    logs = workspace.root / "logs"
    logs.mkdir(exist_ok=True)
    (logs / "app.log").write_text(f"user_id={ID} was slow\n", "utf-8")
    (logs / "other.log").write_text("u01 was slow\n", "utf-8")


CATALOGUES = {"erasable": erasable}
pytestmark = pytest.mark.catalogue("erasable")


def places(workspace, wanted=ID):
    """Search by other means than the program: every value, as Python sees it."""
    found = set()
    for file in workspace.root.joinpath("landing").rglob("*"):
        if file.suffix == ".parquet":
            for row in pq.read_table(file).to_pylist():
                for column, value in row.items():
                    text = json.dumps(value, default=str)
                    if value == wanted or (column == "content" and wanted in value):
                        found.add(f"{file.parent.name}.{column}")
                    assert wanted not in text or value == wanted or column == "content"
        elif file.is_file() and json.dumps(wanted).encode() in file.read_bytes():
            found.add(file.name)
    for file in releases(workspace):
        with duckdb.connect(str(file), read_only=True) as connection:
            for (table,) in connection.execute(
                "select table_name from duckdb_tables()"
            ).fetchall():
                rows = connection.execute(f'from "{table}"').fetchall()
                if any(wanted in str(value) for row in rows for value in row):
                    found.add(f"{file.name}: {table}")
    for folder in ("logs", "target", "warehouse"):
        for file in workspace.root.joinpath(folder).rglob("*"):
            if file.is_file() and wanted.encode() in file.read_bytes():
                found.add(f"{folder}/{file.name}")
    return found


def releases(workspace):
    folder = workspace.root / "releases"
    return sorted(file for file in folder.glob("*.duckdb") if not file.is_symlink())


def test_nothing_of_the_listener_is_left_and_all_else_is(built, tmp_path):
    workspace = built.twin(tmp_path / "project")
    before = places(workspace)
    # the search of this test finds what it should
    assert {
        "interactions.user_id",
        "songs.creator_id",
        "playlists.owner_id",
        "playlists.owner_handle",
        "rejects.content",
        "served.user_id",
        "feedback.user_id",
        "2025-01-04.jsonl",
        "logs/app.log",
    } <= before
    tables = {place.split(": ")[1] for place in before if ": " in place}
    assert tables >= {
        "listeners",
        "user_songs",
        "listening_history",
        "recommendations",
        "recommendation_reasons",
        "user_factors",
        "channel_scales",
        "discover_weekly",
        "songs",
    }
    assert any(ID.encode() in file.read_bytes() for file in releases(workspace))
    old_names = {file.name for file in releases(workspace)}
    others = "select * from recommendations where user_id = 'u05' order by all"
    lists = workspace.query(others)

    done = workspace.cli("forget", ID, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["found"] == []
    assert document["searched"]["tables"] > 30
    assert document["removed"] == {
        "interactions": 6,
        "songs": 3,
        "playlists": 3,
        "rejects": 2,
        "served": 60,
        "feedback": 3,
        "releases": 2,
        "release_rows": document["removed"]["release_rows"],
        "warehouse_files": 1,
        "work_files": document["removed"]["work_files"],
    }

    assert places(workspace) == set()
    for file in releases(workspace):
        assert ID.encode() not in file.read_bytes()
    # everybody else is as before
    assert workspace.query(others) == lists
    landing = workspace.root / "landing"
    events = pq.read_table(landing / "interactions").to_pylist()
    assert len(events) == 12 * 6 + 2
    assert pq.read_table(landing / "rejects").to_pylist()[0]["content"] == "u01,,play"
    journal = Journal(landing / "feedback")
    journal.refresh()
    assert [one.received_at.day for one in journal.events("u01")] == [2, 3, 4]
    assert (workspace.root / "logs" / "other.log").exists()
    # their songs stay, as those of one creator whom nobody knows
    creators = {
        (row["creator_id"], row["creator_name"])
        for row in pq.read_table(landing / "songs").to_pylist()
        if row["song_id"] in MADE
    }
    ((pseudonym, name),) = creators
    assert (pseudonym[:8], len(pseudonym), name) == ("removed-", 24, None)
    in_release = workspace.query(
        "select distinct creator_id, creator_name from songs "
        "where list_contains($1, song_id)",
        list(MADE),
    )
    assert in_release == [(pseudonym, None)]
    # the names of releases are those of their new content
    assert not old_names & {file.name for file in releases(workspace)}
    assert len(releases(workspace)) == 2
    (audit,) = (landing / "audit.jsonl").read_text("utf-8").splitlines()
    assert json.loads(audit).keys() == {"at", "action", "removed"}
    assert not (landing / ".forgetting.json").exists()


def test_a_forgotten_listener_is_unknown_and_their_songs_are_still_offered(
    built, tmp_path
):
    workspace = built.twin(tmp_path / "project")
    assert workspace.cli("recommend", "--user", ID).returncode == 0
    assert workspace.cli("forget", ID, "--yes").returncode == 0
    gone = workspace.cli("recommend", "--user", ID)
    assert gone.returncode == 1
    assert "No listener" in gone.stderr
    assert workspace.cli("similar", MADE[0]).returncode == 0
    again = workspace.cli("forget", ID, "--yes")
    assert again.returncode == 1
    assert "Nothing of the id" in again.stderr
    assert again.stderr.count("\n") == 1


def test_releases_are_whole_and_rolled_back_to_after_an_erasure(built, tmp_path):
    workspace = built.twin(tmp_path / "project")
    order = [row["as_of"] for row in listed(workspace)]
    assert workspace.cli("forget", ID, "--yes").returncode == 0
    rows = listed(workspace)
    assert [row["problem"] for row in rows] == [None, None]
    assert [row["as_of"] for row in rows] == order
    assert [row["serves"] for row in rows] == [True, False]
    with duckdb.connect(str(releases(workspace)[0]), read_only=True) as opened:
        ((counts, hashes, name),) = opened.execute(
            "select row_counts, content_hashes, release_id from build_info"
        ).fetchall()
        for table, count in counts.items():
            assert fingerprint(opened, table) == (count, hashes[table])
    assert name == releases(workspace)[0].stem
    assert workspace.cli("release", "rollback").returncode == 0
    assert workspace.cli("recommend", "--user", "u05").returncode == 0


def listed(workspace):
    return json.loads(workspace.cli("release", "list", "--json").stdout)["releases"]


def test_the_next_build_knows_nothing_of_them(built, tmp_path):
    workspace = built.twin(tmp_path / "project")
    past = (
        "select user_id, playlist_rank, song_id from discover_weekly "
        "where week_start = '2025-01-06' and user_id != $1 order by all"
    )
    served = workspace.query(past, ID)
    assert workspace.cli("forget", ID, "--yes").returncode == 0
    workspace.build("--as-of", "2025-01-13")
    assert places(workspace) == set()
    assert len(workspace.query("from listeners")) == 12
    assert workspace.query(past, ID) == served
    assert len(served) > 12


def forget_killed(workspace, moment):
    program = (sys.executable, "-c", KILLED, str(moment))
    return workspace.run(*program, "forget", ID, "--yes")


@pytest.mark.large
def test_killed_at_any_moment_every_file_is_whole_and_the_rest_is_done_later(
    built, tmp_path, request
):
    whole = forget_killed(built.twin(tmp_path / "whole"), 0)
    assert whole.returncode == 0, whole.stderr
    changes = int(whole.stdout.split("changes: ")[1])
    assert changes > 30
    step = 1 if request.config.getoption("--large") else EVERY
    for moment in {*range(1, changes + 1, step), changes}:
        workspace = built.twin(tmp_path / f"{moment}")
        killed = forget_killed(workspace, moment)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        # readers get answers, and no file is half of anything
        assert workspace.query("select count(*) from recommendations")[0][0] > 0
        places(workspace)
        done = workspace.cli("forget", ID, "--yes")
        # killed after the last of it, there is nothing left to do
        nothing = done.returncode == 1 and "Nothing of the id" in done.stderr
        assert done.returncode == 0 or (nothing and moment == changes), done.stderr
        assert places(workspace) == set()
        assert len(releases(workspace)) == 2
        assert [row["serves"] for row in listed(workspace)] == [True, False]
        left = {file.name for file in workspace.root.rglob(".*") if file.is_file()}
        assert left <= {".lock", ".build.lock"}
        assert not list(workspace.current.parent.glob(".current*"))
        assert len(creators(workspace)) == 1


def creators(workspace):
    """Return who made the listener's songs, by landing and by all releases."""
    found = {
        row["creator_id"]
        for row in pq.read_table(workspace.root / "landing" / "songs").to_pylist()
        if row["song_id"] in MADE
    }
    for file in releases(workspace):
        with duckdb.connect(str(file), read_only=True) as opened:
            rows = opened.execute(
                "select creator_id from songs where list_contains($1, song_id)",
                [list(MADE)],
            ).fetchall()
        found |= {row[0] for row in rows}
    return found


def test_it_waits_for_no_build_but_says_that_one_runs(built, tmp_path):
    workspace = built.twin(tmp_path / "project")
    with workspace.start(*SUNORECSYS, "build", "--as-of", "2025-01-13") as building:
        lock = workspace.root / "releases" / ".build.lock"
        while not (lock.exists() and lock.read_text()):
            assert building.poll() is None
        refused = workspace.cli("forget", ID, "--yes")
        assert refused.returncode == 1
        assert "Another build is running" in refused.stderr
        assert "interactions.user_id" in places_in_landing(workspace)
        building.communicate(timeout=300)
    assert building.returncode == 0


def places_in_landing(workspace):
    return {
        f"{file.parent.name}.{column}"
        for file in workspace.root.joinpath("landing").rglob("*.parquet")
        for row in pq.read_table(file).to_pylist()
        for column, value in row.items()
        if value == ID
    }
