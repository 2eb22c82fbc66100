"""Three weeks in a row: served lists are kept, and nothing is heard too soon again."""

import json
from collections import Counter
from datetime import date, datetime, timedelta
from math import log

import pyarrow.parquet as pq
import pytest

from conftest import play, song

WEEKS = [date(2025, 1, 6), date(2025, 1, 13), date(2025, 1, 20)]
LISTENERS = 12
SONGS = 150

MONITORING = (
    "weekly_lists",
    "weekly_exposure",
    "creator_exposure",
    "weekly_responses",
    "score_histograms",
    "score_drift",
    "health",
)


def plays():
    """Six new songs per listener and week, from a third of the catalogue."""
    return [
        play(
            f"u{user:02}",
            f"s{(user + week * 6 + step) * 3 % SONGS:02}",
            occurred_at=datetime(2025, 1, 1) + timedelta(days=7 * week, hours=step),
        )
        for user in range(LISTENERS)
        for week in range(3)
        for step in range(6)
    ]


def three_weeks(workspace):
    """Build week by week, then the second week again; keep its lists of both times."""
    # two songs per creator, so that the creator cap leaves enough for every week
    # and too few plays to be judged
    few = {"play_count": 20, "upvote_count": 1, "comment_count": 0}
    songs = [song(n, creator_id=f"c{n % 75}", **few) for n in range(SONGS)]
    late = song(900, song_id="late")
    workspace.land("songs", songs)
    early_bird = play("early-bird", "late", occurred_at=datetime(2025, 1, 1, 12))
    workspace.land("interactions", [*plays(), early_bird])
    for week in WEEKS:
        workspace.build("--as-of", str(week))
        keep(workspace, f"{week}.json")
        if week == WEEKS[0]:
            workspace.land("songs", [late], "late.parquet")
            respond(workspace)
            forget_channels(workspace)
    workspace.build("--as-of", str(WEEKS[1]))
    keep(workspace, "again.json")


def respond(workspace):
    """Two listeners do something with the first songs of their lists."""
    heads = workspace.query(
        "select user_id, song_id from discover_weekly "
        "where user_id in ('u00', 'u01') and playlist_rank <= 3"
    )
    types = {"u00": "complete", "u01": "dislike"}
    events = [
        play(user, song, interaction_type=types[user], occurred_at=moment)
        for user, song in heads
        for moment in (datetime(2025, 1, 7), datetime(2025, 1, 7, 12))
    ]
    workspace.land("interactions", events, "responses.parquet")


def forget_channels(workspace):
    """Make the file of the week one of before the channel was kept."""
    (file,) = (workspace.root / "landing" / "served").iterdir()
    pq.write_table(pq.ParquetFile(file).read().drop(["primary_channel"]), file)


def keep(workspace, name):
    """Write down what a reader of this release saw."""
    lists = workspace.query(
        "select week_start::varchar, user_id, playlist_rank, song_id, blended_score "
        "from discover_weekly order by all"
    )
    relaxed = workspace.query(
        "select user_id, song_id from recommendations "
        "where relaxed_rule is not null order by all"
    )
    listeners = workspace.query("select user_id from listeners order by all")
    seen = {"lists": lists, "relaxed": relaxed, "listeners": listeners}
    for table in MONITORING:
        seen[table] = workspace.query(f"from {table} order by all")
    (workspace.root / name).write_text(json.dumps(seen, default=str))


CATALOGUES = {"three_weeks": three_weeks}
pytestmark = pytest.mark.catalogue("three_weeks")


def seen(built, name):
    return json.loads((built.root / f"{name}.json").read_text())


def of_week(lists, week):
    return [row for row in lists if row[0] == str(week)]


def test_every_week_is_kept_as_a_file_of_landing(built):
    served = built.root / "landing" / "served"
    assert sorted(file.name for file in served.iterdir()) == [
        f"week={week}.parquet" for week in WEEKS
    ]
    for week in WEEKS:
        rows = pq.read_table(served / f"week={week}.parquet").to_pylist()
        stored = {(r["user_id"], r["playlist_rank"], r["song_id"]) for r in rows}
        shown = of_week(seen(built, week)["lists"], week)
        assert stored == {(user, rank, song) for _, user, rank, song, _ in shown}


def test_the_release_holds_this_week_and_the_past_ones(built):
    for number, week in enumerate(WEEKS):
        lists = seen(built, week)["lists"]
        assert sorted({row[0] for row in lists}) == [
            str(w) for w in WEEKS[: number + 1]
        ]
    last = seen(built, WEEKS[2])["lists"]
    for week in WEEKS[:2]:
        assert of_week(last, week) == of_week(seen(built, week)["lists"], week)


def test_nothing_is_served_twice_in_four_weeks_unless_the_rule_was_relaxed(built):
    last = seen(built, WEEKS[2])
    relaxed = {tuple(row) for row in last["relaxed"]}
    before = {
        (row[1], row[3]) for week in WEEKS[:2] for row in of_week(last["lists"], week)
    }
    now = {(row[1], row[3]) for row in of_week(last["lists"], WEEKS[2])}
    assert len(now) >= LISTENERS * 30
    assert (now & before) - relaxed == set()
    # not every song of the week broke a rule
    assert len(now - relaxed) >= LISTENERS


