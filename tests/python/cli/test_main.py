"""What holds for every command: help, exit codes, one line of error, one document."""

import json
import sys

import pytest

from sunorecsys.cli import main, output

COMMANDS = (
    "simulate",
    "build",
    "demo",
    "recommend",
    "similar",
    "search",
    "explain",
    "why-not",
    "sql",
    "block",
    "forget",
    "weekly",
    "evaluate",
    "doctor",
    "release list",
    "release show",
    "release rollback",
    "release diff",
    "ingest songs",
    "ingest playlists",
    "ingest interactions",
    "ingest quality",
)


@pytest.fixture
def run(sample_project, monkeypatch, capsys):
    """Run the command line on the sample; return exit code, stdout and stderr."""
    monkeypatch.setenv("SUNORECSYS_PROJECT_DIR", str(sample_project.root))
    monkeypatch.setenv("SUNORECSYS_DEBUG", "")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["sunorecsys", *arguments])
        monkeypatch.setattr(output.notices, "_file", sys.stderr, raising=False)
        monkeypatch.setattr(output.results, "_file", sys.stdout, raising=False)
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return call


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_shows_an_example(run, command):
    code, out, _ = run(*command.split(), "--help")
    assert code == 0
    assert f"sunorecsys {command}" in out.split("Usage", 1)[1].split("\n", 2)[2]


def test_every_command_is_listed_here(run):
    _, out, _ = run("--help")
    listed = out.split("Commands")[1]
    shown = {line.split()[1] for line in listed.splitlines() if line.startswith("│ ")}
    assert {name for name in shown if name.replace("-", "_").isidentifier()} >= {
        command.split()[0] for command in COMMANDS
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("nosuch",),
        ("recommend",),
        ("recommend", "--user", "a", "--songs", "b"),
        ("recommend", "--user", "listener-005", "-n", "0"),
        ("recommend", "--user", "listener-005", "-n", "101"),
        ("recommend", "--user", "listener-005", "-n", "many"),
        ("similar",),
        ("similar", "song-0001", "--channel", "nosuch"),
        ("similar", "song-0001", "-n", "-1"),
        ("explain", "listener-005"),
        ("why-not", "listener-005"),
        ("sql",),
        ("build", "--as-of", "yesterday"),
        ("build", "--as-of", ""),
        ("build", "--as-of", "2025-02-30"),
        ("build", "--variant", "a", "--weights", "item_cf=1"),
        ("build", "--weights", ""),
        ("build", "--weights", "nosuch=1"),
        ("build", "--weights", "item_cf=1,item_cf=2"),
        ("build", "--weights", "item_cf=-1"),
        ("build", "--weights", "item_cf=nan"),
        ("build", "--weights", "item_cf=inf"),
        ("build", "--weights", "item_cf="),
        ("build", "--weights", "item_cf=0,quality=0"),
        ("evaluate", "--weeks", "0"),
        ("evaluate", "--weeks", "some"),
        ("evaluate", "--as-of", "monday"),
        ("evaluate", "--as-of", "9999-12-31"),
        ("evaluate", "--plot", "weeks.pdf"),
        ("doctor", "--nosuch"),
        ("release", "nosuch"),
        ("release", "show", "a", "b"),
        ("release", "diff", "--limit", "-1"),
        ("release", "diff", "--limit", "many"),
    ],
)
def test_wrong_usage_exits_with_2(run, arguments):
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("recommend", "--user", "nobody"),
        ("recommend", "--users-file", "/nowhere"),
        ("recommend", "--songs", "nosuch"),
        ("similar", "nosuch"),
        ("explain", "nobody", "song-0001"),
        ("explain", "listener-005", "nosuch"),
        ("why-not", "nobody", "song-0001"),
        ("why-not", "listener-005", "nosuch"),
        ("sql", "select nothing from nowhere"),
        ("sql", ""),
        ("similar", "\udcff"),
        ("release", "show", "nosuch"),
        ("release", "show", ""),
        ("release", "rollback"),
        ("release", "rollback", "../current"),
        ("release", "diff"),
        ("release", "diff", "nosuch"),
        ("evaluate", "--weeks", "99"),
        ("evaluate", "--as-of", "2025-08-25"),
        ("evaluate", "--as-of", "2025-11-17"),
        ("evaluate", "--plot", "/nowhere/weeks.svg"),
        ("recommend", "--user", "listener-005", "--project-dir", "/"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_what_cannot_be_done_exits_with_1_and_one_line(run, arguments, as_json):
    code, out, err = run(*arguments, *(["--json"] if as_json else []))
    assert code == 1
    assert out == ""
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_debug_shows_where_an_error_came_from(run, monkeypatch):
    from sunorecsys.errors import SunorecsysError

    with pytest.raises(SunorecsysError, match="No song"):
        run("--debug", "similar", "nosuch")


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (("recommend", "--user", "listener-005"), {"recommendations", "count"}),
        (
            ("recommend", "--songs", "song-0001,nosuch"),
            {"recommendations", "count", "unknown_song_ids"},
        ),
        (("similar", "song-0001"), {"song_id", "similar_songs", "count"}),
        (
            ("explain", "listener-005", "song-0001"),
            {"user_id", "song_id", "score", "contributions"},
        ),
        (
            ("why-not", "listener-005", "song-0001"),
            {
                "user_id",
                "song_id",
                "recommendation_rank",
                "blended_score",
                "score_needed",
                "gap",
                "rules",
            },
        ),
        (("sql", "select 'nan'::double as x, 0.5 as y, 1 as y"), {"columns", "rows"}),
        (("doctor",), {"findings"}),
        (("release", "list"), {"releases", "count"}),
    ],
)
def test_json_is_one_document_and_nothing_else(run, arguments, keys):
    code, out, _ = run(*arguments, "--json")
    assert code == 0

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    document = json.loads(out, parse_constant=refuse)
    assert set(document) == keys
    assert out.count("\n") == 1


def test_an_error_that_nobody_foresaw_is_one_line(run, monkeypatch):
    def fail(*_):
        raise RuntimeError("first\nsecond \x1b[31m")

    monkeypatch.setattr("sunorecsys.reader.similar", fail)
    code, _, err = run("similar", "song-0001")
    assert code == 1
    assert "RuntimeError: first second" in err
    assert "--debug" in err
    assert "\x1b" not in err


def test_outside_of_a_project_the_message_says_where_to_go(run, monkeypatch, tmp_path):
    monkeypatch.delenv("SUNORECSYS_PROJECT_DIR")
    monkeypatch.chdir(tmp_path)
    code, _, err = run("demo")
    assert code == 1
    assert "--project-dir" in err


def test_the_version_is_that_of_the_package(run):
    from importlib import metadata

    assert run("--version")[:2] == (0, metadata.version("sunorecsys") + "\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\n lines\r\n\tand tabs ", "two lines and tabs"),
        ("\x1b[31mred\x07", "�[31mred�"),
        ("\u202eleft", "�left"),
        ("👩‍👧 می‌خواهم", "👩‍👧 می‌خواهم"),
        ("[bold]x[/bold] :smile:", "[bold]x[/bold] :smile:"),
    ],
)
def test_text_of_strangers_is_one_line_without_control(text, shown):
    assert output.plain(text).plain == shown


def test_a_long_name_is_cut():
    assert output.name("x" * 60).plain == "x" * 60
    assert output.name("x" * 61).plain == "x" * 59 + "…"
    assert output.name(None).plain == ""
