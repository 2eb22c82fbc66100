"""The benchmarks run; how fast they are is measured elsewhere."""

import json
import os
import subprocess
import sys

import pytest

from conftest import ROOT

BENCHMARKS = ROOT / "python" / "benchmarks"


def run(name, *arguments):
    done = subprocess.run(
        [sys.executable, BENCHMARKS / f"{name}.py", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def check_serving(shown, document, calls):
    assert document["release"]["listeners"] > 0
    assert document["machine"]["versions"]["duckdb"]
    questions = {row["question"].split("(")[0] for row in document["in_process"]}
    assert questions == {
        "recommend",
        "recommend_from",
        "similar",
        "explain",
        "why_not",
        "reblend",
        "playlist",
    }
    for row in document["in_process"] + document["rest"]:
        assert 0 < row["p50"] <= row["p90"] <= row["p99"] <= row["max"]
    assert {row["calls"] for row in document["in_process"]} == {calls}
    assert [row["lists"] for row in document["rest"]] == ["each list once", "repeats"]
    for row in document["in_process"]:
        assert f"| `{row['question']}` | {calls} |" in shown
    for row in document["rest"]:
        assert row["requests_per_second"] > 0
        assert f"| {row['lists']} | {row['connections']} | {row['requests']} |" in shown


def test_the_serving_benchmark_runs_on_a_built_project(sample_project, tmp_path):
    twin = sample_project.twin(tmp_path / "twin")
    file = tmp_path / "serving.json"
    sizes = ("--calls", 5, "--requests", 120, "--connections", 3)
    shown = run("serving", "--project", twin.root, *sizes, "--json", file)
    document = json.loads(file.read_text())
    check_serving(shown, document, calls=5)
    assert document["release"]["listeners"] == 250
    # 250 listeners less those of the warm-up
    assert [row["requests"] for row in document["rest"]] == [120, 120]


def test_the_benchmark_of_pages_runs_on_a_built_project(sample_project, tmp_path):
    twin = sample_project.twin(tmp_path / "twin")
    file = tmp_path / "pages.json"
    shown = run("pages", "--project", twin.root, "--calls", 3, "--json", file)
    document = json.loads(file.read_text())
    assert document["release"]["listeners"] == 250
    assert len(document["pages"]) == 9
    for row in document["pages"]:
        assert 0 < row["p50"] <= row["p90"] <= row["p99"] <= row["max"]
        assert 5 < row["kilobytes"] < 150
        assert f"| {row['page']} | {row['kilobytes']:.0f} | 3 |" in shown


@pytest.mark.parametrize(
    "weeks", [(1500,), pytest.param((1500, 1530), marks=pytest.mark.large)]
)
def test_the_benchmark_of_weekly_builds_builds(tmp_path, weeks):
    file = tmp_path / "weekly.json"
    # a fiftieth of the plays again
    again = ["--next-week"] if len(weeks) > 1 else []
    shown = run("weekly_build", "--plays", 1500, *again, "--json", file)
    built = json.loads(file.read_text())["runs"]
    assert tuple(week["plays"] for week in built) == weeks
    for week in built:
        assert (week["listeners"], week["songs"]) == (30, 30)
        assert f"| {week['plays']:,} | 30 | 30 |" in shown
        assert "model.sunorecsys.release" in week["nodes"]


def test_the_benchmark_of_peers_compares_them(tmp_path):
    file = tmp_path / "peers.json"
    shown = run("peers", "--plays", 1500, "--json", file)
    rows = json.loads(file.read_text())["rows"]
    assert {row["by"].split(",")[0] for row in rows} == {
        "sunorecsys",
        "implicit",
        "plain_script.py",
    }
    for row in rows:
        assert row["seconds"] > 0
        assert row["peak_gb"] > 0
        assert f"| {row['what']} | {row['by']} | {row['seconds']:.1f} |" in shown


def test_the_benchmark_of_neighbors_finds_them():
    shown = run("neighbors", "--songs", 300, "--like", "audio_features")
    for table in ("audio_vectors", "content_nearest", "prompt_neighbors"):
        assert f"| `{table}` |" in shown
    # few songs are all compared
    assert "| recall of content | 1.0000 |" in shown


@pytest.mark.large
def test_the_serving_benchmark_simulates_and_builds_by_itself(tmp_path):
    file = tmp_path / "serving.json"
    sizes = ("--calls", 3, "--requests", 20, "--connections", 2)
    shown = run("serving", "--plays", 1500, *sizes, "--json", file)
    check_serving(shown, json.loads(file.read_text()), calls=3)
