"""The most similar songs of every song, by their vectors."""

import math
import os
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pyarrow as pa
from implicit.cpu.topk import topk

from sunorecsys.errors import SunorecsysError
from sunorecsys.vectors import Matrix, matrix, use_one_blas_thread

SCHEMA = pa.schema(
    [
        ("song_index", pa.int32()),
        ("neighbor_index", pa.int32()),
        ("similarity", pa.float64()),
    ]
)

_SAMPLES = pa.schema([("vector_kind", pa.string()), *SCHEMA])

# songs whose neighbors are made at a time
_BLOCK = 10_000
# songs of which the nearest are found exactly, to see what the index misses
_SAMPLE = 400
# similarities closer than this are the same, in float32
_SAME = 2e-6

# from vectors (queries, dimensions) to indices and similarities of the nearest of each
# (queries, wanted), -1 where there are no more
Search = Callable[[Matrix], tuple[Matrix, Matrix]]


def nearest(
    vectors: pa.Table,
    *,
    neighbors: int,
    exact_up_to: int,
    recall: float,
    memory_gb: float,
) -> pa.RecordBatchReader:
    """Return the nearest songs of every song by dot product, itself excluded.

    Up to some number of songs all pairs are compared. Beyond it vectors are put into
    lists around centroids (faiss), and a song is compared with those of the nearest
    lists only, as many as it takes to find the share ``recall`` of the nearest songs
    of a sample. Where that takes too many lists, all pairs are compared after all.

    Args:
        vectors: song_index and embedding (equally long float lists).
        neighbors: how many a song has at most.
        exact_up_to: songs up to which all pairs are compared.
        recall: from 0 to 1.
        memory_gb: of 1e9 bytes that vectors, index and similarities may take.

    Returns:
        song_index, neighbor_index and similarity, rounded to 7 digits: what float32
        can tell apart. Songs are made as they are read, some thousands at a time.

    Raises:
        SunorecsysError: the vectors do not fit, or a setting is no share.
    """
    if not 0 <= recall <= 1:
        raise SunorecsysError(f"neighbor_recall is {recall}; use a share from 0 to 1.")
    songs, embedding = _in_order(vectors)
    kept = min(neighbors, len(songs) - 1)
    if kept < 1:
        return pa.RecordBatchReader.from_batches(SCHEMA, [])
    is_indexed = len(songs) > exact_up_to
    _check_memory(embedding, is_indexed, memory_gb)
    use_one_blas_thread()
    # one more, because a song is its own nearest neighbor
    search = _exact(embedding, kept + 1)
    if is_indexed:
        search = _indexed(embedding, kept + 1, recall, search)
    return pa.RecordBatchReader.from_batches(
        SCHEMA, _batches(songs, embedding, kept, search)
    )


def exact_sample(
    vectors: Mapping[str, pa.Table], *, neighbors: int, songs: int
) -> pa.Table:
    """Return the nearest songs of some songs, by comparing them with all.

    Args:
        vectors: by their kind, song_index and embedding (equally long float lists).
        neighbors: how many a song has at most.
        songs: how many, evenly spread over the indexes.

    Returns:
        vector_kind, and what `nearest` returns.
    """
    use_one_blas_thread()
    found = [_SAMPLES.empty_table()]
    for kind, table in vectors.items():
        indexes, embedding = _in_order(table)
        kept = min(neighbors, len(indexes) - 1)
        if kept < 1:
            continue
        chosen = _spread(len(indexes), songs)
        search = _exact(embedding, kept + 1)
        batch = _batch(indexes, chosen, *search(embedding[chosen]), kept)
        nearest_songs = pa.Table.from_batches([batch])
        found.append(
            nearest_songs.add_column(
                0, "vector_kind", pa.repeat(kind, len(nearest_songs))
            )
        )
    return pa.concat_tables(found)


def _in_order(vectors: pa.Table) -> tuple[Matrix, Matrix]:
    """Return song indexes, ascending, and their vectors."""
    vectors = vectors.sort_by("song_index")
    songs = vectors["song_index"].to_numpy().astype(np.int32)
    return songs, matrix(vectors["embedding"], 1, np.float32)


def _check_memory(embedding: Matrix, is_indexed: bool, memory_gb: float) -> None:
    count = len(embedding)
    # an index holds the vectors once more; all similarities of 100 songs and thread
    needed = (2 if is_indexed else 1) * embedding.nbytes
    needed += 400 * count * (os.cpu_count() or 1)
    if needed / 1e9 > memory_gb:
        raise SunorecsysError(
            f"The nearest of {count:,} songs by vectors of {embedding.shape[1]} places "
            f"need {needed / 1e9:.1f} GB, and neighbors_memory_gb allows "
            f"{memory_gb:g}. Raise it if this machine has the memory, or make the "
            "vectors shorter with text_dimensions."
        )


def _batches(
    songs: Matrix, embedding: Matrix, kept: int, search: Search
) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(songs), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(songs)))
        indices, similarities = search(embedding[rows])
        yield _batch(songs, rows, indices, similarities, kept)


def _batch(
    songs: Matrix, rows: Matrix, indices: Matrix, similarities: Matrix, kept: int
) -> pa.RecordBatch:
    """Return what was found for some rows, but themselves."""
    is_self = indices == rows[:, None]
    # a song with many twins may miss itself: then the last of them goes
    is_self[~is_self.any(axis=1), -1] = True
    is_kept = ~is_self & (indices >= 0)
    found = np.round(similarities[is_kept].astype(float), 7)
    return pa.record_batch(
        {
            "song_index": np.repeat(songs[rows], is_kept.sum(axis=1)),
            "neighbor_index": songs[indices[is_kept]],
            "similarity": np.minimum(found, 1),
        },
        schema=SCHEMA,
    )


def _exact(embedding: Matrix, wanted: int) -> Search:
    def search(queries: Matrix) -> tuple[Matrix, Matrix]:
        found: tuple[Matrix, Matrix] = topk(embedding, queries, wanted, num_threads=0)
        return found

    return search


def _indexed(embedding: Matrix, wanted: int, recall: float, exact: Search) -> Search:
    """Return a search of the nearest lists, or ``exact`` where they are too many.

    "Inverted file" of Sivic and Zisserman (2003) as faiss makes it, with a fixed seed.
    """
    import faiss

    count, dimensions = embedding.shape
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    lists = max(1, int(2 * math.sqrt(count)))
    centroids = faiss.IndexFlatIP(dimensions)
    index = faiss.IndexIVFFlat(centroids, dimensions, lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.max_points_per_centroid = 64
    index.train(embedding)
    index.add(embedding)
    # at random, so that they are not those by which the result is measured
    random = np.random.default_rng(0)
    sample = embedding[random.choice(count, min(count, _SAMPLE), replace=False)]
    least = exact(sample)[1][:, -1:] - _SAME

    def search(queries: Matrix) -> tuple[Matrix, Matrix]:
        similarities, indices = index.search(queries, wanted)
        return indices, similarities

    index.nprobe = 4
    # comparing all pairs takes about an eighth of the time for each of them
    while index.nprobe < lists / 8:
        indices, similarities = search(sample)
        if np.mean((similarities >= least) & (indices >= 0)) >= recall:
            return search
        index.nprobe *= 2
    return exact


def _spread(count: int, wanted: int) -> Matrix:
    """Return up to so many of the numbers below ``count``, at equal distances."""
    step = max(1, count // wanted)
    return np.arange(0, count, step)[:wanted]
