"""``sunorecsys evaluate`` on the sample measures past weeks, and changes nothing."""

import json
import os
import signal
import time
from datetime import datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_readme import EVALUATE

from conftest import SUNORECSYS
from sunorecsys.reader import CHANNELS

RECOMMENDERS = {*CHANNELS, "blended", "popularity", "discover_weekly"} - {"quality"}
# of the sample, whose last event is of 2025-11-16
WEEKS = ["2025-11-03", "2025-11-10"]


def state(workspace):
    """Return what an evaluation must leave alone, by path, size and time of writing."""
    return {
        path: (path.lstat().st_size, path.lstat().st_mtime_ns)
        for folder in ("landing", "releases", "warehouse", "models", "seeds")
        for path in (workspace.root / folder).rglob("*")
        if path.is_file()
        and "evaluations" not in path.parts
        and path.name != ".build.lock"
    }


@pytest.fixture(scope="module")
def evaluated(sample_project, tmp_path_factory):
    """A copy of the sample after the command of the README, and what it said."""
    twin = sample_project.twin(tmp_path_factory.mktemp("evaluated") / "project")
    before = state(twin)
    done = twin.cli(*EVALUATE.split()[1:], "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == 1
    return twin, json.loads(done.stdout), before


def values(found, **wanted):
    return [
        row
        for row in found
        if all(row[name] == value for name, value in wanted.items())
    ]


def test_every_recommender_has_every_metric_with_its_interval(evaluated):
    _, found, _ = evaluated
    assert (found["source"], found["variant"]) == ("sample", "classic")
    assert found["weeks"] == WEEKS
    ndcg = values(found["results"], metric="ndcg", k=10)
    assert {row["recommender"] for row in ndcg} == RECOMMENDERS
    for row in ndcg:
        assert row["lower"] < row["value"] < row["upper"]
        assert 0 < row["users"] < row["listener_weeks"] < 2 * row["users"]
    metrics = {(row["metric"], row["k"]) for row in found["results"]}
    assert len(metrics) == 4 * 15 + 2  # tags are compared at 5 and 10 only
    # what was made with the classic defaults is compared with popularity alone
    assert {row["baseline"] for row in found["differences"]} == {"popularity"}
    by_name = {row["recommender"]: row["value"] for row in ndcg}
    for row in values(found["differences"], metric="ndcg", k=10):
        assert row["value"] == pytest.approx(
            by_name[row["recommender"]] - by_name["popularity"], abs=1e-9
        )
    assert by_name["blended"] > by_name["popularity"]


def test_lists_are_carried_from_week_to_week(evaluated):
    _, found, _ = evaluated
    served = values(found["by_week"], recommender="discover_weekly", k=10)
    repeats = {
        row["as_of"]: row["value"] for row in served if row["metric"] == "repetition"
    }
    # nothing was served before the first week, and nothing is served twice
    assert repeats == {WEEKS[1]: 0}


def test_the_project_stays_as_it_was(evaluated):
    twin, _, before = evaluated
    assert state(twin) == before
    assert not list((twin.root / "target").glob(".scratch-*"))
    assert (twin.root / "weeks.svg").read_text().startswith("<?xml")


def test_what_was_found_is_kept_and_the_next_build_shows_it(evaluated):
    twin, found, _ = evaluated
    folder = twin.root / "landing" / "evaluations"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{week}-sample-classic.parquet" for week in WEEKS
    ]
    kept = pq.read_table(folder / f"{WEEKS[1]}-sample-classic.parquet")
    # one of another source, and one measured by a day after this build
    other = kept.drop_columns("source").append_column(
        "source", pa.array(["landing"] * len(kept))
    )
    pq.write_table(other, folder / "other.parquet")
    late = kept.drop_columns("evaluated_until").append_column(
        "evaluated_until", pa.array([datetime(2025, 11, 18)] * len(kept))
    )
    pq.write_table(late, folder / "late.parquet")
    selected = ("--select", "stg_evaluations", "evaluation_metrics")
    done = twin.dbt("build", *selected, "--exclude-resource-type", "unit_test")
    assert done.returncode == 0, done.stdout[-3000:]
    shown = twin.warehouse(
        "select as_of, week_start, recommender, k, value, standard_error, users "
        "from evaluation_metrics "
        "where metric = 'ndcg' and history_stage = 'all' and variant = 'classic'"
    )
    wanted = [
        (
            datetime.fromisoformat(row["as_of"]),
            datetime.fromisoformat(row["as_of"]).date(),
            *(row[name] for name in ("recommender", "k")),
            *(row[name] for name in ("value", "standard_error", "users")),
        )
        for row in values(found["by_week"], metric="ndcg")
    ]
    assert sorted(shown) == sorted(wanted)
    assert len(shown) == 2 * 7 * 4


def copy_found(workspace):
    found = json.loads(workspace.cli("doctor", "--json").stdout)["findings"]
    (finding,) = [one for one in found if one["what"] == "copy of the project"]
    return finding


