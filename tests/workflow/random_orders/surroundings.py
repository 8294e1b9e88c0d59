"""What surrounds the random commands: questions to the house, the provider's news, the comparison with the model."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeVar

from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from activities.sweeps import Sweeps
from db.sql import fetch
from domain.billing.money import to_minor
from domain.billing.payments import ProviderDispute, ProviderEvent, ProviderPayment, ProviderRefund
from domain.errors import OutageError
from domain.identifiers import new_id, purchase_workflow_id
from domain.stories import StoryTimeoutError
from tests.workflow.conftest import PATIENCE, Academy, Bought, one
from tests.workflow.random_orders.model import PRICE, Money, Order

T = TypeVar("T")

INSISTENCE_SECONDS = 200.0
"""A task that killed workers lose is given out anew after 10, 10, 10, 14, 19, 27, 43 s; from the third loss on Temporal
refuses questions at once."""

STANDING = """
SELECT o.status, o.attention,
       EXISTS (SELECT FROM entitlements WHERE source_id = o.id AND ended_at IS NULL) AS has_access,
       (SELECT COALESCE(sum(amount_minor), 0) FROM payments WHERE order_id = o.id) AS captured,
       (SELECT COALESCE(sum(amount_minor), 0) FROM refunds WHERE order_id = o.id AND status = 'succeeded') AS back,
       (SELECT count(*) FROM refunds WHERE order_id = o.id AND status NOT IN ('succeeded', 'returned')) AS waiting,
       (SELECT COALESCE(sum(e.amount), 0) FROM ledger_entries e JOIN ledger_postings p ON p.id = e.posting_id
        WHERE p.order_id = o.id AND e.account_id = 'provider_clearing') AS clearing
FROM orders o WHERE o.id = $1
"""

DOCUMENTS = """
SELECT (SELECT COALESCE(sum(c.total), 0) FROM credit_notes c JOIN invoices i ON i.id = c.invoice_id
        WHERE i.order_id = $1) AS noted,
       (SELECT COALESCE(sum(c.tax), 0) FROM credit_notes c JOIN invoices i ON i.id = c.invoice_id
        WHERE i.order_id = $1) AS tax_noted,
       (SELECT COALESCE(sum(e.amount), 0) FROM ledger_entries e JOIN ledger_postings p ON p.id = e.posting_id
        WHERE p.order_id = $1 AND e.account_id = 'tax_payable' AND e.amount > 0) AS tax_reversed
"""

EARNINGS = """
SELECT (SELECT COALESCE(sum(amount), 0) FROM instructor_earnings WHERE "courseId" = $1) AS earned,
       (SELECT COALESCE(-sum(e.amount), 0) FROM ledger_entries e JOIN ledger_postings p ON p.id = e.posting_id
        JOIN orders o ON o.id = p.order_id WHERE o.course_id = $1 AND e.account_id = 'instructor_payable') AS owed
