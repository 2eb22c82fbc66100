"""What operators did to the data: ``landing/audit.jsonl``, one line per act.

It outlives what was erased, so it never holds the id of a forgotten listener, nor
anything made from it.
"""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sunorecsys.errors import SunorecsysError
from sunorecsys.landing import replacing, sync
from sunorecsys.lock import folder_lock

FILE = "audit.jsonl"


def record(landing: Path, action: str, **details: Any) -> None:
    """Append what was done; when this returns, the disk has it.

    Args:
        landing: the landing folder; it is made if it does not exist.
        action: a verb, such as block.
        details: what JSON can hold.

    Raises:
        SunorecsysError: the disk refused. What was done stays done.
    """
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    line = json.dumps({"at": now, "action": action, **details}, ensure_ascii=False)
    path = landing / FILE
    try:
        landing.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        with folder_lock(landing), path.open("ab+", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            # half a line of a killed process stays a line of its own
            file.seek(max(size - 1, 0))
            lead = b"" if file.read(1) in (b"", b"\n") else b"\n"
            file.write(lead + line.encode("utf-8", "replace") + b"\n")
            os.fsync(file.fileno())
        if is_new:
            sync(landing)
    except OSError as error:
        raise SunorecsysError(
            f"It is done, but {path} could not be written: {error.strerror or error}. "
            "Free space, and note by hand what was done."
        ) from error


def withdraw_reasons(landing: Path, pattern: re.Pattern[bytes]) -> int:
    """Write the reasons that hold a pattern anew as nothing, and return how many."""
    path = landing / FILE
    if not path.exists():
        return 0
    with folder_lock(landing):
        lines = path.read_bytes().splitlines(keepends=True)
        found = [has_reason(line, pattern) for line in lines]
        if any(found):
            with replacing(path) as aside:
                aside.write_bytes(b"".join(map(_without_reason, lines, found)))
    return sum(found)


def has_reason(line: bytes, pattern: re.Pattern[bytes]) -> bool:
    """Whether the reason of an act holds a pattern."""
    try:
        reason = json.loads(line)["reason"]
        return isinstance(reason, str) and bool(pattern.search(reason.encode()))
    except (ValueError, KeyError, TypeError):
        return False


def _without_reason(line: bytes, is_meant: bool) -> bytes:
    if not is_meant:
        return line
    act = json.loads(line) | {"reason": None}
    return json.dumps(act, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
