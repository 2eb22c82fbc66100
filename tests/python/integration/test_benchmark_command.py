"""``sunorecsys benchmark`` on a small split, against rankings made by hand."""

import json
import math
from contextlib import ExitStack

import numpy as np
import pyarrow.parquet as pq
import pytest

from conftest import ROOT, Workspace
from sunorecsys.benchmark import _PROTOCOL, split
from sunorecsys.evaluation import metrics
from sunorecsys.lock import build_lock
from sunorecsys.project import Project
from sunorecsys.scratch import empty_project
from sunorecsys.tuning import Lab, View

SONGS = [f"s{number:02}" for number in range(30)]


def plays():
    """Two tastes that share some songs: a song is likelier the nearer it is."""
    random = np.random.default_rng(11)
    found = []
    for user in range(40):
        center = random.normal(8 if user % 2 else 21, 3)
        closeness = np.exp(-((np.arange(30) - center) ** 2) / 40)
        count = int(random.integers(6, 13))
        chosen = random.choice(30, count, replace=False, p=closeness / closeness.sum())
        found += [(f"u{user:02}", SONGS[song]) for song in chosen]
    return found


@pytest.fixture(scope="module")
def rows():
    """Train and test: a quarter is test, with a user and a song that are new there."""
    everything = plays()
    random = np.random.default_rng(12)
    is_test = random.random(len(everything)) < 0.25
    train = [pair for pair, later in zip(everything, is_test, strict=True) if not later]
    test = [pair for pair, later in zip(everything, is_test, strict=True) if later]
    return train, [*test, ("u01", "unknown song"), ("new user", "s10")]


@pytest.fixture(scope="module")
def files(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("split")
    for name, pairs in zip(("train", "test"), rows, strict=True):
        lines = ["user_id,item_id", *(",".join(pair) for pair in pairs)]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", "utf-8")
    tags = [f"{song},tag{number // 5}" for number, song in enumerate(SONGS)]
    (folder / "items.csv").write_text("\n".join(["item_id,tags", *tags]), "utf-8")
    return folder


def arguments(files, *others):
    names = ("--train", files / "train.csv", "--test", files / "test.csv")
    return ("benchmark", *names, "--items", files / "items.csv", *others)


def expected(rankings, test):
    """Return the metrics at 3 and 5 of a ranking by user, mean over users of test."""
    wanted = {}
    for user, song in test:
        wanted.setdefault(user, set()).add(song)
    return {
        k: {
            name: np.mean(
                [function(rankings(user), songs, k) for user, songs in wanted.items()]
            )
            for name, function in (
                ("precision", metrics.precision),
                ("recall", metrics.recall),
                ("ndcg", metrics.ndcg),
                ("map", metrics.average_precision),
                ("mrr", metrics.reciprocal_rank),
                ("hit_rate", metrics.hit_rate),
            )
        }
        for k in (3, 5)
    }


def heard(train):
    found = {}
    for user, song in train:
        found.setdefault(user, set()).add(song)
    return found


def popularity(train):
    """Rank songs by plays, songs that the user has left out."""
    counts = {song: sum(one == song for _, one in train) for song in SONGS}
    order = sorted(SONGS, key=lambda song: (-counts[song], song))
    own = heard(train)
    return lambda user: [song for song in order if song not in own.get(user, ())]


def item_cosine(train):
    """Rank songs by the five nearest songs of each song the user has, shrunk by 10."""
    own = heard(train)
    players = {song: {u for u, songs in own.items() if song in songs} for song in SONGS}
    nearest = {}
    for song in SONGS:
        alike = []
        for other in SONGS:
            shared = len(players[song] & players[other])
            if other != song and shared >= 2:
                size = math.sqrt(len(players[song]) * len(players[other]))
                alike.append((round(shared / size * shared / (shared + 10), 8), other))
        nearest[song] = sorted(alike, key=lambda one: (-one[0], one[1]))[:5]

    def ranked(user):
        scores = {}
        for song in own.get(user, ()):
            for similarity, other in nearest[song]:
                scores[other] = scores.get(other, 0) + similarity
        found = [song for song in scores if song not in own[user]]
        return sorted(found, key=lambda song: (-round(scores[song], 8), song))

    return ranked


@pytest.fixture(scope="module")
def untuned(files, tmp_path_factory):
    """What the command says without tuning, on a project that has nothing built."""
    workspace = Workspace.copy(tmp_path_factory.mktemp("benchmark") / "project")
    done = workspace.cli(*arguments(files, "-k", 3, "-k", 5, "--minutes", 0, "--json"))
    assert done.returncode == 0, done.stderr
    # its own data are not touched
    assert not (workspace.root / "landing").exists()
    assert not (workspace.root / "warehouse").exists()
    assert not list((workspace.root / "target").glob(".scratch-*"))
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("recommender", "ranking"), [("popularity", popularity), ("item_cf", item_cosine)]
)
def test_metrics_are_those_of_rankings_made_by_hand(
    untuned, rows, recommender, ranking
):
    train, test = rows
    for k, values in expected(ranking(train), test).items():
        (found,) = [
            row
            for row in untuned["results"]
            if (row["recommender"], row["k"]) == (recommender, k)
        ]
        assert {name: found[name] for name in values} == pytest.approx(values, abs=1e-6)


