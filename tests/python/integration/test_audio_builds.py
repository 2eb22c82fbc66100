"""Builds that listen: what audio changes, what is kept, and what could not be heard."""

import json

import pytest

import clips
from conftest import Workspace, crowd, song
from sunorecsys import builds

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


CATALOGUES = {"listening": listening}

pytestmark = pytest.mark.catalogue("listening")


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


def test_quality_is_half_of_what_the_editor_says(built):
    """All have the engagement 1/2; the editor's 9 is 5/6 among three, and 3 is 1/3."""
    quality = dict(built.query("select song_id, quality_score from songs"))
    # halves: 2/3, and twice 5/12; who has no score keeps 1/2
    assert quality.pop("s00") == pytest.approx((23 + 1 / 2) / 24)
    assert quality.pop("s01") == quality.pop("s02") == pytest.approx((0 + 2 / 2) / 24)
    assert quality == dict.fromkeys(quality, pytest.approx((2 + 21 / 2) / 24))
    assert len(quality) == SONGS - 3


def test_a_second_build_embeds_nothing_even_without_the_warehouse(built, tmp_path):
    twin = built.twin(tmp_path / "twin")
    # the library of the first one, whose files have not changed
    settings = with_audio(built)
    landed = twin.root / "landing" / "embeddings" / "audio"
    before = {path.name: path.stat().st_mtime_ns for path in landed.iterdir()}
    (twin.root / "warehouse" / "sunorecsys.duckdb").unlink()
    done = twin.build(*settings, "--json")
    assert {path.name: path.stat().st_mtime_ns for path in landed.iterdir()} == before
    assert "no clap_checkpoint is configured" in done.stderr
    release_id = json.loads(done.stdout)["release_id"]
    assert built.query("select release_id from build_info") == [(release_id,)]
    steps = {
        step["name"]: step
        for step in builds.newest(twin.root / "landing" / "builds")["steps"]
    }
    assert steps["audio_vectors"]["seconds"] < 2
