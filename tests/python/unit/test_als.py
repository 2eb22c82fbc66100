"""ALS against plain numpy: normal equations, candidates, contributions."""

import numpy as np
import pyarrow as pa
import pytest
from implicit.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

from sunorecsys import als

SETTINGS = {"factors": 4, "regularization": 0.1, "alpha": 40.0}
# of song_factors: classic ALS pulls all vectors alike
CLASSIC = {
    "factors": 4,
    "listener_ridge": 0.1,
    "song_ridge": 0.1,
    "song_ridge_per_listener": 0.0,
    "alpha": 40.0,
}
# a song of three listeners has 2 + 3 x 0.4
SCALED = CLASSIC | {
    "listener_ridge": 3.0,
    "song_ridge": 2.0,
    "song_ridge_per_listener": 0.4,
}
NO_PAIRS = pa.table(
    {"user_index": pa.array([], pa.int32()), "song_index": pa.array([], pa.int32())}
)
NO_SONGS = pa.table({"song_index": pa.array([], pa.int32())})


def interactions(triples):
    users, songs, weights = zip(*triples, strict=True) if triples else ((), (), ())
    return pa.table(
        {
            "user_index": pa.array(users, pa.int32()),
            "song_index": pa.array(songs, pa.int32()),
            "weight": pa.array(weights, pa.float64()),
        }
    )


def songs(count):
    return pa.table({"song_index": pa.array(range(count), pa.int32())})


def pairs(*found):
    users, indexes = zip(*found, strict=True)
    return pa.table(
        {
            "user_index": pa.array(users, pa.int32()),
            "song_index": pa.array(indexes, pa.int32()),
        }
    )


def vectors(name, matrix):
    matrix = np.asarray(matrix)
    values = pa.FixedSizeListArray.from_arrays(
        pa.array(matrix.ravel()), matrix.shape[1]
    )
    return pa.table({name: pa.array(range(len(matrix)), pa.int32()), "factors": values})


def rows(table):
    return np.array(table["factors"].to_pylist())


@pytest.fixture(scope="module")
def played():
    """25 listeners with 3 to 12 of 60 songs; user 7 has none."""
    random = np.random.default_rng(5)
    return interactions(
        [
            (user, song, float(random.integers(1, 6)) / 2)
            for user in range(25)
            if user != 7
            for song in random.choice(60, size=random.integers(3, 13), replace=False)
        ]
    )


@pytest.fixture(scope="module")
def song_matrix():
    return np.random.default_rng(1).normal(size=(60, 4)).astype(np.float32)


def solve(song_matrix, played, user):
    """Return u of the paper, from the full confidence matrix of one listener."""
    exact = song_matrix.astype(float)
    confidence = np.ones(len(exact))
    preference = np.zeros(len(exact))
    for one in played.to_pylist():
        if one["user_index"] == user:
            confidence[one["song_index"]] = 40 * one["weight"]
            preference[one["song_index"]] = 1
    left = exact.T @ np.diag(confidence) @ exact + 0.1 * np.eye(exact.shape[1])
    return np.linalg.inv(left) @ exact.T @ np.diag(confidence) @ preference


def dense(played, listeners, count):
    """Return confidence and preference of the paper, as dense matrices."""
    confidence = np.ones((listeners, count))
    for one in played.to_pylist():
        confidence[one["user_index"], one["song_index"]] = 40 * one["weight"]
    preference = np.zeros((listeners, count))
    preference[played["user_index"], played["song_index"]] = 1
    return confidence, preference


def best(given, confidence, preference, ridges):
    """Return the factors of each row of confidence that suit the given ones best."""
    return np.array(
        [
            np.linalg.solve(
                (given.T * c) @ given + ridge * np.eye(given.shape[1]),
                given.T @ (c * p),
            )
            for c, p, ridge in zip(confidence, preference, ridges, strict=True)
        ]
    )


