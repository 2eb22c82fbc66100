"""Learned channel weights, against ranks that are counted by hand."""

import numpy as np
import pyarrow as pa
import pytest

from sunorecsys.evaluation import metrics
from sunorecsys.reader import CHANNELS
from sunorecsys.tuning import weights

EQUAL = dict.fromkeys(CHANNELS, 0.2)


def scores(rows, held_out, stages=None):
    """Make Scores of (listener, song, scores by channel, is_hit) rows."""
    listeners, songs, values, hits = zip(*rows, strict=True)
    columns = {
        name: pa.array([value.get(name, 0.0) for value in values], pa.float64())
        for name in (*CHANNELS, "popularity")
    }
    return weights.Scores.of(
        pa.table(
            {
                "listener_index": listeners,
                "song_index": songs,
                **columns,
                "is_hit": hits,
            }
        ),
        pa.table(
            {
                "listener_index": range(len(held_out)),
                "held_out_count": held_out,
                "history_stage": stages or ["regular"] * len(held_out),
            }
        ),
    )


def by_stage(chosen):
    return dict.fromkeys(("new", "light", "regular"), chosen)


@pytest.fixture(scope="module")
def random_scores():
    """40 listeners of 12 candidates each, ties and listeners without a hit included."""
    random = np.random.default_rng(3)
    rows = [
        (
            listener,
            song,
            dict(zip(CHANNELS, random.integers(0, 4, len(CHANNELS)) / 4, strict=True)),
            bool(random.random() < 0.2),
        )
        for listener in range(40)
        for song in random.permutation(12)
    ]
    hits = np.bincount([row[0] for row in rows], [row[3] for row in rows], 40)
    # some held-out songs are no candidates
    return rows, [int(count) + listener % 3 + 1 for listener, count in enumerate(hits)]


def test_ndcg_is_that_of_the_ranked_list(random_scores):
    rows, held_out = random_scores
    chosen = {
        "item_cf": 0.5,
        "content": 0.25,
        "prompt": 0,
        "user_cf": 1,
        "quality": 0.5,
    }
    expected = []
    for listener, count in enumerate(held_out):
        own = [row for row in rows if row[0] == listener]
        ranked = sorted(
            own, key=lambda row: (-sum(chosen[c] * row[2][c] for c in chosen), row[1])
        )
        relevant = {row[1] for row in own if row[3]}
        relevant |= {100 + extra for extra in range(count - len(relevant))}
        expected.append(
            np.mean(
                [metrics.ndcg([row[1] for row in ranked], relevant, k) for k in (3, 8)]
            )
        )
    found = weights.ndcg(scores(rows, held_out), by_stage(chosen), (3, 8))
    assert found == pytest.approx(np.mean(expected), abs=1e-6)


def test_the_channel_that_is_right_gets_the_weight():
    rows = [
        (listener, song, {"content": float(song == 2), "user_cf": song / 4}, song == 2)
        for listener in range(5)
        for song in range(4)
    ]
    data = scores(rows, [1] * 5)
    found, _ = weights.learn(data, (1,), seed=1)
    assert weights.ndcg(data, found, (1,)) == 1
    # content says 1 for song 2, and user_cf 1/4 more for song 3
    assert found["regular"]["content"] > found["regular"]["user_cf"] / 4
    assert sum(found["regular"].values()) == pytest.approx(1, abs=0.003)
    assert min(found["regular"].values()) >= 0
    # what says nothing gets nothing
    assert found["regular"]["item_cf"] == found["regular"]["prompt"] == 0


def test_learning_is_never_worse_than_equal_weights_and_repeats_itself(random_scores):
    data = scores(*random_scores)
    found, share = weights.learn(data, (5, 10), seed=7)
    assert (found, share) == weights.learn(data, (5, 10), seed=7)
    assert weights.ndcg(data, found, (5, 10)) >= weights.ndcg(
        data, by_stage(EQUAL), (5, 10)
    )


