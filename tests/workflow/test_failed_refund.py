"""A refund that the provider failed, and a person who then makes it at the dashboard: the money goes back once."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle

from activities.sweeps import Sweeps
from bootstrap import Services
from db.queries.billing.refund_requests import RefundWish, request_refund
from db.sql import fetch
from domain.billing.payments import ProviderEvent, RefundState
from domain.billing.purchase import OrderStatus, PurchasePolicy
from domain.billing.refund import RefundRef
from domain.billing.refund_policy import RefundPolicy
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id, refund_workflow_id
from domain.messaging.delivery import Destination
from domain.stories import PAYMENT_SIGNAL, REFUND_SIGNAL
from tests.integration.conftest import NewPerson
from tests.workflow.conftest import Academy, Bought, eventually, one, running

ANYTIME = RefundPolicy(window_days=14, max_watched_percent=100)
PART, WHOLE = 18_000, 118_000

amounts = pytest.mark.parametrize("amount", [PART, WHOLE])


@pytest_asyncio.fixture(loop_scope="session", params=["stripe", "razorpay"])
async def academy(
    request: pytest.FixtureRequest, services: Services, worker_temporal: Client, new_person: NewPerson
) -> AsyncIterator[Academy]:
    """With each provider; stories do not ask it before the test has ended, so they know what they were told."""
    policy = PurchasePolicy(expires_after_seconds=600, first_poll_seconds=300, longest_poll_seconds=300)
    made = Academy(services, worker_temporal, policy, new_person, provider=request.param)
    async with running(made) as ready:
        yield ready


@dataclass
class Refunding:
    """A paid order of 1180 rupees and a refund of it that is on its way at the provider."""

    academy: Academy
    bought: Bought
    payment_id: str
    refund_id: str
    provider_refund_id: str

    @property
    def story(self) -> WorkflowHandle[Any, Any]:
        return self.academy.services.temporal.get_workflow_handle(refund_workflow_id(self.refund_id))

    async def fail(self) -> None:
        """The provider fails it, and nobody tells us."""
        await self.academy.at_provider(f"refunds/{self.provider_refund_id}/fail")
        await self.academy.clear_faults()

    async def wait_failed(self) -> None:
        """The webhook about it, and the story's answer to that."""
        await self.told(self.provider_refund_id)
        await self.waits_at("refund_failed")

    async def waits_at(self, step: str) -> None:
        await eventually("SELECT FROM refunds WHERE id = $1 AND attention = $2", self.refund_id, step)

    async def other_succeeded(self) -> None:
        """Another refund, made at the dashboard, has gone its whole way."""
        await eventually(
            "SELECT FROM refunds WHERE reason = 'at_provider' AND status = 'succeeded' AND order_id = $1",
            self.bought.order.order_id,
        )

    async def at_dashboard(self, amount: int) -> str:
        """A person makes a refund there: its id."""
        made = await self.academy.at_provider(f"refund-at-dashboard/{self.payment_id}", amount=amount)
        return str(made["id"])

    async def told(self, provider_refund_id: str) -> Destination:
        """A webhook about a refund as the provider has it now."""
        provider = self.academy.services.providers[self.academy.provider]
        news = await provider.read_refund(provider_refund_id)
        event = ProviderEvent(provider=provider.name, event_id=new_id(), event_type="refund.x", refund=news)
        return await self.academy.services.delivery.deliver(event)

    async def reconcile(self) -> None:
        services = self.academy.services
        providers = {self.academy.provider: services.providers[self.academy.provider]}
        await self.academy.in_activity(Sweeps(providers, services.delivery, self.academy.stories).reconcile)

    async def in_book(self) -> list[tuple[str, int]]:
        """Every refund that the provider has made of this order: its state in our words, and its amount."""
        provider = self.academy.services.providers[self.academy.provider]
        return sorted((r.state, r.amount_minor) for r in await provider.find_refunds(self.payment_id))

    async def ours(self) -> list[tuple[str, int]]:
        """Every refund row."""
        rows = await fetch("SELECT status, amount_minor FROM refunds WHERE order_id = $1", self.bought.order.order_id)
        return sorted((row["status"], row["amount_minor"]) for row in rows)

    async def standing(self) -> tuple[Any, ...]:
        """Order, what it waits for, whether access ended, credit notes and their sum."""
        row = await one(
            "SELECT o.status, o.attention, t.ended_reason, (SELECT count(*) FROM credit_notes c JOIN invoices i"
            " ON i.id = c.invoice_id WHERE i.order_id = o.id) AS notes, (SELECT sum(c.total)::text FROM credit_notes c"
            " JOIN invoices i ON i.id = c.invoice_id WHERE i.order_id = o.id) AS total"
            " FROM orders o JOIN entitlements t ON t.source_id = o.id WHERE o.id = $1",
            self.bought.order.order_id,
        )
        return tuple(row.values())


AFTER = {
    PART: ("partially_refunded", None, None, 1, "180.00"),
    WHOLE: ("refunded", None, "refunded", 1, "1180.00"),
}
"""How an order of 1180 rupees stands once so much of it went back."""


