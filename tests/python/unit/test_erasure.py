"""Erasing a listener from landing, file by file."""

import json
import os
import re
from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sunorecsys import audit, blocklist, builds, erasure, feedback, landing
from sunorecsys.errors import SunorecsysError, UsageError
from sunorecsys.feedback import Event
from sunorecsys.project import Project
from sunorecsys.traces import Wanted

IDS = (
    "u1",
    "o'brien",
    'a "b" \\ c',
    "100%_x",
    "ünïcode 🎵",
    "two\nlines",
    "a.b*c[d]?",
    "'; drop table songs; --",
    "$1",
    " ",
    "{}",
    "x" * 3000,
)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "dbt_project.yml").write_text("name: sunorecsys\n")
    return Project(tmp_path)


def land(project, kind, rows, name="rows.parquet", schema=None):
    path = project.landing / kind / name
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = schema or landing.SCHEMAS[kind]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def play(user, song="s1", **fields):
    return {"user_id": user, "song_id": song, "interaction_type": "play", **fields}


def test_what_cannot_be_an_id_is_refused(project):
    for wrong in ("", "a\0b", "\udcff"):
        with pytest.raises(UsageError):
            erasure.forget(project, wrong)


@pytest.mark.parametrize("user", IDS)
def test_any_id_is_erased_and_no_other(project, user):
    others = ["u10", "U1", f"{user}x", f"x{user}", user[:-1], f"{user}%", f"{user}'"]
    path = land(project, "interactions", [play(one) for one in [user, *others, user]])
    erased = erasure.forget(project, user)
    assert erased.removed == {"interactions": 2}
    assert erased.proof.traces == []
    assert [row["user_id"] for row in pq.read_table(path).to_pylist()] == others
    with pytest.raises(SunorecsysError, match="Nothing of the id"):
        erasure.forget(project, user)


@pytest.mark.parametrize("user", IDS[:-1])
@pytest.mark.parametrize(
    "frame",
    ["{}", "a,{},b", "user_id={};", "({})", "é{}é", "end {}\n", "a\t{}\tb"],
)
def test_an_id_is_found_in_texts_whatever_stands_around_it(user, frame):
    assert found_in(frame.format(user), user)


@pytest.mark.parametrize("user", [one for one in IDS if one != " "])
def test_an_id_is_found_in_its_forms_of_json_csv_and_sql(user):
    assert found_in(json.dumps({"user": user}), user)
    assert found_in(json.dumps({"user": f"\n{user}\n"}, ensure_ascii=False), user)
    assert found_in('a,"' + user.replace('"', '""') + '",b', user)
    assert found_in("where user_id = '" + user.replace("'", "''") + "'", user)


@pytest.mark.parametrize("text", ["u10", "xu1", "u1x", "a-u1", "u1-b", "_u1", "U1", ""])
def test_a_longer_word_is_another_one(text):
    assert not found_in(text, "u1")


def found_in(text, user):
    """Ask both engines, which must agree."""
    wanted = Wanted(user)
    by_python = wanted.in_bytes.search(text.encode()) is not None
    ((by_duckdb,),) = duckdb.execute(
        "select regexp_matches($1, $2)", [text, wanted.pattern]
    ).fetchall()
    assert by_duckdb == by_python
    return by_python


def test_a_refused_row_goes_with_the_id_anywhere_in_it_or_cut_off(project):
    user = "listener-0123456789"
    start = "x" * 490
    rows = [
        {"content": '{"user_id": "listener-0123456789"', "reason": "no song"},
        {"content": "row", "reason": "user_id listener-0123456789 is odd"},
        {"content": "row", "file": f"exports/{user}.json"},
        # as ingest cuts it
        {"content": f"{start},{user}"[:500]},
        {"content": f"{start},another-0123456789"[:500]},
        {"content": '{"user_id": "listener-01234567890"'},
        {"content": None},
    ]
    path = land(project, "rejects", rows)
    assert erasure.forget(project, user).removed == {"rejects": 4}
    assert [row["content"] for row in pq.read_table(path).to_pylist()] == [
        row["content"] for row in rows[4:]
    ]


