"""How good recommendations are on public data, beside the figures others published.

Writes each split as files, and runs ``sunorecsys benchmark`` on them: as it is with the
classic defaults, and tuned on train. Prints a table and, with --json, all results.

    python python/benchmarks/accuracy.py --data ../shared/data lastfm ml100k
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[2]

Files = dict[str, pa.Table]


def lastfm(data: Path) -> Files:
    """Return the 80/20 split that came with the rows (SocialLGN)."""
    rows = _lastfm_rows(data)
    return {
        **{
            name: rows.filter(compute.equal(rows["split"], name)).drop("split")
            for name in ("train", "test")
        },
        "items": _lastfm_items(data),
    }


def lastfm_811(data: Path, seed: int) -> Files:
    """Return 8 to 1 to 1 random rows of each listener."""
    rows = _lastfm_rows(data).drop("split")
    random = np.random.default_rng(seed)
    users = rows["user_id"].to_numpy()
    order = np.lexsort((random.random(len(users)), users))
    _, starts, counts = np.unique(users[order], return_index=True, return_counts=True)
    place = np.arange(len(users)) - np.repeat(starts, counts)
    size = np.repeat(counts, counts)
    last = np.floor(size * 0.1 + 0.5)
    part = np.where(place >= size - last, 2, np.where(place >= size - 2 * last, 1, 0))
    return {
        **{
            name: rows.take(order[part == number])
            for number, name in enumerate(("train", "mask", "test"))
        },
        "items": _lastfm_items(data),
    }


def ml100k(data: Path) -> Files:
    """Return three quarters of each movie's ratings, seed 42, as recommenders does."""
    rows = (
        duckdb.read_parquet(str(data / "ml100k" / "ratings.parquet"))
        .select("user_id, item_id, rating as weight")
        .to_arrow_table()
    )
    movies = rows["item_id"].to_numpy()
    is_train = np.zeros(len(movies), bool)
    for movie in np.unique(movies):
        own = np.flatnonzero(movies == movie)
        shuffled = own[np.random.RandomState(42).permutation(len(own))]
        is_train[shuffled[: round(0.75 * len(own))]] = True
    return {
        "train": rows.filter(pa.array(is_train)),
        "test": rows.filter(pa.array(~is_train)),
        "items": duckdb.read_parquet(str(data / "ml100k" / "movies.parquet"))
        .select("item_id, title, genres as tags")
        .to_arrow_table(),
    }


def _lastfm_rows(data: Path) -> pa.Table:
    return (
        duckdb.read_parquet(str(data / "lastfm" / "interactions.parquet"))
        .select("user_id, item_id, play_count as weight, split")
        .order("user_id, item_id")
        .to_arrow_table()
    )


def _lastfm_items(data: Path) -> pa.Table:
    return (
        duckdb.read_parquet(str(data / "lastfm" / "artists.parquet"))
        .select("item_id, artist as title, tags")
        .to_arrow_table()
    )


SPLITS: dict[str, Callable[[Path], Files]] = {
    "lastfm": lastfm,
    "ml100k": ml100k,
    **{
        f"lastfm-811-{seed}": lambda data, seed=seed: lastfm_811(data, seed)
        for seed in range(5)
    },
}


def run(files: Files, minutes: float) -> dict[str, object]:
    """Run the benchmark on a split, and return its document."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "sunorecsys", "benchmark", "--json"]
        for name, table in files.items():
            path = Path(folder) / f"{name}.parquet"
            pq.write_table(table, path)
            command += [f"--{name}", str(path)]
        command += ["-k", "10", "-k", "20", "--minutes", str(minutes)]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def main() -> None:
    """Run the splits that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("splits", nargs="*", default=list(SPLITS), metavar="SPLIT")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--json", type=Path, help="Where all results are written.")
    arguments = parser.parse_args()
    everything = {}
    print("| split | recommender | R@10 | nDCG@10 | R@20 | nDCG@20 | seconds |")
    print("|---|---|---|---|---|---|---|")
    for name in arguments.splits:
        files = SPLITS[name](arguments.data)
        for label, minutes in (("classic", 0.0), ("tuned", arguments.minutes)):
            found = run(files, minutes)
            everything[f"{name} {label}"] = found
            by_k: dict[str, dict[int, dict[str, float]]] = {}
            for row in found["results"]:  # type: ignore[attr-defined]
                by_k.setdefault(row["recommender"], {})[row["k"]] = row
            for recommender, at in by_k.items():
                seconds = found["seconds"]["all"]  # type: ignore[index]
                print(
                    f"| {name} | {label}, {recommender} "
                    + "".join(
                        f"| {at[k]['recall']:.4f} | {at[k]['ndcg']:.4f} "
                        for k in (10, 20)
                    )
                    + f"| {seconds:.0f} |",
                    flush=True,
                )
    if arguments.json:
        arguments.json.write_text(json.dumps(everything, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
