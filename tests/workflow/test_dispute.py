"""A dispute: access is kept until the bank decides. Lost: money and access are gone. Won: all is as it was."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from activities.sweeps import Sweeps
from db.queries.billing.provider_events import commit_event, mark_event
from db.sql import fetch
from domain.billing.dispute import EVIDENCE_ALARM
from domain.billing.payments import DisputeState, ProviderDispute, ProviderEvent
from domain.identifiers import dispute_workflow_id, new_id, refund_workflow_id
from domain.messaging.delivery import Destination
from domain.messaging.telling import Channel
from tests.integration.messaging.phones import with_phone
from tests.leaks.lines import written
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


@pytest.mark.parametrize("refunded", [0, 18_001])
async def test_a_lost_dispute_takes_money_and_access(academy: Academy, refunded: int) -> None:
    bought = await enrolled(academy)
    if refunded:
        await refunded_in_part(academy, bought, refunded)
    dispute_id = await disputed(academy, bought.payment_id)
    open_ = await standing(bought)
    assert (open_["order"], open_["ended"], open_["enrollment"]) == ("disputed", None, "active"), "access is kept"
    left = {0: "1180.00", 18_001: "999.99"}[refunded]
    assert open_["books"]["disputed_funds"] == left
    assert "provider_clearing" not in open_["books"], "the bank has taken the money already"

    await step(academy, dispute_id, "lose")

    assert await end(academy, dispute_id) == DisputeState.LOST
    lost = await standing(bought)
    assert lost == {
        "order": "charged_back",
        "attention": None,
        "ended": "charged_back",
        "enrollment": "cancelled",
        "books": {},
        "earned": "0.00",
    }
    notes = await fetch(
        "SELECT c.total, c.tax, c.number FROM credit_notes c JOIN invoices i ON i.id = c.invoice_id"
        " WHERE i.order_id = $1 ORDER BY c.issued_at, c.number",
        bought.order.order_id,
    )
    assert [str(note["total"]) for note in notes] == (["180.01", "999.99"] if refunded else ["1180.00"])
    assert str(sum(note["tax"] for note in notes)) == "180.00", "the whole tax of the invoice"


@pytest.mark.parametrize("refunded", [0, 18_001])
async def test_a_won_dispute_leaves_everything_as_it_was(academy: Academy, refunded: int) -> None:
    bought = await enrolled(academy)
    if refunded:
        await refunded_in_part(academy, bought, refunded)
    before = await standing(bought)
    dispute_id = await disputed(academy, bought.payment_id)
    await step(academy, dispute_id, "respond")
    assert (await standing(bought))["order"] == "disputed"

    await step(academy, dispute_id, "win")

    assert await end(academy, dispute_id) == DisputeState.WON
    assert await standing(bought) == before


async def test_a_lost_dispute_of_a_part_ends_this_reason_and_no_other(academy: Academy) -> None:
    bought = await enrolled(academy)
    await fetch(
        "INSERT INTO entitlements (id, user_id, course_id, reason, source_id, since)"
        " VALUES ($1, $2, $3, 'plan', $1, now())",
        *(new_id(), bought.order.user_id, bought.order.course_id),
    )
    dispute_id = await disputed(academy, bought.payment_id, amount=59_000)
    await step(academy, dispute_id, "lose")

    assert await end(academy, dispute_id) == DisputeState.LOST
    lost = await standing(bought)
    assert (lost["order"], lost["ended"], lost["enrollment"]) == ("charged_back", "charged_back", "active")
    assert lost["books"] == {
        "provider_clearing": "590.00",
        "tax_payable": "-90.00",
        "instructor_payable": "-350.00",
        "platform_revenue": "-150.00",
    }, "half of the sale is left"
    assert lost["earned"] == "350.00"


async def test_an_inquiry_moves_no_money_until_it_becomes_a_chargeback(academy: Academy) -> None:
    bought = await enrolled(academy)
    before = await standing(bought)
    asked = await disputed(academy, bought.payment_id, inquiry=True)
    assert (await standing(bought))["books"] == before["books"]
    await step(academy, asked, "respond")
    await step(academy, asked, "escalate")
    await eventually(
        "SELECT FROM ledger_postings WHERE order_id = $1 AND event_key LIKE '%:hold'", bought.order.order_id
    )
    await step(academy, asked, "lose")
    assert await end(academy, asked) == DisputeState.LOST
    assert (await standing(bought))["books"] == {}

    other = await enrolled(academy)
    before = await standing(other)
    closed = await disputed(academy, other.payment_id, inquiry=True)
    await step(academy, closed, "win")
    assert await end(academy, closed) == DisputeState.WON
    assert await standing(other) == before


async def test_news_doubled_and_in_any_order_is_followed_once(academy: Academy) -> None:
    bought = await enrolled(academy)
    dispute_id: str = (await academy.at_provider(f"dispute/{bought.payment_id}"))["id"]
    opened = await read(academy, dispute_id)
    await academy.at_provider(f"disputes/{dispute_id}/lose")
    lost = await read(academy, dispute_id)

    for news in (lost, opened, lost, opened):
        await deliver(academy, news)

    assert await end(academy, dispute_id) == DisputeState.LOST
    for news, destination in ((opened, Destination.NOTHING), (lost, Destination.NOTHING)):
        assert await deliver(academy, news) is destination
    await one("SELECT FROM disputes WHERE order_id = $1", bought.order.order_id)
    await one(
        "SELECT FROM ledger_postings WHERE order_id = $1 AND event_key LIKE 'dispute:%:chargeback'",
        bought.order.order_id,
    )
    assert (await standing(bought))["books"] == {}


async def test_without_any_webhook_the_reconciliation_finds_it_and_the_story_asks(academy: Academy) -> None:
    bought = await enrolled(academy)
    dispute_id: str = (await academy.at_provider(f"dispute/{bought.payment_id}"))["id"]
    sweeps = Sweeps(academy.services.providers, academy.services.delivery, academy.stories)
    await academy.in_activity(sweeps.reconcile)
    await eventually("SELECT FROM disputes WHERE provider_dispute_id = $1 AND state = 'needs_response'", dispute_id)

    await academy.at_provider(f"disputes/{dispute_id}/lose")

    assert await end(academy, dispute_id) == DisputeState.LOST


async def test_a_dispute_before_its_payment_is_settled_is_found_afterwards(academy: Academy) -> None:
    bought = await academy.buy(await academy.course())
    await academy.at_provider(f"pay/{bought.payment_id}")
    dispute_id: str = (await academy.at_provider(f"dispute/{bought.payment_id}"))["id"]
    early = await read(academy, dispute_id)
    if not await fetch("SELECT FROM payments WHERE order_id = $1", bought.order.order_id):
        assert await deliver(academy, early) is Destination.UNMATCHED
    assert await bought.handle.result() == "enrolled"

    sweeps = Sweeps(academy.services.providers, academy.services.delivery, academy.stories)
    await academy.in_activity(sweeps.reconcile)

    await eventually("SELECT FROM orders WHERE id = $1 AND status = 'disputed'", bought.order.order_id)
    await step(academy, dispute_id, "win")
    assert await end(academy, dispute_id) == DisputeState.WON
    assert (await standing(bought))["order"] == "enrolled"


async def test_a_dispute_that_came_too_early_is_brought_again_by_the_relay(academy: Academy) -> None:
    bought = await academy.buy(await academy.course())
    payment = await academy.pay_without_webhook(bought)
    early = ProviderDispute(
        provider="stripe",
        dispute_id=f"du_{bought.order.order_id}",
        payment_id=payment.payment_id,
        state=DisputeState.NEEDS_RESPONSE,
        amount_minor=118_000,
        currency="INR",
        created_at=(await one("SELECT now() AS now"))["now"],
    )
    event = ProviderEvent(provider="stripe", event_id=new_id(), event_type="charge.dispute.created", dispute=early)
    stored = await commit_event(event)
    # As it stood before the money was settled.
    await mark_event(stored.id, "unmatched")
    assert await bought.handle.result() == "enrolled"

    await eventually("SELECT FROM provider_events WHERE id = $1 AND status IN ('received', 'delivered')", stored.id)
    await fetch("UPDATE provider_events SET received_at = now() - interval '1 minute' WHERE id = $1", stored.id)
    await academy.in_activity(Sweeps(academy.services.providers, academy.services.delivery, academy.stories).relay)

    await eventually("SELECT FROM orders WHERE id = $1 AND status = 'disputed'", bought.order.order_id)


async def test_whose_access_a_lost_dispute_ended_is_told_over_every_way_that_they_allow(academy: Academy) -> None:
    person = await academy.new_person()
    await with_phone(person, Channel.SMS)
    bought = await academy.buy(await academy.course(), person.id)
    await academy.at_provider(f"pay/{bought.payment_id}")
    assert await bought.handle.result() == "enrolled"
    dispute_id = await disputed(academy, bought.payment_id)

    await step(academy, dispute_id, "lose")

    assert await end(academy, dispute_id) == DisputeState.LOST
    rows = await fetch(
        "SELECT channel, status, dedupe_key FROM outgoing_messages WHERE user_id = $1 AND template = 'dispute-lost'",
        person.id,
    )
    assert {row["channel"] for row in rows} == {"email", "sms"}
    assert [row["status"] for row in rows if row["channel"] == "email"] == ["sent"]
    await eventually(
        "SELECT FROM outgoing_messages WHERE user_id = $1 AND template = 'dispute-lost' AND channel = 'sms'"
        " AND status = 'sent'",
        person.id,
    )


async def test_evidence_that_is_due_soon_alarms_a_person_until_it_is_sent(academy: Academy) -> None:
    bought = await enrolled(academy)
    soon = EVIDENCE_ALARM + timedelta(seconds=3)
    with written() as lines:
        dispute_id = await disputed(academy, bought.payment_id, due_in_seconds=soon.total_seconds())
        assert (await standing(bought))["attention"] is None, "not yet"
        alarmed = "SELECT FROM orders WHERE id = $1 AND attention = 'dispute:evidence_due'"
        await eventually(alarmed, bought.order.order_id)
    row = await one("SELECT id FROM disputes WHERE provider_dispute_id = $1", dispute_id)
    ours = [line for line in lines() if line.get("workflow_id") == dispute_workflow_id(row["id"])]
    alarms = [(line["level"], line["step"]) for line in ours if line["event"] == "alarm_story_waits_for_person"]
    assert alarms == [("warning", "evidence_due")]
    await step(academy, dispute_id, "respond")

    await eventually("SELECT FROM orders WHERE id = $1 AND attention IS NULL", bought.order.order_id)
    await step(academy, dispute_id, "win")
    assert await end(academy, dispute_id) == DisputeState.WON


@pytest.mark.parametrize(("decision", "repair", "ends"), [("lose", "give_up", "failed"), ("win", "retry", "succeeded")])
async def test_a_disputed_second_payment_keeps_its_refund_waiting(
    academy: Academy, decision: str, repair: str, ends: str
) -> None:
    """Two payments for one order: the second goes back, but its bank was asked first, so the provider refuses."""
    bought = await enrolled(academy)
    before = await standing(bought)
    second = await academy.captured_at_provider(bought.order.order_id, 118_000)
    dispute_id: str = (await academy.at_provider(f"dispute/{second}"))["id"]
    payment = await academy.services.providers["stripe"].read_payment(second)
    event = ProviderEvent(provider="stripe", event_id=new_id(), event_type="late", payment=payment)
    await academy.services.delivery.deliver(event)
    refund = await eventually(
        "SELECT id FROM refunds WHERE order_id = $1 AND attention = 'submit_refund'", bought.order.order_id
    )
    await deliver(academy, await read(academy, dispute_id))
    await eventually("SELECT FROM disputes WHERE provider_dispute_id = $1 AND state <> 'opened'", dispute_id)
    order = await one("SELECT status FROM orders WHERE id = $1", bought.order.order_id)
    assert order["status"] == "enrolled", "the other payment has enrolled"

    await step(academy, dispute_id, decision)
    await end(academy, dispute_id)
    waiting = academy.services.temporal.get_workflow_handle(refund_workflow_id(refund["id"]))
    assert await waiting.execute_update(repair) == "submit_refund"

    async with asyncio.timeout(PATIENCE.total_seconds()):
        assert await waiting.result() == ends
    assert await standing(bought) == before
    sent = [r["status"] for c in await academy.book(bought.order.order_id) for r in c["refunds"]]
    assert sent == (["succeeded"] if ends == "succeeded" else [])
