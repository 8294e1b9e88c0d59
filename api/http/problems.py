"""Errors as RFC 9457 problem details; nothing inner leaves the process."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import asyncpg
import redis.exceptions
import structlog
from litestar import Request, Response
from litestar.exceptions import (
    ClientException,
    HTTPException,
    SerializationException,
    ValidationException,
)
from temporalio.service import RPCError, RPCStatusCode

from api.http.problem_table import PROBLEMS
from api.http.schemas import FieldError, Problem
from domain.errors import BusinessRefusalError, FieldsRefusedError, OutageError

log = structlog.get_logger()

PROBLEM_JSON = "application/problem+json"
AnyRequest = Request[Any, Any, Any]

BY_STATUS = {
    400: "bad_request",
    401: "login_required",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
    503: "service_unavailable",
}
OUTAGES: tuple[type[Exception], ...] = (
    OutageError,
    OSError,  # ConnectionError and TimeoutError, too: the API opens no files, so the network it is
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg raises on a connection that its server has just terminated
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
)
TEMPORAL_OUTAGES = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.CANCELLED,
)
NO_BODY = "'data'"
"""What Litestar says of a body that is not there."""
RETRY_SECONDS = 2
"""`Retry-After` of a 503 of ours."""


class ProblemError(Exception):
    """Ends a request with the problem of this code (`api.http.problem_table.PROBLEMS`)."""

    def __init__(
        self, code: str, *, errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.errors = list(errors)
        self.headers = dict(headers or {})


def problem_type(public_base_url: str, code: str) -> str:
    """The problem's `type`: an address that also explains it (RFC 9457 §3.1.1)."""
    return f"{public_base_url}/problems/{code}"


def problem_response(
    request: AnyRequest,
    code: str,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response[Problem]:
    """The answer for a code of the table. RFC 9110 wants `WWW-Authenticate` with every 401."""
    kind = PROBLEMS[code]
    all_headers = dict(headers or {})
    if kind.status == 401:
        all_headers.setdefault("WWW-Authenticate", 'Bearer realm="academy"')
    elif kind.status == 503:
        all_headers.setdefault("Retry-After", str(RETRY_SECONDS))
    problem = Problem(
        type=problem_type(request.app.state.public_base_url, code),
        title=kind.title,
        status=kind.status,
        detail=kind.detail,
        code=code,
        request_id=request.scope.get("state", {}).get("request_id", ""),
        errors=list(errors),
    )
    return Response(problem, status_code=kind.status, headers=all_headers, media_type=PROBLEM_JSON)


def _problem_error(request: AnyRequest, error: ProblemError) -> Response[Problem]:
    return problem_response(request, error.code, error.errors, error.headers)


def _refusal(request: AnyRequest, error: BusinessRefusalError) -> Response[Problem]:
    if error.code not in PROBLEMS:
        log.error("refusal_without_problem", reason=error.code)
        return problem_response(request, "internal_error")
    fields = error.fields if isinstance(error, FieldsRefusedError) else {}
    return problem_response(request, error.code, [FieldError(field, message) for field, message in fields.items()])


def _http_error(request: AnyRequest, error: HTTPException) -> Response[Problem]:
    code = BY_STATUS.get(error.status_code)
    if code is None:
        if error.status_code >= 500:
            return _unexpected(request, error)
        code = "bad_request"
    return problem_response(request, code, headers=error.headers)


def _validation(request: AnyRequest, error: ValidationException) -> Response[Problem]:
    """Litestar's list of messages as ours; a body that is no JSON object at all has no field to name."""
    entries = [entry for entry in error.extra if isinstance(entry, dict)] if isinstance(error.extra, list) else []
    if [entry.get("message") for entry in entries] == [NO_BODY]:
        return problem_response(request, "malformed_body")
    errors = [
        FieldError(
            field=entry.get("key", "").removeprefix("data"),
            message=str(entry.get("message", "")),
            location=str(entry.get("source", "body")),
        )
        for entry in entries
    ]
    return problem_response(request, "validation_failed", errors)


def _client_error(request: AnyRequest, error: ClientException) -> Response[Problem]:
    """Litestar raises a bare `ClientException` for what it cannot deserialise."""
    unreadable = isinstance(error.__cause__, SerializationException)
    return problem_response(request, "malformed_body") if unreadable else _http_error(request, error)


def _outage(request: AnyRequest, error: Exception) -> Response[Problem]:
    log.error("outage", exc_info=error)
    return problem_response(request, "service_unavailable")


def _temporal(request: AnyRequest, error: RPCError) -> Response[Problem]:
    return _outage(request, error) if error.status in TEMPORAL_OUTAGES else _unexpected(request, error)


def _unstorable_text(request: AnyRequest, _: Exception) -> Response[Problem]:
    """PostgreSQL's text has no NUL character; a value that carries one cannot be meant."""
    return problem_response(request, "bad_request")


def _undecodable(request: AnyRequest, error: Exception) -> Response[Problem]:
    """A body that is not UTF-8, or is nested without end: Litestar lets the decoder's own errors through."""
    in_decoder = traceback.extract_tb(error.__traceback__)[-1].name == "decode_json"
    return problem_response(request, "malformed_body") if in_decoder else _unexpected(request, error)


def _unexpected(request: AnyRequest, error: Exception) -> Response[Problem]:
    """The message of an unknown error may hold a person's data (a violated key's value), so only its kind is logged."""
    log.error("unexpected_error", exc_info=error)
    return problem_response(request, "internal_error")


Handler = Callable[[AnyRequest, Any], Response[Problem]]
EXCEPTION_HANDLERS: dict[int | type[Exception], Handler] = {
    ProblemError: _problem_error,
    BusinessRefusalError: _refusal,
    ValidationException: _validation,
    ClientException: _client_error,
    HTTPException: _http_error,
    RPCError: _temporal,
    UnicodeDecodeError: _undecodable,
    RecursionError: _undecodable,
    asyncpg.CharacterNotInRepertoireError: _unstorable_text,
    asyncpg.UntranslatableCharacterError: _unstorable_text,
    asyncpg.DataError: _unexpected,  # an InterfaceError by class, a defect by nature
    Exception: _unexpected,
    **dict.fromkeys(OUTAGES, _outage),
}
"""For `Litestar(exception_handlers=…)`; the nearest class of an exception's MRO wins."""
