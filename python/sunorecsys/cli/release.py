"""``sunorecsys release``: which releases there are, going back, and what changed."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sunorecsys import reader
from sunorecsys.cli import output
from sunorecsys.cli.options import Json, ProjectDir
from sunorecsys.errors import UsageError
from sunorecsys.project import Project
from sunorecsys.release import diff as comparing
from sunorecsys.release import manage

app = typer.Typer(
    help="List the releases, go back to an earlier one, or compare two.",
    no_args_is_help=True,
)

_CAUSES = {
    "heard": "the listener has heard it since",
    "disliked": "the listener dislikes it",
    "gone": "the song is gone or hidden",
    "served": "it was in a list of an earlier week",
    "other songs left": "nothing rose; other songs left",
    "others rose": "nothing fell; other songs rose",
}


def _releases(project_dir: Path | None) -> list[manage.Release]:
    return manage.list_releases(Project.find(project_dir).releases)


def _named(
    releases: list[manage.Release], release_id: str | None
) -> manage.Release | None:
    return None if release_id is None else manage.find(releases, release_id)


def _row(release: manage.Release) -> dict[str, Any]:
    counts = release.info.get("row_counts") or {}
    return {
        "release_id": release.release_id,
        "as_of": release.info.get("as_of"),
        "source": release.info.get("source"),
        "built_at": release.info.get("built_at"),
        "size_bytes": release.size_bytes,
        "songs": counts.get("songs"),
        "listeners": counts.get("listeners"),
        "serves": release.serves,
        "problem": release.problem,
    }


@app.command("list")
def list_(as_json: Json = False, project_dir: ProjectDir = None) -> None:
    """List every release, the newest first, and the broken ones with the reason.

    Example: sunorecsys release list
    """
    rows = [_row(release) for release in _releases(project_dir)]
    if as_json:
        output.emit_json({"releases": rows, "count": len(rows)})
        return
    if not rows:
        output.notice('There is no release yet. Run "sunorecsys build" first.')
        return
    table = output.table(f"{len(rows)} releases")
    table.add_column("")
    table.add_column("release", no_wrap=True)
    for column in ("as of", "source", "built at (UTC)"):
        table.add_column(column)
    for column in ("size", "songs", "listeners"):
        table.add_column(column, justify="right")
    for row in rows:
        sign = "✓" if row["serves"] else ""
        table.add_row(
            "✗" if row["problem"] else sign,
            output.plain(row["release_id"]),
            _day(row["as_of"]),
            output.plain(row["source"] or "?"),
            _minute(row["built_at"]),
            output.megabytes(row["size_bytes"]),
            _number(row["songs"]),
            _number(row["listeners"]),
        )
    output.results.print(table)
    for row in rows:
        if row["problem"]:
            output.results.print(
                output.plain(f"✗ {row['release_id']}: {row['problem']}"),
                soft_wrap=True,
            )
    serving = [row["release_id"] for row in rows if row["serves"]]
    output.results.print(
        output.plain(f"✓ {serving[0]} serves." if serving else "None of them serves."),
        soft_wrap=True,
    )


@app.command()
def show(
    release_id: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]", help="A release; otherwise the one that serves."
        ),
    ] = None,
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Show how a release was made: times, versions, settings, weights, rows, hashes.

    Example: sunorecsys release show
    """
    releases = _releases(project_dir)
    release = manage.usable(_named(releases, release_id) or manage.serving(releases))
    settings, weights = manage.settings(release.path)
    if as_json:
        output.emit_json(
            {
                **release.info,
                "size_bytes": release.size_bytes,
                "serves": release.serves,
                "settings": settings,
                "weights": weights,
            }
        )
        return
    facts = {
        name: value
        for name, value in release.info.items()
        if not isinstance(value, dict)
    }
    facts |= {
        "size": output.megabytes(release.size_bytes),
        "serves": _word(release.serves),
    }
    _facts(f"Release {release.release_id}", facts)
    _facts("Versions", release.info["versions"])
    _facts("Settings", settings)
    _show_weights(weights)
    table = output.table("Tables")
    table.add_column("table")
    table.add_column("rows", justify="right")
    table.add_column("content hash", no_wrap=True)
    for name, rows in release.info["row_counts"].items():
        content_hash = release.info["content_hashes"].get(name, "")
        table.add_row(output.plain(name), f"{rows:,}", output.plain(content_hash))
    output.results.print(table)


def _facts(title: str, facts: dict[str, Any]) -> None:
    table = output.table(title)
    table.show_header = False
    table.add_column("")
    table.add_column("")
    for name, value in facts.items():
        shown = "none" if value is None else value
        table.add_row(output.plain(name.replace("_", " ")), output.plain(shown))
    output.results.print(table)


def _show_weights(weights: reader.Rows) -> None:
    table = output.table("Weights of the channels")
    table.add_column("variant")
    table.add_column("listeners")
    for channel in reader.CHANNELS:
        table.add_column(channel, justify="right")
    stages: dict[tuple[str, str], dict[str, float]] = {}
    for row in weights:
        stage = row["variant"], row["history_stage"]
        stages.setdefault(stage, {})[row["channel"]] = row["weight"]
    for stage, by_channel in stages.items():
        table.add_row(
            *map(output.plain, stage),
            *(f"{by_channel.get(channel, 0):g}" for channel in reader.CHANNELS),
        )
    output.results.print(table)


