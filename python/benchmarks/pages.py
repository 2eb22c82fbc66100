"""How long a person waits for pages, and how much a browser loads.

    python python/benchmarks/pages.py --listeners 50000
    python python/benchmarks/pages.py --project DIR

Simulates 12 plays per listener and a song per 10 listeners with seed 42 and builds, or
takes a project that is built. Asks `sunorecsys serve` on this machine for each page,
one request after the other on one connection, for random listeners and songs drawn with
seed 42; type-ahead for 1 to 12 letters of listeners' ids. Prints a table; --json FILE
keeps every number.
"""

import argparse
import json
import random
import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from serving import milliseconds, serving, shown, shuffled
from weekly_build import SUNORECSYS, built, copied, machine

from sunorecsys import reader
from sunorecsys.project import Project


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--listeners", type=int, help="simulate this many, and build")
    given.add_argument("--project", type=Path, help="folder of a built project")
    parser.add_argument("--calls", type=int, default=200, help="of a page")
    parser.add_argument("--json", type=Path, help="file for every number")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = arguments.project
        if root is None:
            root = Path(folder)
            simulated(root, arguments.listeners)
            built(root)
        document = measured(Project.find(root), arguments.calls)
    show(document)
    if arguments.json:
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")


def simulated(root: Path, listeners: int) -> None:
    """Copy the project to a folder, and simulate its data."""
    copied(root)
    numbers = {
        "--listeners": listeners,
        "--songs": max(listeners // 10, 20),
        "--plays": 12 * listeners,
    }
    options = [str(part) for pair in numbers.items() for part in pair]
    subprocess.run(
        [*SUNORECSYS, "simulate", *options, "--project-dir", str(root)],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def measured(project: Project, calls: int) -> dict[str, Any]:
    """Return every number of a built project."""
    dice = random.Random(42)  # noqa: S311
    with reader.open_release(project.current_release) as release:
        listeners = shuffled(release, "user_id", "listeners", dice)
        songs = shuffled(release, "song_id", "songs where not is_hidden", dice)

    def user(number: int) -> str:
        return quote(listeners[number % len(listeners)], safe="")

    def song(number: int) -> str:
        return quote(songs[number % len(songs)], safe="")

    def letters(number: int) -> str:
        text = listeners[number % len(listeners)][-1 - number % 12 :]
        return quote(text, safe="")

    pages: dict[str, Callable[[int], str]] = {
        "who is listening": lambda i: "/",
        "type-ahead": lambda i: f"/listeners?q={letters(i)}",
        "a listener's songs": lambda i: f"/?user={user(i)}",
        "why a song": lambda i: f"/why?user={user(i)}&song={song(i)}",
        "what if": lambda i: f"/what-if?user={user(i)}&content={i % 100 / 100}",
        "a song": lambda i: f"/song?id={song(i)}",
        "songs by words": lambda i: "/songs?q=night+river",
        "a mix": lambda i: f"/mix?seed={song(i)}&seed={song(i + 1)}",
        "operations": lambda i: "/ops",
    }
    runs = []
    with (
        serving(project) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        for name, address in pages.items():
            run = timed(client, address, calls)
            runs.append({"page": name, "kilobytes": loaded(client, address(0))} | run)
    size = {"listeners": len(listeners), "songs": len(songs)}
    return {"machine": machine(), "release": size, "pages": runs}


def timed(
    client: httpx.Client, address: Callable[[int], str], calls: int
) -> dict[str, Any]:
    """Ask a tenth as often as a warm-up, about others, and then measure."""
    for number in range(calls, calls + max(calls // 10, 1)):
        client.get(address(number)).raise_for_status()
    seconds = []
    for number in range(calls):
        started = time.perf_counter()
        client.get(address(number)).raise_for_status()
        seconds.append(time.perf_counter() - started)
    return {"calls": calls} | milliseconds(seconds)


def loaded(client: httpx.Client, address: str) -> float:
    """Return the kilobytes of a page with its scripts and styles, as they are sent."""
    page = client.get(address)
    files = re.findall(r'<(?:script|link)[^>]+(?:src|href)="([^"]+)"', page.text)
    answers = [page, *(client.get(file) for file in files)]
    return round(sum(answer.num_bytes_downloaded for answer in answers) / 1000, 1)


def show(document: dict[str, Any]) -> None:
    """Print the table."""
    size = document["release"]
    print(f"{size['listeners']:,} listeners, {size['songs']:,} songs\n")
    print("| page | kB | calls | p50 ms | p90 ms | p99 ms | max ms |")
    print("|---|---|---|---|---|---|---|")
    for run in document["pages"]:
        print(
            f"| {run['page']} | {run['kilobytes']:.0f} | {run['calls']:,} "
            f"| {shown(run)} |"
        )


if __name__ == "__main__":
    main()
