"""``sunorecsys forget``: a listener is erased, and that is proven."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from sunorecsys import erasure
from sunorecsys.cli import output
from sunorecsys.cli.options import Json, ProjectDir
from sunorecsys.errors import SunorecsysError, UsageError
from sunorecsys.project import Project
from sunorecsys.traces import OnStep, Search

_NAMES = {
    "interactions": "interactions",
    "playlists": "playlist rows",
    "songs": "songs' creators",
    "served": "served rows",
    "feedback": "feedback events",
    "rejects": "refused rows",
    "blocked": "reasons of songs that were taken down",
    "reasons": "reasons in the audit",
    "releases": "releases written anew",
    "release_rows": "release rows",
    "warehouse_files": "warehouse files",
    "work_files": "files of target and logs",
}
_LIMITS = (
    "Exports and backups outside of this project still hold them: an export that is "
    "ingested again brings the listener back.",
    "What others' recommendations have learned from them stays, as sums, until the "
    "next build.",
)
_SHOWN = 10


def forget(
    user: Annotated[str, typer.Argument(show_default=False, help="Id of a listener.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask; needed without a terminal.")
    ] = False,
    as_json: Json = False,
    project_dir: ProjectDir = None,
) -> None:
    """Erase a listener from landing, feedback and every release, and prove it.

    Songs that they made stay, under a pseudonym. Nothing brings them back but another
    ingest of what they did. The names of releases change with their content.

    Example: sunorecsys forget listener-005 --yes
    """
    erasure.require_id(user)
    project = Project.find(project_dir)
    if not yes:
        _ask(user, project)
    with _progress() as on_step:
        erased = erasure.forget(project, user, on_step=on_step)
    limits = list(_LIMITS)
    if erased.is_in_sample:
        limits.append(
            "The invented sample of this program holds the id: a build of the sample "
            "brings it back."
        )
    if as_json:
        output.emit_json(
            {
                "removed": erased.removed,
                "searched": {
                    "files": erased.proof.files,
                    "tables": erased.proof.tables,
                    "rows": erased.proof.rows,
                },
                "found": _found(erased.proof),
                "unreadable": [str(path) for path in erased.proof.unreadable],
                "limits": limits,
            }
        )
    else:
        _show(erased, limits)
    if erased.proof.unreadable:
        raise SunorecsysError(
            f"{erased.proof.unreadable[0]} cannot be read, so nobody knows whom it "
            "holds. Restore it or delete it, then run this again."
        )
    if erased.proof.traces:
        first = _found(erased.proof)[0]
        raise SunorecsysError(
            f"The id is still in {first['file']}"
            + (f", {first['place']}" if first["place"] else "")
            + ". If it came just now, run this again; if it is no id of a listener "
            "there, such as a title, decide yourself."
        )


def _ask(user: str, project: Project) -> None:
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask on: add --yes to erase.")
    output.notice(
        f"This erases everything of the listener {user} from {project.root}, and "
        "cannot be undone."
    )
    print("Erase? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise SunorecsysError("Nothing was erased.")


@contextmanager
def _progress() -> Iterator[OnStep]:
    with output.progress() as bar:
        task = bar.add_task("Searching", total=None)

        def on_step(what: str, done: int, total: int) -> None:
            shown = output.plain(what).plain[:40].ljust(40)
            bar.update(task, description=shown, completed=done, total=total)

        yield on_step


def _found(proof: Search) -> list[dict[str, Any]]:
    return [
        {"file": str(trace.path), "place": trace.place, "rows": trace.rows}
        for trace in proof.traces
    ]


def _show(erased: erasure.Erased, limits: list[str]) -> None:
    removed = ", ".join(
        f"{count:,} {_NAMES.get(name, name)}"
        for name, count in erased.removed.items()
        if count
    )
    lines = [f"Erased: {removed or 'what an earlier run had left'}."]
    proof = erased.proof
    lines.append(
        f"Searched {proof.files:,} files, {proof.tables:,} tables and {proof.rows:,} "
        f"rows again: {len(proof.traces):,} found."
    )
    for trace in proof.traces[:_SHOWN]:
        lines.append(f"  {trace.path} {trace.place}: {trace.rows:,}")
    for line in [*lines, *limits]:
        output.results.print(output.plain(line), soft_wrap=True)
