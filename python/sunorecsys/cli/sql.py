"""``sunorecsys sql``: any question to the current release."""

from typing import Annotated

import duckdb
import typer

from sunorecsys import reader
from sunorecsys.cli import output
from sunorecsys.cli.options import Json, ProjectDir, current_release
from sunorecsys.errors import SunorecsysError

_MOST_ROWS = 1000


def sql(
    statement: Annotated[str, typer.Argument(help="The SQL to run.")],
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Run SQL on the current release, read-only and without access to files.

    Example: sunorecsys sql "select genre, count(*) from songs group by all"
    """
    with current_release(project_dir) as release:
        try:
            rows = reader.query(release, statement)
            columns = [column[0] for column in release.description or ()]
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
