"""Razorpay's webhooks, read: pure functions behind `signatures.py`.

https://razorpay.com/docs/webhooks/payloads: `event`, `created_at`, and the objects by kind under `payload`.
"""

import msgspec

from domain.billing.payments import ProviderEvent
from gateways.payments.razorpay_objects import (
    PROVIDER,
    Dispute,
    Payment,
    Refund,
    dispute_of,
    payment_of,
    refund_of,
)


class _Entity(msgspec.Struct, frozen=True):
    entity: msgspec.Raw


class Told(msgspec.Struct, frozen=True):
    """A webhook's body; `created_at` is seconds of the epoch."""

    event: str
    created_at: int
    payload: dict[str, _Entity]


decode_told = msgspec.json.Decoder(Told).decode
_decode_payment = msgspec.json.Decoder(Payment).decode
_decode_refund = msgspec.json.Decoder(Refund).decode
_decode_dispute = msgspec.json.Decoder(Dispute).decode


def event_of(told: Told, event_id: str) -> ProviderEvent:
    """The event in our words. Raises what msgspec raises, `KeyError`, `ValueError` or `OverflowError`."""
    event = ProviderEvent(provider=PROVIDER, event_id=event_id, event_type=told.event)
    if told.event.startswith("payment.dispute."):
        dispute = dispute_of(_decode_dispute(told.payload["dispute"].entity))
        return msgspec.structs.replace(event, dispute=dispute)
    if told.event.startswith("payment.") or told.event == "order.paid":
        payment = payment_of(_decode_payment(told.payload["payment"].entity))
        return msgspec.structs.replace(event, payment=msgspec.structs.replace(payment, client_secret=None))
    if told.event.startswith("refund."):
        return msgspec.structs.replace(event, refund=refund_of(_decode_refund(told.payload["refund"].entity)))
    return event
