"""``sunorecsys evaluate``: how good past weeks would have been."""

import time
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from sunorecsys import backtest, settings
from sunorecsys.backtest import plot as picture
from sunorecsys.cli import output
from sunorecsys.cli.options import Json, ProjectDir, SettingsFile
from sunorecsys.errors import UsageError
from sunorecsys.project import Project

# metrics of the table, with their headings and the digits that they are shown with
_SHOWN = {
    "recall": ("recall", 3),
    "hit_rate": ("hit rate", 3),
    "coverage": ("coverage", 2),
    "embedding_diversity": ("diversity", 2),
    "novelty": ("novelty", 1),
    "repetition": ("repeats", 2),
}


def evaluate(
    weeks: Annotated[
        int, typer.Option(min=1, help="How many weeks, the last ones there are.")
    ] = 4,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="First day of the last week (YYYY-MM-DD)."),
    ] = None,
    variant: Annotated[
        str | None, typer.Option(help="Weights to blend with, of channel_weights.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Draw nDCG@10 by week into a new .svg or .png.",
        ),
    ] = None,
    settings_file: SettingsFile = None,
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Build past weeks, and measure their lists by what listeners then first played.

    Nothing is published. All metrics of each week are kept in landing/evaluations, and
    the next release shows them as evaluation_metrics.

    Example: sunorecsys evaluate --weeks 2
    """
    if plot is not None:
        picture.require(plot)
    day = None if as_of is None else _date(as_of)
    project = Project.find(project_dir)
    variables = settings.read(project, settings_file)
    if variant is not None:
        variables["variant"] = variant
    started = time.monotonic()
    with output.steps("Evaluating") as on_step:
        found = backtest.run(
            project, weeks=weeks, as_of=day, variables=variables, on_step=on_step
        )
    seconds = time.monotonic() - started
    if plot is not None:
        picture.draw(found, plot)
        output.notice(f"Drawn: {plot}")
    if as_json:
        output.emit_json(
            {
                "source": found.source,
                "variant": found.variant,
                "weeks": found.weeks,
                "results": [row for row in found.results if not row["baseline"]],
                "differences": [row for row in found.results if row["baseline"]],
                "by_week": found.by_week,
                "seconds": round(seconds, 1),
            }
        )
        return
    _show(found)


def _date(text: str) -> date:
    try:
        day = date.fromisoformat(text)
        # the week must lie in the calendar
        day + timedelta(days=backtest.DAYS)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--as-of is {text!r}; write it as YYYY-MM-DD.") from error
    return day


def _show(found: backtest.Backtest) -> None:
    at: dict[tuple[str, str | None, str], dict[str, Any]] = {
        (row["recommender"], row["baseline"], row["metric"]): row
        for row in found.results
        if row["k"] == backtest.K
    }
    ndcg = [
        row
        for (_, baseline, metric), row in at.items()
        if (baseline, metric) == (None, "ndcg")
    ]
    baselines = [
        name
        for name in ("popularity", "classic")
        if any(baseline == name for _, baseline, _ in at)
    ]
    listener_weeks = max((row["listener_weeks"] for row in ndcg), default=0)
    users = max((row["users"] for row in ndcg), default=0)
    until = found.weeks[-1] + timedelta(days=backtest.DAYS - 1)
    table = output.table(
        f"Weeks to {until}: {len(found.weeks)} ({found.source}, "
        f"{found.variant}): {users:,} listeners, {listener_weeks:,} listener-weeks, "
        f"first {backtest.K} songs"
    )
    table.add_column("recommender", no_wrap=True)
    table.add_column("nDCG", justify="right", no_wrap=True)
    for baseline in baselines:
        table.add_column(f"beside {baseline}", justify="right", no_wrap=True)
    for heading, _ in _SHOWN.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for row in sorted(ndcg, key=lambda row: (-row["value"], row["recommender"])):
        name = row["recommender"]
        table.add_row(
            output.plain(name),
            _with_reach(row),
            *(_with_reach(at.get((name, b, "ndcg")), sign="+") for b in baselines),
            *(
                f"{at[name, None, metric]['value']:.{digits}f}"
                if (name, None, metric) in at
                else ""
                for metric, (_, digits) in _SHOWN.items()
            ),
        )
    output.results.print(table)


def _with_reach(row: dict[str, Any] | None, sign: str = "") -> str:
    """Return a value and how far its 95 % interval reaches."""
    if row is None:
        return ""
    if row["upper"] is None:
        return f"{row['value']:{sign}.3f}"
    return f"{row['value']:{sign}.3f} ±{row['upper'] - row['value']:.3f}"
