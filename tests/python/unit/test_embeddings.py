"""Embeddings are made once per content, and a killed run keeps what it has."""

import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import clips
from sunorecsys import embeddings, encoders
from sunorecsys.encoders.audio_features import AudioFeatures
from sunorecsys.encoders.tfidf import Tfidf
from sunorecsys.errors import SunorecsysError

NO_CLAP = encoders.ClapFiles("", "", "", "HTSAT-base")


class Counted(AudioFeatures):
    """The real encoder, which counts, and can be stopped as by Ctrl-C."""

    def __init__(self, stop_after=None):
        super().__init__()
        self.embedded = 0
        self._stop_after = stop_after

    def embed_audio(self, clips):
        if self._stop_after is not None and self.embedded >= self._stop_after:
            raise KeyboardInterrupt
        self.embedded += len(clips)
        return super().embed_audio(clips)


def songs(*ids):
    ids = sorted(ids)
    return pa.table(
        {"song_index": pa.array(range(len(ids)), pa.int32()), "song_id": ids}
    )


class Library:
    """A folder of audio, and a landing."""

    def __init__(self, folder):
        self.audio = folder / "audio"
        self.store = folder / "landing"
        self.audio.mkdir()

    def run(self, *ids, encoder=None, windows=1):
        """Return the rows by song, and how many were embedded."""
        encoder = encoder or Counted()
        found = embeddings.of_audio(
            songs(*ids),
            self.audio,
            encoder,
            embeddings.Store(self.store),
            windows=windows,
        )
        rows = {row["song_id"]: row for row in found.to_pylist()}
        assert list(rows) == sorted(ids)
        assert [row["song_index"] for row in rows.values()] == list(range(len(ids)))
        return rows, encoder.embedded

    def add(self, song_id, style="house", seed=0):
        return clips.write(self.audio, song_id, style, seed)


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path)


def test_four_styles_are_told_apart():
    styles = [style for style in clips.STYLES for _ in range(8)]
    encoder = AudioFeatures()
    vectors = encoder.embed_audio(
        [
            clips.clip(style, number, 10)[None, ::2]
            for number, style in enumerate(styles)
        ]
    )
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    nearest = (vectors @ vectors.T - 9 * np.eye(len(styles))).argmax(axis=1)
    right = np.mean(
        [styles[n] == style for n, style in zip(nearest, styles, strict=True)]
    )
    assert right >= 0.9


def test_only_what_is_new_or_changed_is_embedded(library):
    library.add("a"), library.add("b", "metal")
    first, count = library.run("a", "b")
    assert count == 2
    again, count = library.run("a", "b")
    assert (again, count) == (first, 0)
    # a new song, and one that left the catalogue
    library.add("c", "ambient")
    third, count = library.run("b", "c")
    assert count == 1
    assert third["b"]["embedding"] == first["b"]["embedding"]
    # touched, or copied from a backup: the same content
    os.utime(library.audio / "b.flac", (1, 1))
    assert library.run("a", "b", "c")[1] == 0
    # another recording under the same name
    library.add("a", "ballad", 5)
    changed, count = library.run("a", "b", "c")
    assert count == 1
    assert changed["a"]["content_hash"] != first["a"]["content_hash"]
    assert changed["a"]["embedding"] != first["a"]["embedding"]


def test_another_encoder_embeds_all_and_the_first_one_is_kept(library):
    library.add("a"), library.add("b", "metal")
    library.run("a", "b", windows=1)
    other, count = library.run("a", "b", windows=2)
    assert count == 2
    assert other["a"]["encoder_version"].endswith("-2w")
    assert library.run("a", "b", windows=1)[1] == 0


def test_the_same_audio_gives_the_same_bits_elsewhere(library, tmp_path):
    library.add("a", "ballad", 3)
    (tmp_path / "second").mkdir()
    second = Library(tmp_path / "second")
    second.add("a", "ballad", 3)
    assert library.run("a")[0] == second.run("a")[0]


def test_songs_that_cannot_be_heard_are_listed_and_not_tried_again(library):
    library.add("good")
    (library.audio / "broken.mp3").write_bytes(b"no music")
    rows, count = library.run("broken", "gone", "good")
    assert count == 1
    assert rows["good"]["failure"] is None
    assert rows["broken"]["failure"].startswith("undecodable")
    assert rows["gone"]["failure"].startswith("missing")
    assert rows["broken"]["embedding"] is None
    assert rows["gone"]["content_hash"] is None
    again, count = library.run("broken", "gone", "good")
    assert (again, count) == (rows, 0)
    # mended
    library.add("gone")
    (library.audio / "broken.mp3").unlink()
    library.add("broken", "metal")
    rows, count = library.run("broken", "gone", "good")
    assert count == 2
    assert all(row["failure"] is None for row in rows.values())


