"""Files of a benchmark: what is refused, what is told, and what is held out."""

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sunorecsys.benchmark import split
from sunorecsys.errors import SunorecsysError
from sunorecsys.project import Project

TRAIN = "user_id,item_id,weight\n007,a,2\n007,b,1\n8,a,1\n"
TEST = "user_id,item_id\n007,c\n8,b\n9,a\n"


@pytest.fixture
def files(tmp_path):
    """Write a file of the name, and return its path."""

    def write(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def landed(at, kind):
    return duckdb.sql(f"from '{at.landing}/{kind}/benchmark.parquet'").fetchall()


def events(at):
    return duckdb.sql(
        f"select user_id, song_id, occurred_at >= timestamp '{split.AS_OF}', weight "
        f"from '{at.landing}/interactions/benchmark.parquet' order by all"
    ).fetchall()


def test_train_is_the_past_and_test_what_comes_next(files, tmp_path):
    found = split.read(files("train.csv", TRAIN), files("test.csv", TEST), None)
    at = Project(tmp_path / "at")
    found.land_test(at)
    # ids stay text, and without a time a row has always been there
    assert events(at) == [
        ("007", "a", False, 2.0),
        ("007", "b", False, 1.0),
        ("007", "c", True, 1.0),
        ("8", "a", False, 1.0),
        ("8", "b", True, 1.0),
        ("9", "a", True, 1.0),
    ]
    songs = duckdb.sql(
        f"select song_id, is_hidden, play_count from "
        f"'{at.landing}/songs/benchmark.parquet' order by song_id"
    ).fetchall()
    # what train does not know is ranked for nobody
    assert songs == [("a", False, 2), ("b", False, 1), ("c", True, 0)]
    assert found.notices == [
        "1 users of test are not in train; they get popular songs.",
        "1 items of test are not in train; their rows count as missed.",
    ]


def test_items_describe_songs_of_train_only(files, tmp_path):
    items = tmp_path / "items.parquet"
    pq.write_table(
        pa.table(
            {
                "item_id": ["a", "c", "z"],
                "tags": [["rock, hard", "80s"], ["pop"], ["pop"]],
                "artist": ["A", "C", "Z"],
            }
        ),
        items,
    )
    found = split.read(files("train.csv", TRAIN), files("test.csv", TEST), items)
    found.land_test(Project(tmp_path / "at"))
    rows = duckdb.sql(
        f"select song_id, creator_name, tags from "
        f"'{tmp_path}/at/landing/songs/benchmark.parquet' order by song_id"
    ).fetchall()
    # a comma parts tags, and test tells nothing of its songs
    assert rows == [("a", "A", "rock  hard, 80s"), ("b", None, None), ("c", None, None)]


def test_the_order_of_times_is_kept(files, tmp_path):
    train = files("train.csv", "user_id,item_id,ts\nu,a,100\nu,b,160\n")
    found = split.read(train, files("test.csv", "user_id,item_id,ts\nu,c,50\n"), None)
    at = Project(tmp_path / "at")
    found.land_test(at)
    seconds = duckdb.sql(
        f"select song_id, epoch(timestamp '{split.AS_OF}' - occurred_at) from "
        f"'{at.landing}/interactions/benchmark.parquet' order by all"
    ).fetchall()
    assert seconds == [("a", 61.0), ("b", 1.0), ("c", -3600.0)]


def rows_of(users, songs):
    return "".join(f"u{user},s{song}\n" for user in range(users) for song in songs)


def test_a_share_of_each_listeners_rows_is_held_out(files, tmp_path):
    train = files("train.csv", "user_id,item_id\n" + rows_of(30, range(20)) + "x,s1\n")
    found = split.read(train, files("test.csv", "user_id,item_id\nu1,new\n"), None)
    at = Project(tmp_path / "at")
    found.land_validation(at, seed=1)
    held_out = [row[:2] for row in events(at) if row[2]]
    # 15 % of 20 rows; one row is not divided, and test is not looked at
    assert len(held_out) == 30 * 3
    assert {user for user, _ in held_out} == {f"u{user}" for user in range(30)}
    assert len(events(at)) == 601
    again = Project(tmp_path / "again")
    found.land_validation(again, seed=1)
    assert events(again) == events(at)
    other = Project(tmp_path / "other")
    found.land_validation(other, seed=2)
    assert events(other) != events(at)


def test_few_listeners_are_divided_in_several_ways(files, monkeypatch):
    train = files("train.csv", "user_id,item_id\n" + rows_of(30, range(2)))
    test = files("test.csv", "user_id,item_id\nu1,new\n")
    assert split.read(train, test, None).divisions() == split.MOST_DIVISIONS
    monkeypatch.setattr(split, "VALIDATION_LISTENERS", 60)
    assert split.read(train, test, None).divisions() == 2
    monkeypatch.setattr(split, "VALIDATION_LISTENERS", 10)
    assert split.read(train, test, None).divisions() == 1
    # there is one way to hold out what is newest
    monkeypatch.setattr(split, "VALIDATION_LISTENERS", 60)
    train = files("train.csv", "user_id,item_id,ts\nu1,a,1\nu2,b,2\n")
    test = files("test.csv", "user_id,item_id,ts\nu1,new,3\n")
    assert split.read(train, test, None).divisions() == 1


def test_a_sample_of_listeners_is_enough(files, tmp_path, monkeypatch):
    monkeypatch.setattr(split, "VALIDATION_LISTENERS", 10)
    train = files("train.csv", "user_id,item_id\n" + rows_of(30, range(20)))
    found = split.read(train, files("test.csv", "user_id,item_id\nu1,new\n"), None)
    at = Project(tmp_path / "at")
    found.land_validation(at, seed=1)
    assert len({row[0] for row in events(at) if row[2]}) == 10
    # all others are learned from whole
    assert len(events(at)) == 600


def test_where_test_is_later_the_newest_rows_are_held_out(files, tmp_path):
    rows = "".join(f"u{n % 4},s{n},{n}\n" for n in range(100))
    train = files("train.csv", "user_id,item_id,ts\n" + rows)
    test = files("test.csv", "user_id,item_id,ts\nu1,s3,100\n")
    at = Project(tmp_path / "at")
    split.read(train, test, None).land_validation(at, seed=1)
    assert {row[1] for row in events(at) if row[2]} == {f"s{n}" for n in range(85, 100)}
    assert len(events(at)) == 100


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ("user_id,item_id\n", TEST, "train.csv has no rows."),
        (TRAIN, "user_id,item_id\n", "test.csv has no rows."),
        (TRAIN, "user_id,item_id\n8,a\n007,a\n", "All rows of"),
        ("user,item_id\n1,a\n", TEST, "has no column user_id; it has user, item_id."),
        (TRAIN + ",a,1\n", TEST, "1 rows without a user_id or an item_id"),
        (TRAIN + "9,a,0\n", TEST, "1 rows whose weight is no number above 0"),
        (TRAIN + "9,a,nan\n", TEST, "1 rows whose weight is no number above 0"),
        (TRAIN + "9,a,many\n", TEST, "1 rows whose weight is no number above 0"),
        (
            "user_id,item_id,ts\n1,a,soon\n",
            TEST,
            "1 rows whose ts is neither seconds nor a time",
        ),
    ],
)
def test_files_that_cannot_be_used_are_named(files, train, test, message):
    with pytest.raises(SunorecsysError, match=message):
        split.read(files("train.csv", train), files("test.csv", test), None)


