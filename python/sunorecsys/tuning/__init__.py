"""Learning settings and channel weights, by building the models again and again.

A copy of the project holds events up to a day, and after it the songs that listeners
then played; where listeners are few there are several, of other days or other songs.
Each trial changes some variables, builds the models that they change in each copy, and
is judged by the nDCG that the models of the evaluation give: the build and the trial
are one implementation.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import duckdb
import numpy as np
import optuna

from sunorecsys import build, ease
from sunorecsys.errors import SunorecsysError
from sunorecsys.project import Project
from sunorecsys.reader import CHANNELS
from sunorecsys.scratch import own_warehouse
from sunorecsys.tuning import weights as channel_weights
from sunorecsys.variants import write_weights
from sunorecsys.vectors import Matrix

# Called with what was tried, and how many seconds have gone.
OnTrial = Callable[[str, float], None]

RECOMMENDERS = ("blended", "item_cf", "content", "prompt", "user_cf", "popularity")

# what judges any trial
_JUDGES = ("ranked_lists", "hits", "ranking_metrics")
_BLEND = (
    "song_quality",
    "variant_weights",
    "experiment_variants",
    "listener_variants",
    "listener_weights",
    "blended_candidates",
    "blended_lists",
)
_MATRIX = ("interaction_matrix", "listener_matrix", "tag_rows", "tagged_matrix")

# the name of learned weights in the copy
_VARIANT = "learned"

# standard errors by which what is searched must be better than the best before it: with
# few listeners the best of many trials is the luckiest one
_CHANCE = 2.0

# single-precision multiplications and additions that two cores do in a second
_FLOPS = 8e10


@dataclass
class Tuned:
    """What was learned."""

    # variables of dbt that differ from what was there
    settings: dict[str, Any]
    # weights by history stage and channel
    weights: dict[str, dict[str, float]]
    # mean nDCG by recommender, on the songs that were held out of the data
    before: dict[str, float]
    after: dict[str, float]
    trials: int
    seconds: float


@dataclass(frozen=True)
class View:
    """What was known at a time, and what was played next, in a copy of the project."""

    at: Project
    # what stays: source, as_of and the variables of the evaluation. Only as_of may
    # differ from view to view, which no YAML file reads
    fixed: Mapping[str, Any]

    @contextmanager
    def opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Read what was built."""
        with (
            own_warehouse(self.at),
            duckdb.connect(str(self.at.warehouse), read_only=True) as warehouse,
        ):
            yield warehouse


@dataclass
class Lab:
    """Copies of the project in which trials are built."""

    # the last one is the nearest to what comes
    views: Sequence[View]
    ks: tuple[int, ...]
    settings: dict[str, Any] = field(default_factory=dict)

    def build(
        self,
        select: Sequence[str],
        recommenders: Sequence[str],
        *,
        is_enough: Callable[[Mapping[str, Matrix]], bool] = lambda _: False,
        **changed: Any,
    ) -> dict[str, Matrix]:
        """Build models, and return nDCG by recommender and listener, mean over ``ks``.

        Listeners of a view stand together, and are in the same order whatever is built.
        What is returned may be enough before the last view; it is then of those before.
        """
        chosen = {
            **self.settings,
            **changed,
            "evaluated_listeners_only": True,
            "evaluated_recommenders": list(recommenders),
            "evaluation_depths": list(self.ks),
        }
        # most of what a small build takes is dbt that reads files, the same for all
        first = self.views[0]
        with own_warehouse(first.at):
            manifest = build.parsed(first.at.root, {**first.fixed, **chosen})
        found: dict[str, Matrix] = {}
        for view in self.views:
            with own_warehouse(view.at):
                build.run_dbt(
                    view.at.root,
                    {**view.fixed, **chosen},
                    ("--select", *select, *build.WITHOUT_TESTS),
                    manifest=manifest,
                )
            for recommender, ndcg in self._judged(view):
                found[recommender] = np.append(found.get(recommender, []), ndcg)
            if is_enough(found):
                break
        return found

    def _judged(self, view: View) -> list[tuple[str, list[float]]]:
        with view.opened() as warehouse:
            return warehouse.execute(
                """
                select recommender, list(ndcg order by listener_index)
                from (
                    select recommender, listener_index, sum(ndcg order by k) / ? as ndcg
                    from ranking_metrics
                    group by all
                )
                group by all
                """,
                [len(self.ks)],
            ).fetchall()


@dataclass(frozen=True)
class _Stage:
    """A channel whose variables are searched together."""

    channel: str
    # share of the time that is left when the stage begins
    share: float
    select: tuple[str, ...]
    starts: tuple[dict[str, Any], ...]
    suggest: Callable[[optuna.Trial], dict[str, Any]]


