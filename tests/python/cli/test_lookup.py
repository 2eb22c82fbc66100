"""``recommend``, ``similar`` and ``explain`` as a user sees them."""

import json

import pytest


@pytest.fixture(scope="module")
def call(sample_project):
    def run(*arguments):
        done = sample_project.cli(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), done.stderr

    return run


def test_unknown_seed_songs_are_named_on_stderr(call):
    document, notices = call("recommend", "--songs", "song-0001, nosuch", "-n", "4")
    assert document["count"] == 4
    assert "nosuch" in notices
    assert "song-0001" not in {row["song_id"] for row in document["recommendations"]}


def test_a_file_of_listeners_gives_a_list_for_each_that_is_known(call, tmp_path):
    file = tmp_path / "users.txt"
    file.write_text("listener-005\n\n  listener-006  \nnobody\n")
    document, notices = call("recommend", "--users-file", str(file), "-n", "3")
    assert document["count"] == 2
    assert [user["user_id"] for user in document["users"]] == [
        "listener-005",
        "listener-006",
    ]
    assert [user["count"] for user in document["users"]] == [3, 3]
    assert "nobody" in notices
    single, _ = call("recommend", "--user", "listener-006", "-n", "3")
    assert document["users"][1]["recommendations"] == single["recommendations"]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"nobody\n", b"\xff\xfe\x00"])
def test_a_file_without_known_listeners_is_an_error(sample_project, tmp_path, content):
    file = tmp_path / "users.txt"
    file.write_bytes(content)
    done = sample_project.cli("recommend", "--users-file", file)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Error: ")


def test_fewer_songs_are_the_beginning_of_more(call):
    short, _ = call("recommend", "--user", "listener-005", "-n", "5")
    long, _ = call("recommend", "--user", "listener-005", "-n", "100")
    assert short["recommendations"] == long["recommendations"][:5]
    assert long["count"] == 100


def test_an_unknown_song_comes_with_the_nearest(sample_project):
    done = sample_project.cli("similar", "song-01000")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: No song 'song-01000'. Nearest: ")
    assert "song-0100" in done.stderr


@pytest.mark.parametrize("channel", ["blended", "item_cf", "content", "prompt"])
def test_similar_songs_come_nearest_first(call, channel):
    document, _ = call("similar", "song-0001", "-n", "20", "--channel", channel)
    similarities = [row["similarity"] for row in document["similar_songs"]]
    assert similarities == sorted(similarities, reverse=True)
    assert document["count"] == len(similarities) > 0
    assert "song-0001" not in {row["song_id"] for row in document["similar_songs"]}


def test_an_explanation_adds_up_to_the_shown_score(call):
    listed, _ = call("recommend", "--user", "listener-005", "-n", "1")
    first = listed["recommendations"][0]
    told, _ = call("explain", "listener-005", first["song_id"])
    total = sum(row["contribution"] for row in told["contributions"])
    assert told["score"] == pytest.approx(total, abs=1e-8)
    assert told["score"] == pytest.approx(first["score"], abs=1e-6)


def test_tables_are_plain_text_in_a_pipe(sample_project):
    done = sample_project.cli("recommend", "--user", "listener-005", "-n", "3")
    assert done.returncode == 0
    assert "For listener-005" in done.stdout
    assert "\x1b" not in done.stdout
    assert done.stderr == ""
    assert max(len(line.rstrip()) for line in done.stdout.splitlines()) <= 140
