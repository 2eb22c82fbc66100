"""What happens to a file: its format, its errors, and how it lands."""

import csv
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sunorecsys import ingest as module
from sunorecsys.errors import SunorecsysError
from sunorecsys.ingest import ingest
from sunorecsys.landing import SCHEMAS

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = [{"id": "s1", "title": "One"}, {"id": "s2", "title": "Two"}]
TYPES = ["play", "like"]


def parquet_bytes(rows):
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def take_in(folder, *files, kind="songs", now=NOW, **settings):
    return ingest(
        kind,
        files,
        landing=folder / "landing",
        interaction_types=TYPES,
        now=now,
        **settings,
    )


def landed(folder, kind="songs"):
    files = sorted((folder / "landing" / kind).glob("*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def snapshot(folder):
    """Return every file under the landing folder, hidden ones too."""
    paths = (folder / "landing").rglob("*")
    return {path: path.read_bytes() for path in paths if path.is_file()}


def write(folder, content, name="in.json"):
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


LIST = json.dumps(ROWS)
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
TABLE = "id,title\ns1,One\ns2,Two\n"


TEXTS = [
    ("in.json", LIST),
    ("in.json", json.dumps(ROWS, indent=2)),
    ("in.json", json.dumps({"count": 2, "songs": ROWS})),
    ("in.json", json.dumps({"songs": ROWS, "next": {"a": []}}, indent=1)),
    ("in.json", LINES),
    ("in.jsonl", LINES),
    ("in.ndjson", "\n" + LINES.replace("\n", "\r\n") + "\n\n"),
    ("in.jsonl", LIST),
    ("in", LIST),
    ("in.txt", LINES),
    ("in.csv", TABLE),
    ("in.csv", TABLE.replace("\n", "\r\n") + "\r\n"),
    ("in.csv", TABLE.replace(",", ";")),
    ("in.tsv", TABLE.replace(",", "\t")),
    ("in.txt", TABLE),
]
PARQUET = parquet_bytes(ROWS)


def packed(files):
    return [(f"{name}.gz", gzip.compress(content, mtime=0)) for name, content in files]


FORMATS = [
    *((name, text.encode()) for name, text in TEXTS),
    *((name, b"\xef\xbb\xbf" + text.encode()) for name, text in TEXTS),
    *packed((name, text.encode()) for name, text in TEXTS),
    ("in.parquet", PARQUET),
    ("in", PARQUET),
    *packed([("in.parquet", PARQUET)]),
]


@pytest.mark.parametrize(("name", "content"), FORMATS)
def test_every_format_is_read(tmp_path, name, content):
    (summary,) = take_in(tmp_path, write(tmp_path, content, name))
    assert (summary.accepted, summary.rejected) == (2, 0)
    assert [(row["song_id"], row["title"]) for row in landed(tmp_path)] == [
        ("s1", "One"),
        ("s2", "Two"),
    ]


@pytest.mark.parametrize("kind", ["songs", "playlists", "interactions", "quality"])
def test_landing_files_have_exactly_the_schema(tmp_path, kind):
    row = {"id": "1", "song_id": "s", "song_ids": ["s"], "user_id": "u", "type": "X"}
    row["score"] = "X" if kind == "quality" else None
    like = {**row, "type": "like", "score": 1}
    rows = [row, {**like, "id": ""}, like]
    take_in(tmp_path, write(tmp_path, json.dumps(rows)), kind=kind)
    (file,) = (tmp_path / "landing" / kind).glob("*.parquet")
    assert pq.read_schema(file).equals(SCHEMAS[kind])
    metadata = pq.read_metadata(file)
    assert metadata.row_group(0).column(0).compression == "ZSTD"
    if kind != "songs":
        (rejects,) = (tmp_path / "landing" / "rejects").glob("*.parquet")
        assert rejects.name == f"{kind}-{file.name}"
        assert pq.read_schema(rejects).equals(SCHEMAS["rejects"])


# --- files that cannot be read as a whole


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("in.json", "", "is empty"),
        ("in.csv", "\n \n", "is empty"),
        ("in.json", "[]", "has no rows"),
        ("in.json", '{"songs": []}', "has no rows"),
        ("in.csv", "id,title\n", "has no rows"),
        ("in.parquet", parquet_bytes(ROWS[:0] or [{"id": "x"}])[:50], "Parquet"),
        ("in.parquet", "id,title\ns1,One\n", "cannot be read as Parquet"),
        ("in.parquet", parquet_bytes([{"id": ["s1"]}]), "song_id holds list"),
        ("in.json", LIST[:-9], r"not valid JSON at line 1, column \d+.*cut off"),
        ("in.json", json.dumps(ROWS, indent=1)[:-1], r"at line \d\d?, .*cut off"),
        ("in.json", '{"songs": [{"id": "a"}', "at line 1, column 23.*cut off"),
        ("in.json", '[{"id": "a"},\n {"id": b}]', "at line 2, column 9"),
        ("in.json", LIST + "]", "Extra data"),
        ("in.json", "[" * 100_000, "nested too deeply"),
        ("in.json", "id,title\n", "is not JSON"),
        ("in.xlsx", b"PK\x03\x04\0\0,,", "unknown format"),
        ("in.txt", "hello", "unknown format"),
        ("in.csv", "id,title\n".encode("utf-16"), "UTF-16"),
        ("in.csv", b"id,t\xff\ns1,a\n", "not UTF-8"),
        ("in.csv", "id,id\ns1,s2\n", "two columns id"),
        (
            "in.json.gz",
            gzip.compress(LIST.encode(), mtime=0)[:-12],
            "not a whole gzip file",
        ),
    ],
)
def test_an_unreadable_file_changes_nothing_for_any_file(
    tmp_path, name, content, message
):
    good = write(tmp_path, LIST, "good.json")
    bad = write(tmp_path, content, name)
    with pytest.raises(SunorecsysError, match=message) as caught:
        take_in(tmp_path, good, bad)
    assert str(bad) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert snapshot(tmp_path) == {}


