"""What every route answers, against the tables of the release itself."""

import json
import math
import shutil
import time
from urllib.parse import quote

import pytest
from prometheus_client.parser import text_string_to_metric_families

from conftest import crowd, serving, song
from sunorecsys.recommender import HybridRecommender

USER = "listener-005"
FIELDS = {
    "rank",
    "song_id",
    "title",
    "creator_name",
    "genre",
    "score",
    "channel_scores",
    "primary_channel",
    "reason",
}

STRANGE = ("a/b", "50% 'off' \"now\" #1?&=+", "../up/../up", "日本/🎵")


def strange_ids(workspace):
    """Songs whose ids are hard to put into a URL."""
    names = {f"s{number:02}": name for number, name in enumerate(STRANGE)}
    rows = [song(number) for number in range(40)]
    workspace.land(
        "songs",
        [row | {"song_id": names.get(row["song_id"], row["song_id"])} for row in rows],
    )
    events = crowd(40, 12)
    workspace.land(
        "interactions",
        [
            one | {"song_id": names.get(one["song_id"], one["song_id"])}
            for one in events
        ],
    )
    workspace.build()


CATALOGUES = {"strange_ids": strange_ids}


@pytest.fixture
def client(server):
    return server.client


def stored(workspace, user, n):
    """Return a listener's list as the tables of the release hold it."""
    rows = workspace.query(
        """
        select
            recommendations.recommendation_rank,
            songs.song_id,
            songs.title,
            songs.creator_name,
            songs.genre,
            recommendations.blended_score,
            recommendations.item_cf_score,
            recommendations.content_score,
            recommendations.prompt_score,
            recommendations.user_cf_score,
            recommendations.quality_score,
            recommendations.primary_channel,
            recommendations.reason
        from recommendations
        inner join listeners on recommendations.user_index = listeners.user_index
        inner join songs on recommendations.song_id = songs.song_id
        where listeners.user_id = $1 and recommendations.recommendation_rank <= $2
        order by recommendations.recommendation_rank
        """,
        user,
        n,
    )
    channels = ("item_cf", "content", "prompt", "user_cf", "quality")
    return [
        {
            "rank": row[0],
            "song_id": row[1],
            "title": row[2],
            "creator_name": row[3],
            "genre": row[4],
            "score": row[5],
            "channel_scores": dict(zip(channels, row[6:11], strict=True)),
            "primary_channel": row[11],
            "reason": row[12],
        }
        for row in rows
    ]


def ids(answer):
    return [row["song_id"] for row in answer["recommendations"]]


def test_the_list_of_a_listener_is_the_stored_one(server, client):
    for n in (1, 30, 100):
        expected = stored(server.workspace, USER, n)
        assert len(expected) == n
        expected = {"recommendations": expected, "count": n}
        posted = client.post("/recommend", json={"user_id": USER, "n": n})
        assert posted.status_code == 200
        assert posted.json() == expected
        got = client.get("/recommend", params={"user_id": USER, "n": n})
        assert got.json() == expected
    assert client.get("/recommend", params={"user_id": USER}).json()["count"] == 30
    assert client.post("/recommend", json={"user_id": USER}).json()["count"] == 30


def test_every_listener_has_a_list(server, client):
    for (user,) in server.workspace.query("select user_id from listeners"):
        answer = client.get("/recommend", params={"user_id": user, "n": 100}).json()
        assert answer["recommendations"] == stored(server.workspace, user, 100)


def test_sql_cli_python_and_rest_give_the_same_list(server, client):
    workspace = server.workspace
    # a new one, a light one and a regular one
    users = [
        user
        for (user,) in workspace.query(
            "select min(user_id) from listeners group by history_stage"
        )
    ]
    assert len(users) == 3
    with HybridRecommender.load(workspace.root) as recommender:
        for user in users:
            rest = client.post("/recommend", json={"user_id": user, "n": 40}).json()
            python = recommender.recommend(user_id=user, n=40)
            done = workspace.cli("recommend", "--user", user, "-n", "40", "--json")
            sql = workspace.query(
                "select song_id, blended_score, reason from recommend($1, n := 40)",
                user,
            )
            assert rest["recommendations"] == python
            assert json.loads(done.stdout) == rest
            assert sql == [(r["song_id"], r["score"], r["reason"]) for r in python]


