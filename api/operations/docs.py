"""The API's description: OpenAPI as JSON, and a page of it that needs no script and no other server."""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader
from litestar import MediaType, Request, Response, get
from litestar.params import FromPath

from api.access import PUBLIC, requires
from api.http.problem_table import PROBLEMS
from api.http.problems import ProblemError

PAGES = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)
"""The few pages that the API itself shows."""
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
}
DEEPEST_OUTLINE = 6
METHODS = ("get", "post", "put", "patch", "delete")


@get("/openapi.json", operation_id="getOpenApi", include_in_schema=False, **requires(PUBLIC))
async def openapi_json(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The OpenAPI 3.1 document of this API."""
    return Response(request.app.state.openapi(), media_type="application/vnd.oai.openapi+json")


@get("/docs", operation_id="getDocs", include_in_schema=False, media_type=MediaType.HTML, **requires(PUBLIC))
async def docs_page(request: Request[Any, Any, Any]) -> Response[str]:
    """Every operation on one page: what it asks for, takes and answers."""
    return Response(_docs(request.app.state.openapi()), media_type=MediaType.HTML, headers=PAGE_HEADERS)


@get(
    "/problems/{code:str}",
    operation_id="getProblem",
    include_in_schema=False,
    media_type=MediaType.HTML,
    **requires(PUBLIC, "not_found"),
)
async def problem_page(code: FromPath[str]) -> Response[str]:
    """What a problem's `type` means."""
    if code not in PROBLEMS:
        raise ProblemError("not_found")
    page = PAGES.get_template("problem.html").render(code=code, kind=PROBLEMS[code])
    return Response(page, media_type=MediaType.HTML, headers=PAGE_HEADERS)


@cache
def _docs(openapi: bytes) -> str:
    document = msgspec.json.decode(openapi)
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                operation = {"path": path, "method": method.upper(), **item[method]}
                groups.setdefault((operation.get("tags") or ["Other"])[0], []).append(operation)
    schemas = document.get("components", {}).get("schemas", {})
    return PAGES.get_template("docs.html").render(
        info=document["info"], groups=groups, problems=PROBLEMS, example=lambda schema: _example(schema, schemas)
    )


def _example(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    """A schema as readable JSON, with each field's type in the place of its value."""
    return msgspec.json.format(msgspec.json.encode(_outline(schema, schemas, 0)), indent=2).decode()


def _outline(schema: dict[str, Any], schemas: dict[str, Any], depth: int) -> Any:
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    deeper = depth + 1
    outline: Any
    match schema:
        case _ if depth > DEEPEST_OUTLINE:
            outline = "…"
        case {"oneOf": list(alternatives)} | {"anyOf": list(alternatives)}:
            some = [_outline(each, schemas, deeper) for each in alternatives if each.get("type") != "null"]
            outline = some[0] if len(some) == 1 else " | ".join(map(str, some))
        case {"enum": list(values)}:
            outline = " | ".join(map(str, values))
        case {"properties": dict(properties)}:
            outline = {name: _outline(value, schemas, deeper) for name, value in properties.items()}
        case {"type": "array"}:
            outline = [_outline(schema.get("items", {}), schemas, deeper)]
        case {"additionalProperties": dict(values)}:
            outline = {"…": _outline(values, schemas, deeper)}
        case _:
            outline = schema.get("format") or schema.get("type") or "any"
    return outline
