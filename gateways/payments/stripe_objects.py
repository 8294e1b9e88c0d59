"""Stripe's own objects, as far as we read them, and their translation into our words.

The shapes are those of https://docs.stripe.com/api/payment_intents/object, /api/refunds/object and
/api/disputes/object; they serve the client's answers and the webhooks alike.
"""

from datetime import UTC, datetime
from typing import Literal

import msgspec

from domain.billing.payments import (
    DisputeState,
    PaymentState,
    ProviderDispute,
    ProviderPayment,
    ProviderRefund,
    RefundState,
)

PROVIDER = "stripe"
ORDER_KEY = "order_id"
"""Metadata on payment intents: our order."""
REFUND_KEY = "refund_id"
"""Metadata on refunds: our refund row."""

PAYMENT_STATES = {
    "requires_payment_method": PaymentState.OPEN,
    "requires_confirmation": PaymentState.OPEN,
    "requires_action": PaymentState.OPEN,
    "requires_capture": PaymentState.OPEN,
    "processing": PaymentState.PROCESSING,
    "succeeded": PaymentState.SUCCEEDED,
    "canceled": PaymentState.CANCELED,
}
"""A word that is not here (Stripe adds some) counts as `PROCESSING`: neither settle nor give up, ask again."""

REFUND_STATES = {
    "pending": RefundState.PENDING,
    "requires_action": RefundState.PENDING,
    "succeeded": RefundState.SUCCEEDED,
    "failed": RefundState.FAILED,
    "canceled": RefundState.FAILED,
}
"""A word that is not here counts as `PENDING`."""


DISPUTE_STATES = {
    "warning_needs_response": DisputeState.NEEDS_RESPONSE,
    "warning_under_review": DisputeState.UNDER_REVIEW,
    "warning_closed": DisputeState.WON,
    "needs_response": DisputeState.NEEDS_RESPONSE,
    "under_review": DisputeState.UNDER_REVIEW,
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
}
"""A word that is not here (`prevented`) counts as `UNDER_REVIEW`: neither won nor lost, ask again."""


class _Identified(msgspec.Struct, frozen=True):
    id: str


Reference = str | _Identified | None
"""Stripe gives an id, or the object itself where the account's version expands it."""


class PaymentIntent(msgspec.Struct, frozen=True, kw_only=True):
    """What we read of a payment intent."""

    object: Literal["payment_intent"]
    id: str
    status: str
    amount: int
    amount_received: int = 0
    currency: str
    created: int
    metadata: dict[str, str] = {}
    client_secret: str | None = None


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """What we read of a refund."""

    object: Literal["refund"]
    id: str
    status: str | None = None
    amount: int
    currency: str
    created: int
    payment_intent: Reference = None
    charge: Reference = None
    metadata: dict[str, str] | None = None


class RefundList(msgspec.Struct, frozen=True):
    """The refunds inside a charge, newest first."""

    data: list[Refund] = []


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """What we read of a charge: its refunds, which Stripe's newer versions leave out."""

    object: Literal["charge"]
    payment_intent: Reference = None
    refunds: RefundList | None = None


class BalanceTransaction(msgspec.Struct, frozen=True):
    """Money that moved on our account for a dispute: negative when it was taken, in the account's currency."""

    amount: int


class EvidenceDetails(msgspec.Struct, frozen=True):
    """Until when evidence may be sent, in seconds of the epoch."""

    due_by: int | None = None


class Dispute(msgspec.Struct, frozen=True, kw_only=True):
    """What we read of a dispute."""

    object: Literal["dispute"]
    id: str
    status: str
    amount: int
    currency: str
    created: int
    payment_intent: Reference = None
    charge: Reference = None
    balance_transactions: list[BalanceTransaction] = []
    evidence_details: EvidenceDetails | None = None


def payment_of(intent: PaymentIntent, *, with_secret: bool) -> ProviderPayment:
    """The payment in our words; `with_secret` keeps what the browser pays with."""
    return ProviderPayment(
        provider=PROVIDER,
        payment_id=intent.id,
        order_id=intent.metadata.get(ORDER_KEY),
        state=PAYMENT_STATES.get(intent.status, PaymentState.PROCESSING),
        amount_minor=intent.amount,
        received_minor=intent.amount_received,
        currency=intent.currency.upper(),
        created_at=datetime.fromtimestamp(intent.created, UTC),
        client_secret=intent.client_secret if with_secret else None,
    )


def refund_of(refund: Refund, payment: Reference = None) -> ProviderRefund:
    """The refund in our words; `payment` names its payment when the refund itself does not.

    A refund of a bare charge (made without a payment intent, so not ours) is named by the charge.
    """
    return ProviderRefund(
        provider=PROVIDER,
        provider_refund_id=refund.id,
        payment_id=_id_of(refund.payment_intent) or _id_of(payment) or _id_of(refund.charge) or "",
        refund_id=(refund.metadata or {}).get(REFUND_KEY),
        state=REFUND_STATES.get(refund.status or "", RefundState.PENDING),
        amount_minor=refund.amount,
        currency=refund.currency.upper(),
        created_at=datetime.fromtimestamp(refund.created, UTC),
    )


def dispute_of(dispute: Dispute) -> ProviderDispute:
    """The dispute in our words; one of a bare charge (so not ours) is named by the charge."""
    due_by = dispute.evidence_details.due_by if dispute.evidence_details else None
    return ProviderDispute(
        provider=PROVIDER,
        dispute_id=dispute.id,
        payment_id=_id_of(dispute.payment_intent) or _id_of(dispute.charge) or "",
        state=DISPUTE_STATES.get(dispute.status, DisputeState.UNDER_REVIEW),
        amount_minor=dispute.amount,
        currency=dispute.currency.upper(),
        is_withdrawn=sum(moved.amount for moved in dispute.balance_transactions) < 0,
        evidence_due_by=datetime.fromtimestamp(due_by, UTC) if due_by else None,
        created_at=datetime.fromtimestamp(dispute.created, UTC),
    )


def _id_of(reference: Reference) -> str | None:
    return reference.id if isinstance(reference, _Identified) else reference
