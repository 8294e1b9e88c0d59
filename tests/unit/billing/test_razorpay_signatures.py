"""Razorpay's webhooks and its checkout's confirmation: only what is signed, whole and not too old is believed."""

import hmac
import json
import time
from hashlib import sha256
from typing import Any

import pytest

from domain.billing.payments import DisputeState, PaymentState, RefundState
from gateways.payments.signatures import (
    OLDEST_SECONDS,
    PayloadError,
    SignatureError,
    is_confirmed_by_razorpay,
    verify_razorpay,
)

SECRET = "webhook secret"
PAYMENT: dict[str, Any] = {
    "id": "pay_DESlfW9H8K9uqM",
    "entity": "payment",
    "amount": 118_000,
    "currency": "INR",
    "status": "captured",
    "order_id": "order_DESlLckIVRkHWj",
    "captured": True,
    "notes": [],
    "created_at": 1567674599,
}
REFUND: dict[str, Any] = {
    "id": "rfnd_FP8QHiV938haTz",
    "entity": "refund",
    "amount": 500,
    "currency": "INR",
    "payment_id": PAYMENT["id"],
    "notes": {"refund_id": "ours"},
    "status": "processed",
    "created_at": 1597078866,
}
DISPUTE: dict[str, Any] = {
    "id": "disp_EsIAlDcoUr8CaQ",
    "entity": "dispute",
    "payment_id": PAYMENT["id"],
    "amount": 39_000,
    "currency": "INR",
    "amount_deducted": 0,
    "respond_by": 1590604200,
    "status": "open",
    "phase": "chargeback",
    "created_at": 1590059211,
}


def event(kind: str, /, age: float = 0, **payload: Any) -> bytes:
    body = {
        "entity": "event",
        "account_id": "acc_1",
        "event": kind,
        "contains": list(payload),
        "payload": {name: {"entity": entity} for name, entity in payload.items()},
        "created_at": int(time.time() - age),
    }
    return json.dumps(body).encode()


def signed(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, sha256).hexdigest()


def verified(body: bytes, event_id: str | None = "evt1") -> Any:
    return verify_razorpay(body, signed(body), event_id, SECRET)


def test_a_captured_payment_in_our_words() -> None:
    told = verified(event("payment.captured", payment=PAYMENT))
    assert (told.provider, told.event_id, told.event_type) == ("razorpay", "evt1", "payment.captured")
    payment = told.payment
    assert (payment.payment_id, payment.charge_id) == (PAYMENT["id"], PAYMENT["order_id"])
    assert (payment.state, payment.received_minor, payment.currency) == (PaymentState.SUCCEEDED, 118_000, "INR")
    assert (payment.order_id, payment.client_secret) == (None, None), "it names only Razorpay's own order"
    noted = verified(event("order.paid", payment={**PAYMENT, "notes": {"order_id": "ours", "n": 1}}, order={}))
    assert noted.payment.order_id == "ours"


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"status": "authorized", "captured": False}, PaymentState.AUTHORIZED),
        ({"status": "failed", "captured": False}, PaymentState.OPEN),
        ({"status": "refunded"}, PaymentState.SUCCEEDED),
        ({"status": "refunded", "captured": False}, PaymentState.CANCELED),
        ({"status": "a new word", "captured": False}, PaymentState.PROCESSING),
    ],
)
def test_only_captured_money_is_money(changes: dict[str, Any], state: PaymentState) -> None:
    payment = verified(event("payment.x", payment={**PAYMENT, **changes})).payment
    assert payment.state is state
    assert payment.received_minor == (118_000 if state is PaymentState.SUCCEEDED else 0)


