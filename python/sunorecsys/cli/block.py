"""``sunorecsys block``: songs are taken down, and put back."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from sunorecsys import audit, blocklist, reader
from sunorecsys.cli import output
from sunorecsys.cli.options import Json, ProjectDir
from sunorecsys.errors import SunorecsysError, UsageError
from sunorecsys.feedback import id_problem
from sunorecsys.project import Project

_LONGEST_REASON = 1000


def block(
    songs: Annotated[
        list[str] | None, typer.Argument(metavar="SONG…", help="Ids of songs.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="Why, for those who ask later.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Put the songs back.")] = False,
    show: Annotated[
        bool,
        typer.Option("--list", help="Show what is taken down, and change nothing."),
    ] = False,
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Take songs down: out of every answer at once, and of the next build.

    Example: sunorecsys block song-0001 --reason "asked by its creator"
    """
    given = list(dict.fromkeys(songs or ()))
    _check(given, reason, undo=undo, show=show)
    project = Project.find(project_dir)
    if show:
        _list(project, as_json)
        return
    try:
        if undo:
            changed = blocklist.unblock(project.blocked, given)
        else:
            now = datetime.now(UTC).replace(tzinfo=None)
            changed = blocklist.block(project.blocked, given, reason=reason, now=now)
    except OSError as error:
        raise SunorecsysError(
            f"{project.blocked} cannot be written: {error.strerror or error}. Nothing "
            "has changed; make room or make it writable, then try again."
        ) from error
    if changed and undo:
        audit.record(project.landing, "unblock", songs=changed)
    elif changed:
        audit.record(project.landing, "block", songs=changed, reason=reason)
    for song in given:
        if song not in changed:
            state = "not taken down" if undo else "taken down already"
            output.notice(f"{song} was {state}.")
    unknown = [] if undo else _unknown(project, changed)
    for song in unknown:
        output.notice(
            f"The current release does not know {song}. It stays out all the same, "
            "should it come with an export."
        )
    if as_json:
        done = "unblocked" if undo else "blocked"
        output.emit_json({done: changed, "unknown": unknown, "count": len(changed)})
        return
    for song in changed:
        output.results.print(
            output.plain(
                f"{song} is back; lists that were built without it get it next time."
                if undo
                else f"{song} is taken down: out of every answer from now on."
            ),
            soft_wrap=True,
        )


def _check(songs: Sequence[str], reason: str | None, *, undo: bool, show: bool) -> None:
    if show and (songs or undo or reason is not None):
        raise UsageError("--list stands alone.")
    if not show and not songs:
        raise UsageError("Name the songs, or ask for --list.")
    if undo and reason is not None:
        raise UsageError("--reason is for taking down; --undo takes none.")
    for song in songs:
        if problem := id_problem(song):
            raise UsageError(f"The id {song[:40]!r} {problem}.")
    if reason is not None:
        try:
            reason.encode()
        except UnicodeEncodeError as error:
            raise UsageError("--reason is no UTF-8 text.") from error
        if len(reason) > _LONGEST_REASON:
            raise UsageError(f"--reason is longer than {_LONGEST_REASON} characters.")


def _unknown(project: Project, songs: Sequence[str]) -> list[str]:
    """Return which songs the current release does not know; none without a release."""
    if not project.current_release.exists():
        return []
    try:
        with reader.open_release(project.current_release) as release:
            known = reader.known_songs(release, songs)
    except SunorecsysError as error:
        output.notice(f"Whether the songs exist is not known: {error}")
        return []
    return [song for song in songs if song not in known]


def _list(project: Project, as_json: bool) -> None:
    blocked = blocklist.read(project.blocked)
    if as_json:
        rows = [
            {"song_id": song, "blocked_at": entry.blocked_at, "reason": entry.reason}
            for song, entry in blocked.items()
        ]
        output.emit_json({"blocked": rows, "count": len(rows)})
        return
    table = output.table(f"Songs that are taken down: {len(blocked):,}")
    for column in ("song", "since (UTC)", "reason"):
        table.add_column(column)
    for song, entry in blocked.items():
        table.add_row(
            output.plain(song),
            f"{entry.blocked_at:%Y-%m-%d %H:%M}",
            output.plain(entry.reason or ""),
        )
    output.results.print(table)