def test_files_that_are_none_are_named(files, tmp_path):
    with pytest.raises(SunorecsysError, match=r"There is no file .*none\.csv"):
        split.read(tmp_path / "none.csv", files("test.csv", TEST), None)
    broken = files("train.parquet", "PAR1 no more")
    with pytest.raises(SunorecsysError, match="cannot be read as Parquet"):
        split.read(broken, files("test.csv", TEST), None)


def test_pairs_of_both_files_are_told(files):
    test = files("test.csv", TEST + "007,a\n")
    found = split.read(files("train.csv", TRAIN), test, None)
    assert "1 of 4 rows of test are known already and do not count." in found.notices


def test_masked_rows_are_known_and_not_learned_from(files, tmp_path):
    masked = files("valid.csv", "user_id,item_id\n007,c\n8,d\n")
    found = split.read(files("train.csv", TRAIN), files("test.csv", TEST), None, masked)
    assert found.notices[0] == "1 of 3 rows of test are known already and do not count."
    at = Project(tmp_path / "at")
    found.land_test(at)
    skips = duckdb.sql(
        f"select user_id, song_id from '{at.landing}/interactions/benchmark.parquet' "
        "where interaction_type = 'skip' and weight < 1e-6 order by all"
    ).fetchall()
    assert skips == [("007", "c"), ("8", "d")]
    hidden = duckdb.sql(
        f"select song_id from '{at.landing}/songs/benchmark.parquet' where is_hidden"
    ).fetchall()
    assert sorted(hidden) == [("c",), ("d",)]
    tuning = Project(tmp_path / "tuning")
    found.land_validation(tuning, seed=1)
    assert {row[1] for row in events(tuning)} <= {"a", "b"}
