"""A copy of the project to build other days and other settings in.

It reads the landing of the project through links, and writes its own warehouse and its
own served lists, so whatever happens in it, or to it, the project stays as it is.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pyarrow import csv

from sunorecsys.landing import KINDS, SCHEMAS, is_being_written
from sunorecsys.lock import FILE, build_lock
from sunorecsys.project import Project

_PREFIX = ".scratch-"
_PARTS = ("dbt_project.yml", "profiles.yml", "models", "macros", "seeds")
_FOR_READERS = ("data_tests", "description")
_WAREHOUSE = "SUNORECSYS_WAREHOUSE"


@contextmanager
def scratch_project(project: Project, source: str) -> Iterator[Project]:
    """Yield a copy of a project with its data, that lives as long as the block.

    The caller holds the project's build lock. What a killed process left goes first.

    Args:
        project: what is copied.
        source: landing, or sample, whose rows are then landed in the copy, because
            only a build of landing reads served lists.
    """
    with empty_project(project) as copy:
        if source == "landing":
            linked = [*KINDS, "quality", "feedback", "blocked", "embeddings"]
        else:
            linked = ["blocked", "embeddings"]
            _land_sample(copy)
        for kind in linked:
            if (project.landing / kind).is_dir():
                (copy.landing / kind).symlink_to(project.landing / kind)
        yield copy


@contextmanager
def empty_project(project: Project) -> Iterator[Project]:
    """Yield a copy of a project without data, and with a warehouse of its own.

    The caller holds the project's build lock. What a killed process left goes first.
    There may be several copies; `own_warehouse` says which of them is built.
    """
    remove_leftovers(project)
    target = project.root / "target"
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target, prefix=_PREFIX) as name:
        copy = Project(Path(name).resolve())
        # its lock says that it is in use
        with build_lock(copy.root), own_warehouse(copy):
            for part in _PARTS:
                found = project.root / part
                if found.is_dir():
                    # no data changes how a unit test ends
                    skipped = shutil.ignore_patterns("*__unit_tests.yml", "*.md")
                    shutil.copytree(
                        found, copy.root / part, ignore=skipped, copy_function=_copy
                    )
                else:
                    shutil.copy(found, copy.root / part)
            copy.landing.mkdir()
            yield copy


def _copy(source: str, target: str) -> None:
    """Copy a file, of the properties of models only what a build without tests needs.

    Tests and descriptions are half of what dbt parses, again for each trial.
    """
    if not source.endswith(".yml"):
        shutil.copy(source, target)
        return
    properties = yaml.safe_load(Path(source).read_text(encoding="utf-8"))
    Path(target).write_text(
        yaml.safe_dump(_bare(properties), sort_keys=False), encoding="utf-8"
    )


def _bare(properties: Any) -> Any:
    if isinstance(properties, dict):
        return {
            name: _bare(value)
            for name, value in properties.items()
            if name not in _FOR_READERS
        }
    if isinstance(properties, list):
        return [_bare(value) for value in properties]
    return properties


def leftovers(project: Project) -> list[tuple[Path, bool]]:
    """Return the copies that there are, and whether a process is in them."""
    found = sorted((project.root / "target").glob(f"{_PREFIX}*"))
    return [(path, is_being_written(path / "releases" / FILE)) for path in found]


def remove_leftovers(project: Project) -> None:
    """Remove what killed processes left; the caller holds the project's build lock."""
    for path, is_used in leftovers(project):
        if not is_used:
            shutil.rmtree(path, ignore_errors=True)


def _land_sample(copy: Project) -> None:
    for kind in KINDS:
        types = {field.name: field.type for field in SCHEMAS[kind]}
        rows = csv.read_csv(
            copy.root / "seeds" / "sample" / f"sample_{kind}.csv",
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=types, null_values=[""], strings_can_be_null=True
            ),
        )
        for name, type_ in types.items():
            if name not in rows.column_names:
                rows = rows.append_column(name, pa.nulls(len(rows), type_))
        (copy.landing / kind).mkdir()
        pq.write_table(rows.select(list(types)), copy.landing / kind / "sample.parquet")


@contextmanager
def own_warehouse(copy: Project) -> Iterator[None]:
    """Build and read this copy in the database of its own, whatever was named."""
    before = os.environ.get(_WAREHOUSE)
    os.environ[_WAREHOUSE] = str(copy.root / "warehouse" / "sunorecsys.duckdb")
    try:
        yield
    finally:
        del os.environ[_WAREHOUSE]
        if before is not None:
            os.environ[_WAREHOUSE] = before
