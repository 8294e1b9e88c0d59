"""Disputes: their rows, and what they do to order, books and access while they are open and when they end.

Locks are taken in the order that `db.queries.billing.given_back` names.
"""

from decimal import Decimal
from typing import Any

from db.queries.audit import record_audit
from db.queries.billing.credit_notes import issue_credit_note
from db.queries.billing.given_back import (
    LockedPayment,
    end_purchase_access,
    first_posting,
    follow_money,
    lock_payment,
    show_attention,
    write_reversal,
)
from db.queries.billing.ledger import read_posting, write_posting
from db.queries.messaging.telling import queue_messages, queued_about
from db.sql import fetch, fetch_one
from db.transaction import in_transaction
from domain.billing import ledger
from domain.billing.dispute import OPENED, OVER, DisputeFollowed
from domain.billing.money import from_minor
from domain.billing.payments import DisputeState, ProviderDispute
from domain.identifiers import new_id
from domain.messaging.telling import Channel

LOST_TEMPLATE = "dispute-lost"


async def adopt_dispute(dispute: ProviderDispute) -> str | None:
    """The row of a dispute, written now if it is new; `None` when its payment is none of ours.

    From this commit on refunds are refused; the story writes the rest.
    """

    async def work() -> str | None:
        paid = await fetch_one(
            "SELECT id, order_id FROM payments WHERE provider = $1 AND provider_payment_id = $2 AND currency = $3",
            *(dispute.provider, dispute.payment_id, dispute.currency),
        )
        if paid is None:
            return None
        await _lock_order(paid["order_id"])
        await lock_payment(paid["id"])
        made = await fetch(
            "INSERT INTO disputes (id, payment_id, order_id, provider, provider_dispute_id, amount_minor, amount,"
            " currency, state, opened_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
            " ON CONFLICT (provider, provider_dispute_id) DO NOTHING RETURNING id",
            new_id(),
            paid["id"],
            paid["order_id"],
            dispute.provider,
            dispute.dispute_id,
            dispute.amount_minor,
            from_minor(dispute.amount_minor, dispute.currency),
            dispute.currency,
            OPENED,
            dispute.created_at,
        )
        if not made:
            known = await fetch_one(
                "SELECT id FROM disputes WHERE provider = $1 AND provider_dispute_id = $2",
                *(dispute.provider, dispute.dispute_id),
            )
            return known["id"] if known else None
        dispute_id = str(made[0]["id"])
        await follow_money(paid["order_id"])
        await record_audit(
            "payment.disputed",
            "order",
            paid["order_id"],
            disputeId=dispute_id,
            amountMinor=dispute.amount_minor,
            currency=dispute.currency,
        )
        return dispute_id

    return await in_transaction(work)


async def follow_dispute(dispute_id: str, dispute: ProviderDispute) -> DisputeFollowed:
    """Write what the provider says; a dispute that is over stays as it ended. One transaction. Raises `LookupError`."""

    async def work() -> DisputeFollowed:
        named = await fetch_one("SELECT order_id, payment_id FROM disputes WHERE id = $1", dispute_id)
        if named is None:
            raise LookupError("the dispute is missing")
        order = await _lock_order(named["order_id"])
        payment = await lock_payment(named["payment_id"])
        [row] = await fetch("SELECT * FROM disputes WHERE id = $1 FOR NO KEY UPDATE", dispute_id)
        if row["closed_at"] is not None:
            told = await queued_about(_about(dispute_id))
            return DisputeFollowed(DisputeState(row["state"]), message_ids=told.emails, notice_ids=told.notices)
        held = await read_posting(f"dispute:{dispute_id}:hold")
        if dispute.state in OVER:
            await _end(row, dispute, payment, order, held)
        else:
            await _go_on(row, dispute, is_held=bool(held))
        await follow_money(order["id"])
        if dispute.state is not DisputeState.LOST or not payment.applied:
            return DisputeFollowed(dispute.state, dispute.evidence_due_by)
        queued = await queue_messages(
            order["user_id"],
            _about(dispute_id),
            LOST_TEMPLATE,
            {"disputeId": dispute_id, "orderId": order["id"], "courseId": order["course_id"]},
            channels=tuple(Channel),
        )
        [lost] = await fetch("SELECT amount FROM disputes WHERE id = $1", dispute_id)
        await issue_credit_note(payment, Decimal(lost["amount"]), dispute_id=dispute_id)
        return DisputeFollowed(dispute.state, message_ids=queued.emails, notice_ids=queued.notices)

    return await in_transaction(work)


