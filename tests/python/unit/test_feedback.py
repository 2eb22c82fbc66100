"""Feedback: on disk before it is promised, once whatever happens, read at once."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime, timedelta

import pytest

from conftest import staged
from sunorecsys import feedback
from sunorecsys.errors import InvalidEvent, NotStored, SunorecsysError
from sunorecsys.feedback import Journal, checked

NOW = datetime(2025, 11, 17, 12)
TYPES = ("play", "like", "dislike", "skip")

# writes events a0, a1 … until it is killed, and prints each that was promised
WRITER = """
import sys
from datetime import datetime
from pathlib import Path
from sunorecsys.feedback import Journal, checked
journal, name = Journal(Path(sys.argv[1])), sys.argv[2]
number = 0
while True:
    events = [
        {"user_id": "u", "song_id": f"s{number}", "event_id": f"{name}-{number}-{i}"}
        for i in range(3)
    ]
    receipt = journal.append(checked(events, types=["play"], now=datetime(2025, 1, 1)))
    print("\\n".join(receipt.event_ids), flush=True)
    number += 1
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "feedback"


def event(song="s1", user="u1", **fields):
    return {"user_id": user, "song_id": song, **fields}


def write(journal, *events):
    return journal.append(checked(events, types=TYPES, now=NOW))


def test_an_event_is_read_by_everybody_as_soon_as_it_is_promised(folder):
    writer, reader = Journal(folder), Journal(folder)
    reader.refresh()
    assert reader.events("u1") == []
    receipt = write(writer, event(interaction_type="like", event_id="e1"))
    assert (receipt.accepted, receipt.repeated, receipt.event_ids) == (1, 0, ["e1"])
    reader.refresh()
    for journal in (writer, reader):
        (found,) = journal.events("u1")
        assert (found.song_id, found.interaction_type) == ("s1", "like")
        assert found.occurred_at == NOW
        assert abs(found.received_at - datetime.now(UTC).replace(tzinfo=None)) < (
            timedelta(seconds=60)
        )
    assert staged(folder) == ["e1"]


def test_a_retry_is_harmless_in_the_same_and_in_another_process(folder):
    first = Journal(folder)
    write(first, event(event_id="e1"), event("s2", event_id="e2"))
    again = write(first, event(event_id="e1"), event("s3", event_id="e3"))
    assert (again.accepted, again.repeated) == (1, 1)
    other = write(Journal(folder), event(event_id="e1"), event(event_id="e1"))
    assert (other.accepted, other.repeated) == (0, 2)
    assert staged(folder) == ["e1", "e2", "e3"]


def test_events_without_an_id_get_one_each(folder):
    receipt = write(Journal(folder), event(), event())
    assert receipt.accepted == 2
    assert len(set(receipt.event_ids)) == 2


def test_received_at_never_goes_back(folder):
    folder.mkdir()
    ahead = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=3)
    line = {
        "received_at": ahead.isoformat(),
        "event_id": "ahead",
        **event(interaction_type="play"),
        "occurred_at": NOW.isoformat(),
        "weight": 1.0,
    }
    (folder / f"{ahead:%Y-%m-%d}.jsonl").write_text(json.dumps(line) + "\n")
    journal = Journal(folder)
    write(journal, event("s2"))
    write(journal, event("s3"))
    times = [found.received_at for found in journal.events("u1")]
    assert times[0] == ahead
    assert times == sorted(set(times))
    assert {path.suffix for path in folder.glob("[!.]*")} == {".jsonl"}
    assert len(list(folder.glob("[!.]*"))) == 1


def test_half_a_line_is_nobodys_event_and_is_cut_off(folder):
    journal = Journal(folder)
    write(journal, event(event_id="e1"))
    (file,) = folder.glob("*.jsonl")
    with file.open("ab") as torn:
        torn.write(b'{"received_at":"2025-11-17T12:00:00","event_id":"torn","use')
    assert staged(folder) == ["e1"]
    fresh = Journal(folder)
    fresh.refresh()
    assert len(fresh.events("u1")) == 1
    write(fresh, event("s2", event_id="e2"))
    journal.refresh()
    assert [found.event_id for found in journal.events("u1")] == ["e1", "e2"]
    assert staged(folder) == ["e1", "e2"]
    assert b"torn" not in file.read_bytes()


def test_damaged_lines_are_passed_over(folder):
    folder.mkdir()
    good = {
        "received_at": "2025-11-17T12:00:00",
        "event_id": "e1",
        **event(interaction_type="play"),
        "occurred_at": "2025-11-17T12:00:00",
        "weight": 1.0,
    }
    (folder / "2025-11-17.jsonl").write_bytes(
        b"\x00\xff\n[1]\n{}\nnull\n\n" + json.dumps(good).encode() + b"\n"
    )
    journal = Journal(folder)
    journal.refresh()
    assert [found.event_id for found in journal.events("u1")] == ["e1"]


