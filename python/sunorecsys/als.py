"""User-based collaborative filtering by alternating least squares.

Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets"
(2008): factors u of listeners and y of songs, with the lowest

    Σ c (p - u · y)² + λ Σ |u|² + Σ λ_i |y_i|²

over all pairs of a listener and a song, where p is 1 and c = alpha x weight for a song
that the listener played, and p is 0 and c is 1 for any other. λ_i, the ridge of a song,
may grow with its listeners (Rendle et al., "Revisiting the performance of iALS on item
recommendation benchmarks", 2021).

A listener's factors are solved from the songs' exactly, in float64: with the
listener's songs j,

    u = A⁻¹ Σ c_j y_j,    A = YᵀY + λI + Σ (c_j - 1) y_j y_jᵀ

so that the score of a song i, y_i · u = Σ c_j y_iᵀ A⁻¹ y_j, is a sum over the
listener's songs and can be explained exactly.
"""

import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from implicit.cpu.topk import topk
from numpy.typing import DTypeLike
from scipy.sparse import csr_matrix

from sunorecsys.vectors import Matrix, column, matrix, use_one_blas_thread

_CANDIDATES = pa.schema(
    [
        ("user_index", pa.int32()),
        ("song_index", pa.int32()),
        ("channel_score", pa.float64()),
    ]
)
_CONTRIBUTIONS = pa.schema(
    [
        ("user_index", pa.int32()),
        ("song_index", pa.int32()),
        # null: all songs beyond the first few together
        ("seed_index", pa.int32()),
        ("contribution", pa.float64()),
    ]
)

# songs on a shortlist beyond those that are wanted
_SPARE = 50
# float32 of factors that a thread gathers at once: 1 MB stays in its cache
_GATHERED = 1 << 18
# steps of conjugate gradients per half-step, from where the last one ended
_STEPS = 3


def song_factors(
    interactions: pa.Table,
    songs: pa.Table,
    *,
    factors: int,
    listener_ridge: float,
    song_ridge: float,
    song_ridge_per_listener: float,
    iterations: int,
    alpha: float,
    seed: int,
) -> pa.Table:
    """Return (song_index, factors), float32, one row per song of ``songs``.

    Args:
        interactions: user_index, song_index and weight (above 0).
        songs: song_index 0 … n - 1.
        factors: length of a vector.
        listener_ridge: λ, by which a listener's factors are pulled towards 0.
        song_ridge: the same for a song, whoever plays it.
        song_ridge_per_listener: what each listener of a song adds to it.
        iterations: of both half-steps.
        alpha: confidence per weight.
        seed: of the random start.

    A song that nobody plays has a vector of zeros. Memory beside the matrix and the
    factors is a few MB per thread, or what one row gathers if that is more.
    """
    count = len(songs)
    if len(interactions) == 0:
        found = np.zeros((count, factors), dtype=np.float32)
    else:
        use_one_blas_thread()
        confidence = _sparse(interactions, np.float32, songs=count) * np.float32(alpha)
        listeners = np.bincount(confidence.indices, minlength=count)
        found = _factorized(
            confidence,
            factors,
            np.full(confidence.shape[0], listener_ridge),
            song_ridge + song_ridge_per_listener * listeners,
            iterations,
            seed,
        )
    return pa.table(
        {
            "song_index": pa.array(np.arange(count, dtype=np.int32)),
            "factors": column(found),
        }
    )


@dataclass(frozen=True)
class _Block:
    """Rows of a sparse matrix that are solved together, padded to equal length."""

    rows: Matrix
    # (rows, entries): column and confidence, both 0 where a row has no more entries
    columns: Matrix
    confidence: Matrix

    def excess(self) -> Matrix:
        """Return by how much a song that was played counts more than any other."""
        found: Matrix = np.where(self.confidence > 0, self.confidence - 1, 0)
        return found


def _factorized(
    confidence: csr_matrix,
    factors: int,
    listener_ridges: Matrix,
    song_ridges: Matrix,
    iterations: int,
    seed: int,
) -> Matrix:
    """Return the song factors after some iterations of both half-steps.

    Rows are solved apart from each other and blocks do not depend on the number of
    threads, so the result does not either.
    """
    by_song = confidence.T.tocsr()
    listener_blocks = _blocks(confidence, factors)
    song_blocks = _blocks(by_song, factors)
    random = np.random.default_rng(seed)
    listener_matrix = np.zeros((confidence.shape[0], factors), np.float32)
    song_matrix = random.normal(0, 0.1 / np.sqrt(factors), (by_song.shape[0], factors))
    song_matrix = song_matrix.astype(np.float32)
    song_matrix[np.diff(by_song.indptr) == 0] = 0
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        for _ in range(iterations):
            _half_step(
                listener_matrix, song_matrix, listener_blocks, listener_ridges, threads
            )
            _half_step(song_matrix, listener_matrix, song_blocks, song_ridges, threads)
    return song_matrix


