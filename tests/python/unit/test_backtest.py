"""Which weeks are evaluated, how sure that is, and when a release is held back."""

import re
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from scipy import stats

from conftest import ROOT, play
from sunorecsys import backtest, weekly
from sunorecsys.backtest import NoSuchWeek, plot, weeks_of
from sunorecsys.errors import SunorecsysError, UsageError
from sunorecsys.feedback import Event, Journal
from sunorecsys.landing import SCHEMAS
from sunorecsys.project import Project

FIRST = date(2025, 1, 1)
# every day of five weeks and a day: the last one is 2025-02-05
DAYS = [FIRST + timedelta(days=n) for n in range(36)]


def test_the_last_week_is_the_last_whole_one():
    # seven days from 30 January to 5 February
    assert weeks_of(DAYS, weeks=2) == [date(2025, 1, 23), date(2025, 1, 30)]
    assert weeks_of(DAYS, weeks=1, as_of=date(2025, 1, 2)) == [date(2025, 1, 2)]
    assert len(weeks_of(DAYS, weeks=5)) == 5


@pytest.mark.parametrize(
    ("days", "asked", "said"),
    [
        ([], {"weeks": 1}, "no events with a time"),
        (DAYS, {"weeks": 6}, "Use --weeks 5 or less."),
        (DAYS[:7], {"weeks": 1}, "no week to evaluate: events are from 2025-01-01"),
        (DAYS, {"weeks": 1, "as_of": FIRST}, "from 2025-01-02 to 2025-02-05."),
        (DAYS, {"weeks": 1, "as_of": date(2025, 2, 6)}, "from 2025-01-02 to"),
        (DAYS, {"weeks": 2, "as_of": date(2025, 1, 8)}, "Use --weeks 1 or less."),
        (
            [*DAYS[:3], *DAYS[20:]],
            {"weeks": 1, "as_of": date(2025, 1, 6)},
            "Nothing happened in the 7 days from 2025-01-06.",
        ),
    ],
)
def test_weeks_that_the_data_do_not_hold_are_refused(days, asked, said):
    with pytest.raises(NoSuchWeek) as raised:
        weeks_of(days, **asked)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_events_without_a_time_and_feedback_have_their_days(tmp_path):
    project = Project(tmp_path)
    folder = project.landing / "interactions"
    folder.mkdir(parents=True)
    rows = [
        play("u", "s", occurred_at=datetime(2025, 1, 2, 23, 59)),
        play("u", "s", occurred_at=datetime(1970, 1, 1)),
    ]
    table = pa.Table.from_pylist(rows, schema=SCHEMAS["interactions"])
    pq.write_table(table, folder / "a.parquet")
    told = Event("e", "u", "s", "play", datetime(2025, 1, 5, 10), 1.0)
    Journal(project.feedback).append([told])
    days = backtest.event_days(project, "landing")
    assert days == [date(2025, 1, 2), date(2025, 1, 5)]


def test_the_sample_has_its_days_and_no_feedback():
    days = backtest.event_days(Project(ROOT), "sample")
    assert (days[0], days[-1]) == (date(2025, 8, 25), date(2025, 11, 16))


# --- the statistics ------------------------------------------------------------------


