"""Every bad input gets an answer that says what is wrong, and nothing is kept of it."""

import json
import socket
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from conftest import staged

EVENT = {"user_id": "bad-1", "song_id": "song-0001"}
LONG = "marker" * 200_000
LIMIT = 1024 * 1024


@pytest.fixture
def client(server):
    return server.client


@pytest.fixture
def kept(server):
    """Check that nothing was kept, whatever the test sends."""
    folder = server.workspace.root / "landing" / "feedback"
    before = staged(folder)
    yield
    assert staged(folder) == before


def refused(answer, status, *words):
    """Check the answer to bad input, and return what it says as text."""
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["detail"]
    assert len(answer.content) < 20_000
    text = json.dumps(answer.json(), ensure_ascii=False)
    for word in words:
        assert word in text
    assert "marker" * 100 not in text
    assert "Traceback" not in text
    return text


def post(client, path, content, **headers):
    headers = {"Content-Type": "application/json"} | headers
    return client.post(path, content=content, headers=headers)


def test_an_unknown_listener_is_404_and_no_other_one_is_named(server, client):
    users = server.workspace.query("select user_id from listeners")
    # one letter beside a known one
    for name in ("listener-0055", "LISTENER-005", "%", "_", "*", "listener-005'--"):
        for answer in (
            client.get("/recommend", params={"user_id": name}),
            client.post("/recommend", json={"user_id": name}),
            client.get(f"/explain/{quote(name, safe='')}/song-0001"),
            client.get(f"/why-not/{quote(name, safe='')}/song-0001"),
        ):
            text = refused(answer, 404).replace(json.dumps(name)[1:-1], "")
            assert "nearest" not in answer.json()
            assert not [user for (user,) in users if user in text]


def test_an_unknown_song_is_404_with_the_nearest(client):
    answer = client.get("/similar/song-00017")
    refused(answer, 404, "song-00017")
    assert "song-0001" in [near["song_id"] for near in answer.json()["nearest"]]
    refused(client.get("/explain/listener-005/nosuch"), 404, "nosuch")
    refused(client.get("/why-not/listener-005/nosuch"), 404, "nosuch")


