"""The releases of a project: which there are, which one serves, and going back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from sunorecsys import reader
from sunorecsys.errors import SchemaVersionError, SunorecsysError, first_line
from sunorecsys.lock import folder_lock
from sunorecsys.release import CURRENT, check, files, point_current


@dataclass(frozen=True)
class Release:
    """A release file: what it says of itself, or why it cannot be used."""

    release_id: str
    path: Path
    size_bytes: int
    serves: bool
    # the row of build_info; empty if it cannot be read
    info: dict[str, Any]
    # why it cannot serve; None if it can
    problem: str | None
    is_of_another_version: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether it opens with our schema version and every macro answers."""
        return self.problem is None

    @property
    def age(self) -> tuple[datetime, datetime]:
        """What releases are ordered by: as_of, then the time of the build."""
        return self.info["as_of"], self.info["built_at"]


def list_releases(folder: Path) -> list[Release]:
    """Return every release of a folder: whole ones first, the newest before others."""
    # read once: the link may move meanwhile
    target = _target(folder)
    looked_at = [_look_at(path, path.resolve() == target) for path in files(folder)]
    # a build may have removed one meanwhile
    found = [release for release in looked_at if release.path.exists()]
    whole = sorted(
        (release for release in found if release.is_whole),
        key=lambda release: (release.age, release.release_id),
        reverse=True,
    )
    broken = sorted(
        (release for release in found if not release.is_whole),
        key=lambda release: release.release_id,
        reverse=True,
    )
    return whole + broken


def _target(folder: Path) -> Path | None:
    try:
        return (folder / CURRENT).resolve()
    except (OSError, RuntimeError):
        # the link leads to itself
        return None


def _look_at(path: Path, serves: bool) -> Release:
    info: dict[str, Any] = {}
    problem, other_version, size = None, False, 0
    try:
        size = path.stat().st_size
        with reader.open_release(path) as opened:
            (info,) = reader.query(opened, "from build_info")
            check(opened)
        if info["release_id"] != path.stem:
            problem = f"It holds the release {info['release_id']}, not {path.stem}."
    except (SunorecsysError, duckdb.Error, OSError) as error:
        problem = first_line(error)
        other_version = isinstance(error, SchemaVersionError)
    return Release(path.stem, path, size, serves, info, problem, other_version)


def find(releases: Sequence[Release], release_id: str) -> Release:
    """Return the release of this name.

    Raises:
        SunorecsysError: there is none.
    """
    for release in releases:
        if release.release_id == release_id:
            return release
    names = ", ".join(release.release_id for release in releases) or "none"
    raise SunorecsysError(f"No release {release_id[:200]!r}. There are: {names}.")


def serving(releases: Sequence[Release]) -> Release:
    """Return the release that serves.

    Raises:
        SunorecsysError: none does.
    """
    for release in releases:
        if release.serves:
            return release
    if not releases:
        raise SunorecsysError('There is no release yet. Run "sunorecsys build" first.')
    raise SunorecsysError(
        f"{CURRENT} leads to no release, so none serves. Name one to go back to it: "
        f"sunorecsys release rollback {releases[0].release_id}"
    )


def before(releases: Sequence[Release], release: Release) -> Release:
    """Return the newest whole release that is older than this one.

    Raises:
        SunorecsysError: there is none, or this one is broken and has no age.
    """
    if not release.info:
        raise SunorecsysError(
            f"{release.release_id} cannot be read, so which release came before it is "
            'not known. Name one of "sunorecsys release list".'
        )
    for other in releases:
        if other.is_whole and other.age < release.age:
            return other
    others = [other.release_id for other in releases if other is not release]
    cure = 'The next one comes with the next "sunorecsys build".'
    if others:
        cure = f"Name the one you mean; there are: {', '.join(others)}."
    raise SunorecsysError(f"There is no release before {release.release_id}. {cure}")


def usable(release: Release) -> Release:
    """Return the release if it can serve.

    Raises:
        SunorecsysError: it is broken, or of another schema version.
    """
    if release.problem is not None:
        raise SunorecsysError(
            f"The release {release.release_id} cannot be used: {release.problem}"
        )
    return release


@dataclass(frozen=True)
class Rollback:
    """What served before, if anything did, and what serves now."""

    left: Release | None
    now: Release

    @property
    def moved(self) -> bool:
        """Whether another release serves than before."""
        return self.left is None or self.left.release_id != self.now.release_id


def roll_back(folder: Path, release_id: str | None = None) -> Rollback:
    """Let an earlier release serve, after checking that it is whole.

    Args:
        folder: the folder of releases.
        release_id: what is to serve; None: the release before the one that serves.

    Raises:
        SunorecsysError: there is no such release, it is broken, or the link cannot be
            moved. What served before still serves.
    """
    if not folder.is_dir():
        raise SunorecsysError('There is no release yet. Run "sunorecsys build" first.')
    link = folder / CURRENT
    try:
        # a build that ends now must not remove the target between check and move
        with folder_lock(folder):
            if link.exists() and not link.is_symlink():
                raise SunorecsysError(
                    f"{link} is no link, and would be lost. Move it away, then try "
                    "again."
                )
            releases = list_releases(folder)
            if release_id is None:
                target = before(releases, serving(releases))
            else:
                target = usable(find(releases, release_id))
            left = next((release for release in releases if release.serves), None)
            result = Rollback(left, target)
            if result.moved:
                point_current(folder, target.path)
    except OSError as error:
        raise SunorecsysError(
            f"{link} cannot be moved: {error.strerror}. What served before still "
            "serves. Make the folder writable, then try again."
        ) from error
    return result


def settings(path: Path) -> tuple[dict[str, Any], reader.Rows]:
    """Return build_settings of a release, and the weights of the variants in use.

    Raises:
        SunorecsysError: the release cannot be read.
    """
    with reader.open_release(path) as opened:
        (row,) = reader.query(opened, "from build_settings")
        weights = reader.query(
            opened,
            """
            select
                channel_weights.variant,
                channel_weights.history_stage,
                channel_weights.channel,
                channel_weights.weight
            from channel_weights
            semi join (
                select variant from build_settings
                union
                select variant from listeners
            ) using (variant)
            order by variant, history_stage, channel
            """,
        )
    return row, weights
