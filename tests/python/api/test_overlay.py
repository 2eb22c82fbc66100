"""What has happened since a release: in every answer at once, and only once."""

import json
import math
import os
import shutil
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest

from sunorecsys import blocklist
from sunorecsys.errors import (
    InvalidEvent,
    NoRelease,
    SunorecsysError,
    UnknownListener,
    UnknownSong,
    UsageError,
)
from sunorecsys.recommender import HybridRecommender
from sunorecsys.serving import _Since

USER = "listener-005"
NOW = datetime.now(UTC).replace(tzinfo=None)
EMPTY = _Since([], [], {})


@pytest.fixture
def twin(sample_project, tmp_path):
    return sample_project.twin(tmp_path / "project")


@pytest.fixture
def recommender(twin):
    with HybridRecommender.load(twin.root) as opened:
        yield opened


def told(recommender, user, song, kind="play", minutes_ago=1, **fields):
    event = {
        "user_id": user,
        "song_id": song,
        "interaction_type": kind,
        "occurred_at": datetime.now(UTC) - timedelta(minutes=minutes_ago),
        **fields,
    }
    assert recommender.add_feedback([event]).accepted == 1


def ids(rows):
    return [row["song_id"] for row in rows]


def block(twin, *songs):
    path = twin.root / "landing" / "blocked" / "songs.parquet"
    blocklist.block(path, songs, reason="a claim", now=NOW)


@pytest.mark.parametrize("kind", ["dislike", "skip", "play", "like", "save"])
def test_a_song_that_was_heard_or_refused_is_gone(recommender, kind):
    before = recommender.recommend(user_id=USER, n=50)
    told(recommender, USER, before[2]["song_id"], kind)
    after = recommender.recommend(user_id=USER, n=50)
    assert len(after) == 50
    assert before[2]["song_id"] not in ids(after)
    assert [row["rank"] for row in after] == list(range(1, 51))
    # nobody else notices
    other = recommender.recommend(user_id="listener-006", n=50)
    with HybridRecommender.load(recommender_file(recommender)) as plain:
        assert plain.recommend(user_id="listener-006", n=50) == other


def recommender_file(recommender):
    return recommender._service._release


def test_a_refusal_of_an_unheard_song_takes_out_this_song_only(recommender):
    before = recommender.recommend(user_id=USER, n=30)
    told(recommender, USER, before[0]["song_id"], "dislike")
    after = recommender.recommend(user_id=USER, n=100)
    # same scores; a song that gave way to the one that is gone may come in
    scores = {row["song_id"]: row["score"] for row in after}
    for row in before[1:]:
        assert scores[row["song_id"]] == pytest.approx(row["score"], abs=1e-6)


def test_a_seed_song_that_is_disliked_gives_nothing_any_more(twin, recommender):
    (seed,) = twin.query(
        """
        select recommendation_reasons.seed_song_id
        from recommendation_reasons
        where user_id = $1 and channel <> 'user_cf' and seed_song_id is not null
        group by all
        order by sum(contribution) desc
        limit 1
        """,
        USER,
    )
    title = twin.query("select title from songs where song_id = $1", seed[0])[0][0]
    before = recommender.recommend(user_id=USER, n=100)
    named = [row for row in before if title in row["reason"]]
    assert named
    told(recommender, USER, seed[0], "dislike")
    after = recommender.recommend(user_id=USER, n=100)
    assert not [row for row in after if title in row["reason"]]
    for row in after[:20]:
        parts = recommender.explain(USER, row["song_id"])
        assert seed[0] not in [part["seed_song_id"] for part in parts]
    # the last word counts
    told(recommender, USER, seed[0], "save", minutes_ago=0)
    again = recommender.recommend(user_id=USER, n=100)
    assert [row for row in again if title in row["reason"]]


