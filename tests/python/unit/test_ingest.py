"""What happens to a row: recognised, checked, kept once, or refused with a reason."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sunorecsys.errors import SunorecsysError, UsageError
from sunorecsys.ingest import ingest, parse_columns
from sunorecsys.landing import SCHEMAS

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TYPES = ["play", "complete", "like", "save", "share", "skip", "dislike"]
NO_TIME = datetime(1970, 1, 1)
SUNO = Path(__file__).parents[4] / "shared" / "data" / "suno" / "all_songs.json"


class Landing:
    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "landing"

    def ingest(self, kind, content, name="in.json", columns=None, **settings):
        """Ingest one file and return its summary."""
        file = self.folder / name
        if isinstance(content, bytes):
            file.write_bytes(content)
        elif isinstance(content, str):
            file.write_text(content, encoding="utf-8", newline="")
        elif isinstance(content, pa.Table):
            pq.write_table(content, file)
        else:
            file.write_text(json.dumps(content))
        (summary,) = ingest(
            kind,
            [file],
            landing=self.path,
            interaction_types=TYPES,
            columns=columns or {},
            now=NOW,
            **settings,
        )
        return summary

    def rows(self, kind):
        tables = [pq.read_table(file) for file in (self.path / kind).glob("*.parquet")]
        return pa.concat_tables(tables).to_pylist() if tables else []


@pytest.fixture
def landing(tmp_path):
    return Landing(tmp_path)


def song(**fields):
    return {"id": "s1", "title": "One", **fields}


def play(**fields):
    return {"user_id": "u1", "song_id": "s1", **fields}


def assert_reasons(refused, starts):
    reasons = [row["reason"] for row in refused]
    assert len(reasons) == len(starts)
    assert [
        (reason, start)
        for reason, start in zip(reasons, starts, strict=True)
        if not reason.startswith(start)
    ] == []


# --- songs


def test_a_suno_export_is_taken_in_as_it_is(landing):
    if not SUNO.exists():
        pytest.skip(f"{SUNO} is not there")
    exported = json.loads(SUNO.read_text(encoding="utf-8"))
    summary = landing.ingest("songs", SUNO.read_bytes())
    assert (summary.accepted, summary.repeated, summary.rejected) == (234, 0, 0)
    landed = {row["song_id"]: row for row in landing.rows("songs")}
    for row in exported:
        mine = landed[row["id"]]
        assert mine["title"] == row["title"]
        assert mine["creator_id"] == row["user_id"]
        assert mine["tags"] == row["metadata"]["tags"]
        assert mine["prompt"] == row["metadata"]["prompt"]
        assert mine["duration_seconds"] == row["metadata"]["duration"]
        assert mine["model_version"] == row["major_model_version"]
        assert mine["play_count"] == row["play_count"]
        assert mine["is_hidden"] is not row["is_public"]
        created_at = datetime.fromisoformat(row["created_at"])
        assert mine["created_at"] == created_at.replace(tzinfo=None)


def test_other_fields_of_suno_are_recognised(landing):
    landing.ingest(
        "songs",
        {
            "songs": [
                song(
                    handle="maker",
                    display_name=" ",
                    model_name="chirp-v4",
                    image_large_url="large.png",
                    metadata={
                        "tags": ["pop", "slow jam"],
                        "display_tags": "pop",
                        "prompt": "",
                        "gpt_description_prompt": "a song about rain",
                        "duration": 0,
                        "is_remix": True,
                    },
                )
            ]
        },
    )
    (row,) = landing.rows("songs")
    assert row["creator_name"] == "maker"
    assert row["model_version"] == "chirp-v4"
    assert row["image_url"] == "large.png"
    assert row["tags"] == "pop, slow jam"
    assert row["display_tags"] == "pop"
    assert row["prompt"] == "a song about rain"
    assert row["duration_seconds"] is None
    assert row["is_remix"] is True


def test_our_own_column_names_are_recognised_in_parquet(landing):
    landing.ingest("songs", [song(created_at="2025-03-01", play_count=7)])
    first = landing.rows("songs")
    landed = pa.Table.from_pylist(first, schema=SCHEMAS["songs"])
    landing.ingest("songs", landed, name="again.parquet")
    assert landing.rows("songs") == [*first, *first]


def test_songs_that_are_not_public_are_hidden(landing):
    hidden = [
        {"is_public": False},
        {"is_trashed": True},
        {"hidden": True, "is_hidden": False},
        {"is_hidden": True},
    ]
    shown = [{"is_public": True}, {"is_trashed": False}, {}]
    rows = [{"id": number, **row} for number, row in enumerate([*hidden, *shown])]
    landing.ingest("songs", rows)
    is_hidden = [row["is_hidden"] for row in landing.rows("songs")]
    assert is_hidden == [True] * 4 + [False] * 3


BAD_SONGS = [
    (["s1"], "row is not an object"),
    (None, "row is not an object"),
    ({"id": None}, "song_id is missing"),
    ({"id": " \t "}, "song_id is missing"),
    ({"title": "no id"}, "song_id is missing"),
    ({"id": "x" * 513}, "song_id is longer than 512 characters"),
    ({"id": "a\u0007b"}, "song_id has control characters"),
    ({"id": {"a": 1}}, "song_id is an object"),
    (song(title=["a"]), "title is a list"),
    (song(play_count=-1), "play_count is not a whole number from 0 to 1e12"),
    (song(upvote_count=1e13), "upvote_count is not a whole number from 0 to 1e12"),
    (song(comment_count="many"), "comment_count is not a whole number"),
    (song(play_count=1.5), "play_count is not a whole number"),
    (song(play_count=float("nan")), "play_count is not a whole number"),
    (song(duration=-1), "duration_seconds is not a number from 0 to 86400"),
    (song(duration=86_401), "duration_seconds is not a number from 0 to 86400"),
    (song(duration=float("nan")), "duration_seconds is not a number"),
    (song(created_at="yesterday"), "created_at is not a time"),
    (song(created_at="infinity"), "created_at is not a time"),
    (song(created_at="2025-02-30"), "created_at is not a time"),
    (song(created_at="1969-12-31T23:59:59Z"), "created_at is before 1970"),
    (song(created_at=-1), "created_at is before 1970"),
    (song(created_at="2026-01-02T00:00:01Z"), "created_at is in the future"),
    (song(created_at="9999-12-31"), "created_at is in the future"),
    (song(is_public="perhaps"), "is_public is neither true nor false"),
    (song(title="x" * 1_048_577), "title is over 1 MB"),
    (song(title="\ud800"), "row is not valid UTF-8"),
]


def test_bad_songs_are_refused_with_their_reasons_and_the_good_one_lands(landing):
    summary = landing.ingest("songs", [{"id": "good"}, *(row for row, _ in BAD_SONGS)])
    assert (summary.accepted, summary.rejected) == (1, len(BAD_SONGS))
    assert [row["song_id"] for row in landing.rows("songs")] == ["good"]
    refused = landing.rows("rejects")
    assert_reasons(refused, [reason for _, reason in BAD_SONGS])
    assert [row["position"] for row in refused] == list(range(2, len(refused) + 2))
    assert {row["kind"] for row in refused} == {"songs"}
    assert all(row["file"].endswith("in.json") for row in refused)
    assert all(0 < len(row["content"]) <= 500 for row in refused)
    assert sum(summary.reasons.values()) == len(refused)
    assert summary.reasons["song_id is missing"] == 3
    first = {row["reason"]: row["content"] for row in reversed(refused)}
    assert summary.examples
    for example in summary.examples:
        assert example.content == first[example.reason]


def test_unusual_songs_are_good(landing):
    unusual = [
        {"play_count": "12.0", "duration": ""},
        {"created_at": "2026-01-01T23:59:59Z"},
        {"play_count": "", "created_at": "", "metadata": None},
        {"duration": 86_400},
        {"prompt": "la " * 70_000},
    ]
    songs = [{"id": number, **fields} for number, fields in enumerate(unusual)]
    assert landing.ingest("songs", songs).reasons == {}
    rows = landing.rows("songs")
    assert rows[0]["play_count"] == 12
    assert rows[2]["play_count"] is None
    assert len(rows[4]["prompt"]) == 210_000


def test_ids_are_trimmed_and_keep_all_their_digits(landing):
    landing.ingest("songs", [{"id": "\t s1\u00a0"}, {"id": 12345678901234567890123}])
    ids = [row["song_id"] for row in landing.rows("songs")]
    assert ids == ["s1", "12345678901234567890123"]


def test_a_song_id_with_other_content_is_refused_and_the_first_kept(landing):
    rows = [song(), song(), song(title="Other"), song()]
    summary = landing.ingest("songs", rows)
    assert (summary.accepted, summary.repeated, summary.rejected) == (1, 2, 1)
    assert [row["title"] for row in landing.rows("songs")] == ["One"]
    (refused,) = landing.rows("rejects")
    assert "repeated with other content" in refused["reason"]
    assert "Other" in refused["content"]


def test_a_parquet_reject_shows_its_fields(landing):
    table = pa.table({"id": ["a", "b"], "play_count": ["1", "many"]})
    landing.ingest("songs", table, name="in.parquet")
    (refused,) = landing.rows("rejects")
    assert refused["position"] == 2
    assert json.loads(refused["content"]) == {"song_id": "b", "play_count": "many"}


# --- interactions


TIMES = [
    ("2025-11-12T19:39:21.872000Z", datetime(2025, 11, 12, 19, 39, 21, 872000)),
    ("2025-11-12T19:39:21+05:30", datetime(2025, 11, 12, 14, 9, 21)),
    ("2025-11-12T19:39:21-0800", datetime(2025, 11, 13, 3, 39, 21)),
    ("2025-11-12 19:39:21 +02:00", datetime(2025, 11, 12, 17, 39, 21)),
    ("2025-11-12T19:39:21", datetime(2025, 11, 12, 19, 39, 21)),
    ("2025-11-12T19:39:21,5z", datetime(2025, 11, 12, 19, 39, 21, 500000)),
    ("20251112T193921Z", datetime(2025, 11, 12, 19, 39, 21)),
    ("2025-11-12", datetime(2025, 11, 12)),
    (" 2025-11-12 ", datetime(2025, 11, 12)),
    (1700000000, datetime(2023, 11, 14, 22, 13, 20)),
    (1700000000.25, datetime(2023, 11, 14, 22, 13, 20, 250000)),
    ("1700000000", datetime(2023, 11, 14, 22, 13, 20)),
    (1700000000123, datetime(2023, 11, 14, 22, 13, 20, 123000)),
    ("1700000000123", datetime(2023, 11, 14, 22, 13, 20, 123000)),
]


def test_times_are_stored_as_naive_utc(landing):
    plays = [play(song_id=i, timestamp=written) for i, (written, _) in enumerate(TIMES)]
    landing.ingest("interactions", plays)
    stored = [row["occurred_at"] for row in landing.rows("interactions")]
    assert stored == [expected for _, expected in TIMES]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([datetime(2025, 1, 2, 3, 4, 5)], pa.timestamp("ns")),
        pa.array([datetime(2025, 1, 2, 3, 4, 5)], pa.timestamp("s")),
        pa.array([datetime(2025, 1, 2, 3, 4, 5)], pa.timestamp("ms", "Asia/Tokyo")),
        pa.array([1735787045], pa.int64()),
        pa.array([1735787045000.0], pa.float64()),
        pa.array(["2025-01-02T03:04:05Z"]).dictionary_encode(),
    ],
)
def test_times_of_parquet_are_stored_as_naive_utc(landing, values):
    table = pa.table({"user_id": ["u"], "song_id": ["s"], "ts": values})
    landing.ingest("interactions", table, name="in.parquet")
    stored = landing.rows("interactions")[0]["occurred_at"]
    assert stored == datetime(2025, 1, 2, 3, 4, 5)


def test_interaction_types_are_lower_cased(landing):
    names = ["interaction_type", "type", "event_type", "event", "action"]
    landing.ingest("interactions", [play(**{name: " Like "}) for name in names])
    (row,) = landing.rows("interactions")
    assert (row["interaction_type"], row["weight"]) == ("like", len(names))


def test_without_a_type_and_a_count_it_is_one_play(landing):
    landing.ingest("interactions", "user_id,song_id\nu1,s1\n", name="in.csv")
    (row,) = landing.rows("interactions")
    assert (row["interaction_type"], row["weight"]) == ("play", 1)


BAD_PLAYS = [
    ({"user_id": ""}, "user_id is missing"),
    ({"song_id": None}, "song_id is missing"),
    ({"event_id": "e\n1"}, "event_id has control characters"),
    (
        {"type": "Foo"},
        f"unknown interaction type 'foo'; known: {', '.join(TYPES)}",
    ),
    ({"ts": "soon"}, "occurred_at is not a time"),
    ({"ts": 1e300}, "occurred_at is not a time"),
    ({"ts": "NaN"}, "occurred_at is not a time"),
    ({"ts": "1969-12-31"}, "occurred_at is before 1970"),
    ({"ts": "2026-01-03"}, "occurred_at is in the future"),
    ({"weight": float("nan")}, "weight is not a number above 0"),
    ({"weight": "Infinity"}, "weight is not a number above 0"),
    ({"weight": 0}, "weight is not a number above 0"),
    ({"weight": -1}, "weight is not a number above 0"),
    ({"weight": 1_000_000_001}, "weight is not a number above 0"),
    ({"weight": "some"}, "weight is not a number above 0"),
]


def test_bad_interactions_are_refused_with_their_reasons(landing):
    good = play(user_id="good", type="play", ts=0, weight=1e9)
    bad = [play(**fields) for fields, _ in BAD_PLAYS]
    summary = landing.ingest("interactions", [good, *bad])
    assert (summary.accepted, summary.rejected) == (1, len(bad))
    assert [row["user_id"] for row in landing.rows("interactions")] == ["good"]
    assert_reasons(landing.rows("rejects"), [reason for _, reason in BAD_PLAYS])


def test_without_a_time_a_repeat_is_another_play(landing):
    summary = landing.ingest(
        "interactions", [play(), play(weight=2.5), play(type="like"), play()]
    )
    assert (summary.accepted, summary.repeated, summary.without_time) == (4, 0, 4)
    rows = {row["interaction_type"]: row for row in landing.rows("interactions")}
    assert rows["play"]["weight"] == 1 + 2.5 + 1
    assert rows["like"]["weight"] == 1
    assert {row["occurred_at"] for row in rows.values()} == {NO_TIME}


def test_with_a_time_an_exact_repeat_is_kept_once(landing):
    summary = landing.ingest(
        "interactions",
        [
            play(ts="2025-01-01T00:00:00Z"),
            play(ts="2025-01-01T01:00:00+01:00", weight=5),
            play(ts="2025-01-01T00:00:01Z"),
            play(ts="2025-01-01T00:00:00Z", type="like"),
        ],
    )
    assert (summary.accepted, summary.repeated, summary.without_time) == (3, 1, 0)
    assert [row["weight"] for row in landing.rows("interactions")] == [1, 1, 1]


@pytest.mark.parametrize("name", ["event_id", "id"])
def test_an_event_is_kept_once(landing, name):
    summary = landing.ingest(
        "interactions",
        [
            play(**{name: "e1"}, ts="2025-01-01"),
            play(**{name: "e1"}, ts="2025-01-02"),
            play(**{name: "e2"}),
            play(**{name: "e2"}),
            play(**{name: "e3"}),
        ],
    )
    assert (summary.accepted, summary.repeated, summary.without_time) == (3, 2, 2)
    ids = [row["event_id"] for row in landing.rows("interactions")]
    assert ids == ["e1", "e2", "e3"]


def test_unknown_songs_are_kept_and_counted_once(landing, tmp_path):
    landing.ingest("songs", [song()])
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    first.write_text(json.dumps([play(), play(song_id="s2"), play(song_id="s2")]))
    second.write_text(json.dumps([play(song_id="s2"), play(song_id="s3")]))
    summaries = ingest(
        "interactions",
        [first, second],
        landing=landing.path,
        interaction_types=TYPES,
        now=NOW,
    )
    assert [summary.unknown_songs for summary in summaries] == [1, 1]
    assert len(landing.rows("interactions")) == 4


# --- playlists


def places(landing):
    rows = landing.rows("playlists")
    return [(row["playlist_id"], row["song_position"], row["song_id"]) for row in rows]


@pytest.mark.parametrize(
    "songs",
    [
        {"song_ids": ["b", " a ", "b"]},
        {"songs": [{"id": "b"}, {"song_id": "a"}, {"id": "b"}]},
        {"playlist_clips": [{"clip": {"id": i}} for i in "bab"]},
        {"song_ids": "b,a b"},
    ],
)
def test_a_playlist_is_stored_one_row_per_song(landing, songs):
    playlist = {"id": "p", "user_handle": "h", "user_id": "u", **songs}
    summary = landing.ingest("playlists", {"playlists": [playlist]})
    assert (summary.accepted, summary.repeated, summary.rejected) == (1, 1, 0)
    assert places(landing) == [("p", 1, "b"), ("p", 2, "a")]
    assert {row["owner_id"] for row in landing.rows("playlists")} == {"u"}
    assert {row["owner_handle"] for row in landing.rows("playlists")} == {"h"}


@pytest.mark.parametrize(
    "content",
    [
        "id,song_ids\np,b a c\n",
        "id,song_ids\np,b|a|c\n",
        'id,song_ids\np,"b, a, c"\n',
        "playlist_id,song_id\np,b\np,a\np,c\np,b\n",
        "playlist_id,song_id,song_position\np,a,2\np,c,3\np,b,1\n",
    ],
)
def test_a_csv_holds_playlists_in_two_ways(landing, content):
    landing.ingest("playlists", content, name="in.csv")
    assert places(landing) == [("p", 1, "b"), ("p", 2, "a"), ("p", 3, "c")]


@pytest.mark.parametrize(
    "songs",
    [
        pa.array([["b", "a"]]),
        pa.array(["b a"]),
        pa.array([[{"id": "b"}, {"id": "a"}]]),
    ],
)
def test_a_parquet_file_holds_playlists(landing, songs):
    table = pa.table({"playlist_id": ["p"], "song_ids": songs})
    landing.ingest("playlists", table, name="in.parquet")
    assert places(landing) == [("p", 1, "b"), ("p", 2, "a")]


BAD_PLAYLISTS = [
    ({"song_ids": []}, "playlist has no songs"),
    ({"song_ids": None}, "playlist has no songs"),
    ({"song_ids": " "}, "playlist has no songs"),
    ({"song_ids": ["a", None]}, "song_id is missing"),
    ({"song_ids": ["a", "x" * 513]}, "song_id is longer than 512"),
    ({"song_ids": {"a": 1}}, "song_ids is not a list"),
    ({"song_ids": [["a"]]}, "song_ids holds a list"),
    ({"id": " "}, "playlist_id is missing"),
    ({"user_id": "\u0000u"}, "owner_id has control characters"),
]


def test_bad_playlists_are_refused_with_their_reasons(landing):
    good = {"id": "good", "song_ids": ["a"]}
    bad = [{"id": "bad", "song_ids": ["a"], **fields} for fields, _ in BAD_PLAYLISTS]
    summary = landing.ingest("playlists", [good, *bad])
    assert (summary.accepted, summary.rejected) == (1, len(bad))
    assert places(landing) == [("good", 1, "a")]
    assert_reasons(landing.rows("rejects"), [reason for _, reason in BAD_PLAYLISTS])


# --- quality


def scores(landing):
    rows = landing.rows("quality")
    return {(row["song_id"], row["signal"]): row["score"] for row in rows}


def test_axes_of_audiobox_stand_beside_each_other(landing):
    content = "song_id,CE,CU,PC,PQ\na,7.5,8,3.25,9\nb,,,,1e1\n"
    summary = landing.ingest("quality", content, name="in.csv")
    assert (summary.accepted, summary.repeated, summary.rejected) == (2, 0, 0)
    assert scores(landing) == {
        ("a", "audiobox_ce"): 7.5,
        ("a", "audiobox_cu"): 8,
        ("a", "audiobox_pc"): 3.25,
        ("a", "audiobox_pq"): 9,
        ("b", "audiobox_pq"): 10,
    }


def test_a_score_has_the_name_it_came_with(landing):
    rows = [
        {"id": "a", "model": " Music-Flamingo ", "value": "0.5"},
        {"id": "a", "score": -3},
    ]
    landing.ingest("quality", rows)
    assert scores(landing) == {("a", "music-flamingo"): 0.5, ("a", "score"): -3}


def test_the_newest_score_counts_and_then_the_last(landing):
    rows = [
        {"id": "a", "signal": "editor", "score": 1, "scored_at": "2025-02-01"},
        {"id": "a", "signal": "Editor", "score": 2, "scored_at": "2025-01-01"},
        {"id": "b", "signal": "editor", "score": 3},
        {"id": "b", "signal": "editor", "score": 4},
    ]
    summary = landing.ingest("quality", rows)
    assert (summary.accepted, summary.repeated) == (2, 2)
    assert scores(landing) == {("a", "editor"): 1, ("b", "editor"): 4}
    assert [row["exported_at"] for row in landing.rows("quality")] == [
        datetime(2025, 2, 1),
        NOW.replace(tzinfo=None),
    ]


BAD_SCORES = [
    ({"id": " "}, "song_id is missing"),
    ({"score": None}, "row has no score"),
    ({"score": "high"}, "editor is not a number"),
    ({"score": "NaN"}, "editor is not a number"),
    ({"score": "1e400"}, "editor is not a number"),
    ({"score": [1]}, "score is a list"),
    ({"score": True}, "editor is not a number"),
    ({"PQ": "loud"}, "audiobox_pq is not a number"),
    ({"signal": "x'; drop table songs"}, "signal is no name"),
    ({"signal": "é"}, "signal is no name"),
    ({"signal": "x" * 65}, "signal is no name"),
    ({"signal": "Engagement"}, "signal is engagement"),
    ({"scored_at": "soon"}, "exported_at"),
]


def test_bad_scores_are_refused_with_their_reasons(landing):
    good = {"id": "a", "signal": "editor", "score": 1}
    bad = [{**good, "id": "b", **fields} for fields, _ in BAD_SCORES]
    summary = landing.ingest("quality", [good, *bad])
    assert (summary.accepted, summary.rejected) == (1, len(bad))
    assert scores(landing) == {("a", "editor"): 1}
    assert_reasons(landing.rows("rejects"), [reason for _, reason in BAD_SCORES])


def test_a_file_without_a_column_of_scores_is_refused(landing):
    with pytest.raises(SunorecsysError, match="score"):
        landing.ingest("quality", "song_id,rating\na,1\n", name="in.csv")
    content = "song_id,rating\na,1\n"
    landing.ingest("quality", content, name="in.csv", columns={"score": "rating"})
    assert scores(landing) == {("a", "score"): 1}


# --- columns


@pytest.mark.parametrize("pair", ["song_id", "=id", "song_id=", "song_id= ", ""])
def test_a_malformed_mapping_is_wrong_usage(pair):
    with pytest.raises(UsageError, match="song_id=item_id"):
        parse_columns([pair])


def test_a_field_that_is_mapped_twice_is_wrong_usage():
    with pytest.raises(UsageError, match="song_id is already read from a"):
        parse_columns(["song_id=a", "song_id=b"])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"nonsense": "a"}, "songs have no nonsense; they have song_id, title"),
        ({"is_public": "a"}, "songs have no is_public"),
        ({"song_id": "a", "title": "a"}, "a is already read as song_id"),
    ],
)
def test_a_mapping_that_does_not_fit_is_wrong_usage(landing, columns, message):
    with pytest.raises(UsageError, match=message):
        landing.ingest("songs", [{"a": "s1"}], columns=columns)


def test_an_unknown_kind_is_wrong_usage(landing):
    with pytest.raises(UsageError, match="songs, interactions, playlists, quality"):
        landing.ingest("albums", [{"id": "a"}])


@pytest.mark.parametrize(
    ("content", "name", "source"),
    [
        ([{"deep": {"er": {"key": "s1"}}}], "in.json", "deep.er.key"),
        (pa.table({"deep": [{"key": "s1"}]}), "in.parquet", "deep.key"),
        (pa.table({"deep.key": ["s1"]}), "in.parquet", "deep.key"),
        ("deep.key\ns1\n", "in.csv", "deep.key"),
    ],
)
def test_a_mapped_name_reaches_into_objects(landing, content, name, source):
    landing.ingest("songs", content, name=name, columns={"song_id": source})
    assert landing.rows("songs")[0]["song_id"] == "s1"


def test_a_mapped_id_is_not_also_the_id_of_the_event(landing):
    rows = [{"user_id": "u1", "id": "s1"}, {"user_id": "u2", "id": "s1"}]
    summary = landing.ingest("interactions", rows, columns={"song_id": "id"})
    assert (summary.accepted, summary.repeated) == (2, 0)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ([{"item": "s1", "meta": {"x": 1}}], "in.json"),
        ('{"item": "s1", "meta": {"x": 1}}\n{"item": "s2"}\n', "in.jsonl"),
        ("item,meta.x\ns1,1\n", "in.csv"),
        (pa.table({"item": ["s1"], "meta": [{"x": 1}]}), "in.parquet"),
    ],
)
@pytest.mark.parametrize("columns", [{}, {"song_id": "nowhere"}])
def test_a_missing_column_names_the_ones_that_are_there(
    landing, content, name, columns
):
    with pytest.raises(SunorecsysError, match=r"It has: item, .*meta\.x"):
        landing.ingest("songs", content, name=name, columns=columns)
    assert not landing.path.exists()
