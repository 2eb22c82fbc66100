"""The real laion-clap with random weights: loaded by us, it says what it said before.

Runs where laion-clap is installed ("make clap"), as in CI.
"""

import hashlib
import pickle
import subprocess
import sys

import numpy as np
import pytest

import clap_files
import clips
from sunorecsys import encoders
from sunorecsys.encoders import ClapFiles, clap
from sunorecsys.errors import SunorecsysError

pytestmark = pytest.mark.skipif(
    not clap.is_installed(), reason='laion-clap is not installed: "make clap"'
)

PROMPTS = ["dreamy synthwave, female vocals", "doom metal", "[Verse]\nriver 🌊 강"]


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    clap_files.write_tokenizer(folder)
    return folder


@pytest.fixture(scope="module")
def made(tokenizer_folder, tmp_path_factory):
    """A checkpoint of random weights, and the module it was written from."""
    path = tmp_path_factory.mktemp("checkpoint") / "random.pt"
    return path, clap_files.write_checkpoint(path, tokenizer_folder)


def settings(made, tokenizer_folder, **changed):
    path, _ = made
    given = {
        "checkpoint": str(path),
        "sha256": encoders.sha256_of(path),
        "tokenizer": str(tokenizer_folder),
        "architecture": clap_files.ARCHITECTURE,
    }
    return ClapFiles(**{**given, **changed})


def synthesised():
    return [
        np.stack([clips.clip(style, seed, 10) for seed in (1, 2)])
        for style in clips.STYLES
    ]


def at_48_khz(windows):
    return np.resize(windows, (len(windows), 480_000))


def test_what_was_saved_says_the_same_when_we_load_it(made, tokenizer_folder):
    _, module = made
    sounds = [at_48_khz(windows) for windows in synthesised()]
    encoder, why = encoders.for_audio("auto", settings(made, tokenizer_folder))
    assert (encoder.name, encoder.dimensions) == ("clap", 512)
    assert "installed" in why

    def units(vectors):
        return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)

    windows = np.concatenate(sounds)
    said = module.get_audio_embedding_from_data(windows).astype(np.float64)
    expected = units(said.reshape(4, 2, 512).mean(axis=1)).astype(np.float32)
    found = encoder.embed_audio(sounds)
    np.testing.assert_array_equal(found, expected)
    # and the next time
    np.testing.assert_array_equal(encoder.embed_audio(sounds), found)
    said = module.get_text_embedding(PROMPTS).astype(np.float64)
    texts = encoder.embed_texts(PROMPTS)
    np.testing.assert_array_equal(texts, units(said).astype(np.float32))
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-6)
    assert len(np.unique(np.round(texts, 4), axis=0)) == 3
    # alone as in company
    np.testing.assert_allclose(
        encoder.embed_texts(PROMPTS[1:2])[0], texts[1], atol=1e-5
    )


def test_no_window_is_cut_by_chance(made, tokenizer_folder):
    encoder = clap.Clap(settings(made, tokenizer_folder))
    with pytest.raises(ValueError, match="windows of 480000 samples"):
        encoder.embed_audio([np.zeros((1, 480_001), dtype=np.float32)])


def refused(files):
    with pytest.raises(SunorecsysError) as error:
        clap.Clap(files).embed_texts(["a"])
    return str(error.value)


def test_another_hash_is_refused_before_anything_is_read(made, tokenizer_folder):
    files = settings(made, tokenizer_folder, sha256="0" * 64)
    assert "has the SHA-256" in refused(files)
    assert "nothing of it was loaded" in refused(files)


def test_a_checkpoint_that_was_not_copied_whole(made, tokenizer_folder, tmp_path):
    whole = made[0].read_bytes()
    path = tmp_path / "half.pt"
    path.write_bytes(whole[: len(whole) // 2])
    cut = settings(made, tokenizer_folder, checkpoint=str(path))
    assert "was not copied whole" in refused(cut)
    # and if that is what was hashed
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    cut = settings(made, tokenizer_folder, checkpoint=str(path), sha256=sha256)
    assert "is damaged, or no checkpoint" in refused(cut)


class Evil:
    def __reduce__(self):
        return (exec, ("import sys; sys.was_run = True",))


def test_a_checkpoint_that_runs_code_is_refused(made, tokenizer_folder, tmp_path):
    path = tmp_path / "evil.pt"
    path.write_bytes(pickle.dumps({"state_dict": Evil()}))
    sha256 = encoders.sha256_of(path)
    evil = settings(made, tokenizer_folder, checkpoint=str(path), sha256=sha256)
    assert "is damaged, or no checkpoint" in refused(evil)
    assert not hasattr(sys, "was_run")


def test_each_wrong_setting_has_an_error_of_its_own(made, tokenizer_folder, tmp_path):
    def message(**changed):
        return refused(settings(made, tokenizer_folder, **changed))

    assert "needs clap_checkpoint" in message(checkpoint="")
    assert "cannot be read: No such file" in message(checkpoint=str(tmp_path / "no"))
    assert "needs clap_sha256" in message(sha256="")
    assert "needs clap_sha256" in message(sha256="x" * 64)
    assert "needs a tokenizer" in message(tokenizer="")
    assert "has no vocab.json" in message(tokenizer=str(tmp_path))
    assert "clap_architecture is 'nosuch'" in message(architecture="nosuch")
    assert "does not fit clap_architecture" in message(architecture="HTSAT-base")


def test_a_tokenizer_without_words_is_caught(made, tokenizer_folder, tmp_path):
    (tmp_path / "vocab.json").write_text('{"<s>": 0, "<pad>": 1, "</s>": 2}')
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    found = refused(settings(made, tokenizer_folder, tokenizer=str(tmp_path)))
    assert "tokens; that of roberta-base knows 50,265" in found


def test_without_the_package_the_error_says_how_to_install_it(made, tokenizer_folder):
    # a process in which it cannot be found
    code = f"""
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: (
    None if name == "laion_clap" else find(name, *a)
)
from sunorecsys import encoders
files = encoders.{settings(made, tokenizer_folder)!r}
encoder, why = encoders.for_audio("auto", files)
print(encoder.name, why)
encoders.for_audio("clap", files)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("audio_features laion-clap is not installed")
    assert 'laion-clap is not installed. Run "make clap"' in done.stderr
