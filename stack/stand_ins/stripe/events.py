"""Stripe's events and their signature (https://docs.stripe.com/webhooks)."""

import hmac
import time
from hashlib import sha256

import msgspec

from stack.stand_ins.book import Delivery
from stack.stand_ins.stripe.wire import Json, new_id

API_VERSION = "2025-03-31.basil"
STALE_SECONDS = 600
"""Age of a `stale` forgery: twice the tolerance that Stripe's libraries use."""

DEFAULT_EVENTS = frozenset(
    {
        "payment_intent.created",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.processing",
        "payment_intent.canceled",
        "charge.refunded",
        "refund.created",
        "refund.updated",
        "refund.failed",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
    }
)
"""What the one endpoint is subscribed to, unless the command line says otherwise."""


def signature_header(body: bytes, secret: str, timestamp: int) -> str:
    """`Stripe-Signature` of a body (https://docs.stripe.com/webhooks/signature)."""
    mac = hmac.new(secret.encode(), b"%d." % timestamp + body, sha256)
    return f"t={timestamp},v1={mac.hexdigest()}"


class StripeEvents:
    """`EventFormat` of Stripe."""

    agent = "Stripe/1.0 (stand-in)"

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def event(self, event_type: str, thing: Json) -> tuple[str, bytes]:
        """A new event's id and body."""
        event_id = new_id("evt")
        body = msgspec.json.encode(
            {
                "id": event_id,
                "object": "event",
                "api_version": API_VERSION,
                "created": int(time.time()),
                "data": {"object": thing},
                "livemode": False,
                "pending_webhooks": 1,
                "request": {"id": None, "idempotency_key": None},
                "type": event_type,
            }
        )
        return event_id, body

    def about(self, body: bytes) -> str:
        """The id of the object that an event is about."""
        return str(msgspec.json.decode(body)["data"]["object"]["id"])

    def signed(self, delivery: Delivery) -> tuple[bytes, dict[str, str]]:
        """Body and headers as the delivery's sort wants them."""
        now = int(time.time())
        body, signature = delivery.body, signature_header(delivery.body, self._secret, now)
        match delivery.sort:
            case "altered":
                body = _altered(delivery.body)
            case "wrong_secret":
                body = _altered(delivery.body)
                signature = signature_header(body, "whsec_of_somebody_else", now)
            case "stale":
                signature = signature_header(body, self._secret, now - STALE_SECONDS)
        return body, {"stripe-signature": signature}


def _altered(body: bytes) -> bytes:
    """The event as a thief would like it: a new id, and the payment succeeded in full."""
    event: Json = msgspec.json.decode(body)
    event["id"] = new_id("evt")
    thing = event["data"]["object"]
    if thing["object"] == "payment_intent":
        event["type"] = "payment_intent.succeeded"
        thing.update(status="succeeded", amount_received=thing["amount"])
    else:
        thing["amount"] = thing["amount"] * 10
    return msgspec.json.encode(event)
