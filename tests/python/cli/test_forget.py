"""``sunorecsys forget`` asks, tells what it did, and what it cannot do."""

import json
import os
import pty

import pyarrow.parquet as pq
import pytest

from conftest import SUNORECSYS, play, song


@pytest.fixture
def landed(workspace):
    workspace.land("interactions", [play("u1", "s01"), play("u2", "s01")])
    return workspace


def listeners(workspace):
    rows = pq.read_table(workspace.root / "landing" / "interactions").to_pylist()
    return [row["user_id"] for row in rows]


def answer(workspace, text):
    """Run it on a terminal, and answer its question."""
    terminal, theirs = pty.openpty()
    with workspace.start(*SUNORECSYS, "forget", "u1", stdin=theirs) as process:
        os.close(theirs)
        os.write(terminal, text)
        out, err = process.communicate(timeout=60)
        os.close(terminal)
    return process.returncode, out, err


def test_without_a_terminal_it_wants_yes(landed):
    done = landed.run(
        "sh", "-c", f"exec {SUNORECSYS[0]} -m sunorecsys forget u1 < /dev/null"
    )
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert listeners(landed) == ["u1", "u2"]


def test_on_a_terminal_it_asks_first(landed):
    code, out, err = answer(landed, b"n\n")
    assert (code, out) == (1, "")
    assert "Nothing was erased" in err
    assert listeners(landed) == ["u1", "u2"]
    code, out, err = answer(landed, b"y\n")
    assert code == 0
    assert "cannot be undone" in err
    assert listeners(landed) == ["u2"]


def test_it_says_what_it_searched_and_what_it_cannot_do(landed):
    done = landed.cli("forget", "u1", "--yes")
    assert done.returncode == 0, done.stderr
    assert "1 interactions" in done.stdout
    assert "0 found" in done.stdout
    assert "ingested again brings the listener back" in done.stdout
    assert "until the next build" in done.stdout
    assert "sample" not in done.stdout


def test_a_listener_of_the_sample_comes_back_with_it(landed):
    landed.land("interactions", [play("listener-005", "s01")], "more.parquet")
    done = landed.cli("forget", "listener-005", "--yes")
    assert done.returncode == 0, done.stderr
    assert "a build of the sample brings it back" in done.stdout


def test_an_unknown_id_changes_nothing(landed):
    done = landed.cli("forget", "nobody-of-this-name", "--yes")
    assert done.returncode == 1
    assert "Nothing of the id 'nobody-of-this-name' is stored" in done.stderr
    assert listeners(landed) == ["u1", "u2"]
    assert sorted(path.name for path in landed.root.joinpath("landing").iterdir()) == [
        "interactions"
    ]


@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_still_found_is_told_with_its_place(landed, as_json):
    landed.land("songs", [song(1, title="u1")])
    arguments = ["--json"] if as_json else []
    done = landed.cli("forget", "u1", "--yes", *arguments)
    assert done.returncode == 1
    assert "rows.parquet, title" in done.stderr
    assert listeners(landed) == ["u2"]
    if as_json:
        (found,) = json.loads(done.stdout)["found"]
        assert (found["place"], found["rows"]) == ("title", 1)
    else:
        assert "1 found" in done.stdout


def test_ids_that_begin_with_a_dash_or_hold_control_characters(landed):
    for user in ("-x", "\x1b[31m", "a\nb"):
        landed.land("interactions", [play(user, "s01")], "odd.parquet")
        done = landed.cli("forget", "--yes", "--", user)
        assert done.returncode == 0, done.stderr
        assert listeners(landed) == ["u1", "u2"] or "u1" in listeners(landed)
        assert user not in listeners(landed)
