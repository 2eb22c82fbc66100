"""Neighbors against every pair, one by one."""

import numpy as np
import pyarrow as pa
import pytest

from sunorecsys import neighbors
from sunorecsys.errors import SunorecsysError

# settings under which all pairs are compared
EXACT = {"exact_up_to": 1000, "recall": 0.95, "memory_gb": 1}
INDEXED = {**EXACT, "exact_up_to": 0}


def table(matrix, indexes=None):
    matrix = np.asarray(matrix, np.float32)
    values = pa.FixedSizeListArray.from_arrays(
        pa.array(matrix.ravel()), matrix.shape[1]
    )
    indexes = range(len(matrix)) if indexes is None else indexes
    return pa.table({"song_index": pa.array(indexes, pa.int32()), "embedding": values})


def nearest(vectors, **settings):
    return neighbors.nearest(vectors, **{**EXACT, **settings}).read_all()


def found(vectors, count, **settings):
    result = {}
    for one in nearest(vectors, neighbors=count, **settings).to_pylist():
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
    for song, others in result.items():
        best = np.argsort(-similarities[song])[:10]
        assert others == {
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
    for song, others in result.items():
        assert song not in others
        assert len(others) == min(3, twins - 1)
        assert set(others.values()) == {1.0}


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


@pytest.fixture(scope="module")
def styles():
    """4,000 songs around 50 styles, as music is."""
    random = np.random.default_rng(5)
    centers = random.normal(size=(50, 16))
    vectors = centers[random.integers(50, size=4000)]
    vectors = vectors + 0.4 * random.normal(size=vectors.shape)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("recall", [0.7, 0.9, 0.99])
def test_an_index_finds_the_share_that_was_asked_for(styles, recall):
    similarities = styles @ styles.T
    np.fill_diagonal(similarities, -np.inf)
    result = found(table(styles), 20, **INDEXED | {"recall": recall})
    shares = [
        len(set(np.argsort(-similarities[song])[:20]) & result[song].keys()) / 20
        for song in range(len(styles))
    ]
    # of all songs; it was chosen on 400 of them
    assert np.mean(shares) == pytest.approx(recall, abs=0.3)
    assert np.mean(shares) >= recall - 0.02
    for song, others in result.items():
        assert song not in others
        for other, similarity in others.items():
            assert similarity == pytest.approx(similarities[song, other], abs=1e-6)


def test_an_index_is_asked_about_no_more_lists_than_it_takes(styles):
    sample = neighbors._exact(styles.astype(np.float32), 21)
    asked = []

    def exact(queries):
        asked.append(len(queries))
        return sample(queries)

    search = neighbors._indexed(styles.astype(np.float32), 21, 0.9, exact)
    search(styles[:1000].astype(np.float32))
    # a sample, and nothing of what was searched for then
    assert asked == [400]


def test_an_index_gives_the_same_songs_each_time(styles):
    first = nearest(table(styles), neighbors=20, **INDEXED)
    assert first.equals(nearest(table(styles), neighbors=20, **INDEXED))


def test_all_pairs_are_compared_where_an_index_would_miss_too_many():
    """In 64 directions without any styles nothing is near."""
    noise = np.random.default_rng(6).normal(size=(4000, 64))
    exact = nearest(table(noise), neighbors=20, exact_up_to=4000)
    assert nearest(table(noise), neighbors=20, **INDEXED).equals(exact)


def test_songs_beyond_a_block_are_found_too():
    """Two songs at each of 12,500 places on a circle."""
    count = 12_500
    angles = np.repeat(np.arange(count), 2) * 2 * np.pi / count
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    # each at a distance of its own in a third direction, so that only twins are equal
    heights = np.repeat(np.arange(count) % 7, 2)[:, None] / 10
    vectors = np.hstack([circle, heights])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    settings = INDEXED | {"recall": 0.9}
    reader = neighbors.nearest(table(vectors), neighbors=1, **settings)
    batches = list(reader)
    assert len(batches) == 3
    result = pa.Table.from_batches(batches)
    songs = result["song_index"].to_numpy()
    assert (songs == np.arange(2 * count)).all()


def test_what_does_not_fit_is_refused():
    with pytest.raises(SunorecsysError, match=r"333 songs .* neighbors_memory_gb"):
        nearest(table(np.ones((333, 24))), neighbors=5, memory_gb=1e-5)


@pytest.mark.parametrize("recall", [-0.1, 1.1, float("nan")])
def test_a_recall_that_is_no_share_is_refused(matrix, recall):
    with pytest.raises(SunorecsysError, match="neighbor_recall"):
        nearest(table(matrix), neighbors=5, recall=recall)


def test_a_sample_is_exact_and_spread(matrix):
    vectors = {
        "content": table(matrix),
        "prompt": table(matrix[:1]),
        "none": table(np.ones((0, 3))),
    }
    result = neighbors.exact_sample(vectors, neighbors=10, songs=3)
    everything = found(table(matrix), 10)
    assert set(result["vector_kind"].to_pylist()) == {"content"}
    sample = {}
    for one in result.to_pylist():
        sample.setdefault(one["song_index"], {})[one["neighbor_index"]] = one[
            "similarity"
        ]
    assert sample == {song: everything[song] for song in (0, 111, 222)}
