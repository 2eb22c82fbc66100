"""How long answers take, in one process and over HTTP.

    python python/benchmarks/serving.py --plays 1000000
    python python/benchmarks/serving.py --project DIR

Simulates and builds as weekly_build.py does, or takes a project that is built. Asks
for random listeners and songs, drawn with seed 42, after a warm-up of others. In one
process: milliseconds of one call after the other, through the service that Python, the
command line and REST share, or as SQL on a connection of its own with the settings
that DuckDB has by itself. Over HTTP: `sunorecsys serve` and clients with connections
kept alive, on this machine, for stored lists that are each asked for once, and for a
hundred of them that are asked for again and again. Prints tables; --json FILE keeps
every number.
"""

import argparse
import asyncio
import json
import random
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from weekly_build import SUNORECSYS, built, machine, simulated

from sunorecsys import reader
from sunorecsys.project import Project
from sunorecsys.serving import Service

LISTED = 30
SEEDS = 5
# listeners whose lists are asked for again and again
REPEATED = 100


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--plays", type=int, help="simulate this many, and build")
    given.add_argument("--project", type=Path, help="folder of a built project")
    parser.add_argument("--calls", type=int, default=1000, help="of a question")
    parser.add_argument("--requests", type=int, default=10_000, help="of a run")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--json", type=Path, help="file for every number")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = arguments.project
        if root is None:
            root = Path(folder)
            simulated(root, arguments.plays)
            built(root)
        document = measured(
            Project.find(root),
            calls=arguments.calls,
            requests=arguments.requests,
            connections=arguments.connections,
        )
    show(document)
    if arguments.json:
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")


def measured(
    project: Project, *, calls: int, requests: int, connections: int
) -> dict[str, Any]:
    """Return every number of a built project."""
    dice = random.Random(42)  # noqa: S311
    with reader.open_release(project.current_release) as release:
        listeners = shuffled(release, "user_id", "listeners", dice)
        songs = shuffled(release, "song_id", "songs where not is_hidden", dice)
        size = {
            "listeners": len(listeners),
            "songs": len(songs),
            "recommendations": release.execute(
                "select count(*) from recommendations"
            ).fetchall()[0][0],
        }
    return {
        "machine": machine(),
        "release": size,
        "in_process": in_process(project, listeners, songs, calls),
        "rest": over_http(project, listeners, requests, connections),
    }


def shuffled(release: Any, column: str, table: str, dice: random.Random) -> list[str]:
    """Return all ids of a table in a random order."""
    rows = release.execute(f"select {column} from {table} order by all").fetchall()  # noqa: S608
    found = [value for (value,) in rows]
    dice.shuffle(found)
    return found


def in_process(
    project: Project, listeners: Sequence[str], songs: Sequence[str], calls: int
) -> list[dict[str, Any]]:
    """Return what each question takes, asked one at a time."""
    service = Service.of(project)

    def user(number: int) -> str:
        return listeners[number % len(listeners)]

    def song(number: int) -> str:
        return songs[number % len(songs)]

    def seeds(number: int) -> list[str]:
        return [song(SEEDS * number + place) for place in range(SEEDS)]

    def sql(text: str, *values: Any) -> list[tuple[Any, ...]]:
        with service.view() as view:
            return view.sql().execute(text, values).fetchall()

    def asked(method: str, *values: Any) -> Any:
        with service.view() as view:
            return getattr(view, method)(*values)

    runs = []
    with reader.open_release(project.current_release) as release:

        def alone(text: str, *values: Any) -> list[tuple[Any, ...]]:
            return release.execute(text, values).fetchall()

        questions: dict[str, Callable[[int], Any]] = {
            "recommend(user)": lambda i: asked("recommend", user(i), LISTED),
            "recommend(user), SQL alone": lambda i: alone("from recommend(?)", user(i)),
            "recommend_from(5 songs)": lambda i: asked(
                "recommend_from", seeds(i), LISTED
            ),
            "recommend_from(5 songs), SQL alone": lambda i: alone(
                "from recommend_from(?)", seeds(i)
            ),
            "similar(song)": lambda i: asked("similar", song(i), 10, "blended"),
            "explain(user, song)": lambda i: asked("explain", user(i), song(i)),
            "why_not(user, song)": lambda i: asked("why_not", user(i), song(i)),
            "reblend(user)": lambda i: sql(
                "from reblend(?, content := ?)", user(i), 0.01 * (i % 100)
            ),
            "playlist(user)": lambda i: sql("from playlist(?)", user(i)),
        }
        for name, question in questions.items():
            runs.append({"question": name} | timed(question, calls))
    service.close()
    return runs


