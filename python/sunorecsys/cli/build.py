"""``sunorecsys build``: the weekly build, with progress and a summary."""

import math
import time
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer

from sunorecsys import build as dbt_build
from sunorecsys import reader, settings
from sunorecsys.cli import output
from sunorecsys.cli.options import Json, ProjectDir, SettingsFile
from sunorecsys.errors import SunorecsysError, UsageError
from sunorecsys.project import Project


def build(
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="Count only what happened before this UTC midnight (YYYY-MM-DD).",
        ),
    ] = None,
    variant: Annotated[
        str | None,
        typer.Option(
            help="Weights to blend with, of channel_weights; experiments keep theirs."
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Own weights, such as item_cf=0.3,content=0.2,quality=0.1."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="auto (landing if it holds songs), landing or sample."),
    ] = None,
    settings_file: SettingsFile = None,
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Build everything, test it, and publish a release if all tests pass.

    Example: sunorecsys build --as-of 2025-11-17
    """
    if variant is not None and weights is not None:
        raise UsageError("Give --variant or --weights, not both.")
    project = Project.find(project_dir)
    variables = settings.read(project, settings_file)
    if as_of is not None:
        variables["as_of"] = _date(as_of)
        if variables["as_of"] > f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}":
            output.notice(f"Warning: {as_of} is in the future.")
    if variant is not None:
        variables["variant"] = variant
    if weights is not None:
        variables |= {"variant": "custom", "weights": parse_weights(weights)}
    if source is not None:
        variables["source"] = source
    started = time.monotonic()
    with output.steps("Building") as on_step:
        built = dbt_build.run(project, variables, on_step=on_step)
    seconds = time.monotonic() - started
    for warning in built.warnings:
        output.notice(f"Warning: {warning}")
    if built.release_id is None:
        raise SunorecsysError(built.message)
    with reader.open_release(
        project.releases / f"{built.release_id}.duckdb"
    ) as release:
        summary = reader.query(
            release,
            """
            select
                build_info.release_id,
                build_info.as_of,
                build_info.source,
                (select count(*) from songs) as songs,
                (select count(*) from listeners) as listeners,
                (select count(*) from recommendations) as recommendations
            from build_info
            """,
        )[0]
    if as_json:
        output.emit_json(
            {**summary, "seconds": round(seconds, 1), "steps": built.statuses}
        )
        return
    output.results.print(
        f"Release {summary['release_id']}: {summary['recommendations']:,} "
        f"recommendations for {summary['listeners']:,} listeners from "
        f"{summary['songs']:,} songs, as of {summary['as_of']:%Y-%m-%d} "
        f"({summary['source']}, {seconds:.0f} s).",
        soft_wrap=True,
    )


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise UsageError(f"--as-of is {text!r}; write it as YYYY-MM-DD.") from error


def parse_weights(text: str) -> dict[str, float]:
    """Return weights by channel from ``name=number,…``.

    Raises:
        UsageError: an unknown channel, one given twice, a number that is negative or
            none at all, or only zeros.
    """
    weights: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = (piece.strip() for piece in part.partition("="))
        if name not in reader.CHANNELS:
            raise UsageError(
                f"--weights names {name!r}; channels are {', '.join(reader.CHANNELS)}."
            )
        if name in weights:
            raise UsageError(f"--weights gives {name} twice.")
        try:
            weights[name] = float(number)
        except ValueError as error:
            raise UsageError(
                f"--weights gives {name} {number!r}, which is no number."
            ) from error
        if not (math.isfinite(weights[name]) and weights[name] >= 0):
            raise UsageError(f"--weights gives {name} {number}; use 0 or more.")
    if not any(weights.values()):
        raise UsageError("--weights are all zero; give one channel at least a weight.")
    return weights