def test_a_list_from_seed_songs_is_what_the_macro_says(server, client):
    seeds = ["song-0001", "song-0002"]
    rows = server.workspace.query(
        "select song_id, blended_score from recommend_from($1, n := 10)", seeds
    )
    answer = client.post("/recommend", json={"song_ids": seeds, "n": 10}).json()
    assert set(answer) == {"recommendations", "count"}
    assert answer["count"] == 10
    assert [(row["song_id"], row["score"]) for row in answer["recommendations"]] == rows
    assert not set(ids(answer)) & set(seeds)
    for position, row in enumerate(answer["recommendations"], start=1):
        assert set(row) == FIELDS
        assert row["rank"] == position
        assert row["score"] == pytest.approx(
            math.fsum(row["channel_scores"].values()), abs=1e-8
        )
        assert row["reason"]
    got = client.get("/recommend", params={"song_ids": seeds, "n": 10}).json()
    assert got == answer


def test_duplicate_seeds_count_once_and_unknown_ones_are_named(client):
    once = client.post("/recommend", json={"song_ids": ["song-0001", "song-0002"]})
    twice = client.post(
        "/recommend",
        json={"song_ids": ["song-0001", "nosuch", "song-0002", "song-0001", "nosuch"]},
    )
    assert twice.status_code == 200
    assert twice.json()["unknown_song_ids"] == ["nosuch"]
    assert twice.json()["recommendations"] == once.json()["recommendations"]


def test_seeds_that_are_all_unknown_are_404_with_the_nearest(client):
    answer = client.post("/recommend", json={"song_ids": ["song-00001", "other"]})
    assert answer.status_code == 404
    assert "song-0001" in [song["song_id"] for song in answer.json()["nearest"]]
    assert "song-00001" in answer.json()["detail"]


def test_no_seeds_give_popular_songs(server, client):
    answer = client.post("/recommend", json={"song_ids": [], "n": 12}).json()
    assert answer["count"] == 12
    popular = server.workspace.query(
        "select song_id from popular_songs order by variety_rank limit 12"
    )
    assert ids(answer) == [song for (song,) in popular]
    assert {row["primary_channel"] for row in answer["recommendations"]} == {
        "popularity"
    }


def test_excluded_songs_are_out_and_the_list_stays_full(client):
    ask = {"user_id": USER, "n": 100}
    whole = ids(client.post("/recommend", json=ask).json())
    out = [*whole[:60], "no-such-song"]
    few = client.post("/recommend", json=ask | {"n": 20, "exclude_song_ids": out})
    assert ids(few.json()) == whole[60:80]
    assert [row["rank"] for row in few.json()["recommendations"]] == list(range(1, 21))
    # more than a release stores beyond what is left out
    more = client.post("/recommend", json=ask | {"exclude_song_ids": out}).json()
    assert more["count"] == 100
    assert not set(ids(more)) & set(out)
    assert ids(more)[:40] == whole[60:]
    got = client.get("/recommend", params=ask | {"n": 20, "exclude_song_ids": out})
    assert got.json() == few.json()
    seeds = {"song_ids": ["song-0001"], "n": 5}
    first = ids(client.post("/recommend", json=seeds).json())
    rest = client.post("/recommend", json=seeds | {"exclude_song_ids": first}).json()
    assert rest["count"] == 5
    assert not set(ids(rest)) & set(first)


