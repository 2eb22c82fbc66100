"""What turns texts and audio into vectors, behind one small interface.

Vectors of different encoders, or of different versions of one, are never compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sunorecsys.errors import SunorecsysError
from sunorecsys.vectors import Matrix

TEXT_ENCODERS = ("tfidf", "clap")
AUDIO_ENCODERS = ("auto", "clap", "audio_features", "none")


class Encoder(Protocol):
    """A name and a version that change with the vectors, and who makes them."""

    name: str
    version: str
    dimensions: int
    # whether a vector depends on the other texts, so that none can be kept
    is_fitted: bool
    # in which audio has to come, in Hz; 0 for an encoder of texts alone
    sample_rate: int

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        """Return one vector per text, shape (texts, dimensions), float32."""

    def embed_audio(self, clips: Sequence[Matrix]) -> Matrix:
        """Return one vector per clip, shape (clips, dimensions), float32.

        Args:
            clips: windows of mono samples from -1 to 1, (windows, samples) each.
        """


@dataclass(frozen=True)
class ClapFiles:
    """Where the checkpoint and the tokenizer of CLAP lie, and what they must be."""

    checkpoint: str | None
    sha256: str | None
    tokenizer: str | None
    # the audio tower of the checkpoint: HTSAT-base or HTSAT-tiny
    architecture: str


def for_audio(wanted: str, clap_files: ClapFiles) -> tuple[Encoder | None, str]:
    """Return the encoder of audio, None for none, and why it is this one.

    Raises:
        SunorecsysError: there is no such encoder, or what it needs is not there.
    """
    if wanted not in AUDIO_ENCODERS:
        raise SunorecsysError(
            f"audio_encoder is {wanted!r}; use {', '.join(AUDIO_ENCODERS)}."
        )
    if wanted == "none":
        return None, "audio_encoder is none"
    if wanted == "clap":
        return _clap(clap_files), "audio_encoder is clap"
    if wanted == "audio_features":
        return _audio_features(), "audio_encoder is audio_features"
    if not clap_files.checkpoint:
        return _audio_features(), "no clap_checkpoint is configured"
    from sunorecsys.encoders import clap

    if not clap.is_installed():
        return _audio_features(), 'laion-clap is not installed; "make clap" does it'
    return _clap(clap_files), "laion-clap is installed and a checkpoint configured"


def for_texts(
    wanted: str, clap_files: ClapFiles, *, dimensions: int, seed: int
) -> Encoder:
    """Return the encoder of texts.

    Raises:
        SunorecsysError: there is no such encoder, or what it needs is not there.
    """
    if wanted == "tfidf":
        from sunorecsys.encoders.tfidf import Tfidf

        return Tfidf(dimensions=dimensions, seed=seed)
    if wanted == "clap":
        return _clap(clap_files)
    raise SunorecsysError(
        f"text_encoder is {wanted!r}; use {' or '.join(TEXT_ENCODERS)}."
    )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal digits.

    Raises:
        OSError: it cannot be read.
    """
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _clap(files: ClapFiles) -> Encoder:
    from sunorecsys.encoders.clap import Clap

    return Clap(files)


def _audio_features() -> Encoder:
    from sunorecsys.encoders.audio_features import AudioFeatures

    return AudioFeatures()