async def read_dispute_key(dispute_id: str) -> tuple[str, str]:
    """The provider of a dispute, and what the provider calls it. Raises `LookupError`."""
    row = await fetch_one("SELECT provider, provider_dispute_id FROM disputes WHERE id = $1", dispute_id)
    if row is None:
        raise LookupError("the dispute is missing")
    return row["provider"], row["provider_dispute_id"]


async def set_dispute_attention(dispute_id: str, step: str | None) -> None:
    """Record what an open dispute waits for a person with, or that it no longer does."""

    async def work() -> None:
        changed = await fetch(
            "UPDATE disputes SET attention = $2 WHERE id = $1 AND attention IS DISTINCT FROM $2 RETURNING order_id",
            *(dispute_id, step),
        )
        if changed:
            await show_attention(changed[0]["order_id"])
            await record_audit("dispute.attention" if step else "dispute.attended", "dispute", dispute_id, step=step)

    await in_transaction(work)


def _about(dispute_id: str) -> str:
    return f"dispute:{dispute_id}:lost"


async def _lock_order(order_id: str) -> Any:
    return await fetch_one("SELECT * FROM orders WHERE id = $1 FOR NO KEY UPDATE", order_id)


async def _go_on(row: Any, dispute: ProviderDispute, *, is_held: bool) -> None:
    """Still open. What the bank has taken stands in the books at once; an inquiry takes nothing."""
    if not is_held:
        amount = from_minor(dispute.amount_minor, row["currency"])
        await fetch(
            "UPDATE disputes SET amount_minor = $2, amount = $3 WHERE id = $1",
            *(row["id"], dispute.amount_minor, amount),
        )
        if dispute.is_withdrawn:
            await write_posting(ledger.dispute_hold(row["id"], amount, row["currency"]), row["order_id"])
    await fetch(
        "UPDATE disputes SET state = $2, evidence_due_by = $3,"
        " attention = CASE WHEN $2 = 'needs_response' THEN attention END WHERE id = $1",
        *(row["id"], dispute.state.value, dispute.evidence_due_by),
    )


async def _end(row: Any, dispute: ProviderDispute, payment: LockedPayment, order: Any, held: Any) -> None:
    """Won: all as it was. Lost: the money is gone, and with it the access that it paid for."""
    dispute_id = row["id"]
    # What the bank holds is what it keeps; only what it never held may differ from what we heard first.
    minor = row["amount_minor"] if held else dispute.amount_minor
    amount = from_minor(minor, row["currency"])
    await fetch(
        "UPDATE disputes SET state = $2, amount_minor = $3, amount = $4, evidence_due_by = NULL, attention = NULL,"
        " closed_at = now() WHERE id = $1",
        *(dispute_id, dispute.state.value, minor, amount),
    )
    if dispute.state is DisputeState.WON:
        if held:
            await write_posting(ledger.dispute_release(dispute_id, held), row["order_id"])
    else:
        booked = await first_posting(payment)
        posting = ledger.chargeback(dispute_id, amount, row["currency"], booked, payment.back, is_held=bool(held))
        await write_reversal(posting, payment, dispute_id)
        if payment.applied:
            await end_purchase_access(order, "charged_back")
    await record_audit(
        f"dispute.{dispute.state.value}",
        "order",
        row["order_id"],
        disputeId=dispute_id,
        amount=amount,
        currency=row["currency"],
    )
