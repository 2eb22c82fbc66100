"""Readers during a build and the switch to its release."""

import json
import threading

import httpx
import pytest

from conftest import DBT, serving

USERS = 24


def questions(workspace):
    users = workspace.query(
        "select user_id from listeners where user_id like 'listener%' order by 1"
    )[:USERS]
    for (user,) in users:
        yield f"/recommend?user_id={user}&n=30"
        yield f"/explain/{user}/song-0001"
    for number in range(1, 13):
        yield f"/similar/song-{number:04}?n=20"
        yield f"/recommend?song_ids=song-{number:04}&song_ids=song-0100&n=20"


def release_in(tag):
    """Return which release a tag names: its date and the hash of its tables."""
    return tag.removeprefix('W/"').split(".")[0]


class Reader(threading.Thread):
    """Asks one question after the other, and keeps what it gets."""

    def __init__(self, url, paths, start, stop):
        super().__init__()
        self.url, self.paths, self.start_at, self.stop = url, paths, start, stop
        self.answers = {}
        self.problems = []
        self.count = 0

    def run(self):
        turn = self.start_at
        with httpx.Client(base_url=self.url, timeout=60) as client:
            while not self.stop.is_set() and not self.problems:
                path = self.paths[turn % len(self.paths)]
                turn += 1
                try:
                    answer = client.get(path)
                except httpx.HTTPError as error:
                    self.problems.append(f"{path}: {error!r}")
                    return
                if answer.status_code != 200:
                    self.problems.append(f"{path}: {answer.status_code} {answer.text}")
                    return
                release = release_in(answer.headers["etag"])
                self.count += 1
                known = self.answers.setdefault((release, path), answer.text)
                if known != answer.text:
                    self.problems.append(f"{path}: two answers of {release}")


@pytest.mark.large
@pytest.mark.parametrize("readers", [8, 200])
def test_no_answer_fails_or_mixes_releases_during_a_build(
    sample_project, tmp_path, readers
):
    twin = sample_project.twin(tmp_path / "project")
    paths = list(questions(twin))
    with serving(twin) as server:

        def everything():
            answers = {path: server.client.get(path) for path in paths}
            releases = {release_in(a.headers["etag"]) for a in answers.values()}
            assert len(releases) == 1
            return releases.pop(), {path: a.text for path, a in answers.items()}

        old, said_before = everything()
        stop = threading.Event()
        url = f"http://127.0.0.1:{server.port}"
        crew = [Reader(url, paths, 7 * number, stop) for number in range(readers)]
        for reader in crew:
            reader.start()
        try:
            changed = json.dumps({"as_of": "2025-11-10"})
            built = twin.run(*DBT, "build", "--vars", changed)
            assert built.returncode == 0, built.stdout[-3000:]
            new, said_after = everything()
            # and back and forth, quicker than any build
            for name in (old, new) * 3:
                aside = twin.current.with_name("aside")
                aside.symlink_to(f"{name}.duckdb")
                aside.replace(twin.current)
                stop.wait(0.5)
        finally:
            stop.set()
            for reader in crew:
                reader.join(60)
        assert new != old
        assert new.startswith("2025-11-10")
        changed_answers = [p for p in paths if said_before[p] != said_after[p]]
        assert len(changed_answers) > len(paths) / 2
        expected = {old: said_before, new: said_after}
        seen = set()
        for reader in crew:
            assert reader.problems == []
            assert reader.count > 10
            for (release, path), text in reader.answers.items():
                assert text == expected[release][path], (release, path)
                seen.add(release)
        assert seen == {old, new}
        assert not [line for line in server.log if line["status"] >= 400]
