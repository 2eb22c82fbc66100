"""Copies of the project that tests build, and small catalogues to build them from."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import duckdb
import httpx
import jinja2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sunorecsys import reader
from sunorecsys.landing import SCHEMAS

ROOT = Path(__file__).parents[2]
# what a build reads; everything else it makes itself
PARTS = ("dbt_project.yml", "profiles.yml", "models", "macros", "seeds")
OPTIONAL_PARTS = ("tests/singular", "analyses")
DBT = (sys.executable, "-m", "dbt.cli.main")
SUNORECSYS = (sys.executable, "-c", "from sunorecsys.cli import main; main()")

NEW_YEAR = datetime(2025, 1, 1)


def pytest_addoption(parser):
    parser.addoption(
        "--large", action="store_true", help="Also run the tests marked as large."
    )


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "catalogue(name): the test reads the build of this small catalogue"
    )


def pytest_collection_modifyitems(config, items):
    if config.getoption("--large"):
        return
    skip = pytest.mark.skip(reason="takes long: runs with --large")
    for item in items:
        if "large" in item.keywords:
            item.add_marker(skip)


@dataclass(frozen=True)
class Workspace:
    """A copy of the project in a folder of its own."""

    root: Path

    @classmethod
    def copy(cls, root: Path) -> "Workspace":
        """Copy the project, without the unit tests: no data changes their outcome."""
        for part in PARTS + OPTIONAL_PARTS:
            source = ROOT / part
            if source.is_dir():
                ignored = shutil.ignore_patterns("*__unit_tests.yml")
                shutil.copytree(source, root / part, ignore=ignored)
            elif source.exists() or part in PARTS:
                root.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, root / part)
        # what dbt has read of the project, so that only what changes is read again;
        # it names the folder, from which seeds that did not change are loaded
        known = ROOT / "target" / "partial_parse.msgpack"
        if known.exists() and os.fsencode(ROOT) in known.read_bytes():
            (root / "target").mkdir()
            shutil.copy(known, root / "target")
        return cls(root)

    def twin(self, root: Path, *, is_tested: bool = False) -> "Workspace":
        """Copy this workspace with all it has built, links included.

        The data passed the tests of the models once: builds of the copy leave them out,
        unless it is to be tested too.
        """
        shutil.copytree(self.root, root, symlinks=True)
        twin = Workspace(root)
        if not is_tested:
            twin.leave_out_tests()
        return twin

    def leave_out_tests(self) -> None:
        """Build without the tests of the models from now on."""
        settings = self.root / "dbt_project.yml"
        without = "\ndata_tests: {+enabled: false}\n"
        before = settings.read_text(encoding="utf-8").removesuffix(without)
        settings.write_text(before + without, encoding="utf-8")

    @property
    def current(self) -> Path:
        return self.root / "releases" / "current.duckdb"

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("SUNORECSYS_")}
        return kept | {"NO_COLOR": "1", "DBT_PARTIAL_PARSE": "1"}

    def start(self, *command, **settings) -> subprocess.Popen:
        """Start a program in this folder, its output kept for `communicate`."""
        return subprocess.Popen(
            [str(part) for part in command],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # what dbt says of all steps of a build, while nobody reads
            pipesize=1024 * 1024,
            text=True,
            **settings,
        )

    def run(self, *command) -> subprocess.CompletedProcess:
        """Run a program in this folder to its end, whatever that is."""
        with self.start(*command) as process:
            out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def dbt(self, *arguments) -> subprocess.CompletedProcess:
        """Run dbt as its users do."""
        return self.run(*DBT, *arguments)

    def cli(self, *arguments) -> subprocess.CompletedProcess:
        """Run the command line as its users do."""
        return self.run(*SUNORECSYS, *arguments)

    def build(self, *arguments) -> subprocess.CompletedProcess:
        """Build and publish; fails the test if that fails."""
        done = self.cli("build", *arguments)
        assert done.returncode == 0, done.stderr[-3000:]
        return done

    def land(self, kind: str, rows: list[dict], name: str = "rows.parquet") -> None:
        """Write rows to landing, as ingest does."""
        folder = self.root / "landing" / kind
        folder.mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pylist(rows, schema=SCHEMAS[kind])
        pq.write_table(table, folder / name)

    @contextmanager
    def release(self):
        """Open the current release as readers do."""
        with reader.open_release(self.current) as connection:
            yield connection

    def query(self, sql: str, *values) -> list[tuple]:
        """Return the rows of a query on the current release."""
        with self.release() as release:
            return release.execute(sql, list(values)).fetchall()

    def warehouse(self, sql: str) -> list[tuple]:
        """Return the rows of a query on what the build left in the warehouse."""
        file = self.root / "warehouse" / "sunorecsys.duckdb"
        with duckdb.connect(str(file), read_only=True) as connection:
            return connection.execute(sql).fetchall()


def song(number: int, **fields) -> dict:
    """Return a song of landing; every third song shares a genre and a prompt word."""
    words = ("river stone lantern", "engine neon highway", "orchard autumn letter")
    return {
        "song_id": f"s{number:02}",
        "title": f"Song {number:02}",
        "creator_id": f"c{number % 7}",
        "creator_name": f"Creator {number % 7}",
        "created_at": NEW_YEAR - timedelta(days=30 + number),
        "duration_seconds": 120.0 + number,
        "tags": ("rock, guitar", "techno, synth", "folk, banjo")[number % 3],
        "prompt": f"[Verse]\n{words[number % 3]} number{number} word{number * 7 % 10}",
        "play_count": 100 + 13 * number % 50,
        "upvote_count": 5 + number % 9,
        "comment_count": number % 4,
        "exported_at": NEW_YEAR,
        **fields,
    }


def play(user: str, song_id: str, minutes_ago: int = 600, **fields) -> dict:
    """Return an event of landing before the new year of 2025."""
    return {
        "event_id": None,
        "user_id": user,
        "song_id": song_id,
        "interaction_type": "play",
        "occurred_at": NEW_YEAR - timedelta(minutes=minutes_ago),
        "weight": 1.0,
        **fields,
    }


def crowd(songs: int, listeners: int, each: int = 6) -> list[dict]:
    """Return plays of listeners u00, u01 …, neighbors of whom share most songs."""
    return [
        play(
            f"u{user:02}",
            f"s{(user * 2 + step * 3) % songs:02}",
            60 * (user + step) + 1,
        )
        for user in range(listeners)
        for step in range(each)
    ]


class Server:
    """A real ``sunorecsys serve`` on a free port."""

    COMMAND = (*SUNORECSYS, "serve", "--port", "0")
    # what it says once it listens, with the port
    LISTENING = r"Serving on http://.*:(\d+), "

    def __init__(self, workspace: Workspace, *arguments: str, **environment: str):
        self.workspace = workspace
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [*self.COMMAND, *arguments],
            cwd=workspace.root,
            env=workspace.environment | environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._is_listening = threading.Event()
        self.port = 0
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        self._is_listening.wait(60)
        assert self.port, self.lines
        self.client = self.new_client()

    def _read(self) -> None:
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))
            if found := re.match(self.LISTENING, line):
                self.port = int(found[1])
                self._is_listening.set()
        self._is_listening.set()

    def new_client(self, **settings) -> httpx.Client:
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", timeout=60, **settings
        )

    @property
    def log(self) -> list[dict]:
        """What was logged of requests."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    def stop(self, with_signal: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit status."""
        self.process.send_signal(with_signal)
        status = self.process.wait(30)
        self._reading.join(10)
        self.client.close()
        return status