def exact_factors(confidence, preference, ridges, factors, iterations):
    """Alternate exact solves in float64, from the start of als.song_factors."""
    heard = preference.any(axis=0)
    start = np.random.default_rng(42).normal(
        0, 0.1 / np.sqrt(factors), (len(heard), factors)
    )
    song_matrix = start * heard[:, None]
    for _ in range(iterations):
        users = best(song_matrix, confidence, preference, ridges[0])
        song_matrix = best(users, confidence.T, preference.T, ridges[1])
    return song_matrix


def loss(song_matrix, confidence, preference, ridges):
    """Return the objective at these song factors and the listeners that suit them."""
    users = best(song_matrix, confidence, preference, ridges[0])
    return (
        np.sum(confidence * (preference - users @ song_matrix.T) ** 2)
        + ridges[0] @ np.sum(users**2, axis=1)
        + ridges[1] @ np.sum(song_matrix**2, axis=1)
    )


def ridges_of(preference, settings):
    """Return the pull on every listener and song, as Rendle et al. (2021) scale it."""
    return [
        np.full(len(preference), settings["listener_ridge"]),
        settings["song_ridge"]
        + settings["song_ridge_per_listener"] * preference.sum(axis=0),
    ]


@pytest.mark.parametrize("settings", [CLASSIC, SCALED], ids=["classic", "scaled"])
def test_song_factors_are_those_of_exact_half_steps(played, settings):
    """With three factors, three steps of conjugate gradients are exact."""
    confidence, preference = dense(played, 25, 61)
    settings = settings | {"factors": 3}
    found = als.song_factors(played, songs(61), iterations=6, seed=42, **settings)
    ridges = ridges_of(preference, settings)
    np.testing.assert_allclose(
        rows(found), exact_factors(confidence, preference, ridges, 3, 6), atol=2e-4
    )


@pytest.mark.parametrize(
    "settings",
    [CLASSIC | {"listener_ridge": 10.0, "song_ridge": 10.0}, SCALED],
    ids=["classic", "scaled"],
)
def test_song_factors_converge_to_those_of_exact_half_steps(played, settings):
    confidence, preference = dense(played, 25, 60)
    ridges = ridges_of(preference, settings)
    settings = settings | {"factors": 6}
    found = als.song_factors(played, songs(60), iterations=400, seed=42, **settings)
    expected = exact_factors(confidence, preference, ridges, 6, 400)
    assert loss(rows(found), confidence, preference, ridges) == pytest.approx(
        loss(expected, confidence, preference, ridges), rel=1e-9
    )


def test_song_factors_fit_as_well_as_those_of_implicit():
    random = np.random.default_rng(3)
    heard = random.random((80, 120)) < 0.1 + 0.3 * np.equal.outer(
        np.arange(80) % 4, np.arange(120) % 4
    )
    users, indexes = np.nonzero(heard)
    weights = random.integers(1, 6, len(users)) / 2
    played = interactions(list(zip(users, indexes, weights, strict=True)))
    confidence, preference = dense(played, 80, 120)
    settings = CLASSIC | {"factors": 8}
    ridges = ridges_of(preference, settings)
    other = AlternatingLeastSquares(
        factors=8,
        regularization=0.1,
        alpha=40,
        iterations=15,
        random_state=1,
        use_gpu=False,
    )
    other.fit(csr_matrix((weights, (users, indexes))), show_progress=False)
    found = als.song_factors(played, songs(120), iterations=15, seed=42, **settings)
    assert loss(rows(found), confidence, preference, ridges) <= 1.001 * loss(
        other.item_factors.astype(float), confidence, preference, ridges
    )


def test_user_factors_solve_the_normal_equations(song_matrix, played):
    found = als.user_factors(vectors("song_index", song_matrix), played, **SETTINGS)
    users = found["user_index"].to_pylist()
    assert users == [user for user in range(25) if user != 7]
    for user, factors in zip(users, rows(found), strict=True):
        np.testing.assert_allclose(
            factors, solve(song_matrix, played, user), rtol=1e-9, atol=1e-12
        )


