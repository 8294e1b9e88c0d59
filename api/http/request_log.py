"""One id and one structured log line per request: never a query string, body, name, e-mail or token."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from domain.identifiers import new_id

Observe = Callable[[str, str, int, float], None]
"""Told of each answered request: method, the route's template, status, seconds."""
_JSON = msgspec.json.Encoder()


class RequestLog:
    """ASGI: gives the request an id (`X-Request-Id` in the answer, `state["request_id"]`) and logs its end.

    A caller's own id is not taken over: it could carry anything into our logs.
    """

    def __init__(self, app: ASGIApp, observe: Observe | None = None) -> None:
        self._app = app
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        request_id = new_id()
        scope["state"]["request_id"] = request_id
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            _write_line(scope, status, started)
            if self._observe is not None:
                self._observe(scope["method"], scope.get("path_template", ""), status, perf_counter() - started)


def _write_line(scope: Any, status: int, started: float) -> None:
    """A line as `logs.py` writes them, at a tenth of the cost, since there is one for each request.

    The path's template, not the path: an address may hold what somebody typed. `workflow_id` is of the story that was
    started or told something (`gateways.temporal.stories`).
    """
    entry = {
        "timestamp": datetime.now(UTC),
        "level": "info",
        "type": "lms",
        "service": "api",
        "event": "request",
        "method": scope["method"],
        "route": scope.get("path_template", ""),
        "status": status,
        "ms": round((perf_counter() - started) * 1000, 2),
        **get_contextvars(),
    }
    if (subject := scope.get("user")) is not None:
        entry["user_id"] = subject.user_id
    sys.stdout.buffer.write(_JSON.encode(entry) + b"\n")