def test_a_stage_of_many_listeners_has_weights_of_its_own():
    count = weights.MIN_LISTENERS
    rows = [
        (listener, song, {"content": song / 2, "user_cf": 1 - song / 2}, song == is_new)
        for listener in range(2 * count)
        # content is right for the first half of listeners, user_cf for the second
        for is_new in [int(listener < count) * 2]
        for song in (0, 1, 2)
    ]
    stages = ["light"] * count + ["regular"] * count
    data = scores(rows, [1] * 2 * count, stages)
    found, _ = weights.learn(data, (1,), seed=1)
    # no one set of weights is right for both halves
    assert weights.ndcg(data, found, (1,)) == 1
    assert weights.ndcg(data, by_stage(found["light"]), (1,)) == 0.5
    # too few of them to say anything: the weights of all
    few, _ = weights.learn(
        scores(rows, [1] * 2 * count, ["new"] * 9 + stages[9:]), (1,), seed=1
    )
    assert few["new"] == few["light"]


def test_scores_that_are_all_equal_leave_the_weights_equal():
    rows = [(0, song, {"content": 1.0}, song == 1) for song in range(3)]
    found, share = weights.learn(scores(rows, [1]), (1,), seed=1)
    assert (found["regular"], share) == (EQUAL, 0)
    # the song with the smaller index stands before
    assert weights.ndcg(scores(rows, [1]), found, (1,)) == 0
    assert weights.ndcg(scores(rows, [1]), found, (2,)) == pytest.approx(1 / np.log2(3))


def test_popularity_enters_by_a_share_of_quality():
    # quality says nothing, and the most popular song is the one that is played
    rows = [
        (
            listener,
            song,
            {"quality": 0.5, "popularity": [0.0, 0.2, 1.0][song]},
            song == 2,
        )
        for listener in range(3)
        for song in range(3)
    ]
    data = scores(rows, [1] * 3)
    found, share = weights.learn(data, (1,), seed=1)
    assert share > 0
    mixed = weights.with_popularity(data, share)
    assert weights.ndcg(mixed, found, (1,)) == 1
    # without popularity all songs are alike, and the first one stands first
    assert weights.ndcg(data, found, (1,)) == 0
    # as song_quality mixes them
    np.testing.assert_allclose(
        weights.with_popularity(data, 0.25).scores[:3, -1], [0.375, 0.425, 0.625]
    )


def test_builds_are_learned_from_together():
    # of two weeks, each listener is another one
    first = scores(
        [(0, 0, {"content": 1.0}, False), (0, 1, {"user_cf": 1.0}, True)], [1]
    )
    second = scores(
        [
            (0, 0, {"content": 1.0}, True),
            (1, 0, {"content": 1.0}, True),
            (1, 1, {"user_cf": 1.0}, False),
        ],
        [1, 2],
    )
    both = weights.together([first, second])
    assert both.listeners.tolist() == [0, 0, 1, 2, 2]
    assert both.held_out.tolist() == [1, 1, 2]
    # one of the first week and two of the second, of whom one is given half
    chosen = by_stage(dict.fromkeys(CHANNELS, 0) | {"content": 1})
    assert weights.ndcg(both, chosen, (1,)) == pytest.approx(2 / 3)


def test_of_more_pairs_than_memory_allows_listeners_of_all_builds_are_taken(
    monkeypatch,
):
    # user_cf is right for the first listener, content for all others
    rows = [
        (listener, song, {"content": song / 2, "user_cf": 1 - song / 2}, song == is_new)
        for listener in range(9)
        for is_new in [2 if listener else 0]
        for song in (0, 1, 2)
    ]
    monkeypatch.setattr(weights, "_MAX_PAIRS", 9)
    found, _ = weights.learn(scores(rows, [1] * 9), (1,), seed=1)
    # every third listener is taken, and two of the three are served by content
    assert found["regular"]["content"] > found["regular"]["user_cf"]
