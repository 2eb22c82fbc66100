"""What a user of ``sunorecsys ingest`` sees."""

import json
import os

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from sunorecsys.cli.ingest import app
from sunorecsys.errors import SunorecsysError, UsageError

KINDS = ("songs", "playlists", "interactions", "quality")
PLAYS = [
    {"user_id": "u1", "song_id": "s1", "type": "like"},
    {"user_id": "u1", "song_id": "s2", "ts": "2025-01-01"},
    {"user_id": "u1", "song_id": "s2", "ts": "2025-01-01"},
    {"user_id": "u1", "song_id": "s3", "type": "[red]hum\u001b[31m"},
    {"user_id": "", "song_id": "s3"},
]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A project with two interaction types, found through the environment."""
    (tmp_path / "dbt_project.yml").write_text(
        "name: sunorecsys\nvars: {quality_weights: {engagement: 1, score: 1}}\n"
    )
    seeds = tmp_path / "seeds" / "reference"
    seeds.mkdir(parents=True)
    weights = "interaction_type,weight\nplay,1.0\nlike,3.0\n"
    (seeds / "interaction_weights.csv").write_text(weights)
    monkeypatch.setenv("SUNORECSYS_PROJECT_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def plays(project):
    file = project / "plays.json"
    file.write_text(json.dumps(PLAYS))
    return file


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def landed(project):
    return sorted(
        f"{file.parent.name}: {pq.read_metadata(file).num_rows}"
        for file in (project / "landing").rglob("*.parquet")
    )


def test_the_summary_is_on_stdout_and_the_warnings_on_stderr(project, plays):
    result = run("interactions", plays)
    assert result.exit_code == 0
    assert f"{plays}, interactions: 2 accepted, 1 repeated, 2 rejected" in result.stdout
    assert "1 without a time" in result.stdout
    assert "unknown interaction type '[red]hum" in result.stdout
    assert "known: play, like" in result.stdout
    assert "first at 5" in result.stdout
    assert "\x1b" not in result.stdout
    assert f"WARNING: rows of {plays} refused: 2." in result.stderr
    assert str(project / "landing" / "rejects") in result.stderr
    assert "Songs that are not ingested yet: 2." in result.stderr
    assert landed(project) == ["interactions: 2", "rejects: 2"]


def test_json_is_one_document(plays):
    result = run("interactions", plays, "--json")
    document = json.loads(result.stdout)
    reasons = document["files"][0].pop("reasons")
    assert document == {
        "kind": "interactions",
        "files": [
            {
                "file": str(plays),
                "accepted": 2,
                "repeated": 1,
                "rejected": 2,
                "without_time": 1,
            }
        ],
        "unknown_songs": 2,
    }
    assert reasons["user_id is missing"] == 1
    assert sum(reasons.values()) == 2
    assert "WARNING" in result.stderr


def test_a_dry_run_says_so_and_writes_nothing(project, plays):
    before = sorted(project.rglob("*"))
    result = run("interactions", plays, "--dry-run")
    assert result.exit_code == 0
    assert "2 accepted" in result.stdout
    assert "Dry run: nothing was written." in result.stderr
    assert sorted(project.rglob("*")) == before


def test_columns_can_be_named(project):
    file = project / "plays.csv"
    file.write_text("who,what\nu1,s1\n")
    arguments = ("--column", "user_id=who", "--column", "song_id=what")
    assert run("interactions", file, *arguments).exit_code == 0
    assert landed(project) == ["interactions: 1"]


@pytest.mark.parametrize("column", ["song_id", "nonsense=id"])
def test_a_wrong_mapping_is_wrong_usage(plays, column):
    result = run("interactions", plays, "--column", column)
    assert isinstance(result.exception, UsageError)


def test_without_one_good_row_the_command_fails_after_its_summary(project):
    file = project / "songs.json"
    file.write_text('[{"id": ""}]')
    result = run("songs", file)
    assert "0 accepted, 0 repeated, 1 rejected" in result.stdout
    assert isinstance(result.exception, SunorecsysError)
    assert "Not one of the songs was good" in str(result.exception)
    assert landed(project) == ["rejects: 1"]


def test_one_unreadable_file_stops_all(project, plays):
    result = run("interactions", plays, project / "none.json")
    assert isinstance(result.exception, SunorecsysError)
    assert "none.json does not exist" in str(result.exception)
    assert landed(project) == []


def test_missing_interaction_types_are_explained(project, plays):
    (project / "seeds" / "reference" / "interaction_weights.csv").unlink()
    result = run("interactions", plays)
    assert isinstance(result.exception, SunorecsysError)
    assert "interaction_weights.csv" in str(result.exception)


def test_several_files_of_every_kind_land(project):
    for kind, row in zip(
        KINDS,
        (
            {"id": "s1"},
            {"id": "p", "song_ids": ["s1"]},
            PLAYS[0],
            {"id": "s1", "score": 1},
        ),
        strict=True,
    ):
        files = [project / f"{kind}-{number}.json" for number in range(2)]
        for number, file in enumerate(files):
            file.write_text(json.dumps([row]) + " " * number)
        result = run(kind, *files)
        assert result.exit_code == 0
        assert result.stdout.count("1 accepted") == 2
        assert result.stderr == ""
    assert landed(project) == sorted(f"{kind}: 1" for kind in KINDS for _ in range(2))


def test_scores_without_a_weight_are_named(project):
    file = project / "scores.csv"
    file.write_text("song_id,signal,score\ns1,editor,1\ns1,score,1\n")
    result = run("quality", file, "--dry-run")
    assert "No weight" not in result.stderr
    result = run("quality", file)
    assert result.exit_code == 0
    assert "No weight yet, so it counts for nothing: editor. Name it" in result.stderr


def test_the_project_can_be_named(project, plays, monkeypatch):
    monkeypatch.delenv("SUNORECSYS_PROJECT_DIR")
    monkeypatch.chdir(os.sep)
    assert run("interactions", plays, "--project-dir", project).exit_code == 0
    assert landed(project) == ["interactions: 2", "rejects: 2"]


@pytest.mark.parametrize("kind", KINDS)
def test_help_shows_an_example(kind):
    result = run(kind, "--help")
    assert result.exit_code == 0
    assert f"sunorecsys ingest {kind}" in result.stdout