def test_a_parquet_file_without_rows_is_an_error(tmp_path):
    file = tmp_path / "in.parquet"
    pq.write_table(pa.table({"id": pa.array([], pa.string())}), file)
    with pytest.raises(SunorecsysError, match="has no rows"):
        take_in(tmp_path, file)


def test_a_missing_file_a_folder_and_a_pipe_are_errors(tmp_path):
    with pytest.raises(SunorecsysError, match=r"none\.json does not exist"):
        take_in(tmp_path, tmp_path / "none.json")
    with pytest.raises(SunorecsysError, match="is a folder"):
        take_in(tmp_path, tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SunorecsysError, match="not a regular file"):
        take_in(tmp_path, tmp_path / "pipe")


def test_a_file_that_may_not_be_read_is_an_error(tmp_path, monkeypatch):
    file = write(tmp_path, LIST)

    def refuse(self, *_):
        raise PermissionError(13, "Permission denied", str(self))

    # permissions do not hold the superuser back, who runs many a container
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SunorecsysError, match=r"in\.json cannot be read: Permission"):
        take_in(tmp_path, file)


# --- broken lines


def test_broken_lines_of_json_lines_are_refused(tmp_path):
    lines = [
        b'{"id": "s1"}',
        b'{"id": "s2", "title": "\xff"}',
        b'"s3"',
        b"[" * 100_000,
        b"",
        b'{"id": "' + b"9" * 5000 + b'"}',
        b'{"id": "s4", "play_count": ' + b"9" * 5000 + b"}",
        b'{"id": "s5", "ti',
    ]
    file = write(tmp_path, b"\n".join(lines), "in.jsonl")
    (summary,) = take_in(tmp_path, file)
    assert (summary.accepted, summary.rejected) == (1, 6)
    assert [
        (row["position"], row["reason"]) for row in landed(tmp_path, "rejects")
    ] == [
        (2, "row is not valid UTF-8"),
        (3, "row is not an object"),
        (4, "row is not valid JSON"),
        (6, "song_id is longer than 512 characters"),
        (7, "play_count is not a whole number from 0 to 1e12"),
        (8, "row is not valid JSON"),
    ]


