"""``sunorecsys simulate``: listening for a catalogue that has none."""

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
from sunorecsys.simulate.catalogue import default_until, invent, monday_after

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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document.")
    ] = False,
    project_dir: Annotated[
        Path | None,
        typer.Option(envvar="SUNORECSYS_PROJECT_DIR", help="Folder of the project."),
    ] = None,
) -> None:
    """Simulate listeners, plays and playlists for songs that have none.

    The events are for the songs that were ingested, or for an invented catalogue with
    --songs. Running it again replaces what was simulated before; the same options give
    the same events.

    Examples:

      sunorecsys simulate --listeners 2000 --plays 100000

      sunorecsys simulate --songs 600 --listeners 250 --plays 10000
    """
    if plays is None:
        plays = 40 * max(listeners, 0)
    if playlists is None:
        playlists = max(listeners, 0) // 4
    if creators is not None and songs is None:
        raise UsageError("--creators belongs to an invented catalogue: add --songs N.")
    if sample is not None and songs is None:
        raise UsageError("--sample needs an invented catalogue: add --songs N.")
    if songs is not None and creators is None:
        creators = max(1, songs // 5)
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
    if sample is not None:
        landing = None
    else:
        landing = Project.find(project_dir).landing
        _refuse_real(landing, songs is not None, force)

    if songs is not None and creators is not None:
        until = until or default_until()
        catalogue = invent(songs, creators, rng=rng, until=until, weeks=weeks)
        if landing is not None:
            with replacing(landing / "songs" / FILE) as aside:
                pq.write_table(catalogue, aside, compression="zstd")
    if landing is not None:
        catalogue = _ingested_songs(landing / "songs")
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
    chunks = _shown(listening.chunks(), listeners)
    if landing is not None:
        summary = _write_landing(landing, chunks)
    else:
        assert sample is not None
        summary = _write_sample(sample, catalogue, chunks)
    summary = {
        "songs": len(catalogue),
        "creators": pc.count_distinct(catalogue["creator_id"]).as_py(),
        "listeners": listeners,
        **summary,
        "seed": seed,
        "until": until,
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
    creators: int | None,
) -> None:
    def check(option: str, value: int, least: int, most: int) -> None:
        if not least <= value <= most:
            raise UsageError(
                f"--{option} is {value}; it must be between {least} and {most}."
            )

    check("listeners", listeners, 1, 100_000_000)
    check("plays", plays, 1, MOST_PLAYS)
    check("seed", seed, 0, 2**63 - 1)
    check("weeks", weeks, 1, 520)
    # Each listener owns ten at most.
    check("playlists", playlists, 0, PLAYLISTS_PER_LISTENER * listeners)
    if songs is not None and creators is not None:
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
    columns = ", ".join(SCHEMAS["songs"].names)
    with duckdb.connect() as connection:
        found = connection.execute(
            f"""
            select {columns}
            from read_parquet(?, union_by_name = true, filename = true)
            where song_id is not null
            qualify row_number() over (
                partition by song_id
                order by exported_at desc nulls last, filename desc
            ) = 1
            order by song_id
            """,  # noqa: S608
            [str(folder / "*.parquet")],
        ).to_arrow_table()
    if not len(found):
        raise SunorecsysError(
            'The song files in landing are empty. Run "sunorecsys ingest songs FILE" '
            "first, or invent songs: sunorecsys simulate --songs 600."
        )
    return found


def _shown(chunks: Iterator[Chunk], listeners: int) -> Iterator[Chunk]:
    """Yield the chunks and show on stderr how far they are."""
    with output.progress() as progress:
        task = progress.add_task("Listening", total=listeners)
        for chunk in chunks:
            yield chunk
            progress.advance(task, chunk.listeners)


def _write_landing(landing: Path, chunks: Iterator[Chunk]) -> dict[str, Any]:
    tally = _Tally()
    events, lists = landing / "interactions" / FILE, landing / "playlists" / FILE
    with ExitStack() as stack:
        # The playlists are renamed last in, first out: after the events.
        lists_file = stack.enter_context(replacing(lists))
        events_file = stack.enter_context(replacing(events))
        open_file = {
            kind: stack.enter_context(
                pq.ParquetWriter(file, SCHEMAS[kind], compression="zstd")
            )
            for kind, file in (("playlists", lists_file), ("interactions", events_file))
        }
        for chunk in chunks:
            open_file["interactions"].write_table(chunk.interactions)
            open_file["playlists"].write_table(chunk.playlists)
            tally.add(chunk)
    return tally.summary([events, lists])


def _write_sample(
    folder: Path, songs: pa.Table, chunks: Iterator[Chunk]
) -> dict[str, Any]:
    tally = _Tally()
    held = []
    for chunk in chunks:
        held.append(chunk)
        tally.add(chunk)
    events = pa.concat_tables([chunk.interactions for chunk in held])
    events = events.sort_by(
        [
            (name, "ascending")
            for name in ("occurred_at", "user_id", "song_id", "interaction_type")
        ]
    )
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
    return tally.summary(files)


def _write_csv(table: pa.Table, file: Path) -> None:
    def text(value: Any) -> Any:
        return str(value).lower() if isinstance(value, bool) else value

    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(table.column_names)
        for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
            writer.writerow([text(value) for value in row])


class _Tally:
    """Counts what is written."""

    def __init__(self) -> None:
        self._events: Counter[str] = Counter()
        self._playlists = self._entries = 0

    def add(self, chunk: Chunk) -> None:
        kinds = pc.value_counts(chunk.interactions["interaction_type"])
        self._events.update(
            {kind["values"]: kind["counts"] for kind in kinds.to_pylist()}
        )
        self._playlists += pc.count_distinct(chunk.playlists["playlist_id"]).as_py()
        self._entries += len(chunk.playlists)

    def summary(self, files: list[Path]) -> dict[str, Any]:
        return {
            "events": {kind: self._events[kind] for kind in TYPES},
            "playlists": self._playlists,
            "playlist_entries": self._entries,
            "files": files,
        }


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