def measured(tmp_path, rows, chain="chosen"):
    """Write rows of (week, user, recommender, ndcg) as weeks that were built."""
    for week in sorted({row[0] for row in rows}):
        folder = tmp_path / f"chain={chain}" / f"as_of={week}"
        folder.mkdir(parents=True)
        of = [row for row in rows if row[0] == week]
        # a value for one metric of listeners, and one of the catalogue
        metrics = re.findall(
            r"^ {8}(\w+),?$",
            (ROOT / "python/sunorecsys/backtest/statistics.sql")
            .read_text()
            .split("into name")[0],
            re.MULTILINE,
        )
        listeners = [
            {m: None for m in metrics}
            | {"user_id": user, "recommender": name, "k": 10, "ndcg": value}
            for _, user, name, value in of
        ]
        number = pa.float64()
        shape = pa.schema(
            [("user_id", pa.string()), ("recommender", pa.string()), ("k", pa.int32())]
            + [(m, number) for m in metrics]
        )
        pq.write_table(
            pa.Table.from_pylist(listeners, schema=shape),
            folder / "listener_metrics.parquet",
        )
        names = sorted({row[2] for row in of})
        catalogue = {
            "recommender": names,
            "k": pa.array([10] * len(names), pa.int32()),
            "coverage": pa.array([0.5] * len(names), number),
            "gini": pa.nulls(len(names), number),
            "creator_gini": pa.nulls(len(names), number),
            "top_creator_share": pa.nulls(len(names), number),
        }
        pq.write_table(pa.table(catalogue), folder / "catalogue_metrics.parquet")
        summary = {
            "recommender": names,
            "history_stage": ["all"] * len(names),
            "metric": ["ndcg"] * len(names),
            "k": pa.array([10] * len(names), pa.int32()),
            "value": [0.1] * len(names),
            "standard_error": [0.01] * len(names),
            "users": pa.array([3] * len(names), pa.int64()),
        }
        pq.write_table(pa.table(summary), folder / "evaluation_summary.parquet")
    return backtest._measured(tmp_path)


def clustered(values, clusters):
    """Return mean and standard error, by the formula over residuals of each cluster."""
    values, clusters = np.array(values), np.array(clusters)
    mean = values.mean()
    sums = [(values[clusters == c] - mean).sum() for c in np.unique(clusters)]
    n = len(sums)
    return mean, np.sqrt(n / (n - 1) * np.square(sums).sum()) / len(values), n


def test_weeks_of_one_listener_are_one_opinion(tmp_path):
    random = np.random.default_rng(3)
    rows = [
        (f"2025-01-{6 + 7 * week:02}", f"u{user}", name, float(random.random()))
        for week in range(4)
        for user in range(9)
        # not everybody in each week
        if random.random() < 0.6
        for name in ("blended", "popularity")
    ]
    results, _ = measured(tmp_path, rows)
    found = {(r["recommender"], r["baseline"]): r for r in results if r["users"]}
    assert set(found) == {
        ("blended", None),
        ("popularity", None),
        ("blended", "popularity"),
    }
    by_name = {
        name: [value for _, _, n, value in rows if n == name]
        for name in ("blended", "popularity")
    }
    users = [user for _, user, name, _ in rows if name == "blended"]
    wanted = {
        ("blended", None): by_name["blended"],
        ("popularity", None): by_name["popularity"],
        # pair by pair
        ("blended", "popularity"): np.subtract(*by_name.values()),
    }
    for key, values in wanted.items():
        mean, error, n = clustered(values, users)
        row = found[key]
        assert row["value"] == pytest.approx(mean, abs=1e-11)
        assert row["standard_error"] == pytest.approx(error, abs=1e-9)
        assert (row["users"], row["listener_weeks"]) == (n, len(values))
        reach = stats.t(n - 1).ppf(0.975) * error
        assert row["lower"] == pytest.approx(mean - reach, abs=1e-8)
        assert row["upper"] == pytest.approx(mean + reach, abs=1e-8)


def test_one_listener_and_one_week_have_no_interval(tmp_path):
    results, _ = measured(tmp_path, [("2025-01-06", "u", "blended", 0.5)])
    by_metric = {row["metric"]: row for row in results}
    assert by_metric["ndcg"]["value"] == 0.5
    assert by_metric["coverage"]["value"] == 0.5
    for row in results:
        assert row["standard_error"] is row["lower"] is row["upper"] is None


def test_the_classic_defaults_are_compared_listener_by_listener(tmp_path):
    week = "2025-01-06"
    rows = [(week, "u0", "blended", 0.5), (week, "u1", "blended", 0.2)]
    measured(tmp_path, [(week, "u0", "blended", 0.1), (week, "u1", "blended", 0.2)])
    (tmp_path / "chain=chosen").rename(tmp_path / "chain=classic")
    results, by_week = measured(tmp_path, rows)
    (row,) = [
        r for r in results if r["baseline"] == "classic" and r["metric"] == "ndcg"
    ]
    # 0.4 and 0: mean 0.2, each 0.2 from it
    assert row["value"] == pytest.approx(0.2)
    assert row["standard_error"] == pytest.approx(0.2)
    assert len(by_week) == 1


