"""Refunds: rows are inserted under the payment's row lock, and what they do to books and access when they succeed."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from db.queries.audit import record_audit
from db.queries.billing.credit_notes import issue_credit_note
from db.queries.billing.given_back import (
    end_purchase_access,
    first_posting,
    follow_money,
    left_minor,
    lock_payment,
    show_attention,
    write_reversal,
)
from db.queries.billing.ledger import write_posting
from db.queries.messaging.telling import queue_messages, queued_about
from db.sql import fetch, fetch_one
from db.transaction import in_transaction
from domain.billing import ledger
from domain.billing.money import from_minor
from domain.billing.payments import ProviderRefund
from domain.billing.refund import RefundDetails, RefundReason, RefundRecorded, RefundRef, RefundSubmission
from domain.billing.refund_policy import RefundRefusal
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id
from domain.messaging.telling import Channel

REFUND_TEMPLATE = "refund-confirmation"


async def insert_refund(
    payment_row: str,
    amount_minor: int,
    reason: RefundReason,
    *,
    refund_id: str | None = None,
    provider_refund_id: str | None = None,
) -> str:
    """Insert a refund row under its payment's row lock; `amount_minor` in the payment's currency.

    Raises `BusinessRefusalError("refund_exceeds_payment")` when the refunds that have not failed, and the disputes
    that were lost, would exceed the payment. Call it inside a transaction.
    """
    payment = await fetch_one("SELECT * FROM payments WHERE id = $1 FOR NO KEY UPDATE", payment_row)
    if payment is None:
        raise LookupError("the payment of a refund is missing")
    if amount_minor > await left_minor(payment_row):
        raise BusinessRefusalError(RefundRefusal.EXCEEDS_PAYMENT)
    refund_id = refund_id or new_id()
    await fetch(
        "INSERT INTO refunds (id, payment_id, order_id, provider, provider_refund_id, amount_minor, amount, currency,"
        " reason, status) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'requested')",
        refund_id,
        payment_row,
        payment["order_id"],
        payment["provider"],
        provider_refund_id,
        amount_minor,
        from_minor(amount_minor, payment["currency"]),
        payment["currency"],
        reason.value,
    )
    return refund_id


async def adopt_refund(refund: ProviderRefund) -> RefundRef | None:
    """The row of a refund made at the provider's own dashboard: one of ours that still waits for the same amount, or
    a new one; `None` when the payment is not ours or the refund is known."""

    async def work() -> RefundRef | None:
        payment = await fetch_one(
            "SELECT id FROM payments WHERE provider = $1 AND provider_payment_id = $2 FOR NO KEY UPDATE",
            refund.provider,
            refund.payment_id,
        )
        known = await fetch(
            "SELECT FROM refunds WHERE provider = $1 AND provider_refund_id = $2",
            refund.provider,
            refund.provider_refund_id,
        )
        if payment is None or known:
            return None
        waiting = await fetch_one(
            "UPDATE refunds SET provider_refund_id = $3 WHERE id = (SELECT id FROM refunds WHERE payment_id = $1"
            " AND amount_minor = $2 AND provider_refund_id IS NULL AND status <> 'failed' ORDER BY created_at LIMIT 1)"
            " RETURNING id, replaces",
            payment["id"],
            refund.amount_minor,
            refund.provider_refund_id,
        )
        if waiting is not None:
            # A person was quicker at the dashboard than our own story, which now finds it done.
            return RefundRef(waiting["id"], waiting["replaces"] is not None)
        refund_id = await insert_refund(
            payment["id"],
            refund.amount_minor,
            RefundReason.AT_PROVIDER,
            provider_refund_id=refund.provider_refund_id,
        )
        return RefundRef(refund_id)

    return await in_transaction(work)


async def read_refund(refund_id: str) -> RefundDetails:
    """What the story of a refund works on. Raises `LookupError`."""
    row = await fetch_one(
        "SELECT r.id, r.order_id, r.provider, r.provider_refund_id, r.amount_minor, r.created_at, r.status,"
        " p.provider_payment_id FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE r.id = $1",
        refund_id,
    )
    if row is None:
        raise LookupError("the refund is missing")
    return RefundDetails(
        refund_id=row["id"],
        order_id=row["order_id"],
        provider=row["provider"],
        payment_id=row["provider_payment_id"],
        provider_refund_id=row["provider_refund_id"],
        amount_minor=row["amount_minor"],
        created_at=row["created_at"],
        is_recorded=row["status"] in ("succeeded", "returned"),
    )


async def refunds_without_submission(older_than: timedelta, limit: int) -> list[RefundRef]:
    """Refunds whose story never reached the provider: its start was lost, the provider is down, or an operator
    terminated it, also while it waited for a person. Starting one that runs is harmless."""
    rows = await fetch(
        "SELECT id, replaces FROM refunds WHERE status = 'requested' AND created_at < now() - $1::interval"
        " ORDER BY created_at LIMIT $2",
        older_than,
        limit,
    )
    return [RefundRef(row["id"], row["replaces"] is not None) for row in rows]


async def followed_at(provider: str, provider_refund_ids: Sequence[str]) -> set[str]:
    """Which of these refunds in the provider's book a row of ours follows."""
    rows = await fetch(
        "SELECT provider_refund_id AS id FROM refunds WHERE provider = $1 AND provider_refund_id = ANY ($2)",
        provider,
        list(provider_refund_ids),
    )
    return {row["id"] for row in rows}