def test_it_is_the_command_of_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (
        "sunorecsys benchmark --train train.csv --test test.csv -k 10 -k 20" in readme
    )


def test_the_document_is_that_of_the_contract(untuned, rows):
    assert untuned["users"] == len({user for user, _ in rows[1]})
    recommenders = {row["recommender"] for row in untuned["results"]}
    assert recommenders == {
        *("blended", "popularity"),
        *("item_cf", "content", "prompt", "user_cf"),
    }
    row = untuned["results"][0]
    assert list(row) == [
        *("recommender", "k", "precision", "recall", "ndcg", "map", "mrr", "hit_rate"),
        *("coverage", "diversity", "novelty"),
    ]
    assert set(untuned["seconds"]) == {"tuning", "build", "all"}
    assert untuned["settings"] is None
    assert untuned["notices"] == [
        "1 users of test are not in train; they get popular songs.",
        "1 items of test are not in train; their rows count as missed.",
    ]


def test_calls_that_cannot_be_answered_say_why(files, workspace):
    longer = workspace.cli(*arguments(files, "-k", 31, "--minutes", 0))
    assert longer.returncode == 2
    assert "-k 31 is longer than the 30 songs of" in longer.stderr
    missing = workspace.cli("benchmark", "--train", "none.csv", "--test", "none.csv")
    assert missing.returncode == 1
    assert "There is no file none.csv." in missing.stderr
    short = workspace.cli(*arguments(files, "--minutes", 0.01))
    assert short.returncode == 1
    assert "minutes are too short for one trial" in short.stderr
    assert not list((workspace.root / "target").glob(".scratch-*"))


def test_a_trial_is_judged_on_each_division(files, workspace):
    data = split.read(files / "train.csv", files / "test.csv", files / "items.csv")
    assert data.divisions() == 4
    project = Project(workspace.root)
    with build_lock(project.root), ExitStack() as copies:
        views = []
        for division in range(2):
            at = copies.enter_context(empty_project(project))
            data.land_validation(at, seed=division)
            views.append(View(at, {**_PROTOCOL, "seed": 1}))
        found = Lab(views, (3, 5)).build(
            ("+user_cf_candidates", "+ranking_metrics"),
            ("popularity", "user_cf"),
            als_factors=8,
        )
        ndcg = []
        for view in views:
            past, future = divided(view.at)
            ranked = popularity(past)
            ndcg.append(
                sorted(
                    np.mean([metrics.ndcg(ranked(user), songs, k) for k in (3, 5)])
                    for user, songs in heard(future).items()
                )
            )
            # what a YAML file reads of the settings of a trial holds in each
            with view.opened() as warehouse:
                assert warehouse.sql(
                    "select distinct len(factors) from als_song_factors"
                ).fetchall() == [(8,)]
    assert ndcg[0] != ndcg[1]
    one, other = np.split(found["popularity"], [len(ndcg[0])])
    assert sorted(one) == pytest.approx(ndcg[0], abs=1e-6)
    assert sorted(other) == pytest.approx(ndcg[1], abs=1e-6)
    assert found["user_cf"].shape == found["popularity"].shape


def divided(at):
    """Return the pairs that landed before the split's day, and after."""
    rows = pq.read_table(at.landing / "interactions" / "benchmark.parquet").to_pylist()
    return tuple(
        [
            (row["user_id"], row["song_id"])
            for row in rows
            if (row["occurred_at"] >= split.AS_OF) == is_later
        ]
        for is_later in (False, True)
    )


@pytest.mark.large
def test_tuning_helps_and_repeats_itself(files, workspace, untuned):
    asked = arguments(files, "-k", 3, "-k", 5, "--minutes", 30, "--trials", 3, "--json")
    first, second = (json.loads(workspace.cli(*asked).stdout) for _ in range(2))

    def ndcg(found, recommender="blended"):
        return [r["ndcg"] for r in found["results"] if r["recommender"] == recommender]

    assert first["results"] == second["results"]
    assert first["weights"] == second["weights"]
    assert first["trials"] == 9
    assert sum(ndcg(first)) > sum(ndcg(untuned))
