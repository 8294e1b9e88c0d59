"""What becomes of captured money: the one decision, without any I/O."""

from decimal import Decimal

import msgspec

from domain.billing.money import to_minor
from domain.billing.payments import ProviderPayment
from domain.billing.refund import RefundReason


class OrderFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision needs, read under the order's and the course's row lock."""

    amount: Decimal
    currency: str
    is_open: bool
    """An open order holds its seat; a closed one has to find one."""
    has_applied_payment: bool
    owns_course: bool
    """By another order or a gift."""
    is_available: bool
    """The course is published, and its clinic's members may still buy it."""
    has_seat: bool


def reason_to_give_back(order: OrderFacts, payment: ProviderPayment) -> RefundReason | None:
    """Why this captured payment cannot enroll its payer; `None` when it can (design rule 1)."""
    if payment.currency != order.currency or payment.received_minor != to_minor(order.amount, order.currency):
        return RefundReason.AMOUNT_MISMATCH
    if order.has_applied_payment:
        return RefundReason.DUPLICATE_PAYMENT
    if order.owns_course:
        return RefundReason.COURSE_OWNED
    if order.is_open:
        return None
    if not order.is_available:
        return RefundReason.COURSE_UNAVAILABLE
    return None if order.has_seat else RefundReason.COURSE_FULL
