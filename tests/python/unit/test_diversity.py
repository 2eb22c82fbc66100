"""How far apart the vectors of a list are, beside scikit-learn on every pair."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics.pairwise import cosine_distances

from sunorecsys.diversity import embedding_diversity
from sunorecsys.vectors import column


def lists_of(*songs: list[int]) -> pa.Table:
    return pa.table(
        {
            "recommender": ["blended"] * len(songs),
            "listener_index": pa.array(range(len(songs)), pa.int32()),
            "songs": pa.array(songs, pa.list_(pa.int32())),
        }
    )


def vectors_of(rows: np.ndarray, index: np.ndarray | None = None) -> pa.Table:
    index = np.arange(len(rows)) if index is None else index
    return pa.table(
        {
            "song_index": pa.array(index, pa.int32()),
            "embedding": column(rows.astype(np.float32)),
        }
    )


def found(lists: pa.Table, vectors: pa.Table, depths: list[int]) -> dict:
    rows = embedding_diversity(lists, vectors, depths=depths).to_pylist()
    return {(r["listener_index"], r["k"]): r["embedding_diversity"] for r in rows}


def test_it_is_the_mean_distance_of_all_pairs():
    random = np.random.default_rng(7)
    rows = random.normal(size=(40, 8)).astype(np.float32)
    songs = [list(random.permutation(40)[:n]) for n in (2, 5, 9, 20)]
    # vectors come in any order
    order = random.permutation(40)
    got = found(lists_of(*songs), vectors_of(rows[order], order), [2, 5, 10])
    assert len(got) == 12
    for (listener, k), value in got.items():
        distances = cosine_distances(rows[songs[listener][:k]].astype(float))
        pairs = distances[np.triu_indices(len(distances), 1)]
        assert value == pytest.approx(pairs.mean(), abs=1e-8)


def test_songs_without_a_vector_are_in_no_pair():
    rows = np.array([[1, 0], [0, 1], [0, 0]])
    lists = lists_of([2, 0, 3, 1], [2, 3, 0], [1], [])
    # song 3 has none, and that of song 2 is of zeros; two right angles have distance 1
    assert found(lists, vectors_of(rows), [3, 4]) == {(0, 4): 1.0}


def test_equal_and_opposite_songs_are_the_ends_of_the_scale():
    rows = np.array([[0.1, 0.2], [0.3, 0.6], [-1, -2]])
    lists = lists_of([0, 1], [0, 2])
    assert found(lists, vectors_of(rows), [2]) == {(0, 2): 0.0, (1, 2): 2.0}


def test_no_list_no_row():
    vectors = vectors_of(np.ones((1, 2)))
    assert embedding_diversity(lists_of(), vectors, depths=[5]).num_rows == 0
