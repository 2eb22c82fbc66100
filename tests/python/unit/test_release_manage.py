"""Listing releases and going back, on releases of the sample's tables."""

import os
import shutil
import threading
from datetime import timedelta

import duckdb
import pytest
from test_release import MONDAY, Desk

from sunorecsys import release
from sunorecsys.errors import SunorecsysError
from sunorecsys.release import manage


@pytest.fixture
def desk(sample_project, tmp_path, monkeypatch):
    # served lists go to landing/ of the working folder
    monkeypatch.chdir(tmp_path)
    return Desk(sample_project.current, tmp_path)


def publish(desk, *weeks, **settings):
    """Publish a release for each week, and return their names."""
    names = []
    for week in weeks:
        row = desk.publish(as_of=MONDAY + timedelta(days=7 * week), **settings)
        names.append(row["release_id"])
    return names


def serves(desk):
    return os.readlink(desk.current).removesuffix(".duckdb")


def damage(path, sql):
    with duckdb.connect(str(path)) as opened:
        opened.execute(sql)


def test_releases_are_listed_the_newest_first_and_broken_ones_with_the_reason(desk):
    second, first, third = publish(desk, 1, 0, 2)
    path = desk.folder / f"{second}.duckdb"
    damage(path, "drop macro table recommend_from")
    (desk.folder / "2025-11-24-half.duckdb").write_bytes(b"half")
    listed = manage.list_releases(desk.folder)
    assert [one.release_id for one in listed] == [
        third,
        first,
        "2025-11-24-half",
        second,
    ]
    assert [one.serves for one in listed] == [True, False, False, False]
    assert [one.is_whole for one in listed] == [True, True, False, False]
    assert "cannot be read" in listed[2].problem
    assert "recommend_from" in listed[3].problem
    assert listed[0].info["as_of"] == MONDAY + timedelta(days=14)
    assert listed[0].size_bytes == (desk.folder / f"{third}.duckdb").stat().st_size


def test_a_build_of_an_earlier_date_comes_after(desk):
    later, earlier = publish(desk, 1, 0)
    listed = manage.list_releases(desk.folder)
    assert [one.release_id for one in listed] == [later, earlier]
    assert manage.serving(listed).release_id == earlier


def test_no_release_at_all(tmp_path):
    assert manage.list_releases(tmp_path / "none") == []
    for call in (manage.serving, lambda _: manage.roll_back(tmp_path / "none")):
        with pytest.raises(SunorecsysError, match=r"no release yet.*sunorecsys build"):
            call([])


def test_going_back_goes_to_the_release_before_and_readers_see_it_at_once(desk):
    first, second, third = publish(desk, 0, 1, 2)
    done = manage.roll_back(desk.folder)
    assert (done.left.release_id, done.now.release_id) == (third, second)
    assert done.moved
    assert serves(desk) == second
    assert desk.query("select release_id from build_info") == [(second,)]
    assert manage.roll_back(desk.folder).now.release_id == first
    with pytest.raises(SunorecsysError, match=f"no release before {first}"):
        manage.roll_back(desk.folder)
    assert serves(desk) == first
    assert manage.roll_back(desk.folder, third).now.release_id == third
    assert desk.names() == {
        "current.duckdb",
        *(f"{n}.duckdb" for n in (first, second, third)),
    }


def test_going_back_to_a_named_release_twice_is_going_once(desk):
    first, _, _ = publish(desk, 0, 1, 2)
    assert manage.roll_back(desk.folder, first).moved
    again = manage.roll_back(desk.folder, first)
    assert not again.moved
    assert again.now.release_id == first
    assert serves(desk) == first


def test_what_was_left_serves_again_only_by_the_next_build(desk):
    first, second = publish(desk, 0, 1)
    manage.roll_back(desk.folder)
    # nothing but a whole build publishes
    desk.publish(as_of=MONDAY + timedelta(days=7), invocation=release.Invocation("run"))
    assert serves(desk) == first
    assert publish(desk, 1) == [second]
    assert serves(desk) == second


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("drop macro table explain", "explain"),
        ("update build_info set schema_version = 99", "schema version 99"),
        ("drop table build_info", "cannot be read"),
        ("update build_info set release_id = 'other'", "holds the release other"),
    ],
)
def test_a_broken_release_is_refused_by_name_and_passed_over_otherwise(
    desk, sql, reason
):
    first, second, third = publish(desk, 0, 1, 2)
    damage(desk.folder / f"{second}.duckdb", sql)
    with pytest.raises(SunorecsysError, match=f"{second} cannot be used: .*{reason}"):
        manage.roll_back(desk.folder, second)
    assert serves(desk) == third
    assert manage.roll_back(desk.folder).now.release_id == first
    assert serves(desk) == first