def test_a_song_that_was_loved_for_long_survives_one_skip(twin, recommender):
    (loved, title), *_ = twin.query(
        """
        select songs.song_id, songs.title
        from user_songs
        inner join songs using (song_id)
        inner join recommendation_reasons as reasons
            on
                user_songs.user_id = reasons.user_id
                and user_songs.song_id = reasons.seed_song_id
        where user_songs.user_id = $1 and user_songs.weight >= 4
        group by all
        order by max(reasons.contribution) desc
        """,
        USER,
    )
    before = recommender.recommend(user_id=USER, n=100)
    assert [row for row in before if title in row["reason"]]
    told(recommender, USER, loved, "skip")
    once = recommender.recommend(user_id=USER, n=100)
    assert [row for row in once if title in row["reason"]]
    # and what was said is told by an explanation in the same way
    seeds = {
        part["seed_song_id"]
        for row in once[:20]
        for part in recommender.explain(USER, row["song_id"])
    }
    assert loved in seeds
    told(recommender, USER, loved, "skip", weight=1e9)
    often = recommender.recommend(user_id=USER, n=100)
    assert not [row for row in often if title in row["reason"]]


def test_one_play_does_not_outweigh_a_dislike_before(twin, recommender):
    (user, song), *_ = twin.query(
        """
        select user_songs.user_id, user_songs.song_id
        from user_songs
        inner join songs using (song_id)
        where
            user_songs.is_disliked
            and songs.creator_id is distinct from user_songs.user_id
            and user_songs.song_id in (from (select song_id from similar_songs))
        order by user_songs.user_id, user_songs.song_id
        """
    )
    told(recommender, user, song, "play", weight=1000)
    for row in recommender.recommend(user_id=user, n=100)[:20]:
        seeds = [
            part["seed_song_id"] for part in recommender.explain(user, row["song_id"])
        ]
        assert song not in seeds
    # a like is the last word
    told(recommender, user, song, "like", minutes_ago=0, weight=1000)
    after = recommender.recommend(user_id=user, n=100)
    seeds = {
        part["seed_song_id"]
        for row in after[:20]
        for part in recommender.explain(user, row["song_id"])
    }
    assert song in seeds


def test_a_song_of_ones_own_is_no_seed_song(twin, recommender):
    (user, song), *_ = twin.query(
        """
        select songs.creator_id, songs.song_id
        from songs
        inner join listeners on songs.creator_id = listeners.user_id
        where songs.song_id in (from (select song_id from similar_songs))
        order by songs.song_id
        """
    )
    before = recommender.recommend(user_id=user, n=50)
    told(recommender, user, song)
    after = recommender.recommend(user_id=user, n=50)
    assert [(row["song_id"], row["score"]) for row in after] == [
        (row["song_id"], pytest.approx(row["score"], abs=1e-6)) for row in before
    ]


def test_fresh_plays_act_as_seeds(twin, recommender):
    before = recommender.recommend(user_id=USER, n=100)
    (fresh, title), *_ = twin.query(
        """
        select songs.song_id, songs.title
        from songs
        where
            songs.song_id not in (
                select user_songs.song_id from user_songs where user_songs.user_id = $1
            )
            and songs.song_id in (select similar_songs.song_id from similar_songs)
            and songs.song_id not in (select * from unnest($2))
        order by songs.play_count desc, songs.song_id
        """,
        USER,
        ids(before),
    )
    told(recommender, USER, fresh, "like")
    after = recommender.recommend(user_id=USER, n=100)
    assert ids(after) != ids(before)
    assert any(title in row["reason"] for row in after)
    parts = [
        part
        for row in after[:50]
        for part in recommender.explain(USER, row["song_id"])
        if part["seed_song_id"] == fresh
    ]
    assert parts
    assert {part["seed_title"] for part in parts} == {title}


def test_a_new_listener_gets_the_list_of_what_they_played_newest_first(recommender):
    songs = ["song-0010", "song-0200", "song-0033"]
    with pytest.raises(UnknownListener):
        recommender.recommend(user_id="new-1", n=40)
    for minutes, song in zip((30, 10, 20), songs, strict=True):
        told(recommender, "new-1", song, minutes_ago=minutes)
    newest_first = ["song-0200", "song-0033", "song-0010"]
    mine = recommender.recommend(user_id="new-1", n=40)
    assert mine == recommender.recommend(song_ids=newest_first, n=40)
    assert len(mine) == 40


def test_a_new_listener_who_only_refused_gets_popular_songs(recommender):
    popular = recommender.recommend(song_ids=[], n=20)
    told(recommender, "new-2", popular[0]["song_id"], "dislike")
    mine = recommender.recommend(user_id="new-2", n=20)
    assert popular[0]["song_id"] not in ids(mine)
    assert {row["primary_channel"] for row in mine} == {"popularity"}


