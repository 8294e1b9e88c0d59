"""The stand-in put together: an ASGI application with its book, its API, its test controls and its sender."""

import asyncio
import logging
from pathlib import Path

from stack.stand_ins.http import Answer, Receive, Request, Scope, Send, problem, read_request, send_answer
from stack.stand_ins.stripe.api import StripeApi
from stack.stand_ins.stripe.book import KEY_LIFETIME_SECONDS, Book
from stack.stand_ins.stripe.controls import Controls
from stack.stand_ins.stripe.disputes import Disputes
from stack.stand_ins.stripe.faults import Faults
from stack.stand_ins.stripe.intents import Intents
from stack.stand_ins.stripe.refunds import Refunds
from stack.stand_ins.stripe.webhooks import Webhooks

PRUNE_EVERY_SECONDS = 15 * 60

HELP = """Stand-in for Stripe. Its API is at /v1 (payment_intents, refunds, disputes); nothing here moves money.

POST   /test/pay/{payment_intent}                  pay; optional JSON {"amount", "currency"} captures something else
POST   /test/decline/{payment_intent}              the bank says no
POST   /test/process/{payment_intent}              a slow method; pay or decline ends it
POST   /test/refund-at-dashboard/{payment_intent}  optional JSON {"amount"}
POST   /test/refunds/{refund}/succeed | /fail      end a pending refund, or fail one that succeeded
POST   /test/dispute/{payment_intent}              the payer asks their bank; optional JSON {"amount", "inquiry",
       "due_in_seconds"}
POST   /test/disputes/{dispute}/respond | /escalate | /win | /lose
       evidence is sent; an inquiry becomes a chargeback; the bank decides for us or against us
GET    /test/book?order_id=                        payment_intents, charges, refunds, disputes
GET    /test/webhooks?event_id=                    every delivery with its attempts
POST   /test/webhooks/{event}/resend
POST   /test/faults, GET, DELETE                   {"seed": 7, "webhooks": {"drop", "double", "forge", "reorder",
       "delay_ms"}, "api": [{"operation", "kind", "times", "seconds"}], "refunds": {"mode", "delay_ms"}}
POST   /test/prune-keys                            forget idempotency keys; optional JSON {"older_than_seconds"}
"""

log = logging.getLogger(__name__)


class StripeStandIn:
    """The ASGI application. `start` and `close` belong to the loop that serves it."""

    def __init__(self, book: Path, *, secret_key: str, webhook_url: str, webhook_secret: str, events: frozenset[str]):
        self._book = Book(book)
        self._faults = Faults()
        self._webhooks = Webhooks(self._book, self._faults, url=webhook_url, secret=webhook_secret, subscribed=events)
        self._intents = Intents(self._book, self._webhooks.emit)
        self._disputes = Disputes(self._book, self._webhooks.emit)
        self._refunds = Refunds(self._book, self._webhooks.emit, self._disputes)
        self._api = StripeApi(
            self._book, self._faults, self._intents, self._refunds, self._disputes, secret_key=secret_key
        )
        self._controls = Controls(
            self._book, self._faults, self._intents, self._refunds, self._disputes, webhooks=self._webhooks
        )
        self._pruning: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Go on with the webhooks and refunds that an earlier process left."""
        self._webhooks.resume()
        self._refunds.resume()
        self._pruning = asyncio.get_running_loop().create_task(self._prune())

    async def close(self) -> None:
        """Stop sending and close the book."""
        if self._pruning is not None:
            self._pruning.cancel()
        await self._webhooks.close()
        self._book.close()

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
            return await self._api.handle(request)
        if request.path.startswith("/test/"):
            return await self._controls.handle(request)
        if request.path == "/" and request.method == "GET":
            return Answer(200, HELP.encode(), content_type=b"text/plain; charset=utf-8")
        return problem(404, "Only /, /v1 and /test are here.")

    async def _prune(self) -> None:
        while True:
            with self._book.operation():
                self._book.prune_answers(KEY_LIFETIME_SECONDS)
            await asyncio.sleep(PRUNE_EVERY_SECONDS)
