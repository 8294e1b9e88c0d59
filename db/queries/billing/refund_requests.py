"""Asking for a refund: the key and the refund's row in one commit, under the order's and the payment's row lock."""

from datetime import datetime
from decimal import Decimal

import msgspec

from db.queries.audit import record_audit
from db.queries.billing.given_back import left_minor, lock_payment
from db.queries.billing.refunds import insert_refund
from db.queries.idempotency import KeyedRequest, keep_key
from db.sql import fetch, fetch_as, fetch_one
from db.transaction import in_transaction
from domain.billing.refund import RefundReason, RefundStatus
from domain.billing.refund_policy import PaidFacts, RefundPolicy, RefundRefusal, granted_to_admin, granted_to_buyer
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id


class RefundWish(KeyedRequest, frozen=True, kw_only=True):
    """What somebody (`user_id`) asks for."""

    order_id: str
    is_admin: bool
    """Whether the academy decides; otherwise the policy does."""
    amount_minor: int | None = None
    """Only an admin names one; without it all that is left."""
    end_access: bool = False
    note: str | None = None


class RefundRow(msgspec.Struct, frozen=True):
    """A refund as its page shows it; `amount` in `currency`."""

    id: str
    order_id: str
    status: RefundStatus
    attention: str | None
    amount: Decimal
    currency: str
    reason: RefundReason
    end_access: bool
    note: str | None
    created_at: datetime
    succeeded_at: datetime | None
    replaces: str | None


_ROW = """
SELECT id, order_id, status, attention, amount, currency, reason, end_access, note, created_at, succeeded_at,
       replaces
FROM refunds
"""


async def request_refund(wish: RefundWish, policy: RefundPolicy) -> str:
    """Commit the key and the refund's row; its id.

    Raises `BusinessRefusalError` with a `RefundRefusal`, or with `idempotency_key_in_progress` when another request
    with this key was committed meanwhile.
    """

    async def work() -> str:
        refund_id = new_id()
        # The key first: a double click then waits for the first one instead of finding nothing left to give back.
        await keep_key(wish, refund_id)
        await fetch("SELECT FROM orders WHERE id = $1 FOR NO KEY UPDATE", wish.order_id)
        payment = await fetch_one("SELECT id FROM payments WHERE order_id = $1 AND applied", wish.order_id)
        if payment is None:
            # Free, unpaid, or paid without effect: the last goes back whole by itself.
            raise BusinessRefusalError(RefundRefusal.NOTHING_TO_REFUND)
        await lock_payment(payment["id"])
        paid, now = await _facts(payment["id"])
        granted = granted_to_admin(paid, wish.amount_minor) if wish.is_admin else granted_to_buyer(policy, paid, now)
        reason = RefundReason.ADMIN if wish.is_admin else RefundReason.BUYER_WISH
        await insert_refund(payment["id"], granted, reason, refund_id=refund_id)
        await fetch(
            "UPDATE refunds SET end_access = $2, requested_by = $3, note = $4 WHERE id = $1",
            *(refund_id, wish.end_access, wish.user_id, wish.note),
        )
        await record_audit(
            "refund.requested",
            "order",
            wish.order_id,
            actor_id=wish.user_id,
            refundId=refund_id,
            amountMinor=granted,
            reason=reason.value,
            endAccess=wish.end_access,
        )
        return refund_id

    return await in_transaction(work)


async def read_refund_row(order_id: str, refund_id: str) -> RefundRow | None:
    """One refund of an order, or `None`."""
    rows = await fetch_as(RefundRow, _ROW + " WHERE id = $1 AND order_id = $2", refund_id, order_id)
    return rows[0] if rows else None


async def list_refund_rows(order_id: str, before: str | None, limit: int) -> list[RefundRow]:
    """An order's refunds, newest first, those older than the refund `before`."""
    return await fetch_as(
        RefundRow,
        _ROW + " WHERE order_id = $1 AND ($2::text IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
        *(order_id, before, limit),
    )


async def _facts(payment_row: str) -> tuple[PaidFacts, datetime]:
    """What the policy looks at, and the database's clock; call it under the payment's row lock.

    A lesson counts by its own progress, each the same; what a finished course's enrollment says counts as well.
    """
    [row] = await fetch(
        """
        SELECT p.captured_at, statement_timestamp() AS now,
               EXISTS (SELECT FROM disputes WHERE payment_id = p.id AND closed_at IS NULL) AS is_disputed,
               GREATEST(
                   e."completionPercentage",
                   CASE WHEN e.status = 'completed' OR e."certificateIssuedAt" IS NOT NULL THEN 100 END,
                   (SELECT sum(CASE WHEN g.status = 'completed' THEN 100 ELSE LEAST(g."progressPercentage", 100) END)
                    FROM lesson_progress g WHERE g."enrollmentId" = e.id)::numeric
                   / NULLIF((SELECT count(*) FROM course_lessons l JOIN course_modules m ON m.id = l."moduleId"
                             WHERE m."courseId" = o.course_id), 0),
                   0) AS watched
        FROM payments p JOIN orders o ON o.id = p.order_id
        LEFT JOIN course_enrollments e ON e."userId" = o.user_id AND e."courseId" = o.course_id
        WHERE p.id = $1
        """,
        payment_row,
    )
    facts = PaidFacts(
        left_minor=await left_minor(payment_row),
        is_disputed=row["is_disputed"],
        paid_at=row["captured_at"],
        watched_percent=Decimal(row["watched"]),
    )
    return facts, row["now"]
