"""Searching in words: what is found, in the same order by every way in."""

import json
import re
from pathlib import Path

import pytest

from sunorecsys import HybridRecommender
from sunorecsys.errors import SunorecsysError, UsageError

SUNO = Path(__file__).parents[4] / "shared" / "data" / "suno" / "all_songs.json"

# what somebody would type, and the songs whose tags or prompts are about just that
OBVIOUS = {
    "medieval witch house": {"HALF PAST 2 (Cover)", "AWAY TOGETHER"},
    "jazzy blues for Christmas": {"Moxxie's bar"},
    "epic orchestral male choir, gothic metal": {"Shadows of the Ancients"},
    "Ladino bossa nova with nylon guitars": {"Invokasyon Obligatoria del Meldador"},
    "초콜릿 初恋": {"初恋"},
    "happy tavern songs": {"A Hobbit and his Tankard of Ale"},
}


def suno(workspace):
    """The real songs, which nobody here has heard."""
    done = workspace.cli("ingest", "songs", SUNO)
    assert done.returncode == 0, done.stderr
    workspace.build()


CATALOGUES = {"suno": suno}


@pytest.mark.skipif(not SUNO.exists(), reason=f"{SUNO} is not there")
@pytest.mark.catalogue("suno")
def test_real_songs_are_found_by_what_they_obviously_are(built):
    with HybridRecommender.load(built.root) as recommender:
        for text, expected in OBVIOUS.items():
            found = recommender.search(text, n=len(expected))
            assert {row["title"].strip() for row in found} == expected, text


@pytest.fixture(scope="module")
def recommender(sample_project):
    with HybridRecommender.load(sample_project.root) as loaded:
        yield loaded


def test_every_way_in_says_the_same(sample_project, recommender, server):
    text = "Tide seasons, of a lantern"
    rows = recommender.search(text, n=7)
    assert [row["search_rank"] for row in rows] == list(range(1, 8))
    assert rows[0]["title"] == "Tide Season"
    scores = [row["score"] for row in rows]
    assert scores == sorted(scores, reverse=True)
    done = sample_project.cli("search", text, "--limit", 7, "--json")
    answer = json.loads(done.stdout)
    assert answer == {
        "text": text,
        "searched_by": "words",
        "why": "the release has no audio that CLAP heard",
        "songs": rows,
        "count": 7,
    }
    assert server.client.get("/search", params={"q": text, "n": 7}).json() == answer
    names = list(rows[0])
    with sample_project.release() as release:
        found = release.execute("from search($1, n := 7)", [text])
        assert [column[0] for column in found.description] == names
        assert [dict(zip(names, row, strict=True)) for row in found.fetchall()] == rows
    table = recommender.search(text, n=7, format="arrow")
    assert table.to_pylist() == rows
    shown = sample_project.cli("search", text, "--limit", 7)
    assert "Tide Season" in shown.stdout
    assert "Searched by words" in shown.stderr


def test_a_score_is_bm25_over_the_words(sample_project, recommender):
    """With the weights that the release tells, and half for what a word begins.

    Songs whose creator is called like one of the words are looked at elsewhere.
    """
    weights = {}
    for term, song, weight in sample_project.query(
        "select term, song_id, term_weight from song_terms "
        "inner join search_terms using (term_index) "
        "inner join songs using (song_index)"
    ):
        weights.setdefault(song, {})[term] = weight
    called = re.compile(r"(?i)(\b|_)(tide|lantern)")
    rows = [
        row
        for row in recommender.search("tide lantern", n=100)
        if not called.search(row["creator_name"] or "")
    ]
    assert len(rows) > 5
    for row in rows:
        known = weights[row["song_id"]]
        expected = sum(
            max(
                (
                    weight * (1 if term == word else 0.5)
                    for term, weight in known.items()
                    if term.startswith(word)
                ),
                default=0,
            )
            for word in ("tide", "lantern")
        )
        assert row["score"] == pytest.approx(expected, abs=2e-6)


