"""The same data give the same release, to the bit."""

import shutil

import pytest

from conftest import DBT, crowd, play, song
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


@pytest.mark.large
def test_what_a_warehouse_held_changes_nothing(workspace, tmp_path):
    """Neither when a build goes back in time, nor when a play comes late."""
    workspace.land("songs", [song(number) for number in range(60)])
    workspace.land("interactions", crowd(60, 14))
    workspace.leave_out_tests()
    workspace.build()
    late = play("u01", "s40", 3)
    workspace.land("interactions", [late], "late.parquet")
    for as_of in ("2025-01-13", "2025-01-06"):
        fresh = workspace.twin(tmp_path / as_of)
        shutil.rmtree(fresh.root / "warehouse")
        for each in (workspace, fresh):
            each.build("--as-of", as_of)
            heard = each.query(
                "select interaction_count from user_songs "
                "where user_id = 'u01' and song_id = 's40'"
            )
            assert heard == [(1,)]
        assert hashes(workspace) == hashes(fresh)