def timed(question: Callable[[int], Any], calls: int) -> dict[str, Any]:
    """Ask a tenth as often as a warm-up, about others, and then measure."""
    for number in range(calls, calls + max(calls // 10, 1)):
        question(number)
    seconds = []
    for number in range(calls):
        started = time.perf_counter()
        question(number)
        seconds.append(time.perf_counter() - started)
    return {"calls": calls} | milliseconds(seconds)


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """Return percentiles, as the value that at least so many do not exceed."""
    in_order = sorted(seconds)

    def percentile(share: int) -> float:
        place = -(-len(in_order) * share // 100)
        return round(in_order[max(place, 1) - 1] * 1000, 2)

    shares = {"p50": 50, "p90": 90, "p99": 99, "max": 100}
    return {name: percentile(share) for name, share in shares.items()}


def over_http(
    project: Project, listeners: Sequence[str], requests: int, connections: int
) -> list[dict[str, Any]]:
    """Return requests a second and their latency, of a server of its own."""
    lists = [f"/recommend?user_id={quote(user, safe='')}" for user in listeners]
    # what the warm-up asks for is not asked for again
    warm, fresh = lists[: len(lists) // 10 + 1], lists[len(lists) // 10 + 1 :]
    once = fresh[:requests]
    again = [fresh[number % min(REPEATED, len(fresh))] for number in range(requests)]
    runs = []
    with serving(project) as port:
        asyncio.run(load(port, warm, connections))
        for name, paths in (("each list once", once), ("repeats", again)):
            started = time.perf_counter()
            seconds = asyncio.run(load(port, paths, connections))
            took = time.perf_counter() - started
            runs.append(
                {
                    "lists": name,
                    "connections": connections,
                    "requests": len(seconds),
                    "requests_per_second": round(len(seconds) / took),
                }
                | milliseconds(seconds)
            )
    return runs


@contextmanager
def serving(project: Project) -> Iterator[int]:
    """Start the server, and yield its port; stop it at the end."""
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(
            [*SUNORECSYS, "serve", "--port", "0", "--project-dir", str(project.root)],
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            yield wait_for_port(server, log)
        finally:
            server.terminate()
            server.wait(timeout=30)


def wait_for_port(server: subprocess.Popen[bytes], log: Any) -> int:
    """Return the port that the server names when it is ready."""
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        log.seek(0)
        named = re.search(r"Serving on http://127\.0\.0\.1:(\d+)", log.read())
        if named:
            return int(named[1])
        time.sleep(0.05)
    log.seek(0)
    raise SystemExit(f"The server did not start: {log.read()[-2000:]}")


async def load(port: int, paths: Sequence[str], connections: int) -> list[float]:
    """Ask for all paths, so many at a time, and return the seconds of each."""
    waiting = iter(paths)
    seconds: list[float] = []
    await asyncio.gather(*(ask(port, waiting, seconds) for _ in range(connections)))
    return seconds


async def ask(port: int, waiting: Iterator[str], seconds: list[float]) -> None:
    """Take the next path and ask for it on one connection, until there is none."""
    answers, questions = await asyncio.open_connection("127.0.0.1", port)
    for path in waiting:
        started = time.perf_counter()
        questions.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        head = (await answers.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = re.search(r"\r\ncontent-length: (\d+)\r\n", head)
        body = await answers.readexactly(int(length[1])) if length else b""
        seconds.append(time.perf_counter() - started)
        if not head.startswith("http/1.1 200") or b'"recommendations"' not in body:
            raise SystemExit(f"{path} was answered with {head}{body.decode()[:500]}")
    questions.close()
    await questions.wait_closed()


def show(document: dict[str, Any]) -> None:
    """Print the tables."""
    size = document["release"]
    print(f"{size['listeners']:,} listeners, {size['songs']:,} songs\n")
    print("| question | calls | p50 ms | p90 ms | p99 ms | max ms |")
    print("|---|---|---|---|---|---|")
    for run in document["in_process"]:
        print(f"| `{run['question']}` | {run['calls']:,} | {shown(run)} |")
    print("\n| REST, stored lists | connections | requests | a second | ", end="")
    print("p50 ms | p90 ms | p99 ms | max ms |")
    print("|---|---|---|---|---|---|---|---|")
    for run in document["rest"]:
        print(
            f"| {run['lists']} | {run['connections']} | {run['requests']:,} "
            f"| {run['requests_per_second']:,} | {shown(run)} |"
        )


def shown(run: dict[str, Any]) -> str:
    """Return the percentiles as cells."""
    return " | ".join(f"{run[name]:.1f}" for name in ("p50", "p90", "p99", "max"))


if __name__ == "__main__":
    main()
