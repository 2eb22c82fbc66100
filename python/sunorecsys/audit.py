"""What operators did to the data: ``landing/audit.jsonl``, one line per act.

It outlives what was erased, so it never holds the id of a forgotten listener, nor
anything made from it.
"""

import fcntl
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sunorecsys.errors import SunorecsysError
from sunorecsys.landing import sync

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
        with path.open("ab+", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
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
