"""``sunorecsys simulate``: listening for a catalogue that has none.

The sample in seeds/sample is made by::

    sunorecsys simulate --sample seeds/sample --songs 600 --creators 120 \\
        --listeners 250 --plays 10400 --playlists 60
"""

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import typer
from rich.table import Table

from sunorecsys.cli import output
from sunorecsys.cli.options import Json, ProjectDir
from sunorecsys.errors import SunorecsysError, UsageError
from sunorecsys.landing import SCHEMAS, replacing
from sunorecsys.project import Project
from sunorecsys.simulate import (
    PLAYLISTS_PER_LISTENER,
    TYPES,
    Chunk,
    Listening,
    event_ids,
)
from sunorecsys.simulate.catalogue import (
    default_creators,
    default_until,
    invent,
    monday_after,
)

FILE = "simulated.parquet"
MOST_PLAYS = 1_000_000_000


def simulate(
    listeners: Annotated[int, typer.Option(help="Number of listeners.")] = 1000,
    plays: Annotated[
        int | None,
        typer.Option(
            help="Number of plays; likes, skips and the rest come on top.",
            show_default="40 per listener",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other events.")] = 42,
    weeks: Annotated[int, typer.Option(help="Weeks of listening.")] = 12,
    playlists: Annotated[
        int | None,
        typer.Option(
            help="Number of playlists.", show_default="one per four listeners"
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="No event from this day on (UTC).",
            show_default="the Monday after the newest song",
        ),
    ] = None,
    songs: Annotated[
        int | None,
        typer.Option(help="Invent so many songs instead of using the ingested ones."),
    ] = None,
    creators: Annotated[
        int | None,
        typer.Option(
            help="Number of creators of the invented songs.",
            show_default="one per five songs",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Simulate beside events that are real.")
    ] = False,
    sample: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="For developers: write an invented catalogue as the CSV files of "
            "seeds/sample into this folder; no landing file changes.",
        ),
    ] = None,
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Simulate listeners, plays and playlists for songs that have none.

    The songs are those that were ingested, or invented ones with --songs.
    Running it again replaces what was simulated before; the same options
    give the same events.

    Example: sunorecsys simulate --listeners 2000 --plays 100000

    Without any songs: sunorecsys simulate --songs 600 --listeners 250
    """
    if plays is None:
        plays = 40 * max(listeners, 0)
    if playlists is None:
        playlists = max(listeners, 0) // 4
    if creators is not None and songs is None:
        raise UsageError("--creators belongs to an invented catalogue: add --songs N.")
    if sample is not None and songs is None:
        raise UsageError("--sample needs an invented catalogue: add --songs N.")
    if creators is None:
        creators = default_creators(songs or 0)
    _check_numbers(
        listeners=listeners,
        plays=plays,
        seed=seed,
        weeks=weeks,
        playlists=playlists,
        songs=songs,
        creators=creators,
    )

    rng = np.random.Generator(np.random.PCG64(seed))
    folder = sample or Project.find(project_dir).landing
    files = []
    if sample is None:
        _refuse_real(folder, songs is not None, force)
    if songs is not None:
        until = until or default_until()
        with output.notices.status("Inventing songs"):
            catalogue = invent(
                songs,
                creators,
                rng=rng,
                until=until,
                weeks=weeks,
            )
        if sample is None:
            files = [folder / "songs" / FILE]
            with replacing(files[0]) as aside:
                pq.write_table(catalogue, aside, compression="zstd")
    if sample is None:
        catalogue = _ingested_songs(folder / "songs")
    if until is None:
        newest = pc.max(catalogue["created_at"]).as_py()
        until = monday_after(newest) if newest else default_until()

    listening = Listening(
        catalogue,
        listeners=listeners,
        plays=plays,
        playlists=playlists,
        rng=rng,
        until=until,
        weeks=weeks,
    )
    tally = _Tally()
    chunks = tally.counted(listening.chunks(), listeners)
    if sample is None:
        files += _write_landing(folder, chunks)
    else:
        files = _write_sample(folder, catalogue, chunks)
    summary = {
        "songs": len(catalogue),
        "creators": pc.count_distinct(catalogue["creator_id"]).as_py(),
        "listeners": listeners,
        **tally.summary(),
        "seed": seed,
        "until": until,
        "files": files,
    }
    if as_json:
        output.emit_json(summary)
    else:
        _print(summary)


def _check_numbers(
    *,
    listeners: int,
    plays: int,
    seed: int,
    weeks: int,
    playlists: int,
    songs: int | None,
    creators: int,
) -> None:
    def check(option: str, value: int, least: int, most: int) -> None:
        if not least <= value <= most:
            raise UsageError(
                f"--{option} is {value}; it must be between {least} and {most}."
            )

    check("listeners", listeners, 1, 10_000_000)
    check("plays", plays, 1, MOST_PLAYS)
    check("seed", seed, 0, 2**63 - 1)
    check("weeks", weeks, 1, 520)
    # Each listener owns ten at most.
    check("playlists", playlists, 0, PLAYLISTS_PER_LISTENER * listeners)
    if songs is not None:
        check("songs", songs, 1, 10_000_000)
        check("creators", creators, 1, songs)


def _refuse_real(landing: Path, invents_songs: bool, force: bool) -> None:
    """Raise if landing holds what a simulation would mix with."""
    if force:
        return
    kinds = ("songs", "interactions") if invents_songs else ("interactions",)
    for kind in kinds:
        real = [
            file.name
            for file in sorted((landing / kind).glob("*.parquet"))
            if file.name != FILE and pq.read_metadata(file).num_rows
        ]
        if real:
            raise SunorecsysError(
                f"landing/{kind} already holds {kind} that are not simulated "
                f"({real[0]}{' and others' if len(real) > 1 else ''}). Remove the "
                f"files to simulate {kind} instead, or add --force to mix both."
            )


def _ingested_songs(folder: Path) -> pa.Table:
    """Return the newest export of each song, by song_id."""
    if not any(folder.glob("*.parquet")):
        raise SunorecsysError(
            'No songs to listen to. Run "sunorecsys ingest songs FILE" first, or '
            "invent some: sunorecsys simulate --songs 600."
        )
    with duckdb.connect() as connection:
        found = connection.sql(
            """
            select
                song_id,
                creator_id,
                creator_name,
                created_at,
                duration_seconds,
                tags,
                play_count,
                upvote_count
            from read_parquet($files, union_by_name = true, filename = true)
            where song_id is not null
            qualify row_number() over (
                partition by song_id
                order by exported_at desc nulls last, filename desc
            ) = 1
            order by song_id
            """,
            params={"files": str(folder / "*.parquet")},
        ).to_arrow_table()
    if not found.num_rows:
        raise SunorecsysError(
            'The song files in landing are empty. Run "sunorecsys ingest songs FILE" '
            "first, or invent songs: sunorecsys simulate --songs 600."
        )
    return found


class _Tally:
    """Counts what passes and shows on stderr how far it is."""

    def __init__(self) -> None:
        self._events: Counter[str] = Counter()
        self._playlists = self._entries = 0

    def counted(self, chunks: Iterator[Chunk], listeners: int) -> Iterator[Chunk]:
        with output.progress() as progress:
            task = progress.add_task("Listening", total=listeners)
            for chunk in chunks:
                kinds = pc.value_counts(chunk.interactions["interaction_type"])
                for kind in kinds.to_pylist():
                    self._events[kind["values"]] += kind["counts"]
                lists = chunk.playlists["playlist_id"]
                self._playlists += pc.count_distinct(lists).as_py()
                self._entries += len(lists)
                yield chunk
                progress.advance(task, chunk.listeners)

    def summary(self) -> dict[str, Any]:
        return {
            "events": {kind: self._events[kind] for kind in TYPES},
            "playlists": self._playlists,
            "playlist_entries": self._entries,
        }


def _write_landing(landing: Path, chunks: Iterator[Chunk]) -> list[Path]:
    """Stream the chunks to Parquet, one row group each."""
    files = [landing / kind / FILE for kind in ("interactions", "playlists")]
    with ExitStack() as stack:
        # Both are renamed after the last chunk, so neither is half of a run.
        asides = [stack.enter_context(replacing(file)) for file in files]
        events, lists = (
            stack.enter_context(
                pq.ParquetWriter(aside, SCHEMAS[file.parent.name], compression="zstd")
            )
            for file, aside in zip(files, asides, strict=True)
        )
        for chunk in chunks:
            events.write_table(chunk.interactions)
            lists.write_table(chunk.playlists)
    return files


def _write_sample(folder: Path, songs: pa.Table, chunks: Iterator[Chunk]) -> list[Path]:
    """Write the three tables as CSV, the events by time."""
    held = list(chunks)
    events = pa.concat_tables([chunk.interactions for chunk in held])
    order = ("occurred_at", "user_id", "song_id", "interaction_type")
    events = events.sort_by([(name, "ascending") for name in order])
    ids = event_ids(1, len(events), len(str(len(events))))
    tables = {
        "songs": songs,
        "interactions": events.set_column(0, "event_id", ids),
        "playlists": pa.concat_tables([chunk.playlists for chunk in held]),
    }
    files = [folder / f"sample_{kind}.csv" for kind in tables]
    for file, table in zip(files, tables.values(), strict=True):
        with replacing(file) as aside:
            _write_csv(table, aside)
    return files


def _write_csv(table: pa.Table, file: Path) -> None:
    def text(value: Any) -> Any:
        return str(value).lower() if isinstance(value, bool) else value

    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(table.column_names)
        for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
            writer.writerow([text(value) for value in row])


def _print(summary: dict[str, Any]) -> None:
    table = Table(box=None, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name in ("songs", "creators", "listeners", "playlists"):
        table.add_row(name, f"{summary[name]:,}")
    for kind, count in summary["events"].items():
        table.add_row(f"events: {kind}", f"{count:,}")
    output.results.print(table)
    output.results.print(f"No event from {summary['until']:%Y-%m-%d} on.")
    for file in summary["files"]:
        output.results.print(f"Wrote {file}", soft_wrap=True)
