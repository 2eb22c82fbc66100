"""Catalogues at the edge, from landing to the answers of a release."""

import json

import pytest

from conftest import crowd, play, song

NASTY = (
    "'; drop table songs; --",
    "\"double\" and 'single'",
    "two\nlines\r\nand\ttabs",
    "🎵🔥👩‍👩‍👧",
    "\x1b[31mred\x1b[0m\x07",
    "\u202eright to left\u202c",
    "x" * 10_000,
    "[bold]markup[/bold] :smile:",
    "{{ var('as_of') }} {% raw %}",
    "$1 ? :name %s \\",
)
NASTY_USER = "u'; --\n🎵\x1b[2J"
LYRICS = "lantern river " * 15_000


def silent(workspace):
    """Nobody listens, and no song has counts."""
    none = {"play_count": None, "upvote_count": None, "comment_count": None}
    workspace.land("songs", [song(number, **none) for number in range(40)])
    workspace.build()


def one_song(workspace):
    workspace.land("songs", [song(1)])
    workspace.land("interactions", [play("u1", "s01")])
    workspace.build()


def one_listener(workspace):
    workspace.land("songs", [song(number) for number in range(40)])
    heard = [play("u1", f"s{n:02}", minutes_ago=100 * n) for n in (1, 2, 3)]
    workspace.land("interactions", heard)
    workspace.build()


def one_creator(workspace):
    songs = [song(number, creator_id="only") for number in range(40)]
    workspace.land("songs", songs)
    workspace.land("interactions", crowd(40, 12))
    workspace.build()


def hidden(workspace):
    workspace.land("songs", [song(number, is_hidden=True) for number in range(40)])
    workspace.land("interactions", crowd(40, 12))
    workspace.build()


def hostile(workspace):
    songs = [song(number) for number in range(40)]
    for one, title in zip(songs, NASTY, strict=False):
        one["title"] = title
        one["creator_name"] = title
    songs[11]["title"] = "   "
    songs[12]["creator_id"] = "o'brien"
    songs[20]["prompt"] = LYRICS
    for one in songs[21:30]:
        one["prompt"] = one["tags"] = None
    songs.append(song(40, song_id="weird'id\"; --"))
    workspace.land("songs", songs)
    events = [play(NASTY_USER, f"s{n:02}", minutes_ago=50 * n + 7) for n in range(6)]
    events.append(play(NASTY_USER, "weird'id\"; --"))
    events += [play("u00", "unknown"), play("ghost", "unknown")]
    workspace.land("interactions", crowd(40, 12) + events)
    workspace.build()


def early(workspace):
    """Songs exist at as_of, but nothing has been heard yet."""
    workspace.land("songs", [song(number) for number in range(40)])
    workspace.land("interactions", crowd(40, 12))
    workspace.build("--as-of", "2024-12-20")


def bad_weights(workspace):
    file = workspace.root / "seeds" / "reference" / "channel_weights.csv"
    header, *lines = file.read_text().splitlines()
    lines[0] = lines[0].rsplit(",", 1)[0] + ",nan"
    lines[1] = lines[1].rsplit(",", 1)[0] + ",-0.2"
    file.write_text("\n".join([header, *lines, ""]))
    refused(workspace)


def unknown_variant(workspace):
    refused(workspace, "--variant", "nosuch")


def empty_landing(workspace):
    refused(workspace, "--source", "landing")


def refused(workspace, *arguments):
    """Build, and keep how that ended."""
    if not arguments:
        workspace.land("songs", [song(number) for number in range(40)])
        workspace.land("interactions", crowd(40, 12))
    done = workspace.cli("build", *arguments)
    kept = {"exit": done.returncode, "out": done.stdout, "err": done.stderr}
    (workspace.root / "ended.json").write_text(json.dumps(kept))


CATALOGUES = {
    make.__name__: make
    for make in (
        silent,
        one_song,
        one_listener,
        one_creator,
        hidden,
        hostile,
        early,
        bad_weights,
        unknown_variant,
        empty_landing,
    )
}