@pytest.mark.parametrize("channel", ["blended", "item_cf", "content", "prompt"])
def test_similar_songs_are_the_stored_ones(server, client, channel):
    rows = server.workspace.query(
        """
        select similar_songs.similarity_rank, found.song_id, similar_songs.similarity
        from similar_songs
        inner join songs on similar_songs.song_index = songs.song_index
        inner join songs as found
            on similar_songs.similar_song_index = found.song_index
        where songs.song_id = 'song-0007' and similar_songs.channel = $1
            and similar_songs.similarity_rank <= 7
        order by 1
        """,
        channel,
    )
    answer = client.get("/similar/song-0007", params={"n": 7, "channel": channel})
    assert answer.status_code == 200
    body = answer.json()
    assert body["song_id"] == "song-0007"
    assert body["count"] == len(body["similar_songs"]) == 7
    found = [
        (row["similarity_rank"], row["song_id"], row["similarity"])
        for row in body["similar_songs"]
    ]
    assert found == rows
    default = client.get("/similar/song-0007").json()
    assert default["count"] == 10


def test_explanations_add_up_to_the_score_of_the_list(server, client):
    for user in (USER, "creator-005"):
        listed = client.get("/recommend", params={"user_id": user, "n": 100}).json()
        for row in listed["recommendations"][::9]:
            answer = client.get(f"/explain/{user}/{row['song_id']}")
            assert answer.status_code == 200
            body = answer.json()
            assert (body["user_id"], body["song_id"]) == (user, row["song_id"])
            if row["primary_channel"] != "popularity":
                assert body["score"] == pytest.approx(row["score"], abs=1e-6)
            total = math.fsum(part["contribution"] for part in body["contributions"])
            assert total == pytest.approx(body["score"], abs=1e-8)


def test_why_not_is_what_the_release_says(server, client):
    listed = client.get("/recommend", params={"user_id": USER, "n": 100}).json()
    heard = server.workspace.query(
        "select song_id from user_songs where user_id = $1 limit 1", USER
    )
    songs = [row["song_id"] for row in listed["recommendations"][::20]]
    with HybridRecommender.load(server.workspace.root) as recommender:
        for song in (*songs, heard[0][0]):
            answer = client.get(f"/why-not/{USER}/{song}")
            assert answer.status_code == 200
            body = answer.json()
            rows = server.workspace.query(
                "select rule, detail, recommendation_rank, blended_score, gap "
                "from why_not($1, $2)",
                USER,
                song,
            )
            assert [(one["rule"], one["detail"]) for one in body["rules"]] == [
                row[:2] for row in rows
            ]
            assert (
                body["recommendation_rank"],
                body["blended_score"],
                body["gap"],
            ) == rows[0][2:]
            assert body == recommender.why_not(USER, song)


@pytest.mark.catalogue("strange_ids")
def test_ids_with_slashes_quotes_and_other_scripts_work_in_every_route(built, tmp_path):
    with serving(built.twin(tmp_path / "project")) as server:
        for name in STRANGE:
            path = quote(name, safe="")
            similar = server.client.get(f"/similar/{path}")
            assert similar.status_code == 200, name
            assert similar.json()["song_id"] == name
            assert similar.json()["count"] > 0
            listed = server.client.post("/recommend", json={"song_ids": [name]})
            assert listed.status_code == 200
            assert name not in ids(listed.json())
            assert server.client.get(
                "/recommend", params={"song_ids": [name]}
            ).json() == (listed.json())
            explained = server.client.get(f"/explain/u00/{path}")
            assert explained.json()["song_id"] == name
            missed = server.client.get(f"/why-not/u00/{path}")
            assert missed.json()["song_id"] == name
            told = server.client.post(
                "/feedback", json={"user_id": f"for {name}", "song_id": name}
            )
            assert told.status_code == 202
            mine = server.client.post("/recommend", json={"user_id": f"for {name}"})
            assert mine.status_code == 200
            assert mine.json() == listed.json()


