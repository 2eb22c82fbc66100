"""Channel weights that give held-out songs the best ranks, from a build's scores."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from scipy.optimize import differential_evolution

from sunorecsys.reader import CHANNELS
from sunorecsys.variants import STAGES
from sunorecsys.vectors import Matrix

# listeners of a stage below which it takes the weights of all
MIN_LISTENERS = 200
# pairs of a held-out song and another candidate that are compared at a time
_MAX_PAIRS = 4_000_000


@dataclass(frozen=True)
class Scores:
    """The candidates of evaluated listeners, sorted by listener and then by song."""

    # (candidates), dense numbers of listeners
    listeners: Matrix
    # (candidates, channels): normalized scores in the order of CHANNELS
    scores: Matrix
    # (candidates): of the song, 0 to 1
    popularity: Matrix
    # (candidates): whether the listener then played it
    is_hit: Matrix
    # (listeners): held-out songs, and the stage of the history
    held_out: Matrix
    stages: Matrix

    @classmethod
    def of(cls, candidates: pa.Table, listeners: pa.Table) -> "Scores":
        """Read tables with what a build says of candidates and of listeners."""
        listeners = listeners.sort_by("listener_index")
        candidates = candidates.sort_by(
            [("listener_index", "ascending"), ("song_index", "ascending")]
        )
        return cls(
            candidates["listener_index"].to_numpy(),
            np.column_stack([candidates[name].to_numpy() for name in CHANNELS]),
            candidates["popularity"].to_numpy(),
            candidates["is_hit"].to_numpy(zero_copy_only=False),
            listeners["held_out_count"].to_numpy(),
            np.array(listeners["history_stage"].to_pylist()),
        )


def together(found: Sequence[Scores]) -> Scores:
    """Return the candidates of several builds as those of other listeners."""
    before = np.cumsum([0, *(len(scores.held_out) for scores in found)])
    return Scores(
        np.concatenate(
            [
                scores.listeners + first
                for scores, first in zip(found, before, strict=False)
            ]
        ),
        *(
            np.concatenate([getattr(scores, name) for scores in found])
            for name in ("scores", "popularity", "is_hit", "held_out", "stages")
        ),
    )


def learn(
    scores: Scores, ks: tuple[int, ...], *, seed: int, rounds: int = 30
) -> tuple[dict[str, dict[str, float]], float]:
    """Return the weights by history stage that give the highest nDCG, and a share.

    The mean over ``ks`` is taken, as `evaluation` defines nDCG, and searched by
    differential evolution (Storn and Price 1997) over weights from 0 to 1. They are
    rounded to three digits and add up to 1. The share is that of popularity in quality,
    from 0 to 1, the same for all stages.

    Args:
        scores: of a build whose held-out songs are known, and whose quality has
            nothing of popularity.
        ks: lengths of the lists that count.
        seed: of the search.
        rounds: generations of the search.
    """
    all_listeners = np.ones(len(scores.held_out), bool)
    features = np.column_stack([scores.scores, scores.popularity])
    *everybody, popularity = _search(
        replace(scores, scores=features), all_listeners, ks, seed, rounds
    )
    quality = everybody[-1] + popularity
    share = round(popularity / quality, 3) if quality else 0.0
    everybody[-1] = round(quality, 3)
    mixed = with_popularity(scores, share)
    found = {}
    for stage in STAGES:
        chosen = mixed.stages == stage
        enough = MIN_LISTENERS <= chosen.sum() < len(chosen)
        weights = _search(mixed, chosen, ks, seed, rounds) if enough else everybody
        found[stage] = dict(zip(CHANNELS, weights, strict=True))
    return found, share


def with_popularity(scores: Scores, share: float) -> Scores:
    """Return scores whose quality is popularity by a share, as in `song_quality`."""
    columns = scores.scores.copy()
    quality = CHANNELS.index("quality")
    columns[:, quality] = (1 - share) * columns[:, quality] + share * scores.popularity
    return replace(scores, scores=columns)


def ndcg(
    scores: Scores,
    weights: Mapping[str, Mapping[str, float]],
    ks: tuple[int, ...],
) -> float:
    """Return the mean nDCG over ``ks`` of all listeners, each by their stage's."""
    total = 0.0
    for stage, chosen in weights.items():
        listeners = scores.stages == stage
        values = np.array([chosen[name] for name in CHANNELS])
        found = _Problem(scores, listeners).ndcg(values, ks)
        total += listeners.sum() * float(np.mean(found))
    return total / len(scores.held_out)


def _search(
    scores: Scores,
    chosen: Matrix,
    ks: tuple[int, ...],
    seed: int,
    rounds: int,
) -> list[float]:
    problem = _Problem(scores, chosen)
    used = problem.differences.any(axis=0)
    if not used.any():
        # nothing tells the candidates apart
        popularity = [0.0] * (len(used) - len(CHANNELS))
        return [round(1 / len(CHANNELS), 3)] * len(CHANNELS) + popularity
    start = np.where(used, 1.0, 0.0)

    def loss(weights: Matrix) -> float:
        return -float(np.mean(problem.ndcg(weights * used, ks)))

    found = differential_evolution(
        loss,
        [(0.0, 1.0)] * len(start),
        x0=start,
        rng=seed,
        popsize=8,
        maxiter=rounds,
        tol=1e-4,
        polish=False,
    )
    best = found.x * used
    if best.sum() == 0:
        best = start
    return [round(float(weight), 3) for weight in best / best.sum()]


class _Problem:
    """Ranks of held-out candidates, from differences of scores within a listener."""

    def __init__(self, scores: Scores, chosen: Matrix) -> None:
        count = len(scores.held_out)
        candidates = np.bincount(scores.listeners, minlength=count)
        starts = np.cumsum(candidates) - candidates
        hits = np.flatnonzero(scores.is_hit & chosen[scores.listeners])
        pairs = candidates[scores.listeners[hits]].sum()
        # where memory does not allow all, every second or third listener is taken
        step = max(1, math.ceil(pairs / _MAX_PAIRS))
        chosen = chosen & (np.arange(count) % step == 0)
        self.held_out = scores.held_out[chosen]
        hits = hits[chosen[scores.listeners[hits]]]
        owners = scores.listeners[hits]
        sizes = candidates[owners]
        firsts = np.repeat(starts[owners], sizes)
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        others = firsts + within
        own = np.repeat(hits, sizes)
        self.differences = (scores.scores[others] - scores.scores[own]).astype(
            np.float32
        )
        # at the same score the song with the smaller index stands before
        self.is_before = others < own
        self.pairs = np.repeat(np.arange(len(hits)), sizes)
        self.hits = len(hits)
        renumbered = np.cumsum(chosen) - 1
        self.owners = renumbered[owners]

    def ndcg(self, weights: Matrix, ks: tuple[int, ...]) -> list[float]:
        """Return the mean nDCG at each k, listeners without a hit included."""
        if len(self.held_out) == 0:
            return [0.0] * len(ks)
        ahead = self.differences @ weights.astype(np.float32)
        counted = (ahead > 0) | ((ahead == 0) & self.is_before)
        ranks = 1 + np.bincount(self.pairs[counted], minlength=self.hits)
        gains = 1 / np.log2(1 + ranks)
        best = np.cumsum(1 / np.log2(np.arange(2, max(ks) + 2)))
        found = []
        for k in ks:
            reached = np.bincount(
                self.owners, gains * (ranks <= k), minlength=len(self.held_out)
            )
            ideal = best[np.minimum(self.held_out, k) - 1]
            found.append(float((reached / ideal).mean()))
        return found