HOSTILE = [
    "'; drop table songs; --",
    'a"b',
    "100%",
    "%00",
    "%s%n",
    "$1",
    "{{ 7 * 7 }}",
    "\u202e",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "🎵" * 100,
    " ",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_ids_are_only_unknown(client, name, kept):
    path = quote(name, safe="")
    refused(client.get(f"/similar/{path}"), 404)
    refused(client.get("/recommend", params={"user_id": name}), 404)
    refused(client.get("/recommend", params={"song_ids": [name]}), 404)
    refused(client.post("/recommend", json={"user_id": name}), 404)
    refused(client.post("/recommend", json={"song_ids": [name]}), 404)
    refused(client.get(f"/explain/listener-005/{path}"), 404)
    if "/" not in name:
        refused(client.get(f"/explain/{path}/song-0001"), 404)
    excluded = client.post(
        "/recommend", json={"user_id": "listener-005", "exclude_song_ids": [name]}
    )
    assert excluded.status_code == 200


WRONG_IDS = {
    "nothing": "",
    "a null character": "a\x00b",
    "a line break": "a\nb",
    "an escape": "\x1b[2J",
    "half a character": "\ud800",
    "513 characters": "x" * 513,
    "a number": 5,
    "true": True,
    "a list": ["a"],
    "an object": {"a": "b"},
}


@pytest.mark.parametrize("name", WRONG_IDS.values(), ids=WRONG_IDS)
def test_what_is_no_id_is_422(client, name, kept):
    for path, body in (
        ("/recommend", {"user_id": name}),
        ("/recommend", {"song_ids": [name]}),
        ("/recommend", {"user_id": "listener-005", "exclude_song_ids": [name]}),
        ("/feedback", EVENT | {"user_id": name}),
        ("/feedback", EVENT | {"song_id": name}),
        ("/feedback", EVENT | {"event_id": name}),
        ("/feedback", {"events": [EVENT, EVENT | {"song_id": name}]}),
    ):
        refused(post(client, path, json.dumps(body)), 422)
    if isinstance(name, str) and name not in ("", "\ud800"):
        refused(client.get("/recommend", params={"user_id": name}), 422)
        refused(client.get("/recommend", params={"song_ids": ["a", name]}), 422)
    # no route has a line break
    if isinstance(name, str) and name not in ("", "\ud800", "a\nb"):
        refused(client.get(f"/similar/{quote(name, safe='')}"), 422)
        refused(client.get(f"/explain/{quote(name, safe='')}/song-0001"), 422)


def test_bytes_that_are_no_utf8_are_an_unknown_id(client):
    refused(client.get("/similar/%ff%fe%ed%a0%80"), 404)
    refused(client.get("/recommend?user_id=%ff%fe"), 404)
    refused(post(client, "/recommend", b'{"user_id": "\xff\xfe"}'), 400)


def test_ids_of_a_megabyte_are_refused_without_an_echo(client, kept):
    refused(client.post("/recommend", json={"user_id": LONG}), 413, "1,048,576 bytes")
    refused(client.post("/feedback", json=EVENT | {"event_id": LONG}), 413)
    shorter = LONG[: LIMIT - 200]
    refused(client.post("/recommend", json={"user_id": shorter}), 422)
    refused(client.post("/recommend", json={"song_ids": [shorter]}), 422)
    refused(client.post("/feedback", json=EVENT | {"song_id": shorter}), 422)
    refused(client.post("/feedback", json=EVENT | {shorter: 1}), 422)
    refused(client.post("/feedback", json=EVENT | {"interaction_type": shorter}), 422)
    refused(client.post("/feedback", json=EVENT | {"occurred_at": shorter}), 422)
    refused(client.get("/similar/" + LONG[:30_000]), 422)


def test_as_many_seeds_as_are_allowed_work_and_one_more_is_422(client):
    seeds = [f"song-{number:04}" for number in range(1, 601)] + ["x"] * 400
    full = client.post("/recommend", json={"song_ids": seeds})
    assert full.status_code == 200
    assert full.json()["unknown_song_ids"] == ["x"]
    for count in (1001, 10_000):
        many = [f"song-{number:05}" for number in range(count)]
        refused(client.post("/recommend", json={"song_ids": many}), 422, "1000")
        refused(
            client.post(
                "/recommend", json={"user_id": "listener-005", "exclude_song_ids": many}
            ),
            422,
            "1000",
        )
    query = "&".join(f"song_ids={number}" for number in range(1001))
    refused(client.get(f"/recommend?{query}"), 422, "1000")


@pytest.mark.parametrize(
    "n",
    [
        *("0", "-1", "101", "1000000000", '"ten"', '"10"', "true", "1.5", "null"),
        *("[]", "1e400", "9" * 400, "9" * 10_000, "NaN", "-Infinity"),
    ],
)
def test_a_wrong_count_is_refused(client, n):
    body = f'{{"user_id": "listener-005", "n": {n}}}'
    answer = post(client, "/recommend", body)
    refused(answer, 400 if len(n) == 10_000 else 422)
    if n != '"10"':
        for path in ("/recommend?user_id=listener-005", "/similar/song-0001?"):
            refused(client.get(f"{path}&n={n.strip(chr(34))}"), 422)


@pytest.mark.parametrize("path", ["/recommend", "/feedback"])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"{'user_id': 'a'}", 422),
        (b'{"user_id": "a"', 422),
        (b'{"user_id": "a"} trailing', 422),
        (b"\x00\x01\x02", 422),
        (b"\xff\xfe{\x00}\x00", 422),
        (b"[" * 100_000, 400),
        (b"[" * 100_000 + b"]" * 100_000, 400),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400),
        (b'{"user_id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
        (b"null", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b"5", 422),
        (b"NaN", 422),
        (b"{}", 422),
        (b'{"nosuch": 1}', 422),
        (b'{"\\ud800": 1}', 422),
    ],
)
def test_what_is_no_question_is_refused(client, path, body, status, kept):
    refused(post(client, path, body), status)


def test_listener_and_seeds_together_or_neither_are_422(client):
    both = {"user_id": "listener-005", "song_ids": ["song-0001"]}
    words = "give user_id or song_ids, one of them"
    refused(client.post("/recommend", json=both), 422, words)
    refused(client.get("/recommend", params=both), 422, words)
    refused(client.post("/recommend", json={"n": 5}), 422, words)
    refused(client.get("/recommend"), 422, words)
    nothing = {"user_id": None, "song_ids": None}
    refused(client.post("/recommend", json=nothing), 422, words)


def test_unknown_fields_are_422(client, kept):
    refused(
        client.post("/recommend", json={"user_id": "listener-005", "N": 5}), 422, '"N"'
    )
    refused(client.post("/feedback", json=EVENT | {"rating": 5}), 422, "rating")
    refused(client.post("/feedback", json={"events": [EVENT], "x": 1}), 422, '"x"')


def test_an_unknown_channel_is_422_and_the_known_ones_are_named(client):
    refused(client.get("/similar/song-0001?channel=nosuch"), 422, "item_cf", "prompt")


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "a/b"],
)
def test_a_wrong_content_type_is_422(client, kind, kept):
    for path, body in (
        ("/recommend", {"user_id": "listener-005"}),
        ("/feedback", EVENT),
    ):
        refused(post(client, path, json.dumps(body), **{"Content-Type": kind}), 422)


