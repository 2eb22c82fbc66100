"""Every command of the README runs, in the order in which a reader meets it."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT, Workspace, serving

README = (ROOT / "README.md").read_text(encoding="utf-8")

EVALUATE = "sunorecsys evaluate --weeks 2 --plot weeks.svg"
TUNE = "sunorecsys tune --minutes 10"
BUILD_TUNED = "sunorecsys build --settings settings/tuned.yml"
# test_benchmark_command runs this one
BENCHMARK = "sunorecsys benchmark --train train.csv --test test.csv -k 10 -k 20"
# test_spark runs this one
SPARK = "dbt build --target spark"

# a reader's shell; here the programs are on the PATH already
ACTIVATE = "source .venv/bin/activate"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def inline_commands() -> list[str]:
    """Return the commands that stand in sentences."""
    prose = re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`(sunorecsys [^`]+)`", prose)


def shell(workspace: Workspace, command: str) -> subprocess.CompletedProcess:
    programs = str(Path(sys.executable).parent)
    path = os.pathsep.join((programs, os.environ["PATH"]))
    return subprocess.run(
        command,
        shell=True,
        cwd=workspace.root,
        env=workspace.environment | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def reader_folder(sample_project, tmp_path_factory) -> Workspace:
    """The built sample, and the files that a reader would bring."""
    workspace = sample_project.twin(tmp_path_factory.mktemp("reader") / "project")
    songs = [
        {
            "id": f"own-{number}",
            "title": f"Own song {number}",
            "user_id": f"maker-{number % 3}",
            "created_at": f"2025-11-{number + 1:02}T10:00:00Z",
            "play_count": 10 * number,
            "upvote_count": number,
            "comment_count": 1,
            "metadata": {"tags": "rock, guitar", "prompt": "[Verse]\nriver road"},
        }
        for number in range(8)
    ]
    (workspace.root / "all_songs.json").write_text(json.dumps(songs), "utf-8")
    with (workspace.root / "plays.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user_id", "track", "when"])
        for user in range(5):
            for number in range(3):
                song = f"own-{(user + number) % 8}"
                writer.writerow([f"me-{user}", song, f"2025-11-1{user}T08:00:00Z"])
    (workspace.root / "scores.csv").write_text("song_id,CE,PQ\nown-1,7.1,8\n")
    playlists = [{"id": "p1", "song_ids": ["own-1", "own-2"], "user_id": "me-1"}]
    (workspace.root / "playlists.json").write_text(json.dumps(playlists), "utf-8")
    return workspace


def test_the_shell_commands_of_the_readme_run(reader_folder):
    commands = [
        line
        for block in blocks("bash")
        for line in block.splitlines()
        if line.strip() and line != ACTIVATE
    ]
    # the one that does not end by itself has a test of its own
    commands += [name for name in inline_commands() if name != "sunorecsys serve"]
    # and so have those that build again and again
    for name in (EVALUATE, TUNE, BUILD_TUNED, BENCHMARK, SPARK):
        commands.remove(name)
    assert len(commands) >= 15
    for command in commands:
        done = shell(reader_folder, command)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.large
def test_the_tuning_of_the_readme_runs(workspace):
    tuned = shell(workspace, f"{TUNE.replace('10', '30')} --trials 2 --weeks 2")
    assert tuned.returncode == 0, tuned.stderr
    assert "Written: " in tuned.stdout
    settings = (workspace.root / "settings" / "tuned.yml").read_text("utf-8")
    # the last event of the sample is of 2025-11-16
    assert "Learned from 14 days from 2025-11-03" in settings
    again = shell(workspace, TUNE)
    assert again.returncode == 1
    assert "There is a variant tuned" in again.stderr
    built = shell(workspace, BUILD_TUNED)
    assert built.returncode == 0, built.stderr
    (settings,) = workspace.query("select variant from build_settings")
    assert settings == ("tuned",)


def test_the_python_of_the_readme_runs(sample_project, tmp_path):
    (block,) = blocks("python")
    workspace = sample_project.twin(tmp_path / "project")
    done = workspace.run(sys.executable, "-c", block)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_requests_of_the_readme_are_answered(sample_project, tmp_path):
    (block,) = blocks("sh")
    commands = re.findall(r"^curl .*(?:\n  .*)*", block, re.MULTILINE)
    assert len(commands) == 9
    workspace = sample_project.twin(tmp_path / "project")
    with serving(workspace) as server:
        for command in commands:
            here = command.replace("localhost:8000", f"127.0.0.1:{server.port}")
            done = shell(workspace, here.replace("curl", "curl -sSf", 1))
            assert done.returncode == 0, f"{command}\n{done.stderr}"
            if "/metrics" in command:
                assert "sunorecsys_requests_total" in done.stdout
            else:
                assert json.loads(done.stdout), command
        # the last word on song-0001 was a dislike
        listed = server.client.get("/recommend?song_ids=song-0002").json()
        assert listed["count"] == 30
        (heard, *_) = server.client.get("/why-not/listener-005/song-0001").json()[
            "rules"
        ]
        assert "since the release was built" in heard["detail"]


def test_the_sql_of_the_readme_runs(sample_project):
    (block,) = blocks("sql")
    statements = [line.split(";")[0] for line in block.splitlines() if line.strip()]
    assert len(statements) == 8
    for statement in statements:
        assert sample_project.query(statement), statement


def test_the_demo_shows_what_the_readme_shows(sample_project):
    (console,) = blocks("console")
    shown = sample_project.cli("demo").stdout
    songs = re.findall(r"^ *\d+  (\S.*?song-\d+)", console, re.MULTILINE)
    headings = re.findall(r"^\d\. .+$", console, re.MULTILINE)
    assert len(songs) == len(headings) == 3
    for line in songs + headings:
        assert line in shown


def test_the_make_targets_of_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"\bmake (\w+)", README))
    assert {"build", "test"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_files_that_the_readme_links_exist():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link


@pytest.mark.parametrize("analysis", sorted((ROOT / "analyses").glob("*.sql")))
def test_an_analysis_answers_its_question(sample_project, analysis):
    done = sample_project.cli("sql", "--json", "--file", analysis)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"]


def test_there_are_six_analyses():
    assert len(list((ROOT / "analyses").glob("*.sql"))) == 6
