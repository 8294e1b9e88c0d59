"""Events that are signed rightly and that no table of ours can hold: not understood, never a 500, never kept."""

import hmac
import json
import time
from hashlib import sha256
from typing import Any

import pytest

from gateways.payments.signatures import PayloadError, SignatureError, verify_razorpay, verify_stripe

SECRET = "webhook secret"
NESTED = b'{"a":' * 50_000
INTENT: dict[str, Any] = {
    **{"object": "payment_intent", "id": "pi_1", "status": "succeeded", "amount": 118_000, "currency": "inr"},
    **{"amount_received": 118_000, "created": 1_795_598_043, "metadata": {"order_id": "ours"}},
}
PAYMENT: dict[str, Any] = {
    **{"entity": "payment", "id": "pay_1", "amount": 118_000, "currency": "INR", "status": "captured"},
    "created_at": 1_795_598_043,
}
UNSTORABLE = [{"id": "a\0b"}, {"id": "x" * 501}, {"currency": "\0"}, {"amount": 10**12}, {"amount": -1}]


def by_stripe(body: bytes) -> Any:
    now = int(time.time())
    signature = hmac.new(SECRET.encode(), f"{now}.".encode() + body, sha256).hexdigest()
    return verify_stripe(body, f"t={now},v1={signature}", SECRET)


def by_razorpay(body: bytes) -> Any:
    return verify_razorpay(body, hmac.new(SECRET.encode(), body, sha256).hexdigest(), "evt1", SECRET)


def stripe_event(**changes: Any) -> bytes:
    thing = {**INTENT, **changes}
    return json.dumps({"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": thing}}).encode()


def razorpay_event(created_at: int | None = None, **changes: Any) -> bytes:
    payload = {"payment": {"entity": {**PAYMENT, **changes}}}
    told_at = int(time.time()) if created_at is None else created_at
    return json.dumps({"event": "payment.captured", "payload": payload, "created_at": told_at}).encode()


def test_what_is_built_as_documented_is_understood() -> None:
    assert by_stripe(stripe_event()).payment.amount_minor == 118_000
    assert by_razorpay(razorpay_event()).payment.amount_minor == 118_000


@pytest.mark.parametrize(
    "changes", [*UNSTORABLE, {"metadata": {"order_id": "\0"}}, {"metadata": {"order_id": "x" * 501}}]
)
def test_stripe(changes: dict[str, Any]) -> None:
    with pytest.raises(PayloadError):
        by_stripe(stripe_event(**changes))


@pytest.mark.parametrize("changes", [*UNSTORABLE, {"order_id": "\0"}])
def test_razorpay(changes: dict[str, Any]) -> None:
    with pytest.raises(PayloadError):
        by_razorpay(razorpay_event(**changes))


@pytest.mark.parametrize("verified", [by_stripe, by_razorpay])
def test_nesting_without_end(verified: Any) -> None:
    with pytest.raises(PayloadError):
        verified(NESTED)


@pytest.mark.parametrize("digits", [20, 400])
def test_a_sending_time_that_no_clock_shows(digits: int) -> None:
    with pytest.raises(SignatureError):
        by_razorpay(razorpay_event(created_at=10**digits))
