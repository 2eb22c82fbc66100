"""Where a project is found."""

from pathlib import Path

import pytest

from sunorecsys.errors import SunorecsysError
from sunorecsys.project import VARIABLE, Project


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    root = tmp_path / "project"
    (root / "deep" / "down").mkdir(parents=True)
    (root / "dbt_project.yml").write_text("# mine\nname: sunorecsys  # the project\n")
    return root.resolve()


def test_it_is_found_from_any_folder_inside(folder, monkeypatch):
    monkeypatch.chdir(folder / "deep" / "down")
    assert Project.find().root == folder


def test_a_path_wins_over_the_variable_and_that_over_here(
    folder, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, str(folder))
    assert Project.find().root == folder
    other = tmp_path / "other"
    other.mkdir()
    (other / "dbt_project.yml").write_text("name: sunorecsys\n")
    assert Project.find(other).root == other.resolve()


@pytest.mark.parametrize(
    "content", [None, "name: something_else\n", "# name: sunorecsys\n", b"\xff\xfe"]
)
def test_another_project_is_none(tmp_path, monkeypatch, content):
    monkeypatch.delenv(VARIABLE, raising=False)
    if isinstance(content, bytes):
        (tmp_path / "dbt_project.yml").write_bytes(content)
    elif content is not None:
        (tmp_path / "dbt_project.yml").write_text(content)
    with pytest.raises(SunorecsysError, match=r"Pass the folder you cloned"):
        Project.find(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SunorecsysError, match=VARIABLE):
        Project.find()


def test_a_wrong_variable_is_an_error_even_inside_a_project(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv(VARIABLE, "/nowhere")
    with pytest.raises(SunorecsysError, match="No sunorecsys project in /nowhere"):
        Project.find()


def test_the_folders_of_a_project(folder, monkeypatch):
    monkeypatch.delenv("SUNORECSYS_WAREHOUSE", raising=False)
    project = Project(folder)
    assert project.landing == folder / "landing"
    assert project.current_release == folder / "releases" / "current.duckdb"
    assert project.warehouse == folder / "warehouse" / "sunorecsys.duckdb"
    monkeypatch.setenv("SUNORECSYS_WAREHOUSE", "/elsewhere/w.duckdb")
    assert project.warehouse == Path("/elsewhere/w.duckdb")