@pytest.mark.large
def test_what_a_killed_evaluation_leaves_is_found_and_goes(sample_project, tmp_path):
    twin = sample_project.twin(tmp_path / "killed")
    before = state(twin)
    with twin.start(*SUNORECSYS, "evaluate", "--weeks", "1") as process:
        until = time.monotonic() + 60
        while not list((twin.root / "target").glob(".scratch-*/warehouse/*.duckdb")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.05)
        assert copy_found(twin)["detail"].endswith(": an evaluation is running")
        # a build would read what an evaluation reads, and memory is for one
        assert "Another evaluation is running" in twin.cli("build").stderr
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    assert state(twin) == before
    (left,) = (twin.root / "target").glob(".scratch-*")
    assert str(left) in copy_found(twin)["cure"]
    # it holds what every listener did
    assert twin.cli("forget", "listener-005", "--yes").returncode == 0
    assert not left.exists()


def kept_from_before(workspace, value):
    """Write a week of blended, as evaluate keeps it."""
    folder = workspace.root / "landing" / "evaluations"
    folder.mkdir(parents=True, exist_ok=True)
    day = datetime(2025, 11, 5)
    row = {
        "as_of": day,
        "evaluated_until": day + timedelta(days=7),
        "source": "sample",
        "variant": "classic",
        "recommender": "blended",
        "history_stage": "all",
        "metric": "ndcg",
        "k": 10,
        "value": value,
        "standard_error": 0.01,
        "users": 9,
    }
    pq.write_table(pa.Table.from_pylist([row]), folder / "before.parquet")


@pytest.mark.large
def test_a_release_that_did_worse_is_held_back_until_it_is_forced(
    sample_project, tmp_path
):
    twin = sample_project.twin(tmp_path / "worse")
    kept_from_before(twin, 0.9)
    serving = twin.current.resolve()
    weekly = ("weekly", "--today", "2025-11-19", "--day", "wednesday")
    done = twin.cli(*weekly)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "held back: nDCG@10 of the week from 2025-11-12 is 0." in done.stderr
    assert "and was 0.900 before (weeks kept: 1)" in done.stderr
    assert 'with "sunorecsys weekly --force"' in done.stderr
    assert twin.current.resolve() == serving
    done = twin.cli(*weekly, "--force", "--json")
    assert done.returncode == 0, done.stderr
    week = json.loads(done.stdout)
    assert week["evaluation"]["as_of"] == "2025-11-12"
    assert week["evaluation"]["has_fallen"] is True
    assert twin.current.resolve().stem == week["release_id"]
    shown = twin.query(
        "select distinct as_of, recommender from evaluation_metrics "
        "where metric = 'ndcg' and history_stage = 'all'"
    )
    assert {name for day, name in shown if day.day == 12} == RECOMMENDERS


@pytest.mark.large
def test_another_variant_is_compared_with_the_classic_defaults(
    sample_project, tmp_path
):
    twin = sample_project.twin(tmp_path / "variant")
    weights = twin.root / "seeds" / "reference" / "channel_weights.csv"
    lines = weights.read_text().splitlines()
    for stage in ("new", "light", "regular"):
        lines += [f"words,{stage},prompt,1.0", f"words,{stage},quality,0.0"]
        lines += [f"words,{stage},{c},0.0" for c in ("item_cf", "content", "user_cf")]
    weights.write_text("\n".join(lines) + "\n")
    done = twin.cli("evaluate", "--weeks", "1", "--variant", "words", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["variant"] == "words"
    (row,) = values(
        found["differences"], recommender="blended", baseline="classic", metric="ndcg"
    )[1:2]
    # the prompts of the sample tell little
    assert row["upper"] < 0
    names = [path.name for path in (twin.root / "landing/evaluations").iterdir()]
    assert names == ["2025-11-10-sample-words.parquet"]


@pytest.mark.large
def test_landed_songs_and_the_sample_give_the_same(evaluated, sample_project, tmp_path):
    """The sample, landed by hand and built as of the day, has the same metrics."""
    _, found, _ = evaluated
    twin = sample_project.twin(tmp_path / "same")
    done = twin.dbt("build", "--vars", f"{{as_of: {WEEKS[1]}}}", "--exclude", "release")
    assert done.returncode == 0, done.stdout[-3000:]
    file = twin.root / "warehouse" / "sunorecsys.duckdb"
    with duckdb.connect(str(file), read_only=True) as warehouse:
        direct = warehouse.execute(
            "select recommender, metric, k, value, standard_error, users "
            "from evaluation_summary where history_stage = 'all' "
            "and recommender != 'discover_weekly' order by all"
        ).fetchall()
    names = ("recommender", "metric", "k", "value", "standard_error", "users")
    carried = sorted(
        tuple(row[name] for name in names)
        for row in values(found["by_week"], as_of=WEEKS[1])
        if row["recommender"] != "discover_weekly"
    )
    assert carried == direct
