"""Learned channel weights, against another library and counted by hand."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from sunorecsys.reader import CHANNELS
from sunorecsys.tuning import weights

EQUAL = dict.fromkeys(CHANNELS, 0.2)


def scores(rows, stages):
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
            {"listener_index": range(len(stages)), "history_stage": stages},
        ),
    )


def regular(rows):
    return scores(rows, ["regular"] * (1 + max(row[0] for row in rows)))


def heads(data, chosen):
    """Return the first song of each listener's list: its place among the candidates."""
    blended = data.scores @ [chosen[name] for name in CHANNELS]
    owners = data.listeners
    return [int(np.argmax(blended[owners == owner])) for owner in np.unique(owners)]


def test_of_two_candidates_it_is_a_logistic_regression():
    """Scores of the played song less those of the other say that it is played."""
    random = np.random.default_rng(5)
    played, other = random.random((2, 300, len(CHANNELS)))
    played += [0.3, 0.1, 0.2, 0.2, 0.15]
    rows = [
        (listener, song, dict(zip(CHANNELS, values, strict=True)), song == 0)
        for listener in range(300)
        for song, values in enumerate((played[listener], other[listener]))
    ]
    differences = played - other
    expected = LogisticRegression(
        # the ridge of the mean loss, as scikit-learn wants it of the sum
        C=1 / (2 * 1e-3 * 300),
        fit_intercept=False,
        tol=1e-8,
    ).fit(np.vstack([differences, -differences]), [1] * 300 + [0] * 300, [0.5] * 600)
    (wanted,) = expected.coef_
    assert min(wanted) > 0
    found, share = weights.learn(regular(rows))
    assert share == 0
    assert list(found["regular"].values()) == pytest.approx(
        wanted / wanted.sum(), abs=0.002
    )


def test_the_channel_that_is_right_gets_the_weight():
    rows = [
        (listener, song, {"content": float(song == 2), "user_cf": song / 4}, song == 2)
        for listener in range(5)
        for song in range(4)
    ]
    data = regular(rows)
    found, _ = weights.learn(data)
    assert heads(data, found["regular"]) == [2] * 5
    # content says 1 for song 2, and user_cf 1/4 more for song 3
    assert found["regular"]["content"] > found["regular"]["user_cf"] / 4
    assert sum(found["regular"].values()) == pytest.approx(1, abs=0.003)
    assert min(found["regular"].values()) >= 0
    # what says nothing gets nothing
    assert found["regular"]["item_cf"] == found["regular"]["prompt"] == 0


def test_what_speaks_against_the_hits_gets_nothing():
    rows = [
        (listener, song, {"content": song / 2, "user_cf": 1 - song / 2}, song == 2)
        for listener in range(5)
        for song in range(3)
    ]
    found, _ = weights.learn(regular(rows))
    assert found["regular"] == dict.fromkeys(CHANNELS, 0) | {"content": 1}


def test_each_hit_stands_against_all_candidates_of_its_listener():
    random = np.random.default_rng(11)
    sizes = random.integers(2, 9, 60)
    content, user_cf = ([random.random(size) for size in sizes] for _ in range(2))
    # what is higher by both is played more, and some play several songs
    played = [
        random.random(len(one)) < 0.1 + 0.5 * one * other
        for one, other in zip(content, user_cf, strict=True)
    ]
    found, _ = weights.learn(
        regular(
            [
                (listener, song, {"content": one, "user_cf": other}, bool(is_hit))
                for listener, songs in enumerate(
                    zip(content, user_cf, played, strict=True)
                )
                for song, (one, other, is_hit) in enumerate(zip(*songs, strict=True))
            ]
        )
    )

    def loss(chosen):
        losses = []
        for one, other, is_hit in zip(content, user_cf, played, strict=True):
            chances = np.exp(chosen[0] * one + chosen[1] * other)
            losses += list(-np.log(chances / chances.sum())[is_hit])
        return np.mean(losses) + 1e-3 * sum(weight**2 for weight in chosen)

    wanted = minimize(loss, [1, 1], method="Nelder-Mead", options={"xatol": 1e-6}).x
    assert min(wanted) > 0
    assert [found["regular"][name] for name in ("content", "user_cf")] == pytest.approx(
        wanted / wanted.sum(), abs=0.002
    )


def test_learning_repeats_itself_and_takes_rows_in_any_order():
    random = np.random.default_rng(3)
    rows = [
        (
            listener,
            int(song),
            dict(zip(CHANNELS, random.integers(0, 4, len(CHANNELS)) / 4, strict=True)),
            bool(random.random() < 0.2),
        )
        for listener in range(40)
        for song in range(12)
    ]
    stages = ["light"] * 40
    first = weights.learn(scores(rows, stages))
    assert weights.learn(scores(rows, stages)) == first
    assert weights.learn(scores(rows[::-1], stages)) == first


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
    found, _ = weights.learn(scores(rows, stages))
    assert found["light"] == dict.fromkeys(CHANNELS, 0) | {"content": 1}
    assert found["regular"] == dict.fromkeys(CHANNELS, 0) | {"user_cf": 1}
    # too few of them to say anything: the weights of all
    few, _ = weights.learn(scores(rows, ["new"] * 9 + stages[9:]))
    assert few["new"] == few["light"] != few["regular"]


def test_scores_that_are_all_equal_leave_the_weights_equal():
    rows = [(0, song, {"content": 1.0}, song == 1) for song in range(3)]
    found, share = weights.learn(regular(rows))
    assert (found["regular"], share) == (EQUAL, 0)


def test_without_a_hit_the_weights_are_equal():
    rows = [(0, song, {"content": song / 3}, False) for song in range(3)]
    assert weights.learn(regular(rows)) == (
        dict.fromkeys(("new", "light", "regular"), EQUAL),
        0,
    )


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
    data = regular(rows)
    found, share = weights.learn(data)
    assert (found["regular"], share) == (
        dict.fromkeys(CHANNELS, 0) | {"quality": 1},
        1,
    )
    # as song_quality mixes them
    np.testing.assert_allclose(
        weights.with_popularity(data, 0.25).scores[:3, -1], [0.375, 0.425, 0.625]
    )


def test_builds_are_learned_from_together():
    # of two weeks, each listener is another one
    first = regular([(0, 0, {"content": 1.0}, False), (0, 1, {"user_cf": 1.0}, True)])
    second = scores(
        [
            (0, 0, {"content": 1.0}, True),
            (1, 0, {"content": 1.0}, True),
            (1, 1, {"user_cf": 1.0}, False),
        ],
        ["new", "light"],
    )
    both = weights.together([first, second])
    assert both.listeners.tolist() == [0, 0, 1, 2, 2]
    assert both.stages.tolist() == ["regular", "new", "light"]
    # two of three with a choice chose content
    found, _ = weights.learn(weights.together([first, second, second]))
    assert found["light"]["content"] == 1


def test_of_more_candidates_than_memory_allows_listeners_of_all_builds_are_taken(
    monkeypatch,
):
    # user_cf is right for the first listener, content for all others
    rows = [
        (listener, song, {"content": song / 2, "user_cf": 1 - song / 2}, song == is_new)
        for listener in range(9)
        for is_new in [2 if listener else 0]
        for song in (0, 1, 2)
    ]
    monkeypatch.setattr(weights, "_MAX_CANDIDATES", 9)
    found, _ = weights.learn(regular(rows))
    # every third listener is taken, and two of the three are served by content
    assert found["regular"]["content"] > found["regular"]["user_cf"]
