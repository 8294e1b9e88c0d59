"""Quiet hours: local times between which nothing that can wait reaches a person; pure."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

FALLBACK_ZONE = "Asia/Kolkata"
"""Where the academy is, for a zone that we do not know."""


class QuietHours(msgspec.Struct, frozen=True, kw_only=True):
    """From (included) to until (excluded), on the clock of `time_zone`; over midnight when `until` is the smaller."""

    since: time
    until: time
    time_zone: str


def quiet_until(quiet: QuietHours, moment: datetime) -> datetime | None:
    """When (UTC) the quiet hours around an aware `moment` end; `None` when they are not on. Equal times mean never.

    The end is found on the local clock, so that a night with a change of the clock is an hour shorter or longer. An
    end that the clock skips is the moment of the skip's end or soon after; one that it shows twice is the first.
    """
    zone = _zone(quiet.time_zone)
    local = moment.astimezone(zone)
    clock = local.time()
    over_midnight = quiet.until < quiet.since
    has_begun, has_not_ended = clock >= quiet.since, clock < quiet.until
    if not ((has_begun or has_not_ended) if over_midnight else (has_begun and has_not_ended)):
        return None
    day = local.date() + timedelta(days=1 if over_midnight and has_begun else 0)
    end = datetime.combine(day, quiet.until, zone).astimezone(UTC)
    # In the second showing of an hour, the first end has passed already.
    return end if end > moment else datetime.combine(day, quiet.until, zone).replace(fold=1).astimezone(UTC)


def is_time_zone(name: str) -> bool:
    """Whether the IANA database has it."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name if is_time_zone(name) else FALLBACK_ZONE)
