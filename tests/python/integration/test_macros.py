"""``why_not``, ``reblend`` and ``playlist`` say what the tables of a build say."""

import json
import random
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import crowd, play, song
from sunorecsys import blocklist
from sunorecsys.errors import UnknownListener, UnknownSong
from sunorecsys.release import macro_sql
from sunorecsys.serving import Service

CHANNELS = ("item_cf", "content", "prompt", "user_cf")
LAST_WEEK = date(2024, 12, 23)
LONG_AGO = date(2024, 11, 4)

SETTINGS = {
    "candidates_per_channel: 100": "candidates_per_channel: 9",
    "playlist_length: 30": "playlist_length: 6",
    "max_per_genre: null": "max_per_genre: 4",
    "als_scaled_regularization: false": "als_scaled_regularization: true",
    "relative_weights: null": "relative_weights: 0.5",
}


def kept_out(workspace):
    """A catalogue in which every rule keeps something out of somebody's list.

    And ALS is scaled, and fed with weights relative to the listener.
    """
    songs = [song(number) for number in range(60)]
    # poor, and known long enough to be judged
    for number in (4, 9, 33, 46):
        songs[number] |= {"play_count": 400, "upvote_count": 0, "comment_count": 0}
    songs[12]["is_hidden"] = songs[27]["is_hidden"] = True
    # another version of s05, s20 and s31
    for number, first in ((40, 5), (47, 20), (52, 31)):
        songs[number] |= {
            "title": f"{songs[first]['title']}!",
            "creator_id": songs[first]["creator_id"],
            "tags": songs[first]["tags"],
        }
    # made by a listener
    songs[30] |= {"creator_id": "u03", "creator_name": "Listener 3"}
    songs[39]["creator_id"] = None
    # without a genre
    songs[41]["tags"] = None
    workspace.land("songs", songs)
    events = crowd(60, 24, 7)
    events += [
        play("u00", "s08", interaction_type="dislike"),
        play("u01", "s09", 6 * 1440),
        play("u01", "s09", 5 * 1440),
        play("skips", "s10", interaction_type="skip"),
    ]
    events += [
        play(f"u{user:02}", f"s{user * 2:02}", 30, interaction_type="like")
        for user in range(2, 24, 2)
    ]
    workspace.land("interactions", events)
    last = {"u00": [41, 36, 18], "u01": [26], "u05": [34, 7], "gone": [1, 2]}
    served(workspace, LAST_WEEK, last)
    served(workspace, LONG_AGO, {"u00": [21, 22], "u05": [24], "gone": [3]})
    settings = workspace.root / "dbt_project.yml"
    text = settings.read_text()
    for default, value in SETTINGS.items():
        assert default in text
        text = text.replace(default, value)
    settings.write_text(text)
    workspace.build()


def two_channels(workspace):
    """The other channels have candidates, and a weight of 0."""
    workspace.land("songs", [song(number) for number in range(60)])
    workspace.land("interactions", crowd(60, 24, 7))
    settings = workspace.root / "dbt_project.yml"
    text = settings.read_text().replace(
        "candidates_per_channel: 100", "candidates_per_channel: 12"
    )
    settings.write_text(text)
    workspace.build("--weights", "item_cf=0.6,quality=0.2")


CATALOGUES = {make.__name__: make for make in (kept_out, two_channels)}


def served(workspace, week, lists):
    """Write what was served in a week, as a release does."""
    rows = [
        {
            "week_start": week,
            "user_id": user,
            "user_index": 0,
            "playlist_rank": place + 1,
            "song_id": f"s{number:02}",
            "blended_score": 0.5 - place / 10,
            "reason": f"Reason {number}",
        }
        for user, numbers in lists.items()
        for place, number in enumerate(numbers)
    ]
    # a song that has left the catalogue
    rows.append(rows[0] | {"playlist_rank": 9, "song_id": "left"})
    folder = workspace.root / "landing" / "served"
    folder.mkdir(parents=True, exist_ok=True)
    types = {"playlist_rank": pa.int32(), "user_index": pa.int32()}
    table = pa.Table.from_pylist(rows)
    for name, type_ in types.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].cast(type_))
    pq.write_table(table, folder / f"week={week}.parquet")


