"""What an event of a player counts for: which part of the video was watched, and when somebody was there; pure.

All times and positions are whole milliseconds. In seconds, either each event's ends would be lost, and an hour played
to the end would stay below 90 %, or each event could claim a second that it did not play.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SLOWEST, FASTEST = 0.25, 4.0
"""Speeds of playback that players offer."""
TRUSTED_CLOCK_MS = 5_000
"""A device's clock that is off by more than this is put right by what it said when it sent."""
LONGEST_VIDEO_MS = 2**31 - 1
"""Some 596 hours: what `int4` holds."""


class Span(NamedTuple):
    """From `begin` to before `end`."""

    begin: int
    end: int


class Watch(msgspec.Struct, frozen=True):
    """One event: from when to when, by the clock of the device, and from where to where it played.

    One that ends where it begins, or before, is a point: a pause or a seek. It counts for nothing but the position.
    """

    sequence: int
    """Counted by the device: which of two events that end at the same time is newer."""
    began: int
    ended: int
    """Milliseconds since 1970."""
    start: int
    stop: int
    """Milliseconds of the video."""
    speed: float = 1.0


class Counted(msgspec.Struct, frozen=True):
    """What counts of an event."""

    watched: tuple[Span, ...]
    spent: tuple[Span, ...]
    at: int
    """When it was, at the latest."""
    sequence: int
    position: int
    """Where the player stood then, in milliseconds of the video."""

    @property
    def age(self) -> tuple[int, int, int]:
        """Of two events the one with the greater age is newer, in whatever order they came."""
        return self.at, self.sequence, self.position


def count(watch: Watch, opened: Sequence[Span], received: int, length: int) -> Counted | None:
    """What counts of an event that came at `received`, for a lesson that was open in `opened` (disjoint).

    `length` is the video's, 0 for what is no video. What lies outside of the open time or after the receipt counts for
    nothing, and neither do the positions that it would have played. `None` when nothing is left.
    """
    speed = round(min(max(watch.speed, SLOWEST), FASTEST) * 1000)
    start = min(max(watch.start, 0), length)
    claimed = max(0, min(watch.stop, length) - start)

    def played(moment: int) -> int:
        return min(claimed, (moment - watch.began) * speed // 1000)

    watched, spent = [], []
    for span in sorted(opened):
        begin, end = max(watch.began, span.begin), min(watch.ended, span.end, received)
        if begin < end:
            spent.append(Span(begin, end))
            if played(begin) < played(end):
                watched.append(Span(start + played(begin), start + played(end)))
    if spent:
        at = spent[-1].end
    else:
        at = min(watch.ended, received)
        if watch.began < watch.ended or not any(span.begin <= at < span.end for span in opened):
            return None
    position = min(max(watch.stop, 0), length)
    return Counted(tuple(watched), tuple(spent), at, watch.sequence, position)


def put_right(watch: Watch, sent: int, received: int) -> Watch:
    """The same event by our clock, if the device's own (which said `sent` when it sent) is far off."""
    off = received - sent
    if abs(off) <= TRUSTED_CLOCK_MS:
        return watch
    return msgspec.structs.replace(watch, began=watch.began + off, ended=watch.ended + off)


def milliseconds(moment: datetime) -> int:
    """Since 1970, rounded down; of an aware time."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def milliseconds_up(moment: datetime) -> int:
    """Since 1970, rounded up."""
    return -((EPOCH - moment) // timedelta(milliseconds=1))


def moment_of(ms: int) -> datetime:
    """The other way round."""
    return EPOCH + timedelta(milliseconds=ms)
