"""Settling: what a captured payment, or a free course, becomes. One transaction, once per payment."""

from decimal import Decimal
from typing import Any

from db.queries.audit import Audit, record_audit, record_audits
from db.queries.billing.given_back import NO_STEP_WAITS
from db.queries.billing.invoices import issue_invoice
from db.queries.billing.ledger import write_posting
from db.queries.billing.refunds import insert_refund
from db.queries.billing.seats import OWNS, has_free_seat, lock_course, may_buy, queue_for_ownership
from db.queries.messaging.telling import queue_messages, queued_about
from db.sql import fetch, fetch_one
from db.transaction import in_transaction
from domain.billing import ledger
from domain.billing.money import from_minor
from domain.billing.payments import ProviderPayment
from domain.billing.purchase import Settlement, SettlementOutcome
from domain.billing.refund import RefundReason
from domain.billing.settlement import OrderFacts, reason_to_give_back
from domain.identifiers import new_id
from domain.messaging.telling import Channel

ENROLLMENT_TEMPLATE = "enrollment-confirmation"
ENROLLMENT_CHANNELS = (Channel.EMAIL, Channel.WHATSAPP, Channel.PUSH)
"""Brief, "Enrollment Confirmation"."""

_STANDING = f"""
SELECT EXISTS (SELECT FROM payments WHERE order_id = $3 AND applied) AS has_payment, EXISTS ({OWNS}) AS owns
"""  # noqa: S608  # constants of ours


async def settle(order_id: str, payment: ProviderPayment | None, *, give_back: bool = False) -> Settlement:
    """Write a captured payment and what follows from it: enrollment, or a refund row.

    `payment` is `None` for a free course. `give_back` is an operator's wish: refund, do not enroll. A payment that
    was recorded before answers with what was written then, whoever asks again.
    """

    async def work() -> Settlement:
        order = await fetch_one(
            "SELECT o.*, ARRAY (SELECT l.amount FROM invoice_lines l JOIN invoices i ON i.id = l.invoice_id"
            " WHERE i.order_id = o.id AND l.kind = 'tax' ORDER BY l.position) AS taxes"
            " FROM orders o WHERE id = $1 FOR NO KEY UPDATE",
            order_id,
        )
        if order is None:
            raise LookupError("the order of a payment is missing")
        payment_row = await _record_payment(order_id, payment) if payment else None
        if payment and payment_row is None:
            return await _settled_before(order_id, payment)
        if payment is None and order["status"] == "enrolled":
            return await _enrolled_before(order_id)
        await queue_for_ownership(order["user_id"], order["course_id"])
        course = await lock_course(order["course_id"])
        reason = RefundReason.OPERATOR if give_back else None
        if payment and reason is None:
            reason = reason_to_give_back(await _facts(order, course), payment)
        if payment and payment_row and reason:
            return await _give_back(order, payment, payment_row, reason)
        return await _enroll(order, course, payment, payment_row)

    return await in_transaction(work)


async def _record_payment(order_id: str, payment: ProviderPayment) -> str | None:
    """The new row's id, or `None` when this payment was recorded before.

    News of it that came too early (a dispute, a refund at the dashboard) named nothing of ours then: the relay brings
    it again.
    """
    rows = await fetch(
        "WITH early AS (UPDATE provider_events SET status = 'received'"
        " WHERE provider = $3 AND payment_id = $4 AND status = 'unmatched')"
        " INSERT INTO payments (id, order_id, provider, provider_payment_id, amount_minor, amount, currency, applied,"
        " captured_at) VALUES ($1, $2, $3, $4, $5, $6, $7, FALSE, now())"
        " ON CONFLICT (provider, provider_payment_id) DO NOTHING RETURNING id",
        new_id(),
        order_id,
        payment.provider,
        payment.payment_id,
        payment.received_minor,
        from_minor(payment.received_minor, payment.currency),
        payment.currency,
    )
    return str(rows[0]["id"]) if rows else None


async def _settled_before(order_id: str, payment: ProviderPayment) -> Settlement:
    row = await fetch_one(
        "SELECT p.applied, r.id AS refund_id FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id"
        " WHERE p.provider = $1 AND p.provider_payment_id = $2 ORDER BY r.created_at LIMIT 1",
        payment.provider,
        payment.payment_id,
    )
    if row is not None and not row["applied"]:
        return Settlement(SettlementOutcome.REFUND, refund_id=row["refund_id"])
    return await _enrolled_before(order_id)


async def _enrolled_before(order_id: str) -> Settlement:
    queued = await queued_about(_about(order_id))
    return Settlement(SettlementOutcome.ENROLLED, message_ids=queued.emails, notice_ids=queued.notices)


def _about(order_id: str) -> str:
    return f"order:{order_id}:enrolled"