def test_a_playlist_goes_in_all_its_exports(project):
    entry = {"song_id": "s1", "song_position": 1}
    land(
        project,
        "playlists",
        [
            {"playlist_id": "a", "owner_id": "u1"} | entry,
            {"playlist_id": "b", "owner_id": "other", "owner_handle": "u1"} | entry,
            {"playlist_id": "c", "owner_id": "u2"} | entry,
            {"playlist_id": None, "owner_id": "u1"} | entry,
        ],
    )
    older = [{"playlist_id": one} | entry for one in ("a", "b", "c", None)]
    land(project, "playlists", older, "older.parquet")
    assert erasure.forget(project, "u1").removed == {"playlists": 5}
    kept = pq.read_table(project.landing / "playlists").to_pylist()
    assert [row["playlist_id"] for row in kept] == ["c", None, "c"]


def test_songs_keep_one_unknown_creator_and_lose_the_name(project):
    rows = [
        {"song_id": "s1", "creator_id": "u1", "creator_name": "Me"},
        {"song_id": "s2", "creator_id": "u1", "creator_name": None},
        {"song_id": "s3", "creator_id": "u2", "creator_name": "u1"},
        {"song_id": "s4", "creator_id": None, "creator_name": "u1"},
        {"song_id": "s5", "creator_id": "u2", "creator_name": "Other"},
    ]
    path = land(project, "songs", rows)
    land(project, "songs", rows[:1], "newer.parquet")
    assert erasure.forget(project, "u1").removed == {"songs": 5}
    kept = [
        (r["creator_id"], r["creator_name"]) for r in pq.read_table(path).to_pylist()
    ]
    pseudonym = kept[0][0]
    assert re.fullmatch(r"removed-[0-9a-f]{16}", pseudonym)
    assert kept == [
        (pseudonym, None),
        (pseudonym, None),
        ("u2", None),
        (None, None),
        ("u2", "Other"),
    ]
    (again,) = pq.read_table(project.landing / "songs" / "newer.parquet").to_pylist()
    assert again["creator_id"] == pseudonym


def test_a_file_keeps_its_time_and_what_is_noted_in_it(project):
    schema = landing.SCHEMAS["interactions"].with_metadata({b"exported_at": b"2025"})
    path = land(project, "interactions", [play("u1"), play("u2")], schema=schema)
    other = land(project, "interactions", [play("u2")], "other.parquet")
    os.utime(path, ns=(10**18, 10**18 + 7))
    inode = other.stat().st_ino
    erasure.forget(project, "u1")
    assert path.stat().st_mtime_ns == 10**18 + 7
    assert path.stat().st_mode & 0o777 == 0o644
    assert pq.read_schema(path).metadata[b"exported_at"] == b"2025"
    assert pq.read_schema(path).equals(schema)
    # nothing of theirs is in it
    assert other.stat().st_ino == inode


def test_names_that_look_like_patterns_and_links_are_files(project, tmp_path):
    odd = land(project, "interactions", [play("u1"), play("u2")], "a[1]*?.parquet")
    near = land(project, "interactions", [play("u2")], "a1b.parquet")
    elsewhere = tmp_path / "disk" / "real.parquet"
    elsewhere.parent.mkdir()
    odd.rename(elsewhere)
    odd.symlink_to(elsewhere)
    assert erasure.forget(project, "u1").removed == {"interactions": 1}
    assert odd.is_symlink()
    assert pq.read_table(elsewhere).num_rows == pq.read_table(near).num_rows == 1


def told(user, number):
    moment = datetime(2025, 1, 1, 0, number)
    return Event(f"e{number}", user, "s1", "play", moment, 1.0, moment)


def test_feedback_lines_of_others_stay_byte_for_byte(project):
    folder = project.feedback
    folder.mkdir(parents=True)
    mine = [
        feedback._line(told(user, 1), datetime(2025, 1, 1)) for user in ("u1", "u2")
    ]
    damaged = [b'{"user_id":"u1","song\n', b'{"user_id":"u2","song\n']
    half = b'{"received_at":"2025-01-01T00:00:00","user_id":"u1"'
    path = folder / "2025-01-01.jsonl"
    path.write_bytes(b"".join([*mine, *damaged]) + half)
    assert erasure.forget(project, "u1").removed == {"feedback": 3}
    assert path.read_bytes() == mine[1] + damaged[1]


def test_an_event_of_another_listener_stays_though_it_names_the_id(project):
    folder = project.feedback
    folder.mkdir(parents=True)
    line = feedback._line(told("u2", 1), datetime(2025, 1, 1))
    content = line.replace(b'"s1"', b'"u1"')
    (folder / "2025-01-01.jsonl").write_bytes(content)
    land(project, "interactions", [play("u1")])
    erased = erasure.forget(project, "u1")
    # it is told, and left to a person
    assert [trace.path.name for trace in erased.proof.traces] == ["2025-01-01.jsonl"]
    assert (folder / "2025-01-01.jsonl").read_bytes() == content


