"""``kill -9`` under feedback load: what was acknowledged is there exactly once."""

import random
import threading
import time

import httpx
import pytest

from conftest import serving, staged

CLIENTS = 4


class Client(threading.Thread):
    """Sends batches, and each again until it is acknowledged."""

    def __init__(self, number, stop):
        super().__init__()
        self.name = f"client-{number}"
        self.url = ""
        self.stop = stop
        self.sent = set()
        self.acknowledged = []
        self.problems = []
        self.retries = 0

    def run(self):
        turn = 0
        while not self.stop.is_set():
            turn += 1
            size = (1, 7, 60)[turn % 3]
            events = [
                {
                    "event_id": f"{self.name}-{turn}-{number}",
                    "user_id": self.name,
                    "song_id": f"song-{number + 1:04}",
                }
                for number in range(size)
            ]
            self.sent |= {event["event_id"] for event in events}
            self.send(events if size > 1 else events[0])

    def send(self, events):
        body = {"events": events} if isinstance(events, list) else events
        while not self.stop.is_set():
            try:
                answer = httpx.post(f"{self.url}/feedback", json=body, timeout=20)
            except httpx.TransportError:
                self.retries += 1
                time.sleep(0.02)
                continue
            if answer.status_code != 202:
                self.problems.append(answer.text)
                return
            self.acknowledged += answer.json()["event_ids"]
            return


@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.large)])
def test_killed_servers_lose_and_double_nothing(sample_project, tmp_path, kills):
    twin = sample_project.twin(tmp_path / "project")
    moments = random.Random(kills)
    stop = threading.Event()
    clients = [Client(number, stop) for number in range(CLIENTS)]
    acknowledged_before = 0
    try:
        for kill in range(kills):
            with serving(twin) as server:
                for client in clients:
                    client.url = f"http://127.0.0.1:{server.port}"
                    if kill == 0:
                        client.start()
                # at least some are acknowledged in every life of the server
                deadline = time.monotonic() + 30
                while sum(len(c.acknowledged) for c in clients) <= acknowledged_before:
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
                time.sleep(moments.uniform(0, 0.8))
                server.process.kill()
                server.process.wait()
                assert not [line for line in server.log if line["status"] != 202]
            acknowledged_before = sum(len(client.acknowledged) for client in clients)
        with serving(twin) as server:
            for client in clients:
                client.url = f"http://127.0.0.1:{server.port}"
            time.sleep(0.5)
            stop.set()
            for client in clients:
                client.join(30)
            # read by the server that was started last, too
            for client in clients:
                asked = {"user_id": client.name, "n": 5}
                assert server.client.get("/recommend", params=asked).status_code == 200
    finally:
        stop.set()
    found = staged(twin.root / "landing" / "feedback")
    assert len(found) == len(set(found))
    for client in clients:
        assert client.problems == []
        assert len(client.acknowledged) == len(set(client.acknowledged))
        assert set(client.acknowledged) <= set(found)
    assert set(found) <= set().union(*(client.sent for client in clients))
    assert sum(client.retries for client in clients) >= kills
    assert sum(len(client.acknowledged) for client in clients) > 50 * kills
