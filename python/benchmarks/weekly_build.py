"""Time and memory of the whole ``dbt build``, tests and release included.

    python python/benchmarks/weekly_build.py --plays 100000 --plays 1000000

Each size is simulated with seed 42 and one listener per 50 plays, in a temporary copy
of the project; songs are as many, but fewer where plays are millions. Prints a table,
and the slowest models; --json FILE keeps every number, with the seconds of each model.
With --next-week a fiftieth of the plays happens again seven days later, and what the
build after that takes stands in the row below.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("models", "macros", "seeds", "analyses", "dbt_project.yml", "profiles.yml")
PLAYS_PER_LISTENER = 50
# a catalogue grows slower than its listeners
SONGS = {5_000_000: 50_000, 20_000_000: 100_000}
# models that are named
SLOWEST = 10
SUNORECSYS = (sys.executable, "-m", "sunorecsys")
DBT = (sys.executable, "-m", "dbt.cli.main")


def main() -> None:
    """Run the benchmark for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plays", type=int, action="append", required=True)
    parser.add_argument("--next-week", action="store_true", help="build a second week")
    parser.add_argument("--json", type=Path, help="file for every number")
    arguments = parser.parse_args()
    if os.environ.get("SUNORECSYS_BENCHMARK_CHILD"):
        (plays,) = arguments.plays
        print(json.dumps(build(plays, next_week=arguments.next_week)))
        return
    runs = []
    for plays in arguments.plays:
        # a process of its own, because the peak memory of children never falls
        child = subprocess.run(
            [
                *(sys.executable, __file__, "--plays", str(plays)),
                *(["--next-week"] if arguments.next_week else []),
            ],
            env=os.environ | {"SUNORECSYS_BENCHMARK_CHILD": "1"},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        runs += json.loads(child.stdout)
    print(
        "| plays | listeners | songs | seconds | seconds of a core "
        "| peak GB | warehouse MB | release MB |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for run in runs:
        print(
            f"| {run['plays']:,} | {run['listeners']:,} | {run['songs']:,} "
            f"| {run['seconds']:.0f} | {run['core_seconds']:.0f} "
            f"| {run['peak_gb']:.1f} "
            f"| {run['warehouse_mb']:.0f} | {run['release_mb']:.0f} |"
        )
    for run in runs:
        slowest = sorted(run["nodes"], key=run["nodes"].get, reverse=True)[:SLOWEST]
        named = [f"{name.split('.')[2]} {run['nodes'][name]:.0f}" for name in slowest]
        print(f"\n{run['plays']:,} plays, seconds: {', '.join(named)}")
    if arguments.json:
        document = {"machine": machine(), "runs": runs}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")


def machine() -> dict[str, Any]:
    """Return where and with what this was measured."""
    names = ("dbt-core", "dbt-duckdb", "duckdb", "implicit", "numpy")
    names += ("fastapi", "uvicorn")
    return {
        "measured_at": datetime.now(UTC).date().isoformat(),
        "cores": len(os.sched_getaffinity(0)),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in names},
    }


def copied(root: Path) -> None:
    """Copy what a build needs of the project to a folder."""
    for part in (*PARTS, "tests/singular"):
        source, target = ROOT / part, root / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)


def simulated(root: Path, plays: int) -> tuple[int, int]:
    """Copy the project to a folder and simulate its data: listeners and songs."""
    listeners = max(plays // PLAYS_PER_LISTENER, 20)
    songs = SONGS.get(plays, listeners)
    copied(root)
    numbers = {"--songs": songs, "--listeners": listeners, "--plays": plays}
    options = [str(part) for pair in numbers.items() for part in pair]
    subprocess.run(
        [*SUNORECSYS, "simulate", *options, "--project-dir", str(root)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return listeners, songs


def built(root: Path) -> None:
    """Build and publish a project."""
    subprocess.run(
        [*SUNORECSYS, "build", "--project-dir", str(root)],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def build(plays: int, *, next_week: bool = False) -> list[dict[str, Any]]:
    """Simulate and build one size, and return what it took, a week later too."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        size = dict(zip(("listeners", "songs"), simulated(root, plays), strict=True))
        runs = [{"plays": plays, **size, **measured(root)}]
        if next_week:
            runs.append({"plays": plays + heard_again(root), **size, **measured(root)})
    return runs


def heard_again(root: Path) -> int:
    """Let a fiftieth of all plays happen once more, seven days later: how many."""
    folder = root / "landing" / "interactions"
    later = duckdb.sql(
        """
        select * replace (
            event_id || ' again' as event_id,
            occurred_at + interval 7 day as occurred_at
        )
        from read_parquet($files)
        where interaction_type = 'play'
        order by md5(concat_ws(' ', user_id, song_id, occurred_at)), event_id
        limit (
            select count(*) // 50 from read_parquet($files)
            where interaction_type = 'play'
        )
        """,
        params={"files": f"{folder}/*.parquet"},
    ).to_arrow_table()
    pq.write_table(later, folder / "again.parquet")
    return later.num_rows


def measured(root: Path) -> dict[str, Any]:
    """Build a project, and return what it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    built(root)
    seconds = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    core_seconds = after.ru_utime + after.ru_stime
    core_seconds -= before.ru_utime + before.ru_stime
    results = json.loads((root / "target" / "run_results.json").read_text())
    sizes = {
        name: (root / file).stat().st_size / 1e6
        for name, file in (
            ("warehouse_mb", "warehouse/sunorecsys.duckdb"),
            ("release_mb", "releases/current.duckdb"),
        )
    }
    return {
        "seconds": round(seconds, 1),
        # what other work on the machine changes less
        "core_seconds": round(core_seconds, 1),
        "peak_gb": round(after.ru_maxrss / 1e6, 2),
        **{name: round(megabytes) for name, megabytes in sizes.items()},
        "nodes": {
            result["unique_id"]: round(result["execution_time"], 2)
            for result in results["results"]
        },
    }


if __name__ == "__main__":
    main()
