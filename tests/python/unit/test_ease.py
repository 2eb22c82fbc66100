"""EASE against the formula of the paper, in float64."""

import numpy as np
import pyarrow as pa
import pytest

from sunorecsys import ease
from sunorecsys.errors import SunorecsysError

SETTINGS = {"regularization": 1.5, "dropout": 0.3, "neighbors": 1000, "memory_gb": 1}


def played(users, songs, share=0.15, seed=0):
    random = np.random.default_rng(seed)
    matrix = (random.random((users, songs)) < share) * random.random((users, songs))
    return matrix.round(2)


def table(matrix):
    users, songs = matrix.nonzero()
    return pa.table(
        {
            "user_index": pa.array(users, pa.int32()),
            "song_index": pa.array(songs, pa.int32()),
            "weight": matrix[users, songs],
        }
    )


def by_formula(matrix, regularization, dropout):
    gram = matrix.T @ matrix
    ridge = regularization + dropout / (1 - dropout) * np.diag(gram)
    inverse = np.linalg.inv(gram + np.diag(ridge))
    weights = -inverse / np.diag(inverse)[None, :]
    np.fill_diagonal(weights, 0)
    return weights


def dense(found, songs):
    result = np.zeros((songs, songs))
    seeds, neighbors = (found[name].to_numpy() for name in found.column_names[:2])
    result[seeds, neighbors] = found["similarity"].to_numpy()
    return result


@pytest.mark.parametrize(
    ("users", "songs"),
    [(40, 60), (90, 50), (50, 50), (30, 700), (900, 600)],
    ids=["few rows", "many rows", "square", "blocks of songs", "blocks of rows"],
)
def test_neighbors_are_what_the_formula_gives(users, songs):
    matrix = played(users, songs)
    found = ease.neighbors(table(matrix), **SETTINGS)
    expected = by_formula(matrix, 1.5, 0.3)
    np.testing.assert_allclose(dense(found, songs), expected, atol=2e-6)
    assert (expected < -1e-3).any()
    # what a song keeps is what it says most about, for or against
    few = dense(ease.neighbors(table(matrix), **(SETTINGS | {"neighbors": 5})), songs)
    for row, line in zip(expected, few, strict=True):
        assert sorted(abs(line[line != 0])) == pytest.approx(
            sorted(abs(row[abs(row) > 1e-8]))[-5:], abs=2e-6
        )


def test_both_forms_agree():
    matrix = played(60, 60)
    # a song more or a row more decides which system is solved
    wide = np.hstack([matrix, np.eye(60)[:, :1]])
    tall = np.vstack([matrix, np.zeros((1, 60))])
    tall[-1, 0] = 1e-6
    for one in (wide, tall):
        found = dense(ease.neighbors(table(one), **SETTINGS), one.shape[1])
        np.testing.assert_allclose(found, by_formula(one, 1.5, 0.3), atol=2e-6)


def test_the_same_rows_give_the_same_bits_in_any_order():
    rows = table(played(80, 60))
    shuffled = rows.take(np.random.default_rng(1).permutation(len(rows)))
    found = ease.neighbors(rows, **SETTINGS)
    assert found.equals(ease.neighbors(rows, **SETTINGS))
    order = [("song_index", "ascending"), ("neighbor_index", "ascending")]
    assert found.sort_by(order).equals(
        ease.neighbors(shuffled, **SETTINGS).sort_by(order)
    )


@pytest.mark.parametrize(
    "matrix",
    [np.zeros((0, 0)), np.ones((1, 1)), np.ones((3, 1)), np.eye(4)],
    ids=["nothing", "one song", "one song of three", "nothing shared"],
)
def test_songs_that_share_nothing_have_no_neighbors(matrix):
    assert len(ease.neighbors(table(matrix), **SETTINGS)) == 0


def test_indexes_may_have_gaps():
    matrix = np.zeros((4, 10))
    matrix[:, 3] = matrix[:3, 9] = 1
    found = ease.neighbors(table(matrix), **SETTINGS).to_pylist()
    assert {(one["song_index"], one["neighbor_index"]) for one in found} == {
        (3, 9),
        (9, 3),
    }


def test_what_does_not_fit_is_refused_before_it_is_tried():
    with pytest.raises(SunorecsysError) as caught:
        ease.neighbors(table(played(90, 80)), **(SETTINGS | {"memory_gb": 1e-5}))
    assert "ease_memory_gb allows 1e-05. Set item_similarity to rp3beta" in str(
        caught.value
    )