class Judge:
    """The rules of a list, applied in Python to the tables of a warehouse."""

    def __init__(self, workspace):
        def rows(sql):
            return workspace.warehouse(sql)

        (self.settings,) = (
            dict(zip(columns, row, strict=True))
            for columns, row in [settings_of(workspace)]
        )
        self.users = dict(
            rows("select user_id, user_index from listeners where user_id is not null")
        )
        self.songs = dict(rows("select song_id, song_index from catalogue"))
        self.song_ids = {index: song_id for song_id, index in self.songs.items()}
        self.creator = dict(rows("select song_index, creator_index from catalogue"))
        self.genre = dict(
            rows(
                "select song_index, genre "
                "from song_genres join catalogue using (song_id)"
            )
        )
        self.version = dict(rows("select song_index, version_index from song_versions"))
        self.quality = dict(rows("select song_index, quality_score from song_quality"))
        self.poor = dict(
            rows("select song_index, is_below_threshold from song_quality")
        )
        self.hidden = dict(rows("select song_index, is_hidden from catalogue"))
        self.makers = dict(rows("select song_index, creator_id from catalogue"))
        self.repeats = set(rows("select user_index, song_index from recently_served"))
        self.heard = {
            (user, song): disliked
            for user, song, disliked in rows(
                "select user_index, song_index, is_disliked from listener_songs"
            )
        }
        self.weights = {
            user: values
            for user, *values in rows(
                f"select user_index, {', '.join(CHANNELS)}, quality "
                "from listener_weights"
            )
        }
        self.shares = defaultdict(dict)
        for user, song_index, channel, share in rows(
            "select user_index, song_index, channel, normalized_score "
            "from candidate_scores"
        ):
            self.shares[user].setdefault(song_index, {})[channel] = share
        self.stored = defaultdict(list)
        for user, *row in rows(
            "select user_index, song_index, recommendation_rank, blended_score, "
            "relaxed_rule from listener_recommendations "
            "order by user_index, recommendation_rank"
        ):
            self.stored[user].append(row)

    def parts(self, user, song_index, weights):
        """Return the score of each channel, and of quality."""
        shares = self.shares[user].get(song_index, {})
        return [
            round(shares.get(channel, 0) * weight, 9)
            for channel, weight in zip(CHANNELS, weights, strict=False)
        ] + [round(self.quality[song_index] * weights[-1], 9)]

    def score(self, user, song_index, weights=None):
        return round(
            sum(self.parts(user, song_index, weights or self.weights[user])), 9
        )

    def judged(self, user, songs, weights=None):
        """Return the rules that each candidate breaks; the versions that stay only."""
        in_order = sorted(
            songs,
            key=lambda one: (
                self.poor[one],
                (user, one) in self.repeats,
                -self.score(user, one, weights),
                one,
            ),
        )
        versions, creators, genres = set(), Counter(), Counter()
        rules = {}
        for one in in_order:
            if self.version[one] in versions:
                continue
            versions.add(self.version[one])
            creators[self.creator[one]] += 1
            genre = self.genre.get(one)
            broken = set()
            if self.poor[one]:
                broken.add("quality")
            if (user, one) in self.repeats:
                broken.add("repeat")
            if creators[self.creator[one]] > self.settings["max_per_creator"]:
                broken.add("creator")
            elif genre is not None and self.settings["max_per_genre"] is not None:
                genres[genre] += 1
                if genres[genre] > self.settings["max_per_genre"]:
                    broken.add("genre")
            rules[one] = broken
        return rules

    def why_not(self, user_id, song_id):
        """Return the rules that keep a song out, and its score."""
        user, one = self.users[user_id], self.songs[song_id]
        listed = {
            song
            for song, rank, *_ in self.stored[user]
            if rank <= self.settings["playlist_length"]
        }
        if one in listed:
            return {"in_playlist"}
        rules = set()
        if self.hidden[one]:
            rules.add("hidden")
        if (user, one) in self.heard:
            rules.add("heard")
            if self.heard[user, one]:
                rules.add("disliked")
        if self.makers[one] == user_id:
            rules.add("own_song")
        is_out = bool(rules)
        candidates = self.shares[user]
        judged = self.judged(user, candidates)
        if one in judged:
            return judged[one] or {"rank"}
        others = {self.version[song] for song in [*judged, *candidates]}
        others |= {self.version[song] for song, *_ in self.stored[user] if song != one}
        if self.version[one] in others:
            rules.add("version")
        if one not in candidates and not is_out:
            rules.add("not_proposed")
        if self.poor[one]:
            rules.add("quality")
        if (user, one) in self.repeats:
            rules.add("repeat")
        return rules

    def reblended(self, user, weights):
        """Return (song_id, scores, relaxed rule) of the stored songs, in new order."""
        fill = [row[0] for row in self.stored[user] if row[3] == "popularity"]
        songs = [row[0] for row in self.stored[user] if row[3] != "popularity"]
        tiers = {None: 0, "repeat": 1, "variety": 2, "quality": 3}
        ranked = []
        for one, rules in self.judged(user, songs, weights).items():
            relaxed = None
            if "repeat" in rules:
                relaxed = "repeat"
            if rules & {"creator", "genre"}:
                relaxed = "variety"
            if "quality" in rules:
                relaxed = "quality"
            score = self.score(user, one, weights)
            ranked.append((tiers[relaxed], -score, one, relaxed))
        in_order = [(one, relaxed) for *_, one, relaxed in sorted(ranked)]
        in_order += [(one, "popularity") for one in fill]
        return [
            (self.song_ids[one], self.parts(user, one, weights), relaxed)
            for one, relaxed in in_order
        ]


