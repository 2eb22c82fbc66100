"""Vectors that cost too much to make twice: ``landing/embeddings``.

``landing/embeddings/<kind>/*.parquet`` holds one row per song, content, encoder and
version. A build embeds what has no row, writes rows as it goes, and takes the rest from
there, so that neither a deleted warehouse nor a killed build costs what was done.
"""

import hashlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sunorecsys import audio, encoders
from sunorecsys.encoders import ClapFiles, Encoder, sha256_of
from sunorecsys.errors import SunorecsysError, first_line
from sunorecsys.landing import replacing
from sunorecsys.vectors import column

SCHEMA = pa.schema(
    [
        ("song_id", pa.string()),
        ("encoder", pa.string()),
        ("encoder_version", pa.string()),
        # SHA-256 of an audio file, MD5 of a text
        ("content_hash", pa.string()),
        # a file of the same name, size and time is not read again; null for a text
        ("file_name", pa.string()),
        ("file_size", pa.int64()),
        ("modified_ns", pa.int64()),
        # null if the content cannot be embedded, and then the reason
        ("embedding", pa.list_(pa.float32())),
        ("failure", pa.string()),
    ]
)
# what a model gets: a row per song, without the file
RESULT = pa.schema(
    [
        SCHEMA.field(name)
        for name in SCHEMA.names
        if name not in ("file_name", "file_size", "modified_ns")
    ]
)

# contents that are read and embedded together
_BATCH = 16
# what a killed build loses at most
_SECONDS_BETWEEN_FILES = 60.0
_SECONDS_BETWEEN_LINES = 5.0
# more files than this become one
_MOST_FILES = 8


@dataclass
class Store:
    """The rows of one kind, and those that wait to be written."""

    folder: Path
    _waiting: list[dict[str, Any]] = field(default_factory=list)
    _written_at: float = field(default_factory=time.monotonic)

    def read(self, encoder: str, version: str) -> pa.Table:
        """Return the rows of an encoder and version.

        Raises:
            SunorecsysError: a file is damaged.
        """
        parts = [SCHEMA.empty_table()]
        for path in self._files():
            rows = _read(path)
            is_wanted = pc.and_(
                pc.equal(rows["encoder"], encoder),
                pc.equal(rows["encoder_version"], version),
            )
            parts.append(rows.filter(is_wanted))
        return pa.concat_tables(parts)

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Keep rows, and write them now and then."""
        self._waiting.extend(rows)
        if time.monotonic() - self._written_at > _SECONDS_BETWEEN_FILES:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait.

        Raises:
            SunorecsysError: the disk refuses.
        """
        if self._waiting:
            self._write(pa.Table.from_pylist(self._waiting, SCHEMA))
            self._waiting.clear()
        self._written_at = time.monotonic()

    def compact(self) -> None:
        """Make one file of many; what is there twice does no harm."""
        files = self._files()
        if len(files) <= _MOST_FILES:
            return
        kept = self._write(pa.concat_tables([_read(path) for path in files]))
        for path in files:
            if path != kept:
                path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.parquet"))

    def _write(self, rows: pa.Table) -> Path:
        rows = rows.sort_by([(name, "ascending") for name in SCHEMA.names[:4]])
        digest = hashlib.md5(usedforsecurity=False)
        for name in SCHEMA.names[:7]:
            digest.update(repr(rows[name].to_pylist()).encode())
        path = self.folder / f"{digest.hexdigest()[:16]}.parquet"
        try:
            with replacing(path) as aside:
                pq.write_table(rows, aside, compression="zstd")
        except OSError as error:
            raise SunorecsysError(
                f"Embeddings cannot be written to {self.folder}: "
                f"{error.strerror or error}. Make room or make it writable, and build "
                "again; what was written before is kept."
            ) from error
        return path


def _read(path: Path) -> pa.Table:
    try:
        return pq.ParquetFile(path).read().cast(SCHEMA)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SunorecsysError(
            f"{path} cannot be read: {first_line(error)} Delete it, and build again: "
            "its songs are embedded anew."
        ) from error


def audio_vectors(
    songs: pa.Table,
    *,
    audio_dir: str,
    encoder: str,
    windows: int,
    clap: Mapping[str, str],
    landing: Path = Path("landing"),
) -> pa.Table:
    """Return ``of_audio`` under the settings of a build; no row without audio_dir.

    Raises:
        SunorecsysError: a setting is wrong, or what it needs is not there.
    """
    nothing = RESULT.insert(0, songs.schema.field("song_index")).empty_table()
    if not audio_dir and encoder in encoders.AUDIO_ENCODERS:
        # nothing is to be heard, so that nothing has to be installed for it
        return nothing
    chosen, why = encoders.for_audio(encoder, ClapFiles(**clap))
    if chosen is None:
        return nothing
    if not Path(audio_dir).is_absolute():
        raise SunorecsysError(
            f"audio_dir is {audio_dir!r}; give the whole path, from the root on: past "
            "weeks are built in another folder."
        )
    if windows < 1:
        raise SunorecsysError(f"audio_windows is {windows}; use 1 or more.")
    _say(f"Audio is embedded by {chosen.name}: {why}.")
    return of_audio(
        songs,
        Path(audio_dir),
        chosen,
        Store(landing / "embeddings" / "audio"),
        windows=windows,
    )