async def _facts(order: Any, course: Any) -> OrderFacts:
    [standing] = await fetch(_STANDING, order["user_id"], order["course_id"], order["id"])
    return OrderFacts(
        amount=Decimal(order["amount"]),
        currency=order["currency"],
        is_open=order["closed_at"] is None,
        has_applied_payment=standing["has_payment"],
        owns_course=standing["owns"],
        is_available=order["closed_at"] is None or await may_buy(course, order["user_id"]),
        has_seat=order["closed_at"] is None or await has_free_seat(course, order["user_id"]),
    )


async def _give_back(order: Any, payment: ProviderPayment, payment_row: str, reason: RefundReason) -> Settlement:
    amount = from_minor(payment.received_minor, payment.currency)
    await write_posting(ledger.unapplied_receipt(payment_row, amount, payment.currency), order["id"])
    refund_id = await insert_refund(payment_row, payment.received_minor, reason)
    await fetch("UPDATE invoices SET status = 'void' WHERE order_id = $1 AND status = 'draft'", order["id"])
    await fetch(
        "UPDATE orders SET status = CASE WHEN status = 'enrolled' THEN status ELSE 'settling' END,"  # noqa: S608  # ours
        " close_reason = COALESCE(close_reason, $2), closed_at = COALESCE(closed_at, now()),"
        f" holds_seat = FALSE, {NO_STEP_WAITS} WHERE id = $1",
        order["id"],
        reason.value,
    )
    await record_audit(
        "payment.unapplied",
        "order",
        order["id"],
        paymentId=payment_row,
        refundId=refund_id,
        reason=reason.value,
        amount=amount,
        currency=payment.currency,
    )
    return Settlement(SettlementOutcome.REFUND, refund_id=refund_id)


async def _enroll(order: Any, course: Any, payment: ProviderPayment | None, payment_row: str | None) -> Settlement:
    order_id, user_id, course_id = order["id"], order["user_id"], order["course_id"]
    enrollment_id = await _grant(order_id, user_id, course_id, payment_row)
    money = {"paymentId": payment_row, "amount": order["amount"], "currency": order["currency"]}
    details = {"orderId": order_id, **money}
    if course["clinic_id"] is None:
        # A clinic's own course says something about the health of who takes it, and this becomes a log line.
        details["courseId"] = course_id
    audits = [Audit("course.enrolled", "enrollment", enrollment_id, actor_id=user_id, details=details)]
    if payment and payment_row:
        await _post_sale(order, course, payment_row)
        audits.insert(0, Audit("payment.processed", "order", order_id, details=money))
    await record_audits(audits)
    queued = await queue_messages(
        user_id,
        _about(order_id),
        ENROLLMENT_TEMPLATE,
        {"orderId": order_id, "courseId": course_id},
        channels=ENROLLMENT_CHANNELS,
    )
    await fetch(
        "UPDATE orders SET status = 'enrolled', closed_at = COALESCE(closed_at, now()), close_reason = NULL,"  # noqa: S608
        f" holds_seat = FALSE, {NO_STEP_WAITS} WHERE id = $1",
        order_id,
    )
    await issue_invoice(order_id)
    return Settlement(SettlementOutcome.ENROLLED, message_ids=queued.emails, notice_ids=queued.notices)


async def _grant(order_id: str, user_id: str, course_id: str, payment_row: str | None) -> str:
    """The reason for access, and the enrollment: its id.

    One row per person and course: a repurchase reactivates it and keeps the progress.
    """
    rows = await fetch(
        """
        WITH reason AS (
            INSERT INTO entitlements (id, user_id, course_id, reason, source_id, since)
            VALUES ($5, $2, $3, 'purchase', $6, now()))
        INSERT INTO course_enrollments AS e (id, "userId", "courseId", "paymentId") VALUES ($1, $2, $3, $4)
        ON CONFLICT ("userId", "courseId") DO UPDATE SET
            status = CASE WHEN e.status = 'completed' THEN e.status ELSE 'active' END,
            "paymentId" = EXCLUDED."paymentId", "expiresAt" = NULL
        RETURNING id
        """,
        new_id(),
        user_id,
        course_id,
        payment_row,
        new_id(),
        order_id,
    )
    return str(rows[0]["id"])


async def _post_sale(order: Any, course: Any, payment_row: str) -> None:
    amount, currency = Decimal(order["amount"]), order["currency"]
    instructor_id = course["instructor_id"]
    posting = ledger.sale(payment_row, amount, order["taxes"], currency, has_instructor=instructor_id is not None)
    await write_posting(posting, order["id"])
    await fetch("UPDATE payments SET applied = TRUE WHERE id = $1", payment_row)
    earned = [-entry.amount for entry in posting.entries if entry.account is ledger.Account.INSTRUCTOR_PAYABLE]
    if instructor_id is not None and earned:
        await fetch(
            'INSERT INTO instructor_earnings (id, "instructorId", "courseId", "sourceId", amount, currency)'
            " VALUES ($1, $2, $3, $4, $5, $6)",
            new_id(),
            instructor_id,
            order["course_id"],
            payment_row,
            earned[0],
            currency,
        )