@pytest.mark.parametrize(
    "name", ["nosuch", "", "current", "../../etc/passwd", "a\0b", "x" * 10_000, "%"]
)
def test_an_unknown_release_is_an_error_that_names_the_known(desk, name):
    (first,) = publish(desk, 0)
    with pytest.raises(SunorecsysError, match=f"No release .*There are: {first}"):
        manage.roll_back(desk.folder, name)
    assert serves(desk) == first


def test_a_link_that_leads_nowhere_is_mended_by_naming_a_release(desk):
    first, second = publish(desk, 0, 1)
    for target in (f"{second}.duckdb", "current.duckdb"):
        desk.current.unlink()
        desk.current.symlink_to(target)
        (desk.folder / f"{second}.duckdb").unlink(missing_ok=True)
        with pytest.raises(SunorecsysError, match=f"none serves.*rollback {first}"):
            manage.roll_back(desk.folder)
        done = manage.roll_back(desk.folder, first)
        assert done.left is None
        assert done.moved
        assert serves(desk) == first


def test_a_file_in_place_of_the_link_is_not_lost(desk):
    first, second = publish(desk, 0, 1)
    desk.current.unlink()
    shutil.copy(desk.folder / f"{second}.duckdb", desk.current)
    with pytest.raises(SunorecsysError, match="is no link, and would be lost"):
        manage.roll_back(desk.folder, first)
    assert desk.current.stat().st_size > 1000
    assert {one.release_id for one in manage.list_releases(desk.folder)} == {
        first,
        second,
    }


def test_a_build_that_ends_during_a_rollback_does_not_remove_its_target(
    desk, monkeypatch
):
    publish(desk, 0, 1)
    published = []
    build = threading.Thread(
        target=lambda: published.extend(publish(desk, 2, kept=1)), daemon=True
    )
    checked = manage.check

    def check_while_a_build_ends(opened):
        if not build.ident:
            build.start()
            # long enough to publish and prune, if nothing kept it from that
            build.join(5)
        checked(opened)

    monkeypatch.setattr(manage, "check", check_while_a_build_ends)
    done = manage.roll_back(desk.folder)
    assert done.now.info["as_of"] == MONDAY
    build.join(60)
    assert serves(desk) == published[0]
    assert desk.query("select release_id from build_info") == [(published[0],)]
    assert desk.names() == {"current.duckdb", f"{published[0]}.duckdb"}


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_what_serves_after_a_rollback_is_never_pruned(desk, monkeypatch, kept):
    names = publish(desk, 0, 1, 2)
    for number, name in enumerate(names):
        os.utime(desk.folder / f"{name}.duckdb", (number, number))
    manage.roll_back(desk.folder, names[0])
    # builds name the folder as the project's settings do: from the working folder
    release._prune(desk.folder.relative_to(desk.folder.parent), kept)
    stay = {names[0], *names[-max(kept, 1) :]}
    assert desk.names() == {"current.duckdb", *(f"{name}.duckdb" for name in stay)}
    assert serves(desk) == names[0]


def test_the_settings_and_the_weights_in_use_are_those_of_the_release(desk):
    (first,) = publish(desk, 0)
    settings, weights = manage.settings(desk.folder / f"{first}.duckdb")
    assert settings["variant"] == "classic"
    assert settings["playlist_length"] == 30
    regular = {
        row["channel"]: row["weight"]
        for row in weights
        if row["history_stage"] == "regular"
    }
    assert regular == {
        "item_cf": 0.25,
        "content": 0.2,
        "prompt": 0.2,
        "user_cf": 0.25,
        "quality": 0.1,
    }


def test_content_that_changed_has_another_hash(desk):
    (first,) = publish(desk, 0)
    path = desk.folder / f"{first}.duckdb"

    def differing():
        with duckdb.connect(str(path), read_only=True) as opened:
            return {
                name for name, differs in release.content.differing(opened) if differs
            }

    assert differing() == set()
    damage(path, "update songs set title = title || '!' where song_id = 'song-0100'")
    assert differing() == {"songs"}
    damage(path, "insert into listeners from listeners limit 1")
    assert differing() == {"songs", "listeners"}
