"""``sunorecsys ingest``: files into the landing folder."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from sunorecsys.cli import output
from sunorecsys.cli.options import Json, ProjectDir
from sunorecsys.errors import SunorecsysError
from sunorecsys.ingest import OnProgress, Summary, ingest, known_types, parse_columns
from sunorecsys.project import Project

app = typer.Typer(
    help="Check files of songs, playlists, interactions or scores and take them in.",
    no_args_is_help=True,
)

# Shorter work needs no bar.
_QUIET_SECONDS = 2.0

_ROWS = {"quality": "scores"}

Files = Annotated[
    list[Path], typer.Argument(help="JSON, JSON Lines, CSV or Parquet; .gz of these.")
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="OURS=THEIRS",
        help="Read our field from a column of another name; dots reach into objects. "
        "Can be repeated.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check only; write nothing.")]


@app.command()
def songs(
    files: Files,
    column: Columns = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Take in songs, as Suno exports them or with our own column names.

    Example: sunorecsys ingest songs all_songs.json
    """
    _ingest("songs", files, column, dry_run, as_json, project_dir)


@app.command()
def playlists(
    files: Files,
    column: Columns = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Take in playlists: an id and its song_ids, or one row per playlist and song.

    Example: sunorecsys ingest playlists playlists.json
    """
    _ingest("playlists", files, column, dry_run, as_json, project_dir)


@app.command()
def interactions(
    files: Files,
    column: Columns = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Take in what listeners did: user_id, song_id, and a type and a time if known.

    Example: sunorecsys ingest interactions plays.csv --column song_id=track
    """
    _ingest("interactions", files, column, dry_run, as_json, project_dir)


@app.command()
def quality(
    files: Files,
    column: Columns = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Take in scores of other models: song_id, signal and score, or CE, CU, PC and PQ.

    quality_weights in dbt_project.yml says what each signal weighs.

    Example: sunorecsys ingest quality scores.csv --column score=rating
    """
    _ingest("quality", files, column, dry_run, as_json, project_dir)


def _ingest(
    kind: str,
    files: list[Path],
    column: list[str] | None,
    dry_run: bool,
    as_json: bool,
    project_dir: Path | None,
) -> None:
    columns = parse_columns(column or [])
    project = Project.find(project_dir)
    types = (
        known_types(project.root / "seeds" / "reference" / "interaction_weights.csv")
        if kind == "interactions"
        else ()
    )
    with _progress() as on_progress:
        summaries = ingest(
            kind,
            files,
            landing=project.landing,
            interaction_types=types,
            columns=columns,
            dry_run=dry_run,
            on_progress=on_progress,
        )
    unknown_songs = sum(summary.unknown_songs for summary in summaries)
    if as_json:
        output.emit_json(
            {
                "kind": kind,
                "files": [_document(summary) for summary in summaries],
                "unknown_songs": unknown_songs,
            }
        )
    else:
        for summary in summaries:
            _print(summary)
    _notice(summaries, unknown_songs, dry_run)
    if kind == "quality" and (signals := _without_weight(project)):
        output.notice(
            f"No weight yet, so it counts for nothing: {', '.join(signals)}. "
            "Name it in quality_weights of dbt_project.yml or of a settings file."
        )
    if not any(summary.accepted for summary in summaries):
        raise SunorecsysError(
            f"Not one of the {_ROWS.get(kind, kind)} was good, so none was ingested. "
            "Correct the rows, or name their columns with --column."
        )


def _without_weight(project: Project) -> list[str]:
    """Return the signals of quality that were ingested and weigh nothing."""
    import duckdb

    folder = project.landing / "quality"
    if not any(folder.glob("*.parquet")):
        return []
    rows = duckdb.execute(
        "select distinct signal from read_parquet($1) order by signal",
        [str(folder / "*.parquet")],
    ).fetchall()
    weights = project.variables().get("quality_weights") or {}
    weighted = {str(signal).lower() for signal, weight in weights.items() if weight}
    return [signal for (signal,) in rows if signal not in weighted]


@contextmanager
def _progress() -> Iterator[OnProgress]:
    begun = time.monotonic()
    bar = output.progress()
    task = bar.add_task("", total=100)

    def show(file: Path, share: float) -> None:
        if output.notices.is_terminal and time.monotonic() - begun > _QUIET_SECONDS:
            bar.start()
        bar.update(task, description=escape(file.name), completed=int(share * 100))

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()


def _document(summary: Summary) -> dict[str, object]:
    return {
        "file": summary.file,
        "accepted": summary.accepted,
        "repeated": summary.repeated,
        "rejected": summary.rejected,
        "without_time": summary.without_time,
        "reasons": dict(summary.reasons),
    }


def _print(summary: Summary) -> None:
    _say(
        f"{summary.file}, {summary.kind}: {summary.accepted:,} accepted, "
        f"{summary.repeated:,} repeated, {summary.rejected:,} rejected"
    )
    if summary.without_time:
        _say(f"  {summary.without_time:,} without a time")
    first = {example.reason: example for example in summary.examples}
    for reason, count in list(summary.reasons.items())[: len(first)]:
        _say(f"  {count:,} × {reason}")
        _say(f"      first at {first[reason].position:,}: {first[reason].content}")
    others = len(summary.reasons) - len(first)
    if others > 0:
        _say(f"  and {others:,} other reasons")


def _say(line: str) -> None:
    # what a file holds must not reach the terminal as its control sequences
    shown = "".join(mark if mark.isprintable() else " " for mark in line)
    output.results.print(shown, markup=False, emoji=False, soft_wrap=True)


def _notice(summaries: list[Summary], unknown_songs: int, dry_run: bool) -> None:
    notices = []
    for summary in summaries:
        if summary.rejects:
            kept = "" if dry_run else f" They are in {summary.rejects}, with reasons."
            notices.append(
                f"WARNING: rows of {summary.file} refused: {summary.rejected:,}.{kept}"
            )
    if unknown_songs:
        notices.append(
            f"Songs that are not ingested yet: {unknown_songs:,}. They cannot be "
            'recommended before "sunorecsys ingest songs FILE".'
        )
    if dry_run:
        notices.append("Dry run: nothing was written.")
    for notice in notices:
        output.notices.print(notice, markup=False, emoji=False, soft_wrap=True)