def test_unknown_songs_in_feedback_count_for_nothing(recommender):
    told(recommender, "new-3", "no-such-song")
    assert len(recommender.recommend(user_id="new-3", n=10)) == 10
    before = recommender.recommend(user_id=USER, n=30)
    told(recommender, USER, "no-such-song", "dislike")
    assert ids(recommender.recommend(user_id=USER, n=30)) == ids(before)


@pytest.mark.parametrize("user", [USER, "creator-005", "new-listener"])
def test_explanations_add_up_to_the_scores_of_the_new_list(recommender, user):
    if user != "new-listener":
        listed = recommender.recommend(user_id=user, n=5)
        told(recommender, user, listed[0]["song_id"], "dislike")
        told(recommender, user, listed[1]["song_id"], "complete")
    told(recommender, user, "song-0020", "like", 3)
    told(recommender, user, "song-0100", "play", 2)
    after = recommender.recommend(user_id=user, n=100)
    checked = 0
    for row in after:
        parts = recommender.explain(user, row["song_id"])
        by_channel = {
            channel: math.fsum(
                part["contribution"] for part in parts if part["channel"] == channel
            )
            for channel in row["channel_scores"]
        }
        assert by_channel == pytest.approx(row["channel_scores"], abs=1e-6)
        total = math.fsum(part["contribution"] for part in parts)
        assert total == pytest.approx(row["score"], abs=1e-6)
        checked += row["primary_channel"] != "popularity"
    assert checked > 10


def test_without_feedback_the_overlay_is_the_release(twin, recommender):
    """A list made anew from nothing is the stored one."""
    for (user,) in twin.query("select user_id from listeners order by hash(user_id)")[
        :25
    ]:
        stored = recommender.recommend(user_id=user, n=100)
        with recommender._service.view() as view:
            made = view._after(user, EMPTY, 100, ())
        assert ids(made) == ids(stored), user
        for one, other in zip(made, stored, strict=True):
            assert one["score"] == pytest.approx(other["score"], abs=1e-6)
            assert one["channel_scores"] == pytest.approx(
                other["channel_scores"], abs=1e-6
            )
            assert one["primary_channel"] == other["primary_channel"]


