"""``sunorecsys benchmark``: how good the models are on a split in files."""

from pathlib import Path
from typing import Annotated

import typer

from sunorecsys.cli import output
from sunorecsys.cli.options import Json, ProjectDir
from sunorecsys.project import Project

_SHOWN = {"precision": 4, "recall": 4, "ndcg": 4, "map": 4, "mrr": 4, "hit_rate": 4}
_SHOWN |= {"coverage": 3, "diversity": 3, "novelty": 2}


def benchmark(
    train: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Parquet or CSV: user_id, item_id and optionally weight, ts.",
        ),
    ],
    test: Annotated[
        Path,
        typer.Option(metavar="FILE", help="What is to be found; the same columns."),
    ],
    items: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="item_id and optionally title, artist, tags, description.",
        ),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Rows that are not ranked, as those of train, and not learned from.",
        ),
    ] = None,
    k: Annotated[
        list[int] | None, typer.Option("-k", min=1, max=1000, help="Length of a list.")
    ] = None,
    minutes: Annotated[
        float,
        typer.Option(
            min=0, max=10_000, help="For tuning on train; 0: the settings as they are."
        ),
    ] = 12,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Of each channel at most: the same on any machine."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the tuning.")] = 42,
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Tune on train, rank all songs of train for the users of test, and measure.

    The models of this project do it, in a copy of it; its data and releases stay as
    they are. What a user has in train is not ranked.

    Example: sunorecsys benchmark --train train.csv --test test.csv -k 10 -k 20
    """
    # what it needs takes a second to load, and only this command needs it
    from sunorecsys import benchmark as splits

    project = Project.find(project_dir)
    with output.progress() as bar:
        task = bar.add_task("Benchmark", total=None)
        found = splits.run(
            project,
            train,
            test,
            items,
            mask,
            ks=k or [10, 20],
            minutes=minutes,
            trials=trials,
            seed=seed,
            on_step=lambda what, _: bar.update(task, description=what[:100]),
        )
    for notice in found.notices:
        output.notice(f"Note: {notice}")
    tuned = found.tuned
    if as_json:
        output.emit_json(
            {
                "dataset": found.dataset,
                "users": found.users,
                "results": found.results,
                "seconds": found.seconds,
                "notices": found.notices,
                "settings": None if tuned is None else tuned.settings,
                "weights": None if tuned is None else tuned.weights,
                "trials": None if tuned is None else tuned.trials,
            }
        )
        return
    table = output.table(
        f"{found.dataset}: {found.users:,} users, {found.seconds['all']:.0f} s"
    )
    table.add_column("recommender", no_wrap=True)
    table.add_column("k", justify="right")
    for name in _SHOWN:
        table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    for row in found.results:
        table.add_row(
            row["recommender"],
            str(row["k"]),
            *(
                "" if row[name] is None else f"{row[name]:.{digits}f}"
                for name, digits in _SHOWN.items()
            ),
        )
    output.results.print(table)
    if tuned is not None:
        regular = tuned.weights["regular"]
        output.notice(
            f"Tuned in {tuned.trials} trials: "
            + ", ".join(f"{name} {value:g}" for name, value in regular.items())
            + "; --json shows all settings."
        )