def _blocks(confidence: csr_matrix, factors: int, more: int = 0) -> list[_Block]:
    """Split the rows that have entries into blocks of about equal lengths.

    A row takes a vector of factors for each entry, and as many ``more``.
    """
    lengths = np.diff(confidence.indptr)
    order = np.argsort(-lengths, kind="stable")[: np.count_nonzero(lengths)]
    found = []
    while len(order):
        longest = lengths[order[0]]
        size = max(_GATHERED // ((longest + more) * factors), 1)
        rows, order = order[:size], order[size:]
        places = np.arange(longest)
        is_entry = places < lengths[rows, None]
        entries = np.where(is_entry, confidence.indptr[rows, None] + places, 0)
        found.append(
            _Block(
                rows,
                np.where(is_entry, confidence.indices[entries], 0),
                np.where(is_entry, confidence.data[entries], 0),
            )
        )
    return found


def _half_step(
    solved: Matrix,
    given: Matrix,
    blocks: list[_Block],
    ridges: Matrix,
    threads: Executor,
) -> None:
    """Bring the factors of one side closer to the best for those of the other side."""
    gram_matrix = given.T @ given
    solve = partial(_solve, solved, given, gram_matrix, ridges.astype(np.float32))
    # a list, so that an error in a thread is raised here
    list(threads.map(solve, blocks))


def _solve(
    solved: Matrix,
    given: Matrix,
    gram_matrix: Matrix,
    ridges: Matrix,
    block: _Block,
) -> None:
    """Take some steps of conjugate gradients for the rows of a block, in place.

    Takács, Pilászy and Tikk, "Applications of the conjugate gradient method for
    implicit feedback collaborative filtering" (2011). The system is that of A above,
    which is never made: a product with it takes the vectors of the row's entries.
    """
    vectors = given.take(block.columns, axis=0)
    excess = block.excess()
    ridge = ridges[block.rows, None]

    def dots(x: Matrix) -> Matrix:
        found: Matrix = vectors @ x[:, :, None]
        return found[:, :, 0]

    def sums(amounts: Matrix) -> Matrix:
        found: Matrix = amounts[:, None, :] @ vectors
        return found[:, 0]

    found = solved[block.rows]
    residual = sums(block.confidence - excess * dots(found))
    residual -= found @ gram_matrix + ridge * found
    direction = residual
    squares = _row_dots(residual, residual)
    for _ in range(_STEPS):
        product = direction @ gram_matrix + ridge * direction
        product += sums(excess * dots(direction))
        step = _ratio(squares, _row_dots(direction, product))
        found += step * direction
        residual = residual - step * product
        before, squares = squares, _row_dots(residual, residual)
        direction = residual + _ratio(squares, before) * direction
    solved[block.rows] = found


def _row_dots(one: Matrix, other: Matrix) -> Matrix:
    products: Matrix = np.einsum("rf,rf->r", one, other)
    return products[:, None]


def _ratio(amounts: Matrix, divisors: Matrix) -> Matrix:
    """Return 0 where nothing is left to divide: the row is solved."""
    found: Matrix = np.divide(
        amounts, divisors, out=np.zeros_like(amounts), where=divisors > 0
    )
    return found


def gram(
    factors_of_songs: pa.Table, *, factors: int, regularization: float
) -> pa.Table:
    """Return one row with YᵀY and (YᵀY + λI)⁻¹.

    Each is ``factors`` lists of as many float64. With the inverse, a listener of few
    songs is a system of as many equations as songs (Woodbury).
    """
    song_matrix = _song_matrix(factors_of_songs, factors)
    product = song_matrix.T @ song_matrix
    # the inverse wherever there is one, and no error elsewhere
    inverse = np.linalg.pinv(product + regularization * np.eye(factors), hermitian=True)
    return pa.table(
        {
            "gram": [product.tolist()],
            # the inverse of a symmetric matrix, but for rounding, is symmetric
            "inverse": [((inverse + inverse.T) / 2).tolist()],
        }
    )


def user_factors(
    factors_of_songs: pa.Table,
    listener_songs: pa.Table,
    *,
    factors: int,
    regularization: float,
    alpha: float,
) -> pa.Table:
    """Return (user_index, factors), float64, one row per listener with a song."""
    song_matrix = _song_matrix(factors_of_songs, factors)
    base = _base(song_matrix, regularization)

    def solve(block: _Block) -> pa.Table:
        vectors, left = _systems(song_matrix, block, base)
        right = block.confidence[:, None, :] @ vectors
        found = np.linalg.solve(left, right.transpose(0, 2, 1))[:, :, 0]
        return users_table(block.rows, found)

    def users_table(users: Matrix, found: Matrix) -> pa.Table:
        return pa.table(
            {"user_index": pa.array(users, pa.int32()), "factors": column(found)}
        )

    solved = _solved(solve, listener_songs, len(song_matrix), factors, alpha)
    nobody = users_table(np.zeros(0), np.zeros((0, factors)))
    return pa.concat_tables([nobody, *solved]).sort_by("user_index")


def candidates(
    factors_of_users: pa.Table,
    factors_of_songs: pa.Table,
    excluded: pa.Table,
    hidden: pa.Table,
    *,
    candidates: int,
) -> pa.Table:
    """Return each listener's best songs by y · u, in float64, unordered.

    ``excluded`` holds pairs of user_index and song_index that are left out, and
    ``hidden`` songs that nobody gets. Songs that are as good as the last one come as
    well. A few more than that are shortlisted in float32; where those it cannot tell
    apart go on behind them, as songs with the same listeners do, all songs are scored
    in float64.
    """
    factors_of_users = factors_of_users.sort_by("user_index")
    users = factors_of_users["user_index"].to_numpy()
    if len(users) == 0 or len(factors_of_songs) == 0:
        return _CANDIDATES.empty_table()
    user_matrix = matrix(factors_of_users["factors"], 1, np.float64)
    song_matrix = _song_matrix(factors_of_songs, user_matrix.shape[1])
    # implicit marks what is filtered with the lowest float
    nothing = np.finfo(np.float32).min
    rows_of = np.full(int(users.max()) + 1, -1)
    rows_of[users] = np.arange(len(users))
    pairs = _pairs(excluded)
    pairs = pairs[pairs[:, 0] <= users.max()]
    rows = rows_of[pairs[:, 0]]
    left_out = csr_matrix(
        (
            np.ones((rows >= 0).sum(), np.float32),
            (rows[rows >= 0], pairs[rows >= 0, 1]),
        ),
        shape=(len(users), len(song_matrix)),
    )
    never = hidden["song_index"].to_numpy()
    songs, shortlist = topk(
        song_matrix.astype(np.float32),
        user_matrix.astype(np.float32),
        min(candidates + _SPARE, len(song_matrix)),
        filter_query_items=left_out,
        filter_items=never if len(never) else None,
        num_threads=0,
    )
    scores = np.empty(songs.shape)
    for start in range(0, len(users), 4096):
        block = slice(start, start + 4096)
        scores[block] = np.einsum(
            "uf,usf->us", user_matrix[block], song_matrix[songs[block]]
        )
    scores[shortlist <= nothing] = 0
    lowest = _lowest(scores, candidates)
    kept = (scores > 0) & (scores >= lowest[:, None])
    # what float32 may be wrong by, at most
    error = user_matrix.shape[1] * 2.0**-22 * np.linalg.norm(user_matrix, axis=1)
    error *= np.linalg.norm(song_matrix, axis=1).max()
    last = shortlist[:, -1]
    is_unsure = (last > nothing) & (last + error > lowest)
    is_unsure &= songs.shape[1] < len(song_matrix)
    kept[is_unsure] = False
    found = [(np.repeat(users, kept.sum(axis=1)), songs[kept], scores[kept])]
    for row in np.flatnonzero(is_unsure):
        scored = np.einsum("sf,f->s", song_matrix, user_matrix[row])
        scored[left_out[row].indices] = 0
        scored[never] = 0
        least = _lowest(scored, candidates)
        (best,) = np.nonzero((scored > 0) & (scored >= least))
        found.append((np.full(len(best), users[row]), best, scored[best]))
    columns = [np.concatenate(parts) for parts in zip(*found, strict=True)]
    return pa.table(columns, names=_CANDIDATES.names).cast(_CANDIDATES)


def _lowest(scores: Matrix, wanted: int) -> Matrix:
    """Return the score, 0 or more, of the last of the wanted ones in each row."""
    last = min(wanted, scores.shape[-1]) - 1
    found: Matrix = np.maximum(-np.partition(-scores, last, axis=-1)[..., last], 0)
    return found


def contributions(
    factors_of_songs: pa.Table,
    listener_songs: pa.Table,
    recommended: pa.Table,
    *,
    factors: int,
    regularization: float,
    alpha: float,
    seeds: int,
) -> pa.Table:
    """Return what the listener's songs gave to the scores of recommended songs.

    For each pair of user_index and song_index in ``recommended``: the ``seeds``
    largest c_j y_iᵀ A⁻¹ y_j, and one row with a null seed_index for all others,
    where there are others. They sum to the song's score.
    """
    song_matrix = _song_matrix(factors_of_songs, factors)
    base = _base(song_matrix, regularization)
    pairs = _pairs(recommended)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    wanted, starts, counts = np.unique(
        pairs[:, 0], return_index=True, return_counts=True
    )

    def solve(block: _Block) -> pa.Table:
        place = np.searchsorted(wanted, block.rows)
        places = np.arange(counts[place].max())
        is_target = places < counts[place, None]
        targets = pairs[np.where(is_target, starts[place, None] + places, 0), 1]
        vectors, left = _systems(song_matrix, block, base)
        answered = np.linalg.solve(left, song_matrix[targets].transpose(0, 2, 1))
        # (listeners, their songs, recommended songs)
        given = block.confidence[:, :, None] * (vectors @ answered)
        given[block.confidence == 0] = -np.inf
        seed_indexes, amounts = [], []
        for _ in range(min(seeds, given.shape[1])):
            largest = given.argmax(axis=1)
            seed_indexes.append(np.take_along_axis(block.columns, largest, axis=1))
            amounts.append(given.max(axis=1))
            np.put_along_axis(given, largest[:, None], -np.inf, axis=1)
        is_left = given > -np.inf
        rest = np.where(is_left, given, 0).sum(axis=1)
        seed_indexes.append(np.full(targets.shape, -1))
        amounts.append(np.where(is_left.any(axis=1), rest, -np.inf))
        is_row = is_target & (np.array(amounts) > -np.inf)
        seed_index = np.array(seed_indexes)[is_row]
        return pa.table(
            {
                "user_index": np.broadcast_to(block.rows[:, None], is_row.shape)[
                    is_row
                ].astype(np.int32),
                "song_index": np.broadcast_to(targets, is_row.shape)[is_row],
                "seed_index": pa.array(seed_index, pa.int32(), mask=seed_index < 0),
                "contribution": np.array(amounts)[is_row],
            },
            schema=_CONTRIBUTIONS,
        )

    solved = _solved(
        solve,
        listener_songs.filter(pc.is_in(listener_songs["user_index"], pa.array(wanted))),
        len(song_matrix),
        factors,
        alpha,
    )
    return pa.concat_tables([_CONTRIBUTIONS.empty_table(), *solved])


def _song_matrix(factors_of_songs: pa.Table, factors: int) -> Matrix:
    """Return song factors as a float64 matrix whose rows are song indexes."""
    use_one_blas_thread()
    ordered = factors_of_songs.sort_by("song_index")
    return matrix(ordered["factors"], factors, np.float64).astype(np.float64)


def _pairs(table: pa.Table) -> Matrix:
    """Return user_index and song_index as an integer matrix (rows, 2)."""
    return np.column_stack(
        [table["user_index"].to_numpy(), table["song_index"].to_numpy()]
    ).astype(np.int32)


def _sparse(interactions: pa.Table, precision: DTypeLike, *, songs: int) -> csr_matrix:
    pairs = _pairs(interactions)
    weights = interactions["weight"].to_numpy().astype(precision)
    return csr_matrix(
        (weights, (pairs[:, 0], pairs[:, 1])), shape=(int(pairs[:, 0].max()) + 1, songs)
    )


def _solved(
    solve: Callable[[_Block], pa.Table],
    listener_songs: pa.Table,
    songs: int,
    factors: int,
    alpha: float,
) -> list[pa.Table]:
    """Return what a function finds of the listeners, block by block."""
    if len(listener_songs) == 0:
        return []
    confidence = _sparse(listener_songs, np.float64, songs=songs) * alpha
    # the system of a listener is a matrix beside the vectors
    blocks = _blocks(confidence, factors, more=factors)
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        return list(threads.map(solve, blocks))


def _base(song_matrix: Matrix, regularization: float) -> Matrix:
    """Return what A has for every listener."""
    found: Matrix = song_matrix.T @ song_matrix
    return found + regularization * np.eye(song_matrix.shape[1])


def _systems(song_matrix: Matrix, block: _Block, base: Matrix) -> tuple[Matrix, Matrix]:
    """Return the vectors of the listeners' songs, and A of each listener."""
    vectors = song_matrix.take(block.columns, axis=0)
    counted = vectors * block.excess()[:, :, None]
    return vectors, base + counted.transpose(0, 2, 1) @ vectors
