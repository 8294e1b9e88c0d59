"""Whom to tell over which channel: channels, categories, and the rule; pure."""

from enum import StrEnum

import msgspec


class Channel(StrEnum):
    """How a message reaches a person (brief, "Communication & Notifications")."""

    EMAIL = "email"
    SMS = "sms"
    WHATSAPP = "whatsapp"
    PUSH = "push"


class Category(StrEnum):
    """What a message is for; one can opt out of each, but of transactional e-mail."""

    TRANSACTIONAL = "transactional"
    """About something that the person did or paid for."""
    REMINDER = "reminder"
    MARKETING = "marketing"


def opt_out_key(category: Category, channel: Channel) -> str:
    """How an opt-out stands in `message_preferences.opt_outs`: `marketing:email`."""
    return f"{category}:{channel}"


class Reachable(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the ways to a person."""

    contact_channels: dict[str, bool | str]
    """`{"email": true, "sms": "+91…", "whatsapp": "+91…"}`."""
    consents: dict[str, str]
    """Channel → the moment of the consent."""
    email_is_verified: bool = False
    """Whether the person has shown that the address is theirs."""
    opt_outs: tuple[str, ...] = ()
    """`opt_out_key`s."""
    device_ids: tuple[str, ...] = ()
    """Living devices."""


class Way(msgspec.Struct, frozen=True):
    """One channel to a person; for push, one device."""

    channel: Channel
    device_id: str | None = None

    def dedupe_key(self, about: str) -> str:
        """`{about}:{channel}`, and for push the device: at most one message each."""
        return f"{about}:{self.channel}" if self.device_id is None else f"{about}:{self.channel}:{self.device_id}"


def ways_to(person: Reachable, category: Category, channels: tuple[Channel, ...]) -> list[Way]:
    """The ways that a message of this category takes, each channel once, in the order of `channels`."""
    ways: list[Way] = []
    for channel in dict.fromkeys(channels):
        if channel is Channel.EMAIL and category is Category.TRANSACTIONAL:
            ways.append(Way(channel))
        elif opt_out_key(category, channel) in person.opt_outs:
            continue
        elif channel is Channel.PUSH:
            ways += [Way(channel, device_id) for device_id in person.device_ids]
        elif channel is Channel.EMAIL:
            # Whoever registers a stranger's address must not have us advertise to them.
            is_allowed = person.email_is_verified or category is not Category.MARKETING
            ways += [Way(channel)] if is_allowed and person.contact_channels.get(channel) else []
        elif person.contact_channels.get(channel) and channel in person.consents:
            ways.append(Way(channel))
    return ways
