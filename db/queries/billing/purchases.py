"""Reading purchases, enrollments and reasons for access: always only the reader's own."""

from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from db.sql import fetch_as, fetch_one
from domain.access import Entitlement
from domain.billing.purchase import InvoiceLine, OrderRef, OrderStatus, Refusal

_PURCHASE = """
SELECT o.id, o.user_id, o.course_id, o.status, o.attention, o.close_reason, o.provider, o.currency, o.amount,
       o.provider_payment_id AS charge_id, o.expires_at, o.created_at, o.closed_at,
       c.slug AS course_slug, c.title AS course_title, c."clinicId" AS clinic_id,
       (SELECT number FROM invoices i WHERE i.order_id = o.id) AS invoice_number,
       EXISTS (SELECT FROM provider_events e WHERE e.order_id = o.id AND e.body -> 'payment' ->> 'state' = 'succeeded')
       OR COALESCE((SELECT e.body -> 'payment' ->> 'state' FROM provider_events e
                    WHERE e.order_id = o.id AND e.body -> 'payment' <> 'null' ORDER BY e.received_at DESC, e.id DESC
                    LIMIT 1) IN ('authorized', 'processing'), FALSE) AS is_paid
FROM orders o JOIN courses c ON c.id = o.course_id
"""


_ORDER_REF = """
SELECT o.id AS "orderId", o.user_id AS "userId", o.course_id AS "courseId", c."clinicId" AS "clinicId"
FROM orders o JOIN courses c ON c.id = o.course_id
"""


class Purchase(msgspec.Struct, frozen=True):
    """An order as its buyer sees it; `amount` includes tax and is null until priced."""

    id: str
    user_id: str
    course_id: str
    status: OrderStatus
    attention: str | None
    close_reason: str | None
    provider: str
    charge_id: str | None
    currency: str
    amount: Decimal | None
    expires_at: datetime | None
    created_at: datetime
    closed_at: datetime | None
    course_slug: str
    course_title: str
    clinic_id: str | None
    is_paid: bool
    invoice_number: str | None

    @property
    def refusal(self) -> Refusal | None:
        """Why the order was closed by its own first steps, if it was."""
        if self.status is not OrderStatus.ABANDONED:
            return None
        return next((refusal for refusal in Refusal if refusal == self.close_reason), None)

    @property
    def shown_status(self) -> OrderStatus:
        """What the buyer is told: the stage, unless the story waits for a person or money is known to be there."""
        if self.attention is not None:
            return OrderStatus.NEEDS_ATTENTION
        if self.is_paid and self.status in (OrderStatus.PREPARING, OrderStatus.AWAITING_PAYMENT):
            return OrderStatus.SETTLING
        return self.status


class Enrollment(msgspec.Struct, frozen=True, rename="camel"):
    """A learner's enrollment; times are UTC."""

    id: str
    course_id: str
    course_slug: str
    course_title: str
    status: str
    enrolled_at: datetime
    expires_at: datetime | None
    completion_percentage: int


async def read_purchase(order_id: str, user_id: str | None = None) -> Purchase | None:
    """One order, with `user_id` only if it is that person's; `None` when there is none."""
    rows = await fetch_as(
        Purchase, _PURCHASE + " WHERE o.id = $1 AND ($2::text IS NULL OR o.user_id = $2)", order_id, user_id
    )
    return rows[0] if rows else None


async def list_purchases(user_id: str, before: str | None, limit: int) -> list[Purchase]:
    """A person's orders, newest first, those older than the order `before`."""
    return await fetch_as(
        Purchase,
        _PURCHASE + " WHERE o.user_id = $1 AND ($2::text IS NULL OR o.id < $2) ORDER BY o.id DESC LIMIT $3",
        user_id,
        before,
        limit,
    )


async def read_order_ref(order_id: str) -> OrderRef | None:
    """What an order's stories are found by, or `None`."""
    rows = await fetch_as(OrderRef, _ORDER_REF + " WHERE o.id = $1", order_id)
    return rows[0] if rows else None


async def orders_without_story(never_started_for: timedelta, overdue_for: timedelta, limit: int) -> list[OrderRef]:
    """Open orders whose story's start was lost (not even priced) or must have been terminated (overdue)."""
    return await fetch_as(
        OrderRef,
        _ORDER_REF + " WHERE o.closed_at IS NULL"
        " AND (o.amount IS NULL AND o.created_at < now() - $1::interval OR o.expires_at < now() - $2::interval)"
        " ORDER BY o.created_at LIMIT $3",
        never_started_for,
        overdue_for,
        limit,
    )


async def read_lines(order_id: str) -> list[InvoiceLine]:
    """The lines of an order's invoice, in order."""
    return await fetch_as(
        InvoiceLine,
        "SELECT l.kind, l.description, l.amount FROM invoice_lines l JOIN invoices i ON i.id = l.invoice_id"
        " WHERE i.order_id = $1 ORDER BY l.position",
        order_id,
    )


async def list_enrollments(user_id: str, before: str | None, limit: int) -> list[Enrollment]:
    """A person's enrollments, newest first."""
    return await fetch_as(
        Enrollment,
        'SELECT e.id, e."courseId" AS "courseId", c.slug AS "courseSlug", c.title AS "courseTitle", e.status,'
        ' e."enrolledAt" AT TIME ZONE \'UTC\' AS "enrolledAt", e."expiresAt" AT TIME ZONE \'UTC\' AS "expiresAt",'
        ' e."completionPercentage" FROM course_enrollments e JOIN courses c ON c.id = e."courseId"'
        ' WHERE e."userId" = $1 AND ($2::text IS NULL OR e.id < $2) ORDER BY e.id DESC LIMIT $3',
        user_id,
        before,
        limit,
    )


async def list_reasons(enrollment_id: str, user_id: str) -> list[Entitlement] | None:
    """Every reason behind an enrollment, ended ones too, oldest first; `None` when it is not this person's."""
    enrollment = await fetch_one(
        'SELECT "courseId" AS course_id FROM course_enrollments WHERE id = $1 AND "userId" = $2', enrollment_id, user_id
    )
    if enrollment is None:
        return None
    return await fetch_as(
        Entitlement,
        'SELECT reason, source_id AS "sourceId", since, until, ended_at AS "endedAt" FROM entitlements'
        " WHERE user_id = $1 AND course_id = $2 ORDER BY since, id",
        user_id,
        enrollment["course_id"],
    )
