"""A message over a channel other than e-mail: what is sent where, and what the story of one asks and learns."""

from datetime import datetime

import msgspec

from domain.messaging.telling import Category, Channel


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """Where a push message goes."""

    kind: str
    """`fcm` or `webpush`."""
    token: str
    """FCM's registration token, or the subscription's endpoint."""
    p256dh: str | None = None
    auth: str | None = None
    """The subscription's keys (RFC 8291)."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One message, worded, for one address."""

    message_id: str
    channel: Channel
    number: str = ""
    """E.164, for SMS and WhatsApp; never written to a log."""
    device: Device | None = None
    title: str
    body: str
    url: str = ""
    language: str
    template: str
    """WhatsApp's name of the approved template; its parameters follow."""
    parameters: tuple[str, ...] = ()


class NoticePlan(msgspec.Struct, frozen=True):
    """What the story of a notice does next."""

    channel: Channel | None
    """`None` when there is nothing left to do."""
    not_before: datetime | None = None


class NoticeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A queued or claimed row, its person, and what it says."""

    id: str
    status: str
    channel: Channel
    category: Category
    template: str
    is_disabled: bool
    """The person's account is closed."""
    is_unwanted: bool
    """The person opted out of it after it was queued."""
    claim_seconds: float | None
    """How long ago it was claimed."""
    name: str
    locale: str
    contact_channels: dict[str, bool | str]
    consents: dict[str, str]
    device: Device | None
    device_is_disabled: bool
    facts: dict[str, str | bool | None] | None
    """What it speaks of, by the names that the template uses."""