def test_creators_are_found_and_their_names_are_in_no_index(
    sample_project, recommender
):
    """So that nothing of a name is left where somebody is forgotten."""
    found = recommender.search("TinyPiano", n=3)
    assert {row["creator_name"] for row in found} == {"tinypiano"}
    texts = " ".join(
        text
        for (text,) in sample_project.query(
            "select lower(concat_ws(' ', title, tags, genre, prompt)) from songs"
        )
    )
    names = {
        word
        for (name,) in sample_project.query("select distinct creator_name from songs")
        for word in (name or "").lower().split("_")
    }
    only = {name for name in names if name and name not in texts}
    known = {term for (term,) in sample_project.query("select term from search_terms")}
    assert len(only) > 5
    assert only & known == set()


def test_every_song_is_found_by_its_title(sample_project, recommender):
    """So the build splits texts as a search does."""
    songs = sample_project.query(
        "select song_id, title from songs where not is_hidden "
        "order by hash(song_id) limit 60"
    )
    for song_id, title in songs:
        found = [row["song_id"] for row in recommender.search(title, n=5)]
        assert song_id in found, title


def test_case_accents_plurals_and_beginnings_make_no_difference(recommender):
    def found(text):
        return [row["song_id"] for row in recommender.search(text, n=5)]

    assert found("TIDE séason") == found("tides season")
    assert set(found("Tid")) & set(found("tide"))


def test_hidden_songs_are_not_found(sample_project, recommender):
    hidden = dict(
        sample_project.query("select song_id, title from songs where is_hidden")
    )
    assert hidden
    for song_id, title in hidden.items():
        found = {row["song_id"] for row in recommender.search(title, n=100)}
        assert song_id not in found


def test_a_song_that_was_taken_down_leaves_its_place(sample_project, tmp_path):
    twin = sample_project.twin(tmp_path / "twin")
    with HybridRecommender.load(twin.root) as recommender:
        before = recommender.search("piano", n=5)
        done = twin.cli("block", before[1]["song_id"])
        assert done.returncode == 0, done.stderr
        after = recommender.search("piano", n=4)
    expected = [row["song_id"] for row in (before[0], *before[2:])]
    assert [row["song_id"] for row in after] == expected
    assert [row["search_rank"] for row in after] == [1, 2, 3, 4]


NASTY = (
    "'; drop table songs; --",
    "%_%\\",
    "\x00piano\x1b[31m",
    "[red]piano[/red]",
    "🎵" * 300,
    "\ud800 piano",
    "\u202epiano",
    "((((*" * 100,
    "a " * 400,
)


@pytest.mark.parametrize("text", NASTY)
def test_hostile_words_are_words(recommender, text):
    rows = recommender.search(text, n=3)
    assert len(rows) == 3 or "piano" not in text
    assert len(recommender.search("piano", n=3)) == 3


def test_what_is_not_there_is_said(sample_project, recommender, server):
    assert recommender.search("xylophonequark") == []
    done = sample_project.cli("search", "xylophonequark")
    assert (done.returncode, done.stdout) == (0, "")
    assert "No song was found by words." in done.stderr
    document = json.loads(sample_project.cli("search", "?!", "--json").stdout)
    assert (document["count"], document["songs"]) == (0, [])
    answer = server.client.get("/search", params={"q": "xylophonequark"})
    assert (answer.status_code, answer.json()["count"]) == (200, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Nothing to search"),
        (" \n", "Nothing to search"),
        ("x" * 1001, "1,001 characters; give 1,000 at most"),
    ],
)
def test_wrong_words_are_explained(sample_project, recommender, server, text, message):
    with pytest.raises(UsageError, match=message):
        recommender.search(text)
    done = sample_project.cli("search", text)
    assert done.returncode == 2
    assert message in done.stderr
    assert server.client.get("/search", params={"q": text}).status_code == 422


def test_by_sound_needs_ears(sample_project, recommender, server):
    with pytest.raises(SunorecsysError, match="has no audio that CLAP heard"):
        recommender.search("piano", by="sound")
    with pytest.raises(UsageError, match="words or sound, not by 'smell'"):
        recommender.search("piano", by="smell")
    done = sample_project.cli("search", "piano", "--by", "sound")
    assert done.returncode == 1
    assert "has no audio that CLAP heard" in done.stderr
    answer = server.client.get("/search", params={"q": "piano", "by": "sound"})
    assert answer.status_code == 503
    assert "has no audio that CLAP heard" in answer.json()["detail"]
    assert server.client.get("/search?q=piano&by=smell").status_code == 422
