"""User-based collaborative filtering by alternating least squares.

Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets"
(2008). Song factors come from the library implicit. A listener's factors are solved
from them exactly, in float64: with confidence c = alpha x weight of each of the
listener's songs j and song factors y,

    u = A⁻¹ Σ c_j y_j,    A = YᵀY + λI + Σ (c_j - 1) y_j y_jᵀ

so that the score of a song i, y_i · u = Σ c_j y_iᵀ A⁻¹ y_j, is a sum over the
listener's songs and can be explained exactly.
"""

import os
from collections.abc import Container, Iterator

import numpy as np
import pyarrow as pa
from implicit.als import AlternatingLeastSquares
from implicit.cpu.topk import topk
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


def song_factors(
    interactions: pa.Table,
    songs: pa.Table,
    *,
    factors: int,
    regularization: float,
    iterations: int,
    alpha: float,
    seed: int,
) -> pa.Table:
    """Return (song_index, factors), float32, one row per song of ``songs``.

    Args:
        interactions: user_index, song_index and weight (above 0).
        songs: song_index 0 … n - 1.
        factors: length of a vector.
        regularization: λ, by which all factors are pulled towards 0.
        iterations: of both half-steps.
        alpha: confidence per weight.
        seed: of the random start.

    A song that nobody plays has a vector of zeros.
    """
    count = len(songs)
    if len(interactions) == 0:
        found = np.zeros((count, factors), dtype=np.float32)
    else:
        use_one_blas_thread()
        model = AlternatingLeastSquares(
            factors=factors,
            regularization=regularization,
            iterations=iterations,
            alpha=alpha,
            use_gpu=False,
            random_state=seed,
            num_threads=os.cpu_count() or 1,
        )
        model.fit(_sparse(interactions, songs=count), show_progress=False)
        found = np.asarray(model.item_factors, dtype=np.float32)
    return pa.table(
        {
            "song_index": pa.array(np.arange(count, dtype=np.int32)),
            "factors": column(found),
        }
    )


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
    users: list[int] = []
    solved: list[Matrix] = []
    for user, songs, system in _systems(
        song_matrix, listener_songs, regularization, alpha
    ):
        users.append(user)
        confidence, left = system
        solved.append(np.linalg.solve(left, confidence @ song_matrix[songs]))
    found = np.array(solved) if solved else np.zeros((0, factors))
    return pa.table(
        {"user_index": pa.array(users, pa.int32()), "factors": column(found)}
    )


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
    ``hidden`` songs that nobody gets. Songs are shortlisted in float32.
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
    songs, shortlist = topk(
        song_matrix.astype(np.float32),
        user_matrix.astype(np.float32),
        min(candidates, len(song_matrix)),
        filter_query_items=left_out,
        filter_items=hidden["song_index"].to_numpy() if len(hidden) else None,
        num_threads=0,
    )
    scores = np.empty(songs.shape)
    for start in range(0, len(users), 4096):
        block = slice(start, start + 4096)
        scores[block] = np.einsum(
            "uf,usf->us", user_matrix[block], song_matrix[songs[block]]
        )
    kept = (shortlist > nothing) & (scores > 0)
    return pa.table(
        {
            "user_index": np.repeat(users, kept.sum(axis=1)),
            "song_index": songs[kept].astype(np.int32),
            "channel_score": scores[kept],
        },
        schema=_CANDIDATES,
    )


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
    pairs = _pairs(recommended)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    wanted = _groups(pairs)
    chunks: list[pa.Table] = []
    for user, songs, system in _systems(
        song_matrix, listener_songs, regularization, alpha, only=wanted.keys()
    ):
        confidence, left = system
        targets = pairs[wanted[user], 1]
        # (the listener's songs, recommended songs)
        given = confidence[:, None] * (
            song_matrix[songs] @ np.linalg.solve(left, song_matrix[targets].T)
        )
        order = np.argsort(-given, axis=0, kind="stable")
        kept = order[:seeds]
        amounts = np.take_along_axis(given, kept, axis=0)
        seed_indexes = songs[kept]
        others = order[seeds:]
        if len(others):
            rest = np.take_along_axis(given, others, axis=0).sum(axis=0)
            amounts = np.vstack([amounts, rest])
            seed_indexes = np.vstack([seed_indexes, np.full(len(targets), -1)])
        chunks.append(
            pa.table(
                {
                    "user_index": np.full(amounts.size, user, np.int32),
                    "song_index": np.tile(targets, len(amounts)),
                    "seed_index": pa.array(
                        seed_indexes.ravel(), pa.int32(), mask=seed_indexes.ravel() < 0
                    ),
                    "contribution": amounts.ravel(),
                },
                schema=_CONTRIBUTIONS,
            )
        )
    return pa.concat_tables([_CONTRIBUTIONS.empty_table(), *chunks])


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


def _sparse(interactions: pa.Table, *, songs: int) -> csr_matrix:
    pairs = _pairs(interactions)
    weights = interactions["weight"].to_numpy().astype(np.float32)
    return csr_matrix(
        (weights, (pairs[:, 0], pairs[:, 1])), shape=(int(pairs[:, 0].max()) + 1, songs)
    )


def _groups(pairs: Matrix) -> dict[int, slice]:
    """Return where each user's rows lie in pairs sorted by user."""
    users, starts = np.unique(pairs[:, 0], return_index=True)
    ends = [*starts, len(pairs)][1:]
    return {
        int(user): slice(int(start), int(end))
        for user, start, end in zip(users, starts, ends, strict=True)
    }


def _systems(
    song_matrix: Matrix,
    listener_songs: pa.Table,
    regularization: float,
    alpha: float,
    only: Container[int] | None = None,
) -> Iterator[tuple[int, Matrix, tuple[Matrix, Matrix]]]:
    """Yield user, song indexes, and confidence and A of every listener, by user."""
    pairs = _pairs(listener_songs)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    pairs = pairs[order]
    weights = listener_songs["weight"].to_numpy()[order]
    base = song_matrix.T @ song_matrix
    base += regularization * np.eye(song_matrix.shape[1])
    for user, rows in _groups(pairs).items():
        if only is not None and user not in only:
            continue
        songs = pairs[rows, 1]
        confidence = alpha * weights[rows]
        vectors = song_matrix[songs]
        yield (
            user,
            songs,
            (confidence, base + (vectors.T * (confidence - 1)) @ vectors),
        )