"""


class Surroundings:
    """One person, one course, what the model says of them, and how the house hears of what was done."""

    def __init__(self, academy: Academy, hasty: Academy, seed: int, patience: float) -> None:
        """`patience` is how many seconds our tables have to follow each command."""
        self.academy = academy
        self.hasty = hasty
        self.patience = patience
        self.dice = random.Random(seed)
        self.log = [f"seed {seed}"]
        self.orders: list[Order] = []
        self.user_id = self.course_id = ""

    async def place(self, academy: Academy) -> Bought:
        """Place an order and wait for its checkout."""
        order = await academy.order(self.course_id, self.user_id)
        answer = await self.insist(lambda: academy.stories.checkout(order, order.order_id, PATIENCE))
        handle = academy.services.temporal.get_workflow_handle(purchase_workflow_id(order.order_id))
        return Bought(order, answer, handle)

    async def insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Ask again, as buyers and the relay do, while Temporal is too slow to answer on a busy machine."""
        deadline = time.monotonic() + INSISTENCE_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(StoryTimeoutError, OutageError):
                return await call()
            await asyncio.sleep(1)
        raise AssertionError("\n".join([*self.log, "Temporal does not answer"]))

    async def soon(self, sql: str, *arguments: object) -> Any:
        """The first row of a statement, once it has one."""
        deadline = time.monotonic() + self.patience
        while not (rows := await fetch(sql, *arguments)):
            assert time.monotonic() < deadline, "\n".join([*self.log, f"nothing yet: {sql}"])
            await asyncio.sleep(0.1)
        return rows[0]

    async def repair(self, workflow_id: str, update: str) -> None:
        """What a person sends, and sends again when its worker died before it could answer."""
        handle = self.academy.services.temporal.get_workflow_handle(workflow_id)
        deadline = time.monotonic() + INSISTENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                await handle.execute_update(update, rpc_timeout=PATIENCE)
            except WorkflowUpdateFailedError:
                return  # an earlier one was heard, and its answer lost
            except (WorkflowUpdateRPCTimeoutOrCancelledError, RPCError):
                await asyncio.sleep(1)
            else:
                return
        raise AssertionError("\n".join([*self.log, f"{workflow_id} does not answer"]))

    # The model.

    def owns(self) -> bool:
        return any(order.has_access for order in self.orders)

    def settle(self, order: Order, payment_id: str, amount: int) -> None:
        """Paid means enrolled, or given back whole."""
        if amount == PRICE and order.applied is None and not self.owns():
            order.applied, order.has_access = Money(payment_id, amount), True
        else:
            order.other.append(Money(payment_id, amount, back=amount))
        order.is_open = False

    def refusal_of(self, money: Money | None, amount: int | None) -> str | None:
        if money is None:
            return "nothing_to_refund"
        if money.dispute:
            return "payment_disputed"
        if money.left <= 0:
            return "nothing_to_refund"
        return "refund_exceeds_payment" if amount is not None and amount > money.left else None

    def pick(self, orders: list[Order]) -> Order | None:
        return self.dice.choice(orders) if orders else None

    def pick_money(self, fits: Callable[[Money], bool]) -> tuple[Order | None, Money | None]:
        found = [(order, order.applied) for order in self.orders if order.applied and fits(order.applied)]
        return self.dice.choice(found) if found else (None, None)

    # How it is heard of, and how it stands.

    @property
    def provider(self) -> Any:
        return self.academy.services.providers["stripe"]

    async def hear(
        self,
        *,
        payment: ProviderPayment | None = None,
        refund: ProviderRefund | None = None,
        dispute: ProviderDispute | None = None,
    ) -> None:
        """A webhook, a doubled one, or only the reconciliation."""
        way = self.dice.choice(["once", "once", "twice", "reconciled"])
        if way == "reconciled":
            services = self.academy.services
            sweeps = Sweeps(services.providers, services.delivery, services.stories)
            await self.academy.in_activity(sweeps.reconcile)
            return
        event = ProviderEvent(
            provider="stripe", event_id=new_id(), event_type="any", payment=payment, refund=refund, dispute=dispute
        )
        times = 2 if way == "twice" else 1
        deliver = self.academy.services.delivery.deliver
        await asyncio.gather(*(self.insist(lambda: deliver(event)) for _ in range(times)))

    async def agree(self) -> None:
        """Wait until our tables say what the model says."""
        deadline = time.monotonic() + self.patience
        while differences := await self.differences():
            assert time.monotonic() < deadline, "\n".join([*self.log, *differences])
            await asyncio.sleep(0.1)

    async def differences(self) -> list[str]:
        found = []
        for number, order in enumerate(self.orders):
            ours = await one(STANDING, order.bought.order.order_id)
            captured, back = sum(m.captured for m in order.money), sum(m.back for m in order.money)
            model = (order.status, None, order.has_access, captured, back, 0, order.clearing)
            if tuple(ours) != model:
                found.append(f"order {number}: ours {tuple(ours)}, model {model}")
        rows = await fetch('SELECT status FROM course_enrollments WHERE "userId" = $1', self.user_id)
        is_active = [row["status"] for row in rows] == ["active"]
        if is_active != self.owns():
            found.append(f"enrollment: ours {is_active}, model {self.owns()}")
        return found

    async def compare_books(self) -> None:
        """Our books, the provider's, and the documents of each order."""
        for order in self.orders:
            order_id = order.bought.order.order_id
            sums = await fetch(
                "SELECT e.account_id, sum(e.amount) AS sum FROM ledger_entries e JOIN ledger_postings p"
                " ON p.id = e.posting_id WHERE p.order_id = $1 GROUP BY account_id",
                order_id,
            )
            books = {row["account_id"]: Decimal(row["sum"]) for row in sums}
            assert sum(books.values()) == 0, self.log
            if not any(money.left for money in order.money):
                assert not any(books.values()), (books, self.log)
            charges = await self.academy.book(order_id)
            captured = sum(charge["amount_received"] for charge in charges)
            back = sum(r["amount"] for c in charges for r in c["refunds"] if r["status"] == "succeeded")
            assert captured == sum(money.captured for money in order.money), self.log
            assert back == sum(money.back for money in order.money), self.log
            notes = await one(DOCUMENTS, order_id)
            gone = order.applied.back + order.applied.lost if order.applied else 0
            assert to_minor(notes["noted"], "INR") == gone, (tuple(notes), self.log)
            assert notes["tax_noted"] == notes["tax_reversed"], (tuple(notes), self.log)
        earned = await one(EARNINGS, self.course_id)
        assert earned["earned"] == earned["owed"], self.log