def settings_of(workspace):
    with workspace.release() as release:
        found = release.execute("from build_settings")
        return [column[0] for column in found.description], found.fetchone()


@pytest.fixture(scope="module")
def sample_judge(sample_project):
    return Judge(sample_project)


@pytest.fixture
def asked(built):
    """Ask why_not; return rules with their details, and the first row's numbers."""
    with built.release() as release:

        def ask(user, song_id):
            rows = release.execute("from why_not($1, $2)", [user, song_id]).fetchall()
            return {row[0]: row[1] for row in rows}, rows[0][2:]

        yield ask


# --- why_not ---


@pytest.mark.catalogue("kept_out")
def test_why_not_names_every_rule_that_a_build_applied(built):
    """And no other one, for each listener and song."""
    judge = Judge(built)
    seen = Counter()
    with built.release() as release:
        for user in ("u00", "u03", "u17", "skips"):
            stored = {
                judge.song_ids[one]: (rank, score)
                for one, rank, score, _ in judge.stored[judge.users[user]]
            }
            for song_id in judge.songs:
                rows = release.execute(
                    "from why_not($1, $2)", [user, song_id]
                ).fetchall()
                rules = [row[0] for row in rows]
                expected = judge.why_not(user, song_id)
                assert set(rules) == expected, (user, song_id)
                assert len(rules) == len(expected)
                assert rules == sorted(rules, key=STRONGEST_FIRST.index)
                seen.update(rules)
                rank, score = stored.get(
                    song_id,
                    (None, judge.score(judge.users[user], judge.songs[song_id])),
                )
                for row in rows:
                    assert row[1].endswith(".")
                    assert "\n" not in row[1]
                    assert row[2] == rank
                    assert row[3] == pytest.approx(score, abs=1e-9)
    assert set(seen) == set(STRONGEST_FIRST)


STRONGEST_FIRST = (
    "in_playlist",
    "hidden",
    "heard",
    "disliked",
    "own_song",
    "version",
    "not_proposed",
    "quality",
    "creator",
    "genre",
    "repeat",
    "rank",
)


