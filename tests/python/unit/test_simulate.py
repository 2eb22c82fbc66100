from datetime import datetime, timedelta
from itertools import pairwise

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from sunorecsys.errors import SunorecsysError
from sunorecsys.landing import SCHEMAS
from sunorecsys.simulate import TYPES, Listening
from sunorecsys.simulate.catalogue import invent, monday_after
from sunorecsys.simulate.words import GENRES, LANGUAGES, THEMES, genre_and_scene, handle

UNTIL = datetime(2025, 11, 17)


def generator(seed=42):
    return np.random.Generator(np.random.PCG64(seed))


def happenings(songs, *, listeners=400, plays=20_000, playlists=80, seed=42, **more):
    listening = Listening(
        songs,
        listeners=listeners,
        plays=plays,
        playlists=playlists,
        rng=generator(seed),
        **{"until": UNTIL, "weeks": 12, **more},
    )
    chunks = list(listening.chunks())
    return (
        pa.concat_tables([chunk.interactions for chunk in chunks]),
        pa.concat_tables([chunk.playlists for chunk in chunks]),
    )


@pytest.fixture(scope="module")
def songs():
    return invent(800, 150, rng=generator(), until=UNTIL)


@pytest.fixture(scope="module")
def database(songs):
    events, playlists = happenings(songs)
    connection = duckdb.connect()
    connection.register("songs", songs)
    connection.register("events", events)
    connection.register("playlists", playlists)
    guesses = [genre_and_scene(tags) for tags in songs["tags"].to_pylist()]
    scenes = pa.table(
        {
            "song_id": songs["song_id"],
            "genre": [genre for genre, _ in guesses],
            "scene": [3 * genre + scene for genre, scene in guesses],
        }
    )
    connection.register("scenes", scenes)
    yield connection
    connection.close()


def value(database, query):
    return database.execute(query).fetchone()[0]


def column(database, query):
    return [row[0] for row in database.execute(query).fetchall()]


def test_the_same_seed_gives_the_same_songs(songs):
    assert invent(800, 150, rng=generator(), until=UNTIL).equals(songs)
    assert not invent(800, 150, rng=generator(1), until=UNTIL).equals(songs)


def test_the_same_seed_gives_the_same_events(songs):
    once, again, other = (
        happenings(songs, listeners=50, plays=1000, playlists=9, seed=seed)
        for seed in (5, 5, 6)
    )
    assert once[0].equals(again[0])
    assert once[1].equals(again[1])
    assert not once[0].equals(other[0])


def test_tables_have_the_landing_schemas(songs):
    events, playlists = happenings(songs, listeners=20, plays=100, playlists=3)
    assert songs.schema == SCHEMAS["songs"]
    assert events.schema == SCHEMAS["interactions"]
    assert playlists.schema == SCHEMAS["playlists"]


@pytest.mark.parametrize("plays", [1, 7, 333, 20_000])
@pytest.mark.parametrize("listeners", [1, 3, 120])
def test_there_are_exactly_as_many_plays_as_asked(songs, listeners, plays):
    events, _ = happenings(songs, listeners=listeners, plays=plays, playlists=0)
    assert events["interaction_type"].to_pylist().count("play") == plays


def test_every_type_occurs_and_plays_are_most(database):
    counts = dict(
        database.execute(
            "select interaction_type, count(*) from events group by 1"
        ).fetchall()
    )
    assert set(counts) == set(TYPES)
    assert counts["play"] > sum(counts.values()) / 2
    assert counts["like"] > counts["save"] > counts["share"] > 0
    assert counts["skip"] > counts["dislike"]


def test_event_ids_are_unique(database):
    assert (
        value(database, "select count(*) - count(distinct event_id) from events") == 0
    )
    assert value(database, "select min(event_id) from events") == "e00001"


