"""``sunorecsys build``: weights on the command line, and what a failure says."""

from types import SimpleNamespace

import pytest

from sunorecsys import build
from sunorecsys.cli.build import parse_weights
from sunorecsys.errors import UsageError


def test_weights_are_read_by_channel():
    assert parse_weights(" item_cf = 0.3, quality=1e-1 ,") == {
        "item_cf": 0.3,
        "quality": 0.1,
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nosuch=1", "channels are item_cf"),
        ("item_cf", "no number"),
        ("item_cf=a", "no number"),
        ("item_cf=nan", "0 or more"),
        ("item_cf=-1", "0 or more"),
        ("item_cf=1,item_cf=1", "twice"),
        ("item_cf=0", "all zero"),
        (",", "all zero"),
    ],
)
def test_wrong_weights_are_wrong_usage(text, reason):
    with pytest.raises(UsageError, match=reason):
        parse_weights(text)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            "Python model failed:\nTraceback (most recent call last):\n  File x\n"
            "sunorecsys.errors.SunorecsysError: No songs. Ingest some.",
            "No songs. Ingest some.",
        ),
        (
            "Python model failed:\nTraceback (most recent call last):\n  File x\n"
            "ValueError: cannot reshape",
            "ValueError: cannot reshape",
        ),
        (
            'IO Error: Could not set lock on file "x": Conflicting lock is held',
            "Another program has the warehouse open. Close it, or wait for it to "
            "finish, then try again.",
        ),
        (
            "Compilation Error in model a\n  Write it better.\n\n  > in macro b (c)\n",
            "Compilation Error in model a Write it better.",
        ),
    ],
)
def test_a_failure_says_what_a_person_needs(message, shown):
    node = SimpleNamespace(resource_type="model", name="songs")
    failed = SimpleNamespace(node=node, message=message)
    assert build._failure([failed, failed]) == (
        f"model songs failed: {shown}{'' if shown.endswith('.') else '.'} "
        "1 more failed."
    )
