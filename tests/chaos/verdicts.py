"""What must be true of a purchase, and of the whole house, by everybody's own books."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from temporalio.client import WorkflowExecutionStatus

from domain.identifiers import purchase_workflow_id
from tests.chaos.academy import Academy
from tests.chaos.buyer import Buyer
from tests.chaos.waiting import until

QUIET_WITHIN_SECONDS = 90.0
"""Three runs of the relay."""

NOTHING_OF = {
    "posting that does not sum to zero": "SELECT p.event_key FROM ledger_entries e JOIN ledger_postings p"
    " ON p.id = e.posting_id GROUP BY p.event_key, e.currency HAVING sum(e.amount) <> 0",
    "posting without entries": "SELECT event_key FROM ledger_postings p WHERE NOT EXISTS"
    " (SELECT FROM ledger_entries e WHERE e.posting_id = p.id)",
    "event posted twice": "SELECT event_key FROM ledger_postings GROUP BY event_key HAVING count(*) > 1",
    "applied payment without active access": "SELECT p.id FROM payments p JOIN orders o ON o.id = p.order_id"
    " WHERE p.applied AND o.status = 'enrolled' AND NOT EXISTS (SELECT FROM course_enrollments e"
    ' WHERE e."userId" = o.user_id AND e."courseId" = o.course_id AND e.status = \'active\')',
    "enrollment without a reason": "SELECT id FROM course_enrollments e WHERE status = 'active' AND NOT EXISTS"
    ' (SELECT FROM entitlements t WHERE t.user_id = e."userId" AND t.course_id = e."courseId"'
    " AND t.ended_at IS NULL)",
    "unapplied payment without a whole refund": "SELECT p.id FROM payments p WHERE NOT p.applied AND p.amount_minor <>"
    " (SELECT coalesce(sum(r.amount_minor), 0) FROM refunds r WHERE r.payment_id = p.id AND r.status = 'succeeded')",
    "seat held by a closed order": "SELECT id FROM orders WHERE closed_at IS NOT NULL AND holds_seat",
    "order that waits for a person": "SELECT id FROM orders WHERE attention IS NOT NULL",
    "two open orders": "SELECT user_id FROM orders WHERE closed_at IS NULL GROUP BY user_id, course_id"
    " HAVING count(*) > 1",
    "idempotency key without its order": "SELECT k.id FROM idempotency_keys k LEFT JOIN orders o"
    " ON o.id = k.resource_id WHERE o.id IS NULL",
}
"""Statements over our whole database that must find nothing, once everybody has finished."""

QUIET = {
    "undelivered event": "SELECT id FROM provider_events WHERE status = 'received'",
    "unsent message": "SELECT id FROM outgoing_messages WHERE status <> 'sent'",
    "open order": "SELECT id FROM orders WHERE closed_at IS NULL",
    "transaction left open": "SELECT pid FROM pg_stat_activity WHERE application_name = 'academy'"
    " AND state LIKE 'idle in transaction%' AND state_change < now() - interval '5 seconds'",
}
"""Statements that must find nothing soon."""


async def story_ended(academy: Academy, buyer: Buyer, seconds: float) -> None:
    """Wait until the story is closed and its message is sent."""

    async def look() -> bool:
        handle = academy.temporal.get_workflow_handle(purchase_workflow_id(str(buyer.order_id)))
        if (await handle.describe()).status is not WorkflowExecutionStatus.COMPLETED:
            return False
        return bool(
            await academy.sql(
                "SELECT FROM outgoing_messages WHERE user_id = $1 HAVING bool_and(status = 'sent')", buyer.user_id
            )
        )

    await until(look, f"order {buyer.order_id}: story closed, message sent", seconds)


async def judge(academy: Academy, buyer: Buyer, ends_as: str) -> None:
    """One charge, one enrollment, one sale in the ledger, one message; or one full refund."""
    orders = await academy.sql("SELECT id, status FROM orders WHERE user_id = $1", buyer.user_id)
    assert [row["status"] for row in orders] == [ends_as], orders
    order_id = orders[0]["id"]
    book = await academy.book(order_id)
    captured = [charge for charge in book["charges"] if charge["captured"]]
    assert len(book["payment_intents"]) == 1, "more than one payment intent for one order"
    assert len(captured) == 1, f"captured {len(captured)} times"
    refunded = sum(refund["amount"] for refund in book["refunds"] if refund["status"] == "succeeded")
    enrolled = ends_as == "enrolled"
    assert refunded == (0 if enrolled else captured[0]["amount_captured"])
    assert len(book["refunds"]) == (0 if enrolled else 1)

    enrollments = await academy.sql('SELECT status FROM course_enrollments WHERE "userId" = $1', buyer.user_id)
    assert [row["status"] for row in enrollments] == (["active"] if enrolled else [])
    reasons = await academy.sql(
        "SELECT reason, source_id FROM entitlements WHERE user_id = $1 AND ended_at IS NULL", buyer.user_id
    )
    assert [tuple(row) for row in reasons] == ([("purchase", order_id)] if enrolled else [])
    payments = await academy.sql("SELECT id, applied FROM payments WHERE order_id = $1", order_id)
    assert [row["applied"] for row in payments] == [enrolled]
    await _judge_ledger(academy, order_id, payments[0]["id"], enrolled=enrolled)
    await _judge_messages(academy, buyer)


async def _judge_ledger(academy: Academy, order_id: str, payment_id: str, *, enrolled: bool) -> None:
    entries = await academy.sql(
        "SELECT p.event_key, e.account_id, e.amount, e.currency FROM ledger_postings p"
        " JOIN ledger_entries e ON e.posting_id = p.id WHERE p.order_id = $1",
        order_id,
    )
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for entry in entries:
        sums[entry["event_key"], entry["currency"]] += entry["amount"]
    assert not any(sums.values()), sums
    refunds = await academy.sql("SELECT id FROM refunds WHERE order_id = $1", order_id)
    expected = [f"payment:{payment_id}:sale"] if enrolled else [f"payment:{payment_id}:unapplied"]
    expected += [f"refund:{refund['id']}" for refund in refunds]
    postings = await academy.sql("SELECT event_key FROM ledger_postings WHERE order_id = $1", order_id)
    assert sorted(row["event_key"] for row in postings) == sorted(expected)
    assert {key for key, _ in sums} == set(expected), "a posting without entries"


async def _judge_messages(academy: Academy, buyer: Buyer) -> None:
    rows = await academy.sql("SELECT id, status FROM outgoing_messages WHERE user_id = $1", buyer.user_id)
    assert [row["status"] for row in rows] == ["sent"]
    mails = await academy.mails(buyer.email)
    assert {mail["messageId"].strip("<>").partition("@")[0] for mail in mails} == {rows[0]["id"]}


async def judge_house(academy: Academy) -> None:
    """Invariants over every book, once all buyers have finished."""
    for what, statement in QUIET.items():

        async def none_left(statement: str = statement) -> bool:
            return not await academy.sql(statement)

        await until(none_left, f"no {what}", QUIET_WITHIN_SECONDS)
    for what, statement in NOTHING_OF.items():
        assert not await academy.sql(statement), what
    settings = academy.stack.settings
    (sessions,) = await academy.sql("SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'academy'")
    assert sessions["n"] <= 2 * settings.database_pool_size, "worker and API hold more connections than their pools"
    await _judge_provider(academy)
    await _judge_stories(academy)


async def _judge_provider(academy: Academy) -> None:
    """Captured money has enrolled somebody or is back, whatever our own tables believe."""
    book = await academy.book()
    back: defaultdict[str, int] = defaultdict(int)
    for refund in book["refunds"]:
        back[refund["payment_intent"]] += refund["amount"] if refund["status"] == "succeeded" else 0
    rows = await academy.sql(
        "SELECT p.provider_payment_id FROM payments p JOIN orders o ON o.id = p.order_id JOIN course_enrollments e"
        ' ON e."userId" = o.user_id AND e."courseId" = o.course_id AND e.status = \'active\' WHERE p.applied'
    )
    enrolled = {row["provider_payment_id"] for row in rows}
    captured: list[dict[str, Any]] = [intent for intent in book["payment_intents"] if intent["status"] == "succeeded"]
    for intent in captured:
        is_back = back[intent["id"]] == intent["amount_received"]
        assert (intent["id"] in enrolled) != is_back, intent
    charges = [charge["payment_intent"] for charge in book["charges"] if charge["captured"]]
    assert len(charges) == len(set(charges)), "a payment intent was captured twice"


async def _judge_stories(academy: Academy) -> None:
    """Every story has ended, and ended well; only the schedules go on."""

    async def all_ended() -> bool:
        stories = academy.temporal.list_workflows(
            "ExecutionStatus = 'Running' AND WorkflowType IN ('Purchase', 'Refund', 'LatePayment')"
        )
        return not [story.id async for story in stories]

    await until(all_ended, "no running story", QUIET_WITHIN_SECONDS)
    ill = academy.temporal.list_workflows("ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated', 'Canceled')")
    assert [f"{story.id}: {story.status}" async for story in ill] == []