def test_why_not_agrees_with_the_sample(sample_project, sample_judge):
    """For every third listener: a song of the list, one behind it, and any two."""
    dice = random.Random(7)
    songs = sorted(sample_judge.songs)
    seen = Counter()
    with sample_project.release() as release:
        for user in sorted(sample_judge.users)[::3]:
            stored = [
                sample_judge.song_ids[row[0]]
                for row in sample_judge.stored[sample_judge.users[user]]
            ]
            picked = [stored[dice.randrange(30)], stored[dice.randrange(30, 100)]]
            for song_id in picked + dice.sample(songs, 2):
                rows = release.execute(
                    "select rule from why_not($1, $2)", [user, song_id]
                ).fetchall()
                rules = {rule for (rule,) in rows}
                assert rules == sample_judge.why_not(user, song_id), (user, song_id)
                seen.update(rules)
    assert {"in_playlist", "rank", "not_proposed", "heard"} <= set(seen)


@pytest.mark.catalogue("kept_out")
def test_the_score_needed_is_the_lowest_of_the_list_that_breaks_no_rule(built, asked):
    for user in ("u00", "u05", "u17"):
        kept = built.query(
            "select blended_score from recommendations where user_id = $1 "
            "and recommendation_rank <= 6 and relaxed_rule is null",
            user,
        )
        lowest = min(score for (score,) in kept)
        ranked = built.query(
            "select song_id, blended_score from recommendations where user_id = $1 "
            "and recommendation_rank > 6",
            user,
        )
        for song_id, score in ranked:
            _, (_, own, needed, gap) = asked(user, song_id)
            assert (own, needed) == (score, lowest)
            assert gap == pytest.approx(lowest - score, abs=1e-9)


@pytest.mark.catalogue("kept_out")
def test_why_not_says_what_happened(asked):
    told, _ = asked("u01", "s09")
    assert told["heard"] == "The listener knows it: 2 events, the last on 2024-12-27."
    told, _ = asked("u00", "s08")
    assert told["disliked"] == "The listener disliked it."
    told, _ = asked("u03", "s30")
    assert told["own_song"] == "The listener made it."
    told, _ = asked("u17", "s12")
    assert told["hidden"].startswith("It is hidden")
    told, _ = asked("u00", "s41")
    assert "the list of the week of 2024-12-23" in told["repeat"]
    # weeks ago
    told, _ = asked("u00", "s22")
    assert "repeat" not in told
    told, _ = asked("u17", "s33")
    assert "under the threshold of 0.3, judged from 400 plays" in told["quality"]


@pytest.mark.catalogue("kept_out")
def test_why_not_names_the_songs_that_come_first(built, asked):
    judge = Judge(built)
    caps = {"creator": 2, "genre": 4}
    seen = Counter()
    for user_id in ("u01", "u03", "u05", "u17"):
        user = judge.users[user_id]
        judged = judge.judged(user, judge.shares[user])
        for one in judged:
            told, _ = asked(user_id, judge.song_ids[one])
            # a rule that gave way keeps nothing out
            for rule in caps.keys() & judged[one] & told.keys():
                group = judge.creator if rule == "creator" else judge.genre
                rivals = [
                    rival
                    for rival, rules in judged.items()
                    if group.get(rival) == group.get(one)
                    and not {"creator", rule} & rules
                ]
                assert told[rule].count("(s") == caps[rule] == len(rivals)
                for rival in rivals:
                    assert f"(s{rival:02})" in told[rule]
                    if rival not in (40, 47, 52):
                        assert f"Song {rival:02} (" in told[rule]
                seen[rule] += 1
        for first, other in ((5, 40), (20, 47), (31, 52)):
            for one, version in ((first, other), (other, first)):
                told, _ = asked(user_id, f"s{one:02}")
                if "version" in told:
                    assert f"(s{version:02})" in told["version"]
                    seen["version"] += 1
    assert min(seen[rule] for rule in ("creator", "genre", "version")) > 0