def test_routes_and_methods_that_are_not_there_say_so(client):
    refused(client.get("/nosuch"), 404)
    refused(client.get("/feedback"), 405)
    refused(client.delete("/recommend"), 405)
    refused(client.put("/similar/song-0001"), 405)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"interaction_type": "nosuch"}, ["nosuch", "dislike", "play"]),
        ({"interaction_type": None}, ["interaction_type"]),
        ({"interaction_type": ""}, ["dislike"]),
        ({"interaction_type": "PLAY"}, ["dislike"]),
        ({"interaction_type": "\ud800"}, ["interaction_type"]),
        ({"weight": float("nan")}, ["weight"]),
        ({"weight": float("inf")}, ["weight"]),
        ({"weight": 0}, ["weight"]),
        ({"weight": -1}, ["weight"]),
        ({"weight": 1e10}, ["weight"]),
        ({"weight": 10**400}, ["weight"]),
        ({"weight": "heavy"}, ["weight"]),
        ({"occurred_at": "yesterday"}, ["occurred_at"]),
        ({"occurred_at": "9999-12-31T23:59:59Z"}, ["future"]),
        ({"occurred_at": "9999-12-31T23:59:59-14:00"}, ["occurred_at"]),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, ["occurred_at"]),
        ({"occurred_at": "1969-12-31T23:59:59Z"}, ["1970"]),
        ({"occurred_at": 10**30}, ["occurred_at"]),
        ({"occurred_at": float("nan")}, ["occurred_at"]),
        ({"song_id": "  "}, ["song_id"]),
        ({"received_at": "2025-01-01"}, ["received_at"]),
    ],
)
def test_wrong_feedback_is_422_with_its_place_and_none_of_it_is_kept(
    client, fields, words, kept
):
    refused(post(client, "/feedback", json.dumps(EVENT | fields)), 422, *words)
    batch = {"events": [EVENT, EVENT | fields, EVENT]}
    answer = post(client, "/feedback", json.dumps(batch))
    refused(answer, 422, *words)
    assert answer.json()["detail"][0]["loc"][:4] in (
        ["body", "events", "events", "1"],
        ["body", "events", "1"],
    )


def test_feedback_from_the_future_is_422(client, kept):
    ahead = (datetime.now(UTC) + timedelta(minutes=7)).isoformat()
    refused(
        client.post("/feedback", json=EVENT | {"occurred_at": ahead}), 422, "future"
    )


def test_no_and_too_many_events_are_422(client, kept):
    refused(client.post("/feedback", json={"events": []}), 422)
    refused(client.post("/feedback", json={"events": [EVENT] * 1001}), 422, "1000")
    refused(client.post("/feedback", json={"events": None}), 422)
    refused(client.post("/feedback", json=[EVENT]), 422)


def talk(server, data, half_closed=True):
    """Send bytes as they are, and return the status and the body of the answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as peer:
        peer.sendall(data)
        if half_closed:
            peer.shutdown(socket.SHUT_WR)
        received = b""
        while part := peer.recv(65536):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]) if head else None, body


def test_a_body_that_is_cut_off_is_not_kept(server, kept):
    body = json.dumps({"events": [EVENT] * 3}).encode()
    head = (
        b"POST /feedback HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % (len(body) + 10)
    )
    # whole JSON, but fewer bytes than were announced
    for part in (body, body[:-1], body[:10], b""):
        status, _ = talk(server, head + part)
        assert status in (400, None)
    assert server.client.get("/health").status_code == 200


@pytest.mark.parametrize("path", [b"/feedback", b"/recommend"])
def test_a_body_in_pieces_may_not_pass_the_limit(server, path, kept):
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    head = (
        b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" % path
    )
    status, body = talk(server, head + chunk * 17 + b"0\r\n\r\n", half_closed=False)
    assert status == 413
    assert "1,048,576 bytes" in json.loads(body)["detail"]
    small = json.dumps({"user_id": "listener-005", "n": 1}).encode()
    piece = b"%x\r\n%s\r\n0\r\n\r\n" % (len(small), small)
    if path == b"/recommend":
        assert talk(server, head + piece, half_closed=False)[0] == 200


def test_a_body_that_is_announced_too_large_is_refused_before_it_is_sent(server, kept):
    head = (
        b"POST /feedback HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nContent-Length: 99999999999\r\n\r\n"
    )
    status, body = talk(server, head, half_closed=False)
    assert status == 413
    assert "detail" in json.loads(body)


def test_what_is_no_http_does_not_stop_the_server(server):
    for data in (b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"A" * 100_000, b"\r\n" * 50):
        status, _ = talk(server, data)
        assert status in (400, None)
    status, _ = talk(
        server,
        b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        half_closed=False,
    )
    assert status == 200


def test_nothing_of_all_this_was_an_error_of_the_server(server):
    assert not [line for line in server.log if line["status"] >= 500]
    assert not [line for line in server.lines if "Traceback" in line]
