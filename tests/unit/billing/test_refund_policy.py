"""Who may have how much back: the edges of window, watched share and what is left."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain.billing.refund_policy import PaidFacts, RefundPolicy, granted_to_admin, granted_to_buyer
from domain.errors import BusinessRefusalError

PAID_AT = datetime(2026, 11, 1, 9, tzinfo=UTC)
POLICY = RefundPolicy(window_days=14, max_watched_percent=20)
LAST_MOMENT = PAID_AT + timedelta(days=14)


def paid(**changes: Any) -> PaidFacts:
    """1180 rupees, nothing back yet, nothing watched."""
    facts = PaidFacts(left_minor=118_000, is_disputed=False, paid_at=PAID_AT, watched_percent=Decimal(0))
    return msgspec.structs.replace(facts, **changes)


@pytest.mark.parametrize(
    ("facts", "now", "granted"),
    [
        ({}, PAID_AT, 118_000),
        ({}, LAST_MOMENT, 118_000),
        ({}, LAST_MOMENT + timedelta(microseconds=1), "refund_window_over"),
        ({"watched_percent": Decimal(20)}, PAID_AT, 118_000),
        ({"watched_percent": Decimal("20.01")}, PAID_AT, "watched_too_far"),
        ({"left_minor": 18_000}, PAID_AT, 18_000),  # an admin gave a part back: all that is left
        ({"left_minor": 0}, PAID_AT, "nothing_to_refund"),
        ({"left_minor": -1}, PAID_AT, "nothing_to_refund"),  # refunded and charged back: lost twice
        ({"is_disputed": True}, PAID_AT, "payment_disputed"),
    ],
)
def test_a_buyer_has_back_what_the_policy_grants(facts: dict[str, Any], now: datetime, granted: int | str) -> None:
    if isinstance(granted, int):
        assert granted_to_buyer(POLICY, paid(**facts), now) == granted
    else:
        with pytest.raises(BusinessRefusalError, match=granted):
            granted_to_buyer(POLICY, paid(**facts), now)


def test_a_window_of_no_days_grants_nothing_and_a_whole_course_may_be_allowed() -> None:
    with pytest.raises(BusinessRefusalError, match="refund_window_over"):
        granted_to_buyer(RefundPolicy(0, 20), paid(), PAID_AT + timedelta(seconds=1))
    assert granted_to_buyer(RefundPolicy(14, 100), paid(watched_percent=Decimal(100)), PAID_AT) == 118_000


@pytest.mark.parametrize(
    ("facts", "amount", "granted"),
    [
        ({"watched_percent": Decimal(100)}, None, 118_000),
        ({}, 1, 1),
        ({}, 118_000, 118_000),
        ({}, 118_001, "refund_exceeds_payment"),
        ({"left_minor": 0}, 1, "nothing_to_refund"),
        ({"is_disputed": True}, 1, "payment_disputed"),
    ],
)
def test_an_admin_decides_as_far_as_money_is_left(
    facts: dict[str, Any], amount: int | None, granted: int | str
) -> None:
    if isinstance(granted, int):
        assert granted_to_admin(paid(**facts), amount) == granted
    else:
        with pytest.raises(BusinessRefusalError, match=granted):
            granted_to_admin(paid(**facts), amount)
