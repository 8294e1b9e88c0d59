"""Random commands in any order against a plain model: buy, pay, decline, expire, late money, refunds, disputes.

Several small worlds run side by side on one worker; each does one command, lets it be heard of in a random way, and
waits until order, access and books are what the model says. A failing world prints its seed and its commands.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from activities.sweeps import Sweeps
from bootstrap import Services
from db.queries.billing.refund_requests import RefundWish, request_refund
from db.sql import fetch
from domain.billing.money import from_minor, to_minor
from domain.billing.payments import ProviderDispute, ProviderEvent, ProviderPayment, ProviderRefund
from domain.billing.purchase import OrderStatus, PurchasePolicy, Refusal
from domain.billing.refund import RefundRef
from domain.billing.refund_policy import RefundPolicy
from domain.errors import BusinessRefusalError, OutageError
from domain.identifiers import new_id, purchase_workflow_id, refund_workflow_id
from domain.stories import StoryTimeoutError
from tests.integration.conftest import NewPerson
from tests.workflow.conftest import PATIENCE, Academy, Bought, one, running

T = TypeVar("T")

SEEDS = range(8)
COMMANDS = 14
INSISTENCE_SECONDS = 200.0
"""A task that killed workers lose is given out anew after 10, 10, 10, 14, 19, 27, 43 s; from the third loss on Temporal
refuses questions at once."""
PRICE = 118_000
"""Minor units."""

OPEN = PurchasePolicy(expires_after_seconds=600, first_poll_seconds=1, longest_poll_seconds=1)
HASTY = PurchasePolicy(expires_after_seconds=1, first_poll_seconds=1, longest_poll_seconds=1)
ANYTIME = RefundPolicy(window_days=14, max_watched_percent=100)

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

DISPUTES = [
    (False, ("win",)),
    (False, ("respond", "win")),
    (False, ("lose",)),
    (False, ("respond", "lose")),
    (True, ("win",)),
    (True, ("respond", "escalate", "lose")),
]
"""Whether it begins as an inquiry, and its way to the end."""


@dataclass
class Money:
    """A captured payment in the model; minor units."""

    payment_id: str
    captured: int
    back: int = 0
    lost: int = 0
    dispute: str | None = None
    disputed: int = 0
    steps: list[str] = field(default_factory=list)
    """What is still to come of its open dispute."""
    is_held: bool = False

    @property
    def left(self) -> int:
        return self.captured - self.back - self.lost


@dataclass
class Order:
    """An order in the model."""

    bought: Bought
    is_open: bool = True
    charge_is_open: bool = True
    applied: Money | None = None
    other: list[Money] = field(default_factory=list)
    has_access: bool = False

    @property
    def money(self) -> list[Money]:
        return [*([self.applied] if self.applied else []), *self.other]

    @property
    def status(self) -> str:
        if self.applied is None:
            if self.other:
                return "refunded"
            return "awaiting_payment" if self.is_open else "expired"
        if self.applied.dispute:
            return "disputed"
        if self.applied.lost:
            return "charged_back"
        if self.applied.back == self.applied.captured:
            return "refunded"
        return "partially_refunded" if self.applied.back else "enrolled"

    @property
    def clearing(self) -> Decimal:
        return from_minor(sum(m.left - (m.disputed if m.is_held else 0) for m in self.money), "INR")


class World:
    """One person, one course, and all that happens between them."""

    def __init__(self, academy: Academy, hasty: Academy, seed: int, patience: float) -> None:
        """`patience` is how many seconds our tables have to follow each command."""
        self.academy = academy
        self.hasty = hasty
        self.patience = patience
        self.dice = random.Random(seed)
        self.log = [f"seed {seed}"]
        self.orders: list[Order] = []
        self.user_id = self.course_id = ""

    async def play(self, commands_to_do: int) -> None:
        """Random commands, each followed by a look at everything."""
        self.user_id = (await self.academy.new_person()).id
        self.course_id = await self.academy.course(instructorId=(await self.academy.new_person()).id)
        commands: list[Callable[[], Awaitable[str | None]]] = [
            *([self.buy] * 2),
            self.buy_and_expire,
            self.decline,
            *([self.pay] * 3),
            self.late_money,
            *([self.refund] * 3),
            self.refund_at_dashboard,
            *([self.bank_sends_back] * 2),
            *([self.dispute] * 2),
            *([self.dispute_goes_on] * 3),
        ]
        done = 0
        while done < commands_to_do:
            said = await self.dice.choice(commands)()
            if said is None:
                continue
            done += 1
            self.log.append(said)
            await self.agree()
        await self.compare_books()

    # Commands. `None` when there is nothing to do it to.

    async def buy(self) -> str | None:
        if any(order.is_open for order in self.orders):
            return None
        bought = await self.place(self.academy)
        if self.owns():
            assert bought.answer.refusal == Refusal.COURSE_OWNED, self.log
            return "buy what is owned"
        self.orders.append(Order(bought))
        return "buy"

    async def buy_and_expire(self) -> str | None:
        if self.owns() or any(order.is_open for order in self.orders):
            return None
        bought = await self.place(self.hasty)
        assert await bought.handle.result() == OrderStatus.EXPIRED, self.log
        self.orders.append(Order(bought, is_open=False, charge_is_open=False))
        return "buy and let it expire"

    async def decline(self) -> str | None:
        order = self.pick([order for order in self.orders if order.is_open and order.charge_is_open])
        if order is None:
            return None
        await self.academy.at_provider(f"decline/{order.bought.payment_id}")
        return "decline"

    async def pay(self) -> str | None:
        order = self.pick([order for order in self.orders if order.charge_is_open])
        if order is None:
            return None
        amount = PRICE if self.dice.random() < 0.85 else PRICE - 1
        await self.academy.at_provider(f"pay/{order.bought.payment_id}", amount=amount)
        order.charge_is_open = False
        self.settle(order, order.bought.payment_id, amount)
        await self.hear(payment=await self.provider.read_payment(order.bought.payment_id))
        return f"pay {amount} for order {self.orders.index(order)}"

    async def late_money(self) -> str | None:
        order = self.pick(self.orders)
        if order is None:
            return None
        order_id = order.bought.order.order_id
        payment_id = await self.academy.captured_at_provider(order_id, PRICE)
        self.settle(order, payment_id, PRICE)
        await self.hear(payment=await self.provider.read_payment(payment_id))
        return f"another payment for order {self.orders.index(order)}"

    async def refund(self) -> str | None:
        order = self.pick([order for order in self.orders if not (order.applied and order.applied.lost)])
        if order is None:
            return None
        money = order.applied
        amount = None if money is None or self.dice.random() < 0.4 else self.dice.randint(1, money.captured)
        end_access = self.dice.random() < 0.2
        wish = RefundWish(
            user_id=self.user_id,
            route="/of-the-test",
            key=new_id(),
            request_hash="",
            order_id=order.bought.order.order_id,
            is_admin=amount is not None,
            amount_minor=amount,
            end_access=end_access,
        )
        refusal = self.refusal_of(money, amount)
        if money is None or refusal is not None:
            with pytest.raises(BusinessRefusalError, match=refusal):
                await request_refund(wish, ANYTIME)
            return f"refund of {amount}: {refusal}"
        refund_id = await request_refund(wish, ANYTIME)
        await self.insist(lambda: self.academy.stories.tell_refund(RefundRef(refund_id), None))
        money.back += money.left if amount is None else amount
        order.has_access = order.has_access and bool(money.left) and not end_access
        return f"refund of {amount}, end access {end_access}"

    async def refund_at_dashboard(self) -> str | None:
        order, money = self.pick_money(lambda money: money.left > 0 and not money.dispute and not money.lost)
        if order is None or money is None:
            return None
        amount = money.left if self.dice.random() < 0.3 else self.dice.randint(1, money.left)
        made = await self.academy.at_provider(f"refund-at-dashboard/{money.payment_id}", amount=amount)
        money.back += amount
        order.has_access = order.has_access and bool(money.left)
        await self.hear(refund=await self.provider.read_refund(made["id"]))
        return f"refund of {amount} at the dashboard"

    async def bank_sends_back(self) -> str | None:
        """A refund that had succeeded, which a person then pays again: in the end all is as it was."""
        order, money = self.pick_money(lambda money: money.back > 0 and not money.dispute and not money.lost)
        if order is None or money is None:
            return None
        charges = await self.academy.book(order.bought.order.order_id)
        made = [
            r["id"]
            for charge in charges
            if charge["id"] == money.payment_id
            for r in charge["refunds"]
            if r["status"] == "succeeded"
        ]
        refund_id = self.dice.choice(made)
        await self.academy.at_provider(f"refunds/{refund_id}/fail")
        await self.hear(refund=await self.provider.read_refund(refund_id))
        owed = await self.soon(
            "SELECT n.id FROM refunds n JOIN refunds o ON o.id = n.replaces"
            " WHERE o.provider_refund_id = $1 AND n.attention = 'refund_returned'",
            refund_id,
        )
        [books] = await fetch(
            "SELECT COALESCE(sum(e.amount), 0) AS owed FROM ledger_entries e JOIN ledger_postings p"
            " ON p.id = e.posting_id WHERE p.order_id = $1 AND e.account_id = 'refunds_payable'",
            order.bought.order.order_id,
        )
        assert books["owed"] < 0, self.log
        if self.dice.random() < 0.7:
            await self.repair(refund_workflow_id(owed["id"]), "retry")
            return "a bank sends a refund back, and it is tried again"
        [amount] = await fetch("SELECT amount_minor FROM refunds WHERE id = $1", owed["id"])
        again = await self.academy.at_provider(f"refund-at-dashboard/{money.payment_id}", amount=amount["amount_minor"])
        await self.hear(refund=await self.provider.read_refund(again["id"]))
        return "a bank sends a refund back, and it is paid at the dashboard"

    async def dispute(self) -> str | None:
        _, money = self.pick_money(lambda money: money.left > 0 and not money.dispute and not money.lost)
        if money is None:
            return None
        is_inquiry, steps = self.dice.choice(DISPUTES)
        money.disputed = money.left if self.dice.random() < 0.5 else self.dice.randint(1, money.left)
        made = await self.academy.at_provider(f"dispute/{money.payment_id}", amount=money.disputed, inquiry=is_inquiry)
        money.dispute, money.steps, money.is_held = made["id"], list(steps), not is_inquiry
        await self.hear(dispute=await self.provider.read_dispute(made["id"]))
        return f"dispute of {money.disputed}, inquiry {is_inquiry}"

    async def dispute_goes_on(self) -> str | None:
        order, money = self.pick_money(lambda money: bool(money.dispute))
        if order is None or money is None or money.dispute is None:
            return None
        before = await self.provider.read_dispute(money.dispute)
        step = money.steps.pop(0)
        await self.academy.at_provider(f"disputes/{money.dispute}/{step}")
        now = await self.provider.read_dispute(money.dispute)
        money.is_held = money.is_held or step == "escalate"
        if step == "lose":
            money.lost += money.disputed
            order.has_access = False
        if not money.steps:
            money.dispute, money.is_held = None, False
        if self.dice.random() < 0.3:
            await self.hear(dispute=before)  # overtaken on its way
        await self.hear(dispute=now)
        return f"dispute: {step}"

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


@pytest_asyncio.fixture(loop_scope="session")
async def academies(
    services: Services, worker_temporal: Client, new_person: NewPerson
) -> AsyncIterator[tuple[Academy, Academy]]:
    """One whose orders stay open, and one whose orders expire at once; one worker runs both."""
    hasty = Academy(services, worker_temporal, HASTY, new_person)
    async with running(Academy(services, worker_temporal, OPEN, new_person)) as academy:
        yield academy, hasty
    await hasty.close()


async def test_any_order_of_commands_leaves_what_a_plain_model_says(academies: tuple[Academy, Academy]) -> None:
    async with asyncio.TaskGroup() as group:
        for seed in SEEDS:
            group.create_task(World(*academies, seed, PATIENCE.total_seconds()).play(COMMANDS))
