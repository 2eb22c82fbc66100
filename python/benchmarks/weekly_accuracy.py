"""How good the weekly lists would have been, on ratings with real times.

Lands MovieLens 100K up to a day in a copy of the project, tunes on the weeks before
that day, lands the rest, and backtests every week after it: nothing that is tuned has
seen the weeks that are measured.

    python python/benchmarks/weekly_accuracy.py --data ../shared/data
"""

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from weekly_build import copied

from sunorecsys.backtest import DAYS

ROOT = Path(__file__).resolve().parents[2]
RATINGS = """
    user_id,
    item_id as song_id,
    'play' as interaction_type,
    make_timestamp(ts * 1000000) as occurred_at,
    rating as weight
"""


def run(data: Path, *, until: date, weeks: int, minutes: float) -> dict[str, Any]:
    """Return what `tune` and `evaluate` print, and how many weeks were measured.

    Args:
        data: folder with ml100k/ratings.parquet and ml100k/movies.parquet.
        until: the first day that tuning does not know.
        weeks: how many weeks before it are learned from.
        minutes: that tuning may take.
    """
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder) / "project"
        at.mkdir()
        copied(at)
        movies, before, after = (
            str(Path(folder) / f"{name}.parquet")
            for name in ("movies", "before", "after")
        )
        ratings = duckdb.read_parquet(str(data / "ml100k" / "ratings.parquet")).select(
            RATINGS
        )
        ratings.filter(f"occurred_at < '{until}'").write_parquet(before)
        ratings.filter(f"occurred_at >= '{until}'").write_parquet(after)
        duckdb.read_parquet(str(data / "ml100k" / "movies.parquet")).select(
            "item_id as song_id, title, genres as tags"
        ).write_parquet(movies)
        _sunorecsys(at, "ingest", "songs", movies)
        _sunorecsys(at, "ingest", "interactions", before)
        tuned = _sunorecsys(
            at, "tune", "--weeks", str(weeks), "--minutes", str(minutes), "--json"
        )
        _sunorecsys(at, "ingest", "interactions", after)
        ((newest,),) = ratings.aggregate("max(occurred_at)::date").fetchall()
        measured = (newest - until).days // DAYS
        settings = str(at / "settings" / "tuned.yml")
        evaluated = _sunorecsys(
            at, "evaluate", "--weeks", str(measured), "--settings", settings, "--json"
        )
    return {
        "weeks": measured,
        "tuned": json.loads(tuned),
        "evaluated": json.loads(evaluated),
    }


def _sunorecsys(at: Path, *command: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "sunorecsys", *command, "--project-dir", str(at)],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout


def main() -> None:
    """Run the benchmark, and print nDCG@10 by recommender."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--until", type=date.fromisoformat, default=date(1997, 12, 1))
    parser.add_argument("--weeks", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--json", type=Path, help="Where all results are written.")
    arguments = parser.parse_args()
    found = run(
        arguments.data,
        until=arguments.until,
        weeks=arguments.weeks,
        minutes=arguments.minutes,
    )
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print("| recommender | compared with | nDCG@10 | standard error | listener-weeks |")
    print("|---|---|---|---|---|")
    for row in found["evaluated"]["results"]:
        if (row["metric"], row["k"]) == ("ndcg", 10):
            print(
                f"| {row['recommender']} | {row['baseline'] or ''} "
                f"| {row['value']:.4f} | {row['standard_error']:.4f} "
                f"| {row['listener_weeks']} |"
            )


if __name__ == "__main__":
    main()
