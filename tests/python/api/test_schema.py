"""Generated requests, in range and out of it, against what /openapi.json promises."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sunorecsys.api.app import create_app
from sunorecsys.api.settings import Settings, hash_of
from sunorecsys.project import Project
from sunorecsys.serving import Service

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def application(project, **options):
    return create_app(Service.of(Project.find(project)), Settings(**options))


@pytest.fixture(scope="session")
def open_api(sample_project, tmp_path_factory):
    twin = sample_project.twin(tmp_path_factory.mktemp("schema") / "project")
    return schemathesis.openapi.from_asgi("/openapi.json", application(twin.root))


@pytest.fixture(scope="session")
def closed_api(sample_project, tmp_path_factory):
    twin = sample_project.twin(tmp_path_factory.mktemp("closed") / "project")
    hashes = {"read_hash": hash_of("reader"), "write_hash": hash_of("writer")}
    app = application(twin.root, **hashes)
    return schemathesis.openapi.from_asgi("/openapi.json", app)


@pytest.fixture(scope="session")
def empty_api(tmp_path_factory):
    """There is no release."""
    folder = tmp_path_factory.mktemp("empty")
    (folder / "dbt_project.yml").write_text("name: sunorecsys\n")
    return schemathesis.openapi.from_asgi("/openapi.json", application(folder))


def bounded(examples):
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


served = schemathesis.pytest.from_fixture("open_api")
protected = schemathesis.pytest.from_fixture("closed_api")
unserved = schemathesis.pytest.from_fixture("empty_api")


@served.parametrize()
@bounded(80)
def test_every_answer_is_documented(case):
    case.call_and_validate(checks=CHECKS)


@protected.parametrize()
@bounded(15)
def test_every_answer_without_the_right_token_is_documented(case):
    case.call_and_validate(checks=CHECKS)


@unserved.parametrize()
@bounded(15)
def test_every_answer_without_a_release_is_documented(case):
    answer = case.call()
    # 503 is what is promised here
    assert answer.status_code != 500
    case.validate_response(answer, checks=CHECKS[1:])