# --- the classic defaults ------------------------------------------------------------


def test_the_classic_defaults_are_those_that_are_shipped():
    shipped = yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"]
    assert {name: shipped[name] for name in backtest.CLASSIC} == backtest.CLASSIC


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "evaluation_depths",
            "[5, 20]",
            "evaluation_depths in dbt_project.yml lacks 10",
        ),
        ("evaluated_recommenders", "[content]", "dbt_project.yml lacks blended"),
    ],
)
def test_settings_that_leave_nothing_to_compare_are_refused(
    tmp_path, name, value, said
):
    (tmp_path / "dbt_project.yml").write_text(settings(**{name: value}))
    with pytest.raises(SunorecsysError, match=said):
        backtest.run(Project(tmp_path))


@pytest.mark.parametrize("value", ["", "much", "-0.1", "1.5", ".nan", "true"])
def test_a_margin_that_is_no_share_is_refused(tmp_path, value):
    (tmp_path / "dbt_project.yml").write_text(settings(ndcg_may_fall_by=value))
    with pytest.raises(SunorecsysError, match="use a number from 0 to 1"):
        weekly.allowed_fall(Project(tmp_path))


def settings(**changed):
    values = {
        "variant": "classic",
        "evaluation_depths": "[10]",
        "evaluated_recommenders": "[blended]",
    } | changed
    lines = [f"  {name}: {value}" for name, value in values.items()]
    return "\n".join(["name: sunorecsys", "vars:", *lines, ""])


# --- holding a release back ----------------------------------------------------------

WEEK = date(2025, 2, 3)


def backtest_of(value, error=0.01, users=9):
    row = {"as_of": WEEK, "recommender": "blended", "metric": "ndcg", "k": 10}
    row |= {"value": value, "standard_error": error, "users": users}
    return backtest.Backtest("landing", "classic", [WEEK], [], [row])


KEPT = pa.schema(
    [
        ("as_of", pa.timestamp("us")),
        ("evaluated_until", pa.timestamp("us")),
        *((name, pa.string()) for name in ("source", "variant", "recommender")),
        ("history_stage", pa.string()),
        ("metric", pa.string()),
        ("k", pa.int32()),
        ("value", pa.float64()),
        ("standard_error", pa.float64()),
        ("users", pa.int64()),
    ]
)


def keep(project, *weeks, **fields):
    """Write (value, standard error) of the weeks before, the last one first."""
    folder = project.landing / "evaluations"
    folder.mkdir(parents=True, exist_ok=True)
    for number, (value, error) in enumerate(weeks, start=1):
        day = datetime(2025, 2, 3) - timedelta(days=7 * number)
        row = {
            "as_of": day,
            "evaluated_until": day + timedelta(days=7),
            "source": "landing",
            "variant": "classic",
            "recommender": "blended",
            "history_stage": "all",
            "metric": "ndcg",
            "k": 10,
            "value": value,
            "standard_error": error,
            "users": 9,
        } | fields
        name = "-".join(str(v) for v in fields.values())
        pq.write_table(pa.Table.from_pylist([row]), folder / f"{number}{name}.parquet")


