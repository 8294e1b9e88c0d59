"""What refunds and chargebacks have in common: what is left of a payment, and what follows when some of it went back.

Who locks more than one row takes the order's first, then the payment's, then the refund's or the dispute's.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from db.queries.billing.ledger import read_posting, write_posting
from db.queries.billing.seats import HOLDS_NOW
from db.queries.reviews import clear_verified
from db.sql import fetch, fetch_one
from domain.billing.ledger import Account, Entry, Posting
from domain.identifiers import new_id

WENT_BACK = "(status = 'succeeded' OR (replaces IS NOT NULL AND status <> 'returned'))"
"""The refunds for which the sale was reversed. One that the bank sent back counts by the one that replaces it, whether
that has reached its payer yet or was given up: the supply stays cancelled and the money is owed (ADR 9)."""

IS_SPOKEN_FOR = f"({WENT_BACK} OR status IN ('requested', 'submitted'))"
"""The refunds whose money cannot be asked for again."""


MONEY_WAITS = (
    "COALESCE((SELECT 'refund:' || r.attention FROM refunds r WHERE r.order_id = orders.id AND r.attention IS NOT NULL"
    " ORDER BY r.created_at LIMIT 1), (SELECT 'dispute:' || d.attention FROM disputes d WHERE d.order_id = orders.id"
    " AND d.attention IS NOT NULL ORDER BY d.created_at LIMIT 1))"
)
"""Of a row of `orders`: what the oldest refund, else dispute, of it waits for a person with."""

NO_STEP_WAITS = f"own_attention = NULL, attention = {MONEY_WAITS}"
"""Sets a row of `orders` whose own story waits no more."""


class LockedPayment(msgspec.Struct, frozen=True):
    """A payment whose row is locked; `amount` and `back` (refunds done, disputes lost) in `currency`."""

    id: str
    order_id: str
    course_id: str
    applied: bool
    amount: Decimal
    currency: str
    back: Decimal
    """Never more than `amount`: what exceeds it is booked as a loss."""
    loss: Decimal
    """What went back beyond it: the same money by a refund and a lost dispute."""


async def lock_payment(payment_row: str) -> LockedPayment:
    """Lock a payment and say what went back of it. Raises `LookupError`. Call it inside a transaction."""
    row = await fetch_one(
        "SELECT p.*, o.course_id FROM payments p JOIN orders o ON o.id = p.order_id WHERE p.id = $1"
        " FOR NO KEY UPDATE OF p",
        payment_row,
    )
    if row is None:
        raise LookupError("the payment is missing")
    # A statement of its own: it must see what was committed while the lock was waited for.
    [back] = await fetch(
        f"SELECT (SELECT COALESCE(sum(amount), 0) FROM refunds WHERE payment_id = $1 AND {WENT_BACK})"  # noqa: S608  # ours
        " + (SELECT COALESCE(sum(amount), 0) FROM disputes WHERE payment_id = $1 AND state = 'lost'"
        "    AND closed_at IS NOT NULL) AS amount",
        payment_row,
    )
    paid, gone = Decimal(row["amount"]), Decimal(back["amount"])
    return LockedPayment(
        id=row["id"],
        order_id=row["order_id"],
        course_id=row["course_id"],
        applied=row["applied"],
        amount=paid,
        currency=row["currency"],
        back=min(paid, gone),
        loss=max(gone - paid, Decimal(0)),
    )


async def left_minor(payment_row: str) -> int:
    """What is neither given back, nor on its way back, nor lost in a dispute; minor units. Call it under the lock."""
    [row] = await fetch(
        "SELECT p.amount_minor"  # noqa: S608  # a constant of ours
        f" - (SELECT COALESCE(sum(amount_minor), 0) FROM refunds WHERE payment_id = p.id AND {IS_SPOKEN_FOR})"
        " - (SELECT COALESCE(sum(amount_minor), 0) FROM disputes WHERE payment_id = p.id AND state = 'lost') AS minor"
        " FROM payments p WHERE p.id = $1",
        payment_row,
    )
    return int(row["minor"])


async def first_posting(payment: LockedPayment) -> Sequence[Entry]:
    """What was booked when the payment came in."""
    return await read_posting(f"payment:{payment.id}:{'sale' if payment.applied else 'unapplied'}")


async def write_reversal(posting: Posting, payment: LockedPayment, source_id: str) -> None:
    """Write a posting that takes back some of a payment, and the instructor's part of it as a negative earning."""
    await write_posting(posting, payment.order_id)
    taken = sum((e.amount for e in posting.entries if e.account is Account.INSTRUCTOR_PAYABLE), Decimal(0))
    if taken:
        await fetch(
            'INSERT INTO instructor_earnings (id, "instructorId", "courseId", "sourceId", amount, currency)'
            ' SELECT $1, "instructorId", "courseId", $2, $3, currency FROM instructor_earnings WHERE "sourceId" = $4',
            new_id(),
            source_id,
            -taken,
            payment.id,
        )


