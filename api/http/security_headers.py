"""Headers that every answer carries, unless its route has said something stricter."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

DEFAULTS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    # For answers that are no page: were one shown as a page all the same, it could load, run and embed nothing.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
)
HSTS = (b"strict-transport-security", b"max-age=31536000")
"""A year (RFC 6797); without `includeSubDomains`, since the other subdomains are not ours to decide about."""
CREDENTIALS = (b"authorization", b"cookie")


class SecurityHeaders:
    """ASGI: adds what is missing. An answer to somebody with a login is kept by nobody on the way."""

    def __init__(self, app: ASGIApp, public_base_url: str) -> None:
        self._app = app
        self._headers = (*DEFAULTS, HSTS) if public_base_url.startswith("https://") else DEFAULTS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        private = any(name in CREDENTIALS for name, _ in scope["headers"])

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}  # in lower case, by the ASGI specification
                missing = [header for header in self._headers if header[0] not in present]
                if private and b"cache-control" not in present:
                    missing.append((b"cache-control", b"no-store"))
                message["headers"] = [*message["headers"], *missing]
            await send(message)

        await self._app(scope, receive, send_secured)
