"""``sunorecsys recommend``, ``similar``, ``search``, ``explain`` and ``why-not``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from sunorecsys import reader
from sunorecsys.cli import output
from sunorecsys.cli.options import (
    Count,
    Json,
    ProjectDir,
    current_view,
    read_text,
)
from sunorecsys.errors import SunorecsysError, UnknownListener, UsageError
from sunorecsys.serving import View


def recommend(
    user: Annotated[str | None, typer.Option(help="A listener's id.")] = None,
    users_file: Annotated[
        Path | None, typer.Option(help="A file with one listener's id per line.")
    ] = None,
    songs: Annotated[
        str | None, typer.Option(help="Ids of seed songs, separated by commas.")
    ] = None,
    n: Count = 30,
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Show the recommendations of a listener, or a list from seed songs.

    Example: sunorecsys recommend --user listener-005 -n 10
    """
    if [user, users_file, songs].count(None) != 2:
        raise UsageError("Give one of --user, --users-file and --songs.")
    with current_view(project_dir, user_id=user) as view:
        if user is not None:
            _show(view.recommend(user, n), f"For {user}", as_json)
        elif songs is not None:
            seeds = [part.strip() for part in songs.split(",") if part.strip()]
            rows, unknown = view.recommend_from(seeds, n)
            for song in unknown:
                output.notice(f"Unknown song left out: {song}")
            title = f"From {len(seeds) - len(unknown)} seed songs"
            _show(rows, title, as_json, unknown)
        elif users_file is not None:
            _recommend_all(view, _read_users(users_file), n, as_json)


def _read_users(path: Path) -> list[str]:
    users = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if not users:
        raise SunorecsysError(f"{path} holds no ids. Write one per line.")
    return users


def _recommend_all(view: View, users: list[str], n: int, as_json: bool) -> None:
    found: list[dict[str, Any]] = []
    for user in users:
        try:
            rows = view.recommend(user, n)
        except UnknownListener:
            output.notice(f"Unknown listener left out: {user}")
            continue
        if as_json:
            found.append({"user_id": user, "recommendations": rows, "count": len(rows)})
        else:
            _show(rows, f"For {user}", as_json=False)
            found.append({"user_id": user})
    if not found:
        raise SunorecsysError("None of the listeners is in this release.")
    if as_json:
        output.emit_json({"users": found, "count": len(found)})


def _show(
    rows: reader.Rows, title: str, as_json: bool, unknown: Sequence[str] = ()
) -> None:
    if as_json:
        output.emit_json(reader.recommendations(rows, unknown))
        return
    output.show_recommendations(rows, title)


def similar(
    song: Annotated[str, typer.Argument(help="A song's id.")],
    n: Count = 10,
    channel: Annotated[
        str, typer.Option(help=f"One of {', '.join(reader.SIMILAR_CHANNELS)}.")
    ] = "blended",
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Show the songs most like one song.

    Example: sunorecsys similar song-0001 --channel prompt
    """
    if channel not in reader.SIMILAR_CHANNELS:
        raise UsageError(
            f"--channel is {channel!r}; use {', '.join(reader.SIMILAR_CHANNELS)}."
        )
    with current_view(project_dir) as view:
        rows = view.similar(song, n, channel)
    if as_json:
        output.emit_json({"song_id": song, "similar_songs": rows, "count": len(rows)})
        return
    output.show_similar(rows, f"Like {song} ({channel})")


def search(
    text: Annotated[str, typer.Argument(help="Words, in quotes.")],
    n: Annotated[
        int, typer.Option("-n", "--limit", min=1, max=100, help="How many songs.")
    ] = 10,
    by: Annotated[
        str | None,
        typer.Option(
            help="words or sound. Default: sound if CLAP heard the songs, else words."
        ),
    ] = None,
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Show the songs that words are about: a mood, an instrument, a line, a title.

    By words that their titles, tags, genres, creators and prompts hold; or by sound,
    which needs audio that CLAP embedded, and takes seconds.

    Example: sunorecsys search "dreamy synthwave, female vocals"
    """
    with current_view(project_dir) as view:
        answer = view.search(text, n, by)
    if as_json:
        output.emit_json(answer)
        return
    if not answer["songs"]:
        output.notice(f"No song was found by {answer['searched_by']}.")
        return
    output.notice(f"Searched by {answer['searched_by']}: {answer['why']}.")
    output.show_found(answer["songs"], answer["text"])


def explain(
    user: Annotated[str, typer.Argument(help="A listener's id.")],
    song: Annotated[str, typer.Argument(help="A song's id.")],
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Show where a song's score comes from: every contribution, for any song.

    Example: sunorecsys explain listener-005 song-0001
    """
    with current_view(project_dir, user_id=user) as view:
        rows = view.explain(user, song)
    total = sum(row["contribution"] for row in rows)
    if as_json:
        output.emit_json(
            {
                "user_id": user,
                "song_id": song,
                "score": round(total, 9),
                "contributions": rows,
            }
        )
        return
    table = output.table(f"{song} for {user}: {total:.4f}")
    table.add_column("channel")
    table.add_column("because of")
    table.add_column("contribution", justify="right")
    for row in rows:
        because = row["seed_title"] or "the song's quality"
        table.add_row(
            row["channel"], output.name(because), f"{row['contribution']:+.4f}"
        )
    output.results.print(table)


def why_not(
    user: Annotated[str, typer.Argument(help="A listener's id.")],
    song: Annotated[str, typer.Argument(help="A song's id.")],
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Show which rule, or what lack of score, keeps a song out of a playlist.

    Example: sunorecsys why-not listener-005 song-0001
    """
    with current_view(project_dir, user_id=user) as view:
        answer = view.why_not(user, song)
    if as_json:
        output.emit_json(answer)
        return
    table = output.table(f"{song} for {user}")
    table.add_column("rule")
    table.add_column("why")
    for rule in answer["rules"]:
        table.add_row(rule["rule"], output.plain(rule["detail"]))
    output.results.print(table)
    needed = answer["score_needed"]
    output.results.print(
        output.plain(
            f"Rank {answer['recommendation_rank'] or 'none'}, "
            f"score {answer['blended_score']:.4f}, "
            + ("none is needed." if needed is None else f"needed {needed:.4f}.")
        )
    )
