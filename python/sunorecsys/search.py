"""How words are searched: among the words of songs, or by CLAP among their sounds.

CLAP is in no release: it comes from the project, whose ``dbt_project.yml`` names the
files, and only if the audio of the release was embedded by the same checkpoint.
"""

import sys
import threading
from typing import Any

import duckdb

from sunorecsys import reader
from sunorecsys.encoders import ClapFiles, Encoder
from sunorecsys.errors import SunorecsysError, UsageError
from sunorecsys.project import Project

WAYS = ("words", "sound")
MOST_CHARACTERS = 1000


def checked(text: Any, by: str | None) -> str:
    """Return the text that is searched, without blanks around it.

    Raises:
        UsageError: it is none, or too long, or there is no such way to search.
    """
    if by is not None and by not in WAYS:
        raise UsageError(f"Songs are searched by {' or '.join(WAYS)}, not by {by!r}.")
    if not isinstance(text, str) or not text.strip():
        raise UsageError('Nothing to search: give words, such as "dreamy synthwave".')
    if len(text) > MOST_CHARACTERS:
        raise UsageError(
            f"The text has {len(text):,} characters; give {MOST_CHARACTERS:,} at most."
        )
    # half a character has no UTF-8
    return text.strip().encode("utf-8", "replace").decode()


class Sound:
    """Texts as vectors of the space of sounds, by the CLAP of a project.

    Thread-safe. The weights are loaded when the first text comes, which takes seconds.
    """

    def __init__(self, project: Project | None) -> None:
        """Take a project; None: there is only the file of a release."""
        self._project = project
        self._encoder: Encoder | None = None
        self._problem: str | None = None
        self._lock = threading.Lock()

    def missing(self, release: duckdb.DuckDBPyConnection) -> str | None:
        """Return why a release cannot be searched by sound; None: it can.

        It says nothing of weights that were not loaded yet.
        """
        with self._lock:
            return self._problem or self._mismatch(release)

    def vector(self, text: str) -> list[float]:
        """Return the vector of a text, of length 1; ask ``missing`` first.

        Raises:
            SunorecsysError: the weights cannot be loaded.
        """
        with self._lock:
            if self._encoder is None:
                raise SunorecsysError(f"{self._problem}.")
            try:
                (vector,) = self._encoder.embed_texts([text])
            except (SunorecsysError, OSError, RuntimeError, MemoryError) as error:
                # once is enough: reading two GB again and again helps nobody
                self._encoder = None
                self._problem = "CLAP could not be loaded"
                # paths of this machine are for its owner, not for every reader
                print(f"CLAP could not be loaded: {error}", file=sys.stderr, flush=True)
                raise SunorecsysError(
                    'CLAP could not be loaded. Run "sunorecsys build" to see why.'
                ) from error
        return [float(place) for place in vector]

    def _mismatch(self, release: duckdb.DuckDBPyConnection) -> str | None:
        heard = reader.query(
            release,
            "select distinct encoder_version as version from audio_embeddings "
            "where encoder = 'clap'",
        )
        if not heard:
            return "the release has no audio that CLAP heard"
        if self._encoder is None:
            if self._project is None:
                return "the file of a release alone does not say where CLAP is"
            variables = self._project.variables()
            files = ClapFiles(
                checkpoint=variables.get("clap_checkpoint"),
                sha256=variables.get("clap_sha256"),
                tokenizer=variables.get("clap_tokenizer"),
                architecture=str(variables.get("clap_architecture")),
            )
            if not files.checkpoint:
                return "dbt_project.yml names no clap_checkpoint"
            from sunorecsys.encoders.clap import Clap

            try:
                self._encoder = Clap(files)
            except SunorecsysError as error:
                return str(error).partition(". ")[0]
        # a version of audio ends in how many windows were listened to
        versions = {str(row["version"]).rpartition("-")[0] for row in heard}
        if versions != {self._encoder.version}:
            return "the audio of the release was heard by another checkpoint of CLAP"
        return None
