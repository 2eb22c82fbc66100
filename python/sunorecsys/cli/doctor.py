"""``sunorecsys doctor``: what is installed, stale, full, broken or sick; the cure."""

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import duckdb
import pyarrow as pa
import typer

from sunorecsys import (
    blocklist,
    builds,
    feedback,
    landing,
    reader,
    release,
    scratch,
)
from sunorecsys.cli import output
from sunorecsys.cli.options import Json, ProjectDir
from sunorecsys.errors import SunorecsysError, first_line
from sunorecsys.project import Project
from sunorecsys.release import content, manage
from sunorecsys.traces import PENDING

_LEAST_FREE = 2_000_000_000

# what builds keep in landing, and what is lost without a file of it
_KEPT = {
    "served": "songs of its week may be served again",
    "monitoring": "the week after it is compared with an earlier one",
    "builds": "build_history has one build less",
    "embeddings/audio": "the audio of its songs is embedded again",
    "embeddings/prompt": "the prompts of its songs are embedded again",
    "embeddings/style": "what its songs should sound like is embedded again",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    # ok, warning or broken
    status: str
    detail: str
    cure: str = ""


def doctor(as_json: Json = False, project_dir: ProjectDir = None) -> None:
    """Check the installation, the data, the releases and their health; name the cure.

    Example: sunorecsys doctor
    """
    project = Project.find(project_dir)
    findings = [
        *_installed(),
        *_landed(project.landing),
        *_feedback(project.feedback),
        *_blocked(project.blocked),
        *_kept(project.landing),
        *_last_build(project.landing / "builds"),
        *_leftovers(project.landing),
        *_scratch(project),
        *_unfinished(project.landing),
        *_warehouse(project.warehouse),
        *_releases(project),
        *_health(project),
        *_disk(project),
    ]
    if as_json:
        output.emit_json({"findings": [asdict(finding) for finding in findings]})
    else:
        table = output.table(f"{project.root}")
        for column in ("", "what", "finding", "cure"):
            # a path of a cure is there to be copied
            table.add_column(column, overflow="fold")
        signs = {"ok": "✓", "warning": "!", "broken": "✗"}
        for finding in findings:
            table.add_row(
                signs[finding.status],
                finding.what,
                output.plain(finding.detail),
                output.plain(finding.cure),
            )
        output.results.print(table)
    if any(finding.status == "broken" for finding in findings):
        raise typer.Exit(1)


def _installed() -> Iterator[Finding]:
    names = ("dbt-core", "dbt-duckdb", "duckdb", "implicit", "pyarrow")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    yield Finding("installed", "ok", f"Python {platform.python_version()}, {versions}")


def _landed(folder: Path) -> Iterator[Finding]:
    for kind in (*landing.KINDS, "quality", "rejects", "evaluations"):
        files = sorted((folder / kind).glob("*.parquet"))
        if not files:
            status = "ok"
            nothing = {"rejects": "no row was refused", "evaluations": "none kept"}
            detail = nothing.get(kind, "nothing ingested")
            cure = {"songs": "sunorecsys ingest songs FILE (the sample is used now)"}
            yield Finding(f"landing {kind}", status, detail, cure.get(kind, ""))
            continue
        rows, broken = 0, []
        for file in files:
            try:
                rows += _rows(file)
            except duckdb.Error:
                broken.append(file.name)
        if broken:
            yield Finding(
                f"landing {kind}",
                "broken",
                f"unreadable: {', '.join(broken)}",
                "delete the file, then sunorecsys evaluate"
                if kind == "evaluations"
                else "delete the file and ingest its source again",
            )
        elif kind == "rejects":
            yield Finding(
                "landing rejects",
                "warning",
                f"{rows:,} rows were refused",
                "mend them at the source and ingest again; reasons: "
                "landing/rejects/*.parquet",
            )
        else:
            yield Finding(f"landing {kind}", "ok", f"{rows:,} rows, {len(files)} files")


def _feedback(folder: Path) -> Iterator[Finding]:
    events, lines, broken = 0, 0, []
    for path in sorted(folder.glob("*.jsonl")) + sorted(folder.glob("*.parquet")):
        try:
            if path.suffix == ".parquet":
                events += _rows(path)
            else:
                whole, damaged = feedback.count(path)
                events, lines = events + whole, lines + damaged
        except (duckdb.Error, OSError):
            broken.append(path.name)
    what = "landing feedback"
    if broken:
        yield Finding(
            what,
            "broken",
            f"unreadable: {', '.join(broken)}",
            "restore the file from a backup, or delete it: its events are lost then",
        )
    elif lines:
        yield Finding(
            what,
            "warning",
            f"{events:,} events; {lines:,} damaged lines are passed over",
            f"restore {folder} from a backup, if the events are missed",
        )
    else:
        yield Finding(what, "ok", f"{events:,} events")


def _blocked(path: Path) -> Iterator[Finding]:
    try:
        songs = blocklist.read(path)
    except SunorecsysError as error:
        yield Finding(
            "taken down",
            "broken",
            f"nothing is answered: {error}",
            f"restore {path}, or delete it and block the songs again",
        )
    else:
        yield Finding("taken down", "ok", f"{len(songs):,} songs")


def _kept(folder: Path) -> Iterator[Finding]:
    for kind, loss in _KEPT.items():
        files = sorted((folder / kind).glob("*.parquet"))
        broken = [file for file in files if not _is_readable(file)]
        for file in broken:
            yield Finding(
                f"landing {kind}",
                "broken",
                f"unreadable: {file.name}",
                f"restore {file} from a backup, or delete it: {loss}",
            )
        if files and not broken:
            yield Finding(f"landing {kind}", "ok", f"{len(files):,} files")


def _is_readable(file: Path) -> bool:
    try:
        _rows(file)
    except duckdb.Error:
        return False
    return True


def _last_build(folder: Path) -> Iterator[Finding]:
    try:
        build = builds.newest(folder)
    except (OSError, ValueError, pa.ArrowException):
        # named as unreadable, or by the next build
        return
    if build is not None:
        well = build["status"] == "published"
        yield Finding(
            "last build",
            "ok" if well else "warning",
            f"{build['status']} {build['started_at']:%Y-%m-%d %H:%M} UTC, "
            f"{build['seconds']:,.0f} s",
            "" if well else "sunorecsys build",
        )


def _leftovers(folder: Path) -> Iterator[Finding]:
    for path in landing.half_written(folder):
        if landing.is_being_written(path):
            detail, cure = "is being written", ""
        else:
            detail, cure = "what a killed process left", f"delete {path}"
        yield Finding(
            "half-written file",
            "warning",
            f"{path.relative_to(folder)}: {detail}",
            cure,
        )


def _scratch(project: Project) -> Iterator[Finding]:
    for path, is_used in scratch.leftovers(project):
        name = path.relative_to(project.root)
        if is_used:
            detail, cure = "an evaluation is running", ""
        else:
            detail = "what a killed evaluation left"
            cure = f"the next evaluation removes it, or delete {path}"
        yield Finding("copy of the project", "warning", f"{name}: {detail}", cure)


def _unfinished(folder: Path) -> Iterator[Finding]:
    if (folder / PENDING).exists():
        yield Finding(
            "erasure",
            "broken",
            "one has begun and was not done to its end",
            "run sunorecsys forget for that listener again",
        )


def _rows(file: Path) -> int:
    row = duckdb.execute(
        "select count(*) from read_parquet($1)", [str(file)]
    ).fetchall()
    return int(row[0][0])


def _warehouse(path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield Finding("warehouse", "ok", "none; a build makes it")
        return
    # not opened: even a reader's lock would stop a build that starts now
    with path.open("rb") as file:
        header = file.read(12)
    if header[8:] == b"DUCK":
        yield Finding("warehouse", "ok", f"{path.stat().st_size / 1e6:,.0f} MB")
    else:
        yield Finding(
            "warehouse", "broken", "no DuckDB database", f"delete {path}, then build"
        )


def _releases(project: Project) -> Iterator[Finding]:
    found = manage.list_releases(project.releases)
    with output.progress() as bar:
        # every row is read: seconds for a large release
        task = bar.add_task("Checking releases", total=None)
        damages = {}
        for one in found:
            if one.is_whole:
                bar.update(task, description=f"Checking {one.release_id}")
                damages[one.release_id] = _damage(one, lambda: bar.advance(task))
    whole = [one for one in found if one.is_whole and not damages[one.release_id]]
    for one in found:
        yield _release(one, damages.get(one.release_id), whole)
    yield from _current(project, whole, found)
    for file in release.half_written(project.releases):
        yield Finding(
            "half-written release",
            "warning",
            f"{file.name}: a build is running or was killed",
            "the next build removes it",
        )


def _damage(one: manage.Release, on_table: Callable[[], None]) -> str | None:
    """Return how the rows of a release differ from what the build wrote, if they do."""
    differing = []
    try:
        with reader.open_release(one.path) as opened:
            for table, differs in content.differing(opened):
                on_table()
                if differs:
                    differing.append(table)
    except (SunorecsysError, duckdb.Error) as error:
        return f"damaged: {first_line(error)}"
    if not differing:
        return None
    return f"damaged: the content of {', '.join(differing)} is not what was published"


def _release(
    one: manage.Release, damage: str | None, whole: list[manage.Release]
) -> Finding:
    what = f"release {one.release_id}"
    serves = ", serves" if one.serves else ""
    size = output.megabytes(one.size_bytes)
    problem = one.problem or damage
    if problem is None:
        as_of, source = one.info["as_of"], one.info["source"]
        return Finding(what, "ok", f"as of {as_of:%Y-%m-%d}, {source}, {size}{serves}")
    if one.is_of_another_version and not one.serves:
        return Finding(
            what, "warning", problem, f"delete {one.path}, or let builds remove it"
        )
    cure = f"delete {one.path}"
    if one.serves:
        # first let another one serve
        cure = f"{_another(whole)}, then delete {one.path}"
    return Finding(what, "broken", f"{problem}{serves}", cure)


def _another(whole: list[manage.Release]) -> str:
    """Return what makes a whole release serve."""
    if whole:
        return f"sunorecsys release rollback {whole[0].release_id}"
    return "sunorecsys build"


def _current(
    project: Project, whole: list[manage.Release], found: list[manage.Release]
) -> Iterator[Finding]:
    what, link = "current release", project.current_release
    if link.exists() and not link.is_symlink():
        yield Finding(
            what,
            "broken",
            f"{link.name} is no link, and would be lost in the next build",
            f"move {link} away, then {_another(whole)}",
        )
        return
    if not link.is_symlink():
        yield Finding(what, "broken", "none: nothing serves", _another(whole))
        return
    serving = next((one for one in found if one.serves), None)
    if serving is None:
        yield Finding(
            what,
            "broken",
            f"{link.name} leads to {os.readlink(link)}, which is no release here",
            _another(whole),
        )
        return
    if _newest(project.landing) > serving.path.stat().st_mtime:
        yield Finding(
            what, "warning", "older than what was ingested", "sunorecsys build"
        )
    later = [
        one.release_id
        for one in whole
        if serving.info and one.info["built_at"] > serving.info["built_at"]
    ]
    if later:
        yield Finding(
            "rolled back",
            "warning",
            f"{serving.release_id} serves, though {', '.join(later)} was built later",
            f"the next build serves again; or sunorecsys release rollback {later[0]}",
        )


def _health(project: Project) -> Iterator[Finding]:
    try:
        with reader.open_release(project.current_release) as opened:
            checks = reader.query(opened, "from health order by all")
    except (SunorecsysError, duckdb.Error):
        # the findings on releases say so
        return
    statuses = {"warn": "warning", "bad": "broken"}
    for check in checks:
        if check["status"] in statuses:
            name = " ".join(filter(None, (check["check_name"], check["subject"])))
            yield Finding(
                f"health {name}",
                statuses[check["status"]],
                f"{check['check_value']:.3g}; {check['warn_at']:g} is a warning, "
                f"{check['bad_at']:g} is bad",
                check["what_to_do"],
            )
    fine = sum(check["status"] == "ok" for check in checks)
    yield Finding("health", "ok", f"{fine} of {len(checks)} checks are fine")


def _newest(folder: Path) -> float:
    ingested = [
        file.stat().st_mtime
        for kind in landing.KINDS
        for file in (folder / kind).glob("*.parquet")
    ]
    return max(ingested, default=0.0)


def _disk(project: Project) -> Iterator[Finding]:
    for name, paths, cure in (
        ("landing", [project.landing], "keep it: all else is made from it"),
        (
            "warehouse",
            # the write-ahead log and temporary files are called after the database
            list(project.warehouse.parent.glob(f"{project.warehouse.name}*")),
            "can be deleted whenever no build runs",
        ),
        (
            "releases",
            [project.releases],
            "releases_kept in dbt_project.yml says how many stay",
        ),
        (
            "target and logs",
            [project.root / "target", project.root / "logs"],
            "can be deleted whenever no build runs",
        ),
    ):
        size = sum(_size(path) for path in paths)
        yield Finding(f"disk {name}", "ok", output.megabytes(size), cure)
    free = shutil.disk_usage(project.root).free
    enough = free > _LEAST_FREE
    yield Finding(
        "disk",
        "ok" if enough else "warning",
        f"{free / 1e9:,.1f} GB free",
        "" if enough else "free space before the next build",
    )


def _size(place: Path) -> int:
    """Return the bytes of a file or of all files of a folder.

    What vanishes meanwhile counts 0.
    """
    total = 0
    for path in (place, *place.rglob("*")):
        with suppress(OSError):
            if path.is_file() and not path.is_symlink():
                total += path.stat().st_size
    return total
