"""What a request's body has to be."""

from functools import cache
from typing import Any

from litestar.enums import RequestEncodingType, ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from api.problems import ProblemError

LARGEST_BODY_BYTES = 256 * 1024
"""Of every route that does not say otherwise by `request_max_body_size`."""


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