def test_a_listener_of_one_song_by_hand():
    # y = (1, 0) twice: A = diag(2 + 0.1 + 39, 0.1), so u = (40 / 41.1, 0)
    found = als.user_factors(
        vectors("song_index", np.array([[1, 0], [1, 0]], np.float32)),
        interactions([(3, 1, 1.0)]),
        factors=2,
        regularization=0.1,
        alpha=40,
    )
    np.testing.assert_allclose(rows(found), [[40 / 41.1, 0]], rtol=1e-12)


def test_contributions_sum_to_the_scores(song_matrix, played):
    wanted = pairs(*((user, song) for user in (0, 3, 24) for song in (59, 4, 17)))
    found = als.contributions(
        vectors("song_index", song_matrix), played, wanted, seeds=3, **SETTINGS
    )
    totals = {}
    for one in found.to_pylist():
        key = one["user_index"], one["song_index"]
        totals[key] = totals.get(key, 0) + one["contribution"]
    assert totals == {
        (user, song): pytest.approx(
            song_matrix[song].astype(float) @ solve(song_matrix, played, user), abs=1e-9
        )
        for user in (0, 3, 24)
        for song in (59, 4, 17)
    }


def test_contributions_name_the_songs_that_gave_most(song_matrix, played):
    found = als.contributions(
        vectors("song_index", song_matrix), played, pairs((3, 59)), seeds=2, **SETTINGS
    ).to_pylist()
    exact = song_matrix.astype(float)
    heard = {
        one["song_index"]: 40 * one["weight"]
        for one in played.to_pylist()
        if one["user_index"] == 3
    }
    left = exact.T @ exact + 0.1 * np.eye(4)
    for song, confidence in heard.items():
        left += (confidence - 1) * np.outer(exact[song], exact[song])
    given = {
        song: confidence * exact[59] @ np.linalg.inv(left) @ exact[song]
        for song, confidence in heard.items()
    }
    best = sorted(given, key=given.get, reverse=True)[:2]
    rest = sum(amount for song, amount in given.items() if song not in best)
    assert {one["seed_index"]: one["contribution"] for one in found} == {
        best[0]: pytest.approx(given[best[0]], abs=1e-9),
        best[1]: pytest.approx(given[best[1]], abs=1e-9),
        None: pytest.approx(rest, abs=1e-9),
    }


def test_without_other_songs_there_is_no_remainder(song_matrix):
    found = als.contributions(
        vectors("song_index", song_matrix),
        interactions([(0, 1, 1.0), (0, 2, 1.0)]),
        pairs((0, 5)),
        seeds=3,
        **SETTINGS,
    )
    assert sorted(found["seed_index"].to_pylist()) == [1, 2]


def test_candidates_are_the_best_that_are_neither_excluded_nor_hidden(song_matrix):
    user_matrix = np.random.default_rng(2).normal(size=(9, 4))
    excluded = [(0, 3), (0, 4), (8, 0), (8, 1), (40, 2)]
    hidden = [10, 11, 59]
    found = als.candidates(
        vectors("user_index", user_matrix),
        vectors("song_index", song_matrix),
        pairs(*excluded),
        pa.table({"song_index": pa.array(hidden, pa.int32())}),
        candidates=7,
    )
    scores = user_matrix @ song_matrix.astype(float).T
    expected = {}
    for user in range(9):
        allowed = [
            song
            for song in np.argsort(-scores[user])
            if song not in hidden and (user, song) not in excluded
        ]
        for song in allowed[:7]:
            if scores[user, song] > 0:
                expected[user, int(song)] = pytest.approx(scores[user, song], abs=1e-8)
    assert len(expected) > 9 * 5
    assert {
        (one["user_index"], one["song_index"]): one["channel_score"]
        for one in found.to_pylist()
    } == expected


