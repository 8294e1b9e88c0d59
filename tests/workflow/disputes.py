"""What tests of disputes share: a payer who asks their bank, its news, and how everything stands."""

import asyncio
from typing import Any

from temporalio.client import WorkflowHandle

from activities.sweeps import Sweeps
from db.sql import fetch
from domain.billing.payments import ProviderDispute, ProviderEvent
from domain.identifiers import dispute_workflow_id, new_id
from domain.messaging.delivery import Destination
from tests.workflow.conftest import PATIENCE, Academy, Bought, eventually, one


async def enrolled(academy: Academy) -> Bought:
    """A paid order of 1180 rupees, with an instructor."""
    bought = await academy.buy(await academy.course(instructorId=(await academy.new_person()).id))
    await academy.at_provider(f"pay/{bought.payment_id}")
    assert await bought.handle.result() == "enrolled"
    return bought


async def deliver(academy: Academy, dispute: ProviderDispute) -> Destination:
    """The dispute's news, as a webhook brings it."""
    event = ProviderEvent(provider="stripe", event_id=new_id(), event_type="charge.dispute.updated", dispute=dispute)
    return await academy.services.delivery.deliver(event)


async def read(academy: Academy, dispute_id: str) -> ProviderDispute:
    """The dispute in the provider's book, in our words."""
    return await academy.services.providers["stripe"].read_dispute(dispute_id)


async def disputed(academy: Academy, payment_id: str, **body: Any) -> str:
    """The payer asks their bank, and the webhook comes; the provider's id of the dispute."""
    dispute_id: str = (await academy.at_provider(f"dispute/{payment_id}", **body))["id"]
    assert await deliver(academy, await read(academy, dispute_id)) is Destination.DISPUTE
    await eventually("SELECT FROM disputes WHERE provider_dispute_id = $1 AND state <> 'opened'", dispute_id)
    return dispute_id


async def step(academy: Academy, dispute_id: str, name: str) -> None:
    """Something happens at the provider, and its webhook comes."""
    await academy.at_provider(f"disputes/{dispute_id}/{name}")
    await deliver(academy, await read(academy, dispute_id))


async def story(academy: Academy, dispute_id: str) -> WorkflowHandle[Any, Any]:
    row = await one("SELECT id FROM disputes WHERE provider_dispute_id = $1", dispute_id)
    return academy.services.temporal.get_workflow_handle(dispute_workflow_id(row["id"]))


async def end(academy: Academy, dispute_id: str) -> Any:
    """How the story ended."""
    async with asyncio.timeout(PATIENCE.total_seconds()):
        return await (await story(academy, dispute_id)).result()


async def standing(bought: Bought) -> dict[str, Any]:
    """All that a dispute may touch: order, access, enrollment, every account, the instructor's earnings."""
    order_id = bought.order.order_id
    order = await one("SELECT status, attention FROM orders WHERE id = $1", order_id)
    reason = await one("SELECT ended_at, ended_reason FROM entitlements WHERE source_id = $1", order_id)
    enrollment = await one('SELECT status FROM course_enrollments WHERE "userId" = $1', bought.order.user_id)
    sums = await fetch(
        "SELECT account_id, sum(amount) AS sum FROM ledger_entries e JOIN ledger_postings p ON p.id = e.posting_id"
        " WHERE p.order_id = $1 GROUP BY account_id HAVING sum(amount) <> 0",
        order_id,
    )
    earned = await one(
        'SELECT COALESCE(sum(amount), 0) AS sum FROM instructor_earnings WHERE "courseId" = $1', bought.order.course_id
    )
    return {
        "order": order["status"],
        "attention": order["attention"],
        "ended": reason["ended_reason"],
        "enrollment": enrollment["status"],
        "books": {row["account_id"]: str(row["sum"]) for row in sums},
        "earned": str(earned["sum"]),
    }


async def refunded_in_part(academy: Academy, bought: Bought, amount: int) -> None:
    """Some of the money goes back at the dashboard."""
    await academy.at_provider(f"refund-at-dashboard/{bought.payment_id}", amount=amount)
    await academy.in_activity(Sweeps(academy.services.providers, academy.services.delivery, academy.stories).reconcile)
    await eventually("SELECT FROM orders WHERE id = $1 AND status = 'partially_refunded'", bought.order.order_id)
