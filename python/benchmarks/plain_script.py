"""The same five channels as a script would make them, with numpy, scipy and `implicit`.

What `peers.py` measures the weekly build against. It reads the same files, and writes a
list of a hundred songs per listener with the score of every channel; it has no tests,
no reasons, no release, no similar songs and no monitoring.

    python python/benchmarks/plain_script.py LANDING OUTPUT.parquet
"""

import sys
from pathlib import Path

import implicit
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import scipy.sparse as sp
from scipy.stats import rankdata
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

WEIGHTS = {
    **{"item_cf": 0.25, "content": 0.2, "prompt": 0.2, "user_cf": 0.25},
    "quality": 0.1,
}
TYPE_WEIGHTS = {
    **{"play": 1, "complete": 1.5, "like": 3, "save": 4, "share": 4},
    **{"skip": -0.5, "dislike": -3},
}
NEIGHBORS = 100
PER_SEED = 5
SEEDS = 100
CANDIDATES = 100
DIMENSIONS = 128
MAX_SONGS = 500
# rows of a matrix that are made dense at a time
BLOCK = 2000


def top(scores: sp.csr_matrix, count: int) -> sp.csr_matrix:
    """Keep the largest values of each row."""
    scores = scores.tocsr()
    kept_rows, kept_columns, kept = [], [], []
    for row in range(scores.shape[0]):
        part = slice(scores.indptr[row], scores.indptr[row + 1])
        values, columns = scores.data[part], scores.indices[part]
        if len(values) > count:
            best = np.argpartition(-values, count)[:count]
            values, columns = values[best], columns[best]
        kept_rows.append(np.full(len(values), row))
        kept_columns.append(columns)
        kept.append(values)
    places = (np.concatenate(kept_rows), np.concatenate(kept_columns))
    return sp.csr_matrix((np.concatenate(kept), places), shape=scores.shape)


def neighbors_of_vectors(vectors: np.ndarray) -> sp.csr_matrix:
    """Return the cosines of each row's nearest rows."""
    vectors = normalize(vectors).astype(np.float32)
    count = min(NEIGHBORS, len(vectors) - 1)
    rows, columns, values = [], [], []
    for first in range(0, len(vectors), BLOCK):
        near = vectors[first : first + BLOCK] @ vectors.T
        own = np.arange(len(near))
        near[own, own + first] = -1
        best = np.argpartition(-near, count, axis=1)[:, :count]
        rows.append(np.repeat(own + first, count))
        columns.append(best.ravel())
        values.append(np.take_along_axis(near, best, axis=1).ravel())
    places = (np.concatenate(rows), np.concatenate(columns))
    shape = (len(vectors), len(vectors))
    found = sp.csr_matrix((np.concatenate(values), places), shape=shape)
    found.data[found.data < 0] = 0
    return found


