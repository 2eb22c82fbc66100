"""The weekly build: when it is due, and what came of it."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb

from sunorecsys import build, reader, release
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


def due_day(today: date, day: str) -> date:
    """Return the most recent day of this name, today included."""
    return today - timedelta(days=(today.weekday() - DAYS.index(day)) % 7)


def run(
    project: Project,
    *,
    today: date,
    day: str = "monday",
    on_step: build.OnStep | None = None,
) -> Week:
    """Build the release of the week unless it is there.

    Args:
        project: nobody else builds it meanwhile.
        today: the UTC date; the release counts what happened before the last ``day``.
        day: a day of the week, from `DAYS`.
        on_step: see `sunorecsys.build.run`.

    Raises:
        SunorecsysError: another process builds, the build failed or it published
            nothing; the last release still serves.
    """
    as_of = due_day(today, day)
    next_due = as_of + timedelta(days=7)
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
        built = build.run(project, {"as_of": as_of.isoformat()}, on_step=on_step)
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
            warnings=built.warnings,
        )


def _source(project: Project) -> str:
    """Return where the songs of a build come from, as `source_is_landing` says."""
    settings = (project.root / "dbt_project.yml").read_text(encoding="utf-8")
    match = re.search(r"^  source:\s*[\"']?(\w+)", settings, re.MULTILINE)
    if match is not None and match[1] != "auto":
        return match[1]
    has_songs = any((project.landing / "songs").glob("*.parquet"))
    return "landing" if has_songs else "sample"


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
    source = _source(project)
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