def test_a_week_built_again_is_the_same_though_later_weeks_were_served(built):
    assert seen(built, "again") == seen(built, WEEKS[1])


def test_a_song_that_arrives_later_brings_its_plays(built):
    listeners = [seen(built, week)["listeners"] for week in WEEKS]
    assert ["early-bird"] not in listeners[0]
    assert ["early-bird"] in listeners[1]
    assert len(listeners[1]) == LISTENERS + 1


def test_drift_compares_with_the_week_before_that_was_kept(built):
    kept = built.root / "landing" / "monitoring"
    assert sorted(file.name for file in kept.iterdir()) == [
        f"week={week}.parquet" for week in WEEKS
    ]
    shares = {}
    for week in WEEKS:
        counts = Counter()
        for row in pq.ParquetFile(kept / f"week={week}.parquet").read().to_pylist():
            counts[row["channel"], row["score_bin"]] = row["candidates"]
        for channel in ("item_cf", "content", "prompt", "user_cf"):
            bins = [counts[channel, number] for number in range(1, 11)]
            assert sum(bins) > 0
            shares[week, channel] = [max(n / sum(bins), 0.0001) for n in bins]
    drift = seen(built, WEEKS[2])["score_drift"]
    assert len(drift) == 12
    for week, channel, before, _, _, index in drift:
        if before is None:
            assert (week, index) == (str(WEEKS[0]), None)
            continue
        now = date.fromisoformat(week)
        assert date.fromisoformat(before) == now - timedelta(days=7)
        then = shares[now - timedelta(days=7), channel]
        expected = sum(
            (p - q) * log(p / q)
            for p, q in zip(shares[now, channel], then, strict=True)
        )
        assert index == pytest.approx(expected, abs=1e-7)
    assert max(row[5] or 0 for row in drift) > 0.001


def responses(built, week, kind):
    """Return places and responses by channel, from the files of landing."""
    file = built.root / "landing" / "served" / f"week={week}.parquet"
    landed = built.root / "landing" / "interactions"
    begin = datetime.combine(week, datetime.min.time())
    did = {
        (row["user_id"], row["song_id"])
        for path in landed.iterdir()
        for row in pq.ParquetFile(path).read().to_pylist()
        if row["interaction_type"] == kind
        and begin <= row["occurred_at"] < begin + timedelta(days=7)
    }
    places, found = Counter(), Counter()
    for row in pq.ParquetFile(file).read().to_pylist():
        for channel in (row.get("primary_channel", "unknown"), "all"):
            places[channel] += 1
            found[channel] += (row["user_id"], row["song_id"]) in did
    return {channel: (count, found[channel]) for channel, count in places.items()}


@pytest.mark.parametrize("kind", ["play", "complete", "dislike"])
def test_responses_are_those_to_the_lists_of_weeks_that_are_over(built, kind):
    told = seen(built, WEEKS[2])["weekly_responses"]
    assert {row[0] for row in told} == {str(week) for week in WEEKS[:2]}
    for week in WEEKS[:2]:
        rows = [row for row in told if row[0] == str(week) and row[2] == kind]
        assert {row[1]: (row[3], row[4]) for row in rows} == responses(
            built, week, kind
        )
        assert ("unknown" in {row[1] for row in rows}) == (week == WEEKS[0])
    if kind != "play":
        assert responses(built, WEEKS[0], kind)["all"][1] == 3


def test_every_week_has_its_coverage_and_exposure(built):
    last = seen(built, WEEKS[2])
    lists = {row[0]: row for row in last["weekly_lists"]}
    exposed = {row[0]: row for row in last["weekly_exposure"]}
    for week in WEEKS:
        served = of_week(last["lists"], week)
        songs = {row[3] for row in served}
        # all were made before the first week, the late one too
        existing = SONGS + 1
        assert lists[str(week)][1:6] == [
            len({row[1] for row in served}),
            len(served),
            len(songs),
            existing,
            pytest.approx(len(songs) / existing),
        ]
        # by the mean difference of all pairs, not by ranks
        places = Counter({f"c{n}": 0 for n in range(75)})
        places.update(creator(row[3]) for row in served)
        total, count = sum(places.values()), len(places)
        pairs = sum(abs(a - b) for a in places.values() for b in places.values())
        assert exposed[str(week)][1:4] == [
            count,
            sum(n > 0 for n in places.values()),
            pytest.approx(pairs / (2 * count * total)),
        ]
        top = [row for row in last["creator_exposure"] if row[0] == str(week)]
        assert {row[2]: row[6] for row in top} == {c: n for c, n in places.items() if n}


def creator(song_id):
    """Return who made a song."""
    return f"c{900 % 7}" if song_id == "late" else f"c{int(song_id[1:]) % 75}"


def test_health_compares_the_listeners_of_two_weeks(built):
    values = [
        {row[0]: row[2] for row in seen(built, week)["health"] if row[1] is None}
        for week in WEEKS
    ]
    # in the first week all that are known
    assert values[0]["listeners_served"] == 1
    # early-bird came in the second week
    assert values[1]["listeners_served"] == pytest.approx(13 / 12)
    assert values[1]["songs_disliked"] == pytest.approx(3 / (LISTENERS * 30))
    assert values[2]["listeners_served"] == 1
