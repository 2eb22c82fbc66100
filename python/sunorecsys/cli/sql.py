"""``sunorecsys sql``: any question to the current release."""

from pathlib import Path
from typing import Annotated

import duckdb
import typer

from sunorecsys import reader
from sunorecsys.cli import output
from sunorecsys.cli.options import Json, ProjectDir, current_release, read_text
from sunorecsys.errors import SunorecsysError, UsageError

_MOST_ROWS = 1000


def sql(
    statement: Annotated[
        str | None, typer.Argument(show_default=False, help="The SQL to run.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="A file with the SQL, such as an analysis."),
    ] = None,
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Run SQL on the current release, read-only and without access to files.

    Example: sunorecsys sql "select genre, count(*) from songs group by all"
    """
    if (statement is None) == (file is None):
        raise UsageError("Give the SQL, or a file of it with --file.")
    text = read_text(file) if file is not None else str(statement)
    with current_release(project_dir) as release:
        try:
            columns, rows = reader.select(release, text)
        except (duckdb.Error, ValueError) as error:
            raise SunorecsysError(f"The SQL failed: {error}") from error
    if as_json:
        output.emit_json({"columns": columns, "rows": rows})
        return
    shown = output.table(f"{len(rows)} rows")
    for column in columns:
        shown.add_column(output.plain(column))
    for row in rows[:_MOST_ROWS]:
        shown.add_row(*(output.plain(row[column]) for column in columns))
    output.results.print(shown)
    if len(rows) > _MOST_ROWS:
        output.notice(
            f"Only the first {_MOST_ROWS} rows are shown; use --json for all."
        )
