"""Audio files as windows of samples, and what keeps a file from being heard."""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sunorecsys.errors import SunorecsysError
from sunorecsys.vectors import Matrix

# where a song has several files, the first of these counts
ENDINGS = ("flac", "wav", "opus", "ogg", "mp3")

WINDOW_SECONDS = 10
# of silence, as the root of the mean square: -80 dB of the loudest
_SILENCE = 1e-4
_SHORTEST_SECONDS = 1
# a header may say anything: more than this is no song
_LONGEST_SECONDS = 6 * 3600
_RATES = (4_000, 384_000)
_MOST_CHANNELS = 16


class Unheard(Exception):
    """A file cannot be listened to; the message is the reason, for a table."""


@dataclass(frozen=True)
class AudioFile:
    """A file, and what changes when its content does."""

    folder: Path
    name: str
    size: int
    modified_ns: int

    @property
    def path(self) -> Path:
        """Where it lies; paths of 100,000 files take seconds, so only some are made."""
        return self.folder / self.name


def files(folder: Path, song_ids: Iterable[str]) -> dict[str, AudioFile]:
    """Return the audio file of each song that has one, by song id.

    Raises:
        SunorecsysError: the folder cannot be read.
    """
    wanted = set(song_ids)
    found: dict[str, AudioFile] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                song_id, _, ending = entry.name.rpartition(".")
                if song_id not in wanted or ending not in ENDINGS:
                    continue
                before = found.get(song_id)
                if before and _rank(before.name.rpartition(".")[2]) < _rank(ending):
                    continue
                try:
                    status = entry.stat()
                except OSError:
                    # a link to nowhere
                    continue
                if stat.S_ISREG(status.st_mode):
                    found[song_id] = AudioFile(
                        folder, entry.name, status.st_size, status.st_mtime_ns
                    )
    except OSError as error:
        raise SunorecsysError(
            f"audio_dir, {folder}, cannot be read: {error.strerror or error}. "
            "Correct it in dbt_project.yml, or set it to null."
        ) from error
    return found


def _rank(ending: str) -> int:
    return ENDINGS.index(ending)


def windows(path: Path, *, sample_rate: int, most: int) -> Matrix:
    """Return evenly spread windows of a file, mono, shape (windows, samples).

    A window has ten seconds; a file of less is repeated to fill one. The same file
    gives the same windows. Silent windows are left out.

    Args:
        path: of a FLAC, WAV, Ogg, Opus or MP3 file.
        sample_rate: in Hz, of the result.
        most: how many windows at most.

    Raises:
        Unheard: the file cannot be decoded, is silent, or is too short or too long.
    """
    import soundfile
    import soxr

    pieces = []
    is_silent = True
    try:
        with soundfile.SoundFile(path) as file:
            rate, frames = file.samplerate, file.frames
            if not _RATES[0] <= rate <= _RATES[1] or file.channels > _MOST_CHANNELS:
                raise Unheard(f"undecodable: {file.channels} channels at {rate} Hz")
            if frames > _LONGEST_SECONDS * rate:
                raise Unheard("too long: more than six hours")
            for start in _starts(frames, WINDOW_SECONDS * rate, most):
                file.seek(start)
                read = file.read(
                    WINDOW_SECONDS * rate, dtype="float32", always_2d=True
                ).mean(axis=1)
                if not np.isfinite(read).all():
                    raise Unheard("undecodable: samples that are no numbers")
                if len(read) < _SHORTEST_SECONDS * rate:
                    continue
                if np.sqrt(np.mean(np.square(read, dtype=np.float64))) < _SILENCE:
                    continue
                is_silent = False
                pieces.append(soxr.resample(np.clip(read, -1, 1), rate, sample_rate))
    except (RuntimeError, OSError, ValueError) as error:
        # what libsndfile says names the path, which is nobody's business in a table
        raise Unheard(f"undecodable: {_reason(error)}") from error
    if frames < _SHORTEST_SECONDS * rate:
        raise Unheard("too short: less than a second")
    if is_silent:
        raise Unheard("silent")
    length = WINDOW_SECONDS * sample_rate
    return np.stack([np.resize(piece, length) for piece in pieces])


def _starts(frames: int, length: int, most: int) -> list[int]:
    """Return where windows start: from the first to the last, in even steps."""
    count = max(1, min(most, frames // length))
    if count == 1:
        return [max(0, (frames - length) // 2)]
    return [number * (frames - length) // (count - 1) for number in range(count)]


def _reason(error: Exception) -> str:
    text = str(getattr(error, "error_string", None) or error)
    return text.rpartition(": ")[2].rstrip(".")[:100]