def counts(built, *tables):
    return [built.query(f"select count(*) from {table}")[0][0] for table in tables]


def answers(built, *arguments):
    done = built.cli(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ended(built):
    return json.loads((built.root / "ended.json").read_text())


@pytest.mark.catalogue("silent")
def test_without_listeners_songs_can_still_be_asked_for(built):
    assert counts(built, "songs", "listeners", "recommendations", "popular_songs") == [
        40,
        0,
        0,
        40,
    ]
    # there is nobody to serve, and so nothing to measure but the songs
    assert built.query("select distinct status from health") == [("ok",)]
    week = "select places, recommendable_songs, share_of_songs_served from weekly_lists"
    assert built.query(week) == [(0, 39, 0.0)]
    # nothing is known of any song: all are equal
    assert built.query("select distinct quality_score from songs") == [(0.5,)]
    assert answers(built, "recommend", "--songs", "")["count"] == 30
    listed = answers(built, "recommend", "--songs", "s01,s04")["recommendations"]
    # s01, s04, s07 … share tags and prompt words
    near = {f"s{number:02}" for number in range(1, 40, 3)}
    assert len(listed) == 30
    assert {row["song_id"] for row in listed[:5]} <= near - {"s01", "s04"}
    assert all(row["channel_scores"]["user_cf"] == 0 for row in listed)
    assert {
        row["song_id"]
        for row in answers(built, "similar", "s01", "-n", "5")["similar_songs"]
    } <= near


@pytest.mark.catalogue("silent")
def test_without_listeners_the_demo_says_what_to_do(built):
    done = built.cli("demo")
    assert done.returncode == 1
    assert "Nobody has listened yet" in done.stderr
    assert "sunorecsys ingest interactions" in done.stderr


@pytest.mark.catalogue("one_song")
def test_one_song_that_its_listener_knows(built):
    assert counts(built, "songs", "listeners", "user_songs", "recommendations") == [
        1,
        1,
        1,
        0,
    ]
    assert answers(built, "recommend", "--user", "u1") == {
        "recommendations": [],
        "count": 0,
    }
    assert answers(built, "similar", "s01")["similar_songs"] == []
    assert answers(built, "recommend", "--songs", "s01")["recommendations"] == []
    # a constant signal counts 0.5, and quality weighs 0.1
    assert answers(built, "explain", "u1", "s01")["score"] == pytest.approx(0.05)
    assert built.query("from vector_shift") == []
    assert built.query("select sum(candidates) from score_histograms") == [(0,)]
    assert built.cli("demo").returncode == 0


@pytest.mark.catalogue("one_listener")
def test_one_listener_gets_all_that_is_unheard(built):
    rows = built.query("select song_id from recommendations where user_id = 'u1'")
    heard = {"s01", "s02", "s03"}
    assert {song for (song,) in rows} == {f"s{n:02}" for n in range(40)} - heard
    assert counts(built, "discover_weekly") == [30]
    assert built.query("select song_count, history_stage from listeners") == [
        (3, "light")
    ]


@pytest.mark.catalogue("one_creator")
def test_songs_of_one_creator_still_fill_a_list(built):
    """The creator cap is relaxed, because a short list is worse."""
    assert built.query(
        "select distinct count(*) from discover_weekly group by user_id"
    ) == [(30,)]
    ((kept,),) = built.query(
        "select count(*) from recommendations where user_id = 'u00' "
        "and relaxed_rule is null"
    )
    assert kept == 2


@pytest.mark.catalogue("hidden")
def test_hidden_songs_are_heard_but_never_shown(built):
    shown = ("recommendations", "popular_songs", "discover_weekly")
    assert counts(built, "songs", "listeners", *shown) == [40, 12, 0, 0, 0]
    assert answers(built, "recommend", "--user", "u00")["count"] == 0
    assert answers(built, "recommend", "--songs", "s01")["count"] == 0
    assert counts(built, "listening_history")[0] > 0
    assert answers(built, "explain", "u00", "s01")["score"] > 0
    # and nobody is served, which is not healthy
    bad = "select check_name, check_value from health where status != 'ok'"
    assert built.query(bad) == [("listeners_served", 0.0)]


@pytest.mark.catalogue("hostile")
def test_titles_arrive_as_they_were_sent(built):
    stored = dict(built.query("select song_id, title from songs"))
    for number, title in enumerate(NASTY):
        assert stored[f"s{number:02}"] == title
    assert stored["s11"] == "Untitled"
    assert len(stored) == 41


@pytest.mark.catalogue("hostile")
def test_long_lyrics_and_missing_texts_are_songs_like_others(built):
    assert built.query(
        "select prompt_length, word_count from songs where song_id = 's20'"
    ) == [(len(LYRICS), 30_000)]
    ((empty,),) = built.query(
        "select count(*) from songs where prompt = '' and tags = []"
    )
    assert empty == 9
    # every third song was written from the words river, stone and lantern
    ((like_others,),) = built.query(
        "select count(*) from similar_songs "
        "where song_id = 's20' and channel = 'prompt'"
    )
    assert like_others > 0


@pytest.mark.catalogue("hostile")
def test_plays_of_unknown_songs_count_for_nothing(built):
    assert built.query("select 1 from listeners where user_id = 'ghost'") == []
    assert built.query("select 1 from user_songs where song_id = 'unknown'") == []


@pytest.mark.catalogue("hostile")
def test_a_hostile_listener_gets_a_list_like_anybody(built):
    listed = answers(built, "recommend", "--user", NASTY_USER)
    assert listed["count"] == 30
    first = listed["recommendations"][0]
    told = answers(built, "explain", NASTY_USER, first["song_id"])
    assert told["user_id"] == NASTY_USER
    assert told["score"] == pytest.approx(first["score"], abs=1e-6)
    assert answers(built, "similar", "weird'id\"; --")["song_id"] == "weird'id\"; --"


@pytest.mark.catalogue("hostile")
def test_reasons_are_one_line(built):
    bad = built.query(
        r"select reason from recommendations where regexp_matches(reason, '[\r\n\t]') "
        "or length(reason) > 200"
    )
    assert bad == []


@pytest.mark.catalogue("hostile")
@pytest.mark.parametrize(
    "arguments",
    [
        ("recommend", "--user", NASTY_USER, "-n", "35"),
        ("recommend", "--songs", "s04,s05", "-n", "38"),
        ("similar", "s10", "-n", "38", "--channel", "content"),
        ("explain", NASTY_USER, "s05"),
        ("sql", "select title from songs where length(title) < 100"),
        ("similar", "\x1b[31mred"),
        ("demo",),
    ],
)
def test_the_screen_shows_no_control_character_of_a_title(built, arguments):
    done = built.cli(*arguments)
    shown = done.stdout + done.stderr
    assert shown
    assert "Traceback" not in shown
    assert not [
        c for c in shown if c != "\n" and not (c.isprintable() or c in "\u200d")
    ]
    # a title of 10,000 characters does not fill the screen
    assert shown.count("x") < 1000


@pytest.mark.large
@pytest.mark.catalogue("early")
def test_before_the_first_event_there_are_songs_and_no_listeners(built):
    assert counts(built, "songs", "listeners", "recommendations") == [40, 0, 0]


@pytest.mark.catalogue("bad_weights")
def test_weights_that_are_no_weights_stop_the_build(built):
    end = ended(built)
    assert end["exit"] == 1
    assert "channel_weights" in end["err"]
    assert "Nothing was published" in end["err"]
    assert "Traceback" not in end["err"]
    assert not built.current.exists()


@pytest.mark.catalogue("unknown_variant")
def test_an_unknown_variant_is_named_with_those_that_exist(built):
    end = ended(built)
    assert end["exit"] == 1
    assert "nosuch" in end["err"]
    assert "classic" in end["err"]
    assert not built.current.exists()


@pytest.mark.catalogue("empty_landing")
def test_a_build_from_an_empty_landing_says_how_to_ingest(built):
    end = ended(built)
    assert end["exit"] == 1
    assert "sunorecsys ingest songs" in end["err"]
    assert end["out"] == ""
    assert not built.current.exists()
