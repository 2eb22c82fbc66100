"""How good the weekly lists would have been, on ratings with real times.

Lands MovieLens 100K up to a day in a copy of the project and tunes on the weeks before
it, backtests the weeks of the month after it, lands those, tunes again, and so on to
the end of the data: nothing that is tuned has seen the weeks that are measured.

    python python/benchmarks/weekly_accuracy.py --data ../shared/data
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
from weekly_build import copied

from sunorecsys.backtest import DAYS

ROOT = Path(__file__).resolve().parents[2]
WEEKS_OF_A_MONTH = 4
RATINGS = """
    user_id,
    item_id as song_id,
    'play' as interaction_type,
    make_timestamp(ts * 1000000) as occurred_at,
    rating as weight
"""


def run(
    data: Path, *, first: date, weeks: int, minutes: float
) -> Iterator[dict[str, Any]]:
    """Yield what `tune` and `evaluate` print, month by month.

    Args:
        data: folder with ml100k/ratings.parquet and ml100k/movies.parquet.
        first: the first day that the first tuning does not know.
        weeks: how many weeks before a month are learned from.
        minutes: that a tuning may take.
    """
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder) / "project"
        at.mkdir()
        copied(at)
        file = str(Path(folder) / "rows.parquet")
        duckdb.read_parquet(str(data / "ml100k" / "movies.parquet")).select(
            "item_id as song_id, title, genres as tags"
        ).write_parquet(file)
        _sunorecsys(at, "ingest", "songs", file)
        ratings = duckdb.read_parquet(str(data / "ml100k" / "ratings.parquet")).select(
            RATINGS
        )

        def land(since: date, until: date) -> None:
            ratings.filter(
                f"occurred_at >= '{since}' and occurred_at < '{until}'"
            ).write_parquet(file)
            _sunorecsys(at, "ingest", "interactions", file)

        ((newest,),) = ratings.aggregate("max(occurred_at)::date").fetchall()
        month = timedelta(days=WEEKS_OF_A_MONTH * DAYS)
        land(date.min, first)
        while first + month <= newest + timedelta(days=1):
            tuned = _sunorecsys(
                at,
                *("tune", "--weeks", str(weeks), "--minutes", str(minutes)),
                *("--replace", "--json"),
            )
            land(first, first + month)
            evaluated = _sunorecsys(
                at,
                *("evaluate", "--weeks", str(WEEKS_OF_A_MONTH)),
                *("--as-of", str(first + month - timedelta(days=DAYS))),
                *("--settings", str(at / "settings" / "tuned.yml"), "--json"),
            )
            yield {
                "first": str(first),
                "tuned": json.loads(tuned),
                "evaluated": json.loads(evaluated),
            }
            first += month


def together(months: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return nDCG@10 of all months, and differences to baselines.

    Months count by their listener-weeks, and their errors as independent.
    """
    found: dict[tuple[str, str | None], list[dict[str, Any]]] = {}
    for month in months:
        evaluated = month["evaluated"]
        for row in evaluated["results"] + evaluated["differences"]:
            if (row["metric"], row["k"]) == ("ndcg", 10):
                found.setdefault((row["recommender"], row["baseline"]), []).append(row)
    return [
        {
            "recommender": recommender,
            "baseline": baseline,
            "value": sum(row["value"] * row["listener_weeks"] for row in rows) / count,
            "standard_error": math.sqrt(
                sum(
                    (row["standard_error"] * row["listener_weeks"]) ** 2 for row in rows
                )
            )
            / count,
            "listener_weeks": count,
        }
        for (recommender, baseline), rows in found.items()
        for count in [sum(row["listener_weeks"] for row in rows)]
    ]


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
    parser.add_argument("--first", type=date.fromisoformat, default=date(1997, 12, 1))
    parser.add_argument("--weeks", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--json", type=Path, help="Where all results are written.")
    arguments = parser.parse_args()
    months = []
    for month in run(
        arguments.data,
        first=arguments.first,
        weeks=arguments.weeks,
        minutes=arguments.minutes,
    ):
        months.append(month)
        print(f"measured the month from {month['first']}", file=sys.stderr)
        if arguments.json:
            arguments.json.write_text(json.dumps(months, indent=1), encoding="utf-8")
    print("| recommender | beside | nDCG@10 | standard error | listener-weeks |")
    print("|---|---|---|---|---|")
    for row in together(months):
        print(
            f"| {row['recommender']} | {row['baseline'] or ''} | {row['value']:.4f} "
            f"| {row['standard_error']:.4f} | {row['listener_weeks']:,} |"
        )


if __name__ == "__main__":
    main()
