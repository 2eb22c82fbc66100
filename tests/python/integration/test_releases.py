"""Two releases of the sample: compared, and the earlier one served again."""

import json
import os

import pytest

CHANNELS = ("item_cf", "content", "prompt", "user_cf", "quality")


def two_releases(workspace):
    """Build the sample, and again with content alone."""
    workspace.build("--as-of", "2025-11-10")
    workspace.leave_out_tests()
    workspace.build("--weights", "content=0.9,quality=0.1")


CATALOGUES = {"two_releases": two_releases}
pytestmark = pytest.mark.catalogue("two_releases")


@pytest.fixture
def twin(built, tmp_path):
    return built.twin(tmp_path / "twin")


def answer(workspace, *arguments):
    done = workspace.cli(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def releases(workspace):
    """Return the names of the earlier release and of the later one."""
    later, earlier = answer(workspace, "release", "list")["releases"]
    return earlier["release_id"], later["release_id"]


def playlist(workspace, release_id, user):
    """Return the songs of a listener's list in a release, by rank."""
    workspace.cli("release", "rollback", release_id)
    rows = workspace.query(
        "select song_id, recommendation_rank from recommendations "
        "where user_id = $1 and recommendation_rank <= 30",
        user,
    )
    return dict(rows)


def test_the_list_shows_both_and_which_one_serves(built):
    document = answer(built, "release", "list")
    later, earlier = document["releases"]
    assert document["count"] == 2
    assert (later["serves"], earlier["serves"]) == (True, False)
    assert earlier["as_of"] == "2025-11-10T00:00:00"
    assert later["as_of"] > earlier["as_of"]
    assert later["songs"] == 600
    assert later["listeners"] == built.query("select count(*) from listeners")[0][0]
    shown = built.cli("release", "list").stdout
    assert earlier["release_id"] in shown
    assert f"✓ {later['release_id']} serves." in shown


def test_a_release_shows_how_it_was_made(built):
    earlier, later = releases(built)
    shown = answer(built, "release", "show")
    assert shown["release_id"] == later
    assert shown["serves"]
    assert shown["settings"]["variant"] == "custom"
    weights = {
        row["channel"]: row["weight"]
        for row in shown["weights"]
        if row["history_stage"] == "regular"
    }
    assert weights["content"] == 0.9
    assert weights["quality"] == 0.1
    assert set(shown["content_hashes"]) == set(shown["row_counts"])
    assert shown["row_counts"]["songs"] == 600
    assert shown["versions"]["duckdb"]
    text = built.cli("release", "show", earlier).stdout
    for value in (earlier, "2025-11-10 00:00:00", "classic", "content hash"):
        assert value in text
    assert answer(built, "release", "show", earlier)["content_hashes"]["songs"] in text


def test_a_difference_is_that_of_the_two_lists(twin):
    earlier, later = releases(twin)
    document = answer(twin, "release", "diff", "--limit", "1000000")
    assert (document["old"], document["new"]) == (earlier, later)
    assert document["listeners"]["changed"] > 200
    assert document["total"] == document["count"] == len(document["changes"])
    assert sum(row["songs"] for row in document["causes"]) == (
        document["songs"]["entered"] + document["songs"]["left"]
    )
    # with content alone, content is what brought songs in
    entered = {
        row["cause"]: row["songs"]
        for row in document["causes"]
        if row["change"] == "entered"
    }
    assert max(entered, key=entered.get) == "content"
    left = {row["cause"] for row in document["causes"] if row["change"] == "left"}
    assert "heard" in left
    user = document["most_changed"][0]["user_id"]
    old, new = (playlist(twin, name, user) for name in (earlier, later))
    of_user = [row for row in document["changes"] if row["user_id"] == user]
    assert {(row["song_id"], row["old_rank"], row["new_rank"]) for row in of_user} == {
        (song, old.get(song), new.get(song))
        for song in old.keys() | new.keys()
        if old.get(song) != new.get(song)
    }
    for row in of_user:
        if row["change"] == "entered" and row["cause"] in CHANNELS:
            changes = {name: row[f"{name}_change"] for name in CHANNELS}
            assert changes[row["cause"]] == max(changes.values()) > 0


def test_a_difference_is_shown_for_people(built):
    earlier, later = releases(built)
    done = built.cli("release", "diff", earlier, later)
    assert done.returncode == 0, done.stderr
    assert f"{earlier} → {later}" in done.stdout
    assert "content rose" in done.stdout
    assert done.stderr == ""
    user = answer(built, "release", "diff")["most_changed"][0]["user_id"]
    one = built.cli("release", "diff", "--user", user)
    (title,) = {
        row["title"]
        for row in answer(built, "release", "diff", "--user", user)["changes"][:1]
    }
    assert title in one.stdout
    assert "→" in one.stdout


def test_the_document_is_cut_and_says_so(built):
    done = built.cli("release", "diff", "--json", "--limit", "3")
    document = json.loads(done.stdout)
    assert document["count"] == len(document["changes"]) == 3
    assert document["total"] > 1000
    assert f"Only 3 of {document['total']:,} changes are shown" in done.stderr
    user = document["most_changed"][0]["user_id"]
    one = built.cli("release", "diff", "--user", user, "--limit", "2")
    assert "Only 2 of " in one.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("diff", "--user", "nobody"), 1, "in either of the two releases"),
        (("diff", "--user", "' or true --"), 1, "in either of the two releases"),
        (("diff", "LATER", "LATER"), 2, "with itself"),
        (("diff", "LATER", "EARLIER", "--user", "\x1b[31m"), 1, "in either"),
        (("rollback", "nosuch"), 1, "There are: "),
    ],
)
def test_what_cannot_be_compared_is_one_line(built, arguments, code, reason):
    names = dict(zip(("EARLIER", "LATER"), releases(built), strict=True))
    done = built.cli("release", *(names.get(part, part) for part in arguments))
    assert done.returncode == code
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert "\x1b" not in done.stderr


@pytest.mark.large
def test_an_earlier_release_serves_at_once_and_until_the_next_build(twin):
    earlier, later = releases(twin)
    listed = answer(twin, "recommend", "--user", "listener-005")
    done = twin.cli("release", "rollback")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        f"Release {earlier}, as of 2025-11-10, serves now; {later} did before.\n"
    )
    assert os.readlink(twin.current) == f"{earlier}.duckdb"
    assert answer(twin, "recommend", "--user", "listener-005") != listed
    again = twin.cli("release", "rollback", earlier)
    assert again.returncode == 0
    assert "serves already" in again.stdout
    none = twin.cli("release", "rollback")
    assert none.returncode == 1
    assert f"There is no release before {earlier}. Name the one" in none.stderr
    assert later in none.stderr
    findings = answer(twin, "doctor")["findings"]
    (notice,) = [one for one in findings if one["what"] == "rolled back"]
    assert notice["status"] == "warning"
    assert f"{later} was built later" in notice["detail"]
    assert later in notice["cure"]
    document = answer(twin, "release", "rollback", later)
    assert document == {
        "release_id": later,
        "as_of": document["as_of"],
        "left": earlier,
        "moved": True,
    }
    assert answer(twin, "recommend", "--user", "listener-005") == listed
    twin.cli("release", "rollback")
    twin.build("--weights", "content=0.9,quality=0.1")
    assert os.readlink(twin.current) == f"{later}.duckdb"
