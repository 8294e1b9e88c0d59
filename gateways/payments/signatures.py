"""Pure checks of what payment providers post to us: the one door between `api` and `gateways`.

No error raised here carries anything of the body, the header or the secret.
"""

import msgspec
from stripe import SignatureVerificationError, WebhookSignature

from domain.payments import ProviderEvent
from gateways.payments.stripe_objects import (
    PROVIDER,
    Charge,
    Dispute,
    PaymentIntent,
    Refund,
    dispute_of,
    payment_of,
    refund_of,
)

LONGEST_HEADER = 4096
"""Characters. Stripe's header is about 100; a secret being rotated adds one signature."""


class SignatureError(Exception):
    """The signature is missing, malformed, wrong or too old: answer 400 and keep nothing."""


class PayloadError(Exception):
    """The provider did sign this body, but it is not an event as documented: a defect worth an alarm."""


class _EventData(msgspec.Struct, frozen=True):
    object: msgspec.Raw


class _Event(msgspec.Struct, frozen=True):
    id: str
    type: str
    data: _EventData | None = None


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_payment_intent = msgspec.json.Decoder(PaymentIntent).decode
_decode_refund = msgspec.json.Decoder(Refund).decode
_decode_dispute = msgspec.json.Decoder(Dispute).decode
_decode_charge = msgspec.json.Decoder(Charge).decode


def verify_stripe(raw_body: bytes, header: str | None, secret: str, tolerance_seconds: int = 300) -> ProviderEvent:
    """Check Stripe's signature on the body exactly as it arrived, and say what it tells, in our words.

    The rule is https://docs.stripe.com/webhooks/signature: HMAC-SHA256 of `t.body`, any of the header's
    `v1` may match, and `t` may lie `tolerance_seconds` in the past. Raises `SignatureError` or `PayloadError`.
    """
    if not _is_signed(raw_body, header, secret, tolerance_seconds):
        raise SignatureError
    event = _understood(raw_body)
    if event is None:
        raise PayloadError
    return event


def _is_signed(raw_body: bytes, header: str | None, secret: str, tolerance_seconds: int) -> bool:
    if not header or len(header) > LONGEST_HEADER:
        return False
    try:
        WebhookSignature.verify_header(raw_body, header, secret, tolerance_seconds)
    except (SignatureVerificationError, UnicodeDecodeError, TypeError):
        # TypeError: the comparison refuses signatures that are not ASCII.
        return False
    return True


def _understood(raw_body: bytes) -> ProviderEvent | None:
    """The event, or `None` when it is not built as documented.

    Nothing is raised from inside: msgspec's texts may quote the body.
    """
    try:
        event = _decode_event(raw_body)
        named = ProviderEvent(provider=PROVIDER, event_id=event.id, event_type=event.type)
        return named if event.data is None else _with_object(named, event.data.object)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, OverflowError):
        # The last two: a creation time that no calendar holds.
        return None


def _with_object(event: ProviderEvent, body: msgspec.Raw) -> ProviderEvent:
    kind = event.event_type
    if kind.startswith("payment_intent."):
        payment = payment_of(_decode_payment_intent(body), with_secret=False)
        return msgspec.structs.replace(event, payment=payment)
    if kind.startswith("refund.") or kind == "charge.refund.updated":
        return msgspec.structs.replace(event, refund=refund_of(_decode_refund(body)))
    if kind.startswith("charge.dispute."):
        return msgspec.structs.replace(event, dispute=dispute_of(_decode_dispute(body)))
    if kind == "charge.refunded":
        charge = _decode_charge(body)
        if charge.refunds is not None and charge.refunds.data:
            newest = refund_of(charge.refunds.data[0], charge.payment_intent)
            return msgspec.structs.replace(event, refund=newest)
    return event
