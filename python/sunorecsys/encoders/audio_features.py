"""Audio as numbers of music information retrieval; needs no weights.

Timbre (MFCC), spectral contrast, harmony (chroma) and rhythm (tempo) of librosa, each
number standardised with stored parameters, so that a song has the same vector in any
catalogue.
"""

import csv
import hashlib
import importlib.util
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources

import numpy as np

from sunorecsys.errors import SunorecsysError
from sunorecsys.vectors import Matrix, unit_rows

_PARAMETERS = "audio_features.csv"
# changes with the code below
_CODE = "1"
_HOP = 512
# standard deviations from the mean beyond which a number is only "very much"
_FURTHEST = 3.0


class AudioFeatures:
    """The default encoder of audio."""

    name = "audio_features"
    is_fitted = False
    sample_rate = 22_050

    def __init__(self) -> None:
        """Read the stored parameters.

        Raises:
            SunorecsysError: librosa is not installed.
        """
        if importlib.util.find_spec("librosa") is None:
            raise SunorecsysError(
                "Audio needs librosa, which is not installed: "
                "pip install 'sunorecsys[audio]', or set audio_encoder to none."
            )
        text = resources.files(__package__).joinpath(_PARAMETERS).read_text("utf-8")
        rows = list(csv.DictReader(text.splitlines()))
        self._means = np.array([float(row["mean"]) for row in rows])
        self._deviations = np.array([float(row["standard_deviation"]) for row in rows])
        blocks = [row["block"] for row in rows]
        # each block counts alike, however many numbers it has
        self._shares = 1 / np.sqrt([blocks.count(block) for block in blocks])
        self.dimensions = len(rows)
        digest = hashlib.sha256(text.encode()).hexdigest()
        self.version = f"{_CODE}-{digest[:12]}"

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        """Raise: texts have no sound.

        Raises:
            SunorecsysError: always.
        """
        raise SunorecsysError("audio_features embeds audio only; texts need tfidf.")

    def embed_audio(self, clips: Sequence[Matrix]) -> Matrix:
        """Return the mean over the windows of a clip, standardised, at length 1."""
        windows = [window for clip in clips for window in clip]
        # most of the work is in numpy, which lets other threads run
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            measured = np.array(list(pool.map(measure, windows)))
        ends = np.cumsum([len(clip) for clip in clips])
        means = np.array([part.mean(axis=0) for part in np.split(measured, ends[:-1])])
        scaled = np.clip(
            (means - self._means) / self._deviations, -_FURTHEST, _FURTHEST
        )
        # what other processors round differently is no difference
        return np.round(unit_rows(scaled * self._shares), 5).astype(np.float32)


def measure(window: Matrix) -> Matrix:
    """Return the numbers of one window of samples, in the order of ``names``."""
    import librosa

    rate = AudioFeatures.sample_rate
    power = np.abs(librosa.stft(window, n_fft=2048, hop_length=_HOP)) ** 2
    mel = librosa.feature.melspectrogram(S=power, sr=rate, n_mels=96)
    decibels = librosa.power_to_db(mel, ref=1.0, top_db=80)
    # the first is loudness, which mastering decides
    timbre = librosa.feature.mfcc(S=decibels, n_mfcc=20)[1:]
    contrast = librosa.feature.spectral_contrast(S=np.sqrt(power), sr=rate)
    chroma = librosa.feature.chroma_stft(S=power, sr=rate, tuning=0.0)
    onsets = librosa.onset.onset_strength(S=decibels, sr=rate, hop_length=_HOP)
    tempo = librosa.feature.tempo(onset_envelope=onsets, sr=rate, hop_length=_HOP)
    return np.concatenate(
        [
            timbre.mean(axis=1),
            timbre.std(axis=1),
            contrast.mean(axis=1),
            contrast.std(axis=1),
            # of which intervals the chords are, in whatever key
            np.abs(np.fft.rfft(chroma, axis=0))[1:].mean(axis=1),
            np.abs(np.fft.rfft(chroma.mean(axis=1)))[1:],
            [
                np.log2(max(float(tempo[0]), 1.0)),
                np.log1p(onsets.mean()),
                np.log1p(onsets.std()),
            ],
        ]
    )


def names() -> list[tuple[str, str]]:
    """Return the block and the name of each number of ``measure``."""
    return [
        *(
            ("timbre", f"mfcc_{n}_{what}")
            for what in ("mean", "std")
            for n in range(1, 20)
        ),
        *(
            ("contrast", f"contrast_{n}_{what}")
            for what in ("mean", "std")
            for n in range(7)
        ),
        *(
            ("harmony", f"interval_{n}_{what}")
            for what in ("frame", "clip")
            for n in range(1, 7)
        ),
        ("rhythm", "log_tempo"),
        ("rhythm", "onset_mean"),
        ("rhythm", "onset_std"),
    ]