async def refunding(academy: Academy, amount: int) -> Refunding:
    """Asked for and pending at the provider."""
    bought = await academy.buy(await academy.course(instructorId=(await academy.new_person()).id))
    payment = await academy.pay_without_webhook(bought)
    await bought.handle.signal(PAYMENT_SIGNAL, payment)
    assert await bought.handle.result() == OrderStatus.ENROLLED
    await academy.at_provider("faults", refunds={"mode": "pending"})
    wish = RefundWish(
        user_id=bought.order.user_id,
        route=f"/api/v1/purchases/{bought.order.order_id}/refunds",
        key=new_id(),
        request_hash="of-the-test",
        order_id=bought.order.order_id,
        is_admin=True,
        amount_minor=amount,
    )
    refund_id = await request_refund(wish, ANYTIME)
    await academy.stories.tell_refund(RefundRef(refund_id), None)
    row = await eventually(
        "SELECT provider_refund_id AS id FROM refunds WHERE id = $1 AND status = 'submitted'", refund_id
    )
    return Refunding(academy, bought, payment.payment_id, refund_id, row["id"])


@amounts
async def test_one_at_the_dashboard_ends_the_wait_and_is_the_same_refund(academy: Academy, amount: int) -> None:
    refund = await refunding(academy, amount)
    await refund.fail()
    await refund.wait_failed()
    await refund.at_dashboard(amount)

    await refund.reconcile()

    assert await refund.story.result() == "succeeded"
    assert await refund.in_book() == [("failed", amount), ("succeeded", amount)]
    assert await refund.ours() == [("succeeded", amount)]
    assert await refund.standing() == AFTER[amount]
    await refund.reconcile()
    assert await refund.ours() == [("succeeded", amount)]


@amounts
async def test_a_retry_after_one_at_the_dashboard_that_nobody_has_told_of_makes_no_second(
    academy: Academy, amount: int
) -> None:
    refund = await refunding(academy, amount)
    await refund.fail()
    await refund.wait_failed()
    made = await refund.at_dashboard(amount)

    assert await refund.story.execute_update("retry") == "refund_failed"

    assert await refund.story.result() == "succeeded"
    assert await refund.in_book() == [("failed", amount), ("succeeded", amount)]
    assert await refund.told(made) is Destination.NOTHING, "its webhook comes after all"
    await refund.reconcile()
    assert await refund.ours() == [("succeeded", amount)]
    assert await refund.standing() == AFTER[amount]


async def test_giving_up_after_one_at_the_dashboard_follows_it_instead(academy: Academy) -> None:
    refund = await refunding(academy, PART)
    await refund.fail()
    await refund.wait_failed()
    await refund.at_dashboard(PART)

    await refund.story.execute_update("give_up")

    assert await refund.story.result() == "succeeded"
    assert await refund.in_book() == [("failed", PART), ("succeeded", PART)]
    assert await refund.standing() == AFTER[PART]


async def test_a_part_made_at_the_dashboard_before_we_knew_of_the_failure_is_not_paid_twice(academy: Academy) -> None:
    """It has a row of its own then; the one that failed asks a person, and refuses to be tried again."""
    refund = await refunding(academy, PART)
    await refund.fail()
    assert await refund.told(await refund.at_dashboard(PART)) is Destination.FOREIGN_REFUND
    await refund.other_succeeded()
    await refund.wait_failed()

    await refund.story.execute_update("retry")
    await refund.waits_at("submit_refund")
    await refund.story.execute_update("give_up")

    assert await refund.story.result() == "failed"
    assert await refund.in_book() == [("failed", PART), ("succeeded", PART)]
    assert await refund.ours() == [("failed", PART), ("succeeded", PART)]
    assert await refund.standing() == AFTER[PART]


async def test_the_whole_made_at_the_dashboard_before_we_knew_of_the_failure_is_followed_once_we_do(
    academy: Academy,
) -> None:
    refund = await refunding(academy, WHOLE)
    await refund.fail()
    made = await refund.at_dashboard(WHOLE)
    with pytest.raises(BusinessRefusalError, match="refund_exceeds_payment"):
        await refund.told(made)  # kept, and repeated by the relay
    await refund.wait_failed()

    assert await refund.told(made) is Destination.FOREIGN_REFUND

    assert await refund.story.result() == "succeeded"
    assert await refund.in_book() == [("failed", WHOLE), ("succeeded", WHOLE)]
    assert await refund.standing() == AFTER[WHOLE]


async def test_one_of_another_amount_at_the_dashboard_leaves_it_waiting(academy: Academy) -> None:
    refund = await refunding(academy, PART)
    await refund.fail()
    await refund.wait_failed()
    await refund.told(await refund.at_dashboard(PART - 1))
    await refund.other_succeeded()

    assert await refund.story.execute_update("retry") == "refund_failed"

    assert await refund.story.result() == "succeeded"
    assert await refund.in_book() == [("failed", PART), ("succeeded", PART - 1), ("succeeded", PART)]


async def test_late_news_of_the_one_that_failed_tries_nothing_by_itself(academy: Academy) -> None:
    refund = await refunding(academy, PART)
    provider = academy.services.providers[academy.provider]
    pending = await provider.read_refund(refund.provider_refund_id)
    await refund.fail()
    await refund.wait_failed()
    assert pending.state is RefundState.PENDING

    await refund.story.signal(REFUND_SIGNAL, pending)
    await refund.story.signal(REFUND_SIGNAL, msgspec.structs.replace(pending, state=RefundState.SUCCEEDED))

    assert await refund.story.execute_update("retry") == "refund_failed", "it still waited for a person"
    assert await refund.story.result() == "succeeded"
    assert await refund.in_book() == [("failed", PART), ("succeeded", PART)]
