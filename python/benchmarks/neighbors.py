"""Time and memory of all neighbor tables of many songs, by the models of the project.

    python python/benchmarks/neighbors.py --songs 100000
    python python/benchmarks/neighbors.py --songs 500000 --like text

Songs are simulated with seed 42. Their audio is a file of one byte each, whose vectors
(random, of the length of audio_features or of CLAP) are known from a build before: so
this also measures what a build without new songs adds for audio. Like text, there is
no audio.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from weekly_build import DBT, SUNORECSYS, copied

from sunorecsys import embeddings
from sunorecsys.encoders.audio_features import AudioFeatures
from sunorecsys.vectors import column, unit_rows

MODELS = (
    "prompt_vectors",
    "audio_vectors",
    "content_blocks",
    "content_nearest",
    "content_neighbors",
    "prompt_nearest",
    "prompt_neighbors",
    "prompt_groups",
    "song_versions",
    "weighted_terms",
    "song_terms",
    "nearest_sample",
    "neighbor_recall",
)
WINDOWS = 6
DIMENSIONS = {"text": 0, "audio_features": AudioFeatures().dimensions, "clap": 512}


def main() -> None:
    """Build everything up to the neighbors, for all lengths of audio vectors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--songs", type=int, default=100_000)
    parser.add_argument("--like", choices=DIMENSIONS)
    arguments = parser.parse_args()
    if arguments.like:
        measure(arguments.songs, DIMENSIONS[arguments.like])
        return
    for like in DIMENSIONS:
        # a process of its own, because the peak memory of children never falls
        command = [sys.executable, __file__, "--songs", str(arguments.songs)]
        print(f"\naudio vectors as long as those of {like}:")
        subprocess.run([*command, "--like", like], check=True)


def measure(songs: int, dimensions: int) -> None:
    """Print the seconds of each model, and the most memory that any process took."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        copied(root)
        numbers = {"--songs": songs, "--listeners": 1000, "--plays": 20_000}
        options = [str(part) for pair in numbers.items() for part in pair]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(
            [*SUNORECSYS, "simulate", *options, "--project-dir", str(root)],
            check=True,
            **quiet,
        )
        variables: dict[str, object] = {}
        if dimensions:
            know_audio(root, dimensions)
            variables = {
                "audio_dir": str(root / "library"),
                "audio_encoder": "audio_features",
                "audio_windows": WINDOWS,
            }
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [*DBT, "build"]
            + ["--resource-type", "seed", "--resource-type", "model"]
            + ["--vars", json.dumps(variables), "--select"]
            + [f"+{name}" for name in MODELS],
            cwd=root,
            check=True,
            stdout=sys.stderr,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        results = json.loads((root / "target" / "run_results.json").read_text())
        warehouse = root / "warehouse" / "sunorecsys.duckdb"
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            recalls = connection.execute(
                "select vector_kind, recall from neighbor_recall order by all"
            ).fetchall()
    seconds = {
        result["unique_id"].rpartition(".")[2]: result["execution_time"]
        for result in results["results"]
    }
    for name in MODELS:
        print(f"| `{name}` | {seconds[name]:.1f} |")
    print(f"| all {len(seconds)} models up to these | {results['elapsed_time']:.0f} |")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"| seconds of a core | {used:.0f} |")
    for kind, recall in recalls:
        print(f"| recall of {kind} | {recall:.4f} |")
    print(f"| peak GB | {after.ru_maxrss / 1e6:.1f} |", flush=True)


def know_audio(root: Path, dimensions: int) -> None:
    """Write a file for each song, and vectors as a build before would have."""
    songs = pq.read_table(next((root / "landing" / "songs").glob("*.parquet")))
    library = root / "library"
    library.mkdir()
    rows = []
    for song_id in sorted(songs["song_id"].to_pylist()):
        path = library / f"{song_id}.mp3"
        path.write_bytes(b"x")
        os.utime(path, ns=(0, 0))
        rows.append((song_id, path.name))
    random = np.random.default_rng(42)
    # around a thousand styles, as music is
    styles = random.normal(size=(1000, dimensions))
    vectors = styles[random.integers(1000, size=len(rows))]
    vectors = unit_rows(vectors + 0.5 * random.normal(size=vectors.shape))
    count = len(rows)
    version = f"{AudioFeatures().version}-{WINDOWS}w"
    known = pa.table(
        {
            "song_id": [song_id for song_id, _ in rows],
            "encoder": pa.repeat(AudioFeatures.name, count),
            "encoder_version": pa.repeat(version, count),
            "content_hash": pa.repeat("0" * 64, count),
            "file_name": [name for _, name in rows],
            "file_size": np.ones(count, dtype=np.int64),
            "modified_ns": np.zeros(count, dtype=np.int64),
            "embedding": column(vectors.astype(np.float32)),
            "failure": pa.nulls(count, pa.string()),
        }
    ).cast(embeddings.SCHEMA)
    folder = root / "landing" / "embeddings" / "audio"
    folder.mkdir(parents=True)
    pq.write_table(known, folder / "known.parquet", compression="zstd")


if __name__ == "__main__":
    main()