@pytest.mark.parametrize("is_rising", [True, False])
def test_songs_that_float32_cannot_tell_apart_are_ranked_in_float64(is_rising):
    """300 songs whose scores differ by 1e-11 from one to the next."""
    in_order = list(range(300))[:: -1 if is_rising else 1]
    song_matrix = np.zeros((300, 4), np.float32)
    song_matrix[:, 0] = 1
    song_matrix[in_order, 1] = np.arange(300)[::-1] * 2.0**-20
    best, second, third, *others = in_order
    found = als.candidates(
        vectors("user_index", np.tile([0.9, 2.0**-16, 0, 0], (2, 1))),
        vectors("song_index", song_matrix),
        pairs((1, best), (1, third)),
        pa.table({"song_index": pa.array([second], pa.int32())}),
        candidates=5,
    )
    assert {(row["user_index"], row["song_index"]) for row in found.to_pylist()} == {
        *((0, song) for song in (best, third, *others[:3])),
        *((1, song) for song in others[:5]),
    }


def test_candidates_as_good_as_the_last_one_all_come():
    """So that the songs' order decides between them, whoever ranks."""
    found = als.candidates(
        vectors("user_index", np.ones((1, 4))),
        vectors("song_index", np.ones((200, 4), np.float32)),
        NO_PAIRS,
        NO_SONGS,
        candidates=5,
    )
    assert found["song_index"].to_pylist() == list(range(200))


def test_candidates_of_gaps_between_users(song_matrix):
    """User indexes need not be dense or ordered, as after playlists."""
    user_matrix = np.random.default_rng(2).normal(size=(2, 4))
    users = vectors("user_index", user_matrix)
    users = users.set_column(0, "user_index", pa.array([9, 4], pa.int32()))
    excluded = pairs(*((9, song) for song in range(59)))
    found = als.candidates(
        users, vectors("song_index", song_matrix), excluded, NO_SONGS, candidates=60
    )
    scores = user_matrix @ song_matrix.astype(float).T
    by_user = {4: set(), 9: set()}
    for one in found.to_pylist():
        by_user[one["user_index"]].add(one["song_index"])
    assert by_user[4] == set(np.flatnonzero(scores[1] > 0))
    assert by_user[9] == set(np.flatnonzero(scores[0] > 0)) & {59}


def test_a_listener_who_may_get_nothing_gets_nothing(song_matrix):
    found = als.candidates(
        vectors("user_index", np.ones((1, 4))),
        vectors("song_index", song_matrix),
        pairs(*((0, song) for song in range(30))),
        pa.table({"song_index": pa.array(range(30, 60), pa.int32())}),
        candidates=10,
    )
    assert len(found) == 0


@pytest.mark.parametrize("count", [0, 3])
def test_without_interactions_all_factors_are_zero(count):
    found = als.song_factors(
        interactions([]), songs(count), iterations=2, seed=1, **CLASSIC
    )
    assert found["song_index"].to_pylist() == list(range(count))
    assert not np.any(rows(found))
    (row,) = als.gram(found, factors=4, regularization=0.5).to_pylist()
    assert row["gram"] == np.zeros((4, 4)).tolist()
    assert row["inverse"] == (2 * np.eye(4)).tolist()


def test_empty_inputs_give_empty_tables(song_matrix):
    matrix = vectors("song_index", song_matrix)
    nobody = als.user_factors(matrix, interactions([]), **SETTINGS)
    assert nobody.num_rows == 0
    assert (
        als.candidates(nobody, matrix, NO_PAIRS, NO_SONGS, candidates=5).num_rows == 0
    )
    nothing = als.contributions(
        matrix, interactions([(0, 1, 1.0)]), NO_PAIRS, seeds=3, **SETTINGS
    )
    assert nothing.num_rows == 0
    assert nothing.schema.names == [
        "user_index",
        "song_index",
        "seed_index",
        "contribution",
    ]


def test_a_song_that_nobody_plays_has_a_vector_of_zeros(played):
    found = rows(als.song_factors(played, songs(61), iterations=3, seed=42, **CLASSIC))
    assert found.shape == (61, 4)
    assert not found[60].any()
    heard = set(played["song_index"].to_pylist())
    assert all(found[song].any() for song in heard)