def test_a_tenth_of_the_songs_has_most_plays(database):
    plays = column(
        database,
        "select count(*) from events where interaction_type = 'play' "
        "group by song_id order by 1 desc",
    )
    assert sum(plays[:80]) > 0.4 * sum(plays)
    # Nor is it one song that everybody plays.
    assert plays[0] < 0.15 * sum(plays)


def test_activity_varies(database):
    plays = column(
        database,
        "select count(*) from events where interaction_type = 'play' group by user_id",
    )
    assert min(plays) <= 4
    assert max(plays) > 5 * np.median(plays)


def test_some_songs_stay_cold(database):
    cold = value(
        database,
        "select count(*) from songs where song_id not in (select song_id from events)",
    )
    assert 0.03 * 800 < cold < 0.2 * 800


def test_listeners_keep_to_their_genres(database):
    catalogue = value(
        database,
        "select max(c) / sum(c) from (select count(*) as c from scenes group by genre)",
    )
    listener = value(
        database,
        """
        select avg(share) from (
            select max(c) / sum(c) as share from (
                select user_id, genre, count(*) as c
                from events inner join scenes using (song_id)
                where interaction_type = 'play'
                group by user_id, genre
            )
            group by user_id
            having sum(c) >= 20
        )
        """,
    )
    assert listener > 0.5
    assert listener > 3 * catalogue


def test_listeners_keep_to_a_scene_inside_the_genre(database):
    share = value(
        database,
        """
        with counted as (
            select user_id, genre, scene, count(*) as c
            from events inner join scenes using (song_id)
            where interaction_type = 'play'
            group by user_id, genre, scene
        ),
        in_genre as (
            select user_id, genre, max(c) / sum(c) as share
            from counted
            group by user_id, genre
            having sum(c) >= 20
        )
        select avg(share) from in_genre
        """,
    )
    # Of three scenes of equal weight the first of a listener would have 4 in 10.
    assert share > 0.65


def test_co_occurrence_predicts_better_than_popularity(database):
    rows = database.execute(
        "select distinct user_id, song_id, occurred_at >= '2025-11-03' as is_late "
        "from events where interaction_type = 'play' order by all"
    ).fetchnumpy()
    users, user = np.unique(rows["user_id"].astype(str), return_inverse=True)
    named, song = np.unique(rows["song_id"].astype(str), return_inverse=True)
    late = rows["is_late"].astype(bool)
    heard = np.zeros((len(users), len(named)))
    heard[user[~late], song[~late]] = 1
    wanted = np.zeros_like(heard)
    wanted[user[late], song[late]] = 1
    wanted[heard > 0] = 0
    popularity = heard.sum(axis=0)
    norm = np.sqrt(np.maximum(popularity, 1))
    cosine = heard.T @ heard / np.outer(norm, norm)

    def recall(scores):
        best = np.argsort(np.where(heard > 0, -1.0, scores), axis=1)[:, -20:]
        hits = np.take_along_axis(wanted, best, axis=1).sum(axis=1)
        tested = wanted.sum(axis=1) > 0
        return (hits[tested] / np.minimum(20, wanted.sum(axis=1)[tested])).mean()

    assert recall(heard @ cosine) > 1.5 * recall(np.tile(popularity, (len(users), 1)))


def test_no_event_before_its_song_or_outside_the_weeks(database):
    early = value(
        database,
        "select count(*) from events inner join songs using (song_id) "
        "where occurred_at <= created_at",
    )
    assert early == 0
    first, last = database.execute(
        "select min(occurred_at), max(occurred_at) from events"
    ).fetchone()
    assert UNTIL - timedelta(weeks=12) <= first < UNTIL - timedelta(weeks=11)
    assert UNTIL - timedelta(days=1) < last < UNTIL


def test_some_listeners_skip_the_present_week(database):
    idle = value(
        database,
        """
        select count(*) from (
            select user_id from events group by user_id
            having count(*) > 100 and max(occurred_at) < '2025-11-10'
        )
        """,
    )
    assert idle > 0


