"""Neighbors against every pair, one by one."""

import numpy as np
import pyarrow as pa
import pytest

from sunorecsys.neighbors import nearest


def table(matrix, indexes=None):
    matrix = np.asarray(matrix, np.float32)
    values = pa.FixedSizeListArray.from_arrays(
        pa.array(matrix.ravel()), matrix.shape[1]
    )
    indexes = range(len(matrix)) if indexes is None else indexes
    return pa.table({"song_index": pa.array(indexes, pa.int32()), "embedding": values})


def found(vectors, neighbors):
    result = {}
    for one in nearest(vectors, neighbors=neighbors).to_pylist():
        result.setdefault(one["song_index"], {})[one["neighbor_index"]] = one[
            "similarity"
        ]
    return result


@pytest.fixture(scope="module")
def matrix():
    matrix = np.random.default_rng(4).normal(size=(333, 24))
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def test_neighbors_are_the_best_of_all_pairs(matrix):
    similarities = matrix @ matrix.T
    np.fill_diagonal(similarities, -np.inf)
    result = found(table(matrix), 10)
    assert sorted(result) == list(range(333))
    for song, neighbors in result.items():
        best = np.argsort(-similarities[song])[:10]
        assert neighbors == {
            int(other): pytest.approx(similarities[song, other], abs=1e-6)
            for other in best
        }


def test_more_neighbors_than_songs_give_all_others(matrix):
    result = found(table(matrix[:5]), 100)
    assert {song: set(others) for song, others in result.items()} == {
        song: set(range(5)) - {song} for song in range(5)
    }


@pytest.mark.parametrize("twins", [2, 5, 40])
def test_a_song_is_never_its_own_neighbor_among_twins(twins):
    """All twins are equally near; a song may miss itself among its own nearest."""
    result = found(table(np.tile([[0.6, 0.8]], (twins, 1))), 3)
    assert len(result) == twins
    for song, neighbors in result.items():
        assert song not in neighbors
        assert len(neighbors) == min(3, twins - 1)
        assert set(neighbors.values()) == {1.0}


def test_song_indexes_may_have_gaps_and_any_order():
    vectors = table([[1, 0], [0, 1], [0.6, 0.8]], indexes=[30, 4, 17])
    assert found(vectors, 1) == {
        30: {17: pytest.approx(0.6)},
        4: {17: pytest.approx(0.8)},
        17: {4: pytest.approx(0.8)},
    }


@pytest.mark.parametrize("count", [0, 1])
def test_without_another_song_there_are_no_neighbors(count):
    result = nearest(table(np.ones((count, 3))), neighbors=5)
    assert result.num_rows == 0
    assert result.schema.names == ["song_index", "neighbor_index", "similarity"]


def test_zero_neighbors_are_none(matrix):
    assert nearest(table(matrix), neighbors=0).num_rows == 0


def test_the_same_vectors_give_the_same_neighbors(matrix):
    first = nearest(table(matrix), neighbors=20)
    assert first.equals(nearest(table(matrix), neighbors=20))
