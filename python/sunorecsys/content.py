"""Content vectors: text, genre, numbers and audio of a song as weighted blocks.

Each block has length 1 (or 0 where the song lacks it) times the square root of its
weight, so that the dot product of two songs is the weighted sum of the cosines of
their blocks.
"""

import numpy as np
import pyarrow as pa

from sunorecsys import text
from sunorecsys.errors import SunorecsysError
from sunorecsys.vectors import Matrix, column, matrix, unit_rows


def genre_block(genre_index: Matrix, genres: int) -> Matrix:
    """Return one place per genre (songs, genres): 1 at the song's own; NaN: none."""
    block = np.zeros((len(genre_index), genres))
    known = np.flatnonzero(~np.isnan(genre_index))
    block[known, genre_index[known].astype(int)] = 1
    return block


def numbers_block(percentiles: Matrix) -> Matrix:
    """Return two places per number (songs, 2 x numbers), from percentiles 0 to 1.

    A percentile becomes an angle on a quarter circle: the cosine of two songs is 1
    where they are equal and falls to 0 between the lowest and the highest. NaN
    becomes zeros.
    """
    angles = percentiles * np.pi / 2
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=2)
    circle = np.nan_to_num(circle.reshape(-1, 2 * percentiles.shape[1]))
    scaled: Matrix = circle / np.sqrt(max(percentiles.shape[1], 1))
    return scaled


def audio_block(vectors: pa.Table) -> Matrix:
    """Return one row of length 1 per song: how its sound differs from the mean sound.

    Encoders put all music into one corner of their space, where any two songs have a
    cosine near 1; seen from the middle of that corner they differ. Zeros where there is
    no vector.

    Args:
        vectors: embedding (equally long lists, or null), in the order of the songs.
    """
    embedding = vectors["embedding"].combine_chunks()
    heard = np.flatnonzero(embedding.is_valid().to_numpy(zero_copy_only=False))
    if len(heard) == 0:
        return np.zeros((len(embedding), 0))
    known = matrix(vectors["embedding"].drop_null(), 1, np.float32).astype(np.float64)
    block = np.zeros((len(embedding), known.shape[1]))
    block[heard] = unit_rows(known - known.mean(axis=0))
    return block


def song_vectors(
    features: pa.Table,
    audio: pa.Table,
    *,
    text_dimensions: int,
    text_weight: float,
    genre_weight: float,
    numbers_weight: float,
    audio_weight: float,
    seed: int,
) -> pa.Table:
    """Return (song_index, embedding) for a table of content features.

    Where any song has audio, the other blocks share what audio leaves of 1.

    Args:
        features: song_index, text, genre_index, duration_percentile and
            quality_percentile.
        audio: song_index and embedding, null for a song that was not heard; empty if
            none was.

    Raises:
        SunorecsysError: there is no song, or ``audio_weight`` is no share.
    """
    if not 0 <= audio_weight <= 1:
        raise SunorecsysError(
            f"content_audio_weight is {audio_weight}; use a share from 0 to 1."
        )
    if len(features) == 0:
        raise SunorecsysError(
            "There are no songs before as_of. Build with a later --as-of, or ingest "
            "songs that were created before it."
        )
    features = features.sort_by("song_index")
    texts = [value or "" for value in features["text"].to_pylist()]
    columns = {
        name: features[name].cast(pa.float64()).to_numpy()
        for name in ("genre_index", "duration_percentile", "quality_percentile")
    }
    known_genres = columns["genre_index"][~np.isnan(columns["genre_index"])]
    genres = int(known_genres.max()) + 1 if len(known_genres) else 0
    blocks = np.hstack(
        [
            np.sqrt(text_weight)
            * text.embed(texts, dimensions=text_dimensions, seed=seed),
            np.sqrt(genre_weight) * genre_block(columns["genre_index"], genres),
            np.sqrt(numbers_weight)
            * numbers_block(
                np.column_stack(
                    [columns["duration_percentile"], columns["quality_percentile"]]
                )
            ),
        ]
    )
    heard = audio_block(audio.sort_by("song_index"))
    if heard.any():
        blocks = np.hstack(
            [np.sqrt(1 - audio_weight) * blocks, np.sqrt(audio_weight) * heard]
        )
    return pa.table(
        {
            "song_index": features["song_index"],
            "embedding": column(blocks.astype(np.float32)),
        }
    )
