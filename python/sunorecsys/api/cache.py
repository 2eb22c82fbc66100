"""Answers that are kept as they were sent, as long as they are true."""

import hashlib
import threading
from collections import OrderedDict
from typing import Any


class Cache:
    """The answers asked for last, up to a number of bytes. Thread-safe.

    A key holds the tag of the release and of what happened since, so what is outdated
    is never found, and is pushed out by what is asked for.
    """

    def __init__(self, max_bytes: int) -> None:
        """Keep at most ``max_bytes`` of answers."""
        self._max = max_bytes
        self._size = 0
        self._answers: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[Any, ...]) -> bytes | None:
        """Return an answer, or None."""
        place = _short(key)
        with self._lock:
            answer = self._answers.get(place)
            if answer is not None:
                self._answers.move_to_end(place)
            return answer

    def put(self, key: tuple[Any, ...], answer: bytes) -> None:
        """Keep an answer."""
        place = _short(key)
        with self._lock:
            self._size += len(answer) - len(self._answers.pop(place, b""))
            self._answers[place] = answer
            while self._size > self._max:
                _, dropped = self._answers.popitem(last=False)
                self._size -= len(dropped)


def _short(key: tuple[Any, ...]) -> bytes:
    """Return a key in 32 bytes: a question of 1,000 ids is longer than its answer."""
    return hashlib.sha256(repr(key).encode("utf-8", "surrogatepass")).digest()