async def is_followed_elsewhere(refund_id: str) -> bool:
    """Whether a refund of the same amount was made at the dashboard after this one was asked for, and has a row of its
    own since this one had not failed yet. A person who sees this one fail must not pay a second time by mistake."""
    return bool(
        await fetch(
            "SELECT FROM refunds r JOIN refunds o ON o.payment_id = r.payment_id AND o.amount_minor = r.amount_minor"
            " WHERE r.id = $1 AND o.reason = 'at_provider' AND o.created_at > r.created_at"
            " AND o.status IN ('requested', 'submitted', 'succeeded')",
            refund_id,
        )
    )


async def note_submission(refund_id: str, submission: RefundSubmission) -> None:
    """Record what the provider calls this refund."""
    await fetch(
        "UPDATE refunds SET provider_refund_id = $2, status = 'submitted' WHERE id = $1"
        " AND status NOT IN ('succeeded', 'returned')",
        refund_id,
        submission.provider_refund_id,
    )


async def give_up_refund(refund_id: str) -> None:
    """A person decided that this refund is not made: its money counts as left again, or as lost in a dispute."""

    async def work() -> None:
        changed = await fetch(
            "UPDATE refunds SET status = 'failed', attention = NULL WHERE id = $1"
            " AND status NOT IN ('succeeded', 'returned', 'failed') RETURNING order_id",
            refund_id,
        )
        if changed:
            await follow_money(changed[0]["order_id"])
            await record_audit("refund.given_up", "refund", refund_id)

    await in_transaction(work)


async def set_refund_attention(refund_id: str, step: str | None, failed: str | None = None) -> None:
    """Record which step of a refund waits for a person; its order shows `needs_attention` meanwhile.

    `failed` is the provider's refund that failed for good: the row lets go of it, so that `adopt_refund` can give it
    one of the same amount that is made at the dashboard instead.
    """

    async def work() -> None:
        changed = await fetch(
            "UPDATE refunds SET attention = $2, provider_refund_id = NULLIF(provider_refund_id, $3) WHERE id = $1"
            " AND (attention IS DISTINCT FROM $2 OR provider_refund_id = $3)"
            " AND (status NOT IN ('succeeded', 'returned') OR $2::text IS NULL) RETURNING order_id",
            refund_id,
            step,
            failed,
        )
        if changed:
            await show_attention(changed[0]["order_id"])
            await record_audit("refund.attention" if step else "refund.attended", "refund", refund_id, step=step)

    await in_transaction(work)


async def record_refund(refund_id: str) -> RefundRecorded:
    """The provider gave the money back: ledger, access, order, audit, message, in one transaction and once."""

    async def work() -> RefundRecorded:
        owner = await fetch_one(
            "SELECT o.* FROM orders o JOIN refunds r ON r.order_id = o.id WHERE r.id = $1 FOR NO KEY UPDATE OF o",
            refund_id,
        )
        refund = await fetch_one("SELECT * FROM refunds WHERE id = $1 FOR NO KEY UPDATE", refund_id)
        if owner is None or refund is None:
            raise LookupError("the refund is missing")
        if refund["status"] in ("succeeded", "returned"):
            return RefundRecorded((await queued_about(f"refund:{refund_id}")).emails)
        payment = await lock_payment(refund["payment_id"])
        amount = Decimal(refund["amount"])
        is_repayment = refund["replaces"] is not None
        if is_repayment:
            await write_posting(ledger.repaid_refund(refund_id, amount, payment.currency), payment.order_id)
        else:
            posting = ledger.refund(refund_id, amount, payment.currency, await first_posting(payment), payment.back)
            await write_reversal(posting, payment, refund_id)
        await fetch(
            "UPDATE refunds SET status = 'succeeded', succeeded_at = now(), attention = NULL WHERE id = $1", refund_id
        )
        is_whole = payment.back + amount >= payment.amount or refund["end_access"]
        if payment.applied and is_whole and not is_repayment:
            await end_purchase_access(owner, "refunded")
        await follow_money(owner["id"])
        await record_audit(
            "payment.refunded",
            "order",
            owner["id"],
            refundId=refund_id,
            amount=refund["amount"],
            currency=refund["currency"],
            reason=refund["reason"],
        )
        queued = await queue_messages(
            owner["user_id"],
            f"refund:{refund_id}",
            REFUND_TEMPLATE,
            {"refundId": refund_id, "orderId": owner["id"], "courseId": owner["course_id"]},
            channels=(Channel.EMAIL,),
        )
        if not is_repayment:
            await issue_credit_note(payment, amount, refund_id=refund_id)
        return RefundRecorded(queued.emails)

    return await in_transaction(work)
