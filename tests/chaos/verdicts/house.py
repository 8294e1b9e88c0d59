"""What must be true of the whole house, once everybody has finished."""

from collections import defaultdict
from typing import Any

from tests.chaos.academy import Academy
from tests.chaos.waiting import until

QUIET_WITHIN_SECONDS = 90.0
"""Three runs of the relay."""

ISSUED = """
SELECT left(number, 3) AS series, 2000 + substr(number, 5, 2)::int AS year, right(number, 7)::int AS serial
FROM (SELECT number FROM invoices UNION ALL SELECT number FROM credit_notes) AS document WHERE number IS NOT NULL
"""
"""`INV/2627/0000001`: series, the calendar year in which the financial year began, serial."""

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
    "refunds beyond their payment": "SELECT p.id FROM payments p WHERE p.amount_minor <"
    " (SELECT sum(r.amount_minor) FROM refunds r WHERE r.payment_id = p.id AND r.status NOT IN ('failed', 'returned'))",
    "refund of an invoice without its credit note": "SELECT r.id FROM refunds r JOIN payments p ON p.id = r.payment_id"
    " JOIN invoices i ON i.order_id = r.order_id AND i.number IS NOT NULL WHERE p.applied AND r.status = 'succeeded'"
    " AND r.amount IS DISTINCT FROM (SELECT sum(n.total) FROM credit_notes n WHERE n.refund_id = r.id)",
    "lost dispute of an invoice without its credit note": "SELECT d.id FROM disputes d JOIN payments p"
    " ON p.id = d.payment_id JOIN invoices i ON i.order_id = d.order_id AND i.number IS NOT NULL WHERE p.applied"
    " AND d.state = 'lost' AND NOT EXISTS (SELECT FROM credit_notes n WHERE n.dispute_id = d.id)",
    "order given back whole whose books are not zero": "SELECT o.id FROM orders o JOIN ledger_postings p"
    " ON p.order_id = o.id JOIN ledger_entries e ON e.posting_id = p.id WHERE o.status IN ('refunded', 'charged_back')"
    " GROUP BY o.id, e.account_id, e.currency HAVING sum(e.amount) <> 0",
    "enrolled order without an invoice number": "SELECT o.id FROM orders o JOIN invoices i ON i.order_id = o.id"
    " WHERE o.status = 'enrolled' AND i.number IS NULL",
    "gap in invoice or credit-note serials": f"WITH issued AS ({ISSUED}) SELECT c.series FROM invoice_counters c"
    " WHERE ARRAY (SELECT serial FROM issued i WHERE i.series = c.series AND i.year = c.financial_year ORDER BY serial)"
    " <> ARRAY (SELECT generate_series(1, c.last_serial))",
    "serial that no counter gave": f"WITH issued AS ({ISSUED}) SELECT FROM issued i WHERE NOT EXISTS"
    " (SELECT FROM invoice_counters c WHERE c.series = i.series AND c.financial_year = i.year)",
    "provider's event that fits nothing": "SELECT id FROM provider_events WHERE status = 'unmatched'",
    "two open orders": "SELECT user_id FROM orders WHERE closed_at IS NULL GROUP BY user_id, course_id"
    " HAVING count(*) > 1",
    "idempotency key without its order or refund": "SELECT k.id FROM idempotency_keys k WHERE NOT EXISTS"
    " (SELECT FROM orders WHERE id = k.resource_id) AND NOT EXISTS (SELECT FROM refunds WHERE id = k.resource_id)",
}
"""Statements over our whole database that must find nothing, once everybody has finished."""

QUIET = {
    "undelivered event": "SELECT id FROM provider_events WHERE status = 'received'",
    "unsent message": "SELECT id FROM outgoing_messages WHERE status <> 'sent'"
    " AND NOT (status = 'unknown' AND channel <> 'email')",  # what test_killed_notices.py leaves
    "open order": "SELECT id FROM orders WHERE closed_at IS NULL",
    "refund on its way": "SELECT id FROM refunds WHERE status IN ('requested', 'submitted')",
    "open dispute": "SELECT id FROM disputes WHERE closed_at IS NULL",
    "transaction left open": "SELECT pid FROM pg_stat_activity WHERE application_name = 'academy'"
    " AND state LIKE 'idle in transaction%' AND state_change < now() - interval '5 seconds'",
}
"""Statements that must find nothing soon."""


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
    """Captured money has enrolled somebody or is gone again, whatever our own tables believe."""
    book = await academy.book()
    back: defaultdict[str, int] = defaultdict(int)
    for refund in book["refunds"]:
        back[refund["payment_intent"]] += refund["amount"] if refund["status"] == "succeeded" else 0
    for dispute in book["disputes"]:
        back[dispute["payment_intent"]] += dispute["amount"] if dispute["status"] == "lost" else 0
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
            "ExecutionStatus = 'Running' AND WorkflowType IN"
            " ('Purchase', 'Refund', 'LatePayment', 'Dispute', 'Notice', 'Message')"
        )
        return not [story.id async for story in stories]

    await until(all_ended, "no running story", QUIET_WITHIN_SECONDS)
    ill = academy.temporal.list_workflows("ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated', 'Canceled')")
    assert [f"{story.id}: {story.status}" async for story in ill] == []