def item_neighbors(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Return the shrunk cosines of songs that share two listeners or more."""
    matrix = top(matrix, MAX_SONGS)
    unit = normalize(matrix, axis=0).tocsc()
    cosines = (unit.T @ unit).tocsr()
    ones = matrix.copy()
    ones.data[:] = 1
    shared = (ones.T @ ones).tocsr()
    cosines.sort_indices()
    shared.sort_indices()
    cosines.data *= shared.data / (shared.data + 10)
    cosines.data[shared.data < 2] = 0
    cosines.setdiag(0)
    cosines.eliminate_zeros()
    return top(cosines, NEIGHBORS)


def text_vectors(texts: list[str]) -> np.ndarray:
    """Return latent semantic vectors of texts."""
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2)
    tfidf = words.fit_transform(texts)
    svd = TruncatedSVD(min(DIMENSIONS, tfidf.shape[1] - 1), random_state=42)
    return svd.fit_transform(tfidf)


def main(landing: Path, output: Path) -> None:
    """Make the lists."""
    songs = pa.concat_tables(
        [pq.read_table(file) for file in sorted((landing / "songs").glob("*.parquet"))],
        promote_options="default",
    )
    events = pa.concat_tables(
        [
            pq.read_table(file, columns=["user_id", "song_id", "interaction_type"])
            for file in sorted((landing / "interactions").glob("*.parquet"))
        ]
    )
    count = len(songs)
    events = events.set_column(
        1, "song", pc.index_in(events["song_id"], songs["song_id"])
    )
    users = events["user_id"].combine_chunks().dictionary_encode()
    events = events.set_column(0, "user", users.indices).drop_null()
    pairs = events.group_by(["user", "song", "interaction_type"]).aggregate(
        [([], "count_all")]
    )
    weight = np.array([TYPE_WEIGHTS[t] for t in pairs["interaction_type"].to_pylist()])
    weight = weight * np.log2(1 + pairs["count_all"].to_numpy())
    places = (pairs["user"].to_numpy(), pairs["song"].to_numpy())
    shape = (len(users.dictionary), count)
    known = sp.csr_matrix((weight, places), shape=shape)
    heard = sp.csr_matrix((np.ones(len(weight)), places), shape=shape)
    heard.data[:] = 1
    matrix = known.copy()
    matrix.data[matrix.data < 0] = 0
    matrix.eliminate_zeros()

    plays = songs["play_count"].fill_null(0).to_numpy()
    reactions = songs["upvote_count"].fill_null(0).to_numpy()
    quality = rankdata((reactions + 1) / (plays + 100)) / count
    tags = songs["tags"]
    if pa.types.is_list(tags.type):
        tags = pc.list_join(tags, " ")
    content = np.hstack(
        [text_vectors(tags.fill_null("").to_pylist()), 0.3 * quality[:, None]]
    )
    prompt = text_vectors(songs["prompt"].fill_null("").to_pylist())
    by_channel = {
        "item_cf": item_neighbors(matrix),
        "content": neighbors_of_vectors(content),
        "prompt": neighbors_of_vectors(prompt),
    }
    als = implicit.als.AlternatingLeastSquares(
        factors=50, regularization=0.1, alpha=40, iterations=15, random_state=42
    )
    als.fit(matrix, show_progress=False)
    seeds = top(matrix, SEEDS)
    seeds.data[:] = 1
    listed = min(CANDIDATES, count - 1)

    found = []
    for first in range(0, shape[0], BLOCK):
        part = slice(first, first + BLOCK)
        is_known = heard[part].toarray() > 0
        blended = np.zeros(is_known.shape, np.float32)
        scores = {}
        for name, weight in WEIGHTS.items():
            if name == "quality":
                continue
            if name == "user_cf":
                ids, values = als.recommend(
                    np.arange(first, first + len(is_known)),
                    matrix[part],
                    N=listed,
                    filter_already_liked_items=True,
                )
                dense = np.zeros(is_known.shape, np.float32)
                np.put_along_axis(dense, ids, np.maximum(values, 0), axis=1)
            else:
                dense = (seeds[part] @ top_of(by_channel, name)).toarray()
            dense[is_known] = 0
            worst = -np.partition(-dense, listed, axis=1)[:, [listed]]
            dense[dense < np.maximum(worst, 1e-9)] = 0
            dense /= np.maximum(dense.max(axis=1, keepdims=True), 1e-9)
            scores[name] = weight * dense
            blended += scores[name]
        scores["quality"] = np.where(blended > 0, 0.1 * quality, 0)
        blended += scores["quality"]
        best = np.argsort(-blended, axis=1, kind="stable")[:, :listed]
        rows = np.arange(first, first + len(best))
        found.append(
            pa.table(
                {
                    "user": np.repeat(rows, listed),
                    "rank": np.tile(np.arange(1, listed + 1), len(best)),
                    "song": best.ravel(),
                    "score": np.take_along_axis(blended, best, axis=1).ravel(),
                    **{
                        name: np.take_along_axis(dense, best, axis=1).ravel()
                        for name, dense in scores.items()
                    },
                }
            )
        )
    pq.write_table(pa.concat_tables(found), output)


def top_of(by_channel: dict[str, sp.csr_matrix], name: str) -> sp.csr_matrix:
    """Return the few neighbors of a channel that make candidates, found once."""
    key = f"{name} per seed"
    if key not in by_channel:
        by_channel[key] = top(by_channel[name], PER_SEED)
    return by_channel[key]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
