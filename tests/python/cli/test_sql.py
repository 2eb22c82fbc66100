"""``sunorecsys sql``: any question, no harm."""

import json

import pytest


@pytest.mark.parametrize(
    "statement",
    [
        "create table harm as select 1 as x",
        "delete from songs",
        "attach '{tmp}/harm.duckdb'",
        "copy songs to '{tmp}/harm.csv'",
        "from read_csv('/etc/passwd')",
        "set enable_external_access = true",
        "install httpfs",
        "select 1; drop table songs",
    ],
)
def test_writing_attaching_and_files_are_refused(sample_project, tmp_path, statement):
    before = sample_project.current.read_bytes()
    done = sample_project.cli("sql", statement.format(tmp=tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: The SQL failed: ")
    assert "root:" not in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert sample_project.current.read_bytes() == before


def test_json_has_columns_and_rows(sample_project):
    done = sample_project.cli(
        "sql",
        "select 1 as a, 2 as a, null as b, [1.5, 'nan'::double] as c, "
        "date '2025-01-02' as d, 'ü\n\x1b' as e",
        "--json",
    )
    assert json.loads(done.stdout) == {
        "columns": ["a", "a_1", "b", "c", "d", "e"],
        "rows": [
            {
                "a": 1,
                "a_1": 2,
                "b": None,
                "c": [1.5, None],
                "d": "2025-01-02",
                "e": "ü\n\x1b",
            }
        ],
    }


def test_no_rows_are_an_answer(sample_project):
    done = sample_project.cli("sql", "select song_id from songs where false", "--json")
    assert json.loads(done.stdout) == {"columns": ["song_id"], "rows": []}


def test_a_screen_shows_at_most_1000_rows_and_says_so(sample_project):
    done = sample_project.cli("sql", "select range as n from range(1001)")
    assert "999" in done.stdout
    assert "1000" not in done.stdout.split("n ", 1)[1]
    assert "Only the first 1000 rows" in done.stderr