def test_feedback_is_received_once_however_often_it_is_sent(client):
    one = client.post("/feedback", json={"user_id": "fb-1", "song_id": "song-0001"})
    assert one.status_code == 202
    assert (one.json()["accepted"], one.json()["repeated"]) == (1, 0)
    assert len(one.json()["event_ids"]) == 1
    events = [
        {
            "user_id": "fb-1",
            "song_id": f"song-{number:04}",
            "interaction_type": "like",
            "event_id": f"fb-1-{number}",
            "occurred_at": "2025-11-17T08:30:00Z",
            "weight": 2,
        }
        for number in range(1, 1001)
    ]
    first = client.post("/feedback", json={"events": events[:500]})
    assert (first.json()["accepted"], first.json()["repeated"]) == (500, 0)
    many = client.post("/feedback", json={"events": events})
    assert many.status_code == 202
    assert many.json() == {
        "accepted": 500,
        "repeated": 500,
        "event_ids": [event["event_id"] for event in events],
    }


def test_a_disliked_song_is_gone_from_the_next_answer(client):
    ask = {"params": {"user_id": "listener-011", "n": 100}}
    before = client.get("/recommend", **ask)
    first, second = ids(before.json())[:2]
    told = client.post(
        "/feedback",
        json={
            "user_id": "listener-011",
            "song_id": first,
            "interaction_type": "dislike",
        },
    )
    assert told.status_code == 202
    after = client.get("/recommend", **ask)
    assert first not in ids(after.json())
    assert second in ids(after.json())
    assert after.headers["etag"] != before.headers["etag"]


def test_health_and_info_name_the_release(server, client):
    (row,) = server.workspace.query(
        "select release_id, schema_version, as_of from build_info"
    )
    health = client.get("/health")
    assert health.status_code == 200
    assert health.json() == {
        "status": "ok",
        "release_id": row[0],
        "as_of": f"{row[2].isoformat()}Z",
    }
    info = client.get("/info").json()
    assert info["release_id"] == row[0]
    assert info["schema_version"] == row[1]
    assert info["row_counts"]["listeners"] == 250
    assert info["settings"]["last_n"] == 50


def test_prometheus_reads_the_measures(server, client):
    def measured():
        families = text_string_to_metric_families(client.get("/metrics").text)
        return {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    asked = ("route", "/similar/{song_id}"), ("status", "200")
    key = ("sunorecsys_requests_total", ("method", "GET"), *asked)
    before = measured()
    for _ in range(3):
        client.get("/similar/song-0100")
    client.post("/feedback", json={"user_id": "fb-2", "song_id": "song-0001"})
    after = measured()
    assert after[key] - before.get(key, 0) == 3
    cached = ("sunorecsys_answers_total", ("source", "cache"))
    assert after[cached] - before.get(cached, 0) == 2
    accepted = ("sunorecsys_feedback_events_total", ("result", "accepted"))
    assert after[accepted] - before.get(accepted, 0) == 1
    (release,) = server.workspace.query("select release_id from build_info")
    assert after["sunorecsys_release", ("release_id", release[0])] == 1
    assert after[("sunorecsys_release_as_of_timestamp_seconds",)] == 1763337600
    assert not any(USER in str(key) for key in after)


def test_openapi_shows_every_route(client):
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.")
    shown = {
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert shown == {
        ("GET", "/recommend"),
        ("POST", "/recommend"),
        ("GET", "/similar/{song_id}"),
        ("GET", "/search"),
        ("GET", "/explain/{user_id}/{song_id}"),
        ("GET", "/why-not/{user_id}/{song_id}"),
        ("POST", "/feedback"),
        ("GET", "/health"),
        ("GET", "/info"),
        ("GET", "/metrics"),
    }
    assert client.get("/docs").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/recommend?user_id=listener-005",
        "/recommend?song_ids=song-0001&song_ids=song-0002",
        "/similar/song-0001",
        "/explain/listener-005/song-0001",
        "/why-not/listener-005/song-0001",
    ],
)
def test_an_answer_that_has_not_changed_is_304(client, path):
    first = client.get(path)
    tag = first.headers["etag"]
    assert client.get(path).headers["etag"] == tag
    for asked in (tag, tag.removeprefix("W/"), f'"other", {tag}'):
        again = client.get(path, headers={"If-None-Match": asked})
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["etag"] == tag
    other = client.get(path, headers={"If-None-Match": 'W/"other"'})
    assert (other.status_code, other.json()) == (200, first.json())


