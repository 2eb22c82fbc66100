"""How far apart the songs of a list are, by their vectors."""

import numpy as np
import pyarrow as pa
from scipy import sparse

from sunorecsys.vectors import Matrix, matrix, unit_rows

SCHEMA = pa.schema(
    [
        ("recommender", pa.string()),
        ("listener_index", pa.int32()),
        ("k", pa.int32()),
        ("embedding_diversity", pa.float64()),
    ]
)

# of lists that are summed at once: 8 bytes x dimensions each
_BLOCK = 20_000


def embedding_diversity(
    lists: pa.Table, vectors: pa.Table, *, depths: list[int]
) -> pa.Table:
    """Return 1 minus the mean cosine of all pairs of songs among the first k of a list.

    The squared length of the sum of n unit vectors is n plus twice the cosines of all
    pairs, so the work grows with the length of a list and not with its square.

    Args:
        lists: recommender, listener_index and songs (song indexes, the best first).
        vectors: song_index and embedding (equally long float lists).
        depths: each k.

    Returns:
        recommender, listener_index, k and embedding_diversity, 0 to 2, rounded to 9
        digits. A song without a vector, or with one of zeros, is in no pair; a list
        without a pair has no row.
    """
    if len(lists) == 0:
        return SCHEMA.empty_table()
    songs = lists["songs"].combine_chunks()
    flat = songs.flatten().to_numpy()
    lengths = songs.value_lengths().to_numpy()
    starts = np.concatenate([[0], np.cumsum(lengths)])
    row = np.repeat(np.arange(len(songs)), lengths)
    place = np.arange(len(flat)) - starts[row]
    units = _units(vectors, int(flat.max()) + 1)
    has_vector = np.linalg.norm(units, axis=1)[flat] > 0
    found = []
    for k in depths:
        kept = (place < k) & has_vector
        in_list = sparse.csr_matrix(
            (np.ones(kept.sum()), (row[kept], flat[kept])),
            shape=(len(songs), len(units)),
        )
        n = np.asarray(in_list.sum(axis=1)).ravel()
        squares = np.concatenate(
            [
                ((in_list[first : first + _BLOCK] @ units) ** 2).sum(axis=1)
                for first in range(0, len(songs), _BLOCK)
            ]
        )
        with_pairs = np.flatnonzero(n > 1)
        n, squares = n[with_pairs], squares[with_pairs]
        cosine = (squares - n) / (n * (n - 1))
        rows = lists.take(pa.array(with_pairs))
        found.append(
            pa.table(
                {
                    "recommender": rows["recommender"],
                    "listener_index": rows["listener_index"],
                    "k": np.full(len(rows), k, dtype=np.int32),
                    # not a hair under 0 for one song many times
                    "embedding_diversity": np.maximum(np.round(1 - cosine, 9), 0),
                },
                schema=SCHEMA,
            )
        )
    return pa.concat_tables(found)


def _units(vectors: pa.Table, songs: int) -> Matrix:
    """Return the vectors at length 1 by song index; zeros where there is none."""
    # the square of a sum needs more digits than a vector has
    rows = unit_rows(matrix(vectors["embedding"], 1, np.float32).astype(np.float64))
    index = vectors["song_index"].to_numpy()
    units = np.zeros((max(songs, int(index.max(initial=-1)) + 1), rows.shape[1]))
    units[index] = rows
    return units