def test_refunds_and_disputes_in_our_words() -> None:
    refund = verified(event("refund.processed", refund=REFUND, payment=PAYMENT)).refund
    assert (refund.refund_id, refund.state, refund.payment_id) == ("ours", RefundState.SUCCEEDED, PAYMENT["id"])
    dispute = verified(event("payment.dispute.created", payment=PAYMENT, dispute=DISPUTE)).dispute
    assert (dispute.dispute_id, dispute.payment_id) == (DISPUTE["id"], PAYMENT["id"])
    assert (dispute.state, dispute.is_withdrawn) == (DisputeState.NEEDS_RESPONSE, False)
    assert dispute.evidence_due_by is not None
    lost = {**DISPUTE, "status": "lost", "amount_deducted": 39_000}
    dispute = verified(event("payment.dispute.lost", payment=PAYMENT, dispute=lost)).dispute
    assert (dispute.state, dispute.is_withdrawn, dispute.evidence_due_by) == (DisputeState.LOST, True, None)
    nothing = verified(event("invoice.paid", invoice={}))
    assert (nothing.payment, nothing.refund, nothing.dispute) == (None, None, None)


@pytest.mark.parametrize("header", [None, "", "0" * 64, "ä" * 64, "0" * 5000, signed(b"another body")])
def test_a_signature_that_does_not_fit_is_refused(header: str | None) -> None:
    with pytest.raises(SignatureError):
        verify_razorpay(event("payment.captured", payment=PAYMENT), header, "evt1", SECRET)


def test_another_secret_a_changed_body_and_no_secret_are_refused() -> None:
    body = event("payment.captured", payment=PAYMENT)
    for raw, header, secret in (
        (body, signed(body, "another"), SECRET),
        (body.replace(b"118000", b"118001"), signed(body), SECRET),
        (body, signed(body, ""), ""),
    ):
        with pytest.raises(SignatureError):
            verify_razorpay(raw, header, "evt1", secret)


@pytest.mark.parametrize(("age", "is_taken"), [(0, True), (OLDEST_SECONDS - 60, True), (OLDEST_SECONDS + 60, False)])
def test_an_event_is_as_old_as_its_own_time_says(age: float, is_taken: bool) -> None:
    body = event("payment.captured", age, payment=PAYMENT)
    if is_taken:
        assert verified(body).payment is not None
        return
    with pytest.raises(SignatureError):
        verified(body)


def test_an_event_of_the_future_is_refused() -> None:
    with pytest.raises(SignatureError):
        verified(event("payment.captured", -600, payment=PAYMENT))


@pytest.mark.parametrize("event_id", [None, "", "a b", "x" * 101, "ä"])
def test_without_a_usable_id_the_same_body_is_the_same_event(event_id: str | None) -> None:
    body = event("payment.captured", payment=PAYMENT)
    assert verified(body, event_id).event_id == verified(body, None).event_id
    assert verified(event("payment.failed", payment=PAYMENT), event_id).event_id != verified(body, None).event_id


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"not json",
        b'{"event": "payment.captured"}',
        event("payment.captured", refund=REFUND),
        event("payment.captured", payment=REFUND),
        event("payment.captured", payment={**PAYMENT, "amount": "1"}),
        event("payment.captured", payment={**PAYMENT, "created_at": 10**18}),
        event("refund.created", payment=PAYMENT),
    ],
)
def test_a_signed_body_that_is_no_event_is_a_payload_error(body: bytes) -> None:
    with pytest.raises(PayloadError) as refused:
        verified(body)
    assert refused.value.__context__ is None


def test_the_checkouts_own_signature_is_of_both_ids_by_the_keys_secret() -> None:
    signature = signed(b"order_1|pay_1", "key secret")
    assert is_confirmed_by_razorpay("order_1", "pay_1", signature, "key secret")
    for order_id, payment_id, given, secret in (
        ("order_2", "pay_1", signature, "key secret"),
        ("order_1", "pay_2", signature, "key secret"),
        ("order_1", "pay_1", signature, SECRET),
        ("order_1", "pay_1", signature.upper(), "key secret"),
        ("order_1", "pay_1", "ä", "key secret"),
        ("order_1", "pay_1", signed(b"order_1|pay_1", ""), ""),
    ):
        assert not is_confirmed_by_razorpay(order_id, payment_id, given, secret)
