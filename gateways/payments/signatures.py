"""Pure checks of what payment providers post to us: the one door between `api` and `gateways`.

No error raised here carries anything of the body, the header or the secret.
"""

import hmac
import re
import time
from hashlib import sha256

import msgspec
from stripe import SignatureVerificationError, WebhookSignature

from domain.billing.payments import ProviderEvent, can_be_kept
from gateways.payments.razorpay_events import Told, decode_told, event_of
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


OLDEST_SECONDS = 15 * 24 * 60 * 60
"""Razorpay retries for a day, and sends an event again on demand for 15 days
(https://razorpay.com/docs/webhooks/faqs)."""

NEWEST_SECONDS = 300
"""How far Razorpay's clock may be ahead of ours."""

UNREADABLE = (msgspec.MsgspecError, ValueError, OverflowError, OSError, KeyError, RecursionError)
"""What reading a body may raise: no UTF-8 or no such form, a creation time that no calendar holds, a part that is not
there, nesting without end."""

_EVENT_ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)


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
    if event is None or not can_be_kept(event):
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
    except UNREADABLE:
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


def verify_razorpay(raw_body: bytes, header: str | None, event_id: str | None, secret: str) -> ProviderEvent:
    """Check Razorpay's signature on the body exactly as it arrived, and say what it tells, in our words.

    The rule is https://razorpay.com/docs/webhooks/validate-test: HMAC-SHA256 of the body by the webhook's own secret,
    in hex. Nothing signs a sending time or the event's id (`x-razorpay-event-id`). What limits a replay instead is the
    body's own `created_at`, as far back as Razorpay itself sends events again. Within that time a replay under another
    id is the true event told twice, which the stories' keys make harmless. Without a usable id the body's hash is one.
    Raises `SignatureError` or `PayloadError`.
    """
    if not _is_hmac(header, raw_body, secret):
        raise SignatureError
    told, event = _told_by_razorpay(raw_body, event_id)
    if told is None or event is None or not can_be_kept(event):
        raise PayloadError
    age = int(time.time()) - told.created_at  # whole numbers: a time of four hundred digits fits no float
    if not -NEWEST_SECONDS <= age <= OLDEST_SECONDS:
        raise SignatureError
    return event


def is_confirmed_by_razorpay(order_id: str, payment_id: str, signature: str, key_secret: str) -> bool:
    """Whether Razorpay's checkout told the buyer's browser that this payment was made for this order of Razorpay's.

    The rule is https://razorpay.com/docs/payments/server-integration/python/integration-steps: HMAC-SHA256 of
    `order_id|payment_id` by the API key's secret (not the webhook's), in hex.
    """
    return _is_hmac(signature, f"{order_id}|{payment_id}".encode(), key_secret)


def _is_hmac(given: str | None, message: bytes, secret: str) -> bool:
    if not given or len(given) > LONGEST_HEADER or not secret:
        return False
    return hmac.compare_digest(given.encode(), hmac.new(secret.encode(), message, sha256).hexdigest().encode())


def _told_by_razorpay(raw_body: bytes, event_id: str | None) -> tuple[Told | None, ProviderEvent | None]:
    """Both `None` when it is not built as documented; nothing is raised from inside, as above."""
    if event_id is None or not _EVENT_ID.fullmatch(event_id):
        event_id = f"body-{sha256(raw_body).hexdigest()}"
    try:
        told = decode_told(raw_body)
        return told, event_of(told, event_id)
    except UNREADABLE:
        return None, None