@contextmanager
def serving(workspace: Workspace, *arguments: str, **environment: str):
    """Start a server, and stop it if the block has not."""
    server = Server(workspace, *arguments, **environment)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def staging_sql(model: str, landing: Path) -> str:
    """Return the SQL of a staging model as DuckDB runs it on the files of a landing."""
    environment = jinja2.Environment()
    names = environment.globals
    names["adapter"] = SimpleNamespace(dispatch=lambda name: names[f"duckdb__{name}"])
    names |= {
        "execute": True,
        "return": lambda value: value,
        "source_is_landing": lambda: True,
        "landing_files": lambda kind, ending="parquet": len(
            list((landing / kind).glob(f"*.{ending}"))
        ),
    }
    macros = ROOT / "macros"
    for path in (
        *(macros / f"{name}.sql" for name in ("no_rows", "landing_rows")),
        macros / "landing_lines.sql",
        *(macros / "engine" / f"{name}_type.sql" for name in ("list", "struct")),
    ):
        names |= vars(environment.from_string(path.read_text()).module)
    sql = (ROOT / "models" / "staging" / f"{model}.sql").read_text()
    return environment.from_string(sql).render().replace("landing/", f"{landing}/")


def staged(folder: Path) -> list[str]:
    """Return the event ids that stg_feedback sees in a folder, repeats as well."""
    sql = staging_sql("stg_feedback", folder.parent)
    cte = sql.split("\n\n)\n\n-- a retry")[0] + "\n\n)"
    found = duckdb.sql(
        f"{cte} select event_id from feedback where event_id is not null"
    ).fetchall()
    return sorted(row[0] for row in found)


class Builds:
    """The sample and small catalogues, each built once, when a test first asks."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._built: dict[str, Workspace] = {}

    def get(self, name: str, make: Callable[[Workspace], None]) -> Workspace:
        """Return what ``make`` built under this name, in this process or in another."""
        if name not in self._built:
            workspace = Workspace(self._folder / name)
            is_made = self._folder / f"{name}.made"
            with (self._folder / f"{name}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not is_made.exists():
                    # what a failure left
                    shutil.rmtree(workspace.root, ignore_errors=True)
                    make(Workspace.copy(workspace.root))
                    is_made.touch()
            self._built[name] = workspace
        return self._built[name]


@pytest.fixture(scope="session")
def builds(tmp_path_factory):
    """What tests of this run have built, in whichever process. Read it only."""
    run = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        run = run.parent
    folder = run / "builds"
    folder.mkdir(exist_ok=True)
    return Builds(folder)


@pytest.fixture(scope="session")
def sample_project(builds):
    """The project with the sample built and published. Read it only."""
    return builds.get("sample", Workspace.build)


@pytest.fixture(scope="session")
def server(sample_project, tmp_path_factory):
    """A server of a copy of the sample. Send feedback of listeners of your own only."""
    twin = sample_project.twin(tmp_path_factory.mktemp("served") / "project")
    with serving(twin) as running:
        yield running


@pytest.fixture
def built(request, builds):
    """The built catalogue that the test is marked with. Read it only."""
    name = request.node.get_closest_marker("catalogue").args[0]
    return builds.get(name, request.module.CATALOGUES[name])


@pytest.fixture
def workspace(tmp_path):
    """An own copy of the project, nothing built."""
    return Workspace.copy(tmp_path / "project")