def written(twin, user, song, received_at, occurred_at, kind="dislike"):
    """Put an event into landing/feedback as another process would have."""
    folder = twin.root / "landing" / "feedback"
    folder.mkdir(parents=True, exist_ok=True)
    line = {
        "received_at": received_at.isoformat(),
        "event_id": f"{user}-{song}-{received_at.isoformat()}",
        "user_id": user,
        "song_id": song,
        "interaction_type": kind,
        "occurred_at": occurred_at.isoformat(),
        "weight": 1.0,
    }
    with (folder / f"{received_at:%Y-%m-%d}.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def set_until(twin, moment):
    """Let the release say that its build had read feedback up to a moment."""
    file = twin.current.resolve()
    with duckdb.connect(str(file)) as release:
        release.execute("update build_info set feedback_until = $1", [moment])


def test_what_the_build_has_read_is_not_overlaid_again(twin):
    (as_of,) = twin.query("select as_of from build_info")[0]
    until = as_of - timedelta(hours=5)
    set_until(twin, until)
    with HybridRecommender.load(twin.root) as recommender:
        listed = recommender.recommend(user_id=USER, n=10)
        read, late, ahead = ids(listed)[:3]
        hour = timedelta(hours=1)
        # the build has read it and counted it
        written(twin, USER, read, until, until - hour)
        after = recommender.recommend(user_id=USER, n=10)
        assert after == listed
        # received after the build looked, though it happened before
        written(twin, USER, late, until + hour, until - hour)
        # the build has read it, but it happened after what it counts
        written(twin, USER, ahead, until - hour, as_of)
        after = recommender.recommend(user_id=USER, n=10)
        assert read in ids(after)
        assert late not in ids(after)
        assert ahead not in ids(after)


def test_a_blocked_song_leaves_every_answer(twin, recommender):
    listed = recommender.recommend(user_id=USER, n=100)
    first = listed[0]["song_id"]
    near = recommender.get_similar_songs("song-0001", n=50)
    close = near[0]["song_id"]
    popular = recommender.recommend(song_ids=[], n=3)[0]["song_id"]
    block(twin, first, close, popular)
    gone = {first, close, popular}
    after = recommender.recommend(user_id=USER, n=97)
    assert len(after) == 97
    assert not gone & set(ids(after))
    assert ids(after)[:20] == [song for song in ids(listed) if song not in gone][:20]
    assert [row["rank"] for row in after] == list(range(1, 98))
    assert not gone & set(ids(recommender.recommend(song_ids=["song-0001"], n=100)))
    assert not gone & set(ids(recommender.recommend(song_ids=[], n=100)))
    similar = recommender.get_similar_songs("song-0001", n=10)
    assert ids(similar) == [song for song in ids(near) if song not in gone][:10]
    assert [row["similarity_rank"] for row in similar] == list(range(1, 11))
    for song in gone:
        with pytest.raises(UnknownSong) as caught:
            recommender.get_similar_songs(song)
        assert not gone & {near["song_id"] for near in caught.value.nearest}
        with pytest.raises(UnknownSong):
            recommender.explain(USER, song)
        with pytest.raises(UnknownSong):
            recommender.recommend(song_ids=[song])
    with pytest.warns(UserWarning, match=close):
        mixed = recommender.recommend(song_ids=[close, "song-0001"])
    assert mixed == recommender.recommend(song_ids=["song-0001"])
    path = twin.root / "landing" / "blocked" / "songs.parquet"
    blocklist.unblock(path, [first, close, popular])
    assert recommender.recommend(user_id=USER, n=100) == listed


def test_a_blocked_song_is_no_seed_reason_or_title_of_anybody(twin, recommender):
    title_of = dict(twin.query("select song_id, title from songs"))
    heard = twin.query(
        """
        select seed_song_id
        from recommendation_reasons
        where user_id = $1 and seed_song_id is not null
        group by all
        order by sum(contribution) desc, seed_song_id
        limit 3
        """,
        USER,
    )
    blocked = [song for (song,) in heard]
    reasons = [row["reason"] for row in recommender.recommend(user_id=USER, n=100)]
    assert any(title_of[blocked[0]] in reason for reason in reasons)
    block(twin, *blocked)
    after = recommender.recommend(user_id=USER, n=100)
    assert len(after) == 100
    for row in after:
        assert not [song for song in blocked if title_of[song] in row["reason"]]
        parts = recommender.explain(USER, row["song_id"])
        assert not set(blocked) & {part["seed_song_id"] for part in parts}
        total = math.fsum(part["contribution"] for part in parts)
        assert total == pytest.approx(row["score"], abs=1e-6)
    # a play of it from now on gives nothing either
    told(recommender, "new-4", blocked[0])
    told(recommender, "new-4", "song-0010", minutes_ago=2)
    mine = recommender.recommend(user_id="new-4", n=30)
    assert mine == recommender.recommend(song_ids=["song-0010"], n=30)


def test_titles_of_blocked_songs_may_be_any_text(twin):
    """A title that is a word of every reason changes no other answer."""
    file = twin.current.resolve()
    with duckdb.connect(str(file)) as release:
        for song, title in (("song-0001", ""), ("song-0002", "by"), ("song-0003", "i")):
            release.execute(
                "update songs set title = $1 where song_id = $2", [title, song]
            )
    users = twin.query(
        """
        select user_id from listeners
        where user_id not in (
            select user_id from user_songs
            where song_id in ('song-0001', 'song-0002', 'song-0003')
        )
        order by user_id limit 40
        """
    )
    out = {"song-0001", "song-0002", "song-0003"}
    with HybridRecommender.load(twin.root) as recommender:
        before = {u: recommender.recommend(user_id=u, n=100) for (u,) in users}
        block(twin, *out)
        for user, rows in before.items():
            after = recommender.recommend(user_id=user, n=90)
            kept = [row for row in rows if row["song_id"] not in out][:90]
            assert [(row["song_id"], row["reason"]) for row in after] == [
                (row["song_id"], row["reason"]) for row in kept
            ]


def test_threads_get_answers_of_one_release_each_while_it_moves(twin, tmp_path):
    first = twin.current.resolve()
    shutil.copy(first, first.with_name("other.duckdb"))
    other = first.with_name("other.duckdb")
    with duckdb.connect(str(other)) as release:
        release.execute("update build_info set release_id = 'other'")
        # other lists: every rank has another song, and all titles differ
        release.execute("update songs set title = 'other ' || title")
        release.execute(
            """
            update recommendations
            set recommendation_rank = 101 - recommendation_rank
            """
        )
    users = [user for (user,) in twin.query("select user_id from listeners limit 12")]
    expected = {}
    for file in (first, other):
        with HybridRecommender.load(file) as plain:
            for user in users:
                expected[file, user] = (
                    plain.recommend(user_id=user, n=30),
                    plain.recommend(song_ids=["song-0001"], n=10),
                )
    with HybridRecommender.load(twin.root) as recommender:
        problems, counts = [], {first: 0, other: 0}
        stop = threading.Event()

        def read(number):
            turn = number
            while not stop.is_set():
                turn += 1
                user = users[turn % len(users)]
                try:
                    mine = recommender.recommend(user_id=user, n=30)
                    seeded = None
                    if turn % 5 == 0:
                        seeded = recommender.recommend(song_ids=["song-0001"], n=10)
                except Exception as error:
                    problems.append(repr(error))
                    return
                owners = [f for f in (first, other) if expected[f, user][0] == mine]
                if len(owners) != 1:
                    problems.append(f"{user}: {mine[0]}")
                    return
                counts[owners[0]] += 1
                if seeded is not None and seeded not in (
                    expected[first, user][1],
                    expected[other, user][1],
                ):
                    problems.append("mixed seeds")

        threads = [threading.Thread(target=read, args=(n,)) for n in range(16)]
        for thread in threads:
            thread.start()
        # 40 moves, or more until enough was read of both on a busy machine
        turn, until = 0, time.monotonic() + 60
        try:
            while turn < 40 or (
                min(counts.values()) <= 100 and time.monotonic() < until
            ):
                turn += 1
                aside = twin.current.with_name("aside")
                aside.symlink_to((other, first)[turn % 2].name)
                os.replace(aside, twin.current)
                stop.wait(0.1)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert problems == []
        assert min(counts.values()) > 100
        # what is retired is closed: no file of a release stays open but one
        recommender.recommend(user_id=USER, n=1)
        links = [os.readlink(f"/proc/self/fd/{fd}") for fd in fds()]
        assert len([link for link in links if str(twin.root) in link]) <= 1


def fds():
    return [
        fd
        for fd in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{fd}")
    ]


def test_feedback_of_another_process_is_read_at_once(twin, recommender):
    before = recommender.recommend(user_id=USER, n=30)
    first = before[0]["song_id"]
    with HybridRecommender.load(twin.root) as other:
        told(other, USER, first, "dislike")
    assert first not in ids(recommender.recommend(user_id=USER, n=30))
    done = twin.cli("recommend", "--user", USER, "-n", "30", "--json")
    listed = json.loads(done.stdout)["recommendations"]
    assert listed == recommender.recommend(user_id=USER, n=30)
    # SQL shows the release
    (row,) = twin.query("select song_id from recommend($1, n := 1)", USER)
    assert row == (first,)


def test_feedback_at_once_before_a_release_is_first_read(twin):
    """The first answers of many threads know it all already."""
    with HybridRecommender.load(twin.root) as recommender:
        first = recommender.recommend(user_id=USER, n=1)[0]["song_id"]
        told(recommender, USER, first, "dislike")
        recommender.add_feedback(
            [
                {"user_id": f"filler-{number}", "song_id": "song-0001"}
                for number in range(30_000)
            ]
        )
    with HybridRecommender(HybridRecommender.load(twin.root)._service) as fresh:
        fresh._service.close()
        found, start = [], threading.Barrier(12)

        def ask():
            start.wait()
            found.append(ids(fresh.recommend(user_id=USER, n=30)))

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 12
    assert not [answer for answer in found if first in answer]


def test_formats(recommender):
    rows = recommender.recommend(user_id=USER, n=5)
    assert isinstance(rows, list)
    table = recommender.recommend(user_id=USER, n=5, format="arrow")
    assert isinstance(table, pa.Table)
    assert table.to_pylist() == rows
    similar = recommender.get_similar_songs("song-0001", n=3, format="arrow")
    assert similar.to_pylist() == recommender.get_similar_songs("song-0001", n=3)
    parts = recommender.explain(USER, "song-0001", format="arrow")
    assert parts.to_pylist() == recommender.explain(USER, "song-0001")
    with pytest.raises(UsageError, match="dicts, arrow or pandas"):
        recommender.recommend(user_id=USER, format="xml")


def test_pandas(recommender):
    pandas = pytest.importorskip("pandas")
    frame = recommender.recommend(user_id=USER, n=5, format="pandas")
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["song_id"]) == ids(recommender.recommend(user_id=USER, n=5))


