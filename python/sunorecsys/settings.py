"""Files of settings: variables of dbt, as ``sunorecsys tune`` writes them.

``dbt build --vars "$(cat settings/tuned.yml)"`` takes the same file.
"""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sunorecsys.errors import SunorecsysError, first_line
from sunorecsys.landing import replacing
from sunorecsys.project import Project


def file_of(project: Project, variant: str) -> Path:
    """Return where the settings that were learned with a variant lie."""
    return project.root / "settings" / f"{variant}.yml"


def read(project: Project, path: Path | None) -> dict[str, Any]:
    """Return the variables of a file; none without one.

    Raises:
        SunorecsysError: it cannot be read, is no mapping, or names a variable that the
            project does not have.
    """
    if path is None:
        return {}
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SunorecsysError(
            f"{path} cannot be read: {first_line(error)} Give a file of settings, such "
            'as "sunorecsys tune" writes.'
        ) from error
    if not isinstance(found, dict):
        raise SunorecsysError(
            f"{path} holds no settings; write one variable and its value to a line, "
            "such as last_n: 50."
        )
    known = project.variables()
    for name in found:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise SunorecsysError(
                f"{path} sets {name}, which dbt_project.yml does not have.{meant}"
            )
    return found


def write(path: Path, variables: Mapping[str, Any], *, comment: str) -> None:
    """Write variables to a file, in the order of their names.

    Raises:
        SunorecsysError: the disk refuses.
    """
    lines = [f"# {line}" for line in comment.splitlines()]
    lines.append(yaml.safe_dump(dict(variables), sort_keys=True))
    try:
        with replacing(path) as aside:
            aside.write_text("\n".join(lines), encoding="utf-8")
    except OSError as error:
        raise SunorecsysError(
            f"{path} cannot be written: {error.strerror or error}. Free space, or make "
            "the folder writable."
        ) from error
