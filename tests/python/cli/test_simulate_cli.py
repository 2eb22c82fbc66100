import csv
import json
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from sunorecsys.cli.simulate import simulate
from sunorecsys.errors import SunorecsysError, UsageError
from sunorecsys.landing import SCHEMAS

SAMPLE = Path(__file__).parents[3] / "seeds" / "sample"
KINDS = ("songs", "interactions", "playlists")

app = typer.Typer()
app.command()(simulate)


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "dbt_project.yml").write_text("name: sunorecsys\n")
    monkeypatch.setenv("SUNORECSYS_PROJECT_DIR", str(tmp_path))
    return tmp_path


def run(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, SunorecsysError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def land(project, kind, rows, name="real.parquet"):
    folder = project / "landing" / kind
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMAS[kind]), folder / name)


def contents(project):
    return {
        kind: (project / "landing" / kind / "simulated.parquet").read_bytes()
        for kind in KINDS
    }


SMALL = ("--songs", 60, "--listeners", 30, "--plays", 500, "--playlists", 7)


def test_a_catalogue_is_invented_and_listened_to(project):
    result = run(*SMALL, "--json")
    summary = json.loads(result.stdout)
    assert summary["songs"] == 60
    assert summary["creators"] == 12
    assert summary["events"]["play"] == 500
    assert summary["playlists"] == 7
    for kind in KINDS:
        file = project / "landing" / kind / "simulated.parquet"
        assert pq.read_schema(file).equals(SCHEMAS[kind])
        assert [found.name for found in file.parent.iterdir()] == [file.name]
    events = pq.read_table(project / "landing/interactions/simulated.parquet")
    assert len(events) == sum(summary["events"].values())


def test_running_it_again_replaces(project):
    run(*SMALL)
    first = contents(project)
    run(*SMALL, "--seed", 1)
    assert all(first[kind] != contents(project)[kind] for kind in KINDS)
    run(*SMALL)
    assert contents(project) == first


def test_the_summary_is_for_people(project):
    result = run(*SMALL)
    assert "events: play" in result.stdout
    assert "simulated.parquet" in result.stdout
    assert result.stderr.strip() == ""


def test_ingested_songs_are_listened_to_until_the_next_monday(project):
    songs = [
        {"song_id": f"s{number}", "created_at": created, "tags": "rock"}
        for number, created in enumerate(["2025-03-01", "2025-03-04", "2025-02-01"])
    ]
    table = pa.Table.from_pylist(songs)
    table = table.set_column(
        1, "created_at", table["created_at"].cast(pa.timestamp("us"))
    )
    land(project, "songs", table.to_pylist())
    summary = json.loads(run("--listeners", 5, "--plays", 90, "--json").stdout)
    assert summary["until"] == "2025-03-10T00:00:00"
    events = pq.read_table(project / "landing/interactions/simulated.parquet")
    assert set(events["song_id"].to_pylist()) <= {"s0", "s1", "s2"}
    assert not (project / "landing/songs/simulated.parquet").exists()


def test_the_newest_export_of_a_song_counts(project):
    for name, title, hour in (("a.parquet", "old", 1), ("b.parquet", "new", 2)):
        exported = pa.scalar(hour * 3_600_000_000, pa.timestamp("us")).as_py()
        land(
            project,
            "songs",
            [{"song_id": "s1", "creator_id": title, "exported_at": exported}],
            name,
        )
    summary = json.loads(run("--listeners", 50, "--plays", 90, "--json").stdout)
    assert summary["songs"] == 1
    events = pq.read_table(project / "landing/interactions/simulated.parquet")
    assert "new" in events["user_id"].to_pylist()
    assert "old" not in events["user_id"].to_pylist()


def test_real_interactions_are_not_mixed_unless_forced(project):
    land(project, "interactions", [{"event_id": "1", "user_id": "u", "song_id": "s"}])
    with pytest.raises(SunorecsysError, match="--force"):
        run(*SMALL)
    assert not (project / "landing" / "songs").exists()
    run(*SMALL, "--force")


def test_real_songs_are_not_mixed_with_invented_ones_unless_forced(project):
    land(project, "songs", [{"song_id": "s1"}])
    with pytest.raises(SunorecsysError, match="landing/songs"):
        run(*SMALL)
    summary = json.loads(run(*SMALL, "--force", "--json").stdout)
    assert summary["songs"] == 61


def test_an_empty_file_is_no_real_interaction(project):
    land(project, "interactions", [])
    run(*SMALL)


def test_without_songs_it_says_what_to_do(project):
    with pytest.raises(SunorecsysError, match="ingest songs FILE"):
        run("--listeners", 5)
    land(project, "songs", [])
    with pytest.raises(SunorecsysError, match="are empty"):
        run("--listeners", 5)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--listeners", 0),
        ("--listeners", -1),
        ("--plays", -1),
        ("--plays", 0),
        ("--plays", 1_000_000_001),
        ("--seed", -1),
        ("--weeks", 0),
        ("--playlists", -1),
        ("--listeners", 3, "--playlists", 31),
        ("--songs", 0),
        ("--songs", 5, "--creators", 6),
        ("--songs", 5, "--creators", 0),
        ("--creators", 6),
        ("--sample", "anywhere"),
    ],
)
def test_wrong_numbers_are_wrong_usage(project, arguments):
    with pytest.raises(UsageError):
        run(*arguments)
    assert not (project / "landing").exists()


def test_the_help_has_an_example():
    assert "sunorecsys simulate --listeners" in run("--help").stdout


def test_the_sample_is_what_the_command_makes(tmp_path):
    run(
        *("--sample", tmp_path, "--songs", 600, "--creators", 120),
        *("--listeners", 250, "--plays", 10400, "--playlists", 60),
    )
    for kind in KINDS:
        name = f"sample_{kind}.csv"
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), name


@pytest.mark.parametrize("kind", KINDS)
def test_python_and_duckdb_read_the_sample_alike(kind):
    file = SAMPLE / f"sample_{kind}.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    assert header == SCHEMAS[kind].names
    found = duckdb.sql(f"from read_csv('{file}', all_varchar = true)").fetchall()
    assert [[cell or "" for cell in row] for row in found] == rows


def test_the_sample_is_small():
    assert sum(file.stat().st_size for file in SAMPLE.glob("*.csv")) < 2_000_000