def test_a_run_that_is_stopped_keeps_what_it_has(library):
    ids = [f"s{number:02}" for number in range(20)]
    for number, song_id in enumerate(ids):
        library.add(song_id, clips.STYLES[number % 4], number)
    with pytest.raises(KeyboardInterrupt):
        library.run(*ids, encoder=Counted(stop_after=16))
    rows, count = library.run(*ids)
    assert count == 4
    assert all(row["embedding"] for row in rows.values())


def test_many_small_files_become_one(library):
    ids = [f"s{number}" for number in range(10)]
    for number, song_id in enumerate(ids):
        library.add(song_id, seed=number)
        library.run(*ids[: number + 1])
    assert len(list(library.store.glob("*.parquet"))) <= 8
    assert library.run(*ids)[1] == 0


def test_a_damaged_file_is_named(library):
    library.add("a")
    library.run("a")
    (path,) = library.store.glob("*.parquet")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SunorecsysError, match=rf"{path.name}.*Delete it"):
        library.run("a")
    path.unlink()
    assert library.run("a")[1] == 1


def test_a_full_disk_is_an_error_that_says_what_to_do(library):
    library.add("a")
    library.store.write_text("a file where the folder should be")
    with pytest.raises(SunorecsysError, match="cannot be written"):
        library.run("a")


def test_landing_says_what_made_a_vector(library):
    library.add("a")
    library.run("a")
    (path,) = library.store.glob("*.parquet")
    (row,) = pq.read_table(path).to_pylist()
    assert row["encoder"] == "audio_features"
    assert row["file_name"] == "a.flac"
    assert len(row["content_hash"]) == 64


def test_without_a_checkpoint_auto_takes_audio_features_and_says_so():
    encoder, why = encoders.for_audio("auto", NO_CLAP)
    assert encoder.name == "audio_features"
    assert "no clap_checkpoint" in why
    assert encoders.for_audio("none", NO_CLAP)[0] is None


def test_without_audio_nothing_has_to_be_installed_for_it(tmp_path, monkeypatch):
    for name in ("librosa", "soundfile", "soxr"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "sunorecsys.encoders.audio_features")
    clap = {"checkpoint": "", "sha256": "", "tokenizer": "", "architecture": "x"}
    given = {"encoder": "auto", "windows": 1, "clap": clap, "landing": tmp_path}
    found = embeddings.audio_vectors(songs("a"), audio_dir="", **given)
    assert len(found) == 0
    # with audio it is said what is missing
    with pytest.raises(SunorecsysError, match="Audio needs librosa"):
        embeddings.audio_vectors(songs("a"), audio_dir=str(tmp_path), **given)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder": "nosuch"}, "audio_encoder is 'nosuch'; use auto, clap"),
        ({"audio_dir": "audio"}, "give the whole path"),
        ({"audio_dir": "/nowhere/at/all"}, "/nowhere/at/all, cannot be read"),
        ({"windows": 0}, "audio_windows is 0"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, settings, message):
    given = {"audio_dir": str(tmp_path), "encoder": "auto", "windows": 1, **settings}
    clap = {"checkpoint": "", "sha256": "", "tokenizer": "", "architecture": "x"}
    with pytest.raises(SunorecsysError, match=message):
        embeddings.audio_vectors(songs("a"), clap=clap, landing=tmp_path, **given)


def texts(*values):
    count = len(values)
    return pa.table(
        {
            "song_index": pa.array(range(count), pa.int32()),
            "song_id": [f"s{number}" for number in range(count)],
            "text": list(values),
        }
    )


def test_tfidf_is_fitted_again_and_its_version_is_that_of_the_texts(tmp_path):
    def version(*values):
        found = embeddings.of_texts(
            texts(*values),
            Tfidf(dimensions=8, seed=42),
            embeddings.Store(tmp_path / "landing"),
        )
        vectors = np.array(found["embedding"].to_pylist())
        np.testing.assert_allclose(vectors @ vectors.T, np.eye(len(values)), atol=1e-6)
        (name,) = set(found["encoder_version"].to_pylist())
        return name

    assert version("river", "stone") == version("stone", "river")
    assert version("river", "stone") != version("river", "stone", "lantern")
    assert not (tmp_path / "landing").exists()


def test_encoders_of_one_kind_refuse_the_other():
    with pytest.raises(SunorecsysError, match="texts need tfidf"):
        AudioFeatures().embed_texts(["a"])
    with pytest.raises(SunorecsysError, match="audio needs audio_features"):
        Tfidf(dimensions=8, seed=42).embed_audio([])