@pytest.mark.catalogue("kept_out")
def test_a_song_that_no_channel_proposes_is_shown_how_far_it_is(built, asked):
    judge = Judge(built)
    lowest = {
        (user, channel): score
        for user, channel, score in built.warehouse(
            "select user_id, channel, lowest_score from channel_scales"
        )
    }
    seen = 0
    for user in ("u05", "u17"):
        for song_id in judge.songs:
            told, _ = asked(user, song_id)
            text = told.get("not_proposed", "")
            for channel in CHANNELS:
                if f"; {channel} comes closest" in text:
                    assert f"has {lowest[user, channel]:.4f}" in text
                    reached = float(text.split("with ")[1].split()[0])
                    assert 0 <= reached <= lowest[user, channel] + 1e-4
                    seen += 1
    assert seen > 3
    # nothing is known of a listener who only skips
    told, (_, _, needed, gap) = asked("skips", "s03")
    assert "No channel knows what the listener likes" in told["not_proposed"]
    assert (needed, gap) == (None, None)
    place = built.query("select variety_rank from popular_songs where song_id = 's03'")
    assert f"it is number {place[0][0]}" in told["not_proposed"]


@pytest.mark.catalogue("kept_out")
def test_why_not_knows_no_strangers(built):
    assert built.query("from why_not('nobody', 's01')") == []
    assert built.query("from why_not('u00', 'nosuch')") == []
    assert built.query("from why_not(null, null)") == []
    assert built.query("from why_not('gone', 's01')") == []


