"""A dispute: access is kept until the bank decides. Lost: money and access are gone. Won: all is as it was."""

import asyncio
from datetime import timedelta

import pytest

from db.sql import fetch
from domain.billing.dispute import EVIDENCE_ALARM
from domain.billing.payments import DisputeState, ProviderEvent
from domain.identifiers import dispute_workflow_id, new_id, refund_workflow_id
from domain.messaging.telling import Channel
from tests.integration.messaging.phones import with_phone
from tests.leaks.lines import written
from tests.workflow.conftest import PATIENCE, Academy, eventually, one
from tests.workflow.disputes import deliver, disputed, end, enrolled, read, refunded_in_part, standing, step


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
