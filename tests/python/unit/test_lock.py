"""One build at a time, whatever becomes of the one that holds the lock."""

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sunorecsys import lock
from sunorecsys.errors import SunorecsysError
from sunorecsys.lock import build_lock, folder_lock, keep_build_lock

HOLD = """
import sys
from pathlib import Path
from sunorecsys import lock
with lock.build_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""

KEEP = """
import sys
from pathlib import Path
from sunorecsys import lock
lock.keep_build_lock(Path(sys.argv[1]))
lock.keep_build_lock(Path(sys.argv[1]))
with lock.build_lock(Path(sys.argv[1])):
    pass
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path):
    """Start a process that holds the lock of a folder until it reads a line."""
    started = []

    def start(program=HOLD):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("program", [HOLD, KEEP])
def test_another_process_is_told_who_builds_since_when(holder, tmp_path, program):
    process = holder(program)
    today = datetime.now(UTC)
    with pytest.raises(SunorecsysError) as raised, build_lock(tmp_path):
        pass
    assert str(raised.value).startswith(
        f"Another build is running (process {process.pid}, since {today:%Y-}"
    )
    assert str(raised.value).endswith("Wait for it to finish, then try again.")
    process.communicate("\n")
    with build_lock(tmp_path):
        pass


def test_who_holds_the_lock_is_seen_without_taking_it(holder, tmp_path):
    assert lock.holder(tmp_path / "releases") is None
    process = holder()
    what, since = lock.holder(tmp_path / "releases")
    assert what == "build"
    assert abs((datetime.now(UTC).replace(tzinfo=None) - since).total_seconds()) < 60
    process.kill()
    process.wait()
    assert lock.holder(tmp_path / "releases") is None


def test_a_killed_process_leaves_no_lock(holder, tmp_path):
    process = holder()
    process.kill()
    process.communicate()
    with build_lock(tmp_path):
        held = (tmp_path / "releases" / lock.FILE).read_text()
    assert held.split()[0] == str(os.getpid())


def test_within_a_process_it_is_held_until_the_last_one_ends(holder, tmp_path):
    with build_lock(tmp_path):
        with build_lock(tmp_path / "releases" / ".."):
            keep_build_lock(tmp_path)
        other = subprocess.run(
            [sys.executable, "-c", HOLD, str(tmp_path)], capture_output=True, text=True
        )
        assert other.returncode == 1
        assert f"(process {os.getpid()}, since " in other.stderr
    holder()


def test_an_error_gives_the_lock_back(holder, tmp_path):
    with pytest.raises(KeyError), build_lock(tmp_path):
        raise KeyError
    holder()


def test_two_projects_build_at_the_same_time(holder, tmp_path):
    holder()
    with build_lock(tmp_path / "another"):
        pass


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_lock_that_cannot_be_written_is_an_error(tmp_path, kind):
    (tmp_path / "precious").write_text("precious")
    if kind == "file":
        (tmp_path / "releases").write_text("")
    else:
        (tmp_path / "releases").mkdir()
        path = tmp_path / "releases" / lock.FILE
        path.mkdir() if kind == "folder" else path.symlink_to("../precious")
    with (
        pytest.raises(SunorecsysError, match=r"cannot be written.*Make the folder"),
        build_lock(tmp_path),
    ):
        pass
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_read_only_folder_is_an_error(tmp_path):
    folder = tmp_path
    (tmp_path / "releases").mkdir(mode=0o555)
    if os.geteuid() == 0:
        # root may write everywhere but where the kernel refuses it
        folder = Path("/sys")
    with (
        pytest.raises(SunorecsysError, match=r"cannot be written: .*Make the folder"),
        build_lock(folder),
    ):
        pass


def test_the_lock_of_a_folder_waits_and_leaves_nothing(tmp_path):
    order = []

    def second():
        with folder_lock(tmp_path):
            order.append("second")

    with folder_lock(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    assert list(tmp_path.iterdir()) == []