def tune(
    lab: Lab,
    *,
    seconds: float,
    trials: int | None = None,
    seed: int,
    largest_top_k: int = 100,
    largest_factors: int = 128,
    on_trial: OnTrial | None = None,
) -> Tuned:
    """Search variables channel by channel, and then the weights of the channels.

    Of the variables that a channel had and those that have been good on other data, the
    best begin; what is searched takes their place if it does better by more than
    chance, two standard errors listener by listener (a listener of several views counts
    in each). The search is that of Optuna (tree-structured Parzen estimator), seeded.
    How many trials the time allows depends on the machine; with ``trials`` and time
    enough the same data give the same result.

    Args:
        lab: with the variables that are there before.
        seconds: how long it may take; after the first of its channel a trial is begun
            only if one as long as the longest before would end in time.
        trials: of each channel at most; None: as many as the time allows.
        seed: of all searches.
        largest_top_k: of neighbors of a seed song; a release holds as many.
        largest_factors: of ALS; `explain` solves a system as large.
        on_trial: called after each trial.

    Raises:
        SunorecsysError: no listener has a held-out song, the time is too short for
            one trial, or a build failed.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    clock = _Clock(seconds, on_trial)
    lab.settings.update(_common(lab))
    before = lab.build(("+candidate_scores", "+ranking_metrics"), RECOMMENDERS)
    if not before:
        raise SunorecsysError(
            "There is nothing to learn from: no listener played a song for the first "
            "time in the days that are held out. Ingest more interactions."
        )
    whole = clock.elapsed()
    clock.say(f"as it is: blended {before['blended'].mean():.4f}")
    # the build that weights are learned from, and the last one with all that was
    # learned, take about as long, and longer if what is learned does; one trial of each
    # channel takes less than two of them
    if clock.left() < 4 * whole:
        raise SunorecsysError(
            f"{seconds / 60:.3g} minutes are too short for one trial: the first build "
            f"took {whole:.0f} seconds, and two more follow. Give --minutes "
            f"{math.ceil(6 * whole / 60)} or more."
        )
    tried = 0
    for stage in _stages(lab, seconds, largest_top_k, largest_factors):
        if not before[stage.channel].any():
            # it proposes nothing that anybody played: it has nothing to go by
            continue
        until = clock.elapsed() + stage.share * (clock.left() - 2 * whole)
        found, count, longest = _search(
            lab, stage, before[stage.channel], until, trials, clock, seed
        )
        lab.settings.update(found)
        tried += count
        whole += longest
    lab.build(("+candidate_scores", "+ranking_metrics"), RECOMMENDERS)
    clock.say("learning weights")
    weights, share = channel_weights.learn(
        channel_weights.together([_scores(view) for view in lab.views])
    )
    lab.settings["popularity_in_quality"] = share
    # the seeds of all views are those of the first, in which they are parsed
    write_weights(lab.views[0].at, _VARIANT, weights)
    after = lab.build(
        ("channel_weights", *_BLEND, *_JUDGES), RECOMMENDERS, variant=_VARIANT
    )
    clock.say(f"blended {after['blended'].mean():.4f}")
    return Tuned(
        dict(lab.settings),
        weights,
        _means(before),
        _means(after),
        tried,
        clock.elapsed(),
    )


def _means(ndcg: Mapping[str, Matrix]) -> dict[str, float]:
    return {recommender: float(found.mean()) for recommender, found in ndcg.items()}


class _Clock:
    """How much of the time is left."""

    def __init__(self, seconds: float, on_trial: OnTrial | None) -> None:
        self._begun = time.monotonic()
        self._seconds = seconds
        self._on_trial = on_trial

    def elapsed(self) -> float:
        return time.monotonic() - self._begun

    def left(self) -> float:
        return self._seconds - self.elapsed()

    def say(self, what: str) -> None:
        if self._on_trial is not None:
            self._on_trial(what, self.elapsed())


def _search(
    lab: Lab,
    stage: _Stage,
    before: Matrix,
    until: float,
    trials: int | None,
    clock: _Clock,
    seed: int,
) -> tuple[dict[str, Any], int, float]:
    """Return the best variables, how many trials, and the seconds of the longest."""
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=8),
    )
    for start in stage.starts:
        study.enqueue_trial(start)
    best: dict[str, Any] = {}
    best_ndcg = before
    longest = 0.0
    count = 0
    # one in any case: the first start is worth more than any search for another channel
    while count == 0 or (
        clock.elapsed() + longest < until and (trials is None or count < trials)
    ):
        begun = clock.elapsed()
        trial = study.ask()
        changed = stage.suggest(trial)
        ndcg = lab.build(
            (*stage.select, *_JUDGES),
            (stage.channel,),
            is_enough=partial(_is_worse, channel=stage.channel, than=best_ndcg),
            **changed,
        )[stage.channel]
        # fewer listeners if they were enough to see that it is worse
        seen = best_ndcg[: len(ndcg)]
        study.tell(trial, best_ndcg.mean() + (ndcg - seen).mean())
        count += 1
        # as long as it would have taken in all views
        whole = (clock.elapsed() - begun) * len(before) / len(ndcg)
        longest = max(longest, whole)
        # what has been good on other data needs less proof than what is searched here
        is_start = count <= len(stage.starts)
        shown = ", ".join(f"{name} {_short(value)}" for name, value in changed.items())
        clock.say(
            f"{stage.channel} {ndcg.mean():.4f} (best {seen.mean():.4f}, "
            f"{len(seen):,} listeners): {shown}"
        )
        if _is_better(ndcg, seen, 0 if is_start else _CHANCE):
            best, best_ndcg = changed, ndcg
    return best, count, longest


def _is_better(ndcg: Matrix, than: Matrix, errors: float) -> bool:
    """Return whether the mean is higher by so many standard errors of the gains."""
    gains = ndcg - than
    if len(gains) < 2:
        return False
    error = gains.std(ddof=1) / math.sqrt(len(gains))
    return bool(gains.mean() > errors * error)


def _is_worse(found: Mapping[str, Matrix], *, channel: str, than: Matrix) -> bool:
    """Return whether the first listeners are enough to see that a trial is worse."""
    ndcg = found.get(channel, than[:0])
    return _is_better(than[: len(ndcg)], ndcg, _CHANCE)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _common(lab: Lab) -> dict[str, Any]:
    """Return what every trial has in common: lists long enough to be blended."""
    return {
        "candidates_per_channel": max(200, *lab.ks),
        # learned with the weights, from a quality that has nothing of it
        "popularity_in_quality": 0,
    }


def _stages(
    lab: Lab, seconds: float, largest_top_k: int, largest_factors: int
) -> list[_Stage]:
    newest = lab.views[-1]
    with newest.opened() as warehouse:
        ((songs, rows, weights, days, tags, tag_rows),) = warehouse.execute(
            """
            select
                count(distinct song_index),
                count(distinct user_index),
                count(distinct weight),
                coalesce(
                    date_diff(
                        'day',
                        min(last_interaction_at) filter (
                            last_interaction_at > timestamp '1970-01-01'
                        ),
                        max(last_interaction_at)
                    ),
                    0
                ),
                (
                    select count(*) from catalogue
                    where len(tags) > 0 and not is_hidden
                ),
                (
                    select count(distinct song_tags.tag)
                    from catalogue, unnest(catalogue.tags) as song_tags (tag)
                )
            from interaction_matrix
            """
        ).fetchall()
    top_ks = [k for k in (20, 50, 100, 200, 400) if k <= largest_top_k]
    factors = [f for f in (16, 32, 64, 128, 256) if f <= largest_factors]
    most_tagged = 4.0 if tags else 0.0
    half_lives = [None, *(d for d in (15.0, 30.0, 60.0, 120.0, 365.0) if d < 2 * days)]
    # 60 and 15 days, or what the times allow
    slow, fast = half_lives[:4][-1], half_lives[:2][-1]
    most_relative = 1.0 if weights > 1 else 0.0
    similarities = ["rp3beta", "tfidf"]
    max_rows = rows + (min(tag_rows, 2000) if tags else 0)
    memory = float(newest.at.variables().get("ease_memory_gb", 0))
    if (
        ease.needed_gb(max_rows, songs) <= memory
        and ease.operations(max_rows, songs) / _FLOPS < seconds / 12
    ):
        similarities.insert(0, "ease")

    def user_cf(trial: optuna.Trial) -> dict[str, Any]:
        return {
            "als_scaled_regularization": True,
            "als_iterations": 10,
            "als_factors": trial.suggest_categorical("als_factors", factors),
            "als_regularization": trial.suggest_float(
                "als_regularization", 1e-3, 4e-2, log=True
            ),
            "als_alpha": trial.suggest_float("als_alpha", 1, 100, log=True),
            "relative_weights": trial.suggest_float(
                "relative_weights", 0, most_relative, step=0.25
            ),
            "tag_weight": trial.suggest_float("tag_weight", 0, most_tagged, step=0.5),
            "listener_damping": trial.suggest_float(
                "listener_damping", 0, 0.75, step=0.25
            ),
            "matrix_half_life_days": trial.suggest_categorical(
                "matrix_half_life_days", half_lives
            ),
        }

    def item_cf(trial: optuna.Trial) -> dict[str, Any]:
        kind = trial.suggest_categorical("item_similarity", similarities)
        found: dict[str, Any] = {"item_similarity": kind, "min_shared_listeners": 1}
        if kind == "ease":
            found["ease_regularization"] = trial.suggest_float(
                "ease_regularization", 20, 1000, log=True
            )
            found["ease_dropout"] = trial.suggest_float("ease_dropout", 0, 0.8)
            # all that it keeps: those that a song speaks against stand at the end
            top_k = kept = largest_top_k
        else:
            top_k = trial.suggest_categorical("top_k_per_seed", top_ks)
            kept = max(100, top_k)
        found.update(top_k_per_seed=top_k, neighbors_per_song=kept)
        if kind == "rp3beta":
            found["rp3beta_alpha"] = trial.suggest_float("rp3beta_alpha", 0.2, 1.2)
            found["rp3beta_beta"] = trial.suggest_float("rp3beta_beta", 0, 0.8)
            found["item_shrinkage"] = 0
        elif kind == "tfidf":
            found["item_shrinkage"] = trial.suggest_float(
                "item_shrinkage", 1, 200, log=True
            )
        return found

    def content(trial: optuna.Trial) -> dict[str, Any]:
        text = trial.suggest_float("content_text_weight", 0.3, 1)
        genre = (1 - text) * trial.suggest_float("genre_share", 0, 1)
        return {
            "content_text_weight": round(text, 3),
            "content_genre_weight": round(genre, 3),
            "content_numbers_weight": round(1 - round(text, 3) - round(genre, 3), 3),
        }

    ease_starts = [
        {"item_similarity": "ease", "ease_regularization": r, "ease_dropout": d}
        for r, d in ((60.0, 0.7), (200.0, 0.3))
        if "ease" in similarities
    ]
    item_starts = [
        *ease_starts,
        {"item_similarity": "rp3beta", "rp3beta_alpha": 0.6, "rp3beta_beta": 0.35},
        {"item_similarity": "tfidf", "item_shrinkage": 20.0},
    ]
    return [
        _Stage(
            "user_cf",
            0.5,
            (
                *_MATRIX,
                "als_ridges",
                "als_song_factors",
                "als_user_factors",
                "als_candidates",
                "user_cf_candidates",
            ),
            tuple(
                {
                    "als_factors": min(count, largest_factors),
                    "als_regularization": regularization,
                    "als_alpha": alpha,
                    "relative_weights": most_relative * relative,
                    "tag_weight": most_tagged / 2,
                    "listener_damping": damping,
                    "matrix_half_life_days": half_life,
                }
                for count, regularization, alpha, relative, damping, half_life in (
                    (64, 0.005, 12.0, 0.5, 0.25, slow),
                    (64, 0.016, 4.0, 0.5, 0.5, slow),
                    *([(64, 0.016, 4.0, 0.5, 0.5, fast)] if fast != slow else []),
                    (256, 0.006, 12.0, 0.75, 0.25, slow),
                )
            ),
            user_cf,
        ),
        _Stage(
            "item_cf",
            0.8,
            (
                *_MATRIX,
                "item_cf_weights",
                "ease_neighbors",
                "item_cf_neighbors",
                "item_cf_candidates",
            ),
            tuple({"top_k_per_seed": top_ks[-1], **start} for start in item_starts),
            item_cf,
        ),
        _Stage(
            "content",
            0.8,
            (
                "content_blocks",
                "content_vectors",
                "content_nearest",
                "content_neighbors",
                "content_candidates",
            ),
            ({"content_text_weight": 1.0, "genre_share": 0.5},),
            content,
        ),
    ]


def _scores(view: View) -> channel_weights.Scores:
    """Return the candidates of the last build, and which of them were played."""
    columns = ", ".join(
        f"coalesce(max(normalized_score) filter (channel = '{name}'), 0.0) as {name}"
        for name in CHANNELS
        if name != "quality"
    )
    with view.opened() as warehouse:
        candidates = warehouse.sql(
            f"""
            select
                evaluated_listeners.listener_index,
                candidate_scores.song_index,
                {columns},
                any_value(song_quality.quality_score) as quality,
                any_value(
                    song_popularity.returning_popularity_score
                    / greatest(most_popular.score, 1e-6)
                ) as popularity,
                bool_or(held_out_songs.user_id is not null) as is_hit
            from candidate_scores
            inner join evaluated_listeners using (user_index)
            inner join song_quality using (song_index)
            inner join song_popularity using (song_index)
            cross join (
                select max(returning_popularity_score) as score from song_popularity
            ) as most_popular
            left join held_out_songs
                on
                    evaluated_listeners.user_id = held_out_songs.user_id
                    and candidate_scores.song_index = held_out_songs.song_index
            group by all
            """  # noqa: S608
        ).to_arrow_table()
        listeners = warehouse.sql(
            "select listener_index, history_stage from evaluated_listeners"
        ).to_arrow_table()
    return channel_weights.Scores.of(candidates, listeners)
