"""Backtests: the build as it would have been in past weeks, measured by what came next.

The project is built as of earlier days in a copy of it, the oldest day first, and the
lists of a week are carried to the next one as served. Each is measured by the songs
that listeners first listened to in the seven days after.
"""

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb

from sunorecsys import build
from sunorecsys.errors import SunorecsysError, first_line
from sunorecsys.feedback import Journal
from sunorecsys.landing import NO_TIME, replacing
from sunorecsys.lock import build_lock
from sunorecsys.project import Project
from sunorecsys.reader import query
from sunorecsys.release import quoted
from sunorecsys.scratch import scratch_project

DAYS = 7
# the depth that is shown, and with the recommender what weeks are compared by
K = 10
_JUDGED = "blended"

# the published defaults, which every other setting is compared with
CLASSIC: Mapping[str, Any] = {
    "variant": "classic",
    "last_n": 50,
    "this_week_share": 0.5,
    "tag_weight": 0,
    "relative_weights": None,
    "listener_damping": 0,
    "matrix_half_life_days": None,
    "item_similarity": "cosine",
    "min_shared_listeners": 2,
    "item_shrinkage": 10,
    "neighbors_per_song": 100,
    "top_k_per_seed": 5,
    "als_factors": 50,
    "als_regularization": 0.1,
    "als_iterations": 15,
    "als_alpha": 40,
    "als_scaled_regularization": False,
    "content_text_weight": 0.7,
    "content_genre_weight": 0.2,
    "content_numbers_weight": 0.1,
    "quality_threshold": 0.3,
    "popularity_in_quality": 0,
    "candidates_per_channel": 100,
    "max_per_creator": 2,
    "repeat_after_weeks": 4,
}

# of earlier weeks, that a new one is compared with
_KEPT_WEEKS = 4

# models and the seeds that they read; tests are for what is published
_SELECTION = ("--select", "+evaluation_summary", *build.WITHOUT_TESTS)

# what is kept of each week while the others are built
_TABLES = ("evaluation_summary", "listener_metrics", "catalogue_metrics")


class NoSuchWeek(SunorecsysError):
    """The data do not hold the week that was asked for."""


@dataclass(frozen=True)
class Backtest:
    """What a backtest found."""

    source: str
    variant: str
    # the first day of each week, the oldest first
    weeks: list[date]
    # recommender, baseline (None: its own value, else the difference to it), metric, k,
    # value, standard_error, lower, upper, users, listener_weeks
    results: list[dict[str, Any]]
    # by week: as_of, recommender, metric, k, value, standard_error, users
    by_week: list[dict[str, Any]]


def run(
    project: Project,
    *,
    weeks: int = 4,
    as_of: date | None = None,
    variables: Mapping[str, Any] | None = None,
    compare: bool = True,
    on_step: build.OnStep | None = None,
) -> Backtest:
    """Build earlier weeks, measure them, and keep their metrics in landing.

    Args:
        project: nobody else builds it meanwhile; its warehouse and releases stay.
        weeks: how many, 1 or more.
        as_of: the first day of the last week; None: the last one of which all seven
            days are there.
        variables: of dbt, in place of those of the project.
        compare: build the classic defaults too, if the settings are others.
        on_step: called after each step of each build.

    Raises:
        NoSuchWeek: the data do not hold these weeks.
        SunorecsysError: another process builds, or a step failed.
    """
    chains: dict[str, dict[str, Any]] = {"chosen": dict(variables or {})}
    settings = project.variables() | chains["chosen"]
    _require_measured(settings)
    differing = {n: v for n, v in CLASSIC.items() if settings.get(n, v) != v}
    if compare and differing:
        chains["classic"] = dict(CLASSIC)
    source = source_of(project)
    name = str(settings["variant"])
    try:
        with build_lock(project.root, "evaluation"), contextlib.ExitStack() as stack:
            days = event_days(project, source)
            as_ofs = weeks_of(days, weeks=weeks, as_of=as_of)
            at = stack.enter_context(scratch_project(project, source))
            steps = _Steps(on_step, len(chains) * weeks)
            found = at.root / "found"
            for chain, chosen in chains.items():
                for served in (at.landing / "served").glob("*.parquet"):
                    served.unlink()
                for day in as_ofs:
                    _build_week(at, day, chosen, steps)
                    _keep_week(at, found / f"chain={chain}" / f"as_of={day}", day)
            results, by_week = _measured(found)
            for day in as_ofs:
                week = found / "chain=chosen" / f"as_of={day}" / f"{_TABLES[0]}.parquet"
                _write(project, week, day, source, name)
    except (duckdb.Error, OSError) as error:
        raise SunorecsysError(
            f"The evaluation stopped: {first_line(error)} What served still serves. "
            "Free space or mend the cause, then try again."
        ) from error
    return Backtest(source, name, as_ofs, results, by_week)


