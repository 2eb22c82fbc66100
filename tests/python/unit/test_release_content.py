"""Two tables have the same hash if and only if they hold the same rows in one order."""

import duckdb
import pytest

from sunorecsys.release.content import fingerprint

ROWS = """
select
    range as number,
    case when range % 3 > 0 then 'text ' || range end as text,
    case when range % 7 > 0 then [range, null] end as list,
    array_value(range::float, 0.5::float) as vector,
    case when range % 2 = 0 then range % 4 = 0 end as answer,
    timestamp '2025-01-01' + to_hours(range) as moment,
    case when range % 5 > 0 then range / 3 end as fraction,
    cast(range as decimal(18, 3)) as price
from range(60000)
"""


@pytest.fixture
def desk():
    with duckdb.connect() as connection:
        yield connection


def hashed(desk, query):
    desk.execute(f"create or replace table told as {query}")
    return fingerprint(desk, "told")


def test_rows_have_one_hash_however_they_lie(desk):
    rows, digest = hashed(desk, ROWS)
    assert rows == 60_000
    # other rows between them, which are deleted: batches begin elsewhere
    desk.execute(
        f"create table holes as {ROWS.replace('range(60000)', 'range(-9000, 60000)')}"
    )
    desk.execute("delete from holes where number < 0")
    assert fingerprint(desk, "holes") == (rows, digest)
    # and a view computes what a table holds
    desk.execute(f"create view computed as {ROWS}")
    assert fingerprint(desk, "computed") == (rows, digest)


@pytest.mark.parametrize(
    "column",
    ["number", "text", "list", "vector", "answer", "moment", "fraction", "price"],
)
def test_a_change_of_any_column_shows(desk, column):
    _, digest = hashed(desk, ROWS)
    desk.execute(
        f"update told set {column} = (select {column} from told where number = 41) "
        "where number = 59998"
    )
    assert fingerprint(desk, "told")[1] != digest
    # null is nothing else, also where it was not null
    desk.execute(f"update told set {column} = null where number = 59998")
    emptied = fingerprint(desk, "told")[1]
    assert emptied != digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("values ('ab', 'c')", "values ('a', 'bc')"),
        ("values ('ab'), ('c')", "values ('a'), ('bc')"),
        ("values (''), (null)", "values (null), ('')"),
        ("values ([1, 2]), ([3])", "values ([1]), ([2, 3])"),
        ("values ([1]), (null), ([])", "values ([1]), ([]), (null)"),
        ("values ([null, 1])", "values ([1, null])"),
        ("values (['ab', 'c'])", "values (['a', 'bc'])"),
        ("values ([[1], [2]])", "values ([[1, 2], []])"),
        ("values (0.0::double)", "values (null::double)"),
        ("values (1), (2)", "values (2), (1)"),
        ("values (1), (1)", "values (1)"),
        ("select 1 as a, 2 as b", "select 1 as b, 2 as a"),
        ("select null as a from range(2)", "select null as a from range(3)"),
    ],
)
def test_contents_that_only_look_alike_differ(desk, one, other):
    assert hashed(desk, one) == hashed(desk, one)
    assert hashed(desk, one)[1] != hashed(desk, other)[1]


def test_a_block_that_is_damaged_is_an_error_of_the_database(tmp_path):
    file = tmp_path / "told.duckdb"
    with duckdb.connect(str(file)) as desk:
        desk.execute("create table told as select hash(range) as n from range(900000)")
    content = bytearray(file.read_bytes())
    # in a block of rows that are read after many others
    content[len(content) * 2 // 3] ^= 1
    file.write_bytes(content)
    with (
        duckdb.connect(str(file), read_only=True) as desk,
        pytest.raises(duckdb.Error, match="checksum"),
    ):
        fingerprint(desk, "told")


def test_no_rows_have_a_hash_too(desk):
    rows, digest = hashed(desk, f"{ROWS} limit 0")
    assert rows == 0
    assert len(digest) == 32
