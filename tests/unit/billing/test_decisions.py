"""The two decisions about money and events, and who may do what: tables, without any I/O."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain.billing.payments import (
    DisputeState,
    PaymentState,
    ProviderDispute,
    ProviderEvent,
    ProviderPayment,
    ProviderRefund,
    RefundState,
)
from domain.billing.refund import RefundReason, RefundStatus
from domain.billing.settlement import OrderFacts, reason_to_give_back
from domain.identity.roles import ROLE_PERMISSIONS, Permission, Role, permissions_of
from domain.messaging.delivery import Destination, KnownFacts, destination_of

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def payment(**changes: Any) -> ProviderPayment:
    """1180 rupees, captured as asked for."""
    captured = ProviderPayment(
        provider="stripe",
        payment_id="pi_1",
        order_id="order",
        state=PaymentState.SUCCEEDED,
        amount_minor=118_000,
        received_minor=118_000,
        currency="INR",
        created_at=NOW,
    )
    return msgspec.structs.replace(captured, **changes)


def order(**changes: Any) -> OrderFacts:
    """An open order of a course that is on sale and has a seat."""
    facts = OrderFacts(
        amount=Decimal("1180.00"),
        currency="INR",
        is_open=True,
        has_applied_payment=False,
        owns_course=False,
        is_available=True,
        has_seat=True,
    )
    return msgspec.structs.replace(facts, **changes)


@pytest.mark.parametrize(
    ("facts", "captured", "reason"),
    [
        ({}, {}, None),
        ({"is_open": False}, {}, None),
        ({}, {"received_minor": 117_999}, RefundReason.AMOUNT_MISMATCH),
        ({}, {"received_minor": 118_001}, RefundReason.AMOUNT_MISMATCH),
        ({}, {"currency": "USD"}, RefundReason.AMOUNT_MISMATCH),
        ({"currency": "JPY", "amount": Decimal("1180")}, {"currency": "JPY", "received_minor": 1_180}, None),
        ({"has_applied_payment": True}, {}, RefundReason.DUPLICATE_PAYMENT),
        ({"owns_course": True}, {}, RefundReason.COURSE_OWNED),
        # An open order was promised the course and its seat.
        ({"is_available": False, "has_seat": False}, {}, None),
        ({"is_open": False, "is_available": False}, {}, RefundReason.COURSE_UNAVAILABLE),
        ({"is_open": False, "has_seat": False}, {}, RefundReason.COURSE_FULL),
        # Of several reasons the one that says most.
        ({"has_applied_payment": True, "owns_course": True}, {}, RefundReason.DUPLICATE_PAYMENT),
        ({"owns_course": True}, {"received_minor": 1}, RefundReason.AMOUNT_MISMATCH),
    ],
)
def test_captured_money_enrolls_or_goes_back(
    facts: dict[str, Any], captured: dict[str, Any], reason: RefundReason | None
) -> None:
    assert reason_to_give_back(order(**facts), payment(**captured)) is reason


OPEN_ORDER = KnownFacts(order_exists=True, order_is_open=True)
CLOSED_ORDER = KnownFacts(order_exists=True)


@pytest.mark.parametrize(
    ("state", "known", "destination"),
    [
        (PaymentState.SUCCEEDED, KnownFacts(), Destination.UNMATCHED),
        (PaymentState.SUCCEEDED, OPEN_ORDER, Destination.PURCHASE),
        (PaymentState.PROCESSING, OPEN_ORDER, Destination.PURCHASE),
        (PaymentState.CANCELED, OPEN_ORDER, Destination.PURCHASE),
        (PaymentState.OPEN, OPEN_ORDER, Destination.NOTHING),
        (PaymentState.SUCCEEDED, CLOSED_ORDER, Destination.LATE_PAYMENT),
        (PaymentState.PROCESSING, CLOSED_ORDER, Destination.NOTHING),
        (PaymentState.CANCELED, CLOSED_ORDER, Destination.NOTHING),
        (PaymentState.SUCCEEDED, KnownFacts(order_exists=True, payment_is_recorded=True), Destination.NOTHING),
    ],
)
def test_news_of_a_payment_goes_to_its_story(state: PaymentState, known: KnownFacts, destination: Destination) -> None:
    event = ProviderEvent(provider="stripe", event_id="evt_1", event_type="any", payment=payment(state=state))
    assert destination_of(event, known) is destination


@pytest.mark.parametrize(
    ("ours", "known", "destination"),
    [
        ("refund", KnownFacts(refund_status=RefundStatus.SUBMITTED), Destination.REFUND),
        ("refund", KnownFacts(refund_status=RefundStatus.SUCCEEDED, refund_is_the_same=True), Destination.NOTHING),
        ("refund", KnownFacts(refund_status=RefundStatus.RETURNED, refund_is_the_same=True), Destination.NOTHING),
        # The provider made a second one for the same row, or one that a person gave up.
        ("refund", KnownFacts(refund_status=RefundStatus.SUCCEEDED), Destination.UNMATCHED),
        ("refund", KnownFacts(refund_status=RefundStatus.FAILED, refund_is_the_same=True), Destination.UNMATCHED),
        (None, KnownFacts(payment_is_recorded=True), Destination.FOREIGN_REFUND),
        (None, KnownFacts(), Destination.UNMATCHED),
        # It names a refund of ours that we do not have: another installation with the same account.
        ("refund", KnownFacts(payment_is_recorded=True), Destination.UNMATCHED),
    ],
)
def test_news_of_a_refund_goes_to_its_story(ours: str | None, known: KnownFacts, destination: Destination) -> None:
    refund = ProviderRefund(
        provider="stripe",
        provider_refund_id="re_1",
        payment_id="pi_1",
        refund_id=ours,
        state=RefundState.SUCCEEDED,
        amount_minor=1,
        currency="INR",
        created_at=NOW,
    )
    event = ProviderEvent(provider="stripe", event_id="evt_1", event_type="any", refund=refund)
    assert destination_of(event, known) is destination


@pytest.mark.parametrize(
    ("status", "is_the_same", "destination"),
    [
        (None, False, Destination.UNMATCHED),
        (RefundStatus.SUBMITTED, True, Destination.REFUND),
        (RefundStatus.SUCCEEDED, True, Destination.RETURNED_REFUND),
        # Late news of an earlier try that failed, before another one succeeded.
        (RefundStatus.SUCCEEDED, False, Destination.NOTHING),
        (RefundStatus.RETURNED, True, Destination.NOTHING),
        (RefundStatus.FAILED, True, Destination.NOTHING),
    ],
)
def test_a_failed_refund_is_a_returned_one_only_after_it_succeeded(
    status: RefundStatus | None, is_the_same: bool, destination: Destination
) -> None:
    refund = ProviderRefund(
        provider="stripe",
        provider_refund_id="re_1",
        payment_id="pi_1",
        refund_id="refund",
        state=RefundState.FAILED,
        amount_minor=1,
        currency="INR",
        created_at=NOW,
    )
    event = ProviderEvent(provider="stripe", event_id="evt_1", event_type="any", refund=refund)
    assert destination_of(event, KnownFacts(refund_status=status, refund_is_the_same=is_the_same)) is destination


@pytest.mark.parametrize(
    ("state", "known", "destination"),
    [
        ("needs_response", KnownFacts(payment_is_recorded=True), Destination.DISPUTE),
        ("lost", KnownFacts(payment_is_recorded=True), Destination.DISPUTE),
        ("needs_response", KnownFacts(payment_is_recorded=True, dispute_is_known=True), Destination.NOTHING),
        ("needs_response", KnownFacts(), Destination.UNMATCHED),
        # Over: late news of its course is old, and another end is for a person.
        ("needs_response", KnownFacts(payment_is_recorded=True, dispute_end=DisputeState.WON), Destination.NOTHING),
        ("won", KnownFacts(payment_is_recorded=True, dispute_end=DisputeState.WON), Destination.NOTHING),
        ("lost", KnownFacts(payment_is_recorded=True, dispute_end=DisputeState.WON), Destination.UNMATCHED),
    ],
)
def test_news_of_a_dispute_goes_to_its_story(state: str, known: KnownFacts, destination: Destination) -> None:
    dispute = ProviderDispute(
        provider="stripe",
        dispute_id="du_1",
        payment_id="pi_1",
        state=DisputeState(state),
        amount_minor=1,
        currency="INR",
        created_at=NOW,
    )
    event = ProviderEvent(provider="stripe", event_id="evt_1", event_type="any", dispute=dispute)
    assert destination_of(event, known) is destination


def test_an_event_without_payment_or_refund_concerns_nobody() -> None:
    event = ProviderEvent(provider="stripe", event_id="evt_1", event_type="customer.created")
    assert destination_of(event, OPEN_ORDER) is Destination.NOTHING


def test_roles_add_up_and_each_may_buy_and_watch() -> None:
    assert set(ROLE_PERMISSIONS) == set(Role)
    assert all(ROLE_PERMISSIONS[role] >= {Permission.COURSE_VIEW, Permission.COURSE_ENROLL} for role in Role)
    assert permissions_of([]) == frozenset()
    both = permissions_of([Role.CLINIC_ADMIN, Role.INSTRUCTOR])
    assert both == ROLE_PERMISSIONS[Role.CLINIC_ADMIN] | ROLE_PERMISSIONS[Role.INSTRUCTOR]
    assert {role for role in Role if Permission.OPERATIONS in ROLE_PERMISSIONS[role]} == {Role.SUPER_ADMIN}
    assert {role for role in Role if Permission.REFUNDS in ROLE_PERMISSIONS[role]} == {Role.SUPER_ADMIN}
    assert {role for role in Role if Permission.COURSE_PUBLISH in ROLE_PERMISSIONS[role]} == {
        Role.CONTENT_ADMIN,
        Role.SUPER_ADMIN,
    }
