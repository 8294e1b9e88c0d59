"""What a request's body has to be."""

import asyncio
import contextlib
from functools import cache
from time import monotonic
from typing import Any

from litestar.enums import RequestEncodingType, ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.status_codes import HTTP_408_REQUEST_TIMEOUT
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import ProblemError

OF_A_BODY = ("body_too_large", "body_too_slow", "malformed_body")
"""What a route that reads a body may answer with."""
LARGEST_BODY_BYTES = 256 * 1024
"""Of every route that does not say otherwise by `request_max_body_size`."""
BODY_SILENCE_SECONDS = 10.0
BODY_SECONDS = 30.0
"""From the first look for the body to its end: 256 KiB at 9 KB/s."""
CLOSE = {"Connection": "close"}
DRAIN_BYTES = 8 * 1024 * 1024
DRAIN_SILENCE_SECONDS = 2.0
DRAIN_SECONDS = 30.0


class MediaTypeMiddleware(ASGIMiddleware):
    """A handler that takes `data` gets it only from the media type that it declares; 415 otherwise.

    Litestar itself would read a body of any type as JSON. That a browser's form cannot send JSON also keeps
    foreign pages from posting here.
    """

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        wanted = _media_type_of(scope["route_handler"])
        if wanted is not None:
            sent = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
            if sent.partition(b";")[0].strip().lower() != wanted.encode():
                raise ProblemError("unsupported_media_type", headers={"Accept": wanted})
        await next_app(scope, receive, send)


@cache
def _media_type_of(handler: Any) -> str | None:
    data = handler.parsed_fn_signature.parameters.get("data")
    if data is None:
        return None
    return RequestEncodingType(getattr(data.kwarg_definition, "media_type", RequestEncodingType.JSON)).value


class BodyInTime:
    """ASGI: a body that stops coming, or comes by drops, ends the request with 408; one that is cut off, with 400.

    The server itself has a limit for headers only: without this one, a caller could hold a request open for ever, and
    with it the end of a process that finishes its requests first.
    """

    def __init__(
        self, app: ASGIApp, silence_seconds: float = BODY_SILENCE_SECONDS, all_seconds: float = BODY_SECONDS
    ) -> None:
        self._app = app
        self._silence_seconds = silence_seconds
        self._all_seconds = all_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        is_whole, ends_at = False, 0.0

        async def receive_in_time() -> Any:
            nonlocal is_whole, ends_at
            if is_whole:  # what comes now is the end of the connection, which may take as long as the answer
                return await receive()
            now = monotonic()
            ends_at = ends_at or now + self._seconds_of(scope)
            try:
                async with asyncio.timeout(min(self._silence_seconds, ends_at - now)):
                    message = await receive()
            except TimeoutError:
                raise ProblemError("body_too_slow", headers=CLOSE) from None
            if message["type"] == "http.disconnect":
                raise ProblemError("malformed_body", headers=CLOSE)
            is_whole = not message.get("more_body", False)
            return message

        await self._app(scope, receive_in_time, send)

    def _seconds_of(self, scope: Scope) -> float:
        """What the route says, which is known once somebody looks for the body (`api.access.requires`)."""
        options = getattr(scope.get("route_handler"), "opt", {})
        return float(options.get("body_seconds") or self._all_seconds)


class DrainUnread:
    """ASGI: reads what is still coming of a body before an answer that did not wait for it (no login, no such route,
    another media type, too large): up to so many bytes and seconds, and as long as the caller does not fall silent.

    A server that answers and closes while its caller still sends makes the caller's system throw the answer away
    (RFC 9112 §9.6). Who waits for a `100 Continue` that was not sent is not asked for a body now (RFC 9110 §10.1.1).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"]) if scope["type"] == ScopeType.HTTP else {}
        if b"transfer-encoding" not in headers and headers.get(b"content-length", b"0") == b"0":
            await self._app(scope, receive, send)
            return
        is_coming = headers.get(b"expect", b"").lower() != b"100-continue"

        async def receive_noted() -> Any:
            nonlocal is_coming
            message = await receive()
            is_coming = message["type"] == "http.request" and message.get("more_body", False)
            return message

        async def send_drained(message: Message) -> None:
            # Who was too slow has been waited for already.
            if message["type"] == "http.response.start" and is_coming and message["status"] != HTTP_408_REQUEST_TIMEOUT:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(DRAIN_SECONDS):
                        await _drain(receive)
            await send(message)

        await self._app(scope, receive_noted, send_drained)


async def _drain(receive: Receive) -> None:
    drained = 0
    while drained < DRAIN_BYTES:
        async with asyncio.timeout(DRAIN_SILENCE_SECONDS):
            message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return
        drained += len(message["body"])
