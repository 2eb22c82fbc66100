"""Ranking metrics of one list, and their means over many.

A list is ranked song ids, the best first, each at most once; a song is relevant or not.
All metrics are between 0 and 1, and 0 where nothing is relevant.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sunorecsys.errors import UsageError
from sunorecsys.recommender import MOST_SONGS, HybridRecommender


def precision(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return the share of the first k places that hold a relevant song."""
    return _hits(ranked, relevant, k).count(True) / k


def recall(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return the share of the relevant songs that stand in the first k places."""
    if not relevant:
        return 0.0
    return _hits(ranked, relevant, k).count(True) / len(relevant)


def ndcg(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return the discounted gain of the first k places, as a share of the best.

    A hit at place i counts 1 / log2(1 + i); the best list has its hits first.
    """
    gains = [1 / math.log2(1 + place) for place in range(1, k + 1)]
    best = math.fsum(gains[: len(relevant)])
    hits = _hits(ranked, relevant, k)
    found = math.fsum(gain for gain, hit in zip(gains, hits, strict=False) if hit)
    return found / best if best else 0.0


def average_precision(
    ranked: Sequence[str], relevant: Collection[str], k: int
) -> float:
    """Return the mean precision at the hits; what is missing of k counts 0."""
    if not relevant:
        return 0.0
    hits = _hits(ranked, relevant, k)
    sums = (
        hits[:place].count(True) / place
        for place, hit in enumerate(hits, start=1)
        if hit
    )
    return math.fsum(sums) / min(k, len(relevant))


def reciprocal_rank(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return 1 / the place of the first hit, 0 without one in the first k places."""
    hits = _hits(ranked, relevant, k)
    return 1 / (hits.index(True) + 1) if True in hits else 0.0


def hit_rate(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return 1 if one of the first k places holds a relevant song, else 0."""
    return float(True in _hits(ranked, relevant, k))


def _hits(ranked: Sequence[str], relevant: Collection[str], k: int) -> list[bool]:
    return [song in relevant for song in ranked[:k]]


METRICS = {
    "precision": precision,
    "recall": recall,
    "ndcg": ndcg,
    "map": average_precision,
    "mrr": reciprocal_rank,
    "hit_rate": hit_rate,
}


def evaluate_recommender(
    recommender: HybridRecommender,
    test_data: Iterable[Mapping[str, Any]],
    k_values: Sequence[int] = (5, 10, 20),
) -> dict[str, float]:
    """Return the mean of each metric over test cases.

    Args:
        recommender: asked once per case.
        test_data: cases, each with ``song_ids`` (seed songs) or ``user_id``, and
            ``relevant``: the ids that a good list holds. Seed songs are never
            recommended, so they do not count as relevant; a case in which nothing is
            relevant is left out.
        k_values: how many places count, each 1 to 100.

    Returns:
        ``cases`` and, for each k, ``precision@k``, ``recall@k``, ``ndcg@k``, ``map@k``,
        ``mrr@k`` and ``hit_rate@k``.

    Raises:
        UsageError: a case or a k is wrong, or no case is left.
        UnknownListener: a listener is unknown.
        UnknownSong: all seed songs of a case are unknown.
    """
    for k in k_values:
        if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= MOST_SONGS:
            raise UsageError(f"k is {str(k)[:40]}; use whole numbers from 1 to 100.")
    if not k_values:
        raise UsageError("k_values is empty; use whole numbers from 1 to 100.")
    found: dict[str, list[float]] = {}
    cases = 0
    for number, case in enumerate(test_data):
        asked, relevant = _question(number, case)
        if not relevant:
            continue
        cases += 1
        rows = recommender.recommend(**asked, n=max(k_values))
        ranked = [row["song_id"] for row in rows]
        for k in k_values:
            for name, metric in METRICS.items():
                found.setdefault(f"{name}@{k}", []).append(metric(ranked, relevant, k))
    if not cases:
        raise UsageError("No test case holds a relevant song besides its seed songs.")
    means = {name: math.fsum(values) / cases for name, values in found.items()}
    return {"cases": cases, **means}


def _question(
    number: int, case: Mapping[str, Any]
) -> tuple[dict[str, Any], frozenset[str]]:
    """Return what to ask, and what is relevant."""
    asked = {name: case[name] for name in ("song_ids", "user_id") if name in case}
    if len(asked) != 1 or "relevant" not in case:
        raise UsageError(
            f"Test case {number} needs song_ids or user_id, one of them, and relevant."
        )
    relevant = case["relevant"]
    if isinstance(relevant, str):
        raise UsageError(f"relevant of test case {number} is one text; give ids.")
    return asked, frozenset(relevant) - frozenset(asked.get("song_ids", ()))