def test_some_listeners_only_skip(database):
    assert value(
        database,
        """
        select count(*) from (
            select user_id from events group by user_id
            having bool_and(interaction_type in ('skip', 'dislike'))
        )
        """,
    )


def test_songs_are_played_again(database):
    plays, pairs = database.execute(
        "select count(*), count(distinct (user_id, song_id)) from events "
        "where interaction_type = 'play'"
    ).fetchone()
    assert 1.2 < plays / pairs < 4


def test_a_song_is_liked_or_disliked_once(database):
    assert (
        value(
            database,
            "select max(c) from (select count(*) as c from events "
            "where interaction_type = 'like' group by user_id, song_id)",
        )
        == 1
    )


def test_likes_go_to_songs_with_upvotes(database):
    good, bad = column(
        database,
        """
        with rated as (
            select song_id, ntile(2) over (order by upvote_count / play_count) as half
            from songs where play_count > 30
        )
        select count(*) filter (interaction_type = 'like')
            / count(*) filter (interaction_type = 'play')
        from events inner join rated using (song_id)
        group by half order by half desc
        """,
    )
    assert good > 1.3 * bad


def test_some_creators_listen_and_play_their_own_songs(database):
    assert value(
        database,
        "select count(distinct user_id) from events "
        "where user_id in (select creator_id from songs)",
    ) == round(0.04 * 400)
    own = value(
        database,
        "select count(*) from events inner join songs using (song_id) "
        "where user_id = creator_id",
    )
    assert 0 < own < 500


def test_playlists_name_songs_once_and_count_from_one(database):
    assert value(database, "select count(distinct playlist_id) from playlists") == 80
    assert (
        value(
            database,
            """
            select count(*) from (
                select playlist_id from playlists group by playlist_id
                having count(distinct song_id) <> count(*)
                    or max(song_position) <> count(*) or min(song_position) <> 1
            )
            """,
        )
        == 0
    )
    assert value(
        database,
        "select count(*) from playlists "
        "where owner_id is null and owner_handle is null",
    )
    assert (
        value(
            database,
            "select count(*) from playlists where owner_id is not null "
            "and owner_id not in (select user_id from events)",
        )
        == 0
    )


def test_events_do_not_depend_on_how_many_are_held_at_a_time(songs, monkeypatch):
    monkeypatch.setattr("sunorecsys.simulate._CHUNK_PLAYS", 2000)
    events, playlists = happenings(songs)
    kinds = events["interaction_type"].to_pylist()
    assert kinds.count("play") == 20_000
    assert len(set(events["event_id"].to_pylist())) == len(events)
    assert len(set(playlists["playlist_id"].to_pylist())) == 80


def bare_songs(count, created_at):
    ids = [f"s{number}" for number in range(count)]
    empty = pa.table(
        {
            field.name: pa.nulls(count, field.type)
            for field in SCHEMAS["songs"]
            if field.name not in ("song_id", "created_at")
        }
    )
    created = pa.array([created_at] * count, pa.timestamp("us"))
    return empty.append_column("song_id", pa.array(ids)).append_column(
        "created_at", created
    )


@pytest.mark.parametrize("count", [1, 2, 30])
@pytest.mark.parametrize("created_at", [None, datetime(2025, 11, 16, 20)])
def test_songs_of_which_nothing_else_is_known_are_played(count, created_at):
    events, _ = happenings(
        bare_songs(count, created_at), listeners=9, plays=300, playlists=90, weeks=1
    )
    assert events["interaction_type"].to_pylist().count("play") == 300


def test_songs_that_are_all_too_new_are_refused():
    with pytest.raises(SunorecsysError, match="later --until"):
        happenings(bare_songs(3, UNTIL))


