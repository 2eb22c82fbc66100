"""A small catalogue of two weeks, in which one listener is everything one can be."""

import json
from datetime import datetime, timedelta

from conftest import NEW_YEAR, Workspace, crowd, play, song
from sunorecsys import feedback

# quotes, a pattern of SQL, a letter that JSON may escape, and spaces inside
LISTENER = "ü'3 \"%_* 42"
SONGS = 60
OWN_SONGS = ("s05", "s12")
WEEKS = ("2025-01-06", "2025-01-13")


def event(user: str, song_id: str, day: int, number: int = 0) -> feedback.Event:
    moment = datetime(2025, 1, day, 12)
    return feedback.Event(
        event_id=f"e-{user}-{day}-{number}",
        user_id=user,
        song_id=song_id,
        interaction_type="play",
        occurred_at=moment,
        weight=1.0,
        received_at=moment + timedelta(seconds=1),
    )


def write_feedback(workspace: Workspace, day: int, events: list[feedback.Event]):
    """Write lines of a day of January as a server does."""
    folder = workspace.root / "landing" / "feedback"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"2025-01-{day:02}.jsonl"
    path.write_bytes(b"".join(feedback._line(e, e.received_at) for e in events))
    return path


def two_weeks(workspace: Workspace) -> None:
    """Land everything and build both weeks."""
    songs = [song(n) for n in range(SONGS)]
    for number in OWN_SONGS:
        songs[int(number[1:])] |= {"creator_id": LISTENER, "creator_name": "Ü himself"}
    workspace.land("songs", songs)
    # a newer export of one of them
    workspace.land("songs", [songs[5] | {"play_count": 999}], "newer.parquet")
    plays = [play(LISTENER, f"s{n}", 90 + n) for n in (20, 23, 26, 29, 32, 35)]
    workspace.land("interactions", [*crowd(SONGS, 14), *plays])
    playlists = [
        ("p1", LISTENER, "ue", NEW_YEAR),
        ("p2", None, LISTENER, NEW_YEAR),
        ("p3", "u01", "one", NEW_YEAR),
    ]
    workspace.land("playlists", [row for p in playlists for row in playlist(*p)])
    # an export that does not say whose it is
    nobodys = playlist("p1", None, "ue", NEW_YEAR + timedelta(days=1))
    workspace.land("playlists", nobodys, "nobodys.parquet")
    contents = [
        json.dumps({"user_id": LISTENER, "song_id": ""}),
        json.dumps({"user_id": LISTENER, "song_id": ""}, ensure_ascii=False),
        json.dumps({"user_id": LISTENER + "0", "song_id": ""}),
        None,
    ]
    rejects = [
        {
            "kind": "interactions",
            "file": "plays.csv",
            "position": position,
            "reason": "song_id is missing",
            "content": content,
        }
        for position, content in enumerate(contents)
    ]
    workspace.land("rejects", rejects)
    write_feedback(workspace, 2, [event(LISTENER, "s40", 2), event("u01", "s41", 2)])
    workspace.build("--as-of", WEEKS[0])
    workspace.leave_out_tests()
    workspace.build("--as-of", WEEKS[1])
    days = {
        8: [event(LISTENER, "s43", 8), event("u02", "s44", 8)],
        9: [event("u01", "s41", 9), event(LISTENER, "s42", 9)],
    }
    for day, events in days.items():
        write_feedback(workspace, day, events)
    feedback.compact(workspace.root / "landing" / "feedback")


def playlist(playlist_id, owner_id, owner_handle, exported_at):
    return [
        {
            "playlist_id": playlist_id,
            "owner_id": owner_id,
            "owner_handle": owner_handle,
            "song_position": position,
            "song_id": f"s{position + 30}",
            "exported_at": exported_at,
        }
        for position in range(1, 4)
    ]


CATALOGUES = {"town": two_weeks}
