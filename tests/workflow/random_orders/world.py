"""The random commands: each does something, to the house or at the provider, and tells the model of it."""

from collections.abc import Awaitable, Callable

import pytest

from db.queries.billing.refund_requests import RefundWish, request_refund
from db.sql import fetch
from domain.billing.purchase import OrderStatus, PurchasePolicy, Refusal
from domain.billing.refund import RefundRef
from domain.billing.refund_policy import RefundPolicy
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id, refund_workflow_id
from tests.workflow.random_orders.model import DISPUTES, PRICE, Order
from tests.workflow.random_orders.surroundings import Surroundings

OPEN = PurchasePolicy(expires_after_seconds=600, first_poll_seconds=1, longest_poll_seconds=1)
HASTY = PurchasePolicy(expires_after_seconds=1, first_poll_seconds=1, longest_poll_seconds=1)
ANYTIME = RefundPolicy(window_days=14, max_watched_percent=100)


class World(Surroundings):
    """One person, one course, and all that happens between them."""

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
