"""Where a purchase is held while something is killed: one stop for each write of its history.

Temporal writes several events in one transaction, so no kill can come between them: a stop stands after such a write,
and one purchase is sent there for each event of it. What a worker does *between* two writes are the gaps (`gaps.py`).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tests.chaos.academy import Academy
from tests.chaos.buyer import Buyer
from tests.chaos.histories import Batch, Event
from tests.chaos.waiting import until

REACHED_WITHIN_SECONDS = 15.0

Reach = Callable[[Academy, Sequence[Buyer]], Awaitable[None]]

STARTED, TASK_1, CHECKOUT, SIGNALLED, TASK_2, CLOSED = range(6)
"""The writes of an undisturbed purchase's history, in order."""


@dataclass(frozen=True)
class Landed:
    """Where a purchase stood when the kill came."""

    event: Event
    """The newest event of its history."""
    order: str
    """The order's stored status, `-` without an order."""
    intent: str
    """The payment intent's status in the provider's own book, `-` without one."""

    def __str__(self) -> str:
        return f"{self.event.id} {self.event.kind}, order {self.order}, PI {self.intent}"


@dataclass(frozen=True)
class Stop:
    """A point to be hit. `reach` brings purchases there and holds them; `where` has to agree before it counts."""

    name: str
    write: int | None
    """The newest write that the history may show; `None`: there is no history yet."""
    order: str
    intent: str
    reach: Reach
    ends_as: str = "enrolled"
    newest: str | None = None
    """The kind of the newest event, for a stop beside the undisturbed history."""

    def is_hit(self, landed: Landed, undisturbed: Sequence[Batch]) -> bool:
        """Whether a purchase stands exactly here."""
        if (landed.order, landed.intent) != (self.order, self.intent):
            return False
        if self.newest is not None:
            return landed.event.kind == self.newest
        return landed.event == (Event(0, "(no history)") if self.write is None else undisturbed[self.write][-1])


async def where(academy: Academy, buyer: Buyer) -> Landed:
    """Where somebody's purchase stands, by the books of Temporal, PostgreSQL and the provider."""
    order_id, order = await order_of(academy, buyer)
    intents = (await academy.book(order_id))["payment_intents"] if order_id else []
    return Landed(await academy.last_event(order_id), order, intents[-1]["status"] if intents else "-")


async def order_of(academy: Academy, buyer: Buyer) -> tuple[str | None, str]:
    """Id and stored status of somebody's order, known to the buyer or not."""
    rows = await academy.sql("SELECT id, status FROM orders WHERE user_id = $1 ORDER BY id DESC", buyer.user_id)
    return (rows[0]["id"], rows[0]["status"]) if rows else (None, "-")


async def history_reaches(academy: Academy, buyer: Buyer, event_id: int) -> None:
    """Wait for an event of the story."""

    async def look() -> bool:
        order_id, _ = await order_of(academy, buyer)
        return order_id is not None and (await academy.last_event(order_id)).id >= event_id

    await until(look, f"event {event_id}", REACHED_WITHIN_SECONDS)


async def order_becomes(academy: Academy, buyer: Buyer, status: str) -> None:
    """Wait for the order's stored status."""

    async def look() -> bool:
        return (await order_of(academy, buyer))[1] == status

    await until(look, f"order {status}", REACHED_WITHIN_SECONDS)


async def order_all(buyers: Sequence[Buyer]) -> None:
    """Everybody orders and stops before the payment."""
    for buyer in buyers:
        buyer.start(pays=False)
    for buyer in buyers:
        await buyer.ordered(REACHED_WITHIN_SECONDS)


async def _started(academy: Academy, buyers: Sequence[Buyer]) -> None:
    academy.links["worker-temporal"].black_out()
    for buyer in buyers:
        buyer.start()
    for buyer in buyers:
        await history_reaches(academy, buyer, 2)


async def _task_1(academy: Academy, buyers: Sequence[Buyer]) -> None:
    academy.links["worker-temporal"].withhold_answers()
    for buyer in buyers:
        buyer.start()
        await history_reaches(academy, buyer, 3)


async def _checkout(academy: Academy, buyers: Sequence[Buyer]) -> None:
    await order_all(buyers)


async def _signalled(academy: Academy, buyers: Sequence[Buyer]) -> None:
    await order_all(buyers)
    academy.links["worker-temporal"].black_out()
    for buyer in buyers:
        buyer.may_pay.set()
    for buyer in buyers:
        await history_reaches(academy, buyer, 12)


async def _task_2(academy: Academy, buyers: Sequence[Buyer]) -> None:
    await order_all(buyers)
    academy.links["worker-temporal"].withhold_answers()
    for buyer in buyers:
        buyer.may_pay.set()
        await history_reaches(academy, buyer, 13)


async def _closed(academy: Academy, buyers: Sequence[Buyer]) -> None:
    await order_all(buyers)
    for buyer in buyers:
        buyer.may_pay.set()
    for buyer in buyers:
        await history_reaches(academy, buyer, 19)


UNPAID, PAID = "requires_payment_method", "succeeded"

EVENT_STOPS = (
    Stop("started, no task taken", STARTED, "preparing", "-", _started),
    Stop("first task handed out, not arrived", TASK_1, "preparing", "-", _task_1),
    Stop("checkout open, waiting for money", CHECKOUT, "awaiting_payment", UNPAID, _checkout),
    Stop("signalled, no task taken", SIGNALLED, "awaiting_payment", PAID, _signalled),
    Stop("second task handed out, not arrived", TASK_2, "awaiting_payment", PAID, _task_2),
    Stop("closed", CLOSED, "enrolled", PAID, _closed),
)
"""One for each write of the undisturbed history; `test_kills` sees that none is missing."""
