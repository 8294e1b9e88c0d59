"""Verified webhooks: committed before they are answered, delivered after, repeated by the relay."""

from datetime import timedelta

import msgspec

from db.sql import as_json, fetch, fetch_one
from domain.billing.payments import DisputeState, ProviderDispute, ProviderEvent
from domain.billing.refund import RefundRef, RefundStatus
from domain.identifiers import new_id
from domain.messaging.delivery import KnownFacts


class StoredEvent(msgspec.Struct, frozen=True):
    """An event as committed. `is_delivered` when nothing is left to do with it."""

    id: str
    is_delivered: bool


async def with_order(event: ProviderEvent) -> ProviderEvent:
    """The event with our order in it, where its payment names only the charge that we opened at the provider."""
    payment = event.payment
    if payment is None or payment.order_id is not None or payment.charge_id is None:
        return event
    row = await fetch_one(
        "SELECT id FROM orders WHERE provider = $1 AND provider_payment_id = $2", event.provider, payment.charge_id
    )
    if row is None:
        return event
    return msgspec.structs.replace(event, payment=msgspec.structs.replace(payment, order_id=row["id"]))


async def commit_event(event: ProviderEvent) -> StoredEvent:
    """Keep the event, once per provider and event id; a doubled one answers with the first one's row."""
    payment, refund = event.payment, event.refund
    about = payment or refund or event.dispute
    rows = await fetch(
        "INSERT INTO provider_events (id, provider, event_id, event_type, order_id, payment_id, refund_id, body,"
        " status, attempts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'received', 0)"
        " ON CONFLICT (provider, event_id) DO NOTHING RETURNING id",
        new_id(),
        event.provider,
        event.event_id,
        event.event_type,
        payment.order_id if payment else None,
        about.payment_id if about else None,
        refund.refund_id if refund else None,
        as_json(_without_secret(event)),
    )
    if rows:
        return StoredEvent(rows[0]["id"], is_delivered=False)
    known = await fetch(
        "SELECT id, status FROM provider_events WHERE provider = $1 AND event_id = $2", event.provider, event.event_id
    )
    return StoredEvent(known[0]["id"], is_delivered=known[0]["status"] != "received")


async def read_event(row_id: str) -> ProviderEvent | None:
    """A committed event, or `None`."""
    row = await fetch_one("SELECT body FROM provider_events WHERE id = $1", row_id)
    return msgspec.json.decode(row["body"], type=ProviderEvent) if row else None


async def facts_about(event: ProviderEvent) -> KnownFacts:
    """What our tables say about the order, payment, refund or dispute that an event names."""
    if event.payment is not None:
        row = await fetch_one(
            "SELECT o.closed_at IS NULL AS is_open, EXISTS (SELECT FROM payments WHERE provider = $2"
            " AND provider_payment_id = $3) AS is_recorded,"
            " EXISTS (SELECT FROM payments WHERE order_id = o.id AND applied) AS is_paid FROM orders o WHERE o.id = $1",
            event.payment.order_id,
            event.provider,
            event.payment.payment_id,
        )
        if row is None:
            return KnownFacts()
        return KnownFacts(
            order_exists=True,
            order_is_open=row["is_open"],
            order_is_paid=row["is_paid"],
            payment_is_recorded=row["is_recorded"],
        )
    if event.refund is not None:
        row = await fetch_one(
            "SELECT EXISTS (SELECT FROM payments WHERE provider = $1 AND provider_payment_id = $2) AS is_recorded,"
            " r.status, r.provider_refund_id = $4 AS is_the_same FROM (VALUES (TRUE)) AS always LEFT JOIN LATERAL"
            " (SELECT * FROM refunds WHERE id = $3 OR (provider = $1 AND provider_refund_id = $4) LIMIT 1) r ON TRUE",
            event.provider,
            event.refund.payment_id,
            event.refund.refund_id,
            event.refund.provider_refund_id,
        )
        if row is not None:
            return KnownFacts(
                payment_is_recorded=row["is_recorded"],
                refund_status=RefundStatus(row["status"]) if row["status"] else None,
                refund_is_the_same=bool(row["is_the_same"]),
            )
    if event.dispute is not None:
        return await _facts_about_dispute(event.dispute)
    return KnownFacts()


async def _facts_about_dispute(dispute: ProviderDispute) -> KnownFacts:
    row = await fetch_one(
        "SELECT d.state, d.closed_at IS NOT NULL AS is_over, d.evidence_due_by, EXISTS (SELECT FROM ledger_postings"
        " WHERE event_key = 'dispute:' || d.id || ':hold') AS is_held"
        " FROM payments p LEFT JOIN disputes d ON d.payment_id = p.id AND d.provider_dispute_id = $4"
        " WHERE p.provider = $1 AND p.provider_payment_id = $2 AND p.currency = $3",
        *(dispute.provider, dispute.payment_id, dispute.currency, dispute.dispute_id),
    )
    if row is None:
        return KnownFacts()
    ours = (row["state"], row["is_held"], row["evidence_due_by"])
    return KnownFacts(
        payment_is_recorded=True,
        dispute_is_known=ours == (dispute.state.value, dispute.is_withdrawn, dispute.evidence_due_by),
        dispute_end=DisputeState(row["state"]) if row["is_over"] else None,
    )


async def refund_of(event: ProviderEvent) -> RefundRef | None:
    """Our refund row that an event names, by its metadata or by the provider's id."""
    if event.refund is None:
        return None
    row = await fetch_one(
        "SELECT id, replaces FROM refunds WHERE id = $1 OR (provider = $2 AND provider_refund_id = $3) LIMIT 1",
        event.refund.refund_id,
        event.provider,
        event.refund.provider_refund_id,
    )
    return RefundRef(row["id"], row["replaces"] is not None) if row else None


async def is_unmatched(row_id: str) -> bool:
    """Whether an event was found before to name nothing of ours, and has not been brought anew since."""
    return bool(await fetch("SELECT FROM provider_events WHERE id = $1 AND status = 'unmatched'", row_id))


async def mark_event(row_id: str, status: str) -> None:
    """Record what became of an event: delivered, unmatched or ignored."""
    await fetch(
        "UPDATE provider_events SET status = $2, attempts = attempts + 1, delivered_at = now() WHERE id = $1",
        row_id,
        status,
    )


async def undelivered_events(older_than: timedelta, limit: int) -> list[str]:
    """Row ids of events that were committed and not delivered, oldest first."""
    rows = await fetch(
        "SELECT id FROM provider_events WHERE status = 'received' AND received_at < now() - $1::interval"
        " ORDER BY received_at LIMIT $2",
        older_than,
        limit,
    )
    return [row["id"] for row in rows]


def _without_secret(event: ProviderEvent) -> ProviderEvent:
    if event.payment is None:
        return event
    return msgspec.structs.replace(event, payment=msgspec.structs.replace(event.payment, client_secret=None))