@pytest.mark.parametrize(
    ("before", "now", "error", "has_fallen"),
    [
        # a tenth may go: 0.9 x 0.2 = 0.18
        ([(0.2, 0.001)], 0.181, 0.001, False),
        ([(0.2, 0.001)], 0.17, 0.001, True),
        # 0.18 - 0.17 is less than 1.96 x 0.01
        ([(0.2, 0.001)], 0.17, 0.01, False),
        ([(0.2, 0.02)], 0.15, 0.001, False),
        # 0.17 is one of the weeks that vary like this: sd 0.04
        ([(0.24, 0.001), (0.16, 0.001), (0.2, 0.001)], 0.13, 0.001, False),
        ([(0.2, 0.001), (0.201, 0.001), (0.199, 0.001)], 0.13, 0.001, True),
        # a fifth week back is not looked at
        ([(0.1, 0.001)] * 4 + [(0.9, 0.001)], 0.1, 0.001, False),
        ([(0.1, 0.001)], 0.3, 0.001, False),
    ],
)
def test_a_fall_is_what_neither_the_margin_nor_chance_explains(
    tmp_path, before, now, error, has_fallen
):
    project = Project(tmp_path)
    keep(project, *before)
    change = backtest.change(project, backtest_of(now, error), may_fall_by=0.1)
    assert change.has_fallen is has_fallen
    assert change.weeks == min(len(before), 4)
    wanted = np.mean([value for value, _ in before[:4]])
    assert change.before == pytest.approx(wanted)


@pytest.mark.parametrize(("users", "has_fallen"), [(4, False), (900, True)])
def test_a_few_listeners_who_all_miss_are_no_fall(tmp_path, users, has_fallen):
    project = Project(tmp_path)
    # 900 listeners with a deviation of 0.01 x 30 = 0.3; that of four is 0.15
    keep(project, (0.2, 0.01), users=900)
    now = backtest_of(0.0, 0.0, users)
    change = backtest.change(project, now, may_fall_by=0.1)
    assert change.has_fallen is has_fallen
    # one listener has no deviation of their own
    alone = backtest.change(project, backtest_of(0.0, None, 1), may_fall_by=0.1)
    assert alone.has_fallen is False


def test_only_what_can_be_compared_is(tmp_path):
    project = Project(tmp_path)
    for fields in (
        {"source": "sample"},
        {"variant": "tuned"},
        {"recommender": "prompt"},
        {"history_stage": "light"},
        {"metric": "mrr"},
        {"k": 20},
        {"as_of": datetime(2025, 2, 3)},
        {"standard_error": None},
    ):
        keep(project, (0.9, 0.001), **fields)
    change = backtest.change(project, backtest_of(0.1), may_fall_by=0.1)
    assert (change.before, change.weeks, change.has_fallen) == (None, 0, False)


def test_a_kept_evaluation_that_is_damaged_is_named(tmp_path):
    project = Project(tmp_path)
    keep(project, (0.2, 0.01))
    (project.landing / "evaluations" / "x.parquet").write_bytes(b"noise")
    with pytest.raises(SunorecsysError, match="landing/evaluations cannot be read"):
        backtest.change(project, backtest_of(0.1), may_fall_by=0.1)


# --- the plot ------------------------------------------------------------------------


def two_weeks():
    weeks = [WEEK - timedelta(days=7), WEEK]
    rows = [
        {
            "as_of": week,
            "recommender": name,
            "metric": "ndcg",
            "k": 10,
            "value": value,
            "standard_error": error,
            "users": 9,
        }
        for week in weeks
        # one of them is no recommender of ours, and one has no error
        for name, value, error in (
            ("blended", 0.2, 0.02),
            ("new_channel", 0.1, None),
            ("popularity", 0.01, 0.02),
        )
    ]
    return backtest.Backtest("landing", "classic", weeks, [], rows)


def test_the_same_backtest_makes_the_same_picture(tmp_path):
    for kind, begin in (("svg", b"<?xml"), ("png", b"\x89PNG")):
        paths = [tmp_path / f"{name}.{kind}" for name in "ab"]
        for path in paths:
            plot.draw(two_weeks(), path)
        first, second = (path.read_bytes() for path in paths)
        assert first == second
        assert first.startswith(begin)
    assert str(date.today().year) + "-" not in (tmp_path / "a.svg").read_text()


def test_a_plot_that_cannot_be_written_is_refused_before_the_work(tmp_path):
    with pytest.raises(UsageError, match=r"end it in \.svg or \.png"):
        plot.require(tmp_path / "weeks.pdf")
    with pytest.raises(SunorecsysError, match="there is no folder"):
        plot.require(tmp_path / "nowhere" / "weeks.svg")
    plot.require(tmp_path / "weeks.SVG")
