"""Events, and their signed delivery by HTTP until the other side says 2xx.

Providers promise neither order nor once (https://docs.stripe.com/webhooks, https://razorpay.com/docs/webhooks/best-practices).
The backoff is seconds where theirs is minutes, so that a demonstration recovers while one looks on.
"""

import asyncio
import time
from typing import Protocol

import msgspec

from stack.stand_ins.book import Book, Delivery, Json
from stack.stand_ins.faults import Faults
from stack.stand_ins.posting import Poster, PostError

BACKOFF_SECONDS = (1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60)
"""Waits after each failed attempt; then the delivery is `failed` (and may be resent by hand)."""
ATTEMPT_TIMEOUT_SECONDS = 10
AT_ONCE = 32
"""Deliveries in flight."""


class EventFormat(Protocol):
    """How a provider words and signs its events."""

    agent: str
    """`User-Agent` of its webhooks."""

    def event(self, event_type: str, thing: Json) -> tuple[str, bytes]:
        """A new event's id and body."""
        ...

    def about(self, body: bytes) -> str:
        """The id of the object that an event is about."""
        ...

    def signed(self, delivery: Delivery) -> tuple[bytes, dict[str, str]]:
        """Body and headers as the delivery's sort wants them: `genuine`, or a way of forging."""
        ...


class Webhooks:
    """Plans, signs and sends. Planning happens inside `book.operation()`, sending after its commit."""

    def __init__(self, book: Book, faults: Faults, form: EventFormat, *, url: str, subscribed: frozenset[str]) -> None:
        self._book = book
        self._faults = faults
        self._url = url
        self._form = form
        self._subscribed = subscribed
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()
        self._poster = Poster(url, ATTEMPT_TIMEOUT_SECONDS, form.agent)

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
        event_id, body = self._form.event(event_type, thing)
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

    def report(self, event_id: str | None) -> list[Json]:
        """Every delivery, or those of one event, with its attempts."""
        return [
            {
                "event_id": d.event_id,
                "type": d.event_type,
                "object": self._form.about(d.body),
                "sort": d.sort,
                "state": d.state,
                "attempts": d.attempts,
                "statuses": d.statuses,
                "next_attempt_in_seconds": max(0.0, d.due - time.time()) if d.state == "pending" else None,
            }
            for d in self._book.deliveries(event_id=event_id)
        ]

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
        body, signature = self._form.signed(delivery)
        headers = {"content-type": "application/json; charset=utf-8", **signature}
        try:
            return str(await self._poster.post(body, headers))
        except PostError as error:
            return str(error)


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
