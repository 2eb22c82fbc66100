"""The weekly build: when it is due, and what came of it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb

from sunorecsys import backtest, build, reader, release
from sunorecsys.errors import NoRelease, SunorecsysError
from sunorecsys.feedback import Journal
from sunorecsys.lock import build_lock
from sunorecsys.project import Project

DAYS = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)


@dataclass(frozen=True)
class Week:
    """The release of a week: built now, or there already."""

    was_due: bool
    release_id: str
    as_of: date
    next_due: date
    # of the release; None if it was there already
    listeners: int | None = None
    songs: int | None = None
    feedback_events: int | None = None
    seconds: float | None = None
    warnings: Sequence[str] = ()
    # how the lists of a week ago did; None where that could not be measured
    evaluation: backtest.Change | None = None


def due_day(today: date, day: str) -> date:
    """Return the most recent day of this name, today included."""
    return today - timedelta(days=(today.weekday() - DAYS.index(day)) % 7)


def run(
    project: Project,
    *,
    today: date,
    day: str = "monday",
    variables: Mapping[str, Any] | None = None,
    force: bool = False,
    on_step: build.OnStep | None = None,
) -> Week:
    """Build the release of the week unless it is there, if the week before did well.

    Args:
        project: nobody else builds it meanwhile.
        today: the UTC date; the release counts what happened before the last ``day``.
        day: a day of the week, from `DAYS`.
        variables: of dbt, in place of those of the project.
        force: publish also if nDCG fell.
        on_step: see `sunorecsys.build.run`; of the backtest, then of the build.

    Raises:
        SunorecsysError: another process builds, nDCG fell by more than the variable
            ndcg_may_fall_by, the build failed or it published nothing; the last
            release still serves.
    """
    as_of = due_day(today, day)
    next_due = as_of + timedelta(days=7)
    chosen = dict(variables or {})
    with build_lock(project.root):
        there = _release_of(project, as_of, today)
        if there is not None:
            release_id, its_as_of = there
            # a newer one may have been asked for by hand
            while next_due <= its_as_of:
                next_due += timedelta(days=7)
            return Week(False, release_id, its_as_of, next_due)
        before = _read_until(project)
        begun = time.monotonic()
        evaluation, skipped = _look_back(project, as_of, chosen, on_step)
        if evaluation is not None and evaluation.has_fallen and not force:
            raise SunorecsysError(
                f"The release was held back: nDCG@{backtest.K} of the week from "
                f"{evaluation.as_of} is {evaluation.ndcg:.3f}, and was "
                f"{evaluation.before:.3f} before (weeks kept: {evaluation.weeks}); it "
                "fell by more than ndcg_may_fall_by allows and chance explains. The "
                'last release still serves. See "sunorecsys evaluate", and publish all '
                'the same with "sunorecsys weekly --force".'
            )
        built = build.run(
            project, {**chosen, "as_of": as_of.isoformat()}, on_step=on_step
        )
        if built.release_id is None:
            raise SunorecsysError(built.message)
        with reader.open_release(project.current_release) as opened:
            (counts,) = reader.query(
                opened,
                "select (select count(*) from listeners) as listeners, "
                "(select count(*) from songs) as songs",
            )
        return Week(
            was_due=True,
            release_id=built.release_id,
            as_of=as_of,
            next_due=next_due,
            listeners=counts["listeners"],
            songs=counts["songs"],
            feedback_events=_new_feedback(project, before, _read_until(project)),
            seconds=time.monotonic() - begun,
            warnings=(*skipped, *built.warnings),
            evaluation=evaluation,
        )


def allowed_fall(project: Project) -> float:
    """Return the share of nDCG that a week may lose; raise SunorecsysError for none."""
    share: Any = project.variables().get("ndcg_may_fall_by")
    is_number = isinstance(share, int | float) and not isinstance(share, bool)
    # a comparison with NaN is false
    if is_number and 0 <= share <= 1:
        return float(share)
    raise SunorecsysError(
        f"ndcg_may_fall_by in dbt_project.yml is {str(share)[:40]!r}; use a number "
        "from 0 to 1."
    )


def _look_back(
    project: Project,
    as_of: date,
    variables: Mapping[str, Any],
    on_step: build.OnStep | None,
) -> tuple[backtest.Change | None, list[str]]:
    """Evaluate the week before, or say why that cannot be done."""
    may_fall_by = allowed_fall(project)
    before = as_of - timedelta(days=backtest.DAYS)
    try:
        found = backtest.run(
            project,
            weeks=1,
            as_of=before,
            variables=variables,
            compare=False,
            on_step=on_step,
        )
    except backtest.NoSuchWeek as error:
        return None, [f"The week from {before} was not evaluated. {error}"]
    return backtest.change(project, found, may_fall_by=may_fall_by), []


def _release_of(project: Project, as_of: date, today: date) -> tuple[str, date] | None:
    """Return a kept release of this day or a newer one: what serves, else the newest.

    One that was built before the day, as of it, misses what came until then, and one of
    the future was tried out. A release that cannot be read is none.
    """
    begin, end = (
        datetime.combine(day, datetime.min.time())
        for day in (as_of, max(today, utc_today()) + timedelta(days=1))
    )
    # a day that is yet to come is only tried out
    earliest = begin if as_of <= utc_today() else datetime.min
    source = backtest.source_of(project)
    serving = project.current_release.resolve()
    found: list[tuple[bool, datetime, str]] = []
    for path in release.files(project.releases):
        info = _info(path)
        if info is None or info["source"] != source:
            continue
        if begin <= info["as_of"] <= end and info["built_at"] >= earliest:
            serves = path.resolve() == serving
            found.append((serves, info["as_of"], info["release_id"]))
    if not found:
        return None
    _, its_as_of, release_id = max(found)
    return release_id, its_as_of.date()


def _info(path: Any) -> dict[str, Any] | None:
    try:
        with reader.open_release(path) as opened:
            return reader.query(opened, "from build_info")[0]
    except (NoRelease, duckdb.Error):
        return None


def _read_until(project: Project) -> tuple[datetime, datetime] | None:
    """Return up to which receipt, and up to when, what serves knows feedback."""
    info = _info(project.current_release)
    if info is None or info["feedback_until"] is None:
        return None
    return info["feedback_until"], info["as_of"]


def _new_feedback(
    project: Project,
    before: tuple[datetime, datetime] | None,
    now: tuple[datetime, datetime] | None,
) -> int:
    """Return how many events the new release knows, and the last one did not."""
    if now is None:
        return 0
    journal = Journal(project.feedback)
    journal.refresh()
    return sum(
        1
        for event in journal.all_events()
        if _knows(now, event.received_at, event.occurred_at)
        and not (before and _knows(before, event.received_at, event.occurred_at))
    )


def _knows(
    until: tuple[datetime, datetime], received_at: datetime, occurred_at: datetime
) -> bool:
    return received_at <= until[0] and occurred_at < until[1]


def utc_today() -> date:
    """Return the date in UTC."""
    return datetime.now(UTC).date()