def _require_measured(settings: Mapping[str, Any]) -> None:
    """Raise if the settings leave out what weeks are compared by."""
    for name, needed in (("evaluation_depths", K), ("evaluated_recommenders", _JUDGED)):
        if needed not in settings.get(name, ()):
            raise SunorecsysError(
                f"{name} in dbt_project.yml lacks {needed}, by which weeks are "
                "compared. Add it."
            )


def source_of(project: Project) -> str:
    """Return where the songs of a build come from, as `source_is_landing` says."""
    named = project.variables().get("source", "auto")
    if named != "auto":
        return str(named)
    has_songs = any((project.landing / "songs").glob("*.parquet"))
    return "landing" if has_songs else "sample"


def event_days(project: Project, source: str) -> list[date]:
    """Return the days on which anything happened, in order."""
    days: set[date] = set()
    if source == "landing":
        files = sorted((project.landing / "interactions").glob("*.parquet"))
        relation = "read_parquet($files)"
        journal = Journal(project.feedback)
        journal.refresh()
        days.update(event.occurred_at.date() for event in journal.all_events())
    else:
        files = [project.root / "seeds" / "sample" / "sample_interactions.csv"]
        relation = "read_csv($files)"
    if files:
        rows = duckdb.execute(
            f"select distinct cast(occurred_at as date) from {relation} "  # noqa: S608
            "where occurred_at > cast($no_time as timestamp)",
            {"files": [str(file) for file in files], "no_time": NO_TIME},
        ).fetchall()
        days.update(day for (day,) in rows)
    return sorted(days)


def weeks_of(
    days: Sequence[date], *, weeks: int, as_of: date | None = None
) -> list[date]:
    """Return the first days of the weeks to evaluate, the oldest first.

    Args:
        days: on which anything happened, in order.
        weeks: how many.
        as_of: the first day of the last one.

    Raises:
        NoSuchWeek: before one of the weeks nothing happened, or nothing in it.
    """
    if not days:
        raise NoSuchWeek(
            "There are no events with a time to evaluate by. Ingest some with "
            '"sunorecsys ingest interactions FILE".'
        )
    first, newest = days[0], days[-1]
    earliest = first + timedelta(days=1)
    last = as_of or newest + timedelta(days=1 - DAYS)
    if as_of is not None and not earliest <= as_of <= newest:
        raise NoSuchWeek(
            f"As of {as_of} nothing can be evaluated: events are from {first} to "
            f"{newest}. Use a day from {earliest} to {newest}."
        )
    possible = math.ceil((last - first).days / DAYS)
    if possible < 1:
        raise NoSuchWeek(
            f"There is no week to evaluate: events are from {first} to {newest}, and a "
            f"week of {DAYS} days must have some before it. Ingest more, or name a "
            "day with --as-of."
        )
    if weeks > possible:
        raise NoSuchWeek(
            f"There is no data for {weeks} weeks up to {last}: events begin on "
            f"{first}. Use --weeks {possible} or less."
        )
    found = [last - timedelta(days=DAYS * n) for n in reversed(range(weeks))]
    for begin in found:
        end = begin + timedelta(days=DAYS)
        if not any(begin <= day < end for day in days):
            raise NoSuchWeek(
                f"Nothing happened in the {DAYS} days from {begin}. Choose other weeks "
                "with --as-of and --weeks."
            )
    return found


