"""CORS for the browser applications that an adopter names in `CORS_ORIGINS` (Fetch standard §3.2).

For the API only: pages and the codec endpoint (`api.http.codec_cors`) stay closed to these origins. No credentials:
logins are sent as a header, never as a cookie.
"""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from api.http.cors_answers import answer_with, origin_of

PATHS = "/api/"
PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
    (b"access-control-allow-headers", b"authorization, content-type, idempotency-key, if-none-match"),
    (b"access-control-max-age", b"600"),
]
EXPOSED = (b"access-control-expose-headers", b"location, link, retry-after, etag, x-request-id")


class ApiCors:
    """ASGI: answers preflights of named origins, and marks answers as readable for them, refusals among them."""

    def __init__(self, app: ASGIApp, cors_origins: str) -> None:
        self._app = app
        self._origins = {origin_of(part.strip()) for part in cors_origins.split(",") if part.strip()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._origins or scope["type"] != ScopeType.HTTP or not scope["path"].startswith(PATHS):
            await self._app(scope, receive, send)
            return
        origin = dict(scope["headers"]).get(b"origin", b"")
        # Also to others: what a cache keeps for one origin must not be given to the next.
        marks = [(b"vary", b"origin")]
        is_named = origin in self._origins
        if is_named:
            marks += [(b"access-control-allow-origin", origin), EXPOSED]
        await answer_with(self._app, scope, receive, send, marks=marks, preflight=PREFLIGHT if is_named else None)