def test_broken_lines_of_csv_are_refused(tmp_path):
    content = (
        b"id,title,unused\n"
        b's1,"two\nlines",x\n'
        b"s2,short\n"
        b"s3,long,x,y\n"
        b"\n"
        b"s4,\xff\xfe,x\n"
        b"s5,unused,\xff\n"
        b's6,"closed" twice",x\n'
        b's7,"never closed,x\n'
        b"s8,good,x\n"
        b's9,"good",x\n'
    )
    (summary,) = take_in(tmp_path, write(tmp_path, content, "in.csv"))
    assert [(row["song_id"], row["title"]) for row in landed(tmp_path)] == [
        ("s1", "two\nlines"),
        ("s8", "good"),
        ("s9", "good"),
    ]
    reasons = {row["position"]: row["reason"] for row in landed(tmp_path, "rejects")}
    assert reasons.pop(4) == "row has 2 fields, the header has 3"
    assert reasons.pop(5) == "row has 4 fields, the header has 3"
    assert reasons.pop(7) == reasons.pop(8) == "row is not valid UTF-8"
    assert reasons.pop(9).startswith("row has broken quotes")
    assert reasons.pop(10).startswith("row has broken quotes")
    assert not reasons
    assert summary.rejected == 6


def test_invalid_utf8_inside_a_json_list_refuses_its_item(tmp_path):
    file = write(tmp_path, b'[{"id": "s1"}, {"id": "s2", "other": "\xff"}]')
    (summary,) = take_in(tmp_path, file)
    assert (summary.accepted, summary.reasons) == (1, {"row is not valid UTF-8": 1})


def test_invalid_utf8_inside_parquet_refuses_its_row(tmp_path):
    titles = pa.array([b"good", b"\xff", None], pa.binary()).view(pa.string())
    file = tmp_path / "in.parquet"
    pq.write_table(pa.table({"id": ["s1", "s2", "s3"], "title": titles}), file)
    (summary,) = take_in(tmp_path, file)
    assert [row["song_id"] for row in landed(tmp_path)] == ["s1", "s3"]
    assert summary.reasons == {"row is not valid UTF-8": 1}


def test_uuids_and_columns_that_differ_by_case_are_read_from_parquet(tmp_path):
    file = tmp_path / "in.parquet"
    ids = pa.array([bytes(range(16))], pa.uuid())
    pq.write_table(pa.table({"id": ids, "ID": ["x"], "Title": ["y"]}), file)
    take_in(tmp_path, file)
    (row,) = landed(tmp_path)
    assert row["song_id"] == "00010203-0405-0607-0809-0a0b0c0d0e0f"
    assert row["title"] is None


def test_times_that_no_calendar_has_refuse_their_row(tmp_path):
    times = pa.array([2**62, 0, None], pa.timestamp("ms"))
    file = tmp_path / "in.parquet"
    pq.write_table(pa.table({"id": ["s1", "s2", "s3"], "created_at": times}), file)
    (summary,) = take_in(tmp_path, file)
    assert [row["song_id"] for row in landed(tmp_path)] == ["s2", "s3"]
    assert summary.reasons == {"created_at is not a time": 1}


# --- how a file lands


def test_the_same_file_lands_in_the_same_place_with_its_earliest_export(tmp_path):
    first = write(tmp_path, LIST, "first.json")
    os.utime(first, (1_700_000_000, 1_700_000_000))
    take_in(tmp_path, first)
    before = snapshot(tmp_path)
    copy = write(tmp_path, LIST, "copy.json")
    os.utime(copy, (1_750_000_000, 1_750_000_000))
    take_in(tmp_path, copy)
    assert snapshot(tmp_path) == before
    exported = {row["exported_at"] for row in landed(tmp_path)}
    assert exported == {datetime(2023, 11, 14, 22, 13, 20)}
    os.utime(copy, (1_600_000_000, 1_600_000_000))
    take_in(tmp_path, copy)
    exported = {row["exported_at"] for row in landed(tmp_path)}
    assert exported == {datetime(2020, 9, 13, 12, 26, 40)}


