"""Where a project keeps its files."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sunorecsys.errors import SunorecsysError, first_line

VARIABLE = "SUNORECSYS_PROJECT_DIR"


def _is_project(folder: Path) -> bool:
    settings = folder / "dbt_project.yml"
    if not settings.is_file():
        return False
    lines = settings.read_text(encoding="utf-8", errors="replace").splitlines()
    return any(line.split("#")[0].strip() == "name: sunorecsys" for line in lines)


@dataclass(frozen=True)
class Project:
    """The folder that holds ``dbt_project.yml``, and the folders beside it."""

    root: Path

    @classmethod
    def find(cls, path: Path | None = None) -> "Project":
        """Return the project at ``path``, at SUNORECSYS_PROJECT_DIR or above here.

        Raises:
            SunorecsysError: no project lies there.
        """
        named = path or os.environ.get(VARIABLE)
        if named:
            root = Path(named).expanduser().resolve()
            if _is_project(root):
                return cls(root)
            raise SunorecsysError(
                f"No sunorecsys project in {root}: it has no dbt_project.yml named "
                "sunorecsys. Pass the folder you cloned as --project-dir."
            )
        here = Path.cwd().resolve()
        for folder in (here, *here.parents):
            if _is_project(folder):
                return cls(folder)
        raise SunorecsysError(
            f"No sunorecsys project in {here} or above. Change to the folder you "
            f"cloned, pass it as --project-dir, or set {VARIABLE}."
        )

    def variables(self) -> dict[str, Any]:
        """Return the variables of ``dbt_project.yml``, without those of a call.

        Raises:
            SunorecsysError: the file cannot be read.
        """
        path = self.root / "dbt_project.yml"
        try:
            settings = yaml.safe_load(path.read_text(encoding="utf-8"))
            return dict(settings.get("vars") or {})
        except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
            raise SunorecsysError(
                f"{path} cannot be read: {first_line(error)} Mend it."
            ) from error

    @property
    def landing(self) -> Path:
        """What was ingested, and served: the only state that must be kept."""
        return self.root / "landing"

    @property
    def feedback(self) -> Path:
        """What listeners told the server, by the day of receipt."""
        return self.landing / "feedback"

    @property
    def blocked(self) -> Path:
        """The songs that were taken down."""
        return self.landing / "blocked" / "songs.parquet"

    @property
    def warehouse(self) -> Path:
        """The database of the build; it can be deleted at any time."""
        name = os.environ.get("SUNORECSYS_WAREHOUSE", "warehouse/sunorecsys.duckdb")
        return self.root / name

    @property
    def releases(self) -> Path:
        """What readers see."""
        return self.root / "releases"

    @property
    def current_release(self) -> Path:
        """The link to the release that serves."""
        return self.releases / "current.duckdb"