def test_the_gram_is_the_product_of_the_factors(song_matrix):
    found = als.gram(vectors("song_index", song_matrix), factors=4, regularization=0.1)
    exact = song_matrix.astype(float)
    np.testing.assert_allclose(found["gram"].to_pylist()[0], exact.T @ exact)
    np.testing.assert_allclose(
        np.array(found["inverse"].to_pylist()[0]) @ (exact.T @ exact + 0.1 * np.eye(4)),
        np.eye(4),
        atol=1e-9,
    )


def test_song_factors_do_not_depend_on_the_number_of_threads(played, monkeypatch):
    # many blocks: as large ones, all of this is one
    monkeypatch.setattr(als, "_GATHERED", 4 * 20)
    found = []
    for threads in (1, 2, 2):
        monkeypatch.setattr("os.cpu_count", lambda threads=threads: threads)
        table = als.song_factors(played, songs(60), iterations=15, seed=42, **CLASSIC)
        found.append(rows(table).tobytes())
    assert found[0] == found[1] == found[2]


def test_song_factors_do_not_depend_on_the_order_of_rows(played):
    mixed = played.take(np.random.default_rng(2).permutation(len(played)))
    found, again = (
        als.song_factors(table, songs(60), iterations=5, seed=42, **CLASSIC)
        for table in (played, mixed)
    )
    assert rows(found).tobytes() == rows(again).tobytes()


def test_blocks_hold_every_entry_once_and_stay_small(monkeypatch):
    monkeypatch.setattr(als, "_GATHERED", 4 * 30)
    dense = np.random.default_rng(4).random((40, 50))
    dense[dense < np.linspace(0, 1, 40)[:, None]] = 0
    dense[[3, 20]] = 0
    dense[9] += 1
    found = np.zeros_like(dense)
    for block in als._blocks(csr_matrix(dense), 4):
        assert block.columns.shape == block.confidence.shape
        assert block.columns.size * 4 <= 4 * 30 or len(block.rows) == 1
        np.add.at(found, (block.rows[:, None], block.columns), block.confidence)
    np.testing.assert_array_equal(found, dense)


@pytest.mark.parametrize(
    ("triples", "count"),
    [
        pytest.param([(0, 0, 2.0)], 1, id="one listener, one song"),
        pytest.param([(7, 0, 1.0), (9, 0, 3.0)], 1, id="one song"),
        pytest.param([(0, 2, 1.0), (0, 4, 0.5)], 6, id="one listener"),
        pytest.param([(0, 0, 1.0)], 3, id="more factors than songs that are played"),
    ],
)
def test_the_smallest_matrices_are_solved(triples, count):
    table = interactions(triples)
    found = als.song_factors(table, songs(count), iterations=15, seed=42, **CLASSIC)
    assert np.isfinite(rows(found)).all()
    users = als.user_factors(found, table, **SETTINGS)
    scores = rows(users) @ rows(found).T
    heard = {song for _, song, _ in triples}
    for song in range(count):
        # with confidence 20 or more, what was played is 1 but for regularization
        expected = pytest.approx(1, abs=0.1) if song in heard else 0
        assert scores[:, song].tolist() == [expected] * len(scores)


def test_factors_put_listeners_near_the_songs_of_their_own_kind():
    """Two groups that share no song: each gets the songs of its own group."""
    triples = [
        (user, song, 1.0)
        for user in range(20)
        for song in range(12)
        if song % 2 == user % 2 and (user + song) % 5
    ]
    found = als.song_factors(
        interactions(triples),
        songs(12),
        iterations=15,
        seed=42,
        **CLASSIC | {"factors": 2},
    )
    settings = SETTINGS | {"factors": 2}
    users = als.user_factors(found, interactions(triples), **settings)
    scores = rows(users) @ rows(found).T
    for user in range(20):
        own = [song for song in range(12) if song % 2 == user % 2]
        others = [song for song in range(12) if song % 2 != user % 2]
        assert scores[user, own].min() > scores[user, others].max()