def test_an_export_is_not_from_the_future(tmp_path):
    file = write(tmp_path, LIST)
    os.utime(file, (2_000_000_000, 2_000_000_000))
    take_in(tmp_path, file)
    assert landed(tmp_path)[0]["exported_at"] == NOW.replace(tzinfo=None)


def test_the_export_time_of_a_row_counts_more_than_that_of_the_file(tmp_path):
    rows = [{"id": "s1", "exported_at": "2024-05-06T07:08:09Z"}, {"id": "s2"}]
    file = write(tmp_path, json.dumps(rows))
    os.utime(file, (1_750_000_000, 1_750_000_000))
    for _ in range(2):
        take_in(tmp_path, file)
        assert [row["exported_at"] for row in landed(tmp_path)] == [
            datetime(2024, 5, 6, 7, 8, 9),
            datetime(2025, 6, 15, 15, 6, 40),
        ]


def test_another_mapping_lands_in_another_place(tmp_path):
    file = write(tmp_path, LIST)
    take_in(tmp_path, file)
    take_in(tmp_path, file, columns={"creator_name": "title"})
    assert len(snapshot(tmp_path)) == 2


def test_the_same_content_twice_in_one_command_counts_as_repeated(tmp_path):
    one, two = write(tmp_path, LIST, "1.json"), write(tmp_path, LIST, "2.json")
    os.utime(two, (1_600_000_000, 1_600_000_000))
    first, second = take_in(tmp_path, one, two)
    assert (first.accepted, first.repeated) == (2, 0)
    assert (second.accepted, second.repeated) == (0, 2)
    assert {row["exported_at"].year for row in landed(tmp_path)} == {2020}


def test_rejects_of_an_earlier_ingest_go_when_there_are_none_any_more(tmp_path):
    rows = [
        {"user_id": "u", "song_id": "s", "type": "play"},
        {"user_id": "u", "song_id": "s", "type": "hum"},
    ]
    file = write(tmp_path, json.dumps(rows))
    take_in(tmp_path, file, kind="interactions")
    assert len(landed(tmp_path, "rejects")) == 1
    ingest(
        "interactions",
        [file],
        landing=tmp_path / "landing",
        interaction_types=[*TYPES, "hum"],
        now=NOW,
    )
    assert len(landed(tmp_path, "interactions")) == 2
    assert list((tmp_path / "landing" / "rejects").iterdir()) == []


def test_a_dry_run_reports_and_writes_nothing(tmp_path):
    file = write(tmp_path, json.dumps([*ROWS, {"id": ""}]))
    (summary,) = take_in(tmp_path, file, dry_run=True)
    assert (summary.accepted, summary.rejected) == (2, 1)
    assert not (tmp_path / "landing").exists()


def test_without_one_good_row_there_is_no_landing_file(tmp_path):
    (summary,) = take_in(tmp_path, write(tmp_path, '[{"id": ""}, 1]'))
    assert (summary.accepted, summary.rejected) == (0, 2)
    assert [path.parent.name for path in snapshot(tmp_path)] == ["rejects"]


@pytest.mark.parametrize(
    ("failure", "raised", "message"),
    [
        (OSError, SunorecsysError, "Nothing was ingested: .*No space left"),
        (KeyboardInterrupt, KeyboardInterrupt, "No space left"),
    ],
)
def test_an_interrupted_write_changes_nothing(
    tmp_path, monkeypatch, failure, raised, message
):
    first = write(tmp_path, json.dumps([{"id": "old"}, {"id": ""}]), "old.json")
    take_in(tmp_path, first)
    before = snapshot(tmp_path)
    writers = []

    class FailsAtTheThird(pq.ParquetWriter):
        def write_table(self, *arguments, **settings):
            writers.append(self)
            if len(writers) == 3:
                raise failure(28, "No space left on device")
            super().write_table(*arguments, **settings)

    monkeypatch.setattr(module.pq, "ParquetWriter", FailsAtTheThird)
    files = [write(tmp_path, f'[{{"id": "{i}"}}]', f"{i}.json") for i in range(4)]
    with pytest.raises(raised, match=message):
        take_in(tmp_path, *files)
    assert snapshot(tmp_path) == before


