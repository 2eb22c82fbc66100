"""Answers that are kept as they were sent, as long as they are true."""

import threading
from collections import OrderedDict


class Cache:
    """The answers asked for last, up to a number of bytes. Thread-safe.

    A key holds the tag of the release and of what happened since, so what is outdated
    is never found, and is pushed out by what is asked for.
    """

    def __init__(self, max_bytes: int) -> None:
        """Keep at most ``max_bytes`` of answers."""
        self._max = max_bytes
        self._size = 0
        self._answers: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """Return an answer, or None."""
        with self._lock:
            answer = self._answers.get(key)
            if answer is not None:
                self._answers.move_to_end(key)
            return answer

    def put(self, key: str, answer: bytes) -> None:
        """Keep an answer."""
        with self._lock:
            self._size += len(answer) - len(self._answers.pop(key, b""))
            self._answers[key] = answer
            while self._size > self._max:
                _, dropped = self._answers.popitem(last=False)
                self._size -= len(dropped)