class _Steps:
    """The steps of several builds as those of one."""

    def __init__(self, on_step: build.OnStep | None, builds: int) -> None:
        self._on_step = on_step
        self._builds = builds
        self.finished = 0
        self.what = ""

    def __call__(self, name: str, done: int, total: int) -> None:
        if self._on_step is not None:
            self._on_step(
                f"{self.what} {name}",
                self.finished * total + done,
                self._builds * total,
            )


def _build_week(
    at: Project, day: date, variables: Mapping[str, Any], steps: _Steps
) -> None:
    own = {"as_of": str(day), "source": "landing", "evaluation_days": DAYS}
    # the same sample and weights for all weeks
    loaded = ("--exclude-resource-type", "seed") if at.warehouse.exists() else ()
    steps.what = str(day)
    build.run_dbt(at.root, {**variables, **own}, (*_SELECTION, *loaded), on_step=steps)
    steps.finished += 1


def _keep_week(at: Project, folder: Path, day: date) -> None:
    """Copy what the statistics need, and carry the lists to the next week as served."""
    folder.mkdir(parents=True)
    served = at.landing / "served"
    served.mkdir(exist_ok=True)
    with duckdb.connect(str(at.warehouse), read_only=True) as warehouse:
        for table in _TABLES:
            warehouse.table(table).write_parquet(str(folder / f"{table}.parquet"))
        ((found, week_start),) = warehouse.execute(
            "select (select count(*) from listener_metrics), week_start "
            "from build_clock"
        ).fetchall()
        if not found:
            raise NoSuchWeek(
                f"In the {DAYS} days from {day} nobody listened to a song for the "
                "first time that existed before. Choose other weeks with --as-of and "
                "--weeks."
            )
        # what stg_served_lists reads of a served list; nobody asks for reasons
        warehouse.sql(
            """
            select
                build_clock.week_start,
                matrix_users.user_id,
                listener_recommendations.recommendation_rank as playlist_rank,
                catalogue.song_id,
                listener_recommendations.blended_score,
                cast(null as varchar) as reason
            from listener_recommendations
            inner join matrix_users using (user_index)
            inner join catalogue using (song_index)
            cross join build_clock
            where listener_recommendations.is_in_playlist
            """
        ).write_parquet(str(served / f"week={week_start:%Y-%m-%d}.parquet"))


