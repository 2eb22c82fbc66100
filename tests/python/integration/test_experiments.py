"""Two blends side by side: who gets which, what is logged, and what came of it."""

import csv
import hashlib
import json
import random
import re
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats

from conftest import NEW_YEAR, ROOT, crowd, play, song

CHANNELS = ("item_cf", "content", "prompt", "user_cf", "quality")
STAGES = ("new", "light", "regular")
# other weights in every stage, none of them a default
BY_TEXT = {
    "new": (0, 0, 0, 0, 0.7),
    "light": (0.05, 0.3, 0.6, 0, 0.15),
    "regular": (0, 0.35, 0.45, 0.05, 0.12),
}
CUSTOM = dict(zip(CHANNELS, (0.6, 0.1, 0, 0.25, 0.3), strict=True))
LISTENERS = [f"u{number:02}" for number in range(36)]
# what was served, from when on, and whether its seven days are over at the new year
SERVED = {
    # a Wednesday, a Monday and a Friday
    datetime(2024, 12, 11): True,
    datetime(2024, 12, 16): True,
    datetime(2024, 12, 27): False,
}
OLD_WEEK = date(2024, 12, 2)


def seed_rows():
    """Return the experiment of the README, begun earlier."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```csv\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    return block.replace("2025-11-17", "2024-12-01")


def dealt(experiment, user, shares):
    """Return the variant of a listener, as the description of the seed says."""
    digits = hashlib.md5(f"{experiment}:{user}".encode()).hexdigest()[:8]
    place = int(digits, 16) / 2**32
    for variant, share in sorted(shares.items()):
        if place < share:
            return variant
        place -= share
    return None


def the_shares():
    return {
        row["variant"]: float(row["share"])
        for row in csv.DictReader(seed_rows().splitlines())
    }


def served_rows():
    """Return lists of three songs of listeners in the experiment, and some plays."""
    dice = random.Random(11)
    rows, events = [], []
    for number, served_from in enumerate(SERVED):
        # somebody comes later, and somebody changes sides
        for user in LISTENERS[: 30 + number]:
            variant = dealt("words", user, the_shares())
            if variant is None:
                continue
            if user == "u04" and number == 1:
                variant = next(v for v in the_shares() if v != variant)
            for place, one in enumerate(dice.sample(range(60, 90), 3)):
                name = f"s{one:02}"
                rows.append(
                    {
                        "week_start": served_from.date()
                        - timedelta(days=served_from.weekday()),
                        "user_id": user,
                        "user_index": 0,
                        "playlist_rank": place + 1,
                        "song_id": name,
                        "blended_score": 0.5,
                        "reason": "Because",
                        "as_of": served_from,
                        "variant": variant,
                        "experiment": "words",
                    }
                )
                # by_text is the better one here; some plays come too late
                chance = 0.3 if variant == "by_text" else 0.15
                if dice.random() < chance:
                    heard = served_from + timedelta(hours=dice.randrange(9 * 24))
                    if heard < NEW_YEAR:
                        minutes = (NEW_YEAR - heard) // timedelta(minutes=1)
                        kind = dice.choice(("play", "play", "like", "skip"))
                        events.append(play(user, name, minutes, interaction_type=kind))
    return rows, events


def two_blends(workspace):
    """An experiment that runs for weeks, while the build has weights of its own."""
    rows, events = served_rows()
    workspace.land("songs", [song(number) for number in range(90)])
    few = [play("skips", "s10", interaction_type="skip"), play("light", "s11")]
    workspace.land("interactions", [*crowd(60, len(LISTENERS)), *few, *events])
    folder = workspace.root / "landing" / "served"
    folder.mkdir(parents=True)
    table = pa.Table.from_pylist(rows)
    place = table.schema.get_field_index("playlist_rank")
    ranks = table["playlist_rank"].cast(pa.int32())
    table = table.set_column(place, "playlist_rank", ranks)
    pq.write_table(table, folder / "weeks.parquet")
    # as it was before variants were logged
    old = table.slice(0, 3).drop_columns(["as_of", "variant", "experiment"])
    monday = pa.array([OLD_WEEK] * 3)
    pq.write_table(old.set_column(0, "week_start", monday), folder / "old.parquet")
    reference = workspace.root / "seeds" / "reference"
    (reference / "experiments.csv").write_text(seed_rows())
    with (reference / "channel_weights.csv").open("a") as file:
        for stage, weights in BY_TEXT.items():
            for channel, weight in zip(CHANNELS, weights, strict=True):
                file.write(f"by_text,{stage},{channel},{weight}\n")
    given = ",".join(f"{name}={weight}" for name, weight in CUSTOM.items())
    workspace.build("--weights", given)


CATALOGUES = {"two_blends": two_blends}


# --- who gets which ---


@pytest.mark.catalogue("two_blends")
def test_listeners_are_dealt_as_the_readme_says(built):
    expected = {}
    for (user,) in built.query("select user_id from listeners"):
        variant = dealt("words", user, the_shares())
        expected[user] = (variant or "custom", "words" if variant else None)
    assert {v for v, _ in expected.values()} == {"classic", "by_text", "custom"}
    found = built.query("select user_id, variant, experiment from listeners")
    assert {user: tuple(rest) for user, *rest in found} == expected
    listed = built.query("select distinct user_id, variant from recommendations")
    assert dict(listed) == {user: v for user, (v, _) in expected.items()}


@pytest.mark.catalogue("two_blends")
def test_a_list_has_the_weights_of_its_listeners_variant(built):
    """The best score of a channel is its weight, and quality is weighted alike."""
    classic = dict(zip(CHANNELS, (0.25, 0.2, 0.2, 0.25, 0.1), strict=True))
    seen = Counter()
    for user, variant, stage, quality, *best in built.query(
        """
        select listeners.user_id, listeners.variant, history_stage,
            max(abs(recommendations.quality_score / songs.quality_score)),
            max(item_cf_score), max(content_score), max(prompt_score),
            max(user_cf_score)
        from listeners
        join recommendations using (user_id)
        join songs using (song_id)
        where songs.quality_score > 0 and history_stage = 'regular'
        group by all
        """
    ):
        weights = {
            "classic": list(classic.values()),
            "by_text": BY_TEXT[stage],
            "custom": list(CUSTOM.values()),
        }[variant]
        assert quality == pytest.approx(weights[4], abs=1e-6), user
        if any(best):
            assert best == pytest.approx(weights[:4], abs=1e-6), user
            seen[variant] += 1
    assert min(seen[variant] for variant in ("classic", "by_text", "custom")) > 3


@pytest.mark.catalogue("two_blends")
def test_macros_make_the_lists_of_the_build_for_all_listeners(built):
    columns = (
        "recommendation_rank, song_id, blended_score, item_cf_score, content_score, "
        "prompt_score, user_cf_score, quality_score, primary_channel"
    )
    with built.release() as release:

        def ask(sql, *values):
            return release.execute(sql, list(values)).fetchall()

        for (user,) in ask("select user_id from listeners order by all"):
            stored = ask(
                f"select {columns} from recommendations where user_id = $1 "
                "order by recommendation_rank",
                user,
            )
            assert stored
            assert stored == ask(
                f"select {columns} from recommend_after($1, "
                "[]::struct(song_id varchar, weight double)[], []::varchar[], 100)",
                user,
            )
            assert stored == ask(f"select {columns} from reblend($1)", user)
            _, first, score, *_ = stored[0]
            ((told,),) = ask(
                "select sum(contribution) from explain($1, $2)", user, first
            )
            assert told == pytest.approx(score, abs=1e-6)


@pytest.mark.catalogue("two_blends")
def test_why_not_scores_what_is_not_stored_by_the_listeners_variant(built):
    """A heard song is proposed by nobody, so its quality is all it has."""
    for user, variant, stage, one, quality in built.query(
        """
        select user_id, variant, history_stage, min(song_id),
            arg_min(quality_score, song_id)
        from listeners join user_songs using (user_id) join songs using (song_id)
        where listeners.user_index % 3 = 0
        group by all
        """
    ):
        weight = {
            "classic": 0.1,
            "by_text": BY_TEXT[stage][4],
            "custom": CUSTOM["quality"],
        }[variant]
        told = built.query("select blended_score from why_not($1, $2)", user, one)
        assert told[0][0] == pytest.approx(weight * quality, abs=1e-9)


@pytest.mark.catalogue("two_blends")
def test_who_is_unknown_gets_the_variant_of_the_build(built):
    listed = built.query(
        "select song_id, quality_score from recommend_after('nobody', "
        "[]::struct(song_id varchar, weight double)[], []::varchar[], 9)"
    )
    from_seeds = built.query(
        "select song_id, quality_score from recommend_from(['s01'])"
    )
    quality = dict(built.query("select song_id, quality_score from songs"))
    assert len(listed) == 9
    for one, score in listed + from_seeds:
        assert score == pytest.approx(CUSTOM["quality"] * quality[one], abs=1e-9)


@pytest.mark.catalogue("two_blends")
def test_a_release_shows_the_weights_of_all_its_variants(built):
    shown = json.loads(built.cli("release", "show", "--json").stdout)
    assert shown["settings"]["variant"] == "custom"
    weights = {
        (row["variant"], row["history_stage"], row["channel"]): row["weight"]
        for row in shown["weights"]
    }
    assert len(weights) == 3 * 3 * 5
    assert weights["by_text", "light", "prompt"] == 0.6
    text = built.cli("release", "show").stdout
    assert len(re.findall(r"by_text +regular +0 +0.35 +0.45 +0.05 +0.12", text)) == 1


# --- what is logged ---


@pytest.mark.catalogue("two_blends")
def test_a_served_list_names_its_variant_and_experiment(built):
    written = pq.read_table(built.root / "landing/served/week=2024-12-30.parquet")
    listeners = {
        user: rest
        for user, *rest in built.query(
            "select user_id, variant, experiment from listeners"
        )
    }
    rows = written.to_pylist()
    assert {row["user_id"] for row in rows} == set(listeners)
    for row in rows:
        assert [row["variant"], row["experiment"]] == listeners[row["user_id"]]
        assert row["as_of"] == NEW_YEAR


@pytest.mark.catalogue("two_blends")
def test_lists_from_before_variants_were_logged_are_kept(built):
    old = built.query(
        "select playlist_rank, as_of, variant, experiment from discover_weekly "
        "where week_start = $1 order by all",
        OLD_WEEK,
    )
    assert old == [(rank, None, None, None) for rank in (1, 2, 3)]
    logged = built.query(
        "select distinct as_of, experiment from discover_weekly "
        "where week_start between '2024-12-09' and '2024-12-23' order by all"
    )
    assert logged == [(day, "words") for day in SERVED]


# --- what came of it ---


def outcomes():
    """Return (hit rate, songs played per list) of each listener, by variant."""
    rows, events = served_rows()
    first = {}
    for event in events:
        if event["interaction_type"] != "skip":
            key = event["user_id"], event["song_id"]
            first[key] = min(event["occurred_at"], first.get(key, NEW_YEAR))
    lists = defaultdict(int)
    for row in rows:
        if SERVED[row["as_of"]]:
            after = first.get((row["user_id"], row["song_id"]), NEW_YEAR) - row["as_of"]
            lists[row["user_id"], row["variant"], row["as_of"]] += (
                timedelta(0) <= after < timedelta(days=7)
            )
    by_listener = defaultdict(list)
    for (user, variant, _), played in lists.items():
        by_listener[user].append((variant, played))
    found = defaultdict(list)
    for several in by_listener.values():
        if len({variant for variant, _ in several}) == 1:
            played = [one for _, one in several]
            rate = sum(one > 0 for one in played) / len(played)
            found[several[0][0]].append((rate, sum(played) / len(played), len(played)))
    return found


@pytest.mark.catalogue("two_blends")
def test_results_are_those_of_scipy(built):
    found = outcomes()
    rows = built.query("from experiment_results")
    assert len(rows) == 4
    names = [
        name
        for (name,) in built.query(
            "select column_name from duckdb_columns() "
            "where table_name = 'experiment_results' order by column_index"
        )
    ]
    results = {}
    for values in rows:
        row = dict(zip(names, values, strict=True))
        results[row["variant"], row["metric"]] = row
    z = stats.norm.ppf(0.975)
    for place, metric in enumerate(("hit_rate", "songs_played")):
        samples = {v: [one[place] for one in found[v]] for v in found}
        for variant, sample in samples.items():
            row = results[variant, metric]
            assert row["experiment"] == "words"
            assert row["is_control"] == (variant == "classic")
            assert row["listeners"] == len(sample) > 8
            assert row["lists"] == sum(one[2] for one in found[variant])
            error = stats.sem(sample)
            assert row["value"] == pytest.approx(np.mean(sample), abs=1e-8)
            assert row["standard_error"] == pytest.approx(error, abs=1e-8)
            assert row["lower_bound"] == pytest.approx(
                np.mean(sample) - z * error, abs=1e-8
            )
        row = results["by_text", metric]
        welch = stats.ttest_ind(samples["by_text"], samples["classic"], equal_var=False)
        width = row["difference_upper_bound"] - row["difference_lower_bound"]
        assert row["difference"] / (width / 2 / z) == pytest.approx(
            welch.statistic, abs=1e-6
        )
        assert row["difference"] > 0
        assert results["classic", metric]["difference"] is None
    for variant in ("classic", "by_text"):
        row = results[variant, "hit_rate"]
        assert row["listeners_needed"] - row["listeners"] == row["listeners_missing"]


# --- models by themselves, on more or worse rows than a build would have ---


@pytest.fixture
def run_model(sample_project):
    """Run the SQL of a model as dbt compiled it, on tables given as rows."""

    def run(name, **tables):
        folder = sample_project.root / "target" / "compiled" / "sunorecsys" / "models"
        (file,) = folder.rglob(f"{name}.sql")
        with duckdb.connect() as connection:
            connection.execute("attach ':memory:' as sunorecsys")
            for table, rows in tables.items():
                connection.register("given", pa.Table.from_pylist(rows))
                connection.execute(
                    f"create table sunorecsys.main.{table} as from given"
                )
            return connection.execute(file.read_text()).fetchall()

    return run


def arm(variant, share="0.5", **fields):
    """Return a row of the seed, which is all text."""
    return {
        "experiment": "words",
        "variant": variant,
        "is_control": "true" if variant == "classic" else None,
        "share": share,
        "starts_on": "2025-01-06",
        "ends_on": None,
    } | fields


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"experiment": "two words"}, "'two words' .* letters, digits, _ and -"),
        ({"experiment": None}, "'' .* letters, digits, _ and -"),
        ({"experiment": "x'; drop table"}, "letters, digits, _ and -"),
        ({"experiment": "x" * 65}, "letters, digits, _ and -"),
        ({"share": "-0.1"}, "gives classic the share '-0.1'; .* from 0 to 1"),
        ({"share": "1.1"}, "from 0 to 1"),
        ({"share": "half"}, "'half'; use a number from 0 to 1"),
        ({"share": "nan"}, "from 0 to 1"),
        ({"share": None}, "from 0 to 1"),
        ({"is_control": "perhaps"}, "is_control 'perhaps'; use true or false"),
        ({"starts_on": "2025-13-01"}, "'2025-13-01'; use a date such as"),
        ({"starts_on": None}, "use a date such as"),
        ({"ends_on": "soon"}, "'soon'; use a date after its first day"),
        ({"ends_on": "2025-01-06"}, "use a date after its first day"),
        ({"ends_on": "2025-01-05"}, "use a date after its first day"),
    ],
)
def test_a_row_that_makes_no_sense_says_how_to_mend_it(run_model, fields, why):
    rows = [arm("classic", **fields)]
    with pytest.raises(
        duckdb.Error,
        match=rf"seeds/reference/experiments.csv .*{why}"
        if "experiment" not in fields
        else why,
    ) as raised:
        run_model("stg_experiments", experiments=rows)
    assert "\n" not in str(raised.value)


def typed(*rows):
    """Return rows as stg_experiments leaves them."""
    return [
        row
        | {
            "is_control": row["is_control"] == "true",
            "share": float(row["share"]),
            "starts_on": date.fromisoformat(row["starts_on"]),
            "ends_on": date.fromisoformat(row["ends_on"] or "9999-12-31"),
        }
        for row in rows
    ]


def again(**fields):
    """Return another experiment, of two variants."""
    return [
        arm(variant, experiment="again", **fields) for variant in ("classic", "warm")
    ]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (
            [arm("classic"), arm("nosuch")],
            "'words' .* the variant 'nosuch', .* known: classic, warm",
        ),
        ([arm("classic"), arm("custom")], "the variant 'custom', .* known"),
        ([arm("classic", "0.2"), arm("warm"), arm("warm", "0.1")], "warm twice"),
        ([arm("classic", "0.6"), arm("warm", "0.400001")], "more than 1"),
        ([arm("classic")], "needs two variants"),
        ([arm("classic"), arm("warm", is_control="true")], "is_control true for one"),
        ([arm("warm"), arm("classic", is_control=None)], "is_control true for one"),
        ([arm("classic"), arm("warm", starts_on="2025-01-07")], "has other dates"),
        ([arm("classic"), arm("warm", ends_on="2025-02-01")], "has other dates"),
        (
            [arm("classic"), arm("warm"), *again(starts_on="2026-01-05")],
            "runs at the same time as (again|words)",
        ),
        (
            [
                *[arm(name, ends_on="2025-02-04") for name in ("classic", "warm")],
                *again(starts_on="2025-02-03", ends_on="2025-02-10"),
            ],
            "runs at the same time as (again|words)",
        ),
    ],
)
def test_rows_that_do_not_fit_each_other_say_how_to_mend_them(run_model, rows, why):
    weights = [{"variant": name} for name in ("classic", "warm", "custom", "classic")]
    with pytest.raises(duckdb.Error, match=why) as raised:
        run_model(
            "experiment_variants", stg_experiments=typed(*rows), variant_weights=weights
        )
    assert "seeds/reference/experiments.csv" in str(raised.value)


@pytest.fixture
def deal(run_model):
    """Deal 20,000 listeners in an experiment; return the variant of each."""
    ids = [f"listener-{number}" for number in range(20_000)]

    def deal(experiment, **shares):
        rows = [arm(v, share, experiment=experiment) for v, share in shares.items()]
        found = run_model(
            "listener_variants",
            listener_activity=[{"user_index": n} for n in range(len(ids))],
            matrix_users=[
                {"user_index": n, "user_id": user} for n, user in enumerate(ids)
            ],
            experiment_variants=typed(*rows),
            build_clock=[{"as_of": datetime(2025, 1, 6)}],
        )
        assert len(found) == len(ids)
        return [variant for _, _, variant in sorted(found)]

    return deal


def test_every_variant_gets_its_share(deal):
    """Chi-square with 3 degrees of freedom: by chance alone above 1 in 1,000 times."""
    dealt_to = Counter(deal("words", a="0.1", b="0.25", c="0.4"))
    shares = {"a": 0.1, "b": 0.25, "c": 0.4, "classic": 0.25}
    assert set(dealt_to) == set(shares)
    test = stats.chisquare(
        [dealt_to[name] for name in shares],
        [20_000 * share for share in shares.values()],
    )
    assert test.pvalue > 0.001


def test_two_experiments_deal_independently(deal):
    """So what one did to its listeners is spread evenly over the other's variants."""
    pairs = Counter(
        zip(
            deal("words", a="0.3", b="0.3"),
            deal("words2", a="0.5", b="0.2"),
            strict=True,
        )
    )
    table = [
        [pairs[x, y] for y in ("a", "b", "classic")] for x in ("a", "b", "classic")
    ]
    assert np.min(table) > 500
    assert stats.chi2_contingency(table).pvalue > 0.001
    # the same name deals the same way
    assert deal("words", a="0.3", b="0.3") == deal("words", a="0.3", b="0.3")


@pytest.mark.parametrize("rate", [0.1, 0.4, 0.8])
def test_the_listeners_needed_find_the_effect_in_80_of_100_experiments(run_model, rate):
    """Simulated: two samples of that size, one of them better by 0.02."""
    control = {
        "experiment": "words",
        "variant": "classic",
        "metric": "hit_rate",
        "is_control": True,
        "listeners": 100,
        "lists": 100,
        "value": rate,
        "standard_error": 0.01,
    }
    ((*_, needed, missing),) = run_model(
        "experiment_results", experiment_means=[control]
    )
    assert missing == needed - 100
    dice = np.random.default_rng(5)
    one, two = (dice.binomial(needed, p, 100_000) / needed for p in (rate, rate + 0.02))
    pooled = (one + two) / 2
    z = np.abs(one - two) / np.sqrt(2 * pooled * (1 - pooled) / needed)
    assert np.mean(z > stats.norm.ppf(0.975)) == pytest.approx(0.8, abs=0.01)
