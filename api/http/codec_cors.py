"""CORS for the Temporal UI: exactly its origin, with credentials (Fetch standard §3.2)."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from api.http.cors_answers import answer_with, origin_of

ALLOWED_HEADERS = b"authorization, authorization-extras, content-type, x-namespace"
"""What the UI sends: the namespace always, the access token (and the id token) where it was told to."""
PREFLIGHT = [
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", ALLOWED_HEADERS),
    (b"access-control-max-age", b"600"),
]
CODEC_PATH = "/codec/"


class CodecCors:
    """ASGI: answers preflights and marks answers as readable for the UI's origin; nothing for other origins.

    It stands around the application, so that a refusal can be read by the UI, too.
    """

    def __init__(self, app: ASGIApp, temporal_ui_url: str) -> None:
        self._app = app
        self._origin = origin_of(temporal_ui_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or not scope["path"].startswith(CODEC_PATH):
            await self._app(scope, receive, send)
            return
        if dict(scope["headers"]).get(b"origin") != self._origin:
            await self._app(scope, receive, send)
            return
        marks = [
            (b"access-control-allow-origin", self._origin),
            (b"access-control-allow-credentials", b"true"),
            (b"vary", b"origin"),
        ]
        await answer_with(self._app, scope, receive, send, marks=marks, preflight=PREFLIGHT)