def test_an_answer_without_rows_has_its_columns(recommender):
    everything = [f"song-{number:04}" for number in range(1, 601)]
    for rows, columns in (
        (
            recommender.recommend(
                user_id=USER, n=5, exclude_song_ids=everything, format="pandas"
            ),
            list(recommender.recommend(user_id=USER, n=1)[0]),
        ),
        (
            recommender.recommend(
                user_id=USER, n=5, exclude_song_ids=everything, format="arrow"
            ).to_pandas(),
            list(recommender.recommend(user_id=USER, n=1)[0]),
        ),
    ):
        assert len(rows) == 0
        assert list(rows.columns) == columns


def test_pandas_is_asked_for_if_it_is_missing(recommender, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(SunorecsysError, match='Run "pip install pandas"'):
        recommender.recommend(user_id=USER, format="pandas")


@pytest.mark.parametrize("name", ["models/hybrid_recommender.pkl", "x.pickle"])
def test_a_pickle_says_what_to_do_instead(name, tmp_path):
    with pytest.raises(SunorecsysError, match=r"HybridRecommender\.load\(\)"):
        HybridRecommender.load(name)
    (tmp_path / "real.pkl").write_bytes(b"cposix\nsystem\n(S'false'\ntR.")
    with pytest.raises(SunorecsysError, match="nothing is pickled any more"):
        HybridRecommender.load(tmp_path / "real.pkl")


def test_what_cannot_be_loaded_says_so_at_once(tmp_path):
    with pytest.raises(NoRelease, match="sunorecsys build"):
        HybridRecommender.load(tmp_path / "nosuch.duckdb")
    (tmp_path / "garbage.duckdb").write_bytes(b"garbage" * 1000)
    with pytest.raises(NoRelease, match="cannot be read"):
        HybridRecommender.load(tmp_path / "garbage.duckdb")
    with pytest.raises(SunorecsysError):
        HybridRecommender.load(tmp_path)


def test_a_release_file_alone_answers_and_takes_no_feedback(twin):
    with HybridRecommender.load(twin.current) as recommender:
        assert len(recommender.recommend(user_id=USER)) == 30
        with pytest.raises(NoRelease, match="project folder"):
            recommender.add_feedback([{"user_id": "a", "song_id": "b"}])


@pytest.mark.parametrize("n", [0, -1, 101, 10**9, "ten", True, 1.5, None])
def test_a_wrong_count_is_a_usage_error(recommender, n):
    with pytest.raises(UsageError, match="from 1 to 100"):
        recommender.recommend(user_id=USER, n=n)
    with pytest.raises(UsageError, match="from 1 to 100"):
        recommender.get_similar_songs("song-0001", n=n)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"user_id": USER, "song_ids": ["song-0001"]},
        {"user_id": ""},
        {"user_id": 5},
        {"user_id": "a\x00b"},
        {"user_id": "\ud800"},
        {"song_ids": "song-0001"},
        {"song_ids": [None]},
        {"song_ids": ["x" * 1_000_000]},
        {"user_id": USER, "exclude_song_ids": "song-0001"},
        {"user_id": USER, "exclude_song_ids": [b"song-0001"]},
    ],
)
def test_wrong_arguments_are_usage_errors(recommender, arguments):
    with pytest.raises(UsageError) as caught:
        recommender.recommend(**arguments)
    assert len(str(caught.value)) < 300


def test_wrong_feedback_is_named_and_none_is_kept(recommender):
    before = recommender.recommend(user_id=USER)
    with pytest.raises(InvalidEvent) as caught:
        recommender.add_feedback(
            [
                {"user_id": USER, "song_id": before[0]["song_id"]},
                {"user_id": USER, "song_id": "song-0001", "interaction_type": "nosuch"},
            ]
        )
    assert caught.value.position == 1
    assert recommender.recommend(user_id=USER) == before
