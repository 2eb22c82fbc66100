"""``sunorecsys tune``: settings and weights that fit the data of the project."""

import re
from typing import Annotated

import typer

from sunorecsys.cli import output
from sunorecsys.cli.options import Json, ProjectDir
from sunorecsys.errors import UsageError
from sunorecsys.project import Project


def tune(
    variant: Annotated[
        str, typer.Option(help="Name of the weights in channel_weights.")
    ] = "tuned",
    weeks: Annotated[
        int, typer.Option(min=1, help="The last weeks to learn from, a copy for each.")
    ] = 1,
    minutes: Annotated[
        float, typer.Option(min=0.1, max=10_000, help="How long it may take.")
    ] = 20,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Of each channel at most: the same on any machine."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also if the variant exists.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the search.")] = 42,
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Learn settings and weights from what listeners played in the last week.

    With few listeners, learn from more weeks: a hundred who played something new are
    few. Nothing is published. Weights become a variant in channel_weights, and settings
    a file that build, weekly and evaluate take: sunorecsys build --settings FILE.

    Example: sunorecsys tune --minutes 10
    """
    # what it needs takes a second to load, and only this command needs it
    from sunorecsys import settings
    from sunorecsys.tuning.project import learn

    if not re.fullmatch("[A-Za-z0-9_-]{1,64}", variant) or variant == "custom":
        raise UsageError(
            f"--variant is {variant!r}; use letters, digits, _ and -, and not custom."
        )
    project = Project.find(project_dir)
    with output.progress() as bar:
        task = bar.add_task("Tuning", total=round(60 * minutes))
        found = learn(
            project,
            variant=variant,
            replace=replace,
            weeks=weeks,
            minutes=minutes,
            trials=trials,
            seed=seed,
            on_trial=lambda what, gone: bar.update(
                task, description=what[:70], completed=round(gone)
            ),
        )
    file = settings.file_of(project, variant)
    if as_json:
        output.emit_json(
            {
                "variant": variant,
                "settings_file": str(file),
                "settings": found.settings,
                "weights": found.weights,
                "before": found.before,
                "after": found.after,
                "trials": found.trials,
                "seconds": round(found.seconds, 1),
            }
        )
        return
    table = output.table(f"Mean nDCG, {found.trials} trials, {found.seconds:.0f} s")
    table.add_column("recommender", no_wrap=True)
    for heading in ("before", "after", "weight"):
        table.add_column(heading, justify="right", no_wrap=True)
    regular = found.weights["regular"]
    for name, before in sorted(found.before.items(), key=lambda one: -one[1]):
        weight = f"{regular[name]:g}" if name in regular else ""
        table.add_row(name, f"{before:.4f}", f"{found.after[name]:.4f}", weight)
    output.results.print(table)
    output.results.print(
        f"Written: {file}. Build with it: sunorecsys build --settings {file}",
        soft_wrap=True,
    )
