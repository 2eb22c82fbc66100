"""Real servers: how they start, what they ask for, what they survive, how they stop."""

import json
import shutil
import signal
import socket
import subprocess
import threading
import time

import duckdb
import httpx
import pytest

from conftest import SUNORECSYS, serving, staged
from sunorecsys.api.settings import READ_TOKEN, WRITE_TOKEN, hash_of

PATHS = (
    "/recommend?user_id=listener-005",
    "/recommend?song_ids=song-0001",
    "/similar/song-0001",
    "/explain/listener-005/song-0001",
    "/health",
    "/info",
)


@pytest.fixture
def twin(sample_project, tmp_path):
    return sample_project.twin(tmp_path / "project")


def failed(twin, *arguments, **environment):
    """Start a server that cannot run, and return its exit status and what it said."""
    done = subprocess.run(
        [*SUNORECSYS, "serve", *arguments],
        cwd=twin.root,
        env=twin.environment | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def eventually(check, seconds=15):
    """Wait until a check is true."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
    return found


def test_a_port_in_use_is_one_line_and_exit_1(twin):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        status, said = failed(twin, "--port", port)
    assert status == 1
    assert len(said.strip().splitlines()) == 1
    assert port in said
    assert "in use" in said
    assert "--port" in said


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1", "::zz"])
def test_a_host_that_is_not_here_is_one_line_and_exit_1(twin, host):
    status, said = failed(twin, "--host", host, "--port", "0")
    assert status == 1
    assert len(said.strip().splitlines()) == 1
    assert "Traceback" not in said


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_exit_2(twin, port):
    status, said = failed(twin, "--port", port)
    assert status == 2
    assert "--port" in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (READ_TOKEN, "secret-token"),
        (WRITE_TOKEN, "secret-token"),
        (WRITE_TOKEN, hash_of("writer")[:-1]),
        (READ_TOKEN, hash_of("reader") + "0"),
        ("SUNORECSYS_MAX_REQUEST_BYTES", "much"),
        ("SUNORECSYS_MAX_REQUEST_BYTES", "0"),
    ],
)
def test_a_variable_that_is_wrong_is_named_and_exit_2(twin, name, value):
    status, said = failed(twin, "--port", "0", **{name: value})
    assert status == 2
    assert name in said
    assert "secret" not in said


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


EVENT = {"user_id": "writer-1", "song_id": "song-0001"}


def test_without_hashes_anybody_may_ask_and_write(twin):
    with serving(twin) as server:
        assert server.client.get(PATHS[0]).status_code == 200
        assert server.client.get(PATHS[0], headers=bearer("any")).status_code == 200
        assert server.client.post("/feedback", json=EVENT).status_code == 202


def test_with_both_hashes_one_token_reads_and_the_other_writes_too(twin):
    hashes = {READ_TOKEN: hash_of("reader"), WRITE_TOKEN: hash_of("writer").upper()}
    folder = twin.root / "landing" / "feedback"
    with serving(twin, **hashes) as server:
        client = server.client
        for path in (*PATHS, "/metrics"):
            if path == "/health":
                # who watches a server needs no token
                assert client.get(path).status_code == 200
                continue
            for headers in (
                {},
                bearer("wrong"),
                {"Authorization": "Bearer"},
                bearer(hash_of("reader")),
                {"Authorization": "reader"},
                {"Authorization": "Basic reader"},
                {"Authorization": "Bearer reader reader"},
                {"Authorization": "Bearer \u00e4".encode()},
                bearer("x" * 10_000),
            ):
                answer = client.get(path, headers=headers)
                assert answer.status_code == 401, headers
                assert answer.headers["www-authenticate"] == "Bearer"
                assert "token" in answer.json()["detail"]
            for token in ("reader", "writer"):
                assert client.get(path, headers=bearer(token)).status_code == 200
        assert client.post("/feedback", json=EVENT).status_code == 401
        wrong = client.post("/feedback", json=EVENT, headers=bearer("wrong"))
        assert wrong.status_code == 401
        may_not = client.post("/feedback", json=EVENT, headers=bearer("reader"))
        assert may_not.status_code == 403
        assert "read but not write" in may_not.json()["detail"]
        assert not folder.exists()
        wrote = client.post("/feedback", json=EVENT, headers=bearer("writer"))
        assert wrote.status_code == 202
        server.stop()
        said = "\n".join(server.lines)
        assert "reader" not in said
        assert "writer" not in said


def test_who_protects_reading_only_lets_nobody_write(twin):
    with serving(twin, **{READ_TOKEN: hash_of("reader")}) as server:
        for headers in ({}, bearer("wrong"), bearer("reader")):
            answer = server.client.post("/feedback", json=EVENT, headers=headers)
            reads = headers == bearer("reader")
            assert answer.status_code == (403 if reads else 401)
        assert server.client.get(PATHS[0], headers=bearer("reader")).status_code == 200
        assert not (twin.root / "landing" / "feedback").exists()


def test_who_protects_writing_only_lets_anybody_read(twin):
    with serving(twin, **{WRITE_TOKEN: hash_of("writer")}) as server:
        assert server.client.get(PATHS[0]).status_code == 200
        for headers in ({}, bearer("wrong")):
            answer = server.client.post("/feedback", json=EVENT, headers=headers)
            assert answer.status_code == 401
        wrote = server.client.post("/feedback", json=EVENT, headers=bearer("writer"))
        assert wrote.status_code == 202


def test_a_made_token_fits_its_hash(twin):
    done = twin.cli("serve", "--make-token")
    token, digest = (line.split()[-1] for line in done.stdout.splitlines())
    assert hash_of(token) == digest
    assert len(token) >= 40
    assert twin.cli("serve", "--make-token").stdout != done.stdout


def test_every_address_without_tokens_is_warned_of(twin):
    def warned(*arguments, **environment):
        with serving(twin, *arguments, **environment) as server:
            assert server.client.get("/health").status_code == 200
            return any(line.startswith("Warning: anybody") for line in server.lines)

    assert warned("--host", "0.0.0.0")
    assert not warned("--host", "0.0.0.0", **{READ_TOKEN: hash_of("reader")})
    assert not warned()


def test_only_this_machine_is_listened_to_by_default(twin):
    with serving(twin) as server:
        assert any("http://127.0.0.1:" in line for line in server.lines)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://[::1]:{server.port}/health")
        # another address of this machine
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.2:{server.port}/health")


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_a_request_in_flight_finish(twin, sign):
    body = json.dumps({"events": [EVENT | {"event_id": f"e{i}"} for i in range(900)]})
    head = (
        "POST /feedback HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with serving(twin) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as peer:
            peer.sendall((head + body[:1000]).encode())
            time.sleep(0.3)
            server.process.send_signal(sign)
            time.sleep(0.5)
            assert server.process.poll() is None
            with pytest.raises(httpx.TransportError):
                server.new_client().get("/health")
            peer.sendall(body[1000:].encode())
            answer = peer.recv(65536)
        assert answer.startswith(b"HTTP/1.1 202")
        server.process.wait(15)
        assert server.process.returncode in (-sign, 128 + sign)
    assert len(staged(twin.root / "landing" / "feedback")) == 900


def test_a_client_that_never_ends_does_not_hold_the_server_up(twin):
    with (
        serving(twin) as server,
        socket.create_connection(("127.0.0.1", server.port)) as peer,
    ):
        peer.sendall(
            b"POST /feedback HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{"
        )
        time.sleep(0.2)
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < 20
        peer.settimeout(5)
        assert peer.recv(65536).startswith(b"HTTP/1.1 503")
        assert not [line for line in server.lines if "Traceback" in line]


def test_a_server_without_a_release_waits_for_one(sample_project, twin):
    releases = twin.root / "releases"
    shutil.rmtree(releases)
    with serving(twin) as server:
        assert any(line.startswith("Nothing to serve yet") for line in server.lines)
        health = server.client.get("/health")
        assert health.status_code == 503
        assert health.json()["status"] == "unavailable"
        assert "sunorecsys build" in health.json()["reason"]
        for path in PATHS:
            answer = server.client.get(path)
            assert answer.status_code == 503
            assert answer.headers.get("retry-after") or path == "/health"
        assert server.client.post("/feedback", json=EVENT).status_code == 503
        assert server.client.get("/metrics").status_code == 200
        shutil.copytree(sample_project.root / "releases", releases, symlinks=True)
        eventually(lambda: server.client.get("/health").status_code == 200)
        for path in PATHS:
            assert server.client.get(path).status_code == 200


def truncate(file):
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size // 2)


def empty(file):
    with file.open("r+b") as opened:
        opened.truncate(0)


def overwrite(file):
    """Write garbage over the file as it lies there."""
    with file.open("r+b") as opened:
        opened.write(b"garbage " * (file.stat().st_size // 8))


def replace(file):
    """Put garbage in the place of the file."""
    aside = file.with_name("aside")
    aside.write_bytes(b"garbage " * 100_000)
    aside.replace(file)


def age(file):
    """Put a release of an older schema in the place of the file."""
    aside = file.with_name("aside.duckdb")
    shutil.copy(file, aside)
    with duckdb.connect(str(aside)) as old:
        old.execute("update build_info set schema_version = 1")
    aside.replace(file)


def a_folder(file):
    file.unlink()
    file.mkdir()


DAMAGES = {
    "deleted": lambda file: file.unlink(),
    "truncated": truncate,
    "emptied": empty,
    "overwritten": overwrite,
    "replaced": replace,
    "older": age,
    "a folder": a_folder,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_release_damaged_under_the_server_is_never_a_500(twin, damage):
    file = twin.current.resolve()
    whole = file.with_name("whole.copy")
    shutil.copy(file, whole)
    with serving(twin) as server:
        # read before, and so perhaps kept: /recommend; not read before: the others
        good = server.client.get(PATHS[0])
        assert good.status_code == 200
        damage(file)
        for turn in range(4):
            for number in range(1, 40, 6):
                for path in (
                    *PATHS,
                    f"/recommend?user_id=listener-{turn * 40 + number:03}",
                    f"/similar/song-{turn * 40 + number:04}?channel=prompt",
                ):
                    answer = server.client.get(path)
                    assert answer.status_code in (200, 404, 503), path
                    if path == PATHS[0] and answer.status_code == 200:
                        assert answer.json() == good.json()
                    if answer.status_code == 503:
                        said = answer.json()
                        reason = said.get("reason") or said["detail"]
                        assert "sunorecsys" in reason
            assert server.client.get("/metrics").status_code == 200
        if file.is_dir():
            file.rmdir()
        whole.replace(file)
        eventually(lambda: server.client.get("/health").status_code == 200)
        for path in PATHS:
            assert server.client.get(path).status_code == 200
        assert server.client.get(PATHS[0]).json() == good.json()
        assert not [line for line in server.log if line["status"] == 500]
        assert not [line for line in server.lines if "Traceback" in line]


def test_a_release_replaced_under_its_name_is_the_one_that_serves(twin):
    file = twin.current.resolve()
    aside = file.with_name("aside.duckdb")
    with serving(twin) as server:
        before = server.client.get("/similar/song-0001").json()
        assert server.client.get("/health").json()["release_id"] == file.stem
        shutil.copy(file, aside)
        with duckdb.connect(str(aside)) as other:
            other.execute("update build_info set release_id = 'other'")
            other.execute("update songs set title = 'Renamed'")
        aside.replace(file)
        assert server.client.get("/health").json()["release_id"] == "other"
        after = server.client.get("/similar/song-0001").json()
        assert {song["title"] for song in after["similar_songs"]} == {"Renamed"}
        assert [song["song_id"] for song in after["similar_songs"]] == [
            song["song_id"] for song in before["similar_songs"]
        ]


def test_a_link_that_leads_nowhere_keeps_the_last_good_answer(twin):
    with serving(twin) as server:
        good = server.client.get(PATHS[0]).json()
        twin.current.unlink()
        twin.current.symlink_to("nosuch.duckdb")
        assert server.client.get(PATHS[0]).json() == good
        twin.current.unlink()
        twin.current.symlink_to("current.duckdb")
        assert server.client.get("/recommend?user_id=listener-006").status_code == 200


def test_feedback_that_the_disk_refuses_is_503_and_not_kept(twin):
    folder = twin.root / "landing" / "feedback"
    folder.write_text("a file in place of the folder")
    with serving(twin) as server:
        before = server.client.get(PATHS[0]).json()
        first = before["recommendations"][0]["song_id"]
        dislike = {
            "user_id": "listener-005",
            "song_id": first,
            "interaction_type": "dislike",
            "event_id": "again",
        }
        for _ in range(3):
            refused = server.client.post("/feedback", json=dislike)
            assert refused.status_code == 503
            assert "could not be stored" in refused.json()["detail"]
            assert refused.headers["retry-after"]
        assert server.client.get(PATHS[0]).json() == before
        assert folder.read_text() == "a file in place of the folder"
        folder.unlink()
        told = server.client.post("/feedback", json=dislike)
        assert (told.status_code, told.json()["accepted"]) == (202, 1)
        after = server.client.get(PATHS[0]).json()
        assert first not in [row["song_id"] for row in after["recommendations"]]


def test_a_file_in_place_of_landing_is_no_500(twin):
    # what the build that made it has left
    shutil.rmtree(twin.root / "landing")
    (twin.root / "landing").write_text("a file")
    with serving(twin) as server:
        assert server.client.get(PATHS[0]).status_code == 200
        assert server.client.post("/feedback", json=EVENT).status_code == 503


def test_a_full_disk_is_503_and_keeps_nothing(twin, tmp_path):
    folder = twin.root / "landing" / "feedback"
    folder.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        with serving(twin) as server:
            promised, statuses = [], set()
            for turn in range(30):
                events = [
                    EVENT | {"event_id": f"{turn}-{number}"} for number in range(40)
                ]
                answer = server.client.post("/feedback", json={"events": events})
                statuses.add(answer.status_code)
                if answer.status_code == 202:
                    promised += answer.json()["event_ids"]
            assert statuses == {202, 503}
            assert staged(folder) == sorted(promised)
            assert server.client.get(PATHS[0]).status_code == 200
            read_only = ["mount", "-o", "remount,ro,size=1m", folder]
            assert subprocess.run(read_only, capture_output=True).returncode == 0
            assert server.client.post("/feedback", json=EVENT).status_code == 503
            writable = ["mount", "-o", "remount,rw,size=1m", folder]
            assert subprocess.run(writable, capture_output=True).returncode == 0
            assert server.client.post("/feedback", json=EVENT).status_code == 202
            assert len(staged(folder)) == len(promised) + 1
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_damaged_blocklist_is_503_and_never_shows_what_was_blocked(twin):
    blocked = twin.root / "landing" / "blocked" / "songs.parquet"
    blocked.parent.mkdir(parents=True)
    with serving(twin) as server:
        assert server.client.get(PATHS[0]).status_code == 200
        blocked.write_bytes(b"garbage")
        for path in PATHS:
            answer = server.client.get(path)
            assert answer.status_code == 503
            assert "taken down" in answer.text
        blocked.unlink()
        assert server.client.get(PATHS[0]).status_code == 200


def test_the_log_is_json_and_names_no_listener_and_no_song(twin):
    with serving(twin) as server:
        answers = [
            server.client.get("/recommend?user_id=listener-005"),
            server.client.post("/recommend", json={"user_id": "listener-005"}),
            server.client.get("/recommend?user_id=nosuch-listener-7"),
            server.client.get("/explain/listener-005/song-0001"),
            server.client.get("/explain/nosuch-listener-7/song-0001/x"),
            server.client.get("/listener-005/nosuch/route"),
            server.client.post(
                "/feedback", json={"user_id": "listener-005", "song_id": "song-0001"}
            ),
            server.client.post("/feedback", json={"user_id": "listener-005"}),
        ]
        server.stop()
        requests = [
            line for line in server.lines if not line.startswith(("Rel", "Ser"))
        ]
        logged = [json.loads(line) for line in requests]
        for answer, line in zip(answers, logged, strict=True):
            assert line["request_id"] == answer.headers["x-request-id"]
            assert line["status"] == answer.status_code
            assert line["bytes"] == int(answer.headers["content-length"])
            assert line["milliseconds"] >= 0
            assert set(line) == {
                *("time", "level", "request_id", "method", "route", "status"),
                *("milliseconds", "bytes"),
            }
        assert logged[0]["route"] == "/recommend"
        text = "\n".join(server.lines)
        assert "listener-" not in text
        assert "song-0001" not in text


def test_many_slow_clients_do_not_stop_the_others(twin):
    with serving(twin) as server:
        peers = [
            socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)
        ]
        for peer in peers:
            peer.sendall(
                b"POST /recommend HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
            )
        found = []
        threads = [
            threading.Thread(
                target=lambda: found.append(
                    server.new_client().get(PATHS[0]).status_code
                )
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert found == [200] * 8
        for peer in peers:
            peer.close()
