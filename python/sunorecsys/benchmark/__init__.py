"""Benchmarks: any split in files, ranked by the project's own models.

The rows of train are landed in a copy of the project as events before a day, and those
of test as what happened after it, so that the build is the weekly one and the metrics
are those of a backtest. All songs of train are ranked by the blend, without the rules
of a list; what a listener has in train is left out; test rows of songs that train does
not know count as missed. What is tuned is tuned on rows that are held out of train.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from sunorecsys import build
from sunorecsys.benchmark import split
from sunorecsys.errors import UsageError
from sunorecsys.lock import build_lock
from sunorecsys.project import Project
from sunorecsys.scratch import empty_project
from sunorecsys.tuning import RECOMMENDERS, Lab, Tuned, View, tune
from sunorecsys.variants import write_weights

# Called with what is done, and the seconds that have gone.
OnStep = Callable[[str, float], None]

METRICS = (
    "precision",
    "recall",
    "ndcg",
    "map",
    "mrr",
    "hit_rate",
    "coverage",
    "diversity",
    "novelty",
)
VARIANT = "benchmark"

# all of train is history, and no rule or guard of a live service changes the ranking
_PROTOCOL: dict[str, Any] = {
    "source": "landing",
    "as_of": f"{split.AS_OF:%Y-%m-%d}",
    "evaluation_days": 1,
    "last_n": 1_000_000,
    "this_week_share": 0,
    "max_plays_per_day": 1_000_000_000,
    "max_songs_per_listener": 500,
    "evaluated_recommenders": list(RECOMMENDERS),
    "evaluated_listeners_only": True,
}


@dataclass(frozen=True)
class Benchmark:
    """What a benchmark found."""

    dataset: str
    # listeners with a test row
    users: int
    # recommender, k and each of METRICS
    results: list[dict[str, Any]]
    # tuning, build
    seconds: dict[str, float]
    # rows and songs, and what was odd about the files
    notices: list[str]
    # None if nothing was tuned
    tuned: Tuned | None


def run(
    project: Project,
    train: Path,
    test: Path,
    items: Path | None = None,
    masked: Path | None = None,
    *,
    ks: Sequence[int] = (10, 20),
    minutes: float = 12,
    trials: int | None = None,
    seed: int = 42,
    on_step: OnStep | None = None,
) -> Benchmark:
    """Tune on train, rank for the listeners of test, and measure.

    Args:
        project: its models and settings are used; its data and releases stay.
        train: Parquet or CSV with user_id, item_id and optionally weight and ts.
        test: the same.
        items: Parquet or CSV with item_id and optionally title, artist, tags and
            description.
        masked: rows that are not ranked, as those of train, and not learned from.
        ks: lengths of the lists that are measured.
        minutes: that tuning may take; 0: the settings stay as they are.
        trials: of each channel at most; with time enough for them the same files give
            the same figures.
        seed: of the rows that are held out of train, and of the search.
        on_step: called from time to time.

    Raises:
        UsageError: k is longer than there are songs in train.
        SunorecsysError: a file cannot be used, the time is too short, or a build
            failed.
    """
    begun = time.monotonic()

    def say(what: str) -> None:
        if on_step is not None:
            on_step(what, time.monotonic() - begun)

    depths = tuple(sorted(set(ks)))
    say("reading the files")
    data = split.read(train, test, items, masked)
    if depths[-1] > data.songs:
        raise UsageError(
            f"-k {depths[-1]} is longer than the {data.songs:,} songs of {train}. "
            "Use a smaller k."
        )
    settings: dict[str, Any] = {"candidates_per_channel": max(100, *depths)}
    tuned = None
    with build_lock(project.root, "benchmark"):
        if minutes > 0:
            with ExitStack() as copies:
                views = []
                for division in range(data.divisions()):
                    at = copies.enter_context(empty_project(project))
                    data.land_validation(at, seed=seed + division)
                    views.append(View(at, {**_PROTOCOL, "seed": seed}))
                lab = Lab(views, depths)
                tuned = tune(
                    lab,
                    seconds=60 * minutes,
                    trials=trials,
                    seed=seed,
                    largest_top_k=400,
                    largest_factors=256,
                    on_trial=lambda what, _: say(what),
                )
            settings = {**tuned.settings, "variant": VARIANT}
            if "als_regularization" in settings:
                # it scales with the plays, and what it stands against does not: all of
                # train are more plays than it was tuned on
                settings["als_regularization"] *= 1 - split.HELD_OUT
        tuned_at = time.monotonic()
        say("building with all of train")
        with empty_project(project) as at:
            data.land_test(at)
            if tuned is not None:
                write_weights(at, VARIANT, tuned.weights)
            variables = {
                **_PROTOCOL,
                "seed": seed,
                **settings,
                "evaluation_depths": list(depths),
            }
            build.run_dbt(
                at.root,
                variables,
                ("--select", "+evaluation_summary", *build.WITHOUT_TESTS),
                on_step=lambda name, done, total: say(f"{name} ({done} of {total})"),
            )
            with duckdb.connect(str(at.warehouse), read_only=True) as warehouse:
                users, results = _results(warehouse)
    ended = time.monotonic()
    return Benchmark(
        dataset=data.name,
        users=users,
        results=results,
        seconds={
            "tuning": round(tuned_at - begun, 1) if tuned else 0.0,
            "build": round(ended - tuned_at, 1),
            "all": round(ended - begun, 1),
        },
        notices=data.notices,
        tuned=tuned,
    )


def _results(
    warehouse: duckdb.DuckDBPyConnection,
) -> tuple[int, list[dict[str, Any]]]:
    ((users,),) = warehouse.execute(
        "select count(*) from evaluated_listeners"
    ).fetchall()
    rows = warehouse.execute(
        """
        select
            recommender,
            k,
            case metric when 'embedding_diversity' then 'diversity' else metric end,
            value
        from evaluation_summary
        where history_stage = 'all'
        """
    ).fetchall()
    found: dict[tuple[str, int], dict[str, float]] = {}
    for recommender, k, metric, value in rows:
        found.setdefault((recommender, k), {})[metric] = value
    order = {name: place for place, name in enumerate(RECOMMENDERS)}
    return users, [
        {
            "recommender": recommender,
            "k": k,
            **{name: found[recommender, k].get(name) for name in METRICS},
        }
        for recommender, k in sorted(found, key=lambda key: (order[key[0]], key[1]))
    ]