def prompt_vectors(
    texts: pa.Table,
    *,
    encoder: str,
    dimensions: int,
    seed: int,
    clap: Mapping[str, str],
    landing: Path = Path("landing"),
) -> pa.Table:
    """Return ``of_texts`` under the settings of a build.

    Raises:
        SunorecsysError: a setting is wrong, or what it needs is not there.
    """
    chosen = encoders.for_texts(
        encoder, ClapFiles(**clap), dimensions=dimensions, seed=seed
    )
    return of_texts(texts, chosen, Store(landing / "embeddings" / "prompt"))


def style_vectors(
    texts: pa.Table, *, clap: Mapping[str, str], landing: Path = Path("landing")
) -> pa.Table:
    """Return ``of_texts`` by CLAP, to be compared with audio; no row without a text.

    Raises:
        SunorecsysError: a setting is wrong, or what it needs is not there.
    """
    if len(texts) == 0:
        return RESULT.insert(0, texts.schema.field("song_index")).empty_table()
    chosen = encoders.for_texts("clap", ClapFiles(**clap), dimensions=0, seed=0)
    return of_texts(texts, chosen, Store(landing / "embeddings" / "style"))


def of_audio(
    songs: pa.Table,
    folder: Path,
    encoder: Encoder,
    store: Store,
    *,
    windows: int,
) -> pa.Table:
    """Return one row per song: the vector of its audio, or why it has none.

    Args:
        songs: song_index and song_id of the catalogue.
        folder: holds ``<song_id>.<ending>``, with an ending of ``audio.ENDINGS``.
        encoder: makes the vectors.
        store: holds those that were made before, and gets the new ones.
        windows: of ten seconds, how many of a song are listened to at most.

    Raises:
        SunorecsysError: a folder cannot be read or written.
    """
    version = f"{encoder.version}-{windows}w"
    song_ids = songs["song_id"].to_pylist()
    found = audio.files(folder, song_ids)
    known = store.read(encoder.name, version)
    seen = _rows_by_file(known)
    by_content = _rows_by_content(known)
    changed = [
        song_id
        for song_id, file in sorted(found.items())
        if (song_id, file.name, file.size, file.modified_ns) not in seen
    ]
    lines = _Progress("Audio", len(changed), f"{encoder.name} {version}")
    made: list[dict[str, Any]] = []
    try:
        for batch in _batches(changed):
            rows, clips = [], []
            for song_id in batch:
                file = found[song_id]
                row: dict[str, Any] = {
                    "song_id": song_id,
                    "encoder": encoder.name,
                    "encoder_version": version,
                    "file_name": file.name,
                    "file_size": file.size,
                    "modified_ns": file.modified_ns,
                }
                try:
                    row["content_hash"] = sha256_of(file.path)
                    same = by_content.get((song_id, row["content_hash"]))
                    if same is not None:
                        # only the time of the file has changed
                        before = known.slice(same, 1).to_pylist()[0]
                        row["embedding"] = before["embedding"]
                        row["failure"] = before["failure"]
                    else:
                        clip = audio.windows(
                            file.path, sample_rate=encoder.sample_rate, most=windows
                        )
                        clips.append((row, clip))
                except audio.Unheard as reason:
                    row["failure"] = str(reason)
                except OSError as error:
                    # it may be readable next week, so it is asked again
                    made.append(
                        row | {"failure": f"unreadable: {error.strerror or error}"}
                    )
                    continue
                rows.append(row)
            if clips:
                vectors = encoder.embed_audio([clip for _, clip in clips])
                for (row, _), vector in zip(clips, vectors, strict=True):
                    row |= _vector_or_failure(vector)
            store.add(rows)
            made += rows
            lines.advance(len(batch))
    finally:
        store.flush()
    store.compact()
    missing = [
        {
            "song_id": song_id,
            "encoder": encoder.name,
            "encoder_version": version,
            "failure": "missing: no such file in audio_dir",
        }
        for song_id in sorted(set(song_ids) - set(found))
    ]
    unchanged = [
        seen[key]
        for song_id, file in sorted(found.items())
        if (key := (song_id, file.name, file.size, file.modified_ns)) in seen
    ]
    return _indexed(known, unchanged, made + missing, songs)


