"""What both CORS doors do once they know what an origin may (Fetch standard §3.2)."""

from urllib.parse import urlsplit

from litestar.types import ASGIApp, Message, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]


async def answer_with(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, *, marks: Headers, preflight: Headers | None
) -> None:
    """Answer a preflight with `marks` and `preflight`, anything else by the app with `marks`; `preflight` is `None` for
    an origin that has no leave: then the app answers that, too."""
    asked = scope.get("method") == "OPTIONS" and b"access-control-request-method" in dict(scope["headers"])
    if asked and preflight is not None:
        await send({"type": "http.response.start", "status": 204, "headers": [*marks, *preflight]})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return

    async def send_marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *marks]
        await send(message)

    await app(scope, receive, send_marked)


def origin_of(url: str) -> bytes:
    """An address's origin as browsers send it: scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower().encode()
