"""One build at a time: a lock that ends with the process that holds it.

DuckDB's own lock on the warehouse is not enough, because dbt opens and closes the file
between the steps of a build, and a second build that comes in between makes the first
one fail.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from sunorecsys.errors import SunorecsysError

FILE = ".build.lock"

_guard = threading.RLock()
# by folder: the open file that carries the lock, and how often it was taken
_held: dict[Path, tuple[int, int]] = {}


@contextmanager
def build_lock(project_root: Path, what: str = "build") -> Iterator[None]:
    """Hold the right to build a project; within a process it can be held repeatedly.

    Args:
        project_root: the project.
        what: one word that others are told: who holds it does this.

    Raises:
        SunorecsysError: another process builds, or the lock cannot be written.
    """
    folder = (project_root / "releases").resolve()
    _take(folder, what)
    try:
        yield
    finally:
        _give_back(folder)


def keep_build_lock(project_root: Path) -> None:
    """Hold the right to build for the life of this process, unless it holds it now.

    Raises:
        SunorecsysError: another process builds, or the lock cannot be written.
    """
    folder = (project_root / "releases").resolve()
    with _guard:
        if folder not in _held:
            _take(folder, "build")


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Wait for the right to change what a folder has one of, and hold it.

    In the folder of releases it is which one serves, in landing it is the audit. The
    folder itself carries the lock, so nothing is written.

    Raises:
        OSError: there is no such folder.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def holder(releases: Path) -> tuple[str, datetime] | None:
    """Return what holds the right to build in this folder, and since when (UTC).

    It looks without locking, so that a build that starts now is not refused. A killed
    build leaves its name, so a process that got its number later looks like one.
    """
    try:
        number, since, what = (releases / FILE).read_text("ascii").split()
        begun = datetime.strptime(since, "%Y-%m-%dT%H:%M:%SZ")
        # a process of somebody else lives too
        with suppress(PermissionError):
            os.kill(int(number), 0)
    except (OSError, ValueError, OverflowError):
        return None
    return what, begun


def _take(folder: Path, what: str) -> None:
    with _guard:
        opened, times = _held.get(folder, (-1, 0))
        if not times:
            opened = _open_locked(folder, what)
        _held[folder] = opened, times + 1


def _give_back(folder: Path) -> None:
    with _guard:
        opened, times = _held.pop(folder)
        if times > 1:
            _held[folder] = opened, times - 1
            return
        # the file stays: who removes it may remove the lock of somebody else
        with suppress(OSError):
            os.ftruncate(opened, 0)
        os.close(opened)


def _open_locked(folder: Path, what: str) -> int:
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise SunorecsysError(
            f"No build can start, because {path} cannot be written: {error.strerror}. "
            "Make the folder writable, then try again."
        ) from error
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(opened, 100, 0).decode("ascii", "replace").split()
        os.close(opened)
        who, doing = "", "build"
        if len(holder) == 3:
            who, doing = f" (process {holder[0]}, since {holder[1]})", holder[2]
        raise SunorecsysError(
            f"Another {doing} is running{who}. Wait for it to finish, then try again."
        ) from error
    except OSError as error:
        os.close(opened)
        raise SunorecsysError(
            f"No build can start, because {path} cannot be locked: {error.strerror}. "
            "Keep the project on a disk that has file locks."
        ) from error
    _write_holder(opened, what)
    return opened


def _write_holder(opened: int, what: str) -> None:
    # only for the message that others get, so a full disk does not matter
    with suppress(OSError):
        os.ftruncate(opened, 0)
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        os.pwrite(opened, f"{os.getpid()} {now} {what}\n".encode(), 0)
