"""Options that several commands share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import duckdb
import typer

from sunorecsys.errors import SunorecsysError
from sunorecsys.project import VARIABLE, Project
from sunorecsys.reader import open_release
from sunorecsys.serving import Service, View

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
ProjectDir = Annotated[
    Path | None,
    typer.Option(
        envvar=VARIABLE,
        help="The project folder; otherwise the one here or above.",
    ),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        help='Variables of dbt, as "sunorecsys tune" writes them.',
    ),
]
Count = Annotated[int, typer.Option("-n", min=1, max=100, help="How many songs.")]


@contextmanager
def current_release(
    project_dir: Path | None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the current release of the project."""
    with open_release(Project.find(project_dir).current_release) as release:
        yield release


@contextmanager
def current_view(
    project_dir: Path | None, *, user_id: str | None = None
) -> Iterator[View]:
    """Open the current release with what has happened since, of one listener or all."""
    service = Service.of(Project.find(project_dir), user_id=user_id)
    with service.view() as view:
        yield view


def read_text(path: Path) -> str:
    """Return the text of a file that a user named.

    Raises:
        SunorecsysError: it is no readable UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SunorecsysError(f"{path} cannot be read: {error}.") from error
