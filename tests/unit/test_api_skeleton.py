"""The API refuses to start with a route that nobody thought about, and documents what it has."""

from types import SimpleNamespace

import msgspec
import pytest
from litestar import Litestar, get
from litestar.exceptions import ImproperlyConfiguredException
from redis.asyncio import Redis

from api.access import PUBLIC, require_declared_access, requires
from api.app import create_app, openapi_document
from api.http.problem_table import PROBLEMS
from api.operations.docs import METHODS
from settings import load_settings


@get("/open", operation_id="getOpen")
async def undeclared() -> None: ...


@get("/nameless", **requires(PUBLIC))
async def nameless() -> None: ...


@pytest.mark.parametrize(("handler", "words"), [(undeclared, "no permission"), (nameless, "no operation_id")])
def test_a_route_must_say_who_may_call_it_and_what_it_is_called(handler: object, words: str) -> None:
    app = Litestar([handler], openapi_config=None, logging_config=None)  # type: ignore[list-item]
    with pytest.raises(ImproperlyConfiguredException, match=words):
        require_declared_access(app)


def test_the_app_starts_with_the_routes_that_it_has() -> None:
    services = SimpleNamespace(settings=load_settings(_env_file=None), redis=Redis(), login_issuer=None)
    create_app(services)  # type: ignore[arg-type]


def test_operation_ids_are_unique_and_everywhere() -> None:
    paths = msgspec.json.decode(openapi_document())["paths"]
    ids = [item[method]["operationId"] for item in paths.values() for method in METHODS if method in item]
    assert len(ids) == len(set(ids)) > 10


def test_the_document_speaks_camel_case_and_hides_dependencies() -> None:
    document = msgspec.json.decode(openapi_document())
    assert set(document["components"]["schemas"]["TokenPair"]["properties"]) == {
        "accessToken",
        "refreshToken",
        "expiresIn",
    }
    assert "parameters" not in document["paths"]["/api/v1/auth/me"]["get"]


def test_every_problem_has_an_error_status_and_says_how_to_mend_it() -> None:
    for code, kind in PROBLEMS.items():
        assert 400 <= kind.status < 600, code
        assert kind.detail.endswith("."), code
        assert kind.title, code


def test_what_a_route_takes_decides_which_problems_it_declares() -> None:
    paths = msgspec.json.decode(openapi_document())["paths"]
    for path, item in paths.items():
        for operation in (item[method] for method in METHODS if method in item):
            declared = set(operation["responses"])
            named = operation["operationId"]
            if "requestBody" in operation:
                assert declared >= {"400", "408", "413", "415", "422"}, named
            if operation.get("parameters"):
                assert "400" in declared, named
            if "{" in path:
                assert "404" in declared, named
            for status, response in operation["responses"].items():
                is_readiness = named == "getReadiness" and status == "503"
                if status >= "400" and not is_readiness:
                    assert list(response["content"]) == ["application/problem+json"], (named, status)
