"""What the project promises about itself, read from dbt's manifest."""

import json
import re

import pytest

from conftest import ROOT
from sunorecsys import tuning

# exports may well know events before their songs; that must not stop a build
MAY_WARN = {
    "interactions_know_their_songs",
    "a_lower_max_songs_per_listener_would_save_much",
}

RELEASE = "model.sunorecsys.release"


@pytest.fixture(scope="module")
def manifest(sample_project):
    file = sample_project.root / "target" / "manifest.json"
    return json.loads(file.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def models(manifest):
    return {
        name: node
        for name, node in manifest["nodes"].items()
        if node["resource_type"] == "model"
    }


def reached(name, neighbors):
    """Everything that is reached from a node, itself included."""
    found, left = set(), [name]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left.extend(neighbors.get(name, ()))
    return found


@pytest.fixture(scope="module")
def upstream(manifest):
    """Everything that the release needs, itself included."""
    return reached(RELEASE, manifest["parent_map"])


def data_tests(manifest):
    return {
        name: node
        for name, node in manifest["nodes"].items()
        if node["resource_type"] == "test"
    }


def test_a_failing_test_keeps_the_build_from_publishing(manifest, upstream):
    """Dbt holds back what depends on all that a failed test reads."""
    outside = {
        name: sorted(set(node["depends_on"]["nodes"]) - (upstream - {RELEASE}))
        for name, node in data_tests(manifest).items()
        if set(node["depends_on"]["nodes"]) - (upstream - {RELEASE})
    }
    assert outside == {}
    assert len(data_tests(manifest)) > 50


def test_the_release_waits_for_every_model(models, upstream):
    assert set(models) - upstream == set()


def test_every_test_is_an_error(manifest):
    warnings = {
        node["name"]
        for node in data_tests(manifest).values()
        if node["config"]["severity"].lower() != "error"
        or not node["config"]["enabled"]
        or node["config"]["error_if"] != "!= 0"
    }
    assert warnings == MAY_WARN


def test_every_model_and_seed_is_described(manifest):
    silent = [
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed")
        and not node["description"].strip()
    ]
    assert silent == []


def test_the_description_of_a_model_states_its_grain(models):
    """The last sentence says what one row is."""
    without = [
        node["name"]
        for node in models.values()
        if "one row" not in node["description"].lower().rstrip(".").split(". ")[-1]
    ]
    assert without == []


def test_every_column_is_described(sample_project, models):
    built = sample_project.warehouse(
        "select table_name, column_name from duckdb_columns() "
        "where schema_name = 'main'"
    )
    by_table = {node["name"]: node["columns"] for node in models.values()}
    silent = [
        f"{table}.{column}"
        for table, column in built
        if table in by_table
        and not by_table[table].get(column, {}).get("description", "").strip()
    ]
    assert silent == []
    assert len(built) > 100


def test_no_column_is_described_that_does_not_exist(sample_project, models):
    built = set(
        sample_project.warehouse(
            "select table_name, column_name from duckdb_columns() "
            "where schema_name = 'main'"
        )
    )
    described = {
        (node["name"], column) for node in models.values() for column in node["columns"]
    }
    assert described - built == set()


def test_public_tables_have_contracts(models):
    public = [
        node for node in models.values() if node["fqn"][1] in ("marts", "monitoring")
    ]
    assert len(public) > 20
    assert [n["name"] for n in public if not n["config"]["contract"]["enforced"]] == []


def test_macros_and_their_arguments_are_described(manifest):
    own = [
        macro
        for macro in manifest["macros"].values()
        if macro["package_name"] == "sunorecsys"
    ]
    assert own
    assert [macro["name"] for macro in own if not macro["description"].strip()] == []
    assert [
        f"{macro['name']}({argument['name']})"
        for macro in own
        for argument in macro["arguments"]
        if not argument["description"].strip()
    ] == []


def test_tuning_judges_lists_that_have_the_weights_it_learned(manifest):
    after = reached("seed.sunorecsys.channel_weights", manifest["child_map"])
    before = reached("model.sunorecsys.blended_lists", manifest["parent_map"])
    between = {name.split(".")[2] for name in after & before}
    assert {"channel_weights", "blended_lists"} < between
    assert between - {"channel_weights"} <= set(tuning._BLEND)


def test_no_yaml_file_reads_the_day_without_which_a_build_parses_them():
    files = [
        path for part in ("models", "seeds") for path in (ROOT / part).rglob("*.yml")
    ]
    assert len(files) > 10
    for path in files:
        assert not re.search(r"var\(\s*['\"]as_of", path.read_text("utf-8")), path