def test_threads_and_processes_write_side_by_side(folder):
    one, other = Journal(folder), Journal(folder)

    def work(journal, name):
        for number in range(40):
            write(journal, event(f"s{number}", event_id=f"{name}-{number}"))

    threads = [
        threading.Thread(target=work, args=(journal, f"{name}{copy}"))
        for journal, name in ((one, "a"), (other, "b"))
        for copy in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = sorted(f"{n}{c}-{i}" for n in "ab" for c in range(4) for i in range(40))
    assert staged(folder) == expected
    one.refresh()
    assert len(one.events("u1")) == len(expected)


def test_a_killed_writer_loses_and_doubles_nothing(folder):
    promised = []
    for run in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), f"w{run}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        first = process.stdout.readline()
        time.sleep(0.05 * run)
        os.kill(process.pid, signal.SIGKILL)
        out, _ = process.communicate()
        # what was printed was promised; the last line may be half
        promised += [line + "\n" for line in (first + out).split("\n")[:-1]]
    found = staged(folder)
    assert len(found) == len(set(found))
    assert {line.strip() for line in promised if line.strip()} <= set(found)
    assert len(promised) > 15


def test_a_full_disk_keeps_nothing_and_says_so(folder):
    code = """
import resource, sys
from datetime import datetime
from pathlib import Path
from sunorecsys.errors import NotStored
from sunorecsys.feedback import Journal, checked
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal, kept = Journal(Path(sys.argv[1])), 0
for number in range(20):
    events = [
        {"user_id": "u", "song_id": "s", "event_id": f"e{number}-{i}"} for i in (0, 1)
    ]
    try:
        kept += journal.append(
            checked(events, types=["play"], now=datetime(2025, 1, 1))
        ).accepted
    except NotStored as error:
        print(kept, len(journal.events("u")), error)
        break
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    kept, known, message = done.stdout.split(" ", 2)
    assert kept == known == str(len(staged(folder)))
    assert int(kept) > 0
    assert "could not be stored" in message
    assert "send it again" in message


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "feedback").write_text("a file where the folder should be")
    with pytest.raises(NotStored, match="could not be stored"):
        write(Journal(tmp_path / "feedback"), event())


def test_days_that_are_over_become_parquet_and_read_the_same(folder):
    journal = Journal(folder)
    write(journal, event(event_id="e1"), event("s2", user="u2", event_id="e2"))
    (file,) = folder.glob("*.jsonl")
    file.rename(folder / "2025-11-15.jsonl")
    write(journal, event("s3", event_id="e3"))
    before = Journal(folder)
    before.refresh()
    known = {user: before.events(user) for user in ("u1", "u2")}
    assert feedback.compact(folder) == 1
    assert feedback.compact(folder) == 0
    assert (folder / "2025-11-15.parquet").exists()
    for reader in (journal, before, Journal(folder)):
        reader.refresh()
        assert {user: reader.events(user) for user in ("u1", "u2")} == known
    assert staged(folder) == ["e1", "e2", "e3"]


def test_both_files_of_a_day_after_a_kill_are_one_day(folder):
    journal = Journal(folder)
    write(journal, event(event_id="e1"))
    (file,) = folder.glob("*.jsonl")
    old = folder / "2025-11-15.jsonl"
    file.rename(old)
    write(journal, event("s3", event_id="e3"))
    content = old.read_bytes()
    feedback.compact(folder)
    old.write_bytes(content)
    reader = Journal(folder)
    reader.refresh()
    assert [found.event_id for found in reader.events("u1")] == ["e1", "e3"]
    assert feedback.compact(folder) == 1
    assert staged(folder) == ["e1", "e3"]


def test_days_before_since_are_not_read(folder):
    journal = Journal(folder)
    write(journal, event(event_id="e1"))
    (file,) = folder.glob("*.jsonl")
    file.rename(folder / "2025-11-10.jsonl")
    write(journal, event("s2", event_id="e2"))
    reader = Journal(folder, since=date(2025, 11, 11))
    reader.refresh()
    assert [found.event_id for found in reader.events("u1")] == ["e2"]


def test_one_listener_can_be_read_alone(folder):
    write(Journal(folder), event(user='a"ü'), event(user="b"), event("s2", user='a"ü'))
    reader = Journal(folder, user_id='a"ü')
    reader.refresh()
    assert len(reader.events('a"ü')) == 2
    assert reader.events("b") == []


def test_erased_events_are_forgotten_by_those_who_read_them(folder):
    journal = Journal(folder)
    write(journal, event(), event("s2", user="u2"))
    (file,) = folder.glob("*.jsonl")
    kept = [line for line in file.read_bytes().splitlines(True) if b"u2" in line]
    aside = folder / ".aside"
    aside.write_bytes(b"".join(kept))
    aside.replace(file)
    journal.refresh()
    assert journal.events("u1") == []
    assert len(journal.events("u2")) == 1


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"user_id": ""}, "user_id is missing"),
        ({"user_id": None}, "user_id is missing"),
        ({"user_id": 5}, "user_id is missing"),
        ({"song_id": " "}, "song_id is missing"),
        ({"song_id": "a\x00b"}, "control characters"),
        ({"song_id": "\ud800"}, "control characters"),
        ({"song_id": "x" * 513}, "longer than 512"),
        ({"event_id": "x" * 513}, "longer than 512"),
        ({"event_id": ""}, "event_id is missing"),
        ({"interaction_type": "nosuch"}, "unknown interaction_type 'nosuch'; known: "),
        ({"interaction_type": None}, "unknown interaction_type"),
        ({"interaction_type": ["play"]}, "unknown interaction_type"),
        ({"weight": float("nan")}, "weight is not"),
        ({"weight": float("inf")}, "weight is not"),
        ({"weight": 0}, "weight is not"),
        ({"weight": -1}, "weight is not"),
        ({"weight": True}, "weight is not"),
        ({"weight": "1"}, "weight is not"),
        ({"weight": 2e9}, "weight is not"),
        ({"occurred_at": "yesterday"}, "is no time"),
        ({"occurred_at": 5}, "is no time"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "is no time"),
        ({"occurred_at": datetime(1969, 12, 31)}, "before 1970"),
        ({"occurred_at": NOW + timedelta(minutes=6)}, "in the future"),
        ({"occurred_at": "2025-11-17T11:00:00-02:00"}, "in the future"),
        ({"nosuch": 1}, "'nosuch' is no field"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_nothing_is_kept(fields, problem):
    with pytest.raises(InvalidEvent, match=problem) as caught:
        checked([event(), event(**{**event(), **fields})], types=TYPES, now=NOW)
    assert caught.value.position == 1
    assert str(caught.value).startswith("Event 2: ")


def test_times_are_utc_whatever_their_offset():
    found = checked(
        [
            event(occurred_at="2025-11-17T12:30:00+02:00"),
            event(occurred_at="2025-11-17T10:30:00"),
            event(occurred_at=NOW + timedelta(minutes=4)),
            event(occurred_at=None, weight=None),
        ],
        types=TYPES,
        now=NOW,
    )
    assert [one.occurred_at for one in found] == [
        datetime(2025, 11, 17, 10, 30),
        datetime(2025, 11, 17, 10, 30),
        NOW + timedelta(minutes=4),
        NOW,
    ]


def test_each_event_of_a_batch_has_its_own_moment_of_receipt(folder):
    # a build that reads half of a batch knows by the last one where it stopped
    journal = Journal(folder)
    write(journal, *(event(f"s{number}") for number in range(50)))
    write(journal, event("s50"))
    moments = [one.received_at for one in journal.events("u1")]
    assert len(set(moments)) == 51
    assert moments == sorted(moments)


@pytest.mark.parametrize("damage", ["parquet", "folder"])
def test_feedback_that_cannot_be_read_is_said_by_readers_and_writers(folder, damage):
    journal = Journal(folder)
    write(journal, event())
    if damage == "parquet":
        (folder / "2025-01-01.parquet").write_bytes(b"PAR1 damaged")
    else:
        (folder / "2025-01-01.jsonl").mkdir()
    for reader in (journal, Journal(folder)):
        with pytest.raises(SunorecsysError, match=r"cannot be read: .*doctor"):
            reader.refresh()
    with pytest.raises(NotStored, match=r"could not be stored: .* cannot be read"):
        write(journal, event("s2"))


def test_readers_do_not_mind_days_that_become_parquet(folder):
    journal = Journal(folder)
    for day in range(1, 29):
        write(journal, event(f"s{day}"))
        (newest,) = (one for one in folder.glob("*.jsonl") if "2025-10" not in one.name)
        newest.rename(folder / f"2025-10-{day:02}.jsonl")
    write(journal, event("s0"))
    troubles, counts = [], set()
    is_done = threading.Event()

    def read():
        while not is_done.is_set():
            reader = Journal(folder)
            try:
                reader.refresh()
            except Exception as error:
                troubles.append(error)
            counts.add(len(reader.events("u1")))

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert feedback.compact(folder) == 28
    is_done.set()
    for thread in threads:
        thread.join()
    assert (troubles, counts) == ([], {29})


def test_taste_counts_as_a_build_does():
    weights = {"play": 1.0, "like": 3.0, "skip": -0.5}
    events = checked(
        [
            event(),
            event(weight=2),
            event(interaction_type="like"),
            event(interaction_type="skip"),
        ],
        types=weights,
        now=NOW,
    )
    # log2(1 + 3) plays, log2(1 + 1) likes and skips
    assert feedback.taste(events, weights) == pytest.approx(2 + 3 - 0.5)


@pytest.mark.parametrize(
    ("words", "disliked"),
    [
        (["dislike"], True),
        (["like", "dislike"], True),
        (["dislike", "like"], False),
        (["dislike", "play"], True),
        (["play"], None),
    ],
)
def test_the_last_word_says_whether_a_song_is_disliked(words, disliked):
    events = checked(
        [
            event(interaction_type=word, occurred_at=NOW - timedelta(hours=9 - place))
            for place, word in enumerate(words)
        ],
        types=TYPES,
        now=NOW,
    )
    assert feedback.is_disliked(events) == disliked