def test_what_dbt_wrote_about_them_is_deleted(project):
    land(project, "interactions", [play("u1")])
    for name in ("target/run/model.sql", "logs/dbt.log", "logs/odd.bin"):
        path = project.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xff\x00'u1'\x00")
    kept = project.root / "logs" / "kept.log"
    kept.write_text("u10 was here\n")
    (project.root / "logs" / "empty.log").touch()
    project.warehouse.parent.mkdir()
    for ending in ("", ".wal", ".old"):
        project.warehouse.with_name(f"sunorecsys.duckdb{ending}").write_bytes(b"u1")
    assert erasure.forget(project, "u1").removed == {
        "interactions": 1,
        "warehouse_files": 3,
        "work_files": 3,
    }
    assert sorted(path.name for path in kept.parent.iterdir()) == [
        "empty.log",
        "kept.log",
    ]
    assert list(project.warehouse.parent.iterdir()) == []


def test_an_id_that_only_the_warehouse_knows_is_erased_with_it(project):
    project.warehouse.parent.mkdir()
    with duckdb.connect(str(project.warehouse)) as warehouse:
        warehouse.execute("create table listens as select 'u1' as user_id")
    with pytest.raises(SunorecsysError, match="Nothing of the id 'u2'"):
        erasure.forget(project, "u2")
    assert project.warehouse.exists()
    assert erasure.forget(project, "u1").removed == {"warehouse_files": 1}
    assert not project.warehouse.exists()


def test_every_kind_of_column_is_searched(project):
    connection = duckdb.connect()
    folder = project.landing / "odd"
    folder.mkdir(parents=True)
    values = {
        "text": "'u1'",
        "list": "['a', 'u1']",
        "nested": "[{'name': 'u1'}]",
        "map": "map {'k': 'u1'}",
        "bytes": "'u1'::blob",
        "choice": "'u1'::enum('u1', 'u2')",
    }
    for name, value in values.items():
        path = folder / f"{name}.parquet"
        connection.execute(f"copy (select {value} as x, 7 as y) to '{path}'")
    erased = erasure.forget(project, "u1")
    assert {trace.path.stem for trace in erased.proof.traces} == set(values)
    assert {trace.place for trace in erased.proof.traces} == {"x"}


def test_an_unreadable_file_does_not_stop_the_rest_but_is_told(project):
    path = land(project, "interactions", [play("u1")])
    bad = [
        project.landing / "playlists" / "cut.parquet",
        project.landing / "rejects" / "cut.parquet",
        project.feedback / "2025-01-01.parquet",
        project.releases / "2020-01-01-bad.duckdb",
    ]
    for one in bad:
        one.parent.mkdir(parents=True, exist_ok=True)
        one.write_bytes(b"PAR1 damaged")
    erased = erasure.forget(project, "u1")
    assert pq.read_table(path).num_rows == 0
    assert sorted(erased.proof.unreadable) == sorted(bad)
    with pytest.raises(SunorecsysError, match="cannot be read, so nobody knows"):
        erasure.forget(project, "u2")


def test_what_killed_processes_left_is_removed_but_not_what_is_written(project):
    path = land(project, "interactions", [play("u1")])
    left = [
        path.with_name(".rows.parquet-abc"),
        project.landing / "served" / "tmp_.week.parquet-abc",
        project.releases / ".building-77.duckdb",
        project.releases / ".building-77.duckdb.wal",
    ]
    for one in left:
        one.parent.mkdir(parents=True, exist_ok=True)
        one.write_bytes(b"u1")
    with landing.replacing(path) as aside:
        pq.write_table(pq.read_table(path), aside)
        with pytest.raises(SunorecsysError, match="Wait for the ingest to end"):
            erasure.forget(project, "u1")
        assert pq.read_table(path).num_rows == 1
    assert erasure.forget(project, "u1").removed == {"interactions": 1}
    assert not any(one.exists() for one in left)


def test_an_ingest_that_begins_meanwhile_leaves_the_proof_open(project):
    path = land(project, "interactions", [play("u1")])
    begun = []

    def on_step(what, done, total):
        if what.startswith("Erasing") and not begun:
            begun.append(landing.replacing(path.with_name("more.parquet")))
            begun[0].__enter__()

    with pytest.raises(SunorecsysError, match="Wait for the ingest to end"):
        erasure.forget(project, "u1", on_step=on_step)
    begun[0].__exit__(None, None, None)


