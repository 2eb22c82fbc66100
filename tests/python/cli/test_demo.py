"""``sunorecsys demo``: the three scenarios of the first minute."""


def test_the_demo_shows_three_scenarios(sample_project):
    done = sample_project.cli("demo")
    assert done.returncode == 0
    assert done.stderr == ""
    starts = [
        line for line in done.stdout.splitlines() if line[:2] in ("1.", "2.", "3.")
    ]
    assert len(starts) == 3
    assert starts[0].startswith("1. Discover Weekly of ")
    assert starts[1].startswith("2. Songs like ")
    assert starts[2].startswith("3. A list from ")


def test_without_a_release_the_demo_says_what_to_do(workspace):
    done = workspace.cli("demo")
    assert done.returncode == 1
    assert "sunorecsys build" in done.stderr