def of_texts(texts: pa.Table, encoder: Encoder, store: Store) -> pa.Table:
    """Return one row per text with its vector.

    Args:
        texts: song_index, song_id and text.
        encoder: makes the vectors; one that is fitted on all texts makes all of them.
        store: holds those that were made before, and gets the new ones.

    Raises:
        SunorecsysError: the store cannot be read or written.
    """
    if encoder.is_fitted:
        return _fitted(texts, encoder)
    known = store.read(encoder.name, encoder.version)
    by_content = _rows_by_content(known)
    hashed = {
        (row["song_id"], text_hash(row["text"])): row["text"]
        for row in texts.to_pylist()
    }
    new = sorted(key for key in hashed if key not in by_content)
    lines = _Progress("Prompts", len(new), f"{encoder.name} {encoder.version}")
    made: list[dict[str, Any]] = []
    try:
        for batch in _batches(new):
            vectors = encoder.embed_texts([hashed[key] for key in batch])
            rows = [
                {
                    "song_id": song_id,
                    "encoder": encoder.name,
                    "encoder_version": encoder.version,
                    "content_hash": content_hash,
                    **_vector_or_failure(vector),
                }
                for (song_id, content_hash), vector in zip(batch, vectors, strict=True)
            ]
            store.add(rows)
            made += rows
            lines.advance(len(batch))
    finally:
        store.flush()
    store.compact()
    unchanged = [by_content[key] for key in sorted(hashed) if key in by_content]
    return _indexed(known, unchanged, made, texts)


def _fitted(texts: pa.Table, encoder: Encoder) -> pa.Table:
    texts = texts.sort_by("song_index")
    values = texts["text"].to_pylist()
    vectors = encoder.embed_texts(values)
    count = len(values)
    return pa.table(
        {
            "song_index": texts["song_index"],
            "song_id": texts["song_id"],
            "encoder": pa.repeat(encoder.name, count),
            "encoder_version": pa.repeat(encoder.version, count),
            "content_hash": pa.array(map(text_hash, values), pa.string()),
            "embedding": column(vectors).cast(pa.list_(pa.float32())),
            "failure": pa.nulls(count, pa.string()),
        }
    )


def _indexed(
    known: pa.Table,
    unchanged: list[int],
    made: list[dict[str, Any]],
    songs: pa.Table,
) -> pa.Table:
    """Return rows that were known and made, one per song, with the songs' indexes."""
    rows = pa.concat_tables(
        [
            known.take(pa.array(unchanged, pa.int64())).select(RESULT.names),
            pa.Table.from_pylist(made, RESULT),
        ]
    ).sort_by("song_id")
    index = songs.sort_by("song_id")["song_index"]
    return rows.add_column(0, "song_index", index)


def text_hash(text: str) -> str:
    """Return the MD5 of a text, as SQL writes it."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _rows_by_file(known: pa.Table) -> dict[tuple[str, str, int, int], int]:
    columns = (
        known[name].to_pylist()
        for name in ("song_id", "file_name", "file_size", "modified_ns")
    )
    return {key: row for row, key in enumerate(zip(*columns, strict=True))}


def _rows_by_content(known: pa.Table) -> dict[tuple[str, str], int]:
    columns = (known[name].to_pylist() for name in ("song_id", "content_hash"))
    return {key: row for row, key in enumerate(zip(*columns, strict=True))}


def _vector_or_failure(vector: Any) -> dict[str, Any]:
    if not np.isfinite(vector).all():
        return {"failure": "undecodable: its vector is no number"}
    return {"embedding": vector.tolist()}


def _batches(keys: list[Any]) -> Iterator[list[Any]]:
    for first in range(0, len(keys), _BATCH):
        yield keys[first : first + _BATCH]


class _Progress:
    """Says on stderr how much is embedded, how fast, and how long it will take."""

    def __init__(self, what: str, total: int, encoder: str) -> None:
        self._what, self._total, self._encoder = what, total, encoder
        self._done = 0
        self._begun = self._said = time.monotonic()

    def advance(self, count: int) -> None:
        self._done += count
        now = time.monotonic()
        if now - self._said < _SECONDS_BETWEEN_LINES:
            return
        self._said = now
        rate = self._done / (now - self._begun)
        left = (self._total - self._done) / rate
        _say(
            f"{self._what}: {self._done:,} of {self._total:,} by {self._encoder}, "
            f"{rate:.1f} a second, {_duration(left)} left"
        )


def _say(line: str) -> None:
    # dbt shows no output of a Python model but what it prints itself
    print(line, file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