@pytest.mark.parametrize("user", ["7", "2", "dbt", "1,000", "failed", "content"])
def test_numbers_and_words_of_the_build_are_nobody(project, user):
    with builds.recorded(project.landing) as record:
        record.steps = [{"name": "content", "seconds": 7.0, "row_count": 2}]
    shape = pa.schema([("channel", pa.string()), ("candidates", pa.int64())])
    counted = {"channel": "content", "candidates": 7}
    land(project, "monitoring", [counted], schema=shape)
    about = project.root / "target" / "manifest.json"
    about.parent.mkdir()
    about.write_text('{"dbt": "1.11.7", "rows": 7, "version": 2}')
    project.warehouse.parent.mkdir()
    with duckdb.connect(str(project.warehouse)) as warehouse:
        warehouse.execute("create table songs as select 's1' as song_id")
    land(project, "interactions", [play("u1")])
    with pytest.raises(SunorecsysError, match="Nothing of the id"):
        erasure.forget(project, user)
    assert about.exists()
    assert project.warehouse.exists()
    assert not (project.landing / "audit.jsonl").exists()
    # and a listener of such a name is erased, and that is proven
    land(project, "interactions", [play(user), play("u1")])
    release = project.releases / "2025-01-06-x.duckdb"
    release.parent.mkdir(exist_ok=True)
    with duckdb.connect(str(release)) as made:
        made.execute(
            "create table build_info as select timestamp '2025-01-06' as as_of, "
            "1 as schema_version, map {'duckdb': '2.0.0', 'dbt': '1,000'} as versions, "
            "map {'songs': 'x'} as content_hashes, map {'songs': 7} as row_counts, "
            "'x' as release_id"
        )
        made.execute("create table songs as select 's1' as song_id")
    erased = erasure.forget(project, user)
    assert erased.removed["interactions"] == 1
    assert erased.proof.traces == []


def test_reasons_of_operators_lose_the_id_and_the_songs_stay_down(project):
    land(project, "interactions", [play("u1"), play("u10")])
    now = datetime(2025, 1, 2)
    for song, reason in (("s1", "asked by u1, twice"), ("s2", "by u10"), ("s3", None)):
        blocklist.block(project.blocked, [song], reason=reason, now=now)
        audit.record(project.landing, "block", songs=[song], reason=reason)
    erased = erasure.forget(project, "u1")
    assert erased.proof.traces == []
    kept = blocklist.read(project.blocked)
    assert {song: entry.reason for song, entry in kept.items()} == {
        "s1": None,
        "s2": "by u10",
        "s3": None,
    }
    lines = (project.landing / "audit.jsonl").read_text().splitlines()
    acts = [json.loads(line) for line in lines]
    assert [act.get("reason") for act in acts] == [None, "by u10", None, None]
    assert [act.get("songs") for act in acts] == [["s1"], ["s2"], ["s3"], None]


def test_a_disk_that_refuses_leaves_all_whole_and_the_rest_for_later(
    project, monkeypatch
):
    song = {"song_id": "s1", "creator_id": "u1"}
    first = land(project, "songs", [song], "a.parquet")
    second = land(project, "songs", [song], "b.parquet")
    write = pq.ParquetWriter.write_table

    def fail(self, table, *arguments):
        if "b.parquet" in str(self.where):
            raise OSError(28, "No space left on device")
        return write(self, table, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(pq.ParquetWriter, "write_table", fail)
        with pytest.raises(SunorecsysError, match=r"No space left.*run it again"):
            erasure.forget(project, "u1")
    half = pq.read_table(first).to_pylist()[0]["creator_id"]
    assert half.startswith("removed-")
    assert pq.read_table(second).to_pylist()[0]["creator_id"] == "u1"
    assert not (project.landing / "audit.jsonl").exists()
    erasure.forget(project, "u1")
    assert pq.read_table(second).to_pylist()[0]["creator_id"] == half
    assert len((project.landing / "audit.jsonl").read_text().splitlines()) == 1


def test_the_audit_says_how_much_but_not_who(project):
    land(project, "interactions", [play("somebody")])
    erasure.forget(project, "somebody")
    (line,) = (project.landing / "audit.jsonl").read_text().splitlines()
    act = json.loads(line)
    assert act.pop("at").endswith("Z")
    assert act == {"action": "forget", "removed": {"interactions": 1}}
