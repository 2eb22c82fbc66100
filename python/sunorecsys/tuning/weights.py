"""Channel weights under which listeners most probably play what they played."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from sunorecsys.reader import CHANNELS
from sunorecsys.variants import STAGES
from sunorecsys.vectors import Matrix

# listeners of a stage below which it takes the weights of all
MIN_LISTENERS = 200
# pull of each weight towards 0, times its square, against the mean loss of a hit
_RIDGE = 1e-3
# candidates that are learned from at most; 100 bytes each
_MAX_CANDIDATES = 10_000_000


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
    # (listeners): the stage of the history
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
            np.array(listeners["history_stage"].to_pylist()),
        )


def together(found: Sequence[Scores]) -> Scores:
    """Return the candidates of several builds as those of other listeners."""
    before = np.cumsum([0, *(len(scores.stages) for scores in found)])
    return Scores(
        np.concatenate(
            [
                scores.listeners + first
                for scores, first in zip(found, before, strict=False)
            ]
        ),
        *(
            np.concatenate([getattr(scores, name) for scores in found])
            for name in ("scores", "popularity", "is_hit", "stages")
        ),
    )


def learn(scores: Scores) -> tuple[dict[str, dict[str, float]], float]:
    """Return the weights by history stage that explain the hits best, and a share.

    A conditional logit (McFadden 1974): the chance that a hit is a song and not another
    candidate of its listener is the softmax of their weighted scores. The weights are
    those of the highest likelihood, 0 or more, with a small ridge, so there is one
    answer. They are rounded to three digits and add up to 1. The share is that of
    popularity in quality, from 0 to 1, the same for all stages.

    Args:
        scores: of builds whose held-out songs are known, and whose quality has nothing
            of popularity.
    """
    with_hits = np.unique(scores.listeners[scores.is_hit])
    features = np.column_stack([scores.scores, scores.popularity])
    *everybody, popularity = _fit(replace(scores, scores=features), with_hits)
    quality = everybody[-1] + popularity
    share = round(popularity / quality, 3) if quality else 0.0
    everybody[-1] = quality
    mixed = with_popularity(scores, share)
    found = {}
    for stage in STAGES:
        chosen = with_hits[scores.stages[with_hits] == stage]
        enough = MIN_LISTENERS <= len(chosen) < len(with_hits)
        weights = _fit(mixed, chosen) if enough else everybody
        found[stage] = {
            name: round(weight, 3)
            for name, weight in zip(CHANNELS, weights, strict=True)
        }
    return found, share


def with_popularity(scores: Scores, share: float) -> Scores:
    """Return scores whose quality is popularity by a share, as in `song_quality`."""
    columns = scores.scores.copy()
    quality = CHANNELS.index("quality")
    columns[:, quality] = (1 - share) * columns[:, quality] + share * scores.popularity
    return replace(scores, scores=columns)


def _fit(scores: Scores, listeners: Matrix) -> list[float]:
    """Return the weight of each column of the scores, adding up to 1.

    Args:
        scores: of the columns that are weighed, the channels first.
        listeners: who is learned from; each has a hit.
    """
    columns = scores.scores.shape[1]
    equal = [1 / len(CHANNELS)] * len(CHANNELS) + [0.0] * (columns - len(CHANNELS))
    if len(listeners) == 0:
        return equal
    counts = np.bincount(scores.listeners, minlength=len(scores.stages))
    # where memory does not allow all, every second or third listener is taken
    step = math.ceil(counts[listeners].sum() / _MAX_CANDIDATES)
    is_taken = np.zeros(len(counts), bool)
    is_taken[listeners[::step]] = True
    rows = is_taken[scores.listeners]
    values, is_hit = scores.scores[rows], scores.is_hit[rows]
    sizes = counts[is_taken]
    firsts = np.cumsum(sizes) - sizes
    owners = np.repeat(np.arange(len(sizes)), sizes)
    hits = np.add.reduceat(is_hit.astype(np.float64), firsts)
    of_hits = values[is_hit].sum(axis=0)

    def loss(weights: Matrix) -> tuple[float, Matrix]:
        """Return the mean loss of a hit, and its gradient."""
        blended = values @ weights
        highest = np.maximum.reduceat(blended, firsts)
        chances = np.exp(blended - highest[owners])
        sums = np.add.reduceat(chances, firsts)
        likelihood = of_hits @ weights - hits @ (highest + np.log(sums))
        gradient = of_hits - (chances * (hits / sums)[owners]) @ values
        return (
            -likelihood / hits.sum() + _RIDGE * weights @ weights,
            -gradient / hits.sum() + 2 * _RIDGE * weights,
        )

    # threads would add up in another order
    with threadpool_limits(1):
        weights = minimize(
            loss,
            np.ones(columns),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0, None)] * columns,
            options={"ftol": 1e-12, "gtol": 1e-8},
        ).x
    # what tells no candidates apart is at 0 but for the last step of the search
    weights[weights < 1e-6 * weights.max()] = 0
    total = weights.sum()
    return [float(weight) for weight in weights / total] if total > 1e-6 else equal
