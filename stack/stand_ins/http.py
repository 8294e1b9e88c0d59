"""The few lines of ASGI that the stand-ins need; plain, since they must not be a benchmark's bottleneck."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LARGEST_BODY = 1_000_000
"""Bytes."""


class Answer(msgspec.Struct, frozen=True):
    """What goes back; the body is JSON unless `content_type` says otherwise."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = b"application/json"


class Request:
    """One HTTP request, its body read."""

    def __init__(self, scope: Scope, receive: Receive, body: bytes) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.body = body
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._receive = receive

    def header(self, name: bytes) -> str | None:
        """A header by its lower-case name."""
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")

    async def gone_within(self, seconds: float) -> bool:
        """Wait so long for the client to close the connection; whether it did."""
        try:
            await asyncio.wait_for(self.gone(), seconds)
        except TimeoutError:
            return False
        return True

    async def gone(self) -> None:
        """Return once the client has closed the connection."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def read_request(scope: Scope, receive: Receive) -> Request | None:
    """The whole request, or `None` when the client left, or sends too much."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            return None
        if not message.get("more_body"):
            return Request(scope, receive, bytes(body))


async def send_answer(send: Send, answer: Answer) -> None:
    """Write the answer out."""
    headers = [(b"content-type", answer.content_type), *answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def json_answer(status: int, body: object) -> Answer:
    """An answer in JSON."""
    return Answer(status, msgspec.json.encode(body))


def problem(status: int, title: str) -> Answer:
    """An RFC 9457 problem, for routes of our own."""
    body = msgspec.json.encode({"type": "about:blank", "status": status, "title": title})
    return Answer(status, body, content_type=b"application/problem+json")