def test_an_unknown_song_or_listener_is_404_even_with_a_known_tag(client):
    tag = client.get("/similar/song-0001").headers["etag"]
    for path in ("/similar/nosuch", "/recommend?user_id=nosuch"):
        answer = client.get(path, headers={"If-None-Match": f"{tag}, *"})
        assert answer.status_code == 404


@pytest.mark.large
def test_tags_change_with_feedback_and_with_the_release(sample_project, tmp_path):
    twin = sample_project.twin(tmp_path / "project")
    with serving(twin) as server:
        paths = ("/recommend?user_id=listener-005", "/explain/listener-005/song-0001")
        similar, other = "/similar/song-0001", "/recommend?user_id=listener-006"

        def tags():
            return {
                path: server.client.get(path).headers["etag"]
                for path in (*paths, similar, other)
            }

        first = tags()
        server.client.post("/feedback", json={"user_id": USER, "song_id": "song-0001"})
        second = tags()
        for path in paths:
            assert second[path] != first[path]
            stale = server.client.get(path, headers={"If-None-Match": first[path]})
            assert stale.status_code == 200
            fresh = server.client.get(path, headers={"If-None-Match": second[path]})
            assert fresh.status_code == 304
        assert second[similar] == first[similar]
        assert second[other] == first[other]

        twin.build("--as-of", "2025-11-10")
        third = tags()
        for path in (*paths, similar, other):
            assert third[path] != second[path]
            assert "2025-11-10" in third[path]
            stale = server.client.get(path, headers={"If-None-Match": second[path]})
            assert stale.status_code == 200


def test_large_answers_are_compressed_for_those_who_accept_it(server):
    with server.new_client(headers={"Accept-Encoding": "gzip"}) as client:
        packed = client.get(f"/recommend?user_id={USER}")
    assert packed.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in packed.headers["vary"].lower()
    with server.new_client(headers={"Accept-Encoding": "identity"}) as client:
        plain = client.get(f"/recommend?user_id={USER}")
        small = client.get("/health")
    assert "content-encoding" not in plain.headers
    assert plain.json() == packed.json()
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert "content-encoding" not in small.headers


def test_every_answer_has_an_id_that_the_log_knows(server, client):
    own = client.get("/health", headers={"X-Request-ID": "my-request.1"})
    assert own.headers["x-request-id"] == "my-request.1"
    made = client.get("/nosuch")
    assert made.status_code == 404
    hostile = client.get("/health", headers={"X-Request-ID": 'a"b{}' + "x" * 100})
    given = hostile.headers["x-request-id"]
    assert given.isalnum()
    assert len(given) == 32
    wanted = {"my-request.1", made.headers["x-request-id"], given}
    deadline = time.monotonic() + 10
    while not wanted <= {line["request_id"] for line in server.log}:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_other_sites_may_ask_only_if_they_are_listed(server, sample_project, tmp_path):
    asked = {"Origin": "https://music.example", "Access-Control-Request-Method": "POST"}
    plain = server.client.get("/health", headers=asked)
    assert not any(name.startswith("access-control") for name in plain.headers)
    twin = sample_project.twin(tmp_path / "project")
    with serving(twin, "--cors-origin", "https://music.example") as other:
        answer = other.client.get("/health", headers=asked)
        allowed = answer.headers["access-control-allow-origin"]
        assert allowed == "https://music.example"
        before = other.client.options("/recommend", headers=asked)
        assert before.status_code == 200
        assert "POST" in before.headers["access-control-allow-methods"]
        stranger = other.client.get(
            "/health", headers={"Origin": "https://evil.example"}
        )
        assert "access-control-allow-origin" not in stranger.headers
    shutil.rmtree(twin.root)
