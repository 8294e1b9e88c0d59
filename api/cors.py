"""CORS for the browser applications that an adopter names in `CORS_ORIGINS` (Fetch standard §3.2).

For the API only: pages and the codec endpoint (`api.codec_cors`) stay closed to these origins. No credentials: logins
are sent as a header, never as a cookie.
"""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from api.codec_cors import origin_of

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
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"")
        # Also to others: what a cache keeps for one origin must not be given to the next.
        cors = [(b"vary", b"origin")]
        if origin in self._origins:
            cors += [(b"access-control-allow-origin", origin), EXPOSED]
            if scope.get("method") == "OPTIONS" and b"access-control-request-method" in headers:
                await send({"type": "http.response.start", "status": 204, "headers": [*cors, *PREFLIGHT]})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return

        async def send_with_cors(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *cors]
            await send(message)

        await self._app(scope, receive, send_with_cors)
