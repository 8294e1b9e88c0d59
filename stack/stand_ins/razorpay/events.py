"""Razorpay's events and their signature (https://razorpay.com/docs/webhooks/validate-test)."""

import hmac
import time
from hashlib import sha256

import msgspec

from stack.stand_ins.book import Delivery
from stack.stand_ins.razorpay.wire import Json, new_id

STALE_SECONDS = 16 * 24 * 60 * 60
"""Age of a `stale` forgery: a true event of longer ago than Razorpay sends any again."""

DEFAULT_EVENTS = frozenset(
    {
        "payment.authorized",
        "payment.captured",
        "payment.failed",
        "refund.created",
        "refund.processed",
        "refund.failed",
        "payment.dispute.created",
        "payment.dispute.under_review",
        "payment.dispute.won",
        "payment.dispute.lost",
    }
)
"""What the one webhook is subscribed to unless the command line says otherwise; `order.paid` would only tell again."""


def hex_hmac(message: bytes, secret: str) -> str:
    """`X-Razorpay-Signature` of a body, and the checkout's `razorpay_signature` of `order_id|payment_id`."""
    return hmac.new(secret.encode(), message, sha256).hexdigest()


class RazorpayEvents:
    """`EventFormat` of Razorpay; an event's `thing` is its payload: each object by its kind."""

    agent = "Razorpay-Webhook/v1 (stand-in)"

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def event(self, event_type: str, thing: Json) -> tuple[str, bytes]:
        """A new event's id, which travels as a header only, and its body."""
        body = {
            "entity": "event",
            "account_id": "acc_StandInAccount",
            "event": event_type,
            "contains": list(thing),
            "payload": {kind: {"entity": entity} for kind, entity in thing.items()},
            "created_at": int(time.time()),
        }
        return new_id("evt").removeprefix("evt_"), msgspec.json.encode(body)

    def about(self, body: bytes) -> str:
        """The id of the object that an event is about: the first that it contains."""
        event = msgspec.json.decode(body)
        return str(event["payload"][event["contains"][0]]["entity"]["id"])

    def signed(self, delivery: Delivery) -> tuple[bytes, dict[str, str]]:
        """Body and headers as the delivery's sort wants them."""
        body, event_id = delivery.body, delivery.event_id
        signature = hex_hmac(body, self._secret)
        match delivery.sort:
            case "altered":
                body, event_id = _altered(body), new_id("evt")
            case "wrong_secret":
                body, event_id = _altered(body), new_id("evt")
                signature = hex_hmac(body, "the_secret_of_somebody_else")
            case "stale":
                body = _aged(body)
                signature = hex_hmac(body, self._secret)
        return body, {"x-razorpay-signature": signature, "x-razorpay-event-id": event_id}


def _altered(body: bytes) -> bytes:
    """The event as a thief would like it: the payment captured in full, or ten times the refund."""
    event: Json = msgspec.json.decode(body)
    payload = event["payload"]
    told = next((kind for kind in ("refund", "dispute") if kind in payload), None)
    if told is not None:
        payload[told]["entity"]["amount"] *= 10
    else:
        event["event"] = "payment.captured"
        payload["payment"]["entity"].update(status="captured", captured=True, fee=0)
    return msgspec.json.encode(event)


def _aged(body: bytes) -> bytes:
    event: Json = msgspec.json.decode(body)
    event["created_at"] -= STALE_SECONDS
    return msgspec.json.encode(event)
