"""`verify_stripe`: whom it believes, and what it makes of what it hears."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from stripe import WebhookSignature

from domain.billing.payments import DisputeState, PaymentState, RefundState
from gateways.payments.signatures import LONGEST_HEADER, PayloadError, SignatureError, verify_stripe

SECRET = "whsec_unit"
INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "amount": 199900,
    "amount_received": 199900,
    "client_secret": "pi_1_secret_x",
    "created": 1_760_000_000,
    "currency": "inr",
    "metadata": {"order_id": "order-1"},
    "status": "succeeded",
}
DUE_BY = 1_793_000_000
DISPUTE = {
    "id": "du_1",
    "object": "dispute",
    "amount": 1_000,
    "balance_transactions": [{"amount": -1_000, "fee": 1_500, "object": "balance_transaction"}],
    "charge": "ch_1",
    "created": 1_792_000_000,
    "currency": "inr",
    "evidence_details": {"due_by": DUE_BY, "has_evidence": False, "past_due": False, "submission_count": 0},
    "payment_intent": "pi_1",
    "reason": "fraudulent",
    "status": "needs_response",
}
REFUND = {
    "id": "re_1",
    "object": "refund",
    "amount": 100,
    "charge": "ch_1",
    "created": 1_760_000_000,
    "currency": "inr",
    "metadata": {"refund_id": "refund-1"},
    "payment_intent": "pi_1",
    "status": "pending",
}


def event(kind: str, thing: object) -> bytes:
    return json.dumps({"id": "evt_1", "object": "event", "type": kind, "data": {"object": thing}}).encode()


def signed(body: bytes, *, secret: str = SECRET, age: int = 0) -> str:
    return str(WebhookSignature.generate_signature_header(body.decode(), secret, int(time.time()) - age))


def test_a_payment_is_told_in_our_words_without_its_client_secret() -> None:
    body = event("payment_intent.succeeded", INTENT)
    told = verify_stripe(body, signed(body), SECRET)
    assert (told.provider, told.event_id, told.event_type) == ("stripe", "evt_1", "payment_intent.succeeded")
    assert told.refund is None
    payment = told.payment
    assert payment is not None
    assert (payment.payment_id, payment.order_id, payment.state) == ("pi_1", "order-1", PaymentState.SUCCEEDED)
    assert (payment.amount_minor, payment.received_minor, payment.currency) == (199900, 199900, "INR")
    assert payment.client_secret is None


@pytest.mark.parametrize("kind", ["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"])
def test_a_refund_is_told_in_our_words(kind: str) -> None:
    body = event(kind, REFUND)
    told = verify_stripe(body, signed(body), SECRET)
    assert told.payment is None
    refund = told.refund
    assert refund is not None
    assert (refund.provider_refund_id, refund.payment_id, refund.refund_id) == ("re_1", "pi_1", "refund-1")
    assert (refund.state, refund.amount_minor, refund.currency) == (RefundState.PENDING, 100, "INR")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("warning_needs_response", DisputeState.NEEDS_RESPONSE),
        ("warning_under_review", DisputeState.UNDER_REVIEW),
        ("warning_closed", DisputeState.WON),
        ("needs_response", DisputeState.NEEDS_RESPONSE),
        ("under_review", DisputeState.UNDER_REVIEW),
        ("won", DisputeState.WON),
        ("lost", DisputeState.LOST),
        ("prevented", DisputeState.UNDER_REVIEW),  # a word that we do not know is neither won nor lost
    ],
)
def test_a_dispute_is_told_in_our_words(status: str, state: DisputeState) -> None:
    body = event("charge.dispute.updated", {**DISPUTE, "status": status})
    dispute = verify_stripe(body, signed(body), SECRET).dispute
    assert dispute is not None
    assert (dispute.dispute_id, dispute.payment_id, dispute.state) == ("du_1", "pi_1", state)
    assert (dispute.amount_minor, dispute.currency, dispute.is_withdrawn) == (1_000, "INR", True)
    assert dispute.evidence_due_by == datetime.fromtimestamp(DUE_BY, UTC)


def test_a_dispute_whose_money_came_back_or_never_went_is_not_withdrawn() -> None:
    for moved in ([], [{"amount": -1_000}, {"amount": 1_000}]):
        body = event("charge.dispute.closed", {**DISPUTE, "balance_transactions": moved, "evidence_details": None})
        dispute = verify_stripe(body, signed(body), SECRET).dispute
        assert dispute is not None
        assert (dispute.is_withdrawn, dispute.evidence_due_by) == (False, None)


def test_a_refunded_charge_tells_its_newest_refund_when_it_carries_one() -> None:
    bare = {**REFUND, "payment_intent": None}
    charge = {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "refunds": {"data": [bare]}}
    body = event("charge.refunded", charge)
    refund = verify_stripe(body, signed(body), SECRET).refund
    assert refund is not None
    assert (refund.provider_refund_id, refund.payment_id) == ("re_1", "pi_1")


@pytest.mark.parametrize(
    ("kind", "thing"),
    [
        ("charge.refunded", {"id": "ch_1", "object": "charge", "payment_intent": "pi_1"}),
        ("customer.created", {"id": "cus_1", "object": "customer"}),
    ],
)
def test_what_we_do_not_care_for_is_neither(kind: str, thing: object) -> None:
    body = event(kind, thing)
    told = verify_stripe(body, signed(body), SECRET)
    assert told.event_type == kind
    assert told.payment is None
    assert told.refund is None


def test_an_unknown_status_neither_settles_nor_gives_up() -> None:
    body = event("payment_intent.succeeded", {**INTENT, "status": "something_new"})
    payment = verify_stripe(body, signed(body), SECRET).payment
    assert payment is not None
    assert payment.state is PaymentState.PROCESSING


def test_any_of_two_signatures_may_match() -> None:
    body = event("payment_intent.succeeded", INTENT)
    stamp, right = signed(body).split(",")
    assert verify_stripe(body, f"{stamp},v1={'0' * 64},{right}", SECRET).payment is not None
    assert verify_stripe(body, f"{stamp},{right},v1={'0' * 64},v0=x", SECRET).payment is not None


GOOD = event("payment_intent.succeeded", INTENT)


@pytest.mark.parametrize(
    ("body", "header"),
    [
        (GOOD.replace(b"199900", b"100"), signed(GOOD)),
        (GOOD, signed(GOOD, secret="whsec_other")),
        (GOOD, signed(GOOD, age=301)),
        (GOOD, ""),
        (GOOD, None),
        (b"", signed(GOOD)),
        (GOOD, "t=,v1="),
        (GOOD, f"t={int(time.time())}"),
        (GOOD, f"t={int(time.time())},v1=é"),
        (GOOD, f"t={'9' * 4000},v1={'0' * 64}"),
        (GOOD, signed(GOOD) + ",v1=" + "0" * LONGEST_HEADER),
        (GOOD, "complete nonsense"),
        (b"\xff\xfe", signed(GOOD)),
        (b"[" * 5_000_000, signed(GOOD)),
    ],
    ids=[
        "tampered",
        "wrong secret",
        "too old",
        "empty header",
        "no header",
        "empty body",
        "empty parts",
        "no signature",
        "not ASCII",
        "huge time",
        "huge header",
        "nonsense",
        "not UTF-8",
        "huge body",
    ],
)
def test_what_stripe_did_not_sign_is_refused(body: bytes, header: str | None) -> None:
    with pytest.raises(SignatureError) as refused:
        verify_stripe(body, header, SECRET)
    assert refused.value.__context__ is None, "the library's error quotes the body"


def test_an_empty_secret_believes_nobody() -> None:
    with pytest.raises(SignatureError):
        verify_stripe(GOOD, signed(GOOD, secret=""), "")


def wrong(**changes: Any) -> bytes:
    return event("payment_intent.succeeded", {**INTENT, **changes})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'{"id": 1}',
        b"[" * 100_000,
        event("payment_intent.succeeded", REFUND),
        event("refund.updated", INTENT),
        wrong(amount="1"),
        wrong(created=10**30),
        wrong(created=10**15),
        wrong(created=10**18),
        wrong(metadata=None),
    ],
    ids=[
        "empty",
        "not JSON",
        "list",
        "no type",
        "deep",
        "refund as payment",
        "payment as refund",
        "amount",
        "time",
        "year",
        "age of the world",
        "metadata",
    ],
)
def test_a_signed_body_that_is_no_event_is_a_payload_error(body: bytes) -> None:
    with pytest.raises(PayloadError) as refused:
        verify_stripe(body, signed(body), SECRET)
    assert refused.value.__context__ is None


def test_it_costs_well_under_a_millisecond() -> None:
    body = wrong(description="x" * 2000)
    header = signed(body)
    took = []
    for _ in range(200):
        began = time.perf_counter()
        verify_stripe(body, header, SECRET)
        took.append(time.perf_counter() - began)
    assert sorted(took)[100] < 0.0005
