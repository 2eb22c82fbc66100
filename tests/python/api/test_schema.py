"""Generated requests, in range and out of it, against what /openapi.json promises."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
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


OPERATIONS = [
    ("/recommend", "GET"),
    ("/recommend", "POST"),
    ("/similar/{song_id}", "GET"),
    ("/explain/{user_id}/{song_id}", "GET"),
    ("/why-not/{user_id}/{song_id}", "GET"),
    ("/feedback", "POST"),
    ("/health", "GET"),
    ("/info", "GET"),
    ("/metrics", "GET"),
]
# what generated text never is
KNOWN = {
    "user_id": "listener-005",
    "song_id": "song-0001",
    "song_ids": ["song-0001", "nosuch"],
}


def ask(schema, path, method, examples, check):
    """Check the answers to generated requests, the same ones with every run."""
    operation = schema[path][method]
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    asked = []

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=st.one_of([operation.as_strategy(generation_mode=m) for m in modes]),
        is_known=st.booleans(),
    )
    def run(case, is_known):
        for part in (case.path_parameters, case.query, case.body):
            if is_known and isinstance(part, dict):
                part |= {name: known for name, known in KNOWN.items() if name in part}
        asked.append(check(case).status_code)

    run()
    return asked


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_documented(open_api, path, method):
    statuses = ask(open_api, path, method, 120, validated)
    assert {200, 202} & set(statuses)
    if path not in ("/health", "/info", "/metrics"):
        assert 422 in statuses


def validated(case):
    answer = case.call()
    case.validate_response(answer, checks=CHECKS)
    return answer


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_without_a_token_is_documented(closed_api, path, method):
    statuses = ask(closed_api, path, method, 15, validated)
    if path == "/health":
        assert set(statuses) == {200}
    else:
        # a body that is no JSON is refused before the token is looked at
        assert 401 in statuses
        assert set(statuses) <= {401} | ({400, 422} if method == "POST" else set())


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_without_a_release_is_documented(empty_api, path, method):
    def unavailable(case):
        answer = case.call()
        # 503 is what is promised here
        case.validate_response(answer, checks=CHECKS[1:])
        return answer

    statuses = ask(empty_api, path, method, 15, unavailable)
    assert set(statuses) <= {503, 422, 400} if path != "/metrics" else {200}
    assert 500 not in statuses
