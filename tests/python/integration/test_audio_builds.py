"""Builds that listen: what audio changes, what is kept, and what could not be heard."""

import json
import os
import re

import numpy as np
import pytest

import clap_files
import clips
from conftest import Workspace, crowd, serving, song
from sunorecsys import HybridRecommender
from sunorecsys.encoders import ClapFiles, clap, sha256_of

SONGS = 24


def style(number: int) -> str:
    return clips.STYLES[number % 4]


# of an editor who knows three songs, and one that the catalogue does not have
SCORES = "song_id,score,signal\ns00,9,Editor\ns01,3,editor\ns02,3,editor\nzz,1,editor\n"


def listening(workspace: Workspace) -> None:
    """Build a catalogue whose styles only the audio tells, one song being broken.

    An editor judged three of its songs, all of which are listened to alike.
    """
    songs = [
        song(
            number,
            tags="music",
            duration_seconds=200.0,
            play_count=100,
            upvote_count=5,
            comment_count=1,
        )
        for number in range(SONGS)
    ]
    workspace.land("songs", songs)
    workspace.land("interactions", crowd(SONGS, 8))
    audio = workspace.root / "library"
    for number in range(SONGS - 2):
        clips.write(audio, f"s{number:02}", style(number), number)
    (audio / "s22.mp3").write_bytes(b"no music")
    (workspace.root / "scores.csv").write_text(SCORES)
    done = workspace.cli("ingest", "quality", "scores.csv")
    assert done.returncode == 0, done.stderr
    assert "Songs that are not ingested yet: 1." in done.stderr
    workspace.build(*with_audio(workspace))


def with_audio(workspace: Workspace) -> tuple[str, ...]:
    path = workspace.root / "audio.yml"
    path.write_text(
        f"audio_dir: {workspace.root / 'library'}\naudio_windows: 1\n"
        "quality_weights: {engagement: 1, editor: 1}\n"
    )
    return ("--settings", str(path))


def heard_by_clap(workspace: Workspace) -> None:
    """Build a catalogue that the real laion-clap hears, with random weights.

    One of its twelve songs has no audio, and one that has is hidden.
    """
    songs = [song(number) for number in range(12)]
    songs[3] |= {"is_hidden": True}
    # nothing says what it should sound like
    songs[4] |= {"tags": None, "prompt": "[Verse]"}
    workspace.land("songs", songs)
    workspace.land("interactions", crowd(12, 4))
    for number in range(11):
        clips.write(workspace.root / "library", f"s{number:02}", style(number), number)
    tokenizer = workspace.root / "tokenizer"
    tokenizer.mkdir()
    clap_files.write_tokenizer(tokenizer)
    checkpoint = workspace.root / "random.pt"
    clap_files.write_checkpoint(checkpoint, tokenizer)
    project = workspace.root / "dbt_project.yml"
    text = project.read_text("utf-8")
    for name, value in {
        "audio_dir": workspace.root / "library",
        "audio_windows": 1,
        "clap_checkpoint": checkpoint,
        "clap_sha256": sha256_of(checkpoint),
        "clap_tokenizer": tokenizer,
        "clap_architecture": clap_files.ARCHITECTURE,
    }.items():
        text, count = re.subn(rf"(?m)^  {name}: .*$", f"  {name}: {value}", text)
        assert count == 1, name
    project.write_text(text, "utf-8")
    workspace.build()


CATALOGUES = {"listening": listening, "heard_by_clap": heard_by_clap}

needs_clap = pytest.mark.skipif(
    not clap.is_installed(), reason='laion-clap is not installed: "make clap"'
)


def clap_of(workspace: Workspace) -> clap.Clap:
    return clap.Clap(
        ClapFiles(
            checkpoint=str(workspace.root / "random.pt"),
            sha256=sha256_of(workspace.root / "random.pt"),
            tokenizer=str(workspace.root / "tokenizer"),
            architecture=clap_files.ARCHITECTURE,
        )
    )


@pytest.mark.catalogue("listening")
def test_a_song_is_like_those_that_sound_like_it(built):
    rows = built.query(
        "select song_id, similar_song_id from similar_songs "
        "where channel = 'content' and similarity_rank = 1"
    )
    nearest = {int(song[1:]): int(other[1:]) for song, other in rows}
    heard = [number for number in nearest if number < SONGS - 2]
    assert len(heard) == SONGS - 2
    right = [number for number in heard if style(number) == style(nearest[number])]
    assert len(right) / len(heard) >= 0.9


@pytest.mark.catalogue("listening")
def test_songs_that_could_not_be_heard_are_listed_and_recommended(built):
    assert built.query(
        "select song_id, encoder, reason from embedding_failures order by song_id"
    ) == [
        ("s22", "audio_features", "undecodable"),
        ("s23", "audio_features", "missing"),
    ]
    (count,) = built.query(
        "select count(distinct user_id) from recommendations "
        "where song_id in ('s22', 's23')"
    )
    assert count[0] > 0
    heard, places = built.query(
        "select count(*), min(len(embedding)) from audio_embeddings"
    )[0]
    assert (heard, places) == (SONGS - 2, 67)


