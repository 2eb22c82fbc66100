"""TF-IDF and SVD (``sunorecsys.text``) as an encoder: the default one of texts."""

import hashlib
from collections.abc import Sequence

from sunorecsys import text
from sunorecsys.errors import SunorecsysError
from sunorecsys.vectors import Matrix


class Tfidf:
    """Fitted on the texts that it embeds: other texts are another encoder."""

    name = "tfidf"
    is_fitted = True
    sample_rate = 0

    def __init__(self, *, dimensions: int, seed: int) -> None:
        """Take the length of a vector, and the seed of the SVD."""
        self.dimensions = dimensions
        self.version = ""
        self._seed = seed

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        """Return one unit vector per text; the version becomes that of the texts."""
        self.version = _md5("".join(sorted(map(_md5, texts))))
        return text.embed(list(texts), dimensions=self.dimensions, seed=self._seed)

    def embed_audio(self, clips: Sequence[Matrix]) -> Matrix:
        """Raise: words have no sound.

        Raises:
            SunorecsysError: always.
        """
        raise SunorecsysError("tfidf embeds texts only; audio needs audio_features.")


def _md5(value: str) -> str:
    return hashlib.md5(value.encode(), usedforsecurity=False).hexdigest()
