"""Access is a union of reasons: one entitlement per reason, each with its own from and until (design rule 3)."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec


class AccessReason(StrEnum):
    """Why somebody may watch a course."""

    PURCHASE = "purchase"
    PLAN = "plan"
    CLINIC = "clinic"
    SEAT = "seat"
    GIFT = "gift"
    PRESCRIPTION = "prescription"


OWNING_REASONS = frozenset({AccessReason.PURCHASE, AccessReason.GIFT})
"""Reasons that make the course one's own: buying it again is refused. A plan, a clinic, a seat or a prescription
may end, so somebody who has one of those may still buy."""


class Entitlement(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One reason for access. `until` is exclusive; `None` means no planned end. `ended_at` is set when the reason
    was taken back (a refund, a cancelled plan), whatever `until` says."""

    reason: AccessReason
    source_id: str
    since: datetime
    until: datetime | None = None
    ended_at: datetime | None = None

    def holds_at(self, moment: datetime) -> bool:
        """Whether this reason gives access at `moment`."""
        if moment < self.since:
            return False
        ends = [end for end in (self.until, self.ended_at) if end is not None]
        return all(moment < end for end in ends)


def has_access(entitlements: Iterable[Entitlement], moment: datetime) -> bool:
    """Access holds while at least one reason holds."""
    return any(entitlement.holds_at(moment) for entitlement in entitlements)


def owns(entitlements: Iterable[Entitlement], moment: datetime) -> bool:
    """Whether a purchase would add nothing: some owning reason already holds."""
    return any(e.reason in OWNING_REASONS and e.holds_at(moment) for e in entitlements)


def access_until(entitlements: Iterable[Entitlement], moment: datetime) -> datetime | None:
    """The planned end of access as known at `moment`: the latest `until`, or `None` when some reason has none."""
    ends = [e.until for e in entitlements if e.holds_at(moment)]
    return None if None in ends else max((end for end in ends if end is not None), default=None)
