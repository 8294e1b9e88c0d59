"""Why a lesson cannot be opened now; pure."""

from datetime import datetime
from enum import StrEnum

import msgspec


class LockReason(StrEnum):
    """What stands between a learner and a lesson."""

    ACCESS = "access"
    """No reason for access holds now."""
    PREREQUISITE = "prerequisite"
    """Other lessons come first."""
    DRIP = "drip"
    """It opens later."""


class Lock(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One reason; a lesson opens when none is left."""

    reason: LockReason
    opens_at: datetime | None = None
    """When a dripped lesson opens (aware)."""
    lesson_ids: tuple[str, ...] = ()
    """The lessons that come first and are not completed yet."""


def locks_of(
    *,
    has_access: bool,
    is_preview: bool,
    missing_lessons: tuple[str, ...],
    opens_at: datetime | None,
    now: datetime,
) -> tuple[Lock, ...]:
    """The locks of a lesson, the gravest first. A preview is open to everybody, whatever its other rules say."""
    if is_preview:
        return ()
    locks = []
    if not has_access:
        locks.append(Lock(reason=LockReason.ACCESS))
    if missing_lessons:
        locks.append(Lock(reason=LockReason.PREREQUISITE, lesson_ids=missing_lessons))
    if opens_at is not None and now < opens_at:
        locks.append(Lock(reason=LockReason.DRIP, opens_at=opens_at))
    return tuple(locks)
