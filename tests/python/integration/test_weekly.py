"""Three weeks in a row: served lists are kept, and nothing is heard too soon again."""

import json
from datetime import date, datetime, timedelta

import pyarrow.parquet as pq
import pytest

from conftest import play, song

WEEKS = [date(2025, 1, 6), date(2025, 1, 13), date(2025, 1, 20)]
LISTENERS = 12
SONGS = 150


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
    workspace.build("--as-of", str(WEEKS[1]))
    keep(workspace, "again.json")


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
    (workspace.root / name).write_text(json.dumps(seen))


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
