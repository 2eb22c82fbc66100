"""Ranking metrics: by hand, and against scikit-learn on random lists."""

import random

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score

from sunorecsys import HybridRecommender
from sunorecsys.errors import UnknownListener, UnknownSong, UsageError
from sunorecsys.evaluation import evaluate_recommender, metrics

RANKED = list("abcde")


@pytest.mark.parametrize(
    ("name", "relevant", "k", "value"),
    [
        ("precision", "bx", 2, 1 / 2),
        ("precision", "ace", 10, 3 / 10),
        ("recall", "bdxy", 5, 2 / 4),
        ("recall", "bd", 3, 1 / 2),
        ("ndcg", "a", 5, 1),
        ("ndcg", "c", 5, 1 / 2),
        # hits at 1 and 3 of the best places 1 and 2
        ("ndcg", "ac", 5, (1 + 1 / 2) / (1 + 0.6309297535714575)),
        # more is relevant than fits
        ("ndcg", "abxyz", 2, 1),
        ("map", "bd", 5, (1 / 2 + 2 / 4) / 2),
        ("map", "bdxyz", 2, (1 / 2) / 2),
        ("mrr", "cd", 5, 1 / 3),
        ("mrr", "e", 4, 0),
        ("hit_rate", "e", 4, 0),
        ("hit_rate", "e", 5, 1),
    ],
)
def test_by_hand(name, relevant, k, value):
    assert metrics.METRICS[name](RANKED, set(relevant), k) == pytest.approx(value)


@pytest.mark.parametrize("name", metrics.METRICS)
def test_an_empty_list_and_nothing_relevant_are_0(name):
    metric = metrics.METRICS[name]
    assert metric([], {"a"}, 5) == 0
    assert metric(RANKED, set(), 5) == 0


def test_scikit_learn_agrees():
    dice = random.Random(7)
    for _ in range(200):
        ranked = [f"s{number}" for number in range(dice.randint(2, 40))]
        relevant = set(dice.sample(ranked, dice.randint(1, len(ranked))))
        k = dice.randint(1, len(ranked))
        truth = np.array([[song in relevant for song in ranked]], dtype=float)
        scores = -np.arange(len(ranked), dtype=float)[None, :]
        assert metrics.ndcg(ranked, relevant, k) == pytest.approx(
            ndcg_score(truth, scores, k=k)
        )
        whole = metrics.average_precision(ranked, relevant, len(ranked))
        assert whole == pytest.approx(average_precision_score(truth[0], scores[0]))


@pytest.fixture(scope="module")
def recommender(sample_project):
    with HybridRecommender.load(sample_project.root) as opened:
        yield opened


def test_the_means_are_those_of_the_cases(recommender):
    seeds = ["song-0001", "song-0002"]
    first = [row["song_id"] for row in recommender.recommend(song_ids=seeds, n=20)]
    second = [row["song_id"] for row in recommender.recommend("listener-005", n=20)]
    results = evaluate_recommender(
        recommender,
        [
            # a seed song is never recommended, so it is no miss
            {"song_ids": seeds, "relevant": {first[0], "song-0001"}},
            {"user_id": "listener-005", "relevant": [second[9], "no such song"]},
            {"song_ids": seeds, "relevant": []},
        ],
        k_values=[5, 10, 20],
    )
    assert results["cases"] == 2
    assert len(results) == 1 + 6 * 3
    assert results["hit_rate@5"] == 1 / 2
    assert results["hit_rate@10"] == 1
    assert results["recall@10"] == (1 + 1 / 2) / 2
    assert results["mrr@20"] == pytest.approx((1 + 1 / 10) / 2)
    assert results["precision@20"] == pytest.approx(1 / 20)


@pytest.mark.parametrize(
    ("cases", "k_values", "error"),
    [
        ([{"relevant": {"a"}}], [5], UsageError),
        ([{"song_ids": ["song-0001"]}], [5], UsageError),
        ([{"song_ids": [], "user_id": "a", "relevant": {"a"}}], [5], UsageError),
        ([{"song_ids": ["song-0001"], "relevant": "song-0002"}], [5], UsageError),
        ([{"song_ids": ["song-0001"], "relevant": ["song-0001"]}], [5], UsageError),
        ([], [5], UsageError),
        ([{"user_id": "listener-005", "relevant": {"a"}}], [], UsageError),
        ([{"user_id": "listener-005", "relevant": {"a"}}], [0], UsageError),
        ([{"user_id": "listener-005", "relevant": {"a"}}], [101], UsageError),
        ([{"user_id": "listener-005", "relevant": {"a"}}], ["ten"], UsageError),
        ([{"user_id": "nobody", "relevant": {"a"}}], [5], UnknownListener),
        ([{"song_ids": ["nosuch"], "relevant": {"a"}}], [5], UnknownSong),
    ],
)
def test_what_is_wrong_is_said(recommender, cases, k_values, error):
    with pytest.raises(error):
        evaluate_recommender(recommender, cases, k_values)