def test_a_catalogue_has_what_real_ones_have(database):
    songs, creators, instrumental, remixes, hidden, uncounted, sections = (
        database.execute(
            r"""
            select
                count(distinct song_id),
                count(distinct creator_id),
                count(*) filter (prompt is null),
                count(*) filter (is_remix),
                count(*) filter (is_hidden),
                count(*) filter (play_count is null),
                count(*) filter (
                    prompt like '%[Verse]%' and prompt like '%[Chorus]%'
                    and prompt like '%[Bridge]%'
                )
            from songs
            """
        ).fetchone()
    )
    assert (songs, creators) == (800, 150)
    assert 40 < instrumental < 200
    assert 5 < remixes < 80
    assert 1 < hidden < 40
    assert 1 < uncounted < 50
    assert sections > 300
    tags = column(database, "select len(string_split(tags, ',')) from songs")
    assert min(tags) >= 4
    assert max(tags) <= 10
    durations = column(database, "select duration_seconds from songs")
    assert min(durations) >= 60
    assert max(durations) <= 300
    assert value(database, "select count(distinct genre) from scenes") == len(GENRES)
    assert value(database, "select bool_and(upvote_count <= play_count) from songs")
    older = value(
        database,
        "select avg((created_at < '2025-08-25')::int) from songs",
    )
    assert 0.55 < older < 0.8


def test_versions_share_creator_and_lyrics(database):
    assert (
        value(
            database,
            """
            select count(*) from songs as remix where is_remix and not exists (
                from songs as original
                where remix.title = original.title || ' (Remix)'
                    and remix.prompt is not distinct from original.prompt
                    and remix.creator_id = original.creator_id
                    and remix.created_at > original.created_at
            )
            """,
        )
        == 0
    )


def test_one_song_is_a_catalogue():
    assert invent(1, 1, rng=generator(), until=UNTIL).num_rows == 1


@pytest.mark.parametrize(
    ("tags", "genre"),
    [
        ("K-Pop, girl crush", "k-pop"),
        ("dreamy pop punk", "punk"),
        ("warm pads, Deep House", "house"),
        ("chillhop, pop", "lo-fi"),
        ("alternative r&b", "r&b"),
    ],
)
def test_the_earliest_and_longest_word_names_the_genre(tags, genre):
    assert GENRES[genre_and_scene(tags)[0]].name == genre


@pytest.mark.parametrize("tags", [None, "", "something else"])
def test_without_a_word_there_is_no_genre(tags):
    assert genre_and_scene(tags) == (len(GENRES), -1)


def test_every_genre_is_recognized_by_its_name_and_scene():
    for number, genre in enumerate(GENRES):
        for scene, tags in enumerate(genre.scenes):
            text = ", ".join((genre.name, *tags))
            assert genre_and_scene(text) == (number, scene)


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_every_language_has_words_for_every_theme(language):
    things = [language.things(theme) for theme in range(len(THEMES))]
    assert len(language.themes) == len(THEMES)
    # Numbers that the walk of a song visits in full.
    assert {len(named) for named in things} <= {8, 12}
    assert len(language.lines) in (12, 32)
    assert all(len(set(named)) == len(named) for named in things)


def test_lyrics_of_different_songs_differ(songs):
    prompts = songs.filter(pc.invert(songs["is_remix"]))["prompt"].drop_null()
    texts = [set(text.splitlines()) for text in prompts.to_pylist()]
    overlaps = [len(one & other) / len(one | other) for one, other in pairwise(texts)]
    assert np.mean(overlaps) < 0.2


def test_handles_are_unique():
    assert len({handle(number) for number in range(5000)}) == 5000


@pytest.mark.parametrize(
    ("newest", "monday"),
    [
        (datetime(2025, 11, 12, 19), datetime(2025, 11, 17)),
        (datetime(2025, 11, 16), datetime(2025, 11, 17)),
        (datetime(2025, 11, 16, 0, 0, 1), datetime(2025, 11, 24)),
        (datetime(2025, 11, 17), datetime(2025, 11, 24)),
    ],
)
def test_listening_ends_on_a_monday(newest, monday):
    assert monday_after(newest) == monday
