"""The most similar songs of every song, by blocks of one matrix multiplication."""

import numpy as np
import pyarrow as pa
from implicit.cpu.topk import topk

from sunorecsys.vectors import matrix, use_one_blas_thread

SCHEMA = pa.schema(
    [
        ("song_index", pa.int32()),
        ("neighbor_index", pa.int32()),
        ("similarity", pa.float64()),
    ]
)


def nearest(vectors: pa.Table, *, neighbors: int) -> pa.Table:
    """Return the nearest songs of every song by dot product, itself excluded.

    Similarities are made and reduced 100 songs at a time and thread, so memory is
    400 bytes x songs x threads beside the result.

    Args:
        vectors: song_index and embedding (equally long float lists).
        neighbors: how many a song has at most.

    Returns:
        song_index, neighbor_index and similarity, rounded to 7 digits: what float32
        can tell apart.
    """
    vectors = vectors.sort_by("song_index")
    songs = vectors["song_index"].to_numpy().astype(np.int32)
    kept = min(neighbors, len(songs) - 1)
    if kept < 1:
        return SCHEMA.empty_table()
    embedding = matrix(vectors["embedding"], 1, np.float32)
    use_one_blas_thread()
    # one more, because a song is its own nearest neighbor
    indices, scores = topk(embedding, embedding, kept + 1, num_threads=0)
    is_self = indices == np.arange(len(songs))[:, None]
    # a song with many twins may miss itself: then the last of them goes
    is_self[~is_self.any(axis=1), -1] = True
    return pa.table(
        {
            "song_index": np.repeat(songs, kept),
            "neighbor_index": songs[indices[~is_self]],
            "similarity": np.minimum(np.round(scores[~is_self].astype(float), 7), 1),
        },
        schema=SCHEMA,
    )
