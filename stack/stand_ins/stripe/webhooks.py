"""Events, and their signed delivery by HTTP until the other side says 2xx.

https://docs.stripe.com/webhooks (signature, retries, no promise of order or of once). The backoff is seconds where
Stripe's is minutes, so that a demonstration recovers while one looks on.
"""

import asyncio
import hmac
import time
from hashlib import sha256

import msgspec

from stack.stand_ins.stripe.book import Book, Delivery
from stack.stand_ins.stripe.faults import Faults
from stack.stand_ins.stripe.posting import Poster, PostError
from stack.stand_ins.stripe.wire import Json, new_id

API_VERSION = "2025-03-31.basil"
BACKOFF_SECONDS = (1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60)
"""Waits after each failed attempt; then the delivery is `failed` (and may be resent by hand)."""
ATTEMPT_TIMEOUT_SECONDS = 10
AT_ONCE = 32
"""Deliveries in flight."""
STALE_SECONDS = 600
"""Age of a `stale` forgery: twice the tolerance that Stripe's libraries use."""

DEFAULT_EVENTS = frozenset(
    {
        "payment_intent.created",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.processing",
        "payment_intent.canceled",
        "charge.refunded",
        "refund.created",
        "refund.updated",
        "refund.failed",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
    }
)
"""What the one endpoint is subscribed to, unless the command line says otherwise."""


def signature_header(body: bytes, secret: str, timestamp: int) -> str:
    """`Stripe-Signature` of a body (https://docs.stripe.com/webhooks/signature)."""
    mac = hmac.new(secret.encode(), b"%d." % timestamp + body, sha256)
    return f"t={timestamp},v1={mac.hexdigest()}"


class Webhooks:
    """Plans, signs and sends. Planning happens inside `book.operation()`, sending after its commit."""

    def __init__(self, book: Book, faults: Faults, *, url: str, secret: str, subscribed: frozenset[str]) -> None:
        self._book = book
        self._faults = faults
        self._url = url
        self._secret = secret
        self._subscribed = subscribed
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()
        self._poster = Poster(url, ATTEMPT_TIMEOUT_SECONDS)

    def resume(self) -> None:
        """Go on with what an earlier process left in the queue."""
        for delivery in self._book.deliveries(pending_only=True):
            self._schedule(delivery)

    async def close(self) -> None:
        """Stop sending; what is not delivered stays in the book."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._poster.close()

    def emit(self, event_type: str, thing: Json) -> None:
        """Plan the deliveries of one event, as the faults want them."""
        if not self._url or event_type not in self._subscribed:
            return
        event_id = new_id("evt")
        body = msgspec.json.encode(
            {
                "id": event_id,
                "object": "event",
                "api_version": API_VERSION,
                "created": int(time.time()),
                "data": {"object": thing},
                "livemode": False,
                "pending_webhooks": 1,
                "request": {"id": None, "idempotency_key": None},
                "type": event_type,
            }
        )
        for planned in self._faults.deliveries():
            delivery = self._book.add_delivery(
                event_id,
                event_type,
                body,
                sort=planned.sort,
                state="dropped" if planned.dropped else "pending",
                due=time.time() + planned.seconds,
            )
            if not planned.dropped:
                self._after_commit(delivery)

    def resend(self, event_id: str) -> int:
        """Plan a genuine delivery more, now; 0 when there is no such event."""
        known = [d for d in self._book.deliveries(event_id=event_id) if d.sort == "genuine"]
        if not known:
            return 0
        first = known[0]
        self._after_commit(
            self._book.add_delivery(
                event_id, first.event_type, first.body, sort="genuine", state="pending", due=time.time()
            )
        )
        return 1

    def _after_commit(self, delivery: Delivery) -> None:
        self._book.after_commit(lambda: self._schedule(delivery))

    def _schedule(self, delivery: Delivery) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(delivery))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _deliver(self, delivery: Delivery) -> None:
        while delivery.state == "pending":
            wait = delivery.due - time.time()
            if wait > 0:
                await asyncio.sleep(wait)
            async with self._limit:
                status = await self._attempt(delivery)
            delivery = _after(delivery, status)
            with self._book.operation():
                self._book.record_attempt(delivery)

    async def _attempt(self, delivery: Delivery) -> str:
        body, header = self._signed(delivery)
        headers = {"content-type": "application/json; charset=utf-8", "stripe-signature": header}
        try:
            return str(await self._poster.post(body, headers))
        except PostError as error:
            return str(error)

    def _signed(self, delivery: Delivery) -> tuple[bytes, str]:
        now = int(time.time())
        match delivery.sort:
            case "altered":
                return _altered(delivery.body), signature_header(delivery.body, self._secret, now)
            case "wrong_secret":
                altered = _altered(delivery.body)
                return altered, signature_header(altered, "whsec_of_somebody_else", now)
            case "stale":
                return delivery.body, signature_header(delivery.body, self._secret, now - STALE_SECONDS)
            case _:
                return delivery.body, signature_header(delivery.body, self._secret, now)


def _after(delivery: Delivery, status: str) -> Delivery:
    attempts = delivery.attempts + 1
    state, due = "pending", delivery.due
    if status.startswith("2"):
        state = "delivered"
    elif delivery.sort != "genuine" or attempts > len(BACKOFF_SECONDS):
        state = "failed"  # a forger does not try again
    else:
        due = time.time() + BACKOFF_SECONDS[attempts - 1]
    return msgspec.structs.replace(
        delivery, state=state, due=due, attempts=attempts, statuses=[*delivery.statuses, status]
    )


def _altered(body: bytes) -> bytes:
    """The event as a thief would like it: a new id, and the payment succeeded in full."""
    event: Json = msgspec.json.decode(body)
    event["id"] = new_id("evt")
    thing = event["data"]["object"]
    if thing["object"] == "payment_intent":
        event["type"] = "payment_intent.succeeded"
        thing.update(status="succeeded", amount_received=thing["amount"])
    else:
        thing["amount"] = thing["amount"] * 10
    return msgspec.json.encode(event)
