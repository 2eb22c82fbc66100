"""What happens to every request: a limit, an id, a line in the log, and a measure."""

import asyncio
import json
import logging
import re
import sys
import time
import traceback
import uuid
from datetime import UTC, datetime
from typing import Any

from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]

log = logging.getLogger("sunorecsys.api")


def log_to_stderr() -> None:
    """Write the log to stderr, a JSON document per line."""
    if not log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False


class Limit:
    """Answers 413 to what is too large, whether or not it says so beforehand."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        """Let at most ``max_bytes`` of a body through."""
        self._app = app
        self._max = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what comes in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        too_large = HTTPException(
            413, f"The request is larger than {self._max:,} bytes. Send less at once."
        )
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        is_large = declared.isdigit() and int(declared[:20]) > self._max
        received = 0

        async def counted() -> Message:
            nonlocal received
            if is_large:
                raise too_large
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max:
                raise too_large
            return message

        await self._app(scope, counted, send)


# a stranger may call a method by any name, and each name would be a series for ever
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Observe:
    """Gives a request its id, logs and measures it, and answers what went wrong.

    The log holds the template of the route, never the path or the query: those name
    listeners.
    """

    def __init__(self, app: ASGIApp, *, requests: Counter, seconds: Histogram) -> None:
        """Count into ``requests`` and measure into ``seconds``."""
        self._app = app
        self._requests = requests
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Watch one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex.encode()
        started = time.perf_counter()
        status, size = 0, 0

        async def watched(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    *_HEADERS,
                    (b"x-request-id", request_id),
                ]
            size += len(message.get("body", b""))
            await send(message)

        trouble: str | None = None
        try:
            await self._app(scope, receive, watched)
        except asyncio.CancelledError:
            # the server stops, and this request has not ended in time
            if status == 0:
                await _answer(watched, 503, {"detail": "This server stops. Ask again."})
        except Exception:
            trouble = traceback.format_exc()
            if status == 0:
                said = "Something went wrong here; the log says what, under this id."
                body = {"detail": said, "request_id": request_id.decode()}
                await _answer(watched, 500, body)
        route = getattr(scope.get("route"), "path_format", None)
        # scripts and styles have no route but a folder, which their path begins with
        root = scope.get("root_path", "")
        folder = root.removeprefix(scope.get("app_root_path", root))
        route = route or getattr(scope.get("route"), "path", folder or "unmatched")
        seconds = time.perf_counter() - started
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        line: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": "error" if trouble else "info",
            "request_id": request_id.decode(),
            "method": scope["method"],
            "route": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 2),
            "bytes": size,
        }
        if trouble:
            line["traceback"] = trouble
        log.log(logging.ERROR if trouble else logging.INFO, json.dumps(line))


async def _answer(send: Send, status: int, body: dict[str, str]) -> None:
    content = json.dumps(body).encode()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(content)).encode()),
            ],
        }
    )
    await send({"type": "http.response.body", "body": content})
