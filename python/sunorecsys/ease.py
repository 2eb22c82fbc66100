"""Item neighbors by EASE, a linear model that predicts each song from all others.

Steck, "Embarrassingly shallow autoencoders for sparse data" (2019): the matrix B with a
zero diagonal that minimizes ‖X - XB‖² + Σ λ_j ‖B_j‖² is

    B_ij = -P_ij / P_jj,    P = (XᵀX + Λ)⁻¹

The ridge of a song is λ + d / (1 - d) x (XᵀX)_jj, which stands for a dropout of d
(Steck, "Autoencoders that don't overfit towards the identity", 2020). With fewer rows
than songs, P = Λ⁻¹ - Λ⁻¹ Xᵀ (I + X Λ⁻¹ Xᵀ)⁻¹ X Λ⁻¹ needs a system of the rows only:
Y with YᵀY = Λ^½ (Λ⁻¹ - P) Λ^½ is a vector per song, and neighbors are inner products.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
from scipy.linalg import cholesky, solve_triangular
from scipy.linalg.lapack import spotrf, spotri
from scipy.sparse import csr_matrix

from sunorecsys.errors import SunorecsysError
from sunorecsys.neighbors import SCHEMA
from sunorecsys.vectors import Matrix, use_one_blas_thread

# songs whose rows of B are made at a time
_BLOCK = 512

# (songs), (songs, all songs): rows of B, but for its diagonal
RowsOf = Callable[[Matrix], Matrix]


def neighbors(
    interactions: pa.Table,
    *,
    regularization: float,
    dropout: float,
    neighbors: int,
    memory_gb: float,
) -> pa.Table:
    """Return the songs that each song speaks for, or against, most.

    Args:
        interactions: user_index, song_index and weight: X. A user may be a listener,
            a playlist or a tag.
        regularization: λ, above 0: larger for fewer data.
        dropout: d, from 0 to below 1.
        neighbors: how many a song has at most.
        memory_gb: of 1e9 bytes that the dense matrices may take.

    Returns:
        song_index, neighbor_index and similarity (B of song and neighbor, the largest
        by amount of either sign, rounded to 8 digits, never 0), unordered. Songs
        without interactions have no neighbors.

    Raises:
        SunorecsysError: the matrices do not fit.
    """
    if len(interactions) == 0:
        return SCHEMA.empty_table()
    use_one_blas_thread()
    songs, columns = np.unique(
        interactions["song_index"].to_numpy(), return_inverse=True
    )
    users, rows = np.unique(interactions["user_index"].to_numpy(), return_inverse=True)
    if len(songs) < 2 or neighbors < 1:
        return SCHEMA.empty_table()
    _check_memory(len(users), len(songs), memory_gb)
    weights = csr_matrix(
        (interactions["weight"].to_numpy().astype(np.float32), (rows, columns)),
        shape=(len(users), len(songs)),
    )
    squares = np.asarray(weights.multiply(weights).sum(axis=0)).ravel()
    ridge = regularization + dropout / (1 - dropout) * squares
    kept = min(neighbors, len(songs) - 1)
    rows_of = (
        _by_rows(weights, ridge)
        if len(users) < len(songs)
        else _by_songs(weights, ridge)
    )

    def best(start: int) -> tuple[Matrix, Matrix, Matrix]:
        seeds = np.arange(start, min(start + _BLOCK, len(songs)))
        block = rows_of(seeds)
        block[np.arange(len(seeds)), seeds] = 0
        indexes = np.argpartition(-np.abs(block), kept - 1, axis=1)[:, :kept]
        similarities = np.take_along_axis(block, indexes, axis=1)
        return np.repeat(seeds, kept), indexes.ravel(), similarities.ravel()

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = zip(*pool.map(best, range(0, len(songs), _BLOCK)), strict=True)
    seeds, indexes, similarities = (np.concatenate(parts) for parts in found)
    similarities = np.round(similarities.astype(float), 8)
    is_kept = similarities != 0
    return pa.table(
        {
            "song_index": songs[seeds[is_kept]].astype(np.int32),
            "neighbor_index": songs[indexes[is_kept]].astype(np.int32),
            "similarity": similarities[is_kept],
        },
        schema=SCHEMA,
    )


def needed_gb(users: int, songs: int) -> float:
    """Return what the dense matrices take, in 1e9 bytes."""
    smaller = min(users, songs)
    # float32: the smaller system, and either all songs by its rows twice or nothing
    cells = smaller**2 + (2 * users * songs if users < songs else 0)
    return cells * 4 / 1e9


def operations(users: int, songs: int) -> float:
    """Return about how many multiplications and additions are done."""
    if users < songs:
        return float(users) ** 2 * songs + 2.0 * users * songs**2
    return 2.0 * songs**3


def _check_memory(users: int, songs: int, memory_gb: float) -> None:
    needed = needed_gb(users, songs)
    if needed > memory_gb:
        raise SunorecsysError(
            f"EASE needs {needed:.1f} GB for {songs:,} songs and {users:,} rows, and "
            f"ease_memory_gb allows {memory_gb:g}. Set item_similarity to rp3beta, or "
            "raise ease_memory_gb if this machine has the memory."
        )


def _by_rows(weights: csr_matrix, ridge: Matrix) -> RowsOf:
    """Solve a system as large as the rows; B is an inner product of song vectors."""
    scale = (ridge**-0.5).astype(np.float32)
    scaled = weights.multiply(scale[None, :]).toarray().astype(np.float32)
    system = scaled @ scaled.T
    system[np.diag_indices(len(system))] += 1
    root = cholesky(system, lower=True, overwrite_a=True, check_finite=False)
    del system
    # (rows, songs)
    half = solve_triangular(
        root, scaled, lower=True, overwrite_b=True, check_finite=False
    )
    del root, scaled
    diagonal = (1 - np.einsum("rs,rs->s", half, half)) * scale**2
    vectors = half * scale[None, :]

    def rows_of(songs: Matrix) -> Matrix:
        block: Matrix = vectors[:, songs].T @ vectors
        block /= diagonal[None, :]
        return block

    return rows_of


def _by_songs(weights: csr_matrix, ridge: Matrix) -> RowsOf:
    """Invert a system as large as the songs."""
    songs = weights.shape[1]
    transposed = weights.T.tocsr()
    system = np.empty((songs, songs), np.float32)
    for start in range(0, songs, _BLOCK):
        block = slice(start, start + _BLOCK)
        system[block] = (transposed[block] @ weights).toarray()
    system[np.diag_indices(songs)] += ridge.astype(np.float32)
    # symmetric, so that its transpose is the order of LAPACK without a copy
    root, _ = spotrf(system.T, lower=1, overwrite_a=1)
    inverse, _ = spotri(root, lower=1, overwrite_c=1)
    diagonal = np.diagonal(inverse).copy()

    def rows_of(songs: Matrix) -> Matrix:
        # LAPACK fills the lower half only
        block: Matrix = inverse[songs]
        for song, line in zip(songs, block, strict=True):
            line[song:] = inverse[song:, song]
        block /= -diagonal[None, :]
        return block

    return rows_of
