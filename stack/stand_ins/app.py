"""What every payment provider's stand-in is made of: an ASGI application with a book, an API, controls, a sender."""

import asyncio
import logging
from abc import ABC, abstractmethod
from pathlib import Path

from stack.stand_ins.book import KEY_LIFETIME_SECONDS, Book
from stack.stand_ins.controls import Controls
from stack.stand_ins.faults import Faults
from stack.stand_ins.http import Answer, Receive, Request, Scope, Send, problem, read_request, send_answer
from stack.stand_ins.webhooks import EventFormat, Webhooks

PRUNE_EVERY_SECONDS = 15 * 60

CONTROLS_OF_ALL = """\
GET    /test/webhooks?event_id=                    every delivery with its attempts
POST   /test/webhooks/{event}/resend
POST   /test/faults, GET, DELETE                   {"seed": 7, "webhooks": {"drop", "double", "forge", "reorder",
       "delay_ms"}, "api": [{"operation", "kind", "times", "seconds"}], "refunds": {"mode", "delay_ms"}}
POST   /test/prune-keys                            forget idempotency keys; optional JSON {"older_than_seconds"}
"""

log = logging.getLogger(__name__)


class StandIn(ABC):
    """The ASGI application. `start` and `close` belong to the loop that serves it."""

    help: str
    """What `GET /` says."""
    controls: Controls

    def __init__(self, book: Path, form: EventFormat, *, webhook_url: str, events: frozenset[str]) -> None:
        self.book = Book(book)
        self.faults = Faults()
        self.webhooks = Webhooks(self.book, self.faults, form, url=webhook_url, subscribed=events)
        self._pruning: asyncio.Task[None] | None = None

    @abstractmethod
    async def call_api(self, request: Request) -> Answer | None:
        """Answer `/v1/…`, or say nothing (`None`: the client has gone)."""

    @abstractmethod
    def resume(self) -> None:
        """Go on with what an earlier process meant to do later."""

    def start(self) -> None:
        """Go on with the webhooks and refunds that an earlier process left."""
        self.webhooks.resume()
        self.resume()
        self._pruning = asyncio.get_running_loop().create_task(self._prune())

    async def close(self) -> None:
        """Stop sending and close the book."""
        if self._pruning is not None:
            self._pruning.cancel()
        await self.webhooks.close()
        self.book.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        request = await read_request(scope, receive)
        if request is None:
            return
        try:
            answer = await self._answer(request)
        except Exception:
            log.exception("the stand-in itself failed on %s %s", request.method, request.path)
            answer = problem(500, "The stand-in itself failed; its log says how.")
        if answer is not None:
            await send_answer(send, answer)

    async def _answer(self, request: Request) -> Answer | None:
        if request.path.startswith("/v1/"):
            return await self.call_api(request)
        if request.path.startswith("/test/"):
            return await self.controls.handle(request)
        if request.path == "/" and request.method == "GET":
            return Answer(200, self.help.encode(), content_type=b"text/plain; charset=utf-8")
        return problem(404, "Only /, /v1 and /test are here.")

    async def _prune(self) -> None:
        while True:
            with self.book.operation():
                self.book.prune_answers(KEY_LIFETIME_SECONDS)
            await asyncio.sleep(PRUNE_EVERY_SECONDS)
