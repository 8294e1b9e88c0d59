"""The API's description (OpenAPI 3.1), with every problem that each operation may answer with.

Beside the problems that a route names (`requires`), there are those that follow from what it takes: a body can be too
large, a parameter unreadable, a dependency down. They are found here, so that no route forgets one.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Components, SecurityScheme
from litestar.status_codes import HTTP_204_NO_CONTENT

from api.access import declared_handlers
from api.http.bodies import OF_A_BODY
from api.http.problem_table import PROBLEMS
from api.http.problems import PROBLEM_JSON
from api.http.schemas import Problem
from api.routes import ROUTES

OPENAPI = OpenAPIConfig(
    title="Ayurveda Academy",
    version="1",
    description="Courses, purchases and certificates of an Ayurvedic academy.",
    components=Components(
        security_schemes={"accessToken": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
    ),
)
OF_DATA = (*OF_A_BODY, "bad_request", "unsupported_media_type", "validation_failed")
"""Of a body that is read as the declared type. `bad_request`: text that no database can hold."""
OF_PARAMETERS = ("bad_request", "validation_failed")
NO_CONTENT = ResponseSpec(None, description="Done; nothing follows.")
"""Litestar would describe the `Response[None]` of a handler with background work as JSON."""
ASK_OTHERS = frozenset({"services", "sessions", "recovery", "subject"})
"""Dependencies whose users ask PostgreSQL, Valkey or Temporal."""


def described_app(dependencies: Mapping[str, Any]) -> Litestar:
    """An app with our routes that is described and never served.

    The one that is served would get Litestar's schema pages, whose scripts come from a CDN.
    """
    app = Litestar(route_handlers=ROUTES, dependencies=dependencies, openapi_config=OPENAPI, logging_config=None)
    for path, handler in declared_handlers(app):
        if "problems" in handler.opt:  # not Litestar's own pages
            empty = {HTTP_204_NO_CONTENT: NO_CONTENT} if handler.status_code == HTTP_204_NO_CONTENT else {}
            handler.responses = {**_documented(problems_of(path, handler)), **empty, **(handler.responses or {})}
    return app


def problems_of(path: str, handler: Any) -> set[str]:
    """The codes of every problem that a route may answer with."""
    codes = set(handler.opt["problems"])
    names = set(handler.parsed_fn_signature.parameters)
    parameters = names - ASK_OTHERS - {"data", "request"}
    if "data" in names:
        codes.update(OF_DATA)
    if parameters:
        codes.update(OF_PARAMETERS)
    if "{" in path:
        codes.add("not_found")
    if names & ASK_OTHERS:
        codes.add("service_unavailable")
    return codes


def _documented(codes: Iterable[str]) -> dict[int, ResponseSpec]:
    by_status: dict[int, list[str]] = {}
    for code in sorted(codes):
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    return {
        status: ResponseSpec(
            Problem,
            generate_examples=False,
            media_type=PROBLEM_JSON,
            description=", ".join(f"`{code}`" for code in by_status[status]),
        )
        for status in sorted(by_status)
    }
