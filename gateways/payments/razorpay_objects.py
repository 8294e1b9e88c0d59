"""Razorpay's own objects, as far as we read them, and their translation into our words.

The shapes are those of https://razorpay.com/docs/api/orders/entity, /payments/entity, /refunds/entity and
/disputes/entity; they serve the client's answers and the webhooks alike.
"""

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from domain.billing.payments import (
    DisputeState,
    PaymentState,
    ProviderDispute,
    ProviderPayment,
    ProviderRefund,
    RefundState,
)

PROVIDER = "razorpay"
ORDER_KEY = "order_id"
"""Note on Razorpay's orders: our order."""
REFUND_KEY = "refund_id"
"""Note on refunds: our refund row."""

PAYMENT_STATES = {
    "created": PaymentState.OPEN,
    "failed": PaymentState.OPEN,
    "authorized": PaymentState.AUTHORIZED,
    "captured": PaymentState.SUCCEEDED,
}
"""`failed` is open: the payer may try again, and a bank may still say yes within days. `refunded` depends on whether
it was captured before. A word that is not here counts as `PROCESSING`: neither settle nor give up, ask again."""

REFUND_STATES = {
    "pending": RefundState.PENDING,
    "processed": RefundState.SUCCEEDED,
    "failed": RefundState.FAILED,
}
"""A word that is not here counts as `PENDING`."""

DISPUTE_STATES = {
    "open": DisputeState.NEEDS_RESPONSE,
    "under_review": DisputeState.UNDER_REVIEW,
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
    "closed": DisputeState.WON,
}
"""`closed` ends an inquiry without a chargeback. A word that is not here counts as `UNDER_REVIEW`."""

Notes = dict[str, Any] | list[Any]
"""Razorpay writes no notes as an empty list."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What we read of an order: what the buyer's browser is asked to pay. `status` is created, attempted or paid."""

    entity: Literal["order"]
    id: str
    amount: int
    currency: str
    status: str
    created_at: int
    notes: Notes = {}


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """What we read of a payment: one try to pay an order."""

    entity: Literal["payment"]
    id: str
    amount: int
    currency: str
    status: str
    created_at: int
    order_id: str | None = None
    captured: bool | None = None
    notes: Notes = {}


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """What we read of a refund."""

    entity: Literal["refund"]
    id: str
    amount: int
    currency: str
    payment_id: str
    created_at: int
    status: str = "pending"
    notes: Notes = {}


class Dispute(msgspec.Struct, frozen=True, kw_only=True):
    """What we read of a dispute."""

    entity: Literal["dispute"]
    id: str
    payment_id: str
    amount: int
    currency: str
    status: str
    created_at: int
    amount_deducted: int = 0
    respond_by: int | None = None


def charge_of(order: Order) -> ProviderPayment:
    """An order that nobody has paid, in our words: the charge that we opened."""
    return ProviderPayment(
        provider=PROVIDER,
        payment_id=order.id,
        order_id=_note(order.notes, ORDER_KEY),
        state=PaymentState.OPEN,
        amount_minor=order.amount,
        received_minor=0,
        currency=order.currency.upper(),
        created_at=_moment(order.created_at),
        client_secret=order.id,
        charge_id=order.id,
    )


def payment_of(payment: Payment, order: Order | None = None) -> ProviderPayment:
    """The payment in our words. Without its `order` it names ours only where the checkout has copied the note."""
    state = PAYMENT_STATES.get(payment.status, PaymentState.PROCESSING)
    if payment.status == "refunded":
        state = PaymentState.SUCCEEDED if payment.captured else PaymentState.CANCELED
    return ProviderPayment(
        provider=PROVIDER,
        payment_id=payment.id,
        order_id=_note(order.notes if order else payment.notes, ORDER_KEY),
        state=state,
        amount_minor=payment.amount,
        received_minor=payment.amount if state is PaymentState.SUCCEEDED else 0,
        currency=payment.currency.upper(),
        created_at=_moment(payment.created_at),
        client_secret=payment.order_id,
        charge_id=payment.order_id,
    )


def refund_of(refund: Refund) -> ProviderRefund:
    """The refund in our words."""
    return ProviderRefund(
        provider=PROVIDER,
        provider_refund_id=refund.id,
        payment_id=refund.payment_id,
        refund_id=_note(refund.notes, REFUND_KEY),
        state=REFUND_STATES.get(refund.status, RefundState.PENDING),
        amount_minor=refund.amount,
        currency=refund.currency.upper(),
        created_at=_moment(refund.created_at),
    )


def dispute_of(dispute: Dispute) -> ProviderDispute:
    """The dispute in our words."""
    state = DISPUTE_STATES.get(dispute.status, DisputeState.UNDER_REVIEW)
    is_asked = state is DisputeState.NEEDS_RESPONSE and dispute.respond_by is not None
    return ProviderDispute(
        provider=PROVIDER,
        dispute_id=dispute.id,
        payment_id=dispute.payment_id,
        state=state,
        amount_minor=dispute.amount,
        currency=dispute.currency.upper(),
        is_withdrawn=dispute.amount_deducted > 0,
        evidence_due_by=_moment(dispute.respond_by) if is_asked and dispute.respond_by else None,
        created_at=_moment(dispute.created_at),
    )


def _note(notes: Notes, key: str) -> str | None:
    value = notes.get(key) if isinstance(notes, dict) else None
    return value if isinstance(value, str) else None


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
