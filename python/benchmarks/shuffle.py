"""What a build on Spark sends from machine to machine, table by table.

    python python/benchmarks/shuffle.py --plays 20000

Simulates plays in a temporary copy of the project and builds every model on two
executor processes of one core each (``local-cluster[2,1,1024]``), with Spark's event
log, from which the bytes come: `written` is what tasks wrote for a shuffle, `remote`
what a task read of it from the other executor. No table is sent to everybody, as small
ones are otherwise, so that each join shuffles as it does where all tables are large.
The pairs of songs are what `item_cf_weights` joined with itself gives; they are
compared with n x (n - 1) / 2 of the songs of every row. Needs `make spark` and Java.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
from weekly_build import DBT, machine, simulated

MASTER = "local-cluster[2,1,1024]"
TABLES = Path("warehouse", "spark", "sunorecsys.db")
# tables that are named
LARGEST = 10
MADE_TABLE = re.compile(
    r"TableAsSelectCommand\nArguments: `spark_catalog`\.`sunorecsys`\.`(\w+)`"
)
PAIRED = {"Scan parquet spark_catalog.sunorecsys.item_cf_weights"}


def main() -> None:
    """Build once, and print what its tables shuffled."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plays", type=int, default=20_000)
    parser.add_argument("--json", type=Path, help="file for every number")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        listeners, songs = simulated(root, arguments.plays)
        found = shuffled(events(built_on_executors(root)))
        formula = expected_pairs(root)
    tables = found["tables"]
    total = {
        kind: sum(table[kind] for table in tables.values())
        for kind in ("written", "remote")
    }
    print(
        f"{arguments.plays:,} plays, {listeners:,} listeners, {songs:,} songs, "
        f"{len(found['executors'])} executors\n"
    )
    print("| table | written MB | remote MB |")
    print("|---|---|---|")
    for name in sorted(tables, key=lambda name: (-tables[name]["written"], name))[
        :LARGEST
    ]:
        print(table_row(name, tables[name]))
    print(table_row("all", total))
    print(f"\npairs joined: {found['pairs']:,}; n x (n - 1) / 2: {formula:,}")
    if arguments.json:
        document = {
            "machine": machine(),
            "plays": arguments.plays,
            "listeners": listeners,
            "songs": songs,
            **found,
            "expected_pairs": formula,
        }
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")


def table_row(name: str, table: dict[str, int]) -> str:
    """Return a row in millions of bytes."""
    return f"| {name} | {table['written'] / 1e6:.2f} | {table['remote'] / 1e6:.2f} |"


def built_on_executors(root: Path) -> Path:
    """Build all models of a project on two executors; the file of Spark's events."""
    events_folder, settings = root / "events", root / "spark"
    events_folder.mkdir()
    settings.mkdir()
    (settings / "spark-defaults.conf").write_text(
        "spark.eventLog.enabled true\n"
        f"spark.eventLog.dir {events_folder.as_uri()}\n"
        "spark.eventLog.compress false\n"
        "spark.eventLog.rolling.enabled false\n"
        "spark.sql.autoBroadcastJoinThreshold -1\n"
    )
    subprocess.run(
        [
            *DBT,
            *("--quiet", "build", "--target", "spark"),
            *("--exclude-resource-type", "test"),
            *("--exclude-resource-type", "unit_test"),
        ],
        cwd=root,
        env=os.environ
        | {"SUNORECSYS_SPARK_MASTER": MASTER, "SPARK_CONF_DIR": str(settings)},
        check=True,
        stdout=sys.stderr,
    )
    (file,) = events_folder.iterdir()
    return file


def events(file: Path) -> Iterator[dict[str, Any]]:
    """Yield what Spark wrote down, one event after the other."""
    with file.open() as lines:
        for line in lines:
            yield json.loads(line)


def shuffled(happened: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the bytes of each table, who ran tasks, and the pairs of songs."""
    table_of: dict[int, str] = {}
    plan_of: dict[int, dict[str, Any]] = {}
    execution_of: dict[int, int] = {}
    counts: Counter[int] = Counter()
    executors: set[str] = set()
    tables: dict[str, dict[str, int]] = defaultdict(lambda: {"written": 0, "remote": 0})
    for event in happened:
        # some names begin with org.apache.spark
        kind = event["Event"].rpartition(".")[2]
        if kind == "SparkListenerSQLExecutionStart":
            # what makes a table runs its query as an execution of its own
            made = MADE_TABLE.search(event["physicalPlanDescription"])
            root = event.get("rootExecutionId", event["executionId"])
            table_of[event["executionId"]] = (
                made[1] if made else table_of.get(root, "other")
            )
        if "sparkPlanInfo" in event:
            plan_of[event["executionId"]] = event["sparkPlanInfo"]
        if kind == "SparkListenerJobStart":
            execution = event["Properties"].get("spark.sql.execution.id")
            for stage in event["Stage IDs"] if execution else ():
                execution_of[stage] = int(execution)
        elif kind == "SparkListenerTaskEnd" and event.get("Task Metrics"):
            table = table_of.get(execution_of.get(event["Stage ID"], -1), "other")
            metrics = event["Task Metrics"]
            read = metrics["Shuffle Read Metrics"]
            tables[table]["remote"] += read["Remote Bytes Read"]
            tables[table]["written"] += metrics["Shuffle Write Metrics"][
                "Shuffle Bytes Written"
            ]
            executors.add(event["Task Info"]["Executor ID"])
            for counted in event["Task Info"]["Accumulables"]:
                if str(counted.get("Update", "")).isdigit():
                    counts[counted["ID"]] += int(counted["Update"])
    pairs = {
        counts[metric["accumulatorId"]]
        for execution, plan in plan_of.items()
        if table_of[execution] == "item_cf_neighbors"
        for node in nodes(plan)
        if "Join" in node["nodeName"] and scans(node) == PAIRED
        for metric in node["metrics"]
        if metric["name"] == "number of output rows"
    }
    return {"executors": sorted(executors), "tables": dict(tables), "pairs": max(pairs)}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every node of a plan."""
    yield plan
    for child in plan["children"]:
        yield from nodes(child)


def scans(plan: dict[str, Any]) -> set[str]:
    """Return which tables a plan reads."""
    names = {node["nodeName"] for node in nodes(plan)}
    return {name for name in names if name.startswith("Scan")}


def expected_pairs(root: Path) -> int:
    """Return n x (n - 1) / 2 of the songs that `item_cf_weights` holds of each row."""
    files = str(root / TABLES / "item_cf_weights" / "*.parquet")
    pairs: int = duckdb.execute(
        "select cast(sum(songs * (songs - 1)) / 2 as bigint) from ("
        "select count(*) as songs from read_parquet(?) group by user_index)",
        [files],
    ).fetchone()[0]
    return pairs


if __name__ == "__main__":
    main()
