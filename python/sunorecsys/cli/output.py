"""How commands speak: results on stdout, progress and notices on stderr."""

import json
from datetime import date, datetime
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

results = Console(highlight=False)
notices = Console(stderr=True, highlight=False)


def _encode(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def emit_json(document: Any) -> None:
    """Print one JSON document on stdout, for machines."""
    print(json.dumps(document, ensure_ascii=False, default=_encode))


def progress() -> Progress:
    """Return a progress bar on stderr for work that is counted in steps."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=notices,
        transient=True,
    )