async def end_purchase_access(order: Any, ended_reason: str) -> None:
    """End this one reason; the enrollment stays active, and a review verified, while another holds (design rule 3)."""
    await fetch(
        "UPDATE entitlements SET ended_at = now(), ended_reason = $2"
        " WHERE reason = 'purchase' AND source_id = $1 AND ended_at IS NULL",
        order["id"],
        ended_reason,
    )
    await fetch(
        f"""
        UPDATE course_enrollments SET status = 'cancelled'
        WHERE "userId" = $1 AND "courseId" = $2 AND status = 'active' AND NOT EXISTS (
            SELECT FROM entitlements WHERE user_id = $1 AND course_id = $2 AND {HOLDS_NOW})
        """,  # noqa: S608  # a constant of ours
        order["user_id"],
        order["course_id"],
    )
    await clear_verified(order["user_id"], order["course_id"])


async def follow_money(order_id: str) -> None:
    """An order follows the payment that enrolled; without one it is refunded once every payment went back whole."""
    await fetch(
        f"""
        WITH money AS (
            SELECT p.applied, p.amount_minor AS paid,
                   (SELECT COALESCE(sum(amount_minor), 0) FROM refunds
                    WHERE payment_id = p.id AND {WENT_BACK}) AS back,
                   (SELECT COALESCE(sum(amount_minor), 0) FROM disputes
                    WHERE payment_id = p.id AND state = 'lost') AS lost,
                   EXISTS (SELECT FROM disputes WHERE payment_id = p.id AND closed_at IS NULL) AS is_disputed
            FROM payments p WHERE p.order_id = $1
        )
        UPDATE orders SET status = CASE
            WHEN (SELECT bool_or(applied) FROM money) THEN (
                SELECT CASE WHEN is_disputed THEN 'disputed' WHEN lost > 0 THEN 'charged_back'
                            WHEN back = paid THEN 'refunded' WHEN back > 0 THEN 'partially_refunded'
                            ELSE 'enrolled' END FROM money WHERE applied)
            WHEN (SELECT bool_and(back + lost >= paid) FROM money) THEN 'refunded'
            ELSE status END
        WHERE id = $1
        """,  # noqa: S608  # a constant of ours
        order_id,
    )
    await show_attention(order_id)


async def show_attention(order_id: str) -> None:
    """The order names what its own story, else one of its refunds or disputes, waits for a person with, or nothing."""
    # First the lock: a statement sees what was committed before it began, not what it then waited for.
    await fetch("SELECT FROM orders WHERE id = $1 FOR NO KEY UPDATE", order_id)
    await fetch(f"UPDATE orders SET attention = COALESCE(own_attention, {MONEY_WAITS}) WHERE id = $1", order_id)  # noqa: S608  # a constant of ours