@pytest.mark.catalogue("kept_out")
def test_the_command_shows_what_the_macro_says(built, asked):
    told, (rank, score, needed, _) = asked("u00", "s08")
    done = built.cli("why-not", "u00", "s08", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert {row["rule"]: row["detail"] for row in document["rules"]} == told
    assert document["recommendation_rank"] == rank
    assert document["blended_score"] == score
    assert document["score_needed"] == needed
    shown = built.cli("why-not", "u00", "s08").stdout
    assert "The listener disliked it." in shown
    assert f"needed {needed:.4f}" in shown


# --- recommend_after and explain, with weights relative to the listener ---


def relative(weights):
    """Return weights of one listener as relative_weights 0.5 has them, by numpy."""
    weights = np.array(weights, dtype=float)
    return np.round(np.sqrt(weights / weights.mean()), 4)


@pytest.fixture(scope="module")
def loved(builds):
    """Weights in the release of every listener's songs that count, by song index."""
    found = defaultdict(dict)
    for user, one, weight in builds.get("kept_out", CATALOGUES["kept_out"]).query(
        "select user_id, song_index, weight from user_songs "
        "where weight > 0 and not is_disliked order by all"
    ):
        found[user][one] = weight
    assert len({weight for songs in found.values() for weight in songs.values()}) > 2
    return found


@pytest.mark.catalogue("kept_out")
def test_scaled_als_on_relative_weights_is_solved_exactly(built, loved):
    """user_factors and als_gram of the release against numpy."""
    songs = dict(built.query("select song_index, factors from song_factors"))
    count = len({one for heard in loved.values() for one in heard})
    mean = sum(map(len, loved.values())) / len(loved)
    ridge = 0.1 * (40 * mean + count)
    assert built.query("select regularization from als_gram") == [
        (pytest.approx(ridge, rel=1e-12),)
    ]
    matrix = np.array([songs[one] for one in sorted(songs)], dtype=float)
    found = dict(built.query("select user_id, factors from user_factors"))
    assert found.keys() == loved.keys()
    for user, heard in loved.items():
        confidence = 40 * relative(list(heard.values()))
        vectors = matrix[list(heard)]
        left = matrix.T @ matrix + ridge * np.eye(matrix.shape[1])
        left += (vectors.T * (confidence - 1)) @ vectors
        expected = np.linalg.solve(left, confidence @ vectors)
        np.testing.assert_allclose(found[user], expected, rtol=1e-7, atol=1e-12)


@pytest.mark.catalogue("kept_out")
def test_the_macros_make_the_lists_of_a_build_with_relative_weights(built):
    """And explain them, for every listener."""
    columns = "columns(lambda c: c != 'reason')"
    with built.release() as release:
        for (user,) in release.execute("select user_id from listeners").fetchall():
            stored = release.execute(
                f"select {columns} from recommend($1, n := 100)", [user]
            ).fetchall()
            made = release.execute(
                f"select {columns} from recommend_after("
                "$1, []::struct(song_id varchar, weight double)[], []::varchar[], 100)",
                [user],
            ).fetchall()
            assert made == stored
            for song_id, score in release.execute(
                "select song_id, user_cf_score from recommendations "
                "where user_id = $1 and recommendation_rank <= 3",
                [user],
            ).fetchall():
                parts = release.execute(
                    "select coalesce(sum(contribution), 0) from explain($1, $2) "
                    "where channel = 'user_cf'",
                    [user, song_id],
                ).fetchall()
                assert parts == [(pytest.approx(score, abs=1e-6),)]


@pytest.mark.catalogue("kept_out")
def test_what_was_played_since_moves_the_mean_of_a_listener(built, loved):
    heard = loved["u02"]
    names = dict(built.query("select song_index, song_id from songs"))
    first, second, *_ = heard
    fresh = next(one for one in names if one not in heard)
    seeds = built.query(
        "select song_index, weight from listener_seeds('u02', $1, $2)",
        [
            {"song_id": names[first], "weight": 1.25},
            {"song_id": names[fresh], "weight": 5.0},
        ],
        [names[second]],
    )
    weights = heard | {first: heard[first] + 1.25, fresh: 5.0}
    del weights[second]
    expected = dict(zip(weights, relative(list(weights.values())), strict=True))
    assert dict(seeds) == expected


# --- reblend ---


def test_with_the_weights_of_the_release_nothing_moves(sample_project, sample_judge):
    with sample_project.release() as release:
        for user in sample_judge.users:
            again = release.execute(
                "select recommendation_rank, song_id, blended_score, item_cf_score, "
                "content_score, prompt_score, user_cf_score, quality_score, "
                "primary_channel, relaxed_rule from reblend($1)",
                [user],
            ).fetchall()
            stored = release.execute(
                "select recommendation_rank, song_id, blended_score, item_cf_score, "
                "content_score, prompt_score, user_cf_score, quality_score, "
                "primary_channel, relaxed_rule from recommendations "
                "where user_id = $1 order by recommendation_rank",
                [user],
            ).fetchall()
            assert again == stored
            assert len(stored) == 100


WEIGHTS = [
    {"item_cf": 0.9},
    {"content": 0, "prompt": 0.0},
    {"item_cf": 0.01, "content": 0.5, "prompt": 0.03, "user_cf": 2, "quality": 0},
    {"item_cf": 0, "content": 0, "prompt": 0, "user_cf": 0, "quality": 1},
]


def check_reblend(workspace, judge, user_id, changed):
    """Compare a list under other weights with that of Python."""
    user = judge.users[user_id]
    names = (*CHANNELS, "quality")
    weights = dict(zip(names, judge.weights[user], strict=True)) | changed
    arguments = "".join(f", {name} := ?" for name in changed)
    rows = workspace.execute(
        f"from reblend(?{arguments})", [user_id, *changed.values()]
    ).fetchall()
    previous = {judge.song_ids[row[0]]: row[1] for row in judge.stored[user]}
    expected = judge.reblended(user, list(weights.values()))
    assert [row[3] for row in rows] == [song_id for song_id, *_ in expected]
    for place, (row, (song_id, parts, relaxed)) in enumerate(
        zip(rows, expected, strict=True), start=1
    ):
        assert row[0] == place
        assert row[1] == previous[song_id]
        assert row[2] == previous[song_id] - place
        assert list(row[8:13]) == pytest.approx(parts, abs=1e-9)
        assert row[7] == pytest.approx(sum(parts), abs=1e-8)
        assert row[14] == relaxed
        if relaxed == "popularity":
            assert row[13] == "popularity"
        elif max(parts[:4]) == 0:
            assert row[13] == "quality"
        else:
            assert parts[CHANNELS.index(row[13])] == max(parts[:4])


def test_other_weights_give_the_list_that_the_rules_say(sample_project, sample_judge):
    dice = random.Random(3)
    with sample_project.release() as release:
        for number, user in enumerate(sorted(sample_judge.users)[::3]):
            changed = (
                WEIGHTS[number % 5]
                if number % 5 < 4
                else {name: dice.random() for name in (*CHANNELS, "quality")}
            )
            check_reblend(release, sample_judge, user, changed)


@pytest.mark.catalogue("kept_out")
@pytest.mark.parametrize("changed", [{}, *WEIGHTS])
def test_caps_count_anew_and_repeats_stay_behind(built, changed):
    judge = Judge(built)
    with built.release() as release:
        for user in judge.users:
            check_reblend(release, judge, user, changed)


@pytest.mark.catalogue("two_channels")
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"content": 0.4},
        {"prompt": 0.3, "user_cf": 0.7, "item_cf": 0},
        {"user_cf": 1, "quality": 0},
    ],
)
def test_a_channel_without_weight_in_the_release_gets_its_scores_back(built, changed):
    judge = Judge(built)
    assert {tuple(weights) for weights in judge.weights.values()} == {
        (0.6, 0, 0, 0, 0.2)
    }
    with built.release() as release:
        for user in judge.users:
            check_reblend(release, judge, user, changed)


