"""What a request's body has to be."""

import asyncio
import contextlib
from functools import cache
from typing import Any

from litestar.enums import RequestEncodingType, ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.status_codes import HTTP_413_REQUEST_ENTITY_TOO_LARGE
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import ProblemError

LARGEST_BODY_BYTES = 256 * 1024
"""Of every route that does not say otherwise by `request_max_body_size`."""
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


class DrainTooLarge:
    """ASGI: reads what is still coming of a body that is refused as too large, before answering: up to so many bytes
    and seconds, and as long as the caller does not fall silent.

    A server that answers and closes while its caller still sends makes the caller's system throw the answer away
    (RFC 9112 §9.6).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_drained(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == HTTP_413_REQUEST_ENTITY_TOO_LARGE:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(DRAIN_SECONDS):
                        await _drain(receive)
            await send(message)

        await self._app(scope, receive, send_drained)


async def _drain(receive: Receive) -> None:
    drained = 0
    while drained < DRAIN_BYTES:
        async with asyncio.timeout(DRAIN_SILENCE_SECONDS):
            message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return
        drained += len(message["body"])
