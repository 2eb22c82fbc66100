"""The metrics of the models, beside those of trec_eval, and on lists that are none."""

import random

import duckdb
import ir_measures
import pytest
from ir_measures import AP, RR, P, R, Success, nDCG

from sunorecsys.evaluation.metrics import METRICS

DEPTHS = (5, 10, 20, 50)
MEASURES = {
    "precision": lambda k: P @ k,
    "recall": lambda k: R @ k,
    "ndcg": lambda k: nDCG @ k,
    "map": lambda k: AP @ k,
    "mrr": lambda k: RR @ k,
    "hit_rate": lambda k: Success @ k,
}


@pytest.fixture(scope="module")
def compiled(sample_project):
    folder = sample_project.root / "target/compiled/sunorecsys/models/evaluation"
    return {file.stem: file.read_text("utf-8") for file in folder.glob("*.sql")}


@pytest.fixture
def warehouse(tmp_path):
    with duckdb.connect(str(tmp_path / "sunorecsys.duckdb")) as connection:
        yield connection


def fill(warehouse, compiled, lists, held_out):
    """Write lists and what was held out, and run the models that compare them."""
    warehouse.execute(
        "create table ranked_lists "
        "(recommender text, listener_index int, song_index int, list_rank int)"
    )
    warehouse.execute("create table held_out_songs (user_id text, song_index int)")
    for (name, listener), songs in lists.items():
        for place, song in enumerate(songs, start=1):
            warehouse.execute(
                "insert into ranked_lists values (?, ?, ?, ?)",
                [name, listener, song, place],
            )
    for listener, songs in held_out.items():
        for song in songs:
            warehouse.execute(
                "insert into held_out_songs values (?, ?)", [f"u{listener}", song]
            )
    warehouse.execute(
        "create table evaluated_listeners as select "
        "cast(substr(user_id, 2) as int) as listener_index, user_id, "
        "count(*) as held_out_count from held_out_songs group by all"
    )
    for model in ("hits", "ranking_metrics"):
        warehouse.execute(f"create table {model} as {compiled[model]}")


def test_ranking_metrics_are_those_of_trec_eval(warehouse, compiled):
    """Random lists: long and short ones, without a hit, with more held out than k."""
    chance = random.Random(11)
    held_out = {
        listener: chance.sample(range(120), chance.choice([1, 2, 7, 30, 80]))
        for listener in range(60)
    }
    lists = {
        (name, listener): chance.sample(range(120), chance.choice([1, 4, 30, 50]))
        for name in ("blended", "prompt")
        for listener in range(60)
        # nothing at all for some
        if chance.random() < 0.9
    }
    fill(warehouse, compiled, lists, held_out)
    rows = warehouse.execute("from ranking_metrics").fetchall()
    names = [column[0] for column in warehouse.description]
    rows = [dict(zip(names, row, strict=True)) for row in rows]
    assert len(rows) == 60 * 7 * len(DEPTHS)
    qrels = [
        ir_measures.Qrel(str(listener), str(song), 1)
        for listener, songs in held_out.items()
        for song in songs
    ]
    measures = [measure(k) for measure in MEASURES.values() for k in DEPTHS]
    for name in ("blended", "prompt"):
        run = [
            ir_measures.ScoredDoc(str(listener), str(song), -float(place))
            for (of, listener), songs in lists.items()
            if of == name
            for place, song in enumerate(songs)
        ]
        wanted = {
            (int(found.query_id), str(found.measure)): found.value
            for found in ir_measures.iter_calc(measures, qrels, run)
        }
        for row in rows:
            if row["recommender"] != name:
                continue
            listener, k = row["listener_index"], row["k"]
            songs = lists.get((name, listener), [])
            for metric, measure in MEASURES.items():
                value = wanted[listener, str(measure(k))]
                if metric == "map":
                    # trec_eval divides by all that is relevant, also where k is less
                    value *= len(held_out[listener]) / min(k, len(held_out[listener]))
                assert row[metric] == pytest.approx(value, abs=1e-9), (row, metric)
                own = METRICS[metric](songs, held_out[listener], k)
                assert row[metric] == pytest.approx(own, abs=1e-12), (row, metric)
    assert sum(row["hit_rate"] for row in rows) > 100


def test_nothing_held_out_is_nothing_evaluated(warehouse, compiled):
    fill(warehouse, compiled, {("blended", 0): [1, 2]}, {})
    assert warehouse.execute("from ranking_metrics").fetchall() == []


def test_an_ordinary_build_has_nothing_to_evaluate(sample_project):
    for model in ("held_out_songs", "ranked_lists", "evaluation_summary"):
        assert sample_project.warehouse(f"from {model}") == []
