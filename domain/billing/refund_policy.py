"""Who may have how much of a purchase back: the one decision, without any I/O."""

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

import msgspec

from domain.errors import BusinessRefusalError


class RefundRefusal(StrEnum):
    """Why a refund is not granted: business answers."""

    NOTHING_TO_REFUND = "nothing_to_refund"
    """Nothing was paid, or all of it is back or on its way."""
    PAYMENT_DISPUTED = "payment_disputed"
    """The bank decides about this money: a refund beside a chargeback would be paid twice."""
    WINDOW_OVER = "refund_window_over"
    WATCHED_TOO_FAR = "watched_too_far"
    EXCEEDS_PAYMENT = "refund_exceeds_payment"


class RefundPolicy(msgspec.Struct, frozen=True):
    """What every buyer is granted, by the academy's settings."""

    window_days: int
    """Days of 24 hours after the payment was settled."""
    max_watched_percent: int
    """So much of the course may be watched, inclusive."""


class PaidFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision needs of the payment that enrolled, read under its row lock."""

    left_minor: int
    """What is neither given back, nor on its way back, nor lost in a dispute; minor units."""
    is_disputed: bool
    paid_at: datetime
    watched_percent: Decimal
    """The share of the course that was watched, the larger of what enrollment and lessons say: 0 to 100."""


def granted_to_buyer(policy: RefundPolicy, paid: PaidFacts, now: datetime) -> int:
    """What a buyer has back by their own wish, in minor units: everything that is left, or nothing.

    Raises `BusinessRefusalError` with a `RefundRefusal`.
    """
    _require_refundable(paid)
    if now > paid.paid_at + timedelta(days=policy.window_days):
        raise BusinessRefusalError(RefundRefusal.WINDOW_OVER)
    if paid.watched_percent > policy.max_watched_percent:
        raise BusinessRefusalError(RefundRefusal.WATCHED_TOO_FAR)
    return paid.left_minor


def granted_to_admin(paid: PaidFacts, amount_minor: int | None) -> int:
    """What an admin gives back, in minor units: any amount that is left, all of it when none is named.

    Raises `BusinessRefusalError` with a `RefundRefusal`.
    """
    _require_refundable(paid)
    if amount_minor is not None and amount_minor > paid.left_minor:
        raise BusinessRefusalError(RefundRefusal.EXCEEDS_PAYMENT)
    return paid.left_minor if amount_minor is None else amount_minor


def _require_refundable(paid: PaidFacts) -> None:
    if paid.is_disputed:
        raise BusinessRefusalError(RefundRefusal.PAYMENT_DISPUTED)
    if paid.left_minor <= 0:
        raise BusinessRefusalError(RefundRefusal.NOTHING_TO_REFUND)