def _measured(found: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the statistics over all weeks, and the metrics of each."""
    with duckdb.connect(
        config={"temp_directory": str(found / "spilled")}
    ) as connection:
        for table in _TABLES:
            # the names of the folders are the columns chain and as_of
            connection.read_parquet(
                str(found / "*" / "*" / f"{table}.parquet"), hive_partitioning=True
            ).create_view(table)
        sql = resources.files("sunorecsys.backtest") / "statistics.sql"
        results = query(connection, sql.read_text(encoding="utf-8"))
        by_week = query(
            connection,
            "select as_of, recommender, metric, k, value, standard_error, users "
            "from evaluation_summary "
            "where chain = 'chosen' and history_stage = 'all' "
            "order by as_of, recommender, metric, k",
        )
    return [_with_interval(row) for row in results], by_week


def _with_interval(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its 95 % confidence interval, by Student's t."""
    # it takes half a second to load, and every command would wait for it
    from scipy import stats

    clusters, error = row.pop("clusters"), row["standard_error"]
    lower = upper = None
    if error is not None:
        reach = float(stats.t.ppf(0.975, clusters - 1)) * error
        lower, upper = row["value"] - reach, row["value"] + reach
    users, listener_weeks = row.pop("users"), row.pop("listener_weeks")
    return {
        **row,
        "lower": lower,
        "upper": upper,
        "users": users,
        "listener_weeks": listener_weeks,
    }


# --- what is kept --------------------------------------------------------------------


def _write(project: Project, week: Path, day: date, source: str, variant: str) -> None:
    """Write the metrics of a week to landing, for the builds to come."""
    target = project.landing / "evaluations" / f"{day}-{source}-{variant}.parquet"
    with replacing(target) as aside:
        duckdb.execute(
            f"""
            copy (
                select
                    cast($as_of as timestamp) as as_of,
                    cast($until as timestamp) as evaluated_until,
                    cast($source as varchar) as source,
                    cast($variant as varchar) as variant,
                    recommender,
                    history_stage,
                    metric,
                    k,
                    value,
                    standard_error,
                    users
                from read_parquet($week)
                order by recommender, history_stage, metric, k
            ) to {quoted(str(aside))} (format parquet, compression zstd)
            """,  # noqa: S608
            {
                "as_of": day,
                "until": day + timedelta(days=DAYS),
                "source": source,
                "variant": variant,
                "week": str(week),
            },
        )


@dataclass(frozen=True)
class Change:
    """How a week did, beside the weeks before.

    By ``blended``: what the rules of a list keep out depends on what was served, and so
    on how many weeks a backtest began before.
    """

    as_of: date
    # mean nDCG@10 of blended
    ndcg: float
    # of the kept weeks before; None if there are none
    before: float | None
    weeks: int
    # whether it fell by more than is allowed, and by more than chance explains
    has_fallen: bool


def change(project: Project, now: Backtest, *, may_fall_by: float) -> Change:
    """Compare the last week of a backtest with those kept from before.

    It has fallen if it is below ``1 - may_fall_by`` of the mean before by more than
    1.96 standard errors of that difference. Its variance is that of the samples of
    listeners, or what the weeks before varied among themselves if that is more. A few
    listeners who agree by chance are as uncertain as as many of the weeks before.
    """
    day = now.weeks[-1]
    (this,) = [
        row
        for row in now.by_week
        if (row["as_of"], row["recommender"], row["metric"], row["k"])
        == (day, _JUDGED, "ndcg", K)
    ]
    earlier = _kept(project, now, day)
    if not earlier:
        return Change(day, this["value"], None, 0, False)
    n = len(earlier)
    mean = math.fsum(value for value, _, _ in earlier) / n
    kept = 1 - may_fall_by
    of_one = math.fsum(error**2 * users for _, error, users in earlier) / n
    own = max((this["standard_error"] or 0.0) ** 2, of_one / this["users"])
    before = math.fsum(error**2 for _, error, _ in earlier) / n**2
    sampled = own + kept**2 * before
    varied = 0.0
    if n > 1:
        spread = math.fsum((value - mean) ** 2 for value, _, _ in earlier) / (n - 1)
        varied = spread * (1 + kept**2 / n)
    fallen = kept * mean - this["value"] > 1.96 * math.sqrt(max(sampled, varied))
    return Change(day, this["value"], mean, n, fallen)


def _kept(project: Project, now: Backtest, day: date) -> list[tuple[float, float, int]]:
    """Return value, standard error and listeners of the last weeks before a day."""
    files = sorted((project.landing / "evaluations").glob("*.parquet"))
    if not files:
        return []
    try:
        rows = duckdb.execute(
            "select value, standard_error, users "
            "from read_parquet($files) "
            "where as_of < $day and source = $source and variant = $variant "
            "and recommender = $recommender and history_stage = 'all' "
            "and metric = 'ndcg' and k = $k and standard_error is not null "
            "order by as_of desc limit $weeks",
            {
                "files": [str(file) for file in files],
                "day": datetime.combine(day, datetime.min.time()),
                "source": now.source,
                "variant": now.variant,
                "recommender": _JUDGED,
                "k": K,
                "weeks": _KEPT_WEEKS,
            },
        ).fetchall()
    except duckdb.Error as error:
        raise SunorecsysError(
            f"The evaluations kept in landing/evaluations cannot be read: "
            f"{first_line(error)} Restore the file from a backup, or delete it."
        ) from error
    return [(float(value), float(error), int(users)) for value, error, users in rows]
