"""Orders and their payments as Razorpay runs them.

Orders: created → attempted → paid. Payments: created → failed or authorized → captured; a failed one may still be
authorised within days, and one that nobody captures goes back to its payer
(https://razorpay.com/docs/payments/payments/late-authorization, /payments/capture-settings).
"""

import time
from collections.abc import Callable

import msgspec

from stack.stand_ins.book import Book
from stack.stand_ins.controls import ConflictError
from stack.stand_ins.razorpay.wire import (
    LARGEST_ORDER,
    LONGEST_RECEIPT,
    SMALLEST_ORDER,
    Json,
    WireError,
    amount_of,
    currency_of,
    missing,
    new_id,
    notes_of,
    refuse_unknown,
)

Emit = Callable[[str, Json], None]
"""Tell the world: an event type and its payload."""


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Checked fields of a new order; `amount` in minor units."""

    amount: int
    currency: str
    receipt: str | None
    notes: object


def new_order(params: Json) -> NewOrder:
    """Raises `WireError`."""
    refuse_unknown(params, frozenset({"amount", "currency", "receipt", "notes", "partial_payment"}))
    amount = amount_of(params)
    if amount is None:
        raise WireError("The amount field is required.")
    if amount < SMALLEST_ORDER:
        raise WireError("Order amount less than minimum amount allowed")
    if amount > LARGEST_ORDER:
        raise WireError("Amount exceeds maximum amount allowed.")
    receipt = params.get("receipt")
    if receipt is not None and (not isinstance(receipt, str) or len(receipt) > LONGEST_RECEIPT):
        raise WireError(f"The receipt may not be greater than {LONGEST_RECEIPT} characters.")
    return NewOrder(amount=amount, currency=currency_of(params), receipt=receipt, notes=notes_of(params))


class Orders:
    """Every order and payment in the book. Each method is one change inside `book.operation()`."""

    def __init__(self, book: Book, emit: Emit) -> None:
        self._book = book
        self._emit = emit

    def order(self, order_id: str) -> Json:
        """Raises `WireError`."""
        return self._read("order", order_id)

    def payment(self, payment_id: str) -> Json:
        """Raises `WireError`."""
        return self._read("payment", payment_id)

    def create(self, new: NewOrder) -> Json:
        """A new order, each time: orders have no idempotency key."""
        now = int(time.time())
        order: Json = {
            "id": new_id("order"),
            "entity": "order",
            "amount": new.amount,
            "amount_paid": 0,
            "amount_due": new.amount,
            "currency": new.currency,
            "receipt": new.receipt,
            "offer_id": None,
            "status": "created",
            "attempts": 0,
            "notes": new.notes,
            "created_at": now,
        }
        self._book.insert("order", order, root=order["id"], order_id=new.receipt, created=now)
        return order

    def pay(self, order_id: str, amount: int | None, currency: str | None) -> Json:
        """The payer pays, and the account captures by itself; perhaps something else than was asked for."""
        payment = self.authorize(order_id, amount, currency)
        return self._captured(payment)

    def authorize(self, order_id: str, amount: int | None = None, currency: str | None = None) -> Json:
        """The payer pays, and the account leaves it to the shop to capture."""
        payment = self._attempt(order_id, amount, currency)
        return self._authorized(payment)

    def decline(self, order_id: str) -> Json:
        """The bank says no, or nothing in time."""
        payment = self._attempt(order_id, None, None)
        payment.update(status="failed", error_code="BAD_REQUEST_ERROR", error_reason="payment_failed")
        self._book.update(payment)
        self._emit("payment.failed", {"payment": payment})
        return payment

    def authorize_late(self, payment_id: str) -> Json:
        """The bank of a failed payment says yes after all."""
        payment = self.payment(payment_id)
        if payment["status"] != "failed":
            raise ConflictError(f"A payment that is {payment['status']} cannot be authorised late.")
        payment.update(error_code=None, error_reason=None)
        return self._authorized(payment)

    def let_go(self, payment_id: str) -> Json:
        """Nobody has captured it in time: the payer has the money again."""
        payment = self.payment(payment_id)
        if payment["status"] != "authorized":
            raise ConflictError(f"A payment that is {payment['status']} cannot be let go.")
        payment.update(status="refunded", refund_status="full", amount_refunded=payment["amount"])
        self._book.update(payment)
        return payment

    def capture(self, payment_id: str, amount: int | None, currency: str) -> Json:
        """Take what the bank holds, once. Raises `WireError`."""
        payment = self.payment(payment_id)
        if payment["status"] == "captured":
            raise WireError("This payment has already been captured")
        if payment["status"] != "authorized":
            raise WireError("Only payments which have been authorized and not yet captured can be captured")
        if amount != payment["amount"] or currency != payment["currency"]:
            raise WireError("Capture amount must be equal to the amount authorized")
        return self._captured(payment)

    def _attempt(self, order_id: str, amount: int | None, currency: str | None) -> Json:
        order = self.order(order_id)
        now = int(time.time())
        payment: Json = {
            "id": new_id("pay"),
            "entity": "payment",
            "amount": order["amount"] if amount is None else amount,
            "currency": currency or order["currency"],
            "status": "created",
            "order_id": order_id,
            "invoice_id": None,
            "international": False,
            "method": "upi",
            "amount_refunded": 0,
            "refund_status": None,
            "captured": False,
            "description": None,
            "email": "payer@payers.example",
            "contact": "+919999999999",
            # What the checkout was not given is not here, either: an order's notes stay with the order.
            "notes": [],
            "fee": None,
            "tax": None,
            "error_code": None,
            "error_reason": None,
            "created_at": now,
        }
        self._book.insert("payment", payment, root=order_id, created=now)
        order["attempts"] += 1
        if order["status"] == "created":
            order["status"] = "attempted"
        self._book.update(order)
        return payment

    def _authorized(self, payment: Json) -> Json:
        payment["status"] = "authorized"
        self._book.update(payment)
        self._emit("payment.authorized", {"payment": payment})
        return payment

    def _captured(self, payment: Json) -> Json:
        payment.update(status="captured", captured=True, fee=payment["amount"] * 2 // 100, tax=0)
        self._book.update(payment)
        order = self.order(payment["order_id"])
        is_first = order["status"] != "paid"
        order.update(status="paid", amount_paid=order["amount_paid"] + payment["amount"], amount_due=0)
        self._book.update(order)
        self._emit("payment.captured", {"payment": payment})
        if is_first:
            self._emit("order.paid", {"payment": payment, "order": order})
        return payment

    def _read(self, kind: str, wanted: str) -> Json:
        found = self._book.get(kind, wanted)
        if found is None:
            raise missing()
        return found
