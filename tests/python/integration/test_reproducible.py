"""The same data give the same release, to the bit."""

import shutil

import pytest

from conftest import DBT
from sunorecsys import builds


def hashes(workspace) -> dict[str, str]:
    ((found,),) = workspace.query("select content_hashes from build_info")
    return found


def test_one_thread_and_two_build_the_same_sample(sample_project, workspace):
    """Though one of them knows of an earlier build."""
    with builds.recorded(workspace.root / "landing") as record:
        record.status = "unpublished"
    done = workspace.run(*DBT, "build", "--threads", "1")
    assert done.returncode == 0, done.stdout[-3000:]
    assert hashes(workspace) == hashes(sample_project)
    assert workspace.current.readlink() == sample_project.current.readlink()
    known = "select status from build_history"
    assert workspace.query(known) == [("unpublished",)]
    assert sample_project.query(known) == []


@pytest.mark.large
@pytest.mark.parametrize("plays", [20_000, 1_000_000])
def test_two_builds_of_simulated_plays_are_the_same(workspace, plays):
    size = plays // 50
    simulated = workspace.cli(
        *("simulate", "--songs", size, "--listeners", size, "--plays", plays)
    )
    assert simulated.returncode == 0, simulated.stderr
    workspace.build()
    first = hashes(workspace)
    assert workspace.query("select count(*) > $1 from user_songs", plays // 4) == [
        (True,)
    ]
    shutil.rmtree(workspace.root / "warehouse")
    workspace.build()
    assert hashes(workspace) == first
