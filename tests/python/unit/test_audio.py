"""Audio files: what is heard of them, and what keeps them from being heard."""

import os

import numpy as np
import pytest
import soundfile

import clips
from sunorecsys import audio
from sunorecsys.errors import SunorecsysError


def sine(seconds, rate=8_000, level=0.5, hertz=440):
    return level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def wav(folder, samples, rate=8_000, **settings):
    path = folder / "song.wav"
    soundfile.write(path, samples, rate, **settings)
    return path


def heard(path, rate=8_000, most=6):
    return audio.windows(path, sample_rate=rate, most=most)


def outcome(path):
    """Return the windows of a file, or why it has none."""
    try:
        return heard(path)
    except audio.Unheard as error:
        return str(error)


@pytest.mark.parametrize("ending", audio.ENDINGS)
def test_every_kind_of_file_sounds_the_same(tmp_path, ending):
    path = clips.write(tmp_path, "song", "ballad", 1, ending)
    found = heard(path, rate=22_050)[0]
    expected = heard(clips.write(tmp_path, "other", "ballad", 1, "wav"), 22_050)[0]
    # a lossy codec may begin a few milliseconds later
    spectra = [
        np.abs(np.fft.rfft(samples))[:20_000].reshape(200, -1).sum(axis=1)
        for samples in (found, expected)
    ]
    assert np.corrcoef(spectra)[0, 1] > 0.99


def test_windows_lie_evenly_over_the_song(tmp_path):
    # the pitch says which second it is
    rising = np.concatenate([sine(1, hertz=100 + 10 * n) for n in range(40)])
    found = heard(wav(tmp_path, rising), most=3)
    assert found.shape == (3, 80_000)
    firsts = [np.abs(np.fft.rfft(window[:8_000])).argmax() for window in found]
    # from 0, 15 and 30 seconds on
    assert firsts == [100, 250, 400]
    np.testing.assert_array_equal(found, heard(tmp_path / "song.wav", most=3))


def test_a_song_of_less_than_ten_seconds_is_repeated(tmp_path):
    found = heard(wav(tmp_path, sine(4)))
    assert found.shape == (1, 80_000)
    np.testing.assert_array_equal(found[0, :32_000], found[0, 32_000:64_000])


def test_channels_are_mixed_and_the_rate_is_changed(tmp_path):
    left, right = sine(12, hertz=440), sine(12, hertz=1_000)
    path = wav(tmp_path, np.column_stack([left, right]))
    (window,) = heard(path, rate=16_000)
    assert len(window) == 160_000
    spectrum = np.abs(np.fft.rfft(window))
    # ten seconds, so ten bins to the hertz
    assert set(np.argsort(spectrum)[-2:]) == {4_400, 10_000}


def test_silence_within_a_song_is_left_out(tmp_path):
    path = wav(tmp_path, np.concatenate([np.zeros(80_000), sine(10)]))
    assert heard(path).shape == (1, 80_000)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(100_000), "silent"),
        (sine(30, level=1e-5), "silent"),
        (sine(0.5), "too short"),
        (np.zeros(0), "too short"),
        (np.full(100_000, np.nan), "undecodable"),
        (np.concatenate([sine(5), [np.inf], sine(5)]), "undecodable"),
    ],
)
def test_a_file_without_music_says_why(tmp_path, samples, reason):
    path = wav(tmp_path, samples, subtype="FLOAT")
    with pytest.raises(audio.Unheard, match=f"^{reason}"):
        heard(path)


@pytest.mark.parametrize("ending", audio.ENDINGS)
def test_a_broken_file_is_undecodable_or_heard_as_far_as_it_goes(tmp_path, ending):
    whole = clips.write(tmp_path, "song", "metal", 1, ending).read_bytes()
    for name, content in {
        "empty": b"",
        "text": b"this is no audio " * 100,
        "header": whole[:60],
        "noise": whole[:40] + os.urandom(20_000),
    }.items():
        path = tmp_path / f"{name}.{ending}"
        path.write_bytes(content)
        found = outcome(path)
        if isinstance(found, str):
            assert str(tmp_path) not in found
        else:
            assert np.isfinite(found).all()
    half = tmp_path / f"half.{ending}"
    half.write_bytes(whole[: len(whole) // 2])
    found = outcome(half)
    if isinstance(found, str):
        assert found.startswith("undecodable")
    else:
        assert np.isfinite(found).all()


def test_a_rate_that_no_recorder_has_is_refused(tmp_path):
    path = wav(tmp_path, sine(2, rate=2_000), rate=2_000)
    with pytest.raises(audio.Unheard, match="undecodable: 1 channels at 2000 Hz"):
        heard(path)


def test_files_are_found_by_the_id_of_their_song(tmp_path):
    for name in ("a.mp3", "a.wav", "b.c.ogg", "d.txt", "e.flac", "f"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "g.wav").mkdir()
    (tmp_path / "h.wav").symlink_to(tmp_path / "nowhere")
    found = audio.files(tmp_path, ["a", "b.c", "d", "f", "g", "h", "../e"])
    names = {song_id: file.path.name for song_id, file in found.items()}
    assert names == {"a": "a.wav", "b.c": "b.c.ogg"}


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(SunorecsysError, match=r"audio_dir, .*nowhere"):
        audio.files(tmp_path / "nowhere", ["a"])
