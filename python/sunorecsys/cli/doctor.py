"""``sunorecsys doctor``: what is installed, stale, full or broken, and the cure."""

import platform
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import duckdb
import typer

from sunorecsys import landing, reader, release
from sunorecsys.cli import output
from sunorecsys.cli.options import Json, ProjectDir
from sunorecsys.errors import SunorecsysError
from sunorecsys.project import Project

_LEAST_FREE = 2_000_000_000


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    # ok, warning or broken
    status: str
    detail: str
    cure: str = ""


def doctor(as_json: Json = False, project_dir: ProjectDir = None) -> None:
    """Check the installation, the data and the releases, and name the cure.

    Example: sunorecsys doctor
    """
    project = Project.find(project_dir)
    findings = [
        *_installed(),
        *_landed(project.landing),
        *_leftovers(project.landing),
        *_warehouse(project.warehouse),
        *_releases(project),
        *_disk(project),
    ]
    if as_json:
        output.emit_json({"findings": [asdict(finding) for finding in findings]})
    else:
        table = output.table(f"{project.root}")
        for column in ("", "what", "finding", "cure"):
            table.add_column(column)
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
    for kind in (*landing.KINDS, "rejects"):
        files = sorted((folder / kind).glob("*.parquet"))
        if not files:
            status = "ok"
            detail = "nothing ingested" if kind != "rejects" else "no row was refused"
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
                "delete the file and ingest its source again",
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


def _leftovers(folder: Path) -> Iterator[Finding]:
    for file in sorted(folder.glob("*/.*.parquet-*")):
        yield Finding(
            "half-written file",
            "warning",
            f"{file.parent.name}/{file.name}: an ingest is running or was killed",
            f"if none is running, delete {file}",
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
    current = project.current_release
    for file in release.files(project.releases):
        try:
            with reader.open_release(file) as opened:
                release.check(opened)
                info = reader.query(opened, "select as_of, source from build_info")[0]
        except (SunorecsysError, duckdb.Error) as error:
            yield Finding(
                f"release {file.stem}",
                "broken",
                str(error).splitlines()[0],
                f"delete {file}, then build",
            )
            continue
        serves = ", serves" if current.resolve() == file.resolve() else ""
        yield Finding(
            f"release {file.stem}",
            "ok",
            f"as of {info['as_of']:%Y-%m-%d}, {info['source']}, "
            f"{file.stat().st_size / 1e6:,.0f} MB{serves}",
        )
    if not current.exists():
        yield Finding(
            "current release", "broken", "none: nothing serves", "sunorecsys build"
        )
    elif _newest(project.landing) > current.stat().st_mtime:
        yield Finding(
            "current release",
            "warning",
            "older than what was ingested",
            "sunorecsys build",
        )
    for file in release.half_written(project.releases):
        yield Finding(
            "half-written release",
            "warning",
            f"{file.name}: a build is running or was killed",
            "the next build removes it",
        )


def _newest(folder: Path) -> float:
    ingested = [
        file.stat().st_mtime
        for kind in landing.KINDS
        for file in (folder / kind).glob("*.parquet")
    ]
    return max(ingested, default=0.0)


def _disk(project: Project) -> Iterator[Finding]:
    free = shutil.disk_usage(project.root).free
    enough = free > _LEAST_FREE
    yield Finding(
        "disk",
        "ok" if enough else "warning",
        f"{free / 1e9:,.1f} GB free",
        "" if enough else "free space before the next build",
    )
