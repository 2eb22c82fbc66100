"""How commands speak: results on stdout, progress and notices on stderr."""

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

# a file or a pipe has no width of its own
results = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
notices = Console(stderr=True, highlight=False)


def _encode(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return str(value)


def _finite(value: Any) -> Any:
    """Return the value with null for what JSON has no number for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def emit_json(document: Any) -> None:
    """Print one JSON document on stdout, for machines."""
    print(json.dumps(_finite(document), ensure_ascii=False, default=_encode))


def progress() -> Progress:
    """Return a progress bar on stderr for work that is counted in steps."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=notices,
        transient=True,
        disable=not notices.is_terminal,
    )


@contextmanager
def steps(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """Show the steps of a build, and yield what is called after each of them."""
    with progress() as bar:
        task = bar.add_task(what, total=None)

        def on_step(name: str, done: int, total: int) -> None:
            bar.update(
                task, description=name[:40].ljust(40), completed=done, total=total
            )

        yield on_step


def notice(message: str) -> None:
    """Print one line on stderr."""
    notices.print(plain(message), soft_wrap=True)


def error(message: str) -> None:
    """Print why something could not be done, in one line on stderr."""
    notices.print(plain(f"Error: {message}"), style="red", soft_wrap=True)


# these join the parts of one emoji and the letters of some scripts
_JOINERS = "\u200c\u200d"

# a longer title or name fills the screen
_LONGEST_NAME = 60


def plain(value: Any) -> Text:
    """Return text from strangers as one line without control characters."""
    line = " ".join(str(value).split())
    return Text("".join(c if c.isprintable() or c in _JOINERS else "�" for c in line))


def name(value: str | None) -> Text:
    """Return a title or a name, cut where it is longer than any screen needs."""
    line = plain(value or "")
    line.truncate(_LONGEST_NAME, overflow="ellipsis")
    return line


def megabytes(size: int) -> str:
    """Return a number of bytes for people."""
    return f"{size / 1e6:,.1f} MB"


def table(title: str) -> Table:
    """Return an empty table in the style of all commands."""
    return Table(
        title=plain(title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )


def show_recommendations(rows: list[dict[str, Any]], title: str) -> None:
    """Print recommendations with the score of every channel and the reason."""
    shown = table(title)
    shown.add_column("#", justify="right")
    shown.add_column("song, and why", ratio=1)
    shown.add_column("score", justify="right", no_wrap=True)
    for channel in ("item_cf", "content", "prompt", "user_cf", "quality"):
        shown.add_column(channel, justify="right", no_wrap=True)
    for row in rows:
        song = name(row["title"])
        song.stylize("bold")
        if row["creator_name"]:
            song = Text.assemble(song, " · ", name(row["creator_name"]))
        # what explain, similar and recommend --songs are asked with
        song_id = plain(row["song_id"])
        song_id.stylize("dim")
        song = Text.assemble(song, "  ", song_id)
        reason = plain(row["reason"])
        reason.stylize("dim")
        shown.add_row(
            str(row["rank"]),
            Text("\n").join([song, reason]),
            f"{row['score']:.3f}",
            *(
                f"{score:.2f}" if score else "·"
                for score in row["channel_scores"].values()
            ),
        )
    results.print(shown)


def show_similar(rows: list[dict[str, Any]], title: str) -> None:
    """Print similar songs."""
    _show_songs(rows, title, "similarity_rank", "similarity")


def show_found(rows: list[dict[str, Any]], title: str) -> None:
    """Print songs that a search found."""
    _show_songs(rows, title, "search_rank", "score")


def _show_songs(rows: list[dict[str, Any]], title: str, rank: str, amount: str) -> None:
    shown = table(title)
    shown.add_column("#", justify="right")
    shown.add_column("song")
    shown.add_column("creator")
    shown.add_column("genre")
    shown.add_column("id")
    shown.add_column(amount, justify="right")
    for row in rows:
        shown.add_row(
            str(row[rank]),
            name(row["title"]),
            name(row["creator_name"]),
            plain(row["genre"] or ""),
            plain(row["song_id"]),
            f"{row[amount]:.3f}",
        )
    results.print(shown)
