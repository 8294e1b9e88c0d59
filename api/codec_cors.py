"""CORS for the Temporal UI: exactly its origin, with credentials (Fetch standard §3.2)."""

from urllib.parse import urlsplit

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

ALLOWED_HEADERS = b"authorization, authorization-extras, content-type, x-namespace"
"""What the UI sends: the namespace always, the access token (and the id token) where it was told to."""
PREFLIGHT_SECONDS = b"600"
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
        headers = dict(scope["headers"])
        if headers.get(b"origin") != self._origin:
            await self._app(scope, receive, send)
            return
        cors = [
            (b"access-control-allow-origin", self._origin),
            (b"access-control-allow-credentials", b"true"),
            (b"vary", b"origin"),
        ]
        if scope.get("method") == "OPTIONS" and b"access-control-request-method" in headers:
            permissions = [
                (b"access-control-allow-methods", b"POST"),
                (b"access-control-allow-headers", ALLOWED_HEADERS),
                (b"access-control-max-age", PREFLIGHT_SECONDS),
            ]
            await send({"type": "http.response.start", "status": 204, "headers": [*cors, *permissions]})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return

        async def send_with_cors(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *cors]
            await send(message)

        await self._app(scope, receive, send_with_cors)


def origin_of(url: str) -> bytes:
    """An address's origin as browsers send it: scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower().encode()