def test_a_killed_ingest_changes_nothing_that_readers_see(tmp_path):
    take_in(tmp_path, write(tmp_path, LIST, "old.json"))
    before = snapshot(tmp_path)
    code = (
        "import sys, time, pathlib\n"
        "from sunorecsys import ingest\n"
        "write = ingest._write\n"
        "def slow(*arguments):\n"
        "    write(*arguments)\n"
        "    print('written aside', flush=True)\n"
        "    time.sleep(60)\n"
        "ingest._write = slow\n"
        "file, landing = map(pathlib.Path, sys.argv[1:])\n"
        "ingest.ingest('songs', [file], landing=landing)\n"
    )
    new = write(tmp_path, json.dumps([{"id": "new"}]), "new.json")
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(new), str(tmp_path / "landing")],
        stdout=subprocess.PIPE,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(module.__file__).parents[2]),
            "TMPDIR": str(tmp_path),
        },
    )
    try:
        assert process.stdout.readline() == b"written aside\n"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    after = snapshot(tmp_path)
    seen = {path: after[path] for path in after if path.suffix == ".parquet"}
    assert seen == before
    take_in(tmp_path, new)
    assert {row["song_id"] for row in landed(tmp_path)} == {"s1", "s2", "new"}


# --- byte for byte

TITLES = [
    "it's \"quoted\", 'twice'",
    "two\nlines\r\nand a \r return",
    "'; drop table songs; --",
    "🎵 絵文字 \u200d\u0301 \x00 \x1b[31m",
    "  spaces  ",
    "",
    "$1 {{ ref('x') }} \\n \\",
]


def as_csv(rows):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["id", "title"], quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


WRITERS = {
    "in.json": lambda rows: json.dumps(rows, ensure_ascii=False).encode(),
    "in.jsonl": lambda rows: "\n".join(map(json.dumps, rows)).encode(),
    "in.csv": as_csv,
    "in.parquet": parquet_bytes,
}


def assert_titles_survive(folder, titles):
    rows = [{"id": f"s{i}", "title": title} for i, title in enumerate(titles)]
    for name, writer in WRITERS.items():
        file = write(folder, writer(rows), name)
        (summary,) = take_in(folder, file)
        assert summary.rejected == 0, (name, summary.examples)
        (target,) = (folder / "landing" / "songs").glob("*.parquet")
        assert pq.read_table(target)["title"].to_pylist() == titles, name
        target.unlink()


def test_titles_arrive_byte_for_byte(tmp_path):
    assert_titles_survive(tmp_path, TITLES)


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(titles=st.lists(st.text(), min_size=1, max_size=20))
def test_arbitrary_titles_arrive_byte_for_byte(tmp_path, titles):
    assert_titles_survive(tmp_path, titles)


def test_many_interactions_land_quickly(tmp_path):
    count = 200_000
    numbers = range(count)
    table = pa.table(
        {
            "user_id": [f"u{number % 1000}" for number in numbers],
            "song_id": [f"s{number % 777}" for number in numbers],
            "ts": pa.array(numbers, pa.int64()),
        }
    )
    file = tmp_path / "in.parquet"
    pq.write_table(table, file)
    begun = time.monotonic()
    shares = []
    (summary,) = take_in(
        tmp_path,
        file,
        kind="interactions",
        on_progress=lambda _, share: shares.append(share),
    )
    assert summary.accepted == count
    assert summary.unknown_songs == 777
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    # a fifth of what a million may take
    assert time.monotonic() - begun < 3
