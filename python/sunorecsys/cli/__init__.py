"""The command line: ``sunorecsys``."""

import os
import sys
from importlib import metadata
from typing import Annotated

import typer

from sunorecsys.cli import (
    benchmark,
    block,
    build,
    demo,
    doctor,
    evaluate,
    forget,
    ingest,
    lookup,
    output,
    release,
    serve,
    simulate,
    sql,
    tune,
    weekly,
)
from sunorecsys.errors import SunorecsysError, UsageError

app = typer.Typer(
    help="Explained music recommendations, built weekly as SQL tables.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(ingest.app, name="ingest")
app.command()(simulate.simulate)
app.command()(build.build)
app.command()(weekly.weekly)
app.command()(demo.demo)
app.command()(lookup.recommend)
app.command()(lookup.similar)
app.command()(lookup.search)
app.command()(lookup.explain)
app.command()(lookup.why_not)
app.command()(sql.sql)
app.command()(evaluate.evaluate)
app.command()(tune.tune)
app.command()(benchmark.benchmark)
app.command()(serve.serve)
app.add_typer(release.app, name="release")
app.command()(block.block)
app.command()(forget.forget)
app.command()(doctor.doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(metadata.version("sunorecsys"))
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    if debug:
        os.environ["SUNORECSYS_DEBUG"] = "1"


# what typer ends with after Ctrl-C, as shells do
_INTERRUPTED = 130


def main() -> None:
    """Run the command line: exit 0 done, 1 could not be done, 2 wrong usage."""
    try:
        app()
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            output.notice("Stopped.")
        raise
    except SunorecsysError as error:
        if os.environ.get("SUNORECSYS_DEBUG"):
            raise
        output.error(str(error))
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except BrokenPipeError:
        # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if os.environ.get("SUNORECSYS_DEBUG"):
            raise
        output.error(
            f"{type(error).__name__}: {error} This was not foreseen; "
            "sunorecsys --debug shows where it happened."
        )
        sys.exit(1)
