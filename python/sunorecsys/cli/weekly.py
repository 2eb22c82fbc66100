"""``sunorecsys weekly``: for cron and systemd."""

from dataclasses import asdict
from datetime import date, timedelta
from typing import Annotated

import typer

from sunorecsys import settings
from sunorecsys import weekly as schedule
from sunorecsys.backtest import K
from sunorecsys.cli import output
from sunorecsys.cli.options import Json, ProjectDir, SettingsFile
from sunorecsys.errors import UsageError
from sunorecsys.project import Project


def weekly(
    day: Annotated[
        str, typer.Option(help="The day of the week that a list begins, UTC.")
    ] = "monday",
    today: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="What is today: to try it, or to catch up."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Publish also if nDCG fell.")
    ] = False,
    settings_file: SettingsFile = None,
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Build this week's release, unless it is there: run it as often as you like.

    It counts what happened before the last Monday, 00:00 UTC. Missed on a Monday, it
    catches up on any later day. First it evaluates the week before, as "sunorecsys
    evaluate" does; if nDCG fell by more than ndcg_may_fall_by allows and chance
    explains, it holds the release back.

    Example: sunorecsys weekly --today 2025-11-26
    """
    if day.lower() not in schedule.DAYS:
        raise UsageError(f"--day is {day!r}; use {', '.join(schedule.DAYS)}.")
    try:
        now = schedule.utc_today() if today is None else date.fromisoformat(today)
        # there is no week before the first one, and none after the last
        schedule.due_day(now, day.lower()) + timedelta(days=7)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--today is {today!r}; write it as YYYY-MM-DD.") from error
    project = Project.find(project_dir)
    variables = settings.read(project, settings_file)
    with output.steps("Building") as on_step:
        week = schedule.run(
            project,
            today=now,
            day=day.lower(),
            variables=variables,
            force=force,
            on_step=on_step,
        )
    for warning in week.warnings:
        output.notice(f"Warning: {warning}")
    if as_json:
        output.emit_json(asdict(week))
    elif week.was_due:
        output.results.print(
            f"Release {week.release_id}: {week.listeners:,} listeners, "
            f"{week.songs:,} songs, {week.feedback_events:,} feedback events that are "
            f"new in it ({week.seconds:.0f} s). {_evaluated(week)}The next is due "
            f"{week.next_due}.",
            soft_wrap=True,
        )
    else:
        output.results.print(
            f"Nothing is due: release {week.release_id} is as of {week.as_of}. "
            f"The next is due {week.next_due}.",
            soft_wrap=True,
        )


def _evaluated(week: schedule.Week) -> str:
    if week.evaluation is None:
        return ""
    now = week.evaluation
    before = "" if now.before is None else f", {now.before:.3f} before"
    return f"nDCG@{K} of the week from {now.as_of}: {now.ndcg:.3f}{before}. "
