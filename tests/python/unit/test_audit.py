"""One line per act, on disk, whatever stood there before."""

import json
import threading

import pytest

from sunorecsys import audit
from sunorecsys.errors import SunorecsysError


def rows(landing):
    return [
        json.loads(line) for line in (landing / audit.FILE).read_bytes().splitlines()
    ]


def test_acts_are_lines_in_their_order(tmp_path):
    landing = tmp_path / "not" / "yet"
    audit.record(landing, "block", songs=["s1"], reason="é\n\u2028")
    audit.record(landing, "unblock", songs=["s1"])
    first, second = (landing / audit.FILE).read_text().split("\n")[:2]
    assert json.loads(first)["reason"] == "é\n\u2028"
    assert list(json.loads(second)) == ["at", "action", "songs"]


def test_half_a_line_spoils_no_other(tmp_path):
    audit.record(tmp_path, "block", songs=["s1"])
    with (tmp_path / audit.FILE).open("ab") as file:
        file.write(b'{"at":"20')
    audit.record(tmp_path, "unblock", songs=["s1"])
    lines = (tmp_path / audit.FILE).read_bytes().splitlines()
    assert len(lines) == 3
    assert json.loads(lines[0])["action"] == "block"
    assert json.loads(lines[2])["action"] == "unblock"


def test_acts_at_the_same_time_are_all_there(tmp_path):
    threads = [
        threading.Thread(target=audit.record, args=(tmp_path, f"act-{n}"))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {row["action"] for row in rows(tmp_path)} == {f"act-{n}" for n in range(20)}


def test_a_disk_that_refuses_is_an_error_for_people(tmp_path):
    (tmp_path / audit.FILE).mkdir()
    with pytest.raises(SunorecsysError, match="It is done, but"):
        audit.record(tmp_path, "block")
