"""Orders until they are paid: placing, pricing, opening the checkout, closing."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from db.queries.audit import record_audit
from db.queries.billing.given_back import NO_STEP_WAITS, show_attention
from db.queries.billing.seats import has_free_seat, lock_course, may_buy, owns_course
from db.sql import as_json, fetch, fetch_one
from db.transaction import in_transaction
from domain.billing.invoice import INVOICE_ZONE
from domain.billing.money import to_minor
from domain.billing.purchase import Billing, OrderStatus, Refusal, Reservation
from domain.billing.seller import Seller
from domain.billing.tax import SAC_ONLINE_COURSE, TaxedPrice, tax_sale
from domain.identifiers import new_id


async def reserve(order_id: str, expires_at: datetime, seller: Seller) -> Reservation:
    """Fix price and tax and hold a seat until `expires_at`, or close the order with the reason why not.

    One transaction under the order's and the course's row lock; an order already priced or closed answers as before.
    """

    async def work() -> Reservation:
        order = await fetch_one("SELECT * FROM orders WHERE id = $1 FOR NO KEY UPDATE", order_id)
        if order is None:
            # The API took the order back because Temporal seemed to be down when it was placed.
            return Reservation(refusal=Refusal.ORDER_CLOSED)
        if order["closed_at"] is not None:
            return Reservation(refusal=_refusal_of(order["close_reason"]))
        if order["amount"] is not None:
            return _reservation(order, order["amount"])
        course = await lock_course(order["course_id"])
        price = await _price(course, order["currency"], seller.default_currency)
        refusal = await _refusal(course, order["user_id"], price)
        if refusal is not None or price is None:
            refusal = refusal or Refusal.NO_PRICE
            await _close_row(order_id, OrderStatus.ABANDONED, refusal)
            return Reservation(refusal=refusal)
        await _write_invoice(order, course["title"], price, seller)
        await fetch(
            "UPDATE orders SET amount = $2, expires_at = $3, holds_seat = $4 WHERE id = $1",
            order_id,
            price,
            expires_at,
            course["seats"] is not None,
        )
        return _reservation(order, price)

    return await in_transaction(work)


async def note_checkout(order_id: str, payment_id: str) -> None:
    """Record that the charge is open."""
    await fetch(
        "UPDATE orders SET status = 'awaiting_payment', provider_payment_id = $2"
        " WHERE id = $1 AND status = 'preparing' AND closed_at IS NULL",
        order_id,
        payment_id,
    )


async def close_unpaid(order_id: str, status: OrderStatus, reason: str) -> None:
    """Close an open order as expired or abandoned and free its seat; closed ones stay as they are."""

    async def work() -> None:
        if await _close_row(order_id, status, reason):
            await fetch("UPDATE invoices SET status = 'void' WHERE order_id = $1", order_id)
            await record_audit(f"order.{status.value}", "order", order_id, reason=reason)

    await in_transaction(work)


async def set_attention(order_id: str, step: str | None) -> None:
    """Record which step of the order's own stories waits for a person, or that none does any more."""

    async def work() -> None:
        changed = await fetch(
            "UPDATE orders SET own_attention = $2 WHERE id = $1 AND own_attention IS DISTINCT FROM $2 RETURNING id",
            order_id,
            step,
        )
        if changed:
            await show_attention(order_id)
            await record_audit("order.attention" if step else "order.attended", "order", order_id, step=step)

    await in_transaction(work)


def _reservation(order: Any, amount: Decimal) -> Reservation:
    return Reservation(
        amount=amount,
        amount_minor=to_minor(amount, order["currency"]),
        currency=order["currency"],
        provider=order["provider"],
        ordered_at=order["created_at"],
    )


def _refusal_of(close_reason: str | None) -> Refusal:
    return Refusal(close_reason) if close_reason in set(Refusal) else Refusal.ORDER_CLOSED


async def _price(course: Any, currency: str, default_currency: str) -> Decimal | None:
    """Including tax; `None` when the course has no price in that currency (prices are never converted)."""
    if course is None:
        return None
    if course["is_free"]:
        return Decimal(0)
    if currency == default_currency:
        return Decimal(course["price"]) if course["price"] is not None else None
    row = await fetch_one(
        "SELECT amount FROM course_prices WHERE course_id = $1 AND currency = $2", course["id"], currency
    )
    return Decimal(row["amount"]) if row else None


async def _refusal(course: Any, user_id: str, price: Decimal | None) -> Refusal | None:
    if course is None or not await may_buy(course, user_id):
        return Refusal.COURSE_NOT_FOUND
    if await owns_course(user_id, course["id"]):
        return Refusal.COURSE_OWNED
    if price is None:
        return Refusal.NO_PRICE
    if not await has_free_seat(course, user_id):
        return Refusal.COURSE_FULL
    return None


async def _close_row(order_id: str, status: OrderStatus, reason: str) -> bool:
    closed = await fetch(
        f"UPDATE orders SET status = $2, close_reason = $3, closed_at = now(), holds_seat = FALSE, {NO_STEP_WAITS}"  # noqa: S608  # a constant of ours
        " WHERE id = $1 AND closed_at IS NULL RETURNING id",
        order_id,
        status.value,
        reason,
    )
    return bool(closed)


async def _write_invoice(order: Any, title: str, price: Decimal, seller: Seller) -> None:
    billing = msgspec.json.decode(order["billing"], type=Billing)
    today: date = order["created_at"].astimezone(INVOICE_ZONE).date()
    taxed = tax_sale(
        price,
        order["currency"],
        buyer_country=billing.country,
        buyer_state=billing.state,
        seller_state=seller.state,
        on=today,
    )
    invoice_id = new_id()
    await fetch(
        "INSERT INTO invoices (id, order_id, status, seller, buyer, currency, net, tax, total)"
        " VALUES ($1, $2, 'draft', $3, $4, $5, $6, $7, $8)",
        invoice_id,
        order["id"],
        as_json(seller),
        order["billing"],
        order["currency"],
        taxed.net,
        price - taxed.net,
        price,
    )
    await _write_lines(invoice_id, title, taxed)


async def _write_lines(invoice_id: str, title: str, taxed: TaxedPrice) -> None:
    taxes = taxed.taxes
    await fetch(
        "INSERT INTO invoice_lines (id, invoice_id, position, kind, description, sac, tax_rate, amount)"
        " SELECT id, $2, position, kind, description, sac, rate, amount FROM unnest("
        "$1::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::numeric[], $8::numeric[])"
        " AS line (id, position, kind, description, sac, rate, amount)",
        [new_id() for _ in range(1 + len(taxes))],
        invoice_id,
        list(range(1, 2 + len(taxes))),
        ["course", *("tax" for _ in taxes)],
        [title, *(tax.name for tax in taxes)],
        [SAC_ONLINE_COURSE, *(None for _ in taxes)],
        [None, *(tax.rate for tax in taxes)],
        [taxed.net, *(tax.amount for tax in taxes)],
    )
