"""Running ``dbt build`` of the project from Python."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from sunorecsys import builds, feedback
from sunorecsys.errors import SunorecsysError
from sunorecsys.lock import build_lock
from sunorecsys.project import Project

# Called with the step that ended, how many have ended and how many there are.
OnStep = Callable[[str, int, int], None]

# arguments of dbt: unit tests bring rows of their own, so no data changes how they end
_WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
# arguments of dbt for a build that publishes nothing
WITHOUT_TESTS = (
    "--no-write-json",
    "--exclude-resource-type",
    "test",
    *_WITHOUT_UNIT_TESTS,
)

_FAILED = ("error", "fail", "runtime error")


@dataclass(frozen=True)
class Built:
    """What a build did."""

    # how many steps ended how
    statuses: dict[str, int]
    warnings: list[str]
    # what was published; None if this build must not publish, and the message says why
    release_id: str | None
    message: str


def run(
    project: Project, variables: dict[str, Any], *, on_step: OnStep | None = None
) -> Built:
    """Run ``dbt build`` on the whole project, alone, on compacted feedback.

    With the tests of the data, and without the unit tests of the models.

    How it went is written down in ``landing/builds``, also if it fails.

    Raises:
        SunorecsysError: a step failed, and the message is its own; or another process
            builds this project.
    """
    with build_lock(project.root), builds.recorded(project.landing) as record:
        _compact(project)
        try:
            results = run_dbt(
                project.root,
                variables,
                _WITHOUT_UNIT_TESTS,
                on_step=on_step,
                record=record,
                manifest=parsed(project.root, variables, write_json=True),
            )
        except SunorecsysError as error:
            raise SunorecsysError(
                f"{error} Nothing was published; the last release still serves."
            ) from error
        release_id, message = _published(project)
        record.release_id = release_id
        record.status = "unpublished" if release_id is None else "published"
    unrecorded = []
    if record.problem is not None:
        unrecorded.append(
            f"How the build went could not be written to landing/builds: "
            f"{record.problem}."
        )
    statuses: dict[str, int] = {}
    for result in results:
        statuses[str(result.status)] = statuses.get(str(result.status), 0) + 1
    return Built(
        statuses=statuses,
        warnings=[
            f"{result.node.name}: {result.message}"
            for result in results
            if str(result.status) == "warn"
        ]
        + unrecorded,
        release_id=release_id,
        message=message,
    )


def _compact(project: Project) -> None:
    try:
        feedback.compact(project.feedback)
    except OSError as error:
        raise SunorecsysError(
            "The feedback of past days cannot be compacted: "
            f"{error.strerror or error}. Nothing of it is lost. Free space or make "
            "landing/feedback writable, then build again."
        ) from error


def run_dbt(
    root: Path,
    variables: dict[str, Any],
    selection: Sequence[str] = (),
    *,
    on_step: OnStep | None = None,
    record: builds.Record | None = None,
    manifest: Any = None,
) -> list[Any]:
    """Run ``dbt build`` in a folder, and return the results of its steps.

    Args:
        root: the folder of the project.
        variables: of dbt, by name.
        selection: arguments of dbt that choose what is built.
        on_step: called after each step.
        record: takes the steps down.
        manifest: what `parsed` returned of the same files in this or another folder,
            whose seeds are then loaded, and of variables that differ in none that a
            YAML file reads; None: they are parsed now.

    Raises:
        SunorecsysError: a step failed, and the message is its own.
    """
    if manifest is None:
        manifest = parsed(root, variables)
    outcome = _invoked(
        root, "build", variables, selection, manifest=manifest, on_step=on_step
    )
    results = list(getattr(outcome.result, "results", None) or ())
    if results and record is not None:
        record.take(results, Project(root).warehouse)
    failed = [result for result in results if str(result.status) in _FAILED]
    if failed:
        raise SunorecsysError(_failure(failed))
    _require_success(outcome)
    return results


def parsed(root: Path, variables: dict[str, Any], *, write_json: bool = False) -> Any:
    """Return what dbt reads of the files of a project: its manifest.

    Files that are as they were the last time are not read again, unless variables have
    changed; `as_of` does each week, and no YAML file reads it, so it is left out.

    Args:
        root: the folder of the project.
        variables: of dbt, by name.
        write_json: whether to write ``manifest.json``.

    Raises:
        SunorecsysError: a file cannot be read.
    """
    lasting = {name: value for name, value in variables.items() if name != "as_of"}
    json_is_written = "--write-json" if write_json else "--no-write-json"
    outcome = _invoked(root, "parse", lasting, ("--partial-parse", json_is_written))
    _require_success(outcome)
    manifest = outcome.result
    for node in manifest.nodes.values():
        if node.resource_type == "seed":
            # in a copy of a project dbt remembers the folder of the first
            node.root_path = str(root)
    return manifest


def _invoked(
    root: Path,
    command: str,
    variables: dict[str, Any],
    arguments: Sequence[str],
    *,
    manifest: Any = None,
    on_step: OnStep | None = None,
) -> Any:
    """Return dbt's own result of a command."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner
    from dbt_common.events.event_manager_client import cleanup_event_logger

    # dbt begins with a logger to stdout; stopped before it knows that it is to log
    # nothing, it would print a traceback
    cleanup_event_logger()
    watch = _Watch(on_step)
    with _working_in(root):
        outcome = dbtRunner(manifest=manifest, callbacks=[watch]).invoke(
            [
                command,
                "--project-dir",
                str(root),
                "--profiles-dir",
                str(root),
                "--vars",
                json.dumps(variables),
                "--log-level",
                "none",
                *arguments,
            ]
        )
    # dbt keeps the file open from step to step, and others want to read it now
    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
    if isinstance(outcome.exception, KeyboardInterrupt):
        raise outcome.exception
    return outcome