@pytest.mark.parametrize("weight", ["-0.1", "'nan'::double", "'inf'::double", "1e9"])
def test_a_weight_that_is_none_is_named(sample_project, weight):
    with (
        sample_project.release() as release,
        pytest.raises(duckdb.Error, match=r"The weight of prompt is .* 0 or more"),
    ):
        release.execute(f"from reblend('listener-005', prompt := {weight})")


def test_a_weight_given_as_a_parameter_is_checked_too(sample_project):
    with (
        sample_project.release() as release,
        pytest.raises(duckdb.Error, match=r"The weight of quality is -2\.0"),
    ):
        release.execute("from reblend($1, quality := $2)", ["listener-005", -2])


def test_nobody_is_blended_for_strangers(sample_project):
    assert sample_project.query("from reblend('nobody', quality := 1)") == []


# --- playlist ---


def test_the_playlist_is_that_of_discover_weekly(sample_project, sample_judge):
    with sample_project.release() as release:
        ((week,),) = release.execute("select week_start from build_info").fetchall()
        everything = defaultdict(list)
        for user, *row in release.execute(
            "select user_id, week_start, playlist_rank, song_id, title, creator_name, "
            "genre, blended_score, reason "
            "from discover_weekly join songs using (song_id) "
            "order by user_id, playlist_rank"
        ).fetchall():
            everything[user].append(tuple(row))
        for number, user in enumerate(sample_judge.users):
            day = week + timedelta(days=number % 7)
            shown = [day, f"{day}", None][number % 3]
            rows = release.execute("from playlist($1, week := $2)", [user, shown])
            assert rows.fetchall() == everything[user]
            assert len(everything[user]) == 30
        user = "listener-005"
        for day in (week - timedelta(days=1), week + timedelta(days=7)):
            assert not release.execute("from playlist($1, $2)", [user, day]).fetchall()


def places(built, *arguments):
    rows = built.query(
        "select week_start, playlist_rank, song_id, blended_score, reason, title "
        f"from playlist({', '.join('?' for _ in arguments)})",
        *arguments,
    )
    return [row[0] for row in rows], [row[1:] for row in rows]