@app.command()
def rollback(
    release_id: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]", help="A release; otherwise the one before that serves."
        ),
    ] = None,
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Let an earlier release serve, at once, until the next build publishes.

    The release is checked before. Without ID, each call goes back by one.

    Example: sunorecsys release rollback
    """
    done = manage.roll_back(Project.find(project_dir).releases, release_id)
    now = done.now
    if as_json:
        output.emit_json(
            {
                "release_id": now.release_id,
                "as_of": now.info["as_of"],
                "left": done.left.release_id if done.left else None,
                "moved": done.moved,
            }
        )
        return
    left = f"; {done.left.release_id} did before" if done.left else ""
    what = f"serves now{left}" if done.moved else "serves already"
    output.results.print(
        output.plain(
            f"Release {now.release_id}, as of {now.info['as_of']:%Y-%m-%d}, {what}."
        ),
        soft_wrap=True,
    )


@app.command()
def diff(
    old_id: Annotated[
        str | None,
        typer.Argument(
            metavar="[OLD]", help="A release; otherwise the one before that serves."
        ),
    ] = None,
    new_id: Annotated[
        str | None,
        typer.Argument(metavar="[NEW]", help="Another; otherwise the one that serves."),
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="Show this listener's list, song by song.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, max=10_000_000, help="Most songs to show or print.")
    ] = 1000,
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Compare the lists of two releases: whose changed, by which songs, and why.

    A song that entered names the channel whose score rose most; one that left, what
    the listener did, or the channel whose score fell most.

    Example: sunorecsys release diff
    """
    releases = _releases(project_dir)
    new = manage.usable(_named(releases, new_id) or manage.serving(releases))
    old = manage.usable(_named(releases, old_id) or manage.before(releases, new))
    if old.release_id == new.release_id:
        raise UsageError(
            f"{new.release_id} cannot be compared with itself; name two releases."
        )
    sources = old.info["source"], new.info["source"]
    if sources[0] != sources[1]:
        output.notice("They come from different data: {} and {}.".format(*sources))
    document: dict[str, Any] = {"old": old.release_id, "new": new.release_id}
    with comparing.comparison(old.path, new.path) as compared:
        if user is not None:
            document["user_id"] = user
            document["presence"] = comparing.presence(compared, user)
        else:
            document |= comparing.summary(compared)
        rows, total = comparing.changes(compared, limit=limit, user_id=user)
    document |= {"changes": rows, "count": len(rows), "total": total}
    # a summary shows no songs
    if total > len(rows) and (as_json or user is not None):
        output.notice(
            f"Only {len(rows):,} of {total:,} changes are shown; raise --limit for "
            "more."
        )
    if as_json:
        output.emit_json(document)
    elif user is not None:
        _show_listener(document)
    else:
        _show_summary(document)


def _show_summary(document: dict[str, Any]) -> None:
    listeners, songs = document["listeners"], document["songs"]
    share = listeners["changed"] / max(listeners["compared"], 1)
    for line in (
        f"{document['old']} → {document['new']}",
        f"{listeners['compared']:,} listeners compared, {listeners['changed']:,} with "
        f"another list ({share:.0%}), of them {listeners['only_reordered']:,} with the "
        f"same songs in another order; {listeners['new']:,} are new, "
        f"{listeners['gone']:,} gone.",
        f"{songs['entered']:,} songs entered a list, {songs['left']:,} left one, "
        f"{songs['moved']:,} moved.",
    ):
        output.results.print(output.plain(line), soft_wrap=True)
    if document["causes"]:
        table = output.table("Why")
        table.add_column("songs", justify="right")
        table.add_column("")
        table.add_column("cause")
        for row in document["causes"]:
            table.add_row(f"{row['songs']:,}", row["change"], _cause(row))
        output.results.print(table)
    if document["most_changed"]:
        table = output.table("Most changed; --user ID shows why")
        table.add_column("listener")
        for column in ("entered", "left", "moved", "ranks moved"):
            table.add_column(column, justify="right")
        for row in document["most_changed"]:
            table.add_row(
                output.plain(row["user_id"]),
                *(
                    f"{row[name]:,}"
                    for name in ("entered", "left", "moved", "ranks_moved")
                ),
            )
        output.results.print(table)


def _show_listener(document: dict[str, Any]) -> None:
    user = document["user_id"]
    if document["presence"] != "compared":
        where = "new" if document["presence"] == "new" else "old"
        output.results.print(
            output.plain(f"{user} is in {document[where]} only, so nothing compares."),
            soft_wrap=True,
        )
        return
    if not document["total"]:
        output.results.print(output.plain(f"The list of {user} is the same."))
        return
    table = output.table(f"{user}: {document['old']} → {document['new']}")
    table.add_column("")
    table.add_column("song")
    table.add_column("id")
    table.add_column("rank", justify="right")
    table.add_column("cause")
    for row in document["changes"]:
        ranks = f"{row['old_rank'] or '·'} → {row['new_rank'] or '·'}"
        table.add_row(
            row["change"],
            output.name(row["title"]),
            output.plain(row["song_id"]),
            ranks,
            _cause(row),
        )
    output.results.print(table)


def _cause(row: dict[str, Any]) -> str:
    cause = row["cause"]
    if cause in reader.CHANNELS:
        return f"{cause} {'rose' if row['change'] == 'entered' else 'fell'}"
    return _CAUSES.get(cause, "")


def _day(value: Any) -> str:
    return f"{value:%Y-%m-%d}" if value else "?"


def _minute(value: Any) -> str:
    return f"{value:%Y-%m-%d %H:%M}" if value else "?"


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _word(value: bool) -> str:
    return "yes" if value else "no"
