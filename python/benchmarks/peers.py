"""The weekly build beside what one would use instead, on the same rows in one run.

    python python/benchmarks/peers.py --plays 1000000

Simulates plays and builds them in a temporary copy of the project; then the models
that others have too are run once more, one at a time. `implicit` finds item neighbors
(cosine and TF-IDF), factors (ALS) and a list for every listener from the matrix of that
build; RecTools makes lists from it, if --rectools names a Python that has it; and
`plain_script.py` makes the same five channels and a hundred songs per listener from the
same files. Each runs in a process of its own.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from weekly_build import DBT, built, machine, simulated

FACTORS = 50
ITERATIONS = 15
NEIGHBORS = 100
# models that others have too
SHARED = ("item_cf_weights", "item_cf_neighbors", "item_cf_candidates")
SHARED += ("als_song_factors", "als_user_factors", "als_candidates")


def main() -> None:
    """Measure one after the other, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plays", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path, help="file for every number")
    parser.add_argument("--rectools", type=Path, help="a Python that has RecTools")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        what, folder = arguments.child
        print(json.dumps(CHILDREN[what](Path(folder))))
        return
    with tempfile.TemporaryDirectory() as folder:
        listeners, songs = simulated(Path(folder), arguments.plays)
        found = {what: child(what, folder) for what in CHILDREN}
        if arguments.rectools:
            found["rectools"] = rectools(arguments.rectools, Path(folder))
    print(f"{arguments.plays:,} plays, {listeners:,} listeners, {songs:,} songs\n")
    print("| what | by | seconds | peak GB |")
    print("|---|---|---|---|")
    rows = []
    for what, by, key, maker in ROWS:
        if maker not in found:
            continue
        seconds, peak = found[maker][key], found[maker]["gb"]
        rows.append({"what": what, "by": by, "seconds": seconds, "peak_gb": peak})
        print(f"| {what} | {by} | {seconds:.1f} | {peak:.1f} |")
    if arguments.json:
        document = {"machine": machine(), "plays": arguments.plays, "rows": rows}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")


def child(what: str, folder: str) -> dict[str, float]:
    """Run one of them in a process of its own; its peak memory is in `gb`."""
    return answer([sys.executable, __file__, "--child", what, folder])


def answer(command: Sequence[str | Path]) -> dict[str, float]:
    """Return the document that a command prints."""
    done = subprocess.run(
        command,
        # `implicit` brings threads of its own
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def weekly_build(root: Path) -> dict[str, float]:
    """Build and publish, with all tests of the data."""
    started = time.monotonic()
    built(root)
    seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    # alone, as the others do it; in a build two models run at a time
    subprocess.run(
        [*DBT, "run", "--threads", "1", "--select", *SHARED],
        cwd=root,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    results = json.loads((root / "target" / "run_results.json").read_text())["results"]
    took = {row["unique_id"].split(".")[2]: row["execution_time"] for row in results}
    neighbors = took["item_cf_weights"] + took["item_cf_neighbors"]
    lists = took["als_user_factors"] + took["als_candidates"]
    return {
        "all": seconds,
        "neighbors": neighbors,
        "neighbor_lists": neighbors + took["item_cf_candidates"],
        "factors": took["als_song_factors"],
        "lists": lists,
        "factor_lists": took["als_song_factors"] + lists,
        "gb": peak / 1e6,
    }


def matrix_rows(root: Path) -> dict[str, Any]:
    """Return user_index, song_index and weight of the matrix of the build."""
    with duckdb.connect(
        str(root / "warehouse" / "sunorecsys.duckdb"), read_only=True
    ) as warehouse:
        rows: dict[str, Any] = warehouse.sql(
            "select user_index, song_index, weight from interaction_matrix "
            "order by user_index, song_index"
        ).fetchnumpy()
    return rows


def rectools(python: Path, root: Path) -> dict[str, float]:
    """Let RecTools make its lists from the matrix of the build."""
    rows = matrix_rows(root)
    file = root / "matrix.npz"
    np.savez(
        file,
        user=rows["user_index"],
        song=rows["song_index"],
        weight=rows["weight"],
    )
    script = Path(__file__).parent / "rectools_lists.py"
    numbers = map(str, (NEIGHBORS, FACTORS, ITERATIONS))
    return answer([python, script, file, *numbers])


def implicit_library(root: Path) -> dict[str, float]:
    """Find neighbors, factors and lists from the matrix of the build."""
    import implicit
    import scipy.sparse as sp
    from implicit.nearest_neighbours import CosineRecommender, TFIDFRecommender

    rows = matrix_rows(root)
    matrix = sp.csr_matrix(
        (rows["weight"].astype(np.float32), (rows["user_index"], rows["song_index"]))
    )
    everybody = np.flatnonzero(np.diff(matrix.indptr))
    als = implicit.als.AlternatingLeastSquares(
        factors=FACTORS, iterations=ITERATIONS, random_state=42, num_threads=2
    )
    found = {
        name: timed(
            lambda kind=kind: kind(K=NEIGHBORS, num_threads=2).fit(
                matrix, show_progress=False
            )
        )
        for name, kind in (("cosine", CosineRecommender), ("tfidf", TFIDFRecommender))
    }
    found["factors"] = timed(lambda: als.fit(matrix, show_progress=False))
    found["lists"] = timed(
        lambda: als.recommend(everybody, matrix[everybody], N=NEIGHBORS)
    )
    return found | {"gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}


def script(root: Path) -> dict[str, float]:
    """Run the plain script, and look at what it wrote."""
    file = root / "plain.parquet"
    command = [sys.executable, str(Path(__file__).parent / "plain_script.py")]
    seconds = timed(
        lambda: subprocess.run([*command, str(root / "landing"), str(file)], check=True)
    )
    if not duckdb.read_parquet(str(file)).shape[0]:
        raise SystemExit("The plain script made no list.")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {"all": seconds, "gb": peak / 1e6}


def timed(work: Callable[[], Any]) -> float:
    """Return how many seconds some work takes."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


# in the order in which they run
CHILDREN: dict[str, Callable[[Path], dict[str, float]]] = {
    "sunorecsys": weekly_build,
    "implicit": implicit_library,
    "script": script,
}
ROWS = (
    ("item neighbors, cosine", "sunorecsys", "neighbors", "sunorecsys"),
    ("item neighbors, cosine", "implicit", "cosine", "implicit"),
    ("item neighbors, TF-IDF", "implicit", "tfidf", "implicit"),
    ("ALS", "sunorecsys", "factors", "sunorecsys"),
    ("ALS", "implicit", "factors", "implicit"),
    ("a list by ALS for each listener", "sunorecsys", "lists", "sunorecsys"),
    ("a list by ALS for each listener", "implicit", "lists", "implicit"),
    ("neighbors and lists by them", "sunorecsys", "neighbor_lists", "sunorecsys"),
    ("neighbors and lists by them", "RecTools", "neighbor_lists", "rectools"),
    ("ALS and lists by it", "sunorecsys", "factor_lists", "sunorecsys"),
    ("ALS and lists by it", "RecTools", "factor_lists", "rectools"),
    ("the whole build", "sunorecsys, with tests and release", "all", "sunorecsys"),
    ("the five channels and lists", "plain_script.py", "all", "script"),
)

if __name__ == "__main__":
    main()