@pytest.mark.catalogue("kept_out")
def test_a_past_week_is_found_by_any_of_its_days(built):
    for days in range(7):
        weeks, rows = places(built, "u00", LAST_WEEK + timedelta(days=days))
        assert set(weeks) == {LAST_WEEK}
        # the song that has left the catalogue is left out
        assert [row[:4] for row in rows] == [
            (1, "s41", 0.5, "Reason 41"),
            (2, "s36", 0.4, "Reason 36"),
            (3, "s18", 0.3, "Reason 18"),
        ]
        assert rows[0][4] == "Song 41"
    assert places(built, "u00", str(LONG_AGO))[0] == [LONG_AGO] * 2
    assert places(built, "u00", LONG_AGO + timedelta(days=7)) == ([], [])
    assert set(places(built, "u00")[0]) == {date(2024, 12, 30)}


@pytest.mark.catalogue("kept_out")
def test_the_newest_list_of_a_listener_who_is_unknown_by_now_is_an_old_one(built):
    assert built.query("select 1 from listeners where user_id = 'gone'") == []
    weeks, rows = places(built, "gone")
    assert weeks == [LAST_WEEK] * 2
    assert [row[1] for row in rows] == ["s01", "s02"]
    assert places(built, "gone", LONG_AGO)[1][0][1] == "s03"
    assert places(built, "nobody") == ([], [])


# --- all of them ---


def test_every_macro_describes_itself(sample_project):
    told = dict(
        sample_project.query(
            "select function_name, comment from duckdb_functions() "
            "where not internal and function_type = 'table_macro'"
        )
    )
    names = {sql.split("macro ")[1].split("(")[0].strip('"') for sql in macro_sql()}
    assert set(told) == names
    for name, comment in told.items():
        assert comment.lstrip('"').startswith(name)
        assert "--" not in comment
    assert told["playlist"].startswith(
        "playlist(user_id, week := null): the Discover Weekly list of a listener"
    )


# --- why_not after what has happened since ---


@pytest.mark.catalogue("kept_out")
def test_what_was_just_heard_is_said_first(built, tmp_path):
    service = Service(built.current, landing=tmp_path)
    listed = built.query(
        "select song_id from recommendations where user_id = 'u17' "
        "and recommendation_rank in (1, 2) order by recommendation_rank"
    )
    (first,), (second,) = listed
    service.tell([{"user_id": "u17", "song_id": first, "interaction_type": "play"}])
    with service.view() as view:
        heard, *others = view.why_not("u17", first)["rules"]
        assert heard["rule"] == "heard"
        assert "since the release was built" in heard["detail"]
        assert others == []
        service.tell(
            [{"user_id": "u17", "song_id": first, "interaction_type": "dislike"}]
        )
        (refused,) = view.why_not("u17", first)["rules"]
        assert refused["rule"] == "disliked"
        (rule,) = view.why_not("u17", second)["rules"]
        assert rule["rule"] == "in_playlist"
        with pytest.raises(UnknownListener):
            view.why_not("nobody", first)
        with pytest.raises(UnknownSong):
            view.why_not("u17", "nosuch")
    service.close()


@pytest.mark.catalogue("kept_out")
def test_what_was_taken_down_is_not_named(built, asked, tmp_path):
    user, song_id, told = next(
        (user, f"s{number:02}", told)
        for user in ("u17", "u01")
        for number in range(60)
        for told in [asked(user, f"s{number:02}")[0]]
        if "creator" in told
    )
    name = told["creator"].split("first: ")[1].split(", ")[0]
    blocked = name.split("(")[1].split(")")[0]
    path = tmp_path / "blocked" / "songs.parquet"
    blocklist.block(path, [blocked], reason=None, now=datetime(2025, 1, 2))
    service = Service(built.current, landing=tmp_path)
    with service.view() as view:
        rules = view.why_not(user, song_id)["rules"]
        again = {rule["rule"]: rule["detail"] for rule in rules}
        assert again == told | {"creator": "Better songs of its creator come first."}
        with pytest.raises(UnknownSong):
            view.why_not(user, blocked)
    service.close()