def _require_success(outcome: Any) -> None:
    if outcome.exception is not None or not outcome.success:
        raise SunorecsysError(_explained(str(outcome.exception or "dbt failed.")))


def _published(project: Project) -> tuple[str | None, str]:
    """Return what the release model of the build that just ended said."""
    try:
        with duckdb.connect(str(project.warehouse), read_only=True) as warehouse:
            rows = warehouse.execute(
                "select release_id, message from main.release"
            ).fetchall()
    except duckdb.Error as error:
        raise SunorecsysError(
            f"The build ended, but what it published cannot be read: {error} "
            'Run "sunorecsys release list" to see what serves.'
        ) from error
    ((release_id, message),) = rows
    return release_id, message


class _Watch:
    """Counts the steps of a running build from dbt's events."""

    def __init__(self, on_step: OnStep | None) -> None:
        self._on_step = on_step
        self._done = 0
        self._total = 0

    def __call__(self, event: Any) -> None:
        if self._on_step is None:
            return
        if event.info.name == "LogStartLine":
            self._total = event.data.total
        elif event.info.name == "NodeFinished":
            self._done += 1
            self._on_step(event.data.node_info.node_name, self._done, self._total)


@contextlib.contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _failure(failed: list[Any]) -> str:
    first = failed[0]
    why = _explained(str(first.message))
    others = f" {len(failed) - 1} more failed." if len(failed) > 1 else ""
    return (
        f"{first.node.resource_type} {first.node.name} failed: "
        f"{why}{'' if why.endswith('.') else '.'}{others}"
    )


def _explained(message: str) -> str:
    """Return what a person needs of dbt's message."""
    if "Conflicting lock" in message or "Could not set lock" in message:
        return (
            "Another program has the warehouse open. Close it, or wait for it to "
            "finish, then try again."
        )
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    own = [line for line in lines if line.startswith("sunorecsys.errors.")]
    if own:
        # the last line of a Python model's traceback is written for people
        return own[-1].split(": ", 1)[1]
    if any(line.startswith("Traceback") for line in lines):
        return lines[-1]
    # lines with > say which macro called which
    return " ".join(line for line in lines[:8] if not line.startswith(">"))