@pytest.mark.catalogue("listening")
def test_quality_is_half_of_what_the_editor_says(built):
    """All have the engagement 1/2; the editor's 9 is 5/6 among three, and 3 is 1/3."""
    quality = dict(built.query("select song_id, quality_score from songs"))
    # halves: 2/3, and twice 5/12; who has no score keeps 1/2
    assert quality.pop("s00") == pytest.approx((23 + 1 / 2) / 24)
    assert quality.pop("s01") == quality.pop("s02") == pytest.approx((0 + 2 / 2) / 24)
    assert quality == dict.fromkeys(quality, pytest.approx((2 + 21 / 2) / 24))
    assert len(quality) == SONGS - 3


@pytest.mark.catalogue("listening")
def test_a_second_build_embeds_nothing_even_without_the_warehouse(built, tmp_path):
    twin = built.twin(tmp_path / "twin")
    settings = with_audio(twin)
    # of the same size and age, but nothing in them can be listened to any more
    for path in (twin.root / "library").iterdir():
        about = path.stat()
        path.write_bytes(bytes(about.st_size))
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    landed = twin.root / "landing" / "embeddings" / "audio"
    before = {path.name: path.stat().st_mtime_ns for path in landed.iterdir()}
    (twin.root / "warehouse" / "sunorecsys.duckdb").unlink()
    done = twin.build(*settings, "--json")
    assert {path.name: path.stat().st_mtime_ns for path in landed.iterdir()} == before
    assert "no clap_checkpoint is configured" in done.stderr
    release_id = json.loads(done.stdout)["release_id"]
    assert built.query("select release_id from build_info") == [(release_id,)]


@needs_clap
@pytest.mark.catalogue("heard_by_clap")
def test_audio_is_compared_with_the_prompt_that_it_was_made_from(built):
    """Against laion-clap asked here, in one batch with other neighbors."""
    told = dict(built.query("select song_id, prompt_audio_agreement from songs"))
    # without a tag and a word; without audio
    assert (told.pop("s04"), told.pop("s11")) == (None, None)
    heard = dict(built.query("select song_id, embedding from audio_embeddings"))
    asked = dict(
        built.query(
            "select song_id, array_to_string(tags, ', ') || '. ' || trim("
            "regexp_replace(prompt, '\\[Verse\\]', '')) from songs"
        )
    )
    vectors = clap_of(built).embed_texts([asked[name] for name in sorted(told)])
    expected = {
        name: float(vector @ np.array(heard[name], dtype=np.float32))
        for name, vector in zip(sorted(told), vectors, strict=True)
    }
    assert told == pytest.approx(expected, abs=1e-5)
    assert len(set(told.values())) == len(told)


@needs_clap
@pytest.mark.catalogue("heard_by_clap")
def test_words_find_sounds_where_clap_heard_them(built):
    text = "dreamy synthwave, female vocals"
    (vector,) = clap_of(built).embed_texts([text])
    rows = built.query(
        "select audio_embeddings.song_id, embedding from audio_embeddings "
        "inner join songs using (song_id) where not is_hidden"
    )
    cosine = {name: float(np.array(known) @ vector) for name, known in rows}
    expected = sorted(cosine, key=lambda name: -round(cosine[name], 6))
    assert len(expected) == 10
    with HybridRecommender.load(built.root) as recommender:
        found = recommender.search(text, n=10)
        assert [row["song_id"] for row in found] == expected
        assert {row["song_id"]: row["score"] for row in found} == pytest.approx(
            cosine, abs=1e-5
        )
        # a title is no sound
        by_words = recommender.search("Song 07", n=1, by="words")
        assert [row["song_id"] for row in by_words] == ["s07"]
    done = built.cli("search", text, "--json")
    answer = json.loads(done.stdout)
    assert (answer["searched_by"], answer["why"]) == ("sound", "CLAP heard the songs")
    assert answer["songs"] == found


@needs_clap
@pytest.mark.catalogue("heard_by_clap")
def test_without_its_ears_a_search_takes_words_and_says_why(built, tmp_path):
    with HybridRecommender.load(built.current.resolve()) as recommender:
        found = recommender.search("Song 07", n=1)
        assert [row["song_id"] for row in found] == ["s07"]
    twin = built.twin(tmp_path / "twin")
    project = twin.root / "dbt_project.yml"
    whole = project.read_text("utf-8")
    digest = re.search("clap_sha256: (.*)", whole)[1]
    for text, why in (
        (whole.replace(digest, "null"), "The encoder clap needs clap_sha256"),
        (whole.replace(digest, "a" * 64), "heard by another checkpoint of CLAP"),
    ):
        project.write_text(text, "utf-8")
        answer = json.loads(twin.cli("search", "Song 07", "--json").stdout)
        assert answer["searched_by"] == "words"
        assert why in answer["why"]
        assert answer["songs"][0]["song_id"] == "s07"
    # the right hash of a file that has changed since; whose path nobody is told
    project.write_text(whole.replace(str(built.root / "random.pt"), "/no/such.pt"))
    with serving(twin) as running:
        asked = {"q": "Song 07"}
        for _ in range(2):
            answer = running.client.get("/search", params=asked).json()
            assert answer["searched_by"] == "words"
            assert answer["why"] == "CLAP could not be loaded"
        refused = running.client.get("/search", params=asked | {"by": "sound"})
        assert refused.status_code == 503
        assert "no/such" not in refused.text
        assert sum("no/such.pt" in line for line in running.lines) == 1
