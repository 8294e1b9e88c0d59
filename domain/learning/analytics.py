"""The brief's learning events (`course_analytics`): what is noted, and where it came from; pure."""

from enum import StrEnum

import msgspec


class EventType(StrEnum):
    """What a learner did."""

    VIEW = "view"
    START = "start"
    COMPLETE = "complete"
    PAUSE = "pause"
    BOOKMARK = "bookmark"


class Device(StrEnum):
    """From where somebody learns: the brief's `accessedFrom`."""

    WEB = "web"
    MOBILE = "mobile"
    CLINIC_PORTAL = "clinic-portal"


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """Device and session of an event: a word and an id, never a text of the caller's."""

    device: Device
    session: str | None = None
    """`None` with a token of the adopter's own login."""
